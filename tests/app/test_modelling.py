"""Models, data and the compute ledger with the shipped rules: what adds up, what is refused, what lets a model go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.errors import InputError, InputErrors
from dure.governance.assets import Dataset, JointGrant, Model, TransferBasis
from dure.governance.gate import Bar
from dure.governance.lineage import Estimate, Method, Run, Stage

FLEET = Path(__file__).resolve().parents[2] / "examples/fleets/korea-2026.toml"  # of Korea, and one site in Canada
NOW = 1_790_000_000  # 2026-09-21
DAY = 86_400
POINT, OTHER = "ab" * 32, "cd" * 32
WEB = Dataset("web", "웹", "alpha", core_technology="no", origins=("KR",), licence="CC-BY-4.0", sites=("naver",))
MODEL = Model(
    "m", "모델", "alpha", "Institute of p", save_point=POINT, licence="Apache-2.0", generates=("text",), markets=("KR",),
    high_impact="no", labelled="yes", state_of_the_art="no", broad_risk="no", large_developer="no", original_systemic="no",
)  # fmt: skip


def run(id: str, best: int = 10, *, model: str = "m", high: int | None = None, **more: Any) -> Run:
    estimate = Estimate(Method.ARCHITECTURE, best, best, best if high is None else high, "ef" * 32)
    return Run(id, model, **{"stage": Stage.PRETRAIN, "at_utc_s": NOW - DAY, "estimates": (estimate,), **more})


@pytest.fixture
def cast(database: str) -> Any:
    """A programme with two projects; everybody by name."""
    from dure.app import applying, people, programme, screening
    from dure.governance.screening import Declaration
    from dure.store import models
    from tests.web import world

    programme.initialise("Test", FLEET, "office", NOW - 90 * DAY)
    office = people.actor_of("office")
    for user, role in (("c1", "compliance"), ("c2", "compliance"), ("op", "operator")):
        people.grant(office, user, role, NOW - 80 * DAY)
    for project, lead in (("alpha", "lead"), ("beta", "stranger")):
        models.Project.objects.create(id=project)
        models.Member.objects.create(project_id=project, user=lead, role="pi")
    models.Member.objects.create(project_id="alpha", user="student", role="member")
    programme.open_call(office, world.call("c", NOW - 60 * DAY, NOW - 40 * DAY), NOW - 70 * DAY)
    programme.publish_call(office, "c", NOW - 70 * DAY)
    lead = people.actor_of("lead")
    applying.apply(lead, world.application("alpha", "c", lead="lead"), NOW - 50 * DAY)
    declared = Declaration(headquarters_country="KR", parent_country="KR", end_use="civil", listed="no")
    screening.declare(lead, "c-alpha", declared, NOW - 49 * DAY)
    return people.actor_of


@pytest.fixture
def app(cast: Any) -> Any:
    """The module, with a model `m` of project p and a data set."""
    from dure.app import modelling

    modelling.keep_dataset(cast("lead"), WEB, NOW - 2 * DAY)
    modelling.keep_model(cast("lead"), MODEL, NOW - 2 * DAY)
    return modelling


def tables() -> dict[str, int]:
    """How many rows there are of everything that an act could leave behind."""
    from django.apps import apps

    return {m.__name__: m.objects.count() for m in apps.get_app_config("store").get_models()}


# ---- what adds up along a lineage ------------------------------------------------------------------------------------

SERIAL = count()


@st.composite
def dags(draw: st.DrawFn) -> list[tuple[list[int], list[tuple[int, int, bool]]]]:
    """Runs, each with its parents among those before it, and the labels (personal, N2SF, core) of what it read."""
    label = st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans())
    return [
        (sorted(draw(st.sets(st.integers(0, n - 1), max_size=3))) if n else [], draw(st.lists(label, max_size=2)))
        for n in range(draw(st.integers(1, 7)))
    ]


def above(dag: list[Any], n: int) -> set[int]:
    """A run and all it came from, by the plainest recursion."""
    return {n}.union(*(above(dag, p) for p in dag[n][0]))


@given(dag=dags())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_label_is_at_least_that_of_all_data_and_each_run_counts_once(app: Any, dag: list[Any]) -> None:
    from dure.governance.labels import N2SF, Personal
    from dure.store import models
    from dure.store.documents import to_json

    prefix = f"x{next(SERIAL)}-"
    made = replace(MODEL, id=f"{prefix}m")
    row = models.AIModel.objects.create(id=made.id, project="alpha", document=to_json(made))
    labels = {}
    for n, (parents, data) in enumerate(dag):
        names = [f"{prefix}{n}.{i}" for i in range(len(data))]
        for name, (personal, n2sf, core) in zip(names, data, strict=True):
            fields = {"personal": Personal(personal).name.lower(), "n2sf": N2SF(n2sf).name.lower()}
            found = Dataset(name, name, "alpha", core_technology="yes" if core else "no", **fields)
            models.Dataset.objects.create(id=name, project="alpha", document=to_json(found))
            labels[name] = found.label
        each = run(f"{prefix}{n}", 2**n, model=made.id, parents=tuple(f"{prefix}{p}" for p in parents))
        models.Run.objects.create(id=each.id, model=row, document=to_json(each), datasets=names, by="x", at_utc_s=NOW)
    whole = app.along(made.id)
    assert whole.total().best == 2 ** len(dag) - 1  # every run is the model's own
    last = len(dag) - 1
    assert whole.lineage.total([f"{prefix}{last}"]).best == sum(2**n for n in above(dag, last))
    assert {d.id for d in whole.datasets} == set(labels)
    for label in labels.values():
        assert whole.label.personal >= label.personal
        assert whole.label.n2sf >= label.n2sf
        assert whole.label.core_technology >= label.core_technology
        assert whole.label.origins >= label.origins
    facts = app.data_facts(whole.datasets)
    assert (facts["personal_level"], facts["n2sf_level"]) == (whole.label.personal, whole.label.n2sf)


def test_a_lineage_reaches_through_other_models_and_as_of_a_day(app: Any, cast: Any) -> None:
    base = replace(MODEL, id="base", made=False, licence="Llama-3.1", save_point="")
    app.keep_model(cast("lead"), base, NOW)
    app.record_run(cast("lead"), run("b", 1000, model="base", at_utc_s=NOW - 9 * DAY), NOW)
    app.record_run(
        cast("lead"), run("t1", 10, parents=("b",), stage=Stage.SFT, at_utc_s=NOW - 5 * DAY), NOW, data=["web"]
    )
    app.record_run(cast("lead"), run("t2", 10, parents=("b",), stage=Stage.RL, at_utc_s=NOW - 5 * DAY), NOW)
    app.record_run(cast("lead"), run("m1", 1, parents=("t1", "t2"), stage=Stage.EVAL), NOW)
    found = app.along("m")
    assert (found.total().best, found.total().runs) == (1021, 4)  # the base once, though two came from it
    assert found.total("KR").best == 1020  # evaluating is no training
    assert set(found.models) == {"base", "m"}
    facts = found.facts(NOW)
    assert (facts["downstream"], facts["original_pflop"], facts["modification_pflop"]) == (True, 1000, 20)
    early = app.lineage_of(cast("lead"), "m", NOW - 4 * DAY)
    assert (early.total().best, early.total().runs) == (1020, 3)
    assert app.lineage_of(cast("lead"), "m", NOW - 8 * DAY).total().runs == 0
    # a licence that nobody wrote down is not left out
    assert found.licence().result in ("obligations", "unknown", "denied")
    assert app.along("base").licence().result == "obligations"  # under what its makers gave it
    app.keep_model(cast("lead"), replace(base, licence=""), NOW)
    assert app.along("m").licence().result == "unknown"


def test_who_trained_on_data_does_not_ease_its_label(app: Any, cast: Any) -> None:
    from dure.app.access import Forbidden

    strict = replace(WEB, personal="personal", core_technology="unknown")
    app.keep_dataset(cast("lead"), strict, NOW)
    app.keep_dataset(cast("lead"), replace(strict, personal="internal"), NOW)  # nothing was trained on it yet
    app.keep_dataset(cast("lead"), strict, NOW)
    app.record_run(cast("lead"), run("a"), NOW, data=["web"])
    for eased in ({"personal": "internal"}, {"core_technology": "no"}, {"origins": ()}, {"sites": None}):
        with pytest.raises(Forbidden, match="eases its label"):
            app.keep_dataset(cast("lead"), replace(strict, **eased), NOW)
    assert app.along("m").label.personal == 3
    app.keep_dataset(cast("lead"), replace(strict, personal="sensitive", sites=()), NOW)
    assert app.along("m").label.personal == 4
    app.keep_dataset(cast("c1"), WEB, NOW)
    assert app.along("m").label.personal == 0


def test_outputs_of_a_model_that_forbids_it_may_not_train_another(app: Any, cast: Any) -> None:
    from dure.formats.governance import load_licences

    refusing = next(x.id for x in load_licences().values() if x.outputs_train == "no" and x.derivatives == "yes")
    teacher = replace(MODEL, id="teacher", made=False, licence=refusing, save_point="")
    app.keep_model(cast("lead"), teacher, NOW)
    app.record_run(cast("lead"), run("t", model="teacher", at_utc_s=NOW - 9 * DAY), NOW)
    app.record_run(cast("lead"), run("s", parents=("t",), stage=Stage.SFT), NOW)
    assert not any("outputs" in r.en for r in app.along("m").licence().reasons)
    app.record_run(cast("lead"), run("d", parents=("t",), stage=Stage.DISTIL), NOW)
    found = app.along("m").licence()
    assert found.result == "denied"
    assert any(refusing in r.en and "outputs" in r.en for r in found.reasons)


# ---- what is refused, and leaves nothing behind ----------------------------------------------------------------------


def test_a_claim_above_what_the_accelerators_could_do_is_refused_and_nothing_is_kept(app: Any, cast: Any) -> None:
    hour = 3_600_000  # milli-accelerator-seconds
    limit = 3600 * 19789 // 10  # PFLOP of a thousand hours of H100, at 1,978.9 TFLOP/s of FP8
    before = tables()
    with pytest.raises(InputErrors, match="impossible"):
        app.record_run(cast("lead"), run("a", limit, high=limit + 1), NOW, held={"H100": 1000 * hour})
    assert tables() == before
    done = app.record_run(cast("lead"), run("a", limit), NOW, held={"H100": 1000 * hour})
    assert (done.run.bound_pflop, app.along("m").runs) == (limit, ("a",))


def test_the_bound_comes_from_what_was_settled_for_the_project(app: Any, cast: Any) -> None:
    from dure.store import models

    for project, name in (("alpha", "job-1"), ("alpha", "job-2"), ("beta", "job-3")):
        models.Usage.objects.create(
            run="r", name=name, project=project, pool="x", model="H100", start_utc_s=0, end_utc_s=1,
            accelerator_milli_s=1_000_000, milli_unit_s=0,
        )  # fmt: skip
    done = app.record_run(cast("lead"), run("a"), NOW, usage=["r:job-1", "r:job-2"], held={"H100": 1_000_000})
    assert done.run.bound_pflop == 3 * 1979  # 1,978.9 each, each entry rounded up
    with pytest.raises(InputError, match="usage"):
        app.record_run(cast("lead"), run("b"), NOW, usage=["r:job-3"])
    with pytest.raises(InputError, match="peak is not known"):
        app.record_run(cast("lead"), run("b"), NOW, held={"Abacus": 1})


@pytest.mark.parametrize(
    ("wrong", "data", "says"),
    [
        (run("a"), ["web"], "entries are not changed"),
        (run("b", parents=("nowhere",)), [], "no such run"),
        (run("b", parents=("b",)), [], "its own parent"),
        (run("b", at_utc_s=NOW + 1), [], "future"),
        (run("b", parents=("a",), at_utc_s=NOW - 3 * DAY), [], "after its child"),
        (run("b", estimates=()), [], "no estimate"),
        (run("b", excluded=("EU",)), [], "without a reason"),
        (run("b"), ["nothing"], "no such data set"),
        (run("b", model="nothing"), [], "no model"),
    ],
)
def test_what_cannot_be_an_entry_leaves_nothing(app: Any, cast: Any, wrong: Run, data: list[str], says: str) -> None:
    app.record_run(cast("lead"), run("a"), NOW)
    before = tables()
    with pytest.raises(Exception, match=says):
        app.record_run(cast("lead"), wrong, NOW, data=data)
    assert tables() == before


def test_nobody_reaches_into_another_project(app: Any, cast: Any) -> None:
    from dure.app.access import Forbidden, NotFound

    app.record_run(cast("lead"), run("a"), NOW)
    stranger, student = cast("stranger"), cast("student")
    before = tables()
    for act in (
        lambda: app.record_run(stranger, run("b"), NOW),
        lambda: app.release(stranger, "m", NOW),
        lambda: app.place(stranger, "web", "naver", NOW),
        lambda: app.lineage_of(stranger, "m", NOW),
        lambda: app.card(stranger, "m", NOW),
        lambda: app.keep_model(stranger, MODEL, NOW),
        lambda: app.keep_model(stranger, replace(MODEL, project="beta"), NOW),
        lambda: app.keep_dataset(stranger, replace(WEB, project="beta"), NOW),
    ):
        with pytest.raises((NotFound, InputError, Forbidden)):
            act()
    for act in (
        lambda: app.keep_model(student, MODEL, NOW),
        lambda: app.record_run(student, run("b"), NOW),
        lambda: app.release(student, "m", NOW),
        lambda: app.set_bars(cast("lead"), "m", [BAR], NOW),  # who trained it does not say what it must pass
    ):
        with pytest.raises(Forbidden):
            act()
    assert tables() == before
    assert (app.catalogue(stranger), app.datasets(stranger)) == ([], [])
    assert [m.id for m, _ in app.catalogue(student)] == ["m"]


# ---- the gate at the release -----------------------------------------------------------------------------------------

BAR = Bar("strong_reject", 900, "2", "2025-02", samples_least=100)


def log(folder: Path, digest: str, correct: int, status: str = "success") -> Path:
    """A log of inspect_ai with 200 samples."""
    path = folder / f"{digest[:4]}-{correct}-{status}.json"
    score = {
        "name": "judge",
        "scored_samples": 200,
        "metrics": {"accuracy": {"name": "accuracy", "value": correct / 200}},
    }
    path.write_text(json.dumps({
        "version": 2, "status": status,
        "eval": {
            "task": "strong_reject", "task_version": 2, "created": "2026-09-20T00:00:00+00:00", "model": "vllm/m",
            "dataset": {"name": "sr", "samples": 200}, "config": {"epochs": 1}, "packages": {"inspect_ai": "0.3"},
            "metadata": {"model_digest": digest, "dataset_revision": "2025-02"},
        },
        "results": {"total_samples": 200, "completed_samples": 200, "scores": [score]},
    }))  # fmt: skip
    return path


def released(app: Any) -> bool:
    from dure.store import models

    return models.AIModel.objects.get(id="m").released_utc_s is not None


def test_an_open_obligation_holds_a_model_until_two_people_have_met_it(app: Any, cast: Any) -> None:
    from dure.app import governing
    from dure.app.access import Forbidden

    app.keep_dataset(cast("lead"), replace(WEB, personal="personal"), NOW)
    app.record_run(cast("lead"), run("a"), NOW, data=["web"])
    verdict, left = app.release(cast("lead"), "m", NOW)
    assert (verdict.allowed, [o.rule for o in left], released(app)) == (True, ["dure-release-personal"], False)
    _, still = app.release(cast("office"), "m", NOW)  # to ask again opens nothing twice
    assert [o.seq for o in still] == [o.seq for o in left]
    seq = left[0].seq
    with pytest.raises(Forbidden):
        governing.meet(cast("lead"), seq, "met", "We looked.", NOW)
    governing.meet(cast("c1"), seq, "met", "Looked at samples.", NOW)
    assert app.release(cast("lead"), "m", NOW)[1], "one person is not enough"
    governing.meet(cast("c1"), seq, "met", "Looked again.", NOW)
    assert app.release(cast("lead"), "m", NOW)[1], "nor is one person twice"
    governing.meet(cast("c2"), seq, "met", "So did I.", NOW)
    verdict, left = app.release(cast("lead"), "m", NOW)
    assert (verdict.allowed, left, released(app)) == (True, [], True)


def test_a_refused_obligation_holds_it_too(app: Any, cast: Any) -> None:
    from dure.app import governing

    app.keep_dataset(cast("lead"), replace(WEB, personal="sensitive"), NOW)
    app.record_run(cast("lead"), run("a"), NOW, data=["web"])
    _, left = app.release(cast("lead"), "m", NOW)
    for who in ("c1", "c2"):
        governing.meet(cast(who), left[0].seq, "refused", "No.", NOW)
    _, left = app.release(cast("lead"), "m", NOW)
    assert [o.state for o in left] == ["refused"]
    assert not released(app)


def test_a_released_model_cannot_change(app: Any, cast: Any) -> None:
    app.record_run(cast("lead"), run("a"), NOW, data=["web"])
    assert app.release(cast("lead"), "m", NOW) is not None
    assert released(app)
    before = tables()
    for changed in (replace(MODEL, licence="MIT"), replace(MODEL, save_point=OTHER), MODEL):
        with pytest.raises(InputError, match="released"):
            app.keep_model(cast("lead"), changed, NOW)
    with pytest.raises(InputError, match="released"):
        app.release(cast("lead"), "m", NOW)
    with pytest.raises(InputError, match="released"):
        app.set_bars(cast("c1"), "m", [BAR], NOW)
    assert tables() == before
    assert app.model_for(cast("lead"), app.Action.READ_MODEL, "m")[1] == MODEL


def test_what_is_not_finished_or_not_recorded_is_not_released(app: Any, cast: Any) -> None:
    with pytest.raises(InputError, match="compute is not recorded"):  # no FLOP known is not no FLOP
        app.release(cast("lead"), "m", NOW)
    app.record_run(cast("lead"), run("a"), NOW, data=["web"])
    app.keep_model(cast("lead"), replace(MODEL, save_point=""), NOW)
    with pytest.raises(InputError, match="not finished"):
        app.release(cast("lead"), "m", NOW)


@pytest.mark.parametrize(
    ("model", "data", "pflop", "denied", "asked"),
    [
        (MODEL, WEB, 10, set(), set()),
        (replace(MODEL, partners=("Example Lab",)), WEB, 10, {"dure-joint-terms"}, set()),
        (replace(MODEL, partners=("B",), terms=(JointGrant("Institute of p", "anyone", "MIT"),)), WEB, 10, {"dure-joint-terms"}, set()),
        (replace(MODEL, partners=("B",), terms=(JointGrant("Institute of p", "anyone", "MIT"), JointGrant("B", "anyone", "MIT"))),
         WEB, 10, set(), set()),
        (MODEL, WEB, 10**8, {"dure-release-evaluation"}, set()),  # 10^23 FLOP
        (MODEL, WEB, 10**8 - 1, set(), set()),
        (MODEL, WEB, 10**8 + 1, {"dure-release-evaluation"}, set()),
        (replace(MODEL, markets=()), WEB, 10**8 + 1, {"dure-release-evaluation"}, {"eu-gpai"}),  # where it goes is not said
        (replace(MODEL, open_weights=True), WEB, 10**8 + 1, {"dure-release-evaluation"}, {"eu-gpai"}),  # it goes everywhere
        (MODEL, replace(WEB, n2sf="s"), 10, {"dure-release-n2sf"}, set()),
        (replace(MODEL, open_weights=True), replace(WEB, core_technology="yes"), 10, {"dure-release-core"}, set()),
        (MODEL, replace(WEB, licence=""), 10, set(), {"dure-licence-unknown"}),
        (replace(MODEL, commercial=True), replace(WEB, licence="CC-BY-NC-4.0"), 10, {"dure-licence"}, set()),
        (replace(MODEL, labelled="no"), WEB, 10, set(), {"kr-ai-labelling"}),
        (replace(MODEL, high_impact="yes"), WEB, 10, {"dure-release-evaluation"}, {"kr-ai-high-impact"}),
    ],
)  # fmt: skip
def test_the_rules_that_hold_a_release(
    app: Any, cast: Any, model: Model, data: Dataset, pflop: int, denied: set[str], asked: set[str]
) -> None:
    app.keep_model(cast("lead"), model, NOW)
    app.keep_dataset(cast("lead"), data, NOW)
    app.record_run(cast("lead"), run("a", pflop), NOW, data=["web"])
    verdict, _ = app.release(cast("lead"), "m", NOW)
    assert verdict.faults == ()
    assert verdict.allowed == (not denied)
    if denied:
        assert denied <= set(verdict.reasons)
    assert asked <= set(verdict.obligations)
    assert released(app) <= verdict.allowed


def test_an_evaluation_of_exactly_this_save_point_opens_the_gate(app: Any, cast: Any, tmp_path: Path) -> None:
    from dure.app import evaluating

    app.record_run(cast("lead"), run("a", 10**8), NOW, data=["web"])
    app.set_bars(cast("c1"), "m", [BAR], NOW)
    ask = lambda: app.release(cast("lead"), "m", NOW)[0]  # noqa: E731
    assert ask().reasons == ("dure-release-evaluation",)
    evaluating.record(cast("op"), "m", log(tmp_path, OTHER, 200), [BAR], NOW)
    assert ask().reasons == ("dure-release-evaluation",), "of another save point"
    assert not released(app)
    evaluating.record(cast("op"), "m", log(tmp_path, POINT, 200), [BAR], NOW)
    assert ask().allowed
    assert released(app)
    card = app.card(cast("lead"), "m", NOW)
    told = json.dumps(card, ensure_ascii=False)
    assert "모델" in told
    assert "200/200" in told
    assert "releaseTime" in told


def test_a_failed_evaluation_holds_it_and_a_waiver_by_two_lets_it_go_until_its_end(
    app: Any, cast: Any, tmp_path: Path
) -> None:
    from dure.app import evaluating

    app.record_run(cast("lead"), run("a", 10**8), NOW, data=["web"])
    app.set_bars(cast("c1"), "m", [BAR], NOW)
    evaluating.record(cast("op"), "m", log(tmp_path, POINT, 182), [BAR], NOW)  # 91 %, and its lower bound is below 90 %
    assert not app.release(cast("lead"), "m", NOW)[0].allowed
    proposed = evaluating.waive(cast("c1"), "m", POINT, "Only inside the laboratory.", NOW + 10 * DAY, NOW)
    assert not app.release(cast("lead"), "m", NOW)[0].allowed
    evaluating.agree(cast("c2"), proposed.seq, NOW)
    assert not app.release(cast("lead"), "m", NOW + 10 * DAY)[0].allowed, "the waiver is over"
    assert not released(app)
    assert app.release(cast("lead"), "m", NOW + 9 * DAY)[0].allowed
    assert released(app)


def test_every_question_is_kept_with_its_answer(app: Any, cast: Any) -> None:
    from dure.store import models

    def kept() -> Iterator[tuple[str, str, bool]]:
        return iter(models.Decision.objects.order_by("seq").values_list("act", "about", "allowed"))

    app.record_run(cast("lead"), run("a", 10**8), NOW, data=["web"])
    app.release(cast("lead"), "m", NOW)
    assert app.place(cast("lead"), "web", "quebec", NOW).reasons == ("dure-site",)
    rows = list(kept())
    assert [(act, about) for act, about, _ in rows] == [("train", "m"), ("release", "m"), ("place", "web@quebec")]
    assert [allowed for *_, allowed in rows[1:]] == [False, False]


def test_where_data_may_be(app: Any, cast: Any) -> None:
    lead = cast("lead")
    assert app.place(lead, "web", "naver", NOW).allowed
    assert app.place(lead, "web", "quebec", NOW).reasons == ("dure-site",)
    with pytest.raises(InputError, match="no such site"):
        app.place(lead, "web", "moon", NOW)
    consent = TransferBasis("CA", "consent", POINT, NOW)
    for transfers, reasons in (
        ((), {"kr-pipa-basis"}),
        ((replace(consent, country="US"),), {"kr-pipa-basis"}),  # a basis for another country is none
        ((consent,), {"kr-pipa-expired"}),  # at its end it no longer holds
        ((replace(consent, until_utc_s=NOW + 1),), set()),
        ((replace(consent, document="", until_utc_s=None),), {"kr-pipa-document"}),
        ((consent, TransferBasis("CA", "certified", POINT)), set()),  # the one that holds longest counts
        ((TransferBasis("CA", "equivalence", POINT),), {"kr-pipa-equivalence"}),
    ):
        app.keep_dataset(lead, replace(WEB, personal="personal", sites=("quebec",), transfers=transfers), NOW)
        verdict = app.place(lead, "web", "quebec", NOW)
        assert (verdict.allowed, verdict.faults) == (not reasons, ())
        assert reasons <= set(verdict.reasons)
