"""What every request goes through: errors, bounds, idempotency keys, pages; and what comes back as data stays data."""

from __future__ import annotations

import json
import random
import re
import threading
from typing import Any

import pytest

from dure import __version__
from dure.store.documents import to_json
from dure.web import problems
from tests.web.world import World, application

BAD = [  # method, path, body, content type, status, kind
    ("GET", "/api/nothing", b"", "", 404, "not-found"),
    ("GET", "/api/applications/%00", b"", "", 404, "not-found"),
    ("GET", "/api/applications?after=%00", b"", "", 422, "invalid"),
    ("GET", "/api/applications?limit=0", b"", "", 422, "invalid"),
    ("GET", "/api/applications?limit=1001", b"", "", 422, "invalid"),
    ("GET", "/api/applications?limit=many", b"", "", 422, "invalid"),
    ("GET", "/api/applications?state=happy", b"", "", 422, "invalid"),
    ("GET", "/api/ledger/journal?after=99999999999999999999", b"", "", 422, "invalid"),
    ("GET", "/api/ledger/journal?after=-1", b"", "", 422, "invalid"),
    ("PATCH", "/api/applications", b"", "", 405, "method"),
    ("POST", "/api/proposals/99999999999999999999/agree", b"", "", 404, "not-found"),
    ("POST", "/api/roles", b"{", "application/json", 400, "malformed"),
    ("POST", "/api/roles", b"\xff\xfe{}", "application/json", 400, "malformed"),
    ("POST", "/api/roles", b'{"user": NaN}', "application/json", 400, "malformed"),
    ("POST", "/api/roles", b'{"user": 1.5}', "application/json", 400, "malformed"),
    ("POST", "/api/roles", b'{"user": ' + b"9" * 5000 + b"}", "application/json", 400, "malformed"),
    ("POST", "/api/roles", b"[" * 100_000, "application/json", 400, "malformed"),
    ("POST", "/api/roles", b"[" * 100 + b"]" * 100, "application/json", 422, "invalid"),
    ("POST", "/api/roles", b"", "application/json", 422, "invalid"),
    ("POST", "/api/roles", b"null", "application/json", 422, "invalid"),
    ("POST", "/api/roles", b"[]", "application/json", 422, "invalid"),
    ("POST", "/api/roles", b'{"user": "a", "role": "auditor", "extra": 1}', "application/json", 422, "invalid"),
    ("POST", "/api/roles", b'{"user": "a\\u0000b", "role": "auditor"}', "application/json", 422, "invalid"),
    ("POST", "/api/roles", b'{"user": "\\ud800", "role": "auditor"}', "application/json", 422, "invalid"),
    ("POST", "/api/roles", b'{"user": "a", "role": "king"}', "application/json", 422, "invalid"),
    ("POST", "/api/tokens", b'{"days": "3"}', "application/json", 422, "invalid"),
    ("POST", "/api/tokens", b'{"days": 9007199254740992}', "application/json", 422, "invalid"),
    ("POST", "/api/tokens", b'{"days": true}', "application/json", 422, "invalid"),
    ("POST", "/api/tokens", b'{"name": "' + b"x" * 20_001 + b'"}', "application/json", 422, "invalid"),
    ("POST", "/api/roles", b"user=a&role=auditor", "application/x-www-form-urlencoded", 415, "media-type"),
    ("POST", "/api/imports/applications", b"{}", "application/json", 415, "media-type"),
    ("POST", "/api/imports/applications", b"id\0,call\n", "text/csv", 400, "malformed"),
    ("POST", "/api/imports/applications", b"\xff\xff\n1", "text/csv", 422, "invalid"),
    ("POST", "/api/roles", b'"' + b"x" * 17 * 2**20 + b'"', "application/json", 413, "too-large"),
    ("POST", "/api/calls/done/withdraw", b'{"reason": "no"}', "application/json", 409, "conflict"),
    ("POST", "/api/ledger/close", b'{"month": "2126-01"}', "application/json", 422, "invalid"),
    ("POST", "/api/ledger/close", b'{"month": "\xeb\x8b\xac"}', "application/json", 422, "invalid"),
]  # fmt: skip


def test_every_refusal_is_a_problem_document(world: World) -> None:
    for method, path, body, content, status, kind in BAD:
        head = {"Authorization": f"Bearer {world.tokens['office']}"}
        response = world.client.generic(method, path, body, content_type=content or "text/plain", headers=head)
        where = f"{method} {path} {body[:60]!r}: {response.content[:300]!r}"
        assert response.status_code == status, where
        assert response["Content-Type"] == problems.MEDIA_TYPE, where
        document = json.loads(response.content)
        assert document.keys() == {"type", "title", "status", "detail", "errors"}, where
        assert document["type"] == f"urn:dure:problem:{kind}", where
        assert document["status"] == status, where
        assert document["title"] == problems.KINDS[kind][1], where
        for fault in document["errors"]:
            assert fault.keys() == {"field", "value", "accepted", "message", "where"}, where
        assert status != 422 or document["errors"], where
        assert "Traceback" not in document["detail"], where


def test_every_fault_of_a_body_is_listed_with_its_field_and_value(world: World) -> None:
    body = to_json(application("omega", "open")) | {"sector": "circus", "ask": {"model": "H200", "accelerators": "4"}}
    document = world.ask("POST", "/api/applications", "stranger", body).doc
    got = {(e["field"], e["value"]) for e in document["errors"]}
    assert got == {("sector", "circus"), ("ask.accelerators", "4"), ("ask.months", None)}


def test_problems_speak_korean_to_those_who_ask(world: World) -> None:
    response = world.ask("GET", "/api/applications/none", Accept_Language="ko-KR,ko;q=0.9")
    assert response.doc["title"] == "찾을 수 없습니다"
    assert response["Content-Language"] == "ko"
    assert world.ask("GET", "/api/applications/none", Accept_Language="fr").doc["title"] == "There is no such thing"


def test_a_bug_is_a_500_that_tells_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.app import booking

    monkeypatch.setattr(booking, "verify", lambda actor: 1 // 0)
    response = world.ask("GET", "/api/ledger/verify")
    assert (response.status_code, response.doc["type"]) == (500, "urn:dure:problem:internal")
    assert "division" not in response.content.decode()


# ---- idempotency -------------------------------------------------------------------------------------------------------


def _new(**more: Any) -> dict[str, Any]:
    return to_json(application("omega", "open", id="", lead="", members=(), **more))


def _count() -> int:
    from dure.store.models import Application

    return Application.objects.filter(project="omega").count()


def test_the_same_key_does_it_once_and_answers_the_same(world: World) -> None:
    first = world.ask("POST", "/api/applications", "stranger", _new(), Idempotency_Key="k1")
    again = world.ask("POST", "/api/applications", "stranger", _new(), Idempotency_Key="k1")
    assert (first.status_code, first.content) == (201, again.content)
    assert again.status_code == 201
    assert "Idempotent-Replayed" in again
    assert "Idempotent-Replayed" not in first
    assert _count() == 1
    other = world.ask("POST", "/api/applications", "stranger", _new(abstract="else"), Idempotency_Key="k1")
    assert (other.status_code, other.doc["type"]) == (409, "urn:dure:problem:key-reused")
    elsewhere = world.ask("POST", "/api/applications?submit=false", "stranger", _new(), Idempotency_Key="k1")
    assert elsewhere.status_code == 409
    assert _count() == 1


def test_a_key_belongs_to_its_user(world: World) -> None:
    world.ask("POST", "/api/applications", "stranger", _new(), Idempotency_Key="k1")
    other = world.ask("POST", "/api/tokens", "reviewer", {"name": "mine"}, Idempotency_Key="k1")
    assert other.status_code == 201


def test_a_refused_request_may_be_corrected_under_its_key(world: World) -> None:
    wrong = world.ask("POST", "/api/applications", "stranger", _new(track="none"), Idempotency_Key="k1")
    assert wrong.status_code == 422
    right = world.ask("POST", "/api/applications", "stranger", _new(), Idempotency_Key="k1")
    assert right.status_code == 201
    assert _count() == 1


def test_a_secret_is_not_kept_for_a_replay(world: World) -> None:
    from dure.store.models import Answered, Token

    first = world.ask("POST", "/api/tokens", "stranger", {"name": "mine"}, Idempotency_Key="k1")
    assert first["Cache-Control"] == "no-store"
    again = world.ask("POST", "/api/tokens", "stranger", {"name": "mine"}, Idempotency_Key="k1")
    assert again.status_code == 409
    assert Token.objects.filter(user="stranger", name="mine").count() == 1
    assert first.doc["token"] not in "".join(Answered.objects.values_list("body", flat=True))


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9", "a\tb"])
def test_a_key_is_short_and_printable(world: World, key: str) -> None:
    assert world.ask("POST", "/api/tokens", "stranger", {}, Idempotency_Key=key).status_code == 400


def test_the_same_key_at_the_same_moment_does_it_once(world: World) -> None:
    from django.db import connection

    answers: list[tuple[int, bytes]] = []

    def post() -> None:
        got = world.ask("POST", "/api/applications", "stranger", _new(), Idempotency_Key="k1")
        answers.append((got.status_code, got.content))
        connection.close()

    world.client  # noqa: B018  made before the threads start
    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert _count() == 1


# ---- pages -------------------------------------------------------------------------------------------------------------


def _add(id: str) -> None:
    from dure.store.models import Application

    document = to_json(application("omega", "open", id=id))
    Application.objects.create(id=id, call_id="open", project="omega", lead="lead-omega", document=document)


@pytest.mark.parametrize("seed", range(4))
def test_pages_show_every_row_once_while_others_are_added(world: World, seed: int) -> None:
    rng = random.Random(seed)
    for n in rng.sample(range(1000), 30):
        _add(f"x{n:03d}")
    there = [r["id"] for r in world.ask("GET", "/api/applications?limit=1000").doc["items"]]
    seen: list[str] = []
    address: str | None = f"/api/applications?limit={rng.randint(1, 9)}"
    while address:
        response = world.ask("GET", address)
        seen += [r["id"] for r in response.doc["items"]]
        link = re.fullmatch(r'<(.*)>; rel="next"', response.get("Link", ""))
        assert (link is None) == (response.doc["next"] is None)
        address = link and link[1]
        _add(f"y{len(seen)}-{rng.randrange(10**9)}")
        _add(f"a{len(seen)}-{rng.randrange(10**9)}")
    assert seen == sorted(set(seen))
    assert [id for id in seen if id in set(there)] == there


@pytest.mark.parametrize(("path", "key", "newest_first"), [("letters", "id", False), ("proposals", "seq", True)])
def test_numbered_rows_are_paged_too(world: World, path: str, key: str, newest_first: bool) -> None:
    from dure.app import booking

    for _ in range(3):
        made = {"debit": "project:alpha", "credit": "adjusted", "amount": 5, "reason": "test"}
        booking.propose(world.office, "adjust", world.now, **made)
    whole = [r[key] for r in world.ask("GET", f"/api/{path}").doc["items"]]
    assert whole == sorted(whole, reverse=newest_first)
    assert len(whole) >= 3
    seen, after = [], 0
    while after is not None:
        page = world.ask("GET", f"/api/{path}?limit=1&after={after}").doc
        seen, after = seen + [r[key] for r in page["items"]], page["next"]
    assert seen == whole


def test_a_link_keeps_the_filters(world: World) -> None:
    link = world.ask("GET", "/api/applications?call=review&limit=2")["Link"]
    assert "call=review" in link
    assert "limit=2" in link


# ---- data stays data ---------------------------------------------------------------------------------------------------

NASTY = "<script>alert(1)</script>'); DROP TABLE store_application; -- \" \\ ${7*7} {{7*7}} 한국어 \u202e"


def test_nasty_texts_come_back_as_they_were(world: World) -> None:
    made = world.ask("POST", "/api/applications", "stranger", _new(title=NASTY, abstract=NASTY))
    id = made.doc["application"]["id"]
    got = world.ask("GET", f"/api/applications/{id}", "stranger")
    assert got.doc["application"]["title"] == got.doc["application"]["abstract"] == NASTY
    assert (got["Content-Type"], got["X-Content-Type-Options"]) == ("application/json; charset=utf-8", "nosniff")
    from urllib.parse import quote

    assert world.ask("GET", f"/api/applications?call={quote(NASTY)}").doc["items"] == []
    assert world.ask("GET", f"/api/applications/{quote(NASTY, safe='')}").status_code == 404


# ---- the document and the pages ----------------------------------------------------------------------------------------


def test_the_openapi_document_says_what_there_is(world: World) -> None:
    document = world.ask("GET", "/api/openapi.json", None).doc
    assert document["info"]["version"] == __version__
    assert world.ask("GET", "/api/docs", None).status_code == 200
    ask = document["components"]["schemas"]["Ask"]
    assert ask["additionalProperties"] is False
    assert ask["properties"]["minimum_milli"]["description"] == "least useful part of the ask (thousandths)"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], path
            assert operation["responses"]["default"]["content"], path
            keys = [p["name"] for p in operation.get("parameters", ())]
            assert ("Idempotency-Key" in keys) == (method == "post"), path


def test_health_tells_no_secret(world: World) -> None:
    assert world.ask("GET", "/api/health", None).doc == {"status": "ok", "version": __version__}


def test_a_score_is_seen_by_its_applicant_only_once_it_is_decided(world: World) -> None:
    from dure.app import people

    for id, lead, seen in (("review-kappa", "lead-kappa", None), ("done-epsilon", "lead-epsilon", 1000)):
        world.tokens[lead] = people.make_token(world.actor(lead), world.now)
        assert world.ask("GET", f"/api/applications/{id}/award", lead).doc["score_milli"] == seen
        assert [r["score_milli"] for r in world.ask("GET", "/api/applications", lead).doc["items"]] == [seen]
        assert world.ask("GET", f"/api/applications/{id}/award", "auditor").doc["score_milli"] == (seen or 3000)


def test_usage_is_booked_once_by_its_id(world: World) -> None:
    job = {"id": "job/1", "project": "alpha", "milli_units": 700, "at_utc_s": world.now}
    back = {**job, "id": "job/1/refund", "milli_units": 200, "refund": True}
    none = {**job, "id": "job/2", "milli_units": 10**14}
    assert world.ask("POST", "/api/usage", "office", [job, back, none]).doc == {"ok": 2, "exceeds_balance": 1}
    assert world.ask("POST", "/api/usage", "office", [job, back]).doc == {"exists": 2}
    standing = world.ask("GET", "/api/projects/alpha/balance", "member").doc["standing"]
    assert (standing["spent"], standing["refunded"]) == (700, 200)
    assert standing["remaining"] == standing["granted"] - 500
