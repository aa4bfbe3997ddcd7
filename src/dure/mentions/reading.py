"""From a document to its mentions: every sum, and every thing to be done, with who, when and how sure. Pure.

A mention is what one page says, no more. All its spans count in the document's text, and `text[start:end]` reproduces the
quote. An extractor that is plugged in may propose mentions too; `checked` lets through only what the text itself says.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, Protocol

from dure.actors.known import ACTORS, country_of
from dure.mentions.amounts import amounts, pairs
from dure.mentions.model import Amount, Document, Kind, Mention, Party, Period, Span, Stance
from dure.mentions.naming import MEMORY, Scan, country, scan
from dure.mentions.parties import Parties, parties_at, resolve
from dure.mentions.periods import periods
from dure.mentions.points import later
from dure.mentions.stance import PROMISING, Cue, cues, stance
from dure.mentions.text import sentences

LONGEST: Final = 2_000  # characters of a sentence
_STATES: Final = ("en-is", "ko-is")  # no verb of the past, and so of a time to come a plan
_BINDING: Final = ("en-budget", "ko-budget")  # for a time that is over, a report: "allocated ... between 2021 and 2023"
MOST: Final = 40  # sums of a sentence that are read: what has more is a table
_AHEAD: Final = ("by", "over", "next", "between")  # kinds of period that a promise is due in
_SAYINGS: Final = (
    "announced", "said", "unveiled", "signed", "told", "released", "reported", "promised", "pledged",
    "밝혔", "발표", "말했", "공개", "열린",
)  # fmt: skip
_SHARED_SIGNS: Final = (
    "$", "dollar", "£", "¥", "Rs", "rupee", "달러", "kron", "crown", "franc", "peso", "dinar", "pound", "riyal", "dirham", "shilling",
)  # fmt: skip
_COMING: Final = frozenset(
    ("en-will", "en-due", "en-plan", "en-plan-to", "en-aim", "ko-will", "ko-plan", "ko-aim", "ko-present")
)
_YEAR: Final = re.compile(r"\d{4}|['’]\d\d|올해|내년|작년|지난|last|this|next|previous|past")
_BESIDE: Final = 16  # characters between a sum and the period that touches it
_FISCAL: Final = re.compile(r"[Ff]iscal|[Ff]inancial year|FY|(?<!\d)20\d\d[-–/]\d\d(?!\d)")
_BASE_BEFORE: Final = re.compile(r"(?:현재|기존|종전|당초|원래)(?:의|에는|는)? ?(?:약 ?)?\Z")
_BASE_AFTER: Final = re.compile(
    r" (?:today|now|currently|at present|(?:a year |per year |annually )?(?:after that|thereafter|ongoing))(?![A-Za-z])"
)
_MONTH: Final = 31
_SMALL_UNITS: Final = ("KRW", "JPY", "VND", "IDR")  # a million of them is a price
_OPENING: Final = 4  # characters of a sentence within which a period governs all of it
_CLAUSE: Final = re.compile(
    r",? (?:while|whereas)(?= )|, but(?= )|,? and that(?= )|,? and (?:(?:it|they|then|also) ){0,2}(?:will|"
    r"(?:plan|aim|want|intend|hope|expect|seek)s? to)(?= )"
)
_AT_HEAD: Final = 12  # "In 2023, the ministry allocated": a period that opens a sentence belongs to all of it
_NEAR: Final = 400  # characters within which other sums count
_CLAUSES: Final = (", ", "; ", " while ", " which ", " and plans ", " aiming ", "하고 ", "하며 ", "으며 ", "해 ")
_MAYBE: Final = ("en-judge", "en-plans")  # rules of a milestone only where more speaks for it
_DIRECTION: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Extractor(Protocol):
    """Somebody else's reader of documents, such as a language model. What it proposes has to pass `checked`."""

    def propose(self, document: Document) -> Iterable[Mention]:
        """Mentions of a document, with spans that count in `document.text`."""
        ...


def mentions(document: Document, *, country: str = "") -> list[Mention]:
    """What a document says, in the order of its text.

    `country` (ISO 3166 alpha-2) decides whose a bare "$" is; without it the country that the text speaks of does.
    """
    found: list[Mention] = []
    scans = _Scans(document.text, sentences(document.text, document.prose))
    for at, span in enumerate(scans.spans):
        found.extend(_moved(one, document, span) for one in _said(scans, at, document, country))
    return found


@dataclass(slots=True)
class _Scans:
    """The sentences of a text, each scanned for names when somebody asks: most say nothing that is a mention."""

    text: str
    spans: Sequence[Span]
    scanned: dict[int, Scan] = field(default_factory=dict)

    def sentence(self, at: int) -> str:
        return self.text[self.spans[at].start : self.spans[at].end]

    def scan(self, at: int) -> Scan:
        if at not in self.scanned:
            self.scanned[at] = scan(self.sentence(at))
        return self.scanned[at]

    def earlier(self, at: int) -> list[Scan]:
        """Those that the words of a sentence may look back to."""
        return [self.scan(one) for one in range(max(0, at - MEMORY), at)]


def _said(scans: _Scans, at: int, document: Document, page: str) -> Iterator[Mention]:
    """The mentions of one sentence, with spans that count in it."""
    sentence = scans.sentence(at)
    dollars = not page and any(map(sentence.__contains__, _SHARED_SIGNS))
    sums = _sums(sentence, _country(scans.scan(at), scans.earlier(at)) if dollars else page)
    promising = not sums and _promises(scans, at)
    if not sums and not promising:
        return
    here, earlier = scans.scan(at), scans.earlier(at)
    times = periods(sentence, document.published, _of_fiscal_years(here, earlier, page))
    if not sums:
        milestone = _milestone(here, earlier, times, page)
        yield from [milestone] if milestone else []
        return
    spans = [one.span for one, _ in sums]
    everybody = parties_at(here, earlier, [span.start for span in spans], page)
    for (amount, other), who in zip(sums, everybody, strict=True):
        how, rule = stance(sentence, amount, None, who.actor)
        period = _period(sentence, amount.span, times, spans, how, document.published)
        if period is not None:
            how, rule = stance(sentence, amount, period, who.actor)
            period = _of_its_year(sentence, period, how, rule, document.published)
        if who.actor is None and period is None and not rule and not _weighty(amount):
            continue  # a price, a score: a sum that nobody is said to do anything with
        if rule in _BINDING and _is_past(period, document) and _is_term(sentence, amount, period):
            how = Stance.FACT
        elif rule in _STATES and _lies_ahead(period, document):
            how, rule = Stance.COMMITMENT, "ahead"  # "phase two brings 36 MW in 2029": what is to come is no fact yet
        yield _mention(who, amount, other, period, how, rule)


def _weighty(amount: Amount) -> bool:
    """Whether a sum is one of a programme even where nobody is said to do anything with it: no price, no score."""
    money = amount.kind is Kind.MONEY and amount.low >= 10 ** (8 + 2 * (amount.unit in _SMALL_UNITS))
    return money or (amount.unit in ("accelerators", "FLOP/s/10^9", "W") and amount.low >= 1000)


def _of_its_year(sentence: str, period: Period, how: Stance, rule: str, published: date | None) -> Period:
    """A day or month without a year as its verb has it: what will be done lies ahead of the page, what was done behind it."""
    if (
        published is None
        or period.until is None
        or period.months
        or _YEAR.search(sentence, period.span.start, period.span.end)
    ):
        return period
    begin = period.begin or period.until
    if rule in _COMING and period.until < published:
        return _years_on(period, 1)
    return _years_on(period, -1) if how is Stance.FACT and begin > published else period


def _years_on(period: Period, years: int) -> Period:
    begin, until = (day and later(day, 12 * years) for day in (period.begin, period.until))
    return replace(period, begin=begin, until=until)


def _lies_ahead(period: Period | None, document: Document) -> bool:
    """Whether a period begins after the page was published."""
    return bool(period and period.begin and document.published and period.begin >= document.published)


def _of_fiscal_years(here: Scan, earlier: Sequence[Scan], page: str) -> str:
    """The country whose fiscal years a sentence names, "" where it names none."""
    return (page or country(earlier, here)) if _FISCAL.search(here.sentence) else ""


def _promises(scans: _Scans, at: int) -> bool:
    """Whether a milestone is worth looking for: somebody is named, and a verb after the name promises."""
    names = scans.scan(at).names
    found = cues(scans.sentence(at)) if names else ()
    return any(one.start >= names[0].end and (one.rule in PROMISING or one.rule in _MAYBE) for one in found)


def _is_past(period: Period | None, document: Document) -> bool:
    """Whether a period was over when the page was published."""
    return bool(period and period.until and document.published and period.until < document.published)


def _is_term(sentence: str, amount: Amount, period: Period | None) -> bool:
    """Whether money is meant for a period: one of its own clause and of some length, not the month in which it was granted."""
    aside = period is not None and period.span.start > _AT_HEAD and "," in sentence[period.span.end : amount.span.start]
    if period is None or aside:
        return False
    return period.begin is None or period.until is None or (period.until - period.begin).days > 80


def _country(here: Scan, earlier: Sequence[Scan]) -> str:
    """Whose currency a sign means that several countries share: the actor's, else that of the country spoken of."""
    actor = parties_at(here, earlier, [None])[0].actor
    return (country_of(actor.known) if actor else "") or country(earlier, here)


def _sums(sentence: str, code: str) -> list[tuple[Amount, Amount | None]]:
    """The sums of a sentence, a sum in two currencies once; `code`: the country whose dollars they are."""
    return pairs(sentence, amounts(sentence, country=code))[:MOST]


def _mention(
    who: Parties, amount: Amount | None, other: Amount | None, period: Period | None, how: Stance, rule: str
) -> Mention:
    parts = [part for part in (amount, other) if part]
    flags = tuple(sorted({flag for part in parts for flag in part.flags}))
    return Mention(
        "", Span(0, 0), amount, other, period, who.actor, who.recipient, who.source, who.instrument, how, rule, flags
    )


def _milestone(here: Scan, earlier: Sequence[Scan], times: Sequence[Period], page: str) -> Mention | None:
    """A thing to be done without a sum: somebody acts, a verb promises, and an object follows; None where one is missing."""
    sentence = here.sentence
    who = parties_at(here, earlier, [None], page)[0]
    actor = who.actor
    if actor is None:
        return None
    how, rule = stance(sentence, None, None, actor)
    hoped = (
        how is Stance.OPINION
        and rule == "en-judge"
        and any(word in sentence for word in ("potential use", "potential for", "can be met"))
    )
    due_plan = rule == "en-plans" and any(time.kind in _AHEAD for time in times)
    if not hoped and not due_plan and (rule not in PROMISING or how not in (Stance.COMMITMENT, Stance.AIM)):
        return None
    cue = next((one for one in cues(sentence) if one.rule == rule and one.start >= actor.span.end), None)
    due = [time for time in times if time.kind in _AHEAD]
    if cue is None or not _told(here, actor, cue, bool(due)):
        return None
    due = due or [time for time in times if time.kind == "in" and time.span.start > cue.start]
    return _mention(who, None, None, due[0] if due else None, how, rule)


def _told(here: Scan, actor: Party, cue: Cue, due: bool) -> bool:
    """Whether it is the actor of whom the verb tells something, with an object: no quote between them, no mere owner."""
    sentence, between = here.sentence, here.sentence[actor.span.end : cue.start]
    if here.korean:
        return len(between.split()) >= 2 or due
    owner = between.startswith(("’s ", "'s ", "’ ", "' "))
    quoted = any(mark in between for mark in '“‘"') or (
        sentence[:1] in '“"' and "”" not in sentence[: actor.span.end] and not actor.known
    )
    goes_on = len(sentence[cue.end :].split()) >= 3
    return not quoted and (due or not owner or cue.rule == "en-judge") and len(between) < 160 and goes_on


def _period(
    sentence: str, at: Span, times: Sequence[Period], sums: Sequence[Span], how: Stance, published: date | None
) -> Period | None:
    """The period that belongs to a sum: the one that touches it, else the nearest in its clause, for a promise one ahead.

    The day on which something was said is none.
    """
    fit = [
        time for time in _around(at, times) if not _of_saying(sentence, time) and not _apart(sentence, at, time.span)
    ]
    if _BASE_BEFORE.search(sentence, max(0, at.start - 8), at.start) or _BASE_AFTER.match(sentence, at.end):
        return None
    near = [one for one in sums if abs(one.start - at.start) < _NEAR]
    fit = [time for time in fit if not _of_another(sentence, at, time, near)]
    touching = [time for time in fit if _touches(sentence, at, time, near)]
    ahead = [time for time in fit if time.kind in _AHEAD or (published and time.begin and time.begin > published)]
    if touching:
        fit = touching
    elif how in (Stance.COMMITMENT, Stance.AIM) and ahead:
        fit = ahead
    return min(fit, key=lambda time: _distance(sentence, at, time, near), default=None)


def _of_another(sentence: str, at: Span, time: Period, sums: Sequence[Span]) -> bool:
    """Whether a period stands in another clause that has a sum of its own: "$2 billion, and will train 500 by 2027"."""
    left = time.span.end <= at.start
    start, end = (time.span.end, at.start) if left else (at.end, time.span.start)
    found = None if time.span.start < _OPENING else _CLAUSE.search(sentence, start, end)
    if found is None:
        return False
    low, high = (0, found.start()) if left else (found.end(), len(sentence))
    return any(low <= one.start < high for one in sums)


def _touches(sentence: str, at: Span, time: Period, sums: Sequence[Span]) -> bool:
    """Whether a period stands right beside a sum where its language puts it: "$2 billion in 2027", "내년 2조 원"."""
    left = time.span.end <= at.start
    between = sentence[time.span.end : at.start] if left else sentence[at.end : time.span.start]
    if left is not _in_korean(sentence, time) or len(between) > _BESIDE:
        return False
    start = min(time.span.end, at.end)
    return not any(mark in between for mark in ",;.") and not any(
        start <= one.start < max(time.span.start, at.start) for one in sums
    )


def _in_korean(sentence: str, time: Period) -> bool:
    return any("가" <= letter <= "힣" for letter in sentence[time.span.start : time.span.end])


def _apart(sentence: str, one: Span, other: Span) -> bool:
    """Whether a semicolon stands between two parts of a sentence."""
    return ";" in sentence[min(one.end, other.end) : max(one.start, other.start)]


def _around(at: Span, times: Sequence[Period]) -> list[Period]:
    """The periods next to a place, a few on each side, so that a sentence of nothing but sums and years stays cheap."""
    middle = bisect_left([time.span.start for time in times], at.start)
    return list(times[max(0, middle - 6) : middle + 6])


def _of_saying(sentence: str, time: Period) -> bool:
    """Whether a period tells when something was said rather than when it is due."""
    if time.kind not in ("on", "in"):
        return False
    after = sentence[time.span.end : time.span.end + 48]
    before = sentence[max(0, time.span.start - 14) : time.span.start]
    short = time.kind == "on" or bool(time.begin and time.until and (time.until - time.begin).days <= _MONTH)
    ends = after.split(",", 2)[:2] if short else []
    return (
        any(word in part for part in ends for word in _SAYINGS)
        or any(before.rstrip().endswith(word) for word in _SAYINGS)
        or any(after.strip().startswith(word) for word in _SAYINGS)
    )


def _distance(sentence: str, at: Span, time: Period, sums: Sequence[Span]) -> int:
    """How far a period stands from a sum: characters between them, more across a clause or another sum, more on the
    side where its language does not put it (English: left, Korean: right)."""
    left = time.span.end <= at.start
    start, end = (time.span.end, at.start) if left else (at.end, time.span.start)
    between = sentence[start:end]
    clauses = sum(between.count(mark) for mark in _CLAUSES)
    others = sum(start <= one.start < end for one in sums)
    return len(between) + 60 * clauses + 25 * others + 15 * (left is not _in_korean(sentence, time))


def _moved(one: Mention, document: Document, sentence: Span) -> Mention:
    """A mention with spans that count in the document, and its flags."""

    def party(who: Party | None) -> Party | None:
        return who and replace(who, span=who.span.moved(sentence.start))

    def amount(part: Amount | None) -> Amount | None:
        return part and replace(part, span=part.span.moved(sentence.start))

    period = one.period and replace(one.period, span=one.period.span.moved(sentence.start))
    return replace(
        one,
        document=document.sha256,
        sentence=sentence,
        amount=amount(one.amount),
        other=amount(one.other),
        period=period,
        actor=party(one.actor),
        recipient=party(one.recipient),
        source=party(one.source),
        flags=_flags(one, document, sentence),
    )


def _flags(one: Mention, document: Document, sentence: Span) -> tuple[str, ...]:
    """The flags of a mention: of its sums, of its deadline, and those of the document that touch the sentence."""
    flags = set(one.flags)
    if one.stance in (Stance.COMMITMENT, Stance.AIM) and _is_past(one.period, document):
        flags.add("deadline_before")
    if "hidden" in document.flags:
        flags.add("hidden")
    if _DIRECTION.intersection(document.text[sentence.start : sentence.end]):
        flags.add("bidi")
    return tuple(sorted(flags))


def checked(document: Document, proposals: Iterable[Mention], *, country: str = "") -> tuple[list[Mention], list[str]]:
    """The proposals that the text bears out, in the order of the text, and for each of the others the reason of its refusal.

    `country` is that of the page, as in `mentions`.
    """
    passed: list[Mention] = []
    refused: list[str] = []
    spans = sentences(document.text, document.prose)
    for number, proposal in enumerate(proposals, 1):
        why = _fault(document, proposal, spans, country)
        if why:
            refused.append(f"proposal {number}: {why}")
        else:
            passed.append(proposal)
    return sorted(passed, key=lambda one: (one.sentence.start, one.amount.span.start if one.amount else 0)), refused


def _fault(document: Document, proposal: object, spans: Sequence[Span], page: str) -> str:
    """What is wrong with a proposal, or ""."""
    if not isinstance(proposal, Mention):
        return "no mention"
    if proposal.document != document.sha256:
        return "of another document"
    whole = proposal.sentence
    if not 0 <= whole.start < whole.end <= len(document.text):
        return "its sentence lies outside the text"
    if whole.end - whole.start > LONGEST:
        return f"its sentence is longer than {LONGEST:,} characters"
    if not any(start <= whole.start and whole.end <= end for start, end in document.prose):
        return "its sentence is no prose of the page"
    for name in ("amount", "other", "period", "actor", "recipient", "source"):
        part = getattr(proposal, name)
        if part is not None and not whole.start <= part.span.start < part.span.end <= whole.end:
            return f"its {name} lies outside its sentence"
    return _value_fault(document, proposal, spans, page)


def _value_fault(document: Document, proposal: Mention, spans: Sequence[Span], page: str) -> str:
    start = proposal.sentence.start
    sentence = proposal.quote(document.text)
    earlier = [scan(document.text[one.start : one.end]) for one in [s for s in spans if s.end <= start][-MEMORY:]]
    here = scan(sentence)
    for amount in (proposal.amount, proposal.other):
        if amount is not None and not _amount_holds(amount, here, earlier, start):
            return f"the text does not say {amount.low} to {amount.high} {amount.unit or 'of an unknown currency'}"
    if proposal.amount is None and proposal.other is not None:
        return "a second sum without a first"
    if proposal.period is not None and not _period_holds(document, proposal.period, here, earlier, start):
        return "the text does not give its dates"
    for party in (proposal.actor, proposal.recipient, proposal.source):
        if party is not None and party.known and not _party_holds(party, here, earlier, start, page):
            return f"{document.text[party.span.start : party.span.end]!r} is not {party.known!r}"
    return ""


def _value(one: Amount) -> tuple[object, ...]:
    return one.kind, one.low, one.high, one.unit


def _amount_holds(amount: Amount, here: Scan, earlier: Sequence[Scan], start: int) -> bool:
    span = amount.span.moved(-start)
    read = [one for pair in _sums(here.sentence, _country(here, earlier)) for one in pair if one is not None]
    there = [one for one in read if one.span.start < span.end and span.start < one.span.end]
    if there:
        return any(_value(one) == _value(amount) and one.bound is amount.bound for one in there)
    own = amounts(here.sentence[span.start : span.end])
    return len(own) == 1 and _value(own[0]) == _value(amount)


def _period_holds(document: Document, period: Period, here: Scan, earlier: Sequence[Scan], start: int) -> bool:
    sentence, span = here.sentence, period.span.moved(-start)
    fiscal = _of_fiscal_years(here, earlier, "")
    wanted = (period.begin, period.until, period.months)
    there = [
        one
        for one in periods(sentence, document.published, fiscal)
        if one.span.start < span.end and span.start < one.span.end
    ]
    own = there or periods(sentence[span.start : span.end], document.published)
    if document.published is not None and _YEAR.search(sentence, span.start, span.end) is None:
        own = [moved for one in own for moved in (one, _years_on(one, 1), _years_on(one, -1))]
    return any((one.begin, one.until, one.months) == wanted for one in own)


def _party_holds(party: Party, here: Scan, earlier: Sequence[Scan], start: int, page: str) -> bool:
    span = party.span.moved(-start)
    inside = [name for name in here.names if name.start < span.end and span.start < name.end]
    return party.known in ACTORS and any(resolve(name, here, earlier, page) == party.known for name in inside)
