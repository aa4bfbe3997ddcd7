"""Fair Tree over the project tree and the decay of usage, brought up to date at ticks of the multifactor policy."""

from __future__ import annotations

import numpy as np
from dure.kernels.jit import kernel

from dure.kernels.layout import (
    G_LIVE,
    G_NOW,
    G_TICK,
    P_HALF_LIFE,
    P_PERIOD,
)
from dure.kernels.queues import set_head


@kernel
def level_fair_share(shares, all_shares, usage, all_usage):
    """Level fair share of one of several siblings: its part of the shares over its part of the usage."""
    if shares == 0:
        return 0.0
    if usage <= 0.0 or all_usage <= 0.0:
        return np.inf
    return (shares / all_shares) / (usage / all_usage)


@kernel
def fair_tree(parent, shares, usage, leaf):
    """Fair Tree factors of a tree given by parent rows (-1: below the root); only rows with `leaf` set get one.

    `usage` of inner rows must be the sum of their children's. Tied leaves share a rank; tied inner rows have their children
    merged and ranked together, the first of them with the rank of a leaf that they tied with (Slurm, fair_tree.c).
    """
    count = len(parent)
    leaves = 0
    value = np.zeros(count)
    for i in range(count):
        leaves += leaf[i]
        all_shares, all_usage = 0.0, 0.0
        for k in range(count):
            if parent[k] == parent[i]:
                all_shares += shares[k]
                all_usage += usage[k]
        value[i] = level_fair_share(shares[i], all_shares, usage[i], all_usage)
    fair = np.zeros(count)
    stack = np.empty(count + 1, np.int64)  # rows of the open groups; the group on top is taken apart first
    sizes, tied = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    equal = np.empty(count, np.int64)
    used = 0
    for i in range(count):
        if parent[i] < 0:
            stack[used] = i
            used += 1
    sizes[0] = used
    top, rank, ranked = 1, leaves, 0
    while top > 0:
        size = sizes[top - 1]
        if size == 0:
            top -= 1
            continue
        found, used = _take_equal(stack, used - size, used, value, equal)
        sizes[top - 1] -= found
        same = tied[top - 1]
        tied[top - 1] = 0
        for k in range(found):
            if leaf[equal[k]] != 0:
                rank = rank if same != 0 else leaves - ranked
                fair[equal[k]] = rank / leaves
                ranked += 1
                same = 1
        children = 0
        for i in range(count):
            for k in range(found):
                if parent[i] == equal[k]:
                    stack[used] = i
                    used += 1
                    children += 1
        if children > 0:
            sizes[top], tied[top] = children, same
            top += 1
    return fair


@kernel
def _take_equal(stack, base, used, value, equal):
    """Take the rows with the highest value out of `stack[base:used]`: (how many, what is used now)."""
    best = value[stack[base]]
    for k in range(base, used):
        best = max(best, value[stack[k]])
    found, kept = 0, base
    for k in range(base, used):
        row = stack[k]
        if value[row] == best:
            equal[found] = row
            found += 1
        else:
            stack[kept] = row
            kept += 1
    return found, kept


@kernel
def tick(st):
    """At the first event whose tick differs from the last update's: decay usage, rank the projects, order the queue anew."""
    at = st.g[G_NOW] // st.p[P_PERIOD] * st.p[P_PERIOD]
    before = st.g[G_TICK]
    if at == before:
        return
    st.g[G_TICK] = at
    decay = 2.0 ** (-(at - before) / st.p[P_HALF_LIFE])
    count = len(st.projects)
    usage, deepest = np.zeros(count), 0
    for i in range(count):
        project = st.projects[i]
        since = project["since"] + project["rate"] * (at - project["at"])
        project["used"] = project["used"] * decay + since
        project["since"] = 0.0
        project["at"] = at
        usage[i] = project["used"]
        deepest = max(deepest, project["depth"])
    for depth in range(deepest, 0, -1):
        for i in range(count):
            if st.projects[i]["depth"] == depth:
                usage[st.projects[i]["parent"]] += usage[i]
    parent, shares, leaf = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    for i in range(count):
        project = st.projects[i]
        parent[i], shares[i], leaf[i] = project["parent"], project["shares"], project["leaf"]
    fair = fair_tree(parent, shares, usage, leaf)
    for i in range(count):
        st.projects[i]["fair"] = fair[i]
    _reorder(st)


@kernel
def _reorder(st):
    """Give every live class the key that its head has now."""
    for i in range(st.g[G_LIVE]):
        c = st.shapes[st.live[i]["shape"]]["classes"]
        while c >= 0:
            if st.order_at[c] >= 0:
                set_head(st, c, st.classes[c]["head"])
            c = st.classes[c]["next"]


