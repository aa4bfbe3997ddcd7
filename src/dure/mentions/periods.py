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
from fractions import Fraction
from itertools import pairwise
from typing import Final

from dure.mentions.model import Period, Span
from dure.mentions.numerals import WORDS
from dure.mentions.points import NEEDS, UNIT_HINTS, YEAR, Point, has, later, named

NO_START: Final = "no start is named"


def periods(sentence: str, published: date | None, country: str = "") -> list[Period]:
    """All periods of a sentence, in order, without overlaps; `country` (ISO 3166) is whose fiscal years they are."""
    points = named(sentence, published, country)
    found = [*_lengths(sentence, published), *_ranges(sentence, points), *_leaning(sentence, points)]
    found.sort(key=lambda one: (one.span.start, -one.span.end))
    kept: list[Period] = []
    for one in found:
        if not kept or one.span.start >= kept[-1].span.end:
            kept.append(one)
        elif one.span.end - one.span.start > kept[-1].span.end - kept[-1].span.start:
            kept[-1] = one
    return _joined(sentence, kept)


_APPOSED: Final = re.compile(r"[ ]?[(（][ ]?|,?[ ]")


def _joined(text: str, found: list[Period]) -> list[Period]:
    """Lengths with the dates beside them as one: "2026년부터 5년간", "over five years (2026-2030)"."""
    result: list[Period] = []
    for one in found:
        last = result[-1] if result else None
        close = last is not None and _APPOSED.fullmatch(text, last.span.end, one.span.start) is not None
        both = _both(last, one) if last is not None and close else None
        if both is None:
            result.append(one)
        else:
            result[-1] = both
    return result


def _both(one: Period, two: Period) -> Period | None:
    """A length and its dates as one period, or None where they are two, or do not agree."""
    length, dates = (one, two) if one.months else (two, one)
    if not length.months or dates.months or dates.unresolved or length.kind != "over" or dates.kind == "on":
        return None
    begin, until = dates.begin, dates.until
    if begin and until and (two is not dates or length.unresolved or dates.kind == "between"):
        if abs((until.year - begin.year) * 12 + until.month - begin.month + 1 - length.months) > 11:
            return None
    elif begin is None and until is not None and length.unresolved == NO_START:
        pass  # "2029년까지 4년간": the year it began in is not written
    elif begin is not None and until is None and length.unresolved == NO_START:
        end = later(begin, length.months)
        until = end - timedelta(days=1) if end else None
    else:
        return None
    return Period(Span(one.span.start, two.span.end), "over", begin, until, length.months)


# What leans on a point

_BEFORE: Final = re.compile(
    r"(?:^|[^A-Za-z])(?P<word>by|before|no later than|not later than|until|till|through|"
    r"no earlier than|not before|(?:now|out|years?|period|horizon|plan|strategy|roadmap|programme|running|extending) (?:up )?to|"
    r"now (?:and|until)|compared (?:to|with)|relative to|versus|than(?: in)?|"
    r"up to|up until|ahead of|prior to|in|on|during|throughout|since|from|after|beyond|"
    r"starting in|"
    r"starting from|starting|beginning in|beginning|as of|as early as|for|within|"
    r"over|of|between|around|across|effective|the|as soon as|at|into|to)[ ](?:around |about |"
    r"roughly |as early as |the year |at the |the |at )?\Z",
    re.I,
)
_LATEST: Final = frozenset(
    ("by", "no later than", "not later than", "until", "till", "through", "up to", "up until", "within")
)
_EARLIER: Final = frozenset(("before", "ahead of", "prior to"))
_ONWARDS: Final = frozenset(
    (
        "since",
        "from",
        "starting in",
        "starting from",
        "starting",
        "beginning in",
        "beginning",
        "as of",
        "as early as",
        "effective",
        "no earlier than",
        "not before",
    )
)
_BASES: Final = ("compared to", "compared with", "relative to", "versus", "than", "than in")
_TARGET: Final = re.compile(r"[ -](?:target|goal|deadline|objective|horizon|ambition)s?(?![A-Za-z])")
_NO_PERIOD: Final = re.compile(r"[ ](?:levels?|baselines?|prices)(?![A-Za-z])")
_KO_NO_PERIOD: Final = re.compile(r"[ ]?(?:대비|에서(?![ ]?열)|보다|에 비해)")
_INSIDE: Final = frozenset(
    ("in", "on", "during", "throughout", "for", "over", "around", "across", "as soon as", "at", "into")
)
_KO_AFTER: Final = re.compile(
    r"(?P<by>[ ]?(?:까지|이내|내에|내로|내(?![가-힣])|안에|안으로|중으로)|"
    r"으로(?=[ ](?:[가-힣0-9 ]{0,8})(?:앞당|늦|미루|미뤄|연기|당겨)))|(?P<before>[ ]?(?:이전|"
    r"전)(?:까지|에)?)|(?P<since>[ ]?(?:부터|이후|이래))|(?P<in>[ ]?(?:에는|에도|"
    r"에|중|의|을|엔|은|는|도|목표))"
)


def _leaning(text: str, points: list[Point]) -> Iterator[Period]:
    """Each point with the words around it that say how it is meant."""
    for one in points:
        korean_end = "가" <= text[one.end - 1] <= "힣"
        if (_KO_NO_PERIOD if korean_end else _NO_PERIOD).match(text, one.end):
            continue
        korean = _KO_AFTER.match(text, one.end) if korean_end else None
        if korean is not None:
            yield _korean_leaning(one, korean)
            continue
        left = text[max(0, one.start - 28) : one.start]
        before = _BEFORE.search(left)
        word = before["word"].lower() if before else ""
        start = one.start - (len(left) - before.start("word")) if before else one.start
        if one.bare and _TARGET.match(text, one.end):
            word, start = "by", one.start
        found = _with_word(one, word, start)
        if found is not None:
            yield found


def _with_word(one: Point, word: str, start: int) -> Period | None:
    """A point behind an English preposition, or alone; None where it is no time (a year in a name)."""
    period = Period(Span(one.start, one.end), one.kind, one.begin, one.until, 0, one.unresolved)
    if word in _BASES:
        return None
    if word in _LATEST or word.endswith(" to") or word.startswith("now "):
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
        if joint is None or one.kind == "between" or two.kind == "between":
            continue
        start = _from(text, one.start)
        written = text[start : one.start].lower()
        if ("and" in joint.group() and "between" not in written) or (one.bare and two.bare and start == one.start):
            continue
        if one.begin and two.until and one.begin > two.until:
            continue
        end = two.end + (2 if text.startswith("까지", two.end) else 0)
        yield Period(Span(start, end), "between", one.begin, two.until, 0, one.unresolved or two.unresolved)


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


# Lengths

_COUNT: Final = (
    r"(?P<count>\d{1,3}|half a|half(?=[ -]decade)|an?|"
    + "|".join(word for word in WORDS if word != "zero")
    + r"|a couple of|a dozen)"
)
_SOME: Final = "|".join(word for word, value in WORDS.items() if 1 <= value <= 12)
_UNIT_MONTHS: Final = {
    "개년": 12,
    "year": 12,
    "month": 1,
    "quarter": 3,
    "decade": 120,
    "week": 0,
    "day": 0,
    "년": 12,
    "개월": 1,
    "달": 1,
    "주": 0,
    "일": 0,
}
_DAYS: Final = {"week": 7, "day": 1, "주": 7, "일": 1}
_LENGTH: Final = re.compile(
    rf"(?<![A-Za-z])(?:(?P<lead>over|for|during|within|in|across|throughout|under|"
    rf"through|spanning|spread over|up to)[ ])?(?:(?:a|the)[ ](?:period|span|course|space)[ ]of[ ])?(?:less than |"
    rf"about |around |at least |approximately |up to )?"
    rf"(?P<the>(?:the[ ]|this[ ]|its[ ])?(?P<which>next|coming|following|upcoming|"
    rf"forthcoming|ensuing|past|last|previous|first|initial|full)[ ]|the[ ])?"
    rf"(?:(?:\d{{1,2}}|{_SOME})(?:[ ]?[-–][ ]?|[ ](?:to|or)[ ]))?{_COUNT}[ -]"
    rf"(?!quarter of an?[ ])(?:(?P<coming>coming|consecutive|straight|full|fiscal|calendar)[ ])?(?P<unit>year|"
    rf"month|quarter|decade|week|day)s?(?:['’])?(?![A-Za-z])(?:[- ](?P<noun>(?:long|"
    rf"term|period|plan|program(?:me)?|"
    r"project|budget|assessment|examination|investment|strategy|roadmap|initiative|"
    r"deal|agreement|effort|timeline|push|test|contract|lease|grant|fund(?:ing)?|"
    r"package))(?![a-z]))?"
    rf"(?:,?[ ](?P<from>from|starting(?:[ ](?:in|from))?|beginning(?:[ ]in)?)[ ](?P<year>{YEAR})|[ ](?P<past>ago|earlier))?",
    re.I,
)
_NEXT_ONE: Final = re.compile(
    r"(?<![A-Za-z])(?P<lead>over|during|within|in|for)[ ](?:the[ ])?(?P<which>next|"
    r"coming|past|last)[ ](?P<unit>year|month|quarter|decade|week)(?![A-Za-z-])"
    r"|(?<![A-Za-z])the[ ](?P<bare>next|coming|past)[ ](?P<decade>decade)(?![A-Za-z-])|"
    r"(?<![A-Za-z])within[ ]the[ ](?P<within>year|month)(?![A-Za-z-])"
    r"|(?<![A-Za-z])(?P<long>decade)-long(?![A-Za-z])",
    re.I,
)
_KO_LENGTH: Final = re.compile(
    r"(?:(?P<lead>향후|앞으로|지난|최근|이후)[ ]?(?:약[ ]?)?)?(?<![\d.,])"
    r"(?:\d{1,2}[ ]?[~∼～-][ ]?)?(?P<count>\d{1,3}|한|두|세|네|다섯)[ ]?(?P<unit>개년|년|개월|달|주|일)(?:여)?"
    r"(?:[ ]?(?P<tail>간(?![가-힣](?<![은의에을]))|"
    r"동안|이내|내에|내(?![가-힣])|내로|안에|안으로|에[ ]?걸쳐|뒤(?![가-힣](?<![에엔면까]))|"
    r"후(?![가-힣](?<![에엔면까인]))))?"
)
_KO_COUNT: Final = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5}


def _lengths(text: str, published: date | None) -> Iterator[Period]:
    """Lengths of time: "over the next four years", "within six months", "a three-year plan", "향후 4년간"."""
    if has(text.lower(), UNIT_HINTS):
        yield from _english_lengths(text, published)
    if has(text, ("년", "개월", "달", "주", "일")):
        for match in _KO_LENGTH.finditer(text):
            one = _korean_length(match, published)
            if one is not None:
                yield one


def _english_lengths(text: str, published: date | None) -> Iterator[Period]:
    for match in _NEXT_ONE.finditer(text):
        which, unit = (
            match["which"] or match["bare"] or "",
            (match["unit"] or match["decade"] or match["within"] or match["long"]),
        )
        lead = "within" if match["within"] else (match["lead"] or "over").lower()
        if not (lead == "in" and which.lower() in ("next", "last")):
            yield _long(match, 1, unit.lower(), which.lower(), lead, published)
    for match in _LENGTH.finditer(text):
        one = _english_length(match, published)
        if one is not None:
            yield one


def _english_length(match: re.Match[str], published: date | None) -> Period | None:
    lead, which, unit = (match["lead"] or "").lower(), (match["which"] or "").lower(), match["unit"].lower()
    hyphen = "-" in match.group()[match.end("count") - match.start() : match.start("unit") - match.start() + 1]
    if not (lead or which or hyphen or match["from"] or match["past"]) or (lead == "up to" and not hyphen):
        return None
    if unit in ("week", "day") and hyphen:
        return None
    number = _number(match["count"])
    if match["from"]:
        begin = date(int(match["year"]), 1, 1)
        end = later(begin, number * _UNIT_MONTHS[unit])
        until = end - timedelta(days=1) if end else None
        return Period(Span(match.start(), match.end()), "over", begin, until, number * _UNIT_MONTHS[unit])
    if match["past"]:
        return _ago(match, number, unit, published)
    return _long(match, number, unit, which, lead, published)


def _number(written: str) -> int:
    low = written.lower()
    if low.isdigit():
        return int(low)
    return {"a": 1, "an": 1, "half a": 0, "half": 0, "a couple of": 2, "a dozen": 12}.get(low) or WORDS.get(low, 0)


def _ago(match: re.Match[str], number: int, unit: str, published: date | None) -> Period | None:
    if (match["past"] or "").lower() != "ago":
        return None
    day = _moved(published, -number, unit) if published else None
    return Period(Span(match.start(), match.end()), "on", day, day, 0, "" if published else NEEDS)


def _moved(day: date, number: int, unit: str) -> date | None:
    if unit in _DAYS:
        return day + timedelta(days=number * _DAYS[unit]) if 10 < day.year < 9900 else None
    return later(day, number * _UNIT_MONTHS[unit])


def _long(match: re.Match[str], number: int, unit: str, which: str, lead: str, published: date | None) -> Period:
    """A length, placed after or before the publication where its words say so."""
    months = (number or Fraction(1, 2)) * _UNIT_MONTHS[unit]
    months = int(months)
    span = Span(match.start(), match.end())
    past = which in ("past", "last", "previous")
    ahead = which in ("next", "coming", "following", "upcoming", "forthcoming", "ensuing") or lead in ("within", "in")
    kind = "by" if lead in ("within", "in", "under") and not past and which == "" else "over"
    if not (past or ahead):
        return Period(span, "over", None, None, months, NO_START)
    if published is None:
        return Period(span, kind, None, None, months, NEEDS)
    other = (
        later(published, -months if past else months)
        if months
        else _moved(published, -number if past else number, unit)
    )
    begin, until = (other, published) if past else (published, other)
    return Period(span, kind, None if kind == "by" else begin, until, months)


def _korean_length(match: re.Match[str], published: date | None) -> Period | None:
    lead, tail, unit = match["lead"] or "", match["tail"] or "", match["unit"]
    if not (lead or tail or unit == "개년") or (
        unit == "일" and not (lead or tail.startswith(("간", "이내", "내", "안")))
    ):
        return None
    number = int(match["count"]) if match["count"].isdigit() else _KO_COUNT[match["count"]]
    which = "past" if lead in ("지난", "최근") else "next" if lead in ("향후", "앞으로") else ""
    within = tail.startswith(("이내", "내", "안", "뒤", "후"))
    if number >= 1900 or (unit == "일" and lead == "지난" and not tail):
        return None
    return _long(
        match,
        number,
        unit,
        which if not within else "past" if which == "past" else "",
        "within" if within else "",
        published,
    )
