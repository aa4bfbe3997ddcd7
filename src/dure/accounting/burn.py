"""How fast a project spends, how long that lasts, and when to tell it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dure.accounting.settle import UsageTable, spent_between
from dure.errors import InputError
from dure.ledger.model import Standing
from dure.programme.model import Text
from dure.units import DAY_S, HOUR_S, MILLI, WEEK_S


@dataclass(frozen=True, slots=True)
class Period:
    """When an award may be spent: from its first moment up to, not including, `end_utc_s`."""

    start_utc_s: int
    end_utc_s: int

    def __post_init__(self) -> None:
        if self.end_utc_s <= self.start_utc_s:
            accepted = f"a moment after {self.start_utc_s}"
            raise InputError("a period ends after it starts", field="end", value=self.end_utc_s, accepted=accepted)


@dataclass(frozen=True, slots=True)
class Burn:
    """Milli-units spent in the last `over_s` seconds."""

    milli_units: int
    over_s: int

    @property
    def per_day(self) -> int:
        """Milli-units a day, rounded down."""
        return self.milli_units * DAY_S // self.over_s if self.over_s > 0 else 0

    def days_left(self, remaining: int) -> int | None:
        """Whole days that `remaining` milli-units last at this rate; None when nothing burns."""
        if self.milli_units <= 0 or self.over_s <= 0:
            return None
        return max(remaining, 0) * self.over_s // (self.milli_units * DAY_S)


def burns(usage: UsageTable, now_utc_s: int, window_s: int = WEEK_S) -> dict[str, Burn]:
    """What each project burnt in the last `window_s`, or since the run began where that is less."""
    since = max(now_utc_s - window_s, usage.start_utc_s)
    spent = spent_between(usage, since, now_utc_s)
    return {p: Burn(amount // HOUR_S, max(now_utc_s - since, 0)) for p, amount in spent.items()}


def burn_of(standing: Standing, period: Period, now_utc_s: int) -> Burn:
    """The burn from the ledger alone: the mean since the award began, refunds taken off."""
    return Burn(standing.spent - standing.refunded, max(min(now_utc_s, period.end_utc_s) - period.start_utc_s, 0))


def even_line(granted: int, period: Period, now_utc_s: int) -> int:
    """Milli-units that even use of `granted` over the period would have spent by now."""
    elapsed = min(max(now_utc_s - period.start_utc_s, 0), period.end_utc_s - period.start_utc_s)
    return granted * elapsed // (period.end_utc_s - period.start_utc_s)


class Against(StrEnum):
    """What use is measured by."""

    AWARD = "award"  # all that was granted and not taken back
    LINE = "line"  # what even use would have spent by now


Levels = Mapping[Against, tuple[int, ...]]
LEVELS: Final[Levels] = {Against.AWARD: (800, 1000, 1200), Against.LINE: (1200,)}
"""Thousandths at which a project is told. A project that spends evenly is always near 100 % of its line: only 120 % is news."""

LINE_AFTER = 100  # thousandths of the period before which use is not measured by the line: too short to judge by

_TEXTS: Final[Mapping[Against, Text]] = {
    Against.AWARD: Text(
        ko="배정된 자원의 {share}%를 사용했습니다. 남은 자원은 {left} 유닛입니다.",
        en="{share} % of the award is used; {left} units are left.",
    ),
    Against.LINE: Text(
        ko="지금까지의 사용량이 고르게 쓸 때의 {share}%입니다. 기간이 끝나기 전에 바닥날 수 있습니다. 남은 자원은 {left} 유닛입니다.",
        en="Use so far is {share} % of even use; the award may run out before its period ends. {left} units are left.",
    ),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A level that a project's use has reached."""

    against: Against
    level: int  # thousandths
    used: int  # milli-units, net of refunds
    of: int  # milli-units: the award, or the line
    left: int  # milli-units

    @property
    def key(self) -> str:
        """What is kept, for each award, of notices that were sent."""
        return f"{self.against}:{self.level}"

    def sentence(self, language: str) -> str:
        """The notice in `ko` or `en`."""
        share = self.used * 100 // self.of if self.of else 100
        return _TEXTS[self.against].in_language(language).format(share=share, left=f"{self.left // MILLI:,}")


def notices(
    standing: Standing, period: Period, now_utc_s: int, sent: Collection[str], levels: Levels = LEVELS
) -> list[Notice]:
    """The notices that are due and were not sent: at most one for each thing measured by, of the highest level reached.

    Once a level was sent no lower one follows: keep the key of what is returned in `sent`.
    """
    used = standing.spent - standing.refunded
    award = standing.granted - standing.lost - standing.expired
    early = (now_utc_s - period.start_utc_s) * MILLI < LINE_AFTER * (period.end_utc_s - period.start_utc_s)
    measures = {Against.AWARD: award, Against.LINE: 0 if early else even_line(award, period, now_utc_s)}
    due = []
    for against, of in measures.items():
        highest = max((x for x in levels.get(against, ()) if of > 0 and used * MILLI >= x * of), default=None)
        notice = None if highest is None else Notice(against, highest, used, of, standing.remaining)
        if notice and not any(f"{against}:{x}" in sent for x in levels[against] if x >= notice.level):
            due.append(notice)
    return due
