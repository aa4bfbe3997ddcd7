"""Screening: what raises a flag, what never does, and that nothing of a person but their organisations counts."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.governance import facts
from dure.governance.screening import (
    TEXTS,
    Affiliation,
    Answer,
    Approval,
    AreaClaim,
    Code,
    Declaration,
    Edition,
    EndUse,
    Listed,
    Partner,
    Person,
    Screened,
    after_flags,
    faults,
    months_later,
    normalised,
    screen,
)

NOW = int(dt.datetime(2026, 11, 22, tzinfo=dt.UTC).timestamp())
DAY = 86_400
BAD, GOOD = "05a0ya142", "0abcdef45"
AREAS = Edition("STRA", "areas", "2024-01-16", "s", "a" * 64, (Listed("2.1", ("Quantum",)), Listed("7", ("AI",))))
ORGANISATIONS = Edition(
    "NRO", "organisations", "2024-01-16", "s", "b" * 64,
    (Listed(BAD, ("Example Institute of Arms", "예시무기연구소")), Listed("", ("Société d'Exemple",))),
)  # fmt: skip
PARTIES = Edition("Entity", "parties", "2026-01-01", "s", "c" * 64, (Listed(BAD, ("Example Arms Works",)),))
LISTS = (AREAS, ORGANISATIONS)


def person(*ties: Affiliation, user: str = "kim", **more: object) -> Person:
    given: dict[str, object] = {"talent_programme": "no", "attested_utc_s": NOW - 1, "attestation_version": "1", **more}
    return Person(user, affiliations=ties or (Affiliation("Good University", GOOD),), **given)  # type: ignore[arg-type]


def declared(*persons: Person, aims: Answer = "no", **more: object) -> Declaration:
    given: dict[str, object] = {"areas": (AreaClaim("STRA", "2.1", aims),), **more}
    return Declaration(persons=persons or (person(),), **given)  # type: ignore[arg-type]


def codes(result: Screened, *, decide: bool | None = None) -> set[Code]:
    return {f.code for f in result.flags if decide in (None, f.decide)}


def test_the_words_are_those_of_the_facts() -> None:
    assert get_args(Answer) == facts.YES_NO
    assert get_args(EndUse) == facts.END_USES
    assert get_args(Approval) == facts.APPROVALS
    assert TEXTS.keys() == set(Code)
    assert all(t.ko and t.en for t in TEXTS.values())


def test_a_clean_declaration_is_clear() -> None:
    result = screen(declared(), LISTS, NOW, team={"kim"}, applicant=Partner("Good University", GOOD))
    assert result == Screened((), "no", "no", "no", "yes", "no", "unknown", ("b" * 64, "a" * 64), NOW)
    assert result.clear


@pytest.mark.parametrize("aims", facts.YES_NO)
@pytest.mark.parametrize("tie", ["id", "name", "none", "ended", "old", "ahead"])
def test_strac_needs_an_area_and_an_organisation(aims: Answer, tie: str) -> None:
    """Every pair against the table written by hand from the policy."""
    ties = {
        "id": Affiliation("Other name", f"https://ror.org/{BAD}"), "name": Affiliation("예시무기연구소"),
        "none": Affiliation("Good University", GOOD), "ended": Affiliation("x", BAD, to_utc_s=NOW),
        "old": Affiliation("x", BAD, to_utc_s=months_later(NOW, -48)), "ahead": Affiliation("x", BAD, from_utc_s=NOW + 1),
    }  # fmt: skip
    named = {"id": "yes", "name": "unknown"}.get(tie, "no")
    result = screen(declared(person(ties[tie]), aims=aims), LISTS, NOW)
    assert (result.sensitive_area, result.named_organisation) == (aims, named)
    both = codes(result) & {Code.STRAC, Code.STRAC_UNCLEAR}
    if aims == named == "yes":
        assert both == {Code.STRAC}
    elif "no" in (aims, named):
        assert both == set()
    else:
        assert both == {Code.STRAC_UNCLEAR}
    kind = {"id": Code.ORGANISATION, "name": Code.ORGANISATION_NAME, "ended": Code.FORMER, "ahead": Code.FORMER}.get(
        tie
    )
    assert codes(result, decide=aims != "no") & {Code.ORGANISATION, Code.ORGANISATION_NAME, Code.FORMER} == (
        {kind} if kind else set()
    )
    assert result.clear == (aims == "no" or tie in ("none", "old"))


@pytest.mark.parametrize("kind", ["employed", "funded", "in-kind", "other"])
def test_money_and_help_count_as_much_as_employment(kind: str) -> None:
    result = screen(declared(person(Affiliation("x", BAD, kind=kind)), aims="yes"), LISTS, NOW)  # type: ignore[arg-type]
    assert result.named_organisation == "yes"
    assert Code.STRAC in codes(result)


def test_an_affiliation_counts_from_its_first_moment_to_before_its_end() -> None:
    def named(start: int, end: int | None) -> str:
        tie = Affiliation("x", BAD, from_utc_s=start, to_utc_s=end)
        return screen(declared(person(tie), aims="yes"), LISTS, NOW).named_organisation

    assert [named(NOW, None), named(NOW + 1, None), named(0, NOW + 1), named(0, NOW)] == ["yes", "no", "yes", "no"]


def test_the_look_back_ends_after_four_years_to_the_second() -> None:
    oldest = int(dt.datetime(2022, 11, 22, tzinfo=dt.UTC).timestamp())
    for end, seen in ((oldest, False), (oldest + 1, True)):
        result = screen(declared(person(Affiliation("x", BAD, to_utc_s=end)), aims="yes"), LISTS, NOW)
        assert (Code.FORMER in codes(result, decide=True)) == seen
        assert result.named_organisation == "no"


_country = st.sampled_from(["KR", "CA", "US", "CN", "RU", "IR", "KP", "unknown", ""])
_tie = st.builds(
    Affiliation, st.sampled_from(["Good University", "Example Institute of Arms", "예시무기연구소", "Elsewhere"]),
    st.sampled_from(["", BAD, GOOD]), _country, st.sampled_from([0, NOW - DAY, NOW + DAY]),
    st.sampled_from([None, NOW + 2 * DAY, NOW + 3 * DAY]), st.sampled_from(["employed", "funded", "in-kind", "other"]),
)  # fmt: skip
_answer = st.sampled_from(facts.YES_NO)
_person = st.builds(
    Person, st.sampled_from("abc"), st.just("member"), st.lists(_tie, max_size=3).map(tuple), _answer,
    st.sampled_from([None, NOW - 1, NOW + 1]), st.sampled_from(["", "1"]),
)  # fmt: skip
_declaration = st.builds(
    declared, _person, _person, aims=_answer, listed=_answer,
    owners=st.lists(st.sampled_from(["Example Arms Works", BAD, "Owner"]), max_size=2).map(tuple),
    partners=st.lists(
        st.builds(Partner, st.sampled_from(["P", "Société d'Exemple"]), st.sampled_from(["", BAD]), _country, _answer),
        max_size=2,
    ).map(tuple),
)  # fmt: skip


@settings(max_examples=50)
@given(_declaration, st.lists(_country, min_size=6, max_size=6))
def test_no_country_of_a_person_changes_anything(declaration: Declaration, countries: Sequence[str]) -> None:
    """Identity of an organisation and present affiliation, never where somebody or something comes from."""
    others = iter(countries)
    moved = replace(
        declaration,
        persons=tuple(
            replace(p, affiliations=tuple(replace(a, country=next(others)) for a in p.affiliations))
            for p in declaration.persons
        ),
    )
    assert screen(moved, (*LISTS, PARTIES), NOW) == screen(declaration, (*LISTS, PARTIES), NOW)


@settings(max_examples=60)
@given(_declaration)
def test_strac_by_a_slow_twin(declaration: Declaration) -> None:
    """Written again as the sentence of the policy, without indexes."""
    yes = unknown = False
    for tie in (tie for p in declaration.persons for tie in p.affiliations):
        if tie.from_utc_s <= NOW and (tie.to_utc_s is None or tie.to_utc_s > NOW):
            yes |= tie.ror == BAD
            unknown |= tie.name in ("Example Institute of Arms", "예시무기연구소")
    unknown |= any(not p.affiliations for p in declaration.persons)
    unknown |= any(p.ror == BAD or p.name == "Société d'Exemple" for p in declaration.partners)
    result = screen(declaration, LISTS, NOW)
    assert result.named_organisation == ("yes" if yes else "unknown" if unknown else "no")
    aims = declaration.areas[0].aims_to_advance
    assert (Code.STRAC in codes(result)) == (yes and aims == "yes")
    assert all(f.decide for f in result.flags if f.code in (Code.STRAC, Code.STRAC_UNCLEAR, Code.TALENT, Code.PRIVATE))
    assert result.clear == (not any(f.decide for f in result.flags))


@settings(max_examples=30)
@given(_declaration, st.permutations((AREAS, ORGANISATIONS, PARTIES)))
def test_the_order_of_lists_and_persons_does_not_matter(declaration: Declaration, editions: list[Edition]) -> None:
    turned = replace(declaration, persons=declaration.persons[::-1], partners=declaration.partners[::-1])
    assert screen(turned, editions, NOW) == screen(declaration, (AREAS, ORGANISATIONS, PARTIES), NOW)


def test_what_is_not_known_is_never_a_no() -> None:
    clean = declared()
    for editions, area, named in (
        ((), "unknown", "unknown"),
        ((AREAS,), "no", "unknown"),
        ((ORGANISATIONS,), "unknown", "no"),
    ):
        result = screen(clean, editions, NOW)
        assert (result.sensitive_area, result.named_organisation) == (area, named)
    assert not screen(clean, (), NOW).clear
    silent = screen(Declaration(), LISTS, NOW)
    assert (silent.sensitive_area, silent.named_organisation, silent.talent_programme) == ("unknown",) * 3
    assert silent.disclosure == "no"
    assert not silent.clear


@pytest.mark.parametrize(
    ("claims", "answer"),
    [
        ((), "unknown"),  # says nothing about the list in force
        ((AreaClaim("STRA", "none"),), "no"),
        ((AreaClaim("STRA", "2.1", "no"),), "no"),  # uses it, and does not advance it
        ((AreaClaim("STRA", "2.1", "unknown"),), "unknown"),
        ((AreaClaim("STRA", "2.1", "yes"),), "yes"),
        ((AreaClaim("STRA", "2.10", "yes"),), "unknown"),  # no such code: a typing error, or of another edition
        ((AreaClaim("NCT", "battery", "yes"), AreaClaim("STRA", "none")), "unknown"),  # no such list
        ((AreaClaim("NCT", "battery", "no"), AreaClaim("STRA", "none")), "no"),
        ((AreaClaim("STRA", "none"), AreaClaim("STRA", "7", "yes")), "yes"),
    ],
)
def test_claims_about_areas(claims: tuple[AreaClaim, ...], answer: str) -> None:
    result = screen(declared(areas=claims), LISTS, NOW)
    assert result.sensitive_area == answer
    assert bool(codes(result) & {Code.AREA, Code.AREA_UNCLEAR}) == (answer != "no")


def test_a_member_who_is_left_out_is_seen() -> None:
    result = screen(declared(), LISTS, NOW, team={"kim", "left-out"})
    assert {(f.code, f.who) for f in result.flags} == {(Code.UNCLEAR_TIES, "left-out"), (Code.DISCLOSURE, "left-out")}
    assert (result.named_organisation, result.disclosure) == ("unknown", "no")


@pytest.mark.parametrize(
    "wrong",
    [{"attested_utc_s": None}, {"attested_utc_s": NOW + 1}, {"attestation_version": ""}],
)
def test_a_disclosure_that_is_not_attested_is_flagged(wrong: dict[str, object]) -> None:
    result = screen(declared(person(), person(user="lee", **wrong)), LISTS, NOW)
    assert result.disclosure == "no"
    assert [(f.code, f.who, f.decide) for f in result.flags] == [(Code.DISCLOSURE, "lee", True)]


@pytest.mark.parametrize(
    ("answers", "whole"), [(a, max(a, key=["no", "unknown", "yes"].index)) for a in product(facts.YES_NO, repeat=2)]
)
def test_the_worst_answer_speaks(answers: tuple[Answer, Answer], whole: str) -> None:
    persons = (person(talent_programme=answers[0]), person(user="lee", talent_programme=answers[1]))
    partners = tuple(Partner(f"P{n}", private=a) for n, a in enumerate(answers))
    result = screen(declared(*persons, partners=partners), LISTS, NOW)
    assert (result.talent_programme, result.private_partner) == (whole, whole)
    assert {f.who for f in result.flags if f.code is Code.PRIVATE} == {
        f"P{n}" for n, a in enumerate(answers) if a != "no"
    }


@pytest.mark.parametrize("said", facts.YES_NO)
def test_parties_under_export_control(said: Answer) -> None:
    def listed(applicant: Partner, **more: object) -> str:
        return screen(declared(listed=said, **more), (*LISTS, PARTIES), NOW, applicant=applicant).listed

    clean = Partner("Good University", GOOD)
    assert listed(clean) == said
    assert listed(Partner("x", BAD)) == "yes"
    at_least_unknown = "yes" if said == "yes" else "unknown"
    assert listed(Partner("EXAMPLE ARMS-WORKS")) == at_least_unknown
    assert listed(clean, owners=("Example Arms Works",)) == at_least_unknown
    assert listed(clean, owners=(f"https://ror.org/{BAD}",)) == at_least_unknown
    assert listed(clean, partners=(Partner("y", BAD, private="no"),)) == at_least_unknown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Société d’Exemple", "SOCIETE D'EXEMPLE"),
        ("Ｅｘａｍｐｌｅ　Arms", "example arms"),
        ("A & B  Institute", "a and b institute"),
        ("예시 무기-연구소", "예시 무기 연구소"),
        (unicodedata.normalize("NFD", "예시무기연구소"), "예시무기연구소"),
        ("Straße", "STRASSE"),
        ("Arms_Works, Ltd.", "arms works ltd"),
    ],
)
def test_names_that_are_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other) != ""


def test_names_that_are_not() -> None:
    assert normalised("Arms Institute") != normalised("Armed Institute")
    assert normalised("가") != normalised("각")
    assert normalised("The") == "the"
    assert normalised(" .,- ") == ""


@given(st.text(max_size=30))
def test_normalising_twice_is_once(name: str) -> None:
    once = normalised(name)
    assert once.removeprefix("the ") == normalised(once) or normalised(once) == once


@given(st.integers(0, 4_000_000_000), st.integers(-200, 200))
def test_months_later(utc_s: int, months: int) -> None:
    a, b = (dt.datetime.fromtimestamp(t, dt.UTC) for t in (utc_s, months_later(utc_s, months)))
    assert (b.year - a.year) * 12 + b.month - a.month == months
    assert a.time() == b.time()
    assert b.day == a.day or (b.day < a.day and (b + dt.timedelta(days=1)).day == 1)


def test_once_flagged_people_look() -> None:
    result = after_flags(screen(declared(), LISTS, NOW))
    assert codes(result, decide=True) == {Code.BEFORE}
    assert not result.clear


def test_a_flag_is_the_same_under_another_edition() -> None:
    later = replace(ORGANISATIONS, dated="2026-01-01", digest="d" * 64)
    declaration = declared(person(Affiliation("x", BAD)), aims="yes")
    a, b = (screen(declaration, (AREAS, e), NOW) for e in (ORGANISATIONS, later))
    assert [f.key for f in a.flags] == [f.key for f in b.flags]
    assert a.lists != b.lists


@pytest.mark.parametrize(
    ("declaration", "path"),
    [
        (declared(headquarters_country="Korea"), ("headquarters_country",)),
        (declared(access_countries=("KR", "kr")), ("access_countries", 1)),
        (declared(person(Affiliation(" .. "))), ("persons", 0, "affiliations", 0, "name")),
        (declared(person(Affiliation("x", "not-a-ror"))), ("persons", 0, "affiliations", 0, "ror")),
        (
            declared(person(Affiliation("x", "0l23abc45"))),
            ("persons", 0, "affiliations", 0, "ror"),
        ),  # no l in the alphabet
        (declared(person(Affiliation("x", from_utc_s=5, to_utc_s=5))), ("persons", 0, "affiliations", 0, "to")),
        (declared(person(), person()), ("persons", 1, "user")),
        (
            declared(partners=(Partner("P", country=""), Partner("Q", owner_country="1A"))),
            ("partners", 1, "owner_country"),
        ),
        (declared(areas=(AreaClaim("", "2.1"),)), ("areas", 0)),
        (declared(owners=("o",) * 501), ("owners",)),
        (declared(person(*[Affiliation("x")] * 501)), ("persons", 0, "affiliations")),
    ],
)
def test_what_is_wrong_in_itself(declaration: Declaration, path: tuple[str | int, ...]) -> None:
    assert [p for p, _, _ in faults(declaration)] == [path]


def test_a_right_one_has_no_fault() -> None:
    whole = declared(partners=(Partner("P", f"https://ror.org/{GOOD}", "CA"),), access_countries=("KR", "unknown"))
    assert list(faults(whole)) == []
