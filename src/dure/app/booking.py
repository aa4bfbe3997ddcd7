"""The books as people use them: balances, the journal, month close, adjustments by two, clawback, invoices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from dure.accounting.burn import Period, burn_of, even_line
from dure.accounting.settle import UsageTable
from dure.app.access import Action, Actor, Forbidden, NotFound, require
from dure.app.people import happened
from dure.app.programme import record
from dure.errors import InputError
from dure.ledger.book import Fault
from dure.ledger.model import UNIT, Cause, Code, Standing, Transfer
from dure.store import ledger, models

PROPOSED = {"adjust": Cause.ADJUST, "correct": Cause.CORRECT}


@dataclass(frozen=True)
class BalanceOf:
    """A project's standing and the dates of its awards; `days` its units last at the mean burn so far, None: no burn."""

    project: str
    standing: Standing
    from_utc_s: int | None
    to_utc_s: int | None
    days: int | None
    target_milli: int  # what even use would have spent by now


def balance(actor: Actor, project: str, now: int) -> BalanceOf:
    """One project's balance. Raises NotFound beyond the actor's reach."""
    require(actor, Action.READ_BALANCE)
    found = _periods(project) if _sees(actor, project) else []
    if not found:
        raise NotFound("project", project)
    return _balance(project, ledger.standing(project), [(a, b) for a, b in found if a is not None], now)


def _periods(project: str) -> list[tuple[int, int]]:
    """First moment and first moment after of a project's running awards; without any, one row of None; no project: none."""
    with connection.cursor() as cursor:  # asked with every balance that is looked at
        cursor.execute(
            "SELECT a.from_utc_s, a.to_utc_s FROM store_project p "
            "LEFT JOIN store_award a ON a.project_id = p.id AND NOT a.ended WHERE p.id = %s",
            [project],
        )
        found: list[tuple[int, int]] = cursor.fetchall()
    return found


def projects(actor: Actor, *, after: str = "", limit: int | None = None) -> list[models.Project]:
    """The projects that the actor may see, by id: at most `limit` of those after one."""
    require(actor, Action.READ_BALANCE)
    rows = models.Project.objects.filter(id__gt=after).order_by("id")
    if not actor.sees(Action.READ_BALANCE):
        rows = rows.filter(id__in=[p for p in actor.leads | actor.belongs | actor.group if _sees(actor, p)])
    return list(rows[:limit])


def balances(actor: Actor, now: int, *, after: str = "", limit: int | None = None) -> list[BalanceOf]:
    """The balances of the projects that the actor may see, by id: at most `limit` of those after one."""
    ids = [p.id for p in projects(actor, after=after, limit=limit)]
    found = ledger.standings(ids)
    awards: dict[str, list[tuple[int, int]]] = {}
    running = models.Award.objects.filter(project__in=ids, ended=False)
    for project, *period in running.values_list("project", "from_utc_s", "to_utc_s"):
        awards.setdefault(project, []).append((period[0], period[1]))
    return [_balance(p, found[p], awards.get(p, []), now) for p in ids]


def _sees(actor: Actor, project: str) -> bool:
    return actor.sees(Action.READ_BALANCE, project=project)


def _balance(project: str, standing: Standing, awards: Sequence[tuple[int, int]], now: int) -> BalanceOf:
    if not awards:
        return BalanceOf(project, standing, None, None, None, 0)
    period = Period(min(a for a, _ in awards), max(b for _, b in awards))
    return BalanceOf(
        project=project,
        standing=standing,
        from_utc_s=period.start_utc_s,
        to_utc_s=period.end_utc_s,
        days=burn_of(standing, period, now).days_left(standing.remaining),
        target_milli=even_line(standing.granted, period, now),
    )


def journal(actor: Actor, *, project: str = "", after: int = 0, limit: int = 100) -> list[tuple[int, Transfer]]:
    """Entries of the journal with their numbers, oldest first: all of them for office and auditor, else one project's."""
    if project and actor.sees(Action.READ_BALANCE, project=project):
        return ledger.journal(project=project, after_seq=after, limit=limit)
    require(actor, Action.READ_LEDGER)
    return ledger.journal(project=project or None, after_seq=after, limit=limit)


def verify(actor: Actor) -> tuple[int, list[Fault]]:
    """Rebuild every balance from the journal: how many entries there are, and what is wrong, first entry first."""
    require(actor, Action.READ_LEDGER)
    return ledger.verify()


@transaction.atomic
def close_month(actor: Actor, month: str, now: int) -> None:
    """Close a month (`2026-03`): from then on its mistakes are corrected by new entries that point back."""
    require(actor, Action.BOOK)
    ledger.close_month(month, by=actor.user, now=now)
    happened("ledger", month, "close", actor.user, now)


@transaction.atomic
def propose(
    actor: Actor, kind: str, now: int, *, debit: str, credit: str, amount: int, reason: str, asset: str = UNIT,
    corrects: str = "",
) -> models.Proposal:  # fmt: skip
    """Propose an adjustment, or a correction of an entry, for a second person to agree to."""
    require(actor, Action.BOOK)
    if kind not in PROPOSED:
        raise InputError("not a kind of entry made by hand", field="kind", value=kind, accepted=", ".join(PROPOSED))
    if not reason.strip():
        raise InputError("an entry made by hand needs a reason", field="reason")
    if not 0 < amount <= 2**62:
        raise InputError("not an amount", field="amount", value=amount, accepted="1 to 2^62")
    _apart(actor, (debit, credit))
    document = {"debit": debit, "credit": credit, "amount": amount, "asset": asset, "corrects": corrects}
    proposal: models.Proposal = models.Proposal.objects.create(
        kind=kind, document=document, reason=reason, by=actor.user, at_utc_s=now
    )
    happened("ledger", str(proposal.seq), "propose", actor.user, now, note=reason)
    return proposal


@transaction.atomic
def agree(actor: Actor, seq: int, now: int) -> models.Proposal:
    """The second person's yes: what was proposed is booked, or kept for the award it amends."""
    require(actor, Action.BOOK)
    rows = models.Proposal.objects.select_for_update().exclude(kind="waive")  # `app.evaluating.agree` sees to those
    row = rows.filter(seq=seq, agreed_utc_s=None, refused=False).first()
    if row is None:
        raise NotFound("open proposal", str(seq))
    if row.by == actor.user:
        raise Forbidden("it takes a second person: you proposed it yourself")
    row.second, row.agreed_utc_s = actor.user, now
    row.save()
    if row.kind in PROPOSED:
        _apart(actor, (row.document["debit"], row.document["credit"]))
        record(
            [
                Transfer(
                    f"{row.kind}/{row.seq}", row.document["debit"], row.document["credit"], row.document["amount"],
                    PROPOSED[row.kind], now, asset=row.document["asset"], corrects=row.document["corrects"],
                    reason=row.reason, by=row.by, second=actor.user,
                )
            ]
        )  # fmt: skip
    happened("ledger", str(seq), "agree", actor.user, now)
    return row


@transaction.atomic
def refuse(actor: Actor, seq: int, now: int) -> None:
    """No to a proposal; its own author may take it back."""
    require(actor, Action.BOOK)
    if not models.Proposal.objects.filter(seq=seq, agreed_utc_s=None).update(refused=True):
        raise NotFound("open proposal", str(seq))
    happened("ledger", str(seq), "refuse", actor.user, now)


def proposals(actor: Actor, *, after: int = 0, limit: int | None = None) -> list[models.Proposal]:
    """What waits for a second person, and what was decided, newest first: at most `limit` of those after one (0: all)."""
    require(actor, Action.READ_LEDGER)
    rows = models.Proposal.objects.filter(seq__lt=after) if after else models.Proposal.objects
    return list(rows.order_by("-seq")[:limit])


def _apart(actor: Actor, accounts: Sequence[str]) -> None:
    """Raises Forbidden where the actor reviewed, or belongs to, a project whose account is touched."""
    for name in accounts:
        project = name.partition(":")[2]
        if models.Member.objects.filter(project=project, user=actor.user).exists():
            raise Forbidden(f"{actor.user} belongs to {project}")
        if models.Review.objects.filter(
            application__project=project, reviewer=actor.user, submitted_utc_s__isnull=False
        ).exists():
            raise Forbidden(f"{actor.user} reviewed {project}, and nobody reviews, decides and books the same award")


@transaction.atomic
def expire_due(actor: Actor, now: int) -> int:
    """Free the reservations whose time has passed; how many."""
    require(actor, Action.BOOK)
    return len(ledger.void_due(now))


@transaction.atomic
def settle(
    actor: Actor, transfers: Sequence[Transfer], used: UsageTable | None = None, run: str = ""
) -> dict[Code, int]:
    """Book usage and refunds; how many ended with which code. Booking the same usage twice books it once. The attempts
    behind it are kept under the name of the `run` where `used` is given: what bounds a claim of compute."""
    require(actor, Action.BOOK)
    if any(t.cause not in (Cause.USAGE, Cause.REFUND) for t in transfers):
        raise InputError("only usage and refunds are settled", field="cause", accepted="usage, refund")
    counts: dict[Code, int] = {}
    for start in range(0, len(transfers), 500):
        for code in ledger.record(transfers[start : start + 500]):
            counts[code] = counts.get(code, 0) + 1
    if used is not None:
        _keep_usage(used, run)
    return counts


def _keep_usage(used: UsageTable, run: str) -> None:
    held, cost = used.accelerator_milli_s, used.milli_unit_s
    models.Usage.objects.bulk_create(
        (
            models.Usage(
                run=run, name=used.name(i), project=used.projects[used.project[i]], pool=used.pools[used.pool[i]],
                model=used.models[used.pool[i]], start_utc_s=used.start_utc_s + int(used.start_s[i]),
                end_utc_s=used.start_utc_s + int(used.end_s[i]), accelerator_milli_s=int(held[i]), milli_unit_s=int(cost[i]),
            )
            for i in range(len(used.job))
        ),
        ignore_conflicts=True, batch_size=500,
    )  # fmt: skip


def usage(actor: Actor, project: str) -> list[models.Usage]:
    """The settled attempts of a project, first to last. Raises NotFound."""
    require(actor, Action.READ_BALANCE)
    if not actor.sees(Action.READ_BALANCE, project=project):
        raise NotFound("project", project)
    return list(models.Usage.objects.filter(project=project).order_by("start_utc_s", "run", "name"))
