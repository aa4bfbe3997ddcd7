"""Whatever the bytes, a reader answers with a workload or with Dure's own error, and soon."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.errors import DureError
from dure.formats.runlogs import read_runlog
from dure.formats.streams import Limits
from dure.formats.workloads import FORMATS, read_workload, write_workload
from tests.formats.test_workloads import CSV, SAMPLES, THROUGHPUTS, read

SMALL = Limits(max_bytes=1 << 24, max_rows=10_000)


def own_parquet() -> bytes:
    stream = io.BytesIO()
    write_workload(read(CSV), stream, "parquet")
    return stream.getvalue()


VALID = [*(text.encode() for text in SAMPLES.values()), own_parquet(), gzip.compress(CSV.encode())]
TOKENS = [
    b"-1", b"nan", b"inf", b"1e308", b"9" * 20, b'"', b"\n", b",", b"\t", b"|", b" ", b"\xff", b"\0", b"", b"\r", b"-",
    b"9223372036854775807", b"-9223372036854775808", b"4294967296", b"\xea\xb0\x80", b"#", b";", b"+5", b"UNLIMITED",
    b"gres/gpu:x=3", b"1099511627777", b"9" * 5000, b"# {\"dure\": {\"start_utc_s\": 1e400}}\n",
]  # fmt: skip


def outcome(call: Callable[[], object]) -> str:
    """`read`, or the words of Dure's own error; any other exception is the test's failure."""
    try:
        call()
    except DureError as fault:
        return str(fault)
    return "read"


def answers(data: bytes, fmt: str | None, skip_bad: bool) -> None:
    begin = time.perf_counter()
    table = io.BytesIO(THROUGHPUTS.encode())
    options = {"name": "w", "fmt": fmt, "skip_bad": skip_bad, "throughputs": table, "limits": SMALL}
    assert outcome(lambda: read_workload(io.BytesIO(data), **options))  # type: ignore[arg-type]
    assert time.perf_counter() - begin < 10


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_changed_files(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(VALID)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        width = data.draw(st.sampled_from([0, 1, 2, 8, 40]))
        content[at : at + width] = data.draw(st.sampled_from(TOKENS) | st.binary(max_size=4))
    fmt = data.draw(st.none() | st.sampled_from(sorted(FORMATS)))
    answers(bytes(content), fmt, data.draw(st.booleans()))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.none() | st.sampled_from(sorted(FORMATS)), st.booleans())
def test_any_bytes(content: bytes, fmt: str | None, skip_bad: bool) -> None:
    answers(content, fmt, skip_bad)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"PAR1", b"time_s,job,event,reason,pool,places\n"]))
def test_any_bytes_as_a_run_log(content: bytes, head: bytes) -> None:
    assert outcome(lambda: read_runlog(io.BytesIO(head + content), name="r", limits=SMALL))


@pytest.mark.parametrize("cell", ["kind", "accept", "project", "submit_s"])
def test_many_different_faults_take_no_longer_than_many_rows(cell: str) -> None:
    """Each distinct bad text was once compared with every row."""
    count = 50_000
    head = "submit_s,duration_s,kind,accept,project\n"
    place = head.strip().split(",").index(cell)
    row = ["1", "1", "batch", "", "p"]
    body = "".join(",".join([*row[:place], f"::{i}|", *row[place + 1 :]]) + "\n" for i in range(count))
    begin = time.perf_counter()
    told = outcome(lambda: read(head + body))
    assert told == "read" if cell == "project" else f"and {count - 20} more" in told
    assert time.perf_counter() - begin < 10
