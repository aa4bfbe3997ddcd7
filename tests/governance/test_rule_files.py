"""What `load` refuses, one fault each; conditions that try to say more than one may; the page about facts.

`python -m tests.governance.test_rule_files` writes the page anew.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dure.errors import InputError, InputErrors
from dure.governance import cedar
from dure.governance.facts import FACTS, Act, Fact, Type
from dure.governance.judge import load, rule_faults, run_cases
from dure.governance.rules import Case, Kind, Rule
from tests.governance.test_judge import rule

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/facts.md"
ALWAYS = Case("nothing", Act.AWARD, {}, False)


def case(fires: bool, act: Act = Act.AWARD, **facts: Any) -> Case:
    return Case(f"{act} {facts}", act, facts, fires)


YES = (case(True, listed="yes"), case(False))
GOOD = rule("good", Kind.FORBID, 'context.listed == "yes"', start=86_400, end=864_000, cases=YES)


@cache
def permits() -> tuple[Rule, ...]:
    """What opens every act."""
    opens = {
        'context.end_use != "wmd"': ((Act.AWARD, Act.RUN, Act.TRAIN), {"end_use": "wmd"}),
        'context.site_allowed != "no"': ((Act.PLACE,), {"site_allowed": "no"}),
        'context.evaluation != "failed"': ((Act.RELEASE,), {"evaluation": "failed"}),
    }
    return tuple(
        rule(
            f"open-{n}", Kind.PERMIT, when, *acts, cases=(*(case(True, a) for a in acts), case(False, acts[0], **shut))
        )
        for n, (when, (acts, shut)) in enumerate(opens.items())
    )


def faults(*rules: Rule) -> list[InputError]:
    """What `load` says of rules beside those that open every act."""
    try:
        load((*permits(), *rules), "digest")
    except InputErrors as found:
        return found.errors
    return []


def test_a_good_set_loads_in_the_order_of_ids_and_dates() -> None:
    later = replace(GOOD, from_utc_s=864_000, to_utc_s=None, file="later.toml")
    rules = load([later, *permits(), GOOD], "abc")
    assert [r.file for r in rules.rules] == [
        "good-86400.toml",
        "later.toml",
        "open-0-0.toml",
        "open-1-0.toml",
        "open-2-0.toml",
    ]
    assert rules.digest == "abc"


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ([replace(GOOD, to_utc_s=86_400)], "valid_to", "ends before"),
        ([replace(GOOD, to_utc_s=0)], "valid_to", "ends before"),
        ([GOOD, GOOD], "valid_from", "two versions at once"),
        ([GOOD, replace(GOOD, from_utc_s=863_999, to_utc_s=None)], "valid_from", "two versions at once"),
        ([replace(GOOD, to_utc_s=None), replace(GOOD, from_utc_s=10**10, to_utc_s=None)], "valid_from", "two versions"),
        ([GOOD, replace(GOOD, kind=Kind.DUTY, from_utc_s=864_000, to_utc_s=None)], "kind", "different kinds"),
        ([replace(GOOD, when='context.lsted == "yes"')], "when", "no such fact"),
        ([replace(GOOD, when='context.listed == "yess"')], "when", "never has it"),
        ([replace(GOOD, when="context.listed == 1")], "when", "not compatible"),
        ([replace(GOOD, when='context.listed == "yes" }; permit(principal, action, resource) when { true')], "when", "one"),
        ([replace(GOOD, acts=(Act.AWARD, Act.PLACE))], "when", "no such fact of place"),
        ([replace(GOOD, when='context.listed == "yes" && context.listed == "no"')], "case[1]", "does not fire"),
        ([replace(GOOD, when="true")], "case[2]", "fires"),
        ([replace(GOOD, when='context.listed != "yes"')], "case[1]", "does not fire"),
        ([replace(GOOD, cases=())], "case", "no case of award in which it fires"),
        ([replace(GOOD, cases=(case(True, listed="yes"),))], "case", "does not fire"),
        ([replace(GOOD, cases=(case(False),))], "case", "no case of award in which it fires"),
        ([replace(GOOD, acts=(Act.AWARD, Act.RUN))], "case", "no case of run in which it fires"),
        ([replace(GOOD, cases=(*YES, case(False, Act.RUN)))], "case[3].act", "not an act of good"),
        ([replace(GOOD, cases=(*YES, case(False, listd="yes")))], "case[3].facts.listd", "no such fact"),
        ([replace(GOOD, cases=(*YES, case(True, listed="Yes")))], "case[3].facts.listed", "not one of"),
        ([replace(GOOD, cases=(*YES, case(True, listed=True)))], "case[3].facts.listed", "not one of"),
    ],
)  # fmt: skip
def test_each_fault_of_a_set_is_refused_and_names_file_rule_and_key(wrong: list[Rule], field: str, said: str) -> None:
    found = faults(*wrong)
    assert any(e.field == field and said in str(e) for e in found), [str(e) for e in found]
    assert all(e.source == "good-86400.toml" and "good" in str(e) for e in found)


def test_an_act_that_nothing_permits_is_refused() -> None:
    with pytest.raises(InputError, match=r"no rule permits it.*release"):
        load(permits()[:-1], "digest")
    with pytest.raises(InputErrors) as found:
        load([GOOD], "digest")
    assert [e.value for e in found.value.errors] == [a.value for a in Act]


def test_all_faults_come_at_once() -> None:
    wrong = [replace(GOOD, id=f"r{n}", when="context.lsted") for n in range(3)]
    assert {e.field for e in faults(*wrong, replace(GOOD, to_utc_s=0))} == {"when", "valid_to"}
    assert len(faults(*wrong)) == 3


def test_a_condition_that_fails_in_a_case_is_refused() -> None:
    when = "context.flop_kr_pflop * 9000000000000 > 1"
    cases = (case(True, Act.TRAIN, flop_kr_pflop=10**9), case(False, Act.TRAIN))
    (found,) = faults(rule("x", Kind.FORBID, when, Act.TRAIN, cases=cases))
    assert "overflow" in str(found)
    assert [bool(said) for _, said in run_cases(rule("x", Kind.FORBID, when, Act.TRAIN, cases=cases))] == [True, False]


def test_cases_need_not_be_run() -> None:
    wrong = replace(GOOD, when='context.listed != "yes"')
    assert not list(rule_faults(wrong, run=False))
    assert len(list(rule_faults(wrong))) == 2


# Conditions: one expression over facts, and nothing beside it.

INJECTIONS = [
    "true }; permit(principal, action, resource) when { true",
    "true };\npermit(principal, action, resource);\nforbid(principal, action, resource) when { true",
    "true } unless { false", "true } when { true", "true }; //", "true } /*", "", " ", "// true", "}", "{", "true;",
    '@id("other") true', "principal == Programme::\"\"", "resource == Thing::\"\"", 'action == Action::"award"',
    "?principal == principal", "?resource == resource", "principal in ?principal", "context", "context == context",
    "principal has name", "context has listed", "context has nobody && context.nobody == \"x\"",
    'context["no such"] == 1', "context.listed.more == 1", 'context.listed like "y*"', "context.listed is Thing",
    'context.listed in ["yes"]', 'decimal("1.0") == decimal("1.0")', 'ip("1.1.1.1").isLoopback()',
    'datetime("2026-01-01") < datetime("2026-01-02")', "{a: 1}.a == 1", "{a: 1} == {a: 1}",
    "context.listed", "1", '"yes"', '"yes" == "yes"', '["yes"].contains("yes")', "[].contains(context.listed)",
    "99999999999999999999 > 1", "1.5 > 1", "100000000000000000000000000 > context.open_obligations",
    "(" * 41 + "true" + ")" * 41, "true && " * 2_000 + "true", "true && " * 300 + "true", "!" * 300 + "true",
    "if true then " * 200 + "true" + " else true" * 200, "true\0", "참", "'yes' == context.listed",
]  # fmt: skip


@pytest.mark.parametrize("when", INJECTIONS, ids=[str(n) for n in range(len(INJECTIONS))])
def test_what_is_not_one_condition_is_refused(when: str) -> None:
    assert list(cedar.condition_faults([Act.RUN], when))
    assert any(e.field == "when" for e in faults(replace(GOOD, when=when)))


WORDS = [
    ('context.listed == "yess"', "yess"), ('"No" == context.listed', "No"), ('context.listed != "maybe"', "maybe"),
    ('["yes", "unkown"].contains(context.listed)', "unkown"), ('context.chip_classes.contains("3A090.c")', "3A090.c"),
    ('context.chip_classes.containsAny(["below", "3a090.a"])', "3a090.a"),
    ('context.chip_classes.containsAll(["belo"])', "belo"), ('["belo"].containsAll(context.chip_classes)', "belo"),
    ('["belo"].containsAny(context.chip_classes)', "belo"), ('context.chip_classes == ["belo"]', "belo"),
    ('context.chip_classes != ["belo"]', "belo"), ('context.parent_country == "Korea"', "Korea"),
    ('context.parent_country == "kr"', "kr"), ('context.site_countries.contains("UNKNOWN")', "UNKNOWN"),
    ('["KR", "USA"].contains(context.parent_country)', "USA"), ('context.chip_models.contains("<script>")', "<script>"),
    ('!(true && (false || context.listed == "oui"))', "oui"), ('if context.listed == "oui" then true else false', "oui"),
    ('true == (context.listed == "oui")', "oui"), ('(if true then context.listed else context.listed) == "yes"', "yes"),
    ('context.listed == (if true then "yes" else "oui")', "oui"), ('[context.listed].contains("oui")', "oui"),
    ('["yes", context.listed].contains(context.listed)', ""), ("context.listed == context.end_use", "end_use"),
    ("context.chip_classes.contains(context.listed)", "listed"), ("context.site_countries == context.chip_models", ""),
]  # fmt: skip


@pytest.mark.parametrize(("when", "word"), WORDS)
def test_a_word_that_a_fact_never_has_is_refused(when: str, word: str) -> None:
    """A typing error in a word would never be equal, so a forbid would never fire; Cedar takes any text."""
    found = list(cedar.condition_faults([Act.AWARD], when))
    assert found
    assert any(word in str(value) for _, value, _ in found), found


@pytest.mark.parametrize(
    "when",
    [
        'context.listed == "yes"', '"unknown" != context.listed', '["yes", "unknown"].contains(context.listed)',
        'context.chip_classes.containsAny(["below", "unknown"])', 'context.parent_country == "unknown"',
        "context.site_countries.contains(context.parent_country)", "context.parent_country == context.headquarters_country",
        'context["listed"] == "yes"', 'context.chip_models.contains("910B")', "context.chip_models.isEmpty()",
        'if context.listed == "yes" then context.end_use == "wmd" else false', '!(context.listed == "yes") || true',
        'context.listed == "yes" // }; permit(principal, action, resource);', "[1, 2].contains(3)", "1 + 2 * 3 - 4 > -5",
        '/' + '/ a note\ncontext.chip_classes == ["below"]', "(" * 40 + "true" + ")" * 40, "true && " * 40 + "true",
    ],
)  # fmt: skip
def test_what_is_one_condition_is_accepted(when: str) -> None:
    assert not list(cedar.condition_faults([Act.AWARD], when))
    cedar.compiled(Act.AWARD, [("x", "forbid", when)])


def test_a_condition_is_checked_in_every_act() -> None:
    assert not list(cedar.condition_faults([Act.RELEASE], "context.abroad"))
    assert [m for m, _, _ in cedar.condition_faults([Act.RELEASE, Act.RUN], "context.abroad")] == [
        "no such fact of run"
    ]
    (fault,) = cedar.condition_faults([Act.RUN], "context.acess_country == context.parent_country")
    assert fault == ("no such fact of run", "acess_country", "access_country")


@pytest.mark.parametrize("act", Act)
def test_every_fact_can_be_read_and_no_other_type_fits(act: Act) -> None:
    """The schema and the declaration are one: each fact under each type, of which one passes."""
    forms = {
        "{0}": {Type.BOOL}, "{0} >= 0": {Type.INT}, "{0}.isEmpty()": {Type.WORDS, Type.COUNTRIES},
        '{0} == "unknown" || true': {Type.WORD, Type.COUNTRY},
    }  # fmt: skip
    for fact in FACTS[act]:
        word = fact.accepted[0] if fact.accepted else "unknown"
        for form, types in forms.items():
            found = list(cedar.condition_faults([act], form.format(f"context.{fact.name}").replace("unknown", word)))
            assert bool(found) != (fact.type in types), (fact.name, form)


# The page.


def page() -> str:
    """The generated part of the reference page: what each fact is, and which acts have it."""
    lines = ["| fact | type | accepted | unit | meaning |", "|---|---|---|---|---|"]
    seen: dict[str, Fact] = {f.name: f for facts in FACTS.values() for f in facts}
    parts = []
    for act in Act:
        parts += [f"## `{act}`", "", *lines, *(_row(f) for f in FACTS[act]), ""]
    assert all(f"`{name}`" in "\n".join(parts) for name in seen)
    return "\n".join(parts)


def _row(fact: Fact) -> str:
    accepted = ", ".join(f"`{word}`" for word in fact.accepted)
    if fact.type is Type.INT:
        accepted = f"0 to {fact.most:,}"
    elif fact.type in (Type.COUNTRY, Type.COUNTRIES):
        accepted = "two capital letters, `unknown`"
    elif fact.type is Type.BOOL:
        accepted = "`true`, `false`"
    some = "" if fact.empty else "; at least one"
    return f"| `{fact.name}` | {fact.type} | {accepted or 'short words'}{some} | {fact.unit} | {fact.meaning} |"


def test_the_page_about_facts_is_current() -> None:
    written = PAGE.read_text("utf-8")
    assert written[written.index("\n## ") + 1 :] == page(), "run: python -m tests.governance.test_rule_files"


if __name__ == "__main__":
    old = PAGE.read_text("utf-8")
    PAGE.write_text(old[: old.index("\n## ") + 1] + page(), "utf-8")
