"""The arrays that the kernels work on. One record array per kind of thing: a node or a slot is one or two cache lines.

Units: seconds; cores in milli-cores; memory in MiB; shares in milli of one accelerator; power in microwatts; charges in
milli-units an hour, kept as milli-unit-seconds. `-1` is "none" for every index. Field comments give what is not plain.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FAR: Final = 2**62  # later than everything
WHOLE: Final = 1000  # one accelerator, in milli

_i8, _f8 = np.int64, np.float64  # one width of integer: a second would compile every kernel a second time


def _dtype(**fields: type) -> np.dtype[Any]:
    return np.dtype(list(fields.items()), align=True)


NODE = _dtype(
    cores_free=_i8,
    memory_free=_i8,
    free_mask=_i8,  # bit d: device d is wholly free
    profile=_i8,  # first segment of what is claimed of it over time
    pool=_i8,
    devices=_i8,  # accelerators on the node
    free=_i8,  # devices wholly free
    up=_i8,  # 1: neither failed nor in maintenance
    partial=_i8,  # largest left share on a partly used device
    max_left=_i8,  # largest left share on any device: 1000 if free > 0
    total_left=_i8,  # sum of left shares
    chunk=_i8,  # first of what runs here
    booking=_i8,  # first booking
    place=_i8,  # position among the nodes of its pool
    level=_i8,  # which of the pool's bitmaps it is in; -1 while down
    version=_i8,  # grows with every change: score caches look at it
    failed=_i8,  # how many failures hold it down
    planned=_i8,  # how many outages and missing deliveries hold it down
    classes=_i8,  # affinity classes hosted: bit 0 a share, bit n an n-accelerator job (n <= 62)
    cores=_i8,
    memory=_i8,
)

POOL = _dtype(
    site=_i8,
    devices=_i8,  # accelerators per node
    nodes=_i8,
    first=_i8,  # into pool_nodes
    words=_i8,  # offset of its bitmaps
    stride=_i8,  # words of one bitmap
    down=_i8,  # nodes that are down now
    model=_i8,
)

SITE = _dtype(headroom=_i8, waits=_i8)  # microwatts left under the cap (FAR: no cap); someone waits for power here

PROJECT = _dtype(
    limit=_i8,  # milli-accelerators at once; FAR: none
    held=_i8,  # milli-accelerators now
    budget=_i8,  # milli-unit-seconds left, reservations taken off; FAR: none
    used=_f8,  # decayed usage at the last tick
    since=_f8,  # usage since the last tick
    rate=_f8,  # milli-units an hour that its running attempts are charged now
    at=_i8,  # `since` is counted up to here
    fair=_f8,  # Fair Tree factor, 0 to 1
    parent=_i8,  # row; -1: the root
    depth=_i8,  # 0 below the root
    leaf=_i8,
    shares=_i8,
    awaiting=_i8,  # first of the classes that wait for its limit or budget
)

SHAPE = _dtype(
    count=_i8,  # accelerators; for a lease, in whole nodes' worth
    share=_i8,
    cores=_i8,  # of a job that fits one node
    memory=_i8,
    cores_each=_i8,  # per accelerator, for the parts of a gang
    memory_each=_i8,
    lease=_i8,
    entry=_i8,  # first of its eligible pools, in order of choice
    entries=_i8,
    live=_i8,  # index among the shapes that have waiting jobs
    classes=_i8,  # first of its live classes
    ready=_i8,  # 1: stands in State.ready, to be tried; 2: tried in vain in this pass
    wants=_i8,  # fewest wholly free accelerators on one node that could help it
    spread=_i8,  # all its classes are among the candidates of this pass, not the first alone
    power=_i8,  # last tried, it waited for power
    booked=_i8,  # last tried, only a booking stood in its way
    mask=_i8,  # bit (pool % 62): eligible
    milli=_i8,  # accelerators x share: what a project's limit counts
)

ENTRY = _dtype(
    pool=_i8,
    speed=_i8,  # milli
    group=_i8,  # pools of one group compete, groups are tried in turn
    whole=_i8,  # whole nodes taken
    rest=_i8,  # accelerators on one more node
    charge=_i8,  # milli-units an hour
    power=_i8,  # microwatts over idle
)

CLASS = (
    _dtype(  # jobs that the policy tells apart by order alone: shape x (project, priority, level) as far as it looks
        shape=_i8,
        project=_i8,
        priority=_i8,
        level=_i8,
        base=_i8,  # first of its positions; a job's position never changes
        size=_i8,
        words=_i8,  # offset of its waiting bitmap (and of its least limits)
        waiting=_i8,
        head=_i8,  # position of the first job that counts (jobs it cannot pay for are passed over); -1: none
        next=_i8,  # among the live classes of its shape
        prev=_i8,
        reason=_i8,  # vocabulary.Refusal last met
        cursor=_i8,  # position tried next in this pass
        awaits=_i8,  # 1: among those that wait for their project
        next_awaiting=_i8,
        cap=_i8,  # least time limit that a booking refused in this pass: longer ones would be refused too
    )
)

SLOT = _dtype(  # one running attempt
    start=_i8,
    end=_i8,
    limit_end=_i8,
    seq=_i8,  # order of start
    reserved=_i8,  # milli-unit-seconds taken from the budget
    job=_i8,
    entry=_i8,
    chunk=_i8,  # first part
)

CHUNK = _dtype(  # the part of an attempt on one node
    mask=_i8,
    cores=_i8,
    memory=_i8,
    share=_i8,
    slot=_i8,
    node=_i8,
    next_part=_i8,
    next=_i8,  # on the node
    prev=_i8,
)

SIZES: Final = 5  # accelerators by power of two up to 8, 0 apart
LENGTHS: Final = 22  # seconds by power of two, up to 24 days

BOOKING = _dtype(  # a claim on part of a node from a time on
    start=_i8,
    end=_i8,
    cores=_i8,
    memory=_i8,
    devices=_i8,
    owner=_i8,  # job; -1: maintenance or a delivery still to come, beside which nothing may run
    node=_i8,
    next=_i8,  # on the node
    prev=_i8,
    next_part=_i8,  # of the same owner
)

SEGMENT = _dtype(  # what is claimed of a node from a time on (kernels/profile.py)
    start=_i8,
    devices=_i8,
    cores=_i8,
    memory=_i8,
    whole=_i8,  # claims of maintenance
    uses=_i8,  # claims that begin or end here
    next=_i8,
    prev=_i8,
)

LIVE = _dtype(  # what decides whether a change of one node can help a shape, packed for a quick scan
    mask=_i8, cores=_i8, memory=_i8, wants=_i8, share=_i8, shape=_i8
)
HEAPED = _dtype(key=_f8, tie=_i8, item=_i8)
FLEET_EVENT = _dtype(time=_i8, node=_i8, kind=_i8)  # kind: codes.REPAIR .. CLOSE


class State(NamedTuple):
    """Everything a pass reads and changes. Changed in place; `scheduler.snapshot` copies it where purity is promised."""

    # fleet
    nodes: NDArray[Any]  # NODE[V]
    left: NDArray[Any]  # int32[V * width]: left share of each device
    pools: NDArray[Any]  # POOL[P]
    pool_nodes: NDArray[Any]  # int64[V]: nodes by pool
    node_bits: NDArray[Any]  # int64: bitmaps of nodes by pool and level
    sites: NDArray[Any]  # SITE[S]
    # jobs
    submit: NDArray[Any]  # int64[N]
    duration: NDArray[Any]  # int64[N]
    limit: NDArray[Any]  # int64[N]
    save_every: NDArray[Any]  # int32[N]
    earliest: NDArray[Any]  # int64[N]
    custom: NDArray[Any]  # float64[N] keys of a user's order; else empty
    job_class: NDArray[Any]  # int64[N]; -1: refused, with the reason in `never`
    never: NDArray[Any]  # int8[N]
    state: NDArray[Any]  # int8[N] vocabulary.JobState
    saved: NDArray[Any]  # int64[N] work behind save points; empty where nothing is ever stopped early
    attained: NDArray[Any]  # int64[N] accelerator-milli-seconds of earlier attempts, under least_attained; else empty
    booked: NDArray[Any]  # int64[N] first booking of a waiting job; empty without bookings
    job_at: NDArray[Any]  # int64[N] job at a position
    position: NDArray[Any]  # int64[N] position of a job
    # queues
    shapes: NDArray[Any]  # SHAPE[H]
    entries: NDArray[Any]  # ENTRY
    classes: NDArray[Any]  # CLASS[C]
    words: NDArray[Any]  # int64 waiting bitmaps of all classes
    least: NDArray[Any]  # int64 least limit under each word; empty without bookings and budgets
    live: NDArray[Any]  # LIVE[H] shapes with waiting jobs
    ready: NDArray[Any]  # int64[H] shapes to try in the next pass
    order: NDArray[
        Any
    ]  # HEAPED[C] live classes by key, those held back left out; unused where nobody waits for the first
    order_at: NDArray[Any]  # int64[C] index of a class in it; -1: not there
    candidates: NDArray[Any]  # HEAPED[C] classes to try in this pass
    limit_at: NDArray[Any]  # int64[N] limit left of the job at a position; empty as `least`
    projects: NDArray[Any]  # PROJECT: the whole tree, inner nodes too
    # what runs
    slots: NDArray[Any]  # SLOT
    chunks: NDArray[Any]  # CHUNK
    bookings: NDArray[Any]  # BOOKING
    segments: NDArray[Any]  # SEGMENT
    not_before: NDArray[Any]  # int64[V * SIZES * LENGTHS] by node, size and length: no room for them before; else empty
    head_from: NDArray[
        Any
    ]  # int64[V] when the head could first have its part of a node; -1: not known; -2 less that: before a change
    ends: NDArray[Any]  # HEAPED slots by end, then start
    ends_at: NDArray[Any]  # int64 index of a slot in it
    nowhere: NDArray[Any]  # int64[0]: for heaps of which no index is kept
    wakes: NDArray[Any]  # HEAPED jobs by the time at which they may be tried: earliest starts, booked times
    dirty: NDArray[Any]  # int64[V] nodes with more room since the last pass
    is_dirty: NDArray[Any]  # int8[V]
    fresh: NDArray[Any]  # int64[N] under conservative: jobs to book; else empty
    attempt: NDArray[Any]  # int64[N] attempts started; empty unless the placement needs it
    tentative: NDArray[Any]  # int64[V, 2] nodes and device masks of the place being tried
    leases: NDArray[Any]  # int64[N] leases that wait, by row; empty without leases
    victims: NDArray[Any]  # int64 scratch of preemption
    fleet_events: NDArray[Any]  # FLEET_EVENT by time
    cache: NDArray[Any]  # float64[H, V] scores; empty unless the placement needs them
    cache_version: NDArray[Any]  # int32[H, V]
    typical: NDArray[Any]  # scores.Tables, field by field
    waste: NDArray[Any]
    scarcity: NDArray[Any]
    prices: NDArray[Any]
    most: NDArray[Any]
    # out
    table: NDArray[Any]  # int8[state, event]: the lifecycle
    events: NDArray[Any]  # lifecycle.EVENT_DTYPE
    placements: NDArray[Any]  # lifecycle.PLACEMENT_DTYPE
    g: NDArray[Any]  # int64: counters, by the G_ names
    p: NDArray[Any]  # int64: the policy, by the P_ names
    w: NDArray[Any]  # float64: weights, by the W_ names
    thresholds: NDArray[Any]  # int64 levels of attained service, in accelerator-milli-seconds


# Columns that no kernel changes
FIXED: Final = frozenset(
    [
        "pool_nodes",
        "submit",
        "duration",
        "limit",
        "save_every",
        "earliest",
        "custom",
        "never",
        "job_at",
        "position",
        "entries",
        "fleet_events",
        "typical",
        "waste",
        "scarcity",
        "prices",
        "most",
        "table",
        "p",
        "w",
        "thresholds",
    ]
)

# Counters in State.g
(
    G_NOW,
    G_ARRIVAL,  # next job to submit
    G_FLEET,  # next fleet event
    G_ROWS,  # rows of `events` in use
    G_PLACED,  # rows of `placements` in use
    G_LIVE,
    G_ORDERED,  # classes in the order heap
    G_HEAP,
    G_WAKES,
    G_SEQ,
    G_SLOT_FREE,  # heads of free lists
    G_CHUNK_FREE,
    G_BOOK_FREE,
    G_SEGMENT_FREE,
    G_DIRTY,
    G_WAITING,
    G_RUNNING,
    G_DOWN,  # nodes down
    G_HEAD,  # under EASY: the booked job
    G_TICK,  # time of the last multifactor update
    G_FLEET_MILLI,  # accelerators of the fleet, in milli
    G_OVERFLOW,
    G_PARTS,  # parts of the place being tried
    G_FREED_SITE,  # bit (site % 62): power was given back since the last pass
    G_CANDIDATES,
    G_STEPS,
    G_FRESH,  # under conservative: jobs that wait and may not be booked yet
    G_READY,
    G_BOOKED_SHAPES,  # some live shape waits for a booking alone
    G_RETRY,  # a booking was dropped since the last pass
    G_SCORE,  # address of a user's placement score
    G_AGAIN,  # attempts were stopped for a job: the pass ended there, and another follows at the same time
    G_LEASES,  # leases that wait
    G_LEASE_DUE,  # some lease has no booking, or its time has come
    G_POWER_HELD,  # some class is held back for power
    G_CLOSURES,  # under a live snapshot: closures that stand on nodes
) = range(36)
G_SIZE: Final = 40

# The policy in State.p
(
    P_ORDER,
    P_BACKFILL,
    P_PLACEMENT,
    P_PREEMPT,
    P_SEED,
    P_WIDTH,  # devices of the widest node: stride of State.left
    P_LEAST,  # keep the least limits (bookings or budgets may make a long job wait while a short one starts)
    P_LEFT,  # keep the left share of every device (shares, or a placement that looks at it)
    P_BOOKINGS,  # bookings may exist
    P_PERIOD,
    P_HALF_LIFE,
    P_MAX_AGE,
    P_HORIZON,
    P_LEVELS,
    P_CLASS_LOW,
    P_CLASS_HIGH,
    P_LIMITS,  # some project has a limit or a budget
    P_REQUEUES,  # attempts may be stopped early
    P_SCORED,  # the placement looks at every node
    P_CHARGES,  # usage by project counts
    P_RANKED,  # somebody asks which class comes first (backfill none, easy): they are kept in order
) = range(21)
P_SIZE: Final = 24

# Weights of the multifactor priority in State.w
W_AGE, W_FAIR, W_SIZE, W_CLASS = range(4)
