"""A fleet as tables, with what its blanks were taken to mean."""

from __future__ import annotations

from collections.abc import Iterable

from dure.fleet.blanks import busy_milliwatts, idle_milliwatts, may_train, rate_milli
from dure.fleet.model import Fleet, Pool
from dure.reports.table import Column, Table, Value
from dure.units import MIB_PER_GIB, MILLI

Rows = list[dict[str, Value]]


def fleet_tables(fleet: Fleet) -> list[Table]:
    """Sites, pools, models, and planned outages where there are any."""
    made = [
        _table("sites", _SITES, _sites(fleet)),
        _table("pools", _POOLS, [_pool(p) for p in fleet.pools]),
        _table("models", _MODELS, [_model(fleet, m) for m in dict.fromkeys(p.model for p in fleet.pools) if m]),
        _table("outages", _OUTAGES, _outages(fleet)),
    ]
    return [t for t in made if t.rows]


def _table(name: str, columns: Iterable[tuple[str, str, str]], rows: Rows) -> Table:
    return Table(name, name.capitalize(), tuple(Column(*c) for c in columns), rows)


_SITES = (
    ("site", "site", "text"), ("country", "country", "text"), ("accelerators", "accelerators", "count"),
    ("power_cap_w", "power cap", "W"), ("power_full_w", "all busy", "W"), ("pue", "PUE", "factor"),
    ("grid_g_per_kwh", "grid carbon", "g/kWh"), ("tariff_per_mwh", "tariff", "per MWh"),
    ("currency", "currency", "text"),
)  # fmt: skip
_POOLS = (
    ("pool", "pool", "text"), ("site", "site", "text"), ("model", "model", "text"), ("nodes", "nodes", "count"),
    ("accelerators_per_node", "per node", "count"), ("accelerators", "accelerators", "count"),
    ("cores", "cores a node", "count"), ("memory_gib", "memory a node", "GiB"), ("engine", "engine", "text"),
    ("slices", "slices", "text"), ("later_nodes", "nodes to come", "count"),
)  # fmt: skip
_MODELS = (
    ("model", "model", "text"), ("vendor", "vendor", "text"), ("country", "vendor country", "text"),
    ("accelerators", "accelerators", "count"), ("memory_gib", "memory", "GiB"), ("fp16_tflops", "FP16", "TFLOP/s"),
    ("tdp_w", "TDP", "W"), ("trains", "trains", "text"), ("units_per_h", "rate", "units/h"),
    ("basis", "rate from", "text"), ("confidence", "confidence", "text"),
)  # fmt: skip
_OUTAGES = (
    ("pool", "pool", "text"), ("from_s", "from", "duration"), ("to_s", "to", "duration"), ("nodes", "nodes", "count"),
    ("reason", "reason", "text"),
)  # fmt: skip


def _sites(fleet: Fleet) -> Rows:
    rows: Rows = []
    for s in fleet.sites:
        pools = [p for p in fleet.pools if p.site == s.id]
        rows.append(
            {
                "site": s.id,
                "country": s.country,
                "accelerators": sum(p.nodes * p.accelerators_per_node for p in pools),
                "power_cap_w": s.power_cap_w,
                "power_full_w": round(s.pue * sum(_full_milliwatts(fleet, p) for p in pools) / MILLI),
                "pue": s.pue,
                "grid_g_per_kwh": s.grid_g_per_kwh,
                "tariff_per_mwh": s.tariff_per_mwh,
                "currency": s.currency,
            }
        )
    return rows


def _full_milliwatts(fleet: Fleet, pool: Pool) -> int:
    """IT power of a pool with every accelerator busy."""
    model = fleet.models.get(pool.model)
    each = idle_milliwatts(model) + busy_milliwatts(model) if model else 0
    return pool.nodes * (pool.node_power_w * MILLI + pool.accelerators_per_node * each)


def _pool(pool: Pool) -> dict[str, Value]:
    return {
        "pool": pool.id,
        "site": pool.site,
        "model": pool.model or None,
        "nodes": pool.nodes,
        "accelerators_per_node": pool.accelerators_per_node,
        "accelerators": pool.nodes * pool.accelerators_per_node,
        "cores": pool.cores_milli / MILLI,
        "memory_gib": pool.memory_mib / MIB_PER_GIB,
        "engine": pool.engine,
        "slices": ", ".join(pool.slices) or None,
        "later_nodes": sum(d.nodes for d in pool.deliveries) or None,
    }


def _model(fleet: Fleet, name: str) -> dict[str, Value]:
    model, rate = fleet.models[name], rate_milli(fleet, name)
    return {
        "model": name,
        "vendor": model.vendor,
        "country": model.country,
        "accelerators": sum(p.nodes * p.accelerators_per_node for p in fleet.pools_of(name)),
        "memory_gib": model.memory_gib,
        "fp16_tflops": model.fp16_tflops,
        "tdp_w": model.tdp_w,
        "trains": "yes" if may_train(model) else "no",
        "units_per_h": rate.milli_units / MILLI,
        "basis": rate.basis,
        "confidence": model.confidence,
    }


def _outages(fleet: Fleet) -> Rows:
    return [
        {"pool": o.pool, "from_s": o.from_s, "to_s": o.to_s, "nodes": o.nodes, "reason": o.reason}
        for o in fleet.outages
    ]


def summary(fleet: Fleet) -> str:
    """One line: how much there is, and how much of it is assumption."""
    unknown = [name for name, m in fleet.models.items() if m.tdp_w is None]
    assumed = [name for name in fleet.models if rate_milli(fleet, name).basis == "assumed"]
    nodes = sum(p.nodes for p in fleet.pools)
    line = f"{fleet.name}: {fleet.accelerators:,} accelerators on {nodes:,} nodes, "
    line += f"{len(fleet.pools)} pools, {len(fleet.sites)} sites"
    if unknown:
        line += f"; power assumed for {', '.join(unknown)}"
    return line + (f"; unit rate assumed for {', '.join(assumed)}" if assumed else "")
