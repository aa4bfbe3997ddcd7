"""Scenarios from TOML."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import DureError, InputError, InputErrors
from dure.fleet import Fleet
from dure.formats.fleets import open_fleet
from dure.formats.scenarios import open_scenario, read_scenario
from dure.scheduler.terms import ProjectTerms
from dure.simulator.scenario import FaultModel, NodeFailure, Scenario

ROOT = Path(__file__).resolve().parents[2]
SMALL = open_fleet(ROOT / "examples/fleets/small.toml")
GOOD = """
name = "All at once"
demand = 1.5
horizon = "20d"
removed_pools = ["rngd"]
failures = [
    { node = "h200/1", from = "2d", to = "3d" },
    { node = 1, from = 2026-03-05, to = "5d" },
]

[faults]
mean_days_between = 30

[power_caps]
seoul = "12 kW"

[delays]
h200 = "36h"

[projects.academia]
shares = 3

[projects.academia.physics]
limit = 16

[projects.academia.biology]
budget = 1_000.5

[projects.industry]
"""


def read(text: str, fleet: Fleet | None = SMALL, folder: Path | None = None) -> Scenario:
    return read_scenario(io.BytesIO(text.encode()), "s.toml", fleet=fleet, folder=folder)


def test_everything_a_scenario_can_say() -> None:
    day = 86_400
    assert read(GOOD) == Scenario(
        name="All at once",
        faults=FaultModel(30.0),
        failures=(NodeFailure(1, 2 * day, 3 * day), NodeFailure(1, 4 * day, 5 * day)),
        projects=(
            ProjectTerms("academia", shares=3),
            ProjectTerms("physics", "academia", limit_accelerators=16),
            ProjectTerms("biology", "academia", budget_milli_units=1_000_500),
            ProjectTerms("industry"),
        ),
        power_caps_w={"seoul": 12_000},
        removed_pools=("rngd",),
        delays_s={"h200": 36 * 3600},
        demand=1.5,
        horizon_s=20 * day,
    )


def test_an_empty_file_changes_nothing_and_is_named_after_itself() -> None:
    assert read("") == Scenario(name="s")


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("demand = 1.5", "demand = 0", 3, "demand"),
        ("demand = 1.5", "demant = 2", 3, "demant"),
        ('"20d"', '"0d"', 4, "horizon"),
        ('"20d"', '"-1d"', 4, "horizon"),
        ('["rngd"]', '["rgnd"]', 5, "removed_pools[1]"),
        ('["rngd"]', '["rngd", "h200"]', 5, "removed_pools"),
        ("h200/1", "h200/2", 6, "failures[1].node"),
        ("node = 1,", "node = 4,", 6, "failures[2].node"),
        ('to = "5d"', 'to = "4d"', 6, "failures[2]"),
        ("from = 2026-03-05", 'from = "60h"', 6, "failures[2]"),
        ("mean_days_between = 30", "", 11, "faults.mean_days_between"),
        ("mean_days_between = 30", "mean_days_between = inf", 12, "faults.mean_days_between"),
        ("seoul = ", "soul = ", 15, "power_caps.soul"),
        ('"12 kW"', '"6 kW"', 15, "power_caps.seoul"),
        ("h200 = ", "h20 = ", 18, "delays.h20"),
        ('"36h"', '"-36h"', 18, "delays.h200"),
        ("shares = 3", "share = 3", 21, "projects.academia.share"),
        ("shares = 3", "limit = 3", 20, "projects.academia"),
        ("limit = 16", "limit = -1", 24, "projects.academia.physics.limit"),
        ("projects.industry", "projects.physics", 29, "projects.physics"),
    ],
)
def test_a_fault_names_its_line_and_key(old: str, new: str, line: int, field: str) -> None:
    assert old in GOOD
    with pytest.raises(InputErrors) as caught:
        read(GOOD.replace(old, new, 1))
    assert [(e.line, e.field) for e in caught.value.errors] == [(line, field)]


def test_without_a_fleet_names_and_dates_are_refused() -> None:
    with pytest.raises(InputErrors) as caught:
        read(GOOD, fleet=None)
    assert {e.field for e in caught.value.errors} == {"failures[1].node", "failures[2].from"}


def test_failures_come_from_a_file_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("node,from,to\nrngd/0,1d,2d\n3,60,120\n")
    (tmp_path / "s.toml").write_text('failures = "f.csv"\n')
    assert open_scenario(tmp_path / "s.toml", SMALL).failures == (
        NodeFailure(2, 86_400, 172_800),
        NodeFailure(3, 60, 120),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("node,from\n", r"f\.csv:1"),
        ("node,from,to\n1,2\n", r"f\.csv:2"),
        ('node,from,to\n"1', r"f\.csv"),
        ("node,from,to\n9,1d,2d\n", r"failures\[1\]\.node"),
        ("node,from,to\n1,2d,x\n", r"failures\[1\]\.to"),
    ],
)
def test_a_wrong_file_of_failures_is_named(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read('failures = "f.csv"', folder=tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read('failures = "g.csv"', folder=tmp_path)
    with pytest.raises(InputErrors, match="beside the scenario"):
        read('failures = "f.csv"')


def test_a_tree_too_deep_is_refused() -> None:
    with pytest.raises(InputErrors, match="16 deep"):
        read("[projects." + ".".join("abcdefghijklmnopqrst") + "]")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_mutation_raises_anything_but_a_dure_error(data: st.DataObject) -> None:
    text = GOOD
    pieces = st.one_of(
        st.sampled_from(["-1", '"x"', "[projects]", "{", "nan", "[]", "failures = 3", "\n"]), st.text(max_size=6)
    )
    for _ in range(data.draw(st.integers(1, 3))):
        place, cut = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 25))
        text = text[:place] + data.draw(pieces) + text[place + cut :]
    with suppress(DureError):  # what is asserted is that nothing else is raised
        read_scenario(io.BytesIO(text.encode("utf-8", "surrogatepass")), "s.toml", fleet=SMALL)


@pytest.mark.parametrize("name", ["outage", "faults", "late-delivery", "projects"])
def test_the_shipped_scenarios_fit_the_korean_fleet(name: str) -> None:
    fleet = open_fleet(ROOT / "examples/fleets/korea-2026.toml")
    scenario = open_scenario(ROOT / f"examples/scenarios/{name}.toml", fleet)
    assert scenario != Scenario(name=scenario.name)


def test_the_outage_takes_half_of_the_largest_cluster() -> None:
    fleet = open_fleet(ROOT / "examples/fleets/korea-2026.toml")
    failures = open_scenario(ROOT / "examples/scenarios/outage.toml", fleet).failures
    largest = max(fleet.pools, key=lambda p: p.nodes)
    assert {fleet.pools[fleet.node_pool()[f.node]].id for f in failures} == {largest.id}
    assert len(failures) * 2 == largest.nodes
