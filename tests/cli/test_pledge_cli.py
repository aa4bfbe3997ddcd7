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


def test_a_sum_in_two_currencies_and_what_is_odd_are_told_once(dure: Dure, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "page.txt").write_text(
        "Canada will spend 94.6 billion won ($68.2 million) on chips. It will train 4,000 people for this work.\n"
    )
    read = dure("pledge", "read", "page.txt", "--country", "CA")
    assert read.code == 0
    assert "KRW 94.6 billion (CAD" in " ".join(read.out.split())
    assert read.err.count("says no date") == 1
    assert "(2 times)" in read.err
    wrong = dure("pledge", "read", "page.txt", "--country", "Canada")
    assert (wrong.code, "ISO 3166" in wrong.err) == (2, True)


def test_one_bad_file_stops_no_folder(dure: Dure, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "good.txt").write_text(
        "The ministry will buy 500 GPUs for its laboratories by 2028, the minister said.\n"
    )
    (tmp_path / "pages" / "bad.pdf").write_bytes(b"%PDF-1.7 and no more")
    (tmp_path / "pages" / "empty.txt").write_bytes(b"")
    read = dure("pledge", "read", "pages", "--json")
    assert read.code == 0
    assert sorted(d["status"] for d in read.rows["documents"]) == ["empty", "ok", "unreadable"]
    assert [m["amount"]["low"] for m in read.rows["mentions"]] == [500]
    assert all(d["why"] for d in read.rows["documents"] if d["status"] != "ok")


def test_a_page_that_is_not_there(dure: Dure) -> None:  # noqa: F811
    read = dure("pledge", "read", "nowhere.txt")
    assert "nowhere.txt" in read.err


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("dismiss", "{mention}", "--note", "an advertisement"), "dismiss"),
        (("link", "{mention}", "lab"), "link"),
        (("dispute", "lab", "--note", "another ministry says half"), "dispute"),
        (("propose", "firm", "lab", "--set", "firmness=budgeted"), "firm"),
    ],
)
def test_each_verb_proposes_and_a_refusal_ends_it(office: Dure, words: tuple[str, ...], kind: str) -> None:
    mention = _imported(office)
    made = office("pledge", "accept", str(mention), "--set", "pledge=lab", "--set", "title=The laboratory", at=AT)
    assert made.code == 0, made.err
    assert office("pledge", "confirm", "1", who="yuna", at=AT).code == 0
    rows = office("pledge", "review", "--json", at=AT).rows["mentions"]
    other = next(row["mention"] for row in rows if row["mention"] != mention)
    proposed = office("pledge", *(word.format(mention=other) for word in words), at=AT)
    assert proposed.code == 0, proposed.err
    (waits,) = office("pledge", "review", "--json", at=AT).rows["proposals"]
    assert waits["kind"] == kind
    refused = office("pledge", "refuse", "2", "--note", "not so", who="yuna", at=AT)
    assert refused.code == 0, refused.err
    assert office("pledge", "review", "--json", at=AT).rows["proposals"] == []
