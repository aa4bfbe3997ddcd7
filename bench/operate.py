"""The control loop: a cycle of a national fleet, dispatch to real processes, and a week through the live loop and the twin.

Each database is filled in a process of its own (Django knows one): `python -m bench.operate WHAT URL` prints its figures.
What is submitted and asked over the API is measured by `bench.operate_submit` and `bench.operate_api`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.ledger import ROOT, empty_postgres
from bench.rows import Row

NODES, EACH = 12_500, 8  # 100,000 accelerators
PENDING, CHANGES, CYCLES = 100_000, 1_000, 100
PROJECTS = 100
CYCLE_MS, PASS_MS, DISPATCHED = 1_000, 50, 200
TRUE_JOBS = 2_000
WEEK_JOBS = 20_000
FLEET = """
name = "National"
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
accelerators_per_node = {each}
cores = 128
memory = "2 TiB"
"""


def run(data: Path | None) -> Iterator[Row]:
    """A control cycle on each database, dispatch to the local engine, a week row for row; then submission and the API."""
    with tempfile.TemporaryDirectory() as folder:
        urls = [("SQLite", f"sqlite:///{folder}/bench.db")]
        urls += [("PostgreSQL", url)] if (url := empty_postgres()) else []
        for engine, url in urls:
            yield from _cycle_rows(engine, _figures("cycle", url))
        yield from _dispatch_rows(_figures("dispatch", f"sqlite:///{folder}/dispatch.db"))
    week = _figures("week")
    yield Row(
        "a week of jobs through the live loop, same log as the twin", week["jobs"] / week["seconds"], None, "jobs/s"
    )
    from bench import operate_api, operate_submit

    yield from operate_submit.run(data)
    yield from operate_api.run(data)


def _figures(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.operate", *words]
    environ = {k: v for k, v in os.environ.items() if k != "DURE_TEST_POSTGRES"}
    done = subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _cycle_rows(engine: str, figures: dict[str, Any]) -> Iterator[Row]:
    name = f"{engine}: control cycle, 100,000 accelerators, 100,000 pending, 1,000 changes"
    target = Row.at_most if engine == "PostgreSQL" else _plain
    yield Row(f"{name}, median", float(np.median(figures["cycle_ms"])), None, "ms")
    yield target(f"{name}, 99th percentile", float(np.percentile(figures["cycle_ms"], 99)), None, "ms", CYCLE_MS)
    yield target(
        f"{engine}: of it the decision, 99th percentile",
        float(np.percentile(figures["pass_ms"], 99)),
        None,
        "ms",
        PASS_MS,
    )
    yield Row(f"{engine}: the world made anew from the database", figures["load_s"], None, "s")


def _plain(name: str, value: float, spread: float | None, unit: str, target: float) -> Row:
    return Row(name, value, spread, unit)


def _dispatch_rows(figures: dict[str, Any]) -> Iterator[Row]:
    rate = figures["jobs"] / figures["seconds"]
    yield Row.at_least("dispatch of `true` to the local engine, every event stored", rate, None, "jobs/s", DISPATCHED)


# --- in a process of its own -----------------------------------------------------------------------------------------


class Machines:
    """An engine that does nothing but keep count: what is asked of it is what the loop does, not what it costs a site."""

    name = "machines"

    def __init__(self, nodes: Sequence[str]) -> None:
        from dure.executors.base import NodeSeen, Report, Seen

        self._nodes = [NodeSeen(name, True, EACH) for name in nodes]
        self.running: dict[str, Report] = {}
        self._report, self._seen = Report, Seen

    def identity(self) -> str:
        return self.name

    def inventory(self) -> Sequence[Any]:
        return self._nodes

    def submit(self, launches: Sequence[Any]) -> list[str]:
        now = int(time.time())
        for launch in launches:
            self.running[launch.key] = self._report(launch.key, self._seen.RUNNING, run_utc_s=now)
        return [""] * len(launches)

    def poll(self, keys: Sequence[str]) -> list[Any]:
        return [self.running.get(key) or self._report(key, self._seen.ABSENT) for key in keys]

    def cancel(self, keys: Sequence[str], how: Any) -> None:
        for key in keys:
            self.end(key)

    def end(self, key: str) -> None:
        now, begun = int(time.time()), self.running[key].run_utc_s
        self.running[key] = self._report(key, self._seen.ENDED, run_utc_s=begun, end_utc_s=now, exit_code=0)


def _programme(url: str, fleet: str) -> None:
    from dure.app.database import setup

    setup({**os.environ, "DURE_DATABASE_URL": url})
    from dure.app.programme import migrate
    from dure.ledger.model import Cause, Transfer
    from dure.store import ledger, models
    from tests.operation import programme_world, simulation

    migrate()
    now = int(time.time())
    programme_world.small(now)
    names = [f"p{n:03d}" for n in range(PROJECTS)]
    simulation.more_projects(names, 1_000)
    plenty = 10**13
    more = [Transfer("plenty", "programme", "track:c/all", plenty * PROJECTS, Cause.ISSUE, now)]
    more += [Transfer(f"plenty-{n}", "track:c/all", f"project:{n}", plenty, Cause.SUPPLEMENT, now) for n in names]
    assert not any(ledger.record(more))
    models.Programme.objects.update(fleet_toml=fleet)


def _judged() -> dict[str, tuple[int, str]]:
    """The decision that let a project's jobs in, and the digest of its facts, as submission keeps them."""
    from django.db import transaction

    from dure.app.programme import fleet_of_programme
    from dure.operation.run_facts import Court, sign_in_here
    from dure.operation.submitting import kept
    from dure.workload.spec import JobSpec

    fleet, now = fleet_of_programme(), int(time.time())
    court, here = Court(fleet, now), sign_in_here(fleet)
    with transaction.atomic():
        names = [f"p{n:03d}" for n in range(PROJECTS)]
        rulings = {name: court.ruling(JobSpec(project=name), fleet.pools[0].id, here) for name in names}
        return {name: (kept(ruling, f"lead-{name}", now), ruling.digest) for name, ruling in rulings.items()}


def _jobs(rng: random.Random, count: int, judged: dict[str, tuple[int, str]], **more: Any) -> list[Any]:
    """Rows of jobs as they are after submission."""
    from dure.store import models
    from dure.store.documents import to_json
    from dure.vocabulary import JobKind, JobState
    from dure.workload.spec import JobSpec

    now, rows = int(time.time()), []
    documents = {}
    for _ in range(count):
        project, size = f"p{rng.randrange(PROJECTS):03d}", rng.choice((1, 1, 1, 2, 2, 4, 8, 8, 16))
        limit = rng.choice((3_600, 14_400, 86_400, 259_200))
        if (project, size, limit) not in documents:
            given = {"accelerators": size, "cores_milli": 4_000 * size, **more}
            documents[project, size, limit] = to_json(
                JobSpec(project=project, command=("true",), limit_s=limit, **given)
            )
        rows.append(
            models.Job(
                project=project, user=f"lead-{project}", kind=JobKind.BATCH, spec=documents[project, size, limit],
                state=JobState.NEW, submitted_utc_s=now, decision=judged[project][0], facts=judged[project][1],
            )
        )  # fmt: skip
    return rows


def cycle(url: str) -> dict[str, Any]:
    """Fill the fleet and the queue by the loop itself, then 1,000 changes a cycle: half of them ends, half arrivals."""
    _programme(url, FLEET.format(nodes=NODES, each=EACH))
    from django.db import connection

    from dure.operation.admitting import MOST
    from dure.operation.loop import Loop, SystemClock, calm
    from dure.store import models
    from dure.vocabulary import JobState

    calm()  # as the loop itself does where it runs for ever
    rng, judged = random.Random(1), _judged()
    machines = Machines([f"h200/{n}" for n in range(NODES)])
    loop = Loop({"h200": machines}, SystemClock())  # type: ignore[dict-item]
    waiting = models.Job.objects.filter(state=JobState.WAITING)
    while (left := PENDING - waiting.count()) > 0:
        models.Job.objects.bulk_create(_jobs(rng, min(left, MOST), judged), batch_size=1_000)
        loop.cycle()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    cycle_ms, pass_ms, changed = [], [], []
    for _ in range(CYCLES):
        for key in rng.sample([k for k, r in machines.running.items() if r.exit_code is None], CHANGES // 2):
            machines.end(key)
        models.Job.objects.bulk_create(_jobs(rng, CHANGES // 2, judged), batch_size=500)
        begin = time.perf_counter()
        done = loop.cycle()
        cycle_ms.append(1000 * (time.perf_counter() - begin))
        pass_ms.append(1000 * done.pass_s)
        changed.append(done.events)
    assert min(changed) >= CHANGES, changed
    loop.lead.release()
    begin = time.perf_counter()
    Loop({"h200": machines}, SystemClock()).cycle()  # type: ignore[dict-item]
    return {
        "cycle_ms": cycle_ms,
        "pass_ms": pass_ms,
        "load_s": time.perf_counter() - begin,
        "running": sum(r.exit_code is None for r in machines.running.values()),
    }


def dispatch(url: str) -> dict[str, Any]:
    """Jobs that do nothing, from the queue to the last event, by real processes."""
    _programme(url, FLEET.format(nodes=8, each=62))
    from dure.app.programme import fleet_of_programme
    from dure.operation.engines import engines_of
    from dure.operation.loop import Loop, SystemClock
    from dure.store import models
    from dure.vocabulary import JobEvent

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        engines = engines_of(fleet_of_programme(), {**os.environ, "DURE_LOCAL": f"{folder}/engine"})
        rows = _jobs(random.Random(1), TRUE_JOBS, _judged(), accelerators=1, cores_milli=0)
        models.Job.objects.bulk_create(rows, batch_size=500)
        loop = Loop(engines.of_pool, SystemClock(), grace=engines.grace)
        begin, ended = time.perf_counter(), 0
        while ended < TRUE_JOBS and time.perf_counter() < begin + 300:
            loop.cycle()
            ended = models.JobEvent.objects.filter(event=JobEvent.COMPLETE).count()
        seconds = time.perf_counter() - begin
    assert ended == TRUE_JOBS, ended
    return {"jobs": TRUE_JOBS, "seconds": seconds}


def week() -> dict[str, Any]:
    """A week of jobs through both; they must not differ in a row."""
    from dure.units import WEEK_S
    from tests.databases import prepared

    prepared()
    from tests.operation import live_twin

    fleet = live_twin.set_stage(live_twin.POOLS.format(nodes=5))
    asked = live_twin.asked_by_chance(1, WEEK_JOBS, WEEK_S)
    begin = time.perf_counter()
    ours = live_twin.live(fleet, asked, "easy")
    seconds = time.perf_counter() - begin
    parted = live_twin.differences(ours, live_twin.twin(fleet, asked, "easy"))
    assert not parted, parted
    return {"jobs": WEEK_JOBS, "seconds": seconds, "rows": len(ours.rows)}


if __name__ == "__main__":
    what: dict[str, Callable[..., dict[str, Any]]] = {"cycle": cycle, "dispatch": dispatch, "week": week}
    print(json.dumps(what[sys.argv[1]](*sys.argv[2:])))
