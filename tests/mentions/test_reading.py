"""From documents to mentions: spans that reproduce, periods that belong, milestones, flags, and what a plug-in may propose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.model import PERCENT, Bound, Document, Kind, Mention, Party, Span, Stance, Status
from dure.mentions.reading import Extractor, checked, mentions
from dure.mentions.text import clean, language, prose

PAGE = (
    "South Korea is short of accelerators. The government has earmarked 94.6 billion won ($68.2 million) for the next four years. "
    "The president announced a 9.4 trillion won investment by 2027, aiming to secure a 10% or more share of the market by 2030. "
    "The Ministry of Science and ICT intends to develop the talks into a joint initiative. It was a sunny day in Seoul."
)
PAGE_KO = (
    "정부는 2027년까지 GPU 5만 장을 확보하기로 했다. 과기정통부는 내년에 500억원을 지원할 계획이라고 밝혔다. "
    "엔비디아는 시장의 80%를 차지하고 있다. 날씨가 맑았다."
)


def document(raw: str, published: date | None = None, flags: tuple[str, ...] = ()) -> Document:
    text, seen = clean(raw)
    return Document(
        "ab" * 32, "page.txt", Status.OK, text, prose(text), language(text), published, flags=(*seen, *flags)
    )


def quoted(page: Document, part: object) -> str:
    span = getattr(part, "span", None)
    return "" if span is None else page.text[span.start : span.end]


def reproduces(page: Document, one: Mention) -> None:
    """Every part lies in the sentence, and the sentence in the text."""
    assert 0 <= one.sentence.start < one.sentence.end <= len(page.text)
    assert one.document == page.sha256
    for part in (one.amount, one.other, one.period, one.actor, one.recipient, one.source):
        if part is not None:
            assert one.sentence.start <= part.span.start < part.span.end <= one.sentence.end
            assert quoted(page, part).strip()


def test_each_sum_is_one_mention_with_its_own_period_and_stance() -> None:
    page = document(PAGE, date(2024, 10, 28))
    found = mentions(page)
    for one in found:
        reproduces(page, one)
    assert [(quoted(page, one.amount), quoted(page, one.period), one.stance.value) for one in found] == [
        ("94.6 billion won", "for the next four years", "commitment"),
        ("9.4 trillion won", "by 2027", "commitment"),
        ("10%", "by 2030", "aim"),
        ("", "", "aim"),
    ]
    first, second, third, fourth = found
    assert first.amount
    assert first.other
    assert second.amount
    assert third.amount
    assert (first.amount.low, first.amount.unit, first.other.low, first.other.unit) == (
        94_600_000_000,
        "KRW",
        6_820_000_000,
        "USD",
    )
    assert (second.amount.low, second.other) == (9_400_000_000_000, None)
    assert (third.amount.low, third.amount.unit, third.amount.bound) == (1000, PERCENT, Bound.AT_LEAST)
    assert third.period
    assert third.period.until == date(2030, 12, 31)
    assert fourth.kind is Kind.MILESTONE
    assert [one.actor.known for one in found if one.actor] == [
        "kr-government",
        "kr-president",
        "kr-president",
        "kr-msit",
    ]


def test_korean() -> None:
    page = document(PAGE_KO, date(2025, 3, 2))
    found = mentions(page)
    for one in found:
        reproduces(page, one)
    assert [(one.amount.low, one.amount.unit, one.stance.value) for one in found if one.amount] == [
        (50_000, "accelerators", "commitment"), (50_000_000_000, "KRW", "commitment"), (8000, PERCENT, "fact"),
    ]  # fmt: skip
    assert [one.actor.known for one in found if one.actor] == ["kr-government", "kr-msit", "nvidia"]
    assert found[0].period
    assert found[0].period.until == date(2027, 12, 31)
    assert found[1].period
    assert found[1].period.until == date(2026, 12, 31)


def test_a_period_may_serve_several_sums_and_the_day_of_saying_serves_none() -> None:
    page = document(
        "On 5 August 2025, the Canadian government said it would buy 10,000 GPUs and train 2,000 people by 2028."
    )
    found = mentions(page)
    assert [(one.amount.low, quoted(page, one.period)) for one in found if one.amount] == [
        (10_000, "by 2028"),
        (2_000, "by 2028"),
    ]
    page = document("On 5 August 2025, the Canadian government announced C$2 billion for compute.")
    assert [one.period for one in mentions(page)] == [None]


def test_no_year_is_made_up() -> None:
    text = "The South Korean government will open an AI safety institute next month with 40 researchers."
    (one,) = mentions(document(text))
    assert one.period
    assert one.period.unresolved
    assert (one.period.begin, one.period.until) == (None, None)
    (one,) = mentions(document(text, date(2024, 10, 28)))
    assert one.period
    assert one.period.until == date(2024, 11, 30)


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("The centre, which opens in September, will offer 64 petaflops.", date(2025, 9, 30)),
        ("The centre, which opened in September, has offered 64 petaflops.", date(2024, 9, 30)),
        ("More than 40 countries had signed by 14 February.", date(2025, 2, 14)),
        ("The ministry will train 4,000 teachers by 14 February.", date(2026, 2, 14)),
    ],
)
def test_a_month_without_a_year_is_that_of_its_verb(text: str, until: date) -> None:
    """What will be done lies ahead of the page, what was done behind it; a plug-in may say the same."""
    page = document(text, date(2025, 3, 14))
    (one,) = mentions(page)
    assert one.period
    assert one.period.until == until
    assert checked(page, [one]) == ([one], [])


def test_a_deadline_before_the_page_is_flagged_where_something_is_promised() -> None:
    text = "The Canadian government will open three data centres by 2020. Nvidia delivered 5,000 GPUs in 2019."
    promise, report = mentions(document(text, date(2024, 1, 1)))
    assert promise.flags == ("deadline_before",)
    assert report.flags == ()
    assert mentions(document(text))[0].flags == ()


def test_flags_of_the_page_and_of_the_sum() -> None:
    (one,) = mentions(document("Canada will spend C$2 billion on compute.", flags=("hidden",)))
    assert one.flags == ("hidden",)


def test_whose_dollars() -> None:
    text = "The Canadian government will invest $2 billion in sovereign compute over five years."
    assert [one.amount.unit for one in mentions(document(text)) if one.amount] == ["CAD"]
    assert [one.amount.unit for one in mentions(document(text), country="US") if one.amount] == ["USD"]
    assert [
        one.amount.unit
        for one in mentions(document("Nvidia will invest $2 billion in a new plant by 2027."))
        if one.amount
    ] == ["USD"]


@pytest.mark.parametrize(
    "text",
    [
        "It was a sunny day in Seoul, and everybody was happy about the weather.",
        "This is a long road and nobody knows where it will end.",
        "The minister met his counterpart from Canada on Monday to talk about energy.",
        "Your email address will not be published and required fields are marked.",
        "“The institute will set a new milestone,” the Canadian minister of industry said, beaming.",
        "날씨가 맑았고 회의는 서울에서 열렸다.",
    ],
)  # fmt: skip
def test_what_promises_nothing_is_no_milestone(text: str) -> None:
    assert mentions(document(text)) == []


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("The South Korean government plans to establish an AI safety institute next month.", Stance.AIM),
        ("Canada and South Korea agreed to share systems and best practices in science.", Stance.COMMITMENT),
        ("The Ministry of Science and ICT aims to pass the AI Act by the end of 2025.", Stance.AIM),
        ("과기정통부는 내년 상반기 AI안전연구소를 설립할 계획이다.", Stance.COMMITMENT),
    ],
)
def test_milestones(text: str, how: Stance) -> None:
    (one,) = mentions(document(text))
    assert (one.kind, one.stance) == (Kind.MILESTONE, how)
    assert one.actor
    assert one.actor.known


# The real documents: what must be found, and what must not. Words of the pages are told by hand-made patterns, not copied.
def real(data: Path, number: int) -> tuple[Document, list[Mention]]:
    page = document((data / "documents" / f"document_{number:03}.txt").read_text("utf-8"))
    found = mentions(page)
    for one in found:
        reproduces(page, one)
    return page, found


def test_the_programme_s_page(data: Path) -> None:
    _page, found = real(data, 4)
    sums = {(one.amount.unit, one.amount.low): one for one in found if one.amount}
    assert set(sums) == {("KRW", 94_600_000_000), ("rank", 3), ("KRW", 9_400_000_000_000), (PERCENT, 1000)}
    lab, top, money, share = (
        sums["KRW", 94_600_000_000],
        sums["rank", 3],
        sums["KRW", 9_400_000_000_000],
        sums[PERCENT, 1000],
    )
    assert [one.stance.value for one in (lab, top, money, share)] == ["commitment", "aim", "commitment", "aim"]
    assert [one.other.low if one.other else 0 for one in (lab, money)] == [6_820_000_000, 694_000_000_000]
    assert lab.period
    assert (lab.period.months, lab.period.until) == (48, None)
    assert [one.period.until.year for one in (top, money, share) if one.period and one.period.until] == [
        2028,
        2027,
        2030,
    ]
    assert [one.actor.known if one.actor else "" for one in (lab, top, money, share)] == [
        "kr-government",
        "kr-government",
        "kr-president",
        "kr-president",
    ]
    assert top.source
    assert top.source.known == "kr-msit"
    assert share.amount
    assert share.amount.bound is Bound.AT_LEAST
    due = [one for one in found if one.kind is Kind.MILESTONE and one.period]
    assert len(due) == 1
    assert due[0].period
    assert due[0].period.until is None
    assert due[0].period.unresolved


def test_the_other_real_pages(data: Path) -> None:
    page, found = real(data, 1)
    assert [(one.amount.unit, one.amount.low) for one in found if one.amount] == [("USD", 150_000_000_000)]
    assert any(one.kind is Kind.MILESTONE and "open-source" in one.quote(page.text) for one in found)
    page, found = real(data, 2)
    assert [(one.amount.unit, one.amount.low) for one in found if one.amount] == [("USD", 15_000_000_000_000)]
    assert [one.actor.known for one in found if one.amount and one.actor] == ["cn-government"]
    page, found = real(data, 3)
    ((share),) = [one for one in found if one.amount]
    assert (share.stance, share.actor and share.actor.known) == (Stance.FACT, "nvidia")
    assert sum(one.kind is Kind.MILESTONE for one in found) >= 3
    page, found = real(data, 0)
    assert not [one for one in found if one.amount]
    assert any("data centres" in one.quote(page.text) for one in found)


def test_no_noise_of_the_real_pages_is_read(data: Path) -> None:
    noise = (
        "Zkasino",
        "email address",
        "captcha",
        "Continue Reading",
        "Spread the love",
        "Retrieved from",
        "Source link",
        "Tencent",
        "two ×",
        "Gachon",
        "BBC",
    )
    for number in range(5):
        page, found = real(data, number)
        assert not [one.quote(page.text) for one in found if any(word in one.quote(page.text) for word in noise)]


WORDS = [
    "The Canadian government will buy 10,000 GPUs by 2028.",
    "정부는 2조원을 투입한다.",
    "$5",
    " ",
    "\n",
    "\n\n",
    "It rained.",
    "Nvidia, which has 80% of it, said so. ",
    "“",
    "😀",
    "\u202e",
    "İ",
    "1,",
    "억",
    ".",
]


@given(st.lists(st.sampled_from(WORDS), max_size=30), st.sampled_from([None, date(2024, 2, 29)]))
def test_spans_reproduce_on_any_text(parts: list[str], published: date | None) -> None:
    page = document("".join(parts), published)
    found = mentions(page)
    for one in found:
        reproduces(page, one)
    assert [one.sentence.start for one in found] == sorted(one.sentence.start for one in found)
    passed, refused = checked(page, found)
    assert (passed, refused) == (found, [])


@given(
    st.integers(0, 3),
    st.sampled_from(
        [
            "Words about the weather in a town that nobody knows.\n",
            "Ein Satz über etwas ganz anderes.\n",
            "하늘은 맑고 바람은 잔잔했다.\n",
        ]
    ),
)
def test_a_sentence_is_read_alike_wherever_it_stands(before: int, filler: str) -> None:
    sentence = "The Canadian government will buy 10,000 GPUs by 2028."
    page = document(filler * before + sentence + "\n" + filler)
    (one,) = mentions(page)
    assert one.quote(page.text) == sentence
    assert (quoted(page, one.amount), quoted(page, one.period), quoted(page, one.actor)) == (
        "10,000 GPUs",
        "by 2028",
        "The Canadian government",
    )


class Plugged:
    """An extractor that proposes what it was given."""

    def __init__(self, proposals: Iterable[Mention]) -> None:
        self.proposals = list(proposals)

    def propose(self, document: Document) -> Iterable[Mention]:
        return self.proposals


def refusals(page: Document, *proposals: Mention) -> list[str]:
    extractor: Extractor = Plugged(proposals)
    passed, refused = checked(page, extractor.propose(page))
    assert len(passed) + len(refused) == len(proposals)
    return refused


def test_what_a_plug_in_proposes_is_held_against_the_text() -> None:
    page = document(PAGE, date(2024, 10, 28))
    good = mentions(page)[0]
    assert good.amount
    assert good.other
    assert good.period
    assert good.actor
    far = Span(len(page.text), len(page.text) + 9)
    wrong = {
        "another document": replace(good, document="cd" * 32),
        "outside the text": replace(good, sentence=far),
        "its amount lies outside": replace(good, amount=replace(good.amount, span=Span(0, 5))),
        "its period lies outside": replace(good, period=replace(good.period, span=Span(0, 5))),
        "its actor lies outside": replace(good, actor=Party(Span(0, 5), "")),
        "does not say 94600000001": replace(good, amount=replace(good.amount, low=94_600_000_001, high=94_600_000_001)),
        "to 94600000000 USD": replace(good, amount=replace(good.amount, unit="USD")),
        "does not say 1 to 1": replace(good, other=replace(good.other, low=1, high=1)),
        "its dates": replace(good, period=replace(good.period, until=date(2031, 1, 1))),
        "'The government' is not 'nvidia'": replace(good, actor=replace(good.actor, known="nvidia")),
        "is not 'somebody'": replace(good, actor=replace(good.actor, known="somebody")),
        "without a first": replace(good, amount=None),
    }
    assert refusals(page, good) == []
    for reason, proposal in wrong.items():
        (why,) = refusals(page, proposal)
        assert reason in why
        assert why.startswith("proposal 1: ")
    assert refusals(page, replace(good, actor=replace(good.actor, known=""))) == []


def test_a_plug_in_may_say_more_but_not_from_a_menu() -> None:
    page = document("Continue Reading\n\nLeave a Reply\n\n" + PAGE)
    at = page.text.index("Continue")
    whole = Span(at, at + len("Continue Reading"))
    assert "no prose" in refusals(page, Mention(page.sha256, whole))[0]
    at = page.text.index("It was a sunny")
    assert refusals(page, Mention(page.sha256, Span(at, at + 12), stance=Stance.FACT)) == []
    assert checked(page, ["nonsense"])[1] == ["proposal 1: no mention"]  # type: ignore[list-item]


@pytest.mark.parametrize(
    "text",
    [
        "9" * 50_000,
        "$" * 50_000,
        "1," * 25_000,
        "the government " * 7_000,
        "정부는 2조원을 " * 8_000,
        "by 2028 " * 9_000,
        "aims to " * 9_000,
    ],
)
def test_hostile_pages_end(text: str) -> None:
    page = document(text + ".")
    for one in mentions(page):
        reproduces(page, one)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # what touches a sum is its own, though a promise looks for what lies ahead
        ("정부는 올해 GPU 4천 장, 내년 9천 장을 확보한다.", ["올해", "내년"]),
        ("The ministry will raise it from $2 billion in 2024 to $5 billion by 2030.", ["in 2024", "by 2030"]),
        # a sum of now has no deadline
        ("정부는 비중을 현재 4%에서 2030년까지 35%로 높인다.", ["", "2030년까지"]),
        ("The ministry will train one million people by 2027, up from 150,000 today.", ["by 2027", ""]),
        # another clause with its own sum has its own period; the opening of a sentence governs all of it
        ("The agency will pay $40 million, while the city will train 500 teachers by 2027.", ["", "by 2027"]),
        ("By 2027 the agency will pay $40 million, while the city will train 500 teachers.", ["By 2027", "By 2027"]),
    ],
)
def test_a_sum_takes_the_period_that_is_its_own(text: str, expected: list[str]) -> None:
    page = document(text, date(2025, 6, 16))
    assert [quoted(page, one.period) for one in mentions(page)] == expected
