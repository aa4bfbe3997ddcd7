"""Webhooks: everything once or more, in order, signed, to nobody within."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import random
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dure.app.access import Forbidden, NotFound
from dure.errors import InputError
from dure.vocabulary import JobEvent
from tests.web.world import World

PUBLIC = "https://hooks.example.org/dure"


@pytest.fixture
def world(database: str) -> World:
    from tests.web.running import few

    return few()


class Receiver:
    """A real HTTP server on this machine, which answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[Mapping[str, str], bytes]] = []
        self.answers: list[str] = []  # of the next requests; then 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                how = receiver.answers.pop(0) if receiver.answers else "200"
                receiver.got.append((dict(self.headers), body))
                if how == "hang":
                    time.sleep(1.5)
                elif how == "drip":
                    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100:
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.05)
                elif how == "close":
                    self.connection.close()
                else:
                    self.send_response(int(how))
                    self.send_header("Location", f"http://127.0.0.1:{receiver.port}/other")
                    self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=b"

    @property
    def seqs(self) -> list[int]:
        return [json.loads(body)["seq"] for _, body in self.got]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("DURE_WEBHOOK_PRIVATE", "1")
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def hook(world: World, url: str = PUBLIC, project: str = "alpha", who: str = "member") -> Any:
    from dure.operation import notifying

    return notifying.add_webhook(world.actor(who), project, url, world.now)


def jobs(world: World) -> tuple[Any, Any]:
    from tests.web.running import job

    return job("alpha", "member", world.now), job("beta", "lead-beta", world.now)


# ---- to a real server ------------------------------------------------------------------------------------------------------


def test_what_is_sent_is_signed_and_says_what_happened(world: World, receiver: Receiver) -> None:
    from dure.operation import notifying
    from tests.web.running import event

    mine, other = jobs(world)
    event(mine, world.now, JobEvent.SUBMIT)  # before the webhook: not told
    row, key = hook(world, receiver.url)
    first = event(mine, world.now, JobEvent.FAIL, "exit status 3, 한국어")
    event(other, world.now)
    assert notifying.deliver(world.now) == 1
    headers, body = receiver.got[0]
    said = json.loads(body)
    assert (said["seq"], said["job"], said["project"], said["event"]) == (first, mine.seq, "alpha", "fail")
    assert said["cause"] == "exit status 3, 한국어"
    assert headers["X-Dure-Event"] == "fail"
    assert headers["X-Dure-Delivery"] == str(first)
    signed = headers["X-Dure-Timestamp"].encode() + b"." + body
    assert headers["X-Dure-Signature"] == "v1=" + hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    assert notifying.deliver(world.now) == 0
    row.refresh_from_db()
    assert key not in str(vars(row))  # derived, never kept
    assert key.removeprefix("whk_") not in str(vars(row))


@pytest.mark.parametrize("how", ["500", "404", "301", "302", "307", "hang", "drip", "close"])
def test_a_server_that_fails_is_asked_again_and_gets_all_in_order(
    world: World, receiver: Receiver, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dure.operation import notifying
    from tests.web.running import event

    monkeypatch.setattr(notifying, "TIMEOUT_S", 0.4)
    mine, _ = jobs(world)
    row, _ = hook(world, receiver.url)
    seqs = [event(mine, world.now) for _ in range(3)]
    receiver.answers = ["200", how]
    begun = time.monotonic()
    assert notifying.deliver(world.now) == 1
    assert time.monotonic() - begun < 1.4  # however slowly it drips
    row.refresh_from_db()
    assert (row.sent_seq, row.tries, row.stopped) == (seqs[0], 1, False)
    assert row.fault
    assert notifying.deliver(world.now) == 0  # not before its time
    assert notifying.deliver(row.next_utc_s) == 2
    assert receiver.seqs == [seqs[0], seqs[1], seqs[1], seqs[2]]
    row.refresh_from_db()
    assert (row.sent_seq, row.tries, row.fault, row.next_utc_s) == (seqs[2], 0, "", 0)


def test_one_that_hangs_holds_up_no_other(world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.operation import notifying
    from tests.web.running import event

    monkeypatch.setattr(notifying, "TIMEOUT_S", 0.5)
    mine, _ = jobs(world)
    with socket.socket() as deaf:  # takes connections and says nothing
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        for _ in range(4):
            hook(world, f"http://127.0.0.1:{deaf.getsockname()[1]}/")
        hook(world, receiver.url)
        event(mine, world.now)
        begun = time.monotonic()
        assert notifying.deliver(world.now) == 1
        assert time.monotonic() - begun < 1.5  # five one after the other: 2


def test_two_processes_at_once_tell_each_event_once(world: World, receiver: Receiver) -> None:
    from django.db import connection

    from dure.operation import notifying
    from tests.web.running import event

    mine, _ = jobs(world)
    hook(world, receiver.url)
    seqs = [event(mine, world.now) for _ in range(20)]
    told: list[int] = []

    def run() -> None:
        told.append(notifying.deliver(world.now))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert receiver.seqs == seqs
    assert sorted(told) == [0, 0, 0, 20]


# ---- whatever fails, whenever --------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process died."""


@pytest.mark.parametrize("seed", range(6))
def test_every_event_arrives_in_order_through_any_faults(world: World, seed: int) -> None:
    """A server that fails, a process that dies after it told and before it kept so, events of others in between."""
    from dure.operation import notifying
    from tests.web.running import event

    rng, now, got, wrong = random.Random(seed), world.now, [], rng_faults(seed)
    mine, other = jobs(world)
    hook(world)
    expected: list[int] = []

    def send(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        got.append(json.loads(body)["seq"])
        fault = next(wrong)
        if fault == "kill":
            raise Killed
        if fault == "refused":
            got.pop()
            raise ConnectionRefusedError("refused")
        return int(fault)

    for _ in range(30):
        for _ in range(rng.randrange(4)):
            one = rng.choice([mine, mine, other])
            seq = event(one, now)
            expected += [seq] if one is mine else []
        with contextlib.suppress(Killed):
            notifying.deliver(now, send)
        now += rng.choice([1, 5, 70])
    wrong = iter(["200"] * 1000)
    notifying.deliver(now + 10**4, send)
    assert list(dict.fromkeys(got)) == expected  # none is missing, none out of order ...
    last = 0
    for seq in got:  # ... and what came twice came right behind itself
        assert expected.index(seq) in (last, last + 1, 0)
        last = expected.index(seq)


def rng_faults(seed: int) -> Iterator[str]:
    rng = random.Random(seed + 1000)
    while True:
        yield rng.choice(["200", "200", "204", "500", "302", "kill", "refused"])


def test_after_a_day_of_refusals_it_is_stopped_and_says_why(world: World) -> None:
    from dure.operation import notifying
    from tests.web.running import event

    mine, _ = jobs(world)
    row, _ = hook(world)
    event(mine, world.now)
    at, waits = world.now, []
    while not row.stopped:
        notifying.deliver(at, lambda url, body, headers: 503)
        row.refresh_from_db()
        if not row.stopped:
            waits.append(row.next_utc_s - at)
            at = row.next_utc_s
    assert waits[:6] == [1, 5, 30, 120, 600, 3600]
    assert 23 * 3600 <= sum(waits) <= 24 * 3600
    assert row.fault == "it answered 503"
    assert notifying.deliver(at + 10**6, lambda *_: 200) == 0


def test_who_left_the_project_is_told_no_more(world: World) -> None:
    from dure.operation import notifying
    from dure.store.models import Member
    from tests.web.running import event

    mine, _ = jobs(world)
    row, _ = hook(world)
    event(mine, world.now)
    Member.objects.filter(user="member").delete()
    assert notifying.deliver(world.now, lambda *_: pytest.fail("told")) == 0
    row.refresh_from_db()
    assert row.stopped
    assert "no longer" in row.fault


# ---- who may, and where to ---------------------------------------------------------------------------------------------------


def test_webhooks_are_of_a_projects_people(world: World) -> None:
    from dure.operation import notifying

    row, _ = hook(world)
    with pytest.raises(InputError, match="not an address"):
        hook(world, "http://127.0.0.1/")
    for who, error in (("office", Forbidden), ("stranger", Forbidden), ("lead-beta", NotFound)):
        with pytest.raises(error):
            hook(world, who=who)
        with pytest.raises(error):
            notifying.remove_webhook(world.actor(who), row.seq, world.now)
    seen = {who: [w.seq for w in notifying.webhooks(world.actor(who))] for who in ("office", "lead-alpha", "lead-beta")}
    assert seen == {"office": [row.seq], "lead-alpha": [row.seq], "lead-beta": []}
    notifying.remove_webhook(world.actor("lead-alpha"), row.seq, world.now)
    assert notifying.webhooks(world.office) == []
    for _ in range(notifying.MOST_WEBHOOKS):
        hook(world)
    with pytest.raises(InputError, match="too many"):
        hook(world)


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.org", "ftp://example.org/", "file:///etc/passwd", "http://", "http:///x", "http://user:pw@example.org/",
        "http://example.org:99999/", "http://exa mple.org/", "http://example.org/\r\nX: y", "http://example.org/\u202e",
        "http://127.0.0.1/", "http://[::1]/", "http://10.1.2.3/", "http://192.168.0.1:8000/", "http://172.16.0.9/",
        "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "http://[fd00::1]/", "http://0.0.0.0/",
        "http://[::ffff:127.0.0.1]/", "http://[::ffff:8.8.8.8]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
        "http://224.0.0.1/", "http://255.255.255.255/", "http://100.64.0.1/", "http://example.org/#x", "javascript:alert(1)",
        "gopher://example.org/", "http://example.org/" + "x" * 500,
    ],
)  # fmt: skip
def test_addresses_that_are_not_told(url: str) -> None:
    from dure.operation import notifying

    with pytest.raises(InputError) as caught:
        notifying.checked_url(url)
    assert caught.value.field == "url"
    with pytest.raises(InputError):
        notifying.post(url, b"", {})


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"], ["::1"], ["fe80::1%eth0"], ["0.0.0.0"], ["10.0.0.1"]]
)  # fmt: skip
def test_a_name_that_leads_within_is_refused(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where only one of its addresses does; and it is looked up once, so that it cannot change its mind."""
    from dure.operation import notifying

    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", (a, port)) for a in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    with pytest.raises(notifying.Refused):
        notifying.post("https://inside.example.org/", b"", {})
    assert asked == ["inside.example.org"]


def test_it_connects_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.operation import notifying

    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    connected: list[Any] = []

    def connect(address: Any, *_: Any, **__: Any) -> Any:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lambda h, p, **_: [(0, 0, 0, "", (a, p)) for a in next(answers)])
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ConnectionRefusedError):
        notifying.post("http://rebind.example.org:8080/", b"", {})
    assert connected == [("93.184.216.34", 8080)]
