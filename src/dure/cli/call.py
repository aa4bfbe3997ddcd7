"""`dure call`: calls for applications, a draft until published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dure.terminal.acting import Language, acting, language_of, read, table, when
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note

if TYPE_CHECKING:
    from dure.programme.lifecycle import CallState
    from dure.programme.model import Call
    from dure.reports.table import Table, Value

app = group()
Id = Annotated[str, typer.Argument(metavar="CALL", help="Id of the call.")]

_CALLS = (
    ("call", "call", "text"), ("state", "state", "text"), ("title", "title", "text"), ("opens", "opens", "text"),
    ("closes", "closes", "text"), ("tracks", "tracks", "count"), ("envelope_milli_units", "units", "milli-units"),
    ("rule", "rule", "text"),
)  # fmt: skip
_TRACKS = (
    ("track", "track", "text"), ("name", "name", "text"), ("envelope_milli_units", "envelope", "milli-units"),
    ("left_milli_units", "left", "milli-units"), ("floor_milli_units", "smallest ask", "milli-units"),
    ("ceiling_milli_units", "largest ask", "milli-units"), ("rapid_milli_units", "rapid up to", "milli-units"),
    ("sectors", "open to", "text"), ("models", "models", "text"), ("lot_accelerators", "lots of", "count"),
    ("fee", "fee", "text"),
)  # fmt: skip
_CRITERIA = (("criterion", "criterion", "text"), ("name", "name", "text"), ("weight", "weight", "ratio"))


@app.command("open")
def open_(file: Annotated[Path, typer.Argument(metavar="FILE", help="The call: TOML.")]) -> None:
    """Keep a call as a draft; a draft of the same id is replaced.

    Names all faults of the file at once, each with its line.
    """
    actor, now = acting()
    from dure.app import programme
    from dure.formats.calls import read_call

    call = read(file, read_call, fleet=programme.fleet_of_programme())
    programme.open_call(actor, call, now)
    typer.echo(f"{call.id}: draft, {len(call.tracks)} tracks, rule {call.rule}")
    note(f"next: dure call publish {call.id}")


@app.command()
def publish(id: Id) -> None:
    """Make a draft public, and fund its tracks. It is not changed afterwards."""
    actor, now = acting()
    from dure.app.programme import publish_call

    call = publish_call(actor, id, now)
    opens, closes = when(call.opens_utc_s, call.zone), when(call.closes_utc_s, call.zone)
    typer.echo(f"{id}: published, open from {opens} until before {closes}")


@app.command()
def withdraw(
    id: Id, reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept for ever.")]
) -> None:
    """Take a call back. What its tracks have left returns to the programme."""
    actor, now = acting()
    from dure.app.programme import withdraw_call

    withdraw_call(actor, id, now, reason)
    typer.echo(f"{id}: withdrawn")


@app.command()
def beacon(
    id: Id, value: Annotated[str, typer.Argument(metavar="VALUE", help="The public value that the call named.")]
) -> None:
    """Enter the public value that seeds the lottery, once it is known."""
    actor, now = acting()
    from dure.app.programme import set_beacon

    set_beacon(actor, id, value, now)
    typer.echo(f"{id}: beacon kept")


@app.command("list")
def list_calls(language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the calls: published ones to everybody, drafts to the office."""
    actor, _ = acting()
    from dure.app.programme import calls

    rows = [_call(call, state, language_of(language)) for call, state in calls(actor)]
    emit([table("calls", "Calls", _CALLS, rows)], Form.of(as_json, as_csv))


@app.command()
def show(id: Id, language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show one call: its dates, its tracks with what they have left, its scoring sheet."""
    actor, _ = acting()
    from dure.app.programme import call_of

    call, state = call_of(actor, id)
    lang = language_of(language)
    criteria: list[dict[str, Value]] = [
        {"criterion": c.id, "name": c.name.in_language(lang), "weight": c.weight_milli / 1000} for c in call.criteria
    ]
    found = [
        table("call", call.title.in_language(lang), _CALLS, [_call(call, state, lang)]),
        _tracks(call, lang),
        table("criteria", "Scoring sheet", _CRITERIA, criteria),
    ]
    emit(found, Form.of(as_json, as_csv))


def _call(call: Call, state: CallState, language: str) -> dict[str, Value]:
    return {
        "call": call.id,
        "state": state.value,
        "title": call.title.in_language(language),
        "opens": when(call.opens_utc_s, call.zone),
        "closes": when(call.closes_utc_s, call.zone),
        "tracks": len(call.tracks),
        "envelope_milli_units": sum(t.envelope_milli for t in call.tracks),
        "rule": call.rule,
    }


def _tracks(call: Call, language: str) -> Table:
    from dure.store import ledger

    rows: list[dict[str, Value]] = [
        {
            "track": t.id,
            "name": t.name.in_language(language),
            "envelope_milli_units": t.envelope_milli,
            "left_milli_units": ledger.balance(f"track:{call.id}/{t.id}").available,
            "floor_milli_units": t.floor_milli or None,
            "ceiling_milli_units": t.ceiling_milli,
            "rapid_milli_units": t.rapid_milli or None,
            "sectors": ", ".join(t.sectors),
            "models": ", ".join(t.models) or "any",
            "lot_accelerators": t.lot_accelerators,
            "fee": f"{t.fee_milli / 10:g} % of the market price" if t.fee_milli else t.fee.value,
        }
        for t in call.tracks
    ]
    return table("tracks", "Tracks", _TRACKS, rows)
