"""Canonical JSON against RFC 8785's own examples, a naive writer, and what it must refuse."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.audit.canonical import MAX_INT, canonical, entry
from dure.errors import InputError


class Word(StrEnum):
    ONE = "one"


class Number(IntEnum):
    ONE = 1


def naive(value: Any) -> str:
    """RFC 8785, 3.2, a rule a line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        return '"' + "".join(naive_character(c) for c in value) + '"'
    if isinstance(value, dict):
        keys = sorted(value, key=utf_16)
        return "{" + ",".join(f"{naive(k)}:{naive(value[k])}" for k in keys) + "}"
    return "[" + ",".join(naive(v) for v in value) + "]"


def naive_character(c: str) -> str:
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return short.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 0x20 else c)


def utf_16(key: str) -> list[int]:
    raw = key.encode("utf-16-be")
    return [raw[i] << 8 | raw[i + 1] for i in range(0, len(raw), 2)]


TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\x00\x1f\x7f"\\\u20ac\ufb33\U0001f600'))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_one_value_has_the_one_spelling(value: Any) -> None:
    data = canonical(value)
    assert data == naive(value).encode()
    assert json.loads(data) == value
    assert b"\n" not in data


def test_the_sorting_example_of_rfc_8785() -> None:
    """3.2.3: keys go by UTF-16 code units, so that the emoji stands before U+FB33, which code points would put first."""
    value = {
        "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\U0001f600": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis",
    }  # fmt: skip
    order = [
        "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign", "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]  # fmt: skip
    assert list(json.loads(canonical({"in": [value]}))["in"][0].values()) == order


def test_the_string_and_literals_of_rfc_8785() -> None:
    """3.2.2: of its example, all but the numbers, which are no integers."""
    value = {"string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/", "literals": [None, True, False]}
    expected = '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical(value) == expected.encode()


def test_the_largest_numbers() -> None:
    assert canonical([MAX_INT, -MAX_INT, 0]) == b"[9007199254740991,-9007199254740991,0]"
    assert canonical({Word.ONE: (Number.ONE, Word.ONE, [])}) == b'{"one":[1,"one",[]]}'


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"a": {"b": [1, 2.0]}}, "a.b[1]"), ({"a": float("nan")}, "a"), (1.5, ""), ([2**53], "[0]"), (-(2**53), ""),
        ({"a": {1: "x"}}, "a"), ({None: 1}, ""), ({True: 1}, ""), ([10**5000], "[0]"), ({"a": b"x"}, "a"), ({"a": {1}}, "a"),
        ({"a": ["\ud800"]}, "a[0]"), ({"\udc00": 1}, "\\udc00"), ("\ud83d", ""), ([object()], "[0]"),
        ({"a": Number}, "a"),
    ],
)  # fmt: skip
def test_what_has_no_one_spelling_is_refused_with_its_path(value: object, field: str) -> None:
    with pytest.raises(InputError) as fault:
        canonical(value)
    assert fault.value.field == field
    str(fault.value).encode(errors="strict")


def test_nesting_ends() -> None:
    nested: list[Any] = []
    for _ in range(63):
        nested = [nested]
    assert canonical(nested) == b"[" * 64 + b"]" * 64
    with pytest.raises(InputError, match="nested too deeply"):
        canonical([nested])
    nested.append(nested)
    with pytest.raises(InputError, match="nested too deeply"):
        canonical(nested)


def test_the_line_of_an_entry() -> None:
    line = entry(7, 1_780_000_000, "award", "call/1", {"b": "두레", "a": None})
    expected = '{"about":"call/1","at":1780000000,"body":{"a":null,"b":"두레"},"kind":"award","seq":7}'
    assert line == expected.encode()
