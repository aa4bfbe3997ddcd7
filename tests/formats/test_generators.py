"""Generator parameters in TOML: they come back as they were, and faults name their line."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError
from dure.formats import generators
from dure.formats.generators import generator_text, open_generator, read_generator
from dure.vocabulary import JobKind
from dure.workload.fit import fit
from dure.workload.generator import Arrivals, GeneratorParams, JobClass, generate
from tests.workload.test_generator import PARAMS, SERIES

WEIGHTS = st.floats(0, 1e9).filter(lambda x: x == 0 or x > 1e-9)
SECONDS = st.lists(st.integers(0, 10**9), min_size=1, max_size=5).map(tuple)
CLASSES = st.builds(
    JobClass,
    name=st.text(max_size=8).filter(lambda t: t.isprintable()),
    weight=WEIGHTS,
    kind=st.sampled_from(list(JobKind)),
    sizes=st.lists(st.tuples(st.integers(0, 2048), st.integers(1, 1000), st.floats(0.1, 9)), min_size=1).map(tuple),
    duration_s=SECONDS,
    limit_ratio=st.lists(st.floats(0.1, 50), min_size=1, max_size=4).map(tuple),
    limit_menu_s=SECONDS,
    cores_each_milli=st.lists(st.integers(0, 10**6), min_size=1, max_size=3).map(tuple),
    memory_each_mib=st.lists(st.integers(0, 10**7), min_size=1, max_size=3).map(tuple),
    save_every_s=st.integers(0, 10**5),
    lead_s=SECONDS,
    priority=st.integers(-9, 9),
    accept=st.dictionaries(st.sampled_from(["H200", "B200", "ATOM-MAX", "한국"]), st.integers(1, 5000)).map(
        lambda d: tuple(d.items())
    ),
    batch=st.floats(1, 50),
    likeness=st.floats(0, 1),
)


def read(text: str) -> GeneratorParams:
    return read_generator(io.BytesIO(text.encode()), name="g.toml")


@settings(max_examples=80, deadline=None)
@given(classes=st.lists(CLASSES, min_size=1, max_size=3), jobs=st.integers(0, 10**6), start=st.integers(0, 2**32))
def test_parameters_come_back(classes: list[JobClass], jobs: int, start: int) -> None:
    params = replace(PARAMS, classes=tuple(classes), jobs=jobs, start_utc_s=start, note='a "quoted"\nnote')
    assert read(generator_text(params)) == params


@pytest.mark.parametrize("params", [PARAMS, SERIES, fit(generate(PARAMS, seed=0))], ids=["profile", "series", "fitted"])
def test_whole_files_come_back(params: GeneratorParams) -> None:
    text = generator_text(params)
    assert read(text) == params
    assert max(len(line) for line in text.splitlines() if '"' not in line) <= 120


GOOD = """\
name = "x"
jobs = 10
days = 2
[[class]]
name = "all"
sizes = [[8, 3], [1, 1, 0.25]]
duration = ["10m", "2h", 90]
cores_each = [0.5]
memory_each = ["2 GiB", 1]
accept = { H200 = 1, RNGD = 0.4 }
"""


def test_people_write_units() -> None:
    one = read(GOOD).classes[0]
    assert one.duration_s == (600, 7200, 90)
    assert one.sizes == ((8, 1000, 3.0), (1, 250, 1.0))
    assert (one.cores_each_milli, one.memory_each_mib) == ((500,), (2048, 1024))
    assert one.accept == (("H200", 1000), ("RNGD", 400))


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("jobs = 10", 'jobs = "ten"', 2, "jobs"),
        ("jobs = 10", "job = 10", 2, "job"),
        ("sizes = [[8, 3]", "sizes = [[8]", 6, "sizes"),
        ('duration = ["10m"', 'duration = ["ten"', 7, "duration"),
        ("accept = { H200 = 1", 'accept = { H200 = "fast"', 10, "accept"),
        ('name = "all"', 'name = "all"\nkind = "trainning"', 6, "kind"),
        ("days = 2", "days = -2", None, "days"),
        ("days = 2", "days = nan", 3, "days"),
        ('duration = ["10m", "2h", 90]', "duration = []", None, "all"),
    ],
)
def test_faults_name_line_and_field(old: str, new: str, line: int | None, field: str) -> None:
    with pytest.raises(InputError) as caught:
        read(GOOD.replace(old, new))
    errors = getattr(caught.value, "errors", [caught.value])
    assert (line, "g.toml") in [(e.line, e.source) for e in errors if field in e.field]


def test_shipped_generators_are_used(root: Path) -> None:
    for name in ("philly-like", "korea-month"):
        params = open_generator(root / f"examples/workloads/{name}.toml")
        assert len(generate(params, seed=1, days=2.0)) > 0


def test_every_key_is_documented(root: Path) -> None:
    page = (root / "docs/reference/generator.md").read_text("utf-8")
    keys = [*generators._KEYS, *generators._ARRIVALS, *generators._CLASS]
    assert not [key for key in keys if f"| `{key}` |" not in page]


def test_every_field_has_its_key() -> None:
    both = ((Arrivals, generators._ARRIVALS), (JobClass, generators._CLASS), (GeneratorParams, generators._KEYS))
    for entity, keys in both:
        apart = {"arrivals", "classes"} if entity is GeneratorParams else set()
        assert {key.field for key in keys.values()} == {f.name for f in fields(entity)} - apart
