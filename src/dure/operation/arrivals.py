"""Jobs on their way into the snapshot, as columns: a hundred thousand of them, of which most ask for the same few things."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from dure.operation.asking import to_job
from dure.store.documents import from_json
from dure.workload import Job, Workload
from dure.workload.spec import JobSpec

SCAVENGES: Final = "scavenge/"  # before the name of a project whose jobs run at the lowest priority, uncharged
LOWEST: Final = -1000
_SEEN: Final = (
    "project", "kind", "accelerators", "models", "share_milli", "cores_milli", "memory_mib", "limit_s", "save_every_s",
    "priority", "earliest_utc_s",
)  # fmt: skip


@dataclass
class Arrivals:
    """Jobs that come, in order of their times. Columns of numbers: records by job would keep the garbage collector busy."""

    zero_utc_s: int
    seqs: list[int] = field(default_factory=list)
    _submitted_utc_s: list[int] = field(default_factory=list)
    _which: list[int] = field(default_factory=list)  # of what is asked
    _asked: list[Job] = field(default_factory=list)
    _number: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def take(self, submitted_utc_s: int, seq: int, project: str, scavenges: bool, seen: str) -> None:
        """One more job; `seen` as of `seen_of`. One that scavenges hangs below a project of its own."""
        own = submitted_utc_s if '"expires_utc_s"' in seen else 0  # its time limit depends on when it came
        key = (seen, project if scavenges else "", own)
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self._asked)
            job = to_job(from_json(JobSpec, json.loads(seen)), submitted_utc_s, self.zero_utc_s)
            if scavenges:
                job = replace(job, project=SCAVENGES + project, priority=LOWEST)
            self._asked.append(replace(job, submit_s=0))  # alike in this, they keep their order
        self.seqs.append(seq)
        self._submitted_utc_s.append(submitted_utc_s)
        self._which.append(number)

    def workload(self) -> Workload:
        """The scheduler's view of the jobs."""
        submit_s = np.maximum(0, np.array(self._submitted_utc_s, np.int64) - self.zero_utc_s)
        return replace(Workload.from_jobs(self._asked).take(np.array(self._which, np.int64)), submit_s=submit_s)


def seen_of(spec: Mapping[str, Any]) -> str:
    """What the scheduler sees of a spec's document, as JSON text of its own: that of jobs which ask alike is the same."""
    seen = {name: spec[name] for name in _SEEN if name in spec}
    if spec.get("expires_utc_s"):
        seen["expires_utc_s"] = spec["expires_utc_s"]
    if spec.get("variants"):  # name the models that will do, where there is no command for any
        seen |= {"variants": spec["variants"], "command": spec.get("command", ())}
    return json.dumps(seen)


@lru_cache(maxsize=4096)
def seen_in(text: str) -> str:
    """As `seen_of`, from a document's JSON text."""
    return seen_of(json.loads(text))
