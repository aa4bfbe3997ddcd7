from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.formats.rates import EcbRates
from dure.mentions.model import Amount, Bound, Document, Kind, Mention, Span, Stance
from dure.mentions.reading import mentions
from dure.pledges.attribution import FACTS, contradicting, misattributions
from dure.pledges.claims import (
    DISPUTING,
    Conflict,
    Disagreement,
    bears_out,
    between,
    claim_status,
    credited_elsewhere,
    currency_signs,
    implied_fault,
    of_document,
    written_since,
)  # fmt: skip
from dure.pledges.exchange import Rate, Rates, RateSpan
from dure.pledges.linking import Relation, Said, suggest
from dure.pledges.model import ClaimStatus
from dure.pledges.totals import parts_fault
from tests.pledges.sayings import amount, mention, page, say, span

SHIPPED: Rates = EcbRates()
SEOUL = ("South Korea", "kr-government")
TRILLION, BILLION = 10**12, 10**9


@dataclass(frozen=True)
class Fixed:
    """1 USD is `won` on each day of the 2020s."""

    won: int
    first_day: date = date(2020, 1, 1)
    last_day: date = date(2029, 12, 31)

    def on(self, of: str, into: str, day: date) -> Rate | None:
        found = self.span(of, into, day, day)
        return Rate(found.low, day) if found else None

    def span(self, of: str, into: str, begin: date, until: date) -> RateSpan | None:
        rate = {("USD", "KRW"): Fraction(self.won), ("KRW", "USD"): Fraction(1, self.won)}.get((of, into))
        return RateSpan(rate, rate, begin, until, (until - begin).days + 1) if rate else None


def pair(
    text: str, won: str, low: int, dollars: str, cents: int, published: date | None = None
) -> tuple[Document, Mention]:
    document = page(text, published)
    found = mention(document, amount(text, won, low, "KRW"), actor=SEOUL)
    return document, replace(found, other=amount(text, dollars, cents, "USD"))


THREE = "South Korea plans 3 trillion won (approximately $2.5 billion) of chips."


def three(published: date | None = None, after: str = "") -> tuple[Document, Mention]:
    return pair(THREE + after, "3 trillion won", 3 * TRILLION, "$2.5 billion", 250 * BILLION, published)


def test_three_trillion_as_two_and_a_half_billion_is_1200() -> None:
    """Below every day since June 2022: no date of the page is needed."""
    document, found = three()
    why = implied_fault(document, found, SHIPPED, date(2022, 6, 1))
    assert "1,200.0 KRW a USD" in why
    assert "below every day from 2022-06-01" in why
    assert "1,224.9 to 1,558.1" in why


@pytest.mark.parametrize("since", [None, date(2022, 1, 1)])
def test_it_was_so_once(since: date | None) -> None:
    assert implied_fault(*three(), SHIPPED, since) == ""


def test_with_a_date_that_day_counts() -> None:
    assert implied_fault(*three(date(2021, 12, 31)), SHIPPED) == ""
    assert "on 2024-07-01 it was 1,38" in implied_fault(*three(date(2024, 7, 1)), SHIPPED, date(1999, 1, 1))
    assert implied_fault(*three(date(2031, 1, 1)), SHIPPED) == ""  # no rate of that day is known: nothing is said


@given(st.integers(1, 10**14).map(lambda n: n * 100 + 11), st.integers(500, 3000), st.integers(500, 3000))
def test_two_percent_is_the_bound(cents: int, implied: int, actual: int) -> None:
    won = cents * implied // 100
    document, found = pair(
        "South Korea: 1 trillion won ($2 billion).", "1 trillion won", won, "$2 billion", cents, date(2024, 7, 1)
    )
    off = abs(Fraction(won * 100, cents) - actual) * 50 > actual
    assert bool(implied_fault(document, found, Fixed(actual))) is (off and won > 0)


@pytest.mark.parametrize("unit", ["USD", "", "XXX"])
def test_what_has_no_rate_is_not_judged(unit: str) -> None:
    document, found = three(date(2024, 7, 1))
    assert found.amount is not None
    assert found.other is not None
    assert implied_fault(document, found, SHIPPED)
    assert implied_fault(document, replace(found, amount=replace(found.amount, unit=unit)), SHIPPED) == ""
    assert implied_fault(document, replace(found, other=replace(found.other, low=0, high=0)), SHIPPED) == ""
    assert implied_fault(document, replace(found, other=None), SHIPPED) == ""


@pytest.mark.parametrize(
    ("billions", "millions", "odd"),
    [(100, 70, False), (100, 72, False), (100, 68, True), (100, 60, True), (100, 80, True), (140, 100, False), (140, 90, True),
     (110, 100, True), (145, 100, False), (160, 100, True)],
)  # fmt: skip
def test_a_sum_of_one_digit_is_rounded(billions: int, millions: int, odd: bool) -> None:
    """70 million dollars may be 65 to 75; 100 million may be 95 to 105. At 1,385 won a dollar."""
    text = f"South Korea: {billions} billion won (${millions} million)."
    won, dollars = f"{billions} billion won", f"${millions} million"
    document, found = pair(text, won, billions * BILLION, dollars, millions * 10**8, date(2024, 7, 1))
    assert bool(implied_fault(document, found, Fixed(1385))) is odd


@pytest.mark.parametrize(
    ("published", "until", "flagged"),
    [(date(2025, 1, 1), date(2024, 12, 31), True), (date(2025, 1, 1), date(2025, 1, 1), False), (None, date(2001, 1, 1), False),
     (date(2025, 1, 1), None, False)],
)  # fmt: skip
def test_a_deadline_before_the_page(published: date | None, until: date | None, flagged: bool) -> None:
    one = say(
        "South Korea will do it by then.", published=published, actor=SEOUL, period="by then", until=until, months=1
    )
    assert kinds(one.document, one.mention) == [Conflict.EARLY] * flagged
    assert kinds(one.document, replace(one.mention, stance=Stance.FACT)) == []


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("On June 3, 2022 it began; in 2019 it was planned.", date(2022, 6, 1)), ("Since 2023, more.", date(2023, 1, 1)),
        ("By 2024 it will be done.", None), ("It will be ready by June 2024.", None), ("Kim (2021) says so.", date(2021, 1, 1)),
        ("It was founded in 2020.", date(2020, 1, 1)),
        ("2023년 3월에 시작했다. 2025년까지 끝낸다.", date(2023, 1, 1)), ("in 2031", None),
        ("It was decided in 2031.", None), ("Made in China 2025", None), ("from 2024-2027 (2024-2027)", None), ("", None),
    ],
)  # fmt: skip
def test_how_old_a_page_can_be(text: str, since: date | None) -> None:
    assert written_since(page(text), [], date(2026, 10, 30)) == since


def test_years_of_promises_do_not_date_a_page() -> None:
    one = say("It was promised that in July 2026 it opens.", period="July 2026", until=date(2026, 7, 31))
    assert written_since(one.document, [one.mention], date(2026, 10, 30)) is None
    assert written_since(one.document, [], date(2026, 10, 30)) == date(2026, 7, 1)


def kinds(document: Document, *mentions: Mention, rates: Rates | None = None) -> list[Conflict]:
    return [found.kind for found in of_document(document, mentions, rates)]


def test_an_implied_rate_is_found_with_the_year_that_the_page_names() -> None:
    document, found = three(after=" The centre opened in July 2023.")
    assert kinds(document, replace(found, stance=Stance.FACT), rates=SHIPPED) == [Conflict.RATE]


# Parts


def strategy(text: str, *sums: int) -> tuple[Document, list[Mention]]:
    document = page(text)
    written = [f"C${n} million" for n in sums]
    return document, [
        replace(mention(document, amount(text, w, n * 10**8, "CAD")), stance=Stance.FACT) for w, n in zip(written, sums)
    ]


@pytest.mark.parametrize(
    ("text", "sums", "wrong"),
    [
        ("A C$1000 million strategy, including C$700 million and C$1300 million.", (1000, 700, 1300), True),
        ("A C$1000 million strategy, including C$700 million and C$200 million.", (1000, 700, 200), False),
        ("A C$1000 million strategy consists of C$700 million and C$200 million.", (1000, 700, 200), True),
        ("A C$1000 million strategy consists of C$700 million and C$310 million.", (1000, 700, 310), False),
        ("C$1000 million and C$500 million, of which C$700 million for chips.", (1000, 500, 700), True),
        ("C$1000 million for one and C$700 million for two.", (1000, 700), False),
        ("Of which C$700 million, then C$1000 million.", (700, 1000), False),
    ],
)  # fmt: skip
def test_parts_and_totals(text: str, sums: tuple[int, ...], wrong: bool) -> None:
    document, mentions = strategy(text, *sums)
    assert (Conflict.PARTS in kinds(document, *mentions)) is wrong


@given(st.lists(st.integers(1, 10**15), min_size=1, max_size=6), st.booleans())
def test_parts_that_add_up_have_no_fault(values: list[int], whole: bool) -> None:
    parts = [Amount(Span(0, 1), Kind.MONEY, v, v, "KRW") for v in values]
    total = Amount(Span(0, 1), Kind.MONEY, sum(values), sum(values), "KRW")
    assert parts_fault(total, parts, whole) == ""
    assert parts_fault(total, [*parts, replace(total, low=total.low // 10 + 1, high=total.high // 10 + 1)], False) != ""


@pytest.mark.parametrize(
    ("total", "parts", "whole", "why"),
    [
        ((100, "="), [(60, "="), (60, "=")], False, "more"), ((100, ">="), [(60, "="), (60, "=")], False, ""),
        ((100, "="), [(60, "="), (60, "<=")], False, ""), ((100, "="), [(30, "="), (60, "=")], True, "less"),
        ((100, "="), [(30, "="), (60, "=")], False, ""), ((100, "<="), [(30, "="), (60, "=")], True, ""),
        ((100, "="), [(30, ">="), (60, "=")], True, ""), ((100, "~"), [(49, "="), (49, "=")], True, ""),
    ],
)  # fmt: skip
def test_what_at_least_and_at_most_leave_open(
    total: tuple[int, str], parts: list[tuple[int, str]], whole: bool, why: str
) -> None:
    one, *others = (Amount(Span(0, 1), Kind.QUANTITY, n, n, "chips", Bound(bound)) for n, bound in (total, *parts))
    found = parts_fault(one, others, whole)
    assert bool(found) is bool(why)
    assert why in found


# Signs


def test_a_headline_in_dollars_over_a_body_in_won() -> None:
    text = "$1.4 trillion GPU allocation\nSeoul puts 1.4 trillion won into GPUs."
    document = page(text)
    found = replace(mention(document, amount(text, "1.4 trillion won", 14 * 10**11, "KRW")), stance=Stance.FACT)
    (finding,) = of_document(document, [found])
    assert finding.kind is Conflict.CURRENCY
    assert finding.span is not None
    assert text[finding.span.start : finding.span.end] == "$1.4 trillion"


@pytest.mark.parametrize(
    ("text", "part", "low", "unit"),
    [
        ("Seoul puts $1.4 trillion into GPUs, $1.4 trillion!", "$1.4 trillion", 14 * 10**13, "USD"),
        ("Ottawa gives C$2 billion, that is $2 billion.", "C$2 billion", 2 * 10**11, "CAD"),
        ("A 1.4 trillion won fund, or $1 billion.", "1.4 trillion won", 14 * 10**11, "KRW"),
    ],
)  # fmt: skip
def test_signs_that_agree(text: str, part: str, low: int, unit: str) -> None:
    document = page(text)
    assert kinds(document, replace(mention(document, amount(text, part, low, unit)), stance=Stance.FACT)) == []


def test_the_other_currency_of_a_sum_is_no_excuse() -> None:
    text = "$1.4 trillion GPU allocation\nSouth Korea puts 1.4 trillion won ($952.7 million) into GPUs."
    document, found = pair(text, "1.4 trillion won", 14 * 10**11, "$952.7 million", 95_270_000_000)
    assert kinds(document, replace(found, stance=Stance.FACT)) == [Conflict.CURRENCY]
    text = "South Korea puts 2 billion won (€2 billion) into GPUs."
    document, found = pair(text, "2 billion won", 2 * 10**9, "€2 billion", 2 * 10**11)
    assert kinds(document, replace(found, stance=Stance.FACT)) == []


def test_one_figure_in_two_currencies_on_two_pages() -> None:
    won = say(
        "South Korea puts 1.4 trillion won into graphics processors.",
        "1.4 trillion won",
        14 * 10**11,
        actor=SEOUL,
    )
    dollars = say(
        "South Korea buys graphics processors, $1.4 trillion.", "$1.4 trillion", 14 * 10**13, "USD", actor=SEOUL
    )
    assert [d.kind for d in currency_signs([won, dollars])] == [Conflict.CURRENCY]
    other = say(
        "Canada buys fish for $1.4 trillion.", "$1.4 trillion", 14 * 10**13, "USD", actor=("Canada", "ca-government")
    )
    assert currency_signs([won, other, won]) == []


# Who made what


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("after the announcement of the DeepSeek model by Alibaba.", True), ("Alibaba's DeepSeek shook markets.", True),
        ("Tencent developed DeepSeek-R1.", True), ("ChatGPT, released by Google, grew.", True), ("알리바바의 딥시크", True),
        ("알리바바가 만든 딥시크", True), ("DeepSeek’s model by DeepSeek.", False), ("ChatGPT was developed by OpenAI.", False),
        ("OpenAI's ChatGPT and Google's Gemini", False), ("Alibaba's DeepSeek rival", False), ("DeepSeek was banned by Italy.", False),
        ("DeepSeek was criticised by OpenAI.", False), ("Microsoft hosts DeepSeek.", False),
        ("the DeepSeek model not by Alibaba", False),
        ("DeepSeek. By Alibaba, nothing.", False), ("Alibaba.\nDeepSeek", False), ("딥시크가 만든 딥시크", False),
        ("네이버의 하이퍼클로바", False), ("알리바바가 만든 딥시크를 썼다.", True), ("DeepSeek's Qwen2.5 model", True),
        ("Google's GPT-4o", True), ("화웨이가 만든 딥시크", True), ("화웨이의 큐원", True), ("OpenAI's GPT-4o", False), ("Nvidia's Llama Nemotron models", False),
        ("Nvidia's Llama-3.1-Nemotron-70B", False), ("DeepMind's Gemini Ultra", False), ("구글의 챗GPT", True), ("오픈AI의 챗GPT", False),
        ("DeepSeek", False), ("by DeepSeek", False), ("DeepSeek by", False), ("", False),
    ],
)  # fmt: skip
def test_attributions(text: str, wrong: bool) -> None:
    assert bool(misattributions(page(text))) is wrong


def test_facts_have_a_source() -> None:
    assert all(fact.source.startswith("https://") and fact.names and fact.makers for fact in FACTS)


@pytest.mark.parametrize(
    "text",
    [
        "Kestrel chip " * 20_000 + "by Samsung",
        "Samsung's " * 30_000,
        "DeepSeek-3-3" * 20_000,
        "DeepSeek " * 20_000,
        "DeepSeek model " * 20_000 + "by Alibaba",
        "가" * 200_000,
    ],
)
def test_hostile_pages_are_answered(text: str) -> None:
    assert len(misattributions(page(text))) <= 20_000


# Vague promises


@pytest.mark.parametrize(
    ("text", "part", "kind", "more", "found"),
    [
        ("South Korea aims for the top three by 2028.", "top three", Kind.RANK, {"period": "2028", "until": date(2028, 12, 31)},
         [Conflict.UNMEASURABLE]),
        ("South Korea aims for the top three of the Tortoise index by 2028.", "top three", Kind.RANK,
         {"period": "2028", "until": date(2028, 12, 31)}, []),
        ("South Korea will have fifteenfold capacity.", "fifteenfold", Kind.MULTIPLIER, {}, [Conflict.UNDATED, Conflict.UNMEASURABLE]),
        ("South Korea will have 15 times the current capacity.", "15 times", Kind.MULTIPLIER, {}, [Conflict.UNDATED]),
        ("South Korea will have 10%.", "10%", Kind.SHARE, {}, [Conflict.UNDATED, Conflict.UNMEASURABLE]),
        ("South Korea has 10%.", "10%", Kind.SHARE, {"stance": Stance.FACT}, []),
        ("South Korea spends 5 won over four years.", "5 won", Kind.MONEY, {"period": "four years", "months": 48}, []),
    ],
)  # fmt: skip
def test_vague(text: str, part: str, kind: Kind, more: dict[str, Any], found: list[Conflict]) -> None:
    one = say(text, part, 3, "u", kind=kind, actor=SEOUL, **more)
    assert kinds(one.document, one.mention) == found


# Several pages


def fund(
    won: int, published: date | None = None, actor: tuple[str, str] = SEOUL, until: date | None = None, name: str = ""
) -> Said:
    who, part = actor[0], f"{won} billion won"
    text = f"{who} will spend {part} by then on a national computing centre for laboratories. {name}"
    return say(
        text,
        part,
        won * BILLION,
        published=published,
        actor=actor,
        name=name,
        period="by then" if until else "",
        until=until,
    )


def found_between(*said: Said) -> list[Conflict]:
    return [d.kind for d in between(said, suggest(said))]


OLD, NEW = date(2024, 1, 1), date(2025, 1, 1)


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        (fund(100, name="a"), fund(100, name="b"), []),
        (fund(100, name="a"), fund(150, name="b"), [Conflict.AMOUNT]),
        (fund(100, OLD, name="a"), fund(150, NEW, name="b"), [Conflict.REVISION]),
        (fund(100, OLD, until=NEW, name="a"), fund(100, NEW, until=date(2027, 1, 1), name="b"), [Conflict.REVISION]),
        (fund(100, until=NEW, name="a"), fund(100, until=date(2027, 1, 1), name="b"), [Conflict.DEADLINE]),
        (fund(100, name="a"), fund(100, actor=("Canada", "ca-government"), name="b"), [Conflict.ACTOR]),
        (fund(100, name="a"), fund(100, actor=("MSIT", "kr-msit"), name="b"), []),
    ],
)  # fmt: skip
def test_what_pages_disagree_about(a: Said, b: Said, found: list[Conflict]) -> None:
    assert found_between(a, b) == found
    assert found_between(b, a) == found


def test_a_hundred_pages_that_all_differ_are_told_of_a_few_times_each() -> None:
    said = [fund(100 * 2**n, name=f"page {n}") for n in range(40)]
    found = between(said, suggest(said))
    times = Counter(id(one) for finding in found for one in finding.mentions)
    assert set(times) == {id(one.mention) for one in said}, "each is told of"
    assert len(found) < 6 * len(said) < len(list(combinations(said, 2)))


def test_status() -> None:
    one, two, other = fund(100, name="a"), fund(100, name="b"), fund(150, name="c")
    assert claim_status([one]) is ClaimStatus.CLAIMED
    assert claim_status([one, one]) is ClaimStatus.CLAIMED
    assert claim_status([one, two]) is ClaimStatus.CORROBORATED
    copies = {two.document.sha256: one.document.sha256}
    assert claim_status([one, two], copies=copies) is ClaimStatus.CLAIMED
    assert claim_status([one, replace(two, mention=replace(two.mention, stance=Stance.OPINION))]) is ClaimStatus.CLAIMED
    assert claim_status([one, other]) is ClaimStatus.CLAIMED
    disputes = between([one, other], suggest([one, other]))
    assert claim_status([one, two], disputes) is ClaimStatus.DISPUTED
    assert claim_status([two], disputes) is ClaimStatus.CLAIMED


@pytest.mark.parametrize("kind", Conflict)
def test_only_contradictions_dispute_and_nothing_makes_unsupported(kind: Conflict) -> None:
    one = fund(100)
    status = claim_status([one], [Disagreement(kind, (one.mention,), "so")])
    assert status is (ClaimStatus.DISPUTED if kind in DISPUTING else ClaimStatus.CLAIMED)
    elsewhere = Disagreement(kind, (), "so", one.document.sha256, Span(10**6, 10**6 + 1))
    assert claim_status([one], [elsewhere]) is ClaimStatus.CLAIMED


@given(st.text(alphabet="DepSk Alib's by$€1.4 trillionISBN-X/(20)년까지pi", max_size=400))
def test_findings_lie_in_the_page(text: str) -> None:
    document = page(text)
    for found in of_document(document, [Mention(document.sha256, Span(0, len(text)), stance=Stance.AIM)], SHIPPED):
        assert found.why
        assert found.document == document.sha256
        assert found.span is None or 0 <= found.span.start <= found.span.end <= len(text)


# Pages as they are read, with the disagreements that public pages have


def told(text: str, name: str, published: date | None = None) -> list[Said]:
    """What a page says, by the rules."""
    document = page(text, published, name)
    return [Said(document, one) for one in mentions(document)]


def all_found(*pages: list[Said]) -> list[Conflict]:
    said = [one for some in pages for one in some]
    inside = [
        d for some in pages if some for d in of_document(some[0].document, [one.mention for one in some], SHIPPED)
    ]
    across = [*between(said, suggest(said, rates=SHIPPED)), *currency_signs(said)]
    vague = (Conflict.UNDATED, Conflict.UNMEASURABLE)
    return [d.kind for d in (*inside, *across) if d.kind not in vague]


def test_three_trillion_won_at_a_rate_that_no_day_had() -> None:
    text = "In March 2024 work began. South Korea will spend 3 trillion won (about $2.5 billion) on graphics processors by 2030."
    assert all_found(told(text, "a")) == [Conflict.RATE]
    assert all_found(told(text, "a", date(2024, 6, 3))) == [Conflict.RATE]
    assert all_found(told(text.replace("2.5", "2.2"), "a", date(2024, 6, 3))) == []


@pytest.mark.parametrize(
    "headline",
    ["$1.4 trillion GPU allocation", "1.4 trillion dollars for GPUs", "US$1.40tn of GPUs", "GPU에 1.4조 달러"],
)
def test_a_headline_in_another_currency_than_the_body(headline: str) -> None:
    body = "South Korea will put 1.4 trillion won ($952.7 million) into graphics processors by 2027."
    assert Conflict.CURRENCY in all_found(told(f"{headline}\n{body}", "a"))
    assert Conflict.CURRENCY not in all_found(told(f"1.4 trillion won for GPUs\n{body}", "a"))


def test_a_round_figure_of_something_else_is_no_wrong_sign() -> None:
    body = "South Korea will put 1 trillion won into graphics processors by 2027."
    assert all_found(told(f"{body}\nApple, worth over $1 trillion, fell.", "a")) == []
    headline = "South Korea puts $1 trillion into graphics processors"
    assert set(all_found(told(f"{headline}\n{body}", "a"))) == {Conflict.CURRENCY}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Canada’s C$1 billion strategy consists of C$700 million for firms, C$1 billion for a supercomputer and C$300 million for access.", True),
        ("Canada will spend C$1 billion in three parts. C$700 million will go to firms. C$1 billion will build a supercomputer. "
         "C$300 million will pay for access.", True),
        ("Canada will spend C$2 billion in three parts:\n- C$700 million will go to firms.\n- C$1 billion will build a supercomputer.\n"
         "- C$300 million will pay for access.", False),
        ("Canada will spend C$2 billion in three parts. C$700 million will go to firms. Others follow later. "
         "C$300 million will pay for access.", False),
        ("Canada will spend C$1 billion in two parts. The details follow in autumn, after talks. C$700 million will go to firms. "
         "C$900 million will build a supercomputer.", False),
        ("Canada will spend C$700 million on firms and C$1.3 billion on a supercomputer, a total of C$1 billion.", True),
        ("Canada will spend C$700 million on firms and C$1.3 billion on a supercomputer, a total of C$2 billion.", False),
        ("정부는 반도체에 3000억원, 인력에 5000억원 등 총 1조원을 투자한다.", True),
        ("정부는 반도체에 3000억원, 인력에 7000억원 등 총 1조원을 투자한다.", False),
    ],
)  # fmt: skip
def test_parts_of_a_strategy(text: str, wrong: bool) -> None:
    assert (Conflict.PARTS in all_found(told(text, "a"))) is wrong


def test_one_sum_in_crore_in_rupees_and_in_dollars() -> None:
    """Rs 10,372 crore is 103.72 billion rupees, and 1.25 billion dollars of that day."""
    day = date(2024, 3, 7)
    pages = [
        told(f"India approved {sum_} for the computing mission with graphics processors for start-ups.", sum_, day)
        for sum_ in ("Rs 10,372 crore", "103 billion rupees", "$1.24 billion", "$1.25 billion")
    ]
    said = [one for some in pages for one in some]
    assert len(said) == 4
    assert all_found(*pages) == []
    links = suggest(said, rates=SHIPPED)
    assert {(link.relation, link.same_sum) for link in links} == {(Relation.SAME, True)}
    assert len(links) == 6
    assert claim_status(said, rates=SHIPPED) is ClaimStatus.CORROBORATED
    half = told(
        "India approved $0.6 billion for the computing mission with graphics processors for start-ups.", "half", day
    )
    assert all_found(pages[0], half) == [Conflict.AMOUNT]


CENTRE = "South Korea will spend {} on its national AI computing centre by {}, the ministry said."


@pytest.mark.parametrize(
    ("sums", "years", "days", "found"),
    [
        (("2 trillion won", "2 to 2.5 trillion won"), (2030, 2030), (None, None), []),
        (("2 trillion won", "4 trillion won"), (2030, 2030), (None, None), [Conflict.AMOUNT]),
        (("2 to 2.5 trillion won", "4 trillion won"), (2030, 2030), (None, None), [Conflict.AMOUNT]),
        (("2 trillion won", "4 trillion won"), (2030, 2030), (OLD, NEW), [Conflict.REVISION]),
        (("2 trillion won", "2 trillion won"), (2030, 2027), (OLD, NEW), [Conflict.REVISION]),
        (("2 trillion won", "2 trillion won"), (2030, 2027), (None, NEW), [Conflict.DEADLINE]),
        (("2 trillion won", "2 trillion won"), (2030, 2027), (None, None), [Conflict.DEADLINE]),
        (("2 trillion won", "2 trillion won"), (2030, 2027), (NEW, NEW), [Conflict.DEADLINE]),
        (("2 trillion won", "4 trillion won"), (2030, 2027), (None, None), [Conflict.AMOUNT, Conflict.DEADLINE]),
    ],
)  # fmt: skip
def test_a_computing_centre_told_in_many_ways(
    sums: tuple[str, str], years: tuple[int, int], days: tuple[date | None, date | None], found: list[Conflict]
) -> None:
    """A later page revises; pages of which none is known to be later contradict each other."""
    a, b = (told(CENTRE.format(*one), name, day) for one, name, day in zip(zip(sums, years), "ab", days))
    assert all_found(a, b) == found
    assert all_found(b, a) == found


def test_a_moved_target_names_both_days_the_later_last() -> None:
    said = [
        *told(CENTRE.format("2 trillion won", 2027), "new", NEW),
        *told(CENTRE.format("2 trillion won", 2030), "old", OLD),
    ]
    (finding,) = between(said, suggest(said))
    assert finding.why == "by 2030-12-31 in old, by 2027-12-31 in new; the second is later"


# Whose word it is


def test_copies_and_one_publisher_bear_nothing_out() -> None:
    site, same_site, other_site = (
        fund(100, name=f"https://{host}/a") for host in ("www.News.example", "news.example", "else.example")
    )
    copy = replace(other_site, document=replace(other_site.document, sha256="c" * 64))
    copies = {copy.document.sha256: site.document.sha256}
    assert not bears_out([site], same_site)
    assert bears_out([site], other_site)
    assert not bears_out([site], copy, copies=copies)
    assert not bears_out([site, other_site], copy, copies=copies)
    assert not bears_out([site], site)
    assert not bears_out([], site)
    assert bears_out([fund(100, name="a.txt")], fund(100, name="b.txt"))
    assert not bears_out([site], fund(150, name="else"))
    assert claim_status([site, same_site]) is ClaimStatus.CLAIMED
    assert claim_status([site, same_site, other_site]) is ClaimStatus.CORROBORATED


def test_another_sum_in_another_currency_bears_nothing_out() -> None:
    one, day = fund(100, date(2024, 7, 1), name="a"), date(2024, 7, 1)
    for cents, same in ((7_200_000_000, True), (100_000_000_000, False)):
        other = say("South Korea will spend $72 million.", "$72 million", cents, "USD", published=day, actor=SEOUL)
        assert bears_out([one], other, rates=SHIPPED) is same
        assert bears_out([one], other)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("The Kestrel chip by Samsung was shown.", "Rebellions developed the Kestrel chip.", {"samsung", "rebellions"}),
        ("삼성전자가 만든 Kestrel 반도체", "Rebellions' rivals saw Samsung's Kestrel chip.", set()),
        ("삼성전자가 만든 Kestrel 반도체", "the Kestrel chip, developed by NAVER", {"samsung", "naver"}),
        ("Chinese models by Alibaba grew.", "Chinese models by Baidu grew.", set()),
        ("Samsung's HBM chips", "the HBM chips by Nvidia", set()),
        ("Small chips by Samsung", "Small chips by Nvidia", set()),
        ("the DeepSeek model by Alibaba", "the DeepSeek model by Tencent", set()),  # there a fact says whose it is
    ],
)  # fmt: skip
def test_what_one_page_gives_to_one_company_and_another_to_another(first: str, second: str, found: set[str]) -> None:
    pages = [page(first, name="a"), page(second, name="b")]
    assert {credit.maker for pair in contradicting(pages) for credit in pair} == found
    findings = credited_elsewhere(pages)
    assert len(findings) == len(found)
    assert all(f.kind is Conflict.ATTRIBUTION and f.span and f.why for f in findings)
    assert contradicting([pages[0], pages[0]]) == []


# The real pages


def real(data: Path, number: int, published: date | None = None) -> Document:
    return replace(page((data / "documents" / f"document_{number:03}.txt").read_text("utf-8")), published=published)


def test_the_page_that_gives_deepseek_to_another_company(data: Path) -> None:
    found = [d for d in of_document(real(data, 1), []) if d.kind is Conflict.ATTRIBUTION]
    assert len(found) == 1
    assert "made by DeepSeek" in found[0].why
    assert [d for n in (0, 2, 3, 4) for d in of_document(real(data, n), []) if d.kind is Conflict.ATTRIBUTION] == []


def test_the_page_with_references_that_cannot_be(data: Path) -> None:
    assert [d.kind for d in of_document(real(data, 2), [])] == [Conflict.REFERENCE] * 4


@pytest.mark.parametrize(
    ("won", "low", "dollars", "cents", "rate", "flagged"),
    [
        ("94.6 billion won", 94_600_000_000, "$68.2 million", 6_820_000_000, "1,387.1", False),
        ("9.4 trillion won", 9_400_000_000_000, "$6.94 billion", 694_000_000_000, "1,354.5", True),
    ],
)
def test_implied_rates_of_a_real_page(
    data: Path, won: str, low: int, dollars: str, cents: int, rate: str, flagged: bool
) -> None:
    """The larger sum is of a plan of the spring before, in that spring's dollars: 2.1 % off on the day of the page."""
    document = real(data, 4, date(2024, 10, 28))
    found = Mention(
        document.sha256,
        Span(0, len(document.text)),
        amount(document.text, won, low, "KRW"),
        amount(document.text, dollars, cents, "USD"),
    )
    why = implied_fault(document, found, SHIPPED)
    assert bool(why) is flagged
    assert not flagged or (rate in why and "2024-10-28" in why)
    assert implied_fault(replace(document, published=None), found, SHIPPED) == ""
    assert span(document.text, won).end < span(document.text, dollars).start
