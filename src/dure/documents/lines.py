"""Lines that were broken to fit a width, joined to the paragraphs they were."""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from typing import Final

_WIDEST: Final = 160  # characters; a document whose lines are longer has a line for each paragraph
_NARROWEST: Final = 30
_FEW: Final = 8  # lines that are one wrapped sentence or two, where a width cannot be told from how many it holds for
_FULL: Final = 0.8  # of the width, that a line and the next one's first word fill where the width broke it
_ENDED: Final = re.compile(r"[.!?。:;|][\"'”’)\]]*\s*$")
_SENTENCE: Final = re.compile(r"[.!?。][\"'”’)\]]*\s*$")
_BEGINS: Final = re.compile(r"\s*(?:[-–—*•·▪■□○●◦ㅇ◆◇▲△▶▷※①-⑳]\s?\S|\(?\d{1,2}[.)]\s|\[\d|\|)")
_GOES_ON: Final = re.compile(r"\s*[a-z\d가-힣$€£¥₩(“\"]")
_OPEN: Final = re.compile(
    r"(?:,|\b(?:a|an|and|as|at|by|for|from|in|of|on|or|said|that|the|to|will|with))\s*$"
)  # no line ends so
_OPEN_LENGTH: Final = 40
_LOWER: Final = re.compile(r"\s*[a-z]")
_HANGUL: Final = re.compile("[가-힣]")


def unwrapped(text: str) -> str:
    """The same text with one line for each paragraph, where its lines were broken at a width; else as it is.

    Every character keeps its place but the ends of lines: each becomes a blank.
    """
    lines: list[str] = []
    for said, group in groupby(text.split("\n"), key=lambda line: line.strip() != ""):
        block = list(group)
        lines += [" ".join(block)] if said and _is_one(block) else block
    width = _width(lines)
    if not width or not _is_wrapped(lines, width):
        return "\n".join(lines)
    parts = [lines[0]]
    for line, following in pairwise(lines):
        parts += [" " if _joins(line, following, _FULL * width) else "\n", following]
    return "".join(parts)


def _is_one(lines: list[str]) -> bool:
    """Whether a few lines are one sentence that was broken at a width: they end as one does and no line before does, each goes on
    in the next, and none has room for the next one's first word."""
    if not 2 <= len(lines) <= _FEW or _SENTENCE.search(lines[-1]) is None:
        return False
    width = max(len(line.rstrip()) for line in lines)
    if width > _WIDEST:
        return False
    pairs = list(pairwise(lines))
    opened = [_OPEN.search(a[-_OPEN_LENGTH:]) is not None for a, _ in pairs]
    told = any(opened) or any(_LOWER.match(b) or _HANGUL.search(b) for _, b in pairs)
    return told and all(
        _joins(a, b, width) and (is_open or _GOES_ON.match(b)) for (a, b), is_open in zip(pairs, opened)
    )


def _width(lines: list[str]) -> int:
    """What nine of ten lines are not longer than; 0 where that is no width that text is broken at."""
    lengths = sorted(len(line.rstrip()) for line in lines if line.strip())
    if len(lengths) < 3 or lengths[-1] > 2 * _WIDEST:
        return 0
    width = lengths[min(len(lengths) - 1, len(lengths) * 9 // 10)]
    return width if _NARROWEST <= width <= _WIDEST else 0


def _joins(line: str, following: str, width: float) -> bool:
    """Whether a line goes on in the next: no end of a sentence, and no room for the next word."""
    words = following.split(None, 1)
    if not words or not line.strip() or _ENDED.search(line) or _BEGINS.match(following):
        return False
    return len(line.rstrip()) + 1 + len(words[0]) > width


def _is_wrapped(lines: list[str], width: int) -> bool:
    """Whether most lines that do not end a sentence are full, and go on in small letters as often as sentences do."""
    pairs = [(a, b) for a, b in pairwise(lines) if a.strip() and b.strip() and not _ENDED.search(a)]
    joined = [b for a, b in pairs if _joins(a, b, _FULL * width)]
    if len(joined) < max(1, len(pairs) // 2):
        return False
    small = sum(_LOWER.match(b) is not None for b in joined)
    korean = sum(_HANGUL.search(b) is not None for b in joined)
    return small + korean >= 0.4 * len(joined)
