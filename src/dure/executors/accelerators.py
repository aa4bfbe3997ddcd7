"""Real accelerators of this machine, read through NVML where its Python module and a driver are there (extra `nvidia`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

VISIBLE = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "RBLN_DEVICES")  # what vendors' libraries look at


@dataclass(frozen=True, slots=True)
class Node:
    """A node that the local engine pretends, or that this machine is."""

    name: str
    accelerators: int
    model: str = ""  # as the fleet names it


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator of this machine."""

    uuid: str
    model: str  # as the hardware names it
    fault: str = ""  # why it cannot be used


@dataclass(frozen=True, slots=True)
class Metered:
    """What hardware counted for an attempt so far. `from_mj`: the counters when it began; `busy_sum`: percent, of `samples`."""

    from_mj: tuple[int, ...] = ()
    energy_j: int | None = None
    busy_sum: int = 0
    samples: int = 0

    @property
    def busy_milli(self) -> int | None:
        """Utilisation over all samples."""
        return 10 * self.busy_sum // self.samples if self.samples else None


def _nvml() -> Any:
    """NVML, initialised; None where the module, the driver or a device is missing."""
    try:
        pynvml = import_module("pynvml")
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        return pynvml if pynvml.nvmlDeviceGetCount() else None
    except pynvml.NVMLError:
        return None


def _text(raw: str | bytes) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw  # by version of the module


def devices() -> tuple[Device, ...]:
    """The accelerators of this machine, with the faults that NVML knows of; () where there are none, or no NVML."""
    if (nvml := _nvml()) is None:
        return ()
    found = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid, model = _text(nvml.nvmlDeviceGetUUID(handle)), _text(nvml.nvmlDeviceGetName(handle))
            found.append(Device(uuid, model, _fault(nvml, handle)))
        except nvml.NVMLError as error:
            found.append(Device("", "", f"device {index}: {error}"))
    return tuple(found)


def _fault(nvml: Any, handle: Any) -> str:
    try:
        failed = nvml.nvmlDeviceGetRemappedRows(handle)[3]
    except nvml.NVMLError:  # older models count none
        return ""
    return "a row of its memory could not be replaced" if failed else ""


def real_nodes(nodes: Sequence[Node], found: Sequence[Device]) -> dict[str, range]:
    """Which nodes are real: in order, each whose model the hardware is, as long as there are devices for all its slots.

    The other nodes stay pretended: a fleet of many sites may be tried on a machine with one accelerator.
    """
    real: dict[str, range] = {}
    at = 0
    for node in nodes:
        mine = found[at : at + node.accelerators]
        if node.accelerators and node.model and len(mine) == node.accelerators and all(_is(node, d) for d in mine):
            real[node.name] = range(at, at + node.accelerators)
            at += node.accelerators
    return real


def _is(node: Node, device: Device) -> bool:
    plain = str.maketrans("", "", " -_")
    return not device.model or node.model.translate(plain).lower() in device.model.translate(plain).lower()


def begin(path: str, uuids: Sequence[str]) -> None:
    """Note the energy counters of an attempt's devices as it begins. Raises OSError."""
    counted = [read[0] for read in _read(uuids)]
    if counted and None not in counted:
        _write(path, Metered(tuple(c for c in counted if c is not None)))


def sample(path: str, uuids: Sequence[str]) -> Metered:
    """Add a sample to what is known of a running attempt, and keep it: at its end, only what was kept is known."""
    before, read = kept(path), _read(uuids)
    counted, busy = [r[0] for r in read if r[0] is not None], [r[1] for r in read if r[1] is not None]
    energy_j = before.energy_j
    if counted and len(counted) == len(before.from_mj):
        energy_j = (sum(counted) - sum(before.from_mj)) // 1000
    metered = Metered(before.from_mj, energy_j, before.busy_sum + sum(busy), before.samples + len(busy))
    try:
        _write(path, metered)
    except OSError:  # a full disk: the next sample may be kept
        return metered
    return metered


def kept(path: str) -> Metered:
    """What was last kept for an attempt."""
    try:
        with open(path) as stream:
            raw: Mapping[str, Any] = json.load(stream)
    except (OSError, ValueError):
        return Metered()
    return Metered(tuple(raw["from_mj"]), raw["energy_j"], raw["busy_sum"], raw["samples"])


def _write(path: str, metered: Metered) -> None:
    with open(f"{path}.new", "w") as stream:
        json.dump({name: getattr(metered, name) for name in Metered.__slots__}, stream)
    os.replace(f"{path}.new", path)


def _read(uuids: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """(energy counter, mJ; utilisation, percent) of each device; None where it is not counted."""
    if not uuids or (nvml := _nvml()) is None:
        return []

    def ask(name: str, uuid: str) -> Any:
        try:
            return getattr(nvml, name)(nvml.nvmlDeviceGetHandleByUUID(uuid))
        except nvml.NVMLError:
            return None

    rates = [ask("nvmlDeviceGetUtilizationRates", u) for u in uuids]
    return [(ask("nvmlDeviceGetTotalEnergyConsumption", u), r and int(r.gpu)) for u, r in zip(uuids, rates)]
