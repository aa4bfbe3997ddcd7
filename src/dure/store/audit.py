"""The audit log in the database: an outbox beside the business, one sequencer, tiles of the tree, signed heads, an export.

`append` adds to the outbox in the transaction of the change that it tells of, so that both stand or neither. `sequence` moves
what waits there into the log. Order is the sequencer's: an entry's place says when it entered, not when its change began.
Tiles are those of C2SP tlog-tiles, 256 hashes each, and only a shortcut: everything follows from the entries' lines.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from hashlib import sha256
from secrets import token_bytes
from typing import IO, Any, Final, NamedTuple

from django.db import connection, transaction
from django.db.models import F

from dure.audit import merkle, notes
from dure.audit.canonical import canonical
from dure.errors import InputError, InvariantBroken
from dure.ledger.model import Transfer
from dure.store import models
from dure.store.sql import binary_cursor, insert

COMMITMENT: Final = "sha256:"  # how a commitment begins
TILE: Final = 256  # hashes
CHUNK: Final = 10_000  # entries read at once where all are
BODY_MOST: Final = 64 * 1024  # bytes of canonical JSON: what verifies an export takes no longer line
_HASH: Final = 32  # bytes
_LOCK: Final = 0x6175_6474  # the advisory lock of the one sequencer: "audt"
_CHECKPOINTS_MOST: Final = 1000  # in an export
_KIND = re.compile(r"[a-z_]{1,20}")
_ABOUT = re.compile(r"[^\x00-\x1f\ud800-\udfff]{1,200}")
_JOURNAL: Final = ("seq", *(f.name for f in fields(Transfer)))
_TEXT: Final = json.JSONEncoder(ensure_ascii=False)
_OUTBOX: Final = ("kind", "about", "body", "at_utc_s")
_ENTRY: Final = ("seq", "kind", "about", "at_utc_s", "line", "leaf")

Advance = Callable[[float], object]  # the part that is done, 0 to 1
Waiting_ = tuple[str, str, Mapping[str, Any], int]  # kind, about, body, at_utc_s
Place = tuple[int, int]  # of a tile: level, number


class Waiting(NamedTuple):
    """The gap between the business and the log: entries that have no place yet, and since when."""

    rows: int
    oldest_at_utc_s: int | None


class Exported(NamedTuple):
    """What an export holds: entries up to the newest checkpoint, and how many stand behind it and are not in it."""

    entries: int
    behind: int


# --- into the outbox -----------------------------------------------------------------------------------------------


def append(kind: str, about: str, body: Mapping[str, Any], at_utc_s: int) -> None:
    """Add an entry in the transaction at hand. Raises InputError for a body that has no canonical form, RuntimeError
    outside of a transaction."""
    append_all([(kind, about, body, at_utc_s)])


def append_all(rows: Sequence[Waiting_]) -> None:
    """Add several entries, in their order, by one statement; raises as `append` does."""
    if not connection.in_atomic_block:
        raise RuntimeError("an audit entry belongs to the transaction of what it tells of")
    checked = [_checked(*row) for row in rows]
    with connection.cursor() as cursor:
        insert(cursor, "store_outbox", _OUTBOX, checked)


def _checked(kind: str, about: str, body: Mapping[str, Any], at_utc_s: int) -> tuple[str, str, str, int]:
    if not _KIND.fullmatch(kind):
        raise InputError("not a kind of entry", field="kind", value=kind, accepted="1 to 20 of a-z and _")
    if not _ABOUT.fullmatch(about):
        raise InputError("cannot be what an entry is about", field="about", value=about, accepted="1 to 200 characters")
    if not 0 <= at_utc_s < 2**53:
        raise InputError("not a time", field="at_utc_s", value=at_utc_s, accepted="seconds since 1970")
    text = canonical({"body": body})[len('{"body":') : -1]  # as deep as it will stand in its entry
    if len(text) > BODY_MOST:
        raise InputError("too long for the log", field="body", value=len(text), accepted=f"{BODY_MOST} bytes; a digest")
    return kind, about, text.decode(), at_utc_s


def start(now: int) -> None:
    """The first entry: what the tables held when the log began, for which it answers no further. Once only."""
    with transaction.atomic(), connection.cursor() as cursor:
        _alone(cursor, wait=True)
        if not models.Entry.objects.exists() and not models.Outbox.objects.exists():
            append("start", "log", {table: standing(table) for table in TABLES}, now)


def standing(table: str, last: int | None = None) -> dict[str, Any]:
    """What one of TABLES holds (up to a row): its last row, how many, and a digest of what in them hides nothing."""
    digest, count, found = sha256(), 0, 0
    for seq, line in TABLES[table](2**62 if last is None else last):
        digest.update(line)
        count, found = count + 1, seq
    return {"last": found if last is None else last, "count": count, "digest": digest.hexdigest()}


def ledger_body(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The body of kind "ledger": a batch of rows of the journal, each its `seq` and its columns."""
    return {"first": rows[0][0], "last": rows[-1][0], "digest": transfers_digest(rows)}


def transfers_digest(rows: Iterable[Sequence[Any]]) -> str:
    """SHA-256 over rows of the journal: each its columns in their order, from `seq` on, as a line of ASCII JSON. Amounts
    pass 2^53, which canonical JSON does not write."""
    return sha256(b"".join(map(_journal_line, rows))).hexdigest()


def _journal_line(row: Sequence[Any]) -> bytes:
    return f"{json.dumps(list(row), separators=(',', ':'))}\n".encode()


def journal(first: int, last: int) -> Iterator[list[Any]]:
    """Rows of the journal as they are digested: `seq`, then the columns of a Transfer."""
    columns = ", ".join(f'"{name}"' for name in _JOURNAL)
    with connection.cursor() as cursor:
        while first <= last:
            cursor.execute(
                f"SELECT {columns} FROM store_transfer WHERE seq BETWEEN %s AND %s ORDER BY seq LIMIT %s",
                [first, last, CHUNK],
            )
            rows = cursor.fetchall()
            for row in rows:
                yield [bool(v) if name == "linked" else v for name, v in zip(_JOURNAL, row)]
            first = rows[-1][0] + 1 if len(rows) == CHUNK else last + 1


def happening_body(row: models.Happening) -> tuple[str, dict[str, Any]]:
    """What kind "happening" is about, and its body: people and free texts as commitments, so call it once a row."""
    about = conceal(row.about, row.about) if row.kind == "role" else row.about
    by, note = conceal(row.by, row.by), conceal(row.note, row.by)
    return about, {**happening_public(row), "about": about, "by": by, "note": note}


def happening_public(row: models.Happening) -> dict[str, Any]:
    """The part of it that hides nothing."""
    return {"seq": row.seq, "kind": row.kind, "event": row.event, "before": row.before, "after": row.after,
            "at": row.at_utc_s}  # fmt: skip


def decision_body(row: models.Decision) -> tuple[str, dict[str, Any]]:
    """What kind "decision" is about, and its body: the facts as a digest, who asked as a commitment."""
    return row.about, {**decision_public(row), "by": conceal(row.by, row.by)}


def decision_public(row: models.Decision) -> dict[str, Any]:
    """The part of it that hides nobody."""
    return {
        "seq": row.seq, "act": row.act, "about": row.about, "as_of": row.as_of_utc_s, "allowed": row.allowed,
        "reasons": row.reasons, "obligations": row.obligations, "rules": row.rules, "at": row.at_utc_s,
        "facts": sha256(canonical(row.facts)).hexdigest(), "faults": sha256(canonical(row.faults)).hexdigest(),
    }  # fmt: skip


def _of_happenings(last: int) -> Iterator[tuple[int, bytes]]:
    for row in models.Happening.objects.filter(seq__lte=last).order_by("seq").iterator(CHUNK):
        about = "" if row.kind == "role" else row.about
        yield row.seq, canonical({**happening_public(row), "about": about})


def _of_decisions(last: int) -> Iterator[tuple[int, bytes]]:
    for row in models.Decision.objects.filter(seq__lte=last).order_by("seq").iterator(CHUNK):
        yield row.seq, canonical(decision_public(row))


TABLES: Final[dict[str, Callable[[int], Iterator[tuple[int, bytes]]]]] = {
    "transfers": lambda last: ((row[0], _journal_line(row)) for row in journal(1, last)),
    "happenings": _of_happenings,
    "decisions": _of_decisions,
}


# --- what the log hides --------------------------------------------------------------------------------------------


def conceal(value: str, person: str) -> str:
    """A commitment to a value, whose salt is kept until `erase`; "" stays "". A person's own name has one commitment
    as long as it is not erased (two first acts at one moment may make two); a text has a new one each time."""
    if not value:
        return ""
    if value == person:
        found = models.Secret.objects.filter(person=person, value=F("person")).order_by("digest").first()
        if found:
            return COMMITMENT + found.digest
    salt = token_bytes(_HASH)
    models.Secret.objects.create(digest=committed(salt, value), salt=salt, value=value, person=person)
    return COMMITMENT + committed(salt, value)


def committed(salt: bytes, value: str) -> str:
    """The digest that commits to a value."""
    return sha256(bytes(salt) + value.encode()).hexdigest()


def erase(person: str) -> int:
    """Forget what commitments of this person hide; how many. The log stays whole and says no more who it was."""
    return models.Secret.objects.filter(person=person).delete()[0]


def revealed(digests: Iterable[str]) -> dict[str, str]:
    """What commitments hide, as far as it is not erased."""
    wanted = {digest.removeprefix(COMMITMENT) for digest in digests}
    rows = models.Secret.objects.filter(digest__in=wanted).values_list("digest", "value")
    return {COMMITMENT + digest: value for digest, value in rows}


# --- the one sequencer ---------------------------------------------------------------------------------------------


def sequence(most: int = 1000, *, wait: bool = False) -> int:
    """Move the oldest of what waits into the log, in one transaction; how many. 0 while another does it, unless `wait`.

    Raises RuntimeError in a transaction of the caller: what is in the log is never taken back.
    """
    if not models.Outbox.objects.exists():  # nobody's lock is taken for nothing
        return 0
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if not _alone(cursor, wait):
            return 0
        # The rows themselves, not "up to the last": one that came earlier may be committed in this very moment.
        cursor.execute(
            "DELETE FROM store_outbox WHERE seq IN (SELECT seq FROM store_outbox ORDER BY seq LIMIT %s) "
            "RETURNING seq, kind, about, body, at_utc_s",
            [most],
        )
        return enter(cursor, [row[1:] for row in sorted(cursor.fetchall())])


def enter(cursor: Any, taken: Sequence[tuple[str, str, str, int]]) -> int:
    """Give entries (kind, about, body as `append` wrote it, at_utc_s) the next places; how many. For `sequence` alone, and
    for whoever fills a log of millions to measure it."""
    cursor.execute("SELECT seq, at_utc_s FROM store_entry ORDER BY seq DESC LIMIT 1")
    last, at = cursor.fetchone() or (-1, 0)
    rows = []
    for seq, (kind, about, body, at_utc_s) in enumerate(taken, last + 1):
        at = max(at, at_utc_s)  # a clock that was set back does not turn the log's
        # The line that `dure.audit.canonical.entry` makes: the body is canonical already.
        line = f'{{"about":{_TEXT.encode(about)},"at":{at},"body":{body},"kind":"{kind}","seq":{seq}}}'
        rows.append((seq, kind, about, at, line, merkle.leaf_hash(line.encode())))
    insert(cursor, "store_entry", _ENTRY, rows)
    tiles = grown(last + 1, [row[-1] for row in rows], tiles_at(_edge(last + 1)))
    insert(
        cursor, "store_tile", ("level", "number", "hashes"), [(*place, t) for place, t in tiles.items()],
        "ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes",
    )  # fmt: skip
    return len(rows)


def sequence_all(advance: Advance = lambda part: None) -> int:
    """Move all that waits now into the log; how many."""
    most, done = models.Outbox.objects.count(), 0
    while done < most and (moved := sequence(wait=True)):
        done += moved
        advance(min(1.0, done / most))
    return done


def _alone(cursor: Any, wait: bool) -> bool:
    """Become the one sequencer until the transaction ends (SQLite: one that writes is alone); False if another is."""
    if connection.vendor != "postgresql":
        return True
    name = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    cursor.execute(f"SELECT {name}(%s)", [_LOCK])
    return wait or bool(cursor.fetchone()[0])


def grown(size: int, leaves: Sequence[bytes], tiles: Mapping[Place, bytes]) -> dict[Place, bytes]:
    """The tiles that change when leaves are added to a log of `size`; `tiles` has those that are not full yet."""
    changed: dict[Place, bytes] = {}
    level, added = 0, list(leaves)
    while added:
        number, held = divmod(size >> 8 * level, TILE)
        hashes = tiles.get((level, number), b"") if held else b""
        if len(hashes) != held * _HASH:
            raise InvariantBroken(f"audit log: tile {level}/{number} holds {len(hashes)} bytes, not {held} hashes")
        hashes += b"".join(added)
        parts = [hashes[at : at + TILE * _HASH] for at in range(0, len(hashes), TILE * _HASH)]
        changed |= {(level, number + n): part for n, part in enumerate(parts)}
        added, level = [_subtree(part) for part in parts if len(part) == TILE * _HASH], level + 1
    return changed


# --- the tree ------------------------------------------------------------------------------------------------------


def size() -> int:
    """The number of entries that have their place."""
    last = models.Entry.objects.order_by("-seq").values_list("seq", flat=True).first()
    return 0 if last is None else last + 1


def _or_now(given: int | None) -> int:
    return size() if given is None else given


def waiting() -> Waiting:
    """What has no place yet."""
    oldest = models.Outbox.objects.order_by("seq").values_list("at_utc_s", flat=True).first()
    return Waiting(models.Outbox.objects.count(), oldest)


def hashes(places: Iterable[Place] = ()) -> merkle.Get:
    """The hashes of the tree, from its tiles: those at `places` are read at once, others when they are asked for."""
    known = tiles_at(places)

    def get(level: int, i: int) -> bytes:
        of_tiles, height = divmod(level, 8)
        number, first = divmod(i << height, TILE)
        if (of_tiles, number) not in known:
            known.update(tiles_at([(of_tiles, number)]))
        part = known.get((of_tiles, number), b"")[first * _HASH : (first + (1 << height)) * _HASH]
        if len(part) != _HASH << height:
            raise InvariantBroken(f"audit log: tile {of_tiles}/{number} lacks hashes")
        return _kept_subtree(part) if height else part

    return get


def _subtree(hashes: bytes) -> bytes:
    """The root over a power of two of neighbouring hashes: `merkle.root`, a level at a time, in half the time."""
    while len(hashes) > _HASH:
        pairs = range(0, len(hashes), 2 * _HASH)
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 2 * _HASH]).digest() for at in pairs])
    return hashes


_kept_subtree = lru_cache(maxsize=16_384)(
    _subtree
)  # proofs share the right edge of the tree and its upper levels; 10 MB


def root(size: int | None = None) -> bytes:
    """The root when the log had this size; now."""
    at = _or_now(size)
    get = hashes(_edge(at))
    levels = [level for level in range(at.bit_length()) if at >> level & 1]
    return merkle.Frontier(at, tuple(get(level, (at >> level) - 1) for level in reversed(levels))).root()


def inclusion(seq: int, size: int | None = None) -> tuple[bytes, list[bytes]]:
    """The leaf of an entry and the proof that it is in the log of this size (or of now). Raises InputError if it is not."""
    at = _or_now(size)
    get = hashes([*_path(seq, at), *_edge(at)])
    proof = merkle.inclusion_proof(seq, at, get)
    return get(0, seq), proof


def consistency(old: int, new: int | None = None) -> list[bytes]:
    """The proof that the log of `new` (or now) begins with that of `old`. Raises InputError for sizes that cannot be."""
    at = _or_now(new)
    return merkle.consistency_proof(old, at, hashes([*_path(max(old - 1, 0), at), *_edge(at)]))


def _path(index: int, size: int) -> list[Place]:
    """Where the tiles above a leaf are."""
    return [(level, index >> 8 * level + 8) for level in range(max(1, (size.bit_length() + 7) // 8))]


def _edge(size: int) -> list[Place]:
    """Where the tiles that are not full are."""
    levels = range((size.bit_length() + 7) // 8)
    return [(level, size >> 8 * level + 8) for level in levels if (size >> 8 * level) % TILE]


def tiles_at(places: Iterable[Place]) -> dict[Place, bytes]:
    """The tiles at these places, those that there are."""
    wanted = sorted(set(places))
    if not wanted:
        return {}
    either = " OR ".join(["(level = %s AND number = %s)"] * len(wanted))
    with binary_cursor() as cursor:  # asked with every proof: the ORM takes longer than the proof
        cursor.execute(f"SELECT level, number, hashes FROM store_tile WHERE {either}", [n for p in wanted for n in p])
        return {(level, number): bytes(hashes) for level, number, hashes in cursor.fetchall()}


# --- signed heads --------------------------------------------------------------------------------------------------


def checkpoint(signer: notes.Signer, origin: str, now: int) -> str:
    """Sign the head of the log, unless it is signed; the note. Raises InvariantBroken, and signs nothing, where the log no
    longer begins with the one that was signed last, InputError for a log without entries."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        _alone(cursor, wait=True)
        at, last = size(), models.Checkpoint.objects.order_by("-size").first()
        if last and last.size == at:
            return _note(last)
        if not at:
            raise InputError("the log has no entry yet", accepted="`dure init`, or `dure upgrade`")
        if last and (at < last.size or root(last.size) != bytes(last.root)):
            raise InvariantBroken(f"audit log: it no longer begins with its signed head of {last.size} entries")
        head = notes.Checkpoint(origin, at, root(at))
        note = notes.note(head.text(), [notes.sign(head.text(), signer)])
        row = models.Checkpoint(size=at, root=head.root, note=note, at_utc_s=max(now, last.at_utc_s if last else 0))
        row.save(force_insert=True)
    return note


def add_cosignature(size: int, witness: notes.Key, line: str) -> None:
    """Keep a witness's line under a checkpoint; its latest. Raises InputError unless it verifies, for no checkpoint too."""
    row = models.Checkpoint.objects.filter(size=size).first()
    if row is None:
        raise InputError("no checkpoint of this size", field="size", value=size)
    text, _ = notes.split_note(row.note)
    cosigned = dict(notes.open_note(notes.note(text, [line]), [witness]).cosigned)
    if witness.name not in cosigned:
        raise InputError("not a cosignature of this witness", field="witness", value=witness.name)
    at = cosigned[witness.name]
    models.Cosignature.objects.update_or_create(
        checkpoint=row, witness=witness.name, defaults={"line": line.strip(), "at_utc_s": at}
    )


def latest_checkpoint() -> str | None:
    """The newest signed head, with its cosignatures; None before the first."""
    row = models.Checkpoint.objects.order_by("-size").first()
    return _note(row) if row else None


def _note(row: models.Checkpoint) -> str:
    lines = row.cosignatures.order_by("witness").values_list("line", flat=True)
    return row.note + "".join(f"{line}\n" for line in lines)


# --- out of the log ------------------------------------------------------------------------------------------------


def entries(after: int = -1, limit: int = 100, about: str | None = None) -> list[dict[str, Any]]:
    """Entries behind one, oldest first; those about one thing. Each has about, at, body, kind and seq."""
    rows = models.Entry.objects.filter(seq__gt=after)
    if about is not None:
        rows = rows.filter(about=about)
    return [json.loads(line) for line in rows.order_by("seq").values_list("line", flat=True)[:limit]]


def export(stream: IO[bytes], advance: Advance = lambda part: None) -> Exported:
    """Write the log up to its newest checkpoint, as `dure.audit.verify` reads it. Raises InputError before the first.

    Nothing is checked here: whoever verifies it must see what is wrong with it.
    """
    sizes = list(models.Checkpoint.objects.order_by("size").values_list("size", flat=True))
    if not sizes:
        raise InputError("the log has no signed head yet", accepted="`dure audit seal`")
    last, written, step = sizes[-1], 0, max(1.0, (len(sizes) - 1) / (_CHECKPOINTS_MOST - 1))
    kept = [sizes[-1 - round(n * step)] for n in range(min(len(sizes), _CHECKPOINTS_MOST))]
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("format", "dure audit export 1\n")
        with archive.open("entries.jsonl", "w", force_zip64=True) as member:
            for chunk in _column("line", last):
                member.write("".join(f"{line}\n" for line in chunk).encode())
                advance(min(0.9, (written := written + len(chunk)) / last))
        leaves = zipfile.ZipInfo("leaves")  # hashes do not get smaller
        with archive.open(leaves, "w", force_zip64=True) as member:
            for chunk in _column("leaf", last):
                member.write(b"".join(map(bytes, chunk)))
        for row in models.Checkpoint.objects.filter(size__in=kept).order_by("size"):
            archive.writestr(f"checkpoints/{row.size:012}", _note(row))
    advance(1.0)
    return Exported(last, size() - last)


def _column(name: str, size: int) -> Iterator[list[Any]]:
    for first in range(0, size, CHUNK):
        rows = models.Entry.objects.filter(seq__range=(first, min(first + CHUNK, size) - 1)).order_by("seq")
        yield list(rows.values_list(name, flat=True))
