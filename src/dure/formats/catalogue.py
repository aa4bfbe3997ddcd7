"""The shipped tables: accelerators (`dure/fleet/accelerators.csv`, columns the fields of `Accelerator`) and published
unit rates (`dure/fleet/rates.csv`)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import IO, Any

from dure.errors import InputError, InputErrors
from dure.fleet.model import Accelerator, Rate
from dure.units import MILLI

CONFIDENCES = ("high", "medium", "low", "none")


@cache
def load_catalogue() -> dict[str, Accelerator]:
    """The shipped catalogue, by model id."""
    with (resources.files("dure.fleet") / "accelerators.csv").open("rb") as stream:
        return read_catalogue(stream, name="accelerators.csv")


@cache
def load_rates() -> tuple[Rate, ...]:
    """The published rates, which go before the formula."""
    with (resources.files("dure.fleet") / "rates.csv").open("r", encoding="utf-8") as stream:
        rows = csv.DictReader(stream, strict=True)
        return tuple(
            Rate(r["model"], round(float(r["units"]) * MILLI), "table", slice=r["slice"], source=r["source"])
            for r in rows
        )


def read_catalogue(stream: IO[bytes], *, name: str) -> dict[str, Accelerator]:
    """A catalogue from CSV; blank cells stay blank (None). Raises InputErrors with line, column and accepted form."""
    reader = csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8", newline=""), strict=True)
    columns = [f.name for f in fields(Accelerator)]
    if reader.fieldnames != columns:
        raise InputError("wrong columns", source=name, line=1, value=reader.fieldnames, accepted=",".join(columns))
    models: dict[str, Accelerator] = {}
    faults: list[InputError] = []

    def fault(message: str, field: str, value: object, accepted: str) -> None:
        where = {"source": name, "field": field, "accepted": accepted}
        faults.append(InputError(message, **where, line=reader.line_num, value=value))

    for row in reader:
        values = {}
        for f in fields(Accelerator):
            try:
                values[f.name] = _cell(row[f.name] or "", str(f.type))
            except ValueError as wrong:
                fault("wrong value", f.name, row[f.name], str(wrong))
        if row["id"] in models or not row["id"] or row["confidence"] not in CONFIDENCES:
            accepted = f"a new id, and a confidence of {', '.join(CONFIDENCES)}"
            fault("wrong row", "id", row["id"], accepted)
        elif len(values) == len(columns):
            models[row["id"]] = Accelerator(**values)
    if faults:
        raise InputErrors(faults)
    return models


def _cell(text: str, kind: str) -> Any:
    if kind == "str":
        return text
    if kind.startswith("tuple"):
        return tuple(_slice(part) for part in text.split(";") if part)
    parse, accepted = _PARSERS[kind.removesuffix(" | None")]
    if not text:
        return None
    try:
        return parse(text)
    except (ValueError, KeyError):
        raise ValueError(f"{accepted}, or blank where it is not known") from None


def _slice(text: str) -> tuple[str, int, int]:
    name, *shares = text.split(":")
    if len(shares) != 2 or not all(s.isdecimal() and 1 <= int(s) <= 1000 for s in shares):
        raise ValueError("name:compute:memory in thousandths, as 1g.10gb:143:125;2g.20gb:286:250")
    return name, int(shares[0]), int(shares[1])


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError(text)
    return value


_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "float": (_positive, "a number above 0"),
    "int": (lambda text: int(_positive(text)), "a whole number above 0"),
    "bool": (lambda text: {"true": True, "false": False}[text], "true or false"),
}
