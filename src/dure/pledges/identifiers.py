"""Identifiers of publications in a text, and whether their check digits hold.

ISBN-10 and ISBN-13 (ISO 2108), ISSN (ISO 3297), ORCID (ISO 7064 mod 11-2) and the PII of serials (weights are the first
sixteen primes without 11, modulo 11; Green and Bide, Unique Identifiers, 1999). A DOI and an arXiv number have no check digit:
only their form is looked at, and that of an arXiv number the month. A number counts only where a label or an address says
what it is, so that no telephone number is judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dure.mentions.model import Span


class Scheme(StrEnum):
    """What kind of identifier it is."""

    ISBN_10 = "ISBN-10"
    ISBN_13 = "ISBN-13"
    ISSN = "ISSN"
    ORCID = "ORCID"
    PII = "PII"
    DOI = "DOI"
    ARXIV = "arXiv"


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier as a text has it. `fault` is "" where nothing is wrong with it; that does not say that it exists."""

    scheme: Scheme
    written: str
    span: Span
    fault: str = ""


_GAP: Final = r"[\s:#.=/()-]{0,4}"
_LABELLED: Final = (
    (Scheme.ISBN_13, re.compile(rf"\bISBN(?:[- ]?1[03](?!\d))?{_GAP}(97[89](?:[ -]?\d){{10}})(?![\dXx])", re.I)),
    (Scheme.ISBN_10, re.compile(rf"\bISBN(?:[- ]?10(?!\d))?{_GAP}(\d(?:[ -]?\d){{8}}[ -]?[\dXx])(?![ -]?[\dXx])", re.I)),
    (Scheme.ISSN, re.compile(rf"ISSN(?:-L)?{_GAP}(?:(?:print|online|electronic){_GAP})?(\d{{4}}-?\d{{3}}[\dXx])(?![\dXx])", re.I)),
    (Scheme.ORCID, re.compile(r"orcid(?:\.org/|[\s:]{1,3})(\d{4}-?\d{4}-?\d{4}-?\d{3}[\dXx])(?![\dXx])", re.I)),
    (Scheme.PII, re.compile(r"\bpii[\s:/]{1,3}(S\d{7}[\dXx]\d{7}[\dXx])(?![\dXx])", re.I)),
    (Scheme.PII, re.compile(r"(?<![A-Za-z\d])(S\d{4}-\d{3}[\dXx]\(\d\d\)\d{5}-[\dXx])(?![\dXx])")),
    (Scheme.DOI, re.compile(r"(?:\bdoi\.org/|\bdoi[:\s]{1,3})([^\s<>\"]{1,200})", re.I)),
    (Scheme.ARXIV, re.compile(r"\barxiv(?:\.org/(?:abs|pdf|html)/|:\s?)(\d{4}\.\d{1,8}(?:v\d{1,2})?)", re.I)),
)  # fmt: skip
_DOI: Final = re.compile(r"10\.\d{4,9}(?:\.\d{1,9}){0,4}/\S{1,190}")
_ARXIV: Final = re.compile(r"(\d\d)(\d\d)\.(\d{4,5})(?:v[1-9]\d?)?")
_PRIMES: Final = (53, 47, 43, 41, 37, 31, 29, 23, 19, 17, 13, 7, 5, 3, 2)


def identifiers(text: str) -> list[Identifier]:
    """All labelled identifiers of a text, in order, each once per place."""
    found: dict[tuple[int, int], Identifier] = {}
    for scheme, pattern in _LABELLED:
        for match in pattern.finditer(text):
            span, written = match.span(1), match[1].rstrip(".,;:)")
            if scheme is Scheme.DOI:
                written = match[1].rstrip(".,;:") if "(" in match[1] else written
                span = (span[0], span[0] + len(written))
            found.setdefault(
                span, Identifier(scheme, match[1][: span[1] - span[0]], Span(*span), fault(scheme, written))
            )
    return sorted(found.values(), key=lambda i: (i.span.start, i.span.end))


def fault(scheme: Scheme, written: str) -> str:
    """Why this cannot be an identifier of the scheme; "" where it can."""
    if scheme is Scheme.DOI:
        return "" if _DOI.fullmatch(written) else "a DOI begins with 10., a registrant's number and /"
    if scheme is Scheme.ARXIV:
        return _arxiv_fault(written)
    code = re.sub(r"[\s()-]", "", written).upper()
    body = code[1:] if scheme is Scheme.PII else code
    if not _SHAPES[scheme].fullmatch(code):
        return f"not the form of an {scheme}"
    wrong = [
        f"{what} is {has}, {should} would be right" for what, has, should in _checks(scheme, body) if has != should
    ]
    return "; ".join(wrong)


def _arxiv_fault(written: str) -> str:
    """Year, month and number: of four digits up to the end of 2014, of five after it; the scheme began in April 2007."""
    found = _ARXIV.fullmatch(written)
    if found is None:
        return "an arXiv number is a year and a month of two digits each, a point and four or five digits"
    year, month, digits = int(found[1]), int(found[2]), len(found[3])
    if not 1 <= month <= 12 or (year, month) < (7, 4):
        return f"no arXiv number is of month {month} of 20{year:02}"
    right = 5 if year >= 15 else 4
    return "" if digits == right else f"it has {digits} digits after the point, {right} would be right in 20{year:02}"


_SHAPES: Final = {
    Scheme.ISBN_10: re.compile(r"[0-9]{9}[0-9X]"),
    Scheme.ISBN_13: re.compile(r"97[89][0-9]{10}"),
    Scheme.ISSN: re.compile(r"[0-9]{7}[0-9X]"),
    Scheme.ORCID: re.compile(r"[0-9]{15}[0-9X]"),
    Scheme.PII: re.compile(r"S[0-9]{7}[0-9X][0-9]{7}[0-9X]"),
}


def _checks(scheme: Scheme, body: str) -> Iterator[tuple[str, str, str]]:
    """What is checked, what it is, what it should be."""
    if scheme is Scheme.ISBN_13:
        yield "the check digit", body[-1], str(-sum(int(c) * (3 if i % 2 else 1) for i, c in enumerate(body[:-1])) % 10)
    elif scheme is Scheme.ORCID:
        total = 0
        for c in body[:-1]:
            total = (total + int(c)) * 2
        yield "the check digit", body[-1], _digit(12 - total)
    elif scheme is Scheme.PII:
        yield "the check digit of the journal's ISSN", body[7], _descending(body[:7])
        yield "the check digit", body[-1], _digit(sum(w * _value(c) for w, c in zip(_PRIMES, body[:-1])))
    else:
        yield "the check digit", body[-1], _descending(body[:-1])


def _descending(digits: str) -> str:
    """The check digit of ISBN-10 and ISSN: weights fall to 2, modulo 11."""
    return _digit(-sum(w * int(c) for w, c in zip(range(len(digits) + 1, 1, -1), digits)))


def _digit(total: int) -> str:
    return "X" if total % 11 == 10 else str(total % 11)


def _value(digit: str) -> int:
    return 10 if digit == "X" else int(digit)
