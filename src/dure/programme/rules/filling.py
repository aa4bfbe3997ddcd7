"""What the award rules share: their parameters, the order of candidates, draws, limits, and the answer.

Rules get candidates in canonical order (by id), so a row number is as good a last tie-break as any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.errors import InputError
from dure.programme.award import Awards, Bound, Candidates, Capacity, Ints, Outcome, Terms

ABSENT_CAP = 2**62  # more than anybody asks for


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a rule: a whole number from `low` to `high`, or one of `choices`."""

    default: int | str
    meaning: str
    low: int = 0
    high: int = 1000
    choices: tuple[str, ...] = ()

    @property
    def accepted(self) -> str:
        """What values it takes, in words."""
        return ", ".join(self.choices) or f"a whole number from {self.low} to {self.high}"

    def takes(self, value: object) -> bool:
        """Whether it takes this value."""
        if self.choices:
            return value in self.choices
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high


SKIP = Parameter(0, "0: the first that does not fit closes its envelope; 1: it is passed over", 0, 1)


def read_parameters(given: Mapping[str, int | str], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """The parameters of a rule, with defaults. A known name that ends in `*` stands for all that begin so.

    Raises InputError for an unknown name or a value that is not accepted.
    """
    values: dict[str, Any] = {n: p.default for n, p in known.items() if not n.endswith("*")}
    for name, value in given.items():
        family = next((n for n in known if n.endswith("*") and name.startswith(n[:-1]) and name != n[:-1]), name)
        parameter = known.get(family)
        if parameter is None:
            accepted = ", ".join(known) or "no parameters"
            raise InputError("unknown parameter of the rule", field="parameters", value=name, accepted=accepted)
        if not parameter.takes(value):
            field = f"parameters.{name}"
            raise InputError("not a value of this parameter", field=field, value=value, accepted=parameter.accepted)
        values[name] = value
    return values


def draws(seed: int, ids: Sequence[str]) -> Ints:
    """A number from 0 to 2^53 - 1 for each id: the first 53 bits of SHA-256 of `SEED:ID`. Lower goes first."""
    digests = b"".join([sha256(f"{seed}:{i}".encode()).digest() for i in ids])
    return (np.frombuffer(digests, ">u8")[::4] >> np.uint64(11)).astype(np.int64)


def by_score(candidates: Candidates, draw: Ints) -> Ints:
    """[A] Rows from the highest score; equal scores by draw."""
    return np.asarray(np.lexsort((draw, -candidates.score)), np.int64)


def least_lots(candidates: Candidates) -> Ints:
    """[A] The least useful award in whole lots, at least one; milli-units."""
    return np.asarray(np.maximum(-(-candidates.least // candidates.lot), 1) * candidates.lot, np.int64)


def envelopes(terms: Terms, capacity: Capacity) -> tuple[list[int], Bound]:
    """What each track may award, milli-units, and the bound that says so.

    Where the envelopes promise more than there is (a what-if, a late delivery), all are cut by the same share.
    """
    promised = [int(e) for e in terms.envelope]
    if sum(promised) <= capacity.total:
        return promised, Bound.ENVELOPE
    return [e * capacity.total // sum(promised) for e in promised], Bound.CAPACITY


@dataclass(slots=True)
class Limit:
    """Room that rows share: `of` [A] says which. If it `closes`, the first who finds too little ends it for all."""

    of: Ints
    room: list[int]  # milli-units left
    bound: Bound
    closes: bool = False


def limits(terms: Terms, candidates: Candidates, capacity: Capacity, *, closes: bool) -> list[Limit]:
    """The institution cap, if there is one, and the envelopes."""
    found = []
    if terms.institution_cap is not None:
        of = np.unique(candidates.institution, return_inverse=True)[1]
        found.append(Limit(of, [terms.institution_cap] * len(candidates), Bound.INSTITUTION))
    room, bound = envelopes(terms, capacity)
    return [*found, Limit(candidates.track, room, bound, closes)]


def fill(order: Ints, candidates: Candidates, shared: Sequence[Limit]) -> tuple[Ints, NDArray[np.int8]]:
    """Gives each row of `order` in turn what it asks, or what is left in whole lots if that is useful to it.

    Amounts [A] and bounds [A]; rows not in `order` get nothing, for CUT_OFF. Room only ever shrinks, so going earlier
    never gives less: whoever orders by score is monotone in score.
    """
    amount, bounds = [0] * len(candidates), [int(Bound.CUT_OFF)] * len(candidates)
    full, short = int(Bound.FULL), int(Bound.BELOW_MINIMUM)
    tight, closes = [int(limit.bound) for limit in shared], [limit.closes for limit in shared]
    room = [units for limit in shared for units in limit.room]  # of all limits, one behind the other
    first = np.cumsum([0, *(len(limit.room) for limit in shared)])
    homes = zip(*((limit.of[order] + at).tolist() for limit, at in zip(shared, first)), strict=True)
    columns = (order, candidates.ask[order], least_lots(candidates)[order], candidates.lot[order])
    for row, ask, least, lot, home in zip(*(c.tolist() for c in columns), homes, strict=True):
        left = [room[h] for h in home]
        give = min(left)
        if give >= ask:
            give, bounds[row] = ask, full
        else:
            tightest = left.index(give)
            give -= give % lot
            bounds[row] = short if 0 < give < least else tight[tightest]
            give = give if give >= least else 0
            if closes[tightest]:
                room[home[tightest]] = give
        if give:
            amount[row] = give
            for h in home:
                room[h] -= give
    return np.array(amount, np.int64), np.array(bounds, np.int8)


def within_institutions(
    terms: Terms,
    candidates: Candidates,
    order: Ints,
    room: list[int],
    solve: Callable[[Ints, list[int]], tuple[Ints, NDArray[np.int8]]],
) -> tuple[Ints, NDArray[np.int8]]:
    """`solve(rows, room by track) -> amounts, bounds of those rows`, again until no institution exceeds its cap.

    An institution above the cap is cut to it from its lowest scores and set aside; what it leaves goes to the others.
    """
    amount, bounds = np.zeros(len(candidates), np.int64), np.full(len(candidates), Bound.CUT_OFF, np.int8)
    rows, cap = np.sort(order), ABSENT_CAP if terms.institution_cap is None else terms.institution_cap
    least, room = least_lots(candidates), list(room)
    homes = np.unique(candidates.institution, return_inverse=True)[1]
    while True:
        amount[rows], bounds[rows] = solve(rows, room)
        held = np.zeros(len(candidates), np.int64)
        np.add.at(held, homes[rows], amount[rows])
        done = np.zeros(len(candidates), np.bool_)
        done[rows] = held[homes[rows]] > cap
        if not done.any():
            return amount, bounds
        left: dict[int, int] = {}
        for row in order[done[order]].tolist():
            home, lot = int(homes[row]), int(candidates.lot[row])
            give = min(int(amount[row]), left.setdefault(home, cap))
            give -= give % lot
            if give < amount[row]:
                bounds[row] = Bound.BELOW_MINIMUM if 0 < give < least[row] else Bound.INSTITUTION
                amount[row] = give if give >= least[row] else 0
            left[home] -= int(amount[row])
            room[candidates.track[row]] -= int(amount[row])
        rows = rows[~done[rows]]


def answer(
    rule: tuple[str, int, int],
    candidates: Candidates,
    filled: tuple[Ints, NDArray[np.int8]],
    order: Ints,
    trace: Mapping[str, NDArray[Any]],
    notes: tuple[str, ...] = (),
) -> Awards:
    """The awards of a rule (name, version, seed). Who got nothing but scored is on reserve, ranked as in `order`."""
    amount, bounds = filled
    outcome = np.where(
        amount > 0, Outcome.AWARDED, np.where(bounds == Bound.CUT_OFF, Outcome.DECLINED, Outcome.RESERVE)
    )
    waiting = order[outcome[order] == Outcome.RESERVE]
    rank = np.zeros(len(candidates), np.int64)
    rank[waiting] = np.arange(1, len(waiting) + 1)
    return Awards(
        *rule,
        ids=candidates.ids,
        amount=amount,
        outcome=outcome.astype(np.int8),
        bound=np.where(amount == candidates.ask, Bound.FULL, bounds).astype(np.int8),
        reserve_rank=rank,
        trace=dict(trace),
        notes=notes,
    )
