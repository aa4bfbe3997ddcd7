"""The API under /api/: the use cases of `dure.app`, `dure.operation` and `dure.tracking`, one operation each. What it takes
and gives is `dure.programme.model`, `dure.workload.spec` and `dure.operation.views`."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.renderers import BaseRenderer
from pydantic_core import to_json

from dure import __version__
from dure.errors import InputError, InputErrors
from dure.operation import sites as sites_
from dure.operation import views
from dure.programme import model
from dure.web import applications, awards, books, calls, decisions, jobs, people, pledges, reviews, sites, stream
from dure.web.problems import MEDIA_TYPE, install
from dure.web.requests import BEARER, LONGEST, MOST, Checked, view
from dure.workload import spec

_PROBLEM = {
    "description": "What went wrong (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_FAULT = {name: {"type": "string"} for name in ("field", "accepted", "message", "where")} | {"value": {}}
_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object", "properties": _FAULT}},
    },
}
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "the same key with the same request again: the same answer, done once",
}


class Json(BaseRenderer):
    """JSON of everything that pydantic knows."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """The bytes of an answer."""
        return to_json(data)


class Api(NinjaAPI):
    """Ninja's API, with Dure's errors and the bounds of its values in the OpenAPI document."""

    def validation_error_from_error_contexts(self, error_contexts: Any) -> Exception:
        """All faults of a request, each with its field and value."""
        faults = []
        for context in error_contexts:
            body = context.model.__ninja_param_source__ == "body"
            for fault in context.pydantic_validation_error.errors(include_url=False):
                where = [str(part) for part in fault["loc"]][1 if body else 0 :]
                value = fault["input"] if isinstance(fault["input"], str | int | bool) else None
                faults.append(InputError(fault["msg"], field=".".join(where[:] if body else where[-1:]), value=value))
        return InputErrors(faults)

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        """The OpenAPI document."""
        document = super().get_openapi_schema(**kwargs)
        schemas = document["components"]["schemas"]
        schemas["Problem"] = _SCHEMA
        for name, entity in [item for module in (model, spec, views, sites_) for item in vars(module).items()]:
            if is_dataclass(entity) and name in schemas:
                _describe(entity, schemas[name]["properties"])
        for schema in schemas.values():
            for property in schema.get("properties", {}).values():
                _bound(property)
        for path in document["paths"].values():
            for method, operation in path.items():
                operation["responses"]["default"] = _PROBLEM
                if method == "post":
                    operation.setdefault("parameters", []).append(_KEY)
        return document


def _describe(entity: Any, properties: dict[str, Any]) -> None:
    """Give each property the meaning and the unit that its field declares."""
    for field in fields(entity):
        if meaning := field.metadata.get("meaning"):
            unit = field.metadata["unit"]
            properties[field.name]["description"] = f"{meaning} ({unit})" if unit else meaning


def _bound(schema: dict[str, Any]) -> None:
    """Write the bounds that `requests.bounded` holds every value to into its schema."""
    if schema.get("type") == "integer":
        schema.setdefault("minimum", -MOST)
        schema.setdefault("maximum", MOST)
    elif schema.get("type") == "string" and "enum" not in schema:
        schema.setdefault("maxLength", LONGEST)
    for inner in (schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())):
        if isinstance(inner, dict):
            _bound(inner)


def make_api() -> Api:
    """The API with all its operations."""
    api = Api(
        title="Dure", version=__version__, urls_namespace="api", auth=BEARER, parser=Checked(), renderer=Json(),
        description="Calls, applications, reviews, awards, balances, jobs, sites and pledges of an AI-compute programme.",
    )  # fmt: skip
    install(api)
    api.add_decorator(view, mode="view")
    for module in (
        books,
        applications,
        calls,
        reviews,
        awards,
        people,
        decisions,
        stream,
        jobs,
        sites,
        pledges,
    ):  # what is read most is looked up first
        api.add_router("", module.router, tags=[module.__name__.rpartition(".")[2]])
    return api
