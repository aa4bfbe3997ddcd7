"""Workloads: `Job`, the columnar `Workload`, the seeded generator and its fit."""

from dure.workload.columns import ANY, COLUMNS, Accept, Column, Job, Workload

__all__ = ["ANY", "COLUMNS", "Accept", "Column", "Job", "Workload"]
