"""The tables. Each entity's fields are those of its dataclass; `tests/store` holds them to it."""

from dure.store.models.ledger import Account, ClosedMonth, Transfer
from dure.store.models.programme import (
    Answered,
    Application,
    Award,
    Call,
    Grant,
    Happening,
    Letter,
    Member,
    Programme,
    Project,
    Proposal,
    Review,
    Reviewer,
    Token,
    Trial,
)

__all__ = [
    "Account",
    "ClosedMonth",
    "Transfer",
    "Answered",
    "Application",
    "Award",
    "Call",
    "Grant",
    "Happening",
    "Letter",
    "Member",
    "Programme",
    "Project",
    "Proposal",
    "Review",
    "Reviewer",
    "Token",
    "Trial",
]
