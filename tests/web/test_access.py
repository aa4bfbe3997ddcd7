"""Who gets what from which operation: one table, and for every row every role."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dure.app.access import MAY, Action, Actor, Reach, Role
from dure.store.documents import to_json
from dure.web.problems import KINDS
from tests.web.world import ROOT, World, application, call

A, R, W = Action, Role, Reach


@dataclass(frozen=True)
class Person:
    """A role, with what is its own: projects led or belonged to, projects looked after, applications to review."""

    roles: frozenset[Role] = frozenset()
    leads: frozenset[str] = frozenset()
    belongs: frozenset[str] = frozenset()
    applied: frozenset[str] = frozenset()  # projects whose applications they lead
    group: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()

    def reaches(self, action: Action) -> dict[Role, Reach]:
        has = self.roles | {R.APPLICANT} | ({R.PI} if self.leads else set()) | ({R.MEMBER} if self.belongs else set())
        return {role: reach for role, reach in MAY[action].items() if role in has}

    def sees(self, action: Action, project: str, of_application: bool) -> bool:
        own = {R.PI: self.leads, R.MEMBER: self.belongs}
        return any(
            reach is W.ALL
            or (reach is W.OWN and project in own.get(role, frozenset()) | (self.applied if of_application else set()))
            or (reach is W.GROUP and project in self.group)
            or (reach is W.ASSIGNED and of_application and project in self.assigned)
            for role, reach in self.reaches(action).items()
        )


def _of(*roles: Role, **more: set[str]) -> Person:
    return Person(frozenset(roles), **{k: frozenset(v) for k, v in more.items()})


PEOPLE = {
    "office": _of(R.OFFICE),
    "second": _of(R.OFFICE),
    "auditor": _of(R.AUDITOR),
    "operator": _of(R.OPERATOR),
    "reviewer": _of(R.REVIEWER, assigned={"theta"}),
    "facilitator": _of(R.FACILITATOR, group={"alpha"}),
    "lead-alpha": _of(leads={"alpha"}, belongs={"alpha"}, applied={"alpha"}),
    "member": _of(belongs={"alpha"}),
    "lead-beta": _of(leads={"beta"}, belongs={"beta"}, applied={"beta"}),
    "lead-gamma": _of(applied={"gamma"}),
    "lead-eta": _of(applied={"eta"}),
    "stranger": _of(),
    "reader": _of(R.OFFICE),
}
NOBODY = (None, "expired", "revoked", "closed", "dure_invented")
PROJECTS = ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "iota", "mu", "zeta")


@dataclass(frozen=True)
class Case:
    """One request: which action of MAY it is, on whose things, and what it answers to those who may.

    `action` None: for everybody with a token. `of`: projects all of which the action must reach; `application` says
    that the thing is an application of theirs. `whole`: the action must reach ALL. `but`: people who are treated
    otherwise, for a reason of their own that the action does not know.
    """

    operation: str  # METHOD /path/template
    action: Action | None
    ok: int = 200
    of: tuple[str, ...] = ()
    application: bool = True
    whole: bool = False
    path: str = ""  # the address; default: the template with the application's id
    body: Any = None
    but: dict[str, int] = field(default_factory=dict)
    also: Action | None = None  # another action that lets one in, after READ_JOB was passed

    @property
    def address(self) -> str:
        template = self.operation.split()[1]
        return "/api" + (self.path or template.replace("{id}", ID.get(self.of[0], "") if self.of else ""))

    def expected(self, who: str) -> int:
        person, method = PEOPLE[who], self.operation.split()[0]
        if who == "reader" and method != "GET":
            return 403
        if who in self.but:
            return self.but[who]
        if self.action is None:
            return self.ok
        if self.also and not person.reaches(A.READ_JOB):
            return 403
        if self.also and not all(person.sees(A.READ_JOB, p, False) for p in self.of):
            return 404
        if self.also and person.reaches(self.also):
            return self.ok
        reaches = person.reaches(self.action)
        if not reaches or (self.whole and W.ALL not in reaches.values()):
            return 403
        return self.ok if all(person.sees(self.action, p, self.application) for p in self.of) else 404


ID = {"alpha": "done-alpha", "beta": "done-beta", "epsilon": "done-epsilon"}
ID |= {p: f"open-{p}" for p in ("gamma", "delta", "eta")}
ID |= {p: f"review-{p}" for p in ("theta", "kappa", "iota", "mu", "zeta")}
WHY = {"reason": "because"}
OFFICE_TOO = {"office": 403, "second": 403}  # the office cannot do it: it is not theirs


def cases(world: World) -> list[Case]:
    """The table."""
    new = to_json(application("omega", "open", id="", lead="", members=()))
    gamma = to_json(application("gamma", "open"))
    made = {"kind": "adjust", "debit": "project:alpha", "credit": "adjusted", "amount": 5, "reason": "test"}
    fresh = to_json(call("fresh", world.now + 10, world.now + 1000))
    reviewer = {"user": "newcomer", "institution": {"name": "Institute of reviewing"}}
    given = {"scores": {"merit": 4000}, "comment": "good"}
    digest = world.digests["lead-beta"]
    seq = world.proposal
    month = {"month": "2020-01"}
    jobs = _jobs(world)
    run = {"project": "alpha", "command": ["true"], "models": ["H200"]}
    alpha: dict[str, Any] = {"of": ("alpha",), "application": False}
    either = alpha | {"also": A.OPERATE}
    ended, live, site = f"/jobs/{jobs['ended']}", f"/jobs/{jobs['live']}", jobs["site"]
    pledges = world.pledged
    mine, waits = f"/pledges/proposals/{pledges.proposal}", {"kind": "accept", "mention": pledges.waiting}
    corrected = {"changes": {"why": "an advertisement"}, "note": "misread"}
    soon = {"from_utc_s": world.now + 100, "to_utc_s": world.now + 200}
    return [
        Case("GET /me", None),
        Case("GET /calls", A.READ_CALL),
        Case("GET /calls/{id}", A.READ_CALL, path="/calls/open"),
        Case("GET /calls/{id}", A.EDIT_CALL, path="/calls/draft", but={p: 404 for p in PEOPLE if not _office(p)}),
        Case("POST /calls", A.EDIT_CALL, 201, body=fresh),
        Case("POST /calls/{id}/publish", A.EDIT_CALL, path="/calls/draft/publish"),
        Case("POST /calls/{id}/withdraw", A.EDIT_CALL, 204, path="/calls/open/withdraw", body=WHY),
        Case("POST /calls/{id}/beacon", A.EDIT_CALL, 204, path="/calls/review/beacon", body={"value": "17"}),
        Case("POST /calculator", A.READ_CALL, body={"ask": to_json(application("x", "open").ask), "call": "open"}),
        Case("GET /applications", A.READ_APPLICATION),
        *(Case("GET /applications/{id}", A.READ_APPLICATION, of=(p,)) for p in PROJECTS),
        Case("POST /applications", A.APPLY, 201, body=new),
        Case("PUT /applications/{id}", A.APPLY, of=("gamma",), body=gamma),
        Case("POST /applications/{id}/submit", A.APPLY, of=("gamma",)),
        Case("POST /applications/{id}/reopen", A.APPLY, of=("eta",)),
        Case("POST /applications/{id}/withdraw", A.APPLY, of=("alpha",), body=WHY),
        *(Case("GET /applications/{id}/history", A.READ_APPLICATION, of=(p,)) for p in ("alpha", "gamma", "theta")),
        *(Case("GET /applications/{id}/award", A.READ_AWARD, of=(p,)) for p in ("alpha", "epsilon", "theta")),
        Case("GET /applications/{id}/what-would-change", A.READ_AWARD, of=("beta",)),
        Case("GET /applications/{id}/reviews", A.READ_APPLICATION, of=("theta",)),
        Case("POST /eligibility", A.DECIDE_ELIGIBILITY, body={"ids": ["open-delta"], "eligible": True}),
        Case("POST /applications/{id}/examination", A.EXAMINE, of=("zeta",), body={"feasible": True}),
        Case("POST /imports/applications", A.DECIDE_ELIGIBILITY, 201, body=world.csv),
        Case("GET /reviews/mine", A.READ_REVIEW),
        Case("POST /reviewers", A.ASSIGN_REVIEWS, 201, body=[reviewer]),
        Case("POST /calls/{id}/reviews/assign", A.ASSIGN_REVIEWS, path="/calls/review/reviews/assign"),
        Case("GET /calls/{id}/reviews", A.READ_REVIEW, whole=True, path="/calls/review/reviews"),
        Case("POST /calls/{id}/reviews/close", A.ASSIGN_REVIEWS, 422, path="/calls/review/reviews/close"),
        Case("PUT /applications/{id}/review", A.REVIEW, 204, of=("theta",), body=given),
        Case("POST /applications/{id}/review/decline", A.REVIEW, 204, of=("theta",), body=WHY),
        Case("POST /imports/reviews", A.ASSIGN_REVIEWS, 201, body=[{"application": ID["theta"], "reviewer": "reviewer"} | given]),
        Case("POST /applications/{id}/reply", A.APPLY, 409, of=("alpha",), body={"text": "but"}),
        Case("POST /calls/{id}/awards/try", A.TRY_AWARDS, path="/calls/review/awards/try", body={"rules": ["ranked"]}),
        Case("POST /calls/{id}/awards/publish", A.PUBLISH_AWARDS, path="/calls/review/awards/publish", body={}),
        Case("POST /applications/{id}/rapid", A.PUBLISH_AWARDS, of=("eta",)),
        Case("POST /applications/{id}/amendment", A.TRY_AWARDS, 201, of=("kappa",), body={"amount_milli": 1, **WHY}),
        Case("POST /applications/{id}/renew", A.CHANGE_AWARD, 201, of=("alpha",), body={"call": "open"}),
        Case("POST /applications/{id}/extend", A.CHANGE_AWARD, of=("alpha",), whole=True, body={"months": 1, **WHY}),
        Case("POST /applications/{id}/supplement", A.CHANGE_AWARD, 204, ("alpha",), whole=True, body={"milli_units": 9, **WHY}),
        Case("POST /applications/{id}/exempt", A.CHANGE_AWARD, 204, of=("alpha",), whole=True, body=WHY),
        Case("POST /applications/{id}/appeal", A.APPLY, 409, of=("beta",), body={"text": "wrong"}),
        Case("POST /applications/{id}/appeal/decide", A.PUBLISH_AWARDS, 204, of=("mu",), body={"succeeds": False, **WHY}),
        Case("POST /transfers", A.CHANGE_AWARD, 204, of=("alpha", "beta"), application=False, path="/transfers",
             body={"source": "alpha", "target": "beta", "milli_units": 7, **WHY}),
        Case("POST /awards/end", A.BOOK),
        Case("GET /projects", A.READ_BALANCE),
        Case("GET /balances", A.READ_BALANCE),
        *(Case("GET /projects/{id}/balance", A.READ_BALANCE, of=(p,), application=False, path=f"/projects/{p}/balance")
          for p in ("alpha", "beta")),
        Case("GET /ledger/journal", A.READ_LEDGER),
        Case("GET /ledger/journal", A.READ_LEDGER, path="/ledger/journal?project=alpha",
             but=dict.fromkeys(("lead-alpha", "member", "facilitator", "operator"), 200)),
        Case("GET /ledger/verify", A.READ_LEDGER),
        Case("POST /ledger/close", A.BOOK, 204, body=month),
        Case("POST /usage", A.BOOK, body=[{"id": "j1", "project": "alpha", "milli_units": 3, "at_utc_s": world.now}]),
        Case("POST /ledger/expire", A.BOOK),
        Case("GET /proposals", A.READ_LEDGER),
        Case("POST /proposals", A.BOOK, 201, body=made),
        Case("POST /proposals/{seq}/agree", A.BOOK, path=f"/proposals/{seq}/agree", but={"second": 403}),
        Case("POST /proposals/{seq}/refuse", A.BOOK, 204, path=f"/proposals/{seq}/refuse"),
        Case("POST /clawback", A.BOOK),
        Case("POST /notices", A.BOOK),
        Case("POST /invoices", A.BOOK, body={"project": "alpha", "month": "2026-08"}),
        Case("POST /users", A.GRANT_ROLE, 204, body={"user": "newcomer"}),
        Case("POST /roles", A.GRANT_ROLE, 204, body={"user": "stranger", "role": "auditor"}),
        Case("GET /tokens", None),
        Case("GET /tokens", A.GRANT_ROLE, path="/tokens?user=lead-beta", but={"lead-beta": 200}),
        Case("POST /tokens", None, 201, body={"name": "new"}),
        Case("DELETE /tokens/{digest}", A.GRANT_ROLE, 204, path=f"/tokens/{digest}",
             but={p: 204 if p == "lead-beta" else 404 for p in PEOPLE if not _office(p)}),
        Case("GET /letters", A.READ_LETTER),
        Case("GET /decisions", A.READ_DECISION),
        Case("GET /obligations", A.READ_DECISION),
        Case("POST /obligations/{seq}", A.MEET_OBLIGATION, path=f"/obligations/{world.obligation}",
             body={"state": "met", "note": "looked it up"}),
        Case("GET /log/head", None),
        Case("GET /log/entries", A.READ_AUDIT),
        Case("GET /log/entries/{seq}/proof", A.READ_AUDIT, path="/log/entries/1/proof"),
        Case("POST /jobs", A.SUBMIT_JOB, 422, **alpha, body=run),  # the rules ask for a screening first
        Case("POST /jobs/bulk", A.SUBMIT_JOB, 422, **alpha, body=[run]),
        Case("POST /jobs/check", A.SUBMIT_JOB, **alpha, body=run),
        Case("GET /jobs", A.READ_JOB),
        Case("GET /jobs/events", A.READ_JOB),
        Case("GET /jobs/{seq}/events/stream", A.READ_JOB, **alpha, path=f"{ended}/events/stream"),
        Case("GET /jobs/{seq}", A.READ_JOB, **alpha, path=ended),
        *(Case(f"GET /jobs/{{seq}}/{part}", A.READ_JOB, **alpha, path=f"{ended}/{part}")
          for part in ("attempts", "events", "logs", "why", "when")),
        Case("POST /jobs/{seq}/cancel", A.SUBMIT_JOB, 204, **either, path=f"{live}/cancel"),
        Case("POST /jobs/{seq}/requeue", A.SUBMIT_JOB, 204, **either, path=f"{live}/requeue"),
        Case("POST /jobs/{seq}/open", A.READ_JOB, 404, **alpha, path=f"{live}/open", but={"member": 200, "reader": 403}),
        Case("GET /services", A.READ_JOB),
        Case("POST /services/{id}/scale", A.SUBMIT_JOB, 204, **either, path=f"/services/{jobs['service']}/scale",
             body={"replicas": 2}),
        Case("POST /services/{id}/restart", A.SUBMIT_JOB, 204, **either, path=f"/services/{jobs['service']}/restart"),
        Case("GET /leases", A.READ_JOB),
        Case("GET /sites", A.READ_JOB),
        Case("POST /sites/{id}/drain", A.OPERATE, 204, path=f"/sites/{site}/drain"),
        Case("POST /sites/{id}/resume", A.OPERATE, 204, path=f"/sites/{site}/resume"),
        Case("POST /sites/{id}/outage", A.OPERATE, 204, path=f"/sites/{site}/outage", body=soon),
        Case("POST /sites/{id}/cap", A.OPERATE, 204, path=f"/sites/{site}/cap", body={"cap_w": 10**6}),
        Case("POST /projects/{id}/stop", A.STOP_PROJECT, 204, path="/projects/beta/stop", body=WHY),
        Case("POST /projects/{id}/resume", A.STOP_PROJECT, 422, path="/projects/beta/resume"),  # it is not stopped
        Case("POST /projects/{id}/terms", A.STOP_PROJECT, path="/projects/beta/terms", body={"shares": 2}),
        Case("GET /usage/{project}", A.READ_BALANCE, **alpha, path="/usage/alpha"),
        Case("GET /webhooks", A.READ_JOB),
        Case("POST /webhooks", A.SUBMIT_JOB, 201, **alpha, body={"project": "alpha", "url": "https://example.org/"}),
        Case("DELETE /webhooks/{seq}", A.SUBMIT_JOB, 204, **alpha, path=f"/webhooks/{jobs['webhook']}"),
        Case("GET /pledges", A.READ_PLEDGE),
        Case("GET /pledges/{id}", A.READ_PLEDGE, path=f"/pledges/{pledges.pledge}"),
        Case("GET /pledges/{id}", A.READ_PLEDGE, 404, path="/pledges/none"),
        Case("GET /pledges/queue", A.EDIT_PLEDGE),
        Case("GET /pledges/proposals", A.EDIT_PLEDGE),
        Case("POST /pledges/documents", A.EDIT_PLEDGE, 201, body={"name": "a.txt", "text": "It will have 40 GPUs by 2027."}),
        Case("POST /pledges/proposals", A.EDIT_PLEDGE, 201, body=waits),
        Case("POST /pledges/proposals", A.EDIT_PLEDGE, 404, body={"kind": "accept", "mention": 10**6}),
        Case("POST /pledges/proposals/{seq}/confirm", A.EDIT_PLEDGE, path=f"{mine}/confirm", but={"second": 403}),
        Case("POST /pledges/proposals/{seq}/correct", A.EDIT_PLEDGE, 201, path=f"{mine}/correct", body=corrected),
        Case("POST /pledges/proposals/{seq}/refuse", A.EDIT_PLEDGE, path=f"{mine}/refuse", body={"note": "no"}),
    ]  # fmt: skip


def _jobs(world: World) -> dict[str, Any]:
    """Jobs, a service and a webhook of alpha, made once in a world; and a site."""
    if "jobs" not in vars(world):
        from dure.app.programme import fleet_of_programme
        from dure.store import models
        from dure.vocabulary import JobState
        from tests.web import running

        times = {"started_utc_s": world.now - 9, "ended_utc_s": world.now}
        service = models.Service.objects.create(project="alpha", user="member", spec={}, replicas=1)
        webhook = models.Webhook.objects.create(project="alpha", user="member", url="https://example.org/")
        vars(world)["jobs"] = {
            "ended": running.job("alpha", "member", world.now, state=JobState.COMPLETED, **times).seq,
            "live": running.notebook("alpha", "member", world.now, 1).seq,
            "service": service.id, "webhook": webhook.seq, "site": fleet_of_programme().sites[0].id,
        }  # fmt: skip
    return vars(world)["jobs"]


def _office(who: str) -> bool:
    return R.OFFICE in PEOPLE[who].roles


def test_every_operation_is_in_the_table(world: World) -> None:
    from dure.web.urls import api

    document = api.get_openapi_schema()
    there = {f"{m.upper()} {path.removeprefix('/api')}" for path, ops in document["paths"].items() for m in ops}
    assert there == {case.operation for case in cases(world)} | {"GET /health"}


def who_may(action: Action | None, whole: bool, also: Action | None = None) -> str:
    """The roles that an action is open to, and how far, in words."""
    if action is None:
        return "everybody"
    far: dict[Reach, list[str]] = {}
    for role, reach in (MAY[action] | (MAY[also] if also else {})).items():
        if reach is W.ALL or not whole:
            far.setdefault(reach, []).append(role)
    if R.APPLICANT in far.get(W.ALL, ()):
        return "everybody"
    words = {W.ALL: "", W.GROUP: " of the group", W.OWN: " of one's own", W.ASSIGNED: " where assigned"}
    return "; ".join(", ".join(roles) + words[reach] for reach, roles in sorted(far.items(), reverse=True))


def rows_of_the_reference(world: World) -> list[str]:
    """The tables of docs/reference/api.md, row by row, from the OpenAPI document and the table above."""
    from dure.web.urls import api

    may = {case.operation: who_may(case.action, case.whole, case.also) for case in reversed(cases(world))}
    may["GET /health"] = "no token needed"
    return [
        f"| {m.upper()} | `{path}` | {may[m.upper() + ' ' + path.removeprefix('/api')]} | {o['description'].splitlines()[0]} |"
        for path, operations in api.get_openapi_schema()["paths"].items()
        for m, o in operations.items()
    ]


def test_the_reference_says_who_may_do_what(world: World) -> None:
    text = (ROOT / "docs" / "reference" / "api.md").read_text("utf-8")
    written = re.findall(r"^\| (?:GET|POST|PUT|DELETE) \|.*\|$", text, re.M)
    assert sorted(written) == sorted(rows_of_the_reference(world))
    for kind, (status, english, korean) in KINDS.items():
        assert f"| {status} | `{kind}` | {english} | {korean} |" in text


def leaked(who: str, case: Case, text: str) -> set[str]:
    """Projects that this person may not know of and that the answer names, though the request did not."""
    person = PEOPLE[who]
    asked = case.address + json.dumps(case.body)
    reads = (A.READ_APPLICATION, A.READ_AWARD, A.READ_BALANCE)
    hidden = {p for p in PROJECTS if not any(person.sees(a, p, True) for a in reads) and p not in asked}
    if who == "reviewer":  # of a blind call: the work, not whose it is
        hidden |= {"lead-theta", "Institute of theta"}
    return {p for p in hidden if re.search(rf"\b{p}\b", text)}


def test_everybody_gets_what_the_table_says_and_no_more(world: World) -> None:
    from django.db import transaction

    wrong = []
    for case in cases(world):
        method, address = case.operation.split()[0], case.address
        for who in PEOPLE:
            with transaction.atomic():  # each request finds the same world
                response = world.ask(method, address, who, case.body)
                transaction.set_rollback(True)
            if response.status_code != case.expected(who):
                got = f"{response.status_code}, not {case.expected(who)}: {response.content[:300]!r}"
                wrong.append(f"{who}: {method} {address}: {got}")
            if names := leaked(who, case, response.content.decode()):
                wrong.append(f"{who}: {method} {address} names {names}: {response.content[:600]!r}")
    assert not wrong, "\n".join(wrong)


def test_nothing_without_a_valid_token(world: World) -> None:
    for case in cases(world):
        for token in NOBODY:
            response = world.ask(case.operation.split()[0], case.address, token, case.body)
            assert response.status_code == 401, (token, case.operation)
            assert response["WWW-Authenticate"].startswith("Bearer")
            assert not leaked("stranger", case, response.content.decode())
    assert world.ask("GET", "/api/health", None).status_code == 200


SETS = st.frozensets(st.sampled_from(["p", "q"]))


@settings(max_examples=300)
@given(
    actor=st.builds(
        Actor, st.sampled_from(["ada", "bo"]), st.frozensets(st.sampled_from(list(Role))), SETS, SETS, SETS, SETS
    ),
    action=st.sampled_from(list(Action)),
)
def test_the_filter_of_the_database_is_the_same_table(actor: Actor, action: Action) -> None:
    """`reachable` keeps of all possible rows those that `sees` sees."""
    from dure.app.people import reachable

    rows = [(p, user, id) for p in ("p", "q", "") for user in ("ada", "bo", "") for id in ("p", "q", "x")]
    where, given = reachable(actor, action)
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE TABLE application (project, lead, id)")
        db.executemany("INSERT INTO application VALUES (?, ?, ?)", rows)
        found = db.execute(f"SELECT * FROM application WHERE {where.replace('%s', '?')}", given).fetchall()
    assert found == [r for r in rows if actor.sees(action, project=r[0], user=r[1], application=r[2])]
