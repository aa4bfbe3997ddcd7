"""The service as it is started: a process of its own, with real connections."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from dure import __version__
from tests.web.world import World


def test_the_service_starts_answers_and_stops(database: str, world: World) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    code = f"from dure.web.server import serve; serve(port={port}, workers=1, threads=2)"
    server = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "DURE_DATABASE_URL": database})
    try:
        assert json.loads(_get(port, "/api/health")) == {"status": "ok", "version": __version__}
        assert json.loads(_get(port, "/api/me", world.tokens["member"]))["user"] == "member"
        assert b"swagger" in _get(port, "/static/ninja/swagger-ui.css")  # the pages need no other host
    finally:
        server.terminate()
    assert server.wait(timeout=20) == 0


def _get(port: int, path: str, token: str = "") -> bytes:
    """What the service answers, once it does."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    for _ in range(300):
        try:
            with urllib.request.urlopen(asked, timeout=20) as response:
                body: bytes = response.read()
                return body
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the service did not start")
