"""Promised against delivered, at a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dure.app.access import Action, Actor, NotFound, require
from dure.pledges.delivery import Delivered, Figure, Moment, delivery, outside_figures, timeline
from dure.pledges.model import Pledge
from dure.tracking import decided
from dure.tracking.measuring import Asked, figure
from dure.tracking.pledges import Shown, all_shown


@dataclass(frozen=True, slots=True)
class Tracked:
    """A pledge beside what the records show of it. `asked` None: nothing measures it."""

    shown: Shown
    asked: Asked | None
    delivered: Delivered

    @property
    def pledge(self) -> Pledge:
        """As it stands."""
        return self.shown.pledge


def track(actor: Actor, as_of: date, now: int) -> list[Tracked]:
    """Every pledge at a day with what the records show, in the order of acceptance. A day to come is answered by today's
    records."""
    require(actor, Action.READ_PLEDGE)
    return [_tracked(shown, as_of, now) for shown in all_shown(as_of).values()]


def track_one(actor: Actor, pledge: str, as_of: date, now: int) -> tuple[Tracked, list[Moment]]:
    """One pledge at a day, and its life up to then. Raises NotFound."""
    require(actor, Action.READ_PLEDGE)
    shown = all_shown(as_of).get(pledge)
    if shown is None:
        raise NotFound("pledge", pledge)
    found = _tracked(shown, as_of, now)
    own: list[Figure] = [found.asked.figure] if found.asked and found.asked.figure.value is not None else []
    entered = outside_figures(shown.decisions, as_of).get(pledge)
    return found, timeline(decided.confirmed(), [f for f in own if f is not entered and f != entered], pledge, as_of)


def _tracked(shown: Shown, as_of: date, now: int) -> Tracked:
    pledge = shown.pledge
    entered = outside_figures(shown.decisions, as_of).get(pledge.id)
    asked = figure(pledge, as_of, now, entered) if pledge.measure else None
    return Tracked(shown, asked, delivery(pledge, asked.figure if asked else None, as_of))
