"""Pledges as people type them: from a page to the report, two people a decision, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_programme import ROOT, Dure, dure  # noqa: F401
from tests.tracking.pledge_world import ONE

AT = "2026-07-02"


@pytest.fixture
def office(dure: Dure, tmp_path: Path) -> Dure:  # noqa: F811
    """A programme with a second person, and a page."""
    (tmp_path / "page.txt").write_text(ONE)
    fleet = ROOT / "examples/fleets/small.toml"
    start = (
        ("init", "--fleet", fleet, "--name", "Test"),
        ("user", "add", "yuna"),
        ("user", "grant", "yuna", "compliance"),
    )
    for words in start:
        done = dure(*words, at="2026-01-02")
        assert done.code == 0, done.err
    return dure


def _imported(office: Dure) -> int:
    """The number of the mention of 200 billion won."""
    done = office("pledge", "import", "page.txt", "--published", "2026-07-01", "--json", at=AT)
    assert done.code == 0, done.err
    rows = office("pledge", "review", "--json", at=AT).rows["mentions"]
    (found,) = [row["mention"] for row in rows if "200 billion won" in row["sentence"]]
    return int(found)


def test_a_page_becomes_a_pledge_by_two_people_and_a_correction(office: Dure, tmp_path: Path) -> None:
    read = office("pledge", "read", "page.txt", "--published", "2026-07-01", "--json")
    assert read.code == 0
    assert len(read.rows["mentions"]) >= 3
    mention = _imported(office)
    assert office("pledge", "accept", mention, "--set", "pledge=lab", at=AT).code == 0
    corrected = office("pledge", "correct", 1, "--set", "deadline=2027-06-30", "--note", "misread", who="yuna", at=AT)
    assert corrected.code == 0, corrected.err
    assert "confirm 2" in corrected.out
    assert office("pledge", "confirm", 1, who="yuna", at=AT).code == 2  # it was ended by the correction
    assert office("pledge", "confirm", 2, who="yuna", at=AT).code == 2  # whoever corrected is no second person
    assert office("pledge", "list", "--json", at=AT).rows["pledges"] == []
    assert office("pledge", "confirm", 2, at=AT).code == 0
    (promise,) = office("pledge", "track", "--as-of", AT, "--json", at=AT).rows["pledges"]
    assert "2027-06-30" in json.dumps(promise)
    shown = office("pledge", "show", "lab", "--json", at=AT)
    assert "200 billion won" in shown.out  # as it was read, beside what was corrected
    assert office("pledge", "report", "--out", "p.html", at=AT).code == 0
    assert "200 billion won" in (tmp_path / "p.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--note", "why"), "nothing differs"),
        (("--set", "mention=1", "--note", "why"), "not to be changed"),
        (("--set", "colour=red", "--note", "why"), "no such field"),
        (("--set", "deadline=soon", "--note", "why"), "deadline"),
        (("--set", "deadline", "--note", "why"), "FIELD=VALUE"),
        (("--set", "deadline=2027-06-30", "--note", " "), "it takes a reason"),
    ],
)
def test_a_refused_correction_leaves_the_proposal_open(office: Dure, words: tuple[str, ...], said: str) -> None:
    assert office("pledge", "accept", _imported(office), at=AT).code == 0
    done = office("pledge", "correct", 1, *words, who="yuna", at=AT)
    assert done.code == 2
    assert said in done.err
    assert [row["proposal"] for row in office("pledge", "review", "--json", at=AT).rows["proposals"]] == [1]


def test_one_person_is_not_two(office: Dure) -> None:
    office("pledge", "accept", _imported(office), at=AT)
    done = office("pledge", "confirm", 1, at=AT)
    assert done.code == 2
    assert "second person" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nothing"), "nothing"),
        (("track", "--as-of", "soon"), "a date as"),
        (("read", "page.txt", "--published", "2026-13-01"), "a date as"),
        (("correct", "7", "--set", "low=1", "--note", "x"), "7"),
        (("confirm", "7"), "7"),
    ],
)
def test_bad_input_says_what_is_wrong(office: Dure, words: tuple[str, ...], said: str) -> None:
    done = office("pledge", *words, at=AT)
    assert done.code == 2
    assert said in done.err
