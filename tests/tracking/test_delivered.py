"""Promised against delivered: each measure against records made by hand, and nothing said that no record shows."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from dure.mentions.model import Bound, Kind
from dure.pledges.model import ClaimStatus, Delivery, Firmness, Pledge
from tests.operation.programme_world import NOW
from tests.tracking.pledge_world import DAY, ONE, OTHER, accepted, agreed, imported, page, world

pytestmark = pytest.mark.usefixtures("database")
TODAY = date(2026, 9, 21)


def promise(measure: str, unit: str, scope: str = "", **more: Any) -> Pledge:
    kind = Kind.MONEY if unit == "KRW" else Kind.QUANTITY
    given: dict[str, Any] = {"low": 1, "high": 1, "begin": None, "deadline": None, **more}
    return Pledge(
        id="p", title="t", actor="a", kind=kind, unit=unit, bound=Bound.EXACT, firmness=Firmness.AIM,
        claim=ClaimStatus.CLAIMED, measure=measure, scope=scope, **given,
    )  # fmt: skip


def value(measure: str, unit: str, scope: str = "", as_of: date = TODAY, now: int = NOW) -> int | None:
    from dure.tracking.measuring import figure

    asked = figure(promise(measure, unit, scope), as_of, now)
    assert asked.words.ko
    assert asked.words.en
    assert asked.figure.unit == unit
    assert asked.figure.query or asked.why.en
    assert asked.figure.at <= TODAY
    return asked.figure.value


def booked(*transfers: Any) -> None:
    from dure.ledger.model import Code
    from dure.store import ledger

    assert set(ledger.record(list(transfers))) == {Code.OK}


def test_units_delivered_are_what_was_spent_less_what_was_refunded_up_to_the_day() -> None:
    from dure.ledger.model import Cause, Phase, Transfer

    world()
    at = NOW - 3 * DAY
    booked(
        Transfer("use", "project:alpha", "spent:alpha", 7_900, Cause.USAGE, at),
        Transfer(
            "hold", "project:alpha", "spent:alpha", 5_000, Cause.USAGE, at, phase=Phase.PENDING, expires_utc_s=NOW * 2
        ),
        Transfer(
            "held", "project:alpha", "spent:alpha", 900, Cause.USAGE, at, phase=Phase.PENDING, expires_utc_s=NOW * 2
        ),
        Transfer("some", "", "", 3_000, Cause.USAGE, NOW - DAY, phase=Phase.POST, pending="hold"),
        Transfer("back", "refunded:alpha", "project:alpha", 1_000, Cause.REFUND, NOW),
    )
    found = [value("units_delivered", "units", as_of=date(2026, 9, day)) for day in (17, 18, 19, 20, 21)]
    assert found == [0, 7, 7, 10, 9]
    assert value("units_delivered", "units", "research") == value("units_delivered", "units", "c/research")
    assert sorted(value("units_delivered", "units", t) or 0 for t in ("research", "no'body")) in ([0, 9], [0, 0])
    assert value("units_delivered", "units", as_of=date(2025, 1, 1)) is None
    assert value("units_delivered", "units", as_of=date(2030, 1, 1)) == 9


def test_more_refunded_than_charged_is_no_record() -> None:
    from dure.ledger.model import Cause, Transfer

    world()
    booked(
        Transfer("use", "project:alpha", "spent:alpha", 7_900, Cause.USAGE, NOW),
        Transfer("back", "refunded:alpha", "project:alpha", 1_000, Cause.REFUND, NOW - DAY),
    )
    found = [value("units_delivered", "units", as_of=date(2026, 9, day)) for day in (19, 20, 21)]
    assert found == [0, None, 6]


def test_units_of_a_track_are_those_of_its_projects() -> None:
    from dure.ledger.model import Cause, Transfer
    from dure.store import models

    world()
    (track,) = {row["track"] for row in models.Application.objects.values_list("document", flat=True)}
    booked(Transfer("use", "project:alpha", "spent:alpha", 7_900, Cause.USAGE, NOW))
    assert value("units_delivered", "units", track) == 7
    assert value("units_delivered", "units", f"c/{track}") == 7
    assert value("units_delivered", "units", "' OR 1=1 --") == 0
    assert [value("projects", "projects", scope) for scope in ("", track, "none")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [("", 48), ("H200", 32), ("RNGD", 8), ("US", 40), ("KR", 8), ("H100", 0), ("JP", None), ("nothing", None)],
)
def test_accelerators_in_service(scope: str, wanted: int | None) -> None:
    world()
    assert value("accelerators_in_service", "accelerators", scope) == wanted


def test_accelerators_come_with_their_delivery_and_not_before_the_fleet() -> None:
    from tests.operation.programme_world import FLEET, small

    late = FLEET.replace(
        'memory = "2 TiB"', 'memory = "2 TiB"\ndeliveries = [{ nodes = 3, at = 2026-08-31T23:59:59Z }]', 1
    )
    small(fleet=late)
    found = [value("accelerators_in_service", "chips", "H200", day) for day in (date(2026, 8, 30), date(2026, 8, 31))]
    assert found == [8, 32]
    assert value("accelerators_in_service", "chips", "", date(2025, 12, 31)) is None


def test_the_domestic_share_is_of_the_vendors_of_the_programmes_country() -> None:
    world()
    found = [value("domestic_share", "percent/100", scope) for scope in ("", "KR", "US", "JP")]
    assert found == [1666, 1666, 8333, 0]


def test_spend_is_no_record_until_the_ledger_has_an_entry_in_the_currency() -> None:
    from dure.ledger.model import Cause, Transfer

    world()
    assert value("spend", "KRW") is None
    booked(Transfer("fee", "fees:alpha", "billed", 123_456, Cause.FEE, NOW, "KRW"))
    assert value("spend", "KRW") == 123_456
    assert value("spend", "USD") is None
    assert value("spend", "KRW", "fees:alpha") == -123_456
    assert value("spend", "KRW", as_of=date(2026, 9, 20)) is None


def test_energy_is_of_attempts_that_ended() -> None:
    from dure.store import models

    world()
    assert value("energy", "Wh") is None
    job = models.Job.objects.create(project="alpha", user="member", kind=0, spec={}, state=3, submitted_utc_s=NOW)
    for number, (pool, end, joules) in enumerate((("h200", NOW, 7200), ("far", NOW, 3600), ("h200", None, 9999))):
        key = f"{job.seq}.{number}"
        models.Attempt.objects.create(
            key=key, job=job, number=number, pool=pool, nodes=[], start_utc_s=NOW - 9, end_utc_s=end
        )
        models.Used.objects.create(
            key=key,
            job=job.seq,
            project="alpha",
            user="member",
            wait_s=0,
            energy_j=joules,
            measured=True,
            ended_by=1,
            failure=0,
        )
    assert [value("energy", "Wh", scope) for scope in ("", "first", "abroad", "nowhere")] == [3, 2, 1, None]
    assert value("energy", "Wh", as_of=date(2026, 9, 20)) is None


def test_people_are_counted_by_nobody_until_a_figure_is_entered_by_two() -> None:
    from dure.tracking import pledges
    from dure.tracking.tracking import track

    made = world()
    imported(made, page("The Ministry of Science and ICT will train 1,000 people by the end of August 2026."))
    id = accepted(made, "people")
    agreed(made, pledges.measure(made.office, id, "people_trained", NOW))
    assert [t.delivered.state for t in track(made.office, TODAY, NOW)] == [Delivery.NO_RECORD]
    entered = pledges.enter(made.office, id, 640, "people", "annual report, page 3", date(2026, 9, 1), NOW)
    assert [t.delivered.state for t in track(made.office, TODAY, NOW)] == [Delivery.NO_RECORD]
    agreed(made, entered)
    (found,) = track(made.office, TODAY, NOW)
    assert (found.delivered.state, found.delivered.value) == (Delivery.PARTLY, 640)
    assert found.asked is not None
    assert found.asked.figure.source == "annual report, page 3"


def test_a_day_to_come_is_never_called_missed() -> None:
    from dure.tracking import pledges
    from dure.tracking.tracking import track, track_one

    made = world()
    imported(made, page(ONE))
    gpus, share = accepted(made, "accelerators"), accepted(made, "percent/100")
    agreed(made, pledges.measure(made.office, gpus, "accelerators_in_service", NOW, scope="US"))
    agreed(made, pledges.measure(made.office, share, "domestic_share", NOW))
    now = {t.pledge.id: t.delivered.state for t in track(made.actor("outsider"), TODAY, NOW)}
    later = {t.pledge.id: t.delivered.state for t in track(made.actor("outsider"), date(2031, 1, 1), NOW)}
    assert now == {gpus: Delivery.KEPT, share: Delivery.IN_PROGRESS}
    assert later == {gpus: Delivery.KEPT, share: Delivery.NO_RECORD}
    assert track(made.office, date(2026, 6, 30), NOW) == []
    found, life = track_one(made.office, gpus, TODAY, NOW)
    assert [m.what for m in life] == ["accept", "measured", "deadline", "figure"]
    assert found.delivered.value == 40


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_report_shows_what_was_asked_and_what_is_disputed(language: str) -> None:
    from dure.reports.pledges import pledges_report
    from dure.tracking import pledges, reviewing
    from dure.tracking.reporting import report_data
    from tests.tracking.pledge_world import mention_of

    made = world()
    imported(made, page(ONE), page(OTHER, "other.txt"))
    gpus, money = accepted(made, "accelerators"), accepted(made, "KRW")
    agreed(made, pledges.measure(made.office, gpus, "accelerators_in_service", NOW))
    agreed(made, pledges.measure(made.office, money, "spend", NOW))
    agreed(made, reviewing.link(made.office, mention_of("KRW", "other.txt"), money, NOW))
    agreed(made, pledges.dispute(made.office, money, "another page says 300 billion", NOW))
    first, second = report_data(made.actor("outsider"), TODAY, NOW, language)
    assert (first.state, first.value, first.ratio_milli) == (Delivery.KEPT, 48, 1200)
    assert "in_service" in first.query
    assert (second.state, second.value) == (Delivery.NO_RECORD, None)
    assert "SELECT" in second.query
    assert "%s" not in second.query
    assert second.pledge.claim is ClaimStatus.DISPUTED
    assert second.disputes[0] == "another page says 300 billion"
    assert any("amount_differs" in d for d in second.disputes)
    assert [e.document for e in second.evidence] == ["page.txt", "other.txt"]
    hangul = any("가" <= c <= "힣" for c in second.why + second.query)
    assert hangul == (language == "ko")
    assert pledges_report([first, second], "Test", TODAY, language).findings


def test_every_measure_answers() -> None:
    from dure.pledges.delivery import MEASURES
    from dure.tracking.measuring import figure

    world()
    for name, measure in MEASURES.items():
        unit = "KRW" if measure.units[0] == "money" else "people" if measure.units[0] == "any" else measure.units[0]
        asked = figure(promise(name, unit), TODAY, NOW)
        assert asked.words.en
        assert asked.figure.unit == unit
        assert (asked.figure.value is None) == bool(asked.why.en)


# The demonstration


def test_the_demonstrations_pledges() -> None:
    from dure.tracking import decided, demo, pledges
    from dure.tracking.tracking import track

    made = world()
    demo.set_up(made.office, NOW)
    found = {t.pledge.id: t for t in track(made.actor("outsider"), TODAY, NOW)}
    assert list(found) == ["gpus", "units", "projects", "domestic", "budget", "people", "top-three"]
    states = {id: t.delivered.state for id, t in found.items()}
    assert states["budget"] == states["people"] == states["top-three"] == Delivery.NO_RECORD
    assert states["domestic"] in (Delivery.KEPT, Delivery.IN_PROGRESS)
    assert (found["domestic"].pledge.low, found["domestic"].pledge.revisions) == (800, 1)
    assert found["budget"].pledge.claim is ClaimStatus.DISPUTED
    assert any("implied_rate" in c for c in found["budget"].shown.contradictions)
    assert found["domestic"].shown.contradictions == found["top-three"].shown.contradictions == ()
    assert found["people"].pledge.claim is ClaimStatus.CORROBORATED
    assert found["top-three"].asked is None
    assert decided.faults() == []
    (share,) = [p for p in pledges.listed(made.office, date(2026, 2, 10)) if p.id == "domestic"]
    assert share.low == 500


def test_the_example_pages_say_that_they_are_made_up() -> None:
    from dure.tracking.demo import PAGES, example_pages

    pages = example_pages().pages
    assert [p.document.name for p in pages] == list(PAGES)
    assert {p.document.language for p in pages} == {"en", "ko"}
    for one in pages:
        assert "made up" in one.document.text or "지어낸" in one.document.text
        assert one.copy_of == ""
