"""Events of jobs for whoever listens: rows after a moment of the run log, and webhooks that are told of each one.

The leading control loop alone writes events, a transaction at a time and fenced by its term, so their numbers become visible
in order: whoever has seen one number has seen all below it.

A webhook gets the events of one project in order, each at least once: what was not answered with 2xx within 5 seconds is sent
again after `WAITS_S`, and after a day of refusals no more. A process claims a webhook by a comparison in the database, so that
any number of them may run `deliver`; one that dies in between leaves its webhook to the others after `CLAIM_S`.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from django.db import close_old_connections, transaction
from django.db.models import Max

from dure import __version__
from dure.app.access import Action, Actor, NotFound, require
from dure.app.people import actor_of, happened
from dure.errors import DureError, InputError
from dure.operation.logging import log
from dure.operation.tickets import webhook_key
from dure.store import models
from dure.units import DAY_S, HOUR_S
from dure.vocabulary import JobEvent, Refusal

WAITS_S: Final = (1, 5, 30, 120, 600)  # before each new try; from then on every hour
MOST_TRIES: Final = len(WAITS_S) + (DAY_S - sum(WAITS_S)) // HOUR_S
TIMEOUT_S: Final = 5.0
CLAIM_S: Final = 60
_TURN_S: Final = 20.0  # for which a webhook is served before it is given back: well within a claim
_BATCH: Final = 100
_AT_ONCE: Final = 8  # webhooks served side by side: one that hangs holds up no other
MOST_WEBHOOKS: Final = 10  # of a project
_ACCEPTED: Final = "http:// or https:// with a public host, without a user, at most 500 characters"

Send = Callable[[str, bytes, Mapping[str, str]], int]


class Refused(DureError):
    """An address that is not called."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a job, as it is told. Times are UTC seconds."""

    seq: int
    job: int
    project: str
    event: str
    reason: str
    pool: str
    attempt: str
    at_utc_s: int
    cause: str


def last_event() -> int:
    """The number of the newest event; 0 before the first."""
    return models.JobEvent.objects.aggregate(top=Max("seq"))["top"] or 0


def events_after(
    after: int, *, projects: Iterable[str] | None = None, job: int | None = None, limit: int = _BATCH
) -> tuple[list[Event], int]:
    """Events beyond a number, oldest first, of these projects (None: of all) and this job; and up to where one has now seen
    all of them, which is beyond the last where the newest events are of others."""
    top = max(after, last_event())
    rows = models.JobEvent.objects.filter(seq__gt=after, seq__lte=top).order_by("seq")
    if job is not None:
        rows = rows.filter(job=job)
    if projects is not None:
        rows = rows.filter(job__in=models.Job.objects.filter(project__in=sorted(projects)).values("seq"))
    found = list(rows[:limit])
    of = dict(models.Job.objects.filter(seq__in={r.job for r in found}).values_list("seq", "project"))
    told = [
        Event(
            r.seq, r.job, of.get(r.job, ""), JobEvent(r.event).name.lower(),
            Refusal(r.reason).name.lower() if r.reason else "", r.pool, r.attempt, r.at_utc_s, r.cause,
        )
        for r in found
    ]  # fmt: skip
    return told, (found[-1].seq if len(found) == limit else top)


# ---- who is told --------------------------------------------------------------------------------------------------------


@transaction.atomic
def add_webhook(actor: Actor, project: str, url: str, now: int) -> tuple[models.Webhook, str]:
    """Have an address told of what happens to a project's jobs from now on; with the key of its signatures, which is shown
    here only. Raises NotFound for somebody else's project, InputError for an address that will not do, or one too many."""
    _may(actor, project)
    checked_url(url)
    if models.Webhook.objects.filter(project=project).count() >= MOST_WEBHOOKS:
        raise InputError("too many webhooks", field="project", value=project, accepted=f"at most {MOST_WEBHOOKS}")
    row = models.Webhook.objects.create(project=project, user=actor.user, url=url, sent_seq=last_event())
    happened("webhook", str(row.seq), "add_webhook", actor.user, now, after=project)
    return row, key_of(row.seq)


@transaction.atomic
def remove_webhook(actor: Actor, seq: int, now: int) -> None:
    """Tell it no more. Raises NotFound for one of somebody else's project."""
    require(actor, Action.SUBMIT_JOB)
    row = models.Webhook.objects.filter(seq=seq).first()
    if row is None or not actor.sees(Action.SUBMIT_JOB, project=row.project):
        raise NotFound("webhook", str(seq))
    row.delete()
    happened("webhook", str(seq), "remove_webhook", actor.user, now, before=row.project)


def webhooks(actor: Actor, project: str = "") -> list[models.Webhook]:
    """The webhooks of the projects whose jobs one may see, oldest first; of one project, if given."""
    require(actor, Action.READ_JOB)
    rows = models.Webhook.objects.order_by("seq")
    if (seen := actor.in_reach(Action.READ_JOB)) is not None:
        rows = rows.filter(project__in=sorted(seen))
    return list(rows.filter(project=project) if project else rows)


def _may(actor: Actor, project: str) -> None:
    require(actor, Action.SUBMIT_JOB)
    if not actor.sees(Action.SUBMIT_JOB, project=project):
        raise NotFound("project", project)


def checked_url(url: str) -> SplitResult:
    """The parts of an address that may be told. Raises InputError; what its host resolves to is looked at when it is called."""
    fault = InputError("not an address to be told", field="url", value=url[:500], accepted=_ACCEPTED)
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > 500:
        raise fault
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises for what is no port
    except ValueError:
        raise fault from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.fragment:
        raise fault
    try:
        literal = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return parts
    if not _callable(literal):
        raise fault
    return parts


def key_of(seq: int) -> str:
    """The key that signs what a webhook is told: derived anew each time, kept nowhere."""
    return f"whk_{webhook_key(seq).hex()}"


def sign(key: str, timestamp: int, body: bytes) -> str:
    """What stands in X-Dure-Signature."""
    return "v1=" + hmac.new(key.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


# ---- telling them -------------------------------------------------------------------------------------------------------


def deliver(now: int, send: Send | None = None) -> int:
    """Tell every webhook that is due what it has not been told; how many events were taken. Returns once each has had a turn."""
    behind = models.Webhook.objects.filter(stopped=False, next_utc_s__lte=now, sent_seq__lt=last_event())
    due = [(seq, until) for seq, until in behind.values_list("seq", "next_utc_s") if _claim(seq, until, now)]
    if len(due) < 2:
        return sum(_turn(seq, now, send or post) for seq, _ in due)
    with ThreadPoolExecutor(min(_AT_ONCE, len(due)), thread_name_prefix="webhook") as pool:
        return sum(pool.map(lambda claimed: _threaded(claimed[0], now, send or post), due))


def delivering(stop: threading.Event, every_s: float = 1.0) -> None:
    """Tell webhooks until stopped: a thread beside the control loop. What fails is logged, and tried again."""
    while not stop.wait(every_s):
        try:
            close_old_connections()
            deliver(int(time.time()))
        except Exception as fault:  # the database may be gone for a while
            log("webhooks_failed", level="error", cause=f"{type(fault).__name__}: {fault}")
            stop.wait(5 * every_s)


def _claim(seq: int, until: int, now: int) -> bool:
    """Whether this process is the one to serve it."""
    rows = models.Webhook.objects.filter(seq=seq, next_utc_s=until, stopped=False)
    return bool(rows.update(next_utc_s=now + CLAIM_S))


def _threaded(seq: int, now: int, send: Send) -> int:
    from django.db import connection

    try:
        return _turn(seq, now, send)
    finally:
        connection.close()


def _turn(seq: int, now: int, send: Send) -> int:
    """Serve one webhook that was claimed, until it has been told all, fails, or has had its turn."""
    row = models.Webhook.objects.filter(seq=seq).first()
    if row is None:
        return 0
    if not actor_of(row.user).sees(Action.SUBMIT_JOB, project=row.project):
        _keep(row, stopped=True, fault=f"{row.user} no longer belongs to {row.project}")
        return 0
    begun, told, more = time.monotonic(), 0, True
    while more and (spent := time.monotonic() - begun) < _TURN_S:
        events, top = events_after(row.sent_seq, projects=[row.project])
        more = len(events) == _BATCH
        for event in events:
            spent = time.monotonic() - begun
            if fault := _tell(row, event, now + int(spent), send):
                _failed(row, now + int(spent), fault)
                return told
            told += 1
            _keep(row, sent_seq=event.seq, tries=0, fault="", next_utc_s=now + CLAIM_S)
            if spent > _TURN_S:
                break
        else:
            _keep(row, sent_seq=top, next_utc_s=now + CLAIM_S)
    _keep(row, next_utc_s=0)
    return told


def _tell(row: models.Webhook, event: Event, now: int, send: Send) -> str:
    """Why it could not be told; "" where it was."""
    body = json.dumps(
        {name: getattr(event, name) for name in Event.__dataclass_fields__}, ensure_ascii=False, separators=(",", ":")
    ).encode()
    headers = {
        "Content-Type": "application/json", "User-Agent": f"dure/{__version__}", "X-Dure-Event": event.event,
        "X-Dure-Delivery": str(event.seq), "X-Dure-Timestamp": str(now), "X-Dure-Signature": sign(key_of(row.seq), now, body),
    }  # fmt: skip
    try:
        status = send(row.url, body, headers)
    except (OSError, http.client.HTTPException, DureError, ValueError) as fault:
        return f"{type(fault).__name__}: {fault}"
    return "" if 200 <= status < 300 else f"it answered {status}"


def _failed(row: models.Webhook, now: int, fault: str) -> None:
    tries = row.tries + 1
    if tries > MOST_TRIES:
        _keep(row, tries=tries, stopped=True, fault=fault[:300])
        log("webhook_stopped", level="warning", cause=fault, webhook=row.seq, project=row.project)
    else:
        wait = WAITS_S[tries - 1] if tries <= len(WAITS_S) else HOUR_S
        _keep(row, tries=tries, fault=fault[:300], next_utc_s=now + wait)


def _keep(row: models.Webhook, **changed: Any) -> None:
    rows = models.Webhook.objects.filter(seq=row.seq)
    if "sent_seq" in changed:  # never back, should this process have slept over its claim
        rows = rows.filter(sent_seq__lte=changed["sent_seq"])
    rows.update(**changed)
    for name, value in changed.items():
        setattr(row, name, value)


# ---- one request --------------------------------------------------------------------------------------------------------

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def _callable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is one of the public network, and not another one in disguise."""
    if os.environ.get("DURE_WEBHOOK_PRIVATE") == "1":
        return True
    if isinstance(address, ipaddress.IPv6Address) and (
        address.ipv4_mapped or address.sixtofour or address.teredo or address in _NAT64
    ):
        return False
    return address.is_global and not address.is_multicast


def address_of(host: str, port: int) -> tuple[str, int]:
    """Where to connect for a host: looked up once, and every answer checked, so that no name leads to a service within.
    Raises Refused, OSError."""
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if not _callable(ipaddress.ip_address(address.partition("%")[0])):
            raise Refused(f"{host} is an address of a private network ($DURE_WEBHOOK_PRIVATE=1 allows them)")
    return found[0], port


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was checked, in the name of a host."""

    def __init__(self, parts: SplitResult) -> None:
        self._secure = parts.scheme == "https"
        super().__init__(parts.hostname or "", parts.port or (443 if self._secure else 80), timeout=TIMEOUT_S)

    def connect(self) -> None:
        """Connect to the address that the host has now."""
        self.sock = socket.create_connection(address_of(self.host, self.port), TIMEOUT_S)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """The status that an address answers a POST with, within 5 seconds in all. Follows no redirect, reads no body. Raises
    Refused, OSError, HTTPException."""
    parts = checked_url(url)
    connection = _Pinned(parts)
    end = threading.Timer(TIMEOUT_S, _cut, [connection])  # the socket's own timeout starts anew with every byte
    end.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, {**headers, "Connection": "close"})
        return connection.getresponse().status
    finally:
        end.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    if (sock := connection.sock) is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
