"""What both databases need said in their own words: many rows by one statement, a set as one parameter, one moment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


def insert(cursor: Any, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]], conflict: str = "") -> None:
    """Insert rows by one statement: the ORM would make an object and a statement's worth of parameters of each."""
    named = ", ".join(f'"{c}"' for c in columns)
    if connection.vendor == "postgresql":  # the table itself says what types the JSON has
        source = f"SELECT {named} FROM json_populate_recordset(NULL::{table}, %s::json)"
        rows_of = json.dumps([dict(zip(columns, row)) for row in rows], default=_hex)
        cursor.execute(f"INSERT INTO {table} ({named}) {source} {conflict}", [rows_of])
    else:
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {table} ({named}) VALUES ({marks}) {conflict}", rows)


def _hex(value: bytes) -> str:
    return "\\x" + value.hex()


def members(cast: str = "text") -> str:
    """The SQL that makes rows of one parameter, a JSON list: the statement is the same for every size of a set. `cast`: the
    type of its members, which PostgreSQL asks for."""
    postgres = connection.vendor == "postgresql"
    return f"SELECT json_array_elements_text(%s::json)::{cast}" if postgres else "SELECT value FROM json_each(%s)"


@contextmanager
def one_moment() -> Iterator[None]:
    """All that is read in the block is of one moment, and nobody waits for it."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":  # `atomic` would take the writer's lock for as long as the block lasts
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
        else:
            with transaction.atomic():
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield


def binary_cursor() -> Any:
    """A cursor to read bytes with: PostgreSQL would write them out as text, of twice the length."""
    connection.ensure_connection()
    return connection.connection.cursor(binary=True) if connection.vendor == "postgresql" else connection.cursor()
