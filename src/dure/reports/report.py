"""A report: what a page shows, in order, in one language. `formats.html` writes it; it holds no markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from dure.reports import charts, metrics, series, tables
from dure.reports.compare import compare
from dure.reports.facts import Run
from dure.reports.table import Column, Table, Value
from dure.reports.tables import by_policy
from dure.reports.words import Words
from dure.simulator.scenario import Scenario
from dure.units import format_duration

NO_MINOR = ("KRW", "JPY")  # currencies without a smaller unit


@dataclass(frozen=True)
class Section:
    """A heading, a sentence, at most one chart and the tables that say the same."""

    name: str
    title: str
    lead: str
    tables: list[Table]
    chart: charts.Spec | None = None


@dataclass(frozen=True)
class Report:
    """Everything a page shows. `facts` are (label, value) pairs of what was run; `findings` are sentences."""

    title: str
    language: str
    facts: list[tuple[str, str]]
    findings: list[str]
    comparison: Table
    sections: list[Section]
    notes: list[str] = field(default_factory=list)
    opening: list[Section] = field(default_factory=list)  # shown before the comparison
    mark: str = "report"  # key of the words beside Dure's name
    lead: str = "comparison_lead"  # key of the words under the first table's title


def build_report(
    runs: Sequence[Run], scenario: Scenario | None = None, *, baseline: str = "", language: str = "en",
    first: Sequence[Section] = (), opening: Sequence[Section] = (),
) -> Report:  # fmt: skip
    """The report of runs of one workload on one fleet, under one or more policies and seeds.

    `first` are sections to be shown before those of the runs, `opening` those before the comparison.
    The baseline of differences is the first policy if not named. Raises UnknownName for a language, ValueError
    without runs.
    """
    if not runs:
        raise ValueError("a report needs at least one run")
    words = Words(language)
    sections: list[Section | None] = [
        *first,
        _differences(runs, baseline, words),
        _who_waits(runs, words),
        _section("utilisation_time", words, [_use(runs, "model", words)], charts.utilisation_over_time(runs, words)),
        _section("queue_time", words, [_queue(runs, words)], charts.queue_over_time(runs, words)),
        _section("wait_size", words, _waits(runs, words), charts.wait_by_size(runs, words)),
        _section("reasons", words, [_reasons(runs, words)], charts.waited_reasons(runs, words)),
        _section("units_project", words, [_projects(runs, words)], charts.units_by_project(runs, words)),
        _node_map(runs[0], words),
        _section("delivered", words, [_use(runs, "site", words), _use(runs, "country", words)]),
        _section("energy_site", words, [_energy(runs, words)]),
        _section("all_metrics", words, [tables.all_metrics(runs, words)]),
    ]
    return Report(
        title=_title(runs, words),
        language=language,
        facts=_facts(runs, scenario or Scenario(), words),
        findings=_findings(runs, words),
        comparison=tables.comparison(runs, words),
        sections=[s for s in sections if s is not None],
        opening=[*opening],
        notes=[] if all(run.log.complete for run in runs) else [words("stopped")],
    )


def _section(name: str, words: Words, shown: list[Table], chart: charts.Spec | None = None) -> Section:
    lead = words(f"{name}_lead")
    return Section(name, words(name), "" if lead == f"{name}_lead" else lead, shown, chart)


def _title(runs: Sequence[Run], words: Words) -> str:
    policies, fleet = by_policy(runs), runs[0].fleet.name
    if len(policies) == 1:
        return words("title_one", policy=next(iter(policies)), fleet=fleet)
    return words("title_many", count=len(policies), fleet=fleet)


def _facts(runs: Sequence[Run], scenario: Scenario, words: Words) -> list[tuple[str, str]]:
    run = runs[0]
    fleet, work = run.fleet, run.workload
    size = words("accelerators_in", count=f"{fleet.accelerators:,}", sites=len(fleet.sites))
    jobs = words("jobs_in", count=f"{len(work):,}", projects=len(work.projects))
    return [
        (words("fleet"), f"{fleet.name} · {size}"),
        (words("workload"), f"{work.source} · {jobs}" if work.source else jobs),
        (words("scenario"), scenario.name),
        (words("span"), format_duration(max(r.end_s for r in runs))),
        (words("seeds"), ", ".join(str(s) for s in dict.fromkeys(r.log.seed for r in runs))),
    ]


def _findings(runs: Sequence[Run], words: Words) -> list[str]:
    """Who waits, how long and why, in sentences; of the policy with the shortest mean wait."""
    rows = [row for row in tables.comparison(runs, words).rows if row["wait_mean_s"] is not None]
    if not rows:
        return []
    rows.sort(key=lambda row: float(row["wait_mean_s"] or 0))
    wait = [format_duration(float(row["wait_mean_s"] or 0)) for row in rows]
    best, worst = str(rows[0]["policy"]), str(rows[-1]["policy"])
    if len(rows) == 1:
        found = [words("find_wait_one", wait=wait[0])]
    else:
        found = [words("find_wait", policy=best, wait=wait[0], other=worst, longest=wait[-1])]
    who = _who(by_policy(runs)[best], words)
    if who["worst_size"] is not None and float(who["size_wait_s"] or 0) > 0:
        longest = format_duration(float(who["size_wait_s"] or 0))
        found.append(words("find_who", policy=best, size=who["worst_size"], wait=longest))
    if who["main_reason"] is not None:
        found.append(words("find_why", reason=who["main_reason"], share=f"{100 * float(who['main_share'] or 0):.0f} %"))
    used = max(rows, key=lambda row: float(row["utilisation"] or 0))
    found.append(words("find_use", use=f"{100 * float(used['utilisation'] or 0):.1f} %", policy=used["policy"]))
    return found


def _who(mine: Sequence[Run], words: Words) -> dict[str, Value]:
    """One row of "who waits": of all seeds of one policy."""
    sizes, projects = (
        tables.grouped(mine, lambda run, key=key: metrics.by_group(run, key)).sort("wait_mean", descending=True)  # type: ignore[misc]
        for key in ("size", "project")
    )
    reasons = tables.grouped(mine, metrics.waited_by_reason).sort("share", descending=True).to_dicts()
    jobs = pl.concat([run.jobs.select(pl.col("wait_s") > 0) for run in mine])["wait_s"]
    size, project = ((f.to_dicts() or [{"group": None, "wait_mean": None}])[0] for f in (sizes, projects))
    return {
        "policy": mine[0].policy,
        "waited_jobs": jobs.mean() if jobs.drop_nulls().len() else None,
        "worst_size": size["group"],
        "size_wait_s": size["wait_mean"],
        "worst_project": project["group"],
        "project_wait_s": project["wait_mean"],
        "main_reason": words(str(reasons[0]["group"])) if reasons else None,
        "main_share": reasons[0]["share"] if reasons else None,
    }


def _who_waits(runs: Sequence[Run], words: Words) -> Section:
    columns = (
        Column("policy", words("policy")),
        Column("waited_jobs", words("waited_jobs"), "ratio"),
        Column("worst_size", words("worst_size")),
        Column("size_wait_s", words("worst_wait"), "duration"),
        Column("worst_project", words("worst_project")),
        Column("project_wait_s", words("worst_wait"), "duration"),
        Column("main_reason", words("main_reason")),
        Column("main_share", words("main_share"), "ratio"),
    )
    rows = [_who(mine, words) for mine in by_policy(runs).values()]
    return _section("who_waits", words, [Table("who_waits", words("who_waits"), columns, rows)])


def _differences(runs: Sequence[Run], baseline: str, words: Words) -> Section | None:
    frame = compare(runs, baseline)
    if frame.is_empty():
        return None
    title = words("difference", baseline=frame["baseline"][0])
    table = difference_table(frame, title, words)
    return Section("difference", title, words("difference_lead"), [table], charts.differences(frame, words))


def difference_table(frame: pl.DataFrame, title: str, words: Words) -> Table:
    """The frame of `compare` as a table, figures as signed text in the metric's own unit (the frame has the
    numbers)."""
    columns = (
        Column("policy", words("policy")),
        Column("metric", words("metric")),
        *(Column(key, words(key)) for key in ("difference", "low", "high")),
        Column("sooner", words("sooner"), "ratio"),
        Column("later", words("later"), "ratio"),
    )
    rows: list[dict[str, Value]] = []
    for row in frame.iter_rows(named=True):
        metric = row["metric"] if row["metric"] in metrics.METRICS else f"{row['metric']}_mean"
        form = tables.metric_column(metric, words)
        texts = {
            k: None if row[k] is None else _signed(form.text(row[k]), row[k]) for k in ("difference", "low", "high")
        }
        rows.append({**row, "metric": form.label, **texts})
    return Table("difference", title, columns, rows)


def _signed(text: str, value: float) -> str:
    return f"+{text}" if value > 0 else text.replace("-", "−")


def _waits(runs: Sequence[Run], words: Words) -> list[Table]:
    return [
        tables.waits_by(runs, key, words, limit=10 if key == "project" else None) for key in ("size", "kind", "project")
    ]


def _use(runs: Sequence[Run], key: str, words: Words) -> Table:
    columns = (
        Column("group", words(f"group_{key}")),
        Column("policy", words("policy")),
        Column("held_h", words("held_h"), "acc-h"),
        Column("capacity_h", words("capacity_h"), "acc-h"),
        Column("utilisation", words("utilisation"), "ratio"),
        Column("share", words("share"), "ratio"),
    )
    frame = tables.grouped(runs, lambda run: metrics.utilisation_by(run, key))
    total = pl.col("held_h").sum().over("policy")
    frame = frame.with_columns(pl.when(total > 0).then(pl.col("held_h") / total).alias("share"))
    return tables.from_frame(f"use_{key}", words(f"use_{key}"), columns, frame)


def _queue(runs: Sequence[Run], words: Words) -> Table:
    keys = {
        "jobs": "waiting_jobs",
        "jobs_most": "most",
        "accelerators": "waiting_accelerators",
        "accelerators_most": "most",
    }
    columns = (Column("policy", words("policy")), *(Column(k, words(label), "count") for k, label in keys.items()))
    return tables.from_frame("queue", words("queue_time"), columns, tables.grouped(runs, series.queue_summary))


def _reasons(runs: Sequence[Run], words: Words) -> Table:
    columns = (
        Column("group", words("group_reason")),
        Column("policy", words("policy")),
        Column("waits", words("waits"), "count"),
        Column("accelerator_h", words("accelerator_h"), "acc-h"),
        Column("share", words("share"), "ratio"),
    )
    frame = tables.grouped(runs, metrics.waited_by_reason)
    named = pl.col("group").cast(pl.String).map_elements(lambda r: words(r), return_dtype=pl.String)
    return tables.from_frame("reasons", words("reasons"), columns, frame.with_columns(named.alias("group")))


def _projects(runs: Sequence[Run], words: Words) -> Table:
    columns = (
        Column("group", words("group_project")),
        Column("policy", words("policy")),
        Column("jobs", words("jobs"), "count"),
        Column("units", words("units"), "units"),
        Column("asked_h", words("asked_h"), "acc-h"),
        Column("service", words("service"), "ratio"),
        Column("pace", words("pace"), "ratio"),
        Column("finish_time_fairness", words("finish_time_fairness"), "factor"),
    )
    frame = tables.grouped(
        runs, lambda run: run.projects.select(metrics.project_name(run).alias("group"), pl.exclude("project"))
    )
    order = pl.col("units").sum().over("group")
    frame = frame.sort(order, "group", descending=[True, False], maintain_order=True)
    return tables.from_frame("units_project", words("units_project"), columns, frame)


def _energy(runs: Sequence[Run], words: Words) -> Table:
    columns = (
        Column("group", words("group_site")),
        Column("policy", words("policy")),
        Column("country", words("country")),
        Column("energy_kwh", words("energy"), "kWh"),
        Column("carbon_kg", words("carbon"), "kg"),
        Column("cost", words("cost"), "count"),
        Column("currency", words("currency")),
    )
    whole = pl.when(pl.col("currency").is_in(NO_MINOR)).then(pl.col("cost")).otherwise(pl.col("cost") / 100)
    frame = tables.grouped(runs, metrics.energy_by_site).with_columns(whole.alias("cost"))
    return tables.from_frame("energy_site", words("energy_site"), columns, frame)


def _node_map(run: Run, words: Words) -> Section | None:
    chart = charts.node_map(run, words)
    if chart is None:
        return None
    lead = words("node_map_lead", policy=run.policy, seed=run.log.seed)
    columns = (
        Column("job", words("job")),
        Column("node", words("node")),
        Column("devices", words("accelerator"), "count"),
        Column("start_s", words("begin"), "duration"),
        Column("end_s", words("end"), "duration"),
    )
    held = run.placed.sort("start_s", "node", maintain_order=True)
    rows: list[dict[str, Value]] = [
        {**row, "job": run.workload.name_of(row["job"]), "node": run.fleet.node_name(row["node"]),
         "devices": row["devices"].bit_count()}
        for row in held.select("job", "node", "devices", "start_s", "end_s").iter_rows(named=True)
    ]  # fmt: skip
    return Section("node_map", words("node_map"), lead, [Table("node_map", words("node_map"), columns, rows)], chart)
