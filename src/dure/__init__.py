"""Dure shares a scarce, mixed fleet of AI accelerators: it schedules, replays and reports.

    import dure

    log = dure.simulate("examples/fleets/small.toml", "jobs.csv", "easy", seed=1)
    log.frame()                                   # one row per event, as a Polars frame

Names load on first use, so that `import dure` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dure.app.inputs import open_fleet, open_scenario, open_workload
    from dure.app.twin import simulate
    from dure.fleet.model import Fleet
    from dure.lifecycle.runlog import RunLog
    from dure.scheduler.policies import Policy, policy
    from dure.simulator.scenario import Scenario
    from dure.workload.columns import Job, Workload

__version__ = "0.1.0"
_HOME = {
    "Fleet": "dure.fleet.model",
    "Job": "dure.workload.columns",
    "Policy": "dure.scheduler.policies",
    "RunLog": "dure.lifecycle.runlog",
    "Scenario": "dure.simulator.scenario",
    "Workload": "dure.workload.columns",
    "open_fleet": "dure.app.inputs",
    "open_scenario": "dure.app.inputs",
    "open_workload": "dure.app.inputs",
    "policy": "dure.scheduler.policies",
    "simulate": "dure.app.twin",
}
__all__ = [
    "Fleet", "Job", "Policy", "RunLog", "Scenario", "Workload",
    "open_fleet", "open_scenario", "open_workload", "policy", "simulate",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'dure' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
