"""What an accelerator-hour costs in units: dated rates, each with its basis.

Where several are known, the first of these is the rate; within one, the latest that holds on the day, and among those one
measured for the workload asked about:

1. the fleet's own `[rates]`, whatever their basis (`table`, `measured`, `assumed`)
2. the published table (`rates.csv`, basis `table`)
3. the published formula (basis `formula`), where FP32, FP16 and memory are all known
4. one unit an hour (basis `assumed`)

A slice without a rate of its own costs the rate of the whole by the larger of its compute and memory shares. A job is
charged at the rate of the day it started. An award is kept in units, so moving it to another model changes the hours it
buys and not the units. Source: Digital Research Alliance of Canada, "Allocations and compute scheduling".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dure.errors import UnknownName
from dure.fleet.model import Accelerator, Fleet, Pool, Rate
from dure.units import MILLI

BASES: Final = ("formula", "table", "measured", "assumed")
ASSUMED_MILLI_UNITS: Final = MILLI  # a model nobody could rate is charged like a quarter of an A100-40
_REFERENCE_FP32, _REFERENCE_FP16, _REFERENCE_GIB = 19.49, 312.0, 40.0  # A100-40, which is 4 units an hour


def rate_at(fleet: Fleet, model: str, at_utc_s: int, *, slice: str = "", workload: str = "") -> Rate:
    """The rate of a model, or of one of its slices, at a moment and for a class of workload (empty: any).

    The empty model (nodes without accelerators) costs nothing. Raises UnknownName for a model or slice that neither the
    fleet nor the published table has.
    """
    for rates in (fleet.rates, fleet.published):
        if found := _in_force(rates, model, at_utc_s, slice, workload):
            return found
        whole = _in_force(rates, model, at_utc_s, "", workload) if slice else None
        if whole and model in fleet.models:
            return _slice_of(whole, fleet.models[model], slice)
    if not model:
        return Rate("", 0, "no accelerators")
    if model not in fleet.models:
        raise UnknownName("accelerator model", model, fleet.models)
    milli_units = formula_milli_units(fleet.models[model])
    whole = Rate(model, ASSUMED_MILLI_UNITS, "assumed") if milli_units is None else Rate(model, milli_units, "formula")
    return _slice_of(whole, fleet.models[model], slice) if slice else whole


def formula_milli_units(model: Accelerator) -> int | None:
    """Milli-units an hour by the reference-GPU-unit formula of Canada's research alliance, to a tenth of a unit.

    1.6 FP32/FP32' + 1.6 FP16/FP16' + 0.8 memory/40 GB, where ' is the A100-40. None where a figure is not known.
    """
    if model.fp32_tflops is None or model.fp16_tflops is None or model.memory_gib is None:
        return None
    fp32, fp16 = 1.6 * model.fp32_tflops / _REFERENCE_FP32, 1.6 * model.fp16_tflops / _REFERENCE_FP16
    return round(10 * (fp32 + fp16 + 0.8 * model.memory_gib / _REFERENCE_GIB)) * (MILLI // 10)


def slice_rate_milli(rate: Rate, model: Accelerator, name: str) -> int:
    """Milli-units an hour of one slice: the rate times the larger of its compute and memory shares, rounded up.

    The larger, because one who takes half the memory denies that half to everybody. Raises UnknownName.
    """
    for slice_name, compute_milli, memory_milli in model.slices:
        if slice_name == name:
            return -(-rate.milli_units * max(compute_milli, memory_milli) // MILLI)
    raise UnknownName(f"slice of {model.id}", name, (s[0] for s in model.slices))


def bundle_milli_units(rate: Rate, accelerators_milli: int, cores_milli: int, memory_mib: int, node: Pool) -> int:
    """Milli-units an hour of accelerators with cores and memory of one node: what they deny others, rounded up.

    The largest of the accelerators' own units and of the node's units by the part of its cores, and of its memory, that
    is taken. `rate` is that of a whole accelerator; a slice is so many thousandths of one.
    """
    node_units = rate.milli_units * node.accelerators_per_node
    parts = [(rate.milli_units * accelerators_milli, MILLI)]
    parts += [
        (node_units * asked, have) for asked, have in ((cores_milli, node.cores_milli), (memory_mib, node.memory_mib))
    ]
    return max(-(-units // have) for units, have in parts if have)


def from_throughput(reference_milli_units: int, throughput: int, reference_throughput: int) -> int:
    """Milli-units an hour of a chip that does `throughput` where the reference does `reference_throughput`, half up.

    Both in the same integer measure, as milli-tokens a second: for chips that the formula cannot rate.
    """
    return (2 * reference_milli_units * throughput + reference_throughput) // (2 * reference_throughput)


def accelerator_hours_milli(milli_units: int, rate: Rate) -> int | None:
    """Thousandths of accelerator-hours that an amount buys, rounded down; None where an hour costs nothing."""
    return milli_units * MILLI // rate.milli_units if rate.milli_units else None


def _in_force(rates: Sequence[Rate], model: str, at_utc_s: int, slice: str, workload: str) -> Rate | None:
    known = (r for r in rates if r.model == model and r.slice == slice and r.from_utc_s <= at_utc_s)
    fitting = (r for r in known if r.workload in ("", workload))
    return max(fitting, key=lambda r: (bool(r.workload), r.from_utc_s), default=None)


def _slice_of(whole: Rate, model: Accelerator, name: str) -> Rate:
    return replace(whole, slice=name, milli_units=slice_rate_milli(whole, model, name))
