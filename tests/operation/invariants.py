"""Everything that must hold once it is quiet again, whatever happened before; each function names what does not.

They read the database and the engines as they truly are (`stub.Process`), nothing that the control loop keeps to itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from dure.ledger.model import Cause, Phase, Transfer
from dure.lifecycle import ILLEGAL, TABLE
from dure.lifecycle.attempts import Observed
from dure.store import audit, auditcheck, ledger, models
from dure.units import HOUR_S
from dure.vocabulary import FINAL_STATES, JobEvent, JobState
from tests.operation.stub import StubEngine

RUN = "live"  # the name of the run in the ledger and in usage
ENDS = frozenset(
    {
        JobEvent.COMPLETE, JobEvent.TIME_OUT, JobEvent.PREEMPT, JobEvent.NODE_FAIL, JobEvent.CANCEL, JobEvent.FAIL,
        JobEvent.ENGINE_FAIL,
    }
)  # fmt: skip
CENTRES = frozenset({JobEvent.NODE_FAIL, JobEvent.ENGINE_FAIL})  # whose loss is given back

Slack = Callable[[str], int]
"""Seconds by which the metered time of an attempt may differ from the true one: its engine lied about times."""


def broken(
    engines: Iterable[StubEngine],
    submitted: Mapping[int, str],
    cancelled: Mapping[int, int] | None = None,
    *,
    slack: Slack = lambda key: 0,
    ended: bool = True,
) -> list[str]:
    """All that is wrong. `submitted`: the jobs that were taken, with their projects; `cancelled`: those whose owners gave
    them up, and when; `ended`: none should be left."""
    engines = list(engines)
    return [
        *nothing_lost(submitted),
        *jobs_right(ended),
        *heard(cancelled or {}),
        *attempts_right(),
        *engines_right(engines, ended),
        *metered(engines, slack),
        *booked(),
        *(f"ledger: {fault}" for fault in ledger.verify()[1]),
        *logged(),
    ]


# --- jobs ------------------------------------------------------------------------------------------------------------


def nothing_lost(submitted: Mapping[int, str]) -> Iterator[str]:
    """Every job that was taken is there, once, and no other but replicas of services."""
    kept = dict(models.Job.objects.filter(service=None).values_list("seq", "project"))
    for seq in sorted(submitted.keys() - kept.keys()):
        yield f"job {seq} was taken, and is not there"
    for seq in sorted(kept.keys() - submitted.keys()):
        yield f"job {seq} is there, and nobody was told that it was taken"
    for seq in sorted(submitted.keys() & kept.keys()):
        if submitted[seq] != kept[seq]:
            yield f"job {seq} of {submitted[seq]} is now one of {kept[seq]}"


def jobs_right(ended: bool) -> Iterator[str]:
    """The events of each job are a way through the lifecycle that ends in its state; its columns follow from them."""
    events = defaultdict(list)
    for row in models.JobEvent.objects.order_by("seq"):
        events[row.job].append(row)
    tries = Counter(models.Attempt.objects.values_list("job_id", flat=True))
    for job in models.Job.objects.order_by("seq"):
        yield from _job(job, events.pop(job.seq, []), tries[job.seq])
        if ended and job.state not in FINAL_STATES:
            yield f"job {job.seq} is still {JobState(job.state).name} ({job.why or job.refusal})"
    for seq in events:
        yield f"events of job {seq}, which does not exist"


def _job(job: models.Job, events: Sequence[models.JobEvent], tries: int) -> Iterator[str]:
    said = " ".join(JobEvent(e.event).name for e in events)
    state, at, first, last = int(JobState.NEW), job.submitted_utc_s, None, None
    for e in events:
        if e.event == JobEvent.REFUSE and state == JobState.NEW:  # refused before it was queued
            state = int(JobState.WAITING)
        state = int(TABLE[state, e.event])
        if state == ILLEGAL:
            yield f"job {job.seq}: {said}: an illegal step"
            return
        if e.at_utc_s < at:
            yield f"job {job.seq}: {said}: {JobEvent(e.event).name} at {e.at_utc_s}, before {at}"
        at = e.at_utc_s
        first = at if e.event == JobEvent.START and first is None else first
        last = at if state in FINAL_STATES else None
    if state != job.state:
        yield f"job {job.seq}: {said}: ends in {JobState(state).name}, but it is {JobState(job.state).name}"
    if (job.started_utc_s, job.ended_utc_s) != (first, last):
        yield f"job {job.seq}: {said}: started and ended {job.started_utc_s}, {job.ended_utc_s}, not {first}, {last}"
    starts = sum(e.event == JobEvent.START for e in events)
    if not (starts == tries == job.attempts):
        yield f"job {job.seq}: {starts} starts, {tries} attempts, {job.attempts} counted"


def heard(cancelled: Mapping[int, int]) -> Iterator[str]:
    """Nothing starts that its owner gave up before."""
    rows = models.JobEvent.objects.filter(event=JobEvent.START, job__in=list(cancelled))
    for seq, at in rows.values_list("job", "at_utc_s"):
        if at > cancelled[seq]:
            yield f"job {seq} was cancelled at {cancelled[seq]}, and started at {at}"


def attempts_right() -> Iterator[str]:
    """A running job has one live attempt, the last; every other attempt has ended, with one event that says how."""
    states = dict(models.Job.objects.values_list("seq", "state"))
    ends: dict[str, list[int]] = defaultdict(list)
    for key, event in models.JobEvent.objects.exclude(attempt="").order_by("seq").values_list("attempt", "event"):
        ends[key].append(event)
    live = Counter(models.Attempt.objects.filter(observed__lt=Observed.ENDED).values_list("job_id", flat=True))
    for seq, state in states.items():
        if live[seq] != (state == JobState.RUNNING):
            yield f"job {seq} is {JobState(state).name} and has {live[seq]} live attempts"
    numbers = defaultdict(list)
    for a in models.Attempt.objects.order_by("job_id", "number"):
        numbers[a.job_id].append(a.number)
        if a.key != f"{RUN}-{a.job_id}.{a.number}":
            yield f"attempt {a.number} of job {a.job_id} is called {a.key}"
        told = [JobEvent(e).name for e in ends.pop(a.key, []) if e in ENDS]
        if len(told) != (a.observed == Observed.ENDED):
            yield f"attempt {a.key} is {Observed(a.observed).name}, its ends are {told}"
    for seq, found in numbers.items():
        if found != list(range(found[0], found[0] + len(found))) or found[0] not in (0, 1):
            yield f"job {seq}: its attempts are numbered {found}"
    for key in ends:
        yield f"events of attempt {key}, which does not exist"


# --- engines ---------------------------------------------------------------------------------------------------------


def engines_right(engines: Sequence[StubEngine], ended: bool) -> Iterator[str]:
    """No attempt was started twice, no device given twice, and what the engines run is what the tables say."""
    rows = {a.key: a for a in models.Attempt.objects.all()}
    for engine in engines:
        yield from (f"{engine.name}: {what}" for what in engine.broken)
        live = set(engine.live_keys())
        for key in engine.starts:
            if key not in rows:
                yield f"{engine.name} was asked for {key}, of which nobody wrote an intent"
        for key in sorted(live):
            if key in rows and rows[key].observed == Observed.ENDED:
                yield f"{engine.name} still runs {key}, which ended for us"
            if ended:
                yield f"{engine.name} still runs {key} after the end of all jobs"
    started = {key for engine in engines for key in engine.starts}
    for key, a in rows.items():
        if a.observed == Observed.ENDED and a.run_utc_s is not None and key not in started:
            yield f"{key} ran for us, and no engine ever started it"
    ran: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for engine in engines:
        for p in engine.every():
            ran[p.launch.job].append((p.begun_s, p.end_s, p.launch.key))
    for spans in ran.values():
        spans.sort()
        for (_, end, a), (begin, _, b) in pairwise(spans):
            if begin < end:
                yield f"{b} began at {begin}, {a} ended at {end}: two of one job at once"


def metered(engines: Sequence[StubEngine], slack: Slack) -> Iterator[str]:
    """Every ended attempt has one usage row, of the time for which the engine truly ran it."""
    true = {p.launch.key: p for engine in engines for p in engine.every()}
    usage = defaultdict(list)
    for row in models.Usage.objects.filter(run=RUN):
        usage[row.name].append(row)
    used = Counter(models.Used.objects.values_list("key", flat=True))
    for a in models.Attempt.objects.order_by("key"):
        rows = usage.pop(f"{a.job_id}.{a.number}", [])
        if (len(rows), used.pop(a.key, 0)) != ((1, 1) if a.observed == Observed.ENDED else (0, 0)):
            yield f"{a.key} is {Observed(a.observed).name} and has {len(rows)} usage rows"
            continue
        if not rows:
            continue
        row, p = rows[0], true.get(a.key)
        used_s = row.end_utc_s - row.start_utc_s
        if not (a.start_utc_s <= row.start_utc_s <= row.end_utc_s):
            yield f"{a.key}: metered from {row.start_utc_s} to {row.end_utc_s}, started {a.start_utc_s}"
        if row.milli_unit_s != a.charge * min(used_s, a.limit_s):  # how long it takes to stop it is the centre's
            yield f"{a.key}: {row.milli_unit_s} milli-unit-seconds for {used_s} s at {a.charge}"
        if row.accelerator_milli_s != a.held_milli * used_s:
            yield f"{a.key}: {row.accelerator_milli_s} milli-accelerator-seconds for {used_s} s of {a.held_milli}"
        ran = p.ran_s if p else 0
        known = not p or not p.forgotten  # of what an engine forgot nobody knows when it ended
        if known and abs(used_s - ran) > slack(a.key):
            yield f"{a.key}: metered {used_s} s, it ran {ran} s (slack {slack(a.key)})"
    for name in (*usage, *used):
        yield f"usage of {name}, which is no attempt"


# --- units and the log -----------------------------------------------------------------------------------------------


def journal() -> list[Transfer]:
    return [t for _, t in ledger.journal(limit=1_000_000)]


def booked() -> Iterator[str]:
    """Every reservation is resolved once its attempt ended; what was posted is what was used, to the milli-unit."""
    entries = journal()
    resolved = {t.pending: t for t in entries if t.pending}
    rows = {f"{a.job_id}.{a.number}": a for a in models.Attempt.objects.all()}
    reserved = {t.about: t for t in entries if t.phase == Phase.PENDING and t.cause == Cause.USAGE}
    for name, a in rows.items():
        if a.reserved != (name in reserved):
            yield f"{a.key}: reserved {a.reserved}, in the ledger {name in reserved}"
    for name, t in reserved.items():
        if name not in rows:
            yield f"units are reserved for {name}, which is no attempt"
        elif (t.id in resolved) != (rows[name].observed == Observed.ENDED):
            yield f"reservation of {name}: resolved {t.id in resolved}, observed {rows[name].observed}"
    yield from _posted(entries, rows)
    yield from _refunded(entries, rows)


def _posted(entries: Sequence[Transfer], rows: Mapping[str, models.Attempt]) -> Iterator[str]:
    spent: Counter[str] = Counter()
    by_id = {t.id: t for t in entries}
    for t in entries:
        if t.cause == Cause.USAGE and t.phase in (Phase.POSTED, Phase.POST):
            debit = by_id[t.pending].debit if t.pending else t.debit
            spent[debit.partition(":")[2]] += t.amount
    due: Counter[str] = Counter()
    for row in models.Usage.objects.filter(run=RUN):
        a = rows.get(row.name)
        due[row.project] += row.milli_unit_s if a is not None and a.reserved else 0
    meters = {m.project_id: m for m in models.Meter.objects.all()}
    for project in sorted(spent.keys() | due.keys()):
        if spent[project] != due[project] // HOUR_S:
            yield f"{project}: {spent[project]} milli-units posted, {due[project] / HOUR_S:.3f} used"
        kept = meters[project].milli_unit_s if project in meters else 0
        if kept != due[project]:
            yield f"{project}: its meter says {kept} milli-unit-seconds, its usage {due[project]}"


def _refunded(entries: Sequence[Transfer], rows: Mapping[str, models.Attempt]) -> Iterator[str]:
    ends = dict(models.JobEvent.objects.filter(event__in=ENDS).exclude(attempt="").values_list("attempt", "event"))
    back: Counter[str] = Counter()
    for t in entries:
        if t.cause != Cause.REFUND:
            continue
        a = rows.get(t.about)
        if a is None:
            yield f"a refund for {t.about}, which is no attempt"
            continue
        back[a.key] += t.amount
        if ends.get(a.key) not in CENTRES and a.failure != 4:
            yield f"{a.key} ended with {JobEvent(ends[a.key]).name if a.key in ends else 'nothing'} and was refunded"
    for used in models.Used.objects.all():
        if used.refunded_milli != back[used.key]:
            yield f"{used.key}: {back[used.key]} came back, its row says {used.refunded_milli}"
        row = models.Usage.objects.filter(run=RUN, name=used.key.removeprefix(f"{RUN}-")).first()
        if row and back[used.key] > -(-row.milli_unit_s // HOUR_S):
            yield f"{used.key}: {back[used.key]} came back of {row.milli_unit_s / HOUR_S:.3f}"


def logged() -> Iterator[str]:
    """The audit log, all of it, against itself and the tables."""
    audit.sequence_all()
    yield from (f"audit log: {fault}" for fault in auditcheck.check())
