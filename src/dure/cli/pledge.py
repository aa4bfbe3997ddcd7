"""`dure pledge`: what public documents promised, decided by two people, and what the records show of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dure.errors import InputError
from dure.terminal.acting import Language, acting, language_of, table
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note, watch

if TYPE_CHECKING:
    from dure.pledges.claims import Disagreement
    from dure.reports.pledges import Promise
    from dure.reports.table import Value
    from dure.store.models import PledgeProposal
    from dure.tracking.reading import Readings

app = group()
Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Text, HTML or PDF; a folder; - for standard input.")
]
Published = Annotated[
    str, typer.Option("--published", metavar="DATE", help="When the documents were published, where they do not say.")
]
Lang = Annotated[Literal["auto", "en", "ko"], typer.Option("--lang", help="Language of the documents.")]
Country = Annotated[
    str, typer.Option("--country", metavar="CODE", help='Country of the documents (as CA): whose a bare "$" is.')
]
Mention = Annotated[int, typer.Argument(metavar="MENTION", help="Its number in the queue.")]
Pledge = Annotated[str, typer.Argument(metavar="PLEDGE", help="Its id.")]
Proposal = Annotated[int, typer.Argument(metavar="PROPOSAL", help="Its number.")]
Why = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept for ever.")]
AsOf = Annotated[str, typer.Option("--as-of", metavar="DATE", help="The day to look at; else today.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A field of the decision; again for more. See the guide."),
]

_QUEUE = (
    ("mention", "no.", "count"), ("document", "document", "text"), ("actor", "who", "text"), ("sum", "how much", "text"),
    ("by", "by when", "text"), ("stance", "stance", "text"), ("see", "links, findings, proposals", "text"),
    ("sentence", "sentence", "text"),
)  # fmt: skip
_LIFE = (("on", "day", "text"), ("what", "what", "text"), ("why", "why", "text"))
_PROPOSALS = (
    ("proposal", "no.", "count"), ("kind", "decision", "text"), ("about", "about", "text"), ("by", "by", "text"),
    ("says", "says", "text"), ("note", "note", "text"),
)  # fmt: skip


@app.command()
def read(
    files: Files, published: Published = "", lang: Lang = "auto", country: Country = "", language: Language = None,
    as_json: Json = False, as_csv: Csv = False,
) -> None:  # fmt: skip
    """Read documents: who promises what, how much, by when, in which stance. Nothing is stored."""
    found = _read(files, published, lang, country)
    from dure.reports.pledges import mentions_table
    from dure.reports.words import Words

    if as_json:
        typer.echo(json.dumps(found.json(), ensure_ascii=False, indent=2))
        return
    words = Words(language_of(language))
    emit([mentions_table(found.pairs(), words)], Form.of(as_json, as_csv))
    for page in found.pages:
        _tell(page.document.name, page.document.status, page.document.why, page.copy_of)
    names = {page.document.sha256: page.document.name for page in found.pages}
    said = Counter((_where(one, names), f"{one.kind}: {one.why}") for one in found.findings)
    for (where, what), times in said.items():  # a page of ten undated promises says so once
        note(f"{where}: {what}" + (f" ({times} times)" if times > 1 else ""))


def _where(finding: Disagreement, names: Mapping[str, str]) -> str:
    """The documents of a finding, by name."""
    places = [finding.document, *(mention.document for mention in finding.mentions)]
    return ", ".join(dict.fromkeys(names[sha256] for sha256 in places if sha256 in names))


def _read(files: Sequence[Path], published: str, lang: str, country: str) -> Readings:
    day = _day(published)
    from dure.tracking.reading import read

    with watch("reading") as moved:
        return read(files, day, lang, country=country, watch=moved)


def _tell(name: str, status: str, why: str, copy_of: str = "") -> None:
    if status != "ok":
        note(f"{name}: {status}: {why}")
    elif copy_of:
        note(f"{name}: repeats another document; counted once")


@app.command("import")
def import_(
    files: Files, published: Published = "", lang: Lang = "auto", country: Country = "", as_json: Json = False
) -> None:
    """Keep documents and what they say, for review: all of them, or none."""
    actor, now = acting()
    from dure.tracking.importing import import_documents

    done = import_documents(actor, _read(files, published, lang, country), now)
    for name, status, why in done.refused:
        _tell(name, status, why)
    if as_json:
        typer.echo(json.dumps(asdict(done), ensure_ascii=False, indent=2))
    else:
        copies = f", {len(done.copies)} of them repeat another" if done.copies else ""
        known = f"; {len(done.known)} were there" if done.known else ""
        typer.echo(f"{len(done.new)} documents{copies}; {done.mentions} mentions wait: dure pledge review{known}")


@app.command("list")
def list_(as_of: AsOf = "", language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """The pledges, with what the records show of each."""
    track(as_of, language, as_json, as_csv)


@app.command()
def track(as_of: AsOf = "", language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Promised beside delivered at a day, and what was asked of the records."""
    promises, lang, _ = _promises(as_of, language)
    from dure.reports.pledges import asked_table, promises_table
    from dure.reports.words import Words

    words = Words(lang)
    emit([promises_table(promises, words), asked_table(promises, words)], Form.of(as_json, as_csv))


@app.command()
def show(pledge: Pledge, as_of: AsOf = "", language: Language = None, as_json: Json = False) -> None:
    """One pledge: the sentences it rests on, what was asked of the records, its life."""
    actor, now = acting()
    lang = language_of(language)
    from dure.reports.pledges import asked_table, evidence_table, promises_table
    from dure.reports.words import Words
    from dure.tracking.reporting import promise
    from dure.tracking.stored import day_of
    from dure.tracking.tracking import track_one

    tracked, life = track_one(actor, pledge, _day(as_of) or day_of(now), now)
    one, words = [promise(tracked, lang)], Words(lang)
    rows: list[dict[str, Value]] = [{"on": m.on.isoformat(), "what": m.what, "why": m.why or None} for m in life]
    shown = [
        promises_table(one, words),
        evidence_table(one, words),
        asked_table(one, words),
        table("life", "Life", _LIFE, rows),
    ]
    emit(shown, Form.of(as_json, False))
    for why in one[0].disputes:
        note(why)


@app.command()
def report(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The page.")] = Path("pledges.html"),
    as_of: AsOf = "",
    language: Language = None,
) -> None:
    """Write the page: promised beside delivered by aim, with evidence and gaps."""
    from dure.app.outputs import writable

    writable(out, "out")
    promises, lang, day = _promises(as_of, language)
    from dure.app.outputs import save_page
    from dure.reports.pledges import pledges_report
    from dure.store import models

    save_page(pledges_report(promises, models.Programme.objects.get().name, day, lang), out)
    note(f"wrote {out}")


def _promises(as_of: str, language: str | None) -> tuple[list[Promise], str, date]:
    actor, now = acting()
    from dure.tracking.reporting import report_data
    from dure.tracking.stored import day_of

    day, lang = _day(as_of) or day_of(now), language_of(language)
    return report_data(actor, day, now, lang), lang, day


@app.command()
def review(language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """What waits: mentions for a decision, the unclear first; proposals for a second person."""
    actor, now = acting()
    from dure.reports.pledges import mention_row
    from dure.reports.words import Words
    from dure.tracking import reviewing

    words = Words(language_of(language))
    queued: list[dict[str, Value]] = []
    for one in reviewing.queue(actor, now):
        links = [f"{s.relation} {s.to}" for s in one.suggestions]
        waiting = [f"{p.kind} proposed ({p.seq})" for p in one.proposals]
        see = "; ".join([*waiting, *links, *one.findings])
        queued.append(
            {**mention_row(one.said.document, one.said.mention, words), "mention": one.seq, "see": see or None}
        )
    shown = [
        table("mentions", "Mentions to decide about", _QUEUE, queued),
        table("proposals", "Proposals for a second person", _PROPOSALS, map(_proposed, reviewing.proposals(actor))),
    ]
    emit(shown, Form.of(as_json, as_csv))


def _proposed(row: PledgeProposal) -> dict[str, Value]:
    said = {
        k: v for k, v in row.body.items() if v not in (None, "", [], {}) and k not in ("pledge", "on", "mention", "why")
    }
    about = row.pledge or f"mention {row.mention_id}"
    says = ", ".join(f"{k}={v}" for k, v in said.items())
    return {"proposal": row.seq, "kind": row.kind, "about": about, "by": row.by, "says": says, "note": row.note or None}


@app.command()
def accept(mention: Mention, changes: Set = None) -> None:
    """Propose that a mention is a pledge; `--set` corrects what was read (title, actor, low, high, deadline ...)."""
    actor, now = acting()
    from dure.tracking import reviewing

    _said(reviewing.accept(actor, mention, now, _given(changes)))


@app.command()
def dismiss(mention: Mention, why: Why) -> None:
    """Propose that a mention is no promise."""
    actor, now = acting()
    from dure.tracking import reviewing

    _said(reviewing.dismiss(actor, mention, why, now))


@app.command()
def link(mention: Mention, pledge: Pledge, why: Why = "") -> None:
    """Propose that a mention speaks of a pledge that is there."""
    actor, now = acting()
    from dure.tracking import reviewing

    _said(reviewing.link(actor, mention, pledge, now, why=why))


@app.command()
def dispute(pledge: Pledge, why: Why) -> None:
    """Propose that something contradicts a pledge; the note says what."""
    propose("dispute", pledge, why)


@app.command()
def propose(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="revise, correct, firm, measured, outside, withdraw ...")],
    pledge: Pledge,
    why: Why = "",
    changes: Set = None,
) -> None:
    """Propose any decision on a pledge: its kind, and its fields by `--set`."""
    actor, now = acting()
    from dure.tracking import decided, reviewing
    from dure.tracking.stored import day_of

    body = {"on": day_of(now).isoformat(), **_given(changes), "pledge": pledge, "why": why}
    _said(reviewing.propose(actor, decided.decision_from(kind, body), now))


@app.command()
def correct(proposal: Proposal, why: Why, changes: Set = None) -> None:
    """No to a proposal and a better one in its place, which somebody else confirms; `--set` says what differs."""
    actor, now = acting()
    from dure.tracking import reviewing

    _said(reviewing.amend(actor, proposal, _given(changes), why, now))


@app.command()
def confirm(proposal: Proposal, why: Why = "") -> None:
    """The second person's yes: the decision counts."""
    actor, now = acting()
    from dure.tracking import reviewing

    made = reviewing.confirm(actor, proposal, now, note=why)
    typer.echo(f"{made.proposal.kind} {made.proposal.pledge}: decided".replace("  ", " "))


@app.command()
def refuse(proposal: Proposal, why: Why) -> None:
    """No to a proposal; whoever made it may take it back."""
    actor, now = acting()
    from dure.tracking import reviewing

    made = reviewing.refuse(actor, proposal, why, now)
    typer.echo(f"{made.proposal.kind} {made.proposal.pledge}: refused".replace("  ", " "))


def _given(changes: Sequence[str] | None) -> dict[str, Any]:
    """What `--set` said, as texts."""
    found = {}
    for change in changes or ():
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise InputError("not a field", field="set", value=change, accepted="FIELD=VALUE, as deadline=2030-12-31")
        found[name.strip()] = value.split(",") if name.strip() == "cleared" else value
    return found


def _said(row: PledgeProposal) -> None:
    about = row.pledge or f"mention {row.mention_id}"
    typer.echo(f"{about}: {row.kind} proposed; somebody else confirms it: dure --as USER pledge confirm {row.seq}")


def _day(text: str) -> date | None:
    """A date that a person typed; None for none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputError("not a date", value=text, accepted="a date as 2026-07-01") from None
