"""The shipped tables of governance (`dure/governance/*.csv`), and the accelerator catalogue as datasheets.

In every table dates are ISO days in UTC: `from` is the first that a row holds (blank: always), `to` the first that it no longer
does (blank: no end known). Figures are read as they are written, never through a float.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from dure.fleet.model import Accelerator
from dure.formats.rows import Row, names, read_rows
from dure.formats.toml import Wrong, date_utc_s
from dure.governance.chips import BELOW, CONFIDENCES, PRECISIONS, ClassRow, Datasheet, Override
from dure.governance.licences import Licence
from dure.governance.lineage import FLOP_PER_PFLOP, Counting, Stage
from dure.governance.thresholds import Threshold
from dure.units import MILLI
from dure.vocabulary import Text

T = TypeVar("T")
_DATED = ("from", "to", "source", "read", "confidence")
_SURE = CONFIDENCES[:3]
_ANSWERS = ("yes", "no", "unknown")


@cache
def load_chip_classes() -> tuple[ClassRow, ...]:
    """Bounds of the export classes, notes and the method; the strictest class first."""
    figures = ("tpp_min", "tpp_below", "density_min", "density_below")
    columns = ("id", "kind", "export_class", *figures, "bandwidth_below_gb_s", "title_ko", "title_en", *_DATED)

    def parse(row: Row) -> ClassRow:
        kind = _cell(row, "kind", _one_of("class", "note", "method"))
        return ClassRow(
            _cell(row, "id", str),
            kind,
            row.cells["export_class"],
            bandwidth_below_gb_s=row.read("bandwidth_below_gb_s", _whole),
            title=_text(row, "title"),
            **{f"{c}_milli": row.read(c, _milli) for c in figures},
            **_dated(row),
        )

    return tuple(_load("chip_classes.csv", columns, parse))


@cache
def load_chip_overrides() -> tuple[Override, ...]:
    """What was decided about one model by name."""
    parse_class = _one_of(BELOW, *dict.fromkeys(r.export_class for r in load_chip_classes() if r.kind == "class"))

    def parse(row: Row) -> Override:
        export_class = _cell(row, "export_class", parse_class)
        return Override(_cell(row, "model", str), export_class, _text(row, "text"), **_dated(row))

    return tuple(_load("chip_overrides.csv", ("model", "export_class", "text_ko", "text_en", *_DATED), parse))


@cache
def load_thresholds() -> tuple[Threshold, ...]:
    """Thresholds of training compute."""
    columns = ("id", "jurisdiction", "title_ko", "title_en", "flop", "operator", "binding", *_DATED)

    def parse(row: Row) -> Threshold:
        return Threshold(
            _cell(row, "id", str),
            _cell(row, "jurisdiction", str),
            _text(row, "title"),
            _cell(row, "flop", _pflop, 1),
            _cell(row, "operator", _one_of(">", ">=")),
            binding=_cell(row, "binding", _one_of("yes", "no")) == "yes",
            **_dated(row),
        )

    return tuple(_load("thresholds.csv", columns, parse))


@cache
def load_counting() -> tuple[Counting, ...]:
    """Which stages each jurisdiction counts: one row for each stage."""

    def parse(row: Row) -> list[Counting]:
        stages = [row.value(("stages",), s, _one_of(*Stage), Stage.EVAL) for s in names(row.cells["stages"])]
        counted = _cell(row, "counts", _one_of("yes", "no")) == "yes"
        dated, note = _dated(row), row.cells["note"]
        jurisdiction = _cell(row, "jurisdiction", str)
        return [Counting(jurisdiction, Stage(s), counted, note=note, **dated) for s in stages]

    columns = ("jurisdiction", "stages", "counts", *_DATED, "note")
    return tuple(counting for rows in _load("counting.csv", columns, parse) for counting in rows)


@cache
def load_licences() -> dict[str, Licence]:
    """The table of licences, by id."""
    answers = ("derivatives", "notice", "share_alike", "use_restrictions", "naming", "outputs_train")
    columns = ("id", "title", "commercial", *answers, "user_cap", *_DATED, "note")

    def parse(row: Row) -> Licence:
        return Licence(
            _cell(row, "id", str),
            _cell(row, "title", str),
            _cell(row, "commercial", _one_of(*_ANSWERS, "limited")),
            user_cap=row.read("user_cap", _whole),
            note=row.cells["note"],
            **{c: _cell(row, c, _one_of(*_ANSWERS)) for c in answers},
            **_dated(row),
        )

    return {licence.id: licence for licence in _load("licences.csv", columns, parse)}


def datasheet_of(model: Accelerator) -> Datasheet:
    """A catalogue entry as a datasheet. Raises InputError where a rate looks sparse."""
    rates = {p: getattr(model, f"{p}_{'tops' if p.startswith('int') else 'tflops'}") for p in PRECISIONS}
    return Datasheet(
        model.id,
        tuple((p, bits_of(p), rate) for p, rate in rates.items() if rate is not None),
        model.die_mm2,
        False,
        model.bandwidth_gb_s,
        model.confidence,
        model.source,
        model.die_confidence,
    )


def bits_of(precision: str) -> int:
    """Bits of an operand, from the name of its precision: 8 for fp8. TF32 is kept in 32 bits. Raises Wrong."""
    bits = precision.lstrip("abcdefghijklmnopqrstuvwxyz")
    if bits == precision or bits not in ("4", "6", "8", "16", "32", "64"):
        raise Wrong("a precision as fp8, bf16, tf32 or int4")
    return int(bits)


def _load(file: str, columns: tuple[str, ...], parse: Callable[[Row], T]) -> list[T]:
    stream = io.BytesIO((resources.files("dure.governance") / file).read_bytes())
    return read_rows(stream, file, parse, columns=columns, required=columns)[0]


def _cell(row: Row, column: str, parse: Callable[[str], Any], neutral: Any = "") -> Any:
    """A cell that may not be blank."""
    if not row.cells[column]:
        row.fault((column,), "is blank")
        return neutral
    return row.value((column,), row.cells[column], parse, neutral)


def _text(row: Row, column: str) -> Text:
    return Text(_cell(row, f"{column}_ko", str), _cell(row, f"{column}_en", str))


def _dated(row: Row) -> dict[str, Any]:
    found = {"from_utc_s": row.read("from", date_utc_s, 0), "to_utc_s": row.read("to", date_utc_s)}
    if found["to_utc_s"] is not None and found["to_utc_s"] <= found["from_utc_s"]:
        row.fault(("to",), "is not after `from`", row.cells["to"], "a later day, or blank")
    words = {c: _cell(row, c, str) for c in ("source", "read")}
    return {**found, **words, "confidence": _cell(row, "confidence", _one_of(*_SURE))}


def _one_of(*accepted: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in accepted:
            raise Wrong(", ".join(accepted))
        return text

    return parse


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise Wrong("a whole number")
    return int(text)


def _milli(text: str) -> int:
    return _scaled(text, MILLI, 1, "a number with at most three decimals")


def _pflop(text: str) -> int:
    return _scaled(text, 1, FLOP_PER_PFLOP, "FLOP as 1e26, in whole PFLOP")


def _scaled(text: str, by: int, over: int, accepted: str) -> int:
    """`text` x by / over, where that is a whole number; else Wrong."""
    try:
        whole, rest = divmod(int(Decimal(text) * by * 10**6), over * 10**6)
    except (InvalidOperation, OverflowError, ValueError):
        raise Wrong(accepted) from None
    if rest or whole < 0:
        raise Wrong(accepted)
    return whole
