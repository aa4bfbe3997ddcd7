"""Names in a sentence: who is written there, by a table, and which words refer to somebody named elsewhere. Linear in its length.

A name is found by its first word. A country before its body or office is one name with it ("South Korea's Ministry of Science").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dure.actors.known import (
    ACTORS,
    BODY,
    COUNTRIES,
    GOVERNMENT,
    country_of,
    government,
    head,
    kind_of,
    portfolio,
    sole,
)

MEMORY: Final = 12  # earlier sentences that a pronoun looks back over


@dataclass(frozen=True, slots=True)
class Name:
    """Somebody named, or referred to, in a sentence."""

    start: int
    end: int
    known: str  # id, or "" where `refers` has yet to be resolved or nobody known is meant
    refers: str = (
        ""  # "government", "body", "company", "institute", "it", "president", "premier", "minister: science", "both"
    )
    form: str = ""  # "adjective", "capital": how a country is written


@dataclass(frozen=True, slots=True)
class Scan:
    """The names of a sentence, in order, without overlaps."""

    sentence: str
    names: tuple[Name, ...]
    korean: bool


_HANGUL: Final = re.compile("[가-힣]")
_WORD: Final = re.compile(
    r"(?<![A-Za-zÀ-ÿ])(?:[A-ZÀ-Ý]|x(?=AI))[A-Za-zÀ-ÿ0-9]*|"
    r"[가-힣美中日]+"
)  # a name has a capital
_PARTICLE: Final = re.compile(
    r"(?:으로부터|대통령|로부터|에게는|에서는|에서도|으로서|이라고|이라는|장관은|장관이|"
    r"차관은|차관이|과는|과의|기업|까지|께서|당국|등과|등은|등을|등이|라고|라는|로서|"
    r"보다|부터|에게|에는|에도|에서|에선|에의|와는|와의|으로|의회|이고|이나|이란|"
    r"이며|장관|정부|차관|처럼|총리|측에|측은|측이|한테|가|간|과|내|는|도|등|로|"
    r"를|만|및|발|산|에|와|은|을|의|이|인|측|형)?(?![가-힣])"
)


def _table() -> dict[str, list[tuple[str, str, str]]]:
    """First word, or first two syllables, of a name -> (name, id, form), the longest first."""
    table: dict[str, list[tuple[str, str, str]]] = {}

    def put(name: str, known: str, form: str = "") -> None:
        word = _WORD.match(name)
        if word is None:  # pragma: no cover - a name in the table that begins with neither letter nor syllable
            raise ValueError(name)
        first = word.group()[:2] if _HANGUL.match(name) else word.group()
        table.setdefault(first, []).append((name, known, form))

    for actor in ACTORS.values():
        for name in actor.names:
            put(name, actor.id)
    for country in COUNTRIES.values():
        for name in country.names:
            put(f"Government of {name}", country.government)
            put(f"Government of the {name}", country.government)
        for adjective in country.adjectives:
            put(adjective, country.government, "adjective")
        for capital in country.capital:
            put(capital, country.government, "capital")
    for rows in table.values():
        rows.sort(key=lambda row: (-len(row[0]), row[2]))
    return table


_NAMES: Final = _table()

# Words that refer to somebody named elsewhere, or to an office.
_REFERENCE: Final = re.compile(
    r"(?P<government>\b[Mm]inisters\b(?! of)|\b(?:[Tt]he|[Ii]ts|[Tt]heir|[Oo]ur)? ?(?:(?:central|federal|national|"
    r"new|current|incoming|"
    r"previous) )?(?:[Gg]overnment|[Aa]dministration|authorities|[Cc]abinet|state)\b(?! (?:of [A-Z]|agenc|agency|bod|"
    r"support|invest|fund|bond|official|spending|data|procure|procurement|-|back)))"
    r"|(?P<country>\b(?:[Tt]he|[Tt]his) (?:(?:Asian|European|East Asian|North American|island|Gulf|"
    r"Southeast Asian|city) )?(?:country|nation|kingdom|bloc|republic|city-state|emirate)\b)"
    r"|(?P<body>\b(?:[Tt]he|[Tt]his) (?:(?:science|finance|industry|education|energy|same) )?(?:ministry|"
    r"department|agency|commission|committee|council|body|regulator)\b)"
    r"|(?P<company>\b(?:[Tt]he|[Tt]his) (?:(?:[a-z]+[ -]){0,2})?(?:company|firm|chipmaker|start-?up|giant|"
    r"conglomerate|operator|vendor)\b)"
    r"|(?P<institute>\b(?:[Tt]he|[Tt]his) (?:institute|lab|laboratory|university|centre|center|foundation)\b)"
    r"|(?P<ministry>\b(?:[Tt]he )?(?P<field>[A-Z]\w+(?:, [A-Z]\w+){0,3},? and [A-Z]\w+|[Rr]esearch|[Tt]echnology|IT|"
    r"AI|[Dd]igital|[Ee]conomy|[Ii]nnovation|"
    r"[Cc]ommunications|[Ee]lectronics|[Pp]lanning|[Bb]udget|[Ii]nterior|[Ss]cience(?: and ICT)?|ICT|[Ff]inance|"
    r"[Ii]ndustry|[Tt]rade|"
    r"[Ee]ducation|[Dd]efen[cs]e|[Ee]nergy|[Hh]ealth|[Tt]ransport|[Ee]nvironment|[Ll]abor|[Cc]ommerce|"
    r"[Ff]oreign) (?:[Mm]inistry|[Dd]epartment)\b)"
    r"|(?P<treasury>\b(?:[Tt]he )?Treasury\b(?! [Dd]epartment))"
    r"|(?P<plan>\b(?:[Tt]he|[Tt]his|[Ii]ts) (?:(?:[a-z-]+ ){0,2})(?:strategy|plan|initiative|programme|program|"
    r"project|policy|package|budget|roadmap|scheme)\b(?! of [A-Z]))"
    r"|(?P<both>\b(?:[Bb]oth (?:countries|sides|governments|nations)|[Tt]he two (?:countries|sides|governments|"
    r"nations|companies|firms)|[Tt]hey)\b)"
    r"|(?P<it>\b(?:[Ii]t|[Hh]e|[Ss]he|[Ww]e)\b(?! (?:is (?:essential|imperative|necessary|important|crucial|vital|"
    r"expected|estimated|unclear|time|hoped)|was reported)))"
    r"|(?P<premier>\b(?:Prime Minister|Premier)(?: [A-Z][\w’'.-]+){0,3})"
    r"|(?P<president>(?<!Vice )(?<!vice )\b(?:[Tt]he )?(?:President(?! of the (?:EU|"
    r"European))(?: [A-Z][\w’'.-]+){0,3}|president\b(?! and| of [A-Z])))"
    r"|(?P<minister>\b(?:(?:[Dd]eputy |[Vv]ice )?(?:(?P<before>(?:[A-Z][\w]*|ICT|AI|IT|science|technology|energy|"
    r"commerce|finance|industry|digital|research|economy)(?:(?:,| and|"
    r" &) [A-Z]\w*){0,3}) )?(?:[Mm]inister|[Ss]ecretary)(?![ -][Gg]eneral)(?: (?:of|"
    r"for) (?P<after>(?:State for )?(?:[A-Z]\w*|the)(?:(?:,| and|, and|"
    r" of)? [A-Z]\w*){0,6}))?(?: [A-Z][\w’'.-]+){0,3}))"
)
_REFERENCE_KO: Final = re.compile(
    r"(?<![가-힣])(?:(?P<government>(?:우리 |현 |새 |이재명 |윤석열 )?정부|당국)|(?P<body>(?:해당 |이 |"
    r"동 )?(?:부처|부는|위원회|주무부처))|(?P<company>(?:이 |해당 |양 )?(?:회사|업체|기업)(?=[은는이가]))"
    r"|(?P<country>(?:이 |그 )나라)|(?P<president>(?:[가-힣]{2,4} )?대통령)|"
    r"(?P<premier>(?:[가-힣]{2,4} )?(?:국무)?총리)|(?P<both>양국|양측|두 나라)"
    r"|(?P<minister>(?:[가-힣]{2,4} )?(?P<before>[가-힣]{2,4})?(?:부총리|장관)(?= |은|이|는|가))|"
    r"(?P<institute>(?:이 |해당 )?(?:연구소|기관|센터|대학)(?=[은는이가])))"
)  # fmt: skip


def scan(sentence: str) -> Scan:
    """All names and references of a sentence."""
    korean = len(_HANGUL.findall(sentence)) * 4 > len(sentence)
    names = [*_named(sentence), *_referred(sentence, korean)]
    names.sort(key=lambda name: (name.start, -(name.end - name.start)))
    kept: list[Name] = []
    for name in names:
        if not kept or name.start >= kept[-1].end:
            kept.append(name)
        elif (
            name.refers in ("president", "premier", "minister")
            and name.end > kept[-1].end
            and kept[-1].form == "adjective"
        ):
            kept[-1] = name
    return Scan(sentence, tuple(_joined(sentence, kept)), korean)


def _named(sentence: str) -> Iterator[Name]:
    firsts = _WORD.findall(sentence)
    if _NAMES.keys().isdisjoint(firsts) and _NAMES.keys().isdisjoint([word[:2] for word in firsts]):
        return
    past = 0
    for word in _WORD.finditer(sentence):
        if word.start() < past:
            continue
        hangul = word.group()[0] > "\u2fff"
        for name, known, form in _NAMES.get(word.group()[:2] if hangul else word.group(), ()):
            end = word.start() + len(name)
            if sentence.startswith(name, word.start()) and _ends(sentence, end, name):
                yield Name(word.start(), end, known, "", form)
                past = end
                break


def _ends(sentence: str, end: int, name: str) -> bool:
    """Whether a name is a whole word there, or a Korean one with a particle."""
    after = sentence[end : end + 1]
    if after == "$":
        return False  # "US$2.5 billion"
    if _HANGUL.match(name[-1]) or _HANGUL.match(after):
        return _PARTICLE.match(sentence, end) is not None
    return not (after.isalnum() or (after == "-" and len(name) < 4 and sentence[end + 1 : end + 2].isupper()))


def _referred(sentence: str, korean: bool) -> Iterator[Name]:
    for match in _REFERENCE_KO.finditer(sentence) if korean else _references(sentence):
        groups = match.groupdict()
        led = groups["minister"] or groups.get("ministry") or groups.get("treasury")
        sort = "minister" if led else match.lastgroup or ""
        words = groups.get("before") or groups.get("after") or groups.get("field") or ""
        words = "Treasury" if groups.get("treasury") else words
        yield Name(match.start(), match.end(), "", f"minister: {words}" if sort == "minister" else sort)


def _references(sentence: str) -> Iterator[re.Match[str]]:
    """What `_REFERENCE` finds, tried only at words that it may begin with."""
    if _NEEDED.isdisjoint(_LATIN.findall(sentence)):
        return
    offices = any(map(sentence.__contains__, ("inister", "ecretary", "Ministry", "Department")))
    past = 0
    for word in _LATIN.finditer(sentence):
        first = word.group()
        if word.start() >= past and (first in _FIRST or (offices and (first[0].isupper() or first in _OFFICES))):
            match = _REFERENCE.match(sentence, word.start())
            if match is not None:
                past = match.end()
                yield match


# Words of which one is in all that `_REFERENCE` finds.
_REFERENCE_WORDS: Final = """
government Government administration Administration authorities cabinet Cabinet ministers Ministers Treasury state country nation
kingdom bloc republic emirate ministry Ministry department Department agency commission committee council body regulator company
firm chipmaker start startup giant conglomerate operator vendor institute lab laboratory university centre center foundation
strategy plan initiative programme program project policy package budget roadmap scheme Both both They they it It he He she She we
We two Premier President president Minister minister Prime Secretary secretary
"""
_NEEDED: Final = frozenset(_REFERENCE_WORDS.split())
_LATIN: Final = re.compile("[A-Za-z]+")
_OFFICES: Final = frozenset(("deputy", "technology", "digital", "research", "economy", "secretary"))
_FIRST_WORDS: Final = """
the The this This its Its their Their our Our Government Administration Cabinet government administration
authorities cabinet state central federal national new current
incoming previous both Both they They it It he He she She we We Prime Premier President president Science science
ICT Finance finance
Industry industry Trade trade Education education Defense Defence defense defence Energy energy Health health Transport transport
Environment environment Labor labor Research research Technology technology Digital digital Economy economy Innovation innovation
Communications communications Electronics electronics Planning planning Budget budget Interior interior IT AI
Treasury Commerce commerce Foreign foreign Minister minister Ministers ministers Secretary Deputy Vice vice
"""
_FIRST: Final = frozenset(_FIRST_WORDS.split())


def _joined(sentence: str, names: Sequence[Name]) -> Iterator[Name]:
    """A country before its body or office is one name with it: "South Korea's Ministry of Science", "Canadian government"."""
    at = 0
    while at < len(names):
        name = names[at]
        following = names[at + 1] if at + 1 < len(names) else None
        if following is not None and kind_of(name.known) == GOVERNMENT and _belongs(sentence, name, following):
            yield _owned(sentence, name, following)
            at += 2
        elif (
            following is not None
            and name.known == following.known != ""
            and sentence[name.end : following.start] == " ("
        ):
            yield name  # "the United Arab Emirates (UAE)"
            at += 2
        else:
            yield name
            at += 1


_GAP: Final = re.compile(r"(?:['’]s?|의)?(?: |$)(?:(?:new|own|current|federal|central|national|former) )?")


def _belongs(sentence: str, country: Name, following: Name) -> bool:
    gap = _GAP.match(sentence, country.end)
    office = following.refers.split(":")[0] in ("government", "president", "premier", "minister", "body")
    own = kind_of(following.known) == BODY and country_of(following.known) == country_of(country.known)
    touches = following.start == country.end or (gap is not None and gap.end() == following.start)
    return touches and (office or own)


def _owned(sentence: str, country: Name, following: Name) -> Name:
    code = country_of(country.known)
    known = following.known or office(following.refers, code)
    start = (
        country.start - 4 if sentence[max(0, country.start - 4) : country.start] in ("The ", "the ") else country.start
    )
    return Name(max(0, start), following.end, known, "" if known else following.refers)


def office(refers: str, country: str) -> str:
    """The body that an office or a word for a government means in a country, or ""."""
    sort, _, words = refers.partition(": ")
    if sort in ("government", "country"):
        return government(country)
    if sort == "president":
        return head(country)
    if sort == "premier":
        return head(country, of_government=True)
    if sort == "minister" and words:
        return portfolio(country, re.sub(r"^(?:State for |the )", "", words))
    return ""


def alone(refers: str) -> str:
    """The body of an office that only one country has by these words ("Minister of Science and ICT"), or ""."""
    words = refers.partition(": ")[2]
    return sole(words) if " and " in words else ""


def country(earlier: Sequence[Scan], here: Scan | None = None) -> str:
    """The country that a text speaks of: named most, lately, and as who acts; Korea for a Korean text that names none."""
    scores: dict[str, float] = {}
    sentences = list(earlier[-MEMORY:])
    for distance, one in enumerate(reversed([*sentences, *([here] if here else [])])):
        for at, name in enumerate(one.names):
            code = country_of(name.known)
            if code:
                scores[code] = scores.get(code, 0.0) + _weight(one, name, at) / (1 + distance)
    if not scores:
        return "KR" if (here or (sentences[-1] if sentences else None)) and (here or sentences[-1]).korean else ""
    return max(scores, key=lambda code: scores[code])


_OBJECT: Final = re.compile(
    r"(?:\b(?:with|from|by|like|including|than|against|on|between|of|to|at|as|for|into|in|within|across|and|or|"
    r"over|versus|including the|with the|from the|by the|to the|"
    r"of the|in the|and the|for the|like the|at the|on the)|,) \Z"
)  # fmt: skip


def _weight(one: Scan, name: Name, at: int) -> float:
    if kind_of(name.known) not in (GOVERNMENT, BODY):
        return 0.5
    if name.form == "adjective":
        return 0.4
    if not one.korean and _OBJECT.search(one.sentence[max(0, name.start - 16) : name.start]):
        return 0.6
    return 3.0 if at == 0 else 1.0
