"""Who is let in: every bar on its own, the deadline to the second, ROR check digits, and the unit calculator."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.fleet.model import Rate
from dure.formats.applications import read_application
from dure.formats.calls import read_call
from dure.formats.fleets import open_fleet
from dure.programme.eligibility import BARS, Bar, check, is_ror
from dure.programme.model import Accepted, Application, Ask, Institution, Kind, Member, Sector
from dure.programme.units import ask_milli_units, calculator, lot_milli_units, units_text

ROOT = Path(__file__).resolve().parents[2]
FLEET = open_fleet(ROOT / "examples/fleets/korea-2026.toml")
with (ROOT / "examples/calls/demo.toml").open("rb") as _stream:
    _DEMO = read_call(_stream, "demo.toml", fleet=FLEET)
RESEARCH = replace(
    _DEMO.tracks[0], floor_milli=300_000_000, ceiling_milli=1_000_000_000, countries=("KR",), rapid_milli=200_000_000
)
CALL = replace(_DEMO, tracks=(RESEARCH, *_DEMO.tracks[1:]), period_months=6)
with (ROOT / "examples/applications/language-models.toml").open("rb") as _stream:
    _OTHER = read_application(_stream, "a.toml")
GOOD = replace(_OTHER, track="research", call="demo", ask=Ask("H200", 16, 3, 0, (Accepted("B200", 750),)))


def bars(application: Application = GOOD, now_utc_s: int = CALL.opens_utc_s) -> list[tuple[Bar, str]]:
    return [(r.bar, r.field) for r in check(application, CALL, now_utc_s, FLEET)]


def asking(**changes: Any) -> Application:
    return replace(GOOD, ask=replace(GOOD.ask, **changes))


ONE_BAR: list[tuple[Application, Bar, str]] = [
    (replace(GOOD, track="reserch"), Bar.TRACK, "track"),
    (replace(GOOD, sector=Sector.STARTUP), Bar.SECTOR, "sector"),
    (replace(GOOD, institution=Institution(name="U", country="CA")), Bar.COUNTRY, "institution.country"),
    (replace(GOOD, institution=Institution(name="U", country="korea")), Bar.COUNTRY, "institution.country"),
    (replace(GOOD, project="Ko/Reasoning"), Bar.PROJECT, "project"),
    (replace(GOOD, project="k"), Bar.PROJECT, "project"),
    (replace(GOOD, lead=""), Bar.LEAD, "lead"),
    (replace(GOOD, institution=Institution(country="KR")), Bar.INSTITUTION, "institution.name"),
    (replace(GOOD, institution=Institution("05a0ya143", "U", "KR")), Bar.INSTITUTION, "institution.ror"),
    (
        replace(GOOD, members=(Member("x", institution=Institution("05a0ya143")),)),
        Bar.INSTITUTION,
        "member[1].institution.ror",
    ),
    (replace(GOOD, kind=Kind.RENEWAL), Bar.BUILDS_ON, "builds_on"),
    (replace(GOOD, partner_country="Canada"), Bar.PARTNER, "partner_country"),
    (replace(GOOD, area="astrology"), Bar.AREA, "area"),
    (asking(model="RNGD"), Bar.MODEL, "ask.model"),  # the fleet's, not the track's
    (asking(accepted=(Accepted("H100", 1000),)), Bar.MODEL, "ask.accepted.H100"),
    (asking(start_month=4), Bar.MONTHS, "ask.months"),
    (asking(start_month=-1), Bar.MONTHS, "ask.months"),
    (asking(accelerators=15), Bar.ACCELERATORS, "ask.accelerators"),
    (asking(minimum_milli=0), Bar.MINIMUM, "ask.minimum"),
    (asking(minimum_milli=1001), Bar.MINIMUM, "ask.minimum"),
    (asking(accepted=(Accepted("B200", 99),)), Bar.EXCHANGE, "ask.accepted.B200"),
    (asking(accepted=(Accepted("B200", 10_001),)), Bar.EXCHANGE, "ask.accepted.B200"),
    (asking(accepted=(Accepted("H200", 1000),)), Bar.EXCHANGE, "ask.accepted.H200"),
    (asking(seats=30), Bar.SEATS, "ask.seats"),
    (asking(accelerators=8), Bar.FLOOR, "ask.accelerators"),  # 234,768 units: above rapid, below the floor
    (asking(accelerators=40), Bar.CEILING, "ask.accelerators"),
    (replace(GOOD, kind=Kind.RAPID), Bar.CEILING, "ask.accelerators"),
]


def test_a_sound_application_meets_no_bar() -> None:
    assert bars() == []
    assert bars(asking(accelerators=8, months=2)) == []  # 156,512 units: small enough for rapid access


@pytest.mark.parametrize(("application", "bar", "field"), ONE_BAR)
def test_one_thing_wrong_is_one_bar(application: Application, bar: Bar, field: str) -> None:
    assert bars(application) == [(bar, field)]


def test_every_bar_is_tried_and_said_in_both_languages() -> None:
    assert {bar for _, bar, _ in ONE_BAR} | {Bar.TOO_EARLY, Bar.TOO_LATE} == set(Bar) == BARS.keys()
    assert all(text.ko and text.en for text in BARS.values())


def test_the_deadline_is_the_same_second_in_every_zone() -> None:
    closes = dt.datetime(2026, 1, 30, 18, tzinfo=ZoneInfo("Asia/Seoul"))
    assert closes.timestamp() == CALL.closes_utc_s
    in_toronto = dt.datetime(2026, 1, 30, 4, 0, 0, tzinfo=ZoneInfo("America/Toronto"))  # the same moment
    assert bars(now_utc_s=int(in_toronto.timestamp()) - 1) == []
    late = check(GOOD, CALL, int(in_toronto.timestamp()), FLEET)
    assert [r.bar for r in late] == [Bar.TOO_LATE]
    assert "until before 2026-01-30T09:00:00Z" in str(late[0])
    assert bars(now_utc_s=CALL.opens_utc_s - 1) == [(Bar.TOO_EARLY, "call")]


def test_bars_come_in_order_of_precedence() -> None:
    wrong = replace(asking(accelerators=15, seats=3), lead="", sector=Sector.COMPANY)
    found = bars(wrong, CALL.closes_utc_s)
    assert [b for b, _ in found] == [Bar.TOO_LATE, Bar.SECTOR, Bar.LEAD, Bar.ACCELERATORS, Bar.SEATS]


# Public ROR ids of MIT, Caltech, Cambridge, the Broad Institute and the California Digital Library.
@pytest.mark.parametrize("ror", ["042nb2s44", "05dxps055", "013meh722", "https://ror.org/05a0ya142", "03yrm5c26"])
def test_published_ror_ids_pass_and_none_passes_with_one_character_changed(ror: str) -> None:
    assert is_ror(ror)
    short = ror.removeprefix("https://ror.org/")
    for i, old in enumerate(short):
        for new in "0123456789abcdefghjkmnpqrstvwxyz":
            if new != old:
                assert not is_ror(short[:i] + new + short[i + 1 :]), (i, new)


@given(st.text(max_size=12))
def test_no_text_crashes_the_ror_check(text: str) -> None:
    assert is_ror(text) in (True, False)


# ---- the unit calculator -------------------------------------------------------------------------------------------------


def test_an_ask_is_told_in_units_hours_and_substitutes() -> None:
    answer = calculator(_OTHER.ask, FLEET, CALL.period_start_utc_s)
    assert (answer.milli_units, answer.accelerator_hours) == (64 * 6 * 730 * 13_400, 280_320)
    h200, b200 = answer.options
    assert (b200.model, b200.accelerators_milli, b200.accelerator_hours_milli) == ("B200", 48_000, 210_240_000)
    assert b200.milli_units == 48 * 6 * 730 * 20_200
    assert h200.rate.basis == "formula"
    assert answer.sentence.en == (
        "64 H200 for 6 months are 280,320 accelerator-hours; at 13.4 units an hour (formula) that is 3,756,288 units."
    )
    assert "3,756,288유닛" in answer.sentence.ko


@given(st.integers(1, 512), st.integers(1, 24), st.integers(1, 64), st.integers(0, 50_000))
def test_lots_add_up_to_the_ask(lots: int, months: int, lot: int, milli: int) -> None:
    rate, ask = Rate("m", milli, "table"), Ask("m", lots * lot, months)
    assert ask_milli_units(ask, rate) == lots * lot_milli_units(ask, lot, rate)
    assert ask_milli_units(replace(ask, months=12), rate) == lots * lot * 8760 * milli


@pytest.mark.parametrize(
    ("milli", "text"), [(0, "0"), (1, "0.001"), (-1500, "-1.5"), (1_234_500, "1,234.5"), (1_000_000, "1,000")]
)
def test_amounts_read_as_people_write_them(milli: int, text: str) -> None:
    assert units_text(milli) == text
