"""Who is known by name: governments, their bodies, international bodies, companies, institutes and programmes.

Each has one id and its names in English and Korean, as pages write them. People are not in the table: whoever holds an office
is resolved by the office (`head`, `portfolio`), to the body that the office leads. A name that two countries share ("the
Ministry of Science and Technology") is in no row: the country beside it decides, in `parties`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dure.actors.registry import BODY_ROWS, COUNTRY_ROWS, OTHER_ROWS

GOVERNMENT: Final = "government"
BODY: Final = "body"  # a ministry, department, agency or council of a government
COMPANY: Final = "company"
INSTITUTE: Final = "institute"  # a university, laboratory or research institute
PROGRAMME: Final = "programme"  # a plan, centre or fund that pages speak of as if it acted
INTERNATIONAL: Final = "international"
PRESS: Final = "press"  # is cited, and promises nothing


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who may promise. `country` is ISO 3166 alpha-2, "EU", or "" where there is none."""

    id: str
    kind: str
    country: str
    names: tuple[str, ...]  # English, then Korean; the first is shown


@dataclass(frozen=True, slots=True)
class Country:
    """How a country is written."""

    code: str
    names: tuple[str, ...]
    adjectives: tuple[str, ...]
    capital: tuple[str, ...]  # that stands for its government: "Seoul plans to"
    korean: tuple[str, ...]

    @property
    def government(self) -> str:
        """The id of its government, which also stands for the country as one that acts."""
        return f"{self.code.lower()}-government"


HEADS: Final = {
    "US": "us-white-house",
    "KR": "kr-president",
}  # whom "the President" speaks for, elsewhere the government
_HEADS_OF_GOVERNMENT: Final = {"KR": "kr-prime-minister"}


def _split(written: str) -> tuple[str, ...]:
    return tuple(name for name in written.split(";") if name)


def _rows(table: str) -> Iterator[list[str]]:
    return (line.split("|") for line in table.strip().splitlines())


COUNTRIES: Final = {
    row[0]: Country(row[0], _split(row[1]), _split(row[2]), _split(row[3]), _split(row[4]))
    for row in _rows(COUNTRY_ROWS)
}


def _actors() -> Iterator[Actor]:
    for country in COUNTRIES.values():
        yield Actor(country.government, GOVERNMENT, country.code, (*country.names, *country.korean))
    for row in _rows(BODY_ROWS):
        yield Actor(row[0], BODY, row[1], _split(row[2]) + _split(row[3]))
    for row in _rows(OTHER_ROWS):
        yield Actor(row[0], row[1], row[2], _split(row[3]) + _split(row[4]))


ACTORS: Final = {actor.id: actor for actor in _actors()}
_OF: Final = re.compile(r"(?:Ministry|Department) (?:of|for) (.+)")


def _led(row: list[str]) -> tuple[str, ...]:
    """The portfolios of whoever leads a body: those in its row and what its name says."""
    named = tuple(match[1].lower() for name in _split(row[2]) if (match := _OF.fullmatch(name)))
    return _split(row[4]) + named


_PORTFOLIOS: Final = {
    (row[1], portfolio): row[0] for row in reversed(list(_rows(BODY_ROWS))) for portfolio in _led(row)
}


def country_of(known: str) -> str:
    """The country of a known id, or ""."""
    actor = ACTORS.get(known)
    return actor.country if actor else ""


def kind_of(known: str) -> str:
    """What a known id is (GOVERNMENT, BODY, ...), or ""."""
    actor = ACTORS.get(known)
    return actor.kind if actor else ""


def government(country: str) -> str:
    """The id of a country's government, or "" where the country is not in the table."""
    return COUNTRIES[country].government if country in COUNTRIES else ""


def head(country: str, *, of_government: bool = False) -> str:
    """For whom a President, or with `of_government` a Prime Minister, speaks."""
    return (_HEADS_OF_GOVERNMENT if of_government else HEADS).get(country, government(country))


def sole(words: str) -> str:
    """The body of a portfolio that no second country has by these words, or ""."""
    found = {body for (_, name), body in _PORTFOLIOS.items() if name == words.lower()}
    return found.pop() if len(found) == 1 else ""


def portfolio(country: str, words: str) -> str:
    """The body that a minister or secretary leads, by the words of the office ("Science and ICT"), or ""."""
    wanted = words.lower()
    exact = _PORTFOLIOS.get((country, wanted))
    if exact:
        return exact
    for (of, name), body in _PORTFOLIOS.items():
        if of == country and wanted.startswith(name):
            return body
    return ""
