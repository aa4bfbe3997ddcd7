"""What the scheduler knows of a project: its place in the share tree, its limit and its budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProjectTerms:
    """One node of the project tree. Only leaves have jobs; a workload project not listed hangs below the root with 1 share."""

    name: str
    parent: str = ""  # "" is the root
    shares: int = 1
    limit_accelerators: int | None = None  # most accelerators held at once; None: no limit
    budget_milli_units: int | None = None  # units it may spend in the run; None: no budget
