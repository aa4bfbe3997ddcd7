"""Publishing awards is all or nothing, whoever dies at whatever moment, and happens once, however many try."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
OPENS = 1_750_000_000
DAY = 86_400


@pytest.fixture
def ranked(database: str) -> Any:
    """A published call with three ranked applications, of which one cannot be awarded."""
    from dure.app import applying, people, programme
    from dure.programme.lifecycle import State
    from dure.store import models
    from tests.web import world

    programme.initialise("Test", world.FLEET, "office", OPENS - DAY)
    office = people.actor_of("office")
    call = world.call("c", OPENS, OPENS + 10 * DAY)
    programme.open_call(office, call, OPENS)
    programme.publish_call(office, "c", OPENS)
    for n in range(3):
        application = world.application(f"p{n}", "c")
        applying.apply(people.actor_of(application.lead), application, OPENS + 1)
        scored = {"state": State.RANKED, "score_milli": 1500 + 1000 * n}  # the first below the cut-off
        models.Application.objects.filter(id=application.id).update(**scored)
    return office


def _publish(office: Any) -> None:
    from dure.app import awarding

    awarding.publish(office, "c", OPENS + 20 * DAY)


def _facts() -> dict[str, Any]:
    from dure.store import ledger, models

    return {
        "call": models.Call.objects.get(id="c").state,
        "states": sorted(models.Application.objects.values_list("state", flat=True)),
        "awards": models.Award.objects.count(),
        "members": models.Member.objects.count(),
        "letters": models.Letter.objects.count(),
        "happenings": models.Happening.objects.count(),
        "standings": ledger.standings(),
        "journal": len(ledger.journal(limit=1000)),
        "faults": ledger.verify()[1],
    }


def _in_a_process(work: Callable[[], None]) -> int:
    """Run `work` in a process with connections of its own; its wait status."""
    from django.db import connections

    connections.close_all()
    for connection in connections.all():
        getattr(connection, "close_pool", lambda: None)()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def test_a_kill_at_any_statement_of_publishing_leaves_all_or_nothing(ranked: Any) -> None:
    before = _facts()

    def killed_at(n: int) -> None:
        from django.db import connection

        left = iter(range(n - 1, -1, -1))

        def wrapper(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(wrapper):
            _publish(ranked)

    for n in count(1, 1 if EXAMPLES >= 10 else 3):  # `make engines` and `make databases` kill at each
        status = _in_a_process(lambda n=n: killed_at(n))
        if not os.WIFSIGNALED(status):
            break
        assert _facts() == before, f"killed at statement {n}"
    assert os.WEXITSTATUS(status) == 0
    assert n > 30  # statements before it came through
    after = _facts()
    assert after["call"] == "awarded"
    assert after["states"].count("awarded") == after["awards"] == len(after["standings"]) > 0
    assert after["letters"] == 3
    assert not after["faults"]


def test_a_kill_before_and_after_the_commit(ranked: Any) -> None:
    before = _facts()

    def dies(after: bool) -> None:
        from django.db import connection

        commit = connection.commit

        def last() -> None:
            if after:
                commit()
            os.kill(os.getpid(), signal.SIGKILL)

        connection.commit = last
        _publish(ranked)

    assert os.WIFSIGNALED(_in_a_process(lambda: dies(after=False)))
    assert _facts() == before
    assert os.WIFSIGNALED(_in_a_process(lambda: dies(after=True)))
    assert _facts()["call"] == "awarded"
    assert not _facts()["faults"]


def test_two_who_publish_at_once_award_once(ranked: Any) -> None:
    children = []
    from django.db import connections

    connections.close_all()
    for connection in connections.all():
        getattr(connection, "close_pool", lambda: None)()
    for _ in range(4):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _publish(ranked)
                code = 0
            except Exception:
                code = 3
            finally:
                os._exit(code)
        children.append(child)
    codes = sorted(os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children)
    assert codes == [0, 3, 3, 3]
    found = _facts()
    assert found["states"].count("awarded") == found["awards"]
    assert not found["faults"]
    granted = {p: s.granted for p, s in found["standings"].items()}
    from dure.store import models

    assert granted == {a.project_id: a.amount_milli for a in models.Award.objects.all()}
