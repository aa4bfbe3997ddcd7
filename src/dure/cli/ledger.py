"""`dure balance` and `dure ledger`: what was granted, spent and is left; the journal and what is booked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dure.errors import InputError
from dure.terminal.acting import Language, acting, language_of, milli, table, when
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note

if TYPE_CHECKING:
    from dure.app.booking import BalanceOf
    from dure.reports.table import Value

app = group()
Project = Annotated[str, typer.Argument(metavar="[PROJECT]", help="One project; else all that one may see.")]
Number = Annotated[int, typer.Argument(metavar="N", help="Number of the proposal.")]
Do = Annotated[bool, typer.Option("--do", help="Do it; else only say what is due.")]

_PARTS = ("granted", "spent", "refunded", "reserved", "lost", "expired", "remaining")
_BALANCE = (
    ("project", "project", "text"), *((f"{p}_milli_units", p, "milli-units") for p in _PARTS),
    ("even_milli_units", "even use by now", "milli-units"), ("days_left", "days left at this burn", "count"),
    ("from", "from", "text"), ("to", "to", "text"),
)  # fmt: skip
_JOURNAL = (
    ("entry", "entry", "count"), ("at", "at", "text"), ("cause", "cause", "text"), ("debit", "from", "text"),
    ("credit", "to", "text"), ("amount", "amount", "text"), ("phase", "phase", "text"), ("by", "by", "text"),
    ("second", "second", "text"), ("reason", "reason", "text"), ("id", "id", "text"),
)  # fmt: skip
_PROPOSALS = (
    ("proposal", "proposal", "count"), ("kind", "kind", "text"), ("what", "what", "text"), ("reason", "reason", "text"),
    ("by", "by", "text"), ("at", "at", "text"), ("second", "second", "text"), ("state", "state", "text"),
)  # fmt: skip
_LINES = (
    ("item", "item", "text"), ("model", "model", "text"), ("month", "of month", "text"),
    ("milli_units", "units", "milli-units"), ("list_minor", "market price", "count"), ("amount_minor", "owed", "count"),
    ("currency", "currency, minor units", "text"),
)  # fmt: skip
_DUE = (
    ("project", "project", "text"), ("act", "act", "text"), ("date", "date", "text"),
    ("milli_units", "units", "milli-units"), ("text", "what is said", "text"),
)  # fmt: skip


def balance(project: Project = "", as_json: Json = False, as_csv: Csv = False) -> None:
    """Show what projects were granted, have spent and have left, and how many days that lasts at the burn so far.

    granted = spent - refunded + reserved + lost + expired + remaining, at every instant.
    """
    actor, now = acting()
    from dure.app import booking

    found = [booking.balance(actor, project, now)] if project else booking.balances(actor, now)
    emit([table("balances", "Balances", _BALANCE, map(_balance, found))], Form.of(as_json, as_csv))


def _balance(b: BalanceOf) -> dict[str, Value]:
    return {
        "project": b.project,
        **{f"{part}_milli_units": getattr(b.standing, part) for part in _PARTS},
        "even_milli_units": b.target_milli,
        "days_left": b.days,
        "from": when(b.from_utc_s),
        "to": when(b.to_utc_s),
    }


@app.command()
def show(
    project: Project = "",
    after: Annotated[int, typer.Option("--after", min=0, metavar="N", help="Only entries after this number.")] = 0,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, metavar="N", help="So many entries at most.")
    ] = 100,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the journal, oldest entry first."""
    actor, _ = acting()
    from dure.app.booking import journal
    from dure.ledger.model import UNIT

    rows: list[dict[str, Value]] = [
        {
            "entry": seq,
            "at": when(t.at_utc_s),
            "cause": t.cause.name.lower(),
            "debit": t.debit,
            "credit": t.credit,
            "amount": f"{t.amount / 1000:,.3f} units" if t.asset == UNIT else f"{t.amount:,} {t.asset} (minor)",
            "phase": t.phase.name.lower(),
            "by": t.by,
            "second": t.second,
            "reason": t.reason,
            "id": t.id,
        }
        for seq, t in journal(actor, project=project, after=after, limit=limit)
    ]
    emit([table("journal", "Journal", _JOURNAL, rows)], Form.of(as_json, as_csv))
    if len(rows) == limit:
        note(f"there may be more: --after {rows[-1]['entry']}")


@app.command()
def verify() -> None:
    """Rebuild every balance from the journal. Exit code 1, and what is wrong, where they do not hold."""
    actor, _ = acting()
    from dure.app.booking import verify as verified

    entries, faults = verified(actor)
    for fault in faults:
        note(str(fault))
    if faults:
        typer.echo(f"{len(faults)} fault(s) in {entries:,} entries")
        raise typer.Exit(1)
    typer.echo(f"{entries:,} entries; every balance is as they make it")


@app.command()
def close(month: Annotated[str, typer.Argument(metavar="MONTH", help="As 2026-03, in UTC.")]) -> None:
    """Close a month: from then on its mistakes are corrected by new entries that point back."""
    actor, now = acting()
    from dure.app.booking import close_month

    close_month(actor, month, now)
    typer.echo(f"{month}: closed")


@app.command()
def adjust(
    debit: Annotated[str, typer.Option("--from", metavar="ACCOUNT", help="The account it leaves, as adjusted.")],
    credit: Annotated[str, typer.Option("--to", metavar="ACCOUNT", help="The account it reaches, as project:P.")],
    amount: Annotated[str, typer.Option("--amount", metavar="N", help="Units; of money, whole minor units.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept for ever.")],
    currency: Annotated[
        str, typer.Option("--currency", metavar="CODE", help="Money of this currency, not units.")
    ] = "",
    corrects: Annotated[str, typer.Option("--corrects", metavar="ID", help="The entry that was wrong.")] = "",
) -> None:
    """Propose an entry by hand; a second person agrees with `dure ledger agree`."""
    actor, now = acting()
    from dure.app.booking import propose
    from dure.ledger.model import UNIT

    if currency and not (amount.isascii() and amount.isdecimal()):
        raise InputError("not an amount of money", field="amount", value=amount, accepted="whole minor units")
    proposal = propose(
        actor, "correct" if corrects else "adjust", now, debit=debit, credit=credit, reason=reason, corrects=corrects,
        amount=int(amount) if currency else milli(amount, "amount"), asset=currency or UNIT,
    )  # fmt: skip
    typer.echo(f"proposal {proposal.seq}: waits for a second person")
    note(f"next: dure --as SECOND ledger agree {proposal.seq}")


@app.command()
def agree(number: Number) -> None:
    """Agree, as the second person, to what another proposed."""
    actor, now = acting()
    from dure.app.booking import agree as agreed

    typer.echo(f"proposal {agreed(actor, number, now).seq}: agreed by {actor.user}")


@app.command()
def refuse(number: Number) -> None:
    """Say no to a proposal, or take one's own back."""
    actor, now = acting()
    from dure.app.booking import refuse as refused

    refused(actor, number, now)
    typer.echo(f"proposal {number}: refused")


@app.command()
def proposals(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show what waits for a second person, and what was decided, newest first."""
    actor, _ = acting()
    from dure.app.booking import proposals as found

    rows: list[dict[str, Value]] = [
        {
            "proposal": p.seq,
            "kind": p.kind,
            "what": ", ".join(f"{k} {v}" for k, v in p.document.items() if v not in ("", None)),
            "reason": p.reason,
            "by": p.by,
            "at": when(p.at_utc_s),
            "second": p.second or None,
            "state": "refused" if p.refused else "agreed" if p.agreed_utc_s else "open",
        }
        for p in found(actor)
    ]
    emit([table("proposals", "Proposals", _PROPOSALS, rows)], Form.of(as_json, as_csv))


@app.command()
def invoice(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="The project.")],
    month: Annotated[str, typer.Argument(metavar="MONTH", help="As 2026-03.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it as a page to print.")
    ] = None,
    do: Do = False,
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show what a project owes for a month; with --do the fee is booked, once."""
    actor, now = acting()
    from dure.app.changes import bill, invoice_page
    from dure.formats.streams import replaced

    made = bill(actor, project, month, now, do=do)
    if made is None:
        typer.echo(f"{project} owes nothing for {month}")
        return
    rows: list[dict[str, Value]] = [
        {
            "item": x.item.value,
            "model": x.model or None,
            "month": x.of_month,
            "milli_units": x.milli_units,
            "list_minor": x.list_minor,
            "amount_minor": x.amount_minor,
            "currency": made.terms.currency,
        }
        for x in made.lines
    ]
    emit([table("invoice", made.id, _LINES, rows)], Form.of(as_json, as_csv))
    if out is not None:
        with replaced(out) as stream:
            stream.write(invoice_page(made, language_of(language), now).encode())
        note(f"wrote {out}")


@app.command()
def clawback(do: Do = False, language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show what is due to be warned of or taken back from idle awards; with --do it happens, and reserves are promoted."""
    actor, now = acting()
    from dure.app.changes import take_back

    rows: list[dict[str, Value]] = [
        {
            "project": a.holding.project,
            "act": a.act.value,
            "date": a.date,
            "milli_units": a.milli_units,
            "text": a.sentence(language_of(language)),
        }
        for a in take_back(actor, now, do=do)
    ]
    emit([table("clawback", "Done" if do else "Due", _DUE, rows)], Form.of(as_json, as_csv))


@app.command("end")
def end_(
    carry: Annotated[
        int, typer.Option("--carry", min=0, max=100, metavar="PERCENT", help="Of an award, at most so much goes over.")
    ] = 0,
) -> None:
    """End the awards whose period is over: what is left lapses, or goes over to the project's next award."""
    actor, now = acting()
    from dure.app.changes import end_awards

    booked = end_awards(actor, now, carry_milli=10 * carry)
    for t in booked:
        typer.echo(f"{t.cause.name.lower()}: {t.amount / 1000:,.1f} units, {t.debit} to {t.credit}")
    typer.echo(f"{len(booked)} entries")


@app.command()
def notices() -> None:
    """Write to the projects that have used 80, 100 or 120 % of their awards: each once."""
    actor, now = acting()
    from dure.app.changes import send_notices

    typer.echo(f"{send_notices(actor, now)} letter(s) queued")
