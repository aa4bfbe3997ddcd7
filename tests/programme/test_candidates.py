"""The join of call, applications and fleet into the columns of the award rules, against sums written out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputError
from dure.fleet import Accelerator, Delivery, Fleet, Pool, Site
from dure.fleet.model import Rate
from dure.programme.award import Group
from dure.programme.candidates import candidates
from dure.programme.model import Accepted, Application, Ask, Call, Criterion, Institution, Sector, SetAside, Text, Track
from dure.programme.rules import award
from dure.programme.units import MONTH_S

START = 1_000 * MONTH_S
MODELS = {n: Accelerator(n, n, "v", c) for n, c in (("BIG", "US"), ("HOME", "KR"))}


def pool(id: str, site: str, model: str, nodes: int, each: int, *deliveries: Delivery) -> Pool:
    return Pool(id, site, model, nodes, each, 1000, 1024, deliveries=deliveries)


FLEET = Fleet(
    "f",
    (Site("s", "S", "KR"), Site("t", "T", "CA")),
    (
        pool("big", "s", "BIG", 10, 8, Delivery(4, 1000), Delivery(1, MONTH_S + 1)),
        pool("home", "s", "HOME", 6, 4),
        pool("far", "t", "BIG", 5, 8),
        pool("cpu", "s", "", 3, 0),
        pool("other", "s", "BIG", 100, 8),
    ),
    MODELS,
    rates=(Rate("BIG", 2_000, "table"), Rate("HOME", 500, "table")),
    start_utc_s=START,
)
SERVERS = Track("servers", Text("", ""), 9 * 10**9, (Sector.ACADEMIA, Sector.STARTUP), lot_accelerators=8, sites=("s",))
SINGLE = Track("single", Text("", ""), 10**6, (Sector.EDUCATION,), models=("HOME",))
CALL = Call(
    "c", Text("", ""), 0, 1, "UTC", START, 3, (SERVERS, SINGLE), (Criterion("m", Text("", ""), 1000),), "ranked",
    set_asides=(SetAside("startup", 200), SetAside("domestic", 100), SetAside("regions", 300, ("Busan",))),
    institution_cap_milli=100, pools=("big", "home", "far", "cpu"), reserved_milli=250,
)  # fmt: skip
APPLICATION = Application(
    "a", "c", "servers", "A", "pa", "kim", Sector.ACADEMIA, Institution("", "U", "KR", "Busan"),
    Ask("BIG", 24, 2, 1, (Accepted("HOME", 1500),), minimum_milli=500),
)  # fmt: skip


def with_(**changes: Any) -> Application:
    return replace(APPLICATION, **changes)


def test_capacity_is_what_is_there_each_month_less_the_reserve() -> None:
    _, _, capacity = candidates(CALL, [], FLEET)
    assert capacity.pools == ("big", "home")  # far is not at the tracks' sites, cpu has none, other is not the call's
    assert capacity.models == ("BIG", "HOME")
    assert capacity.domestic.tolist() == [False, True]
    # big: 5 nodes in month 0, 9 in month 1 (the first delivery), 10 in month 2; 3/4 of 40, 72, 80 accelerators in eights.
    assert capacity.lots[0].tolist() == [3, 6, 7]
    # home also serves single accelerators, so its lots are of one: 3/4 of 24.
    assert capacity.lots[1].tolist() == [18, 18, 18]
    there = (16 * 8 * 2_000 + 54 * 500) * 730
    assert capacity.total == min(there, 9 * 10**9 + 10**6) == there


def test_total_is_never_more_than_the_envelopes() -> None:
    small = replace(CALL, tracks=(replace(SERVERS, envelope_milli=5), SINGLE))
    assert candidates(small, [], FLEET)[2].total == 10**6 + 5


def test_rows_and_options_are_those_of_the_ask() -> None:
    teacher = with_(id="b", track="single", sector=Sector.EDUCATION, ask=Ask("HOME", 3, 3), institution=Institution())
    startup = with_(
        id="c", sector=Sector.STARTUP, partner_country="CA", institution=Institution("", "V", "KR", "Seoul")
    )
    terms, c, _ = candidates(CALL, [(APPLICATION, 4100), (teacher, 3000), (startup, 2000)], FLEET)
    assert c.ids == ("a", "b", "c")
    assert c.score.tolist() == [4100, 3000, 2000]
    lot = 8 * 2 * 730 * 2_000
    assert c.lot.tolist() == [lot, 3 * 730 * 500, lot]
    assert c.lots.tolist() == [3, 3, 3]
    assert c.ask.tolist() == [3 * lot, 9 * 730 * 500, 3 * lot]
    assert c.least.tolist() == [2 * lot, 9 * 730 * 500, 2 * lot]  # half of three servers is two
    assert c.groups.tolist() == [Group.REGIONS, 0, Group.STARTUP | Group.JOINT]
    assert len(set(c.institution.tolist())) == 3
    assert (c.start.tolist(), c.months.tolist()) == ([1, 0, 1], [2, 3, 2])
    assert c.option_of.tolist() == [0, 0, 1, 2, 2]
    assert c.option_pool.tolist() == [0, 1, 1, 0, 1]
    # eight BIG are one lot of `big`; in their place 12 HOME, which are twelve lots of `home`
    assert c.option_exchange.tolist() == [1000, 12_000, 1000, 1000, 12_000]
    assert terms.parties == ("CA", "KR")
    assert c.party.tolist() == [1, -1, 0]
    assert terms.set_asides == ((Group.STARTUP, 200), ("domestic", 100), (Group.REGIONS, 300))


def test_institutions_are_told_apart_by_ror_then_name() -> None:
    homes = [
        Institution("05a0ya142", "A"),
        Institution("https://ror.org/05a0ya142", "B"),
        Institution("", "A"),
        Institution(),
    ]
    rows = [(with_(id=str(i), institution=home), 3000) for i, home in enumerate([*homes, Institution()])]
    _, c, _ = candidates(CALL, rows, FLEET)
    assert c.institution.tolist() == [0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (with_(track="none"), "track"),
        (with_(ask=Ask("BIG", 12, 1)), "ask.accelerators"),
        (with_(ask=Ask("BIG", 8, 4)), "ask.months"),
        (with_(ask=Ask("BIG", 8, 0)), "ask.months"),
    ],
)
def test_what_could_not_have_been_let_in_is_refused(wrong: Application, field: str) -> None:
    with pytest.raises(InputError) as caught:
        candidates(CALL, [(wrong, 3000)], FLEET)
    assert caught.value.field == field


asks = st.builds(
    lambda lots, months, share: Ask("BIG", 8 * lots, months, 0, (), share),
    st.integers(1, 9), st.integers(1, 3), st.integers(1, 1000),
)  # fmt: skip


@given(st.lists(st.tuples(asks, st.integers(1, 50).map(lambda s: 100 * s)), max_size=12))
def test_a_rule_can_award_what_is_made(given_asks: list[tuple[Ask, int]]) -> None:
    """The columns pass every check that the rules make, and the awards are whole lots within the least and the ask."""
    rows = [(with_(id=str(i), ask=ask), score) for i, (ask, score) in enumerate(given_asks)]
    terms, made, capacity = candidates(replace(CALL, institution_cap_milli=1000), rows, FLEET)
    awards = award(terms, made, capacity, "ranked")
    for (ask, _), amount in zip(given_asks, awards.amount.tolist(), strict=True):
        whole = ask.accelerators * ask.months * 730 * 2_000
        assert amount == 0 or whole * ask.minimum_milli <= amount * 1000 <= whole * 1000
        assert amount % (8 * ask.months * 730 * 2_000) == 0
    assert int(np.sum(awards.amount)) <= capacity.total
