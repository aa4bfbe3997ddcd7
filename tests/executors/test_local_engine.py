"""The local engine: the contract, its faults, and what only it promises."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import SimpleNamespace

import pytest

from dure.executors import accelerators, processes
from dure.executors.accelerators import Device, Node
from dure.executors.base import EngineGone, Launch, Part, Report, Seen, Stop
from dure.executors.local import LocalEngine
from dure.executors.preparing import Site
from dure.vocabulary import Failure, JobKind
from tests.executors.conftest import NODES, PYTHON
from tests.executors.contract import Contract, ended, launch_on, running, started, wait, wrote


class TestContract(Contract):
    @pytest.fixture
    def engine(self, either: LocalEngine) -> LocalEngine:
        return either


def folder_of(site: Site, key: str) -> Path:
    return Path(site.root, "attempts", key)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


# A crash between the intent and the start, and two who start at once


@pytest.mark.parametrize("left", ["folder", "lock", "all but pid", "blank pid"])
def test_what_a_crash_left_before_the_start_is_absent_and_can_be_started(
    engine: LocalEngine, site: Site, left: str
) -> None:
    launch = launch_on(engine, ["echo", "ran"])
    engine.poll([])
    folder = folder_of(site, launch.key)
    folder.mkdir()
    if left != "folder":
        (folder / "lock").touch()
    if left in ("all but pid", "blank pid"):
        (folder / "work").mkdir()
        (folder / "lock").write_bytes(b"\n" * 256 + b"{")
    if left == "blank pid":  # a runner that found no room to write it gave up
        (folder / "pid").touch()
    assert engine.poll([launch.key])[0].seen == Seen.ABSENT
    assert engine.submit([launch]) == [""]
    assert ended(engine, launch.key).exit_code == 0
    assert engine.logs(launch.key, 0, 10) == b"ran\n"


@pytest.mark.parametrize("wrote_end", [True, False])
def test_what_was_started_is_never_started_twice(engine: LocalEngine, site: Site, wrote_end: bool) -> None:
    launch = launch_on(engine, ["echo", "ran"])
    engine.poll([])
    folder = folder_of(site, launch.key)
    folder.mkdir()
    (folder / "pid").write_text("4194300\n")
    (folder / "lock").write_bytes((b"exit 3\n" if wrote_end else b"\n") + b"\n" * 200)
    assert engine.submit([launch]) == [""]
    report = engine.poll([launch.key])[0]
    assert (report.seen, report.exit_code) == (Seen.ENDED, 3 if wrote_end else None)
    assert report.failure == (Failure.USER if wrote_end else Failure.ENGINE)
    assert engine.poll([launch.key]) == [report]


def _race(root: str, launches: list[Launch], both: Barrier, said: multiprocessing.Queue[list[str]]) -> None:
    engine = LocalEngine(Site(root), NODES)
    both.wait()
    said.put(engine.submit(launches))


def test_two_leaders_at_once_start_each_key_once(engine: LocalEngine, site: Site) -> None:
    launches = [launch_on(engine, ["sh", "-c", "echo x"]) for _ in range(60)]
    keys = [launch.key for launch in launches]
    context = multiprocessing.get_context("spawn")
    said: multiprocessing.Queue[list[str]] = context.Queue()
    both = context.Barrier(2)
    racers = [context.Process(target=_race, args=(site.root, launches, both, said)) for _ in range(2)]
    for racer in racers:
        racer.start()
    while any(r.is_alive() for r in racers) and said.qsize() < 2:
        engine.poll(keys)  # who only looks must not make a starter think that another has it
        time.sleep(0.005)
    assert [said.get(timeout=20) for _ in racers] == [[""] * 60] * 2
    for key in keys:
        assert ended(engine, key).exit_code == 0
        assert engine.logs(key, 0, 100) == b"x\n"
    for racer in racers:
        racer.join()


def test_kill_against_a_start_at_the_same_time(engine: LocalEngine, site: Site) -> None:
    """Whoever comes first: at the end nothing runs."""
    import threading

    launches = [launch_on(engine, ["sleep", "60"]) for _ in range(40)]
    starter = threading.Thread(target=lambda: engine.submit(launches))
    starter.start()
    for launch in launches:
        time.sleep(0.001)
        LocalEngine(site, NODES).cancel([launch.key], Stop.KILL)
    starter.join()
    for launch in launches:
        report = ended(engine, launch.key)
        assert report.failure == Failure.NONE
        assert report.exit_code in (None, -signal.SIGKILL)


def test_term_is_not_lost_on_a_command_that_is_just_beginning(engine: LocalEngine) -> None:
    launches = [launch_on(engine, ["sleep", "60"]) for _ in range(60)]
    for launch in launches:
        engine.submit([launch])
        while engine.poll([launch.key])[0].seen != Seen.RUNNING:
            pass
        engine.cancel([launch.key], Stop.TERM)
    assert {ended(engine, launch.key).failure for launch in launches} == {Failure.NONE}


# Restarts of Dure


_CHILD = """
import sys, os
from tests.executors.test_local_engine import *
engine = LocalEngine(Site(sys.argv[1]), NODES)
fields = dict(job=1, attempt=1, project="p", kind=JobKind.BATCH, parts=(Part("a/0", (0,)),), limit_s=60)
engine.submit([
    Launch(key="live-1.1", command=("sh", "-c", "sleep 1; echo end; exit 5"), **fields),
    Launch(key="live-2.1", command=("sleep", "60"), **fields),
])
os.kill(os.getpid(), 9)
"""


def test_attempts_outlive_a_killed_dure_and_are_found_again(engine: LocalEngine, root: Path) -> None:
    env = {**os.environ, "PYTHONPATH": f"{root}/src{os.pathsep}{root}"}
    child = subprocess.run([sys.executable, "-c", _CHILD, engine.site.root], env=env, cwd=root)
    assert child.returncode == -signal.SIGKILL
    running(engine, "live-1.1")
    report = ended(engine, "live-1.1")
    assert (report.exit_code, report.failure) == (5, Failure.USER)
    assert report.end_utc_s - report.run_utc_s in (1, 2)
    assert engine.logs("live-1.1", 0, 10) == b"end\n"
    assert running(engine, "live-2.1")
    engine.cancel(["live-2.1"], Stop.KILL)
    assert ended(engine, "live-2.1").exit_code == -9


def test_a_runner_that_vanishes_is_the_engines_and_leaves_nothing(engine: LocalEngine, site: Site) -> None:
    key = started(engine, ["sh", "-c", "sleep 61 & setsid sleep 61 & echo $! $$; wait"])
    wrote(engine, key, b"\n")
    pids = [int(word) for word in engine.logs(key, 0, 100).split()]
    os.kill(int((folder_of(site, key) / "pid").read_text()), signal.SIGKILL)
    report = ended(engine, key)
    assert (report.exit_code, report.failure) == (None, Failure.ENGINE)
    assert "vanished" in report.cause
    assert report.end_utc_s >= report.run_utc_s > 0
    time.sleep(0.1)
    assert not any(map(alive, pids))


# Ends


def test_kill_leaves_no_grandchild_in_whatever_session(engine: LocalEngine) -> None:
    key = started(engine, ["sh", "-c", "(sleep 62 & setsid sleep 62 & echo $!; wait) & echo $$; wait"])
    wait(engine, key, lambda r: engine.logs(key, 0, 100).count(b"\n") == 2)
    pids = [int(word) for word in engine.logs(key, 0, 100).split()]
    assert all(map(alive, pids))
    engine.cancel([key], Stop.KILL)
    assert ended(engine, key).exit_code == -9
    time.sleep(0.1)
    assert not any(map(alive, pids))


def test_the_end_of_a_command_ends_what_it_left_behind(engine: LocalEngine) -> None:
    key = started(engine, ["sh", "-c", "sleep 63 & echo $!"])
    assert ended(engine, key).exit_code == 0
    time.sleep(0.1)
    assert not alive(int(engine.logs(key, 0, 100)))


def test_no_zombie_is_left(engine: LocalEngine) -> None:
    key = started(engine, ["true"])
    ended(engine, key)
    time.sleep(0.1)
    engine.poll([])
    assert engine._children == set()


def test_a_failed_node_takes_its_attempts_with_it(engine: LocalEngine) -> None:
    there = started(engine, ["sleep", "60"], parts=(Part("a/1", (0,)),))
    gang = started(engine, ["sleep", "60"], parts=(Part("a/0", (0,)), Part("a/1", (1,))))
    other = started(engine, ["sleep", "60"])
    for key in (there, gang, other):
        running(engine, key)
    assert sorted(engine.fail_node("a/1")) == sorted([there, gang])
    for key in (there, gang):
        report = ended(engine, key)
        assert (report.failure, report.cause) == (Failure.NODE, "a/1 died")
    assert engine.poll([other])[0].seen == Seen.RUNNING
    assert [node.name for node in engine.inventory() if not node.up] == ["a/1"]
    refused = launch_on(engine, ["true"], parts=(Part("a/1", (0,)),))
    assert "down" in engine.submit([refused])[0]
    assert engine.poll([refused.key])[0].seen == Seen.ABSENT
    engine.repair_node("a/1")
    assert ended(engine, started(engine, ["true"], parts=(Part("a/1", (0,)),))).exit_code == 0


def test_a_memory_limit_holds_and_a_kill_nobody_asked_for_is_the_limits(engine: LocalEngine) -> None:
    eats = "print(len(bytearray(200 << 20)))"
    over = started(engine, [PYTHON, "-c", eats], memory_mib=100)
    report = ended(engine, over)
    assert report.exit_code == 1
    assert b"MemoryError" in engine.logs(over, 0, 4000)
    killed = started(engine, ["sh", "-c", "kill -9 $$"], memory_mib=100)
    assert ended(engine, killed).failure == Failure.LIMIT
    without = started(engine, ["sh", "-c", "kill -9 $$"])
    assert ended(engine, without).failure == Failure.USER


# Staging


@pytest.fixture
def staging(place: Path) -> LocalEngine:
    program = place / "stage"
    program.write_text('#!/bin/sh\necho "stage $1 $2 $DURE_DATA_DIR"; sleep 0.3; [ "$2" != bad ]\n')
    program.chmod(0o755)
    return LocalEngine(Site(str(place / "engine"), stage=(str(program), "--of", "{data}"), data="/data"), NODES)


def test_data_are_staged_before_the_command(staging: LocalEngine) -> None:
    assert staging.capabilities().stages
    before = time.time()
    key = started(staging, ["echo", "ran"], data=("one", "t/wo"))
    assert staging.poll([key])[0].seen == Seen.STARTING
    report = ended(staging, key)
    assert report.exit_code == 0
    assert report.run_utc_s >= before + 0.6 - 1  # whole seconds, rounded down
    assert staging.logs(key, 0, 1000) == b"stage --of one /data\nstage --of t/wo /data\nran\n"


def test_data_that_cannot_be_staged_are_the_engines_fault(staging: LocalEngine) -> None:
    report = ended(staging, started(staging, ["echo", "ran"], data=("one", "bad", "never")))
    assert (report.failure, report.run_utc_s, report.exit_code) == (Failure.ENGINE, 0, None)
    assert staging.logs(report.key, 0, 1000) == b"stage --of one /data\nstage --of bad /data\n"


@pytest.mark.parametrize("how", [Stop.TERM, Stop.KILL])
def test_stopped_while_staging(staging: LocalEngine, how: Stop) -> None:
    key = started(staging, ["echo", "ran"], data=("one",))
    wrote(staging, key, b"stage")
    staging.cancel([key], how)
    report = ended(staging, key)
    assert (report.failure, report.run_utc_s) == (Failure.NONE, 0)
    assert b"ran" not in staging.logs(key, 0, 1000)


def test_a_site_without_staging_refuses_data(engine: LocalEngine) -> None:
    assert not engine.capabilities().stages
    assert engine.submit([launch_on(engine, ["true"], data=("one",))]) == ["this site stages no data"]


# Ports, leases, utilisation


def test_a_port_of_its_own_and_a_token(engine: LocalEngine, site: Site) -> None:
    launches = [launch_on(engine, ["sh", "-c", "echo $DURE_PORT $DURE_TOKEN; sleep 60"], listens=True, token=f"t{i}")
                for i in range(5)]  # fmt: skip
    assert engine.submit(launches) == [""] * 5
    ports = {running(engine, launch.key).port for launch in launches}
    assert len(ports) == 5
    assert all(1024 < port < 65536 for port in ports)
    for i, launch in enumerate(launches):
        wrote(engine, launch.key, f"{engine.poll([launch.key])[0].port} t{i}\n".encode())
        assert f'"t{i}"' not in (folder_of(site, launch.key) / "lock").read_text()


def test_a_lease_without_a_command_holds_its_place(engine: LocalEngine) -> None:
    key = started(engine, [], kind=JobKind.LEASE)
    running(engine, key)
    engine.cancel([key], Stop.TERM)
    assert ended(engine, key).failure == Failure.NONE


def test_utilisation_of_the_cores_asked_for(engine: LocalEngine) -> None:
    spin = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\ntime.sleep(0.5)"
    report = ended(engine, started(engine, [PYTHON, "-c", spin], cores_milli=1000))
    assert report.busy_milli is not None
    assert 100 <= report.busy_milli <= 700
    key = started(engine, ["sh", "-c", "while :; do :; done"], cores_milli=2000)
    running(engine, key)
    time.sleep(1.2)
    engine._cpu = (-99.0, {})  # what it read is fresh for 10 s
    report = engine.poll([key])[0]
    assert report.busy_milli is not None
    assert 20 < report.busy_milli <= 510  # one of two
    engine.cancel([key], Stop.KILL)


# The folder: full, gone, old


def test_a_full_disk_starts_nothing_and_loses_no_end(place: Path) -> None:
    root = place / "engine"
    root.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k,mode=755", "tmpfs", root]).returncode
    ):
        pytest.skip("needs a file system of its own")
    try:
        engine = LocalEngine(Site(str(root)), NODES)
        key = started(engine, ["sh", "-c", "while [ ! -e /proc/self/cwd/go ]; do sleep 0.05; done; echo lost; exit 6"])
        running(engine, key)
        (root / "attempts" / key / "work" / "go").touch()
        fill = root / "fill"
        subprocess.run(["dd", "if=/dev/zero", f"of={fill}", "bs=4096"], stderr=subprocess.DEVNULL)
        assert (ended(engine, key).exit_code, ended(engine, key).failure) == (6, Failure.USER)
        late = launch_on(engine, ["true"])
        with pytest.raises(EngineGone, match="No space"):
            engine.submit([late])
        assert engine.poll([late.key])[0].seen == Seen.ABSENT
        fill.unlink()
        assert engine.submit([late]) == [""]
        assert ended(engine, late.key).exit_code == 0
    finally:
        subprocess.run(["umount", "-l", root], check=True)


def test_a_folder_that_is_gone_says_nothing(engine: LocalEngine, site: Site) -> None:
    ended(engine, started(engine, ["true"]))
    shutil.rmtree(site.root)
    for ask in (lambda: engine.poll(["live-1.1"]), lambda: engine.submit([]), lambda: engine.cancel(["x"], Stop.TERM)):
        with pytest.raises(EngineGone):
            ask()


def test_what_cannot_be_read_is_unknown_and_not_absent(engine: LocalEngine, site: Site) -> None:
    engine.poll([])
    folder_of(site, "live-1.1").write_text("no folder")
    report = engine.poll(["live-1.1"])[0]
    assert report.seen == Seen.UNKNOWN
    assert report.cause


def test_old_attempts_are_removed_and_save_points_stay(engine: LocalEngine, site: Site) -> None:
    old = started(engine, ["sh", "-c", "echo x >$DURE_SAVE_DIR/point"], save_name="job-1")
    ended(engine, old)
    up = started(engine, ["sleep", "60"])
    for path in folder_of(site, old).rglob("*"):
        os.utime(path, (1000, 1000))
    new = started(engine, ["true"])
    ended(engine, new)
    assert engine.prune(2000) == 1
    assert [engine.poll([k])[0].seen for k in (old, up, new)] == [Seen.ABSENT, Seen.RUNNING, Seen.ENDED]
    assert Path(site.root, "saves/job-1/point").exists()


# Accelerators


def test_slots_are_told_to_the_job(engine: LocalEngine) -> None:
    parts = (Part("a/0", (2, 5)), Part("a/1", (0,)))
    names = ["DURE_NODES", "DURE_DEVICES", "DURE_PARTS", "CUDA_VISIBLE_DEVICES"]
    key = started(engine, ["sh", "-c", "; ".join(f"echo ${n}" for n in names)], parts=parts,
                  env={"CUDA_VISIBLE_DEVICES": "0,1,2,3"})  # fmt: skip
    ended(engine, key)
    assert engine.logs(key, 0, 1000).decode().split("\n") == ["a/0,a/1", "2,5", "a/0:2,5;a/1:0", "2,5", ""]


class FakeNvml:
    """As much of NVML as is used. Counters move with each reading."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        self.models, self.remapped, self.energy_mj, self.lost = [b"NVIDIA H200"] * 8, 0, 1000, False

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return len(self.models)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if self.lost and index == 3:
            raise self.NVMLError("GPU is lost")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        return int(uuid.removeprefix("GPU-"))

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}"

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return self.models[handle]

    def nvmlDeviceGetRemappedRows(self, handle: int) -> tuple[int, int, int, int]:
        return (0, 0, 0, self.remapped)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        self.energy_mj += 3000
        return self.energy_mj

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=40)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)  # type: ignore[arg-type]
    return fake


def test_real_accelerators_are_told_watched_and_metered(nvml: FakeNvml, site: Site) -> None:
    engine = LocalEngine(site, NODES)
    assert [node.model for node in engine.inventory()] == ["NVIDIA H200", "", ""]  # the others are pretended
    key = started(engine, ["sh", "-c", "echo $CUDA_VISIBLE_DEVICES; sleep 60"], parts=(Part("a/0", (1, 6)),))
    running(engine, key)
    report = engine.poll([key])[0]
    assert report.energy_j is not None
    assert (report.energy_j > 0, report.busy_milli) == (True, 400)
    engine.cancel([key], Stop.KILL)
    last = ended(engine, key)
    nvml.energy_mj += 10**9  # what the next job draws
    assert engine.poll([key]) == [last]
    assert (last.energy_j, last.busy_milli) >= (report.energy_j, 400)
    assert engine.logs(key, 0, 100) == b"GPU-1,GPU-6\n"
    nvml.lost = True
    assert "lost" in engine.inventory()[0].cause
    nvml.lost, nvml.remapped = False, 1
    assert not engine.inventory()[0].up


def test_hardware_of_another_model_leaves_nodes_pretended(nvml: FakeNvml, site: Site) -> None:
    nvml.models = [b"NVIDIA GeForce RTX 4090"] * 8
    assert LocalEngine(site, NODES)._real == {}
    assert accelerators.real_nodes([Node("x", 2, "RTX4090")], [Device("u", "NVIDIA GeForce RTX 4090")] * 3) == {
        "x": range(2)
    }


# Cheap


def test_an_inventory_of_many_nodes_and_polls_of_many_keys_are_cheap(site: Site) -> None:
    engine = LocalEngine(site, [Node(f"n/{i}", 8) for i in range(2000)])
    began = time.perf_counter()
    assert len(engine.inventory()) == 2000
    assert time.perf_counter() - began < 0.25
    launches = [replace(launch_on(engine, ["true"]), parts=(Part("n/1", (0,)),)) for _ in range(50)]
    engine.submit(launches)
    reports: list[Report] = []
    for launch in launches:
        reports.append(ended(engine, launch.key))
    began = time.perf_counter()
    assert engine.poll([r.key for r in reports] * 20) == reports * 20
    assert time.perf_counter() - began < 0.5  # 0.05 on an idle machine


def test_the_lock_tells_lookers_from_holders(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    assert not processes.held(path)
    lock = processes.take(path)
    assert lock is not None
    assert processes.held(path)
    assert processes.take(path) is None
    os.close(lock)
    assert not processes.held(path)


def test_spec_keeps_only_what_is_asked_of_it_later(engine: LocalEngine, site: Site) -> None:
    key = started(engine, ["sh", "-c", "exit 0"], env={"A": "b"})
    assert set(json.loads((folder_of(site, key) / "lock").read_text()[256:])) == {
        "job", "attempt", "project", "kind", "command", "nodes", "limit_s", "cores_milli", "memory_mib", "port", "uuids",
    }  # fmt: skip
