"""Documents and mentions between the tables and their values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from dure.app.access import NotFound
from dure.mentions.model import Document, Mention, Status
from dure.pledges.linking import Said
from dure.store import models
from dure.store.documents import from_json, to_json
from dure.units import DAY_S


def digest_of(body: object) -> str:
    """SHA-256 of JSON values, whatever the order of their keys."""
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def day_of(at_utc_s: int) -> date:
    """The day (UTC) of a moment."""
    return datetime.fromtimestamp(at_utc_s, UTC).date()


def end_of(day: date) -> int:
    """The first moment after a day (UTC)."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + DAY_S


def row_of(document: Document, copy_of: str, extractor: str, by: str, now: int) -> models.PledgeDocument:
    """A document that was read, as it will be stored."""
    return models.PledgeDocument(
        sha256=document.sha256, name=document.name, text=document.text, prose=[list(span) for span in document.prose],
        language=document.language, published=document.published.isoformat() if document.published else "",
        published_from=document.published_from[:20], media=document.media[:100], encoding=document.encoding[:100],
        flags=list(document.flags), copy_of=copy_of, extractor=extractor[:100], by=by, read_utc_s=now,
    )  # fmt: skip


def document_of(row: models.PledgeDocument) -> Document:
    """A stored document. Only what could be read is stored."""
    return Document(
        sha256=row.sha256, name=row.name, status=Status.OK, text=row.text,
        prose=tuple((start, end) for start, end in row.prose), language=row.language,
        published=date.fromisoformat(row.published) if row.published else None, published_from=row.published_from,
        media=row.media, encoding=row.encoding, flags=tuple(row.flags),
    )  # fmt: skip


def mention_row(row: models.PledgeDocument, mention: Mention) -> models.PledgeMention:
    """A mention, as it will be stored."""
    body = to_json(mention)
    return models.PledgeMention(document=row, digest=digest_of(body), body=body)


def mention_of(row: models.PledgeMention) -> Mention:
    """A stored mention."""
    return from_json(Mention, row.body)


def said_of(seqs: Iterable[int] | None = None) -> dict[int, Said]:
    """Mentions with their documents, by number; all, or those asked for that there are."""
    rows = models.PledgeMention.objects.select_related("document").order_by("seq")
    if seqs is not None:
        rows = rows.filter(seq__in=sorted(set(seqs)))
    documents: dict[int, Document] = {}
    found: dict[int, Said] = {}
    for row in rows:
        if row.document_id not in documents:
            documents[row.document_id] = document_of(row.document)
        found[row.seq] = Said(documents[row.document_id], mention_of(row))
    return found


def said(seq: int) -> Said:
    """One mention with its document. Raises NotFound."""
    found = said_of([seq]).get(seq)
    if found is None:
        raise NotFound("mention", str(seq))
    return found


def origins() -> dict[str, str]:
    """For each stored document the one that it repeats, or itself."""
    rows = models.PledgeDocument.objects.values_list("sha256", "copy_of")
    return {own: of or own for own, of in rows}


def storable(value: Any) -> str:
    """Why a value can not be stored by every database, or is too long; "" where it can."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
            return "holds a character that no database keeps"
        return "too long" if len(value) > 2000 else ""
    if isinstance(value, int) and not isinstance(value, bool):
        return "" if abs(value) < 2**62 else "too large"
    return ""
