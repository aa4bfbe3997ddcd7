"""Which mentions speak of one promise. Everything here is a suggestion with its reasons: nothing is ever merged by itself."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from heapq import nlargest
from itertools import chain
from math import log
from typing import Final

from dure.actors.known import BODY, GOVERNMENT, PROGRAMME, country_of, kind_of
from dure.mentions.model import Document, Kind, Mention, Stance
from dure.pledges.exchange import Rates, Sum, abroad, is_currency
from dure.pledges.model import Pledge

SUGGESTED: Final = 600  # a score in thousandths from which a link is suggested
NEAR_MILLI: Final = 20  # two sums within 2 % are the same sum: pages round
ABROAD_MILLI: Final = 50  # in two currencies within 5 %: each page rounds, and has the rate of some day near its own
_SCORES: Final = {"actor": 250, "kin": 200, "value": 350, "period": 150, "words": 350, "other_actor": -100}
_NEIGHBOURS: Final = 300  # of those that share a sum, or an actor and a word, so many of the last are looked at
_CLOSEST: Final = 40  # of which each is compared with so many that share the most
_WORDS_LEAST: Final = 2  # one word in common says nothing
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
    same_sum: bool | None = None  # None: they name none in one unit, nor in currencies with a rate


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
    values: tuple[Sum, ...]  # a sum in two currencies has two
    abroad: Mapping[str, tuple[int, int]]  # the sum in other currencies, at the rate of the page's day
    until: date | None
    words: frozenset[str]
    known_on: date | None
    says_revised: bool
    said: Said | None = None  # None: a pledge


def suggest(said: Sequence[Said], rates: Rates | None = None) -> list[Suggestion]:
    """Links among mentions with a score of `SUGGESTED` or more, the best first.

    Sums in two currencies are compared at the rate of either page's day, within 5 %; without `rates`, or without a day, they
    say nothing. Only mentions of one kind that share a sum, or an actor and words, are compared, each with the 40 before it
    that share the most (so that time grows with their number, not its square); an opinion is linked to nothing.
    """
    sides = _sides(said, rates)
    index, found = _Index(_NEIGHBOURS, _CLOSEST), []
    for b, side in enumerate(sides):
        if said[b].mention.stance is Stance.OPINION:
            continue
        for a in index.near(side):
            compared = _compare(sides[a], side)
            if compared is not None:
                first, second = (b, a) if compared.turned else (a, b)
                found.append(
                    Suggestion(first, second, compared.relation, compared.score, compared.reasons, compared.same_sum)
                )
        index.add(b, side)
    return sorted(found, key=lambda s: (-s.score_milli, s.first, s.second))


def suggest_for(
    pledges: Iterable[tuple[Pledge, str]], said: Sequence[Said], rates: Rates | None = None
) -> list[PledgeLink]:
    """Links of mentions to pledges, each pledge with the words of its object (its sentences), the best first."""
    there = list(pledges)
    sides = _sides(said, rates, {pledge.unit for pledge, _ in there})
    index = _Index()
    for place, side in enumerate(sides):
        if said[place].mention.stance is not Stance.OPINION:
            index.add(place, side)
    currencies = _currencies(sides)
    found = []
    for pledge, text in there:
        own = _pledged(pledge, text, rates, currencies)
        for place in index.near(own):
            compared = _compare(own, sides[place])
            if compared is not None:
                later = compared.turned and compared.relation is Relation.REVISION
                relation = Relation.DIFFERS if later else compared.relation
                found.append(PledgeLink(pledge.id, place, relation, compared.score, compared.reasons))
    return sorted(found, key=lambda s: (-s.score_milli, s.pledge, s.mention))


def kin(a: str, b: str) -> bool:
    """Whether two actors are one, or are of one government: a ministry's promise is its government's."""
    return bool(a) and _acts_for(a) == _acts_for(b)


def _acts_for(actor: str) -> str:
    public = kind_of(actor) in (GOVERNMENT, BODY, PROGRAMME) and country_of(actor)
    return f"government of {country_of(actor)}" if public else actor


def values_of(mention: Mention) -> tuple[Sum, ...]:
    """Unit, low and high of a mention's sum, in each currency that the page gives it in."""
    return tuple((a.unit, a.low, a.high) for a in (mention.amount, mention.other) if a is not None and a.unit)


def same_sum(a: Said, b: Said, rates: Rates | None = None) -> bool | None:
    """Whether two mentions name one sum: in a unit that both have, else at the rate of either page's day; None: not to be told."""
    one, other = _sides((a, b), rates)
    return _same_sum(one, other)


def agree(a: Sequence[Sum], b: Sequence[Sum]) -> bool | None:
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
        if word not in _COMMON:
            found.add(_singular(word) if word.isascii() else _PARTICLE.sub("", word))
    return frozenset(found - _COMMON)


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith("ss"):
        return word
    return f"{word[:-3]}y" if word.endswith("ies") and len(word) > 4 else word[:-1]


_WORD: Final = re.compile(r"[a-z][a-z0-9]{1,40}|[가-힣]{2,20}")
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


def _meet(a: Sum, b: Sum, near_milli: int = NEAR_MILLI) -> bool:
    low, high = max(a[1], b[1]), min(a[2], b[2])
    return low <= high or (low - high) * 1000 <= near_milli * max(abs(low), abs(high))


def _same_sum(a: _Side, b: _Side) -> bool | None:
    direct = agree(a.values, b.values)
    if direct is not None:
        return direct
    met = [
        _meet((value[0], *one.abroad[value[0]]), value, ABROAD_MILLI)
        for one, other in ((a, b), (b, a))
        for value in other.values
        if value[0] in one.abroad
    ]
    return any(met) if met else None


def _currencies(sides: Iterable[_Side]) -> set[str]:
    return {unit for side in sides for unit, *_ in side.values if is_currency(unit)}


def _sides(said: Sequence[Said], rates: Rates | None, units: Iterable[str] = ()) -> list[_Side]:
    currencies = {unit for one in said for unit, *_ in values_of(one.mention)} | set(units) if rates else set()
    return [_side(one, rates, set(filter(is_currency, currencies))) for one in said]


def _side(one: Said, rates: Rates | None, currencies: set[str]) -> _Side:
    mention, values, day = one.mention, values_of(one.mention), one.document.published
    return _Side(
        mention.kind, one.actor, _acts_for(one.actor), bool(mention.actor and mention.actor.known), values,
        abroad(values, currencies, rates, day) if rates and day else {}, mention.period.until if mention.period else None,
        _object_words(one), day, bool(_REVISED.search(one.sentence)), one,
    )  # fmt: skip


def _object_words(one: Said) -> frozenset[str]:
    """Of a sentence without its sum, date and actor, but with what is counted."""
    mention, text = one.mention, one.document.text
    kept, at = [mention.amount.of if mention.amount else ""], mention.sentence.start
    taken = [part.span for part in (mention.amount, mention.other, mention.period, mention.actor) if part is not None]
    for span in sorted(taken, key=lambda s: s.start):
        kept.append(text[at : max(at, span.start)])
        at = max(at, span.end)
    kept.append(text[at : mention.sentence.end])
    return object_words(" ".join(kept))


def _pledged(pledge: Pledge, text: str, rates: Rates | None, currencies: set[str]) -> _Side:
    values = ((pledge.unit, pledge.low, pledge.high),) if pledge.unit else ()
    return _Side(
        pledge.kind, pledge.actor, _acts_for(pledge.actor), True, values,
        abroad(values, currencies, rates, pledge.made) if rates and pledge.made else {}, pledge.deadline,
        object_words(f"{pledge.title} {text}"), pledge.made, False,
    )  # fmt: skip


class _Index:
    """The places of sides, in drawers by what another side must share with them for a link to be possible: a sum, or the
    actor and a word. A drawer holds the `last` ones, and `closest` bounds an answer."""

    def __init__(self, last: int | None = None, closest: int | None = None) -> None:
        self._drawers: dict[tuple[object, ...], deque[int]] = defaultdict(lambda: deque(maxlen=last))
        self._sides: dict[int, _Side] = {}
        self._closest = closest

    def add(self, place: int, side: _Side) -> None:
        """Put a side into its drawers."""
        self._sides[place] = side
        sums = [*_drawers("sum", side.kind, side.values, 0), *_drawers("abroad", side.kind, _abroad(side), 0)]
        for key in (*dict.fromkeys(sums), *_word_drawers(side)):
            self._drawers[key].append(place)

    def near(self, side: _Side) -> list[int]:
        """The places of those that could be linked with a side, in order."""
        shared = Counter(self._in(_word_drawers(side)))
        found = {place: words for place, words in shared.items() if words >= _WORDS_LEAST}
        keys = {
            *_drawers("sum", side.kind, side.values, NEAR_MILLI),
            *_drawers("abroad", side.kind, side.values, ABROAD_MILLI),
            *_drawers("sum", side.kind, _abroad(side), ABROAD_MILLI),
        }
        for place in set(self._in(keys)):
            other = self._sides[place]
            words = len(side.words & other.words)
            if words >= _WORDS_LEAST or (side.actor and side.acts_for == other.acts_for):
                found[place] = words + len(side.words)  # a sum is worth more than all words
        if self._closest is not None and len(found) > self._closest:
            return sorted(nlargest(self._closest, found, key=lambda place: (found[place], place)))
        return sorted(found)

    def _in(self, keys: Iterable[tuple[object, ...]]) -> Iterator[int]:
        return chain.from_iterable(self._drawers.get(key, ()) for key in keys)


def _word_drawers(side: _Side) -> Iterator[tuple[object, ...]]:
    return (("word", side.kind, side.acts_for, word) for word in side.words if side.actor)


def _abroad(side: _Side) -> Iterator[Sum]:
    return ((unit, low, high) for unit, (low, high) in side.abroad.items())


def _drawers(name: str, kind: Kind, sums: Iterable[Sum], near_milli: int) -> Iterator[tuple[object, ...]]:
    """By classes of size of some 4 %: of the sums, and of all that are as near to them, and a little more."""
    wider = near_milli and near_milli + 10
    for unit, low, high in sums:
        smallest, largest = low * (1000 - wider) // 1000, -(-high * (1000 + wider) // 1000)
        yield from ((name, kind, unit, size) for size in range(_size(smallest), _size(largest) + 1))


def _size(value: int) -> int:
    return int(log(max(value, 1)) * 25)


@dataclass(frozen=True, slots=True)
class _Compared:
    """What a link would say; `turned`: the first of the two is the later one."""

    relation: Relation
    score: int
    reasons: tuple[str, ...]
    same_sum: bool | None
    turned: bool = False


def _compare(a: _Side, b: _Side) -> _Compared | None:
    """None where no link is suggested."""
    if a.kind is not b.kind:
        return None
    same_sum = _same_sum(a, b)
    words = a.words & b.words
    score = _score(a, b, same_sum, len(words))
    if score < SUGGESTED:
        return None
    reasons = _reasons(a, b, same_sum, words)
    if same_sum is not False and (a.until == b.until or None in (a.until, b.until)):
        return _Compared(Relation.SAME, score, reasons, same_sum)
    if a.said and b.said and a.said.document.sha256 == b.said.document.sha256:
        order, why = _order_within(a, b), "one text says that it changed"
        if order is None:
            return None
    elif a.known_on and b.known_on and a.known_on != b.known_on and kin(a.actor, b.actor):
        order, why = a.known_on > b.known_on, "the later page says otherwise"
    elif a.says_revised != b.says_revised and kin(a.actor, b.actor):
        order, why = a.says_revised, "one text says that it changed"
    else:
        other = "another sum" if same_sum is False else "another date"
        return _Compared(Relation.DIFFERS, score, (*reasons, other), same_sum)
    return _Compared(Relation.REVISION, score, (*reasons, why), same_sum, order)


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


def _score(a: _Side, b: _Side, same_sum: bool | None, words: int) -> int:
    """0 to 1000; `words` is how many they share."""
    score = (_SCORES["value"] if same_sum else 0) + _of_words(a, b, words)
    if a.actor and a.actor == b.actor:
        score += _SCORES["actor"]
    elif a.actor and a.acts_for == b.acts_for:
        score += _SCORES["kin"]
    elif a.actor_known and b.actor_known:
        score += _SCORES["other_actor"]
    if a.until is not None and a.until == b.until:
        score += _SCORES["period"]
    return min(max(score, 0), 1000)


def _of_words(a: _Side, b: _Side, words: int) -> int:
    share = words * 1000 // max(min(len(a.words), len(b.words)), 4)
    return _SCORES["words"] * min(share, _WORDS_FULL) // _WORDS_FULL if words >= _WORDS_LEAST else 0


def _reasons(a: _Side, b: _Side, same_sum: bool | None, words: frozenset[str]) -> tuple[str, ...]:
    """What `_score` counted, in words."""
    found = []
    if a.actor and a.actor == b.actor:
        found.append(f"the same actor ({a.actor})")
    elif a.actor and a.acts_for == b.acts_for:
        found.append(f"of one government ({a.actor}, {b.actor})")
    elif a.actor_known and b.actor_known:
        found.append(f"another actor ({a.actor}, {b.actor})")
    if same_sum:
        found.append("the same sum" if agree(a.values, b.values) else "the same sum at the rate of the page's day")
    if a.until is not None and a.until == b.until:
        found.append(f"the same date ({a.until})")
    if len(words) >= _WORDS_LEAST:
        found.append(f"words: {', '.join(sorted(words)[:6])}")
    return tuple(found)
