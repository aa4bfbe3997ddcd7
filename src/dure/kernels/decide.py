"""The pass: which waiting jobs start now. The only decision code, in the twin and in production.

1. Note which shapes a change since the last pass may have helped (all others are known not to fit).
2. In order, start what may start, up to the first job that has to wait (`none`, `easy`).
3. Book that job's earliest place (`easy`), and start those behind it that break no booking (`greedy`, `easy`), or book
   each that cannot (`conservative`).
"""

from __future__ import annotations

from dure.kernels import bits, heaps
from dure.kernels.attempts import note_fresh, start
from dure.kernels.bookings import unbook
from dure.kernels.codes import (
    BACKFILL_CONSERVATIVE,
    BACKFILL_EASY,
    BACKFILL_NONE,
    R_BUDGET,
    R_DOWN,
    R_LIMIT,
    R_NONE,
    R_NOT_YET,
    R_ORDER,
    R_POWER,
    R_RESERVED,
    R_ROOM,
    S_WAITING,
)
from dure.kernels.head import drop_head, move_head, retry_booked
from dure.kernels.jit import kernel
from dure.kernels.layout import (
    FAR,
    G_AGAIN,
    G_BOOKED_SHAPES,
    G_CANDIDATES,
    G_DIRTY,
    G_FREED_SITE,
    G_FRESH,
    G_HEAD,
    G_LEASE_DUE,
    G_LEASES,
    G_LIVE,
    G_NOW,
    G_ORDERED,
    G_POWER_HELD,
    G_READY,
    G_RETRY,
    G_WAITING,
    P_BACKFILL,
    P_LEAST,
    P_LIMITS,
    P_PREEMPT,
)
from dure.kernels.place import find_place
from dure.kernels.preemption import make_room
from dure.kernels.promises import book_earliest
from dure.kernels.queues import await_project, hold, key_of, limit_left, mark_ready, set_head, wall

MANY_DIRTY = 16  # past so many changed nodes, trying every shape is cheaper than asking which could gain


@kernel
def run_pass(st):
    """Start what the policy lets start at the current time. Changes `st`; new rows stand in the log."""
    st.g[G_AGAIN] = 0
    if st.g[G_LEASE_DUE] != 0:
        if st.g[G_HEAD] >= 0:
            drop_head(st)
        lease_pass(st)
    refresh(st)
    backfill = st.p[P_BACKFILL]
    if backfill == BACKFILL_NONE or backfill == BACKFILL_EASY:
        blocked = start_in_order(st)
        if backfill == BACKFILL_EASY:
            move_head(st, blocked)
            gather(st)
            drain(st)
    else:
        gather(st)
        drain(st)
    for i in range(st.g[G_DIRTY]):
        st.is_dirty[st.dirty[i]] = 0
    st.g[G_DIRTY] = 0


@kernel
def lease_pass(st):
    """Leases come first, by row: one without a booking is booked; one whose time has come starts, or loses its booking until
    the next pass."""
    st.g[G_LEASE_DUE] = 0
    kept = 0
    for i in range(st.g[G_LEASES]):
        job = st.leases[i]
        if st.booked[job] < 0:
            book_earliest(st, job, st.g[G_NOW])
        if st.booked[job] < 0:
            st.g[G_LEASE_DUE] = 1
        elif st.bookings[st.booked[job]]["start"] <= st.g[G_NOW]:
            if _try_lease(st, job):
                continue
            unbook(st, job)
            st.g[G_LEASE_DUE] = 1
        st.leases[kept] = job
        kept += 1
    st.g[G_WAITING] -= st.g[G_LEASES] - kept
    st.g[G_LEASES] = kept


@kernel
def _try_lease(st, job):
    c = st.job_class[job]
    project = st.projects[st.classes[c]["project"]]
    if project["held"] + st.shapes[st.classes[c]["shape"]]["milli"] > project["limit"]:
        return False
    e, _ = find_place(st, job)
    if e >= 0:
        start(st, job, e)
    return e >= 0


@kernel
def _helps(st, live, v):
    node = st.nodes[v]
    return (
        node["free"] >= live["wants"]
        and (live["mask"] >> (node["pool"] % 62)) & 1
        and node["cores_free"] >= live["cores"]
        and node["memory_free"] >= live["memory"]
        and node["max_left"] >= live["share"]
    )


@kernel
def refresh(st):
    """Mark the shapes that the changed nodes, or power given back, may have made startable."""
    count = st.g[G_DIRTY]
    freed = st.g[G_FREED_SITE]
    all_ready = st.p[P_PREEMPT] != 0
    if st.g[G_RETRY] != 0:
        st.g[G_RETRY] = 0
        if st.p[P_BACKFILL] != BACKFILL_EASY or st.g[G_LEASES] > 0:
            retry_booked(st)
    if st.g[G_POWER_HELD] != 0 and st.p[P_BACKFILL] == BACKFILL_EASY:
        freed = -1
    if count == 0 and freed == 0 and not all_ready:
        return
    for i in range(st.g[G_LIVE]):
        live = st.live[i]
        s = live["shape"]
        if all_ready or count > MANY_DIRTY:
            mark_ready(st, s)
        else:
            for k in range(count):
                if _helps(st, live, st.dirty[k]):
                    mark_ready(st, s)
                    break
        if freed != 0 and st.shapes[s]["power"] != 0:
            _release_power_hold(st, s)
    st.g[G_FREED_SITE] = 0
    st.g[G_POWER_HELD] = 0


@kernel
def _release_power_hold(st, s):
    st.shapes[s]["power"] = 0
    mark_ready(st, s)
    c = st.shapes[s]["classes"]
    while c >= 0:
        cls = st.classes[c]
        if st.order_at[c] < 0 and cls["reason"] == R_POWER:
            set_head(st, c, bits.following(st.words, cls["words"], cls["size"], 0))
        c = cls["next"]


@kernel
def try_job(st, c, job):
    """Start one waiting job if it may start. Returns R_NONE, or the refusal, noted for its class."""
    cls = st.classes[c]
    s = cls["shape"]
    shape = st.shapes[s]
    if st.p[P_LIMITS] != 0:
        project = st.projects[cls["project"]]
        if project["held"] + shape["milli"] > project["limit"] and _affordable(st, c, job):
            await_project(st, c)
            cls["reason"] = R_LIMIT
            return R_LIMIT
    e, reason = find_place(st, job)
    if e < 0 and st.p[P_PREEMPT] != 0 and (reason == R_ROOM or reason == R_DOWN):
        e = make_room(st, job)
        st.g[G_AGAIN] = e >= 0
    if e >= 0:
        start(st, job, e)
        return R_NONE
    cls["reason"] = reason
    if reason == R_BUDGET:
        await_project(st, c)
    elif reason == R_RESERVED:
        shape["booked"] = 1
        st.g[G_BOOKED_SHAPES] = 1
    else:
        if shape["ready"] == 1 and st.p[P_PREEMPT] == 0:  # else a higher class of the shape may yet stop a lower one
            shape["ready"] = 2
        shape["booked"] = 0
        if reason == R_POWER:
            shape["power"] = 1
            st.g[G_POWER_HELD] = 1
    return reason


@kernel
def _affordable_after(st, c, position):
    """The next job of a class, from `position` on, whose time limit its project can pay for on some pool; -1: none."""
    cls = st.classes[c]
    shape = st.shapes[cls["shape"]]
    budget = st.projects[cls["project"]]["budget"]
    cap = 0
    for e in range(shape["entry"], shape["entry"] + shape["entries"]):
        entry = st.entries[e]
        if entry["charge"] == 0:
            return bits.following(st.words, cls["words"], cls["size"], position)
        cap = max(cap, max(budget, 0) // entry["charge"] * entry["speed"] // 1000)
    return bits.following_within(st.words, st.least, st.limit_at, cls["base"], cls["words"], cls["size"], position, cap)


@kernel
def _pass_over(st, c):
    """The head of a class cannot be paid for: let the next that can be count."""
    following = _affordable_after(st, c, st.classes[c]["head"] + 1)
    if following >= 0:
        set_head(st, c, following)
    else:
        hold(st, c, R_BUDGET)


@kernel
def start_in_order(st):
    """Start jobs in order up to the first that has to wait for room; returns its class, or -1."""
    while st.g[G_ORDERED] > 0 and st.g[G_AGAIN] == 0:
        c = st.order[0]["item"]
        cls = st.classes[c]
        job = st.job_at[cls["base"] + cls["head"]]
        if job != st.g[G_HEAD] and st.g[G_HEAD] >= 0:
            drop_head(st)
        if st.shapes[cls["shape"]]["ready"] != 1:
            return c
        reason = try_job(st, c, job)
        if reason == R_NONE:
            continue
        if reason == R_BUDGET:
            _pass_over(st, c)
        elif reason == R_LIMIT:
            hold(st, c, R_LIMIT)
        elif reason == R_POWER and st.p[P_BACKFILL] == BACKFILL_EASY:
            hold(st, c, R_POWER)
        else:
            _forget_tried(st)
            return c
    _forget_tried(st)
    return -1


@kernel
def _forget_tried(st):
    """Take the shapes that were tried in vain off the ready list."""
    kept = 0
    for i in range(st.g[G_READY]):
        s = st.ready[i]
        if st.shapes[s]["ready"] == 1 and st.shapes[s]["live"] >= 0:
            st.ready[kept] = s
            kept += 1
        else:
            st.shapes[s]["ready"] = 0
    st.g[G_READY] = kept


@kernel
def gather(st):
    """Put the first class of each ready shape among the candidates: where it finds no room, the others find none."""
    if st.p[P_BACKFILL] == BACKFILL_CONSERVATIVE:
        _gather_fresh(st)
    for i in range(st.g[G_READY]):
        shape = st.shapes[st.ready[i]]
        if shape["ready"] != 1:
            continue
        shape["spread"] = 0
        best, best_key, best_job = -1, 0.0, -1
        c = shape["classes"]
        while c >= 0:
            cls = st.classes[c]
            if st.order_at[c] >= 0:
                job = st.job_at[cls["base"] + cls["head"]]
                key = key_of(st, c, job)
                if best < 0 or key < best_key or (key == best_key and job < best_job):
                    best, best_key, best_job = c, key, job
            c = cls["next"]
        if best >= 0:
            st.classes[best]["cap"] = FAR
            _push_candidate(st, best, st.classes[best]["head"])


@kernel
def _spread(st, shape, first):
    """The first class of a shape did not end the matter: put the others among the candidates too."""
    shape["spread"] = 1
    c = shape["classes"]
    while c >= 0:
        if c != first and st.order_at[c] >= 0:
            st.classes[c]["cap"] = FAR
            _push_candidate(st, c, st.classes[c]["head"])
        c = st.classes[c]["next"]


@kernel
def _gather_fresh(st):
    """Under conservative: jobs without a booking, or whose booked time has come, are tried one by one, in their place in the order."""
    kept = 0
    for i in range(st.g[G_FRESH]):
        job = st.fresh[i]
        booked = st.booked[job] >= 0
        if st.state[job] == S_WAITING and (not booked or st.bookings[st.booked[job]]["start"] <= st.g[G_NOW]):
            if not booked:
                st.fresh[kept] = job
                kept += 1
            key = key_of(st, st.job_class[job], job)
            st.g[G_CANDIDATES] = heaps.push(st.candidates, st.nowhere, st.g[G_CANDIDATES], key, job, -1 - job)
    st.g[G_FRESH] = kept


@kernel
def _push_candidate(st, c, position):
    if position < 0:
        return
    cls = st.classes[c]
    cls["cursor"] = position
    job = st.job_at[cls["base"] + position]
    st.g[G_CANDIDATES] = heaps.push(st.candidates, st.nowhere, st.g[G_CANDIDATES], key_of(st, c, job), job, c)


@kernel
def drain(st):
    """Try the candidates in order; what cannot start is left, and under conservative booked."""
    conservative = st.p[P_BACKFILL] == BACKFILL_CONSERVATIVE
    while st.g[G_CANDIDATES] > 0 and st.g[G_AGAIN] == 0:
        item = st.candidates[0]["item"]
        st.g[G_CANDIDATES] = heaps.remove(st.candidates, st.nowhere, st.g[G_CANDIDATES], 0)
        if item < 0:
            _try_fresh(st, -1 - item)
            continue
        cls = st.classes[item]
        shape = st.shapes[cls["shape"]]
        if shape["ready"] != 1:
            continue
        position = cls["cursor"]
        job = st.job_at[cls["base"] + position]
        if job == st.g[G_HEAD] and cls["reason"] != R_ROOM and cls["reason"] != R_DOWN:
            shape["booked"] = 1  # a booking stands in its way, which a shorter job behind it may keep
            st.g[G_BOOKED_SHAPES] = 1
        if st.state[job] != S_WAITING or job == st.g[G_HEAD]:
            if shape["spread"] == 0:
                _spread(st, shape, item)
            _push_candidate(st, item, bits.following(st.words, cls["words"], cls["size"], position + 1))
            continue
        left = limit_left(st, job)
        reason = try_job(st, item, job)
        if shape["spread"] == 0 and shape["ready"] == 1:
            _spread(st, shape, item)
        if conservative and reason != R_NONE:
            settle_booking(st, job, reason)
        if reason == R_NONE:
            following = bits.following(st.words, cls["words"], cls["size"], position + 1)
        elif reason == R_RESERVED and conservative:
            cls["cap"] = min(cls["cap"], left)
            following = _after_refusal(st, item, position + 1)
        elif reason == R_RESERVED or (st.p[P_PREEMPT] != 0 and st.p[P_LEAST] != 0 and reason != R_BUDGET):
            following = bits.following_within(
                st.words, st.least, st.limit_at, cls["base"], cls["words"], cls["size"], position + 1, left - 1
            )
        elif reason == R_BUDGET:
            following = _affordable_after(st, item, position + 1)
        else:
            if reason == R_LIMIT and not conservative:
                hold(st, item, R_LIMIT)
            continue
        if cls["waiting"] > 0:
            _push_candidate(st, item, following)
    st.g[G_CANDIDATES] = 0
    for i in range(st.g[G_READY]):
        st.shapes[st.ready[i]]["ready"] = 0
    st.g[G_READY] = 0


@kernel
def _after_refusal(st, c, position):
    """Under conservative, after a booking refused a job of a class: the next that it need not refuse too, -1: none.

    That is a job with a shorter limit, or one whose own booking stands on a node that has room: its own does not bind it.
    """
    cls = st.classes[c]
    following = bits.following_within(
        st.words, st.least, st.limit_at, cls["base"], cls["words"], cls["size"], position, cls["cap"] - 1
    )
    shape = st.shapes[cls["shape"]]
    for e in range(shape["entry"], shape["entry"] + shape["entries"]):
        pool = st.pools[st.entries[e]["pool"]]
        for i in range(pool["first"], pool["first"] + pool["nodes"]):
            node = st.nodes[st.pool_nodes[i]]
            b = node["booking"] if node["free"] >= shape["wants"] and node["up"] != 0 else -1
            while b >= 0:
                owner = st.bookings[b]["owner"]
                if owner >= 0 and st.job_class[owner] == c:
                    other = st.position[owner]
                    if other >= position and (following < 0 or other < following):
                        following = other
                b = st.bookings[b]["next"]
    return following


@kernel
def _try_fresh(st, job):
    """Under conservative: start a job that has no booking, or book it."""
    if st.state[job] != S_WAITING:
        return
    reason = try_job(st, st.job_class[job], job)
    if reason != R_NONE:
        settle_booking(st, job, reason)


@kernel
def settle_booking(st, job, reason):
    """Under conservative, a job may not start: a booking whose time has come is dropped, one that lacks room is booked."""
    if st.booked[job] >= 0 and st.bookings[st.booked[job]]["start"] <= st.g[G_NOW]:
        unbook(st, job)
        note_fresh(st, job)
    if st.booked[job] < 0 and (reason == R_ROOM or reason == R_DOWN or reason == R_RESERVED):
        book_earliest(st, job, st.g[G_NOW])


@kernel
def explain(st, job):
    """Why a waiting job does not run at this moment (vocabulary.Refusal), looked at afresh; changes nothing."""
    c = st.job_class[job]
    cls = st.classes[c]
    if st.earliest[job] > st.g[G_NOW]:
        return R_NOT_YET
    project = st.projects[cls["project"]]
    if project["held"] + st.shapes[cls["shape"]]["milli"] > project["limit"]:
        return R_LIMIT if _affordable(st, c, job) else R_BUDGET
    e, reason = find_place(st, job)
    return R_ORDER if e >= 0 else reason


@kernel
def _affordable(st, c, job):
    shape = st.shapes[st.classes[c]["shape"]]
    budget = st.projects[st.classes[c]["project"]]["budget"]
    for e in range(shape["entry"], shape["entry"] + shape["entries"]):
        entry = st.entries[e]
        if entry["charge"] * wall(limit_left(st, job), entry["speed"]) <= budget:
            return True
    return False
