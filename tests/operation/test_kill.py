"""Real processes: the control loop is killed with SIGKILL at fault points, again and again, on the real local engine.

The loop runs in a fork of this process, so that a hundred deaths take seconds; one death is that of the service itself.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import needs_sqlite
from tests.operation.programme_world import Small, job, small

LIVES = 16  # of one story; most end by SIGKILL
WAIT_S = 20.0
pytestmark = needs_sqlite  # a fork may not share PostgreSQL's pool of connections


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that a job may write in, whoever it runs as."""
    folder = Path(tempfile.mkdtemp(prefix="dure-kill-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "ran").mkdir()
    (folder / "ran").chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def command(place: Path, seconds: float, code: int = 0) -> tuple[str, ...]:
    """A program that leaves a line in a file of its attempt when it begins."""
    return ("sh", "-c", f'echo x >> "{place}/ran/$DURE_ATTEMPT"; sleep {seconds}; exit {code}')


ENDS = {"bad": "FAILED", "long": "TIMED_OUT", "given up": "CANCELLED"}  # the others are completed


def submit(world: Small, place: Path, name: str) -> int:
    """A job that ends well or badly, at its limit, or when it is told to; its number."""
    from dure.operation import submitting

    seconds = {"long": 60.0, "given up": 60.0, "gang": 0.3}.get(name, 0.1)
    spec = job(
        name=name, command=command(place, seconds, code=int(name == "bad")), models=("H200",),
        accelerators=16 if name == "gang" else 1, limit_s=1 if name == "long" else 600,
    )  # fmt: skip
    return submitting.submit(world.lead, spec, int(time.time())).seq


NAMES = ("good", "gang", "bad", "long", "given up")


def one_life(place: Path, fault: str, life_s: float) -> int:
    """A loop in a process of its own until a fault point kills it, all is ended, or its time is over; its exit status."""
    from django.db import connections

    connections.close_all()
    if (pid := os.fork()) == 0:
        status = 3
        try:
            _loop(place, fault, life_s)
            status = 0
        finally:
            os._exit(status)
    _, how = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(how)


def _loop(place: Path, fault: str, life_s: float) -> None:
    from dure.app.programme import fleet_of_programme
    from dure.lifecycle.attempts import Grace
    from dure.operation import faults
    from dure.operation.engines import engines_of
    from dure.operation.loop import Loop, SystemClock
    from dure.store import models

    fleet = fleet_of_programme()
    engines = engines_of(fleet, {**os.environ, "DURE_LOCAL": str(place / "engine")})
    loop = Loop(engines.of_pool, SystemClock(), grace=Grace(save_s=1, term_s=1, limit_s=0))
    faults.install_from({"DURE_FAULT": fault} if fault else {})
    until = time.monotonic() + life_s
    while time.monotonic() < until and models.Job.objects.filter(state__in=(0, 1, 2)).exists():
        loop.cycle()
        time.sleep(0.01)


def wish(seq: int) -> None:
    from dure.store import models

    models.Job.objects.filter(seq=seq).update(wish=1, wished_by="lead-alpha")


def looked_at(place: Path, jobs: dict[int, str]) -> None:
    """All is ended as it must; each attempt ran once."""
    from dure.store import ledger, models
    from dure.vocabulary import JobState
    from tests.operation import invariants

    ran = Counter({file.name: len(file.read_text().split()) for file in (place / "ran").iterdir()})
    assert {key: n for key, n in ran.items() if n != 1} == {}
    keys = set(models.Attempt.objects.values_list("key", flat=True))
    assert ran.keys() <= keys
    wrong = [
        *invariants.nothing_lost(jobs), *invariants.jobs_right(ended=True), *invariants.attempts_right(),
        *invariants.booked(), *ledger.verify()[1], *invariants.logged(),
    ]  # fmt: skip
    assert wrong == []
    causes = list(models.JobEvent.objects.exclude(cause="").values_list("job", "attempt", "cause"))
    for row in models.Job.objects.all():
        assert JobState(row.state).name == ENDS.get(row.name, "COMPLETED"), (row.name, causes)


@pytest.mark.parametrize("seed", range(2))
def test_a_loop_that_dies_at_any_point_loses_nothing_and_runs_nothing_twice(
    seed: int, database: str, place: Path
) -> None:
    rng = random.Random(seed)
    world = small(int(time.time()))
    jobs: dict[int, str] = {}
    deaths = 0
    for life in range(LIVES):
        name = NAMES[life % len(NAMES)]
        jobs[submit(world, place, name)] = "alpha"
        if name == "given up":
            wish(max(jobs))
        status = one_life(place, f"*:{rng.randrange(1, 30)}", 1.0)
        assert status in (0, -signal.SIGKILL), status
        deaths += status == -signal.SIGKILL
    assert deaths >= LIVES // 2, "it was killed"
    assert one_life(place, "", WAIT_S) == 0
    looked_at(place, jobs)


def test_the_service_itself_dies_and_is_started_again(database: str, place: Path) -> None:
    world = small(int(time.time()))
    jobs = {submit(world, place, name): "alpha" for name in NAMES}
    wish(max(jobs))
    environ: dict[str, Any] = {**os.environ, "DURE_DATABASE_URL": database, "DURE_LOCAL": str(place / "engine")}
    command = [sys.executable, "-m", "dure.operation.service"]
    first = subprocess.run(command, env={**environ, "DURE_FAULT": "launched:1"}, stderr=subprocess.PIPE, timeout=60)
    assert first.returncode == -signal.SIGKILL, first.stderr.decode()[-2000:]
    second = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE)
    try:
        _until_ended()
    finally:
        second.terminate()
        said = second.communicate(timeout=20)[1]
    assert second.returncode == 0, said.decode()[-2000:]
    looked_at(place, jobs)


def _until_ended() -> None:
    from dure.store import models

    until = time.monotonic() + 60
    while models.Job.objects.filter(state__in=(0, 1, 2)).exists():
        assert time.monotonic() < until, list(models.Job.objects.values_list("name", "state", "why"))
        time.sleep(0.2)
