"""Submitting jobs: checked, judged, and written down, all of them or none; and judged again before they start.

In order: who may; the job in itself; its project; where it could ever run; what the sites let it name; what it costs; what the
rules say. The first that fails says why. A refusal by the rules is kept as a decision, and no job is made. One whose
rules ask for something first is taken in and held. Nothing is written before all jobs of a call have passed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from dure.app import governing
from dure.app.access import Action, Actor, require
from dure.app.programme import fleet_of_programme
from dure.errors import InputError, InputErrors
from dure.fleet import Fleet
from dure.governance.facts import Act
from dure.governance.judge import facts_json
from dure.operation.asking import feasible, to_job
from dure.operation.desk import Board, Desk, Ready, Recent, Tried
from dure.operation.engines import Engines
from dure.operation.faults import point
from dure.operation.run_facts import Court, Ruling, SignIn, Standing, sign_in_here
from dure.store import audit, models
from dure.store.documents import from_json, to_json
from dure.store.jobs import JOB
from dure.store.sql import insert
from dure.vocabulary import JobKind, JobState, Refusal, Text
from dure.workload.checks import KINDS, unseen
from dure.workload.spec import JobSpec

__all__ = [
    "Judged",
    "Recent",
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
_NOTHING_YET: Final = {
    **dict.fromkeys(("wish", "refusal", "attempts", "engine_failures", "saved_s", "failure", "replica"), 0),
    **dict.fromkeys(("wished_by", "why", "facts"), ""), **dict.fromkeys(("decision", "service_id", "key")), "scavenges": False,
}  # fmt: skip
_TEXT: Final = json.JSONEncoder(ensure_ascii=False)
_Columns = tuple[Any, ...]  # of a row, as JOB


class Refused(InputError):
    """A job that cannot be taken in, whatever it is written like: `refusal` says why, as for jobs that were."""

    def __init__(
        self, refusal: Refusal, message: str, *, field: str, text: Text | None = None, accepted: str = ""
    ) -> None:
        self.refusal, self.text = refusal, text or Text("", message)
        super().__init__(message, field=field, accepted=accepted)


@dataclass(frozen=True)
class Judged:
    """What the rules of now say of a job that is about to start. `allowed` means: start it; `held`: not yet."""

    allowed: bool
    held: bool
    why: str
    digest: str  # of facts and rules; as in `Job.facts`, nothing has changed
    ruling: Ruling


def submit(
    actor: Actor, spec: JobSpec, now: int, *, key: str | None = None, sign_in: SignIn | None = None,
    engines: Engines | None = None, recent: Recent | None = None,
) -> models.Job:  # fmt: skip
    """Submit a job; the same `key` of the same person again gives the same job. Of a service the job is its first replica.

    `sign_in` as of whoever is at the machine itself, if nothing is said; `engines`: those of the pools, as `DURE_SITES` says,
    for what they can do and what their sites let a job name; `recent`: what calls before this one found may let it in, too.
    Raises Forbidden or NotFound beyond one's own projects, InputErrors for what is wrong with the job, Refused for what cannot run.
    """
    try:
        seqs, rows = _submit(actor, [spec], now, [key], sign_in, engines, recent, "")
    except InputErrors as faults:
        raise faults.errors[0] if len(faults.errors) == 1 else faults from None
    if row := rows.get(seqs[0]):
        return _as_kept(seqs[0], row)
    job: models.Job = models.Job.objects.get(seq=seqs[0])
    return job


def submit_all(
    actor: Actor, specs: Sequence[JobSpec], now: int, *, keys: Sequence[str | None] | None = None,
    sign_in: SignIn | None = None, engines: Engines | None = None, recent: Recent | None = None, field: str = "jobs",
) -> list[int]:  # fmt: skip
    """Submit jobs, all of them or none; their numbers, in order. Raises as `submit`, every fault with the place of its job,
    `jobs[3].limit`, counted from 1."""
    keys = [None] * len(specs) if keys is None else keys
    return _submit(actor, specs, now, keys, sign_in, engines, recent, field)[0]


def _submit(
    actor: Actor, specs: Sequence[JobSpec], now: int, keys: Sequence[str | None], sign_in: SignIn | None,
    engines: Engines | None, recent: Recent | None, field: str,
) -> tuple[list[int], dict[int, _Columns]]:  # fmt: skip
    """The jobs' numbers, and the rows of those that are new."""
    require(actor, Action.SUBMIT_JOB)
    if len(specs) > MOST:
        raise InputError("too many jobs at once", field=field, value=len(specs), accepted=f"at most {MOST:,}")
    _check_keys(keys, len(specs), field)
    for last in (False, True):
        known = _known(actor.user, specs, keys)
        new = [i for i in range(len(specs)) if i not in known]
        ready = None
        if recent is not None and engines is None:
            board = recent.board(now)
            ready = Desk(actor, now, sign_in, board).let_in([specs[i] for i in new])
        if ready is None:  # nobody is refused, or told to wait, by what was
            board = Board(now, engines)
            ready = _all_ready(Desk(actor, now, sign_in, board), [(i, specs[i]) for i in new], field)
        try:
            with transaction.atomic():
                seqs, rows = _write(actor, ready, [keys[i] for i in new], now, board)
        except IntegrityError:  # somebody came with one of the keys meanwhile
            if last:
                raise
            continue
        found = known | dict(zip(new, seqs, strict=True))
        return [found[i] for i in range(len(specs))], rows
    raise AssertionError("unreachable")


def _as_kept(seq: int, row: _Columns) -> models.Job:
    """A job as reading it again would show it."""
    values = dict(zip(JOB, row, strict=True))
    if isinstance(values["spec"], str):
        values["spec"] = json.loads(values["spec"])
    return models.Job(seq=seq, **values)


def try_submit(
    actor: Actor, spec: JobSpec, now: int, *, sign_in: SignIn | None = None, engines: Engines | None = None
) -> Tried:  # fmt: skip
    """What would come of submitting a job; nothing is kept. Raises Forbidden, NotFound and InputErrors as `submit`."""
    require(actor, Action.SUBMIT_JOB)
    desk = Desk(actor, now, sign_in, Board(now, engines))
    if faults := desk.faults(spec):
        raise InputErrors([fault.error() for fault in faults])
    return desk.ready(spec).tried


def _all_ready(desk: Desk, asked: Sequence[tuple[int, JobSpec]], field: str) -> list[Ready]:
    """The jobs that passed; raises for all that did not. What the rules denied is kept as a decision first."""
    errors: list[InputError] = []
    ready: list[Ready] = []
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


def _refused(one: Ready, at: str) -> Refused:
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


def _write(
    actor: Actor, ready: Sequence[Ready], keys: Sequence[str | None], now: int, board: Board
) -> tuple[list[int], dict[int, _Columns]]:
    """Decisions, services, jobs and the entry of the audit log, in the transaction at hand; the jobs' numbers and rows.
    Of `board` are decisions and commitments made before; once those of now are committed, they are on it too."""
    if not ready:
        return [], {}
    decisions: dict[str, int] = {}
    rows: list[_Columns] = []
    firsts = []
    for one, key in zip(ready, keys, strict=True):
        assert one.ruling is not None
        if (digest := one.ruling.about + one.ruling.digest) not in decisions:
            decisions[digest] = board.decisions.get(digest) or kept(one.ruling, actor.user, now)
        service = _service(actor, one.spec)
        firsts.append(len(rows))
        for replica in range(one.spec.replicas if service else 1):
            rows.append(_row(actor, one, decisions[digest], service, replica, None if replica else key, now))
    point("submit.insert")
    seqs = add(rows)
    line = "\n".join(_TEXT.encode([seq, *row]) for seq, row in zip(seqs, rows, strict=True))
    by = board.concealed.get(actor.user) or audit.conceal(actor.user, actor.user)
    body = {
        "submitted": len(seqs), "first": min(seqs), "last": max(seqs), "decisions": sorted(set(decisions.values())),
        "by": by,
        "digest": hashlib.sha256(line.encode("utf-8", "backslashreplace")).hexdigest(),
    }  # fmt: skip
    audit.append("jobs", "submitted", body, now)
    transaction.on_commit(lambda: board.committed(decisions, {actor.user: by}))
    point("submit.commit")
    return [seqs[first] for first in firsts], dict(zip(seqs, rows, strict=True))


def _service(actor: Actor, spec: JobSpec) -> int | None:
    if KINDS[spec.kind] is not JobKind.SERVICE:
        return None
    made = models.Service.objects.create(
        project=spec.project, user=actor.user, spec=to_json(spec), replicas=spec.replicas
    )
    return int(made.id)


def _row(
    actor: Actor, one: Ready, decision: int, service: int | None, replica: int, key: str | None, now: int
) -> _Columns:  # fmt: skip
    assert one.ruling is not None
    return row_of(
        to_json(one.spec), actor.user, now, decision=decision, facts=one.ruling.digest, refusal=int(one.tried.refusal),
        why=one.tried.why.en, scavenges=one.tried.scavenges, service_id=service, replica=replica, key=key,
    )  # fmt: skip


def row_of(document: Mapping[str, Any], user: str, now: int, **more: Any) -> _Columns:
    """The row of a new job, of what was asked for, as JSON: its columns as JOB. `more`: those that a job need not have, as its
    decision; what is not said is as of a job that nothing has happened to."""
    row = {
        "project": document["project"], "user": user, "kind": int(KINDS[document["kind"]]), "name": document["name"],
        "spec": document if connection.vendor == "postgresql" else json.dumps(document), "submitted_utc_s": now,
        "state": int(JobState.NEW), **_NOTHING_YET, **more,
    }  # fmt: skip
    return tuple([row[column] for column in JOB])


def add(rows: list[_Columns]) -> list[int]:
    """Insert rows as `row_of` makes them, in the transaction at hand; their numbers, in order."""
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
        found[job.seq] = Judged(r.standing is Standing.CLEAR, r.standing is Standing.HELD, r.why.en, r.digest, r)
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
