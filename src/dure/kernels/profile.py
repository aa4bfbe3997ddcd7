"""What is claimed of a node over time: one step function a node, from now on.

A *segment* says how many accelerators, cores and how much memory are claimed from its start to the next one's: by attempts, until
their limit end, and by bookings. A segment begins wherever some claim begins or ends, and nowhere else, so whoever asks may take his
own booking off. A device that runs shares counts as one claimed accelerator until the last of their limit ends.
Kept only where bookings may exist. Moments that lie behind are forgotten at the next change.
"""

from __future__ import annotations

from dure.kernels.bits import bit_length, count_devices, lowest_device
from dure.kernels.jit import kernel
from dure.kernels.layout import FAR, G_NOW, G_SEGMENT_FREE, LENGTHS, SIZES, WHOLE


@kernel
def _forget(st, v):
    """Drop the segments that lie behind; returns the one that holds now."""
    now = st.g[G_NOW]
    s = st.nodes[v]["profile"]
    following = st.segments[s]["next"]
    while following >= 0 and st.segments[following]["start"] <= now:
        st.segments[s]["next"] = st.g[G_SEGMENT_FREE]
        st.g[G_SEGMENT_FREE] = s
        s = following
        following = st.segments[s]["next"]
    st.segments[s]["prev"] = -1
    st.nodes[v]["profile"] = s
    return s


@kernel
def _edge(st, s, at):
    """The segment that begins at `at`, looked for from segment `s` on, which begins no later; made if there is none."""
    following = st.segments[s]["next"]
    while following >= 0 and st.segments[following]["start"] <= at:
        s = following
        following = st.segments[s]["next"]
    before = st.segments[s]
    if before["start"] == at:
        return s
    new = st.g[G_SEGMENT_FREE]
    segment = st.segments[new]
    st.g[G_SEGMENT_FREE] = segment["next"]
    segment["start"] = at
    segment["devices"] = before["devices"]
    segment["cores"] = before["cores"]
    segment["memory"] = before["memory"]
    segment["whole"] = before["whole"]
    segment["uses"] = 0
    segment["prev"] = s
    segment["next"] = following
    before["next"] = new
    if following >= 0:
        st.segments[following]["prev"] = new
    return new


@kernel
def _unuse(st, s):
    """One claim less begins or ends where segment `s` begins."""
    segment = st.segments[s]
    segment["uses"] -= 1
    if segment["uses"] > 0:
        return
    st.segments[segment["prev"]]["next"] = segment["next"]
    if segment["next"] >= 0:
        st.segments[segment["next"]]["prev"] = segment["prev"]
    segment["next"] = st.g[G_SEGMENT_FREE]
    st.g[G_SEGMENT_FREE] = s


@kernel
def claim(st, v, start, end, devices, cores, memory, whole, sign):
    """Add (sign 1) or take away (-1) a claim on `[start, end)`; what of it lies behind is left out."""
    now = st.g[G_NOW]
    if end <= start or end <= now:
        return
    if sign < 0:
        _more_room(st, v, max(start, now))
    forget_head_time(st, v)
    first = _forget(st, v)
    if start > now:
        first = _edge(st, first, start)
        st.segments[first]["uses"] += sign > 0
    last = -1
    if end < FAR:
        last = _edge(st, first, end)
        st.segments[last]["uses"] += sign > 0
    s = first
    while s != last:
        segment = st.segments[s]
        segment["devices"] += sign * devices
        segment["cores"] += sign * cores
        segment["memory"] += sign * memory
        segment["whole"] += sign * whole
        s = segment["next"]
    if sign < 0 and last >= 0:
        _unuse(st, last)
    if sign < 0 and start > now:
        _unuse(st, first)


@kernel
def _more_room(st, v, at):
    """There is more room on a node from `at` on: what fits may begin as long before as it lasts."""
    sizes = _size(st.nodes[v]["devices"]) + 1
    for size in range(sizes):
        first = (v * SIZES + size) * LENGTHS
        for length in range(LENGTHS):
            st.not_before[first + length] = min(st.not_before[first + length], at - (1 << length) + 1)


@kernel
def _size(devices):
    """0 for none, else one more than the power of two below."""
    return min(bit_length(devices), SIZES - 1)


@kernel
def no_room_before(st, v, devices, length, worst):
    """A time before which a node has no room for so many devices for so long; not looked closer if it is `worst` or later.

    Kept by node for sizes and lengths rounded down to powers of two: room only shrinks, except where `_more_room` says.
    """
    size, power = _size(devices), min(bit_length(max(length, 1)) - 1, LENGTHS - 1)
    i = (v * SIZES + size) * LENGTHS + power
    known = max(st.not_before[i], st.g[G_NOW])
    if known < worst:
        at_least = (1 << size) >> 1
        known = earliest_in(st, v, at_least, 0, 0, -1, known, 1 << power, FAR, 0)
        st.not_before[i] = known
    return known


@kernel
def forget_head_time(st, v):
    """What a node holds has changed: when the head could have its part of it must be found anew (-2 less the old time)."""
    if len(st.head_from) > 0 and st.head_from[v] >= 0:
        st.head_from[v] = -2 - st.head_from[v]


@kernel
def shared_until(st, v, d):
    """The last limit end of the shares that run on a device; 0: none runs."""
    last = 0
    c = st.nodes[v]["chunk"]
    while c >= 0:
        if (st.chunks[c]["mask"] >> d) & 1:
            last = max(last, st.slots[st.chunks[c]["slot"]]["limit_end"])
        c = st.chunks[c]["next"]
    return last


@kernel
def rebuild(st, v):
    """Work a node's profile out anew from what runs there and is booked."""
    s = _forget(st, v)
    _more_room(st, v, st.g[G_NOW])
    following = st.segments[s]["next"]
    while following >= 0:
        after = st.segments[following]["next"]
        st.segments[following]["next"] = st.g[G_SEGMENT_FREE]
        st.g[G_SEGMENT_FREE] = following
        following = after
    empty = st.segments[s]
    empty["next"] = -1
    empty["devices"] = empty["cores"] = empty["memory"] = empty["whole"] = 0
    now = st.g[G_NOW]
    shared = 0
    c = st.nodes[v]["chunk"]
    while c >= 0:
        chunk = st.chunks[c]
        end = st.slots[chunk["slot"]]["limit_end"]
        devices = count_devices(chunk["mask"])
        if chunk["share"] < WHOLE:
            devices = 0
            shared |= chunk["mask"]
        claim(st, v, now, end, devices, chunk["cores"], chunk["memory"], 0, 1)
        c = chunk["next"]
    while shared != 0:
        claim(st, v, now, shared_until(st, v, lowest_device(shared)), 1, 0, 0, 0, 1)
        shared &= shared - 1
    b = st.nodes[v]["booking"]
    while b >= 0:
        booking = st.bookings[b]
        claim_booking(st, booking, 1)
        b = booking["next"]


@kernel
def claim_booking(st, booking, sign):
    """Add or take away the claim of a booking."""
    claim(
        st,
        booking["node"],
        booking["start"],
        booking["end"],
        booking["devices"],
        booking["cores"],
        booking["memory"],
        1 if booking["owner"] < 0 else 0,
        sign,
    )


@kernel
def _own_part(st, owner, v):
    """The part of a job's booking on a node; -1: none."""
    b = st.booked[owner] if owner >= 0 else -1
    while b >= 0 and st.bookings[b]["node"] != v:
        b = st.bookings[b]["next_part"]
    return b


@kernel
def earliest_in(st, v, devices, cores, memory, owner, start, length, worst, device_from):
    """The earliest time from `start` on at which a part can be claimed for `length` seconds beside the claims of all others than
    `owner`; FAR if not before `worst`. Before `device_from` the part's devices are claimed already (a share on a device in use)."""
    if start >= worst:
        return FAR
    node = st.nodes[v]
    spare, spare_cores, spare_memory = node["devices"] - devices, node["cores"] - cores, node["memory"] - memory
    own = _own_part(st, owner, v)
    s = node["profile"]
    at = start
    while True:
        segment = st.segments[s]
        following = segment["next"]
        end = st.segments[following]["start"] if following >= 0 else FAR
        if end <= start:
            s = following
            continue
        begin = max(segment["start"], start)
        used, used_cores, used_memory, whole = segment["devices"], segment["cores"], segment["memory"], segment["whole"]
        if own >= 0:
            booking = st.bookings[own]
            if booking["start"] <= begin < booking["end"]:
                used -= booking["devices"]
                used_cores -= booking["cores"]
                used_memory -= booking["memory"]
        if begin < device_from:
            used -= devices
        if used > spare or used_cores > spare_cores or used_memory > spare_memory or whole > 0:
            at = end
            if at >= worst:
                return FAR
        elif end >= at + max(length, 1):
            return at
        s = following
