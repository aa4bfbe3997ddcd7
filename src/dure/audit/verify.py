"""Verifies an exported audit log, trusting nobody but the keys it is given.

This file stands alone: it needs Python 3.11 and the package `cryptography`, and imports nothing of Dure, so that an auditor
can read it in one sitting, copy it out and run it:

    python verify.py export.dure --key programme.pub --witness partner.pub --head head-of-last-year.txt

An export is a zip of `format`; `entries.jsonl`, an entry a line; `leaves`, the 32-byte hash of each entry as the log recorded
it; and `checkpoints/SIZE` (12 digits), signed heads (C2SP tlog-checkpoint), the newest over all entries. The tree is that of
RFC 9162, section 2, over the bytes of the lines. `leaves` only helps to name the first bad entry: nothing rests on it.
"""

from __future__ import annotations

import argparse
import re
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from hashlib import sha256
from itertools import chain, islice, repeat
from typing import IO, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = b"dure audit export 1\n"
MAX_LINE, MAX_NOTE, MAX_CHECKPOINTS = 2**20, 2**16, 10**6  # bytes, bytes, count: an export is refused beyond them
Advance = Callable[[float], object]
_CHUNK = 2**18
_LINE = re.compile(rb"\xe2\x80\x94 (\S+) ((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?)")  # base64
_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})")
_NAME = re.compile(r"checkpoints/([0-9]{12})")
_HEAD = re.compile(rb'\{"about":"[^"\\]*+(?:\\.[^"\\]*+)*+","at":(-?\d{1,18}),"body":\{')


@dataclass(frozen=True)
class Result:
    """What was found. `ok` says that every entry is as the programme signed it, and that each head given is met.

    Else `problem` says what is wrong, and `first_bad` is the first entry that is not proven: its body does not give the hash
    recorded, or it is the first behind the last signed head that still holds. Entries count from 0.
    """

    ok: bool
    entries: int  # read: all of them where ok
    checkpoint_size: int | None  # of the newest checkpoint in the export; None: it has none
    first_bad: int | None
    problem: str
    cosigned: tuple[str, ...]  # the witnesses whose cosignature stands under the newest checkpoint


class _Key(NamedTuple):
    name: str
    id: bytes
    kind: int  # 1: signs a text; 4: a witness's, signs a text and a time
    public: bytes


class _Mark(NamedTuple):
    """A head that the log must meet at its size; a `fault` is why it cannot be met, whatever the entries are."""

    size: int
    given: bool  # by somebody else, not in the export
    root: bytes = b""
    origin: str = ""
    signed: tuple[_Key, ...] = ()
    fault: str = ""

    def __str__(self) -> str:
        return f"a head given, of size {self.size}," if self.given else f"checkpoint {self.size}"


class _Log:
    """The entries as they are read, and the tree over them."""

    def __init__(self, lines: Iterator[bytes], recorded: Iterator[bytes]) -> None:
        self.lines, self.recorded = lines, recorded
        self.size, self.at = 0, -(2**63)
        self.stack: list[bytes] = []  # the roots of the complete subtrees, largest first
        self.suspect: int | None = None  # the first entry, since a head was met, that does not give its recorded hash

    def read_to(self, size: int) -> str:
        """Reads on until `size` entries, or the end. What is wrong with the entry after the last one counted, if anything.

        Number and time are read where canonical JSON has them; what else an entry says is the programme's word.
        """
        stack, n, at = self.stack, self.size, self.at
        for line, recorded in zip(islice(self.lines, size - n), self.recorded):
            head = _HEAD.match(line)
            if head is None or not line.endswith(b'","seq":%d}' % n):
                return f"is not an entry of that number: {line[:40]!r} ... {line[-20:]!r}"
            if (before := at) > (at := int(head[1])):
                return f"goes back in time, from {before} to {at}"
            hash_ = sha256(b"\x00" + line).digest()
            if hash_ != recorded and self.suspect is None:
                self.suspect = n
            self.size = n = rest = n + 1
            while not rest & 1:
                hash_ = sha256(b"\x01" + stack.pop() + hash_).digest()
                rest >>= 1
            stack.append(hash_)
        self.at = at
        return ""

    def root(self) -> bytes:
        """RFC 9162, 2.1.1."""
        peaks = self.stack[::-1] or [sha256(b"").digest()]
        return reduce(lambda right, left: sha256(b"\x01" + left + right).digest(), peaks)


def verify(
    export: IO[bytes],
    keys: Sequence[str],
    *,
    witnesses: Sequence[str] = (),
    least: int | None = None,
    heads: Sequence[str] = (),
    advance: Advance = lambda part: None,
) -> Result:
    """Whether an export is the whole, unchanged log that the programme signed. `advance` is told the part done, 0 to 1.

    `keys` are the programme's public keys (`name+id+base64`), any of which may have signed a head; `witnesses` those of its
    witnesses, of whom `least` (None: all) must have cosigned the newest; `heads` are signed heads that somebody else was shown:
    each must be a beginning of this log, which brings out a cut tail, a fork and a rewritten past. Raises ValueError for what
    is no export at all, and for no key.
    """
    programme, partners = [_key(k, 1) for k in keys], [_key(k, 4) for k in witnesses]
    try:
        with zipfile.ZipFile(export) as archive:
            sizes = _sizes(archive)
            asked = [*[programme] * (len(sizes) - 1), programme + partners]  # who cosigned counts for the newest alone
            marks = [_mark(_member(archive, f"checkpoints/{n:012d}"), ask, n) for n, ask in zip(sizes, asked)]
            newest = marks[-1] if marks else None
            origin = next((mark.origin for mark in reversed(marks) if not mark.fault), "")
            marks += [_mark(head.encode(errors="replace"), programme, None) for head in heads]
            marks = [
                m if m.fault or m.origin == origin else m._replace(fault=f"is of another log, {m.origin}")
                for m in marks
            ]
            marks.sort(key=lambda mark: (mark.size, mark.given))
            with archive.open("entries.jsonl") as entries, archive.open("leaves") as leaves:
                chunks = iter(lambda: leaves.read(_CHUNK), b"")  # a multiple of 32 bytes
                hashes = (chunk[at : at + 32] for chunk in chunks for at in range(0, len(chunk), 32))
                log = _Log(chain.from_iterable(_lines(entries)), chain(hashes, repeat(b"")))
                problem, first_bad = _walk(log, marks, newest, advance)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as fault:
        raise ValueError(f"not an export: {fault}") from None
    signed = {key.public: key.name for key in (newest.signed if newest else ()) if key.kind == 4}
    if not problem and len(signed) < (least := len({key.public for key in partners}) if least is None else least):
        problem = f"{len(signed)} of the witnesses cosigned the newest checkpoint, not {least}"
    return Result(not problem, log.size, sizes[-1] if sizes else None, first_bad, problem, tuple(signed.values()))


def _walk(log: _Log, marks: list[_Mark], newest: _Mark | None, advance: Advance) -> tuple[str, int | None]:
    """Reads the log from head to head. The first problem with the first bad entry, or ("", None)."""
    end = max((mark.size for mark in marks if not mark.fault), default=0)  # nobody has signed anything beyond: not read
    met: list[_Mark] = []
    for mark in marks:
        if problem := log.read_to(min(mark.size, end)):
            return f"entry {log.size} {problem}", log.size if log.suspect is None else log.suspect
        if mark.fault:
            return f"{mark} {mark.fault}", None if mark.given else _floor(log, mark, met)
        if log.size < mark.size:
            bad = log.size if log.suspect is None else log.suspect
            return f"{mark} is over {mark.size} entries, the export has {log.size}: its tail is cut off", bad
        if log.root() != mark.root:
            bad = _floor(log, mark, met)
            return f"{mark} is not met: of entries {bad} to {mark.size - 1}, one or more are not as signed", bad
        met.append(mark)
        log.suspect = None
        advance(mark.size / end if end else 1.0)
    if newest is None:
        return "there is no checkpoint", 0
    if newest.size != log.size or next(log.lines, None) is not None:
        return f"the entries from {newest.size} on stand under no checkpoint", newest.size
    return "", None


def _floor(log: _Log, mark: _Mark, met: list[_Mark]) -> int:
    """The first entry that is not proven where `mark` is not met.

    A head that somebody else was shown is proof against the export; what the export says of itself is none against that head.
    """
    proven = max((m.size for m in met if m.size < mark.size and (m.given or not mark.given)), default=0)
    return proven if log.suspect is None else max(proven, log.suspect)


def _mark(raw: bytes, keys: list[_Key], size: int | None) -> _Mark:
    """A signed head: that of the export under `size`, or one that was given (None)."""
    try:
        origin, own_size, root, signed = _open(raw, keys)
    except ValueError as fault:
        return _Mark(size or 0, size is None, fault=str(fault))
    mark = _Mark(own_size if size is None else size, size is None, root, origin, signed)
    if mark.size != own_size:
        return mark._replace(fault=f"is one of size {own_size}")
    return (
        mark if any(key.kind == 1 for key in signed) else mark._replace(fault="is not signed by a key of the programme")
    )


def _open(raw: bytes, keys: list[_Key]) -> tuple[str, int, bytes, tuple[_Key, ...]]:
    """Origin, size, root, and which of the keys signed a note (C2SP signed-note). Raises ValueError, a predicate."""
    text, separator, tail = raw.rpartition(b"\n\n")
    lines = tail.split(b"\n")
    match = re.fullmatch(rb"([^\x00-\x1f]+)\n(0|[1-9]\d{0,18})\n([A-Za-z0-9+/]{43}=)", text)
    if len(raw) > MAX_NOTE or not separator or lines.pop() or match is None:
        raise ValueError("is not a signed head")
    text += b"\n"
    signed = []
    for line in lines:
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise ValueError("is not a signed head")
        signature = b64decode(parts[2])
        for key in (k for k in keys if (k.name.encode(), k.id) == (parts[1], signature[:4])):
            if not _signed(key, signature[4:], text):
                raise ValueError(f"has a signature of {key.name} that does not verify")
            signed.append(key)
    return match[1].decode(errors="replace"), int(match[2]), b64decode(match[3]), tuple(signed)


def _signed(key: _Key, signature: bytes, text: bytes) -> bool:
    if key.kind == 4:  # C2SP tlog-cosignature, v1: eight bytes of time, then the signature over it and the text
        time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
        text = b"cosignature/v1\ntime %d\n" % time + text
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _key(text: str, kind: int) -> _Key:
    """A public key as `name+id+base64`: the id is the start of SHA-256 of name, line break, kind and key."""
    if match := _VKEY.fullmatch(text.strip()):
        raw = b64decode(match[3])
        key = _Key(match[1], sha256(match[1].encode() + b"\n" + raw).digest()[:4], raw[0], raw[1:])
        if key.kind == kind and key.id.hex() == match[2]:
            return key
    raise ValueError(f"not a public key of kind {kind}: {text.strip()[:80]!r}")


def _sizes(archive: zipfile.ZipFile) -> list[int]:
    """The sizes of the checkpoints in the export, if it is one. Raises ValueError."""
    names = archive.namelist()
    rest = set(names) - {"format", "entries.jsonl", "leaves"}
    found = [match for match in map(_NAME.fullmatch, rest) if match]
    plain = all(i.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for i in archive.infolist())
    whole = len(rest) + 3 == len(names) == len(set(names)) and len(found) == len(rest) <= MAX_CHECKPOINTS
    if whole and plain and _member(archive, "format") == FORMAT:
        return sorted(int(match[1]) for match in found)
    raise ValueError("not an export: it has other members than format, entries.jsonl, leaves and checkpoints/")


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as stream:
        return stream.read(MAX_NOTE + 1)  # a byte more than a note may have tells of one that is too long


def _lines(stream: IO[bytes]) -> Iterator[list[bytes]]:
    """The lines of a stream, some at a time, without their ends. Raises ValueError for one too long or without an end."""
    rest = b""
    while chunk := stream.read(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE:
            break
        yield lines
    if rest:
        raise ValueError(f"not an export: a line of entries.jsonl has no end within {MAX_LINE} bytes")


def main() -> None:
    """The command line. Exits 0 for yes, 1 for no, 2 where the question makes no sense."""
    parser = argparse.ArgumentParser(description="Verify an exported audit log.")
    parser.add_argument("export", type=argparse.FileType("rb"))
    files = partial(parser.add_argument, action="append", default=[], type=argparse.FileType("r", encoding="utf-8"))
    files("--key", help="public keys of the programme, one a line")
    files("--witness", help="public keys of its witnesses, one a line")
    files("--head", help="a signed head that somebody else was shown")
    parser.add_argument("--least", type=int, help="how many of the witnesses must have cosigned (all)")
    given = parser.parse_args()
    keys, witnesses = ([k for file in files for k in file if k.strip()] for files in (given.key, given.witness))
    try:
        heads = [file.read() for file in given.head]
        found = verify(given.export, keys, witnesses=witnesses, least=given.least, heads=heads)
    except ValueError as fault:
        parser.error(str(fault))
    yes = f"yes: {found.entries} entries, cosigned by {', '.join(found.cosigned) or 'nobody'}"
    no = f"no: {found.problem}; first bad entry: {found.first_bad}"
    parser.exit(not found.ok, f"{yes if found.ok else no}\n")


if __name__ == "__main__":
    main()
