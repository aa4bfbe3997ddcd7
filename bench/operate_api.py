"""Submissions over the API: gunicorn as `dure serve` runs it, PostgreSQL, the clients on the same cores. Every answer is checked.

Each of 50 clients submits one job after the other on a connection of its own; then 1,000 at once. Each is parsed, checked, judged by
the rules and on disk when it is answered. The database is filled in a process of its own: `python -m bench.operate_api URL`.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.api import _free_port, _wait
from bench.ledger import ROOT, empty_postgres
from bench.rows import Row

CLIENTS, BULK, BULKS = 50, 1_000, 5
WARM_S, MEASURED_S = 3.0, 10.0
PER_S, P99_MS, BULK_PER_S = 300, 300, 3_000


def run(data: Path | None) -> Iterator[Row]:
    """Submissions a second, one a call, with the 99th percentile of their times; and in calls of 1,000."""
    url = empty_postgres()
    if url is None:
        print("operate: no PostgreSQL: no submissions (tools/postgres start; DURE_TEST_POSTGRES)", file=sys.stderr)
        return
    command = [sys.executable, "-m", "bench.operate_api", url]
    made = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    port = _free_port()
    environ = {**os.environ, "DURE_DATABASE_URL": url, "DURE_SECRET_KEY": "bench" * 8}
    serve = f"from dure.web.server import serve; serve(port={port})"
    server = subprocess.Popen([sys.executable, "-c", serve], env=environ, cwd=ROOT)
    try:
        _wait(port)
        asyncio.run(_warm(port, made["tokens"][0], made["spec"]))
        times = asyncio.run(_load(port, made["tokens"], made["spec"]))
        yield Row.at_least(f"submissions, {CLIENTS} clients", len(times) / MEASURED_S, None, "jobs/s", PER_S)
        yield Row.at_most("submissions, 99th percentile", float(np.percentile(times, 99)) * 1000, None, "ms", P99_MS)
        rates = asyncio.run(_bulk(port, made["tokens"][0], made["spec"]))
        yield Row.at_least(f"submissions, {BULK} a call", float(np.median(rates)), None, "jobs/s", BULK_PER_S)
    finally:
        server.terminate()
        server.wait(timeout=40)


async def _warm(port: int, token: str, spec: dict[str, Any]) -> None:
    """One submission after the other, each on a connection of its own: every worker has read its fleet and rules once."""
    for n in range(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _post(reader, writer, "/api/jobs", token, spec | {"name": f"w{n}"})
        writer.close()


async def _load(port: int, tokens: list[str], spec: dict[str, Any]) -> list[float]:
    start = time.perf_counter()
    parts = await asyncio.gather(*(_client(port, token, spec, start) for token in tokens))
    numbers = [n for _, found in parts for n in found]
    assert len(set(numbers)) == len(numbers) > 0  # each its own job
    return [seconds for times, _ in parts for seconds in times]


async def _client(port: int, token: str, spec: dict[str, Any], start: float) -> tuple[list[float], list[int]]:
    """Seconds of each answer that came in the measured time, and the numbers of all jobs."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times, numbers = [], []
    while (begin := time.perf_counter()) < start + WARM_S + MEASURED_S:
        body = await _post(reader, writer, "/api/jobs", token, spec | {"name": f"n{len(numbers)}"})
        end = time.perf_counter()
        if begin > start + WARM_S and end < start + WARM_S + MEASURED_S:
            times.append(end - begin)
        numbers.append(body["job"])
    writer.close()
    return times, numbers


async def _bulk(port: int, token: str, spec: dict[str, Any]) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    rates = []
    for n in range(BULKS):
        begin = time.perf_counter()
        body = await _post(reader, writer, "/api/jobs/bulk", token, [spec | {"name": f"b{n}-{k}"} for k in range(BULK)])
        rates.append(BULK / (time.perf_counter() - begin))
        assert len(set(body["jobs"])) == BULK
    writer.close()
    return rates


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, token: str, body: Any) -> Any:
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    headers = (await reader.readuntil(b"\r\n\r\n")).lower()
    found = await reader.readexactly(int(headers.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    assert headers.startswith(b"http/1.1 201"), found
    return json.loads(found)


def fill(url: str) -> dict[str, Any]:
    """A programme with one awarded project that the rules let run, and its people with tokens."""
    from dure.app.database import setup

    setup({**os.environ, "DURE_DATABASE_URL": url})
    from django.db import connection

    from dure.app import people
    from dure.store import models
    from tests.operation import programme_world

    programme_world._make(int(time.time()), programme_world.FLEET, {}, 8)
    users = [f"user{n}" for n in range(CLIENTS)]
    models.Member.objects.bulk_create(models.Member(project_id="alpha", user=u, role="member") for u in users)
    now = int(time.time())
    tokens = [people.make_token(people.actor_of(u), now) for u in users]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as the server does by itself, later
    spec = {"project": "alpha", "command": ["true"], "models": ["H200"], "accelerators": 1, "limit_s": 60}
    return {"tokens": tokens, "spec": spec}


if __name__ == "__main__":
    print(json.dumps(fill(sys.argv[1])))
