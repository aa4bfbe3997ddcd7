"""A small programme with everybody in it: two awarded projects of different people, one application in every state."""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dure.app import applying, awarding, booking, people, programme, reviewing
from dure.app.access import Actor, Role
from dure.audit.notes import Signer
from dure.formats.applications import write_applications
from dure.programme.lifecycle import State
from dure.programme.model import (
    Application,
    Ask,
    Call,
    Criterion,
    Fee,
    Institution,
    Kind,
    Member,
    Reviewer,
    Sector,
    Text,
    Track,
)
from dure.store import audit, models
from dure.units import DAY_S

ROOT = Path(__file__).resolve().parents[2]
FLEET = ROOT / "src" / "dure" / "app" / "first-fleet.toml"
SEOUL = ZoneInfo("Asia/Seoul")
PEOPLE = (
    "office",
    "second",
    "auditor",
    "operator",
    "reviewer",
    "facilitator",
    "lead-alpha",
    "member",
    "lead-beta",
    "lead-gamma",
    "lead-eta",
    "stranger",
)


def next_month(after_utc_s: int) -> int:
    """The first moment of the next month in Seoul."""
    day = dt.datetime.fromtimestamp(after_utc_s, SEOUL)
    n = day.year * 12 + day.month
    return int(dt.datetime(n // 12, n % 12 + 1, 1, tzinfo=SEOUL).timestamp())


def call(id: str, opens: int, closes: int, **more: Any) -> Call:
    """A call with one track and room for all."""
    track = Track(
        "all", Text("모두", "All"), 2_000_000_000, tuple(Sector), rapid_milli=80_000_000, models=more.pop("models", ("H200",)),
        fee=Fee(more.pop("fee", "free")), fee_milli=more.pop("fee_milli", 0),
    )  # fmt: skip
    given = {
        "title": Text("공모", "Call"), "zone": "Asia/Seoul", "period_start_utc_s": next_month(closes),
        "period_months": 12, "tracks": (track,), "criteria": (Criterion("merit", Text("우수성", "Merit"), 1000),),
        "rule": "ranked", "reviews_each": 1, "market_price_minor": 350,
    }  # fmt: skip
    return Call(id=id, opens_utc_s=opens, closes_utc_s=closes, **{**given, **more})


def application(project: str, call: str, **more: Any) -> Application:
    """An application of `project`, whose every text names it."""
    given = {
        "id": f"{call}-{project}", "track": "all", "title": f"Title of {project}", "sector": Sector.ACADEMIA,
        "institution": Institution(name=f"Institute of {project}", country="KR", region="Seoul"),
        "ask": Ask("H200", 4, 2), "abstract": f"Abstract of {project}", "members": (Member(f"lead-{project}", "pi"),),
        "lead": f"lead-{project}",
    }  # fmt: skip
    return Application(call=call, project=project, **{**given, **more})


@dataclass(frozen=True)
class Pledged:
    """What there is of pledges: numbers of mentions, of an open proposal, and the id of a pledge."""

    pledge: str
    taken: int
    waiting: int
    proposal: int


@dataclass
class World:
    """The programme, and a token for everybody."""

    now: int
    tokens: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    proposal: int = 0  # made by `second`
    obligation: int = 0  # of alpha's award
    csv: str = ""

    def actor(self, user: str) -> Actor:
        return people.actor_of(user)

    @property
    def office(self) -> Actor:
        return people.actor_of("office")

    @cached_property
    def client(self) -> Any:
        """One for all: a client loads all middleware."""
        from django.test import Client

        return Client(raise_request_exception=False, SERVER_NAME="127.0.0.1")

    @cached_property
    def pledged(self) -> Pledged:
        """A page with three statements: of one a pledge, of one a proposal of `second`, one that waits. Made when first asked."""
        from datetime import date

        from dure.tracking import importing, reading, reviewing
        from dure.tracking.stored import said_of
        from tests.tracking.pledge_world import ONE, page

        then = self.now - 9
        importing.import_documents(self.office, reading.readings([page(ONE, published=date(2026, 7, 1))]), then)
        first, second, third = said_of()
        pledge = reviewing.accept(self.office, first, then, {"pledge": "chips"})
        reviewing.confirm(self.actor("second"), pledge.seq, then)
        open = reviewing.dismiss(self.actor("second"), second, "an aim", then)
        return Pledged(pledge.pledge, first, third, open.seq)

    def ask(self, method: str, path: str, who: str | None = "office", body: Any = None, **headers: str) -> Any:
        """A request as `who`; the response, its document as `.doc`."""
        head = {k.replace("_", "-"): v for k, v in headers.items()}
        if who is not None:
            head["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        content = "text/csv" if isinstance(body, str) else "application/json"
        data = body if isinstance(body, str | bytes) else b"" if body is None else json.dumps(body).encode()
        response = self.client.generic(method.upper(), path, data, content_type=content, headers=head)
        if response.streaming:  # a stream of events: its first message stands for all
            from django.http import HttpResponse

            first, kind = next(iter(response.streaming_content)), response["Content-Type"]
            response.close()
            response = HttpResponse(first, content_type=kind)
        response.doc = (
            json.loads(response.content) if response.content and "json" in response.get("Content-Type", "") else None
        )
        return response


def build() -> World:
    """The world, in an empty database that is migrated."""
    now = int(time.time())
    world = World(now)
    programme.initialise("Test programme", FLEET, "office", now - 90 * DAY_S)
    _people(world)
    _awarded(world)
    _open(world)
    _in_review(world)
    for user in PEOPLE:
        world.tokens[user] = people.make_token(world.actor(user), now)
    world.tokens["reader"] = people.make_token(world.office, now, write=False)
    world.tokens["expired"] = people.make_token(world.office, now - 10 * DAY_S, days=1)
    world.tokens["revoked"] = people.make_token(world.office, now)
    people.revoke_token(world.office, people.digest(world.tokens["revoked"]), now)
    world.tokens["closed"] = people.make_token(world.actor("left"), now)
    world.digests = {user: people.digest(token) for user, token in world.tokens.items()}
    made = {"debit": "project:beta", "credit": "adjusted", "amount": 5, "reason": "test"}
    world.proposal = booking.propose(world.actor("second"), "adjust", now, **made).seq
    world.csv = write_applications([application("omega", "open")])
    world.obligation = models.Obligation.objects.filter(about="done-alpha").values_list("seq", flat=True)[0]
    audit.sequence_all()
    audit.checkpoint(Signer.from_seed("dure/test", bytes(32)), "dure/test", now)
    return world


def _people(world: World) -> None:
    then = world.now - 90 * DAY_S
    for user in (*PEOPLE[1:], "left"):
        people.add_user(world.office, user, then, staff=user == "second")
    for user, role in (("second", Role.OFFICE), ("auditor", Role.AUDITOR), ("operator", Role.OPERATOR)):
        people.grant(world.office, user, role, then)
    people.grant(world.office, "facilitator", Role.FACILITATOR, then, project="alpha")
    reviewer = Reviewer("reviewer", Institution(name="Institute of reviewing", country="KR"))
    reviewing.add_reviewers(world.office, [reviewer], then)
    from django.contrib.auth.models import User

    User.objects.filter(username="left").update(is_active=False)


def _awarded(world: World) -> None:
    """Call `done`: alpha (with a member) and beta awarded, epsilon declined."""
    t = world.now - 60 * DAY_S
    programme.open_call(world.office, call("done", t, t + 10 * DAY_S, fee="share", fee_milli=100), t)
    programme.publish_call(world.office, "done", t)
    for project, more in (("alpha", ("member",)), ("beta", ()), ("epsilon", ())):
        members = (Member(f"lead-{project}", "pi"), *(Member(m) for m in more))
        applying.apply(world.actor(f"lead-{project}"), application(project, "done", members=members), t + 1)
    _state("done", State.RANKED, 4000)
    models.Application.objects.filter(id="done-epsilon").update(score_milli=1000)
    awarding.publish(world.office, "done", t + 20 * DAY_S)


def _open(world: World) -> None:
    """Call `open`: gamma a draft, delta submitted, eta a small ask submitted; call `draft`."""
    t = world.now - 5 * DAY_S
    programme.open_call(world.office, call("open", t, t + 30 * DAY_S), t)
    programme.publish_call(world.office, "open", t)
    programme.open_call(world.office, call("draft", t, t + 40 * DAY_S), t)
    applying.apply(world.actor("lead-gamma"), application("gamma", "open"), t, submit=False)
    applying.apply(world.actor("lead-delta"), application("delta", "open"), t)
    small = application("eta", "open", ask=Ask("H200", 1, 1), kind=Kind.RAPID)
    applying.apply(world.actor("lead-eta"), small, t)


def _in_review(world: World) -> None:
    """Call `review`: theta with `reviewer`, kappa ranked, iota may reply, mu appealed, zeta eligible."""
    t = world.now - 40 * DAY_S
    programme.open_call(world.office, call("review", t, t + 10 * DAY_S, blind=True), t)
    programme.publish_call(world.office, "review", t)
    for project in ("theta", "kappa", "iota", "mu", "zeta"):
        applying.apply(world.actor(f"lead-{project}"), application(project, "review"), t + 1)
    for id, state in (("kappa", State.RANKED), ("iota", State.REPLY), ("mu", State.APPEALED), ("zeta", State.ELIGIBLE)):
        models.Application.objects.filter(id=f"review-{id}").update(state=state, score_milli=3000)
    models.Application.objects.filter(id="review-theta").update(state=State.ELIGIBLE)
    models.Application.objects.filter(id="review-zeta").update(state=State.SUBMITTED)
    reviewing.assign(world.office, "review", t + 11 * DAY_S)
    models.Application.objects.filter(id="review-zeta").update(state=State.ELIGIBLE)


def _state(call: str, state: State, score: int) -> None:
    models.Application.objects.filter(call_id=call).update(state=state, score_milli=score)
