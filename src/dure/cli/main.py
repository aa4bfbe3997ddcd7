"""`dure`: the verbs. Each is built when it is named, and heavy imports happen inside, so that `dure --help` answers at once."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dure import __version__
from dure.errors import DureError
from dure.terminal.acting import As, At, remember, seal

VERBS = {  # where each is, and what it is for
    "init": ("programme:init", "Make a programme: database, office account, fleet."),
    "call": ("call:app", "Open, publish and look at calls for applications."),
    "apply": ("application:apply", "Apply to a call; first, what the ask is in units."),
    "application": ("application:app", "Look at applications, and take them through their states."),
    "review": ("review:app", "Assign, write and close reviews."),
    "award": ("award:app", "Try award rules, publish awards, explain and change them."),
    "balance": ("ledger:balance", "What projects were granted, have spent and have left."),
    "ledger": ("ledger:app", "Read, verify and close the books; entries by hand, by two people."),
    "letters": ("programme:letters", "The letters that wait to be sent."),
    "user": ("programme:users", "Accounts, roles and keys to the API."),
    "serve": ("programme:serve", "Run the programme: the control loop that starts jobs, the API, the staff pages."),
    "backup": ("programme:backup", "Write the whole programme to one file."),
    "restore": ("programme:restore", "Fill an empty database from a backup."),
    "upgrade": ("programme:upgrade", "Bring the tables of an older version up to date."),
    "import": ("programme:imports", "Take projects and balances over from ColdFront or Slurm."),
    "submit": ("job:submit", "Submit a job: a file, or a command."),
    "queue": ("job:queue", "List jobs: one's own that have not ended, or others."),
    "status": ("job:status", "A job: where it stands, its attempts, what happened and why."),
    "why": ("job:why", "Why a job is not running, and what would release it."),
    "when": ("job:foretell", "When a job may start, as an interval."),
    "logs": ("job:logs", "What a job wrote; with -f as it writes it."),
    "cancel": ("job:cancel", "Withdraw jobs."),
    "requeue": ("job:requeue", "Stop jobs and let them wait for another start."),
    "open": ("job:open_", "The address of a notebook, for its owner."),
    "lease": ("operate:lease", "Whole nodes for dates: ask for them, list them."),
    "service": ("operate:service", "Services: list, scale, restart, stop."),
    "site": ("operate:site", "Sites: list, drain, resume, cap; announce outages."),
    "project": ("operate:project", "Stop and resume projects; the terms by which they run."),
    "usage": ("operate:usage", "What was used, by project, model and week; what lies idle."),
    "reconcile": ("operate:reconcile", "Compare what was booked with a site's own accounting."),
    "webhook": ("operate:webhook", "Addresses that are told of what happens to jobs."),
    "rules": ("rules:app", "Check, test, explain, compare and adopt rules; what they decided."),
    "obligations": ("obligations:app", "What decisions asked for, and who met it."),
    "screen": ("screen:app", "Screen applications for research security; flags for people to decide."),
    "chip": ("chip:app", "The export class of accelerators, with the formula and its sources."),
    "compute": ("compute:app", "Compute along a model's lineage, and how far it is to each threshold."),
    "model": ("model:app", "Models: licence, lineage, evaluation, release, card."),
    "data": ("model:data", "Data sets: their classes, and where they may be."),
    "audit": ("audit:app", "The log of decisions: sign, export, prove and verify it; be its witness."),
    "pledge": ("pledge:app", "What public documents promised, beside what the records show."),
    "demo": ("demo:demo", "A generated call whose awards a simulated month spends."),
    "simulate": ("simulate:simulate", "Replay a workload under several policies."),
    "policies": ("policies:policies", "List the scheduling policies."),
    "fleet": ("fleet:app", "Show a fleet, or check its file."),
    "workload": ("workload:app", "Describe, convert, fit or generate a workload."),
}


@cache
def _built(name: str) -> Any:
    """The command of a verb."""
    module, _, attribute = VERBS[name][0].partition(":")
    found = getattr(import_module(f"dure.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(rich_markup_mode=None, add_completion=False)
        alone.command(name, cls=getattr(found, "cls", None))(found)
        return typer.main.get_command(alone)
    made = typer.main.get_group(found)
    made.name, made.help = name, VERBS[name][1]
    return made


class Verbs(TyperGroup):
    """Builds a verb when it is named: to build all of them takes longer than most of them run."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of a funding round."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of them; None if there is none."""
        return _built(cmd_name) if cmd_name in VERBS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """What `--help` says of each."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])

    @property
    def commands(self) -> Any:
        """All of them, built."""
        return {name: _built(name) for name in VERBS}

    @commands.setter
    def commands(self, own: Any) -> None:
        """Typer has none of its own to add."""


app = typer.Typer(
    name="dure",
    cls=Verbs,
    help="Share a scarce, mixed fleet of AI accelerators: run calls for it, award it, account for it; replay demand on it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: 0.2 s sooner, and it reads the same in a pipe
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dure {__version__}")
        raise typer.Exit


@app.callback()
def options(
    user: As = None,
    at: At = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options that come before a command."""
    remember(user, at)


def main() -> None:
    """Run the command line. Bad input ends with its message and exit code 2, never a traceback; Ctrl-C with 130."""
    try:
        try:
            app()
        finally:
            seal()
    except DureError as fault:
        _leave(str(fault))
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as fault:
        _leave(f"{fault.filename}: {fault.strerror}" if fault.filename else str(fault))
    except Exception as fault:
        if type(fault).__module__ != "django.db.utils":  # by name: importing it takes longer than most commands run
            raise
        _leave(f"the database refused, and nothing was changed: {fault}")


def _leave(message: str) -> None:
    print(f"dure: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
