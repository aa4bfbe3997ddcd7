"""Lengths of time in English and Korean ("over the next four years", "향후 5년간"), and the dates that stand beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from dure.mentions.model import Period, Span
from dure.mentions.numerals import WORDS
from dure.mentions.points import NEEDS, UNIT_HINTS, YEAR, has, later

NO_START: Final = "no start is named"

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
    r"another |a further |an additional |"
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
    rf"(?:,?[ ](?P<from>from|starting(?:[ ](?:in|from))?|beginning(?:[ ]in)?)[ ](?P<year>{YEAR})(?![-–/]\d\d(?!\d))|"
    r"[ ](?P<past>ago|earlier|from now|hence|from today))?",
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


def lengths(text: str, published: date | None) -> Iterator[Period]:
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
    """The day so long before the publication, or after it ("six months from now"); None for what leans on another day."""
    word = (match["past"] or "").lower()
    if word == "earlier":
        return None
    day = _moved(published, -number if word == "ago" else number, unit) if published else None
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
    ahead = which not in ("first", "initial") and (
        which in ("next", "coming", "following", "upcoming", "forthcoming", "ensuing") or lead in ("within", "in")
    )
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


# Lengths with their dates

_APPOSED: Final = re.compile(r"[ ]?[(（][ ]?|,?[ ]")


def joined(text: str, found: list[Period]) -> list[Period]:
    """Lengths with the dates beside them as one: "2026년부터 5년간", "over five years (2026-2030)"."""
    result: list[Period] = []
    for one in found:
        last = result[-1] if result else None
        close = last is not None and _APPOSED.fullmatch(text, last.span.end, one.span.start) is not None
        both = _both(last, one) if last is not None and close else None
        if last is not None and both is None and _starts(text, last, one):
            end = later(last.begin, one.months) if last.begin else None
            result[-1] = replace(one, begin=last.begin, until=end - timedelta(days=1) if end else None, unresolved="")
        elif both is None:
            result.append(one)
        else:
            result[-1] = both
    return result


def _starts(text: str, one: Period, two: Period) -> bool:
    """Whether a length a few words on begins where a period does: "내년부터 매년 500억 원씩 3년간"."""
    between = text[one.span.end : two.span.start]
    begins = one.kind == "between" and one.begin is not None and one.until is None
    return begins and two.unresolved == NO_START and len(between) < 40 and not any(mark in between for mark in ".;")


def _both(one: Period, two: Period) -> Period | None:
    """A length and its dates as one period, or None where they are two, or do not agree."""
    length, dates = (one, two) if one.months else (two, one)
    if not length.months or dates.months or dates.unresolved or dates.kind == "on":
        return None
    if length is one and dates.kind == "by" and length.kind == "by":  # "in the two years to March 2028"
        return Period(Span(one.span.start, two.span.end), "over", None, dates.until, length.months)
    if length.kind != "over":
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
