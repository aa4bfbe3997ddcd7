"""Claims on nodes from a time on: the head's under EASY, everybody's under conservative, leases, maintenance, deliveries."""

from __future__ import annotations

from dure.kernels.jit import kernel
from dure.kernels.layout import FAR, G_BOOK_FREE, G_NOW, G_RETRY
from dure.kernels.profile import claim_booking, earliest_in, no_room_before


@kernel
def keeps_claims(st, v, devices, cores, memory, owner, length, device_from):
    """Whether a part that starts now breaks no claim on the node for `length` seconds."""
    now = st.g[G_NOW]
    return earliest_in(st, v, devices, cores, memory, owner, now, length, now + 1, device_from) == now


@kernel
def earliest_on(st, v, devices, cores, memory, owner, start, length, worst):
    """The earliest time from `start` on at which node `v` can be claimed for `length` seconds; FAR if not before `worst`.

    In claims a share counts as one whole accelerator.
    """
    node = st.nodes[v]
    if node["failed"] != 0 or devices > node["devices"] or cores > node["cores"] or memory > node["memory"]:
        return FAR
    if st.booked[owner] < 0:
        start = max(start, no_room_before(st, v, devices, length, worst))
    return earliest_in(st, v, devices, cores, memory, owner, start, length, worst, 0)


@kernel
def book(st, owner, v, start, end, devices, cores, memory, next_part):
    """Claim part of a node for a job, or (owner -1) the whole of it for nobody; returns the booking."""
    b = st.g[G_BOOK_FREE]
    booking = st.bookings[b]
    st.g[G_BOOK_FREE] = booking["next"]
    booking["start"] = start
    booking["end"] = end
    booking["devices"] = devices
    booking["cores"] = cores
    booking["memory"] = memory
    booking["owner"] = owner
    booking["node"] = v
    booking["next_part"] = next_part
    first = st.nodes[v]["booking"]
    booking["prev"] = -1
    booking["next"] = first
    if first >= 0:
        st.bookings[first]["prev"] = b
    st.nodes[v]["booking"] = b
    claim_booking(st, booking, 1)
    return b


@kernel
def unlink(st, b):
    """Take one booking off its node; returns the owner's next part."""
    booking = st.bookings[b]
    claim_booking(st, booking, -1)
    if booking["prev"] >= 0:
        st.bookings[booking["prev"]]["next"] = booking["next"]
    else:
        st.nodes[booking["node"]]["booking"] = booking["next"]
    if booking["next"] >= 0:
        st.bookings[booking["next"]]["prev"] = booking["prev"]
    booking["next"] = st.g[G_BOOK_FREE]
    st.g[G_BOOK_FREE] = b
    st.g[G_RETRY] = 1
    return booking["next_part"]


@kernel
def unbook(st, job):
    """Drop a job's booking, all parts."""
    b = st.booked[job]
    while b >= 0:
        b = unlink(st, b)
    st.booked[job] = -1
