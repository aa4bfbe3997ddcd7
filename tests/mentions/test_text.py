"""Normalisation, the line filter, sentences and language; on tables, on the five documents, and on hostile text."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.text import (
    LONGEST_SENTENCE,
    clean,
    language,
    prose,
    sentences,
)

ANY_TEXT = st.text(st.characters(), max_size=400)
LINES = st.lists(
    st.sampled_from(
        [
            "Continue Reading", "0%", "", "Happy", "The fund will pay 5 billion won by 2030.", "A heading of some words",
            "References", "Read also:", "- a point of a list", "정부는 2030년까지 3조원을 투자한다고 밝혔다.", "Published", "on", "a.b. c! 1. 2.5 U.S. The",
        ]
    ),
    max_size=20,
).map("\n".join)  # fmt: skip


def kept(text: str) -> list[str]:
    return [text[a:b] for a, b in prose(text)]


def said(text: str) -> list[str]:
    return [text[s.start : s.end] for s in sentences(text, prose(text))]


def split(text: str) -> list[str]:
    return [text[s.start : s.end] for s in sentences(text, [(0, len(text))])]


# --- clean -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "text", "flags"),
    [
        ("", "", ()),
        ("\ufeffa mark of the encoding", "a mark of the encoding", ()),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd", ()),
        ("94.6\u00a0billion\u2009won\t", "94.6 billion won ", ()),
        ("9\u200b4.6", "94.6", ("zero-width",)),
        ("9\ufeff4.6\u2060", "94.6", ("zero-width",)),
        ("$\u202e6.49", "$\u202e6.49", ("bidi",)),
        ("\u2067a\u200bb\u2069", "\u2067ab\u2069", ("bidi", "zero-width")),
        ("soft\u00adware \x00\x07", "software ", ()),
        ("１００억 원, ５０％, ￦3", "100억 원, 50%, ₩3", ()),
        (unicodedata.normalize("NFD", "한국 é"), "한국 é", ()),
        ("broken \ud800 half", "broken  half", ()),
    ],
)
def test_clean(raw: str, text: str, flags: tuple[str, ...]) -> None:
    assert clean(raw) == (text, flags)


@given(ANY_TEXT)
def test_clean_text_stays_as_it_is(raw: str) -> None:
    text, flags = clean(raw)
    assert clean(text)[0] == text
    assert clean(text)[1] == tuple(f for f in flags if f == "bidi")
    assert unicodedata.is_normalized("NFC", text)
    assert not set("\r\u2028\u200b\x00\u00a0") & set(text)
    text.encode()


def test_rows_of_combining_marks_are_cut() -> None:
    """Sorting them takes quadratic time: a hundred thousand would take minutes."""
    text, _ = clean("a" + "\u0315\u0300" * 100_000 + " b")
    assert len(text) < 50
    assert text.endswith(" b")


# --- the line filter ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "noise",
    [
        "Continue Reading", "Source link", "Click to comment", "Leave a Reply", "Spread the love", "Skip to content", "Connect with us",
        "Your email address will not be published. Required fields are marked *", "two × 1 =", "0%", "Happy\nHappy\n0%\nSad\nSad\n100%",
        "We use cookies to improve the site. Accept cookies to go on.", "© The Daily (www.daily.example). All rights reserved.",
        "Please tick the box to show that you are not a robot.", "Home\nNews\nScience\nContact", "| Year | $ billion |",
        "The minister at the opening of the hall. Photo: Agency", "Photo: the minister speaks on $5 billion of aid.",
        "Read also: a chip maker wins an order of $5 billion.", "저작권자 © 가나다일보. 무단전재 및 재배포 금지.", "홍길동 기자 hong@daily.example 입니다.",
        "Subscribe", "Sign up for our letter and win $5 million.", "사진=정부가 3조원을 투자한다고 말하는 모습이다.",
        "[1] Roe, J. (2021). A plan of 5 billion. Retrieved from https://example.org/1 on Monday.",
        "Will a coin maker pay $27 million?", "Save 50% now and today only!",
        "Related articles\nChip maker gets $5 billion\nMinister seeks 2 trillion won\nA short teaser says it pays $3 billion.",
        "References\nRoe, J. (2021). Plans and 5 billion. Journal of Plans, 3, 1.\n2. Some report of the year on $3 billion.",
        "Chip maker gets $5 billion from fund\n\nMinister seeks 2 trillion won more",
        "관련 기사\n정부 3조원 투자 계획 발표\n반도체 회사 5조원 수주",
    ],
)  # fmt: skip
def test_noise_is_no_prose(noise: str) -> None:
    """After an article, and before one."""
    article = (
        "The ministry will spend 94.6 billion won on the laboratory over the next four years. "
        + "It will say more of that next year. " * 5
    )
    article = article.strip()
    assert kept(f"{article}\n\n{noise}") == [article]
    assert kept(f"{noise}\n\nShare this\n\n{article}") == [article]


@pytest.mark.parametrize(
    "line",
    [
        "The fund is $5 billion.", "Korea will invest 94.6 billion won ($68.2 million), the ministry said.",
        "“We will buy 50,000 GPUs by 2028,” the minister said.[3]", "정부는 2030년까지 3조원을 투자한다고 밝혔다.",
        "과기정통부는 내년까지 GPU 1만장을 확보할 계획이라고 5일 발표했다", "○ 2030년까지 국가AI컴퓨팅센터 구축 추진",
        "1. In response to the plan, the country may need to adjust, as outlined in the column by Roe (2021).",
        "The plan that was shown to the parliament in spring will pay for five centres, each with power of its own and with people"
        " who know how to run them and",
    ],
)  # fmt: skip
def test_sentences_are_prose_beside_noise(line: str) -> None:
    assert kept(f"Home\nNews\n\n{line}\n\nContinue Reading\n0%") == [line]


def test_a_heading_counts_only_if_prose_follows() -> None:
    text = "Chip maker gets $27 million\n\nMinister seeks more power\nPublished\non\nMay 3, 2024\n\nThe minister asked for 3 GW of power."
    assert kept(text) == ["Minister seeks more power", "The minister asked for 3 GW of power."]


def test_points_of_a_list_count_where_something_announces_them() -> None:
    points = ["- 50,000 accelerators by 2028", "- two centres in the south of the country"]
    announced = "The ministry says that the plan has two parts:"
    assert kept("\n".join([announced, *points])) == [announced, *points]
    assert kept("\n".join(["Menu of the site", *points, "", "Continue Reading"])) == []


def test_a_text_of_one_line_counts() -> None:
    assert kept("Korea to invest 94.6 billion won in AI") == ["Korea to invest 94.6 billion won in AI"]
    assert kept("Continue Reading") == []


FORBIDDEN = [
    "Continue Reading", "Zkasino", "India courts", "Leave a Reply", "email address", "Happy", "\n0%", "two ×", "Spread the love",
    "Source link", "Retrieved from", "sciencedirect", "Read also", "Latest", "Skip to", "All rights reserved", "BBC survey", "Gachon",
    "Photo:", "Click to comment", "Connect with",
]  # fmt: skip


def test_the_five_documents(data: Path) -> None:
    """None of the noise, each of the sentences with a sum or a date, and no heading over nothing."""
    texts = [clean(p.read_text("utf-8"))[0] for p in sorted((data / "documents").glob("*.txt"))]
    assert len(texts) == 5
    joined = ["\n".join(kept(t)) for t in texts]
    assert [(i, f) for i, j in enumerate(joined) for f in FORBIDDEN if f in j] == []
    wanted = [(1, "$1.5 billion"), (2, "$150 billion"), (3, "80%"), (3, "August 5"), (4, "94.6 billion won ($68.2 million)"),
              (4, "9.4 trillion won ($6.94 billion)"), (4, "10% or more"), (4, "next month"), (0, "Canadian data centres")]  # fmt: skip
    assert [(i, w) for i, w in wanted if w not in joined[i]] == []
    assert [language(j) for j in joined] == ["en"] * 5


@given(st.one_of(ANY_TEXT, LINES))
def test_prose_and_sentences_are_spans_in_order(text: str) -> None:
    spans = prose(text)
    ends = [0, *(x for span in spans for x in span)]
    assert ends == sorted(ends)
    assert all(b <= len(text) and text[a:b] == text[a:b].strip() != "" for a, b in spans)
    found = sentences(text, spans)
    assert all(any(a <= s.start < s.end <= b for a, b in spans) for s in found)
    assert all(x.end <= y.start for x, y in pairwise(found))
    quotes = [text[s.start : s.end] for s in found]
    assert all(q == q.strip() and 0 < len(q) <= LONGEST_SENTENCE and "\n" not in q for q in quotes)
    whole = "".join("".join(text[a:b].split()) for a, b in spans)
    assert "".join("".join(q.split()) for q in quotes) == whole


# --- sentences -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It pays $1.5 billion. It has 3.2 MW.", 2),
        ("Mr. Roe of the U.S. Department paid approx. 5 bn. won in Jan. 2024.", 1),
        ("It was made in the U.S. The plan went on.", 2),
        ("“We will buy it.” The minister left.", 2),
        ("He said it (in 2024). Then he left!  Did he? Yes.", 4),
        ("J. Roe and K. Doe signed it.", 1),
        ("1. The first point is that it pays.", 1),
        ("The sum is 5. The rest is 6.", 2),
        ("Nos. 3 and 4 were built by Firm Inc. in May.", 1),
        ("정부는 3조원을 투자한다. 2030년까지 5만장을 확보한다.", 2),
        ("정부는 3조원을 투자한다고 밝혔다.이어 5만장을 확보한다고 했다.", 2),
        ("“확보하겠습니다.” 장관은 말했다.", 2),
        ("성장률은 3.5%였다. 끝났다.", 2),
        ("One line\nand another", 2),
        ("Wait... what now? See [1]. And [2].[3] So it goes.", 4),
        ("no end at all", 1),
        ("", 0),
    ],
)
def test_sentences(text: str, parts: int) -> None:
    found = split(text)
    assert len(found) == parts, found


def test_a_long_sentence_is_cut_between_words() -> None:
    text = "the fund pays 94.6 billion won, and " * 200
    found = split(text)
    assert len(found) > 3
    assert all(len(f) <= LONGEST_SENTENCE for f in found)
    assert " ".join(found).split() == text.split()
    assert all(f.endswith(",") for f in found[:-1])


def test_a_number_is_never_cut_in_two() -> None:
    text = f"The sum is {'9' * 50_000} won and the other is 5 won."
    assert split(text) == ["The sum is", "won and the other is 5 won."]


@pytest.mark.parametrize(
    "unit",
    ["9", ".", ". ", "a.", "a. ", "!", '"', '."', "[1]", "( ", "- ", "\n", "다.", "U.S. ", "cookie ", "©", "| ", "by ", "—", "가 ", "\u202e1", "1,", "see: "],
)  # fmt: skip
@pytest.mark.parametrize("around", [("", ""), ("The plan of the state ", " is to pay it all.")])
def test_hostile_lines_end(unit: str, around: tuple[str, str]) -> None:
    """Two hundred thousand characters of one kind: what takes quadratic time would run for an hour."""
    text, _ = clean(around[0] + unit * (200_000 // len(unit)) + around[1])
    found = sentences(text, [*prose(text)] or [(0, len(text))])
    assert all(len(text[s.start : s.end]) <= LONGEST_SENTENCE for s in found)
    language(text)


# --- language ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "is_"),
    [
        ("The government will invest in chips.", "en"),
        ("Canada invests C$2 billion", "en"),
        ("정부는 AI 반도체에 투자한다.", "ko"),
        ("NVIDIA H200 GPU 13,000장 확보, AWS Azure 협력 추진한다", "ko"),
        ("The Ministry of Science (과학기술정보통신부) said on Monday that it will pay.", "en"),
        ("Le gouvernement va investir dans les puces et la recherche pour les universités.", ""),
        ("Die Regierung wird in die Forschung und in den Aufbau von Rechenzentren investieren.", ""),
        ("El gobierno va a invertir en los centros de datos y en la investigación.", ""),
        ("政府は半導体に三兆円を投資すると発表した。", ""),
        ("政府宣布将投资三万亿元用于人工智能芯片。", ""),
        ("Правительство вложит миллиарды в чипы.", ""),
        ("ستستثمر الحكومة مليارات في الرقائق.", ""),
        ("12345 67.8 %", ""),
        ("", ""),
    ],
)
def test_language(text: str, is_: str) -> None:
    assert language(text) == is_
