"""Published traces and scheduler records as workloads: Philly, openb pods, Standard Workload Format, sacct, Gavel.

Each reader says in the workload's notes what it assumed and what it passed over. Times are whole seconds; where a
source has fractions they are rounded to the nearest, and computed work is rounded up.
"""

from __future__ import annotations

import ast
import json
import math
import re

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dure.errors import InputError
from dure.formats.jobs import finish
from dure.formats.streams import Limits
from dure.formats.tables import Faults, Table, parse
from dure.units import DAY_S, HOUR_S, MILLI, MINUTE_S
from dure.vocabulary import JobKind
from dure.workload.columns import BOUNDS, Workload

_MAX_S = BOUNDS["duration_s"][1]
_MANY = 2**40


def read_philly(data: bytes, faults: Faults, limits: Limits) -> Workload:
    """Microsoft Philly as a CSV of `timestamp, duration, num_gpus, cluster`: projects are its virtual clusters.

    All are training jobs that any training accelerator will do. Second 0 is the first submission.
    """
    table = parse(data, faults, limits)
    table.require("timestamp", "duration", "num_gpus", "cluster")
    times = table.times("timestamp", "%Y-%m-%d %H:%M:%S", "a time as 2017-10-09 07:01:55")
    columns = {
        "duration_s": table.numbers("duration", *BOUNDS["duration_s"], rounded=True),
        "accelerators": table.numbers("num_gpus", *BOUNDS["accelerators"]),
        "kind": np.full(len(table), JobKind.TRAINING, dtype=np.int64),
    }
    columns["submit_s"], start = _from_first(times, table)
    return finish(
        table,
        columns,
        project=table.text("cluster"),
        start_utc_s=start,
        notes=("times taken as UTC", "no time limits in the source: the true duration is taken"),
    )


def _from_first(times: NDArray[np.int64], table: Table) -> tuple[NDArray[np.int64], int]:
    """Times from the earliest good one, and that one."""
    good = table.faults.good(table.lines)
    start = int(times[good].min()) if good.any() else 0
    return np.where(good, times - start, 0), start


_QOS = {"BE": 0, "BestEffort": 0, "Burstable": 1, "LS": 2, "LSR": 3, "Guaranteed": 3, "LSE": 4}


def read_openb(data: bytes, faults: Faults, limits: Limits) -> Workload:
    """Pods of the openb (Alibaba GPU 2023) CSVs: shares of an accelerator, accepted models, classes by service quality.

    Pods of the latency-sensitive classes are services, the others batch. Files without times give all pods at second 0.
    """
    table = parse(data, faults, limits)
    table.require("name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
    count = table.numbers("num_gpu", *BOUNDS["accelerators"])
    milli = np.minimum(table.numbers("gpu_milli", 0, _MANY), MILLI)
    table.mark((count > 1) & (milli < MILLI), "gpu_milli", "a share of several accelerators", "1000 where num_gpu > 1")
    table.mark((count == 1) & (milli == 0), "gpu_milli", "no share", "1 to 1000 where num_gpu is 1")
    columns = {
        "accelerators": count,
        "share_milli": np.where(count == 1, np.maximum(milli, 1), MILLI),
        "cores_milli": table.numbers("cpu_milli", *BOUNDS["cores_milli"]),
        "memory_mib": table.numbers("memory_mib", *BOUNDS["memory_mib"]),
    }
    if "qos" in table:
        classes, codes = table.parsed(table.text("qos"), _qos, 0, ", ".join(_QOS))
        columns["priority"] = np.array(classes, dtype=np.int64)[codes]
        latency = table.text("qos").is_in(["LS", "LSR", "LSE"]).to_numpy()
        columns["kind"] = np.where(latency, JobKind.SERVICE, JobKind.BATCH).astype(np.int64)
    timed = "creation_time" in table and "deletion_time" in table
    times, notes = _pod_times(table) if timed else _no_times(len(table))
    accept = table.text("gpu_spec") if "gpu_spec" in table else None
    return finish(table, {**columns, **times}, accept=accept, names=table.text("name"), notes=notes)


def _qos(text: str) -> int:
    if text and text not in _QOS:
        raise ValueError("unknown quality of service")
    return _QOS.get(text, 0)


def _pod_times(table: Table) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    submit = table.numbers("creation_time", *BOUNDS["submit_s"])
    end = table.numbers("deletion_time", 0, _MAX_S)
    begin = np.full(len(table), -1, dtype=np.int64)
    if "scheduled_time" in table:
        begin = table.numbers("scheduled_time", -1, _MAX_S, blank=-1)
    never = begin < 0
    begin = np.where(never, submit, begin)
    back = table.faults.good(table.lines) & (end < begin)
    table.mark(back, "deletion_time", "negative duration", "a time not before the start")
    count = int(never.sum())
    note = f"pods that were never scheduled, with the time to their deletion as duration: {count}"
    return {"submit_s": submit, "duration_s": np.maximum(end - begin, 0)}, (note,) if count else ()


def _no_times(count: int) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    zero = np.zeros(count, dtype=np.int64)
    note = f"no times in the source: all submitted at 0, duration of {DAY_S} s assumed"
    return {"submit_s": zero, "duration_s": zero + DAY_S}, (note,)


_SWF_FIELDS = (
    "job", "submit", "wait", "run", "processors", "cpu_time", "used_memory", "asked_processors", "asked_time",
    "asked_memory", "status", "user", "group", "executable", "queue", "partition", "preceding", "think_time",
)  # fmt: skip
_COMMENTS = re.compile(rb"(?:;[^\n]*(?:\n|\Z))+")
_SWF_PARTS = (2, 3, 4)  # statuses of lines that are only a part of a job told as a whole on another line


def read_swf(data: bytes, faults: Faults, limits: Limits, *, accelerators: bool = False) -> Workload:
    """Standard Workload Format, version 2. Its processors are cores, or accelerators where so told.

    Projects are the groups (the users where there is one group only). The format promises ascending submit times: a
    step back is a fault. Jobs that never ran, and lines that are parts of a job, are passed over and counted.
    """
    top = _COMMENTS.match(data)
    comments = re.findall(rb"^;[ \t]*(\w+):[ \t]*(\S[^\n]*)", top[0] if top else b"", flags=re.MULTILINE)
    head = {key.decode(): value.decode() for key, value in comments}
    body = b"\n" * top[0].count(b"\n") + data[top.end() :] if top else data
    table = parse(_single_blanks(body), faults, limits, delimiter=" ", header=_SWF_FIELDS, quotes=False)
    run = table.numbers("run", -1, _MAX_S, rounded=True)
    part = np.isin(table.numbers("status", -1, 5), _SWF_PARTS)
    never = ~part & (run < 0)
    kept = ~(part | never) | ~faults.good(table.lines)
    table, run = table.where(kept), run[kept]
    submit = table.numbers("submit", *BOUNDS["submit_s"])
    sound = faults.good(table.lines)
    back = sound & (submit < np.maximum.accumulate(np.where(sound, submit, 0)))
    table.mark(back, "submit", "time goes backwards", "submit times in ascending order")
    processors = _first_known(table, "asked_processors", "processors", BOUNDS["accelerators"][1])
    none = faults.good(table.lines) & (processors < 1)
    table.mark(none, "processors", "no processors", "1 or more, asked or allocated")
    memory_kib = table.numbers("asked_memory", -1, _MANY, rounded=True)
    columns = {
        "submit_s": submit,
        "duration_s": run,
        "limit_s": np.maximum(table.numbers("asked_time", -1, _MAX_S, rounded=True), 0),
        "accelerators": processors if accelerators else np.zeros_like(processors),
        "cores_milli": np.zeros_like(processors) if accelerators else processors * MILLI,
        "memory_mib": -(-np.maximum(memory_kib, 0) * np.maximum(processors, 1) // 1024),
    }
    notes = [f"processors taken as {'accelerators' if accelerators else 'cores'}"]
    notes += [f"MaxProcs of the source: {head['MaxProcs']}"] if "MaxProcs" in head else []
    notes += _passed_over(("lines of jobs that never ran", never), ("lines that are parts of a job", part))
    group = table.text("group")
    project = ("group " + group) if group.n_unique() > 1 else ("user " + table.text("user"))
    return finish(
        table,
        columns,
        project=project.alias("group"),
        names=table.text("job"),
        start_utc_s=_unix_start(head, faults.source),
        notes=tuple(notes),
    )


def _passed_over(*what: tuple[str, NDArray[np.bool_]]) -> list[str]:
    return [f"{name} passed over: {int(rows.sum())}" for name, rows in what if rows.any()]


def _first_known(table: Table, first: str, second: str, most: int) -> NDArray[np.int64]:
    one, two = (table.numbers(n, -1, most) for n in (first, second))
    return np.where(one > 0, one, two)


def _unix_start(head: dict[str, str], source: str) -> int:
    text = head.get("UnixStartTime", "0").strip()
    if not re.fullmatch(r"-?\d{1,12}", text, flags=re.ASCII):
        accepted = "seconds since 1970"
        raise InputError("not a time", source=source, field="UnixStartTime", value=text, accepted=accepted)
    return max(int(text), 0)


def _single_blanks(data: bytes) -> bytes:
    """Comments emptied, runs of blanks and tabs made one, none at the ends of lines. Lines keep their numbers."""
    if b";" in data:
        data = re.sub(rb"^[ \t]*;[^\n]*", b"", data, flags=re.MULTILINE)
    buffer = np.frombuffer(data, dtype=np.uint8)
    blank = (buffer == ord(" ")) | (buffer == ord("\t"))
    buffer = np.where(blank, np.uint8(ord(" ")), buffer)
    after_break = np.concatenate([[True], (blank | (buffer == ord("\n")))[:-1]]) if len(buffer) else blank
    buffer = buffer[~(blank & after_break)]
    before_end = np.concatenate([buffer[1:] == ord("\n"), [True]]) if len(buffer) else blank
    return bytes(buffer[~((buffer == ord(" ")) & before_end)])


_SACCT_TIME = "%Y-%m-%dT%H:%M:%S"
_SACCT_LIMIT = "[D-]HH:MM:SS, UNLIMITED or Partition_Limit"
_MEMORY = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2, "P": 1024**3}
_NO_TIME = ("", "Unknown", "None", "N/A")


def read_sacct(data: bytes, faults: Faults, limits: Limits) -> Workload:
    """Slurm `sacct --parsable2` with at least JobID, Submit, AllocTRES or ReqTRES, and ElapsedRaw or Start and End.

    Job steps are passed over; so are jobs that never started. Projects are the accounts. A typed `gres/gpu:model=N`
    becomes the accepted model. No limit (UNLIMITED, Partition_Limit) is taken as the longest limit in the file.
    """
    table = parse(data, faults, limits, delimiter="|", quotes=False)
    table.require("JobID", "Submit")
    step = table.text("JobID").str.contains(".", literal=True).to_numpy()
    table = table.where(~step)
    begun = _begun(table)
    table = table.where(begun)
    times = table.times("Submit", _SACCT_TIME, "a time as 2026-01-31T12:00:00")
    columns, accept = _tres(table)
    columns["duration_s"] = _elapsed(table)
    notes = ["times taken as UTC", *_passed_over(("job steps", step), ("jobs that never started", ~begun))]
    if "State" in table and (running := int(table.text("State").is_in(["RUNNING", "SUSPENDED"]).sum())):
        notes.append(f"jobs still running, with their duration so far: {running}")
    if "Timelimit" in table:
        found, codes = table.parsed(table.text("Timelimit"), _slurm_limit, 0, _SACCT_LIMIT)
        limit = np.array(found, dtype=np.int64)[codes]
        longest = int(limit.max(initial=0))
        columns["limit_s"] = np.where(limit < 0, np.maximum(columns["duration_s"], longest), limit)
        if open_ended := int((limit < 0).sum()):
            notes.append(f"jobs without a limit, with the longest of the file: {open_ended}")
    columns["submit_s"], start = _from_first(times, table)
    project = next((table.text(n) for n in ("Account", "User") if n in table), None)
    return finish(
        table, columns, project=project, accept=accept, names=table.text("JobID"), start_utc_s=start, notes=tuple(notes)
    )


def _begun(table: Table) -> NDArray[np.bool_]:
    if "Start" in table:
        return (~table.text("Start").is_in(_NO_TIME)).to_numpy().astype(bool)
    if "State" in table:
        return (~table.text("State").str.starts_with("PENDING")).to_numpy().astype(bool)
    return np.ones(len(table), dtype=bool)


def _elapsed(table: Table) -> NDArray[np.int64]:
    if "ElapsedRaw" in table:
        return table.numbers("ElapsedRaw", *BOUNDS["duration_s"])
    if "Start" not in table or "End" not in table:
        table.require("ElapsedRaw")
    begin, end = (table.times(n, _SACCT_TIME, "a time as 2026-01-31T12:00:00") for n in ("Start", "End"))
    table.mark(table.faults.good(table.lines) & (end < begin), "End", "negative duration", "not before Start")
    elapsed: NDArray[np.int64] = np.maximum(end - begin, 0)
    return elapsed


def _slurm_limit(text: str) -> int:
    """Seconds of Slurm's `[D-][HH:]MM:SS`; -1 for no limit."""
    if text.upper() in ("UNLIMITED", "PARTITION_LIMIT", ""):
        return -1
    found = re.fullmatch(r"(?:(\d{1,6})-)?(?:(\d{1,6}):)?(\d{1,6}):(\d{1,2})(?:\.\d+)?", text, flags=re.ASCII)
    if not found:
        raise ValueError("not a time limit")
    days, hours, minutes, seconds = (int(g or 0) for g in found.groups())
    return days * DAY_S + hours * HOUR_S + minutes * MINUTE_S + seconds


def _tres(table: Table) -> tuple[dict[str, NDArray[np.int64]], pl.Series]:
    """What was allocated, or where that is blank what was asked: accelerators, cores, memory, and models as text."""
    given = [n for n in ("AllocTRES", "ReqTRES") if n in table]
    if not given:
        table.require("AllocTRES")
    name = given[0]
    text = table.text(name)
    if len(given) == 2:
        asked = table.text(given[1])
        text = pl.select(pl.when(text == "").then(asked).otherwise(text)).to_series().alias(name)
    rows, codes = table.parsed(text, _parse_tres, (0, 0, 0, ""), "as cpu=8,mem=64G,gres/gpu:a100=2")
    count, cores, memory = (np.array([r[k] for r in rows], dtype=np.int64)[codes] for k in range(3))
    models = pl.Series(name, [r[3] for r in rows], dtype=pl.String).gather(pl.Series(codes))
    return {"accelerators": count, "cores_milli": cores * MILLI, "memory_mib": memory}, models


def _parse_tres(text: str) -> tuple[int, int, int, str]:
    """Accelerators, cores, memory in MiB, and models joined by `|`, of `cpu=8,mem=64G,gres/gpu:a100=2`."""
    total, typed, cores, memory = 0, dict[str, int](), 0, 0
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"no value for {key}")
        if key == "gres/gpu":
            total = _count(value)
        elif key.startswith("gres/gpu:"):
            typed[key.removeprefix("gres/gpu:")] = _count(value)
        elif key == "cpu":
            cores = _count(value)
        elif key == "mem":
            memory = _memory_mib(value)
    return total or sum(typed.values()), cores, memory, "|".join(m for m, n in typed.items() if n)


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, flags=re.ASCII):
        raise ValueError(f"not a count: {text[:40]!r}")
    return int(text)


def _memory_mib(text: str) -> int:
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)([KMGTP]?)", text, flags=re.ASCII)
    if not found:
        raise ValueError(f"not a memory size: {text[:40]!r}")
    size = math.ceil(float(found[1]) * _MEMORY[found[2] or "M"])
    if size > _MANY:
        raise ValueError(f"more memory than there is: {text[:40]!r}")
    return size


_GAVEL_FIELDS = (
    "job_type", "command", "directory", "steps_argument", "needs_data", "total_steps", "scale_factor",
    "priority_weight", "slo", "arrival_time",
)  # fmt: skip
_GAVEL_OLD_FIELDS = 7
Throughputs = dict[str, dict[tuple[str, int], float]]
"""Steps per second of `(job type, accelerators)` running alone, by accelerator model."""


def read_gavel(data: bytes, faults: Faults, limits: Limits, throughputs: Throughputs) -> Workload:
    """A Gavel trace: work in steps becomes time at the speed of a V100 (or of the fastest model, where there is none).

    Jobs accept every model on which they move at all, each with its speed relative to that.
    """
    first = data.lstrip(b"\n").partition(b"\n")[0]
    if first.count(b"\t") == _GAVEL_OLD_FIELDS - 1:
        accepted = "the format with 10 tab-separated fields"
        raise InputError("Gavel's old trace format", source=faults.source, line=1, value="7 fields", accepted=accepted)
    table = parse(data, faults, limits, delimiter="\t", header=_GAVEL_FIELDS, quotes=False)
    scale = table.numbers("scale_factor", 1, BOUNDS["accelerators"][1])
    steps = table.numbers("total_steps", 0, 2**53)
    shape = (table.text("job_type") + " x " + pl.Series(scale).cast(pl.String)).alias("job_type")
    told = "a job type and number of accelerators of the throughput table"
    sound = faults.good(table.lines)
    found, codes = table.parsed(shape, lambda text: _relative_speeds(throughputs, text), (1.0, ""), told, sound)
    speeds, accepts = np.array([f[0] for f in found]), [f[1] for f in found]
    columns = {
        "submit_s": table.numbers("arrival_time", *BOUNDS["submit_s"], rounded=True),
        "duration_s": np.ceil(np.minimum(steps / speeds[codes], float(_MAX_S + 1))).astype(np.int64),
        "accelerators": scale,
        "priority": table.numbers("priority_weight", *BOUNDS["priority"], rounded=True),
        "kind": np.full(len(table), JobKind.TRAINING, dtype=np.int64),
    }
    accept = pl.Series("job_type", accepts, dtype=pl.String).gather(pl.Series(codes))
    notes = ("durations are steps over throughput; consolidated placement assumed; SLOs are not used",)
    return finish(table, columns, accept=accept, notes=notes)


def _relative_speeds(throughputs: Throughputs, shape: str) -> tuple[float, str]:
    """Steps per second at relative speed 1, and the accept text, fastest first. ValueError if no model runs it."""
    kind, _, count = shape.rpartition(" x ")
    rates = {m: rate for m, t in throughputs.items() if (rate := t.get((kind, int(count)), 0)) > 0}
    if not rates:
        raise ValueError("no throughput")
    one = rates.get("V100") or max(rates.values())
    speeds = {m: max(1, round(MILLI * r / one)) for m, r in sorted(rates.items(), key=lambda x: (-x[1], x[0]))}
    return one, "|".join(f"{m}:{s}" for m, s in speeds.items())


def read_throughputs(data: bytes, name: str) -> Throughputs:
    """Gavel's throughput JSON. Worker types become model ids in capitals; the `_unconsolidated` ones are left out."""
    accepted = '{worker type: {"(\'job type\', accelerators)": {"null": steps per second}}}'
    try:
        found = json.loads(data)
        return {
            model.upper(): {_shape(key): _rate(entry["null"]) for key, entry in table.items()}
            for model, table in found.items()
            if not model.endswith("_unconsolidated")
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        message = f"not a throughput table: {type(fault).__name__}: {str(fault)[:100]}"
        raise InputError(message, source=name, accepted=accepted) from fault


def _shape(key: str) -> tuple[str, int]:
    try:
        kind, count = ast.literal_eval(key[:300])
    except (SyntaxError, MemoryError) as fault:
        raise ValueError(f"key {key[:60]!r}") from fault
    if not isinstance(kind, str) or not isinstance(count, int):
        raise ValueError(f"key {key[:60]!r}")
    return kind, count


def _rate(value: object) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"steps per second {value!r}")
    return float(value)
