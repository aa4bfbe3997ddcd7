"""Files, folders and standard input to documents. One bad file is one document that says why; it never stops the others."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Final

from dure.documents.extract import Text
from dure.documents.readers import Order, Readers
from dure.errors import InputError
from dure.mentions.model import Document, Status

LARGEST: Final = 20_000_000  # bytes; no more of any file is ever read
LANGUAGES: Final = ("auto", "en", "ko")


def read_bytes(data: bytes, name: str, *, published: date | None = None, language: str = "auto") -> Document:
    """The document that bytes hold; read in a child, with limits. `published` goes before what the page says of itself.

    Raises InputError for a language other than "auto", "en" and "ko".
    """
    _check(language)
    if len(data) > LARGEST:
        return _too_large(name, len(data))
    orders = iter([Order(0, data, name, language)])
    with Readers(1) as readers:
        ((order, text),) = readers.read(lambda: next(orders, None))
    return _document(order, text, published)


def read_paths(
    paths: Iterable[str | Path],
    *,
    published: date | None = None,
    language: str = "auto",
    workers: int = 2,
    watch: Callable[[int, int], object] = lambda done, total: None,
) -> Iterator[Document]:
    """The documents of files, of folders (their files by name, hidden ones apart) and of "-" (standard input), in order.

    `watch` is told how many of how many are done. Raises InputError for an unknown language. Leaving the iterator early ends
    its children.
    """
    _check(language)
    return _read_paths([place for path in paths for place in _files(path)], published, language, workers, watch)


def _read_paths(
    places: list[str], published: date | None, language: str, workers: int, watch: Callable[[int, int], object]
) -> Iterator[Document]:
    done: dict[int, Document] = {}  # before their turn: while one takes its time, others go on
    source = _Source(places, language, done)
    with Readers(min(workers, max(1, len(places)))) as readers:
        found = readers.read(source.next)
        for number in range(len(places)):
            while number not in done and (item := next(found, None)) is not None:
                done[item[0].number] = _document(*item, published)
            watch(number + 1, len(places))
            yield done.pop(number)


class _Source:
    """The files of a row as orders, each opened when its turn comes; what cannot be opened is done at once."""

    def __init__(self, places: list[str], language: str, done: dict[int, Document]) -> None:
        self._places, self._language, self._done = places, language, done
        self._next = 0

    def next(self) -> Order | None:
        """The next file that can be read."""
        while self._next < len(self._places):
            number = self._next
            self._next += 1
            loaded = _load(self._places[number])
            if isinstance(loaded, bytes):
                return Order(number, loaded, self._places[number], self._language)
            self._done[number] = loaded
        return None


def _check(language: str) -> None:
    if language not in LANGUAGES:
        raise InputError("unknown language", field="language", value=language, accepted=", ".join(LANGUAGES))


def _files(path: str | Path) -> Iterator[str]:
    """The path, or the files below it where it is a folder. Links to folders are not followed: they may go in a circle."""
    if str(path) == "-" or not os.path.isdir(path):
        yield str(path)
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        yield from (os.path.join(folder, n) for n in sorted(names) if not n.startswith("."))


def _load(place: str) -> bytes | Document:
    """The bytes of a file, or the document that says why they are not read: too many, no file, not allowed."""
    try:
        if place == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
            return data if len(data) <= LARGEST else _too_large(place)
        about = os.stat(place)
        if not stat.S_ISREG(about.st_mode):
            return _unreadable(place, "no file: a folder, a pipe or a device")
        if about.st_size > LARGEST:
            return _too_large(place, about.st_size)
        with open(place, "rb") as file:
            data = file.read(LARGEST + 1)
        return data if len(data) <= LARGEST else _too_large(place)
    except OSError as e:
        return _unreadable(place, f"cannot be opened: {e.strerror or type(e).__name__}")


def _too_large(name: str, size: int = 0) -> Document:
    """Of a file that was not read, so that its hash is not known."""
    was = f"{size / 1e6:,.0f} MB" if size else "more"
    return Document("", name, Status.TOO_LARGE, why=f"at most {LARGEST // 1_000_000} MB are read; it has {was}")


def _unreadable(name: str, why: str) -> Document:
    return Document("", name, Status.UNREADABLE, why=why)


def _document(order: Order, text: Text, published: date | None) -> Document:
    day = published or text.published
    return Document(
        sha256=sha256(order.data).hexdigest(),
        name=order.name,
        status=text.status,
        text=text.text,
        prose=text.prose,
        language=text.language,
        published=day,
        published_from="given" if published else "page" if day else "",
        media=text.media,
        encoding=text.encoding,
        why=text.why,
        flags=text.flags,
    )
