"""The API under 50 clients: gunicorn on PostgreSQL, on loopback, with the load on the same cores. Every answer is checked.

The database is filled in a process of its own (Django knows one): `python -m bench.api URL` prints the clients' requests
and the answers they are to get. Without PostgreSQL (see tools/postgres) the group says so and measures nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.ledger import ROOT, empty_postgres
from bench.rows import Row

CLIENTS, PROJECTS, APPLICATIONS, PAGE = 50, 300, 3_000, 20
WARM_S, MEASURED_S = 3.0, 10.0
START_S = 6.0  # until every worker takes connections: a client stays with the one that took it
P99_MS, READS_PER_S = 200, 500
UNITS = 5_000_000


def run(data: Path | None) -> Iterator[Row]:
    """Requests a second and the 99th percentile of their times, for each kind of read."""
    url = empty_postgres()
    if url is None:
        print("api: no PostgreSQL: nothing is measured (tools/postgres start; DURE_TEST_POSTGRES)", file=sys.stderr)
        return
    command = [sys.executable, "-m", "bench.api", url]
    reads = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    port = _free_port()
    serve = f"from dure.web.server import serve; serve(port={port})"
    environ = {**os.environ, "DURE_DATABASE_URL": url, "DURE_SECRET_KEY": "bench"}
    server = subprocess.Popen([sys.executable, "-c", serve], env=environ, cwd=ROOT)
    try:
        _wait(port)
        for what, requests in reads.items():
            times = asyncio.run(_load(port, requests))
            yield Row.at_least(f"{what}, {CLIENTS} clients", len(times) / MEASURED_S, None, "requests/s", READS_PER_S)
            yield Row.at_most(f"{what}, 99th percentile", float(np.percentile(times, 99)) * 1000, None, "ms", P99_MS)
    finally:
        server.terminate()
        server.wait(timeout=10)


async def _load(port: int, requests: list[dict[str, Any]]) -> list[float]:
    """Seconds of each answer in the measured time. Each client sends its request as soon as the last one is answered."""
    start = time.perf_counter()
    parts = await asyncio.gather(*(_client(port, r, start) for r in requests))
    return [seconds for part in parts for seconds in part]


async def _client(port: int, request: dict[str, Any], start: float) -> list[float]:
    """One client on one connection; what it is answered must hold what is expected, and be a 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET {request['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {request['token']}\r\n\r\n"
    sent, first, expected = head.encode(), b"", json.dumps(request["expected"])
    times = []
    while (begin := time.perf_counter()) < start + WARM_S + MEASURED_S:
        writer.write(sent)
        headers = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert headers.startswith(b"http/1.1 200"), headers
        body = await reader.readexactly(int(headers.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        if begin > start + WARM_S:
            times.append(time.perf_counter() - begin)
        if body != first:  # a new answer: looked at whole
            assert json.dumps(_kept(json.loads(body))) == expected, (request["path"], body[:300])
            first = body
    writer.close()
    return times


def _kept(document: dict[str, Any]) -> Any:
    """What of an answer is compared: the balance, or the ids of a page and where it goes on."""
    if "items" in document:
        return [[item["id"] for item in document["items"]], document["next"]]
    return [document["project"], document["standing"]["remaining"], document["to_utc_s"]]


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            time.sleep(START_S)
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


def fill(url: str) -> dict[str, list[dict[str, Any]]]:
    """Projects with balances, applications, and 50 people with tokens; what each reads, and what must come back."""
    from dure.app.database import setup

    setup({**os.environ, "DURE_DATABASE_URL": url})
    from django.db import connection

    from dure.app import people
    from dure.app.programme import migrate
    from dure.ledger.model import Cause, Transfer
    from dure.store import ledger, models

    migrate()
    now, end = int(time.time()), int(time.time()) + 10**7
    projects = [f"p{n:04d}" for n in range(PROJECTS)]
    models.Call.objects.create(id="c", state="awarded", document={"blind": False})
    models.Project.objects.bulk_create(models.Project(id=p, title=f"Project {p}") for p in projects)
    models.Member.objects.bulk_create(models.Member(project_id=p, user=f"lead-{p}", role="pi") for p in projects)
    rows = [
        models.Application(
            id=f"c-{n:05d}", call_id="c", project=projects[n % PROJECTS], lead=f"lead-{projects[n % PROJECTS]}",
            state="awarded", document={"track": "t", "title": f"Application {n}", "abstract": "x" * 2000},
        )
        for n in range(APPLICATIONS)
    ]  # fmt: skip
    models.Application.objects.bulk_create(rows, batch_size=500)
    models.Award.objects.bulk_create(
        models.Award(application=r, project_id=r.project, amount_milli=UNITS, from_utc_s=now - 10**6, to_utc_s=end)
        for r in rows[:PROJECTS]
    )
    ledger.record([Transfer("issue", "programme", "track:c/t", UNITS * PROJECTS, Cause.ISSUE, now)])
    ledger.record(
        [Transfer(f"a{n}", "track:c/t", f"project:{p}", UNITS - n, Cause.AWARD, now) for n, p in enumerate(projects)]
    )
    models.Grant.objects.create(user="office", role="office")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as the server does by itself, later
    office = people.make_token(people.actor_of("office"), now)
    reads: dict[str, list[dict[str, Any]]] = {
        "balance of a project": [], "applications of a project's lead": [], f"applications of all, a page of {PAGE}": [],
    }  # fmt: skip
    for n in range(CLIENTS):
        p, first = projects[n], n * PAGE
        token = people.make_token(people.actor_of(f"lead-{p}"), now)
        own = [r.id for r in rows if r.project == p]
        page = [r.id for r in rows[first : first + PAGE]]
        after = rows[first - 1].id if first else ""
        asked = [
            (token, f"/api/projects/{p}/balance", [p, UNITS - n, end]),
            (token, "/api/applications", [own, None]),
            (office, f"/api/applications?limit={PAGE}&after={after}", [page, page[-1]]),
        ]
        for part, (t, path, expected) in zip(reads.values(), asked, strict=True):
            part.append({"token": t, "path": path, "expected": expected})
    return reads


if __name__ == "__main__":
    print(json.dumps(fill(sys.argv[1])))
