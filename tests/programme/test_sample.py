"""A generated call is one that people could have made: it passes every check that theirs would."""

from __future__ import annotations

from pathlib import Path

import pytest

from dure.fleet import Fleet
from dure.formats.calls import read_call
from dure.formats.catalogue import load_catalogue
from dure.formats.fleets import read_fleet
from dure.programme import eligibility, scores
from dure.programme.matching import assign
from dure.programme.model import Call
from dure.programme.sample import draw_applications, draw_reviewers, draw_reviews

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    with (ROOT / "examples/fleets/korea-2026.toml").open("rb") as stream:
        return read_fleet(stream, name="korea", catalogue=load_catalogue())


@pytest.fixture(scope="module")
def call() -> Call:
    with (ROOT / "examples/calls/demo.toml").open("rb") as stream:
        return read_call(stream, "demo")


@pytest.mark.parametrize("seed", range(5))
def test_every_application_may_be_handed_in(call: Call, fleet: Fleet, seed: int) -> None:
    found = draw_applications(call, seed, 60)
    assert len({a.id for a in found}) == len({a.project for a in found}) == 60
    assert all(a.generated and a.title.startswith("Generated") for a in found)
    assert [eligibility.check(a, call, call.opens_utc_s, fleet) for a in found] == [[]] * 60


def test_the_same_seed_draws_the_same(call: Call) -> None:
    assert draw_applications(call, 3, 40) == draw_applications(call, 3, 40)
    assert draw_applications(call, 3, 40) != draw_applications(call, 4, 40)


def test_reviews_keep_to_the_sheet(call: Call) -> None:
    applications, reviewers = draw_applications(call, 1, 40), draw_reviewers(call, 1, 14)
    found = assign(applications, reviewers, call.reviews_each)
    assert not found.short
    reviews = draw_reviews(call, 1, found.pairs, 0)
    assert len(reviews) == 40 * call.reviews_each
    for review in reviews:
        scores.check(review, call)
    final = scores.normalise(reviews, call).final
    assert min(final.values()) <= call.cut_off_milli < max(final.values())
