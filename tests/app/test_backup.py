"""A drill: a world is written to a file, lost, and comes back row for row; what was damaged is refused whole."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from dure.errors import InputError
from tests.databases import empty as emptied
from tests.databases import needs_postgres

NOW = 1_780_000_000
Manifest = dict[str, Any]


@pytest.fixture
def world(database: str) -> None:
    """Rows of many kinds: texts in two scripts, documents, hashes, times, a closed month, reservations, proposals."""
    from django.contrib.auth.models import Group

    from dure.app import booking, people, programme
    from dure.ledger.model import Cause, Phase, Transfer
    from dure.store import ledger, models

    root = Path(__file__).resolve().parents[2]
    programme.initialise("국가 프로그램", root / "examples/fleets/small.toml", "office", NOW)
    office = people.actor_of("office")
    people.add_user(office, "kim", NOW, staff=True)
    people.grant(office, "kim", "auditor", NOW)
    people.make_token(people.actor_of("kim"), NOW, name="열쇠")
    Group.objects.create(name="group").user_set.create(username="in-a-group")  # a table that nobody declared
    models.Call.objects.create(
        id="c", document={"z": 1, "a": ["두레", None, 0.125, 2**60], "nested": {"b": True, "a": []}}
    )
    row = models.Application.objects.create(
        id="c-1", call_id="c", project="p", lead="kim", document={"ask": {"months": 3}}
    )
    models.Review.objects.create(application=row, reviewer="lee", document={"scores": {"merit": 4500}})
    models.Project.objects.create(id="p", title='quotes " and \\ and \n lines \u2028')
    models.Happening.objects.bulk_create(
        models.Happening(kind="role", about=f"u{n}", event="e", by="x", at_utc_s=NOW) for n in range(1100)
    )
    ledger.record(
        [
            Transfer("issue", "programme", "track:c/t", 2**61, Cause.ISSUE, NOW - 90 * 86_400),
            Transfer("award", "track:c/t", "project:p", 5000, Cause.AWARD, NOW),
            Transfer("hold", "project:p", "spent:p", 700, Cause.USAGE, NOW, phase=Phase.PENDING, expires_utc_s=NOW + 9),
        ]
    )
    booking.close_month(office, "2026-02", NOW)
    booking.propose(office, "adjust", NOW, debit="adjusted", credit="project:p", amount=5, reason="이유")


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """All that every table holds."""
    from dure.app import backup

    return {name: sorted(map(tuple, m._base_manager.values_list()), key=repr) for name, m in backup._tables().items()}


@pytest.fixture(scope="module")
def written() -> list[bytes]:
    """The backup of the world, once it was made."""
    return []


@pytest.fixture
def kept(database: str, written: list[bytes], request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The backup of a world that is lost."""
    from dure.app.backup import backup

    path = tmp_path / "kept.zip"
    if not written:
        request.getfixturevalue("world")
        backup(path)
        written.append(path.read_bytes())
        emptied()
    path.write_bytes(written[0])
    return path


def test_what_was_lost_comes_back_row_for_row_and_the_books_go_on(world: None, tmp_path: Path) -> None:
    from dure.app import people
    from dure.app.backup import backup, restore
    from dure.ledger.model import Cause, Code, Phase, Transfer
    from dure.store import ledger, models

    before = rows()
    assert {n for n, found in before.items() if found} >= {"auth_user_groups", "store_token", "store_closedmonth"}
    made = backup(tmp_path / "b.zip")
    assert {n: t["rows"] for n, t in made["tables"].items()} == {n: len(found) for n, found in before.items()}
    emptied()
    assert rows()["store_transfer"] == []
    restore(tmp_path / "b.zip")
    assert rows() == before
    assert ledger.verify() == (3, [])
    assert ledger.standing("p").reserved == 700
    assert list(models.Call.objects.get(id="c").document) == ["z", "a", "nested"] or "postgres" in os.environ.get(
        "DURE_TEST_POSTGRES", ""
    )
    again = Transfer("award", "track:c/t", "project:p", 5000, Cause.AWARD, NOW + 5)
    post = Transfer("post", "", "", 700, Cause.USAGE, NOW + 5, phase=Phase.POST, pending="hold")
    late = Transfer("late", "track:c/t", "project:p", 1, Cause.AWARD, NOW - 90 * 86_400)
    assert ledger.record([again, post, late]) == [Code.EXISTS, Code.OK, Code.MONTH_CLOSED]
    people.grant(people.actor_of("office"), "lee", "reviewer", NOW)  # new rows get numbers that none has
    assert models.Happening.objects.count() == len(before["store_happening"]) + 1
    assert backup(tmp_path / "again.zip")["migrations"] == made["migrations"]


def test_a_full_database_is_left_as_it_is_and_the_file_is_its_owners_alone(world: None, tmp_path: Path) -> None:
    from dure.app.backup import backup, restore

    before, path = rows(), tmp_path / "b.zip"
    backup(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["b.zip"]
    with pytest.raises(InputError, match="not empty"):
        restore(path)
    assert rows() == before


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def emptied_file(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x40
    path.write_bytes(data)


def rewritten(change: Callable[[dict[str, bytes], Manifest], None]) -> Callable[[Path], None]:
    """A damage that a zip does not see: members written anew."""

    def damage(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            members = {n: archive.read(n) for n in archive.namelist()}
        manifest = json.loads(members.pop("manifest.json"))
        change(members, manifest)
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
            archive.writestr("manifest.json", json.dumps(manifest))

    return damage


def resealed(members: dict[str, bytes], manifest: Manifest, table: str) -> None:
    import hashlib

    data = members[f"tables/{table}.jsonl"]
    manifest["tables"][table] |= {"rows": data.count(b"\n"), "sha256": hashlib.sha256(data).hexdigest()}


@rewritten
def another_amount(members: dict[str, bytes], manifest: Manifest) -> None:
    members["tables/store_transfer.jsonl"] = members["tables/store_transfer.jsonl"].replace(b" 5000,", b" 6000,")


@rewritten
def one_row_less(members: dict[str, bytes], manifest: Manifest) -> None:
    members["tables/store_happening.jsonl"] = members["tables/store_happening.jsonl"].split(b"\n", 1)[1]


@rewritten
def forged_amount(members: dict[str, bytes], manifest: Manifest) -> None:
    members["tables/store_transfer.jsonl"] = members["tables/store_transfer.jsonl"].replace(b" 5000,", b" 6000,")
    resealed(members, manifest, "store_transfer")


@rewritten
def orphan(members: dict[str, bytes], manifest: Manifest) -> None:
    members["tables/store_call.jsonl"] = b""
    resealed(members, manifest, "store_call")


@rewritten
def no_number(members: dict[str, bytes], manifest: Manifest) -> None:
    members["tables/store_transfer.jsonl"] = members["tables/store_transfer.jsonl"].replace(b" 5000,", b' "many",')
    resealed(members, manifest, "store_transfer")


@rewritten
def another_version(members: dict[str, bytes], manifest: Manifest) -> None:
    manifest["migrations"].append(["store", "9999_later"])


@rewritten
def a_table_less(members: dict[str, bytes], manifest: Manifest) -> None:
    del manifest["tables"]["store_call"]


@rewritten
def no_manifest(members: dict[str, bytes], manifest: Manifest) -> None:
    manifest.clear()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shortened, "damaged"),
        (emptied_file, "damaged"),
        (flipped, "damaged|not as it was written|cannot be read"),
        (another_amount, "store_transfer is not as it was written"),
        (one_row_less, "store_happening is not as it was written"),
        (forged_amount, "books do not hold"),
        (orphan, "do not fit together"),
        (no_number, "do not fit together"),
        (another_version, "another version"),
        (a_table_less, "another version"),
        (no_manifest, "manifest"),
    ],
)
def test_what_was_damaged_is_refused_whole(kept: Path, damage: Callable[[Path], None], said: str) -> None:
    from dure.app import backup

    damage(kept)
    with pytest.raises(InputError, match=said) as refused:
        backup.restore(kept)
    assert "kept.zip" in str(refused.value)
    assert not [n for n, found in rows().items() if found and n not in ("auth_permission", "django_content_type")]


def in_data(data: bytes) -> Callable[[int], bool]:
    """Whether a place of a zip file lies in what a member holds, and not in a header, the directory, or the end mark of a
    member (its last two bytes, all that an empty one has), behind which nothing is read."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
    spans = []
    for m in members:
        name, extra = struct.unpack("<HH", data[m.header_offset + 26 : m.header_offset + 30])
        start = m.header_offset + 30 + name + extra
        spans.append(range(start, start + m.compress_size - 2))
    return lambda place: any(place in span for span in spans)


def test_each_byte_that_is_flipped_is_noticed(kept: Path) -> None:
    """A byte of data: refused. A byte of a header or the directory: refused, or (padding, dates) the same rows come back."""
    from dure.app import backup

    data = kept.read_bytes()
    held = in_data(data)
    backup.restore(kept)
    before = rows()
    emptied()
    tried = 0
    for place in range(7, len(data), max(1, len(data) // 32)):
        kept.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        tried += held(place)
        try:
            backup.restore(kept)
        except InputError:
            continue
        assert not held(place), place
        assert rows() == before
        emptied()
    assert tried >= 10


@needs_postgres
def test_from_one_kind_of_database_to_the_other_and_back(world: None, tmp_path: Path) -> None:
    """PostgreSQL to SQLite, by the command line, and from there to PostgreSQL: every row is the same."""
    from dure.app.backup import backup, restore
    from dure.store import audit

    audit.sequence_all()  # as each command does at its end
    before = rows()
    backup(tmp_path / "postgres.zip")
    env = {**os.environ, "DURE_DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}
    for words in (["restore", "postgres.zip"], ["ledger", "verify"], ["backup", "sqlite.zip"]):
        command = [sys.executable, "-m", "dure.cli.main", *words]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    emptied()
    restore(tmp_path / "sqlite.zip")
    assert rows() == before


def test_writers_go_on_and_the_backup_is_of_one_moment(world: None, tmp_path: Path) -> None:
    """A transfer that lands in the middle is in the file whole, or not at all; and it does not wait for the backup."""
    from django.db import connections

    from dure.app.backup import backup
    from dure.ledger.model import Cause, Code, Transfer
    from dure.store import ledger

    codes: list[Code] = []

    def write() -> None:
        codes.extend(ledger.record([Transfer("mid", "track:c/t", "project:p", 11, Cause.AWARD, NOW)]))
        connections.close_all()

    def meanwhile(part: float) -> None:
        if part > 0 and not codes:  # the balances are in the file, the journal is not yet
            writer = Thread(target=write)
            writer.start()
            writer.join(20)

    before = rows()
    made = backup(tmp_path / "b.zip", meanwhile)
    assert codes == [Code.OK]
    assert (
        made["tables"]["store_transfer"]["rows"] == len(before["store_transfer"]) == len(rows()["store_transfer"]) - 1
    )
    emptied()
    from dure.app.backup import restore

    restore(tmp_path / "b.zip")
    assert rows() == before
