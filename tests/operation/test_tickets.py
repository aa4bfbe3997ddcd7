"""Tickets open one door, for one user, for a while; forged ones open none. The secret is kept by its owner alone."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputError
from tests.operation.programme_world import NOW, job, small

KEY = "a secret of a test, long enough"
users = st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.fixture
def given_key(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    monkeypatch.setenv("DURE_SECRET_KEY", KEY)


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: str) -> Path:
    """No secret in the environment; the place of its file."""
    from dure.operation import tickets

    monkeypatch.delenv("DURE_SECRET_KEY", raising=False)
    monkeypatch.setattr(tickets, "secret_path", lambda: tmp_path / "programme.secret")
    return tmp_path / "programme.secret"


def test_a_ticket_opens_one_door_for_a_while(given_key: None) -> None:
    from dure.operation import tickets

    @given(users, st.integers(1, 2**62), st.integers(0, 2**40))
    def opens(user: str, seq: int, end: int) -> None:
        text = tickets.ticket(user, seq, end)
        assert tickets.check_ticket(text, seq, end - 1) == user
        assert tickets.check_ticket(text, seq, end) is None
        assert tickets.check_ticket(text, seq + 1, end - 1) is None
        assert all(c.isascii() and (c.isalnum() or c in "-_.") for c in text)  # plain in an address and in a cookie

    opens()


def test_no_other_text_opens_a_door(given_key: None) -> None:
    from dure.operation import tickets

    text = tickets.ticket("member", 7, NOW + 60)

    @given(st.integers(0, len(text) - 1), st.characters())
    def changed(at: int, character: str) -> None:
        forged = text[:at] + character + text[at + 1 :]
        if forged != text:
            assert tickets.check_ticket(forged, 7, NOW) is None

    @given(st.text())
    def anything(forged: str) -> None:
        assert tickets.check_ticket(forged, 7, NOW) is None

    changed()
    anything()
    for cut in range(len(text)):
        assert tickets.check_ticket(text[:cut], 7, NOW) is None
    assert tickets.check_ticket(text + "=", 7, NOW) is None
    body, _, signature = text.partition(".")
    for other in (tickets.token_of(body), tickets.webhook_key(7).hex()):  # another label's answer is no signature
        assert other != signature
        assert tickets.check_ticket(f"{body}.{other}", 7, NOW) is None


def test_another_secret_ends_all(given_key: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.operation import tickets

    text, token, hook = tickets.ticket("member", 7, NOW + 60), tickets.token_of("live-7.0"), tickets.webhook_key(7)
    assert tickets.token_of("live-7.0") == token != tickets.token_of("live-7.1")
    monkeypatch.setenv("DURE_SECRET_KEY", "another secret of a test")
    assert tickets.check_ticket(text, 7, NOW) is None
    assert tickets.token_of("live-7.0") != token
    assert tickets.webhook_key(7) != hook


def test_the_secret_is_made_once_and_for_its_owner_alone(no_key: Path) -> None:
    from dure.operation import tickets

    first = tickets.secret()
    assert stat.S_IMODE(no_key.stat().st_mode) == 0o600
    assert tickets.secret() == first
    assert len(first) >= 48
    assert [p.name for p in no_key.parent.iterdir()] == ["programme.secret"]
    no_key.chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        tickets.secret()
    no_key.chmod(0o600)
    no_key.write_text("short\n")
    with pytest.raises(InputError, match="no secret"):
        tickets.secret()


def test_a_weak_secret_is_refused(given_key: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.operation import tickets

    monkeypatch.setenv("DURE_SECRET_KEY", "changeme")
    with pytest.raises(InputError, match="DURE_SECRET_KEY") as said:
        tickets.ticket("member", 7, NOW)
    assert "changeme" not in str(said.value)


def _make(path: str, ready: Any, answers: Any) -> None:
    from dure.operation import tickets

    tickets.secret_path = lambda: Path(path)
    ready.wait()
    answers.put(tickets.secret({}))


def test_processes_that_come_first_together_agree(no_key: Path) -> None:
    fork = multiprocessing.get_context("fork")
    ready, answers = fork.Event(), fork.Queue()
    processes = [fork.Process(target=_make, args=(str(no_key), ready, answers)) for _ in range(8)]
    for process in processes:
        process.start()
    ready.set()
    found = {answers.get(timeout=20) for _ in processes}
    for process in processes:
        process.join(20)
    assert len(found) == 1
    assert [p.name for p in no_key.parent.iterdir()] == ["programme.secret"]


def test_a_notebook_opens_for_its_owner_while_it_runs(given_key: None) -> None:
    from urllib.parse import parse_qs, urlsplit

    from dure.app.access import Forbidden, NotFound
    from dure.operation import tickets
    from tests.operation.test_operating import running

    world = small()
    seq = running(world, job(kind="interactive"), "member", port=4321)
    member = world.actor("member")
    url = urlsplit(tickets.open_url(member, seq, NOW, "https://gate.example/"))
    assert (url.scheme, url.netloc, url.path) == ("https", "gate.example", f"/{seq}/")
    text = parse_qs(url.query)["ticket"][0]
    assert tickets.check_ticket(text, seq, NOW + 3599) == "member"
    assert tickets.check_ticket(text, seq, NOW + 3600) is None  # the attempt's own limit
    for other in ("lead-alpha", "operator", "office", "lead-beta"):
        with pytest.raises(NotFound):
            tickets.open_url(world.actor(other), seq, NOW, "https://gate.example")
    with pytest.raises(Forbidden):
        tickets.open_url(world.actor("outsider"), seq, NOW, "https://gate.example")
    with pytest.raises(NotFound):
        tickets.open_url(member, running(world, job(), "member", port=4322), NOW, "https://gate.example")
    from dure.store import models

    models.Attempt.objects.filter(job=seq).update(port=0)
    with pytest.raises(InputError, match="dure why"):
        tickets.open_url(member, seq, NOW, "https://gate.example")
