"""`lifecycle.attempts`, all of it: every attempt comes to one end, whatever the engine says and whenever it is deaf.

The controller here is the smallest that obeys `next_ask`; all states that it and an engine can reach together, under the
worst engine that `executors.base` allows, are visited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest

from dure.executors.base import Seen as Answer
from dure.lifecycle import ILLEGAL, TABLE
from dure.lifecycle.attempts import (
    MOST_ENGINE_FAILURES,
    Ask,
    Desired,
    Grace,
    Observed,
    Standing,
    end_of,
    next_ask,
    over_limit,
)
from dure.vocabulary import FINAL_STATES, Failure, JobEvent, JobState

GRACE = Grace(save_s=3, term_s=2, limit_s=1)
LIMIT_S = 3
WORDS = (-1, Ask.SAVE, Ask.TERM, Ask.KILL)  # what it was told last
OLD = max(GRACE.save_s, GRACE.term_s) + 1  # older is no different


def standing(desired: Desired, observed: Observed, told: int, since: int, ran: int | None = None) -> Standing:
    """At moment 100."""
    run = None if ran is None else 100 - ran
    return Standing(desired, observed, run, None if told < 0 else 100 - since, told, LIMIT_S)


EVERY = [
    standing(desired, observed, told, since)
    for desired, observed, told, since in product(Desired, Observed, WORDS, range(OLD + 1))
]


def test_nothing_is_asked_of_what_has_ended_and_nothing_launched_that_is_to_stop() -> None:
    for attempt in EVERY:
        ask = next_ask(attempt, 100, GRACE)
        if attempt.observed == Observed.ENDED:
            assert ask == Ask.NOTHING, attempt
        elif ask == Ask.LAUNCH:
            assert attempt.desired == Desired.RUN, attempt
            assert attempt.observed == Observed.INTENDED, attempt
        if attempt.desired == Desired.RUN:
            assert ask in (Ask.LAUNCH, Ask.NOTHING), f"{attempt} is not to stop, and was told {ask.name}"


def test_words_only_grow_harder_and_each_is_given_its_time() -> None:
    for attempt in EVERY:
        ask, told, since = next_ask(attempt, 100, GRACE), attempt.stop_how, 100 - (attempt.stop_utc_s or 0)
        if ask not in (Ask.SAVE, Ask.TERM, Ask.KILL):
            continue
        assert ask >= told, attempt
        if attempt.observed == Observed.INTENDED or told < 0:
            continue
        if told == Ask.SAVE and attempt.desired == Desired.SAVE:
            assert since >= GRACE.save_s, attempt
        elif told != Ask.SAVE:
            assert since >= GRACE.term_s, attempt


def test_whoever_is_to_stop_is_told_so_in_time_and_again_at_the_end() -> None:
    for attempt in EVERY:
        if attempt.desired == Desired.RUN or attempt.observed == Observed.ENDED:
            continue
        since = 0 if attempt.stop_utc_s is None else 100 - attempt.stop_utc_s
        if attempt.stop_how < 0 or since >= max(GRACE.save_s, GRACE.term_s):
            assert next_ask(attempt, 100, GRACE) in (Ask.SAVE, Ask.TERM, Ask.KILL), attempt


@pytest.mark.parametrize("ran", [None, *range(LIMIT_S + GRACE.limit_s + 3)])
def test_a_limit_counts_from_when_the_command_began(ran: int | None) -> None:
    attempt = standing(Desired.RUN, Observed.RUNNING, -1, 0, ran)
    assert over_limit(attempt, 100, GRACE) == (ran is not None and ran >= LIMIT_S + GRACE.limit_s)


# --- the attempt and an engine, together -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of one attempt; ages instead of times, so that there are only so many."""

    desired: Desired = Desired.RUN
    observed: Observed = Observed.INTENDED
    told: int = -1
    since: int = 0
    ran: int | None = None  # as the controller knows it
    engine: Answer = Answer.ABSENT  # what is true
    started: int = 0  # how often the engine was made to start it
    stopped: bool = False  # it was ever to stop

    def standing(self) -> Standing:
        return standing(self.desired, self.observed, self.told, self.since, self.ran)


def observe(pair: Pair, answer: Answer) -> Pair:
    """What is known after an answer. "Unknown" is not "absent"."""
    if answer == Answer.UNKNOWN:
        return pair
    if answer == Answer.ABSENT:
        lost = pair.observed != Observed.INTENDED or pair.desired != Desired.RUN
        return replace(pair, observed=Observed.ENDED) if lost else pair
    seen = {Answer.STARTING: Observed.STAGING, Answer.RUNNING: Observed.RUNNING, Answer.ENDED: Observed.ENDED}[answer]
    return replace(
        pair, observed=max(seen, pair.observed), ran=0 if seen == Observed.RUNNING and pair.ran is None else pair.ran
    )


def ask(pair: Pair, heard: bool, answered: bool, obeys: bool) -> Pair:
    """The controller asks what it must; the engine hears it or not, and answers or not."""
    wanted = next_ask(pair.standing(), 100, GRACE)
    if wanted == Ask.LAUNCH:
        engine, started = pair.engine, pair.started
        if heard and engine == Answer.ABSENT:
            engine, started = Answer.STARTING, started + 1
        observed = Observed.LAUNCHED if heard and answered else pair.observed
        return replace(pair, engine=engine, started=started, observed=observed)
    if wanted in (Ask.SAVE, Ask.TERM, Ask.KILL):
        runs = pair.engine in (Answer.STARTING, Answer.RUNNING)
        dies = runs and heard and (obeys or wanted == Ask.KILL)
        told = {"told": int(wanted), "since": 0} if heard and answered else {}
        return replace(pair, engine=Answer.ENDED if dies else pair.engine, **told)
    return pair


def grow(pair: Pair) -> Pair:
    """One second passes."""
    since = min(pair.since + 1, OLD) if pair.told >= 0 else 0
    ran = None if pair.ran is None else min(pair.ran + 1, LIMIT_S + GRACE.limit_s)
    return replace(pair, since=since, ran=ran)


def decide(pair: Pair, wanted: Desired) -> Pair:
    """A decision from outside, or the time limit; nobody takes a stop back."""
    if over_limit(pair.standing(), 100, GRACE):
        wanted = Desired.STOP
    wanted = max(wanted, pair.desired)
    return replace(pair, desired=wanted, stopped=pair.stopped or wanted != Desired.RUN)


def nexts(pair: Pair) -> Iterator[Pair]:
    """Everything that a second can bring."""
    if pair.observed == Observed.ENDED:
        return
    moves = {pair.engine}
    if pair.engine == Answer.STARTING:
        moves |= {Answer.RUNNING, Answer.ENDED}
    elif pair.engine == Answer.RUNNING:
        moves |= {Answer.ENDED}
    for moved, known, wanted in product(moves, (True, False), Desired):
        polled = observe(replace(pair, engine=moved), moved if known else Answer.UNKNOWN)
        decided = decide(polled, wanted)
        for heard, answered, obeys in product((True, False), repeat=3):
            yield grow(ask(decided, heard, answered, obeys))


def reachable() -> set[Pair]:
    found, todo = {Pair()}, [Pair()]
    while todo:
        for after in nexts(todo.pop()):
            if after not in found:
                found.add(after)
                todo.append(after)
    return found


def test_whatever_an_engine_does_an_attempt_starts_once_and_ends() -> None:
    found = reachable()
    assert len(found) > 300
    assert all(pair.started <= 1 for pair in found)
    for pair in found:
        if pair.observed == Observed.ENDED:
            assert pair.engine in (Answer.ENDED, Answer.ABSENT), f"{pair}: ended, and still runs"
        if pair.observed == Observed.INTENDED and pair.stopped and pair.engine == Answer.ABSENT:
            assert all(after.started == 0 for after in nexts(pair)), f"{pair}: launched after it was to stop"


def test_once_the_engine_answers_again_whatever_is_to_stop_ends_in_time() -> None:
    """Fair weather from any state: an engine that answers, and a program that heeds nothing but KILL."""
    most = GRACE.save_s + 2 * GRACE.term_s + 3
    for pair in reachable():
        at = decide(pair, Desired.STOP)
        for _ in range(most):
            at = observe(at, at.engine)
            if at.observed == Observed.ENDED:
                break
            at = grow(ask(at, heard=True, answered=True, obeys=False))
        assert at.observed == Observed.ENDED, pair


def test_a_program_that_never_ends_is_stopped_at_its_limit() -> None:
    at = Pair()
    for second in range(40):
        at = decide(observe(at, at.engine), Desired.RUN)
        if at.observed == Observed.ENDED:
            assert second >= LIMIT_S + GRACE.limit_s
            return
        at = grow(ask(at, heard=True, answered=True, obeys=False))
        if at.engine == Answer.STARTING:
            at = replace(at, engine=Answer.RUNNING)
    pytest.fail(f"it never ended: {at}")


# --- what an end means for the job -----------------------------------------------------------------------------------

ENDINGS = (
    None, JobEvent.CANCEL, JobEvent.PREEMPT, JobEvent.TIME_OUT, JobEvent.NODE_FAIL, JobEvent.COMPLETE, JobEvent.FAIL,
)  # fmt: skip
ENDS = list(product(ENDINGS, (None, 0, 1, -9, -15), Failure, ("", "words"), range(MOST_ENGINE_FAILURES), (False, True)))


def test_every_end_is_one_that_the_lifecycle_knows() -> None:
    for case in ENDS:
        end = end_of(*case)
        after = TABLE[JobState.RUNNING, end.event]
        assert after != ILLEGAL, case
        assert after == JobState.WAITING or JobState(after) in FINAL_STATES, case
        assert end.event not in (JobEvent.EXPIRE, JobEvent.START), case


def test_what_it_was_told_to_end_with_is_how_it_ends() -> None:
    for case in ENDS:
        if case[0] is not None:
            planned = case[0] == JobEvent.TIME_OUT and case[5]
            assert end_of(*case).event == (JobEvent.COMPLETE if planned else case[0]), case


def test_only_what_the_centre_did_is_laid_to_its_charge() -> None:
    for case in ENDS:
        ending, exit_code, failure, *_ = case
        end = end_of(*case)
        if end.event == JobEvent.NODE_FAIL:
            assert end.failure == Failure.NODE, case
            assert ending == JobEvent.NODE_FAIL or failure == Failure.NODE, case
        if end.failure == Failure.ENGINE:
            assert failure == Failure.ENGINE, case
            assert end.event in (JobEvent.ENGINE_FAIL, JobEvent.FAIL), case
        if ending is None and failure == Failure.NONE:
            assert (end.event == JobEvent.COMPLETE) == (exit_code == 0), case
        if end.event == JobEvent.FAIL and ending is None:
            assert end.failure in (Failure.USER, Failure.ENGINE, Failure.LIMIT), case
            assert end.cause, case


def test_an_engine_that_always_fails_is_asked_only_so_often() -> None:
    for cause, exit_code, lasting in product(("", "x"), (None, 1), (False, True)):
        events = [end_of(None, exit_code, Failure.ENGINE, cause, n, lasting).event for n in range(MOST_ENGINE_FAILURES)]
        assert events == [JobEvent.ENGINE_FAIL] * (MOST_ENGINE_FAILURES - 1) + [JobEvent.FAIL]


def test_the_planned_end_of_what_lasts_is_no_failure_whoever_ends_it() -> None:
    """A lease, notebook or service at its time limit, ended by the loop or by an engine that keeps limits itself."""
    for case in ENDS:
        ending, exit_code, failure, _, _, lasting = case
        if lasting and (
            ending == JobEvent.TIME_OUT or (ending is None and failure == Failure.LIMIT and exit_code is None)
        ):
            end = end_of(*case)
            assert (end.event, end.failure) == (JobEvent.COMPLETE, Failure.NONE), case
