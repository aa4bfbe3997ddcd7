"""The audit log held against itself, against its signed heads, and against the tables that it tells of.

Everything is recomputed from the entries' lines; what the database keeps beside them is believed in nothing. Rows that
are older than the log are held against its first entry, "start". What a commitment hides is compared until it is erased.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from dure.audit import merkle, notes
from dure.audit.canonical import canonical
from dure.errors import InputError
from dure.store import audit, models
from dure.store.audit import CHUNK, COMMITMENT, TILE, Advance, Place
from dure.store.sql import one_moment

FAULTS_MOST: Final = 100  # told; a log with so many is not mended by reading more


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the log. `entry` counts from 0; None: a fault of no single entry."""

    entry: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.entry is None else f"entry {self.entry}: {self.what}"


class _Enough(Exception):
    pass


class _Faults(list[Fault]):
    def add(self, entry: int | None, what: str) -> None:
        self.append(Fault(entry, what))
        if len(self) == FAULTS_MOST:
            raise _Enough


def check(
    keys: Sequence[notes.Key] = (), heads: Sequence[str] = (), advance: Advance = lambda part: None
) -> list[Fault]:
    """Everything found wrong, at most FAULTS_MOST, the first entry first. `keys`: the programme's, under which every
    checkpoint must be signed (none: signatures are not looked at); `heads`: signed notes that somebody else kept."""
    faults = _Faults()
    with one_moment(), suppress(_Enough):
        _check(faults, keys, heads, advance)
    return sorted(faults, key=lambda f: (f.entry is None, f.entry or 0))


def _check(faults: _Faults, keys: Sequence[notes.Key], heads: Sequence[str], advance: Advance) -> None:
    size = audit.size()
    due = _heads(faults, keys, heads)
    tree, tiles, tables = merkle.EMPTY, _Tiles(faults), _Tables(faults)
    for chunk in _entries(faults):
        leaves = [leaf for leaf, _ in chunk]
        first = tree.size
        tiles.add(leaves)
        tables.add([entry for _, entry in chunk if entry])
        while due and due[0][0] <= first + len(leaves):
            at, root, whose = due.pop(0)
            tree = merkle.extend(tree, leaves[tree.size - first : at - first])
            if tree.root() != root:
                faults.add(None, f"the entries up to {at} are not those of {whose}")
        tree = merkle.extend(tree, leaves[tree.size - first :])
        advance(tree.size / max(1, size))
    for at, _, whose in due:
        faults.add(None, f"the log has {tree.size} entries, {whose} had {at}: its tail was cut")
    tiles.end()
    tables.end()


def _heads(faults: _Faults, keys: Sequence[notes.Key], others: Sequence[str]) -> list[tuple[int, bytes, str]]:
    """Size, root and name of every head that the log must have had, by size."""
    found = []
    for row in models.Checkpoint.objects.order_by("size").iterator(CHUNK):
        whose = f"checkpoint {row.size}"
        try:
            head = _opened(row.note, keys)
        except InputError as fault:
            faults.add(None, f"{whose}: {fault}")
            continue
        if (head.size, head.root) != (row.size, bytes(row.root)):
            faults.add(None, f"{whose}: its note says another head than its row")
        found.append((head.size, head.root, whose))
    for note in others:
        head = _opened(note, keys)
        found.append((head.size, head.root, "a head that was kept elsewhere"))
    return sorted(found)


def _opened(note: str, keys: Sequence[notes.Key]) -> notes.Checkpoint:
    """The head in a note, which one of the keys signed (none given: whoever). Raises InputError."""
    if not keys:
        return notes.Checkpoint.parse(notes.split_note(note)[0])
    opened = notes.open_note(note, keys)
    if not opened.signed:
        raise InputError("not signed by the programme", field="note", accepted=", ".join(map(str, keys)))
    return opened.checkpoint


_Entry = Mapping[str, Any]


def _entries(faults: _Faults) -> Iterator[list[tuple[bytes, _Entry | None]]]:
    """In chunks: the leaf that each line gives, and the entry in it (None for one that is none)."""
    expected, at = 0, 0
    while rows := list(
        models.Entry.objects.filter(seq__gte=expected).order_by("seq").values_list(
            "seq", "line", "leaf", "kind", "about", "at_utc_s"
        )[:CHUNK]
    ):  # fmt: skip
        chunk = []
        for seq, line, leaf, *columns in rows:
            if seq != expected:
                faults.add(expected, "is missing" if seq == expected + 1 else f"is missing, and all up to {seq - 1}")
            data = line.encode()
            computed = merkle.leaf_hash(data)
            if computed != bytes(leaf):
                faults.add(seq, "its line does not give its leaf")
            entry = _parsed(data)
            if entry is None:
                faults.add(seq, "its line is no canonical entry")
            elif [entry["seq"], entry["kind"], entry["about"], entry["at"]] != [seq, *columns]:
                faults.add(seq, "its line and its columns differ")
            elif entry["at"] < at:
                faults.add(seq, "it is dated before the entry before it")
            else:
                at = entry["at"]
            expected = seq + 1
            chunk.append((computed, entry))
        yield chunk


def _parsed(line: bytes) -> _Entry | None:
    try:
        entry: _Entry = json.loads(line)
        same = canonical(entry) == line and entry.keys() == {"about", "at", "body", "kind", "seq"}
        return entry if same and isinstance(entry["body"], dict) and isinstance(entry["at"], int) else None
    except (ValueError, InputError, AttributeError, RecursionError):
        return None


class _Tiles:
    """The tiles as the leaves make them, compared with those that are kept."""

    def __init__(self, faults: _Faults) -> None:
        self.faults, self.size, self.edge, self.count = faults, 0, dict[Place, bytes](), 0

    def add(self, leaves: Sequence[bytes]) -> None:
        tiles = self.edge | audit.grown(self.size, leaves, self.edge)
        self.size += len(leaves)
        self.edge = {place: tile for place, tile in tiles.items() if len(tile) < TILE * 32}
        self._compare({place: tile for place, tile in tiles.items() if place not in self.edge})

    def end(self) -> None:
        self._compare(self.edge)
        if (kept := models.Tile.objects.count()) > self.count:
            self.faults.add(None, f"{kept - self.count} tiles belong to no entry")

    def _compare(self, tiles: Mapping[Place, bytes]) -> None:
        kept = audit.tiles_at(tiles)
        for (level, number), tile in sorted(tiles.items()):
            self.count += (level, number) in kept
            stored = kept.get((level, number), b"")
            if stored != tile:
                at = next((n for n in range(0, len(tile), 32) if stored[n : n + 32] != tile[n : n + 32]), 0)
                first = (number * TILE + at // 32) * TILE**level
                self.faults.add(first, f"tile {level}/{number} over it is not what the entries make")


@dataclass
class _Tables:
    """The business tables, whose every row has its entry, and every entry its row."""

    faults: _Faults
    booked: int = 0  # the last row of the journal that was accounted for
    journal: Iterator[list[Any]] | None = None
    row: list[Any] | None = None  # the one of it that comes next
    said: dict[str, int] = field(default_factory=lambda: {"happenings": 0, "decisions": 0})  # older than the log
    seen: dict[str, array[int]] = field(default_factory=lambda: {"happenings": array("q"), "decisions": array("q")})

    def add(self, entries: Sequence[_Entry]) -> None:
        """Hold these entries against their rows, in the order of the log."""
        if entries and entries[0]["seq"] == 0 and entries[0]["kind"] == "start":
            self._start(entries[0]["body"])
        kinds: dict[str, list[_Entry]] = {"ledger": [], "happening": [], "decision": []}
        for entry in entries:
            if entry["kind"] in kinds:
                kinds[entry["kind"]].append(entry)
        try:
            self._ledger(kinds["ledger"])
            self._rows("happenings", kinds["happening"])
            self._rows("decisions", kinds["decision"])
        except (KeyError, TypeError, AttributeError) as fault:
            self.faults.add(entries[0]["seq"], f"from here on the body of an entry is not of its kind: {fault!r}")

    def _start(self, body: _Entry) -> None:
        for table, said in body.items():
            if table not in audit.TABLES or audit.standing(table, said["last"]) != said:
                self.faults.add(0, f"{table} up to {said['last']} are not as they were when the log began")
        self.booked = body["transfers"]["last"]
        self.said = {table: body[table]["last"] for table in self.said}

    def _ledger(self, entries: Sequence[_Entry]) -> None:
        for entry in entries:
            first, last = entry["body"]["first"], entry["body"]["last"]
            if first != self.booked + 1:
                self.faults.add(entry["seq"], f"it books transfers from {first} on, the next was {self.booked + 1}")
            batch = list(self._journal(last))
            ends = [row[0] for row in (batch[:1] + batch[-1:])]
            if ends != [first, last] or audit.transfers_digest(batch) != entry["body"]["digest"]:
                self.faults.add(entry["seq"], f"transfers {first} to {last} are not as they were booked")
            self.booked = last

    def _journal(self, last: int) -> Iterator[list[Any]]:
        """The rows of the journal that come next, up to one."""
        if self.journal is None:
            self.journal = audit.journal(self.booked + 1, 2**62)
            self.row = next(self.journal, None)
        while self.row and self.row[0] <= last:
            yield self.row
            self.row = next(self.journal, None)

    def _rows(self, table: str, entries: Sequence[_Entry]) -> None:
        if not entries:
            return
        model, public = _MODELS[table]
        kept = {row.seq: row for row in model.objects.filter(seq__in=[e["body"]["seq"] for e in entries])}
        hidden = [v for e in entries for v in e["body"].values() if isinstance(v, str) and v.startswith(COMMITMENT)]
        secrets = _secrets(self.faults, hidden)
        for entry in entries:
            body, row = entry["body"], kept.get(entry["body"]["seq"])
            self.seen[table].append(body["seq"])
            if row is None:
                self.faults.add(entry["seq"], f"{table} has no row {body['seq']}")
                continue
            wanted = public(row)
            differ = [name for name, value in wanted.items() if body.get(name) != value]
            differ += [
                name for name in body.keys() - wanted.keys() if not _fits(body[name], getattr(row, name), secrets)
            ]
            if differ:
                self.faults.add(entry["seq"], f"{table} row {row.seq} says another {', '.join(sorted(differ))}")

    def end(self) -> None:
        """What waits belongs to the log too; then no row may be left over."""
        for first in range(0, models.Outbox.objects.count(), CHUNK):
            rows = models.Outbox.objects.order_by("seq").values_list("kind", "body")[first : first + CHUNK]
            try:
                self.add([{"seq": None, "kind": kind, "body": json.loads(body)} for kind, body in rows])
            except ValueError:
                self.faults.add(None, "what waits to enter the log has a body that is no JSON")
        last = models.Transfer.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
        if last > self.booked:
            self.faults.add(None, f"transfers {self.booked + 1} to {last} have no entry")
        for table, seen in self.seen.items():
            model, _ = _MODELS[table]
            rows = model.objects.filter(seq__gt=self.said[table]).order_by("seq").values_list("seq", flat=True)
            known = sorted(seen)
            for twice in {a for a, b in pairwise(known) if a == b}:
                self.faults.add(None, f"{table} row {twice} has two entries")
            at = 0
            for seq in rows.iterator(CHUNK):
                at = bisect_left(known, seq, at)
                if known[at : at + 1] != [seq]:
                    self.faults.add(None, f"{table} row {seq} has no entry")


_MODELS: Final[dict[str, tuple[Any, Any]]] = {
    "happenings": (models.Happening, audit.happening_public),
    "decisions": (models.Decision, audit.decision_public),
}


def _secrets(faults: _Faults, digests: Sequence[str]) -> dict[str, str]:
    """What commitments hide, where it is kept and is what was committed to."""
    found = {}
    wanted = {digest.removeprefix(COMMITMENT) for digest in digests}
    for row in models.Secret.objects.filter(digest__in=wanted):
        if audit.committed(row.salt, row.value) == row.digest:
            found[COMMITMENT + row.digest] = row.value
        else:
            faults.add(None, f"what is kept for commitment {row.digest} is not what was committed to")
    return found


def _fits(said: object, value: str, secrets: Mapping[str, str]) -> bool:
    """Whether a column is what the body says of it, plainly or hidden; what was erased fits everything."""
    if isinstance(said, str) and said.startswith(COMMITMENT):
        return secrets.get(said, value) == value
    return said == value
