"""The Merkle tree of RFC 9162, section 2, with SHA-256: roots, proofs, and the frontier that lets a tree grow.

A hash is 32 bytes. A leaf's is SHA-256(0x00 || data), an inner node's SHA-256(0x01 || left || right), so that neither can
be taken for the other. The tree of n > 1 leaves splits behind the largest power of two below n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from typing import Final

from dure.errors import InputError

EMPTY_ROOT: Final = sha256(b"").digest()
_DEPTH = 64  # no proof of a tree that can exist is longer

Get = Callable[[int, int], bytes]
"""get(level, i): the hash of the complete subtree of 2**level leaves that is the i-th of its level."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """What must be known of a tree to append to it: the hashes of its complete subtrees, largest first."""

    size: int  # leaves
    hashes: tuple[bytes, ...]  # one for each bit of size that is set

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise InputError(
                "not a frontier", field="size", value=self.size, accepted="a hash for each bit that is set"
            )

    def root(self) -> bytes:
        """The root of the tree."""
        return reduce(lambda right, left: node_hash(left, right), reversed(self.hashes)) if self.size else EMPTY_ROOT


EMPTY: Final = Frontier(0, ())


def extend(frontier: Frontier, leaves: Iterable[bytes]) -> Frontier:
    """The tree with `leaves` (their hashes) appended."""
    size, hashes = frontier.size, list(frontier.hashes)
    for leaf in leaves:
        size += 1
        rest = size
        while not rest & 1:  # the new leaf completes a subtree for each zero bit at the end of the new size
            leaf = sha256(b"\x01" + hashes.pop() + leaf).digest()
            rest >>= 1
        hashes.append(leaf)
    return Frontier(size, tuple(hashes))


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    return extend(EMPTY, leaves).root()


def inclusion_proof(index: int, size: int, get: Get) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size`, lowest sibling first (RFC 9162, 2.1.3.1).

    Raises InputError where there is no such leaf.
    """
    if not 0 <= index < size:
        raise InputError(
            "no such entry", field="index", value=index, accepted=f"0 to {size - 1}" if size > 0 else "none"
        )
    proof, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_subtree(middle, high, get))
            high = middle
        else:
            proof.append(_subtree(low, middle, get))
            low = middle
    return proof[::-1]


def consistency_proof(old: int, size: int, get: Get) -> list[bytes]:
    """The proof that the first `old` leaves of the tree of `size` are those of the tree of `old` (RFC 9162, 2.1.4.1).

    Empty where old is 0 or size. Raises InputError for sizes that cannot be.
    """
    if not 0 <= old <= size:
        raise InputError("not a size that the log has had", field="old", value=old, accepted=f"0 to {size}")
    if old in (0, size):
        return []
    proof, low, high = [], 0, size
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_subtree(middle, high, get))
            high = middle
        else:
            proof.append(_subtree(low, middle, get))
            low = middle
    if low:  # else what is left is the old tree itself, whose root the verifier has
        proof.append(_subtree(low, high, get))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` (a hash) is at `index` of the tree (RFC 9162, 2.1.3.2). Never raises."""
    if not (0 <= index < size and _hashes((leaf, root, *proof))):
        return False
    at, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            leaf = node_hash(sibling, leaf)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and leaf == root


def verify_consistency(old_size: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the new tree has the old one as its beginning (RFC 9162, 2.1.4.2). Never raises.

    Every tree begins with the empty one, so that an old size of 0 asks for nothing but the empty root and no proof.
    """
    if not (0 <= old_size <= size and _hashes((old_root, root, *proof))):
        return False
    if old_size == 0 and old_root != EMPTY_ROOT:
        return False
    if old_size in (0, size):
        return not proof and (old_size != size or old_root == root)
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        return False
    at, last = old_size - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == root


def _split(size: int) -> int:
    """The largest power of two below `size` (> 1)."""
    return 1 << (size - 1).bit_length() - 1


def _subtree(low: int, high: int, get: Get) -> bytes:
    """The hash of the subtree over leaves low to high - 1; complete subtrees are asked for, the rest is hashed here."""
    size = high - low
    if size & (size - 1) == 0:
        return get(size.bit_length() - 1, low // size)
    middle = low + _split(size)
    return node_hash(_subtree(low, middle, get), _subtree(middle, high, get))


def _hashes(values: Sequence[bytes]) -> bool:
    return len(values) <= _DEPTH + 2 and all(isinstance(v, bytes) and len(v) == 32 for v in values)
