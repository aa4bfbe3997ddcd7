"""Near copies of a page: told from other pages, whatever their length, as by comparing each with each."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.documents.copies import SKETCH, Originals, is_copy, likeness, sketch


def words(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return [f"w{draw.randrange(3_000)}" for _ in range(count)]


@pytest.mark.parametrize("length", [300, 3_000])
def test_copies_are_told_from_other_texts(length: int) -> None:
    one, other = words(1, length), words(2, length)
    draw = random.Random(3)
    changed = [w if draw.random() > 0.05 else "new" for w in one]
    a = sketch(" ".join(one))
    assert likeness(a, a) == (1.0, 1.0)
    assert not is_copy(a, sketch(" ".join(other)))
    assert is_copy(a, sketch("home news menu " * 10 + " ".join(one).upper() + " share this, and read more!"))
    assert is_copy(a, sketch(" ".join(changed)))
    assert is_copy(a, sketch(" ".join(one[: length // 2])))
    assert is_copy(a, sketch(" ".join(one + other)))
    assert not is_copy(a, sketch(" ".join(one[: length // 4] + other)))


def test_nothing_is_no_copy_of_nothing() -> None:
    assert sketch("") == sketch("... !") == frozenset()
    assert likeness(frozenset(), frozenset()) == (0.0, 0.0)
    assert not is_copy(frozenset(), sketch("some words of a page"))


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60), st.lists(st.sampled_from("abcdefgh"), max_size=60))
def test_likeness_is_exact_for_short_texts(a: list[str], b: list[str]) -> None:
    def runs(w: list[str]) -> set[tuple[str, ...]]:
        return {tuple(w[i : i + 5]) for i in range(max(1, len(w) - 4))} if w else set()

    x, y = runs(a), runs(b)
    found = likeness(sketch(" ".join(a)), sketch(" ".join(b)))
    assert found == ((len(x & y) / len(x | y), len(x & y) / min(len(x), len(y))) if x and y else (0.0, 0.0))
    assert found == likeness(sketch(" ".join(b)), sketch(" ".join(a)))


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=30).map(" ".join), max_size=12))
def test_the_first_that_is_repeated_is_found(texts: list[str]) -> None:
    """As by comparing each with each."""
    known, naive = Originals(), dict[str, frozenset[int]]()
    for number, text in enumerate(texts):
        expected = next((name for name, other in naive.items() if is_copy(sketch(text), other)), "")
        assert known.repeated(str(number), text) == expected
        if not expected:
            naive[str(number)] = sketch(text)


def test_long_and_short_originals_are_found() -> None:
    known = Originals()
    for seed, length in enumerate((300, 3_000, 9_000)):
        assert known.repeated(f"o{seed}", " ".join(words(seed, length))) == ""
    known.add("more", " ".join(words(1, 3_000)[:200]))
    assert known.repeated("half", " ".join(words(2, 9_000)[:5_000])) == "o2"
    assert known.repeated("part", " ".join(words(1, 3_000)[:150])) == "o1"
    assert known.repeated("other", " ".join(words(9, 3_000))) == ""


def test_a_sketch_has_a_bound() -> None:
    assert len(sketch(" ".join(words(1, 20_000)))) == SKETCH
