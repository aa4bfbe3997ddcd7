"""Conflicts of interest, one kind at a time, and all pairs at once against one pair at a time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.programme.conflicts import Conflict, ConflictKind, conflicts, forbidden_pairs
from dure.programme.model import Application, Ask, Institution, Member, Reviewer, Sector

HERE, THERE = Institution("https://ror.org/05a0ya142", "Hanbit University"), Institution("", "Narae Institute")
USERS = ("ana", "bo", "chul", "dara")
PLACES = (
    Institution(), HERE, THERE, Institution("05a0ya142", "한빛대학교"), Institution("", " hanbit  UNIVERSITY "),
    Institution("02abcdef3", "Narae Institute"),
)  # fmt: skip


def application(id: str = "a1", lead: str = "ana", at: Institution = HERE, *members: Member) -> Application:
    return Application(id, "c", "t", "", "", lead, Sector.ACADEMIA, at, Ask("H200", 8, 6), members=members)


TEAM = application("a1", "ana", HERE, Member("ana", "pi", HERE), Member("bo", "member", THERE))


@pytest.mark.parametrize(
    ("reviewer", "kind", "about"),
    [
        (Reviewer("ana"), ConflictKind.TEAM, "ana"),
        (Reviewer("bo"), ConflictKind.TEAM, "bo"),
        (Reviewer("x", Institution("05a0ya142", "한빛대학교")), ConflictKind.INSTITUTION, "05a0ya142"),
        (Reviewer("x", Institution("", "Hanbit  university")), ConflictKind.INSTITUTION, "hanbit university"),
        (Reviewer("x", Institution("02abcdef3", "Narae Institute")), ConflictKind.INSTITUTION, "narae institute"),
        (Reviewer("x", supervised=frozenset({"bo", "chul"})), ConflictKind.SUPERVISION, "bo"),
        (Reviewer("x", coauthors=frozenset({"ana"})), ConflictKind.COAUTHOR, "ana"),
        (Reviewer("x", declared=frozenset({"a1"})), ConflictKind.DECLARED, "a1"),
        (Reviewer("x", declared=frozenset({"bo"})), ConflictKind.DECLARED, "bo"),
    ],
)
def test_each_kind(reviewer: Reviewer, kind: ConflictKind, about: str) -> None:
    assert conflicts(reviewer, TEAM) == (Conflict(kind, about),)


@pytest.mark.parametrize(
    "reviewer",
    [
        Reviewer("x"),
        Reviewer("x", Institution("", "Hanbit University Hospital")),
        Reviewer("a1", coauthors=frozenset({"a1"}), supervised=frozenset({"05a0ya142"})),  # an id is no user
        Reviewer("x", declared=frozenset({"a2", "Hanbit University"})),
    ],
)
def test_none(reviewer: Reviewer) -> None:
    assert conflicts(reviewer, TEAM) == ()


def test_two_institutions_without_a_name_are_not_the_same() -> None:
    assert conflicts(Reviewer("x"), application(at=Institution())) == ()


def test_all_of_them_in_order() -> None:
    everything = frozenset({"ana", "bo", "a1"})
    reviewer = Reviewer("bo", THERE, supervised=everything, coauthors=everything, declared=everything)
    assert [c.kind for c in conflicts(reviewer, TEAM)] == [
        ConflictKind.TEAM, ConflictKind.INSTITUTION, ConflictKind.SUPERVISION, ConflictKind.SUPERVISION,
        ConflictKind.COAUTHOR, ConflictKind.COAUTHOR, ConflictKind.DECLARED, ConflictKind.DECLARED,
        ConflictKind.DECLARED,
    ]  # fmt: skip


def naive(reviewer: Reviewer, a: Application) -> bool:
    """Written out, one question after another."""
    people = {a.lead} | {m.user for m in a.members}
    for place in [a.institution, *(m.institution for m in a.members)]:
        mine = reviewer.institution
        if mine.ror and place.ror and mine.key == place.key:
            return True
        if mine.name and mine.name.lower().split() == place.name.lower().split():
            return True
    named = reviewer.supervised | reviewer.coauthors | reviewer.declared | {reviewer.user}
    return bool(named & people) or a.id in reviewer.declared


names = st.frozensets(st.sampled_from((*USERS, "a0", "a1")), max_size=2)
members = st.builds(Member, st.sampled_from(USERS), st.just("member"), st.sampled_from(PLACES))
reviewers = st.builds(
    Reviewer, st.sampled_from(USERS), st.sampled_from(PLACES), supervised=names, coauthors=names, declared=names
)
teams = st.tuples(st.sampled_from(USERS), st.sampled_from(PLACES), st.lists(members, max_size=2))


@given(st.lists(teams, max_size=4), st.lists(reviewers, max_size=4))
@settings(max_examples=200, deadline=None)
def test_all_pairs_at_once(teams: list[tuple], people: list[Reviewer]) -> None:
    apps = [application(f"a{i}", lead, at, *team) for i, (lead, at, team) in enumerate(teams)]
    found = forbidden_pairs(apps, people)
    assert found.shape == (len(apps), len(people))
    assert found.dtype == bool
    expected = [[naive(r, a) for r in people] for a in apps]
    assert found.toarray().tolist() == expected
    assert [[bool(conflicts(r, a)) for r in people] for a in apps] == expected
