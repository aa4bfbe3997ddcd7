"""The audit log in use: sealing it, what it holds, exports and proofs, and the witnesses that cosign its head."""

from __future__ import annotations

import logging
import threading
import time
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from django.db import Error, close_old_connections, transaction

from dure.app.access import Action, Actor, NotFound, require
from dure.app.keys import key_path, keys_of, signer_of, witnesses_of
from dure.app.people import happened
from dure.audit import notes
from dure.audit.witness import ask
from dure.errors import DureError, InputError
from dure.formats.streams import replaced
from dure.store import audit, auditcheck, models
from dure.store.audit import Advance, Exported
from dure.store.auditcheck import Fault

LOG = logging.getLogger("dure.audit")
_ANSWER_MOST = 64 * 1024  # bytes of a witness's answer
_WAIT_S = 20  # for a witness
_TRIED = 100  # checkpoints that a lone line of a witness is tried on


# --- sealing, and what there is ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """Where the log stands. What waits is committed, but not yet where others can prove it."""

    size: int
    waiting: int
    oldest_wait_s: int | None
    checkpoint_size: int | None
    checkpoint_age_s: int | None
    cosignatures: dict[str, int]  # witness -> size of the newest head that it cosigned
    witnesses: list[str]  # that are known


def seal(actor: Actor, now: int, advance: Advance = lambda part: None) -> str:
    """Give all that waits its place and sign the head; the note. Raises InputError without a key."""
    require(actor, Action.SEAL)
    signer = signer_of(key_path())
    audit.sequence_all(advance)
    return audit.checkpoint(signer, signer.key.name, now)


def settle_outbox(now: int) -> None:
    """What a command left in the outbox gets its place, and a signed head where the key is at hand."""
    if audit.sequence_all() and key_path().exists():
        signer = signer_of(key_path())
        audit.checkpoint(signer, signer.key.name, now)


def head() -> str | None:
    """The newest signed head with its cosignatures, for anybody; None before the first."""
    return audit.latest_checkpoint()


def entries(actor: Actor, after: int, limit: int, about: str | None = None) -> list[dict[str, Any]]:
    """Entries after one, oldest first; names and texts in place of commitments where they are not erased."""
    require(actor, Action.READ_AUDIT)
    found = audit.entries(after, limit, about)
    named = audit.revealed({v for e in found for v in e["body"].values() if str(v).startswith("sha256:")})
    return [
        {**e, "body": {k: named.get(v, v) if isinstance(v, str) else v for k, v in e["body"].items()}} for e in found
    ]


def erase(actor: Actor, person: str, now: int) -> int:
    """Erase what the log's commitments hide about a person; how many. What else the tables say of them is not touched."""
    require(actor, Action.SEAL)
    with transaction.atomic():
        count = audit.erase(person)
        happened("audit", "log", "erase", actor.user, now, note=str(count))
    return count


def status(actor: Actor, now: int) -> Status:
    """Where the log stands."""
    require(actor, Action.READ_AUDIT)
    waiting, head = audit.waiting(), models.Checkpoint.objects.order_by("-size").first()
    rows = models.Cosignature.objects.order_by("checkpoint").values_list("witness", "checkpoint")
    return Status(
        size=audit.size(),
        waiting=waiting.rows,
        oldest_wait_s=None if waiting.oldest_at_utc_s is None else max(0, now - waiting.oldest_at_utc_s),
        checkpoint_size=head.size if head else None,
        checkpoint_age_s=max(0, now - head.at_utc_s) if head else None,
        cosignatures=dict(rows),
        witnesses=sorted(witnesses_of(key_path())),
    )


def check(actor: Actor, heads: Iterable[str] = (), advance: Advance = lambda part: None) -> list[Fault]:
    """Hold the log against itself, the tables and heads kept elsewhere; what is wrong with it."""
    require(actor, Action.READ_AUDIT)
    return auditcheck.check(keys_of(key_path()), list(heads), advance)


def sealing(stop: threading.Event, every_s: float) -> None:
    """Seal again and again until `stop`; for a thread of the service. What fails is logged and tried again."""
    told = ""
    while not stop.wait(every_s):
        close_old_connections()
        try:
            audit.sequence_all()
            signer = signer_of(key_path())
            audit.checkpoint(signer, signer.key.name, int(time.time()))
            told = ""
        except (Error, DureError) as fault:  # of a database the kind alone: its words may hold an address
            said = str(fault) if isinstance(fault, DureError) else type(fault).__name__
            if said != told:
                LOG.warning("the audit log was not sealed: %s", said)
            told = said
    close_old_connections()


# --- for others to verify ------------------------------------------------------------------------------------------


def export(actor: Actor, path: Path, advance: Advance = lambda part: None) -> Exported:
    """Write the log up to its newest head; how many entries, and how many are behind it. Raises InputError before one."""
    require(actor, Action.READ_AUDIT)
    with replaced(path) as stream:
        return audit.export(stream, advance)


def prove(actor: Actor, what: int | str) -> dict[str, Any]:
    """What shows anybody that an entry is in the log: by its place, or the newest about something. JSON, for `check_proof`.

    Raises NotFound, and InputError while the entry is behind the newest head.
    """
    require(actor, Action.READ_AUDIT)
    rows = models.Entry.objects.filter(**({"seq": what} if isinstance(what, int) else {"about": what}))
    row = rows.order_by("-seq").first()
    if row is None:
        raise NotFound("entry", str(what))
    note = audit.latest_checkpoint()
    size = notes.Checkpoint.parse(notes.split_note(note)[0]).size if note else 0
    if row.seq >= size:
        raise InputError("it stands behind the newest signed head", field="entry", value=row.seq, accepted="seal first")
    leaf, proof = audit.inclusion(row.seq, size)
    return {
        "entry": row.line, "index": row.seq, "size": size, "leaf": b64encode(leaf).decode(),
        "proof": [b64encode(step).decode() for step in proof], "checkpoint": note,
    }  # fmt: skip


# --- witnesses -----------------------------------------------------------------------------------------------------


def request_for(actor: Actor, witness: str, old: int | None = None) -> str:
    """The request (C2SP tlog-witness, add-checkpoint) that a witness cosign the newest head; `old` is the size that it
    saw last, as far as we know. Raises InputError before the first head."""
    require(actor, Action.SEAL)
    row = models.Checkpoint.objects.order_by("-size").first()
    if row is None:
        raise InputError("the log has no signed head yet", accepted="`dure audit seal`")
    if old is None:
        seen = models.Cosignature.objects.filter(witness=witness).order_by("-checkpoint").first()
        old = seen.checkpoint_id if seen else 0
    return ask(old, audit.consistency(old, row.size), row.note)


@transaction.atomic
def take_cosignature(actor: Actor, text: str) -> list[str]:
    """Keep the lines of witnesses in a text: lines alone, or under a note; whose they were. Raises InputError where one is
    of no known witness, or stands under no head of ours."""
    require(actor, Action.SEAL)
    known, taken = witnesses_of(key_path()), []
    ours = {key.name for key in keys_of(key_path())}
    sizes = models.Checkpoint.objects.order_by("-size").values_list("size", flat=True)[:_TRIED]
    for line in text.splitlines():
        name = line.split(" ")[1] if line.startswith("— ") and line.count(" ") == 2 else ""
        if not name or name in ours:
            continue
        if name not in known:
            accepted = ", ".join(sorted(known)) or "add its key to witnesses.pub"
            raise InputError("not a known witness", field="witness", value=name, accepted=accepted)
        _take(known[name], line, list(sizes))
        taken.append(name)
    if not taken:
        raise InputError("no cosignature in it", field="cosignature", accepted="a line `— name base64`")
    return taken


def _take(witness: notes.Key, line: str, sizes: list[int]) -> None:
    fault = InputError("its signature is under no head of ours", field="witness", value=witness.name)
    for size in sizes:
        try:
            return audit.add_cosignature(size, witness, line)
        except InputError:
            continue
    raise fault


def send(actor: Actor, witness: str, url: str) -> list[str]:
    """Ask a witness over HTTP to cosign the newest head, and keep its line. Raises InputError with its words if it refuses.

    Where it saw another size last than we think, it says so, and is asked once more from there.
    """
    require(actor, Action.SEAL)
    if not url.startswith(("https://", "http://")):
        raise InputError("not the address of a witness", field="url", value=url, accepted="https://...")
    code, body = _post(url, request_for(actor, witness))
    if code == 409 and body.strip().isdecimal() and len(body) <= 20:
        code, body = _post(url, request_for(actor, witness, int(body)))
    if code != 200:
        raise InputError(f"the witness refused ({code})", field=witness, value=body[:200].strip())
    return take_cosignature(actor, body)


def _post(url: str, request: str) -> tuple[int, str]:
    at = Request(url.rstrip("/") + "/add-checkpoint", request.encode(), {"Content-Type": "text/plain; charset=utf-8"})
    try:
        with urlopen(at, timeout=_WAIT_S) as answer:
            return answer.status, answer.read(_ANSWER_MOST).decode(errors="replace")
    except HTTPError as refused:
        return refused.code, refused.read(_ANSWER_MOST).decode(errors="replace")
    except (URLError, OSError) as fault:
        raise InputError(f"no answer: {getattr(fault, 'reason', fault)}", field="url", value=url) from None
