"""The workloads and fleets that the kernels are timed on, from the Philly trace or, without it, from the generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.fleet import Accelerator, Fleet, Pool, Site
from dure.formats.workloads import open_workload
from dure.scheduler.terms import ProjectTerms
from dure.simulator.scenario import Scenario
from dure.units import DAY_S, HOUR_S, WEEK_S
from dure.workload import COLUMNS, Workload
from dure.workload.generator import GeneratorParams, JobClass, generate

Ints = NDArray[np.int64]

TIMES = 12  # copies of the trace
DEVICES = 8  # accelerators of a node
CORES_MILLI, MEMORY_MIB = 128_000, 1_048_576  # of a node
LOAD = 0.9
PEER_LOAD = 0.6  # the peer takes minutes when queues are long
SHAPES, PROJECTS, ACCOUNTS = 2_000, 300, 20
PHILLY_ACCELERATORS = 640


@dataclass(frozen=True)
class Case:
    """A workload on its fleet."""

    name: str
    fleet: Fleet
    jobs: Workload

    @property
    def load(self) -> float:
        """Work asked for over what the fleet could do until the last submission."""
        return work(self.jobs) / (int(self.jobs.submit_s[-1]) * self.fleet.accelerators)

    def terms(self) -> Scenario:
        """Projects of 1 to 5 shares below accounts of 1 to 3, each limited to twice what it needs on average."""
        names, span = self.jobs.projects, int(self.jobs.submit_s[-1])
        need = np.bincount(self.jobs.project, _work(self.jobs), len(names)) / span
        largest = np.zeros(len(names), np.int64)
        np.maximum.at(largest, self.jobs.project, self.jobs.accelerators)
        inner = [f"account {i}" for i in range(min(ACCOUNTS, len(names)))]
        limits = np.maximum(largest, np.ceil(2 * need).astype(np.int64))
        leaves = [ProjectTerms(name, inner[i % len(inner)], 1 + i % 5, int(limits[i])) for i, name in enumerate(names)]
        return Scenario(projects=(*(ProjectTerms(name, shares=1 + i % 3) for i, name in enumerate(inner)), *leaves))


def fleet(nodes: int, devices: int = DEVICES) -> Fleet:
    """One pool of equal nodes at one site."""
    pool = Pool("pool", "site", "GPU", nodes, devices, CORES_MILLI, MEMORY_MIB)
    return Fleet(
        "bench", (Site("site", "site", "KR"),), (pool,), {"GPU": Accelerator("GPU", "GPU", "any", "KR", trains=True)}
    )


def fleet_for(jobs: Workload, load: float = LOAD) -> Fleet:
    """Nodes of 8 on which the jobs are `load` of what could be done until the last submission."""
    return fleet(-(-work(jobs) // int(int(jobs.submit_s[-1]) * load * DEVICES)))


def work(jobs: Workload) -> int:
    """Accelerator-seconds of all jobs."""
    return int(_work(jobs).sum())


def lasts(jobs: Workload) -> Ints:
    """Seconds for which each job runs."""
    return np.minimum(jobs.duration_s, jobs.limit_s)


def _work(jobs: Workload) -> Ints:
    return lasts(jobs) * jobs.accelerators.astype(np.int64)


def base(data: Path | None) -> tuple[str, Workload]:
    """The Philly trace, or as many jobs like it from a table of sizes and durations, and its name."""
    path = data / "scheduling" / "philly" / "philly_jobs.csv" if data else None
    if path is not None and path.exists():
        return "philly", open_workload(path)
    quantiles = np.linspace(-2.6, 2.6, 40)  # of the logarithm: median a third of an hour, mean some three hours
    sizes = ((1, 1000, 0.93), (2, 1000, 0.022), (4, 1000, 0.023), (8, 1000, 0.02), (16, 1000, 0.003), (32, 1000, 0.001))
    jobs = JobClass("jobs", sizes=sizes, duration_s=tuple((1150 * np.exp(2.0 * quantiles)).tolist()))
    names = tuple(f"lab {i}" for i in range(15))
    return "generated", generate(GeneratorParams("like philly", 82_247, 109, (jobs,), projects=names), seed=1)


def end_to_end(name: str, jobs: Workload) -> Case:
    """The trace, twelve times one after the other, on the 640 accelerators that it was measured on."""
    span = int(jobs.submit_s[-1]) + 1
    copies = np.repeat(np.arange(TIMES), len(jobs))
    laid = _copies(jobs, np.tile(jobs.submit_s, TIMES) + copies * span)
    return Case(f"{name} x12 end to end", fleet(PHILLY_ACCELERATORS // DEVICES), laid)


def superimposed(name: str, jobs: Workload) -> Case:
    """Twelve copies at once, each moved by up to a day so that copies of a job do not arrive in one second."""
    moved = np.random.default_rng(1).integers(0, DAY_S, TIMES)
    laid = _copies(jobs, np.tile(jobs.submit_s, TIMES) + np.repeat(moved, len(jobs)))
    return Case(f"{name} x12 superimposed", fleet_for(laid), laid)


def _copies(jobs: Workload, submit_s: Ints) -> Workload:
    columns = {c.name: np.tile(getattr(jobs, c.name), TIMES) for c in COLUMNS}
    return Workload.from_columns(columns | {"submit_s": submit_s}, projects=jobs.projects, accepts=jobs.accepts)


def mix(count: int = 1_000_000, seed: int = 1) -> Case:
    """Jobs of 2,000 shapes (accelerators, cores, memory), few of them common, by 300 projects; limits lie high."""
    rng = np.random.default_rng(seed)
    shapes = _shapes(rng)
    shape, project = _zipf(rng, SHAPES, count), _zipf(rng, PROJECTS, count)
    accelerators, cores, memory = shapes[shape].T
    duration = np.clip(rng.lognormal(np.log(1200.0), 1.8, count), 10, WEEK_S).astype(np.int64)
    menu = np.array([HOUR_S, 4 * HOUR_S, 12 * HOUR_S, DAY_S, 3 * DAY_S, WEEK_S, 4 * WEEK_S])
    columns: dict[str, Any] = {
        "submit_s": np.sort(rng.integers(0, 90 * DAY_S, count)),
        "duration_s": duration,
        "limit_s": menu[np.searchsorted(menu, (duration * rng.uniform(1, 4, count)).astype(np.int64))],
        "accelerators": accelerators,
        "cores_milli": cores * accelerators,
        "memory_mib": memory * accelerators,
        "project": project,
    }
    jobs = Workload.from_columns(columns, projects=tuple(f"project {i}" for i in range(PROJECTS)))
    return Case("mix of 2,000 shapes", fleet_for(jobs), jobs)


def _shapes(rng: np.random.Generator) -> Ints:
    """int64[2000, 3], all different: accelerators, milli-cores and MiB of each. Accelerators run out first."""
    every = np.stack(
        np.meshgrid([1, 2, 3, 4, 6, 8, 16, 24, 32], np.arange(1_000, 16_500, 500), np.arange(8_192, 131_073, 8_192)), -1
    ).reshape(-1, 3)
    common = np.array([0.5, 0.15, 0.02, 0.12, 0.02, 0.14, 0.03, 0.01, 0.01])
    weight = common[np.searchsorted([1, 2, 3, 4, 6, 8, 16, 24, 32], every[:, 0])]
    return every[rng.choice(len(every), SHAPES, replace=False, p=weight / weight.sum())]


def _zipf(rng: np.random.Generator, kinds: int, count: int) -> Ints:
    weight = 1 / np.arange(1, kinds + 1)
    return rng.choice(kinds, count, p=weight / weight.sum())


def steady(count: int) -> Case:
    """Jobs of six sizes at one rate on one fleet, at nine tenths of what it could do: only their number differs."""
    rng = np.random.default_rng(count)
    accelerators = rng.choice([1, 2, 4, 8, 16, 32], count, p=[0.6, 0.15, 0.1, 0.1, 0.03, 0.02])
    duration = rng.exponential(3 * HOUR_S, count).astype(np.int64) + 1
    gap = (accelerators * duration).mean() / (PHILLY_ACCELERATORS * LOAD)
    submit = np.sort(rng.integers(0, int(count * gap) + 1, count))
    jobs = Workload.from_columns({"submit_s": submit, "duration_s": duration, "accelerators": accelerators})
    return Case(f"{count:,} jobs at constant load", fleet(PHILLY_ACCELERATORS // DEVICES), jobs)


def on_single_accelerators(jobs: Workload, count: int) -> Case:
    """The first jobs of a trace on nodes of one accelerator: a job takes any that are free, as processors in SWF."""
    first = jobs.head(count)
    need = work(first) / (int(first.submit_s[-1]) * PEER_LOAD)
    accelerators = -(-max(int(first.accelerators.max()), round(need)) // DEVICES) * DEVICES
    return Case(f"{count:,} jobs", fleet(accelerators, devices=1), first)
