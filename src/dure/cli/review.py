"""`dure review`: who reviews what, what came in, what is late, and the scores that follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dure.errors import InputError
from dure.terminal.acting import acting, milli, read, table, when
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note

if TYPE_CHECKING:
    from dure.reports.table import Value

app = group()
Call = Annotated[str, typer.Argument(metavar="CALL", help="Id of the call.")]
Application = Annotated[str, typer.Argument(metavar="APPLICATION", help="Id of the application.")]

_ASSIGNED = (
    ("application", "application", "text"),
    ("reviewers", "reviewers", "text"),
    ("missing", "missing", "count"),
)
_STATUS = (
    ("application", "application", "text"), ("wanted", "wanted", "count"), ("submitted", "in", "text"),
    ("waiting", "awaited", "text"), ("late", "late", "text"), ("missing", "to assign", "count"),
)  # fmt: skip
_MINE = (
    ("application", "application", "text"), ("title", "title", "text"), ("due", "due", "text"),
    ("submitted", "submitted", "text"),
)  # fmt: skip
_REVIEWS = (
    ("reviewer", "reviewer", "text"), ("submitted", "submitted", "text"), ("scores", "scores", "text"),
    ("comment", "comment", "text"), ("private_comment", "for the panel", "text"),
)  # fmt: skip
_SCORES = (
    ("application", "application", "text"), ("raw_milli_points", "mean as given", "milli-points"),
    ("final_milli_points", "normalised", "milli-points"), ("change_milli_points", "change", "milli-points"),
)  # fmt: skip


@app.command()
def pool(file: Annotated[Path, typer.Argument(metavar="FILE", help="Reviewers: CSV, one a row.")]) -> None:
    """Add reviewers to the pool, or replace what is known of them: expertise, institution, conflicts, load."""
    actor, now = acting()
    from dure.app.reviewing import add_reviewers
    from dure.formats.reviews import read_reviewers

    reviewers, _ = read(file, read_reviewers)
    count = add_reviewers(actor, reviewers, now)
    typer.echo(f"{count} reviewer(s) kept")


@app.command()
def assign(call: Call, as_json: Json = False, as_csv: Csv = False) -> None:
    """Match reviewers to all applications that wait for reviews, keeping what is assigned.

    The best total of expertise within everybody's load, and never where there is a conflict of interest.
    """
    actor, now = acting()
    from dure.app.reviewing import assign as assigned

    found = assigned(actor, call, now)
    by: dict[str, list[str]] = {}
    for application, reviewer in found.pairs:
        by.setdefault(application, []).append(reviewer)
    short = found.short
    rows: list[dict[str, Value]] = [
        {"application": a, "reviewers": ", ".join(by.get(a, [])), "missing": short.get(a, 0)}
        for a in sorted({*by, *short})
    ]
    emit([table("assigned", "Reviews assigned", _ASSIGNED, rows)], Form.of(as_json, as_csv))
    if short:
        note(f"{len(short)} application(s) are short of reviewers: add some with `dure review pool`, and assign again")


@app.command()
def status(call: Call, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show, for each application under review, what is in, awaited and late."""
    actor, now = acting()
    from dure.app.reviewing import status as found

    rows: list[dict[str, Value]] = [
        {
            "application": s.application,
            "wanted": s.wanted,
            "submitted": ", ".join(s.submitted) or None,
            "waiting": ", ".join(s.waiting) or None,
            "late": ", ".join(s.late) or None,
            "missing": s.missing,
        }
        for s in found(actor, call, now)
    ]
    emit([table("status", f"Reviews of {call}", _STATUS, rows)], Form.of(as_json, as_csv))


@app.command()
def mine(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the reviews assigned to the acting user, and when they are due."""
    actor, _ = acting()
    from dure.app.reviewing import mine as found

    rows: list[dict[str, Value]] = [
        {
            "application": r.application_id,
            "title": r.application.document["title"],
            "due": when(r.due_utc_s),
            "submitted": when(r.submitted_utc_s),
        }
        for r in found(actor)
    ]
    emit([table("mine", "My reviews", _MINE, rows)], Form.of(as_json, as_csv))


@app.command()
def show(application: Application, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the reviews of an application: all for office and auditor, one's own for a reviewer.

    The team reads them from the reply on, without names and without what is for the panel.
    """
    actor, _ = acting()
    from dure.app.reviewing import reviews_of

    rows: list[dict[str, Value]] = [
        {
            "reviewer": r.reviewer,
            "submitted": when(r.submitted_utc_s),
            "scores": ", ".join(f"{k} {v / 1000:g}" for k, v in r.scores.items()),
            "comment": r.comment,
            "private_comment": r.private_comment or None,
        }
        for r in reviews_of(actor, application)
    ]
    emit([table("reviews", f"Reviews of {application}", _REVIEWS, rows)], Form.of(as_json, as_csv))


@app.command()
def submit(
    application: Application,
    score: Annotated[list[str], typer.Option("--score", metavar="CRITERION=POINTS", help="One for each criterion.")],
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="For the applicant.")] = "",
    private: Annotated[str, typer.Option("--private", metavar="TEXT", help="For the panel alone.")] = "",
) -> None:
    """Submit one's own review, or replace it."""
    actor, now = acting()
    from dure.app.reviewing import submit as submitted
    from dure.programme.model import Review

    submitted(actor, Review(application, actor.user, "", _points(score), comment, private, now), now)
    typer.echo(f"{application}: reviewed by {actor.user}")


def _points(given: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in given:
        criterion, equals, points = text.partition("=")
        if not equals or criterion in found:
            raise InputError("not a score", field="score", value=text, accepted="each criterion once, as merit=4.5")
        found[criterion] = milli(points, f"score {criterion}", least=0)
    return found


@app.command("import")
def import_(call: Call, file: Annotated[Path, typer.Argument(metavar="FILE", help="Reviews: CSV, one a row.")]) -> None:
    """Enter reviews that came in elsewhere, by the office: all of them, or none."""
    actor, now = acting()
    from dure.app.programme import call_of
    from dure.app.reviewing import import_reviews
    from dure.formats.reviews import read_reviews

    reviews, _ = read(file, read_reviews, call=call_of(actor, call)[0])
    typer.echo(f"entered {import_reviews(actor, reviews, now):,} reviews")


@app.command()
def decline(
    application: Application,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="A conflict of interest, or no time.")],
) -> None:
    """Give a review back; somebody else is found at the next `assign`."""
    actor, now = acting()
    from dure.app.reviewing import decline as declined

    declined(actor, application, now, reason)
    typer.echo(f"{application}: given back")


@app.command()
def reply(
    application: Application,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the applicant says to the reviews.")],
) -> None:
    """Reply to the reviews of one's own application, in the time for it."""
    actor, now = acting()
    from dure.app.reviewing import reply as replied

    replied(actor, application, text, now)
    typer.echo(f"{application}: reply kept")


@app.command()
def close(
    call: Call,
    method: Annotated[str, typer.Option("--method", metavar="NAME", help="How scores are normalised.")] = "additive",
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """End the reviews of a call. Shows what normalising did to each score.

    Where there is a right to reply, the first time asks for replies and the second ranks.
    """
    actor, now = acting()
    from dure.app.reviewing import close as closed

    found = closed(actor, call, now, method=method)
    rows: list[dict[str, Value]] = [
        {
            "application": a,
            "raw_milli_points": found.raw[a],
            "final_milli_points": final,
            "change_milli_points": final - found.raw[a],
        }
        for a, final in sorted(found.final.items(), key=lambda pair: -pair[1])
    ]
    emit([table("scores", f"Scores of {call}", _SCORES, rows)], Form.of(as_json, as_csv))
