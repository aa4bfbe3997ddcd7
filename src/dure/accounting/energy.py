"""Energy of one attempt: what hardware counted, else what the model says, and which of the two it was.

The model: every accelerator held draws its full power for as long as it is held (`fleet.blanks`), as a counter on the device
would see it. Cores, memory and PUE are not in it. `reports.metrics` adds up a whole fleet with the same figures: there the
idle part belongs to the nodes, here to whoever holds them.
"""

from __future__ import annotations

from dure.fleet.blanks import busy_milliwatts, idle_milliwatts
from dure.fleet.model import Accelerator
from dure.units import MILLI


def milliwatts(model: Accelerator | None, held_milli: int) -> int:
    """What so many milli-accelerators of a model draw while they are held, mW; None: cores alone, nothing."""
    return (idle_milliwatts(model) + busy_milliwatts(model)) * held_milli // MILLI if model else 0


def energy(counted_j: int | None, drawn_mw: int, used_s: int) -> tuple[int, bool]:
    """(joules, whether they were measured): what was counted, else the model's milliwatts times seconds."""
    return (drawn_mw * used_s // MILLI, False) if counted_j is None else (counted_j, True)
