"""How long the matching of reviewers and the normalisation of their scores take in a national call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import numpy as np

from bench.rows import Row, timed
from dure.programme.conflicts import conflicts
from dure.programme.matching import Assignment, assign
from dure.programme.model import Application, Ask, Call, Criterion, Institution, Member, Review, Reviewer, Sector, Text
from dure.programme.scores import normalise

APPLICATIONS, REVIEWERS, EACH, LOAD = 2000, 600, 3, 12
CALL = Call(
    "bench", Text("", ""), 0, 1, "Asia/Seoul", 2, 6, (), (Criterion("all", Text("", ""), 1000),), "ranked", {}
)  # fmt: skip


def rows() -> Iterator[Row]:
    """The target's size with 20 and with 150 technology areas (small areas are harder), and the scores that follow."""
    for areas, target in ((20, 2.0), (150, None)):
        applications, reviewers = call(areas, seed=areas)
        found = assign(applications, reviewers, EACH)
        _require_sound(found, applications, reviewers)
        seconds, spread = timed(partial(assign, applications, reviewers, EACH))
        name = f"matching, {APPLICATIONS} x {REVIEWERS}, {EACH} each, load <= {LOAD}, {areas} areas"
        yield Row(name, seconds, spread, "s") if target is None else Row.at_most(name, seconds, spread, "s", target)
    reviews = list(_reviews(found))
    assert set(normalise(reviews, CALL).final) == {a.id for a in applications}
    seconds, spread = timed(lambda: normalise(reviews, CALL))
    yield Row(f"scores of {len(reviews)} reviews normalised", seconds, spread, "s")


def call(areas: int, seed: int) -> tuple[list[Application], list[Reviewer]]:
    """A few large institutions among 200, teams of two, one to four areas and five co-authors a reviewer."""
    rng = np.random.default_rng(seed)
    places = [Institution(name=f"institution {k}") for k in range(200)]
    size = 1 / np.arange(1, 201)
    at = rng.choice(200, 2 * APPLICATIONS + REVIEWERS, p=size / size.sum())
    area = rng.integers(areas, size=APPLICATIONS)
    applications = [
        Application(
            f"a{i}", CALL.id, "t", "", "", f"u{i}", Sector.ACADEMIA, places[at[i]], Ask("H200", 8, 6),
            area=f"area {area[i]}", members=(Member(f"m{i}", institution=places[at[APPLICATIONS + i]]),),
        )
        for i in range(APPLICATIONS)
    ]  # fmt: skip
    reviewers = [
        Reviewer(
            f"r{j}", places[at[2 * APPLICATIONS + j]],
            {f"area {k}": int(rng.choice([1000, 700, 300])) for k in rng.choice(areas, rng.integers(1, 5), replace=False)},
            coauthors=frozenset(f"u{i}" for i in rng.integers(0, APPLICATIONS, 5)), load_most=LOAD,
        )
        for j in range(REVIEWERS)
    ]  # fmt: skip
    return applications, reviewers


def _require_sound(found: Assignment, applications: list[Application], reviewers: list[Reviewer]) -> None:
    """The work was done: everybody has their reviews, nobody too many, and no pair has a conflict."""
    application, reviewer = {a.id: a for a in applications}, {r.user: r for r in reviewers}
    assert not found.short
    assert set(Counter(a for a, _ in found.pairs).values()) == {EACH}
    assert max(Counter(r for _, r in found.pairs).values()) <= LOAD
    assert not any(conflicts(reviewer[r], application[a]) for a, r in found.pairs)


def _reviews(found: Assignment) -> Iterator[Review]:
    rng = np.random.default_rng(0)
    for application, reviewer in found.pairs:
        yield Review(application, reviewer, scores={"all": 100 * int(rng.integers(1, 51))}, submitted_utc_s=1)
