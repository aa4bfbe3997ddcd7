"""`JobSpec`: a job as a person asks for it, with what to run. The scheduler sees only its demand; an executor the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

from dure.units import HOUR_S, MILLI
from dure.vocabulary import column


@dataclass(frozen=True, slots=True)
class Variant:
    """What to run on one accelerator model, where that differs from the job's own command and image."""

    model: str = column("", "accelerator model")
    command: tuple[str, ...] = column("", "program and arguments, never through a shell")
    image: str = column("", "container image; empty: none", default="")


@dataclass(frozen=True, slots=True)
class Health:
    """How a service's replica is found to be well: an HTTP request that must answer 2xx."""

    path: str = column("", "what is asked for", default="/")
    every_s: int = column("s", "between two requests", default=10)
    fails: int = column("count", "failed requests in a row after which the replica is restarted", default=3)
    start_s: int = column("s", "time it may take to come up", default=60)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job, as asked for. Several models may do: each with its own command and image, or one portable command."""

    project: str = column("", "who pays")
    name: str = column("", "what it is called in lists", default="")
    kind: str = column("", "training, batch, evaluation, interactive, service or lease", default="batch")
    command: tuple[str, ...] = column("", "program and arguments, never through a shell", default=())
    image: str = column("", "container image; empty: none", default="")
    variants: tuple[Variant, ...] = column("", "commands and images by accelerator model", default=())
    accelerators: int = column(
        "count", "accelerators, all at once; 0: cores alone; of a lease rounded up to nodes", default=1
    )
    models: tuple[str, ...] = column(
        "", "accelerator models that will do; empty: any, or those with a variant", default=()
    )
    share_milli: int = column("milli", "part of each accelerator", default=MILLI)
    cores_milli: int = column("milli-cores", "cores of the whole job", default=0)
    memory_mib: int = column("MiB", "host memory of the whole job", default=0)
    limit_s: int = column("s", "time limit; of a lease how long it lasts", default=HOUR_S)
    save_every_s: int = column("s", "interval between save points; 0: none", default=0)
    priority: int = column("class", "higher goes first under policies that look at it", default=0)
    earliest_utc_s: int = column("UTC s", "not before; of a lease when its nodes are handed over", default=0)
    expires_utc_s: int = column("UTC s", "a notebook ends then at the latest; 0: by its time limit", default=0)
    env: dict[str, str] = column("", "variables of its environment", default_factory=dict)
    secrets: tuple[str, ...] = column("", "names of secrets kept at the site, given to it as files", default=())
    data: tuple[str, ...] = column("", "data sets that it reads, staged by the site first", default=())
    trains: str = column("", "model whose compute ledger it adds to", default="")
    replicas: int = column("count", "of a service: copies kept running", default=1)
    health: Health | None = column("", "of a service: how a replica is found to be well", default=None)

    def command_for(self, model: str) -> tuple[tuple[str, ...], str]:
        """(command, image) on an accelerator model."""
        for variant in self.variants:
            if variant.model == model:
                return variant.command, variant.image
        return self.command, self.image

    def accepted(self) -> tuple[str, ...]:
        """Models that will do, sorted; () for any."""
        if self.models:
            return tuple(sorted(self.models))
        return () if self.command or not self.variants else tuple(sorted(v.model for v in self.variants))


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What a site lets a job name: absent patterns allow nothing, but a job that names none of it."""

    images: tuple[str, ...] = field(default=())  # patterns as `registry.example/*`
    paths: tuple[str, ...] = field(default=())  # folders under which an absolute path in a command may lie
