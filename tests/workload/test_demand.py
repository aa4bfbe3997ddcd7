"""More, longer, denser: and the distance between two samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError
from dure.units import DAY_S, HOUR_S
from dure.workload.columns import Job, Workload
from dure.workload.demand import ks_distance, repeat, scale_demand, superimpose
from tests.workload.test_generator import PARAMS, generate, same

TRACE = generate(PARAMS, seed=0, jobs=400)
NAMED = Workload.from_jobs([Job(10, 5, name="x", earliest_s=100), Job(20, 6, name="y")])


@settings(max_examples=40, deadline=None)
@given(factor=st.floats(0.01, 5), seed=st.integers(0, 1000))
def test_demand_scales(factor: float, seed: int) -> None:
    more = scale_demand(TRACE, factor, np.random.default_rng(seed))
    assert len(more) == pytest.approx(400 * factor, abs=1)
    assert np.all(np.diff(more.submit_s) >= 0)
    assert more.submit_s.min(initial=0) >= 0
    assert set(more.duration_s.tolist()) <= set(TRACE.duration_s.tolist())
    assert same(more, scale_demand(TRACE, factor, np.random.default_rng(seed)))


def test_a_factor_of_one_changes_nothing() -> None:
    assert same(scale_demand(TRACE, 1.0, np.random.default_rng(0)), TRACE)


def test_copies_come_near_their_original_and_keep_their_lead() -> None:
    more = scale_demand(NAMED, 2.0, np.random.default_rng(3))
    assert sorted(more.names) == ["x", "x+1", "y", "y+1"]
    copy = more.names.index("x+1")
    assert abs(int(more.submit_s[copy]) - 10) <= 2 * HOUR_S
    assert more.earliest_s[copy] - more.submit_s[copy] == 90
    assert more.earliest_s[more.names.index("y+1")] == 0


def test_repeated_end_to_end_on_whole_days() -> None:
    twice = repeat(TRACE, 2)
    period = -(-(int(TRACE.submit_s[-1]) + 1) // DAY_S) * DAY_S
    assert twice.submit_s.tolist() == [*TRACE.submit_s.tolist(), *(TRACE.submit_s + period).tolist()]
    assert twice.duration_s.tolist() == TRACE.duration_s.tolist() * 2


def test_superimposed_at_the_same_seconds_or_near_them() -> None:
    three = superimpose(NAMED, 3)
    assert three.submit_s.tolist() == [10, 10, 10, 20, 20, 20]
    assert three.names == ("x", "x+1", "x+2", "y", "y+1", "y+2")
    near = superimpose(TRACE, 12, np.random.default_rng(0))
    assert len(near) == 4800
    assert ks_distance(near.submit_s, TRACE.submit_s) < 0.05
    assert not np.array_equal(near.submit_s, superimpose(TRACE, 12).submit_s)


@pytest.mark.parametrize("empty", [repeat, superimpose])
def test_nothing_stays_nothing(empty: object) -> None:
    nothing = Workload.from_jobs([])
    assert len(empty(nothing, 5)) == 0  # type: ignore[operator]
    assert len(scale_demand(nothing, 2.5, np.random.default_rng(0))) == 0


def test_wrong_factors() -> None:
    for factor in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="factor"):
            scale_demand(TRACE, factor, np.random.default_rng(0))
    with pytest.raises(InputError, match="times"):
        repeat(TRACE, 0)
    with pytest.raises(InputError, match="times"):
        superimpose(TRACE, 0)


@settings(max_examples=60, deadline=None)
@given(
    a=st.lists(st.integers(-20, 20), min_size=1, max_size=40), b=st.lists(st.integers(-20, 20), min_size=1, max_size=40)
)
def test_ks_distance_by_definition(a: list[int], b: list[int]) -> None:
    gaps = [abs(sum(x <= at for x in a) / len(a) - sum(x <= at for x in b) / len(b)) for at in a + b]
    assert ks_distance(a, b) == pytest.approx(max(gaps))


def test_ks_distance_of_empty_samples() -> None:
    assert ks_distance([], []) == 0
    assert ks_distance([], [1]) == 1
