"""The page: whole, offline, readable without scripts, and deaf to hostile names."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.errors import UnknownName
from dure.formats import html
from dure.formats.html import write_report
from dure.reports import charts
from dure.reports.facts import Run
from dure.reports.report import build_report
from dure.reports.words import _WORDS, Words
from dure.workload.columns import Job
from tests.reports.worlds import HOUR, fleet, replay, run

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Tags, attributes and texts of a page; texts of scripts apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        (self.scripts if self._inside == "script" else self.texts).append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def pair(project: str = "p", world: object = None) -> list[Run]:
    jobs = [Job(0, HOUR, 1, project=project), Job(60, 2 * HOUR, 2, project="q")]
    chosen = world or fleet()
    return [replay(jobs, delays, policy=p, world=chosen) for p, delays in (("fifo", [600, 900]), ("easy", [0, 60]))]  # type: ignore[arg-type]


def page(runs: list[Run], language: str = "en") -> str:
    stream = io.StringIO()
    write_report(build_report(runs, language=language), stream)
    return stream.getvalue()


@pytest.fixture
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the inlined library, which is the same for every page and takes seconds to make."""
    monkeypatch.setattr(html, "_bundle", lambda: "/* vega */")


def test_the_whole_page_has_the_library_once_and_asks_nothing_of_the_network() -> None:
    text = page(pair())
    read = Page(text)
    assert sum("vegaEmbed" in script or len(script) > 500_000 for script in read.scripts) == 1
    assert len(text) < 2_000_000
    for _, attrs in read.tags:
        assert not {"src", "href", "srcset", "action", "background"} & attrs.keys()
    assert not re.search(r"@import|url\(", html._style())
    (policy,) = [a["content"] for a in read.named("meta") if a.get("http-equiv")]
    assert policy is not None
    assert "default-src 'none'" in policy
    opened = [tag for tag, _ in read.tags if tag in ("section", "table", "figure", "details", "script", "main")]
    assert all(text.count(f"</{tag}>") >= opened.count(tag) for tag in set(opened))


@pytest.mark.usefixtures("no_bundle")
def test_every_chart_has_a_drawing_a_name_and_a_table() -> None:
    text = page(pair())
    read = Page(text)
    boxes = [a for a in read.named("div") if a.get("class") == "chart"]
    assert len(boxes) >= 5
    assert all(a["role"] == "img" and a["aria-label"] for a in boxes)
    assert text.count("<svg xmlns") == len(boxes)
    for section in text.split("<section")[1:]:
        assert "<table" in section
        assert section.count("<caption>") == section.count("<table")
    assert len([a for a in read.named("th") if a.get("scope") == "col"]) > 20


@pytest.mark.usefixtures("no_bundle")
def test_who_waits_how_long_and_why_is_said_first() -> None:
    report = build_report(pair())
    assert report.findings[0] == "easy has the shortest mean wait, 30 s; fifo the longest, 12.5 min."
    assert any("no free place of its shape" in finding for finding in report.findings)
    assert report.sections[1].name == "who_waits"


@pytest.mark.usefixtures("no_bundle")
def test_a_hostile_name_is_only_ever_text() -> None:
    harmless, hostile = Page(page(pair("p"))), Page(page(pair(HOSTILE)))
    assert len(harmless.named("script")) == len(hostile.named("script"))
    assert not hostile.named("img")
    assert any(HOSTILE in text for text in hostile.texts)
    assert not any(name.startswith("on") for _, attrs in hostile.tags for name in attrs)


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without drawing the charts, which takes most of a page's time; their data stay in it."""
    monkeypatch.setattr(html.vl_convert, "vegalite_to_svg", lambda spec: "<svg></svg>")


@pytest.mark.usefixtures("no_bundle", "no_drawing")
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1).map(lambda s: s.encode("utf-8", "ignore").decode()).filter(bool))
def test_any_name_leaves_the_page_and_its_data_whole(name: str) -> None:
    text = page(pair(name))
    read = Page(text)
    specs = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    assert len(specs) == len([a for a in read.named("div") if a.get("class") == "chart"])
    names = {row.get("group") for spec in specs for data in json.loads(spec)["datasets"].values() for row in data}
    assert re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\N{REPLACEMENT CHARACTER}", name) in names
    assert len(read.named("script")) == len(specs) + 1


@pytest.mark.usefixtures("no_bundle")
def test_characters_that_xml_forbids_do_not_reach_the_drawing() -> None:
    # vl_convert measures texts by way of XML, and ends the process over one that is not well-formed
    assert "a\N{REPLACEMENT CHARACTER}b" in page(pair("a\0b\x1b\ufffe"))


@pytest.mark.usefixtures("no_bundle")
def test_the_korean_page_says_so_and_leaves_no_english_heading() -> None:
    text = page(pair(), "ko")
    assert '<html lang="ko">' in text
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    assert all(re.search("[가-힣]", heading) for heading in headings)
    with pytest.raises(UnknownName):
        Words("fr")


def test_every_word_exists_in_both_languages_with_the_same_places() -> None:
    for english, korean in _WORDS.values():
        assert english
        assert korean
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", korean))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_have_the_contrast_that_wcag_asks_for(theme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", html._style(), re.DOTALL)[theme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for text in ("ink", "muted", "accent"):
        for paper in ("paper", "panel"):
            assert _contrast(colours[text], colours[paper]) >= 4.5, (text, paper)
    assert _contrast(colours["mark-ink"], colours["mark"]) >= 4.5
    for i in range(1, 9):
        assert _contrast(colours[f"s{i}"], colours["paper"]) >= 3.0, i


@pytest.mark.usefixtures("no_bundle")
def test_runs_with_nothing_in_them_make_a_page_too() -> None:
    assert "<h1>" in page([run([], [], policy="fifo")])
    cores_only = replay([Job(0, HOUR, 0)], [0], policy="fifo")
    assert "<h1>" in page([cores_only])


@pytest.mark.usefixtures("no_bundle")
def test_a_run_that_was_stopped_says_so() -> None:
    cut = run([Job(0, HOUR)], [], policy="fifo", complete=False)
    assert "stopped before its end" in page([cut])


def test_the_node_map_is_for_small_runs_only() -> None:
    one = pair()[0]
    assert charts.node_map(one, Words()) is not None
    large = fleet()
    pools = tuple(type(p)(**{f: getattr(p, f) for f in p.__slots__} | {"nodes": 999}) for p in large.pools)
    huge = type(large)("huge", large.sites, pools, large.models, rates=large.rates)
    assert charts.node_map(Run(one.log, huge, one.workload), Words()) is None


def test_charts_stay_small_however_long_the_log() -> None:
    jobs = [Job(i, HOUR, 1) for i in range(3000)]
    many = [replay(jobs, [5] * 3000, policy="fifo")]
    for chart in (charts.utilisation_over_time, charts.queue_over_time, charts.wait_by_size):
        assert len(json.dumps(chart(many, Words()))) < 60_000


def test_a_report_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        build_report([])
