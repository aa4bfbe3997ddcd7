"""The twin as a user runs it: one run, or several policies and seeds side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dure.app.inputs import open_fleet, open_policy, open_scenario, open_workload
from dure.units import FAR_S

if TYPE_CHECKING:
    from dure.fleet.model import Fleet, Pool
    from dure.lifecycle.runlog import RunLog
    from dure.reports.facts import Run
    from dure.scheduler.policies import Policy
    from dure.simulator.scenario import Scenario
    from dure.workload.columns import Workload

Progress = Callable[[float], bool]  # gets the finished fraction; False stops the run
Watch = Callable[[str], AbstractContextManager[Progress | None]]


def simulate(
    fleet: Fleet | str | Path,
    workload: Workload | str | Path,
    policy: Policy | str,
    *,
    scenario: Scenario | str | Path | None = None,
    seed: int = 0,
    check: bool = False,
    progress: Progress | None = None,
) -> RunLog:
    """Replay `workload` on `fleet` under `policy`, as `scenario` changes them.

    The same five inputs give the same log, byte for byte. With `check`, every invariant is checked afterwards.
    Raises InputErrors for bad files, UnknownName for a policy there is not, InvariantBroken for a bug.
    """
    world = open_fleet(fleet)
    change = open_scenario(scenario, world)
    jobs = under_demand(open_workload(workload, seed=seed), change, seed)
    return _replay(world, jobs, open_policy(policy), change, seed, check, progress)


def _replay(
    fleet: Fleet,
    workload: Workload,
    policy: Policy,
    scenario: Scenario,
    seed: int,
    check: bool,
    progress: Progress | None,
) -> RunLog:
    from dure.simulator.run import run

    log = run(fleet, workload, policy, scenario, seed, progress=progress)
    if check and log.complete:
        from dure.simulator.check import require

        require(fleet, workload, policy, scenario, log)
    return log


def under_demand(workload: Workload, scenario: Scenario, seed: int) -> Workload:
    """The workload that runs: thinned or repeated as the scenario's demand says."""
    if scenario.demand == 1.0:
        return workload
    import numpy as np

    from dure.workload.demand import scale_demand

    return scale_demand(workload, scenario.demand, np.random.default_rng([seed, 0xDE3A]))


def under_scenario(fleet: Fleet, scenario: Scenario) -> Fleet:
    """The fleet that reports count on: other caps, late pools, and pools that never come. Pool numbers stay."""
    from dure.fleet.model import Delivery

    def pool(p: Pool) -> Pool:
        if p.id in scenario.removed_pools:
            return replace(p, deliveries=(Delivery(p.nodes, FAR_S),))
        delay = scenario.delays_s.get(p.id, 0)
        later = [Delivery(d.nodes, d.at_s + delay) for d in p.deliveries]
        first = p.nodes - sum(d.nodes for d in later)
        return replace(p, deliveries=((Delivery(first, delay),) if first and delay else ()) + tuple(later))

    caps = scenario.power_caps_w
    sites = tuple(replace(s, power_cap_w=caps.get(s.id, s.power_cap_w)) for s in fleet.sites)
    return replace(fleet, sites=sites, pools=tuple(map(pool, fleet.pools)))


@dataclass
class Experiment:
    """The finished runs of several policies and seeds; `stopped` if the user had enough before the end."""

    scenario: Scenario
    runs: list[Run] = field(default_factory=list)
    stopped: bool = False


def experiment(
    fleet: Fleet,
    workload_of: Callable[[int], Workload],
    policies: Sequence[Policy],
    *,
    scenario: Scenario,
    seeds: Iterable[int] = (0,),
    check: bool = False,
    watch: Watch = lambda _: nullcontext(),
) -> Experiment:
    """Every policy on every seed, seed after seed, so that what is there after an interruption can be compared."""
    from dure.reports.facts import Run

    done, counted = Experiment(scenario), under_scenario(fleet, scenario)
    for seed in seeds:
        workload = under_demand(workload_of(seed), scenario, seed)
        for policy in policies:
            with watch(f"{policy.name}, seed {seed}") as progress:
                log = _replay(fleet, workload, policy, scenario, seed, check, progress)
            if not log.complete:
                done.stopped = True
                return done
            done.runs.append(Run(log, counted, workload))
    return done


def compile_kernels() -> None:
    """Have the kernels compiled, or loaded from the cache of an earlier compile, by a run too small to notice."""
    from dure.fleet.model import Accelerator, Fleet, Pool, Site
    from dure.workload.columns import Job, Workload

    model = Accelerator("any", "any", "", "")
    pool = Pool("p", "s", model.id, nodes=1, accelerators_per_node=1, cores_milli=0, memory_mib=0)
    world = Fleet("one node", (Site("s", "s", ""),), (pool,), {model.id: model})
    simulate(world, Workload.from_jobs([Job(0, 1)]), "fifo")
    _compile_live(world, Workload.from_jobs([Job(0, 1)]))


def _compile_live(fleet: Fleet, jobs: Workload) -> None:
    """The same for what the control loop uses beside: one job that comes, starts and ends, on a node that is closed."""
    from dure.kernels import codes
    from dure.scheduler.live import NodeChange, advance_nodes
    from dure.scheduler.policies import POLICIES
    from dure.scheduler.snapshot import Event, Snapshot, advance, commit, schedule
    from dure.vocabulary import JobEvent

    live, _ = Snapshot.live(fleet, POLICIES["fifo"]).extended(jobs)
    live = advance(live, 0, [Event(JobEvent.SUBMIT, 0)])
    live = advance_nodes(commit(live, schedule(live)), 0, [NodeChange(0, codes.CLOSE)])
    advance(live, 1, [Event(JobEvent.COMPLETE, 0)])
