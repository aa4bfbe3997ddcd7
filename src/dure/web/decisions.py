"""What the rules decided and asked for, and the log in which it stands."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from dure.app import auditing, governing
from dure.web.requests import MOST, AfterSeq, Asked, Limit, Page, Shown, Strict, now, page

router = Router()
About = Annotated[str, Query("", max_length=200, description="of one application, model or data set")]


class DecisionOut(Shown):
    """One verdict: what was judged as of when, what came out, and by which rules."""

    seq: int
    act: str
    about: str
    facts: dict[str, Any]
    as_of_utc_s: int
    allowed: bool
    reasons: list[str]
    obligations: list[str]
    faults: list[str]
    rules: str


class ObligationOut(Shown):
    """What a decision asked for, and where it stands: open, met, refused or waived."""

    seq: int
    rule: str
    kind: str
    about: str
    project: str
    state: str
    by: str
    second: str
    note: str
    evidence: str
    at_utc_s: int | None
    until_utc_s: int | None


class Settled(Asked):
    """How an obligation ends: met, refused, or waived until a moment."""

    state: str
    note: str
    evidence: str = ""
    until_utc_s: int | None = None


class Head(Shown):
    """The newest signed head of the audit log, as a C2SP signed note with its cosignatures; null before the first."""

    note: str | None


class Proof(Shown):
    """That an entry is in the signed log: all that `dure audit verify` needs beside the public key."""

    entry: str
    index: int
    size: int
    leaf: str
    proof: list[str]
    checkpoint: str


@router.get("/decisions", response=Page[DecisionOut])
def list_decisions(
    request: HttpRequest, response: HttpResponse, about: About = "", after: AfterSeq = 0, limit: Limit = 100
) -> dict[str, Any]:
    """Decisions that you may see, oldest first."""
    rows = list(islice(governing.decisions(request.actor, about=about, after=after), limit + 1))
    return page(request, response, rows, limit, lambda r: r.seq)


@router.get("/obligations", response=list[ObligationOut])
def list_obligations(request: HttpRequest, about: About = "", project: About = "") -> list[Any]:
    """What decisions asked for and nobody has met yet."""
    return governing.obligations(request.actor, about=about, project=project)


@router.post("/obligations/{seq}", response=ObligationOut)
def settle_obligation(request: HttpRequest, seq: int, settled: Annotated[Settled, Strict(...)]) -> Any:
    """Meet, refuse or waive an obligation; an approval or a waiver stays open until a second person says the same."""
    return governing.meet(
        request.actor,
        seq,
        settled.state,
        settled.note,
        now(),
        evidence=settled.evidence,
        until_utc_s=settled.until_utc_s,
    )


@router.get("/log/head", response=Head)
def head(request: HttpRequest) -> dict[str, Any]:
    """The newest signed head of the audit log."""
    return {"note": auditing.head()}


@router.get("/log/entries", response=list[dict[str, Any]])
def list_entries(
    request: HttpRequest, after: Annotated[int, Query(-1, ge=-1, le=MOST)] = -1, limit: Limit = 100
) -> list[dict[str, Any]]:
    """Entries of the audit log, oldest first; people in it are named where they are not erased."""
    return auditing.entries(request.actor, after, limit)


@router.get("/log/entries/{seq}/proof", response=Proof)
def prove(request: HttpRequest, seq: int) -> dict[str, Any]:
    """The proof that an entry is in the signed log."""
    return auditing.prove(request.actor, seq)
