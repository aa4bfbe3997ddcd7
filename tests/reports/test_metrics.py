"""Each metric on logs small enough to work out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.fleet.model import Delivery, Site
from dure.reports import metrics as m
from dure.reports.facts import capacity_s
from dure.reports.series import bin_edges, device_spans, queue_series, queue_summary, utilisation_series
from dure.units import FAR_S
from dure.vocabulary import JobEvent as E
from dure.vocabulary import JobKind, Refusal
from dure.workload.columns import Job
from tests.reports.test_facts import preempted
from tests.reports.worlds import HOUR, Run, fleet, replay, run

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def day() -> Run:
    """20 hours: 4 x A for 10 h by p; 4 x B (the node delivered at 10 h) for 10 h by q, which waited 10 h for it."""
    jobs = [Job(0, 10 * HOUR, 4, project="p", kind=JobKind.TRAINING), Job(0, 10 * HOUR, 4, project="q")]
    lines = [
        (0, 0, E.SUBMIT), (0, 1, E.SUBMIT), (0, 0, E.START, [(0, 15)]), (10 * HOUR, 0, E.COMPLETE),
        (10 * HOUR, 1, E.START, Refusal.NODES_DOWN, [(3, 15)]), (20 * HOUR, 1, E.COMPLETE),
    ]  # fmt: skip
    return run(jobs, lines, policy="fifo")  # type: ignore[arg-type]


def test_utilisation_counts_nodes_from_their_delivery() -> None:
    models = m.utilisation_by(day(), "model")
    assert models.rows() == [("A", 40.0, 160.0, 0.25), ("B", 40.0, 120.0, pytest.approx(1 / 3))]
    assert m.utilisation(day()) == pytest.approx(80 / 280)
    assert m.utilisation_by(day(), "site")["group"].to_list() == ["here", "there"]
    assert m.share_by_country(day()).rows() == [("US", 40.0, 0.5), ("KR", 40.0, 0.5)]
    assert m.largest_country_share(day()) == 0.5


def test_nodes_that_never_come_are_no_capacity() -> None:
    never = replace(fleet().pools[0], deliveries=(Delivery(1, 5 * HOUR), Delivery(1, FAR_S)))
    assert capacity_s(never, 20 * HOUR) == 4 * 15 * HOUR
    assert capacity_s(never, 2 * HOUR) == 0


def test_waits_and_slowdowns() -> None:
    assert [m.wait(day(), q) for q in (None, 0.5, 0.95)] == [5 * HOUR, 5 * HOUR, 9.5 * HOUR]
    assert m.slowdown(day()) == 1.5
    by_kind = m.by_group(day(), "kind")
    assert by_kind.select("group", "jobs", "wait_mean", "slowdown_p99").rows() == [
        ("training", 1, 0.0, 1.0),
        ("batch", 1, 10.0 * HOUR, 2.0),
    ]
    assert m.by_group(day(), "project")["group"].to_list() == ["p", "q"]
    assert m.by_group(day(), "size")["group"].to_list() == ["2-4"]


def test_a_short_job_is_not_a_thousand_times_slower() -> None:
    assert m.slowdown(replay([Job(0, 1)], [99], policy="x")) == 10.0
    assert m.slowdown(replay([Job(0, 1)], [0], policy="x")) == 1.0


def test_makespan_is_blank_where_jobs_were_unfinished() -> None:
    assert m.makespan(day()) == 20 * HOUR
    cut = run([Job(0, HOUR)], [(0, 0, E.SUBMIT), (9, 0, E.EXPIRE, Refusal.ORDER)], horizon_s=9)
    assert m.makespan(cut) is None
    assert m.never_started(cut) == 1
    assert m.wait(cut) == 9


def test_goodput_counts_only_what_interruptions_lost() -> None:
    assert m.lost_h(preempted()) == 2.0  # two half hours on two accelerators
    assert m.goodput(preempted()) == 1 - 2 / 16
    assert m.goodput(day()) == 1.0
    assert m.refused(preempted()) == 1


def test_units_are_rate_times_accelerator_hours() -> None:
    assert m.units(day()) == 2 * 40 + 40
    assert day().projects["units"].to_list() == [80.0, 40.0]


def test_energy_is_idle_and_busy_power_times_pue() -> None:
    sites = m.energy_by_site(day())
    here = 1.5 * (2 * (50 + 4 * 12) * 20 + 88 * 40) / 1000  # nodes and idle accelerators for 20 h, 88 W more for 40 h
    there = 1.0 * (4 * 12 * 30 + 88 * 40) / 1000  # 30 node-hours
    assert sites["energy_kwh"].to_list() == pytest.approx([here, there])
    assert m.energy_kwh(day()) == pytest.approx(here + there)
    assert m.carbon_kg(day()) == pytest.approx((here + there) * 0.5)
    assert m.cost_minor(day()) == pytest.approx((here + there) * 100)


def test_carbon_and_cost_are_blank_where_a_site_does_not_say() -> None:
    one = day()
    blank = Run(one.log, fleet(tariff=None, grid=None), one.workload)
    assert m.carbon_kg(blank) is None
    assert m.cost_minor(blank) is None
    euro = Site("there", "There", "FR", grid_g_per_kwh=50.0, tariff_per_mwh=1, currency="EUR")
    mixed = fleet()
    mixed = type(mixed)(mixed.name, (mixed.sites[0], euro), mixed.pools, mixed.models, rates=mixed.rates)
    assert m.cost_minor(Run(one.log, mixed, one.workload)) is None
    assert m.carbon_kg(Run(one.log, mixed, one.workload)) is not None


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=9))
def test_jain_lies_between_one_over_n_and_one(values: list[float]) -> None:
    index = m.jain(pl.Series(values))
    assert index is not None
    assert 1 / len(values) - 1e-9 <= index <= 1 + 1e-9
    assert m.jain(pl.Series([*values[:1]] * 5)) == pytest.approx(1)


def test_jain_of_one_who_has_everything() -> None:
    assert m.jain(pl.Series([1.0, 0.0, 0.0, 0.0])) == 0.25
    assert m.jain(pl.Series([], dtype=pl.Float64)) is None


def test_projects_are_served_at_their_pace() -> None:
    projects = day().projects
    assert projects["service"].to_list() == [1.0, 1.0]
    assert projects["pace"].to_list() == [1.0, 0.5]
    assert m.jain_service(day()) == 1.0
    assert m.jain_pace(day()) == pytest.approx(1.5**2 / (2 * 1.25))


def test_finish_time_fairness_compares_with_a_part_of_the_fleet() -> None:
    # 14 accelerators on average, 7 a project: both jobs of 4 would have run at once in 10 h
    assert day().projects["finish_time_fairness"].to_list() == [1.0, 2.0]
    assert m.worst_finish_time_fairness(day()) == 2.0


def test_own_part_of_the_fleet_serves_in_order() -> None:
    jobs = [Job(0, HOUR, 4, project="p")] * 3
    one = replay(jobs, [0, 0, 0], policy="x")
    part = one.fleet.accelerators - 4  # the last node is not there within this hour
    leave = [max(HOUR, 4 * HOUR * i / part) for i in (1, 2, 3)]
    leave = [min(t, one.end_s) for t in leave]
    assert one.projects["finish_time_fairness"].to_list() == pytest.approx([3 * HOUR / sum(leave)])


def test_reasons_of_waiting() -> None:
    rows = m.waited_by_reason(preempted()).select("group", "waits", "wait_h", "accelerator_h", "share").rows()
    assert rows == [
        ("order", 1, 0.5, pytest.approx(4), pytest.approx(2 / 3)),
        ("no_room", 1, 1.0, pytest.approx(2), pytest.approx(1 / 3)),
    ]


def test_fragmentation_counts_idle_accelerators_on_nodes_too_full() -> None:
    """Two jobs of 3 on nodes 0 and 1 leave one accelerator each, of no use to a job of 3; node 2 is free (B not
    accepted)."""
    accept = (("A", 1000),)
    lines = [
        (0, 0, E.SUBMIT), (0, 1, E.SUBMIT), (0, 0, E.START, [(0, 0b111)]), (0, 1, E.START, [(1, 0b111)]),
        (HOUR, 0, E.COMPLETE), (HOUR, 1, E.COMPLETE),
    ]  # fmt: skip
    assert m.fragmentation(run([Job(0, HOUR, 3, accept=accept)] * 2, lines)) == 1.0  # type: ignore[arg-type]
    # with B accepted, the 4 idle ones of node 2 (node 3 is not delivered) are useful: 2 of 6 are not
    assert m.fragmentation(run([Job(0, HOUR, 3)] * 2, lines)) == pytest.approx(2 / 6)  # type: ignore[arg-type]


def test_fragmentation_sees_cores_and_shares() -> None:
    idle = [(0, 0, E.SUBMIT), (0, 0, E.START, [(0, 1)]), (HOUR, 0, E.COMPLETE)]
    hungry = Job(0, HOUR, 1, cores_milli=16_000, accept=(("A", 1000),))
    assert m.fragmentation(run([hungry], idle)) == pytest.approx(3 / 7)  # node 0 has no cores left  # type: ignore[arg-type]
    share = Job(0, HOUR, 1, share_milli=600, accept=(("A", 1000),))
    assert m.fragmentation(run([share], idle)) == pytest.approx(0.4 / 7.4)  # type: ignore[arg-type]


def test_series_add_up_to_the_metrics() -> None:
    one = day()
    edges = bin_edges(one.end_s, 20)
    use = utilisation_series(one, edges)
    assert use.filter(pl.col("model") == "A")["utilisation"].to_list() == [0.5] * 10 + [0.0] * 10
    assert use.filter(pl.col("model") == "B")["utilisation"].to_list() == [0.0] * 10 + [0.5] * 10
    queue = queue_series(one, edges)
    assert queue["jobs"].to_list() == [1.0] * 10 + [0.0] * 10
    assert queue["accelerators"].to_list() == [4.0] * 10 + [0.0] * 10
    assert queue_summary(one).row(0) == (0.5, 1.0, 2.0, 4.0)


def test_device_spans_join_neighbours() -> None:
    jobs = [Job(0, HOUR, 3)]
    lines = [(0, 0, E.SUBMIT), (0, 0, E.START, [(1, 0b1011)]), (HOUR, 0, E.COMPLETE)]
    assert device_spans(run(jobs, lines)).select("first", "last").rows() == [(4, 6), (7, 8)]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", m.METRICS)
def test_every_metric_says_its_formula_and_survives_an_empty_run(name: str) -> None:
    metric = m.METRICS[name]
    assert len(metric.formula) > 10
    assert metric.unit
    value = m.measure(run([], []), name)
    assert value is None or value == 0


def test_the_reference_page_is_what_the_docstrings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == m.reference(), (
        f"write dure.reports.metrics.reference() to {PAGE.relative_to(Path(__file__).parents[2])}"
    )
