"""`dure init | upgrade | user | letters | backup | restore | import | serve`: the programme as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dure.errors import InputError
from dure.terminal.acting import OFFICE, acting, connect, milli, moment_now, read, table, when
from dure.terminal.options import Csv, Json, SkipBad, group
from dure.terminal.show import Form, emit, note, watch

if TYPE_CHECKING:
    from dure.app.imports import TakenOver
    from dure.reports.table import Value

users = group()
imports = group()

Rates = Annotated[
    list[str], typer.Option("--rate", metavar="NAME=UNITS", help="What an hour of it is worth in units; one for each.")
]
User = Annotated[str, typer.Argument(metavar="USER", help="A user name.")]
RoleName = Annotated[
    str, typer.Argument(metavar="ROLE", help="office, reviewer, facilitator, auditor, operator or compliance.")
]
OfProject = Annotated[str, typer.Option("--project", metavar="PROJECT", help="The project a facilitator looks after.")]

_TAKEN = (
    ("project", "project", "text"), ("members", "members", "count"), ("granted_milli_units", "granted", "milli-units"),
    ("spent_milli_units", "spent", "milli-units"), ("state", "state", "text"), ("left_out", "not taken over", "text"),
)  # fmt: skip


def init(
    fleet: Annotated[
        Path | None, typer.Option("--fleet", "-f", metavar="FILE", help="The fleet to share: TOML.")
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the programme.")] = "Programme",
    office: Annotated[str, typer.Option("--office", metavar="USER", help="The first office account.")] = OFFICE,
) -> None:
    """Make a programme: its database, its first office account, its fleet.

    The database is programme.db in this folder, or what $DURE_DATABASE_URL names. Without a fleet file, it starts with a
    small example whose figures are made up.
    """
    from importlib import resources

    from dure.app.database import setup

    setup()
    from dure.app.fleets import summary
    from dure.app.keys import make_first_key
    from dure.app.programme import fleet_of_programme, initialise

    with resources.as_file(resources.files("dure.app") / "first-fleet.toml") as example:
        initialise(name, fleet or example, office, moment_now())
    key = make_first_key(name)
    typer.echo(f"{name}: {summary(fleet_of_programme())}")
    typer.echo(f"office account: {office}" + ("" if office == OFFICE else f" (export DURE_USER={office})"))
    if key is not None:
        typer.echo(f"audit log: signed with {key}; its public half is beside it, for everybody")
        note(f"keep {key} apart from the database and its backups")
    if fleet is None:
        note("the fleet is an example with made-up figures; yours: dure init --fleet FILE, in another folder")
    note("next: dure call open FILE; dure call publish ID; dure apply FILE")


def upgrade() -> None:
    """Bring the tables of an older version up to date. Make a backup first: there is no way back."""
    from dure.app.database import setup

    setup()
    from dure.app import programme
    from dure.app.keys import key_path

    programme.upgrade(moment_now())
    connect()
    typer.echo("up to date")
    if not key_path().exists():
        note("the audit log is not signed yet: dure audit key ORIGIN makes its key")


@users.command("list")
def list_users(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show who has which role."""
    actor, _ = acting()
    from dure.app.people import roles

    rows = [{"user": user, "role": role, "project": project or None} for user, role, project in roles(actor)]
    columns = (("user", "user", "text"), ("role", "role", "text"), ("project", "project", "text"))
    emit([table("users", "Users", columns, rows)], Form.of(as_json, as_csv))


@users.command()
def add(
    user: User,
    staff: Annotated[bool, typer.Option("--staff", help="May sign in to the staff pages.")] = False,
    password: Annotated[bool, typer.Option("--password", help="Ask for a password, for the staff pages.")] = False,
) -> None:
    """Make an account: a plain user. What else they are is granted."""
    actor, now = acting()
    from dure.app.people import add_user

    add_user(actor, user, now, password=_password() if password else None, staff=staff)
    typer.echo(f"added {user}")


@users.command("password")
def set_password(user: User) -> None:
    """Set somebody's password for the staff pages; it is asked for."""
    actor, now = acting()
    from dure.app.people import set_password as set_it

    set_it(actor, user, _password(), now)
    typer.echo(f"password of {user} set")


def _password() -> str:
    found: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return found


@users.command()
def grant(user: User, role: RoleName, project: OfProject = "") -> None:
    """Give a role."""
    _change_role(user, role, project, take=False)


@users.command()
def take(user: User, role: RoleName, project: OfProject = "") -> None:
    """Take a role back."""
    _change_role(user, role, project, take=True)


def _change_role(user: str, role: str, project: str, *, take: bool) -> None:
    actor, now = acting()
    from dure.app import people

    people.grant(actor, user, role, now, project=project, take=take)
    typer.echo(f"{user} is {'no longer ' if take else ''}{role}{f' of {project}' if project else ''}")


@users.command()
def token(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is for.")] = "",
    days: Annotated[int, typer.Option("--days", metavar="D", help="How many days it lives, 1 to 366.")] = 90,
    read_only: Annotated[bool, typer.Option("--read-only", help="It may read and change nothing.")] = False,
) -> None:
    """Make a key to the API for the user who acts. It is shown this once."""
    actor, now = acting()
    from dure.app.people import make_token

    typer.echo(make_token(actor, now, name=name, write=not read_only, days=days))


def letters(
    show: Annotated[int | None, typer.Option("--show", metavar="N", help="Print this letter whole.")] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the letters that wait to be sent: the office all, others their own."""
    actor, _ = acting()
    from dure.app.access import NotFound
    from dure.app.letters import letters_of

    found = letters_of(actor)
    if show is not None:
        letter = next((x for x in found if x.pk == show), None)
        if letter is None:
            raise NotFound("letter", str(show))
        typer.echo(f"{letter.subject}\n\n{letter.body}")
        return
    columns = (
        ("letter", "letter", "count"), ("to", "to", "text"), ("kind", "kind", "text"), ("about", "about", "text"),
        ("subject", "subject", "text"), ("queued", "queued", "text"), ("sent", "sent", "text"),
    )  # fmt: skip
    rows = [
        {
            "letter": x.pk, "to": x.user, "kind": x.kind, "about": x.about, "subject": x.subject,
            "queued": when(x.queued_utc_s), "sent": when(x.sent_utc_s),
        }
        for x in found
    ]  # fmt: skip
    emit([table("letters", "Letters", columns, rows)], Form.of(as_json, as_csv))


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write: one .zip file.")],
) -> None:
    """Write the whole programme, as it is at this moment, to one file.

    Others go on working meanwhile. The file holds hashes of passwords and tokens: only its owner may read it.
    """
    connect()
    from dure.app import backup as backups

    with watch("backing up") as advance:
        manifest = backups.backup(file, advance)
    rows = sum(t["rows"] for t in manifest["tables"].values())
    typer.echo(f"wrote {rows:,} rows of {len(manifest['tables'])} tables to {file}")
    note("it holds hashes of passwords and tokens; keep it as you keep the database")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `dure backup` wrote.")],
) -> None:
    """Fill an empty database from a backup: all of it, or nothing.

    Every table is compared with the hashes in the file, and every balance is rebuilt from the journal, before it counts.
    """
    from dure.app.database import setup

    setup()
    from dure.app import backup as backups

    with watch("restoring") as advance:
        manifest = backups.restore(file, advance)
    rows = sum(t["rows"] for t in manifest["tables"].values())
    typer.echo(f"restored {rows:,} rows of {len(manifest['tables'])} tables; the books hold")


@imports.command()
def coldfront(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `coldfront dumpdata` wrote: JSON.")],
    rate: Rates,
    skip_bad: SkipBad = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Take projects, members, grants and usage over from ColdFront: all of them, or none.

    The same file twice is booked once.
    """
    actor, now = acting()
    from dure.app.imports import take_over
    from dure.formats.coldfront import read_coldfront

    found, faults = read(file, read_coldfront, rates=_rates(rate), skip_bad=skip_bad)
    _show_taken(take_over(actor, "coldfront", found, now), faults, Form.of(as_json, as_csv))


@imports.command()
def slurm(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `sacctmgr dump` wrote.")],
    rate: Rates,
    usage: Annotated[
        Path | None, typer.Option("--usage", metavar="FILE", help="What was used: `sacct --parsable2` (see the guide).")
    ] = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Take accounts, users, limits in time and usage over from Slurm: all of them, or none.

    The same files twice are booked once.
    """
    actor, now = acting()
    from dure.app.imports import take_over
    from dure.formats.slurm_accounts import read_slurm_accounts, read_slurm_usage

    rates = _rates(rate)
    spent, bad = read(usage, read_slurm_usage, rates=rates, skip_bad=skip_bad) if usage else ({}, [])
    found, faults = read(file, read_slurm_accounts, rates=rates, spent=spent, skip_bad=skip_bad)
    _show_taken(take_over(actor, "slurm", found, now), [*bad, *faults], Form.of(as_json, as_csv))


def _rates(given: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in given:
        name, equals, units = text.rpartition("=")
        if not equals or not name or name in found:
            raise InputError("not a rate", field="rate", value=text, accepted="each name once, as gres/gpu:h100=12.2")
        found[name] = milli(units, f"rate {name}")
    return found


def _show_taken(taken: list[TakenOver], faults: list[InputError], form: Form) -> None:
    rows: list[dict[str, Value]] = [
        {
            "project": t.project,
            "members": t.members,
            "granted_milli_units": t.granted_milli,
            "spent_milli_units": t.spent_milli,
            "state": "known before" if t.before else "new",
            "left_out": t.left_out or None,
        }
        for t in taken
    ]
    emit([table("projects", "Taken over", _TAKEN, rows)], form)
    for fault in faults:
        note(f"skipped: {fault}")


def serve(
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, metavar="PORT", help="Port to listen on.")] = 8000,
    gateway_port: Annotated[
        int, typer.Option("--gateway-port", min=0, max=65535, metavar="PORT", help="Port of notebooks; 0: none.")
    ] = 8001,
    policy: Annotated[
        str, typer.Option("--policy", metavar="POLICY", help="By which jobs start (`dure policies`); else `priority`.")
    ] = "",
    no_loop: Annotated[bool, typer.Option("--no-loop", help="Start no jobs: another `dure serve` does.")] = False,
    loop_only: Annotated[
        bool, typer.Option("--loop-only", help="Only start jobs: no API, pages or notebooks.")
    ] = False,
) -> None:
    """Run the programme on this machine: the control loop that starts jobs, the API, the staff pages, the way to notebooks.

    What runs goes on when this is stopped, and is found again. Of several on one database, one starts jobs, and another
    takes over when it ends. $DURE_SITES names the file of engines; without it all pools are pretended on this machine.
    """
    from dure.app.database import setup

    if no_loop and loop_only:
        raise InputError("leaves nothing to do", field="loop-only", accepted="--no-loop or --loop-only")
    if policy:
        from dure.scheduler.policies import policy as policy_named

        policy_named(policy)  # a wrong name is said now, not by a loop that cannot start
    setup(web=True)
    connect()
    from django.db import connection

    from dure.web.server import serve as run

    connection.close()  # the workers are forked, and open their own
    if connection.vendor == "postgresql":
        connection.close_pool()
    if not loop_only:
        if not os.environ.get("DURE_SECRET_KEY"):
            note("DURE_SECRET_KEY is not set: people sign in to the staff pages anew after each start")
        note(f"http://{host}:{port}/api/docs, http://{host}:{port}/admin/")
    notebooks = None if loop_only or not gateway_port else gateway_port
    if notebooks not in (None, 8001):
        note(f"notebooks at http://{host}:{notebooks}: export DURE_GATEWAY, set to it, where `dure open` is used")
    if not (no_loop or os.environ.get("DURE_SITES")):
        note("DURE_SITES is not set: all pools are pretended, and their jobs are processes of this machine")
    run(host, port, web=not loop_only, loop=not no_loop, gateway_port=notebooks, policy=policy)
