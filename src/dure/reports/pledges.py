"""Pledges in tables and pages: what documents say, and what was promised beside what the records show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from dure.mentions.model import Bound, Document, Kind, Mention
from dure.pledges.model import Delivery, Pledge
from dure.reports.report import Report, Section
from dure.reports.sums import sum_text
from dure.reports.table import Column, Table, Value
from dure.reports.words import Words
from dure.units import MILLI

READ: Final = (
    ("document", "pl_document", "text"), ("actor", "pl_actor", "text"), ("sum", "pl_promised", "text"),
    ("by", "pl_by", "text"), ("stance", "pl_stance", "text"), ("flags", "pl_flags", "text"), ("sentence", "pl_sentence", "text"),
)  # fmt: skip
PROMISED: Final = (
    ("pledge", "pl_pledge", "text"), ("title", "pl_title", "text"), ("promised", "pl_promised", "text"),
    ("by", "pl_by", "text"), ("delivered", "pl_delivered", "text"), ("state", "pl_state", "text"),
    ("ratio", "pl_ratio", "ratio"), ("claim", "pl_claim", "text"), ("firmness", "pl_firmness", "text"),
    ("actor", "pl_actor", "text"),
)  # fmt: skip
EVIDENCE: Final = (
    ("pledge", "pl_pledge", "text"), ("document", "pl_document", "text"), ("date", "pl_published", "text"),
    ("sentence", "pl_sentence", "text"),
)  # fmt: skip
ASKED: Final = (
    ("pledge", "pl_pledge", "text"), ("measure", "pl_measure", "text"), ("source", "pl_source", "text"),
    ("why", "pl_why", "text"), ("query", "pl_query", "text"),  # the longest last: there a page wraps it
)  # fmt: skip
GAPS: Final = (("pledge", "pl_pledge", "text"), ("title", "pl_title", "text"), ("gap", "pl_gap", "text"))
_QUOTED: Final = 300  # characters of a sentence in a table


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that a pledge rests on."""

    document: str  # its name
    published: date | None
    quote: str


@dataclass(frozen=True, slots=True)
class Promise:
    """A pledge beside what the records show of it at a date."""

    pledge: Pledge
    state: Delivery
    value: int | None  # delivered, in `unit`; None: no record
    unit: str
    ratio_milli: int | None  # of what was promised
    why: str  # the state in a sentence
    query: str  # what was asked of the records
    source: str  # whose record
    evidence: tuple[Evidence, ...] = ()
    disputes: tuple[str, ...] = ()  # what contradicts it, in words
    revisions: int = 0


def mentions_table(pairs: Iterable[tuple[Document, Mention]], words: Words) -> Table:
    """What documents say: who, what, how much, by when, in which stance, and the sentence."""
    rows = [mention_row(document, mention, words) for document, mention in pairs]
    return Table("mentions", words("pl_read"), _columns(READ, words), rows)


def mention_row(document: Document, mention: Mention, words: Words) -> dict[str, Value]:
    """A mention under the keys of READ."""
    text, amount = document.text, mention.amount
    spans = {"actor": mention.actor, "period": mention.period}
    said = {k: text[s.span.start : s.span.end] if s else "" for k, s in spans.items()}
    total = sum_text(amount.low, amount.high, amount.unit, amount.bound, words) if amount else words("pl_milestone")
    if mention.other is not None:
        other = mention.other
        total = f"{total} ({sum_text(other.low, other.high, other.unit, other.bound, words)})"
    until = mention.period.until if mention.period else None
    return {
        "document": document.name.rpartition("/")[2], "actor": (mention.actor and mention.actor.known) or said["actor"] or None,
        "sum": total, "by": until.isoformat() if until else said["period"] or None, "stance": words(mention.stance),
        "flags": ", ".join(mention.flags) or None, "sentence": _short(mention.quote(text)),
    }  # fmt: skip


def promises_table(promises: Sequence[Promise], words: Words) -> Table:
    """Promised beside delivered, a row a pledge."""
    return Table("pledges", words("pl_promises"), _columns(PROMISED, words), [_promise_row(p, words) for p in promises])


def _promise_row(promise: Promise, words: Words) -> dict[str, Value]:
    pledge = promise.pledge
    promised = (
        words("pl_milestone")
        if pledge.kind is Kind.MILESTONE
        else sum_text(pledge.low, pledge.high, pledge.unit, pledge.bound, words)
    )
    known = promise.value is not None
    return {
        "pledge": pledge.id, "title": pledge.title, "actor": pledge.actor, "promised": promised,
        "by": pledge.deadline.isoformat() if pledge.deadline else None,
        "delivered": sum_text(promise.value, promise.value, promise.unit, Bound.EXACT, words) if known else words("no_record"),
        "ratio": promise.ratio_milli / MILLI if promise.ratio_milli is not None else None,
        "state": words(promise.state), "firmness": words(pledge.firmness), "claim": words(pledge.claim),
    }  # fmt: skip


def pledges_section(promises: Sequence[Promise], words: Words) -> Section:
    """Promised beside delivered, with the sentences below: a section of another report."""
    shown = [promises_table(promises, words), evidence_table(promises, words)]
    return Section("pledges", words("pl_promises"), words("pl_promises_lead"), shown)


def pledges_report(promises: Sequence[Promise], programme: str, as_of: date, language: str = "en") -> Report:
    """The page: all pledges, then by aim the evidence and what was asked of the records, then the gaps."""
    words = Words(language)
    live = [p for p in promises if p.state not in (Delivery.SUPERSEDED, Delivery.WITHDRAWN)]
    aims = [(kind, [p for p in live if p.pledge.kind is kind]) for kind in Kind]
    return Report(
        title=words("pl_title_of", programme=programme, date=as_of.isoformat()),
        language=language,
        facts=[(words("pl_as_of"), as_of.isoformat())],
        findings=_findings(live, words),
        comparison=promises_table(promises, words),
        sections=[*(_aim(kind, some, words) for kind, some in aims if some), *_gaps(live, words)],
        mark="pl_report",
        lead="pl_promises_lead",
    )


def _findings(live: Sequence[Promise], words: Words) -> list[str]:
    count = {state: sum(p.state is state for p in live) for state in Delivery}
    going = count[Delivery.IN_PROGRESS] + count[Delivery.NOT_DUE]
    said = {
        "kept": count[Delivery.KEPT],
        "partly": count[Delivery.PARTLY],
        "silent": count[Delivery.NO_RECORD],
        "missed": count[Delivery.MISSED],
    }
    found = [words("pl_find_count", count=len(live), going=going, **said)]
    disputed = sum(p.pledge.claim == "disputed" for p in live)
    return [*found, words("pl_find_disputed", count=disputed)] if disputed else found


def _aim(kind: Kind, some: Sequence[Promise], words: Words) -> Section:
    return Section(f"aim_{kind}", words(f"pl_aim_{kind}"), "", [evidence_table(some, words), asked_table(some, words)])


def asked_table(promises: Sequence[Promise], words: Words) -> Table:
    """What was asked of the records for each pledge, and what that says."""
    rows: list[dict[str, Value]] = [
        {"pledge": p.pledge.id, "measure": p.pledge.measure or None, "why": p.why, "query": p.query or None,
         "source": p.source or None}
        for p in promises
    ]  # fmt: skip
    return Table("asked", words("pl_asked"), _columns(ASKED, words), rows)


def evidence_table(promises: Sequence[Promise], words: Words) -> Table:
    """The sentences that pledges rest on."""
    rows: list[dict[str, Value]] = [
        {"pledge": p.pledge.id, "document": e.document.rpartition("/")[2], "date": e.published.isoformat() if e.published else None,
         "sentence": _short(e.quote)}
        for p in promises
        for e in p.evidence
    ]  # fmt: skip
    return Table("evidence", words("pl_evidence"), _columns(EVIDENCE, words), rows)


def _gaps(live: Sequence[Promise], words: Words) -> list[Section]:
    rows: list[dict[str, Value]] = [
        {"pledge": p.pledge.id, "title": p.pledge.title, "gap": gap} for p in live for gap in _gaps_of(p, words)
    ]
    table = Table("gaps", words("pl_gaps"), _columns(GAPS, words), rows)
    return [Section("gaps", words("pl_gaps"), words("pl_gaps_lead"), [table])] if rows else []


def _gaps_of(promise: Promise, words: Words) -> list[str]:
    found = []
    if promise.state is Delivery.NO_RECORD:
        found = [promise.why if promise.pledge.measure else words("pl_gap_record")]
    found += [words("pl_gap_deadline")] if promise.pledge.deadline is None else []
    return found + list(promise.disputes)


def _columns(names: Sequence[tuple[str, str, str]], words: Words) -> tuple[Column, ...]:
    return tuple(Column(key, words(label), form) for key, label, form in names)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTED else f"{flat[: _QUOTED - 1]}…"
