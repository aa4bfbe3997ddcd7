"""What becomes of units that are not used: taken back in mid-period, given up, lapsed, carried over; and to whom they go.

Taking back follows a published schedule: on a date, a project that has used less than a share of its award loses a share of
what is left. Nobody loses anything without a warning two weeks before. What is taken or given up is lost to the project and
issued anew to its track, in one linked pair, from which the reserve list is served by rank.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from enum import StrEnum
from typing import Final

from dure.accounting.burn import Period
from dure.accounting.months import day_of, later
from dure.errors import InputError
from dure.ledger.model import Cause, Standing, Transfer
from dure.programme.model import Text
from dure.units import MILLI, WEEK_S

NOTICE_S: Final = 2 * WEEK_S  # from warning to taking
STALE_S: Final = 4 * WEEK_S  # a date that passed so long ago is not acted on any more

Brackets = tuple[tuple[int, int], ...]
"""(used less than so many thousandths of the award, loses so many thousandths of what is left), ascending."""

ALCC: Final[tuple[tuple[int, Brackets], ...]] = (
    (4, ((100, 250), (250, 150))),  # 1 November of a year from 1 July
    (8, ((250, 500), (500, 250))),  # 1 March
)
"""ASCR Leadership Computing Challenge 2026 (science.osti.gov): months into a period of twelve, and the brackets then."""


@dataclass(frozen=True, slots=True)
class Step:
    """A date of the schedule."""

    date: str  # as 2026-11-01, in the programme's zone
    at_utc_s: int
    brackets: Brackets

    def taken(self, standing: Standing) -> int:
        """Milli-units that a project loses at this step: rounded down, and never of what running jobs have reserved.

        What is reserved counts as used: a project whose large job has just begun is not idle.
        """
        award = standing.granted - standing.lost - standing.expired
        used = standing.spent - standing.refunded + standing.reserved
        share = next((take for below, take in self.brackets if used * MILLI < below * award), 0)
        return max(standing.remaining, 0) * share // MILLI


def steps(
    start_utc_s: int, months: int, zone: tzinfo = UTC, table: Iterable[tuple[int, Brackets]] = ALCC
) -> tuple[Step, ...]:
    """The dates of an award's period: `table` is for twelve months, other periods are stepped in proportion (whole months).

    Raises InputError where shares are no thousandths or brackets do not ascend.
    """
    found = []
    for after, brackets in table:
        below, taken = [b for b, _ in brackets], [t for _, t in brackets]
        if below != sorted(set(below)) or not all(0 < x <= MILLI for x in below + taken):
            accepted = "(below, taken) in thousandths from 1 to 1000, ascending"
            raise InputError("not a schedule of clawback", field="brackets", value=brackets, accepted=accepted)
        if on := after * months // 12:
            at = later(start_utc_s, on, zone)
            found.append(Step(day_of(at, zone), at, brackets))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Holding:
    """An award in hand: whose, from which track (its account is `track:` and this), and when it is looked at."""

    project: str
    track: str
    steps: tuple[Step, ...]


class Act(StrEnum):
    """What clawback does: first it warns, then it takes."""

    WARN = "warn"
    TAKE = "take"


@dataclass(frozen=True, slots=True)
class Action:
    """A warning to send, or units to take now."""

    act: Act
    holding: Holding
    date: str
    due_utc_s: int  # WARN: when it will be taken
    milli_units: int  # WARN: what it would be today

    @property
    def key(self) -> str:
        """What is kept of it, with its moment, so that it is done once."""
        return f"{self.act}:{self.holding.project}:{self.date}"

    def sentence(self, language: str, zone: tzinfo = UTC) -> str:
        """What the project is told, in `ko` or `en`."""
        units = f"{self.milli_units // MILLI:,}"
        return _TEXTS[self.act].in_language(language).format(units=units, date=day_of(self.due_utc_s, zone))


_TEXTS: Final[Mapping[Act, Text]] = {
    Act.WARN: Text(
        ko="사용 실적이 낮아 {date}에 {units} 유닛을 회수할 예정입니다. 그 전에 사용하거나 예외를 신청할 수 있습니다.",
        en="Little of the award is used: {units} units will be taken back on {date}. Use it before then, or ask for an exemption.",
    ),
    Act.TAKE: Text(
        ko="사용 실적이 낮아 {date}에 {units} 유닛을 회수했습니다.",
        en="Little of the award was used: {units} units were taken back on {date}.",
    ),
}


def clawback(
    holdings: Iterable[Holding],
    standings: Mapping[str, Standing],
    now_utc_s: int,
    past: Mapping[str, int],
    exempt: Collection[str] = (),
) -> list[Action]:
    """What is to be done now. `past` maps the keys of what was done to when; `exempt` names projects that are spared.

    A warning goes out two weeks before a date. Units are taken from the date on, but only two weeks or more after the
    warning: sent late, it puts the taking off. How much is taken is judged on the day it is taken.
    """
    due = []
    for holding in holdings:
        for step in holding.steps if holding.project not in exempt else ():
            if not step.at_utc_s - NOTICE_S <= now_utc_s < step.at_utc_s + STALE_S:
                continue
            warned = past.get(f"{Act.WARN}:{holding.project}:{step.date}")
            amount = step.taken(standings[holding.project])
            on = max(step.at_utc_s, (now_utc_s if warned is None else warned) + NOTICE_S)
            action = Action(Act.WARN if warned is None else Act.TAKE, holding, step.date, on, amount)
            if amount and (warned is None or now_utc_s >= on) and action.key not in past:
                due.append(action)
    return due


def take_back(action: Action, at_utc_s: int) -> list[Transfer]:
    """The linked pair of a TAKE: the project loses the units, its track gets as many to award again."""
    what = f"{action.holding.project}:{action.date}"
    reason = f"little used by {action.date}"
    return _reissue(action.holding, action.milli_units, Cause.CLAWBACK, what, reason, at_utc_s)


def give_up(holding: Holding, standing: Standing, at_utc_s: int, reason: str, by: str = "") -> list[Transfer]:
    """The linked pair of a withdrawal: all that remains goes back. Nothing if nothing does; void its reservations first."""
    found = _reissue(holding, standing.remaining, Cause.GIVE_UP, f"{holding.project}:{at_utc_s}", reason, at_utc_s)
    return [replace(t, by=by) for t in found]


def _reissue(holding: Holding, amount: int, cause: Cause, what: str, reason: str, at_utc_s: int) -> list[Transfer]:
    if amount <= 0:
        return []
    account, name = f"project:{holding.project}", cause.name.lower()
    lost = Transfer(
        f"{name}:{what}", account, f"lost:{holding.project}", amount, cause, at_utc_s, linked=True, reason=reason
    )
    track = f"track:{holding.track}"
    again = Transfer(
        f"issue:{name}:{what}", "programme", track, amount, Cause.ISSUE, at_utc_s, reason=reason, about=lost.id
    )
    return [lost, again]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An application on the reserve list."""

    application: str
    project: str
    track: str
    rank: int  # from 1; Awards.reserve_rank
    milli_units: int  # what it would be awarded
    minimum: int  # milli-units: less is of no use to it
    lot: int = 1  # milli-units: it is awarded whole lots


def promote(reserve: Iterable[Waiting], free: Mapping[str, int], at_utc_s: int) -> list[Transfer]:
    """Awards to the reserve list from the milli-units that are free in each track: by rank, as much as is there.

    One whose minimum does not fit is passed over and keeps its place.
    """
    left, found = dict(free), []
    for w in sorted(reserve, key=lambda w: (w.rank, w.application)):
        amount = min(w.milli_units, left.get(w.track, 0)) // w.lot * w.lot
        if amount > 0 and amount >= w.minimum:
            left[w.track] -= amount
            found.append(
                Transfer(
                    f"promote:{w.application}", f"track:{w.track}", f"project:{w.project}", amount, Cause.AWARD, at_utc_s,
                    reason=f"from place {w.rank} of the reserve list", about=w.application,
                )
            )  # fmt: skip
    return found


def lapse(project: str, standing: Standing, period: Period) -> Transfer | None:
    """What remains at the end of an award lapses; None if nothing does."""
    key, last = f"lapse:{project}:{period.end_utc_s}", period.end_utc_s - 1
    if standing.remaining <= 0:
        return None
    return Transfer(key, f"project:{project}", f"expired:{project}", standing.remaining, Cause.LAPSE, last)


def carry_over(lapsed: Transfer, granted: int, share_milli: int) -> Transfer | None:
    """What of a lapse comes back in the next period: at most `share_milli` thousandths of what was `granted`."""
    amount = min(lapsed.amount, granted * share_milli // MILLI)
    if amount <= 0:
        return None
    return Transfer(
        f"carry:{lapsed.id}",
        lapsed.credit,
        lapsed.debit,
        amount,
        Cause.CARRY_OVER,
        lapsed.at_utc_s + 1,
        about=lapsed.id,
    )


def supplement(key: str, track: str, project: str, milli_units: int, at_utc_s: int, reason: str, by: str) -> Transfer:
    """More units for a project from its track. `key` is the application for it."""
    return Transfer(
        f"supplement:{key}", f"track:{track}", f"project:{project}", milli_units, Cause.SUPPLEMENT, at_utc_s,
        reason=reason, by=by, about=key,
    )  # fmt: skip


def move(key: str, source: str, target: str, milli_units: int, at_utc_s: int, reason: str, by: str) -> Transfer:
    """Units from one project to another; they stay as many, whatever model they will be spent on."""
    return Transfer(
        f"move:{key}", f"project:{source}", f"project:{target}", milli_units, Cause.MOVE, at_utc_s, reason=reason, by=by
    )


def extend(period: Period, end_utc_s: int) -> Period:
    """The period with a later end: dates alone, no units. Raises InputError for an end that is not later."""
    if end_utc_s <= period.end_utc_s:
        accepted = f"a moment after {period.end_utc_s}"
        raise InputError("an extension ends later", field="end", value=end_utc_s, accepted=accepted)
    return replace(period, end_utc_s=end_utc_s)


def exchanged(milli_hours: int, rate_from: int, rate_to: int) -> int:
    """Milli-accelerator-hours of one model for so many of another at the day's rates (milli-units/h), rounded down."""
    if rate_to <= 0:
        raise InputError(
            "a model without a rate cannot be exchanged for", field="rate", value=rate_to, accepted="above 0"
        )
    return milli_hours * rate_from // rate_to
