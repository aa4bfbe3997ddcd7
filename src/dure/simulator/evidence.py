"""What a run log shows, as arrays: what each job asked of each pool, its attempts, and when nodes were down.

Derived from the log, fleet, workload and scenario by the definitions alone, so that `check` can judge the kernel.
Times are seconds; a *row* is a row of the log's events, which orders what happens within one second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dure.fleet import busy_milliwatts, idle_milliwatts, may_train, rate_milli
from dure.fleet.model import Fleet
from dure.lifecycle import RunLog
from dure.simulator.scenario import Scenario
from dure.units import FAR_S, HOUR_S, MILLI
from dure.vocabulary import JobEvent, JobKind, Refusal
from dure.workload import Workload

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def ceil_div(a: Ints, b: Ints | int) -> Ints:
    """Integer division rounded up."""
    return -(-a // b)


@dataclass(frozen=True)
class Asked:
    """What unlike jobs ask: one row for each distinct ask, one column for each pool."""

    row_of_job: Ints  # int[job]
    count: Ints  # int[row]: accelerators
    share: Ints  # int[row]: milli
    lease: Flags  # bool[row]
    speed: Ints  # int[row, pool]: thousandths; 0: not eligible
    whole: Ints  # int[row, pool]: parts that take all accelerators of a node
    rest: Ints  # int[row, pool]: accelerators of the one other part; -1: there is none
    cores: Ints  # int[row, pool]: milli-cores of each accelerator (of the job where it has none)
    memory: Ints  # int[row, pool]: MiB, likewise
    holds: Flags  # bool[row, pool]: empty nodes of the pool, and the power of an idle site, would do
    charge: Ints  # int[row, pool]: milli-units an hour

    @classmethod
    def of(cls, fleet: Fleet, workload: Workload, scenario: Scenario) -> Asked:
        """The distinct asks of a workload against a fleet."""
        row_of_job, first = _distinct(
            [workload.accelerators, workload.share_milli, workload.cores_milli, workload.memory_mib, workload.accept,
             workload.kind == JobKind.TRAINING, workload.kind == JobKind.LEASE]
        )  # fmt: skip
        n, share, cores, memory, accept = (
            np.asarray(c, dtype=np.int64)[first]
            for c in (
                workload.accelerators,
                workload.share_milli,
                workload.cores_milli,
                workload.memory_mib,
                workload.accept,
            )
        )
        kind = workload.kind[first]
        lease = kind == JobKind.LEASE
        each = np.maximum(n, 1)
        shape = (len(first), len(fleet.pools))
        speed, whole, rest, cores_of, memory_of, charge = (np.zeros(shape, dtype=np.int64) for _ in range(6))
        holds = np.zeros(shape, dtype=np.bool_)
        sound = np.where(lease, n > 0, (n <= 1) | (share == MILLI))
        site_of, busy, left = power_of_sites(fleet, scenario)
        for p, pool in enumerate(fleet.pools):
            k = pool.accelerators_per_node
            speed[:, p] = _speeds(fleet, workload, scenario, p)[accept]
            speed[(kind == JobKind.TRAINING) & bool(pool.model and not may_train(fleet.models[pool.model])), p] = 0
            speed[(n == 0) & (pool.id not in scenario.removed_pools), p] = MILLI
            many = (n > k) & (k > 0)
            whole[:, p] = np.where(lease, ceil_div(n, max(k, 1)), np.where(many, n // max(k, 1), 0))
            rest[:, p] = np.where(lease, -1, np.where(many, np.where(n % max(k, 1) > 0, n % max(k, 1), -1), n))
            cores_of[:, p] = np.where(lease, 0, ceil_div(cores, each))  # a lease takes what the node has
            memory_of[:, p] = np.where(lease, 0, ceil_div(memory, each))
            widest = np.where(whole[:, p] > 0, k, np.maximum(rest[:, p], 1))
            fits = (widest * cores_of[:, p] <= pool.cores_milli) & (widest * memory_of[:, p] <= pool.memory_mib)
            fits &= (whole[:, p] + (rest[:, p] >= 0) <= pool.nodes) & ((k > 0) | (n == 0))
            held = np.where(lease, whole[:, p] * k * MILLI, n * share)
            fits &= busy[p] * held <= MILLI * min(int(left[site_of[p]]), FAR_S // MILLI)
            holds[:, p] = fits & sound & (speed[:, p] > 0)
            charge[:, p] = ceil_div(held * rate_milli(fleet, pool.model).milli_units, MILLI)
        return cls(row_of_job, n, share, lease, speed, whole, rest, cores_of, memory_of, holds, charge)


def _distinct(columns: list[NDArray[np.generic]]) -> tuple[Ints, Ints]:
    """(group of each row, first row of each group) for rows equal in all columns."""
    group = np.zeros(len(columns[0]), dtype=np.int64)
    first = np.zeros(min(1, len(group)), dtype=np.int64)
    for column in columns:
        values, code = np.unique(column, return_inverse=True)
        _, first, group = np.unique(group * max(len(values), 1) + code, return_index=True, return_inverse=True)
    return group, first.astype(np.int64)


def _speeds(fleet: Fleet, workload: Workload, scenario: Scenario, pool: int) -> Ints:
    """Speed of the pool's model under each accept list; 0 where it is not in it."""
    if fleet.pools[pool].id in scenario.removed_pools:
        return np.zeros(len(workload.accepts), dtype=np.int64)
    model = fleet.pools[pool].model
    return np.array([dict(a).get(model, 0) if a else MILLI for a in workload.accepts], dtype=np.int64)


@dataclass(frozen=True)
class Evidence:
    """The attempts of a legal log, their places, and what they were entitled to."""

    fleet: Fleet
    workload: Workload
    scenario: Scenario
    log: RunLog
    asked: Asked
    job: Ints  # of each attempt, from here on
    pool: Ints
    start_row: Ints
    end_row: Ints  # len(events) where it was still running
    start_s: Ints
    end_s: Ints
    end_event: Ints  # JobEvent; -1 where it was still running
    saved_s: Ints  # work saved by earlier attempts
    at: Ints  # attempt of each placement, from here on
    node: Ints
    mask: Ints
    devices: Ints  # number of set bits

    @classmethod
    def of(cls, fleet: Fleet, workload: Workload, scenario: Scenario, log: RunLog) -> Evidence:
        """Read a log whose lifecycles are legal."""
        events, asked = log.events, Asked.of(fleet, workload, scenario)
        order = np.argsort(events["job"], kind="stable")
        begin = np.flatnonzero(events["event"][order] == JobEvent.START)
        following = np.minimum(begin + 1, max(len(order) - 1, 0))
        job = events["job"][order[begin]].astype(np.int64)
        ended = (begin + 1 < len(order)) & (events["job"][order[following]] == job)
        end_row = np.where(ended, order[following], len(events))
        last_s = int(events["time_s"][-1]) if len(events) else 0
        start_row, safe = order[begin], np.minimum(end_row, max(len(events) - 1, 0))
        start_s, pool = events["time_s"][start_row], events["pool"][start_row].astype(np.int64)
        end_s = np.where(ended, events["time_s"][safe], last_s)
        speed = asked.speed[asked.row_of_job[job], np.clip(pool, 0, len(fleet.pools) - 1)]
        saved = _saved(job, (end_s - start_s) * speed // MILLI, workload.save_every_s.astype(np.int64)[job])
        attempt_of_row = np.full(len(events) + 1, -1, dtype=np.int64)
        attempt_of_row[start_row] = np.arange(len(start_row))
        rows = log.placements["row"]
        at = attempt_of_row[np.where((rows >= 0) & (rows < len(events)), rows, len(events))]
        mask = log.placements["devices"]
        return cls(
            fleet, workload, scenario, log, asked, job, pool, start_row, end_row, start_s, end_s,
            np.where(ended, events["event"][safe], -1), saved, at, log.placements["node"].astype(np.int64),
            mask, np.bitwise_count(mask).astype(np.int64),
        )  # fmt: skip

    @property
    def row(self) -> Ints:
        """Row of `asked` of each attempt."""
        return self.asked.row_of_job[self.job]

    @property
    def speed(self) -> Ints:
        """Speed of each attempt where it runs."""
        return self.asked.speed[self.row, self.pool]

    def wall(self, work_s: Ints) -> Ints:
        """Wall seconds that each attempt takes for so much work."""
        return ceil_div(MILLI * work_s, np.maximum(self.speed, 1))

    @property
    def limit_wall(self) -> Ints:
        """Longest that each attempt may last."""
        return self.wall(self.workload.limit_s[self.job] - self.saved_s)

    @property
    def held_milli(self) -> Ints:
        """Milli-accelerators that each attempt occupies."""
        k = np.array([p.accelerators_per_node for p in self.fleet.pools], dtype=np.int64)[self.pool]
        a = self.asked
        return np.where(a.lease[self.row], a.whole[self.row, self.pool] * k, a.count[self.row]) * np.where(
            a.lease[self.row], MILLI, a.share[self.row]
        )

    @property
    def part_cores(self) -> Ints:
        """Milli-cores of each placement."""
        node_cores = np.array([p.cores_milli for p in self.fleet.pools], dtype=np.int64)
        return self._of_part(self.asked.cores, node_cores)

    @property
    def part_memory(self) -> Ints:
        """MiB of each placement."""
        node_memory = np.array([p.memory_mib for p in self.fleet.pools], dtype=np.int64)
        return self._of_part(self.asked.memory, node_memory)

    def _of_part(self, per_device: Ints, of_node: Ints) -> Ints:
        row, pool = self.row[self.at], self.pool[self.at]
        part = per_device[row, pool] * np.where(self.asked.count[row] == 0, 1, self.devices)
        return np.where(self.asked.lease[row], of_node[pool], part)


def _saved(job: Ints, work: Ints, every: Ints) -> Ints:
    """Work that earlier attempts of the same job saved (attempts sorted by job, then time)."""
    gain = np.where(every > 0, work // np.maximum(every, 1) * every, 0)
    before: Ints = np.cumsum(gain) - gain
    _, first, group = np.unique(job, return_index=True, return_inverse=True)
    base: Ints = before[first][group]
    return before - base


def never(workload: Workload, scenario: Scenario, asked: Asked) -> Ints:
    """Refusal at submit of each job that can never run; 0 for the others."""
    row = asked.row_of_job
    limits, budgets = project_bounds(workload, scenario)
    reason = np.zeros(len(workload), dtype=np.int64)
    cheapest = np.full(len(workload), FAR_S, dtype=np.int64)
    for p in range(asked.holds.shape[1]):
        wall = ceil_div(MILLI * workload.limit_s, np.maximum(asked.speed[row, p], 1))
        cost = np.where(asked.holds[row, p], wall * asked.charge[row, p], FAR_S)
        cheapest = np.minimum(cheapest, cost)
    size = workload.accelerators.astype(np.int64) * workload.share_milli
    reason[cheapest > budgets[workload.project]] = Refusal.OVER_BUDGET_EVER
    reason[size > limits[workload.project]] = Refusal.OVER_PROJECT_LIMIT_EVER
    reason[~np.any(asked.holds[row], axis=1)] = Refusal.NEVER_FITS
    reason[~np.any(asked.speed[row] > 0, axis=1)] = Refusal.NO_SUCH_MODEL
    return reason


def project_bounds(workload: Workload, scenario: Scenario) -> tuple[Ints, Ints]:
    """(milli-accelerators held at once, milli-unit-seconds spent) that each project may reach; FAR_S: no bound."""
    terms = {t.name: t for t in scenario.projects}
    limits, budgets = np.full((2, len(workload.projects)), FAR_S, dtype=np.int64)
    for i, name in enumerate(workload.projects):
        if name in terms and (limit := terms[name].limit_accelerators) is not None:
            limits[i] = limit * MILLI
        if name in terms and (budget := terms[name].budget_milli_units) is not None:
            budgets[i] = budget * HOUR_S
    return limits, budgets


def power_of_sites(fleet: Fleet, scenario: Scenario) -> tuple[Ints, Ints, Ints]:
    """(site of each pool, milliwatts that one busy accelerator of each pool adds, milliwatts left to add at each site).

    FAR_S for a site without a cap; negative where idle power alone breaks it.
    """
    sites = {s.id: i for i, s in enumerate(fleet.sites)}
    left = np.full(len(fleet.sites), FAR_S, dtype=np.int64)
    for i, site in enumerate(fleet.sites):
        cap = scenario.power_caps_w.get(site.id, site.power_cap_w)
        if cap is not None:
            left[i] = math.floor(MILLI * cap / site.pue)
    busy = np.zeros(len(fleet.pools), dtype=np.int64)
    for p, pool in enumerate(fleet.pools):
        model = fleet.models.get(pool.model)
        idle = idle_milliwatts(model) * pool.accelerators_per_node if model else 0
        busy[p] = busy_milliwatts(model) if model else 0
        if left[sites[pool.site]] < FAR_S and pool.id not in scenario.removed_pools:
            left[sites[pool.site]] -= pool.nodes * (MILLI * pool.node_power_w + idle)
    return np.array([sites[p.site] for p in fleet.pools], dtype=np.int64), busy, left


_LATEST_S = 2**41  # later than any time of a workload; times a million nodes it still fits 63 bits


@dataclass(frozen=True)
class Intervals:
    """Disjoint `[begin, end)` times of nodes, sorted by node and time, touching ones joined."""

    node: Ints
    begin: Ints
    end: Ints

    @classmethod
    def of(cls, rows: list[tuple[int, int, int]]) -> Intervals:
        """From `(node, begin, end)` in any order, overlapping or not; empty ones are dropped."""
        merged: list[list[int]] = []
        for node, begin, end in sorted(r for r in rows if r[1] < r[2]):
            if merged and merged[-1][0] == node and begin <= merged[-1][2]:
                merged[-1][2] = max(end, merged[-1][2])
            else:
                merged.append([node, begin, end])
        table = np.array(merged, dtype=np.int64).reshape(-1, 3)
        return cls(*table.T)

    def next_of(self, node: Ints, time: Ints) -> Ints:
        """Index of the node's first interval that ends after `time`; -1 if there is none."""
        if not len(self.node):
            return np.full(len(node), -1, dtype=np.int64)
        keys = self.node * _LATEST_S + np.minimum(self.end, _LATEST_S - 1)
        found = np.searchsorted(keys, node * _LATEST_S + time, side="right")
        safe = np.minimum(found, len(self.node) - 1)
        return np.where((found < len(self.node)) & (self.node[safe] == node), safe, -1)


def planned_down(fleet: Fleet, scenario: Scenario) -> tuple[Intervals, Intervals]:
    """(planned outages, times before delivery) of nodes."""
    nodes_of = [np.flatnonzero(fleet.node_pool() == p) for p in range(len(fleet.pools))]
    index = {p.id: i for i, p in enumerate(fleet.pools)}
    outages = [(int(n), o.from_s, o.to_s) for o in fleet.outages for n in nodes_of[index[o.pool]][: o.nodes]]
    missing: list[tuple[int, int, int]] = []
    for p, pool in enumerate(fleet.pools):
        later = [d.at_s for d in sorted(pool.deliveries, key=lambda d: d.at_s) for _ in range(d.nodes)]
        arrivals = [0] * (pool.nodes - len(later)) + later
        delay = scenario.delays_s.get(pool.id, 0)
        missing += [(int(n), -1, at + delay) for n, at in zip(nodes_of[p], arrivals, strict=True) if at + delay]
    return Intervals.of(outages), Intervals.of(missing)
