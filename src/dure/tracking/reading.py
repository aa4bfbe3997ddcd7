"""Documents read: what each says, which repeat each other, and what contradicts what. No store, no programme."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

from dure import __version__
from dure.documents.copies import Originals
from dure.errors import InputError
from dure.mentions.model import Document, Mention, Status
from dure.mentions.reading import Extractor, checked, mentions
from dure.pledges.claims import Disagreement
from dure.pledges.linking import Said
from dure.store.documents import to_json
from dure.tracking.findings import findings_among

EXTRACTOR: Final = f"rules {__version__}"
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
Watch = Callable[[float], object]  # the part that is done, 0 to 1


@dataclass(frozen=True, slots=True)
class Page:
    """A document with what it says. `copy_of`: the sha256 of one that it repeats; `refused`: what a plugged-in extractor
    proposed and the text does not bear out."""

    document: Document
    mentions: tuple[Mention, ...] = ()
    copy_of: str = ""
    refused: tuple[str, ...] = ()

    @property
    def said(self) -> list[Said]:
        """Its mentions with it."""
        return [Said(self.document, mention) for mention in self.mentions]


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything that was read, in the order in which it was given; what can not be read is there with its reason."""

    pages: tuple[Page, ...]
    findings: tuple[Disagreement, ...]
    extractor: str = EXTRACTOR

    def pairs(self) -> Iterator[tuple[Document, Mention]]:
        """Every mention with its document; those of copies are left out."""
        for page in self.pages:
            if not page.copy_of:
                yield from ((page.document, mention) for mention in page.mentions)

    def json(self) -> dict[str, Any]:
        """JSON values: documents without their text, mentions with their sentence, findings."""
        return {
            "documents": [_document_json(page) for page in self.pages],
            "mentions": [mention_json(d, m) for d, m in self.pairs()],
            "findings": [_finding_json(found) for found in self.findings],
        }


def read(
    paths: Sequence[str | Path], published: date | None = None, language: str = "auto", watch: Watch = lambda part: None,
    *, country: str = "", extractor: Extractor | None = None,
) -> Readings:  # fmt: skip
    """Read files, folders and "-" (standard input). One that cannot be read is told with the reason, and stops no other.

    `country` (ISO 3166 alpha-2) is that of the pages: whose a bare "$" is, and whose fiscal years are meant.
    """
    from dure.documents.reading import read_through  # loads readers of HTML and PDF: nobody else needs to wait for them

    def told(done: int, total: int) -> None:
        watch(done / total)

    given = [str(path) for path in paths]
    rules = partial(mentions, country=country_code(country))
    found = read_through(given, rules, published=published, language=language, watch=told)
    return _readings(found, extractor, country)


def read_sent(
    data: bytes, name: str, published: date | None = None, language: str = "auto", *, country: str = ""
) -> Page:
    """One document that somebody sent, with what it says; all of it made in a child, with limits of time and memory."""
    from dure.documents.reading import read_bytes_through

    rules = partial(mentions, country=country_code(country))
    document, said = read_bytes_through(data, name, rules, published=published, language=language)
    return _page(_storable(document), said or (), None, country)


def country_code(country: str) -> str:
    """The code, or "" where none is known. Raises InputError for what is no code."""
    if country and not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
        raise InputError("no country", field="country", value=country, accepted='two capitals, as "CA" (ISO 3166)')
    return country


def readings(documents: Iterable[Document], *, extractor: Extractor | None = None) -> Readings:
    """What documents say; of several with the same bytes the first."""
    return _readings(((document, None) for document in documents), extractor)


def _readings(
    found: Iterable[tuple[Document, Sequence[Mention] | None]], extractor: Extractor | None, country: str = ""
) -> Readings:
    """Of documents with what the rules find in them, or None where nobody has looked yet."""
    pages: dict[str, Page] = {}
    originals = Originals()
    for document, said in ((_storable(document), said) for document, said in found):
        key = document.sha256 if document.status is Status.OK else f"{document.sha256} {document.name}"
        if key in pages:
            continue
        page = _page(document, said, extractor, country)
        if document.status is Status.OK:
            page = replace(page, copy_of=originals.repeated(document.sha256, document.text))
        pages[key] = page
    findings = findings_among([said for page in pages.values() if not page.copy_of for said in page.said])
    named = f"{EXTRACTOR}, {type(extractor).__name__}" if extractor else EXTRACTOR
    return Readings(tuple(pages.values()), tuple(findings), named)


def _page(document: Document, said: Sequence[Mention] | None, extractor: Extractor | None, country: str) -> Page:
    if document.status is not Status.OK:
        return Page(document)
    found = mentions(document, country=country) if said is None else said
    if extractor is None:
        return Page(document, tuple(found))
    passed, refused = checked(document, extractor.propose(document), country=country)
    known = {(m.sentence, m.amount and m.amount.span) for m in found}
    more = [m for m in passed if (m.sentence, m.amount and m.amount.span) not in known]
    return Page(document, (*found, *more), refused=tuple(refused))


def _storable(document: Document) -> Document:
    """The same with characters that no database keeps replaced one by one, so that offsets stay."""
    clean = _UNSTORABLE.sub("\ufffd", document.text)
    name = document.name.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return replace(document, text=clean, name=name)


# As JSON values


def _document_json(page: Page) -> dict[str, Any]:
    body = to_json(page.document)
    for long in ("text", "prose"):
        del body[long]
    return {**body, "characters": len(page.document.text), "mentions": len(page.mentions), "copy_of": page.copy_of,
            "refused": list(page.refused)}  # fmt: skip


def mention_json(document: Document, mention: Mention) -> dict[str, Any]:
    """A mention with its sentence, and each span's text beside it."""
    body = to_json(mention)
    for name in ("amount", "other", "period", "actor", "recipient", "source"):
        if body[name] is not None:
            span = body[name]["span"]
            body[name]["text"] = document.text[span["start"] : span["end"]]
    return {**body, "kind": str(mention.kind), "name": document.name, "quote": mention.quote(document.text)}


def _finding_json(found: Disagreement) -> dict[str, Any]:
    where = sorted({found.document, *(m.document for m in found.mentions)} - {""})
    places = [{"document": m.document, "start": m.sentence.start, "end": m.sentence.end} for m in found.mentions]
    if found.span is not None:
        places.append({"document": found.document, "start": found.span.start, "end": found.span.end})
    return {"kind": str(found.kind), "why": found.why, "documents": where, "places": places}
