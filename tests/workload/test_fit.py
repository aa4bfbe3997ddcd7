"""The fit: what is generated from a fitted trace is like the trace, whatever the trace is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.formats.generators import open_generator
from dure.formats.workloads import open_workload
from dure.vocabulary import JobKind
from dure.workload.columns import Job, Workload
from dure.workload.demand import ks_distance
from dure.workload.fit import BLOCKS, DURATION_BANDS, GROUPS, SIZE_BANDS, fit
from dure.workload.generator import generate
from tests.workload.test_generator import PARAMS, same

JOBS = st.builds(
    Job,
    submit_s=st.integers(0, 10**6),
    duration_s=st.integers(0, 10**6),
    accelerators=st.sampled_from([0, 1, 2, 8, 100]),
    limit_s=st.integers(0, 10**6),
    share_milli=st.sampled_from([1000, 500]),
    cores_milli=st.sampled_from([0, 4000]),
    kind=st.sampled_from(list(JobKind)),
    priority=st.integers(-2, 2),
    project=st.sampled_from(["a", "b", "c"]),
    accept=st.sampled_from([(), (("H200", 1000),), (("H200", 1000), ("RNGD", 400))]),
    earliest_s=st.sampled_from([0, 10**6]),
)


@settings(max_examples=60, deadline=None)
@given(jobs=st.lists(JOBS, max_size=40), seed=st.integers(0, 1000))
def test_any_trace_can_be_fitted(jobs: list[Job], seed: int) -> None:
    trace = Workload.from_jobs(jobs)
    params = fit(trace)
    made = generate(params, seed=seed)
    assert len(made) == len(trace)
    assert same(made, generate(params, seed=seed))
    assert set(made.accelerators.tolist()) <= set(trace.accelerators.tolist())
    if len(trace):
        assert trace.duration_s.min() * 0.999 - 1 <= made.duration_s.min()
        assert made.duration_s.max() <= trace.duration_s.max() * 1.001 + 1
        assert made.submit_s[-1] <= trace.submit_s[-1]


def test_one_job_comes_back_as_it_was() -> None:
    job = Job(500, 1234, 8, 2000, cores_milli=64_000, kind=JobKind.TRAINING, accept=(("H200", 1000),), save_every_s=60)
    made = generate(fit(Workload.from_jobs([job])), seed=4)
    assert (len(made), made.duration_s[0], made.accelerators[0]) == (1, 1234, 8)
    assert made.limit_s[0] == pytest.approx(2000, rel=1e-3)
    assert (made.cores_milli[0], made.save_every_s[0], made.kind[0]) == (64_000, 60, JobKind.TRAINING)
    assert made.accepts[made.accept[0]] == (("H200", 1000),)


def test_equal_durations_stay_equal() -> None:
    made = generate(fit(Workload.from_jobs([Job(i * 10, 77) for i in range(100)])), seed=1)
    assert set(made.duration_s.tolist()) == {77}
    assert set(made.limit_s.tolist()) == {77}


def test_a_generated_workload_is_fitted_again() -> None:
    trace = generate(PARAMS, seed=1, jobs=5000)
    made = generate(fit(trace), seed=2)
    for name in ("duration_s", "limit_s", "accelerators", "share_milli", "kind", "cores_milli", "submit_s", "priority"):
        assert ks_distance(getattr(made, name), getattr(trace, name)) < 0.05, name
    assert ks_distance(np.diff(made.submit_s), np.diff(trace.submit_s)) < 0.1
    assert (made.duration_s * made.accelerators).sum() == pytest.approx(
        (trace.duration_s * trace.accelerators).sum(), rel=0.05
    )


def test_the_summary_is_bounded() -> None:
    rng = np.random.default_rng(0)
    count = 50_000
    columns = {
        "submit_s": np.sort(rng.integers(0, 10**7, count)),
        "duration_s": rng.integers(1, 10**6, count),
        "accelerators": rng.integers(1, 5000, count),
        "kind": rng.integers(0, 5, count),
        "priority": rng.integers(0, 50, count),
        "project": np.arange(count) % 3000,
    }
    params = fit(Workload.from_columns(columns, projects=tuple(map(str, range(3000)))))
    assert len(params.arrivals.counts) <= BLOCKS
    assert len(params.classes) <= GROUPS * SIZE_BANDS * DURATION_BANDS * 2
    assert len(params.projects) == 24


def test_philly(data: Path, root: Path) -> None:
    """Durations, sizes and inter-arrivals within 0.1 (the bench also shows waits), and the shipped file is this fit."""
    trace = open_workload(data / "scheduling/philly/philly_jobs.csv")
    params = fit(trace, name="philly-like")
    made = generate(params, seed=11)
    assert ks_distance(made.duration_s, trace.duration_s) < 0.02
    assert ks_distance(made.accelerators, trace.accelerators) < 0.01
    assert ks_distance(np.diff(made.submit_s), np.diff(trace.submit_s)) < 0.05
    shipped = open_generator(root / "examples/workloads/philly-like.toml")
    assert shipped.arrivals == params.arrivals
    assert shipped.classes == params.classes
