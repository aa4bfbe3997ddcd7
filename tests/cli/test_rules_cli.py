"""`dure rules` as a user meets it. No database, and nothing is written."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dure.cli import rules as cli
from dure.errors import InputError
from dure.formats.rules import load_shipped, parse, shipped_files, write_decision
from dure.governance.facts import FACTS, Act, Facts
from dure.governance.judge import Decision, compare, judge
from tests.cli.test_cli import Done, Dure, dure  # noqa: F401

NOW = 1_790_000_000
PLACE = ("rules", "explain", "place", "--from-quiet", "--at", "2026-11-01")


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURE_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    monkeypatch.setenv("LANG", "C.UTF-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped rules."""
    (tmp_path / "rules").mkdir()
    for name, text in shipped_files().items():
        (tmp_path / "rules" / name).write_text(text, "utf-8")
    return tmp_path / "rules"


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), "utf-8")


def test_list_shows_versions_and_whether_they_hold(dure: Dure) -> None:  # noqa: F811
    shown = json.loads(dure("rules", "list", "--at", "2024-12-01", "--json").out)
    assert len(shown) == len(load_shipped().rules)
    states = {(r["rule"], r["from"]): r["state"] for r in shown}
    assert states["us-eo-14110", "2023-10-30"] == "holds"
    assert states["kr-ai-safety", "2026-01-22"] == "not yet"
    place = json.loads(dure("rules", "list", "--act", "place", "--json", "--language", "ko").out)
    assert {r["rule"] for r in place} == {r.id for r in load_shipped().rules if Act.PLACE in r.acts}
    assert any("가" <= c <= "힣" for c in place[0]["title"])
    rows = list(csv.DictReader(io.StringIO(dure("rules", "list", "--at", "2026-11-01", "--csv").out)))
    assert {r["state"] for r in rows if r["rule"] == "us-eo-14110"} == {"no longer"}


def test_check_says_how_many_and_which(dure: Dure, folder: Path) -> None:  # noqa: F811
    shipped, copied = dure("rules", "check"), dure("rules", "check", folder)
    assert shipped.code == copied.code == 0
    assert shipped.out == copied.out
    assert load_shipped().digest in shipped.out
    assert f"{len(load_shipped().rules)} rules" in shipped.out


def test_check_names_every_fault(dure: Dure, folder: Path) -> None:  # noqa: F811
    change(folder, "us-listed.toml", "context.listed", "context.lsted")
    change(folder, "kr-ai-safety.toml", "100000000000", "100000000001")
    change(folder, "ca-nsgrp.toml", 'jurisdiction = "CA"', 'jurisdiction = "Canada"')
    done = dure("rules", "check", folder)
    assert done.code == 2
    assert "us-listed.toml" in done.err
    assert "lsted" in done.err
    assert "kr-ai-safety.toml" in done.err
    assert "does not fire" in done.err
    assert "ca-nsgrp.toml:4: jurisdiction" in done.err
    assert "Traceback" not in done.err
    assert dure("rules", "check", folder / "none").code == 2


def test_every_case_is_a_line_and_one_that_fails_is_code_1(dure: Dure, folder: Path) -> None:  # noqa: F811
    done = dure("rules", "test", folder, "--json")
    cases = sum(len(r.cases) for r in load_shipped().rules)
    assert (done.code, len(json.loads(done.out))) == (0, cases)
    assert f"{cases} cases, 0 failed" in done.err
    change(folder, "kr-ai-safety.toml", "100000000000", "100000000001")
    done = dure("rules", "test", folder, "--json")
    failed = [row for row in json.loads(done.out) if row["result"] != "as expected"]
    assert done.code == 1
    assert failed
    assert {row["rule"] for row in failed} == {"kr-ai-safety"}
    assert {(row["expected"], row["result"]) for row in failed} == {("fires", "does not fire")}
    assert f"{len(failed)} failed" in done.err


def test_explain_says_who_decided_and_what_to_do(dure: Dure) -> None:  # noqa: F811
    done = dure(*PLACE, "--set", "site_country=CA", "--set", "personal_level=3", "--json")
    shown = json.loads(done.out)
    assert shown["verdict"][0] | {"as_of": ""} == {
        "act": "place", "as_of": "", "allowed": "no", "reasons": "kr-pipa-basis", "obligations": "", "faults": "",
    }  # fmt: skip
    fired = {r["rule"] for r in shown["rules"] if r["fired"] == "yes" and r["state"] == "holds"}
    assert fired == {"dure-place", "kr-pipa-basis"}
    assert "PIPA" in str(shown) or "Personal Information" in str(shown)
    text = dure(*PLACE, "--set", "site_allowed=unknown").out
    assert "Allowed, with obligations: dure-site-unlisted" in text
    assert "To do" in text
    assert "허용" in dure(*PLACE, "--language", "ko").out
    assert "거부: dure-site" in dure(*PLACE, "--set", "site_allowed=no", "--language", "ko").out


def test_explain_judges_as_of_a_date_and_by_other_rules(dure: Dure, folder: Path) -> None:  # noqa: F811
    quick = ("rules", "explain", "place", "--from-quiet", "--json")
    facts = (
        "--set",
        "site_country=DE",
        "--set",
        "personal_level=3",
        "--set",
        "transfer_basis=equivalence",
        "--set",
        "basis_documented=true",
    )
    said = {
        at: json.loads(dure(*quick, *facts, "--at", at).out)["verdict"][0]["reasons"]
        for at in ("2025-09-14", "2025-09-18", "2019-06-01")
    }
    assert said == {"2025-09-14": "kr-pipa-equivalence", "2025-09-18": "dure-place", "2019-06-01": ""}
    (folder / "kr-n2sf-abroad.toml").unlink()
    shown = json.loads(dure(*quick, "--set", "n2sf_level=2", "--set", "site_country=CA", "--rules", folder).out)
    assert shown["verdict"][0]["obligations"] == ""


def test_explain_denies_what_is_not_given(dure: Dure, tmp_path: Path) -> None:  # noqa: F811
    whole = {f.name: sorted(f.quiet) if isinstance(f.quiet, frozenset) else f.quiet for f in FACTS[Act.PLACE]}
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(whole))
    explain = ("rules", "explain", "place", "--json")
    assert json.loads(dure(*explain, "--facts", file).out)["verdict"][0]["allowed"] == "yes"
    for spoil in (
        "personal_level=many",
        "personal_level=9",
        "basis_expired=yes",
        "site_country=Korea",
        "origin_countries=kr",
    ):
        row = json.loads(dure(*explain, "--facts", file, "--set", spoil).out)["verdict"][0]
        assert (row["allowed"], row["faults"].split(":")[0]) == ("no", spoil.split("=")[0])
    del whole["site_country"]
    file.write_text(json.dumps(whole))
    assert json.loads(dure(*explain, "--facts", file).out)["verdict"][0]["faults"] == "site_country: missing"
    nothing = dure("rules", "explain", "place", "--language", "en")
    assert nothing.out.startswith("Denied: the facts are at fault (")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "site_country"), "FACT=VALUE"),
        (("--set", "sit_country=KR"), "unknown fact of place 'sit_country'"),
        (("--facts", "examples/none.json"), "no such file"),
        (("--facts", "README.md"), "not JSON"),
        (("--at", "soon"), "not a moment"),
        (("--rules", "examples/none"), "no such folder"),
    ],
)
def test_wrong_arguments_end_with_their_message(words: tuple[str, ...], said: str, dure: Dure) -> None:  # noqa: F811
    done = dure("rules", "explain", "place", *words)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def written(path: Path, n: int) -> list[Decision]:
    """A log of `n` decisions of the shipped rules; every third is listed as unknown."""
    found = []
    for seq in range(1, n + 1):
        more: dict[str, Any] = {"listed": "unknown"} if seq % 3 == 0 else {}
        facts = Facts(Act.TRAIN, {f.name: f.quiet for f in FACTS[Act.TRAIN]} | more)
        v = judge(load_shipped(), facts, NOW)
        found.append(Decision(seq, Act.TRAIN, f"run-{seq}", NOW, facts, v.allowed, v.reasons, v.obligations, v.rules))
    path.write_text("".join(map(write_decision, found)), "utf-8")
    return found


def test_diff_shows_what_would_have_changed(dure: Dure, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    log = tmp_path / "decisions.log"
    written(log, 7)
    same = json.loads(dure("rules", "diff", folder, "--against", log, "--json").out)
    assert {row["what"]: row["decisions"] for row in same["counts"]} == {
        "judged": 7, "changed": 0, "newly denied": 0, "newly allowed": 0, "more asked": 0, "less asked": 0,
    }  # fmt: skip
    (folder / "us-listed-unknown.toml").unlink()
    shown = json.loads(dure("rules", "diff", folder, "--against", log, "--json").out)
    assert [(row["seq"], row["about"], row["obligations_lost"]) for row in shown["changes"]] == [
        (3, "run-3", "us-listed-unknown"), (6, "run-6", "us-listed-unknown"),
    ]  # fmt: skip
    early = json.loads(dure("rules", "diff", folder, "--against", log, "--at", "2019-06-01", "--json").out)
    assert {row["what"]: row["decisions"] for row in early["counts"]}["newly denied"] == 7
    text = dure("rules", "diff", folder, "--against", log)
    assert text.code == 0
    assert "us-listed-unknown" in text.out


def test_diff_of_a_broken_log_or_set_says_where(dure: Dure, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    log = tmp_path / "decisions.log"
    written(log, 3)
    log.write_text(log.read_text("utf-8").replace('"seq":2', '"seq":"2"'), "utf-8")
    done = dure("rules", "diff", folder, "--against", log)
    assert (done.code, "decisions.log:2: seq: wrong value" in done.err) == (2, True)
    assert dure("rules", "diff", folder, "--against", tmp_path / "none.log").code == 2
    log.write_text("")
    assert json.loads(dure("rules", "diff", folder, "--against", log, "--json").out)["changes"] == []
    shutil.rmtree(folder)
    assert dure("rules", "diff", folder, "--against", log).code == 2


def test_two_processes_find_what_one_finds_and_stop_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, files = tmp_path / "decisions.log", dict(shipped_files())
    decisions = written(log, 23)
    del files["us-listed-unknown.toml"]
    monkeypatch.setattr(cli, "PART", 4)
    seen: list[float] = []
    whole = cli.compared(files, log, None, lambda done: not seen.append(done))
    assert whole == compare(parse(files), decisions)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    some = cli.compared(files, log, None, lambda _: False)
    assert some.judged == 4
    assert some.changes == whole.changes[:1]
    with log.open("ab") as stream:
        stream.write(b"{}\n")
    with pytest.raises(InputError, match=r"decisions\.log:24: "):
        cli.compared(files, log, None, lambda _: True)


def test_an_interrupted_diff_shows_what_it_found(
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    dure: Dure,  # noqa: F811
) -> None:
    log = tmp_path / "decisions.log"
    written(log, 3)
    real: Callable[..., Any] = cli.compared

    def stopped(*given: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return real(*given)

    monkeypatch.setattr(cli, "compared", stopped)
    done: Done = dure("rules", "diff", folder, "--against", log, "--json")
    assert done.code == 130
    assert json.loads(done.out)["counts"][0]["decisions"] == 3
    assert "the first 3 decisions were judged" in done.err
