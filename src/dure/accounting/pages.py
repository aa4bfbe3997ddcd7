"""An invoice as a page to read and to print: self-contained, in Korean or English, nothing but text and tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Final

from dure.accounting.invoices import Invoice, Item, Line, decimal, point
from dure.errors import UnknownName

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "invoice": ("사용료 청구서", "Invoice"),
    "credit": ("사용료 정산서 (환급)", "Credit note"),
    "number": ("번호", "Number"),
    "month": ("사용 월", "Month"),
    "issued": ("발행일", "Issued"),
    "due": ("납부 기한", "Due"),
    "project": ("과제", "Project"),
    "from": ("청구 기관", "From"),
    "to": ("청구 대상", "To"),
    "lines": ("내역", "What it is for"),
    "what": ("항목", "Item"),
    "model": ("가속기", "Accelerator"),
    "pool": ("자원 풀", "Pool"),
    "units": ("유닛", "Units"),
    "list": ("시장 가격", "Market price"),
    "amount": ("사용료", "Fee"),
    "total": ("합계", "Total"),
    "usage": ("사용", "Usage"),
    "refund": ("장애 환급", "Refund, node failure"),
    "award": ("배정", "Award"),
    "price": ("유닛당 시장 가격 {price}", "Market price of one unit: {price}"),
    "share": ("사용료율 {share} %", "Fee: {share} % of the market price"),
    "discount": ("할인 {discount} %", "Discount: {discount} %"),
    "free": ("무상 지원 과제입니다. 청구액이 없습니다.", "This project is supported free of charge; nothing is owed."),
    "rounding": (
        "금액은 항목마다 한 번 반올림합니다. 세금은 포함하지 않았습니다.",
        "Amounts are rounded to the nearest once for each line. No tax is included.",
    ),
}
LANGUAGES: Final = ("ko", "en")

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
@page { size: A4; margin: 18mm; }
:root { color-scheme: light; --ink: #16202c; --muted: #56616e; --line: #c9d0d8; }
body { margin: 0 auto; max-width: 46rem; padding: 2.5rem 1.5rem; color: var(--ink); background: #fff;
  font: 15px/1.55 "Noto Sans KR", "Noto Sans CJK KR", "Apple SD Gothic Neo", "Malgun Gothic", system-ui, sans-serif; }
h1 { margin: 0 0 1.5rem; font-size: 1.7rem; } h2 { margin: 2rem 0 .5rem; font-size: 1rem; }
.parties, .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: .75rem 1.5rem; margin: 0 0 1.5rem; }
dt { color: var(--muted); font-size: .8rem; } dd { margin: 0; white-space: pre-line; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: baseline; }
thead th { color: var(--muted); font-size: .8rem; font-weight: 500; }
.num { text-align: right; white-space: nowrap; }
tfoot th, tfoot td { border-bottom: 0; border-top: 2px solid var(--ink); font-weight: 700; }
.terms { margin: 1.5rem 0 0; padding: 0; list-style: none; color: var(--muted); font-size: .85rem; }
@media print { body { padding: 0; max-width: none; } thead { display: table-header-group; } tr { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands on a page beside the amounts. A party may have several lines, as an address does."""

    issuer: str
    payer: str
    issued: str  # dates as 2026-08-03
    due: str = ""


def page(bill: Invoice, heading: Heading, language: str) -> str:
    """The invoice as a whole HTML document, in `ko` or `en`. Raises UnknownName for another language."""
    if language not in LANGUAGES:
        raise UnknownName("language", language, LANGUAGES)

    def say(key: str) -> str:
        return _WORDS[key][LANGUAGES.index(language)]

    title = say("invoice" if bill.total_minor >= 0 else "credit")
    facts = [("number", bill.id), ("project", bill.project), ("month", bill.month)]
    facts += [("issued", heading.issued), ("due", heading.due)]
    parties = [("from", heading.issuer), ("to", heading.payer)]
    columns = [("what", ""), ("model", ""), ("pool", ""), ("units", "num"), ("list", "num"), ("amount", "num")]
    heads = "".join(_cell("th", say(key), kind, ' scope="col"') for key, kind in columns)
    rows = "".join(_row(line, bill, say(line.item)) for line in bill.lines)
    sums = _numbers(bill.milli_units, bill.list_minor, bill.total_minor, bill.terms.currency)
    terms = "".join(f"<li>{_text(t)}</li>" for t in _terms(bill, say("price"), say("share"), say("discount")))
    notes = [say("rounding")] if bill.terms.share_milli else [say("free")]
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)} {_text(bill.id)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{_text(title)}</h1>\n"
        f'<dl class="facts">{_list(facts, say)}</dl>\n<dl class="parties">{_list(parties, say)}</dl>\n'
        f'<h2 id="lines">{_text(say("lines"))}</h2>\n<div class="scroll"><table aria-labelledby="lines">\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n"
        f'<tfoot><tr><th scope="row" colspan="3">{_text(say("total"))}</th>{sums}</tr></tfoot>\n</table></div>\n'
        f'<ul class="terms">{terms}{"".join(f"<li>{_text(n)}</li>" for n in notes)}</ul>\n</main>\n</body>\n</html>\n'
    )


def _list(rows: list[tuple[str, str]], say: Callable[[str], str]) -> str:
    return "".join(f"<div><dt>{_text(say(k))}</dt><dd>{_text(v)}</dd></div>" for k, v in rows if v)


def _row(line: Line, bill: Invoice, item: str) -> str:
    month = f" ({line.of_month})" if line.item == Item.REFUND and line.of_month != bill.month else ""
    cells = "".join(_cell("td", text) for text in (item + month, line.model, line.pool))
    return f"<tr>{cells}{_numbers(line.milli_units, line.list_minor, line.amount_minor, bill.terms.currency)}</tr>\n"


def _numbers(milli_units: int, list_minor: int, amount_minor: int, currency: str) -> str:
    money = (f"{currency} {decimal(n, currency, grouped=True)}" for n in (list_minor, amount_minor))
    return "".join(_cell("td", text, "num") for text in (point(milli_units, 3, grouped=True), *money))


def _terms(bill: Invoice, price: str, share: str, discount: str) -> list[str]:
    terms = bill.terms
    said = [price.format(price=f"{terms.currency} {decimal(terms.price_minor, terms.currency, grouped=True)}")]
    said += [share.format(share=point(terms.share_milli, 1))] if terms.share_milli else []
    return said + ([discount.format(discount=point(terms.discount_milli, 1))] if terms.discount_milli else [])


def _cell(tag: str, text: str, kind: str = "", more: str = "") -> str:
    return f"<{tag}{more}{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{_text(text)}</{tag}>"


def _text(text: str) -> str:
    """`text` fit to stand in markup: control characters out, the rest escaped."""
    return escape("".join(c for c in text if c.isprintable() or c == "\n"))
