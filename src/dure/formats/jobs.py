"""Dure's own workload files (CSV and Parquet), and the last step that every reader of jobs shares.

The columns are those of `workload.COLUMNS` by name, with three of them readable: `kind` and `project` by name, `accept`
as `H200:1000|RNGD:450` (model, relative speed in thousandths; empty for any model). A `name` column is optional. What
is not a column (the calendar start, the source) is JSON: in Parquet's metadata, or in the CSV's first line after `#`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from dure.errors import InputError
from dure.formats.streams import Limits
from dure.formats.tables import Faults, Table, coded, parse
from dure.units import MILLI
from dure.vocabulary import JobKind
from dure.workload.columns import ANY, BOUNDS, COLUMNS, Accept, Workload

ACCEPT_FORM = "models with speeds in thousandths, as H200:1000|RNGD:450; empty for any"
KINDS = ", ".join(k.name.lower() for k in JobKind)
_META_KEY = "dure"
_REQUIRED = ("submit_s", "duration_s")
_TEXT_COLUMNS = ("name", "project", "accept", "kind")
_MAX_SPEED = 1000 * MILLI
_MAX_START_S = 2**40
_LOST_IN_CSV = r"[\x00-\x1f\x7f]|^\s|\s$"


def finish(
    table: Table,
    columns: Mapping[str, NDArray[np.int64]],
    *,
    project: pl.Series | None = None,
    accept: pl.Series | None = None,
    names: pl.Series | None = None,
    start_utc_s: int = 0,
    notes: tuple[str, ...] = (),
) -> Workload:
    """The workload of a table whose columns have been read: checks what is left, drops or reports bad rows.

    `project`, `accept` and `names` are text, one per row; an empty project is `default`. Raises InputErrors with all
    faults, or InputError where no job is left.
    """
    good = table.faults.good(table.lines)
    for name, column in columns.items():
        low, high = BOUNDS[name]
        bad = good & ((column < low) | (column > high))
        table.faults.add(table.lines[bad], name, "out of range", column[bad].tolist(), f"{low} to {high}")
    found, codes = ([ANY], np.zeros(len(table), np.int32))
    if accept is not None:
        found, codes = table.parsed(accept, parse_accept, ANY, ACCEPT_FORM)
    notes += table.faults.settle()
    rows = np.flatnonzero(table.faults.good(table.lines))
    if not len(rows):
        raise InputError("no job in the file", source=table.source, accepted="at least one good row")
    # In the order of submission already here, so that projects and accept lists are numbered as their jobs come.
    rows = rows[np.argsort(columns["submit_s"][rows], kind="stable")]
    filled: dict[str, NDArray[Any]] = {name: column[rows] for name, column in columns.items()}
    accepts, filled["accept"] = _numbered(found, codes[rows])
    projects = ["default"]
    if project is not None:
        projects, filled["project"] = coded(project.gather(rows).replace("", "default"))
    return Workload.from_columns(
        filled,
        projects=tuple(projects),
        accepts=accepts,
        names=tuple(names.gather(rows).to_list()) if names is not None else (),
        source=table.source,
        start_utc_s=start_utc_s,
        notes=notes,
    )


def _numbered(found: list[Accept], codes: NDArray[np.int32]) -> tuple[tuple[Accept, ...], NDArray[np.int64]]:
    """The accept lists that occur, each once, by first appearance, and each row's index into them."""
    index: dict[Accept, int] = {}
    used, first = np.unique(codes, return_index=True)
    number = np.zeros(len(found), dtype=np.int64)
    for code in used[np.argsort(first)].tolist():
        number[code] = index.setdefault(found[code], len(index))
    return tuple(index), number[codes]


def parse_accept(text: str) -> Accept:
    """`H200:1000|RNGD:450` to models with speeds, 1000 where none is given. Raises ValueError with the reason."""
    if not text:
        return ANY
    found: dict[str, int] = {}
    for part in text.split("|"):
        model, colon, speed = (s.strip() for s in part.rpartition(":"))
        if not colon:
            model, speed = speed, str(MILLI)
        if not model:
            raise ValueError("a model without a name")
        if not (speed.isascii() and speed.isdigit() and len(speed) <= 9 and 1 <= int(speed) <= _MAX_SPEED):
            raise ValueError(f"speed not within 1 to {_MAX_SPEED}")
        if found.setdefault(model, int(speed)) != int(speed):
            raise ValueError(f"model {model} at two speeds")
    return tuple(found.items())


def format_accept(accept: Accept) -> str:
    """The text that `parse_accept` reads back. Raises InputError for a model id that it could not."""
    for model, _ in accept:
        if not model or "|" in model or model.strip() != model:
            accepted = "an id without | or outer blanks"
            raise InputError("model id cannot be written", field="accept", value=model, accepted=accepted)
    return "|".join(f"{model}:{speed}" for model, speed in accept)


def read_csv(data: bytes, faults: Faults, limits: Limits) -> Workload:
    """Dure's own CSV."""
    meta, body = split_meta(data, faults.source)
    return _from_table(parse(body, faults, limits), meta)


def read_parquet(data: bytes, faults: Faults, limits: Limits) -> Workload:
    """Dure's own Parquet. Lines in messages are row numbers."""
    frame, meta = read_frame(data, faults.source, limits)
    table = Table(faults.source, frame, np.arange(1, len(frame) + 1), faults)
    return _from_table(table, meta)


def _from_table(table: Table, meta: dict[str, Any]) -> Workload:
    table.require(*_REQUIRED)
    known = ["name", *(c.name for c in COLUMNS)]
    for name in table.frame.columns:
        if name not in known:
            raise InputError("unknown column", source=table.source, field=name, accepted=", ".join(known))
    columns = {
        c.name: table.numbers(c.name, *BOUNDS[c.name], blank=None if c.name in _REQUIRED else c.default)
        for c in COLUMNS
        if c.name in table and c.name not in _TEXT_COLUMNS
    }
    if "kind" in table:
        kinds, codes = table.parsed(table.text("kind"), _kind, 0, KINDS)
        columns["kind"] = np.array(kinds, dtype=np.int64)[codes]
    text = {n: table.text(n) for n in ("project", "accept", "name") if n in table}
    start = meta.get("start_utc_s", 0)
    if type(start) is not int or abs(start) > _MAX_START_S:
        accepted = "seconds since 1970"
        raise InputError("not a time", source=table.source, field="start_utc_s", value=start, accepted=accepted)
    notes = (f"made from {meta['source']}",) if meta.get("source") else ()
    return finish(
        table,
        columns,
        project=text.get("project"),
        accept=text.get("accept"),
        names=text.get("name"),
        start_utc_s=start,
        notes=notes,
    )


def _kind(text: str) -> int:
    try:
        return int(JobKind[text.upper()]) if text else int(JobKind.BATCH)
    except KeyError:
        raise ValueError("no such kind") from None


def to_frame(workload: Workload) -> pl.DataFrame:
    """The workload as a Polars frame with the columns of Dure's files."""
    kinds = np.array([k.name.lower() for k in JobKind])
    text: dict[str, Any] = {
        "kind": _spread(kinds.tolist(), workload.kind),
        "project": _spread(workload.projects, workload.project),
        "accept": _spread([format_accept(a) for a in workload.accepts], workload.accept),
    }
    columns = {c.name: text[c.name] if c.name in text else getattr(workload, c.name) for c in COLUMNS}
    try:
        named = {"name": pl.Series(list(workload.names), dtype=pl.String)} if workload.names else {}
        return pl.DataFrame({**named, **columns})
    except UnicodeEncodeError as fault:
        raise InputError("not valid text", field="name", value=fault.object, accepted="Unicode text") from fault


def _spread(texts: Any, codes: NDArray[Any]) -> pl.Series:
    try:
        return pl.Series(list(texts), dtype=pl.String).gather(pl.Series(codes.astype(np.uint32)))
    except UnicodeEncodeError as fault:
        raise InputError("not valid text", value=fault.object, accepted="Unicode text") from fault


def write_csv(workload: Workload, stream: BinaryIO) -> None:
    """Dure's own CSV. Raises InputError for text that a CSV would not give back as it was."""
    write_frame_csv(to_frame(workload), _meta(workload), stream)


def write_parquet(workload: Workload, stream: BinaryIO) -> None:
    """Dure's own Parquet."""
    write_frame_parquet(to_frame(workload), _meta(workload), stream)


def _meta(workload: Workload) -> dict[str, Any]:
    return {"table": "workload", "start_utc_s": workload.start_utc_s, "source": workload.source}


def write_frame_csv(frame: pl.DataFrame, meta: dict[str, Any], stream: BinaryIO) -> None:
    """A frame as CSV under one line of metadata."""
    for column in frame.select(pl.col(pl.String)):
        wrong = column.filter(column.str.contains(_LOST_IN_CSV))
        if len(wrong):
            accepted = "text without control characters and outer blanks (Parquet keeps them)"
            raise InputError("cannot stand in a CSV", field=column.name, value=wrong[0], accepted=accepted)
    stream.write(f"# {json.dumps({_META_KEY: meta}, ensure_ascii=False)}\n".encode(errors="replace"))
    # An empty text would be written as two quotes, and reading quotes is the slow way.
    stream.write(frame.with_columns(pl.col(pl.String).replace("", None)).write_csv().encode())


def write_frame_parquet(frame: pl.DataFrame, meta: dict[str, Any], stream: BinaryIO) -> None:
    """A frame as Parquet with metadata."""
    import pyarrow.parquet as pq

    table = frame.to_arrow()
    table = table.replace_schema_metadata({_META_KEY: json.dumps(meta)})
    pq.write_table(table, stream, compression="zstd")


def split_meta(data: bytes, source: str) -> tuple[dict[str, Any], bytes]:
    """The metadata in the first lines, those that start with `#`, and the text with these lines emptied."""
    head = re.match(rb"(?:#[^\n]*(?:\n|\Z))+", data)
    if not head:
        return {}, data
    found: dict[str, Any] = {}
    for number, line in enumerate(head[0].decode().splitlines(), start=1):
        if line.startswith(f'# {{"{_META_KEY}"'):
            found |= parse_meta(line[1:], source, number, lambda value: value[_META_KEY])
    return found, b"\n" * head[0].count(b"\n") + data[head.end() :]


def parse_meta(
    text: str | bytes, source: str, line: int | None, pick: Callable[[Any], Any] = lambda value: value
) -> dict[str, Any]:
    """Metadata from JSON. Raises InputError if it is none."""
    try:
        found = pick(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise InputError(f"metadata is not JSON: {fault}", source=source, line=line) from fault
    if not isinstance(found, dict):
        raise InputError("metadata is not an object", source=source, line=line, value=str(found)[:80])
    return found


def read_frame(data: bytes, source: str, limits: Limits) -> tuple[pl.DataFrame, dict[str, Any]]:
    """A Parquet file as a frame with its metadata. Raises InputError for what is damaged or beyond the limits."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        unpacked = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        for size, most, unit in (
            (file.metadata.num_rows, limits.max_rows, "rows"),
            (unpacked, limits.max_bytes, "bytes unpacked"),
        ):
            if size > most:
                raise InputError("too large", source=source, value=f"{size:,} {unit}", accepted=f"at most {most:,}")
        if len(set(file.schema_arrow.names)) != len(file.schema_arrow.names):
            raise InputError("column named twice", source=source, accepted="each column once")
        table = file.read()
        table.validate(full=True)
        frame = pl.DataFrame(pl.from_arrow(table.replace_schema_metadata()))
    except (pa.ArrowException, OSError, ArithmeticError, LookupError, TypeError, ValueError, PolarsError) as fault:
        message = f"Parquet is damaged: {str(fault)[:200]}"
        raise InputError(message, source=source, accepted="a complete Parquet file") from fault
    meta = (file.schema_arrow.metadata or {}).get(_META_KEY.encode())
    return frame, parse_meta(meta, source, None) if meta else {}
