"""The closed-form award rules: published figures, slow twins, promises, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from dure.errors import InputError, InvariantBroken, UnknownName
from dure.programme import rules
from dure.programme.award import Awards, Bound, Outcome
from dure.programme.rules.filling import draws
from dure.programme.rules.lottery import lottery_seed
from dure.programme.rules.partner import party_shares
from dure.programme.rules.scaled import _power, brackets
from tests.programme import naive_awards as naive
from tests.programme.naive_awards import Entry, Round, draw_of, rounds

CLOSED = ("ranked", "proportional", "scaled", "lottery", "partner")
GIVES = {"contribution_CA": 50, "contribution_KR": 30}
TIERS = {"top": 2300, "middle": 2100}
many = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def award(world: Round, rule: str, seed: int = 1) -> Awards:
    if rule == "partner":
        world = world.with_parameters(**{**dict(world.parameters), **GIVES})
    if rule == "lottery":
        world = world.with_parameters(**{**TIERS, **dict(world.parameters)})
    return rules.award(world.terms, world.candidates, world.capacity, rule, seed)


def amounts(world: Round, rule: str, seed: int = 1) -> dict[str, int]:
    awards = award(world, rule, seed)
    return dict(zip(awards.ids, awards.amount.tolist(), strict=True))


# --- published figures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ask", "kept"), [(161, 146), (175, 157), (230, 199), (47, 47), (60, 60)])
def test_brackets_of_2021(ask: int, kept: int) -> None:
    """The rows of the slides that no other stage cut, to the core-year."""
    got = brackets(np.array([ask * 1000]), (99_000, 999_000), (1000, 760, 620))
    assert round(int(got[0]) / 1000) == kept


@given(st.integers(0, 300), st.lists(st.integers(1, 200), min_size=1, max_size=3), st.data())
def test_brackets_are_marginal(ask: int, edges: list[int], data: st.DataObject) -> None:
    edges.sort()
    keep = data.draw(st.lists(st.integers(0, 1000), min_size=len(edges) + 1, max_size=len(edges) + 1))
    assert int(brackets(np.array([ask]), edges, keep)[0]) == naive.brackets(ask, edges, keep)


SLIDE = (
    (4900, 4320), (4000, 225), (4000, 2700), (3700, 428), (3700, 1900), (3100, 321), (3100, 1050), (3100, 53),
    (3000, 309), (3000, 1900),
)  # fmt: skip  # score in milli-points, ask in core-years


def test_the_slides_table_keeps_its_shape() -> None:
    """Ten rows of the source, its edges and what they were awarded in all; its constants of f are not known."""
    entries = tuple(Entry(f"r{i}", s, a * 1000) for i, (s, a) in enumerate(SLIDE))
    total = (2792 + 158 + 1300 + 204 + 724 + 116 + 187 + 53 + 115 + 230) * 1000
    world = Round(entries, (total,), total).with_parameters(edge_1=99, edge_2=999, guard=53)
    got = award(world, "scaled").amount
    assert got.sum() == total
    assert got[7] == 53_000
    parts = got / world.candidates.ask
    for i, (score, ask) in enumerate(SLIDE):
        for j, (other, wish) in enumerate(SLIDE):
            if score == other and ask < wish:
                assert got[i] <= got[j]
                assert parts[i] >= parts[j]
            if score > other and ask <= wish:
                assert parts[i] > parts[j] or j == 7 or ask == 53


def test_party_shares_of_a_thousand() -> None:
    """35 % of 900 equally, 65 % by contribution; of 100 special units 20 are kept in hand."""
    assert party_shares(1000, [50, 30, 20], 350, 100, 200) == ([105 + 292, 105 + 175, 105 + 117], 80)
    assert party_shares(1000, [3, 0, 1], 350, 0, 0) == ([175 + 487, 0, 175 + 162], 0)


def test_a_lottery_that_anybody_can_check() -> None:
    """The first 16 digits that `printf callbeacon | sha256sum` and `printf 7:A-1 | sha256sum` print."""
    assert lottery_seed(b"call", "beacon") == 0xCCE313A1F55A8A1A >> 1
    assert draws(7, ["A-1"]).tolist() == [0xD239E4DFFBF62136 >> 11]


# --- slow twins ----------------------------------------------------------------------------------------------------


@many
@given(rounds(), st.integers(0, 3), st.integers(0, 1))
def test_ranked_is_its_twin(world: Round, seed: int, skip: int) -> None:
    world = world.with_parameters(skip=skip)
    got = amounts(world, "ranked", seed)
    assert {k: v for k, v in got.items() if v} == {k: v for k, v in naive.ranked(world, seed).items() if v}


@many
@given(rounds(), st.integers(0, 3), st.integers(0, 1))
def test_lottery_is_its_twin(world: Round, seed: int, skip: int) -> None:
    world = world.with_parameters(**TIERS, skip=skip)
    got = amounts(world, "lottery", seed)
    assert {k: v for k, v in got.items() if v} == {k: v for k, v in naive.lottery(world, seed).items() if v}


@many
@given(rounds(), st.integers(0, 3))
def test_proportional_is_its_twin(world: Round, seed: int) -> None:
    got = amounts(world, "proportional", seed)
    assert {k: v for k, v in got.items() if v} == {k: v for k, v in naive.proportional(world, seed).items() if v}


@many
@given(
    st.lists(st.tuples(st.integers(21, 50), st.integers(1, 10**7)), min_size=1, max_size=12),
    st.integers(1, 999),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
def test_scaled_is_its_formula(rows: list[tuple[int, int]], part: int, decay: int, bonus: int) -> None:
    """The formula in floats, its knob by Brent's method: every award agrees to a few milli-units."""
    score, ask = np.array([s * 100 for s, _ in rows]), np.array([1000 * a for _, a in rows])
    units = max(len(rows), int(ask.sum()) * part // 1000)
    entries = tuple(Entry(f"a{i:02}", int(s), int(a)) for i, (s, a) in enumerate(zip(score, ask)))
    world = Round(entries, (units,), units).with_parameters(decay=decay, bonus=bonus)
    ecdf = (score[:, None] >= score[None, :]).mean(axis=1)
    grown = 1 + ask / np.sort(ask)[(len(ask) - 1) // 2]
    factor = ecdf * grown ** (-decay / 1000) + (1 - ecdf) * bonus / 1000 / grown
    first, second = (np.sort(ask)[(len(ask) - 1) * at // 1000] for at in (318, 834))

    def formula(knob: float) -> np.ndarray:
        y = np.exp(knob) * ask * factor
        kept = np.minimum(y, first) + 0.76 * np.clip(y - first, 0, second - first) + 0.62 * np.maximum(y - second, 0)
        return np.clip(kept, 1, ask)

    knob = brentq(lambda k: formula(k).sum() - units, -60, 60, xtol=1e-13)
    assert np.abs(award(world, "scaled").amount - formula(knob)).max() <= 2 + 1e-6 * ask.max()


@given(st.integers(1, 10**9), st.integers(0, 1000))
def test_power_by_roots(base: int, milli: int) -> None:
    assert _power(np.array([float(base)]), milli)[0] == pytest.approx(base ** (milli / 1000), rel=2e-5)


# --- promises of all -----------------------------------------------------------------------------------------------


@many
@given(rounds(), st.sampled_from(CLOSED), st.integers(0, 3))
def test_never_more_than_there_is(world: Round, rule: str, seed: int) -> None:
    awards = award(world, rule, seed)
    got = dict(zip(awards.ids, awards.amount.tolist(), strict=True))
    for e in world.entries:
        assert got[e.id] == 0 or max(e.least, 1) <= got[e.id] <= e.ask
        assert got[e.id] % e.lot == 0
        assert got[e.id] == 0 or e.score > world.cut_off
    for track, envelope in enumerate(world.envelopes):
        assert sum(got[e.id] for e in world.entries if e.track == track) <= envelope
    for home in {e.home for e in world.entries}:
        assert world.cap is None or sum(got[e.id] for e in world.entries if e.home == home) <= world.cap
    assert sum(got.values()) <= world.total
    waiting = awards.reserve_rank[awards.outcome == Outcome.RESERVE]
    assert sorted(waiting.tolist()) == list(range(1, len(waiting) + 1))
    for e, units, outcome, bound in zip(world.entries, awards.amount, awards.outcome, awards.bound, strict=True):
        assert (outcome == Outcome.AWARDED) == (units > 0)
        assert (bound == Bound.FULL) == (units == e.ask)
        assert (outcome == Outcome.DECLINED) == (bound == Bound.CUT_OFF)
        assert (bound == Bound.CUT_OFF) == (e.score <= max(world.cut_off, TIERS["middle"] * (rule == "lottery")))
        assert bound != Bound.INSTITUTION or world.cap is not None


@many
@given(rounds(), st.sampled_from(CLOSED), st.randoms(use_true_random=False))
def test_order_does_not_matter(world: Round, rule: str, random: object) -> None:
    order = list(range(len(world.entries)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = award(replace(world, entries=tuple(world.entries[k] for k in order)), rule)
    plain = award(world, rule)
    assert shuffled.ids == tuple(plain.ids[k] for k in order)
    for column in ("amount", "outcome", "bound", "reserve_rank"):
        assert np.array_equal(getattr(shuffled, column), getattr(plain, column)[order])
    assert all(np.array_equal(shuffled.trace[k], v[order]) for k, v in plain.trace.items())


def rises(rule: str, strategy: st.SearchStrategy[Round]) -> Callable[[], None]:
    @many
    @given(strategy, st.data(), st.integers(0, 2))
    def check(world: Round, data: st.DataObject, seed: int) -> None:
        assume(world.entries)
        row = data.draw(st.integers(0, len(world.entries) - 1))
        better = world.having(row, score=data.draw(st.integers(world.entries[row].score, 2700)))
        assert award(better, rule, seed).amount[row] >= award(world, rule, seed).amount[row]

    return check


test_ranked_rises = rises("ranked", rounds())
test_lottery_rises = rises("lottery", rounds())
test_partner_rises = rises("partner", rounds())
test_proportional_rises = rises("proportional", rounds(capped=False))
test_scaled_rises = rises("scaled", rounds(capped=False, most=12))


@many
@given(rounds(capped=False, lots_of=1), st.sampled_from(["proportional", "scaled"]))
def test_equal_scores_or_asks(world: Round, rule: str) -> None:
    """At equal scores a smaller ask gets no smaller part; at equal asks a lower score gets no more."""
    world = replace(world, entries=tuple(replace(e, least=1) for e in world.entries))
    got = amounts(world, rule)
    for a in world.entries:
        for b in (b for b in world.entries if b.track == a.track):
            if a.ask == b.ask and a.score > b.score:
                assert got[a.id] >= got[b.id] - (rule == "proportional")
            if a.score == b.score and a.ask < b.ask and got[a.id]:
                assert (got[a.id] + 1) * b.ask >= (got[b.id] - 1) * a.ask  # up to a lot each
                assert got[a.id] <= got[b.id] + 1 or not got[b.id]


@many
@given(rounds(capped=False, lots_of=1), st.sampled_from(["proportional", "scaled"]))
def test_the_envelope_is_met(world: Round, rule: str) -> None:
    """Where lots are single milli-units and everybody who may have some has some, nothing is left but what nobody asks."""
    awards = award(world, rule)
    for track, room in enumerate(world.rooms):
        own = [k for k, e in enumerate(world.entries) if e.track == track and e.score > world.cut_off]
        asked, given = sum(world.entries[k].ask for k in own), int(awards.amount[own].sum())
        if all(awards.amount[own] > 0):
            assert given == min(asked, room)


# --- small worlds, by hand -----------------------------------------------------------------------------------------

A, B, C = Entry("a", 3000, 10), Entry("b", 2900, 10, least=10), Entry("c", 2800, 3)


def test_strict_and_skipping() -> None:
    world = Round((A, B, C), (15,), 15)
    strict, skipping = (award(world.with_parameters(skip=k), "ranked") for k in (0, 1))
    assert strict.amount.tolist() == [10, 0, 0]
    assert strict.bound.tolist() == [Bound.FULL, Bound.BELOW_MINIMUM, Bound.ENVELOPE]
    assert strict.reserve_rank.tolist() == [0, 1, 2]
    assert skipping.amount.tolist() == [10, 0, 3]


def test_an_institution_at_its_cap_does_not_end_the_list() -> None:
    world = Round((A, replace(B, least=1), replace(C, home=1)), (100,), 100, cap=12)
    awards = award(world, "ranked")
    assert awards.amount.tolist() == [10, 2, 3]
    assert awards.bound.tolist() == [Bound.FULL, Bound.INSTITUTION, Bound.FULL]


def test_what_a_capped_institution_leaves_goes_to_others() -> None:
    wide = [replace(e, lots=100, least=1) for e in (A, B, replace(C, home=1), replace(C, id="d", home=2))]
    world = Round(tuple(wide), (120,), 120, cap=40)
    assert award(world, "proportional").amount.tolist() == [30, 10, 40, 40]
    assert award(world, "scaled").amount.tolist() == [40, 0, 40, 40]


def test_promises_above_what_there_is_shrink_alike() -> None:
    world = Round((A, replace(A, id="z", track=1)), (10, 30), 20)
    awards = award(world, "ranked")
    assert awards.amount.tolist() == [5, 10]
    assert awards.bound.tolist() == [Bound.CAPACITY, Bound.FULL]


def test_everybody_draws() -> None:
    entries = tuple(Entry(f"a{i}", 2500, 10) for i in range(6))
    winners = {tuple(award(Round(entries, (20,), 20), "lottery", seed).amount.tolist()) for seed in range(60)}
    assert len(winners) == 15  # each two of six
    awards = award(Round(entries, (20,), 20), "lottery", 3)
    by_draw = sorted(range(6), key=lambda k: draw_of(3, f"a{k}"))
    assert sorted(by_draw[:2]) == np.flatnonzero(awards.amount).tolist()
    assert {Bound(int(b)) for b in awards.bound} == {Bound.FULL, Bound.DRAW}


def test_parties_keep_to_their_shares() -> None:
    entries = tuple(Entry(f"a{k}", 3000 - k, 1000, party=p) for k, p in enumerate((0, 0, 1, 2, -1)))
    awards = award(Round(entries, (1000,), 1000), "partner")
    shares = [157 + 365, 157 + 219]  # 900 units: 315 equally, 585 as 50 to 30; US gives nothing: a special project
    assert awards.amount.tolist() == [shares[0], 0, shares[1], 80, 0]
    with pytest.raises(InputError, match="contribution_KR"):
        rules.award(
            Round(entries, (9,), 9).terms,
            Round(entries, (9,), 9).candidates,
            Round(entries, (9,), 9).capacity,
            "partner",
        )


def test_a_knob_serves_abundance_too() -> None:
    world = Round(tuple(Entry(f"a{k}", 2100 + k, 10**9) for k in range(5)), (10**10,), 10**10)
    assert award(world, "scaled").amount.tolist() == [10**9] * 5
    almost = replace(world, envelopes=(5 * 10**9 - 1,), total=5 * 10**9 - 1)
    assert award(almost, "scaled").amount.sum() == 5 * 10**9 - 1


# --- refusals ------------------------------------------------------------------------------------------------------

GOOD = Round((A, B), (100,), 100)


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (replace(A, score=5001), "score"),
        (replace(A, score=-1), "score"),
        (replace(A, lots=0), "ask"),
        (replace(A, lots=-4), "ask"),
        (replace(A, lots=2**49), "ask"),
        (replace(A, least=11), "least"),
        (replace(A, least=-1), "least"),
        (replace(A, lot=0), "ask"),
        (replace(A, lot=-1, lots=-10), "lot"),
        (replace(A, track=1), "track"),
        (replace(A, track=-1), "track"),
        (replace(A, party=3), "party"),
        (replace(A, id="b"), "ids"),
    ],
)
@pytest.mark.parametrize("rule", ["ranked", "scaled"])
def test_candidates_that_cannot_be(entry: Entry, field: str, rule: str) -> None:
    world = replace(GOOD, entries=(entry, B))
    with pytest.raises(InputError) as caught:
        award(world, rule)
    assert caught.value.field == field
    assert caught.value.accepted


def test_lots_that_do_not_make_the_ask() -> None:
    good = GOOD.candidates
    for field, wrong in (("lot", replace(good, lot=good.lot * 3)), ("lots", replace(good, lots=good.lots + 1))):
        with pytest.raises(InputError) as caught:
            rules.award(GOOD.terms, wrong, GOOD.capacity, "ranked")
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("rule", "name", "value"),
    [
        ("ranked", "skp", 1), ("ranked", "skip", 2), ("ranked", "skip", True), ("ranked", "skip", "1"),
        ("proportional", "skip", 0), ("scaled", "decay", 1001), ("scaled", "keep_3", 9), ("lottery", "top", -1),
        ("partner", "contribution_", 3), ("partner", "contribution_KR", 0), ("partner", "contribution_KR", 0.5),
    ],
)  # fmt: skip
def test_parameters_that_are_not(rule: str, name: str, value: object) -> None:
    world = GOOD.with_parameters(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        rules.award(world.terms, world.candidates, world.capacity, rule)
    assert caught.value.field.startswith("parameters")
    assert caught.value.accepted


def test_a_rule_that_is_not() -> None:
    with pytest.raises(UnknownName, match="ranked"):
        award(GOOD, "random")


def test_every_closed_rule_has_its_parameters_and_version() -> None:
    for rule in CLOSED:
        assert all(p.takes(p.default) or n.endswith("*") for n, p in rules.parameters_of(rule).items())
        assert award(GOOD, rule).version == 1
        assert award(GOOD, rule).rule == rule
        assert award(replace(GOOD, entries=()), rule).ids == ()


def test_every_name_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/award-rules.md").read_text("utf-8")
    names = [*rules.RULES, *(n for r in CLOSED for n in rules.parameters_of(r))]
    names += [m.name.lower() for e in (Bound, Outcome) for m in e]
    assert not [n for n in names if f"`{n}`" not in page]
    for rule in CLOSED:
        section = page.split(f"## `{rule}`")[1].split("## ")[0]
        for name, parameter in rules.parameters_of(rule).items():
            default = "" if name.endswith("*") else f"{parameter.default} "
            assert f"| `{name}` | {default}|" in section, (rule, name)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda a: replace(a, amount=a.amount + 1), "more than the ask"),
        (lambda a: replace(a, amount=a.amount - 5), "least useful"),
        (lambda a: replace(a, amount=a.amount * 0), "outcome"),
        (lambda a: replace(a, amount=-a.amount), "negative"),
        (lambda a: replace(a, bound=a.bound + 9), "its bound"),
    ],
)
def test_a_rule_with_a_bug_is_caught(
    spoil: Callable[[Awards], Awards], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = rules.RULES["ranked"]
    monkeypatch.setitem(rules.RULES, "ranked", lambda *a: spoil(honest(*a)))
    with pytest.raises(InvariantBroken):
        award(GOOD, "ranked")
    spoilt = spoil(honest(GOOD.terms, GOOD.candidates, GOOD.capacity, 1))
    assert any(said in fault for fault in rules.faults(spoilt, GOOD.terms, GOOD.candidates, GOOD.capacity))


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (replace(GOOD, envelopes=(15,)), "track t0"),
        (replace(GOOD, total=15), "all awards"),
        (replace(GOOD, cap=15), "institution 0"),
        (GOOD.having(0, lot=4, lots=5), "whole lots"),
    ],
)
def test_awards_of_another_round_are_faulty(world: Round, said: str) -> None:
    awards = award(GOOD, "ranked")
    assert any(said in fault for fault in rules.faults(awards, world.terms, world.candidates, world.capacity))
