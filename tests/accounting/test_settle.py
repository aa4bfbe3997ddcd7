"""Settlement against the kernel's own count, against a twin that counts second by second, and in the ledger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.accounting.months import bounds
from dure.accounting.settle import (
    Attempt,
    Terms,
    UsageTable,
    charges,
    post,
    refunds,
    reserve,
    settle,
    spent_between,
    usage,
    void,
)
from dure.errors import InputError
from dure.fleet.model import Rate
from dure.kernels import codes
from dure.kernels.layout import G_NOW, G_ROWS
from dure.kernels.reference import refer
from dure.kernels.replay import replay
from dure.ledger.book import Book, apply, standing, unsound
from dure.ledger.model import SUCCESS, Cause, Code, Phase, Transfer
from dure.ledger.months import month_of
from dure.lifecycle import RunLog
from dure.scheduler.pack import pack
from dure.scheduler.policies import Backfill, Order, Policy
from dure.scheduler.terms import ProjectTerms
from dure.simulator.faults import conditions
from dure.simulator.scenario import NodeFailure, Scenario
from dure.vocabulary import JobEvent, JobKind
from dure.workload import Job
from tests.naive import naive_run
from tests.worlds import FEATURES, PROJECTS, World, job, make_policy, policies, pool, worlds

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}
ALWAYS = [f for f in FEATURES if f not in ("terms", "removed", "deliveries")]
TERMS = Terms("run")
JULY = bounds("2026-07")[0]
HOUR = 3600


def budgeted(world: World, budgets: list[int]) -> World:
    terms = tuple(ProjectTerms(p, "", 1, None, b) for p, b in zip(PROJECTS, budgets, strict=True))
    return replace(world, scenario=replace(world.scenario, projects=terms))


BUDGETS = st.lists(st.sampled_from([1, 10, 60, 200, 10**6]), min_size=4, max_size=4)


@settings(max_examples=50, **SLOW)
@given(worlds(ALWAYS), policies(), BUDGETS)
def test_what_is_spent_is_what_the_kernel_took_from_the_budgets(
    world: World, policy: Policy, budgets: list[int]
) -> None:
    """To the milli-unit-second: charge x limit is taken at a start, and what was not used is given back."""
    world = budgeted(world, budgets)
    fleet, workload = world.fleet, world.workload
    last_s = int(workload.submit_s[-1] + workload.limit_s.max()) if len(workload) else 0
    state = pack(fleet, workload, policy, conditions(fleet, world.scenario, 0, last_s), 0)
    reference = refer(state)
    assert replay(reference, 10**6) == codes.DONE
    log = RunLog(state.events[: state.g[G_ROWS]], state.placements[:0], horizon_s=int(state.g[G_NOW]))
    table = usage(log, workload, fleet)
    for row, (name, budget) in enumerate(zip(PROJECTS, budgets, strict=True)):
        mine = np.isin(table.project, [i for i, p in enumerate(table.projects) if p == name])
        assert int(table.milli_unit_s[mine].sum()) == budget * HOUR - int(state.projects[row]["budget"]), name


# --- the twin: second by second ------------------------------------------------------------------------------------


def by_the_second(world: World, log: RunLog, start_utc_s: int, until_utc_s: int) -> dict[tuple[str, str, str], int]:
    """Milli-unit-seconds by (USAGE or REFUND, project, month), attempt by attempt and second by second."""
    rates = {p.model: next((r.milli_units for r in world.rates if r.model == p.model), 1000) for p in world.pools}
    jobs, running, total = world.workload, {}, {}

    def end(number: int, time: int, event: int) -> None:
        start, at = running.pop(number)
        count, share = int(jobs.accelerators[number]), int(jobs.share_milli[number])
        held = count * share
        if jobs.kind[number] == JobKind.LEASE:
            nodes = 0
            while nodes * at.accelerators_per_node < count:
                nodes += 1
            held = nodes * at.accelerators_per_node * 1000
        charge = (held * rates[at.model] + 999) // 1000 if at.model else 0
        project = jobs.projects[jobs.project[number]]
        seconds = range(start, min(time, until_utc_s - start_utc_s))
        for second in seconds:
            key = ("USAGE", project, month_of(start_utc_s + second))
            total[key] = total.get(key, 0) + charge
        if event == JobEvent.NODE_FAIL and seconds:
            every = int(jobs.save_every_s[number])
            speed = dict(jobs.accepts[jobs.accept[number]]).get(at.model, 1000)
            saved = 0
            while every and saved + every <= (time - start) * speed // 1000:
                saved += every
            kept = 0
            while kept * speed < saved * 1000:
                kept += 1
            key = ("REFUND", project, month_of(start_utc_s + time - 1))
            total[key] = total.get(key, 0) + charge * (time - start - kept)

    for time, number, event, _, where in log.events.tolist():
        if number in running:
            end(number, time, event)
        if event == JobEvent.START:
            running[number] = (time, world.pools[where])
    assert not running, "a complete run has no attempt without an end"
    return {k: v for k, v in total.items() if v}


@settings(max_examples=40, **SLOW)
@given(worlds(FEATURES), policies(), st.integers(0, 120))
def test_the_transfers_are_those_of_the_twin(world: World, policy: Policy, before_edge: int) -> None:
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    start = JULY - before_edge
    table = usage(log, world.workload, world.fleet, start_utc_s=start)
    twin = by_the_second(world, log, start, start + table.log_end_s)
    found = settle(table, TERMS, start + table.log_end_s)
    for cause in ("USAGE", "REFUND"):
        for project in world.workload.projects:
            before = 0
            for month in ("2026-06", "2026-07"):
                after = before + twin.get((cause, project, month), 0)
                mine = [
                    t.amount
                    for t in found
                    if t.cause.name == cause and t.debit.endswith(f":{project}") and month_of(t.at_utc_s) == month
                ]
                assert sum(mine) == after // HOUR - before // HOUR, (cause, project, month)
                before = after


@settings(max_examples=40, **SLOW)
@given(worlds(FEATURES), policies(), st.integers(0, 120), st.integers(0, 999))
def test_a_log_cut_anywhere_settles_to_a_part_of_the_whole(world: World, policy: Policy, edge: int, part: int) -> None:
    """What is settled early, from as much of the log as there was, stands unchanged in what is settled at the end."""
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    start = JULY - edge
    whole = usage(log, world.workload, world.fleet, start_utc_s=start)
    cut = whole.log_end_s * part // 1000
    kept = log.events[log.events["time_s"] <= cut]
    early = usage(
        RunLog(kept, log.placements[:0], horizon_s=cut, complete=False), world.workload, world.fleet, start_utc_s=start
    )
    some, more = settle(early, TERMS, start + cut), settle(whole, TERMS, start + whole.log_end_s)
    assert some == settle(whole, TERMS, start + cut)
    assert [t for t in more if t.at_utc_s < JULY] == some if edge <= cut else some == []
    assert len({t.id for t in more}) == len(more)


@settings(max_examples=25, **SLOW)
@given(worlds(FEATURES), policies(), st.integers(0, 120))
def test_charges_by_pool_and_parts_of_time_add_up(world: World, policy: Policy, edge: int) -> None:
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    start = JULY - edge
    table = usage(log, world.workload, world.fleet, start_utc_s=start)
    end = start + table.log_end_s
    booked = settle(table, TERMS, end)
    rows = charges(table, end)
    assert sum(c.milli_units for c in rows) == sum(t.amount for t in booked if t.cause == Cause.USAGE)
    assert sum(c.accelerator_milli_s for c in rows) == int(table.accelerator_milli_s.sum())
    back = refunds(table, TERMS, end)
    assert sum(r.milli_units for r in back) == sum(t.amount for t in booked if t.cause == Cause.REFUND)
    assert all(0 < r.back_s <= min(r.lost_s, TERMS.refund_cap_s) and r.milli_units > 0 for r in back)
    parts = [spent_between(table, a, b) for a, b in ((start, JULY), (JULY, max(JULY, end)))]
    for i, project in enumerate(table.projects):
        total = int(table.milli_unit_s[table.project == i].sum())
        assert sum(p[project] for p in parts) == total


@settings(max_examples=25, **SLOW)
@given(worlds(FEATURES), policies(), st.integers(0, 120))
def test_the_ledger_takes_it_once(world: World, policy: Policy, edge: int) -> None:
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    start = JULY - edge
    table = usage(log, world.workload, world.fleet, start_utc_s=start)
    book = funded(world.workload.projects, 10**9)
    transfers = settle(table, TERMS, start + table.log_end_s)
    book, first = apply(book, transfers)
    assert set(first) <= {Code.OK}
    again, second = apply(book, settle(table, TERMS, start + table.log_end_s + 10**6))
    assert set(second) <= {Code.EXISTS}
    assert again.balances == book.balances
    assert unsound(book) == []
    for i, project in enumerate(table.projects):
        now = standing(book, project)
        assert now.spent == int(table.milli_unit_s[table.project == i].sum()) // HOUR
        assert now.refunded <= now.spent
        assert now.remaining == 10**9 - now.spent + now.refunded


def funded(projects: tuple[str, ...], amount: int) -> Book:
    grants = [Transfer("issue", "programme", "track:c/t", amount * len(projects), Cause.ISSUE, 0)]
    grants += [Transfer(f"award:{p}", "track:c/t", f"project:{p}", amount, Cause.AWARD, 0) for p in projects]
    book, found = apply(Book(), grants)
    assert set(found) == {Code.OK}
    return book


# --- by hand -------------------------------------------------------------------------------------------------------


def failed(hours: int, fail_at: int, **more: object) -> UsageTable:
    """One job of two accelerators at 3 units an hour on a node that fails, and its second attempt."""
    world = World(
        pools=(pool(2, 2, "A"),),
        jobs=(job(0, hours * HOUR, 2, project="p", **more),),
        scenario=Scenario(failures=(NodeFailure(0, fail_at, fail_at + 1), NodeFailure(1, fail_at, fail_at + 1))),
        rates=(Rate("A", 3000, "table"),),
    )
    log = naive_run(world.fleet, world.workload, make_policy(), world.scenario, 0)
    return usage(log, world.workload, world.fleet, start_utc_s=JULY)


@pytest.mark.parametrize(
    ("fail_at", "save_every_s", "speed", "lost_s", "back_s"),
    [
        (5 * HOUR, 2 * HOUR, 1000, HOUR, HOUR),  # two save points: an hour since the last
        (5 * HOUR, 0, 1000, 5 * HOUR, 4 * HOUR),  # never saved: capped at four hours
        (3 * HOUR, 0, 1000, 3 * HOUR, 3 * HOUR),
        (3 * HOUR, 2 * HOUR, 2000, 0, 0),  # six hours of work in three: three save points, the last just then
        (5 * HOUR + 7, 3 * HOUR, 700, 2578, 2578),  # 12,604 s of work: one save point, after 15,429 s
    ],
)
def test_a_failed_node_gives_back_the_time_since_the_last_save_point(
    fail_at: int, save_every_s: int, speed: int, lost_s: int, back_s: int
) -> None:
    table = failed(20, fail_at, save_every_s=save_every_s, accept=(("A", speed),))
    assert table.lost_s.tolist() == [lost_s, 0]
    found = [t for t in settle(table, TERMS, JULY + 10**7) if t.cause == Cause.REFUND]
    assert [t.amount for t in found] == ([6000 * back_s // HOUR] if back_s else [])
    assert all((t.debit, t.credit, t.id) == ("refunded:p", "project:p", "refund:run:0.0") for t in found)
    assert not [t for t in settle(table, Terms("run", 0), JULY + 10**7) if t.cause == Cause.REFUND]


def test_a_refund_belongs_to_the_month_in_which_its_attempt_last_ran() -> None:
    table = replace(failed(20, 3 * HOUR), start_utc_s=JULY - 3 * HOUR)  # the node fails as the month ends
    found = [t for t in settle(table, TERMS, JULY) if t.cause == Cause.REFUND]
    assert [(t.at_utc_s, t.amount) for t in found] == [(JULY - 1, 18_000)]


def test_refunds_carry_on_in_the_order_in_which_attempts_ended() -> None:
    """An earlier refund never depends on a later one: 9 s are 2.5 milli-units, 9 + 20 s are 8.06."""
    world = World(
        pools=(pool(2, 1, "A"),),
        jobs=(job(0, 90, 1), job(1, 90, 1)),
        scenario=Scenario(failures=(NodeFailure(0, 20, 99), NodeFailure(1, 10, 99))),
        rates=(Rate("A", 1000, "table"),),
    )
    log = naive_run(world.fleet, world.workload, make_policy(), world.scenario, 0)
    found = refunds(usage(log, world.workload, world.fleet), TERMS, JULY)
    assert [(r.job, r.lost_s, r.milli_units) for r in found] == [(1, 9, 2), (0, 20, 6)]


@pytest.mark.parametrize(
    ("rate", "asked", "charge"),
    [
        (1001, job(0, 10, 1, share_milli=333), 334),  # 333.333: what is charged is rounded up, once, by the hour
        (1001, job(0, 10, 3), 3003),
        (1001, job(0, 10, 3, kind=JobKind.LEASE), 4004),  # a lease has whole nodes
        (1001, job(0, 10, 0, cores_milli=1000), 0),
    ],
)
def test_charges_an_hour(rate: int, asked: Job, charge: int) -> None:
    world = World(pools=(pool(2, 2, "A"),), jobs=(asked,), rates=(Rate("A", rate, "table"),))
    log = naive_run(world.fleet, world.workload, make_policy(), world.scenario, 0)
    assert usage(log, world.workload, world.fleet).charge.tolist() == [charge]


def test_a_preempted_attempt_is_not_refunded() -> None:
    world = World(
        pools=(pool(1, 2, "A"),),
        jobs=(job(0, 9 * HOUR, 2), job(HOUR, HOUR, 2, priority=1)),
        rates=(Rate("A", 3000, "table"),),
    )
    policy = make_policy(Order.PRIORITY, Backfill.GREEDY, preempt=True)
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    assert JobEvent.PREEMPT in log.events["event"]
    found = settle(usage(log, world.workload, world.fleet), TERMS, 10**9)
    assert [(t.cause, t.amount) for t in found] == [(Cause.USAGE, 6000 * 11)]


def test_an_attempt_is_charged_at_the_rate_of_the_moment_it_started_at() -> None:
    world = World(pools=(pool(1, 1, "A"),), jobs=(job(0, HOUR, 1), job(0, 3 * HOUR, 1), job(0, HOUR, 1)))
    log = naive_run(world.fleet, world.workload, make_policy(), world.scenario, 0)
    change = JULY + 2 * HOUR  # while the second job runs

    def rates(model: str, at_utc_s: int) -> int:
        assert model == "A"
        return 1000 if at_utc_s < change else 7000

    table = usage(log, world.workload, world.fleet, rates, start_utc_s=JULY)
    assert table.charge.tolist() == [1000, 1000, 7000]
    assert table.frame()["milli_unit_s"].to_list() == [1000 * HOUR, 3000 * HOUR, 7000 * HOUR]


def test_an_unfinished_attempt_counts_up_to_the_end_of_the_log_and_is_not_settled_before_its_month_is_over() -> None:
    world = World(pools=(pool(1, 1, "A"),), jobs=(job(0, 100 * HOUR, 1),))
    log = naive_run(world.fleet, world.workload, make_policy(), world.scenario, 0)
    part = RunLog(log.events[:2], log.placements, horizon_s=5 * HOUR, complete=False)
    table = usage(part, world.workload, world.fleet, start_utc_s=JULY)
    assert (table.frame()["ended_by"].to_list(), table.milli_unit_s.tolist()) == (["running"], [5000 * HOUR])
    assert settle(table, TERMS, JULY + 10**9) == []


@pytest.mark.parametrize("run", ["", "a:b"])
def test_a_run_needs_a_name(run: str) -> None:
    with pytest.raises(InputError, match="run"):
        Terms(run)


# --- live ----------------------------------------------------------------------------------------------------------

TRIES = st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 10_000), st.integers(0, 10_000)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(TRIES)
def test_reservations_posted_one_by_one_sum_to_what_is_settled(tries: list[tuple[int, int, int]]) -> None:
    book, before = funded(("p",), 10**9), 0
    for number, (charge, limit, part) in enumerate(tries):
        attempt, used = Attempt("run", "p", f"{number}.0", charge, limit), min(part, limit)
        held = reserve(attempt, number)
        assert (held is None) == (charge * limit == 0)
        book, found = apply(book, [t for t in (held, post(attempt, used, before, number)) if t])
        assert set(found) <= SUCCESS, attempt
        before += charge * used
        now = standing(book, "p")
        assert (now.spent, now.reserved) == (before // HOUR, 0)
    assert unsound(book) == []


def test_a_reservation_is_freed_when_the_attempt_never_started() -> None:
    attempt = Attempt("run", "p", "7.0", 1000, HOUR + 1)
    held = reserve(attempt, 5)
    assert held is not None
    assert (held.amount, held.phase, held.cause) == (1001, Phase.PENDING, Cause.USAGE)
    book, found = apply(funded(("p",), 5000), [held])
    assert (found, standing(book, "p").remaining) == ([Code.OK], 3999)
    book, found = apply(book, [void(attempt, 9)])
    assert (found, standing(book, "p").remaining) == ([Code.OK], 5000)
