"""Applications: written, submitted, decided about, and explained."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from dure.app import applying, awarding, changes
from dure.app.access import Action
from dure.app.people import application_for
from dure.errors import InputError
from dure.formats.applications import read_applications
from dure.programme.explain import Change
from dure.programme.lifecycle import State
from dure.programme.model import Application
from dure.store import models
from dure.store.documents import from_json
from dure.web.calls import Reason
from dure.web.problems import Problem
from dure.web.requests import AfterId, Asked, Limit, Page, Shown, Strict, now, page

router = Router()

CSV = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


class Row(Shown):
    """An application in a list. Names are hidden from the reviewers of a blind call."""

    id: str
    call: str
    track: str
    title: str
    project: str
    lead: str
    state: State
    submitted_utc_s: int | None
    score_milli: int | None  # for whoever may read the award, and once it is decided


class One(Shown):
    """An application and where it stands."""

    state: State
    application: Application


class Step(Shown):
    """One thing that happened."""

    seq: int
    event: str
    before: str
    after: str
    by: str
    at_utc_s: int
    note: str


class Why(Shown):
    """What was asked and awarded, and why."""

    id: str
    asked_milli: int
    awarded_milli: int
    score_milli: int | None
    state: State
    reason: dict[str, Any]


class Eligible(Asked):
    """Whether applications are let in; a reason where not."""

    ids: list[str]
    eligible: bool
    reason: str = ""


class Feasible(Asked):
    """The technical review's answer; a note where it is no."""

    feasible: bool
    note: str = ""


class Counted(Shown):
    """How many."""

    count: int


def rows(request: HttpRequest, found: list[models.Application]) -> list[Row]:
    """The rows of a list, as this actor may see them."""
    actor, out = request.actor, []
    every = actor.sees(Action.READ_AWARD)
    for r in found:
        document, hidden = r.document, applying.hidden_from(actor, r)
        scored = every or actor.sees(Action.READ_AWARD, project=r.project, user=r.lead)
        out.append(
            Row(
                id=r.id, call=r.call_id, track=document["track"], title=document["title"], state=State(r.state),
                project="hidden" if hidden else r.project, lead="hidden" if hidden else r.lead,
                submitted_utc_s=r.submitted_utc_s,
                score_milli=applying.score_for(actor, r) if scored else None,
            )
        )  # fmt: skip
    return out


@router.get("/applications", response=Page[Row])
def list_applications(
    request: HttpRequest,
    response: HttpResponse,
    call: Annotated[str | None, Query(None, max_length=100)] = None,
    state: State | None = None,
    after: AfterId = "",
    limit: Limit = 100,
) -> dict[str, Any]:
    """The applications that you may read, by id."""
    found = applying.applications(request.actor, call, state, after=after, limit=limit + 1)
    return page(request, response, rows(request, found), limit, lambda r: r.id)


@router.post("/applications", response={201: One})
def write_application(
    request: HttpRequest, application: Annotated[Application, Strict(...)], submit: bool = True
) -> dict[str, Any]:
    """Write an application and submit it; with `submit=false` it stays a draft. An empty id is made."""
    return _one(applying.apply(request.actor, application, now(), submit=submit))


@router.get("/applications/{id}", response=One)
def get_application(request: HttpRequest, id: str) -> dict[str, Any]:
    """One application; without names for a reviewer of a blind call."""
    application = applying.show(request.actor, id)
    return {"state": application_for(request.actor, Action.READ_APPLICATION, id).state, "application": application}


@router.put("/applications/{id}", response=One)
def replace_draft(request: HttpRequest, id: str, application: Annotated[Application, Strict(...)]) -> dict[str, Any]:
    """Replace a draft."""
    if application.id not in ("", id):
        raise InputError("the address says another id", field="id", value=application.id, accepted=id)
    application_for(request.actor, Action.APPLY, id)
    return _one(applying.apply(request.actor, replace(application, id=id), now(), submit=False))


@router.post("/applications/{id}/submit", response=One)
def submit(request: HttpRequest, id: str) -> dict[str, Any]:
    """Submit a draft."""
    return _one(applying.submit(request.actor, id, now()))


@router.post("/applications/{id}/reopen", response=One)
def reopen(request: HttpRequest, id: str) -> dict[str, Any]:
    """Take a submitted application back to a draft, while the call is open."""
    return _one(applying.reopen(request.actor, id, now()))


@router.post("/applications/{id}/withdraw", response=list[str])
def withdraw(request: HttpRequest, id: str, why: Annotated[Reason, Strict(...)]) -> list[str]:
    """Withdraw an application, or give an award up. Answers which of the applications that were promoted you may see."""
    promoted = changes.withdraw(request.actor, id, now(), why.reason)
    return [p for p in promoted if request.actor.sees(Action.READ_APPLICATION, application=p)]


@router.get("/applications/{id}/history", response=list[Step])
def history(request: HttpRequest, id: str) -> list[models.Happening]:
    """What happened to it, first to last."""
    return applying.history(request.actor, id)


@router.get("/applications/{id}/award", response=Why)
def explain(request: HttpRequest, id: str) -> Any:
    """What was asked and awarded, and why: which bound held, and what each other rule gave."""
    return awarding.explained(request.actor, id)


@router.get("/applications/{id}/what-would-change", response=Change)
def what_would_change(request: HttpRequest, id: str) -> Change:
    """The least score and the largest ask that would have been awarded."""
    return awarding.what_would_change(request.actor, id)


@router.post("/eligibility", response=Counted)
def decide_eligibility(request: HttpRequest, decision: Annotated[Eligible, Strict(...)]) -> dict[str, int]:
    """Let submitted applications in, or turn them away with a reason; all of them or none."""
    count = applying.decide_eligibility(request.actor, decision.ids, decision.eligible, now(), decision.reason)
    return {"count": count}


@router.post("/applications/{id}/examination", response=One)
def examine(request: HttpRequest, id: str, answer: Annotated[Feasible, Strict(...)]) -> dict[str, Any]:
    """Begin the technical review, or turn away what is not feasible."""
    return _one(applying.examine(request.actor, id, answer.feasible, now(), answer.note))


@router.post("/imports/applications", response={201: Counted}, openapi_extra=CSV)
def import_applications(request: HttpRequest, skip_bad: bool = False) -> dict[str, int]:
    """Submit a CSV of applications, by the office: all or nothing unless `skip_bad`."""
    if request.content_type != "text/csv":
        raise Problem("media-type", "The body is to be text/csv.")
    if b"\0" in request.body:
        raise Problem("malformed", "The body is no text.")
    found, _ = read_applications(io.BytesIO(request.body), "body", skip_bad=skip_bad)
    return {"count": applying.import_applications(request.actor, found, now(), skip_bad=skip_bad)[0]}


def _one(row: models.Application) -> dict[str, Any]:
    return {"state": row.state, "application": from_json(Application, row.document)}
