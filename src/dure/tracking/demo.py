"""The pledges of the demonstration: three made-up pages, and what two people decided about them.

They are about the demonstration's own fleet and ledger: promises that are kept, one that goes on, an aim that was revised,
a sum that two pages tell differently, a promise without a record, and an aim that nothing measures.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from dure.app import people
from dure.app.access import Actor, Role
from dure.documents.reading import read_paths
from dure.mentions.model import Kind
from dure.pledges.folding import Revise
from dure.store import models
from dure.tracking import pledges, reviewing
from dure.tracking.importing import import_documents
from dure.tracking.reading import Readings, readings
from dure.tracking.stored import said, said_of

FOLDER: Final = Path(__file__).parent / "examples"
PAGES: Final = {  # name -> when it says that it was published
    "launch.txt": date(2026, 2, 2),
    "progress.ko.txt": date(2026, 3, 20),
    "digest.txt": date(2026, 3, 25),
}
SECOND: Final = "auditor"  # who confirms what the office proposes
WHO: Final = "Demonstration Programme Office"
_ACCEPTED: Final[tuple[tuple[str, str, dict[str, Any], str, str], ...]] = (  # id, words of its sentence, title and more, measure
    ("gpus", "13,000 GPUs", {"title": "13,000 GPUs in service"}, "accelerators_in_service", "US"),
    ("units", "100 million units", {
        "title": "100 million units of computing", "kind": Kind.QUANTITY, "low": 100_000_000, "high": 100_000_000, "unit": "units",
    }, "units_delivered", ""),
    ("projects", "25 projects", {"title": "25 projects supported"}, "projects", ""),
    ("domestic", "5 percent", {"title": "Share of domestic chips"}, "domestic_share", ""),
    ("budget", "200 billion won", {"title": "Budget of 2026 for shared computing"}, "spend", ""),
    ("people", "1,000 people", {"title": "1,000 people trained"}, "people_trained", ""),
    ("top-three", "top three", {"title": "Among the top three in artificial intelligence"}, "", ""),
)  # fmt: skip
_WRONG: Final = "digest.txt gives 300 billion won, and a rate of exchange that no day had"


def example_pages() -> Readings:
    """The pages as they are read."""
    found = read_paths([FOLDER / name for name in PAGES])
    return readings(
        replace(page, name=name, published=day, published_from="given")
        for page, (name, day) in zip(found, PAGES.items(), strict=True)
    )


def set_up(actor: Actor, now: int) -> None:
    """Import the pages as the office, and decide about them with a second person, whose account is made here. `now` is after
    the last page's date."""
    import_documents(actor, example_pages(), now)
    if not models.Grant.objects.filter(user=SECOND, role=Role.AUDITOR).exists():
        people.add_user(actor, SECOND, now)
        people.grant(actor, SECOND, Role.AUDITOR, now)
    second = people.actor_of(SECOND)

    def agreed(proposal: models.PledgeProposal) -> None:
        reviewing.confirm(second, proposal.seq, now)

    for pledge, words, changes, measure, scope in _ACCEPTED:
        mention = _mention("launch.txt", words)
        agreed(reviewing.accept(actor, mention, now, {"pledge": pledge, "actor": WHO, **changes}))
        if measure:
            agreed(pledges.measure(actor, pledge, measure, now, scope=scope))
    agreed(reviewing.propose(actor, _revised(_mention("progress.ko.txt", "8퍼센트")), now))
    agreed(reviewing.link(actor, _mention("progress.ko.txt", "1,000명"), "people", now))
    agreed(reviewing.link(actor, _mention("digest.txt", "300 billion won"), "budget", now))
    agreed(pledges.dispute(actor, "budget", _WRONG, now))


def _revised(mention: int) -> Revise:
    """The second page raises the share that the first one promised."""
    amount = said(mention).mention.amount
    assert amount is not None
    return Revise(
        pledge="domestic", on=PAGES["progress.ko.txt"], sequence=0, low=amount.low, high=amount.high, mention=str(mention),
        why="the second page raises it",
    )  # fmt: skip


def _mention(page: str, words: str) -> int:
    """The number of the mention of a page whose sentence has these words."""
    return next(n for n, one in said_of().items() if one.document.name == page and words in one.sentence)
