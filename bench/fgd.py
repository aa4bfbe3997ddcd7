"""The published table of FGD (USENIX ATC'23) on the openb workloads, six published policies and Dure's own.

The protocol is written down in docs/background/placement.md. `table` prints it whole; `run` prints the rows that a
benchmark run shows. `python -m bench fgd --data DIR` takes whatever `openb_pod_list_*.csv` lie in DIR.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.rows import Row
from dure.fleet import Fleet
from dure.formats.fleets import open_fleet
from dure.formats.workloads import open_workload
from dure.kernels import codes, layout
from dure.kernels.reference import refer
from dure.kernels.replay import replay
from dure.scheduler import prices
from dure.scheduler.demand import demand
from dure.scheduler.pack import Conditions, pack
from dure.scheduler.policies import Backfill, Placement, Policy
from dure.units import MILLI
from dure.vocabulary import JobEvent
from dure.workload import Workload

POLICIES = {
    "Random": Placement.RANDOM,
    "DotProd": Placement.DOT_PRODUCT,
    "GpuClustering": Placement.CLUSTERING,
    "GpuPacking": Placement.PACKING,
    "BestFit": Placement.BEST_FIT_CORES,
    "FGD": Placement.FGD,
    "Dure": Placement.PRICE,
}
ARRIVED = (100, 130)  # demand that has arrived, in percent of the accelerators
TUNE = 1.3
FIRST_SEED = 42
NODES, PODS, PUBLISHED = "openb_node_list_gpu_node.csv", "openb_pod_list_*.csv", "published_allo_discrete.csv"
ASKED = ("accelerators", "share_milli", "cores_milli", "memory_mib", "accept")
_ENDLESS_S = 2**31

Array = NDArray[Any]


@dataclass(frozen=True)
class Trace:
    """One openb workload on its fleet, ready to be filled in the order of any seed."""

    name: str
    fleet: Fleet
    pods: Workload  # in the order of their names

    @property
    def capacity(self) -> int:
        """Milli of all accelerators."""
        return self.fleet.accelerators * MILLI


def read(directory: Path) -> Iterator[Trace]:
    """The workloads in a directory. A pod stays on one node, which is said by making a model of each node size:
    the pods of n accelerators accept those that have as many."""
    fleet = _sized(open_fleet(directory / NODES))
    for path in sorted(directory.glob(PODS)):
        pods = open_workload(path, fmt="openb")
        pods = pods.take(np.sort(np.argsort(np.array(pods.names), kind="stable")))
        yield Trace(path.stem.removeprefix("openb_pod_list_"), fleet, _on_one_node(pods, fleet))


def _sized(fleet: Fleet) -> Fleet:
    pools = tuple(replace(p, model=f"{p.model}x{p.accelerators_per_node}") for p in fleet.pools)
    models = {
        new.model: replace(fleet.models[old.model], id=new.model) for new, old in zip(pools, fleet.pools, strict=True)
    }
    return replace(fleet, pools=pools, models=models)


def _on_one_node(pods: Workload, fleet: Fleet) -> Workload:
    sizes = {p.model: p.accelerators_per_node for p in fleet.pools}
    accepts: dict[tuple[tuple[str, int], ...], int] = {(): 0}
    accept = np.zeros(len(pods), np.int32)
    for pair in np.unique(np.stack([pods.accept, pods.accelerators]), axis=1).T:
        named, count = [m for m, _ in pods.accepts[pair[0]]], int(pair[1])
        fit = tuple((m, MILLI) for m, k in sizes.items() if k >= count and (not named or m.split("x")[0] in named))
        everywhere = len(fit) == len(sizes)
        accept[(pods.accept == pair[0]) & (pods.accelerators == count)] = accepts.setdefault(
            () if everywhere else fit or ((" none", MILLI),), len(accepts)
        )
    return replace(pods, accept=accept, accepts=tuple(accepts))


def arrivals(trace: Trace, rng: np.random.Generator) -> tuple[Workload, Fleet]:
    """The pods shuffled, then copies of pods drawn at random until 130 % of the accelerators are asked for; a second
    apart and without end. Nodes are numbered in shuffled order too: their numbers settle ties and must mean nothing."""
    rows = rng.permutation(len(trace.pods))
    milli = _milli(trace.pods)
    asked, more = int(milli.sum()), []
    while True:
        pod = int(rng.integers(len(rows)))
        if asked + (trace.pods.share_milli[pod] if trace.pods.accelerators[pod] else 0) > TUNE * trace.capacity:
            break
        asked += int(milli[pod])
        more.append(pod)
    rows = np.concatenate([rows, np.array(more, np.int64)])
    columns = {name: getattr(trace.pods, name)[rows] for name in ASKED}
    columns |= {"submit_s": np.arange(len(rows)), "duration_s": np.full(len(rows), _ENDLESS_S)}
    order = rng.permutation(len(trace.fleet.node_pool()))
    fleet = replace(trace.fleet, node_pool_order=trace.fleet.node_pool()[order], node_names=())
    return Workload.from_columns(columns, accepts=trace.pods.accepts), fleet


def fill(trace: Trace, placement: Placement, seed: int) -> tuple[dict[int, float], float]:
    """Allocated accelerators in percent by arrived demand, and the seconds of the fill alone.

    Goes through the same pass as every run of the twin. The tables of typical jobs come from the pods of the trace, as
    in the publication, and not from what will arrive.
    """
    jobs, fleet = arrivals(trace, np.random.default_rng(seed))
    policy = Policy("fill", "", backfill=Backfill.GREEDY, placement=placement)
    state = pack(fleet, jobs, policy, Conditions(horizon_s=len(jobs)), seed)
    known = demand(fleet, trace.pods, policy, frozenset())
    state = state._replace(**prices.tables(placement, fleet, state.nodes, known)._asdict())
    reference = refer(state)
    start = perf_counter()
    status = replay(reference, 2**40)
    seconds = perf_counter() - start
    events = state.events[: state.g[layout.G_ROWS]]
    return _allocated(events, status, jobs, trace.capacity), seconds


def _allocated(events: Array, status: int, jobs: Workload, capacity: int) -> dict[int, float]:
    starts = events[events["event"] == JobEvent.START]
    assert status == codes.DONE, "the fill did not finish"
    assert np.array_equal(starts["time_s"], jobs.submit_s[starts["job"]]), "a pod that had been dropped was started"
    milli = _milli(jobs)
    used = np.zeros(len(jobs), np.int64)
    used[starts["job"]] = milli[starts["job"]]
    used = np.cumsum(used)
    assert 0 < used[-1] <= capacity, "more was allocated than there is"
    arrived = np.rint(100 * np.cumsum(milli) / capacity)
    return {r: 100 * _mean_at(used, arrived, r) / capacity for r in ARRIVED}


def _mean_at(used: Array, arrived: Array, percent: int) -> float:
    for near in (percent, percent - 1, percent + 1):
        if (arrived == near).any():
            return float(used[arrived == near].mean())
    return float("nan")


def _milli(jobs: Workload) -> NDArray[np.int64]:
    return jobs.accelerators.astype(np.int64) * jobs.share_milli


def published(directory: Path) -> dict[tuple[str, str, int], float]:
    """Published mean over seeds by (workload, policy, arrived); empty where the file is absent."""
    path = directory / PUBLISHED
    if not path.exists():
        return {}
    found: dict[tuple[str, str, int], list[float]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            workload = line["workload"].removeprefix("openb_pod_list_")
            name = line["sc_policy"].split("-", 1)[1]
            for arrived in ARRIVED:
                found.setdefault((workload, name, arrived), []).append(float(line[str(arrived)]))
    return {key: float(np.mean(values)) for key, values in found.items()}


def table(data: Path | None, seeds: int = 10) -> Iterator[dict[str, object]]:
    """One object for each workload, policy and arrived demand: mean and spread over seeds beside the published mean."""
    directory = _directory(data)
    theirs = published(directory)
    for trace in read(directory):
        for name, placement in POLICIES.items():
            fills = [fill(trace, placement, FIRST_SEED + s)[0] for s in range(seeds)]
            for arrived in ARRIVED:
                values = [f[arrived] for f in fills]
                yield {
                    "workload": trace.name,
                    "policy": name,
                    "arrived": arrived,
                    "mean": float(np.mean(values)),
                    "sd": float(np.std(values, ddof=1)) if seeds > 1 else 0.0,
                    "seeds": seeds,
                    "published": theirs.get((trace.name, name, arrived)),
                }


def _directory(data: Path | None) -> Path:
    for directory in (data, data / "scheduling" / "openb") if data else ():
        if (directory / NODES).exists():
            return directory
    raise SystemExit(f"no {NODES} in {data or '../shared/data'}: give the openb directory with --data")


def run(data: Path | None) -> Iterator[Row]:
    """What a run over all groups shows: the time of one FGD fill, and Dure over FGD paired by seed (three seeds)."""
    traces = list(read(_directory(data)))
    for trace in traces:
        if trace.name == "default":
            seconds = sorted(fill(trace, Placement.FGD, seed)[1] for seed in range(FIRST_SEED, FIRST_SEED + 4))[:3]
            spread = (seconds[2] - seconds[0]) / 2
            yield Row.at_most("openb default, one FGD fill to 130 %", seconds[1], spread, "s", 0.3)
    for trace in traces:
        gains = [
            fill(trace, Placement.PRICE, seed)[0][100] - fill(trace, Placement.FGD, seed)[0][100]
            for seed in range(FIRST_SEED, FIRST_SEED + 3)
        ]
        name = f"openb {trace.name}: Dure over FGD at 100 %"
        yield Row.at_least(name, float(np.mean(gains)), float(np.std(gains)), "points", 0)
