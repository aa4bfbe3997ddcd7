from __future__ import annotations

import zipfile
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputError
from dure.formats.rates import OLDEST, EcbRates

SHIPPED = EcbRates()
DAYS = st.dates(date(1998, 12, 1), date(2027, 1, 31))
SOME = st.sampled_from(["EUR", "USD", "KRW", "JPY", "GBP", "CAD", "INR", "XXX", ""])
FEW = "Date,USD,KRW,OLD,\n2024-01-05,1.10,1430.0,N/A,\n2024-01-02,1.00,1400.5,2.5,\n"


def archive(place: Path, text: str) -> EcbRates:
    path = place / "rates.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("eurofxref-hist.csv", text)
    return EcbRates(path)


def test_the_shipped_file_is_named_by_its_hash_and_last_day() -> None:
    assert len(SHIPPED.sha256) == 64
    assert SHIPPED.first_day == date(1999, 1, 4)
    assert SHIPPED.last_day >= date(2026, 10, 30)
    assert {"EUR", "USD", "KRW", "CAD", "INR"} <= set(SHIPPED.currencies())


def test_a_sunday_has_the_rate_of_friday() -> None:
    sunday = SHIPPED.on("USD", "KRW", date(2024, 10, 27))
    assert sunday is not None
    assert sunday.day == date(2024, 10, 25)
    assert 1370 < sunday.value < 1400


def test_won_and_dollars_since_june_2022() -> None:
    """As the reference measured it: 1,224.9 to 1,558.1 on 1,131 days."""
    span = SHIPPED.span("USD", "KRW", date(2022, 6, 1), date(2026, 10, 30))
    assert span is not None
    assert (round(float(span.low), 1), round(float(span.high), 1), span.days) == (1224.9, 1558.1, 1131)


@given(SOME, SOME, DAYS)
def test_there_and_back_is_one(a: str, b: str, day: date) -> None:
    there, back = SHIPPED.on(a, b, day), SHIPPED.on(b, a, day)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert there.value * back.value == 1
        assert there.day == back.day
        assert timedelta(0) <= day - there.day <= OLDEST
        assert day <= SHIPPED.last_day


@given(SOME, SOME, DAYS, st.integers(0, 60))
def test_a_day_lies_within_its_span(a: str, b: str, day: date, length: int) -> None:
    rate, span = SHIPPED.on(a, b, day), SHIPPED.span(a, b, day - timedelta(days=length), day)
    if span is not None:
        assert span.low <= span.high
        assert 1 <= span.days <= length + 1
        if rate is not None and rate.day >= span.first:
            assert span.low <= rate.value <= span.high


@pytest.mark.parametrize(
    ("of", "into", "day", "value"),
    [
        ("USD", "KRW", date(2024, 1, 2), Fraction("1400.5")), ("USD", "KRW", date(2024, 1, 4), Fraction("1400.5")),
        ("USD", "KRW", date(2024, 1, 5), Fraction(1300)), ("USD", "KRW", date(2024, 1, 6), None),
        ("USD", "KRW", date(2024, 1, 1), None), ("OLD", "USD", date(2024, 1, 5), Fraction("0.4")),
        ("USD", "USD", date(2024, 1, 2), Fraction(1)), ("EUR", "USD", date(2024, 1, 5), Fraction("1.1")),
        ("USD", "won", date(2024, 1, 2), None), ("", "USD", date(2024, 1, 2), None), ("Date", "USD", date(2024, 1, 2), None),
    ],
)  # fmt: skip
def test_a_small_file(tmp_path: Path, of: str, into: str, day: date, value: Fraction | None) -> None:
    rate = archive(tmp_path, FEW).on(of, into, day)
    assert (rate.value if rate else None) == value


def test_what_is_older_than_a_week_is_no_rate(tmp_path: Path) -> None:
    rates = archive(tmp_path, "Date,USD,OLD\n2024-01-20,1.1,N/A\n2024-01-02,1.0,2\n")
    assert rates.on("OLD", "EUR", date(2024, 1, 9)) is not None
    assert rates.on("OLD", "EUR", date(2024, 1, 10)) is None
    assert rates.span("OLD", "EUR", date(2024, 1, 3), date(2024, 1, 20)) is None


@pytest.mark.parametrize("text", ["", "Date,USD\n", "Tag,USD\n2024-01-02,1\n", "Date,USD\nmonday,1\n"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="ECB"):
        _ = archive(tmp_path, text).last_day


def test_no_archive_no_number_no_file(tmp_path: Path) -> None:
    (tmp_path / "plain.zip").write_text("Date,USD\n")
    with pytest.raises(InputError, match="ECB"):
        _ = EcbRates(tmp_path / "plain.zip").last_day
    with pytest.raises(InputError, match="cannot be read"):
        _ = EcbRates(tmp_path / "absent.zip").sha256
    with pytest.raises(InputError, match="USD"):
        archive(tmp_path, "Date,USD\n2024-01-02,much\n").on("USD", "EUR", date(2024, 1, 2))


def test_a_rate_of_nothing_is_no_rate(tmp_path: Path) -> None:
    assert archive(tmp_path, "Date,USD\n2024-01-02,0\n").on("USD", "EUR", date(2024, 1, 2)) is None
