"""Documents into the store, for review: all of an import or nothing, each document once."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from dure.app.access import Action, Actor, require
from dure.documents.copies import Originals
from dure.mentions.model import Document, Status
from dure.store import models
from dure.tracking import decided
from dure.tracking.reading import Page, Readings
from dure.tracking.stored import mention_row, row_of


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: documents that are new, were there before, repeat another (these are among the new ones), and were
    left out with the reason; and how many mentions now wait for review."""

    new: tuple[str, ...]  # names
    known: tuple[str, ...]
    copies: tuple[tuple[str, str], ...]  # name, name of the document that it repeats
    refused: tuple[tuple[str, Status, str], ...]  # name, status, why
    mentions: int


@transaction.atomic
def import_documents(actor: Actor, read: Readings, now: int) -> Imported:
    """Store what was read, in one transaction. What could not be read is not stored: it may be tried again."""
    require(actor, Action.EDIT_PLEDGE)
    decided.lock()  # two imports at once do not miss each other's copies
    fit = [page for page in read.pages if page.document.status is Status.OK]
    there = _there()
    fresh = [page for page in fit if page.document.sha256 not in there.names]
    copies = [there.original(page.document) for page in fresh]
    rows = [
        row_of(page.document, copy_of, read.extractor, actor.user, now)
        for page, copy_of in zip(fresh, copies, strict=True)
    ]
    models.PledgeDocument.objects.bulk_create(rows, batch_size=200)
    mentions = _keep_mentions(fresh, rows)
    for page, row in zip(fresh, rows, strict=True):
        decided.log_document(row, len(page.mentions), now)
    return Imported(
        new=tuple(page.document.name for page in fresh),
        known=tuple(page.document.name for page in fit if page not in fresh),
        copies=tuple((p.document.name, there.names[of]) for p, of in zip(fresh, copies, strict=True) if of),
        refused=tuple((p.document.name, p.document.status, p.document.why) for p in read.pages if p not in fit),
        mentions=mentions,
    )


def _keep_mentions(pages: list[Page], rows: list[models.PledgeDocument]) -> int:
    """Store what the pages say, the same statement of a page once; how many."""
    found: list[models.PledgeMention] = []
    for page, row in zip(pages, rows, strict=True):
        once = {made.digest: made for made in (mention_row(row, mention) for mention in page.mentions)}
        found += once.values()
    models.PledgeMention.objects.bulk_create(found, batch_size=500)
    return len(found)


@dataclass
class _There:
    """What is stored: names by sha256, and the documents that repeat no other."""

    names: dict[str, str]
    originals: Originals

    def original(self, document: Document) -> str:
        """The sha256 of the document that this one repeats, or ""; it is known from here on."""
        self.names[document.sha256] = document.name
        return self.originals.repeated(document.sha256, document.text)


def _there() -> _There:
    rows = models.PledgeDocument.objects.order_by("seq")
    names = dict(rows.values_list("sha256", "name"))
    there = _There(names, Originals())
    for sha256, text in rows.filter(copy_of="").values_list("sha256", "text").iterator(100):
        there.originals.add(sha256, text)
    return there
