"""What the placement scores know of the workload: FGD's typical jobs, and the prices that Dure draws from them.

Both see the same: how often each kind of job is asked for, never which job comes next
(docs/background/placement.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.fleet import Fleet
from dure.kernels.layout import WHOLE
from dure.kernels.scores import PRICES, TYPICAL, Tables, knapsack
from dure.scheduler.demand import Demand
from dure.scheduler.policies import Placement

Array = NDArray[Any]

POPULAR = 0.95  # the typical jobs cover this part of all jobs, as in FGD
MASK_BITS = 62  # eligible pools are kept as bit (pool % 62)

# One set for every workload; docs/background/placement.md has what was tried. Shortage, waste and scarcity are in
# accelerators, so their weights are 1; the rest decides what these leave open.
SHORTAGE = 1.0
IDLE, IDLE_LEAVING = 0.07, 3.0  # of a node left wholly idle, where jobs stay and where they leave: fill used nodes
LEAN = 0.95  # cores kept for an accelerator, of what the mix asks on average: some of what is left will ask less
CHANCE = 0.2  # how much of a left-over share's worth is by what comes first, the rest by the best that could come


def tables(placement: Placement, fleet: Fleet, nodes: Array, found: Demand, leaving: float = 0.0) -> Tables:
    """The tables that the scores of `placement` read, from the shapes of a workload and how many jobs each has.

    `nodes` is NODE[V] of the empty fleet; `leaving` is the part of the jobs (0 to 1) whose time limit ends while others
    still come. Placements that read no table get empty ones.
    """
    typical = np.zeros(0, TYPICAL)
    waste, scarcity, prices = np.zeros(WHOLE + 1), np.zeros(MASK_BITS), np.zeros(1, PRICES)
    if placement in (Placement.FGD, Placement.PRICE):
        typical = typical_jobs(found)
    if placement is Placement.PRICE:
        waste = waste_of_shares(typical)
        scarcity = scarcity_of_pools(typical, fleet)
        prices["cores_per_device"], prices["shortage"] = _cores_prices(typical)
        prices["idle"] = IDLE + (IDLE_LEAVING - IDLE) * leaving
    most = np.array([nodes["cores"].max(initial=1), WHOLE * max(1, nodes["devices"].max(initial=1))], np.int64)
    return Tables(typical, waste, scarcity, prices, most)


def typical_jobs(found: Demand) -> Array:
    """TYPICAL[M]: the most frequent kinds of job (memory aside) up to `POPULAR` of all, weights summing to 1."""
    kinds: dict[tuple[int, int, int, int], int] = {}
    for shape, jobs, never in zip(found.shapes, found.jobs, found.never, strict=True):
        if not never:
            share = int(shape["share"]) if shape["count"] else 0
            kind = (int(shape["cores"]), share, int(shape["count"]), int(shape["mask"]))
            kinds[kind] = kinds.get(kind, 0) + int(jobs)
    ranked = sorted(((jobs, kind) for kind, jobs in kinds.items()), reverse=True)
    covered = np.cumsum([jobs for jobs, _ in ranked])
    kept = int(np.searchsorted(covered, POPULAR * covered[-1])) + 1 if ranked else 0
    typical = np.zeros(kept, TYPICAL)
    for row, (jobs, kind) in zip(typical, ranked, strict=False):
        row["cores"], row["share"], row["count"], row["mask"] = kind
        row["weight"] = jobs / covered[kept - 1]
    return typical[np.argsort(typical["share"], kind="stable")]


def waste_of_shares(typical: Array) -> NDArray[np.float64]:
    """float64[1001]: accelerators lost in a left-over share of so many milli; negative where it is worth more.

    The worth of a share size is its dual in the cutting-stock LP of the sizes asked for: the part of a device that one
    more job of the size costs when all are cut as well as can be. A left-over share is worth the best set of jobs in
    it, blended with the milli that jobs would take of it as they come by.
    """
    shares = typical[(typical["count"] == 1) & (typical["share"] < WHOLE)]
    waste = np.zeros(WHOLE + 1)
    if len(shares):
        sizes, kind = np.unique(shares["share"].astype(np.int64), return_inverse=True)
        demand = np.bincount(kind, shares["weight"]).astype(np.float64)
        worth, _ = knapsack(sizes, _cutting_stock_duals(sizes, demand))
        best = worth / max(worth[WHOLE], 1.0)
        waste = np.arange(WHOLE + 1) / WHOLE - (1 - CHANCE) * best - CHANCE * _filled_by_chance(sizes, demand)
        waste[WHOLE] = 0.0  # an untouched device serves whole jobs too
    return waste


def _filled_by_chance(sizes: NDArray[np.int64], demand: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[1001]: accelerators expected to be used of a left-over share if jobs that fit it come at random."""
    filled = np.zeros(WHOLE + 1)
    for room in range(int(sizes[0]), WHOLE + 1):
        fits = sizes <= room
        filled[room] = demand[fits] @ (sizes[fits] / WHOLE + filled[room - sizes[fits]]) / demand[fits].sum()
    return filled


def _cutting_stock_duals(sizes: NDArray[np.int64], demand: NDArray[np.float64]) -> NDArray[np.float64]:
    """Duals of: fewest devices cut so that `demand` of each size is met. By column generation: each round adds the
    pattern that is worth most at the present duals, until none is worth more than a device."""
    from scipy.optimize import linprog  # slow to import, and few placements need it

    patterns = np.diag(WHOLE // sizes).astype(np.float64)
    for _ in range(20 * len(sizes)):  # far above what is ever needed
        found = linprog(np.ones(patterns.shape[1]), A_ub=-patterns, b_ub=-demand, method="highs")
        duals: NDArray[np.float64] = -found.ineqlin.marginals
        worth, pattern = knapsack(sizes, duals)
        if worth[WHOLE] <= 1 + 1e-9:
            break
        patterns = np.column_stack([patterns, pattern])
    return duals


def scarcity_of_pools(typical: Array, fleet: Fleet) -> NDArray[np.float64]:
    """float64[62], by pool % 62: demand for accelerators on the pool over its capacity, where each job's demand is
    spread evenly over the capacity it may use; 1 is the mean of the fleet."""
    capacity = np.zeros(MASK_BITS)
    for index, pool in enumerate(fleet.pools):
        capacity[index % MASK_BITS] += pool.nodes * pool.accelerators_per_node
    demand = typical["weight"] * typical["count"] * typical["share"]
    eligible = (typical["mask"][:, None] >> np.arange(MASK_BITS)) & 1
    room = eligible @ capacity
    density = np.divide(demand, room, out=np.zeros(len(typical)), where=room > 0) @ eligible
    scale = demand.sum() / max(capacity.sum(), 1.0)
    scarcity: NDArray[np.float64] = density / scale if scale > 0 else np.zeros(MASK_BITS)
    return scarcity


def _cores_prices(typical: Array) -> tuple[float, float]:
    """Milli-cores to keep for each idle accelerator, and the price of one without; 0 where no job asks for cores."""
    jobs = typical[typical["count"] > 0]
    cores = float(jobs["weight"] @ jobs["cores"])
    devices = float(jobs["weight"] @ (jobs["count"] * jobs["share"])) / WHOLE
    return (LEAN * cores / devices, SHORTAGE) if cores > 0 else (1.0, 0.0)
