"""`optimal`: the award of most value that all bounds and set-asides allow, as near as is proven, with a certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import highspy
import numpy as np
from numpy.typing import NDArray

from dure.errors import InvariantBroken
from dure.programme.award import Awards, Bound, Candidates, Capacity, Ints, Outcome, Terms
from dure.programme.certificate import (
    APPLICATION,
    SCALE,
    UNIT,
    VALUES,
    bound,
    canonical,
    infeasible,
    input_hash,
    objective_of,
    worths,
)  # fmt: skip
from dure.programme.columns import Prices, Programme
from dure.programme.contradictions import LEAST_AWARDED_MILLI, refuse_contradictions
from dure.programme.rules.filling import Parameter, read_parameters
from dure.programme.servers import Servers, near
from dure.programme.whole import fill, repair, within

VERSION = 1
MILLION: Final = 10**6
PARAMETERS: Final[dict[str, Parameter]] = {
    "value": Parameter(APPLICATION, "what is valued: each application alike, or each unit asked", choices=VALUES),
    "gap": Parameter(1000, "millionths: a proven gap at which the search may stop", 0, MILLION),
}
Progress = Callable[[float, float, float, float], bool]  # seconds of the solver, value so far, bound, gap; False: stop

# Reduced value, in parts of the mean value of an award, up to which ways are let into the search; how many of a candidate;
# and branches. Each search starts from what the one before found. The last is over everything.
_SEARCHES: Final = ((0.0, 0, 10), (0.004, 5, 3), (0.015, 8, 3), (0.03, 10, 10), (0.1, 20, 100), (np.inf, 0, 500))
_SURE: Final = 0.02  # in the same parts: candidates who gain so much more are certainly awarded
_FEW: Final = 60  # candidates of whom everything is searched at once
_EFFORT: Final = 0.4  # of HiGHS, for finding awards: the bound is not its business here
_RELAXED: Final = 1e-4  # the linear programme's own gap
_MANY, _SAMPLE = 500, 8  # of so many candidates, the prices of every eighth are found first


def award(
    terms: Terms,
    candidates: Candidates,
    capacity: Capacity,
    seed: int,
    *,
    progress: Progress | None = None,
    time_limit_s: float | None = None,
) -> Awards:
    """Maximise `sum of score x v(award / ask)`, or `x ask` with `value` "unit"; v is concave: 40, 30, 20 and 10 % a quarter.

    An award is nothing, or from the least useful part to what its whole lots in acceptable pools are worth at their
    exchange, at most the ask. No pool lends more lots in a month than it has; envelopes, total, institution cap and
    set-asides (shares of all that is awarded) hold. The exact statement is in `dure.programme.certificate`; the answer
    has passed its check, and `awards.certificate` holds a bound on every other answer that anyone can check as well.

    The solver (HiGHS, one thread) stops at `gap`, or when its searches end; the same input, seed and solver version give
    the same answer. With `time_limit_s` (seconds of the solver), or a `progress` that answers False, the best answer so far
    is given, which depends on the machine: the certificate says so in `stopped`.

    Raises InputError when the set-asides contradict each other or other bounds, naming which.
    """
    parameters = read_parameters(terms.parameters, PARAMETERS)
    given, (candidates, rows, options) = candidates, canonical(candidates)
    value, gap = str(parameters["value"]), int(parameters["gap"]) / MILLION
    unit = float(candidates.ask.mean()) if value == UNIT and len(candidates) else float(MILLION)  # one float value
    weight = candidates.score / 1000 * (candidates.ask / unit if value == UNIT else 1.0)
    search = _Search(
        Programme(terms, candidates, capacity, weight), value, 1000 * unit, seed, gap, progress, time_limit_s
    )
    search.run()
    found = _awards(search, terms, candidates, capacity, seed)
    return replace(
        found,
        ids=given.ids,
        amount=_back(found.amount, rows),
        outcome=_back(found.outcome, rows),
        bound=_back(found.bound, rows),
        reserve_rank=_back(found.reserve_rank, rows),
        lots=_back(found.lots, options),
    )


def _back(column: NDArray[Any], rows: Ints) -> NDArray[Any]:
    """A column in the order in which candidates were given."""
    back = np.empty_like(column)
    back[rows] = column
    return back


@dataclass
class _Search:
    """The best award so far, the bound on every other, and why the search stopped."""

    programme: Programme
    value: str
    scale: float  # whole-number value in one value of the programme
    seed: int
    gap: float
    progress: Progress | None
    time_limit_s: float | None
    amount: Ints = field(init=False)
    lots: Ints = field(init=False)
    objective: int = 0
    bound: int = 0
    unit_prices: list[int] = field(default_factory=list)
    lot_prices: list[list[int]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    claim: float = np.inf  # the solver's own bound, from a search over everything

    def __post_init__(self) -> None:
        self.amount = np.zeros(len(self.programme.candidates), np.int64)
        self.lots = np.zeros(len(self.programme.candidates.option_of), np.int64)

    def run(self) -> None:
        """Bound first, then one search after another, each over more of the programme, until the gap is reached."""
        p = self.programme
        if not len(p.ways.rows):
            self._prove(p.nothing())
            self.stopped = "gap"
            return
        prices = self._relax()
        if p.awarded() * 1000 < LEAST_AWARDED_MILLI * min(p.capacity.total, int(p.candidates.ask.sum())):
            refuse_contradictions(p.terms, p.candidates, p.capacity)
        self._prove(prices)
        self._round()
        for reduced, ways, nodes in _SEARCHES if len(p.ways.rows) > _FEW else _SEARCHES[-1:]:
            if not self._go_on(self.objective / self.scale, self.bound / self.scale) or self._reached():
                break
            mean = self.bound / self.scale / len(p.ways.rows)
            part = near(p, prices, self._used_ways(), reduced * mean, ways, (2 * reduced + _SURE) * mean)
            if len(part.rows):
                self._search(Servers(p, part), nodes, whole=not np.isfinite(reduced))
        self.stopped = self.stopped or ("gap" if self._reached() else "searches")

    def _relax(self) -> Prices:
        p = self.programme
        start = p.sampled(_SAMPLE, 10 * _RELAXED) if len(p.ways.rows) >= _MANY else None
        prices = p.nothing()
        for most, found in p.relax(_RELAXED, start):
            prices, self.seconds = found, p.lp.getRunTime()
            if not self._go_on(0.0, most):
                break
        return prices

    def _prove(self, prices: Prices) -> None:
        """Prices in whole numbers, and the bound that they prove."""
        p = self.programme
        per_unit = prices.units * self.scale / p.scale * (SCALE / 1000)
        self.unit_prices = [round(float(x)) for x in per_unit]
        self.lot_prices = [
            [round(float(x)) for x in pool] for pool in (prices.lots * self.scale).reshape(p.capacity.lots.shape)
        ]
        self.bound = bound(self.unit_prices, self.lot_prices, p.terms, p.candidates, p.capacity, self.value)

    def _round(self) -> None:
        """A first award: the ways that the linear programme uses most, less what does not fit together."""
        p, w = self.programme, self.programme.ways
        used = np.array(p.lp.getSolution().col_value)[: len(p.way)]
        chosen = np.flatnonzero(used > 0.5)
        amount, lots = np.zeros_like(self.amount), np.zeros_like(self.lots)
        ways = p.way[chosen]
        amount[w.row[ways]] = np.floor(p.part[chosen] * p.candidates.ask[w.row[ways]]).astype(np.int64)
        np.add.at(lots, w.option[ways].ravel(), w.lots[ways].ravel())
        self._take(*within(p.candidates, amount, lots))

    def _used_ways(self) -> Ints:
        """Ways that the linear programme uses."""
        used = np.array(self.programme.lp.getSolution().col_value)[: len(self.programme.way)]
        return np.unique(self.programme.way[used > 1e-6])

    def _search(self, servers: Servers, nodes: int, *, whole: bool) -> None:
        """One search of the solver, from the best award so far."""
        target = -self.bound / self.scale * (1 - self.gap)
        solver = highspy.Highs()
        solver.silent()
        options: dict[str, Any] = {
            "threads": 1, "random_seed": self.seed % 2**31, "mip_heuristic_effort": _EFFORT, "mip_max_nodes": nodes,
            "objective_target": target, "mip_rel_gap": 0.0 if whole else self.gap / 4, "mip_abs_gap": 1e-9,
        }  # fmt: skip
        if self.time_limit_s is not None:
            options["time_limit"] = max(0.0, self.time_limit_s - self.seconds)
        for name, setting in options.items():
            solver.setOptionValue(name, setting)
        solver.passModel(servers.model())
        start = highspy.HighsSolution()
        start.col_value = servers.start(self.amount, self.lots)
        solver.setSolution(start)
        before, most = self.seconds, self.bound / self.scale

        def look(event: Any) -> None:
            found = -event.data_out.mip_primal_bound
            self.seconds = before + event.data_out.running_time
            if not self._go_on(max(found if np.isfinite(found) else 0.0, self.objective / self.scale), most):
                event.data_in.user_interrupt = True

        if self.progress is not None:
            solver.cbMipInterrupt += look
        solver.run()
        self.seconds = before + solver.getRunTime()
        if solver.getModelStatus() == highspy.HighsModelStatus.kTimeLimit:
            self.stopped = "time"
        if whole:
            self.claim = -solver.getInfo().mip_dual_bound * self.scale
        if solver.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            self._take(*servers.read(np.array(solver.getSolution().col_value)))

    def _take(self, amount: Ints, lots: Ints) -> None:
        """Makes an award whole and lawful, and keeps it if it is the best so far."""
        p = self.programme
        amount, lots = repair(amount, lots, p.terms, p.candidates, p.capacity)
        amount = fill(amount, lots, p.terms, p.candidates, p.capacity)
        objective = objective_of(amount.tolist(), p.candidates, self.value)
        if objective > self.objective:
            self.amount, self.lots, self.objective = amount, lots, objective

    def _reached(self) -> bool:
        return self.bound - self.objective <= self.gap * self.bound

    def _go_on(self, value: float, most: float) -> bool:
        """Reports; False if the search is to stop."""
        if self.progress and not self.progress(self.seconds, value, most, 1 - value / most if most else 0.0):
            self.stopped = "interrupted"
        if self.time_limit_s is not None and self.seconds >= self.time_limit_s:
            self.stopped = self.stopped or "time"
        return not self.stopped


def _awards(search: _Search, terms: Terms, candidates: Candidates, capacity: Capacity, seed: int) -> Awards:
    c, amount, lots = candidates, search.amount, search.lots
    if broken := list(infeasible(amount.tolist(), lots.tolist(), terms, c, capacity)):
        raise InvariantBroken(f"optimal, seed {seed}: {broken[0]}")
    bounds = _bounds(search, terms, c)
    waiting = (amount == 0) & (bounds != Bound.CUT_OFF) & (bounds != Bound.CONFLICTED)
    outcome = np.where(amount > 0, Outcome.AWARDED, np.where(waiting, Outcome.RESERVE, Outcome.DECLINED))
    rank = np.zeros(len(c), np.int64)
    order = np.lexsort((np.arange(len(c)), -c.score))
    queue = order[waiting[order]]
    rank[queue] = np.arange(1, len(queue) + 1)
    gap_millionths = -(-(search.bound - search.objective) * MILLION // search.bound) if search.bound else 0
    claimed = None  # where the solver has not searched everything
    if np.isfinite(search.claim) and search.claim > 0:
        claimed = max(0, min(gap_millionths, round((search.claim - search.objective) / search.claim * MILLION)))
    solver = f"HiGHS {highspy.Highs().version()}"
    certificate = {
        "rule": "optimal", "version": VERSION, "input_sha256": input_hash(terms, c, capacity, "optimal", VERSION),
        "solver": solver, "seed": seed, "value": search.value, "stopped": search.stopped,
        "gap_millionths": gap_millionths, "objective": search.objective, "bound": search.bound,
        "solver_gap_millionths": claimed, "amount": amount.tolist(), "lots": lots.tolist(),
        "prices": {"units": search.unit_prices, "lots": search.lot_prices},
    }  # fmt: skip
    note = (
        f"no other award is worth more than {gap_millionths / 10_000:.4f} % more ({solver}, stopped: {search.stopped})"
    )
    return Awards(
        "optimal", VERSION, seed, c.ids, amount, outcome.astype(np.int8), bounds, rank,
        lots=lots, certificate=certificate, notes=(note,),
    )  # fmt: skip


def _bounds(search: _Search, terms: Terms, c: Candidates) -> NDArray[np.int8]:
    """What held each back: of all bounds that price one more part of its ask, the one that costs it most.

    Prices are those of the proof. Where nothing costs anything, whole lots are what is in the way.
    """
    p = search.programme
    kinds = {
        "set-aside": Bound.SET_ASIDE,
        "institution": Bound.INSTITUTION,
        "envelope": Bound.ENVELOPE,
        "total": Bound.ENVELOPE,
    }
    cost = {b: np.zeros(len(c)) for b in (Bound.SET_ASIDE, Bound.INSTITUTION, Bound.ENVELOPE, Bound.CAPACITY)}
    for price, row in zip(search.unit_prices, p.rows):
        cost[kinds[row.kind]] += price / SCALE * np.clip(row.share, 0, None) * c.ask
    lot = p.use @ np.array(search.lot_prices, float).ravel()
    per_ask = lot * c.ask[c.option_of] / np.maximum(worths(c), 1)
    cheapest = np.full(len(c), np.inf)
    np.minimum.at(cheapest, c.option_of, per_ask)
    cost[Bound.CAPACITY] += np.where(np.isfinite(cheapest), cheapest, 0.0)
    table = np.stack(list(cost.values()))
    found = np.array(list(cost), np.int8)[np.argmax(table, axis=0)]
    found = np.where(table.max(axis=0) <= 0, Bound.LOT, found)
    able = np.zeros(len(c), bool)
    able[p.ways.rows] = True
    found = np.where(able, found, Bound.CONFLICTED)
    found = np.where(c.score <= terms.cut_off, Bound.CUT_OFF, found)
    return np.where(search.amount == c.ask, Bound.FULL, found).astype(np.int8)
