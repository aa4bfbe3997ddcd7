"""A pledge as it stands is the fold of the decisions that people took on it. A value is replaced, never added to.

Each decision names the pledge, the day from which it holds, its sequence (the order in which it was taken), who took it and
why. `fold` takes those that hold at a day; one that can not be taken there (`refusal`) changes nothing. What one pledge says is
decided by days, not by the order in which people heard of it: of two revisions the one that holds from the later day holds,
whichever was entered first. Everything else goes by the sequence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Final, TypeAlias

from dure.mentions.model import Bound, Kind
from dure.pledges.model import ClaimStatus, Firmness, Pledge


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What every decision says."""

    pledge: str  # id
    on: date  # the day from which it holds
    sequence: int  # decisions are taken in this order
    by: str = ""  # who decided
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept(Decided):
    """A mention is a promise: the pledge begins."""

    title: str
    actor: str
    kind: Kind
    low: int
    high: int
    unit: str
    bound: Bound = Bound.EXACT
    begin: date | None = None
    deadline: date | None = None
    firmness: Firmness = Firmness.STATEMENT
    made: date | None = None
    mention: str = ""  # which one, in the store's words


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Decided):
    """New values; None leaves one as it is. The base of `Correct` and `Revise`."""

    title: str | None = None
    actor: str | None = None
    low: int | None = None
    high: int | None = None
    unit: str | None = None
    bound: Bound | None = None
    begin: date | None = None
    deadline: date | None = None
    cleared: tuple[str, ...] = ()  # of "begin" and "deadline": those that it has none of


@dataclass(frozen=True, slots=True, kw_only=True)
class Correct(Change):
    """It was read wrongly: the promise itself did not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revise(Change):
    """Whoever promised changed the promise; the new values take the old ones' place."""

    mention: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(Decided):
    """It is no pledge; it leaves the list. It may be accepted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Decided):
    """A further mention of it. `independent`: in a document that is no copy of one linked before, and says the same."""

    mention: str
    independent: bool = False
    published: date | None = None  # of its document


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute(Decided):
    """Something contradicts it; `why` says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support(Decided):
    """A person found what bears it out; this settles disputes. `why` names the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupport(Decided):
    """A person looked for support and found none; stays until a person finds some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm(Decided):
    """How firm it is from now on."""

    firmness: Firmness


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Decided):
    """What its delivery is measured by (`delivery.measure_refused` says whether it can); "" takes the measure away."""

    measure: str
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supersede(Decided):
    """Another pledge took its place."""

    successor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Decided):
    """It is a part of another pledge ("": of none any more). Neither adds anything to the other."""

    whole: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Decided):
    """Whoever promised took it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside(Decided):
    """A figure from outside Dure's records, as of `on`. Makes "outside" the measure where there is none."""

    value: int
    unit: str
    source: str


Decision: TypeAlias = (
    Accept
    | Correct
    | Revise
    | Reject
    | Link
    | Dispute
    | Support
    | Unsupport
    | Firm
    | Measured
    | Supersede
    | Part
    | Withdraw
    | Outside
)
OUTSIDE: Final = "outside"  # the measure whose figures people enter
_CHANGED: Final = ("title", "actor", "low", "high", "unit", "bound", "begin", "deadline")


def fold(decisions: Iterable[Decision], as_of: date) -> dict[str, Pledge]:
    """The pledges at a day, by id, in the order of their acceptance."""
    state: dict[str, Pledge] = {}
    for decision in _in_order([d for d in decisions if d.on <= as_of]):
        if not refusal(state, decision):
            _take(state, decision)
    return state


def _in_order(decisions: Iterable[Decision]) -> list[Decision]:
    """By sequence; those of one pledge that replace values by their days, in the places that they have among the rest."""
    order = sorted(decisions, key=lambda d: d.sequence)
    lives: dict[str, list[list[int]]] = defaultdict(lambda: [[]])
    for place, decision in enumerate(order):
        if isinstance(decision, Change | Firm | Measured):
            lives[decision.pledge][-1].append(place)
        elif isinstance(decision, Accept | Reject):
            lives[decision.pledge].append([])
    for places in (places for some in lives.values() for places in some):
        for place, decision in zip(
            places, sorted((order[p] for p in places), key=lambda d: (d.on, d.sequence)), strict=True
        ):
            order[place] = decision
    return order


def refusal(state: Mapping[str, Pledge], decision: Decision) -> str:
    """Why a decision cannot be taken on these pledges; "" where it can."""
    pledge = state.get(decision.pledge)
    if isinstance(decision, Accept):
        return f"pledge {decision.pledge} is there already" if pledge else _no_range(decision.low, decision.high)
    if pledge is None:
        return f"there is no pledge {decision.pledge} at that day"
    if isinstance(decision, Change):
        return _change_refused(pledge, decision)
    if isinstance(decision, Dispute | Support | Unsupport) and not decision.why.strip():
        return "a reason is needed"
    if isinstance(decision, Supersede):
        return _circle(state, decision.pledge, decision.successor, "superseded_by")
    if isinstance(decision, Part) and decision.whole:
        return _circle(state, decision.pledge, decision.whole, "part_of")
    if isinstance(decision, Outside) and not decision.source.strip():
        return "a figure from outside needs its source"
    return ""


def _no_range(low: int, high: int) -> str:
    return "" if low <= high else f"the low value {low} is above the high value {high}"


def _change_refused(pledge: Pledge, change: Change) -> str:
    if not set(change.cleared) <= {"begin", "deadline"}:
        return "only begin and deadline can be cleared"
    if not change.cleared and all(getattr(change, name) is None for name in _CHANGED):
        return "nothing changes"
    new = _changed(pledge, change)
    return _no_range(new.low, new.high)


def _circle(state: Mapping[str, Pledge], pledge: str, other: str, name: str) -> str:
    """Why `name` of a pledge cannot be another: that is not there, or comes back to the first."""
    if other not in state:
        return f"there is no pledge {other} at that day"
    seen, place = {pledge}, other
    while place:
        if place in seen:
            return f"{other} is itself {name.replace('_', ' ')} {pledge}, or is the same"
        seen.add(place)
        place = getattr(state[place], name) if place in state else ""
    return ""


def _take(state: dict[str, Pledge], decision: Decision) -> None:
    name = decision.pledge
    if isinstance(decision, Accept):
        state[name] = _accepted(decision)
        return
    pledge = state[name]
    if isinstance(decision, Reject):
        del state[name]
        for other in [p for p in state.values() if name in (p.superseded_by, p.supersedes, p.part_of)]:
            state[other.id] = replace(
                other,
                superseded_by="" if other.superseded_by == name else other.superseded_by,
                supersedes="" if other.supersedes == name else other.supersedes,
                part_of="" if other.part_of == name else other.part_of,
            )
    elif isinstance(decision, Supersede):
        before = state.get(pledge.superseded_by)
        if before is not None and before.supersedes == name:
            state[before.id] = replace(before, supersedes="")
        state[name] = replace(pledge, superseded_by=decision.successor)
        state[decision.successor] = replace(state[decision.successor], supersedes=name)
    else:
        state[name] = _next(pledge, decision)


def _accepted(decision: Accept) -> Pledge:
    shared = {f.name: getattr(decision, f.name) for f in fields(Accept) if f.name in _PLEDGE_FIELDS}
    return Pledge(id=decision.pledge, claim=ClaimStatus.CLAIMED, **shared)


_PLEDGE_FIELDS: Final = frozenset(f.name for f in fields(Pledge))


def _changed(pledge: Pledge, change: Change) -> Pledge:
    """The pledge with the new values. A new low alone moves the high with it where they were equal."""
    new = dict.fromkeys(change.cleared) | {n: getattr(change, n) for n in _CHANGED if getattr(change, n) is not None}
    if pledge.low == pledge.high and ("low" in new) != ("high" in new):
        new["low"] = new["high"] = new.get("low", new.get("high"))
    return replace(pledge, **new)  # type: ignore[arg-type]  # of the fields' own types, but for those cleared


def _next(pledge: Pledge, decision: Decision) -> Pledge:
    """What one pledge becomes by a decision that concerns no other."""
    match decision:
        case Revise():
            return replace(_changed(pledge, decision), revisions=pledge.revisions + 1)
        case Correct():
            return _changed(pledge, decision)
        case Link():
            corroborated = decision.independent and pledge.claim is ClaimStatus.CLAIMED
            dates = [day for day in (pledge.made, decision.published) if day is not None]
            claim = ClaimStatus.CORROBORATED if corroborated else pledge.claim
            return replace(pledge, claim=claim, made=min(dates, default=None))
        case Dispute():
            kept = pledge.claim is ClaimStatus.UNSUPPORTED
            claim = pledge.claim if kept else ClaimStatus.DISPUTED
            return replace(pledge, claim=claim, disputes=(*pledge.disputes, decision.why))
        case Support():
            return replace(pledge, claim=ClaimStatus.CORROBORATED, disputes=())
        case Unsupport():
            return replace(pledge, claim=ClaimStatus.UNSUPPORTED)
        case Firm():
            return replace(pledge, firmness=decision.firmness)
        case Measured():
            return replace(pledge, measure=decision.measure, scope=decision.scope)
        case Outside():
            return replace(pledge, measure=pledge.measure or OUTSIDE)
        case Part():
            return replace(pledge, part_of=decision.whole)
        case Withdraw():
            return replace(pledge, withdrawn=True)
        case _:
            raise AssertionError(f"no decision on one pledge alone: {type(decision).__name__}")
