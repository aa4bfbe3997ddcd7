"""`python -m bench [GROUP ...] [--json] [--data DIR] [--table FILE]`: run and print benchmarks."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.rows import HEADER, Row, machine, markdown

GROUPS = ("kernels", "workload", "fgd", "programme", "ledger", "governance", "audit", "api", "operate", "pledges")
MARKS = ("<!-- bench:begin -->", "<!-- bench:end -->")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the groups asked for; 0, or 2 for wrong arguments. A benchmark that finds wrong work raises."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run Dure's benchmarks.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"which to run: {', '.join(GROUPS)}; all if none")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--data", type=Path, help="directory of traces (default: $DURE_DATA or ../shared/data)")
    parser.add_argument("--table", type=Path, help="rewrite the table between the marks in this Markdown file")
    args = parser.parse_args(argv)
    if unknown := [g for g in args.groups if g not in GROUPS]:
        parser.error(f"unknown group {unknown[0]!r}; known: {', '.join(GROUPS)}")
    if args.data is not None and not args.data.is_dir():
        parser.error(f"--data: no such directory: {args.data}")
    data = args.data or _default_data()
    if args.table is not None:
        _write_table(args.table, args.groups or GROUPS, data)
        return 0
    for group in args.groups or GROUPS:
        _print_group(group, data, as_json=args.json, whole_table=bool(args.groups))
    return 0


def _default_data() -> Path | None:
    given = os.environ.get("DURE_DATA")
    data = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    return data if data.is_dir() else None


def _rows(group: str, data: Path | None) -> Iterator[Row]:
    rows: Iterator[Row] = importlib.import_module(f"bench.{group}").run(data)
    return rows


def _print_group(group: str, data: Path | None, *, as_json: bool, whole_table: bool) -> None:
    """Rows as they come; a group asked for by name that has a published table prints that instead."""
    module = importlib.import_module(f"bench.{group}")
    if whole_table and hasattr(module, "table"):
        for line in module.table(data):
            print(json.dumps(line) if as_json else _plain(line), flush=True)
        return
    if not as_json:
        print(f"{group} on {machine()}\n" + _columns(HEADER))
    for row in _rows(group, data):
        print(json.dumps(row.as_dict()) if as_json else _columns(row.cells()), flush=True)


def _columns(cells: Sequence[str]) -> str:
    return f"{cells[0]:<58} {cells[1]:>22} {cells[2]:>12} {cells[3]:>12} {cells[4]}".rstrip()


def _plain(line: Mapping[str, object]) -> str:
    return "  ".join(f"{k}={v:.2f}" if isinstance(v, float) else f"{k}={v}" for k, v in line.items())


def _write_table(path: Path, groups: Sequence[str], data: Path | None) -> None:
    text = path.read_text(encoding="utf-8")
    begin, end = MARKS
    before, rest = text.split(begin)
    parts = [f"Measured on {machine()}."]
    for group in groups:
        print(f"{group} ...", file=sys.stderr)
        parts.append(f"### {group}\n\n{markdown(_rows(group, data))}")
    body = "\n\n".join(parts)
    path.write_text(f"{before}{begin}\n{body}\n{end}{rest.split(end)[1]}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
