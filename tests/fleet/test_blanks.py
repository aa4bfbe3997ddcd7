"""Rates against the published table of reference GPU units; what blanks mean."""

from dataclasses import replace

import pytest

from dure.errors import UnknownName
from dure.fleet import Accelerator, Fleet, Pool, Rate, Site, blanks
from dure.formats.catalogue import load_catalogue

CATALOGUE = load_catalogue()
BLANK = Accelerator("X", "X", "nobody", "")


def fleet_of(*models: str, rates: tuple[Rate, ...] = ()) -> Fleet:
    pools = tuple(Pool(m, "s", m, 1, 1, 0, 0) for m in models)
    known = {m: CATALOGUE.get(m, replace(BLANK, id=m)) for m in models}
    return Fleet("f", (Site("s", "s", "KR"),), pools, known, rates=rates)


@pytest.mark.parametrize(
    ("model", "published"),
    [("H100", 12.2), ("A100-80", 4.8), ("A100-40", 4.0), ("V100", 2.2), ("V100M16", 2.2), ("T4", 1.3)],
)
def test_formula_gives_the_published_units(model: str, published: float) -> None:
    assert blanks.rate_milli(fleet_of(model), model) == Rate(model, round(published * 1000), "formula")


@pytest.mark.parametrize(
    ("model", "name", "published"),
    [
        ("A100-40", "1g.5gb", 0.6),
        ("A100-40", "3g.20gb", 2.0),
        ("H100", "1g.10gb", 1.7),
        ("H100", "2g.20gb", 3.5),
        ("H100", "3g.40gb", 6.1),
    ],
)
def test_slices_cost_the_larger_of_their_shares(model: str, name: str, published: float) -> None:
    rate = blanks.rate_milli(fleet_of(model), model)
    assert blanks.slice_rate_milli(rate, CATALOGUE[model], name) == pytest.approx(published * 1000, abs=50)


def test_slice_unknown_to_the_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"1g\.10gb"):
        blanks.slice_rate_milli(Rate("H100", 12_200, "formula"), CATALOGUE["H100"], "9g.80gb")


@pytest.mark.parametrize("missing", ["fp32_tflops", "fp16_tflops", "memory_gib"])
def test_one_blank_figure_makes_the_rate_assumed(missing: str) -> None:
    model = replace(CATALOGUE["H100"], **{missing: None})
    fleet = replace(fleet_of("H100"), models={"H100": model})
    assert blanks.rate_milli(fleet, "H100") == Rate("H100", 1000, "assumed")


def test_the_fleets_own_table_goes_before_the_formula() -> None:
    own = Rate("H100", 9_000, "measured")
    assert blanks.rate_milli(fleet_of("H100", rates=(own,)), "H100") is own


def test_no_accelerator_costs_nothing_and_an_unknown_one_is_an_error() -> None:
    assert blanks.rate_milli(fleet_of("H100"), "").milli_units == 0
    with pytest.raises(UnknownName, match="H100"):
        blanks.rate_milli(fleet_of("H100"), "H200")


def test_power_of_idle_and_busy_adds_up_to_the_tdp() -> None:
    for model in (*CATALOGUE.values(), BLANK):
        total = blanks.idle_milliwatts(model) + blanks.busy_milliwatts(model)
        assert total == (model.tdp_w or 1000) * 1000
        assert ("no TDP" in blanks.power_basis(model)) == (model.tdp_w is None)
        assert "assumed" in blanks.power_basis(model)


def test_speed_is_relative_and_blank_is_one() -> None:
    h100, a100 = CATALOGUE["H100"], CATALOGUE["A100-80"]
    assert blanks.speed_milli(h100, a100) == round(1000 * 989 / 312)
    assert blanks.speed_milli(BLANK, a100) == blanks.speed_milli(a100, BLANK) == 1000


def test_only_an_explicit_no_forbids_training() -> None:
    trains = {m.id: blanks.may_train(m) for m in CATALOGUE.values()}
    assert not any(trains[m] for m in ("RNGD", "ATOM-MAX", "REBEL100", "X330"))
    assert all(trains[m] for m in ("G2", "MLU370", "H200"))
