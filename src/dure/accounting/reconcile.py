"""Our attempts against an engine's own accounting: every difference, with what we say and what they say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

_LATEST_UTC_S: Final = 253_402_300_799  # the end of the year 9999


class Word(StrEnum):
    """In what two accounts of one attempt differ."""

    MISSING = "missing there"  # it ran for us, and they have no record of it
    UNKNOWN = "unknown to us"
    TWICE = "twice"  # they have more than one record of it
    START = "other start"
    END = "other end"
    EXIT = "other exit"
    RUNNING = "still running there"  # it ended for us
    ENDED = "ended there"  # it still runs for us


@dataclass(frozen=True, slots=True)
class Account:
    """One attempt as one side has it. None: of the start, that its command never began; of the end, that it still runs."""

    key: str
    start_utc_s: int | None
    end_utc_s: int | None
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, in words; times are UTC."""

    key: str
    word: Word
    ours: str
    theirs: str


def compare(ours: Iterable[Account], theirs: Iterable[Account], slack_s: int, now: int) -> list[Difference]:
    """Every difference between two sets of accounts, by key. Times that differ by at most `slack_s` are the same, and what
    began or ended less than that before `now` one side may not have heard of yet."""
    mine, others = {a.key: a for a in ours}, defaultdict(list)
    for record in theirs:
        others[record.key].append(record)
    found: list[Difference] = []
    for key in sorted(mine.keys() | others.keys()):
        found += _of(mine.get(key), others.get(key, []), slack_s, now)
    return found


def _of(mine: Account | None, others: list[Account], slack_s: int, now: int) -> Iterator[Difference]:
    for again in others[1:]:
        yield Difference(again.key, Word.TWICE, "one attempt", f"another, {_span(again)}")
    if mine is None:
        if not _fresh(others[0].start_utc_s, slack_s, now):
            yield Difference(others[0].key, Word.UNKNOWN, "nothing", _span(others[0]))
        return
    if not others:
        if mine.start_utc_s is not None and not _fresh(mine.start_utc_s, slack_s, now):
            yield Difference(mine.key, Word.MISSING, _span(mine), "nothing")
        return
    yield from _between(mine, others[0], slack_s, now)


def _between(mine: Account, other: Account, slack_s: int, now: int) -> Iterator[Difference]:
    """What differs between two accounts of one attempt."""
    if _apart(mine.start_utc_s, other.start_utc_s, slack_s):
        yield Difference(mine.key, Word.START, _moment(mine.start_utc_s), _moment(other.start_utc_s))
    if mine.end_utc_s is None or other.end_utc_s is None:
        word, ended = (Word.ENDED, other) if mine.end_utc_s is None else (Word.RUNNING, mine)
        if ended.end_utc_s is not None and not _fresh(ended.end_utc_s, slack_s, now):
            yield Difference(mine.key, word, _span(mine), _span(other))
        return
    if _apart(mine.end_utc_s, other.end_utc_s, slack_s):
        yield Difference(mine.key, Word.END, _moment(mine.end_utc_s), _moment(other.end_utc_s))
    if mine.exit_code != other.exit_code:
        yield Difference(mine.key, Word.EXIT, _exit(mine), _exit(other))


def _apart(a: int | None, b: int | None, slack_s: int) -> bool:
    return a != b if a is None or b is None else abs(a - b) > slack_s


def _fresh(moment: int | None, slack_s: int, now: int) -> bool:
    return moment is not None and now - moment <= slack_s


def _span(a: Account) -> str:
    """From when to when, and how it ended."""
    if a.start_utc_s is None and a.end_utc_s is None:
        return "not begun"
    if a.end_utc_s is None:
        return f"running since {_moment(a.start_utc_s)}"
    return f"{_moment(a.start_utc_s)} to {_moment(a.end_utc_s)}, {_exit(a)}"


def _moment(utc_s: int | None) -> str:
    if utc_s is None:
        return "never"
    if not 0 <= utc_s <= _LATEST_UTC_S:  # engines say what they like
        return f"second {utc_s}"
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _exit(a: Account) -> str:
    if a.exit_code is None:
        return "no exit status"
    return f"signal {-a.exit_code}" if a.exit_code < 0 else f"exit status {a.exit_code}"
