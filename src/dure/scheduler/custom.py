"""A user's own parts of a policy: a small `@njit` function for the order, or for the cost of a node.

@njit
def widest_first(submit_s, limit_s, accelerators, priority, project): return -float(accelerators)

@njit
def fullest(devices, free, cores_free, memory_free, count, share, cores, memory, node): return float(free)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from dure.workload import Workload

SCORE = types.float64(*[types.int64] * 9)
"""A score's signature: devices, free, cores_free, memory_free, count, share, cores, memory, node -> cost, lower is better."""

_compiled: dict[Callable[..., float], Any] = {}


def compiled_score(function: Callable[..., float]) -> Any:
    """The function compiled to what the pass can call through an address: whatever it is, the pass is not compiled anew."""
    plain = getattr(function, "py_func", function)
    if numba.config.DISABLE_JIT:
        return plain
    if plain not in _compiled:
        _compiled[plain] = numba.cfunc(SCORE)(plain)
    return _compiled[plain]


def order_keys(function: Callable[..., float], workload: Workload) -> NDArray[np.float64]:
    """The function's value for every job; equal values go by row. Called once a run, outside the pass."""
    compiled = function if hasattr(function, "py_func") or numba.config.DISABLE_JIT else numba.njit(function)
    return np.array(
        [
            compiled(s, limit, a, p, j)
            for s, limit, a, p, j in zip(
                workload.submit_s.tolist(),
                workload.limit_s.tolist(),
                workload.accelerators.tolist(),
                workload.priority.tolist(),
                workload.project.tolist(),
                strict=True,
            )
        ],
        np.float64,
    )
