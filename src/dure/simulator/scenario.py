"""A scenario: what is different from the plain fleet and workload, in one readable value (and one TOML file).

Projects with their shares and limits, node failures, changed power caps, late deliveries, changed demand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dure.scheduler.terms import ProjectTerms


@dataclass(frozen=True, slots=True)
class FaultModel:
    """Independent node failures: exponential times between failures, log-normal repairs, drawn from the run's seed."""

    mean_days_between: float  # of one node
    repair_hours_median: float = 4.0
    repair_sigma: float = 1.0  # of the logarithm


@dataclass(frozen=True, slots=True)
class NodeFailure:
    """One failure from a file: the node is down in [from_s, to_s) and nobody knew."""

    node: int
    from_s: int
    to_s: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """Changes to a run. The default changes nothing."""

    name: str = "as it is"
    faults: FaultModel | None = None
    failures: tuple[NodeFailure, ...] = ()
    projects: tuple[ProjectTerms, ...] = ()
    power_caps_w: dict[str, int] = field(default_factory=dict)  # site id -> cap, replaces the fleet's
    removed_pools: tuple[str, ...] = ()  # pools that never arrive
    delays_s: dict[str, int] = field(default_factory=dict)  # pool id -> whole pool arrives this much later
    demand: float = 1.0  # factor on the number of jobs: thinned or repeated with new times, by the seed
    horizon_s: int | None = None  # stop here; jobs not finished expire
