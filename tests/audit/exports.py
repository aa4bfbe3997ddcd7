"""Builds exports of small logs, sound or spoilt, for the tests of the verifier and of the witness."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence

from dure.audit.canonical import entry
from dure.audit.merkle import consistency_proof, leaf_hash, root
from dure.audit.notes import COSIGNATURE, Checkpoint, Signer, cosign, note, sign
from dure.audit.witness import ask

ORIGIN = "audit.example/log"
LOG = Signer.from_seed(ORIGIN, b"\x01" * 32)
THIEF = Signer.from_seed(ORIGIN, b"\x09" * 32)
CANADA = Signer.from_seed("witness.example/ca", b"\x02" * 32, COSIGNATURE)
KOREA = Signer.from_seed("witness.example/kr", b"\x03" * 32, COSIGNATURE)
AT = 1_780_000_000


def lines(count: int, word: str = "allowed", start: int = 0) -> list[bytes]:
    """The entries of a log, ten of them in each second."""
    return [
        entry(i, AT + i // 10, "verdict", f"application {i}", {"rules": [word], "n": i}) for i in range(start, count)
    ]


def hashes(entries: Iterable[bytes]) -> list[bytes]:
    return [leaf_hash(line) for line in entries]


def head(entries: Sequence[bytes], size: int, by: Sequence[Signer] = (LOG,), origin: str = ORIGIN) -> str:
    """The signed head over the first `size` entries."""
    text = Checkpoint(origin, size, root(hashes(entries[:size]))).text()
    return note(text, [cosign(text, s, AT) if s.key.kind == COSIGNATURE else sign(text, s) for s in by])


def checkpoints(entries: Sequence[bytes], sizes: Iterable[int], by: Sequence[Signer] = (LOG,)) -> dict[int, str]:
    return {size: head(entries, size, by) for size in sizes}


def export(
    entries: Sequence[bytes],
    heads: Mapping[int, str],
    leaves: bytes | None = None,
    members: Mapping[str, bytes | str] | None = None,
) -> io.BytesIO:
    """An export; `leaves` are those of the entries unless given, `members` replace or add."""
    parts: dict[str, bytes | str] = {
        "format": "dure audit export 1\n",
        "entries.jsonl": b"".join(line + b"\n" for line in entries),
        "leaves": b"".join(hashes(entries)) if leaves is None else leaves,
        **{f"checkpoints/{size:012d}": text for size, text in heads.items()},
        **(members or {}),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    stream.seek(0)
    return stream


TRUE, FORK = lines(40), lines(15) + lines(40, "refused", 15)


def proof(entries: list[bytes], old: int, size: int) -> list[bytes]:
    leaves = hashes(entries)
    return consistency_proof(old, size, lambda level, i: root(leaves[i << level : (i + 1) << level]))


def request(entries: list[bytes], old: int, size: int) -> str:
    return ask(old, proof(entries, old, size), head(entries, size))
