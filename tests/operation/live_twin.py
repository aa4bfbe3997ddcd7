"""One workload through the live loop (a database, a stub engine, a clock that jumps) and through the twin: the same log?"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dure.fleet import Fleet
from dure.scheduler.terms import ProjectTerms
from dure.simulator.run import run
from dure.simulator.scenario import NodeFailure, Scenario
from dure.units import DAY_S
from dure.vocabulary import JobEvent
from dure.workload import Workload
from dure.workload.spec import JobSpec
from tests.operation.simulation import PROJECTS, START

Row = tuple[int, int, int, int, int]  # second, job, event, reason, pool
Placed = tuple[int, tuple[tuple[int, int], ...]]  # job, (node, devices)
PLENTY = 10**12  # milli-units


@dataclass(frozen=True)
class Asked:
    """A job, when it comes, and how long it truly lasts at speed 1."""

    at_s: int
    spec: JobSpec
    lasts_s: int


@dataclass(frozen=True)
class Log:
    """What happened."""

    rows: list[Row]
    placed: list[Placed]


def set_stage(fleet_toml: str) -> Fleet:
    """A fleet, and projects that can pay for anything; in a fresh world of `simulation`."""
    from dure.app.programme import fleet_of_programme
    from dure.ledger.model import Cause, Transfer
    from dure.store import ledger, models
    from tests.operation import simulation

    simulation.fresh()
    models.Programme.objects.update(fleet_toml=fleet_toml)
    models.Terms.objects.all().delete()
    more = [Transfer("plenty", "programme", "track:c/all", PLENTY * len(PROJECTS), Cause.ISSUE, START)]
    more += [Transfer(f"plenty-{p}", "track:c/all", f"project:{p}", PLENTY, Cause.SUPPLEMENT, START) for p in PROJECTS]
    ledger.record(more)
    return fleet_of_programme()


def live(fleet: Fleet, asked: Sequence[Asked], policy: str, failures: Iterable[NodeFailure] = ()) -> Log:
    """Through the control loop."""
    from dure.lifecycle.attempts import Grace
    from dure.operation.loop import Loop
    from dure.store import models
    from dure.store.documents import to_json
    from dure.vocabulary import JobKind, JobState
    from tests.operation import simulation
    from tests.operation.stub import StubEngine, VirtualClock, Work

    clock = VirtualClock(START)
    works = [Work(lasts=a.lasts_s, every=a.spec.save_every_s) for a in asked]
    engine = StubEngine.of_fleet(
        fleet, [p.id for p in fleet.pools], clock, heartbeat_s=0, keeps_limits=True,
        work_of=lambda launch: works[launch.job - 1], share_of=lambda launch: asked[launch.job - 1].spec.share_milli,
    )  # fmt: skip
    lead = simulation.SimulatedLead(simulation.Hall())
    loop = Loop(dict.fromkeys((p.id for p in fleet.pools), engine), clock, policy=policy, grace=Grace(), lead=lead)
    names = [fleet.node_name(n) for n in range(len(fleet.node_pool()))]
    ups = sorted([(f.from_s, True, f.node) for f in failures] + [(f.to_s, False, f.node) for f in failures])
    came = 0
    while True:
        moments = [START + asked[came].at_s] if came < len(asked) else []
        moments += [end] if (end := engine.next_end()) is not None else []
        if loop.world is not None and (due := loop.world.next_wake_utc_s()) is not None:
            moments.append(due)
        if ups and (moments or models.Job.objects.filter(state__in=(0, 1, 2)).exists()):
            moments.append(START + ups[0][0])
        if not moments:
            break
        clock.seconds = max(min(moments), clock.seconds)
        now = clock.seconds - START
        while ups and ups[0][0] == now:
            _, dies, node = ups.pop(0)
            (engine.kill_node if dies else engine.repair_node)(names[node])
        until = came
        while until < len(asked) and asked[until].at_s == now:
            until += 1
        models.Job.objects.bulk_create(
            models.Job(
                project=a.spec.project, user=f"lead-{a.spec.project}", kind=JobKind[a.spec.kind.upper()], name=a.spec.name,
                spec=to_json(a.spec), state=JobState.NEW, submitted_utc_s=clock.seconds,
            )
            for a in asked[came:until]
        )  # fmt: skip
        came = until
        loop.cycle()
    assert not engine.broken, engine.broken[:3]
    return _log_of_database(fleet)


def _log_of_database(fleet: Fleet) -> Log:
    from dure.store import models

    pool_of = {p.id: i for i, p in enumerate(fleet.pools)}
    rows, placed = [], []
    nodes = dict(models.Attempt.objects.values_list("key", "nodes"))
    columns = ("at_utc_s", "job", "event", "reason", "pool", "attempt")
    for at, job, event, reason, pool, attempt in models.JobEvent.objects.order_by("seq").values_list(*columns):
        start = event == JobEvent.START
        rows.append((at - START, job - 1, event, reason, pool_of[pool] if start else -1))
        if start:
            placed.append((job - 1, tuple((n, mask) for n, mask in nodes[attempt])))
    return Log(rows, placed)


def twin(fleet: Fleet, asked: Sequence[Asked], policy: str, failures: Iterable[NodeFailure] = ()) -> Log:
    """Through the twin, told what the loop knows: what each project may spend, and when its clock began."""
    zero = _zero_utc_s()
    later = START - zero
    scenario = Scenario(
        projects=tuple(ProjectTerms(p, budget_milli_units=PLENTY) for p in PROJECTS),
        failures=tuple(NodeFailure(f.node, f.from_s + later, f.to_s + later) for f in failures),
    )
    from dure.operation.asking import to_job

    jobs = Workload.from_jobs(replace(to_job(a.spec, START + a.at_s, zero), duration_s=a.lasts_s) for a in asked)
    log = run(fleet, jobs, policy, scenario)
    rows = [(int(at) - later, *map(int, row)) for at, *row in log.events.tolist()]
    starts = np.flatnonzero(log.events["event"] == JobEvent.START)
    first = np.searchsorted(log.placements["row"], starts, "left")
    last = np.searchsorted(log.placements["row"], starts, "right")
    placed = [
        (
            int(log.events["job"][row]),
            tuple(zip(log.placements["node"][a:b].tolist(), log.placements["devices"][a:b].tolist())),
        )
        for row, a, b in zip(starts, first, last)
    ]
    return Log(rows, placed)  # type: ignore[arg-type]


def _zero_utc_s() -> int:
    """Second 0 of the loop's snapshot, by which multifactor's ticks go."""
    from dure.store import models

    return models.Programme.objects.values_list("created_utc_s", flat=True)[0] // DAY_S * DAY_S


def differences(a: Log, b: Log) -> list[str]:
    """Where two logs part; empty where they are the same."""
    for what, ours, theirs in (("row", a.rows, b.rows), ("placement", a.placed, b.placed)):
        for n, (x, y) in enumerate(zip(ours, theirs)):
            if x != y:
                around = f"{[_said(r) for r in ours[max(0, n - 3) : n + 3]]}\n{[_said(r) for r in theirs[max(0, n - 3) : n + 3]]}"
                return [f"{what} {n}: the loop has {_said(x)}, the twin {_said(y)}", around]
        if len(ours) != len(theirs):
            return [f"{len(ours)} {what}s in the loop, {len(theirs)} in the twin"]
    return []


def _said(row: Any) -> str:
    return f"{row[0]} s: job {row[1]} {JobEvent(row[2]).name} {row[3]} {row[4]}" if len(row) == 5 else str(row)


POOLS = """
name = "Twin"
start = 2026-01-01

[[site]]
id = "s"
name = "S"
country = "KR"
n2sf = "o"

[[pool]]
id = "h200"
site = "s"
model = "H200"
nodes = {nodes}
accelerators_per_node = 8
cores = 64
memory = "1 TiB"

[[pool]]
id = "h100"
site = "s"
model = "H100"
nodes = {nodes}
accelerators_per_node = 4
cores = 32
memory = "256 GiB"
"""


def asked_by_chance(seed: int, count: int, span_s: int) -> list[Asked]:
    """Jobs of many shapes, by three projects."""
    r = random.Random(seed)
    found = []
    for at in sorted(r.randrange(span_s) for _ in range(count)):
        kind = r.choice(("batch", "batch", "training", "evaluation"))
        models = ("H200",) if kind == "training" else r.choice(((), ("H200",), ("H100",), ("H200", "H100")))
        accelerators = r.choice((1, 1, 1, 2, 4, 8, 12))
        lasts = int(r.expovariate(1 / 400)) + 1
        limit = max(60, int(lasts * r.choice((0.7, 1.0, 1.5, 4.0))))
        share = 500 if accelerators == 1 and r.random() < 0.2 else 1000
        spec = JobSpec(
            project=r.choice(PROJECTS), kind=kind, command=("work",), accelerators=accelerators, models=models, limit_s=limit,
            share_milli=share, cores_milli=accelerators * r.choice((0, 1000, 4000)), memory_mib=accelerators * r.choice((0, 4096)),
            save_every_s=r.choice((0, 60)), earliest_utc_s=START + at + 500 if r.random() < 0.05 else 0,
        )  # fmt: skip
        found.append(Asked(at, spec, lasts))
    return found
