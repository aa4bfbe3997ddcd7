"""Run logs made by hand: a fleet of three pools, and a log written as (time, job, event, ...) lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from dure.fleet.model import Accelerator, Delivery, Fleet, Pool, Rate, Site
from dure.lifecycle.runlog import EVENT_DTYPE, PLACEMENT_DTYPE, RunLog
from dure.reports.facts import Run
from dure.vocabulary import JobEvent, Refusal
from dure.workload.columns import Job, Workload

HOUR = 3600
Line = tuple[int, int, JobEvent] | tuple[int, int, JobEvent, Refusal | Sequence[tuple[int, int]]]


def fleet(*, tariff: int | None = 100_000, grid: float | None = 500.0) -> Fleet:
    """Nodes 0-1: 4 x A (100 W, 2 units/h); 2-3: 4 x B (blank, 1 unit/h, half speed), node 3 after ten hours."""
    models = {
        "A": Accelerator("A", "A", "Acme", "US", tdp_w=100),
        "B": Accelerator("B", "B", "Boreal", "KR", tdp_w=100, trains=False),
    }
    sites = (
        Site("here", "Here", "KR", pue=1.5, grid_g_per_kwh=grid, tariff_per_mwh=tariff, currency="KRW"),
        Site("there", "There", "CA", pue=1.0, grid_g_per_kwh=grid, tariff_per_mwh=tariff, currency="KRW"),
    )
    pools = (
        Pool("a", "here", "A", 2, 4, 16_000, 1024, node_power_w=50),
        Pool("b", "there", "B", 2, 4, 16_000, 1024, deliveries=(Delivery(1, 10 * HOUR),)),
    )
    return Fleet("two", sites, pools, models, rates=(Rate("A", 2000, "table"), Rate("B", 1000, "table")))


def log(lines: Iterable[Line], **fields: object) -> RunLog:
    """A START line ends in its placements [(node, device mask), ...]; other lines may end in a reason."""
    events, placements = [], []
    for row, (time_s, job, event, *rest) in enumerate(lines):
        reason, pool = Refusal.NONE, -1
        for extra in rest:
            if isinstance(extra, Refusal):
                reason = extra
            else:
                placements += [(row, node, mask) for node, mask in extra]  # type: ignore[union-attr]
                pool = 0 if extra[0][0] < 2 else 1  # type: ignore[index]
        events.append((time_s, job, event, reason, pool))
    return RunLog(np.array(events, EVENT_DTYPE), np.array(placements, PLACEMENT_DTYPE), **fields)  # type: ignore[arg-type]


def run(jobs: Sequence[Job], lines: Iterable[Line], world: Fleet | None = None, **fields: object) -> Run:
    return Run(log(lines, **fields), world or fleet(), Workload.from_jobs(jobs))


def replay(
    jobs: Sequence[Job], delays: Sequence[int], *, policy: str, seed: int = 0, world: Fleet | None = None
) -> Run:
    """Each job starts its delay after submission on the first accelerators of node 0 (which may be held twice: no
    matter)."""
    rows: list[tuple[int, int, Line]] = []
    for i, (job, delay) in enumerate(zip(jobs, delays, strict=True)):
        start = job.submit_s + delay
        rows += [
            (job.submit_s, 2, (job.submit_s, i, JobEvent.SUBMIT)),
            (start, 3, (start, i, JobEvent.START, Refusal.NO_ROOM, [(0, (1 << job.accelerators) - 1)])),  # type: ignore[list-item]
            (start + job.duration_s, 4, (start + job.duration_s, i, JobEvent.COMPLETE)),
        ]
    rows.sort(key=lambda r: r[:2])
    return run(jobs, [line for *_, line in rows], world, policy=policy, seed=seed)
