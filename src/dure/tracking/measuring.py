"""The measures of `delivery.MEASURES`, computed from Dure's own records as of a day, each with what was asked.

A figure is None where the records do not say, with the reason; 0 is a record of nothing. The day of a figure is never after
`now`, and nothing is said of days before the programme's records begin.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import connection

from dure.app.access import Action, Actor, require
from dure.app.programme import fleet_of_programme
from dure.fleet import Fleet
from dure.fleet.model import Pool
from dure.formats.catalogue import load_catalogue
from dure.ledger.model import Phase
from dure.pledges.delivery import MEASURES, Figure, asked_on
from dure.pledges.folding import OUTSIDE
from dure.pledges.model import Pledge
from dure.store import models
from dure.tracking.stored import day_of, end_of
from dure.units import MILLI
from dure.vocabulary import Text

OWN: Final = "the programme's own records"
_NOTHING: Final = Text("", "")


@dataclass(frozen=True, slots=True)
class Asked:
    """A figure, and what was asked of the records for it: in words, and as `figure.query`, that anyone can ask again."""

    figure: Figure
    words: Text
    why: Text = _NOTHING  # of a figure without a value


@dataclass(frozen=True, slots=True)
class _Question:
    """What a pledge asks of a measure."""

    scope: str
    unit: str
    day: date  # the figure is of its end

    @property
    def end(self) -> int:
        return end_of(self.day)


# 1. What was asked, and the answer


def figures(
    actor: Actor, pledges: Sequence[Pledge], as_of: date, now: int, outside: Mapping[str, Figure]
) -> dict[str, Asked]:
    """For each pledge with a measure what the records say at a day; `outside` are the figures that people entered."""
    require(actor, Action.READ_PLEDGE)
    found = {}
    for pledge in pledges:
        if pledge.measure:
            found[pledge.id] = figure(pledge, as_of, now, outside.get(pledge.id))
    return found


def figure(pledge: Pledge, as_of: date, now: int, entered: Figure | None = None) -> Asked:
    """What the records say of one pledge. A limit is asked about at its end; nothing is asked about a day to come."""
    if pledge.measure in (OUTSIDE, "people_trained"):
        return _entered(pledge, min(as_of, day_of(now)), entered)
    day = min(asked_on(pledge, as_of), day_of(now))
    begun = models.Programme.objects.values_list("created_utc_s", flat=True).first()
    if begun is None or end_of(day) <= begun:
        why = Text("그날에는 기록이 아직 없습니다", "the programme has no records of that day")
        return Asked(Figure(None, pledge.unit, "", day, OWN), _words(pledge, day), why)
    return _MEASURED[pledge.measure](_Question(pledge.scope, pledge.unit, day))


def _words(pledge: Pledge, day: date) -> Text:
    measure = MEASURES[pledge.measure]
    return Text(f"{_KO[pledge.measure]}, {day}까지", f"{measure.asks}, as of {day}")


_KO: Final = {
    "units_delivered": "배정받은 과제의 작업에 쓰인 단위",
    "accelerators_in_service": "그날 자원에 들어와 있는 가속기",
    "spend": "원장에 기재된 금액",
    "domestic_share": "들어와 있는 가속기 가운데 자국 업체 제품의 비율",
    "projects": "배정을 받았거나 받고 있는 과제",
    "people_trained": "교육을 마친 사람",
    "energy": "작업이 쓴 전력량",
    OUTSIDE: "출처를 밝혀 입력한 값",
}


def _entered(pledge: Pledge, day: date, entered: Figure | None) -> Asked:
    why = Text(
        "기록이 없습니다. 출처와 함께 값을 입력하십시오", "no record is kept of it: enter a figure with its source"
    )
    if entered is None:
        return Asked(Figure(None, pledge.unit, "pledges.delivery.outside_figures", day, ""), _words(pledge, day), why)
    return Asked(entered, _words(pledge, entered.at))


def _answer(asked: _Question, value: int | None, query: str, words: Text, why: Text = _NOTHING) -> Asked:
    return Asked(Figure(value, asked.unit, query, asked.day, OWN), words, why)


def _sql(query: str, values: Sequence[int | str]) -> tuple[Any, str]:
    """The row that a query answers, and the query as it was asked."""
    text = re.sub(r"\s+", " ", query).strip()
    with connection.cursor() as cursor:
        cursor.execute(text, list(values))
        row = cursor.fetchone()
    quoted = ("'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value) for value in values)
    return row, re.sub("%s", lambda _: next(quoted), text)


# 2. The ledger

_MOVED: Final = f"""
WITH moved AS (
  SELECT t.amount, t.debit, t.credit, t.asset FROM store_transfer t WHERE t.phase = {Phase.POSTED:d} AND t.at_utc_s < %s
  UNION ALL
  SELECT r.amount, p.debit, p.credit, p.asset FROM store_transfer r JOIN store_transfer p ON p.id = r.pending
  WHERE r.phase = {Phase.POST:d} AND r.at_utc_s < %s)
"""


def _units(asked: _Question) -> Asked:
    values: list[int | str] = [asked.end, asked.end]
    debit = credit = ""
    if asked.scope:
        # the marks of the credits stand before those of the debits, and hold the same names
        names = [f"{kind}:{project}" for project in sorted(_awarded(asked)) for kind in ("spent", "refunded")] or [""]
        marks = ", ".join(["%s"] * len(names))
        debit, credit = f" AND debit IN ({marks})", f" AND credit IN ({marks})"
        values += [*names, *names]
    used = "substr({0}, 1, 6) = 'spent:' OR substr({0}, 1, 9) = 'refunded:'"
    query = f"""{_MOVED} SELECT coalesce(sum(CASE WHEN ({used.format("credit")}){credit} THEN amount ELSE 0 END), 0)
      - coalesce(sum(CASE WHEN ({used.format("debit")}){debit} THEN amount ELSE 0 END), 0) FROM moved WHERE asset = 'unit'"""
    (milli,), told = _sql(query, values)
    words = Text(
        f"{asked.day}까지 원장에서 과제{_track_ko(asked)}가 쓴 단위에서 돌려받은 단위를 뺀 값(정수 단위)",
        f"units that projects{_track(asked)} spent in the ledger up to {asked.day}, less what was refunded, in whole units",
    )
    if milli < 0:  # use is charged when it is settled; what the centre owes for it may stand in the books before
        why = Text(
            "그날까지의 사용은 아직 정산되지 않았습니다",
            "the use up to that day is not settled: more was refunded than charged",
        )
        return _answer(asked, None, f"{told} -- milli-units", words, why)
    return _answer(asked, int(milli) // MILLI, f"{told} -- milli-units", words)


def _track(asked: _Question) -> str:
    return f" with an award in track {asked.scope}" if asked.scope else ""


def _track_ko(asked: _Question) -> str:
    return f"({asked.scope} 분야 배정)" if asked.scope else ""


def _spend(asked: _Question) -> Asked:
    account = asked.scope or "billed"
    values: list[int | str] = [asked.end, asked.end, account, account, asked.unit, account, account]
    query = f"""{_MOVED} SELECT count(*), coalesce(sum(CASE WHEN credit = %s THEN amount ELSE 0 END
      - CASE WHEN debit = %s THEN amount ELSE 0 END), 0) FROM moved WHERE asset = %s AND (credit = %s OR debit = %s)"""
    (count, amount), told = _sql(query, values)
    words = Text(
        f"{asked.day}까지 원장 계정 {account}에 {asked.unit}로 기재된 금액(최소 단위)",
        f"money posted in {asked.unit} to account {account} of the ledger up to {asked.day}, in minor units",
    )
    why = Text(f"원장에 {asked.unit} 기재가 없습니다", f"the ledger has no entry in {asked.unit} on that account")
    return _answer(asked, int(amount) if count else None, told, words, _NOTHING if count else why)


# 3. The fleet


def _service(asked: _Question) -> Asked:
    fleet = fleet_of_programme()
    held = in_service(fleet, asked.day)
    words = Text(
        f"{asked.day}에 자원에 들어와 있는 {asked.scope or '모든'} 가속기(짧은 중단은 빼지 않음)",
        f"accelerators{f' of {asked.scope}' if asked.scope else ''} delivered to the fleet by {asked.day}; outages take none out",
    )
    query = f"sum of measuring.in_service(fleet, {asked.day}) over models{f' of {asked.scope}' if asked.scope else ''}"
    if held is None:
        return _answer(asked, None, query, words, _before(fleet))
    known, scope = {**load_catalogue(), **fleet.models}, asked.scope
    if scope and scope not in known and scope not in {a.country for a in known.values()}:
        why = Text(
            f"{scope}은(는) 가속기 모델도 나라도 아닙니다",
            f"{scope} is no accelerator model and no country of a vendor",
        )
        return _answer(asked, None, query, words, why)
    return _answer(
        asked, sum(n for model, n in held.items() if scope in ("", model, known[model].country)), query, words
    )


def in_service(fleet: Fleet, day: date) -> Counter[str] | None:
    """Accelerators by model that were delivered to the fleet by the end of a day; None before it begins."""
    end = end_of(day)
    if end <= fleet.start_utc_s:
        return None
    found: Counter[str] = Counter()
    for pool in fleet.pools:
        if pool.model and pool.accelerators_per_node:
            found[pool.model] += _nodes(pool, end - fleet.start_utc_s) * pool.accelerators_per_node
    return found


def _nodes(pool: Pool, after_s: int) -> int:
    return pool.nodes - sum(d.nodes for d in pool.deliveries if d.at_s >= after_s)


def home(fleet: Fleet) -> str:
    """The country of the programme: that of the sites with most accelerators."""
    held: Counter[str] = Counter()
    for pool in fleet.pools:
        held[fleet.site(pool).country] += pool.nodes * pool.accelerators_per_node
    return max(sorted(held), key=lambda country: held[country], default="")


def _domestic(asked: _Question) -> Asked:
    fleet = fleet_of_programme()
    country = asked.scope or home(fleet)
    held = in_service(fleet, asked.day)
    words = Text(
        f"{asked.day}에 들어와 있는 가속기 가운데 업체의 나라가 {country}인 것의 비율(0.01 %)",
        f"of the accelerators delivered by {asked.day}, the hundredths of a percent whose vendor is of {country} in the catalogue",
    )
    query = f"measuring.in_service(fleet, {asked.day}): vendor country {country} over all, in hundredths of a percent"
    if held is None:
        return _answer(asked, None, query, words, _before(fleet))
    total = held.total()
    if not total:
        return _answer(asked, None, query, words, Text("가속기가 없습니다", "the fleet has no accelerators"))
    known = {**load_catalogue(), **fleet.models}
    own = sum(n for model, n in held.items() if known[model].country == country)
    return _answer(asked, own * 10_000 // total, query, words)


def _before(fleet: Fleet) -> Text:
    begins = day_of(fleet.start_utc_s)
    return Text(f"자원의 기록은 {begins}부터입니다", f"the fleet is described from {begins} on")


# 4. Awards and the run log


def _awarded(asked: _Question) -> set[str]:
    """Projects with an award that began by the end of the day; in a track, by its name or as call/track."""
    rows = models.Award.objects.filter(from_utc_s__lt=asked.end).values_list(
        "project", "application__call", "application__document"
    )
    return {
        project
        for project, call, document in rows
        if asked.scope in ("", document.get("track"), f"{call}/{document.get('track')}")
    }


def _projects(asked: _Question) -> Asked:
    words = Text(
        f"{asked.day}까지 배정이 시작된 과제{_track_ko(asked)}의 수",
        f"projects{_track(asked)} whose award had begun by {asked.day}",
    )
    query = f"SELECT count(DISTINCT project_id) FROM store_award WHERE from_utc_s < {asked.end}"
    if asked.scope:
        query += f" -- of applications whose document has track {asked.scope!r}"
    return _answer(asked, len(_awarded(asked)), query, words)


def _energy(asked: _Question) -> Asked:
    values: list[int | str] = [asked.end]
    within = ""
    if asked.scope:
        pools = [pool.id for pool in fleet_of_programme().pools if pool.site == asked.scope] or [""]
        within = f" AND a.pool IN ({', '.join(['%s'] * len(pools))})"
        values += pools
    query = f"""SELECT count(*), coalesce(sum(u.energy_j), 0) FROM store_used u JOIN store_attempt a ON a.key = u.key
      WHERE a.end_utc_s < %s{within}"""
    (count, joules), told = _sql(query, values)
    words = Text(
        f"{asked.day}까지 끝난 작업이 쓴 전력량(Wh){f', 센터 {asked.scope}' if asked.scope else ''}",
        f"energy of the attempts that ended by {asked.day}{f' at site {asked.scope}' if asked.scope else ''}, in Wh",
    )
    why = Text("그날까지 잰 작업이 없습니다", "no attempt that ended by then was metered")
    return _answer(
        asked, int(joules) // 3600 if count else None, f"{told} -- joules", words, _NOTHING if count else why
    )


_MEASURED: Final[dict[str, Callable[[_Question], Asked]]] = {
    "units_delivered": _units,
    "accelerators_in_service": _service,
    "spend": _spend,
    "domestic_share": _domestic,
    "projects": _projects,
    "energy": _energy,
}
