"""How near a generated workload comes to the trace that it was fitted to, and how fast it is made.

Two-sample Kolmogorov-Smirnov distances of columns, and of the waits that both have in the twin. Waits are compared
on 768 accelerators in nodes of 8, where more than a quarter of the jobs wait and the waits belong to the trace: moving
each submit time by up to ten minutes changes them by some hundredths ("trace, moved"). On 640 such a move alone changes
the waits under FIFO by more than 0.1, since a few large gangs decide when days of backlog clear; the rows for 640 are
shown with it, without a target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.cases import fleet
from bench.rows import Row, timed
from dure.formats.workloads import open_workload
from dure.simulator.run import run as simulate
from dure.vocabulary import JobEvent
from dure.workload import Workload
from dure.workload.demand import ks_distance
from dure.workload.fit import fit
from dure.workload.generator import generate

SEEDS = range(5)
TARGET = 0.1
MOVED_S = 600
PHILLY = Path("scheduling/philly/philly_jobs.csv")
Sample = Callable[[Workload], NDArray[np.int64]]


def run(data: Path | None) -> Iterator[Row]:
    """Rows for Philly; none where the trace is absent."""
    if data is None or not (data / PHILLY).is_file():
        return
    trace = open_workload(data / PHILLY)
    params = fit(trace)
    seconds, spread = timed(lambda: generate(params, seed=0))
    made = [generate(params, seed=seed) for seed in SEEDS]
    assert all(len(w) == len(trace) for w in made), "a generator of as many jobs as its trace"
    assert made[0].submit_s.tobytes() != made[1].submit_s.tobytes(), "seeds differ"
    yield Row("generate like Philly", len(trace) / seconds, len(trace) / seconds * spread / seconds, "jobs/s")
    yield _distance("ks durations", trace, made, lambda w: w.duration_s)
    yield _distance("ks sizes", trace, made, lambda w: w.accelerators.astype(np.int64))
    yield _distance("ks inter-arrivals", trace, made, lambda w: np.diff(w.submit_s))
    moved = [_moved(trace, seed) for seed in SEEDS]
    for nodes, target in ((96, TARGET), (80, None)):
        for policy in ("fifo", "easy"):
            name = f"ks waits {policy}" + (f", {8 * nodes} accelerators" if target is None else "")
            waits = _waits_under(policy, nodes)
            yield _distance(name, trace, made, waits, target)
            yield _distance(f"{name}: trace, moved", trace, moved, waits, None)


def _distance(name: str, trace: Workload, made: list[Workload], sample: Sample, target: float | None = TARGET) -> Row:
    """Mean and half range over the workloads of the distance to the trace."""
    true = sample(trace)
    found = [ks_distance(sample(w), true) for w in made]
    mean, spread = float(np.mean(found)), float(np.ptp(found)) / 2
    return Row(name, mean, spread, "") if target is None else Row.at_most(name, mean, spread, "", target)


def _waits_under(policy: str, nodes: int) -> Sample:
    def waits(workload: Workload) -> NDArray[np.int64]:
        events = simulate(fleet(nodes), workload, policy).events
        starts = events[events["event"] == JobEvent.START]
        assert len(np.unique(starts["job"])) == len(workload), "every job starts"
        return np.asarray(starts["time_s"] - workload.submit_s[starts["job"]])

    return waits


def _moved(trace: Workload, seed: int) -> Workload:
    rng = np.random.default_rng(seed)
    late = rng.integers(-MOVED_S, MOVED_S, len(trace), endpoint=True)
    columns = {"submit_s": np.maximum(trace.submit_s + late, 0), "duration_s": trace.duration_s}
    return Workload.from_columns({**columns, "accelerators": trace.accelerators.astype(np.int64)})
