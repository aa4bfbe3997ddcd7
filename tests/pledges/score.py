"""How well mentions are read: `python -m tests.pledges.score [--half tune|held|documents] [--misses]`.

What is counted, and what is let pass, is written in gold/README.md. The misses of the held half are shown only with `--frozen`,
when the rules will not change any more: whoever tunes on them has no held half left.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path

from dure.mentions import text as texts
from dure.mentions.model import MINOR, Amount, Document, Kind, Mention, Period, Span, Stance, Status

GOLD = Path(__file__).parent / "gold"
HALVES = ("tune", "held", "documents")
NEAR_DAYS = 31  # a length of time counts from the day of publication; the month it ends in is not everyone's
DEVICES = frozenset({"accelerators", "chips"})  # pages call the same device both

Read = Callable[[Document, str], Sequence[Mention]]  # a document and the country of its page


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mention that a person found. `low` and `high` are None for a milestone."""

    amount: str
    kind: Kind
    low: int | None
    high: int | None
    unit: str
    other: tuple[int, str] | None  # value and unit of the same sum in the page's second currency
    period: str
    begin: date | None
    until: date | None
    months: int
    actor: str
    known: str
    stance: Stance
    about: str = ""  # of a milestone: words of its sentence, where neither period nor actor tells it from others


@dataclass(frozen=True, slots=True)
class Line:
    """An annotated text with its document. `noise` must be in no mention."""

    id: str
    country: str
    document: Document
    wanted: tuple[Wanted, ...]
    noise: tuple[str, ...] = ()


@dataclass(slots=True)
class Share:
    """So many of so many."""

    right: int = 0
    of: int = 0

    def add(self, right: bool) -> None:
        """One more."""
        self.right += right
        self.of += 1

    @property
    def value(self) -> float:
        """1.0 where there was nothing to get wrong."""
        return self.right / self.of if self.of else 1.0

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.right}/{self.of})"


@dataclass(slots=True)
class Found:
    """What was found of what was to be found; `extra` is what was read beside."""

    hit: int = 0
    missed: int = 0
    extra: int = 0

    @property
    def precision(self) -> float:
        """Right of what was read."""
        return self.hit / (self.hit + self.extra) if self.hit + self.extra else 1.0

    @property
    def recall(self) -> float:
        """Read of what was there."""
        return self.hit / (self.hit + self.missed) if self.hit + self.missed else 1.0

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def __str__(self) -> str:
        parts = f"P {self.precision:.3f}  R {self.recall:.3f}  F1 {self.f1:.3f}"
        return f"{parts}  ({self.hit} hit, {self.missed} missed, {self.extra} extra)"


@dataclass(slots=True)
class Scores:
    """The figures of one set of lines, and what was wrong, in words."""

    lines: int = 0
    amounts: Found = field(default_factory=Found)  # kind, value and unit: money with its currency
    values: Found = field(default_factory=Found)  # the same, whatever the currency
    milestones: Found = field(default_factory=Found)
    currency: Share = field(default_factory=Share)
    other: Share = field(default_factory=Share)  # second currencies
    period: Share = field(default_factory=Share)
    stance: Share = field(default_factory=Share)
    actor: Share = field(default_factory=Share)
    offsets: Share = field(default_factory=Share)
    unclear: Share = field(default_factory=Share)
    invented: int = 0  # years that neither the text nor a person gives
    spurious: int = 0  # periods where a person saw none
    noise: int = 0  # mentions with a text in them that is noise
    confusion: Counter[tuple[Stance, Stance]] = field(default_factory=Counter)  # (wanted, read)
    misses: list[str] = field(default_factory=list, repr=False)  # a failing test must not show those of the held half

    def rows(self) -> Iterator[tuple[str, str]]:
        """Name and figure, for people."""
        yield "lines", str(self.lines)
        for name in ("amounts", "values", "milestones", "currency", "other", "period", "stance", "unclear", "actor"):
            yield name, str(getattr(self, name))
        yield "offsets", str(self.offsets)
        yield "invented years / spurious periods / noise", f"{self.invented} / {self.spurious} / {self.noise}"


# --- the lines -------------------------------------------------------------------------------------------------------


def _day(written: str | None) -> date | None:
    return date.fromisoformat(written) if written else None


def _wanted(raw: dict[str, object]) -> Wanted:
    get: Callable[[str], object] = raw.get
    other = get("other")
    pair = (int(other["low"]), str(other["unit"])) if isinstance(other, dict) else None
    low, high = get("low"), get("high")
    return Wanted(
        str(get("amount") or ""), Kind(str(get("kind"))), low if isinstance(low, int) else None,
        high if isinstance(high, int) else None, str(get("unit")), pair, str(get("period") or ""),
        _day(str(get("begin") or "")), _day(str(get("until") or "")), int(str(get("months") or 0)),
        str(get("actor") or ""), str(get("known") or ""), Stance(str(get("stance"))),
        str(get("about") or ""),
    )  # fmt: skip


def document_of(raw: str, language: str, published: date | None) -> Document:
    """A document as it would be read from a file of plain text."""
    text, flags = texts.clean(raw)
    prose = texts.prose(text)
    return Document("0" * 64, "gold", Status.OK, text, prose, language, published, "given", "text/plain", flags=flags)


def folder_of_documents() -> Path:
    """Where the real documents are kept, outside the repository; it may not be there."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("DURE_DATA", default)) / "documents"


def read_gold(half: str) -> list[Line]:
    """The lines of a half, or of the real documents. FileNotFoundError where these are absent."""
    lines = []
    for written in (GOLD / f"{half}.jsonl").read_text(encoding="utf-8").splitlines():
        raw = json.loads(written)
        text = raw["text"] if "text" in raw else (folder_of_documents() / raw["file"]).read_text(encoding="utf-8")
        document = document_of(text, raw["language"], _day(raw["published"]))
        wanted = tuple(_wanted(one) for one in raw["mentions"])
        lines.append(Line(raw["id"], raw["country"], document, wanted, tuple(raw.get("noise", ()))))
    return lines


# --- what is right ---------------------------------------------------------------------------------------------------


def _major(value: int, unit: str) -> Fraction:
    return Fraction(value, 10 ** MINOR.get(unit, 2))


def same_value(wanted: Wanted, amount: Amount) -> bool:
    """Kind, value and unit agree; of money, the value alone."""
    if wanted.low is None or wanted.high is None or amount.kind is not wanted.kind:
        return False
    if wanted.kind is Kind.MONEY:
        ours = _major(wanted.low, wanted.unit), _major(wanted.high, wanted.unit)
        return ours == (_major(amount.low, amount.unit), _major(amount.high, amount.unit))
    same_unit = wanted.unit == amount.unit or {wanted.unit, amount.unit} <= DEVICES
    return same_unit and (wanted.low, wanted.high) == (amount.low, amount.high)


def _reads(wanted: Wanted, mention: Mention) -> bool:
    """Whether this mention is the one wanted; of two currencies, whichever comes first."""
    if wanted.low is None or mention.amount is None:
        return wanted.low is None and mention.amount is None
    if same_value(wanted, mention.amount):
        return True
    return bool(wanted.other and mention.other and same_value(wanted, mention.other))


def _overlaps(span: Span, text: str, quote: str) -> bool:
    places = (match.start() for match in re.finditer(re.escape(quote), text)) if quote else ()
    return any(span.start < at + len(quote) and at < span.end for at in places)


def _closeness(wanted: Wanted, mention: Mention, text: str) -> int:
    """How much else fits, so that equal sums find their own partners."""
    points = 4 * bool(mention.amount and _overlaps(mention.amount.span, text, wanted.amount))
    points += 2 * bool(mention.period and _overlaps(mention.period.span, text, wanted.period))
    points += 2 * _overlaps(mention.sentence, text, wanted.about or wanted.period or wanted.actor)
    return points + bool(mention.actor and _overlaps(mention.actor.span, text, wanted.actor))


def matched(line: Line, read: Sequence[Mention]) -> tuple[list[tuple[Wanted, Mention]], list[Wanted], list[Mention]]:
    """Pairs of what was wanted and read; what was missed; what was read beside it. Each is used once, best fit first."""
    text = line.document.text
    scored = [
        (-_closeness(wanted, mention, text), i, k)
        for i, wanted in enumerate(line.wanted)
        for k, mention in enumerate(read)
        if _reads(wanted, mention)
    ]
    ours, theirs = {}, set()
    for points, i, k in sorted(scored):
        in_place = line.wanted[i].low is not None or points < 0  # a milestone of another sentence is not this one
        if i not in ours and k not in theirs and in_place:
            ours[i] = k
            theirs.add(k)
    pairs = [(line.wanted[i], read[k]) for i, k in sorted(ours.items())]
    missed = [one for i, one in enumerate(line.wanted) if i not in ours]
    return pairs, missed, [one for k, one in enumerate(read) if k not in theirs]


def same_period(wanted: Wanted, period: Period | None) -> bool:
    """The same length, where one is named, and the same dates; the ends of a length may be a month apart, others a day."""
    if period is None or period.months != wanted.months:
        return False
    near = NEAR_DAYS if wanted.months else 1
    return _near(wanted.begin, period.begin, near) and _near(wanted.until, period.until, near)


def _near(one: date | None, other: date | None, days: int) -> bool:
    if one is None or other is None:
        return one is other
    return abs((one - other).days) <= days


def invented_years(line: Line, read: Iterable[Mention]) -> int:
    """Dates read whose year is neither in the text, nor given by a person, nor the year of publication."""
    allowed = {int(year) for year in re.findall(r"(?<!\d)\d{4}(?!\d)", line.document.text)}
    allowed |= {day.year for one in line.wanted for day in (one.begin, one.until) if day}
    allowed |= {line.document.published.year} if line.document.published else set()
    days = [day for one in read if one.period for day in (one.period.begin, one.period.until) if day]
    return sum(day.year not in allowed for day in days)


def reproduces(document: Document, mention: Mention) -> bool:
    """Every span lies in the text, is not blank at its ends, and what is said of the sentence lies in the sentence."""
    inner = [part.span for part in (mention.amount, mention.other, mention.period) if part]
    parties = [party.span for party in (mention.actor, mention.recipient, mention.source) if party]
    within = all(mention.sentence.start <= span.start and span.end <= mention.sentence.end for span in inner)
    return within and all(_quotes(document.text, span) for span in [mention.sentence, *inner, *parties])


def _quotes(text: str, span: Span) -> bool:
    quote = text[span.start : span.end]
    return 0 <= span.start < span.end <= len(text) and quote == quote.strip()


# --- the scores ------------------------------------------------------------------------------------------------------


def score(lines: Iterable[Line], read: Read) -> Scores:
    """All figures over these lines."""
    scores = Scores()
    for line in lines:
        scores.lines += 1
        mentions = list(read(line.document, line.country))
        pairs, missed, extra = matched(line, mentions)
        for wanted, mention in pairs:
            _score_pair(scores, line, wanted, mention)
        _score_rest(scores, line, missed, extra)
        scores.invented += invented_years(line, mentions)
        for mention in mentions:
            in_place = reproduces(line.document, mention)
            scores.offsets.add(in_place)
            scores.unclear.add(mention.stance is Stance.UNCLEAR)
            if any(noise in mention.quote(line.document.text) for noise in line.noise):
                scores.noise += 1
                scores.misses.append(f"{line.id} noise: {mention.quote(line.document.text)!r}")
    return scores


def _score_pair(scores: Scores, line: Line, wanted: Wanted, mention: Mention) -> None:
    if wanted.low is None or mention.amount is None:
        scores.milestones.hit += 1
    else:
        scores.values.hit += 1
        own = _score_currency(scores, wanted, mention, mention.amount)
        scores.amounts.hit += own
        scores.amounts.missed += not own
        scores.amounts.extra += not own
        if not own:
            scores.misses.append(f"{line.id} currency: {wanted.amount!r} read as {mention.amount.unit!r}")
    if wanted.period:
        right = same_period(wanted, mention.period)
        scores.period.add(right)
        if not right:
            scores.misses.append(
                f"{line.id} period: {wanted.period!r} {wanted.begin}..{wanted.until}: {mention.period}"
            )
    else:
        scores.spurious += mention.period is not None
    if wanted.known:
        known = mention.actor.known if mention.actor else None
        scores.actor.add(known == wanted.known)
        if known != wanted.known:
            scores.misses.append(f"{line.id} actor: {wanted.actor!r} {wanted.known}: {known}")
    scores.stance.add(mention.stance is wanted.stance)
    scores.confusion[wanted.stance, mention.stance] += 1
    if mention.stance is not wanted.stance:
        name = wanted.amount or "milestone"
        scores.misses.append(f"{line.id} stance of {name!r}: {wanted.stance}, read {mention.stance} ({mention.rule})")


def _score_currency(scores: Scores, wanted: Wanted, mention: Mention, amount: Amount) -> bool:
    """Whether the unit is right too; counts what concerns money."""
    if wanted.kind is not Kind.MONEY:
        return True
    first = same_value(wanted, amount) and amount.unit == wanted.unit
    swapped = wanted.other is not None and amount.unit == wanted.other[1]
    scores.currency.add(first or swapped)
    if wanted.other:
        given = mention.other if first else amount
        scores.other.add(given is not None and (given.low, given.unit) == wanted.other)
    return first or swapped


def _score_rest(scores: Scores, line: Line, missed: Iterable[Wanted], extra: Iterable[Mention]) -> None:
    for wanted in missed:
        for found in (scores.milestones,) if wanted.low is None else (scores.amounts, scores.values):
            found.missed += 1
        scores.misses.append(f"{line.id} missed: {wanted.amount or 'milestone'!r} {wanted.low} {wanted.unit}")
    for mention in extra:
        for found in (scores.milestones,) if mention.amount is None else (scores.amounts, scores.values):
            found.extra += 1
        span = mention.amount.span if mention.amount else mention.sentence
        value = f" {mention.amount.low} {mention.amount.unit}" if mention.amount else ""
        scores.misses.append(f"{line.id} extra {mention.kind}: {line.document.text[span.start : span.end]!r}{value}")


def confusion_table(scores: Scores) -> list[str]:
    """Wanted down, read across."""
    table = [f"{'wanted / read':<14}" + "".join(f"{stance:>12}" for stance in Stance)]
    table += [f"{a:<14}" + "".join(f"{scores.confusion[a, b]:>12}" for b in Stance) for a in Stance]
    return table


def read_by_rules(document: Document, country: str) -> Sequence[Mention]:
    """What Dure itself reads."""
    from dure.mentions.reading import mentions

    return mentions(document, country=country)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures of the halves asked for, by language; 2 where misses of the held half are asked for too early."""
    parser = argparse.ArgumentParser(prog="python -m tests.pledges.score")
    parser.add_argument("--half", choices=HALVES)
    parser.add_argument("--misses", action="store_true", help="print what was wrong")
    parser.add_argument("--frozen", action="store_true", help="the rules will not change any more")
    args = parser.parse_args(argv)
    if args.misses and not args.frozen and args.half not in ("tune", "documents"):
        print(
            "--misses: the held half is not for tuning; name --half tune, or --frozen when the rules are",
            file=sys.stderr,
        )
        return 2
    for half in [args.half] if args.half else HALVES:
        _print(half, read_gold(half), misses=args.misses)
    return 0


def _print(half: str, lines: list[Line], *, misses: bool) -> None:
    for language in ("", "en", "ko"):
        part = [line for line in lines if language in ("", line.document.language)]
        if not part:
            continue
        scores = score(part, read_by_rules)
        print(f"== {half} {language or 'all'}")
        for name, figure in scores.rows():
            print(f"{name:<44} {figure}")
        if not language:
            print("\n".join(confusion_table(scores) + (scores.misses if misses else [])))


if __name__ == "__main__":
    sys.exit(main())
