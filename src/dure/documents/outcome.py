"""What a reader makes of a file's bytes: text, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dure.mentions.model import Status

HTML, PDF, TEXT = "text/html", "application/pdf", "text/plain"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Text as it was extracted, not yet normalised. `published` is the page's own date, None where it gives no full one."""

    text: str
    media: str
    encoding: str
    flags: tuple[str, ...] = ()
    published: date | None = None


class Refused(Exception):
    """A file has no text to give; caught where documents are made, and never leaves the package."""

    def __init__(self, status: Status, why: str, media: str = "") -> None:
        self.status, self.why, self.media = status, why, media
        super().__init__(why)
