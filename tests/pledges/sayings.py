"""Documents with mentions, made from a text and the substrings that the mentions are of."""

from __future__ import annotations

import hashlib
from datetime import date
from itertools import pairwise
from typing import Any

from dure.mentions.model import Amount, Bound, Document, Kind, Mention, Party, Period, Span, Stance, Status
from dure.pledges.linking import Said


def page(text: str, published: date | None = None, name: str = "") -> Document:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Document(digest, name or digest[:6], Status.OK, text, ((0, len(text)),), "en", published)


def span(text: str, part: str) -> Span:
    start = text.index(part)
    return Span(start, start + len(part))


def amount(
    text: str, part: str, low: int, unit: str, kind: Kind = Kind.MONEY, high: int | None = None, of: str = ""
) -> Amount:
    return Amount(span(text, part), kind, low, low if high is None else high, unit, Bound.EXACT, of)


def sentence_of(text: str, within: Span | None) -> Span:
    """The sentence between ". " around a place."""
    ends = [0, *(i + 2 for i in range(len(text) - 1) if text[i : i + 2] in (". ", ".\n")), len(text)]
    at = within.start if within else 0
    return next(Span(a, b) for a, b in pairwise(ends) if a <= at < b)


def mention(document: Document, part: Amount | None = None, **more: Any) -> Mention:
    """`actor`: (as written, known id); `until`: a date, with `period` as written."""
    text = document.text
    actor, period, until = more.pop("actor", None), more.pop("period", ""), more.pop("until", None)
    if actor is not None:
        more["actor"] = Party(span(text, actor[0]), actor[1])
    if period or until:
        more["period"] = Period(span(text, period) if period else Span(0, 0), "by", None, until, more.pop("months", 0))
    more.setdefault("stance", Stance.COMMITMENT)
    return Mention(
        document.sha256, more.pop("sentence", None) or sentence_of(text, part.span if part else None), part, **more
    )


def say(
    text: str, part: str = "", low: int = 0, unit: str = "KRW", *, published: date | None = None, **more: Any
) -> Said:
    """One page with one mention."""
    document = page(text, published, more.pop("name", ""))
    kind = more.pop("kind", Kind.MONEY)
    return Said(document, mention(document, amount(text, part, low, unit, kind) if part else None, **more))
