"""Placement scores against their definitions, worked by hand or written out plainly."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import exp
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.kernels import codes, scores
from dure.kernels.layout import NODE, SHAPE
from dure.kernels.scores import PRICES, TYPICAL, Tables, choose_device, knapsack, score
from dure.scheduler import prices
from dure.scheduler.policies import Placement

WIDTH = 8
EVERYWHERE = (1 << 62) - 1


def node(left, cores=96_000, cores_free=None, pool=0, classes=0):
    """One node whose devices have so much left: (NODE[1], left)."""
    rows = np.zeros(1, NODE)
    rows["devices"], rows["pool"], rows["classes"] = len(left), pool, classes
    rows["cores"], rows["cores_free"] = cores, cores if cores_free is None else cores_free
    rows["free"] = sum(x == 1000 for x in left)
    rows["max_left"], rows["total_left"] = max(left, default=0), sum(left)
    return rows, np.array([*left, *[0] * (WIDTH - len(left))], np.int32)


def shape(count=1, share=1000, cores=0):
    row = np.zeros(1, SHAPE)
    row["count"], row["share"], row["cores"], row["mask"] = count, share, cores, EVERYWHERE
    return row[0]


def typical(*rows):
    return np.array([(c, s, n, m, w) for c, s, n, m, w in rows], TYPICAL)


def tables(jobs=(), waste=None, scarcity=None, cores_per_device=1.0, shortage=0.0, idle=0.0):
    price = np.array([(cores_per_device, shortage, idle)], PRICES)
    return Tables(
        typical(*jobs),
        np.zeros(1001) if waste is None else waste,
        np.zeros(62) if scarcity is None else scarcity,
        price,
        np.array([128_000, 8_000], np.int64),
    )


@pytest.mark.parametrize(
    ("code", "left", "classes", "job", "expected"),
    [
        # 100 (1 - 0.5 (96 - 16) / 128 - 0.5 (8 - 2) / 8) = 31.25
        (codes.PLACE_BEST_FIT_CORES, [1000] * 8, 0, (2, 1000, 16_000), -31),
        # 100 (1 - (96/128 x 16/128 + 8/8 x 2/8) / 2) = 82.8
        (codes.PLACE_DOT_PRODUCT, [1000] * 8, 0, (2, 1000, 16_000), -82),
        (codes.PLACE_PACKING, [1000] * 8, 0, (1, 1000, 0), -25),  # a free node: 33 - 8
        (codes.PLACE_PACKING, [0, 1000, 1000], 2, (2, 1000, 0), -48),  # free devices of a node in use: 50 - 2
        (codes.PLACE_PACKING, [460, 1000], 1, (1, 300, 0), -96),  # a shared device with 46 % left: 100 - 4
        (codes.PLACE_PACKING, [460, 1000], 1, (1, 600, 0), -49),  # only the free device will do
        (codes.PLACE_PACKING, [460, 1000], 1, (0, 1000, 4_000), 0),  # cores alone
        (codes.PLACE_CLUSTERING, [1000, 0], 1 << 1, (1, 1000, 0), -96),  # its own class alone: 25 x 7/8 + 75
        (codes.PLACE_CLUSTERING, [1000, 0], 1 << 1 | 1, (1, 1000, 0), -71),  # with others
        (codes.PLACE_CLUSTERING, [1000, 1000], 0, (1, 1000, 0), -43),  # none: 25 x 6/8 + 25
        (codes.PLACE_CLUSTERING, [1000, 500], 1, (1, 1000, 0), -20),  # only others: 25 x 6.5/8
        (codes.PLACE_CLUSTERING, [1000, 500], 1, (1, 300, 0), -95),  # shares are one class
    ],
)
def test_published_scores(code, left, classes, job, expected):
    nodes, shares = node(left, classes=classes)
    assert score(code, nodes, shares, WIDTH, 0, shape(*job), tables()) == expected


def test_codes_agree_with_the_enum():
    for part in Placement:
        assert getattr(codes, f"PLACE_{part.name}") == part


class PlainNode:
    """F(node) of FGD, straight from its definition."""

    def __init__(self, left, cores, pool):
        self.left, self.cores, self.pool = list(left), cores, pool

    def lost_to(self, cores, share, count, mask):
        large = [x for x in self.left if x >= share]
        if count == 0 or not mask >> self.pool & 1 or self.cores < cores or len(large) < count:
            return sum(self.left)
        return sum(x for x in self.left if x < share)

    def fragment(self, jobs):
        return sum(w * self.lost_to(*job) for *job, w in jobs)


left_shares = st.lists(st.sampled_from([0, 190, 350, 500, 810, 1000]), min_size=1, max_size=WIDTH)
kinds = st.tuples(
    st.sampled_from([0, 4_000, 16_000]),
    st.sampled_from([190, 350, 810, 1000]),
    st.sampled_from([0, 1, 2, 4]),
    st.sampled_from([0b01, 0b10, EVERYWHERE]),
)


@settings(max_examples=60, deadline=None)
@given(left=left_shares, cores=st.sampled_from([0, 8_000, 20_000]), jobs=st.lists(kinds, min_size=1), data=st.data())
def test_fgd_is_the_fall_of_expected_fragmentation(left, cores, jobs, data):
    rows = [(c, s if n in (0, 1) else 1000, n, m, 1 / len(jobs)) for c, s, n, m in jobs]
    before = PlainNode(left, cores, pool=1)
    nodes, shares = node(left, cores_free=cores, pool=1)
    table = tables(rows)
    asked = data.draw(st.sampled_from([0, min(cores, 4_000)]))
    share = data.draw(st.sampled_from([190, 350, 810]))
    best, device = None, -1
    for d, room in enumerate(left):
        if room >= share:
            after = PlainNode([x - share * (e == d) for e, x in enumerate(left)], cores - asked, 1)
            value = int(100 / (1 + exp(-(before.fragment(rows) - after.fragment(rows)) / 1000)))
            if best is None or value > best:
                best, device = value, d
    if best is not None:
        job = shape(1, share, asked)
        assert score(codes.PLACE_FGD, nodes, shares, WIDTH, 0, job, table) == -best
        assert choose_device(codes.PLACE_FGD, nodes, shares, WIDTH, 0, job, table) == device
    free = sum(x == 1000 for x in left)
    if free:
        taken = data.draw(st.integers(1, free))
        rest = [x for x in left if x < 1000] + [1000] * (free - taken)
        after = PlainNode(rest, cores - asked, 1)
        value = int(100 / (1 + exp(-(before.fragment(rows) - after.fragment(rows)) / 1000)))
        assert score(codes.PLACE_FGD, nodes, shares, WIDTH, 0, shape(taken, 1000, asked), table) == -value


def test_baselines_put_a_share_on_the_tightest_device():
    nodes, shares = node([1000, 500, 350, 350])
    for code in (codes.PLACE_BEST_FIT_CORES, codes.PLACE_DOT_PRODUCT, codes.PLACE_PACKING, codes.PLACE_CLUSTERING):
        assert choose_device(code, nodes, shares, WIDTH, 0, shape(1, 300), tables()) == 2


def test_price_is_worked_by_hand():
    waste = np.zeros(1001)
    waste[190], waste[350], waste[540] = 0.19, 0.01, 0.14
    scarcity = np.zeros(62)
    scarcity[3] = 0.5
    table = tables(waste=waste, scarcity=scarcity, cores_per_device=10_000, shortage=1.0, idle=0.05)
    nodes, shares = node([540, 1000], cores_free=12_000, pool=3)
    # 1.54 idle devices beside cores for 1.2; after it 1.19 beside 0.9
    shortage = (1.19 - 0.9) - (1.54 - 1.2)
    on_first, on_second = waste[190] - waste[540], waste[650] - waste[1000]
    assert on_second < on_first
    job = shape(1, 350, 3_000)
    expected = shortage + 0.5 * 0.35 + 0.05 * 1.19 / 2 + on_second
    assert score(codes.PLACE_PRICE, nodes, shares, WIDTH, 0, job, table) == pytest.approx(expected)
    assert choose_device(codes.PLACE_PRICE, nodes, shares, WIDTH, 0, job, table) == 1
    # a job on cores alone makes the shortage worse by cores for 0.8 of a device
    expected = 0.8 + 0.05 * 1.54 / 2
    assert score(codes.PLACE_PRICE, nodes, shares, WIDTH, 0, shape(0, 1000, 8_000), table) == pytest.approx(expected)
    nodes["cores_free"] = 90_000  # where cores are plenty it costs nothing
    assert score(codes.PLACE_PRICE, nodes, shares, WIDTH, 0, shape(0, 1000, 8_000), table) == pytest.approx(0.0385)


@settings(max_examples=40, deadline=None)
@given(
    items=st.dictionaries(st.integers(200, 1000), st.floats(0.01, 1), min_size=1, max_size=4),
    room=st.integers(0, 1000),
)
def test_knapsack_is_the_best_of_all_sets(items, room):
    sizes, worths = np.array([*items], np.int64), np.array([*items.values()])
    best, pattern = knapsack(sizes, worths)
    sets = [c for n in range(6) for c in combinations_with_replacement(range(len(items)), n)]
    for milli in (room, 1000):
        assert best[milli] == pytest.approx(max(sum(worths[list(c)]) for c in sets if sum(sizes[list(c)]) <= milli))
    assert pattern @ sizes <= 1000
    assert pattern @ worths == pytest.approx(best[1000])


def test_waste_of_shares_in_a_mix_that_can_be_cut_without_loss(monkeypatch):
    monkeypatch.setattr(prices, "CHANCE", 0.0)
    jobs = typical((0, 600, 1, EVERYWHERE, 0.5), (0, 400, 1, EVERYWHERE, 0.5))
    waste = prices.waste_of_shares(jobs)
    assert waste[1000] == waste[0] == 0
    assert waste[399] == pytest.approx(0.399)  # nothing fits
    assert waste[600] + waste[400] == pytest.approx(0)  # a pair fills a device
    assert waste[800] == pytest.approx(0.8 - max(2 * (0.4 - waste[400]), 0.6 - waste[600]))


def test_shares_that_pair_with_nothing_cost_a_device(monkeypatch):
    monkeypatch.setattr(prices, "CHANCE", 0.0)
    waste = prices.waste_of_shares(typical((0, 810, 1, EVERYWHERE, 1.0)))
    assert waste[190] == pytest.approx(0.19)
    assert waste[810] == pytest.approx(-0.19)  # what is left of such a job is as good as a whole device


def test_shares_that_come_by_chance(monkeypatch):
    monkeypatch.setattr(prices, "CHANCE", 1.0)
    waste = prices.waste_of_shares(typical((0, 300, 1, EVERYWHERE, 0.75), (0, 500, 1, EVERYWHERE, 0.25)))
    assert waste[400] == pytest.approx(0.1)  # only 300 fits
    # 800: 300 with 3 to 1 (then 500, in which one of either fits), or 500 (then 300)
    assert waste[800] == pytest.approx(0.8 - (0.75 * (0.3 + 0.75 * 0.3 + 0.25 * 0.5) + 0.25 * (0.5 + 0.3)))


def test_scarcity_spreads_each_job_over_what_it_may_use():
    pools = (SimpleNamespace(nodes=1, accelerators_per_node=6), SimpleNamespace(nodes=2, accelerators_per_node=1))
    fleet = SimpleNamespace(pools=pools)
    jobs = typical((0, 1000, 1, 0b11, 0.5), (0, 1000, 1, 0b10, 0.5))
    # half the demand over 8 accelerators, half over the 2 of the second pool; the mean is 1/8 an accelerator
    expected = np.array([0.5 / 8, 0.5 / 8 + 0.5 / 2]) * 8
    assert prices.scarcity_of_pools(jobs, fleet)[:2] == pytest.approx(expected)


def test_typical_jobs_cover_most_and_join_memory_sizes():
    rows = np.zeros(4, SHAPE)
    rows["count"], rows["share"], rows["mask"] = [1, 1, 1, 0], [500, 500, 1000, 1000], 0b1
    rows["memory"] = [1, 2, 3, 4]
    found = SimpleNamespace(shapes=rows, jobs=np.array([50, 46, 1, 3]), never=np.zeros(4, np.int8))
    jobs = prices.typical_jobs(found)
    assert [(j["share"], j["count"]) for j in jobs] == [(500, 1)]
    assert jobs["weight"].sum() == pytest.approx(1)
    found.never[0] = 1  # a kind that can never run is nobody's loss
    assert len(prices.typical_jobs(found)) == 2


def test_nothing_known_prices_nothing():
    empty = np.zeros(0, TYPICAL)
    assert not prices.waste_of_shares(empty).any()
    nodes, shares = node([1000, 1000])
    assert score(codes.PLACE_FGD, nodes, shares, WIDTH, 0, shape(), tables()) == -50
    assert choose_device(codes.PLACE_FGD, nodes, shares, WIDTH, 0, shape(), tables()) == scores.NO_DEVICE
