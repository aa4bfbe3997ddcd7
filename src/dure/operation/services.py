"""Services: so many replicas kept running, each a job; restarted when one ends or answers badly, more slowly each time."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dure.lifecycle.attempts import Desired, Observed
from dure.operation.turn import Turn
from dure.operation.world import Try, World
from dure.store import jobs as store
from dure.store import models
from dure.store.documents import from_json
from dure.vocabulary import JobEvent, JobKind, JobState
from dure.workload.spec import Health, JobSpec

BACK_OFF_S = (0, 1, 2, 5, 10, 30, 60, 300)  # before the next replica, by restarts in a row
_ANSWER_S = 2.0  # a replica that takes longer to answer is not well
_AT_ONCE = 8
_LIVE = (JobState.NEW, JobState.WAITING, JobState.RUNNING)


def keep_replicas(turn: Turn) -> None:
    """Submit the replicas that are missing; ask those that are too many to end."""
    services = list(models.Service.objects.order_by("id"))
    if not services:
        return
    live: dict[int, list[tuple[int, int, int]]] = {}
    rows = models.Job.objects.filter(service__isnull=False, state__in=_LIVE).order_by("seq")
    for service, replica, seq, wish in rows.values_list("service", "replica", "seq", "wish"):
        live.setdefault(service, []).append((replica, seq, wish))
    for service in services:
        mine = live.get(service.id, [])
        for replica, seq, wish in mine:
            if replica >= service.replicas and not wish:
                models.Job.objects.filter(seq=seq).update(wish=1, wished_by="dure")
        held = {replica for replica, _, _ in mine}
        if missing := [r for r in range(service.replicas) if r not in held]:
            _replace(turn, service, missing)


def _replace(turn: Turn, service: models.Service, missing: list[int]) -> None:
    """New jobs for missing replicas, once their time has come."""
    if service.not_before_utc_s > turn.now:
        return
    again = models.Job.objects.filter(service=service).exists()
    store.add_jobs(
        [
            {
                "project": service.project, "user": service.user, "kind": int(JobKind.SERVICE),
                "name": service.spec.get("name", ""), "spec": service.spec, "state": int(JobState.NEW), "wish": 0,
                "wished_by": "", "refusal": 0, "why": "", "submitted_utc_s": turn.now, "attempts": 0, "engine_failures": 0,
                "saved_s": 0, "failure": 0, "decision": None, "facts": "", "scavenges": False, "service_id": service.id,
                "replica": replica, "key": None,
            }
            for replica in missing
        ]
    )  # fmt: skip
    service.restarts = min(service.restarts + again, len(BACK_OFF_S) - 1)
    service.not_before_utc_s = turn.now + BACK_OFF_S[service.restarts]
    service.save(update_fields=["restarts", "not_before_utc_s"])


def due(world: World, now: int) -> list[tuple[Try, int, Health]]:
    """Replicas whose health is to be asked now: the attempt, the service, how."""
    running = [
        t for t in world.tries.values() if t.kind == JobKind.SERVICE and t.observed == Observed.RUNNING and t.port
    ]
    running = [t for t in running if t.desired == Desired.RUN]
    if not running:
        return []
    specs = dict(models.Job.objects.filter(seq__in=[t.job for t in running]).values_list("seq", "spec"))
    services = dict(models.Job.objects.filter(seq__in=specs).values_list("seq", "service"))
    found = []
    for one in running:
        health = from_json(JobSpec, specs[one.job]).health
        if health is not None and now - one.health_utc_s >= health.every_s and services[one.job] is not None:
            found.append((one, services[one.job], health))
    return found


def ask_health(wanted: Iterable[tuple[Try, int, Health]]) -> dict[str, bool]:
    """Which replicas answer well, by attempt."""
    asked = [(one.key, one.port, health.path) for one, _, health in wanted]
    if not asked:
        return {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda a: _well(a[1], a[2]), asked))
    return {key: answer for (key, _, _), answer in zip(asked, answers, strict=True)}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A replica answers for itself."""


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _well(port: int, path: str) -> bool:
    try:
        with _OPENER.open(f"http://127.0.0.1:{port}{path}", timeout=_ANSWER_S) as answer:
            return bool(200 <= answer.status < 300)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def take_note(turn: Turn, wanted: Iterable[tuple[Try, int, Health]], answers: dict[str, bool]) -> None:
    """Count what the replicas answered; restart those that have been unwell too often."""
    for one, service, health in wanted:
        if one.key not in answers or one.key not in turn.world.tries:
            continue
        if answers[one.key]:
            turn.set_try(one, unhealthy=0, health_utc_s=turn.now)
            models.Service.objects.filter(id=service, restarts__gt=0).update(restarts=0)
        elif turn.now - (one.run_utc_s or turn.now) >= health.start_s:
            unhealthy = one.unhealthy + 1
            turn.set_try(one, unhealthy=unhealthy, health_utc_s=turn.now)
            if unhealthy >= health.fails:
                cause = f"unwell {unhealthy} times in a row: restarted"
                turn.set_try(one, desired=Desired.STOP, ending=int(JobEvent.FAIL), cause=cause)
