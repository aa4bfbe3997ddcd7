"""Jobs from TOML (docs/reference/jobs.md): what a person asks for, checked whole, every fault with its line."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any, BinaryIO, Final

from dure.errors import InputError
from dure.formats import toml
from dure.formats.streams import Limits, read_bytes
from dure.workload.checks import ENV_MOST, KINDS, check_spec
from dure.workload.spec import Health, JobSpec, Variant

_MOST: Final = Limits(max_bytes=2**18)  # a command and an environment of the longest, twice over
_KEY_MOST: Final = 64  # parts of a dotted key: a reader of TOML takes quadratic time over them
_TABLE_MOST: Final = 200  # keys of a table but `env`, or tables of a list: a job has some thirty
_DOTTED = re.compile(rb"(?:[^\n.=]*\.){%d}" % _KEY_MOST)
_TABLES: Final = {"variants": "variant"}


def variables(raw: object) -> dict[str, str]:
    """A table of texts; whole numbers are taken as they are written."""
    if not isinstance(raw, dict) or not all(isinstance(v, str | int) and not isinstance(v, bool) for v in raw.values()):
        raise toml.Wrong('a table of texts, as { SEED = "7" }')
    if sum(len(k) + len(v) for k, v in raw.items() if isinstance(v, str)) > ENV_MOST:
        raise toml.Wrong(f"at most {ENV_MOST:,} bytes, names and values")
    return {name: str(value) for name, value in raw.items()}


def words(raw: object) -> tuple[str, ...]:
    """A program and its arguments: a list, for no shell takes a line apart."""
    if isinstance(raw, str):
        raise toml.Wrong('a list, as ["python", "train.py"]: no shell reads it')
    found: tuple[str, ...] = toml.list_of(toml.text_value, 'a list of texts, as ["python", "train.py"]')(raw)
    return found


_NAMES = toml.list_of(toml.text_value, 'a list of names, as ["H200", "B200"]')
_PARSERS: Final[dict[str, toml.Parser]] = {
    "str": toml.text_value,
    "int": toml.whole,
    "kind": toml.one_of(list(KINDS)),
    "command": words,
    "share_milli": toml.share_milli,
    "milli-cores": toml.milli,
    "MiB": toml.memory_mib,
    "s": toml.duration_s,
    "UTC s": toml.date_utc_s,
    "env": variables,
    "variants": toml.as_is,
    "health": toml.as_is,
    "tuple[str, ...]": _NAMES,
}


def job_keys() -> dict[str, dict[str, toml.Key]]:
    """The keys of a job's file by table; "" is the top of the file."""
    return {"": _keys(JobSpec), "variant": _keys(Variant), "health": _keys(Health)}


def _keys(entity: type) -> dict[str, toml.Key]:
    keys = toml.keys_of(entity, _PARSERS)
    if "project" in keys:  # whoever submits may say it instead
        keys["project"] = replace(keys["project"], required=False)
    return {_short(name): key for name, key in keys.items()}


def _short(name: str) -> str:
    for suffix in ("_utc_s", "_milli", "_s"):
        name = name.removesuffix(suffix)
    return _TABLES.get(name, name)


def read_job(stream: BinaryIO, name: str) -> JobSpec:
    """A job from TOML. Raises InputErrors with every fault of form and of sense, each with its line; a file too large to be
    one is refused before it is parsed. The project may be left out: then it is "", and to be said by whoever submits."""
    data = read_bytes(stream, name, _MOST)
    lines = data.split(b"\n")
    if sum(line.lstrip().startswith(b"[") for line in lines) > 2 * _TABLE_MOST:
        raise InputError("too many tables", source=name, accepted=f"at most {_TABLE_MOST}")
    if any(_DOTTED.match(line) for line in lines):
        raise InputError("a key of too many parts", source=name, accepted=f"at most {_KEY_MOST}")
    file = toml.TomlFile(io.BytesIO(data), name)
    tables = [file.values, *(v for k, v in file.values.items() if k != "env")]
    if (most := max(len(t) for t in tables if isinstance(t, dict | list))) > _TABLE_MOST:
        raise InputError("too many keys", source=name, value=most, accepted=f"at most {_TABLE_MOST} in a table")
    keys = job_keys()
    got: dict[str, Any] = {"project": "", **file.record((), file.values, keys[""])}
    raws = enumerate(file.tables("variant"))
    got["variants"] = tuple(Variant(**_sound(file.record(("variant", i), raw, keys["variant"]))) for i, raw in raws)
    if got.get("health") is not None:
        got["health"] = Health(**file.record(("health",), got["health"], keys["health"]))
    spec = JobSpec(**_sound(got))
    for fault in check_spec(spec):
        if fault.path != ("project",) or spec.project:
            file.fault_once(fault.path, fault.message, fault.value, fault.accepted)
    file.finish()
    return spec


def _sound(got: dict[str, Any]) -> dict[str, Any]:
    """The fields with something harmless where a value was at fault, so that the other faults can be found too."""
    spare: dict[str, Any] = {"env": {}, "command": ("-",), "model": "-"}
    return {k: spare[k] if k in spare and not got[k] and got[k] != () else v for k, v in got.items()}
