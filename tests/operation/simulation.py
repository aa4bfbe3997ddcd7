"""The whole service on a virtual clock, with faults from a seed: `python -m tests.operation.simulation --seeds 1000`.

One seed is one small programme: people submit, cancel and requeue; operators drain, cap and plan outages; projects run out
of units; nodes die; engines are gone, deaf, slow, vague, lying or full; the database is gone for half a minute; the control
loop is killed at any point and started anew, or stopped in its tracks while another one takes over. Then it is quiet, all is
run to its end, and `invariants` are looked at. The same seed is the same story; a failing one is printed with the commit.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests import databases

ROOT = Path(__file__).resolve().parents[2]
START = 1_790_000_000
CYCLES = 24  # with faults
QUIET_CYCLES = 160  # at most, until all is ended
DATABASE_GONE_S = 30
JOBS = 5
CANCEL, REQUEUE = 1, 2  # models.Job.wish
PROJECTS = ("alpha", "gamma", "delta")  # delta has few units
FLEET = """
name = "Simulated"
start = 2026-01-01

[[site]]
id = "first"
name = "First site"
country = "KR"
n2sf = "o"

[[site]]
id = "second"
name = "Second site"
country = "KR"
n2sf = "o"

[[pool]]
id = "h200"
site = "first"
model = "H200"
nodes = 2
accelerators_per_node = 4
cores = 64
memory = "1 TiB"

[[pool]]
id = "h100"
site = "second"
model = "H100"
nodes = 2
accelerators_per_node = 2
cores = 32
memory = "256 GiB"

[[pool]]
id = "cpu"
site = "first"
model = ""
nodes = 1
accelerators_per_node = 0
cores = 16
memory = "64 GiB"
"""


class Killed(BaseException):
    """The process is gone, here and now."""


# --- the programme, made once a process ------------------------------------------------------------------------------


@cache
def prepared() -> Path:
    """The database of this process with the programme in it; a copy of its pages is kept beside it."""
    if Path("/dev/shm").is_dir():
        tempfile.tempdir = "/dev/shm"  # nothing of this need survive a loss of power
    databases.prepared()
    from tests.operation.programme_world import small

    databases.empty()
    small(START)
    from dure.ledger.model import Cause, Transfer
    from dure.store import audit, ledger, models

    models.Programme.objects.update(fleet_toml=FLEET)
    more_projects(PROJECTS[1:], 1_000_000)
    spare = Transfer("spare", "project:delta", "project:alpha", 998_000, Cause.MOVE, START - 50)
    ledger.record([spare])
    models.Terms.objects.create(project_id="gamma", shares=3, limit_accelerators=6)
    audit.sequence_all()
    file = databases._file()
    databases._copy(file, file.with_suffix(".world"))
    return file


def more_projects(names: Iterable[str], milli: int) -> None:
    """Projects as alpha is, by the rows, each with units that were alpha's."""
    from dure.app import screening
    from dure.ledger.model import Cause, Transfer
    from dure.store import ledger, models

    known = models.Application.objects.get(id="c-alpha")
    screenings = list(models.Screening.objects.filter(application=known))
    award = models.Award.objects.get(application=known)
    for name in names:
        models.Project.objects.create(id=name, country="KR")
        models.Member.objects.create(project_id=name, user=f"lead-{name}", role="pi")
        known.id, known.project, known.lead = f"c-{name}", name, f"lead-{name}"
        known.save(force_insert=True)
        for row in screenings:
            row.seq, row.application_id = None, known.id
            row.document = {**row.document, "inputs": screening._inputs(known)}
            row.save(force_insert=True)
        award.application_id, award.project_id = known.id, name
        award.save(force_insert=True)
    moves = [Transfer(f"move-{n}", "project:alpha", f"project:{n}", milli, Cause.MOVE, START - 100) for n in names]
    assert not any(ledger.record(moves)), "alpha has so many"


def fresh() -> None:
    """The database as it was when the programme was made."""
    from django.db import connection

    file = prepared()
    if connection.in_atomic_block:  # a story that broke inside a transaction
        connection.close()
    databases._copy(file.with_suffix(".world"), file)


# --- one story -------------------------------------------------------------------------------------------------------


class Hall:
    """Who holds the lead. A process that dies lets go of it; one that is stopped may lose it, and not know."""

    def __init__(self) -> None:
        self.holder: SimulatedLead | None = None


class SimulatedLead:
    """`leading.Lead` without a lock of the operating system."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.term: int | None = None

    def hold(self, holder: str, policy: str, now: int) -> int | None:
        from django.db import transaction

        from dure.store.jobs import take_term

        if self.hall.holder is not self:
            self.term = None
            if self.hall.holder is not None:
                return None
            with transaction.atomic():
                self.term = take_term(holder, policy, now)
            self.hall.holder = self
        return self.term

    def release(self) -> None:
        self.term = None
        if self.hall.holder is self:
            self.hall.holder = None


@dataclass
class Story:
    """One seed."""

    seed: int
    rng: random.Random = field(init=False)
    points: Counter[str] = field(default_factory=Counter)  # passed
    killed_at: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)  # what happened, for a failing seed
    submitted: dict[int, str] = field(default_factory=dict)
    cancelled: dict[int, int] = field(default_factory=dict)  # jobs whose owner gave them up, and when
    lied: bool = False  # an engine told wrong times

    def __post_init__(self) -> None:
        from tests.operation.stub import StubEngine, VirtualClock

        self.rng = random.Random(self.seed)
        self.clock = VirtualClock(START)
        fleet = _fleet()
        sites = {"first": ("h200", "cpu"), "second": ("h100",)}
        self.of_site = {
            site: StubEngine.of_fleet(fleet, pools, self.clock, rng=self.rng, name=site)
            for site, pools in sites.items()
        }
        self.engines = {pool: self.of_site[site] for site, pools in sites.items() for pool in pools}
        self.hall = Hall()
        self.loops: list[Any] = []
        self.made = 0
        self.armed: tuple[int, Callable[[str], None]] | None = None
        self.passed = 0
        self.database_gone_until = 0
        self.calm = self.rng.random() < 0.15  # nothing goes wrong: times must be right to the second
        self.policy = self.rng.choice(("easy", "easy", "greedy", "fifo", "multifactor"))
        self.lateness = self.rng.choice((0, 0, 1, 3))  # s between two looks at the clock within a cycle

    # --- loops that come and go ------------------------------------------------------------------------------

    def new_loop(self) -> Any:
        from dure.lifecycle.attempts import Grace
        from dure.operation.loop import Loop

        self.made += 1
        grace = Grace(save_s=20, term_s=10, limit_s=5)
        return Loop(
            self.engines, self.clock, policy=self.policy, holder=f"loop {self.made}", grace=grace,
            lead=SimulatedLead(self.hall),
        )  # fmt: skip

    def let_go(self, loop: Any) -> None:
        """A process is gone: so is its lock."""
        if loop in self.loops:
            self.loops.remove(loop)
        loop.lead.release()

    def hook(self, name: str) -> None:
        """At every fault point of a loop."""
        self.passed += 1
        self.points[name] += 1
        if self.armed is not None and self.passed == self.armed[0]:
            _, act = self.armed
            self.armed = None
            act(name)

    def cycle(self, loop: Any) -> None:
        """One cycle, as `Loop.run` goes round; what kills it is survived here."""
        from django.db import DatabaseError

        self.passed = 0
        try:
            loop.cycle()
        except Killed as killed:
            self.say(f"killed at {killed}")
            self.killed_at[str(killed)] += 1
            self.let_go(loop)
        except DatabaseError as error:
            self.say(f"no database: {error}")
            self.let_go(loop)
        self.armed = None

    def kill(self, name: str) -> None:
        raise Killed(name)

    def stop_in_its_tracks(self, name: str) -> None:
        """This loop is paused here for a while and loses its lock; another takes over; then it goes on, none the wiser."""
        from django.db import connection

        if connection.in_atomic_block:
            return  # it holds the database's own lock: nobody takes over
        self.say(f"stopped at {name}")
        self.hall.holder = None
        other = self.new_loop()
        self.loops.append(other)
        passed, outer = self.passed, other
        for _ in range(self.rng.randrange(1, 8)):
            self.clock.wait(self.rng.randrange(1, 15))
            if outer in self.loops:
                self.cycle(outer)
        self.passed = passed
        self.say("goes on")

    def lose_database(self, name: str = "") -> None:
        """Every statement fails from here on, for half a minute."""
        self.say(f"database gone {name}")
        self.database_gone_until = self.clock.now() + DATABASE_GONE_S
        from django.db import OperationalError

        raise OperationalError("the database is gone")

    def say(self, what: str) -> None:
        self.told.append(f"{self.clock.now() - START:6d} s  {what}")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Fault points and statements come to this story."""
        from django.db import OperationalError, connection

        from dure.operation import faults

        def statement(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if self.clock.now() < self.database_gone_until:
                raise OperationalError("the database is gone")
            return execute(sql, params, many, context)

        faults.install(self.hook)
        try:
            with connection.execute_wrapper(statement):
                yield
        finally:
            faults.install(None)

    # --- what happens ----------------------------------------------------------------------------------------

    def run(self) -> list[str]:
        """The story; what is wrong in the end."""
        fresh()
        with self.watched():
            for _ in range(CYCLES):
                self.clock.wait(self.rng.randrange(1, 15))
                self.happenings()
                self.turn()
            self.quiet()
        from tests.operation.invariants import broken

        return broken(self.of_site.values(), self.submitted, self.cancelled, slack=self.slack)

    def turn(self) -> None:
        """Every loop that lives has a cycle; there is always one."""
        if not self.loops:
            self.loops.append(self.new_loop())
        for loop in list(self.loops):
            if not self.calm and self.rng.random() < 0.3:
                acts = (self.kill, self.kill, self.kill, self.stop_in_its_tracks, self.lose_database)
                self.armed = self.rng.randrange(1, self.rng.choice((10, 16, 30))), self.rng.choice(acts)
            if loop in self.loops:
                self.cycle(loop)
        while len(self.loops) > 2:
            self.let_go(self.loops[0])

    def happenings(self) -> None:
        """What people, machines and bad luck do between two cycles."""
        chance = self.rng.random
        if self.clock.now() < self.database_gone_until:
            return
        if chance() < 0.3 and len(self.submitted) < JOBS:
            self.submit()
        if self.submitted and chance() < 0.05:
            self.wish()
        if chance() < 0.04:
            self.operator()
        if not self.calm:
            self.bad_luck()

    def submit(self) -> None:
        from dure.app import people
        from dure.errors import InputError
        from dure.operation import submitting
        from dure.store import models
        from dure.store.documents import to_json
        from dure.workload.checks import KINDS

        project = self.rng.choice(PROJECTS)
        spec, now = self.a_job(project), self.clock.now()
        if self.rng.random() < 0.7:  # as if: the way through all checks takes longer than the rest of a job's life here
            row = models.Job.objects.create(
                project=project, user=f"lead-{project}", kind=KINDS[spec.kind], name=spec.name, spec=to_json(spec), state=0,
                submitted_utc_s=now,
            )  # fmt: skip
        else:
            try:
                row = submitting.submit(people.actor_of(f"lead-{project}"), spec, now)
            except (submitting.Refused, InputError) as refused:  # no units, or the project is stopped
                self.say(f"a job of {project} was not taken: {refused}")
                return
        self.submitted[row.seq] = project
        self.say(f"job {row.seq} of {project}: {spec.kind} {spec.accelerators} {spec.models} {' '.join(spec.command)}")

    def a_job(self, project: str) -> Any:
        from dure.workload.spec import JobSpec
        from tests.operation.stub import Work

        r = self.rng
        kind = r.choice(("batch", "batch", "training", "training", "evaluation", "interactive", "lease"))
        work = Work(
            lasts=r.choice((0, 5, 20, 60, 60, 150, 400)), exit=r.choice((0, 0, 0, 1)), stages=r.choice((0, 0, 8, 30)),
            ignores=r.choice(("", "", "", "save", "term", "both")),
        )  # fmt: skip
        models = r.choice(((), ("H200",), ("H200",), ("H100",))) if kind != "training" else ("H200",)
        count = r.choice((1, 1, 2, 4, 6, 8))
        if kind == "batch" and r.random() < 0.15:
            count, models = 0, ()
        if models == ("H100",):
            count = min(count, 4)
        return JobSpec(
            project=project, name=f"story {len(self.submitted)}", kind=kind, command=work.command(), models=models,
            earliest_utc_s=self.clock.now() + r.randrange(5, 100) if kind == "lease" or r.random() < 0.1 else 0,
            accelerators=4 if kind == "lease" else count, cores_milli=1000 * r.choice((0, 1, 4) if count else (1, 4)),
            limit_s=r.choice((30, 90, 200, 600)),
            save_every_s=r.choice((0, 15)) if kind == "training" else 0,
            share_milli=500 if kind == "batch" and count == 1 and r.random() < 0.3 else 1000,
        )  # fmt: skip

    def wish(self) -> None:
        """An owner cancels, or has it run again."""
        from dure.store import models

        seq, what = self.rng.choice(sorted(self.submitted)), self.rng.choice((CANCEL, CANCEL, REQUEUE))
        user = f"lead-{self.submitted[seq]}"
        if (
            models.Job.objects.filter(seq=seq, state__in=(0, 1, 2))
            .exclude(wish=CANCEL)
            .update(wish=what, wished_by=user)
        ):
            self.say(f"job {seq}: {('', 'cancel', 'requeue')[what]}")
            if what == CANCEL:
                self.cancelled[seq] = self.clock.now()

    def operator(self) -> None:
        from dure.store import models

        r, now = self.rng, self.clock.now()
        site = r.choice(("first", "second"))
        what = r.choice(("drain", "resume", "cap", "outage", "stop", "resume project", "limit"))
        self.say(f"operator: {what} {site}")
        if what in ("drain", "resume", "cap"):
            row, _ = models.SiteOrder.objects.get_or_create(site=site)
            row.drained = what == "drain"
            row.cap_w = r.choice((3000, 8000)) if what == "cap" else None
            row.version += 1
            row.save()
        elif what == "outage":
            begin = now + r.randrange(20, 200)
            models.Outage.objects.create(
                site=site, from_utc_s=begin, to_utc_s=begin + r.randrange(20, 120), by="operator"
            )
        elif what == "limit":
            models.Terms.objects.update_or_create(
                project_id=r.choice(PROJECTS), defaults={"when_spent": r.choice(("wait", "finish", "scavenge"))}
            )
        else:
            models.Project.objects.filter(id=r.choice(PROJECTS)).update(stopped=what == "stop")

    def bad_luck(self) -> None:
        r = self.rng
        engine = r.choice(list(self.of_site.values()))
        faults = engine.faults
        if r.random() < 0.15:
            what = r.choice(("gone", "deaf", "late", "vague", "skew", "full", "fickle", "well", "well", "well"))
            self.say(f"{engine.name}: {what}")
            if what == "well":
                engine.faults = type(faults)()
            elif what in ("gone", "full", "fickle"):
                setattr(faults, what, True)
            elif what in ("deaf", "vague"):
                setattr(faults, what, r.choice((0.3, 0.8)))
            elif what == "late":
                faults.late_s = r.randrange(1, 15)
            else:
                faults.skew_s = r.randrange(-40, 41)
            self.lied |= what in ("skew", "fickle")
        if r.random() < 0.05:
            node = r.choice(list(engine.devices))
            self.say(f"{node} dies")
            engine.kill_node(node)
        if engine.down and r.random() < 0.2:
            engine.repair_node(r.choice(list(engine.down)))
        if r.random() < 0.01 and (live := engine.live_keys()):
            key = r.choice(live)
            self.say(f"{engine.name} loses {key}")
            engine.forget(key)

    def quiet(self) -> None:
        """Everything is well again, and goes on until all is ended; what never can is cancelled."""
        from dure.store import models

        self.say("quiet")
        self.calm = True
        self.clock.wait(max(0, self.database_gone_until - self.clock.now()))
        for engine in self.of_site.values():
            engine.faults = type(engine.faults)()
            for node in list(engine.down):
                engine.repair_node(node)
        models.SiteOrder.objects.update(drained=False, cap_w=None)
        for row in models.SiteOrder.objects.all():
            row.version += 1
            row.save()
        models.Project.objects.update(stopped=False)
        live = models.Job.objects.filter(state__in=(0, 1, 2))
        for n in range(QUIET_CYCLES):
            self.clock.wait(self.rng.randrange(5, 20) if n < 10 else self.rng.randrange(20, 60))
            self.turn()
            if n > 3 and not live.exists():
                break
            if n == 80:  # for want of units, or of room under a limit
                live.update(wish=1, wished_by="operator")

    def slack(self, key: str) -> int:
        """Whoever lies about times may be wrong by what it lied; ends are seen a cycle late at most."""
        return 10**6 if self.lied else 0


@cache
def _fleet() -> Any:
    from dure.formats.catalogue import load_catalogue
    from dure.formats.fleets import read_fleet

    return read_fleet(io.BytesIO(FLEET.encode()), name="simulated", catalogue=load_catalogue())


# --- many stories ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of one seed."""

    seed: int
    faults: list[str]
    told: list[str]
    killed_at: dict[str, int]
    jobs: int
    seconds: float


def play(seed: int) -> Outcome:
    """One seed, from an empty stage. What breaks is an outcome too."""
    prepared()
    begin = time.process_time()
    story = Story(seed)
    try:
        faults = story.run()
    except Exception:
        faults = traceback.format_exc().splitlines()
    seconds = time.process_time() - begin
    return Outcome(seed, faults, story.told, dict(story.killed_at), len(story.submitted), seconds)


def _init() -> None:
    os.environ.pop("DURE_TEST_POSTGRES", None)
    databases.SERVER = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--told", action="store_true", help="print what happened, even where nothing is wrong")
    given = parser.parse_args()
    begin, killed_at, bad, cpu, jobs = time.monotonic(), Counter[str](), 0, 0.0, 0
    seeds = range(given.first, given.first + given.seeds)
    with multiprocessing.get_context("spawn").Pool(given.workers, _init) as pool:
        for out in pool.imap_unordered(play, seeds, chunksize=max(1, min(8, given.seeds // given.workers))):
            killed_at.update(out.killed_at)
            cpu, jobs = cpu + out.seconds, jobs + out.jobs
            if given.told:
                print(*out.told, sep="\n")
            if out.faults:
                bad += 1
                print(
                    f"seed {out.seed} at commit {_commit()}:", *out.faults[:40], "", *out.told, sep="\n  ", flush=True
                )
    seconds = time.monotonic() - begin
    print(f"{given.seeds} seeds, {jobs} jobs, {bad} bad, {seconds:.0f} s, {cpu / max(1, given.seeds):.3f} CPU s a seed")
    print(f"killed {sum(killed_at.values())} times, at", json.dumps(dict(sorted(killed_at.items()))))
    return 1 if bad else 0


def _commit() -> str:
    with suppress(OSError):
        found = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
        return found.stdout.strip() or "unknown"
    return "unknown"


if __name__ == "__main__":
    sys.exit(main())
