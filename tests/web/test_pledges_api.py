"""Pledges over the API: documents in, two people, promised beside delivered; hostile input answered in words."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from typing import Any

import pytest

from tests.tracking.pledge_world import ONE, OTHER, TWO
from tests.web.test_fuzz import LEAVES
from tests.web.world import World

PAGE = "<html><head><title>Plan</title></head><body><article>" + f"<p>{ONE}</p>" + "</article></body></html>"


def post(world: World, path: str, body: Any, who: str = "office", **headers: str) -> Any:
    return world.ask("POST", f"/api/pledges/{path}", who, body, **headers)


def get(world: World, path: str = "", who: str = "office") -> Any:
    return world.ask("GET", f"/api/pledges{path}", who).doc


def sent(world: World, text: str = ONE, name: str = "plan.txt", **more: Any) -> Any:
    got = post(world, "documents", {"name": name, "text": text, "published": "2026-07-01", **more})
    assert got.status_code == 201, got.content
    return got.doc


def decided(world: World, who: str = "office", second: str = "auditor", **body: Any) -> dict[str, Any]:
    made = post(world, "proposals", body, who)
    assert made.status_code == 201, made.content
    done = post(world, f"proposals/{made.doc['seq']}/confirm", None, second)
    assert done.status_code == 200, done.content
    assert (done.doc["confirmed"], done.doc["second"], done.doc["proposal"]["by"]) == (True, second, who)
    return dict(done.doc["proposal"])


def mention(world: World, unit: str) -> int:
    (one,) = [q for q in get(world, "/queue") if (q["statement"]["says"]["amount"] or {}).get("unit") == unit]
    return int(one["mention"])


def test_from_a_page_to_what_was_delivered(world: World) -> None:
    from dure.store.models import PledgeDocument

    assert sent(world) == {"name": "plan.txt", "state": "new", "copy_of": "", "mentions": 3}
    waiting = get(world, "/queue", "auditor")
    assert {q["draft"]["unit"] for q in waiting} == {"accelerators", "percent/100", "KRW"}
    decided(world, kind="accept", mention=mention(world, "accelerators"), pledge="chips", deadline="2027-12-31")
    decided(world, "auditor", "second", kind="measured", pledge="chips", measure="outside", why="the report")
    decided(world, kind="outside", pledge="chips", value=10, unit="accelerators", source="its report, page 4")
    (one,) = get(world, who="stranger")
    assert (one["state"], one["value"], one["unit"], one["ratio_milli"]) == ("in_progress", 10, "accelerators", 250)
    assert one["source"] == "its report, page 4"
    assert one["pledge"] | {"deadline": "2027-12-31", "claim": "claimed", "firmness": "statement"} == one["pledge"]
    assert one["why"]["en"]
    assert one["why"]["ko"] != one["why"]["en"]
    whole = get(world, "/chips", "stranger")
    assert whole | one == whole
    (said,) = whole["mentions"]
    text = PledgeDocument.objects.get().text
    assert text[said["start"] : said["end"]] == said["sentence"]
    assert (said["name"], said["published"], said["kind"]) == ("plan.txt", "2026-07-01", "quantity")
    assert [d["kind"] for d in whole["decisions"]] == ["accept", "measured", "outside"]
    assert [m["what"] for m in whole["timeline"]] == ["accept", "measured", "figure"]
    assert len(get(world, "/queue")) == 2


def test_as_of_a_day_shows_what_stood_then(world: World) -> None:
    sent(world)
    decided(world, kind="accept", mention=mention(world, "KRW"), pledge="sum")
    assert get(world, "?as_of=2026-06-30") == []
    assert [p["pledge"]["id"] for p in get(world, "?as_of=2026-07-01")] == ["sum"]
    assert world.ask("GET", "/api/pledges/sum?as_of=2026-06-30").status_code == 404
    assert get(world, "?as_of=9999-12-31")[0]["state"] == get(world, "?as_of=2026-07-01")[0]["state"] == "no_record"
    assert get(world, "?as_of=0001-01-01") == []


def test_no_day_no_answer(world: World) -> None:
    for day in ("tomorrow", "2026-13-01", "20260701", "2026-W01-1", "0", "2026-07-01 ", "٢٠٢٦-٠٧-٠١", "-1"):
        got = world.ask("GET", f"/api/pledges?as_of={day}")
        assert got.status_code == 422, (day, got.content)
        assert got.doc["errors"][0]["field"] == "as_of"
    assert world.ask("GET", "/api/pledges/x?as_of=tomorrow").status_code == 422


def test_nobody_decides_alone_and_the_author_may_take_it_back(world: World) -> None:
    sent(world)
    seq = post(world, "proposals", {"kind": "accept", "mention": mention(world, "KRW")}).doc["seq"]
    assert post(world, f"proposals/{seq}/confirm", None).status_code == 403
    assert get(world) == []
    assert [p["seq"] for p in get(world, "/proposals")] == [seq]
    assert [p["seq"] for q in get(world, "/queue") for p in q["proposals"]] == [seq]
    assert post(world, f"proposals/{seq}/refuse", {"note": " "}).status_code == 422
    refused = post(world, f"proposals/{seq}/refuse", {"note": "misread"}).doc
    assert (refused["confirmed"], refused["note"]) == (False, "misread")
    assert get(world, "/proposals") == []
    assert post(world, f"proposals/{seq}/confirm", None, "auditor").status_code == 404


def test_a_revision_takes_the_old_values_place_and_a_link_is_judged_by_its_page(world: World) -> None:
    sent(world)
    decided(world, kind="accept", mention=mention(world, "accelerators"), pledge="chips")
    decided(world, kind="accept", mention=mention(world, "KRW"), pledge="sum")
    assert sent(world, OTHER, "other.txt")["mentions"] == 1
    assert sent(world, TWO.replace("\n", " "), "two.txt")["state"] == "new"
    raised = mention(world, "accelerators")
    decided(world, kind="revise", pledge="chips", mention=raised, low=60, high=60, why="raised")
    decided(world, kind="link", pledge="sum", mention=mention(world, "KRW"))
    chips, money = get(world)
    assert (chips["pledge"]["low"], chips["pledge"]["high"], chips["pledge"]["revisions"]) == (60, 60, 1)
    assert money["pledge"]["claim"] == "disputed"  # the other page tells another sum
    assert money["contradictions"]
    assert get(world, "/sum")["findings"]
    assert get(world, "/proposals?pledge=sum") == []


REFUSED: list[tuple[dict[str, Any], str | None]] = [
    ({"kind": "vow", "pledge": "chips"}, "kind of decision"),
    ({"kind": "accept"}, "mention"),
    ({"kind": "accept", "mention": "1"}, "mention"),
    ({"kind": "accept", "mention": True}, "mention"),
    ({"kind": "accept", "mention": 1.5}, None),
    ({"kind": "dismiss", "mention": -1}, "mention"),
    ({"kind": "dismiss"}, "mention"),
    ({"kind": "link", "mention": 1, "pledge": "chips", "independent": True}, "independent"),
    ({"kind": "link", "mention": 1, "pledge": "chips", "on": "2020-01-01"}, "on"),
    ({"kind": "dispute", "pledge": "chips", "why": ""}, "pledge"),
    ({"kind": "dispute", "pledge": "chips", "why": 3}, "why"),
    ({"kind": "dispute", "pledge": "chips", "why": "w" * 2001}, "why"),
    ({"kind": "dispute", "pledge": "chips", "why": "w", "on": "2999-01-01"}, "on"),
    ({"kind": "dispute", "pledge": "chips", "why": "w", "on": 0}, "on"),
    ({"kind": "dispute", "pledge": "none", "why": "w"}, "pledge"),
    ({"kind": "dispute", "pledge": "chips", "why": "w", "by": "second"}, "by"),
    ({"kind": "dispute", "pledge": "chips", "why": "w", "sequence": 1}, "sequence"),
    ({"kind": "dispute", "pledge": "chips", "why": "w", "mention": 1}, "mention"),
    ({"kind": "revise", "pledge": "chips", "low": "60"}, "low"),
    ({"kind": "revise", "pledge": "chips", "low": True}, "low"),
    ({"kind": "revise", "pledge": "chips", "low": 2**53}, "low"),
    ({"kind": "revise", "pledge": "chips", "low": 9, "high": 8}, "pledge"),
    ({"kind": "revise", "pledge": "chips", "unit": "parsecs"}, "unit"),
    ({"kind": "revise", "pledge": "chips", "cleared": "deadline"}, "cleared"),
    ({"kind": "firm", "pledge": "chips", "firmness": "sworn"}, "firmness"),
    ({"kind": "measured", "pledge": "chips", "measure": "energy"}, "pledge"),
    ({"kind": "outside", "pledge": "chips", "value": 1, "unit": "accelerators", "source": " "}, "pledge"),
]  # fmt: skip


def test_a_decision_that_is_none_is_refused_with_its_field(world: World) -> None:
    sent(world)
    decided(world, kind="accept", mention=mention(world, "accelerators"), pledge="chips")
    for body, field in REFUSED:
        got = post(world, "proposals", body)
        assert got.status_code == (400 if field is None else 422), (body, got.content)
        assert field is None or field in [e["field"] for e in got.doc["errors"]], (body, got.content)
    assert get(world, "/proposals") == []


GOOD: list[dict[str, Any]] = [
    {
        "kind": "accept", "pledge": "other", "title": "T", "actor": "kr-msit", "low": 1, "high": 2, "unit": "chips",
        "bound": "~", "begin": "2026-01-01", "deadline": "2030-12-31", "firmness": "aim", "made": "2026-07-01", "why": "w",
    },
    {
        "kind": "revise", "pledge": "chips", "on": "2026-08-01", "title": "T", "low": 50, "high": 60, "bound": ">=",
        "begin": "2026-01-01", "deadline": "2030-12-31", "why": "w", "unit": "people",
    },
    {"kind": "correct", "pledge": "chips", "cleared": ["deadline"], "low": 5, "why": "w"},
    {"kind": "measured", "pledge": "chips", "measure": "accelerators_in_service", "scope": "KR", "on": "2026-07-01"},
    {"kind": "outside", "pledge": "chips", "value": 3, "unit": "accelerators", "source": "a page", "on": "2026-07-02"},
    {"kind": "firm", "pledge": "chips", "firmness": "contracted"},
    {"kind": "supersede", "pledge": "chips", "successor": "sum", "why": "w"},
    {"kind": "part", "pledge": "chips", "whole": "sum", "why": "w"},
    {"kind": "reject", "pledge": "chips", "why": "w"},
]  # fmt: skip


def test_whatever_is_decided_the_lists_are_still_answered(world: World) -> None:
    """One value of a good decision replaced by a bad one: refused in words, or taken, confirmed and shown."""
    from django.db import transaction

    sent(world)
    decided(world, kind="accept", mention=mention(world, "accelerators"), pledge="chips")
    decided(world, kind="accept", mention=mention(world, "percent/100"), pledge="sum")
    good = [{**GOOD[0], "mention": mention(world, "KRW")}, *GOOD[1:]]
    assert [_after(world, transaction, body) for body in good] == [201] * len(good)  # all of them are, as they are
    draw = random.Random(7)
    leaves = [(n, key) for n, body in enumerate(good) for key in body if key != "kind"]
    seen = set()
    for _ in range(120):
        n, key = draw.choice(leaves)
        seen.add(
            _after(world, transaction, {**good[n], key: draw.choice([*LEAVES, "0001-01-01", "9999-12-31", 2**53 - 1])})
        )
    assert seen <= {201, 404, 422}, seen
    assert {201, 422} <= seen


def _after(world: World, transaction: Any, body: dict[str, Any]) -> int:
    """What a proposal is answered; where it is taken, everything after it is too. Undone at the end."""
    with transaction.atomic():
        made = post(world, "proposals", body)
        if made.status_code == 201:
            done = post(world, f"proposals/{made.doc['seq']}/confirm", None, "auditor")
            assert done.status_code == 200, (body, done.content)
            ids = [p["pledge"]["id"] for p in get(world)]
            for path in ("", "?as_of=0001-01-01", "?as_of=9999-12-31", "/queue", "/proposals", *(f"/{i}" for i in ids)):
                got = world.ask("GET", f"/api/pledges{path}")
                assert got.status_code == 200, (body, path, got.content)
        assert made.status_code < 500, (body, made.content)
        transaction.set_rollback(True)
    return int(made.status_code)


def test_the_same_bytes_are_kept_once_and_a_copy_says_of_what(world: World) -> None:
    assert sent(world)["state"] == "new"
    assert sent(world, name="again.txt") == {"name": "again.txt", "state": "known", "copy_of": "", "mentions": 0}
    assert sent(world, ONE + "\n", "copy.txt")["copy_of"] == "plan.txt"
    assert len(get(world, "/queue")) == 3


def test_a_key_makes_an_import_once(world: World) -> None:
    body = {"name": "plan.txt", "text": ONE}
    first = post(world, "documents", body, Idempotency_Key="k")
    again = post(world, "documents", body, Idempotency_Key="k")
    assert again["Idempotent-Replayed"] == "true"
    assert (first.status_code, first.doc) == (again.status_code, again.doc)


def test_a_file_is_sent_as_its_bytes(world: World) -> None:
    content = b64encode(PAGE.encode()).decode()
    got = post(world, "documents", {"name": "plan.html", "content": content, "language": "en"})
    assert got.status_code == 201, got.content
    assert got.doc["mentions"] == 3


def test_a_text_may_be_longer_than_other_texts_of_the_api(world: World) -> None:
    filler = "\n\nNothing was said about it on that day, and nobody in the hall asked anything about it either."
    assert sent(world, ONE + filler * 400)["mentions"] == 3  # 38,000 characters


NO_DOCUMENTS: list[Any] = [
    {},
    {"name": "a"},
    {"name": "", "text": ONE},
    {"name": "n" * 201, "text": ONE},
    {"name": "a\0b", "text": ONE},
    {"name": "a", "text": ONE, "content": ""},
    {"name": "a", "content": "no base64!"},
    {"name": "a", "content": "한국"},
    {"name": "a", "content": ""},
    {"name": "a", "text": " \n"},
    {"name": "a", "text": "\0" * 50},
    {"name": "a", "text": "9" * 1_000_001},
    {"name": "a", "text": 7},
    {"name": "a", "text": ONE, "published": 0},
    {"name": "a", "text": ONE, "published": "next month"},
    {"name": "a", "text": ONE, "language": "fr"},
    {"name": "a", "text": ONE, "by": "second"},
    {"name": "a.zip", "content": b64encode(b"PK\x03\x04" + bytes(200)).decode()},
    {"name": "a.pdf", "content": b64encode(b"%PDF-1.7\n" + bytes(500)).decode()},
    [],
    "text",
    7,
]  # fmt: skip


def test_what_is_no_document_is_refused_and_nothing_kept(world: World) -> None:
    from dure.store.models import PledgeDocument

    for body in NO_DOCUMENTS:
        got = world.ask("POST", "/api/pledges/documents", "office", json.dumps(body).encode())
        assert got.status_code == 422, (str(body)[:100], got.content)
        assert got.doc["errors"]
        assert len(got.content) < 5000
    assert PledgeDocument.objects.count() == 0


def test_what_is_no_json_is_malformed(world: World) -> None:
    for raw in (b"{", b"[" * 100_000, b'{"name": "\\ud800", "text": "x"}', b"\xff\xfe", b"NaN"):
        got = world.ask("POST", "/api/pledges/documents", "office", raw)
        assert got.status_code in (400, 422), (raw[:20], got.content)
        assert got["Content-Type"] == "application/problem+json"


def test_a_page_that_says_nothing_else_within_bounds(world: World) -> None:
    """Hostile texts are read in the end, and say no more than what is there."""
    for n, text in enumerate(("9" * 50_000, "<div>" * 100_000 + "x", "$" * 20_000, "By 2030, " * 20_000)):
        got = post(world, "documents", {"name": f"{n}.html", "text": text})
        assert got.status_code in (201, 422), got.content[:500]


def test_no_more_documents_are_read_than_a_process_can_hold(world: World) -> None:
    from dure.web.sent import READING

    READING.acquire()
    READING.acquire()
    try:
        got = post(world, "documents", {"name": "a", "text": ONE})
    finally:
        READING.release(2)
    assert got.status_code == 503
    assert got["Retry-After"]
    assert sent(world)["state"] == "new"


def test_whoever_may_not_import_has_nothing_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.documents import reading

    def never(*given: Any, **more: Any) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(reading, "read_bytes_through", never)
    for who in ("stranger", "operator", "lead-alpha", "reader"):
        assert post(world, "documents", {"name": "a", "text": ONE}, who).status_code == 403


def test_a_document_is_read_before_the_transaction_and_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends a slow page holds no lock; an answer that is kept is read from nothing again."""
    from django.db import connection

    from dure.documents import reading

    inside: list[bool] = []
    real = reading.read_bytes_through

    def watched(*given: Any, **more: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return real(*given, **more)

    monkeypatch.setattr(reading, "read_bytes_through", watched)
    outside = connection.in_atomic_block  # the test's own
    body = {"name": "a", "text": ONE, "published": "2026-07-01"}
    first = post(world, "documents", body, Idempotency_Key="once")
    again = post(world, "documents", body, Idempotency_Key="once")
    assert (first.status_code, again.doc, inside) == (201, first.doc, [outside])
    assert post(world, "documents", {**body, "text": ONE + " x"}, Idempotency_Key="once").status_code == 409
    assert len(inside) == 1


def test_a_page_too_slow_to_be_read_leaves_nothing(world: World) -> None:
    from dure.store.models import PledgeDocument, PledgeMention

    nested = {"name": "a.html", "text": "<html>" + "<div>" * 190_000 + "x"}
    for _ in range(2):
        got = post(world, "documents", nested, Idempotency_Key="deep")
        assert got.status_code == 422, got.content
        assert not PledgeDocument.objects.exists()
        assert not PledgeMention.objects.exists()


def test_whose_dollars_is_said_with_the_page(world: World) -> None:
    text = "The programme will spend $40 million on chips by 2027. It has been agreed upon by all of its members."
    for country, unit in (("CA", "CAD"), ("", "USD")):
        sent(world, f"{text} {country}", name=f"{country}.txt", country=country)
        assert {q["draft"]["unit"] for q in get(world, "/queue")} >= {unit}
    refused = post(world, "documents", {"name": "a", "text": text, "country": "c1"})
    assert (refused.status_code, refused.doc["errors"][0]["field"]) == (422, "country")


def test_a_proposal_is_corrected_by_one_and_confirmed_by_another(world: World) -> None:
    sent(world)
    made = post(
        world, "proposals", {"kind": "accept", "mention": mention(world, "accelerators"), "pledge": "chips"}
    ).doc
    path = f"proposals/{made['seq']}/correct"
    for changes in ({}, {"mention": 1}, {"nonsense": "x"}, {"deadline": "soon"}, {"independent": 1}):
        assert post(world, path, {"changes": changes, "note": "no"}, "auditor").status_code == 422, changes
    assert post(world, path, {"changes": {"high": 50, "low": 50}, "note": " "}, "auditor").status_code == 422
    anew = post(world, path, {"changes": {"high": 50, "low": 50}, "note": "it says 50"}, "auditor")
    assert anew.status_code == 201, anew.content
    assert (anew.doc["says"]["high"], anew.doc["by"]) == (50, "auditor")
    assert post(world, f"proposals/{anew.doc['seq']}/confirm", None, "auditor").status_code == 403
    assert post(world, f"proposals/{anew.doc['seq']}/confirm", None, "office").status_code == 200
    assert get(world, "/chips")["pledge"]["high"] == 50
