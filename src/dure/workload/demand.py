"""A workload made longer, denser or thinner, for scenarios and for measurements; and the distance between two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dure.errors import InputError
from dure.units import DAY_S, HOUR_S
from dure.workload.columns import COLUMNS, Workload


def scale_demand(workload: Workload, factor: float, rng: np.random.Generator) -> Workload:
    """`factor` times as many jobs over the same days: jobs left out, or repeated within two hours of their time.

    Which ones is drawn from `rng`. Raises InputError for a factor that is no positive number.
    """
    if not 0 < factor < np.inf:
        raise InputError("cannot scale demand", field="demand", value=factor, accepted="a factor above 0")
    whole = int(factor)
    part = rng.choice(len(workload), round((factor - whole) * len(workload)), replace=False)
    rows = np.concatenate([np.tile(np.arange(len(workload)), whole), np.sort(part)])
    copy = np.concatenate([np.repeat(np.arange(whole), len(workload)), np.full(len(part), whole)])
    shift = np.where(copy > 0, rng.integers(-2 * HOUR_S, 2 * HOUR_S, len(rows), endpoint=True), 0)
    return _moved(workload, rows, copy, shift)


def repeat(workload: Workload, times: int) -> Workload:
    """The workload laid end to end `times` over, each time from a whole day on: hours of the day stay what they are."""
    _check_times(times)
    period = -(-(int(workload.submit_s.max(initial=-1)) + 1) // DAY_S) * DAY_S
    copy = np.repeat(np.arange(times), len(workload))
    return _moved(workload, np.tile(np.arange(len(workload)), times), copy, copy * period)


def superimpose(workload: Workload, times: int, rng: np.random.Generator | None = None) -> Workload:
    """The workload laid over itself, so many `times`: at the same seconds, or with `rng` within half a day of them."""
    _check_times(times)
    copy = np.repeat(np.arange(times), len(workload))
    shift = np.zeros(len(copy), dtype=np.int64)
    if rng is not None:
        shift = np.where(copy > 0, rng.integers(-DAY_S // 2, DAY_S // 2, len(copy), endpoint=True), 0)
    return _moved(workload, np.tile(np.arange(len(workload)), times), copy, shift)


def ks_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Two-sample Kolmogorov-Smirnov distance: the largest gap of the empirical distributions, 0 to 1.

    Two empty samples are 0 apart, an empty and a full one 1.
    """
    first, second = np.sort(np.asarray(a, dtype=np.float64)), np.sort(np.asarray(b, dtype=np.float64))
    if not len(first) or not len(second):
        return float(len(first) != len(second))
    both = np.concatenate([first, second])
    below_a = np.searchsorted(first, both, side="right") / len(first)
    below_b = np.searchsorted(second, both, side="right") / len(second)
    return float(np.abs(below_a - below_b).max())


def _check_times(times: int) -> None:
    if times < 1:
        raise InputError("cannot repeat a workload", field="times", value=times, accepted="1 or more")


def _moved(workload: Workload, rows: NDArray[np.int64], copy: NDArray[np.int64], shift: NDArray[np.int64]) -> Workload:
    """The jobs at `rows` in any order, `shift` seconds later (not before 0); promised dates move along."""
    columns: dict[str, NDArray[np.int64]] = {c.name: getattr(workload, c.name)[rows] for c in COLUMNS}
    submit = np.maximum(columns["submit_s"] + shift, 0)
    promised = np.maximum(columns["earliest_s"] + submit - columns["submit_s"], 0)
    columns["earliest_s"] = np.where(columns["earliest_s"] > 0, promised, 0)
    columns["submit_s"] = submit
    names: tuple[str, ...] = ()
    if workload.names:
        names = tuple(workload.names[r] + (f"+{c}" if c else "") for r, c in zip(rows, copy, strict=True))
    order = np.lexsort((copy, submit))  # copies of one second keep the order of the original
    sorted_columns: dict[str, Any] = {c.name: columns[c.name][order].astype(c.dtype) for c in COLUMNS}
    return replace(workload, names=tuple(names[i] for i in order) if names else (), **sorted_columns)
