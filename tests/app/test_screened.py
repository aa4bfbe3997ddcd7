"""Screening as it is used: declared, flagged, signed by two, ended by time, by other inputs and by newer lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dure.errors import InputError, InputErrors
from dure.governance import facts
from dure.governance.screening import (
    Affiliation,
    AreaClaim,
    Code,
    Declaration,
    Edition,
    ExportLicence,
    Listed,
    Partner,
    Person,
    Screened,
    months_later,
)

OPENS = 1_750_000_000
DAY = 86_400
NOW = OPENS + DAY
BAD = "05a0ya142"
AREAS = Edition("STRA", "areas", "2024-01-16", "s", "a" * 64, (Listed("7", ("AI",)),))
ORGANISATIONS = Edition("NRO", "organisations", "2024-01-16", "s", "b" * 64, (Listed(BAD, ("Arms Institute",)),))
NEWER = replace(ORGANISATIONS, dated="2025-01-16", digest="c" * 64)
WIDER = replace(NEWER, entries=(*NEWER.entries, Listed("", ("Good University",))))
CLEAN = Declaration(
    areas=(AreaClaim("STRA", "7", "yes"),),
    persons=(Person("lead-p0", "pi", (Affiliation("Good University"),), "no", NOW - 1, "1"),),
    headquarters_country="KR", parent_country="KR", end_use="civil", listed="no", strategic_technology="no",
)  # fmt: skip
FLAGGED = replace(CLEAN, persons=(replace(CLEAN.persons[0], affiliations=(Affiliation("Arms", BAD),)),))
ID = "c-p0"


@pytest.fixture
def world(database: str) -> Callable[[str], Any]:
    """A published call with two applications and both lists in force; gives an actor for a name."""
    from dure.app import applying, people, programme, screening
    from dure.store import models
    from tests.web import world

    programme.initialise("Test", world.FLEET, "office", OPENS - DAY)
    office = people.actor_of("office")
    programme.open_call(office, world.call("c", OPENS, OPENS + 10 * DAY), OPENS)
    programme.publish_call(office, "c", OPENS)
    for n in range(2):
        application = world.application(f"p{n}", "c")
        applying.apply(people.actor_of(application.lead), application, OPENS + 1)
    for user in ("ann", "ben", "cat"):
        models.Grant.objects.create(user=user, role="compliance")
    models.Grant.objects.create(user="auditor", role="auditor")
    for edition in (AREAS, ORGANISATIONS):
        assert screening.import_list(office, edition, NOW) == []
    return people.actor_of


def codes(row: Any) -> set[str]:
    from dure.store.documents import from_json

    return {f.code for f in from_json(Screened, row.document).flags}


def test_a_clean_declaration_is_clear_by_the_machine(world: Any) -> None:
    from dure.app import screening
    from dure.store import models

    assert screening.state_of(ID, NOW) == "none"
    row = screening.declare(world("lead-p0"), ID, CLEAN, NOW)
    assert (row.state, row.by, row.second, row.until_utc_s) == ("clear", "", "", months_later(NOW, 12))
    assert screening.state_of(ID, row.until_utc_s - 1) == "clear"
    assert screening.state_of(ID, row.until_utc_s) == "expired"
    events = models.Happening.objects.filter(kind="screening", about=ID).values_list("event", "by")
    assert list(events) == [("declare", "lead-p0"), ("screen", "lead-p0")]
    assert screening.declaration_of(ID) == CLEAN


def test_flags_wait_for_two_people(world: Any) -> None:
    from dure.app import screening
    from dure.app.access import Forbidden

    screening.declare(world("lead-p0"), ID, FLAGGED, NOW)
    assert screening.state_of(ID, NOW) == "flagged"
    assert screening.sign(world("ann"), ID, "mitigated", "data kept apart", NOW + 1).proposed == "mitigated"
    assert screening.state_of(ID, NOW + 1) == "flagged"
    again = screening.sign(world("ann"), ID, "mitigated", "I mean it", NOW + 2)  # the same person is no second one
    assert (again.state, again.proposed, again.second) == ("flagged", "mitigated", "")
    other = screening.sign(world("ben"), ID, "refused", "no", NOW + 3)  # who says something else proposes that
    assert (other.state, other.proposed, other.by) == ("flagged", "refused", "ben")
    done = screening.sign(world("cat"), ID, "refused", "agreed", NOW + 4)
    assert (done.state, done.proposed, done.by, done.second) == ("refused", "", "ben", "cat")
    assert done.until_utc_s == months_later(NOW + 4, 12)
    assert screening.state_of(ID, done.until_utc_s) == "expired"
    with pytest.raises(InputError, match="in force"):
        screening.sign(world("ann"), ID, "clear", "late", done.until_utc_s)
    with pytest.raises(Forbidden):
        screening.sign(world("auditor"), ID, "clear", "n", NOW)


def test_who_belongs_to_it_or_reviewed_it_does_not_sign(world: Any) -> None:
    from dure.app import screening
    from dure.app.access import Forbidden
    from dure.store import models

    screening.declare(world("lead-p0"), ID, FLAGGED, NOW)
    models.Grant.objects.create(user="lead-p0", role="compliance")
    models.Grant.objects.create(user="ann", role="reviewer")
    models.Review.objects.create(application_id=ID, reviewer="ann", submitted_utc_s=NOW)
    for user in ("lead-p0", "ann"):
        with pytest.raises(Forbidden):
            screening.sign(world(user), ID, "clear", "n", NOW)
    for state, note in (("clear", " "), ("flagged", "n"), ("expired", "n")):
        with pytest.raises(InputError):
            screening.sign(world("ben"), ID, state, note, NOW)


def test_to_declare_otherwise_does_not_wash_flags_away(world: Any) -> None:
    from dure.app import screening

    screening.declare(world("lead-p0"), ID, FLAGGED, NOW)
    row = screening.declare(world("lead-p0"), ID, CLEAN, NOW + 1)
    assert (row.state, codes(row)) == ("flagged", {Code.AREA, Code.BEFORE})
    assert screening.screen(world("ann"), ID, NOW + 2).state == "flagged"  # nor does another look by the machine
    screening.sign(world("ann"), ID, "refused", "n", NOW + 3)
    screening.sign(world("ben"), ID, "refused", "n", NOW + 3)
    row = screening.declare(world("lead-p0"), ID, replace(CLEAN, listed="unknown"), NOW + 4)
    assert (row.state, screening.state_of(ID, NOW + 4)) == ("flagged", "flagged")


def test_a_decision_is_not_overturned_by_one_person(world: Any) -> None:
    from dure.app import screening

    screening.declare(world("lead-p0"), ID, CLEAN, NOW)
    for user in ("ann", "ben"):
        screening.sign(world(user), ID, "refused", "known otherwise", NOW)
    row = screening.sign(world("cat"), ID, "clear", "n", NOW + 1)
    assert (row.state, row.proposed) == ("refused", "clear")
    assert screening.import_list(world("ann"), NEWER, NOW + 2) == []
    assert screening.state_of(ID, NOW + 2) == "refused"
    assert screening.sign(world("ann"), ID, "clear", "n", NOW + 3).state == "clear"


def test_a_newer_list_renews_or_ends_a_screening(world: Any) -> None:
    from dure.app import screening
    from dure.store import models

    screening.declare(world("lead-p0"), ID, CLEAN, NOW)
    screening.declare(world("lead-p1"), "c-p1", _of("lead-p1", FLAGGED), NOW)
    for user in ("ann", "ben"):
        screening.sign(world(user), "c-p1", "mitigated", "n", NOW + 1)
    before = {r.application_id: r for r in models.Screening.objects.order_by("seq")}
    assert screening.import_list(world("ann"), NEWER, NOW + 30 * DAY) == []  # the same entries: nothing new
    renewed = {r.application_id: r for r in models.Screening.objects.order_by("seq")}
    for id, state in ((ID, "clear"), ("c-p1", "mitigated")):
        assert renewed[id].seq > before[id].seq
        assert renewed[id].until_utc_s == before[id].until_utc_s  # a machine does not prolong what people signed
        assert (renewed[id].by, renewed[id].second) == (before[id].by, before[id].second)
        assert NEWER.digest in renewed[id].document["lists"]
        assert screening.state_of(id, NOW + 30 * DAY) == state
    wider = replace(WIDER, dated="2025-02-01", digest="d" * 64)
    changes = screening.import_list(world("ann"), wider, NOW + 31 * DAY)
    assert [(c.application, c.before, c.after) for c in changes] == [(ID, "clear", "expired")]
    assert {f.code for f in changes[0].new} == {Code.ORGANISATION_NAME, Code.STRAC_UNCLEAR}
    assert screening.state_of(ID, NOW + 31 * DAY) == "expired"
    assert screening.state_of("c-p1", NOW + 31 * DAY) == "mitigated"
    assert screening.rescreen(world("ann"), NOW + 31 * DAY) == []  # once is enough
    assert screening.screen(world("ann"), ID, NOW + 32 * DAY).state == "flagged"


def _of(lead: str, declaration: Declaration) -> Declaration:
    return replace(declaration, persons=(replace(declaration.persons[0], user=lead),))


def test_an_older_edition_changes_nothing(world: Any) -> None:
    from dure.app import screening
    from dure.store import models

    screening.declare(world("lead-p0"), ID, CLEAN, NOW)
    older = replace(WIDER, dated="2023-01-01", digest="e" * 64)
    assert screening.import_list(world("ann"), older, NOW + 1) == []
    assert models.Screening.objects.count() == 1
    assert [(w.list, w.dated) for w in screening.lists(world("auditor"))] == [
        ("NRO", "2024-01-16"), ("NRO", "2023-01-01"), ("STRA", "2024-01-16"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("edition", "field"),
    [
        (ORGANISATIONS, "digest"),
        (replace(NEWER, kind="parties"), "kind"),
        (replace(NEWER, dated="2025-06-18"), "dated"),
    ],
)
def test_lists_that_are_not_taken(world: Any, edition: Edition, field: str) -> None:
    """NOW is 2025-06-16 15:06 UTC: already the 17th in Seoul, nowhere the 18th."""
    from dure.app import screening
    from dure.store import models

    with pytest.raises(InputError) as fault:
        screening.import_list(world("ann"), edition, NOW)
    assert fault.value.field == field
    assert models.Watchlist.objects.count() == 2
    assert screening.import_list(world("ann"), replace(NEWER, dated="2025-06-17"), NOW) == []


def test_another_team_is_another_screening(world: Any) -> None:
    from dure.app import screening
    from dure.store import models

    screening.declare(world("lead-p0"), ID, CLEAN, NOW)
    row = models.Application.objects.get(id=ID)
    row.document = {
        **row.document,
        "members": [*row.document["members"], {**row.document["members"][0], "user": "new"}],
    }
    row.save()
    assert screening.state_of(ID, NOW) == "expired"
    changes = screening.rescreen(world("ann"), NOW + 1)
    assert [(c.before, c.after, {f.who for f in c.new if f.who}) for c in changes] == [("expired", "flagged", {"new"})]


def test_who_may_declare_and_until_when(world: Any) -> None:
    from dure.app import screening
    from dure.app.access import Forbidden, NotFound
    from dure.store import models

    with pytest.raises(NotFound):
        screening.declare(world("lead-p1"), ID, CLEAN, NOW)
    with pytest.raises(InputErrors) as found:
        screening.declare(world("lead-p0"), ID, replace(CLEAN, headquarters_country="Korea"), NOW)
    assert found.value.errors[0].field == "headquarters_country"
    assert models.Application.objects.get(id=ID).declaration is None
    for call in (lambda a: screening.screen(a, ID, NOW), lambda a: screening.shown(a, ID, NOW), screening.lists):
        with pytest.raises(Forbidden):
            call(world("lead-p0"))
    with pytest.raises(InputError, match="nothing was declared"):
        screening.screen(world("ann"), ID, NOW)
    with pytest.raises(NotFound):
        screening.shown(world("auditor"), ID, NOW)
    assert screening.declare(world("office"), ID, CLEAN, NOW).state == "clear"  # on paper
    models.Application.objects.filter(id=ID).update(state="awarded")
    with pytest.raises(InputError, match="nothing more"):
        screening.declare(world("lead-p0"), ID, FLAGGED, NOW)
    row, result, state = screening.shown(world("auditor"), ID, NOW)
    assert (row.state, result.sensitive_area, state) == ("clear", "yes", "clear")
    assert [(r.application_id, s) for r, s in screening.screened(world("auditor"), NOW)] == [(ID, "clear")]


def test_the_facts_fit_the_rules(world: Any) -> None:
    """Every fact of an award that this module owes, of an accepted value, in every state."""
    from dure.app import screening

    owed = {f.name for f in facts.FACTS[facts.Act.AWARD]} - {"chip_classes", "chip_models", "site_countries"}
    chips = {"chip_classes": frozenset[str](), "chip_models": frozenset[str](), "site_countries": frozenset({"KR"})}

    def found(now: int) -> dict[str, facts.Value]:
        got = screening.facts_of(ID, now)
        assert got.keys() == owed
        assert list(facts.faults(facts.Facts(facts.Act.AWARD, {**got, **chips}))) == []
        return got

    nothing = found(NOW)
    assert {n for n, v in nothing.items() if v not in ("unknown", frozenset({"unknown"}))} == {
        "screening",
        "applicant_country",
    }
    assert nothing["screening"] == "none"
    whole = replace(
        FLAGGED, partners=(Partner("P", "", "CA", "yes"), Partner("Q", "", "KR", "no"), Partner("R")),
        export_licence=ExportLicence("EL", NOW + DAY),
    )  # fmt: skip
    screening.declare(world("lead-p0"), ID, whole, NOW)
    got = found(NOW)
    assert got == {
        "applicant_country": "KR", "headquarters_country": "KR", "parent_country": "KR", "end_use": "civil", "listed": "no",
        "export_licence": "yes", "screening": "flagged", "partner_countries": frozenset({"CA", "unknown"}),
        "sensitive_area": "yes", "named_organisation": "yes", "private_partner": "yes", "disclosure": "yes",
        "talent_programme": "no", "strategic_technology": "no",
    }  # fmt: skip
    assert found(NOW + DAY)["export_licence"] == "no"
    assert found(months_later(NOW, 12))["screening"] == "expired"
