"""Export classes: the published table, every bound from both sides, and what is not known stays unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dure.cli.chip import app
from dure.errors import InputError, UnknownName
from dure.formats.catalogue import load_catalogue
from dure.formats.governance import datasheet_of, load_chip_classes, load_chip_overrides
from dure.governance.chips import (
    STATED,
    Classification,
    Datasheet,
    classify,
    performance_density,
    total_processing_performance,
)

ROWS, OVERRIDES, CATALOGUE = load_chip_classes(), load_chip_overrides(), load_catalogue()


def day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


NOW = day("2026-11-22")


def of(model: str, as_of: int = NOW) -> Classification:
    return classify(datasheet_of(CATALOGUE[model]), ROWS, OVERRIDES, as_of)


def stated(milli_tpp: int, die_mm2: float | None = None, *, planar: bool | None = False) -> Classification:
    sheet = Datasheet("x", ((STATED, 1, milli_tpp / 1000),), die_mm2, planar)
    assert total_processing_performance(sheet) == (milli_tpp, STATED)
    return classify(sheet, ROWS, OVERRIDES, NOW)


def with_density(milli_tpp: int, milli_density: int) -> Classification:
    """A chip of this TPP whose density is cut off to exactly this."""
    die = round(milli_tpp / milli_density, 9)
    die = die if Fraction(str(die)) <= Fraction(milli_tpp, milli_density) else round(die - 1e-9, 9)
    found = stated(milli_tpp, die)
    assert found.milli_density == milli_density
    return found


# The reference table: TPP to the nearest whole one, density to two places, class, and how sure that is.
TABLE = [
    ("H100", 15831, 19.45, "3A090.a", "medium"), ("H200", 15831, 19.45, "3A090.a", "medium"),
    ("A100-40", 4992, 6.04, "3A090.a", "medium"), ("A100-80", 4992, 6.04, "3A090.a", "medium"),
    ("L40S", 5864, 9.63, "3A090.a", "medium"), ("L4", 1940, 6.60, "3A090.a", "low"),
    ("H20", 2368, 2.91, "below", "low"), ("V100", 2000, 2.45, "below", "low"),
    ("MI300X", 20919, None, "3A090.a", "medium"), ("B200", 36000, None, "3A090.a", "medium"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "tpp", "density", "by_formula", "confidence"), TABLE)
def test_the_reference_table(model: str, tpp: int, density: float | None, by_formula: str, confidence: str) -> None:
    found = of(model)
    assert found.by_formula == by_formula
    assert found.milli_tpp is not None
    assert round(found.milli_tpp / 1000) == tpp
    assert (None if found.milli_density is None else round(found.milli_density / 1000, 2)) == density
    assert found.confidence == confidence
    assert found.unverified  # no row of the law was read in the original yet


def test_what_decided_is_named() -> None:
    assert of("A100-80").rows == ("3A090.a-1",)
    assert of("L4").rows == ("3A090.a-2",)
    assert of("V100").rows == ("3A090.a-1", "3A090.a-2", "3A090.b-1", "3A090.b-2")
    assert of("L4").formula == "TPP = 242.5 (fp8) x 8 = 1,940; PD = 1,940 / 294 mm2 = 6.598"
    assert any(line.startswith("die area: low") for line in of("L4").unverified)
    assert not any(line.startswith("die area") for line in of("A100-80").unverified)  # decided without it
    assert any("3A090-method: low" in line for line in of("H100").unverified)


@pytest.mark.parametrize(
    ("milli_tpp", "milli_density", "expected"),
    [
        (4_800_000, 1, "3A090.a"), (4_799_999, 1, "below"),
        (1_600_000, 5_920, "3A090.a"), (1_599_999, 5_920, "below"), (1_600_000, 5_919, "3A090.b"),
        (2_400_000, 1_600, "3A090.b"), (2_399_999, 1_600, "below"), (2_400_000, 1_599, "below"),
        (4_799_999, 1_600, "3A090.b"), (4_799_999, 5_919, "3A090.b"), (4_799_999, 5_920, "3A090.a"),
        (1_600_000, 3_200, "3A090.b"), (1_600_000, 3_199, "below"), (1_599_999, 3_200, "below"),
        (2_399_999, 3_200, "3A090.b"), (2_399_999, 3_199, "below"), (2_400_000, 3_199, "3A090.b"),
    ],
)  # fmt: skip
def test_every_bound_from_both_sides(milli_tpp: int, milli_density: int, expected: str) -> None:
    assert with_density(milli_tpp, milli_density).export_class == expected


@given(st.integers(1, 40_000_000), st.floats(1, 2000, allow_nan=False))
def test_the_rows_against_the_formula_written_out(milli_tpp: int, die_mm2: float) -> None:
    tpp = Fraction(milli_tpp, 1000)
    density = tpp / Fraction(str(die_mm2))
    if tpp >= 4800 or (tpp >= 1600 and density >= Fraction(592, 100)):
        expected = "3A090.a"
    elif (2400 <= tpp < 4800 and density >= Fraction(16, 10)) or (tpp >= 1600 and density >= Fraction(32, 10)):
        expected = "3A090.b"
    else:
        expected = "below"
    assert stated(milli_tpp, die_mm2).export_class == expected


def test_a_die_that_is_not_known_is_no_guess() -> None:
    assert stated(4_800_000).export_class == "3A090.a"
    assert stated(1_599_999).export_class == "below"
    for milli_tpp in (1_600_000, 4_799_999):
        found = stated(milli_tpp)
        assert found.export_class == "unknown"
        assert "not known" in found.reason.en
        assert "알려지지" in found.reason.ko
        assert stated(milli_tpp, 10, planar=None).export_class == "unknown"
    assert performance_density(Datasheet("x", ((STATED, 1, 4000),), None)) is None
    assert of("RNGD").export_class == "unknown"


def test_density_does_not_apply_to_a_planar_node() -> None:
    assert stated(4_799_999, 1, planar=False).export_class == "3A090.a"
    assert stated(4_799_999, 1, planar=True).export_class == "below"
    assert stated(4_800_000, 1, planar=True).export_class == "3A090.a"


def test_without_rates_the_class_is_unknown() -> None:
    for model in ("ATOM-MAX", "X330", "G2"):
        found = of(model)
        assert (found.milli_tpp, found.rate, found.export_class) == (None, "", "unknown")


def test_the_override_wins_and_says_so_from_its_first_day() -> None:
    (h20,) = [o for o in OVERRIDES if o.model == "H20"]
    before, after = of("H20", h20.from_utc_s - 1), of("H20", h20.from_utc_s)
    assert (before.export_class, before.override) == ("below", None)
    assert (after.export_class, after.by_formula, after.override) == ("3A090.a", "below", h20)
    assert "By the formula alone, below" in after.reason.en
    assert "below" in after.reason.ko
    assert any(line.startswith("override H20: low") for line in after.unverified)


def test_classes_hold_from_their_first_day() -> None:
    first = day("2023-11-17")
    assert of("H100", first).export_class == "3A090.a"
    assert (of("H100", first - 1).export_class, of("H100", first - 1).rows) == ("unknown", ())


def test_the_note_of_2026_is_for_controlled_chips_in_its_bounds() -> None:
    first = day("2026-01-15")
    assert [len(of(m, first).notes) for m in ("H200", "MI300X", "B200", "V100", "H20")] == [1, 1, 0, 0, 1]
    assert of("H200", first - 1).notes == ()
    h200 = datasheet_of(CATALOGUE["H200"])
    for change, notes in [
        ({"bandwidth_gb_s": 6499.999}, 1), ({"bandwidth_gb_s": 6500}, 0), ({"bandwidth_gb_s": None}, 0),
        ({"rates": ((STATED, 1, 20999.999),)}, 1), ({"rates": ((STATED, 1, 21000),)}, 0),
    ]:  # fmt: skip
        assert len(classify(replace(h200, **change), ROWS, OVERRIDES, NOW).notes) == notes


def test_the_rule_that_was_never_enforced_is_no_row() -> None:
    assert not [r for r in ROWS if "diffusion" in f"{r.id} {r.title.en} {r.source}".lower()]


def test_the_highest_precision_counts() -> None:
    b200 = datasheet_of(CATALOGUE["B200"])
    rates = tuple(("fp4", 4, 15_000) if name == "fp4" else (name, bits, rate) for name, bits, rate in b200.rates)
    assert total_processing_performance(replace(b200, rates=rates)) == (60_000_000, "fp4")
    assert "no rate known at fp4: the TPP may be higher" in of("H20").unverified
    assert not [line for line in of("H100").unverified if "no rate" in line]  # a higher one would not change its class


@pytest.mark.parametrize(
    "rates",
    [
        (("fp16", 16, 989), ("fp8", 8, 3958)),
        (("fp8", 8, 3957.8), ("fp16", 16, 989.4)),
        (("fp16", 16, 312), ("int8", 8, 1248)),
        (("fp16", 16, 2250), ("fp8", 8, 4500), ("fp4", 4, 18000)),
    ],
)
def test_a_sparse_figure_is_refused_where_it_shows(rates: tuple[tuple[str, int, float], ...]) -> None:
    with pytest.raises(InputError, match="sparse"):
        Datasheet("x", rates)


def test_dense_figures_pass() -> None:
    for model in CATALOGUE.values():
        datasheet_of(model)  # tensor units over plain FP32, and INT8 cut back on purpose, are no sparsity


@pytest.mark.parametrize(
    "change",
    [
        {"rates": (("fp8", 8, 0),)},
        {"rates": (("fp8", 8, float("nan")),)},
        {"die_mm2": -1},
        {"die_mm2": 0.0},
        {"bandwidth_gb_s": -1},
    ],
)
def test_impossible_figures_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="wrong figure"):
        replace(Datasheet("x", ()), **change)


def test_every_text_is_in_both_languages_and_no_two_rows_of_an_id_overlap() -> None:
    assert all(t.ko and t.en and t.ko != t.en for t in [*(r.title for r in ROWS), *(o.text for o in OVERRIDES)])
    for i, a in enumerate(ROWS):
        for b in ROWS[i + 1 :]:
            assert a.id != b.id or (a.to_utc_s or NOW**2) <= b.from_utc_s or (b.to_utc_s or NOW**2) <= a.from_utc_s


# --- the command ----------------------------------------------------------------------------------------------------


def dure(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


def classified(*words: str) -> dict[str, list[dict[str, object]]]:
    found = dure("classify", *words, "--at", "2026-11-22", "--json")
    assert found.exit_code == 0, found.output
    tables: dict[str, list[dict[str, object]]] = json.loads(found.stdout)
    return tables


def test_the_command_prints_class_rows_and_what_is_not_verified() -> None:
    tables = classified("--model", "H20", "--language", "en")
    assert tables["classification"][0]["export_class"] == "3A090.a"
    assert tables["classification"][0]["by_formula"] == "below"
    assert (tables["rows"][0]["id"], tables["rows"][0]["from"]) == ("override H20", "2025-04-01")
    assert all(r["source"] and r["read"] and r["confidence"] for r in tables["rows"])
    assert tables["unverified"]


def test_a_slice_has_the_class_of_the_whole_chip() -> None:
    row, whole = (classified("--model", m, "--language", "ko")["classification"][0] for m in ("H100:1g.10gb", "H100"))
    assert "칩 전체" in str(row.pop("reason"))
    assert "칩 전체" not in str(whole.pop("reason"))
    assert (row.pop("slice"), whole.pop("slice")) == ("1g.10gb", None)
    assert row == whole
    assert isinstance(dure("classify", "--model", "H100:9g").exception, UnknownName)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--rate", "fp8:242.5", "--rate", "fp16:121", "--die", "294"], "3A090.a"),
        (["--rate", "fp8:242.5", "--die", "294", "--planar"], "below"),
        (["--rate", "fp8:242.5"], "unknown"),
        (["--tpp", "4800"], "3A090.a"),
        (["--tpp", "4799.999", "--die", "814"], "3A090.b"),
        (["--die", "814"], "unknown"),
    ],
)
def test_figures_can_be_typed_in(words: list[str], expected: str) -> None:
    assert classified(*words)["classification"][0]["export_class"] == expected


@pytest.mark.parametrize(
    "words",
    [
        [], ["--model", "H20", "--tpp", "1"], ["--tpp", "1", "--rate", "fp8:1"], ["--rate", "fp8"], ["--rate", "8:1"],
        ["--rate", "fp8:1e9"], ["--rate", "fp8:nan"], ["--rate", "fp9:1"], ["--tpp", "0"], ["--tpp", "5000", "--die", "0"],
        ["--rate", "fp16:989", "--rate", "fp8:3958"], ["--tpp", "1", "--at", "soon"],
    ],
)  # fmt: skip
def test_wrong_figures_are_refused(words: list[str]) -> None:
    assert isinstance(dure("classify", *words).exception, InputError)


def test_the_list_has_every_model_of_the_catalogue() -> None:
    rows = json.loads(dure("list", "--at", "2026-11-22", "--json").stdout)
    assert {r["model"]: r["export_class"] for r in rows} == {m: of(m).export_class for m in CATALOGUE}
    assert dure("list", "--csv").stdout.count("\n") == len(CATALOGUE) + 1
