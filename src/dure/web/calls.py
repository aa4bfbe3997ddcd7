"""Calls and the unit calculator."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from dure.app import applying, programme
from dure.programme.lifecycle import CallState
from dure.programme.model import Ask, Call
from dure.programme.units import AskUnits
from dure.web.requests import AfterId, Asked, Limit, Page, Shown, Strict, now, page

router = Router()


class CallOut(Shown):
    """A call and where it stands."""

    state: CallState
    call: Call


class Reason(Asked):
    """Why."""

    reason: str


class Beacon(Asked):
    """The public value that seeds a lottery."""

    value: str


@router.get("/calls", response=Page[CallOut])
def list_calls(request: HttpRequest, response: HttpResponse, after: AfterId = "", limit: Limit = 100) -> dict[str, Any]:
    """Calls by id; drafts for the office alone."""
    rows = sorted((c.id, CallOut(state=s, call=c)) for c, s in programme.calls(request.actor) if c.id > after)
    return page(request, response, [r for _, r in rows], limit, lambda r: r.call.id)


@router.get("/calls/{id}", response=CallOut)
def get_call(request: HttpRequest, id: str) -> dict[str, Any]:
    """One call."""
    call, state = programme.call_of(request.actor, id)
    return {"call": call, "state": state}


@router.post("/calls", response={201: CallOut})
def open_call(request: HttpRequest, call: Annotated[Call, Strict(...)]) -> dict[str, Any]:
    """Keep a call as a draft; a draft of the same id is replaced."""
    return {"call": programme.open_call(request.actor, call, now()), "state": CallState.DRAFT}


@router.post("/calls/{id}/publish", response=CallOut)
def publish_call(request: HttpRequest, id: str) -> dict[str, Any]:
    """Make a draft public and fund its tracks."""
    return {"call": programme.publish_call(request.actor, id, now()), "state": CallState.PUBLISHED}


@router.post("/calls/{id}/withdraw", response={204: None})
def withdraw_call(request: HttpRequest, id: str, why: Annotated[Reason, Strict(...)]) -> None:
    """Take a call back."""
    programme.withdraw_call(request.actor, id, now(), why.reason)


@router.post("/calls/{id}/beacon", response={204: None})
def set_beacon(request: HttpRequest, id: str, beacon: Annotated[Beacon, Strict(...)]) -> None:
    """Enter the public value that the call named, after its close, once."""
    programme.set_beacon(request.actor, id, beacon.value, now())


class Calculation(Asked):
    """An ask, and the call whose rates are meant; none: today's."""

    ask: Ask
    call: str = ""


@router.post("/calculator", response=AskUnits)
def calculate(request: HttpRequest, calculation: Annotated[Calculation, Strict(...)]) -> AskUnits:
    """What an ask comes to in units, and as each model that would do."""
    return applying.calculate_ask(request.actor, calculation.ask, calculation.call, now())
