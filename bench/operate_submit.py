"""Submissions in bulk: checked, judged and durable, on whatever database Django is set up on."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from bench.rows import Row
from dure.app.access import Actor
from dure.workload.spec import JobSpec

BULK, ROUNDS, TARGET = 1_000, 7, 3_000


def specs(project: str, count: int = BULK) -> list[JobSpec]:
    """Jobs of one project that differ in name, arguments and variables."""
    return [
        JobSpec(
            project, f"run {n}", command=("python", "train.py", "--seed", str(n)), env={"SEED": str(n)}, models=("H200",),
            limit_s=3_600,
        )
        for n in range(count)
    ]  # fmt: skip


def bulk(actor: Actor, project: str, now: int) -> Iterator[Row]:
    """Jobs a second of calls of 1,000, the median of several; the programme must let them in."""
    from dure.operation.submitting import submit_all
    from dure.store import models

    asked, rates = specs(project), []
    submit_all(actor, asked, now)
    for _ in range(ROUNDS):
        began = perf_counter()
        numbers = submit_all(actor, asked, now)
        rates.append(BULK / (perf_counter() - began))
        if models.Job.objects.filter(seq__in=numbers, refusal=0).count() != BULK:
            raise AssertionError("jobs are missing, or held")
    rates.sort()
    spread = rates[-1] - rates[0]
    yield Row.at_least(
        f"bulk submission, calls of {BULK:,}, checked and durable", rates[ROUNDS // 2], spread, "/s", TARGET
    )
