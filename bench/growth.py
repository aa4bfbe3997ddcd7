"""`python -m bench.growth JOBS`: the speed of a run in a process of its own, and its memory above the input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter

from bench import cases
from bench.kernels import REPEATS, starts
from dure.simulator.run import run


def main(jobs: int) -> None:
    """Print `{"rates": [jobs/s, ...], "bytes": most resident in the first run less what was before it}`."""
    warm = cases.steady(1_000)
    run(warm.fleet, warm.jobs, "greedy")
    case = cases.steady(jobs)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak that building the input had
    before, rates, peak = _kib("VmRSS"), [], 0
    for repeat in range(REPEATS):
        start = perf_counter()
        log = run(case.fleet, case.jobs, "greedy")
        rates.append(jobs / (perf_counter() - start))
        if repeat == 0:
            peak = _kib("VmHWM")
            starts(case, log)
        del log
    print(json.dumps({"rates": rates, "bytes": 1024 * (peak - before)}))


def _kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
