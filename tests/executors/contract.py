"""What every executor does, whatever stands behind it. A test class inherits `Contract` and has a fixture `engine`.

Commands are those that any machine has; a node and its accelerators come from the engine's own inventory.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from dure.executors.base import Executor, Launch, Part, Report, Seen, Stop
from dure.vocabulary import Failure, JobKind

_numbers = itertools.count(1)


def launch_on(engine: Executor, command: Sequence[str], *, nodes: int = 1, **changes: Any) -> Launch:
    """A launch of a new key, on the first accelerator of the engine's first nodes that are up."""
    names = [node.name for node in engine.inventory() if node.up and node.accelerators][:nodes]
    job = next(_numbers)
    fields: dict[str, Any] = {
        "key": f"live-{job}.1", "job": job, "attempt": 1, "project": "vision", "kind": JobKind.BATCH,
        "command": tuple(command), "parts": tuple(Part(name, (0,)) for name in names), "limit_s": 60,
    }  # fmt: skip
    return Launch(**fields | changes)


def started(engine: Executor, command: Sequence[str], **changes: Any) -> str:
    """The key of an attempt that the engine took."""
    launch = launch_on(engine, command, **changes)
    assert engine.submit([launch]) == [""]
    return launch.key


def wait(engine: Executor, key: str, until: Callable[[Report], bool], limit_s: float = 20) -> Report:
    """The first report that is as wanted."""
    end = time.monotonic() + limit_s
    while not until(report := engine.poll([key])[0]):
        assert time.monotonic() < end, f"after {limit_s} s: {report}; it wrote {engine.logs(key, 0, 4000)!r}"
        time.sleep(0.02)
    return report


def ended(engine: Executor, key: str) -> Report:
    return wait(engine, key, lambda r: r.seen == Seen.ENDED)


def running(engine: Executor, key: str) -> Report:
    return wait(engine, key, lambda r: r.seen == Seen.RUNNING)


def wrote(engine: Executor, key: str, word: bytes) -> None:
    """Wait for a word in the log."""
    wait(engine, key, lambda r: word in engine.logs(key, 0, 1 << 20))


class Contract:
    """The suite."""

    def test_a_command_runs_to_its_end(self, engine: Executor) -> None:
        before = int(time.time())
        report = ended(engine, started(engine, ["echo", "hello"]))
        assert (report.exit_code, report.failure, report.cause) == (0, Failure.NONE, "")
        assert before <= report.run_utc_s <= report.end_utc_s <= time.time() + 1
        assert engine.logs(report.key, 0, 100) == b"hello\n"

    def test_an_exit_status_is_the_users(self, engine: Executor) -> None:
        report = ended(engine, started(engine, ["sh", "-c", "exit 7"]))
        assert (report.exit_code, report.failure) == (7, Failure.USER)
        assert "7" in report.cause

    def test_a_signal_of_its_own_is_the_users(self, engine: Executor) -> None:
        report = ended(engine, started(engine, ["sh", "-c", "kill -SEGV $$"]))
        assert (report.exit_code, report.failure) == (-11, Failure.USER)

    def test_a_missing_program_is_named(self, engine: Executor) -> None:
        report = ended(engine, started(engine, ["no-such-program", "x"]))
        assert (report.exit_code, report.failure) == (127, Failure.USER)
        assert "no-such-program" in report.cause

    def test_submitting_again_starts_nothing(self, engine: Executor) -> None:
        launch = launch_on(engine, ["sh", "-c", "echo once; sleep 0.2"])
        assert engine.submit([launch, launch]) == ["", ""]
        running(engine, launch.key)
        assert engine.submit([launch]) == [""]
        first = ended(engine, launch.key)
        assert engine.submit([launch]) == [""]
        time.sleep(0.1)
        assert engine.poll([launch.key]) == [first]
        assert engine.logs(launch.key, 0, 100) == b"once\n"

    def test_what_it_never_heard_of_is_absent(self, engine: Executor) -> None:
        key = started(engine, ["true"])
        reports = engine.poll(["live-999999.1", key, "live-999999.2"])
        assert [r.seen == Seen.ABSENT for r in reports] == [True, False, True]
        assert engine.logs("live-999999.1", 0, 100) == b""
        engine.cancel(["live-999999.1"], Stop.TERM)
        assert engine.poll(["live-999999.1"])[0].seen == Seen.ABSENT

    def test_a_key_killed_before_its_start_never_starts(self, engine: Executor) -> None:
        launch = launch_on(engine, ["echo", "late"])
        engine.cancel([launch.key], Stop.KILL)
        assert engine.submit([launch]) == [""]
        time.sleep(0.2)
        report = engine.poll([launch.key])[0]
        assert (report.seen, report.run_utc_s, report.failure) == (Seen.ENDED, 0, Failure.NONE)
        assert engine.logs(launch.key, 0, 100) == b""

    def test_term_may_be_caught(self, engine: Executor) -> None:
        key = started(engine, ["sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"])
        wrote(engine, key, b"up")
        engine.cancel([key], Stop.TERM)
        report = ended(engine, key)
        assert (report.exit_code, report.failure) == (3, Failure.NONE)
        assert b"bye\n" in engine.logs(key, 0, 100)  # beside it what its shell says of `sleep`, which TERM reached too

    def test_term_may_be_ignored_and_kill_not(self, engine: Executor) -> None:
        key = started(engine, ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"])
        wrote(engine, key, b"up")
        engine.cancel([key], Stop.TERM)
        time.sleep(0.3)
        assert engine.poll([key])[0].seen == Seen.RUNNING
        engine.cancel([key], Stop.KILL)
        report = ended(engine, key)
        assert (report.exit_code, report.failure) == (-9, Failure.NONE)
        engine.cancel([key], Stop.KILL)
        assert engine.poll([key]) == [report]

    def test_the_save_point_signal_reaches_the_command_and_not_its_children(self, engine: Executor) -> None:
        if not engine.capabilities().saves:
            return
        script = "trap 'echo saved >$DURE_SAVE_DIR/at; exit 0' USR1; sleep 60 & echo $!; while :; do sleep 0.05; done"
        key = started(engine, ["sh", "-c", script], save_name="job-1")
        wrote(engine, key, b"\n")
        engine.cancel([key], Stop.SAVE)
        assert ended(engine, key).exit_code == 0
        after = started(engine, ["sh", "-c", "cat $DURE_SAVE_DIR/at"], save_name="job-1")
        ended(engine, after)
        assert engine.logs(after, 0, 100) == b"saved\n"

    def test_logs_by_offset(self, engine: Executor) -> None:
        key = started(engine, ["sh", "-c", "printf abc; printf def >&2"])
        ended(engine, key)
        assert [engine.logs(key, at, 3) for at in (0, 2, 5, 6, 999)] == [b"abc", b"cde", b"f", b"", b""]
        assert engine.logs(key, -1, 3) == engine.logs(key, 0, 0) == b""

    def test_records_are_its_own_accounting(self, engine: Executor) -> None:
        if not engine.capabilities().records:
            return
        done, up = started(engine, ["sh", "-c", "exit 4"]), started(engine, ["sleep", "60"])
        report = ended(engine, done)
        running(engine, up)
        records = {r.key: r for r in engine.records(report.run_utc_s)}
        assert (records[done].exit_code, records[done].end_utc_s) == (4, report.end_utc_s)
        assert records[done].nodes == (engine.inventory()[0].name,)
        assert (records[up].exit_code, records[up].end_utc_s) == (None, 0)
        assert done not in {r.key for r in engine.records(report.end_utc_s + 1)}
        engine.cancel([up], Stop.KILL)

    def test_a_place_that_is_not_there_is_refused(self, engine: Executor) -> None:
        wrong = launch_on(engine, ["true"], parts=(Part("no-such-node", (0,)),))
        assert "no-such-node" in engine.submit([wrong])[0]
        assert engine.poll([wrong.key])[0].seen == Seen.ABSENT

    def test_a_refusal_leaves_the_others(self, engine: Executor) -> None:
        good = launch_on(engine, ["true"])
        answers = engine.submit([launch_on(engine, []), good, launch_on(engine, ["a\0b"])])
        assert [bool(a) for a in answers] == [True, False, True]
        assert ended(engine, good.key).exit_code == 0
