"""The control loop: the replay with a real clock, a store and executors. One cycle is one transaction and what follows it.

1. Listen: what engines say of attempts and nodes. Nobody is held up by one that does not answer.
2. In one transaction under the leader's term: take note of ends; obey sites, projects and owners; admit what was
   submitted; run the one compiled pass; judge, pay for and write down what is to start.
3. Ask the engines for it. What happens between the commit and an engine's answer is found out by asking again.

Whatever goes wrong, the world in memory is thrown away, and made anew from the database.
"""

from __future__ import annotations

import gc
import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Protocol

from django.db import DatabaseError, InterfaceError, close_old_connections, transaction

from dure.executors.base import EngineGone, Executor, NodeSeen, Report
from dure.lifecycle.attempts import Ask, Grace, Observed, next_ask
from dure.operation import admitting, observing, orders, services, starting
from dure.operation.faults import point
from dure.operation.health import Doctor
from dure.operation.leading import DatabaseLead, Lead
from dure.operation.logging import log
from dure.operation.metering import close_all, feed_compute
from dure.operation.turn import Turn
from dure.operation.world import DEFAULT_POLICY, Try, World, load
from dure.scheduler.policies import policy as policy_named
from dure.store.jobs import TermOver, fence, pulse
from dure.vocabulary import Failure, JobEvent

BEAT_S = 0.2  # between two cycles
SET_BACK_S = 30  # a clock is set back by no more in the ordinary course of things
SILENT_S = 5  # the longest without a pass, whatever happens: priorities move with time
RETRY_S = (1, 10, 60)  # after an engine refused a launch
_BATCH = 256  # launches asked for at once


def calm() -> None:
    """Have the garbage collector look at young objects more rarely, and hardly ever at all that the loop knows: that takes
    longer than the decision, and finds nothing."""
    gc.set_threshold(100_000, 50, 100)


class Clock(Protocol):
    """What time it is."""

    def now(self) -> int:
        """UTC seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """As Clock."""
        return int(time.time())


def _gone(engine: str, fault: Exception) -> None:
    usual = isinstance(fault, EngineGone | OSError)
    log("engine gone", level="info" if usual else "error", engine=engine, cause=f"{type(fault).__name__}: {fault}")


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one cycle did."""

    leads: bool
    events: int = 0  # of jobs
    started: int = 0
    gone: tuple[str, ...] = ()  # pools whose engine did not answer
    pass_s: float = 0.0  # seconds that the decision took


@dataclass
class _Said:
    """What engines said at the start of a cycle."""

    reports: list[Report] = field(default_factory=list)
    nodes: list[tuple[set[str], Sequence[NodeSeen]]] = field(default_factory=list)  # of these pools
    strange: set[str] = field(default_factory=set)  # attempts of engines that are not here
    gone: set[str] = field(default_factory=set)  # pools whose engine did not answer


class Loop:
    """One control loop. Several may run; one leads."""

    def __init__(
        self, engines: Mapping[str, Executor], clock: Clock, *, policy: str = DEFAULT_POLICY, holder: str = "",
        grace: Grace | None = None, lead: Lead | None = None,
    ) -> None:  # fmt: skip
        self.clock = clock
        found: dict[int, tuple[str, Executor, set[str]]] = {}
        for pool, engine in engines.items():
            found.setdefault(id(engine), (engine.name, engine, set()))[2].add(pool)
        self._engines = list(found.values())  # each once, with its pools
        self.policy = policy_named(policy)
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self.grace = grace or Grace()
        self.lead = lead or DatabaseLead()
        self.world: World | None = None
        self.doctor = Doctor()
        self._term: int | None = None
        self._asked_nodes_utc_s = -1
        self._strange: set[str] = set()
        self._passed_utc_s = -1
        self._took_ms = 0
        self._now = 0

    # --- one cycle -------------------------------------------------------------------------------------------------

    def cycle(self) -> Cycle:
        """One control cycle. Raises DatabaseError where the database does not answer; nothing is lost by it."""
        now = self._moment()
        began = time.perf_counter()
        try:
            term = self.lead.hold(self.holder, self.policy.name, now)
            if term is None or term != self._term:
                self.world, self._term = None, term
            if term is None:
                return Cycle(leads=False)
            if self.world is None:
                self.world = load(now, self.policy)
            done = self._cycle(self.world, term, now)
        except TermOver:
            self.world = None
            self.lead.release()
            return Cycle(leads=False)
        except BaseException:
            self.world = None
            raise
        self._took_ms = round(1000 * (time.perf_counter() - began))
        return done

    def _moment(self) -> int:
        """Now. A clock that was set back a little waits for itself; one that was wrong is believed again."""
        now = self.clock.now()
        if self._now - SET_BACK_S <= now < self._now:
            return self._now
        if now < self._now:
            log("clock", cause=f"set back by {self._now - now} s")
            self.world = None
        self._now = now
        return now

    def _cycle(self, world: World, term: int, now: int) -> Cycle:
        said = self._listen(world, now)
        with transaction.atomic():
            point("begin")
            fence(term, now, self._took_ms)
            turn = Turn(world, now)
            self._observe(turn, said)
            services.take_note(turn, self.doctor.answers())
            new = pulse()
            world.ruled_by(new, now)
            admitting.obey(turn, new)
            if new.new:
                admitting.admit(turn)
            if new.services:
                services.keep_replicas(turn)
            world.pulse = new
            turn.pass_on()
            pass_s = self._decide(turn)
            asks = self._next_asks(turn, said)
            turn.flush()
            point("commit")
        point("committed")
        self._ask(turn, asks)
        self.doctor.ask(services.due(world, now))
        started = sum(event == JobEvent.START for _, event, *_ in turn.events)
        return Cycle(True, len(turn.events), started, tuple(sorted(said.gone)), pass_s)

    def _listen(self, world: World, now: int) -> _Said:
        """What engines say of their attempts, each cycle, and of their nodes, each second and when one failed."""
        said = _Said()
        for name, engine, pools in self._engines:
            try:
                if keys := self._who(world, engine, pools, said):
                    point("poll")
                    said.reports += engine.poll(keys)
                if now != self._asked_nodes_utc_s or any(r.failure == Failure.NODE for r in said.reports):
                    point("inventory")
                    said.nodes.append((pools, engine.inventory()))
            except DatabaseError:
                raise
            except Exception as fault:  # whatever an engine raises, the others go on
                said.gone |= pools
                _gone(name, fault)
        self._asked_nodes_utc_s, self._strange = now, said.strange
        return said

    def _who(self, world: World, engine: Executor, pools: set[str], said: _Said) -> list[str]:
        """Attempts of which an engine is asked: not those that were meant for another one than that which answers now."""
        identity = engine.identity()
        for pool in pools:
            world.engines[pool] = identity
        mine = [t for t in world.tries.values() if t.pool in pools]
        strange = {t.key for t in mine if t.engine not in ("", identity)}
        if strange - self._strange:
            cause = f"{len(strange)} attempts run under another one"
            log("another engine", level="error", engine=engine.name, cause=cause)
        said.strange |= strange
        return [t.key for t in mine if t.key not in strange]

    def _observe(self, turn: Turn, said: _Said) -> None:
        """Ends first, then nodes, then what the failed nodes took with them: as the replay does."""
        pairs = observing.sort_out(turn, said.reports)
        turn.fetch(one.job for one, _ in pairs)
        by_node = [p for p in pairs if observing.by_node(*p)]
        ended = [observing.finish(turn, one, report) for one, report in pairs if not observing.by_node(one, report)]
        turn.pass_on()
        turn.changed |= orders.nodes_seen(turn.world, said.nodes, turn.now)
        ended += [observing.finish(turn, one, report) for one, report in by_node]
        turn.pass_on()
        observing.stop_late(turn, self.grace)
        if ended:
            observing.keep_saved(turn, ended)
            point("close")
            close_all(ended, turn.now, half_life_s=self.policy.weights.half_life_s)
            feed_compute([e for e in ended if turn.job(e.job).spec.get("trains")], turn.now)

    def _decide(self, turn: Turn) -> float:
        """The pass, where something happened since the last one or time alone may have changed its mind."""
        changed = admitting.refresh_units(turn)
        due = turn.world.next_wake_utc_s()
        time_came = due is not None and due <= turn.now
        if not (changed or turn.changed or time_came or turn.now - self._passed_utc_s >= SILENT_S):
            return 0.0
        turn.world.advance(turn.now, [])
        point("pass")
        self._passed_utc_s = turn.now
        return starting.begin(turn)

    def _next_asks(self, turn: Turn, said: _Said) -> list[tuple[Try, Ask]]:
        """What to ask of the engines; that an attempt was told to stop is written before it is."""
        asks: list[tuple[Try, Ask]] = []
        for key in sorted(turn.world.restless):
            one = turn.world.tries[key]
            ask = Ask.KILL if one.lost else next_ask(observing.standing(one), turn.now, self.grace)
            if (
                ask == Ask.NOTHING
                or one.pool in said.gone
                or key in said.strange
                or (ask == Ask.LAUNCH and turn.now < one.again_utc_s)
            ):
                continue
            if ask == Ask.LAUNCH and one.refusals >= observing.MOST_REFUSALS:
                continue
            if ask in observing.STOPS:
                turn.set_try(one, stop_utc_s=turn.now, stop_how=int(observing.STOPS[ask]))
            asks.append((one, ask))
        return asks

    # --- what follows the commit -----------------------------------------------------------------------------------

    def _ask(self, turn: Turn, asks: list[tuple[Try, Ask]]) -> None:
        """Ask the engines. Where one does not answer, the next cycles ask again."""
        launches = [one for one, ask in asks if ask == Ask.LAUNCH]
        turn.fetch(one.job for one in launches)
        for name, engine, pools in self._engines:
            mine = [one for one in launches if one.pool in pools]
            try:
                for ask, stop in observing.STOPS.items():
                    if told := [one for one, asked in asks if asked == ask and one.pool in pools]:
                        point("stop")
                        engine.cancel([one.key for one in told], stop)
                        for one in told:
                            one.killed |= ask == Ask.KILL
                for first in range(0, len(mine), _BATCH):
                    self._launch(turn, engine, mine[first : first + _BATCH])
            except DatabaseError:
                raise
            except Exception as fault:
                _gone(name, fault)
                for one, ask in asks:  # told, as it is written, but not heard: once more
                    if one.pool in pools and ask == Ask.SAVE:
                        one.stop_how = -1

    def _launch(self, turn: Turn, engine: Executor, some: Sequence[Try]) -> None:
        point("launch")
        answers = engine.submit([starting.launch_of(turn.world, one, turn.job(one.job)) for one in some])
        point("launched")
        for one, answer in zip(some, answers, strict=True):
            if answer:
                one.refused, one.refusals = answer, one.refusals + 1
                one.again_utc_s = self._now + RETRY_S[min(one.refusals, len(RETRY_S)) - 1]
                self._asked_nodes_utc_s = -1  # perhaps a node is down
            elif one.observed == Observed.INTENDED:
                one.observed = Observed.LAUNCHED
            turn.world.note(one)

    # --- for ever --------------------------------------------------------------------------------------------------

    def run(self, stop: Flag, *, beat_s: float = BEAT_S, watch: Callable[[Cycle], None] = lambda _: None) -> None:
        """Cycle until told to stop. A database that does not answer is waited for."""
        calm()
        pause = beat_s
        while not stop.is_set():
            try:
                done = self.cycle()
                watch(done)
                pause = beat_s if done.events == 0 else 0.0
                if not done.leads:
                    pause = 1.0
            except (DatabaseError, InterfaceError) as fault:
                log("database gone", cause=type(fault).__name__)
                self.lead.release()
                close_old_connections()
                pause = min(max(2 * pause, 0.5), 5.0)
            except Exception:  # a defect of ours: whatever it hits, the loop must live to try again
                log("cycle failed", level="error", cause=traceback.format_exc(limit=-3))
                pause = min(max(2 * pause, 0.5), 5.0)
            stop.wait(pause)
        self.lead.release()
