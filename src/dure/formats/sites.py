"""What starts jobs at which pool: the file named by `$DURE_SITES`, TOML (see docs/reference/engines.md).

Grace times stand at the top, then a `[[pool]]` for each pool of the fleet that does not run with the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final

from dure.fleet.checks import nearest
from dure.formats import toml
from dure.lifecycle.attempts import Grace
from dure.units import DAY_S
from dure.vocabulary import column
from dure.workload.spec import SiteRules

ENGINES: Final = ("local",)
DATA: Final = "{data}"
_USER: Final = re.compile(r"(?:[a-z_{][a-z0-9_{}-]{0,60})", re.A)
_NICE: Final = range(20)
_NO_WORD: Final = Grace()


@dataclass(frozen=True, slots=True)
class PoolSite:
    """How one pool starts its jobs."""

    id: str = column("", "a pool of the fleet")
    engine: str = column("", "what starts processes there: local", default="local")
    root: str = column("", "folder of the engine; empty: $DURE_LOCAL", default="")
    user: str = column(
        "", "account that jobs run as where Dure runs as root; {project}: the project's name", default="nobody"
    )
    images: tuple[str, ...] = column("", "patterns of container images that may be named", default=())
    paths: tuple[str, ...] = column("", "folders under which absolute paths in a command may lie", default=())
    stage: tuple[str, ...] = column("", "command that brings a data set, named in place of {data}", default=())
    data: str = column("", "folder of data sets", default="")
    secrets: str = column("", "folder of secrets, <project>/<name>", default="")
    nice: int = column("count", "how far jobs give way to other processes, 0 to 19", default=0)
    pin: bool = column("", "keep a job on as many cores as it asked for", default=False)

    @property
    def rules(self) -> SiteRules:
        """What a job may name there."""
        return SiteRules(self.images, self.paths)


@dataclass(frozen=True, slots=True)
class Sites:
    """The file as a whole."""

    pools: tuple[PoolSite, ...] = ()
    grace: Grace = _NO_WORD


def read_sites(stream: BinaryIO, name: str, *, pools: tuple[str, ...]) -> Sites:
    """Sites from TOML, for a fleet with these pools. Raises InputErrors with every fault, its line and its field."""
    file = toml.TomlFile(stream, name)
    grace = file.record((), {k: v for k, v in file.values.items() if k != "pool"}, _GRACE)
    found = tuple(PoolSite(**file.record(("pool", i), raw, _KEYS)) for i, raw in enumerate(file.tables("pool")))
    for i, pool in enumerate(found):
        for key, value, message, accepted in _faults(pool, {p.id for p in found[:i]}, pools):
            file.fault_once(("pool", i, key), message, value, accepted)
    file.finish()
    return Sites(found, Grace(**grace))


def _faults(pool: PoolSite, before: set[str], pools: tuple[str, ...]) -> Iterator[tuple[str, Any, str, str]]:
    """(key, value, message, what is accepted) of each fault in one pool."""
    if pool.id not in pools:
        yield "id", pool.id, "no such pool in the fleet", nearest(pool.id, pools)
    elif pool.id in before:
        yield "id", pool.id, "a pool named before", "every pool once"
    if not _USER.fullmatch(pool.user) or pool.user.replace("{project}", "").count("{") or pool.user == "root":
        yield "user", pool.user, "not an account for jobs", "a name as nobody, or with {project} in it; not root"
    if pool.stage and (DATA not in pool.stage or not pool.stage[0].startswith("/")):
        yield (
            "stage",
            pool.stage,
            "not a staging command",
            f'["/absolute/program", ..., "{DATA}"], {DATA} a whole argument',
        )
    if pool.images and pool.engine == "local":
        yield "images", pool.images, "the local engine runs no images", "no key `images`"
    if pool.nice not in _NICE:
        yield "nice", pool.nice, "out of range", "0 to 19"


def _folder(raw: object) -> str:
    path = toml.text_value(raw)
    if not path.startswith("/") or ".." in PurePosixPath(path).parts or "\0" in path:
        raise toml.Wrong('an absolute path without "..", as "/srv/dure"')
    return str(PurePosixPath("/" + path.lstrip("/")))


def _grace_s(raw: object) -> int:
    seconds = toml.duration_s(raw)
    if not 0 <= seconds <= DAY_S:
        raise toml.Wrong('a time up to a day, as "60s"')
    return seconds


_FOLDERS = toml.list_of(_folder, 'a list of absolute paths, as ["/usr", "/data"]')
_KEYS: Final = toml.keys_of(
    PoolSite,
    {
        "str": toml.text_value,
        "count": toml.whole,
        "bool": toml.truth,
        "tuple[str, ...]": toml.list_of(toml.text_value, "a list of texts"),
        "engine": toml.one_of(ENGINES),
        **dict.fromkeys(("root", "data", "secrets"), _folder),
        "paths": _FOLDERS,
    },
)
_GRACE: Final = {
    field.removesuffix("_s"): toml.Key(field, _grace_s, neutral=getattr(_NO_WORD, field)) for field in Grace.__slots__
}
