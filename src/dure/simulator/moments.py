"""The state of a run at single moments, rebuilt from its log: who waits though it fits, which lease came late."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dure.simulator.evidence import Evidence, Flags, Intervals, Ints, planned_down, power_of_sites, project_bounds
from dure.units import FAR_S, MILLI
from dure.vocabulary import JobEvent

_WAITS = [int(e) for e in (JobEvent.SUBMIT, JobEvent.PREEMPT, JobEvent.NODE_FAIL)]  # events after which a job waits
_MOST_ASKS = 500  # unlike asks looked at in one moment


def waiting_though_it_fits(run: Evidence, most: int) -> list[tuple[int, int, int]]:
    """(job, time_s, pool) of jobs that wait after a pass though they fit and may start, at up to `most` moments.

    Moments at which a lease waits are passed over: what is booked for it cannot be read off a log. Nor are nodes with
    maintenance ahead counted, so that nothing is reported that a booking may have forbidden.
    """
    rows, events = _moments(run, most), run.log.events
    last = np.full(len(run.workload), -1, dtype=np.int8)  # last event of each job so far
    of_lease = run.asked.lease[run.asked.row_of_job]
    found: list[tuple[int, int, int]] = []
    done = 0
    for row in rows:
        last[events["job"][done : row + 1]] = events["event"][done : row + 1]  # the last of equal jobs stands
        done = row + 1
        waiting = np.flatnonzero(np.isin(last, _WAITS))
        if len(waiting) and not of_lease[waiting].any():
            found += _Moment(run, int(row)).left_waiting(waiting)
    return found


def _moments(run: Evidence, most: int) -> Ints:
    """Rows that end a second's events (EXPIRE apart), thinned evenly."""
    time, event = run.log.events["time_s"], run.log.events["event"]
    rows = np.flatnonzero(event != JobEvent.EXPIRE)
    ends = rows[np.r_[np.diff(time[rows]) > 0, True]] if len(rows) else rows
    return ends if len(ends) <= most else ends[np.unique(np.linspace(0, len(ends) - 1, most).astype(np.int64))]


def late_leases(run: Evidence, most: int) -> list[tuple[int, int]]:
    """(job, its date) of leases that had enough nodes promised free when submitted, and did not start on their date.

    Judged from what was running then and how long it might last, less whole nodes for every other lease that waited.
    Leases that a limit, a budget, a power cap or a failure may have held up are passed over; `most` are looked at.
    """
    events, (limits, budgets) = run.log.events, project_bounds(run.workload, run.scenario)
    end_s = int(events["time_s"][-1]) if len(events) else 0
    starts = np.full(len(run.workload), FAR_S)
    np.minimum.at(starts, run.job, run.start_s)
    project, of_lease = run.workload.project, run.asked.lease[run.asked.row_of_job]
    free_to_start = of_lease & (np.minimum(limits, budgets)[project] == FAR_S)
    rows = np.flatnonzero((events["event"] == JobEvent.SUBMIT) & free_to_start[events["job"]])
    if len(run.scenario.failures) or run.scenario.faults is not None:
        return []
    late = []
    for row in rows[:most]:
        job = int(events["job"][row])
        date = int(max(run.workload.earliest_s[job], run.workload.submit_s[job]))
        if starts[job] > date and date < end_s and _Moment(run, int(row)).has_nodes_for(job, date):
            late.append((job, date))
    return late


class _Moment:
    """What is free right after one row of the log."""

    def __init__(self, run: Evidence, row: int) -> None:
        self.run, self.row, self.time_s = run, row, int(run.log.events["time_s"][row])
        self.running = (run.start_row <= row) & (run.end_row > row)
        self.node_pool = run.fleet.node_pool()
        self.each = np.array([p.accelerators_per_node for p in run.fleet.pools], dtype=np.int64)

    def left_waiting(self, waiting: Ints) -> Iterator[tuple[int, int, int]]:
        """(job, time_s, pool) of the first of each unlike ask that fits a pool and may start."""
        run = self.run
        waiting = waiting[self._may_start(waiting)]
        asks, first = np.unique(run.asked.row_of_job[waiting], return_index=True)
        asks, first = asks[:_MOST_ASKS], first[:_MOST_ASKS]
        site_of, busy, left = power_of_sites(run.fleet, run.scenario)
        drawn = np.bincount(site_of[run.pool], self.running * busy[run.pool] * run.held_milli, minlength=len(left))
        for p in range(len(run.fleet.pools)):
            fits = self._fits(asks, p)
            held = np.where(run.asked.lease[asks], 0, run.asked.count[asks] * run.asked.share[asks])
            cap = left[site_of[p]]
            if cap < FAR_S:
                fits &= drawn[site_of[p]] + busy[p] * held <= MILLI * cap
            for i in np.flatnonzero(fits):
                job = waiting[first[i]]
                if self._budget_allows(int(job), p):
                    yield int(job), self.time_s, p

    def has_nodes_for(self, lease: int, date: int) -> bool:
        """Whether some pool without a power cap is sure to have the nodes for a lease from `date` on."""
        run, ask = self.run, self.run.asked.row_of_job[lease]
        planned, missing = planned_down(run.fleet, run.scenario)
        site_of, _, left = power_of_sites(run.fleet, run.scenario)
        waiting = self.waiting()
        rivals = run.asked.row_of_job[waiting[run.asked.lease[run.asked.row_of_job[waiting]] & (waiting != lease)]]
        held = run.node[(self.running & (run.start_s + run.limit_wall > date))[run.at]]
        for p in np.flatnonzero(run.asked.holds[ask] & (left[site_of] == FAR_S)):
            nodes = np.setdiff1d(np.flatnonzero(self.node_pool == p), held)
            then = np.full(len(nodes), date)
            free = (planned.next_of(nodes, then) < 0) & (missing.next_of(nodes, then) < 0)
            if free.sum() >= run.asked.whole[ask, p] + run.asked.whole[rivals, p].sum():
                return True
        return False

    def waiting(self) -> Ints:
        """Jobs submitted by now that neither run nor are finished."""
        last = np.full(len(self.run.workload), -1, dtype=np.int64)
        events = self.run.log.events[: self.row + 1]
        last[events["job"]] = events["event"]
        return np.flatnonzero(np.isin(last, _WAITS))

    def _may_start(self, waiting: Ints) -> Flags:
        """Whose earliest start has come and whose project's limit leaves room."""
        run = self.run
        limits, _ = project_bounds(run.workload, run.scenario)
        size = run.workload.accelerators.astype(np.int64) * run.workload.share_milli
        of_running = run.job[self.running]
        in_use = np.zeros(len(limits), dtype=np.int64)
        np.add.at(in_use, run.workload.project[of_running], size[of_running])
        project = run.workload.project[waiting]
        may = (run.workload.earliest_s[waiting] <= self.time_s) & (in_use[project] + size[waiting] <= limits[project])
        return np.asarray(may, dtype=np.bool_)

    def _budget_allows(self, job: int, pool: int) -> bool:
        """Whether the budget covers the job's whole limit there, as if nothing of its work were saved."""
        run, project = self.run, self.run.workload.project
        _, budgets = project_bounds(run.workload, run.scenario)
        budget = int(budgets[project[job]])
        if budget == FAR_S:
            return True
        mine = (project[run.job] == project[job]) & (run.start_row <= self.row)
        charge = run.asked.charge[run.row, run.pool]
        spent = np.where(self.running, run.limit_wall, run.end_s - run.start_s)[mine] @ charge[mine]
        ask = run.asked.row_of_job[job]
        longest = -(
            -MILLI * int(run.workload.limit_s[job]) // int(run.asked.speed[ask, pool])
        )  # as if nothing were saved
        return int(spent) + int(run.asked.charge[ask, pool]) * longest <= budget

    def _fits(self, asks: Ints, pool: int) -> Flags:
        """Whether the nodes of a pool that are up, with no maintenance ahead, have room for each ask."""
        asked, nodes = self.run.asked, np.flatnonzero(self.node_pool == pool)
        nodes = nodes[self._usable(nodes)]
        free, most_left, cores, memory = self._left(nodes, pool)
        state, count = np.unique(np.stack([free, most_left, cores, memory]), axis=1, return_counts=True)
        k, whole, rest = self.each[pool], asked.whole[asks, pool], asked.rest[asks, pool]
        per_cores, per_memory = asked.cores[asks, pool], asked.memory[asks, pool]

        def nodes_with(devices: Ints, share: Ints) -> Ints:
            """Nodes with room for a part of each ask."""
            width = np.where(asked.count[asks] == 0, 1, devices)
            room = np.where(share[:, None] < MILLI, state[1] >= share[:, None], state[0] >= devices[:, None])
            room &= (state[2] >= (width * per_cores)[:, None]) & (state[3] >= (width * per_memory)[:, None])
            return np.asarray(room @ count, dtype=np.int64)

        full = np.full(len(asks), MILLI)
        fits = (whole == 0) | (nodes_with(np.full(len(asks), k), full) >= whole)
        single = np.where(whole == 0, asked.share[asks], full) * (asked.count[asks] > 0) + MILLI * (
            asked.count[asks] == 0
        )
        fits &= (rest < 0) | (nodes_with(np.maximum(rest, 0), single) >= whole + 1)
        return np.asarray(fits & asked.holds[asks, pool], dtype=np.bool_)

    def _usable(self, nodes: Ints) -> Flags:
        planned, missing = planned_down(self.run.fleet, self.run.scenario)
        failed = Intervals.of([(f.node, f.from_s, f.to_s) for f in self.run.scenario.failures])
        now = np.full(len(nodes), self.time_s)
        usable = planned.next_of(nodes, now) < 0
        for down in (missing, failed):
            following = down.next_of(nodes, now)
            if len(down.node):
                usable &= (following < 0) | (down.begin[following] > self.time_s)
        return usable

    def _left(self, nodes: Ints, pool: int) -> tuple[Ints, Ints, Ints, Ints]:
        """(accelerators wholly free, most left of one in milli, cores, memory) of nodes of a pool."""
        run, k = self.run, int(self.each[pool])
        chosen = np.flatnonzero(self.running[run.at] & (self.node_pool[run.node] == pool))
        where = np.full(len(self.node_pool), -1, dtype=np.int64)
        where[nodes] = np.arange(len(nodes))
        chosen = chosen[where[run.node[chosen]] >= 0]
        at, row = where[run.node[chosen]], run.row[run.at[chosen]]
        left = np.full((len(nodes), max(k, 1)), MILLI if k else 0, dtype=np.int64)
        share = np.where(run.asked.lease[row], MILLI, run.asked.share[row])
        for d in range(k):
            on = ((run.mask[chosen] >> d) & 1) == 1
            np.subtract.at(left[:, d], at[on], share[on])
        cores = np.full(len(nodes), run.fleet.pools[pool].cores_milli, dtype=np.int64)
        memory = np.full(len(nodes), run.fleet.pools[pool].memory_mib, dtype=np.int64)
        np.subtract.at(cores, at, run.part_cores[chosen])
        np.subtract.at(memory, at, run.part_memory[chosen])
        return (left == MILLI).sum(axis=1), left.max(axis=1), cores, memory
