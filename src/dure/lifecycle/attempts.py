"""An attempt between its intent and its end: what to ask of the engine next, and what its answer means for the job.

*Desired* is what was decided and written before the engine was asked; *observed* is what the engine has said since. An
answer that says nothing changes nothing: "unknown" is not "absent". Pure; the control loop obeys.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from dure.units import HOUR_S
from dure.vocabulary import Failure, JobEvent


class Desired(IntEnum):
    """What was decided about an attempt."""

    RUN = 0
    SAVE = 1  # to write a save point, then end: it is to make room
    STOP = 2  # to end


class Observed(IntEnum):
    """What the engine has said of an attempt."""

    INTENDED = 0  # nothing yet: it may or may not have been asked
    LAUNCHED = 1  # it took it
    STAGING = 2
    RUNNING = 3
    ENDED = 4


class Ask(IntEnum):
    """What to ask of the engine next."""

    NOTHING = 0
    LAUNCH = 1
    SAVE = 2
    TERM = 3
    KILL = 4


@dataclass(frozen=True, slots=True)
class Grace:
    """How long an attempt is given between two words of the engine, seconds."""

    save_s: int = 60  # from the save-point signal to TERM
    term_s: int = 15  # from TERM to KILL
    limit_s: int = 5  # beyond its time limit, before it is told to stop
    stage_s: int = 6 * HOUR_S  # from the decision until its command begins: to bring its data


@dataclass(frozen=True, slots=True)
class Standing:
    """What is kept of a live attempt, as far as it is decided on here. Times are UTC seconds; None: not yet."""

    desired: Desired
    observed: Observed
    run_utc_s: int | None
    stop_utc_s: int | None  # when it was last told to stop
    stop_how: int  # Ask it was told then; -1: never
    limit_s: int


def next_ask(attempt: Standing, now: int, grace: Grace) -> Ask:
    """What to ask of the engine about a live attempt whose state was just polled."""
    if attempt.observed == Observed.ENDED:
        return Ask.NOTHING
    if attempt.desired == Desired.RUN:
        return Ask.LAUNCH if attempt.observed == Observed.INTENDED else Ask.NOTHING
    if attempt.observed == Observed.INTENDED:
        return Ask.KILL  # it may have been asked for: whatever came of it is to end
    told, since = attempt.stop_how, now - (attempt.stop_utc_s or 0)
    if told < 0:
        return Ask.SAVE if attempt.desired == Desired.SAVE else Ask.TERM
    if told == Ask.SAVE and (since >= grace.save_s or attempt.desired == Desired.STOP):
        return Ask.TERM
    if told == Ask.TERM and since >= grace.term_s:
        return Ask.KILL
    if told == Ask.KILL and since >= grace.term_s:
        return Ask.KILL  # again: the engine may have lost the first
    return Ask.NOTHING


def over_limit(attempt: Standing, now: int, grace: Grace) -> bool:
    """Whether a running attempt is past its time limit."""
    return attempt.run_utc_s is not None and now - attempt.run_utc_s >= attempt.limit_s + grace.limit_s


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended, for the job."""

    event: JobEvent
    failure: Failure
    cause: str


_FAULT = {
    JobEvent.TIME_OUT: Failure.LIMIT,
    JobEvent.NODE_FAIL: Failure.NODE,
    JobEvent.FAIL: Failure.USER,
}
MOST_ENGINE_FAILURES = 3  # in a row; then the job is given up


def end_of(
    ending: JobEvent | None, exit_code: int | None, failure: Failure, cause: str, engine_failures: int, lasting: bool
) -> End:
    """What the end of an attempt means.

    `ending` is what it was told to end with (CANCEL, PREEMPT, TIME_OUT, NODE_FAIL, COMPLETE; None: it ended by itself);
    `failure` the engine's evidence; `engine_failures` how often the engine failed the job in a row before; `lasting`: a
    lease, a notebook or a service, whose planned end is no failure.
    """
    if ending is None and failure == Failure.LIMIT and exit_code is None:
        ending, cause = JobEvent.TIME_OUT, cause or "its time limit"
    if ending == JobEvent.ENGINE_FAIL:
        ending, failure = None, Failure.ENGINE
    if ending is not None:
        kind = _FAULT.get(ending, Failure.NONE)
        if ending == JobEvent.TIME_OUT and lasting:
            return End(JobEvent.COMPLETE, Failure.NONE, cause or "its time is over")
        return End(ending, kind, cause)
    if failure == Failure.NODE:
        return End(JobEvent.NODE_FAIL, failure, cause)
    if failure == Failure.ENGINE:
        if engine_failures + 1 >= MOST_ENGINE_FAILURES:
            return End(JobEvent.FAIL, failure, f"{cause}; given up after {MOST_ENGINE_FAILURES} times")
        return End(JobEvent.ENGINE_FAIL, failure, cause)
    if failure == Failure.LIMIT:
        return End(JobEvent.FAIL, failure, cause or "a limit that it asked for")
    if exit_code == 0 and failure == Failure.NONE:
        return End(JobEvent.COMPLETE, failure, cause)
    said = cause or (f"exit status {exit_code}" if exit_code is not None else "it ended without a word")
    return End(JobEvent.FAIL, Failure.USER, said)
