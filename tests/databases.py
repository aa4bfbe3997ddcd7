"""A database for tests: of this process alone, migrated once, emptied after each test, its commits real.

SQLite in a temporary file; with `DURE_TEST_POSTGRES=postgresql://...` (from `tools/postgres start`) a database of its own on
that server, which must let the user create databases. A conftest takes the fixture by importing it:

    from tests.databases import database  # noqa: F401
"""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

SERVER = os.environ.get("DURE_TEST_POSTGRES", "")
SECRET = "the secret of all tests' programmes"  # else each test on PostgreSQL would keep one in the working folder
KEPT = {"django_migrations", "django_content_type", "auth_permission"}  # what migrating writes
needs_postgres = pytest.mark.skipif(not SERVER, reason="PostgreSQL: set DURE_TEST_POSTGRES (tools/postgres start)")
needs_sqlite = pytest.mark.skipif(bool(SERVER), reason="SQLite: unset DURE_TEST_POSTGRES")


@pytest.fixture
def database() -> Iterator[str]:
    """Its URL. Django is set up on it; threads and other processes see what is committed."""
    url = prepared()
    yield url
    from django.db import connections

    connections.close_all()
    empty()


@cache
def prepared() -> str:
    """Make the database of this process and set Django up on it, once; its URL."""
    from django.conf import settings

    assert not settings.configured, "Django was set up on another database before: use the fixture `database` there too"
    url = _postgres() if SERVER else _sqlite()
    from dure.app.database import setup

    os.environ.setdefault("DURE_SECRET_KEY", SECRET)
    setup({**os.environ, "DURE_DATABASE_URL": url}, web=True)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    if not SERVER:
        _copy(_file(), _file().with_suffix(".empty"))
    return url


def _sqlite() -> str:
    folder = Path(tempfile.mkdtemp(prefix="dure-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return f"sqlite:///{folder / 'test.db'}"


def _postgres() -> str:
    import psycopg

    name = f"dure_test_{os.getpid()}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
    atexit.register(_drop, name, os.getpid())
    return urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}"))


def _drop(name: str, made_by: int) -> None:
    if os.getpid() != made_by:  # a forked child ends too
        return
    import psycopg
    from django.db import connection

    connection.close_pool()
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def empty() -> None:
    """Take away all rows, past the triggers that forbid it."""
    from django.db import connection, transaction

    if not SERVER:
        _copy(_file().with_suffix(".empty"), _file())
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers, no foreign keys
        for table in sorted(set(connection.introspection.table_names(cursor)) - KEPT):
            cursor.execute(f'DELETE FROM "{table}"')
    connection.close()


def _file() -> Path:
    from django.conf import settings

    return Path(settings.DATABASES["default"]["NAME"])


def _copy(source: Path, target: Path) -> None:
    """Every page of a SQLite file into another, whoever has it open."""
    with sqlite3.connect(source) as a, sqlite3.connect(target) as b:
        a.backup(b)
    a.close()
    b.close()
