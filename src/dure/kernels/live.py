"""What happened outside, told to a state: the live counterpart of the replay's events, one call for many."""

from __future__ import annotations

import numpy as np

from dure.kernels.attempts import record, start, stop, withdraw
from dure.kernels.codes import (
    E_CANCEL,
    E_START,
    E_SUBMIT,
    ORDER_MULTIFACTOR,
    R_NONE,
    S_RUNNING,
    S_WAITING,
)
from dure.kernels.decide import explain
from dure.kernels.jit import kernel
from dure.kernels.layout import G_HEAP, G_NOW, G_PARTS, G_WAKES, P_ORDER
from dure.kernels.replay import submit, wake_ups
from dure.kernels.shares import tick


@kernel
def tell(st, now, what, job, entry, parts, node, devices):
    """Bring a state to `now` and apply events in order: what happened to which job.

    For each START: the eligible entry and the number of parts, which stand in `node` and `devices` one after another.
    Returns the index of the first event that the job's state does not allow, or -1.
    """
    st.g[G_NOW] = now
    if st.p[P_ORDER] == ORDER_MULTIFACTOR:
        tick(st)
    if st.g[G_WAKES] > 0:
        wake_ups(st, now)
    slot_of = np.full(len(st.submit), -1, np.int64)
    for i in range(st.g[G_HEAP]):
        slot_of[st.slots[st.ends[i]["item"]]["job"]] = st.ends[i]["item"]
    part = 0
    for i in range(len(what)):
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
            start(st, one, entry[i])
        elif st.state[one] == S_RUNNING:
            stop(st, slot_of[one], event)
        elif event == E_CANCEL and st.state[one] == S_WAITING:
            withdraw(st, one)
            record(st, one, E_CANCEL, R_NONE, -1)
    return -1


@kernel
def reasons(st, job):
    """The current refusal of each of some waiting jobs."""
    found = np.zeros(len(job), np.int64)
    for i in range(len(job)):
        found[i] = explain(st, job[i])
    return found
