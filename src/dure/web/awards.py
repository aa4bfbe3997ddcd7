"""Awards: tried, published, and changed afterwards."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from dure.app import awarding, changes
from dure.programme.award import Awards, Bound, Outcome
from dure.store import models
from dure.web.applications import Counted
from dure.web.books import ProposalOut
from dure.web.calls import Reason
from dure.web.requests import MOST, Asked, Shown, Strict, now

router = Router()

Units = Annotated[int, Field(ge=0, le=MOST)]
Rule = Literal["ranked", "proportional", "scaled", "lottery", "partner", "optimal"]


class Try(Asked):
    """Rules to try side by side; none: the call's own."""

    rules: list[Rule] = Field([], max_length=6)
    seed: int = Field(0, ge=0, le=MOST)


class Publish(Asked):
    """The rule that the call announced, to be sure; empty: it."""

    rule: str = ""
    seed: int = Field(0, ge=0, le=MOST)


class Given(Shown):
    """What one application gets."""

    application: str
    amount_milli: int
    outcome: str  # declined, reserve, awarded
    bound: str  # which bound decided
    reserve_rank: int


class Computed(Shown):
    """What one rule gives."""

    rule: str
    version: int
    seed: int
    certificate: dict[str, Any] | None
    notes: list[str]
    awards: list[Given]


class Amendment(Asked):
    """A change by the panel to what the rule will give."""

    amount_milli: Units
    reason: str


class Extension(Asked):
    """So many more months."""

    months: int
    reason: str


class Supplement(Asked):
    """More units."""

    milli_units: Units
    reason: str


class Transfer(Asked):
    """Units from one project to another."""

    source: str
    target: str
    milli_units: Units
    reason: str


class Renewal(Asked):
    """The call to apply to again."""

    call: str


class Appeal(Asked):
    """What was wrong."""

    text: str


class Decision(Asked):
    """Whether an appeal succeeds, why, and what it is awarded then."""

    succeeds: bool
    reason: str
    milli_units: Units = 0


class AwardOut(Shown):
    """An award as decided; balances are the ledger's."""

    application: str
    project: str
    amount_milli: int
    from_utc_s: int
    to_utc_s: int
    exempt: str
    ended: bool


class Drafted(Shown):
    """The draft that was made."""

    id: str


def _computed(awards: Awards) -> Computed:
    columns = (awards.ids, awards.amount.tolist(), awards.outcome, awards.bound, awards.reserve_rank.tolist())
    given = [
        Given(
            application=id, amount_milli=amount, outcome=Outcome(int(outcome)).name.lower(),
            bound=Bound(int(bound)).name.lower(), reserve_rank=rank,
        )
        for id, amount, outcome, bound, rank in zip(*columns, strict=True)
    ]  # fmt: skip
    return Computed(
        rule=awards.rule, version=awards.version, seed=awards.seed, certificate=awards.certificate,
        notes=list(awards.notes), awards=given,
    )  # fmt: skip


def _award(row: models.Award) -> dict[str, Any]:
    return {
        "application": row.application_id, "project": row.project_id, "amount_milli": row.amount_milli,
        "from_utc_s": row.from_utc_s, "to_utc_s": row.to_utc_s, "exempt": row.exempt, "ended": row.ended,
    }  # fmt: skip


@router.post("/calls/{id}/awards/try", response=list[Computed])
def try_rules(request: HttpRequest, id: str, trial: Annotated[Try, Strict(...)]) -> list[Computed]:
    """What each rule would award. Nothing is awarded; the trial is kept."""
    _, found = awarding.try_rules(request.actor, id, trial.rules, now(), seed=trial.seed)
    return [_computed(a) for a in found.values()]


@router.post("/calls/{id}/awards/publish", response=Computed)
def publish(request: HttpRequest, id: str, given: Annotated[Publish, Strict(...)]) -> Computed:
    """Award a call by the rule it announced: projects, balances, letters and the reserve list, all or nothing."""
    return _computed(awarding.publish(request.actor, id, now(), rule=given.rule, seed=given.seed))


@router.post("/applications/{id}/rapid", response=AwardOut)
def grant_rapid(request: HttpRequest, id: str) -> dict[str, Any]:
    """Grant a small ask in full, without review."""
    return _award(awarding.grant_rapid(request.actor, id, now()))


@router.post("/applications/{id}/amendment", response={201: ProposalOut})
def amend(request: HttpRequest, id: str, change: Annotated[Amendment, Strict(...)]) -> Any:
    """Propose the panel's change to a computed award; a second person agrees at /api/proposals/{seq}/agree."""
    return changes.propose_amendment(request.actor, id, change.amount_milli, change.reason, now())


@router.post("/applications/{id}/renew", response={201: Drafted})
def renew(request: HttpRequest, id: str, renewal: Annotated[Renewal, Strict(...)]) -> Any:
    """A draft for another call that asks for the same again."""
    return changes.renew(request.actor, id, renewal.call, now())


@router.post("/applications/{id}/extend", response=AwardOut)
def extend(request: HttpRequest, id: str, extension: Annotated[Extension, Strict(...)]) -> dict[str, Any]:
    """A later end for an award."""
    return _award(changes.extend(request.actor, id, extension.months, now(), extension.reason))


@router.post("/applications/{id}/supplement", response={204: None})
def supplement(request: HttpRequest, id: str, more: Annotated[Supplement, Strict(...)]) -> None:
    """More units for an award, from what its track has left."""
    changes.supplement(request.actor, id, more.milli_units, now(), more.reason)


@router.post("/applications/{id}/exempt", response={204: None})
def exempt(request: HttpRequest, id: str, why: Annotated[Reason, Strict(...)]) -> None:
    """Spare an award from clawback, with the reason; an empty reason ends it."""
    changes.exempt(request.actor, id, why.reason, now())


@router.post("/applications/{id}/appeal", response={204: None})
def appeal(request: HttpRequest, id: str, appeal: Annotated[Appeal, Strict(...)]) -> None:
    """Appeal against a decision."""
    changes.appeal(request.actor, id, now(), appeal.text)


@router.post("/applications/{id}/appeal/decide", response={204: None})
def decide_appeal(request: HttpRequest, id: str, decision: Annotated[Decision, Strict(...)]) -> None:
    """Decide an appeal: by somebody who neither reviewed nor published the award."""
    changes.decide_appeal(
        request.actor, id, decision.succeeds, now(), decision.reason, milli_units=decision.milli_units
    )


@router.post("/transfers", response={204: None})
def transfer(request: HttpRequest, moved: Annotated[Transfer, Strict(...)]) -> None:
    """Units from one project to another: by the office, or by the lead of both."""
    changes.transfer(request.actor, moved.source, moved.target, moved.milli_units, now(), moved.reason)


@router.post("/awards/end", response=Counted)
def end_awards(request: HttpRequest, carry_milli: int = 0) -> dict[str, int]:
    """End the awards whose period is over: what is left lapses, or is carried over in part."""
    return {"count": len(changes.end_awards(request.actor, now(), carry_milli=carry_milli))}
