"""What opens a door: tickets of owners, tokens of notebooks, keys of webhooks. All are derived from one secret; none is kept.

The secret is `$DURE_SECRET_KEY`, else the file `programme.secret` beside the database (with PostgreSQL: in the working
folder), made at first use for its owner's eyes alone. It is never in the database, nor in a log. Whoever changes it ends all
tickets and tokens at once. All processes of one programme need the same.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from django.db import connection

from dure.app.access import Action, Actor, Forbidden, NotFound
from dure.errors import InputError
from dure.lifecycle.attempts import Observed
from dure.operation.views import job_of
from dure.store import models
from dure.units import HOUR_S
from dure.vocabulary import JobKind, JobState

SECRET_FILE: Final = "programme.secret"
LASTS_S: Final = 12 * HOUR_S  # a ticket, at most: the gateway asks for it with every request of a session
LEAST: Final = 16  # characters of a secret
_OPENS: Final = (JobKind.INTERACTIVE, JobKind.SERVICE)


def secret_path() -> Path:
    """Where the secret is, or is to be, where the environment names none."""
    known = connection.settings_dict
    return Path(known["NAME"]).parent / SECRET_FILE if connection.vendor == "sqlite" else Path(SECRET_FILE)


def secret(environ: Mapping[str, str] = os.environ) -> bytes:
    """The secret of this programme. Raises InputError for one that is too short, or that others may read."""
    given = environ.get("DURE_SECRET_KEY")
    if given:
        if len(given) < LEAST:
            raise InputError("too short a secret", field="DURE_SECRET_KEY", accepted=f"{LEAST} characters or more")
        return given.encode()
    path = secret_path()
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
        return _read(path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise InputError("others may read this secret", source=str(path), accepted=f"chmod 600 {path}")
        found = file.read(1000).strip()
    if len(found) < LEAST:
        raise InputError("no secret in it", source=str(path), accepted="remove it: another is made, and tickets end")
    return found


def _make(path: Path) -> None:
    """Another process may do so at the same moment: whoever is first gives it its name, whole."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{secrets.token_urlsafe(48)}\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _derive(label: str, text: str) -> bytes:
    """Labels hold no NUL: no two of them can be asked for the same."""
    return hmac.new(secret(), f"dure/{label}\0{text}".encode(), hashlib.sha256).digest()


def token_of(key: str) -> str:
    """What the visitors of an attempt (a notebook, a replica) must show it."""
    return _derive("token", key).hex()


def webhook_key(seq: int) -> bytes:
    """The key that signs what a webhook is told."""
    return _derive("webhook", str(seq))


def ticket(user: str, job: int, expires_utc_s: int) -> str:
    """Lets a user in at the door of a job, up to a moment. Safe in an address and in a cookie."""
    body = _text(json.dumps([user, job, expires_utc_s], ensure_ascii=False).encode())
    return f"{body}.{_text(_derive('ticket', body))}"


def check_ticket(text: str, job: int, now: int) -> str | None:
    """The user whom a ticket lets in at the door of this job now; None for one that is forged, over, or of another job."""
    body, _, signature = text.partition(".")
    if not hmac.compare_digest(_text(_derive("ticket", body)).encode(), signature.encode("utf-8", "replace")):
        return None
    user, own, expires_utc_s = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return str(user) if own == job and now < expires_utc_s else None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def open_url(actor: Actor, seq: int, now: int, base: str) -> str:
    """The address at which a job's owner, and nobody else, finds their notebook or the server they try out.

    It opens as long as the attempt may run, at most for `LASTS_S`. Raises NotFound for another's job, or one of another kind;
    InputError for one that does not run.
    """
    job = job_of(actor, seq)
    if job.user != actor.user or job.kind not in _OPENS or not actor.sees(Action.SUBMIT_JOB, project=job.project):
        raise NotFound("notebook", str(seq))
    if not actor.may_write:
        raise Forbidden("submit job: this token may only read")
    run = models.Attempt.objects.filter(job=seq, observed=Observed.RUNNING, port__gt=0).order_by("-number").first()
    if job.state != JobState.RUNNING or run is None:
        raise InputError(
            "it does not run yet, or no longer", field="job", value=seq, accepted=f"`dure why {seq}` says why"
        )
    end = min(now + LASTS_S, (run.run_utc_s or run.start_utc_s) + run.limit_s)
    return f"{base.rstrip('/')}/{seq}/?ticket={ticket(actor.user, seq, end)}"
