"""A slow ledger that is obviously right: a list of entries, everything else worked out from it anew for each question.

It knows its own routes and kinds, and answers with *all* codes that hold, of which the lowest is the right one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import replace

from dure.ledger.model import Balance, Cause, Code, Phase, Standing, Transfer

MONEY = {"fees", "billed", "paid", "adjusted"}
UNITS = {"programme", "track", "project", "spent", "refunded", "lost", "expired", "partner", "adjusted"}
NAMED = {"track", "project", "spent", "refunded", "lost", "expired", "partner", "fees"}
NEVER_BELOW_ZERO = {"track", "project", "spent", "lost", "expired", "billed"}
ROUTES = """
issue programme>track · award track>project · supplement track>project · move project>project
return track>programme · return project>track · usage project>spent! · refund refunded>project!
clawback project>lost! · give_up project>lost! · lapse project>expired! · carry_over expired>project!
lend partner>project · lend project>partner · fee fees>billed · payment paid>fees
"""  # "!": within one project


def kind(account: str) -> str:
    """The kind of a good name, else nothing."""
    match = re.fullmatch(r"([a-z]+)(:[\w][\w.@+/-]*)?", account)
    known = match and match[1] in MONEY | UNITS and (match[1] in NAMED) == bool(match[2])
    return match[1] if match and known else ""


def moves(cause: Cause, debit: str, credit: str) -> bool:
    """Whether the cause may do that."""
    if cause == Cause.CORRECT:
        return True
    if cause == Cause.ADJUST:
        return "adjusted" in (debit, credit)
    route = f"{cause.name.lower()} {kind(debit)}>{kind(credit)}"
    same = debit.split(":")[1:] == credit.split(":")[1:]
    routes = [r.strip() for r in ROUTES.replace("\n", "·").split("·")]
    return route in routes or (f"{route}!" in routes and same)


class Twin:
    """The journal as a list."""

    def __init__(self, closed: str = "") -> None:
        self.entries: list[Transfer] = []
        self.closed = closed

    def find(self, id: str) -> Transfer | None:
        return next((e for e in self.entries if e.id == id), None)

    def resolver(self, id: str) -> Transfer | None:
        return next((e for e in self.entries if e.pending == id), None)

    def balance(self, account: str, asset: str) -> Balance:
        credits = debits = pending_debits = pending_credits = 0
        for e in self.entries:
            if e.phase in (Phase.POSTED, Phase.POST):
                at = self.find(e.pending) or e
                credits += e.amount * (at.credit == account and at.asset == asset)
                debits += e.amount * (at.debit == account and at.asset == asset)
            elif e.phase == Phase.PENDING and not self.resolver(e.id) and e.asset == asset:
                pending_credits += e.amount * (e.credit == account)
                pending_debits += e.amount * (e.debit == account)
        return Balance(credits, debits, pending_debits, pending_credits)

    def accounts(self) -> set[tuple[str, str]]:
        return {(e.asset, a) for e in self.entries for a in (e.debit, e.credit) if a}

    def standing(self, p: str) -> Standing:
        def net(account: str) -> int:
            b = self.balance(account, "unit")
            return b.credits - b.debits

        own = self.balance(f"project:{p}", "unit")
        family = [f"{k}:{p}" for k in ("project", "spent", "refunded", "lost", "expired")]
        granted = 0
        for e in self.entries:
            at = self.find(e.pending) or e
            if e.phase in (Phase.POSTED, Phase.POST):
                granted += e.amount * ((at.credit in family) - (at.debit in family))
        spent, refunded, lost, expired = (net(f"{k}:{p}") for k in ("spent", "refunded", "lost", "expired"))
        return Standing(granted, spent, -refunded, own.pending_debits, lost, expired, own.available)

    def holds(self, t: Transfer) -> set[Code]:
        """Every code that holds for a transfer that belongs to no chain."""
        found: set[Code] = set()
        before = self.find(t.id)
        if before:
            same = replace(before, at_utc_s=0, linked=False) == replace(t, at_utc_s=0, linked=False)
            found.add(Code.EXISTS if same else Code.EXISTS_DIFFERENT)
        if not 1 <= len(t.id) <= 100 or not t.id.isprintable():
            found.add(Code.BAD_ID)
        resolves = t.phase in (Phase.POST, Phase.VOID, Phase.EXPIRE)
        least = 0 if t.phase in (Phase.VOID, Phase.EXPIRE) else 1
        whole = isinstance(t.amount, int) and not isinstance(t.amount, bool)
        if not whole or not least <= t.amount <= 2**62:
            found.add(Code.BAD_AMOUNT)
        if not resolves and t.debit == t.credit:
            found.add(Code.SAME_ACCOUNT)
        if not resolves and not (kind(t.debit) and kind(t.credit)):
            found.add(Code.UNKNOWN_ACCOUNT)
        pending = self.find(t.pending) if resolves else None
        if pending and pending.phase != Phase.PENDING:
            pending = None
        at = pending if resolves else t
        if at and kind(at.debit) and kind(at.credit):
            holders = UNITS if t.asset == "unit" else MONEY if re.fullmatch("[A-Z]{3}", t.asset) else set()
            if at.asset != t.asset or not {kind(at.debit), kind(at.credit)} <= holders:
                found.add(Code.WRONG_ASSET)
            if not moves(t.cause, at.debit, at.credit):
                found.add(Code.WRONG_ACCOUNTS)
        month = dt.datetime.fromtimestamp(t.at_utc_s, dt.UTC).strftime("%Y-%m")
        if self.closed and month <= self.closed:
            found.add(Code.MONTH_CLOSED)
        if t.cause in (Cause.ADJUST, Cause.CORRECT):
            found |= {Code.NEEDS_REASON} if not t.reason.strip() else set()
            persons = {t.by.strip(), t.second.strip()} - {""}
            found |= {Code.NEEDS_SECOND_PERSON} if len(persons) < 2 else set()
            if t.cause == Cause.CORRECT and not self.find(t.corrects):
                found.add(Code.NOTHING_CORRECTED)
        if resolves:
            return found | self._of_pending(t, pending)
        debit, credit = self.balance(t.debit, t.asset), self.balance(t.credit, t.asset)
        amount = t.amount if whole else 0
        if kind(t.debit) in NEVER_BELOW_ZERO and amount > debit.credits - debit.debits - debit.pending_debits:
            found.add(Code.EXCEEDS_BALANCE)
        if max(debit.debits + debit.pending_debits, credit.credits + credit.pending_credits) + amount > 2**62:
            found.add(Code.EXCEEDS_BALANCE)
        return found

    def _of_pending(self, t: Transfer, pending: Transfer | None) -> set[Code]:
        if pending is None:
            return {Code.PENDING_NOT_FOUND}
        found = {Code.PENDING_RESOLVED} if self.resolver(pending.id) else set()
        over = pending.expires_utc_s is not None and t.at_utc_s >= pending.expires_utc_s
        if over and t.phase != Phase.EXPIRE:
            found.add(Code.PENDING_EXPIRED)
        if not over and t.phase == Phase.EXPIRE:
            found.add(Code.NOT_EXPIRED)
        if t.amount > pending.amount or (t.phase != Phase.POST and t.amount not in (0, pending.amount)):
            found.add(Code.EXCEEDS_PENDING)
        return found

    def apply(self, transfers: Sequence[Transfer]) -> list[Code]:
        """Book a batch, chain by chain."""
        codes: list[Code] = []
        while len(codes) < len(transfers):
            first = len(codes)
            last = next(i for i in range(first, len(transfers)) if not transfers[i].linked)
            codes += self._chain(transfers[first : last + 1])
        return codes

    def _chain(self, chain: Sequence[Transfer]) -> list[Code]:
        before, codes = list(self.entries), []
        for n, t in enumerate(chain):
            code = min(self.holds(t), default=Code.OK)
            if code == Code.OK:
                self.entries.append(t)
            elif code != Code.EXISTS:
                self.entries = before
                codes = [Code.EXISTS if Code.EXISTS in self.holds(u) else Code.LINKED_FAILED for u in chain]
                codes[n] = code
                return codes
            codes.append(code)
        return codes
