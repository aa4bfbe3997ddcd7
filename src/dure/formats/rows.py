"""Tables of text that people keep (CSV, `sacct --parsable2`): each bad row named with line, field, value and accepted form.

A reading is all or nothing, unless it is asked to skip bad rows: then it returns what was right, and says what was not.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar

from dure.errors import InputError, InputErrors
from dure.fleet.checks import nearest
from dure.formats import toml

T = TypeVar("T")


class Row(toml.Records):
    """One row being read: its cells by column, its line, and the faults found in it.

    `columns` says which column a path of keys came from, so that faults are named by column.
    """

    def __init__(self, name: str, line: int, cells: dict[str, str], columns: Mapping[toml.Path, str]) -> None:
        super().__init__(name)
        self.line, self.cells, self._columns = line, cells, columns

    def place(self, path: toml.Path) -> tuple[int | None, str]:
        """The row's line, and the column of the path or of the nearest one around it."""
        known = (self._columns[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._columns)
        return self.line, next(known, str(path[-1]))

    def read(self, column: str, parse: Callable[[str], Any], neutral: Any = None) -> Any:
        """One cell; `neutral` where it is blank or wrong."""
        text = self.cells.get(column, "")
        return self.value((column,), text, parse, neutral) if text else neutral


def read_rows(
    stream: BinaryIO,
    name: str,
    parse: Callable[[Row], T],
    *,
    columns: Collection[str],
    required: Collection[str],
    paths: Mapping[toml.Path, str] | None = None,
    delimiter: str = ",",
    others: bool = False,
    skip_bad: bool = False,
) -> tuple[list[T], list[InputError]]:
    """Every row through `parse`, and the faults of those that were skipped.

    `others` lets columns pass that are not known. Raises InputError for a wrong header, InputErrors for bad rows unless
    `skip_bad`.
    """
    good: list[T] = []
    faults: list[InputError] = []
    for line, cells in _cells(stream, name, columns, required, delimiter, others):
        if isinstance(cells, InputError):
            faults.append(cells)
            continue
        row = Row(name, line, cells, paths or {})
        parsed = parse(row)
        found = [error for errors in row.faults.values() for error in errors]
        faults += found
        if not found:
            good.append(parsed)
    if faults and not skip_bad:
        raise InputErrors(faults)
    return good, faults


def _cells(
    stream: BinaryIO, name: str, columns: Collection[str], required: Collection[str], delimiter: str, others: bool
) -> Iterator[tuple[int, dict[str, str] | InputError]]:
    """Line and cells of every row that is not blank; an InputError for one with too many or too few."""
    reader = csv.reader(io.StringIO(toml.read_text(stream, name), newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        _check_header(header, name, columns, required, others)
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) == len(header):
                yield line, dict(zip(header, cells, strict=True))
            elif cells:
                accepted = f"{len(header)} cells: {', '.join(header)}"
                yield (
                    line,
                    InputError("wrong number of cells", source=name, line=line, value=len(cells), accepted=accepted),
                )
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"not CSV: {error}", source=name, line=reader.line_num) from None


def _check_header(
    header: list[str], name: str, columns: Collection[str], required: Collection[str], others: bool
) -> None:
    where: dict[str, Any] = {"source": name, "line": 1}
    faults = [InputError("missing column", **where, field=c) for c in required if c not in header]
    unknown = [] if others else [c for c in header if c not in columns]
    faults += [InputError("unknown column", **where, field=c, accepted=nearest(c, columns)) for c in unknown]
    faults += [InputError("column given twice", **where, field=c) for c in {c for c in header if header.count(c) > 1}]
    if faults:
        raise InputErrors(faults)


def names(text: str) -> tuple[str, ...]:
    """Names joined by semicolons; none where it is blank."""
    return tuple(part.strip() for part in text.split(";") if part.strip())
