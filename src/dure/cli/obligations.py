"""`dure obligations`: what decisions asked for, and who met it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dure.terminal.acting import Language, acting, language_of, moment, table, when
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note

if TYPE_CHECKING:
    from dure.reports.table import Value
    from dure.store.models import Obligation

app = group()
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the obligation.")]
Why = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept for ever.")]
Evidence = Annotated[str, typer.Option("--evidence", metavar="SHA256", help="Hash of the document that shows it.")]

_COLUMNS = (
    ("obligation", "no.", "count"), ("kind", "kind", "text"), ("rule", "rule", "text"), ("about", "about", "text"),
    ("project", "project", "text"), ("state", "state", "text"), ("todo", "to do", "text"), ("by", "by", "text"),
    ("until", "until", "text"),
)  # fmt: skip


@app.command("list")
def list_(
    about: Annotated[str, typer.Option("--about", metavar="ID", help="Of one application, model or data set.")] = "",
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Of one project.")] = "",
    every: Annotated[bool, typer.Option("--all", help="The settled ones too.")] = False,
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show what is asked for and not yet met. Approvals, evaluations and flags block until they are."""
    actor, _ = acting()
    from dure.app.governing import obligations, todo

    lang = language_of(language)
    found = obligations(actor, about=about, project=project, open_only=not every)
    rows: list[dict[str, Value]] = [
        {
            "obligation": row.seq, "kind": row.kind, "rule": row.rule, "about": row.about, "project": row.project or None,
            "state": row.state, "todo": todo(row).in_language(lang), "by": _people(row), "until": when(row.until_utc_s),
        }
        for row in found
    ]  # fmt: skip
    emit([table("obligations", "Obligations", _COLUMNS, rows)], Form.of(as_json, as_csv))


def _people(row: Obligation) -> str | None:
    return " and ".join(filter(None, (row.by, row.second))) or None


@app.command()
def meet(number: Number, why: Why, evidence: Evidence = "") -> None:
    """Say that an obligation is met. An approval takes two people: the second one settles it."""
    _settle(number, "met", why, evidence)


@app.command()
def refuse(number: Number, why: Why, evidence: Evidence = "") -> None:
    """Say that an obligation cannot be met: what it blocks stays blocked."""
    _settle(number, "refused", why, evidence)


@app.command()
def waive(
    number: Number,
    why: Why,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="When the waiver ends; a year at most.")],
) -> None:
    """Do without it until a date: by two people, both naming the same end."""
    _settle(number, "waived", why, "", moment(until, "until"))


@app.command()
def again(
    application: Annotated[str, typer.Argument(metavar="APPLICATION", help="An application with an award.")],
) -> None:
    """Judge an award by what is known now, as after a screening: what is no longer asked for is met."""
    actor, now = acting()
    from dure.app.awarding import judge_again
    from dure.app.governing import obligations, reasons_text

    verdict = judge_again(actor, application, now)
    if not verdict.allowed:
        typer.echo(f"{application}: {reasons_text(verdict, language_of(None))}")
        raise typer.Exit(1)
    typer.echo(f"{application}: allowed; {len(obligations(actor, about=application))} open")


def _settle(number: int, state: str, why: str, evidence: str, until: int | None = None) -> None:
    actor, now = acting()
    from dure.app.governing import meet

    row = meet(actor, number, state, why, now, evidence=evidence, until_utc_s=until)
    if row.state == state:
        typer.echo(f"{number}: {state}, {row.rule} on {row.about}, by {_people(row)}")
    else:
        typer.echo(f"{number}: proposed by {actor.user}; open until a second person agrees")
        note(f"next: another person runs the same command, as with dure --as USER obligations ... {number}")
