"""The seeded generator: from a few readable parameters to a `Workload` that behaves like a real one.

A workload is a series of *blocks* of time with a number of jobs in each, and a mix of *job classes* that may change
from block to block. Either the blocks are given (a fit keeps those of its trace), or they are hours drawn from a daily
and a weekly profile with a random level for each day. Inside a block the gaps between jobs follow a table of gaps
relative to the block's mean, so arrivals are as bursty as the table; jobs of a class come in *batches* of one project
with like durations. Durations are drawn by strata: two seeds differ in which job is long and when, not in how many are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.errors import InputError
from dure.units import DAY_S, HOUR_S, MILLI
from dure.vocabulary import JobKind
from dure.workload.columns import ANY, COLUMNS, Accept, Workload

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _column(unit: str, meaning: str, **kwargs: Any) -> Any:
    return field(metadata={"unit": unit, "meaning": meaning}, **kwargs)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When jobs come: blocks as given, or hours made from a daily and a weekly profile."""

    hour_weights: tuple[float, ...] = _column("", "relative rate by local hour, 24 of them", default=(1.0,) * 24)
    weekday_weights: tuple[float, ...] = _column("", "relative rate by weekday, Monday first", default=(1.0,) * 7)
    day_sigma: float = _column("", "spread of the level of single days (of its logarithm)", default=0.0)
    utc_offset_s: int = _column("s", "local time minus UTC", default=0)
    edges_s: tuple[int, ...] = _column("s", "edges of the blocks; empty: hours from the profile", default=())
    counts: tuple[int, ...] = _column("jobs", "jobs in each block", default=())
    blocks_per_mix: int = _column("blocks", "blocks that share one mix of job classes", default=1)
    gap_limits: tuple[float, ...] = _column("s", "mean gaps that divide quiet from busy blocks", default=())
    gap_tables: tuple[tuple[float, ...], ...] = _column(
        "", "for each kind of block: table of gap over mean gap; empty: exponential", default=()
    )


@dataclass(frozen=True, slots=True)
class JobClass:
    """One class of jobs. A *table* is a distribution: the typical values of equal parts of the jobs, ascending."""

    name: str = _column("", "what these jobs are")
    weight: float = _column("", "relative number of jobs, where `per_mix` is empty", default=1.0)
    kind: JobKind = _column("", "training, batch, evaluation, interactive, service or lease", default=JobKind.BATCH)  # noqa: RUF009
    sizes: tuple[tuple[int, int, float], ...] = _column(
        "", "(accelerators, share of each in milli, relative number of jobs)", default=((1, MILLI, 1.0),)
    )
    duration_s: tuple[int, ...] = _column("s", "table of the true duration", default=(HOUR_S,))
    limit_ratio: tuple[float, ...] = _column("ratio", "table of time limit over duration", default=(1.0,))
    limit_menu_s: tuple[int, ...] = _column("s", "limits people type: the next one up is taken", default=())
    cores_each_milli: tuple[int, ...] = _column("milli-cores", "table of cores per accelerator", default=(0,))
    memory_each_mib: tuple[int, ...] = _column("MiB", "table of memory per accelerator", default=(0,))
    save_every_s: int = _column("s", "interval between save points; 0: none", default=0)
    lead_s: tuple[int, ...] = _column("s", "table of earliest start minus submit; 0: at once", default=(0,))
    priority: int = _column("class", "priority class", default=0)
    accept: Accept = _column("", "acceptable models with relative speed in milli; empty: any", default=ANY)  # noqa: RUF009
    projects: tuple[float, ...] = _column("", "relative jobs of each project; empty: Zipf over all", default=())
    batch: float = _column("jobs", "mean jobs in a batch by one project", default=1.0)
    likeness: float = _column("", "correlation of the durations in a batch (of ranks), 0 to 1", default=0.0)
    per_mix: tuple[int, ...] = _column("jobs", "jobs in each mix of the series; empty: constant share", default=())


@dataclass(frozen=True, slots=True)
class GeneratorParams:
    """All that `generate` needs besides a seed."""

    name: str = _column("", "name of the workload")
    jobs: int = _column("jobs", "jobs in the whole length")
    days: float = _column("days", "length")
    classes: tuple[JobClass, ...] = _column("", "the job classes")
    arrivals: Arrivals = _column("", "when jobs come", default=Arrivals())  # noqa: RUF009
    projects: tuple[str, ...] = _column("", "project names", default=("default",))
    start_utc_s: int = _column("s", "UTC time of second 0", default=0)
    note: str = _column("", "where the parameters come from, what is assumed", default="")

    def __post_init__(self) -> None:
        check(self)


def check(params: GeneratorParams) -> None:
    """Raises InputError for the first parameter that cannot be used."""
    a = params.arrivals
    mixes = -(-len(a.counts) // max(a.blocks_per_mix, 1))
    _require(params.jobs >= 0 and params.days > 0, "days", params.days, "days above 0, jobs not negative")
    _require(len(params.classes) > 0, "classes", None, "at least one job class")
    _require(len(params.projects) > 0, "projects", None, "at least one project")
    _require(len(a.hour_weights) == 24 and sum(a.hour_weights) > 0, "arrivals.hour_weights", None, "24 weights")
    _require(len(a.weekday_weights) == 7 and sum(a.weekday_weights) > 0, "arrivals.weekday_weights", None, "7 weights")
    _require(len(a.edges_s) in (0, len(a.counts) + 1), "arrivals.edges_s", len(a.edges_s), "one more than counts")
    _require(bool(np.all(np.diff(a.edges_s) > 0)), "arrivals.edges_s", None, "ascending times")
    _require(len(a.gap_tables) in (0, len(a.gap_limits) + 1), "arrivals.gap_tables", None, "one more than limits")
    for c in params.classes:
        tables = (c.duration_s, c.limit_ratio, c.cores_each_milli, c.memory_each_mib, c.lead_s)
        _require(all(len(t) and min(t) >= 0 for t in tables), f"class {c.name}", None, "tables, no entry negative")
        _require(sum(s[2] for s in c.sizes) > 0, f"class {c.name}: sizes", c.sizes, "weights above 0")
        _require(len(c.projects) in (0, len(params.projects)), f"class {c.name}: projects", len(c.projects), "one each")
        _require(len(c.per_mix) in (0, mixes), f"class {c.name}: per_mix", len(c.per_mix), f"{mixes} numbers")
        _require(c.batch >= 1, f"class {c.name}: batch", c.batch, "1 or more")
        _require(0 <= c.likeness <= 1, f"class {c.name}: likeness", c.likeness, "0 to 1")


def _require(good: bool, name: str, value: object, accepted: str) -> None:
    if not good:
        raise InputError("unusable generator parameter", field=name, value=value, accepted=accepted)


def generate(params: GeneratorParams, *, seed: int, jobs: int | None = None, days: float | None = None) -> Workload:
    """A workload drawn from `params`; the same seed gives the same workload.

    `days` cuts the length or repeats the series; `jobs` sets the number of jobs (default: that of the parameters over
    the same length). Raises InputError for a negative `jobs` or a `days` of nothing.
    """
    _require(jobs is None or jobs >= 0, "jobs", jobs, "0 or more")
    _require(days is None or days > 0, "days", days, "above 0")
    rng = np.random.default_rng(seed)
    edges, expected, mix = _blocks(params, params.days if days is None else days, rng)
    total = round(float(expected.sum())) if jobs is None else jobs
    _require(total == 0 or expected.sum() > 0, "jobs", total, "no jobs: the rate is 0 all through these days")
    counts = apportion(expected, total, rng)
    submit = _submit_times(params.arrivals, edges, counts, rng)
    label, run = _labels(params.classes, np.repeat(mix, counts), rng)
    columns = _columns(params, label, run, rng)
    columns["submit_s"] = submit
    columns["earliest_s"] = np.where(columns["earliest_s"] > 0, columns["earliest_s"] + submit, 0)
    return Workload.from_columns(
        columns,
        projects=params.projects,
        accepts=_accepts(params),
        source=f"{params.name}, seed {seed}",
        start_utc_s=params.start_utc_s,
    )


def apportion(expected: Floats, total: int, rng: np.random.Generator) -> Ints:
    """Whole numbers that add up to `total`, each within one of its expectation (systematic sampling)."""
    mass = np.cumsum(expected)
    if not len(mass) or mass[-1] <= 0:
        return np.zeros(len(mass), dtype=np.int64)
    upto = np.floor(mass / mass[-1] * total + rng.random() * (1 - 1e-9) + 1e-9)
    return np.asarray(np.diff(upto, prepend=0.0).astype(np.int64))


def at(table: tuple[float, ...] | tuple[int, ...], u: Floats, *, logs: bool = False) -> Floats:
    """Values of a table at levels `u` in 0 to 1; between the middles of its parts linear or (`logs`) geometric."""
    levels, values = (np.arange(len(table)) + 0.5) / len(table), np.asarray(table, dtype=np.float64)
    if logs and values.min() > 0:
        return np.asarray(np.exp(np.interp(u, levels, np.log(values))))
    return np.asarray(np.interp(u, levels, values))


def _blocks(params: GeneratorParams, days: float, rng: np.random.Generator) -> tuple[Floats, Floats, Ints]:
    """Edges (blocks + 1), expected jobs and mix number of each block over `days`.

    Mix numbers go on rising when the series repeats: number modulo the length of the series is its mix.
    """
    a = params.arrivals
    if not a.edges_s:
        edges = np.append(np.arange(0, days * DAY_S, HOUR_S), days * DAY_S)
        weights = _profile(a, params.start_utc_s, edges[:-1], rng) * np.diff(edges)
        expected = weights / max(weights.sum(), 1e-300) * params.jobs * days / params.days
        return edges, expected, np.zeros(len(expected), dtype=np.int64)
    once, span = np.asarray(a.edges_s, dtype=np.float64), params.days * DAY_S
    times = int(np.ceil(days / params.days))
    starts = np.concatenate([once[:-1] + i * span for i in range(times)])
    ends = np.concatenate([once[1:] + i * span for i in range(times)])
    mixes = -(-len(a.counts) // a.blocks_per_mix)
    mix = np.concatenate([np.arange(len(a.counts)) // a.blocks_per_mix + i * mixes for i in range(times)])
    inside = np.clip((days * DAY_S - starts) / (ends - starts), 0, 1)  # part of the last block before the end
    expected = np.tile(np.asarray(a.counts, dtype=np.float64), times) * inside
    keep = inside > 0
    stop = np.minimum(ends, days * DAY_S)[keep]
    return np.append(starts[keep], stop[-1:]), (expected * params.jobs / max(sum(a.counts), 1))[keep], mix[keep]


def _profile(a: Arrivals, start_utc_s: int, hours_s: Floats, rng: np.random.Generator) -> Floats:
    local = hours_s + start_utc_s + a.utc_offset_s
    day = (local // DAY_S).astype(np.int64)
    level = np.exp(a.day_sigma * rng.standard_normal(int(day[-1] - day[0]) + 1))[day - day[0]]
    weekday = (day + 3) % 7  # 1 January 1970 was a Thursday
    hour = (local % DAY_S // HOUR_S).astype(np.int64)
    return np.asarray(np.asarray(a.hour_weights)[hour] * np.asarray(a.weekday_weights)[weekday] * level)


def _submit_times(a: Arrivals, edges: Floats, counts: Ints, rng: np.random.Generator) -> Ints:
    """Submit times, ascending: gaps relative to the block's mean, stretched to fill the block."""
    block = np.repeat(np.arange(len(counts)), counts)
    length = np.diff(edges)
    u = rng.random(len(block))
    gaps = -np.log1p(-u)
    if a.gap_tables:
        group = np.searchsorted(a.gap_limits, (length / np.maximum(counts, 1))[block])
        for i, table in enumerate(a.gap_tables):
            gaps[group == i] = at(table, u[group == i])
    gaps += 1e-9
    total = np.bincount(block, gaps, minlength=len(counts))
    through = np.cumsum(gaps) - (np.cumsum(total) - total)[block]
    rest = rng.random(len(counts)) * total / np.maximum(counts, 1)  # from the last job to the end of the block
    times = edges[block] + through / (total + rest)[block] * length[block]
    return np.sort(np.floor(times).astype(np.int64))


def _labels(classes: tuple[JobClass, ...], mix: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Class and batch number of each job, in time order; class counts of a mix are within one of its shares."""
    if not len(mix):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    numbers, sizes = np.unique(mix, return_counts=True)
    rows = max(len(c.per_mix) for c in classes) or 1
    shares = np.array([c.per_mix or (c.weight,) * rows for c in classes], dtype=np.float64).T[numbers % rows]
    shares[shares.sum(axis=1) == 0] = 1.0
    mass = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    u = rng.random((len(numbers), 1)) * (1 - 1e-9) + 1e-9
    counts = np.diff(np.floor(mass * sizes[:, None] + u), axis=1, prepend=0.0).astype(np.int64)
    label = np.repeat(np.tile(np.arange(len(classes)), len(numbers)), counts.ravel())
    group = np.repeat(np.arange(len(numbers)), sizes)
    batch = np.array([c.batch for c in classes])
    first = rng.random(len(label)) * batch[label] < 1
    first[0] = True
    first[1:] |= (np.diff(label) != 0) | (np.diff(group) != 0)
    run = np.cumsum(first) - 1
    order = np.lexsort((run, rng.random(int(run[-1]) + 1)[run], group))
    return label[order], run[order]


def _columns(params: GeneratorParams, label: Ints, run: Ints, rng: np.random.Generator) -> dict[str, Ints]:
    """All columns but the submit times; `earliest_s` still counts from the submit time."""
    columns = {c.name: np.zeros(len(label), dtype=np.int64) for c in COLUMNS}
    zipf = tuple(1.0 / (i + 1) for i in range(len(params.projects)))
    accepts = _accepts(params)
    for number, c in enumerate(params.classes):
        rows = np.flatnonzero(label == number)
        for name, values in _draw(c, zipf, run[rows], rng).items():
            columns[name][rows] = values
        columns["accept"][rows] = accepts.index(c.accept)
    return columns


def _accepts(params: GeneratorParams) -> tuple[Accept, ...]:
    return tuple(dict.fromkeys((ANY, *(c.accept for c in params.classes))))


def _draw(c: JobClass, zipf: tuple[float, ...], run: Ints, rng: np.random.Generator) -> dict[str, Ints | int]:
    """The jobs of one class, given the batch number of each."""
    count = len(run)
    _, member = np.unique(run, return_inverse=True)
    batches = int(member.max()) + 1 if count else 0
    size = np.array([s[:2] for s in c.sizes], dtype=np.int64)[_shuffled([s[2] for s in c.sizes], count, rng)]
    shared, own = rng.standard_normal(batches)[member], rng.standard_normal(count)
    z = np.sqrt(c.likeness) * shared + np.sqrt(1 - c.likeness) * own
    duration = np.rint(at(c.duration_s, _strata(z, rng), logs=True))
    limit = np.ceil(duration * at(c.limit_ratio, rng.random(count), logs=True) - 1e-9)
    if c.limit_menu_s:
        menu = np.append(np.sort(np.asarray(c.limit_menu_s, dtype=np.float64)), np.inf)
        limit = np.where(menu[-2] >= limit, menu[np.searchsorted(menu, limit)], limit)
    project = _shuffled(c.projects or zipf, batches, rng)
    parts, u = np.maximum(size[:, 0], 1), rng.random(count)
    return {
        "duration_s": duration.astype(np.int64),
        "limit_s": np.maximum(limit, 1).astype(np.int64) * (duration > 0),
        "accelerators": size[:, 0],
        "share_milli": size[:, 1],
        "cores_milli": _pick(c.cores_each_milli, u) * parts,
        "memory_mib": _pick(c.memory_each_mib, u) * parts,
        "kind": int(c.kind),
        "priority": c.priority,
        "project": project[member],
        "save_every_s": c.save_every_s,
        "earliest_s": np.rint(at(c.lead_s, rng.random(count))).astype(np.int64),
    }


def _shuffled(weights: Sequence[float], count: int, rng: np.random.Generator) -> Ints:
    """`count` indices in random order, each as often as its weight asks."""
    return rng.permutation(np.repeat(np.arange(len(weights)), apportion(np.asarray(weights), count, rng)))


def _strata(z: Floats, rng: np.random.Generator) -> Floats:
    """Levels in (0, 1), one in each of `len(z)` equal strata, in the order of `z`."""
    rank = np.empty(len(z))
    rank[np.argsort(z)] = np.arange(len(z))
    return np.asarray((rank + rng.random(len(z))) / max(len(z), 1))


def _pick(table: tuple[int, ...], u: Floats) -> Ints:
    """Entries of a quantile table, not values between them: people ask for round numbers of cores."""
    return np.asarray(table, dtype=np.int64)[np.minimum((u * len(table)).astype(np.int64), len(table) - 1)]
