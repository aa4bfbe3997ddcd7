"""The child that reads documents: bytes on its input, one line of JSON on its output, under limits of memory and time.

It says that it begins once what it needs is loaded, from when its time counts, and again before it makes more of a document
than its text, which has as much time. `readers.Readers` is its other side.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import signal
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from typing import Any, BinaryIO, Final

from dure.documents.extract import Text, extract, needs
from dure.mentions.model import Document, Status

MEMORY_BYTES: Final = 500 * 1024**2
WALL_S: Final = 5.0
_BEGUN: Final = '{"begun": true}'


def serve() -> None:
    """Read documents until the input ends. Whatever libraries print goes nowhere: the output is the answers' alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    limit_memory()
    source = sys.stdin.buffer
    while head := source.readline():
        order = json.loads(head)
        _limit_processor()
        if not _answer(source, order, answers):
            return


def _answer(source: BinaryIO, order: dict[str, Any], answers: BinaryIO) -> bool:
    """Read one document and say what it holds; False where memory was short, after which this child is used up."""
    short = False
    then: Callable[[Document], object] | None = pickle.loads(b64decode(order["then"])) if order["then"] else None
    try:
        data = source.read(order["bytes"])
        needs(data, order["name"])
        _say(answers, _BEGUN)
        found = extract(data, order["name"], order["language"])
        made = None
        if then is not None and found.status is Status.OK:
            _say(answers, _BEGUN)
            given = date.fromisoformat(order["published"]) if order["published"] else None
            made = b64encode(pickle.dumps(then(found.document(data, order["name"], given)))).decode()
        line = _line(found, made)
    except MemoryError:
        short = True
        line = _line(Text(Status.TOO_LARGE, why=f"reading it takes more than {MEMORY_BYTES >> 20} MB of memory"))
    except Exception as e:  # of a library, by a file nobody thought of: this document's answer, no other's
        line = _line(Text(Status.UNREADABLE, why=f"cannot be read: {type(e).__name__}"))
    _say(answers, line)
    return not short


def _line(found: Text, made: str | None = None) -> str:
    """An answer as JSON, with what was made of the document."""
    values = {field.name: getattr(found, field.name) for field in fields(Text)}
    return json.dumps({**values, "published": found.published and found.published.isoformat(), "made": made})


def _say(answers: BinaryIO, line: str) -> None:
    answers.write(line.encode() + b"\n")
    answers.flush()


def limit_memory() -> None:
    """Hold this process to `MEMORY_BYTES`: by its address space, and where that cannot be held, by its data."""
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        _, most = resource.getrlimit(kind)
        allowed = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_BYTES, most)
        with contextlib.suppress(ValueError, OSError):  # some systems know the limit, and do not let it be set
            resource.setrlimit(kind, (allowed, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_processor() -> None:
    """Have the system end this process if it works on after its parent is gone, however that went."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    allowed = int(used.ru_utime + used.ru_stime + 3 * WALL_S) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (allowed if most == resource.RLIM_INFINITY else min(allowed, most), most))


if __name__ == "__main__":
    serve()
