"""Sums in a sentence: money, quantities, shares, ranks, multipliers; exact integers in a named unit, where they stand.

    amounts("94.6 billion won ($68.2 million) by 2028")  ->  KRW 94,600,000,000 and USD 6,820,000,000 cents, each with its span

Every number is read once, by the first reader that knows what stands beside it; years, dates, names and codes stand beside
nothing and are left. Time is linear in the length of the sentence. A currency that the sign alone does not tell is said in
`assumed`; one that nothing tells has unit "" and the flag "unknown_currency".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from dure.mentions import counted, currencies
from dure.mentions.currencies import Written
from dure.mentions.model import MINOR, PERCENT, TIMES, Amount, Bound, Kind, Span
from dure.mentions.numerals import Numeral, numerals
from dure.mentions.worded import fixed, ranks

_BIDI: Final = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")

_LEFT_BOUNDS: Final = {
    Bound.AT_MOST: "up to|at most|no more than|not more than|less than|fewer than|under|below|as much as|as many as|maximum of|"
    "maximum|capped at|within|최대|많아야",
    Bound.AT_LEAST: "at least|more than|over|above|exceeding|exceed|exceeds|upwards of|no less than|no fewer than|not less than|"
    "minimum of|minimum|in excess of|surpassing|surpasses|surpass|greater than|north of|beyond|>|최소|적어도",
    Bound.ABOUT: "about|around|approximately|approx|approx.|roughly|nearly|almost|some|estimated|close to|circa|average of|"
    "just over|just under|a little over|~|≈|약|대략|거의|어림잡아",
}
_LEFT: Final = sorted(
    ((words, bound) for bound, listed in _LEFT_BOUNDS.items() for words in listed.split("|")),
    key=lambda pair: -len(pair[0]),
)
_LEFT_ENDS: Final = tuple(words for words, _ in _LEFT)
_FILLERS: Final = (" a", " an", " the", " additional", " another", " total of", " the equivalent of", " 총", " its")
_RIGHT: Final = [
    (Bound.AT_LEAST, re.compile(r"[ ]?(?:\+|plus\b|or (?:more|higher|greater|above)|and (?:above|up)|at least|"
    r"[을를]? ?(?:이상|넘|웃도|초과)|(?:을|를|가|이)? ?넘)", re.I)),
    (Bound.AT_MOST, re.compile(r"[ ]?(?:or (?:less|fewer|lower|below)|at most|(?:이하|미만|이내|한도))", re.I)),
    (Bound.ABOUT, re.compile(r"[ ]?(?:or so|가량|정도|안팎|내외|남짓|에 육박|여[ ]?(?:원|달러|명|개|장|대))", re.I)),
]  # fmt: skip

_PERCENT: Final = re.compile(
    r"[ \u00a0-]?(?:%|％|per ?cent(?!i)|pct|퍼센트|프로(?![가-힣]))(?:[ ]?-?(?:points?|"
    r"p\b|포인트))?(?![A-Za-z])|[ ]percentage[ -]points?|[ ]?pp(?![A-Za-z])",
    re.I,
)
_TIMES: Final = re.compile(
    r"[ \u00a0-]?(?:[xX×](?![A-Za-z0-9]|[ ]?\d|[ ][A-Z]{1,3}\d)|[ -]?times(?![ ](?:a|"
    r"an|per|each|every|daily|weekly|since|in a row|square)\b)|-?folds?(?![A-Za-z])|"
    r"배(?![출터포정분치상경송당우관달제후열움]))(?![A-Za-z])"
)
_OF_ENDS: Final = re.compile(
    r" (?:by|in|over|from|to|for|with|and|at|within|until|which|that|as|is|are|was|"
    r"were|will)(?: |$)"
)
_OF_SHARE: Final = re.compile(
    r"(?:[ ](?:or more|or less))?[ ](?:share |stake )?(?:of|in)[ ](?:the |its |all |"
    r"their |our )?(?P<of>[A-Za-z][A-Za-z'’ -]{1,60})"
)

_FAR: Final = 50  # characters between the ends of a range
_JOINT: Final = re.compile(r"[ \u00a0]?(?:-|–|—|~|∼|～|to|and|or|에서)[ \u00a0]?")
_CHANGE: Final = re.compile(
    r"(?:rais|increas|ris|rose|gr[eo]w|expand|boost|cut|lower|reduc|up|jump|climb|"
    r"scal|lift|doubl|fall|fell|drop|revis|went|go(?:ing)?|improv)[a-z]*[^.;]{0,60}from[ ]\Z",
    re.I,
)
_BETWEEN: Final = re.compile(r"(?:^|[^A-Za-z])between[ ](?:an? )?(?:estimated )?\Z", re.I)
_KOREAN_TAIL: Final = re.compile(r"(?P<digits>\d{1,4}(?:[.]\d{1,3})?)[십백천만억조]{1,4}")
_KOREAN_SUM: Final = re.compile(
    r"[ ]?여?[을를]?[ ]?(?:규모|투자|예산|투입|지원|조성|펀드|추경|증액|편성|배정|출자|융자|대출|쏟|들여|들이|시대|가량 투|이상 투)"
)
_KOREAN_BARE: Final = re.compile(
    r"[ ]?여?(?:\Z|[,.)~]|(?:[을를이가은는의]|까지|에서|으로|이었|였|이다)(?![가-힣]{2}\b))"
)
_KOREAN_MONEY: Final = re.compile(
    "예산|투자|투입|추경|사업비|펀드|기금|출자|자금|재원|보조금|융자|재정|억원|조원|억 원|조 원"
)
_KOREAN_COUNTED: Final = re.compile("파라미터|매개변수|토큰|인구|이용자|사용자|트랜지스터|데이터셋|문장|가입자")
_CRORE_OF: Final = re.compile(
    r"[ -](?:[a-z]{1,12} ){0,2}(?:people|users?|citizens|population|indians|students|farmers|beneficiar|tonnes?|households|"
    r"accounts|transactions|units|youth|jobs|families|customers|subscribers|women|workers|hours|documents|records|tokens)",
    re.I,
)
_UNKNOWN_FOLLOWS: Final = re.compile(
    r"(?:\s*(?:[.,;:)]|\Z)|\s+(?:for|to|in|over|from|by|on|and|will|was|is|a year|per|into|toward|each|annually)\b)"
)


def amounts(sentence: str, *, country: str = "") -> list[Amount]:
    """All sums of a sentence, in order, without overlaps; `country` (ISO 3166) is the page's, for a bare "$"."""
    marks = [match.start() for match in _BIDI.finditer(sentence)]
    if not marks:
        return _amounts(sentence, country)
    text = _BIDI.sub("", sentence)
    kept = [at for at in range(len(sentence)) if not _BIDI.match(sentence, at)]
    return [_put_back(one, kept, sentence) for one in _amounts(text, country)]


def pairs(sentence: str, found: Sequence[Amount]) -> list[tuple[Amount, Amount | None]]:
    """Each sum, with the same sum in another currency where the sentence gives it: "9.4 trillion won ($6.94 billion)".

    A third currency of one sum is left out, so that one sum stays one.
    """
    result: list[tuple[Amount, Amount | None]] = []
    for one in found:
        last = result[-1] if result else None
        if last is not None and _same_sum(sentence, last[1] or last[0], one, last[0]):
            result[-1] = (last[0], last[1] or one)
        else:
            result.append((one, None))
    return result


def _amounts(text: str, country: str) -> list[Amount]:
    """The readers in order of precedence, then what overlaps is dropped."""
    found = [*ranks(text), *(_bounded(text, one) for one in fixed(text)), *_counted(text, numerals(text), country)]
    if not found:
        return found
    found.sort(key=lambda one: (one.span.start, -one.span.end))
    kept: list[Amount] = []
    for one in found:
        if not kept or one.span.start >= kept[-1].span.end:
            kept.append(one)
    return kept


def _put_back(one: Amount, kept: list[int], sentence: str) -> Amount:
    """The same sum with its span in the sentence that still has its direction marks."""
    start, end = kept[one.span.start], kept[one.span.end - 1] + 1
    marked = _BIDI.search(sentence, max(0, start - 1), end + 1) is not None
    return replace(one, span=Span(start, end), flags=(*one.flags, "bidi") if marked else one.flags)


# Numbers with something beside them


def _counted(text: str, numbers: list[Numeral], country: str) -> Iterator[Amount]:
    """Sums made of numbers: the range of two, or one."""
    at, end = 0, len(numbers) - 1
    last: Amount | None = None
    while at <= end:
        close = at < end and numbers[at + 1].start - numbers[at].end <= _FAR
        joined = _range(text, numbers[at], numbers[at + 1], country) if close else None
        one = joined or _read(text, numbers[at], country) or _elided(text, numbers[at], last)
        if one is None and close:
            one = _part(text, numbers[at], numbers[at + 1], country)
        at += 2 if joined else 1
        if one is not None:
            last = one
            yield _bounded(text, one)


def _range(text: str, first: Numeral, second: Numeral, country: str) -> Amount | None:
    """Two numbers that are the ends of one sum ("$1.2-1.25 billion", "between 2 and 3 GW"), or None."""
    if not _JOINT.search(text, first.end, second.start):
        return None
    upper, own = _read(text, second, country), _read(text, first, country)
    end = own.span.end if own is not None else first.end
    begin = min(second.start, upper.span.start) if upper is not None and upper.kind is Kind.MONEY else second.start
    joint = _JOINT.fullmatch(text, end, begin) if end <= begin else None
    if joint is None or (upper is None and own is None):
        return None
    if not _is_range(text, joint.group().strip(), own, first):
        return None
    if upper is None:  # the unit stands before both: "KRW 2-3 trillion" reads with `upper`, "$1-2" does not
        return None if own is None or own.kind is not Kind.MONEY else _lifted(own, first, second)
    return _spanned(text, first, second, own, upper, country)


def _is_range(text: str, joint: str, own: Amount | None, first: Numeral) -> bool:
    """Whether a joint makes a range: "and" only after "between"; "to" not after "raised from"."""
    start = own.span.start if own is not None else first.start
    left = text[max(0, start - 90) : start]
    if joint in ("and", "or"):
        return _BETWEEN.search(left) is not None or (joint == "or" and own is None)
    if joint in ("to", "에서"):
        return _CHANGE.search(left) is None and not (joint == "에서" and own is not None)
    return True


def _lifted(own: Amount, first: Numeral, second: Numeral) -> Amount | None:
    """A range whose second number has no unit of its own ("$1-2 billion" has; "$100-200" has not)."""
    factor = Fraction(own.low) / first.value if first.value else Fraction(0)
    shared = second.scale if first.scale == 1 and first.base < 1000 else 1
    low, high = round(first.value * factor * shared), round(second.value * factor)
    return replace(own, low=low, high=high, span=Span(own.span.start, second.end)) if high > low else None


def _spanned(
    text: str, first: Numeral, second: Numeral, own: Amount | None, upper: Amount, country: str
) -> Amount | None:
    """The range from the first number to the second's sum, where they are of one kind and unit."""
    ratio = Fraction(upper.high) / second.value if second.value else Fraction(0)
    bare = first.scale == 1 and first.form in ("digits", "words")
    scaled = bare and second.scale > 1 and first.base < 1000
    korean = _KOREAN_TAIL.fullmatch(text, second.start, second.end) if bare and second.form == "korean" else None
    if korean is not None and first.value < Fraction(korean["digits"].replace(",", "")):
        scaled, shared = True, second.value / Fraction(korean["digits"].replace(",", ""))
    else:
        shared = Fraction(second.scale)
    low = round(first.base * shared * ratio) if scaled else round(first.value * ratio)
    sign = currencies.before(text, first.start, country)
    start = sign.start if sign is not None and upper.kind is Kind.MONEY else first.start
    differs = own is not None and own.kind is not upper.kind
    if own is not None and own.unit != upper.unit and not (own.assumed and own.kind is Kind.MONEY):
        differs = True
    if differs or first.like_year or low >= upper.high or (upper.kind is not Kind.MONEY and first.plain and low == 0):
        return None
    currency = (
        own if own is not None and own.kind is Kind.MONEY and upper.kind is Kind.MONEY and upper.assumed else upper
    )
    return replace(upper, span=Span(min(start, own.span.start if own else start), upper.span.end), low=low, unit=currency.unit,
                   assumed=currency.assumed)  # fmt: skip


def _read(text: str, numeral: Numeral, country: str) -> Amount | None:
    """The sum of one number, by what stands beside it."""
    for reader in (_money, _share, _multiplier, _measured, _quantity, _money_by_magnitude):
        one = reader(text, numeral, country)
        if one is not None:
            return one
    return None


def _money(text: str, numeral: Numeral, country: str) -> Amount | None:
    """Money: a sign or code before, or a word, code or sign after."""
    written = currencies.before(text, numeral.start, country)
    if written is not None:
        named = currencies.nation_of_dollars(text, numeral.end) if written.assumed.startswith("bare $") else None
        end = named.end if named is not None else _own_word(text, numeral.end, written, country)
        return _sum(numeral, written.start, end, named or _other_dollar(text, written))
    right = numeral.end + (1 if text[numeral.end : numeral.end + 1] == "여" else 0)
    written = currencies.after(text, right, country)
    if written is not None and _is_money_word(text, numeral, written):
        return _sum(numeral, numeral.start, written.end, written)
    magnitude = numeral.scale >= 10**6 and _UNKNOWN_FOLLOWS.match(text, numeral.end)
    unknown = currencies.unknown_code(text, numeral.start) if magnitude else None
    return None if unknown is None else _sum(numeral, unknown.start, numeral.end, unknown)


def _own_word(text: str, end: int, written: Written, country: str) -> int:
    """Where a sum ends that says its currency twice ("US$5 million dollars")."""
    twice = currencies.after(text, end, country)
    return twice.end if twice is not None and twice.currency == written.currency else end


def _is_money_word(text: str, numeral: Numeral, written: Written) -> bool:
    """Whether a word after a number is its currency: not "10 won prizes", "In 2024 won", "5 pounds"."""
    word = text[written.start : written.end].strip(" -\u00a0").lower()
    if numeral.like_year and word.isascii() and not word.startswith(("dollar", "euro")):
        return False
    if word in ("won", "pounds", "pound", "real", "yen", "rand", "dong"):
        return numeral.scale > 1 or numeral.grouped or numeral.form == "korean" or word in ("yen",)
    return True


def _other_dollar(text: str, written: Written) -> Written:
    """A bare dollar in brackets beside another country's dollar is the United States'; elsewhere it is that other one."""
    if not written.assumed.startswith("bare $"):
        return written
    left = text[max(0, written.start - 120) : written.start]
    others = re.findall(r"(?<![A-Za-z])(C|CA|A|AU|NZ|S|HK)\$", left)
    if not others:
        return written
    name = {"C": "CAD", "CA": "CAD", "A": "AUD", "AU": "AUD", "NZ": "NZD", "S": "SGD", "HK": "HKD"}[others[-1]]
    if left.rstrip().endswith(("(", "(about", "(approximately", "(around", "(roughly")):
        return replace(written, currency="USD", assumed=f"bare $: given beside {name}")
    return replace(written, currency=name, assumed=f"bare $: the sentence writes {name}")


def _sum(numeral: Numeral, start: int, end: int, written: Written) -> Amount:
    minor = round(numeral.value * 10 ** MINOR.get(written.currency, 2))
    flags = () if written.currency else ("unknown_currency",)
    return Amount(Span(start, end), Kind.MONEY, minor, minor, written.currency, assumed=written.assumed, flags=flags)


def _money_by_magnitude(text: str, numeral: Numeral, country: str) -> Amount | None:
    """Sums that name no currency but a magnitude that is used for one: crore of rupees, 조 and 억 of won."""
    del country
    if (
        numeral.form == "indian"
        and "crore" in text[numeral.start : numeral.end].lower()
        and not _CRORE_OF.match(text, numeral.end)
    ):
        return _sum(
            numeral,
            numeral.start,
            numeral.end,
            Written(numeral.start, numeral.end, "INR", "crore without a currency: taken for INR"),
        )
    digits = text[numeral.start : numeral.end]
    if numeral.form == "korean" and ("조" in digits or "억" in digits) and _won(text, numeral):
        return _sum(
            numeral,
            numeral.start,
            numeral.end,
            Written(numeral.start, numeral.end, "KRW", "조, 억 without a currency: taken for KRW"),
        )
    return None


def _won(text: str, numeral: Numeral) -> bool:
    """Whether 조 or 억 without a currency is money: it is spent, or money is spoken of and nothing else is counted."""
    if _KOREAN_SUM.match(text, numeral.end):
        return True
    around = text[max(0, numeral.start - 60) : numeral.end + 40]
    bare = _KOREAN_BARE.match(text, numeral.end) is not None
    return bare and _KOREAN_MONEY.search(around) is not None and _KOREAN_COUNTED.search(around) is None


def _share(text: str, numeral: Numeral, country: str) -> Amount | None:
    """A share: per cent, or percentage points."""
    del country
    match = _PERCENT.match(text, numeral.end)
    if match is None or numeral.value > 10**7:
        return None
    value, of = round(numeral.value * 100), _OF_SHARE.match(text, match.end())
    whole = _OF_ENDS.split(of["of"], maxsplit=1)[0].strip() if of else ""
    return Amount(Span(numeral.start, match.end()), Kind.SHARE, value, value, PERCENT, of=whole)


def _multiplier(text: str, numeral: Numeral, country: str) -> Amount | None:
    """A multiplier: "20 times", "15배", "3x"."""
    del country
    match = _TIMES.match(text, numeral.end)
    if (
        match is None
        or numeral.like_year
        or (text[match.start() : match.end()].strip() == "times" and numeral.value <= 1)
    ):
        return None
    value = round(numeral.value * 1000)
    return Amount(Span(numeral.start, match.end()), Kind.MULTIPLIER, value, value, TIMES)


def _measured(text: str, numeral: Numeral, country: str) -> Amount | None:
    del country
    return _of_count(numeral, counted.measure(text, numeral))


def _quantity(text: str, numeral: Numeral, country: str) -> Amount | None:
    del country
    return _of_count(numeral, counted.counted(text, numeral))


def _elided(text: str, numeral: Numeral, last: Amount | None) -> Amount | None:
    """A number that has its unit from the sum before it: "70 million euros, to which the region adds 60 million"."""
    if last is not None and last.kind is Kind.MONEY and last.unit:
        large = numeral.scale >= 10**6 and _ELIDED_MONEY.match(text, numeral.end) is not None
        as_before = Written(numeral.start, numeral.end, last.unit, "no currency: that of the sum before it")
        return _sum(numeral, numeral.start, numeral.end, as_before) if large else None
    unit = last.unit if last is not None and last.kind is Kind.QUANTITY else ""
    return _of_count(numeral, counted.elided(text, numeral, unit))


def _part(text: str, first: Numeral, whole: Numeral, country: str) -> Amount | None:
    """A number that is so many of those that the next one counts: "4,000 of the 10,000 GPUs"."""
    if _OF_THE.fullmatch(text, first.end, whole.start) is None:
        return None
    all_of_them = _read(text, whole, country)
    if all_of_them is None or all_of_them.kind is not Kind.QUANTITY or not 0 < first.value < whole.value:
        return None
    value = round(first.value * all_of_them.low / whole.value)
    return replace(all_of_them, span=Span(first.start, first.end), low=value, high=value)


_OF_THE: Final = re.compile(r" of (?:the |its |those |these |all |some )?")
_ELIDED_MONEY: Final = re.compile(
    r"[.,;:)]|\Z| (?:more|a year|the (?:year|following)|annually|this|next|last|in|from|by|over|for|to|will|is|are|was|went|"
    r"goes?|on|per|and)(?![A-Za-z])"
)


def _of_count(numeral: Numeral, what: counted.Counted | None) -> Amount | None:
    if what is None:
        return None
    value = round(numeral.value * what.factor)
    return Amount(Span(what.start, what.end), Kind.QUANTITY, value, value, what.unit, of=what.of)


def _bounded(text: str, one: Amount) -> Amount:
    """The sum with how it is meant, from the words on either side."""
    left, right = text[max(0, one.span.start - 40) : one.span.start], one.span.end
    for bound, after in _RIGHT:
        if after.match(text, right) and one.kind is not Kind.RANK:
            return replace(one, bound=bound)
    inside = text[one.span.start : one.span.end]
    if " or more " in inside or "+ " in inside or " 이상" in inside:
        return replace(one, bound=Bound.AT_LEAST)
    if re.search(r"\d여[ ]?|[만억조천백]여[ ]?", inside):
        return replace(one, bound=Bound.ABOUT)
    said = _bound_before(left)
    return one if said is None else replace(one, bound=said)


def _bound_before(left: str) -> Bound | None:
    """The bound that the words before a sum set, the longest words first: "no more than" is not "more than"."""
    left = left.rstrip().lower()
    for filler in _FILLERS:
        left = left.removesuffix(filler)
    if not left.endswith(_LEFT_ENDS):
        return None
    for words, bound in _LEFT:
        if left.endswith(words) and not left[: len(left) - len(words)][-1:].isalpha():
            return bound
    return None


# One sum in two currencies

_SAME: Final = re.compile(
    r"[ ]?(?:[(（][ ]?|,? or |, |,? equivalent to |,? worth |[ ]?[/=≈][ ]?|[—–][ ])(?:equivalent to |"
    r"or |i\.e\.,? |equal to |worth )?"
    r"(?:about |approximately |around |roughly |some |nearly |almost |over |more than |"
    r"just over |just under |an estimated |approx\. ?|약 ?|한화 ?(?:약 ?)?|미화 ?|"
    r"~ ?|≈ ?|= ?)?",
    re.I,
)
_LOOSE: Final = re.compile(r", \Z|,? worth \Z")


def _same_sum(sentence: str, last: Amount, one: Amount, main: Amount) -> bool:
    """Whether a sum only repeats the one before it in another currency."""
    if last.kind is not Kind.MONEY or one.kind is not Kind.MONEY or one.unit in (last.unit, main.unit):
        return False
    gap = sentence[last.span.end : one.span.start]
    match = _SAME.fullmatch(gap[:60]) if len(gap) <= 60 else None
    if match is None:
        return False
    bracketed = "(" in gap or "（" in gap or "(" in sentence[max(0, last.span.start - 12) : last.span.start]
    return bracketed or not _LOOSE.fullmatch(gap)
