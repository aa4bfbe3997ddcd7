"""What every test may use: the reference data (never part of the repository) and the repository's own folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parent.parent


# The same examples in every run, so that a red run is a change's fault, and no shrinking, which takes minutes a test;
# `DURE_RANDOM=1` looks at new ones, and shrinks what fails.
if os.environ.get("DURE_RANDOM"):
    settings.register_profile("same", derandomize=False)
else:
    settings.register_profile("same", derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile("same")


# How much the longest tests draw: `make test` takes the half of it, `make databases` all (and more by hand: DURE_EXAMPLES=200).
EXAMPLES = int(os.environ.get("DURE_EXAMPLES", "5"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real traces; the test is skipped, visibly, where it is absent."""
    folder = Path(os.environ.get("DURE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"reference data not found at {folder} (set DURE_DATA)")
    return folder
