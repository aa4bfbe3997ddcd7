"""`dure compute`: what training cost along a model's lineage, and how far that is from each threshold."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dure.cli.model import sentence, verdict_tables
from dure.errors import InputError
from dure.governance.lineage import FLOP_PER_PFLOP, Total, architecture_pflop, fine_tune_pflop
from dure.governance.thresholds import Threshold, in_force
from dure.terminal.acting import Language, acting, language_of, moment_now, read, table
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note

if TYPE_CHECKING:
    from dure.app.modelling import Along
    from dure.governance.lineage import Distance, Run
    from dure.reports.table import Table, Value

app = group()
_MOST = 10**18  # parameters, or tokens

_FIGURES = (("low_pflop", "low", "text"), ("best_pflop", "best", "text"), ("high_pflop", "high", "text"))
_TREE = (
    ("run", "run", "text"), ("model", "model", "text"), ("stage", "stage", "text"), ("ended", "ended", "text"),
    ("method", "counted by", "text"), *_FIGURES, ("bound_pflop", "hardware bound", "text"), ("note", "note", "text"),
)  # fmt: skip
_DEPTH = (("depth", "depth", "count"),)
_TOTALS = (("jurisdiction", "counted by", "text"), ("runs", "runs", "count"), *_FIGURES)
_METHODS = (
    ("method", "method", "text"),
    ("runs", "runs with it", "count"),
    ("lacking", "runs without", "count"),
    *_FIGURES,
)
_THRESHOLD = (
    ("threshold", "threshold", "text"), ("jurisdiction", "of", "text"), ("title", "title", "text"),
    ("operator", "", "text"), ("pflop", "compute", "text"), ("binding", "binding", "text"),
)  # fmt: skip
_SOURCE = (("confidence", "confidence", "text"), ("read", "read", "text"), ("source", "source", "text"))
_DISTANCES = (
    *_THRESHOLD, ("best_share", "best is", "ratio"), ("high_share", "high is", "ratio"), ("level_percent", "level %", "count"),
    ("reached", "reached", "text"), ("reaches", "at the pace of 90 days", "text"), ("verified", "verified", "text"),
)  # fmt: skip
_THRESHOLDS = (*_THRESHOLD, ("from", "from", "text"), ("to", "until before", "text"), *_SOURCE)
_ESTIMATE = (("pflop", "compute", "text"), ("formula", "formula", "text"))
_SHARES = (*_THRESHOLD, ("share", "share", "ratio"), ("reached", "reached", "text"))


@app.command()
def lineage(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Id of the model.")],
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show what a model came from, each run once, what that adds up to, and how far it is to each threshold.

    Gates use the high figure, reports the best. In JSON and CSV compute is in PFLOP (10^15). `dure --at TIME` shows it as it
    stood.
    """
    actor, now = acting()
    from dure.app.modelling import lineage_of

    found = lineage_of(actor, model, now)
    form = Form.of(as_json, as_csv)
    emit(
        [
            table(
                "lineage", f"What {model} came from", _TREE if form is Form.TEXT else _DEPTH + _TREE, _tree(found, form)
            ),
            table("totals", "Compute along the lineage, each run once", _TOTALS, _totals(found, form)),
            table("methods", "By each method, and what the hardware could have done", _METHODS, _methods(found, form)),
            _distances(found.distances(now), language_of(language), form),
        ],
        form,
    )
    if not found.runs:
        note(f"{model}: no run is recorded (dure compute record)")


@app.command()
def record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The run: TOML.")],
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Enter a run that ended in the compute ledger. It is never changed; what cannot be true is refused.

    A run that happened is entered even where a rule would have denied it: the decision stands beside it.
    """
    actor, now = acting()
    from dure.app.modelling import blocking, record_run
    from dure.formats.assets import read_run

    lang = language_of(language)
    given = read(file, read_run)
    done = record_run(actor, given.run, now, data=given.data, usage=given.usage, held=given.held)
    left = blocking(given.run.model, now)
    emit(verdict_tables(done.verdict, given.run.model, lang, done=True, left=left), Form.of(as_json, False))
    bound = (
        "no record of accelerators"
        if done.run.bound_pflop is None
        else f"at most {flop(done.run.bound_pflop)} on its hardware"
    )
    note(f"{done.run.id}: entered, {flop(done.run.basis.best_pflop)} ({bound})")
    note(sentence(done.verdict, lang))


@app.command()
def estimate(
    parameters: Annotated[str, typer.Option("--parameters", metavar="N", help="Active parameters, as 7e9.")],
    tokens: Annotated[str, typer.Option("--tokens", metavar="N", help="Tokens trained on, as 2e12.")],
    trainable: Annotated[
        str | None, typer.Option("--trainable", metavar="N", help="Of the parameters, those that are tuned.")
    ] = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Estimate the compute of training a dense transformer from its size, by 6 N D; of tuning a part, by (4 N + 2 T) D."""
    n, d = _number(parameters, "--parameters"), _number(tokens, "--tokens")
    if trainable is None:
        pflop, formula = architecture_pflop(n, d), f"6 x {n:,} parameters x {d:,} tokens"
    else:
        t = _number(trainable, "--trainable")
        if t > n:
            raise InputError(
                "more than all parameters", field="--trainable", value=trainable, accepted=f"at most {n:,}"
            )
        pflop, formula = fine_tune_pflop(n, t, d), f"(4 x {n:,} + 2 x {t:,}) parameters x {d:,} tokens"
    form, lang = Form.of(as_json, False), language_of(language)
    from dure.formats.governance import load_thresholds

    shares = [
        {**_threshold(t, lang, form), "share": pflop / t.pflop, "reached": _yes(t.reached(pflop))}
        for t in in_force(load_thresholds(), moment_now())
    ]
    emit(
        [
            table("estimate", "Estimate", _ESTIMATE, [{"pflop": _compute(pflop, form), "formula": formula}]),
            table("thresholds", "Of each threshold in force", _SHARES, shares),
        ],
        form,
    )


@app.command()
def thresholds(language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the thresholds of training compute in force, with date and source. `dure --at TIME` for another day."""
    from dure.formats.governance import load_thresholds

    form, lang = Form.of(as_json, as_csv), language_of(language)
    rows = [
        {
            **_threshold(t, lang, form), "from": _day(t.from_utc_s), "to": _day(t.to_utc_s), "confidence": t.confidence,
            "read": t.read, "source": t.source,
        }
        for t in in_force(load_thresholds(), moment_now())
    ]  # fmt: skip
    emit([table("thresholds", "Thresholds", _THRESHOLDS, rows)], form)


def _tree(found: Along, form: Form) -> list[dict[str, Value]]:
    """From the runs that nothing was made of, down to what they started from."""
    started_from = {parent for run in found.lineage.runs.values() for parent in run.parents}
    rows: list[dict[str, Value]] = []
    for row in found.lineage.tree(r for r in found.runs if r not in started_from):
        run, indent = row.run, "  " * row.depth if form is Form.TEXT else ""
        of: dict[str, Value] = {
            "depth": row.depth, "run": indent + run.id, "model": run.model, "stage": run.stage, "ended": _day(run.at_utc_s)
        }  # fmt: skip
        figures = dict.fromkeys(("method", "low_pflop", "best_pflop", "high_pflop", "bound_pflop"))
        rows.append({**of, **(figures if row.again else _figures_of(run, form)), "note": _note(run, again=row.again)})
    return rows


def _figures_of(run: Run, form: Form) -> dict[str, Value]:
    e, bound = run.basis, run.bound_pflop
    return {
        "method": e.method, **_three((e.low_pflop, e.best_pflop, e.high_pflop), form),
        "bound_pflop": None if bound is None else _compute(bound, form),
    }  # fmt: skip


def _note(run: Run, *, again: bool) -> str | None:
    if again:
        return "see above"
    left_out = f"not counted by {', '.join(run.excluded)}" if run.excluded else ""
    return ": ".join(filter(None, (left_out, run.note))) or None


def _totals(found: Along, form: Form) -> list[dict[str, Value]]:
    """The whole, and what each jurisdiction counts of it."""
    from dure.formats.governance import load_thresholds

    places = [None, *dict.fromkeys(t.jurisdiction for t in load_thresholds())]
    return [{"jurisdiction": place or "all", **_sum(found.total(place), form)} for place in places]


def _sum(total: Total, form: Form) -> dict[str, Value]:
    return {"runs": total.runs, **_three((total.low, total.best, total.high), form)}


def _methods(found: Along, form: Form) -> list[dict[str, Value]]:
    """The three methods side by side, and the bound that no claim may be above."""
    total = found.total()
    rows: list[dict[str, Value]] = [
        {"method": m, "runs": total.runs - total.without[m], "lacking": total.without[m], **_three(figures, form)}
        for m, figures in total.by_method.items()
    ]
    bounds = [r.bound_pflop for r in found.lineage.ancestors(found.runs) if r.bound_pflop is not None]
    high = {"low_pflop": None, "best_pflop": None, "high_pflop": _compute(sum(bounds), form) if bounds else None}
    return [*rows, {"method": "hardware bound", "runs": len(bounds), "lacking": total.runs - len(bounds), **high}]


def _distances(found: list[Distance], language: str, form: Form) -> Table:
    rows: list[dict[str, Value]] = [
        {
            **_threshold(d.threshold, language, form), "best_share": d.best_share_ppm / 10**6,
            "high_share": d.high_share_ppm / 10**6, "level_percent": d.level, "reached": _yes(d.reached),
            "reaches": _day(d.reaches_utc_s), "verified": _yes(d.threshold.confidence == "high"),
        }
        for d in found
    ]  # fmt: skip
    return table("distances", "Distance to each threshold in force", _DISTANCES, rows)


def _threshold(t: Threshold, language: str, form: Form) -> dict[str, Value]:
    return {
        "threshold": t.id, "jurisdiction": t.jurisdiction, "title": t.title.in_language(language), "operator": t.operator,
        "pflop": _compute(t.pflop, form), "binding": _yes(t.binding),
    }  # fmt: skip


def _three(figures: tuple[int, int, int] | None, form: Form) -> dict[str, Value]:
    names = [key for key, _, _ in _FIGURES]
    return (
        dict.fromkeys(names) if figures is None else {n: _compute(f, form) for n, f in zip(names, figures, strict=True)}
    )


def _compute(pflop: int, form: Form) -> Value:
    """Whole PFLOP for machines; for people, FLOP as they write it."""
    return flop(pflop) if form is Form.TEXT else pflop


def flop(pflop: int) -> str:
    """Compute as people write it, cut to four digits and so never above what it is: `8.4e22 FLOP`."""
    digits = str(pflop * FLOP_PER_PFLOP)
    figure = ".".join(filter(None, (digits[0], digits[1:4].rstrip("0"))))
    return f"{figure}e{len(digits) - 1} FLOP" if pflop else "0 FLOP"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _day(utc_s: int | None) -> str | None:
    return None if utc_s is None else datetime.fromtimestamp(utc_s, UTC).date().isoformat()


def _number(text: str, field: str) -> int:
    """A count that a person typed, as 7e9 or 7,000,000,000: exactly."""
    wrong = InputError("not a count", field=field, value=text, accepted=f"a whole number as 7e9, 1 to {_MOST:.0e}")
    try:
        found = Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise wrong from None
    if not found.is_finite() or not 1 <= found <= _MOST or found != int(found):
        raise wrong
    return int(found)
