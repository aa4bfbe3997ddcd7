"""Policies compared in pairs: the same job under both, the same seed under both, intervals over the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from scipy.special import stdtrit

from dure.reports.facts import Run
from dure.reports.metrics import METRICS, measure
from dure.reports.tables import by_policy

JOB_COLUMNS = {"wait": ("wait_s", "s"), "slowdown": ("slowdown", "1")}
RUN_METRICS = ("utilisation", "makespan", "lost", "energy", "jain_pace", "worst_finish_time_fairness", "fragmentation")
LEVEL = 0.95
SCHEMA = {
    "policy": pl.String, "baseline": pl.String, "metric": pl.String, "unit": pl.String, "better": pl.String,
    "difference": pl.Float64, "low": pl.Float64, "high": pl.Float64, "seeds": pl.Int64, "pairs": pl.Int64,
    "sooner": pl.Float64, "later": pl.Float64,
}  # fmt: skip


def compare(runs: Sequence[Run], baseline: str = "") -> pl.DataFrame:
    """Differences of every policy to the baseline (the first policy if not named), one row per policy and metric.

    `wait` and `slowdown` are means over the jobs that have the figure under both policies, `pairs` of them a seed,
    with the shares of jobs `sooner` and `later`; the others are differences of run metrics. `difference` is the mean
    over the seeds that both policies ran; (low, high) is its 95 % Student t-interval over those seeds, null with one
    seed.
    """
    policies = by_policy(runs)
    base = baseline or next(iter(policies), "")
    rows: list[tuple[object, ...]] = []
    for policy, mine in policies.items():
        by_seed = {run.log.seed: run for run in policies.get(base, [])}
        pairs = [(run, by_seed[run.log.seed]) for run in mine if run.log.seed in by_seed]
        if policy != base and pairs:
            rows += [(policy, base, *row) for row in (*_of_jobs(pairs), *_of_runs(pairs))]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _of_jobs(pairs: list[tuple[Run, Run]]) -> Iterator[tuple[object, ...]]:
    for name, (column, unit) in JOB_COLUMNS.items():
        gaps = [_gap(run, base, column) for run, base in pairs]
        gaps = [gap for gap in gaps if len(gap)]
        if gaps:
            sooner, later = (float(np.mean([test(gap).mean() for gap in gaps])) for test in (_negative, _positive))
            count = sum(len(gap) for gap in gaps) // len(gaps)
            yield name, unit, "lower", *t_interval([float(gap.mean()) for gap in gaps]), len(gaps), count, sooner, later


def _negative(gap: np.ndarray) -> np.ndarray:
    return gap < 0


def _positive(gap: np.ndarray) -> np.ndarray:
    return gap > 0


def _gap(run: Run, base: Run, column: str) -> np.ndarray:
    both = run.jobs.select("job", mine=column).join(base.jobs.select("job", theirs=column), on="job").drop_nulls()
    return (both["mine"] - both["theirs"]).to_numpy()


def _of_runs(pairs: list[tuple[Run, Run]]) -> Iterator[tuple[object, ...]]:
    for name in RUN_METRICS:
        metric = METRICS[name]
        values = [(measure(run, name), measure(base, name)) for run, base in pairs]
        gaps = [mine - theirs for mine, theirs in values if mine is not None and theirs is not None]
        if gaps:
            yield name, metric.unit, metric.better, *t_interval(gaps), len(gaps), None, None, None


def t_interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean, and the ends of its two-sided 95 % Student t-interval (None for fewer than two values)."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None
    half = stdtrit(len(values) - 1, (1 + LEVEL) / 2) * np.std(values, ddof=1) / np.sqrt(len(values))
    return mean, mean - float(half), mean + float(half)
