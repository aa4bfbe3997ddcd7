"""The matching of reviewers against a search of everything, against the programme over all pairs, and its refusals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array

from dure.programme import matching
from dure.programme.conflicts import conflicts
from dure.programme.matching import Assignment, assign, expertise_milli, status
from dure.programme.model import Application, Ask, Institution, Review, Reviewer, Sector

LEVELS = (0, 300, 700, 1000)


def application(id: str, area: str = "nlp", at: str = "") -> Application:
    where = Institution(name=at or f"institute of {id}")
    return Application(id, "c", "t", id, id, f"lead-{id}", Sector.ACADEMIA, where, Ask("H200", 8, 6), area=area)


def reviewer(user: str, load: int = 12, at: str = "", declared: tuple[str, ...] = (), **levels: int) -> Reviewer:
    where = Institution(name=at or f"institute of {user}")
    return Reviewer(user, where, levels, declared=frozenset(declared), load_most=load)


@st.composite
def worlds(draw: st.DrawFn, most: int = 6) -> tuple[list[Application], list[Reviewer], int]:
    areas = [f"area{k}" for k in range(draw(st.integers(1, 3)))]
    apps = [application(f"a{i}", draw(st.sampled_from(areas))) for i in range(draw(st.integers(0, most)))]
    ids = st.sets(st.sampled_from([a.id for a in apps]), max_size=most // 2) if apps else st.just(set())
    levels = st.dictionaries(st.sampled_from(areas), st.sampled_from(LEVELS))
    people = [
        reviewer(f"r{j}", draw(st.integers(0, 4)), declared=tuple(draw(ids)), **draw(levels))
        for j in range(draw(st.integers(0, 4)))
    ]
    return apps, people, draw(st.integers(1, 3))


def searched(apps: list[Application], people: list[Reviewer], each: int) -> tuple[int, int]:
    """(reviews missing, expertise) of the best assignment, by trying every set of reviewers for every application."""

    @cache
    def best(i: int, room: tuple[int, ...]) -> tuple[int, int]:
        if i == len(apps):
            return 0, 0
        allowed = [j for j, r in enumerate(people) if room[j] > 0 and not conflicts(r, apps[i])]
        tries = []
        for count in range(min(each, len(allowed)) + 1):
            for chosen in combinations(allowed, count):
                missing, lost = best(i + 1, tuple(n - (j in chosen) for j, n in enumerate(room)))
                lost -= sum(expertise_milli(people[j], apps[i]) for j in chosen)
                tries.append((missing + each - count, lost))
        return min(tries)

    missing, lost = best(0, tuple(r.load_most for r in people))
    return missing, -lost


def require_sound(
    found: Assignment, apps: list[Application], people: list[Reviewer], each: int, fixed: set[tuple[str, str]]
) -> None:
    app, person = {a.id: a for a in apps}, {r.user: r for r in people}
    assert list(found.pairs) == sorted(set(found.pairs))
    assert fixed <= set(found.pairs)
    new = [p for p in found.pairs if p not in fixed]
    assert not [p for p in new if conflicts(person[p[1]], app[p[0]])]
    assert found.expertise_milli == sum(expertise_milli(person[r], app[a]) for a, r in new)
    load = Counter(r for _, r in found.pairs)
    kept = Counter(r for _, r in fixed)
    assert not [r for r in person if load[r] > max(person[r].load_most, kept[r])]
    got = Counter(a for a, _ in found.pairs)
    assert found.short == {a: each - got[a] for a in app if got[a] < each}
    assert all(got[a] <= max(each, sum(a == b for b, _ in fixed)) for a in app)


@pytest.mark.parametrize("small", [0, 16])
@pytest.mark.parametrize("candidates", [0, 20])
@given(worlds())
@settings(max_examples=40, deadline=None)
def test_as_good_as_trying_everything(small: int, candidates: int, world: tuple) -> None:
    """With a circle of no candidates but one a review, and with classes cut one by one, the optimum is the same."""
    apps, people, each = world
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "SMALL", small)
        patch.setattr(matching, "CANDIDATES", candidates)
        patch.setattr(matching, "_MORE", 0)
        found = assign(apps, people, each)
    require_sound(found, apps, people, each, set())
    assert (sum(found.short.values()), found.expertise_milli) == searched(apps, people, each)


def generated(seed: int, apps: int, people: int, areas: int) -> tuple[list[Application], list[Reviewer]]:
    rng = np.random.default_rng(seed)
    ids = [f"a{i}" for i in range(apps)]
    return [application(a, f"area{rng.integers(areas)}", f"i{rng.integers(9)}") for a in ids], [
        reviewer(
            f"r{j}", 12, f"i{rng.integers(9)}", tuple(rng.choice(ids, 4)),
            **{f"area{k}": int(rng.choice(LEVELS[1:])) for k in rng.choice(areas, min(areas, 3), replace=False)},
        )
        for j in range(people)
    ]  # fmt: skip


@pytest.mark.parametrize(("seed", "areas"), [(0, 5), (1, 5), (2, 12), (3, 40), (4, 150)])
def test_the_optimum_over_all_pairs(seed: int, areas: int) -> None:
    """HiGHS over every pair at once, without classes, candidates or prices."""
    apps, people = generated(seed, 150, 45, areas)
    found = assign(apps, people, 3)
    require_sound(found, apps, people, 3, set())
    assert not found.short
    worth = np.array([[expertise_milli(r, a) for r in people] for a in apps], float)
    open_ = np.array([[not conflicts(r, a) for r in people] for a in apps], float)
    i, j = np.indices(worth.shape).reshape(2, -1)
    pair = np.arange(worth.size)
    per_application = csr_array((np.ones(worth.size), (i, pair)))
    per_reviewer = csr_array((np.ones(worth.size), (j, pair)))
    whole = linprog(
        -worth.ravel(), A_ub=per_reviewer, b_ub=[r.load_most for r in people], A_eq=per_application,
        b_eq=np.full(len(apps), 3), bounds=np.column_stack([np.zeros(worth.size), open_.ravel()]), method="highs",
    )  # fmt: skip
    assert found.expertise_milli == pytest.approx(-whole.fun, abs=1e-3)


@given(worlds(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_does_not_matter(world: tuple, random: object) -> None:
    apps, people, each = world
    found = assign(apps, people, each)
    random.shuffle(apps)
    random.shuffle(people)
    assert assign(apps, people, each) == found


@given(worlds(), st.data())
@settings(max_examples=40, deadline=None)
def test_assigning_again_keeps_what_is_fixed_and_makes_nothing_excluded(world: tuple, data: st.DataObject) -> None:
    apps, people, each = world
    pairs = [(a.id, r.user) for a in apps for r in people]
    some = st.sets(st.sampled_from(pairs)) if pairs else st.just(set())
    fixed, excluded = data.draw(some), data.draw(some)
    found = assign(apps, people, each, fixed=fixed, excluded=excluded)
    require_sound(found, apps, people, each, fixed)
    assert not set(found.pairs) & excluded - fixed


def test_a_second_time_changes_nothing() -> None:
    apps, people = generated(5, 60, 20, 4)
    first = assign(apps, people, 3)
    again = assign(apps, people, 3, fixed=first.pairs)
    assert again.pairs == first.pairs
    assert again.expertise_milli == 0


def test_a_review_given_back_goes_to_the_next_best() -> None:
    apps = [application("a")]
    people = [reviewer("best", nlp=1000), reviewer("next", nlp=700), reviewer("last", nlp=300), reviewer("none")]
    assert assign(apps, people, 2).pairs == (("a", "best"), ("a", "next"))
    again = assign(apps, people, 2, fixed=[("a", "next")], excluded=[("a", "best")])
    assert again.pairs == (("a", "last"), ("a", "next"))
    assert again.expertise_milli == 300


def test_people_who_left_still_count_for_what_they_wrote() -> None:
    found = assign([application("a")], [reviewer("new", nlp=700)], 2, fixed=[("a", "gone"), ("other", "new")])
    assert found.pairs == (("a", "gone"), ("a", "new"))
    assert found.short == {}


def test_an_expert_is_kept_for_those_who_need_one() -> None:
    """Greedy would give `both` to the first application and leave the second with nobody who knows its area."""
    apps = [application("a", "nlp"), application("b", "vision")]
    people = [reviewer("both", 1, nlp=1000, vision=1000), reviewer("nlp", 1, nlp=700)]
    assert set(assign(apps, people, 1).pairs) == {("a", "nlp"), ("b", "both")}


def test_who_is_short_is_said_and_by_how_many() -> None:
    apps = [application("a"), application("b", at="x")]
    people = [reviewer("p", 2, nlp=1000), reviewer("q", 9, at="x", nlp=1000)]
    found = assign(apps, people, 3)
    assert found.pairs == (("a", "p"), ("a", "q"), ("b", "p"))
    assert found.short == {"a": 1, "b": 2}


def test_nobody_to_review_and_nothing_to_review() -> None:
    assert assign([application("a")], [], 3) == Assignment((), {"a": 3}, 0)
    assert assign([], [reviewer("r")], 3) == Assignment((), {}, 0)


def test_areas_nobody_lists_are_shared_among_all() -> None:
    apps = [application(f"a{i}", "unheard of") for i in range(40)]
    people = [reviewer(f"r{j}", 6, nlp=1000) for j in range(20)]
    found = assign(apps, people, 3)
    assert not found.short
    assert Counter(r for _, r in found.pairs) == {r.user: 6 for r in people}


def test_nobody_is_first_by_the_alphabet() -> None:
    """Among equals the names are drawn, so that reviewers late in the alphabet are not left for last."""
    people = [reviewer(f"r{j:02}", 1, nlp=1000) for j in range(40)]
    chosen = sorted(int(r[1:]) for _, r in assign([application("a"), application("b")], people, 5).pairs)
    assert chosen != list(range(10))
    assert max(b - a for a, b in pairwise([0, *chosen, 39])) < 20


def test_status_by_due_moment() -> None:
    asked = [Review("b", "z"), Review("a", "x"), Review("a", "y"), Review("a", "w", submitted_utc_s=99)]
    due: dict[tuple[str, str], int | None] = {("a", "x"): 100, ("a", "y"): 101, ("a", "w"): 5, ("b", "z"): None}
    first, second = status(asked, 4, due, 100)
    assert (first.application, first.submitted, first.waiting, first.late) == ("a", ("w",), ("y",), ("x",))
    assert first.missing == 1
    assert (second.application, second.waiting, second.missing) == ("b", ("z",), 3)
    assert status([replace(asked[1], submitted_utc_s=200)], 1, due, 300)[0].late == ()
