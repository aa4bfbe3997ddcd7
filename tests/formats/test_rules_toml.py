"""Rule files, logged decisions and facts as they are read: every fault with its place, nothing half read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dure.errors import InputError, InputErrors
from dure.formats.rules import (
    digest_of,
    drafts,
    facts_from,
    load_shipped,
    parse,
    read_decisions,
    read_rules,
    shipped_files,
    write_decision,
)
from dure.governance.facts import FACTS, Act, Facts
from dure.governance.judge import Decision, facts_json

OPENS = {n: t for n, t in shipped_files().items() if n in ("dure-party.toml", "dure-place.toml", "dure-release.toml")}
FILE = """\
id = "one-rule"
kind = "approval"
acts = ["award", "run"]
jurisdiction = "KR"
valid_from = 2026-01-22
valid_to = 2027-01-01
title = { ko = "제목", en = "Title" }
statement = { ko = "조건", en = "Condition" }
todo = { ko = "할 일", en = "To do" }
when = '''
context.listed == "yes"
&& context.chip_classes.contains("below")'''

[source]
law = "A law"
paragraph = "Art. 1"
where = "read nowhere"
read = "2026-11"
confidence = "low"

[[case]]
name = "both"
act = "award"
fires = true
facts = { listed = "yes", chip_classes = ["below", "unknown"] }

[[case]]
name = "listed alone"
act = "award"
fires = false
facts = { listed = "yes" }

[[case]]
name = "a job"
act = "run"
fires = true
facts = { listed = "yes", chip_classes = ["below"] }
"""


def parsed(text: str) -> Any:
    return parse({**OPENS, "one.toml": text})


def faults(text: str) -> list[InputError]:
    with pytest.raises(InputErrors) as found:
        parsed(text)
    return found.value.errors


def test_a_file_becomes_a_rule() -> None:
    rule = next(r for r in parsed(FILE).rules if r.id == "one-rule")
    assert (rule.kind, rule.acts, rule.jurisdiction) == ("approval", (Act.AWARD, Act.RUN), "KR")
    assert (rule.from_utc_s, rule.to_utc_s) == (1_769_040_000, 1_798_761_600)  # 2026-01-22 and 2027-01-01, 00:00 UTC
    assert (rule.title.ko, rule.statement.en, rule.todo.ko) == ("제목", "Condition", "할 일")
    assert (rule.source.law, rule.source.read, rule.source.confidence) == ("A law", "2026-11", "low")
    assert [c.fires for c in rule.cases] == [True, False, True]
    assert rule.cases[0].facts == {"listed": "yes", "chip_classes": frozenset({"below", "unknown"})}
    assert rule.file == "one.toml"
    assert (
        next(r for r in parsed(FILE.replace("valid_to = 2027-01-01\n", "")).rules if r.id == "one-rule").to_utc_s
        is None
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "said"),
    [
        ('id = "one-rule"', 'id = "One rule"', 1, "id", "small letters"),
        ('id = "one-rule"\n', "", None, "id", "missing"),
        ('kind = "approval"', 'kind = "aproval"', 2, "kind", "approval"),
        ('kind = "approval"', 'kind = "forbid"', 9, "todo", "nothing to do"),
        ("todo = {", "todos = {", 9, "todos", "unknown key"),
        ("todo = {", "todos = {", None, "todo", "missing"),
        ('["award", "run"]', '["award", "fly"]', 3, "acts", "award, run"),
        ('["award", "run"]', "[]", 3, "acts", "a list"),
        ('["award", "run"]', '["award", "award"]', 3, "acts", "once"),
        ('jurisdiction = "KR"', 'jurisdiction = "FR"', 4, "jurisdiction", "KR, US"),
        ("valid_from = 2026-01-22", 'valid_from = "2026-01-22"', 5, "valid_from", "a day"),
        ("valid_from = 2026-01-22", "valid_from = 2026-01-22T00:00:00", 5, "valid_from", "a day"),
        ("valid_from = 2026-01-22", "valid_from = 20260122", 5, "valid_from", "a day"),
        ("valid_to = 2027-01-01", "valid_to = 2026-01-22", 6, "valid_to", "ends before"),
        ('title = { ko = "제목", ', "title = { ", 7, "title.ko", "missing"),
        ('title = { ko = "제목"', 'title = { ko = " "', 7, "title.ko", "not empty"),
        ('en = "Title"', 'en = "Title", fr = "Titre"', 7, "title.fr", "unknown"),
        ('title = { ko = "제목", en = "Title" }', 'title = "Title"', 7, "title", "table"),
        ("when = '''", "when = ''' true }; permit(principal, action, resource) when {", 10, "when", "more than one"),
        ('context.listed == "yes"', 'context.lsted == "yes"', 10, "when", "listed"),
        ('contains("below")', 'contains("blow")', 10, "when", "never has it"),
        ("when = '''", "wen = '''", None, "when", "missing"),
        ('law = "A law"\n', "", 14, "source.law", "missing"),
        ('read = "2026-11"', 'read = "lately"', 18, "source.read", "2026-11"),
        ('read = "2026-11"', 'read = "2026-13"', 18, "source.read", "2026-11"),
        ('confidence = "low"', 'confidence = "sure"', 19, "source.confidence", "high"),
        ('name = "both"\n', "", 21, "case[1].name", "missing"),
        ("fires = true", 'fires = "true"', 24, "case[1].fires", "true or false"),
        ('["below", "unknown"]', '["unknown"]', 21, "case[1]", "does not fire"),
        ('act = "award"', 'act = "place"', 23, "case[1].act", "not an act"),
        ('act = "award"', 'act = "fly"', 23, "case[1].act", "award"),
        ('["below", "unknown"]', '["below", "unknwn"]', 25, "case[1].facts.chip_classes", "a set of"),
        ('["below", "unknown"]', '"below"', 25, "case[1].facts.chip_classes", "a set of"),
        ('["below", "unknown"]', "[1]", 25, "case[1].facts.chip_classes", "a set of"),
        ('{ listed = "yes", chip', '{ lsted = "yes", chip', 25, "case[1].facts.lsted", "no such fact"),
        ('{ listed = "yes", chip', "{ listed = 1.5, chip", 25, "case[1].facts.listed", "one of yes"),
        ('act = "run"', 'act = "award"', None, "case", "no case of run"),
        ("fires = false", "fires = true", None, "case", "does not fire"),
        ('{ listed = "yes" }', '{ listed = "yes", chip_classes = ["below"] }', 27, "case[2]", "fires"),
    ],
)  # fmt: skip
def test_every_fault_has_its_file_line_key_and_what_is_right(
    old: str, new: str, line: int | None, field: str, said: str
) -> None:
    assert old in FILE
    found = [e for e in faults(FILE.replace(old, new, 1)) if e.field == field and said in str(e)]
    assert found, [str(e) for e in faults(FILE.replace(old, new, 1))]
    assert found[0].source == "one.toml"
    assert line is None or found[0].line == line, found[0].line


def test_faults_of_all_files_come_at_once_and_nothing_is_loaded() -> None:
    bad = {
        "a.toml": FILE.replace("KR", "FR"), "b.toml": "id = ", "c.toml": FILE.replace("listed ==", "lsted =="),
        "d.toml": FILE.replace('kind = "approval"', "kind = 3").replace("[source]", "[sources]"),
    }  # fmt: skip
    with pytest.raises(InputErrors) as found:
        parse({**OPENS, **bad})
    said = [(e.source, e.field) for e in found.value.errors]
    d = [("d.toml", field) for field in ("kind", "todo", "sources", "source")]
    assert said[:3] == [("a.toml", "jurisdiction"), ("b.toml", ""), ("c.toml", "when")]
    assert sorted(said[3:]) == sorted(d)


def test_the_set_is_looked_at_as_a_whole() -> None:
    with pytest.raises(InputErrors, match="two versions at once"):
        parse({**OPENS, "a.toml": FILE, "b.toml": FILE})
    with pytest.raises(InputErrors, match="no rule permits it"):
        parse({"a.toml": FILE})
    two = {"a.toml": FILE, "b.toml": FILE.replace("2027-01-01", "2028-01-01").replace("2026-01-22", "2027-01-01")}
    assert len(parse({**OPENS, **two}).rules) == 5


def test_drafts_are_read_though_a_case_does_not_come_out() -> None:
    wrong = FILE.replace('["below", "unknown"]', '["unknown"]')
    assert "one-rule" in {r.id for r in drafts({**OPENS, "one.toml": wrong})}
    assert faults(wrong)
    with pytest.raises(InputErrors):
        drafts({**OPENS, "one.toml": wrong.replace("listed ==", "lsted ==")})


def test_the_digest_is_of_names_and_texts() -> None:
    files = {"b.toml": "two", "a.toml": "하나"}
    assert digest_of(files) == digest_of(dict(sorted(files.items())))
    assert digest_of(files) == hashlib.sha256('[["a.toml","하나"],["b.toml","two"]]'.encode()).hexdigest()
    assert digest_of({"b.toml": "two", "a.toml": "하나 "}) != digest_of(files)
    assert digest_of({"b.toml": "two", "c.toml": "하나"}) != digest_of(files)
    assert load_shipped().digest == digest_of(shipped_files())


def test_a_folder_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_rules(tmp_path / "none")
    with pytest.raises(InputError, match="no rule files"):
        read_rules(tmp_path)
    (tmp_path / "b.toml").write_text(FILE.replace("\n", "\r\n"), "utf-8")
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + FILE.encode())
    (tmp_path / "notes.md").write_text("why")
    (tmp_path / ".a.toml.swp").write_text("x")
    assert list(read_rules(tmp_path).items()) == [("a.toml", FILE), ("b.toml", FILE)]
    (tmp_path / "c.tml").write_text(FILE)
    with pytest.raises(InputError, match=r"c\.tml: not a rule file"):
        read_rules(tmp_path)
    (tmp_path / "c.tml").rename(tmp_path / "c.toml")
    (tmp_path / "c.toml").write_bytes(b"id = '\xff'")
    with pytest.raises(InputError, match=r"c\.toml:1: wrong encoding"):
        read_rules(tmp_path)
    (tmp_path / "c.toml").write_bytes(b"#" * (256 * 1024 + 1))
    with pytest.raises(InputError, match="too large"):
        read_rules(tmp_path)
    (tmp_path / "c.toml").unlink()
    (tmp_path / "more.toml").mkdir()
    with pytest.raises(InputError, match="directory"):
        read_rules(tmp_path)


QUIET = Facts(Act.AWARD, {f.name: f.quiet for f in FACTS[Act.AWARD]})
DECISION = Decision(3, Act.AWARD, "응용-1", 1_790_000_000, QUIET, True, ("dure-party",), ("b", "a"), "digest")


def test_a_decision_survives_its_line() -> None:
    line = write_decision(DECISION)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert "응용-1" in line
    assert list(json.loads(line)) == [
        "seq",
        "act",
        "about",
        "as_of",
        "facts",
        "allowed",
        "reasons",
        "obligations",
        "rules",
    ]
    many = [line.encode(), b"\n", b"  \n", line.replace('"seq":3', '"seq":4').encode()]
    assert [d.seq for d in read_decisions(many, "log")] == [3, 4]
    assert next(read_decisions(many, "log")) == DECISION


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d | {"seq": "3"}, "seq: wrong value"),
        (lambda d: d | {"seq": True}, "seq: wrong value"),
        (lambda d: d | {"act": "fly"}, "act: no such act"),
        (lambda d: d | {"as_of": 1.5}, "as_of: wrong value"),
        (lambda d: d | {"facts": []}, "facts: wrong value"),
        (lambda d: d | {"allowed": 1}, "allowed: wrong value"),
        (lambda d: d | {"reasons": "dure-party"}, "reasons: wrong value"),
        (lambda d: d | {"obligations": [1]}, "obligations: wrong value"),
        (lambda d: d | {"more": 1}, "more: unknown key"),
        (lambda d: {k: v for k, v in d.items() if k != "rules"}, "rules: missing key"),
        (lambda d: [d], "not a decision"),
        (lambda d: "x" * (1 << 20), "too long"),
    ],
)
def test_a_line_that_is_no_decision_is_named(change: Any, said: str) -> None:
    good = write_decision(DECISION)
    bad = json.dumps(change(json.loads(good))) + "\n"
    with pytest.raises(InputError, match=f"log:12: {said}"):
        list(read_decisions([good.encode(), b"\n", bad.encode()], "log", first=10))


@pytest.mark.parametrize("line", [b"{", b"\xff", b"[" * 100_000, b"NaN x"])
def test_what_is_not_json_is_named(line: bytes) -> None:
    with pytest.raises(InputError, match="log:1: not JSON"):
        list(read_decisions([line], "log"))


def test_facts_come_from_lists_and_from_nothing_else() -> None:
    assert facts_from("award", facts_json(QUIET)) == QUIET
    found = facts_from(
        "award", {"chip_classes": ["below", "below"], "listed": ["yes"], "site_countries": [["KR"]], "x": [1]}
    )
    assert found.values == {
        "chip_classes": frozenset({"below"}), "listed": ["yes"], "site_countries": [["KR"]], "x": [1],
    }  # fmt: skip
    with pytest.raises(InputError, match="no such act"):
        facts_from("Award", {})
