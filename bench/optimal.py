"""The `optimal` rule: when generated rounds of 1,000 and 5,000 applications reach a proven gap, and the gap at the end.

Seconds are those of the whole rule, from columns to the certificate's bound; the first row of each round is the gap that
is proven within the target's seconds. Each award passes the certificate's checker, or the run stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

from bench.rows import Row
from dure.programme import rules
from dure.programme.certificate import check
from dure.programme.draw import draw

GAP = 1000  # millionths
CASES = (
    ("application", 1000, (1, 2, 3, 4, 5), ((10.0, 0.2), (60.0, 0.1))),
    ("unit", 1000, (1, 2), ((60.0, 0.3),)),
    ("application", 5000, (1,), ((30.0, 0.1),)),
)


def rows() -> Iterator[Row]:
    """The gap proven within each target's seconds, per cent; and the seconds to 0.1 % or to the end."""
    for value, applications, seeds, targets in CASES:
        for seed in seeds:
            yield from _one(value, applications, seed, targets)


def _one(value: str, applications: int, seed: int, targets: tuple[tuple[float, float], ...]) -> Iterator[Row]:
    terms, candidates, capacity = draw(seed, applications)
    terms = replace(terms, parameters={"value": value, "gap": GAP})
    seen: list[tuple[float, float]] = []
    last = targets[-1][0]
    begin = perf_counter()

    def look(seconds: float, award: float, bound: float, gap: float) -> bool:
        seen.append((perf_counter() - begin, 100 * gap))
        return seen[-1][0] < last

    awards = rules.award(terms, candidates, capacity, "optimal", 1, progress=look)
    seconds = perf_counter() - begin
    assert awards.certificate is not None
    faults = check(awards.certificate, terms, candidates, capacity)
    assert not faults, faults[0]
    gap = awards.certificate["gap_millionths"] / 10_000
    name = f"optimal by {value}, {applications:,} applications, seed {seed}"
    for within, target in targets:
        reached = [g for s, g in seen if s <= within]
        if within >= last or seconds <= within:
            reached.append(gap)
        yield Row.at_most(f"{name}: gap in {within:.0f} s", min(reached, default=100.0), None, "%", target)
    yield Row(f"{name}: {awards.certificate['stopped']} after", seconds, None, "s")
