"""Research-security screening: what applicants declare, held against the lists in force, and what two people decide.

A screening without flags to decide is clear by the machine; any other waits for two people. Both hold for twelve months, and
only for what was screened: other inputs, or a new edition of a list that raises new flags, end them. Nothing is refused here:
`facts_of` is what the rules read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from dure.app.access import Action, Actor, NotFound, require, require_apart
from dure.app.applying import team_of
from dure.app.people import application_for, happened
from dure.errors import InputError, InputErrors
from dure.governance import screening
from dure.governance.facts import UNKNOWN, Value
from dure.governance.screening import (
    SIGNED,
    VALID_MONTHS,
    Declaration,
    Edition,
    Flag,
    Partner,
    Screened,
    after_flags,
    months_later,
)
from dure.programme.lifecycle import State
from dure.programme.model import Application
from dure.store import models
from dure.store.documents import from_json, to_json

_SETTLED = (State.AWARDED, State.INELIGIBLE, State.WITHDRAWN)
_ANSWERS = ("sensitive_area", "named_organisation", "private_partner", "disclosure", "talent_programme")


@dataclass(frozen=True, slots=True)
class Change:
    """What a re-screening did: the state before and after, and the flags that are new and need people."""

    application: str
    before: str
    after: str
    new: tuple[Flag, ...]


@transaction.atomic
def declare(actor: Actor, id: str, declaration: Declaration, now: int) -> models.Screening:
    """Declare for an application of one's own (the office: for anybody's), until it is awarded; it is screened at once.

    Raises InputErrors for what is wrong in itself, NotFound beyond the actor's reach.
    """
    row = application_for(actor, Action.APPLY, id, lock=True)
    if row.state in _SETTLED:
        accepted = "an application that is not settled yet"
        raise InputError("nothing more is declared for it", field="state", value=row.state, accepted=accepted)
    wrong = [
        InputError("wrong value", field=".".join(map(str, path)), value=value, accepted=accepted)
        for path, value, accepted in screening.faults(declaration)
    ]
    if wrong:
        raise InputErrors(wrong)
    row.declaration = to_json(declaration)
    row.save(update_fields=["declaration"])
    happened("screening", id, "declare", actor.user, now, note=_inputs(row))
    return _screen(row, _current(), actor.user, now)


@transaction.atomic
def screen(actor: Actor, id: str, now: int) -> models.Screening:
    """Screen an application against the lists in force: a new row. Raises InputError where nothing was declared."""
    row = application_for(actor, Action.SCREEN, id, lock=True)
    return _screen(row, _current(), actor.user, now)


@transaction.atomic
def sign(actor: Actor, id: str, state: str, note: str, now: int) -> models.Screening:
    """Say what becomes of a screening: the first person proposes, another who says the same confirms. Neither belongs to
    the team or reviewed the application. What is confirmed holds for twelve months."""
    application = application_for(actor, Action.SCREEN, id, lock=True)
    reviewers = application.reviews.filter(submitted_utc_s__isnull=False).values_list("reviewer", flat=True)
    require_apart(actor, id, reviewers, team_of(application))
    if state not in SIGNED:
        raise InputError("no such decision", field="state", value=state, accepted=", ".join(SIGNED))
    if not note.strip():
        raise InputError("a decision takes a reason", field="note")
    row = _latest(application)
    stands = _stands(row, application, now)
    if row is None or stands in ("none", "expired"):
        raise InputError(
            "there is no screening in force", field="state", value=stands, accepted=f"`dure screen show {id}` anew"
        )
    if row.proposed == state and row.by != actor.user:
        before, row.state, row.proposed, row.second = row.state, state, "", actor.user
        row.note, row.until_utc_s = f"{row.note}\n{note}", months_later(now, VALID_MONTHS)
        event = "sign"
    else:
        before, row.proposed, row.by, row.second, row.note = row.state, state, actor.user, "", note
        event = "propose"
    row.save()
    happened("screening", id, event, actor.user, now, before=before, after=state, note=note)
    return row


@transaction.atomic
def import_list(actor: Actor, edition: Edition, now: int) -> list[Change]:
    """Keep an edition of a list; if it is the newest, everything screened is held against it. What changed."""
    require(actor, Action.SCREEN)
    known = models.Watchlist.objects.filter(digest=edition.digest).first()
    if known is not None:
        raise InputError("this file is kept already", field="digest", value=edition.digest, accepted=str(known))
    other = models.Watchlist.objects.filter(list=edition.list).exclude(kind=edition.kind).first()
    if other is not None:
        raise InputError("the list is of another kind", field="kind", value=edition.kind, accepted=other.kind)
    if edition.dated > _day(now):
        raise InputError("dated in the future", field="dated", value=edition.dated, accepted=f"{_day(now)} or before")
    models.Watchlist.objects.create(
        digest=edition.digest, list=edition.list, kind=edition.kind, dated=edition.dated, source=edition.source,
        document=to_json(edition), imported_utc_s=now, by=actor.user,
    )  # fmt: skip
    happened("screening", edition.list, "import_list", actor.user, now, note=f"{edition.dated} {edition.digest}")
    return _rescreen(actor, now)


@transaction.atomic
def rescreen(actor: Actor, now: int) -> list[Change]:
    """Hold every screening in force against the newest editions. One with new flags for people expires, to be screened
    and signed again; any other is renewed as it was decided, until the day it would have ended. What changed."""
    require(actor, Action.SCREEN)
    return _rescreen(actor, now)


def lists(actor: Actor) -> list[models.Watchlist]:
    """All editions that are kept, newest of each list first."""
    require(actor, Action.READ_SCREENING)
    return list(models.Watchlist.objects.defer("document").order_by("list", "-dated", "-imported_utc_s"))


def shown(actor: Actor, id: str, now: int) -> tuple[models.Screening, Screened, str]:
    """The newest screening of an application, its result, and where it stands now. Raises NotFound where there is none."""
    application = application_for(actor, Action.READ_SCREENING, id)
    row = _latest(application)
    if row is None:
        raise NotFound("screening of application", id)
    return row, from_json(Screened, row.document), _stands(row, application, now)


def screened(actor: Actor, now: int) -> list[tuple[models.Screening, str]]:
    """The newest screening of every application that has one, by id, with where it stands now."""
    require(actor, Action.READ_SCREENING)
    return [(row, _stands(row, row.application, now)) for row in _all_latest()]


def state_of(id: str, now: int) -> str:
    """Where the screening of an application stands: a word of `facts.SCREENINGS`."""
    application = models.Application.objects.filter(id=id).first()
    return "none" if application is None else _stands(_latest(application), application, now)


def facts_of(id: str, now: int) -> dict[str, Value]:
    """The facts of an application about its organisation, its screening and its partners, for the rules: those of
    `facts.ORGANISATION`, `screening` and what joint research is asked.

    What was not declared is unknown. Answers that came of a screening stay, whatever its state: the state is a fact too.
    """
    row = models.Application.objects.get(id=id)
    application = from_json(Application, row.document)
    own = application.institution.country or UNKNOWN
    latest = _latest(row)
    stands = _stands(latest, row, now)
    answers = dict.fromkeys((*_ANSWERS, "listed"), UNKNOWN) if latest is None else latest.document
    partners = {application.partner_country} if application.partner_country else set()
    found: dict[str, Value] = {"applicant_country": own, "screening": stands}
    found |= {name: str(answers[name]) for name in (*_ANSWERS, "listed")}
    if row.declaration is None:
        unknown = ("headquarters_country", "parent_country", "end_use", "export_licence", "strategic_technology")
        return found | dict.fromkeys(unknown, UNKNOWN) | {"partner_countries": frozenset(partners | {UNKNOWN})}
    d = from_json(Declaration, row.declaration)
    licensed = d.export_licence is not None and d.export_licence.until_utc_s > now
    partners |= {p.country or UNKNOWN for p in d.partners}
    return found | {
        "headquarters_country": d.headquarters_country, "parent_country": d.parent_country, "end_use": d.end_use,
        "export_licence": "yes" if licensed else "no", "strategic_technology": d.strategic_technology,
        "partner_countries": frozenset(partners - {own} if own != UNKNOWN else partners),
    }  # fmt: skip


def declaration_of(id: str) -> Declaration | None:
    """What was declared for an application; None: nothing."""
    row = models.Application.objects.get(id=id)
    return None if row.declaration is None else from_json(Declaration, row.declaration)


def _screen(row: models.Application, editions: Sequence[Edition], by: str, now: int) -> models.Screening:
    before = _latest(row)
    result = _with_history(_result(row, editions, now), before)
    found: models.Screening = models.Screening.objects.create(
        application=row, document=to_json(result), state=_state(result),
        at_utc_s=now, until_utc_s=months_later(now, VALID_MONTHS),
    )  # fmt: skip
    happened("screening", row.id, "screen", by, now, before=before.state if before else "", after=found.state)
    return found


def _with_history(result: Screened, before: models.Screening | None) -> Screened:
    """The result as it stands after an earlier one: what people had to decide once, the machine never clears. Otherwise who
    was flagged could declare anew without what raised the flag."""
    if before is None or (not before.by and from_json(Screened, before.document).clear):
        return result
    return after_flags(result)


def _state(result: Screened) -> str:
    return "clear" if result.clear else "flagged"


def _rescreen(actor: Actor, now: int) -> list[Change]:
    editions = _current()
    digests = {e.digest for e in editions}
    changes = []
    for row in _all_latest():
        application, judged, before = row.application, from_json(Screened, row.document), row.state
        new: tuple[Flag, ...] = ()
        if judged.inputs != _inputs(application):
            result = from_json(Screened, _screen(application, editions, actor.user, now).document)
            before, after, new = "expired", _state(result), tuple(f for f in result.flags if f.decide)
        elif set(judged.lists) == digests or _stands(row, application, now) == "expired":
            continue
        else:
            result = _result(application, editions, now)
            kept = {f.key for f in judged.flags if f.decide}
            new = tuple(f for f in result.flags if f.decide and f.key not in kept)
            after = _expire(row) if new else _renew(row, judged, result, now)
            happened("screening", application.id, "rescreen", actor.user, now, before=before, after=after)
        if after != before:
            changes.append(Change(application.id, before, after, new))
    return changes


def _expire(row: models.Screening) -> str:
    row.state, row.proposed = "expired", ""
    row.save()
    return row.state


def _renew(row: models.Screening, judged: Screened, result: Screened, now: int) -> str:
    """The same decision under the newer lists, to the same end."""
    result = _with_history(result, row)
    decided = row.state != _state(judged)
    state: str = row.state if decided else _state(result)
    models.Screening.objects.create(
        application=row.application, document=to_json(result), state=state, proposed=row.proposed, by=row.by,
        second=row.second, note=row.note, at_utc_s=now, until_utc_s=row.until_utc_s,
    )  # fmt: skip
    return state


def _result(row: models.Application, editions: Iterable[Edition], now: int) -> Screened:
    if row.declaration is None:
        accepted = f"`dure screen declare {row.id} FILE`, by its applicant"
        raise InputError("nothing was declared for it", field="declaration", accepted=accepted)
    institution = from_json(Application, row.document).institution
    applicant = Partner(institution.name, institution.ror, institution.country)
    declaration = from_json(Declaration, row.declaration)
    found = screening.screen(declaration, editions, now, team=team_of(row), applicant=applicant)
    return replace(found, inputs=_inputs(row))


def _inputs(row: models.Application) -> str:
    """Digest of all that a screening is of, but for the lists: another one means that it was of something else."""
    institution = row.document["institution"]
    seen = [row.declaration, sorted(team_of(row)), institution.get("name", ""), institution.get("ror", "")]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def _current() -> list[Edition]:
    """The edition in force of every list: the last dated, of those the last imported."""
    found: dict[str, models.Watchlist] = {}
    for row in models.Watchlist.objects.order_by("dated", "imported_utc_s"):
        found[row.list] = row
    return [from_json(Edition, row.document) for row in found.values()]


def _latest(row: models.Application) -> models.Screening | None:
    found: models.Screening | None = row.screenings.order_by("-seq").first()
    return found


def _all_latest() -> list[models.Screening]:
    rows = models.Screening.objects.select_related("application").order_by("seq")
    return sorted({row.application_id: row for row in rows}.values(), key=lambda row: row.application_id)


def _stands(row: models.Screening | None, application: models.Application, now: int) -> str:
    """A screening's state now: over after its end, and for anything but what was screened."""
    if row is None:
        return "none"
    over = now >= row.until_utc_s or row.document["inputs"] != _inputs(application)
    return "expired" if over else row.state


def _day(now: int) -> str:
    # A list of today, east of Greenwich, may be dated a day ahead of UTC.
    return (dt.datetime.fromtimestamp(now, dt.UTC) + dt.timedelta(hours=14)).date().isoformat()
