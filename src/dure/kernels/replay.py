"""The replay: events in order of time, one pass after each moment at which something happened.

The loop returns after `steps` moments so that the caller can show progress or stop, and when the log must grow.
"""

from __future__ import annotations

import numpy as np

from dure.kernels import heaps
from dure.kernels.attempts import end, note_fresh, record, stop, wait_again
from dure.kernels.bookings import unbook, unlink
from dure.kernels.codes import (
    BACKFILL_CONSERVATIVE,
    CLOSE,
    DONE,
    E_EXPIRE,
    E_NODE_FAIL,
    E_REFUSE,
    E_SUBMIT,
    FAIL,
    GROW_LOG,
    OPEN,
    ORDER_MULTIFACTOR,
    PAUSED,
    R_NONE,
    REPAIR,
    S_RUNNING,
    S_WAITING,
)
from dure.kernels.decide import explain, run_pass
from dure.kernels.jit import kernel
from dure.kernels.layout import (
    FAR,
    G_AGAIN,
    G_ARRIVAL,
    G_CLOSURES,
    G_DOWN,
    G_FLEET,
    G_HEAP,
    G_LEASE_DUE,
    G_NOW,
    G_PLACED,
    G_ROWS,
    G_RUNNING,
    G_STEPS,
    G_WAITING,
    G_WAKES,
    P_BACKFILL,
    P_BOOKINGS,
    P_HORIZON,
    P_ORDER,
    P_REQUEUES,
)
from dure.kernels.nodes import mark_dirty, set_up
from dure.kernels.queues import mark_ready
from dure.kernels.shares import tick


@kernel
def next_time(st):
    """The next moment at which something happens; FAR: never."""
    if st.g[G_AGAIN] != 0:
        return st.g[G_NOW]
    at = FAR
    while st.g[G_WAKES] > 0 and not _wake_holds(st):
        st.g[G_WAKES] = heaps.remove(st.wakes, st.nowhere, st.g[G_WAKES], 0)
    if st.g[G_ARRIVAL] < len(st.submit):
        at = st.submit[st.g[G_ARRIVAL]]
    if st.g[G_HEAP] > 0:
        at = min(at, st.slots[st.ends[0]["item"]]["end"])
    if st.g[G_WAKES] > 0:
        at = min(at, int(st.wakes[0]["key"]))
    busy = st.g[G_RUNNING] > 0 or st.g[G_WAITING] > 0 or at < FAR
    if st.g[G_FLEET] < len(st.fleet_events) and busy:
        at = min(at, st.fleet_events[st.g[G_FLEET]]["time"])
    return at


@kernel
def replay(st, steps):
    """Play on for at most `steps` moments. Returns DONE, PAUSED or GROW_LOG (codes)."""
    for _ in range(steps):
        at = next_time(st)
        if at > st.p[P_HORIZON] or at == FAR:
            if _log_is_short(st, 0):
                return GROW_LOG
            expire(st, at)
            return DONE
        if st.p[P_REQUEUES] != 0 and _log_is_short(st, _arrivals_at(st, at)):
            return GROW_LOG
        st.g[G_NOW] = at
        st.g[G_STEPS] += 1
        if st.p[P_ORDER] == ORDER_MULTIFACTOR:
            tick(st)
        while st.g[G_HEAP] > 0 and st.slots[st.ends[0]["item"]]["end"] == at:
            end(st, st.ends[0]["item"])
        if len(st.fleet_events) > 0:
            fleet_changes(st, at)
        arrivals(st, at)
        if st.g[G_WAKES] > 0:
            wake_ups(st, at)
        run_pass(st)
    return PAUSED


@kernel
def _arrivals_at(st, at):
    """A bound on the jobs that arrive at one time."""
    i = st.g[G_ARRIVAL]
    while i < len(st.submit) and st.submit[i] == at:
        i += 1
    return i - st.g[G_ARRIVAL]


@kernel
def _log_is_short(st, arriving):
    # every job met at one moment writes at most four rows; attempts stopped for others may write two more each
    need = 4 * (arriving + st.g[G_WAITING]) + 6 * st.g[G_RUNNING] + 64
    parts = 2 * (arriving + st.g[G_WAITING] + st.g[G_RUNNING]) + len(st.nodes) + 64
    if st.p[P_REQUEUES] == 0:
        return False
    return st.g[G_ROWS] + need > len(st.events) or st.g[G_PLACED] + parts > len(st.placements)


@kernel
def arrivals(st, at):
    """Submit the jobs of this moment."""
    while st.g[G_ARRIVAL] < len(st.submit) and st.submit[st.g[G_ARRIVAL]] == at:
        submit(st, st.g[G_ARRIVAL])
        st.g[G_ARRIVAL] += 1


@kernel
def submit(st, job):
    """Submit a job now: refused if it can never run, else it waits, from its earliest start on."""
    record(st, job, E_SUBMIT, R_NONE, -1)
    c = st.job_class[job]
    if c < 0:
        record(st, job, E_REFUSE, np.int64(st.never[job]), -1)
    elif st.shapes[st.classes[c]["shape"]]["lease"] == 0 and st.earliest[job] > st.g[G_NOW]:
        st.g[G_WAKES] = heaps.push(st.wakes, st.nowhere, st.g[G_WAKES], float(st.earliest[job]), job, job)
    else:
        wait_again(st, job)


@kernel
def wake_ups(st, at):
    """Jobs whose earliest start has come; leases and booked jobs whose time has come."""
    while st.g[G_WAKES] > 0 and st.wakes[0]["key"] <= at:
        job = st.wakes[0]["item"]
        valid = _wake_holds(st)
        st.g[G_WAKES] = heaps.remove(st.wakes, st.nowhere, st.g[G_WAKES], 0)
        if not valid:
            continue
        s = st.classes[st.job_class[job]]["shape"]
        if st.shapes[s]["lease"] != 0:
            st.g[G_LEASE_DUE] = 1
        elif st.p[P_BOOKINGS] != 0 and st.booked[job] >= 0:
            mark_ready(st, s)
            note_fresh(st, job)
        else:
            wait_again(st, job)


@kernel
def _wake_holds(st):
    """Whether the first wake still means something: bookings that moved leave theirs behind."""
    job, at = st.wakes[0]["item"], st.wakes[0]["key"]
    if st.state[job] != S_WAITING:
        return False
    if st.p[P_BOOKINGS] != 0 and st.booked[job] >= 0:
        return st.bookings[st.booked[job]]["start"] == at
    lease = st.shapes[st.classes[st.job_class[job]]["shape"]]["lease"] != 0
    return not lease and st.earliest[job] == at and st.submit[job] < at


@kernel
def fleet_changes(st, at):
    """Nodes that come up or go down at this moment, together; what runs on those that go down is stopped, by start."""
    went_down = 0
    first = st.g[G_FLEET]
    while st.g[G_FLEET] < len(st.fleet_events) and st.fleet_events[st.g[G_FLEET]]["time"] == at:
        event = st.fleet_events[st.g[G_FLEET]]
        st.g[G_FLEET] += 1
        was = st.nodes[event["node"]]["up"]
        change_node(st, event["node"], event["kind"])
        went_down += was > st.nodes[event["node"]]["up"]
    if went_down > 0:
        _empty_nodes(st, first, st.g[G_FLEET])
    for i in range(first, st.g[G_FLEET]):
        if st.fleet_events[i]["kind"] == FAIL:
            drop_claims(st, st.fleet_events[i]["node"], 0, FAR)


@kernel
def change_node(st, v, kind):
    """One node is repaired, opened, failed or closed."""
    node = st.nodes[v]
    if kind == REPAIR:
        node["failed"] -= 1
        mark_dirty(st, v)  # even while it stays closed it counts in bookings again
    elif kind == OPEN:
        node["planned"] -= 1
        end_closures(st, v, st.g[G_NOW])
    elif kind == FAIL:
        node["failed"] += 1
    elif kind == CLOSE:
        node["planned"] += 1
    was = node["up"]
    set_up(st, v)
    st.g[G_DOWN] += was - node["up"]


@kernel
def _empty_nodes(st, first, last):
    """Stop every attempt on the nodes of some fleet events that are down now, in the order in which the attempts started."""
    while True:
        best = -1
        for i in range(first, last):
            v = st.fleet_events[i]["node"]
            c = st.nodes[v]["chunk"] if st.nodes[v]["up"] == 0 else -1
            while c >= 0:
                slot = st.chunks[c]["slot"]
                if best < 0 or st.slots[slot]["seq"] < st.slots[best]["seq"]:
                    best = slot
                c = st.chunks[c]["next"]
        if best < 0:
            return
        stop(st, best, E_NODE_FAIL)


@kernel
def end_closures(st, v, until):
    """Drop the closures of a node that end by `until`."""
    b = st.nodes[v]["booking"]
    while b >= 0:
        following = st.bookings[b]["next"]
        if st.bookings[b]["owner"] < 0 and st.bookings[b]["end"] <= until:
            unlink(st, b)
            st.g[G_CLOSURES] -= 1
        b = following


@kernel
def drop_claims(st, v, start, end):
    """Jobs booked on a node within `[start, end)` lose their bookings; they are booked anew in the next pass."""
    b = st.nodes[v]["booking"]
    while b >= 0:
        owner, lies_within = st.bookings[b]["owner"], st.bookings[b]["start"] < end and st.bookings[b]["end"] > start
        b = st.bookings[b]["next"]
        if owner < 0 or not lies_within:
            continue
        unbook(st, owner)
        if st.shapes[st.classes[st.job_class[owner]]["shape"]]["lease"] != 0:
            st.g[G_LEASE_DUE] = 1
        elif st.p[P_BACKFILL] == BACKFILL_CONSERVATIVE:
            note_fresh(st, owner)
        b = st.nodes[v]["booking"]  # the rest of the owner's parts may have stood on this node too


@kernel
def expire(st, at):
    """The run is over: whatever has not ended expires, waiting jobs with their reason."""
    if at > st.p[P_HORIZON]:
        st.g[G_NOW] = max(st.g[G_NOW], st.p[P_HORIZON])
    if st.g[G_WAITING] == 0 and st.g[G_RUNNING] == 0 and st.g[G_WAKES] == 0:
        return
    slot_of = np.full(len(st.submit), -1, np.int64)
    for i in range(st.g[G_HEAP]):
        slot = st.ends[i]["item"]
        slot_of[st.slots[slot]["job"]] = slot
    reasons = np.zeros(len(st.submit), np.int64)
    for job in range(st.g[G_ARRIVAL]):
        if st.state[job] == S_WAITING:
            reasons[job] = explain(st, job)
    for job in range(st.g[G_ARRIVAL]):
        if st.state[job] == S_WAITING:
            record(st, job, E_EXPIRE, reasons[job], -1)
        elif st.state[job] == S_RUNNING:
            stop(st, slot_of[job], E_EXPIRE)
