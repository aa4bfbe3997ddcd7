"""Logs of inspect_ai, read without it: both forms say the same, and no hostile one does more than be refused."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError
from dure.formats import evaluations
from dure.formats.evaluations import read_evaluation
from dure.governance.gate import Evaluation, Figure

DIGEST = "a" * 64


def log(**more: Any) -> dict[str, Any]:
    """A log as inspect_ai 0.3.285 writes one, without its samples."""
    score = {
        "name": "match", "scorer": "match", "scored_samples": 50, "unscored_samples": 0,
        "metrics": {"accuracy": {"name": "accuracy", "value": 0.74}, "stderr": {"name": "stderr", "value": 0.06}},
    }  # fmt: skip
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "created": "2026-11-22T13:41:54+00:00", "task": "refuses", "task_version": "1.2", "model": "mockllm/model",
            "dataset": {"name": "tiny", "samples": 50}, "config": {"epochs": 1}, "packages": {"inspect_ai": "0.3.285"},
            "metadata": {"model_digest": DIGEST, "dataset_revision": "r1"},
        },
        "results": {"total_samples": 50, "completed_samples": 50, "scores": [score]},
        "invalidated": False,
        **more,
    }  # fmt: skip


def changed(path: str, value: object) -> dict[str, Any]:
    """The log with another value somewhere; `...` takes the key away."""
    whole = log()
    *parents, last = (int(p) if p.isdecimal() else p for p in path.split("."))
    place: Any = whole
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return whole


def read(data: bytes | dict[str, Any]) -> Evaluation:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return read_evaluation(io.BytesIO(raw), "log")


def packed(*members: tuple[str, bytes], method: int = 93, size: int | None = None, crc: int | None = None) -> bytes:
    """A zip by hand, for Python's own writes no method 93; `size` and `crc` may lie."""
    out, directory = b"", b""
    for name, data in members:
        body = data
        if method == 93:
            body = pa.Codec("zstd").compress(data).to_pybytes()
        elif method == 8:
            body = zlib.compress(data, wbits=-15)
        sums = (zlib.crc32(data) if crc is None else crc, len(body), len(data) if size is None else size, len(name), 0)
        local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, 0, method, 0, 33, *sums) + name.encode()
        directory += struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 45, 45, 0, method, 0, 33, *sums, 0, 0, 0, 0, len(out))
        directory += name.encode()
        out += local + body
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), len(out), 0)
    return out + directory + end


def test_what_a_log_says() -> None:
    raw = json.dumps(log()).encode()
    assert read(raw) == Evaluation(
        task="refuses", task_version="1.2", dataset="tiny", dataset_revision="r1", model="mockllm/model", model_digest=DIGEST,
        harness="inspect_ai", harness_version="0.3.285", status="success", samples_total=50, samples_completed=50,
        figures=(Figure("match", "accuracy", 37, 50), Figure("match", "stderr", 3, 50)),
        log_digest=hashlib.sha256(raw).hexdigest(), at_utc_s=1795354914,
    )  # fmt: skip


@pytest.mark.parametrize("method", [0, 8, 93])
def test_the_zip_says_the_same_as_the_json(method: int) -> None:
    raw = json.dumps(log()).encode()
    whole = packed(
        ("_journal/start.json", b"{}"), ("samples/1_epoch_1.json", b"{}" * 999), ("header.json", raw), method=method
    )
    found = read(whole)
    assert found.log_digest == hashlib.sha256(whole).hexdigest()
    assert found == Evaluation(**{**_fields(read(raw)), "log_digest": found.log_digest})


def _fields(evaluation: Evaluation) -> dict[str, Any]:
    return {name: getattr(evaluation, name) for name in Evaluation.__dataclass_fields__}


def test_our_zip_is_one_that_zipfile_reads() -> None:
    with zipfile.ZipFile(io.BytesIO(packed(("header.json", b"{}"), method=8))) as archive:
        assert archive.testzip() is None
        assert archive.read("header.json") == b"{}"


@pytest.mark.parametrize("correct", range(101))
def test_counts_come_back_from_a_mean_exactly(correct: int) -> None:
    for n in (100, 101, 997):
        made = changed("results.scores.0.metrics.accuracy.value", correct / n)
        made["results"]["scores"][0]["scored_samples"] = n
        assert read(made).figures[0].correct == correct


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1, None, "0.9", True, [1], {}])
def test_what_is_no_share_is_no_figure(value: object) -> None:
    assert read(changed("results.scores.0.metrics.accuracy.value", value)).figures[0].correct is None


def test_a_part_of_a_sample_is_rounded_down() -> None:
    assert read(changed("results.scores.0.metrics.accuracy.value", 37.99 / 50)).figures[0].correct == 37


def test_samples_without_a_score_count_as_wrong() -> None:
    made = changed("results.scores.0.scored_samples", 10)
    made["results"]["scores"][0]["unscored_samples"] = 40
    assert read(made).figures[0] == Figure("match", "accuracy", 7, 50)
    assert read(changed("results.scores.0.scored_samples", 10)).figures[0].scored == 50


def test_a_run_cut_short_is_not_whole() -> None:
    """`--limit 5`: five of five are done, of a data set of fifty; and of repetitions, all count."""
    short = changed("results.total_samples", 5)
    short["results"]["completed_samples"] = 5
    assert (read(short).samples_completed, read(short).samples_total) == (5, 50)
    assert read(changed("eval.config.epochs", 2)).samples_total == 100


def test_logs_that_ended_badly_are_read() -> None:
    crashed = changed("results", ...)
    crashed["status"] = "error"
    found = read(crashed)
    assert (found.status, found.samples_completed, found.samples_total, found.figures) == ("error", 0, 50, ())
    assert read({**crashed, "results": None}).figures == ()
    assert read(log(invalidated=True)).status == "invalidated"


@pytest.mark.parametrize("given", [f"sha256:{DIGEST}", DIGEST])
def test_forms_of_a_digest(given: str) -> None:
    assert read(changed("eval.metadata.model_digest", given)).model_digest == DIGEST


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("eval.metadata.model_digest", ..., "metadata.model_digest"),
        ("eval.metadata", None, "metadata.model_digest"),
        ("eval.metadata.model_digest", DIGEST.upper(), "metadata.model_digest"),
        ("eval.metadata.model_digest", DIGEST[:-1], "metadata.model_digest"),
        ("eval.metadata.model_digest", [DIGEST], "eval.metadata.model_digest"),
        ("eval", [], "eval"),
        ("eval.task", ..., "eval.task"),
        ("eval.task", "x" * 1001, "eval.task"),
        ("eval.created", "yesterday", "eval.created"),
        ("eval.dataset", "tiny", "eval.dataset"),
        ("eval.dataset.samples", -1, "eval.dataset.samples"),
        ("eval.dataset.samples", 1e3, "eval.dataset.samples"),
        ("eval.config.epochs", 10**12, "eval.config.epochs"),
        ("status", None, "status"),
        ("status", {"a": 1}, "status"),
        ("results", [], "results"),
        ("results.completed_samples", True, "results.completed_samples"),
        ("results.scores", {"a": 1}, "results.scores"),
        ("results.scores.0", 7, "results.scores.0"),
        ("results.scores.0.metrics.accuracy", 1.0, "results.scores.0.metrics.accuracy"),
    ],
)
def test_every_fault_is_named(path: str, value: object, field: str) -> None:
    with pytest.raises(InputError) as fault:
        read(changed(path, value))
    assert fault.value.field in (field, f"eval.{field}")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"{", b"\xff\xfe{", b"{}\0", b"[" * 100_000, b'{"status": ' + b"9" * 5000 + b"}", b"PK\x03\x04",
        packed(), packed(("samples.json", b"{}")), packed(("header.json", b"[]")), packed(("header.json", b"\xff")),
        packed(("header.json", b"{}"), ("header.json", b"{}")),
        packed(("header.json", b"{}"), method=14), packed(("header.json", b"{}"), crc=1),
        packed(("header.json", b"{}" * 99), size=3), packed(("header.json", b"{}"), size=1 << 31),
        packed(("header.json", b"{}"))[:-5], packed(("header.json", b"{}"), method=0)[8:],
        packed(("header.json", b" " * 10_000_000), size=100), packed(("header.json", b" " * 10_000_000), size=100, method=8),
    ],
)  # fmt: skip
def test_hostile_files_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        read(data)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the directory promises, and one byte, is all that is ever made of a member."""
    made = []
    real = evaluations._unpacked
    monkeypatch.setattr(evaluations, "_unpacked", lambda *a: made.append(real(*a)) or made[-1])
    for method in (8, 93):
        with pytest.raises(InputError):
            read(packed(("header.json", b" " * 9_000_000), size=1000, method=method))
    assert [len(m) for m in made] == [1001, 1001]


def test_bounds_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps(log()).encode()
    monkeypatch.setattr(evaluations, "MAX_JSON_BYTES", len(raw) - 1)
    for data in (raw, packed(("header.json", raw))):
        with pytest.raises(InputError, match="too large"):
            read(data)
    monkeypatch.setattr(evaluations, "MAX_FILE_BYTES", 10)
    with pytest.raises(InputError, match="too large"):
        read(raw)


_WHOLE = packed(("a.json", b"{}"), ("header.json", json.dumps(log()).encode()))


@settings(max_examples=80)
@given(
    st.lists(st.tuples(st.integers(0, len(_WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, len(_WHOLE)),
)
def test_damage_is_refused_or_harmless(edits: list[tuple[int, int]], end: int) -> None:
    """A damaged archive either says what the whole one says, or is refused: nothing in between, and no other exception."""
    data = bytearray(_WHOLE)
    for place, byte in edits:
        data[place] = byte
    for damaged in (bytes(data), bytes(data[:end])):
        try:
            found = read(damaged)
        except InputError:
            continue
        assert _fields(found) | {"log_digest": ""} == _fields(read(_WHOLE)) | {"log_digest": ""}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "value", "name", "samples"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_PATHS = [
    "status", "eval", "results", "eval.dataset", "eval.dataset.samples", "eval.metadata", "eval.config", "eval.created",
    "eval.packages", "results.scores", "results.scores.0", "results.scores.0.metrics", "results.scores.0.metrics.accuracy",
    "results.scores.0.metrics.accuracy.value", "results.scores.0.name", "results.total_samples", "invalidated",
]  # fmt: skip


@given(st.sampled_from(_PATHS), _json)
def test_anything_anywhere_is_read_or_refused(path: str, value: object) -> None:
    try:
        found = read(changed(path, value))
    except InputError:
        return
    assert all(f.correct is None or 0 <= f.correct <= f.scored for f in found.figures)
