"""The engine with the shipped rules against a second evaluator, on 100,000 requests: the decision, and every rule that fired."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from itertools import product
from string import ascii_uppercase
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from dure.formats.rules import load_shipped
from dure.governance.facts import FACTS, UNKNOWN, Act, Fact, Facts, Type
from dure.governance.judge import judge
from tests.conftest import EXAMPLES
from tests.governance import oracle

Request = tuple[dict[str, Any], int]  # facts, and the moment as of which they are judged

PER_ACT, CHUNK = max(5_000, 2_000 * EXAMPLES), 5_000  # five acts; in chunks, so that the workers share them
CHUNKS = [(act, chunk) for act in Act for chunk in range(PER_ACT // CHUNK)]
SEEN_AT_LEAST = min(20, 2 * EXAMPLES)  # a rule that hardly fires in the sample would be compared with nothing

COUNTRIES = ("KR", "KR", "KR", "CA", "US", "CN", "DE", "FR", "MO", "RU", "unknown", "JP")
NAMED = (*oracle.D5_LIST.split(), *oracle.EU_LIST.split())
CODES = tuple(a + b for a, b in product(ascii_uppercase, repeat=2))
MODELS = ("H200", "B200", "910B", "910C", "910D", "910", "910B2", "Ascend 910B")
FLOP = (oracle.FLOP_1E23, oracle.FLOP_1E25, oracle.FLOP_1E26)
# Numbers next to which a rule turns; a third of a threshold, for the modifier of somebody else's model.
EDGES = {
    "flop": FLOP,
    "modification_pflop": (*2 * (FLOP[0] // 3, FLOP[1] // 3), FLOP[0], 700),
    "original_pflop": (*5 * (0,), *FLOP, 3 * FLOP[0], 2100),
}

# Facts that some rules read together: drawn at once, all others quiet, so that one rule decides alone.
PERSONAL = "personal_level origin_countries site_country transfer_basis basis_documented basis_expired identifiers"
MODIFIER = "downstream modification_pflop original_pflop original_systemic markets"
TOGETHER: dict[Act, tuple[str, ...]] = {
    Act.AWARD: (
        "applicant_country partner_countries sensitive_area named_organisation private_partner",
        "applicant_country partner_countries disclosure talent_programme strategic_technology screening",
        "headquarters_country parent_country end_use export_licence listed chip_classes",
        "chip_classes chip_models site_countries export_licence",
    ),
    Act.RUN: (
        "applicant_country headquarters_country parent_country end_use export_licence listed chip_classes",
        "chip_classes chip_models site_countries export_licence second_factor",
        "access_country access_countries screening open_obligations site_allowed site_country site_countries",
        *2
        * (
            "access_country site_country personal_level origin_countries transfer_basis core_technology core_approval state_funded",
        ),
        "core_technology core_approval state_funded site_country n2sf_level site_n2sf_level",
        *3 * (PERSONAL,),
    ),
    Act.PLACE: (
        "core_technology core_approval state_funded site_country",
        "n2sf_level site_n2sf_level site_country site_allowed",
        *3 * (PERSONAL,),
    ),
    Act.TRAIN: (
        "applicant_country headquarters_country parent_country end_use export_licence listed licence",
        "flop_kr_pflop flop_eu_pflop flop_us_pflop state_of_the_art broad_risk markets",
        "flop_eu_pflop flop_us_pflop generates biological markets large_developer",
        *3 * (MODIFIER,),
    ),
    Act.RELEASE: (
        "core_technology core_approval state_funded abroad",
        "flop_kr_pflop flop_eu_pflop flop_us_pflop state_of_the_art broad_risk markets",
        "flop_eu_pflop flop_us_pflop generates biological labelled markets large_developer",
        *3 * (MODIFIER,),
        "flop_kr_pflop flop_eu_pflop flop_us_pflop high_impact evaluation markets",
        "personal_level n2sf_level joint_terms licence evaluation",
    ),
}


def test_the_groups_name_every_fact() -> None:
    for act, groups in TOGETHER.items():
        assert {name for group in groups for name in group.split()} == {f.name for f in FACTS[act]}


def number(rng: np.random.Generator, fact: Fact) -> int:
    """Two times in three at an edge or one off it; else anything, small numbers as often as great ones."""
    edges = EDGES.get("flop" if fact.name.startswith("flop_") else fact.name, (0,))
    if fact.most < 10:
        return int(rng.integers(0, fact.most + 1))
    if rng.random() < 2 / 3:
        return min(max(int(rng.choice(edges)) + int(rng.integers(-1, 2)), 0), fact.most)
    return int(rng.choice((0, fact.most, int(2 ** rng.uniform(0, np.log2(fact.most))))))


def country(rng: np.random.Generator) -> str:
    """Half from the short list, a quarter from the two lists that rules name, the rest any two letters."""
    pool = (COUNTRIES, COUNTRIES, NAMED, CODES)[rng.integers(4)]
    return pool[rng.integers(len(pool))]


def value(rng: np.random.Generator, fact: Fact) -> Any:
    """One value that the fact accepts."""
    match fact.type:
        case Type.BOOL:
            return bool(rng.random() < 0.5)
        case Type.INT:
            return number(rng, fact)
        case Type.WORD:
            return fact.accepted[rng.integers(len(fact.accepted))]
        case Type.COUNTRY:
            return country(rng)
        case Type.COUNTRIES:
            return frozenset(country(rng) for _ in range(rng.integers(0 if fact.empty else 1, 4)))
        case Type.WORDS:
            words = fact.accepted or MODELS
            return frozenset(words[rng.integers(len(words))] for _ in range(rng.integers(0 if fact.empty else 1, 4)))


def columns(rng: np.random.Generator, act: Act, n: int) -> dict[str, list[Any]]:
    """For each fact `n` values, taken from 600 that were drawn one by one."""
    drawn = {f.name: [value(rng, f) for _ in range(600)] for f in FACTS[act]}
    return {name: [values[i] for i in rng.integers(600, size=n)] for name, values in drawn.items()}


def moments(rng: np.random.Generator, n: int) -> list[int]:
    """Half under the law of 2026, a third at a day on which a rule begins or ends, or a second off it, the rest any time."""
    edges = np.array(sorted({second for first, end, _ in oracle.SPANS for second in (first, end) if second < 10**12}))
    kind = rng.random(n)
    now = rng.integers(edges[-1], edges[-1] + 10**8, size=n)
    edge = rng.choice(edges, size=n) + rng.integers(-1, 2, size=n)
    some = rng.integers(oracle.day_s("2004-01-01"), oracle.day_s("2030-01-01"), size=n)
    return [int(s) for s in np.where(kind < 1 / 2, now, np.where(kind < 5 / 6, edge, some))]


def requests(act: Act, chunk: int) -> list[Request]:
    """Facts and moments. A quarter drawn freely; a quarter quiet but for one to four facts; half quiet but for a group."""
    rng = np.random.default_rng((2026, list(Act).index(act), chunk))
    free, names = columns(rng, act, CHUNK), [f.name for f in FACTS[act]]
    quiet = {f.name: f.quiet for f in FACTS[act]}
    groups = [group.split() for group in TOGETHER[act]]
    kind, which = rng.integers(4, size=CHUNK), rng.integers(len(groups), size=CHUNK)
    sizes = rng.integers(1, 5, size=CHUNK)
    drawn = []
    for i in range(CHUNK):
        if kind[i] == 0:
            changed = names
        elif kind[i] == 1:
            changed = [names[j] for j in rng.integers(len(names), size=sizes[i])]
        else:
            changed = groups[which[i]]
        facts = quiet | {name: free[name][i] for name in changed}
        if act is Act.RUN and "site_countries" not in changed:  # one that is not among them is denied anyway
            facts["site_countries"] = frozenset({facts["site_country"]})
        drawn.append(facts)
    return list(zip(drawn, moments(rng, CHUNK)))


def sample(act: Act) -> list[Request]:
    """Every request of an act."""
    return [request for chunk in range(PER_ACT // CHUNK) for request in requests(act, chunk)]


def differences(act: Act, asked: list[Request]) -> list[str]:
    """Where the two disagree: the facts that are not quiet, and both answers."""
    rules, quiet, lines = load_shipped(), {f.name: f.quiet for f in FACTS[act]}, []
    for facts, as_of in asked:
        verdict = judge(rules, Facts(act, facts), as_of)
        got, want = (verdict.allowed, verdict.reasons, verdict.obligations), oracle.evaluate(act, facts, as_of)
        if got != want or verdict.faults:
            loud = {name: v for name, v in facts.items() if v != quiet[name]}
            lines.append(f"{act} {as_of} {loud}\n  engine {got} {verdict.faults}\n  oracle {want}")
    return lines


@pytest.mark.parametrize(("act", "chunk"), CHUNKS)
def test_engine_and_oracle_agree(act: Act, chunk: int) -> None:
    found = differences(act, requests(act, chunk))
    assert not found, f"{len(found)} of {CHUNK} differ\n" + "\n".join(found[:5])


def test_the_two_know_the_same_rules() -> None:
    effect = {"permit": "permit", "forbid": "forbid"}
    shipped = {
        (r.id, effect.get(r.kind, "ask"), " ".join(sorted(r.acts)), r.from_utc_s, r.to_utc_s or 10**12)
        for r in load_shipped().rules
    }
    written = {
        (rule, what, " ".join(sorted(acts)), first, end)
        for (rule, what, *_), (first, end, acts) in zip(oracle.RULES, oracle.SPANS)
    }
    assert shipped == written


def held(i: int, act: str, as_of: int) -> bool:
    """Whether a row of the oracle's table holds for that act at that moment."""
    first, end, acts = oracle.SPANS[i]
    return act in acts and first <= as_of < end


# What a reader of a rule's text may get wrong: an operator, a fact, a word, a number.
SWAPS: dict[type, type] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.And: ast.Or, ast.Or: ast.And, ast.Not: ast.UAdd,
}  # fmt: skip
PAIRS = (
    "flop_kr_pflop flop_eu_pflop flop_us_pflop", "headquarters_country parent_country", "sensitive_area named_organisation",
    "state_of_the_art broad_risk", "original_pflop modification_pflop",
)  # fmt: skip
NO_WORD = "no such word"
NO_MATTER = [("dure-place", NO_WORD)]  # the one word that closes it fires `dure-site` too
NEIGHBOURS = dict(pair for names in map(str.split, PAIRS) for pair in zip(names, names[1:] + names[:1]))


def misreadings(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, str, Any]]:
    """Places of a function, the attribute to change, and its wrong value."""
    keys = {id(node.slice) for node in ast.walk(function) if isinstance(node, ast.Subscript)}
    words = function.body[1:] if ast.get_docstring(function) else function.body
    for node in (n for statement in words for n in ast.walk(statement)):
        match node:
            case ast.Compare(ops=[op]):
                yield node, "ops", [SWAPS[type(op)]()]
            case ast.BoolOp(op=op) | ast.UnaryOp(op=op):
                yield node, "op", SWAPS[type(op)]()
            case ast.Name(id=name) if name.startswith("FLOP_"):
                yield node, "id", f"{name}_MORE"
            case ast.Constant(value=int(n)):
                yield node, "value", n + 1
            case ast.Constant(value=str()) if id(node) not in keys:
                yield node, "value", NO_WORD
            case ast.Constant(value=str(key)) if key in NEIGHBOURS:
                yield node, "value", NEIGHBOURS[key]


def uses(rule: Callable[..., Any], name: str) -> bool:
    """Whether a function of the oracle is, or calls, the one so named."""
    inner = (vars(oracle).get(n) for n in rule.__code__.co_names)
    return rule.__name__ == name or any(uses(f, name) for f in inner if isinstance(f, FunctionType))


def answers(act: Act, asked: list[Request], i: int) -> list[tuple[dict[str, Any], bool]]:
    """The requests in whose answer a row of the oracle's table counts, and whether it fires."""
    _, effect, _, _, _, fires = oracle.RULES[i]
    counts = [(facts, as_of) for facts, as_of in asked if held(i, act, as_of)]
    if effect == "permit":  # named only where nothing forbids
        counts = [r for r in counts if all(what != "forbid" for what, _ in oracle.fired(act, *r))]
    return [(facts, bool(fires(facts))) for facts, _ in counts]


@pytest.mark.parametrize("act", Act)
def test_the_sample_proves_something(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each version of each rule fires often; with one operator, fact, word or number read wrongly, it answers otherwise."""
    asked = sample(act)
    allowed = sum(oracle.evaluate(act, *request)[0] for request in asked)
    assert PER_ACT // 10 <= allowed <= PER_ACT - PER_ACT // 10
    mine = {i: answers(act, asked, i) for i, row in enumerate(oracle.RULES) if act in row[2].split()}
    fires = {(oracle.RULES[i][0], oracle.RULES[i][3]): sum(was for _, was in seen) for i, seen in mine.items()}
    assert {version: n for version, n in fires.items() if n < SEEN_AT_LEAST} == {}
    names = {i: oracle.RULES[i][-1].__name__ for i in mine}
    # By two, because no multiple of three tells 10^25 from 10^25 + 1.
    more = {f"{name}_MORE": n + 2 for name, n in vars(oracle).items() if name.startswith("FLOP_")}
    tree, unseen, tried = ast.parse(inspect.getsource(oracle)), [], 0
    for function in (f for f in tree.body if isinstance(f, ast.FunctionDef)):
        rows = [i for i in mine if uses(oracle.RULES[i][-1], function.name)]
        for node, attribute, wrong in misreadings(function) if rows else ():
            right = getattr(node, attribute)
            setattr(node, attribute, wrong)
            text, space = ast.unparse(function), vars(oracle) | more
            setattr(node, attribute, right)
            exec(text, space)
            tried += 1
            with monkeypatch.context() as patch:
                patch.setattr(oracle, function.name, space[function.name])
                unseen += [
                    f"{oracle.RULES[i][0]}: {text}"
                    for i in rows
                    if (oracle.RULES[i][0], wrong) not in NO_MATTER
                    and all(bool(getattr(oracle, names[i])(facts)) == was for facts, was in mine[i])
                ]
    assert not unseen, f"{len(unseen)} of {tried}\n" + "\n".join(unseen)
    assert tried > 5


def decisive(code: str) -> Iterator[tuple[Act, dict[str, Any]]]:
    """Requests that one country decides."""
    one = frozenset({code})
    partner = {"private_partner": "yes", "disclosure": "no", "strategic_technology": "yes"}
    yield Act.AWARD, {"applicant_country": code, **partner}
    yield Act.AWARD, {"partner_countries": one, **partner}
    yield Act.AWARD, {"headquarters_country": code, "site_countries": frozenset({"KR", code}), "end_use": "wmd"}
    yield Act.RUN, {"parent_country": code, "site_countries": one, "access_country": code, "end_use": "wmd"}
    yield Act.RUN, {"site_country": code, "personal_level": 3, "n2sf_level": 2, "core_technology": "yes"}
    yield Act.RUN, {"access_country": code, "personal_level": 3, "core_technology": "yes"}
    yield Act.PLACE, {"site_country": code, "personal_level": 3, "transfer_basis": "equivalence"}
    yield Act.PLACE, {"site_country": code, "personal_level": 2, "origin_countries": one}
    yield Act.TRAIN, {"headquarters_country": code}


@pytest.mark.parametrize("letter", ascii_uppercase)
def test_every_country(letter: str) -> None:
    """A country too many, or too few, in a rule's list is found: all pairs of letters, and `unknown`."""
    for code in [c for c in CODES if c[0] == letter] + [UNKNOWN]:
        for act, changed in decisive(code):
            facts = {f.name: f.quiet for f in FACTS[act]} | changed
            found = differences(act, [(facts, oracle.day_s("2026-11-01"))])
            assert not found, found
