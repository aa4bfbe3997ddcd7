"""A solver's award in whole numbers: cut, deterministically, until every bound holds exactly."""

from __future__ import annotations

import numpy as np

from dure.programme.award import Candidates, Capacity, Ints, Terms
from dure.programme.certificate import UnitRow, unit_rows, worths
from dure.programme.columns import uses


def within(candidates: Candidates, amount: Ints, lots: Ints) -> tuple[Ints, Ints]:
    """Amounts between the least useful part and what the lots cover; nothing, and no lots, where that cannot be."""
    c = candidates
    cover = np.zeros(len(c), np.int64)
    np.add.at(cover, c.option_of, lots * worths(c))
    most, least = np.minimum(cover, c.ask), np.maximum(c.least, 1)
    amount = np.where((amount > 0) & (most >= least), np.clip(amount, least, np.maximum(most, least)), 0)
    return amount, np.where(amount[c.option_of] > 0, lots, 0)


def repair(amount: Ints, lots: Ints, terms: Terms, candidates: Candidates, capacity: Capacity) -> tuple[Ints, Ints]:
    """The award cut until every bound holds: lots where a pool lends too many; where there are too many units, first what
    is above least useful parts, then whole awards. The lowest score first, of equals the last row."""
    c = candidates
    rows = unit_rows(terms, c, capacity)
    order = np.lexsort((-np.arange(len(c)), c.score))
    place = np.argsort(order)
    lots = lots.copy()
    use, free = uses(c, capacity), capacity.lots.ravel()
    while (crowded := np.flatnonzero(lots @ use > free)).size:
        options = np.flatnonzero((use[:, [crowded[0]]].toarray().ravel() > 0) & (lots > 0))
        lots[options[np.argmin(place[c.option_of[options]])]] -= 1
    amount, lots = within(c, amount, lots)
    while True:
        home = np.zeros(len(c), np.int64)
        np.add.at(home, c.option_of, lots * worths(c) * capacity.domestic[c.option_pool])
        for row in rows:
            if (excess := _held(row, amount, home) - row.most) > 0:
                amount = _cut(row, amount, home, excess, order, np.maximum(c.least, 1))
                break
        else:
            return within(c, amount, lots)
        lots = np.where(amount[c.option_of] > 0, lots, 0)


def fill(amount: Ints, lots: Ints, terms: Terms, candidates: Candidates, capacity: Capacity) -> Ints:
    """Lawful amounts raised to what their lots cover, the highest score first, as far as the bounds on units let them."""
    c = candidates
    rows = unit_rows(terms, c, capacity)
    cover, home = np.zeros(len(c), np.int64), np.zeros(len(c), np.int64)
    np.add.at(cover, c.option_of, lots * worths(c))
    np.add.at(home, c.option_of, lots * worths(c) * capacity.domestic[c.option_pool])
    left = [row.most - _held(row, amount, home) for row in rows]
    more = np.where(amount > 0, np.minimum(cover, c.ask) - amount, 0)
    amount = amount.copy()
    for i in np.lexsort((np.arange(len(c)), -c.score)).tolist():
        if not more[i]:
            continue
        share = [int(row.share[i]) for row in rows]
        room = min((rest // s for rest, s in zip(left, share) if s > 0), default=int(more[i]))
        add = min(int(more[i]), room)
        at_home = min(int(amount[i]) + add, int(home[i])) - min(int(amount[i]), int(home[i]))
        left = [rest - s * add - row.domestic * at_home for rest, s, row in zip(left, share, rows)]
        amount[i] += add
    return amount


def _held(row: UnitRow, amount: Ints, home: Ints) -> int:
    """What a bound on units limits, in thousandths of milli-units; exact beyond 64 bits."""
    domestic = row.domestic * int(np.minimum(amount, home).sum()) if row.domestic else 0
    return int((row.share.astype(object) * amount).sum()) + domestic


def _cut(row: UnitRow, amount: Ints, home: Ints, excess: int, order: Ints, least: Ints) -> Ints:
    """Less for those who add to a bound, until `excess` is gone or one award with it."""
    amount = amount.copy()
    floor = np.maximum(least, home) if row.domestic else least
    for i in order[(row.share > 0)[order] & (amount > floor)[order]].tolist():
        cut = min(int(amount[i] - floor[i]), -(-excess // int(row.share[i])))
        amount[i] -= cut
        excess -= cut * int(row.share[i])
        if excess <= 0:
            return amount
    adds = row.share * np.sign(amount) + (row.domestic * (amount <= home) if row.domestic else 0)
    amount[next(i for i in order.tolist() if amount[i] and adds[i] > 0)] = 0
    return amount
