"""Two control loops as processes on one database: one leads; killed, the other leads within ten seconds, and nothing runs twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dure.workload.spec import JobSpec
from tests.databases import needs_postgres
from tests.operation import programme_world

TAKES_S = 10.0  # the most that taking over may take
LONGEST_S = 60.0


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that a job may enter, whoever it runs as."""
    folder = Path(tempfile.mkdtemp(prefix="dure-takeover-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def loops(database: str, place: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts control loops on the test's database, with one local engine between them; ends them."""
    started: list[subprocess.Popen[bytes]] = []
    environ = {**os.environ, "DURE_DATABASE_URL": database, "DURE_LOCAL": str(place / "local")}

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dure.operation.service", "--policy", "easy"]
        started.append(subprocess.Popen(command, env=environ, cwd=place))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(what: Callable[[], bool], longest_s: float = LONGEST_S) -> float:
    """Seconds until something holds."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < longest_s, "it never came to that"
        time.sleep(0.05)
    return time.monotonic() - began


def term() -> int:
    from dure.store import models

    return models.Leader.objects.filter(id=1).values_list("term", flat=True).first() or 0


def submit(count: int, seconds: str) -> list[int]:
    """Jobs that each write a line into the folder that their attempts share."""
    from dure.operation.submitting import submit_all

    world = programme_world.Small(int(time.time()))
    command = ("sh", "-c", 'echo ran >>"$DURE_SAVE_DIR/ran"; sleep "$0"', seconds)
    spec = JobSpec(project="alpha", command=command, accelerators=0, cores_milli=100)
    return submit_all(world.lead, [spec] * count, int(time.time()))


def ran_once(jobs: list[int], root: Path) -> None:
    from dure.store import models
    from dure.vocabulary import JobState

    rows = models.Job.objects.filter(seq__in=jobs)
    assert {(j.state, j.attempts) for j in rows} == {(JobState.COMPLETED, 1)}
    for seq in jobs:
        assert (root / "local" / "saves" / f"live-{seq}" / "ran").read_text() == "ran\n"


def test_another_loop_takes_over(loops: Callable[[], subprocess.Popen[bytes]], place: Path) -> None:
    from dure.store import models
    from dure.vocabulary import FINAL_STATES

    programme_world.small(int(time.time()))
    first = loops()
    wait_for(lambda: term() == 1)
    loops()
    jobs = submit(8, "3")
    wait_for(lambda: models.Attempt.objects.filter(job__in=jobs).count() == len(jobs))
    time.sleep(0.3)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert wait_for(lambda: term() == 2) < TAKES_S
    wait_for(lambda: not models.Job.objects.exclude(state__in=FINAL_STATES).exists())
    ran_once(jobs, place)


@needs_postgres
def test_a_database_that_is_gone_for_half_a_minute(
    loops: Callable[[], subprocess.Popen[bytes]], place: Path, database: str
) -> None:
    import psycopg
    from django.db import connection

    from dure.store import models
    from dure.vocabulary import FINAL_STATES
    from tests.databases import SERVER

    programme_world.small(int(time.time()))
    loops()
    jobs = submit(6, "5")
    wait_for(lambda: models.Attempt.objects.filter(job__in=jobs).count() == len(jobs))
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.close_pool()
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        time.sleep(30)
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    wait_for(lambda: not models.Job.objects.exclude(state__in=FINAL_STATES).exists())
    ran_once(jobs, place)
