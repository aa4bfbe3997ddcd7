"""Rates of exchange as a value that is handed in, and sums of money in whole units of their currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final, Protocol

from dure.mentions.model import MINOR

OFF_MILLI: Final = 20  # a rate more than 2 % from the day's is flagged


@dataclass(frozen=True, slots=True)
class Rate:
    """Units of one currency for one of another, and the day it is from."""

    value: Fraction
    day: date


@dataclass(frozen=True, slots=True)
class RateSpan:
    """The lowest and the highest rate of a span of days: of `days` trading days from `first` to `last`."""

    low: Fraction
    high: Fraction
    first: date
    last: date
    days: int


class Rates(Protocol):
    """Daily rates of exchange between ISO 4217 currencies."""

    @property
    def first_day(self) -> date:
        """The oldest day known."""

    @property
    def last_day(self) -> date:
        """The newest day known."""

    def on(self, of: str, into: str, day: date) -> Rate | None:
        """Units of `into` for one `of` on the last trading day up to `day`; None where none is known near it."""

    def span(self, of: str, into: str, begin: date, until: date) -> RateSpan | None:
        """Lowest and highest from `begin` to `until`; None where no day of it has both currencies."""


Sum = tuple[str, int, int]  # unit, low, high


def is_currency(unit: str) -> bool:
    """Whether a unit has the form of an ISO 4217 currency; no other unit has it."""
    return len(unit) == 3 and unit.isascii() and unit.isupper()


def major(value: int, unit: str) -> Fraction:
    """A sum in minor units of a currency, in its whole ones: 68 million dollars of 6,800 million cents."""
    return Fraction(value, 10 ** MINOR.get(unit, 2))


def abroad(sums: Iterable[Sum], currencies: Iterable[str], rates: Rates, day: date) -> dict[str, tuple[int, int]]:
    """What sums of one thing come to at the rate of a day, in the currencies that they are not in; those without a rate left out."""
    own = {unit: (low, high) for unit, low, high in sums if is_currency(unit)}
    found: dict[str, tuple[int, int]] = {}
    for into in sorted(set(currencies) - set(own)):
        for unit, (low, high) in own.items():
            rate = rates.on(unit, into, day)
            if rate is not None:
                scale = rate.value * 10 ** MINOR.get(into, 2)
                found[into] = (round(major(low, unit) * scale), round(major(high, unit) * scale))
                break
    return found
