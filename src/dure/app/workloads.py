"""Workloads: described as tables, fitted as a generator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dure.reports.table import Column, Table
from dure.reports.tables import from_frame
from dure.units import FAR_S

if TYPE_CHECKING:
    from dure.fleet.model import Fleet
    from dure.workload.columns import Workload

_FORMS = {"jobs": "count", "projects": "count", "jobs_part": "ratio", "hours_part": "ratio", "load": "ratio"}
_FORMS |= {"accelerator_hours": "acc-h", "days": "days", "mean_accelerators": "acc", "offered": "acc", "busy": "acc"}
_FORMS |= {"ratio": "factor", "level": "ratio"}


def description(workload: Workload, fleet: Fleet | None = None) -> list[Table]:
    """What is in the workload; with a fleet, its demand over time beside the fleet's accelerators."""
    from dure.workload.describe import describe

    found = describe(workload, _capacity(fleet) if fleet else ())
    return [
        from_frame(name, name.capitalize(), [_column(key) for key in frame.columns], frame)
        for name, frame in found.tables().items()
    ]


def _column(key: str) -> Column:
    label = key.removesuffix("_s").replace("_", " ")
    return Column(key, label, "duration" if key.endswith("_s") else _FORMS.get(key, "text"))


def _capacity(fleet: Fleet) -> list[tuple[int, int]]:
    """The fleet's accelerators from each time on at which a delivery comes."""
    later = sorted((d.at_s, d.nodes * p.accelerators_per_node) for p in fleet.pools for d in p.deliveries)
    total = fleet.accelerators - sum(count for _, count in later)
    steps = {0: total}
    for at_s, count in later:
        total += count
        steps[min(at_s, FAR_S)] = total
    return sorted(steps.items())


def fit_generator(workload: Workload, out: Path) -> None:
    """Fit a generator and write its TOML."""
    from dure.app.outputs import writable
    from dure.formats.generators import generator_text
    from dure.formats.streams import replaced
    from dure.workload.fit import fit

    writable(out, "out")
    text = generator_text(fit(workload, name=out.stem))
    with replaced(out) as stream:
        stream.write(text.encode())
