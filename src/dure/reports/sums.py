"""Sums of pledges as people read them: "about KRW 94.6 billion", "946억 원 안팎", "top 3", "260,000 accelerators"."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from dure.mentions.model import MINOR, PERCENT, RANK, TIMES, Bound
from dure.reports.words import Words

_ENGLISH: Final = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"))
_KOREAN: Final = ((10**12, "조"), (10**8, "억"), (10**4, "만"))
_SI: Final = ((10**18, "E"), (10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_MEASURED: Final = {"W": ("W", 1), "Wh": ("Wh", 1), "bytes": ("B", 1), "FLOP/s/10^9": ("FLOP/s", 10**9)}
_BOUNDS: Final = {Bound.EXACT: "{}", Bound.AT_LEAST: "sum_least", Bound.AT_MOST: "sum_most", Bound.ABOUT: "sum_about"}


def sum_text(low: int | None, high: int | None, unit: str, bound: Bound, words: Words) -> str:
    """A sum, or a range of it, in its unit; "–" where there is none. `unit` is of `pledges.model`."""
    if low is None or high is None:
        return "–"
    shown = _one(low, unit, words) if low == high else f"{_one(low, unit, words)} – {_one(high, unit, words)}"
    return shown if bound is Bound.EXACT else words(_BOUNDS[bound], sum=shown)


def _one(value: int, unit: str, words: Words) -> str:
    if unit == PERCENT:
        return f"{_plain(Decimal(value) / 100)} %"
    if unit == RANK:
        return words("sum_rank", rank=f"{value:,}")
    if unit == TIMES:
        return words("sum_times", times=_plain(Decimal(value) / 1000))
    if unit in _MEASURED:
        name, scale = _MEASURED[unit]
        return _prefixed(value * scale, name)
    if len(unit) == 3 and unit.isupper():
        return _money(Decimal(value) / 10 ** MINOR.get(unit, 2), unit, words)
    if not unit:
        return words("sum_unknown", sum=_plain(Decimal(value) / 100))
    return words(f"count_{unit}", count=f"{value:,}")


def _money(value: Decimal, currency: str, words: Words) -> str:
    if words.language == "ko":
        won = currency == "KRW"
        size, name = next(((s, n) for s, n in _KOREAN if abs(value) >= s), (1, ""))
        return f"{_rounded(value / size)}{name}{' 원' if won else f' {currency}'}"
    size, name = next(((s, f" {n}") for s, n in _ENGLISH if abs(value) >= s), (1, ""))
    return f"{currency} {_rounded(value / size)}{name}"


def _prefixed(value: int, name: str) -> str:
    size, prefix = next(((s, p) for s, p in _SI if abs(value) >= s), (1, ""))
    return f"{_plain(Decimal(value) / size)} {prefix}{name}"


def _rounded(value: Decimal) -> str:
    """At most two decimals; what is finer is of no use beside such sums."""
    return _plain(round(value, 2))


def _plain(value: Decimal) -> str:
    """Without zeros at its end, thousands apart."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
