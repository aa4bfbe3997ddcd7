"""`Snapshot` and `Plan`: what the scheduler sees, and what it answers. The live counterpart of the replay.

snapshot = Snapshot.of(fleet, workload, policy)        # columns packed once
snapshot = advance(snapshot, now, events)              # deltas only
plan = schedule(snapshot)                              # decides; changes nothing
snapshot = commit(snapshot, plan)                      # what the executor did start
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.errors import InvariantBroken
from dure.fleet import Fleet
from dure.kernels import decide, layout, live
from dure.kernels.layout import State
from dure.kernels.reference import refer
from dure.scheduler.pack import Conditions, pack
from dure.scheduler.policies import Policy
from dure.vocabulary import JobEvent, JobState, Refusal
from dure.workload import Workload

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Placement:
    """One start of a plan: the job, its pool, and the devices (bit masks) it takes on each node."""

    job: int
    pool: int
    nodes: tuple[int, ...]
    devices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What may start at `now_s`, in the order in which it was decided. Somebody else commits it."""

    now_s: int
    starts: tuple[Placement, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job: SUBMIT, COMPLETE, TIME_OUT, NODE_FAIL, PREEMPT or CANCEL."""

    event: JobEvent
    job: int


@dataclass(frozen=True)
class Snapshot:
    """Kept columns of a fleet and its jobs under one policy. `advance` and `commit` give a new one; none changes."""

    state: State
    now_s: int = 0

    @classmethod
    def of(
        cls, fleet: Fleet, workload: Workload, policy: Policy, conditions: Conditions | None = None, seed: int = 0
    ) -> Snapshot:
        """Nothing submitted yet, everything up and empty. The rows of `workload` are the jobs that events may name."""
        return cls(pack(fleet, workload, policy, conditions or Conditions(), seed))

    def job_state(self, job: int) -> JobState:
        """Where a job stands."""
        return JobState(int(self.state.state[job]))

    def reasons(self, jobs: Sequence[int] | None = None) -> dict[int, Refusal]:
        """Why waiting jobs do not run (all of them, or those named): the one refusal that binds now."""
        waiting = np.flatnonzero(self.state.state == JobState.WAITING) if jobs is None else np.array(jobs, np.int64)
        found = live.reasons(refer(_copy(self.state)), waiting.astype(np.int64))
        return {int(job): Refusal(int(reason)) for job, reason in zip(waiting, found, strict=True)}


def _copy(state: State) -> State:
    """All that a pass may change, copied; the columns it only reads are shared. The log starts anew."""
    shared = layout.FIXED | {"events", "placements"}
    copied = State(*(a if f in shared else a.copy() for f, a in zip(State._fields, state, strict=True)))
    copied.g[layout.G_ROWS] = copied.g[layout.G_PLACED] = 0
    return copied


def _with_own_log(state: State) -> State:
    return state._replace(events=np.empty_like(state.events), placements=np.empty_like(state.placements))


def schedule(snapshot: Snapshot) -> Plan:
    """What the policy starts now. Pure: the snapshot is as before, and the same snapshot gives the same plan."""
    state = _with_own_log(_copy(snapshot.state))
    decide.run_pass(refer(state))
    events = state.events[: state.g[layout.G_ROWS]]
    placed = state.placements[: state.g[layout.G_PLACED]]
    rows = np.flatnonzero(events["event"] == JobEvent.START)
    first = np.searchsorted(placed["row"], rows, "left")
    last = np.searchsorted(placed["row"], rows, "right")
    starts = tuple(
        Placement(
            int(events["job"][row]),
            int(events["pool"][row]),
            tuple(placed["node"][a:b].tolist()),
            tuple(placed["devices"][a:b].tolist()),
        )
        for row, a, b in zip(rows, first, last, strict=True)
    )
    return Plan(snapshot.now_s, starts)


def advance(snapshot: Snapshot, now_s: int, events: Sequence[Event]) -> Snapshot:
    """The snapshot after what happened to jobs until `now_s`, in order. Raises InvariantBroken for an illegal step."""
    none = np.zeros(len(events), np.int64)
    what = np.array([e.event for e in events], np.int64)
    job = np.array([e.job for e in events], np.int64)
    return _told(snapshot, now_s, what, job, none, none, none[:0], none[:0])


def commit(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """The snapshot after the starts of a plan (or of the part of it that an executor could do)."""
    state = snapshot.state
    job = np.array([s.job for s in plan.starts], np.int64)
    entry = np.array([_entry(state, s) for s in plan.starts], np.int64)
    parts = np.array([len(s.nodes) for s in plan.starts], np.int64)
    nodes = np.array([n for s in plan.starts for n in s.nodes], np.int64)
    devices = np.array([d for s in plan.starts for d in s.devices], np.int64)
    what = np.full(len(job), JobEvent.START, np.int64)
    return _told(snapshot, plan.now_s, what, job, entry, parts, nodes, devices)


def _entry(state: State, start: Placement) -> int:
    shape = state.shapes[state.classes[state.job_class[start.job]]["shape"]]
    first = int(shape["entry"])
    pools = state.entries["pool"][first : first + int(shape["entries"])]
    return first + int(np.flatnonzero(pools == start.pool)[0])


def _told(
    snapshot: Snapshot, now_s: int, what: Array, job: Array, entry: Array, parts: Array, nodes: Array, devices: Array
) -> Snapshot:
    state = _with_own_log(_copy(snapshot.state))
    bad = live.tell(refer(state), now_s, what, job, entry, parts, nodes, devices)
    if bad >= 0:
        event, state_now = JobEvent(int(what[bad])), JobState(int(state.state[job[bad]]))
        raise InvariantBroken(f"job {job[bad]} in state {state_now.name} cannot {event.name} at {now_s} s")
    return replace(snapshot, state=state, now_s=now_s)
