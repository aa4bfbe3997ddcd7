"""Backup and restore: every table at one moment in one file, from SQLite or PostgreSQL into SQLite or PostgreSQL.

The file is a zip: `tables/NAME.jsonl`, a row a line in the order of the manifest's columns, and `manifest.json` last, with
Dure's version, the migrations applied, and each table's columns, count of rows and SHA-256. Hashes of passwords and of
tokens are in it, as they are in the database: it is written for its owner's eyes alone (mode 0600), and is to be kept so.
A damaged or shortened file is refused whole; one forged with fitting hashes is not told from a true one.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import django.apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import Error, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from dure import __version__
from dure.app.programme import migrate
from dure.errors import InputError
from dure.formats.streams import replaced
from dure.store import ledger
from dure.store.sql import one_moment

FORMAT = 1
_ROWS = 1000  # read, and written, at once
_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1 << 24
_MADE_BY_MIGRATE = (ContentType, Permission)  # full in every database; restored as they were
_ACCEPTED = "a file that `dure backup` made, whole"

Advance = Callable[[float], object]  # the part that is done, 0 to 1
Manifest = dict[str, Any]


def backup(path: Path, advance: Advance = lambda part: None) -> Manifest:
    """Write every table to `path` as they are at one moment, while others go on writing. Returns the manifest."""
    manifest: Manifest = {"format": FORMAT, "version": __version__, "tables": {}}
    with (
        replaced(path, private=True) as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        one_moment(),
    ):
        manifest["migrations"] = _migrations()
        tables = _tables()
        for done, (name, model) in enumerate(tables.items()):
            advance(done / len(tables))
            with archive.open(f"tables/{name}.jsonl", "w", force_zip64=True) as member:
                manifest["tables"][name] = _write(model, member)
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def restore(path: Path, advance: Advance = lambda part: None) -> Manifest:
    """Fill an empty database from `path`, in one transaction; then every balance is rebuilt from the journal.

    Raises InputError, and keeps nothing, for a file that is damaged or of another version, for a database that is not
    empty, and where the books do not hold.
    """
    with _opened(path) as archive:
        manifest = _checked(archive, path)
        migrate()
        _refuse_full()
        try:
            with transaction.atomic():
                _load(archive, manifest, advance)
                _, faults = ledger.verify()
                if faults:
                    raise InputError(f"its books do not hold: {faults[0]}", source=str(path), accepted=_ACCEPTED)
        except (Error, ValueError, ValidationError) as fault:
            raise InputError(f"its rows do not fit together: {fault}", source=str(path), accepted=_ACCEPTED) from None
    return manifest


def _tables() -> dict[str, Any]:
    """The model of every table that Dure and Django keep, by the table's name."""
    found = django.apps.apps.get_models(include_auto_created=True)
    return {m._meta.db_table: m for m in sorted(found, key=lambda m: m._meta.db_table) if m._meta.managed}


def _fields(model: Any) -> list[Any]:
    return list(model._meta.concrete_fields)


def _migrations() -> list[list[str]]:
    return sorted([app, name] for app, name in MigrationRecorder(connection).applied_migrations())


def _write(model: Any, member: Any) -> dict[str, Any]:
    """Write the rows of one table; its entry of the manifest."""
    columns, digest, count = [f.attname for f in _fields(model)], hashlib.sha256(), 0
    rows = model._base_manager.order_by("pk").values_list(*columns)
    for row in rows.iterator(chunk_size=_ROWS):
        line = (json.dumps(row, default=_plain, ensure_ascii=False) + "\n").encode()
        member.write(line)
        digest.update(line)
        count += 1
    return {"columns": columns, "rows": count, "sha256": digest.hexdigest()}


def _plain(value: object) -> str:
    """Times to the microsecond, bytes in base64 (as Django reads them again); nothing else needs a form of its own."""
    if isinstance(value, bytes | memoryview):
        return b64encode(value).decode()
    if not isinstance(value, datetime):
        raise TypeError(f"no form in a backup for {type(value)}")
    return value.isoformat()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive. Raises InputError for what is none, or is damaged wherever it is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, KeyError) as fault:
        raise InputError(
            f"cannot be read: {getattr(fault, 'strerror', None) or fault}", source=str(path), accepted=_ACCEPTED
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as fault:
        raise InputError(f"damaged: {fault}", source=str(path), accepted=_ACCEPTED) from None


def _checked(archive: zipfile.ZipFile, path: Path) -> Manifest:
    """The manifest, once it is of this version and every table was found as it says: before anything is made of it."""
    try:
        with archive.open(_MANIFEST) as member:
            manifest: Manifest = json.loads(member.read(_MANIFEST_BYTES))
        form, version, migrations = (manifest[key] for key in ("format", "version", "migrations"))
        columns = {name: said["columns"] for name, said in manifest["tables"].items()}
        sums = {name: (said["rows"], said["sha256"]) for name, said in manifest["tables"].items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        raise InputError("its manifest is none", source=str(path), accepted=_ACCEPTED) from None
    here = {name: [f.attname for f in _fields(model)] for name, model in _tables().items()}
    if form != FORMAT or migrations != sorted(map(list, MigrationLoader(None).disk_migrations)) or columns != here:
        accepted = f"Dure {version}, then `dure upgrade`"
        raise InputError("made by another version", source=str(path), value=version, accepted=accepted)
    for name, expected in sums.items():
        digest, count = hashlib.sha256(), 0
        with archive.open(f"tables/{name}.jsonl") as member:
            for line in member:
                digest.update(line)
                count += 1
        if (count, digest.hexdigest()) != expected:
            raise InputError(f"table {name} is not as it was written", source=str(path), accepted=_ACCEPTED)
    return manifest


def _refuse_full() -> None:
    for name, model in _tables().items():
        if model not in _MADE_BY_MIGRATE and model._base_manager.exists():
            message = f"this database is not empty: {name} has rows"
            raise InputError(message, field="DURE_DATABASE_URL", accepted="an empty database")


def _load(archive: zipfile.ZipFile, manifest: Manifest, advance: Advance) -> None:
    tables = _tables()
    for model in reversed(_MADE_BY_MIGRATE):
        model._base_manager.all().delete()
    for done, (name, model) in enumerate(tables.items()):
        advance(done / len(tables))
        fields = _fields(model)
        with archive.open(f"tables/{name}.jsonl") as member:
            while lines := list(islice(member, _ROWS)):
                rows = (
                    model(**{f.attname: f.to_python(v) for f, v in zip(fields, json.loads(line), strict=True)})
                    for line in lines
                )
                model._base_manager.bulk_create(rows, batch_size=_ROWS)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(tables.values())):
            cursor.execute(statement)
