"""Oneself, accounts, roles, tokens and letters."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from dure import __version__
from dure.app import letters, people
from dure.store import models
from dure.web.requests import AfterSeq, Asked, Limit, Page, Shown, Strict, now, page, shown_once

router = Router()


class Health(Shown):
    """The service answers, and so does its database."""

    status: str
    version: str


class Me(Shown):
    """Who the token says you are."""

    user: str
    roles: list[str]
    leads: list[str]
    belongs: list[str]
    group: list[str]
    may_write: bool


class User(Asked):
    """An account: a plain user, whatever else they are is granted."""

    user: str
    staff: bool = False


class RoleChange(Asked):
    """A role given to a user, or taken back. A facilitator has a project."""

    user: str
    role: str
    project: str = ""
    take: bool = False


class NewToken(Asked):
    """A token's name, whether it may write, and how many days it lives."""

    name: str = ""
    write: bool = True
    days: int = people.TOKEN_DAYS


class Secret(Shown):
    """The token: shown once."""

    token: str


class TokenOut(Shown):
    """What is known of a token. `digest` names it; the token cannot be had from it."""

    digest: str
    name: str
    scopes: str
    made_utc_s: int
    expires_utc_s: int
    revoked: bool


class LetterOut(Shown):
    """A letter."""

    id: int
    user: str
    language: str
    kind: str
    about: str
    subject: str
    body: str
    queued_utc_s: int
    sent_utc_s: int | None


@router.get("/health", response=Health, auth=None)
def health(request: HttpRequest) -> dict[str, str]:
    """Whether the service and its database answer. Needs no token."""
    models.Programme.objects.exists()
    return {"status": "ok", "version": __version__}


@router.get("/me", response=Me)
def me(request: HttpRequest) -> dict[str, Any]:
    """Who you are here."""
    a = request.actor
    return {
        "user": a.user, "roles": sorted(a.roles), "leads": sorted(a.leads), "belongs": sorted(a.belongs),
        "group": sorted(a.group), "may_write": a.may_write,
    }  # fmt: skip


@router.post("/users", response={204: None})
def add_user(request: HttpRequest, given: Annotated[User, Strict(...)]) -> None:
    """Make an account, without a password: its owner is given a token or sets one."""
    people.add_user(request.actor, given.user, now(), staff=given.staff)


@router.post("/roles", response={204: None})
def grant(request: HttpRequest, change: Annotated[RoleChange, Strict(...)]) -> None:
    """Give a role, or take it back."""
    people.grant(request.actor, change.user, change.role, now(), project=change.project, take=change.take)


@router.get("/tokens", response=list[TokenOut])
def tokens(request: HttpRequest, user: Annotated[str, Query("", max_length=100)] = "") -> list[models.Token]:
    """Your tokens; the office may look at anybody's."""
    return people.tokens(request.actor, user)


@router.post("/tokens", response={201: Secret})
def make_token(request: HttpRequest, response: HttpResponse, new: Annotated[NewToken, Strict(...)]) -> dict[str, str]:
    """A new token of your own. Its text is shown in this answer only."""
    shown_once(response)
    return {"token": people.make_token(request.actor, now(), name=new.name, write=new.write, days=new.days)}


@router.delete("/tokens/{digest}", response={204: None})
def revoke_token(request: HttpRequest, digest: str) -> None:
    """End a token."""
    people.revoke_token(request.actor, digest, now())


@router.get("/letters", response=Page[LetterOut])
def list_letters(
    request: HttpRequest, response: HttpResponse, after: AfterSeq = 0, limit: Limit = 100
) -> dict[str, Any]:
    """Your letters, oldest first; all of them for the office."""
    rows = letters.letters_of(request.actor, after=after, limit=limit + 1)
    return page(request, response, rows, limit, lambda r: int(r.id))
