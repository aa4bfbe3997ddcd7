"""When and where a job can run at the earliest, and the booking that promises it."""

from __future__ import annotations

import numpy as np

from dure.kernels import heaps
from dure.kernels.bookings import book, earliest_on
from dure.kernels.codes import BACKFILL_CONSERVATIVE
from dure.kernels.jit import kernel
from dure.kernels.layout import FAR, G_DIRTY, G_HEAD, G_NOW, G_PARTS, G_WAKES, P_BACKFILL
from dure.kernels.queues import limit_left, wall


@kernel
def _part(st, s, v, count):
    """Cores and memory of a part of `count` accelerators on node `v`."""
    shape = st.shapes[s]
    if shape["lease"] != 0:
        return st.nodes[v]["cores"], st.nodes[v]["memory"]
    return shape["cores_each"] * count, shape["memory_each"] * count


@kernel
def _first_part_from(st, v, devices, cores, memory, job, start, length, worst):
    """`earliest_on` for a job's whole-node part, or its only one: remembered by node for the head under EASY."""
    if len(st.head_from) == 0 or job != st.g[G_HEAD]:
        return earliest_on(st, v, devices, cores, memory, job, start, length, worst)
    at = st.head_from[v]
    if at < start:
        at = earliest_on(st, v, devices, cores, memory, job, start, length, FAR)
        st.head_from[v] = at
    return at if at < worst else FAR


@kernel
def _earliest_single(st, s, e, job, start, worst):
    """Earliest (time, node) for a job of one part on one pool, before `worst`; (FAR, -1) if none."""
    shape = st.shapes[s]
    entry = st.entries[e]
    pool = st.pools[entry["pool"]]
    length = wall(limit_left(st, job), entry["speed"])
    best, node = worst, -1
    for i in range(pool["first"], pool["first"] + pool["nodes"]):
        v = st.pool_nodes[i]
        at = _first_part_from(st, v, shape["count"], shape["cores"], shape["memory"], job, start, length, best)
        if at < best:
            best, node = at, v
            if best == start:
                break
    return (best, node) if node >= 0 else (FAR, -1)


@kernel
def _earliest_gang(st, s, e, job, start, worst):
    """Earliest time at which a pool has the nodes for a gang; the nodes lie in `tentative` (with part sizes). FAR if none."""
    entry = st.entries[e]
    pool = st.pools[entry["pool"]]
    length = wall(limit_left(st, job), entry["speed"])
    at = _whole_nodes_from(st, s, e, job, start, length, worst)
    while at < worst:
        whole, rest, rest_node = 0, False, -1
        for i in range(pool["first"], pool["first"] + pool["nodes"]):
            v = st.pool_nodes[i]
            if whole < entry["whole"]:
                cores, memory = _part(st, s, v, pool["devices"])
                known_later = len(st.head_from) > 0 and job == st.g[G_HEAD] and st.head_from[v] > at
                if (
                    not known_later
                    and earliest_on(st, v, pool["devices"], cores, memory, job, at, length, at + 1) == at
                ):
                    st.tentative[whole, 0] = v
                    st.tentative[whole, 1] = pool["devices"]
                    whole += 1
                    continue
            if entry["rest"] > 0 and not rest:
                cores, memory = _part(st, s, v, entry["rest"])
                if earliest_on(st, v, entry["rest"], cores, memory, job, at, length, at + 1) == at:
                    rest, rest_node = True, v
            elif whole == entry["whole"]:
                break
        if entry["rest"] > 0 and not rest and whole == entry["whole"]:
            rest, rest_node = _swap_for_rest(st, s, e, job, at, length, whole)
        if whole == entry["whole"] and (entry["rest"] == 0 or rest):
            st.g[G_PARTS] = whole
            if rest:
                st.tentative[whole, 0] = rest_node
                st.tentative[whole, 1] = entry["rest"]
                st.g[G_PARTS] = whole + 1
            return at
        at = _next_try(st, s, e, job, at, length)
    return FAR


@kernel
def _next_try(st, s, e, job, at, length):
    """The next time at which some node that cannot hold a part of a gang at `at` can."""
    entry = st.entries[e]
    pool = st.pools[entry["pool"]]
    following = FAR
    for i in range(pool["first"], pool["first"] + pool["nodes"]):
        v = st.pool_nodes[i]
        cores, memory = _part(st, s, v, pool["devices"])
        when = earliest_on(st, v, pool["devices"], cores, memory, job, at, length, following)
        if when > at:
            following = min(following, when)
        cores, memory = _part(st, s, v, entry["rest"])
        when = earliest_on(st, v, entry["rest"], cores, memory, job, at, length, following) if entry["rest"] > 0 else at
        if when > at:
            following = min(following, when)
    return following


@kernel
def _whole_nodes_from(st, s, e, job, start, length, worst):
    """A time before which the whole-node parts of a gang cannot all be had: when the nodes are first free, the last of the
    earliest so many; FAR if not before `worst`."""
    entry = st.entries[e]
    pool = st.pools[entry["pool"]]
    if entry["whole"] > pool["nodes"]:
        return FAR
    times = np.full(entry["whole"], FAR, np.int64)  # in order
    for i in range(pool["nodes"]):
        v = st.pool_nodes[pool["first"] + i]
        cores, memory = _part(st, s, v, pool["devices"])
        at = _first_part_from(st, v, pool["devices"], cores, memory, job, start, length, min(times[-1], worst))
        if at < times[-1]:
            k = len(times) - 1
            while k > 0 and times[k - 1] > at:
                times[k] = times[k - 1]
                k -= 1
            times[k] = at
            if times[-1] == start:
                break
    return times[-1]


@kernel
def _swap_for_rest(st, s, e, job, at, length, whole):
    """The remainder may need a node that was not looked at: any node beyond the whole ones that has room at `at`."""
    entry = st.entries[e]
    pool = st.pools[entry["pool"]]
    cores, memory = _part(st, s, 0, entry["rest"])
    for i in range(pool["first"], pool["first"] + pool["nodes"]):
        v = st.pool_nodes[i]
        taken = False
        for k in range(whole):
            taken = taken or st.tentative[k, 0] == v
        if not taken and earliest_on(st, v, entry["rest"], cores, memory, job, at, length, at + 1) == at:
            return True, v
    return False, -1


@kernel
def book_earliest(st, job, start):
    """Book a job at the earliest time from `start` on; pools in order of choice, then node number, on equal times."""
    s = st.classes[st.job_class[job]]["shape"]
    shape = st.shapes[s]
    start = max(start, st.earliest[job])
    best, best_entry, best_node, last_gang = FAR, -1, -1, -1
    budget = st.projects[st.classes[st.job_class[job]]["project"]]["budget"]
    for e in range(shape["entry"], shape["entry"] + shape["entries"]):
        if st.entries[e]["charge"] * wall(limit_left(st, job), st.entries[e]["speed"]) > budget:
            continue
        if st.entries[e]["whole"] > 0:
            at = _earliest_gang(st, s, e, job, start, best)
            last_gang = e
            v = -1
        else:
            at, v = _earliest_single(st, s, e, job, start, best)
        if at < best:
            best, best_entry, best_node = at, e, v
            if at == start:
                break
    if best_entry < 0:
        return
    entry = st.entries[best_entry]
    end = best + wall(limit_left(st, job), entry["speed"])
    if best_node >= 0:
        devices = shape["count"]
        st.booked[job] = book(st, job, best_node, best, end, devices, shape["cores"], shape["memory"], -1)
    else:
        if last_gang != best_entry:
            _earliest_gang(st, s, best_entry, job, best, FAR)  # the nodes again: a later pool has written over them
        _book_parts(st, s, job, best, end)
    if best > st.g[G_NOW] and (st.p[P_BACKFILL] == BACKFILL_CONSERVATIVE or shape["lease"] != 0):
        st.g[G_WAKES] = heaps.push(st.wakes, st.nowhere, st.g[G_WAKES], float(best), job, job)


@kernel
def _book_parts(st, s, job, start, end):
    part = -1
    for i in range(st.g[G_PARTS] - 1, -1, -1):
        v, count = st.tentative[i, 0], st.tentative[i, 1]
        cores, memory = _part(st, s, v, count)
        part = book(st, job, v, start, end, count, cores, memory, part)
    st.booked[job] = part


@kernel
def may_gain(st, job):
    """Whether a node that changed since the last pass could let a booked job run earlier, or on a lower node then."""
    s = st.classes[st.job_class[job]]["shape"]
    shape = st.shapes[s]
    at = st.bookings[st.booked[job]]["start"]
    left = limit_left(st, job)
    for k in range(st.g[G_DIRTY]):
        v = st.dirty[k]
        for e in range(shape["entry"], shape["entry"] + shape["entries"]):
            entry = st.entries[e]
            if entry["pool"] != st.nodes[v]["pool"]:
                continue
            length = wall(left, entry["speed"])
            if entry["whole"] == 0:
                cores, memory = shape["cores"], shape["memory"]
                if _first_part_gains(st, job, v, shape["count"], cores, memory, length, at):
                    return True
                continue
            devices = st.nodes[v]["devices"]
            cores, memory = _part(st, s, v, devices)
            if _first_part_gains(st, job, v, devices, cores, memory, length, at):
                return True
            cores, memory = _part(st, s, v, entry["rest"])
            if entry["rest"] > 0:
                when = earliest_on(st, v, entry["rest"], cores, memory, job, st.g[G_NOW], length, at + 1)
                if _gains(st, job, v, when, at):
                    return True
    return False


@kernel
def _first_part_gains(st, job, v, devices, cores, memory, length, at):
    """`_gains` for a job's whole-node part, or its only one: not if it could have had the node as early when it was booked."""
    before = st.head_from[v]
    if before >= 0:
        return False
    when = earliest_on(st, v, devices, cores, memory, job, st.g[G_NOW], length, FAR)
    st.head_from[v] = when
    if before < -1 and when >= -2 - before:
        return False
    return _gains(st, job, v, when, at)


@kernel
def _gains(st, job, v, when, at):
    """Whether a part on node `v` from `when` on beats a booking for `at`: earlier, or then and on a lower node."""
    if when != at:
        return when < at
    higher = False
    b = st.booked[job]
    while b >= 0:
        if st.bookings[b]["node"] == v:
            return False
        higher = higher or st.bookings[b]["node"] > v
        b = st.bookings[b]["next_part"]
    return higher
