"""Applications, reviews and reviewers from files: what is right survives a round trip, what is wrong is named."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputError, InputErrors
from dure.formats.applications import (
    COLUMNS,
    application_keys,
    read_application,
    read_applications,
    write_applications,
)
from dure.formats.calls import read_call
from dure.formats.reviews import REVIEW_COLUMNS, REVIEWER_COLUMNS, read_reviewers, read_reviews
from dure.programme.eligibility import Bar
from dure.programme.model import Accepted, Application, Ask, Institution, Kind, Member, Review, Sector

ROOT = Path(__file__).resolve().parents[2]
TOML = (ROOT / "examples/applications/language-models.toml").read_text("utf-8")

cell = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12)
word = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters=":;"), max_size=8)
name = word.filter(bool)
count = st.integers(0, 10**6)
places = st.builds(Institution, cell, cell, cell, cell)
member_places = st.builds(Institution, word, cell.filter(lambda t: ";" not in t), word, word)
applications = st.builds(
    Application, cell.filter(bool), cell, cell.filter(bool), cell.filter(bool), cell.filter(bool), cell.filter(bool),
    st.sampled_from(Sector), places,
    st.builds(
        Ask, cell.filter(bool), count, count, count,
        st.lists(st.builds(Accepted, name.map(str.strip).filter(bool), st.integers(1, 10**6)), max_size=3).map(tuple),
        st.integers(0, 1000), count,
    ),
    cell, cell, cell, st.booleans(),
    st.lists(st.builds(Member, name, st.sampled_from(["pi", "co-pi", "member"]), member_places), max_size=3).map(tuple),
    st.sampled_from(Kind), cell, st.booleans(),
)  # fmt: skip


def read(text: str, **options: bool) -> tuple[list[Application], list[InputError]]:
    return read_applications(io.BytesIO(text.encode()), "a.csv", **options)


@given(st.lists(applications, max_size=4, unique_by=lambda a: a.id))
def test_what_is_written_reads_back_the_same(rows: list[Application]) -> None:
    assert read(write_applications(rows)) == (rows, [])


def test_a_file_of_one_means_what_it_says() -> None:
    found = read_application(io.BytesIO(TOML.encode()), "a.toml")
    assert (found.id, found.call, found.sector, found.kind) == (
        "2026-h2-ko-reasoning",
        "2026-h2",
        Sector.ACADEMIA,
        Kind.NEW,
    )
    assert found.ask == Ask("H200", 64, 6, 2, (Accepted("B200", 750),), 500)
    assert found.members[1] == Member("lead-c", "co-pi", Institution(name="Example Institute B", country="CA"))


@pytest.mark.parametrize(
    ("was", "becomes", "field", "line"),
    [
        ('sector = "academia"', 'sector = "academy"', "sector", 8),
        ("accelerators = 64", "accelerators = 6.5", "ask.accelerators", 19),
        ("accelerators = 64", "", "ask.accelerators", 17),
        ('minimum = "50 %"', "minimum = 0.5", "ask.minimum", 22),
        ("exchange = 0.75", "exchange = 0", "ask.accepted[1].exchange", 23),
        ("exchange = 0.75", "rate = 0.75", "ask.accepted[1].rate", 23),
        ('role = "co-pi"', 'role = "boss"', "member[2].role", 31),
        ('region = "Busan"', 'city = "Busan"', "institution.city", 15),
        ('lead = "lead-b"', "lead = 3", "lead", 7),
    ],
)
def test_a_mistake_in_a_file_is_named(was: str, becomes: str, field: str, line: int) -> None:
    with pytest.raises(InputErrors) as caught:
        read_application(io.BytesIO(TOML.replace(was, becomes, 1).encode()), "a.toml")
    assert (field, line) in [(e.field, e.line) for e in caught.value.errors]


def ten_thousand() -> list[Application]:
    one = read_application(io.BytesIO(TOML.encode()), "a.toml")
    return [replace(one, id=f"a-{i}", project=f"p-{i}") for i in range(10_000)]


def test_three_bad_rows_among_ten_thousand_are_exactly_those_named() -> None:
    good = ten_thousand()
    rows = list(csv.reader(io.StringIO(write_applications(good))))
    at = {c: i for i, c in enumerate(COLUMNS)}
    rows[17][at["accelerators"]] = "eight"
    rows[5_000][at["sector"]] = "academy"
    rows[9_999][at["accepted"]] = "B200:much"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with pytest.raises(InputErrors) as caught:
        read(text.getvalue())
    told = [(e.line, e.field, e.value) for e in caught.value.errors]
    assert told == [(18, "accelerators", "eight"), (5_001, "sector", "academy"), (10_000, "accepted", "much")]
    assert all(e.accepted for e in caught.value.errors)
    kept, skipped = read(text.getvalue(), skip_bad=True)
    assert [(e.line, e.field, e.value) for e in skipped] == told
    assert kept == [a for i, a in enumerate(good, 1) if i not in (17, 5_000, 9_999)]


def test_rows_of_several_lines_are_counted_from_their_first() -> None:
    header = "track,project,title,lead,sector,model,accelerators,months\n"
    text = (
        header
        + 'a,p,"two\nlines",x,academia,H200,1,1\na,q,"two\nlines",x,academia,H200,0.5,1\na,r,t,x\na,q,t,x,public,H200,1,1\n'
    )
    with pytest.raises(InputErrors) as caught:
        read(text)
    assert [(e.line, e.field) for e in caught.value.errors] == [(4, "accelerators"), (6, ""), (7, "id")]


def test_a_wrong_header_is_told_before_any_row() -> None:
    with pytest.raises(InputErrors) as caught:
        read("track,project,titel,lead,sector,model,accelerators,months,months\n")
    assert [(e.field, e.message) for e in caught.value.errors] == [
        ("title", "missing column"), ("titel", "unknown column"), ("months", "column given twice"),
    ]  # fmt: skip


def test_a_separator_in_a_name_is_refused_rather_than_lost() -> None:
    one = replace(ten_thousand()[0], members=(Member("a:b"),))
    with pytest.raises(InputError, match="members"):
        write_applications([one])


@given(st.text(max_size=200))
def test_no_text_crashes_the_reader(text: str) -> None:
    for given_text in (text, "track,project,title,lead,sector,model,accelerators,months\n" + text):
        with suppress(InputError):  # and nothing else
            read(given_text)


# ---- reviews and reviewers ---------------------------------------------------------------------------------------------

with (ROOT / "examples/calls/demo.toml").open("rb") as _stream:
    CALL = read_call(_stream, "demo.toml")
HEADER = "application,reviewer,submitted,merit,team,comment\n"


def test_reviews_are_read_with_a_column_for_each_criterion() -> None:
    text = HEADER + "a1,kim,2026-02-10T09:00:00+09:00,4.1,3.9,Good\na1,lee,,,,\n"
    found, _ = read_reviews(io.BytesIO(text.encode()), "r.csv", CALL)
    assert found[0] == Review(
        "a1", "kim", scores={"merit": 4100, "team": 3900}, comment="Good", submitted_utc_s=1_770_681_600
    )
    assert found[1] == Review("a1", "lee")


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("a1,kim,2026-02-10T09:00:00Z,5.1,3,", "merit"),
        ("a1,kim,2026-02-10T09:00:00Z,0,3,", "merit"),
        ("a1,kim,2026-02-10T09:00:00Z,3.05,3,", "merit"),
        ("a1,kim,2026-02-10T09:00:00Z,nan,3,", "merit"),
        ("a1,kim,2026-02-10T09:00:00Z,3,,", "team"),
        ("a1,kim,2026-02-10T09:00:00,3,3,", "submitted"),
        ("a1,kim,,3,3,", "submitted"),
        (",kim,,,,", "application"),
        ("a1,kim,,,,\na1,kim,,,,", "reviewer"),
    ],
)
def test_a_wrong_review_is_named(row: str, field: str) -> None:
    with pytest.raises(InputErrors) as caught:
        read_reviews(io.BytesIO((HEADER + row + "\n").encode()), "r.csv", CALL)
    assert [e.field for e in caught.value.errors] == [field]


def test_reviewers_bring_expertise_and_conflicts() -> None:
    text = "user,institution,expertise,coauthors,load_most\nkim,U,language:expert; vision:basic,lee;park,5\nlee,,,,\n"
    found, _ = read_reviewers(io.BytesIO(text.encode()), "r.csv")
    assert found[0].expertise == {"language": 1000, "vision": 300}
    assert (found[0].coauthors, found[0].load_most, found[1].load_most) == (frozenset({"lee", "park"}), 5, 12)
    with pytest.raises(InputErrors, match="expert"):
        read_reviewers(io.BytesIO(b"user,expertise\nkim,language:guru\n"), "r.csv")


def test_every_key_column_and_bar_is_on_the_page() -> None:
    page = (ROOT / "docs/reference/applications.md").read_text("utf-8")
    names = {n for keys in application_keys().values() for n in keys} - {"institution", "ask", "member"}
    names |= {*COLUMNS, *REVIEW_COLUMNS, *REVIEWER_COLUMNS, *(b.name.lower() for b in Bar)}
    assert not [n for n in sorted(names) if f"`{n}`" not in page]
