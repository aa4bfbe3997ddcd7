"""When: intervals from the twin run forward, exact where run times are known, kept, and compared with what came of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.app.access import NotFound
from dure.units import DAY_S, HOUR_S
from dure.vocabulary import JobEvent, JobState
from tests.operation.programme_world import NOW, job, small
from tests.operation.stub import Work
from tests.operation.test_explaining import FULL, Desk


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    made = Desk(small(ask=64))
    yield made
    made.loop.lead.release()


def ended(count: int, used: float, kind: str = "batch", project: str = "alpha") -> None:
    """Jobs that ended after such a part of their limits."""
    from dure.store import models
    from tests.operation.test_operating import row

    for _ in range(count):
        seq = row(job(kind=kind, project=project), state=JobState.COMPLETED, attempts=1)
        models.Attempt.objects.create(
            key=f"live-{seq}.0", job_id=seq, number=0, pool="h200", nodes=[[0, 1]], observed=4, start_utc_s=NOW - DAY_S,
            run_utc_s=NOW - DAY_S, end_utc_s=NOW - DAY_S + round(used * HOUR_S), limit_s=HOUR_S,
            ending=int(JobEvent.COMPLETE),
        )  # fmt: skip


def test_percentiles(database: str) -> None:
    from dure.operation.foretelling import percentiles

    @given(st.lists(st.one_of(st.just(-1), st.integers(0, 10**6)), min_size=1, max_size=50), st.integers(0, 10**5))
    def holds(starts: list[int], now: int) -> None:
        low, high = percentiles(np.array(starts, np.int64), now + 7, 7)
        moments = [max(now, s) + 7 for s in starts if s >= 0]
        assert (low is None) == (len(moments) < 0.1 * len(starts))
        assert (high is None) == (len(moments) < 0.9 * len(starts))
        if low is not None:
            assert low >= now + 7
            assert sum(m < low + 60 for m in moments) >= 0.1 * len(starts)
            assert sum(m < low for m in moments) < 0.1 * len(starts)
        if low is not None and high is not None:
            assert low <= high
            assert high % 60 == 0
            assert sum(m <= high for m in moments) >= 0.9 * len(starts)

    holds()


def test_known_run_times_give_the_moment_itself(desk: Desk) -> None:
    """All jobs took half their limits: a job behind two full ones starts when those are half over, to the second."""
    from dure.operation import foretelling
    from dure.store import models

    ended(30, 0.5)
    lead = desk.world.lead
    command = Work(lasts=HOUR_S).command()
    first = desk.submit(**{**FULL, "command": command})
    desk.cycles()
    second = desk.submit(**{**FULL, "command": command})
    third = desk.submit(**FULL)
    new = foretelling.when(lead, second, desk.clock.now())  # before the control loop has met it
    desk.cycles()
    run = models.Attempt.objects.get(job=first).run_utc_s
    found = foretelling.when(lead, second, desk.clock.now())
    assert (new.low_utc_s, new.high_utc_s) == (found.low_utc_s, found.high_utc_s)
    assert found.low_utc_s is not None
    assert found.low_utc_s <= run + HOUR_S <= (found.high_utc_s or 0) <= found.low_utc_s + 120
    assert found.held_of_past == (0, 0)
    last = foretelling.when(lead, third, desk.clock.now())
    assert abs((last.low_utc_s or 0) - (run + 2 * HOUR_S)) <= 60
    assert models.Forecast.objects.count() == 2  # asked twice within minutes, kept once
    desk.clock.seconds = run + HOUR_S
    desk.cycles()
    started = foretelling.when(lead, second, desk.clock.now())
    assert started.started
    assert abs((started.low_utc_s or 0) - (run + HOUR_S)) <= 2
    assert started.held_of_past == (1, 1)


def test_unknown_run_times_give_an_interval_that_follows_its_seed(desk: Desk) -> None:
    from dure.operation import foretelling
    from dure.store import models

    run = desk.submit(**FULL)
    desk.cycles()
    waits = desk.submit(**FULL)
    desk.cycles()
    now = desk.clock.now()
    found = foretelling.when(desk.world.lead, waits, now)
    again = foretelling.when(desk.world.office, waits, now)
    assert found == again
    assert found.low_utc_s is not None
    assert found.high_utc_s is not None
    end = models.Attempt.objects.get(job=run).run_utc_s + FULL["limit_s"]
    assert now <= found.low_utc_s < found.high_utc_s <= end + 60
    with pytest.raises(NotFound):
        foretelling.when(desk.world.actor("lead-beta"), waits, now)


def test_what_cannot_start_has_no_interval(desk: Desk) -> None:
    from dure.operation import foretelling, sites
    from dure.store import models
    from tests.operation.test_operating import row

    sites.drain(desk.world.actor("operator"), "first", NOW)
    drained = desk.submit(models=("H200",))
    over = row(job(), state=JobState.CANCELLED)
    desk.cycles()
    held = row(job(), refusal=14, why="a rule")
    for seq in (drained, held, over):
        found = foretelling.when(desk.world.lead, seq, desk.clock.now())
        assert (found.low_utc_s, found.high_utc_s) == (None, None)
    assert not models.Forecast.objects.exists()


def test_past_intervals_are_counted(desk: Desk) -> None:
    from dure.operation import foretelling
    from dure.store import models
    from tests.operation.test_operating import row

    seq = row(job())
    for low, high, started in ((0, 10, 5), (0, 10, 10), (0, 10, 11), (5, 10, 4), (0, 10, None)):
        models.Forecast.objects.create(
            job_id=seq, made_utc_s=0, low_utc_s=low, high_utc_s=high, started_utc_s=started
        )  # fmt: skip
    assert foretelling.held_of_past() == (2, 4)


def test_run_times_are_fitted_from_what_ended_by_itself(desk: Desk) -> None:
    from dure.operation.foretelling import fit
    from dure.store import models
    from dure.vocabulary import JobKind
    from dure.workload.runtimes import UNKNOWN

    assert fit().of_all is UNKNOWN
    ended(20, 0.25, project="alpha")
    ended(20, 0.75, kind="training", project="beta")
    ended(5, 0.5, kind="training", project="gamma")
    ended(30, 0.1, kind="service", project="gamma")
    preempted = models.Attempt.objects.filter(job__project="alpha").first()
    models.Attempt.objects.filter(key=preempted.key).update(ending=int(JobEvent.PREEMPT))
    found = fit()
    assert "alpha" not in found.by_project  # 19 of its own are left
    assert found.sample("beta", JobKind.BATCH).tolist() == [0.75] * 20
    assert found.sample("gamma", JobKind.TRAINING).tolist() == [0.5] * 5 + [0.75] * 20
    assert found.sample("alpha", JobKind.BATCH).tolist() == [0.25] * 19 + [0.5] * 5 + [0.75] * 20
