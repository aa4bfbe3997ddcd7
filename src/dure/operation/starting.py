"""From a plan to attempts: judged by the rules of now, paid for, written down, and only then asked of an engine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dure.accounting.settle import Attempt as Reservation
from dure.executors.base import Launch, Part
from dure.kernels.bits import count_devices
from dure.ledger.model import SUCCESS
from dure.lifecycle.attempts import Desired
from dure.operation.metering import RUN, reserve_all
from dure.operation.submitting import Judged, judged_start, kept
from dure.operation.tickets import token_of
from dure.operation.turn import Turn
from dure.operation.world import Try, World
from dure.scheduler.snapshot import Placement, Plan, commit, schedule
from dure.store import jobs as store
from dure.store import models
from dure.store.documents import from_json
from dure.units import MILLI
from dure.vocabulary import JobEvent, JobKind, Refusal
from dure.workload.spec import JobSpec

HOLDER = ("sleep", "infinity")  # what stands on a lease's nodes where its owner named nothing
LISTENS = (JobKind.INTERACTIVE, JobKind.SERVICE)


def begin(turn: Turn) -> float:
    """Decide, and write the intents: one pass over the snapshot. The seconds that the decision took."""
    began = time.perf_counter()
    plan = schedule(turn.world.snapshot)
    took_s = time.perf_counter() - began
    _carry_out(turn, plan)
    return took_s


def _carry_out(turn: Turn, plan: Plan) -> None:
    """Judge, pay for and write down what a plan starts, as far as it may still be started."""
    world = turn.world
    for row in plan.preempts:
        _make_way(turn, world.seq_of[row])
    planned = _free_now(world, plan)
    if not planned:
        if not plan.preempts:
            world.snapshot = commit(world.snapshot, plan)  # with what the pass noted of those that wait
        return
    seqs = [world.seq_of[s.job] for s in planned]
    turn.fetch(seqs)
    pools = {seq: world.fleet.pools[s.pool].id for seq, s in zip(seqs, planned, strict=True)}
    jobs = [turn.job(seq) for seq in seqs]
    verdicts = judged_start(jobs, pools, turn.now, world.court_at(turn.now, jobs))
    _keep(turn, verdicts)
    over = {seq for seq in seqs if 0 < int(turn.job(seq).spec.get("expires_utc_s") or 0) <= turn.now}
    may = {seq for seq in seqs if verdicts[seq].allowed} - over
    wanted = [(seq, s) for seq, s in zip(seqs, planned, strict=True) if seq in may]
    tries = {seq: _intent(turn, seq, s) for seq, s in wanted}
    unpaid = _reserve(turn, list(tries.values()))
    kept = [(seq, s) for seq, s in wanted if tries[seq].key not in unpaid]
    whole = len(kept) == len(plan.starts) and not plan.preempts
    some = tuple(s for _, s in kept)
    world.snapshot = commit(world.snapshot, _part(plan, some, whole))
    first = [seq for seq, _ in kept if turn.job(seq).started_utc_s is None]
    store.add_attempts([_write(turn, tries[seq], s, verdicts[seq]) for seq, s in kept])
    models.Forecast.objects.filter(job_id__in=first, started_utc_s=None).update(started_utc_s=turn.now)
    for seq in seqs:
        if seq in over:
            turn.withdraw(seq)
            turn.happen(seq, JobEvent.EXPIRE, cause="its time is over")
        elif seq not in may:
            _refuse(turn, seq, verdicts[seq])
    if broke := {turn.job(seq).project for seq, _ in wanted if tries[seq].key in unpaid}:
        world.learn(sorted(broke))


def _part(plan: Plan, starts: tuple[Placement, ...], whole: bool) -> Plan:
    """A plan as far as it is carried out; whoever is to make way still runs."""
    if whole:
        return plan
    return Plan(plan.now_s, starts) if plan.preempts else replace(plan, starts=starts)


def _keep(turn: Turn, verdicts: Mapping[int, Judged]) -> None:
    """Keep the verdicts that are others than when the jobs were submitted, or last judged; alike ones once."""
    decisions: dict[str, int] = {}
    for seq, verdict in verdicts.items():
        if verdict.digest != turn.job(seq).facts:
            if verdict.digest not in decisions:
                decisions[verdict.digest] = kept(verdict.ruling, turn.job(seq).user, turn.now)
            turn.set_job(seq, facts=verdict.digest, decision=decisions[verdict.digest])


def _free_now(world: World, plan: Plan) -> tuple[Placement, ...]:
    """The starts of a plan that need not wait for those who are to make way."""
    if not plan.preempts:
        return plan.starts
    taken: dict[int, int] = {}
    for row in plan.preempts:
        for node, mask in world.of_job[world.seq_of[row]].nodes:
            taken[node] = taken.get(node, 0) | mask
    return tuple(
        s for s in plan.starts if not any(taken.get(v, 0) & mask for v, mask in zip(s.nodes, s.devices, strict=True))
    )


def _make_way(turn: Turn, seq: int) -> None:
    """A job of a higher class needs the place: save, then go."""
    one = turn.world.of_job.get(seq)
    if one is not None and one.desired == Desired.RUN:
        turn.set_try(
            one, desired=Desired.SAVE, ending=int(JobEvent.PREEMPT), cause="a job of a higher class goes first"
        )


def _refuse(turn: Turn, seq: int, verdict: Judged) -> None:
    """The rules say no, or not yet: since it was submitted, they or the facts have changed."""
    if verdict.held:
        turn.hold(seq, verdict.why)
        return
    turn.withdraw(seq)
    turn.refuse(seq, Refusal.RULES, verdict.why)


def _intent(turn: Turn, seq: int, start: Placement) -> Try:
    world, job = turn.world, turn.job(seq)
    entry = world.snapshot.state.entries[start.entry]
    left = int(job.spec.get("limit_s") or 0) - world.saved_of(start.job)
    wall = -(-left * MILLI // int(entry["speed"]))
    if expires := int(job.spec.get("expires_utc_s") or 0):
        wall = max(1, min(wall, expires - turn.now))
    share = int(job.spec.get("share_milli") or MILLI)
    world.starts += 1
    number = job.attempts
    return Try(
        key=f"{RUN}-{seq}.{number}", job=seq, number=number, pool=world.fleet.pools[start.pool].id,
        nodes=tuple(zip(start.nodes, start.devices, strict=True)), start_utc_s=turn.now, order=world.starts, limit_s=wall,
        engine=world.engines.get(world.fleet.pools[start.pool].id, ""),
        charge=0 if job.scavenges else int(entry["charge"]), kind=job.kind,
        held_milli=sum(int(count_devices(mask)) for mask in start.devices) * share,
    )  # fmt: skip


def _reserve(turn: Turn, tries: Sequence[Try]) -> set[str]:
    """Reserve what each attempt can cost at most; the keys of those whose project cannot pay."""
    asked = [Reservation(RUN, turn.job(t.job).project, f"{t.job}.{t.number}", t.charge, t.limit_s) for t in tries]
    codes = reserve_all(asked, turn.now)
    unpaid = set()
    for one, reservation in zip(tries, asked, strict=True):
        code = codes.get(reservation.name)
        one.reserved = code is not None and code in SUCCESS
        if code is not None and code not in SUCCESS:
            unpaid.add(one.key)
    return unpaid


def _write(turn: Turn, one: Try, start: Placement, verdict: Judged) -> dict[str, object]:
    """The event and the row of an attempt that is to start."""
    job = turn.job(one.job)
    turn.happen(one.job, JobEvent.START, reason=start.reason, pool=one.pool, attempt=one.key, cause=verdict.why)
    changes = {"attempts": one.number + 1, "refusal": 0, "why": ""}
    if job.started_utc_s is None:
        changes["started_utc_s"] = turn.now
    turn.set_job(one.job, **changes)
    turn.world.take(one)
    return {
        "key": one.key, "job_id": one.job, "number": one.number, "pool": one.pool, "engine": one.engine,
        "nodes": [list(n) for n in one.nodes],
        "desired": 0, "observed": 0, "ending": 0, "cause": "", "start_utc_s": turn.now, "stop_how": -1, "failure": 0,
        "charge": one.charge, "limit_s": one.limit_s, "reserved": one.reserved, "held_milli": one.held_milli, "port": 0,
        "unhealthy": 0, "health_utc_s": 0,
    }  # fmt: skip


def launch_of(world: World, one: Try, job: models.Job) -> Launch:
    """What an engine is asked to start."""
    spec, names = from_json(JobSpec, job.spec), world.node_names()
    model = next(p.model for p in world.fleet.pools if p.id == one.pool)
    command, image = spec.command_for(model)
    kind = JobKind(job.kind)
    return Launch(
        key=one.key, job=one.job, attempt=one.number, project=job.project, kind=kind, command=command or HOLDER,
        parts=tuple(Part(names[v], _bits(mask)) for v, mask in one.nodes), limit_s=one.limit_s, image=image, model=model,
        share_milli=spec.share_milli,
        cores_milli=spec.cores_milli, memory_mib=spec.memory_mib, env=spec.env, secrets=spec.secrets, data=spec.data,
        token=token_of(one.key) if kind in LISTENS else "", listens=kind in LISTENS, save_name=f"{RUN}-{one.job}",
    )  # fmt: skip


def _bits(mask: int) -> tuple[int, ...]:
    return tuple(d for d in range(mask.bit_length()) if mask >> d & 1)
