"""Dataclasses to and from JSON: the one translation that tables, the API and backups share."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from dure.errors import InputError, InputErrors
from dure.governance import assets, gate, lineage, screening
from dure.programme import model

T = TypeVar("T")

_STRICT = ConfigDict(extra="forbid", strict=False)
for _entity in (
    model.Text, model.Criterion, model.Track, model.SetAside, model.Call, model.Accepted, model.Ask, model.Institution,
    model.Member, model.Application, model.Reviewer, model.Review, assets.TransferBasis, assets.Dataset, assets.JointGrant,
    assets.Model, lineage.Estimate, lineage.Run, screening.Affiliation, screening.Person, screening.Partner,
    screening.AreaClaim, screening.ExportLicence, screening.Declaration, screening.Listed, screening.Edition, gate.Bar,
    gate.Evaluation,
):  # fmt: skip
    setattr(_entity, "__pydantic_config__", _STRICT)  # noqa: B010  an unknown key is a fault


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(entity: type) -> TypeAdapter[Any]:
    if entity not in _ADAPTERS:
        _ADAPTERS[entity] = TypeAdapter(entity)
    return _ADAPTERS[entity]


def to_json(value: Any) -> dict[str, Any]:
    """The dataclass as JSON values; sets are sorted, so that equal values have equal documents."""
    document: dict[str, Any] = _adapter(type(value)).dump_python(value, mode="json")
    return {k: sorted(v) if isinstance(getattr(value, k), frozenset) else v for k, v in document.items()}


def from_json(entity: type[T], document: object, source: str = "") -> T:
    """The dataclass from JSON values. Raises InputErrors: every fault, with its field."""
    try:
        value: T = _adapter(entity).validate_python(document)
    except ValidationError as faults:
        raise InputErrors([_fault(f, source) for f in faults.errors(include_url=False)]) from None
    return value


def _fault(fault: Any, source: str) -> InputError:
    field = ".".join(str(part) for part in fault["loc"])
    got = fault["input"] if isinstance(fault["input"], str | int | float | bool) else None
    return InputError(fault["msg"], source=source, field=field, value=got)
