"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of tables.")]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of every random draw.")]
Format = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help="Format of the workload, if it is not to be detected.")
]
Throughputs = Annotated[
    Path | None, typer.Option("--throughputs", metavar="FILE", help="Gavel's throughput JSON, if not beside the trace.")
]
Processors = Annotated[
    Literal["cores", "accelerators"], typer.Option("--processors", help="What the processors of an SWF trace are.")
]
Jobs = Annotated[int | None, typer.Option("--jobs", min=0, metavar="N", help="Only the first N jobs.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave malformed rows out; count and list them.")]


def group() -> typer.Typer:
    """A verb with verbs of its own; `dure.cli.main` says what it is for."""
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
