"""`lottery`: tiers by score, and a public draw where a tier asks for more than there is."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from dure.programme.award import Awards, Bound, Candidates, Capacity, Terms
from dure.programme.rules.filling import SKIP, Parameter, answer, draws, fill, limits, read_parameters

VERSION = 1
_FAR = 2**31
PARAMETERS = {
    "top": Parameter(4000, "milli-points: above it is the top tier", 0, _FAR),
    "middle": Parameter(0, "milli-points: above it (and above the cut-off) is the middle tier", 0, _FAR),
    "skip": SKIP,
}
_BOTTOM = 2


def lottery_seed(call_hash: bytes, beacon: str) -> int:
    """The seed of a draw: the first 63 bits of SHA-256 of the signed call's hash followed by the beacon's text.

    The call names, before it closes, which public value of which later moment is its beacon: nobody can know the
    seed while applications can still be changed, and anybody can compute it after.
    """
    return int.from_bytes(sha256(call_hash + beacon.encode()).digest()[:8], "big") >> 1


def award(terms: Terms, candidates: Candidates, capacity: Capacity, seed: int) -> Awards:
    """In each track: all of the top tier before any of the middle one, inside a tier by draw; the bottom gets nothing.

    The draw of an application is the first 53 bits of SHA-256 of `SEED:ID`, lower first: it depends on nobody else,
    and each can check its own. Who is reached gets its ask or what is left of the envelope, in whole lots, if that is
    useful; `skip` as in `ranked`. Where a tier fits whole the draw decides nothing in it. Monotone in score: a higher
    tier never gets less. Not promised: that a smaller ask gets no smaller part.

    Source: UK AI Research Resource, open access call of 2026 (top tier first with partial randomisation as required,
    middle tier by partial randomisation until the budget is exhausted, each pool with a budget of its own). Where the
    tiers begin is ours: the top at "excellent" (4.1 of 5) of Canada's research alliance.
    """
    p = read_parameters(terms.parameters, PARAMETERS)
    draw = draws(seed, candidates.ids)
    tier = np.where(candidates.score > max(p["middle"], terms.cut_off), 1, _BOTTOM)
    tier[(tier == 1) & (candidates.score > p["top"])] = 0
    order = np.lexsort((draw, tier))
    amount, bounds = fill(
        order[tier[order] < _BOTTOM], candidates, limits(terms, candidates, capacity, closes=not p["skip"])
    )
    unlucky = (amount == 0) & np.isin(bounds, (Bound.ENVELOPE, Bound.CAPACITY))
    bounds[unlucky] = Bound.DRAW
    place = np.zeros(len(candidates), np.int64)
    place[order] = np.arange(1, len(candidates) + 1)
    trace = {"tier": tier + 1, "draw": draw, "place": place}
    return answer(("lottery", VERSION, seed), candidates, (amount, bounds), order, trace)
