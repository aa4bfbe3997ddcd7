"""The local engine: jobs as processes of this machine, on one or several pretended nodes. All it knows is in its folder.

    <root>/attempts/<key>/   lock, pid, stop, lost, port, meter, output.log, secrets/, work/
    <root>/saves/<name>/     save points, shared by the attempts of a job
    <root>/nodes/<name>      a node that was made to fail

Whoever starts an attempt takes its lock and hands it to the runner (`executors.processes`). So: the lock is held, or `pid` is
written: it was started, and never is again. Neither: it was not, whatever else lies in the folder, and may be.
The head of `lock` says how it ended; a second line of `pid` that its command began; `stop` that it was told to end,
and if that came first, it never begins. File times are the times reported.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from dure.executors import accelerators, processes
from dure.executors.accelerators import Node
from dure.executors.base import Capabilities, EngineGone, Launch, NodeSeen, Record, Report, Seen, Stop
from dure.executors.preparing import ROOM, Refused, Site, prepare, refusal
from dure.units import MILLI
from dure.vocabulary import Failure, JobKind

_End = tuple[int | None, Failure, str]  # exit code, whose fault, in words

KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
MOST_LOG: Final = 4 << 20  # bytes of one answer
_END: Final = re.compile(rb"^(exit|stage|room|stopped) (\d+)\n", re.M)
_CPU: Final = re.compile(rb"(\d+)m([\d.]+)s")
_SAMPLE_S: Final = 10.0  # how old what is known of processes' time may be
_NOT_FOUND, _NOT_RUN = 127, 126
_SIGNALS: Final = {Stop.TERM: signal.SIGTERM, Stop.KILL: signal.SIGKILL}
_OF_THE_MACHINE: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
)  # no fault of the job's: it is asked again later


class LocalEngine:
    """An `executors.base.Executor` over processes of this machine. `nodes` are those it pretends."""

    def __init__(self, site: Site, nodes: Sequence[Node], *, name: str = "local") -> None:
        self.name, self.site = name, site
        self._nodes = {node.name: node for node in nodes}
        self._real = accelerators.real_nodes(nodes, accelerators.devices())
        self._attempts = f"{site.root}/attempts"
        self._made = False
        self._children: set[int] = set()  # to be reaped; nothing is concluded from it
        self._cpu: tuple[float, dict[int, float]] = (-_SAMPLE_S, {})
        self._ended: set[str] = set()  # of which strays may be left
        self._swept_s = 0.0

    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(
            frozenset(JobKind), gangs=True, shares=True, saves=True, stages=bool(self.site.stage), ports=True,
            records=True, meters=True,
        )  # fmt: skip

    def identity(self) -> str:
        """A number drawn when its folder was made: another folder is another engine, however it is reached."""
        self._ready()
        path = Path(self.site.root, "id")
        try:
            if not path.exists():
                made = path.with_name(f".id-{os.getpid()}")
                made.write_text(secrets.token_hex(8))
                with suppress(FileExistsError):
                    os.link(made, path)  # whoever comes first
                made.unlink()
            return f"local-{path.read_text()}"
        except OSError as fault:
            raise EngineGone(f"the folder of the local engine, {self.site.root}: {fault.strerror}") from fault

    def inventory(self) -> Sequence[NodeSeen]:
        """Its nodes: the real ones as the hardware says, the others up unless they were made to fail."""
        found = accelerators.devices() if self._real else ()
        down = self._down()
        return [self._seen(node, down, found) for node in self._nodes.values()]

    def _seen(self, node: Node, down: set[str], found: Sequence[accelerators.Device]) -> NodeSeen:
        mine = [found[i] for i in self._real.get(node.name, ()) if i < len(found)]
        cause = "made to fail" if quote(node.name, safe="") in down else ""
        cause = cause or next((d.fault for d in mine if d.fault), "")
        if node.name in self._real and len(mine) < node.accelerators:
            cause = "NVML lists fewer devices than before"
        return NodeSeen(node.name, not cause, node.accelerators, mine[0].model if mine else "", cause)

    def _down(self) -> set[str]:
        try:
            return set(os.listdir(f"{self.site.root}/nodes"))
        except FileNotFoundError:
            return set()

    def _ready(self) -> None:
        """Makes the folder at first. Raises EngineGone where it cannot, or where it was there and is not any more."""
        try:
            if not self._made:
                for name in ("attempts", "saves", "nodes"):
                    os.makedirs(f"{self.site.root}/{name}", exist_ok=True)
                    os.chmod(f"{self.site.root}/{name}", 0o711)
                self._made = True
            os.stat(self._attempts)
        except OSError as fault:
            raise EngineGone(f"the folder of the local engine, {self.site.root}: {fault.strerror}") from fault

    def submit(self, launches: Sequence[Launch]) -> list[str]:
        """Start attempts; for each "" or why it was refused: then nothing of it runs, and it may be tried again.

        Raises EngineGone where the machine itself cannot, as with a full disk: what was started before is found by asking.
        """
        self._ready()
        processes.reap(self._children)
        down, answers = self._down(), []
        given: set[int] = set()
        for launch in launches:
            try:
                self._start(launch, down, given)
                answers.append("")
            except Refused as why:
                answers.append(str(why))
            except OSError as fault:
                if fault.errno in _OF_THE_MACHINE:
                    raise EngineGone(f"the local engine can start nothing now: {fault.strerror}") from fault
                answers.append(f"it cannot be started: {fault.strerror}")
        return answers

    def _start(self, launch: Launch, down: set[str], given: set[int]) -> None:
        """Start one attempt unless it is known. Raises Refused or OSError before anything runs."""
        if not KEY.fullmatch(launch.key):
            raise Refused(f"not a key: {launch.key!r}")
        folder = f"{self._attempts}/{launch.key}"
        if why := refusal(self.site, launch) or self._no_place(launch, down):
            if _started(folder):
                return
            raise Refused(why)
        with suppress(FileExistsError):
            os.mkdir(folder, 0o711)
        if (lock := processes.take(f"{folder}/lock")) is None:
            return
        try:
            if _started(folder) or os.path.exists(f"{folder}/stop"):
                return
            uuids = self._uuids(launch)
            run = prepare(self.site, launch, folder, lock, uuids, given)
            if uuids:
                accelerators.begin(f"{folder}/meter", uuids)
            log = os.open(f"{folder}/output.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o640)
            try:
                self._spawn(launch, run, lock, log)
            finally:
                os.close(log)
        finally:
            os.close(lock)

    def _spawn(self, launch: Launch, run: processes.Run, lock: int, log: int) -> None:
        mine = os.sched_getaffinity(0) if self.site.pin else set()
        wanted = -(-launch.cores_milli // MILLI)
        pinned = 0 < wanted < len(mine)
        if pinned:  # of this thread; what it starts inherits it
            order = sorted(mine)
            os.sched_setaffinity(0, {order[(launch.job + i) % len(order)] for i in range(wanted)})
        try:
            pid = processes.spawn(run, lock, log)
        finally:
            if pinned:
                os.sched_setaffinity(0, mine)
        self._children.add(pid)
        if self.site.nice:
            try:
                os.setpriority(os.PRIO_PGRP, pid, self.site.nice)
            except OSError:  # it ended already
                return

    def _no_place(self, launch: Launch, down: set[str]) -> str:
        for part in launch.parts:
            node = self._nodes.get(part.node)
            if node is None:
                return f"no node {part.node!r} here"
            if not all(0 <= device < node.accelerators for device in part.devices):
                return f"node {part.node} has accelerators 0 to {node.accelerators - 1}, not {part.devices}"
            if quote(part.node, safe="") in down:
                return f"node {part.node} is down"
        return "" if launch.parts else "it names no node"

    def _uuids(self, launch: Launch) -> list[str]:
        """The real devices of a launch; [] where they are pretended."""
        wanted = [(part.node, d) for part in launch.parts[:1] for d in part.devices if part.node in self._real]
        found = accelerators.devices() if wanted else ()
        return [found[self._real[node][device]].uuid for node, device in wanted]

    def poll(self, keys: Sequence[str]) -> list[Report]:
        """What has become of attempts. An attempt whose runner vanished is cleaned up on the way."""
        self._ready()
        processes.reap(self._children)
        reports = [self._look(key) for key in keys]
        self._ended.update(r.key for r in reports if r.seen == Seen.ENDED)
        if (
            self._ended and time.monotonic() - self._swept_s > _SAMPLE_S
        ):  # what left its session and outlived its command
            processes.kill_strays(self._folders(self._ended))
            self._ended, self._swept_s = set(), time.monotonic()
        return reports

    def _folders(self, keys: Iterable[str]) -> list[str]:
        """Folders of attempts: another engine on this machine may have attempts of the same keys."""
        return [f"{self._attempts}/{key}" for key in keys]

    def _look(self, key: str) -> Report:
        if not KEY.fullmatch(key):
            return Report(key, Seen.ABSENT)
        folder = f"{self._attempts}/{key}"
        try:
            said = _read(f"{folder}/lock", ROOM)
            if not _END.search(said):
                if processes.held(f"{folder}/lock"):
                    return self._living(key, folder)
                said = _read(f"{folder}/lock", ROOM)  # again: it may have ended since
            return self._over(key, folder, said)
        except OSError as fault:
            return Report(key, Seen.UNKNOWN, cause=f"its folder cannot be read: {fault.strerror}")

    def _living(self, key: str, folder: str) -> Report:
        staged_s = _begun_s(folder)
        port = _number(f"{folder}/port")
        if staged_s is None:
            return Report(key, Seen.STARTING, port=port)
        energy_j, busy = None, self._busy(folder, staged_s)
        if self._real and os.path.exists(f"{folder}/meter"):
            metered = accelerators.sample(f"{folder}/meter", _spec(folder).get("uuids", ()))
            energy_j, busy = metered.energy_j, metered.busy_milli
        return Report(key, Seen.RUNNING, int(staged_s), port=port, energy_j=energy_j, busy_milli=busy)

    def _busy(self, folder: str, staged_s: float) -> int | None:
        """Share of its cores that a running attempt used, by CPU times read at most every 10 s for all at once."""
        if time.monotonic() - self._cpu[0] > _SAMPLE_S:
            self._cpu = (time.monotonic(), processes.cpu_by_session())
        wall_s = time.time() - staged_s - (time.monotonic() - self._cpu[0])
        spent_s = self._cpu[1].get(_number(f"{folder}/pid"))
        return None if spent_s is None or wall_s < 1 else _share(spent_s, wall_s, _spec(folder))

    def _over(self, key: str, folder: str, said: bytes) -> Report:
        """Of an attempt that no runner has any more, or whose runner is about to go."""
        found = _END.search(said)
        stop = _read(f"{folder}/stop").decode()
        if found is None and not _started(folder):
            return Report(key, Seen.ENDED, cause="stopped before it began") if stop else Report(key, Seen.ABSENT)
        spec, staged_s, metered = _spec(folder), _begun_s(folder), accelerators.kept(f"{folder}/meter")
        if os.path.isdir(f"{folder}/secrets"):
            shutil.rmtree(f"{folder}/secrets", ignore_errors=True)
        if found is None:
            if not stop and _time_of(f"{folder}/lost") is None:
                processes.kill_strays([folder])
                _write(f"{folder}/lost", b"")
            end_s = _time_of(f"{folder}/stop") or _time_of(f"{folder}/lost")
            code, failure, cause = _without_end(stop, staged_s is not None)
        else:
            end_s = _time_of(f"{folder}/lock")
            code, failure, cause = _with_end(found[1].decode(), int(found[2]), stop, spec)
        busy = metered.busy_milli
        if busy is None and found is not None and staged_s is not None and end_s is not None:
            spent = [60 * int(m) + float(s) for m, s in _CPU.findall(said)[2:4]]
            busy = _share(sum(spent), end_s - staged_s, spec)
        return Report(
            key, Seen.ENDED, int(staged_s or 0), int(end_s or 0), code, failure, cause, spec.get("port", 0),
            metered.energy_j, busy,
        )  # fmt: skip

    def cancel(self, keys: Sequence[str], how: Stop) -> None:
        """Ask attempts to end: the save-point signal, SIGUSR1, to the command alone; TERM and KILL to its whole group.

        What was not started yet is marked first, so that a start at the same time starts nothing. KILL marks what it has
        never heard of as well: a start that comes late finds the mark.
        """
        self._ready()
        known = [key for key in keys if KEY.fullmatch(key)]
        for key in known:
            self._stop(f"{self._attempts}/{key}", how)
        if how == Stop.KILL:
            processes.kill_strays(self._folders(known))

    def _stop(self, folder: str, how: Stop, word: str = "") -> bool:
        """Signal one attempt; whether there was a runner. A runner looks for the mark once its `pid` is written."""
        living = not _END.search(_read(f"{folder}/lock", ROOM)) and processes.held(f"{folder}/lock")
        if how == Stop.SAVE:
            command = processes.command_of(_number(f"{folder}/pid")) if living else None
            if command is not None and _begun_s(folder) is not None:
                processes.signal_one(command, signal.SIGUSR1)
            return living
        if how == Stop.KILL and not living and not _started(folder):
            os.makedirs(folder, mode=0o711, exist_ok=True)
            _write(f"{folder}/stop", b"KILL")
            living = processes.held(f"{folder}/lock")  # a start at the same time: it sees the mark, or is seen here
        if living:
            _write(f"{folder}/stop", (word or how.name).encode())
            if group := _number(f"{folder}/pid"):
                processes.signal_group(group, _SIGNALS[how])
        return living

    def logs(self, key: str, offset: int, limit: int) -> bytes:
        """Bytes of its log from an offset, at most 4 MiB at a time."""
        if not KEY.fullmatch(key) or offset < 0 or limit <= 0:
            return b""
        try:
            log = os.open(f"{self._attempts}/{key}/output.log", os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as fault:
            if fault.errno in (errno.ENOENT, errno.ELOOP):
                return b""
            raise EngineGone(f"the log of {key}: {fault.strerror}") from fault
        try:
            return os.pread(log, min(limit, MOST_LOG), offset)
        finally:
            os.close(log)

    def records(self, since_utc_s: int) -> Sequence[Record]:
        """Attempts on its nodes whose command ran at or after a moment, by key."""
        found = []
        for key in self._keys():
            spec = _spec(f"{self._attempts}/{key}")
            if self._nodes.keys().isdisjoint(spec.get("nodes", ())):
                continue
            report = self._look(key)
            if report.run_utc_s and (report.seen != Seen.ENDED or report.end_utc_s >= since_utc_s):
                found.append(Record(key, report.run_utc_s, report.end_utc_s, report.exit_code, tuple(spec["nodes"])))
        return found

    def prune(self, older_than_utc_s: int) -> int:
        """Remove what is left of attempts that ended before a moment; how many. Save points stay.

        A key that was removed is absent: only for attempts that nobody will ask to start again.
        """
        removed = 0
        for key in self._keys():
            folder = f"{self._attempts}/{key}"
            report = self._look(key)
            before = (report.end_utc_s or os.stat(folder).st_mtime) < older_than_utc_s
            if report.seen not in (Seen.ENDED, Seen.ABSENT) or not before:
                continue
            if (lock := processes.take(f"{folder}/lock")) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
                removed += 1
        return removed

    def _keys(self) -> list[str]:
        try:
            return sorted(key for key in os.listdir(self._attempts) if KEY.fullmatch(key))
        except FileNotFoundError:
            return []

    def fail_node(self, name: str) -> list[str]:
        """Make a node fail: it is marked down, and what runs there is killed; the keys of that."""
        self._ready()
        _write(f"{self.site.root}/nodes/{quote(name, safe='')}", b"")
        folders = {key: f"{self._attempts}/{key}" for key in self._keys()}
        hit = [key for key, at in folders.items() if name in _spec(at).get("nodes", ())]
        killed = [key for key in hit if self._stop(folders[key], Stop.KILL, f"NODE {name}")]
        processes.kill_strays(self._folders(killed))
        return killed

    def repair_node(self, name: str) -> None:
        """A failed node is up again."""
        Path(self.site.root, "nodes", quote(name, safe="")).unlink(missing_ok=True)


def _with_end(word: str, status: int, stop: str, spec: dict[str, Any]) -> _End:
    """Of an attempt whose runner wrote its end. A shell says 128 + n of signal n, and of an exit status of that size too."""
    code = 128 - status if 128 < status <= 128 + signal.NSIG else status
    said = f"signal {_signal_name(-code)}" if code < 0 else f"exit status {code}"
    if stop.startswith("NODE") and code:
        return None, Failure.NODE, f"{stop.removeprefix('NODE ')} died"
    if word == "stopped":
        return None, Failure.NONE, "stopped before it began"
    if word == "room":
        return None, Failure.ENGINE, "no room in the folder of the engine"
    if word == "stage":
        return None, (Failure.NONE if stop else Failure.ENGINE), f"its data were not staged: {said}; see its log"
    if not code:
        return 0, Failure.NONE, ""
    if stop:
        return code, Failure.NONE, f"ended by {said}, as it was told to"
    if code == -signal.SIGKILL and spec.get("memory_mib"):
        return code, Failure.LIMIT, f"killed, and nobody asked for it: its memory limit is {spec['memory_mib']} MiB"
    if code in (_NOT_FOUND, _NOT_RUN):
        what = "was not found" if code == _NOT_FOUND else "could not be run"
        return code, Failure.USER, f"{' '.join(spec.get('command', ()))!r} {what}, or said so: {said}"
    return code, Failure.USER, said


def _without_end(stop: str, ran: bool) -> _End:
    """Of an attempt that was started, whose runner is gone and wrote no end."""
    if stop.startswith("NODE"):
        return None, Failure.NODE, f"{stop.removeprefix('NODE ')} died"
    if stop and not ran:
        return None, Failure.NONE, "stopped before it began"
    if stop == "KILL":
        return -signal.SIGKILL, Failure.NONE, "killed, as it was told to end"
    if stop:
        return None, Failure.NONE, "it is gone, and was told to end"
    return None, Failure.ENGINE, "it vanished: its runner is gone and wrote no end"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _share(spent_s: float, wall_s: float, spec: dict[str, Any]) -> int | None:
    """CPU seconds over wall seconds of the cores asked for, at least one, in thousandths."""
    cores = max(1.0, spec.get("cores_milli", 0) / MILLI)
    return min(MILLI, round(MILLI * spent_s / (wall_s * cores))) if wall_s > 0 else None


def _started(folder: str) -> bool:
    return bool(_read(f"{folder}/pid").strip() or _END.search(_read(f"{folder}/lock", ROOM)))


def _number(path: str) -> int:
    """The number in a file; 0 for none, or for what somebody else has made of it."""
    text = _read(path).strip()
    return int(text) if text.isdigit() and len(text) < 12 else 0


def _begun_s(folder: str) -> float | None:
    """When the command of an attempt began; None: not yet."""
    path = f"{folder}/pid"
    return _time_of(path) if _read(path).endswith(b"\n\n") else None


def _read(path: str, most: int = 4096) -> bytes:
    """A small file of an attempt, or its head; b"" where it is not there."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    try:
        return os.read(file, most)
    finally:
        os.close(file)


def _write(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)


def _time_of(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None


def _spec(folder: str) -> dict[str, Any]:
    """What was kept of a launch; {} where it never came to that."""
    try:
        return _kept(f"{folder}/lock")
    except (FileNotFoundError, ValueError):
        return {}


@lru_cache(1 << 14)
def _kept(path: str) -> dict[str, Any]:  # does not change once its attempt was started
    kept: dict[str, Any] = json.loads(Path(path).read_bytes()[ROOM:])
    return kept
