"""The kernels: speed of the replay, growth with the number of jobs, first compile and start-up, a peer beside them.

Time is from a `Workload` in memory to the complete run log, on one core, after the first compile. Every log is
counted through, the first jobs of each case are held against all invariants of a run, and FIFO against a plain queue
written here, before a row is printed.
"""

from __future__ import annotations

import heapq
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bench import cases
from bench.cases import Case
from bench.rows import Row
from dure.formats.workloads import open_workload
from dure.lifecycle import RunLog
from dure.scheduler.policies import Policy, policy
from dure.scheduler.snapshot import Event, Plan, Snapshot, advance, commit, schedule
from dure.simulator.check import require
from dure.simulator.run import run as replay
from dure.simulator.scenario import Scenario
from dure.vocabulary import JobEvent
from dure.workload import Workload

REPEATS = 5
LONG_S = 10.0  # what takes longer is run twice
QUEUE_POLICIES = ("fifo", "shortest", "greedy")
TARGETS = {"multifactor": 300_000, "easy": 300_000, "conservative": 30_000}
GROWTH = (100_000, 1_000_000, 10_000_000)
PEER_JOBS = 5_000
CHECKED = 100_000  # jobs of a case whose log is held against all invariants, which takes longer than the run
PLAIN = Scenario()
_ROOT = Path(__file__).resolve().parents[1]

Ints = NDArray[np.int64]
T = TypeVar("T")


def run(data: Path | None) -> Iterator[Row]:
    """All rows, the quick ones first."""
    yield from start_up()
    name, jobs = cases.base(data)
    one = Case(name, cases.fleet(cases.PHILLY_ACCELERATORS // cases.DEVICES), jobs)
    assert np.array_equal(starts(one, replay(one.fleet, jobs, "fifo")), plain_fifo(one)), "not first come, first served"
    laid = cases.end_to_end(name, jobs)
    waits = {}
    for which in QUEUE_POLICIES:
        row, waits[which] = speed(laid, which, 2_000_000)
        yield row
    assert waits["shortest"] <= waits["greedy"] <= waits["fifo"], f"mean waits {waits}"
    for case in (cases.superimposed(name, jobs), cases.mix()):
        yield from contended(case)
    yield from decisions()
    yield from growth()
    yield from beside_peer(name, jobs)


def contended(case: Case) -> Iterator[Row]:
    """All policies on one case; those with shorter queues must have shorter mean waits."""
    waits = {}
    for which in QUEUE_POLICIES:
        row, waits[which] = speed(case, which, 500_000)
        yield row
    for which, target in TARGETS.items():
        row, waits[which] = speed(case, which, target)
        yield row
    assert waits["shortest"] <= waits["greedy"], f"mean waits {waits}"
    assert max(waits["greedy"], waits["easy"], waits["conservative"]) <= waits["fifo"], f"mean waits {waits}"


def speed(case: Case, which: str, target: float) -> tuple[Row, float]:
    """Jobs a second of one policy, mean and standard deviation of five runs, and the mean wait in seconds."""
    chosen = policy(which)
    scenario = case.terms() if which == "multifactor" else PLAIN
    few = replace(case, jobs=case.jobs.head(CHECKED))
    require(few.fleet, few.jobs, chosen, scenario, replay(few.fleet, few.jobs, chosen, scenario))
    log, first = _timed(case, chosen, scenario)
    wait = float((starts(case, log) - case.jobs.submit_s).mean())
    digest, rates = _digest(log), [len(case.jobs) / first]
    del log
    for _ in range((REPEATS if first < LONG_S else 2) - 1):
        log, seconds = _timed(case, chosen, scenario)
        assert _digest(log) == digest, "two runs of one seed differ"
        rates.append(len(case.jobs) / seconds)
    label = "multifactor, fair tree, limits" if which == "multifactor" else which
    return Row.at_least(f"{case.name}, {label}", mean(rates), stdev(rates), "jobs/s", target), wait


def _timed(case: Case, chosen: Policy, scenario: Scenario) -> tuple[RunLog, float]:
    start = perf_counter()
    log = replay(case.fleet, case.jobs, chosen, scenario)
    return log, perf_counter() - start


def _digest(log: RunLog) -> tuple[int, int]:
    return crc32(log.events.tobytes()), crc32(log.placements.tobytes())


def starts(case: Case, log: RunLog) -> Ints:
    """When each job started. AssertionError unless the rows are one submission, start and end of every job, each ran as
    long as it should, and never more accelerators were in use than there are."""
    jobs, events = len(case.jobs), log.events
    assert log.complete, "the run was stopped"
    assert len(events) == 3 * jobs, f"{len(events)} rows for {jobs} jobs"
    begun = events[events["event"] == JobEvent.START]
    ended = events[(events["event"] == JobEvent.COMPLETE) | (events["event"] == JobEvent.TIME_OUT)]
    for rows in (begun, ended):
        assert np.array_equal(np.sort(rows["job"]), np.arange(jobs)), "a job without exactly one start and one end"
    at, end = np.empty(jobs, np.int64), np.empty(jobs, np.int64)
    at[begun["job"]], end[ended["job"]] = begun["time_s"], ended["time_s"]
    assert np.array_equal(end - at, cases.lasts(case.jobs)), "a job ran longer or shorter than it should"
    sign = np.select([events["event"] == JobEvent.START, events["event"] == JobEvent.SUBMIT], [1, 0], -1)
    used = np.cumsum(sign * case.jobs.accelerators[events["job"]].astype(np.int64))
    assert used.min() >= 0, "given back before it was taken"
    assert used.max() <= case.fleet.accelerators, "more in use than there is"
    return at


def plain_fifo(case: Case) -> Ints:
    """Start times under first come, first served and best fit, from the definition; for jobs of accelerators alone."""
    pool = case.fleet.pools[0]
    free = np.full(pool.nodes, pool.accelerators_per_node)
    ends: list[tuple[int, int, Ints, Ints]] = []  # (end, job, nodes, accelerators on each)
    started, now = np.zeros(len(case.jobs), np.int64), 0
    columns = zip(
        case.jobs.submit_s.tolist(), cases.lasts(case.jobs).tolist(), case.jobs.accelerators.tolist(), strict=True
    )
    for job, (submit, last, count) in enumerate(columns):
        now = max(now, submit)
        while True:
            while ends and ends[0][0] <= now:
                _, _, nodes, parts = heapq.heappop(ends)
                free[nodes] += parts
            if (place := _best_fit(free, count, pool.accelerators_per_node)) is not None:
                break
            now = ends[0][0]
        free[place[0]] -= place[1]
        heapq.heappush(ends, (now + last, job, *place))
        started[job] = now
    return started


def _best_fit(free: Ints, count: int, each: int) -> tuple[Ints, Ints] | None:
    """(nodes, accelerators on each): whole nodes of lowest number, the rest where the least is left; None: no room."""
    whole, rest = (0, count) if count <= each else divmod(count, each)
    nodes = np.flatnonzero(free == each)[:whole]
    if len(nodes) < whole:
        return None
    if rest:
        left = np.where(free >= rest, free, each + 1)
        left[nodes] = each + 1
        tightest = int(left.argmin())
        if left[tightest] > each:
            return None
        nodes = np.append(nodes, tightest)
    return nodes, np.array([each] * whole + [rest] * (rest > 0))


# --- one decision --------------------------------------------------------------------------------------------------

LIVE_NODES, LIVE_PENDING, LIVE_CHANGED = 12_500, 100_000, 1_000
LIVE_JOBS = 150_000  # of which more than the pending wait when the fleet is full


def decisions() -> Iterator[Row]:
    """One `schedule()` on a full fleet of 100,000 accelerators after 1,000 events, and the `advance()` before it."""
    case = cases.mix(LIVE_JOBS + LIVE_CHANGED // 2)
    now = int(case.jobs.submit_s[-1])
    for which in ("greedy", "priority"):
        snapshot = Snapshot.of(cases.fleet(LIVE_NODES), case.jobs, policy(which))
        snapshot = advance(snapshot, now, [Event(JobEvent.SUBMIT, job) for job in range(LIVE_JOBS)])
        first = schedule(snapshot)
        snapshot = commit(snapshot, first)
        pending = LIVE_JOBS - len(first.starts)
        assert pending >= LIVE_PENDING, f"only {pending} jobs wait"
        ended = [Event(JobEvent.COMPLETE, s.job) for s in first.starts[: LIVE_CHANGED // 2]]
        came = [Event(JobEvent.SUBMIT, LIVE_JOBS + i) for i in range(LIVE_CHANGED - len(ended))]
        told = [_clocked(lambda: advance(snapshot, now + 60, ended + came)) for _ in range(REPEATS)]  # noqa: B023
        decided = [_clocked(lambda: schedule(told[0][0])) for _ in range(REPEATS)]  # noqa: B023
        plan = decided[0][0]
        assert plan.starts, "half a thousand jobs ended and none was started"
        assert all(p == plan for p, _ in decided), "one snapshot, two plans"
        _check_room(first, plan, {e.job for e in ended})
        spent, before = ([1000 * s for _, s in timed] for timed in (decided, told))
        what = f"{which}: 100,000 accelerators, {pending:,} pending"
        yield Row.at_most(f"schedule(), {what}", mean(spent), stdev(spent), "ms", 50)
        yield Row(f"advance() by {LIVE_CHANGED:,} events, {what}", mean(before), stdev(before), "ms")


def _clocked(work: Callable[[], T]) -> tuple[T, float]:
    start = perf_counter()
    return work(), perf_counter() - start


def _check_room(first: Plan, second: Plan, ended: set[int]) -> None:
    """AssertionError if the second plan takes a device that a job of the first still holds, or one twice."""
    taken: set[tuple[int, int]] = set()
    for start in [s for s in first.starts if s.job not in ended] + list(second.starts):
        for node, mask in zip(start.nodes, start.devices, strict=True):
            devices = {(node, d) for d in range(cases.DEVICES) if mask >> d & 1}
            assert not taken & devices, f"job {start.job} takes devices in use"
            taken |= devices


# --- growth --------------------------------------------------------------------------------------------------------


def growth() -> Iterator[Row]:
    """Jobs a second and memory of ever more jobs at constant load, each size in a process of its own."""
    rates = {}
    for count in GROWTH:
        out = json.loads(_python("-m", "bench.growth", str(count)))
        rates[count] = mean(out["rates"])
        yield Row(f"{count:,} jobs at constant load, greedy", rates[count], stdev(out["rates"]), "jobs/s")
        if count == GROWTH[-1]:
            yield Row.at_most(f"memory above the input, {count:,} jobs", out["bytes"] / count, None, "B/job", 200)
    fall = 100 * (1 - rates[GROWTH[-1]] / rates[GROWTH[0]])
    yield Row.at_most(f"fall of jobs/s from {GROWTH[0]:,} to {GROWTH[-1]:,} jobs", fall, None, "%", 30)


# --- start-up ------------------------------------------------------------------------------------------------------

_HELP = """
import sys
from dure.cli.main import main
sys.argv = ["dure", "--help"]
try:
    main()
finally:
    assert "numba" not in sys.modules, "help waits for the compiler"
"""
_FIRST_RUN = """
from bench import cases
from dure.simulator.run import run
case = cases.steady(1_000)
assert len(run(case.fleet, case.jobs, "fifo").events) == 3_000
"""


def start_up() -> Iterator[Row]:
    """Seconds of whole processes: the help, the first run with nothing compiled, and the next one."""
    helped = [_seconds("-c", _HELP, shows="simulate") for _ in range(REPEATS + 1)][1:]  # the first fills file caches
    yield Row.at_most("dure --help", mean(helped), stdev(helped), "s", 0.3)
    with TemporaryDirectory() as cache:
        first = _seconds("-c", _FIRST_RUN, cache=cache)
        assert any(Path(cache).rglob("*.nbi")), "nothing was kept of what was compiled"
        again = [_seconds("-c", _FIRST_RUN, cache=cache) for _ in range(3)]
    yield Row.at_most("first run, everything compiled", first, None, "s", 30)
    yield Row("next run, compiled code from disk", mean(again), stdev(again), "s")


def _seconds(*arguments: str, cache: str = "", shows: str = "") -> float:
    start = perf_counter()
    assert shows in _python(*arguments, cache=cache)
    return perf_counter() - start


def _python(*arguments: str, cache: str = "") -> str:
    """What a Python process prints that finds `bench` and `dure`. CalledProcessError if it fails."""
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPATH": f"{_ROOT}/src"}
    environ |= {"NUMBA_CACHE_DIR": cache} if cache else {}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=_ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout


# --- a peer --------------------------------------------------------------------------------------------------------


def beside_peer(name: str, jobs: Workload) -> Iterator[Row]:
    """AccaSim's FIFO on the same SWF file, if $DURE_BENCH_PEER names a Python that has it; starts must be the same."""
    peer = os.environ.get("DURE_BENCH_PEER")
    if not peer:
        return
    case = cases.on_single_accelerators(jobs, PEER_JOBS)
    with TemporaryDirectory() as place:
        swf, system = Path(place, "jobs.swf"), Path(place, "system.json")
        swf.write_text(_swf(case.jobs))
        groups = {
            "groups": {"all": {"core": cases.DEVICES}},
            "resources": {"all": case.fleet.accelerators // cases.DEVICES},
        }
        system.write_text(json.dumps({**groups, "equivalence": {"processor": {"core": 1}}, "start_time": 0}))
        command = [peer, str(Path(__file__).with_name("peer.py")), str(swf), str(system), place]
        theirs = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        same = replace(case, jobs=open_workload(swf, processors="accelerators"))
    log, _ = _timed(same, policy("fifo"), PLAIN)
    ours = starts(same, log)
    assert ours.tolist() == [theirs["starts"][str(i + 1)] for i in range(PEER_JOBS)], "the peer disagrees"
    seconds = [_timed(same, policy("fifo"), PLAIN)[1] for _ in range(REPEATS)]
    rate = PEER_JOBS / theirs["seconds"]
    yield Row(f"AccaSim, FIFO, {PEER_JOBS:,} jobs of {name}", rate, None, "jobs/s")
    yield Row("Dure over AccaSim, same input, same start times", PEER_JOBS / mean(seconds) / rate, None, "times")


def _swf(jobs: Workload) -> str:
    """The jobs in Standard Workload Format: number, submit, -, run time, processors, -, -, processors, limit, ..."""
    columns = zip(jobs.submit_s.tolist(), jobs.duration_s.tolist(), jobs.accelerators.tolist(), strict=True)
    lines = [f"{i} {s} -1 {d} {n} -1 -1 {n} {d} -1 1 1 1 1 1 1 -1 -1" for i, (s, d, n) in enumerate(columns, 1)]
    return "\n".join([*lines, ""])
