"""`optimal` against brute force, its promises, what stops it, and set-asides that contradict each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from dure.errors import InputError
from dure.programme import rules
from dure.programme.award import Awards, Bound, Candidates, Capacity, Group, Ints, Outcome, Terms
from dure.programme.certificate import PIECES, check, infeasible, objective_of, unit_rows, worths
from dure.programme.draw import draw
from dure.programme.rules import optimal
from dure.programme.whole import fill, repair

some = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
World = tuple[Terms, Candidates, Capacity]


def ints(values: object) -> Ints:
    return np.array(values, np.int64)


@dataclass(frozen=True)
class Ask:
    """One candidate: `lots` lots of `lot` milli-units; `pools` maps acceptable pools to their exchange."""

    score: int = 3000
    lots: int = 2
    lot: int = 1000
    least: int = 1
    track: int = 0
    home: int = 0
    groups: int = 0
    start: int = 0
    months: int = 1
    pools: tuple[tuple[int, int], ...] = ((0, 1000),)


def world(
    asks: list[Ask],
    lots: list[list[int]],
    envelope: list[int] | None = None,
    *,
    domestic: tuple[bool, ...] = (),
    **terms: object,
) -> World:
    options = [(row, pool, exchange) for row, a in enumerate(asks) for pool, exchange in a.pools]
    one = {
        n: ints([getattr(a, n) for a in asks]) for n in ("score", "lot", "track", "groups", "start", "months", "lots")
    }
    candidates = Candidates(
        tuple(f"c{i}" for i in range(len(asks))),
        ask=ints([a.lots * a.lot for a in asks]),
        least=ints([a.least for a in asks]),
        institution=ints([a.home for a in asks]),
        option_of=ints([o[0] for o in options]),
        option_pool=ints([o[1] for o in options]),
        option_exchange=ints([o[2] for o in options]),
        **one,
    )
    envelope = [10**5] if envelope is None else envelope
    names = tuple(f"p{i}" for i in range(len(lots)))
    home = np.array(domestic or [False] * len(lots))
    capacity = Capacity(names, names, names, home, ints(lots), sum(envelope))
    parameters = terms.pop("parameters", {"gap": 0})
    tracks = tuple(f"t{i}" for i in range(len(envelope)))
    return Terms(tracks, ints(envelope), 2000, parameters=parameters, **terms), candidates, capacity  # type: ignore[arg-type]


@st.composite
def worlds(draw_: st.DrawFn) -> World:
    """Two to four candidates, two or three pools, two months: few enough to look at every placement."""
    pools = draw_(st.integers(1, 2))
    exchange = st.sampled_from([500, 800, 1000, 1500, 2000])

    def ask() -> Ask:
        months = draw_(st.integers(1, 2))
        lots, lot = draw_(st.integers(1, 3)), 1000 * months
        accepted = draw_(st.sets(st.integers(0, pools - 1), min_size=1))
        return Ask(
            draw_(st.sampled_from([1900, 2100, 3000, 4000, 4100])), lots, lot,
            draw_(st.integers(1, lots * lot)), draw_(st.integers(0, 1)), draw_(st.integers(0, 1)),
            draw_(st.integers(0, 7)), draw_(st.integers(0, 2 - months)), months,
            tuple((p, draw_(exchange)) for p in sorted(accepted)),
        )  # fmt: skip

    asks = [ask() for _ in range(draw_(st.integers(1, 4)))]
    shares = [(g, draw_(st.sampled_from([0, 200, 400]))) for g in (Group.STARTUP, Group.REGIONS, "domestic")]
    return world(
        asks,
        draw_(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=pools, max_size=pools)),
        draw_(st.lists(st.integers(0, 9000), min_size=2, max_size=2)),
        domestic=tuple(draw_(st.lists(st.booleans(), min_size=pools, max_size=pools))),
        set_asides=tuple((g, s) for g, s in shares if s),
        institution_cap=draw_(st.sampled_from([None, 3000, 6000])),
        parameters={"gap": 0, "value": draw_(st.sampled_from(["application", "unit"]))},
    )


def solve(at: World, **options: object) -> Awards:
    return rules.award(*at, "optimal", 1, **options)


def best_by_hand(at: World) -> float:
    """The optimum: every placement of whole lots, and for each the best amounts by a linear programme."""
    terms, c, k = at
    value = terms.parameters["value"]
    weight = c.score * (c.ask if value == "unit" else 10**6)
    choices = []
    for row in range(len(c)):
        options = np.flatnonzero(c.option_of == row)
        most = [int(k.lots[c.option_pool[o], c.start[row] : c.start[row] + c.months[row]].min()) for o in options]
        placings = product(*[range(m + 1) for m in most]) if c.score[row] > terms.cut_off else [(0,) * len(options)]
        choices.append([tuple(zip(options.tolist(), placing, strict=True)) for placing in placings])
    best = 0.0
    for placing in product(*choices):
        lots = np.zeros(len(c.option_of), np.int64)
        for o, n in (pair for pairs in placing for pair in pairs):
            lots[o] = n
        cover = np.zeros(len(c), np.int64)
        home = np.zeros(len(c), np.int64)
        used = np.zeros_like(k.lots)
        for o, n in enumerate(lots.tolist()):
            row = c.option_of[o]
            cover[row] += n * worths(c)[o]
            home[row] += n * worths(c)[o] * k.domestic[c.option_pool[o]]
            used[c.option_pool[o], c.start[row] : c.start[row] + c.months[row]] += n
        least = np.maximum(c.least, 1)
        if (used > k.lots).any() or ((cover > 0) & (cover < least)).any():
            continue
        on = np.flatnonzero(cover)
        if sum(weight[on]) > best and len(on):
            best = max(best, _best_amounts(at, on, cover, home, weight))
    return best


def _best_amounts(at: World, on: Ints, cover: Ints, home: Ints, weight: Ints) -> float:
    """The most value of these candidates' amounts: quarters of each ask, and domestic amounts, as columns."""
    terms, c, k = at
    n = len(on)
    quarter = np.repeat(c.ask[on] / 4, 4)
    cost = -np.repeat(weight[on], 4) * np.tile(np.array(PIECES) / 100, n)  # of a whole quarter
    amount = np.kron(np.eye(n), np.ones(4)) * quarter
    rows, most = [], []
    for r in unit_rows(terms, c, k):
        rows.append(np.concatenate([r.share[on] @ amount, np.full(n, r.domestic)]))
        most.append(r.most)
    for i, row in enumerate(on):
        pad = np.zeros(n)
        rows += [np.concatenate([amount[i], pad]), np.concatenate([-amount[i], pad])]
        most += [min(cover[row], c.ask[row]), -max(1, c.least[row])]
        pad[i] = 1
        rows.append(np.concatenate([-amount[i], pad]))
        most.append(0)
    upper = [(0, 1)] * (4 * n) + [(0, int(h)) for h in home[on]]
    found = linprog(np.concatenate([cost, np.zeros(n)]), np.array(rows), np.array(most), bounds=upper)
    return -found.fun if found.status == 0 else 0.0


# --- against brute force -------------------------------------------------------------------------------------------


@some
@given(worlds())
def test_it_is_the_best_of_all(at: World) -> None:
    try:
        awards = solve(at)
    except InputError:
        return  # contradictory set-asides have their own tests
    best = best_by_hand(at)
    assert awards.certificate is not None
    found = objective_of(awards.amount.tolist(), at[1], str(at[0].parameters["value"]))
    assert found == awards.certificate["objective"]
    assert found <= awards.certificate["bound"]
    assert best * (1 - 1e-5) - 20_000_000 <= found <= best + 1  # amounts are whole milli-units


@some
@given(worlds(), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_every_answer_passes_the_checker(at: World, random: object) -> None:
    terms, c, k = at
    try:
        first = solve(at)
    except InputError:
        return
    assert first.certificate is not None
    assert check(first.certificate, terms, c, k) == []
    order = np.random.default_rng(len(c)).permutation(len(c))
    second = solve((terms, c.take(order), k))
    assert second.amount.tolist() == first.amount[order].tolist()
    assert second.certificate == first.certificate
    assert check(first.certificate, terms, c.take(order), k) == []


def test_one_seed_one_answer() -> None:
    terms, c, k = draw(3, 40)
    at = replace(terms, parameters={"gap": 30_000}), c, k
    assert solve(at).certificate == solve(at).certificate


def test_a_round_reaches_its_gap_and_says_so() -> None:
    terms, c, k = draw(1, 150)
    terms = replace(terms, parameters={"gap": 50_000})
    awards = solve((terms, c, k))
    assert awards.certificate is not None
    assert awards.certificate["stopped"] == "gap"
    assert 0 <= awards.certificate["gap_millionths"] <= 50_000
    assert check(awards.certificate, terms, c, k) == []
    assert "no other award" in awards.notes[0]


# --- what is decided, and why --------------------------------------------------------------------------------------


def test_capacity_goes_to_the_higher_score() -> None:
    awards = solve(world([Ask(3000, least=2000), Ask(4000, least=2000), Ask(1500)], [[3]]))
    assert awards.amount.tolist() == [0, 2000, 0]
    assert awards.bound.tolist() == [Bound.CAPACITY, Bound.FULL, Bound.CUT_OFF]
    assert awards.outcome.tolist() == [Outcome.RESERVE, Outcome.AWARDED, Outcome.DECLINED]
    assert awards.reserve_rank.tolist() == [1, 0, 0]


def test_concave_value_shares_what_is_short() -> None:
    """The third lot is worth more to whom has one (20 %) than the fourth would be: two each, not four and none."""
    awards = solve(world([Ask(4000, lots=4), Ask(3000, lots=4)], [[4]]))
    assert awards.amount.tolist() == [2000, 2000]


def test_substitutes_at_their_exchange() -> None:
    """Four lots at an exchange of 2 stand in for two: the pool asked for goes to whom accepts no other."""
    awards = solve(world([Ask(pools=((0, 1000), (1, 2000)), least=2000), Ask(least=2000)], [[2], [4]]))
    assert awards.amount.tolist() == [2000, 2000]
    assert awards.lots.tolist() == [0, 4, 2]


def test_an_envelope_is_named() -> None:
    awards = solve(world([Ask(4000, least=2000), Ask(3000, least=2000)], [[9]], [2500]))
    assert awards.amount.tolist() == [2000, 0]
    assert awards.bound.tolist() == [Bound.FULL, Bound.ENVELOPE]


def test_the_institution_cap_is_named() -> None:
    awards = solve(world([Ask(4000, least=2000), Ask(3000, least=2000)], [[9]], institution_cap=3000))
    assert awards.bound.tolist() == [Bound.FULL, Bound.INSTITUTION]


def test_a_set_aside_is_kept_and_named() -> None:
    startup = int(Group.STARTUP)
    asks = [Ask(4000, lots=10), Ask(2500, lots=3, groups=startup)]
    awards = solve(world(asks, [[20]], set_asides=((Group.STARTUP, 300),)))
    assert awards.amount.tolist() == [7000, 3000]
    assert awards.bound.tolist() == [Bound.SET_ASIDE, Bound.FULL]


def test_domestic_units_are_those_of_domestic_pools() -> None:
    asks = [Ask(4000, lots=6), Ask(2500, lots=4, pools=((0, 1000), (1, 1000)))]
    at = world(asks, [[10], [10]], domestic=(False, True), set_asides=(("domestic", 400),))
    awards = solve(at)
    assert awards.amount.tolist() == [6000, 4000]
    assert awards.lots.tolist() == [6, 0, 4]


def test_who_fits_nowhere_is_told() -> None:
    awards = solve(world([Ask(lots=4, least=4000), Ask()], [[3]]))
    assert awards.bound.tolist() == [Bound.CONFLICTED, Bound.FULL]
    assert awards.outcome.tolist() == [Outcome.DECLINED, Outcome.AWARDED]


@pytest.mark.parametrize("asks", [[], [Ask(score=2000)]])
def test_nobody_to_award(asks: list[Ask]) -> None:
    awards = solve(world(asks, [[3]]))
    assert awards.amount.sum() == 0
    assert awards.certificate is not None
    assert awards.certificate["bound"] == 0


# --- stopping ------------------------------------------------------------------------------------------------------


def test_an_interrupted_search_keeps_what_it_has() -> None:
    terms, c, k = draw(2, 150)
    terms = replace(terms, parameters={"gap": 0})
    seen: list[tuple[float, float, float, float]] = []

    def stop(seconds: float, value: float, bound: float, gap: float) -> bool:
        seen.append((seconds, value, bound, gap))
        return value == 0  # goes on until there is an award

    awards = solve((terms, c, k), progress=stop)
    assert awards.certificate is not None
    assert awards.certificate["stopped"] == "interrupted"
    assert awards.amount.sum() > 0
    assert check(awards.certificate, terms, c, k) == []
    assert seen[-1][1] > 0
    assert seen[-1][3] == pytest.approx(1 - seen[-1][1] / seen[-1][2])


def test_a_time_limit_is_recorded() -> None:
    terms, c, k = draw(2, 100)
    awards = solve((replace(terms, parameters={"gap": 0}), c, k), time_limit_s=0.0)
    assert awards.certificate is not None
    assert awards.certificate["stopped"] == "time"


# --- whole numbers -------------------------------------------------------------------------------------------------


@some
@given(worlds(), st.data())
def test_repair_makes_anything_lawful_and_adds_nothing(at: World, data: st.DataObject) -> None:
    terms, c, k = at
    lots = ints(data.draw(st.lists(st.integers(0, 4), min_size=len(c.option_of), max_size=len(c.option_of))))
    amount = ints([data.draw(st.integers(0, int(a))) for a in c.ask]) * (c.score > terms.cut_off)
    mended, left = repair(amount, lots, terms, c, k)
    assert list(infeasible(mended.tolist(), left.tolist(), terms, c, k)) == []
    assert (left <= lots).all()
    assert (mended <= np.maximum(amount, c.least)).all()
    if not list(infeasible(amount.tolist(), lots.tolist(), terms, c, k)):
        assert mended.tolist() == amount.tolist()


@some
@given(worlds(), st.data())
def test_filling_keeps_every_bound_and_takes_nothing(at: World, data: st.DataObject) -> None:
    terms, c, k = at
    lots = ints(data.draw(st.lists(st.integers(0, 4), min_size=len(c.option_of), max_size=len(c.option_of))))
    amount = ints([data.draw(st.integers(0, int(a))) for a in c.ask]) * (c.score > terms.cut_off)
    amount, lots = repair(amount, lots, terms, c, k)
    filled = fill(amount, lots, terms, c, k)
    assert list(infeasible(filled.tolist(), lots.tolist(), terms, c, k)) == []
    assert (filled >= amount).all()
    assert ((filled > 0) == (amount > 0)).all()


def test_what_a_solver_leaves_of_an_ask_is_given() -> None:
    terms, c, k = world([Ask(4000), Ask(3000)], [[9]], [3999])
    assert fill(ints([1998, 1999]), ints([2, 2]), terms, c, k).tolist() == [2000, 1999]


def test_a_solver_s_tolerance_costs_a_milli_unit_not_an_award() -> None:
    terms, c, k = world([Ask(4000), Ask(3000), Ask(3500, least=2000)], [[9]], [5999])
    amount, _ = repair(ints([2000, 2000, 2000]), ints([2, 2, 2]), terms, c, k)
    assert amount.tolist() == [2000, 1999, 2000]


# --- contradictions ------------------------------------------------------------------------------------------------


def test_two_set_asides_that_nobody_can_meet_are_named() -> None:
    terms, c, k = draw(1, 80)
    apart = np.where(np.arange(len(c)) % 2 == 0, int(Group.STARTUP), int(Group.REGIONS))
    terms = replace(terms, set_asides=((Group.STARTUP, 600), (Group.JOINT, 0), (Group.REGIONS, 500)))
    with pytest.raises(
        InputError, match="cannot hold together: at least 60 % for start-ups, at least 50 % for"
    ) as caught:
        solve((terms, replace(c, groups=apart), k))
    assert "envelope" not in str(caught.value)
    assert "pool" not in str(caught.value)
    assert "units are short" in str(caught.value)


def test_a_set_aside_and_the_envelope_that_starves_it_are_named() -> None:
    terms, c, k = draw(1, 80)
    only = np.where(c.track == 2, int(Group.STARTUP), 0)
    envelope = terms.envelope.copy()
    envelope[2] = 1
    terms = replace(terms, envelope=envelope, set_asides=((Group.STARTUP, 200), (Group.JOINT, 0)))
    with pytest.raises(InputError, match="at least 20 % for start-ups") as caught:
        solve((terms, replace(c, groups=only), k))
    assert "envelope of track track 2" in str(caught.value)
    assert str(caught.value).count("envelope") == 1
    assert "pool" not in str(caught.value)


def test_the_shortfall_is_exact() -> None:
    """Ten lots could be awarded; a tenth is 1,000 units, of which 200 would be for start-ups: there are none."""
    at = world([Ask(lots=10, lot=1_000_000)], [[10]], [10**7], set_asides=((Group.STARTUP, 200),))
    with pytest.raises(InputError, match=r"at least 20 % for start-ups; 200 units are short of awarding 1,000"):
        solve(at)


def test_set_asides_that_can_be_met_are_not_refused() -> None:
    startup = int(Group.STARTUP)
    solve(world([Ask(lots=9), Ask(lots=1, groups=startup)], [[20]], set_asides=((Group.STARTUP, 900),)))


def test_parameters_are_checked() -> None:
    at = world([Ask()], [[3]], parameters={"value": "person"})
    with pytest.raises(InputError, match="application, unit"):
        solve(at)
    assert set(optimal.PARAMETERS) == {"value", "gap"}
