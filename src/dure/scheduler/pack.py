"""From fleet, workload and policy to the arrays of the kernels. All units, checks and objects stop here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.errors import InputError
from dure.fleet import Fleet, Site, blanks
from dure.kernels import bits, layout, packing
from dure.kernels.bookings import book
from dure.kernels.layout import FAR, WHOLE, State
from dure.kernels.nodes import index_node
from dure.kernels.reference import refer, score_address
from dure.lifecycle import EVENT_DTYPE, PLACEMENT_DTYPE, TABLE
from dure.scheduler import custom, prices
from dure.scheduler.demand import Demand, class_rows, demand, never_by_terms
from dure.scheduler.policies import Backfill, Order, Placement, Policy
from dure.scheduler.terms import ProjectTerms
from dure.vocabulary import JobKind
from dure.workload import Workload

Array = NDArray[Any]


def _no_events() -> Array:
    return np.zeros(0, layout.FLEET_EVENT)


@dataclass(frozen=True)
class Conditions:
    """What holds in a run besides fleet, workload and policy; `simulator.run` makes it from a scenario."""

    terms: tuple[ProjectTerms, ...] = ()
    node_events: Array = field(default_factory=_no_events)  # FLEET_EVENT, sorted by time, then kind
    closures: tuple[tuple[int, int, int], ...] = ()  # (node, from_s, to_s): planned, known from the start
    undelivered: frozenset[int] = frozenset()  # nodes that are down when the run begins
    removed_pools: frozenset[str] = frozenset()
    power_caps_w: dict[str, int] = field(default_factory=dict)
    horizon_s: int = FAR
    fails: bool = False  # some node fails without warning
    live: bool = False  # jobs are still to come: every feature that they may need is on


def pack(fleet: Fleet, workload: Workload, policy: Policy, conditions: Conditions, seed: int) -> State:
    """The state of the scheduler before the first event: everything up and empty, nobody submitted.

    Raises InputError where project terms contradict each other, preemption meets promises, or a charge is beyond counting.
    Long because it is one flat list of what each array of the state holds at the start.
    """
    if policy.preempt and policy.backfill in (Backfill.EASY, Backfill.CONSERVATIVE):
        raise InputError(
            "preemption goes with backfill none or greedy", field="policy", value=policy.name, accepted="no_preempt"
        )
    flags = _flags(workload, policy, conditions)
    nodes, pools, pool_nodes, node_words = _nodes(fleet)
    sites = _sites(fleet, conditions)
    found = demand(fleet, workload, policy, conditions.removed_pools, sites["headroom"][pools["site"]].tolist())
    check_charges(workload, found)
    classes, job_class, never = _classes(workload, policy, conditions, found, flags)
    projects, row_of = _projects(workload, conditions, flags)
    classes["project"] = row_of[classes["project"]]
    rows, keys = _static_order(workload, policy)
    shape_class = job_class if flags.levels == 1 else np.where(job_class >= 0, job_class // flags.levels, -1)
    job_at, position, base, size = packing.place_jobs(shape_class, rows, len(classes) // flags.levels)
    classes["base"], classes["size"] = np.repeat(base, flags.levels), np.repeat(size, flags.levels)
    classes["words"], words = packing.word_offsets(np.ascontiguousarray(classes["size"]))
    width = max(1, int(nodes["devices"].max(initial=0)))
    jobs, parts = len(workload), int((most_parts(found) * found.jobs).sum())
    running = _most_running(fleet, workload)
    bookings = _most_bookings(conditions, flags, len(nodes), parts)
    extra = jobs // 4 + 16 * (running + 64) + 4 * jobs if flags.requeues else 0
    state = State(
        nodes=nodes,
        left=np.full(len(nodes) * width, WHOLE, np.int32),
        pools=pools,
        pool_nodes=pool_nodes,
        node_bits=np.zeros(node_words, np.int64),
        sites=sites,
        submit=workload.submit_s,
        duration=workload.duration_s,
        limit=workload.limit_s,
        save_every=workload.save_every_s,
        earliest=workload.earliest_s,
        custom=keys,
        job_class=job_class,
        never=never,
        state=np.zeros(jobs, np.int8),
        saved=np.zeros(jobs if flags.requeues else 0, np.int64),
        attained=np.zeros(jobs if policy.order is Order.LEAST_ATTAINED else 0, np.int64),
        booked=np.full(jobs if flags.bookings else 0, -1, np.int64),
        job_at=job_at,
        position=position,
        shapes=found.shapes,
        entries=found.entries,
        classes=classes,
        words=np.zeros(words, np.int64),
        least=np.full(words if flags.least else 0, FAR, np.int64),
        live=np.zeros(len(found.shapes), layout.LIVE),
        ready=np.zeros(len(found.shapes), np.int64),
        order=np.zeros(len(classes), layout.HEAPED),
        order_at=np.full(len(classes), -1, np.int64),
        candidates=np.zeros(
            len(classes) + (2 * running + 64 if policy.preempt else 0) + (2 * jobs + 64 if flags.conservative else 0),
            layout.HEAPED,
        ),
        limit_at=np.zeros(len(job_at) if flags.least else 0, np.int64),
        projects=projects,
        slots=_free_list(running, layout.SLOT, "chunk"),
        chunks=_free_list(running + len(nodes), layout.CHUNK, "next"),
        bookings=_free_list(bookings, layout.BOOKING, "next"),
        segments=_segments(len(nodes), running + len(nodes) + 2 * bookings if flags.bookings else 0),
        not_before=np.zeros(len(nodes) * layout.SIZES * layout.LENGTHS if flags.bookings else 0, np.int64),
        head_from=np.full(len(nodes) if policy.backfill is Backfill.EASY else 0, -1, np.int64),
        ends=np.zeros(running + 1, layout.HEAPED),
        ends_at=np.full(running + 1, -1, np.int64),
        nowhere=np.zeros(0, np.int64),
        wakes=np.zeros(_most_wakes(workload, flags), layout.HEAPED),
        dirty=np.zeros(len(nodes), np.int64),
        is_dirty=np.zeros(len(nodes), np.int8),
        fresh=np.zeros(2 * jobs + 64 if flags.conservative else 0, np.int64),
        attempt=np.zeros(jobs if policy.placement is Placement.RANDOM else 0, np.int64),
        leases=np.zeros(jobs if flags.leases else 0, np.int64),
        tentative=np.zeros((len(nodes) + 2, 2), np.int64),
        victims=np.zeros(2 * running + 2, np.int64),
        fleet_events=conditions.node_events,
        cache=np.zeros((len(found.shapes), len(nodes)) if flags.cached else (0, 0), np.float64),
        cache_version=np.full((len(found.shapes), len(nodes)) if flags.cached else (0, 0), -1, np.int32),
        **prices.tables(policy.placement, fleet, nodes, found, _leaving(workload))._asdict(),
        table=TABLE,
        events=np.empty(3 * jobs + 8 + extra, EVENT_DTYPE),
        placements=np.empty(parts + 8 + extra, PLACEMENT_DTYPE),
        g=np.zeros(layout.G_SIZE, np.int64),
        p=np.zeros(layout.P_SIZE, np.int64),
        w=np.array(
            [policy.weights.age, policy.weights.fair_share, policy.weights.size, policy.weights.priority_class],
            np.float64,
        ),
        thresholds=np.array(policy.attained_thresholds, np.int64) * WHOLE,
    )
    _set_policy(state, fleet, workload, policy, conditions, flags, seed, width)
    _open(state, conditions)
    return state


def check_charges(workload: Workload, found: Demand) -> None:
    """InputError where what one job is charged for its time limit does not fit 62 bits."""
    if not len(found.entries) or not len(workload):
        return
    charge, slowest = int(found.entries["charge"].max()), int(found.entries["speed"].min())
    longest = -(-int(workload.limit_s.max()) * WHOLE // slowest)
    if charge * longest >= FAR:
        raise InputError(
            "a job's charge is too large to be counted",
            field="limit_s",
            value=longest,
            accepted=f"at most {FAR // charge} s",
        )


def _leaving(workload: Workload) -> float:
    """Part of the jobs whose time limit is shorter than the time over which jobs are submitted."""
    return float((workload.limit_s < np.ptp(workload.submit_s)).mean()) if len(workload) else 0.0


@dataclass(frozen=True, slots=True)
class _Flags:
    """Which features a run needs; what it does not need costs neither memory nor time."""

    levels: int
    leases: bool
    conservative: bool
    bookings: bool
    limits: bool
    least: bool
    requeues: bool
    left: bool
    scored: bool
    cached: bool
    by_project: bool


def _flags(workload: Workload, policy: Policy, conditions: Conditions) -> _Flags:
    live = conditions.live
    leases = live or bool((workload.kind == JobKind.LEASE).any())
    conservative = policy.backfill is Backfill.CONSERVATIVE
    bookings = leases or conservative or policy.backfill is Backfill.EASY or bool(conditions.closures)
    limits = live or any(t.limit_accelerators is not None or t.budget_milli_units is not None for t in conditions.terms)
    scored = policy.placement > Placement.RANDOM
    return _Flags(
        levels=len(policy.attained_thresholds) + 1 if policy.order is Order.LEAST_ATTAINED else 1,
        leases=leases,
        conservative=conservative,
        bookings=bookings,
        limits=limits,
        least=bookings or limits,
        requeues=live or policy.preempt or conditions.fails or bool(conditions.closures),
        left=live or scored or bool((workload.share_milli < WHOLE).any()),
        scored=scored,
        cached=scored,
        by_project=limits or policy.order is Order.MULTIFACTOR,
    )


def _classes(
    workload: Workload, policy: Policy, conditions: Conditions, found: Demand, flags: _Flags
) -> tuple[Array, Array, Array]:
    """(CLASS[C], class of each job or -1, refusal of each job or 0); levels of a class stand side by side."""
    job_class, shape, firsts = class_rows(workload, policy, found.shape_of, flags.by_project)
    never = found.never[found.shape_of]
    if flags.limits:
        by_terms = never_by_terms(workload, {t.name: t for t in conditions.terms}, found)
        never = np.where(never == 0, by_terms, never)
    classes = np.zeros(len(firsts) * flags.levels, layout.CLASS)
    classes["shape"] = np.repeat(shape, flags.levels)
    classes["priority"] = np.repeat(workload.priority[firsts], flags.levels)
    if flags.by_project:
        classes["project"] = np.repeat(workload.project[firsts], flags.levels)
    classes["level"] = np.tile(np.arange(flags.levels), len(firsts))
    classes["head"], classes["next"], classes["prev"] = -1, -1, -1
    if flags.levels > 1:
        job_class = job_class * flags.levels
    if never.any():
        job_class = np.where(never == 0, job_class, -1)
    return classes, job_class, never


def _projects(workload: Workload, conditions: Conditions, flags: _Flags) -> tuple[Array, Array]:
    """(PROJECT rows of the whole tree: the terms as listed, then projects not listed; row of each workload project)."""
    if not flags.by_project:
        only = np.zeros(1, layout.PROJECT)
        only["limit"], only["budget"], only["parent"], only["leaf"], only["shares"] = FAR, FAR, -1, 1, 1
        only["awaiting"] = -1
        return only, np.zeros(max(1, len(workload.projects)), np.int64)
    terms = {t.name: t for t in conditions.terms}
    terms |= {name: ProjectTerms(name) for name in workload.projects if name not in terms}
    row = {name: i for i, name in enumerate(terms)}
    projects = project_rows(terms, workload.projects)
    return projects, np.array([row[name] for name in workload.projects], np.int64)


def project_rows(terms: Mapping[str, ProjectTerms], with_jobs: Iterable[str]) -> Array:
    """PROJECT rows of a tree in the order of its terms, nothing used or held.

    Raises InputError where parents are missing or go in a circle, or one of the projects `with_jobs` has children.
    """
    parents = {t.parent for t in terms.values() if t.parent}
    if missing := parents - set(terms):
        raise InputError(
            "parent project is not described", field="parent", value=min(missing), accepted="a project's name"
        )
    if both := parents & set(with_jobs):
        raise InputError("a project with children has jobs of its own", field="project", value=min(both))
    row = {name: i for i, name in enumerate(terms)}
    projects = np.zeros(len(terms), layout.PROJECT)
    for record, term in zip(projects, terms.values(), strict=True):
        set_terms_of(record, term)
        record["parent"], record["leaf"] = row.get(term.parent, -1), term.name not in parents
        record["depth"], record["awaiting"] = _depth(term, terms), -1
    return projects


def set_terms_of(project: Any, term: ProjectTerms) -> None:
    """A project's shares, limit and whole budget, in the units of its PROJECT row."""
    limit, budget = term.limit_accelerators, term.budget_milli_units
    project["shares"] = term.shares
    project["limit"] = FAR if limit is None else limit * WHOLE
    project["budget"] = FAR if budget is None else budget * 3600


def _depth(term: ProjectTerms, terms: Mapping[str, ProjectTerms]) -> int:
    """Steps from the root's children down to a project; InputError where parents go in a circle."""
    seen = [term.name]
    while term.parent:
        term = terms[term.parent]
        if term.name in seen:
            raise InputError("projects are each other's parents", field="parent", value=term.name)
        seen.append(term.name)
    return len(seen) - 1


def _nodes(fleet: Fleet) -> tuple[Array, Array, Array, int]:
    """(NODE[V] up and empty, POOL[P], nodes by pool, words of the node bitmaps)."""
    pool_of = fleet.node_pool()
    nodes, pools = np.zeros(len(pool_of), layout.NODE), np.zeros(len(fleet.pools), layout.POOL)
    order = np.argsort(pool_of, kind="stable")
    sites = {site.id: i for i, site in enumerate(fleet.sites)}
    models = {model: i for i, model in enumerate(sorted({p.model for p in fleet.pools}))}
    first = words = 0
    for i, pool in enumerate(fleet.pools):
        stride = bits.length(pool.nodes)
        pools[i]["site"], pools[i]["model"] = sites[pool.site], models[pool.model]
        pools[i]["devices"], pools[i]["nodes"] = pool.accelerators_per_node, pool.nodes
        pools[i]["first"], pools[i]["words"], pools[i]["stride"] = first, words, stride
        mine = order[first : first + pool.nodes]
        nodes["pool"][mine], nodes["place"][mine] = i, np.arange(pool.nodes)
        nodes["cores"][mine], nodes["memory"][mine] = pool.cores_milli, pool.memory_mib
        nodes["devices"][mine] = pool.accelerators_per_node
        first += pool.nodes
        words += stride * (pool.accelerators_per_node + 2)
    nodes["cores_free"], nodes["memory_free"], nodes["free"] = nodes["cores"], nodes["memory"], nodes["devices"]
    nodes["free_mask"] = (np.int64(1) << nodes["devices"].astype(np.int64)) - 1
    nodes["total_left"] = nodes["devices"] * WHOLE
    nodes["max_left"] = np.where(nodes["devices"] > 0, WHOLE, 0)
    nodes["chunk"], nodes["booking"], nodes["level"] = -1, -1, -1
    nodes["profile"] = np.arange(len(nodes))
    return nodes, pools, order, words


def _sites(fleet: Fleet, conditions: Conditions) -> Array:
    """SITE rows: headroom is the cap on IT power less what all nodes draw idle."""
    sites = np.zeros(len(fleet.sites), layout.SITE)
    for i, site in enumerate(fleet.sites):
        cap = conditions.power_caps_w.get(site.id, site.power_cap_w)
        sites[i]["headroom"] = headroom(fleet, site, cap, conditions.removed_pools)
    return sites


def headroom(fleet: Fleet, site: Site, cap_w: int | None, removed: frozenset[str] = frozenset()) -> int:
    """Microwatts that a site may draw over what its nodes draw idle; FAR where it has no cap."""
    if cap_w is None:
        return FAR
    idle = 0
    for pool in fleet.pools:
        if pool.site == site.id and pool.id not in removed:
            model = fleet.models.get(pool.model)
            each = blanks.idle_milliwatts(model) if model else 0
            idle += pool.nodes * (pool.node_power_w * 1000 + pool.accelerators_per_node * each)
    return 1000 * (math.floor(1000 * cap_w / site.pue) - idle)


def _static_order(workload: Workload, policy: Policy) -> tuple[Array, Array]:
    """(rows in order inside a class, empty for row order; keys of a user's order, else empty)."""
    none = np.zeros(0, np.int64)
    if policy.order is Order.CUSTOM:
        if policy.order_function is None:
            raise InputError("a custom order needs a function", field="order_function")
        keys = custom.order_keys(policy.order_function, workload)
        return np.argsort(keys, kind="stable"), keys
    if policy.order is Order.SHORTEST:
        return _order(workload.limit_s), np.zeros(0)
    if policy.order is Order.SHORTEST_ORACLE:
        return _order(np.minimum(workload.duration_s, workload.limit_s)), np.zeros(0)
    return none, np.zeros(0)


def _order(seconds: Array) -> Array:
    """Rows by value, equal ones by row: two radix passes of 16 bits where that is enough."""
    if not len(seconds) or seconds.max() >= 1 << 32:
        return np.argsort(seconds, kind="stable")
    low = np.argsort((seconds & 0xFFFF).astype(np.uint16), kind="stable")
    return low[np.argsort((seconds >> 16).astype(np.uint16)[low], kind="stable")]


def most_parts(found: Demand) -> NDArray[np.int64]:
    """A bound on the node parts that a job of each shape takes, int64[H]."""
    most = np.ones(len(found.shapes), np.int64)
    for s, shape in enumerate(found.shapes):
        first = int(shape["entry"])
        mine = found.entries[first : first + int(shape["entries"])]
        if len(mine):
            most[s] = max(1, int((mine["whole"] + (mine["rest"] > 0)).max()))
    return most


def _most_running(fleet: Fleet, workload: Workload) -> int:
    """A bound on the attempts that run at once."""
    jobs = len(workload)
    smallest = int(workload.share_milli.min()) if jobs else WHOLE
    on_devices = fleet.accelerators * (WHOLE // smallest)
    alone = workload.accelerators == 0
    return max(1, min(jobs, on_devices + int(alone.sum())))


def _most_bookings(conditions: Conditions, flags: _Flags, nodes: int, parts: int) -> int:
    if not flags.bookings:
        return 1
    return len(conditions.closures) + nodes + 8 + (parts if flags.conservative or flags.leases else 0)


def _most_wakes(workload: Workload, flags: _Flags) -> int:
    later = int((workload.earliest_s > workload.submit_s).sum())
    return later + 64 + (4 * len(workload) if flags.conservative or flags.leases else 0)


def _free_list(count: int, dtype: np.dtype[Any], link: str) -> Array:
    """Records that are all free, each linked to the next through one of its fields."""
    records = np.zeros(count + 1, dtype)
    records[link] = np.arange(1, count + 2)
    records[link][-1] = -1
    return records


def _segments(nodes: int, more: int) -> Array:
    """A segment without claims for each node, and free ones."""
    segments = _free_list(nodes + more, layout.SEGMENT, "next")
    segments["start"], segments["prev"] = -1, -1
    segments["next"][:nodes] = -1
    return segments


def _set_policy(
    state: State,
    fleet: Fleet,
    workload: Workload,
    policy: Policy,
    conditions: Conditions,
    flags: _Flags,
    seed: int,
    width: int,
) -> None:
    p, g = state.p, state.g
    p[layout.P_ORDER], p[layout.P_BACKFILL], p[layout.P_PLACEMENT] = policy.order, policy.backfill, policy.placement
    p[layout.P_PREEMPT], p[layout.P_SEED], p[layout.P_WIDTH] = policy.preempt, seed, width
    p[layout.P_LEAST], p[layout.P_LEFT], p[layout.P_BOOKINGS] = flags.least, flags.left, flags.bookings
    p[layout.P_PERIOD], p[layout.P_HALF_LIFE] = policy.weights.period_s, policy.weights.half_life_s
    p[layout.P_MAX_AGE], p[layout.P_HORIZON] = policy.weights.max_age_s, conditions.horizon_s
    p[layout.P_LEVELS], p[layout.P_LIMITS], p[layout.P_REQUEUES] = flags.levels, flags.limits, flags.requeues
    p[layout.P_SCORED], p[layout.P_CHARGES] = flags.scored, flags.by_project
    p[layout.P_RANKED] = policy.backfill in (Backfill.NONE, Backfill.EASY)
    if len(workload):
        p[layout.P_CLASS_LOW], p[layout.P_CLASS_HIGH] = workload.priority.min(), workload.priority.max()
    g[layout.G_HEAD], g[layout.G_SEGMENT_FREE] = -1, len(state.nodes)
    if policy.score_function is not None:
        g[layout.G_SCORE] = score_address(custom.compiled_score(policy.score_function))
    g[layout.G_TICK] = -policy.weights.period_s if policy.order is Order.MULTIFACTOR else 0
    kept = (pool for pool in fleet.pools if pool.id not in conditions.removed_pools)
    g[layout.G_FLEET_MILLI] = max(1, sum(pool.nodes * pool.accelerators_per_node for pool in kept) * WHOLE)


def _open(state: State, conditions: Conditions) -> None:
    """Put every node that is there into its bitmap, and the planned closures on their nodes."""
    reference = refer(state)
    state.nodes["up"] = 1
    for v in conditions.undelivered:
        state.nodes[v]["planned"], state.nodes[v]["up"] = 1, 0
        state.pools[state.nodes[v]["pool"]]["down"] += 1
        state.g[layout.G_DOWN] += 1
    for v in range(len(state.nodes)):
        index_node(state.nodes, state.pools, state.node_bits, v)
    for v, start, end in conditions.closures:
        node = state.nodes[v]
        book(reference, -1, v, start, end, int(node["devices"]), int(node["cores"]), int(node["memory"]), -1)
