"""Reviewers and reviews."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from dure.app import reviewing
from dure.programme.model import Review, Reviewer
from dure.web.applications import Counted
from dure.web.calls import Reason
from dure.web.requests import AfterId, Asked, Limit, Page, Shown, Strict, now, page

router = Router()


class Mine(Shown):
    """A review assigned to you."""

    application: str
    committee: str
    due_utc_s: int | None
    submitted_utc_s: int | None


class Scores(Asked):
    """A review: milli-points by criterion, a comment for the applicant and one for the panel."""

    scores: dict[str, int]
    comment: str = ""
    private_comment: str = ""


class Assigned(Shown):
    """Who reviews what, and how many reviewers an application still lacks."""

    pairs: list[tuple[str, str]]
    short: dict[str, int]


class Status(Shown):
    """How far the reviews of an application are, by user name; `missing`: reviews that nobody was asked for."""

    application: str
    wanted: int
    submitted: list[str]
    waiting: list[str]
    late: list[str]
    missing: int


class Closed(Shown):
    """Scores by application, in milli-points: the mean as given, and made comparable across reviewers."""

    raw: dict[str, int]
    final: dict[str, int]


class Reply(Asked):
    """The applicant's answer to the reviews."""

    text: str


@router.get("/reviews/mine", response=Page[Mine])
def my_reviews(request: HttpRequest, response: HttpResponse, after: AfterId = "", limit: Limit = 100) -> dict[str, Any]:
    """The reviews assigned to you, by application."""
    rows = [
        Mine(
            application=r.application_id,
            committee=r.committee,
            due_utc_s=r.due_utc_s,
            submitted_utc_s=r.submitted_utc_s,
        )
        for r in reviewing.mine(request.actor)
        if r.application_id > after
    ]
    return page(request, response, rows, limit, lambda r: r.application)


@router.post("/reviewers", response={201: Counted})
def add_reviewers(request: HttpRequest, reviewers: Annotated[list[Reviewer], Strict(...)]) -> dict[str, int]:
    """Add people to the pool of reviewers, or replace what is known of them."""
    return {"count": reviewing.add_reviewers(request.actor, reviewers, now())}


@router.post("/calls/{id}/reviews/assign", response=Assigned)
def assign(request: HttpRequest, id: str) -> Any:
    """Match reviewers to all applications that wait for reviews, keeping what is assigned."""
    return reviewing.assign(request.actor, id, now())


@router.get("/calls/{id}/reviews", response=Page[Status])
def status(
    request: HttpRequest, response: HttpResponse, id: str, after: AfterId = "", limit: Limit = 100
) -> dict[str, Any]:
    """For each application of a call: reviews in, awaited and late."""
    rows = [r for r in reviewing.status(request.actor, id, now()) if r.application > after]
    return page(request, response, sorted(rows, key=lambda r: r.application), limit, lambda r: r.application)


@router.post("/calls/{id}/reviews/close", response=Closed)
def close(
    request: HttpRequest, id: str, method: Annotated[str, Query("additive", max_length=40)] = "additive"
) -> dict[str, Any]:
    """End the reviews: applicants may reply first where the call says so; then all are ranked."""
    scored = reviewing.close(request.actor, id, now(), method=method)
    return {"raw": scored.raw, "final": scored.final}


@router.get("/applications/{id}/reviews", response=list[Review])
def reviews_of(request: HttpRequest, id: str) -> list[Review]:
    """The reviews of an application: one's own for a reviewer; for the team, from the reply on, without names."""
    return reviewing.reviews_of(request.actor, id)


@router.put("/applications/{id}/review", response={204: None})
def submit_review(request: HttpRequest, id: str, review: Annotated[Scores, Strict(...)]) -> None:
    """Submit, or replace, your review of an application."""
    given = Review(id, request.actor.user, scores=review.scores, comment=review.comment)
    reviewing.submit(request.actor, replace(given, private_comment=review.private_comment), now())


@router.post("/applications/{id}/review/decline", response={204: None})
def decline_review(request: HttpRequest, id: str, why: Annotated[Reason, Strict(...)]) -> None:
    """Give a review back: a conflict of interest, or no time."""
    reviewing.decline(request.actor, id, now(), why.reason)


@router.post("/applications/{id}/reply", response={204: None})
def reply(request: HttpRequest, id: str, reply: Annotated[Reply, Strict(...)]) -> None:
    """The applicant's reply to the reviews, in the time for it."""
    reviewing.reply(request.actor, id, reply.text, now())


@router.post("/imports/reviews", response={201: Counted})
def import_reviews(request: HttpRequest, reviews: Annotated[list[Review], Strict(...)]) -> dict[str, int]:
    """Enter reviews that came in on paper, by the office; all or none."""
    return {"count": reviewing.import_reviews(request.actor, reviews, now())}
