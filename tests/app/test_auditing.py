"""The audit log in use: keys that others cannot read, proofs that need nobody, witnesses over HTTP, a backup that keeps it."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from dure.app import keys
from dure.audit import notes
from dure.audit.bundle import check_proof
from dure.audit.verify import verify
from dure.audit.witness import Head, decide
from dure.errors import InputError
from tests.databases import empty

NOW = 1_780_000_000
LOG = "dure.example/programme"
WITNESS = notes.Signer.from_seed("witness.example", b"\2" * 32, notes.COSIGNATURE)


@pytest.fixture
def auditing(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, with a key, a witness that is known, and three entries that wait."""
    from dure.app import auditing

    monkeypatch.setenv("DURE_AUDIT_KEY", str(tmp_path / "programme.key"))
    keys.make_key(tmp_path / "programme.key", LOG)
    (tmp_path / "witnesses.pub").write_text(f"# ours\n\n{WITNESS.key}\n")
    add(3)
    return auditing


def add(count: int) -> None:
    from dure.store import audit

    with transaction.atomic():
        audit.append_all([("test", f"thing {n}", {"n": n}, NOW) for n in range(count)])


def actor(role: str = "office", may_write: bool = True) -> Any:
    from dure.app.access import Actor, Role

    return Actor("kim", frozenset({Role(role)}), may_write=may_write)


def test_who_may_read_and_who_may_seal(auditing: Any, tmp_path: Path) -> None:
    from dure.app.access import Forbidden

    for role in ("applicant", "reviewer", "auditor"):
        with pytest.raises(Forbidden):
            auditing.seal(actor(role), NOW)
        with pytest.raises(Forbidden):
            auditing.take_cosignature(actor(role), "")
    with pytest.raises(Forbidden):
        auditing.seal(actor("office", may_write=False), NOW)
    with pytest.raises(Forbidden):
        auditing.status(actor("reviewer"), NOW)
    auditing.seal(actor("compliance"), NOW)
    assert auditing.export(actor("auditor"), tmp_path / "log.dure") == (3, 0)
    assert auditing.check(actor("auditor")) == []


def test_a_key_is_for_its_owner_alone_and_made_once(auditing: Any, tmp_path: Path) -> None:
    path = tmp_path / "programme.key"
    signer = keys.signer_of(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.keys_of(path) == [signer.key]
    assert signer.secret() not in repr(signer)
    with pytest.raises(InputError, match="a key already"):
        keys.make_key(path, LOG)
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(InputError, match="others may read"):
            auditing.seal(actor(), NOW)
    path.chmod(0o600)
    path.rename(tmp_path / "old.key")
    with pytest.raises(InputError, match="No such file"):
        auditing.seal(actor(), NOW)
    new = keys.make_key(path, LOG)
    assert keys.keys_of(path) == [signer.key, new]
    path.write_text("no key")
    with pytest.raises(InputError) as told:
        keys.signer_of(path)
    assert "no key" not in str(told.value)
    assert keys.key_path({}) == Path("programme.key")


def test_the_gap_is_shown(auditing: Any) -> None:
    assert auditing.status(actor(), NOW + 40) == auditing.Status(0, 3, 40, None, None, {}, ["witness.example"])
    auditing.seal(actor(), NOW + 50)
    add(1)
    assert auditing.status(actor(), NOW + 60) == auditing.Status(3, 1, 60, 3, 10, {}, ["witness.example"])


def test_a_proof_is_checked_without_a_database(auditing: Any, tmp_path: Path) -> None:
    from dure.app.access import NotFound

    known = keys.keys_of(tmp_path / "programme.key")
    auditing.seal(actor(), NOW)
    add(2)
    auditing.seal(actor(), NOW)
    for what, index in ((0, 0), (4, 4), ("thing 1", 4), ("thing 2", 2)):
        bundle = json.loads(json.dumps(auditing.prove(actor(), what)))
        assert (bundle["index"], bundle["size"]) == (index, 5)
        assert check_proof(bundle, known) == ""
    other = notes.Signer.from_seed(LOG, b"\5" * 32)
    for change in (
        {"entry": bundle["entry"].replace('"n":2', '"n":1')}, {"index": 3}, {"size": 6}, {"leaf": "AAAA"}, {"leaf": 3},
        {"proof": bundle["proof"][1:]}, {"proof": bundle["proof"][::-1]}, {"proof": None}, {"proof": ["é"]},
        {"index": "x"}, {"checkpoint": bundle["checkpoint"].replace("\n5\n", "\n6\n")}, {"checkpoint": ""},
    ):  # fmt: skip
        assert check_proof({**bundle, **change}, known), change
    assert check_proof(bundle, [other.key])
    assert check_proof({}, known)
    with pytest.raises(NotFound):
        auditing.prove(actor(), 5)
    add(1)
    from dure.store import audit

    audit.sequence()
    with pytest.raises(InputError, match="behind the newest"):
        auditing.prove(actor(), 5)


def test_a_cosignature_travels_by_file(auditing: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no signed head"):
        auditing.request_for(actor(), "witness.example")
    note = auditing.seal(actor(), NOW)
    ours = {LOG: keys.keys_of(tmp_path / "programme.key")[0]}
    request = auditing.request_for(actor(), "witness.example")
    answer = decide(request, {}, ours, WITNESS, NOW)
    assert answer.status == 200
    add(1)
    auditing.seal(actor(), NOW)  # meanwhile another head is signed
    assert auditing.take_cosignature(actor(), note + answer.body) == ["witness.example"]
    assert auditing.status(actor(), NOW).cosignatures == {"witness.example": 3}
    assert auditing.request_for(actor(), "witness.example").startswith("old 3\n")
    assert (
        decide(auditing.request_for(actor(), "witness.example"), {LOG: answer.head}, ours, WITNESS, NOW).status == 200
    )
    stranger = notes.Signer.from_seed("stranger", b"\7" * 32, notes.COSIGNATURE)
    text, _ = notes.split_note(note)
    for line, said in (
        (notes.cosign(text, stranger, NOW), "not a known witness"),
        (notes.cosign(text.replace("\n3\n", "\n4\n"), WITNESS, NOW), "under no head of ours"),
        ("hello", "no cosignature"),
    ):
        with pytest.raises(InputError, match=said):
            auditing.take_cosignature(actor(), line)


@pytest.fixture
def witness(auditing: Any, tmp_path: Path) -> Iterator[tuple[str, dict[str, Head]]]:
    """A witness that listens: its address, and the heads it saw."""
    heads: dict[str, Head] = {}
    ours = {LOG: keys.keys_of(tmp_path / "programme.key")[0]}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = decide(request, heads, ours, WITNESS, NOW)
            if answer.head:
                heads[answer.origin] = answer.head
            self.send_response(answer.status if self.path == "/w/add-checkpoint" else 500)
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/w/", heads
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_witness_cosigns_over_http_and_says_what_it_saw(auditing: Any, witness: Any, tmp_path: Path) -> None:
    from dure.store import models

    url, heads = witness
    auditing.seal(actor(), NOW)
    assert auditing.send(actor(), "witness.example", url) == ["witness.example"]
    add(2)
    auditing.seal(actor(), NOW)
    models.Cosignature.objects.all().delete()  # what it saw last is forgotten here: it says so
    assert auditing.send(actor(), "witness.example", url) == ["witness.example"]
    assert heads[LOG].size == 5
    auditing.export(actor(), tmp_path / "log.dure")
    with (tmp_path / "log.dure").open("rb") as stream:
        key = str(keys.keys_of(tmp_path / "programme.key")[0])
        result = verify(stream, [key], witnesses=[str(WITNESS.key)])
    assert (result.ok, result.cosigned) == (True, ("witness.example",))


def test_a_witness_that_saw_another_log_refuses(auditing: Any, witness: Any) -> None:
    url, heads = witness
    auditing.seal(actor(), NOW)
    heads[LOG] = Head(3, bytes(32))
    with pytest.raises(InputError, match=r"refused \(409\)"):
        auditing.send(actor(), "witness.example", url)
    heads[LOG] = Head(9, bytes(32))
    with pytest.raises(InputError, match="not a size"):
        auditing.send(actor(), "witness.example", url)
    with pytest.raises(InputError, match="no answer"):
        auditing.send(actor(), "witness.example", "http://127.0.0.1:1")
    with pytest.raises(InputError, match="not the address"):
        auditing.send(actor(), "witness.example", "file:///etc/passwd")
    with pytest.raises(InputError, match=r"refused \(500\)"):
        auditing.send(actor(), "witness.example", url + "elsewhere")


def test_the_service_seals_by_itself_and_goes_on_after_a_fault(
    auditing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from django.db import OperationalError

    from dure.store import audit

    real, turns, stop = audit.sequence_all, iter(range(9)), threading.Event()

    def sequence_all() -> int:
        turn = next(turns)
        if turn == 0:
            raise OperationalError("connection to postgresql://dure:secret@host failed")
        if turn == 3:
            stop.set()
        return real()

    monkeypatch.setattr(audit, "sequence_all", sequence_all)
    with caplog.at_level(logging.WARNING, "dure.audit"):
        auditing.sealing(stop, 0.001)
    assert [r.getMessage() for r in caplog.records] == ["the audit log was not sealed: OperationalError"]
    assert notes.open_note(audit.latest_checkpoint(), keys.keys_of(tmp_path / "programme.key")).checkpoint.size == 3


def test_a_backup_keeps_the_log_and_it_goes_on(auditing: Any, tmp_path: Path) -> None:
    from dure.app.backup import backup, restore
    from dure.store import audit

    audit.conceal("kim", "kim")
    note = auditing.seal(actor(), NOW)
    add(2)
    before, secrets = audit.entries(), audit.conceal("kim", "kim")
    backup(tmp_path / "b.zip")
    empty()
    assert audit.size() == 0
    restore(tmp_path / "b.zip")
    assert audit.entries() == before
    assert audit.conceal("kim", "kim") == secrets
    assert (audit.latest_checkpoint(), audit.waiting().rows) == (note, 2)
    auditing.seal(actor(), NOW)
    assert auditing.check(actor(), [note]) == []
    stream = io.BytesIO()
    audit.export(stream)
    stream.seek(0)
    assert verify(stream, [str(keys.keys_of(tmp_path / "programme.key")[0])], heads=[note]).ok
