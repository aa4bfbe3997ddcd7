"""Signed notes, checkpoints and cosignatures as C2SP writes them: signed-note, tlog-checkpoint, tlog-cosignature (v1).

A *note* is a text, an empty line, and lines `— name base64(key id, signature)`. A *checkpoint* is a note whose text is the
log's name, its size and its root. Ed25519 throughout: kind 1 signs the text, kind 4 (a witness) the text and a time.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from dure.errors import InputError

ED25519: Final = 1
COSIGNATURE: Final = 4
MAX_NOTE: Final = 64 * 1024  # bytes; a programme's head with 100 cosignatures has 20,000
_MAX_LINES = 100  # C2SP asks for 16 at least; Go's own reader stops at 100 too
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]{1,255}")
_ORIGIN = re.compile(r"[^\x00-\x1f\ud800-\udfff]{1,255}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LINE = re.compile(rf"— ({_NAME.pattern}) ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of a log: `size` leaves under `root`, of the log called `origin`. Raises InputError unless it can be written."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not _ORIGIN.fullmatch(self.origin):
            raise InputError("not the name of a log", field="origin", value=self.origin, accepted="one line of text")
        if not 0 <= self.size < 2**63:
            raise InputError("not a size", field="size", value=self.size, accepted="0 to 2**63 - 1")
        if len(self.root) != 32:
            raise InputError("not a root", field="root", value=self.root, accepted="32 bytes")

    def text(self) -> str:
        """The text that is signed: three lines."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Back from `text`, and only from what `text` writes: no extension lines. Raises InputError."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not _SIZE.fullmatch(lines[1]):
            raise InputError(
                "not a checkpoint", field="checkpoint", value=text, accepted="lines of origin, size and root"
            )
        return cls(lines[0], int(lines[1]), _unbase64(lines[2], "root"))


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its name. `str` and `parse` are of the form `name+id+base64`, a *vkey*."""

    name: str
    kind: int  # ED25519 or COSIGNATURE
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError("not the name of a key", field="name", value=self.name, accepted="no space, no plus sign")
        if self.kind not in (ED25519, COSIGNATURE) or len(self.public) != 32:
            raise InputError("not such a key", field="kind", value=self.kind, accepted="1 or 4, with 32 bytes")

    @property
    def id(self) -> bytes:
        """The four bytes that, with the name, say which key signed."""
        return sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """Back from `str`. Raises InputError."""
        name, _, rest = text.partition("+")
        name_id, _, data = rest.partition("+")
        raw = _unbase64(data, "key")
        if len(raw) == 33:
            key = cls(name, raw[0], raw[1:])
            if key.id.hex() == name_id:
                return key
        raise InputError("not a public key", field="key", value=text, accepted="name+id+base64, of Ed25519")


@dataclass(frozen=True, slots=True)
class Signer:
    """A key with its secret, which `repr` does not show."""

    key: Key
    seed: bytes = field(repr=False)

    @classmethod
    def from_seed(cls, name: str, seed: bytes, kind: int = ED25519) -> Signer:
        """The signer of a secret of 32 random bytes. Raises InputError."""
        if len(seed) != 32:
            raise InputError("not a secret", field="seed", accepted="32 bytes")
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return cls(Key(name, kind, public), seed)

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Back from `secret`. Raises InputError, which does not repeat the text."""
        fault = InputError("not a secret key", field="key", accepted="PRIVATE+KEY+name+id+base64")
        head, _, rest = text.partition("PRIVATE+KEY+")
        name, _, rest = rest.partition("+")
        name_id, _, data = rest.partition("+")
        try:
            raw = _unbase64(data, "key")
            signer = cls.from_seed(name, raw[1:], raw[0]) if raw and not head else None
        except InputError:
            raise fault from None
        if signer is None or signer.key.id.hex() != name_id:
            raise fault
        return signer

    def secret(self) -> str:
        """The line to keep: whoever has it can sign."""
        data = b64encode(bytes([self.key.kind]) + self.seed).decode()
        return f"PRIVATE+KEY+{self.key.name}+{self.key.id.hex()}+{data}"


def sign(text: str, signer: Signer) -> str:
    """The signature line under `text`, without a line break. Raises InputError for a witness's key."""
    _of_kind(signer, ED25519)
    return _line(signer, Ed25519PrivateKey.from_private_bytes(signer.seed).sign(text.encode()))


def cosign(text: str, signer: Signer, at_utc_s: int) -> str:
    """A witness's line under the text of a checkpoint, without a line break: seen as consistent, at that time."""
    _of_kind(signer, COSIGNATURE)
    if not 0 <= at_utc_s < 2**63:
        raise InputError("not a time", field="at", value=at_utc_s, accepted="POSIX seconds")
    signature = Ed25519PrivateKey.from_private_bytes(signer.seed).sign(_cosigned(text, at_utc_s))
    return _line(signer, at_utc_s.to_bytes(8, "big") + signature)


def note(text: str, lines: Iterable[str]) -> str:
    """The note of a text and its signature lines."""
    return "".join([text, "\n", *(f"{line.rstrip()}\n" for line in lines)])


@dataclass(frozen=True, slots=True)
class Opened:
    """A note's checkpoint; the names of the keys that signed it; the witnesses' names, each with its time."""

    checkpoint: Checkpoint
    signed: tuple[str, ...]
    cosigned: tuple[tuple[str, int], ...]


def open_note(note: str, keys: Iterable[Key]) -> Opened:
    """The checkpoint of a note, with who signed it. Lines of keys that are not given are skipped.

    Raises InputError if it is malformed, if a line of a given key does not verify, or if none is of a given key. Whoever
    needs the log's own signature looks at `signed`: a witness's alone opens a note too.
    """
    text, lines = split_note(note)
    checkpoint = Checkpoint.parse(text)
    known = {(key.name, key.id): key for key in keys}
    signed: dict[Key, None] = {}
    cosigned: dict[Key, int] = {}
    for name, key_id, signature in lines:
        key = known.get((name, key_id))
        if key is None:
            continue
        message = text.encode()
        if key.kind == COSIGNATURE:
            at, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = _cosigned(text, at)
            cosigned[key] = max(at, cosigned.get(key, 0))
        else:
            signed[key] = None
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise InputError("the signature does not verify", field=name, accepted=f"one by {key}") from None
    if not signed and not cosigned:
        raise InputError("signed by no key that is known", field="note", accepted=", ".join(map(str, known.values())))
    return Opened(checkpoint, tuple(k.name for k in signed), tuple((k.name, at) for k, at in cosigned.items()))


def split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text of a note and its lines: name, key id, signature. Nothing is verified. Raises InputError if malformed."""
    fault = InputError("not a signed note", field="note", value=note, accepted="text, empty line, lines of signatures")
    text, separator, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if len(note) > MAX_NOTE or not separator or lines.pop() or not 1 <= len(lines) <= _MAX_LINES:
        raise fault
    if re.search("[\x00-\x09\x0b-\x1f\ud800-\udfff]", note):
        raise fault
    found = []
    for line in lines:
        match = _LINE.fullmatch(line)
        raw = _unbase64(match[2], "signature") if match else b""
        if not match or len(raw) < 5:
            raise fault
        found.append((match[1], raw[:4], raw[4:]))
    return f"{text}\n", found


def _cosigned(text: str, at_utc_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_utc_s}\n{text}".encode()


def _line(signer: Signer, signature: bytes) -> str:
    return f"— {signer.key.name} {b64encode(signer.key.id + signature).decode()}"


def _of_kind(signer: Signer, kind: int) -> None:
    if signer.key.kind != kind:
        raise InputError("a key of another kind", field=signer.key.name, value=signer.key.kind, accepted=str(kind))


def _unbase64(text: str, name: str) -> bytes:
    """Standard base64 in its one spelling: padded, no bits to spare."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or b64encode(data).decode() != text:
        raise InputError("not base64", field=name, accepted="the standard alphabet, padded")
    return data
