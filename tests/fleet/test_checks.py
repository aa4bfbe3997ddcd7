"""Every check has a fleet that fails it, and the sound fleet fails none."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dure.fleet import Delivery, Fleet, Outage, Pool, Rate, Site, check
from dure.fleet.checks import CHECKS, dangling, full_power_w, idle_power_w, nearest
from dure.formats.catalogue import load_catalogue

CATALOGUE = load_catalogue()
SITE = Site("seoul", "Seoul", "KR", power_cap_w=100_000, pue=1.25, tariff_per_mwh=180_000, currency="KRW")
POOL = Pool("h200", "seoul", "H200", 4, 8, 112_000, 2**21, 2000, "slurm", slices=("1g.18gb",))
CORES = Pool("cores", "seoul", "", 2, 0, 64_000, 2**18)
SOUND = Fleet(
    "sound",
    (SITE,),
    (replace(POOL, deliveries=(Delivery(1, 0), Delivery(2, 86_400))), CORES),
    {"H200": CATALOGUE["H200"]},
    outages=(Outage("h200", 0, 10), Outage("h200", 10, 20, nodes=4), Outage("cores", 5, 15)),
    rates=(Rate("H200", 13_000, "table"),),
)


def with_site(**changes: object) -> Fleet:
    return replace(SOUND, sites=(replace(SITE, **changes),))


def with_pool(**changes: object) -> Fleet:
    return replace(SOUND, pools=(replace(SOUND.pools[0], **changes), CORES))


def with_outages(*outages: Outage) -> Fleet:
    return replace(SOUND, outages=outages)


FAILING: list[tuple[str, str, Fleet]] = [
    ("dangling", "site", with_pool(site="seul")),
    ("dangling", "model", with_pool(model="H20O", slices=())),
    ("dangling", "pool", with_outages(Outage("h20", 0, 1))),
    ("dangling", "model", replace(SOUND, rates=(Rate("H2", 1, "table"),))),
    ("not_empty", "pool", replace(SOUND, pools=(), outages=())),
    ("unique_ids", "id", replace(SOUND, sites=(SITE, SITE))),
    ("unique_ids", "id", replace(SOUND, pools=(*SOUND.pools, CORES))),
    ("unique_ids", "id", replace(with_pool(id=""), outages=())),
    ("unique_ids", "model", replace(SOUND, rates=SOUND.rates * 2)),
    ("figures", "power_cap_w", with_site(power_cap_w=-1)),
    ("figures", "grid_g_per_kwh", with_site(grid_g_per_kwh=-0.5)),
    ("figures", "tariff_per_mwh", with_site(tariff_per_mwh=-1)),
    ("figures", "nodes", replace(with_pool(nodes=-3, deliveries=()), outages=())),
    ("figures", "cores_milli", with_pool(cores_milli=-1)),
    ("figures", "memory_mib", with_pool(memory_mib=-1)),
    ("figures", "node_power_w", with_pool(node_power_w=-1)),
    ("figures", "tdp_w", replace(SOUND, models={"H200": replace(CATALOGUE["H200"], tdp_w=-700)})),
    ("figures", "memory_gib", replace(SOUND, models={"H200": replace(CATALOGUE["H200"], memory_gib=0.0)})),
    ("figures", "milli_units", replace(SOUND, rates=(Rate("H200", -1, "table"),))),
    ("accelerators_of_nodes", "accelerators_per_node", with_pool(accelerators_per_node=63)),
    ("accelerators_of_nodes", "accelerators_per_node", with_pool(accelerators_per_node=-1)),
    ("accelerators_of_nodes", "accelerators_per_node", with_pool(accelerators_per_node=0)),
    ("accelerators_of_nodes", "accelerators_per_node", with_pool(model="", slices=())),
    ("engines", "engine", with_pool(engine="slrum")),
    ("pue", "pue", with_site(pue=0.9)),
    ("pue", "pue", with_site(pue=float("nan"))),
    ("power_cap", "power_cap_w", with_site(power_cap_w=13_000)),
    ("tariffs", "currency", with_site(currency="")),
    ("tariffs", "country", with_site(country="Korea")),
    ("deliveries", "deliveries", with_pool(deliveries=(Delivery(3, 0), Delivery(2, 1)))),
    ("deliveries", "deliveries", with_pool(deliveries=(Delivery(1, 5), Delivery(1, 4)))),
    ("deliveries", "deliveries", with_pool(deliveries=(Delivery(1, -5),))),
    ("deliveries", "deliveries", with_pool(deliveries=(Delivery(0, 5),))),
    ("outages", "to_s", with_outages(Outage("h200", 10, 10))),
    ("outages", "to_s", with_outages(Outage("h200", -10, 10))),
    ("outages", "nodes", with_outages(Outage("h200", 0, 10, nodes=5))),
    ("outages", "from_s", with_outages(Outage("h200", 0, 100), Outage("h200", 10, 20), Outage("h200", 100, 101))),
    ("slices", "slices", with_pool(slices=("1g.10gb",))),
    ("slices", "slices", with_pool(slices=("1g.18gb", "1g.18gb"))),
    ("node_list", "node_pool_order", replace(SOUND, node_pool_order=np.array([0, 0, 0, 1, 1, 1], dtype=np.int32))),
    ("node_list", "node_names", replace(SOUND, node_names=("a", "b"))),
]  # fmt: skip


def test_the_sound_fleet_passes() -> None:
    assert check(SOUND) == []


@pytest.mark.parametrize(
    ("name", "field", "fleet"), FAILING, ids=[f"{n}-{f}-{i}" for i, (n, f, _) in enumerate(FAILING)]
)
def test_a_failing_fleet_fails_that_check_and_no_other(name: str, field: str, fleet: Fleet) -> None:
    failed = {c.__name__: list(c(fleet)) for c in (*CHECKS, dangling) if list(c(fleet))}
    assert list(failed) == [name]
    assert [f.field for f in failed[name]] == [field]
    assert str(failed[name][0])


def test_every_check_has_a_failing_fleet() -> None:
    checks: set[Callable[..., object]] = {*CHECKS, dangling}
    assert {c.__name__ for c in checks} == {name for name, _, _ in FAILING}


def test_all_faults_are_reported_at_once() -> None:
    fleet = replace(with_site(pue=0.5, currency=""), rates=(Rate("H2", 1, "table"),))
    assert {f.field for f in check(fleet)} == {"pue", "currency", "model"}


def test_faults_say_what_was_meant() -> None:
    fault = check(with_pool(site="seul"))[0]
    assert (fault.table, fault.index, fault.value, fault.accepted) == ("pool", 0, "seul", "did you mean seoul?")
    assert nearest("xyz", ["a", "b"]) == "one of a, b"
    assert nearest("h200", ["H100", "H200"]) == "did you mean H200?"
    assert nearest("a", []) == "none are known"


def test_site_power_is_nodes_and_accelerators_times_pue() -> None:
    idle_it_w = 4 * (2000 + 8 * 700 * 0.12)
    assert idle_power_w(SOUND, SITE) == pytest.approx(1.25 * idle_it_w, abs=1)
    assert full_power_w(SOUND, SITE) == pytest.approx(1.25 * 4 * (2000 + 8 * 700), abs=1)
