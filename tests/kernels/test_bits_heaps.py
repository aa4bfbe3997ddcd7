"""The data structures of the kernels against Python's own: sets, lists, dicts; Fair Tree against its definition."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.kernels import bits, heaps, packing, shares
from dure.kernels.layout import FAR, HEAPED
from tests import naive

QUICK = settings(max_examples=60, deadline=None)
GUARD = -7  # stands around the arrays: whoever writes there, writes where another set lies
# One word, two levels, three levels and four; at their edges and between.
SIZES = st.one_of(st.integers(1, 70), st.sampled_from([1023, 1024, 1025, 5000, 32 * 1024, 32 * 1024 + 1, 40_000]))
masks = st.integers(1, 2**62 - 1) | st.integers(0, 61).map(lambda d: 1 << d)


@QUICK
@given(masks)
def test_devices_of_a_mask(mask: int) -> None:
    devices = [d for d in range(62) if mask >> d & 1]
    assert bits.count_devices(mask) == len(devices)
    assert bits.bit_length(mask) == mask.bit_length()
    assert bits.lowest_device(mask) == devices[0]
    if mask < 2**32:
        assert bits.lowest(mask) == devices[0]


def test_no_device_in_an_empty_mask() -> None:
    assert bits.count_devices(0) == 0


@QUICK
@given(st.data(), SIZES, st.integers(0, 5))
def test_a_bitmap_is_a_set(data: st.DataObject, size: int, off: int) -> None:
    words = np.full(off + bits.length(size) + 3, GUARD, np.int64)
    words[off : off + bits.length(size)] = 0
    members: set[int] = set()
    position = st.integers(0, size - 1) | st.sampled_from([0, size - 1])
    for at in data.draw(st.lists(position, max_size=40)):
        (bits.remove if at in members else bits.insert)(words, off, size, at)
        members ^= {at}
        for probe in {0, at, at + 1, data.draw(position), size}:
            assert bits.following(words, off, size, probe) == min((m for m in members if m >= probe), default=-1)
    for at in members:  # twice is once
        bits.insert(words, off, size, at)
    assert [int(x) for x in iterate(words, off, size)] == sorted(members)
    around = [*words[:off], *words[off + bits.length(size) :]]
    assert around == [GUARD] * len(around)


def iterate(words, off, size):
    at = bits.following(words, off, size, 0)
    while at >= 0:
        yield at
        at = bits.following(words, off, size, at + 1)


@QUICK
@given(st.data(), SIZES)
def test_the_next_member_with_a_short_enough_limit(data: st.DataObject, size: int) -> None:
    """Members that come, go and come back with another limit, as jobs do that are stopped and wait again."""
    base = data.draw(st.integers(0, 3))
    words = np.zeros(bits.length(size), np.int64)
    least = np.full(bits.length(size), FAR, np.int64)
    limits = np.full(base + size, GUARD, np.int64)
    members: dict[int, int] = {}
    limit = st.integers(0, 9)
    for at in data.draw(st.lists(st.integers(0, size - 1), max_size=40)):
        if at in members:
            del members[at]
            bits.remove(words, 0, size, at)
            bits.raise_least(words, least, limits, base, 0, size, at)
        else:
            members[at] = limits[base + at] = data.draw(limit)
            bits.insert(words, 0, size, at)
            bits.lower_least(least, 0, size, at, members[at])
        probe, cap = data.draw(st.integers(0, size)), data.draw(limit)
        expected = min((m for m, value in members.items() if m >= probe and value <= cap), default=-1)
        assert bits.following_within(words, least, limits, base, 0, size, probe, cap) == expected
    assert least[-1] == min(members.values(), default=FAR)


entries = st.tuples(st.integers(-3, 3) | st.just(FAR), st.integers(0, 3))  # (key, tie): equal ones are likely


@QUICK
@given(st.data(), st.booleans())
def test_a_heap_gives_the_least_first(data: st.DataObject, indexed: bool) -> None:
    """Push, take from anywhere and change keys, beside a plain dict; what is left comes out in order."""
    capacity = 30
    heap = np.zeros(capacity, HEAPED)
    at = np.full(capacity if indexed else 0, -1, np.int64)
    count, inside = 0, {}
    for item, what in enumerate(data.draw(st.lists(st.sampled_from("ppprk"), max_size=capacity))):
        entry = data.draw(entries)
        chosen = data.draw(st.integers(0, count - 1)) if count else 0
        if what == "p":
            count = heaps.push(heap, at, count, *entry, item)
            inside[item] = entry
        elif count and what == "r":
            del inside[int(heap[chosen]["item"])]
            count = heaps.remove(heap, at, count, chosen)
        elif count:
            inside[int(heap[chosen]["item"])] = entry
            heaps.replace_key(heap, at, count, chosen, *entry)
        assert count == len(inside)
        if indexed:
            assert {i: int(heap[at[i]]["item"]) for i in range(capacity) if at[i] >= 0} == {i: i for i in inside}
    taken = []
    while count:
        taken.append((float(heap[0]["key"]), int(heap[0]["tie"]), int(heap[0]["item"])))
        count = heaps.remove(heap, at, count, 0)
    assert [t[:2] for t in taken] == sorted(inside.values())
    assert {item: (key, tie) for key, tie, item in taken} == inside
    assert (at == -1).all()


@QUICK
@given(st.integers(1, 3), st.lists(st.tuples(*[st.integers(-1, 2**40) | st.integers(0, 2)] * 3), max_size=60))
def test_jobs_are_grouped_by_all_their_columns(width: int, rows: list[tuple[int, int, int]]) -> None:
    table = np.array([row[:width] for row in rows], np.int64).reshape(-1, width).T.copy()
    groups, firsts = packing.group(table)
    number: dict[tuple[int, ...], int] = {}
    assert groups.tolist() == [number.setdefault(row[:width], len(number)) for row in rows]
    assert [tuple(table[:, i].tolist()) for i in firsts] == list(number)
    assert all(i == groups.tolist().index(g) for g, i in enumerate(firsts))


def test_more_groups_than_the_tables_begin_with() -> None:
    values = np.random.default_rng(1).integers(0, 9_000, 30_000)
    groups, firsts = packing.group(values.reshape(1, -1))
    assert len(firsts) == len(np.unique(values)) > 4096
    assert (values[firsts][groups] == values).all()
    assert (np.diff(firsts) > 0).all()


@QUICK
@given(st.lists(st.integers(-1, 4), max_size=50), st.randoms(), st.booleans())
def test_positions_follow_the_order_inside_each_class(job_class, random, ordered: bool) -> None:
    """-1 is a job without a class: refused, it has no position."""
    order = list(range(len(job_class)))
    if ordered:
        random.shuffle(order)
    queues = defaultdict(list)
    for job in order:
        queues[job_class[job]].append(job)
    given_order = np.array(order if ordered else [], np.int64)
    job_at, position, base, size = packing.place_jobs(np.array(job_class, np.int64), given_order, 5)
    assert [job_at[b : b + n].tolist() for b, n in zip(base, size)] == [queues[c] for c in range(5)]
    assert position.tolist() == [queues[c].index(j) if c >= 0 else -1 for j, c in enumerate(job_class)]


@QUICK
@given(st.lists(st.integers(0, 70) | st.sampled_from([1024, 1025, 40_000]), max_size=12))
def test_bitmaps_lie_side_by_side(sizes: list[int]) -> None:
    offsets, total = packing.word_offsets(np.array(sizes, np.int64))
    assert [*offsets.tolist(), total] == [sum(bits.length(n) for n in sizes[:i]) for i in range(len(sizes) + 1)]


@pytest.mark.parametrize(("size", "words"), [(1, 1), (32, 1), (33, 3), (1024, 33), (1025, 33 + 2 + 1), (2**20, 33825)])
def test_words_of_a_bitmap(size: int, words: int) -> None:
    assert bits.length(size) == words


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[tuple[str, str, int]], dict[str, float]]:
    """(name, parent, shares) of leaves and inner rows, each inner row with a child, and the usages of the leaves.

    Usages are whole numbers, whose sums are exact in any order: what ties for one ties for the other.
    """
    inner = draw(st.integers(0, 4))
    parents = ["", *(f"inner{i}" for i in range(inner))]
    rows = [(f"inner{i}", draw(st.sampled_from(parents[: i + 1])), draw(st.integers(0, 3))) for i in range(inner)]
    homes = parents[1:] + draw(st.lists(st.sampled_from(parents), min_size=1, max_size=5))
    leaves = [(f"leaf{i}", home, draw(st.integers(0, 3))) for i, home in enumerate(homes)]
    usage = {name: float(draw(st.integers(0, 4))) for name, _, _ in leaves}
    return leaves + rows, usage


@settings(max_examples=300, deadline=None)
@given(trees())
def test_fair_tree_against_its_definition(world: tuple[list[tuple[str, str, int]], dict[str, float]]) -> None:
    tree, usage = world
    row = {name: i for i, (name, _, _) in enumerate(tree)}
    used = np.zeros(len(tree))
    for name, value in usage.items():
        at = name
        while at:
            used[row[at]] += value
            at = tree[row[at]][1]
    parent = np.array([row.get(p, -1) for _, p, _ in tree], np.int64)
    leaf = np.array([name in usage for name, _, _ in tree], np.int64)
    fair = shares.fair_tree(parent, np.array([s for _, _, s in tree], np.int64), used, leaf)
    assert dict(zip(row, fair.tolist(), strict=True)) == dict.fromkeys(row, 0.0) | naive.fair_tree(tree, usage)


def test_a_leaf_below_an_inner_row_that_tied_with_a_leaf_shares_its_rank() -> None:
    """As in Slurm's fair_tree.c, where a tie of an account is handed down to the first of its children."""
    tree = [("user", "", 1), ("account", "", 1), ("below", "account", 1), ("last", "account", 0)]
    fair = shares.fair_tree(
        np.array([-1, -1, 1, 1]), np.array([1, 1, 1, 0]), np.array([2.0] * 3 + [0.0]), np.array([1, 0, 1, 1])
    )
    assert fair.tolist() == [1.0, 0.0, 1.0, 1 / 3]
    assert naive.fair_tree(tree, {"user": 2.0, "below": 2.0, "last": 0.0}) == {"user": 1.0, "below": 1.0, "last": 1 / 3}
