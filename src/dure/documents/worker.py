"""The child that reads documents: bytes on its input, one line of JSON on its output, under limits of memory and time.

It says `{"begun": true}` once what it needs is loaded, from when its time counts. `reading.Readers` is its other side.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from typing import BinaryIO, Final

from dure.documents.extract import Text, extract, needs
from dure.mentions.model import Status

MEMORY_BYTES: Final = 500 * 1024**2
WALL_S: Final = 5.0


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


def _answer(source: BinaryIO, order: dict[str, str | int], answers: BinaryIO) -> bool:
    """Read one document and say what it holds; False where memory was short, after which this child is used up."""
    short = False
    try:
        data = source.read(int(order["bytes"]))
        needs(data, str(order["name"]))
        _say(answers, {"begun": True})
        found = asdict(extract(data, str(order["name"]), str(order["language"])))
        found["published"] = found["published"] and found["published"].isoformat()
        line = json.dumps(found)
    except MemoryError:
        short = True
        line = json.dumps(_refusal(Status.TOO_LARGE, f"reading it takes more than {MEMORY_BYTES >> 20} MB of memory"))
    except Exception as e:  # of a library, by a file nobody thought of: this document's answer, no other's
        line = json.dumps(_refusal(Status.UNREADABLE, f"cannot be read: {type(e).__name__}"))
    _say(answers, line)
    return not short


def _refusal(status: Status, why: str) -> dict[str, object]:
    return asdict(Text(status, why=why))


def _say(answers: BinaryIO, answer: object) -> None:
    line = answer if isinstance(answer, str) else json.dumps(answer)
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
    allowed = int(used.ru_utime + used.ru_stime + 2 * WALL_S) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (allowed if most == resource.RLIM_INFINITY else min(allowed, most), most))


if __name__ == "__main__":
    serve()
