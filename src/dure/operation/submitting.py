"""Submitting jobs: checked, judged, and written down, all of them or none; and judged again before they start.

In order: who may; the job in itself; its project; where it could ever run; what the sites let it name; what it costs; what the
rules say. The first that fails says why. A refusal by the rules is kept as a decision, and no job is made. One whose
rules ask for something first is taken in and held. Nothing is written before all jobs of a call have passed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from dure.app import governing
from dure.app.access import Action, Actor, NotFound, require
from dure.app.programme import fleet_of_programme
from dure.errors import InputError, InputErrors
from dure.fleet import Fleet
from dure.governance.facts import Act, Facts
from dure.governance.judge import Rules, facts_json
from dure.governance.rules import Verdict
from dure.operation.asking import barred, engines_here, feasible, most_milli, to_job
from dure.operation.engines import Engines
from dure.operation.faults import point
from dure.operation.run_facts import Court, Ruling, SignIn, Standing, sign_in_here
from dure.store import audit, ledger, models
from dure.store.documents import from_json, to_json
from dure.store.jobs import JOB
from dure.store.sql import insert
from dure.units import MILLI
from dure.vocabulary import JobKind, JobState, Refusal, Text
from dure.workload.checks import KINDS, Fault, check_spec, unseen
from dure.workload.spec import JobSpec

__all__ = [
    "Judged",
    "Refused",
    "Tried",
    "held_by",
    "judged_start",
    "kept",
    "submit",
    "submit_all",
    "to_job",
    "try_submit",
]

MOST: Final = 10_000  # jobs in one call
_KEY_MOST: Final = 200  # characters
_NEVER: Final = {
    Refusal.NEVER_FITS: "no pool of the fleet could ever hold it, even empty",
    Refusal.NO_SUCH_MODEL: "none of its accelerator models is in the fleet, or none may run its kind",
}


class Refused(InputError):
    """A job that cannot be taken in, whatever it is written like: `refusal` says why, as for jobs that were."""

    def __init__(
        self, refusal: Refusal, message: str, *, field: str, text: Text | None = None, accepted: str = ""
    ) -> None:
        self.refusal, self.text = refusal, text or Text("", message)
        super().__init__(message, field=field, accepted=accepted)


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
class Judged:
    """What the rules of now say of a job that is about to start. `allowed` means: start it; `held`: not yet."""

    allowed: bool
    held: bool
    why: str
    digest: str  # of facts and rules; as in `Job.facts`, nothing has changed
    verdict: Verdict
    facts: Facts
    rules: Rules
    ruling: Ruling


@dataclass(frozen=True)
class _Ready:
    """A job that passed."""

    spec: JobSpec
    tried: Tried
    ruling: Ruling | None  # None: its project's rules were not reached


def submit(
    actor: Actor, spec: JobSpec, now: int, *, key: str | None = None, sign_in: SignIn | None = None,
    engines: Engines | None = None,
) -> models.Job:  # fmt: skip
    """Submit a job; the same `key` of the same person again gives the same job. Of a service the job is its first replica.

    `sign_in` as of whoever is at the machine itself, if nothing is said; `engines`: those of the pools, as `DURE_SITES` says,
    for what they can do and what their sites let a job name. Raises Forbidden or NotFound beyond one's own projects,
    InputErrors for what is wrong with the job, Refused for what cannot run.
    """
    try:
        (seq,) = submit_all(actor, [spec], now, keys=[key], sign_in=sign_in, engines=engines, field="")
    except InputErrors as faults:
        raise faults.errors[0] if len(faults.errors) == 1 else faults from None
    job: models.Job = models.Job.objects.get(seq=seq)
    return job


def submit_all(
    actor: Actor, specs: Sequence[JobSpec], now: int, *, keys: Sequence[str | None] | None = None,
    sign_in: SignIn | None = None, engines: Engines | None = None, field: str = "jobs",
) -> list[int]:  # fmt: skip
    """Submit jobs, all of them or none; their numbers, in order. Raises as `submit`, every fault with the place of its job,
    `jobs[3].limit`, counted from 1."""
    require(actor, Action.SUBMIT_JOB)
    if len(specs) > MOST:
        raise InputError("too many jobs at once", field=field, value=len(specs), accepted=f"at most {MOST:,}")
    keys = [None] * len(specs) if keys is None else keys
    _check_keys(keys, len(specs), field)
    for last in (False, True):
        known = _known(actor.user, specs, keys)
        new = [i for i in range(len(specs)) if i not in known]
        ready = _all_ready(_Desk(actor, now, sign_in, engines), [(i, specs[i]) for i in new], field)
        try:
            with transaction.atomic():
                seqs = _write(actor, ready, [keys[i] for i in new], now)
        except IntegrityError:  # somebody came with one of the keys meanwhile
            if last:
                raise
            continue
        found = known | dict(zip(new, seqs, strict=True))
        return [found[i] for i in range(len(specs))]
    raise AssertionError("unreachable")


def try_submit(
    actor: Actor, spec: JobSpec, now: int, *, sign_in: SignIn | None = None, engines: Engines | None = None
) -> Tried:  # fmt: skip
    """What would come of submitting a job; nothing is kept. Raises Forbidden, NotFound and InputErrors as `submit`."""
    require(actor, Action.SUBMIT_JOB)
    desk = _Desk(actor, now, sign_in, engines)
    if faults := desk.faults(spec):
        raise InputErrors([fault.error() for fault in faults])
    return desk.ready(spec).tried


class _Desk:
    """Where the jobs of one call are looked at: what they have in common is asked once."""

    def __init__(
        self, actor: Actor, now: int, sign_in: SignIn | None, engines: Engines | None
    ) -> None:  # fmt: skip
        self.actor, self.now = actor, now
        self.fleet = fleet_of_programme()
        self.engines = engines_here(self.fleet) if engines is None else engines
        self.strict = any("/" not in rules.paths for rules in self.engines.rules.values())
        self.sign_in = sign_in or sign_in_here(self.fleet)
        self.court = Court(self.fleet, now)
        self.model_of = {p.id: p.model for p in self.fleet.pools}
        self._projects: dict[str, tuple[bool, int, int, str]] = {}
        self._passed: dict[tuple[object, ...], tuple[Tried, Ruling | None]] = {}
        self._trains: dict[str, str] = {}

    def faults(self, spec: JobSpec) -> list[Fault]:
        """All that is wrong with a job, its project and what it names. Raises NotFound for a project of others."""
        if found := check_spec(spec):
            return found
        if not self.actor.sees(Action.SUBMIT_JOB, project=spec.project):
            raise NotFound("project", spec.project)
        stopped, _, _, _ = self.project(spec.project)
        if stopped:
            found.append(Fault(("project",), "the project is stopped", spec.project, "`dure project resume` first"))
        seen = {d.id for d in self.court.datasets(spec.data) if self.actor.sees(Action.READ_MODEL, project=d.project)}
        for n, name in enumerate(spec.data):
            if name not in seen:
                found.append(Fault(("data", n), "no such data set", name, "one that the project may read"))
        if spec.trains and self._owner(spec.trains) != spec.project:
            found.append(Fault(("trains",), "no such model of the project", spec.trains))
        if spec.expires_utc_s and spec.expires_utc_s <= self.now:
            found.append(Fault(("expires",), "is past", spec.expires_utc_s, f"later than {self.now}"))
        if spec.kind == "lease" and spec.earliest_utc_s + spec.limit_s <= self.now:
            found.append(Fault(("earliest",), "the lease would be over", spec.earliest_utc_s, f"after {self.now}"))
        return found

    def _owner(self, model: str) -> str:
        if model not in self._trains:
            row = models.AIModel.objects.filter(id=model).values_list("project", flat=True).first()
            self._trains[model] = row or ""
        return self._trains[model]

    def project(self, project: str) -> tuple[bool, int, int, str]:
        """(stopped, milli-units left, milli-units ever, what happens when they are spent) of a project of one's own."""
        if project not in self._projects:
            row = models.Project.objects.filter(id=project).values_list("stopped", "terms__when_spent").first()
            stopped, terms = row or (False, None)
            standing = ledger.standing(project)
            self._projects[project] = stopped, standing.remaining, standing.granted, terms or "wait"
        return self._projects[project]

    def ready(self, spec: JobSpec) -> _Ready:
        """What becomes of a job without faults. Jobs that differ in name, variables and arguments alone share it."""
        named = spec.command if self.strict else (), spec.image, spec.variants
        shape = replace(to_job(spec, 0, 0), earliest_s=spec.earliest_utc_s)
        key = (shape, spec.limit_s, spec.data, named)
        if key not in self._passed:
            self._passed[key] = self._look(spec)
        tried, ruling = self._passed[key]
        return _Ready(replace(spec, models=tried.spec.models), tried, ruling)

    def _look(self, spec: JobSpec) -> tuple[Tried, Ruling | None]:
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
        rulings = self.court.best(spec, open_, self.sign_in)
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


def _all_ready(desk: _Desk, asked: Sequence[tuple[int, JobSpec]], field: str) -> list[_Ready]:
    """The jobs that passed; raises for all that did not. What the rules denied is kept as a decision first."""
    errors: list[InputError] = []
    ready: list[_Ready] = []
    for i, spec in asked:
        at = f"{field}[{i + 1}]" if field else ""
        if faults := desk.faults(spec):
            errors += [fault.error(at) for fault in faults]
            continue
        one = desk.ready(spec)
        ready.append(one)
        if one.tried.refusal not in (Refusal.NONE, Refusal.HELD):
            errors.append(_refused(one, at))
    if errors:
        denied = {one.ruling.about: one.ruling for one in ready if one.tried.refusal is Refusal.RULES and one.ruling}
        with transaction.atomic():
            for ruling in denied.values():
                kept(ruling, desk.actor.user, desk.now)
        raise InputErrors(errors)
    return ready


def _refused(one: _Ready, at: str) -> Refused:
    key = {Refusal.RULES: "", Refusal.NO_SUCH_MODEL: "models", Refusal.NEVER_FITS: "accelerators"}
    name = key.get(one.tried.refusal, "limit")
    return Refused(one.tried.refusal, one.tried.why.en, field=".".join(filter(None, (at, name))), text=one.tried.why)


def _check_keys(keys: Sequence[str | None], count: int, field: str) -> None:
    given = [key for key in keys if key is not None]
    if len(keys) != count or len(set(given)) != len(given):
        raise InputError("not a key for each job", field="keys", value=len(keys), accepted="as many as jobs, each once")
    for key in given:
        if not 1 <= len(key) <= _KEY_MOST or unseen(key):
            raise InputError("not a key", field="key", value=key[:_KEY_MOST], accepted=f"1 to {_KEY_MOST} characters")


def _known(user: str, specs: Sequence[JobSpec], keys: Sequence[str | None]) -> dict[int, int]:
    """By place, the jobs that these keys made before. Raises InputError where one made another job."""
    place = {key: i for i, key in enumerate(keys) if key is not None}
    found: dict[int, int] = {}
    names = list(place)
    for first in range(0, len(names), 500):
        for row in models.Job.objects.filter(user=user, key__in=names[first : first + 500]):
            spec = to_json(specs[place[row.key]])
            if {**row.spec, "models": spec["models"]} != spec:  # the models were narrowed, perhaps
                raise InputError("this key was another job's", field="key", value=row.key, accepted="a new key")
            found[place[row.key]] = row.seq
    return found


def _write(actor: Actor, ready: Sequence[_Ready], keys: Sequence[str | None], now: int) -> list[int]:
    """Decisions, services, jobs and the entry of the audit log, in the transaction at hand; the jobs' numbers."""
    if not ready:
        return []
    decisions: dict[str, int] = {}
    rows: list[tuple[Any, ...]] = []
    firsts = []
    for one, key in zip(ready, keys, strict=True):
        assert one.ruling is not None
        if (digest := one.ruling.about + one.ruling.digest) not in decisions:
            decisions[digest] = kept(one.ruling, actor.user, now)
        service = _service(actor, one.spec)
        firsts.append(len(rows))
        for replica in range(one.spec.replicas if service else 1):
            rows.append(_row(actor, one, decisions[digest], service, replica, None if replica else key, now))
    point("submit.insert")
    seqs = _insert(rows)
    line = "\n".join(json.dumps([seq, *row], ensure_ascii=False) for seq, row in zip(seqs, rows, strict=True))
    body = {
        "submitted": len(seqs), "first": min(seqs), "last": max(seqs), "decisions": sorted(set(decisions.values())),
        "by": audit.conceal(actor.user, actor.user),
        "digest": hashlib.sha256(line.encode("utf-8", "backslashreplace")).hexdigest(),
    }  # fmt: skip
    audit.append("jobs", "submitted", body, now)
    point("submit.commit")
    return [seqs[first] for first in firsts]


def _service(actor: Actor, spec: JobSpec) -> int | None:
    if KINDS[spec.kind] is not JobKind.SERVICE:
        return None
    made = models.Service.objects.create(
        project=spec.project, user=actor.user, spec=to_json(spec), replicas=spec.replicas
    )
    return int(made.id)


def _row(
    actor: Actor, one: _Ready, decision: int, service: int | None, replica: int, key: str | None, now: int
) -> tuple[Any, ...]:  # fmt: skip
    spec, document = one.spec, to_json(one.spec)
    assert one.ruling is not None
    row = {
        "project": spec.project, "user": actor.user, "kind": int(KINDS[spec.kind]), "name": spec.name,
        "spec": document if connection.vendor == "postgresql" else json.dumps(document), "state": int(JobState.NEW),
        "refusal": int(one.tried.refusal), "why": one.tried.why.en, "submitted_utc_s": now, "decision": decision,
        "facts": one.ruling.digest, "scavenges": one.tried.scavenges, "service_id": service, "replica": replica, "key": key,
        **dict.fromkeys(("wish", "attempts", "engine_failures", "saved_s", "failure"), 0), "wished_by": "",
    }  # fmt: skip
    return tuple(row[column] for column in JOB)


def _insert(rows: list[tuple[Any, ...]]) -> list[int]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            insert(cursor, "store_job", JOB, rows, "RETURNING seq")
            return sorted(seq for (seq,) in cursor.fetchall())
        insert(cursor, "store_job", JOB, rows)  # one writer: the numbers follow each other
        cursor.execute("SELECT max(seq) FROM store_job")
        last = int(cursor.fetchone()[0])
    return list(range(last - len(rows) + 1, last + 1))


def kept(ruling: Ruling, by: str, now: int) -> int:
    """The number of the decision that this ruling is: the last one about the same, where nothing has changed since; else a
    new one, kept with what it asks for, in the transaction at hand."""
    v = ruling.verdict
    last = models.Decision.objects.filter(about=ruling.about, act=Act.RUN).order_by("-seq").first()
    same = (v.allowed, list(v.reasons), list(v.obligations), list(v.faults), v.rules, facts_json(ruling.facts))
    if last is not None and same == (
        last.allowed, last.reasons, last.obligations, last.faults, last.rules, last.facts
    ):  # fmt: skip
        return int(last.seq)
    governing.keep(v, ruling.facts, ruling.rules, ruling.about, by, now, project=ruling.project)
    return int(models.Decision.objects.filter(about=ruling.about).order_by("-seq").values_list("seq", flat=True)[0])


def judged_start(
    jobs: Sequence[models.Job], pool_of: Mapping[int, str], now: int, court: Court | None = None
) -> dict[int, Judged]:
    """Judge act `run` of jobs about to start at pools, by the rules and facts of now, or those that a `court` has gathered.
    Nothing is kept: where `digest` is not `Job.facts`, the caller keeps `ruling` (`kept`) and writes both down."""
    fleet = fleet_of_programme()
    court, signed = court or Court(fleet, now), _signed(jobs, fleet)
    found: dict[int, Judged] = {}
    for job in jobs:
        spec = _asked(job)
        r = court.ruling(spec, pool_of[job.seq], signed[job.seq])
        found[job.seq] = Judged(
            r.standing is Standing.CLEAR,
            r.standing is Standing.HELD,
            r.why.en,
            r.digest,
            r.verdict,
            r.facts,
            r.rules,
            r,
        )
    return found


def held_by(jobs: Sequence[models.Job], now: int, court: Court | None = None) -> dict[int, str]:
    """Which of these jobs the rules hold back everywhere now, and why. What they deny is for the start to say."""
    fleet = fleet_of_programme()
    court, signed = court or Court(fleet, now), _signed(jobs, fleet)
    found: dict[int, str] = {}
    for job in jobs:
        spec = from_json(JobSpec, job.spec)
        fits = feasible(fleet, spec)
        if isinstance(fits, Refusal):
            continue
        best = next(iter(court.best(spec, fits, signed[job.seq]).values()))
        if best.standing is Standing.HELD:
            found[job.seq] = best.why.en
    return found


def _asked(job: models.Job) -> JobSpec:
    """What of a job the rules look at: reading all of it costs more than the ruling."""
    return JobSpec(job.project, accelerators=job.spec.get("accelerators", 1), data=tuple(job.spec.get("data", ())))


def _signed(jobs: Sequence[models.Job], fleet: Fleet) -> dict[int, SignIn]:
    """How each job's submitter had signed in: it stands in the decision that let the job in."""
    wanted = {job.decision for job in jobs if job.decision is not None}
    rows = models.Decision.objects.filter(seq__in=wanted).values_list("seq", "facts") if wanted else ()
    known = {seq: SignIn(f["access_country"], f["second_factor"]) for seq, f in rows}
    here = sign_in_here(fleet)
    return {job.seq: known.get(job.decision, here) for job in jobs}
