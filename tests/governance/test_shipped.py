"""The shipped rule set: what it holds, that its cases find every small mistake in a condition, and its reference page.

`python -m tests.governance.test_shipped` writes the page anew.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dure.formats.rules import _KEYS, _SOURCE, load_shipped
from dure.governance.facts import FACTS, Act, Facts
from dure.governance.judge import day, judge, rule_faults
from dure.governance.rules import ASKS, Case, Kind, Rule
from dure.vocabulary import Text

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/rules.md"
JURISDICTIONS = {
    "programme": "The programme's own",
    "KR": "Korea",
    "US": "United States",
    "US-CA": "California",
    "CA": "Canada",
    "EU": "European Union",
}

SET = """
dure-party                   permit      award run train  2020-01-01
dure-place                   permit      place            2020-01-01
dure-release                 permit      release          2020-01-01
dure-end-use                 forbid      award run train  2020-01-01
dure-open-obligations        forbid      run              2020-01-01
dure-second-factor           forbid      run              2020-01-01
dure-site                    forbid      run place        2020-01-01
dure-site-agrees             forbid      run              2020-01-01
dure-screening-refused       forbid      award run        2020-01-01
dure-screening-open          forbid      run              2020-01-01
us-listed                    forbid      award run train  2020-01-01
us-end-use                   forbid      award run train  2025-05-13
us-3a090-site                forbid      award run        2023-11-17
kr-core-technology-abroad    forbid      run place        2007-04-28
kr-core-technology-viewing   forbid      run              2007-04-28
kr-pipa-basis                forbid      run place        2023-09-15
kr-pipa-viewing              forbid      run              2023-09-15
kr-pipa-document             forbid      run place        2023-09-15
kr-pipa-expired              forbid      run place        2023-09-15
kr-pipa-equivalence          forbid      run place        2023-09-15  2025-09-16
kr-pipa-equivalence          forbid      run place        2025-09-16
kr-n2sf-class                forbid      run place        2025-09-30
dure-release-core            forbid      release          2007-04-28
dure-release-n2sf            forbid      release          2025-09-30
dure-release-evaluation      forbid      release          2020-01-01
dure-joint-terms             forbid      release          2020-01-01
dure-licence                 forbid      train release    2020-01-01
dure-screening               approval    award            2020-01-01
dure-screening-mitigated     duty        award            2020-01-01
dure-strac-style             flag        award            2020-01-01
ca-strac                     flag        award            2024-05-01
dure-strac-unknown           approval    award            2020-01-01
ca-nsgrp                     flag        award            2021-07-12
us-disclosure                approval    award            2021-01-14
us-talent-programme          flag        award            2022-08-09
dure-partner-unknown         approval    award            2020-01-01
kr-strategic-technology      notice      award            2025-08-01
dure-end-use-military        approval    award run train  2020-01-01
dure-end-use-unknown         approval    award run train  2020-01-01
us-d5-party                  approval    award run        2025-05-13
us-d5-training               approval    train            2025-05-13
us-listed-unknown            approval    award run train  2020-01-01
us-licence-unknown           approval    award run train  2020-01-01
dure-chip-unknown            approval    award run        2020-01-01
us-ascend                    flag        award run        2025-05-13
dure-site-unlisted           approval    run place        2020-01-01
dure-site-country-unknown    approval    award run        2020-01-01
dure-access-country          approval    run              2020-01-01
kr-core-technology-unknown   approval    run place        2007-04-28
kr-pipa-basis-unknown        approval    run place        2023-09-15
kr-pipa-origin-unknown       approval    run place        2023-09-15
kr-pipa-identifiers-unknown  approval    run place        2025-09-16
kr-n2sf-abroad               approval    run place        2025-09-30
kr-ai-safety                 evaluation  train release    2026-01-22
kr-ai-safety-unknown         approval    train release    2026-01-22
kr-ai-high-impact            approval    release          2026-01-22
kr-ai-high-impact-unknown    approval    release          2026-01-22
kr-ai-labelling              duty        release          2026-01-22
eu-systemic-risk             notice      train release    2025-08-02
eu-gpai                      duty        train release    2025-08-02
eu-modifier                  duty        train release    2025-08-02
us-ca-frontier               duty        train release    2026-01-01
us-ca-large-developer        duty        train release    2026-01-01
us-eo-14110                  notice      train            2023-10-30  2025-01-20
dure-market-unknown          flag        train release    2020-01-01
dure-licence-unknown         approval    train release    2020-01-01
dure-licence-duties          duty        train release    2020-01-01
dure-release-personal        approval    release          2020-01-01
dure-output-unknown          flag        train release    2020-01-01
dure-release-core-unknown    approval    release          2007-04-28
"""
D5 = "AF BY CF CN CD CU CY ER HT HK IR IQ KP LB LY MO MM NI RU SO SS SD SY VE ZW"
EU = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
OPERATORS = {
    ">=": (">", "<="),
    ">": (">=", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "&&": ("||",),
    "||": ("&&",),
    "!": ("",),
}
TOKEN = re.compile(r'"[^"]*"|>=|<=|==|!=|&&|\|\||[!>]|\b\d+\b')
# Three times a whole number of 10^15 FLOP is never 10^25 or 10^23, nor one more: these mistakes change nothing.
SAME = {f"{n} {n + d}" for n in (10**10, 10**8) for d in (-1, 1)}


@pytest.fixture(scope="module")
def rules() -> tuple[Rule, ...]:
    return load_shipped().rules


def texts(rule: Rule) -> tuple[Text, ...]:
    return rule.title, rule.statement, *((rule.todo,) if rule.kind in ASKS else ())


def page(rules: tuple[Rule, ...]) -> str:
    """The generated part of the reference page."""
    lines = []
    for jurisdiction, name in JURISDICTIONS.items():
        lines += [f"## {name}", ""]
        mine = (r for r in rules if r.jurisdiction == jurisdiction)
        for rule in sorted(mine, key=lambda r: (list(Kind).index(r.kind), r.id, r.from_utc_s)):
            to = f", until {day(rule.to_utc_s)}" if rule.to_utc_s is not None else ""
            facts = sorted(set(re.findall(r"context\.(\w+)", rule.when)))
            lines += [
                f"### `{rule.id}`: {rule.title.en} · {rule.title.ko}"
                + (f" (from {day(rule.from_utc_s)})" if to else ""),
                "",
                f"{rule.kind.value} · {', '.join(rule.acts)} · from {day(rule.from_utc_s)}{to}",
                "",
                f"- {rule.statement.en}",
                f"- {rule.statement.ko}",
                *([f"- To do: {rule.todo.en}", f"- 할 일: {rule.todo.ko}"] if rule.kind in ASKS else []),
                f"- Facts: {', '.join(f'`{f}`' for f in facts)}; cases: {len(rule.cases)}",
                f"- Source: {rule.source.law}, {rule.source.paragraph}. {rule.source.where} Read {rule.source.read}; "
                f"confidence {rule.source.confidence}.",
                "",
            ]
    return "\n".join(lines)


def words(rule: Rule) -> str:
    """All that people read of a rule, in one string."""
    s = rule.source
    return "\n".join((*(t for text in texts(rule) for t in (text.ko, text.en)), s.law, s.paragraph, s.where))


def test_the_set_is_the_one_agreed_on(rules: tuple[Rule, ...]) -> None:
    found = {
        (
            r.id,
            r.kind.value,
            " ".join(r.acts),
            day(r.from_utc_s),
            *([day(r.to_utc_s)] if r.to_utc_s is not None else []),
        )
        for r in rules
    }
    assert found == {tuple(re.split(" {2,}", line)) for line in SET.strip().splitlines()}
    assert all(r.from_utc_s % 86_400 == 0 and (r.to_utc_s or 0) % 86_400 == 0 for r in rules)


def test_every_rule_is_told_in_both_languages_with_its_source(rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        assert rule.jurisdiction in JURISDICTIONS, rule.id
        for text in texts(rule):
            assert len(re.findall("[가-힣]", text.ko)) > len(text.ko) / 6, (rule.id, text.ko)
            assert re.fullmatch("[^가-힣]+", text.en), (rule.id, text.en)
        assert min(len(rule.statement.ko), len(rule.statement.en)) > 30, rule.id
        source = rule.source
        assert all((source.law, source.paragraph, source.where)), rule.id
        assert (source.read, source.confidence in ("high", "medium", "low")) == ("2026-11", True), rule.id
        assert source.confidence != "low" or "not verified" in source.where, rule.id


def test_no_rule_asks_who_a_person_is(rules: tuple[Rule, ...]) -> None:
    names = " ".join([*(f.name + f.meaning for fs in FACTS.values() for f in fs), *(r.when + words(r) for r in rules)])
    assert not re.search("nationalit|citizen|born|ethnic|국적|시민권|출생|민족", names, re.I)


def test_the_statements_have_the_figures_and_lists_of_the_conditions(rules: tuple[Rule, ...]) -> None:
    """Whoever has the text alone can decide; no exponent is scrambled; a list of countries is the same one everywhere."""
    lists = 0
    for rule in rules:
        countries = [re.findall("[A-Z]{2}", found) for found in re.findall(r"\[((?:\s*\"[A-Z]{2}\",?){5,})", rule.when)]
        lists += len(countries)
        for text in (rule.statement.ko, rule.statement.en):
            for number in (int(n) for n in re.findall(r"\b\d{4,}\b", rule.when)):
                assert f"{number:,}" in text, (rule.id, text)
            for exponent in re.findall(r"10\^(\d+)", text):
                assert f"{10 ** (int(exponent) - 15):,}" in text, (rule.id, text)
            told = [t.replace(",", "").split() for t in re.findall(r"(?:목록|in this rule): ([A-Z, ]+)", text)]
            assert told == countries[:1], (rule.id, text)
        for found in countries:
            assert " ".join(found) == (EU if rule.jurisdiction == "KR" else D5), rule.id
    assert lists == 8


def mistakes(when: str) -> Iterator[tuple[str, str]]:
    """(what, condition with one small mistake): an operator, a number one off, another word. Lists of countries are left out."""
    asked = [f for facts in FACTS.values() for f in facts if f"context.{f.name}" in when]
    for token in TOKEN.finditer(when):
        old = token[0]
        word = old.strip('"')
        if old.isdigit():
            others = [str(int(old) + d) for d in (-1, 1)]
        elif word == old:
            others = list(OPERATORS[old])
        elif word in f"{D5} {EU}".split():
            continue
        else:
            known = {w for f in asked if word in f.accepted for w in f.accepted} or {"JP"}
            others = [f'"{w}"' for w in sorted({*known} - {word})]
        for new in others:
            yield f"{old} {new}", when[: token.start()] + new + when[token.end() :]


def test_the_cases_find_every_small_mistake(rules: tuple[Rule, ...]) -> None:
    tried, missed = 0, []
    for rule in rules:
        assert not any(rule_faults(rule)), rule.id
        for what, when in mistakes(rule.when):
            tried += 1
            if not any(rule_faults(replace(rule, when=when))) and not (rule.id == "eu-modifier" and what in SAME):
                missed.append(f"{rule.file}: {what}")
    assert tried > 600
    assert not missed, f"{len(missed)} of {tried}\n" + "\n".join(missed)


def test_a_quiet_request_is_open_and_asks_nothing() -> None:
    """What the cases say nothing about has no part in their outcome."""
    now = 1_790_000_000  # 2026-09-21
    for act, facts in FACTS.items():
        verdict = judge(load_shipped(), Facts(act, {f.name: f.quiet for f in facts}), now)
        assert (verdict.allowed, verdict.obligations, verdict.faults) == (True, (), ()), act


@pytest.mark.parametrize("act", [Act.RUN, Act.PLACE])
def test_the_day_on_which_the_eu_was_recognised(act: Act) -> None:
    """One second before, the earlier version refuses; from then on the later one lets a site in the EU through."""
    facts = {f.name: f.quiet for f in FACTS[act]} | {
        "personal_level": 3, "transfer_basis": "equivalence", "basis_documented": True,
    }  # fmt: skip
    start = int(datetime(2025, 9, 16, tzinfo=UTC).timestamp())
    for country, before, after in (("DE", False, True), ("US", False, False)):
        places = {"site_country": country, "site_countries": frozenset({country})}
        asked = Facts(act, facts | {name: place for name, place in places.items() if name in facts})
        got = [judge(load_shipped(), asked, at) for at in (start - 1, start)]
        assert [v.allowed for v in got] == [before, after]
        assert all(v.allowed or v.reasons == ("kr-pipa-equivalence",) for v in got)


def test_the_guide_names_every_key_and_its_example_is_sound(rules: tuple[Rule, ...]) -> None:
    guide = (PAGE.parents[1] / "guides/write-a-rule.md").read_text("utf-8")
    names = [*_KEYS, *(f".{name}" for name in _SOURCE), *Kind, *Act, *JURISDICTIONS]
    assert not [name for name in names if f"`{name}`" not in guide]
    example = tomllib.loads("\n".join(re.findall(r"^```toml\n(.*?)^```$", guide, re.M | re.S)))
    cases = tuple(Case(c["name"], Act(c["act"]), c["facts"], c["fires"]) for c in example["case"])
    assert not list(rule_faults(replace(rules[0], acts=(Act.PLACE,), when=example["when"], cases=cases)))


def test_the_reference_page_is_current(rules: tuple[Rule, ...]) -> None:
    written = PAGE.read_text("utf-8")
    assert written[written.index("\n## ") + 1 :] == page(rules), "run: python -m tests.governance.test_shipped"


if __name__ == "__main__":
    old = PAGE.read_text("utf-8")
    PAGE.write_text(old[: old.index("\n## ") + 1] + page(load_shipped().rules), "utf-8")
