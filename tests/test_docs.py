"""The documents name what exists, their links lead somewhere, and their examples run and print what they show."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
import typer.main

from dure.cli.main import app
from dure.formats.workloads import FORMATS
from dure.lifecycle.runlog import EVENT_DTYPE
from dure.reports.metrics import METRICS
from dure.scheduler.policies import POLICIES, Backfill, Choice, Order, Placement
from dure.vocabulary import JobEvent, JobKind, JobState, Refusal
from dure.workload.columns import COLUMNS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text(place: str) -> str:
    return (DOCS / place).read_text("utf-8")


def lower(*enums: type[IntEnum]) -> Iterator[str]:
    return (member.name.lower() for e in enums for member in e if member.name != "CUSTOM")


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("reference/policies.md", [*POLICIES, *lower(Order, Backfill, Placement, Choice)]),
        ("reference/run-log.md", [*lower(JobEvent, JobState, Refusal), *(EVENT_DTYPE.names or ())]),
        ("reference/formats.md", [*FORMATS, *(c.name for c in COLUMNS), *lower(JobKind)]),
        ("reference/metrics.md", list(METRICS)),
    ],
)
def test_every_name_is_documented(page: str, names: list[str]) -> None:
    found = text(page)
    assert not [name for name in names if f"`{name}`" not in found]


def commands(command: Any, path: tuple[str, ...] = ("dure",)) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its whole name."""
    if not hasattr(command, "commands"):
        yield " ".join(path), command
    for name, sub in getattr(command, "commands", {}).items():
        yield from commands(sub, (*path, name))


@pytest.mark.parametrize(("name", "command"), list(commands(typer.main.get_command(app))))
def test_every_command_and_option_is_documented(name: str, command: Any) -> None:
    sections = dict(re.findall(r"^## `(.*?)`\n(.*?)(?=^## |\Z)", text("reference/cli.md"), re.M | re.S))
    assert name in sections, f"no section about {name}"
    options = [max(p.opts, key=len) for p in command.params if p.opts[0].startswith("-") and p.name != "help"]
    assert not [o for o in options if f"`{o}" not in sections[name]], name
    extra = set(re.findall(r"^\| `(--[a-z-]+)", sections[name], re.M)) - set(options)
    assert not extra, f"{name} has no {extra}"


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([^)#]+\.md)", text("index.md")))
    assert not [p for p in (str(page.relative_to(DOCS)) for page in PAGES[1:]) if p not in {*linked, "index.md"}]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCE.sub("", page.read_text("utf-8")))
    assert not [t for t in targets if "://" not in t and not (page.parent / t).exists()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder with the examples in it."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


RUNNABLE = [p for p in PAGES if {"console", "python"} & {kind for kind, _ in FENCE.findall(p.read_text("utf-8"))}]


@pytest.mark.parametrize("page", RUNNABLE, ids=relative)
def test_examples_run(page: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`console` blocks and `python` blocks of a page, from top to bottom, in one folder."""
    monkeypatch.chdir(place)
    names: dict[str, Any] = {}
    for kind, body in FENCE.findall(page.read_text("utf-8")):
        if kind == "console":
            for command, expected in _console(body):
                _run(command, expected, place)
        elif kind == "python":
            file = place / f"example{len(list(place.glob('example*.py')))}.py"  # numba wants to see the source
            file.write_text(body)
            exec(compile(body, str(file), "exec"), names)


def _console(body: str) -> Iterator[tuple[str, str]]:
    """Commands, each with the output that the page shows ("" if none)."""
    for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
        command, _, expected = part.replace("\\\n", " ").partition("\n")
        yield command, expected


def _run(command: str, expected: str, place: Path) -> None:
    binary = place / "bin"
    if not binary.exists():
        binary.mkdir()
        (binary / "dure").write_text(f'#!/bin/sh\nexec {sys.executable} -m dure.cli.main "$@"\n')
        (binary / "dure").chmod(0o755)
    env = {**os.environ, "PATH": f"{binary}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, shell=True, cwd=place, env=env, capture_output=True, text=True, timeout=300)
    said = done.stdout + done.stderr
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if expected.strip():
        check = doctest.OutputChecker().check_output  # stderr may also have a line about compiling: it need not match
        assert check(expected, done.stdout, flags) or check(expected, said, flags), f"$ {command}\n{said}"
    else:
        assert done.returncode == 0, f"$ {command}\n{said}"
