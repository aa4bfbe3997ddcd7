"""Data sets, models, runs and bars as people write them: exact figures, every fault with its line, nothing read twice."""

from __future__ import annotations

import io
import math
from dataclasses import fields
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputErrors
from dure.formats import assets
from dure.formats.toml import Wrong
from dure.governance.assets import Dataset, JointGrant, Model, TransferBasis
from dure.governance.lineage import Method, Run, Stage

DIGEST = "ab" * 32
RUN = f"""id = "base-1"
model = "korean-7b"
stage = "pretrain"
at = 2026-05-01T00:00:00Z
data = ["web", "books"]
usage = ["2026-h2:job-7"]

[held]
H100 = 1200.5

[[estimate]]
method = "architecture"
flop = "8.4e22"
evidence = "{DIGEST}"

[[estimate]]
method = "hardware"
flop = {{ low = "8e22", best = "9e22", high = "1e23" }}
evidence = "{DIGEST}"
"""
DATASET = f"""id = "web"
title = "웹 말뭉치"
project = "p"
personal = "pseudonymised"
n2sf = "o"
core_technology = "no"
origins = ["KR", "CA"]
sites = ["seoul"]
licence = "CC-BY-4.0"
keep_until = 2030-01-01

[[transfer]]
country = "CA"
basis = "consent"
document = "{DIGEST}"
until = 2027-01-01
"""
MODEL = """id = "korean-7b"
title = "한국어 7B"
project = "p"
owner = "예시 연구소"
generates = ["text"]
markets = ["KR", "EU"]
partners = ["Example Lab"]

[[term]]
licensor = "예시 연구소"
licensee = "anyone"
licence = "Apache-2.0"
"""
BARS = """[[bar]]
task = "strong_reject"
task_version = "2"
dataset_revision = "2025-02"
least = "90 %"
samples_least = 200
"""


def read(reader: Any, text: str) -> Any:
    return reader(io.BytesIO(text.encode()), "f.toml")


def faults(reader: Any, text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(InputErrors) as found:
        read(reader, text)
    assert all(e.source == "f.toml" for e in found.value.errors)
    return [(e.line, e.field) for e in found.value.errors]


def test_a_run_is_read_whole() -> None:
    found = read(assets.read_run, RUN)
    run = found.run
    assert (run.id, run.model, run.stage, run.parents, run.bound_pflop) == (
        "base-1",
        "korean-7b",
        Stage.PRETRAIN,
        (),
        None,
    )
    assert run.at_utc_s == 1_777_593_600
    assert [(e.method, e.low_pflop, e.best_pflop, e.high_pflop) for e in run.estimates] == [
        (Method.ARCHITECTURE, 84_000_000, 84_000_000, 84_000_000),
        (Method.HARDWARE, 80_000_000, 90_000_000, 100_000_000),
    ]
    assert (found.data, found.usage) == (("web", "books"), ("2026-h2:job-7",))
    assert found.held == {"H100": 4_321_800_000}  # 1,200.5 h x 3,600 s x 1,000


def test_a_data_set_and_a_model_are_read_whole() -> None:
    found = read(assets.read_dataset, DATASET)
    assert found == Dataset(
        "web", "웹 말뭉치", "p", personal="pseudonymised", n2sf="o", core_technology="no", origins=("KR", "CA"), sites=("seoul",),
        transfers=(TransferBasis("CA", "consent", DIGEST, 1_798_761_600),), licence="CC-BY-4.0", keep_until_utc_s=1_893_456_000,
    )  # fmt: skip
    assert read(assets.read_dataset, DATASET.replace('sites = ["seoul"]', "sites = []")).sites == ()
    assert (
        read(assets.read_dataset, DATASET.replace('sites = ["seoul"]', "")).sites is None
    )  # no list is not an empty one
    assert read(assets.read_model, MODEL) == Model(
        "korean-7b", "한국어 7B", "p", "예시 연구소", generates=("text",), markets=("KR", "EU"), partners=("Example Lab",),
        terms=(JointGrant("예시 연구소", "anyone", "Apache-2.0"),),
    )  # fmt: skip


def test_bars_are_read_and_an_unpinned_one_is_refused() -> None:
    (bar,) = read(assets.read_bars, BARS)
    assert (bar.task, bar.least_milli, bar.confidence_milli, bar.samples_least) == ("strong_reject", 900, 950, 200)
    assert faults(assets.read_bars, BARS.replace('"2025-02"', '""')) == [(4, "bar[1].dataset_revision")]
    assert faults(assets.read_bars, BARS.replace("90 %", "0 %")) == [(5, "bar[1].least")]
    assert faults(assets.read_bars, "") == [(None, "bar")]
    assert (1, "bars") in faults(assets.read_bars, "bars = 1\n" + BARS)


@pytest.mark.parametrize(
    ("reader", "text", "old", "new", "place"),
    [
        (assets.read_run, RUN, 'stage = "pretrain"', 'stage = "training"', (3, "stage")),
        (assets.read_run, RUN, 'id = "base-1"', 'id = "base@1"', (1, "id")),  # @ parts data from site
        (assets.read_run, RUN, 'data = ["web", "books"]\n', "", (None, "data")),  # reading nothing must be said
        (assets.read_run, RUN, "H100 = 1200.5", "H100 = 0", (9, "held.H100")),
        (assets.read_run, RUN, "H100 = 1200.5", "H100 = -1", (9, "held.H100")),
        (assets.read_run, RUN, "H100 = 1200.5", "H100 = nan", (9, "held.H100")),
        (assets.read_run, RUN, 'flop = "8.4e22"', "flop = 8.4e22", (13, "estimate[1].flop")),  # a float rounds
        (assets.read_run, RUN, 'low = "8e22"', 'low = "9.1e22"', (18, "estimate[2].flop")),
        (assets.read_run, RUN, 'low = "8e22", ', "", (18, "estimate[2].flop")),
        (assets.read_run, RUN, DIGEST, DIGEST.upper(), (14, "estimate[1].evidence")),
        (assets.read_run, RUN, "[held]", "bound_pflop = 1\n[held]", (8, "bound_pflop")),  # nobody claims their own bound
        (assets.read_run, RUN, "[held]", 'excluded = ["Korea"]\n[held]', (8, "excluded")),
        (assets.read_dataset, DATASET, '"pseudonymised"', '"private"', (4, "personal")),
        (assets.read_dataset, DATASET, '"KR", "CA"', '"Korea"', (7, "origins")),
        (assets.read_dataset, DATASET, '"consent"', '"none"', (14, "transfer[1].basis")),
        (assets.read_dataset, DATASET, "core_technology", "core_tech", (6, "core_tech")),
        (assets.read_model, MODEL, '"EU"', '"Europe"', (6, "markets")),
        (assets.read_model, MODEL, 'owner = "예시 연구소"\n', "", (None, "owner")),
        (assets.read_model, MODEL, "licensee", "licencee", (11, "term[1].licencee")),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line(
    reader: Any, text: str, old: str, new: str, place: tuple[int | None, str]
) -> None:
    assert old in text
    assert place in faults(reader, text.replace(old, new, 1))


def test_all_faults_come_at_once() -> None:
    text = RUN.replace("pretrain", "x").replace('"8.4e22"', "true").replace("1200.5", '"many"')
    assert faults(assets.read_run, text) == [(3, "stage"), (9, "held.H100"), (13, "estimate[1].flop")]


def test_no_field_is_without_a_key() -> None:
    for entity, keys in ((Dataset, assets.DATASET_KEYS), (Model, assets.MODEL_KEYS), (Run, assets.RUN_KEYS)):
        left_out = {f.name for f in fields(entity)} - {key.field for key in keys.values()}
        assert left_out == ({"bound_pflop"} if entity is Run else set())


@given(st.integers(1, 10**12), st.integers(0, 17), st.sampled_from(["{}e{}", "{}E+{}", "{}.0e{}"]))
def test_a_figure_is_exact_and_its_bounds_hold_it(digits: int, exponent: int, form: str) -> None:
    low, best, high = assets.flop(form.format(digits, exponent))
    exact = Fraction(digits * 10**exponent, 10**15)
    assert low <= exact <= high < low + 2
    assert (low, high) == (math.floor(exact), math.ceil(exact))
    assert abs(best - exact) <= Fraction(1, 2)
    assert assets.flop(digits * 10**exponent) == (low, best, high)


@pytest.mark.parametrize(
    "text", ["1e999999999", "1e-999999999", "nan", "inf", "-1e20", "1e31", "0.5", "", "1e", "١e5", "9" * 99]
)
def test_what_is_no_figure_is_refused_at_once(text: str) -> None:
    with pytest.raises(Wrong):
        assets.flop(text)


def test_the_boundary_of_the_korean_threshold_survives_reading() -> None:
    assert assets.flop("1e26") == (10**11, 10**11, 10**11)
    just_below = assets.flop("99999999999999999999999999")  # 26 nines
    assert just_below == (10**11 - 1, 10**11, 10**11)


@given(st.integers(1, 10**9))
def test_held_hours_are_never_rounded_down(tenths: int) -> None:
    text = RUN.replace("1200.5", f"{tenths // 10}.{tenths % 10}")
    assert read(assets.read_run, text).held["H100"] == tenths * 360_000
