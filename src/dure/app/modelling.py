"""Data sets, models and the runs between them: the compute ledger, what adds up along a lineage, and the gate at the release.

A run that happened is recorded even where a rule would have denied it: facts are appended, and the decision stands beside
them. What cannot be true is refused: a figure above what the recorded accelerators could have done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from dure.app import evaluating, governing, screening
from dure.app.access import Action, Actor, Forbidden, NotFound, Reach, require
from dure.app.people import happened
from dure.app.programme import fleet_of_programme
from dure.errors import InputError, InputErrors
from dure.formats import spdx
from dure.formats.catalogue import load_catalogue
from dure.formats.governance import datasheet_of, load_counting, load_licences, load_thresholds
from dure.governance import lineage
from dure.governance.assets import Dataset, Model
from dure.governance.facts import MARKETS, ORGANISATION, UNKNOWN, Act, Value
from dure.governance.gate import Bar
from dure.governance.labels import Label, join, label_along
from dure.governance.licences import DUTIES, RESULTS, Outcome, combine
from dure.governance.lineage import Distance, Lineage, Run, Stage, Total
from dure.governance.rules import BLOCKS, Verdict
from dure.store import models
from dure.store.documents import from_json, to_json

COUNTS = {"flop_kr_pflop": "KR", "flop_eu_pflop": "EU", "flop_us_pflop": "US-CA"}
_APPROVED = ("none", "unknown", "reported", "approved")  # from least to most


@transaction.atomic
def keep_dataset(actor: Actor, dataset: Dataset, now: int) -> None:
    """Enter a data set, or its newer description. Once something was trained on it, its project no longer eases its label."""
    row = models.Dataset.objects.select_for_update().filter(id=dataset.id).first()
    _may_edit(actor, dataset.project, row, "data set", dataset.id)
    if row is not None and actor.reach(Action.EDIT_MODEL) is not Reach.ALL:
        eased = join([from_json(Dataset, row.document).label, dataset.label]) != dataset.label
        if eased and any(dataset.id in used for used in models.Run.objects.values_list("datasets", flat=True)):
            raise Forbidden(
                f"data set {dataset.id}: it was trained on, and only compliance or the office eases its label"
            )
    models.Dataset.objects.update_or_create(
        id=dataset.id, defaults={"project": dataset.project, "document": to_json(dataset)}
    )
    happened("dataset", dataset.id, "keep", actor.user, now)


@transaction.atomic
def keep_model(actor: Actor, model: Model, now: int) -> None:
    """Enter a model, or its newer description; a released one is not changed."""
    row = models.AIModel.objects.select_for_update().filter(id=model.id).first()
    _may_edit(actor, model.project, row, "model", model.id)
    if row is not None and row.released_utc_s is not None:
        raise InputError(
            "a released model is not changed", field="id", value=model.id, accepted="a new version, with a new id"
        )
    document = {**(row.document if row else {}), **to_json(model)}
    models.AIModel.objects.update_or_create(id=model.id, defaults={"project": model.project, "document": document})
    happened("model", model.id, "keep", actor.user, now)


def _may_edit(actor: Actor, project: str, row: models.Dataset | models.AIModel | None, what: str, id: str) -> None:
    require(actor, Action.EDIT_MODEL)
    if not models.Project.objects.filter(id=project).exists():
        raise InputError("no such project", field="project", value=project)
    if not actor.sees(Action.EDIT_MODEL, project=project):
        raise NotFound("project", project)
    if row is not None and row.project != project:
        raise InputError(f"this {what} is another project's", field="id", value=id)


def model_for(actor: Actor, action: Action, id: str, *, lock: bool = False) -> tuple[models.AIModel, Model]:
    """A model. Raises NotFound unless `action` reaches it."""
    require(actor, action)
    rows = models.AIModel.objects.select_for_update() if lock else models.AIModel.objects
    row = rows.filter(id=id).first()
    if row is None or not actor.sees(action, project=row.project):
        raise NotFound("model", id)
    return row, _model(row)


def catalogue(actor: Actor) -> list[tuple[Model, int | None]]:
    """The models one may see, each with when it was released."""
    require(actor, Action.READ_MODEL)
    rows = models.AIModel.objects.order_by("id")
    return [(_model(r), r.released_utc_s) for r in rows if actor.sees(Action.READ_MODEL, project=r.project)]


def datasets(actor: Actor) -> list[Dataset]:
    """The data sets one may see."""
    require(actor, Action.READ_MODEL)
    rows = models.Dataset.objects.order_by("id")
    return [from_json(Dataset, r.document) for r in rows if actor.sees(Action.READ_MODEL, project=r.project)]


@transaction.atomic
def place(actor: Actor, id: str, site: str, now: int) -> Verdict:
    """Whether a data set may lie at, or be looked at from, a site of the fleet; the decision is kept."""
    require(actor, Action.READ_MODEL)
    row = models.Dataset.objects.filter(id=id).first()
    if row is None or not actor.sees(Action.READ_MODEL, project=row.project):
        raise NotFound("data set", id)
    found = {s.id: s for s in fleet_of_programme().sites}.get(site)
    if found is None:
        raise InputError("no such site", field="site", value=site)
    dataset = from_json(Dataset, row.document)
    values = {**data_facts([dataset]), **site_facts(dataset, site, found.country or UNKNOWN, found.n2sf, now)}
    return governing.decide(Act.PLACE, f"{id}@{site}", values, actor.user, now, project=row.project)


@dataclass(frozen=True)
class Recorded:
    """A run as it was entered, and what the rules said."""

    run: Run
    verdict: Verdict


@transaction.atomic
def record_run(
    actor: Actor, run: Run, now: int, *, data: Sequence[str] = (), usage: Sequence[str] = (), held: Mapping[str, int] | None = None,
) -> Recorded:  # fmt: skip
    """Enter a run in the compute ledger. `usage` names the settled attempts (run:name) that it was; `held` gives
    milli-accelerator-seconds by model where they ran elsewhere. Raises InputErrors for what cannot be true."""
    row, _ = model_for(actor, Action.RECORD_COMPUTE, run.model, lock=True)
    bound = _bound([*_used(row.project, usage), *(held or {}).items()])
    run = replace(run, bound_pflop=bound if bound is not None else run.bound_pflop)
    if models.Run.objects.filter(id=run.id).exists():
        raise InputError("there is such a run already, and entries are not changed", field="id", value=run.id)
    if run.at_utc_s > now:
        raise InputError(
            "ends in the future", field="at", value=run.at_utc_s, accepted=f"at most {now}: a run that ended"
        )
    missing = set(data) - set(models.Dataset.objects.filter(id__in=data).values_list("id", flat=True))
    if missing:
        raise InputError("no such data set", field="data", value=", ".join(sorted(missing)))
    if faults := lineage.check(run, {id: from_json(Run, r.document) for id, r in _with_ancestors(run.parents).items()}):
        raise InputErrors(list(faults))
    models.Run.objects.create(
        id=run.id, model=row, document=to_json(run), datasets=sorted(set(data)), by=actor.user, at_utc_s=now
    )
    happened("run", run.id, "record", actor.user, now, note=run.model)
    values = {**_organisation(row.project, now), **along(run.model).facts(now)}
    return Recorded(run, _decide(Act.TRAIN, row, values, actor, now))


def _used(project: str, usage: Sequence[str]) -> list[tuple[str, int]]:
    found = []
    for name in usage:
        of, _, attempt = name.partition(":")
        row = models.Usage.objects.filter(run=of, name=attempt, project=project).first()
        if row is None:
            raise InputError(
                "no such usage of the project", field="usage", value=name, accepted="RUN:ATTEMPT as settled"
            )
        found.append((row.model, row.accelerator_milli_s))
    return found


def _bound(held: Iterable[tuple[str, int]]) -> int | None:
    """What accelerators could have done at most, at their fastest precision. None without a record."""
    catalogue, total = load_catalogue(), 0
    for model, milli_s in (rows := list(held)):
        chip = catalogue.get(model)
        peaks = [rate for _, _, rate in datasheet_of(chip).rates] if chip else []
        if not peaks:
            raise InputError("its peak is not known", field="held", value=model, accepted="a model of the catalogue")
        total += lineage.hardware_bound_pflop(milli_s, max(peaks))
    return total if rows else None


@dataclass(frozen=True)
class Along:
    """A model with all that it came from."""

    model: Model
    lineage: Lineage
    runs: tuple[str, ...]  # of the model itself
    models: dict[str, Model]  # of all its ancestors, its own too
    datasets: tuple[Dataset, ...]  # that any run of the lineage read
    label: Label

    def total(self, jurisdiction: str | None = None) -> Total:
        """Compute of the whole lineage, each run once, as a jurisdiction counts it."""
        return self.lineage.total(self.runs, jurisdiction, load_counting())

    def distances(self, as_of: int) -> list[Distance]:
        """How far it is to each threshold of that day, and when the present pace reaches it."""
        found: list[Distance] = []
        for threshold in load_thresholds():
            place = threshold.jurisdiction
            pace = lineage.burn(self.lineage.ancestors(self.runs, place, load_counting()), as_of)
            found += lineage.distances(self.total(place), [threshold], as_of, pace)
        return found

    def licence(self) -> Outcome:
        """What the licences of everything it came from come to, for what is intended; of what others made, its own too."""
        others = {_named(m) for m in self.models.values() if m.id != self.model.id or not m.made}
        read = {_named(d) for d in self.datasets}
        whole = self._combined(others | read)
        if not (teachers := self._teachers()):
            return whole
        taught = self._combined(teachers, outputs_train=True)
        result = min(whole.result, taught.result, key=RESULTS.index)
        duties = tuple(code for code in DUTIES if code in {*whole.duties, *taught.duties})
        reasons = dict.fromkeys(r for o in (whole, taught) if o.result == result for r in o.reasons)
        return Outcome(result, duties, tuple(reasons), tuple(sorted({*whole.unverified, *taught.unverified})))

    def _combined(self, names: Iterable[str], *, outputs_train: bool = False) -> Outcome:
        commercial, release = self.model.commercial, self.model.licence or None
        return combine(
            sorted(names), load_licences(), commercial=commercial, release=release, outputs_train=outputs_train
        )

    def _teachers(self) -> set[str]:
        """Licences of the models whose outputs were trained on: what distilling and synthetic data started from."""
        runs = self.lineage.runs
        taught = [r for r in self.lineage.ancestors(self.runs) if r.stage in (Stage.DISTIL, Stage.SYNTHETIC_DATA)]
        found = {runs[p].model for r in taught for p in r.parents if runs[p].model != r.model}
        return {_named(self.models[m]) for m in found if m != self.model.id}

    def facts(self, as_of: int) -> dict[str, Value]:
        """The facts about compute and licences for the rules."""
        foreign = [r.id for r in self.lineage.ancestors(self.runs) if not self.models[r.model].made]
        original = self.lineage.total(foreign, "EU", load_counting()).high if foreign else 0
        whole = {name: self.total(place).high for name, place in COUNTS.items()}
        m = self.model
        return {
            **whole,
            "state_of_the_art": m.state_of_the_art, "broad_risk": m.broad_risk, "biological": m.biological,
            "generates": frozenset(m.generates) or frozenset({UNKNOWN}), "markets": _markets(m), "large_developer": m.large_developer,
            "downstream": bool(foreign), "modification_pflop": whole["flop_eu_pflop"] - original if foreign else 0,
            "original_pflop": original, "original_systemic": m.original_systemic, "licence": self.licence().result,
        }  # fmt: skip


def _named(thing: Model | Dataset) -> str:
    """Its licence; where it has none, a name that no table of licences knows, so that a person looks."""
    return thing.licence or f"{thing.id} (no licence)"


def along(id: str, as_of: int | None = None) -> Along:
    """A model's lineage, from the compute ledger; with `as_of` only the runs that had ended by then."""
    own = [r.id for r in models.Run.objects.filter(model=id) if as_of is None or r.document["at_utc_s"] <= as_of]
    rows = _with_ancestors(own)  # no run ends before its parents did
    runs = sorted((from_json(Run, r.document) for r in rows.values()), key=lambda r: (r.at_utc_s, r.id))
    tree = Lineage(runs)
    named = {r.model for r in runs} | {id}
    found = {r.id: _model(r) for r in models.AIModel.objects.filter(id__in=named)}
    read = {d for r in rows.values() for d in r.datasets}
    data = {r.id: from_json(Dataset, r.document) for r in models.Dataset.objects.filter(id__in=read)}
    labels = {r.id: [data[d].label for d in r.datasets] for r in rows.values()}
    mine = tuple(r.id for r in runs if r.model == id)
    label = label_along(tree, mine, labels)
    return Along(found[id], tree, mine, found, tuple(data[d] for d in sorted(data)), label)


def _with_ancestors(ids: Iterable[str]) -> dict[str, models.Run]:
    """These runs and all that they came from; what there is none of is left out."""
    found: dict[str, models.Run] = {}
    wanted = set(ids)
    while wanted:
        rows = list(models.Run.objects.filter(id__in=wanted))
        found |= {r.id: r for r in rows}
        wanted = {p for r in rows for p in r.document["parents"]} - found.keys()
    return found


def lineage_of(actor: Actor, id: str, as_of: int) -> Along:
    """The lineage of a model that one may see, as it stood then."""
    model_for(actor, Action.READ_MODEL, id)
    return along(id, as_of)


@transaction.atomic
def release(actor: Actor, id: str, now: int) -> tuple[Verdict, list[models.Obligation]]:
    """Release a finished model, if every rule lets it go and nothing that blocks is open; the verdict, and what is open.

    A refusal is kept as a decision too: ask again when what it asks for is done.
    """
    row, model = model_for(actor, Action.RELEASE, id, lock=True)
    if not model.save_point:
        raise InputError("it is not finished", field="save_point", accepted="the SHA-256 of its save point")
    if row.released_utc_s is not None:
        raise InputError("it is released already", field="id", value=id)
    found = along(id)
    if not found.runs:
        raise InputError("its compute is not recorded", field="id", value=id, accepted="`dure compute record` first")
    gate = evaluating.gate_of(id, model.save_point, bars(row), now)
    values = {
        **found.facts(now), **data_facts(found.datasets), "high_impact": model.high_impact, "labelled": model.labelled,
        "evaluation": gate, "joint_terms": joint_terms(model), "abroad": _markets(model) != {"KR"},
    }  # fmt: skip
    verdict = _decide(Act.RELEASE, row, values, actor, now)
    if gate in ("passed", "waived"):  # an evaluation that passed meets what asked for one
        models.Obligation.objects.filter(about=id, kind="evaluation", state="open").update(
            state="met", by=actor.user, at_utc_s=now, note=f"evaluation {gate}", evidence=model.save_point
        )
    left = blocking(id, now)
    if verdict.allowed and not left:
        row.released_utc_s = now
        row.save(update_fields=["released_utc_s"])
        happened("model", id, "release", actor.user, now, note=model.save_point)
    return verdict, left


def blocking(about: str, now: int) -> list[models.Obligation]:
    """The obligations about one thing that block it."""
    rows = models.Obligation.objects.select_related("decision").order_by("seq")
    return [row for row in rows.filter(about=about, kind__in=BLOCKS) if governing.blocks(row, now)]


def card(actor: Actor, id: str, now: int) -> dict[str, Any]:
    """The card of a model that one may see: SPDX 3.0.1, AI profile."""
    row, model = model_for(actor, Action.READ_MODEL, id)
    found = along(id)
    return spdx.card(
        model, now, released_utc_s=row.released_utc_s, ancestors=[m for m in found.models.values() if m.id != id],
        datasets=found.datasets, label=found.label if found.runs else None, total=found.total() if found.runs else None,
        evaluations=evaluating.evaluations(id), bars=bars(row),
    )  # fmt: skip


def _markets(model: Model) -> frozenset[str]:
    """Where a model is offered. Open weights are everywhere; what does not say where, may be anywhere, and somebody asks."""
    if not model.markets:
        return frozenset(MARKETS)
    return frozenset(MARKETS) - {UNKNOWN} if model.open_weights else frozenset(model.markets)


def joint_terms(model: Model) -> str:
    """Whether it is said who may license the model to whom: for joint work, by its owner and by each partner."""
    if not model.partners:
        return "none"
    parties = {model.owner, *model.partners}
    return "agreed" if parties <= {t.licensor for t in model.terms} else "missing"


@transaction.atomic
def set_bars(actor: Actor, id: str, wanted: Sequence[Bar], now: int) -> None:
    """Say which evaluations a model must pass, and how well."""
    require(actor, Action.MEET_OBLIGATION)
    row, _ = model_for(actor, Action.READ_MODEL, id, lock=True)
    if row.released_utc_s is not None:
        raise InputError("a released model is not changed", field="id", value=id)
    row.document = {**row.document, "bars": [to_json(b) for b in wanted]}
    row.save(update_fields=["document"])
    happened("model", id, "set_bars", actor.user, now, note=", ".join(b.task for b in wanted))


def bars(row: models.AIModel) -> tuple[Bar, ...]:
    """The evaluations that a model must pass."""
    return tuple(from_json(Bar, b) for b in row.document.get("bars", ()))


def _decide(act: Act, row: models.AIModel, values: Mapping[str, Value], actor: Actor, now: int) -> Verdict:
    return governing.decide(act, row.id, values, actor.user, now, project=row.project)


def _model(row: models.AIModel) -> Model:
    return from_json(Model, {k: v for k, v in row.document.items() if k != "bars"})


def _organisation(project: str, now: int) -> dict[str, Value]:
    """Facts about who holds a project, from the newest declaration of its applications."""
    rows = models.Application.objects.filter(project=project, submitted_utc_s__isnull=False)
    application = rows.order_by("-submitted_utc_s", "id").first()
    if application is None:  # taken over from another system: nothing is known of who is behind it
        return dict.fromkeys(ORGANISATION, UNKNOWN)
    found = screening.facts_of(application.id, now)
    return {name: found[name] for name in ORGANISATION}


def data_facts(data: Sequence[Dataset]) -> dict[str, Value]:
    """Facts about some data together: the highest class, the least approval."""
    core = [d for d in data if d.core_technology != "no"]
    label = join(d.label for d in data)
    return {
        "personal_level": int(label.personal),
        "n2sf_level": int(label.n2sf),
        "core_technology": any_of(d.core_technology for d in data),
        "core_approval": min((d.core_approval for d in core), key=_APPROVED.index, default="none"),
        "state_funded": any_of(d.state_funded for d in core),
    }


def site_facts(data: Dataset, site: str, country: str, n2sf: str, now: int) -> dict[str, Value]:
    """Facts about data at a site; of several bases of a transfer, the one that holds longest."""
    bases = [b for b in data.transfers if b.country == country]
    basis = max(bases, key=lambda b: (b.until_utc_s is None, b.until_utc_s or 0), default=None)
    return {
        "site_country": country,
        "site_allowed": UNKNOWN if data.sites is None else "yes" if site in data.sites else "no",
        "site_n2sf_level": ("none", "o", "s", "c").index(n2sf),
        "origin_countries": frozenset(data.origins or (UNKNOWN,)),
        "transfer_basis": basis.basis if basis else "none",
        "basis_documented": bool(basis and basis.document),
        "basis_expired": bool(basis and basis.until_utc_s is not None and basis.until_utc_s <= now),
        "identifiers": data.identifiers,
    }


def any_of(words: Iterable[str]) -> str:
    """`yes` if one is, else `unknown` if one is, else `no`."""
    found = set(words)
    return "yes" if "yes" in found else UNKNOWN if UNKNOWN in found else "no"
