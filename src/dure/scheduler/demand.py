"""What a workload asks of a fleet: its shapes, where each may go, its classes, and the jobs that can never run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.fleet import Fleet, Pool, blanks
from dure.kernels import layout, packing
from dure.kernels.layout import FAR, WHOLE
from dure.scheduler.policies import Choice, Order, Policy
from dure.scheduler.terms import ProjectTerms
from dure.units import MILLI
from dure.vocabulary import JobKind, Refusal
from dure.workload import Workload

Array = NDArray[Any]
ORDERS_BY_CLASS = (Order.PRIORITY, Order.MULTIFACTOR)


@dataclass(frozen=True)
class Demand:
    """Jobs grouped by shape, and shapes joined with the fleet."""

    shapes: Array  # SHAPE[H]
    entries: Array  # ENTRY
    never: Array  # int8[H] Refusal of shapes that can run nowhere
    shape_of: Array  # int32[N]
    jobs: Array  # int64[H] jobs of each shape


def demand(
    fleet: Fleet, workload: Workload, policy: Policy, removed_pools: frozenset[str], headroom: Sequence[int] = ()
) -> Demand:
    """Group the jobs of a workload by what they ask for, and find the eligible pools of each group.

    `headroom`: by pool, microwatts that its site may draw beyond what it draws idle; empty: no caps.
    """
    kind = np.where(workload.kind == JobKind.LEASE, 2, np.where(workload.kind == JobKind.TRAINING, 1, 0))
    packed = workload.accelerators.astype(np.int64)
    packed = ((packed * 1024 + workload.share_milli) * 4 + kind) * (1 << 20) + workload.accept
    columns = [packed]
    for more in (workload.cores_milli, workload.memory_mib):
        if len(more) and more.any():
            columns.append(more)
    shape_of, firsts = packing.group(np.stack(columns))
    jobs = np.bincount(shape_of, minlength=len(firsts)).astype(np.int64)
    shapes = np.zeros(len(firsts), layout.SHAPE)
    never = np.zeros(len(firsts), np.int8)
    entries: list[tuple[int, ...]] = []
    scarcity: dict[str, float] = {}
    if policy.choice is Choice.SPARE:
        scarcity = _scarcity(fleet, workload, shape_of, firsts, removed_pools)
    for s, row in enumerate(firsts):
        found, never[s] = _eligible(fleet, workload, int(row), policy, removed_pools, scarcity, headroom)
        _fill_shape(shapes[s], workload, int(row), fleet, found, len(entries))
        entries += found
    return Demand(shapes, np.array(entries, layout.ENTRY), never, shape_of, jobs)


def _fill_shape(
    shape: Any, workload: Workload, row: int, fleet: Fleet, entries: list[tuple[int, ...]], first: int
) -> None:
    count, share = int(workload.accelerators[row]), int(workload.share_milli[row])
    cores, memory = int(workload.cores_milli[row]), int(workload.memory_mib[row])
    lease = workload.kind[row] == JobKind.LEASE
    each = max(count, 1)
    shape["count"], shape["share"], shape["lease"] = count, share if count else WHOLE, lease
    shape["cores_each"], shape["memory_each"] = -(-cores // each), -(-memory // each)
    shape["cores"], shape["memory"] = shape["cores_each"] * each, shape["memory_each"] * each
    shape["entry"], shape["entries"] = first, len(entries)
    shape["live"], shape["classes"] = -1, -1
    shape["milli"] = count * share
    wants = [0] if share < WHOLE or count == 0 else []
    for pool, _, _, whole, rest, _, _ in entries:
        mask = int(shape["mask"]) | 1 << (pool % 62)
        shape["mask"] = mask
        wants.append(rest or fleet.pools[pool].accelerators_per_node if whole else count)
    shape["wants"] = min(wants, default=0)


def _eligible(
    fleet: Fleet,
    workload: Workload,
    row: int,
    policy: Policy,
    removed: frozenset[str],
    scarcity: dict[str, float],
    headroom: Sequence[int],
) -> tuple[list[tuple[int, ...]], int]:
    """Entries (fields of ENTRY) of one shape in order of choice, or the refusal if there is none."""
    speeds = dict(workload.accepts[workload.accept[row]])
    training = workload.kind[row] == JobKind.TRAINING
    count = int(workload.accelerators[row])
    fitting: list[tuple[float, int, int, int, int, int, int]] = []
    modelled = False
    share, lease = int(workload.share_milli[row]), workload.kind[row] == JobKind.LEASE
    impossible = (share < WHOLE and count > 1 and not lease) or (lease and count == 0)
    for index, pool in enumerate(fleet.pools):
        if pool.id in removed or not _admits(fleet, pool, speeds, count, training):
            continue
        modelled = True
        parts = _parts_on(fleet, workload, row, pool)
        if parts is None or impossible:
            continue
        whole, rest = parts
        speed = speeds.get(pool.model, MILLI) if count else MILLI
        charge, power = _charge_and_power(fleet, workload, row, pool, whole)
        if headroom and power > headroom[index]:
            continue
        cost = {
            Choice.ANY: 0.0,
            Choice.FASTEST: -float(speed),
            Choice.CHEAPEST: (blanks.rate_milli(fleet, pool.model).milli_units if count else 0) * MILLI / speed,
            Choice.SPARE: scarcity.get(pool.model, 0.0),
        }[policy.choice]
        fitting.append((cost, index, speed, whole, rest, charge, power))
    if not fitting:
        return [], Refusal.NEVER_FITS if modelled else Refusal.NO_SUCH_MODEL
    fitting.sort()
    groups = {cost: g for g, cost in enumerate(sorted({f[0] for f in fitting}))}
    return [
        (i, speed, groups[cost], whole, rest, charge, power) for cost, i, speed, whole, rest, charge, power in fitting
    ], 0


def _admits(fleet: Fleet, pool: Pool, speeds: dict[str, int], count: int, training: bool) -> bool:
    """Whether a pool's model will do; a job on cores alone takes any."""
    if not count:
        return True
    model = fleet.models.get(pool.model)
    return model is not None and (not speeds or pool.model in speeds) and (blanks.may_train(model) or not training)


def _parts_on(fleet: Fleet, workload: Workload, row: int, pool: Pool) -> tuple[int, int] | None:
    """(whole nodes, accelerators on one more) of a job on an empty pool, None if it cannot hold it."""
    count, devices = int(workload.accelerators[row]), pool.accelerators_per_node
    if workload.kind[row] == JobKind.LEASE:
        nodes = -(-count // devices) if devices else 0
        return (nodes, 0) if 0 < nodes <= pool.nodes else None
    cores, memory = (
        -(-int(workload.cores_milli[row]) // max(count, 1)),
        -(-int(workload.memory_mib[row]) // max(count, 1)),
    )
    part = min(count, devices) if count else 1
    if (count > 0 and devices == 0) or cores * part > pool.cores_milli or memory * part > pool.memory_mib:
        return None
    if count <= devices:
        return (0, count) if pool.nodes else None
    whole, rest = divmod(count, devices)
    return (whole, rest) if whole + (rest > 0) <= pool.nodes else None


def _charge_and_power(fleet: Fleet, workload: Workload, row: int, pool: Pool, whole: int) -> tuple[int, int]:
    """Milli-units an hour and extra microwatts of a job on a pool; a lease is charged for whole nodes."""
    count, share = int(workload.accelerators[row]), int(workload.share_milli[row])
    model = fleet.models.get(pool.model)
    if model is None or not count:
        return 0, 0
    if workload.kind[row] == JobKind.LEASE:
        count = whole * pool.accelerators_per_node
    rate = blanks.rate_milli(fleet, pool.model).milli_units
    return -(-rate * count * share // WHOLE), blanks.busy_milliwatts(model) * count * share


def _scarcity(
    fleet: Fleet, workload: Workload, shape_of: Array, firsts: Array, removed: frozenset[str]
) -> dict[str, float]:
    """By model: accelerator-time asked for that accepts it, spread evenly over each job's models, over its accelerators."""
    have: dict[str, int] = {}
    for pool in fleet.pools:
        if pool.id not in removed:
            have[pool.model] = have.get(pool.model, 0) + pool.nodes * pool.accelerators_per_node
    wanted = dict.fromkeys(have, 0)
    for s, row in enumerate(firsts):
        count, training = int(workload.accelerators[row]), workload.kind[row] == JobKind.TRAINING
        speeds = dict(workload.accepts[workload.accept[row]])
        kept = (pool for pool in fleet.pools if pool.id not in removed)
        models = {pool.model for pool in kept if _admits(fleet, pool, speeds, count, training)}
        milli = count * int(workload.share_milli[row])
        for model in models:
            wanted[model] += int((milli * workload.limit_s[shape_of == s] // len(models)).sum())
    return {model: wanted[model] / have[model] for model in have if have[model]}


def class_rows(
    workload: Workload, policy: Policy, shape_of: Array, by_project: bool
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Classes of the jobs, as far apart as the policy looks: (class of each job, shape of each class, first rows)."""
    key = shape_of.astype(np.int64) << 36
    if by_project:
        key |= workload.project.astype(np.int64) << 12
    if policy.preempt or policy.order in ORDERS_BY_CLASS:
        key |= workload.priority.astype(np.int64) + 2048
    classes, firsts = packing.group(key[None, :])
    return classes, shape_of[firsts], firsts


def never_by_terms(workload: Workload, terms: dict[str, ProjectTerms], found: Demand) -> NDArray[np.int8]:
    """Refusals of jobs that their project's limit or whole budget can never cover (0: none), int8[N]."""
    never = np.zeros(len(workload), np.int8)
    of_project = [terms.get(name, ProjectTerms(name)) for name in workload.projects]
    budgeted = np.array([term.budget_milli_units is not None for term in of_project])
    rows = np.flatnonzero(budgeted[workload.project]) if budgeted.any() else np.zeros(0, np.int64)
    if len(rows):
        budget = np.array([(term.budget_milli_units or 0) * 3600 for term in of_project], np.int64)
        cheapest = _cheapest(found, workload, rows)
        never[rows[cheapest > budget[workload.project[rows]]]] = Refusal.OVER_BUDGET_EVER
    if any(term.limit_accelerators is not None for term in of_project):
        limit = [FAR if t.limit_accelerators is None else t.limit_accelerators * WHOLE for t in of_project]
        milli = found.shapes["milli"][found.shape_of]
        never[milli > np.array(limit, np.int64)[workload.project]] = Refusal.OVER_PROJECT_LIMIT_EVER
    return never


def _cheapest(found: Demand, workload: Workload, rows: Array) -> NDArray[np.int64]:
    """Milli-unit-seconds of each job's time limit on its cheapest eligible pool."""
    least = np.full(len(rows), FAR, np.int64)
    shapes = found.shape_of[rows]
    for s in np.unique(shapes):
        mine = shapes == s
        limit = workload.limit_s[rows[mine]]
        first = int(found.shapes[s]["entry"])
        for entry in found.entries[first : first + int(found.shapes[s]["entries"])]:
            wall = -(-limit * MILLI // int(entry["speed"]))
            least[mine] = np.minimum(least[mine], int(entry["charge"]) * wall)
    return least
