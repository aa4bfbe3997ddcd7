"""Thresholds of training compute: dated rows with jurisdiction, operator and source (`thresholds.csv`), never constants.

FLOP are whole PFLOP (10^15), rounded up. Rounding up never hides a threshold: `>` answers as the exact figure would, and
`>=` answers yes at most one PFLOP early.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dure.vocabulary import Text


class Dated(Protocol):
    """A row that holds from a moment until before another, UTC seconds; None: with no end known."""

    @property
    def from_utc_s(self) -> int: ...  # noqa: D102
    @property
    def to_utc_s(self) -> int | None: ...  # noqa: D102


D = TypeVar("D", bound=Dated)


def in_force(rows: Iterable[D], as_of_utc_s: int) -> tuple[D, ...]:
    """The rows that hold at a moment, in their order."""
    return tuple(r for r in rows if r.from_utc_s <= as_of_utc_s and (r.to_utc_s is None or as_of_utc_s < r.to_utc_s))


@dataclass(frozen=True, slots=True)
class Threshold:
    """An amount of cumulative training compute from which a law or guideline asks for something.

    `confidence` high: the text was read; medium: a summary; low: not verified. `read` says when, as 2026-11.
    """

    id: str
    jurisdiction: str  # KR, EU, US-CA or US
    title: Text
    pflop: int
    operator: str  # ">=" or ">"
    from_utc_s: int
    to_utc_s: int | None
    binding: bool  # false: a guideline
    source: str
    read: str
    confidence: str

    @property
    def least_pflop(self) -> int:
        """The smallest amount that reaches it."""
        return self.pflop + (self.operator == ">")

    def reached(self, pflop: int) -> bool:
        """Whether an amount reaches it: Korea's 10^26 does, California's 10^26 does not yet."""
        return pflop >= self.least_pflop
