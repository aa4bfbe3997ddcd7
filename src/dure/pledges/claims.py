"""How far to believe what documents say: what is odd in one, what several disagree about, and the status of a claim.

A finding is a reason to look, in a sentence; nothing here changes what a document says or makes a fact of it. What needs
rates of exchange takes `Rates`, so that this module reads no file (`dure.formats.rates` has the European Central Bank's).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from itertools import combinations, product
from typing import Final

from dure.mentions.model import Amount, Document, Kind, Mention, Span, Stance
from dure.pledges.attribution import contradicting, misattributions
from dure.pledges.exchange import OFF_MILLI, Rates, major
from dure.pledges.identifiers import identifiers
from dure.pledges.linking import Relation, Said, Suggestion, agree, kin, object_words, same_sum, values_of
from dure.pledges.model import ClaimStatus
from dure.pledges.totals import faulty_totals


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
    EARLY = "deadline_before"  # the deadline lies before the page's own date
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


def implied_fault(document: Document, mention: Mention, rates: Rates, since: date | None = None) -> str:
    """Why the two sums of a mention cannot be the same money; "" where they can, or nothing is known.

    `since`: the page is not older, where its date is unknown (`written_since`); None: it may be as old as the rates.
    """
    first, second = mention.amount, mention.other
    if first is None or second is None or {first.kind, second.kind} != {Kind.MONEY}:
        return ""
    if not first.unit or not second.unit or first.unit == second.unit or min(first.low, second.low) <= 0:
        return ""
    sums = [(first, _major(first)), (second, _rounded(*_major(second)))]
    # the dearer currency is the one of which there is less: 1 USD = 1,400 KRW reads better than 1 KRW = 0.0007 USD
    (less, of), (more, into) = sorted(sums, key=lambda one: _major(one[0])[0])
    implied = (into[0] / of[1], into[1] / of[0])
    worth = _shown(_major(more)[0] / _major(less)[0])
    said = f"{_written(document, more)} for {_written(document, less)} is {worth} {more.unit} a {less.unit}"
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
    return major(amount.low, amount.unit), major(amount.high, amount.unit)


def _rounded(low: Fraction, high: Fraction) -> tuple[Fraction, Fraction]:
    """What a converted sum may stand for: one that is written with a single digit ("$70 million") is rounded to it."""
    digits = str(low)
    if low != high or not digits.isdecimal() or len(digits.rstrip("0")) > 1:
        return low, high
    half = Fraction(10 ** (len(digits) - 1), 20 if digits[0] == "1" else 2)  # nobody writes 100 for 149
    return low - half, low + half


def _written(document: Document, amount: Amount) -> str:
    return document.text[amount.span.start : amount.span.end]


def _shown(rate: Fraction) -> str:
    return f"{float(rate):,.1f}" if rate >= 100 else f"{float(rate):.4f}"


# 2. One document


def of_document(document: Document, mentions: Sequence[Mention], rates: Rates | None = None) -> list[Disagreement]:
    """All findings within one document, rates first."""
    return [
        *(_rates(document, mentions, rates) if rates is not None else ()),
        *(
            Disagreement(Conflict.ATTRIBUTION, (), found.why, document.sha256, found.span)
            for found in misattributions(document)
        ),
        *(
            Disagreement(Conflict.PARTS, found, why, document.sha256, found[0].sentence)
            for found, why in faulty_totals(document, mentions)
        ),
        *_signs(document, mentions),
        *_references(document),
        *(found for m in mentions for found in _vague(document, m)),
    ]


def _rates(document: Document, mentions: Sequence[Mention], rates: Rates) -> Iterator[Disagreement]:
    pairs = [mention for mention in mentions if mention.other is not None]
    since = written_since(document, mentions, rates.last_day) if pairs and not document.published else None
    for mention in pairs:
        why = implied_fault(document, mention, rates, since)
        if why:
            yield Disagreement(Conflict.RATE, (mention,), why, document.sha256, mention.sentence)


def _references(document: Document) -> Iterator[Disagreement]:
    for found in identifiers(document.text):
        if found.fault:
            why = f"{found.scheme} {found.written}: {found.fault}"
            yield Disagreement(Conflict.REFERENCE, (), why, document.sha256, found.span)


def _vague(document: Document, mention: Mention) -> Iterator[Disagreement]:
    if mention.stance not in (Stance.COMMITMENT, Stance.AIM):
        return
    period = mention.period
    if period and period.until and document.published and period.until < document.published:
        why = f"{period.until} lies before the page's date, {document.published}"
        yield Disagreement(Conflict.EARLY, (mention,), why, document.sha256, mention.sentence)
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


# 3. Currency signs

_SIGNS: Final = {
    ("$", "dollars", "달러"): ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "BRL"),
    ("€", "euros", "유로"): ("EUR",), ("£", "pounds", "파운드"): ("GBP",), ("₩", "won", "원"): ("KRW",),
    ("¥", "yen", "엔"): ("JPY", "CNY"), ("₹", "rupees", "루피"): ("INR",),
}  # fmt: skip
_UNITS_OF: Final = {sign: units for signs, units in _SIGNS.items() for sign in signs}
_TENS: Final = {"trillion": 12, "billion": 9, "million": 6, "tn": 12, "bn": 9, "조": 12, "억": 8}
_FIGURE: Final = rf"(?P<digits>\d[\d.,]{{0,20}})[ -]?(?P<size>{'|'.join(_TENS)})"
_WORDS: Final = "|".join(sign for signs in _SIGNS for sign in signs[1:])
_SIGNED: Final = re.compile(rf"(?P<before>[$€£₩¥₹])?(?<![\d.,]){_FIGURE}(?:[ -]?(?P<after>{_WORDS})(?![a-z]))?", re.I)


def _signs(document: Document, mentions: Sequence[Mention]) -> Iterator[Disagreement]:
    """Sums whose very figure stands elsewhere on the page, headlines included, with another currency's sign.

    Of a round figure ("1 billion") another sum may well be: there its line has to speak of the same thing.
    """
    signed: dict[Fraction, dict[str, Span]] = {}
    for match in _SIGNED.finditer(document.text):
        sign, value = match["before"] or (match["after"] or "").lower(), _figure(match["digits"], match["size"])
        if sign and value is not None:
            signed.setdefault(value, {}).setdefault(sign, Span(*match.span()))
    for mention in mentions:
        amount = mention.amount
        if amount is None or amount.kind is not Kind.MONEY or not amount.unit or amount.low != amount.high:
            continue
        own = [part.span for part in (amount, mention.other) if part is not None]
        for sign, span in signed.get(_major(amount)[0], {}).items():
            if amount.unit in _UNITS_OF[sign] or any(o.start - 3 <= span.start < o.end for o in own):
                continue
            if len(str(_major(amount)[0]).rstrip("0")) > 1 or _of_one_thing(document.text, span, mention):
                written = document.text[span.start : span.end]
                why = f"{written} stands on the page, too: one of the two is in the wrong currency"
                yield Disagreement(Conflict.CURRENCY, (mention,), why, document.sha256, span)


def _figure(digits: str, size: str) -> Fraction | None:
    """The value of "1.4" and "trillion"; None where the digits are no number."""
    plain = digits.replace(",", "").rstrip(".")
    return Fraction(plain) * 10 ** _TENS[size.lower()] if plain.count(".") < 2 else None


def _of_one_thing(text: str, place: Span, mention: Mention) -> bool:
    """Whether the line of a place shares two words with a mention's sentence."""
    line = text[max(text.rfind("\n", 0, place.start), place.start - 300) + 1 : place.end + 300].partition("\n")[0]
    return len(object_words(line) & object_words(mention.quote(text))) > 1


# 4. Several documents


_TOLD: Final = 5  # contradictions that are told of a mention: a hundred pages that all differ would make ten thousand


def between(said: Sequence[Said], links: Iterable[Suggestion]) -> list[Disagreement]:
    """What linked mentions contradict each other in: sums, dates, actors; and the revisions among them.

    Of a mention that contradicts many, the first few are told (in the order of `links`, so the closest); a link is left out only
    where both of its mentions have had theirs.
    """
    told: Counter[int] = Counter()
    found: list[Disagreement] = []
    for link in links:
        if min(told[link.first], told[link.second]) < _TOLD:
            new = list(_between(said[link.first], said[link.second], link))
            told.update({link.first: len(new), link.second: len(new)})
            found += new
    return found


def _between(a: Said, b: Said, link: Suggestion) -> Iterator[Disagreement]:
    both = (a.mention, b.mention)
    known = [s.mention.actor.known for s in (a, b) if s.mention.actor and s.mention.actor.known]
    if len(known) == 2 and not kin(*known) and a.document.sha256 != b.document.sha256:
        yield Disagreement(
            Conflict.ACTOR, both, f"{a.document.name} gives to {known[0]} what {b.document.name} gives to {known[1]}"
        )
    first, second = (s.mention.period.until if s.mention.period else None for s in (a, b))
    told = []
    if link.same_sum is False:
        told.append((Conflict.AMOUNT, f"{_sum(a)} in {a.document.name}, {_sum(b)} in {b.document.name}"))
    if first is not None and second is not None and first != second:
        told.append((Conflict.DEADLINE, f"by {first} in {a.document.name}, by {second} in {b.document.name}"))
    for kind, why in told:
        revised = link.relation is Relation.REVISION
        yield Disagreement(
            Conflict.REVISION if revised else kind, both, f"{why}; the second is later" if revised else why
        )


def credited_elsewhere(documents: Iterable[Document]) -> list[Disagreement]:
    """Places that credit a company with what another document gives to another; each place with what contradicts it."""
    return [
        Disagreement(
            Conflict.ATTRIBUTION, (), f"the page says “{one.said}”, {other.document.name} says “{other.said}”",
            one.document.sha256, one.span,
        )
        for pair in contradicting(documents)
        for one, other in (pair, pair[::-1])
    ]  # fmt: skip


def _sum(one: Said) -> str:
    return _written(one.document, one.mention.amount) if one.mention.amount else "no sum"


def currency_signs(said: Sequence[Said]) -> list[Disagreement]:
    """Mentions of different documents with one figure in two currencies, by one actor or about one thing."""
    places: dict[tuple[Fraction, Fraction], dict[str, list[Said]]] = {}
    for one in said:
        amount = one.mention.amount
        if amount is not None and amount.kind is Kind.MONEY and amount.unit and _major(amount)[0] >= 1_000_000:
            places.setdefault(_major(amount), {}).setdefault(amount.unit, []).append(one)
    return [
        Disagreement(Conflict.CURRENCY, (a.mention, b.mention), f"{_sum(a)} in {a.document.name}, {_sum(b)} in {b.document.name}")
        for by_unit in places.values()
        for some, others in combinations(by_unit.values(), 2)
        for a, b in product(some[-_COMPARED:], others[-_COMPARED:])
        if a.document.sha256 != b.document.sha256 and agree(values_of(a.mention), values_of(b.mention)) is None
        and len(object_words(a.sentence) & object_words(b.sentence)) >= (2 if a.actor == b.actor != "" else 3)
    ]  # fmt: skip


_COMPARED: Final = 30  # mentions of one figure in one currency that are compared with those in another


# 5. Status


def claim_status(
    said: Sequence[Said],
    disagreements: Iterable[Disagreement] = (),
    *,
    copies: Mapping[str, str] | None = None,
    rates: Rates | None = None,
) -> ClaimStatus:
    """How a claim stands, before a person decides, that `said` are the mentions of, the first one being the claim.

    It is disputed where a finding of `DISPUTING` is about one of its mentions, or contradicts its sentence; corroborated where
    another mention `bears_out` the first. Only a person can find it unsupported.
    """
    mentions = {one.mention for one in said}
    if any(d.kind in DISPUTING and (mentions & set(d.mentions) or _about(d, mentions)) for d in disagreements):
        return ClaimStatus.DISPUTED
    borne_out = any(bears_out(said[:1], one, copies=copies, rates=rates) for one in said[1:])
    return ClaimStatus.CORROBORATED if borne_out else ClaimStatus.CLAIMED


def bears_out(
    said: Sequence[Said], other: Said, *, copies: Mapping[str, str] | None = None, rates: Rates | None = None
) -> bool:
    """Whether a mention makes more credible what `said` are the mentions of, the first one being the claim.

    It does where it is no opinion, names no other sum, and its document is none of theirs, no copy of one, and of none of
    their publishers. `copies` gives for a document the one it is a copy of (itself, or absent, where it is none).
    """
    origin = copies or {}
    theirs = {origin.get(one.document.sha256, one.document.sha256) for one in said}
    publishers = {publisher(one.document) for one in said} - {""}
    if not said or other.mention.stance is Stance.OPINION:
        return False
    if origin.get(other.document.sha256, other.document.sha256) in theirs or publisher(other.document) in publishers:
        return False
    return same_sum(said[0], other, rates) is not False


def publisher(document: Document) -> str:
    """The host of the address that a document came from; "" where its name is no address."""
    found = _HOST.match(document.name)
    return found[1].lower() if found else ""


_HOST: Final = re.compile(r"https?://(?:www\.)?([A-Za-z0-9.-]{1,253})", re.I)


def _about(finding: Disagreement, mentions: Iterable[Mention]) -> bool:
    """Whether a finding about a place of a document lies in a mention's sentence."""
    return finding.span is not None and any(
        m.document == finding.document and m.sentence.start <= finding.span.start < m.sentence.end for m in mentions
    )
