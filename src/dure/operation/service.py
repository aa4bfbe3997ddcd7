"""`python -m dure.operation.service`: the control loop as a process of its own, beside the API. `dure serve` starts it.

It ends when told to (SIGTERM, SIGINT) or when whoever started it is gone; what it runs goes on, and is found again.
"""

from __future__ import annotations

import argparse
import os
import signal
from threading import Event, Thread
from types import FrameType

from dure.operation.logging import log

SEAL_S = 1.0  # what is committed is in the audit log, and signed, this much later
TELL_S = 1.0  # between two rounds of webhooks


def main() -> int:
    """Run the control loop until told to stop; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dure.operation.service", description=__doc__)
    parser.add_argument("--policy", default="", help="by which it schedules; `dure policies` lists them")
    policy = parser.parse_args().policy
    from dure.app.database import setup

    setup()
    from dure.app.auditing import sealing
    from dure.app.programme import fleet_of_programme
    from dure.app.twin import compile_kernels
    from dure.operation import faults, notifying
    from dure.operation.engines import engines_of
    from dure.operation.loop import Loop, SystemClock
    from dure.operation.world import DEFAULT_POLICY

    stop, parent = Event(), os.getppid()

    def end(signum: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    faults.install_from(os.environ)
    engines = engines_of(fleet_of_programme(), os.environ)
    compile_kernels()
    loop = Loop(engines.of_pool, SystemClock(), policy=policy or DEFAULT_POLICY, grace=engines.grace)
    for name, work in (
        ("audit", lambda: sealing(stop, SEAL_S)),
        ("webhooks", lambda: notifying.delivering(stop, TELL_S)),
        ("parent", lambda: _with_parent(stop, parent)),
    ):
        Thread(target=work, daemon=True, name=name).start()
    log("control loop", cause="started", policy=loop.policy.name)
    if os.geteuid() != 0:
        said = "not started as root: jobs run as this account, and can read and change what it can"
        log("local jobs", level="warning", cause=said)
    loop.run(stop)
    log("control loop", cause="ended")
    return 0


def _with_parent(stop: Event, parent: int) -> None:
    """Nobody reads what an orphan says, and nobody would restart it: it ends with its parent."""
    while not stop.wait(0.5):
        if os.getppid() != parent:
            stop.set()


if __name__ == "__main__":
    raise SystemExit(main())
