"""Scores: exact sums, planted severities, and what a normalisation must never do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError, InputErrors, UnknownName
from dure.programme.model import Call, Criterion, Review, Text
from dure.programme.scores import Method, check, normalise

SHEET = (Criterion("methods", Text("방법", "methods"), 700), Criterion("team", Text("팀", "team"), 300))
CALL = Call(
    "c", Text("", ""), 0, 1, "Asia/Seoul", 2, 6, (), SHEET, "ranked", {}, score_max_milli=5000, reviews_each=2
)  # fmt: skip
FINE = replace(CALL, criteria=SHEET[:1] and (Criterion("all", Text("", ""), 1000),), score_step_milli=1, reviews_each=3)


def review(application: str, reviewer: str, *scores: int, committee: str = "") -> Review:
    return Review(application, reviewer, committee, dict(zip(("methods", "team"), scores)), submitted_utc_s=1)


def fine(application: str, reviewer: str, score: int, committee: str = "") -> Review:
    return Review(application, reviewer, committee, {"all": score}, submitted_utc_s=1)


def test_the_plain_mean_by_the_weights_rounded_half_up() -> None:
    found = normalise([review("a", "x", 4100, 3300), review("a", "y", 4200, 3800)], CALL, "none")
    assert found.raw == {"a": 3970}  # (0.7 x 4100 + 0.3 x 3300 + 0.7 x 4200 + 0.3 x 3800) / 2
    assert normalise([fine("a", "x", 1000), fine("a", "y", 1001)], FINE, "none").final == {"a": 1001}
    assert found.final == found.raw
    assert (found.reviewers, found.committees, found.short) == ({"x": 0, "y": 0}, {}, {})


def test_only_submitted_reviews_count_and_missing_ones_are_said() -> None:
    drafted = replace(review("a", "y", 100, 100), submitted_utc_s=None)
    found = normalise([review("a", "x", 4000, 4000), drafted, Review("b", "z")], CALL)
    assert (found.final, found.short) == ({"a": 4000}, {"a": 1})
    assert normalise([], CALL).final == {}


@pytest.mark.parametrize(
    ("scores", "field", "accepted"),
    [
        ({"methods": 5100, "team": 3000}, "scores.methods", "100 to 5000"),
        ({"methods": 0, "team": 3000}, "scores.methods", "100 to 5000"),
        ({"methods": 3000, "team": 3050}, "scores.team", "steps of 100"),
        ({"methods": 3000.0, "team": 3000}, "scores.methods", "steps of 100"),
        ({"methods": True, "team": 3000}, "scores.methods", "100 to 5000"),
        ({"methods": 3000}, "scores.team", "100 to 5000"),
        ({"methods": 3000, "team": 3000, "charm": 3000}, "scores.charm", "methods, team"),
    ],
)
def test_a_score_that_is_none(scores: dict, field: str, accepted: str) -> None:
    wrong = Review("a", "x", scores=scores, submitted_utc_s=1)
    for refuse in (lambda: check(wrong, CALL), lambda: normalise([wrong], CALL)):
        with pytest.raises(InputError) as caught:
            refuse()
        assert caught.value.field == field
        assert accepted in caught.value.accepted


def test_all_faults_of_a_review_at_once() -> None:
    with pytest.raises(InputErrors) as caught:
        check(Review("a", "x", scores={"charm": 1}), CALL)
    assert [e.field for e in caught.value.errors] == ["scores.charm", "scores.methods", "scores.team"]


def test_twice_by_the_same_person() -> None:
    with pytest.raises(InputError, match="twice"):
        normalise([review("a", "x", 100, 100), review("a", "x", 200, 200)], CALL)


def test_an_unknown_method() -> None:
    with pytest.raises(UnknownName, match="additive"):
        normalise([], CALL, "median")


def planted(
    seed: int, noise: int, spread: int, applications: int = 300, reviewers: int = 60
) -> tuple[list[Review], np.ndarray, np.ndarray]:
    """Reviews of known qualities by reviewers of known severities, three each."""
    rng = np.random.default_rng(seed)
    quality = rng.integers(1800, 3200, applications)
    severity = np.rint(rng.normal(0, spread, reviewers)).astype(int)
    severity -= int(severity.mean())
    reviews = [
        fine(f"a{i:03}", f"r{j:02}", int(np.clip(quality[i] + severity[j] + rng.normal(0, noise), 100, 5000)))
        for i in range(applications)
        for j in rng.choice(reviewers, 3, replace=False)
    ]
    return reviews, quality, severity


def test_planted_severity_is_recovered() -> None:
    """15 reviews each: the ridge leaves 10/11 of what was planted (two thirds of each review tell of its reviewer)."""
    reviews, quality, severity = planted(1, 0, 400)
    found = normalise(reviews, FINE)
    estimate = np.array(list(found.reviewers.values()))
    assert np.corrcoef(estimate, severity)[0, 1] > 0.99
    assert np.polyfit(severity, estimate, 1)[0] == pytest.approx(10 / 11, abs=0.03)
    assert set(found.components.values()) == {0}
    left = np.array(list(found.final.values())) - quality
    before = np.array(list(found.raw.values())) - quality
    assert left.std() < 0.15 * before.std()


@pytest.mark.parametrize("seed", range(3))
def test_nearer_to_the_truth_with_noise_and_hardly_further_without_severity(seed: int) -> None:
    for spread, most in ((400, 0.85), (0, 1.15)):
        reviews, quality, _ = planted(seed, 400, spread)
        found = normalise(reviews, FINE)
        raw, final = (np.array(list(s.values())) - quality for s in (found.raw, found.final))
        assert final.std() < most * raw.std(), spread


def test_planted_committee_is_recovered_where_they_meet() -> None:
    """Two committees read each application, with other people: only what they read in common tells them apart."""
    rng = np.random.default_rng(0)
    reviews = []
    for i, quality in enumerate(rng.integers(2000, 3000, 80)):
        for committee, lift in (("east", 300), ("west", -300)):
            for j in rng.choice(10, 2, replace=False):
                reviews.append(fine(f"a{i}", f"{committee}{j}", int(quality) + lift, committee))
    found = normalise(reviews, FINE)
    off = {r: found.reviewers[r] + found.committees[r[:4]] for r in found.reviewers}
    assert all(abs(effect - (300 if r < "west" else -300)) < 40 for r, effect in off.items())
    assert found.committees["east"] > 200
    assert found.committees["east"] == -found.committees["west"]


def test_committees_apart_are_taken_at_their_word_or_centred() -> None:
    reviews = [
        fine(f"{c}{i}", f"{c}-r{j}", 2500 + 50 * i + lift, c)
        for c, lift in (("e", 400), ("w", -400))
        for i in range(20)
        for j in range(3)
    ]
    apart = normalise(reviews, FINE)
    assert sorted(set(apart.components.values())) == [0, 1]
    assert apart.final == apart.raw
    level = normalise(reviews, FINE, "centred")
    assert abs(level.final["e7"] - level.final["w7"]) < 20
    assert apart.final["e7"] - apart.final["w7"] == 800


tables = st.dictionaries(
    st.tuples(st.sampled_from("abcde"), st.sampled_from("uvwxyz")),
    st.tuples(st.integers(1, 50), st.sampled_from(["", "p", "q"])), min_size=1, max_size=16,
)  # fmt: skip
COARSE = replace(FINE, score_step_milli=100)


def of_table(table: dict) -> list[Review]:
    return [fine(a, r, 100 * tenths, committee) for (a, r), (tenths, committee) in table.items()]


@given(tables, st.sampled_from(Method))
@settings(max_examples=100, deadline=None)
def test_everybody_can_redo_the_sum(table: dict, method: Method) -> None:
    reviews = of_table(table)
    found = normalise(reviews, COARSE, method)
    for a, final in found.final.items():
        own = [r for r in reviews if r.application == a]
        left = [r.scores["all"] - found.reviewers[r.reviewer] - found.committees.get(r.committee, 0) for r in own]
        assert final == min(max((2 * sum(left) + len(left)) // (2 * len(left)), 100), 5000)


@given(tables, st.sampled_from(Method), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_does_not_matter(table: dict, method: Method, random: object) -> None:
    reviews = of_table(table)
    found = normalise(reviews, COARSE, method)
    random.shuffle(reviews)
    assert normalise(reviews, COARSE, method) == found


@given(tables)
@settings(max_examples=60, deadline=None)
def test_where_reviewers_agree_nothing_changes(table: dict) -> None:
    agreed = {(a, r): (7 * ord(a) % 50 + 1, c) for (a, r), (_, c) in table.items()}
    found = normalise(of_table(agreed), COARSE)
    assert found.final == found.raw
    assert not any(found.reviewers.values())
    assert not any(found.committees.values())


@given(tables, st.data())
@settings(max_examples=150, deadline=None)
def test_a_better_review_never_lowers_the_score(table: dict, data: st.DataObject) -> None:
    """Up to the rounding of the effects, which may each move by half a milli-point twice."""
    key = data.draw(st.sampled_from(sorted(table)))
    better = {**table, key: (data.draw(st.integers(table[key][0], 50)), table[key][1])}
    before, after = normalise(of_table(table), COARSE), normalise(of_table(better), COARSE)
    assert after.final[key[0]] >= before.final[key[0]] - 2


@given(tables)
@settings(max_examples=60, deadline=None)
def test_effects_are_the_minimum_of_the_published_sum(table: dict) -> None:
    """A dense least squares over all unknowns at once, the ridge as further rows, gives the same effects."""
    reviews = of_table(table)
    found = normalise(reviews, COARSE)
    keys = [f"a:{a}" for a in found.final] + [f"r:{r}" for r in found.reviewers] + [f"c:{c}" for c in found.committees]
    at = {k: i for i, k in enumerate(keys)}
    rows, right = [], []
    for r in reviews:
        row = np.zeros(len(keys))
        row[[at[f"a:{r.application}"], at[f"r:{r.reviewer}"], *([at[f"c:{r.committee}"]] if r.committee else [])]] = 1
        rows.append(row)
        right.append(r.scores["all"])
    ridge = [row for k, row in zip(keys, np.eye(len(keys))) if k[0] != "a"]
    solved = np.linalg.lstsq(np.array(rows + ridge), np.array(right + [0] * len(ridge)), rcond=None)[0]
    effects = {
        **{f"r:{k}": v for k, v in found.reviewers.items()},
        **{f"c:{k}": v for k, v in found.committees.items()},
    }
    assert all(abs(solved[at[k]] - v) < 0.5 + 1e-6 for k, v in effects.items())
