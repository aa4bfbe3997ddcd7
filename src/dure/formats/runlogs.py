"""Run logs in and out of files: one table with one row per event, so that what is written is what happened.

Columns `time_s, job, event, reason, pool` as in the log, event and reason by name; the places of a START in Parquet are
two lists `nodes` and `devices` (bit masks), in CSV `node:devices|node:devices`. Policy, seed, scenario, horizon and
whether the run was complete are JSON metadata, as in workload files. What is read back is equal to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dure.errors import InputError, InvariantBroken, UnknownName
from dure.formats.jobs import read_frame, split_meta, write_frame_csv, write_frame_parquet
from dure.formats.streams import Limits, clean_text, read_bytes
from dure.formats.tables import Faults, Table, numbers, parse
from dure.lifecycle.runlog import EVENT_DTYPE, PLACEMENT_DTYPE, RunLog
from dure.vocabulary import JobEvent, Refusal

FORMATS = ("csv", "parquet")
RUNLOG_LIMITS = Limits(max_bytes=1 << 32, max_rows=100_000_000)  # three events a job and more
_META: dict[str, type] = {
    "policy": str, "seed": int, "scenario": str, "horizon_s": int, "complete": bool, "info": dict,
}  # fmt: skip
_INT32, _INT64 = 2**31 - 1, 2**63 - 1


def write_runlog(log: RunLog, stream: BinaryIO, fmt: str) -> None:
    """Write a run log as `csv` or `parquet`. Raises UnknownName for another format."""
    if fmt not in FORMATS:
        raise UnknownName("run log format", fmt, FORMATS)
    rows = log.placements["row"]
    if len(rows) and (np.any(rows[1:] < rows[:-1]) or not 0 <= rows[0] <= rows[-1] < len(log.events)):
        raise InvariantBroken("placements are not in the order of their events")
    # The places of event i are placements[bounds[i] : bounds[i + 1]].
    bounds = np.searchsorted(rows, np.arange(len(log.events) + 1))
    meta = {"table": "run log", **{name: getattr(log, name) for name in _META}}
    if fmt == "csv":
        places = [pl.Series(log.placements[n].copy()).cast(pl.String) for n in ("node", "devices")]
        joined = _lists(places[0] + ":" + places[1], bounds).list.join("|")
        write_frame_csv(_events_frame(log).with_columns(joined.alias("places")), meta, stream)
    else:
        lists = {to: _lists(pl.Series(log.placements[n].copy()), bounds) for to, n in _LISTS.items()}
        write_frame_parquet(_events_frame(log).with_columns(**lists), meta, stream)


_LISTS = {"nodes": "node", "devices": "devices"}


def _lists(values: pl.Series, bounds: NDArray[np.int64]) -> pl.Series:
    """One list per event out of one value per place."""
    import pyarrow as pa

    lists = pa.LargeListArray.from_arrays(pa.array(bounds, pa.int64()), values.to_arrow())
    return pl.Series(pl.from_arrow(lists))


def _events_frame(log: RunLog) -> pl.DataFrame:
    frame = pl.DataFrame({n: np.ascontiguousarray(log.events[n]) for n in EVENT_DTYPE.names or ()})
    return frame.with_columns(_named(frame["event"], JobEvent), _named(frame["reason"], Refusal))


def _named(codes: pl.Series, kind: type[IntEnum]) -> pl.Series:
    return codes.replace_strict({int(e): e.name.lower() for e in kind}, return_dtype=pl.String)


def read_runlog(stream: BinaryIO, *, name: str, fmt: str | None = None, limits: Limits = RUNLOG_LIMITS) -> RunLog:
    """The run log in `stream` (gzip or not), `csv` or `parquet`, told or found. Raises InputErrors with every fault."""
    data = read_bytes(stream, name, limits)
    fmt = ("parquet" if data.startswith(b"PAR1") else "csv") if fmt is None else fmt
    if fmt not in FORMATS:
        raise UnknownName("run log format", fmt, FORMATS)
    faults = Faults(name)
    if fmt == "parquet":
        frame, meta = read_frame(data, name, limits)
        table = Table(name, frame, np.arange(1, len(frame) + 1), faults)
    else:
        meta, body = split_meta(clean_text(data, name), name)
        table = parse(body, faults, limits)
    table.require(*(EVENT_DTYPE.names or ()), *(("places",) if fmt == "csv" else _LISTS))
    events = _read_events(table)
    placements = _read_places(table) if fmt == "csv" else _read_lists(table)
    faults.settle()
    return RunLog(events, placements, **_checked_meta(meta, name))


def _read_events(table: Table) -> NDArray[np.void]:
    columns = {
        "time_s": table.numbers("time_s", 0, _INT64),
        "job": table.numbers("job", 0, _INT32),
        "event": _coded(table, "event", JobEvent),
        "reason": _coded(table, "reason", Refusal),
        "pool": table.numbers("pool", -1, 2**15 - 1),
    }
    time = columns["time_s"]
    back = table.faults.good(table.lines) & (time < np.maximum.accumulate(time))
    table.mark(back, "time_s", "time goes backwards", "events in the order of their times")
    return _packed(EVENT_DTYPE, columns)


def _coded(table: Table, name: str, kind: type[IntEnum]) -> NDArray[np.int64]:
    known = {e.name.lower(): int(e) for e in kind}
    codes = table.text(name).replace_strict(known, default=None, return_dtype=pl.Int64)
    table.mark(codes.is_null().to_numpy(), name, f"no such {name}", ", ".join(known))
    return codes.fill_null(0).to_numpy()


def _read_places(table: Table) -> NDArray[np.void]:
    text = table.text("places")
    parts = pl.DataFrame({"row": np.arange(len(table)), "places": text}).filter(pl.col("places") != "")
    parts = parts.with_columns(pl.col("places").str.split("|")).explode("places")
    pairs = parts["places"].str.splitn(":", 2).struct.unnest()
    return _places(table, parts["row"].to_numpy(), pairs["field_0"], pairs["field_1"])


def _read_lists(table: Table) -> NDArray[np.void]:
    nodes, devices = (table.frame[n] for n in _LISTS)
    for column in (nodes, devices):
        if not isinstance(column.dtype, pl.List):
            raise InputError("not a column of lists", source=table.source, field=column.name, value=str(column.dtype))
    counts = [c.list.len().fill_null(0) for c in (nodes, devices)]
    table.mark((counts[0] != counts[1]).to_numpy(), "devices", "not as many as nodes", "one bit mask for each node")
    if table.faults.total:
        return np.empty(0, PLACEMENT_DTYPE)
    rows = np.repeat(np.arange(len(table)), counts[0].to_numpy())
    flat = [c.filter(counts[0] > 0).explode() for c in (nodes, devices)]
    return _places(table, rows, *flat)


def _places(table: Table, rows: NDArray[np.int64], node: pl.Series, devices: pl.Series) -> NDArray[np.void]:
    lines = table.lines[rows]
    columns = {
        "row": rows,
        "node": numbers(node.alias("places: node"), lines, table.faults, 0, _INT32),
        "devices": numbers(devices.alias("places: devices"), lines, table.faults, 0, _INT64),
    }
    return _packed(PLACEMENT_DTYPE, columns)


def _packed(dtype: np.dtype[np.void], columns: Mapping[str, NDArray[np.int64]]) -> NDArray[np.void]:
    packed = np.zeros(len(next(iter(columns.values()))), dtype)
    for name, column in columns.items():
        packed[name] = column
    return packed


def _checked_meta(meta: dict[str, Any], source: str) -> dict[str, Any]:
    found = {name: meta[name] for name in _META if name in meta}
    for name, value in found.items():
        if type(value) is not _META[name]:
            accepted = _META[name].__name__
            raise InputError("wrong metadata", source=source, field=name, value=str(value)[:80], accepted=accepted)
    return found
