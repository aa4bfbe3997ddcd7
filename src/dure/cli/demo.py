"""`dure demo`: a small call, its awards, a month of jobs that spend them, a dozen real processes, and a report."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from dure.terminal.options import Seed
from dure.terminal.show import Form, emit, note, noted_if_slow, watch

File = Annotated[Path, typer.Option(metavar="FILE")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the report and the database go.")]
Count = Annotated[int, typer.Option("--applications", min=8, max=1000, help="How many applications are generated.")]
Policies = Annotated[
    str, typer.Option("--policy", "-p", metavar="NAMES", help="Policies; the first one's usage is booked.")
]
Language = Annotated[Literal["en", "ko"], typer.Option("--language", help="Language of the report and the tables.")]

EXAMPLES = Path("examples")
_COMPILE = "from dure.app.twin import compile_kernels; compile_kernels()"
_LOADED_S = 4.0  # by then compiled code is loaded, so it is being compiled


def demo(
    fleet: File = EXAMPLES / "fleets/korea-2026.toml",
    call: File = EXAMPLES / "calls/demo.toml",
    workload: File = EXAMPLES / "workloads/korea-month.toml",
    policy: Policies = "priority,fifo,easy,packed",
    applications: Count = 40,
    seed: Seed = 0,
    language: Language = "en",
    out: Out = Path("demo"),
) -> None:
    """Run a small generated call, the month that spends its awards, and a dozen real processes.

    Applications and reviews are made by a generator, and say so. The programme is kept in the folder, to be looked at with
    the other commands (`DURE_DATABASE_URL=sqlite:///demo/programme.db`).
    """
    from dure.app.database import setup

    compiling = subprocess.Popen([sys.executable, "-c", _COMPILE])  # on another core, while the call runs
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("programme.db*"):  # of an earlier demonstration
        old.unlink()
    setup({"DURE_DATABASE_URL": f"sqlite:///{out / 'programme.db'}"})
    from dure.app import awarding, outputs, people, twin
    from dure.app import demo as use
    from dure.app.inputs import open_fleet, open_policy, workload_maker
    from dure.operation.demo import rehearse
    from dure.reports.awards import awards_section
    from dure.reports.live import live_section
    from dure.reports.pledges import pledges_section
    from dure.reports.words import Words
    from dure.tracking.demo import set_up
    from dure.tracking.reporting import report_data
    from dure.tracking.stored import day_of

    policies = [open_policy(name) for name in policy.split(",")]
    with watch("a call, from applications to awards"):
        done = use.run_call(fleet, call, seed, applications)
    with watch("reading the fleet and the workload"):
        world, jobs = open_fleet(fleet), workload_maker(workload)(seed)
    with noted_if_slow("compiling the scheduler, once on this machine (about half a minute) ...", _LOADED_S):
        compiling.wait()
        twin.compile_kernels()
    found = use.run_month(done, world, jobs, policies, seed, partial(watch))
    words = Words(language)
    with watch("a dozen real processes, and a node that fails") as progress:
        ran = rehearse(use.funded(done), out / "local", use.live_from(done), progress)
    sections = [
        awards_section(use.lines(people.actor_of(use.OFFICE), done, language), done.totals, words),
        live_section(ran.rows, ran.failed_node, words),
    ]
    with watch("what was promised, and what the records show"):
        office, end = people.actor_of(use.OFFICE), awarding.months_from(done.call, 0, done.call.period_months)[1]
        set_up(office, end)
        opening = pledges_section(report_data(office, day_of(end), end, language), words)
    with watch("writing"):
        outputs.save_report(found, out / "report.html", language, sections, [opening])
        entries = use.publish_log(out, done.call.closes_utc_s)
    emit(
        [opening.tables[0], sections[0].tables[0], *outputs.tables(found, language)[:1], sections[1].tables[0]],
        Form.TEXT,
    )
    note(f"wrote {out / 'report.html'}")
    note(f"{entries} entries in the signed log: dure audit verify {out / 'export.dure'} --key {out / 'programme.pub'}")
    note(f"look around: cd {out}; dure balance; dure serve & dure --as {ran.leads[0]} submit -- hostname")
