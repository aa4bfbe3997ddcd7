"""Transfers in, codes out: `apply` books a batch, `rebuild` makes the whole book again from its journal.

A transfer is checked in the order of `Code`, so that the code of a refused one is the lowest that holds. A chain of
linked transfers is booked whole or not at all. Two-phase transfers, linked chains, idempotency by the caller's id and
codes in order of precedence follow TigerBeetle's reference for create_transfers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final

from dure.errors import InputError
from dure.ledger.accounts import KINDS, PROJECT_KINDS, holder_of, kind_of, may_hold, may_move
from dure.ledger.model import SUCCESS, UNIT, Balance, Cause, Code, Phase, Standing, Transfer
from dure.ledger.months import end_utc_s

MOST: Final = 2**62  # of an amount, and of all that ever reaches or leaves an account: a 64-bit column holds it
LATEST_UTC_S: Final = 253_402_300_799  # the end of the year 9999
ID_MOST: Final = 100  # characters
BY_HAND: Final = frozenset({Cause.ADJUST, Cause.CORRECT})
_EMPTY: Final = Balance()
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_content = attrgetter(
    "debit", "credit", "amount", "cause", "asset", "phase", "pending", "expires_utc_s", "reason", "by", "second",
    "corrects", "about",
)  # fmt: skip
_RESOLVING: Final = frozenset({Phase.POST, Phase.VOID, Phase.EXPIRE})

Key = tuple[str, str]  # asset, account


@dataclass(frozen=True, slots=True)
class Book:
    """Where the ledger stands: all of it, or the part that a batch touches."""

    balances: Mapping[Key, Balance] = field(default_factory=dict)
    entries: Mapping[str, Transfer] = field(default_factory=dict)  # by id
    resolved: Mapping[str, str] = field(default_factory=dict)  # id of a pending transfer -> id of what resolved it
    closed: str = ""  # the last closed month, as 2026-03: it and all before it are closed

    def balance(self, account: str, asset: str = UNIT) -> Balance:
        """An account's balance; zeros for one that nothing has reached."""
        return self.balances.get((asset, account), _EMPTY)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a journal or its balances. `entry` counts from 1; 0: a fault of no single entry."""

    entry: int
    what: str


def apply(book: Book, transfers: Sequence[Transfer]) -> tuple[Book, list[Code]]:
    """Book transfers in their order; the new book, and what became of each. The book given is left as it was.

    Raises InputError, and books nothing, for a transfer that contradicts itself (see `check`) or a chain without end.
    """
    draft = _Draft(book)
    codes: list[Code] = []
    for chain in _chains(transfers):
        codes += draft.book_chain(chain)
    return draft.done(), codes


def check(transfer: Transfer) -> None:
    """Raises InputError for a transfer that contradicts itself or cannot be stored: a caller's bug, not a refusal."""
    t = transfer
    resolves = t.phase in _RESOLVING
    if type(t.cause) is not Cause or type(t.phase) is not Phase:
        _malformed(t, "phase" if type(t.cause) is Cause else "cause", "a member of its enum")
    if not _moment(t.at_utc_s):
        _malformed(t, "at_utc_s", "whole seconds from 1970 to 9999")
    if t.expires_utc_s is not None and not (t.phase == Phase.PENDING and _moment(t.expires_utc_s)):
        _malformed(t, "expires_utc_s", "whole seconds, for a pending transfer only")
    if resolves and (t.debit or t.credit):
        _malformed(t, "debit" if t.debit else "credit", "empty: the accounts are those of the pending transfer")
    if t.pending and not resolves:
        _malformed(t, "pending", "empty, unless it posts, voids or expires a pending transfer")
    if t.corrects and t.cause != Cause.CORRECT:
        _malformed(t, "corrects", "empty, unless its cause is correct")
    if _UNSTORABLE.search(t.reason + t.by + t.second + t.about):
        name = next(n for n in ("reason", "by", "second", "about") if _UNSTORABLE.search(getattr(t, n)))
        _malformed(t, name, "text without NUL and lone surrogates: no database stores them")


def due(book: Book, now: int) -> list[Transfer]:
    """The transfers that expire what is still pending past its time, in the order of their ids."""
    late = (
        t
        for t in book.entries.values()
        if t.phase == Phase.PENDING and t.expires_utc_s is not None and t.expires_utc_s <= now
    )
    return [expiry(t, now) for t in sorted(late, key=attrgetter("id")) if t.id not in book.resolved]


def expiry(pending: Transfer, now: int) -> Transfer:
    """The transfer that expires a pending one. Its id follows from the pending one's, so it is booked once."""
    id = pending.id if len(pending.id) <= ID_MOST - len("expire:") else sha256(pending.id.encode()).hexdigest()
    return replace(
        pending, id=f"expire:{id}", debit="", credit="", amount=0, at_utc_s=now, phase=Phase.EXPIRE,
        pending=pending.id, expires_utc_s=None, linked=False,
    )  # fmt: skip


def standing(book: Book, project: str) -> Standing:
    """Where a project stands, in milli-units."""
    held = {kind: book.balance(f"{kind}:{project}") for kind in PROJECT_KINDS}
    posted = {kind: b.credits - b.debits for kind, b in held.items()}
    own = held["project"]
    return Standing(
        granted=sum(posted.values()),
        spent=posted["spent"],
        refunded=-posted["refunded"],
        reserved=own.pending_debits,
        lost=posted["lost"],
        expired=posted["expired"],
        remaining=own.available,
    )


def rebuild(
    journal: Iterable[tuple[int, Transfer]], closings: Sequence[tuple[int, str]] = ()
) -> tuple[Book, list[Fault]]:
    """The book from the whole journal, entries with their places from 1 on, and everything found wrong with it.

    `closings` are months with the number of entries that the journal had when each was closed. An entry that could not
    have been booked is a fault, and is left out. At the end the book is held against `unsound`.
    """
    draft, faults, waiting = _Draft(Book()), [], sorted(closings, reverse=True)
    expected = 1
    for place, transfer in journal:
        if place != expected:
            faults.append(Fault(expected, f"missing, as all up to {place - 1}" if place > expected else "out of order"))
        expected = place + 1
        while waiting and waiting[-1][0] < place:
            draft.close(waiting.pop()[1])
        try:
            check(transfer)
            code = draft.book_one(transfer)
        except InputError as error:
            faults.append(Fault(place, str(error)))
            continue
        draft.undo.clear()
        if code != Code.OK:
            faults.append(Fault(place, f"{transfer.id} could not have been booked: {code.name.lower()}"))
    for _, month in reversed(waiting):
        draft.close(month)
    book = draft.done()
    return book, faults + unsound(book)


def unsound(book: Book) -> list[Fault]:
    """What does not add up in a whole book: every asset sums to zero, posted and reserved; every project's identity holds.

    What a project was granted and has reserved is counted here from the entries, and held against its balances.
    """
    faults = []
    for asset in sorted({asset for asset, _ in book.balances}):
        of_asset = [b for (a, _), b in book.balances.items() if a == asset]
        if total := sum(b.credits - b.debits for b in of_asset):
            faults.append(Fault(0, f"accounts of {asset} sum to {total}, not 0"))
        if total := sum(b.pending_credits - b.pending_debits for b in of_asset):
            faults.append(Fault(0, f"reservations of {asset} sum to {total}, not 0"))
    granted, reserved = _by_entries(book)
    for project in sorted({holder_of(n) for a, n in book.balances if a == UNIT and kind_of(n) in PROJECT_KINDS}):
        now = standing(book, project)
        found = now.spent - now.refunded + now.reserved + now.lost + now.expired + now.remaining
        if granted.get(project, 0) != found:
            faults.append(Fault(0, f"project {project} was granted {granted.get(project, 0)}, accounts for {found}"))
        if reserved.get(project, 0) != now.reserved:
            faults.append(
                Fault(0, f"project {project} reserved {reserved.get(project, 0)}, has {now.reserved} pending")
            )
    return faults


def _by_entries(book: Book) -> tuple[dict[str, int], dict[str, int]]:
    """Milli-units granted to, and reserved by, each project, from the entries alone."""
    granted: dict[str, int] = {}
    reserved: dict[str, int] = {}
    for t in book.entries.values():
        if t.asset != UNIT or t.phase in (Phase.VOID, Phase.EXPIRE):
            continue
        at = book.entries[t.pending] if t.pending else t
        if t.phase == Phase.PENDING:
            if t.id not in book.resolved and kind_of(t.debit) == "project":
                reserved[holder_of(t.debit)] = reserved.get(holder_of(t.debit), 0) + t.amount
            continue
        for account, amount in ((at.debit, -t.amount), (at.credit, t.amount)):
            if kind_of(account) in PROJECT_KINDS:
                granted[holder_of(account)] = granted.get(holder_of(account), 0) + amount
    return granted, reserved


def _chains(transfers: Sequence[Transfer]) -> Iterator[list[Transfer]]:
    """The batch cut into chains, most of one transfer. Every transfer is checked before the first chain is given."""
    for t in transfers:
        check(t)
    if transfers and transfers[-1].linked:
        _malformed(transfers[-1], "linked", "false for the last of a batch: a chain ends within it")
    chain: list[Transfer] = []
    for t in transfers:
        chain.append(t)
        if not t.linked:
            yield chain
            chain = []


class _Draft:
    """A book being written: its own copies of what changes, and how to take back the chain at hand."""

    def __init__(self, book: Book) -> None:
        self.balances, self.entries, self.resolved = dict(book.balances), dict(book.entries), dict(book.resolved)
        self.undo: list[tuple[dict[Any, Any], Any, Any]] = []  # table, key, value before (None: absent)
        self.close(book.closed)

    def close(self, month: str) -> None:
        self.closed = month
        self.open_from_utc_s = end_utc_s(month) if month else 0

    def done(self) -> Book:
        return Book(self.balances, self.entries, self.resolved, self.closed)

    def book_chain(self, chain: list[Transfer]) -> list[Code]:
        """Book all of a chain or nothing. The first that fails has its own code; what stood before EXISTS."""
        self.undo.clear()
        codes: list[Code] = []
        for t in chain:
            codes.append(self.book_one(t))
            if codes[-1] not in SUCCESS:
                break
        else:
            return codes
        for table, key, before in reversed(self.undo):
            if before is None:
                del table[key]
            else:
                table[key] = before
        others = [Code.EXISTS if self._known(t) == Code.EXISTS else Code.LINKED_FAILED for t in chain]
        others[len(codes) - 1] = codes[-1]
        return others

    def book_one(self, t: Transfer) -> Code:
        """Book one transfer if nothing speaks against it. OK is false, so the first code that holds is taken."""
        pending = self.entries.get(t.pending) if t.pending else None
        if pending is not None and pending.phase != Phase.PENDING:
            pending = None
        code = (
            self._known(t)
            or _form(t)
            or self._terms(t, pending or t)
            or (self._resolution(t, pending) if t.phase in _RESOLVING else self._cover(t))
        )
        if code == Code.OK:
            self._enter(t, pending or t)
        return code

    def _known(self, t: Transfer) -> Code:
        before = self.entries.get(t.id)
        if before is None:
            return Code.OK
        return Code.EXISTS if _content(before) == _content(t) else Code.EXISTS_DIFFERENT

    def _terms(self, t: Transfer, at: Transfer) -> Code:
        """What asset, cause, month and persons forbid. `at` has the accounts: the transfer, or what it resolves."""
        if at.debit:  # a resolution of nothing has no accounts: the last of the checks says so
            if at.asset != t.asset or not (may_hold(at.debit, t.asset) and may_hold(at.credit, t.asset)):
                return Code.WRONG_ASSET
            if not may_move(t.cause, at.debit, at.credit):
                return Code.WRONG_ACCOUNTS
        if t.at_utc_s < self.open_from_utc_s:
            return Code.MONTH_CLOSED
        if t.cause in BY_HAND:
            if not t.reason.strip():
                return Code.NEEDS_REASON
            if not t.by.strip() or not t.second.strip() or t.by.strip() == t.second.strip():
                return Code.NEEDS_SECOND_PERSON
            if t.cause == Cause.CORRECT and t.corrects not in self.entries:
                return Code.NOTHING_CORRECTED
        return Code.OK

    def _resolution(self, t: Transfer, pending: Transfer | None) -> Code:
        """What forbids to post, void or expire."""
        if pending is None:
            return Code.PENDING_NOT_FOUND
        if pending.id in self.resolved:
            return Code.PENDING_RESOLVED
        past = pending.expires_utc_s is not None and pending.expires_utc_s <= t.at_utc_s
        if past != (t.phase == Phase.EXPIRE):
            return Code.PENDING_EXPIRED if past else Code.NOT_EXPIRED
        fits = t.amount <= pending.amount if t.phase == Phase.POST else t.amount in (0, pending.amount)
        return Code.OK if fits else Code.EXCEEDS_PENDING

    def _cover(self, t: Transfer) -> Code:
        """Whether the debited account has the amount, and both stay countable."""
        debit = self.balances.get((t.asset, t.debit), _EMPTY)
        credit = self.balances.get((t.asset, t.credit), _EMPTY)
        short = debit.available < t.amount and not KINDS[kind_of(t.debit)].below_zero
        left, reached = debit.debits + debit.pending_debits, credit.credits + credit.pending_credits
        return Code.EXCEEDS_BALANCE if short or max(left, reached) + t.amount > MOST else Code.OK

    def _enter(self, t: Transfer, at: Transfer) -> None:
        """Move the amounts and write the entry."""
        posted = t.amount if t.phase in (Phase.POSTED, Phase.POST) else 0
        pending = 0 if t.phase == Phase.POSTED else at.amount if t.phase == Phase.PENDING else -at.amount
        balances, debit, credit = self.balances, (t.asset, at.debit), (t.asset, at.credit)
        a, b = balances.get(debit, _EMPTY), balances.get(credit, _EMPTY)
        a = Balance(a.credits, a.debits + posted, a.pending_debits + pending, a.pending_credits)
        b = Balance(b.credits + posted, b.debits, b.pending_debits, b.pending_credits + pending)
        writes: list[tuple[dict[Any, Any], Any, Any]] = [
            (balances, debit, a),
            (balances, credit, b),
            (self.entries, t.id, t),
        ]
        if t.phase in _RESOLVING:
            writes.append((self.resolved, at.id, t.id))
        for table, key, value in writes:
            self.undo.append((table, key, table.get(key)))
            table[key] = value


def _form(t: Transfer) -> Code:
    """What the transfer's own words forbid."""
    if not 0 < len(t.id) <= ID_MOST or not t.id.isprintable():
        return Code.BAD_ID
    least = 0 if t.phase in (Phase.VOID, Phase.EXPIRE) else 1
    if type(t.amount) is not int or not least <= t.amount <= MOST:
        return Code.BAD_AMOUNT
    if t.phase not in _RESOLVING:
        if t.debit == t.credit:
            return Code.SAME_ACCOUNT
        if not kind_of(t.debit) or not kind_of(t.credit):
            return Code.UNKNOWN_ACCOUNT
    return Code.OK


def _moment(value: object) -> bool:
    return type(value) is int and 0 <= value <= LATEST_UTC_S


def _malformed(t: Transfer, name: str, accepted: str) -> None:
    raise InputError(f"transfer {t.id!r} cannot be booked", field=name, value=getattr(t, name), accepted=accepted)
