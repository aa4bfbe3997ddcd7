"""What the records show of a promise at a date.

`delivery` answers by this table; the first line that fits holds. *Reached* is: at least the low value (95 % of it where the
promise says "about"); for a rank that place or a better one; for something to be done, 1. A *limit* is a promise of at most.

| the pledge, its date, the record | state |
|---|---|
| another pledge took its place | superseded |
| it was taken back | withdrawn |
| no figure; one in another unit, below zero (a rank below 1), or of a day after `as_of` | no_record |
| a limit before its end, above it or not; a limit without an end, not above it | in_progress |
| a limit after its end, the last record is from before it | no_record |
| a limit after its end: not above it | kept |
| a limit after its end, or without one: above it | missed |
| reached | kept |
| before its date, or without one: nothing yet | not_due |
| before its date, or without one: something | in_progress |
| after its date, the last record is from before it | no_record |
| after its date: a part | partly |
| after its date: a record of nothing; a rank below the one promised | missed |

The date itself is still before. Nothing that no record shows is ever called missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from dure.mentions.model import PERCENT, Bound, Kind
from dure.pledges.folding import OUTSIDE, Decision, Outside, Revise, fold
from dure.pledges.model import Delivery, Pledge

MONEY: Final = "money"  # in `Measure.units`: minor units of the pledge's own currency
ANY: Final = "any"  # in `Measure.units`: whatever the pledge is in


@dataclass(frozen=True, slots=True)
class Measure:
    """A question to Dure's own records, answered by one whole number."""

    name: str
    units: tuple[str, ...]  # of a pledge that it can answer, as in `model`; the figure is in the pledge's unit
    asks: str  # of the records, in words
    scope: str = ""  # what `Pledge.scope` narrows it to; "" for nothing


MEASURES: Final = {
    measure.name: measure
    for measure in (
        Measure("units_delivered", ("units",), "units charged to awards by jobs that ran, in whole units", "a track"),
        Measure("accelerators_in_service", ("accelerators", "chips"),
                "accelerators of the fleet that are in service at that day", "a model, or the country of a vendor"),
        Measure("spend", (MONEY,), "money posted in the ledger as spent, in minor units of the pledge's currency", "an account"),
        Measure("domestic_share", (PERCENT,),
                "of the accelerators in service, the hundredths of a percent whose vendor is of the country", "a country"),
        Measure("projects", ("projects",), "projects that hold or held an award", "a track"),
        Measure("people_trained", ("people",), "people who completed a course or were members of a project", "a track"),
        Measure("energy", ("Wh",), "energy drawn by jobs, from the run log", "a site"),
        Measure(OUTSIDE, (ANY,), "the newest figure that a person entered with its source"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """What a measure answered. `value` None: the records do not say."""

    value: int | None
    unit: str
    query: str  # what was asked, so that anyone can ask again
    at: date  # the day that the value is of
    source: str  # whose record


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a figure says of a pledge. `ratio_milli` is the part of the promised value, rounded down; None for ranks."""

    state: Delivery
    value: int | None
    ratio_milli: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A day in the life of a pledge: a decision was taken, a figure was known, or the deadline passed."""

    on: date
    what: str  # the decision's kind in small letters ("accept", "revise", ...), "figure" or "deadline"
    why: str
    pledge: Pledge | None  # as it stood at the end of that day; None once it is rejected
    delivered: Delivered | None  # None where there is no pledge


def measure_refused(pledge: Pledge, measure: str) -> str:
    """Why a measure cannot answer a pledge; "" where it can, or where the measure is taken away ("")."""
    if measure and measure not in MEASURES:
        return f"no measure {measure}; there are {', '.join(MEASURES)}"
    if not measure or pledge.kind is Kind.MILESTONE:
        return (
            ""
            if measure in ("", OUTSIDE)
            else "something to be done has no sum: enter an outside figure, 1 when it is done"
        )
    units = MEASURES[measure].units
    fits = ANY in units or pledge.unit in units or (MONEY in units and pledge.kind is Kind.MONEY and bool(pledge.unit))
    return "" if fits else f"{measure} is in {', '.join(units)}, the pledge in {pledge.unit or 'no unit'}"


def asked_on(pledge: Pledge, as_of: date) -> date:
    """The day that a record should be of: a limit is judged at its end, everything else at `as_of`."""
    ended = pledge.bound is Bound.AT_MOST and pledge.deadline is not None and pledge.deadline < as_of
    return pledge.deadline if ended and pledge.deadline is not None else as_of


def delivery(pledge: Pledge, figure: Figure | None, as_of: date) -> Delivered:
    """What a figure says of a pledge at a day: the table of this module."""
    value = figure.value if figure else None
    if pledge.superseded_by:
        return Delivered(Delivery.SUPERSEDED, value, None, f"{pledge.superseded_by} took its place")
    if pledge.withdrawn:
        return Delivered(Delivery.WITHDRAWN, value, None, "whoever promised it took it back")
    if figure is None or value is None:
        return Delivered(
            Delivery.NO_RECORD, None, None, "nothing measures it" if not pledge.measure else "the records do not say"
        )
    unusable = _unusable(pledge, figure, value, as_of)
    if unusable:
        return Delivered(Delivery.NO_RECORD, None, None, unusable)
    state, why = _limit(pledge, figure, value, as_of) if _is_limit(pledge) else _target(pledge, figure, value, as_of)
    return Delivered(state, value, _ratio(pledge, value), why)


def _is_limit(pledge: Pledge) -> bool:
    return pledge.bound is Bound.AT_MOST and pledge.kind not in (Kind.RANK, Kind.MILESTONE)


def _unusable(pledge: Pledge, figure: Figure, value: int, as_of: date) -> str:
    if pledge.kind is not Kind.MILESTONE and figure.unit != pledge.unit:
        return f"the record is in {figure.unit or 'no unit'}, the promise in {pledge.unit or 'no unit'}"
    if figure.at > as_of:
        return f"the record is of {figure.at}, a later day"
    if value < (1 if pledge.kind is Kind.RANK else 0):
        return f"the record says {value}, which cannot be"
    return ""


def _limit(pledge: Pledge, figure: Figure, value: int, as_of: date) -> tuple[Delivery, str]:
    above = value > pledge.high
    side = f"{value} is {'above' if above else 'within'} the limit of {pledge.high}"
    if pledge.deadline is None:
        return (Delivery.MISSED, side) if above else (Delivery.IN_PROGRESS, f"{side}; it has no end")
    if as_of <= pledge.deadline:
        return Delivery.IN_PROGRESS, f"{side}; it ends on {pledge.deadline}"
    if figure.at < pledge.deadline:
        return Delivery.NO_RECORD, f"the last record is of {figure.at}, before its end on {pledge.deadline}"
    return (Delivery.MISSED if above else Delivery.KEPT), f"{side} at {figure.at}"


def _target(pledge: Pledge, figure: Figure, value: int, as_of: date) -> tuple[Delivery, str]:
    goal, due, nothing, rank = _goal(pledge), pledge.deadline, value == 0, pledge.kind is Kind.RANK
    said = f"place {value}, promised {goal}, at {figure.at}" if rank else f"{value} of {goal} at {figure.at}"
    if value <= goal if rank else value >= goal:
        late = due is not None and figure.at > due
        return Delivery.KEPT, f"{said}; whether by {due} is not shown" if late else said
    if due is None or as_of <= due:
        state = Delivery.NOT_DUE if nothing else Delivery.IN_PROGRESS
        return state, f"{said}; it has no date" if due is None else f"{said}; due on {due}"
    if figure.at < due:
        return Delivery.NO_RECORD, f"the last record is of {figure.at}, before it was due on {due}"
    return (Delivery.MISSED if nothing or rank else Delivery.PARTLY), f"{said}; was due on {due}"


def _goal(pledge: Pledge) -> int:
    """What must be reached: of a range its low end, of "about" 95 %, of a rank its worst place, of something to be done 1."""
    if pledge.kind is Kind.MILESTONE:
        return 1
    if pledge.kind is Kind.RANK:
        return pledge.high
    return -(-pledge.low * 95 // 100) if pledge.bound is Bound.ABOUT else pledge.low


def _ratio(pledge: Pledge, value: int) -> int | None:
    goal = pledge.high if _is_limit(pledge) else _goal(pledge)
    return value * 1000 // goal if pledge.kind is not Kind.RANK and goal > 0 else None


def outside_figures(decisions: Iterable[Decision], as_of: date) -> dict[str, Figure]:
    """The newest figure that people entered for each pledge up to a day; of one day, the one entered last."""
    found: dict[str, Figure] = {}
    for entered in sorted(decisions, key=lambda d: (d.on, d.sequence)):
        if isinstance(entered, Outside) and entered.on <= as_of and entered.source.strip():
            found[entered.pledge] = _figure(entered)
    return found


def _figure(entered: Outside) -> Figure:
    return Figure(entered.value, entered.unit, f"entered by {entered.by or 'a person'}", entered.on, entered.source)


def timeline(decisions: Sequence[Decision], figures: Iterable[Figure], pledge: str, as_of: date) -> list[Moment]:
    """The life of one pledge up to a day, in order of time: decisions, figures (outside ones included), the deadline.

    `decisions` may be those of all pledges. Each moment shows the pledge and its delivery as they stood that day, with the
    newest figure known then.
    """
    outside = [_figure(d) for d in decisions if isinstance(d, Outside) and d.pledge == pledge and d.source.strip()]
    own = list(figures)
    events = [
        (d.on, 0, d.sequence, type(d).__name__.lower(), _said(d))
        for d in decisions
        if d.pledge == pledge and not isinstance(d, Outside)
    ]
    events += [(f.at, 1, n, "figure", f"{f.value} {f.unit} ({f.source})") for n, f in enumerate([*own, *outside])]
    final = fold(decisions, as_of).get(pledge)
    if final is not None and final.deadline is not None:
        events.append((final.deadline, 2, 0, "deadline", f"due on {final.deadline}"))
    return [_moment(event, decisions, own, outside, pledge) for event in sorted(events) if event[0] <= as_of]


def _said(decision: Decision) -> str:
    new = f"{decision.low} to {decision.high}" if isinstance(decision, Revise) and decision.low is not None else ""
    return "; ".join(part for part in (new, decision.why) if part)


def _moment(
    event: tuple[date, int, int, str, str],
    decisions: Sequence[Decision],
    own: Sequence[Figure],
    outside: Sequence[Figure],
    name: str,
) -> Moment:
    on, _, _, what, why = event
    pledge = fold(decisions, on).get(name)
    if pledge is None:
        return Moment(on, what, why, None, None)
    known = [figure for figure in (outside if pledge.measure == OUTSIDE else own) if figure.at <= on]
    newest = max(known, key=lambda figure: figure.at, default=None)
    return Moment(on, what, why, pledge, delivery(pledge, newest, on))
