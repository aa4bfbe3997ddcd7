"""The last part of the demonstration: a dozen real processes of awarded projects under the local engine, a node that fails
on the way, usage booked, and the refund of what the centre lost.

The programme's dates are those of its call; `Shifted` and `ShiftedClock` let real processes live in them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dure.app import people
from dure.app.programme import fleet_of_programme
from dure.executors.base import Executor, Record, Report
from dure.executors.local import LocalEngine
from dure.lifecycle.attempts import Grace
from dure.operation import submitting
from dure.operation.engines import engines_of
from dure.operation.loop import Loop
from dure.store import models
from dure.units import MILLI
from dure.vocabulary import FINAL_STATES, JobEvent, JobState
from dure.workload.spec import Health, JobSpec

LONGEST_S = 60  # then the demonstration goes on without those that have not ended
_TRAIN = (
    "import os, pathlib, signal, sys, time; at = pathlib.Path(os.environ['DURE_SAVE_DIR'], 'step');"
    "step = int(at.read_text()) if at.exists() else 0; print('from step', step, flush=True);"
    "\nwhile step < 40:\n time.sleep(0.1); step += 1; at.write_text(str(step))\nprint('trained', flush=True)"
)
_SERVE = (
    "import http.server, os; http.server.HTTPServer(('127.0.0.1', int(os.environ['DURE_PORT'])),"
    " http.server.SimpleHTTPRequestHandler).serve_forever()"
)


class ShiftedClock:
    """The machine's clock, moved to begin at a given moment."""

    def __init__(self, begin_utc_s: int) -> None:
        self.offset_s = begin_utc_s - int(time.time())

    def now(self) -> int:
        """UTC seconds."""
        return int(time.time()) + self.offset_s


class Shifted:
    """An executor whose times are moved by an offset."""

    def __init__(self, engine: Executor, offset_s: int) -> None:
        self.engine, self.offset_s, self.name = engine, offset_s, engine.name
        self.capabilities, self.inventory = engine.capabilities, engine.inventory
        self.submit, self.cancel, self.logs, self.identity = engine.submit, engine.cancel, engine.logs, engine.identity

    def poll(self, keys: Sequence[str]) -> list[Report]:
        """As Executor."""
        return [
            replace(r, run_utc_s=self._moved(r.run_utc_s), end_utc_s=self._moved(r.end_utc_s))
            for r in self.engine.poll(keys)
        ]

    def records(self, since_utc_s: int) -> list[Record]:
        """As Executor."""
        found = self.engine.records(since_utc_s - self.offset_s)
        return [replace(r, start_utc_s=self._moved(r.start_utc_s), end_utc_s=self._moved(r.end_utc_s)) for r in found]

    def _moved(self, moment: int) -> int:
        return moment + self.offset_s if moment else 0


@dataclass(frozen=True)
class Rehearsal:
    """What ran: rows for the report, the node that failed, and who leads the projects."""

    rows: list[dict[str, str | int | float | None]]
    failed_node: str
    refunded_milli: int
    seconds: float
    leads: tuple[str, ...]


def job_python() -> str:
    """An interpreter that jobs may run. As root they are `nobody`, who may not enter a home where one stands."""
    found = [sys.executable, *(str(Path(folder, "python3")) for folder in ("/usr/bin", "/usr/local/bin"))]
    return found[0] if os.geteuid() else next((p for p in found if _for_all(Path(p))), found[0])


def _for_all(path: Path) -> bool:
    real = path.resolve()
    return real.exists() and all(p.stat().st_mode & 1 for p in (real, *real.parents, *path.absolute().parents))


def specs(projects: Sequence[str]) -> list[JobSpec]:
    """A dozen jobs of these projects, in turn: training with save points, batch, one that fails, a service."""
    python = job_python()

    def of(i: int, name: str, code: str, **asked: object) -> JobSpec:
        return JobSpec(
            project=projects[i % len(projects)],
            name=name,
            command=(python, "-c", code),
            limit_s=600,
            **asked,  # type: ignore[arg-type]
        )

    made = [of(0, "train", _TRAIN, kind="training", accelerators=8, save_every_s=60)]
    made += [
        of(i, f"evaluate-{i}", "import time; time.sleep(1.5); print('scored')", kind="evaluation") for i in range(1, 6)
    ]
    made += [of(i, f"prepare-{i}", "print(sum(range(10**6)))", accelerators=0, cores_milli=MILLI) for i in range(6, 9)]
    made.append(of(9, "sixteen", "import os, time; print(os.environ['DURE_NODES']); time.sleep(1)", accelerators=16))
    made.append(of(10, "mistaken", "raise SystemExit('no such file: data.csv')"))
    made.append(of(11, "answers", _SERVE, kind="service", health=Health(every_s=1)))
    return made


def rehearse(
    projects: Sequence[tuple[str, str]], folder: Path, begin_utc_s: int, watch: Callable[[float], object]
) -> Rehearsal:
    """Run a dozen jobs of these (project, lead) for real, in a folder; fail a node under one of them on the way."""
    began, fleet = time.perf_counter(), fleet_of_programme()
    clock = ShiftedClock(begin_utc_s)
    (local,) = set(engines_of(fleet, {"DURE_LOCAL": str(folder)}).of_pool.values())
    assert isinstance(local, LocalEngine)
    engine = Shifted(local, clock.offset_s)
    loop = Loop({p.id: engine for p in fleet.pools}, clock, grace=Grace(save_s=2, term_s=2))
    leads = dict(projects)
    for spec in specs([p for p, _ in projects]):
        submitting.submit(people.actor_of(leads[spec.project]), spec, clock.now())
    failed = ""
    while time.perf_counter() - began < LONGEST_S:
        loop.cycle()
        failed = failed or _fail_under_training(local, loop)
        live = list(models.Job.objects.exclude(state__in=FINAL_STATES))
        if failed and all(j.service_id for j in live) and live and all(_well(j) for j in live):
            models.Service.objects.update(replicas=0)
        if failed and not live:
            break
        watch(1 - len(live) / 12)
        time.sleep(0.05)
    loop.lead.release()
    refunded = sum(models.Used.objects.values_list("refunded_milli", flat=True))
    return Rehearsal(_rows(), failed, refunded, time.perf_counter() - began, tuple(leads.values()))


def _well(job: models.Job) -> bool:
    return bool(job.tries.filter(health_utc_s__gt=0, unhealthy=0).exists()) or bool(job.wish)


def _fail_under_training(engine: LocalEngine, loop: Loop) -> str:
    """Fail the node under the training job once it has run for two seconds; its name."""
    job = models.Job.objects.filter(name="train", state=JobState.RUNNING).first()
    one = loop.world.of_job.get(job.seq) if loop.world is not None and job is not None else None
    if loop.world is None or one is None or one.run_utc_s is None or loop.clock.now() - one.run_utc_s < 2:
        return ""
    node = loop.world.node_names()[one.nodes[0][0]]
    engine.fail_node(node)
    return node


def _rows() -> list[dict[str, str | int | float | None]]:
    used = {u.key: u for u in models.Used.objects.all()}
    cost = dict(models.Usage.objects.filter(run="live").values_list("name", "milli_unit_s"))
    events = {e.value: e.name.lower() for e in JobEvent}
    found: list[dict[str, str | int | float | None]] = []
    for a in models.Attempt.objects.select_related("job").order_by("job_id", "number"):
        own = used.get(a.key)
        found.append(
            {
                "job": a.job_id, "name": a.job.name, "project": a.job.project, "attempt": a.number + 1, "pool": a.pool,
                "ran_s": (a.end_utc_s or 0) - a.run_utc_s if a.run_utc_s and a.end_utc_s else None,
                "units": cost.get(f"{a.job_id}.{a.number}", 0) / 3600 / MILLI, "refunded": own.refunded_milli / MILLI if own else 0,
                "ended": events.get(a.ending, ""), "cause": a.cause,
            }
        )  # fmt: skip
    return found
