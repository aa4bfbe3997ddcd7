"""The export class of an accelerator by formula, from its datasheet, as of a date, with the reason and what is not verified.

TPP (total processing performance) is the highest, over the precisions, of dense tera-operations a second x bits; a MAC is two
operations, as datasheets count. Performance density is TPP over the area of the logic dies on a non-planar node. Both
are exact fractions, cut to thousandths: as every bound is a whole number of thousandths, cutting changes no answer.
Bounds and first days are rows of `chip_classes.csv`; what was decided about one model by name is in `chip_overrides.csv`
and wins over the formula. A slice of a chip is no chip: it has the class of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dure.errors import InputError
from dure.governance.thresholds import in_force
from dure.units import MILLI
from dure.vocabulary import Text

BELOW: Final = "below"
UNKNOWN: Final = "unknown"
STATED: Final = "stated TPP"  # name of the "rate" of a datasheet that says nothing but its TPP; 1 bit
PRECISIONS: Final = ("fp32", "fp16", "fp8", "int8", "fp4")  # those of the catalogue
CONFIDENCES: Final = ("high", "medium", "low", "none")  # from the surest


@dataclass(frozen=True, slots=True)
class Datasheet:
    """What a chip can do. `rates` are (precision as "fp8", bits, dense tera-operations/s).

    `planar` None: the node is not known. Raises InputError for impossible figures and for a rate that looks sparse.
    """

    model: str
    rates: tuple[tuple[str, int, float], ...]
    die_mm2: float | None = None  # area of the logic dies, together
    planar: bool | None = False
    bandwidth_gb_s: float | None = None  # of all its DRAM
    confidence: str = "none"  # of the rates and the bandwidth
    source: str = ""
    die_confidence: str = "none"

    def __post_init__(self) -> None:
        figures = [(name, rate) for name, _, rate in self.rates]
        for name, figure in (*figures, ("die_mm2", self.die_mm2), ("bandwidth_gb_s", self.bandwidth_gb_s)):
            if figure is not None and not 0 < figure < 1e9:
                raise InputError("wrong figure", source=self.model, field=name, value=figure, accepted="above 0")
        for name, bits, rate in self.rates:
            wider = [r * b for _, b, r in self.rates if bits < b <= 16]
            # Half the bits do twice the work on dense hardware. The sparse figure doubles that again.
            if wider and rate * bits >= 2 * max(wider):
                accepted = "the dense rate; if it is dense, leave the rates of wider precisions out"
                raise InputError(
                    "looks like a sparse figure", source=self.model, field=name, value=rate, accepted=accepted
                )


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One dated row: bounds of a `class`, a `note` on controlled chips, or the `method`. Bounds that are None do not ask.

    `_min` is the smallest that meets it, `_below` the first that no longer does; both in thousandths.
    """

    id: str
    kind: str
    export_class: str
    tpp_min_milli: int | None
    tpp_below_milli: int | None
    density_min_milli: int | None
    density_below_milli: int | None
    bandwidth_below_gb_s: int | None
    title: Text
    from_utc_s: int
    to_utc_s: int | None
    source: str
    read: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Override:
    """What an authority decided about one model by name; it is handled as `export_class`, whatever the formula says."""

    model: str
    export_class: str
    text: Text
    from_utc_s: int
    to_utc_s: int | None
    source: str
    read: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Classification:
    """The export class (3A090.a, 3A090.b, below or unknown), and all that led to it.

    `by_formula` is the class without the override. `rows` met the figures, or else are those that could not be answered
    (unknown) or were all not met (below). `confidence` is the lowest of the figures, rows and override that decided.
    """

    model: str
    milli_tpp: int | None
    milli_density: int | None
    rate: str  # precision that gave the TPP
    export_class: str
    by_formula: str
    rows: tuple[str, ...]
    override: Override | None
    reason: Text
    formula: str
    confidence: str
    unverified: tuple[str, ...]
    notes: tuple[Text, ...]


def total_processing_performance(datasheet: Datasheet) -> tuple[int | None, str]:
    """TPP in thousandths, cut off, and the precision that gives it (of equals the first); (None, "") with no rate."""
    exact, name = _tpp(datasheet)
    return (None if exact is None else exact * MILLI // 1), name


def performance_density(datasheet: Datasheet) -> int | None:
    """Performance density in thousandths, cut off; None where the TPP or the die is not known, or the node is planar."""
    exact, _ = _tpp(datasheet)
    if exact is None or datasheet.die_mm2 is None or datasheet.planar is not False:
        return None
    return exact * MILLI / _exact(datasheet.die_mm2) // 1


def classify(
    datasheet: Datasheet, rows: Sequence[ClassRow], overrides: Sequence[Override], as_of_utc_s: int
) -> Classification:
    """The class of a chip by the rows and overrides that hold at a moment."""
    held = in_force(rows, as_of_utc_s)
    classes = [r for r in held if r.kind == "class"]  # the strictest first
    milli_tpp, rate = total_processing_performance(datasheet)
    density = performance_density(datasheet)
    by_formula, used, why = _by_formula(classes, datasheet, milli_tpp, density)
    override = next((o for o in in_force(overrides, as_of_utc_s) if o.model == datasheet.model), None)
    export_class = override.export_class if override else by_formula
    decided = _decided(datasheet, used, override)
    unsure = [*decided, *((r.id, r.confidence, r.source) for r in held if r.kind == "method" and milli_tpp is not None)]
    unverified = [f"{what}: {sure} ({source})" for what, sure, source in unsure if sure != "high"]
    if rate not in ("", STATED) and classes and by_formula != classes[0].export_class:
        unverified += _blanks(datasheet)
    return Classification(
        datasheet.model,
        milli_tpp,
        density,
        rate,
        export_class,
        by_formula,
        tuple(r.id for r in used),
        override,
        _overridden(override, by_formula, why) if override else why,
        _formula(datasheet, milli_tpp, rate, density),
        max((sure for _, sure, _ in decided), key=CONFIDENCES.index, default="none"),
        tuple(unverified),
        tuple(r.title for r in held if r.kind == "note" and _noted(r, datasheet, milli_tpp, export_class)),
    )


def _exact(figure: float) -> Fraction:
    """The decimal figure that was written: 1978.9 as 19789/10."""
    return Fraction(str(figure))


def _tpp(datasheet: Datasheet) -> tuple[Fraction | None, str]:
    products = [(_exact(rate) * bits, name) for name, bits, rate in datasheet.rates]
    return max(products, key=lambda p: p[0]) if products else (None, "")


def _by_formula(
    rows: Sequence[ClassRow], datasheet: Datasheet, tpp: int | None, density: int | None
) -> tuple[str, Sequence[ClassRow], Text]:
    """The class, the rows that decided, and why. The class named first in the table is the strictest."""
    if not rows:
        return UNKNOWN, (), Text("이 날짜에 시행 중인 분류 기준이 없습니다.", "No class row is in force on that date.")
    if tpp is None:
        return UNKNOWN, (), Text("연산 성능이 알려지지 않아 총 처리 성능을 구할 수 없습니다.",
                                 "No dense rate is known, and so no TPP.")  # fmt: skip
    for name in dict.fromkeys(r.export_class for r in rows):
        answers = [(r, _meets(r, tpp, density, datasheet.planar)) for r in rows if r.export_class == name]
        if met := next((r for r, answer in answers if answer), None):
            return name, (met,), Text(f"{name}: {met.title.ko}.", f"{name}: {met.title.en}.")
        if open_ := [r for r, answer in answers if answer is None]:
            return (
                UNKNOWN,
                open_,
                Text(
                    f"총 처리 성능이 {milli_text(tpp)}이므로 성능 밀도에 따라 등급이 갈리는데, "
                    "로직 다이 면적이나 공정이 알려지지 않았습니다.",
                    f"With a TPP of {milli_text(tpp)} the class hangs on the performance density, "
                    "and the area or node of the logic dies is not known.",
                ),
            )
    return BELOW, rows, Text("어느 등급의 기준에도 이르지 않습니다.", "It meets no row of any class.")


def _meets(row: ClassRow, tpp: int, density: int | None, planar: bool | None) -> bool | None:
    """Whether the figures meet a row; None where that hangs on a density that is not known."""
    if not _within(tpp, row.tpp_min_milli, row.tpp_below_milli):
        return False
    if not _by_density(row):
        return True
    if planar:
        return False  # density does not apply
    return None if density is None else _within(density, row.density_min_milli, row.density_below_milli)


def _within(figure: int, least: int | None, below: int | None) -> bool:
    return (least is None or figure >= least) and (below is None or figure < below)


def _noted(row: ClassRow, datasheet: Datasheet, tpp: int | None, export_class: str) -> bool:
    """Whether a note on controlled chips is about this one: every figure it asks for is known and in bounds."""
    if export_class in (BELOW, UNKNOWN) or tpp is None or not _within(tpp, row.tpp_min_milli, row.tpp_below_milli):
        return False
    if row.bandwidth_below_gb_s is None:
        return True
    return datasheet.bandwidth_gb_s is not None and datasheet.bandwidth_gb_s < row.bandwidth_below_gb_s


def _decided(datasheet: Datasheet, used: Sequence[ClassRow], override: Override | None) -> list[tuple[str, str, str]]:
    """(what, confidence, source) of everything that decided."""
    found = [("rates", datasheet.confidence, datasheet.source)] if datasheet.rates else []
    tpp, _ = total_processing_performance(datasheet)
    asked = [r for r in used if _by_density(r) and tpp is not None and _within(tpp, r.tpp_min_milli, r.tpp_below_milli)]
    if asked and datasheet.die_mm2 is not None:
        found.append(("die area", datasheet.die_confidence, f"{datasheet.die_mm2:g} mm2"))
    found += [(r.id, r.confidence, r.source) for r in used]
    return [*found, *([(f"override {override.model}", override.confidence, override.source)] if override else [])]


def _by_density(row: ClassRow) -> bool:
    return row.density_min_milli is not None or row.density_below_milli is not None


def _blanks(datasheet: Datasheet) -> tuple[str, ...]:
    """The precisions with no known rate."""
    blank = [p for p in PRECISIONS if p not in {name for name, _, _ in datasheet.rates}]
    return (f"no rate known at {', '.join(blank)}: the TPP may be higher",) if blank else ()


def _overridden(override: Override, by_formula: str, why: Text) -> Text:
    return Text(
        f"{override.model}: {override.text.ko}. 공식만으로는 {by_formula}: {why.ko}",
        f"{override.model}: {override.text.en}. By the formula alone, {by_formula}: {why.en}",
    )


def _formula(datasheet: Datasheet, tpp: int | None, rate: str, density: int | None) -> str:
    """The formula with the figures in it; symbols only, the same in every language."""
    if tpp is None:
        return "TPP = ?"
    bits, figure = next((b, f) for name, b, f in datasheet.rates if name == rate)
    product = (
        f"TPP = {milli_text(tpp)}" if rate == STATED else f"TPP = {figure:g} ({rate}) x {bits} = {milli_text(tpp)}"
    )
    if density is None:
        return f"{product}; PD = -" if datasheet.planar else f"{product}; PD = ?"
    return f"{product}; PD = {milli_text(tpp)} / {datasheet.die_mm2:g} mm2 = {milli_text(density)}"


def milli_text(milli: int) -> str:
    """Thousandths as people read them: `15,831.2`."""
    whole, rest = divmod(milli, MILLI)
    return f"{whole:,}.{rest:03d}".rstrip("0").rstrip(".") if rest else f"{whole:,}"
