"""The desk at which jobs are looked at before they are taken in: what is wrong, where they may run, what they cost, what the rules say.

What jobs have in common is on a `Board`, asked once. Calls that follow each other may share one through `Recent`: a job is
judged again right before it starts, by the facts of that moment, so that at submission facts of two seconds ago are good
enough to let it in. They are never good enough to keep it out, or to say that it has to wait: then a new board is asked. Who
may do what is never on a board, and neither is what an idempotency key stands for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import Final

from django.db import connection

from dure.app.access import Action, Actor, NotFound
from dure.app.programme import fleet_of_programme
from dure.operation.asking import barred, engines_here, feasible, most_milli, to_job
from dure.operation.engines import Engines
from dure.operation.run_facts import Court, Ruling, SignIn, Standing, sign_in_here
from dure.store import ledger, models
from dure.store.documents import to_json
from dure.units import MILLI
from dure.vocabulary import Refusal, Text
from dure.workload.checks import Fault, check_spec
from dure.workload.spec import JobSpec

RECENT_S: Final = 2.0  # how old facts may be that let a job in
_NEVER: Final = {
    Refusal.NEVER_FITS: "no pool of the fleet could ever hold it, even empty",
    Refusal.NO_SUCH_MODEL: "none of its accelerator models is in the fleet, or none may run its kind",
}


@dataclass(frozen=True)
class Tried:
    """What would come of submitting a job."""

    spec: JobSpec  # as it would be kept: narrowed to the models that the rules leave open
    refusal: Refusal  # NONE: it would wait its turn; HELD: not before something is done; else it would be refused
    why: Text
    pools: tuple[str, ...]  # where it may run, cheapest first
    least_milli: int  # milli-units of its time limit on the cheapest of them
    most_milli: int  # and on the dearest
    left_milli: int  # what its project has left
    scavenges: bool = False  # its units do not cover it: it would run uncharged, at the lowest priority

    @property
    def verdict(self) -> str:
        """In a few words."""
        said = {Refusal.NONE: "allowed", Refusal.HELD: "held"}.get(self.refusal, "refused")
        return f"{said}: {self.why.en}" if self.why.en else said


@dataclass(frozen=True)
class Ready:
    """A job that was looked at."""

    spec: JobSpec
    tried: Tried
    ruling: Ruling | None  # None: its project's rules were not reached


class Board:
    """What was found of the fleet, of projects and of shapes of jobs at one moment; for all threads."""

    def __init__(self, now: int, engines: Engines | None = None) -> None:
        self.now = now
        self.fleet = fleet_of_programme()
        self.engines = engines_here(self.fleet) if engines is None else engines
        self.strict = any("/" not in rules.paths for rules in self.engines.rules.values())
        self.court = Court(self.fleet, now)
        self.model_of = {p.id: p.model for p in self.fleet.pools}
        self.decisions: dict[str, int] = {}  # by what they are of
        self.concealed: dict[str, str] = {}  # what the audit log calls people
        self.asking = RLock()  # held to ask for what is not here yet: once, not by each thread
        self._projects: dict[str, tuple[bool, int, int, str]] = {}
        self._passed: dict[tuple[object, ...], tuple[Tried, Ruling | None]] = {}
        self._trains: dict[str, str] = {}

    def committed(self, decisions: Mapping[str, int], concealed: Mapping[str, str]) -> None:
        """Take in what a call has kept, when that is sure to stand: others then need not look for it."""
        self.decisions.update(decisions)
        self.concealed.update(concealed)

    def owner(self, model: str) -> str:
        """The project of a model; "" where there is none."""
        if model not in self._trains:
            row = models.AIModel.objects.filter(id=model).values_list("project", flat=True).first()
            self._trains[model] = row or ""
        return self._trains[model]

    def project(self, project: str) -> tuple[bool, int, int, str]:
        """(stopped, milli-units left, milli-units ever, what happens when they are spent)."""
        if (found := self._projects.get(project)) is None:
            with self.asking:
                found = self._projects.get(project) or self._asked(project)
                self._projects[project] = found
        return found

    def _asked(self, project: str) -> tuple[bool, int, int, str]:
        row = models.Project.objects.filter(id=project).values_list("stopped", "terms__when_spent").first()
        stopped, terms = row or (False, None)
        standing = ledger.standing(project)
        return stopped, standing.remaining, standing.granted, terms or "wait"

    def passed(self, spec: JobSpec, sign_in: SignIn) -> tuple[Tried, Ruling | None]:
        """What becomes of a job without faults. Jobs that differ in name, variables and arguments alone share it."""
        named = spec.command if self.strict else (), spec.image, spec.variants
        key = (to_job(spec, 0, 0), spec.limit_s, spec.data, named, sign_in)
        if (found := self._passed.get(key)) is None:
            with self.asking:
                found = self._passed.get(key) or self._look(spec, sign_in)
                self._passed[key] = found
        return found

    def rehearse(self, spec: JobSpec) -> None:
        """Look at a job to no other end than that all is loaded which that takes."""
        to_json(spec)
        self._look(spec, sign_in_here(self.fleet))

    def _look(self, spec: JobSpec, sign_in: SignIn) -> tuple[Tried, Ruling | None]:
        _, left, granted, terms = self.project(spec.project)
        fits = feasible(self.fleet, spec)
        if isinstance(fits, Refusal):
            return Tried(spec, fits, Text("", _NEVER[fits]), (), 0, 0, left), None
        named = {p: barred(self.engines, spec, p, self.model_of[p], fit) for p, fit in fits.items()}
        open_ = [p for p in fits if not named[p]]
        if not open_:
            fault = next(f for found in named.values() for f in found)
            text = Text("", str(fault.error()))
            return Tried(spec, Refusal.RULES, text, (), 0, 0, left), None
        rulings = self.court.best(spec, open_, sign_in)
        best = min(r.standing for r in rulings.values())
        chosen = next(iter(rulings))
        pools = self._narrowed(rulings, best) if best is Standing.CLEAR else (chosen,)
        costs = [most_milli(fits[p], spec.limit_s) for p in pools]
        models_left = spec.models
        if spec.accelerators and len(pools) < len(fits):
            models_left = tuple(sorted({self.model_of[p] for p in pools}))
        found = Tried(
            replace(spec, models=models_left), Refusal.NONE, Text("", ""), pools, min(costs), max(costs), left
        )
        ruling = rulings[pools[0]]
        if best is Standing.DENIED:
            return replace(found, refusal=Refusal.RULES, why=ruling.why, pools=()), ruling
        found = _paid(found, left, granted, terms)
        if best is Standing.HELD and found.refusal is Refusal.NONE:
            found = replace(found, refusal=Refusal.HELD, why=ruling.why)
        return found, ruling

    def _narrowed(self, rulings: Mapping[str, Ruling], best: Standing) -> tuple[str, ...]:
        """The pools with the best standing, without those whose model has others: the scheduler tells models apart, and
        no pools. Where nothing would be left, with them."""
        good = [p for p, r in rulings.items() if r.standing is best]
        other = {self.model_of[p] for p, r in rulings.items() if r.standing is not best}
        return tuple(p for p in good if self.model_of[p] not in other) or tuple(good)


class Recent:
    """The board that calls of one process share for a moment (`most_s` seconds, by the `clock`), one for a database."""

    def __init__(self, most_s: float = RECENT_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_s, self._clock = most_s, clock
        self._boards: dict[str, tuple[float, Board]] = {}
        self._lock = RLock()

    def board(self, now: int) -> Board:
        """The board of this moment, at most so old; a new one, if there is none."""
        name = str(connection.settings_dict["NAME"])
        with self._lock:
            at, board = self._boards.get(name, (0.0, None))
            began = self._clock()
            if board is None or began - at > self._most_s or not 0 <= now - board.now <= self._most_s:
                board = Board(now)
                self._boards[name] = began, board  # as old as the first that it was asked
            return board

    def clear(self) -> None:
        """Forget it all."""
        with self._lock:
            self._boards.clear()


class Desk:
    """Where the jobs of one person's call are looked at."""

    def __init__(self, actor: Actor, now: int, sign_in: SignIn | None, board: Board) -> None:
        self.actor, self.now, self.board = actor, now, board
        self.sign_in = sign_in or sign_in_here(board.fleet)

    def faults(self, spec: JobSpec) -> list[Fault]:
        """All that is wrong with a job, its project and what it names. Raises NotFound for a project of others."""
        if found := check_spec(spec):
            return found
        if not self.actor.sees(Action.SUBMIT_JOB, project=spec.project):
            raise NotFound("project", spec.project)
        stopped, _, _, _ = self.board.project(spec.project)
        if stopped:
            found.append(Fault(("project",), "the project is stopped", spec.project, "`dure project resume` first"))
        if spec.data:
            found += self._unread(spec)
        if spec.trains and self.board.owner(spec.trains) != spec.project:
            found.append(Fault(("trains",), "no such model of the project", spec.trains))
        if spec.expires_utc_s and spec.expires_utc_s <= self.now:
            found.append(Fault(("expires",), "is past", spec.expires_utc_s, f"later than {self.now}"))
        if spec.kind == "lease" and spec.earliest_utc_s + spec.limit_s <= self.now:
            found.append(Fault(("earliest",), "the lease would be over", spec.earliest_utc_s, f"after {self.now}"))
        return found

    def _unread(self, spec: JobSpec) -> list[Fault]:
        """The data sets that there are not, or not for this person."""
        there = self.board.court.datasets(spec.data)
        seen = {d.id for d in there if self.actor.sees(Action.READ_MODEL, project=d.project)}
        return [
            Fault(("data", n), "no such data set", name, "one that the project may read")
            for n, name in enumerate(spec.data)
            if name not in seen
        ]

    def ready(self, spec: JobSpec) -> Ready:
        """What becomes of a job without faults."""
        tried, ruling = self.board.passed(spec, self.sign_in)
        narrowed = tried.spec.models
        return Ready(spec if spec.models == narrowed else replace(spec, models=narrowed), tried, ruling)

    def let_in(self, specs: Sequence[JobSpec]) -> list[Ready] | None:
        """The jobs, if nothing at all stands against any of them; None: something does."""
        ready: list[Ready] = []
        for spec in specs:
            if self.faults(spec):
                return None
            one = self.ready(spec)
            if one.tried.refusal or one.tried.why.en:
                return None
            ready.append(one)
        return ready


def _paid(tried: Tried, left: int, granted: int, terms: str) -> Tried:
    """The same, with what its cost means by the terms of its project."""
    least = tried.least_milli
    if least <= left:
        return tried
    short = f"costs {_units(least)} units at least, and the project has {_units(left)} left"
    if terms == "scavenge":
        en = f"{short}: it runs uncharged, at the lowest priority"
        return replace(tried, why=Text("단위가 부족하여 가장 낮은 우선순위로 무료 실행됩니다.", en), scavenges=True)
    if terms == "wait" and least <= granted:
        return replace(tried, why=Text("단위가 생길 때까지 기다립니다.", f"{short}: it waits for units"))
    refusal = Refusal.OVER_BUDGET_EVER if least > granted else Refusal.BUDGET
    return replace(tried, refusal=refusal, why=Text("과제의 단위가 부족합니다.", short))


def _units(milli: int) -> str:
    return f"{milli / MILLI:,.3f}".rstrip("0").rstrip(".")
