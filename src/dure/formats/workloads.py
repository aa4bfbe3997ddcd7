"""Workloads in and out of files: the format is told, or found from the content and then the suffix."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

from dure.errors import InputError, UnknownName
from dure.formats import jobs, traces
from dure.formats.streams import DEFAULT_LIMITS, Limits, clean_text, opened, read_bytes
from dure.formats.tables import Faults
from dure.workload.columns import Workload

Reader = Callable[[bytes, Faults, Limits], Workload]
Processors = Literal["cores", "accelerators"]

FORMATS: dict[str, str] = {
    "csv": "Dure's own CSV",
    "parquet": "Dure's own Parquet",
    "philly": "Microsoft Philly CSV",
    "openb": "openb (Alibaba GPU 2023) pod CSV",
    "swf": "Standard Workload Format",
    "sacct": "Slurm sacct --parsable2",
    "gavel": "Gavel trace, with its throughput JSON",
}
_READERS: dict[str, Reader] = {
    "csv": jobs.read_csv,
    "parquet": jobs.read_parquet,
    "philly": traces.read_philly,
    "openb": traces.read_openb,
    "sacct": traces.read_sacct,
}
_SUFFIXES = {".swf": "swf", ".trace": "gavel"}
_WRITERS = {"csv": jobs.write_csv, "parquet": jobs.write_parquet}


def read_workload(
    stream: BinaryIO,
    *,
    name: str,
    fmt: str | None = None,
    skip_bad: bool = False,
    throughputs: BinaryIO | None = None,
    processors: Processors = "cores",
    limits: Limits = DEFAULT_LIMITS,
) -> Workload:
    """The workload in `stream`, gzip or not; `name` stands in messages and in `Workload.source`.

    `fmt` is one of `FORMATS`, or None to find out. With `skip_bad` bad rows are dropped, counted and listed in
    `Workload.notes`. `throughputs` is Gavel's JSON; `processors` says what SWF's processors are. Raises InputErrors
    with every fault of the rows, or InputError for a file that cannot be read at all.
    """
    if fmt is not None and fmt not in FORMATS:
        raise UnknownName("workload format", fmt, FORMATS)
    data = read_bytes(stream, name, limits)
    faults = Faults(name, skip_bad)
    if fmt == "parquet" or (fmt is None and data.startswith(b"PAR1")):
        return jobs.read_parquet(data, faults, limits)
    data = clean_text(data, name)
    if not data.strip():
        raise InputError("the file is empty", source=name, accepted=FORMATS[fmt] if fmt else "a workload")
    fmt = fmt or detect(data, name)
    if fmt == "swf":
        return traces.read_swf(data, faults, limits, accelerators=processors == "accelerators")
    if fmt == "gavel":
        if throughputs is None:
            message, accepted = "missing: a Gavel trace counts steps, not time", "Gavel's throughput JSON"
            raise InputError(message, source=name, field="throughputs", accepted=accepted)
        table = traces.read_throughputs(read_bytes(throughputs, "throughputs", limits), "throughputs")
        return traces.read_gavel(data, faults, limits, table)
    return _READERS[fmt](data, faults, limits)


def open_workload(
    path: Path,
    *,
    fmt: str | None = None,
    skip_bad: bool = False,
    throughputs: Path | None = None,
    processors: Processors = "cores",
    limits: Limits = DEFAULT_LIMITS,
) -> Workload:
    """`read_workload` of the file at `path`.

    For a Gavel trace without `throughputs`, the one `*throughputs.json` in its folder or the folder above is taken.
    """
    with opened(path) as stream:
        if throughputs is None and path.name.removesuffix(".gz").endswith(".trace"):
            near = (p for folder in path.absolute().parents[:2] for p in sorted(folder.glob("*throughputs.json")))
            throughputs = next(near, None)
        options = {"name": str(path), "fmt": fmt, "skip_bad": skip_bad, "processors": processors, "limits": limits}
        if throughputs is None:
            return read_workload(stream, **options)  # type: ignore[arg-type]
        with opened(throughputs) as table:
            return read_workload(stream, throughputs=table, **options)  # type: ignore[arg-type]


def write_workload(workload: Workload, stream: BinaryIO, fmt: str) -> None:
    """Write Dure's own `csv` or `parquet`. Raises UnknownName for another, InputError for text it cannot hold."""
    if fmt not in _WRITERS:
        raise UnknownName("workload format to write", fmt, _WRITERS)
    _WRITERS[fmt](workload, stream)


def detect(data: bytes, name: str) -> str:
    """The format of clean text: by its first lines, else by the suffix of `name`. InputError if by neither."""
    head = data[:65536].decode("utf-8", "replace").splitlines()
    line = next((x for x in head if x.strip() and not x.startswith("#")), "")
    names = {x.strip().strip('"') for x in line.split(",")}
    found = {
        "swf": line.startswith(";") or re.fullmatch(r"\s*(-?[\d.]+\s+){17}-?[\d.]+\s*", line) is not None,
        "csv": {"submit_s", "duration_s"} <= names,
        "philly": {"timestamp", "num_gpus"} <= names,
        "openb": {"cpu_milli", "gpu_milli"} <= names,
        "sacct": "|" in line and {"JobID", "Submit"} <= {x.strip() for x in line.split("|")},
        "gavel": line.count("\t") in (6, 9),
    }
    by_suffix = _SUFFIXES.get(Path(name.removesuffix(".gz")).suffix.lower())
    fmt = next((f for f, yes in found.items() if yes), by_suffix)
    if fmt is None:
        accepted = ", ".join(f"{f} ({what})" for f, what in FORMATS.items())
        raise InputError("unknown format", source=name, value=line[:80] or None, accepted=accepted)
    return fmt
