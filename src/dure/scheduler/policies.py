"""Policies: named compositions of integer-coded parts, in one table.

A policy is five choices (order, backfill, placement, choice of model, preemption) and a few numbers. The parts are
defined in `docs/background/scheduling.md`; their codes are what the kernels read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

from dure.errors import UnknownName
from dure.units import DAY_S, HOUR_S, WEEK_S


class Order(IntEnum):
    """Which waiting job goes first."""

    FIFO = 0
    SHORTEST = 1
    SHORTEST_ORACLE = 2
    LARGEST = 3
    PRIORITY = 4
    LEAST_ATTAINED = 5
    MULTIFACTOR = 6
    CUSTOM = 7


class Backfill(IntEnum):
    """Who may start before the first job that has to wait."""

    NONE = 0
    GREEDY = 1
    EASY = 2
    CONSERVATIVE = 3


class Placement(IntEnum):
    """Which of the nodes that fit is taken."""

    FIRST_FIT = 0
    BEST_FIT = 1
    SPREAD = 2
    RANDOM = 3
    BEST_FIT_CORES = 4
    DOT_PRODUCT = 5
    PACKING = 6
    CLUSTERING = 7
    FGD = 8
    PRICE = 9
    CUSTOM = 10


class Choice(IntEnum):
    """Which accelerator model is taken when several will do."""

    ANY = 0
    FASTEST = 1
    CHEAPEST = 2
    SPARE = 3


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights and times of the multifactor priority (Slurm's names in brackets)."""

    age: int = 1_000  # PriorityWeightAge
    fair_share: int = 10_000  # PriorityWeightFairshare
    size: int = 0  # PriorityWeightJobSize
    priority_class: int = 20_000  # PriorityWeightQOS
    max_age_s: int = WEEK_S  # PriorityMaxAge
    half_life_s: int = WEEK_S  # PriorityDecayHalfLife
    period_s: int = 300  # PriorityCalcPeriod


@dataclass(frozen=True, slots=True)
class Policy:
    """How a queue is ordered, backfilled and placed."""

    name: str
    summary: str
    order: Order = Order.FIFO
    backfill: Backfill = Backfill.NONE
    placement: Placement = Placement.BEST_FIT
    choice: Choice = Choice.ANY
    preempt: bool = False
    weights: Weights = Weights()
    attained_thresholds: tuple[int, ...] = (HOUR_S, 8 * HOUR_S, 4 * DAY_S)  # accelerator-seconds, least_attained only
    order_function: Callable[..., float] | None = None  # Order.CUSTOM
    score_function: Callable[..., float] | None = None  # Placement.CUSTOM


def _table(*policies: Policy) -> dict[str, Policy]:
    return {p.name: p for p in policies}


POLICIES: dict[str, Policy] = _table(
    Policy("fifo", "first come, first served; nobody passes"),
    Policy("greedy", "first come first, but whoever fits may start", backfill=Backfill.GREEDY),
    Policy("shortest", "shortest time limit first, whoever fits", order=Order.SHORTEST, backfill=Backfill.GREEDY),
    Policy(
        "oracle",
        "shortest true duration first, whoever fits: a bound, not a policy one can run",
        order=Order.SHORTEST_ORACLE,
        backfill=Backfill.GREEDY,
    ),
    Policy("largest", "largest job first, whoever fits", order=Order.LARGEST, backfill=Backfill.GREEDY),
    Policy(
        "las",
        "least attained service first, in levels, with preemption",
        order=Order.LEAST_ATTAINED,
        backfill=Backfill.GREEDY,
        preempt=True,
    ),
    Policy("easy", "first come first; others may pass if they do not delay the first", backfill=Backfill.EASY),
    Policy("conservative", "first come first; others may pass if they delay nobody", backfill=Backfill.CONSERVATIVE),
    Policy(
        "priority",
        "age, fair share and class (Slurm's multifactor with Fair Tree), EASY backfill",
        order=Order.MULTIFACTOR,
        backfill=Backfill.EASY,
    ),
    Policy(
        "multifactor",
        "age, fair share and class, whoever fits",
        order=Order.MULTIFACTOR,
        backfill=Backfill.GREEDY,
    ),
    Policy(
        "preemptive",
        "priority class first, whoever fits; higher classes stop lower ones",
        order=Order.PRIORITY,
        backfill=Backfill.GREEDY,
        preempt=True,
    ),
    Policy(
        "packed",
        "greedy, placed by Dure's prices of left-over parts",
        backfill=Backfill.GREEDY,
        placement=Placement.PRICE,
    ),
    Policy(
        "fgd", "greedy, placed by fragmentation gradient descent", backfill=Backfill.GREEDY, placement=Placement.FGD
    ),
)


def policy(spec: str) -> Policy:
    """A policy by name, or composed: `easy+shortest+fgd+fastest` changes parts of the first by name.

    Raises UnknownName, listing what there is.
    """
    first, *parts = [p.strip().lower().replace("-", "_") for p in spec.split("+")]
    if first not in POLICIES:
        raise UnknownName("policy", first, POLICIES)
    chosen = POLICIES[first]
    for part in parts:
        chosen = _with_part(chosen, part)
    return replace(chosen, name=spec) if parts else chosen


_PARTS: dict[str, dict[str, object]] = {
    "preempt": {"preempt": True},
    "no_preempt": {"preempt": False},
    **{o.name.lower(): {"order": o} for o in Order if o is not Order.CUSTOM},
    **{b.name.lower(): {"backfill": b} for b in Backfill},
    **{p.name.lower(): {"placement": p} for p in Placement if p is not Placement.CUSTOM},
    **{c.name.lower(): {"choice": c} for c in Choice},
}


def _with_part(chosen: Policy, part: str) -> Policy:
    if part not in _PARTS:
        raise UnknownName("part of a policy", part, _PARTS)
    return replace(chosen, **_PARTS[part])  # type: ignore[arg-type]
