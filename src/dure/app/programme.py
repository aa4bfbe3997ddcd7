"""The programme itself: made once, from a name and a fleet; its calls."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction

from dure.app.access import Action, Actor, NotFound, Role, require
from dure.app.people import happened
from dure.errors import InputError, InputErrors
from dure.fleet import Fleet
from dure.formats.catalogue import load_catalogue
from dure.formats.fleets import read_fleet
from dure.ledger.model import SUCCESS, Cause, Code, Transfer
from dure.programme.checks import check_call
from dure.programme.lifecycle import CallEvent, CallState, step_call
from dure.programme.model import Call
from dure.store import audit, ledger, models
from dure.store.documents import from_json, to_json


def initialise(name: str, fleet: Path, office: str, now: int) -> None:
    """Make the tables, the programme and its first office account. Raises InputError where there is one already."""
    migrate()
    text = fleet.read_text("utf-8")
    _read_fleet(text, str(fleet))
    with transaction.atomic():
        if models.Programme.objects.exists():
            raise InputError("this database holds a programme already", accepted="another DURE_DATABASE_URL")
        models.Programme.objects.create(name=name, fleet_toml=text, created_utc_s=now)
        audit.start(now)
        get_user_model().objects.create_user(office, is_staff=True, is_superuser=True)
        models.Grant.objects.create(user=office, role=Role.OFFICE)
        happened("role", office, "grant", office, now, after=Role.OFFICE, note="first account")


def migrate() -> None:
    """Bring the tables up to date."""
    call_command("migrate", verbosity=0, interactive=False)


def upgrade(now: int) -> None:
    """Bring the tables of an older version up to date; its audit log starts with what stood in them."""
    migrate()
    with transaction.atomic():
        audit.start(now)


def fleet_of_programme() -> Fleet:
    """The fleet that the programme shares. Raises InputError before `dure init`."""
    row = models.Programme.objects.first()
    if row is None:
        raise InputError("there is no programme here", accepted="run `dure init` first")
    return _read_fleet(row.fleet_toml, "the programme's fleet")


@lru_cache(maxsize=4)  # parsing takes longer than most requests
def _read_fleet(text: str, name: str) -> Fleet:
    return read_fleet(io.BytesIO(text.encode()), name=name, catalogue=load_catalogue())


@transaction.atomic
def open_call(actor: Actor, call: Call, now: int) -> Call:
    """Keep a call as a draft; a draft of the same id is replaced. Raises InputErrors for one that cannot be, and for one
    that is published."""
    require(actor, Action.EDIT_CALL)
    if faults := check_call(call, fleet_of_programme()):
        raise InputErrors(
            [
                InputError(f.message, field=".".join(map(str, f.path)), value=f.value, accepted=f.accepted)
                for f in faults
            ]
        )
    row = models.Call.objects.select_for_update().filter(id=call.id).first()
    if row is not None and row.state != CallState.DRAFT:
        raise InputError("a published call is not changed", field="id", value=call.id, accepted="a new id")
    models.Call.objects.update_or_create(id=call.id, defaults={"document": to_json(call)})
    happened("call", call.id, "open", actor.user, now, after=CallState.DRAFT)
    return call


@transaction.atomic
def publish_call(actor: Actor, id: str, now: int) -> Call:
    """Make a draft public and fund its tracks: from here on it is not changed."""
    require(actor, Action.EDIT_CALL)
    row = _call_row(actor, id)
    call = from_json(Call, row.document)
    if now >= call.closes_utc_s:
        raise InputError("it would be closed already", field="closes", accepted="a moment in the future")
    _step(row, CallEvent.PUBLISH, actor, now)
    record(
        [
            Transfer(
                f"issue/{id}/{t.id}", "programme", f"track:{id}/{t.id}", t.envelope_milli, Cause.ISSUE, now,
                by=actor.user, about=id,
            )
            for t in call.tracks
        ]
    )  # fmt: skip
    return call


@transaction.atomic
def withdraw_call(actor: Actor, id: str, now: int, reason: str) -> None:
    """Take a call back; envelopes return to the programme."""
    require(actor, Action.EDIT_CALL)
    row = _call_row(actor, id)
    published = row.state == CallState.PUBLISHED
    _step(row, CallEvent.WITHDRAW, actor, now, reason)
    if published:
        back = [
            Transfer(f"return/{id}/{t.id}", f"track:{id}/{t.id}", "programme", left, Cause.RETURN, now, by=actor.user)
            for t in from_json(Call, row.document).tracks
            if (left := ledger.balance(f"track:{id}/{t.id}").available) > 0
        ]
        record(back)


@transaction.atomic
def set_beacon(actor: Actor, id: str, value: str, now: int) -> None:
    """Enter the public value that the call named, once, after its close."""
    require(actor, Action.EDIT_CALL)
    row = _call_row(actor, id)
    if not value.strip() or len(value) > 200:
        raise InputError("not a beacon's value", field="value", value=value, accepted="1 to 200 characters")
    if row.beacon_value or row.state != CallState.PUBLISHED or now < from_json(Call, row.document).closes_utc_s:
        raise InputError(
            "the beacon's value is entered once, after the close", field="state", value=row.beacon_value or row.state
        )
    row.beacon_value = value
    row.save(update_fields=["beacon_value"])
    happened("call", id, "beacon", actor.user, now, note=value)


def call_of(actor: Actor, id: str) -> tuple[Call, CallState]:
    """A call and its state. Raises NotFound, for a draft too unless one may edit calls."""
    row = _call_row(actor, id, lock=False)
    return from_json(Call, row.document), CallState(row.state)


def calls(actor: Actor) -> list[tuple[Call, CallState]]:
    """All calls one may see, by opening date."""
    rows = [row for row in models.Call.objects.all() if not _hidden(actor, row)]
    found = [(from_json(Call, row.document), CallState(row.state)) for row in rows]
    return sorted(found, key=lambda pair: (pair[0].opens_utc_s, pair[0].id))


def mark_awarded(actor: Actor, id: str, now: int) -> None:
    """The call's awards are published."""
    _step(_call_row(actor, id), CallEvent.AWARD, actor, now)


def _call_row(actor: Actor, id: str, lock: bool = True) -> models.Call:
    rows = models.Call.objects.select_for_update() if lock else models.Call.objects
    row = rows.filter(id=id).first()
    if row is None or _hidden(actor, row):
        raise NotFound("call", id)
    return row


def _hidden(actor: Actor, row: models.Call) -> bool:
    """Whether a call is not for this actor: one that was never published is for those who edit calls."""
    if row.state in (CallState.PUBLISHED, CallState.AWARDED) or actor.reach(Action.EDIT_CALL) is not None:
        return False
    published = models.Happening.objects.filter(kind="call", about=row.id, event=CallEvent.PUBLISH)
    return row.state == CallState.DRAFT or not published.exists()


def _step(row: models.Call, event: CallEvent, actor: Actor, now: int, note: str = "") -> None:
    before, after = CallState(row.state), step_call(CallState(row.state), event)
    row.state = after
    row.save(update_fields=["state"])
    happened("call", row.id, event, actor.user, now, before=before, after=after, note=note)


def record(transfers: list[Transfer]) -> None:
    """Book transfers that must all succeed, in the transaction at hand. Raises InputError naming the first that fails."""
    for transfer, code in zip(transfers, ledger.record(transfers), strict=True):
        if code not in SUCCESS:
            raise InputError(
                f"the ledger refused {transfer.cause.name.lower()} of {transfer.amount} from {transfer.debit} to "
                f"{transfer.credit}: {Code(code).name.lower().replace('_', ' ')}",
                field=transfer.id,
            )
