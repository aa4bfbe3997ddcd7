"""The processes beside the API: kept alive, ended with their parent, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dure.web import server

FOREVER = "import os,sys,time\nopen(sys.argv[1],'a').write(f'{os.getpid()}\\n')\ntime.sleep(600)"

FAILS = "'import sys,time; time.sleep(1); sys.exit(3)'"


def started(path: Path, least: int = 1) -> list[int]:
    """The process ids that a child wrote, once there are so many."""
    for _ in range(200):
        found = [int(line) for line in path.read_text().split()] if path.exists() else []
        if len(found) >= least:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{path.name}: not started {least} times")


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as file:
                if file.read().split()[2] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def parent(tmp_path: Path, *children: str) -> subprocess.Popen[bytes]:
    """A process that supervises; each child is the text of a `Child(...)`."""
    code = f"import sys; from dure.web.server import Child, supervise; F = {FOREVER!r}; sys.exit(supervise([{','.join(children)}]))"
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)


def child(name: str, path: Path, code: str = "F", needed: bool = False) -> str:
    return f"Child({name!r}, [sys.executable, '-c', {code}, {str(path)!r}], needed={needed})"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_children_end_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    if how == signal.SIGKILL and not sys.platform.startswith("linux"):
        pytest.skip("only Linux ends a child whose parent was killed")
    supervisor = parent(tmp_path, child("a", tmp_path / "a"), child("b", tmp_path / "b"))
    pids = started(tmp_path / "a") + started(tmp_path / "b")
    supervisor.send_signal(how)
    assert supervisor.wait(timeout=10) == (0 if how != signal.SIGKILL else -signal.SIGKILL)
    assert all(gone(pid) for pid in pids)


def test_one_that_dies_is_started_again_and_said(tmp_path: Path) -> None:
    supervisor = parent(tmp_path, child("a", tmp_path / "a"))
    (first,) = started(tmp_path / "a")
    os.kill(first, signal.SIGKILL)
    second = started(tmp_path / "a", 2)[1]
    assert second != first
    supervisor.terminate()
    _, said = supervisor.communicate(timeout=10)
    assert b'"event": "child_died"' in said
    assert gone(second)


def test_the_needed_one_ends_all_with_its_status(tmp_path: Path) -> None:
    supervisor = parent(
        tmp_path,
        child("a", tmp_path / "a"),
        child("web", tmp_path / "b", FAILS, True),
    )
    (pid,) = started(tmp_path / "a")
    assert supervisor.wait(timeout=10) == 3
    assert gone(pid)


def test_the_wait_before_another_start_grows_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    one = server.Child("x", [sys.executable, "-c", ""])
    now, waits = [0.0], []
    monkeypatch.setattr(server.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(server, "log", lambda *_, **__: None)

    class Dead:
        def poll(self) -> int:
            return 1

    monkeypatch.setattr(server.subprocess, "Popen", lambda *_, **__: Dead())
    for _ in range(9):
        server._look_after(one)  # starts it
        assert one.process is not None
        server._look_after(one)  # finds it dead
        waits.append(one.wait_s)
        server._look_after(one)  # not yet due
        assert one.process is None
        now[0] = one.start_at
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]
    server._look_after(one)
    now[0] += 100.0  # it lived well
    server._look_after(one)
    assert one.wait_s == 0.5
