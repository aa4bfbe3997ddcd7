"""How replicas are: asked over HTTP, in threads of their own, so that a cycle of the control loop never waits for an answer."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Timer
from typing import Final

from dure.workload.spec import Health

ANSWER_S: Final = 2.0  # a replica that takes longer to answer is not well
_AT_ONCE: Final = 8


class Doctor:
    """Asks replicas how they are, in threads of its own: a cycle never waits for an answer."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._asked: dict[str, tuple[Health, Future[bool]]] = {}

    def ask(self, wanted: Iterable[tuple[str, int, Health]]) -> None:
        """Ask those (attempt, port, how) that are not being asked."""
        for key, port, health in wanted:
            if key not in self._asked:
                self._pool = self._pool or ThreadPoolExecutor(_AT_ONCE, "health")
                self._asked[key] = health, self._pool.submit(well, port, health.path)

    def answers(self) -> dict[str, tuple[Health, bool]]:
        """What came in since: by attempt, how it was asked, and whether it was well."""
        done = {key: row for key, row in self._asked.items() if row[1].done()}
        for key in done:
            del self._asked[key]
        return {key: (health, answer.result()) for key, (health, answer) in done.items()}


def well(port: int, path: str) -> bool:
    """Whether a replica answers 2xx in time, all of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    deadline = Timer(ANSWER_S, _cut, [connection])
    deadline.start()
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, ValueError, http.client.HTTPException, AttributeError):  # the last: it was cut
        return False
    finally:
        deadline.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
