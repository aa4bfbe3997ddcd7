"""`kernel`: how every function here is compiled.

Cached on disk, NumPy's error model (no check before a division), and one version for all integer arguments: numba would
compile a function anew for each constant that a caller passes, which here made ten versions of some.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import njit
from numba.core.types import unliteral  # type: ignore[attr-defined]


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays and scalars on its first call."""
    compiled = njit(cache=True, error_model="numpy")(function)
    if numba.config.DISABLE_JIT:
        return compiled
    resolve = compiled.get_call_template

    def resolve_any(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return resolve(tuple(unliteral(a) for a in args), {k: unliteral(v) for k, v in kws.items()})

    compiled.get_call_template = resolve_any
    return compiled
