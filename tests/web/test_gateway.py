"""The gateway in front of a real notebook server: its owner gets in, and nobody else, by no trick of HTTP."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.web.world import World


@pytest.fixture
def world(database: str) -> World:
    from tests.web.running import few

    return few()


class Notebook:
    """A notebook: echoes what it got, and speaks a protocol of its own after an upgrade."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.headers: list[tuple[str, str]] = []
        notebook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                notebook.got.append((f"{self.command} {self.path}", dict(self.headers), body))
                if self.headers.get("Upgrade") == "websocket":
                    return self.upgrade()
                self.send_response(200)
                for name, value in notebook.headers:
                    self.send_header(name, value)
                said = b"notebook says " + body
                if self.path.endswith("/chunks"):
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    self.wfile.write(b"5\r\nfirst\r\n6;x=y\r\nsecond\r\n0\r\nTrailer: x\r\n\r\n")
                else:
                    self.send_header("Content-Length", str(len(said)))
                    self.end_headers()
                    self.wfile.write(said if self.command != "HEAD" else b"")

            do_GET = do_POST = do_HEAD = do_PUT = do_OPTIONS = answer

            def upgrade(self) -> None:
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.end_headers()
                self.close_connection = True
                while line := self.rfile.readline():
                    self.wfile.write(b"echo " + line)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    made = Notebook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def gateway(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Its port. Look-ups are not held, so that a test sees at once what it changed."""
    from dure.web import gateway as module

    for name, value in (("KNOWN_S", 0.0), ("HEAD_S", 1.0), ("RECHECK_S", 0.1)):
        monkeypatch.setattr(module, name, value)
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    port: list[int] = []
    ended: list[Any] = []

    async def serve() -> None:
        served = module.Gateway(module.Doors())
        server = await asyncio.start_server(served.serve, "127.0.0.1", 0, limit=module.MOST_HEAD)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        stop = asyncio.Event()
        ended.append((stop, loop))
        await stop.wait()
        server.close()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()], daemon=True)
    thread.start()
    ready.wait(5)
    yield port[0]
    loop.call_soon_threadsafe(ended[0][0].set)
    thread.join(5)


def raw(port: int, data: bytes, timeout: float = 5.0) -> bytes:
    """All that comes back on one connection."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(data)
        got = b""
        try:
            while part := s.recv(65536):
                got += part
        except (ConnectionResetError, TimeoutError):
            pass
        return got


def ask(
    port: int, path: str, cookie: str = "", method: str = "GET", body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers by lower-case name, body) of one request."""
    head = {"Host": f"127.0.0.1:{port}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if cookie:
        head["Cookie"] = cookie
    if body:
        head["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items()), "", ""]
    got = raw(port, "\r\n".join(lines).encode("latin-1") + body)
    top, _, rest = got.partition(b"\r\n\r\n")
    first, *more = top.decode("latin-1").split("\r\n")
    found = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in more)}
    return int(first.split()[1]), found, rest


def entered(
    world: World, gateway: int, notebook: Notebook, who: str = "member", project: str = "alpha"
) -> tuple[int, str]:
    """A running notebook of somebody, and their cookie for it."""
    from dure.operation import tickets
    from tests.web import running

    job = running.notebook(project, who, world.now, notebook.port)
    url = tickets.open_url(world.actor(who), job.seq, world.now, f"http://127.0.0.1:{gateway}")
    status, headers, _ = ask(gateway, url.removeprefix(f"http://127.0.0.1:{gateway}"))
    assert status == 303
    assert headers["location"] == f"/{job.seq}/"
    parts = headers["set-cookie"].split("; ")
    assert set(parts[1:]) == {f"Path=/{job.seq}/", "HttpOnly", "SameSite=Lax"}
    assert headers["cache-control"] == "no-store"
    return int(job.seq), parts[0]


def test_its_owner_gets_in_with_the_notebooks_own_token(world: World, gateway: int, notebook: Notebook) -> None:
    from dure.operation import tickets

    job, cookie = entered(world, gateway, notebook)
    theirs = f"{cookie}; sessionid=staff; csrftoken=staff; _xsrf=own"
    got = ask(
        gateway,
        f"/{job}/tree?a=%20b",
        theirs,
        Authorization="Bearer stolen",
        X_Forwarded_Prefix="/evil",
        Connection="X-Drop",
        X_Drop="1",
    )
    assert (got[0], got[2]) == (200, b"notebook says ")
    line, headers, _ = notebook.got[0]
    assert line == f"GET /{job}/tree?a=%20b"
    assert headers["Authorization"] == f"token {tickets.token_of(f'live-{job}.1')}"
    assert headers["X-Forwarded-Prefix"] == f"/{job}"
    assert headers["Cookie"] == "_xsrf=own"  # neither the ticket nor what signs in to the staff pages
    assert headers["Host"] == f"127.0.0.1:{gateway}"
    assert "X-Drop" not in headers
    assert "stolen" not in str(headers)
    assert got[1]["connection"] == "close"


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_bodies_go_through_as_they_are(world: World, gateway: int, notebook: Notebook, size: int) -> None:
    job, cookie = entered(world, gateway, notebook)
    body = bytes(n % 251 for n in range(size))
    assert ask(gateway, f"/{job}/x", cookie, "POST", body)[2] == b"notebook says " + body


def test_chunks_go_through_both_ways(world: World, gateway: int, notebook: Notebook) -> None:
    job, cookie = entered(world, gateway, notebook)
    head = f"PUT /{job}/chunks HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nTransfer-Encoding: chunked\r\n\r\n"
    got = raw(gateway, head.encode() + b"3\r\nabc\r\n2;e=f\r\nde\r\n0\r\nTrailer: y\r\n\r\n")
    assert notebook.got[0][2] == b"abcde"
    assert got.endswith(b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n")


def test_a_websocket_passes_through_until_the_door_shuts(world: World, gateway: int, notebook: Notebook) -> None:
    from dure.lifecycle.attempts import Observed
    from dure.store.models import Attempt

    job, cookie = entered(world, gateway, notebook)
    head = f"GET /{job}/api HTTP/1.1\r\nHost: h\r\nOrigin: http://h\r\nCookie: {cookie}\r\n"
    head += "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway), 5) as s:
        file = s.makefile("rwb")
        file.write(head.encode())
        file.flush()
        assert b"101" in file.readline()
        while file.readline().strip():
            pass
        for text in (b"one\n", b"two\n"):
            file.write(text)
            file.flush()
            assert file.readline() == b"echo " + text
        Attempt.objects.filter(job=job).update(observed=Observed.ENDED)
        assert file.read() == b""  # it ends, though the notebook's process still answers


def test_nobody_else_gets_in(world: World, gateway: int, notebook: Notebook) -> None:
    """Without a ticket, with a second user's, with one of another job, forged, expired, after the end, after the account's."""
    from dure.lifecycle.attempts import Observed
    from dure.operation import tickets
    from dure.store.models import Attempt, Member

    mine, cookie = entered(world, gateway, notebook)
    theirs, other = entered(world, gateway, notebook, "lead-alpha")
    gone = f"dure_ticket={tickets.ticket('member', mine, world.now - 1)}"
    stranger = f"dure_ticket={tickets.ticket('lead-alpha', mine, world.now + 99)}"  # well signed, but not the owner
    notebook.got.clear()
    for bad in (
        "",
        other,
        "dure_ticket=",
        "dure_ticket=x.y",
        cookie[:-2] + "xx",
        gone,
        stranger,
        cookie + "x",
        "dure_ticket=%e9.%ff",
    ):
        assert ask(gateway, f"/{mine}/", bad)[0] == 403, bad
        assert ask(gateway, f"/{mine}/?ticket={bad.partition('=')[2]}")[0] == 403, bad
    assert ask(gateway, f"/{theirs}/", cookie)[0] == 403
    assert ask(gateway, f"/{mine + 99}/", cookie)[0] == 403
    assert ask(gateway, f"/{mine}/", f"{other}; {cookie}")[0] == 403  # the first of two is the one of the longer path
    assert notebook.got == []
    assert ask(gateway, f"/{mine}/", cookie)[0] == 200
    Member.objects.filter(user="member").delete()
    assert ask(gateway, f"/{mine}/", cookie)[0] == 403
    Attempt.objects.filter(job=theirs).update(observed=Observed.ENDED)
    assert ask(gateway, f"/{theirs}/", other)[0] == 403


def test_only_what_listens_by_its_kind_and_runs_is_a_door(world: World, gateway: int, notebook: Notebook) -> None:
    from dure.lifecycle.attempts import Observed
    from dure.store.models import Attempt, Job
    from dure.vocabulary import JobKind

    job, cookie = entered(world, gateway, notebook)
    for changed in (
        {"observed": Observed.STAGING},
        {"observed": Observed.ENDED},
        {"observed": Observed.RUNNING, "port": 0},
    ):
        Attempt.objects.filter(job=job).update(**changed)
        assert ask(gateway, f"/{job}/", cookie)[0] == 403
    Attempt.objects.filter(job=job).update(observed=Observed.RUNNING, port=notebook.port)
    assert ask(gateway, f"/{job}/", cookie)[0] == 200
    Job.objects.filter(seq=job).update(kind=JobKind.BATCH)
    assert ask(gateway, f"/{job}/", cookie)[0] == 403


def test_a_connection_carries_one_request(world: World, gateway: int, notebook: Notebook) -> None:
    job, cookie = entered(world, gateway, notebook)
    one = f"GET /{job}/a HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\n\r\n"
    two = "GET /1/b HTTP/1.1\r\nHost: h\r\n\r\n"
    got = raw(gateway, (one + two).encode())
    assert got.count(b"HTTP/1.1 ") == 1
    smuggled = f"POST /{job}/c HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\nContent-Length: 2\r\n\r\nok{two}"
    raw(gateway, smuggled.encode())
    assert [line for line, _, _ in notebook.got] == [f"GET /{job}/a", f"POST /{job}/c"]


@pytest.mark.parametrize(
    "extra",
    [
        "Content-Length: 3\r\nTransfer-Encoding: chunked", "Content-Length: 3\r\nContent-Length: 4", "Content-Length: +3",
        "Content-Length: -1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding : chunked", " folded", "X\r\n", "Bad Name: x", "X: a\rb", "X: a\nContent-Length: 3", "Host: other",
        "X: \0", "Transfer-Encoding: \x0bchunked",
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_not_passed_on(
    world: World, gateway: int, notebook: Notebook, extra: str
) -> None:
    job, cookie = entered(world, gateway, notebook)
    notebook.got.clear()
    got = raw(gateway, f"POST /{job}/ HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\n{extra}\r\n\r\nabc".encode("latin-1"))
    assert got.startswith(b"HTTP/1.1 400 ")
    assert notebook.got == []


@pytest.mark.parametrize(
    "target", ["//evil/", "http://evil/1/", "/", "/x/", "/1x/", "/-1/", "/%31/", "/../1/", "*", "/1/\xe9", "/٣/"]
)
def test_addresses_that_are_no_job(gateway: int, target: str) -> None:
    got = raw(gateway, f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert re.match(rb"HTTP/1\.1 (400|403|404) ", got)


def test_a_page_of_another_site_cannot_talk_to_it(world: World, gateway: int, notebook: Notebook) -> None:
    job, cookie = entered(world, gateway, notebook)
    ours = f"http://127.0.0.1:{gateway}"
    assert ask(gateway, f"/{job}/", cookie, "POST", b"x", Origin="http://127.0.0.1:8000")[0] == 403
    assert ask(gateway, f"/{job}/", cookie, "POST", b"x", Origin="null")[0] == 403
    assert ask(gateway, f"/{job}/", cookie, Origin="http://evil", Upgrade="websocket", Connection="Upgrade")[0] == 403
    assert ask(gateway, f"/{job}/", cookie, "POST", b"x", Origin=ours)[0] == 200


def test_what_a_notebook_sets_stays_with_it(world: World, gateway: int, notebook: Notebook) -> None:
    job, cookie = entered(world, gateway, notebook)
    notebook.headers = [("Set-Cookie", "sessionid=evil; Path=/"), ("Keep-Alive", "timeout=9")]
    assert "set-cookie" not in ask(gateway, f"/{job}/", cookie)[1]
    notebook.headers = [("Set-Cookie", "_xsrf=1; Domain=example.org; Path=/; Secure")]
    assert ask(gateway, f"/{job}/", cookie)[1]["set-cookie"] == f"_xsrf=1; Secure; Path=/{job}/"


def test_heads_are_bounded_in_size_and_time(gateway: int) -> None:
    big = b"GET /1/ HTTP/1.1\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n"
    assert raw(gateway, big)[:13] == b"HTTP/1.1 431 "
    begun = time.monotonic()
    assert raw(gateway, b"GET /1/ HTTP/1.1\r\nHost: ")[:13] == b"HTTP/1.1 408 "
    assert time.monotonic() - begun < 3
    assert raw(gateway, b"\x16\x03\x01 nonsense\r\n\r\n")[:13] == b"HTTP/1.1 400 "


def test_a_notebook_that_is_gone_is_said(world: World, gateway: int, notebook: Notebook) -> None:
    from dure.store.models import Attempt

    job, cookie = entered(world, gateway, notebook)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        Attempt.objects.filter(job=job).update(port=free.getsockname()[1])
        assert ask(gateway, f"/{job}/", cookie)[0] == 502
    with socket.socket() as mute:  # takes the connection and closes it
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        threading.Thread(target=lambda: mute.accept()[0].close(), daemon=True).start()
        Attempt.objects.filter(job=job).update(port=mute.getsockname()[1])
        assert ask(gateway, f"/{job}/", cookie)[0] == 502
