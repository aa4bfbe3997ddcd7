"""The compute ledger: what each run of training cost in FLOP, and what adds up along the lineage of a model.

A run names the runs it started from. The graph has diamonds (two fine-tunes of one base, merged), and every ancestor
counts once. Gates use the high figure, reports the best. FLOP are whole PFLOP (10^15), rounded up: 10^26 FLOP, which
overflows 64 bits, is 10^11 of them. Which stages a jurisdiction counts is a dated table (`counting.csv`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from dure.errors import InputError, UnknownName
from dure.governance.thresholds import Threshold, in_force
from dure.units import DAY_S
from dure.vocabulary import column

FLOP_PER_PFLOP = 10**15
LAST_UTC_S = 253_402_300_799  # the end of the year 9999: what lies behind it is no date
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Stage(StrEnum):
    """What a run was for."""

    PRETRAIN = "pretrain"
    CONTINUE = "continue"  # continued pretraining
    SFT = "sft"  # supervised fine-tuning
    RL = "rl"
    DISTIL = "distil"
    SYNTHETIC_DATA = "synthetic-data"
    PREPROCESS = "preprocess"
    EVAL = "eval"
    FAILED = "failed"


class Method(StrEnum):
    """How a figure was found, in the order in which one is preferred (MSIT's notice knows the same three)."""

    ARCHITECTURE = "architecture"  # operations counted from the model's shape
    EMPIRICAL = "empirical"  # measured on a part, or fitted
    HARDWARE = "hardware"  # accelerators x time x peak x utilisation


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure with its bounds, and the SHA-256 of the document that shows it. Raises InputError if out of order."""

    method: Method = column("", "architecture, empirical or hardware")
    low_pflop: int = column("10^15 FLOP", "lowest it can have been")
    best_pflop: int = column("10^15 FLOP", "best estimate")
    high_pflop: int = column("10^15 FLOP", "highest it can have been")
    evidence_hash: str = column("", "SHA-256 of the evidence, in lower-case hexadecimal")

    def __post_init__(self) -> None:
        if not 0 <= self.low_pflop <= self.best_pflop <= self.high_pflop:
            got = f"{self.low_pflop}, {self.best_pflop}, {self.high_pflop}"
            raise InputError("bounds out of order", field=self.method, value=got, accepted="0 <= low <= best <= high")
        if not _DIGEST.fullmatch(self.evidence_hash):
            accepted = "64 lower-case hexadecimal digits"
            raise InputError("no SHA-256", field="evidence_hash", value=self.evidence_hash, accepted=accepted)


@dataclass(frozen=True, slots=True)
class Run:
    """One entry of the compute ledger. It is never changed; `check` says what is wrong with a new one."""

    id: str = column("", "id of the run")
    model: str = column("", "id of the model it made, or changed")
    stage: Stage = column("", "what it was for")
    at_utc_s: int = column("s", "when it ended")
    parents: tuple[str, ...] = column("", "runs it started from", default=())
    estimates: tuple[Estimate, ...] = column("", "its compute; one figure for each method at most", default=())
    bound_pflop: int | None = column(
        "10^15 FLOP", "most that the recorded accelerators could have done; blank: no record", default=None
    )
    excluded: tuple[str, ...] = column("", "jurisdictions that the office decided do not count it", default=())
    note: str = column("", "why; needed where one is excluded", default="")

    @property
    def basis(self) -> Estimate:
        """The estimate that counts: of the preferred method. Raises InputError where there is none."""
        if not self.estimates:
            raise InputError("no estimate of its compute", source=f"run {self.id}", field="estimates")
        return (
            self.estimates[0] if len(self.estimates) == 1 else min(self.estimates, key=lambda e: _PREFERENCE[e.method])
        )


@dataclass(frozen=True, slots=True)
class Counting:
    """Whether a jurisdiction counts a stage, since when, and how sure that is."""

    jurisdiction: str
    stage: Stage
    counts: bool
    from_utc_s: int
    to_utc_s: int | None
    source: str
    read: str
    confidence: str
    note: str


Figures = tuple[int, int, int]  # low, best, high, PFLOP


@dataclass(frozen=True, slots=True)
class Total:
    """What a lineage adds up to, PFLOP. `by_method` adds only the runs that have the method; `without` counts the others."""

    low: int
    best: int
    high: int
    by_method: dict[Method, Figures | None]
    runs: int
    without: dict[Method, int]


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a total is from a threshold; shares in millionths, cut off.

    `level` is 0, 50, 80 or 100 per cent, by the high figure; 100 only where it is reached. `reaches_utc_s`: when the
    burn reaches it; None where it is reached, nothing burns, or it lies behind the year 9999.
    """

    threshold: Threshold
    best_share_ppm: int
    high_share_ppm: int
    reached: bool
    level: int
    reaches_utc_s: int | None


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A run in the tree of what a model came from. `again`: its own ancestors stand where it was first shown."""

    depth: int
    run: Run
    again: bool


_PREFERENCE = {method: i for i, method in enumerate(Method)}


def architecture_pflop(parameters_active: int, tokens: int) -> int:
    """Training compute of a dense transformer, 6 N D, in PFLOP rounded up. Forward 2 N D, backward 4 N D."""
    return -(-6 * parameters_active * tokens // FLOP_PER_PFLOP)


def fine_tune_pflop(parameters: int, parameters_trainable: int, tokens: int) -> int:
    """Compute of tuning a part of the parameters, (4 N + 2 N_trainable) D, in PFLOP rounded up."""
    return -(-(4 * parameters + 2 * parameters_trainable) * tokens // FLOP_PER_PFLOP)


def hardware_bound_pflop(accelerator_milli_s: int, peak_tera: float | Fraction) -> int:
    """The most that accelerators could have done, in PFLOP rounded up.

    `accelerator_milli_s` are thousandths of accelerator-seconds, `peak_tera` the highest dense rate of the model at any
    precision used, in tera-operations a second, taken as it is written (1978.9 is 19789/10).
    """
    return -int(-accelerator_milli_s * Fraction(str(peak_tera)) // 10**6)


def check(run: Run, known: Mapping[str, Run]) -> list[InputError]:
    """What is wrong with a run that is to be entered after those known; empty: nothing."""
    faults: list[InputError] = []

    def fault(message: str, field: str, value: object = None, accepted: str = "") -> None:
        faults.append(InputError(message, source=f"run {run.id}", field=field, value=value, accepted=accepted))

    for parent in run.parents:
        if parent == run.id:
            fault("is its own parent", "parents", parent)
        elif parent not in known:
            fault("no such run", "parents", parent, "runs that were entered before")
        elif known[parent].at_utc_s > run.at_utc_s:
            fault("ended after its child", "parents", parent, f"a run that ended by {run.at_utc_s}")
    if run.id not in run.parents and run.id in _reachable(run.parents, known):
        fault("descends from itself", "parents", ", ".join(run.parents))
    if not run.estimates:
        fault("no estimate of its compute", "estimates", accepted="one figure for each method")
    methods = [e.method for e in run.estimates]
    for method in sorted({m for m in methods if methods.count(m) > 1}):
        fault("several figures of one method", "estimates", str(method), "one figure for each method")
    for e in run.estimates:
        if run.bound_pflop is not None and e.high_pflop > run.bound_pflop:
            accepted = f"at most {run.bound_pflop} PFLOP"
            fault("impossible: above what the accelerators could have done", e.method, e.high_pflop, accepted)
    if run.excluded and not run.note.strip():
        fault("excluded without a reason", "note", accepted="why these jurisdictions do not count it")
    return faults


def _reachable(ids: Iterable[str], known: Mapping[str, Run]) -> set[str]:
    seen: set[str] = set()
    stack = list(ids)
    while stack:
        if (id_ := stack.pop()) not in seen:
            seen.add(id_)
            stack += known[id_].parents if id_ in known else ()
    return seen


def counts(stage: Stage, jurisdiction: str, table: Iterable[Counting], as_of_utc_s: int | None = None) -> bool:
    """Whether a jurisdiction counts a stage: by the newest row, of those that hold at a moment if one is given.

    Raises UnknownName where the table says nothing about it.
    """
    rows = list(table) if as_of_utc_s is None else in_force(table, as_of_utc_s)
    found = [r for r in rows if r.jurisdiction == jurisdiction and r.stage == stage]
    if not found:
        raise UnknownName("jurisdiction that counts compute", jurisdiction, {r.jurisdiction for r in rows})
    return max(found, key=lambda r: r.from_utc_s).counts


class Lineage:
    """The graph of runs. Raises InputError for two runs of one id, a parent that is not there, or a cycle."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs: dict[str, Run] = {}
        for run in runs:
            if run.id in self.runs:
                raise InputError("two runs of one id", field="id", value=run.id)
            self.runs[run.id] = run
        self._place: dict[str, int] = {}  # of each run, where parents come first
        self._order: list[Run] = []
        self._parents: list[list[int]] = []  # places of the parents, by place
        opened: set[str] = set()
        for first in sorted(self.runs.values(), key=lambda r: r.at_utc_s):  # parents ended before: few have to wait
            stack = [first]
            while stack:
                try:
                    parents = [self._place[p] for p in stack[-1].parents]
                except KeyError:
                    stack += self._waited_for(stack[-1], opened)
                    continue
                run = stack.pop()
                if self._place.setdefault(run.id, len(self._order)) == len(self._order):
                    self._order.append(run)
                    self._parents.append(parents)

    def _waited_for(self, run: Run, opened: set[str]) -> list[Run]:
        """The parents that have no place yet. A run that is asked twice waits for itself."""
        waiting = [p for p in run.parents if p not in self._place]
        if run.id in opened:
            raise InputError("descends from itself", source=f"run {run.id}", field="parents", value=waiting[0])
        if missing := [p for p in waiting if p not in self.runs]:
            raise InputError("no such run", source=f"run {run.id}", field="parents", value=missing[0])
        opened.add(run.id)
        return [self.runs[p] for p in waiting]

    def ancestors(
        self,
        ids: Iterable[str],
        jurisdiction: str | None = None,
        counting: Sequence[Counting] = (),
        as_of_utc_s: int | None = None,
    ) -> tuple[Run, ...]:
        """The runs asked for and all they came from, each once, parents first.

        With a jurisdiction only what it counts, by the table `counting`. What it does not count is left out by itself: the
        ancestors of that still count. Raises UnknownName.
        """
        asked = list(ids)
        if unknown := [i for i in asked if i not in self.runs]:
            raise UnknownName("run", unknown[0], self.runs)
        wanted = bytearray(len(self._order))
        for id_ in asked:
            wanted[self._place[id_]] = 1
        for place in range(len(wanted) - 1, -1, -1):  # a run's place is behind all its parents'
            if wanted[place]:
                for parent in self._parents[place]:
                    wanted[parent] = 1
        found = [run for run, want in zip(self._order, wanted, strict=True) if want]
        if jurisdiction is None:
            return tuple(found)
        stages = {stage for stage in Stage if counts(stage, jurisdiction, counting, as_of_utc_s)}
        return tuple(r for r in found if r.stage in stages and jurisdiction not in r.excluded)

    def total(
        self,
        ids: Iterable[str],
        jurisdiction: str | None = None,
        counting: Sequence[Counting] = (),
        as_of_utc_s: int | None = None,
    ) -> Total:
        """What `ancestors` of these add up to, each once. Raises InputError for a run without an estimate: it would
        count as nothing."""
        runs = self.ancestors(ids, jurisdiction, counting, as_of_utc_s)
        low = best = high = 0
        sums = {method: [0, 0, 0, 0] for method in Method}  # low, best, high, runs
        for run in runs:
            basis = run.basis
            low, best, high = low + basis.low_pflop, best + basis.best_pflop, high + basis.high_pflop
            for e in run.estimates:
                add = sums[e.method]
                add[0] += e.low_pflop
                add[1] += e.best_pflop
                add[2] += e.high_pflop
                add[3] += 1
        by_method = {m: (s[0], s[1], s[2]) if s[3] else None for m, s in sums.items()}
        return Total(low, best, high, by_method, len(runs), {m: len(runs) - s[3] for m, s in sums.items()})

    def tree(self, ids: Iterable[str]) -> Iterator[TreeRow]:
        """The runs with what they came from below them. One met again has its row, but nothing below it."""
        shown: set[str] = set()
        stack = [(0, id_) for id_ in reversed(list(ids))]
        while stack:
            depth, id_ = stack.pop()
            run, again = self.runs[id_], id_ in shown
            yield TreeRow(depth, run, again)
            if not again:
                shown.add(id_)
                stack += [(depth + 1, parent) for parent in reversed(run.parents)]


def burn(runs: Iterable[Run], as_of_utc_s: int, days: int = 90) -> int:
    """High figure of the runs that ended in the last days, PFLOP a day, rounded up."""
    since = as_of_utc_s - days * DAY_S
    return -(-sum(r.basis.high_pflop for r in runs if since < r.at_utc_s <= as_of_utc_s) // days)


def distances(
    total: Total, thresholds: Sequence[Threshold], as_of_utc_s: int, burn_pflop_per_day: int
) -> tuple[Distance, ...]:
    """How far a total is from each threshold that holds at a moment. Give each jurisdiction its own total."""
    return tuple(_distance(total, t, as_of_utc_s, burn_pflop_per_day) for t in in_force(thresholds, as_of_utc_s))


def _distance(total: Total, threshold: Threshold, as_of_utc_s: int, burn_pflop_per_day: int) -> Distance:
    reached = threshold.reached(total.high)
    level = next((p for p in (80, 50) if 100 * total.high >= p * threshold.pflop), 0)
    reaches = None
    if not reached and burn_pflop_per_day > 0:
        reaches = as_of_utc_s - (-(threshold.least_pflop - total.high) * DAY_S // burn_pflop_per_day)
    return Distance(
        threshold,
        total.best * 10**6 // threshold.pflop,
        total.high * 10**6 // threshold.pflop,
        reached,
        100 if reached else level,
        reaches if reaches is not None and reaches <= LAST_UTC_S else None,
    )
