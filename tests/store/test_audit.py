"""The audit log on a real database: order, proofs, racing sequencers, sudden death, and every way to tamper with it."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.audit import merkle, notes
from dure.audit.canonical import entry
from dure.audit.verify import Result, verify
from dure.errors import InputError, InvariantBroken
from dure.ledger.model import Cause, Code, Transfer
from tests.databases import SERVER, empty
from tests.store.test_ledger import at_once, death_at

pytestmark = pytest.mark.usefixtures("database")

NOW = 1_780_000_000
LOG = "dure.example/programme"
SIGNER = notes.Signer.from_seed(LOG, bytes(32))
THIEF = notes.Signer.from_seed(LOG, b"\1" * 32)
WITNESS = notes.Signer.from_seed("witness.example", b"\2" * 32, notes.COSIGNATURE)
KEYS = [SIGNER.key]


@pytest.fixture
def audit(database: str) -> Any:
    from dure.store import audit

    return audit


def add(*bodies: dict[str, Any], at: int = NOW) -> None:
    """Add entries of a kind that no table answers for, each in a transaction of its own."""
    from dure.store import audit

    for body in bodies:
        with transaction.atomic():
            audit.append("test", f"thing {body.get('n')}", body, at)


def lines() -> list[bytes]:
    from dure.store import models

    return [line.encode() for line in models.Entry.objects.order_by("seq").values_list("line", flat=True)]


def faults(**how: Any) -> list[str]:
    from dure.store import auditcheck

    return [str(f) for f in auditcheck.check(KEYS, **how)]


def verified(heads: tuple[str, ...] = ()) -> Result:
    from dure.store import audit

    stream = io.BytesIO()
    audit.export(stream)
    stream.seek(0)
    return verify(stream, [str(SIGNER.key)], heads=heads)


# --- into the log --------------------------------------------------------------------------------------------------


def test_an_entry_stands_or_falls_with_its_change(audit: Any) -> None:
    with pytest.raises(RuntimeError):
        audit.append("test", "x", {}, NOW)
    with transaction.atomic():
        audit.append("test", "x", {}, NOW)
        transaction.set_rollback(True)
    assert audit.waiting() == (0, None)
    add({"n": 1})
    assert audit.waiting() == (1, NOW)
    assert (audit.size(), audit.root()) == (0, merkle.EMPTY_ROOT)


@pytest.mark.parametrize(
    "row",
    [
        ("test", "x", {"a": 0.5}, NOW),
        ("test", "x", {"a": 2**53}, NOW),
        ("test", "x", {"a": "\ud800"}, NOW),
        ("test", "x", {"a": "x" * 2**16}, NOW),
        ("test", "\0", {}, NOW),
        ("test", "", {}, NOW),
        ("test", "x" * 201, {}, NOW),
        ("Test", "x", {}, NOW),
        ("test", "x", {}, -1),
    ],
)
def test_what_has_no_canonical_form_fails_its_change(audit: Any, row: Any) -> None:
    with pytest.raises(InputError), transaction.atomic():
        audit.append_all([("test", "x", {}, NOW), row])
    assert audit.waiting() == (0, None)


TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS.filter(str.isprintable), st.dictionaries(TEXTS, VALUES, max_size=4)), max_size=6))
def test_a_line_is_the_canonical_form_of_its_entry(database: str, given: list[tuple[str, dict[str, Any]]]) -> None:
    from dure.store import audit

    empty()
    with transaction.atomic():
        audit.append_all([("test", f"a{about}", body, NOW) for about, body in given])
    assert audit.sequence() == len(given)
    assert lines() == [entry(n, NOW, "test", f"a{about}", body) for n, (about, body) in enumerate(given)]
    assert audit.root() == merkle.root([merkle.leaf_hash(line) for line in lines()])
    assert faults() == []


def test_the_tree_is_the_tree_of_the_lines_however_it_grew(audit: Any) -> None:
    """700 entries in unlike batches: roots, inclusion and consistency at sizes on both sides of every edge of a tile."""
    with transaction.atomic():
        audit.append_all([("test", "x", {"n": n}, NOW) for n in range(700)])
    for most in (1, 2, 252, 1, 1, 254, 2, 1000):
        audit.sequence(most)
    leaves = [merkle.leaf_hash(line) for line in lines()]
    assert [json.loads(line)["body"]["n"] for line in lines()] == list(range(700))
    sizes = [1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 699, 700]
    roots = {size: merkle.root(leaves[:size]) for size in sizes}
    for size in sizes:
        assert audit.root(size) == roots[size]
        for index in {0, 1, 254, 255, 256, 257, 511, 512, size - 1, size // 2} & set(range(size)):
            leaf, proof = audit.inclusion(index, size)
            assert leaf == leaves[index]
            assert merkle.verify_inclusion(leaf, index, size, proof, roots[size])
        for old in (s for s in sizes if s <= size):
            assert merkle.verify_consistency(old, size, roots[old], roots[size], audit.consistency(old, size))
    with pytest.raises(InputError):
        audit.inclusion(700)
    with pytest.raises(InvariantBroken):
        audit.root(701)


def test_levels_above_the_second_are_those_of_the_tree(audit: Any) -> None:
    """Tiles of 70,000 leaves (a third level), against the frontier, without a database."""
    leaves = [merkle.leaf_hash(n.to_bytes(4, "big")) for n in range(70_000)]
    tiles: dict[Any, bytes] = {}
    for first, last in ((0, 65_535), (65_535, 65_537), (65_537, 70_000)):
        tiles |= audit.grown(first, leaves[first:last], tiles)
    assert {level: sum(k[0] == level for k in tiles) for level in range(3)} == {0: 274, 1: 2, 2: 1}
    assert tiles[2, 0] == merkle.root(leaves[:65_536])
    assert tiles[1, 1] == b"".join(merkle.root(leaves[n : n + 256]) for n in range(65_536, 69_888, 256))


def test_a_clock_that_is_set_back_does_not_turn_the_log(audit: Any) -> None:
    for at in (NOW, NOW - 500, NOW + 5):
        add({"n": at}, at=at)
        audit.sequence()
    add({"n": 4}, at=NOW)
    audit.sequence_all()
    assert [e["at"] for e in audit.entries()] == [NOW, NOW, NOW + 5, NOW + 5]
    assert faults() == []
    audit.checkpoint(SIGNER, LOG, NOW + 9)
    add({"n": 5})
    audit.sequence()
    audit.checkpoint(SIGNER, LOG, NOW)
    from dure.store import models

    assert list(models.Checkpoint.objects.order_by("size").values_list("at_utc_s", flat=True)) == [NOW + 9, NOW + 9]


def test_sequencing_is_never_part_of_what_can_be_taken_back(audit: Any) -> None:
    add({"n": 1})
    with transaction.atomic(), pytest.raises(RuntimeError):
        audit.sequence()
    assert audit.size() == 0


# --- several at once, and sudden death -----------------------------------------------------------------------------


def forked(*works: Callable[[], Any]) -> None:
    """Do the works in processes of their own at the same time; all must end well."""
    connections.close_all()
    if SERVER:
        connection.close_pool()
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            ended = 1
            try:
                work()
                ended = 0
            finally:
                os._exit(ended)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(works)


def test_racing_sequencers_and_writers_lose_and_double_nothing(audit: Any) -> None:
    def write(writer: int) -> None:
        for n in range(30):
            with transaction.atomic():
                audit.append_all([("test", f"w{writer}", {"w": writer, "n": 2 * n + k}, NOW) for k in range(2)])

    def order() -> None:
        quiet = time.monotonic() + 20
        while audit.size() < 120 and time.monotonic() < quiet:
            audit.sequence(7)

    forked(order, order, lambda: write(0), lambda: write(1))
    audit.sequence_all()
    found = [(e["body"]["w"], e["body"]["n"]) for e in audit.entries(limit=1000)]
    assert sorted(found) == [(w, n) for w in range(2) for n in range(60)]
    assert [n for w, n in found if w == 0] == list(range(60))  # of one writer, in its order
    assert faults() == []


def test_threads_that_sequence_at_once_leave_one_log(audit: Any) -> None:
    with transaction.atomic():
        audit.append_all([("test", "x", {"n": n}, NOW) for n in range(200)])
    at_once(lambda n: [audit.sequence(9, wait=n % 2 == 0) for _ in range(10)], writers=4)
    audit.sequence_all()
    assert [e["body"]["n"] for e in audit.entries(limit=1000)] == list(range(200))
    assert faults() == []


def test_killed_at_any_step_of_sequencing_it_is_all_or_nothing(audit: Any) -> None:
    outcomes = []
    for n in range(1, 30):
        add(*({"n": f"{n}/{k}"} for k in range(3)))
        size = audit.size()
        killed = death_at(n, lambda: audit.sequence())
        assert (audit.size(), audit.waiting().rows) in [(size, 3), (size + 3, 0)]
        moved = audit.size() > size
        audit.sequence_all()
        assert audit.size() == size + 3
        assert faults() == []
        outcomes.append((killed, moved))
        if not killed:
            break
    assert outcomes[-2:] == [(True, True), (False, True)]  # killed after its commit; not killed
    assert outcomes[:-2] == [(True, False)] * len(outcomes[:-2])
    assert len(outcomes) >= 8  # what waits, begin or lock, take, last, edge, entries, tiles, commit
    assert [e["body"]["n"] for e in audit.entries(limit=1000)] == [
        f"{n}/{k}" for n in range(1, len(outcomes) + 1) for k in range(3)
    ]


def test_killed_while_it_signs_there_is_one_head_or_none(audit: Any) -> None:
    for n in range(1, 30):
        add({"n": n})
        audit.sequence()
        killed = death_at(n, lambda: audit.checkpoint(SIGNER, LOG, NOW))
        note = audit.checkpoint(SIGNER, LOG, NOW)
        assert notes.open_note(note, KEYS).checkpoint == notes.Checkpoint(LOG, n, audit.root(n))
        assert note == audit.checkpoint(SIGNER, LOG, NOW + 1) == audit.latest_checkpoint()
        if not killed:
            break
    assert n >= 5
    assert faults() == []


# --- what the log hides --------------------------------------------------------------------------------------------


def test_a_person_has_one_commitment_until_it_is_erased_and_a_text_has_many(audit: Any) -> None:
    kim = audit.conceal("kim", "kim")
    assert kim == audit.conceal("kim", "kim") != audit.conceal("lee", "lee")
    texts = {audit.conceal("for the record", "kim") for _ in range(3)}
    assert len(texts) == 3
    assert audit.conceal("", "kim") == ""
    assert all(t.startswith("sha256:") and len(t) == 71 for t in (kim, *texts))
    assert audit.revealed([kim, *texts]) == {kim: "kim", **dict.fromkeys(texts, "for the record")}
    add({"by": kim, "n": 1})
    audit.sequence()
    audit.checkpoint(SIGNER, LOG, NOW)
    assert audit.erase("kim") == 4
    assert audit.revealed([kim, *texts]) == {}
    assert audit.conceal("kim", "kim") != kim
    assert faults() == []
    assert verified().ok


# --- signed heads --------------------------------------------------------------------------------------------------


def test_a_cosignature_is_kept_only_if_it_verifies(audit: Any) -> None:
    with pytest.raises(InputError, match="no entry"):
        audit.checkpoint(SIGNER, LOG, NOW)
    with pytest.raises(InputError, match="no signed head"):
        audit.export(io.BytesIO())
    assert audit.latest_checkpoint() is None
    add({"n": 1})
    audit.sequence()
    text, _ = notes.split_note(audit.checkpoint(SIGNER, LOG, NOW))
    other = notes.Signer.from_seed("witness.example", b"\3" * 32, notes.COSIGNATURE)
    for line in (notes.cosign(text + " ", WITNESS, NOW), notes.cosign(text, other, NOW), notes.sign(text, SIGNER)):
        with pytest.raises(InputError):
            audit.add_cosignature(1, WITNESS.key, line)
    with pytest.raises(InputError):
        audit.add_cosignature(2, WITNESS.key, notes.cosign(text, WITNESS, NOW))
    for at in (NOW, NOW + 60):
        audit.add_cosignature(1, WITNESS.key, notes.cosign(text, WITNESS, at))
    opened = notes.open_note(audit.latest_checkpoint(), [*KEYS, WITNESS.key])
    assert (opened.signed, opened.cosigned) == ((LOG,), (("witness.example", NOW + 60),))


def test_an_export_holds_what_was_signed_and_at_most_a_thousand_heads(audit: Any) -> None:
    from dure.store import models

    with transaction.atomic():
        audit.append_all([("test", "x", {"n": n}, NOW) for n in range(1105)])
    audit.sequence_all()
    tree, rows = merkle.EMPTY, []
    for size, line in enumerate(lines()[:1101], 1):
        tree = merkle.extend(tree, [merkle.leaf_hash(line)])
        head = notes.Checkpoint(LOG, size, tree.root())
        note = notes.note(head.text(), [notes.sign(head.text(), SIGNER)])
        rows.append(models.Checkpoint(size=size, root=head.root, note=note, at_utc_s=NOW))
    models.Checkpoint.objects.bulk_create(rows)
    stream, told = io.BytesIO(), []
    assert audit.export(stream, told.append) == (1101, 4)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with zipfile.ZipFile(stream) as archive:
        sizes = [int(n.rpartition("/")[2]) for n in archive.namelist() if n.startswith("checkpoints/")]
        assert len(archive.read("entries.jsonl").splitlines()) == 1101
    assert (len(sizes), len(set(sizes)), sizes[0], sizes[-1]) == (1000, 1000, 1, 1101)
    stream.seek(0)
    assert verify(stream, [str(SIGNER.key)]).ok


# --- rows that cannot be changed, and changes that are found -------------------------------------------------------


@pytest.fixture
def sealed(audit: Any) -> Any:
    """Twelve entries under two heads; journal, happenings and decisions with their entries; something still waits."""
    from dure.store import ledger, models

    audit.start(NOW)
    ledger.record([Transfer("issue", "programme", "track:c/a", 1_000, Cause.ISSUE, NOW)])
    ledger.record([Transfer(f"award{n}", "track:c/a", "project:p", 10, Cause.AWARD, NOW) for n in range(3)])
    for n in range(2):
        happen(f"c-{n}", note="a word" if n else "")
    decide()
    audit.sequence_all()
    audit.checkpoint(SIGNER, LOG, NOW)
    add(*({"n": n} for n in range(4)))
    happen("kim", kind="role")
    audit.sequence_all()
    audit.checkpoint(SIGNER, LOG, NOW + 60)
    ledger.record([Transfer("more", "track:c/a", "project:q", 10, Cause.AWARD, NOW)])
    happen("c-9")
    assert models.Entry.objects.count() == 11
    assert audit.waiting().rows == 2
    assert faults() == []
    return audit


def happen(about: str, kind: str = "application", note: str = "") -> None:
    from dure.store import audit, models

    with transaction.atomic():
        row = models.Happening.objects.create(
            seq=models.Happening.objects.count() + 1,
            kind=kind,
            about=about,
            event="submit",
            before="draft",
            after="submitted",
            by="kim",
            at_utc_s=NOW,
            note=note,
        )
        audit.append("happening", *audit.happening_body(row), NOW)


def decide() -> None:
    from dure.store import audit, models

    with transaction.atomic():
        row = models.Decision.objects.create(
            seq=1,
            act="award", about="c-1", facts={"flop": 10**11}, as_of_utc_s=NOW, allowed=True, reasons=["r-1"],
            obligations=[], faults=[], rules="ab" * 32, by="kim", at_utc_s=NOW,
        )  # fmt: skip
        audit.append("decision", *audit.decision_body(row), NOW)


def test_nobody_and_no_free_text_is_named_in_the_log(sealed: Any) -> None:
    text = b"\n".join(lines())
    assert b"kim" not in text
    assert b"a word" not in text
    by = {e["body"]["by"] for e in sealed.entries() if "by" in e["body"]}
    assert len(by) == 1
    assert sealed.revealed(by) == dict.fromkeys(by, "kim")
    [role] = [e for e in sealed.entries() if e["body"].get("kind") == "role"]
    assert role["about"] == role["body"]["about"] == role["body"]["by"]


@pytest.mark.parametrize("table", ["store_entry", "store_checkpoint"])
@pytest.mark.parametrize("change", ["UPDATE {} SET at_utc_s = 1", "DELETE FROM {}"])
def test_the_database_refuses_to_change_the_log(sealed: Any, table: str, change: str) -> None:
    with pytest.raises(DatabaseError, match=f"{table} is append-only"), connection.cursor() as cursor:
        cursor.execute(change.format(table))
    assert faults() == []


def tamper(*statements: str | tuple[str, list[Any]]) -> None:
    """Change rows as one could who may do everything."""
    with transaction.atomic(), connection.cursor() as cursor:
        if SERVER:
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            sql, values = (statement, []) if isinstance(statement, str) else statement
            cursor.execute(sql, values)
            assert cursor.rowcount > 0, sql


def edited_line(seq: int, old: str, new: str) -> tuple[str, list[Any]]:
    return "UPDATE store_entry SET line = replace(line, %s, %s) WHERE seq = %s", [old, new, seq]


def leaf_made_to_fit(seq: int) -> tuple[str, list[Any]]:
    from dure.store import models

    line = models.Entry.objects.get(seq=seq).line.replace('"n":1', '"n":9')
    return "UPDATE store_entry SET line = %s, leaf = %s WHERE seq = %s", [line, merkle.leaf_hash(line.encode()), seq]


def rewritten(signer: notes.Signer, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """All of the log made anew from changed lines, consistently: entries, leaves, tiles, and heads of another key."""
    from dure.store import audit, models

    new = change(lines())
    leaves = [merkle.leaf_hash(line) for line in new]
    with transaction.atomic():
        models.Cosignature.objects.all().delete()
    tamper("DELETE FROM store_checkpoint", "DELETE FROM store_entry", "DELETE FROM store_tile")
    for seq, (line, leaf) in enumerate(zip(new, leaves)):
        said = json.loads(line)
        models.Entry.objects.create(
            seq=seq, kind=said["kind"], about=said["about"], at_utc_s=said["at"], line=line.decode(), leaf=leaf
        )
    for (level, number), tile in audit.grown(0, leaves, {}).items():
        models.Tile.objects.create(level=level, number=number, hashes=tile)
    head = notes.Checkpoint(LOG, len(new), merkle.root(leaves))
    note = notes.note(head.text(), [notes.sign(head.text(), signer)])
    models.Checkpoint.objects.create(size=head.size, root=head.root, note=note, at_utc_s=NOW + 60)


def test_one_line_that_was_changed_is_named(sealed: Any) -> None:
    tamper(edited_line(7, '"n":1', '"n":9'))
    assert "entry 7: its line does not give its leaf" in faults()[0]
    result = verified()
    assert (result.ok, result.first_bad) == (False, 7)


def test_a_line_and_its_leaf_that_were_changed_break_the_tree(sealed: Any) -> None:
    tamper(leaf_made_to_fit(7))
    told = faults()
    assert any("tile 0/0" in f for f in told)
    assert any("not those of checkpoint 11" in f for f in told)
    assert not any("checkpoint 6" in f for f in told)
    assert not verified().ok


def test_a_deleted_entry_is_named(sealed: Any) -> None:
    tamper("DELETE FROM store_entry WHERE seq = 7")
    assert faults()[0].startswith("entry 7: is missing")
    assert not verified().ok


def test_two_entries_that_changed_places_are_found(sealed: Any) -> None:
    move = "UPDATE store_entry SET seq = {} WHERE seq = {}"
    tamper(move.format(99, 7), move.format(7, 8), move.format(8, 99))
    assert faults()[0].startswith("entry 7: ")
    assert not verified().ok


def test_a_tail_that_was_cut_is_found(sealed: Any) -> None:
    old = sealed.latest_checkpoint()
    tamper("DELETE FROM store_entry WHERE seq > 8")
    assert any("the log has 9 entries, checkpoint 11 had 11: its tail was cut" in f for f in faults())
    assert not verified().ok
    with pytest.raises(InvariantBroken):
        sealed.checkpoint(SIGNER, LOG, NOW)
    # ... with the newest head, and tiles to fit: what is kept elsewhere, and the tables, tell
    rewritten(SIGNER, lambda kept: kept[:9])
    assert [f for f in faults() if "tail was cut" in f] == []
    assert any("happenings row 3 has no entry" in f for f in faults())
    assert any("a head that was kept elsewhere had 11: its tail was cut" in f for f in faults(heads=[old]))
    assert verified().ok
    assert not verified((old,)).ok


def test_a_log_that_was_rewritten_without_the_key_is_not_signed(sealed: Any) -> None:
    rewritten(THIEF, lambda kept: [line.replace(b'"n":1', b'"n":9') for line in kept])
    assert any("checkpoint 11: " in f for f in faults())
    assert not verified().ok


def test_a_log_that_was_rewritten_with_the_key_is_not_what_others_saw(sealed: Any) -> None:
    old = sealed.latest_checkpoint()
    rewritten(SIGNER, lambda kept: [line.replace(b'"n":1', b'"n":9') for line in kept])
    assert faults() == []  # nothing in here can tell
    assert verified().ok
    assert any("a head that was kept elsewhere" in f for f in faults(heads=[old]))
    assert not verified((old,)).ok


def test_nothing_is_signed_on_a_log_that_no_longer_begins_as_it_was_signed(sealed: Any) -> None:
    sealed.sequence_all()
    with connection.cursor() as cursor:
        cursor.execute("SELECT hashes FROM store_tile WHERE level = 0")
        tile = bytes(cursor.fetchone()[0])
        cursor.execute("UPDATE store_tile SET hashes = %s WHERE level = 0", [tile[:64] + bytes(32) + tile[96:]])
    with pytest.raises(InvariantBroken, match="no longer begins"):
        sealed.checkpoint(SIGNER, LOG, NOW)
    assert any("tile 0/0" in f for f in faults())


@pytest.mark.parametrize(
    ("sql", "entry", "words"),
    [
        ("UPDATE store_entry SET about = 'x' WHERE seq = 7", 7, "columns differ"),
        ("UPDATE store_entry SET at_utc_s = at_utc_s + 1 WHERE seq = 10", 10, "columns differ"),
        ("DELETE FROM store_tile", 0, "tile 0/0"),
        ("INSERT INTO store_tile (level, number, hashes) VALUES (3, 0, '')", None, "belong to no entry"),
        ("UPDATE store_transfer SET reason = 'other' WHERE seq = 2", 2, "transfers 2 to 4"),
        ("DELETE FROM store_transfer WHERE seq = 4", 2, "transfers 2 to 4"),
        ("DELETE FROM store_transfer WHERE seq = 1", 1, "transfers 1 to 1"),
        ("DELETE FROM store_transfer WHERE seq = 5", None, "transfers 5 to 5"),
        ("UPDATE store_transfer SET seq = 6 WHERE seq = 5", None, "transfers 5 to 5"),
        ("UPDATE store_happening SET after = 'draft' WHERE seq = 1", 3, "another after"),
        ("UPDATE store_happening SET at_utc_s = 5 WHERE seq = 1", 3, "another at"),
        ("UPDATE store_happening SET about = 'c-7' WHERE seq = 1", 3, "another about"),
        ("UPDATE store_happening SET about = 'lee' WHERE seq = 3", 10, "another about"),
        ("UPDATE store_happening SET \"by\" = 'lee' WHERE seq = 2", 4, "another by"),
        ("UPDATE store_happening SET note = '' WHERE seq = 2", 4, "another note"),
        ("UPDATE store_happening SET note = 'x' WHERE seq = 1", 3, "another note"),
        ("UPDATE store_happening SET event = 'x' WHERE seq = 4", None, "another event"),
        ("DELETE FROM store_happening WHERE seq = 2", 4, "has no row 2"),
        ("UPDATE store_decision SET allowed = NOT allowed", 5, "another allowed"),
        ("UPDATE store_decision SET facts = '{}'", 5, "another facts"),
        ("UPDATE store_decision SET faults = '[1]'", 5, "another faults"),
        ("DELETE FROM store_decision", 5, "has no row 1"),
        ("UPDATE store_secret SET value = 'lee' WHERE value = 'kim'", None, "not what was committed to"),
        ("DELETE FROM store_outbox", None, "transfers 5 to 5 have no entry"),
        ("DELETE FROM store_outbox", None, "happenings row 4 has no entry"),
        ("UPDATE store_outbox SET body = '{' WHERE kind = 'ledger'", None, "no JSON"),
        ("UPDATE store_outbox SET body = '{}' WHERE kind = 'ledger'", None, "not of its kind"),
    ],
)
def test_each_change_is_found_and_named(sealed: Any, sql: str, entry: int | None, words: str) -> None:
    tamper(sql)
    place = "" if entry is None else f"entry {entry}: "
    assert any(f.startswith(place) and words in f for f in faults()), faults()


def test_rows_that_nobody_logged_are_found(sealed: Any) -> None:
    from dure.store import models

    models.Happening.objects.create(seq=5, kind="call", about="c", event="x", by="kim", at_utc_s=NOW)
    assert faults() == ["happenings row 5 has no entry"]


def test_a_transfer_and_its_balances_that_were_changed_together_are_found(sealed: Any) -> None:
    """The books hold, and the ledger's own check is content: the log is not."""
    from dure.store import ledger

    tamper(
        "UPDATE store_transfer SET amount = 25 WHERE seq = 3",
        "UPDATE store_account SET credits = credits + 15 WHERE name = 'project:p'",
        "UPDATE store_account SET debits = debits + 15 WHERE name = 'track:c/a'",
    )
    assert ledger.verify() == (5, [])
    assert faults() == ["entry 2: transfers 2 to 4 are not as they were booked"]


def test_entries_without_rows_of_the_journal_are_found(sealed: Any) -> None:
    with transaction.atomic():
        sealed.append("ledger", "journal", {"first": 6, "last": 2**50, "digest": "0" * 64}, NOW)
        sealed.append(
            "happening", "c-0", sealed.happening_public(row_of(1)) | {"by": "", "note": "", "about": "c-0"}, NOW
        )
    told = faults()
    assert f"transfers 6 to {2**50} are not as they were booked" in told
    assert "happenings row 1 has two entries" in told


def row_of(seq: int) -> Any:
    from dure.store import models

    return models.Happening.objects.get(seq=seq)


def test_what_was_erased_is_not_accused(sealed: Any) -> None:
    assert sealed.erase("kim") == 2
    assert faults() == []
    assert verified().ok


# --- databases that are older than the log -------------------------------------------------------------------------


def test_rows_older_than_the_log_are_held_against_its_first_entry(audit: Any) -> None:
    from dure.store import ledger, models

    assert ledger.record([Transfer("issue", "programme", "track:c/a", 1_000, Cause.ISSUE, NOW)]) == [Code.OK]
    models.Outbox.objects.all().delete()  # as it was before there was a log
    models.Happening.objects.create(seq=1, kind="call", about="c", event="x", by="kim", at_utc_s=NOW)
    audit.start(NOW)
    audit.start(NOW + 1)
    assert audit.waiting() == (1, NOW)
    ledger.record([Transfer("award", "track:c/a", "project:p", 10, Cause.AWARD, NOW)])
    happen("c-1")
    assert audit.sequence_all() == 3
    audit.start(NOW + 2)
    assert audit.waiting() == (0, None)
    assert faults() == []
    tamper("UPDATE store_transfer SET amount = 999 WHERE seq = 1")
    assert faults() == ["entry 0: transfers up to 1 are not as they were when the log began"]
    tamper(
        "UPDATE store_transfer SET amount = 1000 WHERE seq = 1", "UPDATE store_happening SET event = 'y' WHERE seq = 1"
    )
    assert faults() == ["entry 0: happenings up to 1 are not as they were when the log began"]
