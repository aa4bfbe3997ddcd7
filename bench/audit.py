"""The audit log on a real database, every commit on disk before it is answered: SQLite, and PostgreSQL where it can be had.

Each database is filled in a process of its own (Django knows one); there `python -m bench.audit URL` prints the seconds. An
append is counted once it has its place in the tree: 100 outbox rows a transaction, then the sequencer. Proofs are of random
entries of a log of a million, each verified; then the log is exported, and verified from the export alone.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from bench.ledger import ROOT, empty_postgres
from bench.rows import Row

BATCH, BATCHES, REPEATS = 100, 100, 5
ENTRIES = 1_000_000
PROOFS = 2_000
TARGETS = {"SQLite": 10_000, "PostgreSQL": 3_000}  # appends a second
PROOF_MS, VERIFY_S = 1, 10


def run(data: Path | None) -> Iterator[Row]:
    """Appends a second, milliseconds a proof, and seconds to export, verify and check a log of a million, on each."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _rows("SQLite", f"sqlite:///{folder}/bench.db")
    if url := empty_postgres():
        yield from _rows("PostgreSQL", url)


def _rows(engine: str, url: str) -> Iterator[Row]:
    command = [sys.executable, "-m", "bench.audit", url]
    said = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    rates, proofs = said["appends"], said["proofs"]
    spread = (max(rates) - min(rates)) / 2
    what = f"{engine}, durable, {BATCH} a transaction, then sequenced"
    yield Row.at_least(what, median(rates), spread, "entries/s", TARGETS[engine])
    of = f"{engine}, inclusion proof in {ENTRIES:,}"
    yield Row.at_most(f"{of}, median", median(proofs), None, "ms", PROOF_MS)
    yield Row.at_most(f"{of}, p99", quantiles(proofs, n=100)[98], None, "ms", PROOF_MS)
    yield Row(f"{engine}, export of {ENTRIES:,}", said["export"], None, "s")
    yield Row.at_most(f"export of {ENTRIES:,} verified", said["verify"], None, "s", VERIFY_S)
    yield Row(f"{engine}, log held against itself and the tables", said["check"], None, "s")


def _body(n: int) -> dict[str, object]:
    """A body as most are: a happening of an application."""
    hidden = f"sha256:{n:064x}"
    return {"seq": n, "kind": "application", "event": "submit", "before": "draft", "after": "submitted",
            "by": hidden, "note": "", "about": f"call-{n}", "at": 1_780_000_000 + n}  # fmt: skip


def _measure(url: str) -> dict[str, object]:
    """Entries a second of each repeat, milliseconds of each proof, and seconds, on one database."""
    from dure.app.database import setup

    setup({**os.environ, "DURE_DATABASE_URL": url})
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from django.db import connection, transaction

    from dure.audit import merkle, notes
    from dure.audit.canonical import canonical
    from dure.audit.verify import verify
    from dure.store import audit, auditcheck

    def appended(first: int) -> float:
        rows = [("trial", f"call-{n}", _body(n), 1_780_000_000) for n in range(first, first + BATCH * BATCHES)]
        start = perf_counter()
        for at in range(0, len(rows), BATCH):
            with transaction.atomic():
                audit.append_all(rows[at : at + BATCH])
        assert audit.sequence_all() == len(rows)
        rate = len(rows) / (perf_counter() - start)
        assert (audit.size(), audit.waiting().rows) == (first + len(rows), 0)
        return rate

    size = BATCH * BATCHES
    appended(0)  # warm
    rates = [appended(size * n) for n in range(1, REPEATS + 1)]
    for first in range(audit.size(), ENTRIES, 20_000):
        numbers = range(first, min(first + 20_000, ENTRIES))
        taken = [("trial", f"call-{n}", canonical(_body(n)).decode(), 1_780_000_000) for n in numbers]
        with transaction.atomic(), connection.cursor() as cursor:
            audit.enter(cursor, taken)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as a database does by itself that was not filled in a minute
    signer = notes.Signer.from_seed("bench", bytes(32))
    head = notes.open_note(audit.checkpoint(signer, "bench", 1), [signer.key]).checkpoint
    assert (head.size, audit.size()) == (ENTRIES, ENTRIES)

    rng, proofs = random.Random(1), []
    for index in (rng.randrange(ENTRIES) for _ in range(PROOFS)):
        start = perf_counter()
        leaf, proof = audit.inclusion(index, ENTRIES)
        proofs.append(1000 * (perf_counter() - start))
        assert merkle.verify_inclusion(leaf, index, ENTRIES, proof, head.root)
    seconds = {}
    with tempfile.TemporaryFile() as stream:
        start = perf_counter()
        assert audit.export(stream) == (ENTRIES, 0)
        seconds["export"] = perf_counter() - start
        stream.seek(0)
        start = perf_counter()
        result = verify(stream, [str(signer.key)])
        seconds["verify"] = perf_counter() - start
        assert (result.ok, result.entries) == (True, ENTRIES), result
    start = perf_counter()
    faults = auditcheck.check([signer.key])
    seconds["check"] = perf_counter() - start
    assert not faults, faults[:3]
    return {"appends": rates, "proofs": proofs, **seconds}


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))
