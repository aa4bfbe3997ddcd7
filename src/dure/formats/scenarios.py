"""Scenarios from TOML: what is different from the plain fleet and workload."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dure.errors import InputError
from dure.fleet.checks import idle_power_w, nearest
from dure.fleet.model import Fleet
from dure.formats import toml
from dure.formats.streams import opened
from dure.scheduler.terms import ProjectTerms
from dure.simulator.scenario import FaultModel, NodeFailure, Scenario

_MAX_DEPTH = 16  # of the project tree
_MAX_S = 2**40
_FAILURE_COLUMNS = ["node", "from", "to"]


def open_scenario(path: str | Path, fleet: Fleet | None = None) -> Scenario:
    """The scenario in a file; a file of failures that it names is sought beside it. Raises InputError(s)."""
    path = Path(path)
    with opened(path) as stream:
        return read_scenario(stream, str(path), fleet=fleet, folder=path.parent)


def read_scenario(stream: BinaryIO, name: str, *, fleet: Fleet | None = None, folder: Path | None = None) -> Scenario:
    """A scenario from TOML (see docs/reference/fleet.md). Raises InputErrors with every fault and its line.

    With a `fleet`, its sites, pools and nodes are checked too, nodes may be named, and dates are allowed.
    `folder` is where a file of failures lies; without it such a file is refused.
    """
    file = toml.TomlFile(stream, name)
    delay = _between(0, _MAX_S, toml.duration_s)
    when = toml.moment_s(fleet.start_utc_s or None if fleet else None)
    keys = {
        "name": toml.Key("name", toml.text_value, neutral=""),
        "faults": toml.Key("faults", lambda raw: _faults(file, raw)),
        "failures": toml.Key("failures", lambda raw: _failures(file, raw, when, fleet, folder), neutral=()),
        "projects": toml.Key("projects", lambda raw: _projects(file, raw), neutral=()),
        "power_caps": toml.Key("power_caps_w", lambda raw: _by_id(file, "power_caps", raw, toml.power_w), neutral={}),
        "removed_pools": toml.Key("removed_pools", toml.list_of(toml.text_value, "a list of pool ids"), neutral=()),
        "delays": toml.Key("delays_s", lambda raw: _by_id(file, "delays", raw, delay), neutral={}),
        "demand": toml.Key("demand", _above_zero("a factor above 0, at most 1000", 1000), neutral=1.0),
        "horizon": toml.Key("horizon_s", _between(1, _MAX_S, when)),
    }
    got = {"name": Path(name).stem} | file.record((), file.values, keys)
    if fleet is not None:
        _check_references(file, got, fleet)
    file.finish()
    return Scenario(**got)


def _between(low: int, high: int, parse: toml.Parser) -> Callable[[object], int]:
    def parse_bounded(raw: object) -> int:
        value: int = parse(raw)
        if not low <= value <= high:
            raise toml.Wrong(f"{low} to {high}")
        return value

    return parse_bounded


def _above_zero(accepted: str, high: float) -> Callable[[object], float]:
    def parse(raw: object) -> float:
        value = toml.number(raw)
        if not 0 < value <= high:
            raise toml.Wrong(accepted)
        return value

    return parse


def _faults(file: toml.TomlFile, raw: object) -> FaultModel:
    days, hours = _above_zero("days above 0", 1e6), _above_zero("hours above 0", 1e6)
    keys = {
        "mean_days_between": toml.Key("mean_days_between", days, required=True, neutral=1.0),
        "repair_hours_median": toml.Key("repair_hours_median", hours, neutral=4.0),
        "repair_sigma": toml.Key("repair_sigma", _above_zero("above 0, at most 5", 5), neutral=1.0),
    }
    return FaultModel(**file.record(("faults",), raw, keys))


def _by_id(file: toml.TomlFile, table: str, raw: object, parse: toml.Parser) -> dict[str, int]:
    if not isinstance(raw, dict):
        raise toml.Wrong("a table of values by id")
    return {id: file.value((table, id), value, parse, 0) for id, value in raw.items()}


def _projects(file: toml.TomlFile, raw: object) -> tuple[ProjectTerms, ...]:
    found = list(_project_tree(file, ("projects",), raw, ""))
    seen: set[str] = set()
    for path, terms in found:
        if terms.name in seen:
            file.fault(path, "two projects of this name", terms.name, "a name that is used once in the tree")
        seen.add(terms.name)
    return tuple(terms for _, terms in found)


def _project_tree(
    file: toml.TomlFile, path: toml.Path, raw: object, parent: str
) -> Iterator[tuple[toml.Path, ProjectTerms]]:
    """The tree below `raw`, parents first: a table inside a project's table is a project of its own."""
    if not isinstance(raw, dict) or len(path) > _MAX_DEPTH:
        raise toml.Wrong(f"tables of projects, at most {_MAX_DEPTH} deep")
    count = _between(0, 2**31 - 1, toml.whole)
    budget = _between(0, 2**53, toml.milli)
    keys = {
        "shares": toml.Key("shares", count, neutral=1),
        "limit": toml.Key("limit_accelerators", count),
        "budget": toml.Key("budget_milli_units", budget),
    }
    for name, table in raw.items():
        here = (*path, name)
        if not isinstance(table, dict):
            file.fault(here, "is not a project", table, "[projects.NAME] with shares, limit or budget")
            continue
        children = {k: v for k, v in table.items() if isinstance(v, dict)}
        terms = ProjectTerms(name, parent, **file.record(here, {k: table[k] for k in table if k not in children}, keys))
        if children and not (terms.limit_accelerators is None and terms.budget_milli_units is None):
            file.fault(here, "has projects below it: limits and budgets belong to those", accepted="shares alone")
        yield here, terms
        yield from _project_tree(file, here, children, name)


def _failures(
    file: toml.TomlFile, raw: object, when: toml.Parser, fleet: Fleet | None, folder: Path | None
) -> tuple[NodeFailure, ...]:
    """Failures listed in the scenario, or in a CSV file `node,from,to` that it names."""
    numbers = _node_numbers(fleet)
    in_fleet = _between(0, len(numbers) - 1 if numbers else 2**31 - 1, toml.whole)

    def node(value: object) -> int:
        if isinstance(value, str) and value in numbers:
            return numbers[value]
        if isinstance(value, str) and not value.isdecimal():
            raise toml.Wrong("a node number" + (f", or a name: {nearest(value, numbers)}" if numbers else ""))
        return in_fleet(int(value) if isinstance(value, str) else value)

    keys = {
        "node": toml.Key("node", node, required=True, neutral=0),
        "from": toml.Key("from_s", _between(0, _MAX_S, when), required=True, neutral=0),
        "to": toml.Key("to_s", _between(1, _MAX_S, when), required=True, neutral=_MAX_S),
    }
    rows = _failure_rows(raw, folder)
    failures = [NodeFailure(**file.record(("failures", i), row, keys)) for i, row in enumerate(rows)]
    _check_failures(file, failures)
    return tuple(failures)


def _failure_rows(raw: object, folder: Path | None) -> list[Any]:
    if isinstance(raw, list):
        return raw
    if not isinstance(raw, str) or folder is None:
        raise toml.Wrong('a list of { node = 3, from = "2d", to = "3d" }, or a file "failures.csv" beside the scenario')
    path = folder / raw
    with opened(path) as stream:
        text = toml.read_text(stream, str(path))
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"not CSV: {error}", source=str(path)) from None
    if not rows or rows[0] != _FAILURE_COLUMNS:
        raise InputError("wrong columns", source=str(path), line=1, accepted=",".join(_FAILURE_COLUMNS))
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(_FAILURE_COLUMNS):
            raise InputError("wrong number of cells", source=str(path), line=line, accepted=",".join(_FAILURE_COLUMNS))
    return [dict(zip(_FAILURE_COLUMNS, row, strict=True)) for row in rows[1:]]


def _check_failures(file: toml.TomlFile, failures: list[NodeFailure]) -> None:
    last: dict[int, NodeFailure] = {}
    for i, failure in sorted(enumerate(failures), key=lambda item: item[1].from_s):
        before = last.get(failure.node)
        if failure.to_s <= failure.from_s:
            file.fault(("failures", i), "ends before it starts", (failure.from_s, failure.to_s), "from < to")
        elif before and failure.from_s < before.to_s:
            message, accepted = f"node {failure.node} is still down then", f"from {before.to_s} s on"
            file.fault(("failures", i), message, failure.from_s, accepted)
        else:
            last[failure.node] = failure


def _node_numbers(fleet: Fleet | None) -> dict[str, int]:
    if fleet is None:
        return {}
    if fleet.node_names:
        return {name: i for i, name in enumerate(fleet.node_names)}
    order = fleet.node_pool()
    return {f"{p.id}/{k}": int(n) for i, p in enumerate(fleet.pools) for k, n in enumerate(np.flatnonzero(order == i))}


def _check_references(file: toml.TomlFile, got: dict[str, Any], fleet: Fleet) -> None:
    """Sites and pools exist, a cap leaves power for work, and dates lie in the run."""
    pools = {p.id for p in fleet.pools}
    sites = {s.id: s for s in fleet.sites}
    for i, pool in enumerate(got.get("removed_pools", ())):
        if pool not in pools:
            file.fault(("removed_pools", i), "no such pool in the fleet", pool, nearest(pool, pools))
    if not pools - set(got.get("removed_pools", ())):
        file.fault(("removed_pools",), "leaves no pool", accepted="at least one pool to stay")
    for pool in got.get("delays_s") or {}:
        if pool not in pools:
            file.fault(("delays", pool), "no such pool in the fleet", pool, nearest(pool, pools))
    for site, cap_w in got.get("power_caps_w", {}).items():
        if site not in sites:
            file.fault(("power_caps", site), "no such site in the fleet", site, nearest(site, sites))
        elif cap_w <= (idle_w := idle_power_w(fleet, sites[site])):
            accepted = f"more than {idle_w:,} W, which its nodes draw idle"
            file.fault(("power_caps", site), "nothing could ever start under this cap", cap_w, accepted)
