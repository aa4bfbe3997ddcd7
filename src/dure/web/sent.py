"""Documents that somebody sends: read by a child under limits of time and memory, and what they say with them."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import replace
from datetime import date
from threading import BoundedSemaphore
from typing import Final, Literal

from django.http import HttpRequest
from pydantic import Field, ValidationError

from dure.app.access import Action, require
from dure.errors import InputError, InputErrors
from dure.mentions.model import Status
from dure.tracking.reading import Page, read_sent
from dure.web.problems import Problem
from dure.web.requests import Asked, bounded

LARGEST: Final = 4_000_000  # bytes of a document that is sent: a request is to end
LONGEST: Final = 1_000_000  # characters of its text; it is read for what it says in about a second
READING: Final = BoundedSemaphore(
    2
)  # documents that a process of the service reads at a time, each in a child of its own


class Sent(Asked):
    """A document: its `text`, or the bytes of its file as `content` in base64."""

    name: str = Field(min_length=1, max_length=200)
    text: str | None = Field(None, max_length=LONGEST)
    content: str | None = Field(None, max_length=(LARGEST + 2) // 3 * 4)
    published: date | None = None
    language: Literal["auto", "en", "ko"] = "auto"
    country: str = Field(
        "", max_length=2, description='whose a bare "$" is: ISO 3166 alpha-2, "" where it is not known'
    )


def page_sent(request: HttpRequest) -> Page:
    """What was sent, with what it says: read once, by a child under limits of time and memory, before any transaction."""
    require(request.actor, Action.EDIT_PLEDGE)  # before a child reads what anybody sent
    if "page" not in request.__dict__:
        page = _read(_sent(request))
        document = page.document
        if document.status is not Status.OK:
            raise InputError(
                f"{document.status}: {document.why}", field="content", accepted="text, HTML, PDF with a text"
            )
        request.__dict__["page"] = page
    found: Page = request.__dict__["page"]
    return found


def _sent(request: HttpRequest) -> Sent:
    """The body. It is read here because a document is longer than other texts of the API may be."""
    if request.content_type != "application/json":
        raise Problem("media-type", "The body is to be application/json.")
    try:
        sent = Sent.model_validate_json(request.body, strict=True)
    except ValidationError as exc:
        faults = exc.errors(include_url=False, include_input=False)
        if any(fault["type"] == "json_invalid" for fault in faults):
            raise Problem("malformed", "The body is no JSON document.") from None
        raise InputErrors([InputError(f["msg"], field=".".join(map(str, f["loc"]))) for f in faults]) from None
    bounded({"name": sent.name})
    if (sent.text is None) == (sent.content is None):
        raise InputError("one of the two is needed", field="text, content", accepted="a text, or bytes in base64")
    return sent


def _read(sent: Sent) -> Page:
    """The document in what was sent, read by a child under limits of time and memory."""
    if sent.text is not None:
        data = sent.text.encode()
    else:
        try:
            data = b64decode(sent.content or "", validate=True)
        except (binascii.Error, ValueError):
            raise InputError("not base64", field="content") from None
    if not READING.acquire(blocking=False):
        raise Problem("busy", "Other documents are being read.")
    try:
        page = read_sent(data, sent.name, sent.published, sent.language, country=sent.country)
    finally:
        READING.release()
    document = page.document
    if len(document.text) > LONGEST:
        why = f"at most {LONGEST:,} characters are taken here; it has {len(document.text):,}: dure pledge import"
        return Page(replace(document, status=Status.TOO_LARGE, text="", prose=(), why=why))
    return page
