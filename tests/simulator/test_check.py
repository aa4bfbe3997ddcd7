"""`check` on sound logs, and on logs spoilt in one way each: every invariant must catch its own break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from dure.errors import InvariantBroken
from dure.fleet.model import Accelerator, Outage, Site
from dure.lifecycle import RunLog
from dure.scheduler.policies import Backfill, Order, Policy
from dure.scheduler.terms import ProjectTerms
from dure.simulator.check import check, require
from dure.simulator.scenario import NodeFailure, Scenario
from dure.vocabulary import JobEvent, JobKind, Refusal
from dure.workload import Workload
from tests.naive import naive_run
from tests.worlds import World, job, make_policy, policies, pool, worlds

ONLY_A, ONLY_B = (("A", 1000),), (("B", 1000),)
POLICY = make_policy(Order.PRIORITY, Backfill.GREEDY, preempt=True)
MODELS = (Accelerator("A", "A", "m", "KR", trains=True, tdp_w=100), Accelerator("B", "B", "m", "KR", trains=False))
WORLD = World(
    pools=(pool(2, 4, "A", cores_milli=8000), pool(2, 2, "B", cores_milli=8000)),
    jobs=(
        job(0, 10, 6, accept=ONLY_A, cores_milli=6000),  # 0: a gang, nodes 0 and 1
        job(0, 9, 1, limit_s=4, accept=ONLY_B, share_milli=500, cores_milli=5000),  # 1: killed at its limit
        job(0, 8, 1, accept=ONLY_B, share_milli=500, project="p", cores_milli=2000),  # 2: shares its device
        job(1, 5, 40, accept=ONLY_A),  # 3: never fits
        job(1, 5, 1, accept=(("C", 1000),)),  # 4: no such model
        job(2, 30, 4, accept=ONLY_A, save_every_s=4, project="p"),  # 5: waits, is stopped at 20, its node fails at 28
        job(12, 5, 2, accept=ONLY_B, earliest_s=15),  # 6: waits for its date
        job(12, 6, 2, accept=ONLY_B, kind=JobKind.LEASE, earliest_s=30),  # 7: a lease, on its date
        job(20, 6, 8, accept=ONLY_A, priority=1),  # 8: stops job 5
        job(50, 5, 1, accept=ONLY_A, kind=JobKind.TRAINING),  # 9
        job(50, 5, 1, accept=ONLY_A, project="q"),  # 10
    ),
    scenario=Scenario(failures=(NodeFailure(0, 28, 31), NodeFailure(1, 28, 31))),
    models=MODELS,
)
LOG = naive_run(WORLD.fleet, WORLD.workload, POLICY, WORLD.scenario, 0)


def found(
    world: World = WORLD, log: RunLog = LOG, policy: Policy = POLICY, workload: Workload | None = None
) -> set[str]:
    """Names of the invariants that `check` reports broken."""
    return {b.invariant for b in check(world.fleet, workload or world.workload, policy, world.scenario, log)}


def test_the_world_shows_every_event_and_is_sound() -> None:
    seen = {JobEvent(int(e)) for e in LOG.events["event"]}
    assert seen == set(JobEvent) - {JobEvent.CANCEL, JobEvent.EXPIRE, JobEvent.FAIL, JobEvent.ENGINE_FAIL}
    assert found() == set()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds(), policies())
def test_the_brute_force_twin_keeps_every_invariant(world: World, policy: Policy) -> None:
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    broken = check(world.fleet, world.workload, policy, world.scenario, log)
    assert not broken, f"{policy.name}\n{world!r}\n" + "\n".join(map(str, broken))


# --- logs spoilt by hand -------------------------------------------------------------------------------------------

Spoil = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def row_of(number: int, event: JobEvent, nth: int = 0) -> int:
    """The row of a job's nth event of a kind."""
    return int(np.flatnonzero((LOG.events["job"] == number) & (LOG.events["event"] == event))[nth])


def setting(field: str, value: int, number: int, event: JobEvent, nth: int = 0) -> Spoil:
    def spoil(events: np.ndarray, placements: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        events[field][row_of(number, event, nth)] = value
        return events, placements

    return spoil


def placing(number: int, part: int, **values: int) -> Spoil:
    """Change a placement of a job's first attempt."""

    def spoil(events: np.ndarray, placements: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = np.flatnonzero(placements["row"] == row_of(number, JobEvent.START))[part]
        for field, value in values.items():
            placements[field][at] = value
        return events, placements

    return spoil


def without(*rows: int) -> Spoil:
    """Leave out rows of the events (placements follow)."""

    def spoil(events: np.ndarray, placements: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kept = np.delete(np.arange(len(events)), rows)
        number = np.full(len(events), -1)
        number[kept] = np.arange(len(kept))
        placements = placements[np.isin(placements["row"], kept)]
        placements["row"] = number[placements["row"]]
        return events[kept], placements

    return spoil


def without_placement(number: int, part: int) -> Spoil:
    def spoil(events: np.ndarray, placements: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = np.flatnonzero(placements["row"] == row_of(number, JobEvent.START))[part]
        return events, np.delete(placements, at)

    return spoil


def moved(number: int, pool_index: int, node: int, devices: int) -> Spoil:
    """Run a job's first attempt elsewhere."""
    first = setting("pool", pool_index, number, JobEvent.START)
    second = placing(number, 0, node=node, devices=devices)
    return lambda events, placements: second(*first(events, placements))


END = int(LOG.events["time_s"][-1])
SPOILT: list[tuple[str, str, Spoil]] = [
    ("lifecycle", "a job without an end", without(row_of(9, JobEvent.COMPLETE))),
    ("lifecycle", "a job that was never submitted", without(*np.flatnonzero(LOG.events["job"] == 4))),
    ("lifecycle", "an attempt without a start", without(row_of(9, JobEvent.START))),
    ("lifecycle", "completed twice", setting("job", 9, 10, JobEvent.COMPLETE)),
    ("lifecycle", "an event that does not exist", setting("event", 11, 9, JobEvent.COMPLETE)),
    ("lifecycle", "a job that does not exist", setting("job", 11, 9, JobEvent.COMPLETE)),
    ("lifecycle", "submitted at another time", setting("time_s", 0, 3, JobEvent.SUBMIT)),
    ("lifecycle", "time going back", setting("time_s", 1, 8, JobEvent.COMPLETE)),
    ("placement", "a gang with a part missing", without_placement(0, 1)),
    ("placement", "a gang on one node", placing(0, 1, node=0, devices=0b11)),
    ("placement", "a part too wide", placing(0, 1, devices=0b111)),
    ("placement", "another shape", placing(0, 0, devices=0b111)),
    ("placement", "a device that the node has not", placing(2, 0, devices=0b1000)),
    ("placement", "a negative mask", placing(2, 0, devices=-1)),
    ("placement", "a node that does not exist", placing(2, 0, node=4)),
    ("placement", "a node of another pool", placing(9, 0, node=2)),
    ("placement", "a pool that does not exist", setting("pool", 2, 9, JobEvent.START)),
    ("placement", "a placement without a start", placing(9, 0, row=0)),
    ("placement", "a model that is not accepted", moved(10, 1, 2, 1)),
    ("refusal", "another reason", setting("reason", Refusal.NO_SUCH_MODEL, 3, JobEvent.REFUSE)),
    ("capacity", "a whole device used twice", placing(10, 0, node=0, devices=1)),
    ("ends", "completed instead of killed", setting("event", JobEvent.COMPLETE, 1, JobEvent.TIME_OUT)),
    ("ends", "killed before its limit", setting("event", JobEvent.TIME_OUT, 0, JobEvent.COMPLETE)),
    ("ends", "ended late", setting("time_s", END + 1, 10, JobEvent.COMPLETE)),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "spoil"), [pytest.param(i, s, id=n) for i, n, s in SPOILT])
def test_a_spoilt_log_is_caught(invariant: str, spoil: Spoil) -> None:
    events, placements = spoil(LOG.events.copy(), LOG.placements.copy())
    assert found(log=replace(LOG, events=events, placements=placements)) == {invariant}


# --- sound logs held against stricter terms ------------------------------------------------------------------------

CROWD = World(
    pools=(pool(1, 4, cores_milli=16_000, memory_mib=100),),
    jobs=(
        job(0, 10, 2, cores_milli=6000, memory_mib=40),
        job(1, 20, 1, cores_milli=5000, memory_mib=40),
        job(2, 30, 1),
    ),
    models=MODELS,
)


def in_pool(world: World, **changes: object) -> World:
    return replace(world, pools=(replace(world.pools[0], **changes), *world.pools[1:]))  # type: ignore[arg-type]


def under(world: World, **changes: object) -> World:
    return replace(world, scenario=replace(world.scenario, **changes))  # type: ignore[arg-type]


def with_job(world: World, number: int, **changes: object) -> World:
    jobs = list(world.jobs)
    jobs[number] = replace(jobs[number], **changes)  # type: ignore[arg-type]
    return replace(world, jobs=tuple(jobs))


def limit(**terms: int) -> Scenario:
    return Scenario(projects=(ProjectTerms("default", **terms),))


STRICTER: list[tuple[str, str, World, World]] = [
    ("lifecycle", "a horizon that has passed", CROWD, under(CROWD, horizon_s=20)),
    ("placement", "training where none may", CROWD, in_pool(with_job(CROWD, 2, kind=JobKind.TRAINING), model="B")),
    ("placement", "a pool that was removed", CROWD, under(CROWD, removed_pools=("pool-A",))),
    ("placement", "a lease on part of a node", CROWD, with_job(CROWD, 2, kind=JobKind.LEASE)),
    ("capacity", "cores", CROWD, in_pool(CROWD, cores_milli=10_000)),
    ("capacity", "memory", CROWD, in_pool(CROWD, memory_mib=70)),
    ("limits", "the project's accelerators", CROWD, replace(CROWD, scenario=limit(limit_accelerators=3))),
    ("limits", "the project's budget", CROWD, replace(CROWD, scenario=limit(budget_milli_units=12))),
    ("limits", "the site's power", CROWD, replace(CROWD, sites=(Site("s", "s", "KR", power_cap_w=250, pue=1.0),))),
    ("ends", "another speed", CROWD, with_job(CROWD, 2, accept=(("A", 2000),))),
    ("ends", "another duration", CROWD, with_job(CROWD, 2, duration_s=29)),
    ("nodes", "a failure unnoticed", CROWD, under(CROWD, failures=(NodeFailure(0, 25, 26),))),
    ("nodes", "a node not yet delivered", CROWD, under(CROWD, delays_s={"pool-A": 1})),
    ("nodes", "maintenance that the limit runs into", with_job(CROWD, 0, limit_s=50), with_job(
        replace(CROWD, outages=(Outage("pool-A", 40, 50),)), 0, limit_s=50)),
    ("dates", "an earliest start", CROWD, with_job(CROWD, 2, earliest_s=3)),
    ("preemption", "a victim of the same class", WORLD, with_job(WORLD, 8, priority=0)),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "world", "stricter"), [pytest.param(i, w, s, id=n) for i, n, w, s in STRICTER])
def test_a_log_that_breaks_stricter_terms_is_caught(invariant: str, world: World, stricter: World) -> None:
    log = naive_run(world.fleet, world.workload, POLICY, world.scenario, 0)
    assert found(world, log) == set()
    assert found(stricter, log) == {invariant}


def test_an_attempt_fails_only_with_its_node() -> None:
    assert "nodes" in found(under(WORLD, failures=()))


def test_a_job_that_can_never_run_must_be_refused() -> None:
    idle = replace(CROWD, jobs=(job(0, 5, 3),), scenario=Scenario(horizon_s=5), outages=(Outage("pool-A", 0, 9),))
    log = naive_run(idle.fleet, idle.workload, POLICY, idle.scenario, 0)
    assert found(idle, log) == set()
    assert found(with_job(idle, 0, accelerators=5), log) == {"refusal"}
    assert found(replace(idle, scenario=replace(limit(limit_accelerators=2), horizon_s=5)), log) == {"refusal"}
    assert found(replace(idle, scenario=replace(limit(budget_milli_units=0), horizon_s=5)), log) == {"refusal"}


def test_shares_of_one_device_are_added_up() -> None:
    shared = World(pools=(pool(1, 1),), jobs=(job(0, 9, share_milli=500), job(1, 9, share_milli=400)), models=MODELS)
    log = naive_run(shared.fleet, shared.workload, POLICY, shared.scenario, 0)
    assert found(shared, log) == set()
    assert found(with_job(shared, 1, share_milli=600), log) == {"capacity"}


def test_a_stop_needs_a_policy_that_preempts() -> None:
    assert found(policy=replace(POLICY, preempt=False)) == {"preemption"}


def test_waiting_though_it_fits_is_caught_under_greedy_only() -> None:
    stuck = World(pools=(pool(1, 4),), jobs=(job(0, 9, 3), job(1, 9, 2), job(2, 9, 1)))
    patient, greedy = make_policy(backfill=Backfill.NONE), make_policy(backfill=Backfill.GREEDY)
    log = naive_run(stuck.fleet, stuck.workload, patient, stuck.scenario, 0)
    assert found(stuck, log, patient) == set()
    assert found(stuck, log, greedy) == {"conserving"}


@pytest.mark.parametrize(
    "excuse",
    [
        Scenario(projects=(ProjectTerms("p", limit_accelerators=0),)),
        Scenario(projects=(ProjectTerms("p", budget_milli_units=0),)),
        Scenario(power_caps_w={"s": 48 + 3 * 88}),
        Scenario(failures=(NodeFailure(0, 1, 30),)),
    ],
    ids=["limit", "budget", "power", "failure"],
)
def test_a_job_that_may_not_start_is_no_break(excuse: Scenario) -> None:
    """The waiting job fits, but its terms forbid it: `conserving` must know all the reasons there are."""
    world = World(
        pools=(pool(1, 4),), jobs=(job(0, 9, 3), job(1, 9, 1, project="p")), scenario=excuse,
        sites=(Site("s", "s", "KR", pue=1.0),), models=MODELS,
    )  # fmt: skip
    moved_log = naive_run(world.fleet, world.workload, make_policy(backfill=Backfill.GREEDY), excuse, 0)
    assert "conserving" not in found(world, moved_log, make_policy(backfill=Backfill.GREEDY))


def test_a_late_lease_is_caught() -> None:
    promised = World(
        pools=(pool(2, 4),), jobs=(job(0, 5, 4, kind=JobKind.LEASE, earliest_s=10), job(0, 12, 8)), models=MODELS
    )
    log = naive_run(promised.fleet, promised.workload, make_policy(backfill=Backfill.GREEDY), Scenario(), 0)
    assert found(promised, log, make_policy(backfill=Backfill.GREEDY)) == set()
    late = with_job(promised, 0, earliest_s=0)
    assert found(late, log, make_policy()) == {"dates"}


def test_require_names_policy_seed_and_every_break() -> None:
    spoilt = LOG.events.copy()
    spoilt["time_s"][-1] += 1
    require(WORLD.fleet, WORLD.workload, POLICY, WORLD.scenario, LOG)
    with pytest.raises(InvariantBroken, match=r"seed 0: ends: job 10 at 56 s: lasted 6 s, due after 5 s"):
        require(WORLD.fleet, WORLD.workload, POLICY, WORLD.scenario, replace(LOG, events=spoilt))
