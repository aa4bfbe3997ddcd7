"""For those who run the service: Prometheus metrics, and whether the process lives and can answer. None needs a token.

Values are read from the database when they are asked for, and held for some seconds: any process gives the same, and none needs
to be asked for its own. They name states, reasons and pools; no project, no person and no job.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from dure.app.programme import fleet_of_programme
from dure.errors import InputError
from dure.lifecycle.attempts import Observed
from dure.operation.notifying import last_event
from dure.store import models
from dure.units import MILLI
from dure.vocabulary import JobState, Refusal

HOLD_S: Final = 5.0  # for which a scrape's values are given again: counting jobs reads the table of them
LATE_S: Final = 10  # without a cycle: another loop is to lead by then
Sample = tuple[dict[str, str], float]

_hold = threading.Lock()
_held: tuple[float, bytes] = (float("-inf"), b"")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The text exposition format, version 0.0.4."""
    global _held
    with _hold:
        if time.monotonic() - _held[0] >= HOLD_S:
            try:
                _held = (time.monotonic(), exposition(int(time.time())))
            except DatabaseError:
                return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
        body = _held[1]
    return HttpResponse(body, content_type="text/plain; version=0.0.4; charset=utf-8")


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives. It asks nobody else, so that a database that is away for a while restarts no process."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether requests can be answered: the database does, and its tables are of this version; else 503. Whether a control
    loop leads is said beside it and changes nothing: submissions are kept, and no restart of this process brings a leader."""
    try:
        behind = _to_migrate()
        age = None if behind else leader_age_s(int(time.time()))
    except DatabaseError:
        return JsonResponse({"status": "no database"}, status=503)
    if behind:
        return JsonResponse({"status": "tables of another version: run `dure upgrade`"}, status=503)
    leads = age is not None and age < LATE_S
    return JsonResponse({"status": "ok", "leader": "leads" if leads else "late" if age is not None else "none"})


def leader_age_s(now: int) -> int | None:
    """Seconds since the last cycle of whichever control loop leads; None before the first."""
    beat = models.Leader.objects.values_list("beat_utc_s", flat=True).first()
    return max(0, now - beat) if beat else None


_done = False  # once a process: tables do not go back


def _to_migrate() -> bool:
    global _done
    if not _done:
        executor = MigrationExecutor(connection)
        _done = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return not _done


# ---- what is told -------------------------------------------------------------------------------------------------------


def exposition(now: int) -> bytes:
    """All metrics as text."""
    lines: list[str] = []
    for name, kind, meaning, samples in _families(now):
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        for labels, value in samples:
            shown = ",".join(f'{k}="{_escaped(v)}"' for k, v in labels.items())
            lines.append(f"{name}{{{shown}}} {value}" if shown else f"{name} {value}")
    return ("\n".join(lines) + "\n").encode()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _families(now: int) -> Iterator[tuple[str, str, str, list[Sample]]]:
    jobs = list(models.Job.objects.order_by().values_list("state", "refusal").annotate(n=Count("seq")))
    states = {s: sum(n for state, _, n in jobs if state == s) for s in JobState}
    yield "dure_jobs", "gauge", "Jobs by state.", [({"state": s.name.lower()}, n) for s, n in states.items()]
    yield (
        "dure_jobs_refused", "gauge", "Jobs that are refused or held, by reason.",
        [({"reason": r.name.lower()}, n) for r in Refusal if (n := sum(n for _, reason, n in jobs if r and reason == r))],
    )  # fmt: skip
    yield "dure_accelerators", "gauge", "Accelerators by pool: free, held by attempts, down.", list(_accelerators())
    yield "dure_job_events_total", "counter", "Events of jobs so far.", [({}, last_event())]
    leader = models.Leader.objects.first() or models.Leader()
    age: list[Sample] = [] if (age_s := leader_age_s(now)) is None else [({}, float(age_s))]
    yield "dure_leader_cycle_age_seconds", "gauge", "Since the last cycle of the loop that leads.", age
    yield "dure_leader_cycle_seconds", "gauge", "How long that cycle took.", [({}, leader.cycle_ms / 1000)]
    yield "dure_leader_term", "counter", "How often a control loop has come to lead.", [({}, leader.term)]
    yield "dure_audit_outbox", "gauge", "Entries that wait for the audit log.", [({}, models.Outbox.objects.count())]
    hooks = models.Webhook.objects.all()
    failing = hooks.filter(stopped=False, tries__gt=0).count()
    yield (
        "dure_webhooks", "gauge", "Webhooks: well, failing (tried again), stopped.",
        [
            ({"state": "well"}, hooks.filter(stopped=False).count() - failing), ({"state": "failing"}, failing),
            ({"state": "stopped"}, hooks.filter(stopped=True).count()),
        ],
    )  # fmt: skip
    past = models.Forecast.objects.filter(started_utc_s__isnull=False).values_list(
        "low_utc_s", "high_utc_s", "started_utc_s"
    )
    held = [low <= started <= high for low, high, started in past.order_by("-seq")[:1000]]
    yield (
        "dure_forecasts", "gauge", "The last 1,000 foretold starts that have come: within their interval, or not.",
        [({"held": "yes"}, sum(held)), ({"held": "no"}, len(held) - sum(held))],
    )  # fmt: skip


def _accelerators() -> Iterator[Sample]:
    try:
        fleet = fleet_of_programme()
    except InputError:  # before `dure init`
        return
    live = models.Attempt.objects.filter(observed__lt=Observed.ENDED).order_by()
    held: dict[str, Any] = dict(live.values_list("pool").annotate(n=Sum("held_milli")))
    down = np.array(list(models.NodeState.objects.filter(up=False).values_list("node", flat=True)), dtype=np.int64)
    of_pool = fleet.node_pool()
    nodes = np.bincount(of_pool[down[down < len(of_pool)]], minlength=len(fleet.pools))
    for pool, gone in zip(fleet.pools, nodes.tolist(), strict=True):
        each = pool.accelerators_per_node
        taken = held.get(pool.id, 0) / MILLI
        yield {"pool": pool.id, "state": "held"}, taken
        yield {"pool": pool.id, "state": "down"}, gone * each
        yield {"pool": pool.id, "state": "free"}, max(0.0, (pool.nodes - gone) * each - taken)
