"""What a user hands in, as objects: a path is opened, an object passes as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dure.scheduler.policies import Policy, policy

if TYPE_CHECKING:
    from dure.fleet.model import Fleet
    from dure.simulator.scenario import Scenario
    from dure.workload.columns import Workload


@dataclass(frozen=True, slots=True)
class Reading:
    """How a trace is read. The fields are those of `formats.workloads.open_workload`."""

    fmt: str | None = None
    skip_bad: bool = False
    throughputs: Path | None = None
    processors: Literal["cores", "accelerators"] = "cores"
    jobs: int | None = None  # only the first so many; for a generator, how many to make
    days: float | None = None  # of a generator only


def open_fleet(source: Fleet | str | Path) -> Fleet:
    """A fleet from its TOML or an openb node list. Raises InputErrors with every fault of the file."""
    if not isinstance(source, str | Path):
        return source
    from dure.formats import fleets

    return fleets.open_fleet(source)


def open_scenario(source: Scenario | str | Path | None, fleet: Fleet | None = None) -> Scenario:
    """A scenario from its TOML, checked against the fleet; None is the scenario that changes nothing."""
    from dure.formats import scenarios
    from dure.simulator.scenario import Scenario

    if source is None:
        return Scenario()
    return scenarios.open_scenario(source, fleet) if isinstance(source, str | Path) else source


def open_workload(source: Workload | str | Path, reading: Reading = Reading(), *, seed: int = 0) -> Workload:
    """A workload from a trace in any format, or made with `seed` from a generator's TOML."""
    return workload_maker(source, reading)(seed)


def workload_maker(source: Workload | str | Path, reading: Reading = Reading()) -> Callable[[int], Workload]:
    """A function from seed to workload: a trace is the same for every seed, a generator makes one for each."""
    if isinstance(source, str | Path) and Path(source).suffix == ".toml":
        from dure.formats.generators import open_generator
        from dure.workload.generator import generate

        params = open_generator(Path(source))
        return lru_cache(maxsize=1)(lambda seed: generate(params, seed=seed, jobs=reading.jobs, days=reading.days))
    if isinstance(source, str | Path):
        from dure.formats.workloads import open_workload as read

        source = read(
            Path(source),
            fmt=reading.fmt,
            skip_bad=reading.skip_bad,
            throughputs=reading.throughputs,
            processors=reading.processors,
        )
    fixed = source if reading.jobs is None else source.head(reading.jobs)
    return lambda seed: fixed


def open_policy(source: Policy | str) -> Policy:
    """A policy by name or composition (`easy+fgd`). Raises UnknownName."""
    return policy(source) if isinstance(source, str) else source
