"""The card against the SPDX 3.0.1 model, as far as it is used: classes, mandatory properties, accepted values, references.

The tables below were taken from the specification (spdx.github.io/spdx-spec/v3.0.1) and its model (github.com/spdx/spdx-3-model);
the official JSON schema needs the network and is not run here.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.formats import spdx
from dure.governance.assets import Dataset, Model
from dure.governance.gate import Bar, Evaluation, Figure
from dure.governance.labels import Label, Personal
from dure.governance.lineage import Total

ELEMENT = {"type", "spdxId", "creationInfo"}
PACKAGE = {*ELEMENT, "name", "software_primaryPurpose", "software_downloadLocation", "verifiedUsing"}
CLASSES = {  # class: (mandatory, all that the card may use)
    "CreationInfo": (
        {"type", "@id", "specVersion", "created", "createdBy"},
        {"type", "@id", "specVersion", "created", "createdBy"},
    ),
    "SpdxDocument": (
        {*ELEMENT, "rootElement"},
        {*ELEMENT, "name", "profileConformance", "rootElement", "element"},
    ),
    "SoftwareAgent": (ELEMENT, {*ELEMENT, "name"}),
    "Organization": (ELEMENT, {*ELEMENT, "name"}),
    "Relationship": (
        {*ELEMENT, "from", "to", "relationshipType"},
        {*ELEMENT, "from", "to", "relationshipType"},
    ),
    "simplelicensing_LicenseExpression": (
        {*ELEMENT, "simplelicensing_licenseExpression"},
        {*ELEMENT, "simplelicensing_licenseExpression"},
    ),
    "ai_AIPackage": (
        # releaseTime is mandatory too, and unknown before the release: then the profile is not claimed
        {*ELEMENT, "name", "suppliedBy", "software_downloadLocation", "software_packageVersion", "software_primaryPurpose"},
        {*PACKAGE, "suppliedBy", "releaseTime", "software_packageVersion", "ai_domain", "ai_limitation", "ai_metric",
         "ai_informationAboutTraining", "ai_metricDecisionThreshold", "ai_useSensitivePersonalInformation"},
    ),
    "dataset_DatasetPackage": (
        {*ELEMENT, "name", "dataset_datasetType", "software_downloadLocation", "software_primaryPurpose"},
        {*PACKAGE, "dataset_datasetType", "dataset_hasSensitivePersonalInformation", "dataset_intendedUse"},
    ),
}  # fmt: skip
LISTS = {"createdBy", "profileConformance", "rootElement", "element", "to", "ai_domain", "ai_metric",
         "ai_metricDecisionThreshold", "dataset_datasetType", "verifiedUsing"}  # fmt: skip
ACCEPTED = {
    "relationshipType": {"trainedOn", "descendantOf", "hasDeclaredLicense", "hasConcludedLicense"},
    "software_primaryPurpose": {"model", "data"},
    "dataset_datasetType": {"noAssertion"},
    "ai_useSensitivePersonalInformation": {"yes", "no", "noAssertion"},
    "dataset_hasSensitivePersonalInformation": {"yes", "no", "noAssertion"},
    "profileConformance": {"core", "software", "simpleLicensing", "ai", "dataset"},
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DIGEST = "ab" * 32

MODEL = Model(
    "korean-7b", "한국어 7B", "p", "예시 연구소", version="2", save_point=DIGEST, licence="Apache-2.0", domain="법률 한국어",
    limitation="의료에는 쓰지 않습니다.", training="두 단계로 학습했습니다.", source="https://example.org/korean-7b",
)  # fmt: skip
BASE = Model("open-base", "Open base", "p", "Example Lab", made=False, licence="Llama-3.1")
WEB = Dataset("web", "웹", "p", personal="personal", licence="CC-BY-4.0", purpose="연구")
BARE = Dataset("bare", "Bare", "p")
TOTAL = Total(80_000_000, 84_000_000, 10**11, {}, 3, {})


def conforms(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The elements of a card by id, after every check that the specification lets one make."""
    assert set(card) == {"@context", "@graph"}
    assert card["@context"] == "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
    graph = card["@graph"]
    elements = {e.get("spdxId", e.get("@id")): e for e in graph}
    assert len(elements) == len(graph)
    assert sorted(e["type"] for e in graph).count("CreationInfo") == 1
    assert [e["type"] for e in graph].count("SpdxDocument") == 1
    for e in graph:
        mandatory, known = CLASSES[e["type"]]
        assert mandatory <= set(e) <= known, e
        for key, value in e.items():
            assert isinstance(value, list) == (key in LISTS), key
            assert value not in ("", [], None), key
            for one in value if isinstance(value, list) else [value]:
                assert key not in ACCEPTED or one in ACCEPTED[key], (key, one)
        for key in ("created", "releaseTime"):
            assert TIME.fullmatch(e.get(key, "2026-01-01T00:00:00Z"))
        refers = [e.get("creationInfo"), e.get("suppliedBy"), e.get("from"), *e.get("to", ()), *e.get("createdBy", ()),
                  *e.get("rootElement", ()), *e.get("element", ())]  # fmt: skip
        assert set(refers) - {None, spdx.NO_LICENCE} <= elements.keys()
    _licensed_once(graph)
    return elements


def _licensed_once(graph: list[dict[str, Any]]) -> None:
    """The AI and data set profiles: exactly one declared and one concluded licence of each package."""
    for e in graph:
        if e["type"] in ("ai_AIPackage", "dataset_DatasetPackage"):
            for how in ("hasDeclaredLicense", "hasConcludedLicense"):
                found = [r for r in graph if r.get("from") == e["spdxId"] and r["relationshipType"] == how]
                assert len(found) == len(found[0]["to"]) == 1


def one(card: dict[str, Any], type: str, name: str = "") -> dict[str, Any]:
    (found,) = (e for e in card["@graph"] if e["type"] == type and name in ("", e.get("name")))
    return dict(found)


def test_the_whole_card() -> None:
    evaluation = Evaluation(
        "strong_reject", "2", "sr", "2025-02", "m", DIGEST, "inspect_ai", "0.3", "success", 200, 200,
        (Figure("judge", "accuracy", 190, 200),), "cd" * 32, 1,
    )  # fmt: skip
    other, crashed = replace(evaluation, model_digest="0" * 64), replace(evaluation, status="error", task="crash")
    card = spdx.card(
        MODEL, 1_790_000_000, ancestors=[BASE], datasets=[BARE, WEB], label=WEB.label, total=TOTAL,
        evaluations=[evaluation, other, crashed], bars=[Bar("strong_reject", 900, "2", "2025-02")],
    )  # fmt: skip
    elements = conforms(card)
    root = elements[one(card, "SpdxDocument")["rootElement"][0]]
    assert root == one(card, "ai_AIPackage", "한국어 7B")
    assert root["ai_domain"] == ["법률 한국어"]
    assert root["ai_useSensitivePersonalInformation"] == "yes"
    assert root["verifiedUsing"] == [{"type": "Hash", "algorithm": "sha256", "hashValue": DIGEST}]
    assert "84000000, between 80000000 and 100000000000" in root["ai_informationAboutTraining"]
    assert root["ai_informationAboutTraining"].startswith(MODEL.training)
    assert root["ai_metric"] == [
        {"type": "DictionaryEntry", "key": "strong_reject 2: judge/accuracy", "value": "190/200"}
    ]
    assert elements[root["suppliedBy"]]["name"] == "예시 연구소"
    links = {
        (elements[e["from"]]["name"], e["relationshipType"], *(elements[t]["name"] for t in e["to"] if "name" in elements.get(t, {})))
        for e in card["@graph"] if e["type"] == "Relationship"
    }  # fmt: skip
    assert ("한국어 7B", "descendantOf", "Open base") in links
    assert ("한국어 7B", "trainedOn", "Bare", "웹") in links
    words = {e["simplelicensing_licenseExpression"] for e in card["@graph"] if "licensing_" in e["type"]}
    assert words == {"Apache-2.0", "LicenseRef-Llama-3.1", "CC-BY-4.0"}


def test_nothing_is_guessed() -> None:
    card = spdx.card(BASE, 1_790_000_000, datasets=[BARE])
    conforms(card)
    root = one(card, "ai_AIPackage")
    assert root["software_downloadLocation"] == "NOASSERTION"
    assert root["ai_useSensitivePersonalInformation"] == "noAssertion"
    assert not {
        "releaseTime",
        "ai_domain",
        "ai_limitation",
        "ai_metric",
        "verifiedUsing",
        "ai_energyConsumption",
    } & set(root)
    declared = [
        e for e in card["@graph"] if e["type"] == "Relationship" and "#data-" in e["from"] and "Declared" in e["relationshipType"]
    ]  # fmt: skip
    assert [e["to"] for e in declared] == [[spdx.NO_LICENCE]]


def test_the_profile_is_claimed_only_where_all_it_asks_for_is_known() -> None:
    claimed = lambda **more: "ai" in one(spdx.card(**{"model": MODEL, "created_utc_s": 0} | more), "SpdxDocument")["profileConformance"]  # noqa: E731  # fmt: skip
    assert claimed(released_utc_s=1)
    assert not claimed()
    assert not claimed(released_utc_s=1, model=replace(MODEL, source=""))
    assert not claimed(released_utc_s=1, ancestors=[BASE])  # when that one was released is not known


@pytest.mark.parametrize(
    ("personal", "of_data", "of_model"),
    [
        (Personal.PUBLIC, "no", "noAssertion"),
        (Personal.INTERNAL, "no", "noAssertion"),
        (Personal.PSEUDONYMISED, "noAssertion", "noAssertion"),
        (Personal.PERSONAL, "yes", "yes"),
        (Personal.SENSITIVE, "yes", "yes"),
    ],
)
def test_personal_data_by_the_label(personal: Personal, of_data: str, of_model: str) -> None:
    data = replace(WEB, personal=personal.name.lower())
    card = spdx.card(MODEL, 0, datasets=[data], label=Label(personal=personal))
    assert one(card, "dataset_DatasetPackage")["dataset_hasSensitivePersonalInformation"] == of_data
    assert one(card, "ai_AIPackage")["ai_useSensitivePersonalInformation"] == of_model


NAMES = st.text(min_size=1, max_size=12).filter(str.strip)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,8}", fullmatch=True)


@given(
    st.lists(st.tuples(IDS, NAMES, NAMES), min_size=1, max_size=5, unique_by=lambda t: t[0]),
    st.lists(st.tuples(IDS, NAMES, NAMES | st.just("")), max_size=5, unique_by=lambda t: t[0]),
    st.randoms(use_true_random=False),
)
def test_any_names_make_a_card_that_conforms_and_does_not_depend_on_order(models: Any, data: Any, random: Any) -> None:
    made = [Model(i, title, "p", owner, licence=owner) for i, title, owner in models]
    sets = [Dataset(i, title, "p", licence=licence) for i, title, licence in data]
    card = spdx.card(made[0], 0, ancestors=made[1:], datasets=sets)
    conforms(card)
    assert len([e for e in card["@graph"] if e["type"].endswith("Package")]) == len(made) + len(sets)
    ancestors = made[1:]
    random.shuffle(ancestors)
    random.shuffle(sets)
    text = json.dumps(spdx.card(made[0], 0, ancestors=ancestors, datasets=sets), ensure_ascii=False)
    assert text == json.dumps(card, ensure_ascii=False)
    assert json.loads(text) == card
