"""`judge` and what is around it, as an opponent would use them: nothing that is wrong, missing or broken may end in Allow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.formats.rules import facts_from, load_shipped
from dure.governance.facts import FACTS, Act, Fact, Facts, Type
from dure.governance.judge import Decision, Diff, Rules, compare, explain, facts_digest, facts_json, judge
from dure.governance.rules import ASKS, Kind, Rule, Source
from dure.vocabulary import Text

NOW = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
NO_SOURCE = Source("law", "paragraph", "where", "2026-11", "low")
EVERY = [pytest.param(act, f.name, id=f"{act}-{f.name}") for act in Act for f in FACTS[act]]


def quiet(act: Act, **more: Any) -> Facts:
    return Facts(act, {f.name: f.quiet for f in FACTS[act]} | more)


def rule(
    id: str, kind: Kind, when: str, *acts: Act, start: int = 0, end: int | None = None, cases: tuple[Any, ...] = ()
) -> Rule:
    """A rule whose texts say nothing."""
    text = Text("글", "text")
    return Rule(
        id, kind, acts or (Act.AWARD,), "KR", text, text, text, NO_SOURCE, start, end, when, cases, f"{id}-{start}.toml"
    )


def a_set(*rules: Rule) -> Rules:
    """Rules as they are, unchecked: what `load` would refuse must be denied all the same."""
    return Rules(tuple(sorted(rules, key=lambda r: (r.id, r.from_utc_s))), "digest")


PERMIT = rule("open", Kind.PERMIT, "true")


def some(fact: Fact) -> st.SearchStrategy[Any]:
    """Any value that a fact accepts."""
    least = 0 if fact.empty else 1
    country = st.sampled_from(("KR", "CA", "US", "CN", "DE", "unknown"))
    return {
        Type.BOOL: st.booleans(),
        Type.INT: st.integers(0, fact.most),
        Type.WORD: st.sampled_from(fact.accepted or ("",)),
        Type.COUNTRY: country,
        Type.WORDS: st.frozensets(st.sampled_from(fact.accepted or ("H200", "910B")), min_size=least),
        Type.COUNTRIES: st.frozensets(country, min_size=least),
    }[fact.type]


@st.composite
def requests(draw: st.DrawFn) -> Facts:
    """Facts that are quiet but for a few: allowed often enough that a wrong Allow would show."""
    act = draw(st.sampled_from(list(Act)))
    loud = draw(st.lists(st.sampled_from(FACTS[act]), max_size=3, unique_by=lambda f: f.name))
    return quiet(act, **{f.name: draw(some(f)) for f in loud})


# Nothing that is wrong ends in Allow.


@pytest.mark.parametrize(("act", "name"), EVERY)
def test_a_missing_fact_denies_and_is_named(act: Act, name: str) -> None:
    values = dict(quiet(act).values)
    del values[name]
    verdict = judge(load_shipped(), Facts(act, values), NOW)
    assert (verdict.allowed, verdict.faults) == (False, (f"{name}: missing",))
    assert verdict.reasons == verdict.obligations == ()


@given(requests(), st.data())
@settings(deadline=None, max_examples=60)
def test_taking_any_fact_away_never_allows(facts: Facts, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(facts.values)))
    left = {n: v for n, v in facts.values.items() if n != name}
    assert not judge(load_shipped(), Facts(facts.act, left), NOW).allowed


@pytest.mark.parametrize("act", Act)
def test_nothing_and_too_much(act: Act) -> None:
    assert judge(load_shipped(), quiet(act), NOW).allowed
    for facts in (Facts(act, {}), quiet(act, nationality="KR"), quiet(act, **{"": 1})):
        verdict = judge(load_shipped(), facts, NOW)
        assert not verdict.allowed
        assert verdict.faults


ODD = (None, 1, 0, -1, 2**53, 2**63, 10**26, 1.0, float("nan"), "", "true", "yess", "KOR", "kr", b"KR", [], ["KR"], {})


@pytest.mark.parametrize(("act", "name"), EVERY)
def test_a_value_of_the_wrong_type_denies_also_when_it_was_logged(act: Act, name: str) -> None:
    fact = next(f for f in FACTS[act] if f.name == name)
    wrong = [*ODD, frozenset({1}), frozenset({"<"}), {"KR"}, *([] if fact.type is Type.BOOL else [True, False])]
    for value in wrong:
        facts = quiet(act, **{name: value})
        if fact.type is Type.INT and type(value) is int and 0 <= value <= fact.most:
            continue
        verdict = judge(load_shipped(), facts, NOW)
        assert not verdict.allowed, value
        assert [f.split(":")[0] for f in verdict.faults] == [name]
        logged = facts_from(act, json.loads(json.dumps(facts_json(facts), allow_nan=False)))
        again = judge(load_shipped(), logged, NOW)
        if value != []:  # a list is how a set is logged
            assert not again.allowed, value


def test_a_list_that_was_given_for_a_set_is_not_logged_as_one() -> None:
    facts = quiet(Act.AWARD, chip_classes=["below"])
    assert isinstance(facts_json(facts)["chip_classes"], str)
    assert not judge(load_shipped(), facts_from("award", facts_json(facts)), NOW).allowed


OVERFLOW = "context.flop_kr_pflop * 9000000000000 > 1"


@pytest.mark.parametrize("kind", Kind)
def test_a_rule_that_fails_denies_whatever_it_is(kind: Kind) -> None:
    """Cedar skips a policy that fails: a forbid would be no forbid, a question not asked."""
    rules = a_set(replace(PERMIT, acts=(Act.TRAIN,)), rule("x", kind, OVERFLOW, Act.TRAIN))
    few, many = (judge(rules, quiet(Act.TRAIN, flop_kr_pflop=n), NOW) for n in (1, 10**9))
    assert few.allowed == (kind is not Kind.FORBID)
    assert not few.faults
    assert not many.allowed
    assert "overflow" in many.faults[0]
    assert "x" in many.faults[0]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "when", ['context.nobody == "x"', "context.end_use > 3", 'context has nobody && context.nobody == "x"']
)
def test_an_unchecked_rule_about_no_fact_or_of_a_wrong_type_never_allows(kind: Kind, when: str) -> None:
    rules = a_set(PERMIT, rule("x", kind, when))
    verdict = judge(rules, quiet(Act.AWARD), NOW)
    assert not verdict.allowed or "has" in when  # nothing fails there: `load` refuses it
    assert bool(verdict.faults) != ("has" in when)


def test_what_is_remembered_is_the_answer_and_an_error_never_is(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = cedarpy.is_authorized, list[Any]()
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *given: [calls.append(1), real(*given)][1])
    yes, many = 'context.listed == "yes"', "context.flop_kr_pflop * 9000000000000 > 1"
    rules = a_set(
        replace(PERMIT, acts=(Act.TRAIN,)),
        rule("x", Kind.FORBID, yes, Act.TRAIN),
        rule("y", Kind.DUTY, many, Act.TRAIN),
    )
    asked = [
        quiet(Act.TRAIN, listed=listed, flop_kr_pflop=n) for n in (0, 10**9) for listed in ("no", "yes", "unknown")
    ]
    first = [judge(rules, facts, NOW) for facts in asked]
    before = len(calls)
    assert [v.allowed for v in first] == [True, False, True, False, False, False]
    assert [judge(rules, facts, NOW) for facts in asked] == first
    assert len(calls) - before == 2 * 3  # those that failed are asked again
    assert judge(rules, quiet(Act.TRAIN, end_use="wmd"), NOW).allowed  # nothing that a rule reads is new
    assert len(calls) - before == 2 * 3


def test_nothing_permits() -> None:
    for rules in (a_set(), a_set(rule("ask", Kind.FLAG, "true")), a_set(rule("shut", Kind.PERMIT, "false"))):
        verdict = judge(rules, quiet(Act.AWARD), NOW)
        assert (verdict.allowed, verdict.reasons, verdict.faults) == (False, (), ())
    before_any = int(datetime(2019, 12, 31, tzinfo=UTC).timestamp())
    assert not any(judge(load_shipped(), quiet(act), before_any).allowed for act in Act)


class Said:
    """What the policy engine might say if it were broken."""

    def __init__(self, decision: cedarpy.Decision, errors: list[str]) -> None:
        self.decision, self.diagnostics = decision, self
        self.errors, self.reasons = errors, ["open"]


@pytest.mark.parametrize("broken", [0, 1])
@pytest.mark.parametrize(
    "said",
    [
        Said(cedarpy.Decision.Allow, ["an error"]),
        Said(cedarpy.Decision.NoDecision, []),
        Said(cedarpy.Decision.NoDecision, ["x"]),
    ],
)
def test_an_engine_that_is_not_sure_denies_in_either_set(
    said: Said, broken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = cedarpy.is_authorized, list[Any]()

    def engine(*given: Any) -> Any:
        calls.append(given)
        return said if len(calls) - 1 == broken else real(*given)

    monkeypatch.setattr(cedarpy, "is_authorized", engine)
    verdict = judge(a_set(PERMIT), quiet(Act.AWARD), NOW)
    assert not verdict.allowed
    assert verdict.faults
    assert len(calls) == 2


def test_the_schema_is_passed_in_both_sets_and_holds_what_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    real, schemas = cedarpy.is_authorized, list[str]()

    def engine(request: Any, policies: Any, entities: Any, schema: Any) -> Any:
        schemas.append(str(schema))
        assert set(json.loads(request["context"])) == {f.name for f in FACTS[Act.AWARD] if f.name in str(schema)}
        return real(request, policies, entities, schema)

    monkeypatch.setattr(cedarpy, "is_authorized", engine)
    rules = a_set(
        PERMIT, rule("x", Kind.FORBID, 'context.listed == "yes"'), rule("y", Kind.DUTY, 'context.end_use == "wmd"')
    )
    assert judge(rules, quiet(Act.AWARD), NOW).allowed
    assert ["listed" in s for s in schemas] == [True, False]
    assert ["end_use" in s for s in schemas] == [False, True]


# What fired.


def test_all_that_fired_is_named_and_nothing_hides_anything() -> None:
    asks = [rule(f"ask-{kind}", kind, "true") for kind in ASKS]
    two = [rule("no-b", Kind.FORBID, "true"), rule("no-a", Kind.FORBID, "true")]
    other = rule("open-too", Kind.PERMIT, "true")
    silent = [rule("not-a", Kind.FORBID, "false"), rule("not-b", Kind.DUTY, "false")]
    elsewhere = [rule("far-a", Kind.FORBID, "true", Act.PLACE), rule("far-b", Kind.FLAG, "true", Act.PLACE)]
    allowed = judge(a_set(PERMIT, other, *asks, *silent, *elsewhere), quiet(Act.AWARD), NOW)
    denied = judge(a_set(PERMIT, other, *asks, *silent, *elsewhere, *two), quiet(Act.AWARD), NOW)
    assert (allowed.allowed, allowed.reasons) == (True, ("open", "open-too"))
    assert (denied.allowed, denied.reasons) == (False, ("no-a", "no-b"))
    assert allowed.obligations == denied.obligations == tuple(sorted(r.id for r in asks))
    assert judge(a_set(*two), quiet(Act.AWARD), NOW).reasons == ("no-a", "no-b")  # without a permit too


CONDITIONS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "true": lambda f: True,
    'context.listed == "yes"': lambda f: f["listed"] == "yes",
    'context.listed != "no"': lambda f: f["listed"] != "no",
    'context.chip_classes.containsAny(["below", "unknown"])': lambda f: bool(f["chip_classes"] & {"below", "unknown"}),
    'context.site_countries.contains(context.parent_country) || context.end_use == "civil"': lambda f: (
        f["parent_country"] in f["site_countries"] or f["end_use"] == "civil"
    ),
    '!(["CN", "unknown"].contains(context.headquarters_country))': lambda f: (
        f["headquarters_country"] not in ("CN", "unknown")
    ),
}
MOMENTS = st.integers(0, 6)


@st.composite
def versions(draw: st.DrawFn) -> Rule:
    kind = draw(st.sampled_from([*Kind, Kind.PERMIT, Kind.PERMIT]))
    start, end = draw(MOMENTS), draw(st.none() | MOMENTS)
    return rule("x", kind, draw(st.sampled_from(sorted(CONDITIONS))), start=start, end=end)


@given(
    st.lists(versions(), max_size=7),
    st.fixed_dictionaries({f.name: some(f) for f in FACTS[Act.AWARD]}),
    st.lists(st.integers(-1, 7), min_size=1, max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_verdicts_equal_those_worked_out_by_hand(found: list[Rule], values: dict[str, Any], moments: list[int]) -> None:
    rules = a_set(*(replace(r, id=f"r{i}") for i, r in enumerate(found)))
    for at in moments:
        fired = [
            r for r in rules.rules
            if r.from_utc_s <= at and (r.to_utc_s is None or at < r.to_utc_s) and CONDITIONS[r.when](values)
        ]  # fmt: skip
        permits, forbids = ([r.id for r in fired if r.kind is kind] for kind in (Kind.PERMIT, Kind.FORBID))
        verdict = judge(rules, Facts(Act.AWARD, values), at)
        assert judge(rules, Facts(Act.AWARD, values), at) == verdict  # now from memory
        assert verdict.allowed == (bool(permits) and not forbids)
        assert verdict.reasons == tuple(forbids or permits)
        assert verdict.obligations == tuple(r.id for r in fired if r.kind in ASKS)
        lines = explain(rules, Facts(Act.AWARD, values), at)
        assert {one.rule.id for one in lines if one.state == "holds" and one.fired} == {r.id for r in fired}
        assert len(lines) == len(rules.rules)


# Dates.


def test_a_version_holds_from_its_first_second_to_before_its_last() -> None:
    rules = a_set(PERMIT, rule("x", Kind.FORBID, "true", start=100, end=200), rule("x", Kind.FORBID, "true", start=300))
    said = {at: judge(rules, quiet(Act.AWARD), at).allowed for at in (99, 100, 199, 200, 299, 300, 10**11)}
    assert said == {99: True, 100: False, 199: False, 200: True, 299: True, 300: False, 10**11: False}
    assert [r.from_utc_s for r in rules.at(150)] == [0, 100]
    states = [[one.state for one in explain(rules, quiet(Act.AWARD), at)] for at in (0, 150, 250, 300)]
    assert states == [
        ["holds", "not yet", "not yet"],
        ["holds", "holds", "not yet"],
        ["holds", "no longer", "not yet"],
        ["holds", "no longer", "holds"],
    ]


@pytest.mark.parametrize(
    ("facts", "rule_id", "day", "before", "after"),
    [
        (quiet(Act.TRAIN, flop_us_pflop=10**11 + 1), "us-eo-14110", (2025, 1, 20), True, False),
        (quiet(Act.TRAIN, flop_us_pflop=10**11 + 1), "us-eo-14110", (2023, 10, 30), False, True),
        (
            quiet(Act.TRAIN, flop_kr_pflop=10**11, state_of_the_art="yes", broad_risk="yes"),
            "kr-ai-safety", (2026, 1, 22), False, True,
        ),
        (quiet(Act.TRAIN, flop_eu_pflop=10**10 + 1, markets=frozenset({"EU"})), "eu-systemic-risk", (2025, 8, 2), False, True),
    ],
)  # fmt: skip
def test_an_old_decision_is_judged_by_the_law_of_its_day(
    facts: Facts, rule_id: str, day: tuple[int, int, int], before: bool, after: bool
) -> None:
    at = int(datetime(*day, tzinfo=UTC).timestamp())
    seen = [rule_id in judge(load_shipped(), facts, moment).obligations for moment in (at - 1, at)]
    assert seen == [before, after]


def test_the_order_of_questions_leaves_no_trace() -> None:
    """What is compiled for one date is not used for another."""
    facts = quiet(Act.TRAIN, flop_us_pflop=10**11 + 1, markets=frozenset({"KR", "US-CA"}))
    moments = [NOW, 1_600_000_000, 1_700_000_000, NOW, 1_700_000_000, 10**10, 0]
    fresh = [judge(replace(load_shipped()), facts, at) for at in moments]
    kept = load_shipped()
    assert [judge(kept, facts, at) for at in moments] == fresh
    assert len({v.obligations for v in fresh}) > 2


def test_explain_says_nothing_of_facts_at_fault() -> None:
    lines = explain(load_shipped(), Facts(Act.AWARD, {}), NOW)
    assert {one.fired for one in lines} == {None}
    assert {one.rule.id for one in lines} == {r.id for r in load_shipped().rules if Act.AWARD in r.acts}


# Digests and JSON.


@given(requests())
@settings(deadline=None, max_examples=60)
def test_facts_survive_json_and_their_digest_is_of_their_canonical_form(facts: Facts) -> None:
    assert facts_from(facts.act, json.loads(json.dumps(facts_json(facts)))) == facts
    plain = {k: sorted(v) if isinstance(v, frozenset) else v for k, v in facts.values.items()}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert facts_digest(facts) == hashlib.sha256(text.encode()).hexdigest()
    backwards = Facts(facts.act, dict(reversed(list(facts.values.items()))))
    assert facts_digest(backwards) == facts_digest(facts)


def test_a_verdict_names_its_rules_and_facts() -> None:
    verdict = judge(load_shipped(), quiet(Act.PLACE), NOW)
    assert verdict.rules == load_shipped().digest
    assert verdict.facts == facts_digest(quiet(Act.PLACE)) != facts_digest(quiet(Act.PLACE, site_country="CA"))
    assert (verdict.act, verdict.as_of_utc_s) == (Act.PLACE, NOW)


# Comparing.


def logged(seq: int, facts: Facts, at: int = NOW) -> Decision:
    v = judge(load_shipped(), facts, at)
    return Decision(seq, facts.act, f"thing-{seq}", at, facts, v.allowed, v.reasons, v.obligations, v.rules)


@given(st.lists(requests(), max_size=12), st.data())
@settings(deadline=None, max_examples=25)
def test_compare_finds_exactly_what_changed(asked: list[Facts], data: st.DataObject) -> None:
    rules = load_shipped()
    log = [logged(i, facts) for i, facts in enumerate(asked)]
    assert compare(rules, log) == Diff(len(log), ())
    gone = data.draw(st.sampled_from(["KR", "US", "programme"]))
    fewer = a_set(*(r for r in rules.rules if r.jurisdiction != gone))
    changed = {}
    for d in log:
        new = judge(fewer, d.facts, NOW)
        if (new.allowed, {*new.reasons}, {*new.obligations}) != (d.allowed, {*d.reasons}, {*d.obligations}):
            changed[d.seq] = new
    found = compare(fewer, log)
    assert [c.seq for c in found.changes] == sorted(changed)
    for c in found.changes:
        old, new = log[c.seq], changed[c.seq]
        assert (c.before, c.after, c.about) == (old.allowed, new.allowed, old.about)
        assert {*old.reasons} - {*c.reasons_lost} | {*c.reasons_gained} == {*new.reasons}
        assert {*old.obligations} - {*c.obligations_lost} | {*c.obligations_gained} == {*new.obligations}
    half = len(log) // 2
    assert compare(fewer, log[:half]) + compare(fewer, log[half:]) == found


def test_a_diff_counts_and_names() -> None:
    facts = quiet(Act.AWARD, listed="yes", end_use="unknown")
    log = [logged(7, facts), logged(8, quiet(Act.AWARD))]
    without = a_set(*(r for r in load_shipped().rules if r.id not in ("us-listed", "dure-end-use-unknown")))
    found = compare(without, log)
    (change,) = found.changes
    assert (change.seq, change.before, change.after) == (7, False, True)
    assert (change.reasons_gained, change.reasons_lost) == (("dure-party",), ("us-listed",))
    assert (change.obligations_gained, change.obligations_lost) == ((), ("dure-end-use-unknown",))
    assert found.counts() == {
        "judged": 2, "changed": 1, "newly denied": 0, "newly allowed": 1, "more asked": 0, "less asked": 1,
    }  # fmt: skip


def test_a_log_can_be_judged_as_of_its_own_days_or_of_one() -> None:
    at = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
    log = [logged(1, quiet(Act.TRAIN, flop_us_pflop=10**11 + 1), at)]
    assert log[0].obligations == ("us-eo-14110",)
    assert compare(load_shipped(), log).changes == ()
    (change,) = compare(load_shipped(), log, NOW).changes
    assert change.obligations_lost == ("us-eo-14110",)
