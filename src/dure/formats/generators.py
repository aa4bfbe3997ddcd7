"""Generator parameters as readable TOML, in and out. The keys are the fields of `dure.workload.generator`."""

from __future__ import annotations

import datetime as dt
import json
import textwrap
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

from dure.errors import InputError
from dure.formats import toml
from dure.formats.streams import opened
from dure.formats.toml import Key, Parser, TomlFile, Wrong
from dure.units import MILLI
from dure.vocabulary import JobKind
from dure.workload.columns import Accept
from dure.workload.generator import Arrivals, GeneratorParams, JobClass

HEAD = """\
# A workload generator: `dure workload generate` makes jobs from it. A list of `duration`, `limit_ratio`, `lead`,
# `cores_each` or `memory_each` holds the typical values of equal parts of the jobs, ascending.
# `sizes` holds [accelerators, relative number of jobs], or [1, relative number, share of the accelerator].
"""


def open_generator(path: str | Path) -> GeneratorParams:
    """The parameters in a TOML file. Raises InputError with every fault of the file."""
    with opened(Path(path)) as stream:
        return read_generator(stream, name=str(path))


def read_generator(stream: BinaryIO, *, name: str) -> GeneratorParams:
    """As `open_generator`, from a binary stream."""
    file = TomlFile(stream, name)
    raw = dict(file.values)
    arrivals, classes = raw.pop("arrivals", {}), file.tables("class")
    raw.pop("class", None)
    got = file.record((), raw, _KEYS)
    got["arrivals"] = file.record(("arrivals",), arrivals, _ARRIVALS)
    got["classes"] = [file.record(("class", i), one, _CLASS) for i, one in enumerate(classes)]
    file.finish()
    try:
        got["arrivals"] = Arrivals(**got["arrivals"])
        return GeneratorParams(**{**got, "classes": tuple(JobClass(**c) for c in got["classes"])})
    except InputError as error:
        raise InputError(
            error.message, source=name, field=error.field, value=error.value, accepted=error.accepted
        ) from None


def generator_text(params: GeneratorParams) -> str:
    """The parameters as TOML text that `read_generator` reads back to the same value; defaults are left out."""
    parts = [HEAD, *_lines(params, _KEYS), "\n[arrivals]", *_lines(params.arrivals, _ARRIVALS)]
    for one in params.classes:
        parts += ["\n[[class]]", *_lines(one, _CLASS)]
    return "\n".join(parts) + "\n"


def _lines(entity: Any, keys: Mapping[str, Key]) -> list[str]:
    lines = []
    for name, key in keys.items():
        value = getattr(entity, key.field)
        if key.required or value != key.neutral:
            text = _write(key.field, value)
            lines += (
                textwrap.wrap(f"{name} = {text}", 118, subsequent_indent="  ", break_long_words=False)
                if (text.startswith("[") and '"' not in text)
                else [f"{name} = {text}"]
            )
    return lines


def _write(field: str, value: Any) -> str:
    if field == "start_utc_s":
        return dt.datetime.fromtimestamp(value, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if field == "kind":
        return _quoted(value.name.lower())
    if field == "accept":
        return "{ " + ", ".join(f"{_quoted(model)} = {_number(speed / MILLI)}" for model, speed in value) + " }"
    if field == "sizes":
        value = [(n, weight) if share == MILLI else (n, weight, share / MILLI) for n, share, weight in value]
    if field == "cores_each_milli":
        value = [v / MILLI for v in value]
    if field == "memory_each_mib":
        value = [f"{v} MiB" for v in value]
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_plain(v) for v in value) + "]"
    return _number(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON's escapes are TOML's, but for DEL


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _kind(raw: object) -> JobKind:
    names = {k.name.lower(): k for k in JobKind}
    if toml.text_value(raw) not in names:
        raise Wrong(", ".join(names))
    return names[str(raw)]


def _accept(raw: object) -> Accept:
    if not isinstance(raw, dict):
        raise Wrong("models with relative speeds, as { H200 = 1.0, RNGD = 0.4 }")
    return tuple((model, toml.milli(speed)) for model, speed in raw.items())


def _size(raw: object) -> tuple[int, int, float]:
    if not isinstance(raw, list) or len(raw) not in (2, 3):
        raise Wrong("[accelerators, relative number of jobs] and, for a part of one, its share")
    return toml.whole(raw[0]), toml.milli(raw[2]) if len(raw) == 3 else MILLI, toml.number(raw[1])


def _list(parse: Parser, what: str) -> Parser:
    return toml.list_of(parse, f"a list of {what}")


_NUMBERS, _SECONDS = _list(toml.number, "numbers"), _list(toml.duration_s, "times")
_PARSERS: dict[str, Parser] = {
    "str": toml.text_value, "float": toml.number, "int": toml.whole,
    "tuple[float, ...]": _NUMBERS, "tuple[int, ...]": _list(toml.whole, "whole numbers"),
    "tuple[str, ...]": _list(toml.text_value, "names"), "tuple[tuple[float, ...], ...]": _list(_NUMBERS, "lists"),
    "utc_offset_s": toml.duration_s, "save_every_s": toml.duration_s, "start_utc_s": toml.date_utc_s,
    "edges_s": _SECONDS, "duration_s": _SECONDS, "limit_menu_s": _SECONDS, "lead_s": _SECONDS,
    "kind": _kind, "accept": _accept, "sizes": _list(_size, "sizes"),
    "cores_each_milli": _list(toml.milli, "cores"), "memory_each_mib": _list(toml.memory_mib, "memory"),
}  # fmt: skip


def _keys(entity: type) -> dict[str, Key]:
    mine = {f.name for f in fields(entity)} - {"classes", "arrivals"}
    found = toml.keys_of(entity, {**_PARSERS, "classes": _NUMBERS, "Arrivals": _NUMBERS})
    return {name.removesuffix("_milli").removesuffix("_mib"): key for name, key in found.items() if key.field in mine}


_KEYS, _ARRIVALS, _CLASS = _keys(GeneratorParams), _keys(Arrivals), _keys(JobClass)
