"""The way to notebooks: a small reverse proxy on a port of its own, so that what a notebook shows cannot script the API.

`http://host:port/JOB/?ticket=...` is what `dure open` gives the owner of a job. A ticket that holds is put into a cookie for
`/JOB/` alone and the browser is sent on without it; every request is then asked for that cookie, and goes to the port of the
running attempt of that very job on this machine, nowhere else. The path is passed on as it is (`/JOB/...`: a notebook is
started with that as its base URL) and told in X-Forwarded-Prefix. A connection carries one request; a WebSocket carries on, and
ends with the ticket or the attempt.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlsplit

from dure.operation.logging import log

COOKIE: Final = "dure_ticket"
MOST_HEAD: Final = 64 * 1024  # bytes of a request's head
HEAD_S, CONNECT_S, IDLE_S, RECHECK_S = 10.0, 5.0, 600.0, 15.0
MOST_AT_ONCE: Final = 512  # connections
KNOWN_S: Final = 1.0  # for which a look-up holds
_BLOCK: Final = 64 * 1024
_PLACE: Final = re.compile(r"/(\d{1,18})(/.*)?", re.S)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOP: Final = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "upgrade",
}  # fmt: skip
# A browser sends the cookies of a host to all its ports: what signs one in to the staff pages is no notebook's to see or set.
_OURS: Final = {COOKIE, "sessionid", "csrftoken", "messages"}
_LENGTHS: Final = {"content-length", "transfer-encoding", "host"}  # of a message: no hop may take them away
_OF_THE_GATEWAY: Final = {
    "authorization", "cookie", "expect", "x-forwarded-prefix", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded",
}  # fmt: skip

Headers = list[tuple[str, str]]


class Refused(Exception):
    """A request that is answered with a status and a sentence, and not passed on."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        self.status = status
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Door:
    """Where a job's notebook listens on this machine, and what it is to be shown."""

    port: int
    token: str


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request or an answer: its first line and headers, names as they came."""

    first: str
    headers: Headers

    def get(self, name: str) -> str:
        """The value of a header; "" where there is none."""
        return next((v for n, v in self.headers if n.lower() == name), "")

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [v for n, v in self.headers if n.lower() == name]


Look = Callable[[int, str], Awaitable[Door | None]]


def door_of(job: int, ticket: str, now: int) -> Door | None:
    """The door that a ticket opens: that of the running attempt of a notebook or a service, for its owner while the account is
    open and belongs to the project; else None."""
    from django.contrib.auth import get_user_model

    from dure.app.access import Action
    from dure.app.people import actor_of
    from dure.lifecycle.attempts import Observed
    from dure.operation import tickets
    from dure.store.models import Attempt
    from dure.vocabulary import JobKind

    user = tickets.check_ticket(ticket, job, now)
    if user is None:
        return None
    kinds = (JobKind.INTERACTIVE, JobKind.SERVICE)
    rows = Attempt.objects.filter(job=job, job__user=user, job__kind__in=kinds, observed=Observed.RUNNING, port__gt=0)
    found = rows.order_by("-number").values_list("key", "port", "job__project").first()
    closed = get_user_model().objects.filter(username=user, is_active=False)
    if found is None or not actor_of(user).sees(Action.SUBMIT_JOB, project=found[2]) or closed.exists():
        return None
    return Door(found[1], tickets.token_of(found[0]))


class Doors:
    """Looks doors up in the database, in a thread; what was found holds for a second."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], tuple[float, Door | None]] = {}

    async def __call__(self, job: int, ticket: str) -> Door | None:
        """The door of a job for a ticket."""
        at, door = self._known.get((job, ticket), (float("-inf"), None))
        if time.monotonic() - at < KNOWN_S:
            return door
        door = await asyncio.to_thread(self._look, job, ticket)
        if len(self._known) >= 1000:
            self._known.clear()
        self._known[job, ticket] = (time.monotonic(), door)
        return door

    @staticmethod
    def _look(job: int, ticket: str) -> Door | None:
        from django.db import close_old_connections, connection

        close_old_connections()
        try:
            return door_of(job, ticket, int(time.time()))
        finally:
            connection.close()


# ---- one request --------------------------------------------------------------------------------------------------------


class Gateway:
    """Answers connections; `look` finds the door of a job for a ticket."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from beginning to end. Never raises."""
        self._open += 1
        try:
            if self._open > MOST_AT_ONCE:
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections: try again.")
            await self._request(reader, writer)
        except Refused as refused:
            await _say(writer, refused.status, str(refused))
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one of the two is gone, or says what is no HTTP in the middle of it: the connection ends
        except Exception as fault:
            log("gateway_failed", level="error", cause=f"{type(fault).__name__}: {fault}")
            await _say(writer, HTTPStatus.BAD_GATEWAY, "The gateway failed.")
        finally:
            self._open -= 1
            await _close(writer)

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await _read_head(reader)
        method, target = _first_line(head)
        place = _PLACE.fullmatch(urlsplit(target).path)
        if place is None:
            raise Refused(HTTPStatus.NOT_FOUND, "A notebook is at /JOB/: `dure open JOB` gives its address.")
        job = int(place[1])
        if (ticket := _ticket_in(target)) is not None:  # whatever the method: the notebook never sees it
            if await self._look(job, ticket) is None:
                raise _no_entry()
            await _let_in(writer, job, ticket, target, secure=head.get("x-forwarded-proto") == "https")
            return
        _same_origin(head, method)
        ticket = _cookies(head).get(COOKIE, "")
        door = await self._look(job, ticket) if ticket else None
        if door is None:
            raise _no_entry()
        if place[2] is None:
            await _redirect(writer, f"/{job}/")
            return
        await self._pass(reader, writer, head, job, ticket, door)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head, job: int, ticket: str, door: Door
    ) -> None:
        """Pass a request on to the notebook, and its answer back."""
        length = _body_of(head)
        upgrade = head.get("upgrade").lower() if "upgrade" in head.get("connection").lower() else ""
        try:
            coming, going = await asyncio.wait_for(
                asyncio.open_connection("127.0.0.1", door.port, limit=MOST_HEAD), CONNECT_S
            )
        except (OSError, TimeoutError):
            raise Refused(HTTPStatus.BAD_GATEWAY, "The notebook does not answer yet: try again.") from None
        try:
            peer = str((writer.get_extra_info("peername") or ("",))[0])
            going.write(_asked(head, job, door, upgrade, peer))
            if head.get("expect"):
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            sending = asyncio.create_task(_copy_body(reader, going, length))
            try:
                answer = await _read_answer(coming)
                status = int(answer.first.split()[1])
                if status == 101 and not upgrade:
                    raise Refused(HTTPStatus.BAD_GATEWAY, "The notebook changed the protocol unasked.")
                bare = status in (101, 204, 304) or head.first.startswith("HEAD ")
                follows = 0 if bare else _body_of(answer, until_end=True)
                writer.write(_answered(answer, job, status == 101))
                await _copy_body(coming, writer, follows)
                if status == 101:
                    await sending
                    await self._tunnel(reader, writer, coming, going, job, ticket)
                await writer.drain()
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            await _close(going)

    async def _tunnel(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, coming: asyncio.StreamReader,
        going: asyncio.StreamWriter, job: int, ticket: str,
    ) -> None:  # fmt: skip
        """Bytes both ways until one end closes, or the door does."""
        tasks = {
            asyncio.create_task(_copy_body(reader, going, None)),
            asyncio.create_task(_copy_body(coming, writer, None)),
            asyncio.create_task(self._shut(job, ticket)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _shut(self, job: int, ticket: str) -> None:
        """Return once the ticket opens nothing any more."""
        while await self._look(job, ticket) is not None:
            await asyncio.sleep(RECHECK_S)


def _no_entry() -> Refused:
    return Refused(
        HTTPStatus.FORBIDDEN, "A notebook opens for its owner only, while it runs: `dure open JOB` gives a new address."
    )


# ---- heads --------------------------------------------------------------------------------------------------------------


async def _read_head(reader: asyncio.StreamReader) -> Head:
    """The head of a request. Raises Refused."""
    try:
        raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_S)
    except asyncio.LimitOverrunError:
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is larger than 64 KiB.") from None
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "The head did not come.") from None
    try:
        return _parsed(raw)
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "That is no HTTP request.") from None


async def _read_answer(coming: asyncio.StreamReader) -> Head:
    """The head of the notebook's answer, past those that only say that there will be one. Raises Refused."""
    try:
        while True:
            answer = _parsed(await asyncio.wait_for(coming.readuntil(b"\r\n\r\n"), IDLE_S))
            status = int(answer.first.split()[1])
            if status >= 200 or status == 101:
                return answer
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, TimeoutError, ValueError, IndexError):
        raise Refused(HTTPStatus.BAD_GATEWAY, "The notebook gave no answer.") from None


def _parsed(raw: bytes) -> Head:
    """Raises ValueError for a head that two readers might read in two ways."""
    lines = raw[:-4].decode("latin-1").split("\r\n")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise ValueError(line)
        headers.append((name, value.strip(" \t")))
    if any(c in "\r\n\0" for line in lines for c in line) or not lines[0]:
        raise ValueError(lines[0])
    return Head(lines[0], headers)


def _first_line(head: Head) -> tuple[str, str]:
    """(method, target). Raises Refused."""
    parts = head.first.split(" ")
    if (
        len(parts) != 3
        or not _NAME.fullmatch(parts[0])
        or parts[2] not in ("HTTP/1.1", "HTTP/1.0")
        or not parts[1].startswith("/")
        or parts[1].startswith("//")
        or not all("!" <= c <= "~" for c in parts[1])
        or len(head.all("host")) > 1
    ):
        raise Refused(HTTPStatus.BAD_REQUEST, "That is no HTTP request for a notebook.")
    return parts[0], parts[1]


def _body_of(head: Head, *, until_end: bool = False) -> int | None:
    """How many bytes follow a head: -1 for chunks, None for all until the end. Raises Refused where it is not plain."""
    lengths, codings = head.all("content-length"), [v.lower() for v in head.all("transfer-encoding")]
    if codings and (codings != ["chunked"] or lengths):
        raise Refused(HTTPStatus.BAD_REQUEST, "Its length can be read in two ways.")
    if codings:
        return -1
    if lengths:
        if len(set(lengths)) > 1 or not re.fullmatch(r"\d{1,18}", lengths[0], re.A):
            raise Refused(HTTPStatus.BAD_REQUEST, "Its length is no number.")
        return int(lengths[0])
    return None if until_end else 0


def _cookies(head: Head) -> dict[str, str]:
    """The cookies of a request; of two with one name the first, which is the one of the longer path."""
    found: dict[str, str] = {}
    for part in ";".join(head.all("cookie")).split(";"):
        name, _, value = part.strip().partition("=")
        found.setdefault(name, value)
    return found


def _same_origin(head: Head, method: str) -> None:
    """Raises Refused for what a page of another origin sends, other than to follow a link."""
    origin, host = head.get("origin"), head.get("host")
    if origin and (method not in ("GET", "HEAD") or head.get("upgrade")) and urlsplit(origin).netloc != host:
        raise Refused(HTTPStatus.FORBIDDEN, "Another site may not talk to a notebook.")


def _ticket_in(target: str) -> str | None:
    found = re.search(r"[?&]ticket=([^&#]*)", target)
    return unquote(found[1]) if found else None


def _asked(head: Head, job: int, door: Door, upgrade: str, peer: str) -> bytes:
    """The head that the notebook gets: with its own token in place of whatever signs one in here."""
    listed = {
        name.strip().lower() for name in head.get("connection").split(",")
    } - _LENGTHS  # or a second request would hide
    dropped = _HOP | _OF_THE_GATEWAY | (listed - {""})
    headers = [(n, v) for n, v in head.headers if n.lower() not in dropped]
    if own := "; ".join(f"{n}={v}" for n, v in _cookies(head).items() if n and n not in _OURS):
        headers.append(("Cookie", own))
    headers += [
        ("Authorization", f"token {door.token}"),
        ("X-Forwarded-Prefix", f"/{job}"),
        ("X-Forwarded-For", peer),
        ("X-Forwarded-Proto", "https" if head.get("x-forwarded-proto") == "https" else "http"),
        ("Connection", "Upgrade" if upgrade else "close"),
    ]
    if upgrade:
        headers.append(("Upgrade", upgrade))
    return _bytes(head.first, headers)


def _answered(answer: Head, job: int, upgraded: bool) -> bytes:
    """The head that the browser gets: the notebook's cookies are kept to its own path, and to names that are not ours."""
    headers: Headers = []
    for name, value in answer.headers:
        if name.lower() == "set-cookie":
            if (kept := _own_cookie(value, job)) is not None:
                headers.append((name, kept))
        elif name.lower() not in _HOP:
            headers.append((name, value))
    headers.append(("Connection", "Upgrade" if upgraded else "close"))
    if upgraded:
        headers.append(("Upgrade", answer.get("upgrade")))
    return _bytes(answer.first, headers)


def _own_cookie(value: str, job: int) -> str | None:
    first, *rest = [part.strip() for part in value.split(";")]
    if first.partition("=")[0].strip() in _OURS:
        return None
    kept = [part for part in rest if part.partition("=")[0].strip().lower() not in ("path", "domain")]
    return "; ".join([first, *kept, f"Path=/{job}/"])


def _bytes(first: str, headers: Headers) -> bytes:
    return "".join([f"{first}\r\n", *(f"{n}: {v}\r\n" for n, v in headers), "\r\n"]).encode("latin-1")


# ---- bodies and answers of our own --------------------------------------------------------------------------------------


async def _copy_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int | None) -> None:
    """Pass on so many bytes; -1: chunks, framed as they are, to the last; None: all until the end."""
    if length == -1:
        while size := await _chunk(reader, writer):
            await _copy_body(reader, writer, size + 2)
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":  # trailers are dropped
            if len(line) > _BLOCK:
                raise ValueError("a trailer without end")
        writer.write(b"\r\n")
        await writer.drain()
        return
    while length is None or length > 0:
        block = await asyncio.wait_for(reader.read(_BLOCK if length is None else min(_BLOCK, length)), IDLE_S)
        if not block:
            return
        length = None if length is None else length - len(block)
        writer.write(block)
        await asyncio.wait_for(writer.drain(), IDLE_S)


async def _chunk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """The size of the next chunk, its line passed on."""
    line = await asyncio.wait_for(reader.readuntil(b"\r\n"), IDLE_S)
    size = line.partition(b";")[0].strip()
    if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
        raise OSError("no chunk")
    writer.write(size + b"\r\n")
    return int(size, 16)


async def _let_in(writer: asyncio.StreamWriter, job: int, ticket: str, target: str, *, secure: bool) -> None:
    """Put the ticket into a cookie, and send the browser on without it."""
    parts = urlsplit(target)
    query = "&".join(p for p in parts.query.split("&") if p and not p.startswith("ticket="))
    path = parts.path if parts.path.startswith(f"/{job}/") else f"/{job}/"
    cookie = f"{COOKIE}={ticket}; Path=/{job}/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
    await _redirect(writer, path + (f"?{query}" if query else ""), ("Set-Cookie", cookie))


async def _redirect(writer: asyncio.StreamWriter, where: str, *headers: tuple[str, str]) -> None:
    await _say(writer, HTTPStatus.SEE_OTHER, "", ("Location", where), *headers)


async def _say(writer: asyncio.StreamWriter, status: HTTPStatus, text: str, *headers: tuple[str, str]) -> None:
    """An answer of the gateway itself."""
    body = f"{text}\n".encode() if text else b""
    own = [
        ("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"), ("Connection", "close"), *headers,
    ]  # fmt: skip
    try:
        writer.write(_bytes(f"HTTP/1.1 {status.value} {status.phrase}", own) + body)
        await asyncio.wait_for(writer.drain(), HEAD_S)
    except (OSError, TimeoutError):
        return


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), 1.0)
    except (OSError, TimeoutError):
        return


async def run(host: str, port: int, look: Look, stop: asyncio.Event) -> None:
    """Serve until told to stop."""
    server = await asyncio.start_server(Gateway(look).serve, host, port, limit=MOST_HEAD, backlog=256)
    async with server:
        await stop.wait()


async def _until_signalled(host: str, port: int) -> None:
    stop, parent = asyncio.Event(), os.getppid()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    serving = asyncio.create_task(run(host, port, Doors(), stop))
    while not stop.is_set() and not serving.done():
        if os.getppid() != parent:  # whoever started it is gone
            stop.set()
        await asyncio.wait({serving}, timeout=1.0)
    await serving


def main(argv: list[str]) -> None:
    """`python -m dure.web.gateway HOST PORT`."""
    from dure.app.database import setup

    setup()
    asyncio.run(_until_signalled(argv[0], int(argv[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
