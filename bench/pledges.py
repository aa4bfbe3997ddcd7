"""Pages to mentions: time for a long page and for a thousand, and how right they are on both halves of the gold set."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from bench.rows import Row, timed
from dure.documents.reading import read_paths
from dure.mentions.model import Document, Status
from dure.mentions.reading import mentions
from tests.pledges.score import Scores, read_by_rules, read_gold, score

LONG_BYTES, LONG_PAGES = 100_000, 20
PAGE_BYTES, PAGES, WORKERS = 10_000, 1_000, 2
LONG_MS, PAGES_S = 100, 60
SAID = {
    "en": "The ministry will spend {n} million euros on computing for universities by {y}.",
    "ko": "과학기술정보통신부는 {y}년까지 연구용 GPU {n}장을 확보하겠다고 밝혔다.",
}
PLAIN = {
    "en": "Researchers who met in committee spoke at length about how access to machines is shared among laboratories.",
    "ko": "참석자들은 연구실 사이에 장비를 어떻게 나누어 쓰는지를 두고 오랫동안 의견을 주고받았다.",
}


def run(data: Path | None) -> Iterator[Row]:
    """A page of 100 kB, 1,000 pages on two workers, then accuracy."""
    for language, name in (("en", "English"), ("ko", "Korean")):
        yield from _long_rows(language, name)
    yield _many_row()
    for half in ("tune", "held"):
        yield from _accuracy_rows(half, score(read_gold(half), read_by_rules))


def _page(rng: random.Random, language: str, size: int) -> tuple[str, int]:
    """A page of `size` bytes at least, and how many promises are in it: every third paragraph makes one."""
    parts, written, promises = ["<html><head><title>News</title></head><body><nav>Home</nav><article>"], 0, 0
    while written < size:
        said = SAID[language].format(n=rng.randrange(100, 9_999), y=rng.randrange(2027, 2040))
        paragraph = (
            f"<p>{PLAIN[language]} {said if len(parts) % 3 == 0 else f'({rng.random():.6f}) {PLAIN[language]}'}</p>"
        )
        promises += len(parts) % 3 == 0
        parts.append(paragraph)
        written += len(paragraph.encode())
    return "\n".join([*parts, "</article></body></html>"]), promises


def _write(folder: Path, language: str, size: int, count: int) -> list[int]:
    rng, promises = random.Random(1), []
    for n in range(count):
        text, held = _page(rng, language, size)
        (folder / f"{language}{n:04d}.html").write_text(f'<meta charset="utf-8">{text}', encoding="utf-8")
        promises.append(held)
    return promises


def _check(documents: Sequence[Document], found: Sequence[int], promises: Sequence[int]) -> None:
    """Work was done: all pages were read, and nearly all promises were found in each."""
    assert len(documents) == len(promises), (len(documents), len(promises))
    assert all(one.status is Status.OK for one in documents), [one.why for one in documents if one.why][:3]
    short = [(n, held) for n, held in zip(found, promises, strict=True) if n < 0.9 * held]
    assert not short, short[:3]


def _long_rows(language: str, name: str) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        promises = _write(Path(folder), language, LONG_BYTES, LONG_PAGES)
        begin = perf_counter()
        documents, found = [], []
        for one in read_paths([folder], workers=1):
            documents.append(one)
            found.append(len(mentions(one)))
        seconds = perf_counter() - begin
    _check(documents, found, promises)
    per_page = 1000 * seconds / LONG_PAGES
    what = f"a page of 100 kB, {name}, one of {LONG_PAGES} on one worker"
    yield Row.at_most(f"{what}: read to mentions", per_page, None, "ms", LONG_MS)
    rules, spread = timed(lambda: mentions(documents[0]))
    yield Row("of it the rules", 1000 * rules, 1000 * spread, "ms")


def _many_row() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        promises = [
            held for language in ("en", "ko") for held in _write(Path(folder), language, PAGE_BYTES, PAGES // 2)
        ]
        begin = perf_counter()
        documents, found = [], []
        for one in read_paths([folder], workers=WORKERS):
            documents.append(one)
            found.append(len(mentions(one)))
        seconds = perf_counter() - begin
    _check(documents, found, promises)
    name = f"{PAGES:,} pages of {PAGE_BYTES // 1000} kB, two workers: read to mentions"
    return Row.at_most(name, seconds, None, "s", PAGES_S)


def _accuracy_rows(half: str, scores: Scores) -> Iterator[Row]:
    at_least, at_most, name = Row.at_least, Row.at_most, f"{half} half ({scores.lines} texts)"
    assert scores.values.hit > 0
    assert scores.offsets.of > 0
    yield at_least(f"{name}: amounts with currency, precision", scores.amounts.precision, None, "", 0.95)
    yield at_least(f"{name}: amounts with currency, recall", scores.amounts.recall, None, "", 0.90)
    yield at_least(f"{name}: currency", scores.currency.value, None, "", 0.95)
    yield at_least(f"{name}: period", scores.period.value, None, "", 0.90)
    yield at_most(f"{name}: invented years", scores.invented, None, "", 0)
    yield at_least(f"{name}: stance, five classes", scores.stance.value, None, "", 0.80)
    yield at_most(f"{name}: unclear", scores.unclear.value, None, "", 0.15)
    yield at_least(f"{name}: named actor resolved", scores.actor.value, None, "", 0.75)
    yield at_least(f"{name}: offsets reproduce the quote", scores.offsets.value, None, "", 1.0)
