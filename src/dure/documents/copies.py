"""Which documents repeat another: near copies of a page are found by what their texts share, and count once. Pure."""

from __future__ import annotations

import heapq
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

SHINGLE: Final = 5  # words
SKETCH: Final = 512  # hashes kept; exact for a page of up to about 500 words
_UNSIGNED: Final = (1 << 64) - 1
_SKETCHED: Final = 1_000_000  # characters; a long report is known by its beginning
COPY_JACCARD: Final = 0.5
COPY_CONTAINMENT: Final = 0.8
_WORD: Final = re.compile(r"[^\W_]+")


def sketch(text: str) -> frozenset[int]:
    """A text's fingerprint: the `SKETCH` least hashes (64 bits) of its runs of five words; of all words, where there are fewer."""
    words = _WORD.findall(text[:_SKETCHED].casefold())
    if not words:
        return frozenset()
    known = {word: int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big") for word in set(words)}
    row = [known[word] for word in words]
    runs = set(zip(*(row[i:] for i in range(SHINGLE)))) if len(row) >= SHINGLE else {tuple(row)}
    # The hash of integers in a tuple is the same in every process; no sketch is kept for longer than that.
    return frozenset(heapq.nsmallest(SKETCH, {hash(run) & _UNSIGNED for run in runs}))


def likeness(a: frozenset[int], b: frozenset[int]) -> tuple[float, float]:
    """How alike two texts are by their sketches: Jaccard index, and what part of the smaller stands in the larger. 0 to 1.

    Both compare hashes only up to the bound below which both sketches are complete, so they hold for texts of unlike length.
    """
    return _shares(len(a & b), sorted(a), sorted(b))


def _shares(both: int, a: Sequence[int], b: Sequence[int]) -> tuple[float, float]:
    """`likeness` of sketches in order, which have `both` hashes in common."""
    bound = min(one[-1] if len(one) >= SKETCH else _UNSIGNED for one in (a, b))
    low = [bisect_right(one, bound) for one in (a, b)]
    return (both / (sum(low) - both), both / min(low)) if all(low) else (0.0, 0.0)


def is_copy(a: frozenset[int], b: frozenset[int]) -> bool:
    """Whether two documents are to count once: the one repeats half of both together, or holds most of the other."""
    return _counts_once(*likeness(a, b))


def _counts_once(jaccard: float, containment: float) -> bool:
    return jaccard >= COPY_JACCARD or containment >= COPY_CONTAINMENT


class Originals:
    """Documents by name, for telling which of them another one repeats. Only those that have a hash in common are compared."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sketches: list[list[int]] = []
        self._first: dict[int, int] = {}  # of each hash, the first document that has it
        self._more: dict[int, list[int]] = {}  # and the others

    def add(self, name: str, text: str) -> None:
        """Know a document from here on."""
        self._add(name, sketch(text))

    def repeated(self, name: str, text: str) -> str:
        """The name of the first document that this one repeats, or ""; one that repeats none is known from here on."""
        own = sketch(text)
        shared: Counter[int] = Counter()
        for one in self._first.keys() & own:
            shared[self._first[one]] += 1
            shared.update(self._more.get(one, ()))
        ordered = sorted(own)
        for number in sorted(shared):
            if _counts_once(*_shares(shared[number], ordered, self._sketches[number])):
                return self._names[number]
        self._add(name, own)
        return ""

    def _add(self, name: str, own: frozenset[int]) -> None:
        number = len(self._names)
        self._names.append(name)
        self._sketches.append(sorted(own))
        for one in own:
            if self._first.setdefault(one, number) != number:
                self._more.setdefault(one, []).append(number)
