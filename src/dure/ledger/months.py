"""Months in UTC, as 2026-03: what the books are closed by."""

from __future__ import annotations

import datetime as dt
import re

from dure.errors import InputError

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def month_of(at_utc_s: int) -> str:
    """The month of a moment."""
    moment = dt.datetime.fromtimestamp(at_utc_s, dt.UTC)
    return f"{moment.year:04d}-{moment.month:02d}"


def end_utc_s(month: str) -> int:
    """The first moment after a month. Raises InputError for what is no month from 1970 to 9998."""
    match = _MONTH.fullmatch(month)
    if not match or not 1970 <= int(match[1]) <= 9998:
        raise InputError("not a month", field="month", value=month, accepted="a month such as 2026-03")
    year, number = int(match[1]), int(match[2])
    return int(dt.datetime(year + number // 12, number % 12 + 1, 1, tzinfo=dt.UTC).timestamp())
