"""The metrics: one function and one formula each. `METRICS` is their table; the reference page is made from it.

Words used in the formulas: a job is *eligible* from its submission or its earliest start, whichever is later; its
*work* is min(duration, limit); an attempt *holds* its accelerators (a share counts as its part) from start to end.
`H` is the accelerator-seconds held by all attempts. Jobs that still wait or run when the run ends count up to that
moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from dure.fleet.blanks import idle_milliwatts
from dure.fleet.model import Pool
from dure.reports.facts import Run, capacity_s, capacity_spans
from dure.reports.fragments import fragmentation
from dure.units import HOUR_S, J_PER_KWH, MILLI

ACCELERATOR_H = (pl.col("end_s") - pl.col("start_s")) * pl.col("accelerators_milli") / (MILLI * HOUR_S)
POOL_KEYS: dict[str, Callable[[Run, Pool], str]] = {
    "pool": lambda run, pool: pool.id,
    "model": lambda run, pool: pool.model or "-",
    "site": lambda run, pool: pool.site,
    "country": lambda run, pool: run.fleet.models[pool.model].country if pool.model else "-",
}  # what attempts can be grouped by; country is the accelerator vendor's


def pool_labels(run: Run, key: str) -> list[str]:
    """The label of each pool under one of POOL_KEYS."""
    return [POOL_KEYS[key](run, pool) for pool in run.fleet.pools]


def utilisation_by(run: Run, key: str) -> pl.DataFrame:
    """Utilisation of each model, site, pool or vendor country: group, held_h, capacity_h, utilisation."""
    labels = pool_labels(run, key)
    held = run.attempts.group_by("pool").agg(ACCELERATOR_H.sum().alias("held_h"))
    pools = pl.DataFrame(
        {
            "pool": np.arange(len(labels)),
            "group": labels,
            "capacity_h": [capacity_s(pool, run.end_s) / HOUR_S for pool in run.fleet.pools],
        }
    ).join(held, on="pool", how="left")
    return (
        pools.group_by("group", maintain_order=True)
        .agg(pl.col("held_h").fill_null(0.0).sum(), pl.col("capacity_h").sum())
        .filter(pl.col("capacity_h") > 0)
        .with_columns((pl.col("held_h") / pl.col("capacity_h")).alias("utilisation"))
    )


def utilisation(run: Run) -> float | None:
    """H / accelerator-seconds delivered by the fleet from the start to the end of the run."""
    pools = utilisation_by(run, "pool")
    return _ratio(float(pools["held_h"].sum()), float(pools["capacity_h"].sum()))


def wait(run: Run, at: float | None = None) -> float | None:
    """First start - eligible; for a job that never started, end - eligible (a lower bound). Refused jobs have no
    wait."""
    return _statistic(run.jobs["wait_s"], at)


def slowdown(run: Run, at: float | None = None) -> float | None:
    """Bounded slowdown: max(1, (end - eligible) / max(work, 10 s)). Refused and cancelled jobs have none; of a job
    unfinished when the run ends it is a lower bound."""
    return _statistic(run.jobs["slowdown"], at)


def never_started(run: Run) -> float:
    """Jobs that still waited when the run ended."""
    return float(
        run.jobs.filter(
            pl.col("start_s").is_null() & (pl.col("state").cast(pl.String).is_in(["expired", "waiting"]))
        ).height
    )


def refused(run: Run) -> float:
    """Jobs refused at submission, because they could never run on this fleet under these limits."""
    return float((run.jobs["state"] == "refused").sum())


def makespan(run: Run) -> float | None:
    """Last end of an attempt - first submission; blank if jobs were unfinished when the run ended."""
    if run.attempts.is_empty() or run.jobs["state"].cast(pl.String).is_in(["waiting", "running", "expired"]).any():
        return None
    return float(run.attempts["end_s"].max() - run.log.events["time_s"].min())


def lost_h(run: Run) -> float:
    """Sum over interrupted attempts of accelerators x wall time whose work was not saved before a preemption or
    failure."""
    return float((run.attempts["lost_s"] * run.attempts["accelerators_milli"]).sum()) / (MILLI * HOUR_S)


def goodput(run: Run) -> float | None:
    """1 - lost accelerator-hours / held accelerator-hours."""
    ratio = _ratio(lost_h(run), run.attempts.select(ACCELERATOR_H.sum()).item())
    return None if ratio is None else 1.0 - ratio


def by_group(run: Run, key: str) -> pl.DataFrame:
    """Waits and slowdowns by "size", "kind" or "project" (name): one row per group that has jobs, in the group's own
    order."""
    statistics = [
        expression
        for name, column in (("wait", "wait_s"), ("slowdown", "slowdown"))
        for expression in (
            pl.col(column).mean().alias(f"{name}_mean"),
            *(pl.col(column).quantile(q, "linear").alias(f"{name}_{label}") for label, q in QUANTILES),
        )
    ]
    return (
        run.jobs.group_by(key)
        .agg(
            pl.len().alias("jobs"),
            (pl.col("start_s").is_null() & (pl.col("state") != "refused")).sum().alias("unstarted"),
            (pl.col("accelerator_s").sum() / HOUR_S).alias("held_h"),
            *statistics,
        )
        .sort(key)
        .with_columns(project_name(run) if key == "project" else pl.col(key).cast(pl.String))
        .rename({key: "group"})
    )


QUANTILES = (("median", 0.5), ("p95", 0.95), ("p99", 0.99))


def project_name(run: Run) -> pl.Expr:
    """The column `project` by name."""
    return pl.col("project").replace_strict(dict(enumerate(run.workload.projects)), return_dtype=pl.String)


def jain(values: pl.Series) -> float | None:
    """Jain's index (sum x)^2 / (n sum x^2): 1 if all are equal, 1/n if one has everything; None without values."""
    x = values.drop_nulls()
    squares = float((x * x).sum())
    return float(x.sum()) ** 2 / (len(x) * squares) if squares > 0 else None


def jain_service(run: Run) -> float | None:
    """Jain's index over projects of work kept / work asked for (accelerator-hours)."""
    return jain(run.projects["service"])


def jain_pace(run: Run) -> float | None:
    """Jain's index over projects of sum of work / sum of (end - eligible): how fast each project's jobs get through."""
    return jain(run.projects["pace"])


def worst_finish_time_fairness(run: Run) -> float | None:
    """Largest over projects of sum of (end - eligible) / the same with the project alone on 1/N of the fleet, first
    come first served (N projects have jobs). Above 1, that project would be better off with a fleet of its own."""
    return _number(run.projects["finish_time_fairness"].max())


def units(run: Run) -> float:
    """Sum over attempts of charge per hour x wall time."""
    return float(run.attempts["charge"].sum()) / (MILLI * HOUR_S)


def share_by_country(run: Run) -> pl.DataFrame:
    """Share of held accelerator-hours by the country of the accelerator's vendor: group, held_h, share."""
    held = utilisation_by(run, "country").sort("held_h", descending=True)
    total = float(held["held_h"].sum())
    return held.select("group", "held_h", (pl.col("held_h") / (total or 1.0)).alias("share"))


def largest_country_share(run: Run) -> float | None:
    """Largest share of one vendor country in the held accelerator-hours."""
    return _number(share_by_country(run)["share"].max()) if not run.attempts.is_empty() else None


def waited_by_reason(run: Run) -> pl.DataFrame:
    """Why jobs waited: group (the last refusal before the start or the end), waits, wait_h, accelerator_h, share of
    the latter.

    Accelerator-hours waited are the sum of wait x accelerators asked for.
    """
    asked = run.jobs.select("job", "accelerators_milli")
    waited = pl.col("to_s") - pl.col("from_s")
    reasons = (
        run.waits.join(asked, on="job")
        .group_by("reason")
        .agg(
            pl.len().alias("waits"),
            (waited.sum() / HOUR_S).alias("wait_h"),
            ((waited * pl.col("accelerators_milli")).sum() / (MILLI * HOUR_S)).alias("accelerator_h"),
        )
        .sort("accelerator_h", "wait_h", descending=True)
    )
    total = float(reasons["accelerator_h"].sum())
    return reasons.with_columns((pl.col("accelerator_h") / (total or 1.0)).alias("share")).rename({"reason": "group"})


def energy_by_site(run: Run) -> pl.DataFrame:
    """Energy, carbon and electricity cost of each site: group, country, energy_kwh, carbon_kg, cost (minor units),
    currency.

    Delivered nodes draw idle power all the time, busy accelerators their extra power; all times PUE. Carbon and cost
    are null where the site's grid or tariff is blank.
    """
    busy = dict(run.attempts.group_by("pool").agg(pl.col("energy_j").sum()).iter_rows())
    rows = []
    for site in run.fleet.sites:
        pools = [(i, pool) for i, pool in enumerate(run.fleet.pools) if pool.site == site.id]
        it_j = sum(busy.get(i, 0.0) + _idle_j(run, pool) for i, pool in pools)
        kwh = it_j * site.pue / J_PER_KWH
        carbon = None if site.grid_g_per_kwh is None else kwh * site.grid_g_per_kwh / 1000
        cost = None if site.tariff_per_mwh is None else kwh * site.tariff_per_mwh / 1000
        rows.append((site.id, site.country, kwh, carbon, cost, site.currency))
    schema = {"group": pl.String, "country": pl.String, "energy_kwh": pl.Float64, "carbon_kg": pl.Float64}
    return pl.DataFrame(rows, schema={**schema, "cost": pl.Float64, "currency": pl.String}, orient="row")


def _idle_j(run: Run, pool: Pool) -> float:
    seconds = sum((end - begin) * nodes for begin, end, nodes in capacity_spans(pool, run.end_s))
    accelerators_mw = pool.accelerators_per_node * idle_milliwatts(run.fleet.models[pool.model]) if pool.model else 0
    return seconds * (pool.node_power_w + accelerators_mw / MILLI)


def energy_kwh(run: Run) -> float:
    """Sum over sites of PUE x (idle power of delivered nodes x time + extra power of busy accelerators x held time)."""
    return float(energy_by_site(run)["energy_kwh"].sum())


def carbon_kg(run: Run) -> float | None:
    """Sum over sites of energy x grid intensity / 1000; blank if the intensity of a site that used energy is blank."""
    return _sum_if_known(energy_by_site(run).filter(pl.col("energy_kwh") > 0)["carbon_kg"])


def cost_minor(run: Run) -> float | None:
    """Sum over sites of energy x tariff, in minor currency units; blank if a tariff is blank or currencies differ."""
    used = energy_by_site(run).filter(pl.col("energy_kwh") > 0)
    return _sum_if_known(used["cost"]) if used["currency"].n_unique() == 1 else None


def _sum_if_known(values: pl.Series) -> float | None:
    return None if values.null_count() or values.is_empty() else float(values.sum())


def _statistic(values: pl.Series, at: float | None) -> float | None:
    """The mean, or the quantile `at` (linear between order statistics); None without values."""
    return _number(values.mean() if at is None else values.quantile(at, "linear"))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a run. `unit` as in `dure.units` ("1" is a ratio); `better` is "lower", "higher" or ""."""

    name: str
    unit: str
    better: str
    formula: str
    value: Callable[[Run], float | None]


def _metric(name: str, unit: str, better: str, value: Callable[[Run], float | None]) -> Metric:
    return Metric(name, unit, better, " ".join((value.__doc__ or "").split()), value)


def _quantiles(name: str, unit: str, of: Callable[[Run, float | None], float | None]) -> Iterable[Metric]:
    for label, at in (("mean", None), *QUANTILES):
        text = " ".join((of.__doc__ or "").split())
        formula = f"mean of: {text}" if at is None else f"{label} of the same"
        yield Metric(f"{name}_{label}", unit, "lower", formula, lambda run, at=at: of(run, at))  # type: ignore[misc]


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric("utilisation", "1", "higher", utilisation),
        *_quantiles("wait", "s", wait),
        *_quantiles("slowdown", "1", slowdown),
        _metric("never_started", "jobs", "lower", never_started),
        _metric("refused", "jobs", "", refused),
        _metric("makespan", "s", "lower", makespan),
        _metric("goodput", "1", "higher", goodput),
        _metric("lost", "accelerator-hours", "", lost_h),
        _metric("jain_service", "1", "higher", jain_service),
        _metric("jain_pace", "1", "higher", jain_pace),
        _metric("worst_finish_time_fairness", "1", "lower", worst_finish_time_fairness),
        _metric("fragmentation", "1", "lower", fragmentation),
        _metric("units", "units", "", units),
        _metric("largest_country_share", "1", "", largest_country_share),
        _metric("energy", "kWh", "", energy_kwh),
        _metric("carbon", "kg", "", carbon_kg),
        _metric("cost", "minor currency", "", cost_minor),
    )
}


def measure(run: Run, name: str) -> float | None:
    """A metric of a run by name, computed once."""
    if name not in run.measured:
        run.measured[name] = METRICS[name].value(run)
    return run.measured[name]


def reference() -> str:
    """The reference page of the metrics, in Markdown."""
    rows = [f"| `{m.name}` | {m.unit} | {m.better or '-'} | {m.formula} |" for m in METRICS.values()]
    intro = " ".join((__doc__ or "").split("\n\n")[1].split())
    return "\n".join(
        ["# Metrics", "", intro, "", "| metric | unit | better | formula |", "|---|---|---|---|", *rows, ""]
    )
