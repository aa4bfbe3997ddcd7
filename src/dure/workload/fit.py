"""Fitting the generator to a trace.

What is kept is a summary of bounded size, not the jobs: at most `BLOCKS` blocks of time with the number of jobs in
each; job classes by (kind, models, size, duration), with the number of jobs of each in every fourth block; and for
each class small tables of its durations, limits, cores and memory and its jobs by project. For 82,247 jobs that is some
3,600 numbers, for ten times as many no more. Blocks are short where much happens: waits come from bursts and from heavy
days, so that is where time is resolved. Project names are replaced by numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dure.units import DAY_S, MILLI
from dure.vocabulary import JobKind
from dure.workload.columns import Workload
from dure.workload.generator import Arrivals, Floats, GeneratorParams, Ints, JobClass

BLOCKS = 384
BLOCKS_PER_MIX = 4
SIZE_BANDS = 4
DURATION_BANDS = 4  # of each size band; twice as many where it has a quarter of the jobs or more
GROUPS = 6  # combinations of kind, models and priority kept apart; rarer ones join the largest of their kind
PROJECTS = 24
SIZES = 12  # sizes kept for a class
LEVELS = 16  # entries of a quantile table
GAP_GROUPS = 3
MENU = 24  # limits that people type


def fit(workload: Workload, *, name: str = "") -> GeneratorParams:
    """Parameters under which `generate` behaves like `workload`; of an empty workload, a generator of nothing."""
    if not len(workload):
        return GeneratorParams(name=name or "empty", jobs=0, days=1.0, classes=(JobClass(name="none"),))
    work = workload.accelerators * (workload.share_milli / MILLI) * np.minimum(workload.duration_s, workload.limit_s)
    edges = _edges(workload.submit_s, work)
    block = np.searchsorted(edges, workload.submit_s, side="right") - 1
    label = _classes(workload, work)
    project, names = _projects(workload.project, work)
    return GeneratorParams(
        name=name or f"like {workload.source or 'a trace'}",
        jobs=len(workload),
        days=float(edges[-1]) / DAY_S,
        classes=tuple(
            _job_class(workload, label, c, block // BLOCKS_PER_MIX, project, len(names))
            for c in range(int(label.max()) + 1)
        ),
        arrivals=_arrivals(workload.submit_s, edges, block),
        projects=names,
        start_utc_s=workload.start_utc_s,
        note=f"fitted to {len(workload)} jobs",
    )


def _edges(submit: Ints, work: Floats) -> Ints:
    """Block edges at equal steps of a mixture of time, arrivals (twice) and work arriving."""
    blocks = int(np.clip(len(submit) // 4, 1, BLOCKS))
    measure = 2 * np.arange(1, len(submit) + 1) / len(submit) + submit / max(int(submit[-1]), 1)
    measure += np.cumsum(work) / max(float(work.sum()), 1e-300)
    inner = submit[np.searchsorted(measure / measure[-1], np.arange(1, blocks) / blocks)]
    return np.unique(np.concatenate([[0], inner, [submit[-1] + 1]]))


def _arrivals(submit: Ints, edges: Ints, block: Ints) -> Arrivals:
    counts = np.bincount(block, minlength=len(edges) - 1)
    mean_gap = (np.diff(edges) / np.maximum(counts, 1))[block]
    gap = np.diff(submit, prepend=0) / mean_gap
    limits = np.unique(np.quantile(mean_gap, np.arange(1, GAP_GROUPS) / GAP_GROUPS))
    group = np.searchsorted(limits, mean_gap)
    tables = [_table(gap[group == i], 2 * LEVELS, 4) for i in range(len(limits) + 1)]
    return Arrivals(
        edges_s=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        blocks_per_mix=BLOCKS_PER_MIX,
        gap_limits=tuple(_round(x, 6) for x in limits),
        gap_tables=tuple(tables),
    )


def _classes(w: Workload, work: Floats) -> Ints:
    """Class number of each job: its group, its size band and, in that band, its duration band."""
    measure = _measure(work)
    key = np.stack([w.kind, w.accept, w.priority], axis=1).astype(np.int64)
    groups, group = np.unique(key, axis=0, return_inverse=True)
    group = _merge_rare(groups, group.ravel(), measure)
    label = np.zeros(len(w), dtype=np.int64)
    for g in np.unique(group):
        rows = np.flatnonzero(group == g)
        size = _size_bands(w.accelerators[rows], measure[rows])
        for s in np.unique(size):
            inner = rows[size == s]
            bands = DURATION_BANDS * (2 if 4 * len(inner) >= len(w) else 1)
            duration = _duration_bands(w.duration_s[inner], _measure(work[inner]), bands)
            label[inner] = (g * SIZE_BANDS + s) * 2 * DURATION_BANDS + duration
    return np.unique(label, return_inverse=True)[1].ravel().astype(np.int64)


def _measure(work: Floats) -> Floats:
    """How much each job counts for, half by number and half by work."""
    return np.asarray(1 / len(work) + work / max(float(work.sum()), 1e-300))


def _merge_rare(groups: Ints, group: Ints, measure: Floats) -> Ints:
    """The `GROUPS` heaviest groups keep their number; another joins the heaviest of its kind, or of all."""
    weight = np.bincount(group, measure)
    kept = np.argsort(-weight, kind="stable")[:GROUPS]
    target = np.arange(len(groups))
    for g in np.setdiff1d(target, kept):
        same = [k for k in kept if groups[k, 0] == groups[g, 0]]
        target[g] = same[0] if same else kept[0]
    return target[group]


def _size_bands(sizes: NDArray[np.int32], measure: Floats) -> Ints:
    """Band of each size, ascending: the lightest band joins its lighter neighbour until `SIZE_BANDS` are left."""
    distinct, inverse = np.unique(sizes, return_inverse=True)
    mass = np.bincount(inverse.ravel(), measure).tolist()
    first = list(range(len(distinct)))  # number of the smallest size in each band
    while len(mass) > SIZE_BANDS:
        i = mass.index(min(mass))
        left = i if i + 1 == len(mass) or (i > 0 and mass[i - 1] < mass[i + 1]) else i + 1
        mass[left - 1] += mass.pop(left)
        first.pop(left)
    return np.searchsorted(first, inverse.ravel(), side="right").astype(np.int64) - 1


def _duration_bands(values: Ints, measure: Floats, bands: int) -> Ints:
    """Band of each duration: equal steps of `measure` along the ordered values; equal values share a band."""
    inverse = np.unique(values, return_inverse=True)[1].ravel()
    mass = np.bincount(inverse, measure)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    return np.asarray(np.minimum((middle * bands).astype(np.int64), bands - 1)[inverse])


def _projects(project: NDArray[np.int32], work: Floats) -> tuple[Ints, tuple[str, ...]]:
    """Project numbers by falling number of jobs, all beyond `PROJECTS` as one; and neutral names for them."""
    jobs = np.bincount(project)
    rank = np.empty(len(jobs), dtype=np.int64)
    rank[np.argsort(-jobs, kind="stable")] = np.arange(len(jobs))
    count = min(int(np.count_nonzero(jobs)), PROJECTS)
    return np.minimum(rank[project], count - 1), tuple(f"project-{i + 1:02d}" for i in range(count))


def _job_class(w: Workload, label: Ints, number: int, mix: Ints, project: Ints, projects: int) -> JobClass:
    rows = np.flatnonzero(label == number)
    duration, limit = w.duration_s[rows].astype(np.float64), w.limit_s[rows].astype(np.float64)
    parts = np.maximum(w.accelerators[rows], 1)
    sizes, counts = np.unique(np.stack([w.accelerators[rows], w.share_milli[rows]], axis=1), axis=0, return_counts=True)
    common = np.sort(np.argsort(-counts, kind="stable")[:SIZES])
    ratio = limit / np.maximum(duration, 1)
    span = f"{int(sizes[0][0])}-{int(sizes[-1][0])} accelerators, {int(duration.min())}-{int(duration.max())} s"
    batch, likeness = _batches(label, number, mix, duration)
    return JobClass(
        name=f"{JobKind(int(_mode(w.kind[rows]))).name.lower()}, {span}",
        weight=float(len(rows)),
        kind=JobKind(int(_mode(w.kind[rows]))),
        sizes=tuple((int(sizes[i][0]), int(sizes[i][1]), float(counts[i])) for i in common),
        duration_s=_whole(_table(duration, LEVELS, 4)),
        limit_ratio=_table(ratio, 9, 3),
        limit_menu_s=_menu(w.limit_s[rows]) if np.any(ratio != 1) else (),
        cores_each_milli=_steps(w.cores_milli[rows] // parts),
        memory_each_mib=_steps(w.memory_mib[rows] // parts),
        save_every_s=int(_mode(w.save_every_s[rows])),
        lead_s=_whole(_table(np.maximum(w.earliest_s[rows] - w.submit_s[rows], 0).astype(np.float64), 5, 6)),
        priority=int(_mode(w.priority[rows])),
        accept=w.accepts[int(_mode(w.accept[rows]))],
        projects=tuple(np.bincount(project[rows], minlength=projects).astype(float).tolist()),
        batch=batch,
        likeness=likeness,
        per_mix=tuple(np.bincount(mix[rows], minlength=int(mix.max()) + 1).tolist()),
    )


def _batches(label: Ints, number: int, mix: Ints, duration: Floats) -> tuple[float, float]:
    """How many times longer runs of this class are than in a shuffled order, and how alike durations in a run are."""
    mine = label == number
    of_mix, all_of_mix = np.bincount(mix[mine]), np.bincount(mix)[: int(mix[mine].max()) + 1]
    shuffled = float(np.sum(of_mix * (all_of_mix - of_mix + 1) / np.maximum(all_of_mix, 1)))
    joined = mine[1:] & mine[:-1] & (mix[1:] == mix[:-1])  # follows another job of the class
    runs = int(mine.sum()) - int(joined.sum())
    together = joined[np.flatnonzero(mine)[1:] - 1]
    rank = np.argsort(np.argsort(duration, kind="stable"), kind="stable").astype(np.float64)
    first, second = rank[:-1][together], rank[1:][together]
    alike = float(np.corrcoef(first, second)[0, 1]) if len(first) > 2 and np.ptp(first) and np.ptp(second) else 0.0
    return _round(max(1.0, shuffled / runs), 3), _round(min(max(alike, 0.0), 1.0), 3)


def _table(values: Floats, levels: int, digits: int) -> tuple[float, ...]:
    """Means of equal parts of the ordered values, so that the mean is kept; one entry where all are equal."""
    ordered = np.sort(values) if len(values) else np.ones(1)
    if ordered[0] == ordered[-1]:
        return (_round(ordered[0], digits),)
    edges = np.linspace(0, len(ordered), levels + 1)
    mass = np.interp(edges, np.arange(len(ordered) + 1), np.concatenate([[0.0], np.cumsum(ordered)]))
    return tuple(_round(x, digits) for x in np.diff(mass) / np.diff(edges))


def _whole(table: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(round(x) for x in table)


def _steps(values: Ints) -> tuple[int, ...]:
    table = np.quantile(values, (np.arange(5) + 0.5) / 5, method="nearest").astype(np.int64)
    return tuple(int(x) for x in (table[:1] if table[0] == table[-1] else table))


def _menu(limits: Ints) -> tuple[int, ...]:
    """The limits typed most often, if they cover most jobs."""
    values, counts = np.unique(limits, return_counts=True)
    common = np.argsort(-counts, kind="stable")[:MENU]
    return tuple(sorted(int(values[i]) for i in common)) if counts[common].sum() > len(limits) / 2 else ()


def _mode(values: NDArray[np.generic]) -> int:
    distinct, counts = np.unique(values, return_counts=True)
    return int(distinct[np.argmax(counts)])


def _round(value: float, digits: int) -> float:
    """`value` to so many significant digits."""
    return float(f"{float(value):.{digits}g}")
