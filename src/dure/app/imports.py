"""The way in for an existing centre: its projects, members and balances, as they stood on the day of its export."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from dure.app.access import Action, Actor, require
from dure.app.people import happened
from dure.app.programme import record
from dure.errors import InputError, InputErrors
from dure.formats.coldfront import ImportedProject
from dure.ledger.model import Cause, Transfer
from dure.store import models


@dataclass(frozen=True, slots=True)
class TakenOver:
    """One project that was taken over. `left_out` says what of it was not, in words."""

    project: str
    members: int
    granted_milli: int
    spent_milli: int
    before: bool  # an earlier run had taken it over already
    left_out: str


@transaction.atomic
def take_over(actor: Actor, source: str, found: Iterable[ImportedProject], now: int) -> list[TakenOver]:
    """Make the projects with their people, and book what each was granted and has spent: all of them, or none.

    Units come from the programme through a track of their own, `import/SOURCE`. The ids of the entries are made from source
    and project, so that the same file twice is booked once. Raises InputErrors for a project whose name another has, and
    where an earlier import of it had other amounts.
    """
    require(actor, Action.BOOK)
    projects = sorted(found, key=lambda p: p.project)
    known = set(models.Project.objects.filter(id__in=[p.project for p in projects]).values_list("id", flat=True))
    before = set(
        models.Happening.objects.filter(kind="project", event=f"import {source}").values_list("about", flat=True)
    )
    clashes = [
        InputError("there is another project of this name", field="project", value=p.project, accepted="a new name")
        for p in projects
        if p.project in known - before
    ]
    if clashes:
        raise InputErrors(clashes)
    record([t for p in projects for t in _transfers(source, p, now, actor.user)])
    for p in projects:
        row, _ = models.Project.objects.get_or_create(id=p.project, defaults={"title": p.title[:300]})
        for m in p.members:
            models.Member.objects.get_or_create(project=row, user=m.user, defaults={"role": m.role})
        if p.project not in before:
            happened("project", p.project, f"import {source}", actor.user, now)
    return [_taken(p, p.project in before) for p in projects]


def _transfers(source: str, p: ImportedProject, now: int, by: str) -> list[Transfer]:
    """What opens a project's account: issued, awarded, and what was spent of it."""
    granted, track, account = p.granted_milli or 0, f"track:import/{source}", f"project:{p.project}"
    spent = min(p.spent_milli, granted)
    opening = (
        ("issue", "programme", track, granted, Cause.ISSUE),
        ("award", track, account, granted, Cause.AWARD),
        ("usage", account, f"spent:{p.project}", spent, Cause.USAGE),
    )
    return [
        Transfer(f"import/{source}/{name}/{p.project}", debit, credit, amount, cause, now, by=by, about=p.project)
        for name, debit, credit, amount, cause in opening
        if amount
    ]


def _taken(p: ImportedProject, before: bool) -> TakenOver:
    granted = p.granted_milli or 0
    left = []
    if p.granted_milli is None:
        left.append("no limit in time: nothing granted")
    if p.spent_milli > granted:
        left.append(f"spent {(p.spent_milli - granted) / 1000:,.1f} units more than was granted")
    if p.limits:
        left.append("limits of what is held at once: " + ", ".join(f"{k} {v}" for k, v in p.limits.items()))
    return TakenOver(p.project, len(p.members), granted, min(p.spent_milli, granted), before, "; ".join(left))
