"""The review: what documents say waits in a queue; one person proposes what to make of it, and another confirms it.

Nobody completes a decision alone: whoever corrects a proposal proposes anew, and waits for another in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from django.db import transaction

from dure.app.access import Action, Actor, Forbidden, NotFound, require
from dure.errors import InputError, InvariantBroken
from dure.mentions.model import Mention, Stance
from dure.pledges.claims import bears_out
from dure.pledges.folding import Accept, Link
from dure.pledges.linking import PledgeLink, Said, suggest, suggest_for, values_of
from dure.pledges.model import Firmness
from dure.store import models
from dure.store.documents import from_json, to_json
from dure.tracking import decided
from dure.tracking.decided import Dismiss, Taken
from dure.tracking.findings import findings_among, rates
from dure.tracking.stored import day_of, digest_of, origins, said, said_of

QUEUED: Final = 200  # mentions of a queue, unless more are asked for
_FIRST: Final = (Stance.UNCLEAR, Stance.COMMITMENT, Stance.AIM, Stance.FACT, Stance.OPINION)
_FIRM: Final = {"budget": Firmness.BUDGETED, "law": Firmness.LEGISLATED}
_TITLE: Final = 160  # characters of the sentence that a draft takes
_OF_MENTION: Final = (Accept, Link, Dismiss)  # decisions that are about one


@dataclass(frozen=True, slots=True)
class Suggested:
    """A link that may be made: of a mention to a pledge that is there, or to another mention of the queue."""

    to: str  # a pledge's id, or "mention 12"
    relation: str
    score_milli: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Queued:
    """A mention that nobody decided about."""

    seq: int
    said: Said
    draft: Accept  # what accepting it would say
    suggestions: tuple[Suggested, ...]
    findings: tuple[str, ...]  # reasons not to believe it
    also_in: tuple[str, ...]  # names of copies of its page that say the same
    proposals: tuple[models.PledgeProposal, ...]  # that wait for a second person


# 1. The queue


def queue(actor: Actor, now: int, *, limit: int = QUEUED) -> list[Queued]:
    """What waits for a decision, those whose stance is unclear first; each sum once, however many copies its page has."""
    _require_reviewer(actor)
    waiting, also_in = _once(decided.settled_mentions())
    chosen = sorted(waiting, key=lambda seq: (_FIRST.index(waiting[seq].mention.stance), seq))[:limit]
    shown = {seq: waiting[seq] for seq in chosen}
    suggestions, findings, drafts = _suggested(shown, now), _findings(shown), drafted(shown, now)
    proposed: dict[int, list[models.PledgeProposal]] = {}
    for row in models.PledgeProposal.objects.filter(mention__in=chosen, decision=None).order_by("seq"):
        proposed.setdefault(row.mention_id, []).append(row)
    return [
        Queued(
            seq, one, drafts[seq], tuple(suggestions.get(seq, ())), tuple(findings.get(seq, ())),
            tuple(also_in.get(seq, ())), tuple(proposed.get(seq, ())),
        )
        for seq, one in shown.items()
    ]  # fmt: skip


def _require_reviewer(actor: Actor) -> None:
    require(actor, Action.READ_PLEDGE)
    if actor.reach(Action.EDIT_PLEDGE) is None:
        raise Forbidden("the queue: only auditor or compliance or office")


def _once(settled: set[int]) -> tuple[dict[int, Said], dict[int, list[str]]]:
    """The undecided mentions without those that a copy repeats, and for each the pages that do."""
    everything, origin = said_of(), origins()
    first: dict[tuple[Any, ...], int] = {}
    waiting: dict[int, Said] = {}
    also_in: dict[int, list[str]] = {}
    for seq in sorted(everything, key=lambda s: (_repeats(everything[s], origin), s)):
        one = everything[seq]
        key = (origin[one.document.sha256], *_says(one))
        if _repeats(one, origin) and key in first:
            also_in.setdefault(first[key], []).append(one.document.name)
        else:
            first.setdefault(key, seq)
            if seq not in settled:
                waiting[seq] = one
    return waiting, also_in


def _repeats(one: Said, origin: Mapping[str, str]) -> bool:
    return origin[one.document.sha256] != one.document.sha256


def _says(one: Said) -> tuple[Any, ...]:
    """What makes two mentions of copies the same statement; a copy with another sum is none."""
    mention = one.mention
    until = mention.period.until if mention.period else None
    sentence = " ".join(one.sentence.split()) if mention.amount is None else ""
    return one.actor, mention.kind, values_of(mention), until, mention.stance, sentence


def _suggested(shown: Mapping[int, Said], now: int) -> dict[int, list[Suggested]]:
    seqs, sayings = list(shown), list(shown.values())
    found: dict[int, list[Suggested]] = {}
    for link in _to_pledges(sayings, now):
        one = Suggested(link.pledge, link.relation, link.score_milli, link.reasons)
        found.setdefault(seqs[link.mention], []).append(one)
    for pair in suggest(sayings, rates()):
        for own, other in ((pair.first, pair.second), (pair.second, pair.first)):
            one = Suggested(f"mention {seqs[other]}", pair.relation, pair.score_milli, pair.reasons)
            found.setdefault(seqs[own], []).append(one)
    return found


def _to_pledges(sayings: Sequence[Said], now: int) -> list[PledgeLink]:
    decisions = decided.confirmed()
    linked = decided.mentions_of(decisions)
    there = said_of(seq for seqs in linked.values() for seq in seqs)
    pledges = decided.standing(day_of(now)).values()
    words = {id: " ".join(there[seq].sentence for seq in seqs if seq in there) for id, seqs in linked.items()}
    return suggest_for([(pledge, words.get(pledge.id, "")) for pledge in pledges], sayings, rates())


def _findings(shown: Mapping[int, Said]) -> dict[int, list[str]]:
    """For each mention what contradicts it, within its page and among the others."""
    places = {(one.mention.document, one.mention): seq for seq, one in shown.items()}
    found: dict[int, list[str]] = {}
    for finding in findings_among(list(shown.values())):
        for mention in finding.mentions:
            seq = places.get((mention.document, mention))
            if seq is not None:
                found.setdefault(seq, []).append(f"{finding.kind}: {finding.why}")
    return found


def drafted(shown: Mapping[int, Said], now: int) -> dict[int, Accept]:
    """What accepting each mention would say, before anybody changes it."""
    return {seq: _draft(seq, one, now) for seq, one in shown.items()}


def _draft(seq: int, one: Said, now: int) -> Accept:
    mention, page = one.mention, one.document
    amount, period = mention.amount, mention.period
    flat = " ".join(one.sentence.split())
    return Accept(
        pledge=f"p{seq}", on=min(page.published or day_of(now), day_of(now)), sequence=0, mention=str(seq),
        title=flat if len(flat) <= _TITLE else f"{flat[: _TITLE - 1]}…", actor=one.actor[:200], kind=mention.kind,
        low=amount.low if amount else 1, high=amount.high if amount else 1, unit=amount.unit if amount else "",
        begin=period.begin if period else None, deadline=period.until if period else None, made=page.published,
        firmness=_firmness(mention), **({"bound": amount.bound} if amount else {}),
    )  # fmt: skip


def _firmness(mention: Mention) -> Firmness:
    if mention.stance is Stance.AIM:
        return Firmness.AIM
    return _FIRM.get(mention.instrument, Firmness.STATEMENT)


# 2. Two keys a decision


def accept(actor: Actor, mention: int, now: int, changes: Mapping[str, Any] | None = None) -> models.PledgeProposal:
    """Propose to make a pledge of a mention, by its draft; `changes` corrects fields of it (`folding.Accept`)."""
    require(actor, Action.EDIT_PLEDGE)
    draft = drafted({mention: said(mention)}, now)[mention]
    unknown = set(changes or {}) - {f.name for f in fields(Accept)} | set(changes or {}) & {"mention", "sequence", "by"}
    if unknown:
        raise InputError("not to be changed", field=", ".join(sorted(unknown)))
    return propose(actor, from_json(Accept, {**to_json(draft), **(changes or {})}), now)


def dismiss(actor: Actor, mention: int, why: str, now: int) -> models.PledgeProposal:
    """Propose that a mention is no promise."""
    return propose(actor, Dismiss(on=day_of(now), sequence=0, mention=str(mention), why=why), now)


def link(actor: Actor, mention: int, pledge: str, now: int, *, why: str = "") -> models.PledgeProposal:
    """Propose that a mention speaks of a pledge. Whether it bears it out is found here: another page that says the same."""
    require(actor, Action.EDIT_PLEDGE)
    one = said(mention)
    day = min(one.document.published or day_of(now), day_of(now))
    begun = [d.on for d in decided.confirmed(pledge) if isinstance(d, Accept)]
    taken = Link(
        pledge=pledge, on=max([day, *begun]), sequence=0, mention=str(mention), why=why,
        independent=_independent(one, pledge), published=one.document.published,
    )  # fmt: skip
    return propose(actor, taken, now)


def _independent(one: Said, pledge: str) -> bool:
    """Whether a mention bears out the pledge's first, from a page and a publisher that none of those linked is of."""
    linked = decided.mentions_of(decided.confirmed(pledge)).get(pledge, [])
    there = said_of(linked)
    return bears_out([there[seq] for seq in linked], one, copies=origins(), rates=rates())


@transaction.atomic
def propose(actor: Actor, decision: Taken, now: int, *, note: str = "") -> models.PledgeProposal:
    """Propose a decision; nothing follows until somebody else confirms it. Raises InputError for one that cannot be taken."""
    require(actor, Action.EDIT_PLEDGE)
    decided.lock()
    return _propose(actor, decision, now, note)


def _propose(
    actor: Actor, decision: Taken, now: int, note: str, corrects: models.PledgeProposal | None = None
) -> models.PledgeProposal:
    decided.check(decision, now)
    _takeable(decision)
    row = decided.proposal_of(decision, actor.user, note or decision.why, now)
    row.corrects = corrects
    row.save(force_insert=True)
    decided.log("propose", row, actor.user, now)
    return row


def _takeable(decision: Taken) -> None:
    """Raises InputError where what is decided by now, or the mention that is named, stands against it."""
    mention = getattr(decision, "mention", "")
    if isinstance(decision, _OF_MENTION) and not mention:
        raise InputError("it is about a mention", field="mention", accepted="the number of one")
    if mention:
        if not (mention.isascii() and mention.isdigit() and len(mention) < 16 and said_of([int(mention)])):
            raise InputError("no such mention", field="mention", value=mention)
        if isinstance(decision, _OF_MENTION) and int(mention) in decided.settled_mentions():
            raise InputError("it is decided about already", field="mention", value=mention, accepted="one of the queue")
    if why := decided.refusal(decision):
        raise InputError(f"cannot be taken: {why}", field="pledge", value=decision.pledge)


@transaction.atomic
def confirm(actor: Actor, proposal: int, now: int, *, note: str = "") -> models.PledgeDecision:
    """The second person's yes: from here on it counts. Raises Forbidden for whoever proposed it, NotFound for one that is
    decided, InputError where it can no longer be taken."""
    require(actor, Action.EDIT_PLEDGE)
    row = _open(proposal)
    if row.by == actor.user:
        raise Forbidden("it takes a second person: you proposed it yourself")
    if digest_of(row.body) != row.digest:
        raise InvariantBroken(f"proposal {row.seq} is not what was proposed")
    _takeable(decided.body_of(row))
    return _settle(row, True, actor.user, note, now)


@transaction.atomic
def refuse(actor: Actor, proposal: int, note: str, now: int) -> models.PledgeDecision:
    """No to a proposal, with the reason; its own author may take it back."""
    require(actor, Action.EDIT_PLEDGE)
    _reason(note)
    return _settle(_open(proposal), False, actor.user, note, now)


@transaction.atomic
def correct(actor: Actor, proposal: int, decision: Taken, note: str, now: int) -> models.PledgeProposal:
    """No to a proposal, and a better one in its place; that waits for somebody else than whoever corrects."""
    require(actor, Action.EDIT_PLEDGE)
    _reason(note)
    row = _open(proposal)
    _settle(row, False, actor.user, note, now)
    return _propose(actor, decision, now, note, corrects=row)


@transaction.atomic
def amend(actor: Actor, proposal: int, changes: Mapping[str, Any], note: str, now: int) -> models.PledgeProposal:
    """`correct`, by the fields that differ. Raises InputError for none, or for what a correction may not change."""
    require(actor, Action.EDIT_PLEDGE)
    row = _open(proposal)
    if not changes:
        raise InputError("nothing differs", field="changes", accepted="a field of the decision, as deadline")
    if fixed := set(changes) & {"mention", "sequence", "by"}:
        raise InputError("not to be changed", field=", ".join(sorted(fixed)))
    return correct(actor, proposal, decided.decision_from(row.kind, {**row.body, **changes}), note, now)


def proposals(actor: Actor, *, pledge: str = "") -> list[models.PledgeProposal]:
    """What waits for a second person, oldest first."""
    _require_reviewer(actor)
    rows = models.PledgeProposal.objects.filter(decision=None).select_related("mention").order_by("seq")
    return list(rows.filter(pledge=pledge) if pledge else rows)


def _reason(note: str) -> None:
    if not note.strip():
        raise InputError("it takes a reason", field="note")


def _open(proposal: int) -> models.PledgeProposal:
    decided.lock()
    row = models.PledgeProposal.objects.filter(seq=proposal, decision=None).first()
    if row is None:
        raise NotFound("open proposal", str(proposal))
    return row


def _settle(row: models.PledgeProposal, yes: bool, by: str, note: str, now: int) -> models.PledgeDecision:
    made: models.PledgeDecision = models.PledgeDecision.objects.create(
        proposal=row, confirmed=yes, by=row.by, second=by, note=note, at_utc_s=now
    )
    decided.log("confirm" if yes else "refuse", row, by, now, made.seq)
    return made


def both(first: Actor, second: Actor, decisions: Iterable[Taken], now: int) -> None:
    """What one person proposes, another confirms, one decision after the other."""
    for decision in decisions:
        confirm(second, propose(first, decision, now).seq, now)
