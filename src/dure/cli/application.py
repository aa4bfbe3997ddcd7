"""`dure apply` and `dure application`: from the unit calculator to the decision about eligibility."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dure.cli.award import withdraw
from dure.programme.lifecycle import State
from dure.terminal.acting import Language, acting, language_of, read, table, when
from dure.terminal.options import Csv, Json, SkipBad, group
from dure.terminal.show import Form, emit, note

if TYPE_CHECKING:
    from dure.programme.units import AskUnits
    from dure.reports.table import Table, Value
    from dure.store import models

app = group()
Id = Annotated[str, typer.Argument(metavar="APPLICATION", help="Id of the application.")]
Ids = Annotated[list[str], typer.Argument(metavar="APPLICATION...", help="Ids of applications.")]

_CALCULATOR = (
    ("model", "model", "text"), ("exchange", "for one asked", "factor"), ("accelerators", "accelerators", "count"),
    ("accelerator_hours", "accelerator-hours", "count"), ("rate_milli_units_per_h", "units an hour", "milli-units"),
    ("basis", "rate from", "text"), ("milli_units", "units", "milli-units"),
)  # fmt: skip
_APPLICATIONS = (
    ("application", "application", "text"), ("state", "state", "text"), ("track", "track", "text"),
    ("project", "project", "text"), ("lead", "lead", "text"), ("title", "title", "text"), ("ask", "ask", "text"),
    ("score_milli_points", "score", "milli-points"), ("submitted", "submitted", "text"),
)  # fmt: skip
_HISTORY = (
    ("at", "at", "text"), ("event", "event", "text"), ("before", "from", "text"), ("after", "to", "text"),
    ("by", "by", "text"), ("note", "note", "text"),
)  # fmt: skip


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The application: TOML.")],
    draft: Annotated[bool, typer.Option("--draft", help="Keep it as a draft; submit it later.")] = False,
    only_calculate: Annotated[
        bool, typer.Option("--only-calculate", help="Only say what it asks for in units.")
    ] = False,
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Apply to a call: first what the ask is in units, then all that speaks against it at once.

    An application that is refused leaves nothing behind. A draft of the same id is replaced.
    """
    actor, now = acting()
    from dure.app import applying
    from dure.app.programme import call_of
    from dure.formats.applications import read_application

    application, form = read(file, read_application), Form.of(as_json, as_csv)
    call, _ = call_of(actor, application.call)
    asked = applying.calculate(application, call)
    found = [_calculated(asked)]
    if form is Form.TEXT or only_calculate:
        emit(found, form)
        note(asked.sentence.in_language(language_of(language)))
        found = []
    if only_calculate:
        return
    row = applying.apply(actor, application, now, submit=not draft)
    emit([*found, table("applications", "Applied", _APPLICATIONS, [_application(row)])], form)
    if draft:
        note(f"next: dure application submit {row.id}")


def _calculated(asked: AskUnits) -> Table:
    rows: list[dict[str, Value]] = [
        {
            "model": o.model,
            "exchange": o.exchange_milli / 1000,
            "accelerators": o.accelerators_milli / 1000,
            "accelerator_hours": o.accelerator_hours_milli / 1000,
            "rate_milli_units_per_h": o.rate.milli_units,
            "basis": o.rate.basis,
            "milli_units": o.milli_units,
        }
        for o in asked.options
    ]
    return table("calculator", "What is asked for, and what else would do", _CALCULATOR, rows)


@app.command("list")
def list_applications(
    call: Annotated[str | None, typer.Option("--call", metavar="CALL", help="Only those to this call.")] = None,
    state: Annotated[State | None, typer.Option("--state", help="Only those in this state.")] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the applications that the acting user may read."""
    actor, _ = acting()
    from dure.app.applying import applications

    rows = [_application(row) for row in applications(actor, call, state)]
    emit([table("applications", "Applications", _APPLICATIONS, rows)], Form.of(as_json, as_csv))


def _application(row: models.Application) -> dict[str, Value]:
    ask = row.document["ask"]
    return {
        "application": row.id,
        "state": row.state,
        "track": row.document["track"],
        "project": row.project,
        "lead": row.lead,
        "title": row.document["title"],
        "ask": f"{ask['accelerators']:,} {ask['model']}, {ask['months']} months",
        "score_milli_points": row.score_milli,
        "submitted": when(row.submitted_utc_s),
    }


@app.command()
def show(id: Id) -> None:
    """Print one application as JSON: what was written, field by field.

    Without names for a reviewer of a blind call.
    """
    import json

    actor, _ = acting()
    from dure.app.applying import show as shown
    from dure.store.documents import to_json

    typer.echo(json.dumps(to_json(shown(actor, id)), ensure_ascii=False, indent=2))


@app.command()
def submit(id: Id) -> None:
    """Submit a draft."""
    actor, now = acting()
    from dure.app.applying import submit as submitted

    _said(submitted(actor, id, now))


@app.command()
def reopen(id: Id) -> None:
    """Take a submitted application back to a draft, while the call is open."""
    actor, now = acting()
    from dure.app.applying import reopen as reopened

    _said(reopened(actor, id, now))


@app.command()
def history(id: Id, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show what happened to an application, first to last: when, who, why."""
    actor, _ = acting()
    from dure.app.applying import history as happened

    rows: list[dict[str, Value]] = [
        {"at": when(h.at_utc_s), "event": h.event, "before": h.before, "after": h.after, "by": h.by, "note": h.note}
        for h in happened(actor, id)
    ]
    emit([table("history", f"History of {id}", _HISTORY, rows)], Form.of(as_json, as_csv))


@app.command()
def eligible(
    ids: Ids,
    no: Annotated[bool, typer.Option("--no", help="They are not let in; needs --reason.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why not; the applicant reads it.")] = "",
) -> None:
    """Let applications in, or turn them away with a reason: all of those named, or none."""
    actor, now = acting()
    from dure.app.applying import decide_eligibility

    count = decide_eligibility(actor, ids, not no, now, reason)
    typer.echo(f"{count} application(s) {'turned away' if no else 'let in'}")


@app.command()
def technical(
    id: Id,
    infeasible: Annotated[bool, typer.Option("--infeasible", help="It cannot be done; needs --note.")] = False,
    text: Annotated[str, typer.Option("--note", metavar="TEXT", help="What was found.")] = "",
) -> None:
    """Begin the technical review of an application, or end it for what cannot be done."""
    actor, now = acting()
    from dure.app.applying import examine

    _said(examine(actor, id, not infeasible, now, text))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Applications: CSV, one a row.")],
    skip_bad: SkipBad = False,
) -> None:
    """Submit many applications from one file, by the office: all of them, or none unless --skip-bad."""
    actor, now = acting()
    from dure.app.applying import import_applications
    from dure.formats.applications import read_applications

    applications, faults = read(file, read_applications, skip_bad=skip_bad)
    count, refused = import_applications(actor, applications, now, skip_bad=skip_bad)
    for fault in [*faults, *refused]:
        note(f"skipped: {fault}")
    typer.echo(f"submitted {count:,} applications" + (f", skipped {len(faults) + len(refused):,}" if skip_bad else ""))


def _said(row: models.Application) -> None:
    typer.echo(f"{row.id}: {row.state}")


app.command()(withdraw)  # an application and an award are given up alike
