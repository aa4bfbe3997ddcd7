"""The main text of a page by trafilatura in precision mode, by resiliparse where that fails or takes too long."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from types import FrameType
from typing import Final

import lxml.html  # type: ignore[import-untyped]
import trafilatura
from lxml.etree import LxmlError  # type: ignore[import-untyped]
from resiliparse.extract.html2text import extract_plain_text

from dure.documents.encoding import Decoded
from dure.documents.outcome import HTML, Outcome, Refused
from dure.mentions.model import Status
from dure.mentions.text import prose

DEEPEST: Final = 500  # elements in each other; parsers take quadratic time or give up beyond
PATIENCE_S: Final = 2.5  # for trafilatura; the rest of a document's time is resiliparse's
LONGEST: Final = 3_000_000  # characters that trafilatura is asked to read: it takes longer than linear time

_SHORT: Final = 500  # characters; twice what trafilatura calls short
_PLAIN: Final = frozenset({"body", "p", "head", "list", "item", "hi", "lb", "quote"})  # as it names elements
_TAG: Final = re.compile(r"<!--|<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})[^<>]{0,5000}+>")
_OPAQUE: Final = frozenset({"script", "style"})
# Closed by what follows them or without an end, so that no row of them is deep.
_FLAT_WORDS = (
    "p li dt dd tr td th tbody thead tfoot option optgroup colgroup rt rp area base br col embed hr img input link"
    " meta param source track wbr html head body"
)
_FLAT: Final = frozenset(_FLAT_WORDS.split())


class _TooLong(BaseException):
    """Trafilatura's time is over. No `Exception`, which it would catch."""


def read_html(page: Decoded) -> Outcome:
    """The main text of a page, with the date its metadata give. Raises Refused where there is none, or it is too deep."""
    deep = depth(page.text)
    if deep > DEEPEST:
        raise Refused(Status.NO_TEXT, f"its elements stand {deep:,} deep in each other; {DEEPEST} are read", HTML)
    page = replace(page, text=_shown(page.text))
    tree = _parsed(page.text) if len(page.text) <= LONGEST else None
    hidden, published, text = False, None, ""
    if tree is not None:
        published = published_of(tree)
        hidden = _without_hidden(tree)
        text = _main(tree)
    if not text.strip():
        markup = lxml.html.tostring(tree, encoding="unicode") if tree is not None else page.text
        text = extract_plain_text(
            markup, main_content=True, list_bullets=True, skip_elements=hiding(_sheets(page.text))
        )
    if not text.strip():
        raise Refused(Status.NO_TEXT, "markup without text", HTML)
    return Outcome(_hidden_again(text), HTML, page.named, ("hidden",) if hidden else (), published)


def depth(markup: str) -> int:
    """How many elements stand in each other at the deepest place, by tags alone, without a parser."""
    deepest = now = place = 0
    while (tag := _TAG.search(markup, place)) is not None:
        place = tag.end()
        close, name, alone = tag[1], (tag[2] or "").lower(), markup[place - 2] == "/"
        if not name or (not close and name in _OPAQUE):  # a comment or script: what looks like tags in it is none
            end = markup.find("-->" if not name else f"</{name}", place)
            if end < 0:
                break
            place = end
        elif not alone and name not in _FLAT:
            now = max(0, now - 1) if close else now + 1
            deepest = max(deepest, now)
    return deepest


def _parsed(markup: str) -> lxml.html.HtmlElement | None:
    """The page as a tree, None where a parser finds none in it."""
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = lxml.html.document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    except (LxmlError, ValueError, AssertionError):
        return None
    return tree


def _main(tree: lxml.html.HtmlElement) -> str:
    """What trafilatura takes for the main text; "" where it finds none or does not end in time."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        return _extracted(tree)
    except (_TooLong, Exception):  # it fails in many ways on what is hardly a page
        return ""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _extracted(tree: lxml.html.HtmlElement) -> str:
    """Trafilatura's text, in precision mode.

    It compares what it takes with what two other extractors take, and prefers theirs where it is twice as long, or where its own
    is short, all tables or holds leftovers of a page's frame. That takes most of its time and is left out where none of it can be.
    """
    whole = _length(tree, "//body//text()[not(parent::script or parent::style)]")
    if 2 * _length(tree, "//p//text()") >= whole:
        own = trafilatura.bare_extraction(tree, favor_precision=True, include_comments=False, fast=True)
        text = getattr(own, "text", None) or ""
        if 2 * len(text) >= whole and len(text) >= _SHORT and {one.tag for one in own.body.iter()} <= _PLAIN:  # type: ignore[union-attr]
            return text
    return trafilatura.extract(tree, favor_precision=True, include_comments=False) or ""


def _length(tree: lxml.html.HtmlElement, texts: str) -> int:
    return sum(map(len, tree.xpath(texts)))


# --- invisible characters ---------------------------------------------------------------------------------------------

# The extractors drop them without a word, so that a number turned round by them would look sound. While they work, each is a
# letter of a script that no page is written in (Linear A); afterwards `text.clean` sees what the page had.
_INVISIBLE: Final = (
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200c\u200d\u2060\ufeff"
)
_STAND_INS: Final = {ord(c): chr(0x10600 + i) for i, c in enumerate(_INVISIBLE)}
_BACK: Final = {ord(letter): chr(c) for c, letter in _STAND_INS.items()}
_ANY_INVISIBLE: Final = re.compile(f"[{_INVISIBLE}]")
_REFERENCE: Final = re.compile(
    r"&(?:#[xX]0{0,8}([0-9a-fA-F]{2,6})|#0{0,8}(\d{3,7})|([lr]lm|zwn?j|ZeroWidthSpace|NoBreak));?"
)
_NAMED: Final = {
    "lrm": "\u200e",
    "rlm": "\u200f",
    "zwnj": "\u200c",
    "zwj": "\u200d",
    "ZeroWidthSpace": "\u200b",
    "NoBreak": "\u2060",
}


def _shown(markup: str) -> str:
    """A page with its invisible characters, also those written as references, stood in for."""

    def character(found: re.Match[str]) -> str:
        code = int(found[1], 16) if found[1] else int(found[2]) if found[2] else ord(_NAMED[found[3]])
        return _STAND_INS.get(code, found[0])

    markup = _REFERENCE.sub(character, markup)
    return markup.translate(_STAND_INS) if _ANY_INVISIBLE.search(markup) else markup


def _hidden_again(text: str) -> str:
    return text if text.isascii() else text.translate(_BACK)


# --- hidden text -----------------------------------------------------------------------------------------------------

_HIDES: Final = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|opacity:0?\.?0+(?![.\d])|font-size:0(?![.\d])|(?:left|top|text-indent):-\d{3,}"
    r"|clip:rect\(0|clip-path:inset\((?:50|100)%"
)
_SELECTOR: Final = re.compile(r"[a-z0-9]{0,12}([.#])([\w-]{1,80})", re.IGNORECASE)
_BRACE: Final = re.compile("[{}]")
_SPACE: Final = re.compile(r"\s+")
_LONGEST_STYLE: Final = 5_000
_LOOKED_AT: Final = 20_000  # characters of each hidden element
_UNREAD: Final = frozenset({"script", "style", "noscript", "template"})
_WHOLE: Final = frozenset({"html", "body", "main", "article"})  # hidden until a script shows them
_SUM: Final = re.compile(r"[$€£¥₩]\s?\d|\d\s?(?:%|percent|trillion|billion|million|bn\b|조|억|만)")


def hiding(sheets: Iterable[str]) -> list[str]:
    """The classes and ids, as selectors, that style sheets hide everywhere: not only on paper or on small screens."""
    return sorted(
        {one for sheet in sheets for selectors, body in _rules(sheet) if _hides(body) for one in _named(selectors)}
    )


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Selectors and bodies of the rules that stand in no `@` block."""
    first, *rest = sheet.split("/*")
    text = first + "".join(part.partition("*/")[2] for part in rest)
    inside = begin = 0
    selectors = ""
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            selectors = text[begin : brace.start()] if inside == 0 else "@"
            inside += 1
        else:
            if inside == 1 and "@" not in selectors:
                yield selectors, text[begin : brace.start()]
            inside = max(0, inside - 1)
        begin = brace.end()


def _named(selectors: str) -> Iterator[str]:
    """The class or id of each selector that is no more than that, with or without an element's name."""
    yield from (m[1] + m[2] for s in selectors.split(",") if (m := _SELECTOR.fullmatch(s.strip())))


def _hides(style: str) -> bool:
    return _HIDES.search(_SPACE.sub("", style[:_LONGEST_STYLE].lower())) is not None


def _sheets(markup: str) -> list[str]:
    """The style sheets in a page's markup."""
    return [part.partition(">")[2].partition("</style")[0] for part in markup.split("<style")[1:]]


def _without_hidden(tree: lxml.html.HtmlElement) -> bool:
    """Take out what a reader does not see; whether sentences or sums were in it, as no menu has them."""
    rules = frozenset(hiding(e.text or "" for e in tree.iter("style")))
    found: dict[lxml.html.HtmlElement, None] = {}  # the outermost only
    for element in tree.xpath("//template | //*[@hidden or @style]" + " | //*[@class or @id]" * bool(rules)):
        hidden = element.tag == "template" or (element.tag not in _WHOLE and _is_hidden(element, rules))
        if hidden and not any(above in found for above in element.iterancestors()):
            found[element] = None
    told = any(_tells(e.text_content()[:_LOOKED_AT]) for e in found if e.tag not in _UNREAD)
    for element in found:
        element.drop_tree()
    return told


def _tells(text: str) -> bool:
    return _SUM.search(text) is not None or bool(prose(text))


def _is_hidden(element: lxml.html.HtmlElement, rules: frozenset[str]) -> bool:
    style = element.get("style")
    if (style and _hides(style)) or element.get("hidden", "until-found") != "until-found":
        return True
    if not rules:
        return False
    names = [f".{name}" for name in element.get("class", "").split()]
    return not rules.isdisjoint([*names, f"#{element.get('id', '')}"])


# --- date ------------------------------------------------------------------------------------------------------------

_FULL_DATE: Final = re.compile(r"\s*((?:19|20)\d\d)([-/.]?)(\d\d)\2(\d\d)(?!\d)")
_NAMES: Final = (
    "article:published_time", "og:article:published_time", "article:published", "datepublished", "citation_publication_date",
    "citation_date", "dc.date.issued", "dcterms.issued", "dc.date", "dcterms.date", "dcterms.created", "parsely-pub-date",
    "sailthru.date", "pubdate", "publishdate", "publish-date", "publish_date", "publication_date", "date",
)  # fmt: skip
_ARTICLES: Final = ("Article", "NewsArticle", "BlogPosting", "Report", "WebPage", "SpecialAnnouncement")
_LONGEST_JSON: Final = 200_000


def published_of(tree: lxml.html.HtmlElement) -> date | None:
    """The day a page's metadata say it was published, None where they give no full date or several of one kind disagree."""
    given: dict[str, set[date]] = {}
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        if (day := full_date(element.get("content") or "")) is not None:
            given.setdefault(name.strip().lower(), set()).add(day)
    sources = [given.get(name, set()) for name in _NAMES[:4]]
    sources.append(set(_linked(tree)))
    sources += [given.get(name, set()) for name in _NAMES[4:]]
    times = [e for e in tree.iter("time") if e.get("itemprop") == "datePublished" or "pubdate" in e.attrib]
    sources.append({d for e in times if (d := full_date(e.get("datetime") or "")) is not None})
    days = next((s for s in sources if s), set())
    return min(days) if len(days) == 1 else None


def full_date(text: str) -> date | None:
    """A day written year first, at the beginning of a text; None for anything less."""
    found = _FULL_DATE.match(text)
    try:
        return date(int(found[1]), int(found[3]), int(found[4])) if found else None
    except ValueError:
        return None


def _linked(tree: lxml.html.HtmlElement) -> Iterator[date]:
    """Days of publication in the page's linked data (JSON-LD), of articles."""
    for element in tree.iter("script"):
        text = element.text or ""
        if "ld+json" not in (element.get("type") or "") or len(text) > _LONGEST_JSON:
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        graph = value.get("@graph", value) if isinstance(value, dict) else value
        for node in graph if isinstance(graph, list) else [graph]:
            if isinstance(node, dict) and _is_article(node.get("@type")):
                day = full_date(str(node.get("datePublished", "")))
                if day is not None:
                    yield day


def _is_article(kind: object) -> bool:
    return any(k in _ARTICLES for k in (kind if isinstance(kind, list) else [kind]))
