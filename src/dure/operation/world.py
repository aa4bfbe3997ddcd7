"""What the control loop knows: the live snapshot with its jobs and attempts, made from the database when a process starts.

The database holds the facts; this can be thrown away at any time and made again. `why` and `when` make one for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappush
from typing import Any

import numpy as np
from django.db.models import TextField
from django.db.models.functions import Cast

from dure.app.programme import fleet_of_programme
from dure.errors import DureError
from dure.executors.base import Stop
from dure.fleet import Fleet
from dure.kernels import codes
from dure.lifecycle.attempts import Desired, Observed
from dure.operation.arrivals import LOWEST, SCAVENGES, Arrivals, seen_in, seen_of
from dure.operation.orders import obey_sites
from dure.operation.run_facts import Court
from dure.scheduler.live import (
    NodeChange,
    advance_nodes,
    close_ahead,
    next_wake,
    refused_forever,
    remember_usage,
    resumed,
    set_cap,
    set_saved,
    set_terms,
)
from dure.scheduler.policies import Policy
from dure.scheduler.policies import policy as policy_named
from dure.scheduler.snapshot import Event, Placement, Snapshot, advance
from dure.scheduler.terms import ProjectTerms
from dure.store import ledger, models
from dure.store.jobs import Pulse
from dure.units import DAY_S, HOUR_S
from dure.vocabulary import JobState, Refusal

DEFAULT_POLICY = "priority"
CANCEL, REQUEUE = 1, 2  # models.Job.wish
RULED_S = 5  # the longest that a ruling is taken to hold, by the clock alone
HIGHEST = 1000
"""Priority classes of jobs; the lowest is for those that scavenge."""


@dataclass(slots=True)
class Try:
    """A live attempt, as `models.Attempt` has it."""

    key: str
    job: int
    number: int
    pool: str
    nodes: tuple[tuple[int, int], ...]
    start_utc_s: int
    order: int  # of starting
    limit_s: int = 0
    charge: int = 0
    reserved: bool = False
    held_milli: int = 0
    kind: int = 0
    desired: Desired = Desired.RUN
    observed: Observed = Observed.INTENDED
    ending: int = 0
    cause: str = ""
    run_utc_s: int | None = None
    stop_utc_s: int | None = None
    stop_how: int = -1
    port: int = 0
    energy_j: int | None = None
    busy_milli: int | None = None
    unhealthy: int = 0
    health_utc_s: int = 0
    engine: str = ""  # the identity of the engine that it was meant for
    refused: str = ""  # the engine would not take it: why; not kept, the engine is asked again after a crash
    refusals: int = 0
    on_node: str = ""  # why the node under it is down, where that is why it was refused
    again_utc_s: int = 0  # when it is asked again
    lost: bool = False  # the engine should know of it, and does not: killed first, so that no late launch revives it
    killed: bool = False  # this process has told the engine to kill it; not kept


_KEPT = (
    "key", "number", "pool", "nodes", "start_utc_s", "limit_s", "charge", "reserved", "held_milli", "desired", "observed",
    "ending", "cause", "run_utc_s", "stop_utc_s", "stop_how", "port", "energy_j", "busy_milli", "unhealthy", "health_utc_s",
    "engine",
)  # fmt: skip


@dataclass
class World:
    """The snapshot, and which job each of its rows is. Snapshot time is UTC seconds less `zero_utc_s`."""

    fleet: Fleet
    policy: Policy
    snapshot: Snapshot
    zero_utc_s: int
    row_of: dict[int, int] = field(default_factory=dict)
    seq_of: list[int] = field(default_factory=list)
    project_of: list[str] = field(default_factory=list)  # of each row
    tries: dict[str, Try] = field(default_factory=dict)
    of_job: dict[int, Try] = field(default_factory=dict)
    restless: set[str] = field(default_factory=set)  # attempts of which something is to be asked
    deadlines: list[tuple[int, str]] = field(default_factory=list)  # heap: when running attempts are past their limit
    starts: int = 0
    drained: set[str] = field(default_factory=set)  # sites
    caps: dict[str, int | None] = field(default_factory=dict)
    undelivered: list[tuple[int, int]] = field(default_factory=list)  # (UTC seconds, node), soonest first
    next_outage_utc_s: int = 0  # when one begins or ends
    pulse: Pulse | None = None  # what was new in the cycle before
    looked_utc_s: int = 0  # at what rules hold back
    court: Court | None = None  # rulings that still hold
    unread: dict[int, str] = field(default_factory=dict)  # jobs that cannot be in the snapshot any more, and why
    outages: dict[int, str] = field(default_factory=dict)  # by number: ahead, open (the nodes are closed) or over
    engines: dict[str, str] = field(default_factory=dict)  # identity of the engine of each pool
    down: dict[int, str] = field(default_factory=dict)  # nodes that failed, with the cause
    terms: dict[str, ProjectTerms] = field(default_factory=dict)
    scavenge: set[str] = field(default_factory=set)  # projects whose jobs scavenge once their units are spent
    stopped: set[str] = field(default_factory=set)
    journal: int = 0  # entries of the ledger that the budgets here know of

    def node_names(self) -> Sequence[str]:
        """Names of the nodes, by number."""
        return self.fleet.named_nodes

    @cached_property
    def number_of_node(self) -> dict[str, int]:
        """Numbers of the nodes, by name."""
        return {name: v for v, name in enumerate(self.fleet.named_nodes)}

    @cached_property
    def pool_of_node(self) -> list[str]:
        """Pools of the nodes, by number."""
        return [self.fleet.pools[i].id for i in self.fleet.node_pool().tolist()]

    def nodes_of_site(self, site: str) -> list[int]:
        """Nodes of a site, by number."""
        pools = [i for i, p in enumerate(self.fleet.pools) if p.site == site]
        return [int(v) for v in np.flatnonzero(np.isin(self.fleet.node_pool(), pools))]

    def add(self, jobs: Iterable[models.Job]) -> None:
        """Append jobs to the snapshot, in order of their times, without submitting them."""
        coming = Arrivals(self.zero_utc_s)
        for job in sorted(jobs, key=lambda job: (job.submitted_utc_s, job.seq)):
            coming.take(job.submitted_utc_s, job.seq, job.project, job.scavenges, seen_of(job.spec))
        self.let_in(coming)

    def let_in(self, coming: Arrivals) -> None:
        """As `add`."""
        jobs = coming.workload()
        if missing := set(jobs.projects) - self.terms.keys():
            self.learn(missing)
        self.snapshot, first = self.snapshot.extended(jobs, by_terms=False)
        self.row_of.update(zip(coming.seqs, range(first, first + len(jobs)), strict=True))
        self.seq_of += coming.seqs
        self.project_of += [jobs.projects[i] for i in jobs.project.tolist()]

    def learn(self, projects: Iterable[str]) -> None:
        """Take the terms of these projects, and the units they have left, as they are in the database now."""
        beside = {SCAVENGES + p for p in projects} & self.terms.keys()
        for terms, budget in terms_of(sorted({*projects, *beside})):
            self.terms[terms.name] = terms
            self.snapshot = set_terms(self.snapshot, terms, budget_milli_unit_s=budget)

    def advance(self, now: int, events: Sequence[Event]) -> None:
        """Tell the snapshot what happened until now."""
        self.snapshot = advance(self.snapshot, now - self.zero_utc_s, events)

    def nodes_changed(self, nodes: Iterable[int], kind: int, now: int) -> None:
        """Tell the snapshot of nodes that fail, are repaired, close or open (`kernels.codes`)."""
        changes = [NodeChange(v, kind) for v in nodes]
        if changes:
            self.snapshot = advance_nodes(self.snapshot, now - self.zero_utc_s, changes)

    def close_ahead(self, nodes: Sequence[int], from_utc_s: int, to_utc_s: int) -> None:
        """Promise nodes to planned work."""
        self.snapshot = close_ahead(self.snapshot, nodes, from_utc_s - self.zero_utc_s, to_utc_s - self.zero_utc_s)

    def set_cap(self, site: str, cap_w: int | None) -> None:
        """Put another cap on a site's power; None: the fleet's own."""
        self.caps[site] = cap_w
        own = next(s.power_cap_w for s in self.fleet.sites if s.id == site)
        self.snapshot = set_cap(self.snapshot, site, own if cap_w is None else cap_w)

    def saved_of(self, row: int) -> int:
        """Work of a job behind its save points, as the pass counts it."""
        return int(self.snapshot.state.saved[row])

    def limit_of(self, row: int) -> int:
        """Time limit of a job, as the pass has it."""
        return int(self.snapshot.state.limit[row])

    def set_saved(self, row: int, saved_s: int) -> None:
        """Put right how much work of a waiting job is behind its save points."""
        self.snapshot = set_saved(self.snapshot, row, saved_s)

    def next_wake_utc_s(self) -> int | None:
        """When time alone changes what may start: an earliest start, a promised place, a delivery; None: never."""
        times, wake = [at for at, _ in self.undelivered[:1]], next_wake(self.snapshot)
        return min(times if wake is None else [*times, wake + self.zero_utc_s], default=None)

    def ruled_by(self, new: Pulse, now: int) -> None:
        """Keep rulings as long as nothing that they follow from has changed; time alone changes them at its own pace."""
        same = self.pulse is not None and self.pulse.governed == new.governed
        if not same:
            self.court = None
        elif self.court is not None:
            self.court.renew(now, RULED_S)

    def court_at(self, now: int, jobs: Iterable[models.Job]) -> Court:
        """Rulings as of now, or of a moment that is near enough, about some jobs."""
        if self.court is None:
            self.court = Court(self.fleet, now)
        self.court.gather(job.project for job in jobs)
        return self.court

    def take(self, one: Try) -> None:
        """Keep an eye on a live attempt."""
        self.tries[one.key] = self.of_job[one.job] = one
        self.note(one)
        due = one.start_utc_s if one.run_utc_s is None else one.run_utc_s + one.limit_s
        heappush(self.deadlines, (due, one.key))

    def note(self, one: Try) -> None:
        """Whether something is to be asked of the engine about an attempt, after it changed."""
        asks = one.desired != Desired.RUN or one.observed == Observed.INTENDED or one.lost
        (self.restless.add if asks else self.restless.discard)(one.key)

    def drop(self, one: Try) -> None:
        """An attempt ended."""
        del self.tries[one.key], self.of_job[one.job]
        self.restless.discard(one.key)


def terms_of(projects: list[str]) -> list[tuple[ProjectTerms, int | None]]:
    """Terms of projects with the milli-unit-seconds they have left; what scavenges has no budget."""
    plain = sorted({p.removeprefix(SCAVENGES) for p in projects})
    left = {p: s.remaining * HOUR_S for p, s in ledger.standings(plain).items()}
    kept = {t.project_id: t for t in models.Terms.objects.filter(project__in=plain)}
    stopped = set(models.Project.objects.filter(id__in=plain, stopped=True).values_list("id", flat=True))
    found: list[tuple[ProjectTerms, int | None]] = []
    for name in projects:
        project = name.removeprefix(SCAVENGES)
        own = kept.get(project)
        limit = 0 if project in stopped else own.limit_accelerators if own else None
        shares, budget = (1, None) if name != project else (own.shares if own else 1, left.get(name, 0))
        found.append((ProjectTerms(name, shares=shares, limit_accelerators=limit), budget))
    return found


def load(now: int, policy: Policy | None = None) -> World:
    """The world as the database has it: live jobs with the attempts that run, what is down, what each project has left.

    Without a `policy`, that of the loop that led last. Reads only.
    """
    fleet = fleet_of_programme()
    if policy is None:
        named = models.Leader.objects.filter(id=1).values_list("policy", flat=True).first()
        policy = policy_named(named or DEFAULT_POLICY)
    made = models.Programme.objects.values_list("created_utc_s", flat=True)[0]
    first = models.Job.objects.order_by("seq").values_list("submitted_utc_s", flat=True).first()
    zero = min(x for x in (made, first, now) if x is not None) // DAY_S * DAY_S
    snapshot = Snapshot.live(fleet, policy, terms=(), classes=(LOWEST, HIGHEST))
    world = World(fleet, policy, snapshot.changing(), zero)
    world.journal = models.Transfer.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    world.stopped = set(models.Project.objects.filter(stopped=True).values_list("id", flat=True))
    world.scavenge = set(models.Terms.objects.filter(when_spent="scavenge").values_list("project", flat=True))
    states = (JobState.WAITING, JobState.RUNNING)
    rows = models.Job.objects.filter(state__in=states).exclude(refusal=Refusal.HELD, state=JobState.WAITING)
    columns = ("submitted_utc_s", "seq", "project", "scavenges", "saved_s")
    coming, saved_s = Arrivals(zero), dict[int, int]()
    texts = rows.order_by("submitted_utc_s", "seq").annotate(text=Cast("spec", TextField()))  # most are alike
    for submitted, seq, project, scavenges, saved, text in texts.values_list(*columns, "text").iterator():
        try:
            coming.take(submitted, seq, project, scavenges, seen_in(text))
        except (DureError, LookupError, TypeError, ValueError) as fault:  # of another version: it stops no other
            world.unread[seq] = str(fault)
            continue
        if saved:
            saved_s[seq] = saved
    if coming.seqs:
        world.let_in(coming)
    _resume(world, saved_s, now)
    world.learn(world.terms)  # what runs has taken off its reservations a second time
    _remember(world, now)
    obey_sites(world, now)
    return world


def _resume(world: World, saved_s: Mapping[int, int], now: int) -> None:
    """Tell the snapshot what became of its jobs: when they came, what they have saved, and where those that run were started."""
    for seq, reason in refused_forever(world.snapshot, range(len(world.seq_of))).items():  # of another fleet
        world.unread[world.seq_of[seq]] = f"it fits nowhere any more ({reason.name.lower()})"
    for seq in world.unread:
        world.row_of.pop(seq, None)
    for seq, saved in saved_s.items():
        if seq in world.row_of:
            row = world.row_of[seq]
            world.snapshot = set_saved(world.snapshot, row, min(saved, world.limit_of(row)))
    starts: list[tuple[int, Placement]] = []
    pools = {p.id: i for i, p in enumerate(world.fleet.pools)}
    live = models.Attempt.objects.filter(observed__lt=Observed.ENDED).order_by("start_utc_s", "job_id")
    for order, (job, kind, *row) in enumerate(live.values_list("job_id", "job__kind", *_KEPT)):
        one = _try(job, kind, order, dict(zip(_KEPT, row, strict=True)))
        world.take(one)
        if one.job not in world.row_of or pools.get(one.pool) not in world.snapshot.pools_of(world.row_of[one.job]):
            world.row_of.pop(one.job, None)  # it is watched to its end, outside of the snapshot
            continue
        nodes, devices = zip(*one.nodes, strict=True) if one.nodes else ((), ())
        place = Placement(world.row_of[one.job], pools[one.pool], tuple(nodes), tuple(devices))
        starts.append((one.start_utc_s - world.zero_utc_s, place))
    world.starts = len(world.tries)
    rows = np.array(sorted(world.row_of.values()), np.int64)
    world.snapshot = resumed(world.snapshot, now - world.zero_utc_s, rows, starts)


def _try(job: int, kind: int, order: int, row: dict[str, Any]) -> Try:
    row["nodes"] = tuple((n, m) for n, m in row["nodes"])
    row["desired"], row["observed"] = Desired(row["desired"]), Observed(row["observed"])
    row["stop_how"] = -1 if row["stop_how"] == Stop.SAVE else row["stop_how"]
    return Try(job=job, kind=kind, order=order, **row)


def _remember(world: World, now: int) -> None:
    """What holds beside the jobs: usage for fair share, nodes that are down or to come, what operators ordered."""
    half_life = world.policy.weights.half_life_s
    used = {
        m.project_id: m.used * 0.5 ** (max(0, now - m.used_utc_s) / half_life)
        for m in models.Meter.objects.filter(used__gt=0, project__in=list(world.terms))
    }
    if used:
        world.snapshot = remember_usage(world.snapshot, used)
    world.undelivered = _deliveries(world.fleet, now)
    world.nodes_changed([v for _, v in world.undelivered], codes.CLOSE, now)
    world.down = {n.node: n.cause for n in models.NodeState.objects.filter(up=False)}
    world.nodes_changed(world.down, codes.FAIL, now)


def _deliveries(fleet: Fleet, now: int) -> list[tuple[int, int]]:
    """(UTC seconds, node) of what is still to come: a pool's last nodes come last."""
    later, pool_of = [], fleet.node_pool()
    for i, pool in enumerate(fleet.pools):
        times = sorted(fleet.start_utc_s + d.at_s for d in pool.deliveries for _ in range(d.nodes))
        nodes = np.flatnonzero(pool_of == i)[pool.nodes - len(times) :]
        later += [(at, int(v)) for v, at in zip(nodes, times, strict=True) if at > now]
    return sorted(later)
