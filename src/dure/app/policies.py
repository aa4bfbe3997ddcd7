"""The policies and their parts, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields

from dure.reports.table import Column, Table
from dure.scheduler.policies import POLICIES, Backfill, Choice, Order, Placement, Policy

_PARTS = (Order, Backfill, Placement, Choice)


def policy_table() -> Table:
    """Every named policy: its one line, its five parts, its numbers where it has any."""
    keys = ("policy", "summary", "order", "backfill", "placement", "choice", "preempt", "parameters")
    return Table("policies", "Policies", tuple(Column(k, k) for k in keys), [_row(p) for p in POLICIES.values()])


def _row(policy: Policy) -> dict[str, str | int | float | None]:
    parts = {part.__name__.lower(): getattr(policy, part.__name__.lower()).name.lower() for part in _PARTS}
    preempt = "yes" if policy.preempt else "no"
    parameters = ", ".join(f"{k}={v}" for k, v in _parameters(policy)) or None
    return {"policy": policy.name, "summary": policy.summary, **parts, "preempt": preempt, "parameters": parameters}


def _parameters(policy: Policy) -> Iterator[tuple[str, object]]:
    if policy.order is Order.MULTIFACTOR:
        yield from asdict(policy.weights).items()
    if policy.order is Order.LEAST_ATTAINED:
        yield "attained_thresholds", "/".join(map(str, policy.attained_thresholds)) + " accelerator-seconds"


def part_table() -> Table:
    """The parts that `name+part+part` accepts, by what they change."""
    rows: list[dict[str, str | int | float | None]] = [
        {"part": part.__name__.lower(), "names": ", ".join(p.name.lower() for p in part if p.name != "CUSTOM")}
        for part in _PARTS
    ]
    rows.append({"part": "preempt", "names": "preempt, no_preempt"})
    columns = (Column("part", "part"), Column("names", "names"))
    return Table("parts", "Parts, for names like easy+shortest+fgd", columns, rows)


assert {p.__name__.lower() for p in _PARTS} <= {f.name for f in fields(Policy)}
