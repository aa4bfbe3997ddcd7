"""Consistency checks of a fleet: one function each, every fault of every check reported at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from dure.fleet.blanks import ASSUMED_TDP_W, idle_milliwatts
from dure.fleet.model import Accelerator, Fleet, Pool, Site
from dure.units import MILLI

ENGINES = ("local", "slurm", "ray", "kubernetes")
MAX_ACCELERATORS_PER_NODE = 62  # the devices of a node are the bits of one signed 64-bit mask
_MAX_NODES = 1_000_000
_MODEL_FIGURES = (
    "memory_gib",
    "bandwidth_gb_s",
    "fp32_tflops",
    "fp16_tflops",
    "fp8_tflops",
    "int8_tops",
    "fp4_tflops",
    "die_mm2",
    "tdp_w",
)
_MAX_S = 2**40  # as for workloads: later than any real time


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a fleet: the `index`-th entity of `table`, one of its fields, and what would be right."""

    table: str  # site, pool, outage, rate, model or fleet
    index: int
    id: str
    field: str
    message: str
    value: object = None
    accepted: str = ""

    def __str__(self) -> str:
        place = f"{self.table} {self.id}".rstrip()
        got = f" (got {self.value!r})" if self.value is not None else ""
        return f"{place}: {self.field}: {self.message}{got}" + (f"; accepted: {self.accepted}" if self.accepted else "")


def nearest(name: str, known: Collection[str], *, shown: int = 12) -> str:
    """What to write instead of `name`: the nearest known names if any is near, else the known names."""
    by_folded = {k.casefold(): k for k in known}
    folded = name.casefold()
    close = [folded] if folded in by_folded else get_close_matches(folded, by_folded, n=2, cutoff=0.65)
    if close:
        return f"did you mean {' or '.join(by_folded[c] for c in close)}?"
    names = sorted(known)
    return "one of " + ", ".join(names[:shown]) + (", ..." if len(names) > shown else "") if names else "none are known"


def check(fleet: Fleet, known_models: Collection[str] = ()) -> list[Fault]:
    """All faults of a fleet, in the order of the checks below. `known_models` serves suggestions only."""
    return [fault for one in CHECKS for fault in one(fleet)] + list(dangling(fleet, known_models))


def dangling(fleet: Fleet, known_models: Collection[str] = ()) -> Iterator[Fault]:
    """Every site, pool and model that is referred to exists."""
    sites, pools = {s.id for s in fleet.sites}, {p.id for p in fleet.pools}
    models = fleet.models.keys() | set(known_models)
    for i, p in enumerate(fleet.pools):
        if p.site not in sites:
            yield Fault("pool", i, p.id, "site", "no such site in this fleet", p.site, nearest(p.site, sites))
        if p.model and p.model not in fleet.models:
            yield Fault("pool", i, p.id, "model", "no such accelerator model", p.model, nearest(p.model, models))
    for i, o in enumerate(fleet.outages):
        if o.pool not in pools:
            yield Fault("outage", i, "", "pool", "no such pool in this fleet", o.pool, nearest(o.pool, pools))
    for i, r in enumerate(fleet.rates):
        if r.model not in models:
            yield Fault("rate", i, r.model, "model", "no such accelerator model", r.model, nearest(r.model, models))


def not_empty(fleet: Fleet) -> Iterator[Fault]:
    """A fleet has at least one node."""
    if not sum(p.nodes for p in fleet.pools):
        yield Fault("fleet", 0, "", "pool", "the fleet has no nodes", accepted="at least one pool with one node")


def unique_ids(fleet: Fleet) -> Iterator[Fault]:
    """Sites, pools and rates are named, and no two alike; a rate's name is its model, slice, workload and date."""
    tables = (
        ("site", "id", [s.id for s in fleet.sites]),
        ("pool", "id", [p.id for p in fleet.pools]),
    )
    for table, field, ids in tables:
        seen: dict[str, int] = {}
        for i, name in enumerate(ids):
            if not name:
                yield Fault(table, i, "", field, "has no name", accepted="a short name")
            elif seen.setdefault(name, i) != i:
                message = f"used before, by {table} number {seen[name] + 1}"
                yield Fault(table, i, name, field, message, name, "a new name")
    rates = [(r.model, r.slice, r.workload, r.from_utc_s) for r in fleet.rates]
    for i, rate in enumerate(rates):
        if not rate[0]:
            yield Fault("rate", i, "", "model", "has no name", accepted="an accelerator model")
        elif rates.index(rate) != i:
            accepted = "another slice, workload or date"
            yield Fault(
                "rate", i, rate[0], "model", f"used before, by rate number {rates.index(rate) + 1}", rate[0], accepted
            )


def figures(fleet: Fleet) -> Iterator[Fault]:
    """No figure is negative or beyond what a run can hold."""
    for i, s in enumerate(fleet.sites):
        bounds = {"power_cap_w": 10**11, "grid_g_per_kwh": 10_000, "tariff_per_mwh": 10**12}
        yield from _out_of_bounds("site", i, s.id, s, bounds)
    for i, p in enumerate(fleet.pools):
        bounds = {"nodes": _MAX_NODES, "cores_milli": 2**40, "memory_mib": 2**40, "node_power_w": 10**6}
        yield from _out_of_bounds("pool", i, p.id, p, bounds)
    for i, r in enumerate(fleet.rates):
        yield from _out_of_bounds("rate", i, r.model, r, {"milli_units": 10**9})
    for i, m in enumerate(fleet.models.values()):
        yield from _out_of_bounds("model", i, m.id, m, dict.fromkeys(_MODEL_FIGURES, 10**7), low=1e-6)


def accelerators_of_nodes(fleet: Fleet) -> Iterator[Fault]:
    """Nodes hold 0 to 62 accelerators, and have a model if and only if they hold any."""
    for i, p in enumerate(fleet.pools):
        count, field = p.accelerators_per_node, "accelerators_per_node"
        if not 0 <= count <= MAX_ACCELERATORS_PER_NODE:
            yield Fault("pool", i, p.id, field, "out of range", count, f"0 to {MAX_ACCELERATORS_PER_NODE}")
        elif (count > 0) != bool(p.model):
            accepted = 'model = "" exactly where accelerators_per_node = 0'
            yield Fault("pool", i, p.id, field, f"does not go with model {p.model!r}", count, accepted)


def engines(fleet: Fleet) -> Iterator[Fault]:
    """Every pool runs under an engine that Dure knows."""
    for i, p in enumerate(fleet.pools):
        if p.engine not in ENGINES:
            yield Fault("pool", i, p.id, "engine", "no such engine", p.engine, ", ".join(ENGINES))


def pue(fleet: Fleet) -> Iterator[Fault]:
    """Power usage effectiveness is facility power over IT power: never below 1."""
    for i, s in enumerate(fleet.sites):
        if not 1 <= s.pue <= 10:
            yield Fault("site", i, s.id, "pue", "cannot be so: facility power includes IT power", s.pue, "1.0 to 10")


def power_cap(fleet: Fleet) -> Iterator[Fault]:
    """A site's cap leaves power for work: idle nodes and accelerators alone stay below it."""
    for i, s in enumerate(fleet.sites):
        idle_w = idle_power_w(fleet, s)
        if s.power_cap_w is not None and 0 <= s.power_cap_w <= idle_w:
            message, accepted = "nothing could ever start under it", f"more than {idle_w:,} W, drawn by idle nodes"
            yield Fault("site", i, s.id, "power_cap_w", message, s.power_cap_w, accepted)


def tariffs(fleet: Fleet) -> Iterator[Fault]:
    """A tariff has a currency (ISO 4217), and a country is two letters (ISO 3166-1) or blank."""
    for i, s in enumerate(fleet.sites):
        if s.tariff_per_mwh is not None and not _is_code(s.currency, 3):
            accepted = "three letters beside a tariff, as KRW"
            yield Fault("site", i, s.id, "currency", "a tariff needs its currency", s.currency, accepted)
        if s.country and not _is_code(s.country, 2):
            yield Fault("site", i, s.id, "country", "not a country code", s.country, "two letters, as KR")


def deliveries(fleet: Fleet) -> Iterator[Fault]:
    """Deliveries come one after another and bring no more nodes than the pool has."""
    for i, p in enumerate(fleet.pools):
        times = [d.at_s for d in p.deliveries]
        if times != sorted(times) or any(not 0 <= t <= _MAX_S for t in times):
            message = "out of order or before the start"
            yield Fault("pool", i, p.id, "deliveries", message, times, "ascending times from 0")
        counts = [d.nodes for d in p.deliveries]
        if sum(counts) > max(p.nodes, 0) or any(n <= 0 for n in counts):
            accepted = f"counts from 1, in all at most the pool's {p.nodes} nodes"
            yield Fault("pool", i, p.id, "deliveries", "do not fit the pool", counts, accepted)


def outages(fleet: Fleet) -> Iterator[Fault]:
    """Outages lie in the run, end after they start, take no more nodes than there are, and do not overlap in a pool."""
    sizes = {p.id: p.nodes for p in fleet.pools}
    by_pool = defaultdict(list)
    for i, o in enumerate(fleet.outages):
        if not 0 <= o.from_s < o.to_s <= _MAX_S:
            message = "ends before it starts, or lies outside the run"
            yield Fault("outage", i, o.pool, "to_s", message, (o.from_s, o.to_s), "0 <= from < to")
        if o.nodes is not None and not 1 <= o.nodes <= sizes.get(o.pool, _MAX_NODES):
            accepted = f"1 to {sizes.get(o.pool, _MAX_NODES)}, or none for all"
            yield Fault("outage", i, o.pool, "nodes", "not so many nodes in the pool", o.nodes, accepted)
        by_pool[o.pool].append((o.from_s, o.to_s, i))
    for pool, spans in by_pool.items():
        latest_end_s, latest = -_MAX_S, 0
        for from_s, to_s, i in sorted(spans):
            if from_s < latest_end_s:
                accepted = f"from {latest_end_s} s on"
                yield Fault("outage", i, pool, "from_s", f"overlaps outage number {latest + 1}", from_s, accepted)
            if to_s > latest_end_s:
                latest_end_s, latest = to_s, i


def slices(fleet: Fleet) -> Iterator[Fault]:
    """A pool offers only slices that its model can be cut into, each once."""
    for i, p in enumerate(fleet.pools):
        known = [s[0] for s in fleet.models[p.model].slices] if p.model in fleet.models else None
        for name in p.slices:
            if known is not None and name not in known:
                yield Fault("pool", i, p.id, "slices", f"no such slice of {p.model}", name, nearest(name, known))
        if len(set(p.slices)) < len(p.slices):
            yield Fault("pool", i, p.id, "slices", "named twice", p.slices, "each slice once")


def node_list(fleet: Fleet) -> Iterator[Fault]:
    """Where nodes are listed one by one, the list agrees with the pools."""
    order = fleet.node_pool_order
    counts = [p.nodes for p in fleet.pools]
    if order is not None and [int((order == i).sum()) for i in range(len(counts))] != counts:
        accepted = f"{sum(counts)} nodes"
        yield Fault("fleet", 0, "", "node_pool_order", "disagrees with the pools", len(order), accepted)
    if fleet.node_names and len(fleet.node_names) != sum(counts):
        yield Fault("fleet", 0, "", "node_names", "one name a node", len(fleet.node_names), f"{sum(counts)} names")


CHECKS: tuple[Callable[[Fleet], Iterable[Fault]], ...] = (
    not_empty, unique_ids, figures, accelerators_of_nodes, engines, pue, power_cap, tariffs, deliveries, outages,
    slices, node_list,
)  # fmt: skip


def idle_power_w(fleet: Fleet, site: Site) -> int:
    """Facility power of a site with every node up and idle, W, rounded up."""
    return _facility_w(fleet, site, lambda p, m: p.node_power_w * MILLI + p.accelerators_per_node * idle_milliwatts(m))


def full_power_w(fleet: Fleet, site: Site) -> int:
    """Facility power of a site with every accelerator at its TDP, W, rounded up."""
    return _facility_w(
        fleet,
        site,
        lambda p, m: (p.node_power_w + p.accelerators_per_node * (m.tdp_w or ASSUMED_TDP_W)) * MILLI,
    )


def _facility_w(fleet: Fleet, site: Site, node_mw: Callable[[Pool, Accelerator], int]) -> int:
    nothing = Accelerator("", "", "", "")
    mw = sum(p.nodes * node_mw(p, fleet.models.get(p.model, nothing)) for p in fleet.pools if p.site == site.id)
    factor = site.pue if 1 <= site.pue <= 10 else 1.0  # what `pue` finds impossible must not stop the other checks
    return -int(-mw * factor // MILLI)


def _out_of_bounds(
    table: str, index: int, id: str, entity: object, bounds: dict[str, int], low: float = 0
) -> Iterator[Fault]:
    for field, high in bounds.items():
        value = getattr(entity, field)
        if value is not None and not low <= value <= high:
            yield Fault(table, index, id, field, "out of range", value, f"{low:g} to {high}")


def _is_code(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isalpha() and text.isupper()
