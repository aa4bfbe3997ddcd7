"""The tables of runs: comparisons of policies, waits by group, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

import polars as pl

from dure.reports import metrics
from dure.reports.facts import Run
from dure.reports.metrics import METRICS
from dure.reports.table import Column, Table, Value
from dure.reports.words import Words

_UNIT_FORMS = {"s": "duration", "jobs": "count", "accelerator-hours": "acc-h"}
_RATIOS = {"utilisation", "goodput", "fragmentation", "largest_country_share"}
_SUFFIXES = {"s": "_s", "kWh": "_kwh", "kg": "_kg", "accelerator-hours": "_accelerator_h", "minor currency": "_minor"}
SHOWN = (
    "utilisation", "wait_mean", "wait_median", "wait_p95", "slowdown_mean", "makespan", "lost", "energy", "jain_pace",
    "never_started",
)  # fmt: skip


def metric_column(name: str, words: Words) -> Column:
    """The column of a metric; its key carries the unit."""
    metric = METRICS[name]
    form = _UNIT_FORMS.get(metric.unit, metric.unit)
    if metric.unit == "1":
        form = "ratio" if name in _RATIOS else "index" if name.startswith("jain") else "factor"
    return Column(name + _SUFFIXES.get(metric.unit, ""), words(name), form, metric.better)


def by_policy(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each policy, in order of appearance."""
    return {policy: [r for r in runs if r.policy == policy] for policy in dict.fromkeys(r.policy for r in runs)}


def comparison(runs: Sequence[Run], words: Words, names: Iterable[str] = SHOWN) -> Table:
    """One row per policy: the mean over its seeds of each metric in `names`."""
    picked = [(name, metric_column(name, words)) for name in names]
    rows: list[dict[str, Value]] = []
    for policy, mine in by_policy(runs).items():
        row: dict[str, Value] = {"policy": policy, "seeds": len(mine)}
        rows.append(row | {column.key: _mean(metrics.measure(run, name) for run in mine) for name, column in picked})
    seeds = (Column("seeds", words("seed_count"), "count"),) if any(row["seeds"] != 1 for row in rows) else ()
    columns = (Column("policy", words("policy")), *seeds, *(c for _, c in picked))
    return Table("comparison", words("comparison"), columns, rows)


def all_metrics(runs: Sequence[Run], words: Words) -> Table:
    """Every metric of every policy, metrics down and policies across (as text, since units differ by row)."""
    wide = comparison(runs, words, METRICS)
    rows: list[dict[str, Value]] = [
        {"metric": column.label, **{str(row["policy"]): column.text(row[column.key]) for row in wide.rows}}
        for column in wide.columns
        if column.key not in ("policy", "seeds")
    ]
    for row, metric in zip(rows, METRICS.values(), strict=True):
        row["formula"] = metric.formula
    columns = (Column("metric", words("metric")), *(Column(p, p) for p in by_policy(runs)))
    return Table("all_metrics", words("all_metrics"), (*columns, Column("formula", words("formula"))), rows)


def _mean(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if None in known or not known else fmean(v for v in known if v is not None)


def waits_by(runs: Sequence[Run], key: str, words: Words, limit: int | None = None) -> Table:
    """Waits and slowdowns by "size", "kind" or "project" for each policy; only the `limit` largest groups by use."""
    statistics = [f"{name}_{at}" for name in ("wait", "slowdown") for at in ("mean", "median", "p95", "p99")]
    columns = (
        Column("group", words(f"group_{key}")),
        Column("policy", words("policy")),
        Column("jobs", words("jobs"), "count"),
        Column("unstarted", words("unstarted"), "count", "lower"),
        *(metric_column(name, words) for name in statistics),
    )
    frame = grouped(runs, lambda run: metrics.by_group(run, key))
    frame = frame.rename({name: metric_column(name, words).key for name in statistics if name.startswith("wait")})
    if limit is not None:
        largest = frame.group_by("group").agg(pl.col("held_h").sum()).sort("held_h", "group", descending=[True, False])
        frame = frame.filter(pl.col("group").is_in(largest["group"].head(limit).to_list()))
    return from_frame(f"wait_{key}", words(f"wait_{key}"), columns, frame)


def grouped(runs: Sequence[Run], measure: Callable[[Run], pl.DataFrame]) -> pl.DataFrame:
    """`measure` of each policy's runs, means over seeds, with a column `policy` in front."""
    frames = []
    for policy, mine in by_policy(runs).items():
        parts = pl.concat([measure(run) for run in mine])
        keys = [name for name, kind in parts.schema.items() if not kind.is_numeric()]
        means = parts.group_by(keys, maintain_order=True).mean() if len(mine) > 1 else parts
        frames.append(means.select(pl.lit(policy).alias("policy"), *parts.columns))
    return pl.concat(frames, how="vertical_relaxed")


def from_frame(name: str, title: str, columns: Sequence[Column], frame: pl.DataFrame) -> Table:
    """A table of the frame's columns that `columns` name; the policies of one group stand together."""
    if columns[0].key == "group":
        order = frame["group"].unique(maintain_order=True)
        frame = order.to_frame().join(frame, on="group", how="left", maintain_order="left_right")
    return Table(name, title, tuple(columns), frame.select(c.key for c in columns).to_dicts())
