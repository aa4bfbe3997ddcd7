"""A funding round as people type it: from `dure init` to balances, and every refusal with its field."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dure.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
CALL = """
id = "c1"
title = { ko = "첫 공모", en = "First call" }
opens = 2026-01-05T09:00:00
closes = 2026-01-30T18:00:00
zone = "Asia/Seoul"
period_start = 2026-04-01
period_months = 3
rule = "ranked"
reply_days = 0
reviews_each = 2
market_price = 350
areas = ["language", "vision"]

[[track]]
id = "research"
name = { ko = "연구", en = "Research" }
envelope = 200_000
ceiling = 150_000
rapid = 20_000
sectors = ["academia", "laboratory"]
models = ["H200"]
lot_accelerators = 2

[[track]]
id = "startup"
name = { ko = "스타트업", en = "Start-ups" }
envelope = 100_000
sectors = ["startup"]
models = ["H200"]
fee = "share"
fee_share = "10 %"

[[criterion]]
id = "merit"
name = { ko = "우수성", en = "Merit" }
weight = "70 %"

[[criterion]]
id = "team"
name = { ko = "수행역량", en = "Team" }
weight = "30 %"
"""
APPLICATION = """
call = "c1"
track = "{track}"
project = "{project}"
title = "Title of {project}"
lead = "{lead}"
sector = "{sector}"
area = "language"

[institution]
name = "Example University {project}"
country = "KR"

[ask]
model = "H200"
accelerators = {accelerators}
months = {months}
minimum = "100 %"
"""
REVIEWERS = """user,institution,country,expertise,coauthors
r1,Example Institute R,KR,language:expert,
r2,Example Institute S,KR,language:expert,
r3,Example Institute T,CA,language:basic,
r4,Example University alpha,KR,language:expert,
"""
OPEN, REVIEW, AWARD, SPEND = "2026-01-10T12:00+09:00", "2026-02-02T12:00+09:00", "2026-03-02T12:00+09:00", "2026-05-01"


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> Any:
        return json.loads(self.out)


Dure = Callable[..., Done]


@pytest.fixture
def dure(
    database: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Done]:
    """Runs the command line in this process, in an empty folder: `dure("call", "list", who="kim", at=TIME)`."""
    monkeypatch.chdir(tmp_path)
    for name in ("DURE_USER", "TZ", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")

    def run(*words: str | Path, who: str = "", at: str = "") -> Done:
        top = [*(["--as", who] if who else []), *(["--at", at] if at else [])]
        monkeypatch.setattr(sys, "argv", ["dure", *top, *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        done = Done(int(left.value.code or 0), *capfd.readouterr())
        assert "Traceback" not in done.err
        return done

    return run


@pytest.fixture
def programme(dure: Dure, tmp_path: Path) -> Dure:
    """A programme with a published call."""
    (tmp_path / "call.toml").write_text(CALL)
    for words in (
        ("init", "--fleet", ROOT / "examples/fleets/small.toml", "--name", "Test"),
        ("call", "open", "call.toml"),
        ("call", "publish", "c1"),
    ):
        done = dure(*words, at="2026-01-02")
        assert done.code == 0, done.err
    return dure


def written(
    project: str, *, track: str = "research", accelerators: int = 4, months: int = 3, lead: str = "", **more: str
) -> str:
    """Writes an application's file into this folder; its name."""
    sector = {"research": "academia", "startup": "startup"}[track]
    text = APPLICATION.format(
        track=track,
        project=project,
        lead=lead or f"{project}-pi",
        sector=sector,
        accelerators=accelerators,
        months=months,
    )
    for old, new in more.items():
        assert old in text
        text = text.replace(old, new)
    path = Path(f"{project}.toml")
    path.write_text(text)
    return str(path)


ASKS = {"alpha": 4, "beta": 4, "gamma": 2}  # H200 for three months; the envelope is less than twice four
SCORES = {"alpha": ("4", "4.5"), "beta": ("5", "4.8"), "gamma": ("1.5", "2")}


@pytest.fixture
def ranked(programme: Dure) -> Dure:
    """Three applications, reviewed and ranked."""
    dure = programme
    for project, accelerators in ASKS.items():
        assert dure("apply", written(project, accelerators=accelerators), who=f"{project}-pi", at=OPEN).code == 0
    assert dure("application", "eligible", *(f"c1-{p}" for p in ASKS), at=REVIEW).code == 0
    Path("reviewers.csv").write_text(REVIEWERS)
    assert dure("review", "pool", "reviewers.csv", at=REVIEW).code == 0
    assigned = dure("review", "assign", "c1", "--json", at=REVIEW)
    assert assigned.code == 0, assigned.err
    for row in assigned.rows:
        names = row["reviewers"].split(", ")
        assert len(names) == 2
        assert "r4" not in names or row["application"] != "c1-alpha"  # of the same institution
        for name in names:
            merit, team = SCORES[row["application"].removeprefix("c1-")]
            words = ("review", "submit", row["application"], "--score", f"merit={merit}", "--score", f"team={team}")
            done = dure(*words, "--comment", "Read.", who=name, at=REVIEW)
            assert done.code == 0, done.err
    closed = dure("review", "close", "c1", "--json", at=AWARD)
    assert closed.code == 0, closed.err
    assert [row["application"] for row in closed.rows] == ["c1-beta", "c1-alpha", "c1-gamma"]
    return dure


@pytest.fixture
def awarded(ranked: Dure) -> Dure:
    done = ranked("award", "publish", "c1", at=AWARD)
    assert done.code == 0, done.err
    return ranked


def test_init_makes_a_programme_once_and_says_what_to_type_next(dure: Dure) -> None:
    done = dure("init")
    assert done.code == 0
    assert "made-up" in done.err
    assert "dure call open" in done.err
    again = dure("init")
    assert again.code == 2
    assert "holds a programme already" in again.err
    assert dure("user", "list", "--json").rows == [{"user": "office", "role": "office", "project": None}]


def test_a_command_before_init_says_so(dure: Dure) -> None:
    for words in (("balance",), ("call", "list"), ("backup", "b.zip"), ("letters",)):
        done = dure(*words)
        assert (done.code, "dure init" in done.err) == (2, True)
    assert not list(Path().iterdir())


def test_the_calculator_answers_first_in_both_languages(programme: Dure) -> None:
    file = written("alpha")
    done = programme("apply", file, "--only-calculate", "--language", "ko", at=OPEN)
    assert (done.code, "유닛입니다" in done.err) == (0, True)
    rows = programme("apply", file, "--only-calculate", "--json", at=OPEN).rows
    assert [(r["model"], r["accelerators"], r["accelerator_hours"], r["milli_units"]) for r in rows] == [
        ("H200", 4, 4 * 3 * 730, 4 * 3 * 730 * 13_400)
    ]
    assert programme("application", "list", "--json").rows == []
    refused = programme("apply", written("beta", accelerators=64), who="beta-pi", at=OPEN)
    assert refused.code == 2
    assert "1,878,144" in refused.out.replace(".0", "")  # what was asked, although it is refused


def test_the_round_from_call_to_balance(awarded: Dure) -> None:
    dure = awarded
    rows = {r["application"]: r for r in dure("application", "list", "--json").rows}
    assert {a: r["state"] for a, r in rows.items()} == {
        "c1-alpha": "reserve", "c1-beta": "awarded", "c1-gamma": "declined",
    }  # fmt: skip
    balance = dure("balance", "beta", "--json", at=SPEND).rows[0]
    granted = 4 * 3 * 730 * 13_400
    assert (balance["granted_milli_units"], balance["remaining_milli_units"]) == (granted, granted)
    assert balance["days_left"] is None
    verified = dure("ledger", "verify")
    assert (verified.code, verified.out.split()[0]) == (0, "3")  # two envelopes, one award
    said = dure("award", "explain", "c1-beta", "--json", "--language", "en", who="beta-pi").rows[0]
    assert said["awarded_milli_units"] == said["asked_milli_units"] == granted
    assert said["why"]
    ko = dure("award", "explain", "c1-beta", "--language", "ko", who="beta-pi").out
    assert any("가" <= c <= "힣" for c in ko)
    letters = dure("letters", "--json").rows
    assert sorted((x["to"], x["kind"]) for x in letters) == [
        ("alpha-pi", "reserve"), ("beta-pi", "awarded"), ("gamma-pi", "declined"),
    ]  # fmt: skip
    own = dure("letters", "--json", who="gamma-pi").rows
    assert [x["to"] for x in own] == ["gamma-pi"]
    assert "Title of gamma" in dure("letters", "--show", str(own[0]["letter"]), who="gamma-pi").out
    assert dure("letters", "--show", str(own[0]["letter"]), who="beta-pi").code == 2
    events = [h["event"] for h in dure("application", "history", "c1-beta", "--json", who="beta-pi").rows]
    assert events == ["write", "submit", "accept", "send", "rank", "grant"]


def test_rules_are_tried_side_by_side_and_nothing_is_awarded(ranked: Dure) -> None:
    rules = ("--rule", "ranked", "--rule", "proportional", "--rule", "scaled")
    done = ranked("award", "try", "c1", *rules, "--each", "--json", at=AWARD)
    assert done.code == 0, done.err
    assert [r["rule"] for r in done.rows["rules"]] == ["ranked", "proportional", "scaled"]
    for row in done.rows["rules"]:
        each = [a[f"{row['rule']}_milli_units"] for a in done.rows["applications"]]
        assert row["milli_units"] == sum(each)
        assert row["awarded"] == sum(1 for amount in each if amount)
    assert {r["state"] for r in ranked("application", "list", "--json").rows} == {"ranked"}
    assert ranked("ledger", "show", "--json").rows[-1]["cause"] == "issue"
    unknown = ranked("award", "try", "c1", "--rule", "rankd", at=AWARD)
    assert (unknown.code, "known: " in unknown.err) == (2, True)


def test_an_optimal_award_has_a_certificate_that_anybody_can_check(ranked: Dure) -> None:
    dure = ranked
    from dure.store import models

    row = models.Call.objects.get()
    row.document["rule"] = "optimal"
    row.save()
    tried = dure("award", "try", "c1", "--rule", "optimal", "--rule", "ranked", "--json", at=AWARD)
    assert tried.code == 0, tried.err
    assert 0 <= tried.rows[0]["gap_percent"] < 100
    assert tried.rows[1]["gap_percent"] is None
    assert dure("award", "certificate", "c1", "c.json").code == 2  # a trial is not a published award
    assert dure("award", "publish", "c1", at=AWARD).code == 0
    assert dure("award", "certificate", "c1", "c.json").code == 0
    done = dure("award", "check", "c.json")
    assert (done.code, "it holds" in done.out) == (0, True), done.err
    document = json.loads(Path("c.json").read_text())
    document["candidates"]["score"][0] += 100
    Path("c.json").write_text(json.dumps(document))
    done = dure("award", "check", "c.json")
    assert (done.code, "fault" in done.out) == (1, True)
    for wrong in ("{}", "[]", "no", json.dumps({**document, "terms": {}}), json.dumps({**document, "format": 9})):
        Path("c.json").write_text(wrong)
        assert dure("award", "check", "c.json").code == 2


def test_ctrl_c_keeps_the_incumbent_of_a_trial_and_publishes_nothing(
    ranked: Dure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dure.cli.award.stop_asked", lambda: nullcontext([2]))  # as if it had been pressed at once
    tried = ranked("award", "try", "c1", "--rule", "optimal", "--json", at=AWARD)
    assert (tried.code, [r["rule"] for r in tried.rows]) == (130, ["optimal"])
    before = ranked("ledger", "show", "--json").rows
    assert ranked("award", "publish", "c1", at=AWARD).code == 130
    assert {r["state"] for r in ranked("application", "list", "--json").rows} == {"ranked"}
    assert ranked("ledger", "show", "--json").rows == before
    assert ranked("letters", "--json").rows == []


def test_a_panel_changes_an_award_with_a_reason_and_two_people(ranked: Dure) -> None:
    assert ranked("user", "add", "second").code == 0
    assert ranked("user", "grant", "second", "office").code == 0
    proposed = ranked("award", "amend", "c1-beta", "--amount", "0", "--reason", "Withdrawn by the host.", at=AWARD)
    assert proposed.code == 0, proposed.err
    number = proposed.out.split()[1].rstrip(":")
    own = ranked("award", "agree", number, at=AWARD)
    assert (own.code, "second person" in own.err) == (2, True)
    assert ranked("award", "agree", number, who="second", at=AWARD).code == 0
    assert ranked("award", "publish", "c1", at=AWARD).code == 0
    states = {r["application"]: r["state"] for r in ranked("application", "list", "--json").rows}
    assert states["c1-beta"] != "awarded"
    assert "Withdrawn by the host" in ranked("award", "explain", "c1-beta", "--language", "en").out


def test_after_the_award(awarded: Dure) -> None:
    dure = awarded
    more = dure("award", "supplement", "c1-beta", "--amount", "1,000.5", "--reason", "A longer run.", at=SPEND)
    assert more.code == 0, more.err
    granted = dure("balance", "beta", "--json", at=SPEND).rows[0]["granted_milli_units"]
    assert granted == 4 * 3 * 730 * 13_400 + 1_000_500
    later = dure("award", "extend", "c1-beta", "--months", "2", "--reason", "Late delivery.", at=SPEND)
    assert (later.code, "2026-08-31" in later.out or "2026-09-01" in later.out) == (0, True)
    adjusted = dure(
        "ledger", "adjust", "--from", "adjusted", "--to", "project:beta", "--amount", "5", "--reason", "r", at=SPEND
    )
    assert adjusted.code == 0, adjusted.err
    assert dure("ledger", "proposals", "--json").rows[0]["state"] == "open"
    dure("user", "add", "second")
    dure("user", "grant", "second", "office")
    number = adjusted.out.split()[1].rstrip(":")
    assert dure("ledger", "agree", number, who="second", at=SPEND).code == 0
    journal = dure("ledger", "show", "beta", "--json", who="beta-pi").rows
    assert [e["cause"] for e in journal] == ["award", "supplement", "adjust"]
    assert (journal[-1]["by"], journal[-1]["second"]) == ("office", "second")
    given_up = dure("award", "withdraw", "c1-beta", "--reason", "No students.", who="beta-pi", at=SPEND)
    assert given_up.code == 0, given_up.err
    assert "c1-alpha" in given_up.out  # from the reserve list
    assert dure("balance", "alpha", "--json", at=SPEND).rows[0]["granted_milli_units"] > 0
    assert dure("ledger", "close", "2026-04", at=SPEND).code == 0
    assert dure("ledger", "verify").code == 0
    appealed = dure("award", "appeal", "c1-gamma", "A review was of another text.", who="gamma-pi", at=SPEND)
    assert appealed.code == 0, appealed.err
    own = dure("award", "decide", "c1-gamma", "--reason", "No.", at=SPEND)
    assert (own.code, "published" in own.err) == (2, True)
    assert dure("award", "decide", "c1-gamma", "--reason", "No.", who="second", at=SPEND).code == 0


def test_small_asks_are_granted_without_review_and_no_others(programme: Dure) -> None:
    dure = programme
    for project, accelerators, months in (("small", 2, 1), ("large", 2, 2)):
        file = written(project, accelerators=accelerators, months=months)
        assert dure("apply", file, who=f"{project}-pi", at=OPEN).code == 0
    assert dure("award", "rapid", "c1-small", at=OPEN).code == 0
    assert dure("balance", "small", "--json", who="small-pi").rows[0]["remaining_milli_units"] == 2 * 730 * 13_400
    done = dure("award", "rapid", "c1-large", at=OPEN)
    assert (done.code, "39,128" in done.err, "at most 20,000" in done.err) == (2, True, True)


def test_a_fee_is_shown_then_booked_once_and_printed(programme: Dure) -> None:
    from django.db import transaction

    dure = programme
    assert dure("apply", written("firm", accelerators=1, months=1, track="startup"), who="firm-pi", at=OPEN).code == 0
    from dure.app import awarding, people
    from dure.app import programme as programmes
    from dure.programme.model import Application
    from dure.store import models
    from dure.store.documents import from_json

    row = models.Application.objects.get()
    office, call = people.actor_of("office"), programmes.call_of(people.actor_of("office"), "c1")[0]
    with transaction.atomic():
        award = awarding.fund(row, from_json(Application, row.document), call, 1_000_000, office, 1_780_000_000, None)
    programmes.record([award])
    shown = dure("ledger", "invoice", "firm", "2026-05", "--json", at=SPEND)
    assert shown.code == 0, shown.err
    assert sum(line["amount_minor"] for line in shown.rows) == 1000 * 350 // 10
    assert len(dure("ledger", "show", "firm", "--json").rows) == 1
    for _ in range(2):
        done = dure("ledger", "invoice", "firm", "2026-05", "--do", "--out", "page.html", "--language", "ko", at=SPEND)
        assert done.code == 0, done.err
    assert "35,000" in Path("page.html").read_text("utf-8")
    assert [e["cause"] for e in dure("ledger", "show", "firm", "--json").rows] == ["award", "fee"]
    assert dure("ledger", "invoice", "firm", "2026-13", at=SPEND).code == 2
    assert dure("ledger", "verify").code == 0


def test_adding_users_and_tokens(programme: Dure) -> None:
    dure = programme
    assert dure("user", "add", "kim").code == 0
    assert dure("user", "add", "kim").code == 2
    assert dure("user", "grant", "kim", "auditor").code == 0
    assert dure("ledger", "verify", who="kim").code == 0
    assert dure("ledger", "verify", who="lee").code == 2
    assert dure("user", "grant", "kim", "king").code == 2
    assert "nobody changes their own" in dure("user", "take", "office", "office").err
    assert dure("user", "take", "kim", "auditor").code == 0
    assert dure("ledger", "verify", who="kim").code == 2
    token = dure("user", "token", "--name", "ci", "--read-only", "--days", "3", who="kim", at=OPEN).out.strip()
    assert token.startswith("dure_")
    from dure.app.people import actor_of_token
    from dure.terminal.acting import moment

    start = moment(OPEN, "at")
    found = actor_of_token(token, start)
    assert found is not None
    assert (found.user, found.may_write) == ("kim", False)
    assert actor_of_token(token, start + 3 * 86_400) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('rule = "ranked"', 'rule = "ranked"\nrules = "x"'), "rules: unknown key"),
        (("closes = 2026-01-30", "closes = 2025-01-30"), "closes"),
        (('rule = "ranked"', 'rule = "rankd"'), "rule"),
        (('weight = "70 %"', 'weight = "60 %"'), "weight"),
        (('models = ["H200"]', 'models = ["H2OO"]'), "H2OO"),
    ],
)
def test_a_call_with_a_fault_is_refused_with_its_line(dure: Dure, change: tuple[str, str], said: str) -> None:
    assert dure("init", "--fleet", ROOT / "examples/fleets/small.toml").code == 0
    Path("call.toml").write_text(CALL.replace(*change, 1))
    done = dure("call", "open", "call.toml", at="2026-01-02")
    assert done.code == 2
    assert said in done.err
    assert "call.toml:" in done.err
    assert "accepted" in done.err or "missing" in done.err
    assert dure("call", "list", "--json").rows == []


@pytest.mark.parametrize(
    ("project", "change", "at", "said"),
    [
        ("alpha", {"accelerators": 64}, OPEN, "ceiling"),
        ("alpha", {"accelerators": 3}, OPEN, "multiple of 2"),
        ("alpha", {"months": 9}, OPEN, "ask.months"),
        ("alpha", {"language": "langage"}, OPEN, "area"),
        ("alpha", {'"H200"': '"RNGD"'}, OPEN, "ask.model"),
        ("alpha", {"area =": "aera ="}, OPEN, "area"),
        ("alpha", {}, "2026-01-30T09:00:00+00:00", "closed"),  # the first moment that is too late, told in UTC
        ("alpha", {}, "2026-01-30T04:00:00-05:00", "closed"),  # the same moment in New York
        ("alpha", {}, "2026-01-05T08:59:59+09:00", "not open"),
    ],
)
def test_an_application_with_a_fault_is_refused_with_its_field(
    programme: Dure, project: str, change: dict[str, Any], at: str, said: str
) -> None:
    done = programme("apply", written(project, **change), who=f"{project}-pi", at=at)
    assert done.code == 2
    assert said in done.err
    assert "accepted" in done.err
    assert programme("application", "list", "--json").rows == []


def test_the_last_second_is_in_time(programme: Dure) -> None:
    assert programme("apply", written("alpha"), who="alpha-pi", at="2026-01-30T17:59:59+09:00").code == 0
    assert programme("apply", written("beta"), who="beta-pi", at="2026-01-30T08:59:59+00:00").code == 0


def test_a_draft_is_kept_and_submitted_later_by_its_lead_alone(programme: Dure) -> None:
    dure = programme
    assert dure("apply", written("alpha"), "--draft", who="alpha-pi", at=OPEN).code == 0
    assert dure("application", "submit", "c1-alpha", who="other", at=OPEN).code == 2
    assert dure("application", "show", "c1-alpha", who="other").code == 2
    assert dure("application", "submit", "c1-alpha", who="alpha-pi", at="2026-01-31").code == 2
    assert dure("application", "submit", "c1-alpha", who="alpha-pi", at=OPEN).code == 0
    assert dure("application", "reopen", "c1-alpha", who="alpha-pi", at=OPEN).code == 0
    assert dure("application", "withdraw", "c1-alpha", who="alpha-pi", at=OPEN).code == 0
    assert json.loads(dure("application", "show", "c1-alpha", who="alpha-pi").out)["project"] == "alpha"


@pytest.fixture
def under_review(programme: Dure) -> Dure:
    dure = programme
    assert dure("apply", written("alpha"), who="alpha-pi", at=OPEN).code == 0
    assert dure("application", "eligible", "c1-alpha", at=REVIEW).code == 0
    Path("reviewers.csv").write_text(REVIEWERS.replace("r3,Example Institute T,CA,language:basic,\n", ""))
    assert dure("review", "pool", "reviewers.csv", at=REVIEW).code == 0
    assert dure("review", "assign", "c1", at=REVIEW).code == 0
    return dure


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (("merit=5.1", "team=4"), "merit"),
        (("merit=4.55", "team=4"), "merit"),
        (("merit=4.5",), "team"),
        (("merit=4.5", "team=4", "luck=5"), "luck"),
        (("merit=many", "team=4"), "number"),
        (("merit", "team=4"), "merit=4.5"),
        (("merit=-1", "team=4"), "merit"),
    ],
)
def test_a_score_out_of_range_is_refused(under_review: Dure, scores: tuple[str, ...], said: str) -> None:
    words = [word for score in scores for word in ("--score", score)]
    done = under_review("review", "submit", "c1-alpha", *words, who="r1", at=REVIEW)
    assert done.code == 2
    assert said in done.err
    assert "accepted" in done.err
    assert under_review("review", "show", "c1-alpha", "--json").rows == []


def test_a_reviewer_with_a_conflict_is_refused(under_review: Dure) -> None:
    """Declared after the assignment: the pool is told that they wrote together."""
    review = ("review", "submit", "c1-alpha", "--score", "merit=5", "--score", "team=5")
    Path("again.csv").write_text(REVIEWERS.splitlines()[0] + "\nr1,Example Institute R,KR,language:expert,alpha-pi\n")
    assert under_review("review", "pool", "again.csv", at=REVIEW).code == 0
    done = under_review(*review, who="r1", at=REVIEW)
    assert (done.code, "conflict of interest" in done.err) == (2, True)
    assert under_review(*review, who="r4", at=REVIEW).code == 2  # of the same institution: never assigned
    assert under_review(*review, who="alpha-pi", at=REVIEW).code == 2
    status = under_review("review", "status", "c1", "--json", at="2026-03-02").rows
    assert status[0]["late"] == "r1, r2"


def rows_of_csv(count: int, bad: dict[int, tuple[str, str]]) -> str:
    """Applications as CSV; line n of the file has its first text replaced by the second."""
    head = "call,track,project,title,lead,sector,institution,country,area,model,accelerators,months,minimum"
    lines = [head]
    for n in range(2, count + 2):
        line = (
            f"c1,research,p{n},Generated application {n},lead{n},academia,Institution {n % 90},KR,vision,H200,2,3,100 %"
        )
        lines.append(line.replace(*bad[n]) if n in bad else line)
    return "\n".join(lines) + "\n"


def test_three_bad_rows_among_ten_thousand(programme: Dure) -> None:
    """All or nothing; each bad row is named with line, field and what is right; with --skip-bad the others are in."""
    bad = {17: ("H200,2,3", "H200,two,3"), 5_000: (",academia,", ",acadmia,"), 9_999: ("100 %", "all")}
    Path("many.csv").write_text(rows_of_csv(10_000, bad))
    done = programme("application", "import", "many.csv", at=OPEN)
    assert done.code == 2
    faults = done.err.strip().removeprefix("dure: ").split("\n")
    assert [f.split(":")[1] for f in faults] == ["17", "5000", "9999"]
    for fault, field in zip(faults, ("accelerators", "sector", "minimum"), strict=True):
        assert field in fault
        assert "accepted" in fault
    assert programme("application", "list", "--json").rows == []
    done = programme("application", "import", "many.csv", "--skip-bad", at=OPEN)
    assert done.code == 0, done.err
    assert done.err.count("skipped: ") == 3
    assert "submitted 9,997 applications, skipped 3" in done.out


def test_rows_that_may_not_apply_are_refused_too_and_named(programme: Dure) -> None:
    Path("few.csv").write_text(rows_of_csv(5, {3: ("H200,2,3", "H200,64,3")}))
    done = programme("application", "import", "few.csv", at=OPEN)
    assert done.code == 2
    assert "ceiling" in done.err
    assert programme("application", "list", "--json").rows == []
    done = programme("application", "import", "few.csv", "--skip-bad", at=OPEN)
    assert "submitted 4 applications, skipped 1" in done.out
    assert "ceiling" in done.err
    again = programme("application", "import", "few.csv", "--skip-bad", at=OPEN)
    assert "submitted 0 applications" in again.out


def test_the_same_backup_by_the_command_line(programme: Dure) -> None:
    done = programme("backup", "b.zip")
    assert (done.code, "tokens" in done.err) == (0, True)
    done = programme("restore", "b.zip")
    assert (done.code, "not empty" in done.err) == (2, True)
    Path("b.zip").write_bytes(Path("b.zip").read_bytes()[:-100])
    done = programme("restore", "b.zip")
    assert (done.code, "damaged" in done.err) == (2, True)


def test_times_are_shown_in_the_readers_zone_or_the_calls(programme: Dure, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    assert programme("call", "list", "--json").rows[0]["closes"] == "2026-01-30 18:00+09:00"
    monkeypatch.setenv("TZ", "America/Vancouver")
    time.tzset()
    try:
        assert programme("call", "list", "--json").rows[0]["closes"] == "2026-01-30 01:00-08:00"
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_the_acting_user_is_the_environments_then_the_office(programme: Dure, monkeypatch: pytest.MonkeyPatch) -> None:
    assert programme("user", "list").code == 0
    monkeypatch.setenv("DURE_USER", "somebody")
    done = programme("user", "list")
    assert (done.code, "only office" in done.err) == (2, True)
    assert programme("user", "list", who="office").code == 0


@pytest.mark.parametrize("at", ["yesterday", "2026-13-01", ""])
def test_a_moment_that_is_none(programme: Dure, at: str) -> None:
    sys.argv = ["dure", "--at", at, "call", "list"]
    done = programme("call", "withdraw", "c1", "--reason", "r", at=at or " ")
    assert (done.code, "accepted: a date" in done.err) == (2, True)


ACCOUNTS = """Cluster - 'mycluster':Fairshare=1:QOS='normal'
Parent - 'root'
Account - 'vision':Description='Vision group':GrpTRES=gres/gpu=16:GrpTRESMins=gres/gpu=600000
Account - 'speech':Description='Speech group':GrpTRESMins=gres/gpu=60
Account - 'guests':Description='Guests'
Parent - 'vision'
User - 'kim':Coordinator='vision':Fairshare=1
User - 'lee':Fairshare=1
Parent - 'guests'
User - 'park':Fairshare=1
"""
JOBS = """JobID|Account|ElapsedRaw|AllocTRES
11|vision|7200|billing=8,cpu=32,gres/gpu=4,mem=200G,node=1
11.batch|vision|7200|cpu=32,gres/gpu=4
12|speech|36000|cpu=8,gres/gpu=1
"""
DUMP = """[
{"model": "auth.user", "pk": 1, "fields": {"username": "choi"}},
{"model": "project.project", "pk": 7, "fields": {"title": "Weather AI", "pi": ["choi"], "status": ["Active"]}},
{"model": "allocation.allocation", "pk": 3, "fields": {"project": 7, "status": ["Active"]}},
{"model": "allocation.allocationattribute", "pk": 5, "fields":
 {"allocation": 3, "allocation_attribute_type": ["GPU Hours"], "value": "1000"}},
{"model": "allocation.allocationattributeusage", "pk": 5, "fields": {"value": 250.5}}
]"""


def test_a_slurm_centre_moves_in_once_and_what_stays_behind_is_said(programme: Dure) -> None:
    dure = programme
    Path("accounts.cfg").write_text(ACCOUNTS)
    Path("usage.txt").write_text(JOBS)
    words = ("import", "slurm", "accounts.cfg", "--usage", "usage.txt", "--rate", "gres/gpu=12.2", "--json")
    for state in ("new", "known before"):
        done = dure(*words)
        assert done.code == 0, done.err
        rows = {r["project"]: r for r in done.rows}
        assert [(p, r["granted_milli_units"], r["spent_milli_units"]) for p, r in rows.items()] == [
            ("guests", 0, 0), ("speech", 12_200, 12_200), ("vision", 122_000_000, 97_600),
        ]  # fmt: skip
        assert {r["state"] for r in rows.values()} == {state}
        assert "gres/gpu 16" in rows["vision"]["left_out"]
        assert "109.8 units more" in rows["speech"]["left_out"]
        assert "nothing granted" in rows["guests"]["left_out"]
    balance = dure("balance", "vision", "--json", who="kim").rows[0]
    assert balance["remaining_milli_units"] == 122_000_000 - 97_600
    assert dure("balance", "vision", who="park").code == 2
    assert dure("ledger", "verify").code == 0
    before = dure("ledger", "show", "--json").rows
    Path("accounts.cfg").write_text(ACCOUNTS.replace("600000", "600060").replace("'guests'", "'others'"))
    done = dure(*words)
    assert (done.code, "exists different" in done.err) == (2, True)
    assert dure("ledger", "show", "--json").rows == before
    assert dure("balance", "others").code == 2  # all or nothing


def test_a_coldfront_centre_moves_in_beside_it_but_takes_no_name(programme: Dure) -> None:
    dure = programme
    Path("dump.json").write_text(DUMP)
    done = dure("import", "coldfront", "dump.json", "--rate", "GPU Hours=12.2", "--json")
    assert done.code == 0, done.err
    assert done.rows[0]["granted_milli_units"] - done.rows[0]["spent_milli_units"] == 12_200_000 - 3_056_100
    Path("accounts.cfg").write_text(ACCOUNTS.replace("'vision'", "'weather-ai'"))
    done = dure("import", "slurm", "accounts.cfg", "--rate", "gres/gpu=12.2")
    assert (done.code, "another project of this name (got 'weather-ai')" in done.err) == (2, True)
    assert dure("balance", "speech").code == 2
    for wrong in ("GPU Hours", "GPU Hours=many", "=3", "GPU Hours=0"):
        done = dure("import", "coldfront", "dump.json", "--rate", wrong)
        assert (done.code, "accepted" in done.err) == (2, True)
    assert dure("import", "coldfront", "dump.json", "--rate", "GPU Hours=12.2", who="kim").code == 2
