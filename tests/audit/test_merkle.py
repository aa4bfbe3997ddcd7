"""The tree: published vectors, every proof of every small tree with a false twin, and another implementation."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from dure.audit.merkle import (
    EMPTY,
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    extend,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from dure.errors import InputError

MOST = 130
DATA = [b"%d" % i for i in range(MOST)]
LEAVES = [leaf_hash(d) for d in DATA]

# The leaves, roots and proofs that Certificate Transparency's own tests publish (google/certificate-transparency,
# merkle_tree_test.cc: kInputs, kSHA256Roots, kSHA256Paths, kSHA256Proofs).
CT_DATA = [bytes.fromhex(h) for h in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def split(size: int) -> int:
    """The largest power of two below size, by counting up."""
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, as it is written."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1: PATH(m, D_n)."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """RFC 9162, 2.1.4.1: SUBPROOF(m, D_n, b)."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


NODES = {
    (level, i): naive_root(LEAVES[i << level : (i + 1) << level]) for level in range(8) for i in range(MOST >> level)
}
ROOTS = [naive_root(LEAVES[:n]) for n in range(MOST + 1)]


def get(level: int, i: int) -> bytes:
    return NODES[level, i]


def flipped(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


def test_published_roots() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    leaves = [leaf_hash(d) for d in CT_DATA]
    assert [root(leaves[: n + 1]).hex() for n in range(8)] == CT_ROOTS


def test_published_proofs() -> None:
    leaves = [leaf_hash(d) for d in CT_DATA]

    def of(level: int, i: int) -> bytes:
        return naive_root(leaves[i << level : (i + 1) << level])

    assert [h.hex() for h in inclusion_proof(0, 8, of)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [h.hex() for h in consistency_proof(6, 8, of)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_inclusion_proof_up_to_130_and_its_false_twins() -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            proof, leaf = inclusion_proof(index, size, get), LEAVES[index]
            if size <= 24 or index in (0, size // 2, size - 1):
                assert proof == naive_path(index, LEAVES[:size])
            assert verify_inclusion(leaf, index, size, proof, ROOTS[size])
            assert not verify_inclusion(flipped(leaf), index, size, proof, ROOTS[size])
            assert not verify_inclusion(leaf, index, size, proof, flipped(ROOTS[size]))
            assert not verify_inclusion(leaf, index, size, [*proof, leaf], ROOTS[size])
            if proof:
                spoilt = [*proof]
                spoilt[index % len(proof)] = flipped(spoilt[index % len(proof)])
                assert not verify_inclusion(leaf, index, size, spoilt, ROOTS[size])
                assert not verify_inclusion(leaf, index, size, proof[:-1], ROOTS[size])
                assert not verify_inclusion(leaf, index ^ 1, size, proof, ROOTS[size])
            assert not verify_inclusion(leaf, size, size, proof, ROOTS[size])


def test_every_consistency_proof_up_to_130_and_its_false_twins() -> None:
    for size in range(1, MOST + 1):
        for old in range(1, size + 1):
            proof = consistency_proof(old, size, get)
            if size <= 24 or old in (1, size // 2 or 1, size - 1 or 1):
                assert proof == naive_subproof(old, LEAVES[:size], True)
            assert verify_consistency(old, size, ROOTS[old], ROOTS[size], proof)
            assert not verify_consistency(old, size, flipped(ROOTS[old]), ROOTS[size], proof)
            assert not verify_consistency(old, size, ROOTS[old], flipped(ROOTS[size]), proof)
            assert not verify_consistency(old, size, ROOTS[old], ROOTS[size], [*proof, ROOTS[old]])
            if proof:
                spoilt = [*proof]
                spoilt[old % len(proof)] = flipped(spoilt[old % len(proof)])
                assert not verify_consistency(old, size, ROOTS[old], ROOTS[size], spoilt)
                assert not verify_consistency(old, size, ROOTS[old], ROOTS[size], proof[:-1])
                assert not verify_consistency(old - 1, size, ROOTS[old], ROOTS[size], proof)
                assert not verify_consistency(size, old, ROOTS[size], ROOTS[old], proof)


def test_the_empty_tree_is_the_beginning_of_each() -> None:
    assert consistency_proof(0, 0, get) == consistency_proof(0, 7, get) == []
    assert verify_consistency(0, 7, EMPTY_ROOT, ROOTS[7], [])
    assert verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert not verify_consistency(0, 0, EMPTY_ROOT, ROOTS[1], [])
    assert not verify_consistency(0, 7, ROOTS[1], ROOTS[7], [])
    assert not verify_consistency(0, 7, EMPTY_ROOT, ROOTS[7], [ROOTS[7]])


def test_another_implementation_agrees() -> None:
    tree = InmemoryTree(algorithm="sha256")
    frontier = EMPTY
    for size, data in enumerate(DATA, 1):
        tree.append_entry(data)
        frontier = extend(frontier, [leaf_hash(data)])
        assert frontier.root() == tree.get_root()
        for index in {0, size // 2, size - 1}:
            leaf, *theirs = tree.prove_inclusion(index + 1, size).path
            assert (leaf, theirs) == (LEAVES[index], inclusion_proof(index, size, get))


@given(st.lists(st.integers(1, 40), max_size=5))
def test_a_frontier_grows_in_any_steps_to_the_same_root(steps: list[int]) -> None:
    frontier, leaves = EMPTY, LEAVES[: sum(steps)]
    for step in steps:
        frontier = extend(frontier, leaves[frontier.size : frontier.size + step])
        assert Frontier(frontier.size, frontier.hashes) == frontier
        assert frontier.root() == ROOTS[frontier.size]
    assert (frontier.size, frontier.root()) == (len(leaves), root(leaves))


@given(st.integers(1, 2**62), st.data())
def test_a_proof_of_a_huge_tree_asks_only_for_complete_subtrees_in_it(size: int, data: st.DataObject) -> None:
    asked = []

    def of(level: int, i: int) -> bytes:
        asked.append((level, i))
        return bytes(32)

    inclusion_proof(data.draw(st.integers(0, size - 1)), size, of)
    consistency_proof(data.draw(st.integers(1, size)), size, of)
    assert all((i + 1) << level <= size for level, i in asked)
    assert len(asked) <= 64 * 4


HOSTILE = st.one_of(st.binary(max_size=40), st.binary(min_size=32, max_size=32))


@given(HOSTILE, st.integers(-3, 2**70), st.integers(-3, 2**70), st.lists(HOSTILE, max_size=70), HOSTILE, st.booleans())
def test_hostile_proofs_are_no_and_never_an_error(
    leaf: bytes, index: int, size: int, proof: list[bytes], root_: bytes, small: bool
) -> None:
    if small:
        index, size = index % 9, size % 9
    if size != 1 or leaf != root_ or proof:
        assert verify_inclusion(leaf, index, size, proof, root_) is False
    if index not in (0, size) or proof:
        assert verify_consistency(index, size, leaf, root_, proof) is False


def test_what_cannot_be_is_refused() -> None:
    for index, size in ((-1, 5), (5, 5), (0, 0)):
        with pytest.raises(InputError, match="index"):
            inclusion_proof(index, size, get)
    for old, size in ((-1, 5), (6, 5)):
        with pytest.raises(InputError, match="old"):
            consistency_proof(old, size, get)
    for size, hashes in ((3, (EMPTY_ROOT,)), (-1, ()), (0, (EMPTY_ROOT,))):
        with pytest.raises(InputError, match="frontier"):
            Frontier(size, hashes)


def test_a_node_is_no_leaf() -> None:
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != node_hash(LEAVES[0], LEAVES[1])
