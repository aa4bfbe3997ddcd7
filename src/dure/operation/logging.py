"""Structured logs: one JSON object a line on standard error, with the moment, the level, what happened, and its job and cause.

No secret stands in a line: fields of the names in `HIDDEN` and whatever looks like a token are starred, and a field is a
number or a text, never a whole environment.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import traceback
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")
HIDDEN: Final = frozenset({"authorization", "cookie", "env", "password", "secret", "secrets", "ticket", "token"})
_STARS: Final = "***"
# Tokens of the API, what follows the word for one in a header or an address, and the password in a database's URL.
_TOKENS: Final = re.compile(
    r"dure_[\w-]{20,}|(?<=ticket=)[^&\s]+|(?<=bearer )\S+|(?<=token )[\w.-]{16,}|(?<=//)[^/\s@]+:[^/\s@]*(?=@)", re.I
)
_LONGEST: Final = 4000  # characters of a text: a line is written by one call, so that two processes never mix theirs

Field = str | int | float | bool | None


def log(event: str, *, level: str = "info", job: int | None = None, cause: str = "", **fields: Field) -> None:
    """Write one line. `event` is a word for what happened, `job` its number, `cause` why. Raises TypeError for a field that
    is no plain value, ValueError for a level that is none of LEVELS."""
    if level not in LEVELS:
        raise ValueError(level)
    now = time.time()
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
    line: dict[str, Field] = {"time": stamp, "level": level, "event": _shown(event)}
    if job is not None:
        line["job"] = job
    if cause:
        line["cause"] = _shown(cause)
    for name, value in fields.items():
        if not isinstance(value, str | int | float | None):
            raise TypeError(f"{name}: a log line holds plain values, not a {type(value).__name__}")
        line[name] = _STARS if name.lower() in HIDDEN else _shown(value) if isinstance(value, str) else value
    try:
        os.write(2, (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
    except OSError:  # nobody reads the log any more: no reason to stop
        return


def _shown(text: str) -> str:
    return _TOKENS.sub(_STARS, text[:_LONGEST])


class _Handler(logging.Handler):
    """What libraries log, in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        level = record.levelname.lower()
        level = level if level in LEVELS else "error"
        if record.exc_info is None:
            log(record.name, level=level, cause=record.getMessage())
        else:
            trace = "".join(traceback.format_exception(*record.exc_info))
            log(record.name, level=level, cause=record.getMessage(), trace=trace[-_LONGEST:])


def install(level: int = logging.WARNING) -> None:
    """Have what libraries log through `logging` written in this form too; once a process."""
    logging.basicConfig(level=level, handlers=[_Handler()], force=True)
