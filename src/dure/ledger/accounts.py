"""Which accounts there are, what each may hold, which may go below zero, and which causes move between which.

This is the only place that says so. Names and meanings are in `dure.ledger.model`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from dure.ledger.model import UNIT, Cause


class Kind(NamedTuple):
    """What all accounts of one kind have in common."""

    held: bool  # the name goes on with ":" and whose account it is
    below_zero: bool  # more may leave it than has reached it
    units: bool  # may hold units
    money: bool  # may hold money


KINDS: Final = {
    "programme": Kind(False, True, True, False),  # the source of all units
    "track": Kind(True, False, True, False),
    "project": Kind(True, False, True, False),
    "spent": Kind(True, False, True, False),
    "refunded": Kind(True, True, True, False),  # minus what flowed back to its project
    "lost": Kind(True, False, True, False),
    "expired": Kind(True, False, True, False),
    "partner": Kind(True, True, True, False),  # a partner may owe
    "adjusted": Kind(False, True, True, True),
    "fees": Kind(True, True, False, True),  # minus what its project owes
    "billed": Kind(False, False, False, True),
    "paid": Kind(False, True, False, True),  # minus what was received
}
PROJECT_KINDS: Final = ("project", "spent", "refunded", "lost", "expired")  # together: all that was granted

_ROUTES: Final[dict[Cause, tuple[str, ...]]] = {
    Cause.ISSUE: ("programme track",),
    Cause.AWARD: ("track project",),
    Cause.SUPPLEMENT: ("track project",),
    Cause.MOVE: ("project project",),
    Cause.RETURN: ("track programme", "project track"),
    Cause.USAGE: ("project spent",),
    Cause.REFUND: ("refunded project",),
    Cause.CLAWBACK: ("project lost",),
    Cause.GIVE_UP: ("project lost",),
    Cause.LAPSE: ("project expired",),
    Cause.CARRY_OVER: ("expired project",),
    Cause.LEND: ("partner project", "project partner"),
    Cause.FEE: ("fees billed",),
    Cause.PAYMENT: ("paid fees",),
    Cause.ADJUST: tuple(r for k in KINDS for r in (f"adjusted {k}", f"{k} adjusted")),
    Cause.CORRECT: tuple(f"{a} {b}" for a in KINDS for b in KINDS),
}
_WITHIN: Final = frozenset(  # within one project: units that one spends are not another's
    {Cause.USAGE, Cause.REFUND, Cause.CLAWBACK, Cause.GIVE_UP, Cause.LAPSE, Cause.CARRY_OVER}
)
_HOLDER = re.compile(r"\w[\w.@+/-]{0,99}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@lru_cache(maxsize=1 << 16)
def kind_of(account: str) -> str:
    """The kind of an account by its name; empty for what is no account's name.

    A name is a kind alone, or `kind:holder`; a holder is 1 to 100 letters or digits of any script and `_ . @ + / -`,
    begins with a letter, digit or `_`, and is in Unicode form C (so that two names that look alike are alike).
    """
    name, colon, holder = account.partition(":")
    kind = KINDS.get(name)
    if kind is None or kind.held != bool(colon):
        return ""
    if kind.held and not (_HOLDER.fullmatch(holder) and unicodedata.is_normalized("NFC", holder)):
        return ""
    return name


def holder_of(account: str) -> str:
    """Whose account it is; empty for those that are nobody's."""
    return account.partition(":")[2]


@lru_cache(maxsize=1 << 16)
def may_hold(account: str, asset: str) -> bool:
    """Whether an account holds an asset: "unit", or a currency of three capitals. False for what is no account's name."""
    kind = KINDS.get(kind_of(account))
    if kind is None:
        return False
    return kind.units if asset == UNIT else kind.money and bool(_CURRENCY.fullmatch(asset))


@lru_cache(maxsize=1 << 16)
def may_move(cause: Cause, debit: str, credit: str) -> bool:
    """Whether a cause moves anything from one account to the other. False for names that are no account's."""
    if f"{kind_of(debit)} {kind_of(credit)}" not in _ROUTES[cause]:
        return False
    return cause not in _WITHIN or holder_of(debit) == holder_of(credit)
