"""Fees to the minor unit, invoices that agree with the ledger, their pages, and their rows in FOCUS columns."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.accounting import focus
from dure.accounting.burn import LEVELS
from dure.accounting.invoices import (
    FeeTerms,
    Invoice,
    Item,
    Line,
    credit_note,
    decimal,
    fee,
    invoice,
    invoice_award,
    payment,
)
from dure.accounting.months import bounds
from dure.accounting.pages import Heading, page
from dure.accounting.settle import Charge, Refund, Terms, charges, refunds, settle, usage
from dure.errors import InputError, UnknownName
from dure.ledger.book import Book, apply, unsound
from dure.ledger.model import Cause, Code
from dure.ledger.months import month_of
from dure.programme.model import Call, Sector, Text, Track
from dure.programme.model import Fee as Payer
from dure.scheduler.policies import Policy
from tests.naive import naive_run
from tests.worlds import FEATURES, World, policies, pool, worlds

JULY, AUGUST = bounds("2026-07")
WON = FeeTerms(5_000, "KRW", 75)  # 7.5 % of 5,000 won a unit
HEADING = Heading("National AI Compute Programme\nExample Agency", "Example Start-up A", "2026-08-03", "2026-08-31")


def charge(milli_units: int, pool: str = "haenam-h200", model: str = "H200", month: str = "2026-07") -> Charge:
    return Charge("p", month, pool, model, milli_units, 1, *bounds(month))


def refund(milli_units: int, from_utc_s: int = AUGUST - 7200) -> Refund:
    return Refund("p", "2026-07", "haenam-h200", "H200", 3, 0, "train.0", milli_units, 9, 9, from_utc_s, AUGUST - 1)


BILL = invoice("p", "2026-07", WON, [charge(1_234_567), charge(20_000, "busan-rngd", "RNGD")], [refund(4_000)])


@pytest.mark.parametrize(
    ("milli_units", "terms", "list_minor", "fee_minor"),
    [
        (1_000, WON, 5_000, 375),
        (1_234_567, WON, 6_172_835, 462_963),  # 462,962.6
        (4, WON, 20, 2),  # 1.5: half goes up
        (-4, WON, -20, -2),  # and a refund of it takes all of it back
        (1, WON, 5, 0),
        (1_000_000, FeeTerms(5_000, "KRW", 50, 500), 5_000_000, 125_000),  # 5 % less half for a young company
        (1_000_000, FeeTerms(5_000, "KRW", 0), 5_000_000, 0),
        (1_000_000, FeeTerms(5_000, "KRW", 1000), 5_000_000, 5_000_000),
    ],
)
def test_fees(milli_units: int, terms: FeeTerms, list_minor: int, fee_minor: int) -> None:
    assert (terms.list_minor(milli_units), terms.fee_minor(milli_units)) == (list_minor, fee_minor)


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**6), st.integers(0, 1000), st.integers(0, 1000))
def test_fees_are_rounded_once_half_away_from_zero(units: int, price: int, share: int, discount: int) -> None:
    exact = Decimal(units) * price * share * (1000 - discount) / 10**9
    assert FeeTerms(price, "KRW", share, discount).fee_minor(units) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(("share", "discount"), [(-1, 0), (1001, 0), (0, -1), (0, 1001)])
def test_a_share_is_from_nothing_to_all(share: int, discount: int) -> None:
    with pytest.raises(InputError, match="not a share"):
        FeeTerms(1, "KRW", share, discount)


@pytest.mark.parametrize(
    ("payer", "young", "share", "discount"),
    [
        (Payer.FREE, True, 0, 500),
        (Payer.SHARE, False, 80, 0),
        (Payer.SHARE, True, 80, 500),
        (Payer.PARTNER, False, 1000, 0),
    ],
)
def test_the_terms_of_a_track(payer: Payer, young: bool, share: int, discount: int) -> None:
    name = Text("트랙", "Track")
    track = Track("t", name, 1, (Sector.STARTUP,), fee=payer, fee_milli=80, young_discount_milli=500)
    call = Call("c", "Call", 0, 1, "Asia/Seoul", JULY, 12, (track,), (), "ranked", market_price_minor=5_000)
    assert FeeTerms.of(call, track, young=young) == FeeTerms(5_000, "KRW", share, discount)


def test_an_invoice_has_a_line_for_each_pool_and_one_for_its_refunds() -> None:
    assert [(x.item, x.model, x.milli_units, x.amount_minor) for x in BILL.lines] == [
        (Item.USAGE, "H200", 1_234_567, 462_963),
        (Item.USAGE, "RNGD", 20_000, 7_500),
        (Item.REFUND, "H200", -4_000, -1_500),
    ]
    assert (BILL.milli_units, BILL.list_minor, BILL.total_minor) == (1_250_567, 6_252_835, 468_963)


def test_other_projects_and_months_are_left_out() -> None:
    others = [charge(1, month="2026-08"), charge(1, month="2026-06")]
    assert invoice("p", "2026-07", WON, [charge(5_000), *others]).milli_units == 5_000
    assert invoice("q", "2026-07", WON, others, [refund(5)]).lines == ()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds(FEATURES), policies(), st.integers(0, 120))
def test_the_units_of_invoices_are_those_of_the_ledger(world: World, policy: Policy, before_edge: int) -> None:
    log = naive_run(world.fleet, world.workload, policy, world.scenario, 0)
    table = usage(log, world.workload, world.fleet, start_utc_s=AUGUST - before_edge)
    end = AUGUST + 10**6
    booked = settle(table, Terms("run"), end)
    rows, back = charges(table, end), refunds(table, Terms("run"), end)
    for project in table.projects:
        for month in ("2026-07", "2026-08"):
            mine = [t for t in booked if t.debit.endswith(f":{project}") and month_of(t.at_utc_s) == month]
            net = sum(t.amount if t.cause == Cause.USAGE else -t.amount for t in mine)
            bill = invoice(project, month, WON, rows, back)
            assert bill.milli_units == net
            assert len(focus.rows([bill], world.fleet, "Programme")) == len(bill.lines)


def test_fees_and_payments_are_taken_by_the_ledger() -> None:
    owed = fee(BILL, AUGUST)
    assert owed is not None
    book, found = apply(Book(), [owed, payment(BILL, "bank-1", 400_000, AUGUST + 1, "office")])
    assert found == [Code.OK, Code.OK]
    assert book.balance("fees:p", "KRW").available == -68_963
    back = invoice("p", "2026-08", WON, [], [Refund(**{**as_dict(refund(8_000)), "month": "2026-08"})])
    assert fee(back, AUGUST) is None
    note = credit_note(back, BILL.id, AUGUST + 9, "office", "auditor")
    assert note is not None
    book, found = apply(book, [note])
    assert (found, book.balance("fees:p", "KRW").available) == ([Code.OK], -65_963)
    assert unsound(book) == []
    assert credit_note(BILL, "x", 0, "a", "b") is None


def as_dict(row: Refund) -> dict[str, object]:
    return {name: getattr(row, name) for name in Refund.__slots__}


def test_an_award_paid_ahead_and_a_free_one() -> None:
    ahead = invoice_award("p", "2026-07", FeeTerms(5_000, "KRW", 100, 500), 2_000_000, "A-7")
    assert (ahead.id, ahead.total_minor) == ("invoice:p:A-7", 500_000)
    free = invoice("p", "2026-07", FeeTerms(5_000, "KRW", 0), [charge(1_000)])
    assert (free.total_minor, free.list_minor, fee(free, AUGUST)) == (0, 5_000, None)


@pytest.mark.parametrize(
    ("minor", "currency", "text", "grouped"),
    [
        (1234567, "KRW", "1234567", "1,234,567"),
        (1234567, "USD", "12345.67", "12,345.67"),
        (-5, "CAD", "-0.05", "-0.05"),
        (5, "KWD", "0.005", "0.005"),
        (0, "EUR", "0.00", "0.00"),
    ],
)
def test_money_in_words(minor: int, currency: str, text: str, grouped: str) -> None:
    assert (decimal(minor, currency), decimal(minor, currency, grouped=True)) == (text, grouped)


# --- the page ------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Tags and text of a page; every tag that opens closes in order."""

    VOID = ("meta",)

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open += [] if tag in self.VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and "style" not in self.open:
            self.cells.append(data)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Invoice", "Total", "Fee: 7.5 % of the market price", "Market price of one unit: KRW 5,000", "Refund, node failure"]),
        ("ko", ["사용료 청구서", "합계", "사용료율 7.5 %", "유닛당 시장 가격 KRW 5,000", "장애 환급"]),
    ],
)  # fmt: skip
def test_a_page_says_all_in_its_language(language: str, words: list[str]) -> None:
    html = page(BILL, HEADING, language)
    cells = Reader(html).cells
    assert not [w for w in words if w not in cells]
    for shown in ("1,250.567", "KRW 6,252,835", "KRW 468,963", "-4.000", "KRW -1,500", BILL.id, "2026-08-31"):
        assert shown in cells
    assert f'<html lang="{language}">' in html
    assert "http:" not in html
    assert "https:" not in html


def test_a_page_for_nothing_owed_and_one_for_what_comes_back() -> None:
    free = invoice("p", "2026-07", FeeTerms(5_000, "KRW", 0), [charge(1_000)])
    assert "This project is supported free of charge; nothing is owed." in Reader(page(free, HEADING, "en")).cells
    back = invoice("p", "2026-07", WON, [], [refund(4_000, from_utc_s=JULY - 9)])
    cells = Reader(page(back, HEADING, "en")).cells
    assert {"Credit note", "Refund, node failure (2026-06)"} <= set(cells)


@given(st.text(max_size=40), st.sampled_from(["ko", "en"]))
def test_no_name_can_write_markup(text: str, language: str) -> None:
    text = f"<script>alert(1)</script>\"'&{text}\x00\x1b"
    line = Line(Item.USAGE, text, text, 1_000, 5_000, 375, "2026-07")
    html = page(Invoice(text, text, text, WON, (line,)), Heading(text, text, text, text), language)
    assert "script" not in Reader(html).tags
    assert "\x00" not in html
    assert "\x1b" not in html


def test_a_page_in_no_language_is_refused() -> None:
    with pytest.raises(UnknownName, match="language"):
        page(BILL, HEADING, "fr")


# --- FOCUS ---------------------------------------------------------------------------------------------------------


def test_rows_of_focus() -> None:
    fleet = World(pools=(pool(1, 8, "H200", id="haenam-h200"), pool(1, 8, "RNGD", id="busan-rngd"))).fleet
    late = invoice("p", "2026-07", WON, [], [refund(4_000, from_utc_s=JULY - 9)])
    ahead = invoice_award("p", "2026-07", WON, 2_000_000, "A-7")
    rows = focus.rows([BILL, late, ahead], fleet, "Programme")
    assert all(tuple(r) == tuple(focus.COLUMNS) for r in rows)
    kinds = [(r["ChargeCategory"], r["ChargeClass"], r["ConsumedQuantity"], r["BilledCost"]) for r in rows]
    assert kinds == [
        ("Usage", "", "1234.567", "462963"),
        ("Usage", "", "20.000", "7500"),
        ("Credit", "", "", "-1500"),
        ("Credit", "Correction", "", "-1500"),  # of a month that was invoiced before
        ("Purchase", "", "", "750000"),
    ]
    first, last = rows[0], rows[-1]
    assert (first["ResourceId"], first["RegionId"], first["SkuId"]) == ("haenam-h200", "s", "H200")
    assert (last["ResourceId"], last["ResourceType"], last["RegionId"]) == ("", "", "")
    assert (first["BillingPeriodStart"], first["BillingPeriodEnd"]) == ("2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z")
    assert (rows[3]["ChargePeriodStart"], rows[3]["ChargePeriodEnd"]) == (
        "2026-06-01T00:00:00Z",
        "2026-07-01T00:00:00Z",
    )
    assert sum(Decimal(r["BilledCost"]) for r in rows[:3]) == BILL.total_minor


def test_every_column_and_notice_is_documented(root: Path) -> None:
    page = (root / "docs" / "reference" / "accounting.md").read_text("utf-8")
    assert not [c for c, meaning in focus.COLUMNS.items() if f"| `{c}` | {meaning} |" not in page]
    assert not [f"{a}:{x}" for a, levels in LEVELS.items() for x in levels if f"`{a}:{x}`" not in page]
