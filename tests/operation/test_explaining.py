"""Why: in each situation the pass's own reason, in both languages, with what releases it; nothing of other projects leaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from dure.app.access import NotFound
from dure.scheduler.policies import policy
from dure.units import DAY_S, HOUR_S
from dure.vocabulary import NEVER_REFUSALS, Failure, JobState, Refusal
from tests.operation.programme_world import NOW, Small, job, small
from tests.operation.stub import StubEngine, VirtualClock, Work

FULL = {"accelerators": 32, "models": ("H200",), "command": Work(lasts=2 * DAY_S).command(), "limit_s": 2 * HOUR_S}


@dataclass
class Desk:
    """A programme whose control loop runs on a stub engine, cycle by cycle."""

    world: Small
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    engine: Any = None
    loop: Any = None

    def __post_init__(self) -> None:
        from dure.app.programme import fleet_of_programme
        from dure.operation.loop import Loop

        fleet = fleet_of_programme()
        pools = [p.id for p in fleet.pools]
        self.engine = StubEngine.of_fleet(fleet, pools, self.clock)
        self.loop = Loop(dict.fromkeys(pools, self.engine), self.clock)

    def submit(self, user: str = "lead-alpha", **asked: Any) -> int:
        from dure.operation import submitting

        command = asked.pop("command", Work(lasts=600).command())
        return int(submitting.submit(self.world.actor(user), job(command=command, **asked), self.clock.now()).seq)

    def cycles(self, count: int = 3) -> None:
        for _ in range(count):
            self.loop.cycle()
            self.clock.wait(1)

    def ask(self, seq: int, user: str = "lead-alpha") -> Any:
        from dure.operation import explaining

        found = explaining.why(self.world.actor(user), seq, self.clock.now())
        for text in (found.text, found.release):
            assert text.ko.endswith(".")
            assert text.en.endswith(".")
            assert text.ko != text.en
            assert "None" not in (text.ko + text.en).replace("None of its", "")
            assert "\n" not in text.ko + text.en
        return found


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    made = Desk(small(ask=64))
    yield made
    made.loop.lead.release()


def beta_has_units() -> None:
    from tests.operation.simulation import more_projects

    more_projects(["gamma"], 5_000_000)


def test_from_submitted_to_ended(desk: Desk) -> None:
    seq = desk.submit()
    assert "control loop" in desk.ask(seq).text.en
    desk.loop.cycle()
    other = desk.submit()
    assert "received" in desk.ask(other).text.en
    desk.cycles()
    found = desk.ask(seq)
    assert found.reason == Refusal.NONE
    assert "running since 2026-09-21" in found.text.en
    desk.clock.wait(700)
    desk.cycles()
    found = desk.ask(seq)
    assert "completed" in found.text.en
    with pytest.raises(NotFound):
        desk.ask(seq, "lead-beta")


ENDS = (
    (JobState.FAILED, Failure.USER, "exit status 3", "Its own command failed: exit status 3.", "mend it"),
    (JobState.TIMED_OUT, Failure.LIMIT, "", "It reached a limit that it asked for.", "higher limit"),
    (JobState.FAILED, Failure.LIMIT, "out of memory", "asked for: out of memory.", "higher limit"),
    (JobState.FAILED, Failure.ENGINE, "no space; given up after 3 times", "again and again: no space;", "operators"),
    (JobState.EXPIRED, Failure.NONE, "", "It did not end by itself.", "submit it anew"),
    (JobState.CANCELLED, Failure.NONE, "", "(somebody)", "Nothing is left"),
)


def test_whose_fault_an_end_was(desk: Desk) -> None:
    from dure.store import models
    from tests.operation.test_operating import running

    for state, failure, cause, said, released in ENDS:
        seq = running(desk.world, job(), "member")
        models.Job.objects.filter(seq=seq).update(
            state=int(state), failure=int(failure), ended_utc_s=NOW, wished_by="somebody"
        )
        models.Attempt.objects.filter(job=seq).update(cause=cause)
        found = desk.ask(seq)
        assert said in found.text.en
        assert released in found.release.en


def test_a_refusal_for_ever_says_what_to_change(desk: Desk) -> None:
    from tests.operation.test_operating import row

    for refusal in sorted(NEVER_REFUSALS):
        found = desk.ask(row(job(), state=JobState.REFUSED, refusal=int(refusal), why="as rule 7 says"))
        assert found.reason == refusal
        assert "as rule 7 says" in found.text.en
        assert "anew" in found.release.en


def test_held_by_a_stop_or_by_a_rule(desk: Desk) -> None:
    from dure.operation import operating
    from dure.store import models

    seq = desk.submit(**FULL)
    waits = desk.submit(**FULL)
    desk.cycles()
    models.Job.objects.filter(seq=waits).update(refusal=int(Refusal.HELD), why="a licence for export")
    found = desk.ask(waits)
    assert (found.reason, "a licence for export" in found.text.en) == (Refusal.HELD, True)
    models.Job.objects.filter(seq=waits).update(refusal=0, why="")
    operating.stop_project(desk.world.office, "alpha", desk.clock.now())
    found = desk.ask(waits)
    assert (found.reason, "is stopped" in found.text.en) == (Refusal.HELD, True)
    assert "running" in desk.ask(seq).text.en


def test_no_room_counts_what_is_free(desk: Desk) -> None:
    desk.submit(**{**FULL, "accelerators": 28})
    desk.cycles()
    waits = desk.submit(accelerators=8, models=("H200",))
    desk.cycles()
    found = desk.ask(waits)
    assert found.reason == Refusal.NO_ROOM
    assert "It asks for 8 accelerators; wholly free now: H200 4, at most 4 on one node." in found.text.en
    assert "the next ends at 2026-09-21" in found.release.en


def test_not_yet_and_its_date(desk: Desk) -> None:
    seq = desk.submit(earliest_utc_s=NOW + 3 * DAY_S)
    desk.cycles()
    found = desk.ask(seq)
    assert found.reason == Refusal.NOT_YET
    assert "2026-09-24" in found.text.en


def test_project_limit_and_budget(desk: Desk) -> None:
    from dure.operation import operating

    operating.set_terms(desk.world.office, "alpha", limit=8, now=NOW)
    desk.submit(accelerators=8, models=("H200",), command=Work(lasts=DAY_S).command())
    desk.cycles()
    waits = desk.submit(accelerators=2)
    desk.cycles()
    found = desk.ask(waits)
    assert found.reason == Refusal.PROJECT_LIMIT
    assert "alpha may hold 8 accelerators at once, and holds 8 now" in found.text.en


def test_budget_says_what_is_left_and_what_is_needed(desk: Desk) -> None:
    from dure.ledger.model import Cause, Transfer
    from dure.operation.asking import feasible, most_milli
    from dure.store import ledger

    waits = desk.submit(accelerators=8, models=("H200",), limit_s=10 * HOUR_S)
    ledger.record([Transfer("away", "project:alpha", "project:beta", desk.world.left() - 1500, Cause.MOVE, NOW - 50)])
    desk.cycles()
    found = desk.ask(waits)
    assert found.reason == Refusal.BUDGET
    from dure.app.programme import fleet_of_programme

    fits = feasible(fleet_of_programme(), job(accelerators=8, models=("H200",)))
    assert isinstance(fits, dict)
    need = most_milli(fits["h200"], 10 * HOUR_S) / 1000
    assert f"costs {need:,g} units, and project alpha has 1.5 left" in found.text.en


def test_nodes_that_are_down_drained_or_out(desk: Desk) -> None:
    from dure.operation import sites

    operator, now = desk.world.actor("operator"), desk.clock.now()
    desk.cycles()
    for v in range(4):
        desk.engine.kill_node(f"h200/{v}")
    desk.cycles(2)
    seq = desk.submit(models=("H200",))
    desk.cycles()
    found = desk.ask(seq)
    assert found.reason == Refusal.NODES_DOWN
    assert "down since 2026-09-21" in found.text.en
    assert "h200/0, h200/1, h200/2 +1 (no answer from it)" in found.text.en
    for v in range(4):
        desk.engine.repair_node(f"h200/{v}")
    sites.drain(operator, "first", now)
    desk.cycles()
    found = desk.ask(seq)
    assert (found.reason, "drained" in found.text.en) == (Refusal.NODES_DOWN, True)
    sites.resume(operator, "first", now)
    sites.outage(operator, "first", now - 60, now + DAY_S, "new cooling", now)
    desk.cycles()
    found = desk.ask(seq)
    assert found.reason == Refusal.NODES_DOWN
    assert "(new cooling)" in found.text.en
    assert "end at 2026-09-22" in found.release.en


def test_a_power_cap(desk: Desk) -> None:
    from dure.operation import sites

    sites.cap(desk.world.actor("operator"), "first", 100, NOW)
    seq = desk.submit(models=("H200",))
    desk.cycles()
    found = desk.ask(seq)
    assert found.reason == Refusal.POWER_CAP
    assert "first (cap 100 W, 0 W left)" in found.text.en


def test_reserved_for_another_projects_lease(desk: Desk) -> None:
    beta_has_units()
    asked = {"kind": "lease", "accelerators": 32, "models": ("H200",), "limit_s": 4 * HOUR_S}
    lease = desk.submit("lead-gamma", project="gamma", earliest_utc_s=NOW + HOUR_S, **asked)
    desk.cycles()
    seq = desk.submit(models=("H200",), limit_s=2 * HOUR_S)
    desk.cycles()
    found = desk.ask(seq)
    assert found.reason == Refusal.RESERVED
    assert "another project's lease, to which the place is promised from 2026-09-21" in found.text.en
    assert f"lease {lease}, to which" in desk.ask(seq, "operator").text.en


def test_reserved_for_an_outage(desk: Desk) -> None:
    from dure.operation import sites

    sites.outage(desk.world.actor("operator"), "first", NOW + HOUR_S, NOW + 2 * HOUR_S, "new cooling", NOW)
    seq = desk.submit(models=("H200",), limit_s=2 * HOUR_S)
    desk.cycles()
    found = desk.ask(seq)
    assert found.reason == Refusal.RESERVED
    assert "(new cooling)" in found.text.en
    assert "2026-09-2" in found.text.en


def test_another_projects_job_has_no_number(desk: Desk) -> None:
    beta_has_units()
    desk.submit(**{**FULL, "accelerators": 24}, name="runs")
    desk.cycles()
    head = desk.submit(**FULL, name="head of the queue")
    desk.cycles()
    other = desk.submit("lead-gamma", project="gamma", models=("H200",), limit_s=20 * HOUR_S)
    desk.cycles()
    theirs, ours = desk.ask(other, "lead-gamma"), desk.ask(other, "operator")
    assert theirs.reason == ours.reason == Refusal.RESERVED
    assert "another project's job" in theirs.text.en
    assert str(head) not in theirs.text.en.split(" from ")[0]
    assert f"job {head}" in ours.text.en


def test_order_names_the_job_that_goes_first(desk: Desk) -> None:
    desk.loop.policy = policy("fifo")
    beta_has_units()
    desk.submit(**{**FULL, "accelerators": 24})
    desk.cycles()
    head = desk.submit(**FULL)
    other = desk.submit("lead-gamma", project="gamma", accelerators=0, cores_milli=1000)
    desk.cycles()
    found = desk.ask(other, "lead-gamma")
    assert found.reason == Refusal.ORDER
    assert "another project's job goes first" in found.text.en
    assert f"job {head} goes first" in desk.ask(other, "operator").text.en


def test_every_reason_that_a_pass_can_give_has_words() -> None:
    from dure.operation import explaining

    told = {*explaining._WORDS, *explaining._NEVER, Refusal.NONE, Refusal.HELD}
    assert told == set(Refusal)
    assert set(explaining._FAULTS) == set(Failure)
