"""What people ask of jobs, services and projects. It is written down, and told the record; the control loop does it."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from dure.app.access import Action, Actor, NotFound, require
from dure.app.people import happened
from dure.errors import InputError
from dure.operation.views import LIVE, job_of, service_of
from dure.store import models
from dure.vocabulary import JobState

CANCEL, REQUEUE = 1, 2  # models.Job.wish
MOST_REPLICAS: Final = 1000  # of a service
WHEN_SPENT: Final = ("finish", "wait", "scavenge")
_MOST: Final = 2**31 - 1


def _may_change(actor: Actor, project: str) -> None:
    """Raises Forbidden unless this is a member of the project, or an operator."""
    if actor.sees(Action.SUBMIT_JOB, project=project):
        require(actor, Action.SUBMIT_JOB)
    else:
        require(actor, Action.OPERATE)


# ---- jobs ------------------------------------------------------------------------------------------------------------


def cancel(actor: Actor, seq: int, now: int) -> None:
    """Withdraw a job; one that runs is told to end. Asked twice, it is asked once. Raises NotFound, Forbidden; InputError for
    one that has ended."""
    _wish(actor, seq, CANCEL, "cancel", LIVE, "one that has not ended", now)


def requeue(actor: Actor, seq: int, now: int) -> None:
    """Stop a job that runs, at a save point if it writes any, and let it wait for another start. Raises NotFound, Forbidden;
    InputError for one that does not run, or is to be cancelled."""
    _wish(actor, seq, REQUEUE, "requeue", (JobState.RUNNING,), "one that runs, and is not to be cancelled", now)


@transaction.atomic
def _wish(actor: Actor, seq: int, wish: int, event: str, states: tuple[JobState, ...], accepted: str, now: int) -> None:
    _may_change(actor, job_of(actor, seq).project)
    job = models.Job.objects.select_for_update().get(seq=seq)
    if job.state not in states or (job.wish == CANCEL and wish == REQUEUE):
        state = "to be cancelled" if job.state in LIVE and job.wish else JobState(job.state).name.lower()
        raise InputError(f"cannot {event} it", field="job", value=f"{seq}: {state}", accepted=accepted)
    if job.wish != wish:
        models.Job.objects.filter(seq=seq).update(wish=wish, wished_by=actor.user)
        happened("job", str(seq), event, actor.user, now, before=JobState(job.state).name.lower())


# ---- services --------------------------------------------------------------------------------------------------------


@transaction.atomic
def scale(actor: Actor, service: int, replicas: int, now: int) -> None:
    """Keep so many replicas from now on; 0 stops the service. Raises NotFound, Forbidden, InputError."""
    row = _service(actor, service)
    if not 0 <= replicas <= MOST_REPLICAS:
        raise InputError("not a number of replicas", field="replicas", value=replicas, accepted=f"0 to {MOST_REPLICAS}")
    if replicas != row.replicas:
        happened("service", str(service), "scale", actor.user, now, before=str(row.replicas), after=str(replicas))
        row.replicas, row.since_utc_s = replicas, now
        row.save(update_fields=["replicas", "since_utc_s"])


@transaction.atomic
def restart(actor: Actor, service: int, now: int) -> None:
    """End all replicas, and start others at once. Raises NotFound, Forbidden."""
    row = _service(actor, service)
    row.since_utc_s = now + 1  # what is ended by this does not count either
    row.save(update_fields=["since_utc_s"])
    jobs = models.Job.objects.filter(service=row, state__in=LIVE)
    count = jobs.exclude(wish=CANCEL).update(wish=CANCEL, wished_by=actor.user)
    happened("service", str(service), "restart", actor.user, now, note=f"{count} replicas")


def _service(actor: Actor, number: int) -> models.Service:
    """A service, locked for a change."""
    _may_change(actor, service_of(actor, number).project)
    return models.Service.objects.select_for_update().get(id=number)


# ---- projects --------------------------------------------------------------------------------------------------------


def stop_project(actor: Actor, project: str, now: int, *, reason: str = "") -> None:
    """Stop a project: what runs saves and ends, and nothing of it starts until it is resumed. Raises Forbidden, NotFound;
    InputError where it is stopped already."""
    _set_stopped(actor, project, True, "stop", reason, now)


def resume_project(actor: Actor, project: str, now: int) -> None:
    """Let a stopped project go on. Raises Forbidden, NotFound; InputError where it is not stopped."""
    _set_stopped(actor, project, False, "resume", "", now)


@transaction.atomic
def _set_stopped(actor: Actor, project: str, stopped: bool, event: str, reason: str, now: int) -> None:
    row = _project(actor, project)
    if row.stopped == stopped:
        accepted = "one that is stopped" if row.stopped is False else "one that is not stopped"
        raise InputError(f"cannot {event} it", field="project", value=project, accepted=accepted)
    row.stopped = stopped
    row.save(update_fields=["stopped"])
    happened("project", project, event, actor.user, now, note=reason)


def _project(actor: Actor, id: str) -> models.Project:
    """A project, locked for a change of how it runs."""
    require(actor, Action.STOP_PROJECT)
    row = models.Project.objects.select_for_update().filter(id=id).first()
    if row is None:
        raise NotFound("project", id)
    return row


@transaction.atomic
def set_terms(
    actor: Actor, project: str, *, when_spent: str | None = None, shares: int | None = None, limit: int | None = None,
    now: int,
) -> models.Terms:  # fmt: skip
    """Change by which terms a project runs; None leaves a term as it is, a limit of 0 is none. Returns the terms.

    Without any change, its members may ask for them too. Raises NotFound, Forbidden, InputError.
    """
    given = {"when_spent": when_spent, "shares": shares, "limit_accelerators": limit}
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return terms_of(actor, project)
    row = _project(actor, project)
    if when_spent is not None and when_spent not in WHEN_SPENT:
        raise InputError("no such term", field="when_spent", value=when_spent, accepted=", ".join(WHEN_SPENT))
    if shares is not None and not 1 <= shares <= 1_000_000:
        raise InputError("not a number of shares", field="shares", value=shares, accepted="1 to 1000000")
    if limit is not None and not 0 <= limit <= _MOST:
        raise InputError("not a number of accelerators", field="limit", value=limit, accepted="1 or more; 0: no limit")
    terms, _ = models.Terms.objects.get_or_create(project=row)
    for name, value in given.items():
        setattr(terms, name, (value or None) if name == "limit_accelerators" else value)
    terms.save()
    note = ", ".join(f"{name}: {value}" for name, value in given.items())
    happened("project", project, "set_terms", actor.user, now, note=note)
    return terms


def terms_of(actor: Actor, project: str) -> models.Terms:
    """The terms by which a project runs, for those who may see its jobs. Raises NotFound, Forbidden."""
    require(actor, Action.READ_JOB)
    if not actor.sees(Action.READ_JOB, project=project) or not models.Project.objects.filter(id=project).exists():
        raise NotFound("project", project)
    return models.Terms.objects.filter(project=project).first() or models.Terms(project_id=project)
