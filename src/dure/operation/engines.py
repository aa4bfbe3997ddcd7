"""Which executor starts the jobs of which pool: by the file that `$DURE_SITES` names, else all by one local engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from dure.executors.accelerators import Node
from dure.executors.base import Executor
from dure.executors.local import LocalEngine
from dure.executors.preparing import ANYWHERE, Site
from dure.fleet.model import Fleet
from dure.formats.sites import PoolSite, Sites, read_sites
from dure.formats.streams import opened
from dure.lifecycle.attempts import Grace
from dure.workload.spec import SiteRules

DEFAULT_FOLDER: Final = "dure-local"


@dataclass(frozen=True)
class Engines:
    """The executors of a fleet. Pools whose sites say the same share one."""

    of_pool: Mapping[str, Executor]
    rules: Mapping[str, SiteRules]
    grace: Grace


def engines_of(fleet: Fleet, environ: Mapping[str, str]) -> Engines:
    """The executors of a fleet. Raises InputErrors with every fault of the sites' file."""
    sites = Sites()
    if place := environ.get("DURE_SITES"):
        with opened(Path(place)) as stream:
            sites = read_sites(stream, place, pools=tuple(pool.id for pool in fleet.pools))
    folder = str(Path(environ.get("DURE_LOCAL") or DEFAULT_FOLDER).absolute())
    said = {pool.id: pool for pool in sites.pools}
    local = {pool.id: _local(said.get(pool.id), folder) for pool in fleet.pools}
    nodes = _nodes(fleet)
    pools_of: dict[Site, list[str]] = defaultdict(list)
    for pool, site in local.items():
        pools_of[site].append(pool)
    engines = {site: LocalEngine(site, [n for p in pools for n in nodes[p]]) for site, pools in pools_of.items()}
    return Engines(
        {pool: engines[site] for pool, site in local.items()},
        {pool: said[pool].rules if pool in said else ANYWHERE for pool in local},
        sites.grace,
    )


def _local(pool: PoolSite | None, folder: str) -> Site:
    if pool is None:
        return Site(folder, rules=ANYWHERE)
    same = {f.name: getattr(pool, f.name) for f in fields(Site) if f.name not in ("root", "rules")}
    return Site(pool.root or folder, rules=pool.rules, **same)


def _nodes(fleet: Fleet) -> dict[str, list[Node]]:
    """The nodes of each pool."""
    found: dict[str, list[Node]] = {pool.id: [] for pool in fleet.pools}
    for name, at in zip(fleet.named_nodes, fleet.node_pool().tolist(), strict=True):
        pool = fleet.pools[at]
        found[pool.id].append(Node(name, pool.accelerators_per_node, pool.model))
    return found
