"""Lists and declarations from files: what is right means what it says, and every fault is named with its line."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputError, InputErrors
from dure.formats import watchlists
from dure.formats.declarations import read_declaration
from dure.formats.watchlists import read_watchlist
from dure.governance.screening import Affiliation, AreaClaim, Declaration, ExportLicence, Listed, Partner, Person

ORGANISATIONS = "ror,name,also\nhttps://ror.org/05a0ya142,Example Institute,예시연구소;EI\n,Nameless of No Id,\n"
AREAS = 'code,name\n2.1,"Quantum, sensing"\n7,AI\n'


def read(text: str | bytes, **more: str) -> Any:
    data = text if isinstance(text, bytes) else text.encode()
    given = {"list": "NRO", "kind": "organisations", "dated": "2024-01-16", "source": "https://example.org/nro", **more}
    return read_watchlist(io.BytesIO(data), "l.csv", **given)


def faults(text: str, **more: str) -> list[tuple[int | None, str]]:
    with pytest.raises(InputErrors) as found:
        read(text, **more)
    return [(e.line, e.field) for e in found.value.errors]


def test_a_list_says_what_it_says() -> None:
    found = read(ORGANISATIONS)
    assert found.entries == (
        Listed("05a0ya142", ("Example Institute", "예시연구소", "EI")), Listed("", ("Nameless of No Id",)),
    )  # fmt: skip
    assert found.digest == hashlib.sha256(ORGANISATIONS.encode()).hexdigest()
    assert (found.list, found.kind, found.dated) == ("NRO", "organisations", "2024-01-16")
    areas = read(AREAS, kind="areas", list="STRA")
    assert areas.entries == (Listed("2.1", ("Quantum, sensing",)), Listed("7", ("AI",)))


def test_all_faulty_rows_are_named_and_nothing_is_taken() -> None:
    text = "ror,name\n05a0ya142,A\nnot-a-ror,B\n05a0ya142,C\n,\n0abcdef45, ..\nx\n"
    assert faults(text) == [(3, "ror"), (4, "ror"), (5, "name"), (6, "name"), (7, "")]
    assert faults("code,name\n,No code\nnone,The word\n2.1,A\n2.1,B\n", kind="areas") == [
        (2, "code"), (3, "code"), (5, "code"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("", {}), ("ror,name\n", {}), ("code,name\n1,A\n", {}), (ORGANISATIONS, {"kind": "areas"}), (b"\xff\xfe", {}),
        (b"\x1f\x8b\0", {}), ('ror,name\n,"open', {}), ("ror,name,name\n,A,B\n", {}), ("ror,name,country\n,A,KR\n", {}),
        (ORGANISATIONS, {"kind": "people"}), (ORGANISATIONS, {"dated": "2024-1-16"}), (ORGANISATIONS, {"dated": "20240116"}),
        (ORGANISATIONS, {"dated": "2024-02-30"}), (ORGANISATIONS, {"source": ""}), (ORGANISATIONS, {"list": ""}),
        (ORGANISATIONS, {"list": "a\nb"}), (ORGANISATIONS, {"list": "x" * 61}),
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused(text: str | bytes, more: dict[str, str]) -> None:
    with pytest.raises(InputError):
        read(text, **more)


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchlists, "MAX_ENTRIES", 1)
    with pytest.raises(InputError, match="number of entries"):
        read(ORGANISATIONS)
    assert faults(f"ror,name,also\n,A,{'n;' * 101}\n") == [(2, "also")]
    assert faults(f"ror,name\n,{'n' * 301}\n") == [(2, "name")]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for whole in (text, f"ror,name\n{text}"):
        try:
            found = read(whole.encode("utf-8", "surrogatepass"))
        except InputError:
            continue
        assert all(e.names for e in found.entries)


WHOLE = """
headquarters_country = "KR"
parent_country = "US"
owners = ["Example Holding"]
end_use = "civil"
listed = "no"
access_countries = ["KR", "CA"]
data_classes = ["public"]
core_technology = "no"
core_approval = "none"
state_funded = "yes"
strategic_technology = "unknown"

[export_licence]
id = "EL-1"
until = 2027-01-01

[[area]]
vocabulary = "STRA"
code = "2.1"
aims_to_advance = "no"

[[person]]
user = "kim"
role = "pi"
talent_programme = "no"
attested = 2026-11-01T09:00:00+09:00
attestation_version = "2026-1"

[[person.affiliation]]
name = "Example University"
ror = "https://ror.org/05a0ya142"
country = "KR"
from = 2020-03-01
to = 2026-03-01
kind = "employed"

[[person.affiliation]]
name = "Example Fund"
kind = "funded"

[[partner]]
name = "Example Company"
country = "CA"
private = "yes"
owner_country = "CA"
"""


def declared(text: str) -> Declaration:
    return read_declaration(io.BytesIO(text.encode()), "d.toml")


def test_a_declaration_says_what_it_says() -> None:
    ties = (
        Affiliation("Example University", "https://ror.org/05a0ya142", "KR", 1583020800, 1772323200),
        Affiliation("Example Fund", kind="funded"),
    )
    assert declared(WHOLE) == Declaration(
        areas=(AreaClaim("STRA", "2.1", "no"),), persons=(Person("kim", "pi", ties, "no", 1793491200, "2026-1"),),
        partners=(Partner("Example Company", "", "CA", "yes", "CA"),), headquarters_country="KR", parent_country="US",
        owners=("Example Holding",), end_use="civil", listed="no", export_licence=ExportLicence("EL-1", 1798761600),
        access_countries=("KR", "CA"), data_classes=("public",), core_technology="no", core_approval="none",
        state_funded="yes", strategic_technology="unknown",
    )  # fmt: skip
    assert declared("") == Declaration()


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ('end_use = "civil"', 'end_use = "peace"', "end_use"),
        ('listed = "no"', "listed = false", "listed"),
        ('listed = "no"', 'nationality = "KR"', "nationality"),
        ('parent_country = "US"', 'parent_country = "USA"', "parent_country"),
        ('["KR", "CA"]', '["KR", "ca"]', "access_countries[2]"),
        ("until = 2027-01-01", 'until = "soon"', "export_licence.until"),
        ('id = "EL-1"', "", "export_licence.id"),
        ('code = "2.1"', "", "area[1].code"),
        ('aims_to_advance = "no"', 'aims_to_advance = "maybe"', "area[1].aims_to_advance"),
        ('user = "kim"', 'user = "kim"\nnationality = "KR"', "person[1].nationality"),
        ('user = "kim"', 'user = ""', "person[1].user"),
        ('kind = "funded"', 'kind = "friend"', "person[1].affiliation[2].kind"),
        ("to = 2026-03-01", "to = 2020-03-01", "person[1].affiliation[1].to"),
        ("05a0ya142", "05a0ya14", "person[1].affiliation[1].ror"),
        ('name = "Example Company"', 'name = "-"', "partner[1].name"),
        ('private = "yes"', "private = true", "partner[1].private"),
    ],
)
def test_each_fault_has_its_line(before: str, after: str, field: str) -> None:
    text = WHOLE.replace(before, after)
    assert text != WHOLE
    with pytest.raises(InputErrors) as found:
        declared(text)
    assert [e.field for e in found.value.errors] == [field]
    lines = text.split("\n")
    line = found.value.errors[0].line
    assert line is not None
    key = field.split(".")[-1].split("[")[0]
    assert key in lines[line - 1] or lines[line - 1].startswith("[")


@pytest.mark.parametrize(
    "text",
    ["area = 1", "[[person]]\naffiliation = 3\nuser = 'a'", "[[person]]\nuser='a'\naffiliation = [1]", "export_licence = 'x'",
     "owners = [1]", "[person]\nuser = 'a'"],
)  # fmt: skip
def test_tables_of_the_wrong_form(text: str) -> None:
    with pytest.raises(InputErrors):
        declared(text)
