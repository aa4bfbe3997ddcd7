from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.model import Bound, Kind, Stance
from dure.pledges.linking import (
    SUGGESTED,
    Relation,
    Said,
    Suggestion,
    agree,
    groups,
    kin,
    object_words,
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
    assert object_words("the laboratories' chips") == {"laboratorie", "chip"}


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


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 1000)), max_size=20), st.integers(0, 1000)
)
def test_groups_part_the_mentions(pairs: list[tuple[int, int, int]], threshold: int) -> None:
    links = [Suggestion(a, b, Relation.SAME, score, ()) for a, b, score in pairs]
    found = groups(10, links, threshold)
    assert sorted(place for group in found for place in group) == list(range(10))
    home = {place: group for group in found for place in group}
    assert all(home[a] == home[b] for a, b, score in pairs if score >= threshold)
    assert groups(10, reversed(links), threshold) == found


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


def test_only_what_is_new_is_compared() -> None:
    said = [fund(n, when) for n, when in ((100, OLD), (120, None), (150, NEW))]
    whole = suggest(said)
    assert len(whole) == 3
    assert suggest(said, 2) == [link for link in whole if 2 in (link.first, link.second)]
    assert suggest(said, 3) == []


def test_many_mentions_are_answered() -> None:
    said = [
        fund(100 + n, text=f"South Korea will spend {100 + n} billion won on thing {chr(97 + n % 26)}x.")
        for n in range(400)
    ]
    assert len(suggest(said)) < 80_000
