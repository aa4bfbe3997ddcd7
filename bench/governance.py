"""Verdicts with the shipped rules, and a log of decisions judged again by another set; then compute along a lineage."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from bench import governance_lineage
from bench.rows import Row, timed
from dure.cli.rules import PROCESSES, compared
from dure.formats.rules import load_shipped, parse, shipped_files, write_decision
from dure.governance.facts import FACTS, Act, Fact, Facts, Type, Value
from dure.governance.judge import Decision, Rules, judge

NOW = 1_793_491_200  # 2026-11-01
VERDICTS, ENGINE, LOGGED = 5_000, 1_000, 100_000
COUNTRIES = ("KR", "KR", "CA", "US", "DE", "CN", "unknown")


def run(data: Path | None) -> Iterator[Row]:
    """Verdicts a second and their 99th percentile; loading a set; replaying a log; lineage."""
    requests = list(_requests(VERDICTS))
    count = f"{len(load_shipped().rules)} rules"
    seconds, engine = _verdicts(requests, forget=False), _verdicts(requests[:ENGINE], forget=True)
    yield Row.at_least(f"verdicts, shipped set of {count}, one core", VERDICTS / sum(seconds), None, "/s", 2_000)
    yield Row.at_most("the same, 99th percentile", sorted(seconds)[VERDICTS * 99 // 100] * 1000, None, "ms", 2)
    yield Row("the same, with nothing remembered", ENGINE / sum(engine), None, "/s")
    yield Row.at_most("of those, 99th percentile", sorted(engine)[ENGINE * 99 // 100] * 1000, None, "ms", 2)
    median, spread = timed(lambda: parse(shipped_files()))
    yield Row(f"reading and checking {count}, running their cases", median, spread, "s")
    yield _replay(list(_requests(LOGGED)))
    yield from governance_lineage.run(data)


def _verdicts(requests: list[Facts], *, forget: bool) -> list[float]:
    """Seconds of each verdict, with sets compiled before. `forget`: the engine is asked each time."""
    rules, seconds, allowed, asked = Rules(load_shipped().rules, ""), [], 0, 0
    for act in Act:
        rules.span(act, NOW)
    for facts in requests:
        start = perf_counter()
        verdict = judge(rules, facts, NOW)
        seconds.append(perf_counter() - start)
        if forget:
            for one in rules.remembered:
                one.forget()
        assert verdict.faults == ()
        allowed, asked = allowed + verdict.allowed, asked + bool(verdict.obligations)
    assert len(requests) // 5 < allowed < len(requests) * 4 // 5
    assert len(requests) // 5 < asked
    return seconds


def _replay(requests: list[Facts]) -> Row:
    """A log that the shipped set wrote, judged by one without its rule about end use."""
    rules, files = load_shipped(), dict(shipped_files())
    del files["dure-end-use-unknown.toml"]
    verdicts = [(facts, judge(rules, facts, NOW)) for facts in requests]
    lines = [
        write_decision(Decision(0, f.act, "thing", NOW, f, v.allowed, v.reasons, v.obligations, v.rules))
        for f, v in verdicts
    ]
    expected = sum("dure-end-use-unknown" in v.obligations for _, v in verdicts)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "decisions.log"
        log.write_text("".join(lines), "utf-8")
        start = perf_counter()
        found = compared(files, log, None, lambda _: True)
        seconds = perf_counter() - start
    assert (found.judged, len(found.changes)) == (LOGGED, expected)
    assert expected > 0
    name = f"{LOGGED:,} logged decisions judged again, with the diff, {PROCESSES} processes"
    return Row.at_most(name, seconds, None, "s", 30)


def _requests(n: int) -> Iterator[Facts]:
    """Every act in turn; each fact quiet, or one time in six any of its values."""
    rng, acts = random.Random(4), list(Act)
    for i in range(n):
        act = acts[i % len(acts)]
        yield Facts(act, {f.name: _value(rng, f) if rng.random() < 1 / 6 else f.quiet for f in FACTS[act]})


def _value(rng: random.Random, fact: Fact) -> Value:
    words = fact.accepted or (("H200", "910B") if fact.type is Type.WORDS else COUNTRIES)
    match fact.type:
        case Type.BOOL:
            return rng.random() < 0.5
        case Type.INT:
            return min(fact.most, rng.choice((0, 1, 3, 10**8, 10**10, 10**11 + 1)))
        case Type.WORD | Type.COUNTRY:
            return rng.choice(words)
        case _:
            return frozenset(rng.sample(words, rng.randint(0 if fact.empty else 1, 2)))
