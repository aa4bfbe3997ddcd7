"""Events of jobs as they happen: server-sent events, which a client takes up again with Last-Event-ID where it left off.

A message's id is the number of its event; a beat carries the number up to which there was nothing more for this client, so that
also who was told nothing yet resumes at the right place. A stream holds a thread: a process gives `MOST` of them, each for
`LONGEST_S`; then the client asks anew, and its token is looked at again.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Annotated, Any, Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from dure.app.access import Action, NotFound, require
from dure.operation.notifying import events_after, last_event
from dure.store import models
from dure.web.problems import Problem
from dure.web.requests import MOST as MOST_NUMBER

router = Router()
MOST: Final = 4  # streams a process: half of its threads
LONGEST_S, BEAT_S, POLL_S = 300.0, 15.0, 1.0

_free = threading.BoundedSemaphore(MOST)
_ending: Callable[[], bool] = lambda: False  # noqa: E731

After = Annotated[
    int | None, Query(None, ge=0, le=MOST_NUMBER, description="events beyond this number; Last-Event-ID goes before it")
]


def end_when(ending: Callable[[], bool]) -> None:
    """Streams of this process end once this says so: a worker that is to stop does not wait for them."""
    global _ending
    _ending = ending


class Stream:
    """The bytes of one stream, as an iterator that gives its place back when it is closed, begun or not."""

    def __init__(self, after: int, projects: frozenset[str] | None, job: int | None) -> None:
        if not _free.acquire(blocking=False):
            raise Problem("busy", f"This process has {MOST} event streams already.")
        self._held = True
        self._parts = _messages(after, projects, job)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        return next(self._parts)

    def close(self) -> None:
        """Give the place back."""
        if self._held:
            self._held = False
            _free.release()


def _messages(after: int, projects: frozenset[str] | None, job: int | None) -> Iterator[bytes]:
    end = time.monotonic() + LONGEST_S
    yield f"retry: 1000\nid: {after}\n\n".encode()  # an id alone: nothing is told, but where to resume is known
    beat = time.monotonic()
    while time.monotonic() < end and not _ending():
        events, after = events_after(after, projects=projects, job=job)
        for event in events:
            data = json.dumps(asdict(event), ensure_ascii=False)
            yield f"id: {event.seq}\nevent: {event.event}\ndata: {data}\n\n".encode()
        if events:
            beat = time.monotonic()
            continue
        if time.monotonic() - beat >= BEAT_S:
            beat = time.monotonic()
            yield f": beat\nid: {after}\n\n".encode()
        time.sleep(POLL_S)


def _start(request: HttpRequest, after: int | None, default: int) -> int:
    """After which event a client wants to be told. Raises Problem for an id that is none of ours."""
    given = request.headers.get("Last-Event-ID", "")
    if not given:
        return default if after is None else after
    if not given.isascii() or not given.isdigit() or int(given[:20]) > MOST_NUMBER:
        raise Problem("malformed", "Last-Event-ID: the id of an event of this stream.")
    return int(given)


def _answer(stream: Stream) -> StreamingHttpResponse:
    response = StreamingHttpResponse(stream, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"  # a proxy in front is not to gather them
    return response


def _describe(summary: str) -> dict[str, Any]:
    return {"responses": {200: {"description": summary, "content": {"text/event-stream": {}}}}}


@router.get("/jobs/events", openapi_extra=_describe("events of jobs"))
def stream_events(request: HttpRequest, after: After = None, project: str = "") -> HttpResponse:
    """Events of the jobs that you may see, from now on, as server-sent events; resumes with Last-Event-ID."""
    require(request.actor, Action.READ_JOB)
    seen = request.actor.in_reach(Action.READ_JOB)
    if project:
        if seen is not None and project not in seen:
            raise NotFound("project", project)
        seen = frozenset({project})
    return _answer(Stream(_start(request, after, last_event()), seen, None))


@router.get("/jobs/{seq}/events/stream", openapi_extra=_describe("events of one job"))
def stream_job_events(request: HttpRequest, seq: int, after: After = None) -> HttpResponse:
    """The events of one job from its first on, as server-sent events; resumes with Last-Event-ID."""
    require(request.actor, Action.READ_JOB)
    row = models.Job.objects.filter(seq=seq).only("project").first()
    if row is None or not request.actor.sees(Action.READ_JOB, project=row.project):
        raise NotFound("job", str(seq))
    return _answer(Stream(_start(request, after, 0), None, seq))
