"""What engines say of attempts, and what it means: they began, they ended, they are past their time, they were lost."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

from dure.accounting.energy import milliwatts
from dure.accounting.live import Ended
from dure.executors.base import Report, Seen, Stop
from dure.lifecycle.attempts import Ask, Desired, End, Grace, Observed, Standing, end_of, over_limit
from dure.operation.turn import Turn
from dure.operation.world import REQUEUE, Try
from dure.units import MILLI
from dure.vocabulary import FINAL_STATES, Failure, JobEvent, JobKind, JobState

MOST_REFUSALS = 3  # of one attempt by its engine; then it ends
LASTING = (JobKind.LEASE, JobKind.INTERACTIVE, JobKind.SERVICE)
STOPS = {Ask.SAVE: Stop.SAVE, Ask.TERM: Stop.TERM, Ask.KILL: Stop.KILL}
_ASKED = {int(stop): int(ask) for ask, stop in STOPS.items()}
_RETRIES = (JobEvent.NODE_FAIL, JobEvent.ENGINE_FAIL, JobEvent.PREEMPT)


def sort_out(turn: Turn, reports: Iterable[Report]) -> list[tuple[Try, Report]]:
    """Take note of what began; the attempts that ended, in the order in which they were started."""
    ended, tries = [], turn.world.tries
    for report in reports:
        one = tries.get(report.key)
        if one is None or report.seen == Seen.UNKNOWN:
            continue
        if report.seen == Seen.RUNNING:
            if one.observed != Observed.RUNNING or report.port or report.energy_j or report.busy_milli:
                _goes_on(turn, one, report)
        elif report.seen == Seen.ABSENT:
            if found := _absent(turn, one, report):
                ended.append((one, found))
        elif report.seen == Seen.ENDED:
            lost = one.lost and one.desired == Desired.RUN and not report.run_utc_s
            ended.append((one, _lost(one) if lost else report))
        else:
            _goes_on(turn, one, report)
    return sorted(ended, key=lambda pair: pair[0].order)


def _absent(turn: Turn, one: Try, report: Report) -> Report | None:
    """The engine has never heard of an attempt, for certain: not asked yet, refused, lost, or stopped before it began.

    What is over is killed first all the same: another loop, whose term is over, may still be about to launch it.
    """
    if one.desired == Desired.RUN and one.observed == Observed.INTENDED and one.refusals < MOST_REFUSALS:
        down = [turn.world.down[v] for v, _ in one.nodes if v in turn.world.down] if one.refused else []
        if not down:
            return None
        one.on_node = down[0]
    if not one.killed:
        one.lost = True
        turn.world.note(one)
        return None
    if one.desired != Desired.RUN:
        return Report(report.key, Seen.ENDED, cause="stopped before it began")
    return _lost(one)


def _lost(one: Try) -> Report:
    if one.on_node:
        return Report(one.key, Seen.ENDED, failure=Failure.NODE, cause=one.on_node)
    return Report(one.key, Seen.ENDED, failure=Failure.ENGINE, cause=one.refused or "the engine lost it")


def _goes_on(turn: Turn, one: Try, report: Report) -> None:
    observed = Observed.STAGING if report.seen == Seen.STARTING else Observed.RUNNING
    changes: dict[str, Any] = {}
    if observed > one.observed:
        changes["observed"] = observed
    if observed == Observed.RUNNING and one.run_utc_s is None:
        began = changes["run_utc_s"] = _within(report.run_utc_s or turn.now, one.start_utc_s, turn.now)
        heappush(turn.world.deadlines, (began + one.limit_s, one.key))
    for name in ("port", "energy_j", "busy_milli"):
        value = getattr(report, name)
        if value and abs(value - (getattr(one, name) or 0)) > (value >> 6):  # what hardly moved is not written
            changes[name] = value
    if changes:
        turn.set_try(one, **changes)


def _within(moment: int, low: int, high: int) -> int:
    """An engine's clock may be wrong: nothing began before it was decided, or ends after now."""
    return max(low, min(moment, high))


def stop_late(turn: Turn, grace: Grace) -> None:
    """Attempts past their time limit are to end, and those that bring their data for too long."""
    deadlines, late = turn.world.deadlines, []
    while deadlines and deadlines[0][0] + grace.limit_s <= turn.now:
        _, key = heappop(deadlines)
        one = turn.world.tries.get(key)
        if one is None or one.desired != Desired.RUN:
            continue
        if one.run_utc_s is None and turn.now - one.start_utc_s >= grace.stage_s:
            turn.set_try(one, desired=Desired.STOP, ending=int(JobEvent.ENGINE_FAIL), cause="its data took too long")
        elif one.run_utc_s is None:
            late.append((one.start_utc_s + grace.stage_s - grace.limit_s, key))
        elif over_limit(standing(one), turn.now, grace):
            turn.set_try(one, desired=Desired.STOP, ending=int(JobEvent.TIME_OUT), cause="its time limit")
    for item in late:
        heappush(deadlines, item)


def standing(one: Try) -> Standing:
    """An attempt as `lifecycle.attempts` decides on it."""
    told = _ASKED.get(one.stop_how, -1)
    return Standing(one.desired, one.observed, one.run_utc_s, one.stop_utc_s, told, one.limit_s)


def finish(turn: Turn, one: Try, report: Report) -> Ended:
    """The end of an attempt: the job's event, the columns, and what is to be booked."""
    now, job = turn.now, turn.job(one.job)
    end = _meaning(one, report, job.engine_failures)
    ended = _within(report.end_utc_s or now, one.start_utc_s, now)
    began = report.run_utc_s or one.run_utc_s
    began = _within(began, one.start_utc_s, ended) if began else None
    turn.happen(one.job, end.event, attempt=one.key, cause=end.cause)
    turn.tell(one.job, end.event)
    turn.set_job(
        one.job, failure=int(end.failure), exit_code=report.exit_code, refusal=0, why="",
        engine_failures=job.engine_failures + 1 if end.event == JobEvent.ENGINE_FAIL else 0,
    )  # fmt: skip
    if job.state in FINAL_STATES or job.wish == REQUEUE:
        turn.met(one.job)
    energy = report.energy_j if report.energy_j is not None else one.energy_j
    busy = report.busy_milli if report.busy_milli is not None else one.busy_milli
    turn.set_try(
        one, observed=Observed.ENDED, end_utc_s=ended, exit_code=report.exit_code, failure=int(end.failure), run_utc_s=began,
        cause=end.cause, ending=int(end.event), energy_j=energy, busy_milli=busy,
    )  # fmt: skip
    turn.world.drop(one)
    return _ended(turn, one, end, began, ended)


def _meaning(one: Try, report: Report, engine_failures: int) -> End:
    told = JobEvent(one.ending) if one.ending else None
    if told is not None and report.failure == Failure.NODE:
        told = told if told == JobEvent.CANCEL else None
    by_itself = report.exit_code == 0 and report.failure == Failure.NONE and report.run_utc_s
    if by_itself and told != JobEvent.CANCEL and report.end_utc_s < (one.stop_utc_s or report.end_utc_s + 1):
        told = None  # it was done before it heard
    cause = one.cause if told is not None else report.cause
    kind = JobKind(one.kind)
    return end_of(told, report.exit_code, report.failure, cause, engine_failures, kind in LASTING)


def _ended(turn: Turn, one: Try, end: End, began: int | None, ended: int) -> Ended:
    job, world = turn.job(one.job), turn.world
    name = next((p.model for p in world.fleet.pools if p.id == one.pool), "")  # a pool may be gone from the fleet
    model = world.fleet.models.get(name)
    return Ended(
        key=one.key, job=one.job, number=one.number, project=job.project, user=job.user, pool=one.pool, model=name,
        kind=job.kind, start_utc_s=one.start_utc_s, run_utc_s=began, end_utc_s=ended, charge=one.charge, limit_s=one.limit_s,
        reserved=one.reserved, speed_milli=MILLI, save_every_s=int(job.spec.get("save_every_s") or 0), ended_by=end.event,
        failure=end.failure, held_milli=one.held_milli, energy_j=one.energy_j, busy_milli=one.busy_milli,
        submitted_utc_s=job.submitted_utc_s,
        energy_w_milli=milliwatts(model, one.held_milli),
    )  # fmt: skip


def keep_saved(turn: Turn, ended: Iterable[Ended]) -> None:
    """The work behind save points of jobs that wait again. The pass counts it from the decision; what was spent on bringing
    data, or beyond the limit, is no work."""
    for one in ended:
        row, job = turn.world.row_of.get(one.job), turn.job(one.job)
        if one.ended_by not in _RETRIES or row is None or job.state != JobState.WAITING:
            continue
        done = one.charged_s * one.speed_milli // MILLI
        saved = job.saved_s + (done // one.save_every_s * one.save_every_s if one.save_every_s else 0)
        saved = min(saved, turn.world.limit_of(row))
        if saved != job.saved_s:
            turn.set_job(one.job, saved_s=saved)
        if saved != turn.world.saved_of(row):
            turn.world.set_saved(row, saved)


def by_node(one: Try, report: Report) -> bool:
    """Whether it ended because the node under it failed."""
    return report.failure == Failure.NODE and one.ending != JobEvent.CANCEL
