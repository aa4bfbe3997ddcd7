"""What blanks mean."""

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
