"""Applications from TOML (one a file) and CSV (one a row), and back to CSV (docs/reference/applications.md).

Both go through the same keys: a row is first laid out as the table it would be in TOML.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, BinaryIO, Final

from dure.errors import InputError
from dure.formats import toml
from dure.formats.rows import Row, names, read_rows
from dure.programme.model import Accepted, Application, Ask, Institution, Kind, Member, Sector
from dure.units import MILLI

_ROLES: Final = ("pi", "co-pi", "member")
_PLACE: Final = ("ror", "country", "region", "name")  # of a member, after user and role
_MAX_COUNT: Final = 10**6
REQUIRED: Final = ("track", "project", "title", "lead", "sector", "model", "accelerators", "months")  # columns


def _count(raw: object) -> int:
    value = toml.whole(raw)
    if not 0 <= value <= _MAX_COUNT:
        raise toml.Wrong(f"a whole number from 0 to {_MAX_COUNT:,}")
    return value


def _exchange(raw: object) -> int:
    value = toml.milli(raw)
    if not 0 < value <= 1000 * MILLI:
        raise toml.Wrong("a number above 0, as 0.5: accelerators of it for one of the model asked for")
    return value


def _role(raw: object) -> str:
    if raw not in _ROLES:
        raise toml.Wrong(", ".join(_ROLES))
    return str(raw)


_PARSERS: Final[dict[str, toml.Parser]] = {
    "str": toml.text_value,
    "bool": toml.truth,
    "count": _count,
    "months": _count,
    "thousandths": toml.share_milli,
    "exchange_milli": _exchange,
    "role": _role,
    "Sector": toml.choice_of(Sector),
    "Kind": toml.choice_of(Kind),
    **dict.fromkeys(("institution", "ask", "members", "accepted"), toml.as_is),  # tables of their own
}


def application_keys() -> dict[str, dict[str, toml.Key]]:
    """The keys of an application's file by table; "" is the top of the file."""
    tables = {"": Application, "institution": Institution, "ask": Ask, "accepted": Accepted, "member": Member}
    keys = {name: toml.keys_of(entity, _PARSERS) for name, entity in tables.items()}
    top = keys[""]
    top["member"] = top.pop("members")
    top["id"] = toml.Key("id", toml.text_value, neutral="")  # default: from the call and the project
    top["call"] = toml.Key("call", toml.text_value, neutral="")
    top |= {
        name: toml.Key(name, toml.as_is, neutral={}) for name in ("institution", "ask")
    }  # their own keys are missed
    return keys


_KEYS: Final = application_keys()


def read_application(stream: BinaryIO, name: str) -> Application:
    """An application from TOML. Raises InputErrors with every fault of form; `programme.eligibility` judges the rest."""
    file = toml.TomlFile(stream, name)
    application = _application(file, file.values)
    file.finish()
    return application


def read_applications(
    stream: BinaryIO, name: str, *, skip_bad: bool = False
) -> tuple[list[Application], list[InputError]]:
    """Applications from CSV, and the faults of rows that were skipped; ids are unique in the file.

    Raises InputErrors that name every bad row's line, field, value and accepted form, unless `skip_bad`.
    """
    seen: dict[str, int] = {}

    def parse(row: Row) -> Application:
        application = _application(row, _raw(row))
        first = seen.setdefault(application.id, row.line)
        if first != row.line:
            row.fault(("id",), f"used before, on line {first}", application.id, "a new id")
        return application

    required = [
        c for c in COLUMNS if c in ("track", "title", "project", "lead", "sector", "model", "accelerators", "months")
    ]
    return read_rows(
        stream, name, parse, columns=COLUMNS, required=required, paths=_PATHS, skip_bad=skip_bad
    )  # fmt: skip


def write_applications(applications: Iterable[Application]) -> str:
    """Applications as CSV. Raises InputError for a member whose names hold the separators `:` or `;`."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for application in applications:
        rows.writerow([column.write(application) for column in _COLUMNS.values()])
    return text.getvalue()


def _application(place: toml.Records, raw: dict[str, Any]) -> Application:
    got = place.record((), raw, _KEYS[""])
    got["institution"] = _institution(place, ("institution",), got.get("institution", {}))
    ask = place.record(("ask",), got.get("ask", {}), _KEYS["ask"])
    accepted = _tables(place, ("ask", "accepted"), ask.get("accepted", ()))
    ask["accepted"] = tuple(Accepted(**place.record(path, a, _KEYS["accepted"])) for path, a in accepted)
    members = []
    for path, table in _tables(place, ("member",), got.get("members", ())):
        member = place.record(path, table, _KEYS["member"])
        where = _institution(place, (*path, "institution"), member.get("institution", {}))
        members.append(Member(**member | {"institution": where}))
    got |= {"ask": Ask(**ask), "members": tuple(members)}
    got["id"] = got.get("id") or "-".join(part for part in (got.get("call"), got["project"]) if part)
    return Application(**{"call": ""} | got)


def _institution(place: toml.Records, path: toml.Path, raw: object) -> Institution:
    return Institution(**place.record(path, raw, _KEYS["institution"]))


def _tables(place: toml.Records, path: toml.Path, raw: object) -> list[tuple[toml.Path, object]]:
    if isinstance(raw, list | tuple):
        return [((*path, i), item) for i, item in enumerate(raw)]
    place.fault(path, "is not a list of tables", raw)
    return []


# ---- columns: how a cell is written, where it stands in the table, and how its text becomes the table's value ----------


def _number(text: str) -> object:
    """A number where it is one; else the text, which the key then refuses by name."""
    for kind in (int, float):
        try:
            return kind(text) if text.isascii() and "_" not in text else text
        except ValueError:
            continue
    return text


def _flag(text: str) -> object:
    return {"true": True, "false": False}.get(text.lower(), text)


def _percent(milli: int) -> str:
    return f"{milli // 10}.{milli % 10} %" if milli % 10 else f"{milli // 10} %"


def _write_accepted(accepted: Iterable[Accepted]) -> str:
    milli = ((a.model, *divmod(a.exchange_milli, MILLI)) for a in accepted)
    return ";".join(f"{model}:{whole}.{rest:03d}".rstrip("0").rstrip(".") for model, whole, rest in milli)


def _accepted(text: str) -> list[dict[str, object]]:
    pairs = (part.partition(":") for part in names(text))
    return [{"model": model, "exchange": _number(exchange or "1")} for model, _, exchange in pairs]


def _members(text: str) -> list[dict[str, object]]:
    members: list[dict[str, object]] = []
    for part in (p for p in text.split(";") if p):
        user, role, *place = part.split(":", 5) if ":" in part else (part, "member")
        members.append({"user": user, "role": role, "institution": dict(zip(_PLACE, place, strict=False))})
    return members


def _write_members(members: Iterable[Member]) -> str:
    written = []
    for m in members:
        parts = [m.user, m.role, *(getattr(m.institution, key) for key in _PLACE)]
        if any(";" in p for p in parts) or any(":" in p for p in parts[:-1]) or not m.user:
            raise InputError(
                "cannot be written in a cell", field="members", value=":".join(parts), accepted="no ; and no :"
            )
        written.append(":".join(parts).rstrip(":") if not parts[-1] else ":".join(parts))
    return ";".join(written)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: how its cell is written, the table ("" is the top) and key it stands for, how its text is read."""

    write: Callable[[Application], object]
    table: str
    key: str
    read: Callable[[str], object] = str


def _columns() -> dict[str, _Column]:
    get = attrgetter
    plain = ("id", "call", "track", "project", "title", "lead", "sector")
    made = {n: _Column(get(n), "", n) for n in plain}
    for column, key in (("ror", "ror"), ("institution", "name"), ("country", "country"), ("region", "region")):
        made[column] = _Column(get(f"institution.{key}"), "institution", key)
    made["model"] = _Column(get("ask.model"), "ask", "model")
    for n in ("accelerators", "months", "start_month", "seats"):
        made[n] = _Column(get(f"ask.{n}"), "ask", n, _number)
    made["minimum"] = _Column(lambda a: _percent(a.ask.minimum_milli), "ask", "minimum")
    made["accepted"] = _Column(lambda a: _write_accepted(a.ask.accepted), "ask", "accepted", _accepted)
    made |= {n: _Column(get(n), "", n) for n in ("abstract", "area", "partner_country", "kind", "builds_on")}
    made["members"] = _Column(lambda a: _write_members(a.members), "", "member", _members)
    for n in ("young", "generated"):
        made[n] = _Column(lambda a, n=n: "true" if getattr(a, n) else "", "", n, _flag)  # type: ignore[misc]
    return made


_COLUMNS: Final = _columns()
COLUMNS: Final = tuple(_COLUMNS)
_PATHS: Final[dict[toml.Path, str]] = {(c.table, c.key) if c.table else (c.key,): n for n, c in _COLUMNS.items()}


def _raw(row: Row) -> dict[str, Any]:
    """A row as the table it would be in TOML; blank cells are left out."""
    raw: dict[str, Any] = {"institution": {}, "ask": {}}
    for name, text in row.cells.items():
        if text:
            column = _COLUMNS[name]
            (raw[column.table] if column.table else raw)[column.key] = column.read(text)
    return raw
