"""Named stretches of days in English and Korean: a date, a month, a year, a half, a quarter, "next year". No year is invented.

What leans on the day the page came out is worked out from `published`; without it a point says that it needs it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

NEEDS: Final = "needs the publication date"

_MONTH_NAMES: Final = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTH_AT: Final = {name: at for at, name in enumerate(_MONTH_NAMES.split(), 1)}
_MONTH: Final = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\.?)(?![A-Za-z])"
)
YEAR: Final = r"(?<![\d$€£¥₩₹#./])(?<!\d[,.-])(?:19|20|21)\d\d(?![\d%])(?![,.]\d)"
_DAY: Final = r"(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?(?![\d.,]\d)(?!\d)"
_PART: Final = (
    r"(?:the )?(?P<{0}>(?:very )?(?:(?:early|late)(?: in)?|mid|middle of|(?:year[- ]|the very )?end of|(?:year[- ])?end|"
    r"start of|beginning of|close of|first half of|second half of|(?:spring|summer|autumn|fall)(?: of)?)[- ]?(?:the )?)"
)
_SEASONS: Final = {"spring": (3, 5), "summer": (6, 8), "autumn": (9, 11), "fall": (9, 11)}


_MONTH_HINTS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "-0", "-1")
_QUARTER_HINTS: Final = ("Q", "H", "quarter", "half")
_SEASON_HINTS: Final = ("next ", "Next ", "last ", "this ", "coming ")
UNIT_HINTS: Final = ("ear", "onth", "eek", "uarter", "ecade", "day", "half")
_HANGUL: Final = re.compile("[가-힣]")


@dataclass(frozen=True, slots=True)
class Point:
    """A stretch of days that is named, before the words around it are read."""

    start: int
    end: int
    begin: date | None
    until: date | None
    unresolved: str = ""
    kind: str = "in"  # without a preposition
    bare: bool = False  # says nothing alone: a year in a name, a month that is a word
    middle: date | None = None  # of a year whose middle is named: "by mid-2027" ends in June
    late: bool = False  # the end of a stretch: "before the end of 2027" is 2027, not 2026


# Days


def _day(year: int, month: int, day: int) -> date | None:
    return (
        date(year, month, day)
        if 1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
        else None
    )


def _months(year: int, first: int, last: int) -> tuple[date, date]:
    return date(year, first, 1), date(year, last, monthrange(year, last)[1])


def later(day: date, months: int) -> date | None:
    """The same day some months on, or the month's last; None beyond what a date can hold."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1])) if 1 <= year <= 9999 else None


def _nearest(published: date, month: int, day: int) -> date | None:
    """The day of that month and number nearest to the publication."""
    years = (published.year - 1, published.year, published.year + 1)
    days = [one for year in years if (one := _day(year, month, day)) is not None]
    return min(days, key=lambda one: abs((one - published).days), default=None)


_FIRST_LAST: Final = {
    "early": (1, 4), "mid": (5, 8), "late": (9, 12), "first half": (1, 6), "second half": (7, 12), **_SEASONS,
}  # fmt: skip
_OF_DECADE: Final = {"early": (0, 3), "mid": (4, 6), "late": (7, 9), "first half": (0, 4), "second half": (5, 9)}


def _narrow(part: str, begin: date, until: date) -> tuple[date, date]:
    """The early, middle or late part of a year, or the end of any stretch."""
    part = part.lower().replace("the ", "").replace("very ", "").replace("-", " ").strip()
    part = part.removeprefix("year ")
    days = (until - begin).days
    for name, (first, last) in (_OF_DECADE if days > 400 else _FIRST_LAST).items():
        if part.startswith(name) and days > 400:
            return date(begin.year + first, 1, 1), date(begin.year + last, 12, 31)
        if part.startswith(name) and days > 300:
            return _months(begin.year, first, last)
    if part.startswith(("end", "close", "late", "turn")):
        return max(begin, date(until.year, until.month, 1)), until
    if part.startswith(("start", "beginning", "early")):
        return begin, min(until, date(begin.year, begin.month, monthrange(begin.year, begin.month)[1]))
    return begin, until


# Points, English

_FULL: Final = re.compile(
    rf"(?<![A-Za-z])(?P<m1>{_MONTH}) (?P<d1>{_DAY})(?:,? (?P<y1>{YEAR}))?"
    rf"|(?<!\d)(?<!\d[.,-])(?P<d2>{_DAY})(?: of)? (?P<m2>{_MONTH})(?:,? (?P<y2>{YEAR}))?"
    rf"|(?<![\d-])(?P<y3>{YEAR})-(?P<m3>[01]\d)-(?P<d3>[0-3]\d)(?![\d-])"
)
_MONTH_LEFT: Final = re.compile(rf"(?:{_PART.format('part')})?\Z")
_MONTH_YEAR: Final = re.compile(rf"(?<![A-Za-z])(?P<month>{_MONTH})(?:,? (?:of )?(?P<year>{YEAR}))?")
_LEFT: Final = 56  # characters that are looked at before a year or a month
_YEAR_LEFT: Final = re.compile(
    rf"(?:{_PART.format('part')})?(?P<fiscal>(?:the )?(?:fiscal|financial|budget|calendar) (?:years? )?|"
    r"[FC]Y ?)?(?:the year )?\Z"
)
_YEARS: Final = re.compile(
    rf"(?P<year>(?:(?<=[FC]Y)(?:19|20|21)\d\d(?!\d))|(?<=FY)[’']?[2-4]\d(?!\d)|{YEAR})"
    r"(?:[-–/](?P<second>\d\d)(?![\d-]))?(?![A-Za-z0-9])"
    r"(?P<after>[ ](?:(?:fiscal|financial|budget|calendar) year|(?:supplementary |federal |national |state |draft )?"
    r"budget)(?![A-Za-z]))?"
)
_NUMBERED: Final = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "4th": 4,
    "final": 4,
    "latter": 2,
    "last": 4,
}
_QUARTER: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?P<end>(?:the )?(?:end|close) of |end[- ])?(?:(?:the )?(?P<word>first|second|third|fourth|final|"
    rf"last(?= quarter of)|latter|1st|2nd|"
    rf"3rd|4th) (?P<what>quarter|half)(?: of (?:the )?(?:fiscal )?(?P<y1>{YEAR}|(?:this |"
    rf"next |last )?year))?(?= ?[,.;)]|\Z| of| to| and| as| with| at| for| by| the)"
    rf"|(?:(?P<letter>[QH])(?P<number>[1-4])|(?P<number2>[1-4])(?P<letter2>[QH]))(?: of)?[ -]?"
    rf"(?P<y2>{YEAR}|(?:this|next|last) year)?|(?P<y3>{YEAR})[ -]?(?P<letter3>[QH])(?P<number3>[1-4]))(?![A-Za-z0-9])"
)
_RELATIVE: Final = re.compile(
    r"(?<![A-Za-z])(?:(?P<part>(?:the )?(?:early|mid|later?(?: on)?(?: in)?|earlier|(?:very )?end of|beginning of|turn of|"
    r"close of|start of|middle of|first half of|second half of)[- ]?)?"
    r"(?P<which>this|next|last|the|the coming|the current|the following|the previous|"
    r"coming) (?:(?:fiscal|financial|calendar|budget|academic|school) )?"
    r"(?P<unit>year|month|week|quarter|decade|half)(?:['’]s)?"
    r"|(?P<end>year[- ]end|(?:the )?year[’']s end|end[- ]of[- ]year|end of year))(?![A-Za-z-])(?! of)",
    re.I,
)


# First months of fiscal years that are named by the year they begin in, and by the one they end in.
_FISCAL_BEGUN: Final = {"JP": 4, "CA": 4, "GB": 4, "SG": 4}
_FISCAL_ENDED: Final = {"US": 10, "IN": 4, "AU": 7}


def _fiscal(year: int, country: str) -> tuple[date, date]:
    """The fiscal year of a number in a country."""
    first = _FISCAL_BEGUN.get(country) or _FISCAL_ENDED.get(country) or 1
    begin = date(year - (country in _FISCAL_ENDED), first, 1)
    end = later(begin, 12)
    return begin, (end or begin) - timedelta(days=1)


def _over_two(year: int, last: int, country: str) -> tuple[date, date]:
    """The fiscal year that is named by both its years ("2025-26"), or all the years from one to the other."""
    first = _FISCAL_BEGUN.get(country) or {"IN": 4, "AU": 7}.get(country, 0)
    if last == year + 1 and first:
        return date(year, first, 1), date(last, first, 1) - timedelta(days=1)
    return date(year, 1, 1), date(last, 12, 31)


def named(text: str, published: date | None, country: str = "") -> list[Point]:
    """All points of a text, in order, without overlaps; of two that overlap, the longer. `country`: of fiscal years."""
    found: list[Point] = []
    if has(text, ("19", "20", "21", "FY")):
        found += _year_points(text, country)
    if has(text, _MONTH_HINTS):
        found += [*_full_dates(text, published), *_month_years(text, published)]
    if has(text, _QUARTER_HINTS):
        found += _quarters(text, published)
    if has(text, UNIT_HINTS):
        found += _relatives(text, published)
    if has(text, _SEASON_HINTS):
        found += _next_months(text, published)
    if _HANGUL.search(text):
        found += _korean_points(text, published)
    return _apart(found)


def has(text: str, hints: tuple[str, ...]) -> bool:
    """Whether one of some parts of words occurs: what spares a pattern the search."""
    return any(map(text.__contains__, hints))


def _full_dates(text: str, published: date | None) -> Iterator[Point]:
    for match in _FULL.finditer(text):
        at = "1" if match["m1"] else "2" if match["m2"] else "3"
        written, number = match[f"m{at}"], int(re.sub(r"\D", "", match[f"d{at}"]))
        month = int(written) if at == "3" else _MONTH_AT[written[:3].lower()]
        yield from _dated(match, match[f"y{at}"], month, number, published)


def _dated(match: re.Match[str], year: str | None, month: int, number: int, published: date | None) -> Iterator[Point]:
    """One day, its year written, worked out, or wanted."""
    if year is None and published is None:
        yield Point(match.start(), match.end(), None, None, NEEDS, "on")
        return
    day = _day(int(year), month, number) if year else _nearest(published, month, number) if published else None
    if day is not None:
        yield Point(match.start(), match.end(), day, day, "", "on")


def _month_years(text: str, published: date | None) -> Iterator[Point]:
    for match in _MONTH_YEAR.finditer(text):
        left = _left(_MONTH_LEFT, text, match.start())
        month, part = _MONTH_AT[match["month"][:3].lower()], left["part"] or ""
        start, bare = left.start(), match["year"] is None and not part
        year = int(match["year"]) if match["year"] else None
        if year is None and published is not None:
            near = _nearest(published, month, 15)
            year = near.year if near else None
        if year is None:
            yield Point(start, match.end(), None, None, NEEDS, "in", bare)
            continue
        begin, until = _months(year, month, month)
        if part.lower().startswith(("mid", "middle")):
            begin, until = date(year, month, 11), date(year, month, 20)
        elif part.lower().startswith(("early", "very early", "start", "beginning", "the beginning")):
            until = date(year, month, 10)
        elif part.lower().startswith("late"):
            begin = date(year, month, 21)
        yield Point(start, match.end(), begin, until, "", "in", bare)


def _left(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    """What stands before a year or a month; the pattern can be empty, so that it is always found."""
    found = pattern.search(text, max(0, at - _LEFT), at)
    assert found is not None
    return found


def _year_points(text: str, country: str) -> Iterator[Point]:
    for match in _YEARS.finditer(text):
        left = _left(_YEAR_LEFT, text, match.start())
        written, part = match["year"].lstrip("’'"), re.sub(r"^the ", "", (left["part"] or "").lower())
        year, start, fiscal = int(written) + (2000 if len(written) == 2 else 0), left.start(), left["fiscal"] or ""
        begin, until = date(year, 1, 1), date(year, 12, 31)
        if match["second"] is not None:
            last = year // 100 * 100 + int(match["second"])
            if year < last <= year + 40:
                yield Point(start, match.end(), *_over_two(year, last, country), "", "between")
            continue
        named_fiscal = fiscal + (match["after"] or "")
        if country and "ears" not in fiscal and any(word in named_fiscal for word in ("iscal", "inancial", "FY")):
            begin, until = _fiscal(year, country)
        if part:
            begin, until = _narrow(part, begin, until)
        middle = date(year, 6, 30) if part.startswith("mid") else None
        bare = not (part or fiscal or match["after"])
        yield Point(start, match.end(), begin, until, "", "in", bare, middle, _ends(part))


def _ends(part: str) -> bool:
    return part.removeprefix("year-").removeprefix("very ").startswith(("end", "close"))


def _quarters(text: str, published: date | None) -> Iterator[Point]:
    for match in _QUARTER.finditer(text):
        if match["word"]:
            length, number = (3 if match["what"] == "quarter" else 6), _NUMBERED[match["word"]]
            written = match["y1"] or "year"
        else:
            length = 3 if (match["letter"] or match["letter2"] or match["letter3"]) == "Q" else 6
            number = int(match["number"] or match["number2"] or match["number3"])
            written = match["y2"] or match["y3"] or "year"
        if number * length > 12:
            continue
        year = _year_of(written, published)
        if year is None:
            yield Point(match.start(), match.end(), None, None, NEEDS)
        elif 1 <= year <= 9999:
            begin, until = _months(year, (number - 1) * length + 1, number * length)
            yield Point(match.start(), match.end(), *(_narrow("end", begin, until) if match["end"] else (begin, until)))


def _year_of(written: str, published: date | None) -> int | None:
    """The year that is written, or leans on the publication."""
    if written[:4].isdigit():
        return int(written)
    if published is None:
        return None
    return published.year + (1 if written.startswith("next") else -1 if written.startswith("last") else 0)


def _relatives(text: str, published: date | None) -> Iterator[Point]:
    for match in _RELATIVE.finditer(text):
        which, unit, part = (
            (match["which"] or "the").lower(),
            (match["unit"] or "year").lower(),
            (match["part"] or "").lower(),
        )
        part = "end" if match["end"] else re.sub(r"^the ", "", part).strip(" -")
        if which == "the" and not part.startswith(_OF_THE):
            continue  # "the year" says nothing alone
        if which == "the" and not match["end"] and not part:
            continue
        if published is None:
            yield Point(match.start(), match.end(), None, None, NEEDS, "next" if "next" in which else "in")
            continue
        by = (
            1
            if which in ("next", "the coming", "the following", "coming")
            else -1
            if which in ("last", "the previous")
            else 0
        )
        stretch = _stretch(published, unit, by)
        if stretch is not None:
            begin, until = _trim(stretch, part, published)
            kind = "next" if by == 1 else "in"
            yield Point(match.start(), match.end(), begin, until, "", kind, late=_ends(part))


_OF_THE: Final = ("end", "early", "late", "mid", "first", "second", "turn", "close", "very end")
_NEXT_MONTH: Final = re.compile(
    rf"(?<![A-Za-z])(?P<which>[Nn]ext|[Tt]his|[Cc]oming|[Ll]ast) "
    rf"(?:(?P<month>{_MONTH})|(?P<season>spring|summer|autumn|fall))"
    r"(?![A-Za-z-])(?! \d)"
)


def _next_months(text: str, published: date | None) -> Iterator[Point]:
    """ "next March", "this autumn": the first one that begins after the publication, that of its year, or the last before it."""
    for match in _NEXT_MONTH.finditer(text):
        which = match["which"].lower()
        if published is None:
            yield Point(match.start(), match.end(), None, None, NEEDS, "next" if which == "next" else "in")
            continue
        month = _MONTH_AT[match["month"][:3].lower()] if match["month"] else 0
        first, last = (month, month) if month else _SEASONS[match["season"]]
        year = published.year
        if which == "last":
            year -= published.month <= last
        elif which != "this":
            year += published.month >= first
        if 1 <= year <= 9999:
            yield Point(
                match.start(), match.end(), *_months(year, first, last), "", "next" if which == "next" else "in"
            )


def _trim(stretch: tuple[date, date], part: str, published: date) -> tuple[date, date]:
    begin, until = stretch
    if part.startswith("later"):
        return min(published, until), until
    if part == "earlier":
        return begin, max(begin, published)
    return _narrow(part, begin, until) if part else stretch


def _stretch(day: date, unit: str, by: int) -> tuple[date, date] | None:
    """The year, quarter, month, week or decade of a day, or the one before or after it."""
    if not 2 <= day.year <= 9980:
        return None
    if unit == "week":
        monday = day - timedelta(days=day.weekday()) + timedelta(weeks=by)
        return monday, monday + timedelta(days=6)
    if unit == "decade":
        first = day.year // 10 * 10 + 10 * by
        return date(max(first, 1), 1, 1), date(first + 9, 12, 31)
    length = {"year": 12, "half": 6, "quarter": 3, "month": 1}[unit]
    moved = later(date(day.year, (day.month - 1) // length * length + 1, 1), by * length)
    return None if moved is None else _months(moved.year, moved.month, moved.month + length - 1)


# Points, Korean

_KO_YEAR: Final = (
    r"(?P<year>(?<![\d,.])(?:19|20|21)\d\d(?=년(?!대)|[ ]?회계연도)|(?<![\d,.])(?:['’‘][0-4]\d(?=년(?![간대]))|"
    r"[2-4]\d(?=년 ?(?:까지|[상하]반기|말|초|연말|[1-4]분기|1?\d월|완공|준공|개소|가동|착공|출시|도입|목표|예산|이후|도(?![가-힣]))))|"
    r"(?<![가-힣])(?:올해|금년|내년|내후년|"
    r"후년|지난해|작년|재작년|올(?= ?(?:상반기|하반기|연말|[1-9]분기|1?\d월|말|초|"
    r"봄|여름|가을|겨울|해)))(?=도? ?))"
)
_KO_POINT: Final = re.compile(
    rf"(?=[0-9'’‘올금내후지작재상하])(?:{_KO_YEAR}년?도?[ ]?)?(?:(?P<month>(?<!\d)(?:1[0-2]|0?[1-9]))월(?:[ ]?(?P<day>(?:[12]\d|"
    rf"3[01]|0?[1-9]))일)?|(?P<half>상반기|하반기)|(?P<quarter>[1-4])[ ]?(?:분기|/4분기))?"
    r"(?:[ ]?(?P<part>연말|말|초|중반|중순|봄|여름|가을)(?![가-힣](?<![까에부이의께쯤경으보])))?"
)
_KO_OTHER: Final = re.compile(
    r"(?<![가-힣])(?:(?P<when>이번|다음|지난|이|내)[ ]?(?P<unit>달|주|분기|해)(?![가-힣](?<![에까부은는말의간중내]))(?P<late>[ ]?말)?|"
    r"(?P<end>연말|연내)(?=까지|에|[ ,.]|\Z|부))"
)
_KO_SEASONS: Final = {"봄": "spring", "여름": "summer", "가을": "autumn"}
_KO_SHIFT: Final = {
    "올해": 0,
    "올": 0,
    "금년": 0,
    "내년": 1,
    "후년": 2,
    "내후년": 2,
    "지난해": -1,
    "작년": -1,
    "재작년": -2,
}


def _korean_points(text: str, published: date | None) -> Iterator[Point]:
    for match in _KO_POINT.finditer(text):
        if match.end() > match.start() and any(match[name] for name in ("year", "month", "half", "quarter")):
            yield from _korean_point(match, published)
    for match in _KO_OTHER.finditer(text):
        unit = (
            {"달": "month", "주": "week", "분기": "quarter", "해": "year"}[match["unit"]] if match["unit"] else "year"
        )
        by = {"다음": 1, "내": 1, "지난": -1}.get(match["when"] or "", 0)
        if published is None:
            kind = "by" if match["end"] == "연내" else "next" if by == 1 else "in"
            yield Point(match.start(), match.end(), None, None, NEEDS, kind)
        elif match["end"] == "연내":
            yield Point(match.start(), match.end(), None, date(published.year, 12, 31), "", "by")
        elif (stretch := _stretch(published, unit, by)) is not None:
            begin, until = _narrow("end", *stretch) if match["end"] == "연말" and not match["late"] else stretch
            yield Point(match.start(), match.end(), begin, until, "", "next" if by == 1 else "in")


def _korean_point(match: re.Match[str], published: date | None) -> Iterator[Point]:
    written, month = match["year"], int(match["month"]) if match["month"] else 0
    number = int(match["day"]) if match["day"] else 0
    end = match.end() - (len(match.group()) - len(match.group().rstrip()))
    year = None
    digits = (written or "").lstrip("'’‘")
    if digits.isdigit():
        year = int(digits) + (2000 if len(digits) == 2 else 0)
    elif published is not None and written:
        year = published.year + _KO_SHIFT[written]
    elif published is not None:
        near = _nearest(published, month, number or 15) if month else published
        year = near.year if near else None
    kind = "on" if number else "next" if written in ("내년", "내후년", "후년") else "in"
    if year is None:
        yield Point(match.start(), end, None, None, NEEDS, kind)
        return
    stretch = _korean_stretch(match, year, month, number)
    if stretch is not None:
        yield Point(match.start(), end, *stretch, "", kind)


def _korean_stretch(match: re.Match[str], year: int, month: int, number: int) -> tuple[date, date] | None:
    if not 1 <= year <= 9999:
        return None
    if number:
        day = _day(year, month, number)
        return None if day is None else (day, day)
    if month:
        begin, until = _months(year, month, month)
        part = match["part"] or ""
        return (
            (begin, date(year, month, 10))
            if part == "초"
            else (date(year, month, 11), date(year, month, 20))
            if part == "중순"
            else (begin, until)
        )
    if match["half"]:
        return _months(year, *((1, 6) if match["half"] == "상반기" else (7, 12)))
    if match["quarter"]:
        first = int(match["quarter"]) * 3 - 2
        return _months(year, first, first + 2)
    part = match["part"] or ""
    return _narrow(
        {"말": "end", "연말": "end", "초": "early", "중반": "mid", "중순": "mid", **_KO_SEASONS}.get(part, ""),
        date(year, 1, 1),
        date(year, 12, 31),
    )


def _apart(points: list[Point]) -> list[Point]:
    """The points without overlaps, the longer first."""
    points.sort(key=lambda one: (one.start, -one.end))
    kept: list[Point] = []
    for one in points:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        elif one.end - one.start > kept[-1].end - kept[-1].start:
            kept[-1] = one
    return kept
