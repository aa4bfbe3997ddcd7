"""What is free on a node, and the index of nodes by how much is free.

Nodes of one pool with as many wholly free devices stand in one bitmap, so "the first node with at least n free" costs a word or
two. Level 0 holds nodes with part of a device left, level `devices + 1` those with nothing left; down nodes are in none.
"""

from __future__ import annotations

from dure.kernels.bits import count_devices, insert, lowest_device, remove
from dure.kernels.codes import PLACE_CLUSTERING
from dure.kernels.jit import kernel
from dure.kernels.layout import (
    G_CHUNK_FREE,
    G_DIRTY,
    G_NOW,
    P_BOOKINGS,
    P_LEFT,
    P_PLACEMENT,
    P_WIDTH,
    WHOLE,
)
from dure.kernels.profile import claim, forget_head_time, rebuild


@kernel
def index_node(nodes, pools, bits, v):
    """Put a node into the bitmap of its level, after a change."""
    node = nodes[v]
    level = -1
    if node["up"] != 0:
        level = node["free"] if node["free"] > 0 else (0 if node["partial"] > 0 else node["devices"] + 1)
    old = node["level"]
    if level == old:
        return
    pool = pools[node["pool"]]
    if old >= 0:
        remove(bits, pool["words"] + old * pool["stride"], pool["nodes"], node["place"])
    if level >= 0:
        insert(bits, pool["words"] + level * pool["stride"], pool["nodes"], node["place"])
    node["level"] = level


@kernel
def lowest_free(node, count):
    """Mask of the `count` lowest-numbered free devices (there must be as many)."""
    free = node["free_mask"]
    if count == node["free"]:
        return free
    mask = 0
    for _ in range(count):
        bit = free & -free
        mask |= bit
        free ^= bit
    return mask


@kernel
def tightest_device(nodes, left, width, v, share):
    """The device with least left that still fits the share, lowest number first; -1: none."""
    best, best_left = -1, WHOLE + 1
    for d in range(nodes[v]["devices"]):
        here = left[v * width + d]
        if share <= here < best_left:
            best, best_left = d, here
    return best


@kernel
def _recount_partial(st, v):
    node = st.nodes[v]
    width = st.p[P_WIDTH]
    partial = 0
    for d in range(node["devices"]):
        here = st.left[v * width + d]
        if here < WHOLE:
            partial = max(partial, here)
    node["partial"] = partial


@kernel
def _recount_classes(st, v):
    classes = 0
    c = st.nodes[v]["chunk"]
    while c >= 0:
        if st.chunks[c]["share"] < WHOLE:
            classes |= 1
        elif st.chunks[c]["mask"] != 0:
            classes |= 1 << count_devices(st.chunks[c]["mask"])
        c = st.chunks[c]["next"]
    st.nodes[v]["classes"] = classes


@kernel
def _change_devices(st, v, mask, share, sign):
    """Take (sign -1) or give back (sign +1) devices or a share of one."""
    node = st.nodes[v]
    width = st.p[P_WIDTH]
    if share < WHOLE:
        d = lowest_device(mask)
        before = st.left[v * width + d]
        after = before + sign * share
        st.left[v * width + d] = after
        if before == WHOLE or after == WHOLE:
            node["free_mask"] ^= mask
            node["free"] += sign
        node["total_left"] += sign * share
        _recount_partial(st, v)
    elif mask != 0:
        count = count_devices(mask)
        node["free_mask"] ^= mask
        node["free"] += sign * count
        node["total_left"] += sign * count * WHOLE
        if st.p[P_LEFT] != 0:
            value = WHOLE if sign > 0 else 0
            while mask != 0:
                st.left[v * width + lowest_device(mask)] = value
                mask &= mask - 1
    node["max_left"] = WHOLE if node["free"] > 0 else node["partial"]


@kernel
def take(st, slot, v, mask, share, cores, memory):
    """Let a slot hold part of a node; the new chunk becomes the slot's first."""
    node = st.nodes[v]
    c = st.g[G_CHUNK_FREE]
    chunk = st.chunks[c]
    st.g[G_CHUNK_FREE] = chunk["next"]
    chunk["mask"] = mask
    chunk["cores"] = cores
    chunk["memory"] = memory
    chunk["share"] = share
    chunk["slot"] = slot
    chunk["node"] = v
    chunk["next_part"] = st.slots[slot]["chunk"]
    st.slots[slot]["chunk"] = c
    first = node["chunk"]
    chunk["prev"] = -1
    chunk["next"] = first
    if first >= 0:
        st.chunks[first]["prev"] = c
    node["chunk"] = c
    node["cores_free"] -= cores
    node["memory_free"] -= memory
    node["version"] += 1
    _change_devices(st, v, mask, share, -1)
    if st.p[P_BOOKINGS] != 0:
        _claim_chunk(st, chunk, 1)
    if st.p[P_PLACEMENT] == PLACE_CLUSTERING:
        _recount_classes(st, v)
    index_node(st.nodes, st.pools, st.node_bits, v)


@kernel
def release(st, c):
    """Give a chunk's part of its node back; returns the slot's next chunk."""
    chunk = st.chunks[c]
    v = chunk["node"]
    node = st.nodes[v]
    if chunk["prev"] >= 0:
        st.chunks[chunk["prev"]]["next"] = chunk["next"]
    else:
        node["chunk"] = chunk["next"]
    if chunk["next"] >= 0:
        st.chunks[chunk["next"]]["prev"] = chunk["prev"]
    node["cores_free"] += chunk["cores"]
    node["memory_free"] += chunk["memory"]
    node["version"] += 1
    _change_devices(st, v, chunk["mask"], chunk["share"], 1)
    if st.p[P_BOOKINGS] != 0:
        _claim_chunk(st, chunk, -1)
    if st.p[P_PLACEMENT] == PLACE_CLUSTERING:
        _recount_classes(st, v)
    index_node(st.nodes, st.pools, st.node_bits, v)
    mark_dirty(st, v)
    following = chunk["next_part"]
    chunk["next"] = st.g[G_CHUNK_FREE]
    st.g[G_CHUNK_FREE] = c
    return following


@kernel
def _claim_chunk(st, chunk, sign):
    """Bring the node's claims over time up to date with a chunk taken or released."""
    if chunk["share"] < WHOLE:
        rebuild(st, chunk["node"])
        return
    end, devices = st.slots[chunk["slot"]]["limit_end"], count_devices(chunk["mask"])
    claim(st, chunk["node"], st.g[G_NOW], end, devices, chunk["cores"], chunk["memory"], 0, sign)


@kernel
def mark_dirty(st, v):
    """Note that a node has more room than at the last pass."""
    if st.is_dirty[v] == 0:
        st.is_dirty[v] = 1
        st.dirty[st.g[G_DIRTY]] = v
        st.g[G_DIRTY] += 1


@kernel
def set_up(st, v):
    """Bring a node's `up`, its pool's count of down nodes and its bitmap in line with what holds it down."""
    node = st.nodes[v]
    forget_head_time(st, v)
    up = 1 if node["failed"] == 0 and node["planned"] == 0 else 0
    if up == node["up"]:
        return
    node["up"] = up
    node["version"] += 1
    st.pools[node["pool"]]["down"] += 1 - 2 * up
    index_node(st.nodes, st.pools, st.node_bits, v)
    if up != 0:
        mark_dirty(st, v)
