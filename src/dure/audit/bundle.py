"""The proof that one entry is in a signed log, as a bundle that is checked without the log."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any

from dure.audit import merkle, notes
from dure.errors import InputError

Bundle = Mapping[str, Any]  # entry, index, size, leaf, proof and checkpoint, as `dure audit prove` writes them


def check_proof(bundle: Bundle, keys: Iterable[notes.Key]) -> str:
    """What is wrong with a bundle of `prove`, "" if nothing is: needs nothing but the programme's public keys."""
    try:
        opened = notes.open_note(str(bundle["checkpoint"]), keys)
        leaf = merkle.leaf_hash(str(bundle["entry"]).encode())
        proof = [b64decode(str(step), validate=True) for step in bundle["proof"]]
        index, size, said = int(bundle["index"]), int(bundle["size"]), b64decode(str(bundle["leaf"]), validate=True)
    except (KeyError, TypeError, ValueError) as fault:
        return f"not a proof: {fault!r}"
    except InputError as fault:
        return f"its checkpoint: {fault}"
    head = opened.checkpoint
    if not opened.signed:
        return "its checkpoint is not signed by the programme"
    if said != leaf:
        return "its entry does not give its leaf"
    if size != head.size or not merkle.verify_inclusion(leaf, index, size, proof, head.root):
        return "its entry is not in the log that was signed"
    return ""
