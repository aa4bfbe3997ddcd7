"""Unit rates: every published figure, the order of bases, dates, bundles and measured chips."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputErrors, UnknownName
from dure.fleet import Accelerator, Fleet, Pool, Rate, Site, rate_milli
from dure.fleet.rates import (
    accelerator_hours_milli,
    bundle_milli_units,
    formula_milli_units,
    from_throughput,
    rate_at,
    slice_rate_milli,
)
from dure.formats.catalogue import load_catalogue, load_rates
from dure.formats.fleets import read_fleet

CATALOGUE = load_catalogue()
ALL = Fleet("all", (Site("s", "s", "KR"),), (), CATALOGUE, published=load_rates())
FORMULA_ALONE = replace(ALL, published=())
# Digital Research Alliance of Canada, "Allocations and compute scheduling", as quoted in the project's reference.
WHOLE = [("H100", 12.2), ("A100-80", 4.8), ("A100-40", 4.0), ("V100", 2.2), ("V100M16", 2.2), ("T4", 1.3)]
SLICES = [
    ("A100-40", "1g.5gb", 0.6), ("A100-40", "3g.20gb", 2.0),
    ("H100", "1g.10gb", 1.7), ("H100", "2g.20gb", 3.5), ("H100", "3g.40gb", 6.1),
]  # fmt: skip


@pytest.mark.parametrize(("model", "published"), WHOLE)
def test_the_formula_gives_the_published_units(model: str, published: float) -> None:
    assert rate_milli(FORMULA_ALONE, model) == Rate(model, round(published * 1000), "formula")
    found = rate_milli(ALL, model)
    assert (found.milli_units, found.basis) == (round(published * 1000), "table")


@pytest.mark.parametrize(("model", "units"), [("H200", 13_400), ("B200", 20_200)])
def test_models_beyond_the_table_stay_on_the_formula(model: str, units: int) -> None:
    """H200: 5.493 + 5.072 + 2.82 = 13.4; B200: 5.096 + 11.538 + 3.6 = 20.2."""
    assert rate_at(ALL, model, 0) == Rate(model, units, "formula")


def test_the_published_table_overrides_the_formula_where_they_differ() -> None:
    p100 = replace(CATALOGUE["P100"], id="P100-12", memory_gib=12.0)
    assert formula_milli_units(p100) == 1100
    fleet = replace(ALL, models={**CATALOGUE, "P100-12": p100})
    assert (rate_milli(fleet, "P100-12").milli_units, rate_milli(fleet, "P100-12").basis) == (1000, "table")
    assert rate_milli(ALL, "P100-12").milli_units == 1000  # a published model needs no catalogue


@pytest.mark.parametrize(("model", "name", "published"), SLICES)
def test_slices_are_the_published_ones_and_the_rule_comes_near(model: str, name: str, published: float) -> None:
    assert rate_at(ALL, model, 0, slice=name).milli_units == round(published * 1000)
    derived = rate_at(FORMULA_ALONE, model, 0, slice=name)
    assert derived.milli_units == slice_rate_milli(rate_milli(FORMULA_ALONE, model), CATALOGUE[model], name)
    assert derived.milli_units == pytest.approx(published * 1000, abs=50)  # the table is rounded to a tenth


def test_a_slice_follows_its_models_own_rate_rather_than_the_published_slice() -> None:
    fleet = replace(ALL, rates=(Rate("H100", 20_000, "measured"),))
    assert rate_at(fleet, "H100", 0, slice="3g.40gb") == Rate("H100", 10_000, "measured", slice="3g.40gb")
    own = replace(fleet, rates=(*fleet.rates, Rate("H100", 7, "table", slice="3g.40gb")))
    assert rate_at(own, "H100", 0, slice="3g.40gb").milli_units == 7


def test_unknown_names_are_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"1g\.10gb"):
        rate_at(ALL, "H100", 0, slice="9g.80gb")
    with pytest.raises(UnknownName, match="H100"):
        rate_at(ALL, "H1000", 0)


def naive_rate(rates: list[Rate], at_utc_s: int, workload: str) -> int:
    """The last of the rates in the order told by the module, by sorting."""
    live = [r for r in rates if r.from_utc_s <= at_utc_s and r.workload in ("", workload)]
    live.sort(key=lambda r: (r.workload != "", r.from_utc_s))
    return live[-1].milli_units if live else 1000


dated = st.builds(
    Rate, st.just("X330"), st.integers(0, 99_999), st.just("measured"), workload=st.sampled_from(["", "a", "b"]),
    from_utc_s=st.integers(0, 9),
)  # fmt: skip


@given(st.lists(dated, unique_by=lambda r: (r.workload, r.from_utc_s)), st.integers(0, 12), st.sampled_from("abc"))
def test_the_latest_rate_that_holds_is_the_rate(rates: list[Rate], at_utc_s: int, workload: str) -> None:
    fleet = replace(ALL, rates=tuple(rates))
    assert rate_at(fleet, "X330", at_utc_s, workload=workload).milli_units == naive_rate(rates, at_utc_s, workload)
    later = [r for r in rates if r.from_utc_s > at_utc_s]
    without = replace(fleet, rates=tuple(r for r in rates if r not in later))
    assert rate_at(without, "X330", at_utc_s) == rate_at(fleet, "X330", at_utc_s)


# Cores and GB for one unit that the alliance documents for its clusters; a node of 4 H100 is 48.8 units.
CLUSTERS = [("fir", 0.98, 23.6), ("nibi", 1.15, 20.5), ("rorqual", 1.31, 10.2), ("trillium", 1.97, 15.4)]


@pytest.mark.parametrize(("cluster", "cores_a_unit", "gb_a_unit"), CLUSTERS)
def test_a_bundle_costs_the_largest_of_what_it_denies(cluster: str, cores_a_unit: float, gb_a_unit: float) -> None:
    gb_mib = 10**9 / 2**20
    node = Pool(cluster, "s", "H100", 1, 4, round(48_800 * cores_a_unit), round(48.8 * gb_a_unit * gb_mib))
    rate = rate_milli(ALL, "H100")
    assert bundle_milli_units(rate, 1000, 1000, 1024, node) == 12_200
    assert bundle_milli_units(rate, 1000, round(30_000 * cores_a_unit), 0, node) == pytest.approx(30_000, abs=2)
    assert bundle_milli_units(rate, 1000, 0, round(40 * gb_a_unit * gb_mib), node) == pytest.approx(40_000, abs=2)
    assert bundle_milli_units(rate, 4000, node.cores_milli, node.memory_mib, node) == 48_800


@given(st.integers(0, 4000), st.integers(0, 64_000), st.integers(0, 500_000))
def test_nobody_pays_more_than_the_node_nor_less_than_any_part(accelerators: int, cores: int, memory: int) -> None:
    node = Pool("p", "s", "H100", 1, 4, 64_000, 500_000)
    rate = Rate("H100", 12_200, "table")
    paid = bundle_milli_units(rate, accelerators, cores, memory, node)
    assert paid <= 48_800
    assert paid * 1000 >= 12_200 * accelerators
    assert paid * 64_000 >= 48_800 * cores
    assert paid * 500_000 >= 48_800 * memory


@given(st.integers(0, 10**6), st.integers(1, 10**9), st.integers(1, 10**9))
def test_throughput_rounds_half_up_to_the_nearest(units: int, own: int, other: int) -> None:
    made = from_throughput(units, own, other)
    assert -other < 2 * (made * other - units * own) <= other


@given(st.integers(0, 10**12), st.integers(1, 10**5))
def test_hours_never_cost_more_than_the_units(milli_units: int, rate: int) -> None:
    hours_milli = accelerator_hours_milli(milli_units, Rate("m", rate, "table"))
    assert hours_milli is not None
    assert hours_milli * rate <= milli_units * 1000 < (hours_milli + 1) * rate


def test_an_award_of_one_hundred_h100_hours_is_254_a100_hours() -> None:
    assert accelerator_hours_milli(1_220_000, rate_milli(ALL, "A100-80")) == 254_166
    assert accelerator_hours_milli(1_220_000, rate_milli(ALL, "")) is None


FLEET = """
start = 2026-01-01
[[site]]
id = "s"
name = "S"
country = "KR"
[[pool]]
id = "p"
site = "s"
model = "RNGD"
nodes = 1
accelerators_per_node = 8
cores = 1
memory = 1
[rates]
H200 = 13.0
RNGD = [
  { units = 2.0, basis = "assumed" },
  { throughput = 3_000, reference = "H200", reference_throughput = 12_000, workload = "inference", from = 2026-03-01 },
]
"""


def read(text: str) -> Fleet:
    return read_fleet(io.BytesIO(text.encode()), name="f.toml", catalogue=CATALOGUE)


def test_a_fleet_file_gives_dates_and_measured_throughputs() -> None:
    fleet = read(FLEET)
    march = 1_772_323_200  # 2026-03-01 UTC
    assert rate_at(fleet, "RNGD", march - 1, workload="inference").milli_units == 2000
    found = rate_at(fleet, "RNGD", march, workload="inference")
    assert (found.milli_units, found.basis, found.source) == (3250, "measured", "measured against H200")
    assert rate_at(fleet, "RNGD", march).milli_units == 2000
    assert rate_milli(fleet, "RNGD").basis == "assumed"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ('RNGD = { units = 1, basis = "guess" }', "rates.RNGD.basis"),
        ('RNGD = { throughput = 3, reference = "H2000", reference_throughput = 2 }', "rates.RNGD.reference"),
        ('RNGD = { throughput = 3, reference = "H200" }', "rates.RNGD.throughput"),
        ('RNGD = { throughput = 3, reference = "H200", reference_throughput = 0 }', "rates.RNGD.throughput"),
        ('RNGD = { reference = "H200" }', "rates.RNGD.throughput"),
        ("RNGD = { from = 2026-03-01 }", "rates.RNGD.units"),
        ("RNGD = [{ units = 1 }, { units = 2 }]", "rates.RNGD"),
        ("RNGD = [{ units = 1 }, { units = 2, form = 2026-03-01 }]", "rates.RNGD[2].form"),
        ("RNGD = -1", "rates.RNGD"),
    ],
)
def test_a_wrong_rate_is_named(wrong: str, field: str) -> None:
    with pytest.raises(InputErrors) as caught:
        read(FLEET[: FLEET.index("[rates]")] + "[rates]\n" + wrong)
    assert field in [e.field for e in caught.value.errors]


def test_a_dated_rate_needs_the_start_of_the_fleet() -> None:
    with pytest.raises(InputErrors, match="needs the `start`"):
        read(FLEET.replace("start = 2026-01-01", ""))


def test_blank_models_are_assumed() -> None:
    blank = Accelerator("X", "X", "nobody", "")
    assert rate_at(replace(ALL, models={"X": blank}), "X", 0) == Rate("X", 1000, "assumed")
