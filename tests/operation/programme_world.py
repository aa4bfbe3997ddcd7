"""A small programme, made by the use cases: a fleet of four pools at two sites, and project `alpha` that was awarded units.

Who is there: `office`, `second` (office), `operator`, `c1` and `c2` (compliance), `lead-alpha` and `member` of alpha,
`lead-beta` of beta (a project without an award or a screening), `outsider` (an account, nothing else).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dure.units import DAY_S, HOUR_S
from dure.workload.spec import JobSpec
from tests import databases

NOW = 1_790_000_000  # 2026-09-21
FLEET = """
name = "Operating"
start = 2026-01-01

[[site]]
id = "first"
name = "First site"
country = "KR"
n2sf = "o"

[[site]]
id = "abroad"
name = "Site abroad"
country = "CA"

[[pool]]
id = "h200"
site = "first"
model = "H200"
nodes = 4
accelerators_per_node = 8
cores = 112
memory = "2 TiB"

[[pool]]
id = "rngd"
site = "first"
model = "RNGD"
nodes = 2
accelerators_per_node = 4
cores = 32
memory = "256 GiB"

[[pool]]
id = "cpu"
site = "first"
model = ""
nodes = 2
accelerators_per_node = 0
cores = 64
memory = "128 GiB"

[[pool]]
id = "far"
site = "abroad"
model = "B200"
nodes = 1
accelerators_per_node = 8
cores = 96
memory = "1 TiB"
"""

_MADE: dict[str, Path] = {}  # files of programmes made before


@dataclass(frozen=True)
class Small:
    """The programme at a moment; actors by name are made anew each time, as they are then."""

    now: int

    def actor(self, user: str) -> Any:
        from dure.app import people

        return people.actor_of(user)

    @property
    def lead(self) -> Any:
        """Who leads alpha."""
        return self.actor("lead-alpha")

    @property
    def office(self) -> Any:
        return self.actor("office")

    def left(self, project: str = "alpha") -> int:
        """Milli-units that a project has left."""
        from dure.store import ledger

        return ledger.standing(project).remaining


def small(now: int = NOW, *, fleet: str = FLEET, declared: Mapping[str, Any] | None = None, ask: int = 8) -> Small:
    """Make it, in an empty database that is migrated: alpha holds `ask` H200 for a month, and nothing it declared
    asks for anything, unless `declared` (fields of a Declaration) says otherwise."""
    from django.db import connection

    key = repr((now, fleet, sorted((declared or {}).items()), ask))
    of_file = connection.vendor == "sqlite"  # a benchmark may have set up a server's database by itself
    if of_file and key in _MADE:
        databases._copy(_MADE[key], databases._file())
        return Small(now)
    made = _make(now, fleet, dict(declared or {}), ask)
    if of_file:  # the next test has it from a copy: making it takes a second
        _MADE[key] = databases._file().with_suffix(f".made{len(_MADE)}")
        databases._copy(databases._file(), _MADE[key])
    return made


def _make(now: int, fleet: str, declared: dict[str, Any], ask: int) -> Small:
    from dure.app import people, programme
    from dure.store import models

    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(fleet)
        file.flush()
        programme.initialise("Test programme", Path(file.name), "office", now - 90 * DAY_S)
    office = people.actor_of("office")
    then = now - 80 * DAY_S
    for user in ("second", "operator", "c1", "c2", "lead-alpha", "member", "lead-beta", "outsider"):
        people.add_user(office, user, then)
    for user, role in (("second", "office"), ("operator", "operator"), ("c1", "compliance"), ("c2", "compliance")):
        people.grant(office, user, role, then)
    _award(now, declared, ask)
    models.Project.objects.create(id="beta")
    models.Member.objects.create(project_id="beta", user="lead-beta", role="pi")
    return Small(now)


def _award(now: int, declared: dict[str, Any], ask: int) -> None:
    """Call `c`: alpha applies, declares, is ranked and awarded."""
    from dure.app import applying, awarding, people, programme, screening
    from dure.governance.screening import NONE_OF_IT, Affiliation, AreaClaim, Declaration, Person
    from dure.programme.lifecycle import State
    from dure.programme.model import Ask, Member
    from dure.programme.sample import WATCHLISTS
    from dure.store import models
    from tests.web import world

    office, lead, t = people.actor_of("office"), people.actor_of("lead-alpha"), now - 60 * DAY_S
    programme.open_call(office, world.call("c", t, t + 10 * DAY_S), t)
    programme.publish_call(office, "c", t)
    members = (Member("lead-alpha", "pi"), Member("member"))
    applying.apply(lead, world.application("alpha", "c", members=members, ask=Ask("H200", ask, 1)), t + HOUR_S)
    for edition in WATCHLISTS:
        screening.import_list(office, edition, t)
    affiliation = (Affiliation("Institute of alpha", country="KR"),)
    plain: dict[str, Any] = {
        "areas": (AreaClaim(WATCHLISTS[0].list, NONE_OF_IT),),
        "persons": tuple(Person(m.user, m.role, affiliation, "no", 1, "test") for m in members),
        "headquarters_country": "KR", "parent_country": "KR", "end_use": "civil", "listed": "no",
        "access_countries": ("KR",), "core_technology": "no", "core_approval": "none", "state_funded": "no",
        "strategic_technology": "no",
    }  # fmt: skip
    screening.declare(lead, "c-alpha", Declaration(**{**plain, **declared}), t + HOUR_S)
    models.Application.objects.filter(id="c-alpha").update(state=State.RANKED, score_milli=4000)
    awarding.publish(office, "c", t + 20 * DAY_S)


def job(**more: Any) -> JobSpec:
    """One accelerator of alpha for an hour, running `true`, unless said otherwise."""
    given: dict[str, Any] = {"project": "alpha", "name": "a job", "command": ("true",), "limit_s": HOUR_S}
    return JobSpec(**{**given, **more})
