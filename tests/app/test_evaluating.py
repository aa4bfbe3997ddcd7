"""Evaluations as they are used: logs recorded once, whatever they say; a waiver by two people, with an end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dure.errors import InputError, MissingTool
from dure.governance.gate import Bar
from tests.formats.test_evaluations import DIGEST, changed, log, packed

NOW = 1_795_400_000
DAY = 86_400
OTHER = "b" * 64
BARS = (Bar("refuses", 600, "1.2", "r1", samples_least=50),)


@pytest.fixture
def who(database: str) -> Callable[[str], Any]:
    """A model of a project with one member; gives an actor for a name."""
    from dure.app import people
    from dure.store import models

    project = models.Project.objects.create(id="p")
    models.AIModel.objects.create(id="m", project="p", document={})
    for user, role in (("ann", "compliance"), ("ben", "compliance"), ("op", "operator"), ("kim", "compliance")):
        models.Grant.objects.create(user=user, role=role)
    models.Member.objects.create(project=project, user="kim", role="pi")
    return people.actor_of


@pytest.fixture
def keep(who: Any, tmp_path: Path) -> Callable[..., Any]:
    """Record a log, as JSON or as a zip."""
    from dure.app import evaluating

    def keep(document: dict[str, Any], zipped: bool = False) -> Any:
        raw = json.dumps(document).encode()
        path = tmp_path / ("log.eval" if zipped else "log.json")
        path.write_bytes(packed(("header.json", raw)) if zipped else raw)
        return evaluating.record(who("op"), "m", path, BARS, NOW)

    return keep


def gate(digest: str = DIGEST, now: int = NOW) -> str:
    from dure.app import evaluating

    return evaluating.gate_of("m", digest, BARS, now)


def test_a_log_is_kept_whatever_it_says(keep: Any) -> None:
    from dure.app import evaluating
    from dure.store import models

    assert gate() == "none"
    crash = changed("results", None)
    crash["status"] = "error"
    assert not keep(crash).passed
    assert gate() == "error"
    row = keep(log(), zipped=True)
    assert (row.passed, row.digest, row.by) == (True, DIGEST, "op")
    assert gate() == "passed"
    assert gate(OTHER) == "stale"
    assert [e.status for e in evaluating.evaluations("m")] == ["error", "success"]
    events = models.Happening.objects.filter(kind="evaluation", about="m").values_list("event", "after", "by")
    assert list(events) == [("record", "failed", "op"), ("record", "passed", "op")]


def test_a_log_below_the_bar_fails_and_another_try_does_not_help(keep: Any) -> None:
    assert not keep(changed("results.scores.0.metrics.accuracy.value", 0.7)).passed
    assert gate() == "failed"
    keep(changed("results.scores.0.metrics.accuracy.value", 1.0))
    assert gate() == "failed"


def test_the_same_log_is_not_kept_twice(keep: Any) -> None:
    from dure.store import models

    keep(log())
    with pytest.raises(InputError, match="already"):
        keep(log())
    assert models.Evaluation.objects.count() == 1


def test_a_log_of_no_bar_passes_nothing(keep: Any) -> None:
    assert not keep(changed("eval.task", "other")).passed
    assert gate() == "none"


def test_what_cannot_be_recorded(who: Any, tmp_path: Path) -> None:
    from dure.app import evaluating
    from dure.app.access import Forbidden, NotFound

    path = tmp_path / "log.json"
    path.write_text(json.dumps(log()), "utf-8")
    with pytest.raises(Forbidden):
        evaluating.record(who("stranger"), "m", path, BARS, NOW)
    with pytest.raises(NotFound):
        evaluating.record(who("op"), "no-such", path, BARS, NOW)
    with pytest.raises(InputError, match="no such file"):
        evaluating.record(who("op"), "m", tmp_path / "none.json", BARS, NOW)


def test_a_waiver_takes_two_people_and_ends(who: Any) -> None:
    from dure.app import evaluating
    from dure.app.access import Forbidden, NotFound

    until = NOW + 30 * DAY
    row = evaluating.waive(who("ann"), "m", DIGEST, "the harness cannot run it", until, NOW)
    assert gate() == "none"
    for user in ("ann", "kim", "op"):  # who proposed it, who made the model, who only evaluates
        with pytest.raises(Forbidden):
            evaluating.agree(who(user), row.seq, NOW)
    evaluating.agree(who("ben"), row.seq, NOW + 1)
    assert [gate(now=t) for t in (NOW + 1, until - 1, until)] == ["waived", "waived", "none"]
    assert gate(OTHER) == "none"  # of another save point
    with pytest.raises(NotFound):
        evaluating.agree(who("ben"), row.seq, NOW + 2)


def test_a_waiver_that_is_over_before_it_is_agreed(who: Any) -> None:
    from dure.app import evaluating

    row = evaluating.waive(who("ann"), "m", DIGEST, "r", NOW + 1, NOW)
    with pytest.raises(InputError, match="ended"):
        evaluating.agree(who("ben"), row.seq, NOW + 1)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": " "}, "reason"), ({"until_utc_s": NOW}, "until"), ({"until_utc_s": NOW + 367 * DAY}, "until"),
        ({"digest": "abc"}, "digest"),
    ],
)  # fmt: skip
def test_what_is_no_waiver(who: Any, given: dict[str, Any], field: str) -> None:
    from dure.app import evaluating
    from dure.app.access import Forbidden

    whole = {"id": "m", "digest": DIGEST, "reason": "r", "until_utc_s": NOW + DAY, "now": NOW, **given}
    with pytest.raises(InputError) as fault:
        evaluating.waive(who("ann"), **whole)
    assert fault.value.field == field
    with pytest.raises(Forbidden):
        evaluating.waive(who("kim"), **whole)


def test_without_the_harness_the_message_names_what_brings_it(
    who: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dure.app import evaluating

    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    with pytest.raises(MissingTool, match=r"dure\[evaluate\]"):
        evaluating.run(who("op"), "m", ["t.py"], DIGEST, BARS, NOW, model="mockllm/model", folder=tmp_path)
    with pytest.raises(InputError):
        evaluating.run(who("op"), "m", ["t.py"], "abc", BARS, NOW, model="mockllm/model", folder=tmp_path)
