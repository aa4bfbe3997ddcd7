"""Jobs over the API: the same use cases, once and only once, within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.web.world import World


@pytest.fixture
def clear(world: World) -> None:
    """The rules allow what alpha runs."""
    from tests.web.running import clear

    clear(world)


GOOD: dict[str, Any] = {
    "project": "alpha",
    "name": "j",
    "command": ["true"],
    "accelerators": 1,
    "models": ["H200"],
    "limit_s": 60,
}


def submit(world: World, who: str = "member", **more: Any) -> Any:
    return world.ask("POST", "/api/jobs", who, {**GOOD, **more})


def count() -> int:
    from dure.store.models import Job

    return int(Job.objects.count())


@pytest.mark.usefixtures("clear")
def test_a_job_is_submitted_read_listed_and_cancelled(world: World) -> None:
    made = submit(world, name="한국어 job", env={"SEED": "7"})
    assert made.status_code == 201, made.content
    seq = made.doc["job"]
    assert (made.doc["project"], made.doc["user"], made.doc["name"], made.doc["state"]) == (
        "alpha",
        "member",
        "한국어 job",
        "queued",
    )
    one = world.ask("GET", f"/api/jobs/{seq}", "member").doc
    assert one["job"] == made.doc
    assert one["spec"]["env"] == {"SEED": "7"}
    assert (
        world.ask("GET", f"/api/jobs/{seq}", "office").doc["spec"] is None
    )  # the office sees the job, not its environment
    assert [j["job"] for j in world.ask("GET", "/api/jobs", "member").doc["items"]] == [seq]
    assert world.ask("GET", "/api/jobs", "lead-beta").doc["items"] == []
    assert world.ask("GET", f"/api/jobs/{seq}", "lead-beta").status_code == 404
    for part in ("attempts", "events", "logs"):
        assert world.ask("GET", f"/api/jobs/{seq}/{part}", "member").status_code == 200
    assert world.ask("POST", f"/api/jobs/{seq}/cancel", "member").status_code == 204
    assert world.ask("POST", f"/api/jobs/{seq}/cancel", "lead-beta").status_code == 404
    assert world.ask("GET", f"/api/jobs/{seq}", "member").doc["job"]["wish"] == "cancel"


@pytest.mark.usefixtures("clear")
def test_a_key_makes_one_job(world: World) -> None:
    first = world.ask("POST", "/api/jobs", "member", GOOD, Idempotency_Key="k")
    again = world.ask("POST", "/api/jobs", "member", GOOD, Idempotency_Key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Idempotent-Replayed"] == "true"
    assert first.doc == again.doc
    assert world.ask("POST", "/api/jobs", "member", {**GOOD, "name": "x"}, Idempotency_Key="k").status_code == 409
    assert world.ask("POST", "/api/jobs", "lead-alpha", GOOD, Idempotency_Key="k").doc["job"] != first.doc["job"]
    bulk = [
        world.ask("POST", "/api/jobs/bulk", "member", [GOOD] * 3, Idempotency_Key="b").doc["jobs"] for _ in range(2)
    ]
    assert bulk[0] == bulk[1]
    assert count() == 5


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"colour": "red"}, "colour"), ({"accelerators": "1"}, "accelerators"), ({"command": "true; rm -rf /"}, "command"),
        ({"command": [1]}, "command.0"), ({"kind": "party"}, "kind"), ({"limit_s": -1}, "limit"), ({"name": "a\u202eb"}, "name"),
        ({"name": "a\nb"}, "name"), ({"env": {"A": 1}}, "env.A"), ({"env": ["A"]}, "env"), ({"accelerators": 10**9}, ""),
        ({"health": {"path": "/", "paths": 1}}, "health.paths"), ({"variants": [{"command": []}]}, "variants.0.model"),
        ({"models": ["NOPE"]}, ""), ({"project": 1}, "project"), ({"name": "x" * 20_001}, "name"),
    ],
)  # fmt: skip
def test_bad_jobs_are_refused_with_their_field(world: World, more: dict[str, Any], field: str) -> None:
    for address, body in (("/api/jobs", {**GOOD, **more}), ("/api/jobs/bulk", [GOOD, {**GOOD, **more}])):
        refused = world.ask("POST", address, "member", body)
        assert refused.status_code == 422, refused.content
        assert all(e["message"] for e in refused.doc["errors"])
        assert any(e["field"].endswith(field) for e in refused.doc["errors"]), refused.doc
    assert count() == 0


@pytest.mark.usefixtures("clear")
def test_all_of_a_call_or_none(world: World) -> None:
    good = world.ask("POST", "/api/jobs/bulk", "member", [{**GOOD, "name": f"n{n}"} for n in range(1000)])
    assert good.status_code == 201
    assert good.doc["jobs"] == sorted(set(good.doc["jobs"]))
    assert count() == 1000
    for bad in (
        [],
        [GOOD] * 1001,
        [GOOD] * 10 + [{**GOOD, "limit_s": 0}],
        [GOOD, {**GOOD, "project": "beta"}],
        {},
        None,
    ):
        assert world.ask("POST", "/api/jobs/bulk", "member", bad).status_code in (400, 404, 415, 422)
    assert count() == 1000


def test_a_huge_body_is_not_read(world: World) -> None:
    body = json.dumps({**GOOD, "env": {f"V{n}": "x" * 1000 for n in range(17_000)}}).encode()
    assert world.ask("POST", "/api/jobs", "member", body).status_code == 413


@pytest.mark.parametrize(
    ("who", "project", "status"),
    [("stranger", "alpha", 403), ("lead-beta", "alpha", 404), ("office", "alpha", 403), ("member", "none", 404)],
)
def test_nobody_submits_for_another_project(world: World, who: str, project: str, status: int) -> None:
    for address, body in (
        ("/api/jobs", {**GOOD, "project": project}),
        ("/api/jobs/check", {**GOOD, "project": project}),
    ):
        assert world.ask("POST", address, who, body).status_code == status
    assert count() == 0


@pytest.mark.usefixtures("clear")
def test_a_try_keeps_nothing(world: World) -> None:
    tried = world.ask("POST", "/api/jobs/check", "member", GOOD)
    assert tried.status_code == 200, tried.content
    assert (tried.doc["verdict"], tried.doc["refusal"]) == ("allowed", "")
    assert tried.doc["pools"]
    assert 0 < tried.doc["least_milli"] <= tried.doc["most_milli"] <= tried.doc["left_milli"]
    assert count() == 0


@pytest.mark.usefixtures("clear")
def test_who_is_not_at_the_machine_is_not_taken_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that came through a proxy, or to a service with names of its own, signs in as its operator says, or worst."""
    assert world.ask("POST", "/api/jobs/check", "member", GOOD).doc["verdict"] == "allowed"
    assert (
        world.ask("POST", "/api/jobs/check", "member", GOOD, X_Forwarded_For="203.0.113.9").doc["verdict"] == "refused"
    )
    monkeypatch.setenv("DURE_HOSTS", "dure.example.org,127.0.0.1")
    assert world.ask("POST", "/api/jobs/check", "member", GOOD).doc["verdict"] == "refused"
    monkeypatch.setenv("DURE_ACCESS_COUNTRY", "KR")
    monkeypatch.setenv("DURE_SECOND_FACTOR", "yes")
    assert world.ask("POST", "/api/jobs/check", "member", GOOD).doc["verdict"] == "allowed"


def test_jobs_are_paged_and_filtered(world: World) -> None:
    from tests.web.running import job

    seqs = [job("alpha", who, world.now).seq for who in ("member", "lead-alpha") * 5]
    job("beta", "lead-beta", world.now)
    seen, address = [], "/api/jobs?limit=3&project=alpha"
    while address:
        response = world.ask("GET", address, "office")
        seen += [j["job"] for j in response.doc["items"]]
        address = response["Link"].partition(">")[0][1:] if "Link" in response else ""
    assert seen == seqs
    assert [j["job"] for j in world.ask("GET", "/api/jobs?user=member", "office").doc["items"]] == seqs[::2]
    assert world.ask("GET", "/api/jobs?state=running", "office").doc["items"] == []
    assert world.ask("GET", "/api/jobs?state=nonsense", "office").status_code == 422


def test_logs_are_bytes_from_an_offset(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.executors.base import EngineGone
    from dure.web import jobs
    from tests.web.running import notebook

    written = "<script>alert(1)</script> 두레\n".encode() * 3

    class Engine:
        def logs(self, key: str, offset: int, limit: int) -> bytes:
            if key != f"live-{seq}.1":
                raise EngineGone("gone")
            return written[offset : offset + limit]

    class Known:
        of_pool = {"p": Engine()}  # noqa: RUF012

    monkeypatch.setattr(jobs, "engines_here", lambda fleet: Known)
    seq = notebook("alpha", "member", world.now, 1).seq
    got, offset = b"", 0
    while part := world.ask("GET", f"/api/jobs/{seq}/logs?offset={offset}&limit=7", "member"):
        if not part.content:
            break
        got, offset = got + part.content, int(part["X-Dure-Next-Offset"])
        assert part["Content-Type"] == "text/plain; charset=utf-8"
        assert (part["X-Content-Type-Options"], part["Content-Security-Policy"]) == ("nosniff", "sandbox")
    assert got == written
    for bad in ("offset=-1", "limit=0", "limit=99999999", "attempt=0"):
        assert world.ask("GET", f"/api/jobs/{seq}/logs?{bad}", "member").status_code == 422
    assert world.ask("GET", f"/api/jobs/{seq}/logs?attempt=9", "member").status_code == 404
    assert world.ask("GET", f"/api/jobs/{seq}/logs", "lead-beta").status_code == 404
    seq = 0
    gone = world.ask("GET", f"/api/jobs/{notebook('alpha', 'member', world.now, 1).seq}/logs", "member")
    assert (gone.status_code, gone["Retry-After"]) == (503, "1")


def test_an_address_of_a_notebook_is_kept_nowhere(world: World) -> None:
    from dure.store.models import Answered
    from tests.web.running import notebook

    job = notebook("alpha", "member", world.now, 1234)
    opened = world.ask("POST", f"/api/jobs/{job.seq}/open", "member", Idempotency_Key="k")
    assert opened.status_code == 200, opened.content
    assert opened["Cache-Control"] == "no-store"
    assert f"/{job.seq}/?ticket=" in opened.doc["url"]
    assert "ticket=" not in "".join(Answered.objects.values_list("body", flat=True))
    for who, status in (("lead-alpha", 404), ("office", 404), ("lead-beta", 404), ("stranger", 403)):
        assert world.ask("POST", f"/api/jobs/{job.seq}/open", who).status_code == status, who


def test_webhooks_over_the_api(world: World) -> None:
    made = world.ask("POST", "/api/webhooks", "member", {"project": "alpha", "url": "https://hooks.example.org/x"})
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    assert made.doc["key"].startswith("whk_")
    listed = world.ask("GET", "/api/webhooks", "lead-alpha")
    assert [w["seq"] for w in listed.doc] == [made.doc["seq"]]
    assert made.doc["key"] not in listed.content.decode()
    inside = world.ask("POST", "/api/webhooks", "member", {"project": "alpha", "url": "http://169.254.169.254/"})
    assert (inside.status_code, inside.doc["errors"][0]["field"]) == (422, "url")
    assert world.ask("DELETE", f"/api/webhooks/{made.doc['seq']}", "member").status_code == 204
