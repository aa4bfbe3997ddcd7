"""`dure`: the verbs. Heavy imports happen inside the commands, so that `dure --help` answers at once."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from dure import __version__
from dure.cli import fleet, policies, simulate, workload
from dure.errors import DureError

app = typer.Typer(
    name="dure",
    help="Share a scarce, mixed fleet of AI accelerators: describe it, replay demand on it, see who waits and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: 0.2 s sooner, and it reads the same in a pipe
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("simulate")(simulate.simulate)
app.add_typer(fleet.app, name="fleet")
app.add_typer(workload.app, name="workload")
app.command("policies")(policies.policies)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dure {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options that come before a command."""


def main() -> None:
    """Run the command line. Bad input ends with its message and exit code 2, never a traceback; Ctrl-C with 130."""
    try:
        app()
    except DureError as fault:
        _leave(str(fault))
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as fault:
        _leave(f"{fault.filename}: {fault.strerror}" if fault.filename else str(fault))


def _leave(message: str) -> None:
    print(f"dure: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
