"""Awards go through the rules: what bars one, what holds one back, who may lift it, and that it can all be judged again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dure.app.access import Forbidden
from dure.errors import DureError, InputError
from dure.governance.facts import Act
from dure.governance.screening import Declaration
from dure.store.documents import to_json

OPENS, DAY = 1_780_000_000, 86_400  # 2026-05-28
DECIDED = OPENS + 20 * DAY
CIVIL = Declaration(
    headquarters_country="KR", parent_country="KR", end_use="civil", listed="no", strategic_technology="no"
)


@pytest.fixture
def cast(database: str) -> Any:
    """A call with three ranked applications: p0 declares a civil end use, p1 nothing at all, p2 what no rule permits."""
    from dure.app import applying, people, programme, screening
    from dure.programme.lifecycle import State
    from dure.store import models
    from tests.web import world

    programme.initialise("Test", world.FLEET, "office", OPENS - DAY)
    office = people.actor_of("office")
    for user, role in (("c1", "compliance"), ("c2", "compliance"), ("auditor", "auditor")):
        people.grant(office, user, role, OPENS)
    programme.open_call(office, world.call("c", OPENS, OPENS + 10 * DAY), OPENS)
    programme.publish_call(office, "c", OPENS)
    for n in range(3):
        application = world.application(f"p{n}", "c")
        applying.apply(people.actor_of(application.lead), application, OPENS + 1)
        models.Application.objects.filter(id=application.id).update(state=State.RANKED, score_milli=3000 + n)
    screening.declare(office, "c-p0", CIVIL, OPENS + 2)
    screening.declare(office, "c-p2", replace(CIVIL, end_use="wmd"), OPENS + 2)
    return people.actor_of


def states() -> dict[str, str]:
    from dure.store import models

    return dict(models.Application.objects.values_list("id", "state"))


def decided(act: Act, about: str, values: Any) -> Any:
    from django.db import transaction

    from dure.app import governing

    with transaction.atomic():
        return governing.decide(act, about, values, "office", DECIDED)


def test_a_barred_application_is_declined_by_name_and_the_others_are_awarded(cast: Any) -> None:
    from dure.app import awarding
    from dure.store import models

    awarding.publish(cast("office"), "c", DECIDED)
    assert states() == {"c-p0": "awarded", "c-p1": "awarded", "c-p2": "declined"}
    barred = models.Application.objects.get(id="c-p2")
    assert "dure-end-use" in barred.decision["rules"]
    assert "dure-end-use" in barred.decision["en"]
    assert "dure-end-use" in barred.decision["ko"]
    assert not models.Award.objects.filter(application_id="c-p2").exists()
    assert models.Letter.objects.filter(about="c-p2", kind="declined").exists()
    decided = {d.about: (d.allowed, d.reasons) for d in models.Decision.objects.all()}
    assert {k: v[0] for k, v in decided.items()} == {"c-p0": True, "c-p1": True, "c-p2": False}
    assert "dure-end-use" in decided["c-p2"][1]


def test_no_way_to_an_award_leads_past_the_rules(cast: Any) -> None:
    from django.db import transaction

    from dure.app import awarding, changes
    from dure.programme.lifecycle import State
    from dure.store import models

    rows = models.Application.objects.filter(id="c-p2")
    rows.update(state=State.ELIGIBLE)
    with pytest.raises(DureError, match="dure-end-use"):
        awarding.grant_rapid(cast("office"), "c-p2", DECIDED)
    rows.update(state=State.APPEALED)
    with pytest.raises(InputError, match="dure-end-use"):
        changes.decide_appeal(cast("office"), "c-p2", True, DECIDED, "was wrong", 1000)
    rows.update(state=State.RESERVE, reserve_rank=1, reserve_milli=1000)
    with transaction.atomic():
        assert "c-p2" not in changes.promote("c", DECIDED)
    assert not models.Award.objects.filter(application_id="c-p2").exists()


def test_nothing_is_published_where_rules_bar_everybody(cast: Any) -> None:
    from dure.app import awarding
    from dure.store import models

    models.Application.objects.exclude(id="c-p2").update(state="draft")
    with pytest.raises(InputError, match="bar every application"):
        awarding.publish(cast("office"), "c", DECIDED)
    assert states()["c-p2"] == "ranked"


def test_what_is_not_known_holds_a_project_back_until_two_people_say_so(cast: Any) -> None:
    from dure.app import awarding, governing

    awarding.publish(cast("office"), "c", DECIDED)
    held = {o.rule: o for o in governing.obligations(cast("c1"), about="c-p1")}
    assert {"dure-end-use-unknown", "us-listed-unknown", "dure-screening", "us-d5-party"} <= held.keys()
    assert governing.blocking("p1", DECIDED) == len([o for o in held.values() if o.kind in ("approval", "flag")])
    seq = held["us-listed-unknown"].seq
    assert governing.meet(cast("c1"), seq, "met", "looked it up", DECIDED).state == "open"
    assert governing.meet(cast("c1"), seq, "met", "again", DECIDED).state == "open", "one person twice is one person"
    with pytest.raises(InputError, match="reason"):
        governing.meet(cast("c2"), seq, "met", " ", DECIDED)
    assert governing.meet(cast("c2"), seq, "refused", "not so", DECIDED).state == "open", "they do not agree"
    assert governing.meet(cast("c1"), seq, "refused", "right", DECIDED).state == "refused"
    before = governing.blocking("p1", DECIDED)
    for other in held.values():
        if other.seq != seq:
            for who in ("c1", "c2"):
                if governing.obligations(cast("c1"), about="c-p1") and other.seq in {
                    o.seq for o in governing.obligations(cast("c1"), about="c-p1")
                }:
                    governing.meet(cast(who), other.seq, "met", "looked it up", DECIDED)
    assert before > governing.blocking("p1", DECIDED) == 1, "what was refused blocks for ever"
    with pytest.raises(InputError, match="settled"):
        governing.meet(cast("c2"), seq, "met", "but", DECIDED)


def test_what_becomes_known_lifts_what_was_asked_and_can_hold_back_anew(cast: Any) -> None:
    from dure.app import awarding, governing, screening
    from dure.store import models

    awarding.publish(cast("office"), "c", DECIDED)
    open_before = {o.rule for o in governing.obligations(cast("c1"), about="c-p1")}
    row = models.Application.objects.get(id="c-p1")
    row.declaration = to_json(CIVIL)
    row.save()
    awarding.judge_again(cast("c1"), "c-p1", DECIDED + DAY)
    open_after = {o.rule for o in governing.obligations(cast("c1"), about="c-p1")}
    assert "dure-end-use-unknown" in open_before - open_after
    assert open_after < open_before
    for who in ("c1", "c2"):
        screening.screen(cast("c1"), "c-p1", DECIDED + DAY) if who == "c1" else None
        screening.sign(cast(who), "c-p1", "clear", "nothing found", DECIDED + DAY)
    awarding.judge_again(cast("c1"), "c-p1", DECIDED + DAY)
    assert "dure-screening" not in {o.rule for o in governing.obligations(cast("c1"), about="c-p1")}
    row.declaration = to_json(replace(CIVIL, end_use="wmd"))
    row.save()
    before = governing.blocking("p1", DECIDED + DAY)
    assert not awarding.judge_again(cast("c1"), "c-p1", DECIDED + DAY).allowed
    assert governing.blocking("p1", DECIDED + DAY) > before or before == 0


def test_people_who_met_an_obligation_said_nothing_of_other_facts(cast: Any) -> None:
    from dure.governance.facts import FACTS
    from dure.store import models

    quiet = {f.name: f.quiet for f in FACTS[Act.AWARD]}
    asks = {**quiet, "listed": "unknown"}
    for _ in range(2):
        decided(Act.AWARD, "x", asks)
    row = models.Obligation.objects.get(rule="us-listed-unknown")
    row.state = "met"
    row.save()
    decided(Act.AWARD, "x", asks)
    assert models.Obligation.objects.filter(rule="us-listed-unknown").count() == 1, "asked and met"
    party = {**quiet, "parent_country": "RU"}
    decided(Act.AWARD, "x", party)
    models.Obligation.objects.filter(rule="us-d5-party").update(state="met")
    decided(Act.AWARD, "x", {**party, "headquarters_country": "RU"})
    assert list(models.Obligation.objects.filter(rule="us-d5-party").order_by("seq").values_list("state", flat=True)) == [
        "met", "open",
    ]  # fmt: skip


def test_facts_that_cannot_be_judged_lift_nothing(cast: Any) -> None:
    from dure.governance.facts import FACTS
    from dure.store import models

    quiet = {f.name: f.quiet for f in FACTS[Act.AWARD]}
    decided(Act.AWARD, "x", {**quiet, "listed": "unknown"})
    for spoilt in ({}, {k: v for k, v in quiet.items() if k != "listed"}, {**quiet, "listed": "perhaps"}):
        assert not decided(Act.AWARD, "x", spoilt).allowed
        assert models.Obligation.objects.get(rule="us-listed-unknown").state == "open"
    decided(Act.AWARD, "x", quiet)
    assert models.Obligation.objects.get(rule="us-listed-unknown").state == "met"


def test_a_waiver_has_two_people_and_an_end(cast: Any) -> None:
    from dure.app import awarding, governing
    from dure.store import models

    awarding.publish(cast("office"), "c", DECIDED)
    seq = models.Obligation.objects.get(about="c-p1", rule="us-listed-unknown").seq
    for until in (None, DECIDED, DECIDED + 400 * DAY):
        with pytest.raises(InputError, match="end"):
            governing.meet(cast("c1"), seq, "waived", "urgent", DECIDED, until_utc_s=until)
    end = DECIDED + 30 * DAY
    governing.meet(cast("c1"), seq, "waived", "urgent", DECIDED, until_utc_s=end)
    with pytest.raises(InputError, match="end that was proposed"):
        governing.meet(cast("c2"), seq, "waived", "urgent", DECIDED, until_utc_s=end + 1)
    before = governing.blocking("p1", DECIDED)
    assert governing.meet(cast("c2"), seq, "waived", "urgent", DECIDED, until_utc_s=end).second == "c2"
    assert governing.blocking("p1", end - 1) == before - 1
    assert governing.blocking("p1", end) == before, "and when it is over, it blocks again"


def test_who_belongs_to_a_project_lifts_nothing_of_it(cast: Any) -> None:
    from dure.app import awarding, governing, people
    from dure.store import models

    awarding.publish(cast("office"), "c", DECIDED)
    people.grant(cast("office"), "lead-p1", "compliance", DECIDED)
    seq = models.Obligation.objects.filter(about="c-p1").first().seq
    with pytest.raises(Forbidden, match="belongs"):
        governing.meet(cast("lead-p1"), seq, "met", "all fine", DECIDED)
    for who in ("auditor", "lead-p0"):
        with pytest.raises(Forbidden):
            governing.meet(cast(who), seq, "met", "all fine", DECIDED)
    assert {o.about for o in governing.obligations(cast("lead-p0"))} <= {"c-p0"}


def test_a_decision_is_judged_again_as_of_its_day_by_its_own_rules(cast: Any) -> None:
    from dure.app import awarding, governing
    from dure.formats.rules import shipped_files
    from dure.governance.judge import judge
    from dure.store import audit, models

    awarding.publish(cast("office"), "c", DECIDED)
    shipped = governing.rules_in_force()
    files = shipped_files()
    name = next(n for n, text in files.items() if 'id = "dure-screening"' in text)
    fewer = governing.adopt(cast("c1"), {k: v for k, v in files.items() if k != name}, "without one", DECIDED + DAY)
    assert governing.rules_in_force().digest == fewer.digest != shipped.digest
    with pytest.raises(Forbidden):
        governing.adopt(cast("office"), files, "the office writes no rules", DECIDED + DAY)
    for row in governing.decisions(cast("auditor")):
        _, rules, facts = governing.decision(cast("auditor"), row.seq)
        again = judge(rules, facts, row.as_of_utc_s)
        assert [again.allowed, list(again.reasons), list(again.obligations)] == [
            row.allowed,
            row.reasons,
            row.obligations,
        ]
        now = judge(governing.rules_in_force(), facts, row.as_of_utc_s)
        assert set(again.obligations) - set(now.obligations) <= {"dure-screening"}
    back = governing.adopt(cast("c1"), files, "as it was", DECIDED + 2 * DAY)
    assert back.digest == shipped.digest == governing.rules_in_force().digest, "an older set can be taken up again"
    audit.sequence_all()
    logged = [e for e in audit.entries(-1, 1000) if e["kind"] == "decision"]
    assert [e["body"]["seq"] for e in logged] == list(
        models.Decision.objects.order_by("seq").values_list("seq", flat=True)
    )


def test_a_set_with_a_fault_is_not_adopted(cast: Any) -> None:
    from dure.app import governing
    from dure.formats.rules import shipped_files
    from dure.store import models

    files = shipped_files()
    name = next(n for n, text in files.items() if 'id = "dure-end-use"' in text)
    with pytest.raises(InputError, match="end_usage"):
        governing.adopt(
            cast("c1"), {**files, name: files[name].replace("context.end_use", "context.end_usage")}, "x", DECIDED
        )
    assert not models.RuleSet.objects.exists()


def test_a_missing_fact_denies_and_is_kept(cast: Any) -> None:
    from dure.store import models

    verdict = decided(Act.PLACE, "somewhere", {"personal_level": 0})
    assert not verdict.allowed
    assert any("site_country" in fault for fault in verdict.faults)
    row = models.Decision.objects.get()
    assert (row.allowed, row.about) == (False, "somewhere")
