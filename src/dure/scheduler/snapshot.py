"""`Snapshot` and `Plan`: what the scheduler sees, and what it answers. The live counterpart of the replay.

snapshot = Snapshot.of(fleet, workload, policy)        # columns packed once
snapshot = advance(snapshot, now, events)              # deltas only
plan = schedule(snapshot)                              # decides; changes nothing
snapshot = commit(snapshot, plan)                      # what the executor did start

`Snapshot.live` begins without jobs and learns of them as they come; `scheduler.live` has what else it can be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.errors import InvariantBroken
from dure.fleet import Fleet
from dure.kernels import decide, layout, live
from dure.kernels.layout import State
from dure.kernels.reference import refer
from dure.scheduler import growth
from dure.scheduler.growth import Known
from dure.scheduler.pack import Conditions, pack
from dure.scheduler.policies import Policy
from dure.scheduler.terms import ProjectTerms
from dure.vocabulary import JobEvent, JobState, Refusal
from dure.workload import Workload

Array = NDArray[Any]
_SCRATCH = frozenset({"candidates", "tentative", "victims"})  # mean nothing between two passes


@dataclass(frozen=True, slots=True)
class Placement:
    """One start of a plan: the job, its pool, and the devices (bit masks) it takes on each node."""

    job: int
    pool: int
    nodes: tuple[int, ...]
    devices: tuple[int, ...]
    reason: Refusal = Refusal.NONE  # what it last waited for, as a START row says
    entry: int = -1  # row of ENTRY: its speed, charge and power on the pool; -1: found by the pool


@dataclass(frozen=True, slots=True)
class _After:
    """A snapshot, and its state after the pass that made a plan of these starts."""

    of: Snapshot
    state: State
    starts: tuple[Placement, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What may start at `now_s`, in the order in which it was decided. Somebody else commits it."""

    now_s: int
    starts: tuple[Placement, ...]
    preempts: tuple[int, ...] = ()  # jobs to be stopped first, in order; they wait again
    again: bool = False  # jobs were stopped for another: the pass ended there, and another is due at the same time
    after: _After | None = field(default=None, compare=False, repr=False)  # spares `commit` of the whole plan the work


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job: SUBMIT, COMPLETE, TIME_OUT, FAIL, NODE_FAIL, ENGINE_FAIL, PREEMPT or CANCEL."""

    event: JobEvent
    job: int


@dataclass(slots=True)
class _Spare:
    """Memory for the next pass over a snapshot that is changed in place: fresh memory takes the machine longer than the copy."""

    state: State | None = None


@dataclass(frozen=True)
class Snapshot:
    """Kept columns of a fleet and its jobs under one policy. `advance` and `commit` give a new one; none changes.

    But for one from `changing()`: that is changed in place, and every delta gives it back.
    """

    state: State
    now_s: int = 0
    known: Known | None = None  # of a live snapshot
    own: bool = False  # deltas change the arrays in place
    spare: _Spare | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(
        cls, fleet: Fleet, workload: Workload, policy: Policy, conditions: Conditions | None = None, seed: int = 0
    ) -> Snapshot:
        """Nothing submitted yet, everything up and empty. The rows of `workload` are the jobs that events may name."""
        return cls(pack(fleet, workload, policy, conditions or Conditions(), seed))

    @classmethod
    def live(
        cls,
        fleet: Fleet,
        policy: Policy,
        *,
        terms: Sequence[ProjectTerms] = (),
        seed: int = 0,
        capacity: int = 1024,
        classes: tuple[int, int] = (0, 0),
    ) -> Snapshot:
        """No jobs yet, everything up and empty, every node delivered; `extended` brings jobs.

        `capacity`: jobs for which there is room at first; more is made as it is needed. `classes`: lowest and highest
        priority class there will be (multifactor). Raises InputError where the policy needs to know the jobs before.
        """
        return cls(*_live(growth.pack_live(fleet, policy, tuple(terms), seed, capacity, classes)))

    def changing(self) -> Snapshot:
        """A copy that deltas change in place: cheap, for one control loop.

        After each delta only what it gave back may be used, and after one that raises nothing of it. `schedule` and
        `foretell` leave it as it was; of several plans only the newest may be committed.
        """
        known = self.names
        known = replace(known, classes=dict(known.classes))
        return replace(self, state=copied(self.state, every=True), known=known, own=True, spare=_Spare())

    def extended(self, jobs: Workload, *, by_terms: bool = True) -> tuple[Snapshot, int]:
        """The snapshot with the jobs of a workload as further rows, not submitted, and the number of the first.

        Row order is order of arrival. Durations are not looked at: a job may run to its limit. Unknown projects are
        added below the root. `by_terms`: a job that is over what its project may ever hold or spend is refused; without,
        it waits for other terms. Raises InputError for a charge beyond counting and a project that has children.
        """
        known = self.names
        first = known.rows
        state, known = growth.extend(self.opened(every=True), known, jobs, self.own, by_terms)
        return replace(self, state=state, known=known), first

    @property
    def names(self) -> Known:
        """What a live snapshot knows by name. Raises InvariantBroken for another one."""
        if self.known is None:
            raise InvariantBroken("only a live snapshot can be told this")
        return self.known

    def opened(self, every: bool = False) -> State:
        """The arrays to change: its own, else a copy (`every`: of what only new jobs change too)."""
        return self.state if self.own else copied(self.state, every)

    def job_state(self, job: int) -> JobState:
        """Where a job stands."""
        return JobState(int(self.state.state[job]))

    def reasons(self, jobs: Sequence[int] | None = None) -> dict[int, Refusal]:
        """Why waiting jobs do not run (all of them, or those named): the one refusal that binds now."""
        waiting = np.flatnonzero(self.state.state == JobState.WAITING) if jobs is None else np.array(jobs, np.int64)
        found = live.reasons(refer(copied(self.state)), waiting.astype(np.int64))
        return {int(job): Refusal(int(reason)) for job, reason in zip(waiting, found, strict=True)}

    def pools_of(self, job: int) -> list[int]:
        """The pools on which a job may run, in order of its rows of ENTRY."""
        first, last = _entries(self.state, job)
        pools: list[int] = self.state.entries["pool"][first:last].tolist()
        return pools

    def attempts_on(self, nodes: Sequence[int]) -> list[int]:
        """The jobs that run on some of these nodes, in the order in which they started."""
        state, found = self.state, {}
        for v in nodes:
            chunk = int(state.nodes["chunk"][v])
            while chunk >= 0:
                slot = state.slots[state.chunks["slot"][chunk]]
                found[int(slot["seq"])] = int(slot["job"])
                chunk = int(state.chunks["next"][chunk])
        return [found[seq] for seq in sorted(found)]


def _live(made: tuple[State, Known]) -> tuple[State, int, Known]:
    return made[0], 0, made[1]


def copied(state: State, every: bool = False, into: State | None = None) -> State:
    """All that a pass may change, copied; the columns it only reads are shared (`every`: but those that new jobs change).

    `into`: an earlier copy that nobody needs any more, whose memory is used where it has the size.
    """
    shared = layout.FIXED | {"events", "placements"}
    if every:
        shared -= {*growth.ROWS, *growth.PLACES, "entries"}
    old = into or (None,) * len(state)
    return State(*(a if f in shared else _copied(f, a, b) for f, a, b in zip(State._fields, state, old, strict=True)))


def _copied(name: str, array: Array, into: Array | None) -> Array:
    if into is None or into.shape != array.shape or into.dtype != array.dtype:
        into = np.empty_like(array)
    if name not in _SCRATCH:
        records = array.dtype.names is not None  # would be copied field by field: as bytes, then
        np.copyto(into.view(np.uint8) if records else into, array.view(np.uint8) if records else array)
    return into


def schedule(snapshot: Snapshot) -> Plan:
    """What the policy starts now. Pure: the snapshot is as before, and the same snapshot gives the same plan."""
    spare = snapshot.spare
    state = copied(snapshot.state, into=spare.state if spare is not None else None)
    jobs = int(state.g[layout.G_WAITING] + state.g[layout.G_RUNNING])
    state = growth.with_log(state, jobs + 64, jobs + 2 * len(state.nodes) + 64)
    if spare is not None:
        spare.state = state
    decide.run_pass(refer(state))
    _check(state)
    placed = state.placements[: state.g[layout.G_PLACED]]
    events = state.events[: state.g[layout.G_ROWS]]
    rows = np.flatnonzero(events["event"] == JobEvent.START)
    first = np.searchsorted(placed["row"], rows, "left").tolist()
    last = np.searchsorted(placed["row"], rows, "right").tolist()
    nodes, devices = placed["node"].tolist(), placed["devices"].tolist()
    chosen = events[rows]
    entries = _entries_of(state, chosen["job"])
    starts = tuple(
        Placement(job, pool, tuple(nodes[a:b]), tuple(devices[a:b]), Refusal(reason), entry)
        for job, pool, reason, entry, a, b in zip(
            chosen["job"].tolist(),
            chosen["pool"].tolist(),
            chosen["reason"].tolist(),
            entries,
            first,
            last,
            strict=True,
        )
    )
    stopped = events["job"][events["event"] == JobEvent.PREEMPT].tolist()
    if stopped:  # who was started and stopped in one pass was never started
        neither = {s.job for s in starts} & set(stopped)
        starts = tuple(s for s in starts if s.job not in neither)
        stopped = [job for job in stopped if job not in neither]
    again = bool(state.g[layout.G_AGAIN])
    return Plan(snapshot.now_s, starts, tuple(stopped), again, _After(snapshot, state, starts))


def _entries_of(state: State, jobs: Array) -> list[int]:
    """The entry on which each of some jobs runs; -1 for one that runs no more."""
    entry = np.full(len(state.state), -1, np.int64)
    slots = state.slots[state.ends["item"][: state.g[layout.G_HEAP]]]
    entry[slots["job"]] = slots["entry"]
    found: list[int] = entry[jobs].tolist()
    return found


def _check(state: State) -> None:
    if state.g[layout.G_OVERFLOW]:
        raise InvariantBroken(f"an illegal step or a full log at {state.g[layout.G_NOW]} s")


def advance(snapshot: Snapshot, now_s: int, events: Sequence[Event]) -> Snapshot:
    """The snapshot after what happened to jobs until `now_s`, in order. Raises InvariantBroken for an illegal step.

    Time does not go back: a `now_s` before the snapshot's counts as the snapshot's.
    """
    return told(snapshot, now_s, [(now_s, e.event, e.job, None) for e in events])


def commit(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """The snapshot after the starts of a plan (or of the part of it that an executor could do), victims stopped before.

    What the pass promised to others stands. Who was to start and did not waits again, and would start in the next pass.
    """
    after = plan.after
    if after is not None and after.of is snapshot:
        passed = replace(snapshot, state=after.state)
        if snapshot.spare is not None:
            snapshot.spare.state = snapshot.state
        done = {s.job for s in plan.starts}
        undone = [(plan.now_s, JobEvent.ENGINE_FAIL, s.job, None) for s in after.starts if s.job not in done]
        return told(passed, plan.now_s, undone) if undone else _with_room(passed)
    stops = [(plan.now_s, JobEvent.PREEMPT, job, None) for job in plan.preempts]
    return told(snapshot, plan.now_s, stops + [(plan.now_s, JobEvent.START, s.job, s) for s in plan.starts])


def told(snapshot: Snapshot, now_s: int, history: Sequence[tuple[int, JobEvent, int, Placement | None]]) -> Snapshot:
    """The snapshot after events (when, what, which job, and for a START where), in order of time, and then at `now_s`."""
    when, what, job = (np.array([row[i] for row in history], np.int64) for i in range(3))
    return told_of(snapshot, now_s, when, what, job, [start for *_, start in history if start is not None])


def told_of(
    snapshot: Snapshot,
    now_s: int,
    when: NDArray[np.int64],
    what: NDArray[np.int64],
    job: NDArray[np.int64],
    starts: Sequence[Placement],
) -> Snapshot:
    """As `told`, from columns; `starts` has one for each START, in their order."""
    state, events = snapshot.opened(), len(when)
    if snapshot.known is not None:
        state = growth.with_room(state, snapshot.known, events, len(starts))
    state = growth.with_log(state, 2 * events + 64, sum(len(s.nodes) for s in starts) + 64)
    entry, parts = np.zeros(events, np.int64), np.zeros(events, np.int64)
    places = np.flatnonzero(what == JobEvent.START)
    entry[places] = [s.entry if s.entry >= 0 else _entry(state, s) for s in starts]
    parts[places] = [len(s.nodes) for s in starts]
    nodes = np.array([n for s in starts for n in s.nodes], np.int64)
    devices = np.array([d for s in starts for d in s.devices], np.int64)
    bad = live.tell(refer(state), now_s, when, what, job, entry, parts, nodes, devices)
    if bad >= 0:
        event, state_now = JobEvent(int(what[bad])), JobState(int(state.state[job[bad]]))
        raise InvariantBroken(f"job {job[bad]} in state {state_now.name} cannot {event.name} at {now_s} s")
    _check(state)
    return _with_room(replace(snapshot, state=state, now_s=int(state.g[layout.G_NOW])))


def _with_room(snapshot: Snapshot) -> Snapshot:
    """The snapshot with room for a pass."""
    if snapshot.known is None:
        return snapshot
    return replace(snapshot, state=growth.with_room(snapshot.state, snapshot.known))


def _entries(state: State, job: int) -> tuple[int, int]:
    """A job's rows of ENTRY: the first, and that behind the last."""
    shape = state.shapes[state.classes[state.job_class[job]]["shape"]]
    return int(shape["entry"]), int(shape["entry"] + shape["entries"])


def _entry(state: State, start: Placement) -> int:
    first, last = _entries(state, start.job)
    found = np.flatnonzero(state.entries["pool"][first:last] == start.pool)
    if not len(found):
        raise InvariantBroken(f"job {start.job} cannot run on pool {start.pool}")
    return first + int(found[0])
