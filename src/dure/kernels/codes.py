"""Integer codes that the kernels branch on. The enums of `scheduler.policies` carry the same numbers (a test holds them equal)."""

from typing import Final

ORDER_FIFO: Final = 0
ORDER_SHORTEST: Final = 1
ORDER_ORACLE: Final = 2
ORDER_LARGEST: Final = 3
ORDER_PRIORITY: Final = 4
ORDER_LEAST_ATTAINED: Final = 5
ORDER_MULTIFACTOR: Final = 6
ORDER_CUSTOM: Final = 7

BACKFILL_NONE: Final = 0
BACKFILL_GREEDY: Final = 1
BACKFILL_EASY: Final = 2
BACKFILL_CONSERVATIVE: Final = 3

PLACE_FIRST_FIT: Final = 0
PLACE_BEST_FIT: Final = 1
PLACE_SPREAD: Final = 2
PLACE_RANDOM: Final = 3
PLACE_BEST_FIT_CORES: Final = 4
PLACE_DOT_PRODUCT: Final = 5
PLACE_PACKING: Final = 6
PLACE_CLUSTERING: Final = 7
PLACE_FGD: Final = 8
PLACE_PRICE: Final = 9
PLACE_CUSTOM: Final = 10

# Events of nodes, in the timeline that a run is given; at one time, what comes up goes before what goes down
REPAIR: Final = 0  # ends a failure
OPEN: Final = 1  # ends maintenance, or delivers the node
FAIL: Final = 2  # nobody knew
CLOSE: Final = 3  # planned, with a booking

# Other changes that a live state is told beside those of nodes (kernels/live.py)
CLOSE_AHEAD: Final = 4  # a node will be closed from one time to another
CLOSE_NO_MORE: Final = 5  # what was said of a node's closures holds no more
SAVED: Final = 6  # so much work of a job lies behind its save points
TERMS: Final = 7  # a project has another limit or budget
CAP: Final = 8  # a site may draw more power
RANK: Final = 9  # the projects' shares or their usage are others

# Reasons, as vocabulary.Refusal
R_NONE: Final = 0
R_NOT_YET: Final = 5
R_BUDGET: Final = 6
R_LIMIT: Final = 7
R_DOWN: Final = 8
R_POWER: Final = 9
R_RESERVED: Final = 10
R_ORDER: Final = 11
R_ROOM: Final = 12

# Job states and events, as vocabulary.JobState and JobEvent
S_WAITING: Final = 1
S_RUNNING: Final = 2
E_SUBMIT: Final = 0
E_REFUSE: Final = 1
E_START: Final = 2
E_COMPLETE: Final = 3
E_TIME_OUT: Final = 4
E_PREEMPT: Final = 5
E_NODE_FAIL: Final = 6
E_CANCEL: Final = 7
E_EXPIRE: Final = 8
E_FAIL: Final = 9
E_ENGINE_FAIL: Final = 10

# What a call of the replay loop came back for
DONE: Final = 0
PAUSED: Final = 1  # so many time steps done: the caller may report progress or stop
GROW_LOG: Final = 2  # the log's arrays are nearly full: the caller doubles them and calls again
