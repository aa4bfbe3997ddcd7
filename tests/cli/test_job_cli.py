"""Jobs as people type them: in a hurry, in odd orders, with wrong numbers; and what runs, watched until it ends."""

# ruff: noqa: F811  fixtures from other files

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.cli.job import number
from dure.errors import InputError
from dure.lifecycle.attempts import Grace
from tests.cli.test_programme import Dure, dure  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
JOB = """project = "alpha"
name = "from a file"
command = ["python", "train.py"]
accelerators = 2
limit = "30m"
"""


@pytest.fixture
def alpha(database: str, dure: Dure, monkeypatch: pytest.MonkeyPatch) -> Dure:
    """Runs a command as the lead of project alpha, which holds units, or as somebody else. Nothing is foretold."""
    from dure.operation import foretelling
    from tests.operation.programme_world import small

    monkeypatch.setattr(foretelling, "_interval", lambda *_: (None, None))
    small(int(time.time()))

    def run(*words: str | Path, who: str = "lead-alpha", at: str = "") -> Any:
        return dure(*words, who=who, at=at)

    return run


def spec_of(seq: int) -> dict[str, Any]:
    from dure.store.models import Job

    found: dict[str, Any] = Job.objects.get(seq=seq).spec
    return found


def submitted(dure: Dure, *words: str | Path) -> int:
    done = dure("submit", "--json", *words)
    assert done.code == 0, done.err
    return int(done.rows[0]["job"])


@given(st.one_of(st.text(), st.integers().map(str), st.from_regex(r"[jJ#]?\d{1,30}")))
def test_a_number_is_a_number_or_a_mistake_that_says_so(text: str) -> None:
    digits = text.strip().lstrip("jJ#")
    if digits.isascii() and digits.isdecimal() and len(digits) < 19:
        assert number(text) == int(digits)
    else:
        with pytest.raises(InputError, match="as 12 or j12"):
            number(text)


# ---- submit -----------------------------------------------------------------------------------------------------------


def test_what_stands_behind_the_dashes_is_the_command_whatever_it_is(alpha: Dure) -> None:
    for command in (
        ("ls", "-la"), ("python", "train.py", "--name", "x", "-n", "9"), ("--", "x"), ("-h",), ("a b", "$(id)", "|"),
    ):  # fmt: skip
        spec = spec_of(submitted(alpha, "-n", "1", "--", *command))
        assert tuple(spec["command"]) == command
        assert (spec["project"], spec["accelerators"]) == ("alpha", 1)  # the only project of who asks


def test_options_in_any_order_say_the_same(alpha: Dure) -> None:
    Path("job.toml").write_text(JOB)
    orders = [
        ("job.toml", "--name", "mine", "-n", "4", "--model", "H200"),
        ("--name", "mine", "job.toml", "--model", "H200", "-n", "4"),
        ("-n4", "--model=H200", "--name=mine", "job.toml"),
    ]
    specs = [spec_of(submitted(alpha, *words)) for words in orders]
    assert specs[0] == specs[1] == specs[2]
    assert (specs[0]["name"], specs[0]["accelerators"], specs[0]["limit_s"]) == ("mine", 4, 1800)


def test_every_option_reaches_the_job(alpha: Dure) -> None:
    words = ("--kind", "training", "--limit", "2h", "--memory", "64GiB", "--cores", "7.5", "--save-every", "30m")
    more = ("--env", "SEED=7", "--env", "EMPTY=", "--env", "EQ=a=b", "--earliest", "2027-01-01T00:00+00:00")
    spec = spec_of(submitted(alpha, *words, *more, "--model", "H200", "--", "true"))
    assert spec["env"] == {"SEED": "7", "EMPTY": "", "EQ": "a=b"}
    got = {k: spec[k] for k in ("kind", "limit_s", "memory_mib", "cores_milli", "save_every_s", "earliest_utc_s")}
    assert got == {
        "kind": "training", "limit_s": 7200, "memory_mib": 65536, "cores_milli": 7500, "save_every_s": 1800,
        "earliest_utc_s": 1_798_761_600,
    }  # fmt: skip


MISTAKES = [
    ((), "nothing to run"),
    (("--",), "nothing to run"),
    (("ls",), "`dure submit -- ls`"),
    (("gone.toml",), "gone.toml: no such file"),
    (("python", "my train.py"), "`dure submit -- python 'my train.py'`"),
    (("--kind", "lease"), "`dure lease request`"),
    (("ls", "-la"), "-l"),
    ((".",), "is a directory"),
    (("job.toml", "--", "ls"), "a file or a command"),
    (("job.toml", "job.toml"), "a file or a command"),
    (("not.toml",), "not.toml:"),
    (("-n", "-1", "--", "ls"), "or equal to 0"),
    (("-n", "many", "--", "ls"), "valid integer"),
    (("-n", "10000", "--", "ls"), "could ever hold it"),
    (("--kind", "trainnig", "--", "ls"), "trainnig"),
    (("--model", "H2000", "--", "ls"), "accelerator models"),
    (("--model", "H2000", "--", "ls"), "the fleet has B200, H200"),
    (("--limit", "soon", "--", "ls"), "limit"),
    (("--limit", "-1h", "--", "ls"), "limit"),
    (("--memory", "64 parsecs", "--", "ls"), "memory"),
    (("--env", "SEED", "--", "ls"), "SEED=7"),
    (("--earliest", "tomorrow", "--", "ls"), "earliest"),
    (("--project", "beta", "--", "ls"), "beta"),
    (("--project", "no-such", "--", "ls"), "no-such"),
    (("--name", "two\nlines", "--", "ls"), "name"),
    (("--replicas", "2", "--", "ls"), "replicas"),
]


def test_a_mistake_is_named_and_leaves_nothing(alpha: Dure) -> None:
    from dure.store.models import Job

    Path("job.toml").write_text(JOB)
    Path("not.toml").write_text(JOB + "colour = 'red'\n")
    for words, said in MISTAKES:
        done = alpha("submit", *words)
        assert (done.code, said in done.err) == (2, True), (words, done.err)
    assert not Job.objects.exists()


def test_a_job_from_stdin(alpha: Dure, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("job.toml").write_text(JOB)
    with Path("job.toml").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert spec_of(submitted(alpha, "-", "--name", "piped"))["name"] == "piped"


def test_who_has_no_project_or_several_is_asked_which(alpha: Dure) -> None:
    from dure.store.models import Member

    done = alpha("submit", "--", "ls", who="office")
    assert (done.code, "DURE_USER" in done.err) == (2, True)
    Member.objects.create(project_id="beta", user="lead-alpha", role="member")
    done = alpha("submit", "--", "ls")
    assert (done.code, "one of alpha, beta" in done.err) == (2, True)
    assert alpha("submit", "--project", "alpha", "--", "ls").code == 0


def test_what_is_said_before_it_is_queued(alpha: Dure) -> None:
    from dure.store.models import Job

    tried = alpha("submit", "--dry-run", "--json", "-n", "2", "--model", "H200", "--limit", "2h", "--", "ls")
    assert tried.code == 0, tried.err
    row = tried.rows[0]
    assert not Job.objects.exists()
    assert (row["job"], row["most_milli_units"]) == (None, 2 * 2 * 13_400)
    assert row["left_milli_units"] > row["most_milli_units"]
    assert "h200" in row["pools"]
    done = alpha("submit", "-n", "2", "--model", "H200", "--limit", "2h", "--", "ls")
    assert "53.6" in done.out
    assert "start `dure serve`" in done.err


def test_what_comes_next_is_said_in_the_language_asked_for(alpha: Dure) -> None:
    done = alpha("submit", "--language", "ko", "--name", "한국어", "--memory", "12", "--", "sh", "-c", "echo 안녕")
    assert (done.code, "next: dure status 1" in done.err, "최대 비용" in done.out) == (0, True, True), done.err
    assert spec_of(1)["memory_mib"] == 12 * 1024
    assert "dure open 2" in alpha("submit", "--kind", "interactive", "--", "x").err
    assert "next:" not in alpha("submit", "--json", "--", "ls").err
    for verb, label in (("status", "시간 제한"), ("why", "해제 조건"), ("when", "작업")):
        assert label in alpha(verb, "1", "--language", "ko").out
        assert label not in alpha(verb, "1", "--language", "en").out
    assert "dure why 1" in alpha("logs", "1").err
    assert "dure why 1" in alpha("when", "1").err  # nothing is foretold
    assert "--state ended" in alpha("queue", "--project", "beta").err


def test_the_examples_run_on_the_default_engine(alpha: Dure) -> None:
    for file in sorted((ROOT / "examples" / "jobs").glob("*.toml")):
        done = alpha("submit", "--dry-run", "--json", file, at="2026-12-01")
        assert done.code == 0 or "could ever hold it" in done.err, (file.name, done.err)
        assert "does not allow" not in done.err + done.out
        assert "cannot do this" not in done.err + done.out


def test_a_wrong_policy_is_said_before_anything_is_served(alpha: Dure) -> None:
    done = alpha("serve", "--policy", "nope")
    assert (done.code, "known: " in done.err, "priority" in done.err) == (2, True, True)


def test_sent_twice_with_one_key_it_is_one_job(alpha: Dure) -> None:
    assert submitted(alpha, "--key", "night-1", "--", "ls") == submitted(alpha, "--key", "night-1", "--", "ls")
    assert submitted(alpha, "--", "ls") != submitted(alpha, "--", "ls")


# ---- look, act --------------------------------------------------------------------------------------------------------


def test_a_wrong_number_is_the_same_mistake_everywhere(alpha: Dure) -> None:
    seq = submitted(alpha, "--", "ls")
    wrong = (("99", "no job"), ("j99", "no job"), ("twelve", "as 12 or j12"), ("", "as 12 or j12"), ("1.5", "j12"))
    for verb in ("status", "why", "when", "logs", "cancel", "requeue", "open"):
        for text, said in wrong:
            done = alpha(verb, text)
            assert (done.code, said in done.err) == (2, True), (verb, text, done.err)
        assert "no job" in alpha(verb, str(seq), who="lead-beta").err  # nor is it told that there is one


def test_the_queue_is_ones_own_unless_asked_otherwise(alpha: Dure) -> None:
    from dure.store.models import Job, Member

    mine = submitted(alpha, "--name", "mine", "--", "ls")
    row = Job.objects.get(seq=mine)
    other = Job.objects.create(
        **{f: getattr(row, f) for f in ("user", "kind", "name", "spec", "state", "submitted_utc_s")}, project="beta"
    )
    Member.objects.create(project_id="alpha", user="office", role="member")
    seen = lambda *words, who="lead-alpha": [r["job"] for r in alpha("queue", "--json", *words, who=who).rows]  # noqa: E731
    assert seen() == seen("--all") == seen("--state", "queued") == [mine]
    assert seen(who="office") == [mine]
    assert seen("--all", who="office") == [mine, other.seq]
    assert seen("--project", "beta", who="office") == [other.seq]
    assert seen("--user", "nobody") == seen("--state", "running") == seen("--after", str(mine)) == []
    bad = alpha("queue", "--state", "sleeping")
    assert (bad.code, "known: " in bad.err) == (2, True)
    text = alpha("queue")
    assert ("mine" in text.out, "start `dure serve`" in text.err) == (True, True)
    csv = alpha("queue", "--csv").out.splitlines()
    assert csv[0].startswith("job,project,user,kind,name,state")
    assert len(csv) == 2


def test_cancel_takes_several_or_none(alpha: Dure) -> None:
    from dure.store.models import Job

    seqs = [submitted(alpha, "--", "ls") for _ in range(2)]
    assert alpha("cancel", str(seqs[0]), "99").code == 2
    assert not Job.objects.filter(wish__gt=0).exists()
    done = alpha("cancel", f"j{seqs[0]}", str(seqs[1]), str(seqs[1]))
    assert done.code == 0, done.err
    assert Job.objects.filter(wish=1).count() == 2
    assert alpha("requeue", str(seqs[0])).code == 2
    assert alpha("open", str(seqs[0])).code == 2  # no notebook


# ---- operate ----------------------------------------------------------------------------------------------------------


def test_sites_as_operators_say(alpha: Dure) -> None:
    for words in (
        ("drain", "first"), ("cap", "first", "800kW"), ("outage", "abroad", "--from", "2027-01-01", "--to", "2027-01-02"),
    ):  # fmt: skip
        assert alpha("site", *words).code == 2  # for operators alone
        done = alpha("site", *words, who="operator", at="2026-12-01")
        assert done.code == 0, done.err
    sites = {r["site"]: r for r in alpha("site", "list", "--json", at="2026-12-01").rows}
    assert (sites["first"]["drained"], sites["first"]["cap_w"], sites["abroad"]["drained"]) == (True, 800_000, False)
    assert "2027-01-01" in sites["abroad"]["outages"]
    assert alpha("site", "resume", "first", who="operator").code == 0
    assert alpha("site", "cap", "first", "none", who="operator").code == 0
    assert "–" in alpha("site", "list").out
    for words, said in (
        (("drain", "no-such"), "known: "), (("cap", "first", "a lot"), "4.2 MW"), (("cap", "first", "-5"), "-5"),
        (("outage", "first", "--from", "2027-01-02", "--to", "2027-01-01"), "to"),
        (("outage", "first", "--from", "soon", "--to", "2027-01-01"), "from"),
    ):  # fmt: skip
        done = alpha("site", *words, who="operator")
        assert (done.code, said in done.err) == (2, True), (words, done.err)


def test_a_project_is_stopped_resumed_and_given_terms(alpha: Dure) -> None:
    assert alpha("project", "stop", "alpha").code == 2
    assert alpha("project", "stop", "alpha", "--reason", "an inquiry", who="c1").code == 0
    assert "stopped" in alpha("submit", "--", "ls").err
    assert alpha("project", "resume", "alpha", who="c1").code == 0
    words = ("project", "terms", "alpha", "--when-spent", "scavenge", "--shares", "3", "--limit", "16", "--json")
    assert alpha(*words, who="office").rows == [
        {"project": "alpha", "when_spent": "scavenge", "shares": 3, "limit_accelerators": 16}
    ]
    assert (
        alpha("project", "terms", "alpha", "--limit", "0", "--json", who="office").rows[0]["limit_accelerators"] is None
    )
    assert alpha("project", "terms", "alpha", "--json").rows[0]["shares"] == 3  # a member may look
    assert alpha("project", "terms", "alpha", "--shares", "9").code == 2
    assert alpha("project", "terms", "no-such", who="office").code == 2


def test_a_lease_is_asked_for_by_nodes_and_dates(alpha: Dure) -> None:
    dates = ("--from", "2027-01-01T00:00+00:00", "--to", "2027-01-02T00:00+00:00")
    asked = alpha("lease", "request", "--nodes", "2", "--model", "H200", *dates, "--name", "course", "--json")
    assert asked.code == 0, asked.err
    spec = spec_of(asked.rows[0]["job"])
    assert (spec["kind"], spec["accelerators"], spec["limit_s"], spec["earliest_utc_s"]) == (
        "lease", 16, 86_400, 1_798_761_600,
    )  # fmt: skip
    assert [r["name"] for r in alpha("lease", "list", "--json").rows] == ["course"]
    for words, said in (
        (("--model", "H200", "--from", "2027-01-02", "--to", "2027-01-01"), "ends after it begins"),
        (("--model", "H2000", *dates), "no node has such a model"),
        (dates, "differ in size"),
        (("--nodes", "0", *dates), "or equal to 1"),
    ):
        done = alpha("lease", "request", *words)
        assert (done.code, said in done.err) == (2, True), (words, done.err)


def test_a_service_is_scaled_and_stopped(alpha: Dure) -> None:
    from dure.store.models import Service

    assert submitted(alpha, "--kind", "service", "--name", "api", "--replicas", "2", "--", "serve") > 0
    (row,) = alpha("service", "list", "--json").rows
    assert (row["name"], row["wanted"], row["running"]) == ("api", 2, 0)
    number = str(row["service"])
    assert alpha("service", "scale", number, "5").code == 0
    assert alpha("service", "restart", number).code == 0
    assert alpha("service", "stop", number).code == 0
    assert Service.objects.get().replicas == 0
    assert alpha("service", "scale", number, "-1").code == 2
    assert "no service" in alpha("service", "scale", "99", "1").err
    assert "no service" in alpha("service", "stop", number, who="lead-beta").err


def test_usage_and_webhooks(alpha: Dure, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (
        (),
        ("alpha",),
        ("alpha", "--by", "user,month"),
        ("alpha", "--focus"),
        ("--idle",),
        ("alpha", "--by", "kind"),
    ):
        done = alpha("usage", *words, "--json")
        assert (done.code, done.rows) == (0, []), (words, done.err)
    bad = alpha("usage", "alpha", "--by", "colour")
    assert (bad.code, "model" in bad.err) == (2, True)
    assert alpha("usage", "beta").code == 2
    assert alpha("reconcile", "first").code == 2  # for operators alone
    monkeypatch.setenv("DURE_SECRET_KEY", "0123456789abcdef")
    added = alpha("webhook", "add", "alpha", "https://example.org/hook")
    assert (added.code, added.out.startswith("whk_")) == (0, True)
    (row,) = alpha("webhook", "list", "--json").rows
    assert (row["url"], row["state"]) == ("https://example.org/hook", "well")
    assert "whk_" not in alpha("webhook", "list").out
    assert alpha("webhook", "add", "alpha", "ftp://example.org").code == 2
    assert alpha("webhook", "remove", str(row["webhook"]), who="lead-beta").code == 2
    assert alpha("webhook", "remove", str(row["webhook"])).code == 0


# ---- what runs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(alpha: Dure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dure]:
    """As `alpha`, with a control loop that runs jobs on the local engine."""
    from django.db import connections

    from dure.app.programme import fleet_of_programme
    from dure.operation.engines import engines_of
    from dure.operation.loop import Loop, SystemClock

    folder = Path(tempfile.mkdtemp(prefix="dure-local-"))
    folder.chmod(0o755)  # started as root, jobs run as somebody else, who must get there
    monkeypatch.setenv("DURE_LOCAL", str(folder))
    stop = Event()

    def work() -> None:
        engines = engines_of(fleet_of_programme(), os.environ)
        loop = Loop(engines.of_pool, SystemClock(), grace=Grace(save_s=1, term_s=1))
        loop.run(stop)
        loop.lead.release()
        connections.close_all()

    thread = Thread(target=work, daemon=True)
    thread.start()
    yield alpha
    stop.set()
    thread.join(20)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_job_from_its_command_to_its_exit_status(running: Dure) -> None:
    done = running(
        "submit", "--wait", "-n", "1", "--name", "ends badly", "--", "sh", "-c", "echo out; echo err >&2; exit 3"
    )
    assert (done.code, "failed" in done.err, "start `dure serve`" in done.err) == (3, True, False), done.err
    seq = str(running("queue", "--state", "failed", "--json").rows[0]["job"])
    assert sorted(running("logs", seq).out.split()) == ["err", "out"]
    status = running("status", f"j{seq}", "--json").rows
    assert (status["job"][0]["exit_code"], status["job"][0]["failure"]) == (3, "user")
    assert [e["event"] for e in status["events"]] == ["submit", "start", "fail"]
    assert status["events"][-1]["cause"] == "exit status 3"
    text = running("status", seq).out
    assert ("ends badly" in text, "exit status 3" in text) == (True, True)
    assert any("가" <= c <= "힣" for c in running("why", seq, "--language", "ko").out)
    assert running("logs", seq, "--attempt", "2").code == 2
    assert running("cancel", seq).code == 2  # it has ended
    assert running("usage", "alpha", "--by", "job", "--json").rows[0]["job"] == int(seq)

    code = "import time; [print(i, flush=True) or time.sleep(0.05) for i in range(20)]"
    seq = str(submitted(running, "--limit", "5m", "--", sys.executable, "-c", code))
    followed = running("logs", "-f", seq)  # from before its start to its end
    assert (followed.code, followed.out.split()) == (0, [str(i) for i in range(20)])

    seq = str(submitted(running, "--", "sleep", "600"))
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background process starts with it ignored
    try:
        Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
        assert running("logs", "--follow", seq).code == 130
    finally:
        signal.signal(signal.SIGINT, before)
    while running("status", seq, "--json").rows["job"][0]["state"] != "running":
        time.sleep(0.1)
    assert running("requeue", seq).code == 0
    while running("status", seq, "--json").rows["job"][0]["attempts"] < 2:
        time.sleep(0.1)
    assert running("cancel", seq).code == 0
    while running("status", seq, "--json").rows["job"][0]["state"] != "cancelled":
        time.sleep(0.1)
    assert running("queue", "--json").rows == []


def test_whoever_reads_may_leave(running: Dure, database: str) -> None:
    done = running("submit", "--wait", "--", sys.executable, "-c", "print('x' * 3_000_000)")
    assert done.code == 0, done.err
    seq = str(running("queue", "--state", "ended", "--json").rows[0]["job"])
    env = {**os.environ, "DURE_DATABASE_URL": database, "DURE_USER": "lead-alpha", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "dure.cli.main", "logs", seq]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(5) == b"xxxxx"
        process.stdout.close()
        assert process.wait(60) in (1, 141)  # Click's way of saying it, or the shell's
        assert process.stderr.read() == b""
