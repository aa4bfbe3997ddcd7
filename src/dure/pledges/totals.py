"""Parts and their total: whether they can add up, in a page's sentences and among pledges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from dure.mentions.model import Amount, Bound, Document, Kind, Mention, Span
from dure.pledges.exchange import OFF_MILLI, is_currency, major
from dure.pledges.model import Pledge

_ALL: Final = re.compile(
    r"\b(?:consist\w{0,4} of|compris\w{1,4}|made up of|split|divided|broken down|composed of)\b|구성된|나뉜|나눠", re.I
)
_SOME: Final = re.compile(r"\b(?:includ\w{1,4}|of which|among them)\b|그중|그 중|이 중|이중|가운데", re.I)
_NUMBERS: Final = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
_LISTED: Final = re.compile(
    rf"\b(?P<word>{'|'.join(_NUMBERS)}) (?:[a-z-]{{2,20}} )?"
    r"(?:parts|pillars|components|streams|measures|initiatives|elements|areas|projects|programs|programmes)\b"
    r"|(?<!\d)(?P<digit>[2-9])(?:개|가지) ?(?:분야|사업|부문|축|항목)",
    re.I,
)
_TOGETHER: Final = re.compile(
    r"(?:\b(?:totall?ing|in total|a total of|together|adding up to|all told|altogether)|등 총|합해|합쳐|모두)\W{0,3}$",
    re.I,
)
_GAP: Final = 8  # characters between the sentences of a list: line ends and bullets


class HasSum(Protocol):
    """An amount or a pledge."""

    @property
    def low(self) -> int:
        """The least that it may be."""

    @property
    def high(self) -> int:
        """The most."""

    @property
    def unit(self) -> str:
        """Of both."""

    @property
    def bound(self) -> Bound:
        """How they are meant."""


def parts_fault(total: HasSum, parts: Sequence[HasSum], whole: bool) -> str:
    """Why parts cannot make up a total: they exceed it, or (`whole`: they are all of it) fall short; 2 % is let pass.

    A total of "at least" is not exceeded, a part of "at most" need not be there, and the other way round.
    """
    low = sum(0 if p.bound is Bound.AT_MOST else p.low for p in parts)
    high, unit = sum(p.high for p in parts), total.unit
    if low * 1000 > total.high * (1000 + OFF_MILLI) and total.bound is not Bound.AT_LEAST:
        return f"the parts add up to {_plain(low, unit)}, more than the total of {_plain(total.high, unit)}"
    short = high * 1000 < total.low * (1000 - OFF_MILLI)
    if whole and short and total.bound is not Bound.AT_MOST and all(p.bound is not Bound.AT_LEAST for p in parts):
        return f"the parts add up to {_plain(high, unit)}, less than the total of {_plain(total.low, unit)}"
    return ""


def parts_of_pledges(pledges: Iterable[Pledge]) -> dict[str, str]:
    """By their ids the pledges whose parts exceed them, and why. Parts may be missing, so that none falls short."""
    there = {pledge.id: pledge for pledge in pledges}
    parts: dict[str, list[Pledge]] = {}
    for pledge in there.values():
        whole = there.get(pledge.part_of)
        stands = not pledge.withdrawn and not pledge.superseded_by and pledge.kind is not Kind.RANK
        if whole is not None and stands and (pledge.kind, pledge.unit) == (whole.kind, whole.unit):
            parts.setdefault(whole.id, []).append(pledge)
    return {id: why for id, some in parts.items() if (why := parts_fault(there[id], some, whole=False))}


def _plain(value: int, unit: str) -> str:
    """A sum of money in whole units of its currency, any other as it is."""
    return f"{unit} {int(major(value, unit)):,}" if is_currency(unit) else f"{value:,} {unit}"


def faulty_totals(document: Document, mentions: Sequence[Mention]) -> Iterator[tuple[tuple[Mention, ...], str]]:
    """Totals with their parts: in one sentence around words such as "including" or "a total of", or in the sentences after
    one that says how many parts there are. Yields those that do not add up, the total first, and why."""
    by_sentence: dict[Span, list[tuple[Mention, Amount]]] = {}
    for mention in mentions:
        if mention.amount is not None and mention.kind is not Kind.RANK:
            by_sentence.setdefault(mention.sentence, []).append((mention, mention.amount))
    in_order = list(by_sentence.items())
    for at, (sentence, some) in enumerate(in_order):
        for total, amount in some:
            same = [one for one in some if one[1].unit == amount.unit and one[0] is not total]
            end = max(part.span.end for part in (amount, total.other) if part is not None)
            parts, whole = _parts_of(document.text, sentence, amount, end, same)
            if not same:
                parts, whole = _listed(document.text, sentence, amount, end, in_order[at + 1 : at + 10])
            why = parts_fault(amount, [part for _, part in parts], whole) if parts else ""
            if why:
                yield (total, *(mention for mention, _ in parts)), why


_Parts = list[tuple[Mention, Amount]]


def _parts_of(text: str, sentence: Span, total: Amount, end: int, same: _Parts) -> tuple[_Parts, bool]:
    """The parts of a total among the other sums of its sentence, and whether they are all of it; none where no word says so."""
    before = [one for one in same if one[1].span.end <= total.span.start]
    if len(before) > 1 and _TOGETHER.search(text, max(sentence.start, total.span.start - 40), total.span.start):
        return before, True
    found = [(pattern.search(text, end, sentence.end), whole) for pattern, whole in ((_ALL, True), (_SOME, False))]
    cues = [(cue.start(), cue.end(), whole) for cue, whole in found if cue is not None]
    if not cues:
        return [], False
    _, begun, whole = min(cues)
    later = [one for one in same if one[1].span.start >= end]
    parts = [one for one in later if one[1].span.start >= begun]
    if len(parts) != len(later) or len(parts) < (2 if whole else 1):
        return [], False  # a sum between the total and the word is the total of these parts
    return parts, whole


def _listed(
    text: str, sentence: Span, total: Amount, end: int, after: Sequence[tuple[Span, _Parts]]
) -> tuple[_Parts, bool]:
    """The parts of a total that stand in the sentences after it, one in each, where it says how many there are."""
    cue = _LISTED.search(text, end, sentence.end)
    if cue is None:
        return [], False
    count = int(cue["digit"]) if cue["digit"] else _NUMBERS.index(cue["word"].lower()) + 2
    parts: _Parts = []
    at = sentence.end
    for span, some in after[:count]:
        same = [one for one in some if one[1].unit == total.unit]
        if span.start - at > _GAP or not same:
            break
        parts.append(same[0])
        at = span.end
    return (parts, True) if len(parts) == count else ([], False)
