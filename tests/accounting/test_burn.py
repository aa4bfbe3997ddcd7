"""Burn, days left, the even line and notices: exact figures, and each notice once."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.accounting.burn import LEVELS, Against, Burn, Period, burn_of, burns, even_line, notices
from dure.accounting.settle import usage
from dure.errors import InputError
from dure.fleet.model import Rate
from dure.ledger.model import Standing
from tests.naive import naive_run
from tests.worlds import World, job, make_policy, pool

DAY = 86_400
YEAR = Period(0, 365 * DAY)


def standing(granted: int, spent: int, refunded: int = 0, lost: int = 0, reserved: int = 0) -> Standing:
    return Standing(granted, spent, refunded, reserved, lost, 0, granted - spent + refunded - reserved - lost)


@pytest.mark.parametrize(
    ("burnt", "over_s", "remaining", "per_day", "days"),
    [
        (7_000, 7 * DAY, 10_000, 1000, 10),
        (7_000, 7 * DAY, 9_999, 1000, 9),  # whole days only
        (7_000, 7 * DAY, 0, 1000, 0),
        (7_000, 7 * DAY, -5, 1000, 0),
        (1, 7 * DAY, 1_000, 0, 7_000),  # less than a milli-unit a day still burns
        (0, 7 * DAY, 1_000, 0, None),
        (-3, 7 * DAY, 1_000, -1, None),  # more came back than was spent
        (5, 0, 1_000, 0, None),
    ],
)
def test_days_left(burnt: int, over_s: int, remaining: int, per_day: int, days: int | None) -> None:
    burn = Burn(burnt, over_s)
    assert (burn.per_day, burn.days_left(remaining)) == (per_day, days)


@given(st.integers(1, 10**15), st.integers(1, 10**9), st.integers(0, 10**15))
def test_days_left_are_exact(burnt: int, over_s: int, remaining: int) -> None:
    assert Burn(burnt, over_s).days_left(remaining) == Fraction(remaining) / (Fraction(burnt, over_s) * DAY) // 1


def test_the_burn_of_a_run_is_that_of_its_last_week_or_of_all_of_it() -> None:
    world = World(pools=(pool(1, 1, "A"),), jobs=(job(0, 20 * DAY, project="p"),), rates=(Rate("A", 2500, "table"),))
    log = naive_run(world.fleet, world.workload, make_policy(), world.scenario, 0)
    table = usage(log, world.workload, world.fleet, start_utc_s=1000)
    assert burns(table, 1000 + 10 * DAY) == {"p": Burn(2500 * 24 * 7, 7 * DAY)}
    assert burns(table, 1000 + 2 * DAY) == {"p": Burn(2500 * 24 * 2, 2 * DAY)}
    assert burns(table, 1000 + 23 * DAY) == {"p": Burn(2500 * 24 * 4, 7 * DAY)}
    assert burns(table, 1000 + 60 * DAY)["p"].days_left(10**6) is None
    assert burns(table, 500) == {"p": Burn(0, 0)}


def test_the_burn_of_an_award_counts_from_its_start_net_of_refunds() -> None:
    assert burn_of(standing(1000, 300, 50), YEAR, 10 * DAY) == Burn(250, 10 * DAY)
    assert burn_of(standing(1000, 300), YEAR, 400 * DAY) == Burn(300, 365 * DAY)


@pytest.mark.parametrize(("now", "line"), [(-1, 0), (0, 0), (73 * DAY, 200), (365 * DAY, 1000), (999 * DAY, 1000)])
def test_the_even_line(now: int, line: int) -> None:
    assert even_line(1000, YEAR, now) == line


def test_a_period_ends_after_it_starts() -> None:
    with pytest.raises(InputError, match="ends after"):
        Period(5, 5)


@pytest.mark.parametrize(
    ("spent", "now", "sent", "due"),
    [
        (799, 365, (), []),
        (800, 365, (), ["award:800"]),
        (999, 365, (), ["award:800"]),
        (1000, 365, (), ["award:1000"]),  # the highest alone
        (1000, 365, ("award:800",), ["award:1000"]),
        (1000, 365, ("award:1000",), []),
        (850, 365, ("award:1000",), []),  # no lower one afterwards
        (239, 73, (), []),  # the line is at 200: 119.5 %
        (240, 73, (), ["line:1200"]),
        (240, 73, ("line:1200",), []),
        (900, 73, (), ["award:800", "line:1200"]),
        (500, 36, (), []),  # too early to judge by the line
        (500, 37, (), ["line:1200"]),
    ],
)
def test_notices(spent: int, now: int, sent: tuple[str, ...], due: list[str]) -> None:
    assert [n.key for n in notices(standing(1000, spent), YEAR, now * DAY, sent)] == due


def test_what_was_taken_back_is_no_longer_part_of_the_award() -> None:
    found = notices(standing(1000, 600, lost=500), YEAR, 365 * DAY, ())
    assert [(n.key, n.of) for n in found] == [("award:1200", 500), ("line:1200", 500)]


def test_a_notice_speaks_both_languages() -> None:
    (notice,) = notices(standing(10_000_000, 8_123_000), YEAR, 365 * DAY, ())
    assert notice.sentence("en") == "81 % of the award is used; 1,877 units are left."
    assert notice.sentence("ko") == "배정된 자원의 81%를 사용했습니다. 남은 자원은 1,877 유닛입니다."


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 100), st.integers(0, 60)), max_size=30))
def test_no_notice_comes_twice_and_levels_only_rise(days: list[tuple[int, int, int]]) -> None:
    """Whatever is spent and refunded: what was sent was never sent before, and every level that is reached is told."""
    sent: list[str] = []
    spent = refunded = 0
    for day, more, back in sorted(days):
        spent += more
        refunded = min(refunded + back, spent)
        for notice in notices(standing(1000, spent, refunded), YEAR, day * DAY, sent):
            assert notice.key not in sent
            sent.append(notice.key)
        for against in Against:
            levels = [int(k.split(":")[1]) for k in sent if k.startswith(against)]
            assert levels == sorted(levels)
            reached = [x for x in LEVELS[against] if against == Against.AWARD and (spent - refunded) * 1000 >= x * 1000]
            assert not reached or max(levels) >= max(reached)
