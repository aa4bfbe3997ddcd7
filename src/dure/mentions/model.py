"""Documents and mentions as values. Offsets count characters of `Document.text`; sums are integers in a named unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """What became of a document."""

    OK = "ok"
    EMPTY = "empty"
    NO_TEXT = "no_text"  # a scan, or markup without text
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"  # its reading was ended
    UNREADABLE = "unreadable"  # not what it says it is, damaged, or behind a password
    UNREAD_LANGUAGE = "unread_language"  # text, but no rules for its language


class Kind(StrEnum):
    """What a sum is of."""

    MONEY = "money"
    QUANTITY = "quantity"
    SHARE = "share"
    RANK = "rank"
    MULTIPLIER = "multiplier"
    MILESTONE = "milestone"  # something to be done, without a sum


class Bound(StrEnum):
    """How a sum is meant."""

    EXACT = "="
    AT_LEAST = ">="
    AT_MOST = "<="
    ABOUT = "~"


class Stance(StrEnum):
    """How a sentence stands to what it says."""

    COMMITMENT = "commitment"  # an actor binds itself: will, has decided, allocates
    AIM = "aim"  # a wish or target: aims, hopes, seeks, plans to become
    FACT = "fact"  # reports what was or is
    OPINION = "opinion"  # judges, expects of others, argues
    UNCLEAR = "unclear"


# Units. Money is in minor units of an ISO 4217 currency ("KRW": won, "USD": cents); the others:
PERCENT: Final = "percent/100"  # 10 % is 1000
RANK: Final = "rank"  # "top three" is 3
TIMES: Final = "times/1000"  # fifteenfold is 15000
UNITS: Final = (
    "accelerators", "chips", "servers", "W", "Wh", "FLOP/s/10^9", "bytes", "people", "sites", "organisations", "projects",
    "models", "jobs", "countries", "units", PERCENT, RANK, TIMES,
)  # fmt: skip
MINOR: Final = {"KRW": 0, "JPY": 0, "VND": 0, "IDR": 2}  # decimal places of a currency, where they are not two


@dataclass(frozen=True, slots=True)
class Document:
    """A page as it was read. `text` is normalised (NFC, `\\n`, no zero-width characters); mentions count in it."""

    sha256: str  # of the bytes as they came
    name: str  # file or address
    status: Status
    text: str = ""
    prose: tuple[
        tuple[int, int], ...
    ] = ()  # spans of `text` that are somebody's sentences: no menus, widgets, headlines
    language: str = ""  # "en", "ko"; "" unknown
    published: date | None = None
    published_from: str = ""  # "given", "page": who says so
    media: str = ""  # "text/plain", "text/html", "application/pdf"
    encoding: str = ""  # with how it was found: "cp949 (bytes)", "utf-8 (mark)"
    why: str = ""  # of a status other than ok, what is wrong, in words
    # "bidi": marks of direction stand in it; "zero-width": invisible characters stood in it; "hidden": the page had text that it
    # does not show; "charset": its header names another encoding; "scanned pages": some pages of a PDF file are pictures.
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a document's text as it is written there."""

    start: int
    end: int

    def moved(self, by: int) -> Span:
        """The same, counted from elsewhere."""
        return Span(self.start + by, self.end + by)


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum in a sentence. `low` and `high` are equal but for a range."""

    span: Span
    kind: Kind
    low: int
    high: int
    unit: str  # of UNITS, or a currency; "" for money in a currency that is not known
    bound: Bound = Bound.EXACT
    of: str = ""  # what is counted, or of what a share is, as written
    assumed: str = (
        ""  # why this currency, where the sign alone does not say: "C$ page", "bare $: the page's country is CA"
    )
    flags: tuple[str, ...] = ()  # "bidi", "unknown_currency"


@dataclass(frozen=True, slots=True)
class Period:
    """When. `begin` and `until` are None where the text alone, or the text with its publication date, does not tell."""

    span: Span
    kind: str  # "by", "in", "over", "between", "on", "next"
    begin: date | None = None
    until: date | None = None  # last day
    months: int = 0  # of a length that is named: "over the next four years" is 48
    unresolved: str = ""  # why a date is missing: "needs the publication date"


@dataclass(frozen=True, slots=True)
class Party:
    """Who, as written, and the id of `known.py`, or ""."""

    span: Span
    known: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """One statement of one document. All spans count in the document's text."""

    document: str  # sha256
    sentence: Span
    amount: Amount | None = None  # None: a milestone
    other: Amount | None = None  # the same sum in another currency, as the page gives it
    period: Period | None = None
    actor: Party | None = None  # who promises
    recipient: Party | None = None
    source: Party | None = None  # who is cited: "according to ..."
    instrument: str = ""  # "budget", "fund", "investment", "purchase", "law", "agreement", "subsidy", ""
    stance: Stance = Stance.UNCLEAR
    rule: str = ""  # of the stance
    flags: tuple[
        str, ...
    ] = ()  # "implied_rate", "deadline_before", "bidi", "hidden", "unknown_currency"; see pledges/claims.py

    @property
    def kind(self) -> Kind:
        """What it is about."""
        return self.amount.kind if self.amount else Kind.MILESTONE

    def quote(self, text: str) -> str:
        """The sentence."""
        return text[self.sentence.start : self.sentence.end]
