"""Reviews: who gets what to review, what came in, what is late, replies, and the scores that follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.db import transaction

from dure.app.access import Action, Actor, Forbidden, NotFound, require, require_all
from dure.app.applying import move, team_of
from dure.app.people import application_for, happened
from dure.app.programme import call_of
from dure.errors import InputError
from dure.programme import conflicts, matching, scores
from dure.programme.lifecycle import Event, State
from dure.programme.model import Application, Call, Review, Reviewer
from dure.store import models
from dure.store.documents import from_json, to_json
from dure.units import DAY_S

_WAITING = (State.ELIGIBLE, State.TECHNICAL, State.SCIENTIFIC)


@transaction.atomic
def add_reviewers(actor: Actor, reviewers: Iterable[Reviewer], now: int) -> int:
    """Add people to the pool of reviewers, or replace what is known of them; how many. They get the role too."""
    require(actor, Action.ASSIGN_REVIEWS)
    count = 0
    for reviewer in reviewers:
        models.Reviewer.objects.update_or_create(user=reviewer.user, defaults={"document": to_json(reviewer)})
        models.Grant.objects.get_or_create(user=reviewer.user, role="reviewer", project="")
        count += 1
    happened("review", "pool", "add_reviewers", actor.user, now, note=str(count))
    return count


@transaction.atomic
def assign(actor: Actor, call_id: str, now: int) -> matching.Assignment:
    """Match reviewers to all applications that wait for reviews, keeping what is assigned; those short of reviewers
    stay as they are and are named in the answer."""
    require(actor, Action.ASSIGN_REVIEWS)
    call, _ = call_of(actor, call_id)
    rows = list(
        models.Application.objects.select_for_update().filter(call_id=call_id, state__in=_WAITING).order_by("id")
    )
    pool = [from_json(Reviewer, r.document) for r in models.Reviewer.objects.order_by("user")]
    before = models.Review.objects.filter(application__in=rows)
    fixed = [(r.application_id, r.reviewer) for r in before if not r.declined]
    declined = [(r.application_id, r.reviewer) for r in before if r.declined]
    found = matching.assign(
        [from_json(Application, r.document) for r in rows], pool, call.reviews_each, fixed=fixed, excluded=declined
    )
    due = now + call.review_days * DAY_S
    models.Review.objects.bulk_create(
        [
            models.Review(application_id=a, reviewer=r, due_utc_s=due, document={})
            for a, r in found.pairs
            if (a, r) not in set(fixed)
        ],
        batch_size=500,
    )
    assigned = {a for a, _ in found.pairs}
    for row in rows:
        if row.state != State.SCIENTIFIC and row.id in assigned:
            move(row, Event.SEND, actor, now)
    happened("call", call_id, "assign_reviews", actor.user, now, note=str(len(found.pairs)))
    return found


@transaction.atomic
def submit(actor: Actor, review: Review, now: int) -> None:
    """Keep a review of one's own. Raises InputError for a score out of range, Forbidden for a conflict of interest."""
    row = _own_review(actor, review.application)
    application = from_json(Application, row.application.document)
    known = models.Reviewer.objects.filter(user=actor.user).first()
    if known is not None:
        found = conflicts.conflicts(from_json(Reviewer, known.document), application)
        if found:
            raise Forbidden(f"{actor.user} has a conflict of interest: {', '.join(c.kind.value for c in found)}")
    if row.application.state != State.SCIENTIFIC:
        raise InputError("its scientific review is not open", field="state", value=row.application.state)
    call, _ = call_of(actor, row.application.call_id)
    scores.check(review, call)
    row.document = {
        "scores": review.scores, "comment": review.comment, "private_comment": review.private_comment,
    }  # fmt: skip
    row.submitted_utc_s = now
    row.save()
    happened("review", review.application, "submit", actor.user, now)


@transaction.atomic
def decline(actor: Actor, application: str, now: int, reason: str) -> None:
    """Give a review back: a conflict of interest, or no time. Somebody else is found at the next `assign`."""
    row = _own_review(actor, application)
    if not reason:
        raise InputError("a review is given back with a reason", field="reason")
    row.declined = True
    row.save(update_fields=["declined"])
    happened("review", application, "decline", actor.user, now, note=reason)


@transaction.atomic
def import_reviews(actor: Actor, reviews: Sequence[Review], now: int) -> int:
    """Enter reviews that came in on paper or were generated, by the office; all or nothing; how many."""
    require(actor, Action.ASSIGN_REVIEWS)
    calls: dict[str, Call] = {}
    for review in reviews:
        row = models.Review.objects.filter(
            application=review.application, reviewer=review.reviewer, declined=False
        ).first()
        if row is None:
            raise InputError("no such review was assigned", field=review.application, value=review.reviewer)
        call = calls.setdefault(row.application.call_id, call_of(actor, row.application.call_id)[0])
        scores.check(review, call)
        row.document = {
            "scores": review.scores, "comment": review.comment, "private_comment": review.private_comment,
        }  # fmt: skip
        row.submitted_utc_s = review.submitted_utc_s or now
        row.committee = review.committee
        row.save()
    happened("review", "pool", "import_reviews", actor.user, now, note=str(len(reviews)))
    return len(reviews)


def status(actor: Actor, call_id: str, now: int) -> list[matching.ReviewStatus]:
    """For each application under review: reviews in, awaited and late."""
    require_all(actor, Action.READ_REVIEW)
    call, _ = call_of(actor, call_id)
    rows = models.Review.objects.filter(application__call=call_id, declined=False).order_by(
        "application_id", "reviewer"
    )
    due = {(r.application_id, r.reviewer): r.due_utc_s for r in rows}
    return matching.status([_review(r) for r in rows], call.reviews_each, due, now)


def mine(actor: Actor) -> list[models.Review]:
    """The reviews assigned to the actor."""
    require(actor, Action.READ_REVIEW)
    return list(models.Review.objects.filter(reviewer=actor.user, declined=False).order_by("application_id"))


def reviews_of(actor: Actor, application: str) -> list[Review]:
    """The reviews of an application. A reviewer sees their own alone; the team, from the reply on, without names and
    private comments."""
    row = application_for(actor, Action.READ_APPLICATION, application)
    found = [_review(r) for r in row.reviews.filter(submitted_utc_s__isnull=False).order_by("reviewer")]
    whole = actor.sees(Action.READ_REVIEW, project=row.project)
    if whole:
        return found
    if application in actor.assigned:
        return [r for r in found if r.reviewer == actor.user]
    if State(row.state) in (State.SUBMITTED, State.ELIGIBLE, State.TECHNICAL, State.SCIENTIFIC):
        return []
    return [replace(r, reviewer=f"Reviewer {n}", private_comment="") for n, r in enumerate(found, 1)]


@transaction.atomic
def reply(actor: Actor, application: str, text: str, now: int) -> None:
    """The applicant's reply to the reviews, in the time for it."""
    row = application_for(actor, Action.APPLY, application, lock=True)
    if row.state != State.REPLY:
        raise InputError("there is no reply to give now", field="state", value=row.state)
    happened("application", application, "replied", actor.user, now, note=text)


@transaction.atomic
def close(actor: Actor, call_id: str, now: int, *, method: str = "additive") -> scores.Scored:
    """End the reviews: those with a right to reply get it first; the others, and all at the second call, are ranked.

    Raises InputError where reviews are missing: assign again, or have them entered. A late one counts once it is in.
    """
    require(actor, Action.ASSIGN_REVIEWS)
    call, _ = call_of(actor, call_id)
    rows = list(
        models.Application.objects.select_for_update().filter(
            call_id=call_id, state__in=(State.SCIENTIFIC, State.REPLY)
        )
    )
    found = models.Review.objects.filter(application__in=rows, declined=False, submitted_utc_s__isnull=False)
    counts = {row.id: 0 for row in rows}
    for review in found:
        counts[review.application_id] += 1
    short = [a for a, n in counts.items() if n < call.reviews_each]
    if short:
        raise InputError(
            f"{len(short)} application(s) have fewer than {call.reviews_each} reviews", field="reviews",
            value=", ".join(sorted(short)[:5]), accepted="all reviews in: see `dure review status`",
        )  # fmt: skip
    scored = scores.normalise([_review(r) for r in found], call, method)
    for row in rows:
        if call.reply_days and row.state == State.SCIENTIFIC:
            move(row, Event.ASK_REPLY, actor, now)
        else:
            row.score_raw_milli, row.score_milli = scored.raw[row.id], scored.final[row.id]
            move(row, Event.RANK, actor, now)
    return scored


def _review(row: models.Review) -> Review:
    return Review(
        application=row.application_id, reviewer=row.reviewer, committee=row.committee,
        scores=row.document.get("scores", {}), comment=row.document.get("comment", ""),
        private_comment=row.document.get("private_comment", ""), submitted_utc_s=row.submitted_utc_s,
    )  # fmt: skip


def _own_review(actor: Actor, application: str) -> models.Review:
    require(actor, Action.REVIEW)
    row = models.Review.objects.select_for_update().filter(application=application, reviewer=actor.user).first()
    if row is None or row.declined:
        raise NotFound("review of application", application)
    if actor.user in team_of(row.application):
        raise Forbidden("nobody reviews their own application")
    return row
