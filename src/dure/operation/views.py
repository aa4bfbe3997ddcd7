"""Jobs, leases and services as those see them who may: whatever is somebody else's is not there. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from django.db.models import Count, Q, QuerySet

from dure import vocabulary
from dure.app.access import Action, Actor, NotFound, require
from dure.errors import InputError, UnknownName
from dure.lifecycle.attempts import Desired, Observed
from dure.store import models
from dure.units import MILLI
from dure.vocabulary import FINAL_STATES, Failure, JobKind, JobState, Refusal, column

if TYPE_CHECKING:
    from dure.operation.engines import Engines

LIVE: Final = (JobState.NEW, JobState.WAITING, JobState.RUNNING)
STATES: Final = {
    "live": LIVE, "ended": tuple(sorted(FINAL_STATES)), "all": tuple(JobState), "queued": (JobState.NEW, JobState.WAITING),
    **{s.name.lower(): (s,) for s in JobState if s is not JobState.NEW},
}  # fmt: skip
MOST: Final = 100_000  # rows of one answer
LONGEST_LOG: Final = 1 << 20  # bytes of one answer


@dataclass(frozen=True, slots=True)
class JobView:
    """A job and where it stands, in words."""

    job: int = column("", "its number")
    project: str = column("", "who pays")
    user: str = column("", "who submitted it")
    kind: str = column("", "training, batch, evaluation, interactive, service or lease")
    name: str = column("", "what it is called in lists")
    state: str = column("", "queued, waiting, running, completed, timed_out, refused, cancelled, expired or failed")
    refusal: str = column("", "why it was refused or is held; empty: it is not")
    why: str = column("", "the same, where there is more to say")
    wish: str = column("", "what was asked for and is not done yet: cancel, requeue; empty: nothing")
    accelerators: int = column("count", "accelerators asked for")
    models: tuple[str, ...] = column("", "accelerator models that will do; empty: any")
    limit_s: int = column("s", "time limit")
    submitted_utc_s: int = column("UTC s", "when it came")
    started_utc_s: int | None = column("UTC s", "first start; blank: none yet")
    ended_utc_s: int | None = column("UTC s", "end; blank: not yet")
    attempts: int = column("count", "tries at running it")
    saved_s: int = column("s", "work behind save points")
    failure: str = column("", "whose fault it was that the last attempt failed: user, limit, node, engine; empty: none")
    exit_code: int | None = column("", "of the last attempt; negative: the signal that ended it")
    scavenges: bool = column("", "runs at the lowest priority, uncharged: its project's units are spent")
    service: int | None = column("", "number of the service whose replica it is")


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try at running a job."""

    attempt: int = column("", "from 1 on")
    key: str = column("", "what the engine knows it by")
    pool: str = column("", "where")
    nodes: tuple[int, ...] = column("", "numbers of its nodes")
    accelerators_milli: int = column("milli", "accelerators that it holds or held")
    desired: str = column("", "what was decided: run, save or stop")
    observed: str = column("", "what its engine said last: intended, launched, staging, running or ended")
    start_utc_s: int = column("UTC s", "decided")
    run_utc_s: int | None = column("UTC s", "its command began; blank: not yet, or never")
    end_utc_s: int | None = column("UTC s", "its end; blank: not yet")
    limit_s: int = column("s", "wall time that it may take")
    milli_units_per_hour: int = column("milli-units/h", "what it is charged")
    ended_by: str = column("", "the event with which it ends or ended; empty: it goes on")
    failure: str = column("", "whose fault: user, limit, node, engine; empty: nobody's")
    exit_code: int | None = column("", "negative: the signal that ended it")
    cause: str = column("", "in words")
    energy_j: int | None = column("J", "counted by hardware so far; blank: not counted")
    busy_milli: int | None = column("milli", "how busy its accelerators were; blank: not known")


@dataclass(frozen=True, slots=True)
class EventView:
    """One thing that happened to a job."""

    seq: int = column("", "its number in the run log")
    job: int = column("", "the job")
    event: str = column("", "submit, refuse, start, complete, time_out, preempt, node_fail, engine_fail, cancel, fail")
    reason: str = column("", "of a start: what it last waited for; of a refusal: the reason")
    pool: str = column("", "of a start: where")
    attempt: str = column("", "key of the attempt")
    at_utc_s: int = column("UTC s", "when")
    cause: str = column("", "in words")


def state_of(job: models.Job) -> str:
    """Where a job stands, in a word: one that the control loop has not let in yet is queued."""
    return "queued" if job.state == JobState.NEW else JobState(job.state).name.lower()


def _word(member: IntEnum) -> str:
    """A reason, a failure or an end in a word; number 0 stands for none."""
    return member.name.lower() if member else ""


def job_view(job: models.Job) -> JobView:
    """The view of a job."""
    spec = job.spec
    return JobView(
        job.seq, job.project, job.user, JobKind(job.kind).name.lower(), job.name, state_of(job),
        _word(Refusal(job.refusal)), job.why, ("", "cancel", "requeue")[job.wish], spec.get("accelerators", 1),
        tuple(spec.get("models", ())),
        spec.get("limit_s", 0), job.submitted_utc_s, job.started_utc_s, job.ended_utc_s, job.attempts, job.saved_s,
        _word(Failure(job.failure)), job.exit_code, job.scavenges, job.service_id,
    )  # fmt: skip


def attempt_view(a: models.Attempt) -> AttemptView:
    """The view of an attempt."""
    return AttemptView(
        a.number + 1, a.key, a.pool, tuple(node for node, _ in a.nodes), a.held_milli,
        Desired(a.desired).name.lower(), Observed(a.observed).name.lower(), a.start_utc_s, a.run_utc_s, a.end_utc_s,
        a.limit_s, a.charge,
        _word(vocabulary.JobEvent(a.ending)), _word(Failure(a.failure)), a.exit_code, a.cause, a.energy_j, a.busy_milli,
    )  # fmt: skip


def event_view(e: models.JobEvent) -> EventView:
    """The view of an event."""
    event = vocabulary.JobEvent(e.event).name.lower()
    return EventView(e.seq, e.job, event, _word(Refusal(e.reason)), e.pool, e.attempt, e.at_utc_s, e.cause)


# ---- jobs ------------------------------------------------------------------------------------------------------------


def _seen(actor: Actor) -> QuerySet[models.Job]:
    """The jobs that somebody may see. Raises Forbidden for who may see none at all."""
    require(actor, Action.READ_JOB)
    rows = models.Job.objects.all()
    if (projects := actor.in_reach(Action.READ_JOB)) is not None:
        rows = rows.filter(project__in=sorted(projects))
    return rows


def queue(
    actor: Actor, *, project: str = "", user: str = "", state: str = "live", after: int = 0, limit: int = 100
) -> list[models.Job]:
    """Jobs by number, from beyond `after` on: those of one's projects, or all for who may see all. `state` is live, ended,
    all, queued, or one of the states. Raises UnknownName for another, InputError for a page that is too long."""
    if state not in STATES:
        raise UnknownName("state", state, STATES)
    if not 0 < limit <= MOST:
        raise InputError("not a length of a page", field="limit", value=limit, accepted=f"1 to {MOST}")
    rows = _seen(actor).filter(seq__gt=after).order_by("seq")
    if state != "all":
        rows = rows.filter(state__in=STATES[state])
    for name, value in (("project", project), ("user", user)):
        rows = rows.filter(**{name: value}) if value else rows
    return list(rows[:limit])


def job_of(actor: Actor, seq: int) -> models.Job:
    """A job. Raises NotFound where there is none, or it is none of one's own."""
    job = _seen(actor).filter(seq=seq).first()
    if job is None:
        raise NotFound("job", str(seq))
    return job


def attempts_of(actor: Actor, seq: int) -> list[models.Attempt]:
    """The attempts of a job, in order. Raises NotFound."""
    return list(models.Attempt.objects.filter(job=job_of(actor, seq)).order_by("number"))


def events_of(actor: Actor, seq: int, after: int = 0, limit: int = MOST) -> list[models.JobEvent]:
    """What happened to a job, in order, beyond an event. Raises NotFound."""
    rows = models.JobEvent.objects.filter(job=job_of(actor, seq).seq, seq__gt=after)
    return list(rows.order_by("seq")[:limit])


def logs(
    actor: Actor, engines: Engines, seq: int, offset: int = 0, limit: int = LONGEST_LOG, attempt: int | None = None
) -> bytes:
    """Bytes of what a job wrote, from an offset; of an attempt, from 1 on, else of the last. b"" past the end.

    Raises NotFound (the job, or the attempt), InputError for a bad part, EngineGone where its engine does not answer.
    """
    rows = models.Attempt.objects.filter(job=job_of(actor, seq))
    found = rows.order_by("-number").first() if attempt is None else rows.filter(number=attempt - 1).first()
    if offset < 0 or limit <= 0:
        raise InputError("not a part of a log", field="offset" if offset < 0 else "limit", value=min(offset, limit))
    if found is None:
        if attempt is None:
            return b""
        raise NotFound("attempt", str(attempt))
    engine = engines.of_pool.get(found.pool)
    return engine.logs(found.key, offset, min(limit, LONGEST_LOG)) if engine is not None else b""


# ---- leases and services ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Whole nodes for dates."""

    job: int = column("", "its number")
    project: str = column("", "who pays")
    user: str = column("", "who asked for it")
    name: str = column("", "what it is called in lists")
    state: str = column("", "as of a job")
    from_utc_s: int = column("UTC s", "handed over then, or to be")
    to_utc_s: int = column("UTC s", "taken back then, or to be")
    accelerators: int = column("count", "accelerators asked for, rounded up to nodes")
    pool: str = column("", "where; empty: not handed over yet")
    nodes: tuple[int, ...] = column("", "numbers of its nodes")
    idle_milli: int | None = column(
        "milli", "part of the time for which its accelerators did nothing; blank: not known"
    )


def leases(actor: Actor, *, state: str = "live", limit: int = 1000) -> list[models.Job]:
    """Jobs that are leases, by number, as `queue`."""
    rows = _seen(actor).filter(kind=JobKind.LEASE, state__in=STATES[state]).order_by("seq")
    return list(rows[:limit])


def lease_views(jobs: list[models.Job]) -> list[LeaseView]:
    """The views of leases, with the nodes and the use of their last attempts."""
    rows = models.Attempt.objects.filter(job__in=[j.seq for j in jobs]).order_by("number")
    last = {a.job_id: a for a in rows}
    return [_lease(job, last.get(job.seq)) for job in jobs]


def _lease(job: models.Job, last: models.Attempt | None) -> LeaseView:
    spec = job.spec
    start = job.started_utc_s or max(spec.get("earliest_utc_s", 0), job.submitted_utc_s)
    end = job.ended_utc_s or start + spec.get("limit_s", 0)
    busy = last.busy_milli if last is not None else None
    return LeaseView(
        job.seq, job.project, job.user, job.name, state_of(job), start, end, spec.get("accelerators", 1),
        last.pool if last else "", tuple(node for node, _ in last.nodes) if last else (),
        None if busy is None else max(0, MILLI - busy),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServiceView:
    """An inference server that is kept at so many replicas."""

    service: int = column("", "its number")
    project: str = column("", "who pays")
    user: str = column("", "who made it")
    name: str = column("", "what it is called in lists")
    wanted: int = column("count", "replicas to be kept; 0: stopped")
    running: int = column("count", "replicas whose command runs")
    healthy: int = column("count", "of these, those that did not fail their last health check")
    restarts: int = column("count", "replicas that have ended, all in all")
    jobs: tuple[int, ...] = column("", "numbers of the jobs that are its replicas now")


def service_of(actor: Actor, number: int) -> models.Service:
    """A service. Raises NotFound where there is none, or it is none of one's own."""
    require(actor, Action.READ_JOB)
    row = models.Service.objects.filter(id=number).first()
    if row is None or not actor.sees(Action.READ_JOB, project=row.project):
        raise NotFound("service", str(number))
    return row


def services(actor: Actor) -> list[models.Service]:
    """Services by number, those of one's projects, or all for who may see all; each with how many replicas are `running` and
    how many of them are `healthy`."""
    require(actor, Action.READ_JOB)
    runs = Q(jobs__tries__observed=Observed.RUNNING)
    rows = models.Service.objects.annotate(
        running=Count("jobs__tries", filter=runs),
        healthy=Count("jobs__tries", filter=runs & Q(jobs__tries__unhealthy=0)),
    )
    if (projects := actor.in_reach(Action.READ_JOB)) is not None:
        rows = rows.filter(project__in=sorted(projects))
    return list(rows.order_by("id"))


def service_views(rows: list[models.Service]) -> list[ServiceView]:
    """The views of what `services` found."""
    live = models.Job.objects.filter(service__in=[s.id for s in rows], state__in=LIVE).order_by("replica", "seq")
    jobs: dict[int, list[int]] = {}
    for service, seq in live.values_list("service", "seq"):
        jobs.setdefault(service, []).append(seq)
    ended = models.Job.objects.filter(service__in=[s.id for s in rows], state__in=FINAL_STATES).order_by()
    ends = dict(ended.values_list("service").annotate(Count("seq")))
    return [
        ServiceView(
            s.id, s.project, s.user, s.spec.get("name", ""), s.replicas, s.running, s.healthy, ends.get(s.id, 0),
            tuple(jobs.get(s.id, ())),
        )
        for s in rows
    ]  # fmt: skip
