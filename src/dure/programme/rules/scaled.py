"""`scaled`: the way of Canada's research alliance: by score, size of the ask and marginal brackets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dure.programme.award import Awards, Candidates, Capacity, Ints, Terms
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
from dure.programme.rules.proportional import let_in
from dure.units import MILLI

VERSION = 1
_UNITS = 10**12
PARAMETERS = {
    "scale": Parameter(1000, "thousandths of the median ask: the size at which the decay takes hold", 1, 10**6),
    "decay": Parameter(100, "thousandths: power of the decay in the size of the ask"),
    "bonus": Parameter(200, "thousandths of its ask that a tiny ask of the lowest score is lifted to"),
    "edge_1": Parameter(0, "units where the second bracket begins; 0: the 318th thousandth of the asks", 0, _UNITS),
    "edge_2": Parameter(0, "units where the third bracket begins; 0: the 834th thousandth of the asks", 0, _UNITS),
    "keep_2": Parameter(760, "thousandths kept of the part of an ask in the second bracket", 10),
    "keep_3": Parameter(620, "thousandths kept of the part in the third bracket", 10),
    "guard": Parameter(0, "units below which nobody let in is cut", 0, _UNITS),
}
_EDGES_AT = (318, 834)  # 31.8 % of applicants asked for less than the first edge of 2021, 51.6 % up to the second
_ROOTS = 20  # the power is rounded to 2^-20
_FINE = 28  # bits of a knob's mantissa that stay zero: it moves in steps of 2^-24
_KNOBS = tuple(int(np.float64(2.0**e).view(np.int64)) >> _FINE for e in (-64, 64))


def award(terms: Terms, candidates: Candidates, capacity: Capacity, seed: int) -> Awards:
    """In each track `award = max(guard, P(k x ask x f))`, at most the ask; one knob k so that the envelope is met.

        f = F d + (1 - F) b     F: part of the scores above the cut-off that are not higher (their empirical CDF)
        d = (1 + ask/c)^-decay  c = scale x the median ask: large asks are discounted, small ones hardly
        b = bonus / (1 + ask/c) small asks of low score keep a part
        P                       `brackets`: marginal rates, as of an income tax

    The guard is the least useful part, or `guard` units (or the ask) if that is more; where the guards do not all
    fit, the highest scores that fit are let in. Amounts are rounded down to whole lots; at the knob's last step the
    higher score is served first, and the first that does not fit ends it, so that less than its lot is left. An
    institution above its cap is cut to it from its lowest scores, and k is solved anew for the others.

    Monotone in score; at equal scores and least parts a smaller ask gets no larger award, and no smaller part of its
    ask (up to one lot). All as long as no institution reaches its cap.

    Source: "CPU Scaling Functions", Digital Research Alliance of Canada, 2022 (slides): empirical CDF, decay in size,
    bonus, brackets of 24 % and 38 % off, guard. Its formulas of f are pictures and its constants not given: the shapes
    of d and b, and all defaults but brackets and the bonus of 20 %, are ours. b falls as a hyperbola and with F where
    the slides say exponentially, as otherwise a larger ask or a higher score could get less. The knob is ours.
    """
    p = read_parameters(terms.parameters, PARAMETERS)
    order = by_score(candidates, draws(seed, candidates.ids))
    order_in = order[candidates.score[order] > terms.cut_off]
    room, bound = envelopes(terms, capacity)
    factor, edges, trace = _factors(candidates, order_in, len(room), p)
    guard = np.minimum(
        candidates.ask, np.maximum(least_lots(candidates), -(-p["guard"] * MILLI // candidates.lot) * candidates.lot)
    )
    keep = (MILLI, p["keep_2"], p["keep_3"])
    formula = trace["formula"]

    def solve(rows: Ints, left: list[int]) -> tuple[Ints, NDArray[np.int8]]:
        inside, bounds = let_in(order_in, rows, candidates.track, guard, left, bound)
        turn = order_in[inside[order_in]]  # by score, so that the last step serves the higher score first
        turn = turn[np.argsort(candidates.track[turn], kind="stable")]
        track, ask, lot, floor = (c[turn] for c in (candidates.track, candidates.ask, candidates.lot, guard))
        pull, bends = ask * factor[turn], edges[:, track]

        def amounts(knob: Ints) -> tuple[Ints, Ints]:
            raised = np.minimum(pull * (knob << _FINE).view(np.float64)[track], 2.0**53).astype(np.int64)
            cut = np.clip(brackets(raised, bends, keep), floor, ask)
            return cut, np.maximum(cut // lot * lot, floor)

        knob = _knobs(amounts, track, left)
        formula[turn], low = amounts(knob)
        amount = np.zeros(len(candidates), np.int64)
        amount[turn] = _last_step(low, amounts(knob + 1)[1], lot, track, left)
        return amount[rows], bounds[rows]

    filled = within_institutions(terms, candidates, order_in, room, solve)
    return answer(("scaled", VERSION, seed), candidates, filled, order, trace)


def brackets(ask: Ints, edges: Sequence[int] | NDArray[np.int64], keep: Sequence[int]) -> Ints:
    """[A] Asks reduced by marginal brackets, rounded down: of each part of an ask between two edges a share is kept.

    `edges` ascend, in the unit of the asks ([B], or [B, A] if each ask has its own); `keep` [B + 1] in thousandths.
    With edges of 99 and 999 units and 1000, 760 and 620 kept, 161, 175 and 230 units come to 146, 157 and 199, as in
    the source of `scaled`. Exact as long as an ask is below 2^53.
    """
    kept, low = np.minimum(ask, edges[0]) * keep[0], edges[0]
    for high, share in zip([*edges[1:], None], keep[1:], strict=True):
        part = ask if high is None else np.minimum(ask, high)
        kept, low = kept + np.maximum(part - low, 0) * share, high
    return np.asarray(kept // MILLI, np.int64)


def _factors(
    candidates: Candidates, order: Ints, tracks: int, p: dict[str, int]
) -> tuple[NDArray[np.float64], Ints, dict[str, Ints]]:
    """f [A], edges [2, T] in milli-units, and the trace in thousandths. Only + - x / and roots: all machines agree."""
    n = len(candidates)
    ecdf, size, lift, edges = np.zeros(n), np.ones(n), np.zeros(n), np.zeros((2, tracks), np.int64)
    for track in range(tracks):
        own = order[candidates.track[order] == track]
        if not len(own):
            continue
        scores, asks = np.sort(candidates.score[own]), np.sort(candidates.ask[own])
        ecdf[own] = np.searchsorted(scores, candidates.score[own], "right") / len(own)
        centre = int(asks[(len(own) - 1) // 2]) * p["scale"]
        grown = 1.0 + candidates.ask[own] * float(MILLI) / centre
        size[own], lift[own] = 1.0 / _power(grown, p["decay"]), p["bonus"] / MILLI / grown
        for k, at in enumerate(_EDGES_AT):
            edges[k, track] = p[f"edge_{k + 1}"] * MILLI or asks[(len(own) - 1) * at // MILLI]
    edges[1] = np.maximum(edges[1], edges[0])
    factor = lift + ecdf * (size - lift)  # size >= lift always, so it rises with ecdf, in floats too
    trace = {k: np.rint(v * MILLI).astype(np.int64) for k, v in (("ecdf", ecdf), ("size", size), ("bonus", lift))}
    return factor, edges, {**trace, "formula": np.zeros(n, np.int64)}


def _power(base: NDArray[np.float64], milli: int) -> NDArray[np.float64]:
    """base^(milli/1000) by square roots, which round alike on every machine; the power to 2^-20."""
    bits, result, root = round(milli * 2**_ROOTS / MILLI), np.ones(len(base)), base
    if bits >> _ROOTS:
        return base
    for k in range(_ROOTS - 1, -1, -1):
        root = np.sqrt(root)
        result = result * root if bits >> k & 1 else result
    return result


def _knobs(amounts: Callable[[Ints], tuple[Ints, Ints]], track: Ints, room: list[int]) -> Ints:
    """[T] The highest step of each track's knob at which its awards fit; `track` ascends. By halving, all at once."""
    low, high = (np.full(len(room), step, np.int64) for step in _KNOBS)
    while (high - low).max(initial=0) > 1:
        middle = (low + high) // 2
        fits = _sums(amounts(middle)[1], track, len(room)) <= room
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return low


def _sums(amount: Ints, track: Ints, tracks: int) -> Ints:
    sums = np.concatenate(([0], amount.cumsum()))
    return np.diff(sums[np.searchsorted(track, np.arange(tracks + 1))])


def _last_step(low: Ints, high: Ints, lot: Ints, track: Ints, room: list[int]) -> Ints:
    """`low`, and in turn what the knob's next step adds, in lots, until one does not fit in its track."""
    amount, left = low.copy(), [u - int(s) for u, s in zip(room, _sums(low, track, len(room)), strict=True)]
    for k in np.flatnonzero(high > low).tolist():
        home, more = int(track[k]), int(high[k] - low[k])
        give = min(more, left[home] // int(lot[k]) * int(lot[k]))
        amount[k] += give
        left[home] = left[home] - give if give == more else 0
    return amount
