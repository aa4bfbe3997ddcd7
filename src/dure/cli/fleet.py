"""`dure fleet`: look at a fleet file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit

app = group()
File = Annotated[Path, typer.Argument(metavar="FILE", help="The fleet: TOML, or an openb node list.")]


@app.command()
def show(file: File, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show sites, pools, models and outages."""
    from dure.app.fleets import fleet_tables
    from dure.app.inputs import open_fleet

    emit(fleet_tables(open_fleet(file)), Form.of(as_json, as_csv))


@app.command()
def check(file: File) -> None:
    """Check a fleet file.

    Names all faults at once, each with its line, or says that the fleet is sound.
    """
    from dure.app.fleets import summary
    from dure.app.inputs import open_fleet

    typer.echo(f"sound. {summary(open_fleet(file))}")
