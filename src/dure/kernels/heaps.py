"""One binary heap for slots by end, classes by key and jobs by time: HEAPED records, least (key, tie) on top.

`at[item]` is kept as the item's index in the heap, -1 when it is not there; an empty `at` is not kept.
"""

from __future__ import annotations

from dure.kernels.jit import kernel


@kernel
def _put(heap, at, i, key, tie, item):
    heap[i]["key"] = key
    heap[i]["tie"] = tie
    heap[i]["item"] = item
    if len(at) > 0:
        at[item] = i


@kernel
def _up(heap, at, i, key, tie, item):
    while i > 0:
        parent = (i - 1) >> 1
        above = heap[parent]["key"]
        if above < key or (above == key and heap[parent]["tie"] <= tie):
            break
        _put(heap, at, i, above, heap[parent]["tie"], heap[parent]["item"])
        i = parent
    _put(heap, at, i, key, tie, item)


@kernel
def _down(heap, at, count, i, key, tie, item):
    while True:
        child = 2 * i + 1
        if child >= count:
            break
        best, best_tie = heap[child]["key"], heap[child]["tie"]
        if child + 1 < count:
            other, other_tie = heap[child + 1]["key"], heap[child + 1]["tie"]
            if other < best or (other == best and other_tie < best_tie):
                child, best, best_tie = child + 1, other, other_tie
        if key < best or (key == best and tie <= best_tie):
            break
        _put(heap, at, i, best, best_tie, heap[child]["item"])
        i = child
    _put(heap, at, i, key, tie, item)


@kernel
def push(heap, at, count, key, tie, item):
    """Add an item; `count` is the number before. Returns the number after."""
    _up(heap, at, count, key, tie, item)
    return count + 1


@kernel
def remove(heap, at, count, i):
    """Take away the entry at index `i` (0 is the least). Returns the number left."""
    if len(at) > 0:
        at[heap[i]["item"]] = -1
    count -= 1
    if i < count:
        key, tie, item = heap[count]["key"], heap[count]["tie"], heap[count]["item"]
        parent = (i - 1) >> 1
        if i > 0 and (key < heap[parent]["key"] or (key == heap[parent]["key"] and tie < heap[parent]["tie"])):
            _up(heap, at, i, key, tie, item)
        else:
            _down(heap, at, count, i, key, tie, item)
    return count


@kernel
def replace_key(heap, at, count, i, key, tie):
    """Give the entry at index `i` another key."""
    item = heap[i]["item"]
    old = heap[i]["key"]
    if key < old or (key == old and tie < heap[i]["tie"]):
        _up(heap, at, i, key, tie, item)
    else:
        _down(heap, at, count, i, key, tie, item)
