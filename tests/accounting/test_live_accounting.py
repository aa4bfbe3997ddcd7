"""Closing attempts one by one against `settle` on the whole log; in the ledger, once; refunds by hand; energy."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.accounting.energy import energy, milliwatts
from dure.accounting.live import RUN, Closed, Ended, Total, close
from dure.accounting.settle import REFUND_CAP_S, Attempt, Terms, UsageTable, reserve, settle, usage
from dure.fleet.blanks import idle_milliwatts
from dure.fleet.model import Accelerator
from dure.ledger.book import Book, apply, standing, unsound
from dure.ledger.model import SUCCESS, Cause, Code, Phase, Transfer
from dure.reports.facts import Run
from dure.scheduler.policies import Policy
from dure.vocabulary import Failure, JobEvent, JobKind
from tests.naive import naive_run
from tests.worlds import FEATURES, World, policies, worlds

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}
NOW, HOUR, FUNDS = 1_790_000_000, 3600, 10**12


def ended(**more: Any) -> Ended:
    """An attempt of two accelerators at 3 units an hour that ran for an hour of two, unless said otherwise."""
    plain: dict[str, Any] = {
        "key": "live-7.0", "job": 7, "number": 0, "project": "p", "user": "u", "pool": "a", "model": "A",
        "kind": JobKind.TRAINING, "start_utc_s": NOW, "run_utc_s": NOW, "end_utc_s": NOW + HOUR, "charge": 6000,
        "limit_s": 2 * HOUR, "reserved": True, "speed_milli": 1000, "save_every_s": 0, "ended_by": JobEvent.COMPLETE,
        "failure": Failure.NONE, "held_milli": 2000, "energy_j": None, "busy_milli": None, "submitted_utc_s": NOW - 60,
        "energy_w_milli": 1_400_000,
    }  # fmt: skip
    return Ended(**{**plain, **more})


def of_table(table: UsageTable, world: World) -> list[Ended]:
    """The attempts of a settled log, in the order in which they ended."""
    speeds = [dict(accepts) for accepts in world.workload.accepts]
    found = []
    for i in np.argsort(table.end_row, kind="stable").tolist():
        job, model = int(table.job[i]), table.models[table.pool[i]]
        start, wall = table.start_utc_s + int(table.start_s[i]), int(table.end_s[i] - table.start_s[i])
        charge = int(table.charge[i])
        found.append(
            ended(
                key=f"{RUN}-{job}.{table.attempt[i]}", job=job, number=int(table.attempt[i]), model=model,
                project=table.projects[table.project[i]], pool=table.pools[table.pool[i]], start_utc_s=start, run_utc_s=start,
                end_utc_s=start + wall, charge=charge, limit_s=max(wall, 1), reserved=charge > 0,
                speed_milli=speeds[world.workload.accept[job]].get(model, 1000),
                save_every_s=int(world.workload.save_every_s[job]), ended_by=JobEvent(table.ended_by[i]),
                held_milli=int(table.held_milli[i]), submitted_utc_s=start,
                failure=Failure.NODE if table.ended_by[i] == JobEvent.NODE_FAIL else Failure.NONE,
            )
        )  # fmt: skip
    return found


def close_each(rows: list[Ended], cap_s: int = REFUND_CAP_S) -> list[Closed]:
    totals: dict[str, Total] = defaultdict(Total)
    found = []
    for one in rows:
        found.append(close(one, totals[one.project], cap_s))
        totals[one.project] = found[-1].after
    return found


def funded(projects: tuple[str, ...]) -> Book:
    grants = [Transfer("issue", "programme", "track:c/t", FUNDS * len(projects), Cause.ISSUE, 0)]
    grants += [Transfer(f"award:{p}", "track:c/t", f"project:{p}", FUNDS, Cause.AWARD, 0) for p in projects]
    return booked(Book(), grants)


def booked(book: Book, transfers: list[Transfer], code: frozenset[Code] = frozenset({Code.OK})) -> Book:
    book, codes = apply(book, transfers)
    assert set(codes) <= code, codes
    return book


def opened(book: Book, rows: list[Ended]) -> Book:
    tries = [Attempt(RUN, e.project, e.name, e.charge, e.limit_s) for e in rows]
    return booked(book, [t for a in tries if (t := reserve(a, NOW))])


@settings(max_examples=40, **SLOW)
@given(worlds(FEATURES), policies(), st.sampled_from([0, 7, 3600, REFUND_CAP_S]))
def test_a_history_closed_one_by_one_is_what_settlement_says_of_it(world: World, policy: Policy, cap_s: int) -> None:
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    table = usage(log, world.workload, world.fleet, start_utc_s=NOW)
    whole = settle(table, Terms("x", cap_s), NOW + 10**9)
    rows = of_table(table, world)
    closed = close_each(rows, cap_s)
    book = opened(funded(table.projects), rows)
    book = booked(book, [t for c in closed for t in c.transfers])
    assert unsound(book) == []
    for project in table.projects:
        stands = standing(book, project)
        assert stands.reserved == 0
        assert stands.spent == sum(t.amount for t in whole if t.cause == Cause.USAGE and t.credit == f"spent:{project}")
        back = sum(t.amount for t in whole if t.debit == f"refunded:{project}")
        assert stands.refunded == back == sum(c.refunded_milli for c, e in zip(closed, rows) if e.project == project)
    assert sum(c.accelerator_milli_s for c in closed) == int(table.accelerator_milli_s.sum())
    assert sum(c.milli_unit_s for c in closed) == int(table.milli_unit_s.sum())
    again, codes = apply(book, [t for c in closed for t in c.transfers])
    assert set(codes) <= {Code.EXISTS}, "closing twice books once"
    assert again.balances == book.balances


TRIES = st.lists(
    st.tuples(
        st.integers(0, 9_999), st.integers(1, 9_000), st.integers(0, 20_000), st.integers(0, 3_000),
        st.sampled_from([JobEvent.COMPLETE, JobEvent.NODE_FAIL, JobEvent.ENGINE_FAIL, JobEvent.TIME_OUT, JobEvent.FAIL]),
        st.booleans(), st.booleans(),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=200, **SLOW)
@given(TRIES)
def test_whatever_ends_is_resolved_and_never_costs_more_than_was_reserved(tries: list[Any]) -> None:
    rows = [
        ended(
            job=n, charge=charge, limit_s=limit, end_utc_s=NOW + wall, run_utc_s=NOW + staged if began else None,
            ended_by=event, failure=Failure.ENGINE if given_up else Failure.NONE, reserved=charge > 0,
        )
        for n, (charge, limit, wall, staged, event, began, given_up) in enumerate(tries)
    ]  # fmt: skip
    book = opened(funded(("p",)), rows)
    due = back = 0
    for e, c in zip(rows, close_each(rows), strict=True):
        book = booked(book, list(c.transfers), SUCCESS)
        ran = 0 if e.run_utc_s is None else max(0, e.end_utc_s - e.run_utc_s)
        due += e.charge * min(ran, e.limit_s)
        centre = e.ended_by in (JobEvent.NODE_FAIL, JobEvent.ENGINE_FAIL) or e.failure == Failure.ENGINE
        back += e.charge * min(ran, e.limit_s, REFUND_CAP_S) if centre else 0
        stands = standing(book, "p")
        assert (stands.spent, stands.refunded) == (due // HOUR, back // HOUR)
        assert stands.spent + stands.reserved <= sum(-(-x.charge * x.limit_s // HOUR) for x in rows)
        assert (c.accelerator_milli_s, c.milli_unit_s) == (2000 * ran, e.charge * min(ran, e.limit_s))
    assert standing(book, "p").reserved == 0
    assert unsound(book) == []


@pytest.mark.parametrize(
    ("more", "back_s"),
    [
        ({}, 0),
        ({"ended_by": JobEvent.PREEMPT}, 0),
        ({"ended_by": JobEvent.FAIL, "failure": Failure.USER}, 0),
        ({"ended_by": JobEvent.TIME_OUT, "failure": Failure.LIMIT}, 0),
        ({"ended_by": JobEvent.NODE_FAIL}, 3600),
        ({"ended_by": JobEvent.ENGINE_FAIL, "failure": Failure.ENGINE}, 3600),
        ({"ended_by": JobEvent.FAIL, "failure": Failure.ENGINE}, 3600),  # given up, and no fault of its own
        ({"ended_by": JobEvent.NODE_FAIL, "save_every_s": 1000}, 600),
        ({"ended_by": JobEvent.NODE_FAIL, "save_every_s": 1000, "speed_milli": 2000}, 100),  # 7,200 s of work
        ({"ended_by": JobEvent.NODE_FAIL, "save_every_s": 1200}, 0),
        ({"ended_by": JobEvent.NODE_FAIL, "run_utc_s": NOW + 600}, 3000),  # staging was not charged
        ({"ended_by": JobEvent.NODE_FAIL, "run_utc_s": None}, 0),
        ({"ended_by": JobEvent.NODE_FAIL, "limit_s": 1800}, 1800),  # nor was what came after its limit
        ({"ended_by": JobEvent.NODE_FAIL, "limit_s": 6 * HOUR, "end_utc_s": NOW + 5 * HOUR}, 4 * HOUR),
        ({"ended_by": JobEvent.NODE_FAIL, "charge": 0, "reserved": False}, 0),
    ],
)
def test_what_the_centre_lost_comes_back(more: dict[str, Any], back_s: int) -> None:
    one = ended(**more)
    found = close(one, Total())
    assert found.refunded_milli == one.charge * back_s // HOUR
    back = [t for t in found.transfers if t.cause == Cause.REFUND]
    assert [(t.id, t.debit, t.credit, t.amount) for t in back] == (
        [("refund:live:7.0", "refunded:p", "project:p", 6000 * back_s // HOUR)] if found.refunded_milli else []
    )
    assert not back or found.transfers[0].linked, "no refund of what was not booked"


def test_what_never_began_or_scavenges_costs_nothing() -> None:
    (void,) = close(ended(run_utc_s=None), Total(5, 5)).transfers
    assert (void.phase, void.amount, void.id, void.pending) == (Phase.VOID, 0, "void:live:7.0", "reserve:live:7.0")
    assert close(ended(run_utc_s=None), Total(5, 6)).after == Total(5, 6)
    free = close(ended(charge=0, reserved=False), Total(5, 6))
    assert (free.transfers, free.after, free.milli_unit_s, free.accelerator_milli_s) == (
        (),
        Total(5, 6),
        0,
        2000 * HOUR,
    )


def test_a_refund_falls_with_its_post() -> None:
    one = ended(ended_by=JobEvent.NODE_FAIL)
    book = booked(opened(funded(("p",)), [one]), [Transfer(
        "by-hand", "", "", 0, Cause.USAGE, NOW, phase=Phase.VOID, pending="reserve:live:7.0", about="7.0"
    )])  # fmt: skip
    book, codes = apply(book, close(one, Total()).transfers)
    assert codes == [Code.PENDING_RESOLVED, Code.LINKED_FAILED]
    assert standing(book, "p").refunded == 0


@pytest.mark.parametrize(
    ("more", "wait_s"),
    [
        ({}, 60),
        ({"run_utc_s": NOW + 40}, 100),  # its data were staged
        ({"run_utc_s": None}, 60 + HOUR),
        ({"number": 1, "run_utc_s": NOW + 40}, 40),
        ({"submitted_utc_s": NOW + 5}, 0),
    ],
)
def test_the_wait_counts_staging(more: dict[str, Any], wait_s: int) -> None:
    assert close(ended(**more), Total()).wait_s == wait_s


def test_clocks_that_lie_make_no_negative_times() -> None:
    for run, end in ((NOW - 99, NOW + 10), (NOW + 99, NOW + 10), (NOW, NOW - 50), (None, NOW - 50)):
        one = ended(run_utc_s=run, end_utc_s=end)
        assert 0 <= one.used_s <= max(0, end - NOW)
        assert one.begin_utc_s >= one.start_utc_s


# --- energy --------------------------------------------------------------------------------------------------------


def test_energy_is_what_was_counted_or_what_the_model_says() -> None:
    assert energy(None, 1_400_500, 3) == (4201, False)
    assert energy(17, 1_400_500, 3) == (17, True)
    assert energy(0, 1_400_500, 3) == (0, True)
    assert milliwatts(None, 4000) == 0
    found = close(ended(), Total())
    assert (found.energy_j, found.measured) == (1400 * HOUR, False)
    found = close(ended(energy_j=12), Total())
    assert (found.energy_j, found.measured) == (12, True)


@settings(max_examples=25, **SLOW)
@given(worlds(FEATURES), policies())
def test_energy_by_the_model_agrees_with_the_reports(world: World, policy: Policy) -> None:
    """Reports count what an accelerator draws over an idle one per attempt, and the idle part with its node."""
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    reported = Run(log, world.fleet, world.workload)
    ours = over_idle = 0.0
    for one in of_table(usage(log, world.workload, world.fleet), world):
        model = world.fleet.models[one.model] if one.model else None
        if model is None:
            continue
        one = replace(one, energy_w_milli=milliwatts(model, one.held_milli))
        ours += close(one, Total()).energy_j
        over_idle += idle_milliwatts(model) * one.held_milli / 10**6 * one.used_s
    total = float(reported.attempts["energy_j"].sum())
    assert ours == pytest.approx(total + over_idle, rel=1e-6, abs=len(reported.attempts) + 1)


def test_a_share_of_an_accelerator_draws_its_share() -> None:
    known, blank = Accelerator("X", "X", "v", "KR", tdp_w=700), Accelerator("Y", "Y", "v", "KR")
    assert [milliwatts(known, held) for held in (1000, 250)] == [700_000, 175_000]
    assert milliwatts(blank, 1000) == 1_000_000, "assumed"
