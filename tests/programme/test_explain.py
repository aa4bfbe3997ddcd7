"""Reasons, what would have changed an award, comparisons and panel changes."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dure.errors import InputError
from dure.programme import explain, rules
from dure.programme.award import Awards, Bound, Group, Outcome
from tests.programme.naive_awards import Entry, Round, rounds
from tests.programme.test_rules import CLOSED, award, many

UNIT = 1000
ENTRIES = (
    Entry("a", 4100, 4, lot=100 * UNIT, home=1),
    Entry("b", 3600, 8, lot=100 * UNIT, least=100 * UNIT, home=1),
    Entry("c", 3500, 5, lot=100 * UNIT, least=500 * UNIT, home=2),
    Entry("d", 3400, 1, lot=100 * UNIT, home=3),
    Entry("e", 1900, 1, lot=100 * UNIT, home=3),
)
WORLD = Round(ENTRIES, (1000 * UNIT,), 1000 * UNIT, cap=700 * UNIT)


def reasons(world: Round, awards: Awards, **others: Awards) -> dict[str, explain.Reason]:
    return {r.id: r for r in explain.reasons(awards, world.candidates, world.terms, others)}


# --- reasons -------------------------------------------------------------------------------------------------------


def test_each_reason_has_its_figures() -> None:
    got = reasons(WORLD, award(WORLD, "ranked"), proportional=award(WORLD, "proportional"))
    assert [(r.awarded // UNIT, r.bound.name) for r in got.values()] == [
        (400, "FULL"), (300, "INSTITUTION"), (0, "BELOW_MINIMUM"), (0, "ENVELOPE"), (0, "CUT_OFF"),
    ]  # fmt: skip
    assert "700 units; its own was awarded 700" in got["b"].why.en
    assert "700유닛" in got["b"].why.ko
    assert "500 units" in got["c"].why.en
    assert "1,000 units of track t0, 700 were awarded" in got["d"].why.en
    assert "score of 1.9 is not above 2," in got["e"].why.en
    assert got["d"].text.en.startswith("Asked 100 units, awarded 0.")
    assert got["d"].others == {"proportional": 100 * UNIT}
    assert got["d"].text.en.endswith("in units: proportional 100.")
    assert got["a"].figures == {"place": 1}


def test_every_bound_has_a_reason_in_both_languages() -> None:
    """Every bound, on every row of a real answer: no figure is left unfilled."""
    plain = award(WORLD, "scaled")
    for bound in Bound:
        for reason in reasons(WORLD, replace(plain, bound=np.full(5, bound, np.int8))).values():
            for text in (reason.why, reason.text):
                assert re.search("[가-힣]", text.ko)
                assert not re.search("[가-힣]", text.en)
                assert not re.search("[{}]", text.ko + text.en)
            assert reason.text.ko.count("니다.") >= 2


def test_the_bounds_that_rules_set_are_worded_for_them() -> None:
    entries = tuple(Entry(f"p{k}", 3000 + k, 1000 * UNIT, party=k % 2) for k in range(4))
    world = Round(entries, (900 * UNIT,), 900 * UNIT)
    assert "party's share" in reasons(world, award(world, "partner"))["p0"].why.en
    drawn = reasons(world, award(world, "lottery"))
    assert {r.bound for r in drawn.values()} == {Bound.ENVELOPE, Bound.DRAW}
    assert any("number 4 in the draw" in r.why.en for r in drawn.values())
    low = reasons(world.having(0, score=2050), award(world.having(0, score=2050), "lottery"))["p0"]
    assert low.bound is Bound.CUT_OFF
    scaled = reasons(world, award(world, "scaled"))["p3"]
    assert f"gave {scaled.figures['formula'] // UNIT}" in scaled.why.en.replace(",", "")


def test_reasons_are_of_the_same_candidates() -> None:
    awards = award(WORLD, "ranked")
    other = award(replace(WORLD, entries=WORLD.entries[:4]), "ranked")
    with pytest.raises(ValueError, match="other candidates"):
        explain.reasons(awards, WORLD.candidates, WORLD.terms, {"proportional": other})


# --- what would change ---------------------------------------------------------------------------------------------


def changes(world: Round, rule: str, row: int) -> explain.Change:
    return explain.what_would_change(world.terms, world.candidates, world.capacity, rule, 1, row)


def test_what_would_have_changed_small_world() -> None:
    world = replace(WORLD, cap=None)  # ranked: a 400, b 600 of 800, then nothing
    full, part, none, out = (changes(world, "ranked", k) for k in (0, 1, 2, 4))
    assert full == explain.Change(4100, 4100, 400 * UNIT, 400 * UNIT)
    assert part == explain.Change(3600, 4200, 800 * UNIT, 600 * UNIT)
    assert none == explain.Change(3700, 3700, None, None)
    assert out == explain.Change(3600, 3600, None, None)  # ahead of b in the draw
    assert part.text.en == (
        "Score needed for an award: 3.6 (in full: 4.2). Ask that would have been awarded, in units: 800 (in full: 600)."
    )
    assert "3.6" in part.text.ko
    assert "-" in out.text.en


@settings(many, max_examples=25)
@given(rounds(capped=False, most=5), st.sampled_from(CLOSED), st.data())
def test_what_would_have_changed_is_the_first(world: Round, rule: str, data: st.DataObject) -> None:
    """Against every step of the scale and every number of lots, tried one after the other."""
    assume(world.entries)
    row = data.draw(st.integers(0, len(world.entries) - 1))
    entry = world.entries[row]
    if rule == "partner":
        world = world.with_parameters(contribution_CA=50, contribution_KR=30)

    def units(changed: Round) -> int:
        return int(rules.award(changed.terms, changed.candidates, changed.capacity, rule, 1).amount[row])

    change = changes(world, rule, row)
    scores = {s: units(world.having(row, score=s)) for s in range(entry.score, 5001, 100)}
    assert change.score_any == next((s for s, got in scores.items() if got), None)
    assert change.score_full == next((s for s, got in scores.items() if got == entry.ask), None)
    asks = {
        n * entry.lot: units(world.having(row, lots=n, least=min(entry.least, n * entry.lot)))
        for n in range(entry.lots, 0, -1)
    }
    nothing = [ask for ask, got in asks.items() if not got]
    if change.ask_any is None:
        assert not asks[entry.lot]
    else:
        assert asks[change.ask_any]
        assert change.ask_any == entry.ask or change.ask_any + entry.lot in nothing
    if change.ask_full is not None:
        assert asks[change.ask_full] == change.ask_full
        assert change.ask_full == entry.ask or asks[change.ask_full + entry.lot] < change.ask_full + entry.lot


# --- comparison ----------------------------------------------------------------------------------------------------


def test_compare() -> None:
    world = replace(WORLD, cap=None)
    terms = replace(world.terms, set_asides=((Group.STARTUP, 300), ("domestic", 100), (Group.JOINT, 100)))
    candidates = replace(world.candidates, groups=np.array([0, Group.STARTUP, 0, Group.STARTUP | Group.JOINT, 0]))
    both = {r: rules.award(terms, candidates, world.capacity, r, 1) for r in ("ranked", "proportional")}
    ranked, proportional = explain.compare(both, candidates, terms)
    assert ranked["rule"] == "ranked"
    assert (ranked["awarded"], ranked["reserve"], ranked["units_milli"]) == (2, 2, 1000 * UNIT)
    assert (ranked["success"], ranked["of_asked"], ranked["institutions"]) == (400, 1000 * 1000 // 1900, 1)
    assert (ranked["startup"], ranked["startup_met"]) == (600, True)
    assert (ranked["joint"], ranked["joint_met"]) == (0, False)
    assert not any("domestic" in k for k in ranked)
    assert ranked["median_part"] == 750  # of 1, 0.75, 0 and 0
    assert ranked["gini"] == (3 * 1000 + 1 * 750) * 1000 // (4 * 1750)
    assert proportional["awarded"] == 4
    assert ranked.keys() == proportional.keys()


def test_by_group_and_winners() -> None:
    world = replace(WORLD, cap=None)
    both = {r: award(world, r) for r in ("ranked", "proportional")}
    labels = {"sector": ["x", "y", "y", "x", "x"], "size": explain.sizes(world.candidates)}
    rows = explain.by_group(both, world.candidates, labels)
    assert [(r["by"], r["group"], r["applications"]) for r in rows] == [
        ("sector", "x", 3), ("sector", "y", 2), ("size", "1/3", 2), ("size", "2/3", 2), ("size", "3/3", 1),
    ]  # fmt: skip
    for by in labels:
        for rule, awards in both.items():
            assert sum(r[f"{rule}_milli"] for r in rows if r["by"] == by) == awards.amount.sum()
    assert rows[0]["ranked"] == 1000 // 3
    moved = explain.winners(both["ranked"], both["proportional"])
    assert [m["difference_milli"] for m in moved] == sorted((m["difference_milli"] for m in moved), reverse=True)
    assert sum(m["difference_milli"] for m in moved) == both["proportional"].amount.sum() - both["ranked"].amount.sum()
    assert moved[0]["id"] == "c"
    assert "d" in {m["id"] for m in moved}
    assert "e" not in {m["id"] for m in moved}


def test_equal_parts_have_no_gini() -> None:
    entries = tuple(Entry(f"a{k}", 3000, 10 * UNIT) for k in range(4))
    world = Round(entries, (20 * UNIT,), 20 * UNIT)
    rows = explain.compare({r: award(world, r) for r in ("proportional", "lottery")}, world.candidates, world.terms)
    assert [r["gini"] for r in rows] == [0, 500]
    empty = replace(world, entries=())
    assert explain.compare({"ranked": award(empty, "ranked")}, empty.candidates, empty.terms)[0]["success"] == 0


# --- panel changes -------------------------------------------------------------------------------------------------


def test_a_panel_may_change_an_award() -> None:
    before = award(WORLD, "ranked")
    after = explain.amend(before, 3, 100 * UNIT, "the only one from its region", "P. One", "P. Two")
    assert after.amount.tolist() == [400 * UNIT, 300 * UNIT, 0, 100 * UNIT, 0]
    assert after.bound[3] == Bound.PANEL
    assert after.outcome[3] == Outcome.AWARDED
    assert after.reserve_rank.tolist() == [0, 0, 1, 0, 0]
    assert not list(rules.faults(after, WORLD.terms, WORLD.candidates, WORLD.capacity))
    assert before.amount[3] == 0
    again = explain.amend(after, 1, 0, "withdrawn by its institution", "P. One", "P. Two")
    assert again.outcome[1] == Outcome.DECLINED
    assert [n.split(":")[0] for n in again.notes] == ["d", "b"]
    why = reasons(WORLD, again)["d"].why.en
    assert all(part in why for part in ("0 -> 100", "P. One", "P. Two", "the only one from its region"))
    far = explain.amend(before, 3, 900 * UNIT, "generous", "P. One", "P. Two")
    assert list(rules.faults(far, WORLD.terms, WORLD.candidates, WORLD.capacity))


def test_a_change_moves_up_those_behind_it() -> None:
    entries = tuple(Entry(f"a{k}", 3000 - k, 10) for k in range(5))
    awards = award(Round(entries, (10,), 10), "ranked")
    after = explain.amend(awards, 2, 10, "r", "x", "y")
    assert awards.reserve_rank.tolist() == [0, 1, 2, 3, 4]
    assert after.reserve_rank.tolist() == [0, 1, 0, 2, 3]
    assert explain.amend(awards, 0, 0, "r", "x", "y").reserve_rank.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("amount", "reason", "by", "second", "field"),
    [
        (1, " ", "x", "y", "reason"), (1, "r", "x", "x", "second"), (1, "r", "x", " x ", "second"),
        (1, "r", "", "y", "second"), (1, "r", "x", "", "second"), (-1, "r", "x", "y", "amount"),
    ],
)  # fmt: skip
def test_a_panel_needs_a_reason_and_two_people(amount: int, reason: str, by: str, second: str, field: str) -> None:
    with pytest.raises(InputError) as caught:
        explain.amend(award(WORLD, "ranked"), 0, amount, reason, by, second)
    assert caught.value.field == field


def test_an_amended_award_keeps_all_else() -> None:
    before = award(WORLD, "scaled")
    after = explain.amend(before, 0, before.amount[0], "r", "x", "y")
    kept = {f.name for f in fields(Awards)} - {"notes", "bound", "reserve_rank", "amount", "outcome"}
    assert all(getattr(after, name) is getattr(before, name) for name in kept)
    assert np.array_equal(after.amount, before.amount)
