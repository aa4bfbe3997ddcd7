"""The product's run against the brute-force twin on random small worlds: the same events, the same placements."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.fleet.model import Accelerator, Outage, Site
from dure.lifecycle import RunLog
from dure.scheduler.policies import Backfill, Choice, Order, Placement, Policy
from dure.simulator.check import check
from dure.vocabulary import JobEvent, JobKind, Refusal
from tests.naive import Naive, naive_run
from tests.worlds import COMPARED_ORDERS, COMPARED_PLACEMENTS, FEATURES, World, job, make_policy, policies, pool, worlds

run = pytest.importorskip("dure.simulator.run").run

# `DURE_EXAMPLES=20 pytest tests/kernels` looks twenty times as long as a plain run.
EXAMPLES = int(os.environ.get("DURE_EXAMPLES", "1"))
SLOW_TWIN = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
SEEDS = st.integers(0, 3)


def first_difference(log: RunLog, naive: RunLog) -> str:
    """Where two logs part, with the rows before it; empty if they do not."""
    ours, theirs = log.events.tolist(), naive.events.tolist()
    for i in range(max(len(ours), len(theirs))):
        a, b = ours[i : i + 1], theirs[i : i + 1]
        if a != b:
            before = [f"          {words(e)}" for e in theirs[max(0, i - 12) : i]]
            show = [f"  product {words(a[0]) if a else 'ends'}", f"  naive   {words(b[0]) if b else 'ends'}"]
            return "\n".join([f"event row {i} differs:", *before, *show])
    if log.placements.tolist() != naive.placements.tolist():
        pairs = zip(log.placements.tolist(), naive.placements.tolist(), strict=False)
        differing = next((f"product {a}, naive {b}" for a, b in pairs if a != b), "different lengths")
        return f"placements (event row, node, devices) differ: {differing}"
    return ""


def words(event: tuple[int, int, int, int, int]) -> str:
    time, job, what, reason, pool = event
    return f"{time:>5} s  job {job:<3} {JobEvent(what).name:<9} {Refusal(reason).name:<12} pool {pool}"


def decisions(log: RunLog) -> RunLog:
    """The log without what waiting jobs were told: only what was done."""
    events = log.events.copy()
    events["reason"][events["event"] != JobEvent.REFUSE] = Refusal.NONE
    return replace(log, events=events)


def agree(world: World, policy: Policy, seed: int = 0, view: Callable[[RunLog], RunLog] = decisions) -> RunLog:
    """Run both and assert that they agree in what `view` shows of them; the product's log."""
    log = run(world.fleet, world.workload, policy, world.scenario, seed)
    naive = naive_run(world.fleet, world.workload, policy, world.scenario, seed)
    difference = first_difference(view(log), view(naive))
    assert not difference, f"{policy.name}, seed {seed}\n{world!r}\n{difference}"
    return log


@pytest.mark.parametrize(("order", "backfill"), list(product(COMPARED_ORDERS, Backfill)), ids=lambda x: x.name.lower())
def test_every_order_with_every_backfill(order: Order, backfill: Backfill) -> None:
    @settings(max_examples=12 * EXAMPLES, **SLOW_TWIN)
    @given(worlds(), st.sampled_from(COMPARED_PLACEMENTS), st.sampled_from(list(Choice)), st.booleans(), SEEDS)
    def compare(world: World, placement: Placement, choice: Choice, preempt: bool, seed: int) -> None:
        agree(world, make_policy(order, backfill, placement, choice, preempt), seed)

    compare()


@pytest.mark.parametrize("feature", FEATURES)
def test_one_feature_at_a_time(feature: str) -> None:
    """Few things at once: what breaks here is easy to read."""

    @settings(max_examples=12 * EXAMPLES, **SLOW_TWIN)
    @given(worlds(features=[feature]), policies())
    def compare(world: World, policy: Policy) -> None:
        agree(world, policy)

    compare()


@settings(max_examples=40 * EXAMPLES, **SLOW_TWIN)
@given(worlds(), policies(placements=list(Placement)[: Placement.CUSTOM]), SEEDS)
def test_any_policy_keeps_the_invariants(world: World, policy: Policy, seed: int) -> None:
    log = run(world.fleet, world.workload, policy, world.scenario, seed)
    broken = check(world.fleet, world.workload, policy, world.scenario, log)
    assert not broken, f"{policy.name}, seed {seed}\n{world!r}\n" + "\n".join(map(str, broken))


@settings(max_examples=40 * EXAMPLES, **SLOW_TWIN)
@given(worlds(), policies(), SEEDS)
def test_the_same_seed_gives_the_same_bytes(world: World, policy: Policy, seed: int) -> None:
    first, second = (run(world.fleet, world.workload, policy, world.scenario, seed) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()


# What makes a booked job miss its time other than the scheduler: a failure, power, a budget or a limit.
PROMISING = [f for f in FEATURES if f not in ("failures", "power", "terms", "horizon")]


@settings(max_examples=60 * EXAMPLES, **SLOW_TWIN)
@given(
    worlds(features=PROMISING),
    st.sampled_from([Order.FIFO, Order.SHORTEST, Order.PRIORITY]),
    st.sampled_from(list(Choice)),
)
def test_conservative_starts_nobody_later_than_first_booked(world: World, order: Order, choice: Choice) -> None:
    policy = make_policy(order, Backfill.CONSERVATIVE, choice=choice)
    promised, starts = promises(world, policy), start_times(agree(world, policy))
    late = {j: (t, starts[j]) for j, t in promised.items() if starts[j] > t}
    assert not late, f"(promised, started) of late jobs: {late}\n{world!r}"


@settings(max_examples=60 * EXAMPLES, **SLOW_TWIN)
@given(worlds(features=[f for f in PROMISING if f not in ("leases", "earliest")]))
def test_easy_starts_the_head_no_later_than_first_booked(world: World) -> None:
    """First come first served: the head stays head until it starts."""
    policy = make_policy(Order.FIFO, Backfill.EASY)
    promised, starts = promises(world, policy), start_times(agree(world, policy))
    late = {j: (t, starts[j]) for j, t in promised.items() if starts[j] > t}
    assert not late, f"(promised, started) of late heads: {late}\n{world!r}"


def promises(world: World, policy: Policy) -> dict[int, int]:
    """The time for which the brute-force twin first booked each job."""
    twin = Naive(world.fleet, world.workload, policy, world.scenario)
    twin.run()
    return twin.promised


def start_times(log: RunLog) -> dict[int, int]:
    rows = log.events[log.events["event"] == JobEvent.START]
    jobs, first = np.unique(rows["job"], return_index=True)
    return dict(zip(jobs.tolist(), rows["time_s"][first].tolist(), strict=True))


# Worlds on which the two once differed, shrunk: they must never differ again.
ONCE_DIFFERENT = {
    "a lease that is due when it is submitted": (
        World((pool(1, 4),), (job(2, 1, kind=JobKind.LEASE),)),
        make_policy(Order.LARGEST, choice=Choice.CHEAPEST),
    ),
    "a newcomer that goes before the head": (
        World((pool(1, 4),), (job(0, 9, 3), job(1, 19, 4), job(2, 13, 1))),
        make_policy(Order.SHORTEST, Backfill.EASY),
    ),
    "the rest of a gang is spread too": (
        World((pool(3, 4),), (job(0, 9, 2), job(1, 9, 6))),
        make_policy(placement=Placement.SPREAD),
    ),
    "a higher class behind a lower one of the same shape": (
        World((pool(1, 4),), (job(0, 9), job(0, 9), job(0, 9, 2), job(0, 9), job(0, 9, priority=1))),
        make_policy(backfill=Backfill.GREEDY, preempt=True),
    ),
    "a share that is stopped for a whole node": (
        World(
            (pool(1, 4),), (job(0, 16, share_milli=300), job(12, 2, 4, priority=2)), outages=(Outage("pool-A", 39, 56),)
        ),
        make_policy(Order.LEAST_ATTAINED, Backfill.GREEDY, preempt=True),
    ),
    "one of a class that waited before a preemption, another after it": (
        World(
            (pool(2, 2),),
            (
                *(job(9, 14) for _ in range(5)),
                job(22, 9, 4, priority=1),
                job(22, 1, priority=2),
                job(22, 1),
            ),
        ),
        make_policy(backfill=Backfill.GREEDY, preempt=True),
    ),
    "a shorter job behind a former head": (
        World(
            (pool(2, 2),),
            (job(5, 15, 2), job(6, 30), job(8, 25, 2), job(9, 13), job(14, 10, kind=JobKind.LEASE)),
            outages=(Outage("pool-A", 28, 53),),
        ),
        make_policy(Order.LARGEST, Backfill.EASY, Placement.BEST_FIT),
    ),
    "jobs that the power cap could never carry": (
        World(
            (pool(2, 3),),
            (job(0, 9, 6), job(0, 16, 6), job(1, 5, 4), job(2, 3)),
            sites=(Site("s", "s", "KR", power_cap_w=250),),
            models=(Accelerator("A", "A", "maker", "KR", tdp_w=100),),
        ),
        make_policy(backfill=Backfill.CONSERVATIVE),
    ),
    "a lease that is due under conservative": (
        World((pool(4, 1, "B"),), (job(4, 12, 3, limit_s=13), job(11, 24, limit_s=6, kind=JobKind.LEASE))),
        make_policy(Order.SHORTEST, Backfill.CONSERVATIVE),
    ),
}


@pytest.mark.parametrize(("world", "policy"), ONCE_DIFFERENT.values(), ids=ONCE_DIFFERENT)
def test_worlds_that_once_differed(world: World, policy: Policy) -> None:
    agree(world, policy)
