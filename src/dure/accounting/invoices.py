"""Fees: what a project pays for its units, as lines and totals, and as the transfers that book them.

A fee is a share of the market price: Korea's national scheme takes 5 to 10 % from small and start-up companies, half of that
from young ones, and nothing from universities and institutes (imaeil and heraldcorp, 2026). A partner country pays it all.
Each line is milli-units x market price of a unit x share x (1 - discount), rounded half away from zero to the minor unit once;
a total is the sum of its lines. No tax is added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dure.accounting.settle import Charge, Refund
from dure.errors import InputError
from dure.ledger.model import Cause, Transfer
from dure.programme.model import Call, Fee, Track
from dure.units import MILLI

_DIGITS: Final = {"KRW": 0, "JPY": 0, "VND": 0, "CLP": 0, "ISK": 0, "KWD": 3, "BHD": 3, "JOD": 3, "OMR": 3, "TND": 3}
"""Digits of the minor unit where they are not two (ISO 4217)."""


def decimal(minor: int, currency: str, *, grouped: bool = False) -> str:
    """Minor currency in whole units of it, exact: 1234567 is `12345.67` USD and `1234567` KRW."""
    return point(minor, _DIGITS.get(currency, 2), grouped=grouped)


def point(number: int, digits: int, *, grouped: bool = False) -> str:
    """A whole number with a decimal point so many `digits` from its end."""
    whole, part = divmod(abs(number), 10**digits)
    text = ("-" if number < 0 else "") + (f"{whole:,}" if grouped else str(whole))
    return f"{text}.{part:0{digits}}" if digits else text


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """What a project pays of the market price of its units."""

    price_minor: int  # market price of one unit, minor currency
    currency: str  # ISO 4217
    share_milli: int  # thousandths of the price that are paid
    discount_milli: int = 0  # thousandths off what is paid

    def __post_init__(self) -> None:
        for field in ("share_milli", "discount_milli"):
            if not 0 <= (value := getattr(self, field)) <= MILLI:
                raise InputError("not a share", field=field, value=value, accepted="thousandths from 0 to 1000")

    @classmethod
    def of(cls, call: Call, track: Track, *, young: bool = False) -> FeeTerms:
        """The terms of a track; `young` is of the application."""
        share = {Fee.FREE: 0, Fee.SHARE: track.fee_milli, Fee.PARTNER: MILLI}[track.fee]
        return cls(call.market_price_minor, call.currency, share, track.young_discount_milli if young else 0)

    def list_minor(self, milli_units: int) -> int:
        """Market price of so many milli-units."""
        return _half_away(milli_units * self.price_minor, MILLI)

    def fee_minor(self, milli_units: int) -> int:
        """What is paid of it."""
        share = self.share_milli * (MILLI - self.discount_milli)
        return _half_away(milli_units * self.price_minor * share, MILLI**3)


def _half_away(number: int, by: int) -> int:
    """`number` / `by` to the nearest whole number, halves away from zero: a refund rounds as what it refunds."""
    size = (2 * abs(number) + by) // (2 * by)
    return size if number >= 0 else -size


class Item(StrEnum):
    """What a line is for."""

    USAGE = "usage"
    REFUND = "refund"  # negative
    AWARD = "award"  # the units of an award, paid for ahead


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice. Amounts in minor currency."""

    item: Item
    model: str  # empty for an award
    pool: str
    milli_units: int
    list_minor: int  # market price
    amount_minor: int  # what is paid
    of_month: str  # when it was used; an earlier month than the invoice's: it corrects that one's


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a project owes for a month."""

    id: str
    project: str
    month: str
    terms: FeeTerms
    lines: tuple[Line, ...]

    @property
    def milli_units(self) -> int:
        """Units billed, less those refunded."""
        return sum(x.milli_units for x in self.lines)

    @property
    def list_minor(self) -> int:
        """Their price on the market."""
        return sum(x.list_minor for x in self.lines)

    @property
    def total_minor(self) -> int:
        """What is owed; negative: what comes back."""
        return sum(x.amount_minor for x in self.lines)


def invoice(
    project: str, month: str, terms: FeeTerms, charges: Iterable[Charge] = (), refunds: Iterable[Refund] = ()
) -> Invoice:
    """The invoice of a project's usage in a month; of what it is given, rows of others are left out.

    With the rows of `charges` and `refunds` its units are those of the ledger, to the milli-unit.
    """
    amounts: dict[tuple[Item, str, str, str], int] = {}
    for c in charges:
        if (c.project, c.month) == (project, month):
            key = (Item.USAGE, c.model, c.pool, month)
            amounts[key] = amounts.get(key, 0) + c.milli_units
    for r in refunds:
        if (r.project, r.month) == (project, month):
            key = (Item.REFUND, r.model, r.pool, r.of_month)
            amounts[key] = amounts.get(key, 0) - r.milli_units
    lines = [
        _line(item, model, pool, n, of, terms) for (item, model, pool, of), n in sorted(amounts.items(), key=_order)
    ]
    return Invoice(f"invoice:{project}:{month}", project, month, terms, tuple(x for x in lines if x.milli_units))


def invoice_award(project: str, month: str, terms: FeeTerms, milli_units: int, application: str) -> Invoice:
    """The invoice of an award that is paid for ahead."""
    line = _line(Item.AWARD, "", "", milli_units, month, terms)
    return Invoice(f"invoice:{project}:{application}", project, month, terms, (line,) if milli_units else ())


def _order(row: tuple[tuple[Item, str, str, str], int]) -> tuple[bool, str, str, str]:
    (item, *rest), _ = row
    return (item != Item.USAGE, rest[0], rest[1], rest[2])


def _line(item: Item, model: str, pool: str, milli_units: int, of_month: str, terms: FeeTerms) -> Line:
    return Line(item, model, pool, milli_units, terms.list_minor(milli_units), terms.fee_minor(milli_units), of_month)


def fee(bill: Invoice, at_utc_s: int) -> Transfer | None:
    """The transfer that books what an invoice says is owed; None where nothing is."""
    if bill.total_minor <= 0:
        return None
    amount, currency = bill.total_minor, bill.terms.currency
    return Transfer(bill.id, f"fees:{bill.project}", "billed", amount, Cause.FEE, at_utc_s, currency, about=bill.id)


def credit_note(bill: Invoice, corrects: str, at_utc_s: int, by: str, second: str) -> Transfer | None:
    """The transfer that books an invoice whose refunds exceed its usage; None for any other.

    It corrects an earlier invoice (`corrects` is its id), and so takes two people, as every correction does.
    """
    if bill.total_minor >= 0:
        return None
    return Transfer(
        bill.id, "billed", f"fees:{bill.project}", -bill.total_minor, Cause.CORRECT, at_utc_s, bill.terms.currency,
        reason=f"refunds of {bill.month} exceed its usage", by=by, second=second, corrects=corrects, about=bill.id,
    )  # fmt: skip


def payment(bill: Invoice, key: str, amount_minor: int, at_utc_s: int, by: str = "") -> Transfer:
    """A payment received for an invoice; `key` is the bank's own reference."""
    asset, debtor = bill.terms.currency, f"fees:{bill.project}"
    return Transfer(
        f"payment:{key}", "paid", debtor, amount_minor, Cause.PAYMENT, at_utc_s, asset, by=by, about=bill.id
    )
