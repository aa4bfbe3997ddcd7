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
    P_RANKED,
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
    value, order = np.zeros(count), np.empty(count, np.int64)
    all_shares, all_usage = np.zeros(count + 1), np.zeros(count + 1)  # by parent; -1 is the last
    for i in range(count):
        leaves += leaf[i]
        all_shares[parent[i]] += shares[i]
        all_usage[parent[i]] += usage[i]
    for i in range(count):
        order[i] = i
        value[i] = level_fair_share(shares[i], all_shares[parent[i]], usage[i], all_usage[parent[i]])
    _sort_down(order, value)
    child, sibling = np.full(count + 1, -1), np.full(count, -1)  # children of each row, best first
    for i in range(count - 1, -1, -1):
        sibling[order[i]] = child[parent[order[i]]]
        child[parent[order[i]]] = order[i]
    fair = np.zeros(count)
    stack = np.empty(count + 1, np.int64)  # rows of the open groups, best first; the group on top is taken apart first
    first, last = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    tied, in_set = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for i in range(count):
        if parent[order[i]] < 0:
            stack[last[0]] = order[i]
            last[0] += 1
    top, rank, ranked = 1, leaves, 0
    while top > 0:
        begin, same = first[top - 1], tied[top - 1]
        if begin == last[top - 1]:
            top -= 1
            continue
        end, inner, one = begin, 0, -1
        while end < last[top - 1] and value[stack[end]] == value[stack[begin]]:
            row = stack[end]
            if leaf[row] != 0:
                rank = rank if same != 0 else leaves - ranked
                fair[row] = rank / leaves
                ranked += 1
                same = 1
            else:
                in_set[row] = 1
                inner += 1
                one = row
            end += 1
        first[top - 1], tied[top - 1] = end, 0
        if inner > 0:  # their children, merged, come before the rest of this group
            first[top] = last[top] = last[top - 1]
            i = child[one] if inner == 1 else -1
            while i >= 0:
                stack[last[top]] = i
                last[top] += 1
                i = sibling[i]
            for i in range(count if inner > 1 else 0):
                if parent[order[i]] >= 0 and in_set[parent[order[i]]] == 1:
                    stack[last[top]] = order[i]
                    last[top] += 1
            for k in range(begin, end):
                in_set[stack[k]] = 0
            tied[top] = same
            top += 1
    return fair


@kernel
def _sort_down(order, value):
    """Sort row numbers by descending value (Shell's sort: short to compile, and there are few rows)."""
    gap = len(order) // 2
    while gap > 0:
        for i in range(gap, len(order)):
            row = order[i]
            k = i
            while k >= gap and value[order[k - gap]] < value[row]:
                order[k] = order[k - gap]
                k -= gap
            order[k] = row
        gap //= 2


@kernel
def tick(st):
    """At the first event whose tick differs from the last update's: decay usage, rank the projects, order the queue anew."""
    at = st.g[G_NOW] // st.p[P_PERIOD] * st.p[P_PERIOD]
    before = st.g[G_TICK]
    if at == before:
        return
    st.g[G_TICK] = at
    decay = 2.0 ** (-(at - before) / st.p[P_HALF_LIFE])
    for i in range(len(st.projects)):
        project = st.projects[i]
        since = project["since"] + project["rate"] * (at - project["at"])
        project["used"] = project["used"] * decay + since
        project["since"] = 0.0
        project["at"] = at
    rank_projects(st)


@kernel
def rank_projects(st):
    """Rank the projects by the usage of the last tick, and order the queue anew."""
    count = len(st.projects)
    usage, deepest = np.zeros(count), 0
    for i in range(count):
        project = st.projects[i]
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
    """Give every live class the key that its head has now, where they are kept in order."""
    if st.p[P_RANKED] == 0:
        return
    for i in range(st.g[G_LIVE]):
        c = st.shapes[st.live[i]["shape"]]["classes"]
        while c >= 0:
            if st.order_at[c] >= 0:
                set_head(st, c, st.classes[c]["head"])
            c = st.classes[c]["next"]
