"""Fragmentation: how much of what is idle a typical job could not use, by the definition of FGD (USENIX ATC'23)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dure.reports.facts import Floats, Ints, Run
from dure.units import MILLI

SAMPLES = 24  # moments, in the middle of as many equal parts of the run
CLASSES = 32  # job shapes that stand for the workload
COVER = 0.95  # ... or as many as cover this part of the accelerators asked for


@dataclass(frozen=True)
class _Class:
    """A shape of job as one node sees it: accelerators, cores and memory of one part, and the nodes that may hold
    it."""

    weight: float
    part: int
    share_milli: int
    cores_milli: float
    memory_mib: float
    nodes: NDArray[np.bool_]


@dataclass(frozen=True)
class _Free:
    """What is free on every node at one moment."""

    devices: Ints  # milli, [node, device]
    cores_milli: Floats
    memory_mib: Floats


def fragmentation(run: Run) -> float | None:
    """At 24 moments spread over the run: sum over typical job shapes m of p_m x idle accelerators (of models that m
    accepts) that m could not use, because their node has too few whole accelerators, cores or memory left for one
    part of m; divided by the same sum of all idle accelerators. p_m is m's share of the accelerators asked for
    (shapes covering 95 %, at most 32)."""
    classes = _typical(run)
    unusable = idle = 0.0
    for time_s in (np.arange(SAMPLES) + 0.5) * run.end_s / SAMPLES:
        free = _free(run, float(time_s))
        for c in classes:
            lost, total = _unusable(free, c)
            unusable, idle = unusable + c.weight * lost, idle + c.weight * total
    return unusable / idle if idle else None


def _typical(run: Run) -> list[_Class]:
    """The commonest job shapes by accelerators asked for, one per number of accelerators a node may hold."""
    work, fleet = run.workload, run.fleet
    shape = ["accelerators", "share_milli", "cores_milli", "memory_mib", "accept"]
    asked = pl.col("accelerators").cast(pl.Float64) * pl.col("share_milli")
    shapes = (
        pl.DataFrame({name: getattr(work, name) for name in shape})
        .filter(pl.col("accelerators") > 0)
        .group_by(shape)
        .agg(asked.sum().alias("weight"))
        .sort("weight", *shape, descending=True)
    )
    before = shapes["weight"].cum_sum() - shapes["weight"]
    per_node = np.array([p.accelerators_per_node for p in fleet.pools])
    classes = []
    for row in shapes.filter(before < COVER * float(shapes["weight"].sum())).head(CLASSES).iter_rows(named=True):
        accepted = dict(work.accepts[row["accept"]])
        pools = np.array([not accepted or p.model in accepted for p in fleet.pools]) & (per_node > 0)
        for k in np.unique(per_node[pools]):
            part, n = min(row["accelerators"], int(k)), row["accelerators"]
            nodes = (pools & (per_node == k))[fleet.node_pool()]
            cores, memory = row["cores_milli"] * part / n, row["memory_mib"] * part / n
            classes.append(_Class(row["weight"], part, row["share_milli"], cores, memory, nodes))
    return classes


def _free(run: Run, time_s: float) -> _Free:
    """Devices, cores and memory free at one moment on the nodes delivered by then."""
    work, pools, node_pool = run.workload, run.fleet.pools, run.fleet.node_pool()
    table = run.placed
    at = table.filter((pl.col("start_s") <= time_s) & (pl.col("end_s") > time_s))
    job, node = at["job"].to_numpy(), at["node"].to_numpy()
    masks = at["devices"].to_numpy()
    size = np.array([p.accelerators_per_node for p in pools])[node_pool]
    device = np.arange(max(int(size.max(initial=0)), 1))
    used_devices = (masks[:, None] >> device) & 1
    left = np.where(device < size[:, None], MILLI, 0)
    np.subtract.at(left, node, used_devices * work.share_milli[job][:, None])
    left[~_delivered(run, time_s)] = 0
    part = used_devices.sum(axis=1) / np.maximum(work.accelerators[job], 1)
    part = np.where(work.accelerators[job] == 0, 1.0, part)

    def free(total: list[int], asked: Ints) -> Floats:
        return np.array(total)[node_pool] - np.bincount(node, weights=asked[job] * part, minlength=len(node_pool))

    return _Free(
        np.maximum(left, 0),
        free([p.cores_milli for p in pools], work.cores_milli),
        free([p.memory_mib for p in pools], work.memory_mib),
    )


def _delivered(run: Run, time_s: float) -> NDArray[np.bool_]:
    """Which nodes are there: the last nodes of a pool are the last to come."""
    node_pool = run.fleet.node_pool()
    there = np.ones(len(node_pool), dtype=bool)
    for i, pool in enumerate(run.fleet.pools):
        missing = sum(d.nodes for d in pool.deliveries if d.at_s > time_s)
        if missing:
            there[np.flatnonzero(node_pool == i)[-missing:]] = False
    return there


def _unusable(free: _Free, c: _Class) -> tuple[float, float]:
    """Milli-accelerators that are idle and of no use to the class, and all idle ones, on the nodes that it may use."""
    idle = free.devices[c.nodes]
    fits_device = idle >= c.share_milli
    fits_node = (
        (fits_device.sum(axis=1) >= c.part)
        & (free.cores_milli[c.nodes] >= c.cores_milli)
        & (free.memory_mib[c.nodes] >= c.memory_mib)
    )
    useful = idle[fits_node[:, None] & fits_device].sum()
    total = idle.sum()
    return float(total - useful), float(total)
