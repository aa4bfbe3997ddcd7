"""The text layer of a PDF file by pypdf. A scan has none, and is said to need text recognition."""

from __future__ import annotations

import io
import re
from typing import Final

import pypdf

from dure.documents.outcome import PDF, Outcome, Refused
from dure.mentions.model import Status

_INLINE: Final = re.compile(rb"\bBI\s")  # an image within a page's drawing


def read_pdf(data: bytes) -> Outcome:
    """The text of all pages, its lines as they stand. Raises Refused for a scan, a password or a damaged file."""
    if b"%%EOF" not in data[-4_096:]:
        raise Refused(Status.UNREADABLE, "a damaged PDF: its end is missing", PDF)
    try:
        texts, images = _pages(_opened(data))
    except (Refused, MemoryError):
        raise
    except Exception as e:  # pypdf meets a damaged file with whatever error its objects lead it to
        raise Refused(Status.UNREADABLE, f"a damaged PDF: {type(e).__name__}", PDF) from e
    if not any(t.strip() for t in texts):
        why = "a scan: needs OCR" if images else "a PDF without text"
        raise Refused(Status.NO_TEXT, why, PDF)
    flags = ("scanned pages",) if images else ()
    return Outcome("\n\n".join(texts), PDF, "", flags=flags)


def _opened(data: bytes) -> pypdf.PdfReader:
    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Refused(Status.UNREADABLE, "needs a password", PDF)
    return reader


def _pages(reader: pypdf.PdfReader) -> tuple[list[str], bool]:
    """The text of each page, and whether a page without text shows an image."""
    texts, images = [], False
    for page in reader.pages:
        texts.append(page.extract_text())
        images = images or (not texts[-1].strip() and _has_image(page))
    return texts, images


def _has_image(page: pypdf.PageObject) -> bool:
    """Whether a page names an image; none is unpacked."""
    resources = page.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources is not None else None
    found = objects.get_object() if objects is not None else {}
    return (
        any(o.get_object().get("/Subtype") in ("/Image", "/Form") for o in found.values())
        or _INLINE.search(_content(page)) is not None
    )


def _content(page: pypdf.PageObject) -> bytes:
    contents = page.get_contents()
    return contents.get_data() if contents is not None else b""
