"""Services: so many replicas kept running, each a job; restarted when one ends or answers badly, more slowly each time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from dure.errors import DureError
from dure.lifecycle.attempts import Desired, Observed
from dure.operation.submitting import add, row_of
from dure.operation.turn import Turn
from dure.operation.world import World
from dure.store import models
from dure.store.documents import from_json
from dure.vocabulary import JobEvent, JobKind, JobState
from dure.workload.spec import Health

BACK_OFF_S = (0, 1, 2, 5, 10, 30, 60, 300)  # after a replica ended, by how many before it ended soon
WELL_S = 300  # a replica that ran as long did not end soon
_LIVE = (JobState.NEW, JobState.WAITING, JobState.RUNNING)


def keep_replicas(turn: Turn) -> None:
    """Submit the replicas that are missing; ask those that are too many to end, first those that do not run."""
    services = list(models.Service.objects.order_by("id"))
    live: dict[int, list[tuple[bool, int, int, int]]] = {}
    rows = models.Job.objects.filter(service__isnull=False, state__in=_LIVE)
    for service, replica, seq, state, wish in rows.values_list("service", "replica", "seq", "state", "wish"):
        live.setdefault(service, []).append((state != JobState.RUNNING, replica, seq, wish))
    for service in services:
        mine = sorted(live.get(service.id, []), key=lambda row: row[:2])
        if surplus := [seq for _, _, seq, wish in mine[service.replicas :] if not wish]:
            models.Job.objects.filter(seq__in=surplus, wish=0).update(wish=1, wished_by="dure")
        held = {replica for _, replica, _, _ in mine}
        missing = service.replicas - len(mine)
        for replica in [r for r in range(service.replicas + len(mine)) if r not in held][: max(0, missing)]:
            _replace(turn, service, replica)


def _replace(turn: Turn, service: models.Service, replica: int) -> None:
    """A new job for a missing replica, later the oftener it ended soon; none for one that was refused, until it is scaled.

    It is judged as whoever submitted the service was: by the decision of the job before it.
    """
    ended = models.Job.objects.filter(service=service, replica=replica, ended_utc_s__gte=service.since_utc_s)
    before = list(ended.order_by("-seq")[: len(BACK_OFF_S)])
    if before and before[0].state == JobState.REFUSED:
        return
    last = models.Job.objects.filter(service=service).order_by("-seq").first()
    short = list(takewhile(lambda job: (job.ended_utc_s or 0) - (job.started_utc_s or 0) < WELL_S, before))
    if before and turn.now < (before[0].ended_utc_s or 0) + BACK_OFF_S[min(len(short), len(BACK_OFF_S) - 1)]:
        return
    judged = {"decision": last.decision, "facts": last.facts} if last else {}
    # a spec that no longer reads becomes a job all the same, which is refused with the reason
    asked = {"name": "", **service.spec, "project": service.project, "kind": "service"}
    add([row_of(asked, service.user, turn.now, service_id=service.id, replica=replica, **judged)])


def due(world: World, now: int) -> list[tuple[str, int, Health]]:
    """Replicas whose health is to be asked now: the attempt, its port, how."""
    if world.pulse is None or not world.pulse.services:
        return []
    running = [t for t in world.tries.values() if t.kind == JobKind.SERVICE and t.desired == Desired.RUN]
    running = [t for t in running if t.observed == Observed.RUNNING and t.port]
    specs = dict(models.Job.objects.filter(seq__in=[t.job for t in running]).values_list("seq", "spec"))
    found = []
    for one in running:
        health = _health(specs[one.job])
        if health is not None and now - one.health_utc_s >= health.every_s:
            found.append((one.key, one.port, health))
    return found


def _health(spec: Mapping[str, Any]) -> Health | None:
    try:
        return from_json(Health, spec["health"]) if spec.get("health") else None
    except DureError:  # of another version
        return None


def take_note(turn: Turn, answers: Mapping[str, tuple[Health, bool]]) -> None:
    """Count what the replicas answered; restart those that have been unwell too often."""
    for key, (health, answer) in answers.items():
        one = turn.world.tries.get(key)
        if one is None or one.desired != Desired.RUN:
            continue
        since = turn.now - (one.run_utc_s or turn.now)
        unhealthy = 0 if answer else one.unhealthy + (since >= health.start_s)
        turn.set_try(one, unhealthy=unhealthy, health_utc_s=turn.now)
        if unhealthy >= health.fails:
            cause = f"unwell {unhealthy} times in a row: restarted"
            turn.set_try(one, desired=Desired.STOP, ending=int(JobEvent.FAIL), cause=cause)
