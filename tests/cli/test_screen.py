"""Screening as people type it: lists in, a declaration, flags in plain words, two signatures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_programme import OPEN, Dure, dure, programme, written  # noqa: F401

ORGANISATIONS = "ror,name,also\n05a0ya142,Arms Institute,예시무기연구소\n"
AREAS = "code,name\n7,AI\n"
DECLARATION = """
headquarters_country = "KR"
end_use = "civil"
[[area]]
vocabulary = "STRA"
code = "7"
aims_to_advance = "yes"
[[person]]
user = "alpha-pi"
talent_programme = "no"
attested = 2026-01-02
attestation_version = "1"
[[person.affiliation]]
name = "Arms"
ror = "https://ror.org/05a0ya142"
"""
LATER = "2026-01-11"


@pytest.fixture
def applied(programme: Dure) -> Dure:  # noqa: F811
    """An application, and two lists."""
    assert programme("apply", written("alpha"), who="alpha-pi", at=OPEN).code == 0
    for user in ("ann", "ben"):
        assert programme("user", "grant", user, "compliance").code == 0
    for name, kind, text in (("STRA", "areas", AREAS), ("NRO", "organisations", ORGANISATIONS)):
        Path("list.csv").write_text(text, "utf-8")
        words = (
            "screen",
            "list",
            "import",
            "list.csv",
            "--list",
            name,
            "--kind",
            kind,
            "--dated",
            "2024-01-16",
            "--source",
            "s",
        )
        done = programme(*words, "--json", at=OPEN)
        assert (done.code, done.rows) == (0, []), done.err
        assert "1 entries" in done.err
    return programme


def test_from_a_list_to_two_signatures(applied: Dure) -> None:
    Path("d.toml").write_text(DECLARATION, "utf-8")
    done = applied("screen", "declare", "c1-alpha", "d.toml", who="alpha-pi", at=LATER)
    assert done.code == 0, done.err
    shown = applied("screen", "c1-alpha", "--json", who="ann", at=LATER)
    assert shown.rows == applied("screen", "show", "c1-alpha", "--json", who="ann", at=LATER).rows
    (row,) = shown.rows["screening"]
    assert (row["state"], row["sensitive_area"], row["named_organisation"], row["flags"]) == (
        "flagged",
        "yes",
        "yes",
        2,
    )
    assert [(f["flag"], f["who"], f["for"]) for f in shown.rows["flags"]] == [
        ("strac", "", "people to decide"), ("organisation", "alpha-pi", "people to decide"), ("area", "", "a note"),
    ]  # fmt: skip
    korean = applied("screen", "c1-alpha", "--language", "ko", who="ann", at=LATER)
    assert "명단에 오른 기관" in korean.out
    assert "dure screen sign c1-alpha" in korean.err
    sign = ("screen", "sign", "c1-alpha", "mitigated", "--note", "kept apart")
    assert "another person" in applied(*sign, who="ann", at=LATER).out
    assert "another person" in applied(*sign, who="ann", at=LATER).out
    assert "mitigated, until 2027-01-1" in applied(*sign, who="ben", at=LATER).out
    (all_of_them,) = applied("screen", "show", "--json", at=LATER).rows
    assert (all_of_them["state"], all_of_them["by"], all_of_them["second"]) == ("mitigated", "ann", "ben")
    assert [r["list"] for r in applied("screen", "list", "show", "--json", at=LATER).rows] == ["NRO", "STRA"]
    assert applied("screen", "again", "--json", at=LATER).rows == []
    assert "flagged" in applied("screen", "again", "c1-alpha", at=LATER).out


def test_refusals_name_what_is_wrong(applied: Dure) -> None:
    Path("d.toml").write_text(DECLARATION.replace('"yes"', '"maybe"'), "utf-8")
    done = applied("screen", "declare", "c1-alpha", "d.toml", who="alpha-pi", at=LATER)
    assert (done.code, "d.toml:7: area[1].aims_to_advance" in done.err) == (2, True)
    assert applied("screen", "c1-alpha", who="ann", at=LATER).code == 2
    for words in (("c1-alpha",), ("list", "show"), ("again",), ("sign", "c1-alpha", "clear", "--note", "n")):
        assert applied("screen", *words, who="alpha-pi", at=LATER).code == 2
    Path("list.csv").write_text("code,name\n7,\n", "utf-8")
    words = (
        "screen",
        "list",
        "import",
        "list.csv",
        "--list",
        "STRA",
        "--kind",
        "areas",
        "--dated",
        "2025-01-01",
        "--source",
        "s",
    )
    assert "list.csv:2: name" in applied(*words, at=LATER).err
