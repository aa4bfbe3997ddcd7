"""Generated rounds: seeded instances for the award rules, and a small call's applications and reviews for the demo.

Nothing here stands for a person or institution: names are numbers, and every application says that it is generated.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dure.programme.award import Candidates, Capacity, Group, Ints, Terms
from dure.programme.units import HOURS_A_MONTH
from dure.units import MILLI

POOLS: Final = 12
MONTHS: Final = 12
TRACKS: Final = 6
INSTITUTIONS: Final = 200
REGIONS: Final = 8
_LOG_SERVERS: Final = 2.08  # half of all asks are of up to 8 servers
_SERVER_UNITS: Final = np.array([33, 38, 45, 57, 64, 77, 84, 98, 98, 120, 140, 160])  # assumed units/h of a server


def draw(seed: int, applications: int) -> tuple[Terms, Candidates, Capacity]:
    """A round of so many applications for a third of what they ask, as the benchmarks use it.

    Six tracks, 200 institutions of which a few are large, eight regions with 60 % in one, asks log-normal in servers
    for 1 to 12 months that start where they fit, 1 to 4 acceptable pools of 12 at exchanges of 0.5 to 2, least useful
    part 25 to 100 %. Envelopes sum to the capacity; start-ups get at least 20 %, other regions 30 %, joint work 10 %,
    one institution at most 5 %. Assumed, not fitted to a real call.
    """
    rng = np.random.default_rng([seed, applications])
    n = applications
    track = rng.choice(TRACKS, n, p=np.array([20, 30, 20, 8, 14, 8]) / 100)
    large = 1 / (1 + np.arange(INSTITUTIONS)) ** 0.8
    institution = rng.choice(INSTITUTIONS, n, p=large / large.sum())
    region = np.where(rng.random(INSTITUTIONS) < 0.6, 0, rng.integers(1, REGIONS, INSTITUTIONS))[institution]
    startup = (track == 2) | (rng.random(n) < 0.06)
    groups = (
        startup * int(Group.STARTUP) + (rng.random(n) < 0.15) * int(Group.JOINT) + (region > 0) * int(Group.REGIONS)
    )
    months = rng.integers(1, MONTHS, n, endpoint=True)
    start = rng.integers(0, MONTHS - months, endpoint=True)
    lots = np.clip(np.round(np.exp(rng.normal(_LOG_SERVERS, 1.0, n))), 1, 200).astype(np.int64)
    options = rng.integers(1, 4, n, endpoint=True)
    option_of = np.repeat(np.arange(n), options)
    pools = [rng.choice(POOLS, k, replace=False) for k in options]
    first = np.array([p[0] for p in pools], np.int64)
    exchange = np.round(1000 * 2.0 ** rng.uniform(-1, 1, len(option_of))).astype(np.int64)
    exchange[np.concatenate([[0], np.cumsum(options)[:-1]])] = 1000
    month_units = _SERVER_UNITS * HOURS_A_MONTH * MILLI
    lot = month_units[first] * months
    ask = lot * lots
    least = -(-ask * rng.integers(25, 100, n, endpoint=True) // 100)
    score = np.clip(np.round(rng.normal(3300, 650, n)), 1000, 5000).astype(np.int64)
    shares = rng.dirichlet(np.full(POOLS, 8.0))
    free = np.maximum(1, np.round(shares * int((lots * months).sum()) / 3 / MONTHS)).astype(np.int64)
    total = int((free * month_units).sum()) * MONTHS
    envelope = _split(total, rng.dirichlet(np.array([20.0, 30, 20, 8, 14, 8])))
    candidates = Candidates(
        tuple(f"g{i}" for i in range(n)), score, ask, least, lot, track.astype(np.int64), institution.astype(np.int64),
        groups.astype(np.int64), start, months, lots, option_of, np.concatenate(pools).astype(np.int64), exchange,
    )  # fmt: skip
    set_asides = ((Group.STARTUP, 200), (Group.REGIONS, 300), (Group.JOINT, 100))
    terms = Terms(tuple(f"track {t}" for t in range(TRACKS)), envelope, 2000, set_asides, total // 20)
    names = tuple(f"pool {p}" for p in range(POOLS))
    capacity = Capacity(
        names, tuple(f"site {p % 4}" for p in range(POOLS)), tuple(f"model {p}" for p in range(POOLS)),
        np.arange(POOLS) >= POOLS - 3, np.repeat(free[:, None], MONTHS, axis=1), total,
    )  # fmt: skip
    return terms, candidates, capacity


def _split(total: int, shares: np.ndarray) -> Ints:
    """`total` in whole parts by `shares`; what rounding leaves goes to the first."""
    parts: Ints = np.floor(shares * total).astype(np.int64)
    parts[0] += total - parts.sum()
    return parts
