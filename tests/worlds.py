"""Small worlds: builders for worlds made by hand, Hypothesis strategies for worlds made by chance.

A failing world prints as the code that builds it: paste it into a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum

import numpy as np
from hypothesis import strategies as st

from dure.fleet.model import Accelerator, Delivery, Fleet, Outage, Pool, Rate, Site
from dure.lifecycle import EVENT_DTYPE, PLACEMENT_DTYPE, RunLog
from dure.scheduler.policies import Backfill, Choice, Order, Placement, Policy, Weights
from dure.scheduler.terms import ProjectTerms
from dure.simulator.scenario import NodeFailure, Scenario
from dure.vocabulary import JobEvent, JobKind, Refusal
from dure.workload import ANY, Job, Workload

QUICK = Weights(age=10, fair_share=100, size=7, priority_class=50, max_age_s=40, half_life_s=30, period_s=8)
"""Multifactor weights for worlds that last a minute."""


def code(value: object) -> str:
    """The constructor call that makes `value`, defaults left out."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if is_dataclass(value) and not isinstance(value, type):
        given = [(f, getattr(value, f.name)) for f in fields(value)]
        shown = [
            f"{f.name}={code(v)}"
            for f, v in given
            if (f.default is MISSING or v != f.default) and (f.default_factory is MISSING or v != f.default_factory())
        ]
        return f"{type(value).__name__}({', '.join(shown)})"
    if isinstance(value, tuple | list):
        inner = ", ".join(map(code, value)) + ("," if isinstance(value, tuple) and len(value) == 1 else "")
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    return repr(value)


PLAIN = Scenario()


@dataclass(frozen=True)
class World:
    """Everything a run needs except the policy."""

    pools: tuple[Pool, ...]
    jobs: tuple[Job, ...] = ()
    scenario: Scenario = PLAIN
    sites: tuple[Site, ...] = (Site("s", "s", "KR"),)
    models: tuple[Accelerator, ...] = ()
    outages: tuple[Outage, ...] = ()
    rates: tuple[Rate, ...] = ()

    @property
    def fleet(self) -> Fleet:
        known = {m.id: m for m in self.models}
        named = {p.model for p in self.pools if p.model}
        models = {name: known.get(name, Accelerator(name, name, "maker", "KR")) for name in sorted(named | set(known))}
        return Fleet("world", self.sites, self.pools, models, self.outages, self.rates)

    @property
    def workload(self) -> Workload:
        return Workload.from_jobs(self.jobs)

    def __repr__(self) -> str:
        given = [(f.name, getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) != f.default]
        parts = [f"    {name}={code(value)}," for name, value in given]
        return "World(\n" + "\n".join(parts).replace("), Job(", "),\n        Job(") + "\n)"


def pool(nodes: int = 1, each: int = 4, model: str = "A", *, id: str = "", **more: object) -> Pool:
    """A pool on site `s`: plenty of cores and memory unless said otherwise."""
    given: dict[str, object] = {"site": "s", "cores_milli": 64_000, "memory_mib": 64_000, **more}
    return Pool(id=id or f"pool-{model}", model=model, nodes=nodes, accelerators_per_node=each, **given)  # type: ignore[arg-type]


def job(submit: int = 0, duration: int = 10, accelerators: int = 1, **more: object) -> Job:
    return Job(submit, duration, accelerators, **more)  # type: ignore[arg-type]


def make_log(
    events: Sequence[tuple[int, int, JobEvent, Refusal, int]], placements: Sequence[tuple[int, int, int]]
) -> RunLog:
    """A run log written by hand: (time, job, event, reason, pool) and (event row, node, device mask)."""
    return RunLog(np.array(list(events), dtype=EVENT_DTYPE), np.array(list(placements), dtype=PLACEMENT_DTYPE))


# --- by chance -----------------------------------------------------------------------------------------------------

MODELS = (
    Accelerator("A", "A", "maker", "KR", trains=True, tdp_w=100),
    Accelerator("B", "B", "maker", "US", trains=False, tdp_w=50),
    Accelerator("C", "C", "maker", "CA"),
)
ACCEPTS = (
    ANY,
    (("A", 1000),),
    (("A", 1000), ("B", 700)),
    (("B", 1300), ("C", 333)),
    (("C", 2000), ("A", 1000), ("B", 500)),
)
PROJECTS = ("default", "p", "q", "r")
FEATURES = (
    "shares", "cores", "models", "limits", "leases", "kinds", "earliest", "saves", "projects", "terms", "power",
    "outages", "deliveries", "failures", "horizon", "rates", "odd limits", "removed",
)  # fmt: skip


def _maybe(on: bool, strategy: st.SearchStrategy[object], plain: object) -> st.SearchStrategy[object]:
    return strategy if on else st.just(plain)


def pools_strategy(on: frozenset[str]) -> st.SearchStrategy[tuple[Pool, ...]]:
    def named(drawn: list[Pool]) -> tuple[Pool, ...]:
        rows = [{f.name: getattr(p, f.name) for f in fields(p)} | {"id": f"pool{i}"} for i, p in enumerate(drawn)]
        return tuple(
            Pool(**row | {"deliveries": tuple(d for d in row["deliveries"] if row["nodes"] > 1)}) for row in rows
        )

    delivery = st.lists(st.builds(Delivery, st.just(1), st.integers(1, 40)), max_size=1).map(tuple)
    one = st.builds(
        Pool,
        id=st.just(""),
        site=st.sampled_from(["s", "t"]) if "power" in on else st.just("s"),
        model=_maybe("models" in on, st.sampled_from(["A", "B", "C"]), "A"),
        nodes=st.integers(1, 4),
        accelerators_per_node=st.sampled_from([4, 2, 3, 1, 0] if "cores" in on else [4, 2, 3, 1]),
        cores_milli=_maybe("cores" in on, st.integers(1, 8).map(lambda n: n * 1000), 8000),
        memory_mib=_maybe("cores" in on, st.sampled_from([1, 5, 100]), 100),
        node_power_w=_maybe("power" in on, st.sampled_from([0, 30]), 0),
        deliveries=_maybe("deliveries" in on, delivery, ()),
    )
    return st.lists(one, min_size=1, max_size=3 if "models" in on else 1).map(named)


def job_strategy(on: frozenset[str]) -> st.SearchStrategy[Job]:
    kinds = [JobKind.BATCH, JobKind.BATCH]
    kinds += [JobKind.TRAINING] * ("kinds" in on) + [JobKind.LEASE] * ("leases" in on)

    def whole(j: Job) -> Job:
        """Shares only for one accelerator: more are refused at once and teach little."""
        wrong = j.share_milli < 1000 and (j.accelerators != 1 or j.kind == JobKind.LEASE)
        return j if not wrong else Job(**{f.name: getattr(j, f.name) for f in fields(j)} | {"share_milli": 1000})

    return st.builds(
        Job,
        submit_s=st.integers(0, 25),
        duration_s=st.integers(0, 30) if "odd limits" in on else st.integers(1, 20),
        accelerators=st.sampled_from([1, 2, 4, 1, 2, 3, 6, *([0] if "cores" in on else [])]),
        limit_s=_maybe("limits" in on, st.integers(0, 40), 0),
        share_milli=_maybe("shares" in on, st.sampled_from([1000, 500, 300, 700]), 1000),
        cores_milli=_maybe("cores" in on, st.integers(0, 9).map(lambda n: 1000 * n), 0),
        memory_mib=_maybe("cores" in on, st.sampled_from([0, 1, 4, 60]), 0),
        kind=st.sampled_from(kinds),
        priority=st.integers(0, 2),
        project=_maybe("projects" in on, st.sampled_from(PROJECTS), "default"),
        accept=_maybe("models" in on, st.sampled_from(ACCEPTS), ANY),
        save_every_s=_maybe("saves" in on, st.sampled_from([0, 3, 7]), 0),
        earliest_s=_maybe("earliest" in on, st.sampled_from([0, 0, 13, 31, 55]), 0),
    ).map(whole)


def scenario_strategy(on: frozenset[str], pools: tuple[Pool, ...]) -> st.SearchStrategy[Scenario]:
    nodes = sum(p.nodes for p in pools)
    span = st.tuples(st.integers(1, 60), st.integers(1, 20))
    failure = st.builds(lambda n, s: NodeFailure(n, s[0], s[0] + s[1]), st.integers(0, nodes - 1), span)
    terms = st.builds(
        lambda name, parent, shares, limit, budget: ProjectTerms(name, parent, shares, limit, budget),
        st.sampled_from(PROJECTS),
        st.sampled_from(["", "inner", "other"]),
        st.integers(0, 3),
        st.none() | st.integers(0, 8),
        st.none() | st.sampled_from([1, 10, 60, 200]),
    )
    tree = st.lists(terms, max_size=4, unique_by=lambda t: t.name).map(_with_parents)
    ids = [p.id for p in pools]
    return st.builds(
        Scenario,
        failures=_maybe("failures" in on, st.lists(failure, max_size=4).map(tuple), ()),
        projects=_maybe("terms" in on, tree, ()),
        power_caps_w=_maybe("power" in on, st.dictionaries(st.sampled_from(["s", "t"]), st.integers(50, 900)), {}),
        removed_pools=_maybe("removed" in on, st.sampled_from([(), *((i,) for i in ids[:-1])]), ()),
        delays_s=_maybe("deliveries" in on, st.dictionaries(st.sampled_from(ids), st.integers(1, 30), max_size=1), {}),
        horizon_s=_maybe("horizon" in on, st.integers(0, 90), None),
    )


def _with_parents(terms: list[ProjectTerms]) -> tuple[ProjectTerms, ...]:
    parents = sorted({t.parent for t in terms} - {""})
    return tuple(ProjectTerms(p, "", 1 + i) for i, p in enumerate(parents)) + tuple(terms)


@st.composite
def worlds(draw: st.DrawFn, features: Iterable[str] = FEATURES, max_jobs: int = 25) -> World:
    """A small world with some of the features; the others stay out of it altogether."""
    on = frozenset(draw(st.sets(st.sampled_from(sorted(features)), max_size=8)))
    pools = draw(pools_strategy(on))
    count = draw(st.integers(0, max_jobs))
    span = st.tuples(st.integers(0, 60), st.integers(1, 25))
    outage = st.builds(
        lambda p, s, n: Outage(p, s[0], s[0] + s[1], n),
        st.sampled_from([p.id for p in pools]), span, st.none() | st.integers(1, 2),
    )  # fmt: skip
    rate = st.builds(lambda m, r: Rate(m, r, "assumed"), st.sampled_from(["A", "B", "C"]), st.integers(0, 9000))
    return World(
        pools=pools,
        jobs=tuple(draw(st.lists(job_strategy(on), min_size=count, max_size=count))),
        scenario=draw(scenario_strategy(on, pools)),
        sites=tuple(Site(i, i, "KR", pue=p) for i, p in (("s", 1.3), ("t", 1.0))),
        models=MODELS,
        outages=tuple(draw(st.lists(outage, max_size=2))) if "outages" in on else (),
        rates=tuple(draw(st.lists(rate, max_size=3, unique_by=lambda r: r.model))) if "rates" in on else (),
    )


COMPARED_ORDERS = [o for o in Order if o is not Order.CUSTOM]
COMPARED_PLACEMENTS = [Placement.FIRST_FIT, Placement.BEST_FIT, Placement.SPREAD]
"""`random` is left to the invariants: its hash is the kernel's own."""


def make_policy(
    order: Order = Order.FIFO,
    backfill: Backfill = Backfill.NONE,
    placement: Placement = Placement.BEST_FIT,
    choice: Choice = Choice.ANY,
    preempt: bool = False,
) -> Policy:
    """A policy with weights and thresholds for worlds that last a minute."""
    preempt = preempt and backfill in (Backfill.NONE, Backfill.GREEDY)  # promises and preemption do not go together
    name = "+".join(p.name.lower() for p in (order, backfill, placement, choice)) + ("+preempt" if preempt else "")
    return Policy(name, name, order, backfill, placement, choice, preempt, QUICK, (10, 30, 100))


def policies(
    placements: Sequence[Placement] = tuple(COMPARED_PLACEMENTS), orders: Sequence[Order] = tuple(COMPARED_ORDERS)
) -> st.SearchStrategy[Policy]:
    return st.builds(
        make_policy,
        st.sampled_from(orders),
        st.sampled_from(list(Backfill)),
        st.sampled_from(placements),
        st.sampled_from(list(Choice)),
        st.booleans(),
    )
