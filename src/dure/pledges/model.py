"""Pledges as values: what two people decided that was promised, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dure.mentions.model import Bound, Kind


class Firmness(StrEnum):
    """How firm a promise is, in order."""

    STATEMENT = "statement"
    AIM = "aim"
    BUDGETED = "budgeted"
    CONTRACTED = "contracted"
    LEGISLATED = "legislated"


class Delivery(StrEnum):
    """What the records show of a promise at a date."""

    NOT_DUE = "not_due"
    NO_RECORD = "no_record"  # nobody measured: never shown as missed
    IN_PROGRESS = "in_progress"
    KEPT = "kept"
    PARTLY = "partly"
    MISSED = "missed"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class ClaimStatus(StrEnum):
    """How a claim of a document stands."""

    CLAIMED = "claimed"
    CORROBORATED = "corroborated"  # by a document that is no copy
    DISPUTED = "disputed"
    UNSUPPORTED = "unsupported"  # a person looked and found nothing


@dataclass(frozen=True, slots=True)
class Pledge:
    """A promise as it stands: the fold of its revisions. `value` is the last revision's, never a sum of them."""

    id: str
    title: str
    actor: str  # a known id, or as written
    kind: Kind
    low: int
    high: int
    unit: str
    bound: Bound
    begin: date | None
    deadline: date | None
    firmness: Firmness
    claim: ClaimStatus
    made: date | None = None  # of the first mention that has a date
    measure: str = ""  # of delivery.MEASURES, or "outside"
    scope: str = ""  # narrows the measure: a model, country or track
    supersedes: str = ""  # id
    superseded_by: str = ""
    part_of: str = ""  # the pledge that it is a part of; its values are its own
    withdrawn: bool = False
    revisions: int = 0  # how often whoever promised changed it
    disputes: tuple[str, ...] = ()  # what contradicts it, in words, where it is not settled
