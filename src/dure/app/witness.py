"""A witness in service: the heads it has cosigned, kept in one file, and the HTTP door to it (C2SP tlog-witness).

What it saw is on disk before its signature leaves, so that no crash lets it sign two histories. Its state is its memory: a
witness whose file is lost must take a new key, for with the old one it would sign what it once would have refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from dure.audit.notes import Key, Signer
from dure.audit.witness import MAX_REQUEST, Answer, Head, decide
from dure.errors import InputError
from dure.formats.streams import replaced

_WAIT_S: Final = 10  # for the next bytes of a request
_ACCEPTED: Final = "the file that this witness wrote, whole"


class Witness:
    """A witness of the logs whose keys it is given, by origin. A context: no second process has its state meanwhile.

    Raises InputError where another has it, or where the state cannot be read: it then signs nothing.
    """

    def __init__(self, state: Path, keys: Mapping[str, Key], signer: Signer) -> None:
        self.name, self.vkey = signer.key.name, str(signer.key)
        self._state, self._keys, self._signer = state, dict(keys), signer
        self._lock = Lock()
        try:
            self._held = os.open(state.with_name(f"{state.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as fault:
            raise InputError(f"cannot be written: {fault.strerror}", source=str(state)) from None
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it when the process ends
            self._heads = _load(state)
        except BlockingIOError:
            self.close()
            raise InputError("another process is this witness", source=str(state), accepted="one at a time") from None
        except InputError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have the state; from now on this one signs nothing."""
        with self._lock:
            if self._held >= 0:
                os.close(self._held)
            self._held = -1

    def add(self, request: str, now: int) -> Answer:
        """Answer one request, from HTTP or from a file. Raises InputError or OSError, and signs nothing, if it cannot keep it."""
        with self._lock:
            if self._held < 0:
                raise InputError("this witness has closed", source=str(self._state))
            answer = decide(request, self._heads, self._keys, self._signer, now)
            if answer.head is not None:
                heads = {**self._heads, answer.origin: answer.head}
                _save(self._state, heads)
                self._heads = heads
        return answer


def serve(witness: Witness, host: str, port: int) -> None:
    """Answer over HTTP until interrupted."""
    with server(witness, host, port) as listening, suppress(KeyboardInterrupt):
        listening.serve_forever()


def server(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """The server, bound (port 0: any that is free) and not started. Raises InputError for an address it cannot have."""
    try:
        return ThreadingHTTPServer((host, port), type("_Door", (_Handler,), {"witness": witness}))
    except OSError as fault:
        raise InputError(f"cannot listen there: {fault.strerror}", field="host", value=f"{host}:{port}") from None


class _Handler(BaseHTTPRequestHandler):
    """POST /add-checkpoint; GET / says the witness's name and public key."""

    witness: Witness
    protocol_version = "HTTP/1.1"  # logs keep the connection (tlog-witness asks for it)
    server_version, sys_version = "dure-witness", ""
    timeout = _WAIT_S

    def do_GET(self) -> None:
        """Who this is."""
        if self.path == "/":
            self._answer(HTTPStatus.OK, f"{self.witness.name}\n{self.witness.vkey}\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "POST /add-checkpoint\n")

    def do_POST(self) -> None:
        """A checkpoint to cosign."""
        length = self.headers.get("Content-Length", "")
        self.close_connection = True  # unless the body is read to its end, what follows is no request
        if self.path != "/add-checkpoint":
            return self._answer(HTTPStatus.NOT_FOUND, "POST /add-checkpoint\n")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            return self._answer(HTTPStatus.LENGTH_REQUIRED, "how long?\n")
        if len(length) > 9 or int(length) > MAX_REQUEST:
            return self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MAX_REQUEST} bytes\n")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return None
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        try:
            answer = self.witness.add(body.decode(), int(time.time()))
        except UnicodeDecodeError:
            return self._answer(HTTPStatus.BAD_REQUEST, "not UTF-8\n")
        except (InputError, OSError) as fault:
            self.log_error("%s", fault)
            return self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "cannot keep what it would sign\n")
        return self._answer(answer.status, answer.body)

    def _answer(self, status: int, body: str) -> None:
        data = body.encode()
        self.send_response(status)
        plain = "text/x.tlog.size" if status == HTTPStatus.CONFLICT else "text/plain; charset=utf-8"
        self.send_header("Content-Type", plain)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)


def _load(state: Path) -> dict[str, Head]:
    """The heads kept; none if there is no file yet. Raises InputError."""
    try:
        raw: dict[str, Any] = json.loads(state.read_bytes())
        return {origin: _head(**kept) for origin, kept in raw.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as fault:
        raise InputError(f"cannot be read: {fault}", source=str(state), accepted=_ACCEPTED) from None


def _head(size: int, root: str, at_utc_s: int) -> Head:
    head = Head(size, bytes.fromhex(root), at_utc_s)
    if not (type(size) is type(at_utc_s) is int and size >= 0 and len(head.root) == 32):
        raise ValueError("not a head")
    return head


def _save(state: Path, heads: Mapping[str, Head]) -> None:
    """On disk when it returns: the file, and then its name."""
    kept = {o: {"size": h.size, "root": h.root.hex(), "at_utc_s": h.at_utc_s} for o, h in heads.items()}
    with replaced(state, private=True) as stream:
        stream.write(json.dumps(kept, indent=1).encode())
    folder = os.open(state.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
