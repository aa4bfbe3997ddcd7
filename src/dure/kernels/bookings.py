"""Claims on nodes from a time on: the head's under EASY, everybody's under conservative, leases, maintenance, deliveries.

A node can hold a part at a time if what runs past that time (by its limit), what is booked then, and the part itself go together:
devices wholly free, cores, memory. Room only shrinks where a booking starts, so those are the only later moments to look at.
"""

from __future__ import annotations

from dure.kernels.jit import kernel
from dure.kernels.layout import FAR, G_BOOK_FREE, G_BOOKED, G_RETRY
from dure.kernels.nodes import count_devices


@kernel
def holds(st, v, devices, mask, cores, memory, owner, at):
    """Whether node `v` can hold, at time `at`, a part of `devices` devices (or those of `mask`) beside the rest."""
    node = st.nodes[v]
    b = node["booking"]
    while b >= 0:
        booking = st.bookings[b]
        if booking["start"] > at:
            break
        if booking["end"] > at and (booking["owner"] != owner or owner < 0):
            if booking["whole"] != 0:
                return False
            devices += booking["devices"]
            cores += booking["cores"]
            memory += booking["memory"]
        b = booking["next"]
    busy = mask
    c = node["chunk"]
    while c >= 0:
        chunk = st.chunks[c]
        if st.slots[chunk["slot"]]["limit_end"] > at:
            busy |= chunk["mask"]
            cores += chunk["cores"]
            memory += chunk["memory"]
        c = chunk["next"]
    return devices + count_devices(busy) <= node["devices"] and cores <= node["cores"] and memory <= node["memory"]


@kernel
def room_until(st, v, devices, mask, cores, memory, owner, start):
    """The first moment from `start` on at which a booking would be broken by a part that fits at `start`; FAR: never."""
    b = st.nodes[v]["booking"]
    while b >= 0:
        booking = st.bookings[b]
        if booking["end"] > start and (booking["owner"] != owner or owner < 0):
            at = max(booking["start"], start)
            if not holds(st, v, devices, mask, cores, memory, owner, at):
                return at
        b = booking["next"]
    return FAR


@kernel
def _next_change(st, v, at):
    """The next moment after `at` at which something on the node ends, by its limit or booking; FAR: none."""
    node = st.nodes[v]
    least = FAR
    c = node["chunk"]
    while c >= 0:
        end = st.slots[st.chunks[c]["slot"]]["limit_end"]
        if at < end < least:
            least = end
        c = st.chunks[c]["next"]
    b = node["booking"]
    while b >= 0:
        end = st.bookings[b]["end"]
        if at < end < least:
            least = end
        b = st.bookings[b]["next"]
    return least


@kernel
def earliest_on(st, v, devices, cores, memory, owner, start, length, worst):
    """The earliest time from `start` on at which node `v` can be claimed for `length` seconds; FAR if not before `worst`.

    In claims a share counts as one whole accelerator.
    """
    node = st.nodes[v]
    if node["failed"] != 0 or devices > node["devices"] or cores > node["cores"] or memory > node["memory"]:
        return FAR
    if node["booking"] < 0:
        if devices <= node["free"] and cores <= node["cores_free"] and memory <= node["memory_free"]:
            return start
        if node["next_end"] >= worst:
            return FAR
    at = start
    while at < worst:
        if holds(st, v, devices, 0, cores, memory, owner, at):
            until = room_until(st, v, devices, 0, cores, memory, owner, at)
            if until >= at + max(length, 1):
                return at
            at = until  # whatever starts before then would run into the same booking
        at = _next_change(st, v, at)
    return FAR


@kernel
def book(st, owner, v, start, end, devices, cores, memory, whole, next_part):
    """Claim part of a node; returns the booking."""
    b = st.g[G_BOOK_FREE]
    booking = st.bookings[b]
    st.g[G_BOOK_FREE] = booking["next"]
    st.g[G_BOOKED] += 1
    booking["start"] = start
    booking["end"] = end
    booking["devices"] = devices
    booking["cores"] = cores
    booking["memory"] = memory
    booking["whole"] = whole
    booking["owner"] = owner
    booking["node"] = v
    booking["next_part"] = next_part
    before, after = -1, st.nodes[v]["booking"]
    while after >= 0 and st.bookings[after]["start"] <= start:
        before, after = after, st.bookings[after]["next"]
    booking["next"] = after
    if before >= 0:
        st.bookings[before]["next"] = b
    else:
        st.nodes[v]["booking"] = b
    return b


@kernel
def unlink(st, b):
    """Take one booking off its node; returns the owner's next part."""
    booking = st.bookings[b]
    v = booking["node"]
    before, here = -1, st.nodes[v]["booking"]
    while here != b:
        before, here = here, st.bookings[here]["next"]
    if before >= 0:
        st.bookings[before]["next"] = booking["next"]
    else:
        st.nodes[v]["booking"] = booking["next"]
    part = booking["next_part"]
    booking["next"] = st.g[G_BOOK_FREE]
    st.g[G_BOOK_FREE] = b
    st.g[G_BOOKED] -= 1
    st.g[G_RETRY] = 1
    return part


@kernel
def unbook(st, job):
    """Drop a job's booking, all parts."""
    b = st.booked[job]
    while b >= 0:
        b = unlink(st, b)
    st.booked[job] = -1
