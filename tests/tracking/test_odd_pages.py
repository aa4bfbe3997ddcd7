"""Pages that mean to mislead or were badly made, from their bytes to what is said of them; bad files are in `tests/documents`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from dure.mentions.model import Status
from dure.tracking.reading import Page, read

SAID = "The Ministry of Science will spend 94.6 billion won on the laboratory over the next four years."
KOREAN = "과학기술정보통신부는 2030년까지 인공지능 반도체에 3조원을 투자한다고 밝혔다."
LIE = "The Ministry of Science will also spend $999 billion on the owner of this page."
MORE = "".join(f"<p>{SAID} It is part {i} of what was said on that day in the city.</p>" for i in range(4))


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>A page</title>{head}</head><body><article>{body}</article></body></html>"


PAGES: dict[str, bytes] = {
    "charset.html": page(f"<p>{KOREAN}</p>" * 3, "<meta charset='iso-8859-1'>").encode("cp949"),
    "turned.html": page(f"{MORE}<p>The Ministry of Science will spend \u202e6.49\u202c billion won on it by 2028.</p>").encode(),
    "style.html": page(f"{MORE}<p class='a x'>{LIE}</p>", "<style>.y{color:red} p.x{display:none}</style>").encode(),
    "inline.html": page(f"{MORE}<p style='display:none'>{LIE}</p>").encode(),
    "currency.txt": "The Ministry of Science will spend ¤5 billion on the laboratory by 2028.".encode(),
    "deadline.html": page(f"<p>{SAID.replace('over the next four years', 'by 2020')}</p>",
                          "<meta property='article:published_time' content='2024-10-28'>").encode(),
    "digits.txt": f"The Ministry of Science will spend {'9' * 50_000} won on it.\n\n{SAID}\n\n{SAID}".encode(),
    "nested.html": page("<div>" * 200_000 + f"<p>{SAID}</p>").encode(),
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Page]:
    folder = tmp_path_factory.mktemp("odd")
    for name, data in PAGES.items():
        (folder / name).write_bytes(data)
    return {Path(one.document.name).name: one for one in read([folder]).pages}


def sums(one: Page) -> set[tuple[int, str]]:
    return {(m.amount.low, m.amount.unit) for m in one.mentions if m.amount}


WON, TRILLION = (94_600_000_000, "KRW"), (3_000_000_000_000, "KRW")


@pytest.mark.parametrize(
    ("name", "flag", "expected"),
    [
        ("charset.html", "charset", {TRILLION}),
        ("turned.html", "bidi", {WON, (6_490_000_000, "KRW")}),
        ("style.html", "hidden", {WON}),
        ("inline.html", "hidden", {WON}),
        ("currency.txt", "", {(500_000_000_000, "")}),
        ("deadline.html", "", {WON}),
        ("digits.txt", "", {WON}),
    ],
)
def test_what_is_read_of_an_odd_page(
    pages: Mapping[str, Page], name: str, flag: str, expected: set[tuple[int, str]]
) -> None:
    one = pages[name]
    assert (one.document.status, one.document.flags) == (Status.OK, (flag,) if flag else ())
    assert sums(one) == expected


def test_what_is_said_of_the_sums(pages: Mapping[str, Page]) -> None:
    flagged = {name: {m.amount.low: m.flags for m in one.mentions if m.amount} for name, one in pages.items()}
    assert flagged["turned.html"] == {WON[0]: (), 6_490_000_000: ("bidi",)}
    assert flagged["style.html"] == flagged["inline.html"] == {WON[0]: ("hidden",)}
    assert flagged["currency.txt"] == {500_000_000_000: ("unknown_currency",)}
    assert flagged["deadline.html"] == {WON[0]: ("deadline_before",)}
    assert flagged["charset.html"] == {TRILLION[0]: ()}
    (late,) = pages["deadline.html"].mentions
    assert late.period is not None
    assert late.period.until == date(2020, 12, 31)


def test_a_page_that_is_too_deep_says_so(pages: Mapping[str, Page]) -> None:
    one = pages["nested.html"]
    assert (one.document.status, one.mentions) == (Status.NO_TEXT, ())
    assert "deep" in one.document.why
