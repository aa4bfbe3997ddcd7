"""Numbers as written, digits and words, English and Korean."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.numerals import numerals

READ = """
1,234 => 1234
1 234 000 => 1234000
10,37,200 => 1037200
94.6 => 473/5
9.4 trillion => 9400000000000
3bn => 3000000000
2 lakh crore => 2000000000000
5 hundred thousand => 500000
two million => 2000000
twenty-five => 25
one hundred and fifty thousand => 150000
three hundred twenty-one => 321
half a billion => 500000000
a dozen => 12
a million => 1000000
two hundred million => 200000000
1조 4,000억 => 1400000000000
3조2천억 => 3200000000000
1만 3천 => 13000
1만2500 => 12500
2천296 => 2296
1만3천40 => 13040
26만 => 260000
2.5조 => 2500000000000
94억6천만 => 9460000000
5백 => 500
천 4백만 => 14000000
a quarter of a billion => 250000000
two and a half million => 2500000
1경 2조 => 10002000000000000
"""

LEFT = [
    "H100", "GPT-4", "COVID-19", "B200s", "v1.2.3", "[1]", "million", "half", "a", "one", "수천 명", "이 사업", "Tencent",
    "#7", "1,2345", "12.34.56", "often", "several hundred million",
]  # fmt: skip
HANGUL = [("두 배", 2), ("이천억 원", 200_000_000_000), ("백만 명", 1_000_000), ("세 곳", 3), ("삼십만 명", 300_000)]


@pytest.mark.parametrize("line", [line for line in READ.splitlines() if line])
def test_a_number_is_read_whole(line: str) -> None:
    written, expected = line.split(" => ")
    for text in (written, f"It is {written} in all.", f"({written})"):
        (one,) = numerals(text)
        assert one.value == Fraction(expected)
        assert text[one.start : one.end] == written


@pytest.mark.parametrize("text", LEFT)
def test_names_codes_and_lone_words_are_no_numbers(text: str) -> None:
    assert numerals(text) == []


@pytest.mark.parametrize(("text", "expected"), HANGUL)
def test_hangul_numbers_are_read_before_what_they_count(text: str, expected: int) -> None:
    assert [one.value for one in numerals(text)] == [expected]


def test_a_year_knows_that_it_looks_like_one() -> None:
    assert [one.like_year for one in numerals("in 2024, 2,024 of 2024.5 and 202")] == [True, False, False, False]


@given(st.integers(0, 10**15))
def test_grouped_and_plain_digits_agree(number: int) -> None:
    assert [one.value for one in numerals(f"a {number:,} b")] == [number]
    assert [one.value for one in numerals(f"a {number} b")] == [number]


@given(st.text(alphabet="0123456789,. 만억조천백십일이two hundrdmilonA-[]$", max_size=60))
def test_numbers_lie_apart_and_in_order(text: str) -> None:
    last = 0
    for one in numerals(text):
        assert last <= one.start < one.end <= len(text)
        assert one.value >= 0
        last = one.end
