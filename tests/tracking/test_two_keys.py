"""Two keys a decision: nobody completes one alone, and the list is the fold of what was confirmed, and of nothing else."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.databases import SERVER, empty
from tests.operation.programme_world import NOW
from tests.tracking.pledge_world import DAY, ONE, OTHER, TWO, accepted, agreed, imported, mention_of, page, world

pytestmark = pytest.mark.usefixtures("database")
TODAY = date(2026, 9, 21)


def test_a_proposal_counts_only_once_another_confirms_it() -> None:
    from dure.app.access import Forbidden
    from dure.tracking import pledges, reviewing

    made = world()
    imported(made, page(ONE))
    proposal = reviewing.accept(made.office, mention_of("accelerators"), NOW)
    assert pledges.listed(made.office, TODAY) == []
    with pytest.raises(Forbidden, match="second person"):
        reviewing.confirm(made.office, proposal.seq, NOW)
    assert pledges.listed(made.office, TODAY) == []
    reviewing.confirm(made.actor("c1"), proposal.seq, NOW)
    (pledge,) = pledges.listed(made.actor("outsider"), TODAY)
    assert (pledge.low, pledge.unit, pledge.deadline) == (40, "accelerators", date(2026, 8, 31))
    assert (pledge.actor, pledge.made) == ("kr-msit", date(2026, 7, 1))


def test_whoever_corrects_waits_for_another_in_turn() -> None:
    from dataclasses import replace

    from dure.app.access import Forbidden, NotFound
    from dure.tracking import decided, pledges, reviewing

    made = world()
    imported(made, page(ONE))
    first = reviewing.accept(made.office, mention_of("accelerators"), NOW)
    better = replace(decided.body_of(first), low=48, high=48)  # type: ignore[call-arg]
    second = reviewing.correct(made.actor("c1"), first.seq, better, "48 stand in the table", NOW)
    assert second.corrects_id == first.seq
    for who, proposal in (("c1", second), ("office", first), ("c2", first)):
        with pytest.raises((Forbidden, NotFound)):
            reviewing.confirm(made.actor(who), proposal.seq, NOW)
    agreed(made, second, "office")
    assert [p.low for p in pledges.listed(made.office, TODAY)] == [48]


def test_the_database_itself_refuses_a_decision_of_one_person() -> None:
    from dure.store import models
    from dure.tracking import reviewing

    made = world()
    imported(made, page(ONE))
    row = reviewing.dismiss(made.office, mention_of("KRW"), "no promise", NOW)
    with pytest.raises(DatabaseError), transaction.atomic():
        models.PledgeDecision.objects.create(proposal=row, confirmed=True, by="office", second="office", at_utc_s=NOW)
    reviewing.refuse(made.office, row.seq, "taken back", NOW)  # one's own proposal may be taken back
    with pytest.raises(DatabaseError), transaction.atomic():
        models.PledgeDecision.objects.create(proposal=row, confirmed=True, by="office", second="c1", at_utc_s=NOW)


@pytest.mark.parametrize("user", ["outsider", "lead-alpha", "operator"])
def test_who_may_not_decide(user: str) -> None:
    from dure.app.access import Forbidden
    from dure.tracking import pledges, reviewing

    made = world()
    imported(made, page(ONE))
    row, actor = reviewing.dismiss(made.office, mention_of("KRW"), "no promise", NOW), made.actor(user)
    for forbidden in (
        lambda: reviewing.queue(actor, NOW), lambda: reviewing.proposals(actor), lambda: reviewing.confirm(actor, row.seq, NOW),
        lambda: reviewing.refuse(actor, row.seq, "no", NOW), lambda: reviewing.accept(actor, 1, NOW),
        lambda: reviewing.dismiss(actor, 1, "no", NOW), lambda: pledges.dispute(actor, "p1", "no", NOW),
        lambda: pledges.history(actor, "p1"),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            forbidden()
    assert pledges.listed(actor, TODAY) == []


def test_a_token_for_reading_decides_nothing() -> None:
    from dure.app import people
    from dure.app.access import Forbidden
    from dure.tracking import reviewing

    made = world()
    imported(made, page(ONE))
    reader = people.actor_of("c1", frozenset({"read"}))
    row = reviewing.dismiss(made.office, mention_of("KRW"), "no promise", NOW)
    assert reviewing.queue(reader, NOW)
    with pytest.raises(Forbidden, match="read"):
        reviewing.confirm(reader, row.seq, NOW)


FIT = {"pledge": "x", "title": "t", "actor": "a", "kind": "money", "low": 1, "high": 1, "unit": "KRW", "mention": "2"}
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("accept", {**FIT, "mention": ""}, "mention"),
    ("accept", {**FIT, "mention": "taken"}, "decided about already"),
    ("accept", {**FIT, "pledge": "P 1"}, "id"),
    ("accept", {**FIT, "pledge": "there"}, "there already"),
    ("accept", {**FIT, "low": 2}, "above"),
    ("accept", {**FIT, "unit": "won"}, "unit"),
    ("accept", {**FIT, "title": "\0"}, "character"),
    ("accept", {**FIT, "title": "t" * 2001}, "long"),
    ("accept", {**FIT, "low": 2**62, "high": 2**62}, "large"),
    ("accept", {**FIT, "kind": "gold"}, "kind"),
    ("dispute", {"pledge": "nobody", "why": "because"}, "no pledge"),
    ("dispute", {"pledge": "there"}, "reason"),
    ("revise", {"pledge": "there"}, "nothing changes"),
    ("revise", {"pledge": "there", "low": 3, "mention": "9999999999"}, "mention"),
    ("revise", {"pledge": "there", "low": 3, "mention": "²"}, "mention"),
    ("outside", {"pledge": "there", "value": 1, "unit": "accelerators", "source": " "}, "source"),
    ("measured", {"pledge": "there", "measure": "people_trained"}, "people"),
    ("measured", {"pledge": "there", "measure": "happiness"}, "no measure"),
    ("supersede", {"pledge": "there", "successor": "there"}, "itself"),
    ("withdraw", {"pledge": "there", "on": "2026-09-22"}, "future"),
    ("withdraw", {"pledge": "there", "on": "2026-06-30"}, "no pledge"),
    ("withdraw", {"pledge": "there", "more": 1}, "more"),
    ("vote", {"pledge": "there"}, "vote"),
    ("dismiss", {"mention": ""}, "mention"),
]  # fmt: skip


def test_what_cannot_be_proposed() -> None:
    from dure.errors import DureError
    from dure.store import models
    from dure.tracking import decided, reviewing

    made = world()
    imported(made, page(ONE))
    accepted(made, "accelerators", pledge="there")
    before = models.PledgeProposal.objects.count()
    numbers = {"2": str(mention_of("KRW")), "taken": str(mention_of("accelerators"))}
    for kind, said, why in BAD:
        body = {**said, "mention": numbers.get(said["mention"], said["mention"])} if "mention" in said else said
        with pytest.raises(DureError, match=f"(?i){why}"):
            reviewing.propose(made.office, decided.decision_from(kind, {"on": "2026-09-21", **body}), NOW)
    assert models.PledgeProposal.objects.count() == before


def test_what_was_true_when_it_was_proposed_is_looked_at_again() -> None:
    from dure.errors import InputError
    from dure.tracking import pledges, reviewing

    made = world()
    imported(made, page(ONE))
    first, second = (reviewing.accept(made.office, mention_of("KRW"), NOW, {"pledge": id}) for id in ("a", "b"))
    agreed(made, first)
    with pytest.raises(InputError, match="decided about already"):
        agreed(made, second)
    assert [p.id for p in pledges.listed(made.office, TODAY)] == ["a"]


def test_the_queue_shows_what_waits_with_suggestions_and_findings() -> None:
    from dure.tracking import pledges, reviewing

    made = world()
    imported(made, page(ONE))
    pledge = accepted(made, "accelerators")
    imported(made, page(TWO, "two.txt", date(2026, 7, 20)), page(OTHER, "other.txt"))
    queue = {(q.said.document.name, q.draft.unit): q for q in reviewing.queue(made.actor("aud"), NOW)}
    assert ("page.txt", "accelerators") not in queue
    two = next(
        q for (name, unit), q in queue.items() if name == "two.txt" and unit == "accelerators" and q.draft.low == 60
    )
    assert pledge in {s.to for s in two.suggestions}
    other = queue["other.txt", "KRW"]
    assert any(s.to == f"mention {mention_of('KRW')}" for s in other.suggestions)
    assert any("amount_differs" in f for f in other.findings)
    assert any("2,500" in f for f in other.findings)
    proposal = reviewing.dismiss(made.office, other.seq, "wrong", NOW)
    (again,) = [q for q in reviewing.queue(made.office, NOW) if q.seq == other.seq]
    assert [p.seq for p in again.proposals] == [proposal.seq] == [p.seq for p in reviewing.proposals(made.actor("c2"))]
    agreed(made, proposal)
    assert other.seq not in {q.seq for q in reviewing.queue(made.office, NOW)}
    agreed(made, pledges.reject(made.office, pledge, "said of another country", NOW))
    assert mention_of("accelerators") in {q.seq for q in reviewing.queue(made.office, NOW)}


def test_a_link_corroborates_only_from_a_page_that_says_the_same_and_is_no_copy() -> None:
    from dure.pledges.model import ClaimStatus
    from dure.tracking import pledges, reviewing

    made = world()
    same = "By August 31, 2026 the Ministry of Science and ICT will put into service 40 GPUs for start-ups, officials said."
    imported(made, page(ONE), page(same, "same.txt"), page(OTHER, "other.txt"))
    gpus, budget = accepted(made, "accelerators"), accepted(made, "KRW")
    agreed(made, reviewing.link(made.office, mention_of("accelerators", "same.txt"), gpus, NOW))
    agreed(made, reviewing.link(made.office, mention_of("KRW", "other.txt"), budget, NOW))
    found = {p.id: p for p in pledges.listed(made.office, TODAY)}
    assert found[gpus].claim is ClaimStatus.CORROBORATED
    assert found[budget].claim is ClaimStatus.CLAIMED
    shown = pledges.shown(made.office, budget, TODAY)
    assert shown.pledge.claim is ClaimStatus.DISPUTED  # nobody decided so: the other page tells another sum
    assert pledges.shown(made.office, gpus, TODAY).pledge.claim is ClaimStatus.CORROBORATED
    assert [s.document.name for s in shown.said] == ["page.txt", "other.txt"]
    assert any("amount_differs" in found for found in shown.contradictions)
    assert {"amount_differs", "implied_rate", "undated"} <= {found.kind for found in shown.findings}
    assert not any("undated" in found for found in shown.contradictions)
    agreed(made, pledges.support(made.office, budget, "the budget act, page 12", NOW))
    assert pledges.shown(made.office, budget, TODAY).findings == ()
    assert pledges.shown(made.office, budget, TODAY).pledge.claim is ClaimStatus.CORROBORATED


def test_parts_that_exceed_their_whole_are_told() -> None:
    from dure.tracking import decided, pledges, reviewing

    made = world()
    imported(made, page(ONE))
    whole = accepted(made, "accelerators")
    changes = {"pledge": "first", "low": 60, "high": 60, "kind": "quantity", "unit": "accelerators"}
    agreed(made, reviewing.accept(made.office, mention_of("KRW"), NOW, changes))
    part = decided.decision_from("part", {"pledge": "first", "on": TODAY, "whole": whole})
    agreed(made, reviewing.propose(made.office, part, NOW))
    shown = pledges.shown(made.office, whole, TODAY)
    assert shown.pledge.low == 40
    assert shown.contradictions == (
        "parts: the parts add up to 60 accelerators, more than the total of 40 accelerators",
    )
    assert pledges.shown(made.office, "first", TODAY).pledge.part_of == whole


def test_a_revision_takes_the_place_and_is_seen_at_its_day() -> None:
    from dure.tracking import pledges

    made = world()
    imported(made, page(ONE))
    id = accepted(made, "accelerators")
    agreed(made, pledges.revise(made.office, id, {"low": 60}, "raised", NOW, on=date(2026, 7, 20)))
    agreed(made, pledges.correct(made.office, id, {"title": "GPUs"}, "shorter", NOW))
    assert [(p.low, p.high) for p in pledges.listed(made.office, date(2026, 7, 19))] == [(40, 40)]
    assert [(p.low, p.high, p.revisions, p.title) for p in pledges.listed(made.office, TODAY)] == [(60, 60, 1, "GPUs")]
    assert pledges.listed(made.office, date(2026, 6, 30)) == []


# What is kept can be held against the audit log


def tampered(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if SERVER:
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute(statement)
        assert cursor.rowcount > 0


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE store_pledgeproposal SET body = replace(CAST(body AS text), '40', '39')", "not what was decided"),
        ("UPDATE store_pledgedecision SET confirmed = NOT confirmed WHERE confirmed", "the log says confirm"),
        ("DELETE FROM store_pledgedecision WHERE confirmed", "is missing"),
        ("UPDATE store_pledgedecision SET proposal_id = (SELECT max(seq) FROM store_pledgeproposal)", "the log says"),
    ],
)
@pytest.mark.parametrize("sequenced", [True, False])
def test_what_is_changed_past_the_triggers_is_found(statement: str, told: str, sequenced: bool) -> None:
    from dure.store import audit, auditcheck
    from dure.tracking import decided, reviewing

    if SERVER and "replace(" in statement:
        statement = statement.replace("'39')", "'39')::jsonb")
    made = world()
    imported(made, page(ONE))
    accepted(made, "accelerators")
    reviewing.accept(made.office, mention_of("KRW"), NOW)
    if sequenced:
        audit.sequence_all()
        assert auditcheck.check() == []
    assert decided.faults() == []
    tampered(statement)
    assert any(told in fault for fault in decided.faults())


def test_a_proposal_that_was_changed_is_not_confirmed() -> None:
    from dure.errors import InvariantBroken
    from dure.tracking import reviewing

    made = world()
    imported(made, page(ONE))
    row = reviewing.accept(made.office, mention_of("accelerators"), NOW)
    cast = "::jsonb" if SERVER else ""
    tampered(f"UPDATE store_pledgeproposal SET body = replace(CAST(body AS text), '40', '39'){cast}")
    with pytest.raises(InvariantBroken):
        reviewing.confirm(made.actor("c1"), row.seq, NOW)


def test_the_log_names_nobody() -> None:
    from dure.store import audit, models

    made = world()
    imported(made, page(ONE))
    accepted(made, "accelerators")
    bodies = list(models.Outbox.objects.filter(kind="pledge").values_list("body", flat=True))
    assert len(bodies) == 3
    assert not any('"office"' in body or '"c1"' in body for body in bodies)
    assert set(audit.revealed(json.loads(body)["by"] for body in bodies).values()) == {"office", "c1"}


# Whatever people do


PEOPLE = ("office", "second", "c1", "c2", "aud", "outsider")
ACTS = (
    "accept",
    "dismiss",
    "revise",
    "dispute",
    "support",
    "withdraw",
    "reject",
    "measure",
    "link",
    "confirm",
    "refuse",
    "correct",
)
STEPS = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(ACTS), st.integers(0, 5), st.integers(0, 200)), min_size=8, max_size=40
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_the_list_is_the_fold_of_what_two_people_confirmed(steps: list[tuple[str, str, int, int]]) -> None:
    from dure.errors import DureError
    from dure.pledges.folding import fold
    from dure.store import models
    from dure.tracking import decided, pledges

    try:
        made = world()
        imported(made, page(ONE), page(TWO, "two.txt"), page(OTHER, "other.txt"))
        done, mine = 0, []  # what this test saw being confirmed, apart from the tables
        for step, (who, act, which, value) in enumerate(steps):
            try:
                result = _act(made, made.actor(who), act, which, value, NOW + step * DAY)
            except DureError:
                continue
            assert who != "outsider"
            if act == "confirm":
                done += 1
                assert result.by != result.second == who
                if result.proposal.kind != "dismiss":
                    mine.append(decided.decision_at(result))
        assert models.PledgeDecision.objects.filter(confirmed=True).count() == done
        for day in (TODAY, date(2026, 7, 1), date.max):
            assert pledges.listed(made.actor("outsider"), day) == list(fold(mine, day).values())
        assert decided.faults() == []
    finally:
        empty()


def _act(made: Any, actor: Any, act: str, which: int, value: int, now: int) -> Any:
    from dataclasses import replace

    from dure.tracking import decided, pledges, reviewing
    from dure.tracking.stored import said_of

    numbers = sorted(said_of())
    mention = numbers[which % len(numbers)]
    id, waiting = f"p{mention}", reviewing.proposals(made.office)
    proposal = waiting[value % len(waiting)].seq if waiting else value
    if act == "confirm":
        return reviewing.confirm(actor, proposal, now)
    if act == "refuse":
        return reviewing.refuse(actor, proposal, "no", now)
    if act == "correct" and waiting:
        body = decided.body_of(next(w for w in waiting if w.seq == proposal))
        return reviewing.correct(actor, proposal, replace(body, why="better"), "better", now)
    if act in ("accept", "dismiss"):
        return reviewing.accept(actor, mention, now) if act == "accept" else reviewing.dismiss(actor, mention, "", now)
    if act == "link":
        return reviewing.link(actor, numbers[value % len(numbers)], id, now)
    if act == "revise":
        return pledges.revise(actor, id, {"low": value, "high": value}, "raised", now)
    if act == "measure":
        return pledges.measure(actor, id, "accelerators_in_service", now)
    return {"dispute": pledges.dispute, "support": pledges.support, "withdraw": pledges.withdraw}.get(
        act, pledges.reject
    )(actor, id, "why", now)
