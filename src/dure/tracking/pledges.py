"""The pledges as they stand, with what they rest on; and what can be decided about one.

`listed` and `shown` read the fold of the confirmed decisions. Everything that changes a pledge is a proposal, which a second
person confirms (`reviewing.confirm`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from dure.app.access import Action, Actor, NotFound, require
from dure.pledges.claims import DISPUTING, Conflict, Disagreement, claim_status
from dure.pledges.folding import (
    Accept,
    Decision,
    Dispute,
    Firm,
    Measured,
    Outside,
    Reject,
    Revise,
    Supersede,
    Support,
    Unsupport,
    Withdraw,
)
from dure.pledges.linking import Said
from dure.pledges.model import ClaimStatus, Firmness, Pledge
from dure.pledges.totals import parts_of_pledges
from dure.store import models
from dure.tracking import decided
from dure.tracking.findings import findings_among, rates
from dure.tracking.reviewing import propose
from dure.tracking.stored import day_of, origins, said_of

_AGAINST: Final = DISPUTING | {Conflict.RATE, Conflict.REFERENCE}
_REVISED: Final = (Conflict.AMOUNT, Conflict.DEADLINE, Conflict.REVISION)


@dataclass(frozen=True, slots=True)
class Shown:
    """A pledge with what it rests on."""

    pledge: Pledge
    said: tuple[Said, ...]  # the mentions linked to it, in the order in which they were taken
    decisions: tuple[Decision, ...]  # on it, oldest first
    findings: tuple[Disagreement, ...]  # what is odd in the documents, while no person settled it

    @property
    def contradictions(self) -> tuple[str, ...]:
        """Those of the findings that speak against it, in words."""
        return tuple(f"{found.kind}: {found.why}" for found in self.findings if found.kind in _AGAINST)


def listed(actor: Actor, as_of: date) -> list[Pledge]:
    """The pledges at a day, in the order of their acceptance."""
    require(actor, Action.READ_PLEDGE)
    return list(decided.standing(as_of).values())


def shown(actor: Actor, pledge: str, as_of: date) -> Shown:
    """One pledge at a day. Raises NotFound."""
    require(actor, Action.READ_PLEDGE)
    found = all_shown(as_of).get(pledge)
    if found is None:
        raise NotFound("pledge", pledge)
    return found


def all_shown(as_of: date) -> dict[str, Shown]:
    """Every pledge at a day, by its id."""
    decisions = [d for d in decided.confirmed() if d.on <= as_of]
    linked = decided.mentions_of(decisions, as_of)
    there = said_of(seq for seqs in linked.values() for seq in seqs)
    standing = decided.standing(as_of)
    exceeded, copies = parts_of_pledges(standing.values()), origins()
    found = {}
    for id, pledge in standing.items():
        rests = tuple(there[seq] for seq in linked.get(id, ()))
        own = tuple(d for d in decisions if d.pledge == id)
        parts = (Disagreement(Conflict.PARTS, (), exceeded[id]),) if id in exceeded else ()
        findings = (*_findings(rests, own), *parts)
        found[id] = Shown(replace(pledge, claim=_claim(pledge, rests, own, findings, copies)), rests, own, findings)
    return found


def _claim(
    pledge: Pledge, rests: tuple[Said, ...], own: tuple[Decision, ...], findings: tuple[Disagreement, ...],
    copies: Mapping[str, str],
) -> ClaimStatus:  # fmt: skip
    """How the claim stands: as a person decided, else as its documents have it."""
    if any(isinstance(d, Support) for d in own) or pledge.claim in (ClaimStatus.DISPUTED, ClaimStatus.UNSUPPORTED):
        return pledge.claim
    return claim_status(rests, findings, copies=copies, rates=rates())


def _findings(rests: tuple[Said, ...], own: tuple[Decision, ...]) -> tuple[Disagreement, ...]:
    """None once a person supported it; sums and dates of a page that two people took for a revision contradict no other."""
    if any(isinstance(d, Support) for d in own):
        return ()
    numbers = {int(d.mention) for d in own if isinstance(d, Revise) and d.mention}
    revising = {one.mention for one in said_of(numbers).values()}
    found = findings_among(rests)
    return tuple(f for f in found if f.kind not in _REVISED or not revising & set(f.mentions))


def history(actor: Actor, pledge: str) -> list[models.PledgeProposal]:
    """Everything that was proposed about a pledge, with who did and what became of it, oldest first."""
    require(actor, Action.EDIT_PLEDGE)
    return list(models.PledgeProposal.objects.filter(pledge=pledge).select_related("decision").order_by("seq"))


# What can be proposed about a pledge


def dispute(actor: Actor, pledge: str, why: str, now: int) -> models.PledgeProposal:
    """Something contradicts it; `why` says what."""
    return propose(actor, Dispute(pledge=pledge, on=day_of(now), sequence=0, why=why), now)


def support(actor: Actor, pledge: str, why: str, now: int) -> models.PledgeProposal:
    """What bears it out was found: `why` names the source. Settles what is disputed."""
    return propose(actor, Support(pledge=pledge, on=day_of(now), sequence=0, why=why), now)


def unsupport(actor: Actor, pledge: str, why: str, now: int) -> models.PledgeProposal:
    """A person looked for what bears it out, and found nothing."""
    return propose(actor, Unsupport(pledge=pledge, on=day_of(now), sequence=0, why=why), now)


def revise(
    actor: Actor, pledge: str, changes: Mapping[str, Any], why: str, now: int, *, on: date | None = None, mention: str = ""
) -> models.PledgeProposal:  # fmt: skip
    """Whoever promised changed the promise: new values (fields of `folding.Change`) from a day on."""
    body = {**changes, "pledge": pledge, "on": on or day_of(now), "why": why, "mention": mention}
    return propose(actor, decided.decision_from("revise", body), now)


def correct(
    actor: Actor, pledge: str, changes: Mapping[str, Any], why: str, now: int, *, on: date | None = None
) -> models.PledgeProposal:
    """It was read wrongly: other values, of a promise that did not change."""
    body = {**changes, "pledge": pledge, "on": on or _begun(pledge, now, last=True), "why": why}
    return propose(actor, decided.decision_from("correct", body), now)


def firm(actor: Actor, pledge: str, firmness: Firmness, why: str, now: int) -> models.PledgeProposal:
    """How firm it is from now on."""
    return propose(actor, Firm(pledge=pledge, on=day_of(now), sequence=0, why=why, firmness=firmness), now)


def measure(actor: Actor, pledge: str, name: str, now: int, *, scope: str = "", why: str = "") -> models.PledgeProposal:
    """What its delivery is measured by, from the day of the pledge on."""
    on = _begun(pledge, now)
    return propose(actor, Measured(pledge=pledge, on=on, sequence=0, why=why, measure=name, scope=scope), now)


def enter(actor: Actor, pledge: str, value: int, unit: str, source: str, on: date, now: int) -> models.PledgeProposal:
    """A figure from outside Dure's records, as of a day, with its source."""
    return propose(actor, Outside(pledge=pledge, on=on, sequence=0, value=value, unit=unit, source=source), now)


def supersede(actor: Actor, pledge: str, successor: str, why: str, now: int) -> models.PledgeProposal:
    """Another pledge took its place."""
    return propose(actor, Supersede(pledge=pledge, on=day_of(now), sequence=0, why=why, successor=successor), now)


def withdraw(actor: Actor, pledge: str, why: str, now: int) -> models.PledgeProposal:
    """Whoever promised took it back."""
    return propose(actor, Withdraw(pledge=pledge, on=day_of(now), sequence=0, why=why), now)


def reject(actor: Actor, pledge: str, why: str, now: int) -> models.PledgeProposal:
    """It is no pledge after all; its mentions are in the queue again."""
    return propose(actor, Reject(pledge=pledge, on=day_of(now), sequence=0, why=why), now)


def _begun(pledge: str, now: int, *, last: bool = False) -> date:
    """The day on which a pledge begins, or (`last`) its newest values; today where it does not, which is then refused."""
    kinds = (Accept, Revise) if last else Accept
    return next((d.on for d in reversed(decided.confirmed(pledge)) if isinstance(d, kinds)), day_of(now))
