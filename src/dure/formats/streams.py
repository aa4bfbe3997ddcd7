"""Bytes in and out: bounded in size, gzip seen through, UTF-8 checked, files replaced whole or not at all."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dure.errors import InputError

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
_BOMB_FLOOR = 1 << 26  # what expands to less than this does no harm, however well it was packed


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader accepts at most. Beyond it the file is refused before it is parsed, with the bound named."""

    max_bytes: int = 1 << 30  # of the file, and again of what it unpacks to
    max_rows: int = 20_000_000
    max_expansion: int = 200  # unpacked over packed size; traces reach 10 to 30


DEFAULT_LIMITS = Limits()


def read_bytes(stream: BinaryIO, name: str, limits: Limits) -> bytes:
    """All bytes of `stream`, unpacked if they are gzip. Raises InputError past a limit or for broken gzip."""
    try:
        size = stream.seek(0, os.SEEK_END) if stream.seekable() else 0
        if stream.seekable():
            stream.seek(0)
        _refuse_above(size, limits.max_bytes, "file too large", name)
        data = _read(stream, limits.max_bytes, "file too large", name)
    except OSError as fault:
        raise InputError(f"cannot be read: {fault.strerror or fault}", source=name) from fault
    return _unpack(data, name, limits) if data.startswith(_GZIP) else data


def _read(stream: BinaryIO | gzip.GzipFile, most: int, message: str, name: str) -> bytes:
    parts = io.BytesIO()
    while chunk := stream.read(_CHUNK):
        parts.write(chunk)
        _refuse_above(parts.tell(), most, message, name)
    return parts.getvalue()


def _refuse_above(size: int, most: int, message: str, name: str) -> None:
    if size > most:
        raise InputError(message, source=name, value=f"{size:,} bytes or more", accepted=f"at most {most:,} bytes")


def _unpack(data: bytes, name: str, limits: Limits) -> bytes:
    most = min(limits.max_bytes, max(_BOMB_FLOOR, limits.max_expansion * len(data)))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as unpacked:
            return _read(unpacked, most, "gzip unpacks to too much", name)
    except EOFError as fault:
        raise InputError("gzip is cut off before its end", source=name, accepted="a complete .gz file") from fault
    except (gzip.BadGzipFile, zlib.error) as fault:
        raise InputError(f"gzip is damaged: {fault}", source=name, accepted="a complete .gz file") from fault


def clean_text(data: bytes, name: str) -> bytes:
    """`data` as UTF-8 with `\\n` line ends and no byte order mark. Raises InputError naming the first wrong byte."""
    for mark, encoding in _WIDE.items():
        if data.startswith(mark):
            raise InputError("wrong encoding", source=name, value=encoding, accepted="UTF-8: save the file as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    zero = data.find(b"\0")
    if zero >= 0:
        raise _not_text("not a text file: zero byte", data, zero, name)
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise _not_text("wrong encoding", data, fault.start, name) from fault
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _not_text(message: str, data: bytes, offset: int, name: str) -> InputError:
    line = data.count(b"\n", 0, offset) + 1
    found = f"byte {data[offset]:#04x} at offset {offset}"
    return InputError(message, source=name, line=line, value=found, accepted="UTF-8 text")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file at `path` for reading. Raises InputError if it is missing, a directory or not readable."""
    try:
        stream = path.open("rb")
    except FileNotFoundError as fault:
        raise InputError("no such file", source=str(path)) from fault
    except IsADirectoryError as fault:
        raise InputError("is a directory", source=str(path), accepted="a file") from fault
    except (OSError, ValueError) as fault:
        raise InputError(f"cannot be opened: {getattr(fault, 'strerror', None) or fault}", source=str(path)) from fault
    with stream:
        yield stream


@contextmanager
def replaced(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A stream that becomes the file at `path` when the block ends well; otherwise `path` stays as it was.

    A `private` one is for its owner's eyes alone, and on disk before it takes the name.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as fault:
        raise InputError(f"cannot be written: {fault.strerror or fault}", source=str(path)) from fault
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            if private:
                stream.flush()
                os.fsync(stream.fileno())
        if not private:  # mkstemp makes a private file; others get the rights of any new file
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
