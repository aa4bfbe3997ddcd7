"""`dure chip`: export classes of accelerators, from the catalogue or from figures typed in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dure.errors import InputError, UnknownName
from dure.terminal.acting import Language, language_of, moment, moment_now, table
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit

if TYPE_CHECKING:
    from dure.governance.chips import Classification, Datasheet
    from dure.reports.table import Value

app = group()
At = Annotated[
    str | None, typer.Option("--at", metavar="DATE", help="By the rows that held on this date; else today's.")
]

_CLASS = (
    ("model", "model", "text"), ("export_class", "class", "text"), ("by_formula", "by formula alone", "text"),
    ("milli_tpp", "TPP", "milli-units"), ("milli_density", "density", "milli-points"), ("rate", "at", "text"),
    ("confidence", "confidence", "text"),
)  # fmt: skip
_DETAIL = (*_CLASS, ("formula", "formula", "text"), ("reason", "why", "text"), ("slice", "slice", "text"))
_ROWS = (
    ("id", "row", "text"), ("says", "says", "text"), ("from", "from", "text"), ("to", "until before", "text"),
    ("confidence", "confidence", "text"), ("read", "read", "text"), ("source", "source", "text"),
)  # fmt: skip
_UNVERIFIED = (("unverified", "not verified against the text of the law or a datasheet", "text"),)
_WHOLE = {
    "ko": "칩을 나눈 것은 별개의 칩이 아닙니다. 칩 전체의 등급입니다.",
    "en": "A slice is no chip: this is the whole chip's class.",
}


@app.command()
def classify(
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Model of the catalogue, as H20.")
    ] = None,
    rate: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="PRECISION:TERA", help="Dense rate, as fp8:1978.9; repeatable."),
    ] = None,
    tpp: Annotated[float | None, typer.Option("--tpp", help="Total processing performance, instead of rates.")] = None,
    die: Annotated[float | None, typer.Option("--die", metavar="MM2", help="Area of the logic dies.")] = None,
    planar: Annotated[bool, typer.Option("--planar", help="The dies are on a planar node.")] = False,
    bandwidth: Annotated[float | None, typer.Option("--bandwidth", metavar="GB/S", help="Of all its memory.")] = None,
    at: At = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Classify one accelerator: export class, formula, rows with date and source, and what is not verified.

    Not legal advice. What is not known makes the class unknown, never a guess.
    """
    lang = language_of(language)
    given = {"--rate": rate or None, "--tpp": tpp, "--die": die, "--planar": planar or None, "--bandwidth": bandwidth}
    typed = [name for name, value in given.items() if value is not None]
    if (model is None) == (not typed) or (rate and tpp is not None):
        got = " ".join([*(["--model"] if model else []), *typed])
        raise InputError(
            "one source of figures, please", value=got, accepted="--model; or --rate; or --tpp, with --die"
        )
    if model is not None:
        datasheet, slice_ = _of_catalogue(model)
    else:
        from dure.governance.chips import Datasheet

        datasheet, slice_ = Datasheet("chip", _rates(rate or [], tpp), die, planar, bandwidth, source="typed in"), ""
    as_of = moment(at, "at") if at else moment_now()
    found = _classified(datasheet, as_of)
    row = {**_row(found), "formula": found.formula, "reason": found.reason.in_language(lang), "slice": slice_ or None}
    if slice_:
        row["reason"] = f"{row['reason']} {_WHOLE[lang]}"
    tables = [
        table("classification", f"{datasheet.model}: {found.export_class}", _DETAIL, [row]),
        table("rows", "Rows", _ROWS, _decided_by(found, as_of, lang)),
        table("unverified", "Not verified", _UNVERIFIED, [{"unverified": line} for line in found.unverified]),
    ]
    emit(tables, Form.of(as_json, False))


@app.command("list")
def list_chips(at: At = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the export class of every model of the catalogue."""
    from dure.formats.catalogue import load_catalogue
    from dure.formats.governance import datasheet_of

    as_of = moment(at, "at") if at else moment_now()
    rows = [_row(_classified(datasheet_of(m), as_of)) for m in load_catalogue().values()]
    emit([table("chips", "Export classes", _CLASS, rows)], Form.of(as_json, as_csv))


def _of_catalogue(name: str) -> tuple[Datasheet, str]:
    """The datasheet of `H100` or of the chip that `H100:1g.10gb` is cut from, and the slice."""
    from dure.formats.catalogue import load_catalogue
    from dure.formats.governance import datasheet_of

    chip, _, slice_ = name.partition(":")
    found = load_catalogue().get(chip)
    if found is None:
        raise UnknownName("accelerator model", chip, load_catalogue())
    known = [s[0] for s in found.slices]
    if slice_ and slice_ not in known:
        raise UnknownName(f"slice of {chip}", slice_, known)
    return datasheet_of(found), slice_


def _rates(texts: list[str], tpp: float | None) -> tuple[tuple[str, int, float], ...]:
    from dure.formats.governance import bits_of
    from dure.governance.chips import STATED

    if tpp is not None:
        return ((STATED, 1, tpp),)
    found = []
    for text in texts:
        precision, _, figure = text.partition(":")
        try:
            if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", figure, re.ASCII):
                raise ValueError(figure)
            found.append((precision, bits_of(precision), float(figure)))
        except ValueError:
            accepted = "precision and dense tera-operations a second, as fp8:1978.9"
            raise InputError("not a rate", field="--rate", value=text, accepted=accepted) from None
    return tuple(found)


def _classified(datasheet: Datasheet, as_of: int) -> Classification:
    from dure.formats.governance import load_chip_classes, load_chip_overrides
    from dure.governance.chips import classify

    return classify(datasheet, load_chip_classes(), load_chip_overrides(), as_of)


def _row(found: Classification) -> dict[str, Value]:
    return {key: getattr(found, key) for key, _, _ in _CLASS}


def _decided_by(found: Classification, as_of: int, language: str) -> list[dict[str, Value]]:
    """The override, the rows that decided, the notes about it, and the method, each with date and source."""
    from dure.formats.governance import load_chip_classes
    from dure.governance.thresholds import in_force

    rows: list[dict[str, Value]] = []

    def add(id_: str, says: str, row: Any) -> None:
        dates = {"from": _day(row.from_utc_s), "to": None if row.to_utc_s is None else _day(row.to_utc_s)}
        sure = {"confidence": row.confidence, "read": row.read, "source": row.source}
        rows.append({"id": id_, "says": says, **dates, **sure})

    if found.override:
        add(f"override {found.override.model}", found.override.text.in_language(language), found.override)
    for row in in_force(load_chip_classes(), as_of):
        if row.id in found.rows or row.title in found.notes or row.kind == "method":
            add(row.id, row.title.in_language(language), row)
    return rows


def _day(utc_s: int) -> str:
    return datetime.fromtimestamp(utc_s, UTC).date().isoformat()
