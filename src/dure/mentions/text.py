"""Text as pledges read it: normalised, the lines that are somebody's sentences, those sentences, the language.

Everything is linear in the length of the text; nothing backtracks, whatever the text is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

from dure.mentions.model import Span

LONGEST_SENTENCE: Final = 2_000  # characters
_MARKS_IN_A_ROW: Final = 30  # as the Unicode standard's stream-safe text; sorting longer rows takes quadratic time

_BREAKS: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_BLANKS: Final = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_BIDI: Final = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_ZERO_WIDTH: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2064\u3164\ufeff\uffa0]"
)
# Without meaning for a reader and without suspicion: soft hyphens, control and private characters, selectors of a glyph.
_DROPPED: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\ufe00-\ufe0f\ufff9-\ufffb\ud800-\udfff]")
_SETS: Final = "".join(one.pattern[1:-1] for one in (_BLANKS, _BIDI, _ZERO_WIDTH, _DROPPED))
_ODD: Final = re.compile(f"[\r\x0b\x0c\x85\u2028\u2029{_SETS}]")  # what there is to do at all, in one look
_WIDE: Final = re.compile("[\uff01-\uff5e\uffe0-\uffe6]")
_FULL_WIDTH: Final = {0xFF01 + i: 0x21 + i for i in range(94)} | {0xFFE0: "¢", 0xFFE1: "£", 0xFFE5: "¥", 0xFFE6: "₩"}


def _in_short_rows(text: str) -> str:
    """The text with rows of more combining marks than any script writes cut."""
    marks = "".join(sorted(re.escape(c) for c in set(text) if unicodedata.combining(c)))
    return re.sub(f"([{marks}]{{{_MARKS_IN_A_ROW}}})[{marks}]+", r"\1", text) if marks else text


def clean(raw: str) -> tuple[str, tuple[str, ...]]:
    """A text normalised (NFC, `\\n`, plain blanks and full-width forms, nothing invisible), and what was found in it.

    "zero-width": invisible characters stood inside; they are gone. "bidi": so did marks of direction, which can make a
    number look like another; they stay, so that `amounts` can tell which sums they touch.
    """
    text = raw.removeprefix("\ufeff")
    flags: list[str] = []
    if _ODD.search(text):
        flags = [name for name, pattern in (("bidi", _BIDI), ("zero-width", _ZERO_WIDTH)) if pattern.search(text)]
        text = _DROPPED.sub("", _ZERO_WIDTH.sub("", _BLANKS.sub(" ", _BREAKS.sub("\n", text))))
    if not text.isascii():
        text = text.translate(_FULL_WIDTH) if _WIDE.search(text) else text
        text = unicodedata.normalize("NFC", _in_short_rows(text))
    return text, tuple(flags)


# --- lines ---------------------------------------------------------------------------------------------------------

_MARKER: Final = re.compile(r"\s*(?:[-–—*•·‣▪■□○●◦ㅇ◆◇▲△▶▷➢✓※❍❑]|[①-⑳]|\(?\d{1,2}[.)]|\(?[a-z가-하][.)])\s+")
_KOREAN_MARKER: Final = re.compile(r"\s*[□○●◦ㅇ■◆◇▲△▶▷※❍❑①-⑳]")
_ENDED: Final = re.compile(r"(?:[.!?。！？…]|[다요]\.?)[\"'”’)\]»」』*]*(?:\s?\[\d{1,3}\])*$")
_TAIL: Final = 80  # characters of a line that its end is looked for in
_ASKED: Final = re.compile(r"[!?！？][\"'”’)\]»」』]*$")
_INNER_END: Final = re.compile(r"[^\W\d_]{2}[.!?。][\"'”’)\]]*\s+[\"'“‘(]*[A-Z0-9가-힣]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_HANGUL: Final = re.compile("[가-힣]")
_LOWER: Final = re.compile(r"(?<!\S)[\"'“‘(]*[a-z]")

# Of a page's frame, whatever stands around them: a short line with one of the phrases, or with one of the beginnings.
_FRAME_PHRASES: Final = (
    "all rights reserved", "mail address will not be", "required fields are marked", "uses akismet", "not a robot", "captcha",
    "enable javascript", "javascript is disabled", "accept cookies", "uses cookies", "use cookies", "use of cookies", "cookie policy",
    "cookie settings", "무단전재", "무단 전재", "재배포 금지", "재배포금지",
    "저작권자", "기사제보", "기사 제보", "본문 바로가기", "본문바로가기",
)  # fmt: skip
_FRAME_START: Final = re.compile(
    r"\W*+(?:(?:subscribe|sign up|sign in|log ?in|register|click|tap) (?:here|to|now|for|with)\b"
    r"|(?:subscribe|log ?in|sign (?:in|up))\W*$"
    r"|(?:share|tweet|pin|print)(?: (?:this|on|via|it)\b|\W*$)|(?:follow|contact|about|connect with) us\b|privacy policy"
    r"|(?:photo|image|picture|video|credit|source)s?\s*(?:credit|by|courtesy)?\s*:|(?:read|see|learn|show|view|load)\s+(?:more|also|all)\b"
    r"|continue reading|source link|skip to|leave a (?:reply|comment)|terms of (?:use|service)|back to top|spread the love"
    r"|(?:advertisement|sponsored|trending|latest|menu|home|search)\W*$|copyright\b"
    r"|(?:구독|로그인|회원가입|공유하기|댓글|좋아요|슬퍼요|화나요|인쇄|목록|메뉴|광고)(?:\W|$)|(?:사진|자료|이미지)\s*[=:]|(?:이전|다음)\s?(?:글|기사))"
)
_MADE_BY: Final = re.compile(r"\bphoto(?:graph)?s?(?: credit)?: [^.]{1,40}$|기자\s*=?\s*\S{1,60}@|^\W{0,9}(?:©|\(c\) )")
_MAKERS: Final = ("photo", "기자", "©", "(c)")  # without one of them it does not match, and takes long to say so
_FRAME_WORDS, _FRAME_LENGTH, _TITLE_LENGTH = 40, 600, 160  # words, characters; longer lines are not looked at
# Of an article's head, between its title and its text.
_HEAD: Final = re.compile(
    r"\W*(?:(?:first )?published|updated|posted|last modified|on|by|by\s+[^.]{1,60}|입력|수정|등록|승인|[가-힣]{2,4}\s*기자"
    r"|(?:published|updated|posted|입력|수정|등록)?\W*(?:on )?(?:\d{1,4}[-./ ]){2}\d{1,4}.{0,20}"
    r"|(?:published|updated|posted)?\W*(?:on )?(?:\d{1,2} )?[A-Z][a-z]{2,8}\.? (?:\d{1,2}, )?\d{4}.{0,20}"
    r"|\d{1,3}\s+(?:min(?:ute)?s?|hours?|days?|weeks?)\s+(?:read|ago))\W*",
    re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(
    r"\W*(?:related|recommended|most read|most popular|popular|more (?:from|on|stories|news)|you may (?:also )?like|read also"
    r"|also read|see also|up next|don'?t miss|trending|latest|editor'?s picks?|관련\s?(?:기사|뉴스|글)|많이\s?본|인기\s?(?:기사|뉴스)"
    r"|추천\s?(?:기사|뉴스)|최신\s?(?:기사|뉴스)|이\s?시각|헤드라인)\b[^.]{0,40}",
    re.IGNORECASE,
)
_ELSEWHERE_WORDS: Final = 40  # a paragraph this long is an article's again, not a teaser
_REFERENCES: Final = re.compile(
    r"\W*(?:references?|bibliography|works cited|sources|notes|footnotes|endnotes|further reading|참고\s?(?:문헌|자료)|출처"
    r"|각주|주석)\W*",
    re.IGNORECASE,
)
_REFERENCE: Final = re.compile(
    r"\bdoi\b|https?://|\bretrieved (?:from|on)\b|\baccessed\b|\bvol\. ?\d|\bpp?\. ?\d|\bet al\b|\((?:19|20)\d\d[a-z]?\)",
    re.IGNORECASE,
)
_REFERENCE_START: Final = re.compile(r"\s*(?:\[\d{1,3}\]|\^|\d{1,3}\.\s|[-•*]\s)")
_ENTRY: Final = re.compile(r"\s*(?:\[\d{1,3}\]|\^|(?:\d{1,3}\.)?\s*[A-Z][\w'’-]{1,30}, (?:[A-Z]\.[ -]?){1,3})")


class _Line:
    """A line that is not blank: where it stands, its words, and what its shape makes of it."""

    __slots__ = ("end", "korean", "start", "text", "words")

    def __init__(self, start: int, text: str) -> None:
        self.text = text.strip()
        self.start = start + len(text) - len(text.lstrip())
        self.end = self.start + len(self.text)
        words = self.text.split()
        self.words = len(words) - len([w for w in words if not w.isalpha() and not _LETTER.search(w)])
        self.korean = not self.text.isascii() and _HANGUL.search(self.text) is not None

    def is_frame(self) -> bool:
        """Of the page rather than of its text."""
        if self.text.startswith("|"):
            return True
        if self.words > _FRAME_WORDS or len(self.text) > _FRAME_LENGTH:
            return False
        small = self.text.lower()
        return (
            any(phrase in small for phrase in _FRAME_PHRASES)
            or _FRAME_START.match(small) is not None
            or (any(maker in small for maker in _MAKERS) and _MADE_BY.search(small) is not None)
        )

    def is_head(self) -> bool:
        """Of an article's head, between its title and its text."""
        return len(self.text) <= _TITLE_LENGTH and _HEAD.fullmatch(self.text) is not None

    def section(self) -> str:
        """What begins with this line, if it is such a title: "references", "elsewhere"."""
        if len(self.text) > _TITLE_LENGTH:
            return ""
        if _REFERENCES.fullmatch(self.text):
            return "references"
        return "elsewhere" if _ELSEWHERE.fullmatch(self.text) else ""

    def is_reference(self) -> bool:
        """An entry of a list of references, wherever it stands."""
        return _ENTRY.match(self.text) is not None and _REFERENCE.search(self.text) is not None

    def in_references(self) -> bool:
        """An entry, given that a list of references has begun."""
        return _REFERENCE.search(self.text) is not None or _REFERENCE_START.match(self.text) is not None

    def is_prose(self) -> bool:
        """Sentences by their shape: enough words, and an end; or so many words that the end was cut off."""
        few = 3 if self.korean else 4
        if self.words < few:
            return False
        tail = self.text[-_TAIL:]
        if self.words <= 14 and _ASKED.search(tail) and not _INNER_END.search(self.text):
            return False  # a heading that asks or calls
        if not self.korean and not _LOWER.search(self.text):
            return False
        if _ENDED.search(tail) and (self.text[-1] not in "다요" or self.words >= 6):
            return True
        many = self.words >= (14 if self.korean else 24)
        return many or (self.words >= 8 and _INNER_END.search(self.text) is not None)

    def is_point(self) -> bool:
        """A point as Korean offices write them: a sentence in all but its verb's ending."""
        return self.words >= 3 and _KOREAN_MARKER.match(self.text) is not None

    def is_heading(self) -> bool:
        """Words enough for a heading of a text, and not too many."""
        return 2 <= self.words <= 30 and not self.text.startswith("|")


def _lines(text: str) -> list[_Line]:
    found, start = [], 0
    for part in text.split("\n"):
        if part and not part.isspace():
            found.append(_Line(start, part))
        start += len(part) + 1
    return found


def prose(text: str) -> tuple[tuple[int, int], ...]:
    """Where somebody's sentences stand in a text, line by line: no menus, widgets, captions, lists of headlines or references.

    A heading counts only if prose follows it at once (a date or byline may stand between). Points of a list count after a
    line that announces them with a colon, and where they are sentences. A text of one line counts.
    """
    lines = _lines(text)
    if len(lines) == 1 and lines[0].words >= 3 and not lines[0].is_frame():
        return ((lines[0].start, lines[0].end),)
    taken = _taken(lines)
    before = False  # whether the next line below, heads of an article apart, is prose
    for i in reversed(range(len(lines))):
        line = lines[i]
        if taken[i]:
            before = True
        elif not line.is_head():
            frame = line.is_frame() or line.section() or _MARKER.match(line.text) or line.is_reference()
            taken[i] = before and line.is_heading() and not frame
            before = False
    return tuple((line.start, line.end) for line, yes in zip(lines, taken) if yes)


def _taken(lines: Sequence[_Line]) -> list[bool]:
    """For each line, whether it is prose or a point of a list that belongs to prose; headings apart."""
    found: list[bool] = []
    section = ""  # "references" and "elsewhere" begin with their title and end with prose
    announced = False
    for line in lines:
        section = line.section() or section
        usable = not line.is_frame() and not line.is_reference()
        sentence = usable and line.is_prose() and not _outside(line, section)
        section = "" if sentence else section
        item = usable and not section and _MARKER.match(line.text) is not None
        announces = usable and not section and line.words >= 4 and line.text.endswith((":", "："))
        sentence = sentence or announces or (item and (announced or line.is_point()))
        announced = announces or (announced and item)
        found.append(sentence)
    return found


def _outside(line: _Line, section: str) -> bool:
    if section == "references":
        return line.in_references()
    return section == "elsewhere" and line.words < _ELSEWHERE_WORDS


# --- sentences -----------------------------------------------------------------------------------------------------

_STOP: Final = re.compile(
    r"(?<![.!?。！？…])[.!?。！？…]++[\"'”’)\]»」』]*+(?:\[\d{1,3}\])*+(?=\s|$|(?<=[다요]\.)[가-힣\"“‘])|\n"
)
_SHORT_WORDS = (
    "mr mrs ms dr prof rep sen gov gen col hon st no nos vs etc inc ltd co corp cf approx est ca fig vol dept univ"
    " jan feb mar apr jun jul aug sep sept oct nov dec bn mn tn min max art sec para e.g i.e a.m p.m u.s u.k u.n u.s.a"
    " e.u d.c ph.d jr sr"
)
_SHORT: Final = frozenset(_SHORT_WORDS.split())
_WORD_BEFORE: Final = re.compile(r"[\w.]{1,12}$")
_OPENS: Final = re.compile(r"\s+(?:The|It|In|But|This|That|These|They|He|She|We|A|An|However|Its|By|As|On|At)\s")
_GOES_ON: Final = re.compile(r"\s+[a-z,;]")
_CUT: Final = re.compile(r"[;,:]\s|\s")


def sentences(text: str, prose: Sequence[tuple[int, int]]) -> list[Span]:
    """The sentences of the given parts of a text, in order, each of at most `LONGEST_SENTENCE` characters and of one line."""
    return [span for start, end in prose for one in _split(text, start, end) for span in _bounded(text, one)]


def _split(text: str, start: int, end: int) -> list[Span]:
    found, begin = [], start
    for match in _STOP.finditer(text, start, end):
        if match[0] == "\n" or _is_end(text, match, start, end):
            found.append(Span(begin, match.end()))
            begin = match.end()
    found.append(Span(begin, end))
    return [s for s in (_stripped(text, s) for s in found) if s.end > s.start]


def _is_end(text: str, match: re.Match[str], start: int, end: int) -> bool:
    """Whether the mark ends its sentence: not after an abbreviation, an initial or a list's number, nor before a small letter."""
    rest = text[match.end() : min(end, match.end() + 14)]
    if _GOES_ON.match(rest):
        return False
    if not match[0].startswith("."):
        return True
    before = _WORD_BEFORE.search(text[max(0, match.start() - 12) : match.start()])
    word = before[0].lower() if before else ""
    if (
        word in _SHORT
        or (len(word) == 1 and word.isalpha() and word.isascii())
        or re.fullmatch(r"(?:[a-z]\.)+[a-z]", word)
    ):
        return _OPENS.match(rest) is not None and word not in ("no", "dr", "mr", "mrs", "ms", "prof") and "." in word
    if not (word.isdigit() and len(word) <= 2):
        return True
    place = match.start() - len(word)
    return place > start and text[place - 1] != "\n"


def _stripped(text: str, span: Span) -> Span:
    part = text[span.start : span.end]
    return Span(span.start + len(part) - len(part.lstrip()), span.end - len(part) + len(part.rstrip()))


def _bounded(text: str, span: Span) -> list[Span]:
    """A sentence in parts of at most `LONGEST_SENTENCE`, cut where a clause or a word ends; longer words are left out."""
    found = []
    start = span.start
    while span.end - start > LONGEST_SENTENCE:
        cuts = [m.end() for m in _CUT.finditer(text, start, start + LONGEST_SENTENCE)]
        if not cuts:  # no word is that long: go on behind it
            blank = re.compile(r"\s").search(text, start, span.end)
            start = blank.end() if blank else span.end
            continue
        clauses = [c for c in cuts if text[c - 2] in ";,:" and c > start + LONGEST_SENTENCE // 2]
        cut = clauses[-1] if clauses else cuts[-1]
        found.append(_stripped(text, Span(start, cut)))
        start = cut
    found.append(_stripped(text, Span(start, span.end)))
    return [s for s in found if s.end > s.start]


# --- language ------------------------------------------------------------------------------------------------------

_EN = (
    "the of and to in is for that with as by are was will on from has have this it its be at an which their been were"
    " would over after into than about can said says more these also not or but between through"
)
_ENGLISH: Final = frozenset(_EN.split())
_XX = (
    "le la les des du une et est dans pour que qui sur avec ses aux par der die das und ist den von mit für auf ein"
    " eine dem sich nicht el los las del y en por una con para se il di che è un per della dei o os da do em uma não"
    " com het een van op zijn dat och att som är på för det av og på til af yang dan untuk ini pada w z nie się na và"
    " của là các được bir ve için"
)
_OTHERS: Final = frozenset(_XX.split())
_HANGUL_ROW: Final = re.compile("[가-힣]+")
_LATIN_ROW: Final = re.compile("[A-Za-zÀ-ɏḀ-ỿ]+")
_OTHER_ROW: Final = re.compile("[\u0370-\u1fff\u3040-\u30ff\u3400-\u9fff\ua000-\uabff]+")
_WORD: Final = re.compile(r"[^\W_]+")
_LOOKED_AT: Final = 20_000  # characters, enough to know a language by
_SYLLABLE: Final = 2.5  # Latin letters that say as much as one Hangul syllable


def language(text: str) -> str:
    """ "en" or "ko", the languages there are rules for; "" for every other, and for a text without words."""
    part = text[:_LOOKED_AT]
    hangul = 0 if part.isascii() else _count(_HANGUL_ROW, part) * _SYLLABLE
    latin = _count(_LATIN_ROW, part)
    other = 0 if part.isascii() else _count(_OTHER_ROW, part) * 2
    if other > max(hangul, latin) or not hangul + latin:
        return ""
    if hangul >= latin:
        return "ko"
    words = Counter(_WORD.findall(part.lower()))
    english = sum(words[w] for w in _ENGLISH)
    others = sum(words[w] for w in _OTHERS)
    if english == others == 0:
        return "en" if words.total() < 25 and part.isascii() else ""
    return "en" if english > others else ""


def _count(rows: re.Pattern[str], text: str) -> int:
    """How many characters of a text are of a kind, by the rows they stand in."""
    return sum(map(len, rows.findall(text)))
