"""What rules may ask about: the acts that are judged, and the facts of each, with type, unit, meaning and accepted values.

The one declaration: the schema that rules are checked against, the check of every request, the reference page and the
second evaluator in the tests all come from it. Every fact of an act must be given; what is not known is said to be `unknown`
where that is accepted, and no rule may take it for a yes or a no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

Value = bool | int | str | frozenset[str]


class Act(StrEnum):
    """What is judged."""

    AWARD = "award"  # units are given to a project
    RUN = "run"  # a job of a project starts at a site
    PLACE = "place"  # data are stored at, or looked at from, a site
    TRAIN = "train"  # a run is entered in the compute ledger of a model
    RELEASE = "release"  # a model leaves the programme


class Type(StrEnum):
    """Of what type a fact is."""

    BOOL = "bool"
    INT = "int"  # 0 to `most`
    WORD = "word"  # one of `accepted`
    COUNTRY = "country"  # ISO 3166-1 in capitals, or `unknown`
    WORDS = "words"  # a set, each one of `accepted`; any short word where nothing is listed
    COUNTRIES = "countries"


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. `quiet` is what a rule's test case has where it says nothing else; a real request must say all."""

    name: str
    type: Type
    meaning: str
    quiet: Value
    accepted: tuple[str, ...] = ()
    unit: str = ""
    most: int = 2**53 - 1
    empty: bool = True  # an empty set is an answer


@dataclass(frozen=True)
class Facts:
    """The facts of one request."""

    act: Act
    values: Mapping[str, Value]


YES_NO = ("yes", "no", "unknown")
UNKNOWN = "unknown"
END_USES = ("civil", "military", "military-intelligence", "wmd", UNKNOWN)
SCREENINGS = ("none", "clear", "flagged", "mitigated", "refer", "refused", "expired")
CHIP_CLASSES = ("3A090.a", "3A090.b", "below", UNKNOWN)
BASES = ("none", "consent", "treaty", "contract", "certified", "equivalence", UNKNOWN)
APPROVALS = ("none", "reported", "approved", UNKNOWN)
EVALUATIONS = ("none", "passed", "failed", "error", "stale", "waived")
LICENCES = ("allowed", "obligations", "denied", UNKNOWN)
MARKETS = ("KR", "EU", "US-CA", "US", "CA", "other", UNKNOWN)
OUTPUTS = ("text", "image", "audio", "video", "code", "other", UNKNOWN)
PFLOP_MOST = 2**53 - 1

_B, _I, _W, _C, _WS, _CS = Type
_F = Fact

_ORGANISATION = (
    _F("applicant_country", _C, "country of the institution that applies or acts", "KR"),
    _F("headquarters_country", _C, "country where the organisation has its headquarters", "KR"),
    _F("parent_country", _C, "country of its ultimate parent's headquarters; its own where it has no parent", "KR"),
    _F("end_use", _W, "end use that the organisation stated", "civil", END_USES),
    _F("listed", _W, "whether the organisation stands on an export-control list that is enforced", "no", YES_NO),
    _F("export_licence", _W, "whether an export licence or exception that covers the act is recorded and in date", "no", YES_NO),
)  # fmt: skip
_CHIPS = (
    _F("chip_classes", _WS, "export classes of the accelerators in question", frozenset({"3A090.a"}), CHIP_CLASSES),
    _F("chip_models", _WS, "accelerator models in question", frozenset({"H200"})),
    _F("site_countries", _CS, "countries of the sites in question", frozenset({"KR"}), empty=False),
)
_SCREENING = (_F("screening", _W, "where the research-security screening of the project stands", "clear", SCREENINGS),)
_JOINT = (
    _F("partner_countries", _CS, "countries of the partners in the project, its own left out", frozenset()),
    _F("sensitive_area", _W, "whether the project aims to advance a listed sensitive technology area", "no", YES_NO),
    _F("named_organisation", _W, "whether a named person is affiliated with, or funded by, a listed organisation", "no", YES_NO),
    _F("private_partner", _W, "whether a private-sector partner takes part", "no", YES_NO),
    _F("disclosure", _W, "whether every named person's standard disclosure is attested", "yes", YES_NO),
    _F("talent_programme", _W, "whether a named person takes part in a malign foreign talent programme", "no", YES_NO),
    _F("strategic_technology", _W, "whether the project concerns a national strategic technology (KR)", "no", YES_NO),
)  # fmt: skip
_DATA = (
    _F("personal_level", _I, "0 public, 1 internal, 2 pseudonymised, 3 personal, 4 sensitive personal; the highest", 0, most=4),
    _F("n2sf_level", _I, "class of public-sector data: 0 none, 1 open (O), 2 sensitive (S), 3 classified (C)", 0, most=3),
    _F("core_technology", _W, "whether national core technology (KR) is in the data", "no", YES_NO),
    _F("core_approval", _W, "what was obtained for its export", "none", APPROVALS),
    _F("state_funded", _W, "whether the state funded that technology", "no", YES_NO),
)  # fmt: skip
_SITE = (
    _F("site_country", _C, "country of the site", "KR"),
    _F("site_allowed", _W, "whether the site stands on the data's list; unknown: the data have no list", "yes", YES_NO),
    _F("site_n2sf_level", _I, "highest class of public-sector data that the site may hold", 3, most=3),
    _F("origin_countries", _CS, "countries that the data come from; `unknown` where one is not known", frozenset({"KR"}), empty=False),
    _F("transfer_basis", _W, "basis of the cross-border transfer of personal data", "none", BASES),
    _F("basis_documented", _B, "a document of that basis is recorded by its hash", False),
    _F("basis_expired", _B, "the basis has an end, and it is past", False),
    _F("identifiers", _W, "whether resident registration numbers or personal credit data are among the data", "no", YES_NO),
)  # fmt: skip
_COMPUTE = (
    _F("flop_kr_pflop", _I, "cumulative training compute, high figure, as Korea counts", 0, unit="10^15 FLOP", most=PFLOP_MOST),
    _F("flop_eu_pflop", _I, "the same, as the EU counts", 0, unit="10^15 FLOP", most=PFLOP_MOST),
    _F("flop_us_pflop", _I, "the same, as California counts", 0, unit="10^15 FLOP", most=PFLOP_MOST),
    _F("state_of_the_art", _W, "whether the model uses state-of-the-art technology", "no", YES_NO),
    _F("broad_risk", _W, "whether it risks broad, serious effects on life, safety or fundamental rights", "no", YES_NO),
    _F("generates", _WS, "what it generates", frozenset(), OUTPUTS),
    _F("biological", _B, "trained mainly on biological sequences", False),
    _F("markets", _WS, "where it is, or is to be, offered; open weights: everywhere", frozenset({"KR"}), MARKETS, empty=False),
    _F("large_developer", _W, "whether the developer's yearly revenue is above USD 500 million", "no", YES_NO),
    _F("downstream", _B, "its developer modified a model of somebody else", False),
    _F("modification_pflop", _I, "compute of that modification", 0, unit="10^15 FLOP", most=PFLOP_MOST // 3),
    _F("original_pflop", _I, "compute of the original; 0: not known", 0, unit="10^15 FLOP", most=PFLOP_MOST // 3),
    _F("original_systemic", _W, "whether the original is a model with systemic risk", "no", YES_NO),
    _F("licence", _W, "what the licences along the lineage come to for what is intended", "allowed", LICENCES),
)  # fmt: skip
_RUN = (
    _F("access_country", _C, "country from which the person signs in", "KR"),
    _F("access_countries", _CS, "countries of access that the project declared", frozenset({"KR"}), empty=False),
    _F("second_factor", _B, "the person signed in with a second factor", True),
    _F("open_obligations", _I, "obligations of the project that block and are still open", 0, most=10**6),
)
_RELEASE = (
    _F("high_impact", _W, "whether its use is one of the high-impact areas", "no", YES_NO),
    _F("labelled", _W, "whether what it generates is labelled", "yes", YES_NO),
    _F("evaluation", _W, "where the evaluation of exactly this save point stands", "passed", EVALUATIONS),
    _F("joint_terms", _W, "terms of joint work: who may license what to whom", "none", ("none", "agreed", "missing")),
    _F("abroad", _B, "it can be had outside Korea, as open weights can", False),
)

FACTS: dict[Act, tuple[Fact, ...]] = {
    Act.AWARD: (*_ORGANISATION, *_CHIPS, *_SCREENING, *_JOINT),
    Act.RUN: (*_ORGANISATION, *_CHIPS, *_SCREENING, *_DATA, *_SITE, *_RUN),
    Act.PLACE: (*_DATA, *_SITE),
    Act.TRAIN: (*_ORGANISATION, *_COMPUTE),
    Act.RELEASE: (*_DATA, *_COMPUTE, *_RELEASE),
}

ORGANISATION = tuple(f.name for f in _ORGANISATION)

_COUNTRY = re.compile(r"[A-Z]{2}|unknown")
_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/:+-]{0,59}")


def faults(facts: Facts) -> Iterator[tuple[str, str]]:
    """What is wrong with a request: (fact, what). Missing, unknown to the act, of the wrong type, or not accepted."""
    declared = {f.name: f for f in FACTS[facts.act]}
    for name in sorted(facts.values.keys() - declared.keys()):
        yield name, "no such fact"
    for name, fact in declared.items():
        if name not in facts.values:
            yield name, "missing"
        elif not _fits(fact, facts.values[name]):
            yield name, f"not {accepted(fact)}"


def accepted(fact: Fact) -> str:
    """What a fact accepts, in words."""
    listed = ", ".join(fact.accepted)
    some = "a set" if fact.empty else "a set, not empty,"
    return {
        Type.BOOL: "true or false",
        Type.INT: f"a whole number from 0 to {fact.most}",
        Type.WORD: f"one of {listed}",
        Type.COUNTRY: "a country's two capital letters, or unknown",
        Type.WORDS: f"{some} of {listed}" if listed else f"{some} of short words",
        Type.COUNTRIES: f"{some} of countries' two capital letters, or unknown",
    }[fact.type]


def _fits(fact: Fact, value: object) -> bool:
    if value == frozenset() and not fact.empty:
        return False
    match fact.type:
        case Type.BOOL:
            return isinstance(value, bool)
        case Type.INT:
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= fact.most
        case Type.WORD:
            return isinstance(value, str) and value in fact.accepted
        case Type.COUNTRY:
            return isinstance(value, str) and _COUNTRY.fullmatch(value) is not None
        case Type.COUNTRIES:
            return isinstance(value, frozenset) and all(isinstance(v, str) and _COUNTRY.fullmatch(v) for v in value)
        case Type.WORDS:
            return isinstance(value, frozenset) and all(
                isinstance(v, str) and (v in fact.accepted if fact.accepted else _SHORT.fullmatch(v)) for v in value
            )
