"""Numbers as written in English and Korean: digits, number words, magnitudes. Exact, and linear in the length of the text.

What a number counts is for `amounts`; here only where one stands, and its value as a fraction. A number is not read where it
is part of a name or code: after a letter ("H100", "GPT-4"), between dots ("3.1.4"), in square brackets ("[1]").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number where it stands. Its value is `base * scale`."""

    start: int
    end: int
    base: Fraction
    scale: int = 1  # of its magnitude: 10**9 of "1.2 billion"
    form: str = "digits"  # "digits", "words", "korean", "short" (a letter: "5m"), "indian" (lakh, crore)
    grouped: bool = False  # digits with separators: "1,000"

    @property
    def value(self) -> Fraction:
        """What it is worth."""
        return self.base * self.scale

    @property
    def plain(self) -> bool:
        """Digits and nothing else: what may be a year, a code or a page number."""
        return self.form == "digits" and self.scale == 1 and not self.grouped

    @property
    def like_year(self) -> bool:
        """Written as a year is."""
        return self.plain and self.base.denominator == 1 and 1900 <= self.base <= 2100 and self.end - self.start == 4


_DIGITS: Final = re.compile(
    r"""(?<!\d)(?<!\d,)(?<![^A-Za-z]\.)(?:
        (?P<group>\d{1,3}(?:[,\u00a0\u2009\u202f]\d{3}){1,8} | \d{1,2}(?:,\d{2}){1,6},\d{3} | \d{1,3}(?:[ ]\d{3}){0,3}[ ]\d00(?![\d,.]))
      | \d{1,21}
    )(?:\.(?P<part>\d{1,12}))?(?!\d|[.,]\d)""",
    re.VERBOSE,
)

_RUN: Final = re.compile(r"\d+")  # where `_DIGITS` may begin, which is slower to search for

SCALES: Final = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "quadrillion": 10**15,
    "mn": 10**6, "mln": 10**6, "mm": 10**6, "bn": 10**9, "bln": 10**9, "tn": 10**12, "trn": 10**12, "tr": 10**12,
    "lakh": 10**5, "lakhs": 10**5, "crore": 10**7, "crores": 10**7, "dozen": 12,
}  # fmt: skip
_LETTERS: Final = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_SCALE: Final = re.compile(
    r"[ \u00a0\u202f-]?(hundred|thousand|million|billion|trillion|quadrillion|"
    r"mn|mln|mm|bn|bln|tn|trn|tr|lakhs?|crores?|dozen)(?![a-z])",
    re.I,
)
_LETTER: Final = re.compile(r"[kKmMbBtT](?![A-Za-z0-9])")
_SPACED_LETTER: Final = re.compile(r"[ \u00a0](?:[mMbB])(?![A-Za-z0-9'’.])")  # only behind a currency's sign

_SIGNS: Final = ("$", "€", "£", "¥", "₹", "₩")
_VAGUE: Final = re.compile(
    r"(?:several|few|many|multiple|multi|some|tens of|dozens of|hundreds of|thousands of)[ -]\Z", re.I
)
_PART_OF: Final = re.compile(
    r"(?:(?P<three>three)[ -]quarters|(?:(?:an?|one)[ -])?(?P<one>quarter)|(?P<third>one[ -]third|a third)) of \Z", re.I
)

_UNITS: Final = "zero one two three four five six seven eight nine"
_TEENS: Final = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
WORDS: Final = {word: value for value, word in enumerate([*_UNITS.split(), *_TEENS.split()])} | {
    word: 10 * at for at, word in enumerate(_TENS.split(), 2)
}
_WORD_SCALES: Final = ("hundred", "thousand", "million", "billion", "trillion", "quadrillion", "dozen", "lakh", "crore")
_WORD: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:" + "|".join([*WORDS, *_WORD_SCALES, "half", "a", "an"]) + r")(?![A-Za-z0-9])", re.I
)
_WORD_HINTS: Final = (  # one of these is in a text that has a number in words, which saves the pattern most searches
    *(word for word in (*WORDS, *_WORD_SCALES) if word not in ("zero", "one")),
    *(f"one{joint}{prefix}" for joint in " -" for prefix in ("exa", "peta", "tera", "giga", "mega")),
)
_MEASURED: Final = re.compile(
    r"[ -](?:exa|peta|tera|giga|mega)[a-z]", re.I
)  # after "one", which is otherwise a pronoun
_BETWEEN_WORDS: Final = re.compile(r"(?:[ \u00a0]|-| and )\Z")

_SMALL: Final = {"십": 10, "백": 100, "천": 1000}
_BIG: Final = {"만": 10**4, "억": 10**8, "조": 10**12, "경": 10**16}
_SINO: Final = {character: value for value, character in enumerate("일이삼사오육칠팔구", 1)}
_NATIVE: Final = {
    "한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10, "스무": 20,
}  # fmt: skip
_HANGUL_NUMBER: Final = re.compile(
    r"(?<![가-힣0-9A-Za-z])(?:(?P<sino>[일이삼사오육칠팔구십백천만억조]{1,14})|(?P<native>한|두|세|네|다섯|여섯|일곱|여덟|아홉|열|스무))"
    r"(?=[ ]?여?[ ]?(?:원(?![가-힣]{2})|원(?=[을이의에])|달러|유로|위안|명|개|곳|배(?![가-힣])|배[로의가를]|장의|대의|건|퍼센트))"
)
_THOUSAND_BEFORE: Final = re.compile(r"(?<![가-힣0-9])천[ ]?\Z")
_AFTER_LOOSE_SCALE: Final = re.compile(r"(?:\Z|[\s0-9.,()~·]|원|달러|여|위안|유로|명|개|장|대)")
_NOT_MORE: Final = re.compile(r"[ ]?(?:년|월|일|%|배|위|차|분기)")


def numerals(text: str) -> list[Numeral]:
    """All numbers of a text, in order, without overlaps."""
    found = [*_digit_numerals(text), *_word_numerals(text), *_hangul_numerals(text)]
    found.sort(key=lambda one: (one.start, -one.end))
    kept: list[Numeral] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _digit_numerals(text: str) -> Iterator[Numeral]:
    """Numbers that begin with digits, each with its magnitude."""
    past = 0
    for run in _RUN.finditer(text):
        match = _DIGITS.match(text, run.start()) if run.start() >= past else None
        if match is not None and not _in_a_name(text, match.start(), match.end()):
            one = _with_magnitude(text, match)
            past = one.end
            yield one


def _in_a_name(text: str, start: int, end: int) -> bool:
    """Whether digits are part of a model's name, a code or a note: "H100", "GPT-4", "#7", "[1]"."""
    before = text[max(0, start - 5) : start]
    if before.endswith(("[", "#", "№", "_", "/")) and not before.endswith("//"):
        return not (before.endswith("[") and text[end : end + 1] not in "],")
    letter = before[-2:-1] if before.endswith(("-", "‑")) else before[-1:]
    if not (letter.isascii() and letter.isalpha()):
        return False
    word = re.search(r"[A-Za-z]{1,4}-?\Z", before)
    return word is None or not _may_be_code(text, start, word.group().rstrip("-"))


def _may_be_code(text: str, start: int, word: str) -> bool:
    """Whether letters right before digits may be a currency ("KRW3tn", "Rs500") rather than a model's name."""
    before = text[start - len(word) - 1 : start - len(word)] if start > len(word) else ""
    alone = not (before.isascii() and before.isalnum())
    return alone and (word in ("Rs", "RM", "kr") or (len(word) == 3 and word.isupper()))


def _number(match: re.Match[str]) -> tuple[Fraction, bool]:
    part = match["part"] or ""
    whole = match.group()[: len(match.group()) - (len(part) + 1 if part else 0)]
    plain = "".join(character for character in whole if character.isdigit())
    return Fraction(int(plain + part), 10 ** len(part)), len(plain) != len(whole)


def _with_magnitude(text: str, match: re.Match[str]) -> Numeral:
    base, grouped = _number(match)
    end, scale, form = match.end(), 1, "digits"
    lead = _THOUSAND_BEFORE.search(text, max(0, match.start() - 3), match.start())
    korean = _korean(text, end, base, Fraction(1000) if lead is not None and base < 1000 else Fraction(0))
    if korean is not None:
        start = lead.start() if lead is not None else match.start()
        return Numeral(start, korean[0], korean[1], 1, "korean")
    for _ in range(3):  # "2 lakh crore"
        word = _SCALE.match(text, end)
        if word is None:
            break
        name = word[1].lower()
        form = "indian" if name[:4] in ("lakh", "cror") else form
        end, scale = word.end(), scale * SCALES[name]
    letter = _LETTER.match(text, end) if scale == 1 else None
    if letter is None and scale == 1 and text[: match.start()].rstrip(" \u00a0")[-1:] in _SIGNS:
        letter = _SPACED_LETTER.match(text, end)
    if letter is not None:
        end, scale, form = letter.end(), _LETTERS[letter.group().strip().lower()], "short"
    return Numeral(match.start(), end, base, scale, form, grouped)


def _korean(text: str, end: int, base: Fraction, section: Fraction) -> tuple[int, Fraction] | None:
    """The end and value of a number that goes on in Korean units, such as "1조 4,000억", or None.

    `section` is what stands before it: 1000 of "천 4백만".
    """
    total, current = Fraction(0), base
    open_digits, at, seen, last_big = True, end, False, 10**20
    while True:
        here = at + 1 if text[at : at + 1] == " " else at
        mark = text[here : here + 1]
        small, big = _SMALL.get(mark), _BIG.get(mark)
        if small is None and big is None:
            following = _next_digits(text, at, here, seen, last_big)
            if following is None:
                break
            at, current, open_digits = following[0], following[1], True
            continue
        if here > at and not (open_digits and _AFTER_LOOSE_SCALE.match(text, here + 1)):
            break
        if small is not None:
            section += (current if open_digits else 1) * small
        elif big is not None and big < last_big:
            total += (section + (current if open_digits else 0) or 1) * big
            section, last_big = Fraction(0), big
        else:
            break
        current, open_digits, at, seen = Fraction(0), False, here + 1, True
    return (at, total + section + current) if seen else None


def _next_digits(text: str, at: int, here: int, seen: bool, last_big: int) -> tuple[int, Fraction] | None:
    """The digits that continue a Korean number: attached ("1만2500", "2천296"), or smaller and not a date's ("1만 2,500")."""
    match = _DIGITS.match(text, here) if seen and text[here : here + 1].isdigit() else None
    if match is None or _NOT_MORE.match(text, match.end()):
        return None
    value, _ = _number(match)
    goes_on = text[match.end() : match.end() + 1] in ("십", "백", "천", *_BIG)
    counted = re.match(r"[ ]?(?:여[ ]?)?(?:원|명|개|장|대|달러)", text[match.end() : match.end() + 5]) is not None
    below = here == at and value < _SMALL.get(text[at - 1], 0)
    if (
        value >= last_big
        or (last_big == 10**20 and not (goes_on or below))
        or (here > at and not (goes_on or (counted and value >= 100)))
    ):
        return None
    return match.end(), value


def _word_numerals(text: str) -> Iterator[Numeral]:
    """Runs of English number words: "two million", "twenty-five", "half a billion"."""
    low = text.lower()
    if not any(map(low.__contains__, _WORD_HINTS)):
        return
    run: list[re.Match[str]] = []
    for match in _WORD.finditer(text):
        if run and not _BETWEEN_WORDS.fullmatch(text, run[-1].end(), match.start()):
            yield from _run(run)
            run = []
        if len(run) < 12:
            run.append(match)
    yield from _run(run)


def _run(run: list[re.Match[str]]) -> Iterator[Numeral]:
    """The number of a run of words; articles count only before a magnitude."""
    words = [match.group().lower() for match in run]
    while words and words[-1] in ("a", "an", "half") and not _and_a_half(words):
        run, words = run[:-1], words[:-1]
    first = 0
    while first < len(words) and words[first] in ("a", "an") and words[first + 1] not in _WORD_SCALES:
        first += 1
    run, words = run[first:], words[first:]
    if (
        not words
        or words in (["half"], ["zero"])
        or (words == ["one"] and not _MEASURED.match(run[0].string, run[0].end()))
    ):
        return
    value, start = _spoken(words), run[0].start()
    left = run[0].string[max(0, start - 24) : start]
    if words[0] in SCALES and _VAGUE.search(left):
        return
    if value is not None:
        base, scale = value
        part = _PART_OF.search(left) if words[0] in ("a", "an") else None
        if part is not None:
            base *= Fraction(3, 4) if part["three"] else Fraction(1, 4) if part["one"] else Fraction(1, 3)
            start -= len(left) - part.start()
        bare = len(words) == 1 and words[0] in _WORD_SCALES
        if not bare:  # "million" after digits is theirs; alone it counts nothing
            yield Numeral(start, run[-1].end(), base, scale, "words")


def _and_a_half(words: list[str]) -> bool:
    """Whether words end in "two and a half"."""
    return words[-2:] == ["a", "half"] and len(words) > 2 and words[-3] in WORDS


def _spoken(words: list[str]) -> tuple[Fraction, int] | None:
    """Base and magnitude of number words, or None where they make no number."""
    half = words[0] == "half"
    total, current, known = Fraction(0), Fraction(0), False
    for at, word in enumerate(words):
        if half and at == 0:
            continue
        if word in ("a", "an") and known and words[at + 1 : at + 2] == ["half"]:
            continue
        if word == "half" and known and words[at - 1] in ("a", "an"):  # "one and a half billion"
            current += Fraction(1, 2)
        elif word in ("a", "an"):
            current, known = Fraction(1), True
        elif word in WORDS:
            if known and (current % 100 == 0 or (current % 100 >= 20 and current % 10 == 0 and WORDS[word] < 10)):
                current += WORDS[word]
            elif not known:
                current, known = Fraction(WORDS[word]), True
            else:
                return None
        elif word == "half":
            return None
        else:
            scale = SCALES[word]
            if scale <= 100:
                current = (current if known else Fraction(1)) * scale
            else:
                total, current, known = total + (current if known else Fraction(1)) * scale, Fraction(0), False
                continue
            known = True
    value = (total + current) / (2 if half else 1)
    scale = SCALES.get(words[-1], 1)
    return value / scale, scale


def _hangul_numerals(text: str) -> Iterator[Numeral]:
    """Numbers in Hangul before what is counted: "이천억 원", "두 배"."""
    for match in _HANGUL_NUMBER.finditer(text):
        value = _NATIVE[match["native"]] if match["native"] else _sino(match["sino"])
        if value:
            yield Numeral(match.start(), match.end(), Fraction(value), 1, "korean")


def _sino(written: str) -> int:
    """The value of Sino-Korean digits and units, or 0 where they make no number ("이", "사조")."""
    total, section, current = 0, 0, 0
    for mark in written:
        if mark in _SINO:
            if current:
                return 0
            current = _SINO[mark]
        elif mark in _SMALL:
            section, current = section + (current or 1) * _SMALL[mark], 0
        else:
            total, section, current = total + (section + current or 1) * _BIG[mark], 0, 0
    units = any(mark in _SMALL or mark in _BIG for mark in written)
    return total + section + current if units else 0
