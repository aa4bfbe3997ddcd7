"""Calls from TOML (docs/reference/calls.md): what people write, checked whole, every fault with its line."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import replace
from typing import BinaryIO

from dure.fleet.checks import nearest
from dure.fleet.model import Fleet
from dure.formats import toml
from dure.programme.checks import check_call
from dure.programme.model import Call, Criterion, Fee, Sector, SetAside, Text, Track

_TABLES = {"tracks": "track", "criteria": "criterion", "set_asides": "set_aside"}
_DATES = ("opens", "closes", "period_start")


def text(raw: object) -> Text:
    """A text in Korean and English, or one for both."""
    if isinstance(raw, str):
        return Text(raw, raw)
    if isinstance(raw, dict) and raw and raw.keys() <= {"ko", "en"} and all(isinstance(v, str) for v in raw.values()):
        return Text(raw.get("ko", ""), raw.get("en", ""))
    raise toml.Wrong('text, or { ko = "...", en = "..." }')


def amount_milli(raw: object) -> int:
    """Units, in milli-units: exact for whole numbers."""
    return toml.whole(raw) * 1000 if isinstance(raw, int) else toml.milli(raw)


_PARSERS: dict[str, toml.Parser] = {
    "str": toml.text_value,
    "int": toml.whole,
    "bool": toml.truth,
    "Text": text,
    "Fee": toml.choice_of(Fee),
    "milli-units": amount_milli,
    "milli-points": toml.milli,
    "thousandths": toml.share_milli,
    "tuple[str, ...]": toml.list_of(toml.text_value, 'a list of names, as ["H200", "B200"]'),
    "tuple[Sector, ...]": toml.list_of(toml.choice_of(Sector), 'a list, as ["academia", "startup"]'),
}


def call_keys() -> dict[str, dict[str, toml.Key]]:
    """The keys of a call's file by table; "" is the top of the file."""
    parts = {n: _keys(e) for n, e in (("track", Track), ("criterion", Criterion), ("set_aside", SetAside))}
    parts["track"]["fee_share"] = parts["track"].pop("fee_milli")
    return {"": _keys(Call), **parts}


def _keys(entity: type) -> dict[str, toml.Key]:
    later = dict.fromkeys((*_TABLES, "parameters", "s"), toml.as_is)  # read once the zone is known, or table by table
    keys = {name.removesuffix("_utc"): key for name, key in toml.keys_of(entity, _PARSERS | later).items()}
    return {_TABLES.get(name, name): key for name, key in keys.items()}


def read_call(stream: BinaryIO, name: str, *, fleet: Fleet | None = None) -> Call:
    """A call from TOML. Raises InputErrors with every fault of form and of sense, each with its line.

    Models, sites, pools and envelopes are checked where a fleet is given. Times without an offset are those of the
    call's zone.
    """
    file = toml.TomlFile(stream, name)
    keys = call_keys()
    got = file.record((), file.values, keys[""])
    for field, entity in (("tracks", Track), ("criteria", Criterion), ("set_asides", SetAside)):
        table = _TABLES[field]
        raws = enumerate(file.tables(table))
        got[field] = tuple(entity(**file.record((table, i), raw, keys[table])) for i, raw in raws)
    zone = _zone(file, got["zone"])
    for key in _DATES:
        got[f"{key}_utc_s"] = _moment(file, key, got[f"{key}_utc_s"], zone)
    got["parameters"] = _parameters(file, got.get("parameters", {}))
    call = Call(**got)
    undated = any((key,) in file.faults for key in (*_DATES, "zone"))
    for fault in check_call(_whole(call), fleet):
        if not (undated and fault.path[0] in _DATES):
            file.fault_once(fault.path, fault.message, fault.value, fault.accepted)
    file.finish()
    return call


def _whole(call: Call) -> Call:
    """The call with empty lists where the file had none, so that its other faults can be found too."""
    return replace(call, tracks=tuple(replace(t, sectors=t.sectors or ()) for t in call.tracks))


def _zone(file: toml.TomlFile, name: str) -> dt.tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        file.fault_once(("zone",), "no such time zone", name, nearest(name, zoneinfo.available_timezones()))
    return dt.UTC


def _moment(file: toml.TomlFile, key: str, raw: object, zone: dt.tzinfo) -> int:
    """A time in seconds from 1970; the period starts on a day, with its first moment in the zone."""
    if (key,) in file.faults:
        return 0
    if key == "period_start":
        if isinstance(raw, dt.date) and not isinstance(raw, dt.datetime) and raw.day == 1:
            return int(dt.datetime(raw.year, raw.month, 1, tzinfo=zone).timestamp())
        accepted = "the first day of a month, as 2026-09-01"
    else:
        if isinstance(raw, dt.datetime):
            return int((raw if raw.tzinfo else raw.replace(tzinfo=zone)).timestamp())
        accepted = "a date with a time, as 2026-07-01T09:00:00+09:00"
    file.fault((key,), "wrong value", str(raw), accepted)
    return 0


def _parameters(file: toml.TomlFile, raw: object) -> dict[str, int | str]:
    if not isinstance(raw, dict):
        file.fault(("parameters",), "is not a table", raw, "[parameters] of the rule")
        return {}
    parameters: dict[str, int | str] = {}
    for name, value in raw.items():
        if isinstance(value, bool) or not isinstance(value, int | str):
            file.fault(("parameters", name), "wrong value", value, "a whole number (thousandths for shares) or text")
        else:
            parameters[name] = value
    return parameters
