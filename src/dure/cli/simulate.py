"""`dure simulate`: several policies on one workload, side by side."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dure.app.inputs import Reading, open_fleet, open_policy, open_scenario, workload_maker
from dure.terminal.options import Csv, Format, Jobs, Json, Processors, Seed, SkipBad, Throughputs
from dure.terminal.show import Form, emit, note, noted_if_slow, stop_asked, watch

if TYPE_CHECKING:
    from dure.app.twin import Experiment

Fleet = Annotated[Path, typer.Option("--fleet", "-f", metavar="FILE", help="The fleet: TOML, or an openb node list.")]
Workload = Annotated[
    Path, typer.Option("--workload", "-w", metavar="FILE", help="A trace in any known format, or a generator's TOML.")
]
Policies = Annotated[
    str, typer.Option("--policy", "-p", metavar="NAMES", help="Policies, with commas between; see `dure policies`.")
]
ScenarioFile = Annotated[
    Path | None, typer.Option("--scenario", "-s", metavar="FILE", help="A scenario (TOML): what is different.")
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, max=1000, metavar="K", help="Run K seeds, for intervals.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write a report (HTML, opens offline).")]
Log = Annotated[
    Path | None,
    typer.Option("--log", metavar="PATH", help="Write the run logs: a .parquet or .csv file, or a folder for several."),
]
Language = Annotated[Literal["en", "ko"], typer.Option("--language", help="Language of the report and the tables.")]
Check = Annotated[bool, typer.Option("--check", help="Check every invariant of every run.")]

_LOADED_S = 4.0  # by then compiled code is loaded, so it is being compiled


def simulate(
    fleet: Fleet,
    workload: Workload,
    policy: Policies = "fifo,priority,easy",
    scenario: ScenarioFile = None,
    seed: Seed = 0,
    seeds: Seeds = 1,
    out: Out = None,
    log: Log = None,
    language: Language = "en",
    fmt: Format = None,
    throughputs: Throughputs = None,
    processors: Processors = "cores",
    jobs: Jobs = None,
    skip_bad: SkipBad = False,
    check: Check = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Replay a workload under several policies.

    Says who waits, for how long and why. Ctrl-C keeps the runs that are finished.
    """
    from dure.app import outputs, twin

    policies = [open_policy(name) for name in policy.split(",")]
    outputs.prepare(out, log, runs=len(policies) * seeds)
    with watch("reading the fleet and the workload"):
        world = open_fleet(fleet)
        change = open_scenario(scenario, world)
        workload_of = workload_maker(workload, Reading(fmt, skip_bad, throughputs, processors, jobs))
        for line in workload_of(seed).notes:
            note(line)
    with noted_if_slow("compiling the scheduler, once on this machine (about half a minute) ...", _LOADED_S):
        twin.compile_kernels()
    with stop_asked() as asked:
        done = twin.experiment(
            world,
            workload_of,
            policies,
            scenario=change,
            seeds=range(seed, seed + seeds),
            check=check,
            watch=partial(watch, stop=lambda: bool(asked)),
        )
    _finish(done, out, log, language, Form.of(as_json, as_csv))


def _finish(done: Experiment, out: Path | None, log: Path | None, language: str, form: Form) -> None:
    """Save and print what was finished; exit code 130 if that is not all."""
    from dure.app import outputs

    if done.runs:
        with watch("writing"):
            outputs.save_logs(done, log)
            outputs.save_report(done, out, language)
        emit(outputs.tables(done, language) if form is Form.TEXT else outputs.plain_tables(done), form)
        for path in filter(None, (out, log)):
            note(f"wrote {path}")
    if done.stopped:
        note(f"stopped: {len(done.runs)} run(s) were finished" + ("" if done.runs else ", nothing to show"))
        raise typer.Exit(130)
