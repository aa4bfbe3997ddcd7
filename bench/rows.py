"""What a benchmark prints: one `Row` for each result, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Row:
    """One result. `spread` is in the unit of the value (see `timed`, or say it in the name); None: measured once."""

    name: str
    value: float
    spread: float | None
    unit: str
    target: float | None = None
    met: bool | None = None

    @classmethod
    def at_least(cls, name: str, value: float, spread: float | None, unit: str, target: float) -> Row:
        """A result that should reach `target`."""
        return cls(name, value, spread, unit, target, bool(value >= target))

    @classmethod
    def at_most(cls, name: str, value: float, spread: float | None, unit: str, target: float) -> Row:
        """A result that should stay under `target`."""
        return cls(name, value, spread, unit, target, bool(value <= target))

    def as_dict(self) -> dict[str, object]:
        """The row with its machine, for `--json`."""
        return {**asdict(self), "machine": machine()}

    def cells(self) -> tuple[str, str, str, str, str]:
        """Name, value with unit, spread, target and whether it was met, for people."""
        if self.target is None or self.met is None:
            target, met = "", ""
        else:
            sign = "≥" if (self.value > self.target) == self.met else "≤"
            target, met = f"{sign} {_number(self.target)}", "yes" if self.met else "no"
        spread = "" if self.spread is None else f"± {_number(self.spread)}"
        return self.name, f"{_number(self.value)} {self.unit}".strip(), spread, target, met


HEADER = ("what", "value", "spread", "target", "met")


def timed(work: Callable[[], object], *, repeats: int = 3) -> tuple[float, float]:
    """Median wall seconds of `work`, and half the range over `repeats`. Warm it up first: this times every call."""
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return median(seconds), (max(seconds) - min(seconds)) / 2


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(HEADER) + " |", "|---|---:|---:|---:|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join(lines)


@cache
def machine() -> str:
    """Processor, cores this process may use, memory and Python."""
    lines = _lines("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [names[0] if names else platform.processor() or platform.machine(), f"{cores} cores"]
    parts += [f"{round(memory[0] / 2**20)} GiB"] if memory else []
    return ", ".join([*parts, f"Python {platform.python_version()}"])


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:  # not Linux
        return []


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
