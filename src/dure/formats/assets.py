"""Data sets, models, runs and bars from TOML, one file each; every fault with its line, all of them at once.

Compute is written as people do: `flop = "1.2e25"`, or a table of `low`, `best` and `high`; in quotes or as a whole number, since
a float would round it. It is kept in PFLOP (10^15): low rounded down, high up, best to the nearest. Dates without a time are
the first moment of that day, UTC; a digest is a SHA-256 in lower-case hexadecimal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, BinaryIO, Final

from dure.formats import toml
from dure.governance import gate
from dure.governance.assets import Dataset, JointGrant, Model, TransferBasis
from dure.governance.facts import APPROVALS, BASES, MARKETS, OUTPUTS, UNKNOWN, YES_NO
from dure.governance.gate import Bar
from dure.governance.labels import N2SF, Personal
from dure.governance.lineage import FLOP_PER_PFLOP, Estimate, Method, Run, Stage
from dure.units import HOUR_S, MILLI

JURISDICTIONS: Final = ("KR", "EU", "US-CA", "US")
MOST_FLOP: Final = 10**30  # far beyond what all computers could do
_MOST_HOURS: Final = 10**10
_MOST_DIGITS: Final = 60
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,59}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_FLOP: Final = 'FLOP in quotes, as "1.2e25", or { low = "1.0e25", best = "1.2e25", high = "1.5e25" }'
_ZERO: Final = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class RunFile:
    """A run as it was written: what it read (data), and what it ran on: settled attempts (usage), or accelerators
    elsewhere (held, milli-accelerator-seconds by model)."""

    run: Run
    data: tuple[str, ...]
    usage: tuple[str, ...]
    held: dict[str, int]


def _matching(pattern: re.Pattern[str], accepted: str) -> toml.Parser:
    def parse(raw: object) -> str:
        if not isinstance(raw, str) or not pattern.fullmatch(raw):
            raise toml.Wrong(accepted)
        return raw

    return parse


def _words(parse: toml.Parser, what: str) -> toml.Parser:
    return toml.list_of(parse, f"a list of {what}")


_id = _matching(_ID, "1 to 60 letters, digits and . _ + -")
_digest = _matching(_DIGEST, "a SHA-256: 64 lower-case hexadecimal digits")
_country = _matching(_COUNTRY, "a country's two capital letters, as KR")
_yes_no = toml.one_of(YES_NO)
_SHARED: Final[dict[str, toml.Parser]] = {
    "id": _id, "s": toml.date_utc_s, "str": toml.text_value, "bool": toml.truth, "SHA-256": _digest,
    "count": toml.whole, "thousandths": toml.share_milli, "tuple[str, ...]": _words(toml.text_value, "texts"),
}  # fmt: skip
_OF_DATASET: Final = _SHARED | {
    "personal": toml.one_of([p.name.lower() for p in Personal]), "n2sf": toml.one_of([n.name.lower() for n in N2SF]),
    "core_approval": toml.one_of(APPROVALS), "origins": _words(_country, 'countries, as ["KR", "CA"]'), "country": _country,
    "basis": toml.one_of([b for b in BASES if b not in ("none", UNKNOWN)]), "tuple[TransferBasis, ...]": toml.as_is,
    **dict.fromkeys(("identifiers", "core_technology", "state_funded"), _yes_no),
}  # fmt: skip
_OF_MODEL: Final = _SHARED | {
    "generates": _words(toml.one_of(OUTPUTS), ", ".join(OUTPUTS)), "markets": _words(toml.one_of(MARKETS), ", ".join(MARKETS)),
    "tuple[JointGrant, ...]": toml.as_is,
    **dict.fromkeys(
        ("state_of_the_art", "broad_risk", "high_impact", "large_developer", "labelled", "original_systemic"), _yes_no
    ),
}  # fmt: skip
_OF_RUN: Final = _SHARED | {
    "model": _id, "Stage": toml.choice_of(Stage), "Method": toml.choice_of(Method), "tuple[Estimate, ...]": toml.as_is,
    "excluded": _words(toml.one_of(JURISDICTIONS), ", ".join(JURISDICTIONS)), "int": toml.whole,
    **dict.fromkeys(("parents", "data"), _words(_id, "ids")),
}  # fmt: skip


def _keys(entity: type, parsers: Mapping[str, toml.Parser], **tables: str) -> dict[str, toml.Key]:
    """The keys of an entity: dates without `_utc`, fields that are tables under the table's name, as field="table"."""
    found = {name.removesuffix("_utc"): key for name, key in toml.keys_of(entity, parsers).items()}
    return {tables.get(name, name): key for name, key in found.items()}


DATASET_KEYS: Final = _keys(Dataset, _OF_DATASET, transfers="transfer")
TRANSFER_KEYS: Final = _keys(TransferBasis, _OF_DATASET)
MODEL_KEYS: Final = _keys(Model, _OF_MODEL, terms="term")
TERM_KEYS: Final = _keys(JointGrant, _OF_MODEL)
BAR_KEYS: Final = _keys(Bar, _SHARED)


def _run_keys() -> dict[str, toml.Key]:
    """A run's keys. `bound_pflop` is none of them: it comes from the records, never from who claims the figure."""
    found = {k: key for k, key in _keys(Run, _OF_RUN, estimates="estimate").items() if k != "bound_pflop"}
    names = _OF_RUN["data"]
    found["data"] = toml.Key("data", names, required=True, neutral=())  # an empty list says that it read none
    found["usage"] = toml.Key("usage", _OF_RUN["tuple[str, ...]"], neutral=())
    found["held"] = toml.Key("held", toml.as_is, neutral={})
    return found


RUN_KEYS: Final = _run_keys()


def _flop(raw: object) -> Fraction:
    if (
        isinstance(raw, bool)
        or not isinstance(raw, str | int)
        or len(str(raw)) > _MOST_DIGITS
        or not str(raw).isascii()
    ):
        raise toml.Wrong(_FLOP)
    try:
        found = Decimal(raw.strip().replace(",", "") if isinstance(raw, str) else raw)
    except InvalidOperation:
        raise toml.Wrong(_FLOP) from None
    if not found.is_finite() or found < 0:
        raise toml.Wrong(_FLOP)
    if found and not 1 <= found <= MOST_FLOP:  # before it becomes a fraction: "1e999999999" would never end
        raise toml.Wrong(f"0, or 1 to {MOST_FLOP:.0e} FLOP")
    return Fraction(found)


def flop(raw: object) -> tuple[int, int, int]:
    """Low, best and high in PFLOP of a figure, or of a table of three. Raises Wrong; their order is the caller's to check."""
    if isinstance(raw, dict):
        if raw.keys() != {"low", "best", "high"}:
            raise toml.Wrong(_FLOP)
        low, best, high = (_flop(raw[k]) / FLOP_PER_PFLOP for k in ("low", "best", "high"))
    else:
        low = best = high = _flop(raw) / FLOP_PER_PFLOP
    return math.floor(low), math.floor(best + Fraction(1, 2)), math.ceil(high)


ESTIMATE_KEYS: Final = {
    "method": toml.Key("method", _OF_RUN["Method"], required=True, neutral=Method.ARCHITECTURE),
    "flop": toml.Key("flop", flop, required=True, neutral=_ZERO),
    "evidence": toml.Key("evidence_hash", _digest, required=True, neutral="0" * 64),
}


def read_dataset(stream: BinaryIO, name: str) -> Dataset:
    """A data set with its `[[transfer]]` tables. Raises InputErrors."""
    file = toml.TomlFile(stream, name)
    got = file.record((), file.values, DATASET_KEYS)
    got["transfers"] = _records(file, "transfer", TransferBasis, TRANSFER_KEYS)
    file.finish()
    return Dataset(**got)


def read_model(stream: BinaryIO, name: str) -> Model:
    """A model with its `[[term]]` tables. Raises InputErrors."""
    file = toml.TomlFile(stream, name)
    got = file.record((), file.values, MODEL_KEYS)
    got["terms"] = _records(file, "term", JointGrant, TERM_KEYS)
    file.finish()
    return Model(**got)


def read_bars(stream: BinaryIO, name: str) -> tuple[Bar, ...]:
    """The `[[bar]]` tables of a file. Raises InputErrors, also for a file without one: no bar is never passed."""
    file = toml.TomlFile(stream, name)
    file.record((), {k: v for k, v in file.values.items() if k != "bar"}, {})
    bars = _records(file, "bar", Bar, BAR_KEYS)
    spelt = {key.field: name for name, key in BAR_KEYS.items()}
    for n, bar in enumerate(bars):
        for field, value, accepted in gate.faults(bar):
            file.fault_once(("bar", n, spelt[field]), "wrong value", value, accepted)
    if not bars:
        file.fault_once(("bar",), "no bar", accepted="[[bar]]")
    file.finish()
    return bars


def read_run(stream: BinaryIO, name: str) -> RunFile:
    """A run with its `[[estimate]]` tables and `[held]`. Raises InputErrors; `lineage.check` judges the rest."""
    file = toml.TomlFile(stream, name)
    got = file.record((), file.values, RUN_KEYS)
    got["estimates"] = tuple(_estimate(file, ("estimate", n), raw) for n, raw in enumerate(file.tables("estimate")))
    data, usage, held = got.pop("data"), got.pop("usage", ()), _held(file, got.pop("held", {}))
    file.finish()
    return RunFile(Run(**got), data, usage, held)


def _records(file: toml.TomlFile, table: str, entity: type, keys: Mapping[str, toml.Key]) -> tuple[Any, ...]:
    return tuple(entity(**file.record((table, n), raw, keys)) for n, raw in enumerate(file.tables(table)))


def _estimate(file: toml.TomlFile, path: toml.Path, raw: object) -> Estimate:
    got = file.record(path, raw, ESTIMATE_KEYS)
    low, best, high = got["flop"]
    if not low <= best <= high:
        file.fault((*path, "flop"), "bounds out of order", f"{low}, {best}, {high} PFLOP", "low <= best <= high")
        low, best, high = _ZERO
    return Estimate(got["method"], low, best, high, got["evidence_hash"])


def _held(file: toml.TomlFile, raw: object) -> dict[str, int]:
    """Accelerator-hours by model as milli-accelerator-seconds, rounded up: they make an upper bound."""
    if not isinstance(raw, dict):
        file.fault(("held",), "is not a table", raw, "[held] with accelerator-hours by model, as H100 = 1200.5")
        return {}
    return {m: file.value(("held", m), hours, _milli_accelerator_s, 1) for m, hours in raw.items()}


def _milli_accelerator_s(raw: object) -> int:
    hours = toml.number(raw)
    if not 0 < hours <= _MOST_HOURS:
        raise toml.Wrong(f"accelerator-hours, above 0 and at most {_MOST_HOURS:,}")
    return math.ceil(Fraction(str(raw)) * HOUR_S * MILLI)
