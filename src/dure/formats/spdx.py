"""A model's card as SPDX 3.0.1, AI profile, in JSON-LD (https://spdx.github.io/spdx-spec/v3.0.1/model/AI/Classes/AIPackage).

What is not known is left out, or is said to be no assertion where a property must be there; nothing is guessed. So the `ai`
profile is claimed only for a model whose mandatory properties are all known, and the `dataset` profile never: who made a
data set, and when, is not recorded. Equal inputs have equal cards.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from dure.governance.assets import Dataset, Model
from dure.governance.gate import Bar, Evaluation
from dure.governance.labels import Label, Personal
from dure.governance.lineage import Total

CONTEXT: Final = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
VERSION: Final = "3.0.1"
NO_LICENCE: Final = "expandedlicensing_NoAssertionLicense"  # an individual of the specification
NO_LOCATION: Final = "NOASSERTION"
LISTED: Final = frozenset(
    {"Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CDLA-Permissive-2.0"}
)  # ids of Dure's table of licences that are on the SPDX License List; the others are LicenseRefs
_CREATION: Final = "_:creation"
_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9.-]")


def card(
    model: Model,
    created_utc_s: int,
    *,
    released_utc_s: int | None = None,
    ancestors: Iterable[Model] = (),
    datasets: Iterable[Dataset] = (),
    label: Label | None = None,
    total: Total | None = None,
    evaluations: Iterable[Evaluation] = (),
    bars: Iterable[Bar] = (),
) -> dict[str, Any]:
    """The card of a model with all that it came from.

    `label` and `total` are those of its lineage; None: no run of it is recorded. Of the evaluations those of its save point
    are told.
    """
    found = _Card(f"{model.project}/{model.id}/{model.version}/{model.save_point}", created_utc_s)
    root = found.model(model, released_utc_s)
    root["ai_useSensitivePersonalInformation"] = _sensitive_in_use(label)
    if total is not None:
        root["ai_informationAboutTraining"] = "\n".join(filter(None, (model.training, _compute(total))))
    measured = [e for e in evaluations if model.save_point and e.model_digest == model.save_point]
    if metrics := [_entry(*pair) for pair in sorted(_metrics(measured))]:
        root["ai_metric"] = metrics
    if thresholds := [_entry(*pair) for pair in sorted({_threshold(b) for b in bars})]:
        root["ai_metricDecisionThreshold"] = thresholds
    bases = [found.model(m, None)["spdxId"] for m in ancestors]
    found.relate(root["spdxId"], "descendantOf", bases)
    found.relate(root["spdxId"], "trainedOn", [found.dataset(d)["spdxId"] for d in datasets])
    whole = released_utc_s is not None and not bases and model.source
    return found.document(root, model.title, ["ai"] if whole else [])


class _Card:
    """The graph of a card being made, its elements by id."""

    def __init__(self, about: str, created_utc_s: int) -> None:
        self.base = uuid.uuid5(uuid.NAMESPACE_URL, f"dure/card/{about}/{created_utc_s}").urn
        self.created = _time(created_utc_s)
        self.elements: dict[str, dict[str, Any]] = {}
        self.maker = self.element("SoftwareAgent", "agent-dure", name="Dure")["spdxId"]

    def element(self, type: str, fragment: str, **properties: Any) -> dict[str, Any]:
        id = f"{self.base}#{fragment}"
        return self.elements.setdefault(id, {"type": type, "spdxId": id, "creationInfo": _CREATION, **properties})

    def relate(self, of: str, how: str, to: Sequence[str]) -> None:
        """A relationship to all of `to`; none where there is nothing to relate to."""
        if to:
            name = f"link-{of.rpartition('#')[2]}-{how}"  # no name of a relationship has a hyphen
            self.element("Relationship", name, **{"from": of, "relationshipType": how, "to": sorted(to)})

    def model(self, model: Model, released_utc_s: int | None) -> dict[str, Any]:
        owner = self.element("Organization", f"organisation-{_safe(model.owner)}", name=model.owner)
        texts = {"ai_limitation": model.limitation, "ai_informationAboutTraining": model.training}
        found = self.element(
            "ai_AIPackage", f"model-{model.id}", name=model.title, suppliedBy=owner["spdxId"],
            software_packageVersion=model.version, software_primaryPurpose="model",
            software_downloadLocation=model.source or NO_LOCATION,
            **({"releaseTime": _time(released_utc_s)} if released_utc_s is not None else {}),
            **({"ai_domain": [model.domain]} if model.domain else {}),
            **{key: text for key, text in texts.items() if text},
        )  # fmt: skip
        if model.save_point:
            found["verifiedUsing"] = [{"type": "Hash", "algorithm": "sha256", "hashValue": model.save_point}]
        self._licensed(found["spdxId"], model.licence)
        return found

    def dataset(self, data: Dataset) -> dict[str, Any]:
        found = self.element(
            "dataset_DatasetPackage", f"data-{data.id}", name=data.title, software_primaryPurpose="data",
            software_downloadLocation=NO_LOCATION, dataset_datasetType=["noAssertion"],
            dataset_hasSensitivePersonalInformation=_sensitive(data.label.personal),
            **({"dataset_intendedUse": data.purpose} if data.purpose else {}),
        )  # fmt: skip
        self._licensed(found["spdxId"], data.licence)
        return found

    def _licensed(self, of: str, licence: str) -> None:
        """The licence it is declared to have. Nobody concluded one, and the profile wants that said."""
        declared = NO_LICENCE
        if licence:
            text = licence if licence in LISTED else f"LicenseRef-{_safe(licence)}"
            made = self.element(
                "simplelicensing_LicenseExpression", f"licence-{_safe(licence)}", simplelicensing_licenseExpression=text
            )
            declared = made["spdxId"]
        self.relate(of, "hasDeclaredLicense", [declared])
        self.relate(of, "hasConcludedLicense", [NO_LICENCE])

    def document(self, root: dict[str, Any], name: str, profiles: Sequence[str]) -> dict[str, Any]:
        all_ = [*self.elements]
        info = {
            "type": "CreationInfo", "@id": _CREATION, "specVersion": VERSION, "created": self.created,
            "createdBy": [self.maker],
        }  # fmt: skip
        whole = {
            "type": "SpdxDocument", "spdxId": self.base, "creationInfo": _CREATION, "name": name,
            "profileConformance": ["core", "software", "simpleLicensing", *profiles],
            "rootElement": [root["spdxId"]], "element": sorted(all_),
        }  # fmt: skip
        return {"@context": CONTEXT, "@graph": [info, whole, *(self.elements[id] for id in sorted(all_))]}


def _time(utc_s: int) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _safe(text: str) -> str:
    """A name as a part of an id: another one for another name, whatever its script."""
    plain = _NOT_OF_AN_ID.sub("-", text)
    return plain if plain == text else f"{plain}-{uuid.uuid5(uuid.NAMESPACE_URL, text).hex[:8]}"


def _sensitive(personal: Personal) -> str:
    """Whether data tell who somebody is. Of pseudonymised data it depends on what else one has."""
    if personal >= Personal.PERSONAL:
        return "yes"
    return "noAssertion" if personal == Personal.PSEUDONYMISED else "no"


def _sensitive_in_use(label: Label | None) -> str:
    """The property is of training and of use, and the label knows of training alone: it can say yes, and never no."""
    known = "noAssertion" if label is None else _sensitive(label.personal)
    return "yes" if known == "yes" else "noAssertion"


def _compute(total: Total) -> str:
    return (
        f"Training compute of {total.runs} runs along its lineage, each counted once, in units of 10^15 FLOP: "
        f"best estimate {total.best}, between {total.low} and {total.high}."
    )


def _metrics(evaluations: Iterable[Evaluation]) -> set[tuple[str, str]]:
    """Figures as shares of samples, of evaluations that ended well."""
    return {
        (f"{e.task} {e.task_version}: {f.scorer}/{f.metric}", f"{f.correct}/{f.scored}")
        for e in evaluations
        if e.status == "success"
        for f in e.figures
        if f.correct is not None
    }


def _threshold(bar: Bar) -> tuple[str, str]:
    of = f"{bar.scorer}/{bar.metric}" if bar.scorer else bar.metric
    return (
        f"{bar.task} {bar.task_version}: {of}",
        f"lower bound at {bar.confidence_milli / 1000:g} >= {bar.least_milli / 1000:g}",
    )


def _entry(key: str, value: str) -> dict[str, str]:
    return {"type": "DictionaryEntry", "key": key, "value": value}
