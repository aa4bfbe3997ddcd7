"""Canonical JSON (RFC 8785) for what an entry may hold: strings, whole numbers, true, false, null, lists and objects.

One value has one spelling, so that whoever has the value has the bytes that were hashed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from dure.errors import InputError

MAX_INT: Final = 2**53 - 1  # beyond it a reader whose numbers are doubles sees another number (RFC 8785, 3.2.2.3)
_DEPTH = 64
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True)
_UNSORTED = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
_BEYOND_BMP = re.compile(rb"[\xf0-\xf4]")  # begins a character that takes two UTF-16 code units

_Path = tuple[Any, ...]  # () at the top, else (path of what is around it, key or index): cheap to build, seldom read


def canonical(value: object) -> bytes:
    """The canonical bytes of `value`, UTF-8 without a line break.

    Raises InputError, whose field is the path, for a float, an integer beyond +-(2**53 - 1), a key that is no string, half
    of a surrogate pair, any other type, and nesting deeper than 64.
    """
    _check(value, (), _DEPTH)
    data = _ENCODER.encode(value).encode()
    if not data.isascii() and _BEYOND_BMP.search(data):  # else Python's order, of code points, is that of UTF-16 units
        data = _UNSORTED.encode(_sorted(value)).encode()
    return data


def entry(seq: int, at_utc_s: int, kind: str, about: str, body: dict[str, Any]) -> bytes:
    """The line of one entry of the log: the data of leaf `seq`. Raises InputError as `canonical` does."""
    return canonical({"about": about, "at": at_utc_s, "body": body, "kind": kind, "seq": seq})


def _check(value: object, path: _Path, depth: int) -> None:
    """Raises InputError unless the value can be written. The common ones pass without a call of their own."""
    inner: Iterable[tuple[Any, Any]]
    if isinstance(value, dict):
        inner = value.items()
        for key in value:
            if not isinstance(key, str):
                raise _fault("a key is no text", path, key, "text")
            if not key.isascii():
                _check_text(key, (path, key))
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    else:
        _check_scalar(value, path)
        return
    if depth == 0:
        raise _fault("nested too deeply", path, None, f"{_DEPTH} levels")
    for key, one in inner:
        kind = type(one)
        if kind is str:
            if not one.isascii():
                _check_text(one, (path, key))
        elif kind is int:
            if not -MAX_INT <= one <= MAX_INT:
                _check_scalar(one, (path, key))
        elif one is not None and kind is not bool:
            _check(one, (path, key), depth - 1)


def _check_scalar(value: object, path: _Path) -> None:
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, int):
        if not -MAX_INT <= value <= MAX_INT:
            shown = (
                value if value.bit_length() < 256 else None
            )  # of a huge one, Python would refuse to write the digits
            raise _fault("too large a number", path, shown, "at most 2**53 - 1; units of 10**15, or text, for more")
    elif value is not None:
        accepted = "text, whole number, true, false, null, list, object"
        raise _fault(f"{type(value).__name__} cannot stand in the log", path, value, accepted)


def _check_text(text: str, path: _Path) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _fault("half of a surrogate pair", path, text, "Unicode text") from None


def _fault(message: str, path: _Path, value: object, accepted: str) -> InputError:
    keys = []
    while path:
        path, key = path
        keys.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    field = "".join(reversed(keys)).lstrip(".").encode(errors="backslashreplace").decode()
    return InputError(message, field=field, value=value, accepted=accepted)


def _sorted(value: Any) -> Any:
    """The same, the keys of every object in the order of their UTF-16 code units."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    return [_sorted(inner) for inner in value] if isinstance(value, list | tuple) else value
