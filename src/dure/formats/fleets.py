"""Fleets from files: the readable TOML that people write, and the node list of the openb trace."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dure.errors import InputError, InputErrors
from dure.fleet.checks import MAX_ACCELERATORS_PER_NODE, Fault, check, nearest
from dure.fleet.model import Accelerator, Delivery, Fleet, Outage, Pool, Rate, Site
from dure.fleet.rates import BASES, from_throughput, rate_at
from dure.formats import toml
from dure.formats.catalogue import load_catalogue, load_rates
from dure.formats.streams import opened

_TOP_KEYS = ("name", "start", "site", "pool", "outage", "rates", "model")
_OPENB_COLUMNS = ["sn", "cpu_milli", "memory_mib", "gpu", "model"]
_PARSERS: dict[str, toml.Parser] = {
    "W": toml.power_w,
    "MiB": toml.memory_mib,
    "milli-cores": toml.milli,
    "str": toml.text_value,
    "int": toml.whole,
    "float": toml.number,
    "bool": toml.truth,
    "tuple[str, ...]": toml.list_of(toml.text_value, 'a list of names, as ["1g.10gb"]'),
}


def open_fleet(path: str | Path) -> Fleet:
    """The fleet in a file: `.toml` as people write it, `.csv` as an openb node list. Raises InputError(s)."""
    path = Path(path)
    if path.suffix not in (".toml", ".csv"):
        raise InputError("not a fleet file", source=str(path), accepted="a .toml fleet or an openb node list .csv")
    with opened(path) as stream:
        if path.suffix == ".csv":
            return read_openb_nodes(stream, str(path))
        return read_fleet(stream, name=str(path), catalogue=load_catalogue())


def read_fleet(stream: BinaryIO, *, name: str, catalogue: Mapping[str, Accelerator]) -> Fleet:
    """A fleet from TOML (see docs/reference/fleet.md), with the models of `catalogue` and of the file itself.

    Raises InputErrors with every fault of form and of consistency, each with its line where it has one.
    """
    file = toml.TomlFile(stream, name)
    for key in file.values.keys() - set(_TOP_KEYS):
        file.fault((key,), "unknown key", accepted=nearest(key, _TOP_KEYS))
    start = file.values.get("start")
    start_utc_s = None if start is None else file.value(("start",), start, toml.date_utc_s)
    parsers = _PARSERS | {"s": toml.moment_s(start_utc_s)}
    own = _entities(file, "model", Accelerator, parsers)
    for i, model in enumerate(own):
        if not model.id or model.id in [m.id for m in own[:i]]:
            file.fault(("model", i, "id"), "no id, or one used before", model.id, "a new id")
    models = dict(catalogue) | {m.id: m for m in own}
    pools = _pools(file, parsers)
    fleet = Fleet(
        name=file.value(("name",), file.values.get("name", Path(name).stem), toml.text_value, ""),
        sites=tuple(_entities(file, "site", Site, parsers)),
        pools=pools,
        models={p.model: models[p.model] for p in pools if p.model in models},
        outages=tuple(_entities(file, "outage", Outage, parsers)),
        rates=_rates(file, models, dated=start_utc_s is not None),
        start_utc_s=start_utc_s or 0,
        source=name,
        published=load_rates(),
    )
    _add_faults(file, check(fleet, models), [m.id for m in own])
    file.finish()
    return fleet


def _entities(file: toml.TomlFile, table: str, entity: type, parsers: dict[str, toml.Parser]) -> list[Any]:
    if table == "model":
        parsers = {**parsers, "slices": _model_slices}
    keys = toml.keys_of(entity, parsers)
    return [entity(**file.record((table, i), raw, keys)) for i, raw in enumerate(file.tables(table))]


def _pools(file: toml.TomlFile, parsers: dict[str, toml.Parser]) -> tuple[Pool, ...]:
    """Pools, each with its list of deliveries: tables inside a table."""
    plain = {**parsers, "deliveries": lambda raw: raw}
    keys = toml.keys_of(Delivery, parsers)
    pools = []
    for i, pool in enumerate(_entities(file, "pool", Pool, plain)):
        path: toml.Path = ("pool", i, "deliveries")
        raws = file.value(path, pool.deliveries, _items, ())
        deliveries = tuple(Delivery(**file.record((*path, j), raw, keys)) for j, raw in enumerate(raws))
        pools.append(replace(pool, deliveries=deliveries))
    return tuple(pools)


def _items(raw: object) -> list[object] | tuple[object, ...]:
    if not isinstance(raw, list | tuple):
        raise toml.Wrong('a list, as [{ nodes = 4, at = "30d" }]')
    return raw


def _basis(raw: object) -> str:
    if raw not in BASES:
        raise toml.Wrong(", ".join(BASES))
    return str(raw)


_RATE_KEYS = {
    "units": toml.Key("milli_units", toml.milli),
    "basis": toml.Key("basis", _basis, neutral="table"),
    "slice": toml.Key("slice", toml.text_value, neutral=""),
    "workload": toml.Key("workload", toml.text_value, neutral=""),
    "from": toml.Key("from_utc_s", toml.date_utc_s, neutral=0),
    "source": toml.Key("source", toml.text_value, neutral=""),
    "throughput": toml.Key("throughput", toml.milli),
    "reference": toml.Key("reference", toml.text_value, neutral=""),
    "reference_throughput": toml.Key("reference_throughput", toml.milli),
}


def _rates(file: toml.TomlFile, models: Mapping[str, Accelerator], *, dated: bool) -> tuple[Rate, ...]:
    """`[rates]` by model: a number of units an hour, a table, or a list of tables with dates, slices or workloads.

    A table gives `units`, or a measured `throughput` beside that of a `reference` model, which has a rate.
    """
    raw = file.values.get("rates", {})
    if not isinstance(raw, dict):
        file.fault(("rates",), "is not a table", raw, "units by model, as H200 = 12.2")
        return ()
    rates: list[Rate] = []
    measured: list[tuple[toml.Path, dict[str, Any]]] = []
    for model, value in raw.items():
        for i, entry in enumerate(value if isinstance(value, list) else [value]):
            path: toml.Path = ("rates", model, i) if isinstance(value, list) else ("rates", model)
            given = entry if isinstance(entry, dict) else {"units": entry}
            got = {"model": model, "basis": "table"} | file.record(path, given, _RATE_KEYS)
            if "from" in given and not dated:
                file.fault((*path, "from"), "a dated rate needs the `start` of the fleet", given["from"])
            if given.keys() & {"throughput", "reference", "reference_throughput"}:
                measured.append((path, got))
            elif "units" not in given:
                file.fault((*path, "units"), "missing key", accepted="units, or throughput beside that of a reference")
            elif got["milli_units"] is not None:
                rates.append(Rate(**got))
    known = Fleet("", (), (), dict(models), rates=tuple(rates), published=load_rates())
    return (*rates, *(rate for path, got in measured for rate in _measured(file, path, got, known)))


def _measured(file: toml.TomlFile, path: toml.Path, got: dict[str, Any], known: Fleet) -> list[Rate]:
    """The rate of a model whose throughput was measured; none, and a fault, where the reference is not usable."""
    own, reference, other = (got.pop(k, None) for k in ("throughput", "reference", "reference_throughput"))
    if reference not in known.models:
        accepted = nearest(reference, known.models) if reference else "a model of the catalogue"
        file.fault((*path, "reference"), "no such accelerator model", reference, accepted)
    elif not own or not other or min(own, other) < 0 or "milli_units" in got:
        accepted = "throughput and reference_throughput above 0, and no units"
        file.fault((*path, "throughput"), "does not make a rate", accepted=accepted)
    else:
        rate = rate_at(known, reference, got.get("from_utc_s", 0), workload=got.get("workload", ""))
        units = from_throughput(rate.milli_units, own, other)
        source = got.get("source") or f"measured against {reference}"
        return [Rate(**got | {"milli_units": units, "basis": "measured", "source": source})]
    return []


def _model_slices(raw: object) -> tuple[tuple[str, int, int], ...]:
    accepted = '[["1g.10gb", 143, 125]]: name, compute and memory share in thousandths'
    if not isinstance(raw, list) or not all(isinstance(s, list) and len(s) == 3 for s in raw):
        raise toml.Wrong(accepted)
    parsed = tuple((toml.text_value(s[0]), toml.whole(s[1]), toml.whole(s[2])) for s in raw)
    if not all(1 <= compute <= 1000 and 1 <= memory <= 1000 for _, compute, memory in parsed):
        raise toml.Wrong(accepted)
    return parsed


def _add_faults(file: toml.TomlFile, faults: list[Fault], own_models: list[str]) -> None:
    """Adds the consistency faults, save those of keys that were already at fault: one mistake, one message."""
    entity = {"site": Site, "pool": Pool, "outage": Outage, "model": Accelerator}
    for fault in faults:
        path: toml.Path = (fault.field,)
        if fault.table in entity:
            key = next(
                k for k, v in toml.keys_of(entity[fault.table], toml.AnyParser()).items() if v.field == fault.field
            )
            index = own_models.index(fault.id) if fault.id in own_models and fault.table == "model" else fault.index
            path = (fault.table, index, key)
        elif fault.table == "rate":
            path = ("rates", fault.id)
        file.fault_once(path, fault.message, fault.value, fault.accepted)


def read_openb_nodes(stream: BinaryIO, name: str) -> Fleet:
    """A node list of the openb trace (`sn,cpu_milli,memory_mib,gpu,model`) as one site.

    Equal nodes form a pool; node numbers follow the node names, in which equal scores are settled.
    """
    catalogue = load_catalogue()
    rows, faults = _openb_rows(stream, name, catalogue)
    if faults:
        raise InputErrors(faults)
    rows.sort()
    kinds = Counter(row[1:] for row in rows)
    number_of = {kind: i for i, kind in enumerate(kinds)}
    pools = tuple(
        Pool(_pool_id(kind, i), "openb", kind[3], count, kind[2], kind[0], kind[1])
        for i, (kind, count) in enumerate(kinds.items())
    )
    fleet = Fleet(
        name=Path(name).stem,
        sites=(Site("openb", "openb trace", ""),),
        pools=pools,
        models={p.model: catalogue[p.model] for p in pools if p.model},
        source=name,
        node_pool_order=np.array([number_of[row[1:]] for row in rows], dtype=np.int32),
        node_names=tuple(row[0] for row in rows),
    )
    if wrong := check(fleet):
        raise InputErrors([InputError(str(fault), source=name) for fault in wrong])
    return fleet


def _pool_id(kind: tuple[int, int, int, str], index: int) -> str:
    model, count = kind[3] or "cpu", kind[2]
    return f"{index + 1:02d}-{model}x{count}" if count else f"{index + 1:02d}-{model}"


_OpenbRow = tuple[str, int, int, int, str]


def _openb_rows(
    stream: BinaryIO, name: str, catalogue: Mapping[str, Accelerator]
) -> tuple[list[_OpenbRow], list[InputError]]:
    rows: list[_OpenbRow] = []
    faults: list[InputError] = []
    seen: set[str] = set()
    reader = csv.reader(io.StringIO(toml.read_text(stream, name), newline=""), strict=True)
    try:
        header = next(reader, [])
        if header != _OPENB_COLUMNS:
            raise InputError("wrong columns", source=name, line=1, value=header, accepted=",".join(_OPENB_COLUMNS))
        for cells in reader:
            try:
                rows.append(_openb_row(cells, seen, catalogue))
            except InputError as e:
                where = {"source": name, "field": e.field, "accepted": e.accepted}
                faults.append(InputError(e.message, **where, line=reader.line_num, value=e.value))
    except csv.Error as error:
        raise InputError(f"not CSV: {error}", source=name, line=reader.line_num) from None
    return rows, faults


def _openb_row(cells: list[str], seen: set[str], catalogue: Mapping[str, Accelerator]) -> _OpenbRow:
    if len(cells) != len(_OPENB_COLUMNS):
        raise InputError("wrong number of cells", value=",".join(cells), accepted=",".join(_OPENB_COLUMNS))
    sn, *figures, model = cells
    numbers = []
    for field, text, high in zip(_OPENB_COLUMNS[1:4], figures, (2**40, 2**40, MAX_ACCELERATORS_PER_NODE), strict=True):
        if not (text.isascii() and text.isdecimal() and len(text) < 15 and int(text) <= high):
            raise InputError("wrong value", field=field, value=text, accepted=f"a whole number from 0 to {high}")
        numbers.append(int(text))
    if not sn or sn in seen:
        raise InputError("no name, or one used before", field="sn", value=sn, accepted="a new name")
    if (numbers[2] > 0) != bool(model) or (model and model not in catalogue):
        raise InputError("no such accelerator model", field="model", value=model, accepted=nearest(model, catalogue))
    seen.add(sn)
    return sn, numbers[0], numbers[1], numbers[2], model
