"""Who leads: one control loop at a time commits. A lock says who may; a term, kept with every commit, sees to it.

PostgreSQL: an advisory lock of a connection of its own, which the server lets go of when the process dies. SQLite: a lock
on a file beside the database, which the kernel lets go of.
"""

from __future__ import annotations

import fcntl
import os
from typing import Any, Final, Protocol

from django.db import OperationalError, connection, transaction

from dure.store.jobs import take_term

_LOCK: Final = 0x6C65_6164  # "lead"


class Lead(Protocol):
    """How a control loop comes to lead."""

    def hold(self, holder: str, policy: str, now: int) -> int | None:
        """The term in which this loop leads now; None while another one does."""
        ...

    def release(self) -> None:
        """Let another one lead."""
        ...


class DatabaseLead:
    """The lock of the database at hand."""

    def __init__(self) -> None:
        self._held: Any = None
        self._term: int | None = None

    def hold(self, holder: str, policy: str, now: int) -> int | None:
        """As Lead."""
        if self._term is not None and self._alive():
            return self._term
        self.release()
        self._held = _advisory() if connection.vendor == "postgresql" else _file()
        if self._held is None:
            return None
        with transaction.atomic():
            self._term = take_term(holder, policy, now)
        return self._term

    def _alive(self) -> bool:
        if connection.vendor != "postgresql":
            return True
        import psycopg

        try:
            self._held.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def release(self) -> None:
        """As Lead."""
        held, self._held, self._term = self._held, None, None
        if isinstance(held, int):
            os.close(held)
        elif held is not None:
            held.close()


def _advisory() -> Any:
    """A connection that holds the lock, or None."""
    import psycopg

    known = connection.settings_dict
    try:
        return _locked(psycopg, known)
    except psycopg.Error as fault:
        raise OperationalError(*fault.args) from fault


def _locked(psycopg: Any, known: dict[str, Any]) -> Any:
    own = psycopg.connect(
        dbname=known["NAME"], user=known["USER"] or None, password=known["PASSWORD"] or None,
        host=known["HOST"] or None, port=known["PORT"] or None, autocommit=True, connect_timeout=5,
        keepalives_idle=5, keepalives_interval=2, keepalives_count=2,
    )  # fmt: skip
    row = own.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if row and row[0]:
        return own
    own.close()
    return None


def _file() -> int | None:
    """A descriptor that holds the lock, or None."""
    descriptor = os.open(f"{connection.settings_dict['NAME']}.leader", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
