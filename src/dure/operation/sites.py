"""What operators say of sites: drained, open again, an outage ahead, a cap on power. The control loop obeys."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from dure.app.access import Action, Actor, require, require_all
from dure.app.people import happened
from dure.app.programme import fleet_of_programme
from dure.errors import InputError, UnknownName
from dure.fleet import Fleet
from dure.store import models
from dure.units import DAY_S
from dure.vocabulary import column

LONGEST_S: Final = 366 * DAY_S  # of an outage, and how far ahead it may begin
MOST_W: Final = 100_000_000_000  # no site comes near it, and microwatts of it fit an integer
_REASON: Final = 300  # characters


@dataclass(frozen=True, slots=True)
class OutageView:
    """Planned work at a site."""

    seq: int = column("", "its number")
    from_utc_s: int = column("UTC s", "start")
    to_utc_s: int = column("UTC s", "end")
    reason: str = column("", "in words")


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site as it stands."""

    site: str = column("", "its id")
    name: str = column("", "its name")
    nodes: int = column("count", "nodes, those still to be delivered included")
    nodes_down: int = column("count", "nodes that their engine says are down")
    accelerators: int = column("count", "accelerators of all nodes")
    drained: bool = column("", "nothing more is started there")
    cap_w: int | None = column("W", "cap on its power that holds now; blank: none")
    outages: tuple[OutageView, ...] = column("", "planned work that is not over")


def drain(actor: Actor, site: str, now: int) -> None:
    """Start nothing more at a site; what runs there goes on. Raises Forbidden, UnknownName."""
    _order(actor, site, "drain", now, drained=True)


def resume(actor: Actor, site: str, now: int) -> None:
    """Start jobs at a drained site again. Raises Forbidden, UnknownName."""
    _order(actor, site, "resume", now, drained=False)


def cap(actor: Actor, site: str, cap_w: int | None, now: int) -> None:
    """Cap the power of a site, in watts at its meter; None: as the fleet says. What runs goes on; nothing is started that
    would break it. Raises Forbidden, UnknownName, InputError."""
    if cap_w is not None and not 0 <= cap_w <= MOST_W:
        raise InputError("not a cap on power", field="power", value=cap_w, accepted=f"0 to {MOST_W} W")
    _order(actor, site, "cap", now, cap_w=cap_w)


@transaction.atomic
def _order(actor: Actor, site: str, event: str, now: int, **changes: bool | int | None) -> None:
    """Change what was ordered of a site; where nothing changes, nothing is told."""
    require_all(actor, Action.OPERATE)
    _check_site(fleet_of_programme(), site)
    models.SiteOrder.objects.get_or_create(site=site)
    row = models.SiteOrder.objects.select_for_update().get(site=site)
    (name, value), before = next(iter(changes.items())), getattr(row, next(iter(changes)))
    if before == value:
        return
    setattr(row, name, value)
    row.version += 1
    row.save()
    happened("site", site, event, actor.user, now, before=_said(before), after=_said(value))


def _said(value: bool | int | None) -> str:
    return "" if value is None else str(value).lower()


@transaction.atomic
def outage(actor: Actor, site: str, from_utc_s: int, to_utc_s: int, reason: str, now: int) -> models.Outage:
    """Announce work at a site: nothing is started that would run into it, and what still runs then goes on. Raises Forbidden,
    UnknownName; InputError for one that is over, too long or too far ahead, or a reason that is none."""
    require_all(actor, Action.OPERATE)
    _check_site(fleet_of_programme(), site)
    if not from_utc_s < to_utc_s <= from_utc_s + LONGEST_S or to_utc_s <= now:
        accepted = f"after it begins and after now, within {LONGEST_S // DAY_S} days"
        raise InputError("not the end of an outage", field="to", value=to_utc_s, accepted=accepted)
    if not now - LONGEST_S <= from_utc_s <= now + LONGEST_S:
        accepted = f"within {LONGEST_S // DAY_S} days from now"
        raise InputError("not the start of an outage", field="from", value=from_utc_s, accepted=accepted)
    reason = reason.strip()
    if len(reason) > _REASON or any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in reason):
        raise InputError(
            "not a reason", field="reason", value=reason, accepted=f"one line of {_REASON} characters at most"
        )
    row = models.Outage.objects.create(
        site=site, from_utc_s=from_utc_s, to_utc_s=to_utc_s, reason=reason, by=actor.user
    )
    happened("site", site, "outage", actor.user, now, after=str(row.seq), note=f"{from_utc_s} to {to_utc_s}: {reason}")
    return row


def _check_site(fleet: Fleet, site: str) -> None:
    known = [s.id for s in fleet.sites]
    if site not in known:
        raise UnknownName("site", site, known)


def sites(actor: Actor, now: int) -> list[SiteView]:
    """The sites as they stand, for everybody who may see jobs. Raises Forbidden."""
    require(actor, Action.READ_JOB)
    fleet = fleet_of_programme()
    orders = {o.site: o for o in models.SiteOrder.objects.all()}
    ahead: dict[str, list[OutageView]] = {}
    for o in models.Outage.objects.filter(to_utc_s__gt=now).order_by("from_utc_s", "seq"):
        ahead.setdefault(o.site, []).append(OutageView(o.seq, o.from_utc_s, o.to_utc_s, o.reason))
    pools, site_of_node = fleet.node_pool(), [p.site for p in fleet.pools]
    down = [site_of_node[pools[n]] for n in _down(len(pools))]
    found = []
    for s in fleet.sites:
        own, order = [p for p in fleet.pools if p.site == s.id], orders.get(s.id)
        cap_w = s.power_cap_w if order is None or order.cap_w is None else order.cap_w
        found.append(
            SiteView(
                s.id, s.name, sum(p.nodes for p in own), down.count(s.id), sum(p.nodes * p.accelerators_per_node for p in own),
                order is not None and order.drained, cap_w, tuple(ahead.get(s.id, ())),
            )
        )  # fmt: skip
    return found


def _down(nodes: int) -> list[int]:
    return list(models.NodeState.objects.filter(up=False, node__lt=nodes).values_list("node", flat=True))
