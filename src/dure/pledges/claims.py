"""How far to believe what documents say: flags of one mention, disagreements, and the status of a claim.

A finding is a reason to look, in a sentence; nothing here changes what a document says or makes a fact of it. What needs
rates of exchange takes `Rates`, so that this module reads no file (`dure.formats.rates` has the European Central Bank's).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from itertools import combinations
from typing import Final, Protocol

from dure.mentions.model import MINOR, Amount, Document, Kind, Mention, Span, Stance
from dure.pledges.attribution import misattributions
from dure.pledges.identifiers import identifiers
from dure.pledges.linking import Relation, Said, Suggestion, agree, kin, object_words, values_of
from dure.pledges.model import ClaimStatus

OFF_MILLI: Final = 20  # a rate more than 2 % from the day's is flagged


@dataclass(frozen=True, slots=True)
class Rate:
    """Units of one currency for one of another, and the day it is from."""

    value: Fraction
    day: date


@dataclass(frozen=True, slots=True)
class RateSpan:
    """The lowest and the highest rate of a span of days: of `days` trading days from `first` to `last`."""

    low: Fraction
    high: Fraction
    first: date
    last: date
    days: int


class Rates(Protocol):
    """Daily rates of exchange between ISO 4217 currencies."""

    @property
    def first_day(self) -> date:
        """The oldest day known."""

    @property
    def last_day(self) -> date:
        """The newest day known."""

    def on(self, of: str, into: str, day: date) -> Rate | None:
        """Units of `into` for one `of` on the last trading day up to `day`; None where none is known near it."""

    def span(self, of: str, into: str, begin: date, until: date) -> RateSpan | None:
        """Lowest and highest from `begin` to `until`; None where no day of it has both currencies."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A name of `Mention.flags`, and why, in a sentence."""

    name: str
    why: str


class Conflict(StrEnum):
    """What kind of finding it is."""

    AMOUNT = "amount_differs"
    DEADLINE = "deadline_differs"
    REVISION = "revision"  # a later page says otherwise: to be confirmed, no contradiction
    ACTOR = "actor_differs"
    ATTRIBUTION = "attribution"  # contradicts a known fact
    PARTS = "parts"  # they do not add up to the total
    CURRENCY = "currency_sign"  # the same figure in another currency
    RATE = "implied_rate"
    REFERENCE = "reference"  # its identifier fails its check digit, or has no possible form
    UNDATED = "undated"
    UNMEASURABLE = "unmeasurable"


DISPUTING: Final = frozenset(
    (Conflict.AMOUNT, Conflict.DEADLINE, Conflict.ACTOR, Conflict.ATTRIBUTION, Conflict.PARTS, Conflict.CURRENCY)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A finding about mentions, or about a place of a document where no mention is (`span` in `document`)."""

    kind: Conflict
    mentions: tuple[Mention, ...]
    why: str
    document: str = ""  # sha256, where it concerns one document
    span: Span | None = None


# 1. One mention


def flags(
    document: Document, mention: Mention, rates: Rates | None = None, since: date | None = None
) -> tuple[Flag, ...]:
    """What is odd in one mention by itself.

    `since`: the page is not older, where its date is unknown (`written_since`); None: it may be as old as the rates.
    """
    found = []
    why = _implied(document, mention, rates, since) if rates is not None else ""
    if why:
        found.append(Flag("implied_rate", why))
    until = mention.period.until if mention.period else None
    if until is not None and document.published is not None and until < document.published:
        found.append(Flag("deadline_before", f"{until} lies before the page's date, {document.published}"))
    return tuple(found)


def _implied(document: Document, mention: Mention, rates: Rates, since: date | None) -> str:
    """Why the two sums of a mention cannot be the same money; "" where they can, or nothing is known."""
    pair = [
        a for a in (mention.amount, mention.other) if a is not None and a.kind is Kind.MONEY and a.unit and a.low > 0
    ]
    if len(pair) < 2 or pair[0].unit == pair[1].unit:
        return ""
    # the dearer currency is the one of which there is less: 1 USD = 1,400 KRW reads better than 1 KRW = 0.0007 USD
    less, more = sorted(pair, key=lambda a: _major(a)[0])
    implied = sorted(m / n for n, m in zip(_major(less), _major(more)))
    said = (
        f"{_written(document, more)} for {_written(document, less)} is {_shown(implied[0])} {more.unit} a {less.unit}"
    )
    if document.published is not None:
        rate = rates.on(less.unit, more.unit, document.published)
        margin = rate.value * OFF_MILLI / 1000 if rate else Fraction(0)
        if rate is None or (implied[0] <= rate.value + margin and implied[-1] >= rate.value - margin):
            return ""
        return f"{said}; on {rate.day} it was {_shown(rate.value)}"
    span = rates.span(less.unit, more.unit, since or rates.first_day, rates.last_day)
    if span is None or (implied[0] <= span.high and implied[-1] >= span.low):
        return ""
    where = "below" if implied[-1] < span.low else "above"
    return f"{said}, {where} every day from {span.first} to {span.last} ({_shown(span.low)} to {_shown(span.high)})"


def written_since(document: Document, mentions: Iterable[Mention], last: date) -> date | None:
    """The first day of the latest month or year that a page speaks of as past: it is not older. None where it names none.

    Years of promises, of deadlines, and after `last` say nothing about when a page was written.
    """
    ahead = [
        m.period.span for m in mentions if m.period and m.stance in (Stance.COMMITMENT, Stance.AIM, Stance.OPINION)
    ]
    days = [
        date(
            int(match["year"] or match["ko"]), _MONTHS.index(match["month"][:3].lower()) + 1 if match["month"] else 1, 1
        )
        for match in _YEAR.finditer(document.text)
        if not any(span.start < match.end() and match.start() < span.end for span in ahead)
    ]
    return max((day for day in days if day <= last), default=None)


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR: Final = re.compile(
    r"(?<!by )(?<!until )(?<!before )(?<!through )(?<!from )(?<!to )"
    rf"(?:\b(?P<month>(?:{'|'.join(_MONTHS)})[a-z]{{0,6}})\.? (?:\d{{1,2}}, )?"
    r"|\bsince |\b(?:was|were|had) in |ed in |\()"
    r"(?P<year>(?:19|20)\d\d)(?![\d–-])"
    r"|(?<!\d)(?P<ko>(?:19|20)\d\d)년(?! ?(?:\d{1,2}월 ?)?(?:까지|부터|에는|엔|이후|내))",
    re.I,
)


def _major(amount: Amount) -> tuple[Fraction, Fraction]:
    scale = 10 ** MINOR.get(amount.unit, 2)
    return Fraction(amount.low, scale), Fraction(amount.high, scale)


def _written(document: Document, amount: Amount) -> str:
    return document.text[amount.span.start : amount.span.end]


def _shown(rate: Fraction) -> str:
    return f"{float(rate):,.1f}" if rate >= 100 else f"{float(rate):.4f}"


# 2. One document


def of_document(document: Document, mentions: Sequence[Mention], rates: Rates | None = None) -> list[Disagreement]:
    """All findings within one document, rates first."""
    return [
        *_rates(document, mentions, rates),
        *(
            Disagreement(Conflict.ATTRIBUTION, (), found.why, document.sha256, found.span)
            for found in misattributions(document)
        ),
        *_parts(document, mentions),
        *_signs(document, mentions),
        *_references(document),
        *(found for m in mentions for found in _vague(document, m)),
    ]


def _rates(document: Document, mentions: Sequence[Mention], rates: Rates | None) -> Iterator[Disagreement]:
    since = written_since(document, mentions, rates.last_day) if rates is not None and not document.published else None
    for mention in mentions:
        for flag in flags(document, mention, rates, since):
            if flag.name == "implied_rate":
                yield Disagreement(Conflict.RATE, (mention,), flag.why, document.sha256, mention.sentence)


def _references(document: Document) -> Iterator[Disagreement]:
    for found in identifiers(document.text):
        if found.fault:
            why = f"{found.scheme} {found.written}: {found.fault}"
            yield Disagreement(Conflict.REFERENCE, (), why, document.sha256, found.span)


def _vague(document: Document, mention: Mention) -> Iterator[Disagreement]:
    if mention.stance not in (Stance.COMMITMENT, Stance.AIM):
        return
    period = mention.period
    if period is None or (period.until is None and not period.months):
        why = f"says when, but not the day: {period.unresolved or 'no date'}" if period else "says no date"
        yield Disagreement(Conflict.UNDATED, (mention,), why, document.sha256, mention.sentence)
    why = _unmeasurable(document, mention)
    if why:
        yield Disagreement(Conflict.UNMEASURABLE, (mention,), why, document.sha256, mention.sentence)


_INDEX: Final = re.compile(r"\b(?:index|indices|rankings?|ranked by|league table|scoreboard)\b|지수|순위", re.I)
_BASE: Final = re.compile(
    r"\b(?:than|from|compared|current|today|over|relative|level|now|existing)\b|대비|보다|현재|에서", re.I
)


def _unmeasurable(document: Document, mention: Mention) -> str:
    sentence, amount = mention.quote(document.text), mention.amount
    if mention.kind is Kind.RANK and not _INDEX.search(sentence):
        return "a place, but in no index that is named"
    if mention.kind is Kind.MULTIPLIER and not _BASE.search(sentence):
        return "a multiple, but of no base that is named"
    if mention.kind is Kind.SHARE and amount is not None and not amount.of:
        return "a share, but not of what"
    return ""


# 3. Parts and totals

_ALL: Final = re.compile(
    r"\b(?:consist\w{0,4} of|compris\w{1,4}|made up of|split|divided|broken down|composed of)\b|구성된|나뉜|나눠", re.I
)
_SOME: Final = re.compile(r"\b(?:includ\w{1,4}|of which|among them)\b|그중|그 중|이 중|이중|가운데", re.I)


def parts_fault(total: Amount, parts: Sequence[Amount], whole: bool) -> str:
    """Why parts cannot make up a total: they exceed it, or (`whole`: they are all of it) fall short; 2 % is let pass."""
    low, high, unit = sum(p.low for p in parts), sum(p.high for p in parts), total.unit
    if low * 1000 > total.high * (1000 + OFF_MILLI):
        return f"the parts add up to {_plain(low, unit)}, more than the total of {_plain(total.high, unit)}"
    if whole and high * 1000 < total.low * (1000 - OFF_MILLI):
        return f"the parts add up to {_plain(high, unit)}, less than the total of {_plain(total.low, unit)}"
    return ""


def _plain(value: int, unit: str) -> str:
    """A sum of money in whole units of its currency, any other as it is."""
    money = len(unit) == 3 and unit.isupper()
    return f"{unit} {value // 10 ** MINOR.get(unit, 2):,}" if money else f"{value:,} {unit}"


def _parts(document: Document, mentions: Sequence[Mention]) -> Iterator[Disagreement]:
    """Totals whose parts follow in the same sentence after a word such as "including" or "consists of"."""
    by_sentence: dict[Span, list[Mention]] = {}
    for mention in mentions:
        if mention.amount is not None and mention.kind is not Kind.RANK:
            by_sentence.setdefault(mention.sentence, []).append(mention)
    for sentence, some in by_sentence.items():
        for total in some:
            yield from _parts_of(document, sentence, total, some)


def _parts_of(document: Document, sentence: Span, total: Mention, some: Sequence[Mention]) -> Iterator[Disagreement]:
    assert total.amount is not None
    after = max(a.span.end for a in (total.amount, total.other) if a is not None)
    found = [
        (pattern.search(document.text, after, sentence.end), whole) for pattern, whole in ((_ALL, True), (_SOME, False))
    ]
    cues = [(cue, whole) for cue, whole in found if cue is not None]
    if not cues:
        return
    cue, whole = min(cues, key=lambda c: c[0].start())
    later = [
        m for m in some if m.amount is not None and m.amount.span.start > after and m.amount.unit == total.amount.unit
    ]
    parts = [m for m in later if m.amount is not None and m.amount.span.start >= cue.end()]
    if len(parts) != len(later) or len(parts) < (2 if whole else 1):
        return  # a sum between the total and the word is the total of these parts
    why = parts_fault(total.amount, [m.amount for m in parts if m.amount is not None], whole)
    if why:
        yield Disagreement(Conflict.PARTS, (total, *parts), why, document.sha256, sentence)


# 4. Currency signs

_SIGNS: Final = {
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "BRL"), "€": ("EUR",), "£": ("GBP",), "₩": ("KRW",),
    "¥": ("JPY", "CNY"), "₹": ("INR",),
}  # fmt: skip
_FIGURE: Final = re.compile(r"\d[\d.,]{0,20} ?(?:trillion|billion|million|tn|bn|조|억)", re.I)
_SIGNED: Final = re.compile(rf"(?P<sign>[{''.join(_SIGNS)}])(?P<figure>{_FIGURE.pattern})", re.I)


def _signs(document: Document, mentions: Sequence[Mention]) -> Iterator[Disagreement]:
    """Sums whose very figure stands elsewhere on the page, headlines included, with another currency's sign."""
    signed: dict[str, dict[str, int]] = {}
    for match in _SIGNED.finditer(document.text):
        signed.setdefault(match["figure"], {}).setdefault(match["sign"], match.start())
    for mention in mentions:
        amount = mention.amount
        figure = _FIGURE.search(_written(document, amount)) if amount and amount.kind is Kind.MONEY else None
        if amount is None or figure is None or not amount.unit:
            continue
        spans = [part.span for part in (amount, mention.other) if part is not None]
        for sign, at in signed.get(figure[0], {}).items():
            if amount.unit not in _SIGNS[sign] and not any(own.start - 3 <= at < own.end for own in spans):
                why = f"{sign}{figure[0]} stands on the page, too: one of the two is in the wrong currency"
                span = Span(at, at + len(sign) + len(figure[0]))
                yield Disagreement(Conflict.CURRENCY, (mention,), why, document.sha256, span)


# 5. Several documents


def between(said: Sequence[Said], links: Iterable[Suggestion]) -> list[Disagreement]:
    """What linked mentions contradict each other in: sums, dates, actors; and the revisions among them."""
    return [found for link in links for found in _between(said[link.first], said[link.second], link)]


def _between(a: Said, b: Said, link: Suggestion) -> Iterator[Disagreement]:
    both = (a.mention, b.mention)
    known = [s.mention.actor.known for s in (a, b) if s.mention.actor and s.mention.actor.known]
    if len(known) == 2 and not kin(*known) and a.document.sha256 != b.document.sha256:
        yield Disagreement(
            Conflict.ACTOR, both, f"{a.document.name} gives to {known[0]} what {b.document.name} gives to {known[1]}"
        )
    first, second = (s.mention.period.until if s.mention.period else None for s in (a, b))
    same_sum = agree(values_of(a.mention), values_of(b.mention))
    told = []
    if same_sum is False:
        told.append((Conflict.AMOUNT, f"{_sum(a)} in {a.document.name}, {_sum(b)} in {b.document.name}"))
    if first is not None and second is not None and first != second:
        told.append((Conflict.DEADLINE, f"by {first} in {a.document.name}, by {second} in {b.document.name}"))
    for kind, why in told:
        revised = link.relation is Relation.REVISION
        yield Disagreement(
            Conflict.REVISION if revised else kind, both, f"{why}; the second is later" if revised else why
        )


def _sum(one: Said) -> str:
    return _written(one.document, one.mention.amount) if one.mention.amount else "no sum"


def currency_signs(said: Sequence[Said]) -> list[Disagreement]:
    """Mentions of different documents with one figure in two currencies, by one actor or about one thing."""
    places: dict[tuple[Fraction, Fraction], list[Said]] = {}
    for one in said:
        amount = one.mention.amount
        if amount is not None and amount.kind is Kind.MONEY and amount.unit and _major(amount)[0] >= 1_000_000:
            places.setdefault(_major(amount), []).append(one)
    return [
        Disagreement(Conflict.CURRENCY, (a.mention, b.mention), f"{_sum(a)} in {a.document.name}, {_sum(b)} in {b.document.name}")
        for same in places.values()
        for a, b in combinations(same, 2)
        if a.document.sha256 != b.document.sha256 and agree(values_of(a.mention), values_of(b.mention)) is None
        and len(object_words(a.sentence) & object_words(b.sentence)) >= (2 if a.actor == b.actor != "" else 3)
    ]  # fmt: skip


# 6. Status


def claim_status(
    said: Sequence[Said],
    disagreements: Iterable[Disagreement] = (),
    *,
    copies: Mapping[str, str] | None = None,
    decided: ClaimStatus | None = None,
) -> ClaimStatus:
    """How a claim stands that `said` are the mentions of, the first one being the claim.

    What a person decided stands; only a person can decide `unsupported`. A claim is disputed where a finding of `DISPUTING`
    is about one of its mentions, or contradicts its sentence; it is corroborated where a document that is no copy says the
    same. `copies` gives for a document the one it is a copy of (the page itself, or absent, where it is none).
    """
    if decided is not None:
        return decided
    mentions = {one.mention for one in said}
    if any(d.kind in DISPUTING and (mentions & set(d.mentions) or _about(d, mentions)) for d in disagreements):
        return ClaimStatus.DISPUTED
    origin = copies or {}
    agreeing = [
        one
        for one in said
        if one.mention.stance is not Stance.OPINION
        and agree(values_of(said[0].mention), values_of(one.mention)) is not False
    ]
    documents = {origin.get(one.document.sha256, one.document.sha256) for one in agreeing}
    return ClaimStatus.CORROBORATED if len(documents) > 1 else ClaimStatus.CLAIMED


def _about(finding: Disagreement, mentions: Iterable[Mention]) -> bool:
    """Whether a finding about a place of a document lies in a mention's sentence."""
    return finding.span is not None and any(
        m.document == finding.document and m.sentence.start <= finding.span.start < m.sentence.end for m in mentions
    )
