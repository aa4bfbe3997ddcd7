"""What people and engines say of sites, nodes and projects, told to the snapshot: drains, caps, outages, stops, terms,
units. Each compares what stands in the database with what the world knows, and tells the difference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from dure.executors.base import NodeSeen
from dure.kernels import codes
from dure.ledger.accounts import PROJECT_KINDS, holder_of, kind_of
from dure.ledger.model import Cause
from dure.operation.arrivals import SCAVENGES
from dure.store import models
from dure.units import FAR_S, WEEK_S
from dure.vocabulary import JobState, Refusal

if TYPE_CHECKING:
    from dure.operation.world import World
    from dure.store.jobs import Pulse

_OWN = (Cause.USAGE,)  # entries of the control loop itself, which the pass has counted


def obey_sites(world: World, now: int, *, new: bool = True) -> bool:
    """Drains, caps and outages. Whether anything is different. `new`: somebody ordered something since."""
    changed = _delivered(world, now)
    if not new and now < world.next_outage_utc_s:
        return changed
    for order in models.SiteOrder.objects.all():
        if order.drained != (order.site in world.drained):
            world.nodes_changed(world.nodes_of_site(order.site), codes.CLOSE if order.drained else codes.OPEN, now)
            (world.drained.add if order.drained else world.drained.discard)(order.site)
            changed = True
        if order.cap_w != world.caps.get(order.site):
            world.set_cap(order.site, order.cap_w)
            changed = True
    world.next_outage_utc_s = FAR_S
    for outage in models.Outage.objects.filter(to_utc_s__gt=now - WEEK_S):
        changed |= _outage(world, outage, now)
        ahead = [at for at in (outage.from_utc_s, outage.to_utc_s) if at > now]
        world.next_outage_utc_s = min(world.next_outage_utc_s, *ahead, FAR_S)
    return changed


def _delivered(world: World, now: int) -> bool:
    """Nodes that came."""
    come = [v for at, v in world.undelivered if at <= now]
    world.undelivered = world.undelivered[len(come) :]
    world.nodes_changed(come, codes.OPEN, now)
    return bool(come)


def _outage(world: World, outage: models.Outage, now: int) -> bool:
    """Bring one outage up to now: planned, begun, over."""
    known = world.outages.get(outage.seq)
    stage = "ahead" if now < outage.from_utc_s else "open" if now < outage.to_utc_s else "over"
    if stage == known:
        return False
    world.outages[outage.seq] = stage
    nodes = world.nodes_of_site(outage.site)
    if known is None and stage != "over":
        world.close_ahead(nodes, outage.from_utc_s, outage.to_utc_s)
    if stage == "open":
        world.nodes_changed(nodes, codes.CLOSE, now)
    elif stage == "over" and known == "open":
        world.nodes_changed(nodes, codes.OPEN, now)
    return True


def obey_projects(world: World, new: Pulse) -> tuple[set[str], set[str], set[str]]:
    """Terms, units and stops: projects stopped since (in the first cycle all that are), resumed since, and those with other
    terms or units."""
    last, changed = world.pulse, _new_units(world, new.journal) if new.journal != world.journal else set()
    news: set[str] = set()
    olds: set[str] = set()
    if last is None or (last.stopped, last.terms) != (new.stopped, new.terms):
        stopped = set(models.Project.objects.filter(stopped=True).values_list("id", flat=True))
        news, olds = stopped - (world.stopped if last is not None else set()), world.stopped - stopped
        world.stopped = stopped
        world.scavenge = set(models.Terms.objects.filter(when_spent="scavenge").values_list("project", flat=True))
        changed |= news | olds | _new_terms(world)
    if known := {p for p in changed if p in world.terms or SCAVENGES + p in world.terms}:
        world.learn(sorted(known))
    return news, olds, changed


def _new_terms(world: World) -> set[str]:
    own = {t.project_id: (t.shares, t.limit_accelerators) for t in models.Terms.objects.all()}
    return {
        name
        for name, terms in world.terms.items()
        if name in own and name not in world.stopped and own[name] != (terms.shares, terms.limit_accelerators)
    }


def _new_units(world: World, last: int) -> set[str]:
    """Projects whose units changed by other hands than the loop's."""
    rows = models.Transfer.objects.filter(seq__gt=world.journal, seq__lte=last).exclude(cause__in=_OWN)
    world.journal = last
    accounts = {a for pair in rows.values_list("debit", "credit") for a in pair if a}
    return {holder_of(a) for a in accounts if kind_of(a) in PROJECT_KINDS}


def nodes_seen(world: World, seen: Iterable[tuple[set[str], Iterable[NodeSeen]]], now: int) -> bool:
    """What engines say of the nodes of their pools: whether anything is different."""
    number, pool_of, down = world.number_of_node, world.pool_of_node, world.down
    failed: dict[int, str] = {}
    repaired: dict[int, None] = {}
    for pools, nodes in seen:
        for node in nodes:
            v = number.get(node.name)
            if v is None or node.up == (v not in down) or pool_of[v] not in pools:
                continue
            if node.up:
                repaired[v] = None
            else:
                failed[v] = node.cause or "the engine says that it is down"
    for v in repaired:
        del world.down[v]
    world.down.update(failed)
    for v in [*failed, *repaired]:
        models.NodeState.objects.update_or_create(
            node=v, defaults={"up": v not in failed, "since_utc_s": now, "cause": failed.get(v, "")[:300]}
        )
    world.nodes_changed(repaired, codes.REPAIR, now)
    world.nodes_changed(failed, codes.FAIL, now)
    return bool(failed or repaired)


def broke(world: World, limit: int = 1000) -> list[int]:
    """Waiting jobs of projects that may scavenge, whose units do not cover them: by number."""
    state, names = world.snapshot.state, world.snapshot.names
    mine = [i for i, project in enumerate(names.terms) if project in world.scavenge]
    waiting = np.flatnonzero(state.state[: names.rows] == JobState.WAITING)
    rows = waiting[np.isin(state.classes["project"][state.job_class[waiting]], mine)][:limit].tolist()
    reasons = world.snapshot.reasons(rows) if rows else {}
    return [world.seq_of[row] for row in rows if reasons[row] in (Refusal.BUDGET, Refusal.OVER_BUDGET_EVER)]
