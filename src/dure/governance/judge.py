"""Judging: facts and rules in, a verdict out, as of a date. Nothing here reads a clock, a file or a database.

The rules of an act are two sets. In the first are the permits and the forbids, and Cedar's own decision is the verdict: a
forbid wins, and what nothing permits is denied. In the second are the rules that ask for something, and those that fire
become obligations: in the first set a forbid would hide them, or they would deny. Allowed is only what has facts without a
fault, no error in either set, and Cedar's Allow. What a rule said is remembered by the values that it reads, for a call
of the engine costs as much as fifty look-ups of all rules.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

from dure.errors import InputError, InputErrors
from dure.governance import cedar
from dure.governance.facts import FACTS, Act, Facts, Value, faults
from dure.governance.rules import ASKS, Case, Kind, Rule, Verdict

Path = tuple[str | int, ...]
Fault = tuple[Path, str, object, str]  # key in the rule's file, message, value, accepted
Said = tuple[bool, tuple[str, ...], tuple[str, ...], tuple[str, ...]]  # allowed, reasons, obligations, faults

EXACT = 2**53 - 1  # the largest integer that every reader of JSON keeps
KEPT = 4_096  # answers that are remembered of one rule


class Remembered:
    """What one rule said of the values that it reads: its condition is a function of those, and most requests are alike."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._values = cedar.reader(rule.when)
        self._said: dict[object, bool] = {}

    def fires(self, facts: Facts) -> bool | None:
        """Whether it fires; None where that is not remembered."""
        return self._said.get(self._values(facts.values))

    def learn(self, facts: Facts, fires: bool) -> None:
        """Keep what the engine said."""
        if len(self._said) >= KEPT:
            self.forget()
        self._said[self._values(facts.values)] = fires

    def forget(self) -> None:
        """Ask the engine again next time."""
        self._said.clear()


@dataclass(frozen=True, slots=True)
class Span:
    """The rules of an act between two dates at which rules begin or end: two sets, and what is remembered of each rule."""

    decide: cedar.Compiled  # permits and forbids
    ask: cedar.Compiled
    forbids: tuple[Remembered, ...]
    permits: tuple[Remembered, ...]
    asks: tuple[Remembered, ...]


@dataclass(frozen=True)
class Rules:
    """A set of rules that has been checked (`load`), with the digest of the texts it came from."""

    rules: tuple[Rule, ...]
    digest: str
    _spans: dict[tuple[Act, int], Span] = field(default_factory=dict, init=False, repr=False, compare=False)

    def at(self, as_of_utc_s: int) -> tuple[Rule, ...]:
        """The rules that hold at a moment."""
        return tuple(r for r in self.rules if held(r, as_of_utc_s))

    @cached_property
    def _dates(self) -> list[int]:
        """Every moment at which a rule begins or ends to hold."""
        return sorted({s for r in self.rules for s in (r.from_utc_s, r.to_utc_s) if s is not None})

    @cached_property
    def remembered(self) -> tuple[Remembered, ...]:
        """Each rule with what it said so far."""
        return tuple(Remembered(r) for r in self.rules)

    def span(self, act: Act, as_of_utc_s: int) -> Span:
        """What an act is judged by at a moment."""
        key = act, bisect_right(self._dates, as_of_utc_s)
        if key not in self._spans:
            found = [one for one in self.remembered if act in one.rule.acts and held(one.rule, as_of_utc_s)]
            forbids, permits = (tuple(f for f in found if f.rule.kind is k) for k in (Kind.FORBID, Kind.PERMIT))
            asks = tuple(f for f in found if f.rule.kind in ASKS)
            decide = cedar.compiled(act, [(f.rule.id, f.rule.kind, f.rule.when) for f in forbids + permits])
            ask = cedar.compiled(act, [(f.rule.id, Kind.PERMIT, f.rule.when) for f in asks])
            self._spans[key] = Span(decide, ask, forbids, permits, asks)
        return self._spans[key]


def held(rule: Rule, as_of_utc_s: int) -> bool:
    """Whether a version of a rule holds at a moment: from its first second, to before its last."""
    return rule.from_utc_s <= as_of_utc_s and (rule.to_utc_s is None or as_of_utc_s < rule.to_utc_s)


def load(rules: Iterable[Rule], digest: str) -> Rules:
    """A set of rules, checked whole. Raises InputErrors with every fault: of each rule, of its cases, or of the set."""
    found = sorted(rules, key=lambda r: (r.id, r.from_utc_s))
    errors = [
        InputError(message, source=rule.file, field=spell(path), value=value, accepted=accepted)
        for rule in found
        for path, message, value, accepted in rule_faults(rule)
    ]
    errors += set_faults(found)
    if errors:
        raise InputErrors(errors)
    return Rules(tuple(found), digest)


def rule_faults(rule: Rule, *, run: bool = True) -> Iterator[Fault]:
    """What is wrong with one version of a rule: its dates, its condition, its cases; and, where all that is right and they
    are to be run, each case that does not come out as it says.

    For each act there must be a case in which it fires, and one somewhere in which it does not: a rule that can never fire,
    or always does, cannot have both come out.
    """
    wrong = list(_form_faults(rule))
    yield from wrong
    for n, (case, said) in enumerate(run_cases(rule) if run and not wrong else ()):
        if said:
            yield ("case", n), f"{rule.id}: {case.name}: {said}", None, f"fires = {str(case.fires).lower()}, as it says"


def _form_faults(rule: Rule) -> Iterator[Fault]:
    if rule.to_utc_s is not None and rule.to_utc_s <= rule.from_utc_s:
        yield ("valid_to",), f"{rule.id}: ends before it begins", day(rule.to_utc_s), f"after {day(rule.from_utc_s)}"
    for message, value, accepted in cedar.condition_faults(rule.acts, rule.when):
        yield ("when",), f"{rule.id}: {message}", value, accepted
    for n, case in enumerate(rule.cases):
        if case.act not in rule.acts:
            yield ("case", n, "act"), f"{case.name}: not an act of {rule.id}", case.act.value, ", ".join(rule.acts)
        for name, what in faults(case_facts(case)):
            yield ("case", n, "facts", name), f"{case.name}: {what}", case.facts.get(name), ""
    for act in rule.acts:
        if not any(case.fires and case.act is act for case in rule.cases):
            yield ("case",), f"{rule.id}: no case of {act} in which it fires", None, "one for each act"
    if all(case.fires for case in rule.cases):
        yield ("case",), f"{rule.id}: no case in which it does not fire", None, "at least one"


def run_cases(rule: Rule) -> Iterator[tuple[Case, str]]:
    """Each case, judged by its rule alone, and what happened instead; "" where it came out as it says."""
    alone = {act: cedar.compiled(act, [(rule.id, Kind.PERMIT, rule.when)]) for act in rule.acts}
    for case in rule.cases:
        answer = cedar.answer(alone[case.act], case_facts(case))
        said = "" if answer.allow == case.fires else "fires" if answer.allow else "does not fire"
        yield case, "; ".join(answer.errors) or said


def case_facts(case: Case) -> Facts:
    """The facts of a test case: the quiet ones but for what it says."""
    return Facts(case.act, {f.name: f.quiet for f in FACTS[case.act]} | dict(case.facts))


def set_faults(rules: Iterable[Rule]) -> list[InputError]:
    """What is wrong with rules as a set: versions of one id that overlap or differ in kind; an act that nothing permits."""
    errors = []
    for id, versions in groupby(sorted(rules, key=lambda r: (r.id, r.from_utc_s)), key=lambda r: r.id):
        for before, after in pairwise(versions):
            if before.to_utc_s is None or before.to_utc_s > after.from_utc_s:
                accepted = f"a day not before the end of {before.file}"
                errors.append(
                    _error(after, "valid_from", f"{id}: two versions at once", day(after.from_utc_s), accepted)
                )
            if before.kind is not after.kind:
                accepted = f"{before.kind}, as in {before.file}"
                errors.append(_error(after, "kind", f"{id}: versions of different kinds", after.kind, accepted))
    permitted = {act for r in rules if r.kind is Kind.PERMIT for act in r.acts}
    for act in Act:
        if act not in permitted:
            errors.append(InputError("no rule permits it: it would always be denied", field="acts", value=act.value))
    return errors


def _error(rule: Rule, key: str, message: str, value: str, accepted: str) -> InputError:
    return InputError(message, source=rule.file, field=key, value=value, accepted=accepted)


def judge(rules: Rules, facts: Facts, as_of_utc_s: int) -> Verdict:
    """What the rules that hold at a moment say of a request. Facts with a fault, or an error in a rule, deny."""
    wrong = tuple(f"{name}: {what}" for name, what in faults(facts))
    said: Said = (False, (), (), wrong)
    if not wrong:
        span = rules.span(facts.act, as_of_utc_s)
        said = _remembered(span, facts) or _asked(span, facts)
    return Verdict(facts.act, as_of_utc_s, *said, rules.digest, facts_digest(facts))


def _asked(span: Span, facts: Facts) -> Said:
    """Cedar's answer, learnt if it had no errors."""
    decide, ask = cedar.answer(span.decide, facts), cedar.answer(span.ask, facts)
    errors = decide.errors + ask.errors
    if not errors:
        forbidden = False
        for one in span.forbids:
            one.learn(facts, one.rule.id in decide.ids)
            forbidden |= one.rule.id in decide.ids
        for one in () if forbidden else span.permits:  # a forbid hides them
            one.learn(facts, one.rule.id in decide.ids)
        for one in span.asks:
            one.learn(facts, one.rule.id in ask.ids)
    return decide.allow and not errors, decide.ids, ask.ids, errors


def _remembered(span: Span, facts: Facts) -> Said | None:
    """The same from memory; None where a rule that counts has not been asked of such values."""
    forbids, asks = [one.fires(facts) for one in span.forbids], [one.fires(facts) for one in span.asks]
    if None in forbids or None in asks:
        return None
    denied = any(forbids)
    deciding, fired = (span.forbids, forbids) if denied else (span.permits, [o.fires(facts) for o in span.permits])
    if None in fired:
        return None
    reasons = tuple(sorted(one.rule.id for one, yes in zip(deciding, fired) if yes))
    return bool(reasons) and not denied, reasons, tuple(sorted(o.rule.id for o, yes in zip(span.asks, asks) if yes)), ()


def state_of(rule: Rule, as_of_utc_s: int) -> str:
    """Whether a version of a rule "holds" at a moment, does "not yet", or "no longer"."""
    return "holds" if held(rule, as_of_utc_s) else "not yet" if as_of_utc_s < rule.from_utc_s else "no longer"


@dataclass(frozen=True, slots=True)
class Line:
    """One version of a rule, and what it says of a request, whatever the date: only a rule that holds counts.

    `fired` is None where the facts are at fault or the rule fails on them; `state` as in `state_of`.
    """

    rule: Rule
    state: str
    fired: bool | None


def explain(rules: Rules, facts: Facts, as_of_utc_s: int) -> list[Line]:
    """Every rule about the act, those that counted and those that did not."""
    sound, lines = not any(faults(facts)), []
    for rule in (r for r in rules.rules if facts.act in r.acts):
        fired = None
        if sound:
            answer = cedar.answer(cedar.compiled(facts.act, [(rule.id, Kind.PERMIT, rule.when)]), facts)
            fired = None if answer.errors else answer.allow
        lines.append(Line(rule, state_of(rule, as_of_utc_s), fired))
    return lines


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it was logged."""

    seq: int
    act: Act
    about: str
    as_of_utc_s: int
    facts: Facts
    allowed: bool
    reasons: tuple[str, ...]
    obligations: tuple[str, ...]
    rules: str  # digest of the set that decided


@dataclass(frozen=True, slots=True)
class Change:
    """A logged decision that would have come out otherwise. Ids gained and lost are sorted."""

    seq: int
    act: Act
    about: str
    before: bool
    after: bool
    reasons_gained: tuple[str, ...]
    reasons_lost: tuple[str, ...]
    obligations_gained: tuple[str, ...]
    obligations_lost: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """What another set of rules would have changed. The parts of a log add up."""

    judged: int
    changes: tuple[Change, ...]

    def __add__(self, other: Diff) -> Diff:
        return Diff(self.judged + other.judged, self.changes + other.changes)

    def counts(self) -> dict[str, int]:
        """How many decisions were judged, and how many changed in which way."""
        found = Counter({"judged": self.judged, "changed": len(self.changes)})
        found.update("newly denied" for c in self.changes if c.before and not c.after)
        found.update("newly allowed" for c in self.changes if c.after and not c.before)
        found.update("more asked" for c in self.changes if c.obligations_gained)
        found.update("less asked" for c in self.changes if c.obligations_lost)
        return {k: found[k] for k in ("judged", "changed", "newly denied", "newly allowed", "more asked", "less asked")}


def compare(rules: Rules, decisions: Iterable[Decision], as_of_utc_s: int | None = None) -> Diff:
    """What a set of rules would have changed in logged decisions, each judged as of its own moment, or all as of one."""
    judged, changes = 0, []
    for d in decisions:
        judged += 1
        new = judge(rules, d.facts, d.as_of_utc_s if as_of_utc_s is None else as_of_utc_s)
        if (new.allowed, new.reasons, new.obligations) != (d.allowed, d.reasons, d.obligations):
            reasons = _moved(d.reasons, new.reasons)
            asked = _moved(d.obligations, new.obligations)
            changes.append(Change(d.seq, d.act, d.about, d.allowed, new.allowed, *reasons, *asked, new.faults))
    return Diff(judged, tuple(changes))


def _moved(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(sorted({*after} - {*before})), tuple(sorted({*before} - {*after}))


def facts_json(facts: Facts) -> dict[str, Any]:
    """Facts as JSON: sets as sorted lists. A value that no fact accepts is written so that it is not accepted when read."""
    return {name: _plain(value) for name, value in sorted(facts.values.items())}


def _plain(value: Value | object) -> Any:
    if isinstance(value, frozenset):
        return sorted(v if isinstance(v, str) else f"<{v!r}>" for v in value)
    if isinstance(value, bool | str) or (isinstance(value, int) and abs(value) <= EXACT):
        return value
    return f"<{value!r}>"


def facts_digest(facts: Facts) -> str:
    """SHA-256 of the facts as JSON, keys and sets sorted."""
    text = json.dumps(facts_json(facts), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def spell(path: Path) -> str:
    """`case[3].facts.listed`, cases counted from 1 as people do."""
    return "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")


def day(utc_s: int) -> str:
    """The day of a moment, UTC, as 2026-01-22."""
    return datetime.fromtimestamp(utc_s, UTC).date().isoformat()
