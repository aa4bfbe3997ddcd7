"""The programme: closed-form rules on 10,000 applications, reviewers matched, `optimal` to its gap. Wrong work stops the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import matching, optimal
from bench.rows import Row, timed
from dure.programme import rules
from dure.programme.award import Awards, Candidates, Capacity, Terms
from dure.programme.draw import draw

APPLICATIONS = 10_000
CLOSED = ("ranked", "proportional", "scaled", "lottery", "partner")
TARGET_MS = 50.0


def run(data: Path | None) -> Iterator[Row]:
    """Milliseconds of each closed-form rule, checks included; then matching, and `optimal` (nine minutes). `data` is not read."""
    for rule in CLOSED:
        terms, candidates, capacity = a_round(rule, APPLICATIONS)
        require(rules.award(terms, candidates, capacity, rule, 1), terms, candidates, capacity)
        seconds, spread = timed(lambda r=rule, *a: rules.award(terms, candidates, capacity, r, 1), repeats=9)  # noqa: B023
        yield Row.at_most(f"{rule}, {APPLICATIONS:,} applications", 1e3 * seconds, 1e3 * spread, "ms", TARGET_MS)
    yield from matching.rows()
    yield from optimal.rows()


def a_round(rule: str, applications: int) -> tuple[Terms, Candidates, Capacity]:
    """A generated round; for `partner` every fourth institution is of no party and the rest of three."""
    terms, candidates, capacity = draw(1, applications)
    if rule != "partner":
        return terms, candidates, capacity
    shares: dict[str, int | str] = {"contribution_CA": 20, "contribution_KR": 50, "contribution_US": 30}
    terms = replace(terms, parties=("CA", "KR", "US"), parameters=shares)
    return terms, replace(candidates, party=candidates.institution % 4 - 1), capacity


def require(awards: Awards, terms: Terms, candidates: Candidates, capacity: Capacity) -> None:
    """Raises if the awards break a limit, or leave much of the units of so short a supply."""
    broken = list(rules.faults(awards, terms, candidates, capacity))
    given = int(awards.amount.sum())
    if broken or not 0.9 * capacity.total < given <= capacity.total:
        raise AssertionError(f"{awards.rule}: {given} of {capacity.total} milli-units; {broken[:3]}")
