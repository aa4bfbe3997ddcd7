"""How long jobs run, as part of their time limit: fitted from jobs that ended, drawn for jobs that have not.

A sample is empirical: the parts of their limit that past jobs used. A project's own are taken where it has `ENOUGH` of them,
else those of its kind of job, else everybody's, else `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Parts = NDArray[np.float64]

ENOUGH: Final = 20  # ended jobs
LEAST: Final = 1e-4  # part of its limit that a job uses at the least
UNKNOWN: Final[Parts] = np.linspace(0.05, 1.0, ENOUGH)
"""Where nothing is known: any part of the limit, the whole of it included, is as likely as any other."""


@dataclass(frozen=True)
class Fractions:
    """The parts of their limit that past jobs used, ascending: by project, by kind, and of all."""

    by_project: Mapping[Hashable, Parts]
    by_kind: Mapping[Hashable, Parts]
    of_all: Parts

    def sample(self, project: Hashable, kind: Hashable) -> Parts:
        """The sample that speaks for a job of this project and kind."""
        found = self.by_project.get(project)
        return found if found is not None else self.by_kind.get(kind, self.of_all)


def fit_fractions(projects: Sequence[Hashable], kinds: Sequence[Hashable], used: Sequence[float]) -> Fractions:
    """What the parts `used` of ended jobs, with their projects and kinds, tell of others. Parts are held within (0, 1]."""
    parts = np.clip(np.asarray(used, np.float64), LEAST, 1.0)
    of_all = np.sort(parts) if len(parts) >= ENOUGH else UNKNOWN
    return Fractions(_grouped(projects, parts), _grouped(kinds, parts), of_all)


def _grouped(names: Sequence[Hashable], parts: Parts) -> dict[Hashable, Parts]:
    rows: dict[Hashable, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    return {name: np.sort(parts[mine]) for name, mine in rows.items() if len(mine) >= ENOUGH}


def draw(rng: np.random.Generator, samples: Sequence[Parts], which: NDArray[Any], ran: NDArray[Any]) -> Parts:
    """One part in (0, 1] of its limit for each job, from the sample of number `which`, given the part that it has used
    already (`ran`; 0: it has not begun). A job that outran all of its sample may end anywhere up to its limit."""
    chance = rng.random(len(which))
    found = np.minimum(1.0, ran + chance * np.maximum(0.0, 1.0 - ran))
    for number, sample in enumerate(samples):
        mine = np.flatnonzero(which == number)
        first = np.searchsorted(sample, ran[mine], "right")
        left = len(sample) - first
        lasting, first, left = mine[left > 0], first[left > 0], left[left > 0]
        found[lasting] = sample[first + (chance[lasting] * left).astype(np.int64)]
    return np.clip(found, LEAST, 1.0)
