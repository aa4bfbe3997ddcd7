"""The house rules that no other tool holds: purity, sizes, and that the documents name what exists."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "dure"
PURE = [
    "reports", "planner", "pledges", "mentions", "simulator", "accounting", "scheduler", "programme", "lifecycle", "fleet",
    "workload", "ledger", "governance", "audit", "kernels", "vocabulary.py", "errors.py", "units.py",
]  # fmt: skip

NOT_PURE = {SOURCE / "kernels" / "__init__.py"}  # names the folder of compiled code after the sources, at import

IMPURE_IMPORTS = {
    "random", "secrets", "uuid", "os", "io", "sys", "socket", "subprocess", "urllib", "http", "shutil", "tempfile",
    "pathlib", "glob", "sqlite3", "time", "locale", "threading", "logging",
}  # fmt: skip
IMPURE_NAMES = {"open", "input", "print", "exec", "eval", "__import__"}
IMPURE_ATTRIBUTES = {
    "now", "utcnow", "today", "fromfile", "tofile", "loadtxt", "savetxt", "genfromtxt", "memmap",
    "read_text", "read_bytes", "write_text", "write_bytes",
}  # fmt: skip
IMPURE_ATTRIBUTE_STARTS = ("read_csv", "read_parquet", "scan_", "write_", "sink_")  # of Polars, given a place
RANDOM_THAT_IS_HANDED_ON = {"Generator", "SeedSequence", "PCG64", "Philox"}


def python_files(*tops: str) -> list[Path]:
    """The Python files under the given places of the package, those that exist."""
    found: list[Path] = []
    for top in tops or (".",):
        place = SOURCE / top
        found += [place] if place.is_file() else sorted(place.rglob("*.py"))
    return found


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def impurities(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of whatever reads a file, the clock or the environment, or draws from a global generator."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if a.name.split(".")[0] in IMPURE_IMPORTS)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module.split(".")[0]} & IMPURE_IMPORTS
            names |= {a.name for a in node.names} - RANDOM_THAT_IS_HANDED_ON if node.module == "numpy.random" else set()
            yield from ((node.lineno, name) for name in names)
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, name) for name in _impure_call(node))


def _impure_call(call: ast.Call) -> Iterator[str]:
    function = call.func
    if isinstance(function, ast.Name) and function.id in IMPURE_NAMES:
        yield function.id
    if not isinstance(function, ast.Attribute):
        return
    name, owner = function.attr, function.value
    if name in IMPURE_ATTRIBUTES or (name.startswith(IMPURE_ATTRIBUTE_STARTS) and call.args):
        yield name
    elif isinstance(owner, ast.Attribute) and owner.attr == "random" and name not in RANDOM_THAT_IS_HANDED_ON:
        seeded = name == "default_rng" and call.args  # a generator made from a seed that was handed in is no global
        if not seeded:
            yield f"random.{name}"


@pytest.mark.parametrize("path", sorted(set(python_files(*PURE)) - NOT_PURE), ids=relative)
def test_everything_from_reports_down_is_pure(path: Path) -> None:
    faults = [f"{relative(path)}:{line}: {what}" for line, what in impurities(ast.parse(path.read_text("utf-8")))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "code",
    [
        "open('x')", "print(1)", "import random", "from time import time", "import os.path", "from pathlib import Path",
        "datetime.now()", "date.today()", "np.random.rand(3)", "numpy.random.seed(1)", "np.random.default_rng()",
        "from numpy.random import rand", "np.loadtxt(f)", "frame.write_csv(f)", "pl.scan_parquet(f)", "p.read_text()",
    ],
)  # fmt: skip
def test_the_purity_check_sees(code: str) -> None:
    assert list(impurities(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    ["np.random.default_rng(seed)", "rng.random(3)", "x: np.random.Generator", "a.opener()", "frame.write_csv()"],
)
def test_the_purity_check_lets_pass(code: str) -> None:
    assert not list(impurities(ast.parse(code)))


@pytest.mark.parametrize("path", python_files(), ids=relative)
def test_modules_and_functions_fit(path: Path) -> None:
    """A module has under 500 lines; a function at most 70, or says in itself why (`Long because ...`)."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    assert len(lines) < 500, f"{relative(path)} has {len(lines)} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = node.end_lineno - node.lineno + 1 if node.end_lineno else 0
            body = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            assert size <= 70 or "Long because" in body, f"{relative(path)}:{node.lineno}: {node.name} has {size} lines"


def code_lines(text: str) -> int:
    """Lines that are not blank, comment or docstring."""
    docs: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                docs.update(range(value.lineno, (value.end_lineno or value.lineno) + 1))
    code: set[int] = set()
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skipped:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - docs)


@pytest.mark.parametrize("package", sorted(p.name for p in SOURCE.iterdir() if (p / "__init__.py").exists()))
def test_no_package_has_two_ideas_in_it(package: str) -> None:
    """Under 4,000 lines of code each (docs/decisions/0011)."""
    assert sum(code_lines(p.read_text("utf-8")) for p in python_files(package) if "migrations" not in p.parts) < 4_000


def _repository_texts() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git repository")
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [p for p in paths if p.is_file() and p.suffix in {"", ".py", ".md", ".toml", ".txt", ".csv", ".yml", ".cfg"}]


def test_nothing_points_to_one_machine() -> None:
    """No absolute path of a developer's machine, and no address of a package registry."""
    places = re.compile(r"(?<![\w.])/(?:work|root|home|opt|Users)/\w|-index-url|find-links|pypi\.org")
    me = Path(__file__).resolve()
    found = [
        f"{relative(p)}:{i}: {line.strip()}"
        for p in _repository_texts()
        if p != me
        for i, line in enumerate(p.read_text("utf-8", errors="replace").splitlines(), 1)
        if places.search(line) and "no-emit-index-url" not in line
    ]
    assert not found, "\n".join(found)


def test_requirements_are_hashed_and_agree() -> None:
    """Every pin has a hash, and the tests run on exactly what users run on."""
    pins = {}
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        entries = re.findall(r"^([a-z0-9-]+)==(\S+).*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", text, re.M)
        assert len(entries) == text.count("==") - text.count("_version") - text.count("platform =="), name
        pins[name] = {package: version for package, version, _ in entries}
    runtime, dev = pins["requirements.txt"], pins["requirements-dev.txt"]
    assert {p for p in runtime if dev.get(p, runtime[p]) != runtime[p]} == set()
    assert runtime.keys() - dev.keys() <= {"flit-core"}


def test_no_secret_is_kept() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "*.secret", "*.key", "*.pem"], cwd=ROOT, capture_output=True, text=True
    )
    assert not tracked.stdout.split()
