"""Making room by stopping attempts of a lower class: which ones lose least."""

from __future__ import annotations

import numpy as np

from dure.kernels.attempts import level_of, stop
from dure.kernels.bookings import keeps_claims
from dure.kernels.codes import E_PREEMPT, ORDER_LEAST_ATTAINED
from dure.kernels.jit import kernel
from dure.kernels.layout import FAR, G_NOW, G_PARTS, P_ORDER, P_WIDTH, WHOLE
from dure.kernels.nodes import lowest_free, tightest_device
from dure.kernels.profile import rebuild, shared_until
from dure.kernels.queues import limit_left, wall


@kernel
def _rank(st, job, running):
    """Preemption class of a job: higher stops lower. Under least_attained, minus the level reached by now."""
    cls = st.classes[st.job_class[job]]
    if st.p[P_ORDER] != ORDER_LEAST_ATTAINED:
        return cls["priority"]
    return -level_of(st, st.attained[job] + running)


@kernel
def _slot_rank(st, slot):
    job = slot["job"]
    milli = st.shapes[st.classes[st.job_class[job]]["shape"]]["milli"]
    done = (st.g[G_NOW] - slot["start"]) * st.entries[slot["entry"]]["speed"] // 1000
    return _rank(st, job, done * milli)


@kernel
def _loss(st, slot):
    """Accelerator-milli-seconds of work that stopping an attempt now would lose."""
    job = slot["job"]
    shape = st.shapes[st.classes[st.job_class[job]]["shape"]]
    done = (st.g[G_NOW] - slot["start"]) * st.entries[slot["entry"]]["speed"] // 1000
    every = st.save_every[job]
    return (done - (done // every * every if every > 0 else 0)) * shape["milli"]


@kernel
def _goes_before(st, a, b):
    """Whether slot `a` is a victim before slot `b`: lower class, later start, higher row."""
    one, other = st.slots[a], st.slots[b]
    rank, other_rank = _slot_rank(st, one), _slot_rank(st, other)
    if rank != other_rank:
        return rank < other_rank
    if one["start"] != other["start"]:
        return one["start"] > other["start"]
    return one["job"] > other["job"]


@kernel
def _victims_on(st, job, v, rank, count, share, cores, memory, length, first):
    """Choose victims on a node until a part fits; they lie in `victims[first:]`. Returns (how many or -1, their loss)."""
    node = st.nodes[v]
    chosen, loss = 0, 0
    if node["up"] == 0:
        return -1, loss
    free, room = _after(st, v, first, chosen)
    cores_free, memory_free = node["cores_free"], node["memory_free"]
    while (
        (share == WHOLE and free < count)
        or (share < WHOLE and room < share)
        or cores_free < cores
        or memory_free < memory
    ):
        best, best_chunk = -1, -1
        c = node["chunk"]
        while c >= 0:
            slot = st.chunks[c]["slot"]
            if _may_stop(st, slot, rank, first, chosen) and (best < 0 or _goes_before(st, slot, best)):
                best, best_chunk = slot, c
            c = st.chunks[c]["next"]
        if best < 0:
            return -1, 0
        st.victims[first + chosen] = best
        chosen += 1
        loss += _loss(st, st.slots[best])
        cores_free += st.chunks[best_chunk]["cores"]
        memory_free += st.chunks[best_chunk]["memory"]
        free, room = _after(st, v, first, chosen)
    if node["booking"] >= 0 and not _keeps_bookings(st, job, v, count, share, cores, memory, length, first, chosen):
        return -1, 0
    return chosen, loss


@kernel
def _keeps_bookings(st, job, v, count, share, cores, memory, length, first, chosen):
    """Whether a part breaks no booking of a node once the victims are gone: for the look they end now."""
    ends = np.empty(chosen, np.int64)
    for i in range(chosen):
        slot = st.slots[st.victims[first + i]]
        ends[i] = slot["limit_end"]
        slot["limit_end"] = -1
    rebuild(st, v)
    free_from = shared_until(st, v, _device_after(st, v, first, chosen, share)) if share < WHOLE else 0
    kept = keeps_claims(st, v, count, cores, memory, job, length, free_from)
    for i in range(chosen):
        st.slots[st.victims[first + i]]["limit_end"] = ends[i]
    rebuild(st, v)
    return kept


@kernel
def _may_stop(st, slot, rank, first, chosen):
    if _slot_rank(st, st.slots[slot]) >= rank:
        return False
    shape = st.shapes[st.classes[st.job_class[st.slots[slot]["job"]]]["shape"]]
    return shape["lease"] == 0 and not _is_victim(st, slot, first, chosen)


@kernel
def _is_victim(st, slot, first, chosen):
    for i in range(first, first + chosen):
        if st.victims[i] == slot:
            return True
    return False


@kernel
def _left_after(st, v, d, first, chosen):
    """What is left of a device once the chosen victims are gone."""
    left = WHOLE
    c = st.nodes[v]["chunk"]
    while c >= 0:
        chunk = st.chunks[c]
        if (chunk["mask"] >> d) & 1 and not _is_victim(st, chunk["slot"], first, chosen):
            left -= chunk["share"]
        c = chunk["next"]
    return left


@kernel
def _after(st, v, first, chosen):
    """Wholly free devices and largest left share of a node once the chosen victims are gone."""
    free, most = 0, 0
    for d in range(st.nodes[v]["devices"]):
        left = _left_after(st, v, d, first, chosen)
        free += left == WHOLE
        most = max(most, left)
    return free, most


@kernel
def _device_after(st, v, first, chosen, share):
    """The device that a share would take: least left that still fits, lowest number."""
    best, best_left = 0, WHOLE + 1
    for d in range(st.nodes[v]["devices"]):
        left = _left_after(st, v, d, first, chosen)
        if share <= left < best_left:
            best, best_left = d, left
    return best


@kernel
def _offer(st, job, s, e, rank, length):
    """The cheapest nodes of one pool for a job: (their victims' loss or FAR, how many victims). Nodes and part sizes lie in
    `tentative`, victims in `victims`, in the order in which they are taken."""
    shape = st.shapes[s]
    entry = st.entries[e]
    pool = st.pools[entry["pool"]]
    parts = entry["whole"] + (1 if entry["rest"] > 0 else 0) if entry["whole"] > 0 else 1
    total, gone = 0, 0
    costs, used = np.zeros(pool["nodes"], np.int64), np.zeros(pool["nodes"], np.int64)
    for part in range(parts):
        count = shape["count"]
        cores, memory = shape["cores"], shape["memory"]
        if entry["whole"] > 0:
            count = pool["devices"] if part < entry["whole"] else entry["rest"]
            cores, memory = shape["cores_each"] * count, shape["memory_each"] * count
        best = -1
        for i in range(pool["nodes"]):
            if used[i] != 0:
                continue
            if part == 0 or part == entry["whole"]:
                v = st.pool_nodes[pool["first"] + i]
                chosen, loss = _victims_on(st, job, v, rank, count, shape["share"], cores, memory, length, gone)
                costs[i] = loss if chosen >= 0 else FAR
            if costs[i] < FAR and (best < 0 or costs[i] < costs[best]):
                best = i
        if best < 0:
            return FAR, 0
        used[best] = 1
        v = st.pool_nodes[pool["first"] + best]
        chosen, loss = _victims_on(st, job, v, rank, count, shape["share"], cores, memory, length, gone)
        st.tentative[part, 0], st.tentative[part, 1] = v, count
        total += loss
        gone = _without_repeats(st, gone, chosen)
    power = st.sites[pool["site"]]["headroom"]
    for i in range(gone):
        power += st.entries[st.slots[st.victims[i]]["entry"]]["power"]
    st.g[G_PARTS] = parts
    return (total, gone) if power >= entry["power"] else (FAR, 0)


@kernel
def _without_repeats(st, gone, chosen):
    """Victims of a further node that were victims already count once."""
    kept = gone
    for i in range(gone, gone + chosen):
        if not _is_victim(st, st.victims[i], 0, gone):
            st.victims[kept] = st.victims[i]
            kept += 1
    return kept


@kernel
def make_room(st, job):
    """Stop attempts of a lower class so that a waiting job may start: its eligible entry, or -1. Parts in `tentative`."""
    c = st.job_class[job]
    s = st.classes[c]["shape"]
    shape = st.shapes[s]
    budget = st.projects[st.classes[c]["project"]]["budget"]
    rank = _rank(st, job, 0)
    best, best_loss, best_node = -1, FAR, -1
    for e in range(shape["entry"], shape["entry"] + shape["entries"]):
        length = wall(limit_left(st, job), st.entries[e]["speed"])
        if st.entries[e]["charge"] * length > budget:
            continue
        loss, _ = _offer(st, job, s, e, rank, length)
        if loss < best_loss or (loss == best_loss and loss < FAR and st.tentative[0, 0] < best_node):
            best, best_loss, best_node = e, loss, st.tentative[0, 0]
    if best < 0:
        return -1
    _, gone = _offer(st, job, s, best, rank, wall(limit_left(st, job), st.entries[best]["speed"]))
    for i in range(gone):
        stop(st, st.victims[i], E_PREEMPT)
    for part in range(st.g[G_PARTS]):
        st.tentative[part, 1] = _mask_on(st, st.tentative[part, 0], st.tentative[part, 1], shape["share"])
    return best


@kernel
def _mask_on(st, v, count, share):
    if count == 0:
        return 0
    if share < WHOLE:
        return 1 << tightest_device(st.nodes, st.left, st.p[P_WIDTH], v, share)
    return lowest_free(st.nodes[v], count)
