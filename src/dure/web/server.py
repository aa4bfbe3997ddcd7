"""The service: gunicorn with threads, which did best on two cores with either database (docs/reference/benchmarks.md), and,
where they are asked for, the control loop and the gateway to notebooks: processes of their own, started with it, ended with it,
and started again when they die."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from types import FrameType
from typing import Any, Final

from gunicorn.app.base import BaseApplication

from dure.operation.logging import log

HOST, PORT, WORKERS, THREADS = "127.0.0.1", 8000, 2, 8
GATEWAY_PORT: Final = 8001
SEAL_S = 1.0  # what is committed is in the audit log, and signed, this much later
END_S: Final = 40.0  # for a child to end by itself: gunicorn gives its requests 30
LONGEST_WAIT_S: Final = 30.0  # before a child that died again and again is started once more
_WELL_S: Final = 60.0  # a child that lived as long is well: the next wait is short again
_LOOK_S: Final = 0.2


def serve(
    host: str = HOST, port: int = PORT, workers: int = WORKERS, threads: int = THREADS, *, web: bool = True,
    loop: bool = False, gateway_port: int | None = None, policy: str = "",
) -> None:  # fmt: skip
    """Serve until interrupted: the API (`web`), the control loop (`loop`), the gateway to notebooks on its port. Only this
    machine can reach it unless another `host` is given. `policy`: by which the loop schedules; "": its own default. Leaves
    with another status than 0 where the API cannot be served."""
    if web and not loop and gateway_port is None:
        _web(host, port, workers, threads)
        return
    told = ("--policy", policy) if policy else ()
    children = [_child("dure.operation.service", *told)] if loop else []
    if gateway_port is not None:
        children.append(_child("dure.web.gateway", host, str(gateway_port)))
    if web:
        children.append(_child("dure.web.server", host, str(port), str(workers), str(threads), needed=True))
    if status := supervise(children):
        sys.exit(status)


def _web(host: str, port: int, workers: int, threads: int) -> None:
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    _Server({"bind": bind, "workers": workers, "threads": threads}).run()


class _Server(BaseApplication):
    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = {
            **settings, "worker_class": "gthread", "keepalive": 30, "loglevel": "warning", "post_worker_init": _begun,
        }  # fmt: skip
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from dure.web.wsgi import application  # in the worker: connections are not shared across a fork

        _warm()
        Thread(target=_seal, daemon=True, name="audit").start()
        return application


def _warm() -> None:
    """Load what a first submission loads, by looking at one: it takes seconds, and a worker that is not ready takes no
    connection. Without a programme, or with none that can be reached, the worker starts all the same."""
    from django.db import Error, connections

    from dure.errors import DureError
    from dure.web import urls  # noqa: F401  the API with its schemas
    from dure.web.jobs import RECENT
    from dure.workload.spec import JobSpec

    try:
        RECENT.board(int(time.time())).rehearse(JobSpec("", command=("true",)))
    except (Error, DureError) as fault:
        log("not_warmed", level="warning", cause=type(fault).__name__)
    connections.close_all()


def _begun(worker: Any) -> None:
    from dure.web.stream import end_when

    end_when(lambda: not worker.alive)


def _seal() -> None:
    from dure.app.auditing import sealing

    sealing(Event(), SEAL_S)


# ---- children -----------------------------------------------------------------------------------------------------------


@dataclass
class Child:
    """A process that is kept alive. One that is `needed` ends all with its own end."""

    name: str
    command: list[str]
    needed: bool = False
    process: subprocess.Popen[bytes] | None = None
    wait_s: float = 0.5  # before it is started again
    start_at: float = 0.0  # monotonic
    begun: float = field(default=0.0)  # monotonic


def _child(module: str, *arguments: str, needed: bool = False) -> Child:
    return Child(module.rpartition(".")[2], [sys.executable, "-m", module, *arguments], needed)


def supervise(children: list[Child], stopped: Callable[[], bool] = lambda: False) -> int:
    """Keep processes alive until SIGTERM or SIGINT, or until a needed one ends; then end all. The needed one's status, else 0.

    One thread and no library's state: a process that was forked here starts clean.
    """
    told: list[int] = []

    def tell(number: int, frame: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    status = 0
    try:
        while not told and not stopped():
            for child in children:
                status = status or _look_after(child)
            if status or any(c.needed and c.process and c.process.poll() is not None for c in children):
                break
            time.sleep(_LOOK_S)
    finally:
        _end(children)
        for number, handler in before.items():
            signal.signal(number, handler)
    return status


def _look_after(child: Child) -> int:
    """Start a child that does not run and is due. The status that a needed one ended with; else 0."""
    now = time.monotonic()
    if child.process is None:
        if now >= child.start_at:
            child.process = subprocess.Popen(child.command, preexec_fn=_ends_with(os.getpid()))
            child.begun = now
        return 0
    status = child.process.poll()
    if status is None:
        return 0
    if child.needed:
        return status if status >= 0 else 128 - status
    child.wait_s = 0.5 if now - child.begun >= _WELL_S else min(child.wait_s * 2, LONGEST_WAIT_S)
    child.process, child.start_at = None, now + child.wait_s
    log("child_died", level="error", child=child.name, status=status, again_in_s=child.wait_s)
    return 0


def _end(children: list[Child]) -> None:
    """Ask all to end, and make those that do not."""
    live = [c.process for c in children if c.process is not None and c.process.poll() is None]
    for process in live:
        process.terminate()
    until = time.monotonic() + END_S
    for process in live:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ends_with(parent: int) -> Callable[[], None]:
    """What a child does first: have the kernel (Linux) end it with its parent, however that dies."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)

    def first() -> None:
        if prctl is not None:
            prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:  # it died in between
                os._exit(1)

    return first


if __name__ == "__main__":
    _web(sys.argv[1], *(int(a) for a in sys.argv[2:5]))
