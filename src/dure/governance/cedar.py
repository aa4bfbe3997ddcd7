"""Cedar, behind one door: the only module that knows the policy engine (`cedarpy`, which is imported when first needed).

A rule's condition is one Cedar expression over `context.FACT`. It becomes a policy whose id is ours. What Cedar would let
through and a rule must not do is refused here: more than one expression, facts that are not declared, words that a fact
never has, and every part of the language that a condition has no use for. Cedar skips a policy that fails (its documented
design), so an `Answer` says that there were errors, and whoever reads it must not allow then.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from dure.governance.facts import FACTS, Act, Facts, Type, Value, faults

if TYPE_CHECKING:
    from cedarpy import Entities, PolicySet, Schema

Node = Mapping[str, Any]
Fault = tuple[str, object, str]  # message, value, accepted

LONGEST, DEEPEST = (
    4_000,
    40,
)  # characters and brackets of a condition: 1,900 brackets overflow the parser's stack [measured]
_TYPES = {
    Type.BOOL: "Bool", Type.INT: "Long", Type.WORD: "String", Type.COUNTRY: "String",
    Type.WORDS: "Set<String>", Type.COUNTRIES: "Set<String>",
}  # fmt: skip
_SETS, _COUNTRIES = (Type.WORDS, Type.COUNTRIES), (Type.COUNTRY, Type.COUNTRIES)
_OPERATIONS = {
    "&&", "||", "!", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "neg", "if-then-else",
    "contains", "containsAll", "containsAny", "isEmpty",
}  # fmt: skip
_ON_WORDS = {"==", "!=", "contains", "containsAll", "containsAny"}
_PROGRAMME, _THING = {"type": "Programme", "id": ""}, {"type": "Thing", "id": ""}  # parsed sooner than `Thing::""`
_ONE = "one expression over context.FACT, true or false, with && || ! == != < <= > >= + - * and contains"


class Answer(NamedTuple):
    """What a set said: Cedar's own decision, the ids that made it, sorted, and errors, which leave nothing allowed."""

    allow: bool
    ids: tuple[str, ...]
    errors: tuple[str, ...]


class Compiled(NamedTuple):
    """Policies for one act, the facts that they read, and the schema of just those: to build a request is most of the cost."""

    act: Act
    policies: PolicySet
    names: frozenset[str]
    schema: Schema


def schema_text(act: Act, names: Container[str]) -> str:
    """The schema in Cedar's language: the act, with a record of those of its facts, all required."""
    record = ", ".join(f'"{f.name}": {_TYPES[f.type]}' for f in FACTS[act] if f.name in names)
    context = f"{{ principal: Programme, resource: Thing, context: {{ {record} }} }}"
    return f'entity Programme; entity Thing; action "{act}" appliesTo {context};'


@cache
def _schema(act: Act, names: frozenset[str] | None = None) -> Schema:
    from cedarpy import Schema

    return Schema.from_str(schema_text(act, names if names is not None else {f.name for f in FACTS[act]}))


@cache
def _nothing() -> Entities:
    from cedarpy import Entities

    return Entities.from_json_str("[]")


def compiled(act: Act, conditions: Iterable[tuple[str, str, str]]) -> Compiled:
    """A set for one act from (id, effect, condition); ids differ. Raises ValueError for a condition that is not one."""
    from cedarpy import PolicySet

    policies, names = {}, set[str]()
    for id, effect, when in conditions:
        body, wrong = _parsed(when)
        if wrong:
            raise ValueError(f"{id}: {wrong}")
        scope = {"op": "==", "entity": {"type": "Action", "id": act}}
        anything = {"op": "All"}
        policies[id] = {
            "effect": effect, "principal": anything, "action": scope, "resource": anything,
            "conditions": [{"kind": "when", "body": body}],
        }  # fmt: skip
        names |= set(_read(body))
    whole = {"staticPolicies": policies, "templates": {}, "templateLinks": []}
    return Compiled(act, PolicySet.from_json_str(json.dumps(whole)), frozenset(names), _schema(act, frozenset(names)))


def reader(when: str) -> Callable[[Mapping[str, Value]], object]:
    """What picks from facts the values that a condition reads."""
    names = names_read(when)
    return lambda values: tuple(map(values.get, names))


def names_read(when: str) -> list[str]:
    """The facts that a condition reads."""
    return sorted(set(_read(_parsed(when)[0])))


def _read(node: Any) -> Iterator[str]:
    """The names of all attributes that a condition reads."""
    if isinstance(node, dict):
        if "attr" in node:
            yield node["attr"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _read(part)


def answer(compiled: Compiled, facts: Facts) -> Answer:
    """What a set says of facts. The facts that it reads are checked against its schema as well."""
    from cedarpy import Decision, is_authorized

    values = {name: facts.values[name] for name in compiled.names if name in facts.values}
    request = {
        "principal": _PROGRAMME, "resource": _THING, "action": {"type": "Action", "id": str(facts.act)},
        "context": json.dumps(values, default=list),  # frozensets are all that JSON does not know
    }  # fmt: skip
    result = is_authorized(request, compiled.policies, _nothing(), compiled.schema)
    decision, errors = result.decision, tuple(sorted(result.diagnostics.errors))
    if decision is Decision.NoDecision and not errors:
        errors = ("the policy engine did not decide",)
    return Answer(decision is Decision.Allow and not errors, tuple(sorted(result.diagnostics.reasons)), errors)


def condition_faults(acts: Iterable[Act], when: str) -> Iterator[Fault]:
    """What is wrong with a condition. What passes has one type and no unknown fact or word, in every act."""
    body, wrong = _parsed(when)
    if wrong:
        yield wrong, when, _ONE
        return
    for act in acts:
        found = list(_walk(act, body)) or list(_invalid(act, when))
        yield from found
        if found:  # most likely the same in the other acts
            return
    try:
        compiled(Act.AWARD, [("", "permit", when)])
    except ValueError as fault:  # Cedar's JSON is read to a smaller depth than its text
        yield f"cannot be compiled, as if nested too deeply: {fault}", when, "fewer parts"


def _policy(act: Act | None, when: str) -> str:
    action = f'action == Action::"{act}"' if act else "action"
    return f"permit(principal, {action}, resource) when {{\n{when}\n}};"


def _parsed(when: str) -> tuple[Node, str]:
    """The condition as Cedar's own parser reads it, and what is wrong with it. Text that closes the policy and begins
    another, or another part of the same, is found by what came out, not by looking for braces."""
    from cedarpy import policies_to_json_str

    depths = accumulate((c in "([{") - (c in ")]}") for c in when)
    if len(when) > LONGEST or max(depths, default=0) > DEEPEST:
        return {}, f"longer than {LONGEST} characters, or more than {DEEPEST} brackets deep"
    try:
        whole = json.loads(policies_to_json_str(_policy(None, when)))
    except (ValueError, RecursionError) as fault:
        return {}, f"cannot be read: {fault}"
    policies = list(whole["staticPolicies"].values())
    if len(policies) != 1 or whole["templates"] or whole["templateLinks"]:
        return {}, "more than one expression"
    (policy,) = policies
    kinds = [c["kind"] for c in policy["conditions"]]
    scope = [policy[part] for part in ("principal", "action", "resource")]
    if kinds != ["when"] or policy["effect"] != "permit" or scope != [{"op": "All"}] * 3:
        return {}, "more than one expression"
    return policy["conditions"][0]["body"], ""


def _walk(act: Act, node: Node) -> Iterator[Fault]:
    """What Cedar's validator lets pass and a condition may not do."""
    ((operation, inner),) = node.items()
    if operation == "." and inner["left"] == {"Var": "context"}:
        if _fact(act, node) is None:
            names = [f.name for f in FACTS[act]]
            close = difflib.get_close_matches(inner["attr"], names, 1) or names
            yield f"no such fact of {act}", inner["attr"], ", ".join(close)
    elif operation in _ON_WORDS and any(_words(n) is not None for n in (inner["left"], inner["right"])):
        yield from _word_faults(act, inner["left"], inner["right"])
    elif operation == "Value" and not isinstance(inner, str):
        pass
    elif operation == "Set" and all("Value" in item for item in inner):
        for item in inner:
            yield from _walk(act, item)
    elif operation in _OPERATIONS:
        for part in inner.values():
            yield from _walk(act, part)
        if operation in _ON_WORDS:
            yield from _unlike(act, inner["left"], inner["right"])
    else:
        what = "words compared with no fact" if operation == "Value" else "not for a condition"
        yield what, inner if operation in ("Var", "Value") else operation, _ONE


def _fact(act: Act, node: Node) -> Any:
    """The fact that a node is; None if it is something else."""
    inner = node.get(".")
    if inner is None or inner["left"] != {"Var": "context"}:
        return None
    return next((f for f in FACTS[act] if f.name == inner["attr"]), None)


def _words(node: Node) -> list[str] | None:
    """The words that a node spells out: one, or a set of them; None if it is something else."""
    values = node.get("Set", [node])
    found = [v.get("Value") for v in values]
    return [str(w) for w in found] if all(isinstance(w, str) for w in found) else None


def _word_faults(act: Act, left: Node, right: Node) -> Iterator[Fault]:
    """Words must be such as the fact they are compared with can have: a typing error would never be equal."""
    if _words(left) is not None and _words(right) is not None:
        yield "words compared with words", ", ".join([*(_words(left) or ()), *(_words(right) or ())]), _ONE
        return
    words, other = (_words(left), right) if _words(left) is not None else (_words(right), left)
    fact = _fact(act, other)
    if fact is None:
        yield from _walk(act, other)
        if "." not in other:
            yield "words compared with no fact", ", ".join(words or ()), _ONE
        return
    for word in words or ():
        value = frozenset({word}) if fact.type in _SETS else word
        wrong = dict(faults(Facts(act, {fact.name: value}))).get(fact.name)
        if wrong:
            yield f"{fact.name} never has it", word, wrong.removeprefix("not ")


def _unlike(act: Act, left: Node, right: Node) -> Iterator[Fault]:
    """Two facts that are compared must have words of one kind: other words would never be equal."""
    a, b = _fact(act, left), _fact(act, right)
    if a and b and (a.accepted, a.type in _COUNTRIES) != (b.accepted, b.type in _COUNTRIES):
        yield "facts with different words", f"{a.name}, {b.name}", "facts that have the same words"


def _invalid(act: Act, when: str) -> Iterator[Fault]:
    from cedarpy import validate_policies

    result = validate_policies(_policy(act, when), _schema(act))
    for error in result.errors:
        yield f"for {act}: " + error.error.removeprefix("for policy `policy0`, "), when, _ONE
    if not result.validation_passed and not result.errors:
        yield f"for {act}: not valid", when, _ONE
