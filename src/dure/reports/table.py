"""A table: plain rows with named, typed columns. The terminal, CSV, JSON and the page all show these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dure.units import format_duration

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `key` in the rows (and CSV, JSON), `label` for people, how to write values, and which are better.

    `form` is "text", "count", "ratio" (a fraction, shown in per cent), "factor", "duration" (seconds), "milli-units"
    and "milli-points" (shown in whole ones), or a unit that is written after the number ("kWh", "units").
    """

    key: str
    label: str
    form: str = "text"
    better: str = ""  # "lower", "higher" or ""

    def text(self, value: Value) -> str:
        """The value as people read it, with its unit; "–" for a blank."""
        if value is None:
            return "–"
        if isinstance(value, str):
            return value
        return _FORMS[self.form](value) if self.form in _FORMS else f"{_number(value)} {self.form}"


_FORMS: dict[str, Callable[[float], str]] = {
    "text": str,
    "count": lambda v: f"{v:,.0f}",
    "ratio": lambda v: f"{100 * v:.1f} %",
    "factor": lambda v: f"{v:,.2f}",
    "index": lambda v: f"{v:.3f}",
    "duration": format_duration,
    "milli-units": lambda v: f"{round(v) // 100 / 10:,.1f}",
    "milli-points": lambda v: f"{v / 1000:.3f}",
    "kWh": lambda v: f"{_number(v / 1000)} MWh" if abs(v) >= 10_000 else f"{_number(v)} kWh",
    "kg": lambda v: f"{_number(v / 1000)} t" if abs(v) >= 10_000 else f"{_number(v)} kg",
}


def _number(value: float) -> str:
    """Three or more significant digits, thousands apart."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 or value == 0 else f"{value:,.1f}" if size >= 10 else f"{value:,.2f}"


@dataclass(frozen=True)
class Table:
    """A titled table. `rows` hold plain values under the columns' keys: they are the JSON; `csv()` writes the same."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Value]]

    def texts(self) -> list[list[str]]:
        """The cells as people read them, row by row."""
        return [[c.text(row[c.key]) for c in self.columns] for row in self.rows]

    def best(self) -> set[tuple[int, str]]:
        """(row, key) of the best value of each column that has a better side, where rows differ."""
        marks: set[tuple[int, str]] = set()
        for c in self.columns:
            values = [(i, row[c.key]) for i, row in enumerate(self.rows) if isinstance(row[c.key], int | float)]
            shown = {c.text(v) for _, v in values}
            if c.better and len(shown) > 1:
                best = (min if c.better == "lower" else max)(v for _, v in values)  # type: ignore[type-var]
                marks |= {(i, c.key) for i, v in values if c.text(v) == c.text(best)}
        return marks

    def csv(self) -> str:
        """The rows as CSV with a header of keys."""
        import polars as pl  # here alone, so that commands which print no CSV start sooner

        keys = [c.key for c in self.columns]
        return pl.DataFrame([[row[k] for k in keys] for row in self.rows], schema=keys, orient="row").write_csv()
