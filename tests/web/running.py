"""Jobs as the control loop writes them, without the loop; and a world of two projects, made in no time."""

from __future__ import annotations

import time
from typing import Any

from dure.app import people
from dure.lifecycle.attempts import Observed
from dure.store import models
from dure.vocabulary import JobEvent, JobKind, JobState
from tests.web.world import World

PEOPLE = {"alpha": {"lead-alpha": "pi", "member": "member"}, "beta": {"lead-beta": "pi"}}


def few() -> World:
    """Two projects with their people, an office account, a stranger; tokens for all."""
    world = World(int(time.time()))
    for project, users in PEOPLE.items():
        row = models.Project.objects.create(id=project)
        for user, role in users.items():
            models.Member.objects.create(project=row, user=user, role=role)
    models.Grant.objects.create(user="office", role="office")
    for user in ("office", "stranger", *(u for users in PEOPLE.values() for u in users)):
        world.tokens[user] = people.make_token(world.actor(user), world.now)
    return world


def job(project: str, user: str, now: int, **more: Any) -> models.Job:
    """A job of a project, waiting if nothing else is said."""
    given = {"kind": JobKind.BATCH, "state": JobState.WAITING, "spec": {}, "submitted_utc_s": now}
    return models.Job.objects.create(project=project, user=user, **{**given, **more})


def notebook(project: str, user: str, now: int, port: int, **more: Any) -> models.Job:
    """A notebook that runs, and listens on a port."""
    made = job(project, user, now, kind=JobKind.INTERACTIVE, state=JobState.RUNNING, attempts=1)
    given = {
        "pool": "p",
        "nodes": [],
        "start_utc_s": now,
        "run_utc_s": now,
        "limit_s": 3600,
        "observed": Observed.RUNNING,
    }
    models.Attempt.objects.create(key=f"live-{made.seq}.1", job=made, number=1, port=port, **{**given, **more})
    return made


def event(job: models.Job, now: int, kind: JobEvent = JobEvent.START, cause: str = "") -> int:
    """One event of a job; its number."""
    return int(models.JobEvent.objects.create(job=job.seq, event=kind, at_utc_s=now, cause=cause).seq)


def clear(world: World) -> None:
    """Let the rules allow alpha's jobs: it was screened, with nothing found, and what its award asked for is met."""
    from dure.app import screening
    from dure.governance.screening import NONE_OF_IT, Affiliation, AreaClaim, Declaration, Person
    from dure.programme.sample import WATCHLISTS

    mine = models.Application.objects.filter(id="done-alpha")
    state = mine.get().state
    mine.update(state="draft")  # nothing more is declared for one that is settled
    for edition in WATCHLISTS:
        screening.import_list(world.office, edition, world.now)
    tie = (Affiliation("Institute of alpha", country="KR"),)
    given = Declaration(
        areas=(AreaClaim(WATCHLISTS[0].list, NONE_OF_IT),),
        persons=tuple(Person(u, role, tie, "no", 1, "test") for u, role in PEOPLE["alpha"].items()),
        headquarters_country="KR", parent_country="KR", end_use="civil", listed="no", access_countries=("KR",),
        core_technology="no", core_approval="none", state_funded="no", strategic_technology="no",
    )  # fmt: skip
    screening.declare(world.actor("lead-alpha"), "done-alpha", given, world.now)
    mine.update(state=state)
    models.Obligation.objects.filter(about="done-alpha").update(state="met")
