"""`dure award`: rules tried side by side, one published, reasons for all, and what changes afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dure.cli.ledger import agree
from dure.errors import InputError
from dure.terminal.acting import Language, acting, language_of, milli, table, when
from dure.terminal.options import Csv, Json, Seed, group
from dure.terminal.show import Form, emit, note, stop_asked

if TYPE_CHECKING:
    from dure.app.awarding import Progress, Round
    from dure.programme.award import Awards
    from dure.reports.table import Table, Value

app = group()
Call = Annotated[str, typer.Argument(metavar="CALL", help="Id of the call.")]
Application = Annotated[str, typer.Argument(metavar="APPLICATION", help="Id of the application.")]
Amount = Annotated[str, typer.Option("--amount", metavar="UNITS", help="How many units, as 1,200 or 0.5.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept for ever.")]

_RULES = (
    ("rule", "rule", "text"), ("awarded", "awarded", "count"), ("reserve", "reserve", "count"),
    ("milli_units", "units", "milli-units"), ("of_capacity", "of what there is", "ratio"),
    ("success", "success", "ratio"), ("median_part", "median part", "ratio"), ("gini", "Gini", "index"),
    ("institutions", "institutions", "count"),
)  # fmt: skip
_COUNTS = ("version", "awarded", "reserve", "institutions")  # of a comparison; its other integers are thousandths
_EACH = (
    ("application", "application", "text"), ("score_milli_points", "score", "milli-points"),
    ("asked_milli_units", "asked", "milli-units"),
)  # fmt: skip
_EXPLAINED = (
    ("application", "application", "text"), ("state", "state", "text"), ("score_milli_points", "score", "milli-points"),
    ("asked_milli_units", "asked", "milli-units"), ("awarded_milli_units", "awarded", "milli-units"),
)  # fmt: skip


@app.command("try")
def try_(
    call: Call,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="NAME", help="A rule; more than once to compare. Else the call's."),
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Also what each application would get.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Compute what rules would award, side by side. Nothing is awarded; every trial is kept.

    `optimal` shows its incumbent, its bound and the gap between; Ctrl-C keeps the incumbent.
    """
    actor, now = acting()
    from dure.app.awarding import try_rules

    with stop_asked() as asked:
        ready, found = try_rules(actor, call, rule or (), now, seed=seed, progress=_progress(asked))
    tables = [_compared(ready, found)]
    if each:
        tables.append(_each(ready, found))
    emit(tables, Form.of(as_json, as_csv))
    for awards in found.values():
        for text in awards.notes:
            note(f"{awards.rule}: {text}")
    if asked:
        raise typer.Exit(130)


def _progress(asked: list[int]) -> Progress:
    """Shows how far a solver is; says no once Ctrl-C was pressed. The callback comes once a second or so."""

    def show(seconds: float, incumbent: float, bound: float, gap: float) -> bool:
        note(f"optimal: {seconds:.0f} s, incumbent {incumbent:.6g}, bound {bound:.6g}, gap {100 * gap:.3f} %")
        return not asked

    return show


def _compared(ready: Round, found: dict[str, Awards]) -> Table:
    """One row a rule; of each set-aside the share reached; of `optimal` the gap that anybody can check, and the solver's."""
    from dure.programme.explain import compare

    rows: list[dict[str, Value]] = []
    for row in compare(found, ready.candidates, ready.terms):
        total = row.pop("units_milli")
        shares = {k: v / 1000 for k, v in row.items() if type(v) is int and k not in _COUNTS}
        certificate = found[row["rule"]].certificate or {}
        gap, claimed = certificate.get("gap_millionths"), certificate.get("solver_gap_millionths")
        rows.append(
            row | shares | {"milli_units": total, "of_capacity": total / (ready.capacity.total or 1)}
            | {"gap_percent": gap / 10_000 if gap is not None else None}
            | {"solver_gap_percent": claimed / 10_000 if claimed is not None else None}
        )  # fmt: skip
    named = {key for key, _, _ in _RULES}
    kept = [key.removesuffix("_met") for key in (rows[0] if rows else {}) if key.endswith("_met")]
    columns = [*_RULES, *((key, f"to {key}", "ratio") for key in kept if key not in named)]
    columns += [("gap_percent", "proven gap", "%"), ("solver_gap_percent", "gap by the solver", "%")]
    return table("rules", f"What rules would award in {ready.call.id}", columns, rows)


def _each(ready: Round, found: dict[str, Awards]) -> Table:
    from dure.programme.award import Bound

    c = ready.candidates
    columns = [*_EACH]
    for rule in found:
        columns += [(f"{rule}_milli_units", rule, "milli-units"), (f"{rule}_bound", "because", "text")]
    rows: list[dict[str, Value]] = []
    for n, id in enumerate(c.ids):
        row: dict[str, Value] = {
            "application": id, "score_milli_points": int(c.score[n]), "asked_milli_units": int(c.ask[n]),
        }  # fmt: skip
        for rule, awards in found.items():
            row[f"{rule}_milli_units"] = int(awards.amount[n])
            row[f"{rule}_bound"] = Bound(int(awards.bound[n])).name.lower()
        rows.append(row)
    rows.sort(key=lambda row: -int(row["score_milli_points"] or 0))
    return table("applications", "Each application", columns, rows)


@app.command()
def publish(call: Call, seed: Seed = 0) -> None:
    """Award a call by the rule it announced: all of it, or nothing.

    Books the awards, tells every applicant what was asked, awarded and why, and makes the reserve list. Whoever reviewed
    in the call, or belongs to one of its applications, may not. Ctrl-C leaves everything as it was.
    """
    actor, now = acting()
    from django.db import transaction

    from dure.app.awarding import publish as published
    from dure.programme.award import Outcome

    with stop_asked() as asked, transaction.atomic():
        awards = published(actor, call, now, seed=seed, progress=_progress(asked))
        if asked:
            note("stopped: nothing was published")
            raise typer.Exit(130)
    counts = {o: int((awards.outcome == o).sum()) for o in Outcome}
    typer.echo(
        f"{call}: {counts[Outcome.AWARDED]} awarded, {counts[Outcome.RESERVE]} on the reserve list, "
        f"{counts[Outcome.DECLINED]} declined; {int(awards.amount.sum()) / 1000:,.1f} units by {awards.rule}"
    )
    for text in awards.notes:
        note(text)
    note("next: dure letters; dure balance")


@app.command()
def explain(
    application: Application,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Also what score or ask would have changed it (runs the rule again).")
    ] = False,
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Say what an application asked, what it got, and why."""
    actor, _ = acting()
    from dure.app.awarding import explained, what_would_change

    found, lang, form = explained(actor, application), language_of(language), Form.of(as_json, as_csv)
    row: dict[str, Value] = {
        "application": found.id,
        "state": found.state,
        "score_milli_points": found.score_milli,
        "asked_milli_units": found.asked_milli,
        "awarded_milli_units": found.awarded_milli,
    }
    why = found.reason.get(lang, "")
    if what_if:
        why += " " + what_would_change(actor, application).text.in_language(lang)
    columns = _EXPLAINED if form is Form.TEXT else (*_EXPLAINED, ("why", "why", "text"))
    emit([table("award", application, columns, [{**row, "why": why}])], form)
    if form is Form.TEXT:
        typer.echo(why)
        if rules := found.reason.get("rules"):
            asked = found.reason.get("obligations")
            typer.echo(f"rules: {', '.join(rules)}" + (f"; asked for: {', '.join(asked)}" if asked else ""))


@app.command()
def amend(application: Application, amount: Amount, reason: Reason) -> None:
    """Propose the panel's change to what a rule will give; a second person agrees with `dure award agree`."""
    actor, now = acting()
    from dure.app.changes import propose_amendment

    proposal = propose_amendment(actor, application, milli(amount, "amount", least=0), reason, now)
    typer.echo(f"proposal {proposal.seq}: waits for a second person")
    note(f"next: dure --as SECOND award agree {proposal.seq}")


@app.command()
def renew(application: Application, call: Call) -> None:
    """Make a draft for another call that asks for the same again, building on the project."""
    actor, now = acting()
    from dure.app.changes import renew as renewed

    row = renewed(actor, application, call, now)
    typer.echo(f"{row.id}: {row.state}")
    note(f"next: dure application submit {row.id}")


@app.command()
def extend(
    application: Application,
    reason: Reason,
    months: Annotated[int, typer.Option("--months", metavar="N", help="How many months more, 1 to 12.")],
) -> None:
    """Give an award a later end: dates, not units."""
    actor, now = acting()
    from dure.app.changes import extend as extended

    typer.echo(f"{application}: until before {when(extended(actor, application, months, now, reason).to_utc_s)}")


@app.command()
def supplement(application: Application, amount: Amount, reason: Reason) -> None:
    """Give an award more units, from what its track has left."""
    actor, now = acting()
    from dure.app.changes import supplement as supplemented

    supplemented(actor, application, milli(amount, "amount"), now, reason)
    typer.echo(f"{application}: {amount} units more")


@app.command()
def transfer(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The project that gives.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The project that gets.")],
    amount: Amount,
    reason: Reason,
) -> None:
    """Move units from one project to another. They stay as many units."""
    actor, now = acting()
    from dure.app.changes import transfer as transferred

    transferred(actor, source, target, milli(amount, "amount"), now, reason)
    typer.echo(f"{amount} units from {source} to {target}")


@app.command()
def withdraw(
    application: Application,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept for ever.")] = "",
) -> None:
    """Withdraw an application, or give an award up. What comes free goes to the reserve list."""
    actor, now = acting()
    from dure.app.changes import withdraw as withdrawn

    promoted = withdrawn(actor, application, now, reason)
    typer.echo(f"{application}: withdrawn" + (f"; promoted: {', '.join(promoted)}" if promoted else ""))


@app.command()
def appeal(
    application: Application, text: Annotated[str, typer.Argument(metavar="TEXT", help="What was wrong.")]
) -> None:
    """Appeal against a decision, by those who applied."""
    actor, now = acting()
    from dure.app.changes import appeal as appealed

    appealed(actor, application, now, text)
    typer.echo(f"{application}: appealed")


@app.command()
def decide(
    application: Application,
    reason: Reason,
    amount: Annotated[
        str | None,
        typer.Option("--amount", metavar="UNITS", help="It succeeds, and is awarded so many; else it fails."),
    ] = None,
) -> None:
    """Decide an appeal: by somebody who neither reviewed it nor published the awards."""
    actor, now = acting()
    from dure.app.changes import decide_appeal

    given = 0 if amount is None else milli(amount, "amount")
    decide_appeal(actor, application, amount is not None, now, reason, given)
    typer.echo(f"{application}: {'declined' if amount is None else f'awarded {amount} units'}")


@app.command()
def rapid(application: Application) -> None:
    """Grant a small ask in full, without review, from its track's envelope."""
    actor, now = acting()
    from dure.app.awarding import grant_rapid

    typer.echo(f"{application}: awarded {grant_rapid(actor, application, now).amount_milli / 1000:,.1f} units")


@app.command()
def exempt(
    application: Application,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; empty: it is spared no longer.")],
) -> None:
    """Spare an award from being taken back while it lies idle, with the reason."""
    actor, now = acting()
    from dure.app.changes import exempt as exempted

    exempted(actor, application, reason, now)
    typer.echo(f"{application}: {'spared' if reason else 'spared no longer'}")


@app.command()
def certificate(
    call: Call, file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write: JSON.")]
) -> None:
    """Write the certificate of a published `optimal` award: its inputs, its solution and its bound."""
    actor, _ = acting()
    from dure.app.certificates import certificate_of
    from dure.formats.streams import replaced

    with replaced(file) as stream:
        stream.write((json.dumps(certificate_of(actor, call), indent=1) + "\n").encode())
    typer.echo(f"wrote {file}")


@app.command()
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A certificate: JSON.")]) -> None:
    """Check a certificate: that its awards are feasible and its bound holds, without solving again. Needs no database."""
    from dure.app import certificates
    from dure.formats.streams import DEFAULT_LIMITS, opened, read_bytes

    with opened(file) as stream:
        data = read_bytes(stream, str(file), DEFAULT_LIMITS)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError("not JSON", source=str(file)) from None
    faults = certificates.check(document, str(file))
    for fault in faults:
        note(fault)
    if faults:
        typer.echo(f"{len(faults)} fault(s)")
        raise typer.Exit(1)
    typer.echo("it holds: the awards are feasible, and none can be better than the bound says")


app.command("agree")(agree)  # a changed award and an entry by hand are agreed to alike
