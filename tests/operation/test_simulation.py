"""A few stories of `simulation` with every change; the thousand are told by `make faults`."""

from __future__ import annotations

import pytest

from tests.databases import needs_sqlite
from tests.operation import simulation

SEEDS = range(8)
pytestmark = needs_sqlite  # the stage is set by copying pages


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_runs_twice(seed: int, database: str) -> None:
    out = simulation.play(seed)
    assert not out.faults, "\n".join([f"seed {seed}", *out.faults, "", *out.told])


def test_the_same_seed_is_the_same_story(database: str) -> None:
    first, second = (simulation.play(7) for _ in range(2))
    assert first.told == second.told
