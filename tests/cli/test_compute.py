"""Compute as people ask for it: the tree, what it adds up to, the distances, and what an entry may not claim."""

# ruff: noqa: F811  fixtures from other files

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from dure.cli.compute import flop
from tests.app.test_modelling import app, cast  # noqa: F401
from tests.cli.test_programme import Dure, dure  # noqa: F401

AT = "2026-09-21T14:13:20+00:00"  # test_modelling.NOW
RUN = """id = "{id}"
model = "{model}"
stage = "{stage}"
at = 2026-09-{day:02}T00:00:00Z
parents = {parents}
data = {data}
{more}

[[estimate]]
method = "{method}"
flop = "{flop}"
evidence = "{evidence}"
"""


def written(id: str, flop: str, **more: Any) -> Path:
    """A run's file in this folder."""
    given = {
        "model": "m",
        "stage": "pretrain",
        "day": 1,
        "parents": [],
        "data": [],
        "more": "",
        "method": "architecture",
    }
    path = Path(f"{id}.toml")
    path.write_text(RUN.format(**{**given, "id": id, "flop": flop, "evidence": "ef" * 32, **more}))
    return path


@pytest.fixture
def diamond(app: Any, dure: Dure) -> Dure:
    """A base, two tunes of it, and their merge: each of another size, so that every sum tells what is in it."""
    for file in (
        written("base", "1e21"),
        written("left", "1e19", day=2, parents=["base"], stage="sft", data=["web"]),
        written("right", "2e19", day=3, parents=["base"], stage="rl", method="empirical"),
        written("merge", "4e18", day=4, parents=["left", "right"], more='excluded = ["EU"]\nnote = "어림"'),
    ):
        done = dure("compute", "record", file, who="lead", at=AT)
        assert done.code == 0, done.err
    return dure


def test_a_diamond_counts_each_run_once(diamond: Dure) -> None:
    found = diamond("compute", "lineage", "m", "--json", who="lead", at=AT).rows
    shown = [(r["depth"], r["run"], r["note"] == "see above", r["high_pflop"]) for r in found["lineage"]]
    assert shown == [
        (0, "merge", False, 4000), (1, "left", False, 10_000), (2, "base", False, 1_000_000), (1, "right", False, 20_000),
        (2, "base", True, None),
    ]  # fmt: skip
    totals = {r["jurisdiction"]: (r["runs"], r["low_pflop"], r["best_pflop"], r["high_pflop"]) for r in found["totals"]}
    assert totals["all"] == (4, 1_034_000, 1_034_000, 1_034_000)
    assert totals["KR"] == totals["US-CA"] == totals["all"]
    assert totals["EU"] == (3, 1_030_000, 1_030_000, 1_030_000)  # the office left the merge out
    methods = {r["method"]: (r["runs"], r["lacking"], r["best_pflop"]) for r in found["methods"]}
    assert methods["architecture"] == (3, 1, 1_014_000)
    assert methods["empirical"] == (1, 3, 20_000)
    assert methods["hardware"] == methods["hardware bound"] == (0, 4, None)
    text = diamond("compute", "lineage", "m", who="lead", at=AT).out
    assert text.count("see above") == 1
    assert "\n      base " in text  # below `left`, by four blanks and the table's two
    assert text.count("1e21 FLOP") == 3  # low, best and high of one row
    assert "1.034e21 FLOP" in text
    assert "not counted by EU: 어림" in text


def test_it_is_shown_as_it_stood(diamond: Dure) -> None:
    found = diamond("compute", "lineage", "m", "--json", who="lead", at="2026-09-02T12:00+00:00").rows
    assert {r["run"] for r in found["lineage"]} == {"base", "left"}
    empty = diamond("compute", "lineage", "m", who="lead", at="2026-08-01T00:00+00:00")
    assert (empty.code, "no run is recorded" in empty.err) == (0, True)
    old = diamond("compute", "lineage", "m", "--json", who="lead", at="2025-01-01T00:00+00:00").rows["distances"]
    assert [r["threshold"] for r in old] == ["US-EO14110"]


@pytest.mark.parametrize(
    ("figure", "share", "level", "reached"),
    [
        ("1e23", 1.0, 80, "no"),  # above 10^23, by the EU's guidelines
        ("1.00000001e23", 1.00000001, 100, "yes"),
        ("7.9999999e22", 0.799999, 50, "no"),
        ("8e22", 0.8, 80, "no"),
        ("4.9e22", 0.49, 0, "no"),
    ],
)
def test_distances_at_their_boundaries(
    app: Any,
    dure: Dure,
    figure: str,
    share: float,
    level: int,
    reached: str,
) -> None:
    assert dure("compute", "record", written("a", figure), who="lead", at=AT).code == 0
    rows = dure("compute", "lineage", "m", "--json", who="lead", at=AT).rows["distances"]
    found = next(r for r in rows if r["threshold"] == "EU-GPAI")
    assert found["high_share"] == pytest.approx(share, abs=1e-6)
    assert (found["level_percent"], found["reached"], found["binding"]) == (level, reached, "no")
    assert {r["threshold"]: r["pflop"] for r in rows} == {
        "KR-32": 10**11, "EU-51-2": 10**10, "EU-GPAI": 10**8, "US-CA-SB53": 10**11,
    }  # fmt: skip
    assert {r["verified"] for r in rows} == {"yes", "no"}


def test_the_day_at_the_present_pace(app: Any, dure: Dure) -> None:
    assert dure("compute", "record", written("a", "9e21"), who="lead", at=AT).code == 0  # in 90 days: 1e20 a day
    rows = dure("compute", "lineage", "m", "--json", who="lead", at=AT).rows["distances"]
    found = next(r for r in rows if r["threshold"] == "EU-GPAI")
    assert found["reaches"] == "2029-03-19"  # (1e23 - 9e21) / 1e20 = 910 days, and one PFLOP more
    later = dure("compute", "lineage", "m", "--json", who="lead", at="2027-09-21").rows["distances"]
    assert {r["reaches"] for r in later} == {None}  # nothing burns any more


def test_a_claim_above_the_hardware_is_refused(app: Any, dure: Dure) -> None:
    held = "[held]\nH100 = 1"  # an hour at 1,978.9 TFLOP/s: 7,124.04 PFLOP
    refused = dure("compute", "record", written("a", "7.126e18", more=held), who="lead", at=AT)
    assert (refused.code, "impossible" in refused.err, "7125" in refused.err) == (2, True, True)
    assert dure("compute", "lineage", "m", "--json", who="lead", at=AT).rows["lineage"] == []
    done = dure("compute", "record", written("a", "7.124e18", more=held), "--json", who="lead", at=AT)
    assert (done.code, done.rows["verdict"][0]["allowed"]) == (0, "yes")
    methods = dure("compute", "lineage", "m", "--json", who="lead", at=AT).rows["methods"]
    assert methods[-1]["high_pflop"] == 7125


def test_a_file_with_faults_names_them_all(app: Any, dure: Dure) -> None:
    done = dure("compute", "record", written("a", "much", stage="play", day=1), who="lead", at=AT)
    assert done.code == 2
    assert "a.toml:3: stage" in done.err
    assert "flop" in done.err


def test_the_estimate_prints_its_formula(dure: Dure) -> None:
    done = dure("compute", "estimate", "--parameters", "7e9", "--tokens", "2e12", "--json", at=AT)
    assert done.rows["estimate"] == [
        {"pflop": 84_000_000, "formula": "6 x 7,000,000,000 parameters x 2,000,000,000,000 tokens"}
    ]
    shares = {r["threshold"]: r["share"] for r in done.rows["thresholds"]}
    assert shares["EU-GPAI"] == 0.84
    assert "8.4e22 FLOP" in dure("compute", "estimate", "--parameters", "7e9", "--tokens", "2e12").out
    tuned = dure("compute", "estimate", "--parameters", "7e9", "--tokens", "1e9", "--trainable", "7e7", "--json").rows
    assert tuned["estimate"][0]["pflop"] == 28_140  # (4 x 7e9 + 2 x 7e7) x 1e9


@pytest.mark.parametrize("wrong", ["0", "-1", "7.5", "1e99", "seven", "nan", "1e-3", "1e999999999"])
def test_what_is_no_count_is_refused(dure: Dure, wrong: str) -> None:
    done = dure("compute", "estimate", f"--parameters={wrong}", "--tokens", "1e9")
    assert (done.code, "--parameters" in done.err) == (2, True)
    over = dure("compute", "estimate", "--parameters", "1e9", "--tokens", "1e9", "--trainable", "2e9")
    assert (over.code, "--trainable" in over.err) == (2, True)


def test_the_thresholds_of_a_day(dure: Dure) -> None:
    ids = lambda at: [r["threshold"] for r in dure("compute", "thresholds", "--json", at=at).rows]  # noqa: E731
    assert ids("2024-06-01") == ["US-EO14110"]
    assert "KR-32" not in ids("2026-01-21T23:59:59+00:00")
    assert "KR-32" in ids("2026-01-22T00:00:00+00:00")
    rows = dure("compute", "thresholds", "--json", "--language", "ko", at=AT).rows
    assert all(any("가" <= c <= "힣" for c in r["title"]) for r in rows)
    assert all(r["source"] and r["confidence"] and r["from"] for r in rows)
    printed = list(csv.DictReader(io.StringIO(dure("compute", "thresholds", "--csv", at=AT).out)))
    assert [r["pflop"] for r in printed] == [str(r["pflop"]) for r in rows]
    assert "1e26 FLOP" in dure("compute", "thresholds", at=AT).out


def test_compute_in_words_is_never_above_what_it_is() -> None:
    words = [flop(n) for n in (0, 1, 84_000_000, 99_999_999, 10**11 - 1, 10**11, 123_456)]
    assert words == [
        "0 FLOP", "1e15 FLOP", "8.4e22 FLOP", "9.999e22 FLOP", "9.999e25 FLOP", "1e26 FLOP", "1.234e20 FLOP",
    ]  # fmt: skip
