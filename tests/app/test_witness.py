"""A witness in service: what it keeps before it signs, that one process at a time is it, and its HTTP door."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from dure.app import witness as module
from dure.app.witness import Witness, server
from dure.audit.notes import open_note
from dure.errors import InputError
from tests.audit.exports import AT, CANADA, FORK, LOG, ORIGIN, TRUE, head, request

KEYS = {ORIGIN: LOG.key}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "witness.json"


def open_witness(state: Path) -> Witness:
    return Witness(state, KEYS, CANADA)


def test_what_it_saw_outlives_it(state: Path) -> None:
    with open_witness(state) as watching:
        assert (watching.name, watching.vkey) == (CANADA.key.name, str(CANADA.key))
        assert watching.add(request(TRUE, 0, 20), AT).status == 200
        assert watching.add(request(FORK, 20, 30), AT).status == 422
    assert json.loads(state.read_bytes())[ORIGIN]["size"] == 20
    assert state.stat().st_mode & 0o77 == 0
    with open_witness(state) as watching:
        assert watching.add(request(FORK, 0, 30), AT).body == "20\n"
        again = watching.add(request(TRUE, 20, 30), AT - 50)
        assert open_note(head(TRUE, 30) + again.body, [CANADA.key]).cosigned == ((CANADA.key.name, AT),)


def test_a_second_process_is_refused_until_the_first_is_gone(state: Path) -> None:
    code = "import sys; from tests.app.test_witness import *; open_witness(Path(sys.argv[1])); print('up', flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()
    )
    assert child.stdout is not None
    assert child.stdin is not None
    with child:
        assert child.stdout.readline() == b"up\n"
        with pytest.raises(InputError, match="another process"):
            open_witness(state)
        child.kill()  # no word of farewell: the lock must not outlive it
    open_witness(state).close()
    with open_witness(state), pytest.raises(InputError, match="another process"):
        open_witness(state)


def child_environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(root / "src"), str(root)))}


@pytest.mark.parametrize("at", ["first fsync", "rename", "last fsync", "answer"])
def test_killed_between_state_and_answer(state: Path, at: str) -> None:
    """Whatever moment it dies in: its file is whole, what it had signed it still knows, and the log can go on."""
    with open_witness(state) as watching:
        assert watching.add(request(TRUE, 0, 10), AT).status == 200
    code = f"from tests.app.test_witness import *; die({str(state)!r}, {at!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=child_environment(), timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with open_witness(state) as watching:
        size = json.loads(state.read_bytes())[ORIGIN]["size"]
        assert size == (20 if at in ("last fsync", "answer") else 10)
        assert watching.add(request(FORK, 0, 30), AT).status == 409
        assert watching.add(request(FORK, 20, 30), AT).status == (422 if size == 20 else 409)
        assert watching.add(request(TRUE, size, 20), AT).status == 200


def die(state: str, at: str) -> None:
    """Add a head in this process and be killed on the way."""
    calls = 0

    def killing(real: object, when: int, name: str) -> object:
        def call(*words: object) -> object:
            nonlocal calls
            calls += name == "fsync"
            if calls == when:
                os.kill(os.getpid(), signal.SIGKILL)
            assert callable(real)
            return real(*words)

        return call

    os.fsync = killing(os.fsync, {"first fsync": 1, "last fsync": 2}.get(at, 9), "fsync")  # type: ignore[assignment]
    os.replace = killing(os.replace, 1 if at == "rename" else 9, "replace")  # type: ignore[assignment]
    open_witness(Path(state)).add(request(TRUE, 10, 20), AT)
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_it_cannot_keep_it_does_not_sign(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_witness(state) as watching:
        assert watching.add(request(TRUE, 0, 10), AT).status == 200
        before = state.read_bytes()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(module.os, "fsync", full)
            with pytest.raises(OSError, match="No space"):
                watching.add(request(TRUE, 10, 20), AT)
        assert state.read_bytes() == before
        assert watching.add(request(TRUE, 10, 20), AT).status == 200
        assert os.listdir(state.parent) in (
            ["witness.json", "witness.json.lock"],
            ["witness.json.lock", "witness.json"],
        )
    with pytest.raises(InputError, match="closed"):
        watching.add(request(TRUE, 20, 30), AT)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"o": 5}', '{"o": {}}', '{"o": {"size": 1, "root": "00", "at_utc_s": 0}}',
     '{"o": {"size": -1, "root": "%s", "at_utc_s": 0}}' % ("00" * 32),
     '{"o": {"size": "1", "root": "%s", "at_utc_s": 0}}' % ("00" * 32),
     "[" * 100_000],
)  # fmt: skip
def test_a_spoilt_state_is_no_new_beginning(state: Path, text: str) -> None:
    state.write_text(text)
    for _ in range(2):  # the lock is let go of too
        with pytest.raises(InputError, match="cannot be read"):
            open_witness(state)
    assert state.read_text() == text


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        open_witness(tmp_path / "none" / "witness.json")


@pytest.fixture
def door(state: Path) -> Iterator[tuple[str, int]]:
    with open_witness(state) as watching, server(watching, "127.0.0.1", 0) as listening:
        thread = Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield ("127.0.0.1", listening.server_address[1])
        listening.shutdown()
        thread.join()


def call(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | str | None = None
) -> tuple[int, str, str]:
    connection.request(method, path, body.encode() if isinstance(body, str) else body)
    answer = connection.getresponse()
    return answer.status, answer.headers["Content-Type"], answer.read().decode()


def test_over_http(door: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*door, timeout=10)
    text = f"{CANADA.key.name}\n{CANADA.key}\n"
    assert call(connection, "GET", "/") == (200, "text/plain; charset=utf-8", text)
    kept = connection.sock
    status, _, body = call(connection, "POST", "/add-checkpoint", request(TRUE, 0, 20))
    assert (status, open_note(head(TRUE, 20) + body, [CANADA.key]).cosigned[0][0]) == (200, CANADA.key.name)
    assert call(connection, "POST", "/add-checkpoint", request(FORK, 0, 30)) == (409, "text/x.tlog.size", "20\n")
    assert call(connection, "POST", "/add-checkpoint", request(FORK, 20, 30))[0] == 422
    assert call(connection, "POST", "/add-checkpoint", b"\xff")[0] == 400
    assert connection.sock is kept  # one connection, as tlog-witness asks
    assert call(connection, "POST", "/elsewhere", "x")[0] == 404
    assert call(connection, "GET", "/elsewhere")[0] == 404
    assert call(connection, "POST", "/add-checkpoint", b"x" * (64 * 1024 + 1))[0] == 413
    connection.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [("", 411), ("Content-Length: x\r\n", 411), ("Content-Length: -1\r\n", 411), (f"Content-Length: {'9' * 5000}\r\n", 413),
     ("Transfer-Encoding: chunked\r\n", 411), ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", 411)],
)  # fmt: skip
def test_a_body_of_no_known_length_is_not_read(door: tuple[str, int], head: str, status: int) -> None:
    with socket.create_connection(door, timeout=10) as raw:
        raw.sendall(f"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        stream = raw.makefile("rb")
        assert stream.readline().split()[1] == str(status).encode()
        assert b"Connection: close" in stream.read()


def test_who_sends_nothing_is_not_waited_for(door: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 0.05)
    with socket.create_connection(door, timeout=10) as raw:
        raw.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 50\r\n\r\nold 0")
        assert raw.recv(100) == b""


def test_an_address_that_is_taken(state: Path, door: tuple[str, int]) -> None:
    with (
        Witness(state.with_name("other.json"), KEYS, CANADA) as other,
        pytest.raises(InputError, match="cannot listen"),
    ):
        server(other, *door)
