"""Every answer that is not success: a problem document (RFC 9457), with a title in Korean or English, and never a trace.

Each exception has one kind of problem; a refusal by state is a 409, any other bad input a 422 that lists every fault with
its field, the value given and what is accepted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, DataError, IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language_from_request
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from pydantic_core import to_json

from dure.app.access import Forbidden, NotFound
from dure.errors import DureError, InputError, InputErrors, MissingTool, UnknownName

LOG = logging.getLogger("dure.web")
MEDIA_TYPE: Final = "application/problem+json"
SHOWN: Final = 50  # faults listed in one answer
_LONGEST: Final = 200  # characters of a wrong value that are given back

KINDS: Final[dict[str, tuple[int, str, str]]] = {  # status, title in English, title in Korean
    "malformed": (400, "The request cannot be read", "요청을 읽을 수 없습니다"),
    "unauthorized": (401, "A valid token is needed", "유효한 토큰이 필요합니다"),
    "forbidden": (403, "You may not do this", "권한이 없습니다"),
    "not-found": (404, "There is no such thing", "찾을 수 없습니다"),
    "method": (405, "This address does not take this method", "허용되지 않는 메서드입니다"),
    "conflict": (409, "Not in this state", "현재 상태에서는 할 수 없습니다"),
    "key-reused": (409, "This idempotency key belongs to another request", "이미 다른 요청에 쓰인 멱등 키입니다"),
    "too-large": (413, "The request is too large", "요청이 너무 큽니다"),
    "media-type": (415, "This content type is not taken", "지원하지 않는 콘텐츠 형식입니다"),
    "invalid": (422, "Some of the input is wrong", "입력값이 올바르지 않습니다"),
    "internal": (500, "Dure failed", "내부 오류가 발생했습니다"),
    "busy": (503, "Busy: try again", "잠시 후 다시 시도해 주십시오"),
}
_BY_STATUS: Final = {status: kind for kind, (status, _, _) in reversed(KINDS.items())}


class Problem(DureError):
    """A refusal of the web itself, of one of KINDS."""

    def __init__(self, kind: str, detail: str) -> None:
        self.kind = kind
        super().__init__(detail)


def answer(request: HttpRequest, kind: str, detail: str, errors: Iterable[InputError] = ()) -> HttpResponse:
    """The problem document of a kind."""
    status, english, korean = KINDS[kind]
    language = get_language_from_request(request)
    body: dict[str, Any] = {
        "type": f"urn:dure:problem:{kind}",
        "title": korean if language == "ko" else english,
        "status": status,
        "detail": detail,
        "errors": [_fault(e) for e in list(errors)[:SHOWN]],
    }
    response = HttpResponse(to_json(body, inf_nan_mode="null"), status=status, content_type=MEDIA_TYPE)
    response["Content-Language"] = "ko" if language == "ko" else "en"
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="dure"'
    if status == 503:
        response["Retry-After"] = "1"
    return response


def _fault(error: InputError) -> dict[str, Any]:
    value = error.value
    if not (value is None or isinstance(value, bool | int)):
        value = (value if isinstance(value, str) else repr(value))[:_LONGEST].encode("utf-8", "replace").decode()
    where = f"{error.source}:{error.line}" if error.line is not None else error.source
    return {
        "field": error.field, "value": value, "accepted": error.accepted, "message": error.message, "where": where,
    }  # fmt: skip


def _input(request: HttpRequest, exc: InputError) -> HttpResponse:
    if isinstance(exc, InputErrors):
        return answer(request, "invalid", str(exc), exc.errors)
    return answer(request, "conflict" if exc.field == "state" else "invalid", str(exc), [exc])


def _unknown(request: HttpRequest, exc: UnknownName) -> HttpResponse:
    known = ", ".join(exc.known)
    return answer(request, "invalid", str(exc), [InputError(str(exc), field=exc.what, value=exc.name, accepted=known)])


def _http(request: HttpRequest, exc: HttpError) -> HttpResponse:
    if isinstance(exc.__cause__, Problem | InputError):  # ninja wraps what the reading of a body raised
        return handler_of(exc.__cause__)(request, exc.__cause__)
    return answer(request, _BY_STATUS.get(exc.status_code, "malformed"), exc.message)


def _internal(request: HttpRequest, exc: Exception) -> HttpResponse:
    LOG.error("%s %s failed", request.method, request.path, exc_info=exc)
    return answer(request, "internal", "The fault is Dure's, and is in its log.")


def _fixed(kind: str, detail: str = "") -> Callable[[HttpRequest, Exception], HttpResponse]:
    return lambda request, exc: answer(request, kind, detail or str(exc))


HANDLERS: Final[dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]]] = {
    Problem: lambda request, exc: answer(request, exc.kind, str(exc)),
    InputError: _input,
    UnknownName: _unknown,
    Forbidden: _fixed("forbidden"),
    NotFound: _fixed("not-found"),
    MissingTool: _internal,
    AuthenticationError: _fixed(
        "unauthorized", "Authorization: Bearer with a token that is neither revoked nor expired."
    ),
    HttpError: _http,
    Http404: _fixed("not-found", "There is nothing at this address."),
    RequestDataTooBig: _fixed("too-large", "The body is larger than 16 MiB."),
    SuspiciousOperation: _fixed("malformed", "The request is not well formed."),
    OperationalError: _fixed("busy", "The database is busy."),
    IntegrityError: _fixed("conflict", "It was changed by somebody else in the meantime, or exists already."),
    DataError: _fixed("invalid", "A value is outside what the database keeps."),
    OverflowError: _fixed("invalid", "A number is too large."),
    DatabaseError: _internal,
    Exception: _internal,
}


def handler_of(exc: Exception) -> Callable[[HttpRequest, Any], HttpResponse]:
    """How an exception is answered."""
    return next(HANDLERS[c] for c in type(exc).__mro__ if c in HANDLERS)


def install(api: NinjaAPI) -> None:
    """Let the API answer exceptions with problems."""
    for exception, handler in HANDLERS.items():
        api.add_exception_handler(exception, handler)


class Problems:
    """Middleware, outermost: what Django itself refuses under /api/ becomes a problem too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, as a problem where it is none."""
        response = self.get_response(request)
        if response.status_code < 400 or not request.path.startswith("/api/"):
            return response
        if response.get("Content-Type", "").startswith(MEDIA_TYPE):
            return response
        kind = _BY_STATUS.get(response.status_code, "malformed")
        document = answer(request, kind, "There is nothing at this address." if kind == "not-found" else KINDS[kind][1])
        if "Allow" in response:
            document["Allow"] = response["Allow"]
        return document
