"""`dure rules`: rules as files, checked, tested, explained, and compared on logged decisions. No database is needed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import typer

from dure.errors import InputError, UnknownName
from dure.terminal.acting import Language, acting, language_of, moment, moment_now, table
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note, stop_asked, watch

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from dure.governance.facts import Facts
    from dure.governance.judge import Change, Diff, Line, Rules
    from dure.governance.rules import Rule, Verdict
    from dure.reports.table import Table
    from dure.reports.table import Value as Cell

app = group()
Act = Literal["award", "run", "place", "train", "release"]
At = Annotated[str | None, typer.Option("--at", metavar="DATE", help="As of this date; else now.")]
Folder = Annotated[
    Path | None, typer.Argument(metavar="[FOLDER]", help="Folder of rule files; else the shipped rules.")
]
Instead = Annotated[Path | None, typer.Option("--rules", metavar="FOLDER", help="Rules instead of the shipped ones.")]

PART = 1_000  # logged decisions that are judged at once
PROCESSES = 2

_RULES = (
    ("rule", "rule", "text"), ("kind", "kind", "text"), ("acts", "acts", "text"), ("jurisdiction", "place", "text"),
    ("from", "from", "text"), ("to", "until before", "text"), ("state", "state", "text"), ("title", "title", "text"),
    ("confidence", "confidence", "text"),
)  # fmt: skip
_CASES = (
    ("rule", "rule", "text"), ("act", "act", "text"), ("case", "case", "text"), ("expected", "expected", "text"),
    ("result", "result", "text"),
)  # fmt: skip
_VERDICT = (
    ("act", "act", "text"), ("as_of", "as of", "text"), ("allowed", "allowed", "text"), ("reasons", "reasons", "text"),
    ("obligations", "obligations", "text"), ("faults", "faults", "text"),
)  # fmt: skip
_LINES = (
    ("rule", "rule", "text"), ("kind", "kind", "text"), ("state", "state", "text"), ("fired", "fired", "text"),
    ("title", "title", "text"), ("from", "from", "text"), ("to", "until before", "text"), ("source", "source", "text"),
)  # fmt: skip
_TODO = (("rule", "rule", "text"), ("kind", "kind", "text"), ("todo", "to do", "text"))
_COUNTS = (("what", "what", "text"), ("decisions", "decisions", "count"))
_CHANGES = (
    ("seq", "decision", "count"), ("act", "act", "text"), ("about", "about", "text"), ("before", "before", "text"),
    ("after", "after", "text"), ("reasons_gained", "reasons gained", "text"), ("reasons_lost", "lost", "text"),
    ("obligations_gained", "obligations gained", "text"), ("obligations_lost", "lost", "text"),
    ("faults", "faults", "text"),
)  # fmt: skip


@app.command("list")
def list_rules(
    at: At = None,
    act: Annotated[Act | None, typer.Option("--act", help="Only the rules about this act.")] = None,
    rules: Instead = None,
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show every version of every rule, and whether it holds."""
    lang, as_of = language_of(language), _as_of(at)
    rows = [_rule(r, as_of, lang) for r in _loaded(rules).rules if act is None or act in r.acts]
    emit([table("rules", "Rules", _RULES, rows)], Form.of(as_json, as_csv))


@app.command()
def check(folder: Folder = None) -> None:
    """Check rules: their keys, conditions, dates and cases. Names every fault with its file, line and key."""
    rules = _loaded(folder)
    cases = sum(len(r.cases) for r in rules.rules)
    typer.echo(f"{len(rules.rules)} rules with {cases} cases are sound; digest {rules.digest}")


@app.command("test")
def run_tests(folder: Folder = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Run the cases of rules, a line each. Exit code 1 if one does not come out as it says."""
    from dure.formats.rules import drafts
    from dure.governance.judge import run_cases

    rows: list[dict[str, Cell]] = [
        {
            "rule": rule.id, "act": case.act.value, "case": case.name,
            "expected": "fires" if case.fires else "does not fire", "result": said or "as expected",
        }
        for rule in drafts(_files(folder))
        for case, said in run_cases(rule)
    ]  # fmt: skip
    emit([table("cases", "Cases", _CASES, rows)], Form.of(as_json, as_csv))
    failed = sum(row["result"] != "as expected" for row in rows)
    note(f"{len(rows)} cases, {failed} failed")
    if failed:
        raise typer.Exit(1)


@app.command()
def explain(
    act: Annotated[Act, typer.Argument(help="What is judged.")],
    facts: Annotated[
        str | None, typer.Option("--facts", metavar="FILE", help="The facts, a JSON object; - reads stdin.")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="FACT=VALUE", help="One fact; sets as KR,CA. Repeatable.")
    ] = None,
    from_quiet: Annotated[
        bool, typer.Option("--from-quiet", help="Begin from facts that no rule minds: only to try things out.")
    ] = False,
    at: At = None,
    rules: Instead = None,
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Judge facts that you give, and show what each rule says of them. Nothing is kept.

    A fact that is not given is missing, and what has a missing fact is denied.
    """
    from dure.formats.rules import facts_from
    from dure.governance.facts import FACTS
    from dure.governance.facts import Act as Acts

    values: dict[str, Any] = {f.name: f.quiet for f in FACTS[Acts(act)]} if from_quiet else {}
    values |= facts_from(act, _object(facts)).values if facts is not None else {}
    values |= dict(_typed(act, text) for text in given or ())
    asked = facts_from(act, values)
    found = explanation(_loaded(rules), asked, _as_of(at), language_of(language), from_quiet=from_quiet)
    emit(found, Form.of(as_json, as_csv))


@app.command()
def diff(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The rules to try.")],
    against: Annotated[Path, typer.Option("--against", metavar="FILE", help="Logged decisions: JSON lines.")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="DATE", help="Judge all as of this date; else each as of its own.")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Judge logged decisions again by other rules, and show those that would have come out otherwise."""
    files = _files(folder)
    as_of = moment(at, "at") if at else None
    with stop_asked() as asked, watch("judging", lambda: bool(asked)) as advance:
        found = compared(files, against, as_of, advance)
    counts: list[dict[str, Cell]] = [{"what": what, "decisions": n} for what, n in found.counts().items()]
    changes = [_change(c) for c in found.changes]
    emit(
        [table("counts", "Decisions", _COUNTS, counts), table("changes", "Changes", _CHANGES, changes)],
        Form.of(as_json, as_csv),
    )
    if asked:
        note(f"stopped: the first {found.judged:,} decisions were judged")
        raise typer.Exit(130)


@app.command()
def why(
    decision: Annotated[int, typer.Argument(metavar="DECISION", help="Number of a decision that was kept.")],
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Explain a decision that was taken: judged again by the rules, and as of the moment, that it names."""
    actor, _ = acting()
    from dure.app import governing

    row, rules, facts = governing.decision(actor, decision)
    emit(explanation(rules, facts, row.as_of_utc_s, language_of(language)), Form.of(as_json, as_csv))


@app.command()
def log(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write; else stdout.")
    ] = None,
    about: Annotated[str, typer.Option("--about", metavar="ID", help="Of one application, model or data set.")] = "",
    after: Annotated[int, typer.Option("--after", min=0, metavar="N", help="Decisions after this one.")] = 0,
) -> None:
    """Write the decisions that were taken, a JSON line each, for `dure rules diff`."""
    actor, _ = acting()
    from dure.app import governing
    from dure.formats.rules import write_decision
    from dure.formats.streams import replaced

    lines = map(write_decision, governing.logged(actor, about=about, after=after))
    if out is None:
        for line in lines:
            typer.echo(line, nl=False)
        return
    with replaced(out) as stream:
        for line in lines:
            stream.write(line.encode())


@app.command()
def adopt(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The rules to put in force.")],
    why: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept for ever.")],
) -> None:
    """Put rules in force, from now on. They are checked first; the set before stays, for the decisions that name it."""
    actor, now = acting()
    from dure.app import governing

    rules = governing.adopt(actor, _files(folder), why, now)
    typer.echo(f"in force: {len(rules.rules)} rules, digest {rules.digest}")


def explanation(
    rules: Rules, facts: Facts, as_of_utc_s: int, language: str, *, from_quiet: bool = False
) -> list[Table]:
    """The verdict in one sentence as the title, every rule about the act, and what must be done."""
    from dure.governance.judge import explain as lines_of
    from dure.governance.judge import judge

    verdict = judge(rules, facts, as_of_utc_s)
    lines = sorted(lines_of(rules, facts, as_of_utc_s), key=lambda one: (one.state != "holds", not one.fired))
    asked = [one.rule for one in lines if one.state == "holds" and one.rule.id in verdict.obligations]
    todo: list[dict[str, Cell]] = [
        {"rule": r.id, "kind": r.kind.value, "todo": r.todo.in_language(language)} for r in asked
    ]
    title = sentence(verdict, language) + (_TRYING[language] if from_quiet else "")
    row: dict[str, Cell] = {
        "act": verdict.act.value, "as_of": datetime.fromtimestamp(as_of_utc_s, UTC).isoformat(" "),
        "allowed": "yes" if verdict.allowed else "no", "reasons": _ids(verdict.reasons),
        "obligations": _ids(verdict.obligations), "faults": "; ".join(verdict.faults),
    }  # fmt: skip
    tables = [
        table("verdict", title, _VERDICT, [row]),
        table("rules", "Rules", _LINES, [_line(one, language) for one in lines]),
    ]
    return [*tables, table("todo", "To do", _TODO, todo)] if todo else tables


_TRYING = {"ko": " (시험용 기본값에서 출발함)", "en": " (from quiet facts, to try things out)"}


def sentence(verdict: Verdict, language: str) -> str:
    """A verdict in one sentence."""
    few = "; ".join(verdict.faults[:3]) + (" ..." if len(verdict.faults) > 3 else "")
    if language == "ko":
        if few:
            return f"거부: 사실에 문제가 있음 ({few})."
        if not verdict.allowed:
            return f"거부: {_ids(verdict.reasons) or '허용하는 규칙이 없음'}."
        return "허용" + (f", 의무가 따름: {_ids(verdict.obligations)}." if verdict.obligations else ".")
    if few:
        return f"Denied: the facts are at fault ({few})."
    if not verdict.allowed:
        return f"Denied: {_ids(verdict.reasons) or 'no rule permits it'}."
    return "Allowed" + (f", with obligations: {_ids(verdict.obligations)}." if verdict.obligations else ".")


def _files(folder: Path | None) -> Mapping[str, str]:
    from dure.formats.rules import read_rules, shipped_files

    return shipped_files() if folder is None else read_rules(folder)


def _loaded(folder: Path | None) -> Rules:
    from dure.formats.rules import load_shipped, parse

    return load_shipped() if folder is None else parse(_files(folder))


def _as_of(at: str | None) -> int:
    return moment(at, "at") if at else moment_now()


def _object(place: str) -> dict[str, Any]:
    """A JSON object from a file or stdin."""
    from dure.formats.streams import Limits, opened, read_bytes

    limits = Limits(max_bytes=1 << 20)
    if place == "-":
        text = read_bytes(sys.stdin.buffer, "-", limits)
    else:
        with opened(Path(place)) as stream:
            text = read_bytes(stream, place, limits)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise InputError(f"not JSON: {fault}", source=place, accepted="an object of facts") from None
    if not isinstance(found, dict):
        raise InputError("not an object", source=place, accepted='facts, as {"listed": "no"}')
    return found


def _typed(act: Act, text: str) -> tuple[str, Any]:
    """`FACT=VALUE` with the type of the fact; what is not of that type stays text, and is denied."""
    from dure.governance.facts import FACTS, Type
    from dure.governance.facts import Act as Acts

    known = {f.name: f for f in FACTS[Acts(act)]}
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError("not a fact", field="--set", value=text, accepted="FACT=VALUE, as listed=no")
    if name not in known:
        raise UnknownName(f"fact of {act}", name, known)
    kind = known[name].type
    if kind in (Type.WORDS, Type.COUNTRIES):
        return name, [part.strip() for part in value.split(",") if part.strip()]
    if kind is Type.BOOL:
        return name, {"true": True, "false": False}.get(value, value)
    return name, int(value) if kind is Type.INT and value.isascii() and value.isdecimal() else value


def compared(files: Mapping[str, str], log: Path, as_of: int | None, advance: Callable[[float], bool]) -> Diff:
    """A log against a set of rules, until it ends or somebody stops it: a short one here, else in two processes."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from dure.formats.streams import opened
    from dure.governance.judge import Diff

    set_of = tuple(sorted(files.items()))
    _parsed(set_of)  # a fault of the rules is said before anything starts
    found = Diff(0, ())
    with opened(log) as stream:
        size, parts = max(os.fstat(stream.fileno()).st_size, 1), _parts(stream)
        work = ((set_of, lines, first, str(log), as_of) for lines, first in parts)
        head = list(islice(work, 2))
        if len(head) < 2:
            return sum((_judged(*one) for one in head), found)
        # Spawned: a fork would copy the thread that shows the progress, in whatever state it is.
        with ProcessPoolExecutor(PROCESSES, get_context("spawn"), _leave_interrupts_to_the_parent) as pool:
            for part in _in_order(pool, chain(head, work)):
                found += part
                if not advance(stream.tell() / size):
                    pool.shutdown(cancel_futures=True)
                    break
    return found


def _parts(stream: BinaryIO) -> Iterator[tuple[list[bytes], int]]:
    """The lines of a log, a part at a time, each with the number of its first."""
    from dure.formats.rules import LINE_MOST

    lines, first = iter(lambda: stream.readline(LINE_MOST + 1), b""), 1
    while part := list(islice(lines, PART)):
        yield part, first
        first += len(part)


def _in_order(pool: Executor, work: Iterator[tuple[Any, ...]]) -> Iterator[Diff]:
    """Results in the order of the work, little of which is read ahead."""
    waiting = deque(pool.submit(_judged, *one) for one in islice(work, 2 * PROCESSES))
    while waiting:
        yield waiting.popleft().result()
        waiting.extend(pool.submit(_judged, *one) for one in islice(work, 1))


def _judged(files: tuple[tuple[str, str], ...], lines: list[bytes], first: int, name: str, as_of: int | None) -> Diff:
    from dure.formats.rules import read_decisions
    from dure.governance.judge import compare

    return compare(_parsed(files), read_decisions(lines, name, first), as_of)


@lru_cache(maxsize=1)
def _parsed(files: tuple[tuple[str, str], ...]) -> Rules:
    from dure.formats.rules import parse

    return parse(dict(files))


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _rule(rule: Rule, as_of_utc_s: int, language: str) -> dict[str, Cell]:
    from dure.governance.judge import state_of

    return {
        "rule": rule.id, "kind": rule.kind.value, "acts": _ids(rule.acts), "jurisdiction": rule.jurisdiction,
        **_dates(rule), "state": state_of(rule, as_of_utc_s), "title": rule.title.in_language(language),
        "confidence": rule.source.confidence,
    }  # fmt: skip


def _line(line: Line, language: str) -> dict[str, Cell]:
    rule, source = line.rule, line.rule.source
    return {
        "rule": rule.id, "kind": rule.kind.value, "state": line.state,
        "fired": {True: "yes", False: "no", None: None}[line.fired], "title": rule.title.in_language(language),
        **_dates(rule), "source": f"{source.law}, {source.paragraph}",
    }  # fmt: skip


def _dates(rule: Rule) -> dict[str, Cell]:
    from dure.governance.judge import day

    return {"from": day(rule.from_utc_s), "to": None if rule.to_utc_s is None else day(rule.to_utc_s)}


def _change(change: Change) -> dict[str, Cell]:
    said = {True: "allowed", False: "denied"}
    ids = ("reasons_gained", "reasons_lost", "obligations_gained", "obligations_lost")
    return {
        "seq": change.seq, "act": change.act.value, "about": change.about, "before": said[change.before],
        "after": said[change.after], **{key: _ids(getattr(change, key)) for key in ids},
        "faults": "; ".join(change.faults),
    }  # fmt: skip


def _ids(ids: Iterable[str]) -> str:
    return ", ".join(ids)
