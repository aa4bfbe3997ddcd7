"""The ledger on a real database, every commit on disk before it is answered: SQLite, and PostgreSQL where it can be had.

Each database is filled in a process of its own (Django knows one); there `python -m bench.ledger URL` prints the seconds.
Half of the transfers reserve units of one of 300 projects, half post what was reserved; afterwards every unit is counted.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from urllib.parse import urlsplit, urlunsplit

from bench.rows import Row
from dure.ledger.book import rebuild
from dure.ledger.model import Cause, Code, Phase, Transfer

ROOT = Path(__file__).resolve().parent.parent
PROJECTS, REPEATS = 300, 5
BATCH, BATCHES = 100, 60  # of a repeat
SINGLES = 1_000
PURE = 100_000  # transfers booked without a database
TARGETS = {"SQLite": (10_000, 1_000), "PostgreSQL": (10_000, 700)}  # transfers a second: batches of 100, one at a time


def run(data: Path | None) -> Iterator[Row]:
    """Transfers a second: rebuilding a book from its journal, and booking durably on each database."""
    entries = [*_awards(), *_work(PURE)]
    start = perf_counter()
    _, faults = rebuild(enumerate(entries, 1))
    seconds = perf_counter() - start
    assert not faults, faults[:3]
    yield Row("book rebuilt from its journal, no database", len(entries) / seconds, None, "transfers/s")
    with tempfile.TemporaryDirectory() as folder:
        yield from _rows("SQLite", f"sqlite:///{folder}/bench.db")
    if url := empty_postgres():
        yield from _rows("PostgreSQL", url)


def _rows(engine: str, url: str) -> Iterator[Row]:
    command = [sys.executable, "-m", "bench.ledger", url]
    figures = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    for what, target in zip(("batches of 100", "one at a time"), TARGETS[engine], strict=True):
        rates = figures[what]
        spread = (max(rates) - min(rates)) / 2
        yield Row.at_least(f"{engine}, durable, {what}", median(rates), spread, "transfers/s", target)
    yield Row(f"{engine}, journal read and verified", figures["verify"], None, "transfers/s")


def empty_postgres() -> str | None:
    """An empty database on the server of $DURE_TEST_POSTGRES, or of tools/postgres; None where there is none."""
    server = os.environ.get("DURE_TEST_POSTGRES")
    if not server:
        started = subprocess.run([ROOT / "tools" / "postgres", "start"], stdout=subprocess.PIPE, text=True)
        if started.returncode:
            print("PostgreSQL is not measured", file=sys.stderr)
            return None
        server = started.stdout.strip()
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        connection.execute("DROP DATABASE IF EXISTS dure_bench WITH (FORCE)")
        connection.execute("CREATE DATABASE dure_bench")
    return urlunsplit(urlsplit(server)._replace(path="/dure_bench"))


def _awards() -> list[Transfer]:
    each = 10**12
    issue = Transfer("issue", "programme", "track:bench/all", PROJECTS * each, Cause.ISSUE, 0)
    awards = (Transfer(f"award/{n}", "track:bench/all", f"project:p{n}", each, Cause.AWARD, 0) for n in range(PROJECTS))
    return [issue, *awards]


def _work(count: int, seed: int = 1) -> list[Transfer]:
    """Reservations and their postings in turn, `BATCH` of each."""
    rng = random.Random(seed)
    work: list[Transfer] = []
    for first in range(0, count // 2, BATCH):
        held = []
        for n in range(first, min(first + BATCH, count // 2)):
            project, amount = rng.randrange(PROJECTS), rng.randrange(1_000, 1_000_000)
            held.append(
                Transfer(
                    f"job/{seed}/{n}", f"project:p{project}", f"spent:p{project}", amount, Cause.USAGE, 3_600,
                    phase=Phase.PENDING, by="scheduler", about=f"job {n}, attempt 1",
                )
            )  # fmt: skip
        work += held
        work += [
            Transfer(f"{t.id}/end", "", "", t.amount * 3 // 4, Cause.USAGE, 7_200, phase=Phase.POST, pending=t.id,
                     by="scheduler", about=t.about)
            for t in held
        ]  # fmt: skip
    return work


def _measure(url: str) -> dict[str, object]:
    """Transfers a second of each repeat, on one database."""
    from dure.app.database import setup

    setup({**os.environ, "DURE_DATABASE_URL": url})
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from dure.store import ledger

    def rates(count: int, size: int, seed: int) -> Iterator[float]:
        for repeat in range(REPEATS):
            work = _work(count, seed + repeat)
            done.extend(work)
            batches = [work[i : i + size] for i in range(0, len(work), size)]
            start = perf_counter()
            codes = [code for batch in batches for code in ledger.record(batch)]
            yield count / (perf_counter() - start)
            assert codes == [Code.OK] * count

    done: list[Transfer] = []
    _all_ok(ledger.record(_awards()))
    _all_ok(ledger.record(_work(2 * BATCH, 0)))  # warm
    figures: dict[str, object] = {
        "batches of 100": list(rates(BATCH * BATCHES, BATCH, 1_000)),
        "one at a time": list(rates(SINGLES, 1, 2_000)),
    }
    start = perf_counter()
    length, faults = ledger.verify()
    figures["verify"] = length / (perf_counter() - start)
    assert not faults, faults[:3]
    assert length == 1 + PROJECTS + 2 * BATCH + len(done)
    spent = sum(s.spent for s in ledger.standings().values())
    assert spent == sum(t.amount for t in (*done, *_work(2 * BATCH, 0)) if t.phase == Phase.POST)
    return figures


def _all_ok(codes: Sequence[Code]) -> None:
    assert set(codes) == {Code.OK}


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))
