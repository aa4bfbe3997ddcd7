"""Which mentions speak of one promise. Everything here is a suggestion with its reasons: nothing is ever merged by itself."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import log
from typing import Final

from dure.mentions.known import BODY, GOVERNMENT, PROGRAMME, country_of, kind_of
from dure.mentions.model import Document, Kind, Mention, Stance
from dure.pledges.model import Pledge

SUGGESTED: Final = 600  # a score in thousandths from which a link is suggested
NEAR_MILLI: Final = 20  # two sums within 2 % are the same sum: pages round
_SCORES: Final = {"actor": 250, "kin": 200, "value": 350, "period": 150, "words": 350, "other_actor": -100}
_NEIGHBOURS: Final = 300  # of those that share an actor or a sum, each is compared with so many that follow
_WORDS_FULL: Final = 500  # share in thousandths of the shorter sentence's words from which `words` counts in full


@dataclass(frozen=True, slots=True)
class Said:
    """A mention with the document that it is in."""

    document: Document
    mention: Mention

    @property
    def sentence(self) -> str:
        """As written."""
        return self.mention.quote(self.document.text)

    @property
    def actor(self) -> str:
        """The actor's known id, or how it is written, or ""."""
        party = self.mention.actor
        if party is None:
            return ""
        return party.known or self.document.text[party.span.start : party.span.end].casefold()


class Relation(StrEnum):
    """What a link would say."""

    SAME = "same"  # two sayings of one promise
    REVISION = "revision"  # the later one takes the earlier one's place
    DIFFERS = "differs"  # one promise, told differently, and nothing says which is later


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A link between two mentions, by their places in the sequence that was given; `earlier < later` for a revision."""

    first: int
    second: int  # of a revision, the one that holds now
    relation: Relation
    score_milli: int  # 0 to 1000
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PledgeLink:
    """A link between a mention and a pledge that is there already."""

    pledge: str
    mention: int
    relation: Relation
    score_milli: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """What two sides are compared by."""

    kind: Kind
    actor: str
    acts_for: str  # the actor, or its government
    actor_known: bool
    values: tuple[tuple[str, int, int], ...]  # unit, low, high; a sum in two currencies has two
    until: date | None
    words: frozenset[str]
    known_on: date | None
    says_revised: bool
    said: Said | None = None  # None: a pledge


def suggest(said: Sequence[Said], begin: int = 0) -> list[Suggestion]:
    """Links among mentions with a score of `SUGGESTED` or more, the best first.

    Only mentions of one kind that share an actor or a sum are compared, each with the 300 next of them (so that time grows
    with their number, not its square: give them in order of the pages' dates); an opinion is linked to nothing.
    Those before `begin` are not compared with each other: after an import only what is new needs to be looked at.
    """
    sides = [_side(one) for one in said]
    found = []
    for a, b in sorted(_candidates(said, sides, begin)):
        compared = _compare(sides[a], sides[b])
        if compared is not None:
            relation, score, reasons, turned = compared
            first, second = (b, a) if turned else (a, b)
            found.append(Suggestion(first, second, relation, score, reasons))
    return sorted(found, key=lambda s: (-s.score_milli, s.first, s.second))


def suggest_for(pledges: Iterable[tuple[Pledge, str]], said: Sequence[Said]) -> list[PledgeLink]:
    """Links of mentions to pledges, each pledge with the words of its object (its sentences), the best first."""
    sides = [_side(one) for one in said]
    found = []
    for pledge, text in pledges:
        there = _Side(
            pledge.kind, pledge.actor, _acts_for(pledge.actor), True, _pledged(pledge), pledge.deadline,
            object_words(f"{pledge.title} {text}"), pledge.made, False,
        )  # fmt: skip
        for place, side in enumerate(sides):
            if said[place].mention.stance is Stance.OPINION or not _keys(there) & _keys(side):
                continue
            compared = _compare(there, side)
            if compared is not None:
                relation, score, reasons, turned = compared
                relation = Relation.DIFFERS if turned and relation is Relation.REVISION else relation
                found.append(PledgeLink(pledge.id, place, relation, score, reasons))
    return sorted(found, key=lambda s: (-s.score_milli, s.pledge, s.mention))


def groups(count: int, links: Iterable[Suggestion], threshold: int = SUGGESTED) -> list[tuple[int, ...]]:
    """Mentions that hang together by links of `threshold` or more, each group in order; those without a link alone."""
    root = list(range(count))

    def top(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for link in links:
        if link.score_milli >= threshold:
            a, b = sorted((top(link.first), top(link.second)))
            root[b] = a
    together: dict[int, list[int]] = defaultdict(list)
    for place in range(count):
        together[top(place)].append(place)
    return [tuple(members) for _, members in sorted(together.items())]


def kin(a: str, b: str) -> bool:
    """Whether two actors are one, or are of one government: a ministry's promise is its government's."""
    return bool(a) and _acts_for(a) == _acts_for(b)


def _acts_for(actor: str) -> str:
    public = kind_of(actor) in (GOVERNMENT, BODY, PROGRAMME) and country_of(actor)
    return f"government of {country_of(actor)}" if public else actor


def values_of(mention: Mention) -> tuple[tuple[str, int, int], ...]:
    """Unit, low and high of a mention's sum, in each currency that the page gives it in."""
    return tuple((a.unit, a.low, a.high) for a in (mention.amount, mention.other) if a is not None and a.unit)


def agree(a: Sequence[tuple[str, int, int]], b: Sequence[tuple[str, int, int]]) -> bool | None:
    """Whether two sums are the same within 2 % in a unit that both have; None where they share none."""
    found = None
    for x in a:
        for y in b:
            if x[0] == y[0]:
                if _meet(x, y):
                    return True
                found = False
    return found


def object_words(text: str) -> frozenset[str]:
    """What a sentence is about: its words without the common ones, English plurals and Korean particles taken off."""
    found = set()
    for word in _WORD.findall(text.casefold()):
        if word.isascii():
            word = word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 4 else word
        else:
            word = _PARTICLE.sub("", word)
        if word not in _COMMON:
            found.add(word)
    return frozenset(found)


_WORD: Final = re.compile(r"[a-z]{2,40}|[가-힣]{2,20}")
_PARTICLE: Final = re.compile(r"(?<=[가-힣]{2})(?:에서|에게|까지|부터|으로|은|는|이|가|을|를|의|에|로|과|와|도|만)$")
_COMMON_TEXT: Final = """
the of and or to in on for by with from at as an is are was were be been being it its this that these those which who will
would shall may can has have had not no but than then into over under about up out more most also such new next year month
week day until between through during per cent percent billion million trillion won dollar euro said say announced announce
plan aim government country korea south korean invest investment spend spent commit earmarked allocate allocated allocating
provide secure raise raised rise increase increased worth total least
억원 조원 만장 원을 정부 한국 우리나라 이상 이하 올해 내년 지난해 위해 대한 통해 관련 계획 예정 목표 밝혔다
투자 규모 추진 한다 했다 있다
"""
_COMMON: Final = frozenset(_COMMON_TEXT.split())
_REVISED: Final = re.compile(
    r"\b(?:raised?|raising|increas\w{1,3}|rais\w{1,3}|lift(?:ed|s)?|cut|lower(?:ed|s)?|reduc\w{1,3}|revis\w{1,3}|brought forward"
    r"|postponed|delayed|doubled|tripled|instead of|up from|down from)\b"
    r"|상향|하향|증액|감액|앞당|연기|늘리|늘려|늘렸|줄이|줄여|줄였|수정",
    re.I,
)
_TO: Final = re.compile(r"\s*(?:won|dollars|euros|units|GPUs|chips|people)?\s*(?:to|에서|→)\s*\$?\s*", re.I)


def _meet(a: tuple[str, int, int], b: tuple[str, int, int]) -> bool:
    low, high = max(a[1], b[1]), min(a[2], b[2])
    return low <= high or (low - high) * 1000 <= NEAR_MILLI * max(abs(low), abs(high))


def _side(one: Said) -> _Side:
    mention = one.mention
    taken = [mention.amount, mention.other, mention.period, mention.actor]
    text, sentence = one.document.text, mention.sentence
    kept, at = [], sentence.start
    for span in sorted((part.span for part in taken if part is not None), key=lambda s: s.start):
        kept.append(text[at : max(at, span.start)])
        at = max(at, span.end)
    kept.append(text[at : sentence.end])
    return _Side(
        mention.kind, one.actor, _acts_for(one.actor), bool(mention.actor and mention.actor.known), values_of(mention),
        mention.period.until if mention.period else None, object_words(" ".join(kept)), one.document.published,
        bool(_REVISED.search(one.sentence)), one,
    )  # fmt: skip


def _pledged(pledge: Pledge) -> tuple[tuple[str, int, int], ...]:
    return ((pledge.unit, pledge.low, pledge.high),) if pledge.unit else ()


def _keys(side: _Side) -> frozenset[tuple[object, ...]]:
    """What two sides must share one of to be compared: without an actor or a sum in common no link can be suggested."""
    keys: set[tuple[object, ...]] = {("actor", side.kind, side.acts_for)} if side.actor else set()
    for unit, low, high in side.values:
        sizes = range(_size(low * 98 // 100), _size(high * 102 // 100 + 1) + 1)
        keys |= {("value", unit, size) for size in sizes}
    return frozenset(keys)


def _size(value: int) -> int:
    """A class of size of some 4 %."""
    return int(log(max(value, 1)) * 25)


def _candidates(said: Sequence[Said], sides: Sequence[_Side], begin: int) -> set[tuple[int, int]]:
    blocks: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, side in enumerate(sides):
        if said[place].mention.stance is not Stance.OPINION:
            for key in _keys(side):
                blocks[key].append(place)
    return {
        (a, b)
        for members in blocks.values()
        for at, a in enumerate(members)
        for b in members[at + 1 : at + 1 + _NEIGHBOURS]
        if b >= begin
    }


def _compare(a: _Side, b: _Side) -> tuple[Relation, int, tuple[str, ...], bool] | None:
    """Relation, score, reasons, and whether `a` is the later one; None where no link is suggested."""
    if a.kind is not b.kind:
        return None
    same_sum = agree(a.values, b.values)
    score = _score(a, b, same_sum)
    if score < SUGGESTED:
        return None
    reasons = _reasons(a, b, same_sum)
    if same_sum is not False and (a.until == b.until or None in (a.until, b.until)):
        return Relation.SAME, score, reasons, False
    if a.said and b.said and a.said.document.sha256 == b.said.document.sha256:
        order = _order_within(a, b)
        return None if order is None else (Relation.REVISION, score, (*reasons, "one text says that it changed"), order)
    if a.known_on and b.known_on and a.known_on != b.known_on and kin(a.actor, b.actor):
        return Relation.REVISION, score, (*reasons, "the later page says otherwise"), a.known_on > b.known_on
    if a.says_revised != b.says_revised and kin(a.actor, b.actor):
        return Relation.REVISION, score, (*reasons, "one text says that it changed"), a.says_revised
    return Relation.DIFFERS, score, (*reasons, "another sum" if same_sum is False else "another date"), False


def _order_within(a: _Side, b: _Side) -> bool | None:
    """In one document: whether `a` is the later one where the text says "from b to a"; None where it says no such thing."""
    if a.said is None or b.said is None or a.said.mention.sentence != b.said.mention.sentence or not a.says_revised:
        return None
    first, second = a.said.mention.amount, b.said.mention.amount
    if first is None or second is None:
        return None
    turned = first.span.start > second.span.start
    low, high = (second, first) if turned else (first, second)
    between = a.said.document.text[low.span.end : high.span.start]
    return turned if len(between) <= 40 and _TO.fullmatch(between) else None


def _score(a: _Side, b: _Side, same_sum: bool | None) -> int:
    """0 to 1000. Words are looked at last, and only where they can decide: most pairs share an actor and nothing else."""
    score = _SCORES["value"] if same_sum else 0
    if a.actor and a.actor == b.actor:
        score += _SCORES["actor"]
    elif a.actor and a.acts_for == b.acts_for:
        score += _SCORES["kin"]
    elif a.actor_known and b.actor_known:
        score += _SCORES["other_actor"]
    if a.until is not None and a.until == b.until:
        score += _SCORES["period"]
    if score + _SCORES["words"] >= SUGGESTED:
        score += _of_words(a, b)
    return min(max(score, 0), 1000)


def _of_words(a: _Side, b: _Side) -> int:
    shared = len(a.words & b.words)
    share = shared * 1000 // max(min(len(a.words), len(b.words)), 4)
    return _SCORES["words"] * min(share, _WORDS_FULL) // _WORDS_FULL if shared >= 2 else 0


def _reasons(a: _Side, b: _Side, same_sum: bool | None) -> tuple[str, ...]:
    """What `_score` counted, in words."""
    found = []
    if a.actor and a.actor == b.actor:
        found.append(f"the same actor ({a.actor})")
    elif a.actor and a.acts_for == b.acts_for:
        found.append(f"of one government ({a.actor}, {b.actor})")
    elif a.actor_known and b.actor_known:
        found.append(f"another actor ({a.actor}, {b.actor})")
    if same_sum:
        found.append("the same sum")
    if a.until is not None and a.until == b.until:
        found.append(f"the same date ({a.until})")
    if _of_words(a, b):
        found.append(f"words: {', '.join(sorted(a.words & b.words)[:6])}")
    return tuple(found)
