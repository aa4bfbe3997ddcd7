"""Sums that are words of their own, in English and Korean: ranks ("top three"), multipliers ("doubled"), shares ("a third of")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from dure.mentions.model import PERCENT, RANK, TIMES, Amount, Kind, Span
from dure.mentions.numerals import SCALES, WORDS

_ORDINAL_WORDS: Final = "first second third fourth fifth sixth seventh eighth ninth tenth"
_ORDINALS: Final = {word: value for value, word in enumerate(_ORDINAL_WORDS.split(), 1)}
_ORDINAL: Final = "|".join(_ORDINALS) + r"|\d{1,3}(?:st|nd|rd|th)"
_SMALL_WORDS: Final = "|".join(word for word, value in WORDS.items() if 1 <= value <= 20)
_RANKS: Final = re.compile(
    rf"""(?<![A-Za-z0-9])(?:
        [Tt]op[ -](?P<top>\d{{1,3}}|{_SMALL_WORDS})(?![A-Za-z0-9.,]\d|[ ]?%|[ ]per[ ]?cent|[A-Za-z]|[ ]projects|[ ]priorit)
      | (?P<superlative>{_ORDINAL})[ -](?:most[ -]|-)?
          (?:largest|biggest|strongest|highest|best|fastest|leading|greatest|most|powerful|richest)(?![A-Za-z])
      | [Rr]ank(?:s|ed|ing)?[ ](?:in[ ]|at[ ])?(?:the[ ])?
          (?P<ranked>{_ORDINAL}|(?:No\.?|number)[ ]\d{{1,3}}|\d{{1,3}}(?![\d,.]\d|%))(?![A-Za-z])
      | (?:number[ ]|[Nn]o\.[ ]?|\#)(?P<number>1|one|2|two|3|three)(?=[ ](?:in|globally|worldwide|among|position|AI|player)\b)
      | (?P<place>{_ORDINAL})[ ](?:place|rank|position)(?![A-Za-z])
      | (?P<inworld>{_ORDINAL})[ ](?:in[ ]the[ ]world|worldwide|globally)(?![A-Za-z])
      | [Tt][Oo][Pp][ ]?(?P<kotop>\d{{1,2}})(?=[에으가를을의]|[ ][가-힣])
      | (?:AI[ ]|인공지능[ ]|글로벌[ ]|세계[ ])G(?P<gee>[2-9])(?![0-9A-Za-z])
    )"""
    r"|(?:세계[ ])?(?<!\d)(?<!\d[.,])(?P<wi>\d{1,3})위(?!원|험|치|탁|상|반|성|협)"
    r"|(?:세계[ ])?(?<!\d)(?P<dae>\d{1,2})(?:대|강)(?=[ ]?(?:[A-Za-z가-힣]{1,6}[ ]?){0,2}(?:강국|강대국|선도국|국가))"
    r"|(?:세계|글로벌|AI|인공지능)[ ](?P<kang>\d{1,2})강(?![가-힣]{2})"
    r"|(?<![A-Za-z0-9])G(?P<gthree>3)(?=[ ]?(?:도약|국가|진입|강국|로[ ]|를[ ]|에[ ]|의[ ]))"
    r"|톱[ ]?(?P<tok>\d{1,2}|쓰리|텐|파이브)",
    re.VERBOSE,
)
_TOK: Final = {"쓰리": 3, "파이브": 5, "텐": 10}

_MULTIPLES: Final = {"doubl": 2, "tripl": 3, "quadrupl": 4, "quintupl": 5, "tenfold": 10}
_DOUBLE: Final = re.compile(
    r"(?<![A-Za-z-])(?P<stem>doubl|tripl|quadrupl|quintupl)(?:(?:es|ed|ing)(?![A-Za-z-])|"
    r"e(?:(?<=will double)|(?<=ould double)|(?<=to double)|(?<=will triple)|(?<=ould triple)|(?<=to triple))(?![A-Za-z-])|"
    r"e(?=[ ](?:the|its|our|their|his|by|in|to|from|that|this|over|what|AI|within|"
    r"annual|"
    r"domestic|national|public|spending|funding|investment|capacity|production|output)\b|[.,;]|\Z))"
)
_TWICE: Final = re.compile(
    r"(?<![A-Za-z-])(?P<twice>[Tt]wice)(?= (?:as|the|its|their|that|what)\b)|(?P<korean>갑절)|"
    rf"by a factor of (?P<factor>\d{{1,4}}(?![\d,.]\d)|{_SMALL_WORDS})(?![A-Za-z])"
)
_FOLD: Final = re.compile(
    rf"(?<![A-Za-z])(?P<tens>twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)?-?(?P<fold>{_SMALL_WORDS}|"
    rf"hundred)?-?fold(?![A-Za-z])",
    re.I,
)
_FRACTIONS: Final = re.compile(
    r"(?<![A-Za-z-])(?P<many>[Oo]ne|[Tt]wo|[Tt]hree|[Ff]our|[Aa])[ -](?P<part>third|"
    r"quarter|fifth|tenth)s?(?=[ ]of[ ](?!20\d\d|the[ ](?:year|fiscal)))"
    r"|(?<![A-Za-z-])(?<!first )(?<!second )(?<!latter )(?<!other )(?P<half>[Hh]alf)(?=[ ](?:of[ ])?(?:the|"
    r"all|its|their|our)[ ](?!year|decade|first|century))"
    r"|(?<!\d)(?P<whole>[1-9]\d?)분의[ ]?(?P<share>[1-9]\d?)(?!\d)"
    r"|(?P<jeol>절반)(?=[ ]?(?:이상|이하|가량|정도|수준|가까이|을|이|은|의|으로|까지|에))"
)
_PARTS: Final = {"third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
_COUNTS: Final = {"one": 1, "a": 1, "two": 2, "three": 3, "four": 4}


_RANK_HINTS: Final = (
    "op ", "op-", "OP", "ank", "umber ", "o. ", "o.1", "o.2", "o.3", "#", "irst", "econd", "hird", "ourth", "ifth", "ixth", "eventh",
    "ighth", "inth", "enth", "위", "강", "톱", " G", "Top1", "top1", "Top3", "Top5", "top3", "top5",
)  # fmt: skip
_NUMBERED: Final = re.compile(r"\d(?:st|nd|rd|th|대)")
_FIXED_HINTS: Final = (
    "oubl",
    "ripl",
    "upl",
    "fold",
    "Fold",
    "third",
    "quarter",
    "fifth",
    "tenth",
    "alf",
    "절반",
    "wice",
    "갑절",
    "factor of",
    "분의",
)


def _has(text: str, hints: tuple[str, ...]) -> bool:
    """Whether one of some parts of words occurs: what saves a pattern the search."""
    return any(map(text.__contains__, hints))


def ranks(text: str) -> Iterator[Amount]:
    """Ranks: "top three", "third-largest", "세계 3위", "3대 강국"."""
    if not _has(text, _RANK_HINTS) and _NUMBERED.search(text) is None:
        return
    for match in _RANKS.finditer(text):
        written = next(value for value in match.groups() if value is not None).lower()
        value = _rank(written)
        if value:
            yield Amount(Span(match.start(), match.end()), Kind.RANK, value, value, RANK)


def _rank(written: str) -> int:
    digits = re.search(r"\d+", written)
    if digits is not None:
        return int(digits.group())
    word = written.split()[-1]
    return _ORDINALS.get(word) or WORDS.get(word) or _TOK.get(word, 0)


def fixed(text: str) -> Iterator[Amount]:
    """Multipliers and shares in one word: "doubled", "twentyfold", "a third of", "절반"."""
    if not _has(text, _FIXED_HINTS):
        return
    for match in _DOUBLE.finditer(text):
        yield _whole(match, Kind.MULTIPLIER, Fraction(_MULTIPLES[match["stem"]]), 1000, TIMES)
    for match in _FOLD.finditer(text):
        value = WORDS.get((match["tens"] or "").lower(), 0) + (WORDS | SCALES).get((match["fold"] or "").lower(), 0)
        if value:
            yield _whole(match, Kind.MULTIPLIER, Fraction(value), 1000, TIMES)
    for match in _TWICE.finditer(text):
        factor = match["factor"] or "two"
        yield _whole(match, Kind.MULTIPLIER, Fraction(WORDS.get(factor) or int(factor)), 1000, TIMES)
    for match in _FRACTIONS.finditer(text):
        part = Fraction(1, 2)
        if match["many"] or match["whole"]:
            many = _COUNTS[match["many"].lower()] if match["many"] else int(match["share"])
            part = Fraction(many, _PARTS[match["part"]] if match["many"] else int(match["whole"]))
        yield _whole(match, Kind.SHARE, part, 10000, PERCENT)


def _whole(match: re.Match[str], kind: Kind, value: Fraction, factor: int, unit: str) -> Amount:
    number = round(value * factor)
    return Amount(Span(match.start(), match.end()), kind, number, number, unit)
