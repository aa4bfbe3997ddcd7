"""What a blank in the catalogue means: for speed, for the unit rate, for power, for training. Nowhere else says so.

figure                     blank means                                          shown as
FP16                       the same speed as any other model (1000)             -
FP32, FP16 or memory       1 unit an hour, unless the fleet's `rates` say more  basis "assumed"
TDP                        1,000 W, as a B200; no PCIe card draws as much       "no TDP published: 1000 W assumed"
trains                     it may train: only an explicit "no" forbids          -
"""

from __future__ import annotations

from typing import Final

from dure.errors import UnknownName
from dure.fleet.model import Accelerator, Fleet, Rate
from dure.units import MILLI

ASSUMED_MILLI_UNITS: Final = MILLI  # a model nobody could rate is charged like a quarter of an A100-40
ASSUMED_TDP_W: Final = 1000  # high on purpose: a power cap must hold whatever the datasheet will say
IDLE_SHARE_MILLI: Final = 120  # assumption: an idle accelerator draws 12 % of its TDP
_REFERENCE_FP32, _REFERENCE_FP16, _REFERENCE_GIB = 19.49, 312.0, 40.0  # A100-40, which is 4 units an hour


def speed_milli(model: Accelerator, reference: Accelerator) -> int:
    """Speed of `model` relative to `reference` in thousandths, by dense FP16; 1000 where either is not known."""
    if not model.fp16_tflops or not reference.fp16_tflops:
        return MILLI
    return max(1, round(MILLI * model.fp16_tflops / reference.fp16_tflops))


def may_train(model: Accelerator) -> bool:
    """Whether training may land on it."""
    return model.trains is not False


def formula_milli_units(model: Accelerator) -> int | None:
    """Milli-units an hour by the reference-GPU-unit formula of Canada's research alliance, to a tenth of a unit.

    1.6 FP32/FP32' + 1.6 FP16/FP16' + 0.8 memory/40 GB, where ' is the A100-40. None where a figure is not known.
    """
    if model.fp32_tflops is None or model.fp16_tflops is None or model.memory_gib is None:
        return None
    fp32, fp16 = 1.6 * model.fp32_tflops / _REFERENCE_FP32, 1.6 * model.fp16_tflops / _REFERENCE_FP16
    return round(10 * (fp32 + fp16 + 0.8 * model.memory_gib / _REFERENCE_GIB)) * (MILLI // 10)


def rate_milli(fleet: Fleet, model: str) -> Rate:
    """The rate of a model of the fleet: its own table first, then the formula, then the assumption.

    The empty model (nodes without accelerators) costs nothing. Raises UnknownName for a model the fleet has not.
    """
    for rate in fleet.rates:
        if rate.model == model:
            return rate
    if not model:
        return Rate("", 0, "no accelerators")
    if model not in fleet.models:
        raise UnknownName("accelerator model", model, fleet.models)
    milli_units = formula_milli_units(fleet.models[model])
    return Rate(model, ASSUMED_MILLI_UNITS, "assumed") if milli_units is None else Rate(model, milli_units, "formula")


def slice_rate_milli(rate: Rate, model: Accelerator, name: str) -> int:
    """Milli-units an hour of one slice: the rate times the larger of its compute and memory shares.

    The larger, because one who takes half the memory denies that half to everybody. Raises UnknownName.
    """
    for slice_name, compute_milli, memory_milli in model.slices:
        if slice_name == name:
            return -(-rate.milli_units * max(compute_milli, memory_milli) // MILLI)
    raise UnknownName(f"slice of {model.id}", name, (s[0] for s in model.slices))


def idle_milliwatts(model: Accelerator) -> int:
    """Power of one idle accelerator, mW. Always an assumption: datasheets do not give it."""
    return _tdp_w(model) * IDLE_SHARE_MILLI  # W x thousandths = mW


def busy_milliwatts(model: Accelerator) -> int:
    """Power that one busy accelerator draws over an idle one, mW."""
    return _tdp_w(model) * (MILLI - IDLE_SHARE_MILLI)


def power_basis(model: Accelerator) -> str:
    """In words, where the power figures of a model come from. Energy computed from them is to be called assumed."""
    known = "TDP from the datasheet" if model.tdp_w else f"no TDP published: {ASSUMED_TDP_W} W assumed"
    return f"{known}; idle share of {IDLE_SHARE_MILLI / 10:g} % assumed"


def _tdp_w(model: Accelerator) -> int:
    return model.tdp_w or ASSUMED_TDP_W
