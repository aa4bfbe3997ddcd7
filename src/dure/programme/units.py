"""What an ask is in units, and what the units would be elsewhere: the answer that `dure apply` gives first.

A month of an award is 730 hours (8,760 / 12) whatever the calendar says: an ask for three months costs the same in every
quarter, and twelve of them are a year of 365 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dure.fleet.model import Fleet, Rate
from dure.fleet.rates import rate_at
from dure.programme.model import Ask, Text
from dure.units import HOUR_S, MILLI

HOURS_A_MONTH: Final = 730
MONTH_S: Final = HOURS_A_MONTH * HOUR_S


@dataclass(frozen=True, slots=True)
class Equivalent:
    """An ask as accelerators of one model: the one asked for, or one accepted in its place at its exchange."""

    model: str
    exchange_milli: int  # accelerators of it for one of the model asked for
    accelerators_milli: int
    accelerator_hours_milli: int
    milli_units: int  # what these hours cost at the model's rate
    rate: Rate


@dataclass(frozen=True, slots=True)
class AskUnits:
    """An ask in units and accelerator-hours, and as each model that would do; the model asked for comes first."""

    milli_units: int
    accelerator_hours: int
    options: tuple[Equivalent, ...]
    sentence: Text


def ask_milli_units(ask: Ask, rate: Rate) -> int:
    """Milli-units of an ask: accelerators x months of 730 hours x rate of the model asked for."""
    return ask.accelerators * ask.months * HOURS_A_MONTH * rate.milli_units


def lot_milli_units(ask: Ask, lot_accelerators: int, rate: Rate) -> int:
    """Milli-units of one lot (a server of 8, say) for the months asked."""
    return lot_accelerators * ask.months * HOURS_A_MONTH * rate.milli_units


def calculator(ask: Ask, fleet: Fleet, at_utc_s: int) -> AskUnits:
    """The units of an ask at the rates of a moment. Raises UnknownName for a model the fleet cannot rate."""
    hours = ask.accelerators * ask.months * HOURS_A_MONTH
    options = []
    for model, exchange_milli in ((ask.model, MILLI), *((a.model, a.exchange_milli) for a in ask.accepted)):
        rate = rate_at(fleet, model, at_utc_s)
        hours_milli = hours * exchange_milli
        cost = -(-hours_milli * rate.milli_units // MILLI)
        options.append(Equivalent(model, exchange_milli, ask.accelerators * exchange_milli, hours_milli, cost, rate))
    units = options[0].milli_units
    return AskUnits(units, hours, tuple(options), _sentence(ask, options[0]))


def units_text(milli_units: int) -> str:
    """An amount as people read it: `1,234.5`."""
    whole, rest = divmod(abs(milli_units), MILLI)
    return ("-" if milli_units < 0 else "") + (f"{whole:,}.{rest:03d}".rstrip("0") if rest else f"{whole:,}")


_BASIS_KO: Final = {"formula": "공식", "table": "공표 요율표", "measured": "측정값", "assumed": "가정값"}


def _sentence(ask: Ask, option: Equivalent) -> Text:
    units, rate = units_text(option.milli_units), units_text(option.rate.milli_units)
    hours, basis = option.accelerator_hours_milli // MILLI, option.rate.basis
    months = f"{ask.months} month" + ("s" if ask.months > 1 else "")
    return Text(
        ko=f"{ask.model} {ask.accelerators:,}개 × {ask.months}개월 = 가속기 {hours:,}시간, "
        f"시간당 {rate}유닛({_BASIS_KO.get(basis, basis)})이므로 {units}유닛입니다.",
        en=f"{ask.accelerators:,} {ask.model} for {months} are {hours:,} accelerator-hours; at {rate} units an hour "
        f"({basis}) that is {units} units.",
    )
