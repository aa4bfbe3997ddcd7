"""The real traces of the reference data, read whole, against figures counted from the files by other means."""

from __future__ import annotations

import ast
import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

from dure.formats.workloads import open_workload, read_workload, write_workload
from dure.vocabulary import JobKind
from dure.workload import COLUMNS

PODS = {"cpu100": 7853, "default": 8152, "gpushare100": 8152, "gpushare40": 8152, "gpuspec20": 8152, "multigpu30": 8508}


def test_philly(data: Path) -> None:
    path = data / "scheduling/philly/philly_jobs.csv"
    w = open_workload(path)
    assert len(w) == 82_247
    assert int((w.accelerators == 1).sum()) == 76_627
    assert int(w.accelerators.max()) == 128
    assert len(w.projects) == 15
    assert w.start_utc_s == 1504521041  # 2017-09-04 10:30:41
    assert bool(np.all(np.diff(w.submit_s) >= 0))
    with path.open(newline="") as stream:
        gpu_seconds = sum(float(row["duration"]) * int(row["num_gpus"]) for row in csv.DictReader(stream))
    assert int((w.duration_s * w.accelerators).sum()) == round(gpu_seconds)


@pytest.mark.parametrize(("name", "count"), PODS.items())
def test_openb(data: Path, name: str, count: int) -> None:
    path = data / f"scheduling/openb/openb_pod_list_{name}.csv"
    w = open_workload(path)
    with path.open(newline="") as stream:
        pods = {row["name"]: row for row in csv.DictReader(stream)}
    assert len(w) == len(pods) == count
    for i in range(len(w)):
        pod = pods[w.names[i]]
        assert w.accelerators[i] == int(pod["num_gpu"])
        assert w.cores_milli[i] == int(pod["cpu_milli"])
        assert w.memory_mib[i] == int(pod["memory_mib"])
        if w.accelerators[i]:
            assert w.share_milli[i] == min(int(pod["gpu_milli"]), 1000)
        assert {m for m, _ in w.accepts[w.accept[i]]} == set(filter(None, (pod.get("gpu_spec") or "").split("|")))
        if "creation_time" in pod:
            assert w.submit_s[i] == int(pod["creation_time"])
            begin = int(pod["scheduled_time"] or pod["creation_time"])
            assert w.duration_s[i] == int(pod["deletion_time"]) - begin


def test_gavel(data: Path) -> None:
    folder = data / "scheduling/gavel"
    table = json.loads((folder / "simulation_throughputs.json").read_text())["v100"]
    rates = {ast.literal_eval(k): v["null"] for k, v in table.items()}
    counts = {}
    for path in sorted((folder / "physical_cluster_traces").glob("*.trace")):
        w = open_workload(path)  # the throughputs are found in the folder above
        counts[path.stem] = len(w)
        fields = sorted((x.split("\t") for x in path.read_text().splitlines()), key=lambda f: float(f[9]))
        assert w.accelerators.tolist() == [int(f[6]) for f in fields]
        expected = [math.ceil(int(f[5]) / rates[f[0], int(f[6])]) for f in fields]
        assert w.duration_s.tolist() == expected
        assert set(w.kind.tolist()) == {JobKind.TRAINING}
        assert all(dict(a)["V100"] == 1000 for a in w.accepts)
    assert counts["max_min_fairness"] == 96
    assert counts["minimize_makespan"] == 100


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["philly/philly_jobs", "openb/openb_pod_list_gpuspec20"])
def test_real_traces_come_back_from_own_files(data: Path, name: str, fmt: str) -> None:
    w = open_workload(data / f"scheduling/{name}.csv")
    stream = io.BytesIO()
    write_workload(w, stream, fmt)
    stream.seek(0)
    back = read_workload(stream, name="w")
    assert (back.projects, back.accepts, back.names) == (w.projects, w.accepts, w.names)
    assert back.start_utc_s == w.start_utc_s
    for c in COLUMNS:
        np.testing.assert_array_equal(getattr(back, c.name), getattr(w, c.name))
