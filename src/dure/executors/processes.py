"""The runner of an attempt, its lock and its traces in /proc: all that the local engine knows of processes.

Each attempt has a *runner*: a small `/bin/sh` that leads a session of its own, runs the staging and then the command, and
writes down how that ended. It holds the attempt's lock for as long as it lives, so that "the lock is held" is "the runner
lives", whoever asks, and whatever became of the process that started it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from shlex import quote
from typing import Final

SHELL: Final = "/bin/sh"
_MANGLED: Final = "DURE_ENV_"
_TOLD: Final = 128 + signal.SIGTERM
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """What a runner is given. Strings of the job stand in argument or environment places only, never in the script."""

    folder: str  # of the attempt: the runner's working folder
    stages: Sequence[Sequence[str]]
    command: Sequence[str]
    safe_env: Mapping[str, str]  # set by the engine: of stages and command, and of the runner itself
    own_env: Mapping[str, str]  # set by the job: of the command alone, for LD_PRELOAD would have the runner obey it
    drop: Sequence[str] = ()  # program and arguments that give up privileges, then run the rest
    data_kib: int = 0  # limit of each process's private memory; 0: none
    files: int = 0  # limit of open files; 0: as it is
    secrets: bool = False  # a folder of secrets is to be removed at the end


def script_of(run: Run) -> str:
    """The runner of an attempt, which `run.folder` is for."""
    stages = tuple(len(stage) for stage in run.stages)
    return _script(stages, len(run.own_env), tuple(run.drop), run.data_kib, run.files, run.secrets)


@lru_cache(256)
def _script(stages: tuple[int, ...], own: int, drop: tuple[str, ...], data_kib: int, files: int, secrets: bool) -> str:
    """It depends on numbers, and on programs of the site, but on no word of the job.

    Its input is the lock, which nothing it starts inherits, and over the blanks at whose head it writes the end: a full disk does not
    lose it. Its output is the attempt's log. `pid` gets a second line when the command begins. TERM and the save-point signal
    reach the whole group; it outlives them by handlers that do nothing, which, unlike ignored signals, children do
    not inherit. A signal that comes while a child still has the handlers is lost on it, so each looks for `stop`, which was
    written before, once it has them no more. `echo >>file`: a failed redirection of `:` would end the shell.
    """
    lines = ["trap : HUP INT QUIT PIPE TERM USR1 USR2", "echo $$ >pid || exit 1", "[ ! -e stop ] || exit"]
    lines.append(
        'over() { { times; echo "$1 $2"; } >&0; ' + ("rm -rf secrets; " if secrets else "") + "kill -KILL 0; }"
    )
    at = 0
    for size in stages:
        words = " ".join(f'"${{{i}}}"' for i in range(at + 1, at + size + 1))
        at += size
        lines.append(f"( [ ! -e stop ] || exit {_TOLD}; exec {words} ) </dev/null 2>&1 || over stage $?")
    lines += ["[ ! -e stop ] || over stopped 0", "echo >>pid || over room 0", f"shift {at}"]
    limits = [
        "ulimit -c 0",
        f"ulimit -n {files}" * bool(files),
        f"ulimit -d {data_kib}" * bool(data_kib),
    ]
    names = [f"{_MANGLED}{i}" for i in range(own)]
    env = ["env", *(f"-u {n}" for n in names), "--", *(f'"${n}"' for n in names)] if names else []
    chain = " ".join([*map(quote, drop), *env, '"$@"'])
    first = f"[ ! -e stop ] || exit {_TOLD}; cd work && unset OLDPWD"
    lines.append(f"( {first} && {' && '.join(filter(None, limits))} && exec {chain} ) </dev/null 2>&1")
    return "\n".join([*lines, "over exit $?"])


def spawn(run: Run, lock: int, log: int) -> int:
    """Start a runner that takes over the lock; its process id, which is its session's too. Raises OSError."""
    mangled = {f"{_MANGLED}{i}": f"{name}={value}" for i, (name, value) in enumerate(run.own_env.items())}
    words = [word for part in (*run.stages, run.command) for word in part]
    process = subprocess.Popen(
        [SHELL, "-c", script_of(run), "dure", *words],
        cwd=run.folder,
        env={**run.safe_env, **mangled},
        stdin=lock,
        stdout=log,
        stderr=subprocess.DEVNULL,  # of the shell's own words, as "Killed"
        start_new_session=True,
    )
    process.returncode = 0  # nobody waits here: `reap` does, or whoever inherits the runner when this process is gone
    return process.pid


def reap(children: set[int]) -> None:
    """Take the ended ones out of a set of own children, so that none stays a zombie."""
    for pid in list(children):
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            ended = pid
        if ended:
            children.discard(pid)


def take(path: str) -> int | None:
    """The lock at a path, made if need be, as an open file that holds it; None: a runner or another starter has it."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_ino == os.stat(path).st_ino:
                return lock
        except BlockingIOError:
            if held(path):
                os.close(lock)
                return None
        except FileNotFoundError:
            pass
        os.close(lock)  # it was someone who only looked, or the folder was removed in the meantime


def held(path: str) -> bool:
    """Whether someone has the lock. Looking shares it for an instant, which `take` tells from having it."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def command_of(runner: int) -> int | None:
    """The process of the command, which is the runner's only child."""
    try:
        with open(f"/proc/{runner}/task/{runner}/children", "rb") as stream:
            children = stream.read().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def signal_one(pid: int, number: signal.Signals) -> None:
    """Signal one process; one that is gone is passed over."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal a process group; one that is gone is passed over."""
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def cpu_by_session() -> dict[int, float]:
    """CPU seconds by session, of its living processes and of the dead that these have waited for."""
    spent: dict[int, float] = defaultdict(float)
    for pid in _processes():
        try:
            with open(f"/proc/{pid}/stat", "rb") as stream:
                fields = stream.read().rpartition(b") ")[2].split()
        except OSError:
            continue
        spent[int(fields[3])] += sum(map(int, fields[11:15])) * _TICK_S
    return dict(spent)


def kill_strays(folders: Collection[str]) -> int:
    """Kill what is left of attempts and names their folder in its environment, in whatever session it hides; how many.

    A process that cleared its environment as well is not found.
    """
    wanted = {b"DURE_ATTEMPT_DIR=" + os.fsencode(folder) for folder in folders}
    killed = 0
    for pid in _processes() if wanted else ():
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:
                if wanted.isdisjoint(stream.read().split(b"\0")):
                    continue
            os.kill(pid, signal.SIGKILL)
            killed += 1
        except OSError:
            continue
    return killed
