"""Characters from bytes: what the bytes say goes before what a header says of them."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED: Final = re.compile(
    rb"<(?:meta|\?xml)\b[^<>]{0,300}?"
    rb"""(?:charset|encoding)\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_HEAD_BYTES: Final = 16_384  # where a header is looked for
_LOOKED_AT: Final = 200_000  # bytes that statistics are made of
_KOREAN_PAIR: Final = re.compile(rb"[\xa1-\xfe][\xa1-\xfe]|[\x81-\xc6][A-Za-z\x81-\xfe]")
_HANGUL_PAIR: Final = re.compile(
    rb"[\xb0-\xc8][\xa1-\xfe]|[\x81-\xc6][A-Za-z\x81-\xa0]|[\x81-\xa0][\xa1-\xfe]|\xa1[\xa1-\xfe]"
)
_ASCII: Final = bytes(range(128))
_KOREAN_SHARE: Final = 0.8  # of the pairs that are Hangul; Chinese and Japanese read as Korean give about half
_BROKEN: Final = 0.005  # share of characters that could not be read, up to which a text is whole
_WITNESSES: Final = 8  # characters beyond ASCII that were read, for an encoding to be believed where one was not
_REPLACED: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class Decoded:
    """Characters with the encoding, how it was found, and whether a header had it wrong. `encoding` "" is: none fits."""

    text: str
    encoding: str
    how: str = ""  # "mark", "bytes", "header", "guess"
    misdeclared: bool = False

    @property
    def named(self) -> str:
        """As a document records it."""
        return f"{self.encoding} ({self.how})"


def decode(data: bytes) -> Decoded:
    """The characters of a file: by its mark, then by what its bytes can be, then by its header, then by a guess."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _checked(data.decode(name, "replace"), name.removesuffix("-sig"), "mark", data)
    if wide := _wide(data):
        return _checked(data.decode(wide, "replace"), wide, "bytes", data)
    for name in ("utf-8", "cp949"):
        possible = name == "utf-8" or _is_korean(data)
        if possible and (text := _read(data, name)) is not None:
            return _checked(text, name, "bytes", data)
    name = declared(data)
    if name and (text := _read(data, name)) is not None:
        return Decoded(text, name, "header")
    return _checked(data.decode("cp1252", "replace"), "windows-1252", "guess", data)


def declared(data: bytes) -> str:
    """The encoding that a page's own header names, by Python's name; "" for none or one that nobody knows."""
    found = _DECLARED.search(data[:_HEAD_BYTES])
    try:
        name = codecs.lookup(found[1].decode("ascii", "replace")).name if found else ""
    except (LookupError, ValueError):
        return ""
    if name in ("euc_kr", "ks_c-5601-1987"):
        return "cp949"  # which holds it
    return "cp1252" if name in ("iso8859-1", "ascii", "latin-1") else name


def _wide(data: bytes) -> str:
    """UTF-16 without a mark, told by where its zero bytes stand."""
    head = data[:4_096]
    if len(head) < 16 or 0 not in head:
        return ""
    even, odd = head[::2].count(0) / len(head[::2]), head[1::2].count(0) / len(head[1::2])
    if odd > 0.3 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 and odd < 0.05 else ""


def _is_korean(data: bytes) -> bool:
    """Whether the bytes beyond ASCII are the pairs that CP949 writes Hangul with."""
    part = data[:_LOOKED_AT]
    high = len(part.translate(None, _ASCII))
    pairs = Counter(_KOREAN_PAIR.findall(part))

    def count(fits: Callable[[bytes], bool]) -> int:
        return sum(n for pair, n in pairs.items() if fits(pair))

    hangul = count(lambda pair: _HANGUL_PAIR.fullmatch(pair) is not None)
    strict = count(
        lambda pair: pair[0] >= 0xB0 and pair[1] >= 0xA1
    )  # of the older standard, which common syllables are in
    whole = pairs.total() + count(lambda pair: pair[1] >= 0x80) >= 0.95 * high
    return pairs.total() >= 2 and whole and hangul >= _KOREAN_SHARE * pairs.total() and strict >= 0.5 * pairs.total()


def _read(data: bytes, name: str) -> str | None:
    """The text in an encoding, None where too much of it cannot be read so."""
    try:
        text = data.decode(name, "replace")
    except (LookupError, ValueError):  # of a codec that is none of characters
        return None
    lost = text.count(_REPLACED)
    foreign = len(text) - len(text.encode("ascii", "ignore")) if lost else 0
    cut = _REPLACED not in text[:-2] and foreign >= _WITNESSES  # the last character, as by a download that broke off
    return text if not lost or cut or lost <= _BROKEN * foreign else None


def _checked(text: str, name: str, how: str, data: bytes) -> Decoded:
    if name.startswith("windows") and _binary(text):
        return Decoded("", "")
    said = declared(data)
    same = not said or codecs.lookup(said) == codecs.lookup(name) or (data.isascii() and name == "utf-8")
    return Decoded(text, name, how, misdeclared=not same)


def _binary(text: str) -> bool:
    """Whether it holds what no text does: many control characters."""
    part = text[:_LOOKED_AT]
    control = sum(part.count(chr(c)) for c in range(32) if chr(c) not in "\t\n\r\f\x0b\x1b")
    return control > 0.02 * max(len(part), 1)
