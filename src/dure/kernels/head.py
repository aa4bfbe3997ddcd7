"""The head under EASY: the first job that has to wait for room, and the booking that nobody behind it may break."""

from __future__ import annotations

from dure.kernels.bookings import unbook
from dure.kernels.jit import kernel
from dure.kernels.layout import FAR, G_BOOKED_SHAPES, G_HEAD, G_LIVE, G_NOW, P_LIMITS
from dure.kernels.promises import book_earliest, may_gain
from dure.kernels.queues import mark_ready


@kernel
def drop_head(st):
    """Somebody goes before the job that was booked: its booking does not bind him, and is made anew after him."""
    if st.booked[st.g[G_HEAD]] >= 0:
        unbook(st, st.g[G_HEAD])
        retry_booked(st)
    st.g[G_HEAD] = -1


@kernel
def move_head(st, c):
    """Under easy: book the first job that has to wait for room (of class `c`; -1: none) at its earliest time."""
    head = -1
    if c >= 0:
        head = st.job_at[st.classes[c]["base"] + st.classes[c]["head"]]
    old = st.g[G_HEAD]
    same = head == old and st.p[P_LIMITS] == 0  # a lease that is booked or dropped drops the head too
    if same and (head < 0 or (st.booked[head] >= 0 and not may_gain(st, head))):
        return
    moved = head != old
    if old >= 0 and st.booked[old] >= 0:
        start_before, node_before = st.bookings[st.booked[old]]["start"], st.bookings[st.booked[old]]["node"]
        unbook(st, old)
    else:
        start_before, node_before = FAR, -1
    st.g[G_HEAD] = head
    for v in range(len(st.nodes) if moved else 0):
        st.head_from[v] = -1
    if head >= 0:
        book_earliest(st, head, st.g[G_NOW])
        b = st.booked[head]
        if b >= 0 and not moved:
            booking = st.bookings[b]
            moved = booking["next_part"] >= 0 or booking["start"] != start_before or booking["node"] != node_before
        else:
            moved = True
    if moved and st.g[G_BOOKED_SHAPES] != 0:
        retry_booked(st)


@kernel
def retry_booked(st):
    """The booking that stood in the way of some shapes has changed: try them again."""
    st.g[G_BOOKED_SHAPES] = 0
    for i in range(st.g[G_LIVE]):
        s = st.live[i]["shape"]
        if st.shapes[s]["booked"] != 0:
            st.shapes[s]["booked"] = 0
            mark_ready(st, s)
