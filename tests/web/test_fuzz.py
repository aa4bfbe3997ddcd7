"""The OpenAPI document, fuzzed: whatever it lets in, no answer is the server's fault, and every refusal is a problem.

`DURE_EXAMPLES=200` sends more to each operation; `DURE_RANDOM=1` sends other ones.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dure.programme.model import Accepted, Ask, SetAside
from dure.store.documents import to_json
from dure.web import problems
from tests.conftest import EXAMPLES
from tests.web.world import World, application, call

# Words that lead past the first refusal: by key of a body, and as the last part of an address.
KNOWN = {
    "call": ["open", "done", "review"], "track": ["all"], "model": ["H200", "RNGD"], "sector": ["academia"],
    "project": ["alpha", "omega"], "source": ["alpha"], "target": ["beta"], "lead": ["", "lead-gamma"], "rule": ["ranked"],
    "zone": ["Asia/Seoul", "UTC"], "month": ["2026-01"], "debit": ["project:alpha"], "credit": ["adjusted"],
    "kind": ["adjust", "new", "rapid", "accept", "link", "dismiss", "revise"], "user": ["stranger"],
    "role": ["auditor", "member"], "application": ["review-theta"],
    "reviewer": ["reviewer"], "asset": ["unit"], "id": ["fresh", "open-gamma", ""], "reason": ["because"], "text": ["because"],
    "closes_utc_s": [1_900_000_000], "opens_utc_s": [1_700_000_000], "period_start_utc_s": [2_000_000_000], "months": [1, 2],
    "accelerators": [1, 8], "ids": [["open-delta"]], "rules": [["ranked"]], "start_month": [0], "scores": [{"merit": 4000}],
    "pledge": ["chips", ""], "mention": [1, 2, 3], "content": ["SXQgd2lsbCBoYXZlIDQwIEdQVXMgYnkgMjAyNy4="], "note": ["because"],
}  # fmt: skip
IDS = {
    "/applications/": [
        "done-alpha", "done-epsilon", "open-gamma", "open-delta", "open-eta", "review-theta", "review-kappa", "review-iota",
        "review-mu",
    ],
    "/calls/": ["open", "done", "draft", "review"],
    "/projects/": ["alpha", "beta"],
    "/pledges/": ["chips"],
}  # fmt: skip


def aimed(body: Any, draw: Any) -> Any:
    """The body with some of its values replaced by known ones."""
    if isinstance(body, list):
        return [aimed(b, draw) for b in body]
    if not isinstance(body, dict):
        return body
    return {
        k: draw(st.sampled_from(KNOWN[k])) if k in KNOWN and draw(st.integers(0, 3)) else aimed(v, draw)
        for k, v in body.items()
    }


def operations() -> list[Any]:
    from django.core.wsgi import get_wsgi_application

    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application(), base_url="http://127.0.0.1")
    return [found.ok() for found in schema.get_all_operations()]


@pytest.fixture
def kept() -> Iterator[None]:
    """The connection stays open over requests, as in Django's own test client: they share one transaction."""
    from django.core.signals import request_finished, request_started
    from django.db import close_old_connections

    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("who", ["office", "lead-alpha"])
def test_no_input_is_the_servers_fault(world: World, who: str, caplog: pytest.LogCaptureFixture) -> None:
    assert world.pledged.pledge == "chips"
    for operation in operations():
        _attack(operation, world.tokens[who], caplog)


def _attack(operation: Any, token: str, caplog: pytest.LogCaptureFixture) -> None:
    from django.db import transaction

    ids = next((known for part, known in IDS.items() if part in operation.path), [])

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(operation.as_strategy(), st.data())
    def send(case: Any, data: Any) -> None:
        if ids and data.draw(st.booleans()):
            case.path_parameters = {**(case.path_parameters or {}), "id": data.draw(st.sampled_from(ids))}
        if isinstance(case.body, dict | list) and data.draw(st.booleans()):
            case.body = aimed(case.body, data.draw)
        with transaction.atomic():
            response = case.call(headers={"Authorization": f"Bearer {token}"})
            transaction.set_rollback(True)
        where = f"{operation.label} {case.path_parameters} {case.query} {case.body}"
        assert response.status_code < 500, f"{where}: {response.text}\n{caplog.text[-3000:]}"
        if response.status_code >= 400:
            assert response.headers["content-type"] == [problems.MEDIA_TYPE], f"{where}: {response.headers}"

    send()


# ---- one leaf of a good body replaced by a bad one: past the first refusals ------------------------------------------------

LEAVES = [
    0, -1, 1, 2**31, 2**53 - 1, -(2**53) + 1, 10**12, True, None, "", " ", "x" * 300, "../../etc/passwd", "Asia/Seoul", "UTC",
    "한국", "\u202e", "'; DROP TABLE store_call; --", [], [[]], {}, {"a": 1}, ["H200", "H200"],
]  # fmt: skip


def leaves(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(found for key, value in inner for found in leaves(value, (*path, key)))]


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value there."""
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def test_no_bad_leaf_of_a_good_body_is_the_servers_fault(world: World) -> None:
    from django.db import transaction

    soon = world.now + 100
    aside = (SetAside("regions", 100, ("Busan",)),)
    good = call(
        "fresh", world.now - 10, soon, models=("H200", "RNGD"), set_asides=aside, areas=("language",), parameters={}
    )
    form = application("omega", "fresh", area="language", ask=Ask("H200", 8, 3, 0, (Accepted("RNGD", 2000),), 500))
    reviewer = {
        "user": "newcomer", "institution": {"name": "N"}, "expertise": {"language": 1000}, "coauthors": ["lead-zeta"],
        "supervised": [], "declared": [], "load_most": 3,
    }  # fmt: skip
    chain = [
        ("/api/calls", to_json(good)), ("/api/calls/fresh/publish", None), ("/api/applications", to_json(form)),
        ("/api/calculator", {"ask": to_json(form)["ask"], "call": "fresh"}), ("/api/reviewers", [reviewer]),
        ("/api/eligibility", {"ids": ["fresh-omega"], "eligible": True, "reason": ""}),
        ("/api/calls/fresh/reviews/assign", None), ("/api/calls/review/awards/try", {"rules": ["ranked"], "seed": 1}),
    ]  # fmt: skip
    bodies = [(n, path) for n, (_, body) in enumerate(chain) if body is not None for path in leaves(body)]
    cases = random.Random(int(time.time()) if os.environ.get("DURE_RANDOM") else 7)
    good_run = run(world, transaction, chain)
    assert max(good_run) < 300, good_run  # without a bad leaf all of it is done
    for _ in range(20 * EXAMPLES):
        n, path = cases.choice(bodies)
        address, body = chain[n]
        bad = [*chain[:n], (address, changed(body, path, cases.choice(LEAVES))), *chain[n + 1 :]]
        got = run(world, transaction, bad)
        assert max(got) < 500, (got, bad[n])


def run(world: World, transaction: Any, chain: list[tuple[str, Any]]) -> list[int]:
    """The statuses of requests that follow each other, undone at the end."""
    with transaction.atomic():
        got = [world.ask("POST", address, "office", body).status_code for address, body in chain]
        transaction.set_rollback(True)
    return got
