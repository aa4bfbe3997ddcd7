"""`proportional`: the same part of every ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dure.programme.award import Awards, Bound, Candidates, Capacity, Ints, Terms
from dure.programme.rules.filling import (
    Parameter,
    answer,
    by_score,
    draws,
    envelopes,
    least_lots,
    read_parameters,
    within_institutions,
)

VERSION = 1
PARAMETERS: dict[str, Parameter] = {}
_PARTS = 10**6


def award(terms: Terms, candidates: Candidates, capacity: Capacity, seed: int) -> Awards:
    """In each track `award = max(least, phi x ask)`, one phi <= 1 for all above the cut-off so that the envelope is met.

    Least useful parts come first: where they do not all fit, the highest scores that fit are let in. phi is exact
    (a ratio of whole numbers). Then whole lots by largest remainder: each gets its share rounded down, and the lots
    left over go to the largest remainders (to a millionth; then by draw), one each, as long as they fit. An institution
    above its cap is cut to it from its lowest scores, and phi is computed anew for the others.

    Monotone in score, and no smaller ask gets a smaller part than a larger one with the same least part, up to one
    lot; both as long as no institution reaches its cap.

    Source: proportional rationing; largest remainder (Hamilton) apportionment.
    """
    read_parameters(terms.parameters, PARAMETERS)
    luck, least = draws(seed, candidates.ids), least_lots(candidates)
    order = by_score(candidates, luck)
    order_in = order[candidates.score[order] > terms.cut_off]
    room, bound = envelopes(terms, capacity)
    exact = np.zeros(len(candidates), np.int64)

    def solve(rows: Ints, left: list[int]) -> tuple[Ints, NDArray[np.int8]]:
        amount = np.zeros(len(candidates), np.int64)
        inside, bounds = let_in(order_in, rows, candidates.track, least, left, bound)
        for track, units in enumerate(left):
            own = np.flatnonzero(inside & (candidates.track == track))
            asks, lots = candidates.ask[own], candidates.lot[own]
            exact[own], remainder = level(asks, least[own], lots, units)
            amount[own] = exact[own] // lots * lots
            spare = units - int(amount[own].sum())
            for k in np.lexsort((luck[own], -remainder)).tolist():
                if remainder[k] and lots[k] <= spare:
                    amount[own[k]] += lots[k]
                    spare -= int(lots[k])
        return amount[rows], bounds[rows]

    filled = within_institutions(terms, candidates, order_in, room, solve)
    return answer(("proportional", VERSION, seed), candidates, filled, order, {"formula": exact})


def let_in(
    order: Ints, rows: Ints, track: Ints, least: Ints, room: list[int], bound: Bound
) -> tuple[NDArray[np.bool_], NDArray[np.int8]]:
    """[A] Which of `rows` are let in: in `order`, those whose least useful part still fits; and bounds of all.

    One that is let in stays so with a higher score, and then changes nothing for the others.
    """
    inside, bounds, left = np.zeros(len(track), np.bool_), np.full(len(track), bound, np.int8), list(room)
    wanted = np.zeros(len(track), np.bool_)
    wanted[rows] = True
    turn = order[wanted[order]]
    for row, home, needed in zip(turn.tolist(), track[turn].tolist(), least[turn].tolist(), strict=True):
        if needed <= left[home]:
            left[home] -= needed
            inside[row] = True
    bounds[inside] = Bound.SCALED
    return inside, bounds


def level(asks: Ints, least: Ints, lots: Ints, units: int) -> tuple[Ints, Ints]:
    """`max(least, phi x ask)` in milli-units rounded down, and what rounding to lots cuts, in millionths of a lot.

    phi <= 1 is the ratio for which they sum to `units`; the least parts must fit. Exact, in Python's integers.
    """
    share, remainder = asks.copy(), np.zeros(len(asks), np.int64)
    if asks.sum() <= units:
        return share, remainder
    free = np.arange(len(asks))
    above, below = units, int(asks.sum())
    while len(free):
        wide, narrow = asks[free].astype(object), least[free].astype(object)
        stuck = narrow * below > wide * above  # the least part is more than phi = above / below of the ask
        if not stuck.any():
            share[free] = exact = wide * above // below
            whole = exact // lots[free] * lots[free]
            remainder[free] = (wide * above - whole * below) * _PARTS // (lots[free] * below)
            break
        share[free[stuck]] = least[free[stuck]]
        above, below = above - int(least[free[stuck]].sum()), below - int(asks[free[stuck]].sum())
        free = free[~stuck]
    return share, remainder
