"""Reading TOML files that people write: every fault with its line, all faults of a file at once.

A *record* is one table of the file. Its keys are described by `Key`s: made from a dataclass whose fields carry their
unit (`keys_of`), or written by hand. A field that ends in its unit (`memory_mib`, `power_cap_w`, `from_s`) is written
without it, and its value with it: `memory = "2 TiB"`, `power_cap = "4.2 MW"`, `from = 2026-03-01` or `from = "30d"`.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from typing import Any, BinaryIO

from dure.errors import InputError, InputErrors
from dure.fleet.checks import nearest
from dure.formats.streams import Limits, clean_text, read_bytes
from dure.units import MIB_PER_GIB, MILLI, parse_duration

_LIMITS = Limits(max_bytes=32 * 2**20)  # a file that a person writes is far smaller; a 2 GB one is a mistake
_MAX_INT = 2**53  # beyond it a figure is no longer exact as a float
_POWER = {"w": 1, "kw": 10**3, "mw": 10**6, "gw": 10**9}
_MEMORY_MIB = {"mib": 1, "gib": 2**10, "tib": 2**20, "mb": 1e6 / 2**20, "gb": 1e9 / 2**20, "tb": 1e12 / 2**20}
_SUFFIX_OF_UNIT = {
    "W": "_w", "MiB": "_mib", "milli-cores": "_milli", "s": "_s", "milli-units": "_milli", "milli-points": "_milli",
    "thousandths": "_milli", "minor currency/unit": "_minor",
}  # fmt: skip
_QUANTITY = re.compile(r"\s*(\d[\d_,]*(?:\.\d+)?)\s*([A-Za-z]+)\s*")
_PERCENT = re.compile(r"(\d{1,5})(?:\.(\d))?\s*%")
_PART = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")

Path = tuple[str | int, ...]
Parser = Callable[[Any], Any]


class Wrong(ValueError):
    """A value is not of the accepted form; the message says what is accepted."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record: where its value goes and how it is read. `neutral` stands in for a missing or wrong one."""

    field: str
    parse: Parser
    required: bool = False
    neutral: Any = None


class Records:
    """Values being read from somewhere, and the faults found so far; `place` says where a path of keys stands."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: dict[Path, list[InputError]] = {}

    def place(self, path: Path) -> tuple[int | None, str]:
        """Line and field of a path."""
        return None, _spell(path)

    def fault(self, path: Path, message: str, value: object = None, accepted: str = "") -> None:
        """Notes a fault at a path of keys and indices, such as ("pool", 2, "memory")."""
        line, field = self.place(path)
        error = InputError(message, source=self.name, line=line, field=field, value=value, accepted=accepted)
        self.faults.setdefault(path, []).append(error)

    def fault_once(self, path: Path, message: str, value: object = None, accepted: str = "") -> None:
        """Notes a fault unless the key, or one in or around it, is at fault already: one mistake, one message."""
        if not any(path[: len(known)] == known or known[: len(path)] == path for known in self.faults):
            self.fault(path, message, value, accepted)

    def finish(self) -> None:
        """Raises InputErrors if there was any fault, in the order of lines."""
        errors = [e for found in self.faults.values() for e in found]
        if errors:
            raise InputErrors(sorted(errors, key=lambda e: e.line or 0))

    def record(self, path: Path, raw: object, keys: Mapping[str, Key]) -> dict[str, Any]:
        """The fields of one table. A wrong, missing or unknown key is a fault; its field gets the neutral value."""
        if not isinstance(raw, dict):
            self.fault(path, "is not a table", raw, "a table of keys")
            raw = {}
        for name in raw.keys() - keys.keys():
            self.fault((*path, name), "unknown key", accepted=nearest(name, keys))
        got: dict[str, Any] = {}
        for name, key in keys.items():
            if name in raw:
                try:
                    got[key.field] = key.parse(raw[name])
                except Wrong as wrong:
                    self.fault((*path, name), "wrong value", raw[name], str(wrong))
                    got[key.field] = key.neutral
            elif key.required:
                self.fault((*path, name), "missing key")
                got[key.field] = key.neutral
        return got

    def value(self, path: Path, raw: object, parse: Parser, neutral: Any = None) -> Any:
        """One value, or `neutral` and a fault."""
        try:
            return parse(raw)
        except Wrong as wrong:
            self.fault(path, "wrong value", raw, str(wrong))
        return neutral


class TomlFile(Records):
    """A TOML file being read: its values, the lines of its keys, and the faults found so far."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Reads and parses the whole stream. Raises InputError where it is no TOML at all."""
        super().__init__(name)
        text = read_text(stream, name)
        try:
            self.values: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"at line (\d+)", str(error))
            line = int(place[1]) if place else text.count("\n") + 1  # "at end of document"
            raise InputError(f"not TOML: {error}", source=name, line=line, accepted="TOML 1.0") from None
        except (RecursionError, ValueError) as error:  # ValueError: an impossible date, an integer of 5,000 digits
            raise InputError(f"not TOML: {error}", source=name, accepted="TOML 1.0") from None
        self._lines = _lines(text)

    def place(self, path: Path) -> tuple[int | None, str]:
        """The line of the nearest key around a path."""
        line = next((self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), None)
        return line, _spell(path)

    def tables(self, name: str) -> list[Any]:
        """The `[[name]]` tables of the file; none is fine."""
        raw = self.values.get(name, [])
        if not isinstance(raw, list):
            self.fault((name,), "is not a list of tables", raw, f"[[{name}]]")
            return []
        return raw


def keys_of(entity: type, parsers: Mapping[str, Parser]) -> dict[str, Key]:
    """The keys of a dataclass whose fields carry a unit: name without unit suffix, parser by unit, then by type.

    Where the short name is another field's (`fee` and `fee_milli`), the suffix stays.
    """
    keys = {}
    names = {f.name for f in fields(entity)}
    for f in fields(entity):
        unit, kind = f.metadata["unit"], str(f.type).removesuffix(" | None")
        required = f.default is MISSING and f.default_factory is MISSING
        neutral = {"str": "", "int": 1, "float": 1.0}.get(kind) if f.default is MISSING else f.default
        parse = parsers.get(f.name) or parsers.get(unit) or parsers[kind]
        short = f.name.removesuffix(_SUFFIX_OF_UNIT.get(unit, ""))
        keys[f.name if short in names else short] = Key(f.name, parse, required, neutral)
    return keys


class AnyParser(dict[str, Parser]):
    """The parsers to give `keys_of` where only the names of keys matter."""

    def __missing__(self, key: str) -> Parser:
        """Any parser will do."""
        return text_value


def text_value(raw: object) -> str:
    """A string."""
    if not isinstance(raw, str):
        raise Wrong('text in quotes, as "H200"')
    return raw


def whole(raw: object) -> int:
    """A whole number."""
    if isinstance(raw, bool) or not isinstance(raw, int) or abs(raw) > _MAX_INT:
        raise Wrong("a whole number")
    return raw


def number(raw: object) -> float:
    """A finite number."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw) or abs(raw) > _MAX_INT:
        raise Wrong("a finite number")
    return float(raw)


def truth(raw: object) -> bool:
    """true or false."""
    if not isinstance(raw, bool):
        raise Wrong("true or false")
    return raw


def milli(raw: object) -> int:
    """A number, in thousandths."""
    return round(number(raw) * MILLI)


def share_milli(raw: object) -> int:
    """A share written in percent, in thousandths."""
    found = _PERCENT.fullmatch(raw) if isinstance(raw, str) else None
    if found is None:
        raise Wrong('a share in percent, to a tenth, as "12.5 %"')
    return int(found[1]) * 10 + int(found[2] or 0)


def choice_of(choices: type[StrEnum]) -> Parser:
    """A parser of one of the enum's values."""

    known = {c.value: c for c in choices}

    def parse_choice(raw: object) -> StrEnum:
        if not isinstance(raw, str) or raw not in known:
            raise Wrong(nearest(raw, known) if isinstance(raw, str) else ", ".join(known))
        return known[raw]

    return parse_choice


def one_of(choices: Sequence[str]) -> Parser:
    """A parser of one of some words."""

    def parse_one(raw: object) -> str:
        if not isinstance(raw, str) or raw not in choices:
            raise Wrong(nearest(raw, choices) if isinstance(raw, str) else ", ".join(choices))
        return raw

    return parse_one


def as_is(raw: object) -> Any:
    """Anything, to be read later: a table with keys of its own."""
    return raw


def power_w(raw: object) -> int:
    """Power with its unit, in W."""
    return _quantity(raw, _POWER, 'power with its unit, as "4.2 MW" or "900 kW"')


def memory_mib(raw: object) -> int:
    """Memory with its unit, or a number of GiB, in MiB."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return round(number(raw) * MIB_PER_GIB)
    return _quantity(raw, _MEMORY_MIB, 'memory with its unit, as "2 TiB", or a number of GiB')


def list_of(parse: Parser, what: str) -> Parser:
    """A list, as a tuple, each item read by `parse`."""

    def parse_list(raw: object) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            raise Wrong(what)
        return tuple(parse(item) for item in raw)

    return parse_list


def moment_s(start_utc_s: int | None) -> Parser:
    """A parser of times: seconds from the start of the run, from an offset ("30d") or a date (2026-03-01)."""

    def parse_moment(raw: object) -> int:
        if isinstance(raw, str) and not re.match(r"\d{4}-\d", raw.strip()):
            return duration_s(raw)
        if isinstance(raw, int) and not isinstance(raw, bool):
            return whole(raw)
        utc_s = date_utc_s(raw)
        if start_utc_s is None:
            raise Wrong('an offset as "30d": a date needs the `start` of the fleet')
        return utc_s - start_utc_s

    return parse_moment


def duration_s(raw: object) -> int:
    """A length of time, in s: "90s", "15m", "12h", "30d", "2w" or whole seconds."""
    if isinstance(raw, int):
        return whole(raw)
    try:
        return parse_duration(text_value(raw))
    except ValueError:
        raise Wrong('a time as "12h", "30d" or "2w", or a date as 2026-03-01') from None


def date_utc_s(raw: object) -> int:
    """A date or date-time (UTC where it names no zone), in seconds from 1970."""
    try:
        value = dt.datetime.fromisoformat(raw.strip()) if isinstance(raw, str) else raw
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            value = dt.datetime(value.year, value.month, value.day)
        if isinstance(value, dt.datetime):
            return int((value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp())
    except (ValueError, OverflowError):
        pass
    raise Wrong("a date as 2026-03-01 or a time as 2026-03-01T09:00:00+09:00")


def _quantity(raw: object, scales: Mapping[str, float], accepted: str) -> int:
    found = _QUANTITY.fullmatch(raw) if isinstance(raw, str) else None
    scale = scales.get(found[2].lower()) if found else None
    if found is None or scale is None:
        raise Wrong(accepted)
    return round(number(float(found[1].replace(",", "").replace("_", "")) * scale))


def read_text(stream: BinaryIO, name: str) -> str:
    """The whole stream as text. Raises InputError where it is too large or not UTF-8."""
    return clean_text(read_bytes(stream, name, _LIMITS), name).decode()


def _lines(text: str) -> dict[Path, int]:
    """The line of every table header and key. Multi-line strings may add false ones."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for line_number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table = ()
            parts = _parts(header[2])
            for depth, part in enumerate(parts, 1):
                table = (*table, part)
                if depth == len(parts) and header[1] == "[[":
                    counts[table] = counts.get(table, -1) + 1
                if table in counts:
                    table = (*table, counts[table])
            lines.setdefault(table, line_number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault((*table, *_parts(assignment[1])), line_number)
    return lines


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def _spell(path: Sequence[str | int]) -> str:
    """`pool[3].memory`, entities counted from 1 as people do."""
    return "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")
