"""Time series of a run, averaged over equal bins so that a chart stays small however long the log is."""

from __future__ import annotations

import numpy as np
import polars as pl

from dure.reports.facts import Floats, Ints, Run, capacity_spans, time_average
from dure.units import MILLI

BINS = 96


def bin_edges(end_s: int, bins: int = BINS) -> Floats:
    """The ends of equal bins over a run, s; one second at least each."""
    return np.linspace(0.0, max(end_s, bins), bins + 1)


def utilisation_series(run: Run, edges: Floats) -> pl.DataFrame:
    """Mean utilisation of each accelerator model in each bin: model, time_s (start of the bin), utilisation.

    Null where none of the model's nodes had been delivered.
    """
    frames = []
    for model in dict.fromkeys(p.model for p in run.fleet.pools if p.accelerators_per_node):
        pools = [i for i, p in enumerate(run.fleet.pools) if p.model == model]
        held = run.attempts.filter(pl.col("pool").is_in(pools))
        spans = [(b, e, n * run.fleet.pools[i].accelerators_per_node) for i in pools
                 for b, e, n in capacity_spans(run.fleet.pools[i], run.end_s)]  # fmt: skip
        begin, end, there = (np.array(column) for column in zip(*spans, strict=True))
        used = time_average(*_columns(held, "start_s", "end_s", "accelerators_milli"), edges) / MILLI
        capacity = time_average(begin, end, there, edges)
        share = np.where(capacity > 0, used / np.maximum(capacity, 1e-9), np.nan)
        frames.append(pl.DataFrame({"model": model, "time_s": edges[:-1], "utilisation": share}))
    if not frames:
        return pl.DataFrame(schema={"model": pl.String, "time_s": pl.Float64, "utilisation": pl.Float64})
    return pl.concat(frames).with_columns(pl.col("utilisation").fill_nan(None))


def queue_series(run: Run, edges: Floats) -> pl.DataFrame:
    """Mean queue in each bin: time_s (start of the bin), jobs waiting, accelerators they ask for."""
    begin, end, job = _columns(run.waits, "from_s", "to_s", "job")
    asked = run.workload.accelerators[job].astype(np.int64) * run.workload.share_milli[job]
    return pl.DataFrame(
        {
            "time_s": edges[:-1],
            "jobs": time_average(begin, end, np.ones(len(job)), edges),
            "accelerators": time_average(begin, end, asked, edges) / MILLI,
        }
    )


def queue_summary(run: Run) -> pl.DataFrame:
    """One row: mean and largest number of jobs waiting, and of accelerators they ask for: jobs, jobs_most,
    accelerators, ..._most."""
    begin, end, job = _columns(run.waits, "from_s", "to_s", "job")
    asked = run.workload.accelerators[job].astype(np.int64) * run.workload.share_milli[job] / MILLI
    row: dict[str, float] = {}
    for name, weight in (("jobs", np.ones(len(job))), ("accelerators", asked)):
        row[name] = float((weight * (end - begin)).sum()) / max(run.end_s, 1)
        row[f"{name}_most"] = _most(begin, end, weight)
    return pl.DataFrame(row)


def _most(begin: Ints, end: Ints, weight: Floats) -> float:
    """Largest total weight of the spans [begin, end) at any moment."""
    times = np.concatenate([end, begin])  # at equal times ends come first: a span does not hold its end
    change = np.concatenate([-weight, weight])[np.argsort(times, kind="stable")]
    return float(np.cumsum(change).max(initial=0.0))


def device_spans(run: Run) -> pl.DataFrame:
    """Who held which accelerators: job, start_s, end_s, node, first, last (device numbers over the fleet, last
    exclusive).

    Neighbouring devices of one attempt are one row.
    """
    per_node = np.array([p.accelerators_per_node for p in run.fleet.pools], dtype=np.int64)[run.fleet.node_pool()]
    base = np.cumsum(per_node) - per_node
    bits = (run.placed["devices"].to_numpy()[:, None] >> np.arange(63)) & 1 > 0
    gap = np.zeros((len(bits), 1), dtype=bool)
    row, first = np.nonzero(bits & ~np.hstack([gap, bits[:, :-1]]))
    _, last = np.nonzero(bits & ~np.hstack([bits[:, 1:], gap]))
    at = run.placed[row].select("job", "start_s", "end_s", "node")
    node = base[at["node"].to_numpy()] if len(row) else row
    return at.with_columns(pl.Series("first", node + first), pl.Series("last", node + last + 1))


def _columns(frame: pl.DataFrame, *names: str) -> tuple[Ints, Ints, Ints]:
    begin, end, weight = (frame[name].to_numpy() for name in names)
    return begin, end, weight
