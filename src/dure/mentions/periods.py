"""When: deadlines, periods and dates of a sentence, in English and Korean. No year is invented.

A date that stands in full is what it says. One that leans on the day the page came out ("next year", "over the next four
years", "August 5") is worked out from `published`; without it, the period says that it needs it. A day without a year is
the one nearest to the publication. "by 2030" ends on the last day of 2030, "before 2030" on the last of 2029. A fiscal
year is that of its country, the calendar year of its number where none is known; "early", "mid" and "late" are four months each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from dure.mentions.lengths import joined, lengths
from dure.mentions.model import Period, Span
from dure.mentions.points import YEAR, Point, has, later, named


def periods(sentence: str, published: date | None, country: str = "") -> list[Period]:
    """All periods of a sentence, in order, without overlaps; `country` (ISO 3166) is whose fiscal years they are."""
    points = [*named(sentence, published, country), *_elided(sentence, published)]
    found = [*lengths(sentence, published), *_ranges(sentence, points), *_leaning(sentence, points, published)]
    found.sort(key=lambda one: (one.span.start, -one.span.end))
    kept: list[Period] = []
    for one in found:
        if kept and _repeats(sentence, kept[-1], one):
            continue
        if not kept or one.span.start >= kept[-1].span.end:
            kept.append(one)
        elif one.span.end - one.span.start > kept[-1].span.end - kept[-1].span.start:
            kept[-1] = one
    return joined(sentence, kept)


_OPENED: Final = re.compile(r"[ ]?\((?:\d{1,2}(?:월)?[-~∼–])?\Z")


def _repeats(sentence: str, first: Period, second: Period) -> bool:
    """Whether a period in brackets says once more what is known already: "내년 상반기(1~6월)"."""
    known = first.begin is not None or first.until is not None
    return known and _OPENED.fullmatch(sentence[first.span.end : second.span.start][:8]) is not None


_NEXT: Final = re.compile(r"(?<=this year )[^.;]{1,60}?(?<!the )(?P<next>next)(?=[ ]?[,.;)]|[ ]and[ ]|\Z)")


def _elided(text: str, published: date | None) -> Iterator[Point]:
    """The year of "next" after "this year": "4,000 this year and 9,000 next"."""
    for match in _NEXT.finditer(text) if "this year " in text else ():
        for one in named("next year", published):
            yield replace(one, start=match.start("next"), end=match.end("next"))


# What leans on a point

_BEFORE: Final = re.compile(
    r"(?:^|[^A-Za-z])(?P<word>by|before|no later than|not later than|until|till|through|"
    r"no earlier than|no sooner than|through to|not until|not before|towards?|due|(?:target|date|deadline)(?: date)? of|"
    r"(?:now|out|years?|period|horizon|plan|strategy|roadmap|programme|running|extending) (?:up )?to|"
    r"now (?:and|until)|compared (?:to|with)|relative to|versus|than(?: in)?|"
    r"up to|up until|ahead of|prior to|in|on|during|throughout|since|from|after|beyond|"
    r"starting in|"
    r"starting from|starting|beginning in|beginning|as of|as early as|for|within|"
    r"over|of|between|around|across|effective|the|as soon as|at|into|to)[ ](?:around |about |"
    r"roughly |as early as |the year |at the |the |at )?\Z",
    re.I,
)
_LATEST: Final = frozenset(
    ("by", "no later than", "not later than", "until", "till", "through", "through to", "up to", "up until", "within")
)
_EARLIER: Final = frozenset(("before", "ahead of", "prior to"))
_ONWARDS: Final = frozenset((
    "since", "from", "starting in", "starting from", "starting", "beginning in", "beginning", "as of", "as early as", "effective",
    "no earlier than", "no sooner than", "not until", "not before",
))  # fmt: skip
_NOT: Final = re.compile(r"(?:not|n't|n’t) [a-z]{1,12} until ", re.IGNORECASE)
_BASES: Final = ("compared to", "compared with", "relative to", "versus", "than", "than in")
_TARGET: Final = re.compile(r"[ -](?:target|goal|deadline|objective|horizon|ambition|completion)s?(?![A-Za-z])")
_NO_PERIOD: Final = re.compile(r"[ ](?:levels?|baselines?|prices)(?![A-Za-z])")
_KO_NO_PERIOD: Final = re.compile(r"[ ]?(?:대비|에서(?![ ]?열)|보다|에 비해)")
_INSIDE: Final = frozenset(
    (
        "in",
        "on",
        "during",
        "throughout",
        "for",
        "over",
        "around",
        "across",
        "due",
        "toward",
        "towards",
        "as soon as",
        "at",
        "into",
    )
)
_KO_AFTER: Final = re.compile(
    r"(?P<by>(?:께|쯤|경)?[ ]?(?:까지|이내|내에|내로|내(?![가-힣])|안에|안으로|중으로)|"
    r"으로(?=[ ](?:[가-힣0-9 ]{0,8})(?:앞당|늦|미루|미뤄|연기|당겨)))|(?P<before>[ ]?(?:이전|"
    r"전)(?:까지|에)?)|(?P<since>[ ]?(?:부터|이후|이래))|(?P<in>[ ]?(?:에는|에도|"
    r"에|중|의|을|엔|은|는|도|목표))"
)


def _leaning(text: str, points: list[Point], published: date | None) -> Iterator[Period]:
    """Each point with the words around it that say how it is meant."""
    for one in points:
        korean_end = "가" <= text[one.end - 1] <= "힣"
        if (_KO_NO_PERIOD if korean_end else _NO_PERIOD).match(text, one.end):
            continue
        korean = _KO_AFTER.match(text, one.end) if korean_end else None
        yearless = published is not None and _yearless(text, one)
        if yearless and published is not None:
            said = text[max(0, one.start - 3) : one.start]
            due = said == "오는 " or (korean is not None and bool(korean["by"]))
            one = _turned(one, published, due, said == "지난 ")
        if korean is not None:
            yield _korean_leaning(one, korean)
            continue
        left = text[max(0, one.start - 28) : one.start]
        before = _BEFORE.search(left)
        word = before["word"].lower() if before else ""
        start = one.start - (len(left) - before.start("word")) if before else one.start
        if word == "until" and _NOT.search(left) is not None:
            word = "not until"
        if yearless and published is not None:
            one = _turned(one, published, word in _LATEST, word == "since")
        if word.endswith(" to") and word not in _LATEST:
            start = one.start - (len(left) - before.end("word")) - 2 if before else start
        if one.bare and _TARGET.match(text, one.end):
            word, start = "by", one.start
        found = _with_word(one, word, start)
        if found is not None:
            yield found


def _turned(one: Point, published: date, due: bool, past: bool) -> Point:
    """A point without a year in the year that its words ask for: what is due lies ahead, what has been lies behind."""
    if one.begin is None or one.until is None:
        return one
    months = 12 if due and one.until < published else -12 if past and one.begin > published else 0
    begin, until = later(one.begin, months), later(one.until, months)
    return replace(one, begin=begin, until=until) if months and begin and until else one


def _with_word(one: Point, word: str, start: int) -> Period | None:
    """A point behind an English preposition, or alone; None where it is no time (a year in a name)."""
    period = Period(Span(one.start, one.end), one.kind, one.begin, one.until, 0, one.unresolved)
    if word in _BASES or (word == "on" and one.bare):
        return None
    if (
        word in _LATEST
        or word.endswith(" to")
        or word.startswith(("target", "date", "deadline"))
        or word.startswith("now ")
    ):
        until = one.middle or one.until
        return replace(period, span=Span(start, one.end), kind="by", begin=None, until=until)
    if word in _EARLIER and one.late:
        return replace(period, span=Span(start, one.end), kind="by", begin=None)
    if word in _EARLIER:
        until = one.begin - timedelta(days=1) if one.begin and one.begin > date.min else None
        return replace(period, span=Span(start, one.end), kind="by", begin=None, until=until)
    if word in _ONWARDS:
        return replace(period, span=Span(start, one.end), kind="between", until=None)
    if word in ("after", "beyond"):
        begin = one.until + timedelta(days=1) if one.until and one.until < date.max else None
        return replace(period, span=Span(start, one.end), kind="between", begin=begin, until=None)
    if word in _INSIDE:
        return replace(period, span=Span(start, one.end))
    return None if one.bare else period


def _korean_leaning(one: Point, after: re.Match[str]) -> Period:
    period = Period(Span(one.start, after.end()), one.kind, one.begin, one.until, 0, one.unresolved)
    if after["by"]:
        return replace(period, kind="by", begin=None)
    if after["before"]:
        return replace(
            period,
            kind="by",
            begin=None,
            until=one.begin - timedelta(days=1) if one.begin and one.begin > date.min else None,
        )
    if after["since"]:
        return replace(period, kind="between", until=None)
    return replace(period, span=Span(one.start, one.end))


_TO: Final = re.compile(r"[ ]?(?:-|–|—|~|∼|～|to|and|through|until|till|부터|에서)[ ]?(?:the )?")
_FROM: Final = re.compile(r"(?:^|[^A-Za-z])(?P<word>from|between|in|over|during|for|of)[ ](?:the )?\Z", re.I)
_KO_YEARS: Final = re.compile(
    r"(?<![\d,.])(?P<a>(?:19|20|21)\d\d)(?:년)?[ ]?(?:-|–|~|∼|～|부터|에서)[ ]?(?P<b>(?:(?:19|"
    r"20|21)\d\d|\d\d))년(?:도)?(?:까지)?"
)
_SHORT_YEARS: Final = re.compile(
    r"['’‘](?P<a>[0-4]\d)(?:년)?[ ]?(?:-|–|~|∼|～|부터)[ ]?['’‘](?P<b>[0-4]\d)(?!\d)(?:년(?![간대]))?(?:까지)?"
)
_WORD_YEARS: Final = re.compile(rf"(?P<a>{YEAR})[ ]?[-–—~][ ]?(?P<b>(?:19|20|21)\d\d)(?![\d%-])(?![,.]\d)(?!년)")


def _ranges(text: str, points: list[Point]) -> Iterator[Period]:
    """Two points that are the ends of one period."""
    digits = has(text, ("19", "20", "21"))
    short = has(text, ("'", "’", "‘"))
    for pattern in ((_KO_YEARS, _WORD_YEARS) if digits else ()) + ((_SHORT_YEARS,) if short else ()):
        for match in pattern.finditer(text):
            first, second = int(match["a"]) + (2000 if pattern is _SHORT_YEARS else 0), int(match["b"])
            last = second if second > 99 else first // 100 * 100 + second
            if first < last:
                yield Period(
                    Span(_from(text, match.start()), match.end()), "between", date(first, 1, 1), date(last, 12, 31)
                )
    for one, two in pairwise(points):
        joint = _TO.fullmatch(text, one.end, two.start) if two.start - one.end <= 14 else None
        if two.start - one.end <= 5 and _following(text, one, two):
            yield Period(Span(_from(text, one.start), two.end), "between", one.begin, two.until)
        if joint is None or (_spans(one) != _spans(two)) or (_spans(one) and not _budget_years(one, two)):
            continue
        one, two = _of_one_year(text, one, two)
        start = _from(text, one.start)
        written = text[start : one.start].lower()
        if ("and" in joint.group() and "between" not in written) or (one.bare and two.bare and start == one.start):
            continue
        if one.begin and two.until and one.begin > two.until:
            continue
        end = two.end + (2 if text.startswith("까지", two.end) else 0)
        yield Period(Span(start, end), "between", one.begin, two.until, 0, one.unresolved or two.unresolved)


def _spans(one: Point) -> bool:
    return one.kind == "between"


def _budget_years(one: Point, two: Point) -> bool:
    """Whether two points are years named by two numbers, such as 2025-26."""
    return all(
        point.begin is not None and point.until is not None and point.until.year - point.begin.year == 1
        for point in (one, two)
    )


_WITH_YEAR: Final = re.compile(r"(?:19|20|21)\d\d|['’‘]\d\d")
_LEANING: Final = re.compile("올|내년|금년|작년|지난|후년|다음|이번|year|next|last|this|decade", re.IGNORECASE)


def _yearless(text: str, one: Point) -> bool:
    """Whether a point names no year, nor leans on one: "March", "1분기"."""
    written = text[one.start : one.end]
    return _WITH_YEAR.search(written) is None and _LEANING.search(written) is None


def _of_one_year(text: str, one: Point, two: Point) -> tuple[Point, Point]:
    """Two ends of a range of which one names the year for both: "April to June 2027", "2027년 3월부터 9월까지"."""
    korean = "가" <= text[two.end - 1] <= "힣"
    bare, dated = (two, one) if korean else (one, two)
    year = _WITH_YEAR.search(text, dated.start, dated.end)
    if year is None or len(year.group()) != 4 or not _yearless(text, bare):
        return one, two
    written = text[bare.start : bare.end]
    again = [f"{year.group()}년 {written}"] if korean else [f"{written} {year.group()}", f"{written} of {year.group()}"]
    found = next((points[0] for form in again if len(points := named(form, None)) == 1 and points[0].begin), None)
    if found is None:
        return one, two
    filled = replace(found, start=bare.start, end=bare.end)
    return (one, filled) if korean else (filled, two)


def _following(text: str, one: Point, two: Point) -> bool:
    """Whether two years that follow each other are named as one period: "in 2026 and 2027", "올해와 내년"."""
    joint = text[one.end : two.start].strip()
    if joint not in ("and", "와", "과", "및") or not (one.begin and one.until and two.begin and two.until):
        return False
    whole = (one.until - one.begin).days > 360 and (two.until - two.begin).days > 360
    alone = joint == "and" and text[max(0, one.start - 3) : one.start] != "in " and _from(text, one.start) == one.start
    return whole and not alone and two.begin.year == one.begin.year + 1


def _from(text: str, start: int) -> int:
    """Where "from" or "between" before a point begins, or the point itself."""
    left = text[max(0, start - 14) : start]
    match = _FROM.search(left)
    return start - (len(left) - match.start("word")) if match else start
