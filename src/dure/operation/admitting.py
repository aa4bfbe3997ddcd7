"""Into the queue and out of it: what was submitted, what owners wish, what is held, and what goes on without units."""

from __future__ import annotations

from django.db.models import QuerySet

from dure.errors import DureError
from dure.lifecycle.attempts import Desired
from dure.operation import orders
from dure.operation.asking import to_job
from dure.operation.submitting import held_by
from dure.operation.turn import Turn
from dure.operation.world import CANCEL
from dure.scheduler.live import refused_forever
from dure.store import models
from dure.store.documents import from_json
from dure.store.jobs import Pulse
from dure.vocabulary import FINAL_STATES, JobEvent, JobState, Refusal
from dure.workload.spec import JobSpec

MOST = 5000  # jobs admitted in one cycle
AGAIN_S = 30  # between two looks at what rules hold back


def obey(turn: Turn, new: Pulse) -> None:
    """Sites, projects and owners."""
    world, now, last = turn.world, turn.now, turn.world.pulse
    ordered = last is None or (last.sites, last.outages) != (new.sites, new.outages)
    turn.changed |= orders.obey_sites(world, now, new=ordered)
    stopped, resumed, changed = orders.obey_projects(world, new)
    if stopped:
        _stop(turn, stopped)
    if resumed and new.held:
        _let_in(turn, list(_held().filter(project__in=resumed)))
    if changed:
        _charge_again(turn, changed)
    if world.unread:
        _give_up(turn)
    wished = models.Job.objects.filter(wish__gt=0, state__in=(JobState.NEW, JobState.WAITING, JobState.RUNNING))
    for read in wished if new.wishes else ():
        job = turn.know(read)
        if job.wish and job.state not in FINAL_STATES:
            _wish(turn, job)
    if new.held and now - world.looked_utc_s >= AGAIN_S:
        world.looked_utc_s = now
        _let_in(turn, list(_held().exclude(project__in=world.stopped)[:MOST]))


def _held() -> QuerySet[models.Job]:
    return models.Job.objects.filter(state=JobState.WAITING, refusal=Refusal.HELD).order_by("seq")


def _stop(turn: Turn, projects: set[str]) -> None:
    """A project is stopped: what runs saves and ends. What waits is kept waiting by its limit, which is 0 now."""
    for read in models.Job.objects.filter(project__in=projects, state=JobState.RUNNING):
        job = turn.know(read)
        if (one := turn.world.of_job.get(job.seq)) is not None and one.desired == Desired.RUN:
            turn.set_try(one, desired=Desired.SAVE, ending=int(JobEvent.PREEMPT), cause="the project is stopped")


def _charge_again(turn: Turn, projects: set[str]) -> None:
    """Jobs that scavenge go back to their place, and to their price, once their project has other units; if these do not
    cover them either, they scavenge on."""
    for read in models.Job.objects.filter(project__in=projects, scavenges=True, state=JobState.WAITING).order_by("seq"):
        job = turn.know(read)
        if job.seq in turn.world.row_of and job.state == JobState.WAITING:
            turn.withdraw(job.seq)
            turn.set_job(job.seq, scavenges=False)
            turn.world.add([job])
            turn.tell(job.seq, JobEvent.SUBMIT)
    turn.pass_on()


def _give_up(turn: Turn) -> None:
    """Jobs that cannot be in the snapshot any more: those that wait are refused; those that run are, once they wait again."""
    turn.fetch(turn.world.unread)
    for seq in [s for s in turn.world.unread if turn.job(s).state == JobState.WAITING]:
        turn.refuse(seq, Refusal.NEVER_FITS, turn.world.unread.pop(seq))


def _wish(turn: Turn, job: models.Job) -> None:
    """What its owner asked for."""
    by = f"asked for by {job.wished_by}"
    if job.state == JobState.RUNNING:
        one = turn.world.of_job.get(job.seq)
        if one is None or one.ending == JobEvent.CANCEL:
            return
        if job.wish == CANCEL:
            turn.set_try(one, desired=Desired.STOP, ending=int(JobEvent.CANCEL), cause=by)
        elif one.desired == Desired.RUN:
            turn.set_try(one, desired=Desired.SAVE, ending=int(JobEvent.PREEMPT), cause=by)
        return
    if job.wish == CANCEL:
        if job.state == JobState.NEW:
            turn.happen(job.seq, JobEvent.SUBMIT)
        turn.tell(job.seq, JobEvent.CANCEL)
        turn.happen(job.seq, JobEvent.CANCEL, cause=by)
    turn.met(job.seq)


def admit(turn: Turn) -> None:
    """Let in what was submitted since, in order of arrival."""
    new = models.Job.objects.filter(state=JobState.NEW).order_by("seq")[:MOST]
    jobs = [job for read in new if (job := turn.know(read)).state == JobState.NEW]
    for job in jobs:
        turn.happen(job.seq, JobEvent.SUBMIT)
    _let_in(turn, jobs)


def _let_in(turn: Turn, jobs: list[models.Job]) -> None:
    """Into the snapshot: those that nothing holds, and that can ever run."""
    world = turn.world
    jobs = [job for read in jobs if (job := turn.know(read)).state == JobState.WAITING and job.seq not in world.row_of]
    jobs = [job for job in jobs if _reads(turn, job)]
    why = held_by(jobs, turn.now, world.court_at(turn.now, jobs)) if jobs else {}
    free = []
    for job in jobs:
        reason = "the project is stopped" if job.project in world.stopped else why.get(job.seq, "")
        if reason:
            if job.refusal != Refusal.HELD or job.why != reason:
                turn.set_job(job.seq, refusal=int(Refusal.HELD), why=reason)
        else:
            if job.scavenges:  # units may have come since; where they do not cover it, it is let go on as it was
                turn.set_job(job.seq, scavenges=False)
            free.append(job)
            if job.refusal:
                turn.set_job(job.seq, refusal=0, why="")
    if not free:
        return
    world.add(free)
    never = refused_forever(world.snapshot, [world.row_of[job.seq] for job in free])
    for job in free:
        refusal = never.get(world.row_of[job.seq])
        turn.tell(job.seq, JobEvent.SUBMIT)
        if refusal is not None:
            turn.refuse(job.seq, refusal)
    turn.changed = True


def _reads(turn: Turn, job: models.Job) -> bool:
    """Whether a job can still be read: one of another version must not stop all others."""
    try:
        to_job(from_json(JobSpec, job.spec), job.submitted_utc_s, turn.world.zero_utc_s)
    except (DureError, LookupError, TypeError, ValueError) as fault:
        turn.refuse(job.seq, Refusal.NEVER_FITS, str(fault))
        return False
    return True


def refresh_units(turn: Turn) -> bool:
    """Jobs whose project has no units left go on uncharged at the lowest priority, where its terms say so."""
    if not turn.world.scavenge:
        return False
    broke = orders.broke(turn.world)
    for seq in broke:
        turn.withdraw(seq)
        turn.set_job(seq, scavenges=True)
    if broke:
        jobs = [turn.job(seq) for seq in broke]
        turn.world.add(jobs)
        for job in jobs:
            turn.tell(job.seq, JobEvent.SUBMIT)
        turn.pass_on()
    return bool(broke)
