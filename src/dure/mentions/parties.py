"""Who promises, for whom, and who is cited, in English and Korean sentences; by names, offices and what earlier sentences named.

A name is found by its first word in a table, so a sentence costs its length. "The government", "it", "the ministry" and an office
("President", "Science Minister") mean the country, body or company that the sentence or those before it speak of. What stays
unknown keeps its words and has no id: nobody is guessed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dure.actors.known import BODY, COMPANY, GOVERNMENT, INSTITUTE, PRESS, PROGRAMME, kind_of
from dure.mentions.model import Party, Span
from dure.mentions.naming import MEMORY, Name, Scan, alone, country, office, scan


@dataclass(frozen=True, slots=True)
class Parties:
    """Who takes part in a statement. Spans count in the sentence."""

    actor: Party | None = None
    recipient: Party | None = None
    source: Party | None = None
    instrument: str = ""  # "budget", "fund", "investment", "purchase", "law", "agreement", "subsidy", ""


def resolve(name: Name, here: Scan, earlier: Sequence[Scan], page: str = "") -> str:
    """The id that a name means where it stands, or "". `page` is the country of the page, for where no country was named."""
    if name.known or name.refers in ("", "both"):
        return name.known
    before = Scan(here.sentence, tuple(one for one in here.names if one.end <= name.start), here.korean)
    if name.refers in ("government", "country", "president", "premier") or name.refers.startswith("minister: "):
        code = country(earlier, before) or country([], here) or page
        found = office(name.refers, code) or alone(name.refers)
        return found or (_latest(BODY, before, earlier) if name.refers == "minister: " else "")
    if name.refers in ("it", "plan"):
        owner = office("country", country(earlier, here) or page) if name.refers == "plan" else ""
        return _antecedent(before, earlier) or (
            "" if any(kind_of(one.known) == COMPANY for one in here.names) else owner
        )
    kinds = {"body": (BODY,), "company": (COMPANY,), "institute": (INSTITUTE, PROGRAMME)}[name.refers]
    return _latest(kinds[0], before, earlier) or (_latest(kinds[1], before, earlier) if len(kinds) > 1 else "")


def _latest(kind: str, before: Scan, earlier: Sequence[Scan]) -> str:
    """The last one of a kind that was named."""
    for one in (before, *reversed(earlier[-MEMORY:])):
        for name in reversed(one.names):
            known = name.known
            if name.refers.startswith("minister: ") and len(name.refers) > len("minister: "):
                known = resolve(name, one, earlier)
            if kind_of(known) == kind:
                return known
    return ""


def _antecedent(before: Scan, earlier: Sequence[Scan]) -> str:
    """Whom "it" means: who came first in this sentence, else who acted in the one before."""
    for one in (before, *reversed(earlier[-2:])):
        at = len(earlier) if one is before else list(earlier).index(one)
        subject = _subject(one, len(one.sentence))
        if subject is not None:
            found = subject.known or (resolve(subject, one, earlier[:at]) if subject.refers != "it" else "")
            if found:
                return found
    return ""


def parties(sentence: str, earlier: Sequence[str] = (), *, before: int | None = None) -> Parties:
    """Who promises, receives and is cited in a sentence; `earlier` are the document's sentences before it, in order.

    `before` is where the promised thing stands, if it is known: who acts is looked for on its left first.
    """
    return parties_at(scan(sentence), [scan(one) for one in earlier[-MEMORY:]], [before])[0]


def parties_at(here: Scan, earlier: Sequence[Scan], places: Sequence[int | None], page: str = "") -> list[Parties]:
    """`parties` of a sentence that was scanned already, for each of several places in it; `page` is its page's country."""
    names = tuple(name for name in here.names if kind_of(name.known) != PRESS)
    source = _source_ko(here) if here.korean else _source(here)
    said_by = None if source is not None and kind_of(source.known) == PRESS else source
    here = Scan(here.sentence, names, here.korean)
    starts = [name.start for name in here.names]
    read: dict[int, Parties] = {}

    def party(name: Name | None) -> Party | None:
        return None if name is None else Party(Span(name.start, name.end), resolve(name, here, earlier, page))

    def at(place: int | None) -> Parties:
        actor = _actor_ko(here, said_by) if here.korean else _actor(here, said_by, place)
        return Parties(party(actor), party(_recipient(here, actor)), party(source), instrument(here.sentence))

    found = []
    for place in places:  # who acts changes only where a name lies between two places
        key = -1 if place is None or here.korean else bisect_left(starts, place)
        if key not in read:
            read[key] = at(place)
        found.append(read[key])
    return found


_ACCORDING: Final = re.compile(
    r"\b[Aa]ccording to |\b[Aa]s (?:reported|announced|stated|outlined|noted) by |\b[Cc]iting |\b(?:said|says|"
    r"announced|reported) by "
)
_SAYING: Final = re.compile(
    r"\b(?:said|says|announced|told|stated|confirmed|added|noted|reported|explained|revealed|warned?s?|argue[ds]?|"
    r"estimate[ds]|claim(?:s|ed)|emphasi[sz]ed|highlighted|believes?)\b"
)
_PREPOSED: Final = re.compile(
    r"\b(?:with|from|by|like|including|than|against|on|between|of|to|at|for|into|in|within|across|over|versus|via|"
    r"under|through|near|around|outside|using|among|using the) "
    r"(?:the |its |a |both )?\Z",
    re.IGNORECASE,
)
_LED: Final = re.compile(
    r"\b(?:led|headed|run|funded|invested|provided|operated|announced|made|built|spent|supplied|allocated|"
    r"earmarked|pledged) by (?:the |its )?\Z"
)
_NOT_ACTING: Final = re.compile(
    r"(?:[ -](?:H\d|B\d|GB\d|A\d|MI\d|Blackwell|Hopper|Grace|Rubin|GPUs?|chips?|processors?|accelerators?|"
    r"superchips?|hardware|"
    r"systems?|technology|servers?)|-(?:based|led|made|built|backed|style|designed)|['’]s? (?:dependence|reliance|"
    r"rivals?|chips?|GPUs?|H\d|"
    r"B\d|market|economy|share|latest|Blackwell|own))"
)


def _source(here: Scan) -> Name | None:
    """Who is cited: after "according to", else whoever says it."""
    text = here.sentence
    cited = _ACCORDING.search(text)
    if cited:
        stop = _clause_end(text, cited.end())
        inside = [name for name in here.names if cited.end() <= name.start < stop and name.form != "adjective"]
        bodies = [name for name in inside if kind_of(name.known) != GOVERNMENT] or inside
        return bodies[0] if bodies else None
    for saying in _SAYING.finditer(text):
        right = [name for name in here.names if 0 <= name.start - saying.end() <= 5]
        if right and text[saying.start() - 2 : saying.start()] in (", ", "” ", "’ ", '" '):
            return right[0]
        left = [name for name in here.names if name.end <= saying.start() and saying.start() - name.end < 60]
        left = [name for name in left if _acts(text, name)]
        if left:
            return left[-1] if "," not in text[left[-1].end : saying.start()] else left[0]
    return None


def _clause_end(text: str, start: int) -> int:
    """Where the phrase that begins at `start` ends: at a comma that is not inside a ministry's name, or the sentence's end."""
    for mark in re.finditer(r",(?! (?:Industry|ICT|Innovation|Culture|Sports|Trade|Energy)\b)|;", text[start:]):
        return start + mark.start()
    return len(text)


def _acts(text: str, name: Name) -> bool:
    """Whether a name may be who does something: no object of a preposition, no adjective of something else."""
    if name.form == "adjective" or _NOT_ACTING.match(text, name.end):
        return False
    return _PREPOSED.search(text[max(0, name.start - 24) : name.start]) is None


_LISTED: Final = re.compile(r"(?: \([A-Z.]+\))?(?:,| and|, and| or|,? as well as) (?:the )?")


def _acting(here: Scan, names: Sequence[Name]) -> list[Name]:
    """Those who may be who does something. One in a list stands as the one before it: "including Japan, Singapore and"."""
    found: list[Name] = []
    last: Name | None = None
    for name in names:
        listed = last is not None and _LISTED.fullmatch(here.sentence, last.end, name.start)
        inherits = listed and last not in found and not _takes_verb(here.sentence, name)
        if _acts(here.sentence, name) and not inherits:
            found.append(name)
        last = name
    return found


def _subject(here: Scan, until: int) -> Name | None:
    """The first name that may act before a place."""
    names = [name for name in here.names if name.start < until]
    return next(iter(names if here.korean else _acting(here, names)), None)


_VERB: Final = re.compile(
    r"\b(?:will|would|shall|plans?|planned|aims?|aimed|seeks?|intends?|hopes?|wants?|has|have|had|is|are|was|were|"
    r"announced|unveiled|pledged|promised|vowed|decided|agreed|"
    r"committed|allocated|earmarked|approved|signed|invests?|invested|spent|spends|expects?|targets?|said|says|"
    r"opened|launched|secured|bought|ordered|raised|received|set|"
    r"installed|controls?|operates?|holds?|should|must|may|could|supplied|built|started|began|runs?|put)\b"
)


def _actor(here: Scan, source: Name | None, before: int | None) -> Name | None:
    """Who acts in an English sentence: the subject of the clause of the promise; whoever says so only if nobody else does."""
    text = here.sentence
    cited = _ACCORDING.search(text)
    skip = (cited.start(), _clause_end(text, cited.end())) if cited else (0, 0)
    free = [name for name in here.names if not skip[0] <= name.start < skip[1]]
    limit = len(text) if before is None else before
    described = _described(text, here.names, limit) if before is not None else None
    if described is not None:
        return described
    acting = _acting(here, free)
    acting = [name for name in acting if name.refers != "plan"] or acting
    left = [name for name in acting if name.start < limit]
    unknown = _unknown_subject(text, skip, here)
    if unknown is not None and (not left or unknown.start <= left[0].start):
        return unknown
    subject = left[0] if left else None
    if subject is not None and source is subject:
        inner = [one for one in left[1:] if _takes_verb(text, one) and one.refers != "it" and not _is_owned(text, one)]
        subject = inner[0] if inner and _SAYING.search(text, subject.end, inner[0].start) else subject
    if subject is not None:
        spoken = source is not None and text[subject.start : subject.end] in ("We", "we")
        return source if spoken else subject
    agents = [name for name in free if _LED.search(text[max(0, name.start - 24) : name.start])]
    return agents[0] if agents else acting[0] if acting else _owner(text, free, source)


def _is_owned(text: str, name: Name) -> bool:
    """Whether it is the subject's own: "says its InvestAI initiative will"."""
    return text[max(0, name.start - 6) : name.start].endswith(("its ", "their "))


_RELATIVE: Final = re.compile(r",? (?:which|who) ")


def _described(text: str, names: Sequence[Name], limit: int) -> Name | None:
    """Who a relative clause with the sum in it is about: "Nvidia, which controls over 80 %"."""
    for name in reversed([name for name in names if name.end < limit and name.form == ""]):
        relative = _RELATIVE.match(text, name.end)
        inner = any(name.end < one.start < limit and _takes_verb(text, one) for one in names)
        if relative and not inner and "," not in text[relative.end() : limit]:
            return name
    return None


def _owner(text: str, free: Sequence[Name], source: Name | None) -> Name | None:
    """Whose plan it is, where nobody is the subject: "South Korea's AI budget", "Canadian plans"; else who is cited."""
    owners = [
        name for name in free if re.match(r"['’]s?\b|['’] ", text[name.end : name.end + 3]) or name.form == "adjective"
    ]
    return owners[0] if owners else source


def _takes_verb(text: str, name: Name) -> bool:
    verb = _VERB.search(text, name.end, name.end + 24)
    return verb is not None and "," not in text[name.end : verb.start()]


_CAPITALISED: Final = re.compile(r"(?:The |A |An )?(?:[A-Z][\w&’'.-]*)(?: (?:of|for|and|the|"
    r"[A-Z][\w&’'.-]*)){0,7}? (?=(?:will|plans?|aims?|has|have|announced|pledged|said|is|was|"
    r"decided|agreed|committed|intends?|seeks?|hopes?|wants?|expects?|invested|opened|launched|signed|allocated|"
    r"bought|spent|received|secured|unveiled)\b)")  # fmt: skip
_AGENT: Final = re.compile(
    r"(?:University|Institute|Group|Corp|Inc|Ltd|Cloud|Systems|Technologies|Labs?|Agency|Council|Authority|"
    r"Ministry|Department|Commission|Foundation|Fund|Bank|Holdings|Partners|Alliance|"
    r"Consortium|consortium|Association|Centre|Center|Board|Committee|Semiconductor|Telecom|Electronics|Energy|"
    r"Power|City|Province|Parliament|Senate|AI|Computing|Data|Networks|Capital|Ventures)\b"
)


def _unknown_subject(text: str, skip: tuple[int, int], here: Scan) -> Name | None:
    """A subject in capitals that nobody in the table is: an agency, a university, a firm of another name."""
    start = skip[1] + 2 if skip[0] == 0 and skip[1] else 0
    lead = re.match(
        r"(?:In|On|By|Under|At|For|From|Over|Last|Earlier|Meanwhile|However|Separately|Also)[^,]{0,60}, ",
        text[start : start + 70],
    )
    start += lead.end() if lead else 0
    match = _CAPITALISED.match(text, start)
    if match is None or not _AGENT.search(match.group()):
        return None
    end = match.end() - 1
    if any(name.start < end and name.end > start and name.form == "" for name in here.names):
        return None
    return Name(start, end, "")


_ACTS_KO: Final = re.compile(
    r"(?:\([^()]{1,16}\))?(?: ?(?:측|장관|차관|당국|관계자))?(?:은|는|이|가|에서는|에서|께서|도|측은|측이)(?=[\s,])"
)
_SAYS_KO: Final = re.compile(r"밝혔|말했|전했|발표했|설명했|강조했|덧붙였|밝힌|지적했|주장했|내다봤|전망했|분석했")


def _source_ko(here: Scan) -> Name | None:
    text = here.sentence
    for name in here.names:
        if re.match(
            r"(?:이|가|의|은|는)?[가-힣A-Za-z0-9 ]{0,14}?에 (?:따르면|"
            r"의하면)",
            text[name.end : name.end + 28],
        ):
            return name
    says = _SAYS_KO.search(text)
    if says is None:
        return None
    acting = [name for name in here.names if name.start < says.start() and _ACTS_KO.match(text, name.end)]
    near = [name for name in acting if says.start() - name.end < 12]
    return near[-1] if near else acting[0] if acting else None


def _actor_ko(here: Scan, source: Name | None) -> Name | None:
    text = here.sentence
    cited = (
        source is not None
        and re.match(r"[^,]{0,20}에 (?:따르면|의하면)", text[source.end : source.end + 28]) is not None
    )
    acting = [name for name in here.names if _ACTS_KO.match(text, name.end) and not (cited and name is source)]
    others = [name for name in acting if name is not source]
    inner = [
        name
        for name in others
        if re.match("[이가]", text[name.end : name.end + 1]) or (source and source.start > name.start)
    ]
    if inner:
        return _first_listed(here, inner[0])
    if acting:
        return acting[0]
    plain = [
        name
        for name in here.names
        if not (cited and name is source) and not re.match(r"(?:와|과|을|를|에|로)", text[name.end : name.end + 1])
    ]
    into = [name for name in here.names if kind_of(name.known) == PROGRAMME]
    return _unknown_ko(here) or (plain[0] if plain else source or (into[0] if into else None))


def _first_listed(here: Scan, name: Name) -> Name:
    """The first of those whom a list names together: "과기정통부와 NIPA가"."""
    for one in reversed([other for other in here.names if other.end <= name.start]):
        if re.fullmatch(r"(?:\([^)]{1,12}\))?(?:와|과|·|및| 및)? ?(?:\()?", here.sentence[one.end : name.start]):
            name = one
    return name


_UNKNOWN_KO: Final = re.compile(
    r"(?:^|[\s,])(?P<who>(?![0-9])[가-힣A-Za-z0-9·]{1,14}(?:부|청|처|원|시|도|군|구|공사|공단|대학교?|대|연구소|"
    r"재단|그룹|"
    r"전자|은행|협회|위원회|컨소시엄|기업|업체|테크|클라우드|센터|진흥원|회사))(?:은|는|이|가)(?=\s)"
)


def _unknown_ko(here: Scan) -> Name | None:
    match = _UNKNOWN_KO.search(here.sentence[:200])
    return None if match is None else Name(match.start("who"), match.end("who"), "")


_TO_WHOM: Final = re.compile(
    r"\b(?:suppl(?:y|ies|ied)|provid(?:e|es|ed|ing)|grant(?:s|ed)?|award(?:s|ed)?|deliver(?:s|ed)?|giv(?:e|es|en)|"
    r"lend|offer(?:s|ed)?|allocat(?:e|es|ed|ing)|distribut(?:e|es|ed)|"
    r"available|support|open(?:ed)?)\b[^.;]{0,60}?\b(?:to|for) (?P<who>(?:(?:the|its|domestic|local|Korean|"
    r"Canadian|small|private|public|early-stage|academic|national) ){0,3}"
    r"(?:start-?ups|universities|researchers|companies|firms|SMEs|schools|students|laboratories|labs|institutes|"
    r"hospitals|academia|businesses|ventures|scientists|enterprises)"
    r"(?:(?:,| and) (?:[a-z-]+ ){0,2}(?:start-?ups|universities|researchers|companies|firms|SMEs|schools|students|"
    r"laboratories|labs|institutes|scientists))*)\b"
)
_TO_NAME: Final = re.compile(r"\b(?:to|for|in|into) (?:the )?\Z")
_GIVES: Final = re.compile(r"\b(?:suppl|provid|grant|award|deliver|sell|sold|ship|invest|lend)")
_TO_WHOM_KO: Final = re.compile(
    r"(?P<who>(?:[가-힣A-Za-z]{1,9}(?:[,·] ?|[과와] )){0,3}(?:스타트업|대학|연구자|기업|중소기업|연구소|학교|학생|"
    r"연구기관|벤처|병원|산학연|연구진|청년))(?:들)?(?:에게|에)(?: |는)"
)


def _recipient(here: Scan, actor: Name | None) -> Name | None:
    """Who receives, where the sentence says so."""
    text = here.sentence
    match = (_TO_WHOM_KO if here.korean else _TO_WHOM).search(text)
    if match:
        return Name(match.start("who"), match.end("who"), "")
    gives = None if here.korean else _GIVES.search(text)
    for name in here.names if gives else ():
        if (
            name is not actor
            and name.start > (gives.start() if gives else 0)
            and _TO_NAME.search(text[max(0, name.start - 10) : name.start])
            and name.form == ""
        ):
            return name
    return None


_INSTRUMENTS: Final = (
    ("subsidy", "subsid|grants?\\b|vouchers?\\b|tax (?:credit|break|incentive)", "보조금|바우처|세액공제"),
    ("purchase", "purchas|procure|buy(?:s|ing)?\\b|bought\\b|orders?\\b", "구매|조달|매입|발주"),
    ("law", "Act\\b|(?:bill|law|legislation|decree|statute)\\b", "법안|특별법|기본법|시행령|법률"),
    (
        "agreement",
        "(?:agreements?|MOU|memorandum|treaty|contracts?|deals?|pact|partnership)\\b",
        "협약|협정|양해각서|계약",
    ),
    ("fund", "funds?\\b", "펀드|기금"),
    ("budget", "budget|earmark|allocat|appropriat", "예산|추경|편성"),
    ("investment", "invest", "투자|투입|출자"),
)
_INSTRUMENT: Final = re.compile(r"\b(?:" + "|".join(f"(?P<{name}>{words})" for name, words, _ in _INSTRUMENTS) + ")")
_INSTRUMENT_KO: Final = re.compile("|".join(f"(?P<{name}>{words})" for name, _, words in _INSTRUMENTS))


def instrument(sentence: str) -> str:
    """By what means, by the first word that says so; "" where none does."""
    match = _INSTRUMENT_KO.search(sentence) or _INSTRUMENT.search(sentence)
    return (match.lastgroup or "") if match else ""
