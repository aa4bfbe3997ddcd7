"""A folder that an unprivileged user may enter, engines in it, and nothing left running at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dure.executors import processes
from dure.executors.accelerators import Node
from dure.executors.local import LocalEngine
from dure.executors.preparing import Site

PYTHON = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin") or "python3"  # that nobody may run
NODES = [Node("a/0", 8, "H200"), Node("a/1", 8, "H200"), Node("b/0", 4, "RNGD")]


@pytest.fixture
def place() -> Iterator[Path]:
    """Unlike `tmp_path`, open to all: as root, jobs run as somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="dure-test-"))
    folder.chmod(0o755)
    yield folder
    root = folder / "engine"
    keys = os.listdir(root / "attempts") if (root / "attempts").is_dir() else []
    for key in keys:
        pid = (root / "attempts" / key / "pid").read_text() if (root / "attempts" / key / "pid").exists() else ""
        if pid.strip() and processes.held(str(root / "attempts" / key / "lock")):
            processes.signal_group(int(pid), processes.signal.SIGKILL)
    processes.kill_strays([str(root / "attempts" / key) for key in keys])
    shutil.rmtree(folder)


@pytest.fixture
def site(place: Path) -> Site:
    return Site(str(place / "engine"))


@pytest.fixture(params=["as it is", "unprivileged"])
def either(site: Site, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LocalEngine:
    """As root: an engine that gives root up for its jobs, and one that believes it never had it."""
    if request.param == "unprivileged":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return LocalEngine(site, NODES)


@pytest.fixture
def engine(site: Site) -> LocalEngine:
    return LocalEngine(site, NODES)
