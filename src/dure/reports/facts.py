"""What a run log says, as tidy frames: one row per attempt, per wait and per job. Everything else is computed from
these.

A *span* is the time between two events of one job: an attempt if the first is START, else a wait. Sorting the log by
job once gives every span; no loop over jobs anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dure.fleet.blanks import busy_milliwatts, rate_milli
from dure.fleet.model import Fleet, Pool
from dure.lifecycle.runlog import RunLog
from dure.lifecycle.table import TABLE
from dure.reports.projects import project_frame
from dure.units import MILLI
from dure.vocabulary import FINAL_STATES, JobEvent, JobKind, JobState, Refusal
from dure.workload.columns import Workload

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

EVENT_NAMES = tuple(e.name.lower() for e in JobEvent)
REASON_NAMES = tuple(r.name.lower() for r in Refusal)
STATE_NAMES = tuple(s.name.lower() for s in JobState)
KIND_NAMES = tuple(k.name.lower() for k in JobKind)
SIZES: tuple[tuple[int, str], ...] = (
    (0, "0"),
    (MILLI - 1, "<1"),
    (MILLI, "1"),
    (4 * MILLI, "2-4"),
    (8 * MILLI, "5-8"),
    (16 * MILLI, "9-16"),
    (64 * MILLI, "17-64"),
    (256 * MILLI, "65-256"),
    (2**62, ">256"),
)  # (upper bound in milli-accelerators, label)
SIZE_NAMES = tuple(label for _, label in SIZES)
INTERRUPTED = (JobEvent.PREEMPT, JobEvent.NODE_FAIL)


@dataclass(frozen=True)
class Run:
    """A run log beside the fleet and workload that it happened on (with the scenario's changes made).

    Frames are derived on first use and kept. Times are seconds from the start of the run.
    """

    log: RunLog
    fleet: Fleet
    workload: Workload
    measured: dict[str, float | None] = field(
        default_factory=dict, repr=False, compare=False
    )  # metrics, once asked for

    @property
    def policy(self) -> str:
        """Name of the policy."""
        return self.log.policy

    @cached_property
    def end_s(self) -> int:
        """The last moment of the run: its horizon, or its last event."""
        events = self.log.events
        return max(self.log.horizon_s, int(events["time_s"][-1]) if len(events) else 0)

    @cached_property
    def _spans(self) -> _Spans:
        return _spans(self.log, self.end_s)

    @cached_property
    def attempts(self) -> pl.DataFrame:
        """One row per START, by job and attempt.

        job, attempt (from 0), start_s, end_s, pool, nodes, accelerators_milli, ended_by (event name, or "running"
        where the log stops), work_s and kept_s (work done, and what of it was not lost; s at speed 1), lost_s (wall
        time of the lost work), charge (milli-unit-seconds), energy_j (above idle, before PUE).
        """
        return _attempts(self, self._spans)

    @cached_property
    def waits(self) -> pl.DataFrame:
        """One row per stretch of waiting that was longer than nothing: job, from_s, to_s, ended_by, reason.

        A wait begins at submission (or the earliest start, if later), preemption or failure. `reason` is the last
        refusal before the start, or at the end of the run.
        """
        return _waits(self, self._spans)

    @cached_property
    def placed(self) -> pl.DataFrame:
        """One row per node of an attempt: job, start_s, end_s, pool, node, devices (bit mask)."""
        starts = np.flatnonzero(self._spans.event == JobEvent.START)  # the attempts, in their order
        attempt = np.full(len(self.log.events), -1)
        attempt[self._spans.row[starts]] = np.arange(len(starts))
        placements = self.log.placements
        lines: pl.DataFrame = self.attempts.select("job", "start_s", "end_s", "pool")[attempt[placements["row"]]]
        return lines.with_columns(
            pl.Series("node", placements["node"].astype(np.int64)),
            pl.Series("devices", np.ascontiguousarray(placements["devices"])),
        )

    @cached_property
    def jobs(self) -> pl.DataFrame:
        """One row per submitted job.

        job, project, kind, size (label of SIZES), accelerators_milli, eligible_s (later of submission and earliest
        start), start_s (first, null if never), end_s, wait_s, run_s (held wall time over all attempts), work_s,
        turnaround_s, slowdown, attempts, state, reason, accelerator_s (held accelerator-seconds).
        """
        return _jobs(self, self._spans)

    @cached_property
    def projects(self) -> pl.DataFrame:
        """One row per project with jobs: see `project_frame`."""
        capacity = sum(capacity_s(pool, self.end_s) for pool in self.fleet.pools)
        return project_frame(self.jobs, self.attempts, capacity / max(self.end_s, 1), self.end_s)


@dataclass(frozen=True)
class _Spans:
    """The log sorted by job: span i begins with event i and ends with the next event of the same job."""

    row: Ints  # row of the log
    job: Ints
    event: Ints
    reason: Ints
    pool: Ints
    begin: Ints
    end: Ints  # end of the run where no event follows
    ended_by: Ints  # -1 where no event follows
    end_reason: Ints


def _spans(log: RunLog, end_s: int) -> _Spans:
    row = np.argsort(log.events["job"], kind="stable")
    sorted_ = log.events[row]
    job, event, reason, begin = (sorted_[n].astype(np.int64) for n in ("job", "event", "reason", "time_s"))
    last = np.append(job[1:] != job[:-1], True)[: len(job)]

    def following(column: Ints, otherwise: int) -> Ints:
        return np.where(last, otherwise, np.roll(column, -1))

    return _Spans(
        row=row,
        job=job,
        event=event,
        reason=reason,
        pool=sorted_["pool"].astype(np.int64),
        begin=begin,
        end=following(begin, end_s),
        ended_by=following(event, -1),
        end_reason=following(reason, 0),
    )


def _attempts(run: Run, spans: _Spans) -> pl.DataFrame:
    work = run.workload
    starts = np.flatnonzero(spans.event == JobEvent.START)
    job, pool, ended_by = spans.job[starts], spans.pool[starts], spans.ended_by[starts]
    wall = spans.end[starts] - spans.begin[starts]
    nodes, devices = _placed(run.log, spans.row[starts])
    milli = devices * work.share_milli[job]
    attempt = ordinal(job)
    speed = _speeds(run)[work.accept[job], pool]
    total = np.minimum(work.duration_s[job], work.limit_s[job])
    done, kept = _work(job, attempt, ended_by, wall * speed // MILLI, total, work.save_every_s[job].astype(np.int64))
    rates = _per_pool(run.fleet, lambda p: rate_milli(run.fleet, p.model).milli_units)
    watts = _per_pool(run.fleet, lambda p: busy_milliwatts(run.fleet.models[p.model]))
    return pl.DataFrame(
        {
            "job": job,
            "attempt": attempt,
            "start_s": spans.begin[starts],
            "end_s": spans.end[starts],
            "pool": pool,
            "nodes": nodes,
            "accelerators_milli": milli,
            "ended_by": named(ended_by, (*EVENT_NAMES, "running")),
            "work_s": done,
            "kept_s": kept,
            "lost_s": wall - np.where(np.isin(ended_by, INTERRUPTED), -(-kept * MILLI // speed), wall),
            "charge": -(-rates[pool] * milli // MILLI) * wall,
            "energy_j": watts[pool] * (milli / MILLI) * wall / MILLI,
        }
    )


def _placed(log: RunLog, rows: Ints) -> tuple[Ints, Ints]:
    """Nodes and devices of the STARTs at `rows` of the log."""
    placed, size = log.placements["row"], len(log.events)
    nodes = np.bincount(placed, minlength=size)
    devices = np.bincount(placed, weights=np.bitwise_count(log.placements["devices"]), minlength=size)
    return nodes[rows].astype(np.int64), devices[rows].astype(np.int64)


def _work(job: Ints, attempt: Ints, ended_by: Ints, done: Ints, total: Ints, every: Ints) -> tuple[Ints, Ints]:
    """Work done in each attempt and what of it was kept: of an interrupted one, whole save intervals only."""
    interrupted = np.isin(ended_by, INTERRUPTED)
    kept = np.where(every > 0, done // np.maximum(every, 1) * every, 0)
    kept = np.where(interrupted, kept, 0)
    before = np.cumsum(kept) - kept  # kept by all earlier attempts; less what earlier jobs kept
    left = total - (before - before[first_of_group(attempt)])
    ended = np.isin(ended_by, (JobEvent.COMPLETE, JobEvent.TIME_OUT))
    done = np.where(ended, left, np.minimum(done, left))
    return done, np.where(interrupted, np.minimum(kept, done), done)


def _speeds(run: Run) -> Ints:
    """int64[accept list, pool]: relative speed in thousandths; 1000 where the list is empty or does not name the
    model."""
    speeds = np.full((len(run.workload.accepts), len(run.fleet.pools)), MILLI, dtype=np.int64)
    for i, accept in enumerate(run.workload.accepts):
        named_speeds = dict(accept)
        speeds[i] = [named_speeds.get(p.model, MILLI) for p in run.fleet.pools]
    return speeds


def _per_pool(fleet: Fleet, value: Callable[[Pool], int]) -> Ints:
    return np.array([value(p) if p.model else 0 for p in fleet.pools], dtype=np.int64)


def _waits(run: Run, spans: _Spans) -> pl.DataFrame:
    waiting = np.isin(spans.event, (JobEvent.SUBMIT, *INTERRUPTED))
    begin = np.maximum(spans.begin, run.workload.earliest_s[spans.job])
    at = np.flatnonzero(waiting & (spans.end > begin) & (spans.ended_by != JobEvent.REFUSE))
    return pl.DataFrame(
        {
            "job": spans.job[at],
            "from_s": begin[at],
            "to_s": spans.end[at],
            "ended_by": named(spans.ended_by[at], (*EVENT_NAMES, "running")),
            "reason": named(spans.end_reason[at], REASON_NAMES),
        }
    )


SLOWDOWN_FLOOR_S = 10  # a job of a second that waits a minute is not "60 times slower" to anyone


def _jobs(run: Run, spans: _Spans) -> pl.DataFrame:
    work, tried = run.workload, run.attempts
    last = np.flatnonzero(np.append(spans.job[1:] != spans.job[:-1], True)[: len(spans.job)])
    first = last - np.diff(last, prepend=-1) + 1
    job = spans.job[last]
    state = TABLE.max(axis=0)[spans.event[last]]  # what an event leads to does not depend on the state before it
    milli = work.accelerators[job].astype(np.int64) * work.share_milli[job]
    work_s = np.minimum(work.duration_s[job], work.limit_s[job])
    eligible = np.maximum(spans.begin[first], work.earliest_s[job])
    end = np.where(np.isin(state, list(FINAL_STATES)), spans.begin[last], run.end_s)
    held = (tried["end_s"] - tried["start_s"]).to_numpy()

    def total(weight: NDArray[np.generic] | None) -> Floats:
        return np.bincount(tried["job"].to_numpy(), weight, minlength=len(work))[job].astype(np.float64)

    attempts = total(None)
    start = np.full(len(work), -1)
    start[tried["job"].to_numpy()[::-1]] = tried["start_s"].to_numpy()[::-1]  # the first attempt is written last
    begun = np.where(attempts > 0, start[job], end)
    ended = np.isin(state, (JobState.COMPLETED, JobState.TIMED_OUT))
    counted = ~np.isin(state, (JobState.REFUSED, JobState.CANCELLED))
    slowdown = np.maximum((end - eligible) / np.maximum(work_s, SLOWDOWN_FLOOR_S), 1.0)
    return pl.DataFrame(
        {
            "job": job,
            "project": work.project[job].astype(np.int64),
            "kind": named(work.kind[job], KIND_NAMES),
            "size": named(np.searchsorted([bound for bound, _ in SIZES], milli), SIZE_NAMES),
            "accelerators_milli": milli,
            "eligible_s": eligible,
            "start_s": _blank(begun, attempts > 0),
            "end_s": end,
            "wait_s": _blank(np.maximum(begun - eligible, 0), state != JobState.REFUSED),
            "run_s": total(held).astype(np.int64),
            "work_s": work_s,
            "turnaround_s": _blank(end - eligible, ended),
            "slowdown": _blank(slowdown, counted),
            "attempts": attempts.astype(np.int64),
            "state": named(state, STATE_NAMES),
            "reason": named(spans.reason[last], REASON_NAMES),
            "accelerator_s": total(held * tried["accelerators_milli"].to_numpy() / MILLI),
        }
    )


def _blank(values: NDArray[np.generic], where: NDArray[np.bool_]) -> pl.Series:
    """`values` where the mask holds, null elsewhere."""
    return pl.select(pl.when(pl.Series(where)).then(pl.Series(values))).to_series()


def named(codes: NDArray[np.integer], names: Iterable[str]) -> pl.Series:
    """Small codes as a categorical column, in the order of `names`; -1 is the last of them."""
    listed = list(names)
    return pl.Series(listed, dtype=pl.Enum(listed)).gather(np.where(codes < 0, len(listed) - 1, codes).astype(np.int64))


def ordinal(group: Ints) -> Ints:
    """Position of each row within its run of equal values: 0, 1, 2, ..."""
    at = np.arange(len(group))
    new = np.append(True, group[1:] != group[:-1])[: len(group)]
    return at - np.maximum.accumulate(np.where(new, at, 0))


def first_of_group(position: Ints) -> Ints:
    """Row of the first member of each row's group, given positions within groups."""
    return np.arange(len(position)) - position


def time_integral(begin: Ints, end: Ints, weight: NDArray[np.generic], edges: Floats) -> Floats:
    """Integral over time of the total weight of the spans [begin, end), up to each edge. Weight x seconds."""
    return _ramp(begin, weight, edges) - _ramp(end, weight, edges)


def _ramp(since: Ints, weight: NDArray[np.generic], edges: Floats) -> Floats:
    order = np.argsort(since, kind="stable")
    w = weight[order].astype(np.float64)
    total, moment = (np.append(0.0, np.cumsum(column)) for column in (w, w * since[order]))
    at = np.searchsorted(since[order], edges)
    ramp: Floats = total[at] * edges - moment[at]
    return ramp


def time_average(begin: Ints, end: Ints, weight: NDArray[np.generic], edges: Floats) -> Floats:
    """Mean total weight of the spans within each of the `len(edges) - 1` bins."""
    return np.diff(time_integral(begin, end, weight, edges)) / np.diff(edges)


def capacity_spans(pool: Pool, end_s: int) -> list[tuple[int, int, int]]:
    """(from, to, nodes) over which a pool's nodes are delivered. Maintenance and failures do not take capacity away
    here."""
    later = [(min(d.at_s, end_s), end_s, d.nodes) for d in pool.deliveries]
    return [(0, end_s, pool.nodes - sum(n for _, _, n in later)), *later]


def capacity_s(pool: Pool, end_s: int) -> int:
    """Accelerator-seconds of a pool up to `end_s`, each node from its delivery on."""
    return pool.accelerators_per_node * sum((end - begin) * nodes for begin, end, nodes in capacity_spans(pool, end_s))
