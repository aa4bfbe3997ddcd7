"""`Workload`: the jobs of a run as columns, sorted by submit time. `Job` is one row of it, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.errors import InputError, InputErrors
from dure.units import MILLI
from dure.vocabulary import JobKind

Accept = tuple[tuple[str, int], ...]
"""Acceptable accelerator models with each one's relative speed in thousandths; () is any model, at speed 1000."""

ANY: Accept = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a workload: its dtype, unit, default and meaning (the file formats and docs come from this)."""

    name: str
    dtype: str
    unit: str
    default: int
    description: str


COLUMNS: tuple[Column, ...] = (
    Column("submit_s", "int64", "s", 0, "when the job was submitted, from the start of the run"),
    Column("duration_s", "int64", "s", 0, "true run time at relative speed 1"),
    Column("limit_s", "int64", "s", 0, "time limit asked for, at relative speed 1; the job is killed there"),
    Column("accelerators", "int32", "count", 1, "accelerators asked for, all at once; 0 for a job on cores alone"),
    Column("share_milli", "int32", "milli", MILLI, "part of each accelerator: 1000 whole, 1 to 999 a share"),
    Column("cores_milli", "int64", "milli-cores", 0, "cores of the whole job, split evenly over its accelerators"),
    Column("memory_mib", "int64", "MiB", 0, "host memory of the whole job, split like the cores"),
    Column("kind", "int8", "JobKind", int(JobKind.BATCH), "training, batch, evaluation, interactive, service, lease"),
    Column("priority", "int16", "class", 0, "priority class; higher goes first under policies that look at it"),
    Column("project", "int32", "index", 0, "index into `projects`"),
    Column("accept", "int32", "index", 0, "index into `accepts`: the models that will do, each with its speed"),
    Column("save_every_s", "int32", "s", 0, "interval between save points; 0: none, a lost attempt starts over"),
    Column("earliest_s", "int64", "s", 0, "earliest start; for a lease, the date its nodes are promised for"),
)
_BY_NAME = {c.name: c for c in COLUMNS}


@dataclass(frozen=True, slots=True)
class Job:
    """One job, as a person writes it. Units as in `COLUMNS`; `limit_s` 0 means the true duration."""

    submit_s: int
    duration_s: int
    accelerators: int = 1
    limit_s: int = 0
    share_milli: int = MILLI
    cores_milli: int = 0
    memory_mib: int = 0
    kind: JobKind = JobKind.BATCH
    priority: int = 0
    project: str = "default"
    accept: Accept = ANY
    save_every_s: int = 0
    earliest_s: int = 0
    name: str = ""


@dataclass(frozen=True)
class Workload:
    """Jobs as columns of equal length, sorted by (submit_s, input order); job number = row number.

    Make one with `Workload.from_jobs` or `Workload.from_columns`, which fill defaults, sort and check.
    """

    submit_s: NDArray[np.int64]
    duration_s: NDArray[np.int64]
    limit_s: NDArray[np.int64]
    accelerators: NDArray[np.int32]
    share_milli: NDArray[np.int32]
    cores_milli: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    kind: NDArray[np.int8]
    priority: NDArray[np.int16]
    project: NDArray[np.int32]
    accept: NDArray[np.int32]
    save_every_s: NDArray[np.int32]
    earliest_s: NDArray[np.int64]
    projects: tuple[str, ...] = ("default",)
    accepts: tuple[Accept, ...] = (ANY,)
    names: tuple[str, ...] = ()  # one per job, or empty: then a job's name is its number
    source: str = ""
    start_utc_s: int = 0  # UTC time of second 0 of the run, for calendars in reports
    notes: tuple[str, ...] = field(default=(), compare=False)  # what a reader assumed or skipped

    def __len__(self) -> int:
        return len(self.submit_s)

    def name_of(self, job: int) -> str:
        """The job's name in its source, or its row number."""
        return self.names[job] if self.names else str(job)

    def head(self, count: int) -> Workload:
        """The first `count` jobs."""
        return self.take(np.arange(min(count, len(self))))

    def take(self, rows: NDArray[np.int64]) -> Workload:
        """The jobs at `rows` (ascending row numbers)."""
        columns = {c.name: getattr(self, c.name)[rows] for c in COLUMNS}
        names = tuple(self.names[i] for i in rows) if self.names else ()
        return replace(self, names=names, **columns)

    @classmethod
    def from_jobs(cls, jobs: Iterable[Job], *, source: str = "") -> Workload:
        """Columns from `Job` objects. Raises InputErrors as `from_columns`."""
        rows = list(jobs)
        projects = list(dict.fromkeys(j.project for j in rows)) or ["default"]
        accepts = list(dict.fromkeys([ANY, *(j.accept for j in rows)]))
        columns: dict[str, Sequence[int]] = {
            c.name: [int(getattr(j, c.name)) for j in rows] for c in COLUMNS if c.name not in ("project", "accept")
        }
        project_of = {name: i for i, name in enumerate(projects)}
        accept_of = {accept: i for i, accept in enumerate(accepts)}
        columns["project"] = [project_of[j.project] for j in rows]
        columns["accept"] = [accept_of[j.accept] for j in rows]
        names = tuple(j.name for j in rows) if any(j.name for j in rows) else ()
        return cls.from_columns(columns, projects=tuple(projects), accepts=tuple(accepts), names=names, source=source)

    @classmethod
    def from_columns(
        cls,
        columns: dict[str, Sequence[int]] | dict[str, NDArray[np.int64]],
        *,
        projects: tuple[str, ...] = ("default",),
        accepts: tuple[Accept, ...] = (ANY,),
        names: tuple[str, ...] = (),
        source: str = "",
        start_utc_s: int = 0,
        notes: tuple[str, ...] = (),
    ) -> Workload:
        """Fill defaults, set a zero `limit_s` to the duration, sort by submit time, and check every column.

        Raises InputError for an unknown or missing column, unequal lengths, and values that are negative, out of range
        or no whole numbers (InputErrors where in several columns); `line` is the row as given, counted from 1.
        """
        filled = _fill(columns, {**BOUNDS, "project": (0, len(projects) - 1), "accept": (0, len(accepts) - 1)}, source)
        count = len(filled["submit_s"])
        if names and len(names) != count:
            accepted = f"{count} names"
            raise InputError("column lengths differ", source=source, field="names", value=len(names), accepted=accepted)
        order = np.argsort(filled["submit_s"], kind="stable")
        if len(order) and not np.array_equal(order, np.arange(len(order))):
            filled = {k: v[order] for k, v in filled.items()}
            names = tuple(names[i] for i in order) if names else ()
        return cls(
            **filled,
            projects=projects,
            accepts=accepts,
            names=names,
            source=source,
            start_utc_s=start_utc_s,
            notes=notes,
        )


_MAX_S = 2**40  # some 35,000 years: no real time is later, and sums stay far from overflow
BOUNDS: dict[str, tuple[int, int]] = {
    "submit_s": (0, _MAX_S),
    "duration_s": (0, _MAX_S),
    "limit_s": (0, _MAX_S),
    "accelerators": (0, 1_000_000),
    "share_milli": (1, MILLI),
    "cores_milli": (0, 2**40),
    "memory_mib": (0, 2**40),
    "kind": (0, max(JobKind)),
    "priority": (-1000, 1000),
    "save_every_s": (0, 2**31 - 1),
    "earliest_s": (0, _MAX_S),
}
"""Least and greatest value of each column; of `project` and `accept` they follow from the tables they point into."""


def _fill(
    columns: dict[str, Sequence[int]] | dict[str, NDArray[np.int64]], bounds: dict[str, tuple[int, int]], source: str
) -> dict[str, NDArray[Any]]:
    for name in columns:
        if name not in _BY_NAME:
            raise InputError("unknown column", source=source, field=name, accepted=", ".join(_BY_NAME))
    for name in ("submit_s", "duration_s"):
        if name not in columns:
            accepted = "every workload has submit_s and duration_s"
            raise InputError("missing column", source=source, field=name, accepted=accepted)
    count = len(columns["submit_s"])
    filled: dict[str, NDArray[Any]] = {}
    faults: list[InputError] = []
    for c in COLUMNS:
        given = np.asarray(columns[c.name]) if c.name in columns else np.full(count, c.default, dtype=c.dtype)
        if len(given) != count:
            accepted = f"{count} rows"
            raise InputError("column lengths differ", source=source, field=c.name, value=len(given), accepted=accepted)
        faults += _faults(c.name, given, *bounds[c.name], source)
        filled[c.name] = given if faults else given.astype(c.dtype)
    if faults:
        raise faults[0] if len(faults) == 1 else InputErrors(faults)
    filled["limit_s"] = np.where(filled["limit_s"] == 0, filled["duration_s"], filled["limit_s"])
    return filled


def _faults(name: str, given: NDArray[Any], low: int, high: int, source: str) -> list[InputError]:
    """The first row outside the bounds, if any: looked for before the cast, which would wrap what is too large."""
    accepted = f"whole numbers from {low} to {high}"
    try:
        with np.errstate(invalid="ignore"):
            fits = (given >= low) & (given <= high)
            if given.dtype.kind not in "biu":
                fits &= np.mod(given, 1) == 0
    except TypeError:
        message = "not a column of numbers"
        return [InputError(message, source=source, field=name, value=str(given.dtype), accepted=accepted)]
    bad = np.flatnonzero(~np.asarray(fits, dtype=bool))
    if not len(bad):
        return []
    row = int(bad[0])
    message, value = f"value out of range in {len(bad)} row(s)", given[row : row + 1].tolist()[0]
    return [InputError(message, source=source, line=row + 1, field=name, value=value, accepted=accepted)]


assert {c.name for c in COLUMNS} == {f.name for f in fields(Workload)} & set(_BY_NAME)
