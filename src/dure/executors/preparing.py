"""A launch on the local engine before it starts: what is refused, its folders, its environment, its runner."""

from __future__ import annotations

import json
import os
import pwd
import re
import resource
import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from dure.errors import DureError
from dure.executors.accelerators import VISIBLE
from dure.executors.base import Launch
from dure.executors.processes import Run
from dure.units import MIB_PER_GIB
from dure.vocabulary import JobKind
from dure.workload.spec import SiteRules

NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,150}", re.A)  # safe as a file name
_DATA: Final = re.compile(r"[A-Za-z0-9][\w.:/@+=-]{0,1000}", re.A)
_VARIABLE: Final = re.compile(r"[A-Za-z_]\w{0,200}", re.A)
PATH: Final = "/usr/local/bin:/usr/bin:/bin"
MOST_BYTES: Final = 512 << 10  # of arguments and environment: the kernel takes 2 MiB, and part of it is given twice
MOST_WORD: Final = 127 << 10  # of one of them; the kernel takes 128 KiB
_FILES: Final = 65_536
ROOM: Final = 256  # bytes at the head of an attempt's `lock`, for its end; what is kept of the launch follows

ANYWHERE: Final = SiteRules(paths=("/",))  # where no site says anything: the machine's own accounts draw the line


class Refused(DureError):
    """A launch that this engine does not start; the message says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """How a site wants its local engine. As root, jobs run as `user`, where `{project}` is the name of the job's project."""

    root: str
    user: str = "nobody"
    rules: SiteRules = ANYWHERE
    stage: tuple[str, ...] = ()  # the site's command that brings a data set; `{data}` is its name
    data: str = ""  # folder of data sets, told to jobs and to `stage` as DURE_DATA_DIR
    secrets: str = ""  # folder of secrets: <project>/<name>
    nice: int = 0
    pin: bool = False  # keep a job on as many cores as it asked for


def refusal(site: Site, launch: Launch) -> str:
    """Why a launch cannot start here; "" if it can."""
    words = [*launch.command, *(part for pair in launch.env.items() for part in pair), launch.project, launch.token]
    if launch.image:
        return f"this engine runs no images, as {launch.image!r}"
    if not launch.command and launch.kind != JobKind.LEASE:
        return "it has no command"
    if launch.command and (launch.command[0].startswith("-") or "=" in launch.command[0] or not launch.command[0]):
        return f"not the name of a program: {launch.command[0]!r}"
    if any("\0" in word for word in (*words, *(part.node for part in launch.parts))):
        return "a zero byte in its command or environment"
    try:
        sizes = [len(word.encode()) for word in words]
    except UnicodeEncodeError:
        return "its command or environment is not text"
    if sum(sizes) > MOST_BYTES or max(sizes, default=0) > MOST_WORD:
        return f"its command and environment are over {MOST_BYTES >> 10} KiB, or one of them over {MOST_WORD >> 10}"
    if wrong := [name for name in launch.env if not _VARIABLE.fullmatch(name)]:
        return f"not the name of a variable: {wrong[0]!r}"
    if outside := [word for word in launch.command if not allowed(site.rules, word)]:
        return f"{outside[0]!r} is outside what this site allows: {', '.join(site.rules.paths) or 'no absolute path'}"
    return _names_refused(site, launch)


def allowed(rules: SiteRules, word: str) -> bool:
    """Whether a word of a command may stand: any but an absolute path outside the site's folders."""
    if not word.startswith("/"):
        return True
    plain = os.path.normpath("/" + word.lstrip("/"))
    return any(plain == path or plain.startswith(path.rstrip("/") + "/") for path in rules.paths)


def _names_refused(site: Site, launch: Launch) -> str:
    named = [launch.save_name] * bool(launch.save_name) + [launch.project] * bool(launch.secrets)
    if wrong := [name for name in (*named, *launch.secrets) if not NAME.fullmatch(name)]:
        return f"not safe as the name of a file: {wrong[0]!r}"
    if launch.secrets and not site.secrets:
        return "this site keeps no secrets"
    if missing := [n for n in launch.secrets if not os.path.isfile(f"{site.secrets}/{launch.project}/{n}")]:
        return f"no secret {missing[0]!r} of project {launch.project} is kept here"
    if launch.data and not site.stage:
        return "this site stages no data"
    if wrong := [name for name in launch.data if not _DATA.fullmatch(name) or ".." in name.split("/")]:
        return f"not the name of a data set: {wrong[0]!r}"
    return ""


def prepare(site: Site, launch: Launch, folder: str, lock: int, uuids: list[str], given: set[int]) -> Run:
    """Make the folders and files of an attempt, whose lock is held and open. Raises Refused or OSError; then nothing was started.

    `given`: ports given out in this batch, added to.
    """
    owner = _owner(site, launch.project)
    home, secrets = f"{folder}/work", f"{folder}/secrets"
    os.chmod(folder, 0o711)
    if os.path.isdir(secrets):
        shutil.rmtree(secrets)  # a start that was cut off may have left them; so with the rest
    _folder(home, owner)
    env = {"PATH": PATH, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", **_places(launch, uuids)}
    env["DURE_ATTEMPT_DIR"] = folder
    if site.data:
        env["DURE_DATA_DIR"] = site.data
    if launch.save_name:
        env["DURE_SAVE_DIR"] = f"{site.root}/saves/{launch.save_name}"
        _folder(env["DURE_SAVE_DIR"], owner)
    if launch.secrets:
        env["DURE_SECRETS_DIR"] = secrets
        _folder(secrets, owner)
        for name in launch.secrets:
            _file(f"{secrets}/{name}", Path(site.secrets, launch.project, name).read_bytes(), owner)
    port = _free_port(given) if launch.listens else 0
    if port:
        env |= {"DURE_PORT": str(port), "DURE_TOKEN": launch.token}
        _file(f"{folder}/port", str(port).encode())
    kept = {
        "job": launch.job, "attempt": launch.attempt, "project": launch.project, "kind": launch.kind.name.lower(),
        "command": launch.command[:1], "nodes": [part.node for part in launch.parts], "limit_s": launch.limit_s,
        "cores_milli": launch.cores_milli, "memory_mib": launch.memory_mib, "port": port, "uuids": uuids,
    }  # fmt: skip
    os.ftruncate(lock, 0)
    _all(lock, b"\n" * ROOM + json.dumps(kept).encode())
    os.lseek(lock, 0, os.SEEK_SET)  # where the runner writes
    return Run(
        folder,
        [[name if word == "{data}" else word for word in site.stage] for name in launch.data],
        launch.command or ("sleep", "infinity"),  # a lease without a command holds its place
        env,
        {name: value for name, value in launch.env.items() if name not in VISIBLE and not name.startswith("DURE_")},
        _drop(owner),
        _at_most(resource.RLIMIT_DATA, launch.memory_mib * MIB_PER_GIB << 10) >> 10,
        _at_most(resource.RLIMIT_NOFILE, _FILES),
        bool(launch.secrets),
    )


def _places(launch: Launch, uuids: list[str]) -> dict[str, str]:
    """What a job is told of its place. A gang's command runs once, on its first node, and is told of all."""
    devices = ",".join(map(str, launch.parts[0].devices))
    return {
        "DURE_JOB": str(launch.job),
        "DURE_ATTEMPT": launch.key,
        "DURE_PROJECT": launch.project,
        "DURE_NODES": ",".join(part.node for part in launch.parts),
        "DURE_DEVICES": devices,
        "DURE_PARTS": ";".join(f"{p.node}:{','.join(map(str, p.devices))}" for p in launch.parts),
        **dict.fromkeys(VISIBLE, ",".join(uuids) or devices),
    }


def _at_most(limit: int, wanted: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _folder(path: str, owner: tuple[int, int] | None) -> None:
    with suppress(FileExistsError):  # left by a start that was cut off, perhaps before it was handed over
        os.mkdir(path, 0o700)
    if owner:
        os.chown(path, *owner)


def _file(path: str, content: bytes, owner: tuple[int, int] | None = None) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _all(file, content)
        if owner:
            os.fchown(file, *owner)
    finally:
        os.close(file)


def _all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


def _free_port(given: set[int]) -> int:
    """A port that was free a moment ago: the command binds it, and says so if another was quicker."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in given:
            given.add(port)
            return port


def _owner(site: Site, project: str) -> tuple[int, int] | None:
    """(user, group) that jobs of a project run as; None: as Dure itself, which is not root."""
    if os.geteuid() != 0:
        return None
    name = site.user.replace("{project}", project)
    owner, closed = _account(name), _closed(site.root)
    if owner is None or owner[0] == 0:
        raise Refused(f"no account {name!r}, or one of root: jobs run as it where Dure runs as root")
    if closed:
        raise Refused(f"user {name} cannot enter {closed}: give the local engine another folder")
    return owner


@lru_cache
def _account(name: str) -> tuple[int, int] | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid


@lru_cache
def _closed(root: str) -> str:
    """The first folder on the way to the engine's that others may not enter; ""."""
    path = Path(root).resolve()
    return next((str(p) for p in reversed((path, *path.parents)) if not p.stat().st_mode & 0o001), "")


def _drop(owner: tuple[int, int] | None) -> tuple[str, ...]:
    if owner is None:
        return ()
    if (setpriv := _program("setpriv")) is None:
        raise Refused("program setpriv (package util-linux) is missing: jobs run unprivileged where Dure runs as root")
    return (setpriv, f"--reuid={owner[0]}", f"--regid={owner[1]}", "--clear-groups", "--no-new-privs", "--")


@lru_cache
def _program(name: str) -> str | None:
    return shutil.which(name, path=PATH + ":/usr/sbin:/sbin")
