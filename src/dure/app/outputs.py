"""What a user gets out: tables, and reports, run logs and workloads on disk, each file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from dure.errors import InputError

if TYPE_CHECKING:
    from dure.app.twin import Experiment
    from dure.reports.report import Report, Section
    from dure.reports.table import Table, Value
    from dure.reports.words import Words
    from dure.workload.columns import Workload

LOG_SUFFIXES = (".parquet", ".csv")
DIFFERENCES = ("wait", "slowdown", "utilisation", "makespan")  # shown in the terminal; files have all


def prepare(out: Path | None, log: Path | None, *, runs: int) -> None:
    """Refuse before the work what could not be written after it. Raises InputError."""
    if out is not None:
        writable(out, "out")
    if log is None:
        return
    if log.suffix in LOG_SUFFIXES:
        if runs > 1:
            raise InputError(f"{runs} runs do not fit one file", field="log", value=str(log), accepted="a folder")
        writable(log, "log")
    elif log.suffix or log.is_file():
        accepted = f"a file ending in {' or '.join(LOG_SUFFIXES)}, or a folder"
        raise InputError("not a format of run logs", field="log", value=str(log), accepted=accepted)
    else:
        writable(log / "log.parquet", "log")


def writable(path: Path, field: str) -> None:
    """Make the folder of a file to be written. Raises InputError where that or the writing would fail."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError(f"cannot make its folder: {fault.strerror}", field=field, value=str(path)) from fault
    if path.is_dir():
        raise InputError("is a folder", field=field, value=str(path), accepted="a file name")
    if not os.access(path.parent, os.W_OK):
        raise InputError("cannot be written there", field=field, value=str(path), accepted="a folder you may write to")


def save_logs(done: Experiment, log: Path | None) -> None:
    """Every run log: one file, or one Parquet file a run in a folder, named by policy and seed."""
    if log is None:
        return
    from dure.formats.runlogs import write_runlog
    from dure.formats.streams import replaced

    for run in done.runs:
        path = log if log.suffix in LOG_SUFFIXES else log / f"{run.log.policy}-seed{run.log.seed}.parquet"
        with replaced(path) as stream:
            write_runlog(run.log, stream, path.suffix[1:])


def save_report(
    done: Experiment,
    out: Path | None,
    language: str = "en",
    first: Sequence[Section] = (),
    opening: Sequence[Section] = (),
) -> None:
    """The HTML report; `first` and `opening` as in `build_report`."""
    if out is None:
        return
    from dure.reports.report import build_report

    save_page(build_report(done.runs, done.scenario, language=language, first=first, opening=opening), out)


def save_page(report: Report, out: Path) -> None:
    """A report as a page."""
    from dure.formats.html import write_report
    from dure.formats.streams import replaced

    with replaced(out) as stream, TextIOWrapper(stream, encoding="utf-8", newline="\n") as text:
        write_report(report, text)


def save_workload(workload: Workload, out: Path) -> None:
    """Dure's own CSV or Parquet, by the suffix."""
    from dure.formats.streams import replaced
    from dure.formats.workloads import write_workload

    writable(out, "out")
    with replaced(out) as stream:
        write_workload(workload, stream, out.suffix[1:])


def tables(done: Experiment, language: str = "en") -> list[Table]:
    """For people: the comparison, its differences with intervals where there are several seeds, and who waits."""
    from dure.reports.compare import compare
    from dure.reports.report import difference_table
    from dure.reports.tables import by_policy, comparison, waits_by
    from dure.reports.words import Words

    words, policies = Words(language), by_policy(done.runs)
    found = [comparison(done.runs, words)]
    if len(policies) > 1 and len(done.runs) > len(policies):
        title = words("difference", baseline=next(iter(policies)))
        frame = compare(done.runs)
        found.append(difference_table(frame.filter(frame["metric"].is_in(DIFFERENCES)), title, words))
    return [*found, _beside(waits_by(done.runs, "size", words), list(policies), words)]


def _beside(waits: Table, policies: list[str], words: Words) -> Table:
    """Mean wait of each group, one column a policy: narrow enough for a terminal."""
    from dure.reports.table import Column, Table

    rows: dict[str, dict[str, Value]] = {}
    for row in waits.rows:
        mine = rows.setdefault(
            str(row["group"]), {"group": row["group"], "jobs": row["jobs"], **dict.fromkeys(policies)}
        )
        mine[str(row["policy"])] = row["wait_mean_s"]
    head = [c for c in waits.columns if c.key in ("group", "jobs")]
    columns = (*head, *(Column(p, p, "duration") for p in policies))
    return Table(waits.name, f"{waits.title}: {words('wait_mean')}", columns, list(rows.values()))


def plain_tables(done: Experiment) -> list[Table]:
    """For machines: every metric of every run, differences to the first policy, waits by size, kind and project."""
    from dure.reports.compare import compare
    from dure.reports.metrics import METRICS
    from dure.reports.table import Column
    from dure.reports.tables import comparison, from_frame, waits_by
    from dure.reports.words import Words

    words, frame = Words(), compare(done.runs)
    differences = from_frame("difference", "difference", [Column(c, c) for c in frame.columns], frame)
    groups = [waits_by(done.runs, key, words) for key in ("size", "kind", "project")]
    return [comparison(done.runs, words, METRICS), differences, *groups]
