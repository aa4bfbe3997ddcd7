"""Starting and stopping attempts: the only code that moves a job along the lifecycle table and writes the run log."""

from __future__ import annotations

from dure.kernels import heaps
from dure.kernels.bits import count_devices
from dure.kernels.bookings import unbook
from dure.kernels.codes import (
    BACKFILL_CONSERVATIVE,
    E_COMPLETE,
    E_ENGINE_FAIL,
    E_NODE_FAIL,
    E_PREEMPT,
    E_START,
    E_TIME_OUT,
    ORDER_LEAST_ATTAINED,
    R_NONE,
)
from dure.kernels.jit import kernel
from dure.kernels.layout import (
    FAR,
    G_FREED_SITE,
    G_FRESH,
    G_HEAP,
    G_LEASE_DUE,
    G_LEASES,
    G_NOW,
    G_OVERFLOW,
    G_PARTS,
    G_PLACED,
    G_ROWS,
    G_RUNNING,
    G_SEQ,
    G_SLOT_FREE,
    G_WAITING,
    P_BACKFILL,
    P_BOOKINGS,
    P_CHARGES,
    P_LEVELS,
    P_LIMITS,
    P_ORDER,
)
from dure.kernels.nodes import release, take
from dure.kernels.queues import dequeue, enqueue, limit_left, reconsider_project, wall


@kernel
def record(st, job, event, reason, pool):
    """Move a job along the lifecycle and write the row. An illegal step or a full log is noted, never made."""
    state = st.table[st.state[job], event]
    row = st.g[G_ROWS]
    if state < 0 or row >= len(st.events):
        st.g[G_OVERFLOW] = 1
        return
    st.state[job] = state
    log = st.events[row]
    log["time_s"] = st.g[G_NOW]
    log["job"] = job
    log["event"] = event
    log["reason"] = reason
    log["pool"] = pool
    st.g[G_ROWS] = row + 1


@kernel
def charge_project(st, project, milli, charge):
    """Bring a project's usage up to now, then change what it holds and is charged."""
    record = st.projects[project]
    now = st.g[G_NOW]
    record["since"] += record["rate"] * (now - record["at"])
    record["at"] = now
    record["rate"] += charge
    record["held"] += milli


@kernel
def start(st, job, e):
    """Start a waiting job on the place in `tentative`, on the eligible entry `e`."""
    c = st.job_class[job]
    shape = st.shapes[st.classes[c]["shape"]]
    entry = st.entries[e]
    reason = st.classes[c]["reason"] if st.submit[job] < st.g[G_NOW] else R_NONE
    if shape["lease"] == 0:
        dequeue(st, job)
    if st.p[P_BOOKINGS] != 0 and st.booked[job] >= 0:
        unbook(st, job)
    slot_index = st.g[G_SLOT_FREE]
    slot = st.slots[slot_index]
    st.g[G_SLOT_FREE] = slot["chunk"]
    left = limit_left(st, job)
    work = min(st.duration[job], st.limit[job]) - (st.limit[job] - left)
    now = st.g[G_NOW]
    slot["job"] = job
    slot["entry"] = e
    slot["start"] = now
    slot["end"] = now + wall(work, entry["speed"])
    slot["limit_end"] = now + wall(left, entry["speed"])
    slot["seq"] = st.g[G_SEQ]
    slot["chunk"] = -1
    st.g[G_SEQ] += 1
    st.g[G_RUNNING] += 1
    st.g[G_HEAP] = heaps.push(st.ends, st.ends_at, st.g[G_HEAP], float(slot["end"]), slot["seq"], slot_index)
    row = st.g[G_ROWS]
    record(st, job, E_START, reason, entry["pool"])
    _take_parts(st, slot_index, shape, row)
    st.sites[st.pools[entry["pool"]]["site"]]["headroom"] -= entry["power"]
    if st.p[P_LIMITS] != 0:
        slot["reserved"] = entry["charge"] * (slot["limit_end"] - now)
        project = st.classes[c]["project"]
        if st.projects[project]["budget"] < FAR:
            st.projects[project]["budget"] -= slot["reserved"]
    if st.p[P_CHARGES] != 0:
        charge_project(st, st.classes[c]["project"], shape["milli"], entry["charge"])
    if len(st.attempt) > 0:
        st.attempt[job] += 1


@kernel
def _take_parts(st, slot, shape, row):
    for i in range(st.g[G_PARTS]):
        v, mask = st.tentative[i, 0], st.tentative[i, 1]
        if shape["lease"] != 0:
            cores, memory = st.nodes[v]["cores"], st.nodes[v]["memory"]
        elif st.g[G_PARTS] == 1:
            cores, memory = shape["cores"], shape["memory"]
        else:
            count = count_devices(mask)
            cores, memory = shape["cores_each"] * count, shape["memory_each"] * count
        take(st, slot, v, mask, shape["share"], cores, memory)
        placed = st.g[G_PLACED]
        if placed >= len(st.placements):
            st.g[G_OVERFLOW] = 1
            return
        log = st.placements[placed]
        log["row"] = row
        log["node"] = v
        log["devices"] = mask
        st.g[G_PLACED] = placed + 1


@kernel
def stop(st, slot_index, event):
    """End an attempt; after PREEMPT, NODE_FAIL and ENGINE_FAIL its job waits again."""
    slot = st.slots[slot_index]
    job = slot["job"]
    entry = st.entries[slot["entry"]]
    c = st.job_class[job]
    shape = st.shapes[st.classes[c]["shape"]]
    project = st.classes[c]["project"]
    now = st.g[G_NOW]
    st.g[G_HEAP] = heaps.remove(st.ends, st.ends_at, st.g[G_HEAP], st.ends_at[slot_index])
    chunk = slot["chunk"]
    while chunk >= 0:
        chunk = release(st, chunk)
    slot["chunk"] = st.g[G_SLOT_FREE]
    st.g[G_SLOT_FREE] = slot_index
    st.g[G_RUNNING] -= 1
    record(st, job, event, R_NONE, -1)
    _give_power_back(st, entry)
    if st.p[P_CHARGES] != 0:
        charge_project(st, project, -shape["milli"], -entry["charge"])
    if st.p[P_LIMITS] != 0:
        if st.projects[project]["budget"] < FAR:
            st.projects[project]["budget"] += slot["reserved"] - entry["charge"] * (now - slot["start"])
        if st.projects[project]["awaiting"] >= 0:
            reconsider_project(st, project)
    if event == E_PREEMPT or event == E_NODE_FAIL or event == E_ENGINE_FAIL:
        _save(st, job, slot, entry, shape)
        wait_again(st, job)


@kernel
def wait_again(st, job):
    """A job that was stopped waits again: a lease for new nodes, any other in its old place in the order."""
    if st.shapes[st.classes[st.job_class[job]]["shape"]]["lease"] != 0:
        add_lease(st, job)
        return
    enqueue(st, job)
    if st.p[P_BACKFILL] == BACKFILL_CONSERVATIVE:
        note_fresh(st, job)


@kernel
def withdraw(st, job):
    """Take a waiting job away: from the queue, from among the leases, or before it was let in (its wake then means nothing)."""
    if st.p[P_BOOKINGS] != 0 and st.booked[job] >= 0:
        unbook(st, job)
    if st.shapes[st.classes[st.job_class[job]]["shape"]]["lease"] != 0:
        drop_lease(st, job)
    elif st.earliest[job] <= st.g[G_NOW]:
        dequeue(st, job)


@kernel
def drop_lease(st, job):
    """Take a lease from among those that wait."""
    kept = 0
    for i in range(st.g[G_LEASES]):
        if st.leases[i] != job:
            st.leases[kept] = st.leases[i]
            kept += 1
    st.g[G_LEASES] = kept
    st.g[G_WAITING] -= 1


@kernel
def note_fresh(st, job):
    """Under conservative: a job without a booking, or whose booked time has come."""
    st.fresh[st.g[G_FRESH]] = job
    st.g[G_FRESH] += 1


@kernel
def add_lease(st, job):
    """Let a lease wait: it is booked in the next pass. Leases stand by row."""
    i = st.g[G_LEASES]
    while i > 0 and st.leases[i - 1] > job:
        st.leases[i] = st.leases[i - 1]
        i -= 1
    st.leases[i] = job
    st.g[G_LEASES] += 1
    st.g[G_WAITING] += 1
    st.g[G_LEASE_DUE] = 1


@kernel
def _give_power_back(st, entry):
    site_index = st.pools[entry["pool"]]["site"]
    site = st.sites[site_index]
    site["headroom"] += entry["power"]
    if site["waits"] != 0:
        site["waits"] = 0
        st.g[G_FREED_SITE] |= 1 << (site_index % 62)


@kernel
def _save(st, job, slot, entry, shape):
    """Keep the work behind the last save point; under least_attained, note the service and change the job's level."""
    done = (st.g[G_NOW] - slot["start"]) * entry["speed"] // 1000
    every = st.save_every[job]
    if every > 0:  # a live attempt may have outlasted its limit
        st.saved[job] = min(st.saved[job] + done // every * every, st.limit[job])
    if st.p[P_ORDER] == ORDER_LEAST_ATTAINED:
        st.attained[job] += done * shape["milli"]
        base = st.job_class[job] - st.classes[st.job_class[job]]["level"]
        st.job_class[job] = base + level_of(st, st.attained[job])


@kernel
def level_of(st, attained):
    """How many of the thresholds an attained service (accelerator-milli-seconds) has reached."""
    level = 0
    while level < st.p[P_LEVELS] - 1 and attained >= st.thresholds[level]:
        level += 1
    return level


@kernel
def end(st, slot_index):
    """End the attempt at the top of the heap in its own time."""
    job = st.slots[slot_index]["job"]
    stop(st, slot_index, E_COMPLETE if st.duration[job] <= st.limit[job] else E_TIME_OUT)
