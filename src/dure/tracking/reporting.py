"""What the report on pledges is made of, in the reader's language."""

from __future__ import annotations

from datetime import date
from typing import Final

from dure.app.access import Actor
from dure.mentions.model import Bound, Kind
from dure.pledges.linking import Said
from dure.pledges.model import Delivery
from dure.reports.pledges import Evidence, Promise
from dure.reports.sums import sum_text
from dure.reports.words import Words
from dure.tracking.tracking import Tracked, track
from dure.vocabulary import Text

_WHY: Final = {
    Delivery.NOT_DUE: Text("아직 기한 전이고, 기록에 이행된 것이 없음", ""),
    Delivery.NO_RECORD: Text("재는 기록이 없음", ""),
    Delivery.IN_PROGRESS: Text("진행 중: 약속 {goal}, 기록 {value}", ""),
    Delivery.KEPT: Text("약속 {goal}, 기록 {value}", ""),
    Delivery.PARTLY: Text("기한이 지남: 약속 {goal}, 기록 {value}", ""),
    Delivery.MISSED: Text("기한이 지남: 약속 {goal}, 기록 {value}", ""),
    Delivery.SUPERSEDED: Text("다른 공약({by})이 대신함", ""),
    Delivery.WITHDRAWN: Text("약속한 쪽이 거두어들임", ""),
}


def report_data(actor: Actor, as_of: date, now: int, language: str = "en") -> list[Promise]:
    """Every pledge at a day with its evidence, what was asked of the records, and what contradicts it."""
    return [promise(tracked, language) for tracked in track(actor, as_of, now)]


def promise(tracked: Tracked, language: str = "en") -> Promise:
    """One pledge as the report shows it."""
    asked, delivered, pledge = tracked.asked, tracked.delivered, tracked.pledge
    figure = asked.figure if asked else None
    query = f"{asked.words.in_language(language)}: {asked.figure.query}" if asked else ""
    return Promise(
        pledge=pledge, state=delivered.state, value=delivered.value, unit=figure.unit if figure else pledge.unit,
        ratio_milli=delivered.ratio_milli, why=why(tracked, language), query=query, source=figure.source if figure else "",
        evidence=tuple(_evidence(said) for said in tracked.shown.said),
        disputes=(*pledge.disputes, *tracked.shown.contradictions), revisions=pledge.revisions,
    )  # fmt: skip


def why(tracked: Tracked, language: str = "en") -> str:
    """The state of a pledge in a sentence."""
    delivered, asked, pledge = tracked.delivered, tracked.asked, tracked.pledge
    if delivered.state is Delivery.NO_RECORD and asked and asked.figure.value is None and asked.why.en:
        return asked.why.in_language(language)
    if language != "ko":
        return delivered.why
    words = Words(language)
    goal = (
        sum_text(pledge.low, pledge.high, pledge.unit, pledge.bound, words)
        if pledge.kind is not Kind.MILESTONE
        else "1"
    )
    value = str(delivered.value) if pledge.kind is Kind.MILESTONE else sum_text(
        delivered.value, delivered.value, pledge.unit, Bound.EXACT, words
    )  # fmt: skip
    return _WHY[delivered.state].ko.format(goal=goal, value=value, by=pledge.superseded_by)


def _evidence(said: Said) -> Evidence:
    return Evidence(said.document.name, said.document.published, said.sentence)
