"""Tables of text with every fault found: which line, which field, what it was, what would be right.

The whole file is parsed at once by columns. A column that converts cleanly costs no more than that; only the rows that
do not are looked at one by one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, repeat
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dure.errors import InputError, InputErrors
from dure.formats.streams import Limits

_MAX_COLUMNS = 1000
_EXACT = 2.0**53  # beyond it a float is no longer every whole number
_MIN_INT = -(2**63)
T = TypeVar("T")


@dataclass
class Faults:
    """The faults of one reading. Kept in full up to a bound, counted beyond it."""

    KEPT = 100
    SHOWN = 20

    source: str
    skip_bad: bool = False
    errors: list[InputError] = field(default_factory=list)
    total: int = 0
    _bad: list[NDArray[np.int64]] = field(default_factory=list)

    def add(
        self,
        lines: NDArray[np.int64],
        where: str,
        message: str | Sequence[str],
        values: Sequence[object],
        accepted: str = "",
    ) -> None:
        """One fault per line, in ascending lines. Of `values`, what was found there, the first `KEPT` are enough;
        so are they of messages, where each line has its own."""
        if not len(lines):
            return
        self.total += len(lines)
        self._bad.append(lines)
        messages = repeat(message) if isinstance(message, str) else message
        for line, text, value in islice(zip(lines.tolist(), messages, values), self.KEPT):
            shown = value if value is None or isinstance(value, (str, int, float)) else str(value)
            fault = InputError(text, source=self.source, line=line, field=where, value=shown, accepted=accepted)
            self.errors.append(fault)
        if len(self.errors) > 100 * self.KEPT:  # rows that are read one by one bring their faults one by one
            self._trim()

    def good(self, lines: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `lines` have no fault so far."""
        return ~np.isin(lines, np.concatenate(self._bad)) if self._bad else np.ones(len(lines), dtype=bool)

    def _trim(self) -> None:
        self.errors = sorted(self.errors, key=lambda e: e.line or 0)[: self.KEPT]

    def settle(self) -> tuple[str, ...]:
        """Raise all faults together, or, where bad rows may be skipped, return notes that count and list them."""
        if not self.total:
            return ()
        self._trim()
        if not self.skip_bad:
            raise InputErrors(self.errors, total=self.total)
        listed = tuple(str(e) for e in self.errors[: self.SHOWN])
        more = (f"... and {self.total - len(listed)} more faults",) if self.total > len(listed) else ()
        return (f"bad rows skipped: {len(np.unique(np.concatenate(self._bad)))}", *listed, *more)


@dataclass(frozen=True)
class Table:
    """Named columns (text, or the file's own types), the line each row stands on, and where faults go."""

    source: str
    frame: pl.DataFrame
    lines: NDArray[np.int64]
    faults: Faults

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, name: str) -> bool:
        return name in self.frame.columns

    def require(self, *names: str) -> None:
        """Raise InputError unless every one of `names` is a column."""
        missing = [n for n in names if n not in self]
        if missing:
            found = ", ".join(self.frame.columns)
            accepted = f"a header with {', '.join(names)}"
            raise InputError("missing column", source=self.source, field=missing[0], value=found, accepted=accepted)

    def where(self, mask: NDArray[np.bool_]) -> Table:
        """The rows where `mask` holds."""
        return replace(self, frame=self.frame.filter(pl.Series(mask)), lines=self.lines[mask])

    def text(self, name: str) -> pl.Series:
        """A column as text without surrounding blanks; what is missing is empty."""
        return as_text(self.frame[name])

    def numbers(
        self, name: str, low: int, high: int, *, blank: int | None = None, rounded: bool = False
    ) -> NDArray[np.int64]:
        """A column as int64 within `low` to `high`; `blank` stands in for an empty field (a fault where None).

        Fractions are a fault, or rounded to the nearest where `rounded`. Faulty rows hold `low`.
        """
        return numbers(self.frame[name], self.lines, self.faults, low, high, blank=blank, rounded=rounded)

    def times(self, name: str, form: str, accepted: str) -> NDArray[np.int64]:
        """A column of dates and times, read as UTC, as seconds since 1970. Faulty rows hold 0."""
        text = self.text(name)
        seconds = text.str.to_datetime(form, strict=False, time_unit="ms").dt.epoch("s")
        self.mark(seconds.is_null().to_numpy(), name, "not a date and time", accepted)
        return seconds.fill_null(0).to_numpy()

    def parsed(
        self,
        values: pl.Series,
        parse: Callable[[str], T],
        default: T,
        accepted: str,
        within: NDArray[np.bool_] | None = None,
    ) -> tuple[list[T], NDArray[np.int32]]:
        """Each distinct text of a column through `parse`, and each row's index into the results.

        A ValueError of `parse` is a fault of every row with that text (of those `within`), which then holds `default`.
        """
        texts, codes = coded(values)
        found: list[T] = []
        reasons: dict[int, str] = {}
        for i, text in enumerate(texts):
            try:
                found.append(parse(text))
            except ValueError as fault:
                found.append(default)
                reasons[i] = str(fault)
        if reasons:
            bad = np.isin(codes, np.fromiter(reasons, np.int32)) & (True if within is None else within)
            first = codes[bad][: Faults.KEPT].tolist()
            messages, shown = [reasons[c] for c in first], [texts[c] for c in first]
            self.faults.add(self.lines[bad], values.name, messages, shown, accepted)
        return found, codes

    def mark(self, bad: NDArray[np.bool_], name: str, message: str, accepted: str = "") -> None:
        """A fault in every row where `bad` holds; the value shown is that of column `name`, if there is one."""
        rows = np.flatnonzero(bad)
        shown = rows[: Faults.KEPT]
        found = self.frame[name][shown].to_list() if name in self else [None] * len(shown)
        self.faults.add(self.lines[rows], name, message, found, accepted)


def as_text(values: pl.Series) -> pl.Series:
    """Any column as text without surrounding blanks; null is empty."""
    return values.cast(pl.String, strict=False).fill_null("").str.strip_chars()


def coded(values: pl.Series) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct texts in order of first appearance, and each row's index into them."""
    distinct = values.unique(maintain_order=True)
    if len(distinct) <= 1:
        return distinct.to_list(), np.zeros(len(values), dtype=np.int32)
    codes = values.replace_strict(distinct, pl.Series(np.arange(len(distinct), dtype=np.int32)))
    return distinct.to_list(), codes.to_numpy()


def numbers(
    values: pl.Series,
    lines: NDArray[np.int64],
    faults: Faults,
    low: int,
    high: int,
    *,
    blank: int | None = None,
    rounded: bool = False,
) -> NDArray[np.int64]:
    """As `Table.numbers`, for a column by itself."""
    name = values.name
    if not (values.dtype == pl.String or values.dtype.is_numeric()):
        raise InputError("not a column of numbers", source=faults.source, field=name, value=str(values.dtype))
    plain = values.str.strip_chars() if values.dtype == pl.String else values
    # A float column has no plain int64 in it: every row goes the way of the odd ones.
    whole = plain.cast(pl.Int64, strict=False) if not plain.dtype.is_float() else plain.clear(len(plain)).cast(pl.Int64)
    result = whole.fill_null(_MIN_INT).to_numpy().copy()
    odd = np.flatnonzero(whole.is_null().to_numpy())
    accepted = f"a {'' if rounded else 'whole '}number from {low} to {high}"
    if len(odd):
        result[odd] = _settle_odd(plain.gather(odd), lines[odd], faults, name, accepted, blank, rounded, low)
    wrong = np.flatnonzero((result < low) | (result > high))
    for message, rows in (("negative", wrong[result[wrong] < 0]), ("out of range", wrong[result[wrong] >= 0])):
        found = values.gather(rows[: Faults.KEPT]).to_list()
        faults.add(lines[rows], name, message if low >= 0 else "out of range", found, accepted)
    result[wrong] = low
    return result


def _settle_odd(
    values: pl.Series,
    lines: NDArray[np.int64],
    faults: Faults,
    name: str,
    accepted: str,
    blank: int | None,
    rounded: bool,
    low: int,
) -> NDArray[np.int64]:
    """The rows that are no plain int64: blanks, fractions, exponents, and what is no number at all."""
    missing = (values.is_null() if values.dtype != pl.String else values.fill_null("") == "").to_numpy()
    real = values.cast(pl.Float64, strict=False)
    unread = real.is_null().to_numpy()
    number = real.fill_null(0.0).to_numpy()
    finite = np.isfinite(number)
    nearest = np.rint(np.where(finite, number, 0.0))
    huge = np.abs(nearest) > _EXACT
    whole = finite & ((number == nearest) | rounded)
    blank_bad = missing & (blank is None)
    for message, bad in (
        ("blank", blank_bad),
        ("not a number", unread & ~missing),
        ("not a finite number", ~finite & ~unread),
        ("not a whole number", finite & ~whole & ~huge & ~missing),
        ("out of range", huge & ~missing),
    ):
        rows = np.flatnonzero(bad)
        faults.add(lines[rows], name, message, values.gather(rows[: Faults.KEPT]).to_list(), accepted)
    good = whole & ~unread & ~huge
    result = np.where(good, nearest, float(low)).astype(np.int64)
    return np.where(missing, low if blank is None else blank, result)


def parse(
    data: bytes,
    faults: Faults,
    limits: Limits,
    *,
    delimiter: str = ",",
    header: Sequence[str] = (),
    quotes: bool = True,
) -> Table:
    """A table of text from clean UTF-8 `data`; blank lines are passed over, rows of another width are faults.

    Without `header` the first line names the columns. Raises InputError for no header, a column named twice, or too
    many rows or columns.
    """
    _refuse_rows(data.count(b"\n"), limits, faults.source)
    read = _quoted if quotes and b'"' in data else _plain
    return read(data, faults, delimiter, tuple(header))


def _refuse_rows(count: int, limits: Limits, source: str) -> None:
    if count > limits.max_rows + 100:  # room for a header and its comments
        raise InputError("too many lines", source=source, value=count, accepted=f"at most {limits.max_rows:,} rows")


def _named(cells: Sequence[str], source: str, line: int) -> tuple[str, ...]:
    names = tuple(c.strip() for c in cells)
    if len(names) > _MAX_COLUMNS:
        raise InputError("too many columns", source=source, line=line, value=len(names), accepted=f"{_MAX_COLUMNS}")
    twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
    if twice is not None:
        raise InputError("column named twice", source=source, line=line, value=twice, accepted="each column once")
    return names


def _width_fault(faults: Faults, lines: NDArray[np.int64], widths: Sequence[int], names: Sequence[str]) -> None:
    found = [f"{w} fields" for w in widths[: Faults.KEPT]]
    shown = ", ".join(names) if len(names) <= 20 else ", ".join(names[:20]) + ", ..."
    faults.add(lines, "", "wrong number of fields", found, f"{len(names)} fields: {shown}")


def _plain(data: bytes, faults: Faults, delimiter: str, names: tuple[str, ...]) -> Table:
    """Without quotes a line end ends a row: count delimiters per line, then split all good lines at once."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(buffer == ord("\n"))
    ends = ends if data.endswith(b"\n") else np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)
    marks = np.flatnonzero(buffer == ord(delimiter))
    widths = np.searchsorted(marks, ends) - np.searchsorted(marks, starts) + 1
    filled = np.flatnonzero(ends > starts)
    if not names:
        if not len(filled):
            raise InputError("no header: the file is empty", source=faults.source)
        first, filled = int(filled[0]), filled[1:]
        names = _named(data[starts[first] : ends[first]].decode().split(delimiter), faults.source, first + 1)
    fits = widths[filled] == len(names)
    wrong, rows = filled[~fits], filled[fits]
    _width_fault(faults, wrong + 1, widths[wrong].tolist(), names)
    unbroken = len(rows) and int(rows[-1]) - int(rows[0]) + 1 == len(rows)
    body = (
        data[starts[rows[0]] : ends[rows[-1]]]
        if unbroken
        else b"\n".join(data[a:b] for a, b in zip(starts[rows].tolist(), ends[rows].tolist(), strict=True))
    )
    return Table(faults.source, _split(body, names, delimiter, len(rows)), rows + 1, faults)


def _split(body: bytes, names: tuple[str, ...], delimiter: str, count: int) -> pl.DataFrame:
    if not count:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return pl.read_csv(
        body,
        has_header=False,
        new_columns=list(names),
        separator=delimiter,
        quote_char=None,
        infer_schema=False,
        empty_string_is_null=False,
    )


def _quoted(data: bytes, faults: Faults, delimiter: str, names: tuple[str, ...]) -> Table:
    """With quotes a row may span lines: read them one by one."""
    rows: list[list[str]] = []
    lines: list[int] = []
    for line, cells in _records(data, faults, delimiter):
        if not names:
            names = _named(cells, faults.source, line)
        elif len(cells) == len(names):
            rows.append(cells)
            lines.append(line)
        else:
            _width_fault(faults, np.array([line]), [len(cells)], names)
    if not names:
        raise InputError("no header: the file is empty", source=faults.source)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    frame = pl.DataFrame([pl.Series(n, c, dtype=pl.String) for n, c in zip(names, columns, strict=True)])
    return Table(faults.source, frame, np.array(lines, dtype=np.int64), faults)


def _records(data: bytes, faults: Faults, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            faults.add(np.array([line]), "", f"bad quoting: {fault}", [None], 'quotes closed and doubled: "a ""b"" c"')
            continue
        if cells:
            yield line, cells
