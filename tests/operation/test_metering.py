"""Metering in the database, against sums made by hand: closing in batches, usage by every key, idle, reconcile, compute."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from dure.accounting.live import Ended
from dure.accounting.settle import REFUND_CAP_S, Attempt
from dure.app.access import Forbidden, NotFound
from dure.errors import InputError
from dure.executors.base import Capabilities, EngineGone, Record
from dure.units import DAY_S, HOUR_S, WEEK_S
from dure.vocabulary import Failure, JobEvent, JobKind
from tests.operation.programme_world import NOW, Small, small

POOLS = (("h200", "H200"), ("rngd", "RNGD"), ("cpu", ""))
CENTRES = (JobEvent.NODE_FAIL, JobEvent.ENGINE_FAIL)
FUNDS = 10**9


def ended(job: int = 1, number: int = 0, **more: Any) -> Ended:
    """Two H200 for an hour of two at 6 units an hour, that ended just now, unless said otherwise."""
    plain: dict[str, Any] = {
        "key": f"live-{job}.{number}", "job": job, "number": number, "project": "alpha", "user": "member", "pool": "h200",
        "model": "H200", "kind": JobKind.TRAINING, "start_utc_s": NOW - HOUR_S, "run_utc_s": NOW - HOUR_S, "end_utc_s": NOW,
        "charge": 6000, "limit_s": 2 * HOUR_S, "reserved": True, "speed_milli": 1000, "save_every_s": 0,
        "ended_by": JobEvent.COMPLETE, "failure": Failure.NONE, "held_milli": 2000, "energy_j": None, "busy_milli": None,
        "submitted_utc_s": NOW - 2 * HOUR_S, "energy_w_milli": 1_400_000,
    }  # fmt: skip
    return Ended(**{**plain, **more})


def history(seed: int, count: int, projects: tuple[str, ...] = ("alpha", "beta", "gamma")) -> list[Ended]:
    """Attempts as they may end, in order of their ends; each job is of one project and user, and has one to three."""
    rng, rows = random.Random(seed), []
    for job in range(1, count + 1):
        project, user, kind = rng.choice(projects), rng.choice(("u1", "u2")), rng.choice(list(JobKind))
        pool, model = rng.choice(POOLS)
        for number in range(rng.choice((1, 1, 1, 2, 3))):
            start = NOW - rng.randrange(1, 40 * DAY_S)
            run = rng.choice((None, start, start + 30))
            wall = rng.choice((0, 20, 100, 4000, 90_000))
            charge = rng.choice((0, 1, 999, 6001)) if model else 0
            event = rng.choice((JobEvent.COMPLETE, JobEvent.FAIL, JobEvent.PREEMPT, JobEvent.TIME_OUT, *CENTRES))
            held = rng.choice((250, 1000, 8000)) if model else 0
            rows.append(
                ended(
                    job, number, project=project, user=user, kind=kind, pool=pool, model=model, start_utc_s=start, run_utc_s=run,
                    end_utc_s=min(NOW, start + wall), charge=charge, limit_s=rng.choice((60, 5000, 10**5)), reserved=charge > 0,
                    ended_by=event, save_every_s=rng.choice((0, 45)), speed_milli=rng.choice((700, 1000)), held_milli=held,
                    energy_j=rng.choice((None, 12_345)), busy_milli=rng.choice((None, 0, 500)), submitted_utc_s=start - 100,
                    energy_w_milli=700 * held,
                )
            )  # fmt: skip
    return sorted(rows, key=lambda e: e.end_utc_s)


@pytest.fixture
def funded(database: str) -> list[str]:
    """Three projects with units, and nothing else."""
    from dure.ledger.model import Cause, Transfer
    from dure.store import ledger, models

    names = ["alpha", "beta", "gamma"]
    models.Project.objects.bulk_create(models.Project(id=n) for n in names)
    ledger.record([Transfer("issue", "programme", "track:c/t", FUNDS * 3, Cause.ISSUE, NOW - 90 * DAY_S)])
    ledger.record(
        [Transfer(f"award:{n}", "track:c/t", f"project:{n}", FUNDS, Cause.AWARD, NOW - 90 * DAY_S) for n in names]
    )
    return names


def reserved(rows: list[Ended]) -> None:
    from django.db import transaction

    from dure.operation.metering import reserve_all

    with transaction.atomic():
        reserve_all([Attempt("live", e.project, e.name, e.charge, e.limit_s) for e in rows], NOW - 60 * DAY_S)


def closed(rows: list[Ended], now: int = NOW, **more: Any) -> Any:
    from django.db import transaction

    from dure.operation.metering import close_all

    with transaction.atomic():
        return close_all(rows, now, **more)


def everything() -> list[Any]:
    """All that metering writes."""
    from dure.store import models

    tables = (models.Usage, models.Used, models.Meter, models.Transfer, models.Account)
    return [sorted(map(str, table.objects.values_list())) for table in tables]


# --- closing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_batches_of_ends_are_booked_to_the_milli_unit_and_once(funded: list[str], seed: int) -> None:
    from dure.store import ledger, models

    rows, rng = history(seed, 30), random.Random(seed)
    reserved(rows)
    left = list(rows)
    while left:
        some, left = left[: (cut := rng.randrange(1, 30))], left[cut:]
        done = closed(some)
        assert done.refused == ()
        assert list(done.closed) == [e.key for e in some]
        before = everything()
        assert closed(some[: rng.randrange(len(some) + 1)]).closed == {}, "closed before"
        assert everything() == before
    for project in funded:
        mine = [e for e in rows if e.project == project]
        cost = {e.key: e.charge * min(ran(e), e.limit_s) for e in mine}
        back = sum(e.charge * min(lost(e), REFUND_CAP_S) for e in mine if e.ended_by in CENTRES)
        stands, meter = ledger.standing(project), models.Meter.objects.get(project=project)
        assert (stands.spent, stands.refunded, stands.reserved) == (sum(cost.values()) // HOUR_S, back // HOUR_S, 0)
        assert (meter.milli_unit_s, meter.refund_milli_unit_s) == (sum(cost.values()), back)
        for e in mine:
            row = models.Usage.objects.get(run="live", name=e.name)
            used = models.Used.objects.get(key=e.key)
            assert (row.end_utc_s - row.start_utc_s, row.milli_unit_s) == (ran(e), cost[e.key])
            assert row.accelerator_milli_s == e.held_milli * ran(e)
            energy = e.energy_j if e.energy_j is not None else 7 * e.held_milli * ran(e) // 10
            assert (used.energy_j, used.measured) == (energy, e.energy_j is not None)
        assert (
            sum(models.Used.objects.filter(project=project).values_list("refunded_milli", flat=True)) == back // HOUR_S
        )
    assert ledger.verify()[1] == []


def ran(e: Ended) -> int:
    return 0 if e.run_utc_s is None else max(0, e.end_utc_s - e.run_utc_s)


def lost(e: Ended) -> int:
    """Second by second of what was charged."""
    wall, since, saved = min(ran(e), e.limit_s), 0, 0
    if not e.save_every_s:
        return wall
    while (saved + e.save_every_s) * 1000 <= wall * e.speed_milli:
        saved += e.save_every_s
    while since * e.speed_milli < saved * 1000:
        since += 1
    return wall - since


def test_what_a_transaction_takes_back_was_never_closed(funded: list[str]) -> None:
    from django.db import transaction

    from dure.operation.metering import close_all

    rows = [ended(ended_by=JobEvent.NODE_FAIL)]
    reserved(rows)
    before = everything()

    def broken_off() -> None:
        with transaction.atomic():
            close_all(rows, NOW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert everything() == before
    assert closed(rows).closed["live-1.0"].refunded_milli == 6000


def test_units_that_are_not_there_are_a_code(funded: list[str]) -> None:
    from django.db import transaction

    from dure.ledger.model import Code
    from dure.operation.metering import reserve_all

    tries = [Attempt("live", "alpha", f"{n}.0", cost, HOUR_S) for n, cost in enumerate((FUNDS - 5, 6, 5, 0, 1))]
    tries += [Attempt("live", "nobody", "9.0", 1, HOUR_S)]
    with transaction.atomic():
        found = reserve_all(tries, NOW)
    short = Code.EXCEEDS_BALANCE
    assert found == {"0.0": Code.OK, "1.0": short, "2.0": Code.OK, "4.0": short, "9.0": short}
    with transaction.atomic():
        assert reserve_all(tries[:1], NOW + 9) == {"0.0": Code.EXISTS}


def test_an_end_in_a_month_that_was_closed_meanwhile_is_booked_now(funded: list[str]) -> None:
    from dure.ledger.months import month_of
    from dure.store import ledger, models

    then = NOW - 40 * DAY_S
    rows = [ended(ended_by=JobEvent.NODE_FAIL, start_utc_s=then, run_utc_s=then, end_utc_s=then + HOUR_S), ended(2)]
    reserved(rows)
    ledger.close_month(month_of(then), "office", NOW)
    assert closed(rows).refused == ()
    stands = ledger.standing("alpha")
    assert (stands.spent, stands.refunded, stands.reserved) == (12_000, 6000, 0)
    late = models.Transfer.objects.filter(about="1.0", at_utc_s=NOW).count()
    assert (late, ledger.verify()[1]) == (2, [])


def test_what_the_ledger_does_not_take_is_said_and_stops_nothing(funded: list[str], capfd: Any) -> None:
    from dure.accounting.settle import void
    from dure.ledger.model import Code
    from dure.store import ledger, models

    reserved([ended(ended_by=JobEvent.NODE_FAIL), ended(2)])
    ledger.record([void(Attempt("live", "alpha", "1.0", 6000, 2 * HOUR_S), NOW)])
    done = closed([ended(ended_by=JobEvent.ENGINE_FAIL), ended(2)])
    assert done.refused == (("post:live:1.0", Code.PENDING_RESOLVED), ("refund:live:1.0", Code.LINKED_FAILED))
    assert ledger.standing("alpha").spent == 6000
    assert models.Usage.objects.count() == 2
    assert "not booked" in capfd.readouterr().err


def test_usage_decays_from_the_second_it_was_used(funded: list[str]) -> None:
    from dure.store import models

    half = 1000
    first = ended(1, start_utc_s=NOW - 900, run_utc_s=NOW - 800, end_utc_s=NOW - 500, limit_s=250)
    reserved([first, ended(2)])
    closed([first], NOW - 400, half_life_s=half)
    closed([ended(2, run_utc_s=NOW - 300, end_utc_s=NOW)], NOW, half_life_s=half)
    seconds = [(NOW - 800 + s, 6000) for s in range(250)] + [(NOW - 300 + s, 6000) for s in range(300)]
    twin = sum(cost * 0.5 ** ((NOW - second - 0.5) / half) for second, cost in seconds)
    meter = models.Meter.objects.get(project="alpha")
    assert meter.used == pytest.approx(twin, rel=1e-6)
    assert meter.used_utc_s == NOW


def test_a_thousand_ends_are_one_short_transaction(funded: list[str]) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    rows = [
        ended(n, project=funded[n % 3], ended_by=CENTRES[0] if n % 10 == 0 else JobEvent.COMPLETE) for n in range(1000)
    ]
    reserved(rows)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert closed(rows).refused == ()
    few = [q for q in queries if "INSERT" not in q["sql"][:10]]
    assert len(few) <= 20, "no statement for each row"


# --- what was used -------------------------------------------------------------------------------------------------


def kept(rows: list[Ended]) -> Small:
    """A programme in which these attempts ended."""
    from dure.store import models

    made = small()
    models.Project.objects.get_or_create(id="gamma")
    for e in {e.job: e for e in rows}.values():
        models.Job.objects.create(
            seq=e.job, project=e.project, user=e.user, kind=e.kind, spec={}, state=3, submitted_utc_s=NOW
        )
    closed([_free(e) for e in rows])
    return made


def _free(e: Ended) -> Ended:
    return replace(e, reserved=False)


WORDS = {
    "project": lambda e: e.project, "user": lambda e: e.user, "job": lambda e: e.job, "kind": lambda e: e.kind.name.lower(),
    "pool": lambda e: e.pool, "model": lambda e: e.model, "day": lambda e: f"{_when(e):%Y-%m-%d}",
    "week": lambda e: f"{_when(e):%G-W%V}", "month": lambda e: f"{_when(e):%Y-%m}",
}  # fmt: skip


def _when(e: Ended) -> datetime:
    return datetime.fromtimestamp(max(e.start_utc_s, e.end_utc_s), UTC)


def by_hand(rows: list[Ended], by: tuple[str, ...]) -> dict[Any, tuple[Any, ...]]:
    groups = defaultdict(list)
    for e in rows:
        groups[tuple(WORDS[key](e) for key in by)].append(e)
    found = {}
    for key, some in groups.items():
        held = sum(e.held_milli * ran(e) for e in some)
        cost = sum(e.charge * min(ran(e), e.limit_s) for e in some)
        counted = sum(e.energy_j for e in some if e.energy_j is not None)
        energy = counted + sum(7 * e.held_milli * ran(e) // 10 for e in some if e.energy_j is None)
        seen = [e for e in some if e.busy_milli is not None]
        weight = sum(e.held_milli * ran(e) for e in seen)
        busy = sum(e.held_milli * ran(e) * e.busy_milli for e in seen) / 1000 / weight if weight else None
        firsts = [e for e in some if e.number == 0]
        waits = [
            (e.end_utc_s if e.run_utc_s is None else min(e.run_utc_s, e.end_utc_s)) - e.submitted_utc_s for e in firsts
        ]
        found[key] = (
            held / 1000 / 3600, cost // HOUR_S, 0, energy / 3.6e6, counted / energy if energy else None, busy, len(firsts),
            sum(waits) / len(firsts) if firsts else None,
        )  # fmt: skip
    return found


def test_usage_by_every_key_is_the_sum_by_hand(database: str) -> None:
    from dure.operation.metering import usage_by

    rows = history(5, 60)
    made = kept(rows)
    for by in [*itertools.combinations(WORDS, 1), *itertools.combinations(WORDS, 2), ("kind", "user", "week"), ()]:
        table = usage_by(made.office, "", by)
        figures = [c.key for c in table.columns[len(by) :]]
        found = {tuple(row[k] for k in by): tuple(row[f] for f in figures) for row in table.rows}
        wanted = by_hand(rows, by)
        assert found.keys() == wanted.keys(), by
        for key, values in wanted.items():
            assert found[key] == pytest.approx(values), (by, key)
        assert list(found) == sorted(found, key=lambda k: [(v if isinstance(v, int) else 0, str(v)) for v in k])
        assert table.texts()
    (one,) = usage_by(made.lead, "alpha", ("project",)).rows
    assert one["accelerator_h"] == pytest.approx(by_hand(rows, ("project",))["alpha",][0])
    assert [r["project"] for r in usage_by(made.lead, "", ("project",)).rows] == ["alpha"], "others are not seen"


def test_usage_is_for_those_who_see_the_balance(database: str) -> None:
    from dure.operation.metering import focus_rows, idle, usage_by

    made = small()
    assert usage_by(made.office, "alpha", ()).rows == []
    for actor, project in (("lead-beta", "alpha"), ("lead-alpha", "beta"), ("office", "nothing")):
        with pytest.raises(NotFound):
            usage_by(made.actor(actor), project)
        with pytest.raises(NotFound):
            focus_rows(made.actor(actor), project)
        with pytest.raises(NotFound):
            idle(made.actor(actor), project, NOW)
    for call in (lambda a: usage_by(a), lambda a: focus_rows(a), lambda a: idle(a, "", NOW)):
        with pytest.raises(Forbidden):
            call(made.actor("outsider"))
    for by in (("model; DROP TABLE store_usage",), ("model", "hour"), ("",)):
        with pytest.raises(InputError, match="accepted"):
            usage_by(made.office, "alpha", by)


def test_settled_runs_count_beside_live_ones(database: str) -> None:
    from dure.operation.metering import usage_by
    from dure.store import models

    made = kept([ended(charge=0)])
    models.Usage.objects.create(
        run="imported", name="1.0", project="alpha", pool="h200", model="H200", start_utc_s=NOW - HOUR_S, end_utc_s=NOW,
        accelerator_milli_s=3_600_000, milli_unit_s=3600,
    )  # fmt: skip
    (row,) = usage_by(made.office, "alpha", ("model",)).rows
    assert (row["accelerator_h"], row["milli_units"], row["jobs"]) == (3.0, 1, 1)
    assert [r["user"] for r in usage_by(made.office, "alpha", ("user",)).rows] == [None, "member"]


def test_focus_has_a_row_for_each_attempt_and_each_refund(database: str) -> None:
    from dure.accounting.focus import COLUMNS
    from dure.operation.metering import focus_rows

    then = NOW - HOUR_S
    made = kept([ended(1)])
    failed = [
        ended(2, pool="rngd", model="RNGD", charge=1001, ended_by=JobEvent.NODE_FAIL, save_every_s=1300, limit_s=3000)
    ]
    reserved(failed)
    closed(failed)
    table = focus_rows(made.lead)
    assert [c.key for c in table.columns] == list(COLUMNS)
    one, two, back = table.rows
    assert all(set(row) == set(COLUMNS) for row in table.rows)
    assert (one["ConsumedQuantity"], one["ConsumedUnit"], one["RegionId"], one["SkuId"]) == (
        "6.000000",
        "Units",
        "first",
        "H200",
    )
    assert one["ChargePeriodStart"] == f"{datetime.fromtimestamp(then, UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert (one["BillingPeriodStart"], one["BillingPeriodEnd"]) == ("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z")
    assert (two["PricingQuantity"], back["PricingQuantity"], back["ChargeCategory"]) == ("0.834166", "-0.111", "Credit")
    assert (back["ConsumedQuantity"], one["BilledCost"]) == ("", "")


# --- idle ----------------------------------------------------------------------------------------------------------


def running(job: int, *, busy: int | None, hours: int, project: str = "alpha", pool: str = "h200", **more: Any) -> None:
    from dure.store import models

    models.Job.objects.create(
        seq=job, project=project, user="member", kind=JobKind.LEASE, spec={}, state=2, submitted_utc_s=NOW - 99 * HOUR_S
    )
    models.Attempt.objects.create(**{
        "key": f"live-{job}.0", "job_id": job, "number": 0, "pool": pool, "nodes": [], "observed": 3,
        "start_utc_s": NOW - hours * HOUR_S - 5, "run_utc_s": NOW - hours * HOUR_S, "held_milli": 8000, "busy_milli": busy, **more,
    })  # fmt: skip


def test_what_lies_idle_is_listed_the_most_first(database: str) -> None:
    from dure.operation.metering import idle
    from dure.store import models

    rows = [
        ended(90, project="beta", user="b", busy_milli=50), ended(91, project="beta", user="b", busy_milli=149),
        ended(92, project="gamma", user="g", busy_milli=300), ended(93, project="gamma", user="g", busy_milli=None),
        ended(94, project="gamma", busy_milli=0, start_utc_s=NOW - 9 * DAY_S, run_utc_s=NOW - 9 * DAY_S, end_utc_s=NOW - 8 * DAY_S),
    ]  # fmt: skip
    made = kept([_free(e) for e in rows])
    running(1, busy=99, hours=24)
    running(2, busy=0, hours=48)
    running(3, busy=0, hours=23)  # not long enough
    running(4, busy=100, hours=99)  # busy enough
    running(5, busy=None, hours=99)  # not known
    running(6, busy=0, hours=99, observed=4)  # it ended
    running(7, busy=0, hours=99, held_milli=0)  # cores alone
    found = idle(made.office, "", NOW).rows
    assert [(r["project"], r["job"]) for r in found] == [("alpha", 2), ("alpha", 1), ("alpha", None), ("beta", None)]
    assert (found[0]["accelerator_h"], found[0]["utilisation"], found[0]["held_s"]) == (384.0, 0.0, 48 * HOUR_S)
    assert found[3]["utilisation"] == pytest.approx(0.0995)
    assert found[2]["utilisation"] == pytest.approx((99 * 24 + 100 * 99) / (24 + 48 + 23 + 99) / 1000)
    assert [r["job"] for r in idle(made.lead, "alpha", NOW, below_milli=1, hours=1).rows] == [2, 3]
    assert idle(made.office, "gamma", NOW + WEEK_S + 1).rows == []
    assert models.Attempt.objects.count() == 7


# --- reconcile -----------------------------------------------------------------------------------------------------


class Books:
    """An engine that has only books."""

    name = "books"

    def __init__(self, records: list[Record], keeps: bool = True, gone: bool = False) -> None:
        self.kept, self.keeps, self.gone = records, keeps, gone

    def capabilities(self) -> Capabilities:
        return Capabilities(frozenset(JobKind), records=self.keeps)

    def records(self, since_utc_s: int) -> list[Record]:
        if self.gone:
            raise EngineGone("no answer")
        return [r for r in self.kept if not r.end_utc_s or r.end_utc_s >= since_utc_s]


def over(job: int, run: int | None, end: int | None, exit_code: int | None = 0, pool: str = "h200") -> None:
    running(job, busy=None, hours=1, pool=pool, run_utc_s=run, end_utc_s=end, exit_code=exit_code)


def test_reconcile_lists_every_difference_and_keeps_how_many(database: str) -> None:
    from dure.operation.metering import reconcile
    from dure.store import models

    made = small()
    t = NOW - DAY_S
    over(1, t, t + 100)  # the same
    over(2, t, t + 100)  # missing there
    over(3, t, None, None)  # ended there
    over(4, t, t + 100)  # other exit, twice
    over(5, t, t + 100, pool="far")  # at another site, by the same engine
    over(6, None, t + 100, None)  # never began
    over(7, t - 40 * DAY_S, t - 35 * DAY_S)  # long ago, and they have forgotten it
    over(8, t - 40 * DAY_S, t - 35 * DAY_S)  # long ago; they say that it still runs
    engine = Books(
        [
            Record("live-1.0", t + 9, t + 90, 0), Record("live-3.0", t, t + 50, 0), Record("live-4.0", t, t + 100, 1),
            Record("live-4.0", t + 500, t + 600, 0), Record("live-5.0", t, t + 900, 3), Record("live-8.0", t - 40 * DAY_S, 0, None),
            Record("live-99.0", t, t + 3, 0),
        ]
    )  # fmt: skip
    engines: Any = SimpleNamespace(of_pool=dict.fromkeys(("h200", "rngd", "cpu", "far"), engine))
    table = reconcile(made.actor("operator"), "first", engines, NOW)
    assert [(r["attempt"], r["difference"]) for r in table.rows] == [
        ("live-2.0", "missing there"), ("live-3.0", "ended there"), ("live-4.0", "twice"), ("live-4.0", "other exit"),
        ("live-8.0", "still running there"), ("live-99.0", "unknown to us"),
    ]  # fmt: skip
    assert table.texts()
    kept = models.Happening.objects.filter(kind="site", about="first", event="reconcile").get()
    assert (kept.by, kept.note) == ("operator", "6 differences")
    abroad = reconcile(made.actor("operator"), "abroad", engines, NOW)
    assert [(r["attempt"], r["difference"]) for r in abroad.rows] == [
        ("live-5.0", "other end"), ("live-5.0", "other exit"), ("live-99.0", "unknown to us"),
    ]  # fmt: skip
    own: Any = SimpleNamespace(of_pool={"h200": Books([]), "far": engine})
    strange = [
        r["attempt"] for r in reconcile(made.office, "abroad", own, NOW).rows if r["difference"] == "unknown to us"
    ]
    assert [r["attempt"] for r in reconcile(made.office, "first", own, NOW).rows].count("live-2.0") == 1, (
        "no engine at all"
    )
    assert "live-1.0" in strange, "an attempt of ours is strange to an engine that never served it"


def test_reconcile_is_refused_where_it_cannot_be(database: str) -> None:
    from dure.operation.metering import reconcile
    from dure.store import models

    made = small()
    engines: Any = SimpleNamespace(of_pool={"h200": Books([], keeps=False), "far": Books([], gone=True)})
    with pytest.raises(InputError, match="accounting"):
        reconcile(made.office, "first", engines, NOW)
    with pytest.raises(EngineGone):
        reconcile(made.office, "abroad", engines, NOW)
    with pytest.raises(NotFound):
        reconcile(made.office, "nowhere", engines, NOW)
    with pytest.raises(Forbidden):
        reconcile(made.lead, "first", engines, NOW)
    assert not models.Happening.objects.filter(event="reconcile").exists()


# --- compute -------------------------------------------------------------------------------------------------------


def test_metered_time_adds_to_the_lineage_once(database: str) -> None:
    from dure.app import modelling
    from dure.governance.assets import Model
    from dure.operation.metering import feed_compute
    from dure.store import models
    from dure.store.documents import to_json

    made = small()
    for id, project in (("m", "alpha"), ("theirs", "beta")):
        models.AIModel.objects.create(id=id, project=project, document=to_json(Model(id, id, project, "somebody")))
    trains = {1: "m", 2: "", 3: "unknown", 4: "theirs", 5: "m", 6: "m", 7: None, 8: "m"}
    for seq, model in trains.items():
        models.Job.objects.create(
            seq=seq, project="alpha", user="member", kind=0, spec={} if model is None else {"trains": model}, state=2,
            submitted_utc_s=NOW,
        )  # fmt: skip
    rows = [
        ended(1, busy_milli=100), ended(2), ended(3), ended(4), ended(5, model="", pool="cpu", held_milli=0),
        ended(6, model="NEVER"), ended(7), ended(8, run_utc_s=None), ended(1, 1, ended_by=JobEvent.NODE_FAIL),
    ]  # fmt: skip
    closed([_free(e) for e in rows])
    faults = _fed(rows)
    assert [f.split(" ")[0] for f in faults] == ["live-3.0", "live-4.0", "live-6.0"]
    assert ["no model" in faults[0], "another project's" in faults[1], "peak" in faults[2]] == [True] * 3
    runs = {r.id: r for r in models.Run.objects.all()}
    assert sorted(runs) == ["live-1.0", "live-1.1"]
    high = 2 * HOUR_S * 1978.9 / 1000  # two H200 for an hour at their fastest, dense FP8
    (estimate,) = runs["live-1.0"].document["estimates"]
    assert estimate["high_pflop"] == runs["live-1.0"].document["bound_pflop"] == pytest.approx(high, abs=1)
    assert estimate["best_pflop"] == pytest.approx(high / 10, abs=1), "no better than it was busy"
    assert runs["live-1.1"].document["estimates"][0]["best_pflop"] == pytest.approx(high * 0.4, abs=1)
    assert {r.by for r in runs.values()} == {"dure"}
    total = modelling.along("m").total("EU")
    assert (total.runs, total.high) == (2, 2 * estimate["high_pflop"])
    assert models.Decision.objects.filter(act="train", about="m").count() == 2
    before = [models.Run.objects.count(), models.Decision.objects.count(), models.Happening.objects.count()]
    assert len(_fed(rows)) == 3
    assert before == [models.Run.objects.count(), models.Decision.objects.count(), models.Happening.objects.count()]
    assert feed_compute([], NOW) == []
    assert made.office.user == "office"


def test_a_stage_that_somebody_stated_goes_on(database: str) -> None:
    from dure.app import modelling
    from dure.governance.assets import Model
    from dure.governance.lineage import Estimate, Method, Run, Stage
    from dure.store import models

    made = small()
    modelling.keep_model(made.lead, Model("m", "m", "alpha", "somebody"), NOW - DAY_S)
    stated = Run("by-hand", "m", Stage.SFT, NOW - DAY_S, estimates=(Estimate(Method.ARCHITECTURE, 1, 1, 1, "0" * 64),))
    modelling.record_run(made.lead, stated, NOW)
    models.Job.objects.create(
        seq=1, project="alpha", user="member", kind=0, spec={"trains": "m"}, state=3, submitted_utc_s=NOW
    )
    closed([_free(ended())])
    assert _fed([ended()]) == []
    assert models.Run.objects.get(id="live-1.0").document["stage"] == "sft"


def _fed(rows: list[Ended]) -> list[str]:
    from django.db import transaction

    from dure.operation.metering import feed_compute

    with transaction.atomic():
        return feed_compute(rows, NOW)
