"""Currencies as they are written around a number, in English and Korean: signs, ISO 4217 codes, words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_CODE_WORDS: Final = (
    "AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNH CNY COP CZK DKK EGP EUR GBP GHS HKD HUF IDR ILS INR ISK JOD JPY KES "
    "KRW KWD KZT LKR MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RMB RON RUB RWF SAR SEK SGD THB TND TRY TWD TZS "
    "UAH UGX USD UYU UZS VND ZAR"
)
CODES: Final = frozenset(_CODE_WORDS.split())
_ALIASES: Final = {"RMB": "CNY", "CNH": "CNY"}

# A bare sign or word that several countries share: the page's country decides, else the first named here.
_DOLLARS: Final = {
    "CA": "CAD", "AU": "AUD", "NZ": "NZD", "SG": "SGD", "HK": "HKD", "TW": "TWD", "US": "USD",
}  # fmt: skip
_SHARED: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "$": ("USD", _DOLLARS),
    "dollar": ("USD", _DOLLARS),
    "¥": ("JPY", {"CN": "CNY", "JP": "JPY"}),
    "Rs": ("INR", {"IN": "INR", "PK": "PKR", "LK": "LKR"}),
    "rupee": ("INR", {"IN": "INR", "PK": "PKR", "LK": "LKR"}),
    "£": ("GBP", {"EG": "EGP"}),
    "pound": ("GBP", {"EG": "EGP"}),
    "kr": ("", {"SE": "SEK", "NO": "NOK", "DK": "DKK", "IS": "ISK"}),
    "crown": ("", {"SE": "SEK", "NO": "NOK", "DK": "DKK", "IS": "ISK", "CZ": "CZK"}),
    "franc": ("", {"CH": "CHF", "RW": "RWF"}),
    "peso": ("", {"MX": "MXN", "PH": "PHP", "AR": "ARS", "CL": "CLP", "CO": "COP"}),
    "dinar": ("", {"KW": "KWD", "JO": "JOD", "BH": "BHD", "TN": "TND"}),
    "riyal": ("SAR", {"SA": "SAR", "QA": "QAR", "OM": "OMR"}),
    "dirham": ("AED", {"AE": "AED", "MA": "MAD"}),
    "shilling": ("", {"KE": "KES", "TZ": "TZS", "UG": "UGX"}),
    "lira": ("TRY", {}),
    "?": ("", {}),
}

_SIGNS: Final = {
    "US$": "USD", "U.S.$": "USD", "U.S. $": "USD", "US $": "USD", "us $": "USD", "c $": "CAD", "C $": "CAD",
    "hk $": "HKD", "HK $": "HKD", "USD$": "USD", "USD $": "USD", "C$": "CAD", "CA$": "CAD",
    "CAD$": "CAD", "CAD $": "CAD", "Can$": "CAD", "CDN$": "CAD", "A$": "AUD", "AU$": "AUD", "AUD$": "AUD", "NZ$": "NZD",
    "HK$": "HKD", "S$": "SGD", "SG$": "SGD", "SGD$": "SGD", "NT$": "TWD", "R$": "BRL", "MX$": "MXN", "€": "EUR", "₩": "KRW",
    "￦": "KRW", "₹": "INR", "₽": "RUB", "₺": "TRY", "₫": "VND", "₪": "ILS", "฿": "THB", "₱": "PHP", "₦": "NGN", "₴": "UAH",
    "₸": "KZT", "RM": "MYR", "CN¥": "CNY", "JP¥": "JPY", "元": "CNY", "GH₵": "GHS", "Rp": "IDR", "zł": "PLN",
}  # fmt: skip
_BARE: Final = {"$": "$", "＄": "$", "¥": "¥", "￥": "¥", "£": "£", "Rs": "Rs", "Rs.": "Rs", "kr": "kr", "¤": "?"}
_SIGN_BEFORE: Final = re.compile(
    "(?P<sign>"
    + "|".join(
        (r"(?<![A-Za-z])" if sign[0].isascii() and sign[0].isalpha() else "") + re.escape(sign)
        for sign in sorted([*_SIGNS, *_BARE], key=len, reverse=True)
    )
    + "|[\u20a0-\u20cf])[ \u00a0]?\\Z"
)
_CODE_BEFORE: Final = re.compile(r"(?<![A-Za-z0-9])(?P<code>[A-Z]{3})[ \u00a0]?\Z")

_WORDS: Final = {
    "KRW": r"(?:south )?korean won|won|원(?!전|자|칙|천|본|료|유|년|격|조|심|서|인|주민|형|동력|소|가(?!량))|원화",
    "USD": r"(?:us|u\.s\.|american) dollars?|(?:미국 ?|미 ?)달러|달러화?|불(?=[ ,.)을를의에이은]|\Z)",
    "CAD": r"canadian dollars?|캐나다 ?달러",
    "AUD": r"australian dollars?|호주 ?달러",
    "SGD": r"singapore(?:an)? dollars?|싱가포르 ?달러",
    "NZD": r"new zealand dollars?|뉴질랜드 ?달러",
    "HKD": r"hong kong dollars?|홍콩 ?달러",
    "TWD": r"(?:new )?taiwan(?:ese)? dollars?|대만 ?달러",
    "EUR": r"euros?|유로화?",
    "GBP": r"(?:british )?pounds? sterling|british pounds?|파운드",
    "CNY": r"(?:chinese )?yuan|renminbi|위안화?",
    "JPY": r"(?:japanese )?yen|엔(?!비|진|지|드|터|트|씨)",
    "INR": r"indian rupees?|(?:인도 ?)?루피",
    "PKR": r"pakistani? rupees?",
    "AED": r"(?:uae |emirati )?dirhams?|디르함",
    "SAR": r"saudi (?:riyals?|rials?)|(?:사우디 ?)?(?:리얄|리알)",
    "QAR": r"qatari (?:riyals?|rials?)",
    "OMR": r"omani rials?",
    "CHF": r"swiss francs?|스위스 ?프랑",
    "SEK": r"swedish (?:kronor|krona|crowns?)",
    "NOK": r"norwegian (?:kroner|krone|crowns?)",
    "DKK": r"danish (?:kroner|krone|crowns?)",
    "CZK": r"czech (?:koruna|crowns?)",
    "BRL": r"(?:brazilian )?reais|brazilian reals?|헤알",
    "ZAR": r"(?:south african )?rands?",
    "MXN": r"mexican pesos?",
    "PHP": r"philippine pesos?",
    "ARS": r"argentine pesos?",
    "TRY": r"turkish liras?",
    "THB": r"(?:thai )?baht|바트",
    "MYR": r"(?:malaysian )?ringgit|링깃",
    "IDR": r"(?:indonesian )?rupiah|루피아",
    "VND": r"(?:vietnamese )?dong|베트남 ?동",
    "ILS": r"(?:new |israeli )?shekels?|셰켈",
    "PLN": r"(?:polish )?z[lł]oty(?:s|ch)?|즈워티",
    "RUB": r"(?:russian )?r(?:o)?ubles?|루블",
    "NGN": r"(?:nigerian )?naira",
    "BDT": r"(?:bangladeshi )?taka",
    "KZT": r"(?:kazakh )?tenge",
    "KWD": r"kuwaiti dinars?",
    "KES": r"kenyan shillings?",
    "RWF": r"rwandan francs?",
    "HUF": r"(?:hungarian )?forints?",
    "EGP": r"egyptian pounds?",
}
_SHARED_WORDS: Final = {
    "dollar": r"dollars?",
    "rupee": r"rupees?",
    "pound": r"pounds?",
    "crown": r"crowns?|kronor|kroner|krona|krone",
    "franc": r"francs?|프랑",
    "peso": r"pesos?|페소",
    "dinar": r"dinars?|디나르",
    "riyal": r"riyals?|rials?",
    "shilling": r"shillings?",
    "lira": r"liras?|lire",
}
_GROUPS: Final = [(f"w{at}", name, words) for at, (name, words) in enumerate([*_WORDS.items(), *_SHARED_WORDS.items()])]
_WORD_AFTER: Final = re.compile(
    r"[ \u00a0-]?(?:" + "|".join(f"(?P<{group}>{words})" for group, _, words in _GROUPS) + r")(?![A-Za-z])",
    re.IGNORECASE,
)
# Whatever may begin a currency's word, code or sign after a number; most numbers have something else there.
_FIRST_LETTERS: Final = frozenset(
    "abcdefghijklmnopqrstuwyz€₩￦元£원달미캐호싱뉴홍대유파위엔인루디사리스헤바링베불셰즈프페"
)
_NAMED: Final = {group: name for group, name, _ in _GROUPS}
_CODE_AFTER: Final = re.compile(r"[ \u00a0-]?\(?(?P<code>[A-Z]{3})(?![A-Za-z0-9])")
_DOLLAR_COUNTRY_AFTER: Final = re.compile(
    r"[ \u00a0]?(?:\(?(?P<code>USD|CAD|AUD|NZD|SGD|HKD|TWD)(?![A-Za-z])|(?P<word>Canadian|"
    r"Australian|American)(?![A-Za-z])(?! [a-z]))"
)
_NATIONS: Final = {"Canadian": "CAD", "Australian": "AUD", "American": "USD"}
_SIGN_AFTER: Final = re.compile(r"[ \u00a0]?(?P<sign>€|₩|￦|元|zł|£)")

# Three capitals before a sum that are no currency.
_NO_CODE_WORDS: Final = (
    "GPU NPU CPU TPU IBM AMD SKT ARM AWS API UAE USA GCC SME MIT TOP ALL AND THE FOR CEO KPI RND HBM NHN SKC"
)
_NO_CODES: Final = frozenset(_NO_CODE_WORDS.split())


@dataclass(frozen=True, slots=True)
class Written:
    """A currency as written beside a number, and where."""

    start: int
    end: int
    currency: str  # "" where it is not known
    assumed: str = ""  # why, where the writing alone does not say


def before(text: str, at: int, country: str) -> Written | None:
    """The sign or code that ends where a number begins ("US$", "₩", "KRW ")."""
    left = text[max(0, at - 9) : at]
    last = left.rstrip(" \u00a0")[-1:]
    if ((last.islower() and last not in "srpł") or last in ".,;:()-") and not left.rstrip().endswith("Rs."):
        return None
    shift = at - len(left)
    code = _CODE_BEFORE.search(left)
    if code is not None and code["code"] in CODES:
        return Written(shift + code.start(), at, _ALIASES.get(code["code"], code["code"]))
    match = _SIGN_BEFORE.search(left)
    if match is None:
        return None
    sign, start = match["sign"], shift + match.start()
    code = _CODE_BEFORE.search(left[: match.start()]) if sign in _BARE else None
    if code is not None and code["code"] in CODES:
        return Written(shift + code.start(), at, _ALIASES.get(code["code"], code["code"]))
    if sign in _SIGNS:
        return Written(start, at, _SIGNS[sign])
    return _shared(start, at, _BARE.get(sign, "?"), country, sign)


def after(text: str, at: int, country: str) -> Written | None:
    """The word, code or sign that follows a number ("won", "억 원" without its number, "KRW")."""
    right = text[at : at + 26]
    if right.lstrip(" -\u00a0")[:1].lower() not in _FIRST_LETTERS:
        return None
    match = _WORD_AFTER.match(right)
    if match is not None:
        name = _NAMED[match.lastgroup or ""]
        end = at + match.end()
        if name in _SHARED:
            return _nation_after(text, at, end) or _shared(at, end, name, country, match.group().strip(" -"))
        return Written(at, end, name)
    code = _CODE_AFTER.match(right)
    if code is not None and code["code"] in CODES and "(" not in code.group():
        return Written(at, at + code.end(), _ALIASES.get(code["code"], code["code"]))
    sign = _SIGN_AFTER.match(right)
    return None if sign is None else Written(at, at + sign.end(), _SIGNS.get(sign["sign"], "GBP"))


def unknown_code(text: str, at: int) -> Written | None:
    """Three capitals before a number that are no currency known here: a sum in an unknown currency, or no sum."""
    left = text[max(0, at - 6) : at]
    match = _CODE_BEFORE.search(left)
    if match is None or match["code"] in CODES or match["code"] in _NO_CODES:
        return None
    return Written(at - len(left) + match.start(), at, "")


def nation_of_dollars(text: str, at: int) -> Written | None:
    """What follows a sum in bare dollars and says whose they are ("$1.5 billion USD", "$2 million Canadian")."""
    return _nation_after(text, at, at)


def _nation_after(text: str, start: int, at: int) -> Written | None:
    match = _DOLLAR_COUNTRY_AFTER.match(text[at : at + 16])
    if match is None:
        return None
    closed = "(" in match.group() and text[at + match.end() : at + match.end() + 1] == ")"
    return Written(start, at + match.end() + closed, match["code"] or _NATIONS[match["word"]])


def _shared(start: int, end: int, name: str, country: str, written: str) -> Written:
    usual, nations = _SHARED[name]
    currency = nations.get(country.upper(), usual)
    if not currency:
        return Written(start, end, "", f"{written}: several countries have it" if name != "?" else "")
    if name == "£" or name == "pound":
        return Written(start, end, currency)
    where = f"the page's country is {country.upper()}" if country.upper() in nations else f"taken for {currency}"
    return Written(start, end, currency, f"bare {written}: {where}")
