"""Job files: what the examples are, every bad input of the issue by its field and line, and any TOML at all in bounded time."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError, InputErrors
from dure.formats.jobfiles import job_keys, read_job
from dure.workload.checks import check_spec
from dure.workload.spec import Health, JobSpec, Variant

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples" / "jobs").glob("*.toml"))
GOOD = 'project = "alpha"\ncommand = ["python", "train.py"]\n'


def read(text: str | bytes) -> JobSpec:
    return read_job(io.BytesIO(text.encode() if isinstance(text, str) else text), "job.toml")


def faults(text: str | bytes) -> list[InputError]:
    with pytest.raises(InputError) as caught:
        read(text)
    return caught.value.errors if isinstance(caught.value, InputErrors) else [caught.value]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_examples_are_jobs(path: Path) -> None:
    with path.open("rb") as stream:
        spec = read_job(stream, str(path))
    assert check_spec(JobSpec(**{**{f.name: getattr(spec, f.name) for f in fields(spec)}, "project": "p"})) == []


def test_every_value_as_people_write_it() -> None:
    spec = read(
        GOOD
        + 'limit = "12h"\nmemory = "64 GiB"\nshare = "12.5 %"\ncores = 1.5\nearliest = 2026-03-01\nsave_every = 90\n'
        'priority = -3\nmodels = ["H200"]\nkind = "interactive"\nexpires = 2026-03-02T09:00:00+09:00\nenv = { N = 3, A = "x y" }\n'
        'secrets = ["hub"]\ndata = ["web-2"]\ntrains = "m"\nimage = "registry.example:5000/a/b_c:1.0"\nname = "이름"\n'
    )
    assert (spec.limit_s, spec.memory_mib, spec.share_milli, spec.cores_milli) == (43_200, 65_536, 125, 1_500)
    assert (spec.earliest_utc_s, spec.expires_utc_s, spec.save_every_s) == (1_772_323_200, 1_772_409_600, 90)
    assert spec.env == {"N": "3", "A": "x y"}
    assert (spec.command, spec.models, spec.name) == (("python", "train.py"), ("H200",), "이름")


def test_what_is_left_out_is_the_default() -> None:
    assert read(GOOD) == JobSpec("alpha", command=("python", "train.py"))
    assert read('command = ["x"]').project == ""


def test_metacharacters_of_a_shell_are_plain_text() -> None:
    words = ["sh", "-c", "a; rm -rf / && $(x) `y` | z > /dev/null 'q' \"p\" \\ * ? ~ !\n#"]
    text = "command = [" + ", ".join("'''" + w + "'''" for w in words) + "]"
    assert read(text).command == tuple(words)


@pytest.mark.parametrize(
    ("line", "field", "says"),
    [
        ('limt = "12h"', "limt", "did you mean limit"),
        ('kind = "trainin"', "kind", "did you mean training"),
        ('command = "python train.py"', "command", "no shell"),
        ("command = []", "command", "nothing to run"),
        ('command = ["a", 3]', "command", "text in quotes"),
        ('name = "a\\nb"', "name", "not seen"),
        ('name = "a\\u202Eb"', "name", "RIGHT-TO-LEFT OVERRIDE"),
        ('name = "a\\u2028b"', "name", "LINE SEPARATOR"),
        ('name = "a\\u200Bb"', "name", "ZERO WIDTH SPACE"),
        ('name = "a\\u001Bb"', "name", "not seen"),
        ('command = ["a\\u0000b"]', "command[1]", "NUL"),
        ('env = { LD_PRELOAD = "x.so" }', "env.LD_PRELOAD", "launcher"),
        ('env = { DURE_KEY = "x" }', "env.DURE_KEY", "launcher"),
        ('env = { CUDA_VISIBLE_DEVICES = "0,1,2,3" }', "env.CUDA_VISIBLE_DEVICES", "launcher"),
        ('env = { HF_TOKEN = "hunter2" }', "env.HF_TOKEN", "secrets ="),
        ('env = { "A B" = "x" }', "env.A B", "not the name of a variable"),
        ('env = { A = "\\u0000" }', "env.A", "NUL"),
        ('secrets = ["../key"]', "secrets[1]", "not a name"),
        ('secrets = ["a..b"]', "secrets[1]", "not a name"),
        ('data = ["/etc"]', "data[1]", "not a name"),
        ('image = "registry.example/a b"', "image", "not the name of an image"),
        ('image = "--privileged"', "image", "not the name of an image"),
        ('share = "50 %"\naccelerators = 2', "share", "one alone"),
        ('kind = "lease"', "earliest", "dates"),
        ("replicas = 2", "replicas", "only a service"),
        ("[health]", "health", "only a service"),
        ("expires = 2027-01-01", "expires", "only a notebook"),
        ("accelerators = 0", "cores", "neither"),
        ("accelerators = -1", "accelerators", "out of bounds"),
        ("accelerators = 9007199254740992", "accelerators", "out of bounds"),
        ('limit = "2000d"', "limit", "out of bounds"),
        ('limit = "nan"', "limit", "wrong value"),
        ("priority = 1001", "priority", "out of bounds"),
        ('project = "a b"', "project", "not the name"),
        ('models = ["H200", "H200"]', "models[2]", "twice"),
        ('[[variant]]\nmodel = "H200"', "variant[1].command", "missing key"),
    ],
)
def test_each_bad_input_is_refused_with_its_field_and_line(line: str, field: str, says: str) -> None:
    given = "\n".join(part for part in GOOD.splitlines() if part.split(" =")[0] != line.split(" =")[0])
    found = next((f for f in faults(f"{given}\n{line}\n") if f.field == field), None)
    assert found is not None
    assert says in str(found)
    assert "hunter2" not in str(found)
    if field not in ("earliest", "cores"):  # those that are missing have no line
        assert found.line is not None


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    text = 'command = ["x"]\nlimt = 3\nkind = "x"\nmemory = "x"\nname = "\\u0007"\n[env]\nLD_AUDIT = "x"\n'
    assert {f.field for f in faults(text)} == {"limt", "kind", "memory", "name", "env.LD_AUDIT"}


def test_an_environment_of_64_kib_is_the_most() -> None:
    assert read(f'{GOOD}env = {{ A = "{"x" * (64 * 1024 - 1)}" }}').env["A"]
    assert "65,536" in str(faults(f'{GOOD}env = {{ A = "{"x" * (64 * 1024)}" }}')[0])
    assert "65,536" in str(faults(f'{GOOD}env = {{ A = "{"각" * 22_000}" }}')[0])  # three bytes each


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 100_000_000,
        b"env = { A = '" + b"x" * 100_000_000 + b"' }",
        b"a." * 130_000 + b"a = 1",
        b"[" + b"a." * 130_000 + b"a]",
        b"x = " + b"[" * 130_000,
        b"x = " + b"{a=" * 60_000,
        b"\n".join(b"k%d = 1" % n for n in range(20_000)),
        b"".join(b"[a%d]\n" % n for n in range(20_000)),
        b"[[variant]]\n" * 20_000,
        b"[health]\n" + b"\n".join(b"k%d = 1" % n for n in range(20_000)),
        b"\x1f\x8b" + b"x" * 1000,
        b"\xff\xfe" + b"x" * 10,
        b"command = ['\x00']",
    ],
    ids=lambda d: f"{d[:12]!r}",
)
def test_a_file_made_to_take_long_is_refused_fast(data: bytes) -> None:
    began = time.perf_counter()
    faults(data)
    assert time.perf_counter() - began < 2


SCALARS: Any = st.one_of(
    st.integers(-(2**64), 2**64),
    st.floats(),
    st.booleans(),
    st.text(max_size=8),
    st.dates(),
    st.sampled_from(["12h", "50 %", "H200"]),
)
VALUES: Any = st.recursive(
    SCALARS,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text("abAB_ .\n", max_size=4), v, max_size=3),
    max_leaves=6,
)
NAMES = sorted({name for keys in job_keys().values() for name in keys})


def toml_of(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08X}" for c in value if not 0xD800 <= ord(c) <= 0xDFFF) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml_of(k)} = {toml_of(v)}" for k, v in value.items()) + "}"
    return str(value)


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), VALUES, max_size=8))
@settings(max_examples=400, deadline=1000)
def test_any_toml_is_a_job_or_faults(document: dict[str, Any]) -> None:
    text = "\n".join(f"{toml_of(k)} = {toml_of(v)}" for k, v in document.items())
    try:
        spec = read(text)
    except InputError:
        return
    assert not [f for f in check_spec(spec) if f.path != ("project",)]
    assert isinstance(spec.env, dict)
    assert all(isinstance(word, str) for word in spec.command)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=200, deadline=1000)
def test_any_bytes_are_a_job_or_faults(data: bytes) -> None:
    with contextlib.suppress(InputError):
        read(data)


def test_every_key_is_on_the_page_with_its_meaning() -> None:
    page = (ROOT / "docs/reference/jobs.md").read_text("utf-8")
    rows = {line.split("|")[1].strip(" `[]"): line for line in reversed(page.splitlines()) if line.startswith("| `")}
    for entity, table in ((JobSpec, ""), (Variant, "variant"), (Health, "health")):
        by_field = {key.field: name for name, key in job_keys()[table].items()}
        for field in fields(entity):
            assert f"`{by_field[field.name]}`" in page or f"[{by_field[field.name]}]" in page
            if field.name not in ("image", "command", "priority"):
                assert field.metadata["meaning"] in rows[by_field[field.name]], field.name
