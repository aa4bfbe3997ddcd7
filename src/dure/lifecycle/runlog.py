"""The run log: one row per lifecycle event, the same table from the twin and from production.

`events` has one row per event, in time order; `placements` has the nodes and devices of each START, one row per node.
Everything else (waits, usage, charts, refunds) is derived from these two and the workload.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

EVENT_DTYPE = np.dtype(
    [
        ("time_s", np.int64),  # seconds from the start of the run
        ("job", np.int32),  # row of the workload
        ("event", np.int8),  # vocabulary.JobEvent
        ("reason", np.int8),  # vocabulary.Refusal: REFUSE and EXPIRE: why; START: what it last waited for
        ("pool", np.int16),  # START: pool index; else -1
    ]
)
PLACEMENT_DTYPE = np.dtype(
    [
        ("row", np.int64),  # row of `events` that holds the START
        ("node", np.int32),  # node number
        ("devices", np.int64),  # bit mask of the accelerators used on that node; 0: cores alone
    ]
)


@dataclass(frozen=True)
class RunLog:
    """What happened in a run, and under which inputs. Times are seconds from the start of the run."""

    events: NDArray[np.void]  # EVENT_DTYPE
    placements: NDArray[np.void]  # PLACEMENT_DTYPE
    policy: str = ""
    seed: int = 0
    scenario: str = ""
    horizon_s: int = 0  # the last moment of the run
    complete: bool = True  # False: stopped by the user; what was finished is here
    info: dict[str, float] = field(default_factory=dict, compare=False)  # wall seconds, jobs per second

    def frame(self) -> pl.DataFrame:
        """The events as a Polars frame (columns as EVENT_DTYPE, event and reason by name)."""
        import polars as pl

        from dure.vocabulary import JobEvent, Refusal

        names = {int(e): e.name.lower() for e in JobEvent}
        reasons = {int(r): r.name.lower() for r in Refusal}
        return pl.DataFrame({n: np.ascontiguousarray(self.events[n]) for n in EVENT_DTYPE.names or ()}).with_columns(
            pl.col("event").replace_strict(names, return_dtype=pl.String),
            pl.col("reason").replace_strict(reasons, return_dtype=pl.String),
        )

    def to_bytes(self) -> bytes:
        """The log as bytes, for comparing two runs."""
        return self.events.tobytes() + b"|" + self.placements.tobytes()
