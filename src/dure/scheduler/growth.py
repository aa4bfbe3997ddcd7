"""A live state grows: jobs that were not known when it was packed, and room for what they will do. Nothing is packed anew.

Every array that is as long as there are jobs, classes, attempts and so on has spare records, and gets more when they are used up;
free lists get the new ones linked in. `Known` is what was told by name: which shape, class or project has which number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dure.errors import InputError
from dure.fleet import Fleet
from dure.kernels import bits, layout, live, packing
from dure.kernels.layout import FAR, WHOLE, State
from dure.kernels.reference import refer
from dure.lifecycle import EVENT_DTYPE, PLACEMENT_DTYPE
from dure.scheduler.demand import ORDERS_BY_CLASS, Demand, demand, never_by_terms
from dure.scheduler.pack import Conditions, check_charges, headroom, most_parts, pack, project_rows
from dure.scheduler.policies import Backfill, Choice, Order, Placement, Policy
from dure.scheduler.terms import ProjectTerms
from dure.vocabulary import FINAL_STATES, JobKind
from dure.workload import Workload

Array = NDArray[Any]

ROWS: Final = ("submit", "duration", "limit", "save_every", "earliest")  # columns of a workload, by job
PLACES: Final = ("job_class", "never", "job_at", "position")  # columns of jobs that change only when jobs come
BLANK: Final = {
    "order_at": -1, "ends_at": -1, "booked": -1, "least": FAR, "cache_version": -1, "job_class": -1, "position": -1,
}  # fmt: skip
FEWEST: Final = 4  # positions of a new class
FIRST_FINAL: Final = min(FINAL_STATES)


@dataclass(frozen=True)
class Known:
    """What a live state knows by name, and how much of its arrays is in use. A new one is made for every change."""

    fleet: Fleet
    policy: Policy
    headroom: tuple[int, ...]  # by pool: microwatts its site may ever draw over idle
    terms: dict[str, ProjectTerms]  # in the order of their rows
    shapes: dict[tuple[object, ...], int]
    classes: dict[tuple[int, int, int], int]  # (shape, project, priority) -> first class, that of level 0
    tails: NDArray[np.int64]  # by class over levels: positions in use
    never: NDArray[np.int8]  # by shape
    parts: NDArray[np.int64]  # by shape: nodes a job takes at most
    rows: int = 0
    entries: int = 0
    positions: int = 0
    words: int = 0
    smallest: int = WHOLE  # least share asked for, in milli
    alone: int = 0  # jobs on cores alone, ever
    leases: bool = False


def pack_live(
    fleet: Fleet,
    policy: Policy,
    terms: tuple[ProjectTerms, ...],
    seed: int,
    capacity: int,
    classes: tuple[int, int],
) -> tuple[State, Known]:
    """A state without jobs, with room for `capacity` of them. Raises InputError for what a live state cannot do."""
    for name, value, unknown in (
        ("order", policy.order, (Order.SHORTEST_ORACLE, Order.CUSTOM)),
        ("placement", policy.placement, (Placement.FGD, Placement.PRICE)),
        ("choice", policy.choice, (Choice.SPARE,)),
    ):
        if value in unknown:
            kind = type(value)
            accepted = ", ".join(each.name.lower() for each in kind if each not in unknown)
            message = "this needs to know the jobs before they come"
            raise InputError(message, field=f"policy.{name}", value=value.name.lower(), accepted=accepted)
    none: dict[str, Sequence[int]] = {"submit_s": [], "duration_s": []}
    nobody = Workload.from_columns(none, projects=())
    state = pack(fleet, nobody, policy, Conditions(terms=terms, live=True), seed)
    state.p[layout.P_CLASS_LOW], state.p[layout.P_CLASS_HIGH] = classes
    sites = {site.id: headroom(fleet, site, site.power_cap_w) for site in fleet.sites}
    known = Known(
        fleet,
        policy,
        tuple(sites[pool.site] for pool in fleet.pools),
        {t.name: t for t in terms},
        {},
        {},
        np.zeros(0, np.int64),
        np.zeros(0, np.int8),
        np.zeros(0, np.int64),
    )
    return with_room(_longer(state, _by_job(state, capacity)), known), known


def _longer(state: State, needs: Mapping[str, int]) -> State:
    """The state with arrays at least so long: half as long again, where they are too short."""
    more: dict[str, Array] = {}
    for name, need in needs.items():
        array = getattr(state, name)
        if need > len(array):
            added = np.zeros((max(need, len(array) * 3 // 2) - len(array), *array.shape[1:]), array.dtype)
            if name in BLANK:
                added[...] = BLANK[name]
            more[name] = np.concatenate([array, added])
    return state._replace(**more) if more else state


def _more_free(state: State, name: str, link: str, head: int, need: int) -> State:
    """The state with at least `need` records of one kind, new ones in the free list whose first is `g[head]`."""
    old = getattr(state, name)
    if need <= len(old):
        return state
    state = _longer(state, {name: need})
    records = getattr(state, name)
    records[link][len(old) :] = np.arange(len(old) + 1, len(records) + 1)
    records[link][-1] = state.g[head]
    state.g[head] = len(old)
    return state


def _by_job(state: State, jobs: int) -> dict[str, int]:
    needs = dict.fromkeys((*ROWS, "job_class", "never", "state", "saved", "booked", "position", "leases"), jobs)
    if state.p[layout.P_ORDER] == Order.LEAST_ATTAINED:
        needs["attained"] = jobs
    if state.p[layout.P_PLACEMENT] == Placement.RANDOM:
        needs["attempt"] = jobs
    return needs


def with_room(state: State, known: Known, events: int = 0, starts: int = 0, closures: int = 0) -> State:
    """The state with room for so many events, starts and closures; and, without any of them, for a pass now."""
    g, nodes = state.g, len(state.nodes)
    live_jobs = min(known.rows, int(g[layout.G_WAITING] + g[layout.G_RUNNING] + g[layout.G_WAKES]) + events)
    may_start = int(state.nodes["total_left"].sum()) // known.smallest + known.alone
    slots = min(live_jobs, int(g[layout.G_RUNNING]) + max(may_start, starts)) + 1
    chunks = slots + nodes
    conservative = state.p[layout.P_BACKFILL] == Backfill.CONSERVATIVE
    booked = _parts_of_live(state, known, conservative) if conservative or known.leases else 0
    bookings = int(g[layout.G_CLOSURES]) + closures + nodes + 8 + booked
    fresh = int(g[layout.G_FRESH] + g[layout.G_WAKES]) + events + 2 * live_jobs + 64 if conservative else 0
    state = _more_free(state, "slots", "chunk", layout.G_SLOT_FREE, slots)
    state = _more_free(state, "chunks", "next", layout.G_CHUNK_FREE, chunks)
    state = _more_free(state, "bookings", "next", layout.G_BOOK_FREE, bookings)
    state = _more_free(state, "segments", "next", layout.G_SEGMENT_FREE, nodes + chunks + 2 * bookings)
    again = 2 * live_jobs if conservative or known.leases else 0
    slots = len(state.slots)
    needs = {
        "ends": slots,
        "ends_at": slots,
        "victims": 2 * slots + 2,
        "wakes": int(g[layout.G_WAKES]) + events + again + 64,
        "fresh": fresh,
        "candidates": len(state.classes) + 2 * slots + 64 + fresh,
    }
    return _longer(state, needs)


def _parts_of_live(state: State, known: Known, every: bool) -> int:
    """Node parts that the jobs which may be booked take: all that are not over, or the leases among them."""
    rows = np.flatnonzero((state.state[: known.rows] < FIRST_FINAL) & (state.job_class[: known.rows] >= 0))
    shapes = state.classes["shape"][state.job_class[rows]]
    if not every:
        shapes = shapes[state.shapes["lease"][shapes] != 0]
    return int(known.parts[shapes].sum())


def with_log(state: State, rows: int, parts: int) -> State:
    """The state with an empty log of its own."""
    state.g[layout.G_ROWS] = state.g[layout.G_PLACED] = 0
    return state._replace(events=np.empty(rows, EVENT_DTYPE), placements=np.empty(parts, PLACEMENT_DTYPE))


# --- jobs that come ------------------------------------------------------------------------------------------------


def extend(state: State, known: Known, jobs: Workload, own: bool, by_terms: bool = True) -> tuple[State, Known]:
    """The state with the jobs of a workload as further rows, not submitted. Changes the arrays it is given (`own`: and
    `known.classes`).

    Raises InputError, before anything is changed, for a charge beyond counting and a project with children.
    """
    shape_of, known, found = _shapes_of(state, known, jobs)
    check_charges(jobs, found)
    used = [jobs.projects[i] for i in np.unique(jobs.project)]
    terms = known.terms | {name: ProjectTerms(name) for name in used if name not in known.terms}
    if both := {t.parent for t in terms.values()} & set(used):
        raise InputError("a project with children has jobs of its own", field="project", value=min(both))
    never = known.never[shape_of]
    if by_terms:
        never = np.where(never != 0, never, never_by_terms(jobs, terms, found))
    state, known = with_projects(_with_shapes(state, found), known, terms)
    first = known.rows
    state = _with_rows(state, first, jobs, never)
    number = {name: i for i, name in enumerate(terms)}
    project = np.array([number.get(name, -1) for name in jobs.projects], np.int64)[jobs.project]
    known = replace(
        known,
        classes=known.classes if own else dict(known.classes),
        rows=first + len(jobs),
        smallest=min(known.smallest, int(jobs.share_milli.min(initial=WHOLE))),
        alone=known.alone + int((jobs.accelerators == 0).sum()),
        leases=known.leases or bool((jobs.kind == JobKind.LEASE).any()),
    )
    return _with_classes(state, known, first, jobs, shape_of, project, never)


def _shapes_of(state: State, known: Known, jobs: Workload) -> tuple[NDArray[np.int64], Known, Demand]:
    """(shape of each job, what is known with the new shapes, all shapes with their eligible pools)."""
    kind = np.where(jobs.kind == JobKind.LEASE, 2, np.where(jobs.kind == JobKind.TRAINING, 1, 0))
    asked = np.stack(
        [c.astype(np.int64) for c in (jobs.accelerators, jobs.share_milli, kind, jobs.accept)]
        + [jobs.cores_milli, jobs.memory_mib]
    )
    group, firsts = packing.group(asked)
    shapes, new, number = dict(known.shapes), [], np.empty(len(firsts), np.int64)
    for i, row in enumerate(firsts):
        accelerators, share, sort, accept, cores, memory = asked[:, row].tolist()
        key = (accelerators, share, sort, jobs.accepts[accept], cores, memory)
        if key not in shapes:
            shapes[key] = len(shapes)
            new.append(int(row))
        number[i] = shapes[key]
    old = len(known.shapes)
    # one representative of each new shape, in order of row, so that they are numbered as above
    found = demand(known.fleet, jobs.take(np.array(new, np.int64)), known.policy, frozenset(), known.headroom)
    found.shapes["entry"] += known.entries
    entries = known.entries + len(found.entries)
    joined = Demand(
        np.concatenate([state.shapes[:old], found.shapes]),
        np.concatenate([state.entries[: known.entries], found.entries]),
        np.concatenate([known.never, found.never]),
        number[group],
        np.zeros(0, np.int64),
    )
    found.shapes["entry"] -= known.entries
    parts = np.concatenate([known.parts, most_parts(found)])
    return number[group], replace(known, shapes=shapes, never=joined.never, parts=parts, entries=entries), joined


def _with_shapes(state: State, found: Demand) -> State:
    count = len(found.shapes)
    needs = {"shapes": count, "entries": len(found.entries), "live": count, "ready": count}
    if state.p[layout.P_SCORED]:
        needs |= {"cache": count, "cache_version": count}
    state = _longer(state, needs)
    state.shapes[:count], state.entries[: len(found.entries)] = found.shapes, found.entries
    return state


def with_projects(state: State, known: Known, terms: dict[str, ProjectTerms]) -> tuple[State, Known]:
    """The state with the tree of all these projects: those it has, with the same rows, and further ones."""
    if terms is known.terms or terms == known.terms:
        return state, known
    rows = project_rows(terms, ())
    old = len(state.projects)
    for name in ("shares", "limit", "parent", "leaf", "depth"):
        state.projects[name] = rows[name][:old]
    rows["at"] = state.g[layout.G_NOW]
    state = state._replace(projects=np.concatenate([state.projects, rows[old:]]))
    return state, replace(known, terms=terms)


def _with_rows(state: State, first: int, jobs: Workload, never: Array) -> State:
    last = first + len(jobs)
    state = _longer(state, _by_job(state, last))
    columns = (jobs.submit_s, jobs.limit_s, jobs.limit_s, jobs.save_every_s, jobs.earliest_s)  # how long: not known
    for name, column in zip(ROWS, columns, strict=True):
        getattr(state, name)[first:last] = column
    state.never[first:last] = never
    return state


def _with_classes(
    state: State, known: Known, first: int, jobs: Workload, shape_of: Array, project: Array, never: Array
) -> tuple[State, Known]:
    """Give each new job that may ever run its class and its position there."""
    by_class = known.policy.preempt or known.policy.order in ORDERS_BY_CLASS
    priority = jobs.priority.astype(np.int64) if by_class else np.zeros(len(jobs), np.int64)
    rows = np.flatnonzero(never == 0)
    table = np.stack([shape_of, project, priority])[:, rows]
    group, firsts = packing.group(np.ascontiguousarray(table))
    levels = int(state.p[layout.P_LEVELS])
    classes, number, new = known.classes, np.empty(len(firsts), np.int64), []
    for i, key in enumerate(zip(*table[:, firsts].tolist(), strict=True)):
        if key not in classes:
            classes[key] = len(classes) * levels
            new.append(key)
        number[i] = classes[key]
    state, known = _with_new_classes(state, known, np.array(new, np.int64).reshape(-1, 3), levels)
    state.job_class[first + rows] = number[group]
    by_group = np.argsort(group, kind="stable")
    cuts = np.cumsum(np.bincount(group, minlength=len(firsts)))[:-1]
    mine = np.split(first + rows[by_group], cuts) if len(rows) else []
    return _placed(state, known, levels, list(zip(number.tolist(), mine, strict=True)))


def _with_new_classes(state: State, known: Known, keys: Array, levels: int) -> tuple[State, Known]:
    """The state with classes of these (shape, project, priority), without room for jobs."""
    old, count = len(known.tails) * levels, (len(known.tails) + len(keys)) * levels
    state = _longer(state, dict.fromkeys(("classes", "order", "order_at"), count))
    state = _longer(state, {"candidates": len(state.classes) + 2 * len(state.slots) + 64 + len(state.fresh)})
    new = state.classes[old:count]
    for i, name in enumerate(("shape", "project", "priority")):
        new[name] = np.repeat(keys[:, i], levels)
    new["level"] = np.tile(np.arange(levels), len(keys))
    new["head"], new["next"], new["prev"] = -1, -1, -1
    return state, replace(known, tails=np.concatenate([known.tails, np.zeros(len(keys), np.int64)]))


def _placed(state: State, known: Known, levels: int, coming: list[tuple[int, Array]]) -> tuple[State, Known]:
    """Give new jobs of classes positions: behind the others, or where the policy's order puts them; move classes for room."""
    moves: list[tuple[int, ...]] = []
    orders: list[Array] = []
    positions, words = known.positions, known.words
    of = np.array([c for c, _ in coming], np.int64)
    bases, sizes = state.classes["base"][of].tolist(), state.classes["size"][of].tolist()
    for (c, rows), base, size, at in zip(coming, bases, sizes, state.classes["words"][of].tolist(), strict=True):
        tail = int(known.tails[c // levels])
        order = _order(state, known, rows, base, tail, tail + len(rows) <= size)
        if order is None:
            state.job_at[base + tail : base + tail + len(rows)] = rows
            state.position[rows] = np.arange(tail, tail + len(rows))
            known.tails[c // levels] = tail + len(rows)
            continue
        if 4 * len(order) > 3 * size:
            size = max(FEWEST, 2 * len(order))
            base, at = positions, words
            positions, words = positions + size, words + levels * bits.length(size)
        moves.append((c, base, size, at, bits.length(size), len(order)))
        orders.append(order)
        known.tails[c // levels] = len(order)
    state = _longer(state, {"job_at": positions, "limit_at": positions, "words": words, "least": words})
    if moves:
        order = np.concatenate(orders)
        live.move_classes(refer(state), state.job_at, state.position, np.array(moves, np.int64), order)
    return state, replace(known, positions=positions, words=words)


def _order(state: State, known: Known, rows: Array, base: int, tail: int, fits: bool) -> Array | None:
    """All jobs of a class that are not over, with the new ones, in its order; None if these may stand behind as they are."""
    by_limit = known.policy.order is Order.SHORTEST
    if fits and not (by_limit and tail + len(rows) > 1):
        return None
    before = state.job_at[base : base + tail]
    order = np.concatenate([before[state.state[before] < FIRST_FINAL], rows])
    return order[np.lexsort((order, state.limit[order]))] if by_limit else order
