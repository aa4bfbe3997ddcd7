"""Jobs: submitted, looked at, explained, withdrawn. What is asked for is a `JobSpec`; what is shown, `dure.operation.views`."""

from __future__ import annotations

import os
from typing import Annotated, Any, Final

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import ConfigDict, Field

from dure.app.access import Action
from dure.app.programme import fleet_of_programme
from dure.executors.base import EngineGone
from dure.governance.facts import UNKNOWN
from dure.operation import operating, submitting, tickets, views
from dure.operation.asking import engines_here
from dure.operation.run_facts import SignIn, sign_in_here
from dure.operation.views import AttemptView, EventView, JobView
from dure.vocabulary import Refusal, Text
from dure.web.problems import Problem
from dure.web.requests import MOST, AfterSeq, Limit, Page, Shown, Strict, now, page, shown_once
from dure.workload.spec import Health, JobSpec, Variant

router = Router()
for _entity in (JobSpec, Variant, Health):
    setattr(_entity, "__pydantic_config__", ConfigDict(extra="forbid"))  # noqa: B010  an unknown key is a fault

MOST_JOBS: Final = 1000  # of one call
GATEWAY: Final = "http://127.0.0.1:8001"
RECENT: Final = (
    submitting.Recent()
)  # what lets a job in is asked once in two seconds: it is judged again before it starts

Specs = Annotated[list[JobSpec], Field(min_length=1, max_length=MOST_JOBS)]
Words = Annotated[str, Query("", max_length=100)]


class Said(Shown):
    """A text in the languages of the programme."""

    ko: str
    en: str


class Submitted(Shown):
    """The numbers of the jobs, in the order they were given."""

    jobs: list[int]


class Tried(Shown):
    """What would come of a job: whether it is allowed, held or refused, and why; where it could run; what it may cost."""

    verdict: str
    refusal: str
    why: Said
    pools: list[str]
    least_milli: int
    most_milli: int
    left_milli: int
    scavenges: bool


class One(Shown):
    """A job, and what was asked for: to those who may submit for its project."""

    job: JobView
    spec: dict[str, Any] | None


class Why(Shown):
    """The one reason that binds now, and what would release it."""

    reason: str
    text: Said
    release: Said


class When(Shown):
    """When it starts, as an interval (null: it cannot be said); and of how many past intervals how many held."""

    low_utc_s: int | None
    high_utc_s: int | None
    held: int
    of: int


class Opened(Shown):
    """The address of a notebook, with a ticket for its owner: good while the attempt may run, for 12 hours at most."""

    url: str


def _said(text: Text) -> Said:
    return Said(ko=text.ko, en=text.en)


def _word(refusal: Refusal) -> str:
    return refusal.name.lower() if refusal else ""


def _sign_in(request: HttpRequest) -> SignIn:
    """How whoever asks signed in. A service that only this machine reaches is asked by somebody at it; of any other its
    operator says it by `DURE_ACCESS_COUNTRY` and `DURE_SECOND_FACTOR`, else the worst is assumed."""
    passed_on = any(f"HTTP_{name}" in request.META for name in ("X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP", "VIA"))
    if not (os.environ.get("DURE_HOSTS") or passed_on) and request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1"):
        return sign_in_here(RECENT.board(now()).fleet)
    return SignIn(os.environ.get("DURE_ACCESS_COUNTRY") or UNKNOWN, os.environ.get("DURE_SECOND_FACTOR") == "yes")


# ---- to submit ----------------------------------------------------------------------------------------------------------


@router.post("/jobs", response={201: JobView})
def submit(request: HttpRequest, spec: Annotated[JobSpec, Strict(...)]) -> JobView:
    """Submit a job. It is checked, judged by the rules and kept before this answers; with an Idempotency-Key, once."""
    key = request.headers.get("Idempotency-Key")
    return views.job_view(
        submitting.submit(request.actor, spec, now(), key=key, sign_in=_sign_in(request), recent=RECENT)
    )


@router.post("/jobs/bulk", response={201: Submitted})
def submit_all(request: HttpRequest, specs: Annotated[Specs, Strict(...)]) -> dict[str, list[int]]:
    """Submit up to 1,000 jobs, all or none."""
    return {"jobs": submitting.submit_all(request.actor, specs, now(), sign_in=_sign_in(request), recent=RECENT)}


@router.post("/jobs/check", response=Tried)
def check(request: HttpRequest, spec: Annotated[JobSpec, Strict(...)]) -> Tried:
    """What would come of a job. Nothing is kept."""
    tried = submitting.try_submit(request.actor, spec, now(), sign_in=_sign_in(request))
    return Tried(
        verdict=tried.verdict.partition(":")[0], refusal=_word(tried.refusal), why=_said(tried.why),
        pools=list(tried.pools), least_milli=tried.least_milli, most_milli=tried.most_milli, left_milli=tried.left_milli,
        scavenges=tried.scavenges,
    )  # fmt: skip


# ---- to look ------------------------------------------------------------------------------------------------------------


@router.get("/jobs", response=Page[JobView])
def list_jobs(
    request: HttpRequest,
    response: HttpResponse,
    project: Words = "",
    user: Words = "",
    state: Annotated[
        str, Query("live", max_length=20, description="live, ended, all, queued, or one of the states")
    ] = "live",
    after: AfterSeq = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Jobs that you may see, in the order of arrival; those that have not ended, if nothing else is asked for."""
    rows = views.queue(request.actor, project=project, user=user, state=state, after=after, limit=limit + 1)
    return page(request, response, [views.job_view(r) for r in rows], limit, lambda j: j.job)


@router.get("/jobs/{seq}", response=One)
def read_job(request: HttpRequest, seq: int) -> One:
    """One job; what was asked for is shown to those who may submit for its project."""
    row = views.job_of(request.actor, seq)
    own = request.actor.sees(Action.SUBMIT_JOB, project=row.project)
    return One(job=views.job_view(row), spec=row.spec if own else None)


@router.get("/jobs/{seq}/attempts", response=list[AttemptView])
def list_attempts(request: HttpRequest, seq: int) -> list[AttemptView]:
    """The tries at running a job, first to last."""
    return [views.attempt_view(row) for row in views.attempts_of(request.actor, seq)]


@router.get("/jobs/{seq}/events", response=Page[EventView])
def list_events(
    request: HttpRequest, response: HttpResponse, seq: int, after: AfterSeq = 0, limit: Limit = 100
) -> dict[str, Any]:
    """What happened to a job, and why, first to last."""
    rows = [views.event_view(row) for row in views.events_of(request.actor, seq, after, limit + 1)]
    return page(request, response, rows, limit, lambda e: e.seq)


_TEXT: Final = {"responses": {200: {"description": "bytes of the log", "content": {"text/plain": {}}}}}


@router.get("/jobs/{seq}/logs", openapi_extra=_TEXT)
def logs(
    request: HttpRequest,
    seq: int,
    offset: Annotated[int, Query(0, ge=0, le=MOST)] = 0,
    limit: Annotated[int, Query(2**16, ge=1, le=views.LONGEST_LOG, description="bytes at most")] = 2**16,
    attempt: Annotated[int | None, Query(None, ge=1, le=2**31 - 1, description="of this one; else of the last")] = None,
) -> HttpResponse:
    """What a job wrote, both streams as one, from a byte on; empty: no more yet. X-Dure-Next-Offset is where to go on."""
    try:
        found = views.logs(request.actor, engines_here(fleet_of_programme()), seq, offset, limit, attempt=attempt)
    except EngineGone as gone:
        raise Problem("busy", f"The engine does not answer: {gone}") from None
    response = HttpResponse(found, content_type="text/plain; charset=utf-8")
    response["Content-Security-Policy"] = "sandbox"  # what a job wrote is no page of ours
    response["X-Dure-Next-Offset"] = str(offset + len(found))
    return response


@router.get("/jobs/{seq}/why", response=Why)
def why(request: HttpRequest, seq: int) -> Why:
    """The one reason why a job is not running now, and what would release it."""
    from dure.operation.explaining import why as explained  # loads the compiled pass, which submitting does without

    found = explained(request.actor, seq, now())
    return Why(reason=_word(found.reason), text=_said(found.text), release=_said(found.release))


@router.get("/jobs/{seq}/when", response=When)
def when(request: HttpRequest, seq: int) -> When:
    """When a job may start: the queue run forward, with run times as jobs had them; and how often that held."""
    from dure.operation.foretelling import when as foretold

    found = foretold(request.actor, seq, now())
    held, of = found.held_of_past
    return When(low_utc_s=found.low_utc_s, high_utc_s=found.high_utc_s, held=held, of=of)


# ---- to act -------------------------------------------------------------------------------------------------------------


@router.post("/jobs/{seq}/cancel", response={204: None})
def cancel(request: HttpRequest, seq: int) -> None:
    """Withdraw a job. One that runs is told to end."""
    operating.cancel(request.actor, seq, now())


@router.post("/jobs/{seq}/requeue", response={204: None})
def requeue(request: HttpRequest, seq: int) -> None:
    """Stop a job that runs, and let it wait for another start, from its last save point."""
    operating.requeue(request.actor, seq, now())


@router.post("/jobs/{seq}/open", response=Opened)
def open_notebook(request: HttpRequest, response: HttpResponse, seq: int) -> Opened:
    """The address of a notebook, for its owner."""
    shown_once(response)
    return Opened(url=tickets.open_url(request.actor, seq, now(), os.environ.get("DURE_GATEWAY") or GATEWAY))
