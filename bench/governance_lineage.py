"""Compute along the lineage of one model: 100,000 runs with diamonds, built and added up, each run once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from bench.rows import Row, timed
from dure.formats.governance import load_counting
from dure.governance.lineage import Estimate, Lineage, Method, Run, Stage

RUNS = 100_000
HASH = "0" * 64


def run(data: Path | None) -> Iterator[Row]:
    """Seconds for one total of the whole graph, with and without building it."""
    runs, counting = _runs(), load_counting()
    last = [runs[-1].id]
    expected = sum(r.estimates[0].high_pflop for r in runs if r.stage != Stage.EVAL)
    assert sum(len(r.parents) for r in runs) > RUNS * 3 // 2  # diamonds
    lineage = Lineage(runs)
    assert lineage.total(last).runs == RUNS
    assert lineage.total(last, "KR", counting).high == expected
    median, spread = timed(lambda: Lineage(runs).total(last, "KR", counting))
    yield Row.at_most("lineage of 100,000 runs, built and added up", median, spread, "s", 1)
    median, spread = timed(lambda: lineage.total(last, "KR", counting))
    yield Row("the same, built before", median, spread, "s")


def _runs() -> list[Run]:
    """Every run starts from the one before it, and mostly from one or two near it: everything is an ancestor of the last."""
    rng, stages, found = random.Random(4), list(Stage), list[Run]()
    for i in range(RUNS):
        near = [f"r{max(0, i - rng.randint(2, 500))}" for _ in range(rng.randint(0, 2))] if i > 1 else []
        parents = tuple(dict.fromkeys([f"r{i - 1}", *near])) if i else ()
        high = rng.randint(1, 10**9)
        estimate = Estimate(Method.ARCHITECTURE, high // 2, high * 3 // 4, high, HASH)
        found.append(Run(f"r{i}", "m", stages[i % len(stages)], i, parents, (estimate,)))
    return found
