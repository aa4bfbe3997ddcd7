"""What a job asks for, joined with the fleet: as the scheduler sees it, where it could ever go, and what that costs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

from dure.executors.base import Capabilities, EngineGone
from dure.fleet import Fleet
from dure.operation.engines import Engines, engines_of
from dure.scheduler.demand import demand
from dure.scheduler.policies import POLICIES
from dure.units import HOUR_S, MILLI
from dure.vocabulary import JobKind, Refusal
from dure.workload import Workload
from dure.workload.checks import KINDS, Fault, site_faults
from dure.workload.columns import Accept, Job
from dure.workload.spec import JobSpec


def to_job(spec: JobSpec, submit_s: int, zero_utc_s: int, *, models: Collection[str] = ()) -> Job:
    """The scheduler's view of a job that came `submit_s` UTC seconds, in seconds since `zero_utc_s`.

    All models that will do count as equally fast: a time limit is wall time. `models` narrows them to these (those that
    the rules leave open); without any, or where none would be left, it is as asked.
    """
    earliest = max(0, spec.earliest_utc_s - zero_utc_s) if spec.earliest_utc_s else 0
    submitted = max(0, submit_s - zero_utc_s)
    limit = spec.limit_s
    if spec.expires_utc_s:
        limit = max(1, min(limit, spec.expires_utc_s - zero_utc_s - max(submitted, earliest)))
    return Job(
        submitted, limit, spec.accelerators, limit, spec.share_milli, spec.cores_milli, spec.memory_mib, KINDS[spec.kind],
        spec.priority, spec.project, _accept(spec, models), spec.save_every_s, earliest,
    )  # fmt: skip


def _accept(spec: JobSpec, models: Collection[str]) -> Accept:
    asked = spec.accepted()
    left = [m for m in (asked or sorted(models)) if m in models] if models else list(asked)
    return tuple((model, MILLI) for model in (left or asked))


@dataclass(frozen=True, slots=True)
class Fit:
    """A job on an empty pool."""

    charge: int  # milli-units an hour
    speed: int  # thousandths
    gang: bool = False  # on several nodes at once


def feasible(fleet: Fleet, spec: JobSpec) -> dict[str, Fit] | Refusal:
    """The pools that could ever hold a job, cheapest first, or why there is none. Pure."""
    shape = replace(to_job(spec, 0, 0), limit_s=HOUR_S, duration_s=HOUR_S, project="", priority=0, earliest_s=0)
    return _feasible(_Same(fleet), replace(shape, save_every_s=0))


def most_milli(fit: Fit, limit_s: int) -> int:
    """Milli-units that a job costs if it runs to its time limit, rounded up."""
    return -(-fit.charge * -(-limit_s * MILLI // fit.speed) // HOUR_S)


def barred(engines: Engines, spec: JobSpec, pool: str, model: str, fit: Fit) -> list[Fault]:
    """What a pool's engine cannot do of a job, and what its site does not let it name."""
    found: list[Fault] = []
    if (engine := engines.of_pool.get(pool)) is not None:
        with suppress(EngineGone):  # it is asked again before the launch
            found += _cannot(spec, model, engine.capabilities(), fit.gang)
    if (rules := engines.rules.get(pool)) is not None:
        found += site_faults(spec, rules, model)
    return found


def _cannot(spec: JobSpec, model: str, can: Capabilities, gang: bool) -> Iterator[Fault]:
    kind = KINDS[spec.kind]
    asked = (
        (kind in can.kinds, "kind", spec.kind),
        (can.gangs or not gang, "accelerators", spec.accelerators),
        (can.shares or spec.share_milli == MILLI, "share", spec.share_milli / MILLI),
        (can.images or not spec.command_for(model)[1], "image", spec.command_for(model)[1]),
        (can.stages or not spec.data, "data", ", ".join(spec.data)),
        (can.ports or kind not in (JobKind.INTERACTIVE, JobKind.SERVICE), "kind", spec.kind),
    )
    for able, field, value in asked:
        if not able:
            yield Fault((field,), "the engine there cannot do this", value)


def engines_here(fleet: Fleet) -> Engines:
    """The engines of the fleet as this machine's settings say, made once."""
    return _engines(_Same(fleet), os.environ.get("DURE_SITES", ""), os.environ.get("DURE_LOCAL", ""))


@lru_cache(maxsize=4)
def _engines(same: _Same, sites: str, local: str) -> Engines:
    return engines_of(same.fleet, {"DURE_SITES": sites, "DURE_LOCAL": local})


class _Same:
    """A fleet as a key: itself, and no other that looks the same."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def __hash__(self) -> int:
        return id(self.fleet)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.fleet is other.fleet


@lru_cache(maxsize=4096)  # real programmes ask for some hundred shapes
def _feasible(same: _Same, shape: Job) -> dict[str, Fit] | Refusal:
    fleet = same.fleet
    found = demand(fleet, Workload.from_jobs([shape]), POLICIES["fifo"], frozenset())
    if found.never[0]:
        return Refusal(int(found.never[0]))
    fits = [(int(e["charge"]) * MILLI / int(e["speed"]), int(e["pool"]), e) for e in found.entries]
    return {
        fleet.pools[pool].id: Fit(int(e["charge"]), int(e["speed"]), int(e["whole"]) + (e["rest"] > 0) > 1)
        for _, pool, e in sorted(fits, key=lambda f: f[:2])
    }
