"""Rules from a folder of TOML files (docs/guides/write-a-rule.md), decisions from and to JSON lines, facts from and to JSON."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from dure.errors import InputError, InputErrors
from dure.formats import toml
from dure.formats.streams import Limits, clean_text, opened, read_bytes
from dure.governance.facts import FACTS, Act, Facts, Type
from dure.governance.judge import Decision, Rules, rule_faults, set_faults
from dure.governance.judge import facts_json as facts_json
from dure.governance.rules import ASKS, Case, Kind, Rule, Source
from dure.units import DAY_S
from dure.vocabulary import Text

JURISDICTIONS = ("KR", "US", "US-CA", "CA", "EU", "programme")
CONFIDENCES = ("high", "medium", "low")
MOST_FILES, MOST_CASES = 1_000, 200
_FILE = Limits(max_bytes=256 * 1024)
LINE_MOST = 1 << 20  # bytes of a logged decision; real ones have 2,000
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_READ = re.compile(r"\d{4}-(0[1-9]|1[0-2])(-\d\d)?")


def read_rules(folder: Path) -> dict[str, str]:
    """The rule files of a folder: text by name. A file whose name does not end in .toml is a fault, unless it is a note
    (.md) or hidden: a rule with a mistyped name would silently be missing. Raises InputError."""
    if not folder.is_dir():
        raise InputError("no such folder", source=str(folder), accepted="a folder of rule files, NAME.toml")
    found = dict[str, str]()
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix == ".md":
            continue
        if path.suffix != ".toml":
            raise InputError("not a rule file", source=str(path), accepted="NAME.toml; notes as NAME.md")
        if len(found) == MOST_FILES:
            raise InputError("too many rule files", source=str(folder), accepted=f"at most {MOST_FILES:,}")
        with opened(path) as stream:
            found[path.name] = clean_text(read_bytes(stream, str(path), _FILE), str(path)).decode()
    if not found:
        raise InputError("no rule files", source=str(folder), accepted="a folder of rule files, NAME.toml")
    return found


@cache
def shipped_files() -> Mapping[str, str]:
    """The shipped rule files: text by name."""
    folder = resources.files("dure.governance") / "rules"
    return {f.name: f.read_text("utf-8") for f in sorted(folder.iterdir(), key=lambda f: f.name)}


@cache
def load_shipped() -> Rules:
    """The shipped rules."""
    return parse(shipped_files())


def digest_of(files: Mapping[str, str]) -> str:
    """SHA-256 of a set of rules: the names and texts of its files, in the order of names, as canonical JSON."""
    text = json.dumps(sorted(files.items()), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def parse(files: Mapping[str, str]) -> Rules:
    """Rules from texts by file name: read, checked against the facts, and their cases run.

    Raises InputErrors with every fault of every file, each with file, line, key, what it was and what is accepted. Whether
    the files fit together (versions, a permit for every act) is looked at once each is sound.
    """
    return Rules(drafts(files, run_cases=True), digest_of(files))


def drafts(files: Mapping[str, str], *, run_cases: bool = False) -> tuple[Rule, ...]:
    """Rules that are sound but for their cases, which need not come out as they say: to run them one by one, not to judge by.

    Raises InputErrors as `parse` does.
    """
    rules, errors = [], list[InputError]()
    for name, text in sorted(files.items()):
        try:
            rules.append(_rule(toml.TomlFile(io.BytesIO(text.encode()), name), run_cases))
        except InputErrors as fault:
            errors += fault.errors
        except InputError as fault:
            errors.append(fault)
    errors = errors or set_faults(rules)
    if errors:
        raise InputErrors(errors)
    return tuple(sorted(rules, key=lambda r: (r.id, r.from_utc_s)))


def _rule(file: toml.TomlFile, run_cases: bool) -> Rule:
    """One file. Raises InputErrors."""
    got = file.record((), file.values, _KEYS)
    got |= {key: _text(file, key, got[key]) for key in ("title", "statement")}
    asks = got["kind"] in ASKS
    if asks != ("todo" in got):
        message = "missing key" if asks else "nothing to do"
        file.fault(("todo",), message, accepted=f"a key of the kinds that ask, and only of them: {', '.join(ASKS)}")
    got["todo"] = _text(file, "todo", got["todo"]) if "todo" in got else Text("", "")
    source = file.record(("source",), got["source"], _SOURCE) if got["source"] is not None else {}
    cases = tuple(_case(file, n, raw) for n, raw in enumerate(got["cases"] or ()))
    file.finish()
    got |= {"source": Source(**source), "cases": cases, "to_utc_s": got.get("to_utc_s")}
    rule = Rule(**got, file=file.name)
    for path, message, value, accepted in rule_faults(rule, run=run_cases):
        file.fault(path, message, value, accepted)
    file.finish()
    return rule


def _text(file: toml.TomlFile, key: str, raw: object) -> Text:
    if raw is None:
        return Text("", "")
    return Text(**{"ko": "", "en": ""} | file.record((key,), raw, _TEXT))


def _case(file: toml.TomlFile, n: int, raw: object) -> Case:
    got = file.record(("case", n), raw, _CASE)
    facts = got["facts"] if got["facts"] is not None else {}
    if got["act"] is None:
        return Case("", Act.AWARD, {}, False)  # a fault is noted
    return Case(**got | {"facts": facts_from(got["act"], facts).values})


def facts_from(act: str, values: Mapping[str, Any]) -> Facts:
    """Facts from JSON or TOML, where sets are lists. What a fact does not accept is kept: `judge` denies it by name.

    Raises InputError for an unknown act.
    """
    try:
        found = Act(act)
    except ValueError:
        raise InputError("no such act", field="act", value=act, accepted=", ".join(Act)) from None
    sets = {f.name for f in FACTS[found] if f.type in (Type.WORDS, Type.COUNTRIES)}
    return Facts(found, {n: _set(v) if n in sets and isinstance(v, list) else v for n, v in values.items()})


def _set(items: list[Any]) -> Any:
    return frozenset(items) if all(isinstance(i, str) for i in items) else items


def write_decision(decision: Decision) -> str:
    """A decision as one line of JSON, with its line end."""
    line = {
        "seq": decision.seq, "act": decision.act, "about": decision.about, "as_of": decision.as_of_utc_s,
        "facts": facts_json(decision.facts), "allowed": decision.allowed, "reasons": decision.reasons,
        "obligations": decision.obligations, "rules": decision.rules,
    }  # fmt: skip
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_decisions(lines: Iterable[bytes], name: str, first: int = 1) -> Iterator[Decision]:
    """Decisions from JSON lines (a binary stream is one), one at a time; blank lines are skipped. `first` is the number of
    the first line.

    Raises InputError for the first line that is not a decision.
    """
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            if len(line) > LINE_MOST:
                raise InputError("too long", value=f"{len(line):,} bytes", accepted=f"at most {LINE_MOST:,}")
            yield _decision(json.loads(line))
        except InputError as fault:
            raise InputError(
                fault.message, source=name, line=number, field=fault.field, value=fault.value, accepted=fault.accepted
            ) from None
        except (ValueError, RecursionError) as fault:
            raise InputError(f"not JSON: {fault}", source=name, line=number, accepted="a decision a line") from None


def _decision(raw: object) -> Decision:
    if not isinstance(raw, dict):
        raise InputError("not a decision", value=raw, accepted=f"an object with {', '.join(_LOGGED)}")
    for key, (fits, accepted) in _LOGGED.items():
        if key not in raw:
            raise InputError("missing key", field=key, accepted=accepted)
        if not fits(raw[key]):
            raise InputError("wrong value", field=key, value=raw[key], accepted=accepted)
    if unknown := raw.keys() - _LOGGED.keys():
        raise InputError("unknown key", field=min(unknown), accepted=", ".join(_LOGGED))
    facts = facts_from(raw["act"], raw["facts"])
    return Decision(
        raw["seq"], facts.act, raw["about"], raw["as_of"], facts, raw["allowed"],
        tuple(raw["reasons"]), tuple(raw["obligations"]), raw["rules"],
    )  # fmt: skip


def _is(kind: type) -> Any:
    return lambda raw: type(raw) is kind


def _ids(raw: object) -> bool:
    return isinstance(raw, list) and all(isinstance(i, str) for i in raw)


_LOGGED: dict[str, tuple[Any, str]] = {
    "seq": (_is(int), "a whole number"), "act": (_is(str), "the name of an act"), "about": (_is(str), "an id"),
    "as_of": (_is(int), "UTC seconds, a whole number"), "facts": (_is(dict), "an object of facts"),
    "allowed": (_is(bool), "true or false"), "reasons": (_ids, "a list of ids"),
    "obligations": (_ids, "a list of ids"), "rules": (_is(str), "the digest of a set of rules"),
}  # fmt: skip


def _said(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise toml.Wrong("text in quotes, not empty")
    return raw.strip()


def _like(pattern: re.Pattern[str], accepted: str) -> toml.Parser:
    def parse_like(raw: object) -> str:
        if not isinstance(raw, str) or len(raw) > 60 or not pattern.fullmatch(raw):
            raise toml.Wrong(accepted)
        return raw

    return parse_like


def _one_of(choices: Iterable[str]) -> toml.Parser:
    def parse_one(raw: object) -> str:
        if not isinstance(raw, str) or raw not in choices:
            raise toml.Wrong(", ".join(choices))
        return raw

    return parse_one


def _day(raw: object) -> int:
    """The first second of a day, UTC."""
    if not isinstance(raw, dt.date) or isinstance(raw, dt.datetime):
        raise toml.Wrong("a day, as 2026-01-22, without quotes or time")
    return (raw - dt.date(1970, 1, 1)).days * DAY_S


def _acts(raw: object) -> tuple[Act, ...]:
    known = {a.value: a for a in Act}
    if not isinstance(raw, list) or not raw or any(not isinstance(a, str) or a not in known for a in raw):
        raise toml.Wrong(f"a list of {', '.join(known)}")
    if len(set(raw)) < len(raw):
        raise toml.Wrong("each act once")
    return tuple(known[a] for a in raw)


def _table(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise toml.Wrong("a table of keys")
    return raw


def _cases(raw: object) -> list[Any]:
    if not isinstance(raw, list) or not raw or len(raw) > MOST_CASES:
        raise toml.Wrong(f"[[case]], 1 to {MOST_CASES} of them")
    return raw


_KEYS = {
    "id": toml.Key("id", _like(_ID, "small letters, digits and -, as kr-ai-safety"), True, ""),
    "kind": toml.Key("kind", toml.choice_of(Kind), True, Kind.FORBID),
    "acts": toml.Key("acts", _acts, True, ()),
    "jurisdiction": toml.Key("jurisdiction", _one_of(JURISDICTIONS), True, ""),
    "valid_from": toml.Key("from_utc_s", _day, True, 0),
    "valid_to": toml.Key("to_utc_s", _day),
    "title": toml.Key("title", toml.as_is, True),
    "statement": toml.Key("statement", toml.as_is, True),
    "todo": toml.Key("todo", toml.as_is),
    "source": toml.Key("source", toml.as_is, True),
    "when": toml.Key("when", _said, True, ""),
    "case": toml.Key("cases", _cases, True),
}
_TEXT = {language: toml.Key(language, _said, True, "") for language in ("ko", "en")}
_SOURCE = {
    **{key: toml.Key(key, _said, True, "") for key in ("law", "paragraph", "where")},
    "read": toml.Key("read", _like(_READ, 'a month or day, as "2026-11"'), True, ""),
    "confidence": toml.Key("confidence", _one_of(CONFIDENCES), True, ""),
}
_CASE = {
    "name": toml.Key("name", _said, True, ""),
    "act": toml.Key("act", toml.choice_of(Act), True),
    "fires": toml.Key("fires", toml.truth, True, False),
    "facts": toml.Key("facts", _table, True),
}
