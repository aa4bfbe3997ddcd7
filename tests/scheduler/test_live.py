"""A live snapshot that learns of everything when it happens decides as the twin that knew it all from the start."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError, InvariantBroken
from dure.fleet.model import Accelerator, Outage
from dure.kernels import codes, layout
from dure.scheduler import growth, live
from dure.scheduler.live import NodeChange
from dure.scheduler.pack import Conditions
from dure.scheduler.policies import Backfill, Choice, Order, Placement, Policy, policy
from dure.scheduler.snapshot import Event, Snapshot, advance, commit, schedule
from dure.scheduler.terms import ProjectTerms
from dure.simulator.faults import conditions
from dure.simulator.run import run
from dure.vocabulary import JobEvent, JobKind, JobState, Refusal
from dure.workload import Job, Workload
from tests.worlds import FEATURES, QUICK, World, job, make_policy, pool, worlds

Row = tuple[int, int, int, int, int]  # time, job, event, reason, pool
FAR_AHEAD = 2**39
PLENTY = 10**9


@pytest.fixture(autouse=True, scope="module")
def little_room() -> Iterator[None]:
    """Classes begin with one place, so that they move."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growth, "FEWEST", 1)
        yield


def told_alone(world: World) -> World:
    """The world as a live fleet has it: caps belong to its sites; and the twin is made to keep what a live state keeps (limits
    that bind nobody, an outage in a far year), so that it looks at jobs as often and notes the same reasons."""
    jobs = world.workload
    listed = {t.name: t for t in world.scenario.projects}
    terms = [*listed.values(), *(ProjectTerms(name) for name in jobs.projects if name not in listed)]
    bound = tuple(replace(t, limit_accelerators=PLENTY) if t.limit_accelerators is None else t for t in terms)
    sites = tuple(replace(s, power_cap_w=world.scenario.power_caps_w.get(s.id)) for s in world.sites)
    far = Outage(world.pools[0].id, FAR_AHEAD, FAR_AHEAD + 1, 1)
    scenario = replace(world.scenario, projects=bound, power_caps_w={})
    return replace(world, sites=sites, scenario=scenario, outages=(*world.outages, far))


@dataclass
class Loop:
    """A control loop with a stub engine and a virtual clock, over a world that it meets bit by bit."""

    world: World
    policy: Policy
    mode: str = "pure"  # pure, own (in place), told (every start told again, as after a part of a plan)
    capacity: int = 1
    rows: list[Row] = field(default_factory=list)
    ends: dict[int, tuple[int, int, JobEvent]] = field(default_factory=dict)  # job -> (end, order of start, how)
    history: dict[int, list[tuple[int, JobEvent, int, object]]] = field(default_factory=dict)  # of jobs not over
    started: int = 0

    def __post_init__(self) -> None:
        world, self.jobs = self.world, self.world.workload
        self.known: Conditions = conditions(world.fleet, world.scenario, 0, 10**6)
        low, high = (int(f(self.jobs.priority)) if len(self.jobs) else 0 for f in (np.min, np.max))
        self.snapshot = self.fresh((low, high))
        self.ahead = list(range(len(self.jobs)))
        self.nodes = self.known.node_events.tolist()

    def fresh(self, classes: tuple[int, int]) -> Snapshot:
        self.classes = classes
        made = Snapshot.live(
            self.world.fleet, self.policy, terms=self.known.terms, capacity=self.capacity, classes=classes
        )
        made = made.changing() if self.mode == "own" else made
        for node, start, end in self.known.closures:
            made = live.close_ahead(made, [node], start, end)
        return live.advance_nodes(made, 0, [NodeChange(v, codes.CLOSE) for v in sorted(self.known.undelivered)])

    def next_time(self) -> int | None:
        times = [int(self.jobs.submit_s[j]) for j in self.ahead[:1]] + [end for end, _, _ in self.ends.values()]
        if (wake := live.next_wake(self.snapshot)) is not None:
            times.append(wake)
        busy = bool(times) or bool((self.snapshot.state.state == JobState.WAITING).any())
        if self.nodes and busy:
            times.append(self.nodes[0][0])
        return min(times, default=None)

    def play(self, until: int = 2**60) -> list[Row]:
        while (now := self.next_time()) is not None and now <= until:
            self.moment(now)
        return self.rows

    def moment(self, now: int) -> None:
        over = sorted((order, j, how) for j, (end, order, how) in self.ends.items() if end == now)
        self.tell(now, [Event(how, j) for _, j, how in over])
        self.change_nodes(now)
        coming = [j for j in self.ahead if self.jobs.submit_s[j] == now]
        if coming:
            self.ahead = self.ahead[len(coming) :]
            self.snapshot, first = self.snapshot.extended(self.jobs.take(np.array(coming)))
            assert first == coming[0]
            self.tell(now, [Event(JobEvent.SUBMIT, j) for j in coming])
        self.decide(now)

    def change_nodes(self, now: int) -> None:
        changes = []
        while self.nodes and self.nodes[0][0] == now:
            _, node, kind = self.nodes.pop(0)
            changes.append(NodeChange(node, kind))
        if not changes:
            return
        up = self.snapshot.state.nodes["up"].copy()
        self.snapshot = live.advance_nodes(self.snapshot, now, changes)
        down = np.flatnonzero((up == 1) & (self.snapshot.state.nodes["up"] == 0)).tolist()
        self.tell(now, [Event(JobEvent.NODE_FAIL, j) for j in self.snapshot.attempts_on(down)])

    def tell(self, now: int, events: list[Event]) -> None:
        self.snapshot = advance(self.snapshot, now, events)
        refused = live.refused_forever(self.snapshot, [e.job for e in events])
        for e in events:
            self.rows.append((now, e.job, e.event, 0, -1))
            self.ends.pop(e.job, None)
            if e.event == JobEvent.SUBMIT and e.job not in refused:
                self.history[e.job] = [(now, JobEvent.SUBMIT, e.job, None)]
            elif e.event == JobEvent.SUBMIT:
                self.rows.append((now, e.job, JobEvent.REFUSE, refused[e.job], -1))
            elif e.event == JobEvent.NODE_FAIL:
                del self.history[e.job][1:]
            else:
                del self.history[e.job]

    def decide(self, now: int) -> None:
        plan = schedule(self.snapshot)
        assert plan == schedule(self.snapshot)
        log = plan.after.state.events[: plan.after.state.g[layout.G_ROWS]]  # type: ignore[union-attr]
        self.rows += [tuple(map(int, r)) for r in log.tolist()]  # type: ignore[misc]
        saved = self.snapshot.state.saved.copy()
        self.snapshot = commit(self.snapshot, replace(plan, after=None) if self.mode == "told" else plan)
        for j in plan.preempts:
            del self.ends[j], self.history[j][1:]
        for s in plan.starts:
            self.started += 1
            speed = int(self.snapshot.state.entries["speed"][s.entry])
            duration, limit = int(self.jobs.duration_s[s.job]), int(self.jobs.limit_s[s.job])
            end = now - (-(min(duration, limit) - int(saved[s.job])) * 1000 // speed)
            self.ends[s.job] = (end, self.started, JobEvent.COMPLETE if duration <= limit else JobEvent.TIME_OUT)
            self.history[s.job].append((now, JobEvent.START, s.job, s))
        if plan.again:
            self.moment(now)


def of_the_twin(world: World, chosen: Policy) -> list[Row]:
    events = run(world.fleet, world.workload, chosen, world.scenario).events
    return [tuple(map(int, r)) for r in events.tolist() if r[2] != JobEvent.EXPIRE]  # type: ignore[misc]


def placed(rows: Sequence[Row]) -> list[tuple[int, int, int]]:
    return [row[:3] for row in rows]


LIVE_FEATURES = [f for f in FEATURES if f not in ("horizon", "removed")]
EXACT = (
    "fifo",
    "greedy",
    "easy",
    "multifactor",
    "priority",
    "conservative",
    "shortest",
    "largest",
    "las",
    "preemptive",
)


def chosen_policy(name: str) -> Policy:
    return replace(policy(name), weights=QUICK, attained_thresholds=(10, 30, 100))


@pytest.mark.parametrize("name", EXACT)
def test_row_for_row_as_the_twin(name: str) -> None:
    @settings(max_examples=7, deadline=None)
    @given(worlds(features=LIVE_FEATURES))
    def compare(world: World) -> None:
        world = told_alone(world)
        rows = of_the_twin(world, chosen_policy(name))
        for mode in ("pure", "own"):
            assert Loop(world, chosen_policy(name), mode).play() == rows

    compare()


LIVE_POLICIES = st.builds(
    make_policy,
    st.sampled_from([o for o in Order if o not in (Order.SHORTEST_ORACLE, Order.CUSTOM)]),
    st.sampled_from(list(Backfill)),
    st.sampled_from(
        [Placement.FIRST_FIT, Placement.BEST_FIT, Placement.SPREAD, Placement.RANDOM, Placement.DOT_PRODUCT]
    ),
    st.sampled_from([Choice.ANY, Choice.FASTEST, Choice.CHEAPEST]),
    st.booleans(),
)


@settings(max_examples=30, deadline=None)
@given(worlds(features=LIVE_FEATURES), LIVE_POLICIES, st.sampled_from(["pure", "own"]))
def test_any_policy_row_for_row_as_the_twin(world: World, chosen: Policy, mode: str) -> None:
    world = told_alone(world)
    assert Loop(world, chosen, mode).play() == of_the_twin(world, chosen)


SOME = [f for f in LIVE_FEATURES if f != "leases"]  # what a lease was promised is known to the pass alone


@settings(max_examples=16, deadline=None)
@given(worlds(features=SOME), st.sampled_from(["fifo", "greedy", "easy", "shortest", "preemptive"]))
def test_the_plain_twin_takes_the_same_decisions(world: World, name: str) -> None:
    """One that keeps only what its jobs need, without the reasons; and every start told again, not kept from the pass."""
    twin = placed(
        of_the_twin(
            replace(told_alone(world), outages=world.outages, scenario=replace(world.scenario, power_caps_w={})),
            chosen_policy(name),
        )
    )
    assert sorted(placed(Loop(told_alone(world), chosen_policy(name), "told").play())) == sorted(twin)


@settings(max_examples=24, deadline=None)
@given(worlds(features=SOME), st.sampled_from(["fifo", "greedy", "easy"]), st.integers(0, 60))
def test_a_loop_that_was_killed_goes_on_as_if_it_had_not_been(world: World, name: str, when: int) -> None:
    world = told_alone(world)
    loop = Loop(world, chosen_policy(name))
    loop.play(until=when)
    old, now = loop.snapshot, loop.snapshot.now_s
    made = Snapshot.live(world.fleet, loop.policy, terms=loop.known.terms, capacity=1, classes=loop.classes)
    made, _ = made.extended(world.workload.head(len(world.workload) - len(loop.ahead)))
    for row in loop.history:
        made = live.set_saved(made, row, int(old.state.saved[row]))
    order = {j: order for j, (_, order, _) in loop.ends.items()}
    starts = [(at, s) for rows in loop.history.values() for at, event, _, s in rows if event == JobEvent.START]
    starts.sort(key=lambda row: (row[0], order[row[1].job]))  # type: ignore[attr-defined]
    for node, start, end in loop.known.closures:
        if end > now:
            made = live.close_ahead(made, [node], start, end)
    made = live.resumed(made, now, sorted(loop.history), starts)  # type: ignore[arg-type]
    nodes = old.state.nodes
    down = [NodeChange(v, codes.FAIL) for v in range(len(nodes)) for _ in range(nodes["failed"][v])]
    down += [NodeChange(v, codes.CLOSE) for v in range(len(nodes)) for _ in range(nodes["planned"][v])]
    made = live.advance_nodes(made, now, down)
    for i, terms in enumerate(loop.known.terms):
        made = live.set_terms(made, terms, budget_milli_unit_s=int(old.state.projects["budget"][i]))
    loop.snapshot = commit(made, schedule(made))
    assert loop.snapshot.reasons() == old.reasons()
    assert placed(loop.play()) == placed(of_the_twin(world, chosen_policy(name)))


@settings(max_examples=20, deadline=None)
@given(
    worlds(features=[f for f in LIVE_FEATURES if f != "failures"]),
    st.sampled_from(["fifo", "greedy", "easy", "conservative", "multifactor", "las", "preemptive"]),
)
def test_what_is_foretold_comes_true_if_the_run_times_do(world: World, name: str) -> None:
    world = told_alone(world)
    loop = Loop(world, chosen_policy(name))
    jobs = world.workload
    loop.play(until=int(jobs.submit_s.max(initial=0)))
    snapshot, before = loop.snapshot, [a.copy() for a in loop.snapshot.state]
    waiting = sorted(snapshot.reasons())
    found = live.foretell(snapshot, waiting, lambda _, rows: jobs.duration_s[rows], [1, 2], FAR_AHEAD - 1)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, snapshot.state, strict=True))
    past = len(loop.rows)
    later: dict[int, int] = {}
    for at, row, event, *_ in loop.play()[past:]:
        if event == JobEvent.START and at < FAR_AHEAD:
            later.setdefault(row, at)
    for line in found:
        assert dict(zip(waiting, line.tolist(), strict=True)) == {j: later.get(j, -1) for j in waiting}


# --- by hand -------------------------------------------------------------------------------------------------------


def small(name: str = "greedy", each: int = 2, nodes: int = 1, **more: object) -> Snapshot:
    world = World(pools=(pool(nodes, each),))
    return Snapshot.live(world.fleet, policy(name), capacity=1, **more)  # type: ignore[arg-type]


def with_jobs(snapshot: Snapshot, *jobs: Job) -> Snapshot:
    snapshot, first = snapshot.extended(Workload.from_jobs(jobs))
    return advance(snapshot, snapshot.now_s, [Event(JobEvent.SUBMIT, first + i) for i in range(len(jobs))])


def started(snapshot: Snapshot) -> list[int]:
    return [s.job for s in schedule(snapshot).starts]


def run_pass(snapshot: Snapshot) -> Snapshot:
    return commit(snapshot, schedule(snapshot))


def test_no_delta_changes_the_snapshot_it_is_given() -> None:
    old = run_pass(with_jobs(small("priority", each=2, nodes=2), job(0, 100), job(0, 100, 2), job(0, 100, 4)))
    before = [a.copy() for a in old.state]
    terms = ProjectTerms("default", shares=3, limit_accelerators=1)
    deltas: list[Callable[[Snapshot], Snapshot]] = [
        lambda s: with_jobs(s, *(job(0, 5, project=f"p{i}") for i in range(50))),
        lambda s: advance(s, 7, [Event(JobEvent.FAIL, 0), Event(JobEvent.ENGINE_FAIL, 1), Event(JobEvent.CANCEL, 2)]),
        lambda s: live.advance_nodes(s, 9, [NodeChange(0, codes.FAIL)]),
        lambda s: live.close_no_more(live.close_ahead(s, [0, 1], 20, 30), [0]),
        lambda s: live.set_terms(s, terms, budget_milli_unit_s=0),
        lambda s: live.remember_usage(s, {"default": 5.0}),
        lambda s: live.set_cap(s, "s", 1),
        lambda s: live.set_saved(s, 2, 50),
        run_pass,
    ]
    for delta in deltas:
        delta(old)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(before, old.state, strict=True))


def test_a_job_that_failed_is_over_and_one_that_the_engine_lost_waits_again() -> None:
    snapshot = run_pass(with_jobs(small(), job(0, 100), job(0, 100)))
    assert snapshot.attempts_on([0]) == [0, 1]
    snapshot = advance(snapshot, 5, [Event(JobEvent.FAIL, 0), Event(JobEvent.ENGINE_FAIL, 1)])
    assert [snapshot.job_state(j) for j in (0, 1)] == [JobState.FAILED, JobState.WAITING]
    assert started(snapshot) == [1]


def test_a_part_of_a_plan_may_be_committed() -> None:
    snapshot = with_jobs(small(), job(0, 100), job(0, 100))
    plan = schedule(snapshot)
    snapshot = commit(snapshot, replace(plan, starts=plan.starts[1:]))
    assert [snapshot.job_state(j) for j in (0, 1)] == [JobState.WAITING, JobState.RUNNING]
    assert started(snapshot) == [0]
    with pytest.raises(InvariantBroken, match="job 1 in state RUNNING cannot START"):
        commit(snapshot, replace(plan, after=None))


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["easy", "conservative", "multifactor"]))
def test_memory_of_the_pass_before_is_used_again_unseen(rng: random.Random, name: str) -> None:
    """In place, whatever part of its plans is carried out, as if every pass had memory of its own."""
    pure, own = small(name, nodes=3), small(name, nodes=3).changing()
    for now in range(8):
        jobs = [job(0, rng.randint(1, 9), rng.randint(1, 3), project=f"p{rng.randint(0, 9)}") for _ in range(now)]
        running = np.flatnonzero(pure.state.state == JobState.RUNNING).tolist()
        over = [Event(JobEvent.COMPLETE, j) for j in running if rng.random() < 0.5]
        pure, own = (with_jobs(advance(s, now, over), *jobs) for s in (pure, own))
        plans = schedule(pure), schedule(own)
        assert plans[0] == plans[1] == schedule(own)
        part = rng.choice([plans[0].starts, plans[0].starts[1:]])
        kept = rng.random() < 0.8
        pure, own = (
            commit(s, replace(p, starts=part, after=p.after if kept else None))
            for s, p in zip((pure, own), plans, strict=True)
        )
        assert pure.reasons() == own.reasons()


def test_a_lease_keeps_what_it_was_promised_when_a_start_beside_it_fails() -> None:
    snapshot = with_jobs(small(), job(0, 50, 2, kind=JobKind.LEASE, earliest_s=30), job(0, 20), job(0, 20))
    plan = schedule(snapshot)
    snapshot = commit(snapshot, replace(plan, starts=plan.starts[:1]))
    assert live.next_wake(snapshot) == 30
    snapshot = advance(snapshot, 5, [])
    assert started(snapshot) == [2]
    assert started(advance(snapshot, 15, [])) == []
    assert snapshot.reasons([0]) == {0: Refusal.NOT_YET}


def test_an_outage_known_ahead_keeps_long_jobs_away_until_it_is_called_off() -> None:
    snapshot = live.close_ahead(small(), [0], 50, 60)
    snapshot = with_jobs(snapshot, job(0, 100), job(0, 50))
    assert started(snapshot) == [1]
    assert snapshot.reasons([0]) == {0: Refusal.RESERVED}
    assert started(live.close_no_more(snapshot, [0])) == [0, 1]
    closed = live.advance_nodes(snapshot, 50, [NodeChange(0, codes.CLOSE)])
    assert started(closed) == []
    assert closed.reasons([0]) == {0: Refusal.NODES_DOWN}
    assert started(live.advance_nodes(closed, 60, [NodeChange(0, codes.OPEN)])) == [0, 1]


@pytest.mark.parametrize("name", ["easy", "conservative"])
def test_who_was_promised_a_place_in_an_outage_is_promised_another(name: str) -> None:
    snapshot = run_pass(with_jobs(small(name), job(0, 40, 2), job(0, 30, 2)))
    snapshot = run_pass(live.close_ahead(snapshot, [0], 60, 80))
    snapshot = run_pass(with_jobs(advance(snapshot, 40, [Event(JobEvent.COMPLETE, 0)]), job(0, 20)))
    assert [snapshot.job_state(j) for j in (1, 2)] == [JobState.WAITING, JobState.RUNNING]


def test_a_repair_of_what_did_not_fail_is_a_bug() -> None:
    with pytest.raises(InvariantBroken, match="node 0 was not down"):
        live.advance_nodes(small(), 1, [NodeChange(0, codes.REPAIR)])


def test_limits_and_budgets_change_while_jobs_wait() -> None:
    snapshot = small(terms=[ProjectTerms("default", limit_accelerators=1)])
    snapshot = run_pass(with_jobs(snapshot, job(0, 100), job(0, 100)))
    assert snapshot.reasons() == {1: Refusal.PROJECT_LIMIT}
    assert started(live.set_terms(snapshot, ProjectTerms("default"))) == [1]
    poor = live.set_terms(snapshot, ProjectTerms("default"), budget_milli_unit_s=0)
    assert started(poor) == []
    assert poor.reasons() == {1: Refusal.BUDGET}
    poor = run_pass(poor)
    assert started(live.set_terms(poor, ProjectTerms("default"), budget_milli_unit_s=10**9)) == [1]


def test_a_lower_cap_stops_nobody_and_a_higher_one_lets_the_next_start() -> None:
    world = World(pools=(pool(1, 2),), models=(Accelerator("A", "A", "maker", "KR", tdp_w=100),))
    snapshot = Snapshot.live(world.fleet, policy("greedy"))
    snapshot = run_pass(with_jobs(snapshot, job(0, 100)))
    snapshot = run_pass(with_jobs(live.set_cap(snapshot, "s", 1), job(0, 100)))
    assert snapshot.reasons() == {1: Refusal.POWER_CAP}
    assert snapshot.job_state(0) == JobState.RUNNING
    assert started(live.set_cap(snapshot, "s", 10_000)) == [1]
    assert started(live.set_cap(snapshot, "s", None)) == [1]
    assert live.refused_forever(snapshot, [0, 1]) == {}


def test_usage_survives_and_decides_who_goes_first() -> None:
    terms = [ProjectTerms("p"), ProjectTerms("q")]
    snapshot = small("multifactor", each=1, terms=terms)
    snapshot = with_jobs(snapshot, job(0, 100, project="p"), job(0, 100, project="q"))
    assert started(snapshot) == [0]
    snapshot = live.remember_usage(snapshot, {"p": 1e6})
    assert live.usage_of(snapshot) == {"p": 1e6, "q": 0.0}
    assert started(snapshot) == [1]


def test_a_job_whose_work_is_saved_fits_before_an_outage() -> None:
    snapshot = with_jobs(live.close_ahead(small(), [0], 50, 60), job(0, 100))
    assert started(snapshot) == []
    assert started(live.set_saved(snapshot, 0, 60)) == [0]
    with pytest.raises(InputError, match="0 to 100 s"):
        live.set_saved(snapshot, 0, 101)


def test_what_a_live_snapshot_cannot_do_is_refused_with_what_it_can() -> None:
    for name in ("oracle", "fgd", "packed", "greedy+spare"):
        with pytest.raises(InputError, match="know the jobs before they come"):
            small(name)
    with pytest.raises(InputError, match="has jobs of its own"):
        with_jobs(small(terms=[ProjectTerms("a"), ProjectTerms("b", "a")]), job(0, 1, project="a"))
    with pytest.raises(InvariantBroken, match="only a live snapshot"):
        Snapshot.of(World(pools=(pool(),)).fleet, Workload.from_jobs([]), policy("fifo")).extended(
            Workload.from_jobs([])
        )


def test_jobs_that_can_never_run_are_named() -> None:
    snapshot = small(terms=[ProjectTerms("p", limit_accelerators=1)])
    snapshot, first = snapshot.extended(Workload.from_jobs([job(0, 1, 9), job(0, 1, 2, project="p"), job(0, 1)]))
    never = live.refused_forever(snapshot, [first, first + 1, first + 2])
    assert never == {0: Refusal.NEVER_FITS, 1: Refusal.OVER_PROJECT_LIMIT_EVER}
