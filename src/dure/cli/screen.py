"""`dure screen`: research-security screening of applications; flags for people to decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from dure.terminal.acting import Language, acting, language_of, read, table, when
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note

if TYPE_CHECKING:
    from dure.app.screening import Change
    from dure.governance.screening import Screened
    from dure.reports.table import Value
    from dure.store.models import Screening


class Bare(TyperGroup):
    """`dure screen A-17` is `dure screen show A-17`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command named, or `show` of what is named."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


app = typer.Typer(cls=Bare, no_args_is_help=True, rich_markup_mode=None, add_completion=False)
lists = group()
app.add_typer(lists, name="list", help="The lists that applications are screened against.")
Id = Annotated[str, typer.Argument(metavar="APPLICATION", help="Id of the application.")]
Some = Annotated[str | None, typer.Argument(metavar="APPLICATION", help="Id of the application; else all.")]

_SCREENINGS = (
    ("application", "application", "text"), ("state", "state", "text"), ("proposed", "proposed", "text"),
    ("by", "by", "text"), ("second", "second", "text"), ("sensitive_area", "sensitive area", "text"),
    ("named_organisation", "listed organisation", "text"), ("private_partner", "private partner", "text"),
    ("disclosure", "disclosure", "text"), ("talent_programme", "talent programme", "text"),
    ("listed", "export-control list", "text"), ("flags", "to decide", "count"), ("screened", "screened", "text"),
    ("until", "until", "text"), ("note", "note", "text"),
)  # fmt: skip
_FLAGS = (
    ("flag", "flag", "text"), ("for", "for", "text"), ("who", "who", "text"), ("what", "what", "text"),
    ("list", "list", "text"), ("edition", "edition", "text"), ("text", "in words", "text"),
)  # fmt: skip
_CHANGES = (
    ("application", "application", "text"), ("before", "before", "text"), ("after", "after", "text"),
    ("flags", "new flags", "text"),
)  # fmt: skip
_LISTS = (
    ("list", "list", "text"), ("kind", "kind", "text"), ("dated", "dated", "text"), ("source", "source", "text"),
    ("imported", "imported", "text"), ("by", "by", "text"), ("digest", "SHA-256", "text"),
)  # fmt: skip
_WORDS = {
    "ko": {True: "사람의 결정", False: "참고", "title": "표시", "none": "표시 없음: 기계가 확인했고 서명이 필요하지 않습니다."},
    "en": {True: "people to decide", False: "a note", "title": "Flags", "none": "no flags: clear by the machine, nobody need sign"},
}  # fmt: skip


@app.command()
def show(id: Some = None, language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show where a screening stands, with its flags in plain words; without an application, where all stand."""
    actor, now = acting()
    from dure.app import screening
    from dure.governance.screening import Screened
    from dure.store.documents import from_json

    form, words = Form.of(as_json, as_csv), _WORDS[language_of(language)]
    if id is None:
        found = [_row(r, from_json(Screened, r.document), s) for r, s in screening.screened(actor, now)]
        return emit([table("screenings", "Screenings", _SCREENINGS, found)], form)
    row, result, state = screening.shown(actor, id, now)
    flags: list[dict[str, Value]] = [
        {
            "flag": f.code.value,
            "for": str(words[f.decide]),
            "who": f.who,
            "what": f.what,
            "list": f.list,
            "edition": f.edition[:12],
            "text": f.text.in_language(language_of(language)),
        }
        for f in result.flags
    ]
    tables = [
        table("screening", f"{id}: {state}", _SCREENINGS, [_row(row, result, state)]),
        table("flags", str(words["title"]), _FLAGS, flags),
    ]
    emit(tables, form)
    if not flags:
        note(str(words["none"]))
    elif state == "flagged" or row.proposed:
        note(f"next: dure screen sign {id} {row.proposed or 'STATE'} --note TEXT, by two people")


@app.command()
def declare(id: Id, file: Annotated[Path, typer.Argument(metavar="FILE", help="The declaration: TOML.")]) -> None:
    """Declare areas, persons, partners and ownership for an application of one's own; it is screened at once.

    Names all faults of the file at once, each with its line.
    """
    actor, now = acting()
    from dure.app.screening import declare
    from dure.formats.declarations import read_declaration

    declaration = read(file, read_declaration)
    declare(actor, id, declaration, now)
    persons, areas = len(declaration.persons), len(declaration.areas)
    typer.echo(f"{id}: declared, {persons} persons, {areas} claims about areas, {len(declaration.partners)} partners")


@app.command()
def sign(
    id: Id,
    state: Annotated[
        Literal["clear", "mitigated", "refer", "refused"], typer.Argument(metavar="STATE", help="What becomes of it.")
    ],
    reason: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept for ever.")],
) -> None:
    """Decide about a screening: the first person proposes, a second who says the same confirms."""
    actor, now = acting()
    from dure.app.screening import sign

    row = sign(actor, id, state, reason, now)
    if row.proposed:
        typer.echo(f"{id}: {state} proposed; another person confirms it")
    else:
        typer.echo(f"{id}: {state}, until {when(row.until_utc_s)}")


@app.command()
def again(id: Some = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Screen one application anew, or all that the newest lists or other members of a team concern; say what changed."""
    actor, now = acting()
    from dure.app import screening

    if id is None:
        return _changed(screening.rescreen(actor, now), Form.of(as_json, as_csv))
    row = screening.screen(actor, id, now)
    typer.echo(f"{id}: {row.state}")


@lists.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The list: CSV with code or ror, name, also.")],
    name: Annotated[str, typer.Option("--list", metavar="NAME", help="Which list this is an edition of.")],
    kind: Annotated[
        Literal["areas", "organisations", "parties"],
        typer.Option("--kind", help="Technology areas, organisations of concern, or parties under export control."),
    ],
    dated: Annotated[str, typer.Option("--dated", metavar="DATE", help="Day of the edition.")],
    source: Annotated[str, typer.Option("--source", metavar="TEXT", help="Where it is published.")],
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Keep an edition of a list, and hold everything screened against it.

    All or nothing: every faulty row is named with its line.
    """
    actor, now = acting()
    from dure.app.screening import import_list
    from dure.formats.watchlists import read_watchlist

    edition = read(file, read_watchlist, list=name, kind=kind, dated=dated, source=source)
    changes = import_list(actor, edition, now)
    note(f"{name} of {dated}: {len(edition.entries)} entries, SHA-256 {edition.digest}")
    _changed(changes, Form.of(as_json, as_csv))


@lists.command("show")
def show_lists(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show all editions, the newest of each list first."""
    actor, _ = acting()
    from dure.app import screening

    rows: list[dict[str, Value]] = [
        {
            "list": r.list, "kind": r.kind, "dated": r.dated, "source": r.source, "imported": when(r.imported_utc_s),
            "by": r.by, "digest": r.digest,
        }
        for r in screening.lists(actor)
    ]  # fmt: skip
    emit([table("lists", "Lists", _LISTS, rows)], Form.of(as_json, as_csv))


def _row(row: Screening, result: Screened, state: str) -> dict[str, Value]:
    answers = ("sensitive_area", "named_organisation", "private_partner", "disclosure", "talent_programme", "listed")
    return {
        "application": row.application_id, "state": state, "proposed": row.proposed, "by": row.by, "second": row.second,
        **{name: getattr(result, name) for name in answers}, "flags": sum(f.decide for f in result.flags),
        "screened": when(row.at_utc_s), "until": when(row.until_utc_s), "note": row.note,
    }  # fmt: skip


def _changed(changes: list[Change], form: Form) -> None:
    rows: list[dict[str, Value]] = [
        {"application": c.application, "before": c.before, "after": c.after, "flags": ", ".join(f.code for f in c.new)}
        for c in changes
    ]
    emit([table("changes", "What changed", _CHANGES, rows)], form)
