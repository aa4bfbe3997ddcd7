"""Submitting: who may, what is refused and how, once by key, all or none, held, paid, and judged again before the start."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from dure.errors import InputError, InputErrors
from dure.units import DAY_S, HOUR_S
from dure.vocabulary import JobState, Refusal
from dure.workload.spec import Health, JobSpec, SiteRules, Variant
from tests.operation.programme_world import FLEET, NOW, Small, job, small

H200 = {"models": ("H200",)}


@pytest.fixture
def world(database: str) -> Small:
    return small()


@pytest.fixture
def app(world: Small) -> Any:
    from dure.operation import submitting

    return submitting


def counts() -> tuple[int, ...]:
    """Rows of all that a submission leaves behind."""
    from dure.store import models

    tables = (models.Job, models.Service, models.Decision, models.Obligation, models.Outbox)
    return tuple(t.objects.count() for t in tables)


def faults(act: Any, *args: Any, **more: Any) -> list[InputError]:
    with pytest.raises(InputError) as caught:
        act(*args, **more)
    return caught.value.errors if isinstance(caught.value, InputErrors) else [caught.value]


def engines(**rules: SiteRules) -> Any:
    from dure.lifecycle.attempts import Grace
    from dure.operation.engines import Engines

    return Engines({}, rules, Grace())


ANY_DATA = engines  # no engine is asked, so that data may be named


# ---- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["lead-alpha", "member"])
def test_a_member_submits_and_the_job_names_its_decision(app: Any, world: Small, user: str) -> None:
    from dure.store import models
    from dure.store.documents import from_json

    spec = job(models=("H200",), env={"A": "x; rm -rf /"}, command=("sh", "-c", "echo $A > 'q'"))
    row = app.submit(world.actor(user), spec, NOW)
    assert (row.project, row.user, row.state, row.refusal, row.submitted_utc_s) == ("alpha", user, JobState.NEW, 0, NOW)
    assert from_json(JobSpec, row.spec) == spec
    decision = models.Decision.objects.get(seq=row.decision)
    assert (decision.act, decision.allowed, decision.by) == ("run", True, user)
    assert len(row.facts) == 64
    assert models.Outbox.objects.filter(kind="jobs", about="submitted").count() == 1


@pytest.mark.parametrize("user", ["outsider", "lead-beta", "office", "operator", "c1"])
def test_nobody_submits_for_a_project_of_others(app: Any, world: Small, user: str) -> None:
    from dure.app.access import Forbidden, NotFound

    before = counts()
    for act in (app.submit, app.try_submit):
        with pytest.raises((Forbidden, NotFound)) as caught:
            act(world.actor(user), job(), NOW)
        with pytest.raises(type(caught.value)) as other:
            act(world.actor(user), job(project="nowhere"), NOW)
        assert str(other.value).replace("nowhere", "alpha") == str(caught.value)  # whether there is one is not told
    assert counts() == before


def test_a_token_for_reading_submits_nothing(app: Any, world: Small) -> None:
    from dure.app.access import Forbidden

    with pytest.raises(Forbidden):
        app.submit(replace(world.lead, may_write=False), job(), NOW)


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": "a\nb"}, "name"),
        ({"name": "\u202egpj"}, "name"),
        ({"env": {"LD_PRELOAD": "x"}}, "env.LD_PRELOAD"),
        ({"env": {"A": "x" * 100_000_000}}, "env"),
        ({"command": ("a\0b",)}, "command[1]"),
        ({"kind": "nonsense"}, "kind"),
        ({"share_milli": 500, "accelerators": 2}, "share"),
        ({"data": ("nothing",)}, "data[1]"),
        ({"trains": "nothing"}, "trains"),
        ({"kind": "interactive", "expires_utc_s": NOW}, "expires"),
        ({"kind": "lease", "earliest_utc_s": 5, "limit_s": HOUR_S}, "earliest"),
        ({"models": ("GB200",)}, "models"),
        ({"accelerators": 33, "models": ("H200",)}, "accelerators"),
        ({"models": ("RNGD",), "kind": "training"}, "models"),
        ({"memory_mib": 2**40}, "accelerators"),
        ({"image": "registry.example/x"}, ""),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(app: Any, world: Small, more: dict[str, Any], field: str) -> None:
    before = counts()
    (fault,) = faults(app.submit, world.lead, job(**more), NOW)
    assert fault.field == field
    assert counts() == before


def test_a_stopped_project_takes_nothing(app: Any, world: Small) -> None:
    from dure.store import models

    models.Project.objects.filter(id="alpha").update(stopped=True)
    (fault,) = faults(app.submit, world.lead, job(), NOW)
    assert (fault.field, fault.message) == ("project", "the project is stopped")


def test_what_a_site_does_not_allow_narrows_where_it_may_run(app: Any, world: Small) -> None:
    strict = SiteRules(images=("registry.example/*",), paths=("/srv",))
    only = engines(h200=strict, far=SiteRules(), rngd=SiteRules())
    spec = job(command=("/srv/run",), image="registry.example/a", variants=(Variant("B200", ("x",), "bad.example/a"),))
    assert app.try_submit(world.lead, spec, NOW, engines=only).pools == ("h200",)
    row = app.submit(world.lead, spec, NOW, engines=only)
    assert row.spec["models"] == ["H200"]
    (fault,) = faults(app.submit, world.lead, job(command=("/etc/passwd",), **H200), NOW, engines=only)
    assert fault.refusal is Refusal.RULES  # type: ignore[attr-defined]
    assert "/etc/passwd" in str(fault)


# ---- once by key -----------------------------------------------------------------------------------------------------


def test_the_same_key_again_is_the_same_job(app: Any, world: Small) -> None:
    first = app.submit(world.lead, job(), NOW, key="k")
    after = counts()
    assert app.submit(world.lead, job(), NOW + 9, key="k").seq == first.seq
    assert counts() == after
    assert app.submit(world.actor("member"), job(), NOW, key="k").seq != first.seq  # another person's key
    (fault,) = faults(app.submit, world.lead, job(name="other"), NOW, key="k")
    assert fault.field == "key"
    for bad in ("", "x" * 201, "a\n"):
        assert faults(app.submit, world.lead, job(), NOW, key=bad)[0].field == "key"


def test_many_with_keys_are_each_made_once(app: Any, world: Small) -> None:
    keys = [f"k{n}" for n in range(6)]
    specs = [job(name=k, **H200) for k in keys]
    some = app.submit_all(world.lead, specs[1:3], NOW, keys=keys[1:3])
    found = app.submit_all(world.lead, specs, NOW, keys=keys)
    assert found[1:3] == some
    assert len(set(found)) == 6
    assert app.submit_all(world.lead, specs, NOW, keys=keys) == found
    assert faults(app.submit_all, world.lead, specs, NOW, keys=["a"] * 6)[0].field == "keys"


def test_two_at_once_with_one_key_make_one_job(app: Any, world: Small) -> None:
    from django.db import connection

    lead, found, ready = world.lead, [], threading.Barrier(2)

    def one() -> None:
        ready.wait()
        found.append(app.submit(lead, job(), NOW, key="both").seq)
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 2
    assert found[0] == found[1]


# ---- all or none -----------------------------------------------------------------------------------------------------


def test_of_many_all_are_taken_or_none_and_every_fault_has_its_place(app: Any, world: Small) -> None:
    before = counts()
    specs = [job(name=str(n)) for n in range(50)]
    bad = [*specs[:3], job(name="a\tb"), *specs[4:20], job(models=("GB200",)), job(limit_s=0), *specs]
    assert [f.field for f in faults(app.submit_all, world.lead, bad, NOW)] == [
        "jobs[4].name",
        "jobs[21].models",
        "jobs[22].limit",
    ]
    assert counts() == before
    from dure.app.access import NotFound

    with pytest.raises(NotFound):
        app.submit_all(world.lead, [*specs, job(project="beta")], NOW)
    assert counts() == before
    seqs = app.submit_all(world.lead, specs, NOW)
    from dure.store import models

    assert [models.Job.objects.get(seq=s).name for s in seqs] == [s.name for s in specs]
    jobs, _, decisions, _, entries = (a - b for a, b in zip(counts(), before, strict=True))
    assert (jobs, decisions) == (50, 1)  # one decision, named by all
    assert entries <= 3


def test_a_crash_before_the_commit_leaves_nothing(app: Any, world: Small) -> None:
    from dure.operation import faults as points

    before = counts()

    def stop(name: str) -> None:
        if name == "submit.commit":
            raise RuntimeError(name)

    points.install(stop)
    try:
        with pytest.raises(RuntimeError):
            app.submit_all(world.lead, [job(kind="service", replicas=2), job()], NOW)
    finally:
        points.install(None)
    assert counts() == before


def test_too_many_at_once_and_none_at_all(app: Any, world: Small) -> None:
    assert app.submit_all(world.lead, [], NOW) == []
    assert faults(app.submit_all, world.lead, [job()] * (app.MOST + 1), NOW)[0].field == "jobs"


def test_a_service_is_its_replicas(app: Any, world: Small) -> None:
    from dure.store import models

    spec = job(kind="service", replicas=3, health=Health(), **H200)
    row = app.submit(world.lead, spec, NOW, key="s")
    assert list(models.Job.objects.filter(service=row.service).values_list("replica", flat=True).order_by("seq")) == [
        0,
        1,
        2,
    ]
    assert (row.replica, models.Service.objects.get().replicas) == (0, 3)
    assert app.submit(world.lead, spec, NOW, key="s").seq == row.seq
    assert models.Service.objects.count() == 1


# ---- what it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "refusal", "scavenges"),
    [("wait", Refusal.NONE, False), ("scavenge", Refusal.NONE, True), ("finish", Refusal.BUDGET, False)],
)
def test_a_project_out_of_units_goes_by_its_terms(
    app: Any, world: Small, terms: str, refusal: Refusal, scavenges: bool
) -> None:
    from dure.app.programme import record
    from dure.ledger.model import Cause, Transfer
    from dure.store import models

    models.Terms.objects.create(project_id="alpha", when_spent=terms)
    assert app.try_submit(world.lead, job(**H200), NOW).why.en == ""
    record([Transfer("u", "project:alpha", "spent:alpha", world.left() - 1, Cause.USAGE, NOW)])
    tried = app.try_submit(world.lead, job(**H200), NOW)
    assert (tried.refusal, tried.scavenges, tried.left_milli) == (refusal, scavenges, 1)
    assert "units" in tried.why.en
    if refusal:
        assert faults(app.submit, world.lead, job(**H200), NOW)[0].field == "limit"
    else:
        assert app.submit(world.lead, job(**H200), NOW).scavenges is scavenges
    assert app.try_submit(world.lead, job(accelerators=0, cores_milli=1000), NOW).why.en == ""  # cores cost nothing


def test_a_job_dearer_than_all_that_was_ever_given_is_refused(app: Any, world: Small) -> None:
    spec = job(accelerators=32, limit_s=300 * DAY_S, **H200)
    assert app.try_submit(world.lead, spec, NOW).refusal is Refusal.OVER_BUDGET_EVER
    assert faults(app.submit, world.lead, spec, NOW)[0].field == "limit"


def test_what_it_may_cost_is_that_of_its_limit_on_the_pools_left(app: Any, world: Small) -> None:
    from dure.app.programme import fleet_of_programme
    from dure.fleet import rate_milli

    tried = app.try_submit(world.lead, job(accelerators=2, limit_s=90), NOW)
    rates = sorted(rate_milli(fleet_of_programme(), m).milli_units for m in ("H200", "B200"))
    assert [tried.least_milli, tried.most_milli] == [-(-2 * r * 90 // HOUR_S) for r in rates]


# ---- what the rules say ----------------------------------------------------------------------------------------------


def sign(**more: Any) -> Any:
    from dure.operation.run_facts import SignIn

    return SignIn(**{"country": "KR", "second_factor": True, **more})


def test_denied_at_every_pool_no_job_is_made_and_the_decision_is_kept(app: Any, world: Small) -> None:
    from dure.store import models

    before = counts()
    (fault,) = faults(app.submit, world.lead, job(**H200), NOW, sign_in=sign(second_factor=False))
    assert fault.refusal is Refusal.RULES  # type: ignore[attr-defined]
    assert "Controlled accelerators need a second factor (dure-second-factor)" in str(fault)
    jobs, _, decisions, _, entries = (a - b for a, b in zip(counts(), before, strict=True))
    assert (jobs, decisions) == (0, 1)
    assert entries >= 1
    row = models.Decision.objects.order_by("-seq")[0]
    assert (row.act, row.allowed, row.reasons) == ("run", False, ["dure-second-factor"])
    assert app.submit(world.lead, job(accelerators=0, cores_milli=1000), NOW, sign_in=sign(second_factor=False))


def test_what_the_rules_leave_open_is_what_the_scheduler_may_use(app: Any, world: Small) -> None:
    row = app.submit(world.lead, job(), NOW)  # the class of RNGD is not known: two people would have to decide
    assert row.spec["models"] == ["B200", "H200"]


def test_asked_for_something_first_it_is_held_until_two_people_have_met_it(app: Any, world: Small) -> None:
    from dure.app import governing
    from dure.store import models

    spec = job(models=("RNGD",))
    assert app.try_submit(world.lead, spec, NOW).verdict.startswith("held: Held until this is settled: Class of an acc")
    row = app.submit(world.lead, spec, NOW)
    assert (row.state, row.refusal) == (JobState.NEW, Refusal.HELD)
    assert "dure-chip-unknown" in row.why
    assert app.held_by([row], NOW) == {row.seq: row.why}
    judged = app.judged_start([row], {row.seq: "rngd"}, NOW)[row.seq]
    assert (judged.allowed, judged.held, judged.digest == row.facts) == (False, True, True)
    # What one job was asked holds no other: neither the same project elsewhere, nor is it settled by another's answer.
    other = app.submit(world.lead, job(**H200), NOW)
    assert other.refusal == 0
    (open_,) = models.Obligation.objects.filter(state="open")
    for user in ("c1", "c2"):
        governing.meet(world.actor(user), open_.seq, "met", "looked at the datasheet", NOW + 1)
    assert app.held_by([row], NOW + 1) == {}
    assert app.judged_start([row], {row.seq: "rngd"}, NOW + 1)[row.seq].allowed
    assert app.submit(world.lead, spec, NOW + 2).refusal == 0


def test_from_a_country_that_was_not_declared_it_is_held_and_from_home_it_is_not(app: Any, world: Small) -> None:
    abroad = app.submit(world.lead, job(**H200), NOW, sign_in=sign(country="US"))
    home = app.submit(world.lead, job(**H200), NOW, sign_in=sign())
    assert (abroad.refusal, home.refusal) == (Refusal.HELD, 0)
    assert app.held_by([abroad, home], NOW).keys() == {abroad.seq}  # and home's answer has not settled it
    unknown = app.try_submit(world.lead, job(**H200), NOW, sign_in=sign(country="unknown"))
    assert unknown.refusal is Refusal.HELD


def test_an_open_obligation_of_the_project_holds_and_denies_nothing_for_good(database: str) -> None:
    from dure.operation import submitting

    world = small(declared={"strategic_technology": "unknown", "end_use": "unknown"})
    row = submitting.submit(world.lead, job(**H200), NOW)
    assert row.refusal == Refusal.HELD
    assert "dure-open-obligations" in row.why


@pytest.mark.parametrize("user", ["lead-beta"])
def test_a_project_of_which_nothing_is_known_is_denied(app: Any, world: Small, user: str) -> None:
    tried = app.try_submit(world.actor(user), job(project="beta"), NOW)
    assert tried.refusal is Refusal.RULES
    assert "dure-screening-open" in tried.why.en
    assert "dure-screening-open" in tried.why.ko


def test_data_stay_where_they_may(app: Any, world: Small) -> None:
    from dure.app import modelling
    from dure.governance.assets import Dataset

    plain = {"core_technology": "no", "origins": ("KR",), "identifiers": "no"}
    modelling.keep_dataset(world.lead, Dataset("home", "h", "alpha", sites=("first",), **plain), NOW)
    modelling.keep_dataset(world.lead, Dataset("unlisted", "u", "alpha", **plain), NOW)
    modelling.keep_dataset(world.lead, Dataset("classified", "c", "alpha", sites=("first",), n2sf="c", **plain), NOW)
    modelling.keep_dataset(world.actor("lead-beta"), Dataset("theirs", "t", "beta", sites=("first",), **plain), NOW)
    free = ANY_DATA()
    assert app.try_submit(world.lead, job(data=("home",)), NOW, engines=free).pools == ("h200",)
    assert app.try_submit(world.lead, job(data=("home",), models=("B200",)), NOW, engines=free).refusal is Refusal.RULES
    assert app.try_submit(world.lead, job(data=("unlisted",)), NOW, engines=free).refusal is Refusal.HELD
    assert app.try_submit(world.lead, job(data=("home", "classified")), NOW, engines=free).refusal is Refusal.RULES
    assert faults(app.submit, world.lead, job(data=("home", "theirs")), NOW, engines=free)[0].field == "data[2]"


# ---- what was known a moment ago -------------------------------------------------------------------------------------


def recent(app: Any, at: list[float]) -> Any:
    return app.Recent(2.0, lambda: at[0])


def test_what_was_known_lets_a_job_in_and_what_is_kept_is_the_same(app: Any, world: Small) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from dure.store import models

    remembered = recent(app, [0.0])
    fresh = app.submit(world.lead, job(**H200), NOW)
    rows = []
    for _ in range(2):
        lead = world.lead
        with CaptureQueriesContext(connection) as asked:
            rows.append(app.submit(lead, job(**H200), NOW, recent=remembered))
    told = [q["sql"] for q in asked if "store_" in q["sql"] and "max(seq)" not in q["sql"]]
    assert len(told) == 2  # the job and its audit entry
    for row in rows:
        kept = models.Job.objects.get(seq=row.seq)
        for name in [f.attname for f in models.Job._meta.concrete_fields]:
            assert getattr(row, name) == getattr(kept, name)  # as answered, so kept
            assert name == "seq" or getattr(kept, name) == getattr(fresh, name)  # and as without a memory


def test_nobody_is_kept_out_by_what_was(app: Any, world: Small) -> None:
    from dure.app import governing
    from dure.store import models

    remembered, spec = recent(app, [0.0]), job(models=("RNGD",))
    assert app.submit(world.lead, spec, NOW, recent=remembered).refusal == Refusal.HELD
    (open_,) = models.Obligation.objects.filter(state="open")
    for user in ("c1", "c2"):
        governing.meet(world.actor(user), open_.seq, "met", "looked at the datasheet", NOW)
    assert app.submit(world.lead, spec, NOW, recent=remembered).refusal == 0
    models.Project.objects.filter(id="alpha").update(stopped=True)
    faults(app.submit, world.lead, job(name="x"), NOW, recent=recent(app, [0.0]))
    models.Project.objects.filter(id="alpha").update(stopped=False)
    assert app.submit(world.lead, job(name="x"), NOW, recent=remembered)


@pytest.mark.parametrize(("later", "now"), [(2.5, NOW), (0.0, NOW + 3), (0.0, NOW - 1)])
def test_what_keeps_a_job_out_does_so_when_the_memory_is_over(app: Any, world: Small, later: float, now: int) -> None:
    from dure.store import models

    at = [0.0]
    remembered = recent(app, at)
    app.submit(world.lead, job(**H200), NOW, recent=remembered)
    models.Project.objects.filter(id="alpha").update(stopped=True)
    app.submit(world.lead, job(**H200), NOW, recent=remembered)  # the loop holds it back: its project is stopped
    at[0] = later
    (fault,) = faults(app.submit, world.lead, job(**H200), now, recent=remembered)
    assert fault.message == "the project is stopped"


def test_who_may_is_never_remembered(app: Any, world: Small) -> None:
    from dure.app.access import Forbidden, NotFound
    from dure.store import models

    remembered = recent(app, [0.0])
    app.submit(world.actor("member"), job(**H200), NOW, key="k", recent=remembered)
    models.Member.objects.filter(user="member").delete()
    for user in ("member", "lead-beta", "outsider"):
        with pytest.raises((Forbidden, NotFound)):
            app.submit(world.actor(user), job(**H200), NOW, recent=remembered)
    assert faults(app.submit, world.lead, job(**H200), NOW, recent=remembered, sign_in=sign(second_factor=False))


def test_a_decision_that_was_undone_is_not_remembered(app: Any, world: Small) -> None:
    from django.db import transaction

    from dure.store import models

    remembered = recent(app, [0.0])
    with transaction.atomic():
        app.submit(world.lead, job(**H200), NOW, recent=remembered)
        transaction.set_rollback(True)
    row = app.submit(world.lead, job(**H200), NOW, recent=remembered)
    assert models.Decision.objects.filter(seq=row.decision, about__startswith="alpha@h200").exists()
    assert models.Secret.objects.filter(person="lead-alpha", value="lead-alpha").exists()


# ---- again before the start ------------------------------------------------------------------------------------------


def test_rules_that_changed_since_stop_the_start(app: Any, world: Small) -> None:
    from dure.app import governing
    from dure.formats.rules import shipped_files
    from dure.store import models

    row = app.submit(world.lead, job(**H200), NOW)
    same = app.judged_start([row], {row.seq: "h200"}, NOW + 60)[row.seq]
    assert (same.allowed, same.held, same.why, same.digest == row.facts) == (True, False, "", True)
    files = dict(shipped_files())
    name = "dure-second-factor.toml"
    files[name] = files[name].replace('when = """', "").replace("&& !context.second_factor", "&& context.second_factor")
    files[name] = (
        files[name]
        .replace("second_factor = false }", "second_factor = true }")
        .replace(
            'name = "class a, second factor", facts = {}',
            'name = "class a, second factor", facts = { second_factor = false }',
        )
        .replace('facts = { chip_classes = ["below"], second_factor = true }', 'facts = { chip_classes = ["below"] }')
    )
    governing.adopt(world.actor("c1"), files, "for the test", NOW + 100)
    before = models.Decision.objects.count()
    now = app.judged_start([row], {row.seq: "h200"}, NOW + 120)[row.seq]
    assert (now.allowed, now.held, now.digest == row.facts) == (False, False, False)
    assert "dure-second-factor" in now.why
    assert models.Decision.objects.count() == before  # nothing is kept but by `kept`
    from django.db import transaction

    with transaction.atomic():
        seq = app.kept(now.ruling, "dure", NOW + 120)
        assert app.kept(now.ruling, "dure", NOW + 121) == seq  # the same again is no new decision
    assert models.Decision.objects.count() == before + 1


def test_facts_that_changed_since_stop_the_start(app: Any, world: Small) -> None:
    from dure.app import screening

    row = app.submit(world.lead, job(**H200), NOW)
    for user in ("c1", "c2"):
        screening.sign(world.actor(user), "c-alpha", "refused", "found out", NOW + 10)
    judged = app.judged_start([row], {row.seq: "h200"}, NOW + 20)[row.seq]
    assert not judged.allowed
    assert "dure-screening-refused" in judged.why


def test_the_sign_in_of_the_submitter_is_remembered(app: Any, world: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    row = app.submit(world.lead, job(**H200), NOW)
    monkeypatch.setenv("DURE_SECOND_FACTOR", "no")
    monkeypatch.setenv("DURE_ACCESS_COUNTRY", "US")
    assert app.judged_start([row], {row.seq: "h200"}, NOW)[row.seq].allowed
    assert app.try_submit(world.lead, job(**H200), NOW).refusal is Refusal.RULES


def test_five_hundred_starts_ask_little(app: Any, world: Small) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from dure.store import models

    seqs = app.submit_all(world.lead, [job(name=str(n)) for n in range(500)], NOW)
    rows = list(models.Job.objects.filter(seq__in=seqs))
    with CaptureQueriesContext(connection) as asked:
        found = app.judged_start(rows, {s: ("h200", "far")[s % 2] for s in seqs}, NOW)
    assert all(j.allowed for j in found.values())
    assert len(asked) < 20


# ---- the join with the fleet -----------------------------------------------------------------------------------------


def test_the_scheduler_sees_what_was_asked() -> None:
    from dure.operation.asking import to_job

    spec = job(
        kind="lease", accelerators=9, models=("H200", "B200"), earliest_utc_s=NOW + 100, limit_s=DAY_S, priority=3
    )
    found = to_job(spec, NOW, NOW - 50)
    assert (found.submit_s, found.earliest_s, found.limit_s, found.accelerators, found.priority) == (
        50,
        150,
        DAY_S,
        9,
        3,
    )
    assert found.accept == (("B200", 1000), ("H200", 1000))
    assert to_job(job(), NOW, NOW).accept == ()
    notebook = job(kind="interactive", expires_utc_s=NOW + 60)
    assert to_job(notebook, NOW, NOW).limit_s == 60


def test_what_fits_is_what_an_empty_fleet_could_hold() -> None:
    import io

    from dure.formats.catalogue import load_catalogue
    from dure.formats.fleets import read_fleet
    from dure.operation.asking import feasible

    fleet = read_fleet(io.BytesIO(FLEET.encode()), name="x", catalogue=load_catalogue())
    for count in range(1, 40):
        holds = {p.id for p in fleet.pools if p.model and p.nodes * p.accelerators_per_node >= count}
        found = feasible(fleet, job(accelerators=count))
        assert (set() if isinstance(found, Refusal) else set(found)) == holds
    assert list(feasible(fleet, job(accelerators=0, cores_milli=64_000))) == ["h200", "cpu", "far"]  # type: ignore[arg-type]
    gang = feasible(fleet, job(accelerators=9, **H200))
    assert not isinstance(gang, Refusal)
    assert gang["h200"].gang
