"""What a number counts, in English and Korean: accelerators, power, compute, people, sites. Around one number, never further.

English looks right, over a few words that describe ("50,000 *of Nvidia's Blackwell* GPUs"); Korean looks at the counter after
the number and for its noun on either side ("GPU 5만 장", "5만 장의 GPU").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dure.mentions.numerals import Numeral

_NANO: Final = 10**9  # compute is counted in FLOP/s over 10^9


@dataclass(frozen=True, slots=True)
class Counted:
    """What stands counted, and how far it is written."""

    start: int  # before the number, where a Korean noun comes first
    end: int
    unit: str
    factor: int = 1
    of: str = ""


_SI: Final = {
    "kilo": 3, "mega": 6, "giga": 9, "tera": 12, "peta": 15, "exa": 18, "zetta": 21,
    "k": 3, "m": 6, "g": 9, "t": 12, "p": 15, "e": 18, "z": 21,
    "킬로": 3, "메가": 6, "기가": 9, "테라": 12, "페타": 15, "엑사": 18, "제타": 21,
}  # fmt: skip
_MEASURE: Final = re.compile(
    r"""[ \u00a0-]?(?:
        (?P<wsign>[㎾㎿])(?![hH시])
      | (?P<wh>(?P<wh_si>[kMGT]|kilo|mega|giga|tera|킬로|메가|기가|테라)(?:Wh|[ ]?watt[- ]?hours?|와트시))
      | (?P<w>(?P<w_si>[kKMGT]|kilo|mega|giga|tera|킬로|메가|기가|테라)(?:We?|Wdc|[ ]?watts?|와트)(?![- ]?hours?|시))
      | (?P<flop>(?:AI[ ])?(?P<flop_si>[TPEZ]|tera|peta|exa|zetta|테라|페타|엑사|제타)(?:[ -]?FLOPS?(?:/s)?|F|플롭스?)(?:\(EF\))?)
      | (?P<bytes>
          (?P<bytes_si>[GTPEZ]|giga|tera|peta|exa|zetta|기가|테라|페타|엑사|제타)(?:i?B|bytes?|바이트)(?!/s|ps|[ ](?:per|a)[ ]second))
    )(?![A-Za-z0-9/])""",
    re.VERBOSE | re.IGNORECASE,
)
_CASED: Final = re.compile(r"[ \u00a0-]?(?:[kKMGT]We?(?:dc|h)?|[TPEZ](?:F|FLOPS?|FLOP/s)|[GTPEZ]i?B)\Z")

_GPU: Final = (
    r"gpus?|graphics processing units?|graphics processors?|graphics cards?|npus?|neural processing units?|tpus?|"
    r"(?:ai|tensor) processing units?|"
    r"(?:ai |gpu |hardware )?accelerators?|(?:gb|b|h|a|mi|gh)\d{2,3}x?s|blackwells|hoppers"
)
_HEADS: Final = {
    "accelerators": _GPU,
    "chips": r"(?:super)?chips?|chipsets?|semiconductors|microprocessors?|processors?",
    "servers": r"servers?|(?:(?:compute|computing|gpu) )?nodes",
    "jobs": r"jobs",
    "people": r"people|persons?|researchers?|scientists?|engineers?|students?|experts?|talents?|specialists?|workers?|employees|"
    r"professionals?|teachers?|developers?|citizens?|participants?|trainees|graduates|scholars?|fellows|personnel|learners|"
    r"civil servants|officials|technicians|phds|postdocs|practitioners|individuals|educators|masters?|staff|"
    r"apprentices|(?:doctoral )?candidates|pupils|nurses|farmers|users|doctors|interns|analysts|managers|entrepreneurs|"
    r"founders|lecturers|professors|postgraduates|undergraduates|residents|adults|children|women|young people|jobseekers|"
    r"britons|koreans|canadians|americans|indians|germans|europeans",
    "organisations": r"start-?ups?|companies|company|firms?|institutions?|institutes?|universit(?:y|"
    r"ies)|organi[sz]ations?|enterprises?|businesses|"
    r"smes?|smbs?|laborator(?:y|ies)|labs?|agencies|hospitals?|schools?|consortia|"
    r"consortiums?|teams?|corporations?|manufacturers?|unicorns?|"
    r"municipalities|colleges?|clinics?|public bodies|ministries|departments|vendors|charities|research groups",
    "sites": r"data[ -]?cent(?:re|er)s?|supercomput(?:er|ing cent(?:re|er))s?|computing cent(?:re|"
    r"er)s?|cent(?:re|er)s?|sites?|facilit(?:y|ies)|"
    r"campus(?:es)?|(?:giga|mega)-?factor(?:y|ies)|factor(?:y|ies)|hubs?|test-?beds?|plants|(?:growth )?zones|"
    r"clusters|(?:super)?computing systems",
    "projects": r"projects?|programmes|programs|initiatives",
    "models": r"(?:foundation |language |ai |base )?models?",
    "countries": r"countries|nations|member states|economies",
}
_HEAD: Final = re.compile("|".join(f"(?P<{unit}>{words})" for unit, words in _HEADS.items()), re.IGNORECASE)
_HYPHENED: Final = ("accelerators", "chips", "servers")  # "a 1,000-GPU cluster", but no "12-person team"
_PIECES: Final = re.compile(r"(?:units|pieces|cards|boards|devices)", re.IGNORECASE)
_DEVICE: Final = re.compile(
    r"(?<![A-Za-z])(?:GPU|NPU|TPU|accelerator|(?:GB|B|H|A|MI|GH)\d{2,3}X?|Blackwell|Hopper|Rubin|Gaudi|RNGD|ATOM|Trainium)",
    re.I,
)
_WORD: Final = re.compile(r"[ \u00a0](?P<word>[A-Za-z0-9](?:[A-Za-z0-9'’&/-]|\.(?=[A-Za-z0-9])){0,30})")
_PART_OF_HEAD: Final = re.compile(r"[ -](?:hours?|days?|cores?|nodes?|servers?|racks?)(?![A-Za-z])", re.IGNORECASE)
_STOP_WORDS: Final = (
    "a an the this that these those its their his her our your my it they we he she i which who whom whose what "
    "and/or as than when while if in on at by to for from with without into over under between among through within "
    "across until since during before after about will would can could may might must shall should has have had is "
    "are was were be been being do does did not per each every all both any some many other but so because also "
    "percent per cent times fold won dollars year month week day hour quarter minute second parameter token billion- "
    "parameter degree point share stake square metre meter kilometre km metric tonne ton nm said says announced plans "
    "plan joined join signed built build use used using get got take took make made out"
)
_STOP: Final = frozenset(_STOP_WORDS.split())
_S_ENDINGS: Final = (
    "business access wireless graphics electronics sciences humanities robotics physics operations systems data-less "
    "us always sports logistics communications services defence class serverless nvidia's"
)
_S_WORDS: Final = frozenset(_S_ENDINGS.split())
_ED_ENDINGS: Final = (
    "advanced skilled specialised specialized dedicated accelerated related certified trained shared distributed united "
    "listed qualified talented selected integrated"
)
_ED_WORDS: Final = frozenset(_ED_ENDINGS.split())
_LABELS: Final = re.compile(
    r"(?:^|[^A-Za-z])(?:phase|track|tier|level|stage|type|version|chapter|article|"
    r"section|figure|fig|table|page|no|nos|step|part|volume|round|"
    r"series|gen|generation|windows|class|category|llama|claude|gemini|qwen|exaone|"
    r"grok|solar|gpt|deepseek|hyperclova|room|floor|number|"
    r"group|world|top|item|annex|horizon|industry|web|covid|g|age|aged|route|grade|gaudi|mach|day)\.?[ \u00a0-]\Z",
    re.IGNORECASE,
)
_DEFINITE: Final = re.compile(
    r"(?:^|[^A-Za-z])(?:the|these|those|both|our|its|their|other|of|all|any)[ ]\Z", re.IGNORECASE
)
_ONE_IN: Final = re.compile(r"(?:one|two|three|four|\d{1,2}) (?:in|out of) (?:every )?\Z", re.IGNORECASE)
_NAME_BEFORE: Final = re.compile(r"[A-Za-z)] [A-Z][A-Za-z]{1,20}[ ]\Z")
_JOINING: Final = re.compile(r"^(?:of (?:the |its )?|or more |more |additional |or so |new )", re.IGNORECASE)
_SMALL_UNITS: Final = frozenset(("people", "organisations", "projects", "models", "countries"))

_COUNTER: Final = re.compile(
    r"[ \u00a0]?여?[ \u00a0]?(?P<counter>개국|개소|개사|개교|개[ ]?(?:기관|기업|대학|"
    r"과제|학교|국가|팀|센터|지역)|여[ ]?개|곳|명(?!령|칭|확|시|분|목|성|예)|인(?=[ .,]|"
    r"\Z|[을이의](?![가-힣]))|장|개|대|기(?![가-힣]{2})|건|종|팀|만[ ]?명)?"
)
_KO_NOUNS: Final = {
    "accelerators": r"GPU|NPU|TPU|그래픽처리장치|신경망처리장치|그래픽카드|(?:AI ?|인공지능 ?)?가속기|"
    r"(?:GB|B|H|A|MI)\d{2,3}X?|블랙웰|호퍼",
    "chips": r"(?:AI ?|인공지능 ?)?(?:반도체|칩)",
    "servers": r"서버|노드",
    "jobs": r"일자리",
    "people": r"인재|인력|연구자|연구원|전문가|학생|개발자|교사|교원|교육생|청년|국민|종사자|"
    r"근로자|석박사|석·박사|수료생|직원|공무원|시민|엔지니어|과학자",
    "organisations": r"스타트업|기업|빅테크|대학원|지자체|기관|대학|연구소|연구실|벤처|유니콘|중소기업|"
    r"회사|학교|병원|업체|컨소시엄|팀",
    "sites": r"데이터 ?센터|컴퓨팅 ?센터|센터|거점|슈퍼컴퓨터|시설|캠퍼스|단지|팩토리|공장",
    "projects": r"과제|프로젝트|사업|프로그램",
    "models": r"(?:AI ?|파운데이션 ?|언어 ?|기초 ?)?모델|모형",
    "countries": r"국가|나라",
}
_KO_NOUN: Final = re.compile("|".join(f"(?P<{unit}>{words})" for unit, words in _KO_NOUNS.items()))
_KO_AFTER: Final = re.compile(r"(?:의|짜리|급)?[ ](?:[A-Za-z0-9가-힣]{1,8}[ ]){0,2}?[가-힣]{0,3}\Z|의?[ ]?\Z")
_SHEETS: Final = re.compile(
    "웨이퍼|사진|이미지|카드|문서|티켓|영상|종이|앨범"
)  # counted by the same word as graphics cards
_KO_SURE: Final = {
    "명": "people", "인": "people", "만명": "people", "만 명": "people", "개국": "countries", "개사": "organisations",
    "개교": "organisations", "개소": "sites", "팀": "organisations",
}  # fmt: skip
_KO_FITS: Final = {  # what a counter is used for, where not for everything
    "장": ("accelerators", "chips"), "대": ("accelerators", "servers", "chips", "sites"), "기": ("accelerators", "servers", "sites"),
    "곳": ("organisations", "sites"), "건": ("projects",), "종": ("models", "chips"),
}  # fmt: skip


_KO_COUNTER: Final = re.compile(r"[ ]?여?[ ]?(?:개(?!월)|명|장|대(?![ ]?초)|곳|건)")
_ROUND: Final = re.compile(
    rf"[ ](?:[A-Z][A-Za-z0-9-]{{1,12}} )?(?:{_GPU}|researchers|people|students|start-?ups|companies)(?![A-Za-z])", re.I
)
_DATED: Final = re.compile(r"(?:in|by|since|from|until|of|year|before|after)[ ]\Z", re.IGNORECASE)


def measure(text: str, numeral: Numeral) -> Counted | None:
    """Power, energy, compute or memory directly after a number ("500 MW", "3기가와트", "6 exaflops")."""
    match = _MEASURE.match(text[numeral.end : numeral.end + 26])
    written = match.group().strip(" -") if match else ""
    if match is not None and match["wsign"]:
        return Counted(numeral.start, numeral.end + match.end(), "W", 10**3 if match["wsign"] == "㎾" else 10**6)
    if match is None or (len(written) <= 4 and written.isascii() and not _CASED.match(match.group())):
        return None
    for group, unit, less in (("wh", "Wh", 0), ("w", "W", 0), ("flop", "FLOP/s/10^9", 9), ("bytes", "bytes", 0)):
        if match[group]:
            factor = 10 ** (_SI[match[f"{group}_si"].lower()] - less)
            return Counted(numeral.start, numeral.end + match.end(), unit, factor)
    return None


def counted(text: str, numeral: Numeral) -> Counted | None:
    """What a number counts, or None where it counts nothing known."""
    year = numeral.like_year and not _KO_COUNTER.match(text, numeral.end) and not _round_count(text, numeral)
    if year or (numeral.form == "short" and text[numeral.end - 1] not in "kKM"):
        return None
    if numeral.value.denominator != 1 or _LABELS.search(text[max(0, numeral.start - 16) : numeral.start]):
        return None
    return _korean(text, numeral) or _english(text, numeral)


def _round_count(text: str, numeral: Numeral) -> bool:
    """Whether a number that looks like a year is a round count: "2000 GPUs", not "in 2000 researchers"."""
    return (
        numeral.base % 500 == 0
        and _ROUND.match(text, numeral.end) is not None
        and not _DATED.search(text[max(0, numeral.start - 12) : numeral.start])
    )


_ELIDED: Final = re.compile(
    r"[ ](?:this|next|last|more|by|in the (?:first|second|next)|a year|for|to|are|is|will|go(?:es)?|from|earlier|currently|today|now|"
    r"at|over|within|units|"
    r"of (?:them|these|which|those))(?![A-Za-z])|[ ]?(?:[.;,)]|\Z)",
    re.IGNORECASE,
)
_ELIDED_UNITS: Final = frozenset(("accelerators", "chips", "people", "servers"))
_NOUN_BEFORE: Final = re.compile(
    rf"(?<![A-Za-z])(?P<noun>{_GPU})(?![A-Za-z])(?: (?:capacity|count|fleet|numbers?|pool|stock|total))?"
    r"(?:,? (?:has |have |will )?(?:reach|reached|grow|grew|rise|rose|increas|expand|to|of|from|nearly|about|over|more|than|"
    r"around|almost|at|least|total|totall?ing|numbered|now|ing|e[ds]?|s|ed|was|is|stands|stood)){1,6} \Z",
    re.IGNORECASE,
)


_NUMBER_OF: Final = re.compile(
    rf"(?<![A-Za-z])number of (?:[A-Za-z-]{{1,14}} ){{0,2}}?(?:{_HEAD.pattern})(?![A-Za-z-])(?: [A-Za-z-]{{1,14}},?){{0,4}}"
    r" (?:to|from|at|of|reach(?:ed)?|than|about|nearly|around) \Z",
    re.IGNORECASE,
)


def elided(text: str, numeral: Numeral, unit: str) -> Counted | None:
    """A number whose noun stands before it: "5,000 GPUs this year and 10,000 next", "its GPU capacity to nearly 40,000".

    `unit` is that of the last sum of the sentence, "" where it was none.
    """
    if numeral.value.denominator != 1 or numeral.like_year or _ELIDED.match(text, numeral.end) is None:
        return None
    left = text[max(0, numeral.start - 70) : numeral.start]
    units = 6 if text.startswith(" units", numeral.end) else 0
    number = _NUMBER_OF.search(left) if "umber of " in left else None
    if number is not None:
        noun = number.lastgroup or ""
        return Counted(numeral.start, numeral.end + units, noun, 1, number.group(noun))
    if not numeral.grouped and numeral.scale < 1000:
        return None
    if unit in _ELIDED_UNITS:
        return Counted(numeral.start, numeral.end + units, unit)
    before = _NOUN_BEFORE.search(left)
    return None if before is None else Counted(numeral.start, numeral.end + units, "accelerators", 1, before["noun"])


def _english(text: str, numeral: Numeral) -> Counted | None:
    """The first noun that is counted, over at most six words that describe it."""
    here, words = numeral.end, 0
    if text[here : here + 1] in ("-", "+"):
        here += 1 if text[here] == "+" else 0
    first = here
    if text[here : here + 1] == "-":
        joined = _HEAD.match(text, here + 1, here + 41)
        if joined is None or joined.lastgroup not in _HYPHENED or _goes_on(text, joined.end()):
            return None
        return _noun(text, numeral, joined, first)
    while words < 7:
        gap = _WORD.match(text, here)
        if gap is None:
            return None
        at = gap.start("word")
        head = _HEAD.match(text, at, at + 40)
        if head is not None and not _goes_on(text, head.end()):
            return _noun(text, numeral, head, first)
        word = gap["word"]
        if _PIECES.fullmatch(word):
            return _pieces(text, numeral, first, gap.end())
        if not _describes(word, words):
            return None
        here, words = gap.end(), words + 1
    return None


def _goes_on(text: str, end: int) -> bool:
    """Whether a noun is only the beginning of a word or a describing part ("model-based", "chip factories")."""
    following = text[end : end + 1]
    if _PART_OF_HEAD.match(text, end):
        return True
    if following.isalnum() or following == "-" or text[end : end + 2] in ("'s", "’s"):
        return True
    after = _HEAD.match(text, end + 1, end + 41) if following == " " else None
    return after is not None and not text[after.end() : after.end() + 1].isalnum() and text[end - 1] != "s"


def _describes(word: str, already: int) -> bool:
    """Whether a word may stand between a number and what it counts."""
    low = word.lower()
    if low == "of":
        return already <= 1
    if low in ("the", "its") and already >= 1:
        return True
    if low == "made":
        return already >= 1
    plural = low.endswith("s") and low.isalpha() and not low.endswith("ss") and low not in _S_WORDS
    past = low.endswith("ed") and low.isalpha() and low not in _ED_WORDS
    return not (low in _STOP or plural or past)


def _noun(text: str, numeral: Numeral, head: re.Match[str], first: int) -> Counted | None:
    """The count of a noun, unless the number only points at things known ("the two countries")."""
    unit, value = head.lastgroup or "", numeral.value
    left = text[max(0, numeral.start - 30) : numeral.start]
    if (numeral.form == "words" and value < 100 and _DEFINITE.search(left)) or _ONE_IN.search(left):
        return None
    if unit in _SMALL_UNITS and value < 3 and (unit != "models" or value < 2):
        return None
    if (
        unit in ("models", "accelerators", "chips", "sites")
        and numeral.plain
        and value < 100
        and _NAME_BEFORE.search(left)
    ):
        return None
    return Counted(numeral.start, head.end(), unit, 1, _described(text[first : head.end()]))


def _described(written: str) -> str:
    """What is counted, without the words that only join it to its number."""
    return _JOINING.sub("", written.strip(" -\u00a0"))


def _pieces(text: str, numeral: Numeral, first: int, end: int) -> Counted | None:
    """ "10,000 H200 units", "10,000 units of the H200": accelerators, where a device is named."""
    rest = text[end : end + 60]
    of = re.match(r"[ ]of[ ](?:the[ ]|its[ ]|[A-Z][A-Za-z]{1,12}(?:'s|’s)?[ ]|latest[ ]|new[ ]|advanced[ ]){0,3}", rest)
    if of is not None:
        device = _DEVICE.match(rest, of.end())
        model = re.match(r"[A-Za-z0-9]{0,12}", rest[device.end() :]) if device else None
        if device is None or model is None:
            return None
        stop = end + device.end() + model.end()
        return Counted(numeral.start, stop, "accelerators", 1, _described(text[first:stop]))
    if _DEVICE.search(text, first, end):
        return Counted(numeral.start, end, "accelerators", 1, _described(text[first:end]))
    return None


def _korean(text: str, numeral: Numeral) -> Counted | None:
    """What a Korean counter and the nouns beside it say."""
    match = _COUNTER.match(text, numeral.end, numeral.end + 12)
    counter = match["counter"] if match else None
    if match is None or counter is None or text.startswith("당 ", match.end()):
        return None
    end = match.end()
    if counter in _KO_SURE:
        return Counted(numeral.start, end, _KO_SURE[counter], 1, _beside(text, numeral.start, end, _KO_SURE[counter]))
    inside = _KO_NOUN.search(counter)
    if inside is not None:
        return Counted(numeral.start, end, inside.lastgroup or "", 1, inside.group())
    fits = _KO_FITS.get(counter, tuple(_KO_NOUNS))
    right, near = _noun_right(text, end), _noun_left(text, numeral.start)
    touches = near is not None and text[near.end() : numeral.start] in (" ", "", "을 ", "를 ")
    if right is not None and touches and text[end : right.start()].strip() not in ("", "의"):
        right = None  # "유니콘 기업 10개 육성과 인재": what stands before it is counted
    if right is not None and right.lastgroup in fits:
        return Counted(numeral.start, right.end(), right.lastgroup or "", 1, right.group())
    if near is not None and near.lastgroup in fits:
        return Counted(numeral.start, end, near.lastgroup or "", 1, near.group())
    if counter == "곳":
        return Counted(numeral.start, end, "sites")
    around = text[max(0, numeral.start - 120) : numeral.start + 120]
    sheets = counter == "장" and numeral.value >= 1000 and not _SHEETS.search(around)
    if sheets or (counter in ("장", "개") and numeral.value >= 100 and "GPU" in around):
        return Counted(numeral.start, end, "accelerators", 1, "GPU" if "GPU" in around else "")
    return None


def _noun_right(text: str, end: int) -> re.Match[str] | None:
    """The noun after a counter, over at most two words: "5만 장의 최신 GPU", "5개 모델"."""
    match = _KO_NOUN.search(text, end, min(len(text), end + 18))
    if match is None or not _KO_AFTER.fullmatch(text, end, match.start()):
        return None
    return match


def _noun_left(text: str, start: int) -> re.Match[str] | None:
    """The last noun before a number in the same stretch: "최신 GPU를 총 5만 장"."""
    left = max(text.rfind(mark, max(0, start - 22), start) for mark in (",", ".", "(", "·\n"))
    found: re.Match[str] | None = None
    for match in _KO_NOUN.finditer(text, max(0, start - 22, left + 1), start):
        found = match
    return None if found is not None and text[found.end() : found.end() + 1] == "에" else found


def _beside(text: str, start: int, end: int, unit: str) -> str:
    """The noun of a counter that needs none, as written."""
    for match in (_noun_right(text, end), _noun_left(text, start)):
        if match is not None and match.lastgroup == unit:
            return match.group()
    return ""
