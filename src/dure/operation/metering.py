"""What live attempts came to: units reserved and booked, usage kept, lineages fed; shown by project, and compared with engines.

`reserve_all`, `close_all` and `feed_compute` write in the transaction at hand: the control loop's own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from math import log as ln
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, transaction

from dure.accounting.focus import COLUMNS
from dure.accounting.invoices import point
from dure.accounting.live import RUN as RUN  # the control loop names attempts by it
from dure.accounting.live import Closed, Ended, Total, close
from dure.accounting.months import bounds, day_of
from dure.accounting.reconcile import Account, compare
from dure.accounting.settle import REFUND_CAP_S, Attempt, reserve
from dure.app import booking, modelling
from dure.app.access import Action, Actor, NotFound, Role, require, require_all
from dure.app.people import happened
from dure.app.programme import fleet_of_programme
from dure.errors import DureError, InputError
from dure.formats.catalogue import load_catalogue
from dure.formats.governance import datasheet_of
from dure.governance.lineage import Estimate, Method, Run, Stage, hardware_bound_pflop
from dure.ledger.model import SUCCESS, Code, Transfer
from dure.ledger.months import month_of
from dure.lifecycle.attempts import Observed
from dure.operation.logging import log
from dure.reports.table import Column, Table, Value
from dure.store import ledger, models
from dure.store.sql import insert, members
from dure.units import DAY_S, HOUR_S, J_PER_KWH, MILLI, WEEK_S
from dure.vocabulary import JobKind

if TYPE_CHECKING:
    from dure.operation.engines import Engines

SLACK_S: Final = 60  # clocks of engines and ours may differ by so much
RECONCILED_S: Final = 30 * DAY_S  # how far back accounts are compared
PEAK_SHARE_MILLI: Final = 400  # assumption: large training runs reach 30 to 45 % of an accelerator's fastest peak
METER: Final = Actor("dure", frozenset({Role.OPERATOR}))
"""Who enters metered runs in the compute ledger: the programme's own meter."""
_USAGE: Final = (
    "run", "name", "project", "pool", "model", "start_utc_s", "end_utc_s", "accelerator_milli_s", "milli_unit_s",
)  # fmt: skip
_USED: Final = (
    "key", "job", "project", "user", "wait_s", "energy_j", "measured", "busy_milli", "ended_by", "failure", "refunded_milli",
)  # fmt: skip
_METER: Final = ("milli_unit_s", "refund_milli_unit_s", "used", "used_utc_s")


# --- in the control loop ---------------------------------------------------------------------------------------------


def reserve_all(attempts: Sequence[Attempt], now: int) -> dict[str, Code]:
    """Reserve what attempts can cost at most; what the ledger said of each that costs anything, by its name."""
    asked = {a.name: t for a in attempts if (t := reserve(a, now))}
    return dict(zip(asked, ledger.record(list(asked.values())), strict=True))


@dataclass(frozen=True)
class Booked:
    """What a batch of ends came to. `refused`: transfers that the ledger did not take, which is a fault of ours or theirs."""

    closed: Mapping[str, Closed]  # by the attempt's key; not those that were closed before
    refused: tuple[tuple[str, Code], ...]


def close_all(
    rows: Sequence[Ended], now: int, *, half_life_s: int = WEEK_S, refund_cap_s: int = REFUND_CAP_S
) -> Booked:
    """Book the ends of attempts, in their order: ledger, usage, meters. What was closed before is passed over."""
    known = _closed_before(rows)
    fresh = [e for e in rows if e.key not in known]
    projects = sorted({e.project for e in fresh})
    locked = models.Meter.objects.select_for_update().filter(project__in=projects)
    meters = {m.project_id: m for m in locked}
    meters |= {p: models.Meter(project_id=p, used_utc_s=now) for p in projects if p not in meters}
    closed = {e.key: _closed(e, meters[e.project], now, half_life_s, refund_cap_s) for e in fresh}
    refused = _book([t for c in closed.values() for t in c.transfers], now)
    with connection.cursor() as cursor:
        pairs = [(e, closed[e.key]) for e in fresh]
        insert(cursor, "store_usage", _USAGE, [_usage(e, c) for e, c in pairs])
        insert(cursor, "store_used", _USED, [_used(e, c) for e, c in pairs])
        insert(
            cursor, "store_meter", ("project_id", *_METER),
            [(p, *(getattr(m, c) for c in _METER)) for p, m in meters.items()],
            "ON CONFLICT (project_id) DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in _METER),
        )  # fmt: skip
    return Booked(closed, refused)


def _closed_before(rows: Sequence[Ended]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT key FROM store_used WHERE key IN ({members()})", [json.dumps([e.key for e in rows])])
        return {key for (key,) in cursor.fetchall()}


def _closed(e: Ended, meter: models.Meter, now: int, half_life_s: int, refund_cap_s: int) -> Closed:
    """Close an attempt, and have its project's meter go on."""
    done = close(e, Total(meter.milli_unit_s, meter.refund_milli_unit_s), refund_cap_s)
    meter.milli_unit_s, meter.refund_milli_unit_s = done.after.milli_unit_s, done.after.refund_milli_unit_s
    meter.used = meter.used * 0.5 ** (max(0, now - meter.used_utc_s) / half_life_s) + _decayed(e, now, half_life_s)
    meter.used_utc_s = max(now, meter.used_utc_s)
    return done


def _decayed(e: Ended, now: int, half_life_s: int) -> float:
    """What is left by now of an attempt's milli-unit-seconds, each second decaying since it was used."""
    begin, end = (now - e.begin_utc_s) / half_life_s, (now - e.begin_utc_s - e.charged_s) / half_life_s
    return float(e.charge * half_life_s / ln(2) * (0.5**end - 0.5**begin))


def _book(transfers: list[Transfer], now: int) -> tuple[tuple[str, Code], ...]:
    """Book a batch; what falls into a month that is closed by now, into this one. What was refused is logged."""
    codes = dict(zip((t.id for t in transfers), ledger.record(transfers), strict=True))
    closed = {t.about for t in transfers if codes[t.id] == Code.MONTH_CLOSED}
    if late := [replace(t, at_utc_s=now) for t in transfers if t.about in closed]:
        codes |= zip((t.id for t in late), ledger.record(late), strict=True)
    refused = tuple((id, code) for id, code in codes.items() if code not in SUCCESS)
    for id, code in refused:
        log("not booked", level="error", transfer=id, cause=code.name.lower())
    return refused


def _usage(e: Ended, c: Closed) -> tuple[Any, ...]:
    return (
        RUN, e.name, e.project, e.pool, e.model, e.begin_utc_s, e.begin_utc_s + e.used_s, c.accelerator_milli_s, c.milli_unit_s,
    )  # fmt: skip


def _used(e: Ended, c: Closed) -> tuple[Any, ...]:
    return (
        e.key, e.job, e.project, e.user, c.wait_s, c.energy_j, c.measured, e.busy_milli, int(e.ended_by), int(e.failure),
        c.refunded_milli,
    )  # fmt: skip


def feed_compute(rows: Sequence[Ended], now: int) -> list[str]:
    """Enter each ended attempt that trained a model in the compute ledger, after `close_all`; what could not be, in words.

    The run is named as the attempt, so that it is entered once. Until somebody has said otherwise of the model by a run of
    its own, it is pretraining, which every jurisdiction counts.
    """
    held = {e.key: e for e in rows if e.held_milli * e.used_s}
    if not held:
        return []
    jobs = models.Job.objects.filter(seq__in={e.job for e in held.values()})
    trains = {seq: model for seq, model in jobs.values_list("seq", "spec__trains") if model}
    mine = {key: trains[e.job] for key, e in held.items() if e.job in trains}
    entered = set(models.Run.objects.filter(id__in=list(mine)).values_list("id", flat=True)) if mine else set()
    faults = []
    for key, model in mine.items():
        if key in entered:
            continue
        try:
            _feed(held[key], model, now)
        except DureError as error:
            faults.append(f"{key} trained {model}, which is not in its compute ledger: {error}")
            log("compute not entered", level="error", job=held[key].job, cause=str(error))
    return faults


def _feed(e: Ended, model: str, now: int) -> None:
    """Enter one run. Raises InputError, NotFound."""
    row, _ = modelling.model_for(METER, Action.RECORD_COMPUTE, model)
    if row.project != e.project:
        raise InputError("the model is another project's", field="trains", value=model)
    last = models.Run.objects.filter(model=row).order_by("-at_utc_s", "-id").first()
    run = Run(
        id=e.key, model=model, stage=Stage(last.document["stage"]) if last else Stage.PRETRAIN, at_utc_s=e.end_utc_s,
        estimates=(_estimate(e),), note=f"metered: job {e.job}",
    )  # fmt: skip
    modelling.record_run(METER, run, now, usage=[f"{RUN}:{e.name}"])


def _estimate(e: Ended) -> Estimate:
    """By hardware: at most all of its fastest peak; at best the share that large runs reach, less where it was less busy."""
    chip, held = load_catalogue().get(e.model), e.held_milli * e.used_s
    peaks = [rate for _, _, rate in datasheet_of(chip).rates] if chip else []
    if not peaks:
        raise InputError("its peak is not known", field="model", value=e.model, accepted="a model of the catalogue")
    high = hardware_bound_pflop(held, max(peaks))
    share = PEAK_SHARE_MILLI if e.busy_milli is None else min(PEAK_SHARE_MILLI, e.busy_milli)
    evidence = json.dumps([e.key, e.model, e.begin_utc_s, e.end_utc_s, e.held_milli, e.busy_milli])
    return Estimate(Method.HARDWARE, 0, high * share // MILLI, high, sha256(evidence.encode()).hexdigest())


# --- what was used ---------------------------------------------------------------------------------------------------

_DAY: Final = f"u.end_utc_s / {DAY_S}"
# Key -> its SQL, and how it is written.
_KEYS: Final[dict[str, tuple[str, Callable[[Any], Value]]]] = {
    "project": ("u.project", str),
    "user": ("x.user", lambda v: v),
    "job": ("x.job", lambda v: v),
    "kind": ("j.kind", lambda v: None if v is None else JobKind(v).name.lower()),
    "pool": ("u.pool", str),
    "model": ("u.model", str),
    "day": (_DAY, lambda v: day_of(v * DAY_S)),
    "week": (_DAY, lambda v: f"{datetime.fromtimestamp(v * DAY_S, UTC):%G-W%V}"),
    "month": (_DAY, lambda v: month_of(v * DAY_S)),
}
_FROM: Final = (
    "FROM store_usage u LEFT JOIN store_used x ON u.run = 'live' AND x.key = 'live-' || u.name"
    " LEFT JOIN store_job j ON j.seq = x.job"
)
_FIRST: Final = "CASE WHEN x.key LIKE '%%.0' THEN {} ELSE 0 END"  # of the first attempt of each job
_SUMS: Final = {
    "held": "u.accelerator_milli_s",
    "cost": "u.milli_unit_s",
    "refunded": "coalesce(x.refunded_milli, 0)",
    "energy_j": "coalesce(x.energy_j, 0)",
    "measured_j": "CASE WHEN x.measured THEN x.energy_j ELSE 0 END",
    "busy": "coalesce(x.busy_milli, 0) / 1000.0 * u.accelerator_milli_s",
    "seen": "CASE WHEN x.busy_milli IS NULL THEN 0 ELSE u.accelerator_milli_s END",
    "jobs": _FIRST.format("1"),
    "wait": _FIRST.format("x.wait_s"),
}
_FIGURES: Final = (
    Column("accelerator_h", "accelerator-hours", "h"),
    Column("milli_units", "units", "milli-units"),
    Column("refunded_milli_units", "refunded", "milli-units"),
    Column("energy_kwh", "energy", "kWh"),
    Column("measured", "of it measured", "ratio"),
    Column("utilisation", "utilisation", "ratio"),
    Column("jobs", "jobs", "count"),
    Column("wait_mean_s", "mean wait", "duration"),
)


def usage_by(actor: Actor, project: str = "", by: Sequence[str] = ("model", "week")) -> Table:
    """What a project used, or all projects that one may see, summed for each of `by` (names of _KEYS).

    Times are UTC, of an attempt's end. A job counts, with its wait, where its first attempt ended. Energy and utilisation are
    of live attempts alone. Raises InputError for another key, NotFound beyond one's reach.
    """
    by = tuple(dict.fromkeys(by))
    if unknown := [key for key in by if key not in _KEYS]:
        raise InputError("not a key of usage", field="by", value=unknown[0], accepted=", ".join(_KEYS))
    sums: dict[tuple[Value, ...], dict[str, float]] = defaultdict(lambda: dict.fromkeys(_SUMS, 0))
    for keys, row in _summed(_visible(actor, project), by):
        into = sums[tuple(_KEYS[key][1](v) for key, v in zip(by, keys, strict=True))]
        for name, value in row.items():
            into[name] += value
    order = sorted(sums, key=lambda keys: [(v is not None, v if isinstance(v, int) else 0, str(v)) for v in keys])
    rows = [{**dict(zip(by, keys, strict=True)), **_figures(sums[keys])} for keys in order]
    title = f"Usage of {project}" if project else "Usage"
    return Table("usage", title, (*(Column(key, key) for key in by), *_FIGURES), rows)


def _visible(actor: Actor, project: str) -> list[str]:
    """The projects asked for. Raises NotFound, Forbidden."""
    if not project:
        return [p.id for p in booking.projects(actor)]
    require(actor, Action.READ_BALANCE)
    if not actor.sees(Action.READ_BALANCE, project=project) or not models.Project.objects.filter(id=project).exists():
        raise NotFound("project", project)
    return [project]


def _summed(
    projects: Sequence[str], by: Sequence[str], since_utc_s: int = 0
) -> Iterable[tuple[tuple[Any, ...], dict[str, float]]]:
    """Sums of usage that ended since a moment, grouped by the database."""
    groups = [_KEYS[key][0] for key in by]
    wanted = ", ".join([*groups, *(f"sum({sql})" for sql in _SUMS.values())])
    grouped = f" GROUP BY {', '.join(dict.fromkeys(groups))}" if groups else ""
    where = f"WHERE u.project IN ({members()}) AND u.end_utc_s >= %s"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {wanted} {_FROM} {where}{grouped}", [json.dumps(list(projects)), since_utc_s])
        found = [row for row in cursor.fetchall() if row[-1] is not None]  # without groups there is always one
    for row in found:
        sums = zip(_SUMS, row[len(by) :], strict=True)
        yield row[: len(by)], {name: float(v) if name == "busy" else int(v) for name, v in sums}


def _figures(s: Mapping[str, float]) -> dict[str, Value]:
    return {
        "accelerator_h": s["held"] / MILLI / HOUR_S, "milli_units": int(s["cost"]) // HOUR_S,
        "refunded_milli_units": s["refunded"], "energy_kwh": s["energy_j"] / J_PER_KWH,
        "measured": s["measured_j"] / s["energy_j"] if s["energy_j"] else None,
        "utilisation": s["busy"] / s["seen"] if s["seen"] else None, "jobs": s["jobs"],
        "wait_mean_s": s["wait"] / s["jobs"] if s["jobs"] else None,
    }  # fmt: skip


def focus_rows(actor: Actor, project: str = "") -> Table:
    """Each attempt and each refund with the columns of FOCUS, as far as they can be filled before an invoice: no costs."""
    fleet = fleet_of_programme()
    sites = {p.id: p.site for p in fleet.pools}
    name = models.Programme.objects.values_list("name", flat=True)[0]
    visible = _visible(actor, project)
    usage = models.Usage.objects.filter(project__in=visible).order_by("end_utc_s", "run", "name")
    back_of = models.Used.objects.filter(project__in=visible, refunded_milli__gt=0)
    used = dict(back_of.values_list("key", "refunded_milli"))
    rows: list[dict[str, Value]] = []
    for u in usage.iterator():
        of = {**dict.fromkeys(COLUMNS, ""), **_focus(u, sites.get(u.pool, ""), name)}
        units = point(u.milli_unit_s * 1000 // HOUR_S, 6)
        rows.append({**of, "ConsumedQuantity": units, "ConsumedUnit": "Units", "PricingQuantity": units})
        if u.run == RUN and (back := used.get(f"{RUN}-{u.name}")):
            about = f"refund {of['ChargeDescription']}"
            rows.append(
                {**of, "ChargeCategory": "Credit", "ChargeDescription": about, "PricingQuantity": point(-back, 3)}
            )
    return Table("focus", "Usage, with the columns of FOCUS", tuple(Column(c, c) for c in COLUMNS), rows)


def _focus(u: models.Usage, site: str, programme: str) -> dict[str, Value]:
    begin, end = bounds(month_of(max(u.start_utc_s, u.end_utc_s - 1)))
    moments = (f"{datetime.fromtimestamp(s, UTC):%Y-%m-%dT%H:%M:%SZ}" for s in (begin, end, u.start_utc_s, u.end_utc_s))
    spans = dict(
        zip(("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"), moments, strict=True)
    )
    return {
        **spans, "BillingAccountId": u.project, "SubAccountId": u.project, "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based", "ChargeDescription": " ".join(x for x in ("attempt", u.run, u.name, u.model) if x),
        "PricingUnit": "Units", "ServiceCategory": "AI and Machine Learning", "ServiceName": programme, "ResourceId": u.pool,
        "ResourceType": "Accelerator pool", "RegionId": site, "SkuId": u.model,
    }  # fmt: skip


# --- what lies idle --------------------------------------------------------------------------------------------------

_IDLE: Final = (
    Column("project", "project"),
    Column("job", "job"),
    Column("user", "user"),
    Column("kind", "kind"),
    Column("pool", "pool"),
    Column("accelerators", "accelerators", "count"),
    Column("held_s", "held for", "duration"),
    Column("accelerator_h", "accelerator-hours", "h"),
    Column("utilisation", "utilisation", "ratio"),
)


def idle(actor: Actor, project: str, now: int, *, below_milli: int = 100, hours: int = 24) -> Table:
    """What could be taken back, the most accelerator-hours first: jobs that have run for so many hours with less than this
    utilisation; then projects (without a job) whose attempts of the last week together had less."""
    visible = _visible(actor, project)
    live = models.Attempt.objects.filter(observed__lt=Observed.ENDED, held_milli__gt=0, run_utc_s__isnull=False)
    running = list(
        live.filter(busy_milli__isnull=False, job__project__in=visible).select_related("job").order_by("key")
    )
    lazy = [a for a in running if (a.busy_milli or 0) < below_milli and now - (a.run_utc_s or now) >= hours * HOUR_S]
    jobs = [_idle_job(a, now) for a in lazy]
    rows = [*jobs, *_idle_projects(visible, running, now, below_milli)]
    rows.sort(key=lambda r: (r["job"] is None, -float(r["accelerator_h"] or 0)))
    return Table("idle", "Accelerators held and hardly used", _IDLE, rows)


def _idle_job(a: models.Attempt, now: int) -> dict[str, Value]:
    held_s = now - (a.run_utc_s or now)
    return {
        "project": a.job.project, "job": a.job_id, "user": a.job.user, "kind": JobKind(a.job.kind).name.lower(), "pool": a.pool,
        "accelerators": a.held_milli / MILLI, "held_s": held_s, "accelerator_h": a.held_milli / MILLI * held_s / HOUR_S,
        "utilisation": (a.busy_milli or 0) / MILLI,
    }  # fmt: skip


def _idle_projects(
    projects: Sequence[str], running: Sequence[models.Attempt], now: int, below_milli: int
) -> list[dict[str, Value]]:
    held: dict[str, float] = defaultdict(float)  # milli-accelerator-seconds whose utilisation is known
    busy: dict[str, float] = defaultdict(float)
    for (name,), sums in _summed(projects, ("project",), now - WEEK_S):
        held[name], busy[name] = sums["seen"], sums["busy"]
    for a in running:
        milli_s = a.held_milli * max(0, now - (a.run_utc_s or now))
        held[a.job.project] += milli_s
        busy[a.job.project] += milli_s * (a.busy_milli or 0) / MILLI
    blank: dict[str, Value] = {c.key: None for c in _IDLE}
    return [
        {**blank, "project": p, "accelerator_h": held[p] / MILLI / HOUR_S, "utilisation": busy[p] / held[p]}
        for p in sorted(held)
        if held[p] and busy[p] / held[p] < below_milli / MILLI
    ]


# --- what engines say ------------------------------------------------------------------------------------------------


def reconcile(actor: Actor, site: str, engines: Engines, now: int, *, slack_s: int = SLACK_S) -> Table:
    """Every difference between our attempts of the last 30 days at a site and its engines' own accounting; how many is kept.

    Raises NotFound for no site, InputError where an engine keeps no accounting, EngineGone where one does not answer.
    """
    require_all(actor, Action.OPERATE)
    fleet = fleet_of_programme()
    if site not in {s.id for s in fleet.sites}:
        raise NotFound("site", site)
    pools = {p.id for p in fleet.pools if p.site == site}
    since = now - RECONCILED_S
    theirs = _theirs(engines, pools, since - slack_s)  # before ours: intents are written before an engine is asked
    ours = _ours(engines, pools, [a.key for a in theirs], since)
    theirs = [a for a in theirs if a.key not in ours or ours[a.key] is not None]
    found = compare(filter(None, ours.values()), theirs, slack_s, now)
    with transaction.atomic():
        happened("site", site, "reconcile", actor.user, now, note=f"{len(found)} differences")
    rows: list[dict[str, Value]] = [
        {"attempt": d.key, "difference": d.word.value, "ours": d.ours, "theirs": d.theirs} for d in found
    ]
    columns = (
        Column("attempt", "attempt"),
        Column("difference", "difference"),
        Column("ours", "what we say"),
        Column("theirs", "what they say"),
    )
    return Table("reconcile", f"What differs at {site}", columns, rows)


def _theirs(engines: Engines, pools: Collection[str], since: int) -> list[Account]:
    """The records of the engines of some pools; they may serve others too."""
    found = []
    for engine in {id(e): e for p in pools if (e := engines.of_pool.get(p))}.values():
        if not engine.capabilities().records:
            raise InputError("keeps no accounting of its own", field="engine", value=engine.name)
        records = engine.records(since)
        found += [Account(r.key, r.start_utc_s, r.end_utc_s or None, r.exit_code) for r in records]
    return found


def _ours(engines: Engines, pools: Collection[str], named: Sequence[str], since: int) -> dict[str, Account | None]:
    """Our attempts at some pools that ran since a moment, or that their engines name; None for one that ran at another pool
    of the same engines."""
    mine = {id(engines.of_pool[p]) for p in pools if p in engines.of_pool}
    beside = {p for p, engine in engines.of_pool.items() if id(engine) in mine} - set(pools)
    columns = "SELECT key, pool, run_utc_s, end_utc_s, exit_code FROM store_attempt"
    found: dict[str, Account | None] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"{columns} WHERE key IN ({members()}) OR (pool IN ({members()}) AND (end_utc_s IS NULL OR end_utc_s >= %s))",
            [json.dumps(named), json.dumps(sorted(pools)), since],
        )
        for key, pool, *times in cursor.fetchall():
            if pool in pools or pool in beside:
                found[key] = Account(key, *times) if pool in pools else None
    return found
