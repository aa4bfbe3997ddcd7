"""Attempts that ran for real, in a report."""

from __future__ import annotations

from collections.abc import Sequence

from dure.reports.report import Section
from dure.reports.table import Column, Table, Value
from dure.reports.words import Words

COLUMNS = (
    ("job", "job", "text"), ("name", "job_name", "text"), ("project", "project", "text"), ("attempt", "attempt", "count"),
    ("pool", "pool", "text"), ("ran_s", "ran", "duration"), ("units", "units", "units"), ("refunded", "refunded", "units"),
    ("ended", "ended", "text"), ("cause", "cause", "text"),
)  # fmt: skip


def live_section(rows: Sequence[dict[str, Value]], failed_node: str, words: Words) -> Section:
    """The section: every attempt with what it cost, how it ended, and why; rows have the keys of COLUMNS."""
    columns = tuple(Column(key, words(label), form) for key, label, form in COLUMNS)
    lead = words("live_lead", node=failed_node or "–")
    return Section("live", words("live"), lead, [Table("live", words("live"), columns, [*rows])])
