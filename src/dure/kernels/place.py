"""Where a job could go now: the cheapest node that fits, group after group of its eligible pools.

The result lies in `State.tentative`: a row (node, device mask) for each part, the whole-node parts first.
"""

from __future__ import annotations

import numpy as np

from dure.kernels.bits import following, lowest_device
from dure.kernels.bookings import keeps_claims
from dure.kernels.codes import (
    PLACE_BEST_FIT,
    PLACE_CUSTOM,
    PLACE_FIRST_FIT,
    PLACE_RANDOM,
    PLACE_SPREAD,
    R_BUDGET,
    R_DOWN,
    R_NONE,
    R_POWER,
    R_RESERVED,
    R_ROOM,
)
from dure.kernels.jit import kernel
from dure.kernels.layout import FAR, G_DOWN, G_PARTS, G_SCORE, P_PLACEMENT, P_SCORED, P_SEED, P_WIDTH, WHOLE
from dure.kernels.nodes import lowest_free, tightest_device
from dure.kernels.profile import shared_until
from dure.kernels.queues import limit_left, wall
from dure.kernels.reference import call_score
from dure.kernels.scores import choose_device, score

NO_COST = 1e300
SEVERAL = -2  # in place of a node: a gang on several


@kernel
def _mask_for(st, s, v, count, share):
    """The devices a part would take on a node that fits."""
    if count == 0:
        return 0
    if share < WHOLE:
        if st.p[P_PLACEMENT] == PLACE_RANDOM:
            return 1 << _random_device(st, v, share)
        if st.p[P_SCORED] != 0:
            return 1 << choose_device(st.p[P_PLACEMENT], st.nodes, st.left, st.p[P_WIDTH], v, st.shapes[s], st)
        return 1 << tightest_device(st.nodes, st.left, st.p[P_WIDTH], v, share)
    return lowest_free(st.nodes[v], count)


@kernel
def _fits(st, v, share, cores, memory):
    node = st.nodes[v]
    return (
        node["cores_free"] >= cores and node["memory_free"] >= memory and (share == WHOLE or node["max_left"] >= share)
    )


@kernel
def _unbroken(st, s, v, count, share, cores, memory, owner, length):
    """Whether a part that fits now would break no booking of the node."""
    if st.nodes[v]["booking"] < 0:
        return True
    free_from = 0
    if share < WHOLE:
        free_from = shared_until(st, v, lowest_device(_mask_for(st, s, v, count, share)))
    return keeps_claims(st, v, count, cores, memory, owner, length, free_from)


@kernel
def _taken(st, v):
    """Whether an earlier part of the same place uses the node."""
    for i in range(st.g[G_PARTS]):
        if st.tentative[i, 0] == v:
            return True
    return False


@kernel
def _first_in_level(st, s, pool, level, count, share, cores, memory, owner, length, before):
    """Lowest node of a level that holds a part, and whether only a booking stood in the way: (node or -1, refused)."""
    offset = pool["words"] + level * pool["stride"]
    if st.node_bits[offset + pool["stride"] - 1] == 0:  # the top word: no node has this level
        return -1, False
    refused = False
    place = following(st.node_bits, offset, pool["nodes"], 0)
    while place >= 0:
        v = st.pool_nodes[pool["first"] + place]
        if v >= before:
            break
        if _fits(st, v, share, cores, memory) and not _taken(st, v):
            if _unbroken(st, s, v, count, share, cores, memory, owner, length):
                return v, refused
            refused = True
        place = following(st.node_bits, offset, pool["nodes"], place + 1)
    return -1, refused


@kernel
def _by_level(st, s, pool_index, placement, count, share, cores, memory, owner, length):
    """First fit, best fit or spread over a pool by its bitmaps: (cost, node or -1, refused)."""
    pool = st.pools[pool_index]
    top = pool["devices"]
    low = count if (count > 0 and share == WHOLE) else 0
    best, best_cost, refused = -1, 0, False
    for i in range(low, top + 1):
        level = top + low - i if placement == PLACE_SPREAD else i
        before = best if best >= 0 else FAR
        v, no = _first_in_level(st, s, pool, level, count, share, cores, memory, owner, length, before)
        refused = refused or no
        if level == 0 and count == 0:  # nodes with nothing left at all cost the same as those with a share left
            other, no = _first_in_level(
                st, s, pool, top + 1, count, share, cores, memory, owner, length, v if v >= 0 else before
            )
            refused = refused or no
            v = other if other >= 0 else v
        if v >= 0:
            best, best_cost = v, level
            if placement != PLACE_FIRST_FIT:
                break
    cost = 0.0
    if placement == PLACE_BEST_FIT:
        cost = float(best_cost)
    elif placement == PLACE_SPREAD:
        cost = -float(best_cost)
    return cost, best, refused


@kernel
def hashed(seed, job, attempt, v):
    """A number in [0, 1) from a seed, a job, its attempt and a node (splitmix64's mixing steps on 62 bits)."""
    x = (seed * 0x9E3779B1 + job * 0x85EBCA77 + attempt * 0x27D4EB2F + v * 0x165667B1) & 0x3FFFFFFF_FFFFFFFF
    for _ in range(3):
        x ^= x >> 29
        x = ((x & 0x7FFFFFFF) * 0x2545F491 + (x >> 31)) & 0x3FFFFFFF_FFFFFFFF
    return (x & 0xFFFFFFFF) / 4294967296.0


@kernel
def _random_device(st, v, share):
    """One of the devices with room for a share: the one of least hash of seed, node and its version."""
    best, least = -1, 2.0
    for d in range(st.nodes[v]["devices"]):
        if st.left[v * st.p[P_WIDTH] + d] >= share:
            value = hashed(st.p[P_SEED], st.nodes[v]["version"], d, v)
            if value < least:
                best, least = d, value
    return best


@kernel
def _cost(st, s, v, placement, job):
    if placement == PLACE_RANDOM:
        return hashed(st.p[P_SEED], job, st.attempt[job] if len(st.attempt) > 0 else 0, v)
    if st.cache_version[s, v] == st.nodes[v]["version"]:
        return st.cache[s, v]
    if placement == PLACE_CUSTOM:
        node = st.nodes[v]
        shape = st.shapes[s]
        given = (
            np.int64(node["devices"]),
            np.int64(node["free"]),
            node["cores_free"],
            node["memory_free"],
            np.int64(shape["count"]),
            np.int64(shape["share"]),
            shape["cores"],
            shape["memory"],
            np.int64(v),
        )
        cost = call_score(st.g[G_SCORE], given)
    else:
        cost = score(placement, st.nodes, st.left, st.p[P_WIDTH], v, st.shapes[s], st)
    st.cache[s, v] = cost
    st.cache_version[s, v] = st.nodes[v]["version"]
    return cost


@kernel
def _by_score(st, s, pool_index, placement, job, count, share, cores, memory, length):
    """The node of a pool with the lowest cost: (cost, node or -1, refused)."""
    pool = st.pools[pool_index]
    best, best_cost, refused = -1, NO_COST, False
    whole = count if share == WHOLE else 0
    for i in range(pool["first"], pool["first"] + pool["nodes"]):
        v = st.pool_nodes[i]
        node = st.nodes[v]
        if node["up"] == 0 or node["free"] < whole or not _fits(st, v, share, cores, memory):
            continue
        cost = _cost(st, s, v, placement, job)
        if cost < best_cost:
            if _unbroken(st, s, v, count, share, cores, memory, job, length):
                best, best_cost = v, cost
            else:
                refused = True
    return best_cost, best, refused


@kernel
def _gang(st, s, e, owner, length):
    """A gang on one pool: whole nodes by number, then the rest by cost (by best fit under the scored placements): (placed, refused)."""
    shape = st.shapes[s]
    entry = st.entries[e]
    pool = st.pools[entry["pool"]]
    devices = pool["devices"]
    cores, memory = shape["cores_each"] * devices, shape["memory_each"] * devices
    refused = False
    place = 0
    offset = pool["words"] + devices * pool["stride"]
    while st.g[G_PARTS] < entry["whole"]:
        place = following(st.node_bits, offset, pool["nodes"], place)
        if place < 0:
            return False, refused
        v = st.pool_nodes[pool["first"] + place]
        place += 1
        if shape["lease"] != 0:
            cores, memory = st.nodes[v]["cores"], st.nodes[v]["memory"]
        if _fits(st, v, WHOLE, cores, memory):
            if _unbroken(st, s, v, devices, WHOLE, cores, memory, owner, length):
                _keep(st, v, st.nodes[v]["free_mask"])
            else:
                refused = True
    rest = entry["rest"]
    if rest > 0:
        cores, memory = shape["cores_each"] * rest, shape["memory_each"] * rest
        placement = st.p[P_PLACEMENT] if st.p[P_PLACEMENT] <= PLACE_SPREAD else PLACE_BEST_FIT
        _, v, no = _by_level(st, s, entry["pool"], placement, rest, WHOLE, cores, memory, owner, length)
        if v < 0:
            return False, refused or no
        _keep(st, v, lowest_free(st.nodes[v], rest))
    return True, refused


@kernel
def _keep(st, v, mask):
    i = st.g[G_PARTS]
    st.tentative[i, 0] = v
    st.tentative[i, 1] = mask
    st.g[G_PARTS] = i + 1


@kernel
def _pool_place(st, s, e, job, length):
    """The best place for a job on one eligible pool: (cost, node or -1, SEVERAL for a gang kept in `tentative`; refused)."""
    shape = st.shapes[s]
    entry = st.entries[e]
    if entry["whole"] > 0:
        placed, refused = _gang(st, s, e, job, length)
        return 0.0, SEVERAL if placed else -1, refused
    count, share, cores, memory = shape["count"], shape["share"], shape["cores"], shape["memory"]
    placement = st.p[P_PLACEMENT]
    if placement <= PLACE_SPREAD:
        return _by_level(st, s, entry["pool"], placement, count, share, cores, memory, job, length)
    return _by_score(st, s, entry["pool"], placement, job, count, share, cores, memory, length)


@kernel
def find_place(st, job):
    """The place a waiting job would take now: (eligible entry or -1, the refusal if none). Parts in `tentative`.

    In a group of pools those where the job is one part compete node by node; then those where it takes several are tried by number.
    """
    c = st.job_class[job]
    s = st.classes[c]["shape"]
    shape = st.shapes[s]
    left = limit_left(st, job)
    budget = st.projects[st.classes[c]["project"]]["budget"]
    refused, powerless, affordable = False, False, False
    alone = False  # where a part alone is refused, there was room but for a booking
    first, last = shape["entry"], shape["entry"] + shape["entries"]
    while first < last:
        group = st.entries[first]["group"]
        best, best_node, best_cost, gang = -1, -1, NO_COST, -1
        e = first
        while e < last and st.entries[e]["group"] == group:
            entry = st.entries[e]
            length = wall(left, entry["speed"])
            e += 1
            if entry["charge"] * length > budget:
                continue
            affordable = True
            if entry["whole"] > 0 and gang >= 0:
                continue
            st.g[G_PARTS] = 0
            cost, v, no = _pool_place(st, s, e - 1, job, length)
            refused = refused or no
            alone = alone or (no and entry["whole"] == 0)
            if v == -1:
                continue
            site = st.sites[st.pools[entry["pool"]]["site"]]
            if site["headroom"] < entry["power"]:
                powerless = True
                site["waits"] = 1
            elif v == SEVERAL:
                gang = e - 1
            elif cost < best_cost or (cost == best_cost and v < best_node):
                best, best_node, best_cost = e - 1, v, cost
        st.g[G_PARTS] = 0
        if best >= 0:
            _keep(st, best_node, _mask_for(st, s, best_node, shape["count"], shape["share"]))
            return best, R_NONE
        if gang >= 0:
            _gang(st, s, gang, job, wall(left, st.entries[gang]["speed"]))
            return gang, R_NONE
        first = e
    if not affordable:
        return -1, R_BUDGET
    if powerless:
        return -1, R_POWER
    if refused and (alone or _some_room(st, s, left, budget, False)):
        return -1, R_RESERVED
    return -1, R_DOWN if st.g[G_DOWN] > 0 and _some_room(st, s, left, budget, True) else R_ROOM


@kernel
def _some_room(st, s, left, budget, with_down):
    """Whether some pool that the job can pay for has the room, bookings aside; `with_down`: if all its nodes were up."""
    shape = st.shapes[s]
    for e in range(shape["entry"], shape["entry"] + shape["entries"]):
        entry = st.entries[e]
        if entry["charge"] * wall(left, entry["speed"]) <= budget and _room(st, s, e, with_down):
            return True
    return False


@kernel
def _room(st, s, e, with_down):
    shape = st.shapes[s]
    entry = st.entries[e]
    pool = st.pools[entry["pool"]]
    whole, rest = 0, 0
    part = shape["count"] if entry["whole"] == 0 else entry["rest"]
    cores = shape["cores"] if entry["whole"] == 0 else shape["cores_each"] * part
    memory = shape["memory"] if entry["whole"] == 0 else shape["memory_each"] * part
    for i in range(pool["first"], pool["first"] + pool["nodes"]):
        v = st.pool_nodes[i]
        node = st.nodes[v]
        if node["up"] == 0 and not with_down:
            continue
        if entry["whole"] > 0 and node["free"] == pool["devices"]:
            cores_whole, memory_whole = shape["cores_each"] * pool["devices"], shape["memory_each"] * pool["devices"]
            if shape["lease"] != 0:
                cores_whole, memory_whole = node["cores"], node["memory"]
            if _fits(st, v, WHOLE, cores_whole, memory_whole):
                whole += 1
                continue
        if (shape["share"] < WHOLE or node["free"] >= part) and _fits(st, v, shape["share"], cores, memory):
            rest += 1
    if entry["whole"] == 0:
        return rest > 0
    return whole >= entry["whole"] and (entry["rest"] == 0 or rest > 0 or whole > entry["whole"])
