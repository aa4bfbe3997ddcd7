"""AccaSim on an SWF file, first in first out, first fit: run by the Python named in $DURE_BENCH_PEER, not by Dure's.

`python peer.py WORKLOAD.swf SYSTEM.json RESULTS_DIR` prints `{"seconds": s, "starts": {job number: second}}`. The
library is imported as it is; newer Pythons get back the one name that it misses.
"""

import collections
import collections.abc
import contextlib
import json
import pathlib
import sys
import time

collections.Mapping = collections.abc.Mapping

from accasim.base.allocator_class import FirstFit  # noqa: E402
from accasim.base.scheduler_class import FirstInFirstOut  # noqa: E402
from accasim.base.simulator_class import Simulator  # noqa: E402

_LINE = {
    "format": "{job};{start}",
    "attributes": {"job": ("id", "str"), "start": ("start_time", "int")},
}


def main(workload, system, results):
    with contextlib.redirect_stdout(sys.stderr):
        simulator = Simulator(
            workload,
            system,
            FirstInFirstOut(FirstFit()),
            statistics_output=False,
            show_statistics=False,
            LOG_LEVEL="ERROR",
            SCHEDULE_OUTPUT=_LINE,
            RESULTS_FOLDER_PATH=results,
        )
        begin = time.perf_counter()
        simulator.start_simulation()
        seconds = time.perf_counter() - begin
    (plan,) = pathlib.Path(results).glob("sched-*")
    rows = (line.split(";") for line in plan.read_text().split())
    print(json.dumps({"seconds": seconds, "starts": {job: int(start) for job, start in rows}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
