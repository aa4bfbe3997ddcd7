"""A model from its data to its release, as people type it, in both languages; and every refusal with what to do."""

# ruff: noqa: F811  fixtures from other files

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.app.test_modelling import OTHER, POINT, cast, log  # noqa: F401
from tests.cli.test_compute import written
from tests.cli.test_programme import Done, Dure, dure  # noqa: F401

AT, UNTIL = "2026-09-21T14:13:20+00:00", "2026-12-01T00:00:00+00:00"
DATA = """id = "web"
title = "웹 말뭉치"
project = "alpha"
personal = "{personal}"
core_technology = "no"
origins = ["KR"]
sites = ["naver"]
licence = "CC-BY-4.0"
keep_until = 2030-01-01
"""
MODEL = f"""id = "m"
title = "한국어 7B"
project = "alpha"
owner = "예시 연구소"
save_point = "{POINT}"
licence = "Apache-2.0"
generates = ["text"]
markets = ["KR"]
high_impact = "no"
labelled = "yes"
state_of_the_art = "no"
broad_risk = "no"
"""
BARS = """[[bar]]
task = "strong_reject"
task_version = "2"
dataset_revision = "2025-02"
least = "90 %"
"""


@pytest.fixture
def office(cast: Any, dure: Dure) -> Any:
    """Runs a command as the lead of project alpha, or as somebody else."""

    def run(*words: str | Path, who: str = "lead") -> Done:
        return dure(*words, who=who, at=AT)

    return run


@pytest.fixture
def trained(office: Any) -> Any:
    """A model `m` with a run of 10^23 FLOP on public data: a release needs an evaluation."""
    return prepared(office, "1e23", "public")


def prepared(office: Any, flop: str, personal: str) -> Any:
    Path("data.toml").write_text(DATA.format(personal=personal))
    Path("model.toml").write_text(MODEL)
    Path("bars.toml").write_text(BARS)
    for words in (("data", "add", "data.toml"), ("model", "add", "model.toml"),
                  ("compute", "record", written("a", flop, data=["web"]))):  # fmt: skip
        done = office(*words)
        assert done.code == 0, done.err
    assert office("model", "bars", "m", "bars.toml", who="c1").code == 0
    return office


def test_a_denied_release_says_which_rule_and_what_to_do(trained: Any) -> None:
    done = trained("model", "release", "m", "--json")
    assert done.code == 1
    (verdict,), rules = done.rows["verdict"], done.rows["rules"]
    assert (verdict["allowed"], verdict["done"], verdict["reasons"]) == ("no", "no", "dure-release-evaluation")
    rule = next(r for r in rules if r["rule"] == "dure-release-evaluation")
    assert rule["kind"] == "forbid"
    assert rule["title"]
    assert rule["todo"]
    assert rule["source"]
    assert f"{rule['title']} (dure-release-evaluation)" in done.err
    ko = trained("model", "release", "m", "--language", "ko")
    assert (ko.code, "공개하지 않았습니다" in ko.err) == (1, True)
    assert "규칙에 따라 허용되지 않습니다" in ko.err
    assert any("가" <= c <= "힣" for c in ko.out)
    assert trained("model", "list", "--json").rows[0]["released"] is None


def test_from_the_evaluation_to_the_release(trained: Any, tmp_path: Path) -> None:
    assert trained("model", "show", "m", "--json").rows["lineage"][-2:][0]["value"] == "none"
    short = trained("model", "evaluate", "m", log(tmp_path, POINT, 182), who="op")
    assert (short.code, "not passed" in short.out, "below-the-bar" in short.err) == (1, True, True)
    assert trained("model", "release", "m").code == 1
    waived = trained("model", "waive", "m", "--reason", "Only inside.", "--until", UNTIL, who="c1")
    number = waived.out.split(":")[0]
    assert (waived.code, f"model agree {number}" in waived.err) == (0, True)
    assert trained("model", "agree", number, who="c1").code == 2  # not by the one who proposed it
    assert trained("model", "release", "m").code == 1
    assert trained("model", "agree", number, who="c2").code == 0
    done = trained("model", "release", "m")
    assert (done.code, "m: released." in done.err) == (0, True)
    assert trained("model", "list", "--json").rows[0]["released"]
    changed = trained("model", "add", "model.toml")
    assert (changed.code, "released model is not changed" in changed.err) == (2, True)


def test_an_evaluation_that_passes_opens_the_gate_and_one_of_another_save_point_does_not(
    trained: Any, tmp_path: Path
) -> None:
    other = trained("model", "evaluate", "m", log(tmp_path, OTHER, 200), who="op")
    assert "other-save-point" in other.err
    assert trained("model", "release", "m").code == 1
    assert trained("model", "evaluate", "m", log(tmp_path, POINT, 200), who="op").code == 0
    assert trained("model", "release", "m").code == 0


def test_an_open_obligation_is_named_until_two_people_met_it(office: Any) -> None:
    prepared(office, "1e20", "personal")
    done = office("model", "release", "m", "--json")
    assert (done.code, done.rows["verdict"][0]["allowed"], done.rows["verdict"][0]["done"]) == (1, "yes", "no")
    asked = next(r for r in done.rows["rules"] if r["rule"] == "dure-release-personal")
    assert (asked["kind"], asked["state"]) == ("approval", "open")
    assert asked["todo"]
    assert "dure obligations list --about m" in done.err
    rows = office("obligations", "list", "--about", "m", "--json", who="c1").rows
    number = next(r["obligation"] for r in rows if r["rule"] == "dure-release-personal")
    for who in ("c1", "c2"):
        assert office("model", "release", "m").code == 1
        assert office("obligations", "meet", str(number), "--note", "Looked.", who=who).code == 0
    assert office("model", "release", "m").code == 0


def test_where_data_may_be_in_one_sentence(office: Any) -> None:
    prepared(office, "1e20", "public")
    yes = office("data", "place", "web", "--site", "naver")
    assert (yes.code, yes.err.count("\n"), "Allowed" in yes.err, "dure-place" in yes.err) == (0, 1, True, True)
    no = office("data", "place", "web", "--site", "quebec", "--json")
    assert (no.code, no.rows["verdict"][0]["reasons"], "(dure-site)" in no.err) == (1, "dure-site", True)
    ko = office("data", "place", "web", "--site", "quebec", "--language", "ko")
    assert (ko.code, "허용되지 않습니다" in ko.err) == (1, True)
    lost = office("data", "place", "web", "--site", "moon")
    assert (lost.code, "no such site" in lost.err) == (2, True)


def test_what_is_shown_of_data_and_models(trained: Any) -> None:
    assert trained("data", "list", "--json").rows == [
        {
            "data": "web", "title": "웹 말뭉치", "project": "alpha", "personal": "public", "n2sf": "none",
            "core_technology": "no", "origins": "KR", "sites": "naver", "licence": "CC-BY-4.0",
            "keep_until": trained("data", "list", "--json").rows[0]["keep_until"],
        }
    ]  # fmt: skip
    fields = {r["field"]: r["value"] for r in trained("data", "show", "web", "--json").rows}
    assert (fields["title"], fields["sites"], fields["transfers"]) == ("웹 말뭉치", "naver", None)
    assert fields["keep_until"].startswith("2030-01-01")
    shown = trained("model", "show", "m", "--json").rows
    fields = {r["field"]: r["value"] for r in shown["model"]}
    assert (fields["owner"], fields["save_point"], fields["made"]) == ("예시 연구소", POINT, "yes")
    follows = {r["field"]: r["value"] for r in shown["lineage"]}
    assert (follows["personal"], follows["licences"], follows["evaluation"]) == ("public", "obligations", "none")
    assert "duty" in follows
    assert trained("model", "show", "m").code == 0
    for words in (("data", "show", "web"), ("model", "show", "m"), ("model", "card", "m"), ("compute", "lineage", "m")):
        hidden = trained(*words, who="stranger")
        assert (hidden.code, "no " in hidden.err) == (2, True)
        assert "웹" not in hidden.out + hidden.err


def test_the_card_is_whole_json_with_its_texts(trained: Any) -> None:
    done = trained("model", "card", "m")
    card = json.loads(done.out)
    names = {e.get("name") for e in card["@graph"]}
    assert {"한국어 7B", "웹 말뭉치", "예시 연구소"} <= names
    assert trained("model", "card", "m", "--out", "card.json").code == 0
    assert Path("card.json").read_text("utf-8") == done.out


def test_the_table_of_licences(dure: Dure) -> None:
    rows = {r["licence"]: r for r in dure("model", "licences", "--json").rows}
    assert rows["Llama-3.1"]["user_cap"] == 700_000_000
    assert rows["CC-BY-NC-4.0"]["commercial"] == "no"
    assert all(r["source"] and r["confidence"] for r in rows.values())


def test_a_file_with_faults_names_them_all_and_keeps_nothing(office: Any) -> None:
    Path("model.toml").write_text(MODEL.replace('"KR"', '"Korea"').replace("owner", "holder"))
    done = office("model", "add", "model.toml")
    assert done.code == 2
    assert "model.toml:8: markets" in done.err
    assert "holder" in done.err
    assert office("model", "list", "--json").rows == []
