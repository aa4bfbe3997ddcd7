from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.model import Bound, Kind, Stance
from dure.pledges import linking
from dure.pledges.exchange import Rate, Rates, RateSpan, abroad, is_currency, major
from dure.pledges.linking import (
    SUGGESTED,
    Relation,
    Said,
    Suggestion,
    agree,
    kin,
    object_words,
    same_sum,
    suggest,
    suggest_for,
)
from dure.pledges.model import ClaimStatus, Firmness, Pledge
from tests.pledges.sayings import amount, mention, page, say

SEOUL = ("South Korea", "kr-government")
BILLION = 10**9
OLD, NEW = date(2024, 1, 10), date(2025, 3, 1)


def fund(won: int, published: date | None = None, **more: Any) -> Said:
    part = f"{won} billion won"
    text = more.pop("text", f"South Korea will spend {part} on a national computing centre for laboratories.")
    return say(text, part, won * BILLION, published=published, actor=more.pop("actor", SEOUL), **more)


def only(said: list[Said]) -> Suggestion:
    (found,) = suggest(said)
    return found


def test_two_pages_with_one_promise() -> None:
    text = "The computing centre for national laboratories gets 101 billion won, South Korea said."
    link = only([fund(100), fund(101, text=text)])
    assert link.relation is Relation.SAME
    assert link.score_milli >= SUGGESTED
    assert "the same sum" in link.reasons
    assert any("kr-government" in reason for reason in link.reasons)


@pytest.mark.parametrize(("first", "second", "order"), [(OLD, NEW, (0, 1)), (NEW, OLD, (1, 0))])
def test_a_rise_from_100_to_150_is_a_revision_to_the_later(first: date, second: date, order: tuple[int, int]) -> None:
    sums = (100, 150) if first < second else (150, 100)
    link = only([fund(sums[0], first), fund(sums[1], second)])
    assert (link.relation, (link.first, link.second)) == (Relation.REVISION, order)


def test_without_dates_it_is_a_difference() -> None:
    assert only([fund(100), fund(150)]).relation is Relation.DIFFERS
    assert only([fund(100, OLD), fund(150)]).relation is Relation.DIFFERS


def test_a_text_that_says_so_is_the_later_one() -> None:
    text = "South Korea raised its national computing centre for laboratories to 150 billion won."
    link = only([fund(150, text=text), fund(100)])
    assert (link.relation, link.first, link.second) == (Relation.REVISION, 1, 0)


@pytest.mark.parametrize("words", ["from 100 billion won to 150 billion won", "100 billion won to 150 billion won"])
def test_from_100_to_150_in_one_sentence(words: str) -> None:
    document = page(f"South Korea increased its computing fund {words}.")
    both = [
        Said(document, mention(document, amount(document.text, f"{n} billion won", n * BILLION, "KRW"), actor=SEOUL))
        for n in (150, 100)
    ]
    link = only(both)
    assert (link.relation, link.first, link.second) == (Relation.REVISION, 1, 0)


def test_two_sums_of_one_page_are_two_things() -> None:
    document = page("South Korea will spend 100 billion won on chips. South Korea will spend 150 billion won on chips.")
    both = [
        Said(document, mention(document, amount(document.text, f"{n} billion won", n * BILLION, "KRW"), actor=SEOUL))
        for n in (100, 150)
    ]
    assert suggest(both) == []


def test_a_moved_target_is_a_revision() -> None:
    text = "South Korea plans a national computing centre by {} with 50,000 chips."
    one, two = (
        say(text.format(year), "50,000", 50_000, "chips", kind=Kind.QUANTITY, actor=SEOUL, period=f"by {year}",
            until=date(year, 12, 31), published=published)
        for year, published in ((2030, OLD), (2027, NEW))
    )  # fmt: skip
    link = only([two, one])
    assert (link.relation, link.first, link.second) == (Relation.REVISION, 1, 0)


def test_a_ministry_and_its_government_are_kin() -> None:
    assert kin("kr-msit", "kr-government")
    assert not kin("kr-government", "ca-government")
    assert not kin("", "")
    assert not kin("nvidia", "amd")


def test_another_actor_another_kind_an_opinion() -> None:
    text = "Canada will spend 100 billion won on fisheries."
    assert suggest([fund(100), fund(100, text=text, actor=("Canada", "ca-government"))]) == []
    assert suggest([fund(100), replace(fund(100), mention=replace(fund(100).mention, stance=Stance.OPINION))]) == []
    assert suggest([]) == []


def test_korean_particles_and_plurals_are_taken_off() -> None:
    assert object_words("국가 컴퓨팅센터를 구축") & object_words("컴퓨팅센터에 반도체를") == {"컴퓨팅센터"}
    assert object_words("the laboratories' chips") == {"laboratory", "chip"}


def test_pledges_find_their_mentions() -> None:
    pledge = Pledge(
        "p", "National computing centre for laboratories", "kr-government", Kind.MONEY, 100 * BILLION, 100 * BILLION, "KRW",
        Bound.EXACT, None, None, Firmness.AIM, ClaimStatus.CLAIMED, made=OLD,
    )  # fmt: skip
    van = fund(7, text="A 7 billion won van.", actor=None)
    found = suggest_for([(pledge, "")], [fund(100, NEW), fund(150, NEW), fund(150, date(2023, 1, 1)), van])
    assert [(link.mention, link.relation) for link in found] == [
        (0, Relation.SAME), (1, Relation.REVISION), (2, Relation.DIFFERS),
    ]  # fmt: skip
    assert all(link.pledge == "p" and link.reasons for link in found)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ([("KRW", 100, 100)], [("KRW", 102, 102)], True), ([("KRW", 100, 100)], [("KRW", 103, 103)], False),
        ([("KRW", 100, 100)], [("USD", 100, 100)], None), ([], [("USD", 1, 1)], None),
        ([("KRW", 2, 4)], [("KRW", 3, 3)], True), ([("KRW", 1, 2)], [("KRW", 3, 4)], False),
        ([("KRW", 9, 9), ("USD", 7, 7)], [("USD", 7, 7)], True), ([("KRW", 0, 0)], [("KRW", 0, 0)], True),
    ],
)  # fmt: skip
def test_agreement(a: list[Any], b: list[Any], same: bool | None) -> None:
    assert agree(a, b) is same
    assert agree(b, a) is same


SAYINGS = st.builds(
    lambda won, words, actor, when: fund(won, when, text=f"South Korea and Japan {words} {won} billion won.", actor=actor),
    st.integers(1, 400), st.sampled_from(["will spend on chips and towers", "build laboratories for chips:",
                                      "수도권 반도체 단지를 위해"]),
    st.sampled_from([None, SEOUL, ("Japan", "jp-government")]), st.sampled_from([None, OLD, NEW]),
)  # fmt: skip


@given(st.lists(SAYINGS, max_size=8))
def test_links_do_not_depend_on_the_order(said: list[Said]) -> None:
    there = {(s.first, s.second, s.relation, s.score_milli) for s in suggest(said) if s.relation is Relation.REVISION}
    back = {
        (len(said) - 1 - s.first, len(said) - 1 - s.second, s.relation, s.score_milli)
        for s in suggest(said[::-1])
        if s.relation is Relation.REVISION
    }
    assert there == back
    for link in suggest(said):
        assert SUGGESTED <= link.score_milli <= 1000
        assert link.first != link.second
        assert link.reasons


# Sums in two currencies


@dataclass(frozen=True)
class Table:
    """Units of each currency for one dollar, by the year."""

    first_day: date = date(2020, 1, 1)
    last_day: date = date(2029, 12, 31)

    def on(self, of: str, into: str, day: date) -> Rate | None:
        won = 1400 + (day.year - 2024) * 100
        of_dollar = {"USD": Fraction(1), "KRW": Fraction(won), "INR": Fraction(83), "JPY": Fraction(150)}
        known = of in of_dollar and into in of_dollar and self.first_day <= day <= self.last_day
        return Rate(of_dollar[into] / of_dollar[of], day) if known else None

    def span(self, of: str, into: str, begin: date, until: date) -> RateSpan | None:
        raise AssertionError("links ask for days")


RATES: Rates = Table()


def dollars(millions: float, published: date | None = None, text: str = "", **more: Any) -> Said:
    part = f"${millions} million"
    text = text or f"The national computing centre for laboratories gets {part} from South Korea."
    return say(text, part, round(millions * 10**8), "USD", published=published, actor=more.pop("actor", SEOUL), **more)


@pytest.mark.parametrize(
    ("won", "millions", "first", "second", "same"),
    [
        (140, 100, OLD, OLD, True), (140, 104, OLD, OLD, True), (140, 96, OLD, OLD, True), (140, 107, OLD, OLD, False),
        (140, 90, OLD, OLD, False), (150, 100, OLD, NEW, True), (140, 100, OLD, NEW, True), (140, 100, OLD, None, True),
        (140, 100, None, OLD, True), (150, 100, OLD, None, False), (140, 100, None, None, None),
        (140, 100, date(2031, 1, 1), None, None),
    ],
)  # fmt: skip
def test_sums_in_two_currencies_meet_at_the_rate_of_a_day(
    won: int, millions: int, first: date | None, second: date | None, same: bool | None
) -> None:
    one, other = fund(won, first), dollars(millions, second)
    assert same_sum(one, other, RATES) is same
    assert same_sum(other, one, RATES) is same
    assert same_sum(one, other) is None
    links = suggest([one, other], rates=RATES)
    assert [link.same_sum for link in links] == [same] * len(links)
    assert any("at the rate" in reason for link in links for reason in link.reasons) is (same is True)


def test_another_sum_in_another_currency_is_no_same_promise() -> None:
    """Without rates nothing can be said; with them ten times as much is another sum."""
    pair = [fund(140, OLD), dollars(1000, OLD)]
    assert only(pair).relation is Relation.SAME
    (link,) = suggest(pair, rates=RATES)
    assert (link.relation, link.same_sum) == (Relation.DIFFERS, False)
    (link,) = suggest([fund(140, OLD), dollars(1000, NEW)], rates=RATES)
    assert (link.relation, link.first, link.second) == (Relation.REVISION, 0, 1)


def test_a_pair_of_sums_meets_a_page_with_one_of_them() -> None:
    text = "South Korea plans 9.4 trillion won ($6.94 billion) for artificial intelligence chips."
    one = say(text, "9.4 trillion won", 94 * 10**11, actor=SEOUL)
    both = replace(one, mention=replace(one.mention, other=amount(text, "$6.94 billion", 694 * 10**9, "USD")))
    text = "Investors were told of $6.94 billion for chips of artificial intelligence."
    other = say(text, "$6.94 billion", 694 * 10**9, "USD")
    link = only([both, other])
    assert (link.relation, link.same_sum) == (Relation.SAME, True)
    assert "the same sum" in link.reasons


def test_pledges_and_mentions_meet_at_the_rate_of_a_day() -> None:
    pledge = Pledge(
        "p", "National computing centre for laboratories", "kr-government", Kind.MONEY, 140 * BILLION, 140 * BILLION, "KRW",
        Bound.EXACT, None, None, Firmness.AIM, ClaimStatus.CLAIMED, made=OLD,
    )  # fmt: skip
    said = [dollars(100), dollars(500)]
    assert [(link.mention, link.relation) for link in suggest_for([(pledge, "")], said, RATES)] == [
        (0, Relation.SAME), (1, Relation.DIFFERS),
    ]  # fmt: skip


@given(st.integers(0, 10**18), st.integers(0, 10**18), st.sampled_from(["KRW", "USD", "INR", "JPY"]))
def test_there_and_back_is_the_same_sum(low: int, more: int, unit: str) -> None:
    there = abroad([(unit, low, low + more)], ["KRW", "USD", "INR", "XXX", unit], RATES, OLD)
    assert set(there) == {"KRW", "USD", "INR"} - {unit}
    for into, (a, b) in there.items():
        assert 0 <= a <= b
        back_low, back_high = abroad([(into, a, b)], [unit], RATES, OLD)[unit]
        # rounding to whole minor units loses at most half of one, on both ways
        lost = major(1, into) * 1600 / major(1, unit) + 1
        assert abs(back_low - low) <= lost
        assert abs(back_high - low - more) <= lost


def test_units_that_are_no_currency_have_no_rate() -> None:
    assert abroad([("chips", 5, 5)], ["USD"], RATES, OLD) == {}
    assert not any(map(is_currency, ("chips", "W", "rank", "", "usd", "percent/100", "원원원")))


# What is counted


@pytest.mark.parametrize(
    ("one", "other", "linked"),
    [
        (("50,000 H200 GPUs", "H200 GPUs"), ("60,000 H200 GPUs", "H200 GPUs"), True),
        (("50,000 H200 GPUs", "H200 GPUs"), ("60,000 office chairs", "office chairs"), False),
    ],
)  # fmt: skip
def test_what_is_counted_is_what_it_is_about(one: tuple[str, str], other: tuple[str, str], linked: bool) -> None:
    said = []
    for part, of in (one, other):
        text = f"South Korea will have {part}."
        document = page(text)
        sum_ = amount(text, part, int(part[:2]) * 1000, "units", Kind.QUANTITY, of=of)
        said.append(Said(document, mention(document, sum_, actor=SEOUL)))
    assert bool(suggest(said)) is linked


@pytest.mark.parametrize(
    ("one", "other"),
    [("GPUs", "GPU"), ("laboratories", "laboratory"), ("H200s", "H200"), ("chips", "chip"), ("class", "class"), ("this", "the")],
)  # fmt: skip
def test_one_and_many_are_one_word(one: str, other: str) -> None:
    assert object_words(one) == object_words(other)


# The index finds what comparing all with all finds


def all_pairs(said: list[Said], rates: Rates | None) -> set[tuple[int, int, Relation, int]]:
    """The slow twin: everything is compared with everything."""
    sides = linking._sides(said, rates)
    found = set()
    for b, side in enumerate(sides):
        for a in range(b):
            compared = linking._compare(sides[a], side)
            if compared is not None and Stance.OPINION not in (said[a].mention.stance, said[b].mention.stance):
                first, second = (b, a) if compared.turned else (a, b)
                found.add((first, second, compared.relation, compared.score))
    return found


OBJECTS = ["computing", "centre", "laboratory", "chip", "tower", "data", "cloud"]


@st.composite
def anything(draw: st.DrawFn) -> Said:
    part, unit, kind, scale = draw(
        st.sampled_from([("{} billion won", "KRW", Kind.MONEY, BILLION), ("${} million", "USD", Kind.MONEY, 10**8),
                         ("{} chips", "chips", Kind.QUANTITY, 1)])
    )  # fmt: skip
    value = draw(st.sampled_from([0, 1, 7, 95, 97, 98, 100, 101, 102, 103, 105, 140, 143, 147, 150, 200]))
    actor = draw(st.sampled_from([None, SEOUL, ("MSIT", "kr-msit"), ("Japan", "jp-government"), ("Someone", "")]))
    words = " ".join(draw(st.lists(st.sampled_from(OBJECTS), max_size=5, unique=True)))
    year = draw(st.sampled_from([None, 2027, 2030]))
    text = f"{actor[0] if actor else 'They'} will give {part.format(value)} by then to {words}."
    document = page(text, draw(st.sampled_from([None, OLD, NEW])))
    high = value * scale * draw(st.sampled_from([1, 1, 1, 2]))
    sum_ = amount(text, part.format(value), value * scale, unit, kind, high=high)
    dated = {"period": "by then", "until": date(year, 12, 31)} if year else {}
    stance = draw(st.sampled_from([Stance.COMMITMENT, Stance.COMMITMENT, Stance.OPINION]))
    return Said(document, mention(document, sum_, stance=stance, **dated, **({"actor": actor} if actor else {})))


@given(st.lists(anything(), max_size=14), st.sampled_from([None, RATES]))
def test_the_index_misses_nothing(said: list[Said], rates: Rates | None) -> None:
    found = suggest(said, rates=rates)
    assert {(s.first, s.second, s.relation, s.score_milli) for s in found} == all_pairs(said, rates)


@given(st.integers(1, 10**17), st.integers(0, 10**6), st.integers(-60, 60), st.booleans())
def test_the_index_misses_no_near_sum(value: int, more: int, off_milli: int, turned: bool) -> None:
    """Without an actor two mentions are linked where they have words and the sum in common, and only there."""
    one, two = (
        fund(1, actor=None),
        fund(1, actor=None, text="Laboratories: a national computing centre, 1 billion won."),
    )
    other = value + value * off_milli // 1000
    sums = [(value, value + more), (other, other)]
    said = [
        Said(s.document, replace(s.mention, amount=s.mention.amount and replace(s.mention.amount, low=a, high=b)))
        for s, (a, b) in zip((one, two), sums[:: -1 if turned else 1], strict=True)
    ]
    (first, second) = sums
    assert len(suggest(said)) == (agree([("KRW", *first)], [("KRW", *second)]) is True)


@given(
    st.integers(10, 10**6), st.integers(-80, 80), st.sampled_from([(OLD, None), (None, OLD), (OLD, OLD)]), st.booleans()
)
def test_the_index_misses_no_near_sum_in_another_currency(
    millions: int, off_milli: int, days: tuple[date | None, date | None], turned: bool
) -> None:
    """As above; the rate is of the one page that has a date, or of both."""
    won = millions * 14 * 10**8 * (1000 + off_milli) // 1000
    one = fund(1, days[0], actor=None)
    other = dollars(1, days[1], text="Laboratories: a national computing centre, $1 million.", actor=None)
    said = [
        Said(s.document, replace(s.mention, amount=s.mention.amount and replace(s.mention.amount, low=v, high=v)))
        for s, v in ((one, won), (other, millions * 10**8))
    ]
    near = abs(won - millions * 14 * 10**8) * 20 <= max(won, millions * 14 * 10**8)
    assert len(suggest(said[:: -1 if turned else 1], rates=RATES)) == near
    assert same_sum(*said, RATES) is near
    assert suggest(said) == []


def test_a_flood_of_one_sentence_is_bounded() -> None:
    said = [fund(100 + n % 7) for n in range(300)]
    assert 100 * 99 // 2 < len(suggest(said)) <= 300 * 100
