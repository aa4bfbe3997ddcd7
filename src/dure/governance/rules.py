"""Rules as data: what one is, where it comes from, since when it holds; and what a verdict says.

A rule has one of three effects. `permit` opens an act: what no permit opens is denied. `forbid` denies, whatever else holds.
All other kinds ask for something: the rule that fires becomes an obligation, and never denies by itself. They are a set of
their own (`governance.judge`), because a policy engine that answers Deny, or Allow, hides what else fired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dure.governance.facts import Act, Value
from dure.vocabulary import Text


class Kind(StrEnum):
    """What a rule that fires does."""

    PERMIT = "permit"
    FORBID = "forbid"
    APPROVAL = "approval"  # two people must decide first
    EVALUATION = "evaluation"  # the model must pass an evaluation first
    FLAG = "flag"  # a person must look first
    NOTICE = "notice"  # an authority must be told; the act goes on
    DUTY = "duty"  # something must be done or kept; the act goes on


ASKS = (Kind.APPROVAL, Kind.EVALUATION, Kind.FLAG, Kind.NOTICE, Kind.DUTY)
BLOCKS = (Kind.APPROVAL, Kind.EVALUATION, Kind.FLAG)  # nothing starts while one of these is open


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule comes from. `confidence` high: the text was read; medium: a summary; low: not verified."""

    law: str
    paragraph: str
    where: str
    read: str  # when, as 2026-11
    confidence: str


@dataclass(frozen=True, slots=True)
class Case:
    """A test case: facts that differ from the quiet ones, and whether the rule fires."""

    name: str
    act: Act
    facts: Mapping[str, Value]
    fires: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of one rule. Versions of an id follow each other in time and never overlap."""

    id: str
    kind: Kind
    acts: tuple[Act, ...]
    jurisdiction: str
    title: Text
    statement: Text  # the whole condition, in words
    todo: Text  # what must be done, for the kinds that ask
    source: Source
    from_utc_s: int
    to_utc_s: int | None  # first moment at which it no longer holds
    when: str  # the condition, in Cedar's language, over `context`
    cases: tuple[Case, ...]
    file: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a request. `allowed` with open obligations that block means: not yet.

    `reasons` are the rules that decided: the forbids that fired, or else the permits; empty where nothing permits.
    `faults` say what was wrong with the facts; then nothing is allowed.
    """

    act: Act
    as_of_utc_s: int
    allowed: bool
    reasons: tuple[str, ...]
    obligations: tuple[str, ...]
    faults: tuple[str, ...]
    rules: str  # digest of the rule set
    facts: str  # digest of the facts
