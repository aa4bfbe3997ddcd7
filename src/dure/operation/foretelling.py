"""When will it start? The twin run forward from the live snapshot, several times, each with run times drawn from past jobs.

The interval is from the 10th to the 90th percentile of the starts; it is kept, and compared with what came of it, so that every
answer can say how often such intervals held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.db.models import F
from numpy.typing import NDArray

from dure.app.access import Actor
from dure.operation.views import job_of
from dure.operation.world import World, load
from dure.scheduler.live import foretell, refused_forever
from dure.scheduler.snapshot import Event
from dure.store import models
from dure.units import DAY_S, MINUTE_S
from dure.vocabulary import JobEvent, JobKind, JobState, Refusal, column
from dure.workload.runtimes import Fractions, draw, fit_fractions

SAMPLES: Final = 20
LOW, HIGH = 0.1, 0.9  # percentiles
HORIZON_S: Final = 30 * DAY_S
LOOKED_AT: Final = 20_000  # the newest attempts that ended, from which run times are fitted
KEEP_EVERY_S: Final = 10 * MINUTE_S  # asked again before, a forecast of a job is not kept anew
_ENDS: Final = (JobEvent.COMPLETE, JobEvent.FAIL, JobEvent.TIME_OUT)
_LASTING: Final = (JobKind.LEASE, JobKind.SERVICE)  # last to their limits, whatever others did


@dataclass(frozen=True, slots=True)
class When:
    """When a job starts, or started."""

    low_utc_s: int | None = column("UTC s", "10th percentile of its start; blank: not within the horizon, or held")
    high_utc_s: int | None = column("UTC s", "90th percentile; blank as before")
    held_of_past: tuple[int, int] = column(
        "count", "of all past intervals whose job has started: (those that held, all)"
    )
    samples: int = column("count", "runs of the twin", default=0)
    horizon_utc_s: int | None = column("UTC s", "how far they looked; blank: it has started", default=None)
    started: bool = column("", "it has started already, then", default=False)


def when(actor: Actor, seq: int, now: int, samples: int = SAMPLES) -> When:
    """The answer for a job; kept as a forecast where the interval is whole. Raises NotFound for another's."""
    job = job_of(actor, seq)
    past = held_of_past()
    if job.started_utc_s is not None and job.state != JobState.WAITING:
        return When(job.started_utc_s, job.started_utc_s, past, started=True)
    if job.state not in (JobState.NEW, JobState.WAITING) or job.refusal == Refusal.HELD:
        return When(None, None, past)
    low, high = _interval(job, load(now), now, samples)
    if low is not None and high is not None and job.started_utc_s is None:
        _keep(job, low, high, now)
    return When(low, high, past, samples, now + HORIZON_S)


def held_of_past() -> tuple[int, int]:
    """(how many held, all) of the forecasts of jobs that have started since."""
    rows = models.Forecast.objects.filter(started_utc_s__isnull=False)
    held = rows.filter(started_utc_s__gte=F("low_utc_s"), started_utc_s__lte=F("high_utc_s"))
    return held.count(), rows.count()


def _keep(job: models.Job, low: int, high: int, now: int) -> None:
    if not models.Forecast.objects.filter(job=job, made_utc_s__gt=now - KEEP_EVERY_S).exists():
        models.Forecast.objects.create(job=job, made_utc_s=now, low_utc_s=low, high_utc_s=high)


def _interval(job: models.Job, world: World, now: int, samples: int) -> tuple[int | None, int | None]:
    if job.state == JobState.NEW:
        _let_in(world, job.seq, now)
    row = world.row_of.get(job.seq)
    if row is None or refused_forever(world.snapshot, [row]):
        return None, None
    seeds = [int(s) for s in np.random.SeedSequence((job.seq, now)).generate_state(samples)]
    horizon = now + HORIZON_S - world.zero_utc_s
    starts = foretell(world.snapshot, [row], _durations(world, fit(), now), seeds, horizon)[:, 0]
    return percentiles(starts, now, world.zero_utc_s)


def percentiles(starts: NDArray[np.int64], now: int, zero_utc_s: int) -> tuple[int | None, int | None]:
    """The 10th and the 90th percentile of starts in snapshot time (-1: not within the horizon), in UTC seconds, out to whole
    minutes but not before now; None where too many did not start for there to be one."""
    never = np.iinfo(np.int64).max
    ordered = np.sort(np.where(starts < 0, never, starts))
    found = (int(ordered[int(np.ceil(q * len(ordered))) - 1]) for q in (LOW, HIGH))
    low, high = (None if start == never else max(now, start + zero_utc_s) for start in found)
    return (
        None if low is None else max(now, low // MINUTE_S * MINUTE_S),
        None if high is None else -(-high // MINUTE_S) * MINUTE_S,
    )


def _let_in(world: World, seq: int, now: int) -> None:
    """Put a job that the control loop has not met yet, and those before it, into the queue of this world."""
    jobs = list(models.Job.objects.filter(state=JobState.NEW, seq__lte=seq).order_by("seq"))
    world.add(jobs)
    never = refused_forever(world.snapshot, [world.row_of[j.seq] for j in jobs])
    rows = [world.row_of[j.seq] for j in jobs]
    world.advance(now, [Event(JobEvent.SUBMIT, row) for row in rows if row not in never])


def fit() -> Fractions:
    """How much of their limits jobs used, from the newest attempts that ended by themselves or at their limit."""
    rows = models.Attempt.objects.filter(
        ending__in=_ENDS, run_utc_s__isnull=False, end_utc_s__isnull=False, limit_s__gt=0
    ).exclude(job__kind__in=_LASTING)
    found = list(
        rows.order_by("-job_id").values_list("job__project", "job__kind", "run_utc_s", "end_utc_s", "limit_s")[
            :LOOKED_AT
        ]
    )
    used = [(end - run) / limit for _, _, run, end, limit in found]
    return fit_fractions([p for p, *_ in found], [k for _, k, *_ in found], used)


def _durations(world: World, fractions: Fractions, now: int) -> Callable[[Any, NDArray[np.int64]], NDArray[np.int64]]:
    """How long the jobs of some rows run in all, drawn: of their limit the part that jobs like them used."""
    limit, saved = world.snapshot.state.limit, world.snapshot.state.saved
    ran = np.zeros(len(limit))
    for one in world.tries.values():
        if (row := world.row_of.get(one.job)) is not None and one.run_utc_s is not None:
            ran[row] = now - one.run_utc_s
    ran = np.minimum((ran + saved) / np.maximum(limit, 1), 1.0)
    samples, which = _samples(world, fractions)

    def durations(rng: np.random.Generator, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        parts = draw(rng, samples, which[rows], ran[rows])
        return np.maximum(1, np.ceil(parts * limit[rows])).astype(np.int64)

    return durations


def _samples(world: World, fractions: Fractions) -> tuple[Sequence[NDArray[np.float64]], NDArray[np.int64]]:
    """The samples that speak for the rows of a world, and which of them speaks for each row."""
    whole = np.ones(1)
    kinds = dict(
        models.Job.objects.filter(state__in=(JobState.NEW, JobState.WAITING, JobState.RUNNING)).values_list(
            "seq", "kind"
        )
    )
    samples: list[NDArray[np.float64]] = [whole]
    number = {id(whole): 0}
    which = np.zeros(len(world.snapshot.state.limit), np.int64)
    for row, seq in enumerate(world.seq_of):
        kind = kinds.get(seq, JobKind.BATCH)
        sample = whole if kind in _LASTING else fractions.sample(world.project_of[row], kind)
        if id(sample) not in number:
            number[id(sample)] = len(samples)
            samples.append(sample)
        which[row] = number[id(sample)]
    return samples, which
