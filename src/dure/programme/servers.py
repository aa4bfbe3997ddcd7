"""The mixed-integer programme of the `optimal` rule over servers, for a part of all candidates and lots, and its search.

For each candidate x (awarded or not), whole lots n of each option, and how much of each quarter of its ask it gets above
the least useful part. What is let in comes from the prices of `columns`: only lots that near-optimal ways use, and
candidates that are certainly awarded are fixed. HiGHS finds good awards of such a part in seconds; the bound is not its
business but that of `columns`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dure.programme.award import Ints
from dure.programme.certificate import worths
from dure.programme.columns import QUARTERS, SLOPES, Floats, Prices, Programme, worth_of_part
from dure.programme.whole import within

_WHOLE: Final = 0.5


@dataclass(frozen=True)
class Part:
    """What of a programme is searched: R candidates, N of their options."""

    rows: Ints  # [R]
    certain: NDArray[np.bool_]  # [R] surely awarded
    options: Ints  # [N]
    least: Ints  # [N] lots of each at least
    most: Ints  # [N] and at most


def near(programme: Programme, prices: Prices, keep: Ints, reduced: float, ways: int, sure: float) -> Part:
    """The candidates and lots of ways within `reduced` of the best of their candidate, at most so many of each, and of
    the ways `keep`. All there is where `reduced` is infinite."""
    p, w = programme, programme.ways
    net, _ = p.reduced(prices)
    best = np.maximum.reduceat(net, w.first)
    sizes = p.ends - w.first
    order = np.lexsort((-net, w.row))
    rank = np.empty(len(net), np.int64)
    rank[order] = np.arange(len(net)) - np.repeat(w.first, sizes)
    inside = np.repeat(np.maximum(best, 0), sizes) - net <= reduced
    if np.isfinite(reduced):
        inside &= rank < ways
    inside[keep] = True
    chosen = np.flatnonzero(inside)
    most = np.zeros(p.use.shape[0], np.int64)
    np.maximum.at(most, w.option[chosen].ravel(), w.lots[chosen].ravel())
    rows = np.unique(w.row[chosen])
    certain = np.zeros(len(p.candidates), bool)
    certain[w.rows] = best > sure
    least = np.where(certain[p.candidates.option_of], most, 0)
    np.minimum.at(least, w.option[chosen].ravel(), w.lots[chosen].ravel())
    if not np.isfinite(reduced):
        most = p.most_lots
    options = np.flatnonzero((most > 0) & np.isin(p.candidates.option_of, rows))
    return Part(rows, certain[rows], options, least[options], most[options])


@dataclass(frozen=True)
class Servers:
    """The programme over a part. Columns: x [R], lots [N], quarters [4R], domestic parts [R] (where they matter)."""

    programme: Programme
    part: Part

    @property
    def low(self) -> Floats:
        """[R] least useful part of the ask."""
        c, rows = self.programme.candidates, self.part.rows
        return np.asarray(np.maximum(c.least[rows], 1) / c.ask[rows])

    def model(self) -> Any:
        """The programme for the solver, which minimises."""
        p, part, low = self.programme, self.part, self.low
        size, count = len(part.rows), len(part.options)
        ends = np.arange(1, QUARTERS + 1) / QUARTERS
        room = np.clip(ends - np.maximum(low[:, None], ends - 1 / QUARTERS), 0, None)  # [R, 4]
        blocks, most = self._blocks(low, room)
        matrix = sparse.block_array(blocks, format="csr")
        matrix.eliminate_zeros()
        weight = p.weight[part.rows]
        lp = highspy.HighsLp()
        homes = size if p.home.any() else 0
        cost = [weight * worth_of_part(low), np.zeros(count), (weight[:, None] * SLOPES).ravel(), np.zeros(homes)]
        lp.col_cost_ = -np.concatenate(cost)
        lp.col_lower_ = np.concatenate(
            [part.certain.astype(float), part.least.astype(float), np.zeros(QUARTERS * size + homes)]
        )
        lp.col_upper_ = np.concatenate([np.ones(size), part.most.astype(float), room.ravel(), np.ones(homes)])
        lp.num_row_, lp.num_col_ = matrix.shape
        lp.row_lower_, lp.row_upper_ = np.full(len(most), -highspy.kHighsInf), most
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
        kinds = highspy.HighsVarType
        lp.integrality_ = [kinds.kInteger] * (size + count) + [kinds.kContinuous] * (QUARTERS * size + homes)
        return lp

    def _blocks(self, low: Floats, room: Floats) -> tuple[list[list[Any]], Floats]:
        """Blocks of rows over x, lots, quarters and domestic parts, and what each row is at most."""
        p, part, c = self.programme, self.part, self.programme.candidates
        size, count = len(part.rows), len(part.options)
        row = np.searchsorted(part.rows, c.option_of[part.options])
        lots = c.lots[part.rows].astype(float)
        each = worths(c)[part.options] / c.lot[c.option_of[part.options]]  # lots asked that a lot is worth
        cover = sparse.csr_array((each, (row, np.arange(count))), (size, count))
        quarters = (np.repeat(np.arange(size), QUARTERS), np.arange(QUARTERS * size))
        spread = sparse.csr_array((np.ones(QUARTERS * size), quarters), (size, QUARTERS * size))
        blocks = [
            [_diagonal(lots * low), -cover, sparse.csr_array(lots[:, None] * spread)],  # an award needs its lots
            [-sparse.csr_array(spread.T * room.ravel()[:, None]), None, _diagonal(np.ones(QUARTERS * size))],
        ]
        most = [np.zeros(size), np.zeros(QUARTERS * size)]
        unit = p.unit[:, part.rows] * (c.ask[part.rows] / p.scale)
        blocks.append(
            [sparse.csr_array(unit * low), _none(len(unit), count), sparse.csr_array(np.repeat(unit, QUARTERS, 1))]
        )
        most.append(p.most)
        lent = sparse.csr_array(p.use[part.options].T)
        blocks.append([_none(len(p.free), size), lent, None])
        most.append(p.free)
        if not p.home.any():
            return blocks, np.concatenate(most)
        home = p.capacity.domestic[c.option_pool[part.options]]
        blocks[2].append(sparse.csr_array(np.outer(p.home, c.ask[part.rows] / p.scale)))
        for block in (blocks[0], blocks[1], blocks[3]):
            block.append(None)
        blocks.append([None, -sparse.csr_array(cover * home), None, _diagonal(lots)])
        blocks.append([-_diagonal(low), None, -spread, _diagonal(np.ones(size))])
        return blocks, np.concatenate([*most, np.zeros(2 * size)])

    def start(self, amount: Ints, lots: Ints) -> Floats:
        """An award as the columns of the programme."""
        p, part, c = self.programme, self.part, self.programme.candidates
        given = amount[part.rows] / c.ask[part.rows]
        ends = np.arange(1, QUARTERS + 1) / QUARTERS
        quarters = np.clip(
            np.minimum(given[:, None], ends) - np.maximum(self.low[:, None], ends - 1 / QUARTERS), 0, None
        )
        columns = [(given > 0).astype(float), lots[part.options].astype(float), quarters.ravel()]
        if p.home.any():
            worth = worths(c)[part.options] * p.capacity.domestic[c.option_pool[part.options]] * lots[part.options]
            at_home = np.bincount(np.searchsorted(part.rows, c.option_of[part.options]), worth, len(part.rows))
            columns.append(np.minimum(given, at_home / c.ask[part.rows]))
        return np.concatenate(columns)

    def read(self, columns: Floats) -> tuple[Ints, Ints]:
        """Amounts [A] and lots [O], whole, from a solution: each within its own candidate's limits."""
        part, c = self.part, self.programme.candidates
        size, count = len(part.rows), len(part.options)
        given = columns[:size] > _WHOLE
        lots = np.zeros(len(c.option_of), np.int64)
        lots[part.options] = np.round(columns[size : size + count]).astype(np.int64)
        quarters = columns[size + count : size + count + QUARTERS * size].reshape(size, QUARTERS)
        amount = np.zeros(len(c), np.int64)
        parts = self.low + quarters.sum(axis=1)
        amount[part.rows] = np.where(given, np.round(parts * c.ask[part.rows]), 0).astype(np.int64)
        return within(c, amount, lots)


def _diagonal(values: Floats) -> Any:
    return sparse.dia_array((values[None, :], [0]), (len(values), len(values)))


def _none(rows: int, columns: int) -> Any:
    return sparse.csr_array((rows, columns))
