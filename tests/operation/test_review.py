"""Defects that a review of the control loop found: each test fails as long as one is there."""

from __future__ import annotations

import http.server
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
from dure.lifecycle.attempts import Desired, Observed
from dure.vocabulary import Failure, JobEvent, JobState
from tests.databases import needs_sqlite
from tests.operation.programme_world import NOW, FLEET, job, small
from tests.operation.stub import StubEngine, VirtualClock, Work

pytestmark = needs_sqlite
POOLS = ("h200", "rngd", "cpu", "far")


class Lead:
    """Leads, in a term of its own."""

    term: int | None = None

    def hold(self, holder: str, policy: str, now: int) -> int:
        from django.db import transaction

        from dure.store.jobs import take_term

        if self.term is None:
            with transaction.atomic():
                self.term = take_term(holder, policy, now)
        return self.term

    def release(self) -> None:
        self.term = None


class Stage:
    """The small programme, a stub engine, and a control loop that may be made anew."""

    def __init__(self, **works: int) -> None:
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
        return submit(self.world.lead, job(command=(work or Work(lasts=3000)).command(), **more), self.clock.now()).seq

    def job(self, seq: int) -> Any:
        from dure.store import models

        return models.Job.objects.get(seq=seq)

    def tries(self, seq: int) -> list[Any]:
        from dure.store import models

        return list(models.Attempt.objects.filter(job=seq).order_by("number"))

    def events(self, seq: int) -> list[str]:
        from dure.store import models

        return [JobEvent(e).name for e in models.JobEvent.objects.filter(job=seq).order_by("seq").values_list("event", flat=True)]


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


def test_a_project_stopped_with_a_running_job_and_restart(stage: Stage) -> None:
    seq = stage.submit(Work(ignores="both"))
    stage.cycles(3)
    stop(stage)
    stage.cycles(2)
    stage.anew()
    stage.cycles(3)
    assert stage.job(seq).state in (JobState.RUNNING, JobState.WAITING)


def test_what_waited_while_stopped_goes_on_after_a_restart(stage: Stage) -> None:
    first, second = stage.submit(accelerators=32), stage.submit(accelerators=32)
    stage.cycles(3)
    stop(stage)
    stage.cycles(5)
    stage.anew()
    stage.cycles(5)
    stop(stage, False)
    stage.cycles(60)
    assert {stage.job(first).state, stage.job(second).state} == {JobState.RUNNING, JobState.WAITING}


def _scavenge() -> None:
    from dure.store import models

    models.Terms.objects.update_or_create(project_id="alpha", defaults={"when_spent": "scavenge"})


def _spend(stage: Stage) -> None:
    from dure.ledger.model import Cause, Transfer
    from dure.store import ledger

    left = stage.world.left()
    codes = ledger.record([Transfer("spend", "project:alpha", "track:c/all", left, Cause.SUPPLEMENT, stage.clock.now())])
    print("codes", codes, left, stage.world.left())


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


def test_a_node_that_dies_under_a_launch_costs_no_job(stage: Stage) -> None:
    seq = stage.submit(accelerators=32)
    stage.loop.cycle()
    for t in stage.tries(seq):
        print(t.key, t.nodes, t.observed)
    other = stage.submit(accelerators=32)
    stage.cycles(2)
    stage.engine.kill_node("h200/0")
    for _ in range(20):
        stage.loop.cycle()
    print(stage.events(seq), stage.events(other))


def test_a_node_that_died_within_the_second_costs_no_job(stage: Stage) -> None:
    stage.loop.cycle()
    stage.engine.kill_node("h200/0")
    seq = stage.submit(accelerators=32)
    for _ in range(20):
        stage.loop.cycle()
    assert JobState(stage.job(seq).state) == JobState.WAITING, (stage.events(seq), stage.job(seq).failure)


# --- time --------------------------------------------------------------------------------------------------------------


def test_a_clock_set_back_between_two_loops(stage: Stage) -> None:
    seq = stage.submit()
    stage.cycles(3)
    stage.clock.seconds -= 3600
    stage.anew()
    stage.cycles(3)
    assert stage.job(seq).state == JobState.RUNNING


def test_a_notebook_that_expired_while_it_waited_is_not_started(stage: Stage) -> None:
    first = stage.submit(Work(lasts=2000), accelerators=32)
    stage.cycles(2)
    seq = stage.submit(kind="interactive", accelerators=32, expires_utc_s=NOW + 1000)
    stage.cycles(3)
    assert stage.job(seq).state == JobState.WAITING
    stage.clock.seconds = NOW + 2500
    stage.cycles(5)
    assert "START" not in stage.events(seq), (stage.events(seq), stage.tries(seq)[0].limit_s)


# --- nodes and sites ---------------------------------------------------------------------------------------------------


def test_a_drained_site_stays_so_when_an_outage_is_over(stage: Stage) -> None:
    from dure.store import models

    stage.cycles(1)
    models.SiteOrder.objects.create(site="first", drained=True)
    models.Outage.objects.create(site="first", from_utc_s=NOW + 5, to_utc_s=NOW + 10, by="operator")
    stage.cycles(15)
    seq = stage.submit()
    stage.cycles(8)
    assert stage.job(seq).state == JobState.WAITING


def test_two_outages_that_overlap(stage: Stage) -> None:
    from dure.store import models

    stage.cycles(1)
    models.Outage.objects.create(site="first", from_utc_s=NOW + 5, to_utc_s=NOW + 10, by="operator")
    models.Outage.objects.create(site="first", from_utc_s=NOW + 6, to_utc_s=NOW + 100, by="operator")
    stage.cycles(15)
    seq = stage.submit()
    stage.cycles(8)
    assert stage.job(seq).state == JobState.WAITING


def test_two_engines_of_one_name_are_two(stage: Stage) -> None:
    from dure.operation.loop import Loop

    a = StubEngine.of_fleet(stage.fleet, ("h200", "rngd", "cpu"), stage.clock)
    b = StubEngine.of_fleet(stage.fleet, ("far",), stage.clock)
    stage.loop = Loop({"h200": a, "rngd": a, "cpu": a, "far": b}, stage.clock, lead=Lead())
    for n in range(4):
        a.kill_node(f"h200/{n}")
    stage.cycles(2)
    assert len(stage.loop.world.down) == 4


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


def test_a_spec_that_is_none_stops_nobody_else(stage: Stage) -> None:
    from dure.store import models

    bad = stage.submit()
    models.Job.objects.filter(seq=bad).update(spec={"project": "alpha", "nonsense": 1})
    _goes_on(stage)


def test_a_running_job_whose_spec_is_none_stops_nobody_else(stage: Stage) -> None:
    from dure.store import models

    bad = stage.submit()
    stage.cycles(3)
    models.Job.objects.filter(seq=bad).update(spec={"project": "alpha", "nonsense": 1})
    stage.anew()
    _goes_on(stage)


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
            import os

            os.close(lock)
    assert [r.seen for r in reports] == [Seen.UNKNOWN, Seen.ABSENT]


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
    from dure.operation.services import _well

    with server(b"garbage\r\n\r\n") as port:
        assert _well(port, "/") is False


def test_a_replica_that_drips_holds_up_nobody() -> None:
    from dure.operation.services import _well

    with server(b"HTTP/1.1 200 OK\r\n\r\n", 0.3) as port:
        began = time.monotonic()
        _well(port, "/")
        assert time.monotonic() - began < 3


def _service(stage: Stage, **more: Any) -> int:
    from dure.store import models

    seq = stage.submit(kind="service", **more)
    return stage.job(seq).service_id


def test_a_healthy_replica_does_not_wind_up_another(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.operation import services
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
    monkeypatch.setattr(services, "_well", lambda port, path: True)
    service = _service(stage, replicas=2, health=Health(every_s=1), limit_s=10**6)
    stage.cycles(300)
    jobs = models.Job.objects.filter(service=service).count()
    assert jobs < 20, jobs


def test_a_replica_that_can_never_run_is_not_submitted_for_ever(stage: Stage) -> None:
    from dure.store import models

    service = _service(stage)
    models.Job.objects.all().update(wish=1)
    row = models.Service.objects.get(id=service)
    models.Service.objects.filter(id=service).update(spec={**row.spec, "accelerators": 10_000})
    stage.cycles(100, 60)
    assert models.Job.objects.filter(service=service).count() < 12, models.Job.objects.filter(service=service).count()


def test_a_replica_that_comes_up_is_asked_now_and_then(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.operation import services
    from dure.workload.spec import Health

    class Ports(StubEngine):
        def _report(self, key: str) -> Report:
            said = super()._report(key)
            return replace(said, port=40_000) if said.seen == Seen.RUNNING else said

    stage.engine = Ports.of_fleet(stage.fleet, POOLS, stage.clock)
    stage.anew()
    asked: list[int] = []
    monkeypatch.setattr(services, "_well", lambda port, path: asked.append(stage.clock.now()) or False)
    _service(stage, health=Health(every_s=10, start_s=3600), limit_s=10**6)
    stage.cycles(60)
    assert len(asked) <= 8, len(asked)
