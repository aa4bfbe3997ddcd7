"""Who acts, when, and for which reader: the one place where a command meets the database, the clock and the locale."""

from __future__ import annotations

import os
import pkgutil
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from dure.errors import DureError, InputError

if TYPE_CHECKING:
    from dure.app.access import Actor
    from dure.reports.table import Table, Value

OFFICE = "office"  # who acts where nobody is named

As = Annotated[
    str | None, typer.Option("--as", metavar="USER", help="Act as this user; else $DURE_USER, else `office`.")
]
At = Annotated[str | None, typer.Option("--at", metavar="TIME", help="Act as if it were this moment: for rehearsals.")]
Language = Annotated[
    Literal["ko", "en"] | None, typer.Option("--language", help="Language of texts for people; else that of $LANG.")
]
Columns = Iterable[tuple[str, str, str]]

_given: ContextVar[tuple[str | None, str | None]] = ContextVar("_given", default=(None, None))  # --as and --at
_acted: ContextVar[bool] = ContextVar("_acted", default=False)


def remember(user: str | None, at: str | None) -> None:
    """Keep what stood before the command, for the command."""
    _given.set((user, at))


def acting() -> tuple[Actor, int]:
    """The user who acts, and the moment, UTC seconds. Raises InputError where there is no programme to act on.

    What the command adds to the audit log's outbox is given its place when it ends (`seal`).
    """
    connect()
    from dure.app.people import actor_of

    _acted.set(True)
    return actor_of(_given.get()[0] or os.environ.get("DURE_USER") or OFFICE), moment_now()


def seal() -> None:
    """Give what the command left in the audit log's outbox its place; sign the head, where the key is at hand.

    Where that fails it is said, no more: what the command did is done, and the next one tries again.
    """
    if not _acted.get():
        return
    from django.db import DatabaseError

    from dure.app.auditing import settle_outbox
    from dure.terminal.show import note

    try:
        settle_outbox(int(time.time()))
    except (DureError, DatabaseError) as fault:
        note(f"the audit log is not up to date: {fault}")


def connect() -> None:
    """Make the database ready. Raises InputError where it holds no programme, or tables of another version."""
    from dure.app.database import setup

    setup()
    from django.db import OperationalError, ProgrammingError, connection
    from django.db.migrations.recorder import MigrationRecorder

    from dure.store import migrations, models

    known = {module.name for module in pkgutil.iter_modules(migrations.__path__)}
    none_here = InputError("there is no programme here", field="DURE_DATABASE_URL", accepted="`dure init` makes one")
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        raise none_here  # connecting would leave an empty file behind
    try:
        applied = {name for app, name in MigrationRecorder(connection).applied_migrations() if app == "store"}
    except (OperationalError, ProgrammingError) as fault:
        raise InputError(f"the database does not answer: {fault}", field="DURE_DATABASE_URL") from None
    if not applied:
        raise none_here
    if applied != known:
        accepted = "`dure upgrade`, after a backup" if applied < known else "the version that made them"
        raise InputError("its tables are of another version", field="DURE_DATABASE_URL", accepted=accepted)
    if not models.Programme.objects.exists():
        raise none_here


def moment_now() -> int:
    """Now, or what `--at` says, UTC seconds."""
    at = _given.get()[1]
    return int(time.time()) if at is None else moment(at, "at")


def moment(text: str, field: str) -> int:
    """A date or time that a person typed, in UTC seconds; in the reader's own zone where it names none."""
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        accepted = "a date as 2026-07-01 or a time as 2026-07-01T09:00:00+09:00"
        raise InputError("not a moment", field=field, value=text, accepted=accepted) from None


def when(utc_s: int | None, zone: str = "") -> str | None:
    """A moment for a reader: in their own zone where $TZ names it, else in `zone`. None stays None."""
    if utc_s is None:
        return None
    found = datetime.fromtimestamp(utc_s).astimezone(None if os.environ.get("TZ") or not zone else ZoneInfo(zone))
    return found.isoformat(" ", "minutes" if utc_s % 60 == 0 else "seconds")


def language_of(given: str | None) -> str:
    """The language asked for, or that of the locale: `ko` or `en`."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return given or ("ko" if locale.startswith("ko") else "en")


def table(name: str, title: str, columns: Columns, rows: Iterable[Mapping[str, Value]]) -> Table:
    """A table to print. `columns` are (key, label, form) of `dure.reports.tables.Column`."""
    from dure.reports.table import Column, Table

    return Table(name, title, tuple(Column(*c) for c in columns), [dict(row) for row in rows])


def milli(text: str, field: str, *, least: int = 1) -> int:
    """A figure that a person typed, as 1,200 or 4.125, in thousandths: exactly, or InputError."""
    whole, _, rest = text.strip().replace(",", "").replace("_", "").partition(".")
    if not (whole + rest).isdecimal() or not (whole + rest).isascii() or len(rest) > 3 or len(whole) > 15:
        raise InputError("not a figure", field=field, value=text, accepted="a number with at most three decimals")
    found = int(whole or "0") * 1000 + int(rest.ljust(3, "0"))
    if found < least:
        raise InputError("too small", field=field, value=text, accepted=f"{least / 1000:g} or more")
    return found


def read(path: Path, reader: Any, **more: Any) -> Any:
    """What `reader(stream, name=...)` makes of a file."""
    from dure.formats.streams import opened

    with opened(path) as stream:
        return reader(stream, name=str(path), **more)
