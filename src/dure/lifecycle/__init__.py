"""The job lifecycle: its table and its run log."""

from dure.lifecycle.runlog import EVENT_DTYPE, PLACEMENT_DTYPE, RunLog
from dure.lifecycle.table import ILLEGAL, TABLE, TRANSITIONS, step

__all__ = ["EVENT_DTYPE", "ILLEGAL", "PLACEMENT_DTYPE", "TABLE", "TRANSITIONS", "RunLog", "step"]
