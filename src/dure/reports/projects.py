"""What each project asked for, got and paid, and how it would have fared on a fleet of its own."""

from __future__ import annotations

import polars as pl

from dure.units import HOUR_S, MILLI

_ASKED = pl.col("work_s") * pl.col("accelerators_milli")
_IN_SYSTEM = pl.col("end_s") - pl.col("eligible_s")


def project_frame(jobs: pl.DataFrame, attempts: pl.DataFrame, accelerators: float, end_s: int) -> pl.DataFrame:
    """One row per project with jobs, from the frames of a `Run`; refused and cancelled jobs do not count, but are
    paid for.

    `accelerators` is the fleet's mean number. Columns: project (index), jobs, asked_h (accelerators x work), served_h
    (work kept), service (served / asked), pace (sum of work / sum of time in the system), finish_time_fairness (sum
    of time in the system / the same on 1/N of the fleet), units.
    """
    tried = attempts.group_by("job").agg(
        (pl.col("kept_s") * pl.col("accelerators_milli")).sum().alias("kept"), pl.col("charge").sum()
    )
    jobs = jobs.join(tried, on="job", how="left", maintain_order="left").with_columns(
        pl.col("kept", "charge").fill_null(0)
    )
    counted = jobs.filter(~pl.col("state").cast(pl.String).is_in(["refused", "cancelled"]))
    paid = jobs.group_by("project").agg((pl.col("charge").sum() / (MILLI * HOUR_S)).alias("units"))
    return (
        _with_own_time(counted, accelerators, end_s)
        .group_by("project")
        .agg(
            pl.len().cast(pl.Int64).alias("jobs"),
            (_ASKED.sum() / (MILLI * HOUR_S)).alias("asked_h"),
            # a lease holds whole nodes, so that its work is counted on more accelerators than it asked for
            (pl.min_horizontal("kept", _ASKED).sum() / (MILLI * HOUR_S)).alias("served_h"),
            _ratio(pl.min_horizontal("kept", _ASKED).sum(), _ASKED.sum()).alias("service"),
            _ratio(pl.col("work_s").sum(), _IN_SYSTEM.sum()).alias("pace"),
            _ratio(_IN_SYSTEM.sum(), pl.col("own_s").sum()).alias("finish_time_fairness"),
        )
        .join(paid, on="project", how="left")
        .sort("project")
    )


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)


def _with_own_time(jobs: pl.DataFrame, accelerators: float, end_s: int) -> pl.DataFrame:
    """Add own_s: the job's time in the system had its project an equal, separate part of the fleet.

    The part is a fluid server of C / N accelerators (C the fleet's, N the projects with jobs) that serves the
    project's jobs in order, none faster than its work. With S_i the sum of the first i service times, the i-th job
    leaves at S_i + max over j <= i of (eligible_j - S_(j-1)). Jobs unfinished at the end count up to it, here as in
    the run.
    """
    part = max(accelerators, 1.0) / max(jobs["project"].n_unique(), 1)
    service, lag = _ASKED / (MILLI * part), pl.col("eligible_s") - pl.col("total") + pl.col("service")
    leaves = pl.col("total") + pl.col("lag") - pl.col("eligible_s")
    return (
        jobs.sort("eligible_s", maintain_order=True)
        .with_columns(service.alias("service"))
        .with_columns(pl.col("service").cum_sum().over("project").alias("total"))
        .with_columns(lag.cum_max().over("project").alias("lag"))
        .with_columns(
            pl.min_horizontal(pl.max_horizontal(leaves, "work_s"), end_s - pl.col("eligible_s")).alias("own_s")
        )
    )
