"""Conflicts of interest between a reviewer and an application. Each of them forbids the review: none is waived here.

Institutions are the same where their ROR ids are, or their names but for case and spaces: a name typed without its id must
not open a door. What is compared are *marks* (a user, an application, an institution), so that all pairs of a call are
one product of two sparse matrices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import numpy as np
from scipy.sparse import csr_array

from dure.programme.model import Application, Institution, Reviewer

Mark = tuple[str, str]  # what it is (user, application, ror, name) and which


class ConflictKind(StrEnum):
    """Why a reviewer must not review an application."""

    TEAM = "team"  # leads it or is a member of its team
    INSTITUTION = "institution"  # of the lead or any member
    SUPERVISION = "supervision"  # of a person of the team, either way, in the last five years
    COAUTHOR = "coauthor"  # of a person of the team
    DECLARED = "declared"  # the application or a person of the team was named, by the reviewer or by an applicant


@dataclass(frozen=True, slots=True)
class Conflict:
    """One conflict: its kind and the user, institution or application that it is about."""

    kind: ConflictKind
    about: str


def conflicts(reviewer: Reviewer, application: Application) -> tuple[Conflict, ...]:
    """All conflicts of the pair, in order of kind and name; none: the review is allowed."""
    marks = _application_marks(application)
    return tuple(
        Conflict(kind, about)
        for kind, own in _reviewer_marks(reviewer).items()
        for about in sorted({which for what, which in own & marks})
    )


def forbidden_pairs(applications: Sequence[Application], reviewers: Sequence[Reviewer]) -> csr_array:
    """bool[A, R], sparse: where `conflicts` of the reviewer (column) and the application (row) finds any."""
    rows = [_application_marks(a) for a in applications]
    columns = [set(chain.from_iterable(_reviewer_marks(r).values())) for r in reviewers]
    number = {mark: i for i, mark in enumerate(dict.fromkeys(chain.from_iterable(rows)))}
    found = _incidence(rows, number) @ _incidence(columns, number).T
    return csr_array(found > 0)


def _incidence(marks: Iterable[set[Mark]], number: dict[Mark, int]) -> csr_array:
    """int32[rows, marks]: 1 where a row has a mark; marks without a number are those that nothing could meet."""
    columns = [[number[m] for m in own if m in number] for own in marks]
    starts = np.cumsum([0, *(len(c) for c in columns)])
    indices = np.fromiter(chain.from_iterable(columns), np.int64, int(starts[-1]))
    return csr_array((np.ones(len(indices), np.int32), indices, starts), shape=(len(columns), len(number)))


def _application_marks(application: Application) -> set[Mark]:
    marks = {("application", application.id), *_users((application.lead, *(m.user for m in application.members)))}
    for institution in {application.institution, *(m.institution for m in application.members)}:
        marks |= _institution(institution)
    return marks


def _reviewer_marks(reviewer: Reviewer) -> dict[ConflictKind, set[Mark]]:
    """By kind of conflict, what an application must not have."""
    return {
        ConflictKind.TEAM: _users([reviewer.user]),
        ConflictKind.INSTITUTION: _institution(reviewer.institution),
        ConflictKind.SUPERVISION: _users(reviewer.supervised),
        ConflictKind.COAUTHOR: _users(reviewer.coauthors),
        ConflictKind.DECLARED: _users(reviewer.declared) | {("application", id) for id in reviewer.declared},
    }


def _users(names: Iterable[str]) -> set[Mark]:
    return {("user", name) for name in names if name}


def _institution(institution: Institution) -> set[Mark]:
    marks = {("ror", institution.key)} if institution.ror else set()
    name = " ".join(institution.name.split()).casefold()
    return marks | ({("name", name)} if name else set())
