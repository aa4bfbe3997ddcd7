from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.model import PERCENT, RANK, UNITS, Bound, Kind
from dure.pledges import delivery as module
from dure.pledges.delivery import MEASURES, Figure, asked_on, delivery, measure_refused, outside_figures, timeline
from dure.pledges.folding import Accept, Decision, Measured, Outside, Reject, Revise, Supersede, Withdraw
from dure.pledges.model import ClaimStatus, Delivery, Firmness, Pledge

DUE = date(2027, 12, 31)
BEFORE, AFTER = DUE - timedelta(days=400), DUE + timedelta(days=1)
PLEDGE = Pledge(
    "p", "GPUs", "kr-government", Kind.QUANTITY, 100, 100, "accelerators", Bound.EXACT, None, DUE, Firmness.BUDGETED,
    ClaimStatus.CLAIMED,
)  # fmt: skip
LIMIT = replace(PLEDGE, bound=Bound.AT_MOST)
RANKED = replace(PLEDGE, kind=Kind.RANK, low=3, high=3, unit=RANK)
DONE = replace(PLEDGE, kind=Kind.MILESTONE, low=0, high=0, unit="")
OPEN = {"deadline": None}


def figure(value: int | None, at: date, unit: str = "accelerators") -> Figure:
    return Figure(value, unit, "count them", at, "fleet")


TABLE: list[tuple[Pledge, int | None, date, Delivery]] = [
    # the pledge, the record's value, the day, the state
    (PLEDGE, None, BEFORE, Delivery.NO_RECORD), (PLEDGE, None, AFTER, Delivery.NO_RECORD),
    (PLEDGE, 0, BEFORE, Delivery.NOT_DUE), (PLEDGE, 1, BEFORE, Delivery.IN_PROGRESS), (PLEDGE, 100, BEFORE, Delivery.KEPT),
    (PLEDGE, 0, DUE, Delivery.NOT_DUE), (PLEDGE, 99, DUE, Delivery.IN_PROGRESS),
    (PLEDGE, 0, AFTER, Delivery.MISSED), (PLEDGE, 99, AFTER, Delivery.PARTLY), (PLEDGE, 100, AFTER, Delivery.KEPT),
    (PLEDGE, 101, AFTER, Delivery.KEPT), (PLEDGE, -1, AFTER, Delivery.NO_RECORD),
    (replace(PLEDGE, **OPEN), 0, AFTER, Delivery.NOT_DUE), (replace(PLEDGE, **OPEN), 5, AFTER, Delivery.IN_PROGRESS),
    (replace(PLEDGE, **OPEN), 100, AFTER, Delivery.KEPT), (replace(PLEDGE, **OPEN), None, AFTER, Delivery.NO_RECORD),
    (replace(PLEDGE, high=200), 100, AFTER, Delivery.KEPT), (replace(PLEDGE, high=200), 99, AFTER, Delivery.PARTLY),
    (replace(PLEDGE, bound=Bound.ABOUT), 95, AFTER, Delivery.KEPT), (replace(PLEDGE, bound=Bound.ABOUT), 94, AFTER, Delivery.PARTLY),
    (replace(PLEDGE, bound=Bound.AT_LEAST), 99, AFTER, Delivery.PARTLY), (replace(PLEDGE, low=0, high=0), 0, AFTER, Delivery.KEPT),
    (LIMIT, 0, BEFORE, Delivery.IN_PROGRESS), (LIMIT, 101, BEFORE, Delivery.IN_PROGRESS), (LIMIT, 100, AFTER, Delivery.KEPT),
    (LIMIT, 0, AFTER, Delivery.KEPT), (LIMIT, 101, AFTER, Delivery.MISSED), (LIMIT, None, AFTER, Delivery.NO_RECORD),
    (replace(LIMIT, **OPEN), 100, AFTER, Delivery.IN_PROGRESS), (replace(LIMIT, **OPEN), 101, AFTER, Delivery.MISSED),
    (RANKED, 3, AFTER, Delivery.KEPT), (RANKED, 1, AFTER, Delivery.KEPT), (RANKED, 4, AFTER, Delivery.MISSED),
    (RANKED, 4, BEFORE, Delivery.IN_PROGRESS), (RANKED, 0, AFTER, Delivery.NO_RECORD), (RANKED, 2, BEFORE, Delivery.KEPT),
    (replace(RANKED, bound=Bound.AT_MOST), 4, AFTER, Delivery.MISSED), (replace(RANKED, **OPEN), 4, AFTER, Delivery.IN_PROGRESS),
    (DONE, 1, AFTER, Delivery.KEPT), (DONE, 0, AFTER, Delivery.MISSED), (DONE, 0, BEFORE, Delivery.NOT_DUE),
    (replace(PLEDGE, superseded_by="q"), 100, AFTER, Delivery.SUPERSEDED),
    (replace(PLEDGE, withdrawn=True), 0, AFTER, Delivery.WITHDRAWN),
    (replace(PLEDGE, withdrawn=True, superseded_by="q"), None, AFTER, Delivery.SUPERSEDED),
]  # fmt: skip


@pytest.mark.parametrize(("pledge", "value", "as_of", "state"), TABLE)
def test_the_table(pledge: Pledge, value: int | None, as_of: date, state: Delivery) -> None:
    assert delivery(pledge, figure(value, as_of, pledge.unit), as_of).state is state


def test_the_table_has_every_state() -> None:
    assert {state for *_, state in TABLE} == set(Delivery)
    assert not [state for state in Delivery if f"| {state} |" not in (module.__doc__ or "")]


def test_no_figure_another_unit_and_another_day_are_no_record() -> None:
    assert delivery(PLEDGE, None, AFTER).state is Delivery.NO_RECORD
    other = delivery(PLEDGE, figure(100, AFTER, "people"), AFTER)
    assert (other.state, other.value) == (Delivery.NO_RECORD, None)
    assert "people" in other.why
    assert delivery(PLEDGE, figure(100, AFTER), DUE).state is Delivery.NO_RECORD


@pytest.mark.parametrize(("pledge", "value"), [(PLEDGE, 0), (PLEDGE, 50), (LIMIT, 50), (LIMIT, 150), (RANKED, 9)])
def test_an_old_record_says_nothing_of_the_end(pledge: Pledge, value: int) -> None:
    assert delivery(pledge, figure(value, BEFORE, pledge.unit), AFTER).state is Delivery.NO_RECORD


def test_an_old_record_that_shows_it_is_enough() -> None:
    assert delivery(PLEDGE, figure(100, BEFORE), AFTER).state is Delivery.KEPT


def test_what_came_late_is_said() -> None:
    assert "not shown" in delivery(PLEDGE, figure(100, AFTER), AFTER).why
    assert "not shown" not in delivery(PLEDGE, figure(100, DUE), AFTER).why


@pytest.mark.parametrize(
    ("pledge", "value", "ratio"),
    [(PLEDGE, 999, 9990), (PLEDGE, 0, 0), (replace(PLEDGE, low=3, high=3), 2, 666), (RANKED, 2, None), (LIMIT, 50, 500),
     (replace(PLEDGE, low=0, high=0), 5, None), (DONE, 1, 1000)],
)  # fmt: skip
def test_ratios_are_rounded_down(pledge: Pledge, value: int, ratio: int | None) -> None:
    assert delivery(pledge, figure(value, AFTER, pledge.unit), AFTER).ratio_milli == ratio


@given(
    st.builds(
        replace, st.sampled_from([PLEDGE, LIMIT, RANKED, DONE]), low=st.integers(0, 50), high=st.integers(50, 99),
        bound=st.sampled_from(Bound), deadline=st.none() | st.dates(date(2025, 1, 1), date(2029, 1, 1)),
        withdrawn=st.booleans(), superseded_by=st.sampled_from(["", "q"]),
    ),
    st.none() | st.builds(figure, st.none() | st.integers(-5, 200), st.dates(date(2025, 1, 1), date(2029, 1, 1)),
                          st.sampled_from(["accelerators", RANK, ""])),
    st.dates(date(2025, 1, 1), date(2029, 1, 1)),
)  # fmt: skip
def test_missed_needs_a_record(pledge: Pledge, record: Figure | None, as_of: date) -> None:
    found = delivery(pledge, record, as_of)
    assert found.why
    if found.state is Delivery.MISSED:
        assert record is not None
        assert record.value is not None
        assert pledge.deadline is None or pledge.deadline < as_of
        assert pledge.deadline is None or record.at >= pledge.deadline
    if found.state in (Delivery.KEPT, Delivery.PARTLY, Delivery.IN_PROGRESS):
        assert found.value is not None
    if record is None or record.value is None:
        assert found.state in (Delivery.NO_RECORD, Delivery.SUPERSEDED, Delivery.WITHDRAWN)


KINDS = st.sampled_from(
    [PLEDGE, LIMIT, RANKED, DONE, replace(PLEDGE, kind=Kind.SHARE, unit=PERCENT), replace(PLEDGE, measure="outside")]
)
NO_RECORDS = st.none() | st.builds(figure, st.none(), st.dates(), st.sampled_from(["accelerators", RANK, PERCENT, ""]))


@given(KINDS, st.sampled_from(Bound), st.none() | st.dates(), st.sampled_from(Firmness), NO_RECORDS, st.dates())
def test_without_a_record_nothing_is_kept_partly_or_missed(
    pledge: Pledge, bound: Bound, deadline: date | None, firmness: Firmness, record: Figure | None, as_of: date
) -> None:
    """Whatever the day, and however firm it is: nobody who did not measure can say so."""
    given_ = replace(pledge, bound=bound, deadline=deadline, firmness=firmness)
    assert delivery(given_, record, as_of).state is Delivery.NO_RECORD
    assert delivery(replace(given_, withdrawn=True), record, as_of).state is Delivery.WITHDRAWN


@given(KINDS, st.none() | st.dates(), st.integers(0, 300), st.dates(), st.dates())
def test_firmness_says_nothing_about_delivery(
    pledge: Pledge, due: date | None, value: int, on: date, as_of: date
) -> None:
    found = {
        delivery(replace(pledge, firmness=firm, claim=claim, deadline=due), figure(value, on, pledge.unit), as_of)
        for firm in Firmness
        for claim in ClaimStatus
    }
    assert len(found) == 1


@given(st.integers(0, 500), st.integers(0, 500), st.dates(date(2026, 1, 1), date(2029, 1, 1)))
def test_more_is_never_worse(a: int, b: int, as_of: date) -> None:
    order = [Delivery.MISSED, Delivery.PARTLY, Delivery.NOT_DUE, Delivery.IN_PROGRESS, Delivery.KEPT]
    low, high = (order.index(delivery(PLEDGE, figure(v, as_of), as_of).state) for v in sorted((a, b)))
    assert low <= high


def test_a_limit_is_asked_at_its_end() -> None:
    assert asked_on(LIMIT, AFTER) == DUE
    assert asked_on(LIMIT, BEFORE) == BEFORE
    assert asked_on(PLEDGE, AFTER) == AFTER


@pytest.mark.parametrize(
    ("pledge", "measure", "fits"),
    [
        (PLEDGE, "accelerators_in_service", True), (PLEDGE, "spend", False), (PLEDGE, "outside", True), (PLEDGE, "", True),
        (PLEDGE, "hope", False), (replace(PLEDGE, kind=Kind.MONEY, unit="KRW"), "spend", True),
        (replace(PLEDGE, kind=Kind.MONEY, unit=""), "spend", False),
        (replace(PLEDGE, kind=Kind.SHARE, unit=PERCENT), "domestic_share", True),
        (DONE, "outside", True), (DONE, "projects", False), (replace(PLEDGE, unit="chips"), "accelerators_in_service", True),
    ],
)  # fmt: skip
def test_a_measure_must_fit(pledge: Pledge, measure: str, fits: bool) -> None:
    assert (measure_refused(pledge, measure) == "") is fits


def test_measures_are_in_units_of_the_model() -> None:
    known = {*UNITS, "units", module.MONEY, module.ANY}
    assert {unit for measure in MEASURES.values() for unit in measure.units} <= known
    assert all(name == measure.name and measure.asks for name, measure in MEASURES.items())


# The life of a pledge


def day(year: int, month: int = 1) -> date:
    return date(year, month, 1)


ACCEPT = Accept(
    pledge="p", on=day(2025), sequence=1, title="GPUs", actor="kr-government", kind=Kind.QUANTITY, low=100, high=100,
    unit="accelerators", deadline=DUE,
)  # fmt: skip
LIFE: list[Decision] = [
    ACCEPT,
    Measured(pledge="p", on=day(2025), sequence=2, measure="accelerators_in_service"),
    Revise(pledge="p", on=day(2026), sequence=3, low=150, why="the budget"),
    Outside(pledge="p", on=day(2026, 6), sequence=4, value=149, unit="accelerators", source="a newspaper"),
    replace(ACCEPT, pledge="q", sequence=5),
]


def test_a_timeline_is_what_was_known_on_each_day() -> None:
    own = [figure(0, day(2025, 3)), figure(60, day(2026, 3)), figure(120, day(2028, 2))]
    moments = timeline(LIFE, own, "p", day(2029))
    assert [(m.on, m.what, m.delivered.state if m.delivered else None) for m in moments] == [
        (day(2025), "accept", Delivery.NO_RECORD), (day(2025), "measured", Delivery.NO_RECORD),
        (day(2025, 3), "figure", Delivery.NOT_DUE), (day(2026), "revise", Delivery.NOT_DUE),
        (day(2026, 3), "figure", Delivery.IN_PROGRESS), (day(2026, 6), "figure", Delivery.IN_PROGRESS),
        (DUE, "deadline", Delivery.IN_PROGRESS), (day(2028, 2), "figure", Delivery.PARTLY),
    ]  # fmt: skip
    assert [m.pledge.low for m in moments if m.pledge] == [100, 100, 100, 150, 150, 150, 150, 150]
    assert moments[-1].delivered is not None
    assert moments[-1].delivered.value == 120


def test_a_timeline_ends_at_its_day_and_with_rejection() -> None:
    assert [m.what for m in timeline(LIFE, [], "p", day(2025, 12))] == ["accept", "measured"]
    ended = timeline([*LIFE, Reject(pledge="p", on=day(2026, 9), sequence=9)], [], "p", day(2030))
    assert (ended[-1].what, ended[-1].pledge, ended[-1].delivered) == ("reject", None, None)
    assert timeline(LIFE, [], "nobody", day(2030)) == []


def test_a_timeline_shows_the_end_of_a_pledge() -> None:
    more: list[Decision] = [
        *LIFE, Supersede(pledge="p", on=day(2027), sequence=6, successor="q"), Withdraw(pledge="q", on=day(2027, 2), sequence=7),
    ]  # fmt: skip
    assert timeline(more, [], "p", day(2027, 6))[-1].delivered.state is Delivery.SUPERSEDED  # type: ignore[union-attr]
    assert timeline(more, [], "q", day(2027, 6))[-1].delivered.state is Delivery.WITHDRAWN  # type: ignore[union-attr]


def test_outside_figures() -> None:
    later = replace(LIFE[3], sequence=9, value=151)
    found = outside_figures([*LIFE, later], day(2027))["p"]
    assert (found.value, found.source, found.at) == (151, "a newspaper", day(2026, 6))
    assert outside_figures(LIFE, day(2026)) == {}
    with_outside: list[Decision] = [ACCEPT, LIFE[3]]
    assert timeline(with_outside, [figure(1, day(2026, 7))], "p", day(2026, 8))[-1].delivered.value == 149  # type: ignore[union-attr]
