"""Fault points: a name at every write and every call of an engine, where a test may stop the world.

In a service they do nothing, unless `DURE_FAULT=name:count` says to kill the process at the count-th pass of one.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

_hook: Callable[[str], None] | None = None


def point(name: str) -> None:
    """Pass a fault point."""
    if _hook is not None:
        _hook(name)


def install(hook: Callable[[str], None] | None) -> None:
    """Have a function called with the name of each point that is passed; None: no more."""
    global _hook
    _hook = hook


def install_from(environ: dict[str, str] | os._Environ[str]) -> None:
    """Arm what `DURE_FAULT` names."""
    if not (wanted := environ.get("DURE_FAULT")):
        return
    name, _, count = wanted.partition(":")
    left = int(count or 1)

    def hook(passed: str) -> None:
        nonlocal left
        if passed == name or name == "*":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    install(hook)
