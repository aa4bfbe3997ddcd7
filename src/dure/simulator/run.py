"""The twin: replay a workload on a fleet under a policy, on a virtual clock, through the one compiled pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dure.errors import InvariantBroken
from dure.fleet import Fleet
from dure.kernels import codes, layout
from dure.kernels.layout import State
from dure.kernels.reference import refer
from dure.kernels.replay import replay
from dure.lifecycle import RunLog
from dure.scheduler.pack import pack
from dure.scheduler.policies import Backfill, Policy
from dure.scheduler.policies import policy as policy_named
from dure.simulator.faults import conditions
from dure.simulator.scenario import Scenario
from dure.workload import Workload

Progress = Callable[[float], bool]
"""Called with the finished part, 0 to 1, every so often; False stops the run."""

# Moments between two calls of `progress`: 10 ms where nobody waits, under a second where a pass has thousands to look at.
STEPS = {Backfill.NONE: 50_000, Backfill.GREEDY: 20_000, Backfill.EASY: 5_000, Backfill.CONSERVATIVE: 200}


def run(
    fleet: Fleet,
    workload: Workload,
    policy: Policy | str,
    scenario: Scenario | None = None,
    seed: int = 0,
    *,
    progress: Progress | None = None,
) -> RunLog:
    """Replay `workload` on `fleet`. The same arguments give a byte-identical log.

    Raises InputError for terms that contradict each other, InvariantBroken (a bug) with seed and time if a job would
    take an illegal step. A run that `progress` stops has `complete` False and holds what had happened until then.
    """
    scenario = scenario or Scenario()
    policy = policy_named(policy) if isinstance(policy, str) else policy
    last_s = int(workload.submit_s[-1] + workload.limit_s.max()) if len(workload) else 0
    last_s = min(last_s, layout.FAR if scenario.horizon_s is None else scenario.horizon_s)
    state = pack(fleet, workload, policy, conditions(fleet, scenario, seed, last_s), seed)
    reference = refer(state)
    complete = True
    while (status := replay(reference, STEPS[policy.backfill])) != codes.DONE:
        if status == codes.GROW_LOG:
            state = _with_longer_log(state)
            reference = refer(state)
        elif progress is not None and not progress(_finished(state, workload)):
            complete = False
            break
    if state.g[layout.G_OVERFLOW]:
        raise InvariantBroken(
            f"an illegal step or a full log at {state.g[layout.G_NOW]} s under policy {policy.name}, seed {seed}"
        )
    return RunLog(
        events=state.events[: state.g[layout.G_ROWS]],
        placements=state.placements[: state.g[layout.G_PLACED]],
        policy=policy.name,
        seed=seed,
        scenario=scenario.name,
        horizon_s=int(state.g[layout.G_NOW]),
        complete=complete,
    )


def _finished(state: State, workload: Workload) -> float:
    return float(state.g[layout.G_ARRIVAL]) / max(1, len(workload))


def _with_longer_log(state: State) -> State:
    return state._replace(
        events=np.concatenate([state.events, np.empty_like(state.events)]),
        placements=np.concatenate([state.placements, np.empty_like(state.placements)]),
    )
