"""What happens to awards after they are published: changed by two people, extended, moved, given up, taken back, and the
reserve list that is served from what comes free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from zoneinfo import ZoneInfo

from django.db import transaction

from dure.accounting import clawback
from dure.accounting.burn import Period, notices
from dure.accounting.invoices import FeeTerms, Invoice, fee, invoice, invoice_award
from dure.accounting.months import day_of
from dure.accounting.pages import Heading, page
from dure.accounting.settle import Charge, Refund
from dure.app.access import Action, Actor, Forbidden, NotFound, require, require_all, require_apart
from dure.app.applying import apply, move, team_of
from dure.app.awarding import fund, months_from, permitted
from dure.app.letters import queue, tell_taking, tell_use
from dure.app.people import application_for, happened
from dure.app.programme import call_of, record
from dure.errors import InputError
from dure.ledger.model import Transfer
from dure.ledger.months import end_utc_s
from dure.programme.letters import LetterKind
from dure.programme.lifecycle import Event, State
from dure.programme.model import Application, Call, Kind
from dure.store import ledger, models
from dure.store.documents import from_json


@transaction.atomic
def propose_amendment(actor: Actor, id: str, amount_milli: int, reason: str, now: int) -> models.Proposal:
    """The panel's change to what a rule will give: it takes a reason and, at `booking.agree`, a second person."""
    require(actor, Action.TRY_AWARDS)
    row = application_for(actor, Action.TRY_AWARDS, id)
    require_apart(actor, id, _reviewers_of(row), team_of(row))
    if row.state != State.RANKED:
        raise InputError("it has no computed award to change", field="state", value=row.state, accepted=State.RANKED)
    if not reason.strip():
        raise InputError("a change by the panel needs a reason", field="reason")
    if not 0 <= amount_milli <= 2**62:
        raise InputError("not an amount", field="amount_milli", value=amount_milli, accepted="0 to 2^62")
    document = {"call": row.call_id, "application": id, "amount_milli": amount_milli}
    proposal: models.Proposal = models.Proposal.objects.create(
        kind="amend", document=document, reason=reason, by=actor.user, at_utc_s=now
    )
    happened("award", id, "propose_amendment", actor.user, now, note=reason)
    return proposal


@transaction.atomic
def renew(actor: Actor, id: str, call_id: str, now: int) -> models.Application:
    """A draft for another call that asks for the same again, building on the project."""
    row = application_for(actor, Action.CHANGE_AWARD, id)
    if row.state != State.AWARDED:
        raise InputError("only an award is renewed", field="state", value=row.state, accepted=State.AWARDED)
    application = replace(
        from_json(Application, row.document), id="", call=call_id, kind=Kind.RENEWAL, builds_on=row.project
    )
    return apply(replace(actor, user=row.lead), application, now, submit=False)


@transaction.atomic
def extend(actor: Actor, id: str, months: int, now: int, reason: str) -> models.Award:
    """A later end for an award: dates, not units."""
    require_all(actor, Action.CHANGE_AWARD)
    if not 1 <= months <= 12:
        raise InputError("an extension lasts 1 to 12 months", field="months", value=months)
    row, award = _award(actor, id)
    require_apart(actor, id, _reviewers_of(row), team_of(row))
    call, _ = call_of(actor, row.call_id)
    ask = from_json(Application, row.document).ask
    extended = sum(int(h.after) for h in models.Happening.objects.filter(kind="award", about=id, event="extend").all())
    _, end = months_from(call, ask.start_month, ask.months + extended + months)
    before = award.to_utc_s
    award.to_utc_s = clawback.extend(Period(award.from_utc_s, before), end).end_utc_s
    award.save(update_fields=["to_utc_s"])
    happened("award", id, "extend", actor.user, now, after=str(months), note=reason)
    left = ledger.standing(award.project_id).remaining
    queue(row, LetterKind.EXTENDED, call, now, before_utc_s=before, left_milli=left, reason=reason)
    return award


@transaction.atomic
def supplement(actor: Actor, id: str, milli_units: int, now: int, reason: str) -> None:
    """More units for an award, from what its track has left. Not by whoever reviewed it or belongs to it."""
    require_all(actor, Action.CHANGE_AWARD)
    row, award = _award(actor, id)
    require_apart(actor, id, _reviewers_of(row), team_of(row))
    if not reason.strip():
        raise InputError("a supplement needs a reason", field="reason")
    number = models.Happening.objects.filter(kind="award", about=id, event="supplement").count() + 1
    track = f"{row.call_id}/{row.document['track']}"
    record([clawback.supplement(f"{id}/{number}", track, award.project_id, milli_units, now, reason, actor.user)])
    happened("award", id, "supplement", actor.user, now, after=str(milli_units), note=reason)


@transaction.atomic
def transfer(actor: Actor, source: str, target: str, milli_units: int, now: int, reason: str) -> None:
    """Units from one project to another: by the office, or by the lead of both. They stay as many units; what they buy of
    another model follows the rates of the day a job starts."""
    require(actor, Action.CHANGE_AWARD)
    for project in (source, target):
        if not actor.sees(Action.CHANGE_AWARD, project=project) or not _exists(project):
            raise NotFound("project", project)
    number = models.Happening.objects.filter(kind="award", about=source, event="transfer").count() + 1
    record([clawback.move(f"{source}/{number}", source, target, milli_units, now, reason, actor.user)])
    happened("award", source, "transfer", actor.user, now, after=str(milli_units), note=f"{target}: {reason}")


@transaction.atomic
def withdraw(actor: Actor, id: str, now: int, reason: str = "") -> list[str]:
    """Withdraw an application, or give an award up: what remains goes back, and the reserve list is served from it."""
    row = application_for(actor, Action.APPLY, id, lock=True)
    award = models.Award.objects.filter(application=row, ended=False).first()
    move(row, Event.WITHDRAW, actor, now, reason)
    if award is None:
        return []
    award.ended = True
    award.save(update_fields=["ended"])
    holding = _holding(award, row, call_of(actor, row.call_id)[0])
    own = min(ledger.standing(award.project_id).remaining, award.amount_milli)
    standing = replace(ledger.standing(award.project_id), remaining=own)
    record(clawback.give_up(holding, standing, now, reason or "given up", actor.user))
    return promote(row.call_id, now)


@transaction.atomic
def appeal(actor: Actor, id: str, now: int, text: str) -> None:
    """Appeal against a decision, by those who applied."""
    row = application_for(actor, Action.APPLY, id, lock=True)
    if not text.strip():
        raise InputError("an appeal says what was wrong", field="text")
    move(row, Event.APPEAL, actor, now, text)


@transaction.atomic
def decide_appeal(actor: Actor, id: str, succeeds: bool, now: int, reason: str, milli_units: int = 0) -> None:
    """Decide an appeal. One that succeeds is awarded `milli_units` from what its track has left, by a person who
    neither reviewed nor published it."""
    row = application_for(actor, Action.PUBLISH_AWARDS, id, lock=True)
    require_apart(actor, id, _reviewers_of(row), team_of(row))
    if models.Trial.objects.filter(call_id=row.call_id, published=True, by=actor.user).exists():
        raise Forbidden(f"{actor.user} published the awards: another decides about appeals")
    if not reason.strip():
        raise InputError("a decision about an appeal needs a reason", field="reason")
    move(row, Event.REINSTATE if succeeds else Event.UPHOLD, actor, now, reason)
    if succeeds:
        if milli_units <= 0:
            raise InputError("an appeal that succeeds is awarded units", field="milli_units", value=milli_units)
        call, _ = call_of(actor, row.call_id)
        row.decision = {**row.decision, "ko": reason, "en": reason}
        move(row, Event.GRANT, actor, now, reason)
        record([fund(row, from_json(Application, row.document), call, milli_units, actor, now, None)])
        queue(row, LetterKind.AWARDED, call, now, amount=milli_units)


@transaction.atomic
def exempt(actor: Actor, id: str, reason: str, now: int) -> None:
    """Spare an award from clawback, with the reason; an empty reason ends it."""
    require_all(actor, Action.CHANGE_AWARD)
    _, award = _award(actor, id)
    award.exempt = reason
    award.save(update_fields=["exempt"])
    happened("award", id, "exempt", actor.user, now, note=reason)


@transaction.atomic
def take_back(actor: Actor, now: int, *, do: bool = False) -> list[clawback.Action]:
    """Clawback as the schedule says: what is due now. With `do`, warnings are sent, units taken, reserves promoted."""
    require(actor, Action.BOOK)
    rows = models.Award.objects.filter(ended=False, from_utc_s__lte=now).select_related("application")
    awards = {a.project_id: a for a in rows.order_by("from_utc_s")}
    holdings = [_holding(a, a.application, call_of(actor, a.application.call_id)[0]) for a in awards.values()]
    done = models.Happening.objects.filter(kind="clawback").values_list("note", "at_utc_s")
    spared = {p for p, a in awards.items() if a.exempt}
    standings = ledger.standings()
    found = clawback.clawback(holdings, standings, now, dict(done), spared)
    if not do:
        return found
    calls = set()
    for action in found:
        award = awards[action.holding.project]
        if action.act is clawback.Act.TAKE:
            record([replace(t, by=actor.user) for t in clawback.take_back(action, now)])
            calls.add(award.application.call_id)
        happened("clawback", award.application_id, action.act, actor.user, now, note=action.key)
        call, _ = call_of(actor, award.application.call_id)
        tell_taking(award, call, standings[action.holding.project], action, now)
    for call_id in sorted(calls):
        promote(call_id, now)
    return found


def promote(call_id: str, now: int) -> list[str]:
    """Serve the reserve list of a call from what its tracks have left, by rank; the applications that were promoted."""
    call = from_json(Call, models.Call.objects.get(id=call_id).document)
    rows = list(
        models.Application.objects.select_for_update().filter(call_id=call_id, state=State.RESERVE, reserve_rank__gt=0)
    )
    by_id = {r.id: (r, from_json(Application, r.document)) for r in rows if permitted(r, call, now)}
    waiting = [
        clawback.Waiting(
            a.id, a.project, f"{call_id}/{a.track}", r.reserve_rank, r.reserve_milli,
            -(-r.reserve_milli * a.ask.minimum_milli // 1000), _lot(r, a, call),
        )
        for r, a in by_id.values()
    ]  # fmt: skip
    free = {f"{call_id}/{t.id}": ledger.balance(f"track:{call_id}/{t.id}").available for t in call.tracks}
    grants = clawback.promote(waiting, free, now)
    for grant in grants:
        row, application = by_id[grant.about]
        row.reserve_rank = 0
        move(row, Event.PROMOTE, Actor("dure"), now, grant.reason)
        fund(row, application, call, grant.amount, Actor("dure"), now, None)
        queue(row, LetterKind.PROMOTED, call, now, amount=grant.amount)
    record(grants)
    return [grant.about for grant in grants]


@transaction.atomic
def end_awards(actor: Actor, now: int, *, carry_milli: int = 0) -> list[Transfer]:
    """End the awards whose period is over: what is left lapses; up to `carry_milli` thousandths of what was granted is
    carried over where the project has a later award. Returns what was booked."""
    require(actor, Action.BOOK)
    booked: list[Transfer] = []
    for award in models.Award.objects.select_for_update().filter(ended=False, to_utc_s__lte=now).order_by("pk"):
        award.ended = True
        award.save(update_fields=["ended"])
        later = models.Award.objects.filter(project=award.project_id, ended=False)
        standing = ledger.standing(award.project_id)
        keeps = sum(a.amount_milli for a in later)
        own = replace(standing, remaining=max(0, standing.remaining - keeps))
        lapsed = clawback.lapse(award.project_id, own, Period(award.from_utc_s, award.to_utc_s))
        if lapsed is None:
            continue
        lapsed = replace(lapsed, at_utc_s=now)
        carried = clawback.carry_over(lapsed, award.amount_milli, carry_milli) if later.exists() else None
        booked += [t for t in (lapsed, carried) if t is not None]
        happened("award", award.application_id, "end", actor.user, now)
    record(booked)
    return booked


@transaction.atomic
def send_notices(actor: Actor, now: int) -> int:
    """Tell projects that have used 80, 100 or 120 %, each once; how many letters were queued."""
    require(actor, Action.BOOK)
    count = 0
    for award in models.Award.objects.filter(ended=False, from_utc_s__lt=now).select_related("application"):
        sent = models.Happening.objects.filter(kind="notice", about=award.pk).values_list("note", flat=True)
        period = Period(award.from_utc_s, award.to_utc_s)
        standing = ledger.standing(award.project_id)
        for notice in notices(standing, period, now, set(sent)):
            happened("notice", award.pk, "send", actor.user, now, note=notice.key)
            tell_use(award, call_of(actor, award.application.call_id)[0], standing, notice, now)
            count += 1
    return count


@transaction.atomic
def bill(
    actor: Actor, project: str, month: str, now: int, *, charges: Iterable[Charge] = (), refunds: Iterable[Refund] = (),
    do: bool = True,
) -> Invoice | None:  # fmt: skip
    """A project's invoice for a month, booked once if `do`; for its award where there is no usage given. None if it is
    free. Raises InputError for what is no month."""
    require(actor, Action.BOOK)
    end_utc_s(month)
    award = models.Award.objects.filter(project=project).select_related("application").order_by("from_utc_s").first()
    if award is None:
        raise NotFound("award of project", project)
    made = invoice_of(actor, award, month, charges, refunds)
    entry = fee(made, now)
    if entry is None:
        return None
    if do:
        record([replace(entry, by=actor.user)])
    return made


def invoice_page(made: Invoice, language: str, now: int) -> str:
    """The invoice as a page to print, from the programme to the project."""
    programme, project = models.Programme.objects.get(), models.Project.objects.get(id=made.project)
    payer = "\n".join(filter(None, (project.institution, project.title, project.id)))
    return page(made, Heading(programme.name, payer, day_of(now)), language)


def invoice_of(
    actor: Actor, award: models.Award, month: str, charges: Iterable[Charge], refunds: Iterable[Refund]
) -> Invoice:
    """The invoice as data, nothing booked."""
    application = from_json(Application, award.application.document)
    call, _ = call_of(actor, award.application.call_id)
    terms = FeeTerms.of(call, call.track(application.track), young=application.young)
    rows, back = list(charges), list(refunds)
    if rows or back:
        return invoice(award.project_id, month, terms, rows, back)
    return invoice_award(award.project_id, month, terms, award.amount_milli, award.pk)


def _award(actor: Actor, id: str) -> tuple[models.Application, models.Award]:
    row = application_for(actor, Action.CHANGE_AWARD, id, lock=True)
    award = models.Award.objects.select_for_update().filter(application=row, ended=False).first()
    if award is None:
        raise NotFound("award of application", id)
    return row, award


def _holding(award: models.Award, row: models.Application, call: Call) -> clawback.Holding:
    ask = from_json(Application, row.document).ask
    steps = clawback.steps(award.from_utc_s, ask.months, ZoneInfo(call.zone))
    return clawback.Holding(award.project_id, f"{call.id}/{row.document['track']}", steps)


def _lot(row: models.Application, application: Application, call: Call) -> int:
    """Milli-units of one lot of what is asked; 1 where the track awards single accelerators."""
    lots = application.ask.accelerators // call.track(application.track).lot_accelerators
    return row.reserve_milli // lots if lots and call.track(application.track).lot_accelerators > 1 else 1


def _reviewers_of(row: models.Application) -> set[str]:
    return set(row.reviews.filter(submitted_utc_s__isnull=False).values_list("reviewer", flat=True))


def _exists(project: str) -> bool:
    found: bool = models.Project.objects.filter(id=project).exists()
    return found
