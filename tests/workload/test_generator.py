"""The generator: same seed, same jobs; counts, shares, times and tables as its parameters say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError
from dure.units import DAY_S, HOUR_S
from dure.vocabulary import JobKind
from dure.workload.columns import COLUMNS, Workload
from dure.workload.generator import Arrivals, GeneratorParams, JobClass, apportion, generate

TRAINING = JobClass(
    name="training",
    weight=1,
    kind=JobKind.TRAINING,
    sizes=((8, 1000, 3.0), (16, 1000, 1.0)),
    duration_s=(600, 3600, 86_400),
    limit_ratio=(1.2, 2.0, 8.0),
    limit_menu_s=(3600, 4 * 3600, 86_400, 10 * 86_400),
    cores_each_milli=(8000, 12_000),
    memory_each_mib=(65_536,),
    save_every_s=1800,
    accept=(("H200", 1000), ("B200", 1800)),
    batch=2.0,
    likeness=0.5,
)
NOTEBOOK = JobClass(
    name="notebook", weight=3, kind=JobKind.INTERACTIVE, sizes=((1, 250, 1.0),), duration_s=(60, 7200), priority=2
)
LEASE = JobClass(name="lease", weight=0.1, kind=JobKind.LEASE, sizes=((16, 1000, 1.0),), lead_s=(DAY_S, 5 * DAY_S))
PARAMS = GeneratorParams(
    name="small",
    jobs=2000,
    days=14,
    classes=(TRAINING, NOTEBOOK, LEASE),
    arrivals=Arrivals(
        hour_weights=(0.0,) * 8 + (2.0,) * 10 + (1.0,) * 6, weekday_weights=(1.0,) * 5 + (0.25,) * 2, day_sigma=0.2
    ),
    projects=("a", "b", "c"),
    start_utc_s=4 * DAY_S,  # Monday, 5 January 1970
)


def same(a: Workload, b: Workload) -> bool:
    return all(np.array_equal(getattr(a, c.name), getattr(b, c.name)) for c in COLUMNS)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), jobs=st.integers(0, 300), days=st.floats(0.01, 60))
def test_jobs_lie_in_bounds_and_repeat_with_the_seed(seed: int, jobs: int, days: float) -> None:
    params = replace(PARAMS, arrivals=replace(PARAMS.arrivals, hour_weights=(0.1,) * 8 + (1.0,) * 16))
    made = generate(params, seed=seed, jobs=jobs, days=days)
    assert len(made) == jobs
    assert same(made, generate(params, seed=seed, jobs=jobs, days=days))
    assert np.all(np.diff(made.submit_s) >= 0)
    assert np.all((made.submit_s >= 0) & (made.submit_s < days * DAY_S))
    assert np.all((made.duration_s >= 60) & (made.duration_s <= 86_400))
    assert np.all(made.limit_s >= made.duration_s)


def test_seeds_differ() -> None:
    assert not same(generate(PARAMS, seed=1), generate(PARAMS, seed=2))


def test_classes_sizes_and_projects_have_their_shares() -> None:
    made = generate(PARAMS, seed=3)
    kinds = np.bincount(made.kind, minlength=6)
    assert kinds[JobKind.TRAINING] == pytest.approx(2000 / 4.1, abs=1)
    assert kinds[JobKind.INTERACTIVE] == pytest.approx(6000 / 4.1, abs=1)
    training = made.accelerators[made.kind == JobKind.TRAINING]
    assert np.count_nonzero(training == 8) == pytest.approx(len(training) * 3 / 4, abs=1)
    assert np.count_nonzero(made.project == 0) == pytest.approx(2000 * 6 / 11, rel=0.1)


def test_a_class_fills_every_column() -> None:
    made = generate(PARAMS, seed=3)
    training = made.take(np.flatnonzero(made.kind == JobKind.TRAINING))
    assert set(training.limit_s.tolist()) <= set(TRAINING.limit_menu_s)
    assert set((training.cores_milli // training.accelerators).tolist()) == {8000, 12_000}
    assert set((training.memory_mib // training.accelerators).tolist()) == {65_536}
    assert {made.accepts[i] for i in training.accept} == {TRAINING.accept}
    assert set(training.save_every_s.tolist()) == {1800}
    notebooks = made.take(np.flatnonzero(made.kind == JobKind.INTERACTIVE))
    assert set(notebooks.share_milli.tolist()) == {250}
    assert set(notebooks.priority.tolist()) == {2}
    assert not notebooks.earliest_s.any()
    leases = made.take(np.flatnonzero(made.kind == JobKind.LEASE))
    lead = leases.earliest_s - leases.submit_s
    assert len(leases)
    assert np.all((lead >= DAY_S) & (lead <= 5 * DAY_S))


def test_hours_and_weekdays_follow_the_profile() -> None:
    made = generate(replace(PARAMS, jobs=20_000), seed=5)
    hour, day = made.submit_s % DAY_S // HOUR_S, made.submit_s // DAY_S
    assert not np.any(hour < 8)
    assert np.count_nonzero(hour < 18) == pytest.approx(20_000 * 20 / 26, rel=0.02)
    assert np.count_nonzero(day % 7 >= 5) < 20_000 * 0.15  # a quarter of the rate: 9 % of the jobs


def test_local_time_is_shifted() -> None:
    night = Arrivals(hour_weights=(1.0,) + (0.0,) * 23, utc_offset_s=9 * HOUR_S)
    made = generate(replace(PARAMS, arrivals=night, start_utc_s=0), seed=0)
    assert set((made.submit_s % DAY_S // HOUR_S).tolist()) == {15}


SERIES = GeneratorParams(
    name="series",
    jobs=100,
    days=2.0,
    classes=(
        JobClass(name="early", duration_s=(10,), per_mix=(60, 0)),
        JobClass(name="late", duration_s=(20,), per_mix=(20, 20)),
    ),
    arrivals=Arrivals(
        edges_s=(0, 3600, 86_400, 2 * 86_400),
        counts=(50, 30, 20),
        blocks_per_mix=2,
        gap_limits=(100.0,),
        gap_tables=((0.0, 0.1, 2.9), (1.0,)),
    ),
)


def test_a_series_keeps_the_jobs_of_each_block_and_mix() -> None:
    made = generate(SERIES, seed=9)
    assert np.histogram(made.submit_s, SERIES.arrivals.edges_s)[0].tolist() == [50, 30, 20]
    late = made.submit_s >= 86_400
    assert np.bincount(made.duration_s[~late], minlength=21)[[10, 20]].tolist() == [60, 20]
    assert set(made.duration_s[late].tolist()) == {20}
    busy = np.diff(made.submit_s[:50])  # the first block's gaps follow the first table, the last block's are even
    quiet = np.diff(made.submit_s[-20:])
    assert np.std(busy) / np.mean(busy) > 0.8
    assert np.std(quiet) / np.mean(quiet) < 0.1


def test_a_series_is_cut_or_repeated() -> None:
    assert len(generate(SERIES, seed=0, days=1.0)) == 80
    twice = generate(SERIES, seed=0, days=4.0)
    assert len(twice) == 200
    assert np.count_nonzero(twice.submit_s < 2 * DAY_S) == 100
    assert set(twice.duration_s[(twice.submit_s >= DAY_S) & (twice.submit_s < 2 * DAY_S)].tolist()) == {20}


def test_batches_share_a_project_and_are_alike() -> None:
    alone = JobClass(name="x", duration_s=(10, 100, 1000, 10_000), projects=(1.0, 1.0, 1.0))
    params = replace(PARAMS, jobs=4000, classes=(alone, replace(alone, name="y", duration_s=(10**6,))))
    batched = replace(params, classes=tuple(replace(c, batch=8.0, likeness=0.9) for c in params.classes))
    plain, grouped = generate(params, seed=1), generate(batched, seed=1)
    same_project = [np.mean(np.diff(w.project) == 0) for w in (plain, grouped)]
    assert same_project[0] == pytest.approx(1 / 3, abs=0.05)
    assert same_project[1] > 0.8
    logs = np.log(grouped.duration_s[grouped.duration_s < 10**6])
    assert np.corrcoef(logs[1:], logs[:-1])[0, 1] > 0.6


@settings(max_examples=100, deadline=None)
@given(weights=st.lists(st.floats(0, 1e6), max_size=20), total=st.integers(0, 10_000), seed=st.integers(0, 100))
def test_apportioned_numbers_add_up_and_are_near(weights: list[float], total: int, seed: int) -> None:
    shares = np.array(weights)
    found = apportion(shares, total, np.random.default_rng(seed))
    if shares.sum() > 0:
        assert found.sum() == total
        assert np.all(np.abs(found - shares / shares.sum() * total) < 1 + 1e-6)
    else:
        assert not found.any()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"days": 0.0}, "days"),
        ({"jobs": -1}, "days"),
        ({"classes": ()}, "classes"),
        ({"projects": ()}, "projects"),
        ({"arrivals": Arrivals(hour_weights=(1.0,))}, "hour_weights"),
        ({"arrivals": Arrivals(edges_s=(0, 1), counts=(1, 2))}, "edges_s"),
        ({"arrivals": Arrivals(edges_s=(0, 5, 5), counts=(1, 2))}, "edges_s"),
        ({"arrivals": Arrivals(gap_tables=((1.0,), (1.0,)))}, "gap_tables"),
        ({"classes": (replace(NOTEBOOK, duration_s=()),)}, "notebook"),
        ({"classes": (replace(NOTEBOOK, sizes=((1, 1000, 0.0),)),)}, "sizes"),
        ({"classes": (replace(NOTEBOOK, projects=(1.0,)),)}, "projects"),
        ({"classes": (replace(NOTEBOOK, batch=0.5),)}, "batch"),
        ({"classes": (replace(NOTEBOOK, likeness=1.5),)}, "likeness"),
    ],
)
def test_unusable_parameters_are_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(PARAMS, **change)  # type: ignore[arg-type]
    assert field in caught.value.field


def test_jobs_and_days_are_checked() -> None:
    with pytest.raises(InputError, match="jobs"):
        generate(PARAMS, seed=0, jobs=-1)
    with pytest.raises(InputError, match="days"):
        generate(PARAMS, seed=0, days=0)
    with pytest.raises(InputError, match="rate is 0"):
        generate(PARAMS, seed=0, jobs=5, days=0.25)  # from midnight to six nobody comes
    assert len(generate(PARAMS, seed=0, jobs=0, days=0.25)) == 0
