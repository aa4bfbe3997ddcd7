"""Decisions as they are kept: a proposal of one person, in force once another confirmed it. The list is their fold.

Every proposal, confirmation and refusal has its entry in the audit log, with the digest of what was decided; `faults` holds
the tables against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Final, TypeAlias

from dure.errors import InputError, UnknownName
from dure.mentions.model import UNITS
from dure.pledges import folding
from dure.pledges.delivery import measure_refused
from dure.pledges.folding import Decision, fold
from dure.pledges.model import Pledge
from dure.store import audit, models
from dure.store.documents import from_json, to_json
from dure.tracking.stored import day_of, digest_of, storable


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismiss(folding.Decided):
    """A mention is no promise, and leaves the queue. `pledge` is empty."""

    mention: str
    pledge: str = ""


Taken: TypeAlias = Decision | Dismiss
KINDS: Final[dict[str, type[Taken]]] = {
    cls.__name__.lower(): cls
    for cls in (
        folding.Accept, folding.Correct, folding.Revise, folding.Reject, folding.Link, folding.Dispute, folding.Support,
        folding.Unsupport, folding.Firm, folding.Measured, folding.Supersede, folding.Part, folding.Withdraw, folding.Outside, Dismiss,
    )
}  # fmt: skip
TWO_PEOPLE: Final = "two people"  # who decided, wherever everybody may read it
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_TAKEN: Final = ("queue", "proposals", "documents")  # addresses of the API
_UNITS: Final = (*UNITS, "units")  # those of awards, too: pages seldom speak of them, measures do
_CURRENCY = re.compile(r"[A-Z]{3}")


def kind_of(decision: Taken) -> str:
    """The name of its kind."""
    return type(decision).__name__.lower()


def decision_from(kind: str, body: Mapping[str, Any]) -> Taken:
    """A decision from JSON values, as an API gives them. Raises UnknownName, and InputErrors with every fault."""
    cls = KINDS.get(kind)
    if cls is None:
        raise UnknownName("kind of decision", kind, KINDS)
    unknown = set(body) - {f.name for f in fields(cls)}
    if unknown:
        raise InputError("no such field", field=", ".join(sorted(unknown)), accepted=", ".join(_told(cls)))
    return from_json(cls, {"sequence": 0, **body})


def _told(cls: type[Taken]) -> list[str]:
    return [f.name for f in fields(cls) if f.name not in ("sequence", "by")]


def check(decision: Taken, now: int) -> None:
    """Raises InputError for a decision that could not be kept, or be taken by anybody."""
    for field in fields(decision):
        value = getattr(decision, field.name)
        if why := storable(value):
            raise InputError(why, field=field.name, value=value if isinstance(value, int) else None)
    if decision.on > day_of(now):
        raise InputError("lies in the future", field="on", value=decision.on, accepted=f"at most {day_of(now)}")
    if not isinstance(decision, Dismiss) and (decision.pledge in _TAKEN or not _ID.fullmatch(decision.pledge)):
        raise InputError("not the id of a pledge", field="pledge", value=decision.pledge, accepted="a-z, 0-9 and -; 60")
    unit = getattr(decision, "unit", None)
    if unit and unit not in _UNITS and not _CURRENCY.fullmatch(unit):
        raise InputError("not a unit", field="unit", value=unit, accepted=f"a currency, {', '.join(_UNITS)}")


def refusal(decision: Taken) -> str:
    """Why a decision cannot be taken on the pledges as they stand on its day; "" where it can."""
    if isinstance(decision, Dismiss):
        return ""
    state = standing(decision.on)
    why = folding.refusal(state, decision)
    if not why and isinstance(decision, folding.Measured):
        why = measure_refused(state[decision.pledge], decision.measure)
    return why


def confirmed(pledge: str | None = None) -> list[Decision]:
    """The decisions in force, oldest first; of one pledge, or all. Who took them is not in them."""
    rows = models.PledgeDecision.objects.filter(confirmed=True).exclude(proposal__kind="dismiss")
    if pledge is not None:
        rows = rows.filter(proposal__pledge=pledge)
    return [decision_at(row) for row in rows.select_related("proposal").order_by("seq")]


def decision_at(row: models.PledgeDecision) -> Decision:
    """A decision of `pledges.folding`, in its place in the sequence."""
    taken = body_of(row.proposal)
    assert not isinstance(taken, Dismiss)
    return replace(taken, sequence=row.seq, by=TWO_PEOPLE)


def body_of(row: models.PledgeProposal) -> Taken:
    """What a proposal would decide."""
    return decision_from(row.kind, row.body)


def proposal_of(decision: Taken, by: str, note: str, now: int) -> models.PledgeProposal:
    """A proposal, as it will be stored."""
    body = {k: v for k, v in to_json(decision).items() if k not in ("sequence", "by")}
    mention = getattr(decision, "mention", "")
    return models.PledgeProposal(
        pledge=decision.pledge, kind=kind_of(decision), body=body, digest=digest_of(body),
        mention_id=int(mention) if mention else None, by=by, note=note, at_utc_s=now,
    )  # fmt: skip


def standing(as_of: date) -> dict[str, Pledge]:
    """The pledges at a day: the fold of the confirmed decisions, and of nothing else."""
    return fold(confirmed(), as_of)


def mentions_of(decisions: list[Decision], as_of: date = date.max) -> dict[str, list[int]]:
    """The mentions that each pledge rests on, by its id, in the order in which they were taken."""
    found: dict[str, list[int]] = {}
    for decision in decisions:
        mention = getattr(decision, "mention", "")
        if mention and decision.on <= as_of and int(mention) not in found.setdefault(decision.pledge, []):
            found[decision.pledge].append(int(mention))
    return found


def settled_mentions() -> set[int]:
    """The mentions about which something was decided: they belong to a pledge that stands, or are none."""
    rows = models.PledgeDecision.objects.filter(confirmed=True, proposal__mention__isnull=False)
    there = set(standing(date.max))
    found = rows.values_list("proposal__mention", "proposal__pledge", "proposal__kind")
    return {mention for mention, pledge, kind in found if kind == "dismiss" or pledge in there}


def lock() -> None:
    """Decide alone until the transaction ends: one that is confirmed is checked against all before it."""
    list(models.Programme.objects.select_for_update().values_list("pk"))  # SQLite: one that writes is alone


def about(row: models.PledgeProposal) -> str:
    """What the audit log says that a proposal is about."""
    return row.pledge or f"mention {row.mention_id}"


def log(event: str, row: models.PledgeProposal, by: str, now: int, decision: int = 0) -> None:
    """Write to the audit log what a proposal is, or what became of it; people as commitments."""
    body = {"event": event, "proposal": row.seq, "decision": decision, "kind": row.kind, "digest": row.digest,
            "by": audit.conceal(by, by)}  # fmt: skip
    audit.append("pledge", about(row), body, now)


def faults() -> list[str]:
    """What differs between the tables and the audit log: decisions that were changed, added or taken away past the triggers."""
    said = {body["decision"]: body for body in _logged() if body["event"] in ("confirm", "refuse")}
    found = []
    for row in models.PledgeDecision.objects.select_related("proposal").order_by("seq"):
        entry, proposal = said.pop(row.seq, None), row.proposal
        name = f"decision {row.seq} on {about(proposal)}"
        if entry is None:
            found.append(f"{name}: the log knows nothing of it")
        elif (entry["proposal"], entry["kind"], entry["event"]) != (
            proposal.seq, proposal.kind, "confirm" if row.confirmed else "refuse",
        ):  # fmt: skip
            found.append(f"{name}: the log says {entry['event']} of proposal {entry['proposal']} ({entry['kind']})")
        elif entry["digest"] != digest_of(proposal.body):
            found.append(f"{name}: it is not what was decided")
    return [*found, *(f"decision {seq}: is missing" for seq in sorted(said))]


def _logged() -> list[dict[str, Any]]:
    entries = models.Entry.objects.filter(kind="pledge").order_by("seq").values_list("line", flat=True)
    waiting = models.Outbox.objects.filter(kind="pledge").order_by("seq").values_list("body", flat=True)
    return [*(json.loads(line)["body"] for line in entries), *(json.loads(body) for body in waiting)]


def log_document(row: models.PledgeDocument, mentions: int, now: int) -> None:
    """Write to the audit log that a document was imported, with the digest of its text."""
    body = {"event": "import", "text": digest_of(row.text), "mentions": mentions, "copy_of": row.copy_of,
            "by": audit.conceal(row.by, row.by)}  # fmt: skip
    audit.append("pledge", f"document {row.sha256}", body, now)
