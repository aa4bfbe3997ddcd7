"""What happened outside, told to a state: the live counterpart of the replay's events, one call for many."""

from __future__ import annotations

import numpy as np

from dure.kernels import bits, heaps
from dure.kernels.attempts import drop_lease, note_fresh, record, start, stop, withdraw
from dure.kernels.bookings import book, unbook
from dure.kernels.codes import (
    BACKFILL_CONSERVATIVE,
    CAP,
    CLOSE,
    CLOSE_AHEAD,
    CLOSE_NO_MORE,
    E_CANCEL,
    E_START,
    E_SUBMIT,
    FAIL,
    OPEN,
    ORDER_MULTIFACTOR,
    R_NONE,
    RANK,
    REPAIR,
    S_RUNNING,
    S_WAITING,
    SAVED,
    TERMS,
)
from dure.kernels.decide import explain
from dure.kernels.jit import kernel
from dure.kernels.layout import (
    FAR,
    G_CLOSURES,
    G_FREED_SITE,
    G_HEAP,
    G_NOW,
    G_PARTS,
    G_WAKES,
    P_BACKFILL,
    P_BOOKINGS,
    P_LEAST,
    P_LEVELS,
    P_ORDER,
    P_REQUEUES,
)
from dure.kernels.nodes import mark_dirty
from dure.kernels.queues import dequeue, enqueue, reconsider_project, wall
from dure.kernels.replay import change_node, drop_claims, end_closures, submit, wake_ups
from dure.kernels.shares import rank_projects, tick


@kernel
def _move_to(st, at):
    """Let time pass: usage decays, jobs whose time has come wait."""
    st.g[G_NOW] = max(at, st.g[G_NOW])
    if st.p[P_ORDER] == ORDER_MULTIFACTOR:
        tick(st)
    if st.g[G_WAKES] > 0:
        wake_ups(st, st.g[G_NOW])


@kernel
def tell(st, now, when, what, job, entry, parts, node, devices):
    """Apply events in order, each at its time (`when`, ascending, none after `now`): what happened to which job; then bring
    the state to `now`.

    For each START: the eligible entry and the number of parts, which stand in `node` and `devices` one after another.
    Returns the index of the first event that the job's state does not allow, or -1.
    """
    slot_of = np.full(len(st.submit), -1, np.int64)
    for i in range(st.g[G_HEAP]):
        slot_of[st.slots[st.ends[i]["item"]]["job"]] = st.ends[i]["item"]
    part = 0
    for i in range(len(what)):
        _move_to(st, when[i])
        event, one = what[i], job[i]
        if st.table[st.state[one], event] < 0:
            return i
        if event == E_SUBMIT:
            submit(st, one)
        elif event == E_START:
            for k in range(parts[i]):
                st.tentative[k, 0] = node[part + k]
                st.tentative[k, 1] = devices[part + k]
            st.g[G_PARTS] = parts[i]
            part += parts[i]
            if st.shapes[st.classes[st.job_class[one]]["shape"]]["lease"] != 0:
                drop_lease(st, one)
            start(st, one, entry[i])
        elif st.state[one] == S_RUNNING:
            stop(st, slot_of[one], event)
        elif event == E_CANCEL and st.state[one] == S_WAITING:
            withdraw(st, one)
            record(st, one, E_CANCEL, R_NONE, -1)
    _move_to(st, now)
    return -1


@kernel
def adjust(st, now, what, which, one, other):
    """Bring a state to `now` and apply changes that are no job's events (codes): of which node, job, project or site, with
    up to two numbers each. Returns the index of the first that cannot be, or -1."""
    _move_to(st, now)
    for i in range(len(what)):
        kind, v = what[i], which[i]
        if kind <= CLOSE:
            if (kind == REPAIR and st.nodes[v]["failed"] == 0) or (kind == OPEN and st.nodes[v]["planned"] == 0):
                return i
            change_node(st, v, kind)
        elif kind == CLOSE_AHEAD:
            node = st.nodes[v]
            drop_claims(st, v, one[i], other[i])
            book(st, -1, v, one[i], other[i], node["devices"], node["cores"], node["memory"], -1)
            st.g[G_CLOSURES] += 1
        elif kind == CLOSE_NO_MORE:
            end_closures(st, v, FAR)
            mark_dirty(st, v)
        elif kind == SAVED:
            _set_saved(st, v, one[i])
        elif kind == TERMS:
            reconsider_project(st, v)
        elif kind == CAP:
            st.sites[v]["waits"] = 0
            st.g[G_FREED_SITE] |= 1 << (v % 62)
        elif kind == RANK and st.p[P_ORDER] == ORDER_MULTIFACTOR:
            rank_projects(st)
    for i in range(len(what)):
        if what[i] == FAIL:
            drop_claims(st, which[i], 0, FAR)
    return -1


@kernel
def _set_saved(st, job, saved):
    """Note the work behind a job's save points. One that waits does so with another limit left, and is booked anew."""
    lease = st.job_class[job] >= 0 and st.shapes[st.classes[st.job_class[job]]["shape"]]["lease"] != 0
    if st.state[job] != S_WAITING or lease or st.earliest[job] > st.g[G_NOW]:
        st.saved[job] = saved
        return
    cls = st.classes[st.job_class[job]]
    reason = cls["reason"]
    dequeue(st, job)
    st.saved[job] = saved
    enqueue(st, job)
    cls["reason"] = reason
    if st.p[P_BOOKINGS] != 0 and st.booked[job] >= 0:
        unbook(st, job)
        if st.p[P_BACKFILL] == BACKFILL_CONSERVATIVE:
            note_fresh(st, job)


@kernel
def move_classes(st, job_at, position, moves, order):
    """`_move_class` for each row of `moves`: its arguments, then how many jobs of `order` are its own."""
    done = 0
    for i in range(len(moves)):
        first, base, size, words, length, count = (
            moves[i, 0], moves[i, 1], moves[i, 2], moves[i, 3], moves[i, 4], moves[i, 5],
        )  # fmt: skip
        _move_class(st, job_at, position, first, base, size, words, length, order[done : done + count])
        done += count


@kernel
def _move_class(st, job_at, position, first, base, size, words, length, order):
    """Give a class, whose levels stand from `first` on, `size` positions from `base` on and bitmaps of `length` words each
    from `words` on, and its jobs the positions in which they stand in `order`. Who waits goes on waiting."""
    queued = np.zeros(len(order), np.int64)
    for k in range(len(order)):
        at = position[order[k]]
        if at >= 0:
            queued[k] = (st.words[st.classes[st.job_class[order[k]]]["words"] + (at >> 5)] >> (at & 31)) & 1
    levels = st.p[P_LEVELS]
    heads = np.full(levels, -1, np.int64)
    for level in range(levels):
        cls = st.classes[first + level]
        if cls["head"] >= 0:
            heads[level] = job_at[cls["base"] + cls["head"]]
        cls["base"] = base
        cls["size"] = size
        cls["words"] = words + level * length
        for i in range(cls["words"], cls["words"] + length):
            st.words[i] = 0
            if st.p[P_LEAST] != 0:
                st.least[i] = FAR
    for k in range(len(order)):
        job = order[k]
        job_at[base + k] = job
        position[job] = k
        if queued[k] != 0:
            c = st.job_class[job]
            bits.insert(st.words, st.classes[c]["words"], size, k)
            if st.p[P_LEAST] != 0:
                left = st.limit[job] - (st.saved[job] if st.p[P_REQUEUES] != 0 else 0)
                st.limit_at[base + k] = left
                bits.lower_least(st.least, st.classes[c]["words"], size, k, left)
    for level in range(levels):
        if heads[level] >= 0:
            st.classes[first + level]["head"] = position[heads[level]]


@kernel
def set_ends(st):
    """Work out anew, from the durations, when the attempts that run will end: after now."""
    for k in range(len(st.slots)):
        i = st.ends_at[k]
        if i < 0:
            continue
        slot = st.slots[k]
        job = slot["job"]
        work = min(st.duration[job], st.limit[job]) - st.saved[job]
        slot["end"] = max(slot["start"] + wall(work, st.entries[slot["entry"]]["speed"]), st.g[G_NOW] + 1)
        heaps.replace_key(st.ends, st.ends_at, st.g[G_HEAP], i, float(slot["end"]), slot["seq"])


@kernel
def reasons(st, job):
    """The current refusal of each of some waiting jobs."""
    found = np.zeros(len(job), np.int64)
    for i in range(len(job)):
        found[i] = explain(st, job[i])
    return found
