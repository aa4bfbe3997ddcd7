"""Two accounts of the same attempts: equal, then tampered with in every way; exactly what was done is listed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.accounting.reconcile import Account, Word, compare

NOW, SLACK = 1_790_000_000, 60
START = st.integers(1_700_000_000, NOW - 10_000)


@st.composite
def accounts(draw: st.DrawFn) -> list[Account]:
    """Attempts that both sides know; the last one ended and began."""
    found = []
    for n in range(draw(st.integers(1, 8))):
        start, wall = draw(START), draw(st.integers(200, 5000))
        ends = n == 0 or draw(st.booleans())
        found.append(
            Account(f"live-{n}.0", start, start + wall if ends else None, draw(st.integers(-9, 3)) if ends else None)
        )
    return found[::-1]


def late(by: int) -> Callable[[int | None], int | None]:
    return lambda moment: None if moment is None else moment + by


TAMPER: dict[Word, Callable[[list[Account], list[Account]], None]] = {
    Word.MISSING: lambda ours, theirs: theirs.pop() and None,
    Word.UNKNOWN: lambda ours, theirs: ours.pop() and None,
    Word.TWICE: lambda ours, theirs: theirs.append(replace(theirs[-1], start_utc_s=5)),
    Word.START: lambda ours, theirs: _last(theirs, start_utc_s=(theirs[-1].start_utc_s or 0) + SLACK + 1),
    Word.END: lambda ours, theirs: _last(theirs, end_utc_s=(theirs[-1].end_utc_s or 0) - SLACK - 1),
    Word.EXIT: lambda ours, theirs: _last(theirs, exit_code=99),
    Word.RUNNING: lambda ours, theirs: _last(theirs, end_utc_s=None, exit_code=None),
    Word.ENDED: lambda ours, theirs: _last(ours, end_utc_s=None, exit_code=None),
}


def _last(rows: list[Account], **changes: int | None) -> None:
    rows[-1] = replace(rows[-1], **changes)  # type: ignore[arg-type]


def test_every_difference_has_its_tampering() -> None:
    assert set(TAMPER) == set(Word)


@settings(max_examples=60, deadline=None)
@given(accounts(), st.integers(-SLACK, SLACK), st.randoms())
def test_equal_accounts_have_no_difference(rows: list[Account], off: int, random: object) -> None:
    """Clocks that are off by no more than the slack, and any order, are no difference."""
    moved = [replace(a, start_utc_s=late(off)(a.start_utc_s), end_utc_s=late(off)(a.end_utc_s)) for a in rows]
    random.shuffle(moved)  # type: ignore[attr-defined]
    assert compare(rows, moved, SLACK, NOW) == []


@settings(max_examples=25, deadline=None)
@given(accounts())
@pytest.mark.parametrize("word", list(Word))
def test_each_tampering_is_listed_and_nothing_else(word: Word, rows: list[Account]) -> None:
    ours, theirs = list(rows), list(rows)
    TAMPER[word](ours, theirs)
    (found,) = compare(ours, theirs, SLACK, NOW)
    assert (found.key, found.word) == (rows[-1].key, word)
    assert "" not in (found.ours, found.theirs)
    assert found.ours != found.theirs


@settings(max_examples=40, deadline=None)
@given(accounts(), st.lists(st.sampled_from(list(Word)), max_size=4))
def test_several_at_once_are_all_listed(rows: list[Account], words: list[Word]) -> None:
    """Each on an attempt of its own."""
    ours, theirs = list(rows), list(rows)
    for n, word in enumerate(words):
        mine = [Account(f"live-9{n}.0", NOW - 9000, NOW - 5000, 0)]
        other = list(mine)
        TAMPER[word](mine, other)
        ours, theirs = ours + mine, other + theirs
    found = compare(ours, theirs, SLACK, NOW)
    assert [(d.key, d.word) for d in found] == [(f"live-9{n}.0", word) for n, word in enumerate(words)]


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ((NOW - 9, None, None), None, []),  # it was just begun
        ((NOW - SLACK - 1, None, None), None, ["missing there"]),
        ((None, None, None), None, []),  # decided, not begun
        ((None, NOW - 500, None), None, []),  # it never began
        ((None, NOW - 500, None), (NOW - 900, NOW - 500, None), ["other start"]),
        ((NOW - 900, None, None), (NOW - 900, NOW - 5, 0), []),  # just ended, we shall hear of it
        ((NOW - 900, NOW - 5, 0), (NOW - 900, None, None), []),
        ((NOW - 900, NOW - 500, 0), (NOW - 900, NOW - 400, 1), ["other end", "other exit"]),
        ((NOW - 900, NOW - 500, None), (NOW - 900, NOW - 500, 0), ["other exit"]),
        ((NOW - 900, NOW - 500, 0), (NOW - 900 - SLACK, NOW - 500 + SLACK, 0), []),
        (None, (NOW - 9, None, None), []),  # a moment ago
        (None, (10**18, 10**19, 0), []),
        (None, (5, 10**19, 0), ["unknown to us"]),  # whatever an engine says can be printed
    ],
)
def test_by_hand(ours: tuple[int | None, ...] | None, theirs: tuple[int | None, ...] | None, words: list[str]) -> None:
    mine = [Account("k", *ours)] if ours else []
    other = [Account("k", *theirs)] if theirs else []
    assert [d.word for d in compare(mine, other, SLACK, NOW)] == words
