"""The ledger in the database: what `dure.ledger` decides is written here, in one transaction, by one writer at a time.

`record` takes the writer's lock first (SQLite: the transaction is IMMEDIATE; PostgreSQL: an advisory lock held to its
end), then reads only what the batch touches, lets `apply` decide, and adds to the journal and the balances. It may be called
in a transaction of the caller, who then holds the lock to its end: lock your own rows before, not after.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from time import time
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from dure.errors import InputError
from dure.ledger.accounts import PROJECT_KINDS, holder_of, kind_of
from dure.ledger.book import Book, Fault, Key, apply, expiry, rebuild
from dure.ledger.book import standing as standing_in
from dure.ledger.model import UNIT, Balance, Cause, Code, Phase, Standing, Transfer
from dure.ledger.months import end_utc_s
from dure.store import audit, models
from dure.store.sql import insert, members

_LOCK: Final = 0x6475_7265  # the advisory lock of the ledger's one writer: "dure"
_CHUNK: Final = 10_000  # rows read at once where the whole journal is read
_COLUMNS: Final = tuple(f.name for f in fields(Transfer))
_FIELDS: Final = tuple("entry_id" if name == "id" else name for name in _COLUMNS)  # the same, as Django names them
_CAUSES: Final = {int(c): c for c in Cause}
_PHASES: Final = {int(p): p for p in Phase}
_HEAD: Final = (
    "(SELECT (SELECT coalesce(max(seq), 0) FROM store_transfer) AS length,"
    " (SELECT coalesce(max(month), '') FROM store_closedmonth) AS closed) AS head"
)
_SUMS: Final = ("credits", "debits", "pending_debits", "pending_credits")


def record(transfers: Sequence[Transfer]) -> list[Code]:
    """Book a batch durably; what became of each transfer, in order. All that is OK is booked, or nothing at all.

    Raises InputError, and books nothing, for a transfer that contradicts itself (`dure.ledger.book.check`).
    """
    if not transfers:
        return []
    with transaction.atomic(), _together(), connection.cursor() as cursor:
        _lock()
        length, before = _touched(cursor, transfers)
        after, codes = apply(before, transfers)
        booked = [t for t, code in zip(transfers, codes, strict=True) if code == Code.OK]
        if booked:
            rows = [(length + n, *_row(t)) for n, t in enumerate(booked, 1)]
            insert(cursor, "store_transfer", ("seq", *_COLUMNS), rows)
            changed = [key for key, b in after.balances.items() if before.balances.get(key) is not b]
            insert(
                cursor, "store_account", ("name", "asset", *_SUMS),
                [(name, asset, *_sums(after.balances[asset, name])) for asset, name in changed],
                "ON CONFLICT (name, asset) DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in _SUMS),
            )  # fmt: skip
            audit.append("ledger", "journal", audit.ledger_body(rows), int(time()))
    return codes


def balance(account: str, asset: str = UNIT) -> Balance:
    """The balance of one account."""
    row = models.Account.objects.filter(name=account, asset=asset).values_list(*_SUMS).first()
    return Balance(*row) if row else Balance()


def standing(project: str) -> Standing:
    """Where a project stands; zeros for one that was never granted anything."""
    names = [f"{kind}:{project}" for kind in PROJECT_KINDS]
    with connection.cursor() as cursor:  # asked with every balance that is looked at: the ORM takes four times as long
        marks = ", ".join(["%s"] * len(names))
        cursor.execute(f"SELECT asset, name, {', '.join(_SUMS)} FROM store_account WHERE name IN ({marks})", names)
        found = {(asset, name): Balance(*sums) for asset, name, *sums in cursor.fetchall() if asset == UNIT}
    return standing_in(Book(found), project)


def standings(projects: Sequence[str] | None = None) -> dict[str, Standing]:
    """Where every project stands, by its name; or each of those given."""
    accounts = models.Account.objects.filter(asset=UNIT)
    if projects is not None:
        accounts = accounts.filter(name__in=[f"{kind}:{p}" for p in projects for kind in PROJECT_KINDS])
        book = Book(_balances(accounts))
        return {project: standing_in(book, project) for project in projects}
    book = Book(_balances(accounts))
    projects = sorted({holder_of(name) for _, name in book.balances if kind_of(name) in PROJECT_KINDS})
    return {project: standing_in(book, project) for project in projects}


def journal(project: str | None = None, after_seq: int = 0, limit: int = 100) -> list[tuple[int, Transfer]]:
    """Entries after one, oldest first, with their places; of one project: those that touch an account of it."""
    rows = models.Transfer.objects.filter(seq__gt=after_seq)
    if project is not None:
        names = [f"{kind}:{project}" for kind in (*PROJECT_KINDS, "fees")]
        at = Q(debit__in=names) | Q(credit__in=names)
        own = models.Transfer.objects.filter(at, phase=Phase.PENDING).values("entry_id")
        rows = rows.filter(at | Q(pending__in=own))
    return [(seq, _transfer(row)) for seq, *row in rows.order_by("seq").values_list("seq", *_FIELDS)[:limit]]


def verify() -> tuple[int, list[Fault]]:
    """Rebuild the ledger from its journal; the number of entries, and everything found wrong, the first entry first.

    Writers go on meanwhile: balances are read in one statement with the length that the journal had, and the entries up
    to it, which never change, afterwards.
    """
    with connection.cursor() as cursor:
        columns = ", ".join(("asset", "name", *_SUMS))
        cursor.execute(f"SELECT length, {columns} FROM {_HEAD} LEFT JOIN store_account ON true")
        rows = cursor.fetchall()
    length = rows[0][0]
    stored = {(asset, name): Balance(*sums) for _, asset, name, *sums in rows if name is not None}
    closings = list(models.ClosedMonth.objects.filter(entries__lte=length).values_list("entries", "month"))
    book, faults = rebuild(_whole(length), closings)
    for asset, name in sorted(stored.keys() | book.balances.keys()):
        has, should = stored.get((asset, name), Balance()), book.balance(name, asset)
        if has != should:
            faults.append(Fault(0, f"account {name} ({asset}) has {_said(has)}; its entries make {_said(should)}"))
    return length, sorted(faults, key=lambda f: f.entry or length + 1)


def close_month(month: str, by: str, now: int) -> bool:
    """Close a month (UTC) and all before it; False if it was closed before. Raises InputError while it is not over."""
    if now < end_utc_s(month):
        raise InputError("the month is not over", field="month", value=month, accepted="a month that has ended (UTC)")
    with transaction.atomic(), connection.cursor() as cursor:
        _lock()
        length, closed = _head(cursor)
        if month <= closed:
            return False
        models.ClosedMonth.objects.create(month=month, entries=length, closed_utc_s=now, by=by)
    return True


def void_due(now: int) -> list[Code]:
    """Expire every reservation past its time, so that its units are free again."""
    resolved = models.Transfer.objects.filter(pending=OuterRef("entry_id"))
    late = models.Transfer.objects.filter(~Exists(resolved), phase=Phase.PENDING, expires_utc_s__lte=now)
    return record([expiry(_transfer(row), now) for row in late.order_by("seq").values_list(*_FIELDS)])


def _lock() -> None:
    """Become the one writer until the transaction ends. One lock for all cannot deadlock with itself."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


@contextmanager
def _together() -> Iterator[None]:
    """PostgreSQL: statements whose answer nobody waits for go out together with the next; half the round trips of a batch."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def _head(cursor: Any) -> tuple[int, str]:
    """The length of the journal and the last closed month."""
    cursor.execute(f"SELECT length, closed FROM {_HEAD}")
    length, closed = cursor.fetchone()
    return length, closed


def _touched(cursor: Any, transfers: Sequence[Transfer]) -> tuple[int, Book]:
    """The length of the journal, and the part of the book that a batch can touch."""
    ids = _storable(id for t in transfers for id in (t.id, t.pending, t.corrects))
    pendings = _storable(t.pending for t in transfers)
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    either = f"id {_any()} OR pending {_any()}"
    cursor.execute(
        f"SELECT length, closed, {columns} FROM {_HEAD} LEFT JOIN store_transfer ON {either}", [ids, pendings]
    )
    rows = cursor.fetchall()
    length, closed = rows[0][:2]
    entries = {t.id: t for t in (_transfer(row[2:]) for row in rows if row[2] is not None)}
    accounts = {a for t in (*transfers, *entries.values()) for a in (t.debit, t.credit) if a and kind_of(a)}
    sums = ", ".join(_SUMS)
    cursor.execute(f"SELECT asset, name, {sums} FROM store_account WHERE name {_in()}", [json.dumps(sorted(accounts))])
    balances: dict[Key, Balance] = {(asset, name): Balance(*b) for asset, name, *b in cursor.fetchall()}
    return length, Book(balances, entries, {t.pending: t.id for t in entries.values() if t.pending}, closed)


def _storable(ids: Iterable[str]) -> str:
    """The ids that could stand in the journal, as JSON: no other is looked up, for no database takes every text."""
    return json.dumps(sorted({id for id in ids if id and id.isprintable()}))


# A set is one parameter, a JSON list: the statement is the same for every size.
def _in() -> str:
    """The SQL of "is in this set": a join, so that no row is compared with every member."""
    return f"IN ({members()})"


def _any() -> str:
    """The same where two are joined by OR: PostgreSQL uses both indexes then, and would read the whole table for `IN`."""
    return f"= ANY(ARRAY({members()}))" if connection.vendor == "postgresql" else _in()


def _row(t: Transfer) -> tuple[Any, ...]:
    """The columns of an entry; plain numbers, as no driver knows every enum."""
    return (
        t.id, t.debit, t.credit, t.amount, int(t.cause), t.at_utc_s, t.asset, int(t.phase), t.pending or None,
        t.expires_utc_s, t.linked, t.reason, t.by, t.second, t.corrects, t.about,
    )  # fmt: skip


def _transfer(row: Sequence[Any]) -> Transfer:
    """An entry from its columns. A cause or phase that does not exist stays a number, which `verify` finds."""
    id, debit, credit, amount, cause, at, asset, phase, pending, expires, linked, *words = row
    cause, phase = _CAUSES.get(cause, cause), _PHASES.get(phase, phase)
    return Transfer(id, debit, credit, amount, cause, at, asset, phase, pending or "", expires, bool(linked), *words)


def _sums(b: Balance) -> tuple[int, int, int, int]:
    return b.credits, b.debits, b.pending_debits, b.pending_credits


def _balances(rows: Any) -> dict[Key, Balance]:
    return {(asset, name): Balance(*sums) for asset, name, *sums in rows.values_list("asset", "name", *_SUMS)}


def _whole(length: int) -> Iterator[tuple[int, Transfer]]:
    """The journal up to a length, with the place of each entry, read in chunks."""
    for first in range(1, length + 1, _CHUNK):
        rows = models.Transfer.objects.filter(seq__range=(first, min(first + _CHUNK - 1, length))).order_by("seq")
        for seq, *row in rows.values_list("seq", *_FIELDS):
            yield seq, _transfer(row)


def _said(b: Balance) -> str:
    return ", ".join(f"{k} {v}" for k, v in asdict(b).items() if v) or "nothing"
