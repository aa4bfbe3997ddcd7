"""The generator of rounds: what the issue asks of its instances, and one seed one round."""

from __future__ import annotations

import numpy as np
import pytest

from dure.programme.award import Group
from dure.programme.draw import draw


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_round_is_as_described(seed: int) -> None:
    terms, c, k = draw(seed, 2000)
    assert (len(terms.tracks), k.lots.shape) == (6, (12, 12))
    assert 190 <= len(np.unique(c.institution)) <= 200
    assert int(terms.envelope.sum()) == k.total
    assert terms.set_asides == ((Group.STARTUP, 200), (Group.REGIONS, 300), (Group.JOINT, 100))
    assert terms.institution_cap == k.total // 20
    largest = np.sort(np.bincount(c.institution))[::-1] / len(c)
    assert largest[0] > 0.05 > largest[3]
    assert largest[100] < 0.01
    outside = ((c.groups & Group.REGIONS) > 0)[np.unique(c.institution, return_index=True)[1]].mean()
    assert 0.25 < outside < 0.55  # 60 % of institutions are in one region
    assert c.start.min() == 0
    assert (c.start + c.months).max() == 12
    assert (c.months >= 1).all()
    assert np.log(c.lots).mean() == pytest.approx(2.0, abs=0.2)
    assert np.log(c.lots).std() == pytest.approx(1.0, abs=0.15)
    options = np.bincount(c.option_of)
    assert (options.min(), options.max()) == (1, 4)
    assert c.option_exchange.min() >= 500
    assert c.option_exchange.max() <= 2000
    assert (c.least / c.ask).min() >= 0.25
    assert (c.least <= c.ask).all()
    assert (c.ask == c.lots * c.lot).all()
    wanted = (c.lots * c.months).sum() / k.lots.sum()
    assert wanted == pytest.approx(3, rel=0.02)  # capacity is a third of the asks, in server-months


def test_a_candidate_accepts_each_pool_once() -> None:
    _, c, _ = draw(4, 500)
    pairs = np.stack([c.option_of, c.option_pool])
    assert np.unique(pairs, axis=1).shape == pairs.shape


def test_one_seed_one_round() -> None:
    first, same, other = draw(5, 50), draw(5, 50), draw(6, 50)
    assert first[1].ask.tolist() == same[1].ask.tolist() != other[1].ask.tolist()
    assert first[2].lots.tolist() == same[2].lots.tolist() != other[2].lots.tolist()
