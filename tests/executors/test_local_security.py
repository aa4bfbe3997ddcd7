"""What a hostile job cannot do on the local engine: be read by a shell, see the service's environment, run as root."""

from __future__ import annotations

import json
import os
import pwd
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dure.executors.base import Part, Seen, Stop
from dure.executors.local import LocalEngine
from dure.executors.preparing import Site, allowed
from dure.executors.processes import Run, script_of
from dure.workload.spec import SiteRules
from tests.executors.conftest import NODES, PYTHON
from tests.executors.contract import ended, launch_on, running, started, wrote

SAY = "import os, sys, json; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="privileges are dropped only where Dure runs as root")

NASTY = [
    "", " ", "'", '"', "''\"\"", "\\", "\\n", "$(touch pwned)", "`touch pwned`", "; touch pwned", "&& touch pwned",
    "| touch pwned", "\ntouch pwned\n", "\r\n", "*", "?", "[a-z]", "~", "~root", "$HOME", "${HOME}", "$0", "$@", "$#",
    "${1}", "$((1+1))", "-e", "--", "-c", "--help", "-u", "a=b", "LD_PRELOAD=x", "=", "!!", "#x", ">pwned", "2>&1", "<x",
    "{a,b}", "%s%n", "\t", "\x01\x1b[31m\x7f", "두레", "\u202egpj.exe", "\u2066x\u2069", "é" * 100, "\U0001f4a9",
    "x" * 100_000, "$(kill -9 $$)", "'; kill -9 0; '", "\\\ntouch pwned", "${DURE_ENV_0}", "()", "() { :; }; touch pwned",
    "eval", "exit 0", ")", "( touch pwned )", "fi; done; }", "\u2028touch pwned",
]  # fmt: skip


def said(engine: LocalEngine, key: str) -> tuple[list[str], dict[str, str]]:
    assert ended(engine, key).exit_code == 0, engine.logs(key, 0, 2000)
    argv, env = json.loads(engine.logs(key, 0, 1 << 22))
    return argv, env


def test_nasty_arguments_and_values_arrive_byte_for_byte_and_run_nothing(either: LocalEngine, place: Path) -> None:
    env = {f"V{i}": value for i, value in enumerate(NASTY)}
    key = started(either, [PYTHON, "-c", SAY, *NASTY], env=env)
    argv, seen = said(either, key)
    assert argv == NASTY
    assert {name: seen[name] for name in env} == env
    assert not list(place.rglob("pwned"))
    assert b"pwned" not in b"".join(p.name.encode() for p in Path.cwd().iterdir())


@pytest.mark.parametrize(
    "program", [w for w in NASTY if w and not w.startswith("-") and "=" not in w and w != "~root"][:40]
)
def test_nasty_programs_are_not_found_and_run_nothing(either: LocalEngine, place: Path, program: str) -> None:
    key = started(either, [program])
    assert ended(either, key).exit_code in (126, 127)
    assert not list(place.rglob("pwned"))


@pytest.mark.parametrize("program", ["eval", "exit", ".", ":", "trap", "exec"])
def test_words_of_the_shell_are_no_programs(either: LocalEngine, place: Path, program: str) -> None:
    for env in ({}, {"A": "b"}):
        key = started(either, [program, "touch pwned"], env=env)
        assert ended(either, key).exit_code in (126, 127)
    assert not list(place.rglob("pwned"))


def test_no_word_of_a_job_is_in_the_runner() -> None:
    plain = Run("/x", [["a", "b"]], ["c"], {"P": "1"}, {"N": "2"})
    nasty = replace(plain, stages=[["$(x)", "'"]], command=["`y`"], own_env={"Z": "$(z)"})
    assert script_of(plain) == script_of(nasty)


def test_an_environment_that_would_bend_the_runner_reaches_the_command_alone(either: LocalEngine, place: Path) -> None:
    env = {"LD_PRELOAD": "/nowhere/evil.so", "PATH": "/nowhere", "IFS": "x", "ENV": "/x", "BASH_ENV": "/x", "PS4": "$(touch pwned)",
           "CDPATH": "/", "PPID": "1", "OPTIND": "7", "LD_LIBRARY_PATH": "/nowhere", "PYTHONPATH": "/nowhere"}  # fmt: skip
    key = started(either, [PYTHON, "-c", SAY], env=env)
    assert ended(either, key).exit_code == 0
    log = either.logs(key, 0, 9999).decode()
    seen = json.loads(log[log.index("[") :])[1]
    assert {name: seen[name] for name in env} == env
    assert log.count("evil.so") == 2  # the loader's complaint, once, of the command; and the value itself
    assert not list(place.rglob("pwned"))


def test_the_services_environment_is_not_the_jobs(either: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SECRET_KEY", "s3cret")
    monkeypatch.setenv("DURE_ENV_9", "s3cret")
    launch = launch_on(either, [PYTHON, "-c", SAY], env={"MINE": "1", "DURE_JOB": "999"}, save_name="job-7")
    assert either.submit([launch]) == [""]
    _, env = said(either, launch.key)
    assert "s3cret" not in str(env)
    assert set(env) - {"LC_CTYPE"} == {
        "PATH", "HOME", "TMPDIR", "LANG", "PWD", "DURE_JOB", "DURE_ATTEMPT", "DURE_ATTEMPT_DIR",
        "DURE_PROJECT", "DURE_NODES", "DURE_DEVICES",
        "DURE_PARTS", "DURE_SAVE_DIR", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "RBLN_DEVICES", "MINE",
    }  # fmt: skip
    assert env["DURE_JOB"] == str(launch.job)
    assert env["HOME"] == env["PWD"] == env["TMPDIR"]


_FILES = """
import os
for f in sorted(os.listdir('/proc/self/fd')):
    print(f, os.readlink('/proc/self/fd/' + f)) if f < '3' else print('more', f)
"""


def test_a_command_inherits_no_file_of_the_service_and_not_the_lock(either: LocalEngine, tmp_path: Path) -> None:
    with (tmp_path / "database").open("w") as stream:
        os.set_inheritable(stream.fileno(), True)  # as servers do with the sockets they listen on
        key = started(either, [PYTHON, "-c", _FILES])
        assert ended(either, key).exit_code in (0, 1)
    lines = either.logs(key, 0, 2000).decode().splitlines()
    assert lines[0] == "0 /dev/null"
    assert lines[1].endswith("output.log")
    assert lines[2].endswith("output.log")
    assert sum(line.startswith("more") for line in lines) <= 1  # the listing itself


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image": "registry.example/x"}, "images"),
        ({"command": ()}, "no command"),
        ({"command": ("",)}, "program"),
        ({"command": ("-x",)}, "program"),
        ({"command": ("a=b",)}, "program"),
        ({"command": ("a", "\0")}, "zero byte"),
        ({"command": ("a", "\udcff")}, "not text"),
        ({"env": {"A-B": "1"}}, "variable"),
        ({"env": {"BASH_FUNC_x%%": "() { :; }"}}, "variable"),
        ({"env": {"A\nB": "1"}}, "variable"),
        ({"env": {"A": "x" * 100_000_000}}, "KiB"),
        ({"command": ("a", *["x" * 1000] * 1000)}, "KiB"),
        ({"save_name": "../../x"}, "name of a file"),
        ({"secrets": ("key",)}, "keeps no secrets"),
        ({"key": "../x"}, "not a key"),
        ({"key": "live-1\n"}, "not a key"),
        ({"key": ""}, "not a key"),
        ({"parts": ()}, "no node"),
        ({"parts": (Part("a/0", (8,)),)}, "0 to 7"),
        ({"parts": (Part("a/0", (-1,)),)}, "0 to 7"),
    ],
)
def test_refused_with_the_reason_and_nothing_is_left(engine: LocalEngine, changes: dict, reason: str) -> None:  # type: ignore[type-arg]
    launch = replace(launch_on(engine, ["true"]), **changes)
    assert reason in engine.submit([launch])[0]
    assert engine.poll([launch.key])[0].seen == Seen.ABSENT
    assert os.listdir(f"{engine.site.root}/attempts") == []


@pytest.mark.parametrize("key", ["../../etc", "a/b", "", ".", "..", "x\0y", "-x", "x\n"])
def test_keys_lead_nowhere_else(engine: LocalEngine, key: str) -> None:
    assert engine.poll([key])[0].seen == Seen.ABSENT
    assert engine.logs(key, 0, 100) == b""
    for how in Stop:
        engine.cancel([key], how)
    assert os.listdir(f"{engine.site.root}/attempts") == []


def test_paths_outside_the_site_are_refused() -> None:
    rules = SiteRules(paths=("/usr", "/data/"))
    good = ["x", "./x", "/usr", "/usr/bin/x", "/data/a/../b", "--in=/etc", "//usr/x"]
    bad = ["/", "/etc/passwd", "/usr/../etc", "/users", "/data/../../etc", "/datax", "//etc"]
    assert [allowed(rules, w) for w in good + bad] == [True] * len(good) + [False] * len(bad)
    assert not allowed(SiteRules(), "/usr/bin/x")


def test_an_engine_holds_its_sites_rules(place: Path) -> None:
    engine = LocalEngine(Site(str(place / "engine"), rules=SiteRules(paths=("/usr",))), NODES)
    assert "/etc/passwd" in engine.submit([launch_on(engine, ["cat", "/etc/passwd"])])[0]
    assert engine.submit([launch_on(engine, ["/usr/bin/env", "true"])]) == [""]


# Secrets


@pytest.fixture
def keeping(place: Path) -> LocalEngine:
    for project, word in (("vision", "w0rd-of-vision"), ("other", "w0rd-of-other")):
        (place / "secrets" / project).mkdir(parents=True)
        (place / "secrets" / project / "key").write_text(word)
    (place / "secrets").chmod(0o700)
    return LocalEngine(Site(str(place / "engine"), secrets=str(place / "secrets")), NODES)


def test_secrets_are_files_for_the_job_alone_and_gone_at_its_end(keeping: LocalEngine, place: Path) -> None:
    look = "cat $DURE_SECRETS_DIR/key | tr a-z A-Z; stat -c %a $DURE_SECRETS_DIR $DURE_SECRETS_DIR/key; sleep 0.5"
    key = started(keeping, ["sh", "-c", look], secrets=("key",))
    wrote(keeping, key, b"600")
    assert keeping.logs(key, 0, 100) == b"W0RD-OF-VISION700\n600\n"
    ended(keeping, key)
    time.sleep(0.2)
    for path in (place / "engine").rglob("*"):
        assert not path.is_file() or b"w0rd" not in path.read_bytes(), path


def test_secrets_of_a_killed_job_go_too(keeping: LocalEngine, place: Path) -> None:
    key = started(keeping, ["sleep", "60"], secrets=("key",))
    running(keeping, key)
    assert (place / "engine/attempts" / key / "secrets/key").exists()
    keeping.cancel([key], Stop.KILL)
    ended(keeping, key)
    assert not (place / "engine/attempts" / key / "secrets").exists()


@pytest.mark.parametrize("name", ["none", "../other/key", "..", "/etc/passwd", "key\n"])
def test_secrets_of_others_cannot_be_named(keeping: LocalEngine, name: str) -> None:
    assert keeping.submit([launch_on(keeping, ["true"], secrets=(name,))]) != [""]
    assert keeping.submit([launch_on(keeping, ["true"], secrets=("key",), project="../vision")]) != [""]


@pytest.mark.parametrize("name", ["-rf", "../x", "a/../../b", "$(x)", "a b", "", "\n", "/etc"])
def test_names_of_data_that_might_bend_a_sites_command_are_refused(place: Path, name: str) -> None:
    engine = LocalEngine(Site(str(place / "engine"), stage=("/bin/echo", "{data}")), NODES)
    assert "data set" in engine.submit([launch_on(engine, ["true"], data=(name,))])[0]


# As root


@as_root
def test_as_root_jobs_run_as_nobody_without_groups_or_a_way_back(engine: LocalEngine, site: Site) -> None:
    look = "id -u; id -g; id -G; grep -E 'NoNewPrivs|CapEff' /proc/self/status | tr -d '\\t'; touch mine; stat -c %U . mine"
    key = started(engine, ["sh", "-c", look])
    assert ended(engine, key).exit_code == 0
    nobody = pwd.getpwnam("nobody")
    assert engine.logs(key, 0, 1000).decode().split("\n") == [
        str(nobody.pw_uid), str(nobody.pw_gid), str(nobody.pw_gid), "CapEff:0000000000000000", "NoNewPrivs:1",
        "nobody", "nobody", "",
    ]  # fmt: skip


@as_root
def test_as_root_a_job_cannot_write_or_kill_what_records_it(engine: LocalEngine) -> None:
    attack = (
        "cd ..; for f in pid stop lock lost port meter output.log; do echo 'exit 0' 2>/dev/null >$f && echo wrote $f; done; "
        "rm -rf pid lock 2>/dev/null; mkdir x 2>/dev/null && echo made; cat lock 2>/dev/null && echo read; "
        "kill -9 $PPID 2>/dev/null && echo killed; echo done; exit 9"
    )
    key = started(engine, ["sh", "-c", attack])
    assert ended(engine, key).exit_code == 9
    assert engine.logs(key, 0, 1000) == b"done\n"


@as_root
def test_as_root_the_environment_of_a_job_never_meets_a_privileged_process(engine: LocalEngine, place: Path) -> None:
    """A library named by LD_PRELOAD would run as root in the runner, or in the program that gives root up."""
    key = started(engine, ["sleep", "60"], env={"LD_PRELOAD": "/nowhere/x.so"}, listens=True, token="t0ken")
    running(engine, key)
    runner = int(Path(engine.site.root, "attempts", key, "pid").read_text())
    environ = Path(f"/proc/{runner}/environ").read_bytes().split(b"\0")
    assert not [entry for entry in environ if entry.startswith(b"LD_")]
    assert b"t0ken" not in Path(f"/proc/{runner}/cmdline").read_bytes()
    assert stat.S_IMODE(os.stat(f"/proc/{runner}").st_mode) & 0o222 == 0
    engine.cancel([key], Stop.KILL)


@as_root
@pytest.mark.parametrize("user", ["root", "no-such-account", "dure-{project}"])
def test_as_root_an_account_that_will_not_do_is_refused(place: Path, user: str) -> None:
    engine = LocalEngine(Site(str(place / "engine"), user=user), NODES)
    assert "account" in engine.submit([launch_on(engine, ["true"])])[0]


@as_root
def test_as_root_a_folder_that_the_account_cannot_enter_is_refused(place: Path) -> None:
    (place / "closed").mkdir(mode=0o700)
    engine = LocalEngine(Site(str(place / "closed" / "engine")), NODES)
    assert "cannot enter" in engine.submit([launch_on(engine, ["true"])])[0]
