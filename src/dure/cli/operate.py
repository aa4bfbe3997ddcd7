"""`dure lease | service | site | project | usage | reconcile | webhook`: what runs, where, by which terms, and what it came to."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dure.cli.job import DryRun, Key, Models, OfProject, engines, hand_in, typed, viewed
from dure.errors import InputError
from dure.terminal.acting import Language, acting, language_of, moment, table, when
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note

if TYPE_CHECKING:
    from dure.operation.sites import OutageView
    from dure.reports.table import Value

lease, service, site, project, webhook = group(), group(), group(), group(), group()
ServiceNumber = Annotated[int, typer.Argument(metavar="SERVICE", min=1, help="Its number: `dure service list`.")]
Site = Annotated[str, typer.Argument(metavar="SITE", help="Id of the site.")]
Project = Annotated[str, typer.Argument(metavar="PROJECT", help="The project.")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="A date or time.")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="A date or time.")]

_LEASES = (
    "job", "project", "user", "name", "accelerators", "from_utc_s", "to_utc_s", "state", "pool", "nodes", "idle_milli",
)  # fmt: skip
_TERMS = (
    ("project", "project", "text"), ("when_spent", "when its units are spent", "text"), ("shares", "shares", "count"),
    ("limit_accelerators", "accelerators at once", "count"),
)  # fmt: skip
_WEBHOOKS = (
    ("webhook", "webhook", "text"), ("project", "project", "text"), ("url", "URL", "text"), ("user", "of", "text"),
    ("sent", "events delivered to", "count"), ("tries", "tries", "count"), ("state", "state", "text"),
    ("fault", "last fault", "text"),
)  # fmt: skip


# ---- leases and services ---------------------------------------------------------------------------------------------


@lease.command("list")
def list_leases(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the leases that one may see: whole nodes for dates."""
    actor, _ = acting()
    from dure.operation.views import LeaseView, lease_views, leases

    form = Form.of(as_json, as_csv)
    emit([viewed("leases", "Leases", lease_views(leases(actor)), LeaseView, form, _LEASES)], form)


@lease.command()
def request(
    start: From,
    end: To,
    nodes: Annotated[int, typer.Option("--nodes", min=1, metavar="N", help="Whole nodes.")] = 1,
    model: Models = [],  # noqa: B006
    of: OfProject = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is called in lists.")] = "",
    key: Key = None,
    dry_run: DryRun = False,
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Ask for whole nodes for dates. They are charged whether they are used or not."""
    actor, now = acting()
    from dure.workload.spec import JobSpec

    from_s, to_s = moment(start, "from"), moment(end, "to")
    if to_s <= from_s:
        raise InputError("a lease ends after it begins", field="to", value=end, accepted=f"later than {start}")
    spec = JobSpec(
        project=of or "", name=name, kind="lease", accelerators=nodes * _per_node(model), models=tuple(model),
        earliest_utc_s=from_s, limit_s=to_s - from_s,
    )  # fmt: skip
    hand_in(actor, spec, now, key, dry_run, language_of(language), Form.of(as_json, as_csv))


def _per_node(models: list[str]) -> int:
    """Accelerators in a node of any of these models (none: of all). Raises InputError where nodes differ."""
    from dure.app.programme import fleet_of_programme

    pools = [p for p in fleet_of_programme().pools if p.model and (not models or p.model in models)]
    sizes = {p.accelerators_per_node for p in pools}
    if len(sizes) != 1:
        known = ", ".join(sorted({f"{p.model} ({p.accelerators_per_node} in a node)" for p in pools}))
        message = "nodes of these models differ in size" if sizes else "no node has such a model"
        raise InputError(
            message, field="model", value=", ".join(models) or None, accepted=f"one of {known}" if known else ""
        )
    return sizes.pop()


@service.command("list")
def list_services(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the services that one may see: how many replicas are wanted, and how many run."""
    actor, _ = acting()
    from dure.operation.views import ServiceView, service_views, services

    form = Form.of(as_json, as_csv)
    emit([viewed("services", "Services", service_views(services(actor)), ServiceView, form)], form)


@service.command()
def scale(
    number: ServiceNumber, replicas: Annotated[int, typer.Argument(metavar="N", min=0, help="Replicas.")]
) -> None:
    """Keep so many replicas running from now on."""
    actor, now = acting()
    from dure.operation.operating import scale as scaled

    scaled(actor, number, replicas, now)
    typer.echo(f"service {number}: {replicas} replica(s) wanted; `dure service list` shows how many run")


@service.command()
def stop(number: ServiceNumber) -> None:
    """Stop a service: no replica is kept. `dure service scale` brings it back."""
    scale(number, 0)


@service.command()
def restart(number: ServiceNumber) -> None:
    """Start its replicas anew."""
    actor, now = acting()
    from dure.operation.operating import restart as restarted

    restarted(actor, number, now)
    typer.echo(f"service {number}: restarting; `dure service list` shows how many run")


# ---- sites -----------------------------------------------------------------------------------------------------------


@site.command("list")
def list_sites(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the sites as they stand: nodes, what is drained or capped, work ahead."""
    actor, now = acting()
    from dure.operation.sites import SiteView, sites

    form = Form.of(as_json, as_csv)
    found = [
        SimpleNamespace(**{f.name: getattr(s, f.name) for f in fields(s)} | {"outages": tuple(map(_outage, s.outages))})
        for s in sites(actor, now)
    ]
    emit([viewed("sites", "Sites", found, SiteView, form)], form)


def _outage(o: OutageView) -> str:
    return f"{when(o.from_utc_s)} to {when(o.to_utc_s)}" + (f" ({o.reason})" if o.reason else "")


@site.command()
def drain(site: Site) -> None:
    """Start nothing more at a site; what runs there goes on."""
    actor, now = acting()
    from dure.operation.sites import drain as drained

    drained(actor, site, now)
    typer.echo(f"{site}: drained; nothing more is started there until `dure site resume {site}`")


@site.command()
def resume(site: Site) -> None:
    """Start jobs at a drained site again."""
    actor, now = acting()
    from dure.operation.sites import resume as resumed

    resumed(actor, site, now)
    typer.echo(f"{site}: open again")


@site.command()
def outage(
    site: Site,
    start: From,
    end: To,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for those who wait.")] = "",
) -> None:
    """Announce work at a site: nothing is started that would run into it."""
    actor, now = acting()
    from dure.operation.sites import outage as announced

    from_s, to_s = moment(start, "from"), moment(end, "to")
    announced(actor, site, from_s, to_s, reason, now)
    typer.echo(f"{site}: no jobs from {when(from_s)} to {when(to_s)}")


@site.command()
def cap(
    site: Site,
    power: Annotated[str, typer.Argument(metavar="POWER", help="As 800kW or '4.2 MW'; `none`: as in the fleet file.")],
) -> None:
    """Cap the power of a site. What runs goes on; nothing is started that would break the cap."""
    actor, now = acting()
    from dure.operation.sites import cap as capped

    power_cap = None if power == "none" else typed(power, "power", "power_w")
    capped(actor, site, power_cap, now)
    typer.echo(f"{site}: " + ("power as in the fleet file" if power_cap is None else f"at most {power_cap:,} W"))


# ---- projects and what they used -------------------------------------------------------------------------------------


@project.command("stop")
def stop_project(
    project: Project,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept for ever.")] = "",
) -> None:
    """Stop a project: its jobs that run are told to end, and nothing of it starts until it is resumed."""
    actor, now = acting()
    from dure.operation.operating import stop_project as stopped

    stopped(actor, project, now, reason=reason)
    typer.echo(f"{project}: stopped; what runs is told to save and end. `dure project resume {project}` lets it go on")


@project.command("resume")
def resume_project(project: Project) -> None:
    """Let a stopped project go on."""
    actor, now = acting()
    from dure.operation.operating import resume_project as resumed

    resumed(actor, project, now)
    typer.echo(f"{project}: goes on")


@project.command()
def terms(
    project: Project,
    when_spent: Annotated[
        Literal["finish", "wait", "scavenge"] | None,
        typer.Option(
            "--when-spent", help="Its units are spent: what runs finishes; all waits; it runs last, uncharged."
        ),
    ] = None,
    shares: Annotated[
        int | None, typer.Option("--shares", min=1, metavar="N", help="Its part of a fair share.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, metavar="N", help="Accelerators at once, at most; 0: no limit.")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show by which terms a project runs, after changing those that are given."""
    actor, now = acting()
    from dure.operation.operating import set_terms

    found = set_terms(actor, project, when_spent=when_spent, shares=shares, limit=limit, now=now)
    row: dict[str, Value] = {
        "project": project, "when_spent": found.when_spent, "shares": found.shares,
        "limit_accelerators": found.limit_accelerators,
    }  # fmt: skip
    emit([table("terms", "Terms", _TERMS, [row])], Form.of(as_json, as_csv))


def usage(
    project: Annotated[str, typer.Argument(metavar="[PROJECT]", help="One project; else all that one may see.")] = "",
    by: Annotated[
        str,
        typer.Option(
            "--by", metavar="KEYS", help="Sums for each of project, user, job, kind, pool, model, day, week, month."
        ),
    ] = "model,week",
    focus: Annotated[bool, typer.Option("--focus", help="Each attempt, with the columns of FOCUS.")] = False,
    idle: Annotated[bool, typer.Option("--idle", help="Jobs that hold accelerators and hardly use them.")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show what was used: accelerator-hours, units, energy, how busy, what was refunded."""
    actor, now = acting()
    from dure.operation import metering

    if idle:
        found = metering.idle(actor, project, now)
    elif focus:
        found = metering.focus_rows(actor, project)
    else:
        found = metering.usage_by(actor, project, by=tuple(key.strip() for key in by.split(",")))
    emit([found], Form.of(as_json, as_csv))


def reconcile(site: Site, as_json: Json = False, as_csv: Csv = False) -> None:
    """Compare what was booked with the accounting of a site's engines. Exit code 1, and each difference, where they differ."""
    actor, now = acting()
    from dure.operation.metering import reconcile as compared

    found = compared(actor, site, engines(), now)
    form = Form.of(as_json, as_csv)
    if found.rows or form is not Form.TEXT:
        emit([found], form)
    else:
        typer.echo(f"{site}: nothing differs")
    if found.rows:
        raise typer.Exit(1)


@webhook.command("add")
def add_webhook(project: Project, url: Annotated[str, typer.Argument(metavar="URL", help="http or https.")]) -> None:
    """Have an address told of what happens to a project's jobs. The key of its signatures is shown this once."""
    actor, now = acting()
    from dure.operation.notifying import add_webhook as added

    row, key = added(actor, project, url, now)
    typer.echo(key)
    note(f"webhook {row.seq}: what is sent is signed with this key (docs/reference/api.md); it is not shown again")


@webhook.command("list")
def list_webhooks(
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show who is told of the jobs of one's projects, and how far they are."""
    actor, _ = acting()
    from dure.operation.notifying import webhooks

    rows = [
        {
            "webhook": w.seq, "project": w.project, "url": w.url, "user": w.user, "sent": w.sent_seq, "tries": w.tries,
            "state": "given up" if w.stopped else "failing" if w.tries else "well", "fault": w.fault or None,
        }
        for w in webhooks(actor, project)
    ]  # fmt: skip
    emit([table("webhooks", "Webhooks", _WEBHOOKS, rows)], Form.of(as_json, as_csv))


@webhook.command("remove")
def remove_webhook(number: Annotated[int, typer.Argument(metavar="WEBHOOK", min=1, help="Its number.")]) -> None:
    """Tell it no more."""
    actor, now = acting()
    from dure.operation.notifying import remove_webhook as removed

    removed(actor, number, now)
    typer.echo(f"webhook {number}: removed")
