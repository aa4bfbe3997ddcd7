"""A ColdFront dump becomes projects: by numbers or by natural keys, each bad project named with its line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputError, InputErrors
from dure.formats.coldfront import read_coldfront, short_name
from dure.programme.model import Member

RATES = {"GPU Hours": 12_200, "Core Usage (Hours)": 100}


def row(model: str, key: int, **fields: Any) -> dict[str, Any]:
    return {"model": model, "pk": key, "fields": fields}


CHOICES = [
    row("project.projectstatuschoice", 1, name="New"), row("project.projectstatuschoice", 2, name="Active"),
    row("project.projectuserrolechoice", 1, name="User"), row("project.projectuserrolechoice", 2, name="Manager"),
    row("project.projectuserstatuschoice", 1, name="Active"), row("project.projectuserstatuschoice", 2, name="Removed"),
    row("allocation.allocationstatuschoice", 1, name="Active"), row("allocation.allocationstatuschoice", 2, name="Expired"),
    row("allocation.allocationattributetype", 1, name="GPU Hours"),
    row("allocation.allocationattributetype", 2, name="slurm_account_name"),
    row("allocation.allocationattributetype", 3, name="Core Usage (Hours)"),
]  # fmt: skip
USERS = [row("auth.user", i, username=u) for i, u in ((1, "kim"), (2, "lee"), (3, "park"))]
ATTRIBUTES = [
    row("allocation.allocationattribute", 31, allocation=21, allocation_attribute_type=1, value="1000.5"),
    row("allocation.allocationattribute", 32, allocation=21, allocation_attribute_type=2, value="weather"),
    row("allocation.allocationattribute", 33, allocation=22, allocation_attribute_type=1, value="77"),
    row("allocation.allocationattribute", 34, allocation=21, allocation_attribute_type=3, value="10"),
    row("allocation.allocationattributeusage", 31, value=0.0001),
]  # fmt: skip
BY_NUMBER = [
    *CHOICES, *USERS,
    row("project.project", 11, title="Weather AI", pi=1, status=2), row("project.project", 12, title="Old", pi=1, status=1),
    row("project.projectuser", 1, user=1, project=11, role=2, status=1),
    row("project.projectuser", 2, user=2, project=11, role=2, status=1),
    row("project.projectuser", 3, user=3, project=11, role=1, status=2),
    row("allocation.allocation", 21, project=11, status=1), row("allocation.allocation", 22, project=11, status=2),
    *ATTRIBUTES,
]  # fmt: skip
WEATHER = ["Weather AI", "kim"]
BY_NAME = [
    *CHOICES, *USERS,
    row("project.project", 11, title="Weather AI", pi=["kim"], status=["Active"]),
    row("project.project", 12, title="Old", pi=["kim"], status=["New"]),
    row("project.projectuser", 2, user=["lee"], project=WEATHER, role=["Manager"], status=["Active"]),
    row("project.projectuser", 3, user=["park"], project=WEATHER, role=["User"], status=["Removed"]),
    row("allocation.allocation", 21, project=WEATHER, status=["Active"]),
    row("allocation.allocation", 22, project=WEATHER, status=["Expired"]),
    *ATTRIBUTES,
]  # fmt: skip


def text_of(rows: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n"


def read(rows: list[dict[str, Any]], **options: bool) -> Any:
    return read_coldfront(io.BytesIO(text_of(rows).encode()), "cf.json", RATES, **options)


@pytest.mark.parametrize("rows", [BY_NUMBER, BY_NAME], ids=["by number", "by name"])
def test_an_active_project_comes_with_people_and_balance(rows: list[dict[str, Any]]) -> None:
    (project,), faults = read(rows)
    assert not faults
    assert (project.project, project.title) == ("weather", "Weather AI")
    assert project.members == (Member("kim", "pi"), Member("lee", "co-pi"))
    assert project.granted_milli == 12_206_100 + 1000  # the expired allocation counts no more
    assert project.spent_milli == 1  # 0.0001 x 12,200 = 1.22
    assert project.line == 16


@pytest.mark.parametrize(
    ("change", "field", "line"),
    [
        (
            row("allocation.allocationattribute", 35, allocation=21, allocation_attribute_type=1, value="many"),
            "value",
            28,
        ),
        (
            row("allocation.allocationattribute", 35, allocation=21, allocation_attribute_type=1, value="-1"),
            "value",
            28,
        ),
        (
            row("allocation.allocationattribute", 35, allocation=21, allocation_attribute_type=1, value="NaN"),
            "value",
            28,
        ),
        (row("project.project", 13, title="Lost", pi=9, status=2), "pi", 28),
        (row("project.project", 13, title="기상", pi=1, status=2), "title", 28),
        (row("project.project", 13, title="Weather", pi=1, status=2), "title", 28),
        (row("project.projectuser", 9, user=9, project=11, role=1, status=1), "user", 28),
    ],
)
def test_a_bad_record_is_named_with_its_line(change: dict[str, Any], field: str, line: int) -> None:
    rows = [*BY_NUMBER, change]
    with pytest.raises(InputErrors) as caught:
        read(rows)
    assert [(e.field, e.line, e.source) for e in caught.value.errors] == [(field, line, "cf.json")]
    kept, skipped = read(rows, skip_bad=True)
    assert [(e.field, e.line) for e in skipped] == [(field, line)]
    assert len(kept) == (change["model"] == "project.project")


@pytest.mark.parametrize(
    "text", ["", "{}", "[", "[{}]", "[1]", '[{"model": "a.b", "fields": {}}]', text_of(BY_NUMBER)[:900], "[{]"]
)
def test_what_is_no_dump_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"cf\.json"):
        read_coldfront(io.BytesIO(text.encode()), "cf.json", {})


def test_an_attribute_that_no_allocation_has_is_told() -> None:
    with pytest.raises(InputError, match="GPU Hours"):
        read_coldfront(io.BytesIO(text_of(BY_NUMBER).encode()), "cf.json", {"GPU hours": 1})


@given(st.text(max_size=60))
def test_short_names_are_project_names_or_nothing(text: str) -> None:
    made = short_name(text)
    assert made == "" or (2 <= len(made) <= 40 and set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"))
    assert short_name(made) == made
