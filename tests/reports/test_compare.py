"""Comparisons pair jobs within a seed and give t-intervals over the seeds; tables say the same as the frames."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from scipy import stats

from dure.reports import tables
from dure.reports.compare import SCHEMA, compare, t_interval
from dure.reports.facts import Run
from dure.reports.metrics import METRICS
from dure.reports.report import difference_table
from dure.reports.table import Column, Table
from dure.reports.words import Words
from dure.workload.columns import Job
from tests.reports.worlds import HOUR, replay

JOBS = [Job(0, HOUR, 1, project="p"), Job(60, HOUR, 2, project="q"), Job(120, HOUR, 1, project="q")]
EN = Words("en")


def runs(seeds: int) -> list[Run]:
    """Under `quick` jobs start 10, 20 and 30 s sooner than under `slow`, a little less with every seed; the third
    waits as long."""
    slow = [replay(JOBS, [100, 100, 100], policy="slow", seed=s) for s in range(seeds)]
    quick = [replay(JOBS, [90 + s, 80 + s, 100], policy="quick", seed=s) for s in range(seeds)]
    return [*slow, *quick]


def test_jobs_are_paired_within_their_seed() -> None:
    row = compare(runs(1)).row(0, named=True)
    assert (row["policy"], row["baseline"], row["metric"], row["unit"]) == ("quick", "slow", "wait", "s")
    assert row["difference"] == -10.0
    assert (row["low"], row["high"], row["seeds"], row["pairs"]) == (None, None, 1, 3)
    assert row["sooner"] == pytest.approx(2 / 3)
    assert row["later"] == 0.0


def test_the_interval_is_students_over_the_seeds() -> None:
    row = compare(runs(4)).row(0, named=True)
    gaps = [-(30 - 2 * s) / 3 for s in range(4)]
    low, high = stats.t.interval(0.95, 3, np.mean(gaps), stats.sem(gaps))
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((np.mean(gaps), low, high))
    assert row["seeds"] == 4


def test_the_baseline_can_be_named_and_a_lone_policy_has_no_comparison() -> None:
    assert compare(runs(1), "quick")["difference"][0] == 10.0
    alone = compare(runs(1)[:1])
    assert alone.is_empty()
    assert alone.columns == list(SCHEMA)


def test_seeds_that_only_one_policy_ran_are_left_out() -> None:
    two = runs(2)
    assert compare(two[:-1])["seeds"].to_list() == [1] * len(compare(two[:-1]))


def test_t_interval_needs_two_values() -> None:
    assert t_interval([3.0]) == (3.0, None, None)
    assert t_interval([2.0, 2.0]) == (2.0, 2.0, 2.0)


def test_the_comparison_has_a_row_for_each_policy_and_marks_the_best() -> None:
    table = tables.comparison(runs(2), EN)
    assert [row["policy"] for row in table.rows] == ["slow", "quick"]
    assert table.rows[0]["wait_mean_s"] == 100.0
    assert {key for i, key in table.best() if i == 1} == {"wait_mean_s", "wait_median_s"}  # the rest reads the same
    assert all(set(row) == {c.key for c in table.columns} for row in table.rows)
    single = tables.comparison(runs(1), EN)
    assert "seeds" not in {c.key for c in single.columns}


def test_csv_and_rows_have_the_same_figures() -> None:
    table = tables.comparison(runs(1), EN)
    read = list(csv.DictReader(io.StringIO(table.csv())))
    assert [float(r["wait_mean_s"]) for r in read] == [r["wait_mean_s"] for r in table.rows]
    assert len(table.texts()) == len(table.rows)


def test_equal_values_are_nobodys_best() -> None:
    columns = (Column("a", "a", "factor", "lower"), Column("b", "b", "factor", "higher"))
    table = Table("t", "t", columns, [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 2.0}, {"a": None, "b": 2.001}])
    assert table.best() == {(1, "b"), (2, "b")}


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("ratio", 0.123, "12.3 %"), ("duration", 5400, "1.5 h"), ("count", 1234567, "1,234,567"),
        ("kWh", 12.34, "12.3 kWh"),
        ("kWh", 2_500_000, "2,500 MWh"), ("units", 0.5, "0.50 units"), ("factor", None, "–"), ("text", "a", "a"),
    ],
)  # fmt: skip
def test_every_number_is_written_with_its_unit(form: str, value: float | None, text: str) -> None:
    assert Column("x", "x", form).text(value) == text


def test_waits_by_group_puts_the_policies_of_a_group_together() -> None:
    table = tables.waits_by(runs(2), "project", EN)
    assert [(row["group"], row["policy"]) for row in table.rows] == [
        ("p", "slow"), ("p", "quick"), ("q", "slow"), ("q", "quick"),
    ]  # fmt: skip
    largest = tables.waits_by(runs(1), "project", EN, limit=1)
    assert {row["group"] for row in largest.rows} == {"q"}


def test_all_metrics_lists_each_metric_with_its_formula() -> None:
    table = tables.all_metrics(runs(1), EN)
    assert len(table.rows) == len(METRICS)
    assert table.rows[0]["formula"] == METRICS["utilisation"].formula


def test_differences_are_signed_and_in_their_own_unit() -> None:
    rows = difference_table(compare(runs(3), "quick"), "t", EN).rows
    assert rows[0]["difference"] == "+9 s"
    back = difference_table(compare(runs(3), "slow"), "t", EN).rows
    assert back[0]["difference"] == "−9 s"
