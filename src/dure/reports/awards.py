"""Awards in a report: what each application asked, got and spent, and what other rules would have given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dure.reports.report import Section
from dure.reports.table import Column, Table, Value
from dure.reports.words import Words
from dure.units import MILLI

AMOUNTS = ("asked", "awarded", "spent", "refunded", "remaining")


@dataclass(frozen=True, slots=True)
class Line:
    """One application in a report. Amounts in milli-units; the score in milli-points."""

    project: str
    track: str
    score: int | None
    asked: int
    awarded: int
    spent: int  # refunds taken off
    refunded: int
    remaining: int
    why: str


def awards_section(lines: Sequence[Line], totals: Mapping[str, tuple[int, int]], words: Words) -> Section:
    """The section: awards by project, and by rule how many were awarded and how much (applications, milli-units)."""
    columns = [
        Column("project", words("project")),
        Column("track", words("track")),
        Column("score", words("score"), "factor"),
        *(Column(key, f"{words(key)}, {words('units')}", "count") for key in AMOUNTS),
        Column("why", words("why")),
    ]
    shown = sorted(lines, key=lambda x: (-x.awarded, -(x.score or 0), x.project))
    table = Table("awards", words("awards"), tuple(columns), [_row(x) for x in shown])
    rules = Table(
        "rules",
        words("rules"),
        (
            Column("rule", words("rule")),
            Column("awards", words("awards"), "count"),
            Column("units", f"{words('awarded')}, {words('units')}", "count"),
        ),
        [{"rule": rule, "awards": count, "units": units / MILLI} for rule, (count, units) in totals.items()],
    )
    return Section("awards", words("awards"), words("awards_lead"), [rules, table])


def _row(x: Line) -> dict[str, Value]:
    amounts = {k: getattr(x, k) / MILLI for k in AMOUNTS}
    score = None if x.score is None else x.score / MILLI
    return {"project": x.project, "track": x.track, "score": score, **amounts, "why": x.why}
