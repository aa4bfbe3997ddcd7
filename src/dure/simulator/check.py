"""Invariants of a run, read off its log alone: nothing here knows how the kernel decides.

    lifecycle      every job's events are legal, in time order, and end in exactly one final state
    placement      a gang is whole: the right parts on distinct nodes of one eligible pool
    refusal        a job is refused at once if, and only if, it can never run
    capacity       no device, share, core or memory is over-used at any moment
    limits         projects' accelerators and budgets, sites' power caps
    ends           attempts last as long as duration, limit, saved work and speed say
    nodes          nothing runs on a node that is down, or was started into planned maintenance
    dates          nothing starts before its earliest start; a lease that had room starts on its date
    preemption     only lower classes are stopped, never leases, and a job starts in their place
    conserving     under greedy backfill no job that fits and may start is left waiting after a pass

All but the last look at every event; `conserving` looks at up to `MOMENTS` moments, evenly spread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dure.errors import InvariantBroken
from dure.fleet.model import Fleet
from dure.lifecycle import ILLEGAL, TABLE, RunLog
from dure.scheduler.policies import Backfill, Policy
from dure.simulator.evidence import (
    Evidence,
    Flags,
    Intervals,
    Ints,
    never,
    planned_down,
    power_of_sites,
    project_bounds,
)
from dure.simulator.moments import late_leases, waiting_though_it_fits
from dure.simulator.scenario import Scenario
from dure.units import FAR_S, MILLI
from dure.vocabulary import FINAL_STATES, JobEvent, JobState, Refusal
from dure.workload import Workload

MOMENTS = 200  # most moments at which `conserving` looks, and most leases whose dates are looked at
SHOWN = 10  # breaks shown of one invariant


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken invariant: its name, the job (-1: none), the time and what is wrong."""

    invariant: str
    job: int
    time_s: int
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: job {self.job} at {self.time_s} s: {self.detail}"


def check(fleet: Fleet, workload: Workload, policy: Policy, scenario: Scenario, log: RunLog) -> list[Broken]:
    """The broken invariants of a run, at most `SHOWN` of each kind; empty when all is well.

    `workload` is the one that ran (after a change of demand); `scenario.failures` are all failures of the run, those
    that a fault model drew included. Where `scenario.faults` is set the failures are taken as not known: what depends
    on them (`nodes` for failures, leases' dates, `conserving`) is then not judged.
    """
    broken = list(_lifecycle(workload, scenario, log))
    if broken:
        return broken  # attempts cannot be told apart in a log that is not even legal
    run = Evidence.of(fleet, workload, scenario, log)
    broken += _placement(run)
    if broken:
        return broken
    for invariant in (_refusal, _capacity, _limits, _budgets, _power, _ends, _nodes, _dates):
        broken += invariant(run)
    broken += _preemption(run, policy)
    if policy.backfill != Backfill.CONSERVATIVE:  # there other jobs' bookings may go before a lease's
        late = late_leases(run, MOMENTS)
        broken += [Broken("dates", job, time, "a lease did not start on its date") for job, time in late[:SHOWN]]
    if policy.backfill == Backfill.GREEDY and scenario.faults is None:
        found = waiting_though_it_fits(run, MOMENTS)
        broken += [
            Broken("conserving", job, time, f"fits pool {pool} and may start") for job, time, pool in found[:SHOWN]
        ]
    return broken


def require(fleet: Fleet, workload: Workload, policy: Policy, scenario: Scenario, log: RunLog) -> None:
    """Raise InvariantBroken with all that `check` finds; nothing if the run is sound."""
    broken = check(fleet, workload, policy, scenario, log)
    if broken:
        raise InvariantBroken(f"policy {log.policy}, seed {log.seed}: " + "\n".join(map(str, broken)))


def _found(name: str, bad: Flags, job: Ints, time: Ints, detail: Callable[[int], str]) -> Iterator[Broken]:
    """A Broken for the first `SHOWN` places where `bad` is set."""
    for i in np.flatnonzero(bad)[:SHOWN]:
        yield Broken(name, int(job[i]), int(time[i]), detail(int(i)))


def _lifecycle(workload: Workload, scenario: Scenario, log: RunLog) -> Iterator[Broken]:
    job, event, time = (log.events[n].astype(np.int64) for n in ("job", "event", "time_s"))
    horizon = FAR_S if scenario.horizon_s is None else scenario.horizon_s
    known = (job >= 0) & (job < len(workload)) & (event >= 0) & (event < len(JobEvent))
    yield from _found("lifecycle", ~known, job, time, lambda i: f"row {i} names no job or event that exists")
    if not known.all():
        return
    yield from _found("lifecycle", np.r_[False, np.diff(time) < 0], job, time, lambda i: f"row {i} goes back in time")
    yield from _found("lifecycle", time > horizon, job, time, lambda i: f"row {i} lies beyond the horizon")
    early = (event == JobEvent.SUBMIT) & (time != workload.submit_s[job])
    yield from _found(
        "lifecycle", early, job, time, lambda i: f"submitted at another time than {workload.submit_s[job[i]]} s"
    )
    order = np.argsort(job, kind="stable")
    first = np.r_[True, np.diff(job[order]) != 0][: len(order)]
    after = TABLE.max(axis=0)[event[order]]  # an event leads to one state, wherever it may come from
    before = np.where(first, int(JobState.NEW), np.r_[0, after[:-1]][: len(order)])
    illegal = np.zeros(len(job), dtype=np.bool_)
    illegal[order] = TABLE[before, event[order]] == ILLEGAL
    yield from _found("lifecycle", illegal, job, time, lambda i: f"{JobEvent(event[i]).name} is not legal here")
    if log.complete:
        last = np.full(len(workload), -1, dtype=np.int64)
        last[job[order]] = after  # the last assignment of a job stands
        expected = workload.submit_s <= horizon
        unfinished = expected & ~np.isin(last, [int(s) for s in FINAL_STATES])
        rows = np.arange(len(workload))
        yield from _found(
            "lifecycle", unfinished, rows, workload.submit_s, lambda i: f"ends in state {last[i]}, not a final one"
        )


def _placement(run: Evidence) -> Iterator[Broken]:
    pools, asked, node_pool = run.fleet.pools, run.asked, run.fleet.node_pool()
    sound = (run.at >= 0) & (run.node >= 0) & (run.node < len(node_pool)) & (run.mask >= 0)
    rows = np.arange(len(run.at))
    yield from _found(
        "placement", ~sound, np.full(len(rows), -1), rows, lambda i: f"placement {i}: no such START, node or device"
    )
    there = (run.pool >= 0) & (run.pool < len(pools))
    yield from _found("placement", ~there, run.job, run.start_s, lambda i: f"no pool {run.pool[i]}")
    if not (sound.all() and there.all()):
        return
    k = np.array([p.accelerators_per_node for p in pools], dtype=np.int64)[run.pool]
    row, at, count = run.row, run.at, len(run.job)
    whole, rest = asked.whole[row, run.pool], asked.rest[row, run.pool]
    full = (run.devices == k[at]) & (whole[at] > 0)
    fine = asked.holds[row, run.pool]
    yield from _found(
        "placement", ~fine, run.job, run.start_s, lambda i: f"may not run in pool {pools[run.pool[i]].id}"
    )
    outside = np.bincount(at, (node_pool[run.node] != run.pool[at]) | (run.mask >> k[at] > 0), minlength=count) > 0
    yield from _found("placement", outside, run.job, run.start_s, lambda i: "a node or device outside its pool")
    pairs, times = np.unique(at * len(node_pool) + run.node, return_counts=True)
    twice = np.isin(np.arange(count), pairs[times > 1] // max(len(node_pool), 1))
    yield from _found("placement", twice, run.job, run.start_s, lambda i: "the same node twice")
    parts_ok = np.bincount(at, minlength=count) == whole + (rest >= 0)
    parts_ok &= np.bincount(at, full, minlength=count) == whole
    parts_ok &= np.bincount(at, run.devices, minlength=count) == whole * k + np.maximum(rest, 0)
    yield from _found(
        "placement", ~parts_ok, run.job, run.start_s, lambda i: "the gang is not whole, or not in its shape"
    )


def _refusal(run: Evidence) -> Iterator[Broken]:
    events, expected = run.log.events, never(run.workload, run.scenario, run.asked)
    job, refused = events["job"].astype(np.int64), events["event"] == JobEvent.REFUSE
    wrong = refused & (events["reason"] != expected[job])
    yield from _found(
        "refusal", wrong, job, events["time_s"], lambda i: f"refused for {Refusal(events['reason'][i]).name}"
    )
    queued = np.setdiff1d(job[events["event"] == JobEvent.SUBMIT], job[refused])
    kept = expected[queued] > 0
    submit = run.workload.submit_s[queued]
    yield from _found("refusal", kept, queued, submit, lambda i: f"not refused for {Refusal(expected[queued[i]]).name}")


def _over(run: Evidence, attempts: Ints, key: Ints, amount: Ints, most: Ints) -> Ints:
    """Attempts at whose start the amounts in use under one key exceed `most[key]` (row order is the order of time)."""
    rows = np.r_[run.start_row[attempts], run.end_row[attempts]]
    keys, change = np.r_[key, key], np.r_[amount, -amount]
    order = np.lexsort((rows, keys))
    in_use = np.cumsum(change[order])  # each key's changes cancel out, so the next key begins at zero
    bad = order[(in_use > most[keys[order]]) & (change[order] > 0)]
    return np.unique(attempts[bad])[:SHOWN]


def _in_use(
    run: Evidence, name: str, attempts: Ints, key: Ints, amount: Ints, most: Ints, what: str
) -> Iterator[Broken]:
    for a in _over(run, attempts, key, amount, most):
        yield Broken(name, int(run.job[a]), int(run.start_s[a]), what)


def _capacity(run: Evidence) -> Iterator[Broken]:
    pool_of = run.fleet.node_pool()
    each = [p.accelerators_per_node for p in run.fleet.pools]
    width = max(each, default=0)
    on = [np.flatnonzero((run.mask >> d) & 1) for d in range(width)]
    at = np.concatenate([np.zeros(0, dtype=np.int64), *on])
    device = np.repeat(np.arange(width), [len(i) for i in on])
    attempts = run.at[at]
    share = np.where(run.asked.lease[run.row[attempts]], MILLI, run.asked.share[run.row[attempts]])
    most = np.full(len(pool_of) * width, MILLI)
    yield from _in_use(run, "capacity", attempts, run.node[at] * width + device, share, most, "a device is over-used")
    cores = np.array([p.cores_milli for p in run.fleet.pools], dtype=np.int64)[pool_of]
    yield from _in_use(run, "capacity", run.at, run.node, run.part_cores, cores, "cores are over-used")
    memory = np.array([p.memory_mib for p in run.fleet.pools], dtype=np.int64)[pool_of]
    yield from _in_use(run, "capacity", run.at, run.node, run.part_memory, memory, "memory is over-used")


def _limits(run: Evidence) -> Iterator[Broken]:
    most, _ = project_bounds(run.workload, run.scenario)
    project = run.workload.project[run.job].astype(np.int64)
    chosen = np.flatnonzero(most[project] < FAR_S)
    size = (run.workload.accelerators.astype(np.int64) * run.workload.share_milli)[run.job[chosen]]
    yield from _in_use(run, "limits", chosen, project[chosen], size, most, "over its project's limit of accelerators")


def _budgets(run: Evidence) -> Iterator[Broken]:
    """What is spent and reserved never exceeds the budget; what an attempt did not use comes back at its end."""
    _, most = project_bounds(run.workload, run.scenario)
    project = run.workload.project[run.job].astype(np.int64)
    chosen = np.flatnonzero(most[project] < FAR_S)
    charge = run.asked.charge[run.row, run.pool]
    back = charge * (run.limit_wall - (run.end_s - run.start_s))
    rows = np.r_[run.start_row[chosen], run.end_row[chosen]]
    change = np.r_[(charge * run.limit_wall)[chosen], -back[chosen]]
    keys = np.r_[project[chosen], project[chosen]]
    order = np.lexsort((rows, keys))
    total = np.cumsum(change[order])
    first = np.r_[True, np.diff(keys[order]) != 0][: len(order)]
    total -= (total - change[order])[first][np.cumsum(first) - 1] if len(order) else total
    bad = np.unique(np.r_[chosen, chosen][order[total > most[keys[order]]]])[:SHOWN]
    for a in bad:
        yield Broken("limits", int(run.job[a]), int(run.start_s[a]), "over its project's budget")


def _power(run: Evidence) -> Iterator[Broken]:
    site_of, busy, left = power_of_sites(run.fleet, run.scenario)
    site = site_of[run.pool]
    drawn = busy[run.pool] * run.held_milli
    chosen = np.flatnonzero((left[site] < FAR_S) & (drawn > 0))
    most = np.where(left < FAR_S, np.minimum(left, FAR_S // MILLI) * MILLI, FAR_S)
    yield from _in_use(run, "limits", chosen, site[chosen], drawn[chosen], most, "over its site's power cap")


def _ends(run: Evidence) -> Iterator[Broken]:
    duration, limit = run.workload.duration_s[run.job], run.workload.limit_s[run.job]
    lasted, due = run.end_s - run.start_s, run.wall(np.minimum(duration, limit) - run.saved_s)
    event = run.end_event
    wrong = (event == JobEvent.COMPLETE) & (duration > limit) | (event == JobEvent.TIME_OUT) & (duration <= limit)
    yield from _found(
        "ends",
        wrong,
        run.job,
        run.end_s,
        lambda i: f"{JobEvent(event[i]).name} with limit {limit[i]} s of {duration[i]} s",
    )
    natural = (event == JobEvent.COMPLETE) | (event == JobEvent.TIME_OUT)
    stays = (event == JobEvent.NODE_FAIL) | (event == JobEvent.EXPIRE)  # ends of that second come before these
    wrong = natural & (lasted != due) | ~natural & (lasted > due) | stays & (lasted == due)
    yield from _found("ends", wrong, run.job, run.end_s, lambda i: f"lasted {lasted[i]} s, due after {due[i]} s")


def _nodes(run: Evidence) -> Iterator[Broken]:
    planned, missing = planned_down(run.fleet, run.scenario)
    rows = [(f.node, f.from_s, f.to_s) for f in run.scenario.failures]
    for down in (planned, missing):
        rows += list(zip(down.node.tolist(), down.begin.tolist(), down.end.tolist(), strict=True))
    down = Intervals.of(rows)
    job, start, end = run.job[run.at], run.start_s[run.at], run.end_s[run.at]
    after = down.next_of(run.node, start)
    begins = np.where(after >= 0, down.begin[after], FAR_S) if len(down.node) else np.full(len(job), FAR_S)
    bad = (begins < end) | (begins <= start)
    yield from _found("nodes", bad, job, start, lambda i: f"runs on node {run.node[i]}, down from {begins[i]} s")
    after = planned.next_of(run.node, start)
    begins_planned = (
        np.where(after >= 0, planned.begin[after], FAR_S) if len(planned.node) else np.full(len(job), FAR_S)
    )
    bad = start + run.limit_wall[run.at] > begins_planned
    yield from _found(
        "nodes", bad, job, start, lambda i: f"may run into maintenance of node {run.node[i]} at {begins_planned[i]} s"
    )
    if run.scenario.faults is None:
        struck = np.bincount(run.at, begins == end, minlength=len(run.job)) > 0
        bad = (run.end_event == JobEvent.NODE_FAIL) & ~struck
        yield from _found("nodes", bad, run.job, run.end_s, lambda i: "NODE_FAIL, but none of its nodes went down then")


def _dates(run: Evidence) -> Iterator[Broken]:
    early = run.start_s < run.workload.earliest_s[run.job]
    yield from _found(
        "dates", early, run.job, run.start_s, lambda i: f"started before {run.workload.earliest_s[run.job[i]]} s"
    )


def _preemption(run: Evidence, policy: Policy) -> Iterator[Broken]:
    events, priority = run.log.events, run.workload.priority
    stopped = run.end_event == JobEvent.PREEMPT
    if not policy.preempt:
        yield from _found(
            "preemption", stopped, run.job, run.end_s, lambda i: "stopped under a policy that preempts nobody"
        )
    starts = np.flatnonzero(events["event"] == JobEvent.START)
    following = np.searchsorted(starts, run.end_row)
    safe = starts[np.minimum(following, len(starts) - 1)] if len(starts) else np.zeros(len(run.job), dtype=np.int64)
    for_it = (following < len(starts)) & (events["time_s"][safe] == run.end_s) if len(starts) else stopped & False
    higher = priority[events["job"][safe]] > priority[run.job] if len(starts) else for_it
    bad = stopped & ~(for_it & higher & ~run.asked.lease[run.row])
    yield from _found(
        "preemption", bad, run.job, run.end_s, lambda i: "stopped, but no job of a higher class starts in its place"
    )
