"""Who made what: a few facts with their sources, and the places of a page that credit somebody else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
class Misattribution:
    """A place of a page that contradicts a fact, and why."""

    span: Span
    fact: Fact
    why: str


FACTS: Final = (
    Fact("DeepSeek", ("deepseek", "딥시크"), ("deepseek", "딥시크", "high-flyer"), "https://arxiv.org/abs/2501.12948"),
    Fact("Alibaba", ("qwen", "큐원"), ("alibaba", "알리바바"), "https://arxiv.org/abs/2309.16609"),
    Fact("OpenAI", ("chatgpt",), ("openai",), "https://openai.com/index/chatgpt/"),
    Fact("OpenAI", ("gpt-4",), ("openai",), "https://arxiv.org/abs/2303.08774"),
    Fact("Google", ("gemini", "제미나이"), ("google", "deepmind", "구글"), "https://arxiv.org/abs/2312.11805"),
    Fact("Meta", ("llama", "라마"), ("meta", "facebook", "메타"), "https://arxiv.org/abs/2302.13971"),
    Fact("NAVER", ("hyperclova", "하이퍼클로바"), ("naver", "네이버"), "https://arxiv.org/abs/2404.01954"),
    Fact("LG AI Research", ("exaone", "엑사원"), ("lg",), "https://arxiv.org/abs/2408.03541"),
)
_COMPANY_WORDS: Final = """
alibaba baidu tencent huawei bytedance openai google deepmind microsoft meta facebook anthropic nvidia amd intel amazon apple
samsung naver kakao lg upstage mistral xai deepseek zhipu moonshot rebellions furiosaai qualcomm high-flyer
알리바바 바이두 텐센트 화웨이 구글 메타 마이크로소프트 엔비디아 네이버 카카오 딥시크 삼성전자 업스테이지
"""
_BETWEEN_WORDS: Final = """
model models ai llm chatbot assistant app large language open-source open source new latest reasoning generative was is were
developed built created made released launched unveiled trained the a its own flagship low-cost v2 v3 r1 모델 인공지능
"""
_COMPANIES: Final = frozenset(_COMPANY_WORDS.split())
_BETWEEN: Final = frozenset(_BETWEEN_WORDS.split())
_MADE: Final = frozenset(
    ("developed", "built", "created", "made", "trained", "개발한", "만든", "공개한", "출시한", "내놓은")
)
_RIVAL: Final = frozenset(
    ("rival", "rivals", "competitor", "alternative", "challenger", "killer", "clone", "moment", "경쟁자", "대항마")
)
_TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,40}|[가-힣]{1,20}|[.!?\n]")
_REACH: Final = 8  # words between a thing and who it is credited to
_Token = tuple[str, int, int]  # small letters, start, end


def misattributions(document: Document) -> list[Misattribution]:
    """The places of a page's prose that credit a thing of `FACTS` to another company than the one that made it.

    Only plain forms count ("the THING model by COMPANY", "COMPANY's THING", "COMPANY developed THING"); a rival of a thing,
    or somebody who uses it, is no maker.
    """
    found = []
    for begin, end in document.prose or ((0, len(document.text)),):
        if _ANY.search(document.text, begin, end) is None:
            continue
        tokens = [(m[0].casefold(), *m.span()) for m in _TOKEN.finditer(document.text, begin, end)]
        for place, (word, *_) in enumerate(tokens):
            fact = _FACT_OF.get(word) or _FACT_OF.get(word.partition("-")[0])
            if fact is None:
                continue
            after = _credited_after(tokens, place)
            credited = _credited_before(document.text, tokens, place) if after is None else after
            if credited is not None and not _named(tokens[credited][0], fact.makers):
                found.append(_misattributed(document.text, fact, tokens[place], tokens[credited]))
    return found


_ANY: Final = re.compile("|".join(re.escape(name) for fact in FACTS for name in fact.names), re.I)
_FACT_OF: Final = {name: fact for fact in FACTS for name in fact.names}


def _misattributed(text: str, fact: Fact, thing: _Token, credited: _Token) -> Misattribution:
    span = Span(min(thing[1], credited[1]), max(thing[2], credited[2]))
    said = " ".join(text[span.start : span.end].split())
    return Misattribution(span, fact, f"the page says “{said}”; it was made by {fact.maker} ({fact.source})")


def _credited_after(tokens: Sequence[_Token], place: int) -> int | None:
    """The place of the company in "THING model, released by COMPANY"."""
    for at in range(place + 1, min(place + _REACH, len(tokens) - 1)):
        word = tokens[at][0]
        if word in ("by", "from"):
            return at + 1 if tokens[at + 1][0] in _COMPANIES else None
        if word not in _BETWEEN:
            return None
    return None


def _credited_before(text: str, tokens: Sequence[_Token], place: int) -> int | None:
    """The place of the company in "COMPANY's new THING", "COMPANY developed THING" and their Korean forms."""
    if place + 1 < len(tokens) and tokens[place + 1][0] in _RIVAL:
        return None
    made = False
    for at in range(place - 1, max(place - _REACH, -1), -1):
        word, _, end = tokens[at]
        if _named(word, _COMPANIES):
            owns = text[end : end + 2] in ("'s", "’s") or (word not in _COMPANIES and word.endswith("의"))
            return at if made or owns else None
        if word in _MADE:
            made = True
        elif word not in _BETWEEN and word != "s":
            return None
    return None


def _named(word: str, names: Iterable[str]) -> bool:
    """Whether a word is one of the names; a Korean one may carry a particle."""
    return word in names or (word[-1:] in ("의", "가", "이") and word[:-1] in names)
