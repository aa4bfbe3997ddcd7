"""Pages as values, and a small programme whose pledges are decided about by two people.

Who may decide: `office` and `second` (office), `c1` and `c2` (compliance), `aud` (auditor). `outsider` reads alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

from dure.mentions import text as texts
from dure.mentions.model import Document, Status
from dure.units import DAY_S
from tests.operation.programme_world import NOW, Small, small

ONE = """\
The Ministry of Science and ICT will have 40 GPUs in service for start-ups and laboratories by August 31, 2026. It aims to
raise the share of domestic chips to 20 percent by the end of 2027. It has allocated 200 billion won for shared computing in
its 2026 budget."""
TWO = """\
The Ministry of Science and ICT will have 60 GPUs in service for start-ups and laboratories by August 31, 2026, raised from an
earlier target of 40."""
OTHER = (
    "The Ministry of Science and ICT has allocated 300 billion won ($120 million) for shared computing in its budget."
)


def page(text: str, name: str = "page.txt", published: date | None = date(2026, 7, 1)) -> Document:
    """A page as the reader of documents gives it."""
    clean, flags = texts.clean(text.replace("\n", " ") if "\n\n" not in text else text)
    return Document(
        sha256=sha256(text.encode()).hexdigest(), name=name, status=Status.OK, text=clean, prose=texts.prose(clean),
        language=texts.language(clean), published=published, published_from="given" if published else "",
        media="text/plain", encoding="utf-8", flags=flags,
    )  # fmt: skip


def unread(name: str = "scan.pdf") -> Document:
    """A page without a text."""
    return replace(page("x", name), status=Status.NO_TEXT, text="", prose=(), why="a scan: it needs text recognition")


def world() -> Small:
    """The programme of `tests.operation`, with an auditor."""
    from dure.app import people

    made = small()
    people.add_user(made.office, "aud", NOW)
    people.grant(made.office, "aud", "auditor", NOW)
    return made


def imported(made: Small, *documents: Document, now: int = NOW) -> Any:
    """Read and import these, as the office."""
    from dure.tracking.importing import import_documents
    from dure.tracking.reading import readings

    return import_documents(made.office, readings(documents), now)


def mention_of(unit: str, name: str = "page.txt") -> int:
    """The number of the mention of a page that has a sum in a unit."""
    from dure.tracking.stored import said_of

    (found,) = [
        seq for seq, s in said_of().items()
        if s.document.name == name and s.mention.amount is not None and s.mention.amount.unit == unit
    ]  # fmt: skip
    return found


def agreed(made: Small, proposal: Any, second: str = "c1", now: int = NOW) -> Any:
    """What somebody else confirms."""
    from dure.tracking import reviewing

    return reviewing.confirm(made.actor(second), proposal.seq, now)


def accepted(made: Small, unit: str, name: str = "page.txt", now: int = NOW, **changes: Any) -> str:
    """A pledge of the mention with a sum in a unit; its id."""
    from dure.tracking import reviewing

    proposal = reviewing.accept(made.office, mention_of(unit, name), now, changes)
    agreed(made, proposal, now=now)
    return str(proposal.pledge)


DAY = DAY_S
