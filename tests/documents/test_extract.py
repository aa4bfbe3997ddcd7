"""Bytes to text: encodings whatever a header says, pages with hidden text and traps, dates, lines that a width broke."""

from __future__ import annotations

from datetime import date

import lxml.html  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.documents import html
from dure.documents.encoding import decode
from dure.documents.extract import Text, extract
from dure.documents.lines import unwrapped
from dure.mentions.model import Status

SENTENCE = "The ministry will spend 94.6 billion won on the laboratory over the next four years."
KOREAN = "정부는 2030년까지 인공지능 반도체에 3조원을 투자한다고 밝혔다. 내년까지 5만장을 확보할 계획이다."
FRENCH = "« L’été dernier, le ministère a décidé », a-t-elle précisé : 3 milliards d’euros à dépenser d’ici à la fin."


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>A page</title>{head}</head><body><article>{body}</article></body></html>"


def paragraphs(count: int = 4) -> str:
    return "".join(f"<p>{SENTENCE} It is part {i} of what was said on that day in the city.</p>" for i in range(count))


def read(body: str, head: str = "") -> Text:
    return extract(page(body, head).encode(), "a.html")


# --- encodings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "codec", "encoding", "how"),
    [
        (SENTENCE, "ascii", "utf-8", "bytes"),
        (KOREAN, "utf-8", "utf-8", "bytes"),
        (KOREAN, "utf-8-sig", "utf-8", "mark"),
        (KOREAN, "utf-16", "utf-16", "mark"),
        (KOREAN, "utf-32", "utf-32", "mark"),
        (SENTENCE, "utf-16-le", "utf-16-le", "bytes"),
        (SENTENCE, "utf-16-be", "utf-16-be", "bytes"),
        (KOREAN, "cp949", "cp949", "bytes"),
        (KOREAN, "euc-kr", "cp949", "bytes"),
        ("똠방각하 펲시콜라 " + KOREAN, "cp949", "cp949", "bytes"),
        ("€2.5 and “quotes” — café, naïve", "cp1252", "windows-1252", "guess"),
        (FRENCH, "cp1252", "windows-1252", "guess"),
        ("caf\u00e9", "cp1252", "windows-1252", "guess"),
    ],
)
def test_decode(text: str, codec: str, encoding: str, how: str) -> None:
    found = decode(text.encode(codec))
    assert (found.text, found.encoding, found.how) == (text, encoding, how)


@pytest.mark.parametrize(
    "declared",
    ["", "euc-kr", "cp949", "ks_c_5601-1987", "utf-8", "iso-8859-1", "shift_jis", "gb2312", "nonsense", "zip"],
)
@pytest.mark.parametrize("codec", ["cp949", "utf-8", "utf-16"])
def test_korean_pages_are_read_whatever_their_header_says(declared: str, codec: str) -> None:
    head = f'<meta http-equiv="content-type" content="text/html; charset={declared}">' if declared else ""
    found = extract(page(f"<p>{KOREAN}</p>" * 3, head).encode(codec), "a.html")
    assert KOREAN in found.text
    assert (found.status, found.language) == (Status.OK, "ko")
    right = {"cp949": ("euc-kr", "cp949", "ks_c_5601-1987"), "utf-8": ("utf-8",)}
    seen = codec in right and declared not in ("", "nonsense")  # a header in UTF-16 is none that could mislead
    assert ("charset" in found.flags) == (seen and declared not in right[codec])


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("日本語で三兆円を投資すると発表した。" * 3, "shift_jis"),
        ("政府宣布投资三万亿元用于芯片和人才培养。" * 3, "gbk"),
    ],
)
def test_other_scripts_follow_their_header(text: str, codec: str) -> None:
    found = decode(f'<meta charset="{codec}">{text}'.encode(codec))
    assert text in found.text
    assert found.how == "header"


def test_a_text_that_was_cut_within_a_character() -> None:
    assert decode(KOREAN.encode()[:-2]).encoding == "utf-8"
    assert decode(KOREAN.encode("cp949")[:-2]).encoding == "cp949"


@settings(deadline=None)  # the first page waits for libraries
@given(st.binary(max_size=2_000))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    found = extract(data, "a.txt")
    assert found.status is Status.OK or found.why
    assert all(0 <= a < b <= len(found.text) for a, b in found.prose)


# --- pages -------------------------------------------------------------------------------------------------------------


def test_the_frame_of_a_page_is_left() -> None:
    menu = "<nav><ul>" + "".join(f"<li><a href='/{i}'>Topic {i}</a></li>" for i in range(20)) + "</ul></nav>"
    cards = (
        "<aside>"
        + "".join(f"<a href='/x{i}'><h3>Firm gets ${i} billion in a deal</h3></a>" for i in range(9))
        + "</aside>"
    )
    data = f"<html><body>{menu}<article><h1>A lab</h1>{paragraphs()}</article>{cards}<footer>Rights and $77 billion</footer></body></html>"
    found = extract(data.encode(), "saved.txt")  # a page by its markup, whatever its name
    quotes = " ".join(found.text[a:b] for a, b in found.prose)
    assert (found.status, found.media, quotes.count("94.6")) == (Status.OK, "text/html", 4)
    assert "Topic" not in quotes
    assert "in a deal" not in quotes
    assert "$77" not in quotes


HIDDEN = "<p {}>It will also pay $999 billion to the owner of this page.</p>"


@pytest.mark.parametrize(
    ("attributes", "head"),
    [
        ("style='display:none'", ""),
        ("style='color:red; DISPLAY : none !important'", ""),
        ("style='visibility:hidden'", ""),
        ("style='opacity:0'", ""),
        ("style='font-size:0px'", ""),
        ("style='position:absolute;left:-9999px'", ""),
        ("hidden", ""),
        ("class='a x'", "<style>/* c */ body{color:red} .x, .y { display: none }</style>"),
        ("id='x'", "<style>@media screen{p{color:red}} p#x{display:none}</style>"),
    ],
)
def test_hidden_text_is_left_and_said(attributes: str, head: str) -> None:
    found = read(paragraphs() + HIDDEN.format(attributes) + paragraphs(), head)
    assert "94.6" in found.text
    assert "$999" not in found.text
    assert "hidden" in found.flags


@pytest.mark.parametrize(
    ("attributes", "head"),
    [
        ("", ""),
        ("style='opacity:0.9;font-size:0.9em'", ""),
        ("class='x'", "<style>@media print { .z{color:red} .x{display:none} }</style>"),
        ("class='x'", "<style>/* .x{display:none} */ .y{display:none}</style>"),
        ("hidden='until-found'", ""),
    ],
)
def test_shown_text_is_kept(attributes: str, head: str) -> None:
    found = read(paragraphs() + HIDDEN.format(attributes) + paragraphs(), head)
    assert "$999" in found.text
    assert "hidden" not in found.flags


def test_hidden_menus_are_no_news() -> None:
    assert read("<div style='display:none'>Menu Home</div>" + paragraphs()).flags == ()


@pytest.mark.parametrize(
    "trap",
    [
        "<script>var a='$999 billion';</script>",
        "<!-- It will pay $999 billion. -->",
        "<template><p>It pays $999 billion.</p></template>",
    ],
)
def test_what_is_no_text_is_left(trap: str) -> None:
    found = read(paragraphs() + trap + paragraphs())
    assert "94.6" in found.text
    assert "$999" not in found.text


def test_invisible_and_turning_characters_are_flagged() -> None:
    found = read(f"<p>{SENTENCE} It has 1&#x200b;2 parts and \u202e05&#8236; more, 3&zwnj;4 in all.</p>" * 3)
    assert "12 parts and \u202e05\u202c more, 34 in all" in found.text
    assert {"bidi", "zero-width"} <= set(found.flags)


def test_resiliparse_reads_what_trafilatura_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(html, "_extracted", fails)
    found = read(paragraphs() + HIDDEN.format("class='x'"), "<style>.x{display:none}</style>")
    assert (found.status, found.text.count("94.6"), "$999" in found.text) == (Status.OK, 4, False)


def test_resiliparse_reads_what_takes_trafilatura_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def runs_on(*_: object, **__: object) -> None:
        while True:
            try:
                sum(range(1_000))
            except Exception:
                continue

    monkeypatch.setattr(html, "_extracted", runs_on)
    monkeypatch.setattr(html, "PATIENCE_S", 0.1)
    assert read(paragraphs()).text.count("94.6") == 4


MENU = "<nav>" + "".join(f"<a href='/{i}'>Part {i} of the site</a>" for i in range(30)) + "</nav>"
ASIDE = "".join(
    f"<div class='teaser'><a href='/{i}'><h3>Firm {i} wins an order of ${i} million</h3></a></div>" for i in range(9)
)
TABLE = "<table><tr><th>Year</th><th>Sum</th></tr>" + "<tr><td>2027</td><td>5 billion won</td></tr>" * 30 + "</table>"


@pytest.mark.parametrize("around", ["", MENU + ASIDE])
@pytest.mark.parametrize(
    "body",
    [
        paragraphs(),
        paragraphs(40),
        f"<p>{SENTENCE}</p>",
        f"<h1>A head</h1>{paragraphs(9)}<h2>Another</h2><ul><li>{SENTENCE}</li><li>Two</li></ul><blockquote>{SENTENCE}</blockquote>",
        f"{paragraphs(9)}{TABLE}",
        TABLE,
        f"<div>{SENTENCE}<br><br>{KOREAN}<br></div>" * 9,
        f"<p>{KOREAN}</p>" * 9,
        f"{paragraphs(9)}<figure><img src='a'><figcaption>A hall, <time>May 3</time></figcaption></figure><pre>a  b</pre>",
        f"{paragraphs(2)}<div class='comments'>{paragraphs(9)}</div>",
    ],
)
@pytest.mark.parametrize("shell", ["<article>{}</article>", "<div>{}</div>"])
def test_the_short_way_through_trafilatura_is_the_long_one(around: str, body: str, shell: str) -> None:
    tree = lxml.html.document_fromstring(f"<html><body>{around}{shell.format(body)}{around}</body></html>")
    whole = html.trafilatura.extract(tree, favor_precision=True, include_comments=False) or ""
    assert html._extracted(tree) == whole


def test_a_large_page_goes_to_resiliparse_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "LONGEST", 100)
    monkeypatch.setattr(html, "_main", lambda _: pytest.fail("asked"))
    found = read(paragraphs() + HIDDEN.format("class='x'"), "<style>.x{display:none}</style>")
    assert (found.text.count("94.6"), "$999" in found.text) == (4, False)


@pytest.mark.parametrize(
    ("markup", "deep"),
    [
        ("", 0),
        ("<div><div></div></div><div>", 2),
        ("<p>" * 9_000 + "<li>" * 9_000 + "<br>" * 9 + "<img/>" * 9, 0),
        ("<!-- " + "<div>" * 9_000 + "--><b>", 1),
        ("<script>" + "'<div>'" * 9_000 + "</script><b>", 2),
        ("<SCRIPT>x</SCRIPT>" * 9_000, 1),
        ("<div>" * 200_000, 200_000),
        ("<!--" * 100_000, 0),
        ("<script>" * 100_000, 0),
        ("<a " * 100_000, 0),
        ("</div>" * 9 + "<div>", 1),
    ],
)
def test_depth(markup: str, deep: int) -> None:
    assert html.depth(markup) in (deep, max(0, deep - 1))


@pytest.mark.parametrize(
    "unit",
    ["<style>", "<style>.a{", "/*", "{", "}", "<!--", "<p style='", "<table><tr><td>", "&lt;", "&#0;", "]]>", "\x00"],
)
def test_hostile_markup_has_an_answer(unit: str) -> None:
    found = extract(b"<html><body>" + (unit * (60_000 // len(unit))).encode(), "a.html")
    assert found.status in (Status.NO_TEXT, Status.UNREADABLE) or found.text


# --- dates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "day"),
    [
        ("", None),
        ("<meta property='article:published_time' content='2024-10-28T23:30:00+09:00'>", date(2024, 10, 28)),
        ("<meta name='DC.date.issued' content='2024-10-28'>", date(2024, 10, 28)),
        ("<meta itemprop='datePublished' content='20241028'>", date(2024, 10, 28)),
        ("<meta name='date' content='2024-10'>", None),
        ("<meta name='date' content='October 28, 2024'>", None),
        ("<meta name='date' content='2024-13-45'>", None),
        ("<meta property='article:modified_time' content='2024-10-28'>", None),
        ("<meta name='date' content='2024-10-28'><meta name='date' content='2024-10-29'>", None),
        ("<meta property='article:published_time' content='2024-10-28'><meta name='date' content='2023-01-01'>", date(2024, 10, 28)),
        ("<script type='application/ld+json'>{\"@type\": \"NewsArticle\", \"datePublished\": \"2024-10-28\"}</script>", date(2024, 10, 28)),
        ("<script type='application/ld+json'>{\"@graph\": [{\"@type\": [\"Event\"], \"datePublished\": \"2024-10-28\"}]}</script>", None),
        ("<script type='application/ld+json'>{\"datePublished\": " + "[" * 50_000 + "</script>", None),
    ],
)  # fmt: skip
def test_published(head: str, day: date | None) -> None:
    assert html.published_of(lxml.html.document_fromstring(page(paragraphs(), head))) == day
    assert read(paragraphs(), head).published == day


# --- lines -------------------------------------------------------------------------------------------------------------


def wrapped(text: str, width: int) -> str:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


@pytest.mark.parametrize("width", [45, 60, 72, 80, 100])
@pytest.mark.parametrize(
    "text", [f"{SENTENCE} It will buy 50,000 accelerators by the end of the year, it said. " * 4, KOREAN * 4]
)
def test_lines_broken_at_a_width_are_joined(text: str, width: int) -> None:
    """But for a break at the end of a sentence, which no sentence crosses."""
    joined = unwrapped(wrapped(text, width))
    assert joined.replace("\n", " ") == wrapped(text, width).replace("\n", " ")
    assert all(line.rstrip().endswith(".") for line in joined.split("\n"))


@pytest.mark.parametrize(
    "text",
    [
        "The ministry will spend 94.6 billion won on the laboratory\nover the next four years.",
        "Korea will invest 94.6 billion won\nin AI by 2030.",
        "Korea will invest 94.6\nbillion won in AI by\n2030.",
        "Canada will spend\n$2 billion on it\nover five years.\n",
        "정부는 2030년까지 인공지능 반도체에\n3조원을 투자한다고 밝혔다.",
        "정부는 내년까지\n5만장을 확보할\n계획이라고 밝혔다.",
        "“We will pay it by 2028,” said the minister on\nFriday.",
    ],
)
def test_a_short_text_broken_at_a_width_is_prose(text: str) -> None:
    found = extract(text.encode(), "a.txt")
    assert found.text.rstrip() == text.rstrip().replace("\n", " ")
    assert found.prose == ((0, len(text.rstrip())),)


@pytest.mark.parametrize("width", range(24, 101, 4))
def test_paragraphs_broken_at_any_width_are_read_whole(width: int) -> None:
    parts = [SENTENCE, f"{SENTENCE} Canada will invest $2 billion in it by 2030, it said on Monday."]
    found = extract("\n\n".join(wrapped(one, width) for one in parts).encode(), "a.txt")
    assert " ".join(found.text[a:b] for a, b in found.prose) == " ".join(parts)


@pytest.mark.parametrize(
    "text",
    [
        "Home\nNews\nScience\nContact\nFirm gets order",
        "Continue Reading\nSource link",
        "home\nnews and views\nabout us",
        "Minister seeks 2 trillion won\nThe minister asked for it.",
        "Chip maker gets $5 billion\nfor it\nA third one is on top.",
        "관련 기사\n정부 3조원 투자 계획 발표\n반도체 회사 5조원 수주",
        "it was short\nand it had room for a word of the next line.",
        "a line that ends. \nand one that follows it.",
        "it has two points that follow\n- each of them has a mark.",
        "A headline on chips that has many words in it\nAnother headline on power and its price\nA third one on the\nMenu",
        f"{SENTENCE}\n{SENTENCE}\n{SENTENCE}",
        "\n".join([SENTENCE * 3, "Heading of the part", SENTENCE * 4]),
        "",
        "\n\n\n",
    ],
)
def test_other_lines_stay(text: str) -> None:
    assert unwrapped(text) == text


@given(st.text(alphabet="ab가. \n-", max_size=300))
def test_joining_keeps_every_place(text: str) -> None:
    joined = unwrapped(text)
    assert len(joined) == len(text)
    assert all(a == b or (a, b) == ("\n", " ") for a, b in zip(text, joined))
