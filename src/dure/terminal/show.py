"""Tables on stdout as text, JSON or CSV; what is going on, on stderr, once it takes more than two seconds."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from threading import Timer
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from dure.reports.table import Table

PATIENCE_S = 2.0  # work shorter than this shows nothing
_PLAIN_EVERY_S = 15.0  # between lines of progress where stderr is a file
_PLAIN_WIDTH = 200  # of a table that is piped: whoever reads it next does not wrap


class Form(StrEnum):
    """How tables are printed."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"

    @classmethod
    def of(cls, as_json: bool, as_csv: bool) -> Form:
        """The form that the two flags ask for; JSON if both."""
        return cls.JSON if as_json else cls.CSV if as_csv else cls.TEXT


def note(text: str) -> None:
    """One line for people, on stderr."""
    print(text, file=sys.stderr, flush=True)


def emit(tables: Sequence[Table], form: Form) -> None:
    """Print the tables. JSON: the rows of one table, or an object of rows by table name. CSV: one block a table."""
    if form is Form.JSON:
        rows = {t.name: [{c.key: row[c.key] for c in t.columns} for row in t.rows] for t in tables}
        print(json.dumps(rows[tables[0].name] if len(tables) == 1 else rows, ensure_ascii=False, indent=2))
    elif form is Form.CSV:
        blocks = [t.csv() for t in tables]
        named = [f"# {t.name}\n{block}" for t, block in zip(tables, blocks, strict=True)]
        print("\n".join(blocks if len(tables) == 1 else named), end="")
    else:
        from rich.console import Console

        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=_PLAIN_WIDTH)
        for table in tables:
            _print_text(table, console)


def _print_text(table: Table, console: Console) -> None:
    """The table as it is; on its side (columns down, rows across) where it is too wide and has few rows."""
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    head, body = [c.label for c in table.columns], table.texts()
    best = table.best()
    style = {(i, j): "bold green" for i in range(len(body)) for j, c in enumerate(table.columns) if (i, c.key) in best}
    numeric = [c.form != "text" for c in table.columns]
    widths = [max(len(line[j]) for line in [head, *body]) + 3 for j in range(len(head))]
    drawn = Drawn(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    if sum(widths) > console.width and len(body) < len(head):
        drawn.add_column(head[0])
        for line in body:
            drawn.add_column(Text(line[0]), justify="right" if any(numeric) else "left")
        for j in range(1, len(head)):
            drawn.add_row(Text(head[j]), *(Text(line[j], style.get((i, j), "")) for i, line in enumerate(body)))
    else:
        for label, right in zip(head, numeric, strict=True):
            drawn.add_column(Text(label), justify="right" if right else "left")
        for i, line in enumerate(body):
            drawn.add_row(*(Text(cell, style.get((i, j), "")) for j, cell in enumerate(line)))
    console.print(drawn)


@contextmanager
def watch(label: str, stop: Callable[[], bool] = lambda: False) -> Iterator[Callable[[float], bool]]:
    """Show `label` with a bar if the block lasts; yields the callback that moves the bar and says whether to go on."""
    with _bar(label) if sys.stderr.isatty() else nullcontext(_lines(label)) as show:

        def advance(fraction: float) -> bool:
            show(fraction)
            return not stop()

        yield advance


@contextmanager
def _bar(label: str) -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    parts = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    bar = Progress(*parts, console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=None)
    timer = Timer(PATIENCE_S, bar.start)  # the work runs in this thread; the timer only opens the display
    timer.daemon = True
    timer.start()
    try:
        yield lambda fraction: bar.update(task, total=1.0, completed=fraction)
    finally:
        timer.cancel()
        bar.stop()


def _lines(label: str) -> Callable[[float], None]:
    """Progress where stderr is a file: a line now and then."""
    due = [time.monotonic() + PATIENCE_S]

    def show(fraction: float) -> None:
        if time.monotonic() >= due[0]:
            due[0] = time.monotonic() + _PLAIN_EVERY_S
            note(f"{label}: {fraction:.0%}")

    return show


@contextmanager
def stop_asked() -> Iterator[list[int]]:
    """A list that fills when the user presses Ctrl-C, to stop in good order. A second press is final."""
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        note("stopping; press Ctrl-C again to leave at once")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def noted_if_slow(text: str, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Say `text` if the block lasts."""
    timer = Timer(patience_s, note, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
