"""The gate: exact figures of the bound, every reason by itself, and that nothing but a whole pass opens it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from dure.governance import facts
from dure.governance.gate import Bar, Evaluation, Figure, Reason, decide, faults, lower_bound, state_of

A, B = "a" * 64, "b" * 64
BAR = Bar("refuses", 800, "1.2", "r1", samples_least=50)


def evaluation(correct: int | None = 50, scored: int = 50, **more: object) -> Evaluation:
    given: dict[str, object] = {
        "task": "refuses", "task_version": "1.2", "dataset": "d", "dataset_revision": "r1", "model": "m", "model_digest": A,
        "harness": "inspect_ai", "harness_version": "0.3.285", "status": "success", "samples_total": scored,
        "samples_completed": scored, "figures": (Figure("match", "accuracy", correct, scored),), "log_digest": B,
        "at_utc_s": 1,
    }  # fmt: skip
    return Evaluation(**{**given, **more})  # type: ignore[arg-type]


PASSES = evaluation()


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([500, 800, 900, 950, 975, 990, 999]))
def test_the_bound_is_that_of_scipy(scored: int, share: float, confidence: int) -> None:
    correct = round(share * scored)
    ours = lower_bound(correct, scored, confidence)
    theirs = binomtest(correct, scored, alternative="greater").proportion_ci(confidence / 1000, method="wilson").low
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    assert 0 <= ours <= correct / scored or math.isclose(ours, correct / scored)


@given(st.integers(1, 10**6), st.sampled_from([900, 950, 990]))
def test_all_right_is_n_over_n_and_z_squared(n: int, confidence: int) -> None:
    z = norm.ppf(confidence / 1000)
    assert lower_bound(n, n, confidence) == pytest.approx(n / (n + z * z), rel=1e-12)
    assert lower_bound(0, n, confidence) == 0


def test_figures_by_hand() -> None:
    """z = 1.644854: 50 of 50 is 50 / 52.70554; 37 of 50 (0.74) by the formula in the article."""
    assert lower_bound(50, 50, 950) == pytest.approx(0.948667, abs=1e-6)
    z, p, n = 1.6448536, 0.74, 50
    by_hand = (p + z * z / (2 * n) - z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)
    assert lower_bound(37, 50, 950) == pytest.approx(by_hand, abs=1e-7)
    assert by_hand == pytest.approx(0.6277, abs=1e-3)


@given(st.integers(1, 400), st.integers(0, 400), st.integers(500, 998))
def test_more_right_and_less_confidence_raise_the_bound(n: int, k: int, confidence: int) -> None:
    k = min(k, n)
    bound = lower_bound(k, n, confidence)
    assert lower_bound(min(k + 1, n), n, confidence) >= bound
    assert lower_bound(k, n, confidence + 1) <= bound
    assert lower_bound(2 * k, 2 * n, confidence) >= bound - 1e-12  # the same share of more samples


@pytest.mark.parametrize(("correct", "scored"), [(-1, 5), (6, 5), (0, 0)])
def test_no_bound_of_nonsense(correct: int, scored: int) -> None:
    with pytest.raises(ValueError, match="of"):
        lower_bound(correct, scored, 950)


def test_a_whole_pass() -> None:
    gate = decide(PASSES, BAR, A)
    assert (gate.passed, gate.lower_milli, gate.reasons) == (True, 948, ())


def test_the_bar_is_reached_at_its_figure_and_not_below() -> None:
    assert decide(PASSES, replace(BAR, least_milli=948), A).passed
    assert decide(PASSES, replace(BAR, least_milli=949), A).reasons == (Reason.BELOW,)


def test_the_mean_over_the_bar_is_not_enough() -> None:
    """45 of 50 is 90 %, its bound 80.6 %; of 41, 82 % and 71.5 %."""
    assert decide(evaluation(45), BAR, A).passed
    assert decide(evaluation(41), BAR, A).reasons == (Reason.BELOW,)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (evaluation(task="other"), Reason.OTHER_TASK),
        (evaluation(model_digest=B), Reason.OTHER_SAVE_POINT),
        (evaluation(dataset_revision="r2"), Reason.OTHER_REVISION),
        (evaluation(task_version="1.3"), Reason.OTHER_REVISION),
        (evaluation(status="error"), Reason.NOT_SUCCESS),
        (evaluation(status="cancelled"), Reason.NOT_SUCCESS),
        (evaluation(status="started"), Reason.NOT_SUCCESS),
        (evaluation(status="Success"), Reason.NOT_SUCCESS),
        (evaluation(samples_completed=49), Reason.SAMPLES_MISSING),
        (evaluation(samples_total=51), Reason.SAMPLES_MISSING),
        (evaluation(samples_completed=51), Reason.SAMPLES_MISSING),
        (evaluation(49, 49), Reason.TOO_FEW),
    ],
)
def test_each_reason_alone(wrong: Evaluation, reason: Reason) -> None:
    gate = decide(wrong, BAR, A)
    assert (gate.passed, gate.reasons) == (False, (reason,))


@pytest.mark.parametrize(
    "wrong",
    [
        evaluation(None), evaluation(figures=()), evaluation(figures=(Figure("match", "mean", 50, 50),)),
        evaluation(figures=(Figure("match", "accuracy", 51, 50),)), evaluation(figures=(Figure("match", "accuracy", 0, 0),)),
        evaluation(figures=(*PASSES.figures, Figure("model", "accuracy", None, 50))),
    ],
)  # fmt: skip
def test_no_figure_is_a_failure(wrong: Evaluation) -> None:
    gate = decide(wrong, BAR, A)
    assert not gate.passed
    assert Reason.NO_FIGURE in gate.reasons


def test_what_is_not_pinned_does_not_pass_even_where_both_are_blank() -> None:
    for field in ("task_version", "dataset_revision"):
        blank = {field: ""}
        assert Reason.NOT_PINNED in decide(replace(PASSES, **blank), replace(BAR, **blank), A).reasons
        assert field in [f for f, _, _ in faults(replace(BAR, **blank))]
    assert not decide(replace(PASSES, model_digest=""), BAR, "").passed


def test_every_scorer_must_reach_the_bar_unless_one_is_named() -> None:
    two = evaluation(figures=(*PASSES.figures, Figure("model", "accuracy", 30, 50)))
    assert decide(two, BAR, A).reasons == (Reason.BELOW,)
    assert decide(two, replace(BAR, scorer="match"), A).passed
    assert not decide(two, replace(BAR, scorer="model"), A).passed


_word = st.sampled_from
_evaluations = st.builds(
    evaluation, _word([None, 0, 30, 50]), st.just(50), model_digest=_word([A, B]), status=_word(["success", "error"]),
    dataset_revision=_word(["r1", "r2", ""]), samples_completed=_word([50, 49]), task=_word(["refuses", "other"]),
)  # fmt: skip


@given(st.lists(_evaluations, max_size=6), st.booleans())
def test_it_opens_only_for_a_whole_pass_or_a_waiver(found: list[Evaluation], waived: bool) -> None:
    word = state_of(found, (BAR,), A, waived=waived)
    assert word in facts.EVALUATIONS
    whole = [
        e for e in found
        if e.task == "refuses" and e.model_digest == A and e.dataset_revision == "r1" and e.status == "success"
        and e.samples_completed == 50 and e.figures[0].correct is not None
    ]  # fmt: skip
    right = {e.figures[0].correct == 50 for e in whole}
    assert (word == "passed") == (right == {True})
    assert (word == "waived") == (waived and word != "passed")
    if not waived:
        assert (word == "none") == (not any(e.task == "refuses" for e in found))
        assert word == "failed" or False not in right


@given(st.lists(_evaluations, max_size=6))
def test_the_order_of_logs_does_not_matter(found: list[Evaluation]) -> None:
    assert state_of(found, (BAR,), A) == state_of(found[::-1], (BAR,), A)


def test_one_more_try_does_not_help_but_a_crash_may_be_run_again() -> None:
    fails, crash, half = evaluation(30), evaluation(None, status="error"), evaluation(samples_completed=10)
    assert state_of([fails, PASSES], (BAR,), A) == "failed"
    assert state_of([crash], (BAR,), A) == "error"
    assert state_of([half], (BAR,), A) == "failed"
    assert state_of([crash, half, PASSES], (BAR,), A) == "passed"
    assert state_of([PASSES], (BAR,), B) == "stale"
    assert state_of([replace(PASSES, dataset_revision="r2")], (BAR,), A) == "stale"


def test_the_worst_of_several_bars_speaks() -> None:
    words = {
        "passed": [PASSES], "failed": [evaluation(30)], "error": [evaluation(None, status="error")],
        "stale": [evaluation(model_digest=B)], "none": [],
    }  # fmt: skip
    rank = ["failed", "error", "stale", "none", "passed"]
    bars = (BAR, replace(BAR, task="second"))
    for one, two in product(words, repeat=2):
        found = words[one] + [replace(e, task="second") for e in words[two]]
        assert state_of(found, bars, A) == min(one, two, key=rank.index)


def test_no_bar_is_no_pass() -> None:
    assert state_of([PASSES], (), A) == "none"
    assert state_of([PASSES], (), A, waived=True) == "waived"


def test_faults_of_a_bar() -> None:
    assert list(faults(BAR)) == []
    wrong = Bar("", 0, "1", "r", 0, 1000, "")
    assert [f for f, _, _ in faults(wrong)] == ["task", "metric", "least_milli", "confidence_milli", "samples_least"]
