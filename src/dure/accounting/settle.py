"""From the run log to the ledger: what every attempt used, and the transfers that book it.

An attempt costs charge x seconds held, in milli-unit-seconds, where charge is ceil(milli-accelerators held x rate / 1000)
milli-units an hour at the rate of the day it started: exactly what the kernel takes from a project's budget. A lease holds
whole nodes.

Rounding. A project's milli-units up to any moment are its milli-unit-seconds until then // 3600; what is booked is the
difference of two such figures. So the rest below a milli-unit is carried on, never lost and never invented, and it does not
matter into which months, pools or calls of `settle` a run is divided. Refunds carry theirs in the same way.

Refunds. When a node fails, the time since the attempt's last save point (or its start) comes back, at most `refund_cap_s`:
four hours, as at Argonne's leadership computing facility, where users are expected to save their work (argonne-lcf user
guides, which also ask for job, machine and reason of each refund).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dure.accounting.months import bounds
from dure.errors import InputError
from dure.fleet import Fleet, rate_milli
from dure.ledger.model import Cause, Phase, Transfer
from dure.ledger.months import month_of
from dure.lifecycle import RunLog
from dure.units import HOUR_S, MILLI
from dure.vocabulary import JobEvent, JobKind
from dure.workload import Workload

if TYPE_CHECKING:
    import polars as pl

Ints = NDArray[np.int64]
Rates = Callable[[str, int], int]
"""Milli-units an hour of one accelerator of a model at a moment (UTC seconds)."""

REFUND_CAP_S = 4 * HOUR_S
_QUARTER_S = HOUR_S // 4


@dataclass(frozen=True, slots=True)
class Terms:
    """How a run is settled. `run` names it in the ids of transfers: the same run settled twice is booked once."""

    run: str
    refund_cap_s: int = REFUND_CAP_S  # most wall seconds refunded of one attempt; 0: no refunds

    def __post_init__(self) -> None:
        if not self.run or ":" in self.run:
            raise InputError("not a name of a run", field="run", value=self.run, accepted="a text without ':'")


@dataclass(frozen=True)
class UsageTable:
    """One row for each attempt, by job and time. Seconds count from `start_utc_s`."""

    projects: tuple[str, ...]
    pools: tuple[str, ...]
    models: tuple[str, ...]  # of each pool
    names: tuple[str, ...]  # of jobs; empty: a job's name is its number
    start_utc_s: int
    log_end_s: int  # how far the log reaches
    complete: bool  # nothing runs on behind it
    project: Ints
    job: Ints
    attempt: Ints  # 0, 1, ... of each job
    pool: Ints
    start_s: Ints
    end_s: Ints  # of the attempt, or of the log where it still ran
    end_row: Ints  # row of the log at which it ended: the order of what ended in one second
    ended_by: Ints  # JobEvent; -1: still running
    held_milli: Ints  # milli-accelerators
    charge: Ints  # milli-units an hour
    lost_s: Ints  # ended by a failed node or engine: wall seconds since its last save point; else 0

    @property
    def accelerator_milli_s(self) -> Ints:
        """Milli-accelerator-seconds of each attempt."""
        return self.held_milli * (self.end_s - self.start_s)

    @property
    def milli_unit_s(self) -> Ints:
        """Milli-unit-seconds of each attempt; 3600 are one milli-unit."""
        return self.charge * (self.end_s - self.start_s)

    def name(self, row: int) -> str:
        """`job.attempt`, the job by its name."""
        job = int(self.job[row])
        return f"{self.names[job] if self.names else job}.{int(self.attempt[row])}"

    def frame(self) -> pl.DataFrame:
        """The table as a Polars frame, with names for indexes."""
        import polars as pl

        ends = {int(e): e.name.lower() for e in JobEvent} | {-1: "running"}
        return pl.DataFrame(
            {
                "project": [self.projects[i] for i in self.project],
                "job": self.job,
                "attempt": self.attempt,
                "pool": [self.pools[i] for i in self.pool],
                "model": [self.models[i] for i in self.pool],
                "start_s": self.start_s,
                "end_s": self.end_s,
                "accelerator_milli_s": self.accelerator_milli_s,
                "milli_unit_s": self.milli_unit_s,
                "ended_by": [ends[int(e)] for e in self.ended_by],
            }
        )


def usage(
    log: RunLog, workload: Workload, fleet: Fleet, rates: Rates | None = None, *, start_utc_s: int | None = None
) -> UsageTable:
    """What every attempt of a log used.

    `workload` is the one that ran. `rates` None takes the fleet's own, as the kernel does. `start_utc_s` is the UTC time
    of second 0; None takes the workload's.
    """
    zero = workload.start_utc_s if start_utc_s is None else start_utc_s
    events = log.events
    job_of, time = events["job"].astype(np.int64), events["time_s"]
    end = max(log.horizon_s, int(time[-1]) if len(time) else 0)
    order = np.argsort(job_of, kind="stable")
    at = np.flatnonzero(events["event"][order] == JobEvent.START)
    row, after = order[at], np.append(order, -1)[at + 1]
    ended = (after >= 0) & (job_of[after] == job_of[row])
    job, pool = job_of[row], events["pool"][row].astype(np.int64)
    start, stop = time[row], np.where(ended, time[after], end)
    ended_by = np.where(ended, events["event"][after], -1).astype(np.int64)
    first = np.append(True, job[1:] != job[:-1])[: len(job)]
    number = np.arange(len(job)) - np.maximum.accumulate(np.where(first, np.arange(len(job)), 0))
    held = _held(workload, fleet, job, pool)
    rate = _rate_of(fleet, rates, pool, start + zero)
    return UsageTable(
        workload.projects, tuple(p.id for p in fleet.pools), tuple(p.model for p in fleet.pools), workload.names,
        zero, end, log.complete, workload.project[job].astype(np.int64), job, number, pool, start, stop,
        np.where(ended, after, len(events)), ended_by, held, -(-held * rate // MILLI),
        np.where(np.isin(ended_by, (JobEvent.NODE_FAIL, JobEvent.ENGINE_FAIL)), _lost(workload, fleet, job, pool, stop - start), 0),
    )  # fmt: skip


def _held(workload: Workload, fleet: Fleet, job: Ints, pool: Ints) -> Ints:
    """Milli-accelerators of attempts; a lease has all of its nodes."""
    each = np.array([max(p.accelerators_per_node, 1) for p in fleet.pools], dtype=np.int64)[pool]
    count = workload.accelerators[job].astype(np.int64)
    lease = workload.kind[job] == JobKind.LEASE
    return np.where(lease, -(-count // each) * each * MILLI, count * workload.share_milli[job])


def _rate_of(fleet: Fleet, rates: Rates | None, pool: Ints, start_utc_s: Ints) -> Ints:
    """Milli-units an hour of one accelerator of each pool, at the moments given.

    Looked up once for each pool and quarter of an hour: midnight falls on one in every time zone.
    """
    if rates is None:
        of_pool = np.array([rate_milli(fleet, p.model).milli_units for p in fleet.pools], dtype=np.int64)
        return of_pool[pool]
    pairs, of = np.unique(np.stack([pool, start_utc_s // _QUARTER_S]), axis=1, return_inverse=True)
    found = [rates(m, int(q) * _QUARTER_S) if (m := fleet.pools[p].model) else 0 for p, q in pairs.T]
    each: Ints = np.array(found, dtype=np.int64)[of.reshape(-1)]
    return each


def _lost(workload: Workload, fleet: Fleet, job: Ints, pool: Ints, wall: Ints) -> Ints:
    """Wall seconds since the last save point of attempts that lasted `wall`; the lifecycle saves whole intervals of work."""
    speeds = [[dict(a).get(p.model, MILLI) for p in fleet.pools] for a in workload.accepts]
    speed = np.maximum(np.array(speeds, dtype=np.int64)[workload.accept[job], pool], 1)
    every = workload.save_every_s[job].astype(np.int64)
    kept = np.where(every > 0, wall * speed // MILLI // np.maximum(every, 1) * every, 0)
    lost: Ints = wall - -(-kept * MILLI // speed)
    return lost


# --- what is booked ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Charge:
    """What a project used of a pool in a month. `milli_units` over a project's pools sum to what is booked."""

    project: str
    month: str
    pool: str
    model: str
    milli_units: int
    accelerator_milli_s: int
    from_utc_s: int
    to_utc_s: int  # first moment after it


@dataclass(frozen=True, slots=True)
class Refund:
    """What comes back of one attempt that a failed node ended."""

    project: str
    month: str
    pool: str
    model: str
    job: int
    attempt: int
    name: str  # `job.attempt`, the job by its name
    milli_units: int
    lost_s: int  # wall seconds since the last save point
    back_s: int  # of these, refunded
    from_utc_s: int  # when the refunded time began
    at_utc_s: int  # last second of the attempt

    @property
    def of_month(self) -> str:
        """The month in which the refunded time began."""
        return month_of(self.from_utc_s)


def settle(usage: UsageTable, terms: Terms, at_utc_s: int) -> list[Transfer]:
    """The transfers of all months that are over at `at_utc_s`, by time: USAGE by project and month, REFUND by attempt.

    The last month of a complete log is over when the run is. A later moment gives the same transfers and more of them, so
    that settling again, or a longer log of the same run, books nothing twice.
    """
    booked = []
    monthly = groupby(charges(usage, at_utc_s), lambda c: (c.project, c.month))
    for (project, month), rows in monthly:
        some = list(rows)
        if amount := sum(c.milli_units for c in some):
            key, last = f"usage:{terms.run}:{project}:{month}", some[0].to_utc_s - 1
            reason = f"used in {month}"
            booked.append(
                Transfer(key, f"project:{project}", f"spent:{project}", amount, Cause.USAGE, last, reason=reason)
            )
    for r in refunds(usage, terms, at_utc_s):
        reason = f"a node of {r.pool} failed: {r.back_s} s back of {r.lost_s} s since the last save point"
        booked.append(
            Transfer(
                f"refund:{terms.run}:{r.job}.{r.attempt}", f"refunded:{r.project}", f"project:{r.project}", r.milli_units,
                Cause.REFUND, r.at_utc_s, reason=reason, about=r.name,
            )
        )  # fmt: skip
    return sorted(booked, key=lambda t: (t.at_utc_s, t.cause, t.id))


def charges(usage: UsageTable, at_utc_s: int) -> list[Charge]:
    """What each project used of each pool in the months that are over at `at_utc_s`; by project, month and pool."""
    size = max(len(usage.pools), 1)
    groups, of = np.unique(usage.project * size + usage.pool, return_inverse=True)
    project, pool = groups // size, groups % size
    before = np.zeros(len(usage.projects), dtype=np.int64)
    found = []
    for month, begin, end in _months(usage, at_utc_s):
        part = np.minimum(usage.end_s, end - usage.start_utc_s) - np.maximum(usage.start_s, begin - usage.start_utc_s)
        part = np.maximum(part, 0)
        spent, held = (_sums(of, column * part, len(groups)) for column in (usage.charge, usage.held_milli))
        milli = _whole(spent, project, before)
        np.add.at(before, project, spent)
        for g in np.flatnonzero(held):
            name, where = usage.projects[project[g]], int(pool[g])
            row = (usage.pools[where], usage.models[where], int(milli[g]), int(held[g]))
            found.append(Charge(name, month, *row, max(begin, usage.start_utc_s), end))
    return sorted(found, key=lambda c: (c.project, c.month))


def refunds(usage: UsageTable, terms: Terms, at_utc_s: int) -> list[Refund]:
    """What comes back of attempts that failed nodes ended, in the months that are over at `at_utc_s`; by project and time."""
    back = np.minimum(usage.lost_s, terms.refund_cap_s)
    rows = np.flatnonzero(back * usage.charge)
    rows = rows[np.lexsort((usage.end_row[rows], usage.project[rows]))]
    project = usage.project[rows]
    milli = _whole((back * usage.charge)[rows], project, np.zeros(len(usage.projects), dtype=np.int64))
    over = {month for month, _, _ in _months(usage, at_utc_s)}
    found = []
    for i, amount in zip(rows, milli, strict=True):
        end = usage.start_utc_s + int(usage.end_s[i])
        if amount and (month := month_of(end - 1)) in over:
            where, seconds = int(usage.pool[i]), int(back[i])
            row = (
                usage.pools[where],
                usage.models[where],
                int(usage.job[i]),
                int(usage.attempt[i]),
                usage.name(int(i)),
            )
            times = (int(usage.lost_s[i]), seconds, end - seconds, end - 1)
            found.append(Refund(usage.projects[usage.project[i]], month, *row, int(amount), *times))
    return found


def spent_between(usage: UsageTable, from_utc_s: int, to_utc_s: int) -> dict[str, int]:
    """Milli-unit-seconds that each project used between two moments, refunds not taken off."""
    begin, end = from_utc_s - usage.start_utc_s, to_utc_s - usage.start_utc_s
    part = np.maximum(np.minimum(usage.end_s, end) - np.maximum(usage.start_s, begin), 0)
    sums = _sums(usage.project, usage.charge * part, len(usage.projects))
    return dict(zip(usage.projects, sums.tolist(), strict=True))


def _months(usage: UsageTable, at_utc_s: int) -> Iterator[tuple[str, int, int]]:
    """(month, first moment, first moment after it or after the run) of months that can be settled."""
    run_end = usage.start_utc_s + usage.log_end_s
    month = month_of(usage.start_utc_s)
    while True:
        begin, end = bounds(month)
        last = usage.complete and begin < run_end <= at_utc_s
        if not (end <= min(at_utc_s, run_end) or last):
            return
        yield month, begin, min(end, run_end)
        month = month_of(end)


def _sums(group: Ints, amount: Ints, count: int) -> Ints:
    """Exact sums by group (`bincount` would go through floats)."""
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, group.reshape(-1), amount)
    return total


def _whole(amount: Ints, project: Ints, before: Ints) -> Ints:
    """Milli-units of milli-unit-seconds in rows sorted by project, each carrying on from the one before it.

    `before` holds each project's milli-unit-seconds ahead of its first row.
    """
    total = np.cumsum(amount)
    first = np.searchsorted(project, project)
    until = total - (total - amount)[first] + before[project]
    return until // HOUR_S - (until - amount) // HOUR_S


# --- live: reserve before, post after ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try at running a job that is about to start, in a live programme."""

    run: str
    project: str
    name: str  # `job.attempt`
    charge: int  # milli-units an hour
    limit_s: int  # longest it may last, wall seconds

    @property
    def id(self) -> str:
        """Id of the reservation."""
        return f"reserve:{self.run}:{self.name}"


def reserve(attempt: Attempt, at_utc_s: int) -> Transfer | None:
    """Reserve what the attempt can cost at most; None where it costs nothing."""
    amount = -(-attempt.charge * attempt.limit_s // HOUR_S)
    debit, credit = f"project:{attempt.project}", f"spent:{attempt.project}"
    return (
        Transfer(attempt.id, debit, credit, amount, Cause.USAGE, at_utc_s, phase=Phase.PENDING, about=attempt.name)
        if amount
        else None
    )


def post(attempt: Attempt, used_s: int, before: int, at_utc_s: int) -> Transfer | None:
    """Book what the attempt used and free the rest; VOID if that is less than a milli-unit, None if nothing was reserved.

    `before` is what the project's earlier posts of the run came to, in milli-unit-seconds: with it the posts of a run sum
    to what `settle` says, to the milli-unit.
    """
    if not attempt.charge * attempt.limit_s:
        return None
    amount = (before + attempt.charge * used_s) // HOUR_S - before // HOUR_S
    return _resolve(attempt, Phase.POST, amount, at_utc_s) if amount else void(attempt, at_utc_s)


def void(attempt: Attempt, at_utc_s: int) -> Transfer:
    """Free the whole reservation: the attempt never started, or used less than a milli-unit."""
    return _resolve(attempt, Phase.VOID, 0, at_utc_s)


def _resolve(attempt: Attempt, phase: Phase, amount: int, at_utc_s: int) -> Transfer:
    key = f"{phase.name.lower()}:{attempt.run}:{attempt.name}"
    return Transfer(key, "", "", amount, Cause.USAGE, at_utc_s, phase=phase, pending=attempt.id, about=attempt.name)
