"""Placement scores: what a node costs a job of one shape. Lower is better, ties go to the lowest node number.

The first five are the published scores of FGD (USENIX ATC'23, section 6), negated and truncated to integers as there;
`price` is Dure's own (docs/background/placement.md). A score is asked only for parts of one node that fit, reads that
node alone, and so stays valid until the node's `version` changes.
"""

from __future__ import annotations

from math import exp
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dure.kernels.codes import (
    PLACE_BEST_FIT_CORES,
    PLACE_CLUSTERING,
    PLACE_DOT_PRODUCT,
    PLACE_FGD,
    PLACE_PACKING,
    PLACE_PRICE,
)
from dure.kernels.jit import kernel
from dure.kernels.layout import WHOLE

NO_DEVICE = -1

TYPICAL = np.dtype(
    [
        ("cores", np.int64),  # milli-cores of the whole job
        ("share", np.int32),  # milli of each accelerator; 0 for a job on cores alone
        ("count", np.int32),  # accelerators
        ("mask", np.int64),  # bit (pool % 62): eligible
        ("weight", np.float64),  # part of all jobs; sums to 1
    ],
    align=True,
)

PRICES = np.dtype(
    [
        ("cores_per_device", np.float64),  # milli-cores that the mix asks for one accelerator
        ("shortage", np.float64),  # price of an idle accelerator that has no cores left to serve it
        ("idle", np.float64),  # price of leaving a node wholly idle: the nearly full ones go first
    ],
    align=True,
)


class Tables(NamedTuple):
    """What the scores know of the workload and the fleet; made by `scheduler.prices`."""

    typical: NDArray[Any]  # TYPICAL[M]: FGD's typical jobs, by share: devices are counted once for each size
    waste: NDArray[Any]  # float64[1001]: accelerators lost in a left-over share of so many milli
    scarcity: NDArray[Any]  # float64[62]: by pool % 62, price of an accelerator there
    prices: NDArray[Any]  # PRICES[1]
    most: NDArray[Any]  # int64[2]: cores and accelerator-milli of the largest node


@kernel
def score(code: int, nodes: Any, left: Any, width: int, v: int, shape: Any, tables: Any) -> float:
    """Cost of putting one job of `shape` on node `v`, on which it fits; lower is better."""
    if code == PLACE_PRICE:
        return float(_price(nodes, left, width, v, shape, tables)[0])
    if code == PLACE_FGD:
        return float(-_fragmentation(nodes, left, width, v, shape, tables)[0])
    if code == PLACE_BEST_FIT_CORES:
        return float(-_best_fit(nodes, v, shape, tables))
    if code == PLACE_DOT_PRODUCT:
        return float(-_dot_product(nodes, v, shape, tables))
    if code == PLACE_PACKING:
        return float(-_packing(nodes, left, width, v, shape))
    if code == PLACE_CLUSTERING:
        return float(-_clustering(nodes, v, shape, tables))
    return 0.0


@kernel
def choose_device(code: int, nodes: Any, left: Any, width: int, v: int, shape: Any, tables: Any) -> int:
    """The device that a share goes to: the one its score was for, else the tightest; lowest number on ties."""
    if code == PLACE_PRICE:
        return int(_price(nodes, left, width, v, shape, tables)[1])
    if code == PLACE_FGD:
        return int(_fragmentation(nodes, left, width, v, shape, tables)[1])
    return int(_tightest(nodes, left, width, v, shape))


@kernel
def _tightest(nodes: Any, left: Any, width: int, v: int, shape: Any) -> int:
    best = NO_DEVICE
    for d in range(nodes[v]["devices"]):
        room = left[v * width + d]
        if room >= shape["share"] and (best == NO_DEVICE or room < left[v * width + best]):
            best = d
    return best


@kernel
def _best_fit(nodes: Any, v: int, shape: Any, tables: Any) -> float:
    node = nodes[v]
    cores = (node["cores_free"] - shape["cores"]) / tables.most[0]
    milli = (node["total_left"] - shape["count"] * shape["share"]) / tables.most[1]
    return float(int(100 * (1 - 0.5 * cores - 0.5 * milli)))


@kernel
def _dot_product(nodes: Any, v: int, shape: Any, tables: Any) -> float:
    node = nodes[v]
    cores = node["cores_free"] / tables.most[0] * (shape["cores"] / tables.most[0])
    milli = node["total_left"] / tables.most[1] * (shape["count"] * shape["share"] / tables.most[1])
    return float(int(100 * (1 - (cores + milli) / 2)))


@kernel
def _packing(nodes: Any, left: Any, width: int, v: int, shape: Any) -> float:
    """Shared devices first, then free devices of a node in use, then a free node."""
    node = nodes[v]
    if shape["count"] == 0:
        return 0.0
    if node["free"] == node["devices"]:
        return float(max(33 - node["free"], node["free"]))
    if shape["share"] == WHOLE:
        return float(max(50 - shape["count"], 33))
    room = left[v * width + _tightest(nodes, left, width, v, shape)]
    return 49.0 if room == WHOLE else float(max(100 - room * 100 // WHOLE // 10, 50))


@kernel
def _clustering(nodes: Any, v: int, shape: Any, tables: Any) -> float:
    """Nodes that host the same class of job only, then that class and others, then none, then others only."""
    node = nodes[v]
    if shape["count"] == 0:
        return 0.0
    full = 25 * (tables.most[1] - node["total_left"]) // tables.most[1]
    mine = 1 << (shape["count"] if shape["share"] == WHOLE else 0)
    if node["classes"] == 0:
        return float(full + 25)
    if node["classes"] & mine == 0:
        return float(full)
    return float(full + (75 if node["classes"] == mine else 50))


@kernel
def _fragmentation(nodes: Any, left: Any, width: int, v: int, shape: Any, tables: Any) -> tuple[float, int]:
    """FGD's score and, for a share, its device: 100 sigmoid of the fall of the node's fragmentation in accelerators."""
    if shape["share"] == WHOLE or shape["count"] == 0:
        after = np.zeros(1)
        before = fragments(nodes, left, width, v, shape, np.full(1, NO_DEVICE), after, tables)
        return _sigmoid(before - after[0]), NO_DEVICE
    devices = np.empty(nodes[v]["devices"], np.int64)
    tries = 0
    for d in range(nodes[v]["devices"]):
        room = left[v * width + d]
        if room >= shape["share"] and not _seen(left, v * width, d, room):  # an equal one would tie
            devices[tries] = d
            tries += 1
    after = np.zeros(tries)
    before = fragments(nodes, left, width, v, shape, devices[:tries], after, tables)
    best = _sigmoid(before - after.min())
    first = 0
    while _sigmoid(before - after[first]) < best:  # the lowest device among those equal once truncated
        first += 1
    return best, int(devices[first])


@kernel
def _seen(left: Any, first: int, count: int, room: int) -> bool:
    for d in range(first, first + count):
        if left[d] == room:
            return True
    return False


@kernel
def _sigmoid(milli: float) -> float:
    return float(int(100 / (1 + exp(-milli / WHOLE))))


@kernel
def fragments(nodes: Any, left: Any, width: int, v: int, shape: Any, devices: Any, after: Any, tables: Any) -> float:
    """Expected milli of idle accelerator on node `v` that a typical job cannot use.

    Into `after` go those left once the job is there: for a share, on each of `devices`; else `devices` is [NO_DEVICE].
    """
    node, typical, base = nodes[v], tables.typical, v * width
    last, idle, cores, pool = base + node["devices"], node["total_left"], node["cores_free"], 1 << (node["pool"] % 62)
    share, cores_after, idle_after = shape["share"], cores - shape["cores"], idle - shape["count"] * shape["share"]
    whole = shape["count"] if share == WHOLE else 0
    before, size, fit, small = 0.0, -1, 0, 0
    for m in range(len(typical)):
        job = typical[m]
        if job["share"] != size:
            size, fit, small = job["share"], 0, 0
            for d in range(base, last):
                if left[d] >= size:
                    fit += 1
                else:
                    small += left[d]
        count, weight = job["count"], job["weight"]
        usable = count > 0 and job["cores"] <= cores and job["mask"] & pool != 0
        before += weight * (small if usable and fit >= count else idle)
        usable = usable and job["cores"] <= cores_after
        for i in range(len(devices)):
            fits, rest = fit - whole, small
            if devices[i] != NO_DEVICE:
                room = left[base + devices[i]]
                if room < size:
                    rest -= share
                elif room - share < size:
                    fits -= 1
                    rest += room - share
            after[i] += weight * (rest if usable and fits >= count else idle_after)
    return before


@kernel
def _price(nodes: Any, left: Any, width: int, v: int, shape: Any, tables: Any) -> tuple[float, int]:
    """Dure's score and, for a share, its device: the rise of the node's price plus a little for what stays idle."""
    node = nodes[v]
    prices = tables.prices[0]
    milli = shape["count"] * shape["share"]
    idle = node["total_left"] - milli
    cost = _shortage(prices, node["cores_free"] - shape["cores"], idle)
    cost -= _shortage(prices, node["cores_free"], node["total_left"])
    cost += tables.scarcity[node["pool"] % 62] * milli / WHOLE
    cost += prices["idle"] * idle / (WHOLE * max(node["devices"], 1))
    if shape["share"] == WHOLE or shape["count"] == 0:
        return cost, NO_DEVICE
    best, device = np.inf, NO_DEVICE
    for d in range(node["devices"]):
        room = left[v * width + d]
        if room >= shape["share"]:
            rise = tables.waste[room - shape["share"]] - tables.waste[room]
            if rise < best:
                best, device = rise, d
    return cost + best, device


@kernel
def _shortage(prices: Any, cores: int, milli: int) -> float:
    """Price of the idle accelerators of a node for which no cores are left in the proportion that the mix asks."""
    return float(prices["shortage"] * max(milli / WHOLE - cores / prices["cores_per_device"], 0.0))


@kernel
def knapsack(sizes: NDArray[np.int64], worths: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Best worth of jobs that fit in 0, 1, ... 1000 milli, any number of each size, and how many of each fill 1000."""
    best = np.zeros(WHOLE + 1)
    last = np.full(WHOLE + 1, -1)
    for room in range(1, WHOLE + 1):
        best[room] = best[room - 1]
        for i in range(len(sizes)):
            if sizes[i] <= room and best[room - sizes[i]] + worths[i] > best[room] + 1e-12:
                best[room] = best[room - sizes[i]] + worths[i]
                last[room] = i
    pattern = np.zeros(len(sizes))
    room = WHOLE
    while room > 0:
        if last[room] < 0:
            room -= 1
        else:
            pattern[last[room]] += 1
            room -= sizes[last[room]]
    return best, pattern
