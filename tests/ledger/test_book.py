"""Books against the slow twin, and what must hold of every book: conservation, identity, idempotency, chains, rebuilding."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError
from dure.ledger.accounts import KINDS, kind_of
from dure.ledger.book import Book, apply, due, rebuild, standing, unsound
from dure.ledger.model import SUCCESS, Balance, Cause, Code, Phase, Standing, Transfer
from dure.ledger.months import end_utc_s, month_of
from tests.ledger.twin import Twin

JAN, FEB, LATE = 1_000_000, 3_000_000, 3_001_000
CLOSED = "1970-01"
PROJECTS = ("p", "q")
IDS = [f"t{n}" for n in range(8)]
ROUTES = [
    (Cause.ISSUE, "programme", "track:c/a"), (Cause.AWARD, "track:c/a", "project:p"), (Cause.AWARD, "track:c/a", "project:q"),
    (Cause.MOVE, "project:p", "project:q"), (Cause.RETURN, "project:q", "track:c/a"), (Cause.USAGE, "project:p", "spent:p"),
    (Cause.REFUND, "refunded:p", "project:p"), (Cause.CLAWBACK, "project:q", "lost:q"), (Cause.LAPSE, "project:p", "expired:p"),
    (Cause.CARRY_OVER, "expired:p", "project:p"), (Cause.LEND, "partner:CA", "project:q"),
    (Cause.ADJUST, "adjusted", "project:p"), (Cause.CORRECT, "spent:p", "project:q"), (Cause.USAGE, "project:p", "spent:q"),
    (Cause.FEE, "fees:p", "billed"), (Cause.MOVE, "project:p", "project:p"), (Cause.AWARD, "track:c/a", "nobody"),
]  # fmt: skip


@st.composite
def transfers(draw: st.DrawFn) -> Transfer:
    """Mostly good ones, from a world so small that ids, accounts and reservations meet."""
    cause, debit, credit = draw(st.sampled_from(ROUTES))
    phase = draw(st.sampled_from([Phase.POSTED, Phase.POSTED, Phase.PENDING, *Phase]))
    resolves = phase in (Phase.POST, Phase.VOID, Phase.EXPIRE)
    by_hand = cause in (Cause.ADJUST, Cause.CORRECT) and draw(st.integers(0, 3)) > 0
    return Transfer(
        id=draw(st.sampled_from(IDS)),
        debit="" if resolves else debit,
        credit="" if resolves else credit,
        amount=draw(st.sampled_from([0, 1, 3, 10, 10, 40, 2**62])) if draw(st.booleans()) else 10,
        cause=cause,
        at_utc_s=draw(st.sampled_from([JAN, FEB, FEB, LATE])),
        asset="KRW" if cause == Cause.FEE else "unit",
        phase=phase,
        pending=draw(st.sampled_from(IDS)) if resolves else "",
        expires_utc_s=draw(st.sampled_from([None, LATE])) if phase == Phase.PENDING else None,
        linked=draw(st.integers(0, 4)) == 0,
        reason="why" if by_hand else "",
        by="kim",
        second="lee" if by_hand else "",
        corrects=draw(st.sampled_from(IDS)) if cause == Cause.CORRECT else "",
    )


@st.composite
def batches(draw: st.DrawFn) -> list[Transfer]:
    """A batch that begins with units to give away, and whose last chain ends."""
    batch = draw(st.lists(transfers(), min_size=1, max_size=14))
    first = [
        Transfer("issue", "programme", "track:c/a", 90, Cause.ISSUE, FEB),
        Transfer("award", "track:c/a", "project:p", 60, Cause.AWARD, FEB),
    ]
    return [*first, *batch[:-1], replace(batch[-1], linked=False)]


def chains(batch: Sequence[Transfer]) -> list[list[Transfer]]:
    found: list[list[Transfer]] = [[]]
    for t in batch:
        found[-1].append(t)
        if not t.linked:
            found.append([])
    return found[:-1]


@settings(max_examples=250, deadline=None)
@given(batches(), st.sampled_from(["", CLOSED]))
def test_a_book_is_what_the_slow_twin_makes(batch: list[Transfer], closed: str) -> None:
    twin = Twin(closed)
    empty = Book(closed=closed)
    book, codes = apply(empty, batch)
    assert codes == twin.apply(batch)
    assert list(book.entries.values()) == twin.entries
    assert {key for key, b in book.balances.items() if b != Balance()} <= twin.accounts() <= book.balances.keys()
    assert all(b == twin.balance(account, asset) for (asset, account), b in book.balances.items())
    assert book.resolved == {e.pending: e.id for e in twin.entries if e.pending}
    assert [standing(book, p) for p in PROJECTS] == [twin.standing(p) for p in PROJECTS]
    assert empty == Book(closed=closed)


@settings(max_examples=120, deadline=None)
@given(batches())
def test_units_are_conserved_and_the_identity_holds_at_every_instant(batch: list[Transfer]) -> None:
    book = Book()
    for chain in chains(batch):
        before = copy.deepcopy(book)
        after, codes = apply(book, chain)
        assert book == before
        assert unsound(after) == []
        for p in PROJECTS:
            s = standing(after, p)
            assert s.granted == s.spent - s.refunded + s.reserved + s.lost + s.expired + s.remaining
        bounded = (b for (_, name), b in after.balances.items() if not KINDS[kind_of(name)].below_zero)
        assert all(b.available >= 0 for b in bounded)
        assert len(chain) == 1 or set(codes) <= SUCCESS or len(after.entries) == len(before.entries)
        book = after


@settings(max_examples=80, deadline=None)
@given(batches(), st.lists(st.booleans(), min_size=20, max_size=20))
def test_however_it_is_cut_into_batches_the_book_is_the_same(batch: list[Transfer], cuts: list[bool]) -> None:
    whole, codes = apply(Book(), batch)
    book, found, held = Book(), [], []
    for chain, cut in zip(chains(batch), cuts):
        held += chain
        if cut:
            book, more = apply(book, held)
            found, held = found + more, []
    book, more = apply(book, held)
    assert (book, found + more) == (whole, codes)


@settings(max_examples=80, deadline=None)
@given(batches(), st.integers(-1000, 1000))
def test_what_is_booked_is_booked_once(batch: list[Transfer], later: int) -> None:
    book, codes = apply(Book(), batch)
    again = [replace(t, linked=False, at_utc_s=t.at_utc_s + later) for t, c in zip(batch, codes) if c in SUCCESS]
    after, answers = apply(book, again)
    assert set(answers) == {Code.EXISTS}
    assert after == book
    other = [replace(t, about="another") for t in again]
    assert set(apply(book, other)[1]) == {Code.EXISTS_DIFFERENT}


@settings(max_examples=80, deadline=None)
@given(batches(), st.sampled_from(["", CLOSED]))
def test_the_book_can_be_rebuilt_from_its_journal(batch: list[Transfer], closed: str) -> None:
    book, codes = apply(Book(closed=closed), batch)
    journal = [t for t, c in zip(batch, codes) if c == Code.OK]
    assert rebuild(enumerate(journal, 1), [(0, closed)] if closed else []) == (book, [])


@settings(max_examples=80, deadline=None)
@given(batches())
def test_what_is_due_expires_and_nothing_else_does(batch: list[Transfer]) -> None:
    book, _ = apply(Book(), batch)
    assert due(book, LATE - 1) == []
    after, codes = apply(book, due(book, LATE))
    assert set(codes) <= {Code.OK}
    assert due(after, LATE + 1) == []
    still = [t for t in after.entries.values() if t.phase == Phase.PENDING and t.id not in after.resolved]
    assert all(t.expires_utc_s is None for t in still)
    assert all(b.pending_debits == b.pending_credits == 0 for b in after.balances.values()) or still


def test_a_chain_is_booked_whole_or_not_at_all() -> None:
    def award(id: str, amount: int, *, linked: bool) -> Transfer:
        return Transfer(id, "track:c/a", "project:p", amount, Cause.AWARD, FEB, linked=linked)

    issue = Transfer("issue", "programme", "track:c/a", 10, Cause.ISSUE, FEB)
    book, _ = apply(Book(), [issue, award("old", 1, linked=False)])
    chain = [award("old", 1, linked=True), award("a", 4, linked=True), award("b", 4, linked=True)]
    chain += [award("c", 2, linked=True), award("d", 1, linked=False)]
    after, codes = apply(book, chain)
    assert codes == [Code.EXISTS, Code.LINKED_FAILED, Code.LINKED_FAILED, Code.EXCEEDS_BALANCE, Code.LINKED_FAILED]
    assert after == book
    after, codes = apply(book, [*chain, award("a", 9, linked=False)])
    assert codes[-1] == Code.OK
    assert after.balance("project:p") == Balance(credits=10)


def test_a_reservation_is_spent_in_part_and_the_rest_is_free() -> None:
    book, _ = apply(
        Book(),
        [
            Transfer("issue", "programme", "track:c/a", 100, Cause.ISSUE, FEB),
            Transfer("award", "track:c/a", "project:p", 100, Cause.AWARD, FEB),
            Transfer("job", "project:p", "spent:p", 60, Cause.USAGE, FEB, phase=Phase.PENDING),
        ],
    )
    assert standing(book, "p") == Standing(100, 0, 0, 60, 0, 0, 40)
    book, _ = apply(book, [Transfer("end", "", "", 45, Cause.USAGE, FEB, phase=Phase.POST, pending="job")])
    assert standing(book, "p") == Standing(100, 45, 0, 0, 0, 0, 55)
    book, _ = apply(book, [Transfer("back", "refunded:p", "project:p", 5, Cause.REFUND, FEB)])
    assert standing(book, "p") == Standing(100, 45, 5, 0, 0, 0, 60)


def test_a_reservation_by_hand_expires_though_it_was_made_with_reasons() -> None:
    held = Transfer(
        "x" * 100, "adjusted", "project:p", 5, Cause.ADJUST, FEB, phase=Phase.PENDING, expires_utc_s=LATE, reason="why",
        by="kim", second="lee",
    )  # fmt: skip
    book, _ = apply(Book(), [held])
    assert apply(book, due(book, LATE))[1] == [Code.OK]  # and its id is short enough


JOURNAL = [
    Transfer("issue", "programme", "track:c/a", 100, Cause.ISSUE, JAN),
    Transfer("award", "track:c/a", "project:p", 100, Cause.AWARD, JAN),
    Transfer("job", "project:p", "spent:p", 60, Cause.USAGE, FEB, phase=Phase.PENDING),
    Transfer("end", "", "", 45, Cause.USAGE, FEB, phase=Phase.POST, pending="job"),
]


@pytest.mark.parametrize(
    ("journal", "closings", "entry", "words"),
    [
        (enumerate(JOURNAL, 2), [], 1, "missing"),
        ([(1, JOURNAL[0]), (2, JOURNAL[1]), (4, JOURNAL[3])], [], 3, "missing"),
        ([(1, JOURNAL[0]), (1, JOURNAL[1])], [], 2, "out of order"),
        (enumerate(JOURNAL[1:], 1), [], 1, "exceeds_balance"),
        (enumerate([*JOURNAL, JOURNAL[0]], 1), [], 5, "exists"),
        (enumerate([*JOURNAL, replace(JOURNAL[0], amount=7)], 1), [], 5, "exists_different"),
        (enumerate([JOURNAL[0], replace(JOURNAL[1], amount=101), *JOURNAL[2:]], 1), [], 2, "exceeds_balance"),
        (enumerate([*JOURNAL[:3], replace(JOURNAL[3], amount=61)], 1), [], 4, "exceeds_pending"),
        (enumerate([*JOURNAL[:3], replace(JOURNAL[3], cause=99)], 1), [], 4, "cause"),  # type: ignore[arg-type]
        (enumerate(JOURNAL, 1), [(1, CLOSED)], 2, "month_closed"),
        (enumerate(JOURNAL, 1), [(2, CLOSED), (3, "1970-02")], 4, "month_closed"),
    ],
)
def test_a_journal_that_was_changed_names_its_first_bad_entry(journal, closings, entry: int, words: str) -> None:  # type: ignore[no-untyped-def]
    _, faults = rebuild(journal, closings)
    assert faults[0].entry == entry
    assert words in faults[0].what


def test_an_untouched_journal_has_no_fault_and_keeps_its_last_closed_month() -> None:
    book, faults = rebuild(enumerate(JOURNAL, 1), [(4, "1970-02"), (2, CLOSED)])
    assert faults == []
    assert book.closed == "1970-02"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({("unit", "project:p"): Balance(101, 45)}, ["unit sum to 1", "project p was granted 100, accounts for 101"]),
        ({("unit", "project:p"): Balance(100, 45, 3)}, ["reservations of unit sum to -3", "reserved 0, has 3 pending"]),
        ({("unit", "lost:q"): Balance(5), ("unit", "programme"): Balance(0, 105)}, ["project q was granted 0"]),
    ],
)
def test_balances_that_do_not_add_up_are_named(change: dict[tuple[str, str], Balance], words: list[str]) -> None:
    book, _ = apply(Book(), JOURNAL)
    assert unsound(book) == []
    said = "\n".join(f.what for f in unsound(replace(book, balances={**book.balances, **change})))
    assert all(w in said for w in words)


def test_months_end_where_the_next_begins() -> None:
    assert [month_of(end_utc_s(m) + d) for m in ("2026-03", "2027-12") for d in (-1, 0)] == [
        "2026-03", "2026-04", "2027-12", "2028-01",
    ]  # fmt: skip
    for wrong in ("2026-13", "2026-3", "26-03", "2026-03-01", "1969-12", "9999-12", "٢٠٢٦-03", ""):
        with pytest.raises(InputError):
            end_utc_s(wrong)
