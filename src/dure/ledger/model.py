"""What the ledger is made of: accounts, transfers and the codes that answer them. Integers only.

Every transfer moves an amount of one *asset* ("unit": milli-units, or an ISO 4217 currency: its minor unit) from the
account it debits to the account it credits, so all accounts of an asset sum to zero. Account names say what they hold:

    programme            source of all units: its balance is minus what was issued
    track:T              envelope of a track, T as call/track
    project:P            what project P can still spend; what it has reserved is pending on it
    spent:P refunded:P   used, before refunds; refunds (negative: they flow back to project:P)
    lost:P expired:P     taken back, given up or clawed back; lapsed at the end of the award
    partner:C            credits of partner country or site C
    adjusted             the other side of manual adjustments
    fees:P               fees that P owes (a currency); billed: the other side; paid: payments received

At every instant, for every project: granted = spent - refunded + reserved + lost + expired + remaining, where granted is
what came from programme, tracks, partners, adjustments and other projects, less what went back to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

UNIT = "unit"


class Phase(IntEnum):
    """Whether a transfer moves an amount now, reserves it, or resolves a reservation."""

    POSTED = 0
    PENDING = 1  # reserves: the amount is no longer available, and not yet moved
    POST = 2  # of a pending transfer: moves up to its amount and frees the rest
    VOID = 3  # of a pending transfer: frees it all
    EXPIRE = 4  # of a pending transfer past its time: frees it all


class Cause(IntEnum):
    """What a transfer is for. Numbers are stable: they stand in the journal."""

    ISSUE = 1  # programme -> track
    AWARD = 2  # track -> project
    SUPPLEMENT = 3  # track -> project
    MOVE = 4  # project -> project
    RETURN = 5  # track -> programme, or project -> track
    USAGE = 6  # project -> spent
    REFUND = 7  # refunded -> project
    CLAWBACK = 8  # project -> lost
    GIVE_UP = 9  # project -> lost: withdrawn
    LAPSE = 10  # project -> expired
    CARRY_OVER = 11  # expired -> project, into the next period
    LEND = 12  # partner -> project, and back
    FEE = 13  # fees -> billed
    PAYMENT = 14  # paid -> fees
    ADJUST = 15  # by hand: needs a reason and a second person
    CORRECT = 16  # of a closed month: points to what it corrects


class Code(IntEnum):
    """What became of a transfer, in order of precedence: where several hold, the lowest number above OK is given.

    OK and EXISTS are success: the transfer stands in the journal, once.
    """

    OK = 0
    EXISTS = 1  # the same id with the same content (all but `at_utc_s` and `linked`): done before
    LINKED_FAILED = 2  # another transfer of its chain failed
    EXISTS_DIFFERENT = 3  # the id is taken by a transfer with other content
    BAD_ID = 4  # empty, longer than 100 characters, or not printable
    BAD_AMOUNT = 5  # not a whole number from 1 to 2^62 (VOID and EXPIRE: from 0)
    SAME_ACCOUNT = 6
    UNKNOWN_ACCOUNT = 7  # a name that is no account's
    WRONG_ASSET = 8  # the pending transfer, or the accounts, are of another asset
    WRONG_ACCOUNTS = 9  # its cause does not move between such accounts
    MONTH_CLOSED = 10  # its month is closed: book a CORRECT in an open one
    NEEDS_REASON = 11  # an adjustment or correction without a reason
    NEEDS_SECOND_PERSON = 12  # an adjustment or correction without a second person, or the same one twice
    NOTHING_CORRECTED = 13  # a correction that points to no transfer of the journal
    PENDING_NOT_FOUND = 14
    PENDING_RESOLVED = 15  # posted, voided or expired before
    PENDING_EXPIRED = 16  # its time has passed
    NOT_EXPIRED = 17  # its time has not passed
    EXCEEDS_PENDING = 18  # more than was reserved; of a VOID or EXPIRE, neither 0 nor all of it
    EXCEEDS_BALANCE = 19  # the debited account does not have so much, or an account would pass 2^62 in all


SUCCESS = frozenset({Code.OK, Code.EXISTS})


@dataclass(frozen=True, slots=True)
class Transfer:
    """One entry of the journal. `id` is made by the caller: the same id twice is booked once."""

    id: str
    debit: str  # account the amount leaves; empty for POST, VOID, EXPIRE
    credit: str  # account it reaches; empty for POST, VOID, EXPIRE
    amount: int  # in whole milli-units or minor currency; for VOID and EXPIRE the pending amount or 0
    cause: Cause
    at_utc_s: int
    asset: str = UNIT
    phase: Phase = Phase.POSTED
    pending: str = ""  # POST, VOID, EXPIRE: id of the pending transfer
    expires_utc_s: int | None = None  # PENDING: may be resolved before this moment only
    linked: bool = False  # succeeds or fails with the next transfer of the batch
    reason: str = ""
    by: str = ""  # who booked it
    second: str = ""  # who agreed
    corrects: str = ""  # CORRECT: id of the entry that was wrong
    about: str = ""  # what it belongs to: an application, a job attempt, an invoice


@dataclass(frozen=True, slots=True)
class Balance:
    """An account: what has reached and left it, and what is reserved on it."""

    credits: int = 0
    debits: int = 0
    pending_debits: int = 0
    pending_credits: int = 0

    @property
    def available(self) -> int:
        """What can still leave the account."""
        return self.credits - self.debits - self.pending_debits


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a project stands, in milli-units. granted = spent - refunded + reserved + lost + expired + remaining."""

    granted: int
    spent: int
    refunded: int
    reserved: int
    lost: int
    expired: int
    remaining: int
