"""What the control loop knows: the live snapshot with its jobs and attempts, made from the database when a process starts.

The database holds the facts; this can be thrown away at any time and made again. `why` and `when` make one for themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from heapq import heappush
from operator import itemgetter
from typing import Any

import numpy as np
from django.db.models import TextField
from django.db.models.functions import Cast

from dure.app.programme import fleet_of_programme
from dure.fleet import Fleet
from dure.kernels import codes
from dure.kernels.layout import G_WAKES
from dure.lifecycle.attempts import Desired, Observed
from dure.operation.asking import to_job
from dure.operation.orders import obey_sites
from dure.operation.run_facts import Court
from dure.scheduler.live import (
    NodeChange,
    advance_nodes,
    close_ahead,
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
from dure.store.documents import from_json
from dure.store.jobs import Pulse
from dure.units import DAY_S, HOUR_S
from dure.vocabulary import JobEvent, JobState, Refusal
from dure.workload import Job, Workload
from dure.workload.spec import JobSpec

SCAVENGES = "scavenge/"  # before the name of a project whose jobs run at the lowest priority, uncharged
DEFAULT_POLICY = "priority"
CANCEL, REQUEUE = 1, 2  # models.Job.wish
RULED_S = 5  # the longest that a ruling is taken to hold, by the clock alone
LOWEST = -1000
HIGHEST = 1000
"""Priority classes of jobs; the lowest is for those that scavenge."""
JobRow = tuple[int, int, str, bool, str]
"""Of a job: submitted (UTC seconds), its number, its project, whether it scavenges, what the scheduler sees of its spec."""
_SEEN = (
    "project", "kind", "accelerators", "models", "share_milli", "cores_milli", "memory_mib", "limit_s", "save_every_s",
    "priority", "earliest_utc_s",
)  # fmt: skip
_SEEN_IF_ANY = ("expires_utc_s", "variants")


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
    refused: str = ""  # the engine would not take it: why; not kept, the engine is asked again after a crash
    lost: bool = (
        False  # the engine knows nothing of it, and should: it is killed first, so that no late launch revives it
    )
    killed: bool = False  # this process has told the engine to kill it; not kept


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
    outages: dict[int, str] = field(default_factory=dict)  # by number: ahead, open (the nodes are closed) or over
    down: dict[int, str] = field(default_factory=dict)  # nodes that failed, with the cause
    terms: dict[str, ProjectTerms] = field(default_factory=dict)
    scavenge: set[str] = field(default_factory=set)  # projects whose jobs scavenge once their units are spent
    stopped: set[str] = field(default_factory=set)
    journal: int = 0  # entries of the ledger that the budgets here know of

    def node_names(self) -> list[str]:
        """Names of the nodes, by number."""
        if not hasattr(self, "_names"):
            self._names = _names(self.fleet)
        return self._names

    def number_of_node(self) -> dict[str, int]:
        """Numbers of the nodes, by name."""
        if not hasattr(self, "_numbers"):
            self._numbers = {name: v for v, name in enumerate(self.node_names())}
        return self._numbers

    def nodes_of_site(self, site: str) -> list[int]:
        """Nodes of a site, by number."""
        pools = [i for i, p in enumerate(self.fleet.pools) if p.site == site]
        return [int(v) for v in np.flatnonzero(np.isin(self.fleet.node_pool(), pools))]

    def add(self, jobs: Iterable[models.Job]) -> None:
        """Append jobs to the snapshot, in order of their times, without submitting them."""
        self.add_rows([(j.submitted_utc_s, j.seq, j.project, j.scavenges, _seen(j.spec)) for j in jobs])

    def add_rows(self, rows: Iterable[JobRow]) -> None:
        """As `add`, from what the database has of the jobs."""
        rows = sorted(rows, key=itemgetter(0, 1))
        jobs = as_asked(rows, self.zero_utc_s)
        if missing := set(jobs.projects) - self.terms.keys():
            self.learn(sorted(missing))
        self.snapshot, first = self.snapshot.extended(jobs, by_terms=False)
        seqs = [seq for _, seq, *_ in rows]
        self.row_of.update(zip(seqs, range(first, first + len(seqs)), strict=True))
        self.seq_of += seqs
        self.project_of += [jobs.projects[i] for i in jobs.project.tolist()]

    def learn(self, projects: Iterable[str]) -> None:
        """Take the terms of these projects, and the units they have left, as they are in the database now."""
        for terms, budget in terms_of(list(projects)):
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
        state, times = self.snapshot.state, [at for at, _ in self.undelivered[:1]]
        if state.g[G_WAKES] > 0:
            times.append(int(state.wakes[0]["key"]) + self.zero_utc_s)
        return min(times, default=None)

    def ruled_by(self, new: Pulse, now: int) -> None:
        """Keep rulings as long as nothing that they follow from has changed; time alone changes them at its own pace."""
        same = self.pulse is not None and self.pulse.governed == new.governed
        if self.court is not None and (not same or now - self.court.now > RULED_S):
            self.court = None

    def court_at(self, now: int) -> Court:
        """Rulings as of now, or of a moment that is near enough."""
        if self.court is None:
            self.court = Court(self.fleet, now)
        return self.court

    def take(self, one: Try) -> None:
        """Keep an eye on a live attempt."""
        self.tries[one.key] = self.of_job[one.job] = one
        self.note(one)
        if one.run_utc_s is not None:
            heappush(self.deadlines, (one.run_utc_s + one.limit_s, one.key))

    def note(self, one: Try) -> None:
        """Whether something is to be asked of the engine about an attempt, after it changed."""
        asks = one.desired != Desired.RUN or one.observed == Observed.INTENDED or one.lost
        (self.restless.add if asks else self.restless.discard)(one.key)

    def drop(self, one: Try) -> None:
        """An attempt ended."""
        del self.tries[one.key], self.of_job[one.job]
        self.restless.discard(one.key)


def as_asked(rows: Sequence[JobRow], zero_utc_s: int) -> Workload:
    """The scheduler's view of jobs, ordered by time. Those that scavenge hang below a project of their own.

    Programmes ask for the same few things again and again, with other names and commands: each is read once.
    """
    kinds: dict[tuple[str, str, int], int] = {}
    asked: list[Job] = []
    which = np.empty(len(rows), np.int64)
    for i, (submitted, _, project, scavenges, seen) in enumerate(rows):
        own = submitted if '"expires_utc_s"' in seen else 0  # its limit depends on when it came
        key = (seen, project if scavenges else "", own)
        if (number := kinds.get(key)) is None:
            number = kinds[key] = len(asked)
            job = to_job(from_json(JobSpec, json.loads(seen)), submitted, zero_utc_s)
            if scavenges:
                job = replace(job, project=SCAVENGES + project, priority=LOWEST)
            asked.append(replace(job, submit_s=0))  # all alike in this, they stay in their order
        which[i] = number
    submitted_s = np.array([submitted for submitted, *_ in rows], np.int64) - zero_utc_s
    return replace(Workload.from_jobs(asked).take(which), submit_s=np.maximum(0, submitted_s))


def _seen(spec: Mapping[str, Any]) -> str:
    """What the scheduler sees of a spec's document, as a document of its own."""
    seen = {name: spec[name] for name in _SEEN if name in spec}
    seen |= {name: value for name in _SEEN_IF_ANY if (value := spec.get(name))}
    if "variants" in seen:
        seen["command"] = spec.get("command", [])
    return json.dumps(seen)


@lru_cache(maxsize=4096)
def _seen_in(text: str) -> str:
    return _seen(json.loads(text))


def terms_of(projects: list[str]) -> list[tuple[ProjectTerms, int | None]]:
    """Terms of projects with the milli-unit-seconds they have left; what scavenges has no budget."""
    plain = [p for p in projects if not p.startswith(SCAVENGES)]
    left = {p: s.remaining * HOUR_S for p, s in ledger.standings(plain).items()}
    kept = {t.project_id: t for t in models.Terms.objects.filter(project__in=plain)}
    stopped = set(models.Project.objects.filter(id__in=plain, stopped=True).values_list("id", flat=True))
    found: list[tuple[ProjectTerms, int | None]] = []
    for name in projects:
        if name.startswith(SCAVENGES):
            found.append((ProjectTerms(name, shares=1), None))
            continue
        own = kept.get(name)
        limit = 0 if name in stopped else own.limit_accelerators if own else None
        found.append((ProjectTerms(name, shares=own.shares if own else 1, limit_accelerators=limit), left.get(name, 0)))
    return found


def _names(fleet: Fleet) -> list[str]:
    """`fleet.node_name` of all nodes at once."""
    if fleet.node_names:
        return list(fleet.node_names)
    names, seen = [], [0] * len(fleet.pools)
    for pool in fleet.node_pool().tolist():
        names.append(f"{fleet.pools[pool].id}/{seen[pool]}")
        seen[pool] += 1
    return names


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
    texts = rows.annotate(text=Cast("spec", TextField())).values_list(
        *columns, "text"
    )  # most are alike: not parsed yet
    saved_s: dict[int, int] = {}
    jobs: list[JobRow] = []
    for submitted, seq, project, scavenges, saved, text in texts.iterator():
        jobs.append((submitted, seq, project, scavenges, _seen_in(text)))
        if saved:
            saved_s[seq] = saved
    if jobs:
        world.add_rows(jobs)
    _resume(world, saved_s, now)
    _remember(world, now)
    obey_sites(world, now)
    return world


def _resume(world: World, saved_s: Mapping[int, int], now: int) -> None:
    """Tell the snapshot what became of its jobs: when they came, what they have saved, and where those that run were started."""
    for seq, saved in saved_s.items():
        world.snapshot = set_saved(world.snapshot, world.row_of[seq], saved)
    submitted = world.snapshot.state.submit[: len(world.seq_of)].tolist()
    told: list[tuple[int, JobEvent, int, Placement | None]]
    told = [(at, JobEvent.SUBMIT, row, None) for row, at in enumerate(submitted)]
    pools = {p.id: i for i, p in enumerate(world.fleet.pools)}
    live = models.Attempt.objects.filter(observed__lt=Observed.ENDED).select_related("job")
    for order, row in enumerate(sorted(live, key=lambda a: (a.start_utc_s, a.job_id))):
        one = _try(row, order)
        world.take(one)
        nodes, devices = zip(*one.nodes, strict=True) if one.nodes else ((), ())
        place = Placement(world.row_of[one.job], pools[one.pool], tuple(nodes), tuple(devices))
        told.append((one.start_utc_s - world.zero_utc_s, JobEvent.START, place.job, place))
    world.starts = len(world.tries)
    told.sort(key=lambda t: t[0])
    world.snapshot = resumed(world.snapshot, now - world.zero_utc_s, told)


def _try(a: models.Attempt, order: int) -> Try:
    return Try(
        a.key, a.job_id, a.number, a.pool, tuple((n, m) for n, m in a.nodes), a.start_utc_s, order, a.limit_s, a.charge,
        a.reserved, a.held_milli, a.job.kind, Desired(a.desired), Observed(a.observed), a.ending, a.cause, a.run_utc_s, a.stop_utc_s,
        a.stop_how, a.port, a.energy_j, a.busy_milli, a.unhealthy, a.health_utc_s,
    )  # fmt: skip


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
