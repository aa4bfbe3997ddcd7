"""The `optimal` rule's linear programme over *ways*: whole lots in acceptable pools that cover an award.

A candidate gets at most one way, and any amount from its least useful part to what the way covers. The programme has a row
for each candidate, each pool and month, and each bound on units (envelopes, total, institutions, set-asides); its columns
are pairs of a way and an amount, made when the prices say that they could help (column generation). Its value is far nearer
to the best award than that of the plain programme over servers: see `docs/decisions/0009-optimal-awards-by-highs.md`.

Floats throughout: nothing of it is published before `certificate` has checked it in whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dure.errors import InvariantBroken
from dure.programme.award import Candidates, Capacity, Ints, Terms
from dure.programme.certificate import PIECES, UnitRow, unit_rows, worths

Floats = NDArray[np.float64]

_GRID: Final = 20_000  # a candidate's ways are all looked at up to so many combinations of lots
_WAYS: Final = 2000  # ways kept of one candidate where there are more: single pools and pairs
_EPS: Final = 1e-6
QUARTERS: Final = len(PIECES)
SLOPES: Final = np.array(PIECES) * QUARTERS / sum(PIECES)  # value of a whole ask, per part of it


@dataclass(frozen=True)
class Ways:
    """All ways of the candidates, ordered by candidate. K: the most options that any candidate has."""

    row: Ints  # [W] candidate
    option: Ints  # [W, K] options; those not used stand for nothing
    lots: Ints  # [W, K] lots of each
    cover: Ints  # [W] milli-units, at most the ask
    first: Ints  # [R] first way of each candidate that has any
    rows: Ints  # [R] those candidates


def find_ways(candidates: Candidates, terms: Terms, capacity: Capacity) -> Ways:
    """The ways of each candidate above the cut-off: none could spare a lot and still cover the whole ask."""
    c, worth = candidates, worths(candidates)
    starts = np.searchsorted(c.option_of, np.arange(len(c) + 1))
    width = max(1, int(np.diff(starts).max(initial=0)))
    found: list[tuple[int, Ints, Ints]] = []
    for row in np.flatnonzero(c.score > terms.cut_off).tolist():
        options = np.arange(starts[row], starts[row + 1])
        most = np.array([_most(c, capacity, row, o, worth[o]) for o in options], np.int64)
        options, most = options[most > 0], most[most > 0]
        if not len(options):
            continue
        lots = _combinations(most, worth[options], max(1, int(c.least[row])), int(c.ask[row]))
        if len(lots):
            found.append((row, options, lots))
    sizes = [len(lots) for _, _, lots in found]
    rows = np.array([row for row, _, _ in found], np.int64)
    option, count = np.zeros((sum(sizes), width), np.int64), np.zeros((sum(sizes), width), np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)[: len(rows)]
    for at, (_, options, lots) in zip(first.tolist(), found):
        option[at : at + len(lots), : len(options)] = options
        count[at : at + len(lots), : len(options)] = lots
    row_of = np.repeat(rows, sizes)
    worth = worth if len(worth) else np.zeros(1, np.int64)
    cover = np.minimum((count * worth[option]).sum(axis=1), c.ask[row_of])
    return Ways(row_of, option, count, cover, first, rows)


def _most(c: Candidates, capacity: Capacity, row: int, option: int, worth: int) -> int:
    """Lots of an option that could ever help."""
    months = slice(c.start[row], c.start[row] + c.months[row])
    free = capacity.lots[c.option_pool[option], months]
    return min(int(free.min()), -(-int(c.ask[row]) // int(worth))) if worth and len(free) else 0


def _combinations(most: Ints, worth: Ints, least: int, ask: int) -> Ints:
    """Numbers of lots for each option; where there are too many, single pools and pairs that cover the ask or nearly so."""
    if np.prod(most.astype(float) + 1) <= _GRID:
        lots = _useful(np.indices(tuple((most + 1).tolist())).reshape(len(most), -1), worth, least, ask)
        if len(lots) <= _WAYS or len(most) == 1:
            return lots
    steps = max(2, _WAYS // (2 * len(most) ** 2))
    found = set()
    for a in range(len(most)):
        for count in {int(x) for x in np.linspace(0, most[a], min(steps, int(most[a]) + 1))}:
            rest = max(0, ask - count * int(worth[a]))
            for b in range(len(most)):
                for other in {rest // int(worth[b]), -(-rest // int(worth[b]))} if b != a else {0}:
                    way = [0] * len(most)
                    way[a], way[b] = count, min(int(most[b]), other) if b != a else count
                    found.add(tuple(way))
    return _useful(np.array(sorted(found), np.int64).T, worth, least, ask)


def _useful(lots: Ints, worth: Ints, least: int, ask: int) -> Ints:
    """Of ways [K, W] those [W', K] that cover the least useful part, and could not spare a lot and cover the ask."""
    cover = worth @ lots
    spare = cover - ask  # the smallest lot used is larger
    enough = cover >= least
    for n, each in zip(lots, worth):
        enough &= (n == 0) | (each > spare)
    return np.ascontiguousarray(lots[:, enough].T)


@dataclass
class Prices:
    """Prices of the programme's rows, none negative: of each unit row, and of a lot of each pool and month."""

    units: Floats
    lots: Floats


@dataclass
class Programme:
    """The ways of a round, what they are worth and what they use; and the linear programme over columns made so far."""

    terms: Terms
    candidates: Candidates
    capacity: Capacity
    weight: Floats  # [A] value of each whole ask
    ways: Ways = field(init=False)
    rows: list[UnitRow] = field(init=False)

    def __post_init__(self) -> None:
        c, k = self.candidates, self.capacity
        self.ways = w = find_ways(c, self.terms, k)
        self.rows = unit_rows(self.terms, c, k)
        self.scale = max(1.0, k.total / 1e4)  # milli-units in one unit of the programme's unit rows
        self.unit = np.array([r.share for r in self.rows], float).reshape(len(self.rows), len(c)) / 1000  # [U, A]
        self.home = np.array([r.domestic for r in self.rows], float) / 1000  # [U]
        self.most = np.array([float(r.most) / 1000 for r in self.rows]) / self.scale  # [U]
        self.use = uses(c, k)  # [O, P x M]
        self.most_lots = np.array(
            [_most(c, k, r, o, w) for o, (r, w) in enumerate(zip(c.option_of, worths(c)))], np.int64
        )
        self.free = k.lots.reshape(-1).astype(float)
        ask, row = c.ask.astype(float), w.row
        least = np.maximum(c.least, 1)[row] / ask[row]
        cover = w.cover / ask[row]
        ends = np.arange(1, QUARTERS + 1) / QUARTERS
        starts = ends - 1 / QUARTERS
        self.low = least
        self.base = (np.clip(np.minimum(least[:, None], ends) - starts, 0, None) * SLOPES).sum(axis=1)
        self.pieces = np.clip(np.minimum(cover[:, None], ends) - np.maximum(least[:, None], starts), 0, None)
        self.at_home = np.zeros(len(row))  # [W] part of the ask that domestic lots cover
        if self.home.any():
            domestic = k.domestic[c.option_pool[w.option]] * w.lots * worths(c)[w.option]
            self.at_home = np.minimum(domestic.sum(axis=1) / ask[row], 1.0)
        self.ends = np.concatenate([w.first[1:], [len(row)]]).astype(np.int64)
        self.place = np.full(len(c), -1)  # [A] place of a candidate among those that have ways
        self.place[w.rows] = np.arange(len(w.rows))
        self.way, self.part = np.zeros(0, np.int64), np.zeros(0)  # of each column
        self.lp = self._empty()

    def _empty(self) -> Any:
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = 0, len(self.most) + len(self.free) + len(self.ways.rows)
        lp.row_lower_ = np.full(lp.num_row_, -highspy.kHighsInf)
        lp.row_upper_ = np.concatenate([self.most, self.free, np.ones(len(self.ways.rows))])
        lp.a_matrix_.start_ = np.zeros(1, np.int32)
        solver = highspy.Highs()
        solver.silent()
        solver.setOptionValue("threads", 1)
        solver.passModel(lp)
        return solver

    def reduced(self, prices: Prices) -> tuple[Floats, Floats]:
        """For each way the value less the price of its best amount, and that amount as a part of the ask."""
        c, w = self.candidates, self.ways
        per_ask = c.ask / self.scale
        unit = ((prices.units @ self.unit) * per_ask)[w.row] if len(self.most) else np.zeros(len(w.row))
        home = (prices.units @ self.home) * per_ask[w.row] if len(self.most) else np.zeros(len(w.row))
        lot = self.use @ prices.lots
        cost = (w.lots * lot[w.option]).sum(axis=1) if len(lot) else np.zeros(len(w.row))
        gain = self.weight[w.row][:, None] * SLOPES - unit[:, None]
        if not self.home.any():
            take = self.pieces * (gain > 0)
            return self.weight[w.row] * self.base - unit * self.low - cost + (take * gain).sum(
                axis=1
            ), self.low + take.sum(axis=1)
        best, part = np.full(len(w.row), -np.inf), self.low.copy()
        reach = self.low + self.pieces.sum(axis=1)
        ends = [np.full(len(w.row), q / QUARTERS) for q in range(1, QUARTERS + 1)]
        for point in (self.low, self.at_home, *ends, reach):  # the best amount is at a kink
            at = np.clip(point, self.low, reach)
            net = self.weight[w.row] * worth_of_part(at) - unit * at - home * np.minimum(at, self.at_home) - cost
            part = np.where(net > best + 1e-12, at, part)
            best = np.maximum(best, net)
        return best, part

    def add(self, ways: Ints, parts: Floats) -> None:
        """Columns for these ways at these parts of the ask."""
        w, c = self.ways, self.candidates
        row = w.row[ways]
        amount = parts * c.ask[row] / self.scale
        home = np.minimum(parts, self.at_home[ways]) * c.ask[row] / self.scale
        unit = self.unit[:, row] * amount + self.home[:, None] * home
        matrix = sparse.vstack(
            [
                sparse.csr_array(unit.reshape(len(self.most), len(ways))),
                self.used(ways).T,
                sparse.csr_array(
                    (np.ones(len(ways)), (self.place[row], np.arange(len(ways)))), (len(w.rows), len(ways))
                ),
            ]
        ).tocsc()
        cost = -self.weight[row] * worth_of_part(parts)
        zero, free = np.zeros(len(ways)), np.full(len(ways), highspy.kHighsInf)
        self.lp.addCols(len(ways), cost, zero, free, matrix.nnz, matrix.indptr[:-1], matrix.indices, matrix.data)
        self.way, self.part = np.concatenate([self.way, ways]), np.concatenate([self.part, parts])

    def used(self, ways: Ints) -> Any:
        """Lots that each of these ways uses in each pool and month."""
        w = self.ways
        width = w.lots.shape[1]
        lots = sparse.csr_array(
            (w.lots[ways].ravel().astype(float), (np.repeat(np.arange(len(ways)), width), w.option[ways].ravel())),
            (len(ways), self.use.shape[0]),
        )
        return lots @ self.use

    def solve(self) -> tuple[float, Prices, Floats] | None:
        """Value, prices and the candidates' own prices of the programme as it stands; None if it has no solution."""
        self.lp.run()
        if self.lp.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            if self.lp.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
                return None
            raise InvariantBroken(f"optimal: the solver stopped with {self.lp.getModelStatus()}")
        dual = -np.array(self.lp.getSolution().row_dual)
        u, f = len(self.most), len(self.free)
        prices = Prices(np.clip(dual[:u], 0, None), np.clip(dual[u : u + f], 0, None))
        return -self.lp.getInfo().objective_function_value, prices, dual[u + f :]

    def nothing(self) -> Prices:
        """Prices of nothing."""
        return Prices(np.zeros(len(self.most)), np.zeros(len(self.free)))

    def sampled(self, every: int, gap: float) -> Prices:
        """Prices to start from: those of every so many candidates for as small a part of all that there is."""
        c, t, k = self.candidates, self.terms, self.capacity
        rows = np.arange(0, len(c), every)
        cap = None if t.institution_cap is None else t.institution_cap // every
        terms = replace(t, envelope=t.envelope // every, institution_cap=cap)
        capacity = replace(k, lots=-(-k.lots // every), total=k.total // every)
        small = Programme(terms, c.take(rows), capacity, self.weight[rows])
        if not len(small.ways.rows):
            return self.nothing()
        *_, (_, prices) = small.relax(gap)
        of = {(r.kind, r.name): p / small.scale for r, p in zip(small.rows, prices.units.tolist())}
        units = np.array([of.get((r.kind, r.name), 0.0) for r in self.rows]) * self.scale
        return Prices(units, prices.lots)

    def awarded(self) -> float:
        """Milli-units that the programme's solution awards."""
        used = np.array(self.lp.getSolution().col_value)[: len(self.way)]
        return float((used * self.part * self.candidates.ask[self.ways.row[self.way]]).sum())

    def bound(self, prices: Prices, net: Floats) -> float:
        """What no award can exceed, by weak duality: rent of all that there is, and what each candidate gains over it."""
        best = np.maximum.reduceat(net, self.ways.first) if len(net) else net
        return float(prices.units @ self.most + prices.lots @ self.free + np.clip(best, 0, None).sum())

    def best_ways(self, net: Floats) -> Ints:
        """For each candidate the way of most reduced value, where that is above nothing."""
        best = np.maximum.reduceat(net, self.ways.first)
        hit = np.flatnonzero((net == np.repeat(best, self.ends - self.ways.first)) & (net > _EPS))
        return hit[np.unique(self.ways.row[hit], return_index=True)[1]]

    def relax(self, gap: float, start: Prices | None = None, rounds: int = 100) -> Iterator[tuple[float, Prices]]:
        """Generates columns until the bound is within `gap` of the programme's value: (bound, its prices)."""
        prices, best = start or self.nothing(), np.inf
        centre = prices
        for _ in range(rounds):
            net, part = self.reduced(prices)
            if (bound := self.bound(prices, net)) < best:
                best, centre = bound, prices
            ways = self.best_ways(net)
            self.add(ways, part[ways])
            solved = self.solve()
            assert solved is not None, "nothing awarded is always a solution"
            value, dual, _ = solved
            yield best, centre
            if best - value <= gap * best or (not len(ways) and prices is dual):
                return
            keep = 0.7 if best - value > 0.001 * best else 0.3  # towards the best prices so far: half the rounds
            prices = Prices(keep * centre.units + (1 - keep) * dual.units, keep * centre.lots + (1 - keep) * dual.lots)


def uses(c: Candidates, k: Capacity) -> Any:
    """[O, P x M] a lot of option o takes one of its pool in each month of its candidate."""
    months = k.lots.shape[1]
    length = c.months[c.option_of]
    option = np.repeat(np.arange(len(c.option_of)), length)
    begin = c.option_pool * months + c.start[c.option_of]
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    where = np.repeat(begin, length) + within
    return sparse.csr_array((np.ones(len(option)), (option, where)), (len(c.option_of), k.lots.size))


def worth_of_part(part: Floats) -> Floats:
    """Value of a part of the ask, from 0 to 1: concave, the first quarter counts most."""
    quarter = np.arange(QUARTERS) / QUARTERS
    return np.asarray((np.clip(part[..., None] - quarter, 0, 1 / QUARTERS) * SLOPES).sum(axis=-1))
