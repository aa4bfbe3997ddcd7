"""Labels of data, and of what was trained on them: along a lineage a model carries the strictest of all that went into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from dure.errors import InputError
from dure.governance.lineage import Lineage


class Personal(IntEnum):
    """How personal data are (Personal Information Protection Act); higher is stricter."""

    PUBLIC = 0
    INTERNAL = 1
    PSEUDONYMISED = 2
    PERSONAL = 3
    SENSITIVE = 4


class N2SF(IntEnum):
    """Class of public-sector data in Korea's N2SF: open, sensitive, classified; a mixture has the highest."""

    NONE = 0
    O = 1  # noqa: E741 - the scheme's own letter
    S = 2
    C = 3


@dataclass(frozen=True, slots=True)
class Label:
    """What must be known of data before they are placed, read or trained on. The bare one asks for nothing."""

    personal: Personal = Personal.PUBLIC
    n2sf: N2SF = N2SF.NONE
    core_technology: bool = False  # a national core technology is among them
    origins: frozenset[str] = frozenset()  # countries, ISO 3166-1
    sites: frozenset[str] | None = None  # where they may be; None: anywhere


def join(labels: Iterable[Label]) -> Label:
    """The label of a mixture: highest classes, all origins, only the sites that all allow. Of none: the bare label."""
    all_ = tuple(labels)
    lists = [label.sites for label in all_ if label.sites is not None]
    return Label(
        max((label.personal for label in all_), default=Personal.PUBLIC),
        max((label.n2sf for label in all_), default=N2SF.NONE),
        any(label.core_technology for label in all_),
        frozenset().union(*(label.origins for label in all_)),
        frozenset.intersection(*lists) if lists else None,
    )


def label_along(lineage: Lineage, runs: Iterable[str], labels: Mapping[str, Iterable[Label]]) -> Label:
    """The label of what these runs made: of the data that they and all their ancestors used, by run id.

    A run that used no data has an empty entry. Raises InputError where one has none: nobody knows what it used.
    """
    found = lineage.ancestors(runs)
    if missing := [r.id for r in found if r.id not in labels]:
        raise InputError(
            "no record of the data used", field="labels", value=missing[:5], accepted="an entry for each run"
        )
    return join(label for r in found for label in labels[r.id])
