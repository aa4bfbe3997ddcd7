"""The bounds of the ledger's months (UTC), and dates some months on in a programme's own zone."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, tzinfo

from dure.ledger.months import end_utc_s


def bounds(month: str) -> tuple[int, int]:
    """First moment of a month as 2026-07, and of the one after it. Raises InputError for what is no month."""
    end = end_utc_s(month)
    last = datetime.fromtimestamp(end - 1, UTC)
    return int(datetime(last.year, last.month, 1, tzinfo=UTC).timestamp()), end


def later(utc_s: int, months: int, zone: tzinfo = UTC) -> int:
    """The moment so many months on: the same day and clock time in `zone`, or the last day of a month that lacks it."""
    then = datetime.fromtimestamp(utc_s, zone)
    count = then.year * 12 + then.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return int(then.replace(year=year, month=month, day=min(then.day, monthrange(year, month)[1])).timestamp())


def day_of(utc_s: int, zone: tzinfo = UTC) -> str:
    """The date of a moment in `zone`, as 2026-07-01."""
    return f"{datetime.fromtimestamp(utc_s, zone):%Y-%m-%d}"
