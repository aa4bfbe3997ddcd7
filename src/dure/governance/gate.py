"""The evaluation gate: whether exactly this save point of a model passed the evaluations that were asked for.

An evaluation counts where it is of the save point's digest, of the revisions that the bar names, and ended well with every
sample done; it passes where the *lower* confidence bound of its share of right answers reaches the bar. Whatever went wrong
in it is a failure, never a reason to let the model go.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Final

from dure.units import MILLI
from dure.vocabulary import column

SUCCESS: Final = "success"


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one scorer, a share of samples. `correct` is None where the log has no such share (NaN, say)."""

    scorer: str = column("", "scorer")
    metric: str = column("", "metric, as accuracy")
    correct: int | None = column("count", "samples that count as right, rounded down")
    scored: int = column("count", "samples with a score")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one log of an evaluation says."""

    task: str = column("", "name of the task")
    task_version: str = column("", "its version")
    dataset: str = column("", "name of its data set")
    dataset_revision: str = column("", "revision of the data set; empty: not pinned")
    model: str = column("", "name of the model in the harness")
    model_digest: str = column("SHA-256", "of the save point that was evaluated")
    harness: str = column("", "program that ran it, as inspect_ai")
    harness_version: str = column("", "its version")
    status: str = column("", "success, or how else it ended")
    samples_total: int = column("count", "samples of the whole data set, times their repetitions")
    samples_completed: int = column("count", "of them, done")
    figures: tuple[Figure, ...] = column("", "its figures")
    log_digest: str = column("SHA-256", "of the log")
    at_utc_s: int = column("s", "when it began, by the log")


@dataclass(frozen=True, slots=True)
class Bar:
    """An evaluation that a model must pass. More is better; the share of harmful answers, say, needs a scorer that counts
    the harmless ones."""

    task: str = column("", "name of the task")
    least_milli: int = column("thousandths", "share that the lower confidence bound must reach")
    task_version: str = column("", "version of the task")
    dataset_revision: str = column("", "revision of the data set")
    samples_least: int = column("count", "scored samples at least", default=1)
    confidence_milli: int = column("thousandths", "confidence of the one-sided bound", default=950)
    metric: str = column("", "metric, a share of samples", default="accuracy")
    scorer: str = column("", "scorer; empty: every scorer of the task must reach it", default="")


class Reason(StrEnum):
    """Why an evaluation does not pass a bar, in order of precedence."""

    OTHER_TASK = "other-task"
    OTHER_SAVE_POINT = "other-save-point"
    NOT_PINNED = "not-pinned"
    OTHER_REVISION = "other-revision"
    NOT_SUCCESS = "not-success"
    SAMPLES_MISSING = "samples-missing"
    TOO_FEW = "too-few-samples"
    NO_FIGURE = "no-figure"
    BELOW = "below-the-bar"


_STALE = frozenset({Reason.OTHER_SAVE_POINT, Reason.NOT_PINNED, Reason.OTHER_REVISION})
_INCOMPLETE = frozenset({Reason.NOT_SUCCESS, Reason.SAMPLES_MISSING, Reason.TOO_FEW, Reason.NO_FIGURE})


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether one evaluation passes one bar. `lower_milli` is the lowest bound of its figures, rounded down; None: none."""

    passed: bool
    lower_milli: int | None
    reasons: tuple[Reason, ...]


def faults(bar: Bar) -> Iterable[tuple[str, object, str]]:
    """What is wrong with a bar: (field, value, accepted)."""
    for field, value in (
        ("task", bar.task), ("task_version", bar.task_version), ("dataset_revision", bar.dataset_revision),
        ("metric", bar.metric),
    ):  # fmt: skip
        if not value:
            yield field, value, "not empty: what is not pinned cannot pass"
    for field, figure, low, high in (
        ("least_milli", bar.least_milli, 1, 1000), ("confidence_milli", bar.confidence_milli, 500, 999),
        ("samples_least", bar.samples_least, 1, 10**9),
    ):  # fmt: skip
        if not low <= figure <= high:
            yield field, figure, f"{low} to {high}"


def lower_bound(correct: int, scored: int, confidence_milli: int) -> float:
    """Lower end of the one-sided Wilson score interval of a share: E. B. Wilson, JASA 22 (1927) 209-212.

    For `correct` = `scored` = n it is n / (n + z^2). Raises ValueError unless 0 <= correct <= scored and scored > 0.
    """
    if not 0 <= correct <= scored or scored <= 0:
        raise ValueError(f"{correct} of {scored}")
    z = NormalDist().inv_cdf(confidence_milli / MILLI)
    # (2k + z^2 - z sqrt(z^2 + 4k(n-k)/n)) / 2(n + z^2): no difference of near equals for k = n.
    root = math.sqrt(z * z + 4 * correct * (scored - correct) / scored)
    return max(0.0, (2 * correct + z * z - z * root) / (2 * (scored + z * z)))


def decide(evaluation: Evaluation, bar: Bar, digest: str) -> Gate:
    """Whether an evaluation shows that the save point of this digest reaches the bar."""
    e = evaluation
    figures = [f for f in e.figures if f.metric == bar.metric and bar.scorer in ("", f.scorer)]
    shares = [(f.correct, f.scored) for f in figures if f.correct is not None and 0 <= f.correct <= f.scored > 0]
    lower_milli = min((int(MILLI * lower_bound(*s, bar.confidence_milli)) for s in shares), default=None)
    of_bar, of_log = (bar.task_version, bar.dataset_revision), (e.task_version, e.dataset_revision)
    few = min((scored for _, scored in shares), default=0) < bar.samples_least
    no_figure = len(shares) < len(figures) or not figures
    wrong = {
        Reason.OTHER_TASK: e.task != bar.task,
        Reason.OTHER_SAVE_POINT: not digest or e.model_digest != digest,
        Reason.NOT_PINNED: not all(of_bar) or not all(of_log),
        Reason.OTHER_REVISION: of_bar != of_log,
        Reason.NOT_SUCCESS: e.status != SUCCESS,
        Reason.SAMPLES_MISSING: e.samples_completed != e.samples_total or e.samples_total <= 0,
        Reason.TOO_FEW: few,
        Reason.NO_FIGURE: no_figure,
        Reason.BELOW: lower_milli is None or lower_milli < bar.least_milli,
    }
    reasons = tuple(reason for reason, holds in wrong.items() if holds)
    return Gate(not reasons, lower_milli, reasons)


def state_of(evaluations: Sequence[Evaluation], bars: Sequence[Bar], digest: str, *, waived: bool = False) -> str:
    """Where the evaluation of a save point stands: a word of `facts.EVALUATIONS`.

    Every bar must be passed; no bar at all is `none`, never passed. The worst bar speaks: failed, error, stale, none. A waiver
    stands in for whatever is not passed.
    """
    words = {_of_bar(evaluations, bar, digest) for bar in bars} or {"none"}
    if words == {"passed"}:
        return "passed"
    return "waived" if waived else next(w for w in ("failed", "error", "stale", "none") if w in words)


def _of_bar(evaluations: Sequence[Evaluation], bar: Bar, digest: str) -> str:
    """Where one bar stands. A whole evaluation below it is not made up for by another of the same save point: who could
    try until chance helps would pass any bar. One that broke off may be run again."""
    gates = [decide(e, bar, digest) for e in evaluations if e.task == bar.task]
    if not gates:
        return "none"
    current = [g for g in gates if not _STALE & set(g.reasons)]
    if not current:
        return "stale"
    if any(Reason.BELOW in g.reasons and not _INCOMPLETE & set(g.reasons) for g in current):
        return "failed"
    if any(g.passed for g in current):
        return "passed"
    return "error" if any(Reason.NOT_SUCCESS in g.reasons for g in current) else "failed"
