"""The live side decides as the twin does: the same events told one by one give the same starts, and `schedule` is pure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from dure.errors import InvariantBroken
from dure.scheduler.policies import policy
from dure.scheduler.snapshot import Event, Snapshot, advance, commit, schedule
from dure.simulator.run import run
from dure.vocabulary import JobEvent, JobKind, JobState, Refusal
from dure.workload import Job
from tests.worlds import World, job, pool, worlds

ENDS = {JobEvent.COMPLETE, JobEvent.TIME_OUT}


def live(world: World, name: str) -> list[tuple[int, int, int]]:
    """A control loop with a stub engine and a virtual clock: (time, job, event) of all that happened."""
    jobs, snapshot = world.workload, Snapshot.of(world.fleet, world.workload, policy(name))
    ends: dict[int, int] = {}  # by start, as the twin ends them
    rows: list[tuple[int, int, int]] = []
    ahead = list(range(len(jobs)))
    while ahead or ends:
        now = min([int(jobs.submit_s[j]) for j in ahead[:1]] + list(ends.values()))
        told = [
            Event(JobEvent.COMPLETE if jobs.duration_s[j] <= jobs.limit_s[j] else JobEvent.TIME_OUT, j)
            for j, end in ends.items()
            if end == now
        ]
        told += [Event(JobEvent.SUBMIT, j) for j in ahead if jobs.submit_s[j] == now]
        ends = {j: end for j, end in ends.items() if end != now}
        ahead = [j for j in ahead if jobs.submit_s[j] != now]
        snapshot = advance(snapshot, now, told)
        plan = schedule(snapshot)
        assert plan == schedule(snapshot)
        snapshot = commit(snapshot, plan)
        for e in told:
            rows.append((now, e.job, int(e.event)))
            if e.event == JobEvent.SUBMIT and snapshot.job_state(e.job) == JobState.REFUSED:
                rows.append((now, e.job, int(JobEvent.REFUSE)))
        for start in plan.starts:
            rows.append((now, start.job, int(JobEvent.START)))
            speeds = dict(jobs.accepts[jobs.accept[start.job]])
            speed = speeds.get(world.fleet.pools[start.pool].model, 1000) if jobs.accelerators[start.job] else 1000
            work = int(min(jobs.duration_s[start.job], jobs.limit_s[start.job]))
            ends[start.job] = now - (-work * 1000 // speed)
    return rows


@pytest.mark.parametrize("name", ["fifo", "greedy", "easy", "shortest"])
def test_the_live_loop_and_the_twin_take_the_same_decisions(name: str) -> None:
    @settings(max_examples=15, deadline=None)
    @given(worlds(features=["shares", "cores", "models", "limits", "odd limits"]))
    def compare(world: World) -> None:
        events = run(world.fleet, world.workload, name).events
        assert live(world, name) == list(zip(*(events[c].tolist() for c in ("time_s", "job", "event")), strict=True))

    compare()


def busy() -> Snapshot:
    world = World(pools=(pool(each=2),), jobs=(job(), job(accelerators=2), Job(0, 10)))
    snapshot = Snapshot.of(world.fleet, world.workload, policy("fifo"))
    return advance(snapshot, 0, [Event(JobEvent.SUBMIT, j) for j in range(3)])


def test_a_plan_changes_nothing_until_it_is_committed() -> None:
    snapshot = busy()
    before = [np.copy(a) for a in snapshot.state]
    plan = schedule(snapshot)
    assert plan.starts
    assert all(np.array_equal(a, b) for a, b in zip(before, snapshot.state, strict=True))


def test_a_job_waits_for_its_earliest_start() -> None:
    world = World(pools=(pool(each=2),), jobs=(job(0, 10, earliest_s=50), job(0, 100)))
    snapshot = Snapshot.of(world.fleet, world.workload, policy("fifo"))
    snapshot = advance(snapshot, 0, [Event(JobEvent.SUBMIT, j) for j in range(2)])
    plan = schedule(snapshot)
    assert [s.job for s in plan.starts] == [1]
    assert snapshot.reasons([0]) == {0: Refusal.NOT_YET}
    snapshot = advance(commit(snapshot, plan), 50, [])
    assert [s.job for s in schedule(snapshot).starts] == [0]


@pytest.mark.parametrize("name", ["greedy", "easy", "conservative"])
def test_a_cancelled_job_leaves_no_trace(name: str) -> None:
    """One in the queue, one booked, one not yet let in, and a lease for a date: the last job has the fleet to itself."""
    waiting = (job(1, 100, 2), job(1, 90), job(1, 9, earliest_s=50), job(1, 90, 2, kind=JobKind.LEASE, earliest_s=60))
    world = World(pools=(pool(each=2),), jobs=(job(0, 20), *waiting, job(30, 100, 2)))
    snapshot = advance(Snapshot.of(world.fleet, world.workload, policy(name)), 0, [Event(JobEvent.SUBMIT, 0)])
    snapshot = commit(snapshot, schedule(snapshot))
    snapshot = advance(snapshot, 1, [Event(JobEvent.SUBMIT, j) for j in (1, 3, 4)])
    snapshot = commit(snapshot, schedule(snapshot))
    assert set(snapshot.reasons()) == {1, 3, 4}
    snapshot = advance(snapshot, 20, [Event(JobEvent.COMPLETE, 0), *(Event(JobEvent.CANCEL, j) for j in (1, 3, 4))])
    assert not schedule(snapshot).starts
    snapshot = advance(snapshot, 60, [Event(JobEvent.SUBMIT, 5)])
    assert [s.job for s in schedule(snapshot).starts] == [5]


def test_every_waiting_job_has_a_reason() -> None:
    snapshot = busy()
    after = commit(snapshot, schedule(snapshot))
    reasons = after.reasons()
    assert set(reasons) == {j for j in range(3) if after.job_state(j) == JobState.WAITING}
    assert Refusal.NO_ROOM in reasons.values()


def test_an_illegal_event_is_a_bug_and_names_the_job() -> None:
    with pytest.raises(InvariantBroken, match="job 0 in state WAITING cannot COMPLETE"):
        advance(busy(), 1, [Event(JobEvent.COMPLETE, 0)])
