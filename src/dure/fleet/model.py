"""What a fleet is made of: accelerator models, sites, pools of identical nodes, outages and deliveries.

Each class is the one declaration of its entity: the TOML reader, its checks and the reference table in the docs come
from these fields (`metadata` holds unit and meaning). Blank (None) means "not known"; `fleet.blanks` alone says what
a blank means for speed, rate and power.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import numpy as np
from numpy.typing import NDArray

from dure.vocabulary import column as column  # where the entities of the layers above find it


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One accelerator model of the catalogue. Figures are dense (no sparsity), per accelerator."""

    id: str = column("", "short id used in fleets and workloads, as H200 or RNGD")
    name: str = column("", "the vendor's own name")
    vendor: str = column("", "vendor")
    country: str = column("ISO 3166-1", "country of the vendor")
    memory_gib: float | None = column("GiB", "on-board memory", default=None)
    bandwidth_gb_s: float | None = column("GB/s", "memory bandwidth", default=None)
    fp32_tflops: float | None = column("TFLOP/s", "dense FP32 (not TF32)", default=None)
    fp16_tflops: float | None = column("TFLOP/s", "dense FP16 or BF16, tensor units where there are any", default=None)
    fp8_tflops: float | None = column("TFLOP/s", "dense FP8", default=None)
    int8_tops: float | None = column("TOP/s", "dense INT8", default=None)
    fp4_tflops: float | None = column("TFLOP/s", "dense FP4", default=None)
    die_mm2: float | None = column("mm2", "area of its logic dies made on a non-planar node, together", default=None)
    die_confidence: str = column("", "high, medium, low or none: how sure the die area is", default="none")
    tdp_w: int | None = column("W", "thermal design power", default=None)
    interconnect: str = column("", "scale-up link and its bandwidth, in words", default="")
    trains: bool | None = column("", "true: trains; false: inference only; blank: not known", default=None)
    slices: tuple[tuple[str, int, int], ...] = column(
        "", "partitions: (name, compute share in milli, memory share in milli)", default=()
    )
    confidence: str = column("", "high, medium, low or none: how sure the figures are", default="none")
    source: str = column("", "where the figures were read", default="")
    note: str = column("", "what to beware of", default="")


@dataclass(frozen=True, slots=True)
class Site:
    """A data centre."""

    id: str = column("", "short id")
    name: str = column("", "name")
    country: str = column("ISO 3166-1", "country it stands in")
    power_cap_w: int | None = column("W", "cap on facility power (IT power x PUE); blank: none", default=None)
    pue: float = column("ratio", "facility power over IT power", default=1.3)
    grid_g_per_kwh: float | None = column("gCO2e/kWh", "grid carbon; blank: carbon not reported", default=None)
    tariff_per_mwh: int | None = column("minor currency/MWh", "electricity; blank: cost not reported", default=None)
    currency: str = column("ISO 4217", "currency of the tariff", default="")
    n2sf: str = column("", "highest class of public-sector data that it may hold (N2SF): none, o, s, c", default="none")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Nodes that arrive after the start of the run. Until then they are down."""

    nodes: int = column("count", "how many nodes arrive")
    at_s: int = column("s", "when, from the start of the run")


@dataclass(frozen=True, slots=True)
class Pool:
    """Identical nodes of one site under one engine and queue. A gang never spans two pools."""

    id: str = column("", "short id, unique in the fleet")
    site: str = column("", "id of its site")
    model: str = column("", "id of its accelerator model in the catalogue; empty: nodes without accelerators")
    nodes: int = column("count", "nodes, those still to be delivered included")
    accelerators_per_node: int = column("count", "accelerators in each node (0 to 62)")
    cores_milli: int = column("milli-cores", "cores of each node")
    memory_mib: int = column("MiB", "host memory of each node")
    node_power_w: int = column("W", "power of one idle node without its accelerators", default=0)
    engine: str = column("", "local, slurm, ray or kubernetes", default="local")
    domain: str = column("", "interconnect domain, in words", default="")
    slices: tuple[str, ...] = column("", "names of the model's slices that this pool offers", default=())
    deliveries: tuple[Delivery, ...] = column("", "later deliveries, last nodes first to be missing", default=())


@dataclass(frozen=True, slots=True)
class Outage:
    """Planned maintenance or a foreseen outage: known from the start, so nothing is started that would run into it."""

    pool: str = column("", "id of the pool")
    from_s: int = column("s", "start, from the start of the run")
    to_s: int = column("s", "end")
    nodes: int | None = column("count", "the first so many nodes of the pool; blank: all", default=None)
    reason: str = column("", "in words", default="")


@dataclass(frozen=True, slots=True)
class Rate:
    """Units charged for one accelerator-hour of a model, with where the figure comes from and since when it holds."""

    model: str = column("", "accelerator model id")
    milli_units: int = column("milli-units/h", "units of one accelerator-hour, in thousandths")
    basis: str = column("", "formula, table, measured or assumed")
    slice: str = column("", "slice of the model; empty: the whole accelerator", default="")
    workload: str = column("", "class of workload it was measured for; empty: any", default="")
    from_utc_s: int = column("UTC s", "holds from this moment until the next one", default=0)
    source: str = column("", "where the figure was read", default="")


@dataclass(frozen=True)
class Fleet:
    """Sites, pools and the accelerator models they use. `fleet.check` checks it; `node_pool()` numbers its nodes."""

    name: str
    sites: tuple[Site, ...]
    pools: tuple[Pool, ...]
    models: dict[str, Accelerator]
    outages: tuple[Outage, ...] = ()
    rates: tuple[Rate, ...] = ()  # its own
    start_utc_s: int = 0
    source: str = ""
    node_pool_order: NDArray[np.int32] | None = None  # pool index per node, where pools interleave (node lists)
    node_names: tuple[str, ...] = ()
    published: tuple[Rate, ...] = ()  # rates of the published table; its own go before them

    def node_pool(self) -> NDArray[np.int32]:
        """Pool index of every node, in node order: pool after pool unless the source said otherwise."""
        if self.node_pool_order is not None:
            return self.node_pool_order
        return np.repeat(np.arange(len(self.pools), dtype=np.int32), [p.nodes for p in self.pools])

    @cached_property
    def named_nodes(self) -> tuple[str, ...]:
        """Names of all nodes, in node order: their own, or `pool/number`, counted within each pool."""
        if self.node_names:
            return self.node_names
        pools, number = self.node_pool().tolist(), [count() for _ in self.pools]
        return tuple(f"{self.pools[pool].id}/{next(number[pool])}" for pool in pools)

    def node_name(self, node: int) -> str:
        """The name of one node."""
        return self.named_nodes[node]

    @property
    def accelerators(self) -> int:
        """Accelerators of the whole fleet, deliveries included."""
        return sum(p.nodes * p.accelerators_per_node for p in self.pools)

    def site(self, pool: Pool) -> Site:
        """The site of a pool (KeyError only for a fleet that failed its checks)."""
        return next(s for s in self.sites if s.id == pool.site)

    def pools_of(self, model: str) -> Iterator[Pool]:
        """The pools with this accelerator model."""
        return (p for p in self.pools if p.model == model)
