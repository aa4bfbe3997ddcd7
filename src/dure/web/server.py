"""The service: gunicorn with threads, which did best on two cores with either database (docs/reference/benchmarks.md)."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

from gunicorn.app.base import BaseApplication

HOST, PORT, WORKERS, THREADS = "127.0.0.1", 8000, 2, 8
SEAL_S = 1.0  # what is committed is in the audit log, and signed, this much later


def serve(host: str = HOST, port: int = PORT, workers: int = WORKERS, threads: int = THREADS) -> None:
    """Serve until interrupted. Only this machine can reach it unless another `host` is given."""
    _Server(
        {"bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}", "workers": workers, "threads": threads}
    ).run()


class _Server(BaseApplication):
    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = {**settings, "worker_class": "gthread", "keepalive": 30, "loglevel": "warning"}
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from dure.web.wsgi import application  # in the worker: connections are not shared across a fork

        Thread(target=_seal, daemon=True, name="audit").start()
        return application


def _seal() -> None:
    from dure.app.auditing import sealing

    sealing(Event(), SEAL_S)
