"""What every request goes through: its token, its bounds, its idempotency key, and the pages of its answer."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query
from ninja.params.models import Body, BodyModel
from ninja.parser import Parser
from ninja.security import HttpBearer
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from dure.app.access import Actor, Forbidden
from dure.app.people import actor_of_token
from dure.errors import InputError
from dure.store.models import Answered
from dure.web.problems import Problem, handler_of

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

MOST: Final = 2**53 - 1  # integers that every JSON reader keeps exactly (RFC 7493)
LONGEST: Final = 20_000  # characters of one text
_DEEPEST: Final = 16
_LONGEST_KEY: Final = 200
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_SAFE: Final = ("GET", "HEAD", "OPTIONS")

Limit = Annotated[int, Query(100, ge=1, le=1000, description="rows of a page at most")]
AfterId = Annotated[str, Query("", max_length=200, description="the `next` of the page before")]
AfterSeq = Annotated[int, Query(0, ge=0, le=MOST, description="the `next` of the page before")]


def now() -> int:
    """This moment. UTC seconds."""
    return int(time.time())


class Bearer(HttpBearer):
    """`Authorization: Bearer TOKEN`. What it finds is kept on the request: one look-up each."""

    def __call__(self, request: HttpRequest) -> Actor | None:
        """Whose token the request carries; None for none that is valid."""
        if not hasattr(request, "actor"):
            request.actor = super().__call__(request)
        found: Actor | None = request.actor
        return found

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        """Whose token it is."""
        return actor_of_token(token, now())


BEARER: Final = Bearer()


class Checked(Parser):
    """JSON within bounds: no text that a database refuses, no number that a reader of JSON loses."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body's document. Raises Problem or InputError."""
        if request.content_type != "application/json":
            raise Problem("media-type", "The body is to be application/json.")
        try:
            document = json.loads(request.body, parse_float=_whole, parse_constant=_whole)
        except (ValueError, RecursionError):
            raise Problem("malformed", "The body is no JSON document of whole numbers.") from None
        bounded(document)
        return document

    def parse_querydict(self, data: Any, list_fields: list[str], request: HttpRequest) -> dict[str, Any]:
        """The query's parameters. Raises InputError."""
        found: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        bounded(found)
        return found


def _whole(text: str) -> int:
    """A number written with a point or an exponent, as 1.0 or 1e3: an integer too, says JSON Schema."""
    number = float(text)
    if not number.is_integer() or abs(number) > MOST:
        raise ValueError(text)
    return int(number)


_Place = (
    tuple["_Place", object] | None
)  # where a value stands: its parent's place and its key; written out for a fault only


def bounded(value: Any, place: _Place = None, depth: int = 0) -> None:
    """Raises InputError at the first text, number or nesting out of bounds."""
    if isinstance(value, str):
        if len(value) > LONGEST:
            raise InputError("too long", field=_written(place), accepted=f"at most {LONGEST} characters")
        if _NO_TEXT.search(value):
            accepted = "text without U+0000 and surrogates"
            raise InputError("characters that are no text", field=_written(place), accepted=accepted)
    elif isinstance(value, dict):
        for key, inner in value.items():
            bounded(key, place, depth)
            bounded(inner, (place, key), depth + 1)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            bounded(inner, (place, n), depth + 1)
    elif isinstance(value, int) and abs(value) > MOST:
        raise InputError("out of range", field=_written(place), accepted=f"whole numbers up to {MOST}")
    if depth > _DEEPEST:
        raise InputError("nested too deeply", field=_written(place), accepted=f"{_DEEPEST} levels")


def _written(place: _Place) -> str:
    """A place as a field's name, as jobs.3.env."""
    words: list[str] = []
    while place is not None:
        place, key = place
        words.append(str(key))
    return ".".join(reversed(words))


class Asked(BaseModel):
    """What a body may say. An unknown key is a fault."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """What an answer says; made from a row of a table, or any object with these attributes."""

    model_config = ConfigDict(from_attributes=True)


class _StrictModel(BodyModel):
    @classmethod
    def resolve(cls, request: HttpRequest, api: Any, path_params: Any) -> Any:
        data = cls.get_request_data(request, api, path_params)
        return cls() if data is None else cls.model_validate_json(to_json(data), strict=True)


class Strict(Body):
    """A JSON body whose values are taken as they are: "3" is no number."""

    _model = _StrictModel

    @classmethod
    def _param_source(cls) -> str:
        return "body"


def before(prepare: Callable[[HttpRequest], object]) -> Callable[[F], F]:
    """An operation for which something that takes long comes first: outside the transaction in which its answer is kept, so that
    nobody waits for it. The operation asks for what was prepared; a request that was answered before prepares nothing."""

    def marked(operation: F) -> F:
        operation.__dict__["before"] = prepare
        return operation

    return marked


def view(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Around every operation: bounds of the address, scope of the token, idempotency of what is sent."""
    operation = getattr(getattr(run, "__self__", None), "view_func", None)
    prepare: Callable[[HttpRequest], object] = getattr(operation, "before", lambda request: None)

    @wraps(run)
    def wrapped(request: HttpRequest, **kw: Any) -> HttpResponse:
        try:
            return _passed(request, kw, lambda: run(request, **kw), prepare)
        except Exception as exc:
            return handler_of(exc)(request, exc)

    return wrapped


def _passed(
    request: HttpRequest, kw: dict[str, Any], run: Callable[[], HttpResponse], prepare: Callable[[HttpRequest], object]
) -> HttpResponse:
    try:
        bounded(kw)
    except InputError:
        raise Problem("not-found", "There is nothing at this address.") from None
    if request.method in _SAFE:
        return run()
    actor = BEARER(request)
    if actor is not None and not actor.may_write:
        raise Forbidden("this token may only read")
    key = request.headers.get("Idempotency-Key")
    if actor is None or key is None or request.method != "POST":
        return run()
    if not 0 < len(key) <= _LONGEST_KEY or not key.isprintable() or not key.isascii():
        raise Problem("malformed", f"Idempotency-Key: 1 to {_LONGEST_KEY} printable ASCII characters.")
    return _once(request, actor.user, key, run, prepare)


def _once(
    request: HttpRequest, user: str, key: str, run: Callable[[], HttpResponse], prepare: Callable[[HttpRequest], object]
) -> HttpResponse:
    """The answer to a request with an idempotency key, kept in the transaction of what it did. A refusal did nothing,
    so it is not kept."""
    asked = f"{request.method} {request.get_full_path()} {request.content_type}\n".encode() + request.body
    digest = hashlib.sha256(asked).hexdigest()
    mine = Answered.objects.filter(user=user, key=key)
    done = mine.first()
    if done is None:
        prepare(request)
        try:
            with transaction.atomic():
                row = Answered.objects.create(
                    user=user, key=key, request_hash=digest, status=0, body="", at_utc_s=now()
                )
                response = run()
                if response.status_code >= 300:
                    transaction.set_rollback(True)
                else:
                    row.status, row.body = response.status_code, "" if _secret(response) else response.content.decode()
                    row.save(update_fields=["status", "body"])
                return response
        except IntegrityError:  # the same key at the same moment: the other one did it
            done = mine.first()
    if done is None:
        raise Problem("busy", "The same request is being answered.")
    if done.request_hash != digest:
        raise Problem("key-reused", "Use a new Idempotency-Key for a new request.")
    if not done.body:
        raise Problem("conflict", "It was done; what it answered is shown only once.")
    response = HttpResponse(done.body, status=done.status, content_type="application/json; charset=utf-8")
    response["Idempotent-Replayed"] = "true"
    return response


def shown_once(response: HttpResponse) -> None:
    """Mark an answer as a secret: it is kept nowhere."""
    response["Cache-Control"] = "no-store"


def _secret(response: HttpResponse) -> bool:
    return bool(response.get("Cache-Control") == "no-store")


class Page(Shown, Generic[T]):
    """Some rows, and where the next page starts: null on the last."""

    items: list[T]
    next: str | int | None


def page(
    request: HttpRequest, response: HttpResponse, rows: Sequence[T], limit: int, key: Callable[[T], str | int]
) -> dict[str, Any]:
    """The page of at most `limit` of these rows, of which one more was looked up. Links to the next."""
    items, next = list(rows[:limit]), None
    if len(rows) > limit:
        next = key(items[-1])
        query = {**request.GET.dict(), "after": str(next), "limit": str(limit)}
        response["Link"] = f'<{request.path}?{urlencode(query)}>; rel="next"'
    return {"items": items, "next": next}
