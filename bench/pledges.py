"""Pages to mentions: time for a long page and for a thousand, and how right they are on both halves of the gold set."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median, stdev
from time import perf_counter

from bench.rows import Row
from dure.documents.copies import Originals
from dure.documents.reading import read_through
from dure.mentions.model import Document, Mention, Status
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
    """Pages of 100 kB, 1,000 pages on two workers, then accuracy."""
    for language, name in (("en", "English"), ("ko", "Korean")):
        yield _long_row(f"an ordinary page of 100 kB, {name}", language, framed=True)
        yield _long_row(f"a page of 100 kB that is all prose, {name}", language, framed=False)
    yield _many_row()
    for half in ("tune", "held"):
        yield from _accuracy_rows(half, score(read_gold(half), read_by_rules))


def _prose(rng: random.Random, language: str, size: int) -> tuple[str, int]:
    """Paragraphs of `size` bytes at least, and how many promises are in them: every third makes one."""
    parts: list[str] = []
    written = promises = 0
    while written < size:
        said = SAID[language].format(n=rng.randrange(100, 9_999), y=rng.randrange(2027, 2040))
        promises += len(parts) % 3 == 0
        parts.append(
            f"<p>{PLAIN[language]} {said if len(parts) % 3 == 0 else f'({rng.random():.6f}) {PLAIN[language]}'}</p>"
        )
        written += len(parts[-1].encode())
    return "\n".join(parts), promises


def _around(rng: random.Random, text: str, size: int) -> str:
    """A page of about `size` bytes as sites make them: text in a frame of styles, scripts, menus and other stories, as much of each."""
    share = max(0, size - len(text.encode())) // 4
    style = _filled(share, lambda i: f".c{i} .card{{margin:{i}px;color:#{rng.randrange(10**6):06d};display:block}}")
    script = _filled(
        share, lambda i: f"window.seen.push({{'n':{i},'at':{rng.random()},'to':'https://cdn.example/{i}'}});"
    )
    menu = _filled(share, lambda i: f'<li class="item c{i}"><a href="/part/{i}" data-seen="menu:{i}">Part {i}</a></li>')
    others = _filled(share, lambda i: (
        f'<div class="card c{i}"><a href="/story/{i}"><img src="/{i}.jpg" alt="picture {i}" width="300" loading="lazy">'
        f'<h3>Firm number {i} wins an order of ${i} million</h3></a><span class="time">Oct {i % 28 + 1}</span></div>'
    ))  # fmt: skip
    return (
        f"<style>{style}\n.unseen{{display:none}}</style><script>{script}</script></head><body><header><nav><ul>{menu}</ul></nav></header>"
        f"<main><article><h1>What was said</h1>{text}</article></main><aside>{others}</aside>"
    )


def _filled(size: int, line: Callable[[int], str]) -> str:
    lines: list[str] = []
    written = 0
    while written < size:
        lines.append(line(len(lines)))
        written += len(lines[-1]) + 1
    return "\n".join(lines)


def _write(folder: Path, language: str, size: int, count: int, *, framed: bool) -> list[int]:
    """Pages into a folder, and how many promises each makes. A framed one has a tenth of its bytes in its text."""
    rng, promises = random.Random(1), []
    for n in range(count):
        text, held = _prose(rng, language, size // 10 if framed else size)
        page = _around(rng, text, size) if framed else f"</head><body><nav>Home</nav><article>{text}</article>"
        page = f'<html><head><meta charset="utf-8"><title>News</title>{page}</body></html>'
        (folder / f"{language}{n:04d}.html").write_text(page, encoding="utf-8")
        promises.append(held)
    return promises


def _check(pages: Sequence[tuple[Document, list[Mention] | None]], promises: Sequence[int]) -> None:
    """Work was done: all pages were read, nearly all promises were found in each, and nothing that the frame says."""
    assert len(pages) == len(promises), (len(pages), len(promises))
    assert all(one.status is Status.OK for one, _ in pages), [one.why for one, _ in pages if one.why][:3]
    wrong = [
        (len(said or ()), held) for (_, said), held in zip(pages, promises) if not 0.9 * held <= len(said or ()) <= held
    ]
    assert not wrong, wrong[:3]


def _long_row(what: str, language: str, *, framed: bool) -> Row:
    """From the second page on: the first waits for the reader to start."""
    with tempfile.TemporaryDirectory() as folder:
        promises = _write(Path(folder), language, LONG_BYTES, LONG_PAGES, framed=framed)
        found = read_through([folder], mentions, workers=1)
        pages, times = [next(found)], [perf_counter()]
        for one in found:
            pages.append(one)
            times.append(perf_counter())
    _check(pages, promises)
    each = [1000 * (after - before) for before, after in pairwise(times)]
    name = f"{what}, median of {LONG_PAGES - 1} on one worker: read to mentions"
    return Row.at_most(name, median(each), stdev(each), "ms", LONG_MS)


def _many_row() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        promises = [
            held
            for language in ("en", "ko")
            for held in _write(Path(folder), language, PAGE_BYTES, PAGES // 2, framed=False)
        ]
        begin = perf_counter()
        originals = Originals()
        pages, copies = [], 0
        for one, said in read_through([folder], mentions, workers=WORKERS):
            copies += originals.repeated(one.sha256, one.text) != ""
            pages.append((one, said))
        seconds = perf_counter() - begin
    _check(pages, promises)
    assert copies < PAGES / 100, copies
    name = f"{PAGES:,} pages of {PAGE_BYTES // 1000} kB that are all prose, {WORKERS} workers: read to mentions, copies told"
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
