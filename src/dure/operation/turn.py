"""One cycle's changes, gathered and written together: events, jobs, attempts, and what the snapshot is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dure.lifecycle import step
from dure.operation.faults import point
from dure.operation.world import Try, World
from dure.scheduler.snapshot import Event
from dure.store import jobs as store
from dure.store import models
from dure.vocabulary import FINAL_STATES, JobEvent, JobState, Refusal


class Turn:
    """What one control cycle changes. Everything is written by `flush`, in the transaction at hand, or not at all."""

    def __init__(self, world: World, now: int) -> None:
        self.world, self.now = world, now
        self.events: list[tuple[Any, ...]] = []
        self.job_changes: dict[int, dict[str, Any]] = {}
        self.try_changes: dict[str, dict[str, Any]] = {}
        self._jobs: dict[int, models.Job] = {}
        self._told: list[Event] = []
        self._met: dict[int, list[int]] = {}  # by wish: jobs of which it was met
        self.changed = False  # something happened that a pass may make use of

    def fetch(self, seqs: Iterable[int]) -> None:
        """Read jobs that will be needed, in one look-up."""
        if missing := [s for s in dict.fromkeys(seqs) if s not in self._jobs]:
            self._jobs.update(store.jobs_of(missing))

    def job(self, seq: int) -> models.Job:
        """A job, as it stands with the changes of this turn."""
        if seq not in self._jobs:
            self.fetch([seq])
        return self._jobs[seq]

    def know(self, job: models.Job) -> models.Job:
        """A job that was just read, as it stands with the changes of this turn."""
        return self._jobs.setdefault(job.seq, job)

    def set_job(self, seq: int, **changes: Any) -> None:
        """Change columns of a job."""
        self.job_changes.setdefault(seq, {}).update(changes)
        job = self.job(seq)
        for name, value in changes.items():
            setattr(job, name, value)

    def met(self, seq: int) -> None:
        """What a job's owner wished for was done. What was wished for since then stands."""
        job = self.job(seq)
        if job.wish:
            self._met.setdefault(job.wish, []).append(seq)
            job.wish = 0

    def set_try(self, one: Try, **changes: Any) -> None:
        """Change columns of an attempt, here and in the database."""
        self.try_changes.setdefault(one.key, {}).update(changes)
        for name, value in changes.items():
            if hasattr(one, name):
                setattr(one, name, value)
        self.world.note(one)

    def happen(
        self, seq: int, event: JobEvent, *, reason: int = 0, pool: str = "", attempt: str = "", cause: str = ""
    ) -> None:
        """An event of a job: along the lifecycle, into the run log. The snapshot is told apart."""
        job = self.job(seq)
        state = step(JobState(job.state), event)
        self.events.append((seq, int(event), int(reason), pool, attempt, self.now, cause))
        self.set_job(seq, state=int(state), **({"ended_utc_s": self.now} if state in FINAL_STATES else {}))
        self.changed = True

    def tell(self, seq: int, event: JobEvent) -> None:
        """Have the snapshot told what happened to a job it knows."""
        row = self.world.row_of.get(seq)
        if row is not None:
            self._told.append(Event(event, row))

    def refuse(self, seq: int, reason: Refusal, why: str = "") -> None:
        """End a job that cannot run."""
        self.happen(seq, JobEvent.REFUSE, reason=reason, cause=why)
        self.set_job(seq, refusal=int(reason), why=why)

    def hold(self, seq: int, why: str) -> None:
        """Let a waiting job wait outside of the snapshot."""
        self.withdraw(seq)
        self.set_job(seq, refusal=int(Refusal.HELD), why=why)

    def withdraw(self, seq: int) -> None:
        """Take a waiting job out of the snapshot."""
        self.tell(seq, JobEvent.CANCEL)
        self.pass_on()
        self.world.row_of.pop(seq, None)

    def pass_on(self) -> None:
        """Tell the snapshot what was gathered for it."""
        if self._told:
            self.world.advance(self.now, self._told)
            self._told = []
            self.changed = True

    def flush(self) -> None:
        """Write all of it; of jobs that ended, the world need not know any more."""
        self.pass_on()
        for seq, changes in self.job_changes.items():
            if changes.get("state") in FINAL_STATES:
                self.world.row_of.pop(seq, None)
        point("events")
        store.add_events(self.events, self.now)
        point("jobs")
        store.change("store_job", "seq", self.job_changes)
        for wish, seqs in self._met.items():
            models.Job.objects.filter(seq__in=seqs, wish=wish).update(wish=0)
        point("attempts")
        store.change("store_attempt", "key", self.try_changes)
        point("written")
