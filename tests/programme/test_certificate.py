"""The certificate: what it proves holds for every award, and whatever is changed in it is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.programme.award import Candidates, Capacity, Group, Terms
from dure.programme.certificate import SCALE, bound, canonical, check, infeasible, input_hash, unit_rows, worth
from dure.programme.draw import draw
from dure.programme.rules import optimal
from tests.programme.test_optimal import Ask, World, best_by_hand, some, world, worlds

TERMS, CANDIDATES, CAPACITY = draw(1, 60)
TERMS = replace(TERMS, parameters={"gap": 20_000})
CERTIFICATE = optimal.award(TERMS, CANDIDATES, CAPACITY, 7).certificate


@given(st.integers(0, 5000), st.integers(1, 10**6), st.data())
def test_value_is_by_quarters(score: int, ask: int, data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, ask))
    part = amount / ask
    by_hand = score * 1e6 * float(np.interp(part, [0, 0.25, 0.5, 0.75, 1], [0, 0.4, 0.7, 0.9, 1]))
    assert worth(score, ask, amount, "application") == pytest.approx(by_hand, abs=1.5, rel=1e-12)
    assert worth(score, ask, amount, "unit") == pytest.approx(by_hand * ask / 1e6, abs=1.5, rel=1e-12)
    assert 0 <= worth(score, ask, amount, "unit", up=True) - worth(score, ask, amount, "unit") <= 1


@some
@given(worlds(), st.data())
def test_no_prices_whatever_prove_less_than_the_best_award(at: World, data: st.DataObject) -> None:
    """Weak duality, with prices drawn at random: near useful ones, nothing, and absurd."""
    terms, c, k = at
    rows = unit_rows(terms, c, k)
    value = str(terms.parameters["value"])
    each = 10**6 if value == "application" else 10**3  # about the value of a thousandth of an ask
    units = [data.draw(st.sampled_from([0, 1, 3, 1000])) * each * SCALE // 10**6 for _ in rows]
    lots = [[data.draw(st.sampled_from([0, 1, 500, 2000])) * each for _ in month] for month in k.lots]
    assert bound(units, lots, terms, c, k, value) >= int(best_by_hand(at)) - 1


def test_the_certificate_holds_and_is_json() -> None:
    read = json.loads(json.dumps(CERTIFICATE))
    assert check(read, TERMS, CANDIDATES, CAPACITY) == []
    assert read["solver"].startswith("HiGHS 1.")
    assert read["seed"] == 7
    assert read["gap_millionths"] == pytest.approx((1 - read["objective"] / read["bound"]) * 1e6, abs=1)


def _first(values: list[int], wanted: Callable[[int], bool]) -> int:
    return next(i for i, v in enumerate(values) if wanted(v))


def _more_units(c: dict[str, Any]) -> None:
    c["amount"][_first(c["amount"], bool)] += 10**12


def _more_lots(c: dict[str, Any]) -> None:
    c["lots"][_first(c["lots"], bool)] += 10**6


def _fewer_lots(c: dict[str, Any]) -> None:
    c["lots"][_first(c["lots"], bool)] -= 1


def _lots_for_nothing(c: dict[str, Any]) -> None:
    ordered, _, _ = canonical(CANDIDATES)
    c["lots"][_first(ordered.option_of.tolist(), lambda row: not c["amount"][row])] = 1


def _negative_price(c: dict[str, Any]) -> None:
    c["prices"]["lots"][0][0] = -1


def _no_prices(c: dict[str, Any]) -> None:
    c["prices"]["lots"] = [[0] * len(month) for month in c["prices"]["lots"]]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_more_units, "gets"),
        (_more_lots, "lends"),
        (_fewer_lots, "gets"),
        (_lots_for_nothing, "has lots and no award"),
        (lambda c: c.update(objective=c["objective"] + 1), "the objective is"),
        (lambda c: c.update(bound=c["bound"] - 1), "prove no bound below"),
        (lambda c: c.update(bound=c["objective"] - 1), "above the bound"),
        (_negative_price, "a price is negative"),
        (_no_prices, "prove no bound below"),
        (lambda c: c.update(version=2), "hashes to"),
        (lambda c: c["amount"].pop(), "amount has 59 entries, not 60"),
        (lambda c: c.update(value="person"), "not one of application, unit"),
    ],
)
def test_what_is_changed_is_found(change: Callable[[dict[str, Any]], object], found: str) -> None:
    changed = deepcopy(CERTIFICATE)
    assert changed is not None
    change(changed)
    assert any(found in fault for fault in check(changed, TERMS, CANDIDATES, CAPACITY))


def test_every_part_of_the_input_is_in_the_hash() -> None:
    def plus_one(of: Any, name: str) -> Any:
        old = getattr(of, name)
        return replace(of, **{name: old + 1 if isinstance(old, int) or old.dtype != bool else ~old})

    def digest(terms: Terms = TERMS, candidates: Candidates = CANDIDATES, capacity: Capacity = CAPACITY) -> str:
        return input_hash(terms, candidates, capacity, "optimal", 1)

    seen = {digest()}
    for name in ("envelope", "cut_off", "institution_cap"):
        seen.add(digest(terms=plus_one(TERMS, name)))
    seen.add(digest(terms=replace(TERMS, parameters={"gap": 1})))
    seen.add(digest(terms=replace(TERMS, set_asides=((Group.JOINT, 1),))))
    columns = (
        "score",
        "ask",
        "least",
        "lot",
        "track",
        "groups",
        "start",
        "months",
        "lots",
        "option_pool",
        "option_exchange",
    )
    for name in columns:
        seen.add(digest(candidates=plus_one(CANDIDATES, name)))
    for name in ("lots", "total", "domestic"):
        seen.add(digest(capacity=plus_one(CAPACITY, name)))
    assert len(seen) == 3 + 2 + 1 + len(columns) + 3


def test_the_checker_sees_each_kind_of_bound() -> None:
    at = world(
        [Ask(home=1, groups=int(Group.STARTUP)), Ask(track=1)], [[9]], [2000, 1500], institution_cap=1800,
        set_asides=((Group.STARTUP, 900), ("domestic", 100)),
    )  # fmt: skip
    faults = " ".join(infeasible([2000, 2000], [2, 2], *at))
    for bound_name in (
        "envelope t1",
        "total",
        "institution 1",
        "institution 0",
        "set-aside startup",
        "set-aside domestic",
    ):
        assert bound_name in faults
    assert "envelope t0" not in faults
    assert "cut-off" in " ".join(infeasible([1000], [1], *world([Ask(score=2000)], [[9]])))
    assert "has -1 lots" in " ".join(infeasible([0], [-1], *world([Ask()], [[9]])))


def test_the_order_of_options_and_the_names_of_institutions_do_not_matter() -> None:
    order = np.random.default_rng(0).permutation(len(CANDIDATES))
    shuffled = CANDIDATES.take(order)
    renamed = replace(shuffled, institution=shuffled.institution * 17 + 3)
    assert check(dict(CERTIFICATE or {}), TERMS, renamed, CAPACITY) == []
