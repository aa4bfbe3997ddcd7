"""Production is the twin with another clock: the live loop writes the twin's log, row for row, and its placements."""

from __future__ import annotations

import pytest

from dure.simulator.scenario import NodeFailure
from tests.databases import needs_sqlite
from tests.operation import live_twin

JOBS, SPAN_S = 120, 6_000


@needs_sqlite  # a page copy sets the stage
@pytest.mark.parametrize("policy", ["easy", "greedy", "fifo", "multifactor"])
def test_the_live_loop_writes_the_log_of_the_twin(policy: str, database: str) -> None:
    fleet = live_twin.set_stage(live_twin.POOLS.format(nodes=2))
    asked = live_twin.asked_by_chance(1, JOBS, SPAN_S)
    twin = live_twin.twin(fleet, asked, policy)
    assert sum(row[3] != 0 for row in twin.rows) > JOBS / 10, "jobs wait"
    assert live_twin.differences(live_twin.live(fleet, asked, policy), twin) == []


@needs_sqlite
@pytest.mark.parametrize("policy", ["easy", "greedy"])
def test_and_so_it_is_when_nodes_fail(policy: str, database: str) -> None:
    fleet = live_twin.set_stage(live_twin.POOLS.format(nodes=2))
    asked = live_twin.asked_by_chance(2, JOBS // 2, SPAN_S // 2)
    failures = [NodeFailure(0, 700, 1_500), NodeFailure(2, 1_001, 2_222), NodeFailure(3, 1_203, 1_900)]
    twin = live_twin.twin(fleet, asked, policy, failures)
    assert live_twin.differences(live_twin.live(fleet, asked, policy, failures), twin) == []
