"""What is odd in pages, and what they contradict each other in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from dure.formats.rates import EcbRates
from dure.pledges.claims import Disagreement, between, credited_elsewhere, currency_signs, of_document
from dure.pledges.linking import Said, suggest


@cache
def rates() -> EcbRates:
    """The European Central Bank's rates; their file is read at the first question."""
    return EcbRates()


def findings_among(said: Sequence[Said]) -> list[Disagreement]:
    """Findings within the pages of these mentions, and among the mentions."""
    by_page: dict[str, list[Said]] = {}
    for one in said:
        by_page.setdefault(one.document.sha256, []).append(one)
    found: list[Disagreement] = []
    for some in by_page.values():
        found += of_document(some[0].document, [one.mention for one in some], rates())
    found += credited_elsewhere(some[0].document for some in by_page.values())
    return [*found, *between(said, suggest(said, rates())), *currency_signs(said)]
