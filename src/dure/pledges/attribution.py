"""Who made what: a few facts with their sources, and the places of pages that credit somebody else.

Each fact was held against a stored copy of a public text on 2026-11-22. Read at the source that is named: DeepSeek and LG AI
Research in their repositories, Alibaba in that of Qwen ("proposed by Alibaba Cloud"), Meta in its announcement, a newspaper on
NAVER Cloud's report. Read in copies elsewhere of the source that is named: OpenAI's announcement of ChatGPT, and the title pages
of the reports on GPT-4 (OpenAI) and Gemini ("Gemini Team, Google"). That High-Flyer founded DeepSeek is from the press. What no
fact names is judged by the pages alone: where one credits another company than the rest, both are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from dure.mentions.model import Document, Span


@dataclass(frozen=True, slots=True)
class Fact:
    """Who made a thing, with a public source that says so. `names` and `makers` are in small letters."""

    maker: str  # as shown
    names: tuple[str, ...]
    makers: tuple[str, ...]  # who may be credited: what the maker is a part of, too
    source: str


@dataclass(frozen=True, slots=True)
class Credit:
    """A place of a page that says who made a thing; both by their English names in small letters."""

    document: Document
    span: Span
    thing: str
    maker: str

    @property
    def said(self) -> str:
        """As written, in one line."""
        return " ".join(self.document.text[self.span.start : self.span.end].split())


@dataclass(frozen=True, slots=True)
class Misattribution:
    """A place of a page that contradicts a fact, and why."""

    span: Span
    fact: Fact
    why: str


FACTS: Final = (
    Fact("DeepSeek", ("deepseek",), ("deepseek", "high-flyer"), "https://github.com/deepseek-ai/DeepSeek-R1"),
    Fact("Alibaba", ("qwen",), ("alibaba",), "https://github.com/QwenLM/Qwen"),
    Fact("OpenAI", ("chatgpt",), ("openai",), "https://openai.com/index/chatgpt/"),
    Fact("OpenAI", ("gpt-4",), ("openai",), "https://arxiv.org/abs/2303.08774"),
    Fact("Google", ("gemini",), ("google",), "https://arxiv.org/abs/2312.11805"),
    Fact("Meta", ("llama",), ("meta",), "https://ai.meta.com/blog/large-language-model-llama-meta-ai/"),
    Fact("NAVER", ("hyperclova", "hyperclovax"), ("naver",), "https://m.ajunews.com/view/20240404093245744"),
    Fact("LG AI Research", ("exaone",), ("lg",), "https://github.com/LG-AI-EXAONE/EXAONE-3.0"),
)
_COMPANY_WORDS: Final = """
alibaba baidu tencent huawei bytedance openai google microsoft meta anthropic nvidia amd intel amazon apple samsung naver kakao
lg upstage mistral xai deepseek zhipu moonshot rebellions furiosaai qualcomm high-flyer
"""
_OTHER_NAMES: Final = {
    "deepmind": "google", "facebook": "meta", "알리바바": "alibaba", "바이두": "baidu", "텐센트": "tencent", "화웨이": "huawei",
    "구글": "google", "메타": "meta", "마이크로소프트": "microsoft", "엔비디아": "nvidia", "네이버": "naver", "카카오": "kakao",
    "딥시크": "deepseek", "삼성전자": "samsung", "업스테이지": "upstage", "오픈ai": "openai", "큐원": "qwen", "제미나이": "gemini",
    "라마": "llama", "하이퍼클로바": "hyperclova", "엑사원": "exaone", "챗gpt": "chatgpt",
}  # fmt: skip
_BETWEEN_WORDS: Final = """
ai app large language open-source open source new latest reasoning generative was is were developed built created made released
launched unveiled trained the a its own flagship low-cost v2 v3 r1 인공지능
"""
_COMPANIES: Final = frozenset(_COMPANY_WORDS.split())
_PRODUCTS: Final = frozenset(
    ["model", "models", "chatbot", "llm", "assistant", "chip", "chips", "모델", "챗봇", "반도체"]
)
_BETWEEN: Final = _PRODUCTS.union(_BETWEEN_WORDS.split())
_MADE: Final = frozenset(
    ("developed", "built", "created", "made", "trained", "개발한", "만든", "공개한", "출시한", "내놓은")
)
_RIVAL: Final = frozenset(
    ("rival", "rivals", "competitor", "alternative", "challenger", "killer", "clone", "moment", "경쟁자", "대항마")
)
_TOKEN: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9-]{0,40}(?:\.\d[A-Za-z0-9-]{0,20})?|(?:오픈AI|챗GPT)[가-힣]{0,4}|[가-힣]{1,20}|[.!?\n]"
)
_PARTICLE: Final = re.compile(r"(?<=[가-힣a-z]{2})(?:의|가|이|은|는|을|를|와|과|도)$")
_NUMBER: Final = r"[0-9][0-9.]{0,4}[a-z]?"
_VERSION: Final = re.compile(rf"(?:o|{_NUMBER})?(?:-(?:[a-z]?{_NUMBER}|chat|pro|ultra|turbo|flash|nano|mini))*")
_KNOWN: Final = re.compile(rf"(?P<name>{'|'.join(name for fact in FACTS for name in fact.names)}){_VERSION.pattern}")
_CLASS_WORDS: Final = """
chinese korean american japanese european canadian french indian taiwanese german british israeli domestic foreign foundation
frontier national global sovereign hbm gpu npu cpu tpu dram memory small
"""
_NO_THINGS: Final = _COMPANIES | _BETWEEN | frozenset(_CLASS_WORDS.split())  # a class of products is no name of one
_REACH: Final = 8  # words between a thing and who it is credited to


@dataclass(frozen=True, slots=True)
class _Token:
    written: str  # as it stands there
    name: str  # its English name in small letters, without a particle
    start: int
    end: int


def misattributions(document: Document) -> list[Misattribution]:
    """The places of a page's prose that credit a thing of `FACTS` to another company than the one that made it."""
    return [
        Misattribution(one.span, fact, f"the page says “{one.said}”; it was made by {fact.maker} ({fact.source})")
        for one in credits_in(document)
        for fact in (_FACT_OF.get(one.thing),)
        if fact is not None and one.maker not in fact.makers
    ]


def contradicting(documents: Iterable[Document]) -> list[tuple[Credit, Credit]]:
    """Places of two documents that credit one thing to two companies, where no fact says whose it is; each company once."""
    first: dict[str, dict[str, Credit]] = {}
    for document in documents:
        for one in credits_in(document):
            if one.thing not in _FACT_OF:
                first.setdefault(one.thing, {}).setdefault(one.maker, one)
    return [
        (one, other)
        for by_maker in first.values()
        for one, other in combinations(by_maker.values(), 2)
        if one.document.sha256 != other.document.sha256
    ]


def credits_in(document: Document) -> Iterator[Credit]:
    """The places of a page's prose that say which company made a thing.

    Only plain forms count ("the THING model by COMPANY", "COMPANY's THING", "COMPANY developed THING"); a rival of a thing,
    or somebody who uses it, is no maker. A thing is one of `FACTS`, or a name before a word such as "model" or "chip".
    """
    for begin, end in document.prose or ((0, len(document.text)),):
        for line in _LINE.finditer(document.text, begin, end):
            small = line[0].casefold()
            if any(name in small for name in _MAKERS) and any(name in small for name in _THINGS):
                yield from _credits(document, *line.span())


def _credits(document: Document, begin: int, end: int) -> Iterator[Credit]:
    tokens = [_token(match) for match in _TOKEN.finditer(document.text, begin, end)]
    for place, token in enumerate(tokens):
        thing = _thing(tokens, place)
        if not thing:
            continue
        after = _credited_after(tokens, place)
        credited = _credited_before(document.text, tokens, place) if after is None else after
        if credited is not None and tokens[credited].name != thing:
            by = tokens[credited]
            yield Credit(document, Span(min(token.start, by.start), max(token.end, by.end)), thing, by.name)


_FACT_OF: Final = {name: fact for fact in FACTS for name in fact.names}


_LINE: Final = re.compile(r"[^\n]+")
_MAKERS: Final = (*_COMPANIES, *(name for name, of in _OTHER_NAMES.items() if of in _COMPANIES))
_THINGS: Final = (*_FACT_OF, *_PRODUCTS, *(name for name, of in _OTHER_NAMES.items() if of in _FACT_OF))


def _token(match: re.Match[str]) -> _Token:
    whole = match[0].casefold()
    name = whole if whole in _OTHER_NAMES else _PARTICLE.sub("", whole)
    return _Token(match[0], _OTHER_NAMES.get(name, name), *match.span())


def _thing(tokens: Sequence[_Token], place: int) -> str:
    """What a token names, if it is a thing that companies make; "" for another, or for one that is made of it."""
    token, after = tokens[place], tokens[place + 1] if place + 1 < len(tokens) else None
    known = _KNOWN.fullmatch(token.name)
    if known is not None:
        follows = after is not None and after.start == token.end + 1 and after.written[0].isupper()
        return "" if follows and after is not None and _names(after) else known["name"]
    begins = place == 0 or tokens[place - 1].written in ".!?\n"
    if (
        after is None
        or after.name not in _PRODUCTS
        or not token.written[0].isupper()
        or (begins and token.written[1:].islower())
    ):
        return ""
    return "" if token.name in _NO_THINGS else token.name


def _names(token: _Token) -> bool:
    """Whether a token goes on with a name of its own: "Llama Nemotron" is not Llama."""
    return token.name not in _NO_THINGS and not _VERSION.fullmatch(token.name)


def _credited_after(tokens: Sequence[_Token], place: int) -> int | None:
    """The place of the company in "THING model, released by COMPANY"."""
    for at in range(place + 1, min(place + _REACH, len(tokens) - 1)):
        word = tokens[at].name
        if word in ("by", "from"):
            return at + 1 if tokens[at + 1].name in _COMPANIES else None
        if word not in _BETWEEN:
            return None
    return None


def _credited_before(text: str, tokens: Sequence[_Token], place: int) -> int | None:
    """The place of the company in "COMPANY's new THING", "COMPANY developed THING" and their Korean forms."""
    if place + 1 < len(tokens) and tokens[place + 1].name in _RIVAL:
        return None
    made = False
    for at in range(place - 1, max(place - _REACH, -1), -1):
        token = tokens[at]
        if token.name in _COMPANIES:
            owns = text[token.end : token.end + 2] in ("'s", "’s") or token.written.endswith("의")
            return at if made or owns else None
        if token.name in _MADE:
            made = True
        elif token.name not in _BETWEEN and token.name != "s":
            return None
    return None
