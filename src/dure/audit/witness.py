"""What a witness answers: C2SP tlog-witness, `add-checkpoint`, as a function of the request and of the heads it has seen.

A witness keeps the last head that it cosigned for each log, and cosigns another only if that head is a prefix of it. So no
two of its cosignatures ever stand under two histories.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dure.audit.merkle import EMPTY_ROOT, verify_consistency
from dure.audit.notes import Checkpoint, Key, Signer, cosign, open_note, split_note
from dure.errors import InputError

MAX_REQUEST: Final = 64 * 1024  # characters
_MAX_PROOF = 63  # lines (tlog-witness)
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_HASH = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")  # 32 bytes in base64's one spelling


@dataclass(frozen=True, slots=True)
class Head:
    """The last head of a log that was cosigned, and when."""

    size: int
    root: bytes
    at_utc_s: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer, as HTTP: 200 with the cosignature, or a refusal.

    `head` is given with 200 alone: keep it as that of `origin`, durably, *before* the body leaves.
    """

    status: int
    body: str
    head: Head | None = None
    origin: str = ""


def decide(request: str, heads: Mapping[str, Head], keys: Mapping[str, Key], signer: Signer, at_utc_s: int) -> Answer:
    """The answer to `old N`, lines of a consistency proof, an empty line and a signed checkpoint.

    `heads` and `keys` are by the log's origin. 400: malformed; 404: a log that is not known; 403: not signed by its key;
    409: another size than N was cosigned last (the body is that size), or another root of the same size; 422: the proof
    does not verify. The time of a cosignature is never before that of the one before it, though the clock step back.
    """
    try:
        old, proof, note = _parse(request)
        checkpoint = Checkpoint.parse(split_note(note)[0])
    except InputError as fault:
        return Answer(400, f"{fault}\n")
    origin = checkpoint.origin
    if origin not in keys:
        return Answer(404, "this witness does not know the log\n", origin=origin)
    try:
        open_note(note, [keys[origin]])
    except InputError as fault:
        return Answer(403, f"{fault}\n", origin=origin)
    head = heads.get(origin, Head(0, EMPTY_ROOT))
    if old > checkpoint.size:
        return Answer(400, "the old size is above the checkpoint's\n", origin=origin)
    if old != head.size or (old == checkpoint.size and checkpoint.root != head.root):
        return Answer(409, f"{head.size}\n", origin=origin)
    if not verify_consistency(old, checkpoint.size, head.root, checkpoint.root, proof):
        return Answer(422, "the checkpoint is not shown to extend the one cosigned last\n", origin=origin)
    at = max(at_utc_s, head.at_utc_s)
    line = cosign(checkpoint.text(), signer, at)
    return Answer(200, f"{line}\n", Head(checkpoint.size, checkpoint.root, at), origin)


def ask(old: int, proof: Iterable[bytes], note: str) -> str:
    """The request for a cosignature under `note`, of a log whose last cosigned size was `old`."""
    return "".join([f"old {old}\n", *(f"{b64encode(step).decode()}\n" for step in proof), "\n", note])


def _parse(request: str) -> tuple[int, list[bytes], str]:
    """Old size, proof and note of a request. Raises InputError."""
    top, separator, note = request.partition("\n\n")
    first, *lines = top.split("\n")
    old = _OLD.fullmatch(first)
    if len(request) > MAX_REQUEST or not separator or old is None or len(lines) > _MAX_PROOF:
        accepted = "`old N`, at most 63 lines of proof, an empty line, a checkpoint"
        raise InputError("not a request to a witness", field="request", value=request, accepted=accepted)
    if not all(_HASH.fullmatch(line) for line in lines):
        raise InputError("a line of the proof is no hash", field="proof", accepted="32 bytes in base64")
    return int(old[1]), [b64decode(line) for line in lines], note
