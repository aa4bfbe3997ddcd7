"""The brute-force twin itself, against worlds small enough to work out by hand, and Fair Tree against Slurm's rules."""

from __future__ import annotations

import pytest

from dure.scheduler.policies import Backfill, Order, Policy
from dure.vocabulary import JobEvent, JobKind
from tests.naive import fair_tree, naive_run
from tests.worlds import World, job, make_policy, pool

FOUR = (pool(1, 4),)


def starts(world: World, policy: Policy) -> dict[int, int]:
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    return {int(e["job"]): int(e["time_s"]) for e in log.events if e["event"] == JobEvent.START}


# Job 0 holds 3 of 4 until 10. Job 1 wants all 4. Jobs 2 and 3 fit beside job 0; only job 2 is done by 10.
QUEUE = World(FOUR, (job(0, 10, 3), job(1, 10, 4), job(2, 5, 1), job(3, 20, 1)))


@pytest.mark.parametrize(
    ("backfill", "expected"),
    [
        (Backfill.NONE, {0: 0, 1: 10, 2: 20, 3: 20}),
        (Backfill.GREEDY, {0: 0, 1: 27, 2: 2, 3: 7}),
        (Backfill.EASY, {0: 0, 1: 10, 2: 2, 3: 20}),
        (Backfill.CONSERVATIVE, {0: 0, 1: 10, 2: 2, 3: 20}),
    ],
)
def test_backfill_by_hand(backfill: Backfill, expected: dict[int, int]) -> None:
    assert starts(QUEUE, make_policy(backfill=backfill)) == expected


def test_easy_delays_the_second_in_line_where_conservative_does_not() -> None:
    """Job 3 ends before the head (job 1) starts at 10, but not before job 2, booked for 6, would."""
    world = World((pool(2, 4),), (job(0, 10, 7), job(0, 6, 1), job(1, 5, 8), job(2, 4, 1), job(3, 12, 1)))
    easy, conservative = (starts(world, make_policy(backfill=b)) for b in (Backfill.EASY, Backfill.CONSERVATIVE))
    assert easy[2] == conservative[2] == 10
    assert easy[3] == conservative[3] == 6


def test_order_by_hand() -> None:
    world = World(FOUR, (job(0, 5, 4), job(1, 9, 4, priority=1), job(1, 3, 4, limit_s=20), job(1, 6, 3, priority=2)))
    first = {
        order: min((t, j) for j, t in starts(world, make_policy(order, Backfill.GREEDY)).items() if j)[1]
        for order in (Order.FIFO, Order.SHORTEST, Order.SHORTEST_ORACLE, Order.LARGEST, Order.PRIORITY)
    }
    assert list(first.values()) == [1, 3, 2, 1, 3]


def test_a_lease_keeps_its_date_against_everybody() -> None:
    world = World(FOUR, (job(0, 9, 1, kind=JobKind.LEASE, earliest_s=10), job(0, 11, 1), job(1, 9, 1)))
    assert starts(world, make_policy(backfill=Backfill.GREEDY)) == {0: 10, 1: 19, 2: 1}


# --- Fair Tree -----------------------------------------------------------------------------------------------------


def test_children_of_the_better_account_all_go_first() -> None:
    tree = [("a", "", 1), ("b", "", 1), ("a1", "a", 1), ("a2", "a", 9), ("b1", "b", 1), ("b2", "b", 1)]
    factors = fair_tree(tree, {"a1": 10, "a2": 1, "b1": 12, "b2": 0})
    assert factors == {"a2": 1.0, "a1": 0.75, "b2": 0.5, "b1": 0.25}


def test_no_usage_is_infinitely_fair_and_no_shares_not_at_all() -> None:
    factors = fair_tree([("idle", "", 1), ("used", "", 100), ("none", "", 0)], {"idle": 0, "used": 1, "none": 0})
    assert factors == {"idle": 1.0, "used": 2 / 3, "none": 1 / 3}


def test_tied_siblings_share_a_rank_and_the_next_rank_counts_them_both() -> None:
    assert fair_tree([(x, "", 1) for x in "abc"], {"a": 1, "b": 1, "c": 5}) == {"a": 1.0, "b": 1.0, "c": 1 / 3}


def test_children_of_tied_accounts_are_ranked_together() -> None:
    """Both accounts stand at the same level, so b1, the fairest child of either, goes before a's children."""
    tree = [("a", "", 1), ("b", "", 1), ("a1", "a", 1), ("a2", "a", 1), ("b1", "b", 3), ("b2", "b", 1)]
    factors = fair_tree(tree, {"a1": 4, "a2": 6, "b1": 5, "b2": 5})
    assert factors == {"b1": 1.0, "a1": 0.75, "a2": 0.5, "b2": 0.25}


def test_a_leaf_tied_with_an_account_has_the_rank_of_the_accounts_best() -> None:
    tree = [("u", "", 1), ("a", "", 1), ("a1", "a", 1), ("a2", "a", 1)]
    assert fair_tree(tree, {"u": 6, "a1": 2, "a2": 4}) == {"u": 1.0, "a1": 1.0, "a2": 1 / 3}


def test_without_any_usage_all_tie() -> None:
    tree = [("a", "", 1), ("b", "", 2), ("a1", "a", 1), ("b1", "b", 1)]
    assert set(fair_tree(tree, {}).values()) == {1.0}
