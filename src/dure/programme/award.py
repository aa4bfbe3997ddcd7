"""What an award rule sees and what it answers.

`Candidates`, `Terms` and `Capacity` are columns and scalars: a rule is arithmetic on arrays, and the order of its rows
never matters. `Awards` has a row for each candidate, in the same order. All amounts are whole milli-units for the whole
period; scores are milli-points.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Group(IntEnum):
    """Who a set-aside is for: bits of `Candidates.groups`."""

    STARTUP = 1
    JOINT = 2
    REGIONS = 4


class Bound(IntEnum):
    """Which bound decided an award, in order of precedence: where several hold, the lowest number is shown."""

    FULL = 0  # got what it asked for
    CUT_OFF = 1  # scored at or below the cut-off
    BELOW_MINIMUM = 2  # what the rule gave was less than the least useful part
    CONFLICTED = 3  # its envelope or pools hold nothing that it accepts
    SET_ASIDE = 4  # units were kept for others
    INSTITUTION = 5  # its institution has as much as one may
    ENVELOPE = 6  # its track's envelope, or its party's share, was exhausted
    CAPACITY = 7  # the accelerators of a pool, site or month were exhausted
    DRAW = 8  # drawn later in the lottery than the envelope reached
    SCALED = 9  # cut by the rule's formula
    LOT = 10  # rounded down to whole lots
    PANEL = 11  # changed by the panel, with a reason and two people


class Outcome(IntEnum):
    """What becomes of a candidate."""

    DECLINED = 0
    RESERVE = 1  # would be awarded if units came free
    AWARDED = 2


@dataclass(frozen=True, slots=True)
class Candidates:
    """Applications as the rules see them: A rows, O options (pools that would do) of which each row has some."""

    ids: tuple[str, ...]
    score: Ints  # [A] milli-points
    ask: Ints  # [A] milli-units
    least: Ints  # [A] milli-units: an award below it is none
    lot: Ints  # [A] milli-units of one lot (a server for the months asked); 1: divisible at will
    track: Ints  # [A] index into Terms.tracks
    institution: Ints  # [A] any number for each institution
    groups: Ints  # [A] bits of Group
    start: Ints  # [A] first month, from the first of the period
    months: Ints  # [A] how many
    lots: Ints  # [A] lots asked for: ask = lots x lot
    option_of: Ints  # [O] row of the candidate, ascending
    option_pool: Ints  # [O] index into Capacity.pools
    option_exchange: Ints  # [O] thousandths: lots of the pool that stand in for one lot asked
    party: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # [A] index into Terms.parties, -1: none; or [0]

    def __len__(self) -> int:
        return len(self.ids)

    def options_of(self, rows: NDArray[Any]) -> Ints:
        """The options of the rows given, those of the first row first."""
        first = np.searchsorted(self.option_of, rows, "left")
        count = np.searchsorted(self.option_of, rows, "right") - first
        within = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
        return np.asarray(np.repeat(first, count) + within, np.int64)

    def take(self, rows: NDArray[Any]) -> Candidates:
        """The candidates of the rows given, in that order."""
        options = self.options_of(rows)
        place = np.full(len(self), -1, np.int64)
        place[rows] = np.arange(len(rows))
        own = {n: getattr(self, n)[rows] for n in _ROW_COLUMNS}
        return Candidates(
            ids=tuple([self.ids[r] for r in rows.tolist()]),
            **own,
            option_of=place[self.option_of[options]],
            option_pool=self.option_pool[options],
            option_exchange=self.option_exchange[options],
            party=self.party[rows] if len(self.party) else self.party,
        )


_ROW_COLUMNS = ("score", "ask", "least", "lot", "track", "institution", "groups", "start", "months", "lots")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a call says of its awards."""

    tracks: tuple[str, ...]
    envelope: Ints  # [T] milli-units
    cut_off: int  # milli-points: at or below it nothing
    set_asides: tuple[tuple[Group | str, int], ...] = ()  # (Group or "domestic", thousandths of all that is awarded)
    institution_cap: int | None = None  # milli-units for one institution; None: none
    parameters: dict[str, int | str] = field(default_factory=dict)  # of the rule
    parties: tuple[str, ...] = ()  # partner countries or owners, for the rule `partner`
    score_min: int = 0  # milli-points: the scale of scores
    score_max: int = 5000
    score_step: int = 100


@dataclass(frozen=True, slots=True)
class Capacity:
    """What there is to award: lots (servers) of each pool in each month. `total` also bounds rules that see no pools."""

    pools: tuple[str, ...]
    sites: tuple[str, ...]  # [P] site of each pool
    models: tuple[str, ...]  # [P] accelerator model of each pool
    domestic: NDArray[np.bool_]  # [P] made at home
    lots: Ints  # [P, M] lots free in each month
    total: int  # milli-units


@dataclass(frozen=True)
class Awards:
    """What a rule gives, and why. `trace` holds the rule's intermediate figures by name, one array of A each."""

    rule: str
    version: int
    seed: int
    ids: tuple[str, ...]
    amount: Ints  # [A] milli-units
    outcome: NDArray[np.int8]  # [A] Outcome
    bound: NDArray[np.int8]  # [A] Bound
    reserve_rank: Ints  # [A] place on the reserve list, from 1; 0: not on it
    trace: dict[str, NDArray[Any]] = field(default_factory=dict)
    lots: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # [O] lots of each option, if the rule places
    certificate: dict[str, Any] | None = None  # of `optimal`: input hash, solver, bound
    notes: tuple[str, ...] = ()
