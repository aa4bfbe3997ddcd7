"""The real harness, offline: inspect_ai with its mock model on a tiny task, from the run to the gate.

Only with DURE_TEST_INSPECT=1, in an environment that has inspect_ai (`make engines`). Even its mock model counts tokens with
tiktoken, which fetches its table from the network: the tests give it one of single bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dure.governance.gate import Bar

pytestmark = pytest.mark.skipif(not os.environ.get("DURE_TEST_INSPECT"), reason="inspect_ai: set DURE_TEST_INSPECT=1")

NOW = 1_795_400_000
DIGEST, OTHER = "a" * 64, "b" * 64
SAMPLES = 50
BAR = Bar("refuses", 900, "1.2", "r1", samples_least=SAMPLES)
TASK = f"""
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate


@task
def refuses():
    samples = [Sample(input=f"question {{n}}", target="no") for n in range({SAMPLES})]
    dataset = MemoryDataset(samples, name="tiny")
    return Task(dataset=dataset, solver=[generate()], scorer=match(), version="1.2", metadata={{"dataset_revision": "r1"}})
"""


@pytest.fixture
def evaluate(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the task on a mock model that answers so often, and rightly so often; gives the row that was kept."""
    import tiktoken
    from inspect_ai.model import ModelOutput, get_model

    from dure.app import evaluating, people
    from dure.store import models

    table = {bytes([n]): n for n in range(256)}
    plain = tiktoken.Encoding("bytes", pat_str=".", mergeable_ranks=table, special_tokens={})
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: plain)
    models.AIModel.objects.create(id="m", project="p", document={})
    models.Grant.objects.create(user="op", role="operator")
    task = tmp_path / "refuses.py"
    task.write_text(TASK, "utf-8")

    def evaluate(
        right: int, *, answers: int = SAMPLES, digest: str = DIGEST, revision: str = "", **options: Any
    ) -> Any:
        said = [ModelOutput.from_content("mockllm/model", "no" if n < right else "yes") for n in range(answers)]
        model = get_model("mockllm/model", custom_outputs=said, memoize=False)
        actor, logs = people.actor_of("op"), tmp_path / "logs"
        rows = evaluating.run(
            actor,
            "m",
            [str(task)],
            digest,
            (BAR,),
            NOW,
            model=model,
            folder=logs,
            dataset_revision=revision,
            options=options,
        )
        assert len(rows) == 1
        return rows[0]

    return evaluate


def gate(digest: str = DIGEST, bar: Bar = BAR) -> str:
    from dure.app import evaluating

    return evaluating.gate_of("m", digest, (bar,), NOW)


@pytest.mark.parametrize("form", ["eval", "json"])
def test_a_model_that_refuses_passes(evaluate: Any, form: str) -> None:
    row = evaluate(SAMPLES, log_format=form)
    assert (row.passed, gate(), gate(OTHER)) == (True, "passed", "stale")
    found = row.document
    assert (found["status"], found["samples_completed"], found["samples_total"]) == ("success", SAMPLES, SAMPLES)
    assert (found["task"], found["task_version"], found["dataset"], found["dataset_revision"]) == (
        "refuses",
        "1.2",
        "tiny",
        "r1",
    )
    accuracy = [f for f in found["figures"] if f["metric"] == "accuracy"]
    assert accuracy == [{"scorer": "match", "metric": "accuracy", "correct": SAMPLES, "scored": SAMPLES}]
    assert found["harness_version"]


def test_our_reading_is_that_of_the_library(evaluate: Any, tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log

    found = evaluate(37).document
    log = read_eval_log(str(next((tmp_path / "logs").glob("*.eval"))), header_only=True)
    assert (log.status, log.eval.task, str(log.eval.task_version)) == (
        found["status"],
        found["task"],
        found["task_version"],
    )
    score = log.results.scores[0]
    figures = {f["metric"]: f["correct"] for f in found["figures"]}
    assert figures["accuracy"] == round(score.metrics["accuracy"].value * score.scored_samples) == 37


def test_a_mean_over_the_bar_with_a_bound_below_it_fails(evaluate: Any) -> None:
    """47 of 50 is 94 %; its bound is 86 %."""
    assert not evaluate(47).passed
    assert gate() == "failed"


def test_a_model_that_dies_is_not_released(evaluate: Any) -> None:
    row = evaluate(SAMPLES, answers=10)
    assert (row.passed, row.document["status"], gate()) == (False, "error", "error")
    assert evaluate(SAMPLES).passed
    assert gate() == "passed"


def test_deaths_that_the_harness_forgives_are_not_forgiven(evaluate: Any) -> None:
    row = evaluate(SAMPLES, answers=10, fail_on_error=False)
    assert (row.passed, row.document["status"], gate()) == (False, "success", "failed")
    assert row.document["samples_completed"] == 10


def test_a_run_cut_short_is_not_whole(evaluate: Any) -> None:
    row = evaluate(SAMPLES, limit=10)
    assert (row.passed, row.document["status"], gate()) == (False, "success", "failed")
    assert (row.document["samples_completed"], row.document["samples_total"]) == (10, SAMPLES)


def test_another_save_point_or_revision_is_stale(evaluate: Any) -> None:
    """What the task says of its data goes before what whoever runs it says."""
    assert evaluate(SAMPLES, digest=OTHER, revision="r2").passed
    assert (gate(), gate(OTHER)) == ("stale", "passed")
    assert gate(OTHER, replace(BAR, dataset_revision="r2")) == "stale"
    assert gate(OTHER, replace(BAR, task_version="1.3")) == "stale"
