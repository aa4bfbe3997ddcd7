"""Projects and the books: balances, the journal, entries by two people, clawback, invoices."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from dure.accounting.invoices import Invoice
from dure.app import booking, changes
from dure.app.booking import BalanceOf
from dure.ledger.model import UNIT, Cause, Transfer
from dure.web.applications import Counted
from dure.web.requests import AfterId, AfterSeq, Asked, Limit, Page, Shown, Strict, now, page

router = Router()


class ProjectOut(Shown):
    """A project: who spends awards."""

    id: str
    title: str
    institution: str
    country: str
    region: str
    stopped: bool


class Entry(Shown):
    """One entry of the journal and its place."""

    seq: int
    transfer: Transfer


class Verified(Shown):
    """How many entries the journal has, and everything found wrong with it; no faults: it holds."""

    entries: int
    faults: list[dict[str, Any]]


class Month(Asked):
    """A month, as 2026-03."""

    month: str


class Used(Asked):
    """What a job used, or got back of it; `id` is the caller's own, and books it once."""

    id: str
    project: str
    milli_units: int
    at_utc_s: int
    refund: bool = False
    about: str = ""

    def transfer(self, by: str) -> Transfer:
        """The entry that books it."""
        source, target = ("refunded", "project") if self.refund else ("project", "spent")
        return Transfer(
            self.id, f"{source}:{self.project}", f"{target}:{self.project}", self.milli_units,
            Cause.REFUND if self.refund else Cause.USAGE, self.at_utc_s, by=by, about=self.about,
        )  # fmt: skip


class Proposed(Asked):
    """An entry by hand: an adjustment, or the correction of an entry."""

    kind: str
    debit: str
    credit: str
    amount: int
    reason: str
    asset: str = UNIT
    corrects: str = ""


class ProposalOut(Shown):
    """What waits for a second person, or was decided."""

    seq: int
    kind: str
    document: dict[str, Any]
    reason: str
    by: str
    at_utc_s: int
    second: str
    agreed_utc_s: int | None
    refused: bool


class Due(Shown):
    """A warning to send, or units to take now, by the clawback schedule."""

    act: str
    project: str
    date: str
    due_utc_s: int
    milli_units: int
    ko: str
    en: str


class Bill(Asked):
    """The project and the month to bill."""

    project: str
    month: str


class InvoiceOut(Shown):
    """An invoice, or null where nothing is owed."""

    invoice: Invoice | None
    total_minor: int


@router.get("/projects", response=Page[ProjectOut])
def projects(request: HttpRequest, response: HttpResponse, after: AfterId = "", limit: Limit = 100) -> dict[str, Any]:
    """The projects that you may see, by id."""
    rows = booking.projects(request.actor, after=after, limit=limit + 1)
    return page(request, response, rows, limit, lambda r: r.id)


@router.get("/balances", response=Page[BalanceOf])
def balances(request: HttpRequest, response: HttpResponse, after: AfterId = "", limit: Limit = 100) -> dict[str, Any]:
    """The balances of the projects that you may see, by project."""
    rows = booking.balances(request.actor, now(), after=after, limit=limit + 1)
    return page(request, response, rows, limit, lambda r: r.project)


@router.get("/projects/{id}/balance", response=BalanceOf)
def balance(request: HttpRequest, id: str) -> BalanceOf:
    """One project's balance, the days it lasts, and what even use would have spent."""
    return booking.balance(request.actor, id, now())


@router.get("/ledger/journal", response=Page[Entry])
def journal(
    request: HttpRequest,
    response: HttpResponse,
    project: Annotated[str, Query("", max_length=100)] = "",
    after: AfterSeq = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Entries of the journal, oldest first; of one project for those who see it."""
    found = booking.journal(request.actor, project=project, after=after, limit=limit + 1)
    return page(request, response, [Entry(seq=n, transfer=t) for n, t in found], limit, lambda r: r.seq)


@router.get("/ledger/verify", response=Verified)
def verify(request: HttpRequest) -> dict[str, Any]:
    """Rebuild every balance from the journal."""
    entries, faults = booking.verify(request.actor)
    return {"entries": entries, "faults": [{"entry": f.entry, "fault": f.what} for f in faults]}


@router.post("/ledger/close", response={204: None})
def close_month(request: HttpRequest, given: Annotated[Month, Strict(...)]) -> None:
    """Close a month: from then on its mistakes are corrected by new entries."""
    booking.close_month(request.actor, given.month, now())


@router.post("/usage", response=dict[str, int])
def usage(request: HttpRequest, used: Annotated[list[Used], Strict(...)]) -> dict[str, int]:
    """Book usage and refunds, each once by its id; how many ended with which code of the ledger."""
    counts = booking.settle(request.actor, [u.transfer(request.actor.user) for u in used])
    return {code.name.lower(): count for code, count in counts.items()}


@router.post("/ledger/expire", response=Counted)
def expire(request: HttpRequest) -> dict[str, int]:
    """Free the reservations whose time has passed."""
    return {"count": booking.expire_due(request.actor, now())}


@router.get("/proposals", response=Page[ProposalOut])
def proposals(request: HttpRequest, response: HttpResponse, after: AfterSeq = 0, limit: Limit = 100) -> dict[str, Any]:
    """What waits for a second person, and what was decided, newest first."""
    rows = booking.proposals(request.actor, after=after, limit=limit + 1)
    return page(request, response, rows, limit, lambda r: int(r.seq))


@router.post("/proposals", response={201: ProposalOut})
def propose(request: HttpRequest, entry: Annotated[Proposed, Strict(...)]) -> Any:
    """Propose an adjustment (`adjust`) or a correction (`correct`) for a second person to agree to."""
    return booking.propose(
        request.actor, entry.kind, now(), debit=entry.debit, credit=entry.credit, amount=entry.amount,
        reason=entry.reason, asset=entry.asset, corrects=entry.corrects,
    )  # fmt: skip


@router.post("/proposals/{seq}/agree", response=ProposalOut)
def agree(request: HttpRequest, seq: int) -> Any:
    """The second person's yes."""
    return booking.agree(request.actor, seq, now())


@router.post("/proposals/{seq}/refuse", response={204: None})
def refuse(request: HttpRequest, seq: int) -> None:
    """No to a proposal; its author may take it back."""
    booking.refuse(request.actor, seq, now())


@router.post("/clawback", response=list[Due])
def clawback(request: HttpRequest, do: bool = False) -> list[dict[str, Any]]:
    """What the clawback schedule has due now; with `do`, warnings are sent and units are taken."""
    return [
        {
            "act": a.act, "project": a.holding.project, "date": a.date, "due_utc_s": a.due_utc_s,
            "milli_units": a.milli_units, "ko": a.sentence("ko"), "en": a.sentence("en"),
        }
        for a in changes.take_back(request.actor, now(), do=do)
    ]  # fmt: skip


@router.post("/notices", response=Counted)
def notices(request: HttpRequest) -> dict[str, int]:
    """Tell projects that have used 80, 100 or 120 %, each once."""
    return {"count": changes.send_notices(request.actor, now())}


@router.post("/invoices", response=InvoiceOut)
def bill(request: HttpRequest, asked: Annotated[Bill, Strict(...)]) -> dict[str, Any]:
    """Bill a project for its award; booked once."""
    made = changes.bill(request.actor, asked.project, asked.month, now())
    return {"invoice": made, "total_minor": made.total_minor if made else 0}
