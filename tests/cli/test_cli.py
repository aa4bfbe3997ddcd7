"""The command line as a user meets it: what is printed, what is written, how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dure.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
FLEET, JOBS = "examples/fleets/small.toml", "examples/workloads/small.csv"
SIMULATE = ("simulate", "--fleet", FLEET, "--workload", JOBS)
ENV = {**os.environ, "PYTHONPATH": str(ROOT / "src")}


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def dure(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs the command line in this process, in the repository's folder."""
    monkeypatch.chdir(ROOT)

    def run(*words: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["dure", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        return Done(int(left.value.code or 0), *capfd.readouterr())

    return run


Dure = Callable[..., Done]


def test_start_up_imports_nothing_heavy() -> None:
    """`dure --help` must answer at once, so nothing that takes long to import is."""
    heavy = {"numpy", "numba", "polars", "altair", "scipy", "rich.table"}
    code = f"import sys, dure.cli.main; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_arguments_show_help(dure: Dure) -> None:
    done = dure()
    assert "simulate" in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("simulate", "--fleet", FLEET, "--workload", JOBS, "--polcy", "fifo"), "--policy"),
        (("fleet", "shwo", FLEET), "show"),
        ((*SIMULATE, "--policy", "fif"), "unknown policy 'fif'; known: "),
        ((*SIMULATE, "--policy", "easy+sideways"), "unknown part of a policy 'sideways'"),
        ((*SIMULATE, "--policy", ""), "unknown policy"),
        ((*SIMULATE, "--seeds", "0"), "--seeds"),
        (("fleet", "check", "nowhere.toml"), "nowhere.toml: no such file"),
        (("fleet", "check", "examples"), "examples: not a fleet file"),
        (("simulate", "--fleet", FLEET, "--workload", "README.md"), "README.md"),
        (("simulate", "--fleet", FLEET, "--workload", JOBS, "--format", "xml"), "unknown workload format 'xml'"),
        (("simulate", "--fleet", JOBS, "--workload", JOBS), JOBS),
        (("workload", "convert", JOBS, "--out", "made.xls"), "xls"),
        (("workload", "generate", JOBS, "--out", "made.csv"), ".toml"),
        ((*SIMULATE, "--out", "examples"), "is a folder"),
        ((*SIMULATE, "--policy", "fifo,easy", "--log", "log.csv"), "a folder"),
        ((*SIMULATE, "--log", "log.xls"), "not a format of run logs"),
        ((*SIMULATE, "--scenario", FLEET), "unknown key"),
    ],
)
def test_bad_input_is_named_and_ends_with_2(dure: Dure, words: tuple[str, ...], said: str) -> None:
    done = dure(*words)
    assert said in done.err
    assert done.code == 2
    assert "Traceback" not in done.err
    assert not (ROOT / "made.xls").exists()
    assert not (ROOT / "made.csv").exists()


def test_simulate_prints_every_policy_and_writes_a_report_and_logs(dure: Dure, tmp_path: Path) -> None:
    done = dure(
        *SIMULATE, "-p", "fifo,easy", "--check", "--out", tmp_path / "new" / "r.html", "--log", tmp_path / "logs"
    )
    assert done.code == 0, done.err
    assert "fifo" in done.out
    assert "easy" in done.out
    assert "\x1b" not in done.out + done.err
    assert (tmp_path / "new" / "r.html").read_text("utf-8").startswith("<!doctype html>")
    assert {p.name for p in (tmp_path / "logs").iterdir()} == {"fifo-seed0.parquet", "easy-seed0.parquet"}


def _same(cell: str, value: object) -> object:
    """The cell as the type of `value`."""
    return None if cell == "" and value is None else type(value)(cell)  # type: ignore[call-arg]


def test_json_and_csv_hold_the_same_numbers(dure: Dure) -> None:
    as_json = json.loads(dure(*SIMULATE, "-p", "fifo,greedy", "--json").out)
    text = dure(*SIMULATE, "-p", "fifo,greedy", "--csv").out
    blocks = {b.partition("\n")[0]: b.partition("\n")[2] for b in text.removeprefix("# ").split("\n# ")}
    assert list(blocks) == list(as_json)
    for name, rows in as_json.items():
        read = list(csv.DictReader(io.StringIO(blocks[name])))
        assert len(read) == len(rows)
        for row, cells in zip(rows, read, strict=True):
            assert {k: _same(cells[k], v) for k, v in row.items()} == row
    waits = {row["policy"]: row["wait_mean_s"] for row in as_json["comparison"]}
    assert waits["fifo"] != waits["greedy"]


def test_a_missing_folder_leaves_nothing_behind(dure: Dure, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("mine")
    done = dure("workload", "convert", JOBS, "--out", target / "made.csv")
    assert done.code == 2
    assert target.read_text() == "mine"


def test_bad_rows_stop_or_are_counted(dure: Dure, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("submit_s,duration_s\n0,10\n5,-3\nx,1\n9,20\n")
    done = dure("workload", "convert", bad, "--out", tmp_path / "made.csv")
    assert done.code == 2
    assert f"{bad}:3" in done.err
    assert f"{bad}:4" in done.err
    assert not (tmp_path / "made.csv").exists()
    done = dure("workload", "convert", bad, "--skip-bad", "--out", tmp_path / "made.csv")
    assert done.code == 0
    assert "wrote 2 jobs" in done.out
    assert "2" in done.err


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path) -> None:
    """The second policy is stopped under way: the first is reported, and the exit code says that it is not all."""
    jobs = tmp_path / "jobs.csv"
    rows = (f"{i // 4},{600 + i % 977},{1 + i % 8}" for i in range(150_000))
    jobs.write_text("submit_s,duration_s,accelerators\n" + "\n".join(rows))
    command = [
        sys.executable,
        "-m",
        "dure.cli.main",
        "simulate",
        "-f",
        FLEET,
        "-w",
        str(jobs),
        "-p",
        "fifo,conservative",
    ]
    with subprocess.Popen(command, cwd=ROOT, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        while (line := run.stderr.readline()) and not line.startswith("conservative, seed 0:"):
            pass
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "stopped: 1 run(s) were finished" in err
    assert "fifo" in out
    assert "conservative" not in out
