"""The job's lifecycle: one table `(state, event) -> state`, compiled into one int8 array that the kernels read.

An illegal pair is a bug, and raises with both names. There is no second lifecycle anywhere.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dure.errors import InvariantBroken
from dure.vocabulary import JobEvent as E
from dure.vocabulary import JobState as S

TRANSITIONS: Final[dict[tuple[S, E], S]] = {
    (S.NEW, E.SUBMIT): S.WAITING,
    (S.WAITING, E.REFUSE): S.REFUSED,
    (S.WAITING, E.START): S.RUNNING,
    (S.WAITING, E.CANCEL): S.CANCELLED,
    (S.WAITING, E.EXPIRE): S.EXPIRED,
    (S.RUNNING, E.COMPLETE): S.COMPLETED,
    (S.RUNNING, E.TIME_OUT): S.TIMED_OUT,
    (S.RUNNING, E.PREEMPT): S.WAITING,
    (S.RUNNING, E.NODE_FAIL): S.WAITING,
    (S.RUNNING, E.CANCEL): S.CANCELLED,
    (S.RUNNING, E.EXPIRE): S.EXPIRED,
    (S.RUNNING, E.FAIL): S.FAILED,
    (S.RUNNING, E.ENGINE_FAIL): S.WAITING,
}
ILLEGAL: Final = -1


def _compile() -> NDArray[np.int8]:
    array = np.full((len(S), len(E)), ILLEGAL, dtype=np.int8)
    for (state, event), target in TRANSITIONS.items():
        array[state, event] = target
    array.setflags(write=False)
    return array


TABLE: Final[NDArray[np.int8]] = _compile()
"""int8[state, event] -> state, ILLEGAL where there is no such transition."""


def step(state: S, event: E) -> S:
    """The state after `event`. Raises InvariantBroken for an illegal pair."""
    target = TABLE[state, event]
    if target == ILLEGAL:
        raise InvariantBroken(f"a job in state {S(state).name} cannot {E(event).name}")
    return S(int(target))
