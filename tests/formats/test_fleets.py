"""Fleets and scenarios from files: what is right is read, what is wrong is named with its line."""

from __future__ import annotations

import io
import re
import tomllib
from contextlib import suppress
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import DureError, InputError, InputErrors
from dure.fleet import Accelerator, Delivery, Fleet, Outage, Pool, Rate, Site, rate_milli
from dure.fleet.checks import full_power_w
from dure.formats.catalogue import load_catalogue, read_catalogue
from dure.formats.fleets import open_fleet, read_fleet, read_openb_nodes
from dure.formats.scenarios import read_scenario
from dure.formats.toml import AnyParser, keys_of

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = load_catalogue()
GOOD = """
name = "Two"
start = 2026-03-01

[[site]]
id = "a"
name = "A"
country = "KR"
power_cap = "4.2 MW"

[[pool]]
id = "p"
site = "a"
model = "H200"
nodes = 6
accelerators_per_node = 8
cores = 111.5
memory = "2 TiB"
deliveries = [{ nodes = 2, at = "30d" }, { nodes = 1, at = 2026-05-01 }]

[[outage]]
pool = "p"
from = 2026-03-02T09:00:00+09:00
to = "2026-03-03"

[rates]
H200 = 13
"""


def read(text: str | bytes) -> Fleet:
    data = text.encode() if isinstance(text, str) else text
    return read_fleet(io.BytesIO(data), name="f.toml", catalogue=CATALOGUE)


def faults(text: str | bytes) -> list[InputError]:
    with pytest.raises(InputErrors) as caught:
        read(text)
    return caught.value.errors


def test_readable_units_become_the_models_own() -> None:
    fleet = read(GOOD)
    (site,), (pool,) = fleet.sites, fleet.pools
    assert (fleet.name, fleet.start_utc_s, site.power_cap_w) == ("Two", 1_772_323_200, 4_200_000)
    assert (pool.cores_milli, pool.memory_mib, pool.engine) == (111_500, 2**21, "local")
    assert pool.deliveries == (Delivery(2, 30 * 86_400), Delivery(1, 61 * 86_400))
    assert fleet.outages == (Outage("p", 86_400, 2 * 86_400),)
    assert rate_milli(fleet, "H200") == Rate("H200", 13_000, "table")
    assert list(fleet.models) == ["H200"]


def test_memory_is_a_number_of_gib_or_has_its_unit() -> None:
    for written, mib in (("512", 524_288), ('"512 GiB"', 524_288), ('"0.5TiB"', 524_288), ('"500 GB"', 476_837)):
        assert read(GOOD.replace('"2 TiB"', written)).pools[0].memory_mib == mib


def test_a_file_may_bring_its_own_models() -> None:
    own = (
        '[[model]]\nid = "N1"\nname = "N1"\nvendor = "V"\ncountry = "KR"\ntdp = "90 W"\nslices = [["half", 500, 500]]\n'
    )
    fleet = read(GOOD.replace('"H200"', '"N1"').replace("H200 =", "N1 =") + own)
    assert (fleet.models["N1"].tdp_w, fleet.models["N1"].slices) == (90, (("half", 500, 500),))


def test_own_models_are_checked_too() -> None:
    own = '[[model]]\nid = "N1"\nname = "N1"\nvendor = "V"\ncountry = "KR"\nmemory_gib = -4\n'
    found = faults(GOOD.replace('"H200"', '"N1"').replace("H200 =", "N1 =") + own + own)
    assert [e.field for e in found] == ["model[1].memory_gib", "model[2].id"]
    assert [e.line for e in found] == [33, 35]


def test_subtables_and_line_ends_of_any_kind_keep_their_lines() -> None:
    parted = GOOD.replace('deliveries = [{ nodes = 2, at = "30d" }, { nodes = 1, at = 2026-05-01 }]\n', "")
    parted = parted.replace(
        "[[outage]]", '[[pool.deliveries]]\nnodes = 2\nat = "30d"\n\n[[pool.deliveries]]\nnodes = 1\nat = 7.5\n'
    )
    (fault,) = faults(parted[: parted.index("pool =")].replace("\n", "\r\n"))
    assert (fault.line, fault.field) == (26, "pool[1].deliveries[2].at")


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "accepted"),
    [
        ("nodes = 6", "nodse = 6", 15, "pool[1].nodse", "did you mean nodes?"),
        ("nodes = 6\n", "", 11, "pool[1].nodes", ""),
        ("nodes = 6", "nodes = 6.5", 15, "pool[1].nodes", "a whole number"),
        ("nodes = 6", "nodes = -6", 15, "pool[1].nodes", "0 to"),
        ("nodes = 6", "nodes = true", 15, "pool[1].nodes", "a whole number"),
        ("nodes = 6", f"nodes = {10**40}", 15, "pool[1].nodes", "a whole number"),
        ("cores = 111.5", "cores = nan", 17, "pool[1].cores", "a finite number"),
        ('"4.2 MW"', "4200000", 9, "site[1].power_cap", "4.2 MW"),
        ('"4.2 MW"', '"4.2 MB"', 9, "site[1].power_cap", "4.2 MW"),
        ('"2 TiB"', '"2 TB/s"', 18, "pool[1].memory", "2 TiB"),
        ('"H200"', '"H20O"', 14, "pool[1].model", "H200?"),
        ('site = "a"', 'site = "b"', 13, "pool[1].site", "one of a"),
        ('at = "30d"', 'at = "soon"', 19, "pool[1].deliveries[1].at", "30d"),
        ('at = "30d"', "at = 2026-02-01", 19, "pool[1].deliveries", "ascending"),
        ('at = "30d"', 'at = "30d", on = 1', 19, "pool[1].deliveries[1].on", "one of at, nodes"),
        ('to = "2026-03-03"', 'to = "1d"', 24, "outage[1].to", "from < to"),
        ("H200 = 13", "H200 = -1", 27, "rates.H200", "0 to"),
        ("H200 = 13", 'H200 = { unit = 3 }', 27, "rates.H200.unit", "did you mean units?"),
        ("[rates]", "[rate]", 26, "rate", "did you mean rates?"),
        ("start = 2026-03-01", 'start = "spring"', 3, "start", "2026-03-01"),
        ("[[site]]", "[site]", 5, "site", "[[site]]"),
    ],
)  # fmt: skip
def test_a_fault_names_line_key_and_what_is_accepted(old: str, new: str, line: int, field: str, accepted: str) -> None:
    assert old in GOOD
    found = {e.field: e for e in faults(GOOD.replace(old, new, 1))}
    assert field in found
    assert found[field].line == line
    assert accepted in found[field].accepted


def test_all_faults_of_form_and_sense_come_together() -> None:
    wrong = GOOD.replace("nodes = 6", "nodes = 6.5").replace('"H200"', '"H20O"').replace('"4.2 MW"', '"x"')
    assert [(e.line, e.field) for e in faults(wrong)] == [
        (9, "site[1].power_cap"),
        (14, "pool[1].model"),
        (15, "pool[1].nodes"),
        (19, "pool[1].deliveries"),
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no nodes"),
        (b"a = [1,\n\n", ":3: not TOML"),
        (b"a = 1\nb = \xff", "encoding"),
        (b"a = 1979-13-45", "not TOML"),
        (b"a = " + b"[" * 5000, "not TOML"),
        (b"a = " + b"9" * 5000, "not TOML"),
        (b"\x1f\x8b\x08\x00cut", "gzip"),
        (b"#" * (33 * 2**20), "too large"),
        ("[[model]]\nslices=[[1]]\n".encode("utf-16"), "encoding"),
    ],
)
def test_what_is_no_fleet_at_all_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(data)


def test_a_syntax_error_names_its_line() -> None:
    with pytest.raises(InputError) as caught:
        read("a = 1\nb = = 2\n")
    assert caught.value.line == 2


PIECES = st.sampled_from(
    ["nodes", '"', "[[pool]]", "[site]", "-1", "1e400", "nan", "{", "]", "2026-99-99", "\n", "\x00", "é", "=", "id = 3"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_mutation_raises_anything_but_a_dure_error(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([GOOD, (ROOT / "examples/fleets/small.toml").read_text()]))
    for _ in range(data.draw(st.integers(1, 4))):
        place, cut = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 30))
        text = text[:place] + data.draw(st.one_of(PIECES, st.text(max_size=8))) + text[place + cut :]
    with suppress(DureError):  # what is asserted is that nothing else is raised
        assert len(read(text.encode("utf-8", "surrogatepass")).node_pool()) > 0


TOML_VALUES = st.recursive(
    st.sampled_from(
        ["1", "-1", "0.5", '"x"', '""', '"2 MW"', '"30d"', "true", "2026-03-01", "inf", "9007199254740993"]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
        inner.map(lambda value: f"{{ nodes = {value}, at = {value} }}"),
    ),
    max_leaves=3,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    lines = GOOD.splitlines()
    assignments = [i for i, line in enumerate(lines) if "=" in line]
    for i in data.draw(st.lists(st.sampled_from(assignments), min_size=1, max_size=3)):
        lines[i] = lines[i].split("=")[0] + "= " + data.draw(TOML_VALUES)
    text = "\n".join(lines)
    tomllib.loads(text)
    with suppress(InputErrors):
        assert read(text).accelerators > 0


# ---- shipped fleets --------------------------------------------------------------------------------------------------


def accelerators(fleet: Fleet, model: str, site: str = "") -> int:
    return sum(p.nodes * p.accelerators_per_node for p in fleet.pools_of(model) if not site or p.site == site)


def test_korea_has_the_purchase_of_2025() -> None:
    fleet = open_fleet(ROOT / "examples/fleets/korea-2026.toml")
    assert (accelerators(fleet, "B200"), accelerators(fleet, "H200")) == (10_080, 3_056)
    shares = {site: sum(accelerators(fleet, m, site) for m in ("B200", "H200")) for site in ("naver", "nhn", "kakao")}
    assert shares == {"naver": 3_056, "nhn": 7_656, "kakao": 2_424}
    government = [p for p in fleet.pools if p.model in ("B200", "H200") and not p.id.endswith("-operator")]
    assert sum(p.nodes * p.accelerators_per_node for p in government) == 10_456
    assert {fleet.models[m].country for m in fleet.models} == {"US", "KR"}
    assert {s.country for s in fleet.sites} == {"KR", "CA"}
    assert all(s.power_cap_w is None or s.power_cap_w > full_power_w(fleet, s) for s in fleet.sites)


def test_every_figure_of_korea_has_a_source_or_is_called_an_assumption() -> None:
    lines = (ROOT / "examples/fleets/korea-2026.toml").read_text().splitlines()
    values = [(line, line.split("#")[0].partition("=")[2]) for line in lines]
    figures = [line for line, value in values if any(c.isdigit() for c in value)]
    counted = [line for line in figures if not line.startswith(("name ", "id ", "model ", "slices ", "    {", "pool "))]
    assert [line for line in counted if "#" not in line and line != "accelerators_per_node = 8"] == []


@pytest.mark.parametrize(("name", "count", "nodes"), [("small", 24, 4), ("philly", 640, 80)])
def test_the_other_fleets_are_sound(name: str, count: int, nodes: int) -> None:
    fleet = open_fleet(ROOT / f"examples/fleets/{name}.toml")
    assert (fleet.accelerators, len(fleet.node_pool())) == (count, nodes)


def test_open_fleet_says_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "no.toml", "no such file"), (tmp_path / "f.json", ".toml"), (tmp_path, ".toml")):
        with pytest.raises(InputError, match=words):
            open_fleet(path)


# ---- openb node lists ------------------------------------------------------------------------------------------------

OPENB = "sn,cpu_milli,memory_mib,gpu,model\nn2,8000,1024,2,T4\nn1,8000,1024,1,G2\nn3,8000,1024,2,T4\nn4,4000,512,0,\n"


def openb(text: str) -> Fleet:
    return read_openb_nodes(io.BytesIO(text.encode()), "nodes.csv")


def test_openb_nodes_of_the_trace(data: Path) -> None:
    fleet = open_fleet(data / "scheduling/openb/openb_node_list_gpu_node.csv")
    assert (len(fleet.node_names), fleet.accelerators, len(fleet.pools)) == (1213, 6212, 15)
    assert sum(p.nodes * p.cores_milli for p in fleet.pools) == 107_018_000
    assert list(fleet.node_names) == sorted(fleet.node_names)
    rows = [line.split(",") for line in (data / "scheduling/openb/openb_node_list_gpu_node.csv").read_text().split()]
    pools = fleet.node_pool()
    for node, row in enumerate(rows[1:]):
        pool = fleet.pools[pools[node]]
        figures = (pool.cores_milli, pool.memory_mib, pool.accelerators_per_node)
        assert row == [fleet.node_name(node), *map(str, figures), pool.model]


def test_openb_nodes_are_numbered_by_name_and_pooled_by_kind() -> None:
    fleet = openb(OPENB)
    assert fleet.node_names == ("n1", "n2", "n3", "n4")
    assert [fleet.pools[i].model for i in fleet.node_pool()] == ["G2", "T4", "T4", ""]
    assert [p.nodes for p in fleet.pools] == [1, 2, 1]


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("n3,", "n2,", 4, "sn"),
        ("n3,8000", "n3,-8000", 4, "cpu_milli"),
        ("n3,8000", "n3,8e3", 4, "cpu_milli"),
        ("n2,8000,1024,2", "n2,8000,1024,63", 2, "gpu"),
        ("1,G2", "1,G9", 3, "model"),
        ("1,G2", "1,", 3, "model"),
        ("1,G2", "1,G2,7", 3, ""),
    ],
)
def test_a_wrong_openb_row_is_named(old: str, new: str, line: int, field: str) -> None:
    with pytest.raises(InputErrors) as caught:
        openb(OPENB.replace(old, new, 1))
    assert [(e.line, e.field) for e in caught.value.errors] == [(line, field)]


@pytest.mark.parametrize("text", ["", "a,b\n", OPENB.split("\n")[0] + "\n", OPENB + '"n9'])
def test_an_empty_or_foreign_node_list_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        openb(text)


# ---- catalogue -------------------------------------------------------------------------------------------------------


def test_the_catalogue_names_what_the_traces_and_the_programme_need() -> None:
    needed = "K80 P100 V100 V100M16 V100M32 T4 A10 A30 L4 L40S G2 G3 A100-40 A100-80 H100 H200 B200 GB200 MI300X"
    assert set(needed.split()) | {"RNGD", "ATOM-MAX", "REBEL100"} <= CATALOGUE.keys()
    assert {CATALOGUE[m].country for m in ("RNGD", "ATOM-MAX", "REBEL100", "X330")} == {"KR"}


def test_every_figure_of_the_catalogue_has_a_source() -> None:
    for model in CATALOGUE.values():
        assert model.source
        known = [v for f in ("memory_gib", "fp16_tflops", "tdp_w") if (v := getattr(model, f)) is not None]
        assert bool(known) == (model.confidence not in ("none",) and model.id != "ATOM-MAX")
        assert all(0 < v <= 1000 for _, *shares in model.slices for v in shares)


@pytest.mark.parametrize(
    ("old", "new"),
    [(",80,", ",-80,"), (",80,", ",x,"), ("true", "yes"), ("H100", ""), (":143:", ":1430:"), ("high", "sure")],
)
def test_a_wrong_catalogue_row_is_named(old: str, new: str) -> None:
    path = ROOT / "src/dure/fleet/accelerators.csv"
    header, row = (
        path.read_text().splitlines()[0],
        next(r for r in path.read_text().splitlines() if r.startswith("H100,")),
    )
    with pytest.raises(InputErrors, match=r"c\.csv:2: "):
        read_catalogue(io.BytesIO(f"{header}\n{row.replace(old, new, 1)}\n".encode()), name="c.csv")


# ---- documents -------------------------------------------------------------------------------------------------------


def rows_of(entity: type) -> list[str]:
    """The rows of an entity's table in the reference, from its declaration."""
    written = {"W": '`"4.2 MW"`', "MiB": '`"2 TiB"` or GiB', "s": '`"30d"` or a date', "milli-cores": "number"}
    kinds = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    rows = []
    for key, described in keys_of(entity, AnyParser()).items():
        f = next(f for f in fields(entity) if f.name == described.field)
        unit, kind = f.metadata["unit"], str(f.type).removesuffix(" | None")
        default = "required" if f.default is MISSING else "" if f.default in (None, "", ()) else f"{f.default}"
        how = written.get(unit) or kinds.get(kind, "list") + (f", {unit}" if unit not in ("", "count", "ratio") else "")
        rows.append(f"| `{key}` | {how} | {default} | {f.metadata['meaning']} |")
    return rows


@pytest.mark.parametrize("entity", [Site, Pool, Delivery, Outage, Accelerator])
def test_the_reference_has_every_key_as_it_is_declared(entity: type) -> None:
    text = (ROOT / "docs/reference/fleet.md").read_text()
    assert [row for row in rows_of(entity) if row not in text] == []


@pytest.mark.parametrize("page", ["docs/reference/fleet.md", "docs/guides/describe-your-fleet.md"])
def test_the_examples_of_the_documents_are_read(page: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text(), re.S)
    assert blocks
    small = open_fleet(ROOT / "examples/fleets/small.toml")
    for block in blocks:
        if "[[pool]]" in block:
            assert read(block).accelerators > 0
        else:
            read_scenario(io.BytesIO(block.encode()), "s.toml", fleet=small)


def test_the_guides_error_message_is_the_real_one() -> None:
    text = (ROOT / "docs/guides/describe-your-fleet.md").read_text()
    wrong = (
        re.findall(r"```toml\n(.*?)```", text, re.S)[0].replace("nodes = 2", "nodse = 2").replace('"H200"', '"H20O"')
    )
    with pytest.raises(InputErrors) as caught:
        read_fleet(io.BytesIO(wrong.encode()), name="my-fleet.toml", catalogue=CATALOGUE)
    assert f"```text\n{caught.value}\n```" in text
