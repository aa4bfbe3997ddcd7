"""Services and leases; sites, as their operators see them; projects' terms and what they used; webhooks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import Field

from dure.errors import UnknownName
from dure.operation import notifying, operating, views
from dure.operation import sites as known
from dure.operation.sites import SiteView
from dure.operation.views import LeaseView, ServiceView
from dure.web.calls import Reason
from dure.web.requests import MOST, Asked, Shown, Strict, now, shown_once

router = Router()
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Scale(Asked):
    """Replicas to keep; 0: none."""

    replicas: Count


class Work(Asked):
    """Planned work: nothing is started that would run into it."""

    from_utc_s: Annotated[int, Field(ge=0, le=MOST)]
    to_utc_s: Annotated[int, Field(ge=0, le=MOST)]
    reason: Annotated[str, Field(max_length=300)] = ""


class Cap(Asked):
    """A cap on a site's power in watts; null: the fleet's own."""

    cap_w: Annotated[int, Field(ge=0, le=MOST)] | None


class TermsIn(Asked):
    """What to change: what happens when units are spent, shares, accelerators at once (0: no limit)."""

    when_spent: Literal["finish", "wait", "scavenge"] | None = None
    shares: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    limit_accelerators: Count | None = None


class TermsOut(Shown):
    """How a project runs."""

    when_spent: str
    shares: int
    limit_accelerators: int | None


class UsageOut(Shown):
    """A table: its columns with their units, and its rows."""

    columns: list[dict[str, str]]
    rows: list[dict[str, Any]]


class NewWebhook(Asked):
    """A project whose events are told, and where."""

    project: Annotated[str, Field(max_length=100)]
    url: Annotated[str, Field(max_length=500)]


class WebhookOut(Shown):
    """Who is told, and how far: events up to `sent_seq`; tries of the next in a row, with the last fault."""

    seq: int
    project: str
    user: str
    url: str
    sent_seq: int
    tries: int
    stopped: bool
    fault: str


class WebhookMade(Shown):
    """A new webhook, and the key of its signatures: shown once."""

    seq: int
    key: str


@router.get("/services", response=list[ServiceView])
def list_services(request: HttpRequest) -> list[ServiceView]:
    """The services of projects that you may see."""
    return views.service_views(views.services(request.actor))


@router.post("/services/{id}/scale", response={204: None})
def scale(request: HttpRequest, id: int, wanted: Annotated[Scale, Strict(...)]) -> None:
    """Keep so many replicas running from now on."""
    operating.scale(request.actor, id, wanted.replicas, now())


@router.post("/services/{id}/restart", response={204: None})
def restart(request: HttpRequest, id: int) -> None:
    """Start a service's replicas anew."""
    operating.restart(request.actor, id, now())


@router.get("/leases", response=list[LeaseView])
def list_leases(request: HttpRequest, state: Annotated[str, Query("live", max_length=20)] = "live") -> list[LeaseView]:
    """The leases of projects that you may see: whole nodes for dates."""
    if state not in views.STATES:
        raise UnknownName("state", state, views.STATES)
    return views.lease_views(views.leases(request.actor, state=state))


@router.get("/sites", response=list[SiteView])
def list_sites(request: HttpRequest) -> list[SiteView]:
    """The sites, and what their operators said of them."""
    return known.sites(request.actor, now())


@router.post("/sites/{id}/drain", response={204: None})
def drain(request: HttpRequest, id: str) -> None:
    """Start nothing more at a site; what runs there goes on."""
    known.drain(request.actor, id, now())


@router.post("/sites/{id}/resume", response={204: None})
def resume_site(request: HttpRequest, id: str) -> None:
    """Start jobs at a drained site again."""
    known.resume(request.actor, id, now())


@router.post("/sites/{id}/outage", response={204: None})
def announce_outage(request: HttpRequest, id: str, work: Annotated[Work, Strict(...)]) -> None:
    """Announce work at a site."""
    known.outage(request.actor, id, work.from_utc_s, work.to_utc_s, work.reason, now())


@router.post("/sites/{id}/cap", response={204: None})
def cap(request: HttpRequest, id: str, given: Annotated[Cap, Strict(...)]) -> None:
    """Cap a site's power. What runs goes on; nothing is started that would break the cap."""
    known.cap(request.actor, id, given.cap_w, now())


@router.post("/projects/{id}/stop", response={204: None})
def stop_project(request: HttpRequest, id: str, why: Annotated[Reason, Strict(...)]) -> None:
    """Stop a project: its jobs are told to end, and nothing of it starts until it is resumed."""
    operating.stop_project(request.actor, id, now(), reason=why.reason)


@router.post("/projects/{id}/resume", response={204: None})
def resume_project(request: HttpRequest, id: str) -> None:
    """Let a stopped project go on."""
    operating.resume_project(request.actor, id, now())


@router.post("/projects/{id}/terms", response=TermsOut)
def set_terms(request: HttpRequest, id: str, terms: Annotated[TermsIn, Strict(...)]) -> Any:
    """Change by which terms a project runs: what is not given stays."""
    return operating.set_terms(
        request.actor, id, when_spent=terms.when_spent, shares=terms.shares, limit=terms.limit_accelerators, now=now()
    )


@router.get("/usage/{project}", response=UsageOut)
def usage(
    request: HttpRequest, project: str, by: Annotated[str, Query("model,week", max_length=100)] = "model,week"
) -> dict[str, Any]:
    """What a project used, summed by project, user, model, kind, day, week or month."""
    from dure.operation.metering import usage_by

    table = usage_by(request.actor, project, by=tuple(key.strip() for key in by.split(",")))
    columns = [{"key": c.key, "label": c.label, "form": c.form} for c in table.columns]
    return {"columns": columns, "rows": list(table.rows)}


@router.get("/webhooks", response=list[WebhookOut])
def list_webhooks(request: HttpRequest, project: Annotated[str, Query("", max_length=100)] = "") -> list[Any]:
    """Who is told of the jobs of projects that you may see."""
    return notifying.webhooks(request.actor, project)


@router.post("/webhooks", response={201: WebhookMade})
def add_webhook(
    request: HttpRequest, response: HttpResponse, new: Annotated[NewWebhook, Strict(...)]
) -> dict[str, Any]:
    """Have an address told of what happens to a project's jobs. The key of its signatures is shown in this answer only."""
    shown_once(response)
    row, key = notifying.add_webhook(request.actor, new.project, new.url, now())
    return {"seq": row.seq, "key": key}


@router.delete("/webhooks/{seq}", response={204: None})
def remove_webhook(request: HttpRequest, seq: int) -> None:
    """Tell it no more."""
    notifying.remove_webhook(request.actor, seq, now())
