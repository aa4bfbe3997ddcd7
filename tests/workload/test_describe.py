"""The tables of a description, on workloads small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.units import DAY_S, HOUR_S
from dure.vocabulary import JobKind
from dure.workload.columns import Job, Workload
from dure.workload.describe import describe

WORLD = Workload.from_jobs(
    [
        Job(0, 2 * HOUR_S, 8, kind=JobKind.TRAINING, project="a"),
        Job(HOUR_S, HOUR_S, 1, share_milli=500, limit_s=2 * HOUR_S, kind=JobKind.INTERACTIVE, project="b"),
        Job(HOUR_S, 4 * HOUR_S, 8, limit_s=HOUR_S, kind=JobKind.TRAINING, project="b"),
    ]
)


def test_tables_of_three_jobs() -> None:
    found = describe(WORLD)
    assert found.summary.row(0, named=True) == {
        "jobs": 3,
        "days": pytest.approx(1 / 24, rel=1e-3),
        "projects": 2,
        "accelerator_hours": pytest.approx(24.5),
        "mean_accelerators": pytest.approx(24.5, rel=1e-3),
    }
    sizes = found.sizes.rows(named=True)
    assert [(r["accelerators"], r["share"], r["jobs"], r["accelerator_hours"]) for r in sizes] == [
        (1, 0.5, 1, 0.5),
        (8, 1.0, 2, 24.0),
    ]
    assert found.kinds["kind"].to_list() == ["training", "interactive"]
    assert found.kinds["hours_part"].to_list() == pytest.approx([24 / 24.5, 0.5 / 24.5])
    assert found.projects["project"].to_list() == ["a", "b"]
    assert found.projects["accelerator_hours"].to_list() == pytest.approx([16.0, 8.5])
    assert found.durations["accelerators"].to_list() == ["all", "1", "8"]
    assert found.durations["max_s"].to_list() == [4 * HOUR_S, HOUR_S, 4 * HOUR_S]
    assert found.hours["jobs"].to_list()[:3] == [1, 2, 0]
    assert found.weekdays["jobs"].to_list() == [0, 0, 0, 3, 0, 0, 0]  # second 0 of 1970 was on a Thursday
    assert found.limits["ratio"].to_list()[2] == 1.0


def test_demand_against_capacity() -> None:
    found = describe(WORLD, [(0, 10), (HOUR_S + HOUR_S // 2, 30)]).demand
    assert found["jobs"].to_list() == [1, 2]
    assert found["offered"].to_list() == pytest.approx([16.0, 8.5])
    assert found["busy"].to_list() == pytest.approx([8.0, 16.5])
    assert found["accelerators"].to_list() == pytest.approx([10.0, 20.0])
    assert found["load"].to_list() == pytest.approx([1.6, 8.5 / 20])


def test_no_load_where_there_is_no_capacity() -> None:
    found = describe(WORLD, [(HOUR_S, 8)]).demand
    assert found["load"].to_list() == [None, pytest.approx(8.5 / 8)]


def test_nothing_is_described_too() -> None:
    found = describe(Workload.from_jobs([]), [(0, 8)])
    assert found.summary["jobs"].to_list() == [0]
    empty = ("sizes", "kinds", "projects", "durations", "limits", "demand")
    assert all(len(found.tables()[name]) == 0 for name in empty)


JOBS = st.builds(
    Job, submit_s=st.integers(0, 400 * DAY_S), duration_s=st.integers(0, 10**6), accelerators=st.integers(0, 9)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(JOBS, min_size=1, max_size=30))
def test_every_table_accounts_for_every_job(jobs: list[Job]) -> None:
    workload = Workload.from_jobs(jobs)
    found = describe(workload)
    hours = float((workload.accelerators * workload.duration_s).sum()) / HOUR_S
    for table in (found.sizes, found.kinds, found.projects, found.hours, found.weekdays, found.demand):
        assert table["jobs"].sum() == len(jobs)
    for table in (found.sizes, found.kinds, found.projects):
        assert table["accelerator_hours"].sum() == pytest.approx(hours)
    length = found.demand["to_s"] - found.demand["from_s"]
    assert float((found.demand["offered"] * length).sum()) / HOUR_S == pytest.approx(hours)
    assert len(found.demand) <= 151
    end = int(found.demand["to_s"][-1])
    inside = np.minimum(workload.submit_s + workload.duration_s, end) - workload.submit_s
    busy = float((found.demand["busy"] * length).sum())
    assert busy == pytest.approx(float((inside * workload.accelerators).sum()), rel=1e-6, abs=1)
