"""Jobs into classes and positions: the part of packing a workload that has to look at every job."""

from __future__ import annotations

import numpy as np

from dure.kernels.bits import length
from dure.kernels.jit import kernel

_length = kernel(length)


@kernel
def _hash(table, row):
    h = 0
    for k in range(table.shape[0]):
        value = table[k, row]
        h = ((h ^ (value & 0x7FFFFFFF) ^ (value >> 31)) & 0x7FFFFFFF) * 0x5851F42D
        h = (h ^ (h >> 29)) & 0x7FFFFFFF
    return h


@kernel
def _equal(table, a, b):
    for k in range(table.shape[0]):
        if table[k, a] != table[k, b]:
            return False
    return True


@kernel
def group(table):
    """Number the distinct columns of `table` (int64[K, N]) in order of appearance: (group of each, first row of each)."""
    count = table.shape[1]
    groups = np.empty(count, np.int64)
    firsts = np.empty(1024, np.int64)
    used = 0
    size = 4096
    slots = np.full(size, -1, np.int32)
    for i in range(count):
        if i > 0 and _equal(table, i, i - 1):
            groups[i] = groups[i - 1]
            continue
        at = _hash(table, i) & (size - 1)
        while slots[at] >= 0 and not _equal(table, i, firsts[slots[at]]):
            at = (at + 1) & (size - 1)
        if slots[at] >= 0:
            groups[i] = slots[at]
            continue
        if used == len(firsts):
            longer = np.empty(2 * used, np.int64)
            for g in range(used):
                longer[g] = firsts[g]
            firsts = longer
        firsts[used] = i
        slots[at] = used
        groups[i] = used
        used += 1
        if 2 * used > size:
            size *= 2
            slots = np.full(size, -1, np.int32)
            for g in range(used):
                at = _hash(table, firsts[g]) & (size - 1)
                while slots[at] >= 0:
                    at = (at + 1) & (size - 1)
                slots[at] = g
    return groups, firsts[:used]


@kernel
def place_jobs(job_class, order, classes):
    """Positions of jobs in their classes, in `order` (rows; empty: by row): (job_at, position, base, size)."""
    size = np.zeros(classes, np.int64)
    for job in range(len(job_class)):
        if job_class[job] >= 0:
            size[job_class[job]] += 1
    base = np.zeros(classes, np.int64)
    total = 0
    for c in range(classes):
        base[c] = total
        total += size[c]
    job_at = np.empty(total, np.int64)
    position = np.full(len(job_class), -1, np.int64)
    filled = np.zeros(classes, np.int32)
    for i in range(len(job_class)):
        job = order[i] if len(order) > 0 else i
        c = job_class[job]
        if c >= 0:
            position[job] = filled[c]
            job_at[base[c] + filled[c]] = job
            filled[c] += 1
    return job_at, position, base, size


@kernel
def word_offsets(size):
    """Where each class's bitmap begins, and the words of all."""
    offsets = np.empty(len(size), np.int64)
    total = 0
    for c in range(len(size)):
        offsets[c] = total
        total += _length(size[c])
    return offsets, total
