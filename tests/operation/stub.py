"""`StubEngine`: an executor on a virtual clock, which does what `executors.base` says and no better.

A command is what it does: `("work", "lasts=90", "exit=1", "stages=20", "ignores=term")`. Faults are switched on from outside.
What it must never see (an attempt started twice, a device given to two, two attempts of one job at once) it does not
refuse: it writes it down in `broken`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from dure.executors.base import Capabilities, EngineGone, Launch, NodeSeen, Record, Report, Seen, Stop
from dure.fleet import Fleet
from dure.units import MILLI
from dure.vocabulary import Failure, JobKind


class VirtualClock:
    """Time that passes when it is told to."""

    def __init__(self, now: int) -> None:
        self.seconds = now

    def now(self) -> int:
        return self.seconds

    def wait(self, seconds: int) -> None:
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class Work:
    """What a command does. It answers a save-point signal by saving and ending after `saves_s` (None: it goes on)."""

    lasts: int = 60  # s, of the whole job; what lies behind a save point is not done again
    exit: int = 0
    stages: int = 0  # s until the command begins
    saves: int = 2  # s
    term: int = 1  # s
    every: int = 0  # s between save points; 0: none but when it is told to
    ignores: str = ""  # "save", "term" or "both"

    @classmethod
    def of(cls, command: Sequence[str]) -> Work:
        given = dict(word.split("=", 1) for word in command[1:])
        return cls(**{k: v if k == "ignores" else int(v) for k, v in given.items()})  # type: ignore[arg-type]

    def command(self) -> tuple[str, ...]:
        plain = Work()
        return ("work", *(f"{k}={getattr(self, k)}" for k in self.__slots__ if getattr(self, k) != getattr(plain, k)))

    def heeds(self, how: Stop) -> bool:
        return how == Stop.KILL or self.ignores not in ("both", how.name.lower())


@dataclass(slots=True)
class Process:
    """One attempt as it truly is. `end_s` is when it will end, as things stand."""

    launch: Launch
    work: Work
    begun_s: int
    run_s: int
    end_s: int
    exit_code: int | None
    failure: Failure = Failure.NONE
    cause: str = ""
    gone_s: int | None = None  # its node died then
    forgotten: bool = False  # the engine lost it: it is dead, and never was

    def live(self, now: int) -> bool:
        return now < self.end_s

    @property
    def ran_s(self) -> int:
        """Seconds for which the command itself ran, in the end."""
        return max(0, self.end_s - self.run_s)


@dataclass
class Faults:
    """What is wrong with an engine just now. All can be so at once."""

    gone: bool = False  # does not answer
    deaf: float = 0.0  # chance that it does what it is asked, and the answer is lost
    late_s: int = 0  # what polls see is so old
    vague: float = 0.0  # chance of "unknown"
    skew_s: int = 0  # its clock is ahead by so much
    full: bool = False  # no space left: takes nothing new
    fickle: bool = False  # tells the end of an attempt differently each time

    def any(self) -> bool:
        return self != Faults()


@dataclass
class StubEngine:
    """One engine with the nodes of some pools."""

    clock: VirtualClock
    devices: dict[str, int]  # node -> accelerators
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    name: str = "stub"
    heartbeat_s: int = 10  # a dead node's attempts are "unknown" for so long
    keeps_limits: bool = False  # ends attempts at their time limits itself
    share_of: Callable[[Launch], int] = lambda launch: launch.share_milli
    work_of: Callable[[Launch], Work] = lambda launch: Work.of(launch.command)
    faults: Faults = field(default_factory=Faults)
    processes: dict[str, Process] = field(default_factory=dict)
    lost: list[Process] = field(default_factory=list)  # that it has forgotten
    starts: dict[str, int] = field(default_factory=dict)  # key -> how often it was started
    spent: set[str] = field(default_factory=set)  # keys that were killed before they were heard of: never started
    down: dict[str, int] = field(default_factory=dict)  # node -> since when
    saved: dict[str, int] = field(default_factory=dict)  # folder of save points -> seconds of work behind them
    broken: list[str] = field(default_factory=list)
    calls: int = 0

    @classmethod
    def of_fleet(cls, fleet: Fleet, pools: Iterable[str], clock: VirtualClock, **more: object) -> StubEngine:
        """An engine with all nodes of some pools of a fleet."""
        wanted = set(pools)
        names = {
            fleet.node_name(n): fleet.pools[p].accelerators_per_node
            for n, p in enumerate(fleet.node_pool())
            if fleet.pools[p].id in wanted
        }
        return cls(clock, names, **more)  # type: ignore[arg-type]

    # --- the protocol --------------------------------------------------------------------------------------------

    def capabilities(self) -> Capabilities:
        self._reached()
        every = dict.fromkeys(("gangs", "shares", "images", "saves", "stages", "ports", "records"), True)
        return Capabilities(kinds=frozenset(JobKind), **every)

    def identity(self) -> str:
        return f"stub-{self.name}"

    def inventory(self) -> list[NodeSeen]:
        self._reached()
        return [
            NodeSeen(name, name not in self.down, count, cause="no answer from it" if name in self.down else "")
            for name, count in self.devices.items()
        ]

    def submit(self, launches: Sequence[Launch]) -> list[str]:
        self._reached()
        answers = [self._start(launch) for launch in launches]
        self._answered()
        return answers

    def poll(self, keys: Sequence[str]) -> list[Report]:
        self._reached()
        return [self._report(key) for key in keys]

    def cancel(self, keys: Sequence[str], how: Stop) -> None:
        self._reached()
        for key in keys:
            self._stop(key, how)
        self._answered()

    def logs(self, key: str, offset: int, limit: int) -> bytes:
        self._reached()
        return f"{key} was here\n".encode()[offset : offset + limit] if key in self.processes else b""

    def records(self, since_utc_s: int) -> list[Record]:
        self._reached()
        now, skew = self.clock.now(), self.faults.skew_s
        return [
            Record(key, p.run_s + skew, 0 if p.live(now) else p.end_s + skew, None if p.live(now) else p.exit_code)
            for key, p in self.processes.items()
            if p.end_s + skew >= since_utc_s
        ]

    # --- what happens to it --------------------------------------------------------------------------------------

    def kill_node(self, node: str) -> None:
        """Power off. What ran there is dead at once; the engine finds out by and by."""
        now = self.clock.now()
        self.down.setdefault(node, now)
        for p in self._live():
            if any(part.node == node for part in p.launch.parts):
                if p.work.every and now > p.run_s:
                    self._save(p, (now - p.run_s) // p.work.every * p.work.every)
                p.end_s, p.exit_code, p.failure, p.gone_s = now, None, Failure.NODE, now
                p.cause, p.run_s = f"{node} went away", min(p.run_s, now)

    def repair_node(self, node: str) -> None:
        self.down.pop(node, None)

    def forget(self, key: str) -> None:
        """It loses an attempt: the processes are dead, and it has never heard of them."""
        p = self.processes.pop(key)
        p.end_s, p.forgotten = min(p.end_s, self.clock.now()), True
        self.lost.append(p)

    def live_keys(self) -> list[str]:
        return [p.launch.key for p in self._live()]

    def next_end(self) -> int | None:
        """When the next attempt will end, as things stand."""
        return min((p.end_s for p in self._live()), default=None)

    def every(self) -> list[Process]:
        """All attempts that ever were, forgotten ones too."""
        return [*self.processes.values(), *self.lost]

    # --- inside --------------------------------------------------------------------------------------------------

    def _reached(self) -> None:
        self.calls += 1
        if self.faults.gone:
            raise EngineGone(f"{self.name} does not answer")

    def _answered(self) -> None:
        if self.faults.deaf and self.rng.random() < self.faults.deaf:
            raise EngineGone(f"{self.name}: the answer never came")

    def _live(self) -> list[Process]:
        now = self.clock.now()
        return [p for p in self.processes.values() if p.live(now)]

    def _start(self, launch: Launch) -> str:
        if launch.key in self.processes or launch.key in self.spent:
            return ""
        if self.faults.full:
            return "no space left on device"
        if off := [part.node for part in launch.parts if part.node in self.down]:
            return f"{off[0]} is down"
        self.starts[launch.key] = self.starts.get(launch.key, 0) + 1
        self._look(launch)
        now, work = self.clock.now(), self.work_of(launch)
        run = now + work.stages
        left = max(0, work.lasts - self.saved.get(launch.save_name, 0)) if launch.save_name else work.lasts
        p = Process(launch, work, now, run, run + left, work.exit)
        if self.keeps_limits and left > launch.limit_s:
            p.end_s, p.exit_code, p.failure = run + launch.limit_s, None, Failure.LIMIT
            p.cause = "its time limit"
        self.processes[launch.key] = p
        return ""

    def _look(self, launch: Launch) -> None:
        """Write down what must never be."""
        if self.starts[launch.key] > 1 and not any(p.launch.key == launch.key for p in self.lost):
            self.broken.append(f"{launch.key} was started twice")
        taken: dict[tuple[str, int], int] = {}
        for p in self._live():
            if p.launch.job == launch.job:
                self.broken.append(f"{launch.key} was started while {p.launch.key} ran")
            for part in p.launch.parts:
                for device in part.devices:
                    taken[part.node, device] = taken.get((part.node, device), 0) + self.share_of(p.launch)
        for part in launch.parts:
            if part.node not in self.devices:
                self.broken.append(f"{launch.key} was sent to {part.node}, which is not here")
            for device in part.devices:
                if device >= self.devices.get(part.node, 0):
                    self.broken.append(f"{launch.key}: {part.node} has no accelerator {device}")
                if taken.get((part.node, device), 0) + self.share_of(launch) > MILLI:
                    self.broken.append(f"{launch.key}: accelerator {device} of {part.node} is taken")

    def _stop(self, key: str, how: Stop) -> None:
        p, now = self.processes.get(key), self.clock.now()
        if p is None and how == Stop.KILL:
            self.spent.add(key)
        if p is None or not p.live(now) or not p.work.heeds(how):
            return
        if how == Stop.SAVE:
            if now < p.run_s:
                return  # nothing to save: it goes on
            end, code = now + p.work.saves, 0
            if end < p.end_s:
                self._save(p, end - p.run_s)
        else:
            end, code = (now + p.work.term, -15) if how == Stop.TERM else (now, -9)
        if end < p.end_s:
            p.end_s, p.exit_code = end, code
        p.run_s = min(p.run_s, p.end_s)

    def _save(self, p: Process, seconds: int) -> None:
        if name := p.launch.save_name:
            self.saved[name] = self.saved.get(name, 0) + seconds

    def _report(self, key: str) -> Report:
        p, now, faults = self.processes.get(key), self.clock.now(), self.faults
        if faults.vague and self.rng.random() < faults.vague:
            return Report(key, Seen.UNKNOWN)
        if p is None and key in self.spent:
            return Report(key, Seen.ENDED, cause="stopped before it began")
        if p is None:
            return Report(key, Seen.ABSENT)
        seen_at = now - faults.late_s
        if seen_at < p.begun_s or (p.gone_s is not None and p.gone_s <= now < p.gone_s + self.heartbeat_s):
            return Report(key, Seen.UNKNOWN)  # it took it, and knows no more
        if seen_at < p.end_s:
            if seen_at < p.run_s:
                return Report(key, Seen.STARTING)
            return Report(key, Seen.RUNNING, run_utc_s=p.run_s + faults.skew_s)
        began = p.ran_s > 0 or p.exit_code is not None
        ended = Report(
            key, Seen.ENDED, run_utc_s=p.run_s + faults.skew_s if began else 0, end_utc_s=p.end_s + faults.skew_s,
            exit_code=p.exit_code, failure=p.failure, cause=p.cause,
        )  # fmt: skip
        if faults.fickle and self.rng.random() < 0.5:
            return replace(ended, end_utc_s=ended.end_utc_s + self.rng.randrange(-5, 6), cause="told anew")
        return ended
