"""Set-asides that cannot hold together with each other or with other bounds: which they are, and how many units are short.

A set-aside is a share of what is awarded, so awarding nothing meets every one. They contradict each other where, even with
parts of lots, they leave less than a tenth of what could be awarded without them. A linear programme says so; its dual ray
names bounds that cannot hold together, of which those are left out that the contradiction does not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dure.errors import InputError
from dure.programme.award import Candidates, Capacity, Terms
from dure.programme.certificate import unit_rows, worths

LEAST_AWARDED_MILLI: Final = 100  # thousandths of what could be awarded without set-asides
_WORDS: Final = {
    "startup": "start-ups",
    "joint": "joint research",
    "regions": "the regions named",
    "domestic": "domestic chips",
}
_TOLERANCE: Final = 1e-9
Floats = NDArray[np.float64]


@dataclass
class _Relaxed:
    """The awards in parts of lots: columns are amounts [A], lots [O] and domestic amounts [A]; rows have names."""

    matrix: Any  # [N, A + O + A]
    most: Floats  # [N]
    upper: Floats  # [A + O + A]
    names: list[str]  # of the rows; empty: of the problem itself, never to be given up
    set_aside: NDArray[np.bool_]  # [N]
    scale: float  # milli-units in one unit of the programme
    candidates: int  # A


def refuse_contradictions(terms: Terms, candidates: Candidates, capacity: Capacity) -> None:
    """Raises InputError that names the set-asides and bounds which cannot hold together, and the units that are short."""
    if not any(share for _, share in terms.set_asides):
        return
    relaxed = _relaxed(terms, candidates, capacity)
    every = np.ones(len(relaxed.most), bool)
    total, _ = _solve(relaxed, every & ~relaxed.set_aside, 0.0)
    assert total is not None, "nothing awarded meets every bound but set-asides"
    least = total * LEAST_AWARDED_MILLI / 1000
    if total <= _TOLERANCE:
        return
    found, ray = _solve(relaxed, every, least)
    if found is not None:
        return
    needed = every.copy()
    named = np.array([bool(n) for n in relaxed.names])
    if ray is not None:
        needed = ~named | (np.abs(ray) > _TOLERANCE)
        if _solve(relaxed, needed, least)[0] is not None:  # the ray was not clean enough to trust
            needed = every.copy()
    for name in dict.fromkeys(relaxed.names[r] for r in np.flatnonzero(needed & named)):
        without = needed & np.array([n != name for n in relaxed.names])
        if _solve(relaxed, without, least)[0] is None:
            needed = without
    names = list(dict.fromkeys(relaxed.names[r] for r in np.flatnonzero(needed & named)))
    short = round(_shortfall(relaxed, least) * relaxed.scale)
    raise InputError(
        f"these cannot hold together: {', '.join(names)}; {short / 1000:,.0f} units are short of awarding "
        f"{least * relaxed.scale / 1000:,.0f}",
        field="set_asides",
        accepted=f"set-asides that leave at least {LEAST_AWARDED_MILLI // 10} % of what can be awarded without them",
    )


def _relaxed(terms: Terms, c: Candidates, k: Capacity) -> _Relaxed:
    count, options = len(c), len(c.option_of)
    scale = max(1.0, k.total / 1e4)
    worth = worths(c) / scale
    able = c.score > terms.cut_off
    cover = sparse.csr_array((worth, (c.option_of, np.arange(options))), (count, options))
    home = sparse.csr_array(cover * k.domestic[c.option_pool])
    one = sparse.dia_array((np.ones((1, count)), [0]), (count, count))
    blocks = [[one, -cover, None], [None, -home, one], [-one, None, one]]
    most = [np.zeros(3 * count)]
    names = [""] * (3 * count)
    set_aside = [np.zeros(3 * count, bool)]
    for row in unit_rows(terms, c, k):
        share = sparse.csr_array(row.share[None, :] / 1000)
        blocks.append(
            [share, sparse.csr_array((1, options)), sparse.csr_array(np.full((1, count), row.domestic / 1000))]
        )
        most.append(np.array([row.most / 1000 / scale]))
        names.append(_name(row.kind, row.name, terms))
        set_aside.append(np.array([row.kind == "set-aside"]))
    for p, pool in enumerate(k.pools):
        for month in range(k.lots.shape[1]):
            mine = (c.option_pool == p) & (c.start[c.option_of] <= month)
            mine &= month < (c.start + c.months)[c.option_of]
            if mine.any():
                blocks.append(
                    [sparse.csr_array((1, count)), sparse.csr_array(mine[None, :] * 1.0), sparse.csr_array((1, count))]
                )
                most.append(np.array([float(k.lots[p, month])]))
                names.append(f"capacity of pool {pool}")
                set_aside.append(np.zeros(1, bool))
    asks = np.where(able, c.ask, 0) / scale
    upper = np.concatenate([asks, np.full(options, highspy.kHighsInf), asks])
    matrix = sparse.block_array(blocks, format="csr")
    return _Relaxed(matrix, np.concatenate(most), upper, names, np.concatenate(set_aside), scale, count)


def _name(kind: str, name: str, terms: Terms) -> str:
    if kind != "set-aside":
        return {"envelope": f"envelope of track {name}", "total": "the total"}.get(
            kind, f"the cap of institution {name}"
        )
    share = next(s for g, s in terms.set_asides if (g if isinstance(g, str) else g.name.lower()) == name)
    return f"at least {share / 10:g} % for {_WORDS.get(name, name)}"


def _solve(relaxed: _Relaxed, rows: NDArray[np.bool_], least: float) -> tuple[float | None, Floats | None]:
    """The most that can be awarded under these rows, at least `least`; None, and a dual ray [N], where that cannot be."""
    amounts = np.zeros(len(relaxed.upper))
    amounts[: relaxed.candidates] = 1.0
    matrix = sparse.vstack([relaxed.matrix[np.flatnonzero(rows)], sparse.csr_array(-amounts[None, :])]).tocsr()
    solver = _solver(matrix, np.append(relaxed.most[rows], -least), relaxed.upper, -amounts)
    solver.run()
    if solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
        return -solver.getInfo().objective_function_value, None
    _, has, ray = solver.getDualRay()
    if not has:
        return None, None
    full = np.zeros(len(rows))
    full[rows] = np.array(ray)[:-1]
    return None, full


def _shortfall(relaxed: _Relaxed, least: float) -> float:
    """By how much set-asides must be missed, all together, to award `least`."""
    asides = np.flatnonzero(relaxed.set_aside)
    amounts = np.zeros(len(relaxed.upper) + len(asides))
    amounts[: relaxed.candidates] = 1.0
    miss = sparse.csr_array((-np.ones(len(asides)), (asides, np.arange(len(asides)))), (len(relaxed.most), len(asides)))
    matrix = sparse.vstack([sparse.hstack([relaxed.matrix, miss]), sparse.csr_array(-amounts[None, :])]).tocsr()
    cost = np.concatenate([np.zeros(len(relaxed.upper)), np.ones(len(asides))])
    upper = np.concatenate([relaxed.upper, np.full(len(asides), highspy.kHighsInf)])
    solver = _solver(matrix, np.append(relaxed.most, -least), upper, cost)
    solver.run()
    return float(solver.getInfo().objective_function_value)


def _solver(matrix: Any, most: Floats, upper: Floats, cost: Floats) -> Any:
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, np.zeros(len(upper)), upper
    lp.row_lower_, lp.row_upper_ = np.full(len(most), -highspy.kHighsInf), most
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    solver = highspy.Highs()
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("presolve", "off")  # a dual ray is of the programme as it was given
    solver.passModel(lp)
    return solver
