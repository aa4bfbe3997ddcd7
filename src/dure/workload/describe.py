"""What is in a workload: tidy tables of sizes, kinds, projects, durations, arrivals, limits and demand over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dure.units import DAY_S, HOUR_S, MILLI
from dure.vocabulary import JobKind
from dure.workload.columns import Workload

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MAX_STEPS = 150  # rows of the demand table


@dataclass(frozen=True)
class Description:
    """The tables. `accelerator_hours` count `min(duration, limit)` at relative speed 1, shares as their part."""

    summary: pl.DataFrame  # one row: jobs, days, projects, accelerator_hours, mean_accelerators
    sizes: pl.DataFrame  # accelerators, share, jobs, jobs_part, accelerator_hours, hours_part
    kinds: pl.DataFrame  # kind, jobs, jobs_part, accelerator_hours, hours_part
    projects: pl.DataFrame  # project, ...; most accelerator-hours first
    durations: pl.DataFrame  # accelerators, then a quantile of duration_s in each column; first row: all jobs
    hours: pl.DataFrame  # hour (UTC), jobs, jobs_part
    weekdays: pl.DataFrame  # weekday (UTC), jobs, jobs_part
    limits: pl.DataFrame  # level, ratio: quantiles of limit over duration
    demand: pl.DataFrame  # from_s, to_s, jobs, offered, busy, and with capacity: accelerators, load

    def tables(self) -> dict[str, pl.DataFrame]:
        """All tables by name, in reading order."""
        return dict(self.__dict__)


def describe(workload: Workload, capacity: Sequence[tuple[int, int]] = ()) -> Description:
    """Describe a workload; `capacity` is the accelerators there are, as ascending steps `(from_s, accelerators)`.

    In `demand`, `offered` is the accelerators that jobs submitted in a step would keep busy all through it, `busy` the
    mean number busy if no job ever waited, `load` offered over `accelerators` (mean of the step; null where it is 0).
    """
    import polars as pl

    part = workload.accelerators * (workload.share_milli / MILLI)
    work = part * np.minimum(workload.duration_s, workload.limit_s)
    clock = workload.submit_s + workload.start_utc_s
    weekday = (clock // DAY_S + 3) % 7  # 1 January 1970 was a Thursday
    ratio = workload.limit_s / np.maximum(workload.duration_s, 1)
    size_keys = {"accelerators": workload.accelerators, "share": workload.share_milli / MILLI}
    kinds = [JobKind(k).name.lower() for k in workload.kind.tolist()]
    projects = np.array(workload.projects, dtype=object)[workload.project]
    return Description(
        summary=_summary(workload, work),
        sizes=_parts(size_keys, work).sort("accelerators", "share"),
        kinds=_parts({"kind": kinds}, work).sort("accelerator_hours", "kind", descending=[True, False]),
        projects=_parts({"project": projects.tolist()}, work).sort(
            "accelerator_hours", "project", descending=[True, False]
        ),
        durations=_durations(workload),
        hours=_counts("hour", range(24), (clock % DAY_S // HOUR_S)),
        weekdays=_counts("weekday", WEEKDAYS, weekday),
        limits=pl.DataFrame({"level": LEVELS, "ratio": np.quantile(ratio, LEVELS)} if len(ratio) else {}),
        demand=_demand(workload, part, work, capacity),
    )


def _summary(workload: Workload, work: Floats) -> pl.DataFrame:
    import polars as pl

    span = int(workload.submit_s[-1]) + 1 if len(workload) else 0
    return pl.DataFrame(
        {
            "jobs": [len(workload)],
            "days": [span / DAY_S],
            "projects": [len(np.unique(workload.project))],
            "accelerator_hours": [float(work.sum()) / HOUR_S],
            "mean_accelerators": [float(work.sum()) / span if span else 0.0],
        }
    )


def _parts(keys: dict[str, object], work: Floats) -> pl.DataFrame:
    """Jobs and accelerator-hours by key, and each one's part of the whole."""
    import polars as pl

    total, jobs = max(float(work.sum()), 1e-300), max(len(work), 1)
    hours = pl.col("work").sum()
    return (
        pl.DataFrame({**keys, "work": work})
        .group_by(list(keys))
        .agg(
            pl.len().alias("jobs"),
            (pl.len() / jobs).alias("jobs_part"),
            (hours / HOUR_S).alias("accelerator_hours"),
            (hours / total).alias("hours_part"),
        )
    )


def _durations(workload: Workload) -> pl.DataFrame:
    import polars as pl

    rows: list[dict[str, object]] = []
    for size in [None, *np.unique(workload.accelerators).tolist()] if len(workload) else []:
        mine = workload.duration_s if size is None else workload.duration_s[workload.accelerators == size]
        values = np.quantile(mine, LEVELS)
        found = {f"p{round(100 * q)}_s": float(v) for q, v in zip(LEVELS, values, strict=True)}
        name = "all" if size is None else str(size)
        rows.append({"accelerators": name, "jobs": len(mine), **found, "max_s": int(mine.max())})
    return pl.DataFrame(rows)


def _counts(name: str, labels: Sequence[object], index: NDArray[np.int64]) -> pl.DataFrame:
    import polars as pl

    jobs = np.bincount(index, minlength=len(labels))
    return pl.DataFrame({name: list(labels), "jobs": jobs, "jobs_part": jobs / max(len(index), 1)})


def _demand(workload: Workload, part: Floats, work: Floats, capacity: Sequence[tuple[int, int]]) -> pl.DataFrame:
    """Demand in steps of an hour, or of as many whole days as keep the table short."""
    import polars as pl

    span = int(workload.submit_s[-1]) + 1 if len(workload) else 0
    step = HOUR_S if span <= MAX_STEPS * HOUR_S else DAY_S * -(-span // (DAY_S * MAX_STEPS))
    edges = np.arange(0, span + step, step) if span else np.zeros(1, dtype=np.int64)
    index, steps = workload.submit_s // step, len(edges) - 1
    ends = workload.submit_s + np.minimum(workload.duration_s, workload.limit_s)
    table = {
        "from_s": edges[:-1],
        "to_s": edges[1:],
        "jobs": np.bincount(index, minlength=steps),
        "offered": np.bincount(index, work, minlength=steps) / step,
        "busy": np.diff(_integral(workload.submit_s, part, edges) - _integral(ends, part, edges)) / step,
    }
    if capacity:
        since, count = np.array(capacity, dtype=np.int64).T
        table["accelerators"] = np.diff(_integral(since, np.diff(count, prepend=0), edges)) / step
    frame = pl.DataFrame(table)
    if not capacity:
        return frame
    return frame.with_columns(load=pl.when(pl.col("accelerators") > 0).then(pl.col("offered") / pl.col("accelerators")))


def _integral(at: NDArray[np.int64], height: NDArray[np.int64] | Floats, until: NDArray[np.int64]) -> Floats:
    """The integral up to each of `until` of a function that rises by `height` at the times `at`."""
    order = np.argsort(at, kind="stable")
    times = at[order].astype(np.float64)
    level = np.concatenate([[0.0], np.cumsum(height[order])])
    moment = np.concatenate([[0.0], np.cumsum(height[order] * times)])
    passed = np.searchsorted(times, until, side="right")
    return np.asarray(level[passed] * until - moment[passed])
