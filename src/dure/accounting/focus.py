"""Invoices as rows in the columns of FOCUS, the FinOps Foundation's specification of cost and usage data (focus.finops.org).

Only columns that Dure can fill truly are there: it is not a complete FOCUS data set (1.2 asks for more). What is fixed here:
a refund is ChargeCategory `Credit` with negative cost, and ChargeClass `Correction` only where its time lies in an earlier,
invoiced month, as the specification says (chargeclass.md; its issues #636 and #942). Quantities and costs are exact
decimals in text.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from dure.accounting.invoices import Invoice, Item, Line, decimal, point
from dure.accounting.months import bounds
from dure.fleet import Fleet

COLUMNS: Final[dict[str, str]] = {
    "BilledCost": "the fee",
    "ListCost": "price on the market",
    "ListUnitPrice": "market price of one unit",
    "BillingCurrency": "ISO 4217",
    "BillingAccountId": "project",
    "SubAccountId": "project",
    "InvoiceId": "id of the invoice",
    "BillingPeriodStart": "first moment of the invoice's month, UTC",
    "BillingPeriodEnd": "first moment after it",
    "ChargePeriodStart": "first moment of the month in which it was used, UTC",
    "ChargePeriodEnd": "first moment after it",
    "ChargeCategory": "Usage, Credit (refund) or Purchase (award paid ahead)",
    "ChargeClass": "Correction for a refund of an earlier month; else empty",
    "ChargeFrequency": "Usage-Based or One-Time",
    "ChargeDescription": "in words",
    "ConsumedQuantity": "units used; usage only",
    "ConsumedUnit": "Units; usage only",
    "PricingQuantity": "units priced; of a refund negative",
    "PricingUnit": "Units",
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "the programme's name",
    "ResourceId": "pool",
    "ResourceType": "Accelerator pool",
    "RegionId": "site of the pool",
    "SkuId": "accelerator model",
}
"""Column and what it holds, in order."""

_CATEGORY: Final = {Item.USAGE: "Usage", Item.REFUND: "Credit", Item.AWARD: "Purchase"}


def rows(invoices: Iterable[Invoice], fleet: Fleet, programme: str) -> list[dict[str, str]]:
    """One row for each line of the invoices, keys as COLUMNS; an empty text is a null."""
    sites = {p.id: p.site for p in fleet.pools}
    return [_row(bill, line, sites.get(line.pool, ""), programme) for bill in invoices for line in bill.lines]


def _row(bill: Invoice, line: Line, site: str, programme: str) -> dict[str, str]:
    currency, used = bill.terms.currency, line.item == Item.USAGE
    units = point(line.milli_units, 3)
    (begin, end), (used_from, used_to) = map(_span, (bill.month, line.of_month))
    refunded = line.item == Item.REFUND
    return {
        "BilledCost": decimal(line.amount_minor, currency),
        "ListCost": decimal(line.list_minor, currency),
        "ListUnitPrice": decimal(bill.terms.price_minor, currency),
        "BillingCurrency": currency,
        "BillingAccountId": bill.project,
        "SubAccountId": bill.project,
        "InvoiceId": bill.id,
        "BillingPeriodStart": begin,
        "BillingPeriodEnd": end,
        "ChargePeriodStart": used_from,
        "ChargePeriodEnd": used_to,
        "ChargeCategory": _CATEGORY[line.item],
        "ChargeClass": "Correction" if refunded and line.of_month < bill.month else "",
        "ChargeFrequency": "One-Time" if line.item == Item.AWARD else "Usage-Based",
        "ChargeDescription": " ".join(x for x in (line.item, line.model, line.pool) if x),
        "ConsumedQuantity": units if used else "",
        "ConsumedUnit": "Units" if used else "",
        "PricingQuantity": units,
        "PricingUnit": "Units",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": programme,
        "ResourceId": line.pool,
        "ResourceType": "Accelerator pool" if line.pool else "",
        "RegionId": site,
        "SkuId": line.model,
    }


def _span(month: str) -> tuple[str, str]:
    begin, end = (f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in bounds(month))
    return begin, end
