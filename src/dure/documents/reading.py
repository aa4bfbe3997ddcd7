"""Files, folders and standard input to documents. One bad file is one document that says why; it never stops the others."""

from __future__ import annotations

import os
import pickle
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

from dure.documents.readers import Order, Readers
from dure.errors import InputError
from dure.mentions.model import Document, Status

T = TypeVar("T")

LARGEST: Final = 20_000_000  # bytes; no more of any file is ever read
LANGUAGES: Final = ("auto", "en", "ko")


def read_bytes(data: bytes, name: str, *, published: date | None = None, language: str = "auto") -> Document:
    """The document that bytes hold; read in a child, with limits. `published` goes before what the page says of itself.

    Raises InputError for a language other than "auto", "en" and "ko".
    """
    return _of_bytes(data, name, b"", published, language)[0]


def read_bytes_through(
    data: bytes, name: str, then: Callable[[Document], T], *, published: date | None = None, language: str = "auto"
) -> tuple[Document, T | None]:
    """As `read_bytes`, with what `then` makes of the document in the child that reads it (see `read_through`)."""
    return _of_bytes(data, name, pickle.dumps(then), published, language)


def _of_bytes(data: bytes, name: str, then: bytes, published: date | None, language: str) -> tuple[Document, Any]:
    _check(language)
    if len(data) > LARGEST:
        return _too_large(name, len(data)), None
    orders = iter([Order(0, data, name, language, published, then)])
    with Readers(1) as readers:
        ((_, text),) = readers.read(lambda: next(orders, None))
    return text.document(data, name, published), text.made


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
    return _first(_read(paths, b"", published, language, workers, watch))


def read_through(
    paths: Iterable[str | Path],
    then: Callable[[Document], T],
    *,
    published: date | None = None,
    language: str = "auto",
    workers: int = 2,
    watch: Callable[[int, int], object] = lambda done, total: None,
) -> Iterator[tuple[Document, T | None]]:
    """As `read_paths`, each document with what `then` makes of it in the child that reads it, with the same limits.

    None beside a document whose status is not ok, as that of one is for which `then` fails, or takes too long. `then` is a
    function at the top of a module; a child loads that, so it is to be a small one.
    """
    return _read(paths, pickle.dumps(then), published, language, workers, watch)


def _first(found: Iterator[tuple[Document, object]]) -> Iterator[Document]:
    return (document for document, _ in found)


def _read(
    paths: Iterable[str | Path], then: bytes, published: date | None, language: str, workers: int, watch: Callable[[int, int], object]
) -> Iterator[tuple[Document, Any]]:  # fmt: skip
    _check(language)
    places = [place for path in paths for place in _files(path)]
    return _in_order(_Source(places, published, language, then), workers, watch)


def _in_order(source: _Source, workers: int, watch: Callable[[int, int], object]) -> Iterator[tuple[Document, Any]]:
    """The documents of a row of files in its order. Those that are done before their turn wait, while others go on."""
    places, done = source.places, source.done
    with Readers(min(workers, max(1, len(places)))) as readers:
        found = readers.read(source.next)
        for number in range(len(places)):
            while number not in done and (item := next(found, None)) is not None:
                order, text = item
                done[order.number] = text.document(order.data, order.name, order.published), text.made
            watch(number + 1, len(places))
            yield done.pop(number)


class _Source:
    """The files of a row as orders, each opened when its turn comes; what cannot be opened is done at once."""

    def __init__(self, places: list[str], published: date | None, language: str, then: bytes) -> None:
        self.places = places
        self.done: dict[int, tuple[Document, Any]] = {}
        self._published, self._language, self._then = published, language, then
        self._next = 0

    def next(self) -> Order | None:
        """The next file that can be read."""
        while self._next < len(self.places):
            number = self._next
            self._next += 1
            loaded = _load(self.places[number])
            if isinstance(loaded, bytes):
                return Order(number, loaded, self.places[number], self._language, self._published, self._then)
            self.done[number] = loaded, None
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
