"""Pledges: what was promised in public, and what the records show of it; and their review, where two people decide."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import ConfigDict

from dure.app.access import Action, require
from dure.errors import InputError
from dure.pledges.delivery import Moment
from dure.pledges.folding import Accept, Decision
from dure.pledges.linking import Said as Saying
from dure.store import models
from dure.store.documents import to_json
from dure.tracking import decided, importing, reporting, reviewing, tracking
from dure.tracking.decided import Taken
from dure.tracking.reading import Readings, mention_json
from dure.tracking.stored import day_of, said
from dure.web.jobs import Said
from dure.web.requests import Asked, Shown, Strict, before, now
from dure.web.sent import Sent, page_sent

router = Router()

_WORDS: Final = ("new", "known")  # what became of a document

AsOf = Annotated[str, Query("", max_length=10, description="the day to look at, as 2026-07-01; else today")]


class PledgeShown(Shown):
    """A promise as it stands: the fold of what two people decided. Sums are whole numbers of `unit`, money in minor units."""

    id: str
    title: str
    actor: str
    kind: str
    low: int
    high: int
    unit: str
    bound: str
    begin: date | None
    deadline: date | None
    made: date | None
    firmness: str
    claim: str
    measure: str
    scope: str
    supersedes: str
    superseded_by: str
    part_of: str
    withdrawn: bool
    revisions: int
    disputes: list[str]


class Promised(Shown):
    """A pledge beside what the records show of it: `value` in `unit`, `ratio_milli` of what was promised. Null: no record."""

    pledge: PledgeShown
    state: str
    value: int | None
    unit: str
    ratio_milli: int | None
    why: Said
    asked: Said | None  # of the records, in words; null: nothing measures it
    query: str  # the same as it was computed
    source: str
    contradictions: list[str]


class Statement(Shown):
    """A statement of a document. Offsets count characters of its text; `says` has every part with its own offsets and text."""

    document: str
    name: str
    published: date | None
    language: str
    sentence: str
    start: int
    end: int
    kind: str
    stance: str
    actor: str
    says: dict[str, Any]


class Held(Shown):
    """A decision in force, and what it says beside its reason."""

    kind: str
    on: date
    why: str
    says: dict[str, Any]


class Odd(Shown):
    """What contradicts a pledge, or is odd in a document that it rests on, while nobody settled it."""

    kind: str
    why: str
    documents: list[str]


class Happened(Shown):
    """A day in the life of a pledge, and how it stood at its end; without values once it is rejected."""

    on: date
    what: str
    why: str
    low: int | None
    high: int | None
    unit: str
    claim: str
    state: str
    value: int | None


class Whole(Promised):
    """A pledge with all that it rests on."""

    mentions: list[Statement]
    decisions: list[Held]
    findings: list[Odd]
    timeline: list[Happened]


class Proposal(Shown):
    """What one person proposes to decide. Nothing follows until somebody else confirms it."""

    seq: int
    kind: str
    pledge: str
    mention: int | None
    says: dict[str, Any]
    by: str
    note: str
    at_utc_s: int


class Decided(Shown):
    """What became of a proposal, once, and by whom."""

    seq: int
    confirmed: bool
    proposal: Proposal
    second: str
    note: str
    at_utc_s: int


class Near(Shown):
    """A link that may be made: to a pledge by its id, or to another mention ("mention 12")."""

    to: str
    relation: str
    score_milli: int
    reasons: list[str]


class Waiting(Shown):
    """A mention that nobody decided about; `draft` is what accepting it would say."""

    mention: int
    statement: Statement
    draft: dict[str, Any]
    suggestions: list[Near]
    findings: list[str]
    also_in: list[str]
    proposals: list[Proposal]


class Kept(Shown):
    """What became of a document: new, or known from before; of which other it is a copy; how many mentions now wait."""

    name: str
    state: str
    copy_of: str
    mentions: int


class PledgeProposed(Asked):
    """A decision: its kind, of which pledge or mention it is, and its other fields."""

    model_config = ConfigDict(extra="allow")

    kind: str
    pledge: str | None = None
    mention: int | None = None


class Correction(Asked):
    """The fields that differ, and why."""

    changes: dict[str, str | int | None]
    note: str


class Note(Asked):
    """Why."""

    note: str


# ---- to read: everybody -------------------------------------------------------------------------------------------------


@router.get("/pledges", response=list[Promised])
def list_pledges(request: HttpRequest, as_of: AsOf = "") -> list[dict[str, Any]]:
    """The pledges at a day, in the order of their acceptance, each beside what the records show of it."""
    at = now()
    return [_promised(one) for one in tracking.track(request.actor, _day(as_of, at), at)]


@router.get("/pledges/queue", response=list[Waiting])
def list_queue(
    request: HttpRequest,
    limit: Annotated[int, Query(reviewing.QUEUED, ge=1, le=1000, description="mentions at most")] = reviewing.QUEUED,
) -> list[dict[str, Any]]:
    """The mentions that wait for a decision, the unclear first, with the links and contradictions that were found."""
    return [_waiting(one) for one in reviewing.queue(request.actor, now(), limit=limit)]


@router.get("/pledges/proposals", response=list[Proposal])
def list_proposals(
    request: HttpRequest, pledge: Annotated[str, Query("", max_length=60, description="of this one alone")] = ""
) -> list[dict[str, Any]]:
    """What waits for a second person, oldest first."""
    return [_proposal(row) for row in reviewing.proposals(request.actor, pledge=pledge)]


# ---- to review: two people ----------------------------------------------------------------------------------------------


@router.post(
    "/pledges/documents",
    response={201: Kept},
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Sent.model_json_schema()}}}
    },
)
@before(page_sent)
def import_document(request: HttpRequest) -> dict[str, Any]:
    """Keep a document and what it says, for review; one that cannot be read is refused with the reason."""
    page = page_sent(request)
    document = page.document
    done = importing.import_documents(request.actor, Readings((page,), ()), now())
    copy_of = done.copies[0][1] if done.copies else ""
    return {"name": document.name, "state": _WORDS[not done.new], "copy_of": copy_of, "mentions": done.mentions}


@router.post("/pledges/proposals", response={201: Proposal})
def propose(request: HttpRequest, proposed: Annotated[PledgeProposed, Strict(...)]) -> dict[str, Any]:
    """Propose a decision of any kind on a mention (`accept`, `dismiss`, `link`) or a pledge; without `on` it holds from today."""
    require(request.actor, Action.EDIT_PLEDGE)  # before it tells which mentions there are
    at, fields = now(), dict(proposed.model_extra or {})
    if refused := {"by", "sequence", "independent"} & set(
        fields
    ):  # who decides and what bears it out is found, not said
        raise InputError("no such field", field=", ".join(sorted(refused)))
    if proposed.kind == "link":
        return _proposal(_link(request, proposed, fields, at))
    return _proposal(reviewing.propose(request.actor, _decision(proposed, fields, at), at))


def _link(request: HttpRequest, proposed: PledgeProposed, fields: dict[str, Any], at: int) -> models.PledgeProposal:
    """A link, whose day and independence come from the mention's document."""
    why = fields.pop("why", "")
    if fields or not isinstance(why, str):
        raise InputError("no such field", field=", ".join(sorted(fields)) or "why", accepted="mention, pledge, why")
    return reviewing.link(request.actor, _mention(proposed), proposed.pledge or "", at, why=why)


def _decision(proposed: PledgeProposed, fields: dict[str, Any], at: int) -> Taken:
    """The decision that a body says; of an accepted mention the fields that are not sent are its draft's."""
    given = dict(fields)
    if proposed.pledge is not None:
        given["pledge"] = proposed.pledge
    if proposed.mention is not None:
        given["mention"] = str(proposed.mention)
    started: dict[str, Any] = {"on": day_of(at).isoformat()}
    if proposed.kind == "accept":
        mention = _mention(proposed)
        started = _says(reviewing.drafted({mention: said(mention)}, at)[mention])
    decision = decided.decision_from(proposed.kind, {**started, **given})
    _as_given(given, to_json(decision))
    return decision


def _mention(proposed: PledgeProposed) -> int:
    if proposed.mention is None:
        raise InputError("it is about a mention", field="mention", accepted="the number of one")
    return proposed.mention


def _as_given(given: Mapping[str, Any], taken: Mapping[str, Any]) -> None:
    """Raises InputError for a value that was taken for another than was sent, as "3" for 3."""
    for name, value in given.items():
        if type(taken[name]) is not type(value) or taken[name] != value:
            shown = value if isinstance(value, str | int) else None
            raise InputError("not of the type that is meant", field=name, value=shown)


@router.post("/pledges/proposals/{seq}/correct", response={201: Proposal})
def correct(request: HttpRequest, seq: int, sent: Annotated[Correction, Strict(...)]) -> dict[str, Any]:
    """Refuse a proposal and propose it anew with other fields, for somebody else to confirm; what was read stays as it is."""
    require(request.actor, Action.EDIT_PLEDGE)
    if "independent" in sent.changes:
        raise InputError("no such field", field="independent")
    row = reviewing.amend(request.actor, seq, sent.changes, sent.note, now())
    return _proposal(row)


@router.post("/pledges/proposals/{seq}/confirm", response=Decided)
def confirm(request: HttpRequest, seq: int) -> dict[str, Any]:
    """The second person's yes: from here on it counts."""
    return _settled(reviewing.confirm(request.actor, seq, now()))


@router.post("/pledges/proposals/{seq}/refuse", response=Decided)
def refuse(request: HttpRequest, seq: int, answer: Note) -> dict[str, Any]:
    """No to a proposal, with the reason; its author may take it back."""
    return _settled(reviewing.refuse(request.actor, seq, answer.note, now()))


# Last: it would take the names of the others for ids.


@router.get("/pledges/{id}", response=Whole)
def read_pledge(request: HttpRequest, id: str, as_of: AsOf = "") -> dict[str, Any]:
    """One pledge at a day: the sentences it rests on, what was decided, what contradicts it, its life up to then."""
    at = now()
    found, life = tracking.track_one(request.actor, id, _day(as_of, at), at)
    shown = found.shown
    names = {one.document.sha256: one.document.name for one in shown.said}
    return {
        **_promised(found), "mentions": [_statement(one) for one in shown.said],
        "decisions": [_held(decision) for decision in shown.decisions],
        "findings": [
            {"kind": f.kind, "why": f.why, "documents": sorted({names.get(m.document, "") for m in f.mentions} - {""})}
            for f in shown.findings
        ],
        "timeline": [_happened(moment) for moment in life],
    }  # fmt: skip


# ---- to show ------------------------------------------------------------------------------------------------------------


def _day(text: str, at: int) -> date:
    """The day that a query names; today for none. Raises InputError."""
    try:
        day = date.fromisoformat(text) if text else day_of(at)
    except ValueError:
        day = None
    if day is None or text not in ("", day.isoformat()):
        raise InputError("not a date", field="as_of", value=text, accepted="a date as 2026-07-01")
    return day


def _promised(one: tracking.Tracked) -> dict[str, Any]:
    asked, delivered = one.asked, one.delivered
    return {
        "pledge": PledgeShown.model_validate(one.pledge), "state": delivered.state, "value": delivered.value,
        "unit": asked.figure.unit if asked else one.pledge.unit, "ratio_milli": delivered.ratio_milli,
        "why": Said(ko=reporting.why(one, "ko"), en=reporting.why(one, "en")),
        "asked": Said(ko=asked.words.ko, en=asked.words.en) if asked else None,
        "query": asked.figure.query if asked else "", "source": asked.figure.source if asked else "",
        "contradictions": list(one.shown.contradictions),
    }  # fmt: skip


def _statement(one: Saying) -> dict[str, Any]:
    page, mention = one.document, one.mention
    return {
        "document": page.sha256, "name": page.name, "published": page.published, "language": page.language,
        "sentence": one.sentence, "start": mention.sentence.start, "end": mention.sentence.end, "kind": mention.kind,
        "stance": mention.stance, "actor": one.actor, "says": mention_json(page, mention),
    }  # fmt: skip


def _says(decision: Decision | Accept) -> dict[str, Any]:
    """A decision's fields, but for its place and who took it."""
    return {k: v for k, v in to_json(decision).items() if k not in ("sequence", "by")}


def _held(decision: Decision) -> dict[str, Any]:
    says = {k: v for k, v in _says(decision).items() if k not in ("pledge", "on", "why") and v not in (None, "", [])}
    return {"kind": decided.kind_of(decision), "on": decision.on, "why": decision.why, "says": says}


def _happened(moment: Moment) -> dict[str, Any]:
    pledge, delivered = moment.pledge, moment.delivered
    return {
        "on": moment.on, "what": moment.what, "why": moment.why, "low": pledge.low if pledge else None,
        "high": pledge.high if pledge else None, "unit": pledge.unit if pledge else "",
        "claim": pledge.claim if pledge else "", "state": delivered.state if delivered else "",
        "value": delivered.value if delivered else None,
    }  # fmt: skip


def _proposal(row: models.PledgeProposal) -> dict[str, Any]:
    return {
        "seq": row.seq, "kind": row.kind, "pledge": row.pledge, "mention": row.mention_id, "says": row.body, "by": row.by,
        "note": row.note, "at_utc_s": row.at_utc_s,
    }  # fmt: skip


def _settled(row: models.PledgeDecision) -> dict[str, Any]:
    return {
        "seq": row.seq, "confirmed": row.confirmed, "proposal": _proposal(row.proposal), "second": row.second,
        "note": row.note, "at_utc_s": row.at_utc_s,
    }  # fmt: skip


def _waiting(one: reviewing.Queued) -> dict[str, Any]:
    return {
        "mention": one.seq, "statement": _statement(one.said), "draft": _says(one.draft), "suggestions": one.suggestions,
        "findings": list(one.findings), "also_in": list(one.also_in), "proposals": [_proposal(p) for p in one.proposals],
    }  # fmt: skip
