"""Children that read documents: started once, used for many, killed and replaced when one is over a limit.

One thread asks and waits on all of them; no signal is used, so it may be any thread. A child ends when its input is closed,
and is always waited for. None sees the terminal's Ctrl-C: whoever asks gets it, and closing ends the children.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import selectors
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from dure.documents.extract import Text
from dure.documents.worker import WALL_S
from dure.errors import DureError
from dure.mentions.model import Status

START_S: Final = 60.0  # for a child to load what a document needs, on a machine that is busy
_TRIES: Final = 3  # children in a row that end before they begin a document: the installation is broken
_ORDERS: Final = 300  # that one child reads: what its libraries keep must not come near its limit of memory
_CHUNK: Final = 1 << 20
_PROGRAM: Final = "import sys; sys.path[:0] = sys.argv[1:]; from dure.documents.worker import serve; serve()"


@dataclass(frozen=True, slots=True)
class Order:
    """A document to read: its place in the row, its bytes, its name, and the language it is taken for.

    `then`: what to make of it in the child, which has as much time again for it: a pickled function of modules that are cheap to
    load, given the document with its day of publication as `published` has it. Both ends are this program: a child is limited,
    not distrusted.
    """

    number: int
    data: bytes
    name: str
    language: str = "auto"
    published: date | None = None
    then: bytes = b""

    def head(self) -> bytes:
        """The line before its bytes."""
        values = {"bytes": len(self.data), "name": self.name, "language": self.language, "then": b64encode(self.then).decode(),
                  "published": self.published and self.published.isoformat()}  # fmt: skip
        return json.dumps(values).encode() + b"\n"


class _Child:
    """One child, and the order it has."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, str(Path(__file__).parents[2])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.to, self.answers = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self.to, False)
        os.set_blocking(self.answers, False)
        self.order: Order | None = None
        self.unsent = memoryview(b"")
        self.heard = bytearray()
        self.begun = False
        self.until = 0.0
        self.orders = 0

    def take(self, order: Order) -> None:
        """Give it a document."""
        self.order, self.unsent, self.heard = order, memoryview(order.head() + order.data), bytearray()
        self.begun, self.until = False, time.monotonic() + START_S
        self.orders += 1

    def send(self) -> None:
        """Pass on as much of the document as it takes now."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # an end shows where its answers are read
            self.unsent = self.unsent[os.write(self.to, self.unsent[:_CHUNK]) :]

    def hear(self) -> list[dict[str, Any]] | None:
        """What it has said since, line by line; None: it has ended."""
        try:
            part = os.read(self.answers, _CHUNK)
        except BlockingIOError:
            return []
        if not part:
            return None
        self.heard += part
        if b"\n" not in part:
            return []
        *lines, rest = self.heard.split(b"\n")
        self.heard = rest
        return [json.loads(line) for line in lines]

    def end(self) -> int:
        """Kill it, and leave no zombie. How it ended."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return self.process.wait()


class Readers:
    """A pool of children. Use as a context: leaving it ends them all. Not for two threads at once."""

    def __init__(self, workers: int = 2, *, wall_s: float = WALL_S) -> None:
        self._workers, self._wall_s = max(1, workers), wall_s
        self._children: list[_Child] = []
        self._failures = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all children."""
        while self._children:
            self._children.pop().end()

    def read(self, ask: Callable[[], Order | None]) -> Iterator[tuple[Order, Text]]:
        """What documents hold, in the order in which they are done. `ask` gives the next, None after the last."""
        more = True
        while True:
            while more and (child := self._idle()) is not None:
                order = ask()
                more = order is not None
                if order is not None:
                    child.take(order)
            busy = [c for c in self._children if c.order is not None]
            if not busy and not more:
                return
            for done in self._turn(busy):
                left = time.monotonic()
                yield done
                for child in self._children:  # nobody listened meanwhile; that is not their time
                    child.until += time.monotonic() - left

    def _idle(self) -> _Child | None:
        """A child without a document, a new one if there may be more; None: all are at work."""
        for child in [c for c in self._children if c.order is None and c.orders >= _ORDERS]:
            self._children.remove(child)
            child.end()
        free = next((c for c in self._children if c.order is None), None)
        if free is None and len(self._children) < self._workers:
            free = _Child()
            self._children.append(free)
        return free

    def _turn(self, busy: list[_Child]) -> Iterator[tuple[Order, Text]]:
        """Wait until a child can be told or has said something, or is out of time; what is done with that."""
        with selectors.DefaultSelector() as selector:
            for child in busy:
                selector.register(child.answers, selectors.EVENT_READ, child)
                if child.unsent:
                    selector.register(child.to, selectors.EVENT_WRITE, child)
            ready = selector.select(max(0.0, min(c.until for c in busy) - time.monotonic()))
        heard = {key.data for key, _ in ready if key.fd == key.data.answers}
        for key, _ in ready:
            if key.fd == key.data.to:
                key.data.send()
        for child in busy:
            found = self._heard(child) if child in heard else None
            if found is None and child.order is not None and time.monotonic() >= child.until:
                found = self._over(child)
            if found is not None:
                yield found

    def _heard(self, child: _Child) -> tuple[Order, Text] | None:
        """Take in what a child says: that it begins, or its answer; or that it has ended."""
        said = child.hear()
        if said is None:
            return self._ended(child)
        order = child.order
        for line in said:
            if line.get("begun"):
                child.begun, child.until = True, time.monotonic() + self._wall_s
                self._failures = 0
            elif order is not None:
                child.order = None
                return order, _text(line)
        return None

    def _over(self, child: _Child) -> tuple[Order, Text]:
        order = self._dismissed(child)[0]
        if not child.begun:
            raise DureError(f"no reader of documents was ready within {START_S:g} s; is the machine out of memory?")
        return order, Text(Status.TOO_SLOW, why=f"reading it takes longer than {self._wall_s:g} s")

    def _ended(self, child: _Child) -> tuple[Order, Text] | None:
        """A child ended by itself. With a document begun, that is the document's doing; before, it is tried again."""
        order, status = self._dismissed(child)
        if child.begun:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            return order, Text(Status.UNREADABLE, why=f"its reading broke off ({how})")
        self._failures += 1
        if self._failures >= _TRIES:
            raise DureError(
                f"readers of documents end as soon as they start (status {status}); is Dure installed completely?"
            )
        fresh = _Child()
        self._children.append(fresh)
        fresh.take(order)
        return None

    def _dismissed(self, child: _Child) -> tuple[Order, int]:
        """End a child that had a document, which comes back with how the child ended."""
        order = child.order
        assert order is not None
        self._children.remove(child)
        return order, child.end()


def _text(line: dict[str, Any]) -> Text:
    """An answer's values, checked by their types as `Text` needs them."""
    day = line["published"]
    return replace(
        Text(**line),
        status=Status(line["status"]),
        prose=tuple((int(a), int(b)) for a, b in line["prose"]),
        published=date.fromisoformat(day) if day else None,
        flags=tuple(line["flags"]),
        made=pickle.loads(b64decode(line["made"])) if line["made"] else None,
    )
