"""The ledger on a real database: eight writers, sudden death, rows that cannot be changed, and changes that are found."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.errors import InputError
from dure.ledger.book import Book, apply, standing
from dure.ledger.model import Balance, Cause, Code, Phase, Standing, Transfer
from tests.databases import SERVER, empty, needs_postgres
from tests.ledger.test_book import batches

pytestmark = pytest.mark.usefixtures("database")

FEB = 3_000_000
ISSUE = Transfer("issue", "programme", "track:c/a", 1_000, Cause.ISSUE, FEB)
AWARD = Transfer("award", "track:c/a", "project:p", 500, Cause.AWARD, FEB)
HOLD = Transfer("hold", "project:p", "spent:p", 100, Cause.USAGE, FEB, phase=Phase.PENDING, expires_utc_s=FEB + 60)
POST = Transfer("post", "", "", 70, Cause.USAGE, FEB, phase=Phase.POST, pending="hold")
FEE = Transfer(
    "fee", "fees:p", "billed", 9, Cause.FEE, FEB, asset="KRW", reason="두 번째 청구\nsee note", about="invoice 1"
)
OTHER = Transfer("other", "track:c/a", "project:q", 50, Cause.AWARD, FEB)
ALL = [ISSUE, AWARD, HOLD, POST, FEE, OTHER]


@pytest.fixture
def ledger(database: str) -> Any:
    from dure.store import ledger

    return ledger


def test_the_tables_have_the_fields_of_their_dataclasses(database: str) -> None:
    from dure.store import models

    columns = [f.column for f in models.Transfer._meta.fields]
    assert columns == ["seq", *(f.name for f in fields(Transfer))]
    assert [f.name for f in models.Account._meta.fields][-4:] == [f.name for f in fields(Balance)]


def test_what_is_recorded_comes_back_as_it_was(ledger: Any) -> None:
    assert ledger.record(ALL) == [Code.OK] * 6
    assert ledger.record(ALL) == [Code.EXISTS] * 6
    assert ledger.record([]) == []
    assert ledger.journal() == list(enumerate(ALL, 1))
    assert ledger.journal(after_seq=2, limit=2) == [(3, HOLD), (4, POST)]
    assert ledger.journal("p") == [(2, AWARD), (3, HOLD), (4, POST), (5, FEE)]
    assert ledger.journal("q") == [(6, OTHER)]
    assert ledger.balance("track:c/a") == Balance(1_000, 550)
    assert ledger.balance("fees:p", "KRW") == Balance(0, 9)
    assert ledger.balance("fees:p") == Balance()
    assert ledger.standing("p") == Standing(500, 70, 0, 0, 0, 0, 430)
    assert ledger.standings() == {"p": ledger.standing("p"), "q": Standing(50, 0, 0, 0, 0, 0, 50)}
    assert ledger.standing("nobody") == Standing(0, 0, 0, 0, 0, 0, 0)
    assert ledger.verify() == (6, [])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(batches(), min_size=1, max_size=4))
def test_the_tables_say_what_the_book_says(database: str, several: Sequence[list[Transfer]]) -> None:
    from dure.store import ledger

    empty()
    book, journal = Book(), []
    for batch in several:
        book, codes = apply(book, batch)
        assert ledger.record(batch) == codes
        journal += [t for t, c in zip(batch, codes) if c == Code.OK]
    assert ledger.journal(limit=1_000) == list(enumerate(journal, 1))
    assert {key: ledger.balance(key[1], key[0]) for key in book.balances} == book.balances
    assert all(s == standing(book, p) for p, s in ledger.standings().items())
    assert ledger.verify() == (len(journal), [])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": "a\0b"}, Code.BAD_ID),
        ({"id": "\ud800"}, Code.BAD_ID),
        ({"debit": "project:\0"}, Code.UNKNOWN_ACCOUNT),
        ({"debit": "project:" + "x" * 101}, Code.UNKNOWN_ACCOUNT),
        ({"asset": "\0\0\0"}, Code.WRONG_ASSET),
        ({"amount": 2**70}, Code.BAD_AMOUNT),
        ({"phase": Phase.POST, "debit": "", "credit": "", "pending": "\0"}, Code.PENDING_NOT_FOUND),
        (
            {"cause": Cause.CORRECT, "reason": "r", "by": "a", "second": "b", "corrects": "\ud800"},
            Code.NOTHING_CORRECTED,
        ),
    ],
)
def test_what_no_database_could_hold_is_refused_not_raised(ledger: Any, change: dict[str, Any], code: Code) -> None:
    ledger.record([ISSUE, AWARD])
    assert ledger.record([replace(Transfer("new", "project:p", "spent:p", 1, Cause.USAGE, FEB), **change)]) == [code]


def test_the_largest_amounts_fit(ledger: Any) -> None:
    most = replace(ISSUE, amount=2**62)
    assert ledger.record([most, replace(AWARD, id="all", amount=2**62)]) == [Code.OK] * 2
    assert ledger.record([replace(most, id="more", amount=1)]) == [Code.EXCEEDS_BALANCE]
    assert ledger.standing("p").remaining == 2**62
    assert ledger.verify() == (2, [])


def test_months_close_in_the_past_only_and_for_good(ledger: Any) -> None:
    ledger.record([ISSUE, AWARD])
    end = 59 * 86_400  # of February 1970
    with pytest.raises(InputError):
        ledger.close_month("1970-02", "kim", end - 1)
    assert ledger.close_month("1970-02", "kim", end) is True
    assert ledger.close_month("1970-02", "lee", end) is False
    assert ledger.close_month("1970-01", "lee", end) is False
    assert ledger.record([OTHER, replace(OTHER, at_utc_s=0)]) == [Code.MONTH_CLOSED, Code.MONTH_CLOSED]
    right = Transfer(
        "right", "project:p", "track:c/a", 100, Cause.CORRECT, end, reason="misread", by="kim", second="lee",
        corrects="award",
    )  # fmt: skip
    assert ledger.record([right, replace(right, id="late", at_utc_s=FEB)]) == [Code.OK, Code.MONTH_CLOSED]
    assert ledger.standing("p").granted == 400
    assert ledger.verify() == (3, [])


def test_what_is_due_is_voided_once(ledger: Any) -> None:
    ledger.record([ISSUE, AWARD, HOLD, replace(HOLD, id="for ever", expires_utc_s=None)])
    assert ledger.void_due(FEB + 59) == []
    assert ledger.void_due(FEB + 60) == [Code.OK]
    assert ledger.void_due(FEB + 60) == []
    assert ledger.standing("p").reserved == 100
    assert ledger.record([replace(POST, at_utc_s=FEB)]) == [Code.PENDING_RESOLVED]


def test_a_callers_transaction_takes_the_entries_with_it(ledger: Any) -> None:
    with transaction.atomic():
        assert ledger.record([ISSUE]) == [Code.OK]
        assert ledger.record([AWARD]) == [Code.OK]
        transaction.set_rollback(True)
    assert ledger.verify() == (0, [])
    with transaction.atomic():
        with pytest.raises(InputError):
            ledger.record([ISSUE, replace(AWARD, pending="x")])
        assert ledger.record([ISSUE]) == [Code.OK]
    assert ledger.verify() == (1, [])


# --- eight writers at once -----------------------------------------------------------------------------------------


def at_once(work: Callable[[int], Any], writers: int = 8) -> list[Any]:
    """What each of several threads, started together with connections of their own, gave back."""
    results: list[Any] = [None] * writers
    gate = threading.Barrier(writers)

    def run(n: int) -> None:
        gate.wait()
        try:
            results[n] = work(n)
        except Exception as error:
            results[n] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not [r for r in results if isinstance(r, Exception)], results
    return results


def test_eight_writers_lose_nothing_and_book_nothing_twice(ledger: Any) -> None:
    """Each id is tried by all writers; the project can pay for half of them, whoever comes first."""
    ledger.record([ISSUE, AWARD])
    wanted = [Transfer(f"u{n}", "project:p", "spent:p", 10, Cause.USAGE, FEB) for n in range(100)]
    batches = [wanted[n : n + 10] for n in range(0, 100, 10)]

    def spend(writer: int) -> list[Code]:
        order = batches if writer % 2 else batches[::-1]
        return [code for batch in order for code in ledger.record(batch)]

    codes = [code for found in at_once(spend) for code in found]
    assert codes.count(Code.OK) == 50
    assert set(codes) == {Code.OK, Code.EXISTS, Code.EXCEEDS_BALANCE}
    assert ledger.standing("p") == Standing(500, 500, 0, 0, 0, 0, 0)
    assert ledger.verify() == (52, [])


def test_eight_writers_move_to_and_fro_without_deadlock(ledger: Any) -> None:
    """Transactions of several records each, over accounts in every order, some of which nobody made before."""
    ledger.record([ISSUE, AWARD])
    names = [f"project:{c}" for c in "pqrstuvw"]

    def move(writer: int) -> int:
        done = 0
        for turn in range(5):
            with transaction.atomic():
                for step in range(3):
                    a, b = names[(writer + step) % 8], names[(writer * 3 + turn + 1) % 8]
                    t = Transfer(f"{writer}/{turn}/{step}", a, b, 1, Cause.MOVE, FEB)
                    done += ledger.record([t]) == [Code.OK]
        return done

    moved = sum(at_once(move))
    assert sum(s.remaining for s in ledger.standings().values()) == 500
    assert ledger.verify() == (2 + moved, [])


# --- sudden death --------------------------------------------------------------------------------------------------


def death_at(n: int, work: Callable[[], Any]) -> bool:
    """Do the work in a child that is killed (-9) before its n-th statement, or commit; whether that came at all."""
    connections.close_all()
    if SERVER:
        connection.close_pool()
    child = os.fork()
    if child == 0:
        try:
            steps = iter(range(1, n + 1))

            def step() -> None:
                if next(steps, None) == n:
                    os.kill(os.getpid(), signal.SIGKILL)

            def execute(call: Any, *args: Any) -> Any:
                step()
                return call(*args)

            def commit() -> None:
                step()
                committed()
                step()

            committed, connection._commit = connection._commit, commit
            with connection.execute_wrapper(execute):
                work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_killed_at_any_step_it_is_all_or_nothing(ledger: Any) -> None:
    ledger.record([ISSUE, AWARD])
    outcomes = []
    for n in range(1, 30):
        batch = [replace(t, id=f"{t.id}{n}", pending=t.pending and f"{t.pending}{n}") for t in (HOLD, POST, OTHER)]
        batch = [replace(t, amount=1) for t in batch]
        length, _ = ledger.verify()
        killed = death_at(n, lambda batch=batch: ledger.record(batch))
        booked = ledger.verify()
        assert booked in [(length, []), (length + 3, [])]
        assert ledger.record(batch) == [Code.OK if booked[0] == length else Code.EXISTS] * 3
        assert ledger.verify() == (length + 3, [])
        outcomes.append((killed, booked[0] > length))
        if not killed:
            break
    assert outcomes[-2:] == [(True, True), (False, True)]  # killed after its commit; not killed
    assert outcomes[:-2] == [(True, False)] * len(outcomes[:-2])
    assert len(outcomes) >= 7  # begin or lock, two reads, two writes, commit


# --- rows that cannot be changed, and changes that are found -------------------------------------------------------


@pytest.fixture
def filled(ledger: Any) -> Any:
    ledger.record(ALL)
    ledger.close_month("1970-01", "kim", FEB)
    return ledger


@pytest.mark.parametrize("table", ["store_transfer", "store_closedmonth"])
@pytest.mark.parametrize("change", ["UPDATE {} SET by = by", "DELETE FROM {}"])
def test_the_database_refuses_to_change_the_journal(filled: Any, table: str, change: str) -> None:
    sql = change.format(table).replace("by", '"by"')
    with pytest.raises(DatabaseError, match=f"{table} is append-only"), connection.cursor() as cursor:
        cursor.execute(sql)
    assert filled.verify() == (6, [])


@needs_postgres
def test_postgresql_refuses_to_truncate_the_journal(filled: Any) -> None:
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("TRUNCATE store_transfer")


def tamper(sql: str) -> None:
    """Change rows as one could who may do everything."""
    with transaction.atomic(), connection.cursor() as cursor:
        if SERVER:
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            cursor.execute("DROP TRIGGER store_transfer_no_update")
            cursor.execute("DROP TRIGGER store_transfer_no_delete")
        cursor.execute(sql)
        assert cursor.rowcount == 1


@pytest.mark.parametrize(
    ("sql", "entry", "words"),
    [
        ("UPDATE store_account SET credits = credits + 1 WHERE name = 'project:q'", 0, "project:q"),
        ("UPDATE store_account SET pending_debits = 5 WHERE name = 'spent:p'", 0, "spent:p"),
        ("DELETE FROM store_account WHERE name = 'billed'", 0, "billed (KRW)"),
        ("UPDATE store_account SET name = 'project:z' WHERE name = 'project:q'", 0, "project:q"),
        ("UPDATE store_transfer SET amount = 51 WHERE id = 'other'", 0, "project:q"),
        ("UPDATE store_transfer SET credit = 'project:p' WHERE id = 'other'", 0, "project:p"),
        ("UPDATE store_transfer SET amount = 901 WHERE id = 'issue'", 0, "programme"),
        ("UPDATE store_transfer SET amount = 499 WHERE id = 'issue'", 2, "exceeds_balance"),
        ("UPDATE store_transfer SET amount = 101 WHERE id = 'post'", 4, "exceeds_pending"),
        ("UPDATE store_transfer SET cause = 99 WHERE id = 'fee'", 5, "cause"),
        ("UPDATE store_transfer SET phase = 9 WHERE id = 'fee'", 5, "phase"),
        ("DELETE FROM store_transfer WHERE id = 'fee'", 5, "missing"),
        ("DELETE FROM store_transfer WHERE id = 'issue'", 1, "missing"),
        ("DELETE FROM store_transfer WHERE id = 'other'", 0, "project:q"),
    ],
)
def test_verify_names_the_first_that_was_tampered_with(filled: Any, sql: str, entry: int, words: str) -> None:
    assert filled.verify() == (6, [])
    tamper(sql)
    _, faults = filled.verify()
    assert faults[0].entry == entry
    assert any(words in f.what for f in faults[: 1 if entry else None])


def test_verify_finds_an_entry_slipped_into_a_closed_month(filled: Any) -> None:
    filled.close_month("1970-02", "kim", 59 * 86_400)
    assert filled.record([replace(OTHER, id="march", at_utc_s=59 * 86_400)]) == [Code.OK]
    tamper(f"UPDATE store_transfer SET at_utc_s = {FEB} WHERE id = 'march'")
    assert [f.entry for f in filled.verify()[1]][:1] == [7]
