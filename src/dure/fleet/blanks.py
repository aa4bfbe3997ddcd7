"""What a blank in the catalogue means: for speed, for power, for training; for the unit rate `fleet.rates` says it.

figure                     blank means                                          shown as
FP16                       the same speed as any other model (1000)             -
FP32, FP16 or memory       1 unit an hour, unless the fleet's `rates` say more  basis "assumed"
TDP                        1,000 W, as a B200; no PCIe card draws as much       "no TDP published: 1000 W assumed"
trains                     it may train: only an explicit "no" forbids          -
"""

from __future__ import annotations

from typing import Final

from dure.fleet.model import Accelerator, Fleet, Rate
from dure.fleet.rates import rate_at
from dure.units import MILLI

ASSUMED_TDP_W: Final = 1000  # high on purpose: a power cap must hold whatever the datasheet will say
IDLE_SHARE_MILLI: Final = 120  # assumption: an idle accelerator draws 12 % of its TDP


def speed_milli(model: Accelerator, reference: Accelerator) -> int:
    """Speed of `model` relative to `reference` in thousandths, by dense FP16; 1000 where either is not known."""
    if not model.fp16_tflops or not reference.fp16_tflops:
        return MILLI
    return max(1, round(MILLI * model.fp16_tflops / reference.fp16_tflops))


def may_train(model: Accelerator) -> bool:
    """Whether training may land on it."""
    return model.trains is not False


def rate_milli(fleet: Fleet, model: str) -> Rate:
    """The rate of a model on the day the fleet starts. A run has one rate for each model. Raises UnknownName."""
    return rate_at(fleet, model, fleet.start_utc_s)


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
