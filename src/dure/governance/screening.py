"""Research-security screening: what an applicant declares, against dated lists, gives flags for people to decide.

Nothing is refused here, and nothing is asked of where a person comes from: a person counts by the organisations that they
are with or funded by now, never by a nationality or a country. The measure is Canada's STRAC policy (in force 2024-05-01):
research that *aims to advance* a listed sensitive area, *and* a named person who is currently affiliated with, or gets money
or in-kind help from, a listed organisation. Either alone is kept as a note. What is not known is `unknown`, which leads to a
person and is never taken for a no.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal

from dure.vocabulary import Text, column

Answer = Literal["yes", "no", "unknown"]
EndUse = Literal["civil", "military", "military-intelligence", "wmd", "unknown"]  # facts.END_USES
Approval = Literal["none", "reported", "approved", "unknown"]  # facts.APPROVALS
Tie = Literal["employed", "funded", "in-kind", "other"]
ListKind = Literal["areas", "organisations", "parties"]

NONE_OF_IT: Final = "none"  # the code of a claim that says: nothing on this list
LOOK_BACK_YEARS: Final = 4  # as the rubric of the US agency DARPA weighs affiliations
VALID_MONTHS: Final = 12
SIGNED: Final = ("clear", "mitigated", "refer", "refused")  # what two people may decide
MOST: Final = 500  # persons, partners, areas, owners of a declaration; affiliations of a person

_COUNTRY = re.compile(r"[A-Z]{2}|unknown")
_ROR = re.compile(r"0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}")  # Crockford's alphabet, two check digits
_SEVERITY: Final[dict[Answer, int]] = {"no": 0, "unknown": 1, "yes": 2}


@dataclass(frozen=True, slots=True)
class Affiliation:
    """A tie of a person to an organisation. The country is for the record alone: no flag reads it."""

    name: str = column("", "name of the organisation")
    ror: str = column("ROR id", "its id, as https://ror.org/05a0ya142 or 05a0ya142; empty: none", default="")
    country: str = column("ISO 3166-1", "its country; no flag reads it", default="")
    from_utc_s: int = column("s", "first moment", default=0)
    to_utc_s: int | None = column("s", "first moment at which it is over; blank: it goes on", default=None)
    kind: Tie = column("", "employed, funded, in-kind or other", default="employed")


@dataclass(frozen=True, slots=True)
class Person:
    """A named person, with what they attest for this one application."""

    user: str = column("", "user name")
    role: str = column("", "pi, co-pi, member or another named role", default="member")
    affiliations: tuple[Affiliation, ...] = column("", "all of the last four years", default=())
    talent_programme: Answer = column("", "in a malign foreign talent programme: yes, no, unknown", default="unknown")
    attested_utc_s: int | None = column("s", "when they attested the disclosure; blank: they did not", default=None)
    attestation_version: str = column("", "version of the text that they attested", default="")


@dataclass(frozen=True, slots=True)
class Partner:
    """An organisation that takes part."""

    name: str = column("", "name")
    ror: str = column("ROR id", "its id; empty: none", default="")
    country: str = column("ISO 3166-1", "country, or unknown", default="unknown")
    private: Answer = column("", "of the private sector: yes, no, unknown", default="unknown")
    owner_country: str = column("ISO 3166-1", "country of its owner, or unknown", default="unknown")


@dataclass(frozen=True, slots=True)
class AreaClaim:
    """What the research is to a list of technology areas. The code `none` says: it is in no area of that list."""

    vocabulary: str = column("", "name of the list")
    code: str = column("", "code of the area on it, or none")
    aims_to_advance: Answer = column(
        "", "it aims to advance the area, not only to use it: yes, no, unknown", default="unknown"
    )


@dataclass(frozen=True, slots=True)
class ExportLicence:
    """An export licence or exception that covers what is asked for."""

    id: str = column("", "number of the licence, or name of the exception")
    until_utc_s: int = column("s", "first moment at which it no longer holds")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What an applicant declares for research security and export control. What is left out is unknown."""

    areas: tuple[AreaClaim, ...] = column("", "technology areas, a claim or more for every list in force", default=())
    persons: tuple[Person, ...] = column("", "everybody in the supported activities", default=())
    partners: tuple[Partner, ...] = column("", "partner organisations", default=())
    headquarters_country: str = column("ISO 3166-1", "of the organisation that applies, or unknown", default="unknown")
    parent_country: str = column("ISO 3166-1", "of its ultimate parent; its own where it has none", default="unknown")
    owners: tuple[str, ...] = column("", "organisations that own it beneficially: names or ROR ids", default=())
    end_use: EndUse = column("", "civil, military, military-intelligence, wmd or unknown", default="unknown")
    listed: Answer = column(
        "", "it stands on an export-control list that is enforced: yes, no, unknown", default="unknown"
    )
    export_licence: ExportLicence | None = column("", "licence or exception that covers it; blank: none", default=None)
    access_countries: tuple[str, ...] = column("ISO 3166-1", "countries from which people will sign in", default=())
    data_classes: tuple[str, ...] = column("", "classes of the data to be used", default=())
    core_technology: Answer = column("", "national core technology (KR) in it: yes, no, unknown", default="unknown")
    core_approval: Approval = column("", "of its export: none, reported, approved, unknown", default="unknown")
    state_funded: Answer = column("", "the state funded that technology: yes, no, unknown", default="unknown")
    strategic_technology: Answer = column("", "national strategic technology (KR): yes, no, unknown", default="unknown")


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a list: an area by its code, or an organisation by its ROR id, with all its names."""

    code: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of a list. Its kind: areas; organisations of concern; parties under export control."""

    list: str
    kind: ListKind
    dated: str
    source: str
    digest: str
    entries: tuple[Listed, ...]


class Code(StrEnum):
    """What a flag is about."""

    STRAC = "strac"
    STRAC_UNCLEAR = "strac-unclear"
    AREA = "area"
    AREA_UNCLEAR = "area-unclear"
    ORGANISATION = "organisation"
    ORGANISATION_NAME = "organisation-name"
    FORMER = "former-organisation"
    UNCLEAR_TIES = "unclear-ties"
    LISTED_PARTY = "listed-party"
    PRIVATE = "private-partner"
    DISCLOSURE = "disclosure"
    TALENT = "talent-programme"
    BEFORE = "before"


TEXTS: Final[dict[Code, Text]] = {
    Code.STRAC: Text(
        "민감 기술 분야의 진보를 목표로 하며, 명단에 오른 기관과 현재 관계가 있는 참여자가 있습니다.",
        "The research aims to advance a sensitive area, and a named person is with a listed organisation now.",
    ),
    Code.STRAC_UNCLEAR: Text(
        "민감 기술 분야와 명단 기관이 함께 해당하는지 확실하지 않습니다.",
        "Whether a sensitive area and a listed organisation meet here is not certain.",
    ),
    Code.AREA: Text(
        "명단에 있는 민감 기술 분야의 진보를 목표로 합니다.", "It aims to advance a listed sensitive area."
    ),
    Code.AREA_UNCLEAR: Text(
        "민감 기술 분야에 해당하는지 알 수 없습니다.", "Whether it advances a sensitive area of this list is not known."
    ),
    Code.ORGANISATION: Text(
        "명단에 오른 기관에 현재 소속되거나 지원을 받습니다.", "Now with, or supported by, a listed organisation."
    ),
    Code.ORGANISATION_NAME: Text(
        "기관명이 명단의 기관명과 같습니다. 같은 기관인지 사람이 확인해야 합니다.",
        "The name is that of a listed organisation; whether it is the same one, a person must find out.",
    ),
    Code.FORMER: Text(
        "현재는 아니지만 최근 4년 안에, 또는 앞으로 명단 기관과 관계가 있습니다.",
        "Not now, but in the last four years or from a later date, with a listed organisation.",
    ),
    Code.UNCLEAR_TIES: Text(
        "소속이나 지원 관계를 명단과 대조할 수 없습니다.", "Ties to organisations could not be held against a list."
    ),
    Code.LISTED_PARTY: Text(
        "수출통제 명단에 오른 기관일 수 있습니다.", "May be, or be owned by or work with, a party under export control."
    ),
    Code.PRIVATE: Text(
        "민간 부문 협력 기관이 있거나 그 여부를 알 수 없습니다. 위험 평가서가 필요합니다.",
        "A partner is of the private sector, or may be: a risk form is needed.",
    ),
    Code.DISCLOSURE: Text("정보 공개 확인(서약)이 없습니다.", "The standard disclosure is not attested."),
    Code.TALENT: Text(
        "해외 인재 유치 프로그램 참여가 신고되었거나 알 수 없습니다.",
        "Part in a malign foreign talent programme is declared, or not known.",
    ),
    Code.BEFORE: Text(
        "이전 심사에 표시나 사람의 결정이 있었습니다.", "An earlier screening had flags, or was decided by people."
    ),
}


@dataclass(frozen=True, slots=True)
class Flag:
    """One thing for people to look at. With `decide` two people must; without, it is a note for the record."""

    code: Code
    list: str  # name of the list; empty: none
    edition: str  # digest of its edition
    who: str  # person or partner; empty: the application
    what: str  # area or organisation
    decide: bool
    text: Text

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the same flag under another edition of the list."""
        return self.code, self.list, self.who, self.what


@dataclass(frozen=True, slots=True)
class Screened:
    """The result of a screening. The answers are facts for the rules (`governance.facts`)."""

    flags: tuple[Flag, ...]
    sensitive_area: Answer
    named_organisation: Answer
    private_partner: Answer
    disclosure: Answer
    talent_programme: Answer
    listed: Answer
    lists: tuple[str, ...]  # digests of the editions
    as_of_utc_s: int
    inputs: str = ""  # digest of all that was screened, but for the lists

    @property
    def clear(self) -> bool:
        """Whether there is nothing for people to decide."""
        return not any(flag.decide for flag in self.flags)


def screen(
    declaration: Declaration,
    editions: Iterable[Edition],
    as_of_utc_s: int,
    *,
    years: int = LOOK_BACK_YEARS,
    team: Collection[str] = (),
    applicant: Partner | None = None,
) -> Screened:
    """Hold a declaration against the editions in force. `team` must all be among its persons; `applicant` is their
    organisation, for the lists of parties under export control."""
    current = sorted(editions, key=lambda e: (e.list, e.digest))
    area, flags = _areas(declaration.areas, [e for e in current if e.kind == "areas"])
    named, found = _ties(declaration, [e for e in current if e.kind == "organisations"], as_of_utc_s, years, team)
    either = area != "no" and named != "no"
    if either:
        flags.append(_flag(Code.STRAC if area == named == "yes" else Code.STRAC_UNCLEAR, decide=True))
    # An affiliation is no fault in itself: without a sensitive area it is a note, and nobody need sign it off.
    flags += [_flag(code, *where, decide=area != "no") for code, *where in found]
    listed, parties = _parties(declaration, [e for e in current if e.kind == "parties"], applicant)
    disclosure, talent, private = _disclosure(declaration, as_of_utc_s, team)
    talents = [(Code.TALENT, p.user) for p in declaration.persons if p.talent_programme != "no"]
    privates = [(Code.PRIVATE, p.name) for p in declaration.partners if p.private != "no"]
    flags += [_flag(code, *where, decide=True) for code, *where in parties]
    flags += [_flag(code, "", "", who, decide=True) for code, who in (*disclosure, *talents, *privates)]
    return Screened(
        flags=tuple(sorted(set(flags), key=lambda f: (not f.decide, list(Code).index(f.code), *f.key))),
        sensitive_area=area,
        named_organisation=named,
        private_partner=private,
        disclosure="no" if disclosure else "yes",
        talent_programme=talent,
        listed=listed,
        lists=tuple(e.digest for e in current),
        as_of_utc_s=as_of_utc_s,
    )


def after_flags(result: Screened) -> Screened:
    """The result for somebody who had flags before: people look, whatever is declared now."""
    return replace(result, flags=(_flag(Code.BEFORE, decide=True), *result.flags))


def faults(declaration: Declaration) -> Iterator[tuple[tuple[str | int, ...], object, str]]:
    """What is wrong with a declaration beyond its form: (path, value, accepted)."""
    d = declaration
    parts: dict[str, Sequence[object]] = {
        "areas": d.areas, "persons": d.persons, "partners": d.partners, "owners": d.owners,
        "access_countries": d.access_countries, "data_classes": d.data_classes,
    }  # fmt: skip
    yield from (((name,), len(of), f"at most {MOST}") for name, of in parts.items() if len(of) > MOST)
    countries: list[tuple[tuple[str | int, ...], str]] = [
        (("headquarters_country",), d.headquarters_country), (("parent_country",), d.parent_country),
        *((("access_countries", n), c) for n, c in enumerate(d.access_countries)),
    ]  # fmt: skip
    organisations: list[tuple[tuple[str | int, ...], Affiliation | Partner]] = []
    for n, partner in enumerate(d.partners):
        organisations.append((("partners", n), partner))
        countries.append((("partners", n, "owner_country"), partner.owner_country))
    users: set[str] = set()
    for n, person in enumerate(d.persons):
        if not person.user or person.user in users:
            yield ("persons", n, "user"), person.user, "every person once, by user name"
        users.add(person.user)
        if len(person.affiliations) > MOST:
            yield ("persons", n, "affiliations"), len(person.affiliations), f"at most {MOST}"
        organisations += [(("persons", n, "affiliations", m), a) for m, a in enumerate(person.affiliations)]
    for path, organisation in organisations:
        yield from _organisation_faults(path, organisation)
        if organisation.country:
            countries.append(((*path, "country"), organisation.country))
    for path, country in countries:
        if not _COUNTRY.fullmatch(country):
            yield path, country, "a country's two capital letters, or unknown"
    for n, claim in enumerate(d.areas):
        if not claim.vocabulary or not claim.code:
            yield ("areas", n), claim.code, "a list and a code of it, or none"


def _organisation_faults(
    path: tuple[str | int, ...], organisation: Affiliation | Partner
) -> Iterator[tuple[tuple[str | int, ...], object, str]]:
    if not normalised(organisation.name):
        yield (*path, "name"), organisation.name, "the name of the organisation"
    if organisation.ror and not _ROR.fullmatch(ror_id(organisation.ror)):
        yield (*path, "ror"), organisation.ror, "a ROR id as https://ror.org/05a0ya142; empty where it has none"
    if isinstance(organisation, Affiliation):
        to = organisation.to_utc_s
        if to is not None and to <= organisation.from_utc_s:
            yield (*path, "to"), to, "a moment after the first"


def ror_id(text: str) -> str:
    """The bare ROR id of an id or address."""
    return re.sub(r"^(https?://)?(www\.)?ror\.org/", "", text.strip().lower())


def normalised(name: str) -> str:
    """A name for comparison: compatible forms made one (NFKC), case folded, accents and all but letters and digits away."""
    # Decomposed, an accent is a mark of its own; composed again, so are the syllables of Hangul.
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    folded = unicodedata.normalize("NFKC", plain).casefold().replace("&", " and ")
    words = re.findall(r"\w+", folded.replace("_", " "))
    return " ".join(words[1:] if words[:1] == ["the"] and len(words) > 1 else words)


def months_later(utc_s: int, months: int) -> int:
    """The same time of day so many months later (earlier, if negative), on the last day of the month at most."""
    day = dt.datetime.fromtimestamp(utc_s, dt.UTC)
    n = day.year * 12 + day.month - 1 + months
    following = dt.datetime((n + 1) // 12, (n + 1) % 12 + 1, 1, tzinfo=dt.UTC) - dt.timedelta(days=1)
    return int(day.replace(year=n // 12, month=n % 12 + 1, day=min(day.day, following.day)).timestamp())


def _areas(claims: Sequence[AreaClaim], editions: Sequence[Edition]) -> tuple[Answer, list[Flag]]:
    """Whether a listed area is advanced, and why. A list about which nothing is claimed, a claim about a list that is not
    there and a code that is not on it are unknown; so is everything where there is no list."""
    answer: Answer = "no" if editions else "unknown"
    flags: list[Flag] = [] if editions else [_flag(Code.AREA_UNCLEAR, decide=False)]
    lists = {e.list: e for e in editions}
    silent = [AreaClaim(name, "") for name in lists if name not in {c.vocabulary for c in claims}]
    for claim in (*claims, *silent):
        edition = lists.get(claim.vocabulary)
        if claim.aims_to_advance == "no" or claim.code == NONE_OF_IT:
            continue
        on_it = edition is not None and claim.code in {e.code for e in edition.entries}
        said: Answer = claim.aims_to_advance if on_it else "unknown"
        answer = _worse(answer, said)
        code = Code.AREA if said == "yes" else Code.AREA_UNCLEAR
        flags.append(_flag(code, claim.vocabulary, edition.digest if edition else "", "", claim.code, decide=False))
    return answer, flags


_Found = tuple[Code, str, str, str, str]  # code, list, edition, who, what


def _ties(
    declaration: Declaration, editions: Sequence[Edition], as_of: int, years: int, team: Collection[str]
) -> tuple[Answer, list[_Found]]:
    """Whether a named person is with a listed organisation now, and all ties that were found."""
    silent = sorted(set(team) - {p.user for p in declaration.persons})
    silent += [p.user for p in declaration.persons if not p.affiliations]
    found: list[_Found] = [(Code.UNCLEAR_TIES, "", "", user, "") for user in silent]
    if not editions or not declaration.persons:
        found.append((Code.UNCLEAR_TIES, "", "", "", ""))
    index = [(e, *_indexed(e)) for e in editions]
    oldest = months_later(as_of, -12 * years)
    answer: Answer = "unknown" if found else "no"
    for edition, rors, names in index:
        for person in declaration.persons:
            for tie in person.affiliations:
                match = _match(tie.ror, tie.name, rors, names)
                now = tie.from_utc_s <= as_of and (tie.to_utc_s is None or tie.to_utc_s > as_of)
                if match == "no" or (tie.to_utc_s is not None and tie.to_utc_s <= oldest):
                    continue
                sure = Code.ORGANISATION if match == "yes" else Code.ORGANISATION_NAME
                found.append((sure if now else Code.FORMER, edition.list, edition.digest, person.user, tie.name))
                answer = _worse(answer, match) if now else answer
        for partner in declaration.partners:  # what it brings is in-kind help: a person decides whether it counts
            if _match(partner.ror, partner.name, rors, names) != "no":
                code = Code.ORGANISATION_NAME
                found.append((code, edition.list, edition.digest, partner.name, partner.name))
                answer = _worse(answer, "unknown")
    return answer, found


def _parties(
    declaration: Declaration, editions: Sequence[Edition], applicant: Partner | None
) -> tuple[Answer, list[_Found]]:
    """Whether the organisation stands on a list of parties under export control: as declared, or worse where it, an owner
    or a partner is found there. An owner or partner alone makes it unknown: ownership rules differ by list."""
    answer, found = declaration.listed, []
    own = [(applicant.ror, applicant.name, True)] if applicant is not None else []
    others = [(o, o, False) for o in declaration.owners] + [(p.ror, p.name, False) for p in declaration.partners]
    for edition in editions:
        rors, names = _indexed(edition)
        for ror, name, itself in own + others:
            match = _match(ror, name, rors, names)
            if match != "no":
                found.append((Code.LISTED_PARTY, edition.list, edition.digest, "", name))
                answer = _worse(answer, match if itself else "unknown")
    return answer, found


def _disclosure(
    declaration: Declaration, as_of: int, team: Collection[str]
) -> tuple[list[tuple[Code, str]], Answer, Answer]:
    """Who did not attest; whether anybody is in a talent programme; whether a partner is private."""
    persons = declaration.persons
    attested = {
        p.user for p in persons
        if p.attestation_version and p.attested_utc_s is not None and p.attested_utc_s <= as_of
    }  # fmt: skip
    named = sorted({p.user for p in persons} | set(team)) or [""]
    talent = _worst(p.talent_programme for p in persons) if persons else "unknown"
    private = _worst(p.private for p in declaration.partners)
    return [(Code.DISCLOSURE, user) for user in named if user not in attested], talent, private


@lru_cache(maxsize=32)  # 10,000 names take 0.2 s to normalise, and one edition is held against many declarations
def _indexed(edition: Edition) -> tuple[frozenset[str], frozenset[str]]:
    """Ids and names of an edition, for comparison."""
    names = {normalised(name) for entry in edition.entries for name in entry.names} - {""}
    return frozenset(ror_id(e.code) for e in edition.entries if e.code), frozenset(names)


def _match(ror: str, name: str, rors: frozenset[str], names: frozenset[str]) -> Answer:
    """Yes by the id alone; the same name is unknown, even with another id, for ids are declared too."""
    if ror and ror_id(ror) in rors:
        return "yes"
    return "unknown" if normalised(name) in names else "no"


def _worse(a: Answer, b: Answer) -> Answer:
    return a if _SEVERITY[a] >= _SEVERITY[b] else b


def _worst(answers: Iterable[Answer]) -> Answer:
    return max(answers, key=_SEVERITY.__getitem__, default="no")


def _flag(code: Code, list: str = "", edition: str = "", who: str = "", what: str = "", *, decide: bool) -> Flag:
    return Flag(code, list, edition, who, what, decide, TEXTS[code])
