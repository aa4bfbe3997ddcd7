"""Clawback by its published table, with its warnings; reserve list, lapse, carry-over and moves, all through the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.accounting.burn import Period
from dure.accounting.clawback import (
    ALCC,
    NOTICE_S,
    STALE_S,
    Act,
    Action,
    Holding,
    Step,
    Waiting,
    carry_over,
    clawback,
    exchanged,
    extend,
    give_up,
    lapse,
    move,
    promote,
    steps,
    supplement,
    take_back,
)
from dure.accounting.months import later
from dure.errors import InputError
from dure.ledger.book import Book, apply, standing, unsound
from dure.ledger.model import Cause, Code, Phase, Standing, Transfer

SEOUL = ZoneInfo("Asia/Seoul")
DAY = 86_400


def moment(text: str, zone: ZoneInfo | None = None) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone or UTC).timestamp())


JULY = moment("2026-07-01")
YEAR = steps(JULY, 12)
HOLDING = Holding("p", "c/t", YEAR)


def used(spent: int, reserved: int = 0, lost: int = 0, granted: int = 1000) -> Standing:
    return Standing(granted, spent, 0, reserved, lost, 0, granted - spent - reserved - lost)


def test_the_dates_are_those_of_the_programme_it_comes_from() -> None:
    assert [s.date for s in YEAR] == ["2026-11-01", "2027-03-01"]
    assert [s.at_utc_s for s in YEAR] == [moment("2026-11-01"), moment("2027-03-01")]


def test_dates_keep_their_zone_and_other_periods_are_stepped_in_proportion() -> None:
    seoul = steps(moment("2026-09-01", SEOUL), 12, SEOUL)
    assert [s.at_utc_s for s in seoul] == [moment("2027-01-01", SEOUL), moment("2027-05-01", SEOUL)]
    toronto = steps(moment("2026-09-01", ZoneInfo("America/Toronto")), 12, ZoneInfo("America/Toronto"))
    assert toronto[0].at_utc_s == moment("2027-01-01", ZoneInfo("America/Toronto"))  # an hour on: winter time
    assert [s.date for s in steps(JULY, 6)] == ["2026-09-01", "2026-11-01"]
    assert [s.date for s in steps(JULY, 2)] == ["2026-08-01"]
    assert steps(JULY, 1) == ()


@pytest.mark.parametrize(
    ("start", "months", "then"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-12-31", 14, "2028-02-29"),
        ("2026-03-31", 12, "2027-03-31"),
    ],
)
def test_months_on(start: str, months: int, then: str) -> None:
    assert later(moment(start), months) == moment(then)


# used in thousandths -> thousandths of the rest that are taken, at (1 November, 1 March): allocation 2.6
@pytest.mark.parametrize(
    ("spent", "november", "march"),
    [
        (0, 250, 500), (99, 250, 500), (100, 150, 500), (249, 150, 500), (250, 0, 250), (499, 0, 250), (500, 0, 0), (1000, 0, 0),
    ],
)  # fmt: skip
def test_the_published_table(spent: int, november: int, march: int) -> None:
    for step, share in zip(YEAR, (november, march), strict=True):
        assert step.taken(used(spent)) == (1000 - spent) * share // 1000


def test_what_running_jobs_have_reserved_is_in_use_and_is_not_taken() -> None:
    assert YEAR[0].taken(used(0, reserved=99)) == 901 * 250 // 1000
    assert YEAR[0].taken(used(0, reserved=100)) == 900 * 150 // 1000
    assert YEAR[0].taken(used(0, reserved=250)) == 0


def test_what_was_taken_before_is_no_part_of_the_award() -> None:
    assert YEAR[1].taken(used(200, lost=250)) == 550 * 250 // 1000  # 200 of 750, not of 1000


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(YEAR))
def test_never_more_than_is_unused_is_taken(spent: int, reserved: int, lost: int, step: Step) -> None:
    now = used(spent, reserved, lost, granted=2 * 10**12)
    taken = step.taken(now)
    assert 0 <= taken <= max(now.remaining, 0) // 2


@pytest.mark.parametrize("brackets", [((250, 500), (100, 250)), ((0, 5),), ((100, 1001),), ((100, 0),)])
def test_a_schedule_that_is_none_is_refused(brackets: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(InputError, match="schedule"):
        steps(JULY, 12, table=((4, brackets),))


NOVEMBER = YEAR[0].at_utc_s


@pytest.mark.parametrize(
    ("now", "warned", "act"),
    [
        (NOVEMBER - NOTICE_S - 1, None, None),
        (NOVEMBER - NOTICE_S, None, Act.WARN),
        (NOVEMBER - 1, NOVEMBER - NOTICE_S, None),  # warned once, not yet due
        (NOVEMBER, NOVEMBER - NOTICE_S, Act.TAKE),
        (NOVEMBER, None, Act.WARN),  # nobody warned: a warning first
        (NOVEMBER + NOTICE_S - 1, NOVEMBER, None),
        (NOVEMBER + NOTICE_S, NOVEMBER, Act.TAKE),  # two weeks after the late warning
        (NOVEMBER + STALE_S, NOVEMBER, None),
    ],
)
def test_nothing_is_taken_without_a_warning_two_weeks_before(now: int, warned: int | None, act: Act | None) -> None:
    past = {} if warned is None else {"warn:p:2026-11-01": warned}
    found = clawback([HOLDING], {"p": used(0)}, now, past)
    assert [a.act for a in found] == ([] if act is None else [act])
    assert clawback([HOLDING], {"p": used(0)}, now, past, exempt={"p"}) == []
    assert clawback([HOLDING], {"p": used(600)}, now, past) == []


def test_a_year_of_days_takes_twice_and_gives_to_the_track() -> None:
    """The control loop as it would run: every day, what is due, and the ledger after it."""
    book = funded({"p": 1000, "q": 1000, "r": 1000})
    holdings = [Holding(p, "c/t", YEAR) for p in "pqr"]
    book, _ = apply(book, [Transfer("use", "project:q", "spent:q", 600, Cause.USAGE, JULY)])
    past: dict[str, int] = {}
    told = []
    for day in range(365):
        now = JULY + day * DAY
        for action in clawback(holdings, {p: standing(book, p) for p in "pqr"}, now, past, exempt={"r"}):
            past[action.key] = now
            told.append((action.key, action.milli_units, day))
            if action.act == Act.TAKE:
                book, found = apply(book, take_back(action, now))
                assert found == [Code.OK, Code.OK]
    assert told == [
        ("warn:p:2026-11-01", 250, 109),
        ("take:p:2026-11-01", 250, 123),
        ("warn:p:2027-03-01", 375, 229),
        ("take:p:2027-03-01", 375, 243),
    ]
    assert (standing(book, "p").lost, standing(book, "p").remaining) == (625, 375)
    assert book.balance("track:c/t").available == 625
    assert unsound(book) == []


def test_a_pair_is_booked_whole_or_not_at_all() -> None:
    book = funded({"p": 100})
    book, found = apply(book, take_back(Action(Act.TAKE, HOLDING, "2026-11-01", 0, 101), JULY))
    assert found == [Code.EXCEEDS_BALANCE, Code.LINKED_FAILED]
    assert (standing(book, "p").remaining, book.balance("track:c/t").available) == (100, 0)


def test_what_the_project_is_told() -> None:
    action = Action(Act.WARN, HOLDING, "2026-11-01", NOVEMBER, 25_000_000)
    assert "25,000 units will be taken back on 2026-11-01" in action.sentence("en")
    assert "2026-11-01에 25,000 유닛을 회수할 예정" in action.sentence("ko", SEOUL)


# --- to whom it goes -----------------------------------------------------------------------------------------------


def funded(amounts: dict[str, int]) -> Book:
    grants = [Transfer("issue", "programme", "track:c/t", sum(amounts.values()), Cause.ISSUE, 0)]
    grants += [Transfer(f"award:{p}", "track:c/t", f"project:{p}", n, Cause.AWARD, 0) for p, n in amounts.items()]
    book, found = apply(Book(), grants)
    assert set(found) == {Code.OK}
    return book


def waiting(rank: int, amount: int, minimum: int, lot: int = 1, track: str = "c/t") -> Waiting:
    return Waiting(f"a{rank}", f"w{rank}", track, rank, amount, minimum, lot)


def test_the_reserve_list_is_served_by_rank_and_passes_over_what_does_not_fit() -> None:
    reserve = [waiting(3, 50, 10), waiting(1, 600, 400), waiting(2, 900, 800), waiting(4, 100, 100, track="c/other")]
    found = promote(reserve, {"c/t": 630}, JULY)
    assert [(t.about, t.amount) for t in found] == [("a1", 600), ("a3", 30)]


def test_whole_lots_are_promoted() -> None:
    assert [t.amount for t in promote([waiting(1, 96, 40, lot=32)], {"c/t": 70}, JULY)] == [64]
    assert promote([waiting(1, 96, 65, lot=32)], {"c/t": 70}, JULY) == []


WAITING = st.builds(waiting, st.integers(1, 9), st.integers(0, 90), st.integers(0, 90), st.sampled_from([1, 7, 20]))


@given(st.lists(WAITING, max_size=9, unique_by=lambda w: w.rank), st.integers(0, 200))
def test_promotion_never_gives_more_than_is_free_nor_passes_over_what_fits(reserve: list[Waiting], free: int) -> None:
    found = {t.about: t.amount for t in promote(reserve, {"c/t": free}, JULY)}
    for w in sorted(reserve, key=lambda w: w.rank):
        best = max((n for n in range(0, w.milli_units + 1, w.lot) if w.minimum <= n <= free), default=0)
        assert found.pop(w.application, 0) == best
        free -= best
    assert not found
    assert free >= 0


def test_a_withdrawn_award_serves_the_next_in_line() -> None:
    book = funded({"p": 500})
    pair = give_up(HOLDING, standing(book, "p"), JULY, "the team has moved", by="pi")
    book, _ = apply(book, [*pair, *promote([waiting(1, 800, 300)], {"c/t": 500}, JULY)])
    assert (standing(book, "p").lost, standing(book, "w1").remaining) == (500, 500)
    assert unsound(book) == []
    assert give_up(HOLDING, standing(book, "p"), JULY + 1, "again") == []


def test_what_is_reserved_is_not_given_up() -> None:
    book = funded({"p": 500})
    run = Transfer("r", "project:p", "spent:p", 200, Cause.USAGE, JULY, phase=Phase.PENDING)
    book, _ = apply(book, [run])
    book, found = apply(book, give_up(HOLDING, standing(book, "p"), JULY, "withdrawn"))
    assert found == [Code.OK, Code.OK]
    assert (standing(book, "p").remaining, standing(book, "p").reserved) == (0, 200)


@given(st.integers(1, 10**12), st.integers(0, 1000), st.integers(0, 1000))
def test_carry_over_is_at_most_its_share_and_at_most_what_lapsed(granted: int, spent_milli: int, share: int) -> None:
    book = funded({"p": granted})
    if spent := granted * spent_milli // 1000:
        book, _ = apply(book, [Transfer("u", "project:p", "spent:p", spent, Cause.USAGE, JULY)])
    period = Period(JULY, JULY + 365 * DAY)
    lapsed = lapse("p", standing(book, "p"), period)
    assert (lapsed is None) == (spent == granted)
    if lapsed is None:
        return
    back = carry_over(lapsed, granted, share)
    book, found = apply(book, [t for t in (lapsed, back) if t])
    assert set(found) == {Code.OK}
    assert standing(book, "p").remaining == min(granted - spent, granted * share // 1000)
    assert lapsed.at_utc_s == period.end_utc_s - 1
    assert unsound(book) == []


def test_supplements_and_moves_are_taken_by_the_ledger() -> None:
    book = funded({"p": 500, "q": 500})
    book, _ = apply(book, give_up(Holding("q", "c/t", ()), standing(book, "q"), JULY, "withdrawn"))
    more = [supplement("s1", "c/t", "p", 300, JULY, "a second model", "office")]
    more += [move("m1", "p", "q", 100, JULY, "work moved to the partner", "office")]
    book, found = apply(book, more)
    assert (found, standing(book, "p").remaining, standing(book, "q").remaining) == ([Code.OK] * 2, 700, 100)
    assert unsound(book) == []


def test_an_extension_moves_the_end_alone() -> None:
    period = Period(JULY, JULY + 10)
    assert extend(period, JULY + 11) == Period(JULY, JULY + 11)
    with pytest.raises(InputError, match="later"):
        extend(period, JULY + 10)


def test_hours_are_exchanged_at_the_days_rates() -> None:
    assert exchanged(1000_000, 12_200, 4_800) == 2541_666  # 1,000 h of an H100-80 are 2,541.666 h of an A100-80
    with pytest.raises(InputError, match="without a rate"):
        exchanged(1, 1, 0)


def test_the_table_is_as_published() -> None:
    assert ALCC == ((4, ((100, 250), (250, 150))), (8, ((250, 500), (500, 250))))
