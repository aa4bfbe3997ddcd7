"""Defects that a review of the control loop found: each test fails as long as one is there."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dure.executors.base import EngineGone, Report, Seen
from dure.lifecycle.attempts import Desired
from dure.vocabulary import JobEvent, JobState
from tests.databases import needs_sqlite
from tests.operation.programme_world import NOW, job, small
from tests.operation.stub import StubEngine, VirtualClock, Work

pytestmark = needs_sqlite
POOLS = ("h200", "rngd", "cpu", "far")


class Lead:
    """Leads, in a term of its own."""

    term: Any = None

    def hold(self, holder: str, policy: str, now: int) -> int:
        from django.db import transaction

        from dure.store.jobs import take_term

        if self.term is None:
            with transaction.atomic():
                self.term = take_term(holder, policy, now)
        return int(self.term)

    def release(self) -> None:
        self.term = None


class Stage:
    """The small programme, a stub engine, and a control loop that may be made anew."""

    def __init__(self) -> None:
        from dure.app.programme import fleet_of_programme

        self.world = small()
        self.clock = VirtualClock(NOW)
        self.fleet = fleet_of_programme()
        self.engine = StubEngine.of_fleet(self.fleet, POOLS, self.clock)
        self.anew()

    def anew(self) -> None:
        from dure.operation.loop import Loop

        self.loop = Loop(dict.fromkeys(POOLS, self.engine), self.clock, lead=Lead())

    def cycles(self, count: int, step_s: int = 1) -> None:
        for _ in range(count):
            self.loop.cycle()
            self.clock.wait(step_s)

    def submit(self, work: Work | None = None, **more: Any) -> int:
        from dure.operation.submitting import submit

        more.setdefault("models", ("H200",))
        made = submit(self.world.lead, job(command=(work or Work(lasts=3000)).command(), **more), self.clock.now())
        return int(made.seq)

    def down(self) -> dict[int, str]:
        assert self.loop.world is not None
        return self.loop.world.down

    def job(self, seq: int) -> Any:
        from dure.store import models

        return models.Job.objects.get(seq=seq)

    def tries(self, seq: int) -> list[Any]:
        from dure.store import models

        return list(models.Attempt.objects.filter(job=seq).order_by("number"))

    def events(self, seq: int) -> list[str]:
        from dure.store import models

        return [
            JobEvent(e).name
            for e in models.JobEvent.objects.filter(job=seq).order_by("seq").values_list("event", flat=True)
        ]


@pytest.fixture
def stage(database: str) -> Stage:
    return Stage()


def stop(stage: Stage, stopped: bool = True) -> None:
    from dure.store import models

    models.Project.objects.filter(id="alpha").update(stopped=stopped)


# --- stops -------------------------------------------------------------------------------------------------------------


def test_a_project_stopped_while_no_loop_runs_is_stopped_by_the_next(stage: Stage) -> None:
    seq = stage.submit()
    stage.cycles(3)
    stop(stage)
    stage.anew()
    stage.cycles(3)
    assert stage.job(seq).state == JobState.WAITING or stage.tries(seq)[-1].desired != Desired.RUN


def _scavenge() -> None:
    from dure.store import models

    models.Terms.objects.update_or_create(project_id="alpha", defaults={"when_spent": "scavenge"})


def test_a_stopped_project_does_not_scavenge(stage: Stage) -> None:
    from dure.store import models

    _scavenge()
    seq = stage.submit()
    models.Job.objects.filter(seq=seq).update(scavenges=True)
    stage.cycles(3)
    assert stage.job(seq).state == JobState.RUNNING
    stop(stage)
    stage.cycles(20)
    assert len(stage.tries(seq)) == 1, stage.events(seq)


def test_the_limit_of_a_project_holds_for_what_scavenges(stage: Stage) -> None:
    from dure.store import models

    _scavenge()
    models.Terms.objects.filter(project_id="alpha").update(limit_accelerators=1)
    seqs = [stage.submit() for _ in range(3)]
    models.Job.objects.filter(seq__in=seqs).update(scavenges=True)
    stage.cycles(3)
    assert sum(stage.job(s).state == JobState.RUNNING for s in seqs) <= 1


# --- ends --------------------------------------------------------------------------------------------------------------


def test_a_job_that_completed_before_it_was_told_to_make_way_is_not_run_again(stage: Stage) -> None:
    seq = stage.submit(Work(lasts=60))
    stage.cycles(3)
    stage.engine.faults.late_s = 5
    process = stage.engine.processes[f"live-{seq}.0"]
    stage.clock.seconds = process.end_s + 1
    stop(stage)
    stage.cycles(10)
    assert process.exit_code == 0
    assert stage.job(seq).state == JobState.COMPLETED, stage.events(seq)


def test_staging_without_end_is_ended(stage: Stage) -> None:
    seq = stage.submit(Work(stages=10**7), limit_s=60)
    stage.cycles(3)
    stage.cycles(40, 3600)
    assert stage.job(seq).state != JobState.RUNNING


def test_a_node_that_died_within_the_second_costs_no_job(stage: Stage) -> None:
    stage.loop.cycle()
    stage.engine.kill_node("h200/0")
    seq = stage.submit(accelerators=32)
    for _ in range(20):
        stage.loop.cycle()
    assert JobState(stage.job(seq).state) == JobState.WAITING, (stage.events(seq), stage.job(seq).failure)


# --- time --------------------------------------------------------------------------------------------------------------


def test_a_notebook_that_expired_while_it_waited_is_not_started(stage: Stage) -> None:
    stage.submit(Work(lasts=2000), accelerators=32)
    stage.cycles(2)
    seq = stage.submit(kind="interactive", accelerators=32, expires_utc_s=NOW + 1000)
    stage.cycles(3)
    assert stage.job(seq).state == JobState.WAITING
    stage.clock.seconds = NOW + 2500
    stage.cycles(5)
    assert "START" not in stage.events(seq), (stage.events(seq), stage.tries(seq)[0].limit_s)


# --- engines and nodes -------------------------------------------------------------------------------------------------


def test_two_engines_of_one_name_are_two(stage: Stage) -> None:
    from dure.operation.loop import Loop

    a = StubEngine.of_fleet(stage.fleet, ("h200", "rngd", "cpu"), stage.clock)
    b = StubEngine.of_fleet(stage.fleet, ("far",), stage.clock)
    stage.loop = Loop({"h200": a, "rngd": a, "cpu": a, "far": b}, stage.clock, lead=Lead())
    for n in range(4):
        a.kill_node(f"h200/{n}")
    stage.cycles(2)
    assert len(stage.down()) == 4


def test_another_engine_of_that_name_goes_on(stage: Stage) -> None:
    from dure.operation.loop import Loop

    a = StubEngine.of_fleet(stage.fleet, ("h200", "rngd", "cpu"), stage.clock)
    b = StubEngine.of_fleet(stage.fleet, ("far",), stage.clock)
    stage.loop = Loop({"h200": a, "rngd": a, "cpu": a, "far": b}, stage.clock, lead=Lead())
    b.faults.gone = True
    seq = stage.submit()
    stage.cycles(6)
    assert f"live-{seq}.0" in a.processes


# --- what one bad row or engine does -----------------------------------------------------------------------------------


def _goes_on(stage: Stage) -> None:
    """Another job runs."""
    seq = stage.submit()
    stage.cycles(6)
    assert stage.job(seq).state == JobState.RUNNING


def test_an_engine_that_raises_anything_stops_no_other(stage: Stage) -> None:
    from dure.operation.loop import Loop

    class Odd(StubEngine):
        def inventory(self) -> Any:
            raise ValueError("invalid literal for int()")

    odd = Odd.of_fleet(stage.fleet, ("far",), stage.clock)
    good = StubEngine.of_fleet(stage.fleet, ("h200", "rngd", "cpu"), stage.clock)
    good.name = "good"
    stage.loop = Loop({"h200": good, "rngd": good, "cpu": good, "far": odd}, stage.clock, lead=Lead())
    _goes_on(stage)


def test_a_file_of_an_attempt_that_is_garbage_stops_no_other(tmp_path: Path) -> None:
    from dure.executors import processes
    from dure.executors.local import LocalEngine
    from dure.executors.preparing import Site

    engine = LocalEngine(Site(str(tmp_path / "engine")), ())
    engine.poll([])
    folder = tmp_path / "engine" / "attempts" / "live-1.0"
    folder.mkdir()
    (folder / "port").write_text("x")
    (folder / "staged").write_text("")
    lock = processes.take(f"{folder}/lock")
    try:
        reports = engine.poll(["live-1.0", "live-2.0"])
    finally:
        if lock is not None:
            os.close(lock)
    assert reports[0].port == 0
    assert reports[1].seen == Seen.ABSENT


# --- services ----------------------------------------------------------------------------------------------------------


@contextmanager
def server(answer: bytes, every_s: float = 0.0) -> Iterator[int]:
    """A port that answers with these bytes, one each so often."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                one, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(one,), daemon=True).start()

    def talk(one: socket.socket) -> None:
        try:
            one.recv(4096)
            for i in range(len(answer)):
                one.sendall(answer[i : i + 1])
                time.sleep(every_s)
        except OSError:
            pass
        finally:
            one.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


def test_a_replica_that_answers_garbage_is_not_well() -> None:
    from dure.operation.health import well as _well

    with server(b"garbage\r\n\r\n") as port:
        assert _well(port, "/") is False


def test_a_replica_that_drips_holds_up_nobody() -> None:
    from dure.operation.health import well as _well

    with server(b"HTTP/1.1 200 OK\r\n\r\n", 0.3) as port:
        began = time.monotonic()
        _well(port, "/")
        assert time.monotonic() - began < 3


def _service(stage: Stage, **more: Any) -> int:

    seq = stage.submit(kind="service", **more)
    return int(stage.job(seq).service_id)


def test_a_healthy_replica_does_not_wind_up_another(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.operation import health
    from dure.store import models
    from dure.workload.spec import Health

    class Ports(StubEngine):
        def _report(self, key: str) -> Report:
            said = super()._report(key)
            return replace(said, port=40_000) if said.seen == Seen.RUNNING else said

    def lasts(launch: Any) -> Work:
        replica = models.Job.objects.get(seq=launch.job).replica
        return Work(lasts=10**6) if replica == 0 else Work(lasts=1, exit=1)

    engine = Ports.of_fleet(stage.fleet, POOLS, stage.clock, work_of=lasts)
    stage.engine = engine
    stage.anew()
    monkeypatch.setattr(health, "well", lambda port, path: True)
    service = _service(stage, replicas=2, health=Health(every_s=1), limit_s=10**6)
    stage.cycles(300)
    jobs = models.Job.objects.filter(service=service).count()
    assert jobs < 20, jobs


def test_a_replica_that_comes_up_is_asked_now_and_then(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.operation import health
    from dure.workload.spec import Health

    class Ports(StubEngine):
        def _report(self, key: str) -> Report:
            said = super()._report(key)
            return replace(said, port=40_000) if said.seen == Seen.RUNNING else said

    stage.engine = Ports.of_fleet(stage.fleet, POOLS, stage.clock)
    stage.anew()
    asked: list[int] = []

    def unwell(port: int, path: str) -> bool:
        asked.append(stage.clock.now())
        return False

    monkeypatch.setattr(health, "well", unwell)
    _service(stage, health=Health(every_s=10, start_s=3600), limit_s=10**6)
    stage.cycles(60)
    assert len(asked) <= 8, len(asked)


@pytest.mark.parametrize(
    "spec", [{"project": "alpha", "accelerators": "many"}, {}, {"project": "alpha", "kind": "none"}]
)
def test_a_spec_that_no_longer_reads_stops_nobody_else(stage: Stage, spec: Any) -> None:
    from dure.store import models

    bad = stage.submit()
    models.Job.objects.filter(seq=bad).update(spec=spec)
    _goes_on(stage)


@pytest.mark.parametrize("spec", [{"project": "alpha", "accelerators": "many"}, {"project": "alpha", "kind": "none"}])
def test_a_running_job_whose_spec_no_longer_reads_stops_nobody_else(stage: Stage, spec: Any) -> None:
    from dure.store import models

    bad = stage.submit()
    stage.cycles(3)
    models.Job.objects.filter(seq=bad).update(spec=spec)
    stage.anew()
    _goes_on(stage)


def test_a_running_job_that_no_longer_fits_stops_nobody_else(stage: Stage) -> None:
    from dure.store import models

    bad = stage.submit()
    stage.cycles(3)
    row = models.Job.objects.get(seq=bad)
    models.Job.objects.filter(seq=bad).update(spec={**row.spec, "models": ["RNGD"]})
    stage.anew()
    _goes_on(stage)


def test_a_service_whose_spec_no_longer_reads_stops_nobody_else(stage: Stage) -> None:
    from dure.store import models

    models.Service.objects.create(
        project="alpha", user="lead-alpha", spec={"project": "alpha", "accelerators": "x"}, replicas=1
    )
    _goes_on(stage)


def test_no_connection_for_the_lead_is_a_database_that_is_gone(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    psycopg = pytest.importorskip("psycopg")
    from django.db import Error

    from dure.operation import leading

    def refused(**_: Any) -> None:
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(psycopg, "connect", refused)
    with pytest.raises(Error):
        leading._advisory()


def test_a_clock_that_was_ahead_for_a_moment(stage: Stage) -> None:
    stage.loop.cycle()
    stage.clock.wait(86_400)
    stage.loop.cycle()
    stage.clock.wait(-86_400)
    seq = stage.submit(limit_s=60)
    stage.cycles(200)
    assert stage.job(seq).state == JobState.TIMED_OUT, stage.events(seq)


def test_a_save_signal_that_the_engine_did_not_get_is_given_again(stage: Stage) -> None:
    told: list[str] = []

    class Deaf(StubEngine):
        off = True

        def cancel(self, keys: Any, how: Any) -> None:
            if self.off:
                self.off = False
                raise EngineGone("not now")
            told.append(how.name)
            super().cancel(keys, how)

    stage.engine = Deaf.of_fleet(stage.fleet, POOLS, stage.clock)
    stage.anew()
    seq = stage.submit()
    stage.cycles(3)
    from dure.store import models

    models.Job.objects.filter(seq=seq).update(wish=2)
    stage.cycles(90)
    assert "SAVE" in told, told


def test_what_scavenges_is_charged_again_when_units_come(stage: Stage) -> None:
    from dure.store import models

    _scavenge()
    seq = stage.submit()
    models.Job.objects.filter(seq=seq).update(scavenges=True)
    stage.cycles(5)
    assert stage.tries(seq)[-1].charge > 0


def test_the_length_of_a_request_is_passed_on() -> None:
    from dure.web.gateway import Door, Head, _asked

    head = Head("POST /1/ HTTP/1.1", [("Host", "a"), ("Connection", "close, content-length"), ("Content-Length", "5")])
    assert b"content-length: 5" in _asked(head, 1, Door(1, "t"), "", "").lower()


def test_another_folder_of_the_local_engine_runs_nothing_twice(stage: Stage) -> None:
    import shutil
    import tempfile

    from dure.operation.engines import engines_of
    from dure.operation.loop import Loop, SystemClock
    from dure.operation.submitting import submit

    folder = Path(tempfile.mkdtemp(prefix="dure-review-", dir="/tmp"))
    folder.chmod(0o755)
    made = []
    try:
        seq = submit(stage.world.lead, job(command=("sleep", "60"), models=("H200",)), int(time.time())).seq
        for name in ("first", "second"):
            engines = engines_of(stage.fleet, {"DURE_LOCAL": str(folder / name)})
            made.append(engines.of_pool["h200"])
            loop = Loop(engines.of_pool, SystemClock(), lead=Lead())
            for _ in range(8):
                loop.cycle()
                time.sleep(0.1)
        assert len(stage.tries(seq)) == 1, stage.events(seq)
    finally:
        from dure.executors.base import Stop

        for engine in made:
            engine.cancel([f"live-{seq}.{n}" for n in range(3)], Stop.KILL)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_new_replica_is_judged_by_where_its_owner_signed_in(stage: Stage) -> None:
    from dure.operation.run_facts import SignIn
    from dure.operation.submitting import _signed, submit
    from dure.store import models

    spec = job(kind="service", command=Work(lasts=3000).command(), models=("H200",))
    first = submit(stage.world.lead, spec, NOW, sign_in=SignIn("US", True))
    stage.cycles(3)
    models.Job.objects.filter(seq=first.seq).update(wish=1)
    stage.cycles(8)
    second = models.Job.objects.filter(service=first.service_id).order_by("-seq")[0]
    assert second.seq != first.seq
    assert [_signed([j], stage.fleet)[j.seq].country for j in (first, second)] == ["US", "US"]


def test_two_engines_that_know_one_node(stage: Stage) -> None:
    from dure.operation.loop import Loop

    a, b = (StubEngine.of_fleet(stage.fleet, POOLS, stage.clock) for _ in range(2))
    a.name, b.name = "a", "b"
    stage.loop = Loop({"h200": a, "rngd": b, "cpu": b, "far": b}, stage.clock, lead=Lead())
    for engine in (a, b):
        engine.kill_node("h200/0")
    stage.cycles(2)
    for engine in (a, b):
        engine.repair_node("h200/0")
    _goes_on(stage)


def test_a_node_is_as_the_engine_of_its_pool_says(stage: Stage) -> None:
    from dure.operation.loop import Loop

    a, b = (StubEngine.of_fleet(stage.fleet, POOLS, stage.clock) for _ in range(2))
    a.name, b.name = "a", "b"
    stage.loop = Loop({"h200": a, "rngd": b, "cpu": b, "far": b}, stage.clock, lead=Lead())
    a.kill_node("h200/0")
    for _ in range(4):
        stage.cycles(1)
        assert stage.down()


def test_scaling_down_ends_those_that_wait_first(stage: Stage) -> None:
    from dure.store import models

    service = _service(stage, replicas=2, accelerators=32)
    stage.cycles(3)
    models.Job.objects.filter(service=service, replica=0).update(wish=1)
    stage.cycles(8)
    runs = models.Job.objects.get(service=service, state=JobState.RUNNING)
    models.Service.objects.filter(id=service).update(replicas=1)
    stage.cycles(8)
    assert stage.job(runs.seq).state == JobState.RUNNING, stage.events(runs.seq)
