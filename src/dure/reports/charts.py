"""Charts as Vega-Lite specifications, made with Altair. Colours are CSS variables, so that one chart serves light and
dark.

A policy keeps its colour and dash over the whole report. Every function gives a plain dict, or None where there is
nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from dure.reports import metrics, series
from dure.reports.facts import KIND_NAMES, SIZE_NAMES, Floats, Run
from dure.reports.tables import by_policy, grouped
from dure.reports.words import Words
from dure.units import DAY_S, HOUR_S

Spec = dict[str, Any]
WIDTH = 940  # of a whole chart, in CSS pixels, axes left out
SERIES = [f"var(--s{i})" for i in range(1, 9)]  # the page defines them, in two themes
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 0], [6, 3], [2, 2], [8, 3, 2, 3]]
FONT = "system-ui, 'Noto Sans KR', 'Apple SD Gothic Neo', 'Malgun Gothic', sans-serif"
MAP_DEVICES, MAP_ROWS = 512, 4000  # what a node-time map can show
PROJECTS = 15


def utilisation_over_time(runs: Sequence[Run], words: Words) -> Spec | None:
    """Lines of utilisation by policy, one panel per accelerator model. First seed of each policy."""
    frame = _over_time(runs, series.utilisation_series)
    if frame.is_empty():
        return None
    models = frame["model"].unique(maintain_order=True).to_list()
    columns = len(models) if len(models) < 4 else 2 if len(models) == 4 else 3
    base = alt.Chart(_rounded(frame)).mark_line(interpolate="step-after", strokeWidth=1.8, clip=True)
    chart = base.encode(
        x=_time_axis(runs, words),
        y=alt.Y("utilisation:Q", title=None, axis=alt.Axis(format="%", tickCount=3), scale=alt.Scale(domain=[0, 1])),
        **_policy_encoding(runs, words),
        tooltip=["policy:N", "model:N", alt.Tooltip("utilisation:Q", format=".1%"), alt.Tooltip("at:Q", format=".2f")],
    ).properties(width=(WIDTH - 60 * (columns - 1)) // columns, height=120)
    return _spec(
        chart.facet(facet=alt.Facet("model:N", title=None, sort=models), columns=columns), "utilisation_time", words
    )


def queue_over_time(runs: Sequence[Run], words: Words) -> Spec | None:
    """Jobs waiting, and accelerators they ask for, by policy. First seed of each policy."""
    frame = _rounded(_over_time(runs, series.queue_series))
    if frame.is_empty() or not frame["jobs"].max():
        return None
    panels = []
    for column, title in (("jobs", "waiting_jobs"), ("accelerators", "waiting_accelerators")):
        line = alt.Chart(frame).mark_line(interpolate="step-after", strokeWidth=1.8)
        panel = line.encode(
            x=_time_axis(runs, words),
            y=alt.Y(f"{column}:Q", title=None, axis=alt.Axis(tickCount=4, format="~s")),
            **_policy_encoding(runs, words),
            tooltip=["policy:N", alt.Tooltip(f"{column}:Q", format=",.1f"), alt.Tooltip("at:Q", format=".2f")],
        )
        panels.append(panel.properties(width=(WIDTH - 40) // 2, height=180, title=words(title)))
    return _spec(alt.hconcat(*panels), "queue_time", words)


def wait_by_size(runs: Sequence[Run], words: Words) -> Spec | None:
    """For each size and policy: bar from median to p95, line on to p99, dot at the mean; hours. Means over seeds."""
    frame = grouped(runs, lambda run: metrics.by_group(run, "size"))
    if frame.is_empty():
        return None
    frame = frame.with_columns((pl.col("^wait_.*$") / HOUR_S).round_sig_figs(4)).rename({"group": "size"})
    sizes = [s for s in SIZE_NAMES if s in frame["size"].to_list()]
    top = max(float(frame["wait_p99"].max() or 0.0), 1.0)  # type: ignore[arg-type]
    ticks = [0.0, 0.1, *(t for t in (1.0, 10.0, 100.0, 1000.0, 10000.0) if t <= top)]
    x = alt.X(
        "wait_median:Q",
        title=words("wait_h"),
        scale=alt.Scale(type="symlog", constant=0.1, domain=[0, top], nice=False),
        axis=alt.Axis(values=ticks, format="~g"),
    )
    y = alt.Y(
        "policy:N", title=None, sort=list(by_policy(runs)), axis=alt.Axis(labels=False, ticks=False, domain=False)
    )
    base = alt.Chart(frame).encode(y=y, color=_policy_colour(runs, words), tooltip=_wait_tooltip())
    layers = alt.layer(
        base.mark_rule(strokeWidth=1.5).encode(x=x, x2="wait_p99:Q"),
        base.mark_bar(height={"band": 0.62}, opacity=0.75).encode(x=x, x2="wait_p95:Q"),
        base.mark_point(filled=True, size=45, stroke="var(--paper)", strokeWidth=1.5, opacity=1).encode(
            x="wait_mean:Q"
        ),
    ).properties(width=WIDTH - 60, height=alt.Step(13))
    row = alt.Row(
        "size:N",
        sort=sizes,
        title=words("group_size"),
        header=alt.Header(labelAngle=0, labelAlign="left", labelPadding=6),
    )
    return _spec(layers.facet(row=row, spacing=8), "wait_size", words)


def _wait_tooltip() -> list[Any]:
    numbers = [alt.Tooltip(f"wait_{at}:Q", format=",.2f") for at in ("mean", "median", "p95", "p99")]
    return ["policy:N", "size:N", alt.Tooltip("jobs:Q", format=",.0f"), *numbers]


def waited_reasons(runs: Sequence[Run], words: Words) -> Spec | None:
    """Accelerator-hours waited, stacked by reason, one bar per policy."""
    frame = grouped(runs, metrics.waited_by_reason)
    if frame.is_empty():
        return None
    order = frame.group_by("group").agg(pl.col("accelerator_h").sum()).sort("accelerator_h", descending=True)
    reasons = [words(str(r)) for r in order["group"]]
    frame = frame.with_columns(
        pl.col("group").cast(pl.String).map_elements(lambda r: words(r), return_dtype=pl.String).alias("reason")
    )
    colour = alt.Color(
        "reason:N",
        sort=reasons,
        title=None,
        scale=alt.Scale(domain=reasons, range=[SERIES[i % 8] for i in range(len(reasons))]),
        legend=alt.Legend(columns=2, labelLimit=400),
    )
    chart = alt.Chart(_rounded(frame)).mark_bar(stroke="var(--paper)", strokeWidth=1)
    chart = chart.encode(
        y=alt.Y("policy:N", title=None, sort=list(by_policy(runs))),
        x=alt.X("accelerator_h:Q", title=words("accelerator_hours"), axis=alt.Axis(format="~s", tickCount=6)),
        color=colour,
        tooltip=[
            "policy:N",
            "reason:N",
            alt.Tooltip("accelerator_h:Q", format=",.1f"),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    return _spec(chart.properties(width=WIDTH - 60, height=alt.Step(26)), "reasons", words)


def units_by_project(runs: Sequence[Run], words: Words) -> Spec | None:
    """Units charged to the projects that used most, by policy. Means over seeds."""
    frame = grouped(runs, lambda run: run.projects.select(metrics.project_name(run).alias("group"), "units"))
    totals = frame.group_by("group").agg(pl.col("units").sum()).sort("units", "group", descending=[True, False])
    projects = totals["group"].head(PROJECTS).to_list()
    if not projects or not totals["units"].sum():
        return None
    chart = alt.Chart(_rounded(frame.filter(pl.col("group").is_in(projects)))).mark_bar()
    chart = chart.encode(
        y=alt.Y("group:N", title=None, sort=projects, axis=alt.Axis(labelLimit=200)),
        yOffset=alt.YOffset("policy:N", sort=list(by_policy(runs))),
        x=alt.X("units:Q", title=words("units"), axis=alt.Axis(format="~s", tickCount=6)),
        color=_policy_colour(runs, words),
        tooltip=[
            "policy:N",
            alt.Tooltip("group:N", title=words("group_project")),
            alt.Tooltip("units:Q", format=",.0f"),
        ],
    )
    band = max(16, 9 * len(by_policy(runs)) + 4)
    return _spec(
        chart.properties(width=WIDTH - 120, height=alt.Step(band, **{"for": "position"})), "units_project", words
    )


def differences(frame: pl.DataFrame, words: Words) -> Spec | None:
    """Difference of mean wait to the baseline in hours: a dot, and its interval over seeds where there is one."""
    frame = frame.filter(pl.col("metric") == "wait").with_columns(pl.col("difference", "low", "high") / HOUR_S)
    if frame.is_empty():
        return None
    x = alt.X("difference:Q", title=words("mean_wait_difference"), axis=alt.Axis(tickCount=7))
    numbers = [alt.Tooltip(f"{name}:Q", format="+,.2f") for name in ("difference", "low", "high")]
    base = alt.Chart(_rounded(frame)).encode(y=alt.Y("policy:N", title=None, sort=None), tooltip=["policy:N", *numbers])
    zero = (
        alt.Chart(pl.DataFrame({"zero": [0.0]})).mark_rule(color="var(--muted)", strokeDash=[3, 3]).encode(x="zero:Q")
    )
    layers = alt.layer(
        zero,
        base.mark_rule(strokeWidth=3, color="var(--s1)", opacity=0.5).encode(x="low:Q", x2="high:Q"),
        base.mark_point(filled=True, size=80, color="var(--s1)", opacity=1).encode(x=x),
    )
    return _spec(layers.properties(width=WIDTH - 60, height=alt.Step(28)), "difference", words)


def node_map(run: Run, words: Words) -> Spec | None:
    """Accelerators over time, one row each, coloured by job kind; None for a run too large to be read that way."""
    if run.fleet.accelerators > MAP_DEVICES or run.placed.height > MAP_ROWS:
        return None
    spans = series.device_spans(run)
    if spans.is_empty() or spans.height > MAP_ROWS:
        return None
    unit, _ = _time_unit([run])
    kinds = run.jobs.select("job", pl.col("kind").cast(pl.String))
    frame = spans.join(kinds, on="job").with_columns(pl.col("start_s", "end_s") / unit)
    frame = frame.with_columns(pl.col("kind").map_elements(lambda k: _kind(k, words), return_dtype=pl.String))
    present = [_kind(k, words) for k in KIND_NAMES if _kind(k, words) in set(frame["kind"])]
    height = int(np.clip(run.fleet.accelerators * 7, 120, 640))
    y = alt.Y(
        "first:Q",
        title=words("accelerator"),
        scale=alt.Scale(domain=[0, run.fleet.accelerators], reverse=True, nice=False),
        axis=alt.Axis(values=_node_starts(run), format="d", grid=True),
    )
    chart = alt.Chart(_rounded(frame)).mark_rect(stroke="var(--paper)", strokeWidth=0.5, aria=False)
    chart = chart.encode(
        x=alt.X(
            "start_s:Q", title=words(_time_unit([run])[1]), scale=alt.Scale(domain=[0, run.end_s / unit], nice=False)
        ),
        x2="end_s:Q",
        y=y,
        y2="last:Q",
        color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=present, range=SERIES[: len(present)])),
        tooltip=["job:Q", "kind:N", alt.Tooltip("start_s:Q", format=".2f"), alt.Tooltip("end_s:Q", format=".2f")],
    )
    return _spec(chart.properties(width=WIDTH, height=height), "node_map", words)


def _kind(name: str, words: Words) -> str:
    return words("service_kind" if name == "service" else name)


def _node_starts(run: Run) -> list[int]:
    """First accelerator of each node, thinned to at most 64 lines."""
    per_node = np.array([p.accelerators_per_node for p in run.fleet.pools])[run.fleet.node_pool()]
    starts = (np.cumsum(per_node) - per_node).tolist()
    return [int(s) for s in starts[:: -(-len(starts) // 64)]]


def _over_time(runs: Sequence[Run], measure: Callable[[Run, Floats], pl.DataFrame]) -> pl.DataFrame:
    edges = series.bin_edges(max(run.end_s for run in runs))
    unit, _ = _time_unit(runs)
    firsts = [mine[0] for mine in by_policy(runs).values()]
    # a run that ended has nothing to say of the bins after its end
    frames = [
        measure(run, edges).filter(pl.col("time_s") <= run.end_s).select(pl.lit(run.policy).alias("policy"), pl.all())
        for run in firsts
    ]
    return pl.concat(frames).with_columns((pl.col("time_s") / unit).alias("at")).drop("time_s")


def _time_unit(runs: Sequence[Run]) -> tuple[int, str]:
    return (DAY_S, "time_d") if max(run.end_s for run in runs) > 2 * DAY_S else (HOUR_S, "time_h")


def _time_axis(runs: Sequence[Run], words: Words) -> alt.X:
    unit, title = _time_unit(runs)
    end = max(run.end_s for run in runs) / unit
    return alt.X("at:Q", title=words(title), scale=alt.Scale(domain=[0, end], nice=False), axis=alt.Axis(tickCount=8))


def _policy_encoding(runs: Sequence[Run], words: Words) -> dict[str, Any]:
    policies = list(by_policy(runs))
    dashes = alt.Scale(domain=policies, range=[DASHES[i % 8] for i in range(len(policies))])
    return {"color": _policy_colour(runs, words), "strokeDash": alt.StrokeDash("policy:N", title=None, scale=dashes)}


def _policy_colour(runs: Sequence[Run], words: Words) -> alt.Color:
    policies = list(by_policy(runs))
    colours = alt.Scale(domain=policies, range=[SERIES[i % 8] for i in range(len(policies))])
    return alt.Color("policy:N", title=None, sort=policies, scale=colours)


def _rounded(frame: pl.DataFrame) -> pl.DataFrame:
    """Four significant digits: nobody sees more in a chart, and the page is half the size."""
    return frame.with_columns(pl.col(pl.Float64, pl.Float32).round_sig_figs(4))


def _spec(chart: Any, name: str, words: Words) -> Spec:
    themed = (
        chart.properties(description=words(name))
        .configure(background="transparent", font=FONT, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            domainColor="var(--line)", tickColor="var(--line)", gridColor="var(--grid)", labelColor="var(--muted)",
            titleColor="var(--muted)", titleFontWeight="normal", labelFontSize=12, titleFontSize=12,
        ) .configure_legend(labelColor="var(--ink)", orient="top", labelFontSize=13, symbolSize=120,
        symbolStrokeWidth=2.5) .configure_header(labelColor="var(--ink)", titleColor="var(--muted)", labelFontSize=13,
        labelFontWeight="bold",
                          titleFontWeight="normal", titleFontSize=12)
        .configure_title(color="var(--ink)", fontSize=13, anchor="start")
    )  # fmt: skip
    spec: Spec = themed.to_dict()
    return spec
