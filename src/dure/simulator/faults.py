"""What happens to nodes in a run: failures drawn from a seed or listed, planned closures, deliveries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.errors import InputError, UnknownName
from dure.fleet import Fleet
from dure.kernels import codes, layout
from dure.scheduler.pack import Conditions
from dure.simulator.scenario import FaultModel, Scenario
from dure.units import DAY_S, HOUR_S

Interval = tuple[int, int, int]  # node, from_s, to_s


def draw_failures(model: FaultModel, nodes: int, until_s: int, rng: np.random.Generator) -> list[Interval]:
    """Failures of every node in [0, until_s): exponential times between them, log-normal repairs. By node, then time."""
    mean_s = model.mean_days_between * DAY_S
    failures = []
    for node in range(nodes):
        at = rng.exponential(mean_s)
        while at < until_s:
            repair = HOUR_S * model.repair_hours_median * math.exp(model.repair_sigma * rng.standard_normal())
            failures.append((node, int(at), int(at) + max(1, int(repair))))
            at += repair + rng.exponential(mean_s)
    return failures


def conditions(fleet: Fleet, scenario: Scenario, seed: int, last_s: int) -> Conditions:
    """The scenario as the scheduler takes it. `last_s`: no failure is drawn after it.

    Failures depend on the seed and the fleet alone, so that two policies meet the same ones.
    """
    _check_names(fleet, scenario)
    failures = [(f.node, f.from_s, f.to_s) for f in scenario.failures]
    if scenario.faults is not None:
        rng = np.random.default_rng([seed, 0xFA17])
        failures += draw_failures(scenario.faults, len(fleet.node_pool()), last_s, rng)
    closures = _closures(fleet, scenario)
    deliveries = _deliveries(fleet, scenario)
    return Conditions(
        terms=scenario.projects,
        node_events=_events(failures, closures, deliveries),
        closures=tuple(closures + [(node, 0, at) for node, _, at in deliveries]),
        undelivered=frozenset(node for node, _, _ in deliveries),
        removed_pools=frozenset(scenario.removed_pools),
        power_caps_w=scenario.power_caps_w,
        horizon_s=layout.FAR if scenario.horizon_s is None else scenario.horizon_s,
        fails=bool(failures),
    )


def _check_names(fleet: Fleet, scenario: Scenario) -> None:
    pools, sites = {p.id for p in fleet.pools}, {s.id for s in fleet.sites}
    for pool in (*scenario.removed_pools, *scenario.delays_s):
        if pool not in pools:
            raise UnknownName("pool", pool, pools)
    for site in scenario.power_caps_w:
        if site not in sites:
            raise UnknownName("site", site, sites)
    nodes = len(fleet.node_pool())
    for i, failure in enumerate(scenario.failures, start=1):
        if not 0 <= failure.node < nodes:
            raise InputError(
                "no such node", field=f"failures[{i}].node", value=failure.node, accepted=f"0 to {nodes - 1}"
            )
        if not 0 <= failure.from_s < failure.to_s:
            raise InputError(
                "a failure must end after it begins", field=f"failures[{i}]", value=(failure.from_s, failure.to_s)
            )


def _closures(fleet: Fleet, scenario: Scenario) -> list[Interval]:
    """Planned maintenance by node."""
    pool_of = fleet.node_pool()
    index = {pool.id: i for i, pool in enumerate(fleet.pools)}
    closures = []
    for outage in fleet.outages:
        nodes = np.flatnonzero(pool_of == index[outage.pool])[: outage.nodes]
        closures += [(int(v), outage.from_s, outage.to_s) for v in nodes]
    return closures


def _deliveries(fleet: Fleet, scenario: Scenario) -> list[Interval]:
    """Nodes that are not there from the start: (node, 0, when they come). A pool's last nodes come last."""
    pool_of = fleet.node_pool()
    later = []
    for i, pool in enumerate(fleet.pools):
        nodes = np.flatnonzero(pool_of == i)
        delay = scenario.delays_s.get(pool.id, 0)
        times = [d.at_s + delay for d in pool.deliveries for _ in range(d.nodes)]
        times = [delay] * (len(nodes) - len(times)) + sorted(times)
        later += [(int(v), 0, at) for v, at in zip(nodes, times, strict=True) if at > 0]
    return later


def _events(failures: list[Interval], closures: list[Interval], deliveries: list[Interval]) -> NDArray[Any]:
    rows: list[tuple[int, int, int]] = []
    for node, start, end in failures:
        rows += [(start, node, codes.FAIL), (end, node, codes.REPAIR)]
    for node, start, end in closures:
        rows += [(start, node, codes.CLOSE), (end, node, codes.OPEN)]
    rows += [(at, node, codes.OPEN) for node, _, at in deliveries]
    events = np.array(rows, layout.FLEET_EVENT) if rows else np.zeros(0, layout.FLEET_EVENT)
    return events[np.lexsort((events["kind"], events["time"]))]
