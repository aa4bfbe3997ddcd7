"""Projects, members and balances of a centre that ran ColdFront: `coldfront dumpdata` as JSON.

Read are the Django models auth.user, project.project, project.projectuser, allocation.allocation,
allocation.allocationuser, allocation.allocationattribute and allocation.allocationattributeusage, and the tables of choices
they point to, by number or (`--natural-foreign`) by name. Source: ColdFront documentation, "Importing data".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, BinaryIO, Final

from dure.errors import InputError, InputErrors
from dure.fleet.checks import nearest
from dure.formats import toml
from dure.programme.model import Member

LIVE: Final = frozenset({"Active", "Renewal Requested"})  # of allocations; projects and people: "Active"
_ROLES: Final = {"Manager": "co-pi", "User": "member"}


@dataclass(frozen=True, slots=True)
class ImportedProject:
    """A project of an existing centre, as it stood on the day of its export."""

    project: str  # short name, [a-z0-9-]{2,40}
    title: str
    members: tuple[Member, ...]  # the principal investigator first, where there is one
    granted_milli: int | None  # milli-units; None: the centre set no limit in time
    spent_milli: int  # milli-units
    limits: dict[str, int] = field(default_factory=dict)  # what may be held at once, by the centre's own name for it
    line: int = 0  # where it stands in the file


@dataclass(frozen=True, slots=True)
class _Object:
    """One object of the dump, with its line."""

    model: str
    key: object
    fields: dict[str, Any]
    line: int


def read_coldfront(
    stream: BinaryIO, name: str, rates: Mapping[str, int], *, skip_bad: bool = False
) -> tuple[list[ImportedProject], list[InputError]]:
    """Active projects with what they were granted and have used, and the faults of those that were skipped.

    `rates` says which allocation attributes are grants and what one of each is worth in milli-units, as
    {"Core Usage (Hours)": 100}. Raises InputErrors for bad projects unless `skip_bad`.
    """
    dump = _Dump(list(_objects(toml.read_text(stream, name), name)), name)
    known = sorted({dump.name(_TYPE, a.fields.get("allocation_attribute_type")) for a in dump.of(_ATTRIBUTE)})
    for attribute in rates:
        if attribute not in known:
            accepted = nearest(attribute, known)
            raise InputError(
                "no allocation has this attribute", source=name, field="rates", value=attribute, accepted=accepted
            )
    good: dict[str, ImportedProject] = {}
    faults: list[InputError] = []
    for found in dump.of(_PROJECT):
        if dump.name("project.projectstatuschoice", found.fields.get("status")) != "Active":
            continue
        try:
            project = _project(dump, found, rates)
            if other := good.get(project.project):
                message = f"the short name of two projects, also of that on line {other.line}"
                raise dump.fault(found, "title", message, project.project, "another slurm_account_name")
            good[project.project] = project
        except InputError as fault:
            faults.append(fault)
    if faults and not skip_bad:
        raise InputErrors(faults)
    return list(good.values()), faults


_PROJECT, _ALLOCATION, _USER = "project.project", "allocation.allocation", "auth.user"
_ATTRIBUTE, _TYPE = "allocation.allocationattribute", "allocation.allocationattributetype"


class _Dump:
    """The objects of a dump by model, and what their references mean."""

    def __init__(self, objects: list[_Object], name: str) -> None:
        self.source = name
        self._of: dict[str, list[_Object]] = {}
        for found in objects:
            self._of.setdefault(found.model, []).append(found)
        self._by_key = {(o.model, str(o.key)): o for o in objects}
        self._pointing: dict[tuple[str, str], dict[str, list[_Object]]] = {}
        if _PROJECT not in self._of:
            raise InputError(
                "no projects", source=name, accepted="the JSON of `coldfront dumpdata auth.user project allocation`"
            )

    def of(self, model: str) -> list[_Object]:
        """The objects of a model."""
        return self._of.get(model, [])

    def name(self, model: str, reference: object) -> str:
        """The name of a choice, type or user: given as a natural key, or looked up by number; empty if unknown."""
        if isinstance(reference, list):
            return str(reference[0]) if reference else ""
        found = self._by_key.get((model, str(reference)))
        return str(found.fields.get("username" if model == _USER else "name", "")) if found else ""

    def belong(self, model: str, key: str, target: _Object) -> list[_Object]:
        """The objects of a model that point to a project or allocation by number, or by title and investigator."""
        if (model, key) not in self._pointing:
            pointing: dict[str, list[_Object]] = {}
            for found in self.of(model):  # a one-to-one key is the object's own number
                pointing.setdefault(str(found.fields.get(key, found.key)), []).append(found)
            self._pointing[model, key] = pointing
        natural = str([target.fields.get("title"), self.name(_USER, target.fields.get("pi"))])
        keys = {natural, str(target.key)} - {"None"}
        return [o for k in sorted(keys) for o in self._pointing[model, key].get(k, [])]

    def fault(self, found: _Object, field: str, message: str, value: object, accepted: str) -> InputError:
        """A fault of one object."""
        return InputError(message, source=self.source, line=found.line, field=field, value=value, accepted=accepted)


def _project(dump: _Dump, found: _Object, rates: Mapping[str, int]) -> ImportedProject:
    title, lead = str(found.fields.get("title") or ""), dump.name(_USER, found.fields.get("pi"))
    if not lead:
        raise dump.fault(found, "pi", "no such user in the dump", found.fields.get("pi"), "a user of auth.user")
    granted, spent, account = 0, 0, ""
    for allocation in dump.belong(_ALLOCATION, "project", found):
        if dump.name("allocation.allocationstatuschoice", allocation.fields.get("status")) not in LIVE:
            continue
        for attribute in dump.belong(_ATTRIBUTE, "allocation", allocation):
            kind = dump.name(_TYPE, attribute.fields.get("allocation_attribute_type"))
            if kind == "slurm_account_name":
                account = account or str(attribute.fields.get("value") or "")
            elif kind in rates:
                granted += _milli(dump, attribute, attribute.fields.get("value"), rates[kind])
                spent += sum(
                    _milli(dump, usage, usage.fields.get("value"), rates[kind])
                    for usage in dump.belong("allocation.allocationattributeusage", "allocation_attribute", attribute)
                )
    short = short_name(str(found.fields.get("project_code") or "") or account or title)
    if not short:
        raise dump.fault(
            found, "title", "no short name can be made of it", title, "a slurm_account_name of a-z, 0-9 and -"
        )
    return ImportedProject(short, title, _members(dump, found, lead), granted, spent, line=found.line)


def _members(dump: _Dump, project: _Object, lead: str) -> tuple[Member, ...]:
    members = {lead: Member(lead, "pi")}
    for person in dump.belong("project.projectuser", "project", project):
        user = dump.name(_USER, person.fields.get("user"))
        if not user:
            raise dump.fault(
                person, "user", "no such user in the dump", person.fields.get("user"), "a user of auth.user"
            )
        role = _ROLES.get(dump.name("project.projectuserrolechoice", person.fields.get("role")), "member")
        if dump.name("project.projectuserstatuschoice", person.fields.get("status")) == "Active":
            members.setdefault(user, Member(user, role))
    return tuple(members.values())


def short_name(text: str) -> str:
    """A project's short name from any text: lower case, everything else a hyphen; empty if too little is left."""
    made = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].rstrip("-")
    return made if len(made) >= 2 else ""


def _milli(dump: _Dump, found: _Object, value: object, rate: int) -> int:
    """So many of an attribute, in milli-units, half up."""
    try:
        amount = Decimal(str(value)) * rate
        if not 0 <= amount < 10**18:
            raise ValueError(value)
    except (InvalidOperation, ValueError):
        raise dump.fault(found, "value", "not an amount", value, "a number from 0") from None
    return int(amount.to_integral_value(ROUND_HALF_UP))


def _objects(text: str, name: str) -> Iterator[_Object]:
    """The objects of a list, one by one, each with the line it starts on."""
    decoder = json.JSONDecoder(parse_float=Decimal)
    start = _BLANK.match(text, 0).end()  # type: ignore[union-attr]  # matches the empty text too
    if text[start : start + 1] != "[":
        raise InputError("not a dump", source=name, line=1, accepted="a JSON list, as `coldfront dumpdata` writes it")
    at, line, counted = start + 1, 1, 0
    while text[(at := _BLANK.match(text, at).end()) : at + 1] not in ("]", ""):  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        try:
            raw, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError, ValueError) as fault:
            raise InputError(f"not JSON: {fault}", source=name, line=getattr(fault, "lineno", line)) from None
        if (
            not isinstance(raw, dict)
            or not isinstance(raw.get("fields"), dict)
            or not isinstance(raw.get("model"), str)
        ):
            accepted = '{ "model": ..., "pk": ..., "fields": { ... } }'
            raise InputError("not an object of a dump", source=name, line=line, accepted=accepted)
        yield _Object(raw["model"].lower(), raw.get("pk"), raw["fields"], line)
    if not text[at : at + 1]:
        raise InputError("not JSON: cut off before its end", source=name, line=text.count("\n") + 1)


_BLANK: Final = re.compile(r"[\s,]*")
