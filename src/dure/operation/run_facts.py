"""Act `run` through the rules: the facts of a job at a pool, and what the rules of now say of it.

A project's facts are those of its newest application; what it reads are the data sets that the job names. Everything is
gathered once for each project, set of data and place within one `Court`: jobs of one project differ in little else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from dure.app import governing, screening
from dure.app.modelling import any_of, data_facts, site_facts
from dure.fleet import Fleet, Pool
from dure.governance.assets import Dataset
from dure.governance.facts import ORGANISATION, UNKNOWN, Act, Facts, Value
from dure.governance.judge import Rules, judge
from dure.governance.labels import Personal
from dure.governance.rules import BLOCKS, Verdict
from dure.governance.screening import Declaration
from dure.store import models
from dure.store.documents import from_json
from dure.vocabulary import Text
from dure.workload.spec import JobSpec


@dataclass(frozen=True, slots=True)
class SignIn:
    """How whoever submits signed in, as far as it is known; what is not known counts as the worst."""

    country: str = UNKNOWN
    second_factor: bool = False


def sign_in_here(fleet: Fleet, environ: Mapping[str, str] | None = None) -> SignIn:
    """Of whoever works on the programme's own machine: they are where the fleet's first site is, and that they are at the
    machine counts as the second factor. `DURE_ACCESS_COUNTRY` (two letters, or unknown) and `DURE_SECOND_FACTOR` (yes or
    no) say otherwise."""
    environ = os.environ if environ is None else environ
    country = environ.get("DURE_ACCESS_COUNTRY") or (fleet.sites[0].country if fleet.sites else "") or UNKNOWN
    return SignIn(country, environ.get("DURE_SECOND_FACTOR", "yes") == "yes")


class Standing(IntEnum):
    """What a verdict comes to, best first."""

    CLEAR = 0
    HELD = 1  # not before something is done
    DENIED = 2


@dataclass(frozen=True)
class Ruling:
    """What the rules say of a job of a project at a pool."""

    standing: Standing
    why: Text  # empty: clear
    about: str
    project: str
    verdict: Verdict
    facts: Facts
    rules: Rules

    @property
    def digest(self) -> str:
        """Of the facts and the rules: the same as before means that nothing changed."""
        return hashlib.sha256(f"{self.verdict.facts} {self.verdict.rules}".encode()).hexdigest()


@dataclass(frozen=True)
class _Project:
    """What is known of a project, whatever the job."""

    values: dict[str, Value]
    core_technology: str  # as declared, for jobs that name no data


class Court:
    """Rulings by the rules in force when it was made, each of one moment; nothing is kept."""

    def __init__(self, fleet: Fleet, now: int) -> None:
        self.fleet, self.now = fleet, now
        self.rules = governing.rules_in_force()
        self.kinds = {r.id: r.kind for r in self.rules.rules}
        self.pools = {p.id: p for p in fleet.pools}
        self._projects: dict[str, _Project] = {}
        self._data: dict[tuple[str, ...], list[Dataset]] = {}
        self._rulings: dict[tuple[object, ...], Ruling] = {}

    def ruling(self, spec: JobSpec, pool: str, sign_in: SignIn) -> Ruling:
        """What the rules say of this job there."""
        key = spec.project, spec.data, spec.accelerators > 0, pool, sign_in
        if (found := self._rulings.get(key)) is None:
            found = self._rulings[key] = self._judge(spec, self.pools[pool], sign_in)
        return found

    def renew(self, now: int, ruled_s: int) -> None:
        """Let go of the oldest projects' rulings, so many that none stands for much longer than `ruled_s` by the clock: to
        gather the facts of all at once would hold up a cycle."""
        some = -(-len(self._projects) * (now - self.now) // ruled_s)
        gone = set(list(self._projects)[:some])
        self._projects = {project: known for project, known in self._projects.items() if project not in gone}
        self._rulings = {key: ruling for key, ruling in self._rulings.items() if key[0] not in gone}
        self._data, self.now = {}, now

    def best(self, spec: JobSpec, pools: Iterable[str], sign_in: SignIn) -> dict[str, Ruling]:
        """Rulings at the pools, the best standing first, otherwise in the order given."""
        found = {pool: self.ruling(spec, pool, sign_in) for pool in pools}
        return dict(sorted(found.items(), key=lambda item: item[1].standing))

    def datasets(self, names: tuple[str, ...]) -> list[Dataset]:
        """The data sets of these names that there are."""
        if names not in self._data:
            rows = models.Dataset.objects.filter(id__in=names).order_by("id") if names else ()
            self._data[names] = [from_json(Dataset, row.document) for row in rows]
        return self._data[names]

    def _judge(self, spec: JobSpec, pool: Pool, sign_in: SignIn) -> Ruling:
        facts = Facts(Act.RUN, self.facts(spec, pool, sign_in))
        verdict = judge(self.rules, facts, self.now)
        # Another job's answer must not settle what this one was asked: what makes jobs differ is in the name.
        told = repr((spec.project, pool.id, spec.data, sign_in, spec.accelerators > 0))
        about = f"{spec.project[:90]}@{pool.id[:90]}#{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        standing, why = self._standing(verdict, facts, about)
        return Ruling(standing, why, about, spec.project, verdict, facts, self.rules)

    def _standing(self, verdict: Verdict, facts: Facts, about: str) -> tuple[Standing, Text]:
        if not verdict.allowed:
            said = Text(*(governing.reasons_text(verdict, language, self.rules) for language in ("ko", "en")))
            freed = Facts(Act.RUN, {**facts.values, "open_obligations": 0})
            waits = facts.values["open_obligations"] and judge(self.rules, freed, self.now).allowed
            return (Standing.HELD if waits else Standing.DENIED), said
        asked = [id for id in verdict.obligations if self.kinds[id] in BLOCKS]
        if asked and (left := self._unmet(asked, facts, about)):
            named = [governing.rule_named(self.rules, id, self.now) for id in left]
            en = "; ".join(f"{rule.title.en} ({rule.id})" for rule in named)
            ko = "; ".join(f"{rule.title.ko} ({rule.id})" for rule in named)
            return Standing.HELD, Text(f"먼저 해야 할 일이 있습니다: {ko}.", f"Held until this is settled: {en}.")
        return Standing.CLEAR, Text("", "")

    def _unmet(self, asked: Sequence[str], facts: Facts, about: str) -> list[str]:
        """Of the rules that ask for something first, those that nobody has settled for these facts."""
        settled = {
            (row.rule, row.asked)
            for row in models.Obligation.objects.filter(about=about, rule__in=asked)
            if not governing.blocks(row, self.now)
        }
        digests = {id: governing.asked_digest(governing.rule_named(self.rules, id, self.now), facts) for id in asked}
        return [id for id in asked if (id, digests[id]) not in settled]

    def facts(self, spec: JobSpec, pool: Pool, sign_in: SignIn) -> dict[str, Value]:
        """The facts of act `run` of a job at a pool."""
        project, data = self._project(spec.project), self.datasets(spec.data)
        site = self.fleet.site(pool)
        found: dict[str, Value] = {
            **project.values, **governing.chip_facts(self.fleet, [pool], self.now),
            **data_facts(data), **self._at_site(data, pool, project),
            "access_country": sign_in.country, "second_factor": sign_in.second_factor,
            "site_country": site.country or UNKNOWN,
        }  # fmt: skip
        if not spec.accelerators:
            found |= {"chip_models": frozenset(), "chip_classes": frozenset()}
        if not data:
            found["core_technology"] = project.core_technology
        return found

    def _at_site(self, data: Sequence[Dataset], pool: Pool, project: _Project) -> dict[str, Value]:
        """Facts about all the data together at a site: each the most cautious of any."""
        site = self.fleet.site(pool)
        each = [site_facts(d, site.id, site.country or UNKNOWN, site.n2sf, self.now) for d in data]
        bound = [f for f, d in zip(each, data, strict=True) if d.label.personal >= Personal.PSEUDONYMISED]
        allowed = {f["site_allowed"] for f in each}
        bases = {str(f["transfer_basis"]) for f in bound}
        origins = frozenset(country for d in data for country in d.origins or (UNKNOWN,))
        return {
            "site_allowed": "no" if "no" in allowed else UNKNOWN if UNKNOWN in allowed else "yes",
            "site_n2sf_level": ("none", "o", "s", "c").index(site.n2sf),
            "origin_countries": origins or frozenset({str(project.values["applicant_country"])}),
            "transfer_basis": bases.pop() if len(bases) == 1 else "none" if "none" in bases or not bases else UNKNOWN,
            "basis_documented": bool(bound) and all(bool(f["basis_documented"]) for f in bound),
            "basis_expired": any(bool(f["basis_expired"]) for f in bound),
            "identifiers": any_of(d.identifiers for d in data),
        }

    def gather(self, projects: Iterable[str]) -> None:
        """What is known of projects, asked for together: of one after the other it takes as long as all else in a cycle."""
        if missing := set(projects) - self._projects.keys():
            self._projects |= _of_projects(missing, self.now)

    def _project(self, project: str) -> _Project:
        self.gather([project])
        return self._projects[project]


def _of_projects(projects: set[str], now: int) -> dict[str, _Project]:
    rows = models.Application.objects.filter(project__in=projects, submitted_utc_s__isnull=False)
    newest = {row.project: row for row in rows.order_by("submitted_utc_s", "-id")}
    held = _may_block(projects)
    return {p: _of_project(newest.get(p), _open(p, now) if p in held else 0, now) for p in projects}


def _of_project(row: models.Application | None, blocked: int, now: int) -> _Project:
    known: dict[str, Value] = {**dict.fromkeys(ORGANISATION, UNKNOWN), "screening": "none"}
    declared = None
    if row is not None:  # without one it was taken over from another system: nothing is known of who is behind it
        found = screening.facts_of(row.id, now)
        known = {name: found[name] for name in known}
        declared = None if row.declaration is None else from_json(Declaration, row.declaration)
    countries = declared.access_countries if declared is not None else ()
    known["access_countries"] = frozenset(countries) or frozenset({UNKNOWN})
    known["open_obligations"] = blocked
    return _Project(known, str(declared.core_technology) if declared is not None else UNKNOWN)


def _may_block(projects: set[str]) -> set[str]:
    """The projects of which `governing.blocking` may find anything: of most it need not be asked."""
    asked = models.Obligation.objects.filter(project__in=projects).exclude(state="met", until_utc_s=None)
    denied = models.Decision.objects.filter(act=Act.AWARD, allowed=False).values("about")
    awards = models.Award.objects.filter(project__in=projects, ended=False, pk__in=denied)
    return {*asked.values_list("project", flat=True), *awards.values_list("project", flat=True)}


def _open(project: str, now: int) -> int:
    """What blocks a project, but for what its jobs themselves were asked: that holds those jobs alone."""
    rows = models.Obligation.objects.filter(project=project, kind__in=BLOCKS, decision__act=Act.RUN)
    return governing.blocking(project, now) - sum(governing.blocks(row, now) for row in rows)
