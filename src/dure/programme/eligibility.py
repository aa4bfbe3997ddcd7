"""Whether an application may be made: every bar to it, each with its field and what would be right."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from dure.fleet.checks import nearest
from dure.fleet.model import Fleet
from dure.fleet.rates import rate_at
from dure.programme.checks import percent, serves
from dure.programme.model import Application, Call, Institution, Kind, Text, Track
from dure.programme.units import ask_milli_units, units_text
from dure.units import MILLI

_PROJECT: Final = re.compile(r"[a-z0-9-]{2,40}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_ROR: Final = re.compile(r"(?:https://ror\.org/)?(0[a-hj-km-np-tv-z0-9]{6})([0-9]{2})")
_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u
_EXCHANGE_MILLI: Final = (100, 10_000)
_MOST: Final = 10**6


class Bar(IntEnum):
    """Why an application is not let in, in order of precedence: where one is shown, it is the lowest."""

    TOO_EARLY = 1
    TOO_LATE = 2
    TRACK = 3  # no such track in the call
    SECTOR = 4  # the track is not for this sector
    COUNTRY = 5  # the track is not for this country, or no country is named
    PROJECT = 6  # the project's name is not of the form
    LEAD = 7  # nobody leads it
    INSTITUTION = 8  # no institution, or a ROR id that cannot be one
    BUILDS_ON = 9  # a renewal or supplement that names no project
    PARTNER = 10  # not a country's code
    AREA = 11  # not one of the programme's technology areas
    MODEL = 12  # the track does not give this accelerator model, or the fleet has none
    MONTHS = 13  # outside the period of the awards
    ACCELERATORS = 14  # none, or not whole lots
    MINIMUM = 15  # the least useful part is not a part
    EXCHANGE = 16  # out of 0.1 to 10, or given twice
    SEATS = 17  # seats where none are given, or none where they are
    FLOOR = 18
    CEILING = 19


BARS: Final = {
    Bar.TOO_EARLY: Text("아직 접수 기간이 아닙니다", "the call is not open yet"),
    Bar.TOO_LATE: Text("접수가 마감되었습니다", "the call has closed"),
    Bar.TRACK: Text("공모에 없는 트랙입니다", "the call has no such track"),
    Bar.SECTOR: Text("이 트랙의 신청 대상이 아닙니다", "the track is not open to this sector"),
    Bar.COUNTRY: Text("이 트랙의 대상 국가가 아닙니다", "the track is not open to this country"),
    Bar.PROJECT: Text("과제 이름의 형식이 맞지 않습니다", "not a project name"),
    Bar.LEAD: Text("연구책임자가 없습니다", "nobody leads the project"),
    Bar.INSTITUTION: Text("기관이 없거나 ROR 식별자가 잘못되었습니다", "no institution, or a wrong ROR id"),
    Bar.BUILDS_ON: Text("이어받을 과제를 적어야 합니다", "the project it builds on is missing"),
    Bar.PARTNER: Text("협력국 코드가 잘못되었습니다", "not a country code"),
    Bar.AREA: Text("정해진 기술 분야가 아닙니다", "not a technology area of the programme"),
    Bar.MODEL: Text("이 트랙에서 쓸 수 없는 가속기입니다", "the track has no such accelerator model"),
    Bar.MONTHS: Text("이용 기간이 공모 기간을 벗어납니다", "the months lie outside the period"),
    Bar.ACCELERATORS: Text("가속기 수가 배정 단위에 맞지 않습니다", "not whole lots of accelerators"),
    Bar.MINIMUM: Text("최소 유효 비율이 범위를 벗어납니다", "the least useful part is out of range"),
    Bar.EXCHANGE: Text("대체 가속기의 교환 비율이 잘못되었습니다", "wrong exchange of an accepted model"),
    Bar.SEATS: Text("수강 인원이 트랙과 맞지 않습니다", "the seats do not go with the track"),
    Bar.FLOOR: Text("신청량이 하한보다 적습니다", "the ask is below the floor"),
    Bar.CEILING: Text("신청량이 상한보다 많습니다", "the ask is above the ceiling"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One bar to an application: the field at fault, what it was, what is accepted."""

    bar: Bar
    field: str
    value: object
    accepted: str

    def __str__(self) -> str:
        got = "" if self.value in (None, "") else f" (got {self.value!r})"
        return f"{self.field}: {BARS[self.bar].en}{got}; accepted: {self.accepted}"


def check(application: Application, call: Call, now_utc_s: int, fleet: Fleet) -> list[Refusal]:
    """Every bar to an application that is handed in now, in order of precedence; none: it may be."""
    found = [*_when(call, now_utc_s), *_who(application, call)]
    track = next((t for t in call.tracks if t.id == application.track), None)
    if track is None:
        ids = [t.id for t in call.tracks]
        found.append(Refusal(Bar.TRACK, "track", application.track, nearest(application.track, ids)))
    else:
        found += [*_open_to(application, track), *_ask(application, call, track, fleet)]
    return sorted(found, key=lambda r: r.bar)


def is_ror(ror: str) -> bool:
    """Whether a text is a ROR id: 0, six characters of Crockford's base 32, two check digits (98 - 100 n mod 97).

    Source: ROR documentation, "ROR identifier pattern"; ISO/IEC 7064, MOD 97-10.
    """
    found = _ROR.fullmatch(ror)
    if found is None:
        return False
    number = 0
    for character in found[1]:
        number = number * 32 + _BASE32.index(character)
    return int(found[2]) == 98 - 100 * number % 97


def _when(call: Call, now_utc_s: int) -> Iterator[Refusal]:
    moments = f"from {_utc(call.opens_utc_s)} until before {_utc(call.closes_utc_s)}"
    if now_utc_s < call.opens_utc_s:
        yield Refusal(Bar.TOO_EARLY, "call", _utc(now_utc_s), moments)
    elif now_utc_s >= call.closes_utc_s:
        yield Refusal(Bar.TOO_LATE, "call", _utc(now_utc_s), moments)


def _utc(utc_s: int) -> str:
    return f"{dt.datetime.fromtimestamp(utc_s, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _who(application: Application, call: Call) -> Iterator[Refusal]:
    a = application
    if not _PROJECT.fullmatch(a.project):
        yield Refusal(Bar.PROJECT, "project", a.project, "2 to 40 of a-z, 0-9 and -")
    if not a.lead:
        yield Refusal(Bar.LEAD, "lead", a.lead, "the user name of the principal investigator")
    places = [("institution", a.institution)] + [
        (f"member[{i + 1}].institution", m.institution) for i, m in enumerate(a.members) if m.institution.ror
    ]
    for field, institution in places:
        yield from _institution(field, institution)
    if a.kind in (Kind.RENEWAL, Kind.SUPPLEMENT) and not a.builds_on:
        yield Refusal(Bar.BUILDS_ON, "builds_on", "", "the id of the project")
    if a.partner_country and not _COUNTRY.fullmatch(a.partner_country):
        yield Refusal(Bar.PARTNER, "partner_country", a.partner_country, "two letters, as CA")
    if call.areas and a.area not in call.areas:
        yield Refusal(Bar.AREA, "area", a.area, nearest(a.area, call.areas) if a.area else ", ".join(call.areas))


def _institution(field: str, institution: Institution) -> Iterator[Refusal]:
    if institution.ror and not is_ror(institution.ror):
        accepted = "0, six characters and two check digits, as 05a0ya142"
        yield Refusal(Bar.INSTITUTION, f"{field}.ror", institution.ror, accepted)
    elif not institution.key:
        yield Refusal(Bar.INSTITUTION, f"{field}.name", "", "a ROR id or a name")


def _open_to(application: Application, track: Track) -> Iterator[Refusal]:
    country = application.institution.country
    if application.sector not in track.sectors:
        yield Refusal(Bar.SECTOR, "sector", application.sector.value, ", ".join(track.sectors))
    if not _COUNTRY.fullmatch(country) or (track.countries and country not in track.countries):
        yield Refusal(Bar.COUNTRY, "institution.country", country, ", ".join(track.countries) or "two letters, as KR")


def _ask(application: Application, call: Call, track: Track, fleet: Fleet) -> Iterator[Refusal]:
    ask = application.ask
    models = sorted({p.model for p in fleet.pools if serves(call, track, p)})
    for field, model in [("ask.model", ask.model)] + [(f"ask.accepted.{a.model}", a.model) for a in ask.accepted]:
        if model not in models:
            yield Refusal(Bar.MODEL, field, model, nearest(model, models))
    if ask.months < 1 or ask.start_month < 0 or ask.start_month + ask.months > call.period_months:
        accepted = f"start_month from 0, and at most {call.period_months} months from the first"
        yield Refusal(Bar.MONTHS, "ask.months", ask.months, accepted)
    if not 1 <= ask.accelerators <= _MOST or ask.accelerators % track.lot_accelerators:
        lot = track.lot_accelerators
        accepted = f"a multiple of {lot}, from {lot}" if lot > 1 else f"1 to {_MOST:,}"
        yield Refusal(Bar.ACCELERATORS, "ask.accelerators", ask.accelerators, accepted)
    if not 1 <= ask.minimum_milli <= MILLI:
        yield Refusal(Bar.MINIMUM, "ask.minimum", percent(ask.minimum_milli), 'above "0 %", to "100 %"')
    known = [ask.model]
    for a in ask.accepted:
        low, high = _EXCHANGE_MILLI
        if not low <= a.exchange_milli <= high:
            yield Refusal(Bar.EXCHANGE, f"ask.accepted.{a.model}", a.exchange_milli / MILLI, "0.1 to 10")
        elif a.model in known:
            yield Refusal(Bar.EXCHANGE, f"ask.accepted.{a.model}", a.model, "each model once")
        known.append(a.model)
    if track.seats != (ask.seats > 0):
        accepted = "how many seats the course has" if track.seats else "none in this track"
        yield Refusal(Bar.SEATS, "ask.seats", ask.seats, accepted)
    if ask.model in models and ask.months > 0 and ask.accelerators > 0:
        yield from _size(application, call, track, fleet)


def _size(application: Application, call: Call, track: Track, fleet: Fleet) -> Iterator[Refusal]:
    units = ask_milli_units(application.ask, rate_at(fleet, application.ask.model, call.period_start_utc_s))
    if units < track.floor_milli and not units <= track.rapid_milli:
        accepted = f"at least {units_text(track.floor_milli)} units"
        yield Refusal(Bar.FLOOR, "ask.accelerators", f"{units_text(units)} units", accepted)
    ceiling_milli = track.rapid_milli if application.kind is Kind.RAPID else track.ceiling_milli
    if ceiling_milli is not None and units > ceiling_milli:
        accepted = f"at most {units_text(ceiling_milli)} units"
        yield Refusal(Bar.CEILING, "ask.accelerators", f"{units_text(units)} units", accepted)
