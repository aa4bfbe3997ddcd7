"""Bytes to text by what they are: plain text, a page, a PDF file, or something that is none of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Final

from dure.documents.encoding import decode
from dure.documents.lines import unwrapped
from dure.documents.outcome import HTML, PDF, TEXT, Outcome, Refused
from dure.mentions.model import Document, Status
from dure.mentions.text import clean, language, prose

_OTHERS: Final = (
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ\x00", "compressed by xz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an old office or HWP document"),
    (b"HWP Document File", "an old HWP document"),
    (b"{\\rtf", "a rich-text document"),
    (b"%!PS", "a PostScript file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"RIFF", "a picture or a recording"),
    (b"II*\x00", "a picture"),
    (b"MM\x00*", "a picture"),
    (b"\x7fELF", "a program"),
)
_PAGE: Final = re.compile(r"<(?:!doctype\s+html|html|head|body|article|main|div|p|meta|title|table)\b", re.IGNORECASE)
_START: Final = 2_048  # characters that tell a page


@dataclass(frozen=True, slots=True)
class Text:
    """What a document will hold, apart from whose it is."""

    status: Status
    text: str = ""
    prose: tuple[tuple[int, int], ...] = ()
    language: str = ""
    published: date | None = None
    media: str = ""
    encoding: str = ""
    why: str = ""
    flags: tuple[str, ...] = ()
    made: Any = None  # of the document, where whoever asked wanted more of it than its text

    def document(self, data: bytes, name: str, published: date | None) -> Document:
        """The document with its bytes' hash. `published` goes before what the page says of itself."""
        day = published or self.published
        said = "given" if published else "page" if day else ""
        digest = sha256(data).hexdigest()
        return Document(
            digest, name, self.status, self.text, self.prose, self.language, day, said, self.media, self.encoding, self.why,
            self.flags,
        )  # fmt: skip


def extract(data: bytes, name: str, wanted: str = "auto") -> Text:
    """The text of a file, normalised, with its prose and language; or why it has none. `wanted` other than "auto" is its language."""
    try:
        return _finished(_read(data, name), wanted)
    except Refused as refusal:
        return Text(refusal.status, media=refusal.media, why=refusal.why)


def media_of(data: bytes, name: str) -> str:
    """What a file is by its first bytes; "" for text, of which only its characters can tell. Raises Refused for what is not read."""
    if not data.strip(b"\x00\t\n\r\f "):
        raise Refused(Status.EMPTY, "an empty file" if not data else "a file of blanks")
    if data[:1_024].lstrip().startswith(b"%PDF-"):
        return PDF
    other = next((what for start, what in _OTHERS if data.startswith(start)), "")
    if other:
        raise Refused(Status.UNREADABLE, f"not what its name says: {other}" if "." in name else f"{other}")
    if name.lower().endswith(".pdf"):
        raise Refused(Status.UNREADABLE, "not what its name says: no PDF")
    return ""


def _read(data: bytes, name: str) -> Outcome:
    if media_of(data, name) == PDF:
        from dure.documents.pdf import read_pdf  # each loads a library that the other kinds of files do without

        return read_pdf(data)
    page = decode(data)
    if not page.encoding:
        raise Refused(Status.UNREADABLE, "no text: its bytes fit no encoding")
    flags = ("charset",) if page.misdeclared else ()
    if name.lower().endswith((".html", ".htm", ".xhtml")) or _PAGE.search(page.text[:_START]):
        from dure.documents.html import read_html

        found = read_html(page)
        return Outcome(found.text, found.media, found.encoding, (*flags, *found.flags), found.published)
    return Outcome(page.text, TEXT, page.named, flags)


def needs(data: bytes, name: str) -> None:
    """Load what reading a file will need, so that its time is not spent on that."""
    from contextlib import suppress

    with suppress(Refused):
        if media_of(data, name) == PDF:
            import dure.documents.pdf
        elif b"<" in data[:4_096]:
            import dure.documents.html  # noqa: F401


def _finished(found: Outcome, wanted: str) -> Text:
    text, seen = clean(found.text)
    text = text if found.media == HTML else unwrapped(text)
    spans = prose(text)
    said = wanted if wanted != "auto" else language("\n".join(text[a:b] for a, b in spans) or text)
    flags = (*found.flags, *seen)
    status, why = Status.OK, ""
    if not any(c.isalpha() for c in text):
        status, why = Status.NO_TEXT, "no words in it"
    elif not said:
        status, why = Status.UNREAD_LANGUAGE, "neither English nor Korean: there are no rules for its language"
    return Text(status, text, spans, said, found.published, found.media, found.encoding, why, flags)
