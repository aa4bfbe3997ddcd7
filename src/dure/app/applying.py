"""Applications from draft to decision about eligibility: written, checked, submitted, withdrawn, imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.db import transaction

from dure.app.access import Action, Actor, Forbidden, Reach, require, require_apart
from dure.app.letters import queue
from dure.app.people import application_for, happened, happened_together, reachable
from dure.app.programme import call_of, fleet_of_programme
from dure.errors import InputError, InputErrors
from dure.programme import eligibility, units
from dure.programme.letters import LetterKind
from dure.programme.lifecycle import Event, State, step
from dure.programme.model import Application, Ask, Call
from dure.programme.units import AskUnits
from dure.store import models
from dure.store.documents import from_json, to_json

DECIDED = (State.AWARDED, State.RESERVE, State.DECLINED, State.APPEALED)


def calculate(application: Application, call: Call) -> AskUnits:
    """What an ask comes to in units, at the rates of the first day of the awards."""
    return units.calculator(application.ask, fleet_of_programme(), call.period_start_utc_s)


def calculate_ask(actor: Actor, ask: Ask, call_id: str, now: int) -> AskUnits:
    """What an ask comes to in units, at the rates of the first day of the awards; without a call, at today's."""
    at = call_of(actor, call_id)[0].period_start_utc_s if call_id else now
    for field, value, most in (("ask.accelerators", ask.accelerators, 10**6), ("ask.months", ask.months, 1200)):
        if not 1 <= value <= most:
            raise InputError("out of range", field=field, value=value, accepted=f"1 to {most:,}")
    return units.calculator(ask, fleet_of_programme(), at)


def check(application: Application, call: Call, now: int) -> list[InputError]:
    """What keeps the application from being submitted now."""
    return [_fault(r) for r in eligibility.check(application, call, now, fleet_of_programme())]


@transaction.atomic
def apply(actor: Actor, application: Application, now: int, *, submit: bool = True) -> models.Application:
    """Write an application and, unless it is to stay a draft, submit it. A draft of the same id is replaced.

    An id left empty is made: the call's and a number. The lead is the actor, but for the office. Raises InputErrors with
    all that keeps it from being submitted; then nothing is kept.
    """
    call, _ = call_of(actor, application.call)
    application = _named(actor, application)
    row = models.Application.objects.select_for_update().filter(id=application.id).first()
    if row is not None and (row.lead != application.lead or row.state != State.DRAFT):
        raise InputError("there is an application of this id, and it is no draft of yours", field="id", value=row.id)
    require_team(actor, application)
    row, _ = models.Application.objects.update_or_create(
        id=application.id,
        defaults={
            "call_id": call.id, "project": application.project, "lead": application.lead, "state": State.DRAFT,
            "document": to_json(application),
        },
    )  # fmt: skip
    happened("application", row.id, "write", actor.user, now, after=State.DRAFT)
    if submit:
        _submit(row, actor, call, now)
    return row


def require_team(actor: Actor, application: Application) -> None:
    """Raises Forbidden where the project belongs to others: a new application may not take its name."""
    team = set(models.Member.objects.filter(project=application.project).values_list("user", flat=True))
    others = models.Application.objects.filter(project=application.project).exclude(lead=application.lead)
    office = actor.reach(Action.APPLY) is Reach.ALL
    if not office and ((team and actor.user not in team) or (not team and others.exists())):
        raise Forbidden(f"project {application.project} is another's; choose a new short name")


@transaction.atomic
def submit(actor: Actor, id: str, now: int) -> models.Application:
    """Submit a draft: by its lead alone, before the close."""
    row = application_for(actor, Action.APPLY, id, lock=True)
    _submit(row, actor, call_of(actor, row.call_id)[0], now)
    return row


@transaction.atomic
def reopen(actor: Actor, id: str, now: int) -> models.Application:
    """Take a submitted application back to a draft, while the call is open."""
    row = application_for(actor, Action.APPLY, id, lock=True)
    if now >= call_of(actor, row.call_id)[0].closes_utc_s:
        raise InputError("the call has closed", field="closes")
    move(row, Event.REOPEN, actor, now)
    return row


@transaction.atomic
def decide_eligibility(actor: Actor, ids: Iterable[str], eligible: bool, now: int, reason: str = "") -> int:
    """Let applications in, or not, with a reason; how many. Those who belong to one do not decide about it."""
    count = 0
    for id in ids:
        row = application_for(actor, Action.DECIDE_ELIGIBILITY, id, lock=True)
        require_apart(actor, id, (), team_of(row))
        if eligible:
            move(row, Event.ACCEPT, actor, now, reason)
        else:
            _turn_away(row, actor, now, reason)
        count += 1
    return count


@transaction.atomic
def examine(actor: Actor, id: str, feasible: bool, now: int, note: str = "") -> models.Application:
    """The technical review: begin it, or end it for what cannot be done with the reason."""
    row = application_for(actor, Action.EXAMINE, id, lock=True)
    require_apart(actor, id, (), team_of(row))
    if row.state == State.ELIGIBLE:
        move(row, Event.EXAMINE, actor, now, note)
    if not feasible:
        _turn_away(row, actor, now, note)
    return row


def _turn_away(row: models.Application, actor: Actor, now: int, reason: str) -> None:
    """Not let in to review: with a reason, and a letter that says it."""
    if not reason.strip():
        raise InputError("an application is turned away with a reason", field="reason")
    row.decision = {"ko": reason, "en": reason}
    move(row, Event.REJECT, actor, now, reason)
    queue(row, LetterKind.INELIGIBLE, call_of(actor, row.call_id)[0], now)


@transaction.atomic
def import_applications(
    actor: Actor, applications: Sequence[Application], now: int, *, skip_bad: bool = False
) -> tuple[int, list[InputError]]:
    """Submit many at once, by the office: all or nothing, unless `skip_bad`; how many, and what was skipped and why.

    Raises InputErrors.
    """
    require(actor, Action.DECIDE_ELIGIBILITY)
    fleet = fleet_of_programme()
    known = {c: call_of(actor, c)[0] for c in {a.call for a in applications}}
    taken = set(models.Application.objects.filter(id__in=[a.id for a in applications]).values_list("id", flat=True))
    faults, rows, events = [], [], list[models.Happening]()
    for application in applications:
        wrong = [_fault(r, application.id) for r in eligibility.check(application, known[application.call], now, fleet)]
        if application.id in taken:
            wrong.append(InputError("an application of this id exists", field="id", value=application.id))
        if not wrong:
            rows.append(_row(application, now))
            events.append(
                models.Happening(
                    kind="application", about=application.id, event=Event.SUBMIT, before=State.DRAFT,
                    after=State.SUBMITTED, by=actor.user, at_utc_s=now,
                )
            )  # fmt: skip
        faults += wrong
    if faults and not skip_bad:
        raise InputErrors(faults)
    models.Application.objects.bulk_create(rows, batch_size=500)
    happened_together(events)
    return len(rows), faults


def applications(
    actor: Actor, call: str | None = None, state: str | None = None, *, after: str = "", limit: int | None = None
) -> list[models.Application]:
    """The applications that the actor may read, by id: at most `limit` of those after one."""
    require(actor, Action.READ_APPLICATION)
    where, given = reachable(actor, Action.READ_APPLICATION)
    conditions, limits = ["id > %s"], [after]
    for column, value in (("call_id", call), ("state", None if state is None else State(state).value)):
        if value is not None:
            conditions.append(f"{column} = %s")
            limits.append(value)
    # By hand: the ORM takes ten times as long to write it as the database to answer it. Materialised: else PostgreSQL, once
    # it has prepared the statement, looks for one's few rows along all ids.
    reached = f"WITH a AS MATERIALIZED (SELECT * FROM store_application WHERE {where})"
    source = "SELECT * FROM store_application" if where == "TRUE" else f"{reached} SELECT * FROM a"
    asked = f"{source} WHERE {' AND '.join(conditions)} ORDER BY id LIMIT %s"
    return list(models.Application.objects.raw(asked, [*given, *limits, 2**31 if limit is None else limit]))


def show(actor: Actor, id: str) -> Application:
    """One application; without names for a reviewer of a blind call. Raises NotFound beyond the actor's reach."""
    row = application_for(actor, Action.READ_APPLICATION, id)
    application = from_json(Application, row.document)
    return blinded(application) if hidden_from(actor, row) else application


def hidden_from(actor: Actor, row: models.Application) -> bool:
    """Whether who applies is hidden from an actor who may read it: a reviewer, and nothing more, of a blind call."""
    if row.id not in actor.assigned:
        return False
    unassigned = replace(actor, assigned=frozenset())
    if unassigned.sees(Action.READ_APPLICATION, project=row.project, user=row.lead):
        return False
    return call_of(actor, row.call_id)[0].blind


def score_for(actor: Actor, row: models.Application) -> int | None:
    """The score as an actor may see it who may read the award: before the decision, only whoever reads all awards."""
    return row.score_milli if row.state in DECIDED or actor.reach(Action.READ_AWARD) is Reach.ALL else None


def blinded(application: Application) -> Application:
    """The application without what tells who applies."""
    hidden = replace(application.institution, ror="", name="hidden", region="")
    return replace(application, lead="hidden", institution=hidden, members=(), project="hidden", builds_on="")


def history(actor: Actor, id: str) -> list[models.Happening]:
    """What happened to an application, first to last; without names for a reviewer of a blind call."""
    row = application_for(actor, Action.READ_APPLICATION, id)
    found = list(models.Happening.objects.filter(kind="application", about=id).order_by("seq"))
    if hidden_from(actor, row):
        for step in found:
            step.by = "hidden"
    return found


def move(row: models.Application, event: Event, actor: Actor, now: int, note: str = "") -> None:
    """Take one step of the lifecycle, and record it."""
    before, after = State(row.state), step(State(row.state), event)
    row.state = after
    row.save()
    happened("application", row.id, event, actor.user, now, before=before, after=after, note=note)


def team_of(row: models.Application) -> set[str]:
    """Everybody who belongs to an application."""
    return {row.lead, *(m["user"] for m in row.document["members"])}


def _named(actor: Actor, application: Application) -> Application:
    require(actor, Action.APPLY)
    office = actor.reach(Action.APPLY) is Reach.ALL
    lead = application.lead or actor.user
    if lead != actor.user and not office:
        raise Forbidden(f"only {lead} submits an application that {lead} leads")
    id = application.id
    if not id:
        number = models.Application.objects.filter(call_id=application.call).count() + 1
        while models.Application.objects.filter(id=f"{application.call}-{number:04d}").exists():
            number += 1
        id = f"{application.call}-{number:04d}"
    return replace(application, id=id, lead=lead)


def _submit(row: models.Application, actor: Actor, call: Call, now: int) -> None:
    application = from_json(Application, row.document)
    wrong = check(application, call, now)
    if wrong:
        raise InputErrors(wrong)
    row.submitted_utc_s = now
    move(row, Event.SUBMIT, actor, now)


def _fault(refusal: eligibility.Refusal, source: str = "") -> InputError:
    said = eligibility.BARS[refusal.bar].en
    return InputError(said, source=source, field=refusal.field, value=refusal.value, accepted=refusal.accepted)


def _row(application: Application, now: int) -> models.Application:
    return models.Application(
        id=application.id, call_id=application.call, project=application.project, lead=application.lead,
        state=State.SUBMITTED, submitted_utc_s=now, document=to_json(application),
    )  # fmt: skip
