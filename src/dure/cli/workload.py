"""`dure workload`: look at a workload, turn it into another format, fit a generator to it, make one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dure.app.inputs import Reading, open_fleet, open_workload
from dure.terminal.options import Csv, Format, Jobs, Json, Processors, Seed, SkipBad, Throughputs, group
from dure.terminal.show import Form, emit, note, watch

app = group()
Source = Annotated[Path, typer.Argument(metavar="FILE", help="A trace in any known format, or a generator's TOML.")]
Params = Annotated[Path, typer.Argument(metavar="FILE", help="A generator's TOML, as `fit` writes it.")]
Target = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write: .csv or .parquet.")]
FitTarget = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write the generator's TOML.")]
FleetFile = Annotated[
    Path | None, typer.Option("--fleet", "-f", metavar="FILE", help="Set the demand beside this fleet's accelerators.")
]
Days = Annotated[float | None, typer.Option("--days", min=0, metavar="D", help="How many days to make.")]


@app.command()
def describe(
    file: Source,
    fleet: FleetFile = None,
    seed: Seed = 0,
    fmt: Format = None,
    throughputs: Throughputs = None,
    processors: Processors = "cores",
    jobs: Jobs = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Describe a workload.

    Jobs, sizes, durations, arrivals, and demand over time, against a fleet if one is given.
    """
    from dure.app.workloads import description

    reading = Reading(fmt, skip_bad, throughputs, processors, jobs)
    with watch("reading"):
        workload = open_workload(file, reading, seed=seed)
        tables = description(workload, open_fleet(fleet) if fleet else None)
    for line in workload.notes:
        note(line)
    emit(tables, Form.of(as_json, as_csv))


@app.command()
def convert(
    file: Source,
    out: Target,
    seed: Seed = 0,
    fmt: Format = None,
    throughputs: Throughputs = None,
    processors: Processors = "cores",
    jobs: Jobs = None,
    skip_bad: SkipBad = False,
) -> None:
    """Write a workload as Dure's CSV or Parquet."""
    from dure.app.outputs import save_workload

    with watch("converting"):
        workload = open_workload(file, Reading(fmt, skip_bad, throughputs, processors, jobs), seed=seed)
        save_workload(workload, out)
    for line in workload.notes:
        note(line)
    typer.echo(f"wrote {len(workload):,} jobs to {out}")


@app.command()
def fit(
    file: Source,
    out: FitTarget,
    fmt: Format = None,
    throughputs: Throughputs = None,
    processors: Processors = "cores",
    jobs: Jobs = None,
    skip_bad: SkipBad = False,
) -> None:
    """Fit a generator to a trace.

    A summary of the trace, small enough to read, that makes workloads like it.
    """
    from dure.app.workloads import fit_generator

    with watch("fitting"):
        workload = open_workload(file, Reading(fmt, skip_bad, throughputs, processors, jobs))
        fit_generator(workload, out)
    for line in workload.notes:
        note(line)
    typer.echo(f"wrote {out}, fitted to {len(workload):,} jobs")


@app.command()
def generate(file: Params, out: Target, seed: Seed = 0, jobs: Jobs = None, days: Days = None) -> None:
    """Make a workload with a generator.

    The same file and seed make the same jobs.
    """
    from dure.app.outputs import save_workload

    if file.suffix != ".toml":
        raise typer.BadParameter("a generator is a .toml file, as `dure workload fit` writes it", param_hint="FILE")
    with watch("generating"):
        workload = open_workload(file, Reading(jobs=jobs, days=days), seed=seed)
        save_workload(workload, out)
    typer.echo(f"wrote {len(workload):,} jobs to {out}")
