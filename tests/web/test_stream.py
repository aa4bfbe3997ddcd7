"""Server-sent events: over any number of reconnects nobody misses an event, gets one twice, or sees another's."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dure.vocabulary import JobEvent
from tests.web.world import World


@pytest.fixture
def world(database: str) -> World:
    from tests.web.running import few

    return few()


def connect(world: World, path: str, who: str | None = "member", last: str = "") -> Any:
    """The answer, not yet read."""
    head = {"Authorization": f"Bearer {world.tokens[who]}"} if who else {}
    return world.client.get(path, headers=head | ({"Last-Event-ID": last} if last else {}))


def parts(response: Any) -> Iterator[dict[str, str]]:
    """The messages of a stream, field by field; comments left out."""
    for block in "".join(b.decode() for b in response.streaming_content).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            yield fields


def listen(world: World, path: str, who: str = "member", last: str = "") -> tuple[list[dict[str, Any]], str]:
    """What a client is told on one connection, and the id with which it comes again."""
    response = connect(world, path, who, last)
    assert response.status_code == 200, response.content
    told = []
    for fields in parts(response):
        last = fields.get("id", last)
        if "data" in fields:
            said = json.loads(fields["data"])
            assert (fields["id"], fields["event"]) == (str(said["seq"]), said["event"])
            told.append(said)
    response.close()
    return told, last


@pytest.mark.parametrize("seed", range(4))
def test_no_event_is_lost_or_told_twice_over_reconnects(
    world: World, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dure.web import stream
    from tests.web.running import event, job

    rng = random.Random(seed)
    monkeypatch.setattr(stream, "LONGEST_S", 0.03)
    mine, other = job("alpha", "member", world.now), job("beta", "lead-beta", world.now)
    event(mine, world.now)  # before anybody listened
    expected: list[int] = []
    _, last = listen(world, "/api/jobs/events")
    got: list[int] = []
    for turn in range(10):
        for _ in range(110 if turn == seed else rng.choice([0, 0, 1, 3])):  # also more than one look takes
            one = rng.choice([mine, other])
            seq = event(one, world.now)
            expected += [seq] if one is mine else []
        told, last = listen(world, "/api/jobs/events", last=last)
        got += [e["seq"] for e in told]
    for _ in range(8):
        told, last = listen(world, "/api/jobs/events", last=last)
        got += [e["seq"] for e in told]
    assert got == expected
    assert int(last) >= max([0, *got])


def test_a_connection_cut_in_the_middle_is_taken_up_there(world: World) -> None:
    from tests.web.running import event, job

    mine = job("alpha", "member", world.now)
    seqs = [event(mine, world.now) for _ in range(5)]
    response = connect(world, f"/api/jobs/{mine.seq}/events/stream")
    got, last = [], ""
    for block in response.streaming_content:
        fields = dict(line.split(": ", 1) for line in block.decode().strip().splitlines() if not line.startswith(":"))
        last = fields["id"]
        if "data" in fields:
            got.append(json.loads(fields["data"])["seq"])
        if len(got) == 2:
            response.close()  # the client is gone
            break
    told, _ = listen(world, f"/api/jobs/{mine.seq}/events/stream", last=last)
    assert got + [e["seq"] for e in told] == seqs


def test_events_come_while_one_listens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.web import stream
    from tests.web.running import event, job

    monkeypatch.setattr(stream, "LONGEST_S", 5.0)
    mine = job("alpha", "member", world.now)
    response = connect(world, "/api/jobs/events")
    blocks = iter(response.streaming_content)
    assert next(blocks).startswith(b"retry: ")
    seq = event(mine, world.now, JobEvent.FAIL, "line one\nline two\r\n\r\nid: 7")
    block = next(b for b in blocks if b"data" in b).decode()
    assert block.count("\n") == 4  # one message, whatever its cause says
    assert json.loads(block.partition("data: ")[2]) | {
        "seq": seq,
        "cause": "line one\nline two\r\n\r\nid: 7",
    } == json.loads(block.partition("data: ")[2])
    response.close()


def test_everybody_is_told_of_what_they_may_see(world: World) -> None:
    from tests.web.running import event, job

    alpha, beta = job("alpha", "member", world.now), job("beta", "lead-beta", world.now)
    a, b = event(alpha, world.now), event(beta, world.now)
    told = {
        w: [e["seq"] for e in listen(world, "/api/jobs/events?after=0", w)[0]]
        for w in ("office", "member", "lead-beta")
    }
    assert told == {"office": [a, b], "member": [a], "lead-beta": [b]}
    assert [e["seq"] for e in listen(world, "/api/jobs/events?after=0&project=beta", "office")[0]] == [b]
    for path, who, status in (
        ("/api/jobs/events", "stranger", 403), ("/api/jobs/events?project=beta", "member", 404),
        (f"/api/jobs/{beta.seq}/events/stream", "member", 404), ("/api/jobs/999/events/stream", "office", 404),
        ("/api/jobs/events", None, 401), ("/api/jobs/events?after=-1", "member", 422),
    ):  # fmt: skip
        assert connect(world, path, who).status_code == status, (path, who)


@pytest.mark.parametrize("bad", ["x", "-1", "1.0", "9" * 30, "\xb2"])
def test_an_id_that_is_none_of_ours_is_refused(world: World, bad: str) -> None:
    assert connect(world, "/api/jobs/events", last=bad).status_code == 400


def test_streams_are_bounded_and_give_their_places_back(world: World) -> None:
    """Also those that were never read, and those whose client went in the middle."""
    from dure.web import stream

    for begun in (True, False):
        open_ = [connect(world, "/api/jobs/events") for _ in range(stream.MOST)]
        if begun:
            for response in open_:
                next(iter(response.streaming_content))
        refused = connect(world, "/api/jobs/events")
        assert (refused.status_code, refused["Retry-After"]) == (503, "1")
        assert refused["Content-Type"] == "application/problem+json"
        assert world.ask("GET", "/api/me", "member").status_code == 200
        for response in open_:
            response.close()
            response.close()  # twice gives one place
        assert stream._free._value == stream.MOST  # type: ignore[attr-defined]
    listen(world, "/api/jobs/events")


def test_a_stream_ends_by_itself_and_with_its_worker(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.web import stream

    begun = time.monotonic()
    listen(world, "/api/jobs/events")
    assert time.monotonic() - begun < 2
    monkeypatch.setattr(stream, "LONGEST_S", 60.0)
    monkeypatch.setattr(stream, "_ending", lambda: True)
    listen(world, "/api/jobs/events")
    assert time.monotonic() - begun < 4
