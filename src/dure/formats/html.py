"""The report as one HTML file that opens offline: text and tables first, charts as SVG, Vega inlined once to make
them live.

Without JavaScript nothing is missing but tooltips. A content security policy forbids every request, so that the page
cannot call home even if a name in it were hostile; names are escaped all the same.
"""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from importlib import resources
from typing import Any, Final, TextIO

import vl_convert

from dure.reports.charts import Spec
from dure.reports.report import Report, Section
from dure.reports.table import Table
from dure.reports.words import Words

ROWS = 60  # of a table on the page; CSV and JSON have all
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; img-src data:"
_START = """
for (const box of document.querySelectorAll('.chart')) {
  const spec = JSON.parse(box.nextElementSibling.textContent);
  vegaEmbed(box, spec, {actions: false, renderer: 'svg', tooltip: {theme: 'custom'}}).catch(console.error);
}
"""


def write_report(report: Report, stream: TextIO) -> None:
    """Write the report as a whole HTML document to a text stream (UTF-8)."""
    words = Words(report.language)
    charts = any(section.chart for section in report.sections)
    parts = [
        "<!doctype html>\n",
        f'<html lang="{report.language}">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="color-scheme" content="light dark">\n',
        f"<title>{_text(report.title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n",
        _header(report, words),
        "<main>\n",
        *(_section(section, words) for section in report.opening),
        _comparison(report, words),
        *(_section(section, words) for section in report.sections),
        f"</main>\n<footer><p>{_text(words('made_by'))}</p></footer>\n",
        f"<script>{_bundle()}</script>\n" if charts else "",
        "</body>\n</html>\n",
    ]
    for part in parts:
        stream.write(part)


_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _text(text: str) -> str:
    """`text` fit to stand in markup."""
    return escape(_legal(text))


def _legal(value: Any) -> Any:
    """A text, list or dict without the characters that XML forbids: the measuring of texts in vl_convert dies of
    them."""
    if isinstance(value, str):
        return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {_legal(key): _legal(item) for key, item in value.items()}
    return [_legal(item) for item in value] if isinstance(value, list) else value


def _header(report: Report, words: Words) -> str:
    facts = "".join(f"<div><dt>{_text(label)}</dt><dd>{_text(value)}</dd></div>" for label, value in report.facts)
    notes = "".join(f'<p class="note">{_text(note)}</p>' for note in report.notes)
    findings = "".join(f"<li>{_text(finding)}</li>" for finding in report.findings)
    return (
        f'<header>\n<p class="mark">{_LOGO}<span>Dure</span> {_text(words(report.mark))}</p>\n'
        f'<h1>{_text(report.title)}</h1>\n<dl class="facts">{facts}</dl>\n{notes}'
        f'<ul class="findings">{findings}</ul>\n</header>\n'
    )


_LOGO = (
    '<svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true"><circle cx="8" cy="8" r="6"/>'
    '<circle cx="14" cy="8" r="6"/><circle cx="11" cy="14" r="6"/></svg>'
)


def _comparison(report: Report, words: Words) -> str:
    return (
        f'<section id="comparison"><h2>{_text(report.comparison.title)}</h2>'
        f"<p>{_text(words(report.lead))}</p>{_table(report.comparison, words)}</section>\n"
    )


def _section(section: Section, words: Words) -> str:
    lead = f"<p>{_text(section.lead)}</p>" if section.lead else ""
    tables = "".join(_table(table, words) for table in section.tables)
    if section.chart:
        chart = _chart(section.chart, f"{section.title}")
        tables = f"{chart}<details><summary>{_text(words('show_table'))}</summary>{tables}</details>"
    return f'<section id="{section.name}"><h2>{_text(section.title)}</h2>{lead}{tables}</section>\n'


def _chart(spec: Spec, label: str) -> str:
    spec = _legal(spec)
    svg = vl_convert.vegalite_to_svg(spec)
    # inside <script>, "<" is the only character that could end the element
    data = json.dumps(spec, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<figure><div class="chart" role="img" aria-label="{_text(label)}" tabindex="0">{svg}</div>'
        f'<script type="application/json">{data}</script></figure>'
    )


_LONG: Final = 40  # characters of a cell from which it may break into lines


def _table(table: Table, words: Words) -> str:
    best = table.best()
    numeric = {c.key: any(isinstance(row[c.key], int | float) for row in table.rows) for c in table.columns}
    head = "".join(f'<th scope="col"{_align(numeric[c.key])}>{_text(c.label)}</th>' for c in table.columns)
    body = []
    for i, texts in enumerate(table.texts()[:ROWS]):
        cells = []
        for c, text in zip(table.columns, texts, strict=True):
            mark = (
                f' class="num best" title="{_text(words("best"))}"'
                if (i, c.key) in best
                else _align(numeric[c.key], text)
            )
            first = c is table.columns[0]
            tag, scope = ("th", ' scope="row"') if first else ("td", "")
            cells.append(f"<{tag}{scope}{mark}>{_text(text)}</{tag}>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    more = len(table.rows) - ROWS
    rest = f"<p>{_text(words('table_more', count=f'{more:,}'))}</p>" if more > 0 else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(table.title)}"><table>'
        f"<caption>{_text(table.title)}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>{rest}"
    )


def _align(numeric: bool, text: str = "") -> str:
    return ' class="num"' if numeric else ' class="long"' if len(text) > _LONG else ""


@cache
def _style() -> str:
    return resources.files("dure.formats").joinpath("report.css").read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    """Vega, Vega-Lite, Vega-Embed and the start of all charts as one script, safe to stand inside a script element."""
    bundle: str = vl_convert.javascript_bundle(_START)
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")
