"""The brute-force twin: the whole scheduler and replay, written from `docs/background/scheduling.md` and nothing else.

Slow on purpose. Nothing is kept up to date that can be worked out again from the attempts and bookings: the free
devices of a node are found by looking at every running attempt, a booking by trying every moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from dure.fleet import blanks
from dure.fleet.model import Fleet
from dure.lifecycle import EVENT_DTYPE, PLACEMENT_DTYPE, RunLog
from dure.scheduler.policies import Backfill, Choice, Order, Placement, Policy
from dure.scheduler.terms import ProjectTerms
from dure.simulator.scenario import Scenario
from dure.vocabulary import NEVER_REFUSALS, JobEvent, JobKind, Refusal
from dure.workload import COLUMNS, Workload

WHOLE = 1000
ROOM_LACKING = (Refusal.NODES_DOWN, Refusal.RESERVED, Refusal.NO_ROOM)


class Part(NamedTuple):
    """What a job takes of one node: so many devices, so much of each, so many cores and so much memory."""

    devices: int
    milli: int
    cores: int
    memory: int


class Shape(NamedTuple):
    """Whole-node parts, which take the lowest numbers, and the part that is placed by cost."""

    whole: tuple[Part, ...]
    rest: Part | None

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.whole + ((self.rest,) if self.rest else ())


class Booking(NamedTuple):
    start: int
    end: int
    places: tuple[tuple[int, Part], ...]  # (node, part)


@dataclass(eq=False)
class Attempt:
    job: int
    pool: int
    places: list[tuple[int, Part, tuple[int, ...]]]  # (node, part, device numbers)
    start: int
    end: int
    limit_end: int
    last_event: JobEvent
    speed: int
    charge: int
    reserved: int
    stopped: int | None = None


@dataclass
class Row:
    """One job: its columns as plain integers, and what has become of it."""

    number: int
    submit_s: int
    duration_s: int
    limit_s: int
    accelerators: int
    share_milli: int
    cores_milli: int
    memory_mib: int
    kind: int
    priority: int
    project: int
    accept: int
    save_every_s: int
    earliest_s: int
    saved: int = 0
    attained_milli: int = 0
    reason: Refusal = Refusal.NONE
    attempts: int = 0

    @property
    def size_milli(self) -> int:
        return self.accelerators * self.share_milli

    @property
    def lease(self) -> bool:
        return self.kind == JobKind.LEASE


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def naive_run(fleet: Fleet, workload: Workload, policy: Policy, scenario: Scenario, seed: int) -> RunLog:
    """The same log as `dure.simulator.run.run`, from the definition."""
    return Naive(fleet, workload, policy, scenario, seed).run()


@dataclass
class Naive:
    fleet: Fleet
    workload: Workload
    policy: Policy
    scenario: Scenario = field(default_factory=Scenario)
    seed: int = 0

    def __post_init__(self) -> None:
        assert self.scenario.faults is None, "give failures as a list"
        assert self.scenario.demand == 1.0, "give jobs as a list"
        columns = [[int(x) for x in getattr(self.workload, c.name)] for c in COLUMNS]
        self.jobs = [Row(i, *values) for i, values in enumerate(zip(*columns, strict=True))]
        self.node_pool = [int(p) for p in self.fleet.node_pool()]
        removed = set(self.scenario.removed_pools)
        self.pools = [i for i, p in enumerate(self.fleet.pools) if p.id not in removed]
        self.fleet_accelerators = sum(
            self.fleet.pools[p].nodes * self.fleet.pools[p].accelerators_per_node for p in self.pools
        )
        self.terms = {t.name: t for t in self.scenario.projects}
        failures = [f for f in self.scenario.failures if self.node_pool[f.node] in self.pools]
        self.failures = [(f.node, f.from_s, f.to_s) for f in failures]
        self.planned = [*self._outages(), *self._missing()]
        self.waiting: set[int] = set()
        self.running: list[Attempt] = []  # in the order in which they started
        self.past: list[Attempt] = []
        self.bookings: dict[int, Booking] = {}
        self.promised: dict[int, int] = {}  # the first time for which each job was booked, voided bookings apart
        self.events: list[tuple[int, int, int, int, int]] = []
        self.placements: list[tuple[int, int, int]] = []
        self.now = 0
        self.submitted = 0
        self.down: set[int] = {n for n in range(len(self.node_pool)) if self.is_down(n, 0)}
        self.shares = Shares(self) if self.policy.order == Order.MULTIFACTOR else None

    # --- the fleet over time ---------------------------------------------------------------------------------------

    def nodes_of(self, pool: int) -> list[int]:
        return [n for n, p in enumerate(self.node_pool) if p == pool]

    def _outages(self) -> list[tuple[int, int, int]]:
        by_id = {p.id: i for i, p in enumerate(self.fleet.pools)}
        return [
            (node, o.from_s, o.to_s)
            for o in self.fleet.outages
            if by_id[o.pool] in self.pools
            for node in self.nodes_of(by_id[o.pool])[: o.nodes]
        ]

    def _missing(self) -> list[tuple[int, int, int]]:
        missing = []
        for index in self.pools:
            pool, nodes = self.fleet.pools[index], self.nodes_of(index)
            arrivals = [d.at_s for d in sorted(pool.deliveries, key=lambda d: d.at_s) for _ in range(d.nodes)]
            arrivals = [0] * (len(nodes) - len(arrivals)) + arrivals
            delay = self.scenario.delays_s.get(pool.id, 0)
            missing += [(n, -1, at + delay) for n, at in zip(nodes, arrivals, strict=True) if at + delay > 0]
        return missing

    def is_failed(self, node: int, t: int) -> bool:
        return any(n == node and a <= t < b for n, a, b in self.failures)

    def is_down(self, node: int, t: int) -> bool:
        return any(n == node and a <= t < b for n, a, b in self.failures + self.planned)

    # --- what a job asks of a pool ---------------------------------------------------------------------------------

    def speed(self, job: Row, pool: int) -> int | None:
        """Relative speed of the job there, in thousandths; None where it is not eligible."""
        model = self.fleet.pools[pool].model
        if job.accelerators == 0:
            return WHOLE
        accept = dict(self.workload.accepts[job.accept])
        if accept and model not in accept:
            return None
        if job.kind == JobKind.TRAINING and model and self.fleet.models[model].trains is False:
            return None
        return accept.get(model, WHOLE)

    def eligible(self, job: Row) -> list[int]:
        return [p for p in self.pools if self.speed(job, p) is not None]

    def shape(self, job: Row, pool: int) -> Shape | None:
        """The parts on empty nodes of that pool; None if it could not hold them."""
        p, n = self.fleet.pools[pool], job.accelerators
        k = p.accelerators_per_node
        shape = self._lease_shape(job, pool) if job.lease else self._job_shape(job, pool)
        if shape is None or len(shape.parts) > p.nodes or (n > 0 and k == 0):
            return None
        fits = all(q.devices <= k and q.cores <= p.cores_milli and q.memory <= p.memory_mib for q in shape.parts)
        return shape if fits else None

    def _lease_shape(self, job: Row, pool: int) -> Shape | None:
        p = self.fleet.pools[pool]
        if job.accelerators == 0 or p.accelerators_per_node == 0:
            return None
        count = ceil_div(job.accelerators, p.accelerators_per_node)
        return Shape((Part(p.accelerators_per_node, WHOLE, p.cores_milli, p.memory_mib),) * count, None)

    def _job_shape(self, job: Row, pool: int) -> Shape | None:
        n, k = job.accelerators, self.fleet.pools[pool].accelerators_per_node
        if n == 0:
            return Shape((), Part(0, WHOLE, job.cores_milli, job.memory_mib))
        if k == 0 or (n > 1 and job.share_milli < WHOLE):
            return None
        cores, memory = ceil_div(job.cores_milli, n), ceil_div(job.memory_mib, n)
        if n <= k:
            return Shape((), Part(n, job.share_milli, n * cores, n * memory))
        rest = n % k
        whole = (Part(k, WHOLE, k * cores, k * memory),) * (n // k)
        return Shape(whole, Part(rest, WHOLE, rest * cores, rest * memory) if rest else None)

    def holders(self, job: Row) -> list[int]:
        """Pools that could run it alone: the nodes, and the power with nothing else running."""
        return [p for p in self.eligible(job) if self.shape(job, p) is not None and self.power_ok(job, p, self.running)]

    def held_milli(self, job: Row, pool: int) -> int:
        """Milli-accelerators that it occupies there."""
        shape = self.shape(job, pool)
        assert shape is not None
        return sum(q.devices * q.milli for q in shape.parts)

    def rate(self, pool: int) -> int:
        return blanks.rate_milli(self.fleet, self.fleet.pools[pool].model).milli_units

    def charge(self, job: Row, pool: int) -> int:
        return ceil_div(self.rate(pool) * self.held_milli(job, pool), 1000)

    def wall(self, job: Row, pool: int, work: int) -> int:
        speed = self.speed(job, pool)
        assert speed is not None
        return ceil_div(1000 * work, speed)

    def limit_wall(self, job: Row, pool: int) -> int:
        return self.wall(job, pool, job.limit_s - job.saved)

    def project_terms(self, job: Row) -> ProjectTerms:
        name = self.workload.projects[job.project]
        return self.terms.get(name, ProjectTerms(name))

    def budget_left(self, job: Row) -> int | float:
        budget = self.project_terms(job).budget_milli_units
        if budget is None:
            return math.inf
        mine = [a for a in self.running + self.past if self.jobs[a.job].project == job.project]
        spent = sum(a.reserved if a.stopped is None else a.charge * (a.stopped - a.start) for a in mine)
        return budget * 3600 - spent

    def open_pools(self, job: Row) -> list[int]:
        left = self.budget_left(job)
        return [p for p in self.holders(job) if self.charge(job, p) * self.limit_wall(job, p) <= left]

    def never(self, job: Row) -> Refusal:
        terms, holders = self.project_terms(job), self.holders(job)
        if not self.eligible(job):
            return Refusal.NO_SUCH_MODEL
        if not holders:
            return Refusal.NEVER_FITS
        if terms.limit_accelerators is not None and job.size_milli > terms.limit_accelerators * 1000:
            return Refusal.OVER_PROJECT_LIMIT_EVER
        return Refusal.NONE if self.open_pools_of_whole_budget(job) else Refusal.OVER_BUDGET_EVER

    def open_pools_of_whole_budget(self, job: Row) -> list[int]:
        budget = self.project_terms(job).budget_milli_units
        whole = math.inf if budget is None else budget * 3600
        return [p for p in self.holders(job) if self.charge(job, p) * self.wall(job, p, job.limit_s) <= whole]

    # --- what is free ----------------------------------------------------------------------------------------------

    def left(self, node: int, without: Sequence[Attempt] = ()) -> tuple[list[int], int, int]:
        """(what is left of each device in milli, cores, memory) of a node now."""
        pool = self.fleet.pools[self.node_pool[node]]
        devices, cores, memory = [WHOLE] * pool.accelerators_per_node, pool.cores_milli, pool.memory_mib
        for attempt in self.running:
            for where, part, numbers in attempt.places:
                if where == node and attempt not in without:
                    cores, memory = cores - part.cores, memory - part.memory
                    for d in numbers:
                        devices[d] -= part.milli
        return devices, cores, memory

    def devices_for(self, node: int, part: Part, without: Sequence[Attempt] = ()) -> tuple[int, ...] | None:
        """The devices the part would take on the node now; None if it has no room."""
        devices, cores, memory = self.left(node, without)
        if part.cores > cores or part.memory > memory:
            return None
        if part.milli < WHOLE:
            fitting = [(left, d) for d, left in enumerate(devices) if left >= part.milli]
            return (min(fitting)[1],) if fitting else None
        free = [d for d, left in enumerate(devices) if left == WHOLE]
        return tuple(free[: part.devices]) if len(free) >= part.devices else None

    def keeps(
        self,
        node: int,
        part: Part,
        window: tuple[int, int],
        job: int,
        devices: Iterable[int] | None = None,
        without: Sequence[Attempt] = (),
    ) -> bool:
        """Whether the part may claim the node for the window (devices by number for a start, any for a booking)."""
        begin, end = window
        claims = [b for j, b in self.bookings.items() if j != job]
        moments = {begin, *(b.start for b in claims), *(a for n, a, _ in self.planned if n == node)}
        return all(
            self._keeps_at(node, part, u, claims, devices, without) for u in moments if u == begin or begin < u < end
        )

    def _keeps_at(
        self,
        node: int,
        part: Part,
        u: int,
        claims: list[Booking],
        devices: Iterable[int] | None,
        without: Sequence[Attempt],
    ) -> bool:
        pool = self.fleet.pools[self.node_pool[node]]
        if any(n == node and a <= u < b for n, a, b in self.planned):
            return False
        taken: set[int] = set(devices or ())
        extra, cores, memory = 0 if devices is not None else part.devices, part.cores, part.memory
        for attempt in self.running:
            for where, held, numbers in attempt.places:
                if where == node and attempt.limit_end > u and attempt not in without:
                    taken.update(numbers)
                    cores, memory = cores + held.cores, memory + held.memory
        for claim in claims:
            for where, held in claim.places:
                if where == node and claim.start <= u < claim.end:
                    extra, cores, memory = extra + held.devices, cores + held.cores, memory + held.memory
        return (
            len(taken) + extra <= pool.accelerators_per_node and cores <= pool.cores_milli and memory <= pool.memory_mib
        )

    def power_ok(self, job: Row, pool: int, without: Sequence[Attempt] = ()) -> bool:
        site = self.fleet.site(self.fleet.pools[pool])
        cap = self.scenario.power_caps_w.get(site.id, site.power_cap_w)
        if cap is None:
            return True
        idle = busy = 0
        for p in self.pools:
            if self.fleet.pools[p].site == site.id:
                one = self.fleet.pools[p]
                devices = one.nodes * one.accelerators_per_node
                idle += one.nodes * one.node_power_w * 1000
                idle += devices * blanks.idle_milliwatts(self.fleet.models[one.model]) if devices else 0
                mine = [self.held_milli(self.jobs[a.job], p) for a in self.running if a.pool == p and a not in without]
                mine += [self.held_milli(job, p)] if p == pool else []
                busy += sum(mine) * (blanks.busy_milliwatts(self.fleet.models[one.model]) if devices else 0)
        return 1000 * idle + busy <= 1000 * math.floor(1000 * cap / site.pue)

    # --- placing ---------------------------------------------------------------------------------------------------

    def arrange(
        self, shape: Shape, nodes: Callable[[Part], list[int]], cost: Callable[[int], float] = lambda n: 0
    ) -> list[tuple[int, Part]] | None:
        """A node for each part: the lowest numbers for whole-node parts, then the cheapest for the rest."""
        places: list[tuple[int, Part]] = []
        for part in shape.parts:
            taken = {n for n, _ in places}
            candidates = [n for n in nodes(part) if n not in taken]
            if not candidates:
                return None
            node = min(candidates, key=lambda n, q=part: (cost(n) if q is shape.rest else 0, n))
            places.append((node, part))
        return places

    def groups(self, job: Row, pools: list[int]) -> list[list[int]]:
        """The pools in the groups in which they are tried."""

        def key(pool: int) -> Fraction:
            speed = self.speed(job, pool)
            assert speed is not None
            if self.policy.choice == Choice.FASTEST:
                return Fraction(-speed)
            if self.policy.choice == Choice.CHEAPEST:
                return Fraction(self.rate(pool) * 1000, speed) if job.accelerators else Fraction(0)
            return self.scarcity(pool) if self.policy.choice == Choice.SPARE else Fraction(0)

        keys = sorted({key(p) for p in pools})
        return [[p for p in pools if key(p) == k] for k in keys]

    def scarcity(self, pool: int) -> Fraction:
        model = self.fleet.pools[pool].model
        same = [q for q in (self.fleet.pools[p] for p in self.pools) if q.model == model]
        supply = sum(q.nodes * q.accelerators_per_node for q in same)
        demand = 0
        for job in self.jobs:
            models = {self.fleet.pools[p].model for p in self.eligible(job)}
            if model in models:
                demand += job.size_milli * job.limit_s // len(models)
        return Fraction(demand, supply) if supply else Fraction(0)

    def cost(self, node: int) -> float:
        free = self.left(node)[0].count(WHOLE)
        match self.policy.placement:
            case Placement.FIRST_FIT:
                return 0
            case Placement.BEST_FIT:
                return free
            case Placement.SPREAD:
                return -free
        raise ValueError(f"the twin does not know {self.policy.placement!r}")

    def up_nodes(self, pool: int) -> list[int]:
        return [n for n in self.nodes_of(pool) if n not in self.down]

    def keeping(self, job: Row, pool: int, part: Part) -> list[int]:
        """Nodes of the pool that are up, have room for the part and break no booking with it."""
        window = (self.now, self.now + self.limit_wall(job, pool))
        found = []
        for node in self.up_nodes(pool):
            devices = self.devices_for(node, part)
            if devices is not None and self.keeps(node, part, window, job.number, devices):
                found.append(node)
        return found

    def find(self, job: Row) -> tuple[Refusal, int, list[tuple[int, Part]]]:
        """(NONE, pool, places) if the job may start now, else (the refusal, -1, [])."""
        pools = self.open_pools(job)
        own = (j for a in self.running for j in [self.jobs[a.job]] if j.project == job.project)
        limit = self.project_terms(job).limit_accelerators
        if job.earliest_s > self.now:
            return Refusal.NOT_YET, -1, []
        if not pools:
            return Refusal.BUDGET, -1, []
        if limit is not None and sum(j.size_milli for j in own) + job.size_milli > 1000 * limit:
            return Refusal.PROJECT_LIMIT, -1, []
        for group in self.groups(job, pools):
            found = self.find_in(job, group)
            if found:
                return Refusal.NONE, *found
        return self.why_not(job, pools), -1, []

    def find_in(self, job: Row, group: list[int]) -> tuple[int, list[tuple[int, Part]]] | None:
        """The place in a group of pools that are tried together."""
        offers = []
        for pool in group:
            shape = self.shape(job, pool)
            assert shape is not None
            places = self.arrange(shape, lambda q, p=pool: self.keeping(job, p, q), self.cost)
            if places and self.power_ok(job, pool):
                node = places[-1][0]
                one = not shape.whole
                offers.append(((0, self.cost(node), node) if one else (1, pool, 0), pool, places))
        return min(offers)[1:] if offers else None

    def why_not(self, job: Row, pools: list[int]) -> Refusal:
        shapes = [(p, s) for p in pools if (s := self.shape(job, p))]
        if any(self.arrange(s, lambda q, p=p: self.keeping(job, p, q)) for p, s in shapes):
            return Refusal.POWER_CAP
        for nodes_of, reason in ((self.up_nodes, Refusal.RESERVED), (self.nodes_of, Refusal.NODES_DOWN)):
            for p, s in shapes:
                if self.arrange(s, lambda q, p=p, f=nodes_of: [n for n in f(p) if self.devices_for(n, q) is not None]):
                    return reason
        return Refusal.NO_ROOM

    # --- bookings --------------------------------------------------------------------------------------------------

    def book(self, job: Row) -> bool:
        """Book the job at its earliest time, if there is one."""
        lower = max(self.now, job.earliest_s)
        ends = [b for _, _, b in self.planned] + [a.limit_end for a in self.running]
        ends += [b.end for j, b in self.bookings.items() if j != job.number]
        pools = [p for group in self.groups(job, self.open_pools(job)) for p in group]
        for time in sorted({lower, *(e for e in ends if e > lower)}):
            for pool in pools:
                places = self.arrange_booking(job, pool, time)
                if places:
                    self.bookings[job.number] = Booking(time, time + self.limit_wall(job, pool), tuple(places))
                    self.promised.setdefault(job.number, time)
                    return True
        return False

    def arrange_booking(self, job: Row, pool: int, time: int) -> list[tuple[int, Part]] | None:
        shape, window = self.shape(job, pool), (time, time + self.limit_wall(job, pool))
        nodes = [n for n in self.nodes_of(pool) if not self.is_failed(n, self.now)]
        assert shape is not None
        return self.arrange(shape, lambda q: [n for n in nodes if self.keeps(n, q, window, job.number)])

    # --- events ----------------------------------------------------------------------------------------------------

    def log(self, job: int, event: JobEvent, reason: int = 0, pool: int = -1) -> None:
        self.events.append((self.now, job, int(event), int(reason), pool))

    def start(self, job: Row, pool: int, places: list[tuple[int, Part]]) -> None:
        for node, part in places:
            devices = self.devices_for(node, part)
            assert devices is not None
            self.placements.append((len(self.events), node, sum(1 << d for d in devices)))
        held = [(node, part, self.devices_for(node, part) or ()) for node, part in places]
        work = min(job.duration_s, job.limit_s) - job.saved
        last = JobEvent.COMPLETE if job.duration_s <= job.limit_s else JobEvent.TIME_OUT
        charge, limit_wall, speed = self.charge(job, pool), self.limit_wall(job, pool), self.speed(job, pool)
        assert speed is not None
        end = self.now + self.wall(job, pool, work)
        self.running.append(
            Attempt(
                job.number, pool, held, self.now, end, self.now + limit_wall, last, speed, charge, charge * limit_wall
            )
        )
        self.log(job.number, JobEvent.START, job.reason, pool)
        self.bookings.pop(job.number, None)
        self.waiting.discard(job.number)
        job.attempts += 1

    def work_done(self, attempt: Attempt) -> tuple[int, int]:
        """(work of the attempt so far, how much of it a stop now would save)."""
        work, every = (self.now - attempt.start) * attempt.speed // 1000, self.jobs[attempt.job].save_every_s
        return work, work // every * every if every else 0

    def stop(self, attempt: Attempt, event: JobEvent) -> None:
        job = self.jobs[attempt.job]
        work, saved = self.work_done(attempt)
        attempt.stopped = self.now
        self.running.remove(attempt)
        self.past.append(attempt)
        self.log(job.number, event)
        if event in (JobEvent.PREEMPT, JobEvent.NODE_FAIL):
            job.saved += saved
            job.attained_milli += work * job.size_milli
            job.reason = Refusal.NONE
            self.waiting.add(job.number)

    def run(self) -> RunLog:
        horizon = self.scenario.horizon_s
        while (time := self.next_time()) is not None and (horizon is None or time <= horizon):
            self.now = time
            if self.shares:
                self.shares.tick(time)
            again = True
            while again:
                for attempt in [a for a in self.running if a.end == time]:
                    self.stop(attempt, attempt.last_event)
                self.change_nodes()
                self.submit()
                again = self.one_pass() or any(a.end == time for a in self.running)
        self.now = self.now if horizon is None else horizon
        running = {a.job for a in self.running}
        for job in self.jobs:
            if job.number in running | self.waiting:
                self.log(job.number, JobEvent.EXPIRE, 0 if job.number in running else job.reason)
        events, placements = np.array(self.events, dtype=EVENT_DTYPE), np.array(self.placements, dtype=PLACEMENT_DTYPE)
        return RunLog(events, placements, self.policy.name, self.seed, self.scenario.name, self.now)

    def next_time(self) -> int | None:
        times = [j.submit_s for j in self.jobs[self.submitted :]] + [a.end for a in self.running]
        later = [t for _, a, b in self.failures + self.planned for t in (a, b)]
        later += [self.jobs[j].earliest_s for j in self.waiting if not self.jobs[j].lease]
        later += [self.bookings[j].start for j in self.waiting & set(self.bookings)]
        return min(times + [t for t in later if t > self.now], default=None)

    def change_nodes(self) -> None:
        down = {n for n in range(len(self.node_pool)) if self.is_down(n, self.now)}
        for attempt in [a for a in self.running if {n for n, _, _ in a.places} & (down - self.down)]:
            self.stop(attempt, JobEvent.NODE_FAIL)
        self.down = down
        failing = {n for n, a, _ in self.failures if a == self.now}
        for job, booking in list(self.bookings.items()):
            if failing & {n for n, _ in booking.places}:
                del self.bookings[job]
                self.promised.pop(job, None)

    def submit(self) -> None:
        while self.submitted < len(self.jobs) and self.jobs[self.submitted].submit_s == self.now:
            job = self.jobs[self.submitted]
            self.submitted += 1
            self.log(job.number, JobEvent.SUBMIT)
            never = self.never(job)
            if never in NEVER_REFUSALS:
                self.log(job.number, JobEvent.REFUSE, never)
            else:
                self.waiting.add(job.number)

    # --- the pass --------------------------------------------------------------------------------------------------

    def key(self, job: Row) -> float:
        match self.policy.order:
            case Order.FIFO:
                return 0
            case Order.SHORTEST:
                return job.limit_s
            case Order.SHORTEST_ORACLE:
                return min(job.duration_s, job.limit_s)
            case Order.LARGEST:
                return -job.size_milli
            case Order.PRIORITY:
                return -job.priority
            case Order.LEAST_ATTAINED:
                return sum(job.attained_milli >= 1000 * s for s in self.policy.attained_thresholds)
            case Order.MULTIFACTOR:
                assert self.shares is not None
                return -self.shares.priority(job)
        assert self.policy.order_function is not None
        return self.policy.order_function(job.submit_s, job.limit_s, job.accelerators, job.priority, job.project)

    def one_pass(self) -> bool:
        """One pass; true if it ended with a job that preempted others, so that another must follow."""
        self.lease_pass()
        queue = sorted((self.key(self.jobs[j]), j) for j in self.waiting if not self.jobs[j].lease)
        stopped = headed = False
        for _, number in queue:
            job = self.jobs[number]
            if stopped:
                job.reason = Refusal.ORDER
                continue
            reason, pool, places = self.find(job)
            if self.policy.preempt and reason in (Refusal.NO_ROOM, Refusal.NODES_DOWN) and (place := self.preempt(job)):
                self.start(job, *place)
                return True
            if reason == Refusal.NONE:
                self.start(job, pool, places)
                continue
            job.reason = reason
            lacks_room = reason in ROOM_LACKING
            if self.policy.backfill == Backfill.NONE:
                stopped = lacks_room or reason == Refusal.POWER_CAP
            elif self.policy.backfill == Backfill.CONSERVATIVE:
                self.keep_or_book(job, lacks_room)
            elif self.policy.backfill == Backfill.EASY and lacks_room and not headed:
                headed = True
                self.book(job)
        if self.policy.backfill == Backfill.EASY:
            self.bookings = {j: b for j, b in self.bookings.items() if self.jobs[j].lease}
        return False

    def keep_or_book(self, job: Row, lacks_room: bool) -> None:
        booking = self.bookings.get(job.number)
        if booking and booking.start <= self.now:
            del self.bookings[job.number]
        if lacks_room and job.number not in self.bookings:
            self.book(job)

    def lease_pass(self) -> None:
        for job in [self.jobs[j] for j in sorted(self.waiting) if self.jobs[j].lease]:
            if job.number not in self.bookings and not self.book(job):
                job.reason = self.find(job)[0]
            elif self.bookings[job.number].start > self.now:
                job.reason = Refusal.NOT_YET
            else:
                reason, pool, places = self.find(job)
                if reason == Refusal.NONE:
                    self.start(job, pool, places)
                else:
                    job.reason = reason
                    del self.bookings[job.number]

    # --- preemption ------------------------------------------------------------------------------------------------

    def standing(self, job: Row, attempt: Attempt | None = None) -> int:
        """Who may stop whom: the priority class; under least_attained, minus the level reached by now."""
        if self.policy.order != Order.LEAST_ATTAINED:
            return job.priority
        now = self.work_done(attempt)[0] * job.size_milli if attempt else 0
        return -sum(job.attained_milli + now >= 1000 * s for s in self.policy.attained_thresholds)

    def victims(self, job: Row, pool: int, node: int, part: Part) -> tuple[int, list[Attempt]] | None:
        """(milli-accelerator-seconds lost, attempts to stop) so that the part fits the node; None if it never does."""

        def unlucky(attempt: Attempt) -> tuple[int, int, int]:
            return self.standing(self.jobs[attempt.job], attempt), -attempt.start, -attempt.job

        lower = [a for a in self.running if any(n == node for n, _, _ in a.places)]
        lower = [
            a for a in lower if self.standing(self.jobs[a.job], a) < self.standing(job) and not self.jobs[a.job].lease
        ]
        lower.sort(key=unlucky)
        for count in range(len(lower) + 1):
            gone = lower[:count]
            devices = self.devices_for(node, part, gone)
            if devices is not None:
                window = (self.now, self.now + self.limit_wall(job, pool))
                if not self.keeps(node, part, window, job.number, devices, gone):
                    return None
                lost = [(w - s) * self.jobs[a.job].size_milli for a in gone for w, s in [self.work_done(a)]]
                return sum(lost), gone
        return None

    def preempt(self, job: Row) -> tuple[int, list[tuple[int, Part]]] | None:
        """Stop what must go for the job to start, and say where; None if that cannot be."""
        offers = []
        for pool in self.open_pools(job):
            shape, places, gone, total = self.shape(job, pool), [], [], 0
            assert shape is not None
            for part in shape.parts:
                costs = [
                    (v[0], n, v[1])
                    for n in self.up_nodes(pool)
                    if n not in [m for m, _ in places] and (v := self.victims(job, pool, n, part))
                ]
                if not costs:
                    break
                lost, node, more = min(costs, key=lambda c: c[:2])
                places.append((node, part))
                gone += [a for a in more if a not in gone]
                total += lost
            else:
                if self.power_ok(job, pool, gone):
                    offers.append((total, places[0][0], pool, places, gone))
        if not offers:
            return None
        _, _, pool, places, gone = min(offers, key=lambda o: o[:2])
        for attempt in gone:
            self.stop(attempt, JobEvent.PREEMPT)
        return pool, places


# --- multifactor ---------------------------------------------------------------------------------------------------


class Shares:
    """Decayed usage, Fair Tree factors and the multifactor priority."""

    def __init__(self, world: Naive) -> None:
        self.world, self.tick_at = world, 0
        listed = {t.name for t in world.scenario.projects}
        self.tree = [(t.name, t.parent, t.shares) for t in world.scenario.projects]
        self.tree += [(name, "", 1) for name in world.workload.projects if name not in listed]
        self.usage = [0.0] * len(world.workload.projects)
        self.refresh()

    def tick(self, t: int) -> None:
        period, half_life = self.world.policy.weights.period_s, self.world.policy.weights.half_life_s
        tick, last = t // period * period, self.tick_at
        if tick == last:
            return
        factor = 2.0 ** (-(tick - last) / half_life)
        for project in range(len(self.usage)):
            used = 0
            for a in self.world.running + self.world.past:
                if self.world.jobs[a.job].project == project:
                    used += a.charge * max(0, (tick if a.stopped is None else a.stopped) - max(a.start, last))
            self.usage[project] = self.usage[project] * factor + used
        self.tick_at = tick
        self.refresh()

    def refresh(self) -> None:
        usage = dict(zip(self.world.workload.projects, self.usage, strict=True))
        self.fair = fair_tree(self.tree, usage)

    def priority(self, job: Row) -> int:
        world, weights = self.world, self.world.policy.weights
        classes = [j.priority for j in world.jobs]
        low, high = min(classes), max(classes)
        age = min(max(self.tick_at - job.submit_s, 0) / weights.max_age_s, 1.0)
        fair = self.fair[world.workload.projects[job.project]]
        size = min(job.size_milli / (1000 * world.fleet_accelerators), 1.0) if world.fleet_accelerators else 0.0
        rank = (job.priority - low) / (high - low) if high > low else 0.0
        terms = (weights.age * age, weights.fair_share * fair, weights.size * size, weights.priority_class * rank)
        return int(((terms[0] + terms[1]) + terms[2]) + terms[3])


def fair_tree(tree: Sequence[tuple[str, str, int]], usage: dict[str, float]) -> dict[str, float]:
    """Slurm's Fair Tree: `(name, parent, shares)` rows and leaf usages to each leaf's factor in (0, 1]."""
    children: dict[str, list[str]] = {"": []}
    shares = {name: count for name, _, count in tree}
    for name, parent, _ in tree:
        children.setdefault(parent, []).append(name)

    def used(name: str) -> float:
        return sum((used(c) for c in children[name]), 0.0) if name in children else usage.get(name, 0.0)

    def level(name: str, siblings: list[str]) -> float:
        all_shares, all_used = sum(shares[s] for s in siblings), sum((used(s) for s in siblings), 0.0)
        if shares[name] == 0:
            return 0.0
        if used(name) == 0:
            return math.inf
        return (shares[name] / all_shares) / (used(name) / all_used)

    leaves = len([name for name in shares if name not in children])
    levels = {c: level(c, siblings) for siblings in children.values() for c in siblings}
    factors: dict[str, float] = {}
    rank = leaves

    def visit(names: list[str], tied: bool) -> None:
        """Rank the leaves below `names`; `tied`: the first of them has the rank of the leaf before."""
        nonlocal rank
        for value in sorted({levels[n] for n in names}, reverse=True):
            equal = [n for n in names if levels[n] == value]
            for leaf in (n for n in equal if n not in children):
                rank = rank if tied else leaves - len(factors)
                factors[leaf], tied = rank / leaves, True
            merged = [c for n in equal if n in children for c in children[n]]
            if merged:
                visit(merged, tied)
            tied = False

    visit(children[""], False)
    return factors
