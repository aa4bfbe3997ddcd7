"""`governance.facts`: what each act is asked about, and that no request with a wrong value gets past `faults`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.governance.facts import FACTS, UNKNOWN, YES_NO, Act, Fact, Facts, Type, Value, accepted, faults

PAIRS = [pytest.param(act, f, id=f"{act}-{f.name}") for act in Act for f in FACTS[act]]
CAPITALS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
COUNTRY = CAPITALS | st.just(UNKNOWN)
SHORT = st.sampled_from(("H200", "910B", "a", "0" * 60, "A b.c_d/e:f+g-h"))


class Two(IntEnum):
    """A number that is not written as one."""

    TWO = 2


def quiet(act: Act) -> dict[str, Value]:
    return {f.name: f.quiet for f in FACTS[act]}


def found(act: Act, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return list(faults(Facts(act, values)))


def right(fact: Fact) -> st.SearchStrategy[Any]:
    """Any value that the fact's own declaration says is right."""
    return {
        Type.BOOL: st.booleans(),
        Type.INT: st.integers(0, fact.most) | st.sampled_from([0, fact.most]),
        Type.WORD: st.sampled_from(fact.accepted or ("",)),
        Type.COUNTRY: COUNTRY,
        Type.WORDS: st.frozensets(
            st.sampled_from(fact.accepted) if fact.accepted else SHORT, min_size=not fact.empty, max_size=3
        ),
        Type.COUNTRIES: st.frozensets(COUNTRY, min_size=not fact.empty, max_size=3),
    }[fact.type]


def wrong(fact: Fact) -> Iterator[Any]:
    """Values that look nearly right, and values of every other type."""
    yield from (None, 0.0, 1.5, float("nan"), b"KR", (), [], {}, set(), {"KR"}, ["KR"], ("KR",), object())
    if fact.type is not Type.BOOL:
        yield from (True, False)
    if fact.type is Type.INT:
        yield from (-1, fact.most + 1, 10**26, 2**63, "0", "1", 1e3)
    else:
        yield from (0, 1, -1, Two.TWO)
    if not fact.empty:
        yield frozenset()
    if fact.type not in (Type.WORDS, Type.COUNTRIES):
        yield from (frozenset(), frozenset({"KR"}), frozenset({UNKNOWN}))
    else:
        yield from (
            frozenset(w) for w in ([""], [0], [True], [None], ["KR", 1], ["KR", None], [("KR",)], [frozenset()])
        )
        yield from (frozenset({w}) for w in (" KR", "KR\n", "한국", "a" * 61, "-KR", "KR\x00"))
    if fact.type in (Type.WORD, Type.COUNTRY, Type.BOOL, Type.INT):
        yield from ("", " ", "true", "Yes", "kr", "KOR", "K", "KR ", " KR", "KR\n", "K1", "ＫＲ", "unknown ", "UNKNOWN")
    for word in fact.accepted:
        close = (word + " ", word + "\n", word.swapcase(), word[:-1], word + "x")
        words = [w for w in close if w not in fact.accepted]
        yield from words if fact.type is Type.WORD else (frozenset({fact.accepted[0], w}) for w in words)
    if fact.type is Type.COUNTRIES:
        yield from (frozenset({w}) for w in ("kr", "KOR", "K", "", "Unknown"))


RIGHT = {act: st.fixed_dictionaries({f.name: right(f) for f in FACTS[act]}) for act in Act}
WRONG = {f.name: tuple(wrong(f)) for facts in FACTS.values() for f in facts}


def test_acts_and_names() -> None:
    assert set(FACTS) == set(Act)
    for act, facts in FACTS.items():
        names = [f.name for f in facts]
        assert len(names) == len(set(names)), act
        assert all(n.isidentifier() and n == n.lower() for n in names)


def test_one_name_means_one_thing_in_every_act() -> None:
    seen: dict[str, Fact] = {}
    for fact in (f for facts in FACTS.values() for f in facts):
        assert seen.setdefault(fact.name, fact) == fact


def test_declarations_are_whole() -> None:
    for fact in {f.name: f for facts in FACTS.values() for f in facts}.values():
        assert fact.meaning
        assert len(fact.accepted) == len(set(fact.accepted))
        assert not fact.accepted or fact.type in (Type.WORD, Type.WORDS), fact.name
        assert fact.type is not Type.WORD or len(fact.accepted) >= 2, fact.name
        assert fact.name.endswith("_pflop") == (fact.unit == "10^15 FLOP"), fact.name
        # Whatever a rule multiplies must stay an integer that every reader of JSON keeps exact.
        assert 0 < fact.most <= 2**53 - 1
        if set(fact.accepted) & {"yes", "no"}:
            assert fact.accepted == YES_NO, fact.name  # no yes-or-no without a word for not knowing
    modifier = {f.name: f.most for f in FACTS[Act.TRAIN]}
    assert 3 * modifier["modification_pflop"] <= 2**53 - 1
    assert all(modifier[f"flop_{place}_pflop"] > 10**11 for place in ("kr", "eu", "us"))  # 10^26 FLOP must fit


@pytest.mark.parametrize("act", Act)
def test_quiet_facts_have_no_fault(act: Act) -> None:
    assert found(act, quiet(act)) == []


@given(data=st.data(), act=st.sampled_from(list(Act)))
@settings(deadline=None, max_examples=100)
def test_right_facts_have_no_fault(data: st.DataObject, act: Act) -> None:
    assert found(act, data.draw(RIGHT[act])) == []


@pytest.mark.parametrize(("act", "fact"), PAIRS)
def test_each_wrong_value_is_one_fault_of_that_fact(act: Act, fact: Fact) -> None:
    for value in WRONG[fact.name]:
        values: dict[str, Any] = quiet(act) | {fact.name: value}
        assert found(act, values) == [(fact.name, f"not {accepted(fact)}")], repr(value)


@pytest.mark.parametrize(("act", "fact"), PAIRS)
def test_a_fact_left_out_is_missing(act: Act, fact: Fact) -> None:
    values = quiet(act)
    del values[fact.name]
    assert found(act, values) == [(fact.name, "missing")]


@pytest.mark.parametrize("act", Act)
def test_a_fact_of_another_act_is_no_fact(act: Act) -> None:
    known = {f.name for f in FACTS[act]}
    others = {f.name: f.quiet for facts in FACTS.values() for f in facts if f.name not in known}
    others |= {"nationality": "KR", "": "x", act.value: True}
    assert found(act, quiet(act) | others) == [(name, "no such fact") for name in sorted(others)]


@given(data=st.data(), act=st.sampled_from(list(Act)))
@settings(deadline=None, max_examples=100)
def test_faults_are_exactly_the_facts_that_were_spoilt(data: st.DataObject, act: Act) -> None:
    values: dict[str, Any] = dict(data.draw(RIGHT[act]))
    spoilt = data.draw(st.sets(st.sampled_from(sorted(values)), max_size=6))
    for name in sorted(spoilt):
        value = data.draw(st.sampled_from((*WRONG[name], "left out")))
        values[name] = value
        if value == "left out":
            del values[name]
    assert sorted(name for name, _ in found(act, values)) == sorted(spoilt)


@pytest.mark.parametrize("act", Act)
def test_nothing_given_is_a_fault_for_every_fact(act: Act) -> None:
    assert found(act, {}) == [(f.name, "missing") for f in FACTS[act]]
