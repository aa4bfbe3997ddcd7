"""The check of a job in itself: whatever is in its fields comes to faults, or is fit to be shown and started."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.vocabulary import JobKind
from dure.workload.checks import COMMAND_MOST, ENV_MOST, KINDS, check_spec, site_faults, unseen
from dure.workload.spec import Health, JobSpec, SiteRules, Variant

GOOD = JobSpec("alpha", command=("true",))
ANY = st.text(max_size=12)
NUMBER = st.sampled_from([-1, 0, 1, 2, 999, 1000, 1001, 3600, 2**31, 2**63])


@st.composite
def specs(draw: st.DrawFn) -> JobSpec:
    """Anything that the types let through."""
    texts = st.lists(ANY, max_size=3).map(tuple)
    variants = st.lists(st.builds(Variant, ANY, texts, ANY), max_size=2).map(tuple)
    return JobSpec(
        draw(ANY), draw(ANY), draw(st.sampled_from([*KINDS, "", "Batch"])), draw(texts), draw(ANY), draw(variants), draw(NUMBER),
        draw(texts), draw(NUMBER), draw(NUMBER), draw(NUMBER), draw(NUMBER), draw(NUMBER), draw(NUMBER), draw(NUMBER), draw(NUMBER),
        draw(st.dictionaries(ANY, ANY, max_size=2)), draw(texts), draw(texts), draw(ANY), draw(NUMBER),
        draw(st.none() | st.builds(Health, ANY, NUMBER, NUMBER, NUMBER)),
    )  # fmt: skip


@given(specs())
@settings(max_examples=300, deadline=None)
def test_any_job_comes_to_faults_each_with_its_field(spec: JobSpec) -> None:
    for fault in check_spec(spec):
        assert fault.path
        assert fault.message
        assert str(fault.error("jobs[1]")).startswith("jobs[1]")


@given(st.text(max_size=30), st.dictionaries(st.text(max_size=6), st.text(max_size=10), max_size=3))
@settings(max_examples=300, deadline=None)
def test_what_passes_can_be_shown_and_started(name: str, env: dict[str, str]) -> None:
    if check_spec(replace(GOOD, name=name, env=env)):
        return
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") for c in name)
    assert not any("\0" in v or "=" in k or not k for k, v in env.items())


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "lease"])
def test_every_kind_but_a_lease_runs_something(kind: str) -> None:
    assert [f.path for f in check_spec(replace(GOOD, kind=kind, command=()))] == [("command",)]
    assert not check_spec(replace(GOOD, kind=kind))
    assert not check_spec(replace(GOOD, kind=kind, command=(), variants=(Variant("H200", ("a",)),)))


def test_the_words_of_kinds_are_those_of_the_vocabulary() -> None:
    assert set(KINDS.values()) == set(JobKind)


@pytest.mark.parametrize(
    ("more", "paths"),
    [
        ({"kind": "lease", "command": ()}, [("earliest",)]),
        ({"kind": "lease", "earliest_utc_s": 9, "share_milli": 500}, [("share",)]),
        ({"kind": "lease", "earliest_utc_s": 9, "accelerators": 0, "cores_milli": 1}, [("accelerators",)]),
        ({"kind": "lease", "earliest_utc_s": 9}, []),
        ({"share_milli": 500, "accelerators": 2}, [("share",)]),
        ({"share_milli": 500}, []),
        ({"share_milli": 0}, [("share",)]),
        ({"accelerators": 0, "cores_milli": 1000}, []),
        ({"accelerators": 0, "cores_milli": 1000, "models": ("H200",)}, [("models",)]),
        ({"replicas": 3}, [("replicas",)]),
        ({"replicas": 3, "kind": "service"}, []),
        ({"health": Health()}, [("health",)]),
        ({"health": Health("healthz"), "kind": "service"}, [("health", "path")]),
        ({"health": Health("/a b"), "kind": "service"}, [("health", "path")]),
        ({"health": Health("/", 0, 0, 0), "kind": "service"}, [("health", "every"), ("health", "fails"), ("health", "start")]),
        ({"expires_utc_s": 9}, [("expires",)]),
        ({"expires_utc_s": 9, "kind": "interactive"}, []),
        ({"expires_utc_s": 9, "earliest_utc_s": 9, "kind": "interactive"}, [("expires",)]),
        ({"command": (), "models": ("H200", "B200"), "variants": (Variant("H200", ("a",)),)}, [("models", 1)]),
        ({"models": ("B200",), "variants": (Variant("H200", ("a",)),)}, [("variant", 0, "model")]),
        ({"variants": (Variant("H200", ("a",)), Variant("H200", ("b",)))}, [("variant", 1, "model")]),
        ({"command": ("",)}, [("command", 0)]),
        ({"command": ("a", "\ud800")}, [("command", 1)]),
        ({"name": "\ud800"}, [("name",)]),
        ({"env": {"A": "\udfff"}}, [("env", "A")]),
        ({"env": {"TOKENIZERS_PARALLELISM": "1", "AWS_SECRET_ACCESS_KEY": "x"}}, [("env", "AWS_SECRET_ACCESS_KEY")]),
        ({"image": "a/b@sha256:" + "0" * 64}, []),
        ({"image": "a/b@sha256:0"}, [("image",)]),
        ({"image": "http://a/b"}, [("image",)]),
        ({"image": "a/../b"}, [("image",)]),
        ({"image": "a" * 401}, [("image",)]),
    ],
)  # fmt: skip
def test_what_goes_together(more: dict[str, Any], paths: list[tuple[str | int, ...]]) -> None:
    assert [f.path for f in check_spec(replace(GOOD, **more))] == paths


@pytest.mark.parametrize(
    "more",
    [
        {"env": {"A": "x" * 100_000_000}},
        {"command": ("x" * 100_000_000,)},
        {"command": ("x",) * 1_000_000},
        {"name": "\u202e" * 10_000_000},
        {"models": ("x",) * 1_000_000},
        {"image": "a-" * 5_000_000},
        {"image": "a." * 199},
        {"image": "a" + "-" * 398 + "!"},
        {"env": {str(n): "" for n in range(100_000)}},
    ],
    ids=lambda m: next(iter(m)),
)
def test_what_is_far_too_large_is_refused_fast(more: dict[str, Any]) -> None:
    began = time.perf_counter()
    assert len(check_spec(replace(GOOD, **more))) >= 1
    assert time.perf_counter() - began < 1


def test_the_bounds_are_in_bytes() -> None:
    assert not check_spec(replace(GOOD, env={"A": "x" * (ENV_MOST - 1)}, command=("x" * COMMAND_MOST,)))
    assert [f.path for f in check_spec(replace(GOOD, env={"A": "각" * (ENV_MOST // 3 + 1)}))] == [("env",)]
    assert [f.path for f in check_spec(replace(GOOD, command=("각" * (COMMAND_MOST // 3 + 1),)))] == [("command",)]


def test_a_secret_that_was_given_as_a_variable_is_not_repeated() -> None:
    for name in ("HF_TOKEN", "API_KEY", "db_password", "LD_PRELOAD", "A B"):
        found = check_spec(replace(GOOD, env={name: "hunter2"}))
        assert len(found) == 1
        assert "hunter2" not in str(found[0].error())


@pytest.mark.parametrize(
    ("command", "fits"),
    [
        (("python", "train.py"), True),
        (("/srv/tools/run", "--data=/scratch/set/a"), True),
        (("/srv/tools",), True),
        (("/srv/toolsets/run",), False),
        (("/srv/tools/../../etc/passwd",), False),
        (("//srv/tools/run",), True),
        (("//etc/passwd",), False),
        (("cat", "/etc/passwd"), False),
        (("cat", "--file=/etc/passwd"), False),
        (("cat", "../../other/secret"), False),
        (("cat", "a/../../b"), False),
        (("git", "diff", "a..b"), True),
    ],
)
def test_paths_lie_where_the_site_says(command: tuple[str, ...], fits: bool) -> None:
    rules = SiteRules(paths=("/srv/tools", "/scratch/"))
    assert (site_faults(replace(GOOD, command=command), rules) == []) is fits
    assert (site_faults(replace(GOOD, command=command), SiteRules()) == []) is (command[0] in ("python", "git"))


def test_images_are_those_of_the_site_for_the_model_in_question() -> None:
    spec = replace(GOOD, image="reg.example/a", variants=(Variant("H200", ("x",), "other.example/a"),))
    rules = SiteRules(images=("reg.example/*",))
    assert [f.path for f in site_faults(spec, rules)] == [("variant", 0, "image")]
    assert site_faults(spec, rules, "B200") == []
    assert len(site_faults(spec, rules, "H200")) == 1
    assert len(site_faults(spec, SiteRules())) == 2


@pytest.mark.parametrize("text", ["plain", "한글 이름", "naïve – ok", "數學"])
def test_what_people_write_is_seen(text: str) -> None:
    assert unseen(text) == ""
