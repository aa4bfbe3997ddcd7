"""How a sentence stands to what it says, by rules with ids. Pure, and linear in the length of the sentence.

The classes, so that two readers agree:

* **commitment**: an actor binds itself or its budget. It will do the thing, has decided, agreed or contracted to, allocates,
  earmarks or budgets the sum, announces the investment, or is due to deliver. An allocation that was already made stays a
  commitment: the money is bound, not yet shown as spent. In Korean "투입할 계획이다", "할 예정이다" bind as well.
* **aim**: a target, a plan or a wish. It aims, plans, seeks, hopes, wants, proposes; a goal, vision or target is named; or a thing
  of the past was founded *to* do it. A result beside a commitment ("will invest ... to become") is an aim.
* **fact**: reports what was or is: spent, opened, supplied, stands at, controls. No promise.
* **opinion**: judges, argues, expects something of others, or forecasts (should, must, could cost, is expected to, experts warn).
  Who says it does not matter; an actor's own plan is no forecast.
* **unclear**: open. Considered, negotiated, under review, hanging on a vote, something that somebody may or may not do; or none
  of these can be told. People look at it.

One sentence may hold several: the class is that of the clause in which the sum stands. English is read from the verb that
has the sum as its subject, else from the nearest governing verb on its left; Korean from the first predicate on its right that
does not only describe a noun. Saying-verbs ("said that", "밝혔다") are looked through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dure.mentions.cues import ENGLISH, GATHER, KOREAN, KOREAN_CUES, SAID, english_matches
from dure.mentions.model import Amount, Kind, Party, Period, Stance

_C, _A, _F, _O = Stance.COMMITMENT, Stance.AIM, Stance.FACT, Stance.OPINION


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that tell a stance, and where they stand."""

    start: int
    end: int
    rule: str


_WEAK: Final = re.compile(
    r"\b(?:is|are|has|have|does|do|uses?|relies|makes?|supports?|provides?|offers?|stood|being|with|delivers?|"
    r"draws?|covers?|spans?|"
    r"accounts?|reported|features?|packs|handles|manages|employs|counts|needs?|costs?|brings?|gets?|works?|wins?|"
    r"shows?|exceeds?|equal|adds?|follows?|arrives?|ends?|runs?|starts?|begins?|goes|comes?|takes?|gives?|pays?|"
    r"rises?|falls?|"
    r"grows?|lies|stands|sits|holds?|joins?|opens?|serves?|receives?|leaves?)\b"
)
_VERB: Final = re.compile(
    r"[a-z]{3,}(?:ed|(?<![su'])s) (?:an?|the|its|their|about|more|over|some|by|to|up|in|on|at|for|with|from|[0-9$€£¥₹])"
)
_EN_SPEAKERS: Final = re.compile(
    r"\b(?:experts?|analysts?|critics?|observers|economists?|commentators?|skeptics|sceptics|professors?|"
    r"opposition|campaigners|"
    r"researchers|academics|columnist|think-tanks?|lobby)\b[^.;]{0,80}?\b(?:says?|said|warn(?:s|ed)?|"
    r"argu(?:es?|ed)|believes?|believed|expects?|expected|caution(?:s|ed)?|"
    r"predict(?:s|ed)?|estimates?|estimated|think|thinks|question(?:s|ed)?|note[ds]?|point(?:s|ed)? out|call(?:s|"
    r"ed)? for|urged?|doubt)\b"
    r"|, (?:[a-z'-]{1,20} ){1,6}(?:fears?|reckons?|believes?|thinks?|predicts?|warns?|argues?|suspects?)\W{0,3}$"
    r"|\baccording to (?:\w+ ){0,3}(?:experts?|analysts?|critics|observers|economists)\b"
)
_SPEAKER_WORDS: Final = """
expert analyst critic observer economist commentator skeptic sceptic professor opposition campaigner researchers
academics columnist
think-tank lobby fear reckon believe think predict warn argue suspect
전문가 일각 교수 비평가 애널리스트 시민단체 야당 학계 논설 사설 연구위원 관계자들
"""
_SPEAKERS: Final = tuple(_SPEAKER_WORDS.split())
_EN_AFTER_AIM: Final = re.compile(
    r"[^,;.]{0,32}?\b(?:targets?|goals?|aim|ambition)\b(?! (?:by|of) [a-z]* ?(?:was|met))"
)
_SAYING: Final = re.compile(r"\b" + SAID + r"\b")


_LEADING: Final = frozenset(
    (
        "en-undecided", "en-will", "en-would", "en-judge", "en-forecast", "en-plan", "en-plan-to", "en-due",
        "en-headline", "en-aim", "en-decided", "en-told-plan", "en-announced-plan",
    )
)  # fmt: skip
_COMPLETED: Final = re.compile(r"(?: (?:to|be|have|been|not|also|now|further|help|jointly|[a-z]{2,12}ly)){0,4} ?")


_KO_SPEAKERS: Final = re.compile(
    r"(?:전문가|일각|교수|비평가|애널리스트|시민단체|야당|학계|논설|사설|연구위원|관계자들)[가-힣]{0,3}[^.]{0,120}?"
    r"(?:지적|주장|우려|비판|촉구|내다|분석|전망|평가|꼬집|목소리|제언|의견|봤다|보고 있다|입을 모)"
)
_KO_LEFT: Final = re.compile(
    r"(?P<aim>목표|비전)|(?P<budget>예산|기금|사업비|투자액|추경|계획)|(?P<view>전망|예상|관측)"
)
_HANGUL: Final = re.compile("[가-힣]")
_MONTH: Final = re.compile(r"(?<=[a-z0-9,] )May(?![a-z])")
_LOWER: Final = {at: at + 32 for at in range(65, 91)} | {ord("’"): "'"}
_RESULTS: Final = (Kind.SHARE, Kind.RANK, Kind.MULTIPLIER)

# Rules that say something is to be done: what makes a sentence without a sum a milestone.
PROMISING: Final = frozenset(
    (
        "en-will", "en-plan", "en-plan-to", "en-due", "en-decided", "en-told-plan", "en-announced-plan", "en-aim",
        "en-aim-plan", "en-contract", "en-said-would",
        "en-budget", "ko-decided", "ko-plan", "ko-will", "ko-present", "ko-aim", "ko-budget",
    )
)  # fmt: skip
_SOFT: Final = frozenset(
    ("en-goal", "en-purpose", "en-plans", "en-was", "en-spends", "en-headline", "en-sums", "en-since")
)


def stance(sentence: str, amount: Amount | None, period: Period | None, actor: Party | None) -> tuple[Stance, str]:
    """The stance of the clause around `amount` (spans count in the sentence; without one, of the main clause), and its rule's id."""
    read = _read(sentence)
    if read.speaker:
        return _O, read.speaker
    return _korean(read, amount) if read.korean else _english(read, amount, period, actor)


def cues(sentence: str) -> tuple[Cue, ...]:
    """The words of a sentence that tell a stance, in order, those that are looked through left out."""
    return _read(sentence).cues


@dataclass(frozen=True, slots=True)
class _Read:
    """A sentence with small letters, its cues, the rule by which all of it is somebody's opinion, or "", and if it is open."""

    text: str
    korean: bool
    cues: tuple[Cue, ...]
    speaker: str
    hangs: bool  # on a decision that is yet to be made


@lru_cache(maxsize=4)  # a sentence is asked about once for each of its sums
def _read(sentence: str) -> _Read:
    korean = len(_HANGUL.findall(sentence)) * 4 > len(sentence)
    text = _MONTH.sub("m-y", sentence).translate(_LOWER)  # no "may"
    for short in ("ll", "re", "m") if "'" in text else ():
        text = text.replace(f"'{short} ", f" {short} ")  # "we'll", "we're"; as long as before
    rules, matches = (KOREAN, KOREAN_CUES.finditer(text)) if korean else (ENGLISH, english_matches(text))
    found: list[Cue] = []
    for match in matches:
        rule, sort, _ = rules[int((match.lastgroup or "r0")[1:])]
        if sort is not None and not (found and _led(text, found[-1], match.start())):
            found.append(Cue(match.start(), match.end(), rule))
    spoken = any(word in text for word in _SPEAKERS)
    speaks = spoken and (_KO_SPEAKERS.search(text) if korean else _EN_SPEAKERS.search(text))
    hangs = not korean and _OPEN.search(text) is not None
    return _Read(text, korean, tuple(found), ("ko-speaker" if korean else "en-speaker") if speaks else "", hangs)


def _led(text: str, last: Cue, start: int) -> bool:
    """Whether the verb at `start` only completes the one before it: "may *cost*", "is expected to *reach*", "will be *spent*"."""
    return last.rule in _LEADING and _COMPLETED.fullmatch(text, last.end, start) is not None


_STANCES: Final = {rule: sort for rule, sort, _ in (*ENGLISH, *KOREAN) if sort is not None}


def _english(read: _Read, amount: Amount | None, period: Period | None, actor: Party | None) -> tuple[Stance, str]:
    text, found = read.text, read.cues
    if read.hangs:
        return Stance.UNCLEAR, "en-if-approved"
    cue = _main(found, actor) if amount is None else _governing(text, found, amount)
    if isinstance(cue, tuple):
        return cue
    if cue is None:
        if _WEAK.search(text):
            return _F, "en-is"
        return (_F if _VERB.search(text) else Stance.UNCLEAR), ""
    planned = cue.rule in ("en-due", "en-announced-plan") and amount is not None and amount.kind in _RESULTS
    if planned and amount is not None and _RAISES.search(text, cue.end, amount.span.start):
        return _A, "en-aim-plan"
    counted = amount is not None and amount.kind not in _RESULTS
    if cue.rule == "en-aim-plan" and counted and text.startswith("will ", cue.start):
        return _C, "en-will"
    if cue.rule == "en-available" and amount is not None and amount.kind is not Kind.MONEY:
        return _F, cue.rule
    return _weighed(text, cue, period)


def _governing(text: str, found: Sequence[Cue], amount: Amount) -> Cue | tuple[Stance, str] | None:
    """The cue on which a sum depends, or at once a stance where the words right beside the sum tell it."""
    start, end = amount.span.start, amount.span.end
    begin, stop = _clause(text, amount)
    left = [one for one in found if begin <= one.start and one.end <= start]
    right = [one for one in found if end <= one.start < stop]
    after = _EN_AFTER_AIM.match(text, end)
    if (
        after
        and "-" not in text[end : end + 1]
        and not (right and right[0].end < after.end() and right[0].rule != "en-goal")
    ):
        return _A, "en-goal"
    if right and (_is_subject(text, begin, amount, right[0]) or _bound(text, amount, right[0])):
        judged = len(right) > 1 and right[1].rule == "en-judge" and right[1].start - right[0].end < 16
        return right[1] if judged and _STANCES[right[0].rule] is _F else right[0]
    if _BASE.search(text[max(0, start - 30) : start]) or (
        text[:start].endswith("from ") and text.startswith(" to ", end)
    ):
        return _F, "en-from"
    cue = _passed_by(text, left, left[-1] if left else right[0] if right else None)
    if cue is None and _HELD_OUT.search(text, begin, start):
        return _A, "en-purpose"
    if cue is None or cue.start >= end:
        return cue
    return _upward(text, left, cue, amount, right)


def _upward(text: str, left: Sequence[Cue], cue: Cue, amount: Amount, right: Sequence[Cue]) -> Cue | tuple[Stance, str]:
    """The cue on a sum's left, or the one above it, where it is only a noun, an infinitive or a clause that describes."""
    above = left[-2] if len(left) > 1 and left[-1] is cue else None
    apart = above is None or "," in text[above.end : cue.start]
    if _STANCES[cue.rule] is _F:
        return _deed(text, cue, amount) or cue
    if cue.rule == "en-headline" and above is not None:
        if above.rule == "en-was" and not apart:
            return _deed(text, above, amount) or above
        return next((one for one in reversed(left[:-1]) if one.rule not in ("en-was", "en-headline")), cue)
    if cue.rule == "en-sums":
        if _IS.match(text, amount.span.end):
            return _F, "en-is"
        if right and right[0].rule not in _NO_VERBS and _OWN_NOUN.fullmatch(text, amount.span.end, right[0].start):
            return right[0]
        return cue if above is None or apart or " with " in text[above.end : cue.start] else above
    described = cue.rule == "en-will" and text[: cue.start].endswith((" that ", " which "))
    if described and above is not None and not apart and _STANCES[above.rule] is _A:
        return above
    if amount.kind in _RESULTS and _STANCES[cue.rule] is _C and _SO_AS.search(text, cue.end, amount.span.start):
        return _A, "en-purpose"
    return cue


_BASE: Final = re.compile(
    r"(?:\b(?:this|last|current|previous) (?:fiscal |financial )?year's |\b(?:the|its) (?:existing|current|present) )$"
)
_SO_AS: Final = re.compile(r"[a-z0-9] to (?:increase|raise|expand|lift|boost|grow|multiply|scale|cut|reduce|lower)\b")
_OPEN: Final = re.compile(
    r"\b(?:if (?:it is |they are |it were )?(?:approved|passed|confirmed|adopted|ratified|granted|parliament|"
    r"lawmakers)|"
    r"(?:subject to|pending|awaiting|awaits?|conditional on|contingent on) (?:[a-z’'-]+ ){0,4}?(?:approval|decision|"
    r"vote|consent|review)|"
    r"reportedly (?:plan|planning|plans|in talks|considering|weighing|preparing|looking|seeking)|"
    r"(?:has|have) not (?:yet )?been (?:decided|confirmed|approved|finali[sz]ed|settled)|(?:is|are|was) (?:not |"
    r"still not |un)known|remains? (?:undecided|"
    r"unclear|open|unconfirmed|to be))\b"
)
_BOUNDARY: Final = re.compile(
    r"(?:^|"
    r"[,;:—–(“\"]|\b(?:that|and|but|while|as|where|when|whereas|though|although|said|says|confirmed|announced|means|"
    r"because|"
    r"which|with|plus))\s*(?:(?:the|a|an|another|additional|further|some|about|around|up to|more than|over|at least|"
    r"almost|nearly|only|"
    r"just|roughly|approximately|first|remaining|final|other|initial|total of|of|this|that|these|those|extra|whole|"
    r"full|new|"
    r"larger|biggest|portion|part|significant|as much as|as many as)\s+){0,6}$"
)
_IS: Final = re.compile(r" (?:is|was|are|were) (?:an?|the|only|just|about|less|more|small|equal|among)\b")
_OWN_NOUN: Final = re.compile(r"(?:[ -](?!and\b|which\b|who\b|that\b|to\b|but\b|while\b|as\b)[a-z0-9’'()]+){0,8} ?$")
_DEEDS: Final = re.compile(  # what only begins a thing: its purpose lies ahead
    r"(?:launched|introduced|created|establish(?:ed)?|set up|published|raised|unveiled|revealed|presented|announced|"
    r"founded|formed|"
    r"requested|asked|opened|teamed|was|is|were)$"
)
_CHEST: Final = re.compile(
    r"[ -](?:[a-z-]+ ){0,4}?(?:funds?|programmes?|programs?|packages?|investments?|initiatives?|schemes?|pledges?|"
    r"commitments?|strategy|"
    r"units?|grants?|subsid(?:y|ies)|funding|drive|push|mission|facility|calls?|tenders?|missions?|budget)\b"
)
_HELD_OUT: Final = re.compile(GATHER + r"\b")
_CHOSEN: Final = re.compile(
    r"(?:selected|chosen|chose|picked|named|hired|appointed|commissioned|tapped|tasked|contracted)$"
)


_NO_VERBS: Final = frozenset(("en-headline", "en-plan-to", "en-plans", "en-sums", "en-goal", "en-purpose", "en-since"))


def _is_subject(text: str, begin: int, amount: Amount, cue: Cue) -> bool:
    """Whether a sum is what the verb on its right is said of: "said £750 million of funding will go to"."""
    start, end = amount.span.start, amount.span.end
    if cue.start - end > 60 or cue.rule in _NO_VERBS:
        return False
    return (
        _OWN_NOUN.fullmatch(text, end, cue.start) is not None
        and _BOUNDARY.search(text[max(begin, start - 60) : start]) is not None
    )


def _bound(text: str, amount: Amount, cue: Cue) -> bool:
    """Whether a participle on a sum's right says what became of it: "$2 billion earmarked for", "€1 billion in aid spent on"."""
    participle = cue.rule in ("en-budget", "en-decided") and " " not in text[cue.start : cue.end].removesuffix(" to")
    return participle and re.fullmatch(r"(?: in)?(?: [a-z]+){0,2} ", text[amount.span.end : cue.start]) is not None


def _deed(text: str, cue: Cue, amount: Amount) -> tuple[Stance, str] | None:
    """What a verb of the past leaves open: a fund that was launched is bound money, what it was launched *to* do an aim."""
    between = text[cue.end : amount.span.start]
    purpose = _HELD_OUT.search(between)
    deed = text[cue.start : cue.end]
    if purpose and _CHOSEN.search(deed):
        return _C, "en-chosen"
    if purpose and _DEEDS.search(deed):
        return _A, "en-purpose"
    if amount.kind is Kind.MONEY and _DEEDS.search(deed) and len(between) < 60:
        return (_C, "en-fund") if _CHEST.match(text, amount.span.end) else None
    return None


_RAISES: Final = re.compile(r"\b(?:rais|increas|expand|lift|boost|grow|cut|reduc|lower|multipl|scal)")


def _clause(text: str, amount: Amount) -> tuple[int, int]:
    """The part of a sentence between semicolons that holds a sum."""
    end = text.find(";", amount.span.end)
    return text.rfind(";", 0, amount.span.start) + 1, len(text) if end < 0 else end


def _passed_by(text: str, left: list[Cue], cue: Cue | None) -> Cue | None:
    """The governing cue, past those in a phrase that only describes ("will spend on chips *used* in")."""
    for one in reversed(left):
        if one.rule != "en-was" or text[one.start - 5 : one.start] not in (" that", "which"):
            return one
    return cue


def _main(found: Sequence[Cue], actor: Party | None) -> Cue | None:
    """The first cue after the actor that says something is to be done or judges it, else the first one."""
    after = [one for one in found if actor is None or one.start >= actor.span.end] or found
    return next((one for one in after if one.rule not in _SOFT), after[0] if after else None)


_ACT: Final = re.compile(
    r" (?:be (?:[a-z]{3,14}ed|spent|built|put|bought|set)|invest|spend|build|buy|provide|fund|supply|open|install)\b"
)
_EVERY: Final = re.compile(
    r"\b(?:(?:a|per|each|every) (?:year|month|day)|annually|yearly|currently|already|so far|to date)\b"
)


_PLANNED: Final = re.compile(
    r"(?:under|according to|in) (?:the|its|this|their) (?:[a-z-]+ )?(?:roadmap|plan|strategy|blueprint)\b"
)


_PLAN_SAYS: Final = re.compile(
    r", (?:the|its|their) (?:[a-z]+ )?(?:roadmap|plan|strategy|blueprint) (?:says|states|reads)\b"
)


def _weighed(text: str, cue: Cue, period: Period | None) -> tuple[Stance, str]:
    if cue.rule == "en-would":
        said = _SAYING.search(text, 0, cue.start) or (_ACT.match(text, cue.end) and _SAYING.search(text, cue.end))
        return (_C, "en-said-would") if said else (_O, cue.rule)
    if cue.rule == "en-judge" and (_PLANNED.search(text, 0, cue.start) or _PLAN_SAYS.search(text, cue.end)):
        return _A, "en-meant"
    if cue.rule == "en-spends" and _EVERY.search(text):
        return _F, cue.rule
    return _STANCES[cue.rule], cue.rule


def _korean(read: _Read, amount: Amount | None) -> tuple[Stance, str]:
    text, found = read.text, read.cues
    if amount is None:
        promising = [one for one in found if one.rule in PROMISING or _STANCES[one.rule] is _O]
        cue = promising[-1] if promising else found[-1] if found else None
        return (_STANCES[cue.rule], cue.rule) if cue else (Stance.UNCLEAR, "")
    beside = _beside_ko(text, amount)
    if beside is not None:
        return beside
    if _KO_IF.search(text, 0, amount.span.start):
        return Stance.UNCLEAR, "ko-if-approved"
    right = [one for one in found if one.start >= amount.span.end]
    cue = _predicate(text, [one for one in right if one.rule != "ko-is"])
    left = next(iter(reversed(list(_KO_LEFT.finditer(text, 0, amount.span.start)))), None)
    if cue is None:
        act = _KO_ACT.match(text, amount.span.end)
        return (
            (_C, "ko-act")
            if act and not (left and left.lastgroup == "view")
            else _noun(left, bool(right), text[max(0, amount.span.start - 30) : amount.span.start])
        )
    between = text[amount.span.end : cue.start]
    if cue.rule == "ko-plan" and amount.kind in _RESULTS and _KO_RAISES.search(between):
        return _A, "ko-aim"
    if _KO_CONTAINED.match(text, cue.start - 2) and _KO_BUDGET.search(text, 0, amount.span.start):
        return _C, "ko-budget"
    return _STANCES[cue.rule], cue.rule


_KO_BUDGET: Final = re.compile("예산|추경")
_KO_CONTAINED: Final = re.compile(".?.?(?:포함|들어|넣었|실렸|실었)")
_KO_RAISES: Final = re.compile("높|끌어올|올릴|진입|도약|늘릴|늘려|확대|키울|줄일|달성|채울|채우")
_KO_ACT: Final = re.compile(  # "2조원 투입", and "6만 장이 투입되는 사업이다"
    r"(?:이|가|을|를|의|은|는)?[^.]{0,12}?(?:투입|투자|지원|구축|확보|공급|도입|조성|출자|편성|배정|증액|양성|매입|"
    r"구매|들어가)"
    r"(?:되는|하는|될|할|는|키로|(?=$|[…,.·\s](?!에|의|으로|로|목표|전망|필요|검토|추진)))"
)
_KO_FOR: Final = re.compile("(?:투입|투자|지원|구축|확보|공급|도입|설치|배정|들어가)(?:되는|하는|될|할|는)")
_KO_IF: Final = re.compile("(?:통과|확정|승인|의결|채택)(?:되면|하면|될 경우|할 경우)")
_KO_GOAL: Final = re.compile(r"목표(?:인|치인|로 한|로 삼은|로 잡은)? $")
_KO_BASE: Final = re.compile(r"(?:에서 (?=[^.]{0,14}[0-9])|보다 |(?:과|와) 비교하)")
_KO_BESIDES: Final = re.compile(r"(?: 규모)? ?(?:외에|이외에|에 더해|에 이어|을 넘어|를 넘어|에 비해|대비)")
_KO_HELD: Final = re.compile(
    r"(?:확보|구매|투입|도입|편성|보유|구축|집행|지원|투자|공급|운영)(?:한|된|했던|하던|하고 있는|해 온|"
    r"해온) (?:[가-힣A-Za-z]{1,12} ){0,2}$"
)


def _beside_ko(text: str, amount: Amount) -> tuple[Stance, str] | None:
    """What the words right beside a Korean sum say of it: a goal, what it rises from, what is there already."""
    before = text[max(0, amount.span.start - 40) : amount.span.start]
    if _KO_GOAL.search(before):
        return _A, "ko-goal"
    if _KO_BASE.match(text, amount.span.end):
        return _F, "ko-from"
    if _KO_BESIDES.match(text, amount.span.end) and _KO_HELD.search(before):
        return _F, "ko-held"
    return None


def _predicate(text: str, right: Sequence[Cue]) -> Cue | None:
    """The predicate that a sum depends on: past one that only describes a noun, and up to the verb that judges what is quoted."""
    for at, one in enumerate(right):
        following = right[at + 1] if at + 1 < len(right) else None
        if following is None or following.start - one.end > 24:
            return one
        gap = text[one.end : following.start]
        if not gap.strip() and text.startswith("것", following.start):
            continue  # "투자될 것으로 예상"
        if gap.startswith("는 ") or text[one.end - 2 : one.end] in ("하는", "다는"):
            continue  # "확보한다는 목표", "85%에 해당하는 금액"
        if text[one.end : one.end + 1] in ("고", "며") or text[one.end - 1] in "고라":
            judged = following.rule in ("ko-forecast", "ko-judge", "ko-undecided") and len(gap) < 14
            return following if judged else one
        return one
    return None


def _noun(left: re.Match[str] | None, copula: bool, before: str) -> tuple[Stance, str]:
    """The stance of a sentence that ends in a noun or "is", by what it says is so much: "목표는 10%다"."""
    if copula and (left is None or left.lastgroup != "view") and _KO_FOR.search(before):
        return _C, "ko-act"
    if left is None:
        return (_F, "ko-is") if copula else (Stance.UNCLEAR, "")
    return {"aim": (_A, "ko-aim"), "budget": (_C, "ko-budget"), "view": (_O, "ko-forecast")}[left.lastgroup or "view"]
