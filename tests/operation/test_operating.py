"""Jobs, services, projects and sites: who sees and changes what, and that each change is told the record."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.app.access import Actor, Forbidden, NotFound, Role
from dure.errors import InputError, UnknownName
from dure.units import DAY_S, HOUR_S, MILLI
from dure.vocabulary import FINAL_STATES, JobState
from dure.workload.checks import KINDS
from dure.workload.spec import JobSpec
from tests.operation.programme_world import NOW, Small, job, small

LIVE = (JobState.NEW, JobState.WAITING, JobState.RUNNING)


def row(spec: JobSpec, user: str = "member", state: JobState = JobState.WAITING, **more: Any) -> int:
    """A job as a row, without what goes before it: its number."""
    from dure.store import models
    from dure.store.documents import to_json

    given = {
        "project": spec.project, "user": user, "kind": int(KINDS[spec.kind]), "name": spec.name, "spec": to_json(spec),
        "state": int(state), "submitted_utc_s": NOW - HOUR_S,
    }  # fmt: skip
    return int(models.Job.objects.create(**{**given, **more}).seq)


def running(world: Small, spec: JobSpec, user: str, *, port: int = 0, nodes: Any = ((0, 1),), **more: Any) -> int:
    """A job with an attempt that runs on the first pool."""
    from dure.store import models

    seq = row(spec, user, JobState.RUNNING, attempts=1, started_utc_s=NOW, **more)
    models.Attempt.objects.create(
        key=f"live-{seq}.0", job_id=seq, number=0, pool="h200", nodes=[list(n) for n in nodes], observed=3,
        start_utc_s=NOW, run_utc_s=NOW, limit_s=spec.limit_s, held_milli=spec.accelerators * MILLI, port=port, charge=1000,
    )  # fmt: skip
    return seq


def happenings(about: str) -> list[tuple[str, str, str, str]]:
    from dure.store import models

    rows = models.Happening.objects.filter(about=about, kind__in=("job", "service", "project", "site")).order_by("seq")
    return list(rows.values_list("event", "before", "after", "by"))


@dataclass
class Everybody:
    """Jobs of two projects, and those who may look at them."""

    world: Small
    mine: int
    other: int

    def sees(self, user: str, **asked: Any) -> list[int]:
        from dure.operation import views

        return [j.seq for j in views.queue(self.world.actor(user), **asked)]


@pytest.fixture
def two(database: str) -> Everybody:
    world = small()
    return Everybody(world, row(job()), row(job(project="beta"), "lead-beta"))


# --- who sees what -----------------------------------------------------------------------------------------------


def test_one_sees_the_jobs_of_ones_projects(two: Everybody) -> None:
    from dure.operation import views

    assert two.sees("member") == two.sees("lead-alpha") == [two.mine]
    assert two.sees("lead-beta") == [two.other]
    for user in ("office", "operator", "c1"):
        assert two.sees(user) == [two.mine, two.other]
    with pytest.raises(Forbidden):
        two.sees("outsider")
    looks = Actor("facilitator", frozenset({Role.FACILITATOR}), group=frozenset({"beta"}))
    assert [j.seq for j in views.queue(looks)] == [two.other]
    for look in (views.job_of, views.attempts_of, views.events_of):
        with pytest.raises(NotFound):
            look(two.world.actor("lead-beta"), two.mine)
        with pytest.raises(NotFound):
            look(two.world.actor("office"), 10**15)
        assert look(two.world.actor("office"), two.mine) is not None


def test_the_queue_is_read_in_pages_and_by_state(two: Everybody) -> None:
    from dure.operation import views

    seqs = [row(job(), state=state) for state in JobState]
    office, mine = two.world.actor("office"), two.world.actor("lead-beta")
    every = [two.mine, two.other, *seqs]
    assert [j.seq for j in views.queue(office, state="all", limit=5)] == every[:5]
    assert [j.seq for j in views.queue(office, state="all", after=every[4])] == every[5:]
    assert len(views.queue(office, state="ended")) == len(FINAL_STATES)
    assert [j.seq for j in views.queue(office, project="beta", state="all")] == [two.other]
    assert [j.seq for j in views.queue(office, user="lead-beta", state="all")] == [two.other]
    assert views.queue(mine, project="alpha", state="all") == []
    for state in JobState:
        word = "queued" if state is JobState.NEW else state.name.lower()
        assert seqs[state] in {j.seq for j in views.queue(office, state=word)}
    with pytest.raises(UnknownName, match="asleep"):
        views.queue(office, state="asleep")
    for limit in (0, -1, views.MOST + 1):
        with pytest.raises(InputError, match="limit"):
            views.queue(office, limit=limit)


def test_views_say_all_in_words(two: Everybody) -> None:
    from dure.operation import views
    from dure.store import models

    seq = running(two.world, job(models=("H200",)), "member", wish=2)
    shown = views.job_view(views.job_of(two.world.lead, seq))
    assert (shown.job, shown.kind, shown.state, shown.wish) == (seq, "batch", "running", "requeue")
    assert (shown.refusal, shown.failure, shown.models) == ("", "", ("H200",))
    (attempt,) = map(views.attempt_view, views.attempts_of(two.world.lead, seq))
    assert (attempt.attempt, attempt.desired, attempt.observed, attempt.ended_by) == (1, "run", "running", "")
    models.JobEvent.objects.create(job=seq, event=2, reason=12, pool="h200", attempt=f"live-{seq}.0", at_utc_s=NOW)
    (event,) = map(views.event_view, views.events_of(two.world.lead, seq))
    assert (event.event, event.reason, event.pool) == ("start", "no_room", "h200")
    assert views.events_of(two.world.lead, seq, after=event.seq) == []
    for view in (views.JobView, views.AttemptView, views.EventView, views.LeaseView, views.ServiceView):
        assert all(f.metadata.get("meaning") for f in fields(view)), view


def test_logs_are_those_of_the_attempt_asked_for(two: Everybody) -> None:
    from dure.operation import views

    class Engine:
        def logs(self, key: str, offset: int, limit: int) -> bytes:
            return f"{key} wrote this".encode()[offset : offset + limit]

    engines: Any = SimpleNamespace(of_pool={"h200": Engine()})
    seq, lead = running(two.world, job(), "member"), two.world.lead
    assert views.logs(lead, engines, seq) == f"live-{seq}.0 wrote this".encode()
    assert views.logs(lead, engines, seq, 3, 4, attempt=1) == f"live-{seq}.0 wrote this".encode()[3:7]
    assert views.logs(lead, engines, two.mine) == b""
    with pytest.raises(NotFound):
        views.logs(lead, engines, seq, attempt=2)
    with pytest.raises(NotFound):
        views.logs(two.world.actor("lead-beta"), engines, seq)
    for offset, limit in ((-1, 1), (0, 0)):
        with pytest.raises(InputError):
            views.logs(lead, engines, seq, offset, limit)


# --- who changes what --------------------------------------------------------------------------------------------


def test_who_may_cancel_and_requeue(two: Everybody) -> None:
    from dure.operation import operating
    from dure.store import models

    for user in ("member", "lead-alpha", "operator", "office"):
        for what, wish in ((operating.requeue, 2), (operating.cancel, 1)):
            seq = running(two.world, job(), "member")
            what(two.world.actor(user), seq, NOW)
            what(two.world.actor(user), seq, NOW)  # once is enough
            found = models.Job.objects.get(seq=seq)
            assert (found.wish, found.wished_by, found.state) == (wish, user, JobState.RUNNING)
            assert happenings(str(seq)) == [(what.__name__, "running", "", user)]
    for user, error in (("lead-beta", NotFound), ("outsider", Forbidden), ("c1", Forbidden)):
        with pytest.raises(error):
            operating.cancel(two.world.actor(user), two.mine, NOW)
    reads = Actor("member", belongs=frozenset({"alpha"}), may_write=False)
    with pytest.raises(Forbidden, match="only read"):
        operating.cancel(reads, two.mine, NOW)
    assert happenings(str(two.mine)) == []


@pytest.mark.parametrize("state", list(JobState))
def test_what_has_ended_cannot_be_cancelled(two: Everybody, state: JobState) -> None:
    from dure.operation import operating

    seq = row(job(), state=state)
    if state in LIVE:
        operating.cancel(two.world.lead, seq, NOW)
    else:
        with pytest.raises(InputError, match=state.name.lower()):
            operating.cancel(two.world.lead, seq, NOW)
    other = row(job(), state=state)
    if state == JobState.RUNNING:
        operating.requeue(two.world.lead, other, NOW)
        operating.cancel(two.world.lead, other, NOW)  # the last word counts, until it is to end
        with pytest.raises(InputError, match="to be cancelled"):
            operating.requeue(two.world.lead, other, NOW)
    else:
        with pytest.raises(InputError):
            operating.requeue(two.world.lead, other, NOW)


def service(replicas: int = 2) -> Any:
    from dure.store import models
    from dure.store.documents import to_json

    spec = job(kind="service", name="chat", replicas=replicas)
    made = models.Service.objects.create(project="alpha", user="member", spec=to_json(spec), replicas=replicas)
    world: Any = None
    for replica in range(replicas):
        running(world, spec, "member", service_id=made.id, replica=replica)
    return made


def test_services_are_scaled_and_restarted(two: Everybody) -> None:
    from dure.operation import operating, views
    from dure.store import models

    made, lead = service(), two.world.lead
    models.Attempt.objects.filter(job__replica=1).update(unhealthy=2)
    (shown,) = views.service_views(views.services(lead))
    assert (shown.wanted, shown.running, shown.healthy, shown.restarts, len(shown.jobs)) == (2, 2, 1, 0, 2)
    assert views.services(two.world.actor("lead-beta")) == []
    operating.scale(lead, made.id, 5, NOW)
    operating.scale(lead, made.id, 5, NOW)
    made.refresh_from_db()
    assert (made.replicas, made.since_utc_s) == (5, NOW)
    operating.restart(lead, made.id, NOW)
    assert set(models.Job.objects.filter(service=made).values_list("wish", flat=True)) == {1}
    operating.scale(two.world.actor("operator"), made.id, 0, NOW)
    told = happenings(str(made.id))
    assert [(e, b, a) for e, b, a, _ in told] == [("scale", "2", "5"), ("restart", "", ""), ("scale", "5", "0")]
    for count in (-1, operating.MOST_REPLICAS + 1):
        with pytest.raises(InputError, match="replicas"):
            operating.scale(lead, made.id, count, NOW)
    with pytest.raises(NotFound):
        operating.scale(two.world.actor("lead-beta"), made.id, 1, NOW)
    with pytest.raises(Forbidden):
        operating.restart(two.world.actor("c1"), made.id, NOW)


def test_leases_show_their_dates_nodes_and_idle_part(two: Everybody) -> None:
    from dure.operation import views
    from dure.store import models

    ahead = row(job(kind="lease", earliest_utc_s=NOW + DAY_S, limit_s=2 * DAY_S))
    held = running(two.world, job(kind="lease", limit_s=DAY_S), "member", nodes=((2, 255), (3, 255)))
    models.Attempt.objects.filter(job=held).update(busy_milli=300)
    assert [j.seq for j in views.leases(two.world.lead)] == [ahead, held]
    first, second = views.lease_views(views.leases(two.world.lead))
    assert (first.from_utc_s, first.to_utc_s, first.pool, first.idle_milli) == (NOW + DAY_S, NOW + 3 * DAY_S, "", None)
    assert (second.from_utc_s, second.to_utc_s, second.nodes, second.idle_milli) == (NOW, NOW + DAY_S, (2, 3), 700)
    assert views.leases(two.world.actor("lead-beta")) == []


# --- projects and sites ------------------------------------------------------------------------------------------


def test_projects_are_stopped_and_resumed(two: Everybody) -> None:
    from dure.operation import operating
    from dure.store import models

    for user in ("office", "operator", "c1"):
        operating.stop_project(two.world.actor(user), "alpha", NOW, reason="asked by its institution")
        assert models.Project.objects.get(id="alpha").stopped
        with pytest.raises(InputError, match="cannot stop it"):
            operating.stop_project(two.world.actor(user), "alpha", NOW)
        operating.resume_project(two.world.actor(user), "alpha", NOW)
        with pytest.raises(InputError, match="cannot resume it"):
            operating.resume_project(two.world.actor(user), "alpha", NOW)
    assert [e for e, *_ in happenings("alpha")] == ["stop", "resume"] * 3
    with pytest.raises(Forbidden):
        operating.stop_project(two.world.lead, "alpha", NOW)
    with pytest.raises(NotFound):
        operating.stop_project(two.world.office, "nobody", NOW)


def test_terms_are_changed_one_by_one(two: Everybody) -> None:
    from dure.operation import operating

    office = two.world.office
    as_at_first = operating.set_terms(two.world.lead, "alpha", now=NOW)
    assert (as_at_first.when_spent, as_at_first.shares, as_at_first.limit_accelerators) == ("wait", 1, None)
    operating.set_terms(office, "alpha", when_spent="scavenge", limit=16, now=NOW)
    operating.set_terms(office, "alpha", shares=3, now=NOW)
    found = operating.terms_of(two.world.lead, "alpha")
    assert (found.when_spent, found.shares, found.limit_accelerators) == ("scavenge", 3, 16)
    assert operating.set_terms(office, "alpha", limit=0, now=NOW).limit_accelerators is None
    assert [e for e, *_ in happenings("alpha")] == ["set_terms"] * 3
    for bad in ({"when_spent": "panic"}, {"shares": 0}, {"shares": 2**31}, {"limit": -1}, {"limit": 2**31}):
        with pytest.raises(InputError):
            operating.set_terms(office, "alpha", now=NOW, **bad)
    with pytest.raises(Forbidden):
        operating.set_terms(two.world.lead, "alpha", shares=9, now=NOW)
    for user in ("lead-beta", "office"):
        with pytest.raises(NotFound):
            operating.set_terms(two.world.actor(user), "alpha" if user == "lead-beta" else "nobody", now=NOW)


def test_sites_are_drained_capped_and_out(two: Everybody) -> None:
    from dure.operation import sites
    from dure.store import models

    operator = two.world.actor("operator")
    sites.drain(operator, "first", NOW)
    sites.drain(operator, "first", NOW)
    sites.cap(operator, "first", 50_000, NOW)
    sites.outage(operator, "first", NOW + DAY_S, NOW + 2 * DAY_S, "새 냉각기", NOW)
    first, abroad = sites.sites(two.world.lead, NOW)
    assert (first.drained, first.cap_w, [o.reason for o in first.outages]) == (True, 50_000, ["새 냉각기"])
    assert (abroad.drained, abroad.cap_w, abroad.outages) == (False, None, ())
    assert models.SiteOrder.objects.get(site="first").version == 2
    models.NodeState.objects.create(node=1, up=False, since_utc_s=NOW)
    models.NodeState.objects.create(node=10**6, up=False, since_utc_s=NOW)  # of a fleet of before
    sites.resume(operator, "first", NOW)
    sites.cap(operator, "first", None, NOW)
    first, _ = sites.sites(two.world.lead, NOW + 2 * DAY_S)
    assert (first.drained, first.cap_w, first.outages, first.nodes_down, first.nodes) == (False, None, (), 1, 8)
    told = [(e, b, a) for e, b, a, _ in happenings("first")]
    assert told[:2] == [("drain", "false", "true"), ("cap", "", "50000")]
    assert told[3:] == [("resume", "true", "false"), ("cap", "50000", "")]


def test_site_orders_that_will_not_do(two: Everybody) -> None:
    from dure.operation import sites
    from dure.store import models

    operator = two.world.actor("operator")
    for user in ("lead-alpha", "c1", "outsider"):
        with pytest.raises(Forbidden):
            sites.drain(two.world.actor(user), "first", NOW)
    with pytest.raises(UnknownName, match="abroad, first"):
        sites.drain(operator, "moon", NOW)
    for watts in (-1, sites.MOST_W + 1):
        with pytest.raises(InputError, match="power"):
            sites.cap(operator, "first", watts, NOW)
    for reason in ("two\nlines", "turned‮round", "x" * 301, "nul\0"):
        with pytest.raises(InputError, match="reason"):
            sites.outage(operator, "first", NOW, NOW + 1, reason, NOW)

    @given(st.integers(-(2**40), 2**62), st.integers(-(2**40), 2**62))
    def dates(start: int, end: int) -> None:
        right = start < end and end > NOW and end - start <= 366 * DAY_S and abs(start - NOW) <= 366 * DAY_S
        if not right:
            with pytest.raises(InputError):
                sites.outage(operator, "first", start, end, "", NOW)

    dates()
    assert not models.Outage.objects.exists()
    assert not models.SiteOrder.objects.exists()
