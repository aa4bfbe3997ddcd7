"""The SQL of the control loop: many rows of jobs, attempts and events by one statement each, under the leader's term."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from django.db import connection

from dure.errors import DureError
from dure.store import audit, models
from dure.store.sql import insert, members

EVENT: Final = ("job", "event", "reason", "pool", "attempt", "at_utc_s", "cause")
ATTEMPT: Final = (
    "key", "job_id", "number", "pool", "engine", "nodes", "desired", "observed", "ending", "cause", "start_utc_s", "stop_how",
    "failure", "charge", "limit_s", "reserved", "held_milli", "port", "unhealthy", "health_utc_s",
)  # fmt: skip
JOB: Final = (
    "project", "user", "kind", "name", "spec", "state", "wish", "wished_by", "refusal", "why", "submitted_utc_s", "attempts",
    "engine_failures", "saved_s", "failure", "decision", "facts", "scavenges", "service_id", "replica", "key",
)  # fmt: skip
_IN_ONE_ENTRY: Final = 300  # events: an entry of the audit log stays under its bound


class TermOver(DureError):
    """Another control loop leads: nothing of this one is committed any more."""


class Pulse(NamedTuple):
    """What is new, in one look-up: a cycle in which nothing happened costs two statements."""

    wishes: int  # jobs whose owner asked for something
    new: int  # 1: some job waits to be let in
    held: int  # 1: some job is held back
    journal: int  # entries of the ledger
    stopped: str  # projects
    terms: str  # of all projects
    sites: str  # what operators ordered
    outages: int  # the last one
    services: int
    governed: str  # what verdicts follow from: the last decision, happening, screening, set of rules


def pulse() -> Pulse:
    """What is new now."""
    with connection.cursor() as cursor:
        cursor.execute(_PULSE[connection.vendor])
        return Pulse(*cursor.fetchone())


def _pulse(agg: str) -> str:
    def all_of(text: str, table: str, key: str, where: str = "") -> str:
        return f"(SELECT coalesce({agg.format(text)}, '') FROM (SELECT * FROM {table} {where} ORDER BY {key}) AS t)"

    terms = "project_id || ':' || shares || ':' || coalesce(limit_accelerators, -1) || ':' || when_spent"
    sites = "site || ':' || CASE WHEN drained THEN 1 ELSE 0 END || ':' || coalesce(cap_w, -1)"
    followed = ("decision", "happening", "screening", "ruleset")
    last = (f"(SELECT coalesce(max(seq), 0) || ' ' FROM store_{table})" for table in followed)
    return (
        "SELECT (SELECT count(*) FROM store_job WHERE wish > 0),"
        " (SELECT count(*) FROM (SELECT 1 FROM store_job WHERE state = 0 LIMIT 1) AS n),"
        " (SELECT count(*) FROM (SELECT 1 FROM store_job WHERE state = 1 AND refusal = 14 LIMIT 1) AS h),"
        " (SELECT coalesce(max(seq), 0) FROM store_transfer),"
        f" {all_of('id', 'store_project', 'id', 'WHERE stopped')},"
        f" {all_of(terms, 'store_terms', 'project_id')}, {all_of(sites, 'store_siteorder', 'site')},"
        " (SELECT coalesce(max(seq), 0) FROM store_outage), (SELECT count(*) FROM store_service),"
        f" {' || '.join(last)}"
    )


_PULSE: Final = {"sqlite": _pulse("group_concat({})"), "postgresql": _pulse("string_agg({}, ',')")}


def fence(term: int, now: int, cycle_ms: int = 0) -> None:
    """Hold the lead to the end of the transaction at hand. Raises TermOver where another loop has taken it."""
    with connection.cursor() as cursor:
        sets = "UPDATE store_leader SET beat_utc_s = %s, cycle_ms = %s WHERE id = 1 AND term = %s"
        cursor.execute(sets, [now, cycle_ms, term])
        if cursor.rowcount != 1:
            raise TermOver("another control loop leads")


def take_term(holder: str, policy: str, now: int) -> int:
    """Begin a new term (in a transaction); its number. The loop of the one before commits nothing more."""
    models.Leader.objects.get_or_create(id=1)
    row = models.Leader.objects.select_for_update().get(id=1)
    row.term, row.holder, row.policy, row.beat_utc_s = row.term + 1, holder, policy, now
    row.save()
    return int(row.term)


def add_events(rows: Sequence[tuple[Any, ...]], now: int) -> None:
    """Append events (columns as EVENT), and tell the audit log of them."""
    if not rows:
        return
    with connection.cursor() as cursor:
        insert(cursor, "store_jobevent", EVENT, list(rows))
    for first in range(0, len(rows), _IN_ONE_ENTRY):
        some = rows[first : first + _IN_ONE_ENTRY]
        body = {"events": [[job, event, reason, pool, attempt] for job, event, reason, pool, attempt, _, _ in some]}
        audit.append("jobs", "run log", body, now)


def add_attempts(rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert attempts: the intents of this cycle."""
    if rows:
        with connection.cursor() as cursor:
            insert(cursor, "store_attempt", ATTEMPT, [_values(row, ATTEMPT) for row in rows])


def _values(row: Mapping[str, Any], columns: Sequence[str]) -> tuple[Any, ...]:
    """The columns of a row; documents as the database at hand takes them."""
    values = (row[c] for c in columns)
    if connection.vendor == "postgresql":
        return tuple(values)
    return tuple(json.dumps(v) if isinstance(v, dict | list) else v for v in values)


def change(table: str, key: str, rows: Mapping[Any, Mapping[str, Any]]) -> None:
    """Update rows, each with columns of its own: one statement for each set of columns."""
    groups: dict[tuple[str, ...], list[Any]] = {}
    for id, changes in rows.items():
        if changes:
            groups.setdefault(tuple(sorted(changes)), []).append(id)
    with connection.cursor() as cursor:
        for columns, ids in groups.items():
            _change(cursor, table, key, columns, [(*(rows[id][c] for c in columns), id) for id in ids])


def _change(cursor: Any, table: str, key: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    if connection.vendor == "postgresql":
        sets = ", ".join(f'"{c}" = v."{c}"' for c in columns)
        document = json.dumps([dict(zip((*columns, key), row)) for row in rows])
        cursor.execute(
            f'UPDATE {table} t SET {sets} FROM json_populate_recordset(NULL::{table}, %s::json) v WHERE t."{key}" = v."{key}"',
            [document],
        )
    else:
        sets = ", ".join(f'"{c}" = %s' for c in columns)
        cursor.executemany(f'UPDATE {table} SET {sets} WHERE "{key}" = %s', rows)


def jobs_of(seqs: Iterable[int]) -> dict[int, models.Job]:
    """Jobs by number."""
    sql = f"SELECT * FROM store_job WHERE seq IN ({members('bigint')})"
    rows = models.Job.objects.raw(sql, [json.dumps(list(seqs))])
    return {row.seq: row for row in rows}
