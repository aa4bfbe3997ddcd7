"""The Protocol of executors. An executor keeps nothing: what it knows, the engine knows, and can be asked again.

A *key* names one attempt for ever. Every method may be called again with the same arguments: submitting a key that the
engine knows starts nothing, stopping what has ended does nothing. `Seen.UNKNOWN` means that the engine could not say;
only `ABSENT` means that it has never heard of the key. Whoever cannot reach the engine raises `EngineGone`, and says
nothing about any key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from dure.errors import DureError
from dure.vocabulary import Failure, JobKind


class EngineGone(DureError):
    """The engine does not answer. Nothing is known of what was asked of it."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do; what it cannot is refused before a launch."""

    kinds: frozenset[JobKind]
    gangs: bool = False  # several nodes
    shares: bool = False  # parts of an accelerator
    images: bool = False
    saves: bool = False  # signals a job to save
    stages: bool = False  # brings data before the command
    ports: bool = False  # notebooks and services can be reached
    records: bool = False  # keeps an accounting of its own
    meters: bool = False  # reports utilisation


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """A node as the engine sees it."""

    name: str
    up: bool
    accelerators: int
    model: str = ""  # as the hardware names it; empty: pretended
    cause: str = ""  # why it is not up


@dataclass(frozen=True, slots=True)
class Part:
    """What an attempt takes of one node."""

    node: str
    devices: tuple[int, ...]  # numbers of accelerators on the node


@dataclass(frozen=True, slots=True)
class Launch:
    """One attempt to start. Nothing in it goes through a shell; secrets are named, not given."""

    key: str
    job: int
    attempt: int
    project: str
    kind: JobKind
    command: tuple[str, ...]
    parts: tuple[Part, ...]
    limit_s: int  # wall seconds; the control loop stops it, an engine may too
    image: str = ""
    model: str = ""  # accelerator model of the place
    share_milli: int = 1000  # part of each accelerator that is its own
    cores_milli: int = 0
    memory_mib: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    token: str = ""  # of a notebook or service: what its visitors must show it; never kept or logged
    listens: bool = False  # give it a port
    save_name: str = ""  # folder of save points that all attempts of the job share


class Seen(IntEnum):
    """Where an attempt stands, as far as the engine can say."""

    UNKNOWN = 0  # it could not say
    ABSENT = 1  # never heard of, for certain
    STARTING = 2  # accepted; data are being staged
    RUNNING = 3
    ENDED = 4


@dataclass(frozen=True, slots=True)
class Report:
    """What an engine says of one attempt. Times are the engine's clock; 0: not known."""

    key: str
    seen: Seen
    run_utc_s: int = 0  # when the command itself began, staging done
    end_utc_s: int = 0
    exit_code: int | None = None  # negative: the signal that ended it
    failure: Failure = Failure.NONE  # of an ended attempt: what the engine's evidence says
    cause: str = ""  # in words
    port: int = 0
    energy_j: int | None = None  # counted by hardware so far; None: not counted
    busy_milli: int | None = None  # utilisation since it began, of accelerators, else of cores; None: not known


@dataclass(frozen=True, slots=True)
class Record:
    """One line of an engine's own accounting."""

    key: str
    start_utc_s: int
    end_utc_s: int  # 0: still running
    exit_code: int | None
    nodes: tuple[str, ...] = ()


class Stop(IntEnum):
    """How an attempt is asked to end."""

    SAVE = 0  # the save-point signal: it writes a save point, and ends when it likes
    TERM = 1
    KILL = 2


class Executor(Protocol):
    """One engine, as the control loop drives it."""

    name: str

    def capabilities(self) -> Capabilities:
        """What it can do. Raises EngineGone where that must be asked and cannot."""
        ...

    def identity(self) -> str:
        """Which engine this is, the same after a restart: another one of the same kind knows nothing of its attempts.
        Raises EngineGone."""
        ...

    def inventory(self) -> Sequence[NodeSeen]:
        """The nodes it has, up or not."""
        ...

    def submit(self, launches: Sequence[Launch]) -> list[str]:
        """Start attempts; for each "" or why it was refused. A key that is known is left as it is and answers ""."""
        ...

    def poll(self, keys: Sequence[str]) -> list[Report]:
        """What has become of attempts, in the order asked."""
        ...

    def cancel(self, keys: Sequence[str], how: Stop) -> None:
        """Ask attempts to end. Those that have ended are passed over, and so are those that were never there, but for KILL:
        that spends the key, so that a launch of it that comes late starts nothing."""
        ...

    def logs(self, key: str, offset: int, limit: int) -> bytes:
        """Bytes of what an attempt wrote (both streams as one), from an offset; b"" past its end or where there is none."""
        ...

    def records(self, since_utc_s: int) -> Sequence[Record]:
        """The engine's own accounting of attempts that ran at or after a moment."""
        ...
