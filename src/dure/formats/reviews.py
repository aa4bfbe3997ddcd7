"""Reviews and reviewers from CSV (docs/reference/applications.md): one a row, each bad row named."""

from __future__ import annotations

from typing import BinaryIO, Final

from dure.errors import InputError
from dure.fleet.checks import nearest
from dure.formats import toml
from dure.formats.rows import Row, names, read_rows
from dure.programme.model import Call, Institution, Review, Reviewer
from dure.units import MILLI

REVIEW_COLUMNS: Final = ("application", "reviewer", "committee", "submitted", "comment", "private_comment")
REVIEWER_COLUMNS: Final = (
    "user", "ror", "institution", "country", "region", "expertise", "supervised", "coauthors", "declared", "load_most"
)  # fmt: skip
EXPERTISE: Final = {"expert": 1000, "familiar": 700, "basic": 300}  # as Waldur weighs them


def read_reviews(
    stream: BinaryIO, name: str, call: Call, *, skip_bad: bool = False
) -> tuple[list[Review], list[InputError]]:
    """Reviews from CSV, a column for each criterion of the call, and the faults of rows that were skipped.

    A review without scores is not submitted yet; one with some has all. Raises InputErrors unless `skip_bad`.
    """
    criteria = [c.id for c in call.criteria]
    seen: set[tuple[str, str]] = set()

    def parse(row: Row) -> Review:
        scores = {c: row.read(c, lambda text: _score(text, call)) for c in criteria if row.cells.get(c)}
        submitted = row.read("submitted", _moment)
        missing = [c for c in criteria if c not in scores]
        if missing and (scores or submitted is not None):
            row.fault((missing[0],), "missing score", accepted=_scale(call))
        elif scores and submitted is None and ("submitted",) not in row.faults:
            row.fault(("submitted",), "scores without the moment they were handed in", accepted=_MOMENT)
        review = Review(
            application=row.read("application", str, ""),
            reviewer=row.read("reviewer", str, ""),
            committee=row.read("committee", str, ""),
            scores=scores,
            comment=row.read("comment", str, ""),
            private_comment=row.read("private_comment", str, ""),
            submitted_utc_s=submitted,
        )
        _named(row, {"application": review.application, "reviewer": review.reviewer})
        if (review.application, review.reviewer) in seen:
            row.fault(("reviewer",), "reviewed the application on an earlier line", review.reviewer, "one review each")
        seen.add((review.application, review.reviewer))
        return review

    columns = (*REVIEW_COLUMNS, *criteria)
    required = ("application", "reviewer", *criteria)
    return read_rows(stream, name, parse, columns=columns, required=required, skip_bad=skip_bad)


def read_reviewers(stream: BinaryIO, name: str, *, skip_bad: bool = False) -> tuple[list[Reviewer], list[InputError]]:
    """Reviewers from CSV, and the faults of rows that were skipped. Raises InputErrors unless `skip_bad`."""
    seen: set[str] = set()

    def parse(row: Row) -> Reviewer:
        reviewer = Reviewer(
            user=row.read("user", str, ""),
            institution=Institution(
                row.read("ror", str, ""),
                row.read("institution", str, ""),
                row.read("country", str, ""),
                row.read("region", str, ""),
            ),
            expertise=row.read("expertise", _expertise, {}),
            supervised=frozenset(row.read("supervised", names, ())),
            coauthors=frozenset(row.read("coauthors", names, ())),
            declared=frozenset(row.read("declared", names, ())),
            load_most=row.read("load_most", _load, 12),
        )
        _named(row, {"user": reviewer.user})
        if reviewer.user in seen:
            row.fault(("user",), "used before", reviewer.user, "each reviewer once")
        seen.add(reviewer.user)
        return reviewer

    return read_rows(stream, name, parse, columns=REVIEWER_COLUMNS, required=("user",), skip_bad=skip_bad)


_MOMENT: Final = "a date with a time and zone, as 2026-08-10T09:00:00+09:00"


def _named(row: Row, values: dict[str, str]) -> None:
    for column, value in values.items():
        if not value:
            row.fault((column,), "is blank", accepted="a name")


def _moment(text: str) -> int:
    if "T" not in text or not (text.endswith("Z") or "+" in text or text.rpartition("T")[2].count("-")):
        raise toml.Wrong(_MOMENT)
    return toml.date_utc_s(text)


def _scale(call: Call) -> str:
    low, high, step = (n / MILLI for n in (call.score_min_milli, call.score_max_milli, call.score_step_milli))
    return f"{low:g} to {high:g} in steps of {step:g}"


def _score(text: str, call: Call) -> int:
    try:
        milli = toml.milli(float(text))
    except ValueError:
        raise toml.Wrong(_scale(call)) from None
    exact = abs(float(text) * MILLI - milli) < 1e-6
    if not exact or not call.score_min_milli <= milli <= call.score_max_milli or milli % call.score_step_milli:
        raise toml.Wrong(_scale(call))
    return milli


def _expertise(text: str) -> dict[str, int]:
    found = {}
    for part in names(text):
        area, _, level = part.partition(":")
        if level not in EXPERTISE:
            raise toml.Wrong(f"areas with a level, as language:expert;vision:basic ({nearest(level, EXPERTISE)})")
        found[area.strip()] = EXPERTISE[level]
    return found


def _load(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 1000):
        raise toml.Wrong("a whole number from 0 to 1000")
    return int(text)
