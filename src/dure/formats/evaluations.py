"""Logs of inspect_ai (https://inspect.aisi.org.uk/eval-logs.html), read without it: `.json`, and the zip `.eval`.

Of a `.eval` only `header.json` is unpacked; its members are packed with Zstandard (zip method 93), which Python's zipfile
learns in 3.14, so pyarrow unpacks them. What the log does not say, the one who runs it must, as its metadata: `model_digest`,
the SHA-256 of the save point, and `dataset_revision` (of `Task(metadata=...)`, or `inspect eval --metadata`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import os
import re
import zipfile
import zlib
from typing import Any, BinaryIO, Final

import pyarrow as pa

from dure.errors import InputError
from dure.formats.streams import Limits, clean_text, read_bytes
from dure.governance.gate import Evaluation, Figure

HARNESS: Final = "inspect_ai"
MAX_FILE_BYTES: Final = 1 << 30  # of a `.eval`, of which only the header is unpacked
MAX_JSON_BYTES: Final = 256 << 20  # of a `.json`, or of an unpacked header
_HEADER: Final = "header.json"
_ZSTANDARD: Final = 93
_MEMBERS: Final = 2_000_000
_SAMPLES: Final = 10**9
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def read_evaluation(stream: BinaryIO, name: str) -> Evaluation:
    """The evaluation of a log, and the log's own SHA-256. Raises InputError for what is no log, or names no save point.

    A log that ended badly is read too: it is a failure, and failures are recorded.
    """
    size = stream.seek(0, os.SEEK_END)
    if size > MAX_FILE_BYTES:
        accepted = f"at most {MAX_FILE_BYTES:,} bytes"
        raise InputError("file too large", source=name, value=f"{size:,} bytes", accepted=accepted)
    stream.seek(0)
    digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # a BinaryIO can read into
    stream.seek(0)
    packed = stream.read(4) == b"PK\x03\x04"
    data = _header(stream, name) if packed else read_bytes(stream, name, Limits(max_bytes=MAX_JSON_BYTES))
    try:
        log = json.loads(clean_text(data, name))
    except (ValueError, RecursionError) as fault:
        raise InputError(f"not JSON: {fault}", source=name, accepted="a log of inspect_ai: .eval or .json") from None
    return _evaluation(_Part(log, name, ""), digest)


def _header(stream: BinaryIO, name: str) -> bytes:
    """The unpacked header of a `.eval`, checked against its length and sum."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError, NotImplementedError) as fault:
        raise InputError(f"not a zip file: {fault}", source=name, accepted="a whole .eval") from None
    found = [m for m in members if m.filename == _HEADER]
    if len(found) != 1 or len(members) > _MEMBERS:
        accepted = f"a finished log of inspect_ai, with one {_HEADER}"
        raise InputError("not an evaluation log", source=name, value=f"{len(found)} of {_HEADER}", accepted=accepted)
    member = found[0]
    if max(member.file_size, member.compress_size) > MAX_JSON_BYTES:
        raise InputError("header too large", source=name, accepted=f"at most {MAX_JSON_BYTES:,} bytes")
    try:
        stream.seek(member.header_offset)
        local = stream.read(30)
        stream.seek(int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little"), os.SEEK_CUR)
        data = _unpacked(stream.read(member.compress_size), member)
    except (OSError, ValueError, zlib.error) as fault:
        raise InputError(f"header is damaged: {fault}", source=name, accepted="a whole .eval") from None
    if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
        raise InputError("header is damaged: wrong sum", source=name, accepted="a whole .eval")
    return data


def _unpacked(data: bytes, member: zipfile.ZipInfo) -> bytes:
    """At most one byte more than the archive promises, whatever a bomb would unpack to."""
    if member.compress_type == zipfile.ZIP_STORED:
        return data
    if member.compress_type == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.file_size + 1)
    if member.compress_type == _ZSTANDARD:
        out: bytes = pa.CompressedInputStream(pa.BufferReader(data), "zstd").read(member.file_size + 1)
        return out
    raise OSError(f"packed by method {member.compress_type}, which is not known")


class _Part:
    """An object of the log being read; every fault names its path."""

    def __init__(self, value: object, name: str, path: str) -> None:
        self.name, self.path = name, path
        if not isinstance(value, dict):
            raise self.wrong("", value, "an object")
        self.value: dict[str, Any] = value

    def wrong(self, key: str, value: object, accepted: str) -> InputError:
        field = ".".join(part for part in (self.path, key) if part)
        shown = value if isinstance(value, str | int | float) else type(value).__name__
        return InputError("not an evaluation log", source=self.name, field=field, value=shown, accepted=accepted)

    def part(self, key: str) -> _Part:
        """An object inside; empty where there is none or null."""
        found = self.value.get(key)
        return _Part({} if found is None else found, self.name, f"{self.path}.{key}".lstrip("."))

    def text(self, key: str, *, required: bool = False) -> str:
        found = self.value.get(key)
        if found is None and not required:
            return ""
        if isinstance(found, int) and not isinstance(found, bool):  # versions are texts or numbers
            found = str(found)
        if not isinstance(found, str) or len(found) > 1000 or (required and not found):
            raise self.wrong(key, found, "a text")
        return found

    def count(self, key: str, default: int = 0) -> int:
        found = self.value.get(key)
        if found is None:
            return default
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= _SAMPLES:
            raise self.wrong(key, found, "a count")
        return found


def _evaluation(log: _Part, digest: str) -> Evaluation:
    spec, results = log.part("eval"), log.part("results")
    dataset, metadata = spec.part("dataset"), spec.part("metadata")
    status = log.text("status", required=True)
    epochs = max(1, spec.part("config").count("epochs", 1))
    samples = dataset.count("samples")
    # Of the data set, not of the run: one cut short by --limit has done all that it was asked, and is not whole.
    total = max(samples * epochs, results.count("total_samples"))
    return Evaluation(
        task=spec.text("task", required=True),
        task_version=spec.text("task_version"),
        dataset=dataset.text("name"),
        dataset_revision=metadata.text("dataset_revision"),
        model=spec.text("model"),
        model_digest=_save_point(metadata),
        harness=HARNESS,
        harness_version=spec.part("packages").text(HARNESS),
        status="invalidated" if log.value.get("invalidated") else status,
        samples_total=total,
        samples_completed=results.count("completed_samples"),
        figures=tuple(_figures(results, samples)),
        log_digest=digest,
        at_utc_s=_moment(spec),
    )


def _save_point(metadata: _Part) -> str:
    text = metadata.text("model_digest")
    found = _DIGEST.fullmatch(text)
    if found is None:
        accepted = "the SHA-256 of the save point: inspect eval --metadata model_digest=..."
        raise InputError(
            "names no save point", source=metadata.name, field="metadata.model_digest", value=text, accepted=accepted
        )
    return found[1]


def _figures(results: _Part, samples: int) -> list[Figure]:
    """All metrics; a sample without a score counts as wrong."""
    scores = results.value.get("scores") or []
    if not isinstance(scores, list):
        raise results.wrong("scores", scores, "a list")
    found = []
    for n, raw in enumerate(scores):
        score = _Part(raw, results.name, f"results.scores.{n}")
        scored = score.count("scored_samples", results.count("completed_samples"))
        whole = max(samples, scored + score.count("unscored_samples"))
        metrics = score.part("metrics")
        for metric in metrics.value:
            correct = _correct(metrics.part(metric).value.get("value"), scored)
            found.append(Figure(score.text("name", required=True), metric, correct, whole))
    return found


def _correct(value: object, scored: int) -> int | None:
    """How many of `scored` a mean of shares comes to, rounded down; None where it is no share."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:  # NaN neither
        return None
    return math.floor(value * scored + 1e-6)  # 0.29 * 100 is 28.999...


def _moment(spec: _Part) -> int:
    text = spec.text("created", required=True)
    try:
        moment = dt.datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())
    except (ValueError, OverflowError):
        raise spec.wrong("created", text, "a date and time as 2026-11-22T09:00:00+00:00") from None
