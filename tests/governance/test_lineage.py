"""The compute ledger: every ancestor once, exact bounds of every threshold, and figures that cannot be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.errors import InputError, UnknownName
from dure.formats.governance import load_counting, load_thresholds
from dure.governance.lineage import (
    LAST_UTC_S,
    Counting,
    Estimate,
    Lineage,
    Method,
    Run,
    Stage,
    Total,
    architecture_pflop,
    burn,
    check,
    counts,
    distances,
    fine_tune_pflop,
    hardware_bound_pflop,
)
from dure.governance.thresholds import in_force
from dure.units import DAY_S

HASH = "0" * 64
COUNTING, THRESHOLDS = load_counting(), load_thresholds()
BY_ID = {t.id: t for t in THRESHOLDS}
NOW = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp())
J = ("KR", "EU", "US-CA", "US")


def estimate(
    best: int, method: Method = Method.ARCHITECTURE, low: int | None = None, high: int | None = None
) -> Estimate:
    return Estimate(method, best if low is None else low, best, best if high is None else high, HASH)


def run(id: str, best: int, *parents: str, at: int = 0, stage: Stage = Stage.PRETRAIN, **more: object) -> Run:
    return Run(id, "m", stage, at, parents, (estimate(best),), **more)  # type: ignore[arg-type]


def of_high(high: int) -> Total:
    return Total(0, high // 2, high, dict.fromkeys(Method), 1, {})


# --- totals ---------------------------------------------------------------------------------------------------------


FIGURES = st.lists(st.integers(0, 10**12), min_size=3, max_size=3).map(sorted)
ESTIMATES = st.dictionaries(st.sampled_from(Method), FIGURES, min_size=1).map(
    lambda found: tuple(Estimate(m, *f, HASH) for m, f in found.items())
)


@st.composite
def graphs(draw: st.DrawFn) -> list[Run]:
    """Runs of any stage whose parents come before them, in any order of listing; they may end at any time."""
    found: list[Run] = []
    for i in range(draw(st.integers(1, 9))):
        parents = tuple(f"r{p}" for p in draw(st.sets(st.integers(0, i - 1), max_size=3))) if i else ()
        stage, excluded = draw(st.sampled_from(Stage)), draw(st.sets(st.sampled_from(J), max_size=1))
        found.append(
            Run(f"r{i}", "m", stage, draw(st.integers(0, 3)), parents, draw(ESTIMATES), None, tuple(excluded), "why")
        )
    return draw(st.permutations(found))


def ancestors_by_hand(runs: Sequence[Run], asked: Sequence[str]) -> set[str]:
    """Add parents until nothing is added."""
    found = set(asked)
    while more := {p for r in runs if r.id in found for p in r.parents} - found:
        found |= more
    return found


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(), st.data())
def test_totals_against_sums_over_a_set(runs: list[Run], data: st.DataObject) -> None:
    asked = data.draw(st.lists(st.sampled_from([r.id for r in runs])))
    place = data.draw(st.sampled_from([None, *J]))
    lineage = Lineage(runs)
    counted = [
        r
        for r in runs
        if r.id in ancestors_by_hand(runs, asked)
        and (place is None or (place not in r.excluded and r.stage != Stage.EVAL))
    ]
    ancestors = lineage.ancestors(asked, place, COUNTING)
    assert sorted(r.id for r in ancestors) == sorted(r.id for r in counted)
    order = [r.id for r in lineage.ancestors(asked)]
    assert all(order.index(p) < order.index(r.id) for r in lineage.ancestors(asked) for p in r.parents)

    total = lineage.total(asked, place, COUNTING)
    preferred = [next(e for m in Method for e in r.estimates if e.method == m) for r in counted]
    assert (total.low, total.best, total.high, total.runs) == (
        sum(e.low_pflop for e in preferred), sum(e.best_pflop for e in preferred),
        sum(e.high_pflop for e in preferred), len(counted),
    )  # fmt: skip
    for method in Method:
        have = [e for r in counted for e in r.estimates if e.method == method]
        figures = (sum(e.low_pflop for e in have), sum(e.best_pflop for e in have), sum(e.high_pflop for e in have))
        assert total.by_method[method] == (figures if have else None)
        assert total.without[method] == len(counted) - len(have)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_the_tree_shows_every_edge_and_expands_every_run_once(runs: list[Run]) -> None:
    lineage = Lineage(runs)
    asked = [r.id for r in runs if not any(r.id in other.parents for other in runs)]
    rows = list(lineage.tree(asked))
    opened = [row for row in rows if not row.again]
    assert sorted(row.run.id for row in opened) == sorted(r.id for r in runs)
    assert len(rows) == len(asked) + sum(len(r.parents) for r in runs)
    for i, row in enumerate(rows):
        below = rows[i + 1 :]
        under = [r.run.id for r in below[: next((k for k, r in enumerate(below) if r.depth <= row.depth), len(below))]
                 if r.depth == row.depth + 1]  # fmt: skip
        assert under == ([] if row.again else list(row.run.parents))


def test_a_diamond_counts_its_base_once() -> None:
    lineage = Lineage([run("merge", 1, "a", "b"), run("a", 10, "base"), run("b", 100, "base"), run("base", 1000)])
    assert lineage.total(["merge"]).best == 1111
    assert lineage.total(["merge", "a", "a"]).best == 1111
    assert [(r.depth, r.run.id, r.again) for r in lineage.tree(["merge"])] == [
        (0, "merge", False), (1, "a", False), (2, "base", False), (1, "b", False), (2, "base", True),
    ]  # fmt: skip


def test_a_long_chain_is_no_recursion() -> None:
    runs = [run("0", 1), *(run(str(i), 1, str(i - 1)) for i in range(1, 5000))]
    assert Lineage(runs).total(["4999"]).best == 5000
    assert sum(1 for _ in Lineage(runs).tree(["4999"])) == 5000


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([run("a", 1), run("a", 2)], "two runs of one id"),
        ([run("a", 1, "b")], "no such run"),
        ([run("a", 1, "b"), run("b", 1, "a")], "descends from itself"),
        ([run("a", 1, "a")], "descends from itself"),
    ],
)
def test_a_broken_graph_is_refused(runs: list[Run], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Lineage(runs)


def test_a_run_without_an_estimate_is_not_zero() -> None:
    lineage = Lineage([run("a", 1, "b"), replace(run("b", 1), estimates=())])
    with pytest.raises(InputError, match=r"run b.*no estimate"):
        lineage.total(["a"])
    with pytest.raises(UnknownName):
        lineage.total(["c"])


# --- what counts ----------------------------------------------------------------------------------------------------


def test_the_counting_table_covers_every_stage_of_every_jurisdiction_once() -> None:
    assert {(r.jurisdiction, r.stage) for r in COUNTING} == {(j, s) for j in J for s in Stage}
    assert len(COUNTING) == len(J) * len(Stage)
    assert {r.stage for r in COUNTING if not r.counts} == {Stage.EVAL}
    assert all(counts(s, "KR", COUNTING) for s in (Stage.PREPROCESS, Stage.SFT, Stage.CONTINUE))
    unsure = {r.stage for r in COUNTING if r.jurisdiction == "US-CA" and r.confidence == "low"}
    assert unsure == {Stage.SYNTHETIC_DATA, Stage.PREPROCESS, Stage.FAILED, Stage.EVAL}


def test_counting_is_as_of_a_date() -> None:
    new = Counting("KR", Stage.FAILED, False, NOW, None, "s", "2026-11", "low", "")
    table = [
        *(replace(r, to_utc_s=NOW) if (r.jurisdiction, r.stage) == ("KR", Stage.FAILED) else r for r in COUNTING),
        new,
    ]
    assert [counts(Stage.FAILED, "KR", table, at) for at in (NOW - 1, NOW, None)] == [True, False, False]
    with pytest.raises(UnknownName):
        counts(Stage.SFT, "KR", table, 0)
    with pytest.raises(UnknownName):
        counts(Stage.SFT, "JP", table)


# --- estimates ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**13), st.integers(0, 10**15), st.integers(0, 10**13))
def test_formulas_are_exact_and_rounded_up(n: int, tokens: int, trainable: int) -> None:
    assert architecture_pflop(n, tokens) == ceil(Fraction(6 * n * tokens, 10**15))
    assert fine_tune_pflop(n, trainable, tokens) == ceil(Fraction((4 * n + 2 * trainable) * tokens, 10**15))
    assert fine_tune_pflop(n, n, tokens) == architecture_pflop(n, tokens)


def test_published_sizes() -> None:
    assert architecture_pflop(70 * 10**9, 15 * 10**12) == 6_300_000_000  # 6.3e24 FLOP
    hour = 3600 * 1000
    assert hardware_bound_pflop(70_000_000 * hour, 989) == 249_228_000_000  # 70 M H100-hours: 10^26 at 40 %
    assert hardware_bound_pflop(1, 1978.9) == 1
    assert hardware_bound_pflop(10**7, 1978.9) == 19789
    assert hardware_bound_pflop(10**7 + 1, 1978.9) == 19790
    assert hardware_bound_pflop(0, 1978.9) == 0


@pytest.mark.parametrize(
    ("low", "best", "high", "digest"),
    [(-1, 0, 0, HASH), (2, 1, 3, HASH), (1, 3, 2, HASH), (1, 2, 3, "A" * 64), (1, 2, 3, "")],
)
def test_an_estimate_out_of_order_or_without_evidence_is_refused(low: int, best: int, high: int, digest: str) -> None:
    with pytest.raises(InputError):
        Estimate(Method.EMPIRICAL, low, best, high, digest)


KNOWN = {r.id: r for r in (run("base", 5, at=10), run("tuned", 1, "base", at=20), run("loop", 1, "new", at=5))}
GOOD = run("new", 7, "tuned", at=20, bound_pflop=7)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, []),
        ({"parents": ("nobody",)}, ["parents"]),
        ({"parents": ("new",)}, ["parents"]),
        ({"parents": ("loop",)}, ["parents"]),  # a cycle
        ({"at_utc_s": 19}, ["parents"]),
        ({"estimates": ()}, ["estimates"]),
        ({"estimates": (estimate(1), estimate(2))}, ["estimates"]),
        ({"bound_pflop": 6}, ["architecture"]),
        ({"bound_pflop": None}, []),
        ({"estimates": (estimate(1), estimate(1, Method.HARDWARE, high=8))}, ["hardware"]),
        ({"excluded": ("KR",)}, ["note"]),
        ({"excluded": ("KR",), "note": "failed at once"}, []),
        ({"estimates": (), "parents": ("new", "nobody")}, ["parents", "parents", "estimates"]),
    ],
)
def test_check_names_what_is_wrong(change: dict[str, object], fields: list[str]) -> None:
    faults = check(replace(GOOD, **change), KNOWN)
    assert [f.field for f in faults] == fields
    assert all("run new" in str(f) for f in faults)


# --- thresholds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id", "flop", "operator", "binding"),
    [
        ("KR-32", 10**26, ">=", True), ("EU-51-2", 10**25, ">", True), ("EU-GPAI", 10**23, ">", False),
        ("US-CA-SB53", 10**26, ">", True), ("US-EO14110", 10**26, ">", True),
    ],
)  # fmt: skip
def test_each_threshold_at_its_exact_bound(id: str, flop: int, operator: str, binding: bool) -> None:
    t, at = BY_ID[id], flop // 10**15
    assert (t.pflop, t.operator, t.binding) == (at, operator, binding)
    assert [t.reached(x) for x in (at - 1, at, at + 1)] == [False, operator == ">=", True]
    (found,) = distances(of_high(at), [t], t.from_utc_s, 0)
    assert (found.reached, found.level, found.high_share_ppm) == (t.reached(at), 100 if operator == ">=" else 80, 10**6)


def test_thresholds_are_dated() -> None:
    assert {t.id for t in in_force(THRESHOLDS, NOW)} == set(BY_ID) - {"US-EO14110"}
    for id_, first in [("KR-32", "2026-01-22"), ("EU-51-2", "2025-08-02"), ("US-CA-SB53", "2026-01-01")]:
        at = int(datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp())
        assert [t.id for s in (at - 1, at) for t in in_force([BY_ID[id_]], s)] == [id_]
    revoked = int(datetime(2025, 1, 20, tzinfo=UTC).timestamp())
    assert [len(in_force([BY_ID["US-EO14110"]], s)) for s in (revoked - 1, revoked)] == [1, 0]
    assert all(t.title.ko and t.title.en for t in THRESHOLDS)


@pytest.mark.parametrize(("per_cent", "level"), [(0, 0), (50, 50), (80, 80), (100, 100)])
def test_warnings_begin_at_their_share(per_cent: int, level: int) -> None:
    kr = BY_ID["KR-32"]
    at = kr.pflop * per_cent // 100
    assert distances(of_high(at), [kr], NOW, 0)[0].level == level
    if at:
        before = distances(of_high(at - 1), [kr], NOW, 0)[0].level
        assert before == {50: 0, 80: 50, 100: 80}[per_cent]


@given(st.sampled_from(THRESHOLDS), st.integers(0, 2 * 10**11), st.integers(0, 10**12))
def test_the_date_is_the_first_second_at_which_the_burn_reaches_it(t: object, high: int, pace: int) -> None:
    threshold = BY_ID[t.id]  # type: ignore[attr-defined]
    as_of = threshold.from_utc_s
    (found,) = distances(of_high(high), [threshold], as_of, pace)
    reached = high >= threshold.pflop if threshold.operator == ">=" else high > threshold.pflop
    assert found.reached == reached
    assert found.best_share_ppm == (high // 2) * 10**6 // threshold.pflop
    if reached or pace == 0:
        assert found.reaches_utc_s is None
    elif found.reaches_utc_s is None:
        assert high + Fraction(pace * (LAST_UTC_S - as_of), DAY_S) < threshold.least_pflop
    else:
        burnt = [high + Fraction(pace * (found.reaches_utc_s - as_of - before), DAY_S) for before in (0, 1)]
        assert burnt[0] >= threshold.least_pflop > burnt[1]


def test_burn_takes_the_high_figures_of_the_last_days() -> None:
    runs = [replace(run(str(at), 0, at=at), estimates=(estimate(1, high=9),)) for at in (0, 1, DAY_S, DAY_S + 1)]
    assert burn(runs, DAY_S, days=1) == 18  # those after 0 and up to now
    assert burn(runs, DAY_S, days=2) == 14  # 27 / 2, rounded up
    assert burn([], NOW) == 0
