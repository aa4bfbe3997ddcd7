"""Fleets: accelerator catalogue, sites, pools, outages and deliveries; what blanks mean; consistency checks."""

from dure.fleet.blanks import busy_milliwatts, idle_milliwatts, may_train, rate_milli
from dure.fleet.checks import Fault, check
from dure.fleet.model import Accelerator, Delivery, Fleet, Outage, Pool, Rate, Site

__all__ = [
    "Accelerator", "Delivery", "Fault", "Fleet", "Outage", "Pool", "Rate", "Site",
    "busy_milliwatts", "check", "idle_milliwatts", "may_train", "rate_milli",
]  # fmt: skip
