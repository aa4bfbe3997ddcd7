"""The words that every package shares: kinds, states, events, refusals. Numbers are stable: they stand in logs."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class JobKind(IntEnum):
    """What is asked for. Training never lands on an inference-only model; a lease takes whole nodes for dates."""

    TRAINING = 0
    BATCH = 1
    EVALUATION = 2
    INTERACTIVE = 3
    SERVICE = 4
    LEASE = 5


class JobState(IntEnum):
    """Where a job stands. All from COMPLETED on are final."""

    NEW = 0
    WAITING = 1
    RUNNING = 2
    COMPLETED = 3
    TIMED_OUT = 4
    REFUSED = 5
    CANCELLED = 6
    EXPIRED = 7
    FAILED = 8


FINAL_STATES = frozenset(s for s in JobState if s >= JobState.COMPLETED)


class JobEvent(IntEnum):
    """What happens to a job. One row of the run log is one of these."""

    SUBMIT = 0  # enters the queue
    REFUSE = 1  # can never run here: final, with the reason
    START = 2  # an attempt begins; the row's placements follow
    COMPLETE = 3  # ran to its end
    TIME_OUT = 4  # killed at its time limit
    PREEMPT = 5  # stopped for a job that goes before it; waits again
    NODE_FAIL = 6  # a node under it died; waits again
    CANCEL = 7  # withdrawn by its owner
    EXPIRE = 8  # still waiting when the run ended, with the reason
    FAIL = 9  # ended by its own fault, or given up after the engine failed it too often: final
    ENGINE_FAIL = 10  # the engine could not run it, or lost it; waits again


class Refusal(IntEnum):
    """Why a job is not running, in order of precedence: where several hold, the lowest number is shown."""

    NONE = 0
    NEVER_FITS = 1  # no pool of the fleet could ever hold it, even empty
    NO_SUCH_MODEL = 2  # none of its acceptable models is in the fleet, or none may run its kind
    OVER_PROJECT_LIMIT_EVER = 3  # asks for more accelerators than its project may ever hold at once
    OVER_BUDGET_EVER = 4  # its time limit costs more than its project's whole budget
    NOT_YET = 5  # its earliest start lies ahead
    BUDGET = 6  # the project's units left do not cover its time limit
    PROJECT_LIMIT = 7  # the project's running accelerators leave no room under its limit
    NODES_DOWN = 8  # would fit on nodes that are failed, in maintenance or not yet delivered
    POWER_CAP = 9  # a site's power cap would be broken
    RESERVED = 10  # fits now, but would delay a job, lease or maintenance that was promised the place
    ORDER = 11  # an earlier job in the queue goes first
    NO_ROOM = 12  # no free place of its shape
    RULES = 13  # a rule forbids it: final. Met before anything else, outside the pass, as is the next
    HELD = 14  # a rule asks for something first, or its project is stopped


NEVER_REFUSALS = frozenset(
    {
        Refusal.NEVER_FITS,
        Refusal.NO_SUCH_MODEL,
        Refusal.OVER_PROJECT_LIMIT_EVER,
        Refusal.OVER_BUDGET_EVER,
        Refusal.RULES,
    }
)


class Failure(IntEnum):
    """Whose fault it was that an attempt did not end well, by evidence."""

    NONE = 0
    USER = 1  # its own exit status or signal
    LIMIT = 2  # its time limit, or a limit of memory or files that it asked for
    NODE = 3  # the node under it died or was taken away
    ENGINE = 4  # the engine refused, lost or could not start it


def column(unit: str, meaning: str, **kwargs: Any) -> Any:
    """A dataclass field that carries its unit and meaning."""
    return field(metadata={"unit": unit, "meaning": meaning}, **kwargs)


@dataclass(frozen=True, slots=True)
class Text:
    """One text in the languages of the programme."""

    ko: str
    en: str

    def in_language(self, language: str) -> str:
        """The text in `ko` or `en`; the other where one is empty."""
        return (self.ko or self.en) if language == "ko" else (self.en or self.ko)
