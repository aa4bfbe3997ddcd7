"""Numba kernels on arrays: the scheduling pass, the replay around it, and their parts.

Compiled code is cached by file, and a cached caller does not notice that a callee in another file has changed; so the
cache lives in a folder named after all kernel sources together.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numba


def _cache_folder() -> str:
    """A folder for compiled kernels of just these sources: $NUMBA_CACHE_DIR, else the user's cache, with their digest."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    home = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or os.path.join(Path.home(), ".cache")
    return os.path.join(home, "dure", f"kernels-{numba.__version__}-{digest.hexdigest()[:12]}")


numba.config.CACHE_DIR = _cache_folder()
numba.config.LOOP_VECTORIZE = 0  # nothing here is a long arithmetic loop, and it takes a fifth of the compilation
