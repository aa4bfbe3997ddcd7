"""What those who run the service see: metrics, health, readiness, logs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dure.vocabulary import JobState, Refusal
from tests.web.world import FLEET, World

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)')


@pytest.fixture
def world(database: str, monkeypatch: pytest.MonkeyPatch) -> World:
    from dure.store import models
    from dure.web import metrics
    from tests.web.running import few

    monkeypatch.setattr(metrics, "HOLD_S", 0.0)
    models.Programme.objects.create(name="p", fleet_toml=FLEET.read_text("utf-8"), created_utc_s=0)
    return few()


def scraped(world: World) -> dict[str, float]:
    """The samples, each with its HELP and TYPE before it; `name{labels}` to value."""
    response = world.ask("GET", "/metrics", None)
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = response.content.decode()
    assert text.endswith("\n")
    found: dict[str, float] = {}
    family = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
        elif line.startswith("# TYPE "):
            assert line.split()[2] == family
            assert line.split()[3] in ("gauge", "counter")
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            assert sample[1] == family
            found[line.rpartition(" ")[0]] = float(sample[3])
    return found


def test_metrics_are_what_stands_in_the_database(world: World) -> None:
    from dure.app.programme import fleet_of_programme
    from dure.store import models
    from tests.web.running import event, job, notebook

    pool = fleet_of_programme().pools[0]
    for n, state in enumerate(JobState):
        for _ in range(n):
            one = job(
                "alpha", "member", world.now, state=state, refusal=Refusal.RULES if state == JobState.REFUSED else 0
            )
    event(one, world.now)
    notebook("alpha", "member", world.now, 1234, pool=pool.id, held_milli=1500)
    models.NodeState.objects.create(node=0, up=False, since_utc_s=world.now)
    models.NodeState.objects.create(node=1, up=True, since_utc_s=world.now)
    models.Leader.objects.create(id=1, term=3, holder="h", beat_utc_s=world.now - 4, cycle_ms=250)
    models.Webhook.objects.create(project="alpha", user="member", url="http://x", tries=2)
    models.Webhook.objects.create(project="alpha", user="member", url="http://x", stopped=True)
    for low, high, started in ((0, 10, 5), (0, 10, 11), (0, 10, None)):
        models.Forecast.objects.create(job=one, made_utc_s=0, low_utc_s=low, high_utc_s=high, started_utc_s=started)
    got = scraped(world)
    for n, state in enumerate(JobState):
        assert got[f'dure_jobs{{state="{state.name.lower()}"}}'] == n + (state == JobState.RUNNING)
    assert got['dure_jobs_refused{reason="rules"}'] == JobState.REFUSED
    each = pool.accelerators_per_node
    state = {s: got[f'dure_accelerators{{pool="{pool.id}",state="{s}"}}'] for s in ("held", "down", "free")}
    assert state == {"held": 1.5, "down": each, "free": (pool.nodes - 1) * each - 1.5}
    assert 4 <= got["dure_leader_cycle_age_seconds"] < 60
    assert (got["dure_leader_cycle_seconds"], got["dure_leader_term"]) == (0.25, 3)
    assert [got[f'dure_webhooks{{state="{s}"}}'] for s in ("well", "failing", "stopped")] == [0, 1, 1]
    assert (got['dure_forecasts{held="yes"}'], got['dure_forecasts{held="no"}']) == (1, 1)
    assert got["dure_job_events_total"] == models.JobEvent.objects.latest("seq").seq
    assert got["dure_audit_outbox"] == models.Outbox.objects.count() > 0
    text = world.ask("GET", "/metrics", None).content.decode()
    assert not re.search(r"alpha|beta|member|office", text)  # no project and no person


def test_metrics_of_nothing(database: str) -> None:
    from dure.web.metrics import exposition

    assert b'dure_jobs{state="running"} 0\n' in exposition(0)


def test_a_scrape_is_held_for_a_while(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.web import metrics
    from tests.web.running import job

    monkeypatch.setattr(metrics, "HOLD_S", 60.0)
    before = world.ask("GET", "/metrics", None).content
    job("alpha", "member", world.now)
    assert world.ask("GET", "/metrics", None).content == before
    assert world.ask("POST", "/metrics", None).status_code == 405


def test_readiness_is_of_the_database_and_tells_of_the_leader(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from dure.store import models
    from dure.web import metrics

    assert world.ask("GET", "/readyz", None).doc == {"status": "ok", "leader": "none"}
    models.Leader.objects.create(id=1, term=1, beat_utc_s=world.now)
    assert world.ask("GET", "/readyz", None).doc == {"status": "ok", "leader": "leads"}
    models.Leader.objects.update(beat_utc_s=world.now - 60)
    assert world.ask("GET", "/readyz", None).doc == {"status": "ok", "leader": "late"}
    monkeypatch.setattr(metrics, "_to_migrate", lambda: True)
    assert world.ask("GET", "/readyz", None).status_code == 503

    def gone(now: int) -> None:
        raise OperationalError("postgresql://user:secret@host is gone")

    monkeypatch.setattr(metrics, "_to_migrate", lambda: False)
    monkeypatch.setattr(metrics, "leader_age_s", gone)
    answer = world.ask("GET", "/readyz", None)
    assert (answer.status_code, answer.doc) == (503, {"status": "no database"})
    assert world.ask("GET", "/healthz", None).doc == {"status": "ok"}  # the process lives all the same


# ---- logs ------------------------------------------------------------------------------------------------------------------


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_a_log_line_is_one_object_with_job_and_cause(capfd: pytest.CaptureFixture[str]) -> None:
    from dure.operation.logging import log

    log("started", job=7, cause="its turn\ncame", pool="p", n=3, part=0.5, yes=True, none=None)
    (line,) = lines(capfd)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info", "event": "started", "job": 7, "cause": "its turn\ncame", "pool": "p", "n": 3, "part": 0.5,
        "yes": True, "none": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "dure_IVgYueTh3G1ADOsUKUJOYbgksLgZkzGC0ZPJbHqL3sY", "GET /7/?ticket=SECRETSECRET&x=1", "Authorization: Bearer SECRETSECRET",
        "authorization: token SECRETSECRETSECRET", "postgresql://user:SECRETSECRET@host/name", "could not reach //u:SECRETSECRET@h",
    ],
)  # fmt: skip
def test_no_secret_is_logged(capfd: pytest.CaptureFixture[str], text: str) -> None:
    from dure.operation.logging import log

    log("x", cause=text, note=text, token="SECRETSECRET", ticket="SECRETSECRET", Authorization="SECRETSECRET")
    said = capfd.readouterr().err
    assert "SECRETSECRET" not in said
    assert "IVgYueTh3G1ADOs" not in said
    assert json.loads(said)["token"] == "***"


def test_a_whole_environment_is_no_field(capfd: pytest.CaptureFixture[str]) -> None:
    from dure.operation.logging import log

    with pytest.raises(TypeError):
        log("x", spec={"env": {"KEY": "value"}})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="loud"):
        log("x", level="loud")
    log("x", env="KEY=value", cause="\udc80\u202e")
    assert lines(capfd)[0]["env"] == "***"


def test_what_libraries_log_has_the_same_form(tmp_path: Path) -> None:
    """In a process of its own: `install` is for all of it."""
    import subprocess
    import sys

    code = (
        "import logging; from dure.operation.logging import install; install()\n"
        "logging.getLogger('lib').warning('odd %s', 7); logging.getLogger('lib').info('no')\n"
        "try: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('lib').exception('failed')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    one, two = (json.loads(line) for line in done.stderr.splitlines())
    assert (one["event"], one["level"], one["cause"]) == ("lib", "warning", "odd 7")
    assert (two["level"], two["cause"]) == ("error", "failed")
    assert "ZeroDivisionError" in two["trace"]
