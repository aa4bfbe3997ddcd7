"""Run times as parts of the limit: fitted by project, kind or all; draws stay within (0, 1] and follow their seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.workload.runtimes import ENOUGH, LEAST, UNKNOWN, draw, fit_fractions

parts = st.floats(-0.5, 3.0)
ended = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), parts), max_size=120)


@given(ended)
def test_the_most_specific_sample_that_is_large_enough_speaks(jobs: list[tuple[str, int, float]]) -> None:
    fitted = fit_fractions([p for p, _, _ in jobs], [k for _, k, _ in jobs], [u for *_, u in jobs])
    held = [min(1.0, max(LEAST, u)) for *_, u in jobs]
    for project in "abc":
        for kind in range(4):
            own = sorted(u for (p, *_), u in zip(jobs, held, strict=True) if p == project)
            same = sorted(u for (_, k, _), u in zip(jobs, held, strict=True) if k == kind)
            best = next((s for s in (own, same, sorted(held)) if len(s) >= ENOUGH), list(UNKNOWN))
            assert fitted.sample(project, kind).tolist() == best


@given(
    st.lists(st.lists(st.floats(LEAST, 1.0), min_size=1, max_size=30), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 1.0)), max_size=40),
    st.integers(0, 2**64 - 1),
)
def test_draws(samples: list[list[float]], jobs: list[tuple[int, float]], seed: int) -> None:
    sorted_ = [np.sort(np.array(s)) for s in samples]
    which = np.array([w % len(samples) for w, _ in jobs], np.int64)
    ran = np.array([r for _, r in jobs])
    drawn = draw(np.random.default_rng(seed), sorted_, which, ran)
    assert ((drawn > 0) & (drawn <= 1)).all()
    assert (drawn == draw(np.random.default_rng(seed), sorted_, which, ran)).all()
    for i, sample in enumerate(sorted_[w] for w in which):
        beyond = sample[sample > ran[i]]
        if len(beyond):
            assert drawn[i] in beyond  # one of the sample, and not over yet
        else:
            assert drawn[i] >= min(1.0, ran[i])


def test_draws_follow_the_sample() -> None:
    """Of jobs that end after a tenth or the whole, those that are past a tenth take the whole."""
    sample = np.array([0.1] * 30 + [1.0] * 10)
    many = np.zeros(20_000, np.int64)
    fresh = draw(np.random.default_rng(1), [sample], many, np.zeros(20_000))
    assert np.mean(fresh == 0.1) == pytest.approx(0.75, abs=0.02)
    late = draw(np.random.default_rng(1), [sample], many, np.full(20_000, 0.2))
    assert (late == 1.0).all()
