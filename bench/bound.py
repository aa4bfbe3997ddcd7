"""How far any placement could get: a fluid LP over cutting patterns of devices, by pool of equal nodes.

Pods may be split and moved freely and those that are served may be chosen with hindsight, nodes of a pool lend each
other cores, memory and devices: no policy that must place each pod as it comes can reach the bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from dure.fleet import Fleet
from dure.kernels.layout import WHOLE
from dure.kernels.scores import knapsack
from dure.scheduler.demand import demand
from dure.scheduler.policies import POLICIES
from dure.workload import Workload

Array = NDArray[Any]
ROUNDS = 60


def bound(fleet: Fleet, jobs: Workload) -> float:
    """Most accelerators, in percent of the fleet, that can be allocated to `jobs`. AssertionError if not proven."""
    found = demand(fleet, jobs, POLICIES["greedy"], frozenset())
    places = _places(fleet, found)
    parts = (found.shapes["count"] == 1) & (found.shapes["share"] < WHOLE)
    sizes = np.unique(found.shapes["share"][parts]).astype(np.int64)
    patterns = [np.diag(WHOLE // sizes).astype(np.float64) for _ in fleet.pools]
    for _ in range(ROUNDS):
        value, device_duals, size_duals = _solve(fleet, found, places, sizes, patterns)
        better = False
        for p, duals in enumerate(size_duals):
            worth, pattern = knapsack(sizes, duals)
            if worth[WHOLE] > device_duals[p] + 1e-6:
                patterns[p] = np.column_stack([patterns[p], pattern])
                better = True
        if not better:
            return 100 * value / (WHOLE * fleet.accelerators)
    raise AssertionError("column generation did not end")


def _places(fleet: Fleet, found: Any) -> Array:
    """int[n, 2]: (shape, pool) where a job of the shape may run on one node."""
    entries = found.entries
    return np.array(
        [
            (s, int(e["pool"]))
            for s, shape in enumerate(found.shapes)
            for e in entries[int(shape["entry"]) : int(shape["entry"]) + int(shape["entries"])]
            if e["whole"] == 0
        ]
    )


def _solve(fleet: Fleet, found: Any, places: Array, sizes: Array, patterns: list[Array]) -> tuple[float, Array, Array]:
    """Value in milli, dual of a device of each pool, and of each size on each pool, for the patterns at hand."""
    pools, served = len(fleet.pools), len(places)
    shape, pool = places.T
    of = found.shapes[shape]
    part = (of["count"] == 1) & (of["share"] < WHOLE)
    # Rows: jobs of each shape, then cores, memory and devices of each pool, then pieces of each size on each pool.
    shapes = len(found.shapes)
    cores, memory, devices, pieces = (shapes + i * pools for i in range(4))
    column = np.arange(served)
    blocks = [
        (shape, column, np.ones(served)),
        (cores + pool, column, of["cores"]),
        (memory + pool, column, of["memory"]),
        ((devices + pool)[~part], column[~part], of["count"][~part]),
        (pieces + (pool * len(sizes) + np.searchsorted(sizes, of["share"]))[part], column[part], np.ones(part.sum())),
    ]
    start = served
    for p, cut in enumerate(patterns):
        mine = np.arange(start, start + cut.shape[1])
        blocks.append((np.full(len(mine), devices + p), mine, np.ones(len(mine))))
        size, which = np.nonzero(cut)
        blocks.append((pieces + p * len(sizes) + size, mine[which], -cut[size, which]))
        start += len(mine)
    row, col, value = (np.concatenate([np.asarray(b[i], np.float64) for b in blocks]) for i in range(3))
    limits = np.concatenate(
        [
            found.jobs,
            [q.nodes * q.cores_milli for q in fleet.pools],
            [q.nodes * q.memory_mib for q in fleet.pools],
            [q.nodes * q.accelerators_per_node for q in fleet.pools],
            np.zeros(pools * len(sizes)),
        ]
    )
    gain = np.zeros(start)
    gain[:served] = of["milli"]
    matrix = coo_array((value, (row.astype(np.int64), col.astype(np.int64))), shape=(len(limits), start)).tocsr()
    best = linprog(-gain, A_ub=matrix, b_ub=limits, method="highs")
    duals = -best.ineqlin.marginals
    return -best.fun, duals[devices : devices + pools], duals[pieces:].reshape(pools, len(sizes))
