"""The benchmarks still run, and find what they look for: one of each kind that takes seconds. Their times are not tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench import cases, fgd, kernels
from bench.cases import Case
from dure.scheduler.policies import Placement
from dure.simulator.run import run


def test_a_plain_queue_and_the_replay_start_every_job_at_the_same_second() -> None:
    _, jobs = cases.base(None)
    few = Case("few", cases.fleet(8), jobs.head(2_000))
    assert np.array_equal(kernels.starts(few, run(few.fleet, few.jobs, "fifo")), kernels.plain_fifo(few))


def test_one_fill_of_the_published_workload(data: Path) -> None:
    trace = next(t for t in fgd.read(data / "scheduling" / "openb") if t.name == "default")
    random, best = (fgd.fill(trace, placement, 42)[0][100] for placement in (Placement.RANDOM, Placement.PRICE))
    assert 85 < random < 88
    assert 95.2 < best < 97.5
