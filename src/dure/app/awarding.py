"""From ranked applications to awards: rules tried side by side, one published whole or not at all, reasons for all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import transaction

from dure.accounting.months import later
from dure.app import governing
from dure.app.access import Action, Actor, NotFound, require, require_apart
from dure.app.applying import calculate, move, score_for, team_of
from dure.app.letters import queue
from dure.app.people import application_for, happened
from dure.app.programme import call_of, fleet_of_programme, mark_awarded, record
from dure.errors import InputError
from dure.governance.facts import Act
from dure.governance.rules import Verdict
from dure.ledger.model import Cause, Transfer
from dure.programme import explain
from dure.programme.award import Awards, Candidates, Capacity, Outcome, Terms
from dure.programme.candidates import candidates
from dure.programme.certificate import input_hash
from dure.programme.letters import LetterKind
from dure.programme.lifecycle import CallState, Event, State
from dure.programme.model import Application, Call
from dure.programme.rules import RULES, award, faults
from dure.programme.rules.lottery import lottery_seed
from dure.programme.units import units_text
from dure.store import ledger, models
from dure.store.documents import from_json

Progress = Callable[[float, float, float, float], bool]  # seconds, incumbent, bound, gap; False keeps the incumbent
_RAPID_KO, _RAPID_EN = (
    "신속 지원 한도 이내이므로 심사 없이 전액 배정되었습니다.",
    "Within the limit of rapid access: granted in full.",
)
EVENTS = {Outcome.AWARDED: Event.GRANT, Outcome.RESERVE: Event.HOLD, Outcome.DECLINED: Event.DECLINE}


@dataclass(frozen=True)
class Round:
    """A call with what its rules see."""

    call: Call
    terms: Terms
    candidates: Candidates
    capacity: Capacity
    applications: tuple[Application, ...]  # in the order of the candidates
    barred: dict[str, Verdict]  # ranked too, but no rule lets them be awarded

    def input_hash(self, rule: str, version: int) -> str:
        """A hash of all that a rule sees."""
        return input_hash(self.terms, self.candidates, self.capacity, rule, version)


def try_rules(
    actor: Actor, call_id: str, rules: Sequence[str], now: int, *, seed: int = 0, progress: Progress | None = None
) -> tuple[Round, dict[str, Awards]]:
    """What each rule would award. Nothing is awarded, but every trial is kept: which rule, by whom, what came out.

    Each is kept as it comes, for a rule may take minutes, and no writer waits for it.
    """
    require(actor, Action.TRY_AWARDS)
    ready = ready_round(actor, call_id, now)
    found: dict[str, Awards] = {}
    for rule in rules or (ready.call.rule,):
        found[rule] = _compute(actor, ready, rule, seed, progress)
        with transaction.atomic():
            _keep_trial(actor, ready, found[rule], now)
    return ready, found


def ready_round(actor: Actor, call_id: str, now: int) -> Round:
    """The ranked applications of a call as candidates, without those that the rules bar. Raises InputError where none
    is ranked, or all are barred."""
    call, state = call_of(actor, call_id)
    if state != CallState.PUBLISHED:
        raise InputError("its awards cannot be computed", field="state", value=state, accepted="a published call")
    rows = list(models.Application.objects.filter(call_id=call_id, state=State.RANKED).order_by("id"))
    if not rows:
        raise InputError("no application of it is ranked", field="call", value=call_id, accepted="reviews closed")
    fleet, barred = fleet_of_programme(), {}
    scored: list[tuple[Application, int]] = []
    for row in rows:
        application = from_json(Application, row.document)
        verdict, _, _ = governing.judged(Act.AWARD, governing.award_facts(application, call, fleet, now), now)
        if verdict.allowed:
            scored.append((application, int(row.score_milli)))
        else:
            barred[row.id] = verdict
    if not scored:
        first = governing.reasons_text(next(iter(barred.values())), "en", governing.rules_in_force())
        raise InputError(f"the rules bar every application of it: {first}", field="call", value=call_id)
    terms, columns, capacity = candidates(call, scored, fleet)
    left = [ledger.balance(f"track:{call_id}/{track}").available for track in terms.tracks]  # rapid access took some
    terms = replace(terms, envelope=np.minimum(terms.envelope, left))
    return Round(call, terms, columns, capacity, tuple(a for a, _ in scored), barred)


def publish(
    actor: Actor, call_id: str, now: int, *, rule: str = "", seed: int = 0, progress: Progress | None = None
) -> Awards:
    """Award a call by the rule it announced: states, projects, ledger transfers, letters and the reserve list, in one
    transaction, all or nothing.

    The award is computed before, so that no writer waits for a solver; if what the rule saw has changed by then, nothing
    is published. Whoever reviewed in the call or belongs to one of its applications may not publish it.
    """
    require(actor, Action.PUBLISH_AWARDS)
    ready = ready_round(actor, call_id, now)
    if rule and rule != ready.call.rule:
        raise InputError("the call announced another rule", field="rule", value=rule, accepted=ready.call.rule)
    computed = _compute(actor, ready, ready.call.rule, seed, progress)
    others = {r: _compute(actor, ready, r, computed.seed, None) for r in _quick(ready.call.rule)}
    with transaction.atomic():
        return _publish(actor, ready, computed, others, now)


def _publish(actor: Actor, ready: Round, computed: Awards, others: dict[str, Awards], now: int) -> Awards:
    call_id, seen = ready.call.id, (computed.rule, computed.version)
    concerned = [*ready.candidates.ids, *ready.barred]
    rows = {r.id: r for r in models.Application.objects.select_for_update().filter(id__in=concerned)}
    reviewers = models.Review.objects.filter(application__call=call_id).values_list("reviewer", flat=True)
    require_apart(actor, call_id, set(reviewers), {user for row in rows.values() for user in team_of(row)})
    again = ready_round(actor, call_id, now)
    if again.barred != ready.barred or again.input_hash(*seen) != ready.input_hash(*seen):
        raise InputError("an application or an envelope changed meanwhile", field="state", accepted="publish again")
    awards = _amended(ready, computed)
    trial = _keep_trial(actor, ready, awards, now, published=True)
    reasons = explain.reasons(awards, ready.candidates, ready.terms, others)
    transfers = []
    for n, application in enumerate(ready.applications):
        row, amount = rows[application.id], int(awards.amount[n])
        outcome = Outcome(int(awards.outcome[n]))
        row.decision = as_json(reasons[n])
        if outcome is Outcome.RESERVE:
            row.reserve_rank, row.reserve_milli = int(awards.reserve_rank[n]), int(ready.candidates.ask[n])
        move(row, EVENTS[outcome], actor, now, reasons[n].text.en)
        if outcome is Outcome.AWARDED:
            transfers.append(fund(row, application, ready.call, amount, actor, now, trial))
        queue(row, LetterKind[outcome.name], ready.call, now, amount=amount)
    for id in ready.barred:
        _bar(rows[id], ready.call, actor, now)
    record(transfers)
    mark_awarded(actor, call_id, now)
    return awards


def _bar(row: models.Application, call: Call, actor: Actor, now: int) -> None:
    """Decline an application that the rules bar from being awarded."""
    verdict = _decide(row, from_json(Application, row.document), call, actor, now)
    ko, en = (governing.reasons_text(verdict, language) for language in ("ko", "en"))
    row.decision = {"ko": ko, "en": en, "why": {"ko": ko, "en": en}, "rules": list(verdict.reasons)}
    move(row, Event.DECLINE, actor, now, en)
    queue(row, LetterKind.DECLINED, call, now, amount=0)


def _decide(row: models.Application, application: Application, call: Call, actor: Actor, now: int) -> Verdict:
    values = governing.award_facts(application, call, fleet_of_programme(), now)
    return governing.decide(Act.AWARD, row.id, values, actor.user, now, project=application.project)


@transaction.atomic
def judge_again(actor: Actor, id: str, now: int) -> Verdict:
    """Judge an award by what is known now: what is no longer asked for is met, what is asked anew is open. Raises NotFound
    for an application that has no award."""
    require(actor, Action.MEET_OBLIGATION)
    row = models.Application.objects.select_for_update().filter(id=id, award__ended=False).first()
    if row is None:
        raise NotFound("award of application", id)
    return _decide(row, from_json(Application, row.document), call_of(actor, row.call_id)[0], actor, now)


def permitted(row: models.Application, call: Call, now: int) -> bool:
    """Whether the rules let an application be awarded now."""
    application = from_json(Application, row.document)
    return governing.judged(Act.AWARD, governing.award_facts(application, call, fleet_of_programme(), now), now)[
        0
    ].allowed


@transaction.atomic
def grant_rapid(actor: Actor, id: str, now: int) -> models.Award:
    """Grant a small ask in full, without review, from its track's envelope."""
    require(actor, Action.PUBLISH_AWARDS)
    row = application_for(actor, Action.PUBLISH_AWARDS, id, lock=True)
    require_apart(actor, id, (), team_of(row))
    application = from_json(Application, row.document)
    call, _ = call_of(actor, row.call_id)
    amount = calculate(application, call).milli_units
    limit = call.track(application.track).rapid_milli
    if amount > limit:
        value, accepted = f"{units_text(amount)} units", f"at most {units_text(limit)} units"
        raise InputError("more than rapid access grants", field="ask", value=value, accepted=accepted)
    row.decision = {"ko": _RAPID_KO, "en": _RAPID_EN, "asked_milli": amount}
    move(row, Event.GRANT, actor, now, _RAPID_EN)
    record([fund(row, application, call, amount, actor, now, None)])
    queue(row, LetterKind.RAPID, call, now, amount=amount)
    given: models.Award = models.Award.objects.get(application=row)
    return given


@dataclass(frozen=True)
class Explained:
    """What an application asked and got, and why."""

    id: str
    asked_milli: int
    awarded_milli: int
    score_milli: int | None
    state: str
    reason: dict[str, Any]


def explained(actor: Actor, id: str) -> Explained:
    """Asked, awarded and why, for whoever may read the award. Raises NotFound for others."""
    row = application_for(actor, Action.READ_AWARD, id)
    application = from_json(Application, row.document)
    call, _ = call_of(actor, row.call_id)
    given = models.Award.objects.filter(application=row).first()
    return Explained(
        id=id,
        asked_milli=calculate(application, call).milli_units,
        awarded_milli=given.amount_milli if given else 0,
        score_milli=score_for(actor, row),
        state=row.state,
        reason=row.decision,
    )


def what_would_change(actor: Actor, id: str) -> explain.Change:
    """The least score, and the largest ask, with which this application would have been awarded, by the call's rule
    on the published round."""
    row = application_for(actor, Action.READ_AWARD, id)
    trial = models.Trial.objects.filter(call_id=row.call_id, published=True).last()
    if trial is None:
        raise NotFound("published award of call", row.call_id)
    terms, columns, capacity = round_of(actor, trial)
    return explain.what_would_change(terms, columns, capacity, trial.rule, trial.seed, columns.ids.index(id))


def round_of(actor: Actor, trial: models.Trial) -> tuple[Terms, Candidates, Capacity]:
    """What the rule saw in a published trial, from the applications that it decided."""
    call, _ = call_of(actor, trial.call_id)
    decided = models.Application.objects.filter(id__in=trial.result["ids"]).order_by("id")
    scored = [(from_json(Application, r.document), int(r.score_milli)) for r in decided]
    terms, columns, capacity = candidates(call, scored, fleet_of_programme())
    return replace(terms, envelope=np.array(trial.result["envelopes"], np.int64)), columns, capacity


def _compute(actor: Actor, ready: Round, rule: str, seed: int, progress: Progress | None) -> Awards:
    if rule == "lottery":
        row = models.Call.objects.get(id=ready.call.id)
        if not row.beacon_value:
            raise InputError(
                "the beacon's value is not known yet",
                field="beacon",
                accepted=f"`dure call beacon`: {ready.call.beacon}",
            )
        document = json.dumps(row.document, sort_keys=True)  # PostgreSQL does not keep the order of keys
        seed = lottery_seed(hashlib.sha256(document.encode()).digest(), row.beacon_value)
    # Parameters are of the rule that the call announced; the others are tried with their own defaults.
    terms = ready.terms if rule == ready.call.rule else replace(ready.terms, parameters={})
    options = {"progress": progress} if rule == "optimal" and progress is not None else {}
    return award(terms, ready.candidates, ready.capacity, rule, seed, **options)


def as_json(reason: explain.Reason) -> dict[str, Any]:
    """What is kept of the reason for an award."""
    return {
        "ko": reason.text.ko, "en": reason.text.en, "why": {"ko": reason.why.ko, "en": reason.why.en},
        "asked_milli": reason.asked, "bound": reason.bound.name.lower(), "others": reason.others,
        "figures": reason.figures,
    }  # fmt: skip


def _quick(rule: str) -> list[str]:
    """The rules to compare a published one with: all that need neither a beacon, nor parties, nor minutes."""
    return [r for r in RULES if r not in (rule, "optimal", "lottery", "partner")]


def _keep_trial(actor: Actor, ready: Round, awards: Awards, now: int, *, published: bool = False) -> models.Trial:
    trial: models.Trial = models.Trial.objects.create(
        call_id=ready.call.id, rule=awards.rule, version=awards.version, seed=awards.seed % 2**63,
        input_hash=ready.input_hash(awards.rule, awards.version), by=actor.user, at_utc_s=now, published=published,
        result={
            "ids": list(awards.ids), "amounts": awards.amount.tolist(), "outcomes": awards.outcome.tolist(),
            "bounds": awards.bound.tolist(), "lots": awards.lots.tolist(), "certificate": awards.certificate,
            "notes": list(awards.notes), "envelopes": ready.terms.envelope.tolist(),
        },
    )  # fmt: skip
    happened(
        "trial", ready.call.id, "publish" if published else "try", actor.user, now, note=f"{awards.rule} {trial.seq}"
    )
    return trial


def fund(
    row: models.Application, application: Application, call: Call, amount: int, actor: Actor, now: int,
    trial: models.Trial | None,
) -> Transfer:  # fmt: skip
    """The project, its people and its award; and the transfer that funds it, to be booked with the others. Every award
    comes through here, and through the rules: raises InputError where they deny it."""
    verdict = _decide(row, application, call, actor, now)
    if not verdict.allowed:
        raise InputError(governing.reasons_text(verdict, "en"), field="application", value=row.id)
    row.decision = {**row.decision, "rules": list(verdict.reasons), "obligations": list(verdict.obligations)}
    row.save(update_fields=["decision"])
    project, _ = models.Project.objects.get_or_create(
        id=application.project,
        defaults={
            "title": application.title[:300], "institution": application.institution.name,
            "country": application.institution.country, "region": application.institution.region,
        },
    )  # fmt: skip
    for user, role in {**{m.user: m.role for m in application.members}, application.lead: "pi"}.items():
        models.Member.objects.get_or_create(project=project, user=user, defaults={"role": role})
    start, end = months_from(call, application.ask.start_month, application.ask.months)
    models.Award.objects.update_or_create(
        application=row,
        defaults={
            "project": project, "trial": trial, "amount_milli": amount, "from_utc_s": start, "to_utc_s": end,
            "ended": False,
        },
    )  # fmt: skip
    return Transfer(
        f"award/{row.id}", f"track:{call.id}/{application.track}", f"project:{project.id}", amount, Cause.AWARD, now,
        by=actor.user, about=row.id,
    )  # fmt: skip


def months_from(call: Call, start: int, months: int) -> tuple[int, int]:
    """First moment, and first moment after, of so many months of the call's period, in its zone. UTC seconds."""
    zone = ZoneInfo(call.zone)
    return later(call.period_start_utc_s, start, zone), later(call.period_start_utc_s, start + months, zone)


def _amended(ready: Round, awards: Awards) -> Awards:
    """The awards with what the panel changed, each with its reason and its two people. Raises InputError where the
    changes together are more than there is."""
    agreed = models.Proposal.objects.filter(kind="amend", agreed_utc_s__isnull=False, document__call=ready.call.id)
    for p in agreed.order_by("seq"):
        if p.document["application"] in awards.ids:
            row = awards.ids.index(p.document["application"])
            awards = explain.amend(awards, row, p.document["amount_milli"], p.reason, p.by, p.second)
    if agreed and (broken := next(faults(awards, ready.terms, ready.candidates, ready.capacity), None)):
        raise InputError(f"the panel's changes go too far: {broken}", field="amendments")
    return awards
