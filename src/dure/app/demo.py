"""The demonstration: a generated call from applications to awards, a month of jobs that spend them, and the books after.

Everything in it is generated and says so; it runs on its own clock (the dates of the call), in a database of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dure.accounting.settle import Terms, settle, usage
from dure.app import applying, awarding, booking, governing, people, programme, reviewing, screening
from dure.app.access import Actor
from dure.app.keys import make_key, signer_of
from dure.app.twin import Experiment, experiment
from dure.fleet import rate_milli
from dure.formats.calls import read_call
from dure.formats.streams import opened
from dure.programme import sample
from dure.programme.model import Application, Call
from dure.programme.rules import RULES
from dure.reports.awards import Line
from dure.scheduler.policies import Policy
from dure.scheduler.terms import ProjectTerms
from dure.simulator.scenario import FaultModel, Scenario
from dure.store import audit, ledger, models
from dure.units import DAY_S, HOUR_S, MILLI

if TYPE_CHECKING:
    from dure.fleet import Fleet
    from dure.workload import Workload

OFFICE = "office"
NODE_FAILS_DAYS = 200.0  # mean time between failures of one node: assumed
SLOW_RULES = ("lottery", "partner")  # need a beacon, or partners that contribute
Watch = Callable[[str], AbstractContextManager[Callable[[float], bool]]]


@dataclass(frozen=True)
class Round:
    """A call that was run to its end."""

    call: Call
    applications: tuple[Application, ...]
    totals: dict[str, tuple[int, int]]  # by rule: awards, milli-units


def run_call(fleet: Path, call_file: Path, seed: int, count: int) -> Round:
    """Make the programme, run the call with `count` generated applications, and publish its awards."""
    with opened(call_file) as stream:
        call = read_call(stream, str(call_file))
    start = call.opens_utc_s - DAY_S
    programme.initialise("Demonstration", fleet, OFFICE, start)
    office = people.actor_of(OFFICE)
    programme.open_call(office, call, start)
    programme.publish_call(office, call.id, start)
    applications = tuple(sample.draw_applications(call, seed, count))
    applying.import_applications(office, applications, call.opens_utc_s + DAY_S)
    for edition in sample.WATCHLISTS:
        screening.import_list(office, edition, call.opens_utc_s)
    for id, declaration in sample.draw_declarations(applications, seed).items():
        screening.declare(office, id, declaration, call.opens_utc_s + DAY_S)
    after = call.closes_utc_s + HOUR_S
    applying.decide_eligibility(office, [a.id for a in applications], True, after)
    reviewers = sample.draw_reviewers(call, seed, max(6, count // 3))
    reviewing.add_reviewers(office, reviewers, after)
    assigned = reviewing.assign(office, call.id, after)
    reviewing.import_reviews(office, sample.draw_reviews(call, seed, assigned.pairs, after + DAY_S), after + DAY_S)
    reviewing.close(office, call.id, after + 2 * DAY_S)
    if call.reply_days:
        reviewing.close(office, call.id, after + (2 + call.reply_days) * DAY_S)
    decided = after + (3 + call.reply_days) * DAY_S
    rules = [r for r in RULES if r not in SLOW_RULES]
    _, tried = awarding.try_rules(office, call.id, rules, decided, seed=seed)
    awarding.publish(office, call.id, decided, seed=seed)
    totals = {rule: (int((a.amount > 0).sum()), int(a.amount.sum())) for rule, a in tried.items()}
    return Round(call, applications, totals)


def shared_out(workload: Workload, budgets: Mapping[str, int], units_each: float, seed: int) -> Workload:
    """The same jobs, asked for by these projects: drawn by the size of their budgets, in milli-units, among those of which a
    job takes a quarter at most. `units_each` is the dearest accelerator-hour."""
    names = sorted(budgets, key=lambda name: (budgets[name], name))
    least = np.array([budgets[name] for name in names], np.float64)
    bounds = np.concatenate([[0.0], np.cumsum(least)])
    held = workload.accelerators * workload.share_milli / MILLI
    cost = MILLI * units_each * held * workload.limit_s / HOUR_S
    first = np.minimum(np.searchsorted(least, 4 * cost), len(names) - 1)
    drawn = bounds[first] + np.random.default_rng([seed, 4]).random(len(cost)) * (bounds[-1] - bounds[first])
    of = np.clip(np.searchsorted(bounds, drawn, "right") - 1, 0, len(names) - 1)
    return replace(workload, projects=tuple(names), project=of.astype(workload.project.dtype))


def budgets(now: int) -> tuple[ProjectTerms, ...]:
    """What each awarded project may still spend, for the scheduler; none of those that a rule still holds back."""
    return tuple(
        ProjectTerms(project, budget_milli_units=standing.remaining)
        for project, standing in ledger.standings().items()
        if not governing.blocking(project, now)
    )


def run_month(
    done: Round, fleet: Fleet, workload: Workload, policies: Sequence[Policy], seed: int, watch: Watch
) -> Experiment:
    """The month under several policies, each with the awards as budgets; the first one's usage is booked."""
    start, end = awarding.months_from(done.call, 0, done.call.period_months)
    terms = budgets(start)
    failures = FaultModel(mean_days_between=NODE_FAILS_DAYS)
    scenario = Scenario(name=done.call.id, projects=terms, faults=failures, horizon_s=end - start)
    dearest = max(rate_milli(fleet, p.model).milli_units for p in fleet.pools) / MILLI
    jobs = shared_out(workload, {t.name: t.budget_milli_units or 0 for t in terms}, dearest, seed)
    found = experiment(fleet, lambda _: jobs, policies, scenario=scenario, seeds=[seed], watch=watch)
    if found.runs:
        office = people.actor_of(OFFICE)
        log = found.runs[0].log
        used = usage(log, jobs, fleet)
        end = used.start_utc_s + used.log_end_s
        run = f"demo-{log.policy}-{seed}"
        booking.settle(office, settle(used, Terms(run), end), used, run)
    return found


def funded(done: Round) -> list[tuple[str, str]]:
    """(project, lead) of the awarded applications that nothing holds back, the largest awards first."""
    rows = models.Award.objects.select_related("application").order_by("-amount_milli", "pk")
    start, _ = awarding.months_from(done.call, 0, done.call.period_months)
    return [(a.project_id, a.application.lead) for a in rows if not governing.blocking(a.project_id, start)]


def live_from(done: Round) -> int:
    """When the real processes run: the last day of the awards."""
    return awarding.months_from(done.call, 0, done.call.period_months)[1] - DAY_S


def publish_log(folder: Path, now: int) -> int:
    """Sign the audit log with a new key, kept in the folder, and export it there; how many entries."""
    signer = signer_of(make_demo_key(folder / "programme.key"))
    audit.sequence_all()
    audit.checkpoint(signer, signer.key.name, now)
    with (folder / "export.dure").open("wb") as stream:
        return audit.export(stream).entries


def make_demo_key(path: Path) -> Path:
    """A new key in place of that of an earlier demonstration."""
    for old in (path, path.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    make_key(path, "dure/demonstration")
    return path


def lines(actor: Actor, done: Round, language: str) -> list[Line]:
    """What each application asked, got, and has spent, for the report."""
    found = []
    rows = {r.id: r for r in models.Application.objects.all()}
    given = {a.pk: a.amount_milli for a in models.Award.objects.all()}
    standings = ledger.standings()
    for application in done.applications:
        row, standing = rows[application.id], standings.get(application.project)
        mine = standing if standing is not None and application.id in given else None
        found.append(
            Line(
                project=application.project,
                track=application.track,
                score=row.score_milli,
                asked=applying.calculate(application, done.call).milli_units,
                awarded=given.get(application.id, 0),
                spent=mine.spent - mine.refunded if mine else 0,
                refunded=mine.refunded if mine else 0,
                remaining=mine.remaining if mine else 0,
                why=row.decision.get("why", {}).get(language, ""),
            )
        )
    return found
