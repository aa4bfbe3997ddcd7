"""Evaluations of models: run with inspect_ai or recorded from its logs, all of them kept; and waivers by two people.

What is kept says whether a save point may go (`gate_of`). A log that ended badly is kept as well: it is a failure.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction

from dure.app.access import Action, Actor, Forbidden, NotFound, require
from dure.app.people import happened
from dure.errors import InputError, MissingTool
from dure.formats.evaluations import read_evaluation
from dure.formats.streams import opened
from dure.governance import gate
from dure.governance.gate import Bar, Evaluation
from dure.store import models
from dure.store.documents import from_json, to_json
from dure.units import DAY_S

WAIVER_DAYS = 366  # the longest one
_WAIVE = "waive"


@transaction.atomic
def record(actor: Actor, id: str, log: Path, bars: Sequence[Bar], now: int) -> models.Evaluation:
    """Keep the evaluation of a log for a model. Raises InputError for what is no log, or kept already.

    `passed` says whether it passed every bar that names its task; the gate is judged anew each time.
    """
    require(actor, Action.EVALUATE)
    model = _model(id, lock=True)
    with opened(log) as stream:
        evaluation = read_evaluation(stream, str(log))
    if models.Evaluation.objects.filter(model=model, document__log_digest=evaluation.log_digest).exists():
        raise InputError("this log is kept already", source=str(log), field="log_digest", value=evaluation.log_digest)
    asked = [bar for bar in bars if bar.task == evaluation.task]
    passed = bool(asked) and all(gate.decide(evaluation, bar, evaluation.model_digest).passed for bar in asked)
    row: models.Evaluation = models.Evaluation.objects.create(
        model=model, digest=evaluation.model_digest, document=to_json(evaluation), passed=passed, by=actor.user,
        at_utc_s=now,
    )  # fmt: skip
    note = f"{evaluation.task}: {evaluation.status}; log {evaluation.log_digest}"
    after = "passed" if passed else "failed"
    happened("evaluation", id, "record", actor.user, now, after=after, note=note)
    return row


def run(
    actor: Actor,
    id: str,
    tasks: Sequence[str],
    digest: str,
    bars: Sequence[Bar],
    now: int,
    *,
    model: Any,
    folder: Path,
    dataset_revision: str = "",
    options: Mapping[str, Any] | None = None,
) -> list[models.Evaluation]:
    """Run tasks of inspect_ai on a model where this process runs, and keep every log, however it ended.

    `digest` is the SHA-256 of the save point that `model` (a name of inspect_ai, as vllm/..., or one of its objects) serves;
    `dataset_revision` is for tasks that do not say theirs. `options` go to `inspect_ai.eval`. Raises MissingTool.
    """
    require(actor, Action.EVALUATE)
    _model(id)
    _check_digest(digest)
    try:
        import inspect_ai
    except ImportError:
        raise MissingTool("evaluations are run with inspect_ai: pip install 'dure[evaluate]'") from None
    metadata = {"model_digest": digest} | ({"dataset_revision": dataset_revision} if dataset_revision else {})
    given = {"display": "none", **(options or {})}
    # It looks for files along the present folder alone, and fails on an absolute path.
    named = [os.path.relpath(task) if os.path.isabs(task) else task for task in tasks]
    logs = inspect_ai.eval(named, model=model, log_dir=str(folder), metadata=metadata, **given)
    return [record(actor, id, Path(log.location.removeprefix("file://")), bars, now) for log in logs]


@transaction.atomic
def waive(actor: Actor, id: str, digest: str, reason: str, until_utc_s: int, now: int) -> models.Proposal:
    """Propose that a save point may go without its evaluation until a moment; a second person must agree."""
    require(actor, Action.MEET_OBLIGATION)
    _apart(actor, _model(id))
    if not reason.strip():
        raise InputError("a waiver takes a reason", field="reason")
    if not now < until_utc_s <= now + WAIVER_DAYS * DAY_S:
        accepted = f"a moment within {WAIVER_DAYS} days"
        raise InputError("a waiver has an end", field="until", value=until_utc_s, accepted=accepted)
    _check_digest(digest)
    document = {"model": id, "digest": digest, "until_utc_s": until_utc_s}
    row: models.Proposal = models.Proposal.objects.create(
        kind=_WAIVE, document=document, reason=reason, by=actor.user, at_utc_s=now
    )
    happened("evaluation", id, "propose_waiver", actor.user, now, after=str(row.seq), note=reason)
    return row


@transaction.atomic
def agree(actor: Actor, seq: int, now: int) -> models.Proposal:
    """The second person's yes to a waiver."""
    require(actor, Action.MEET_OBLIGATION)
    rows = models.Proposal.objects.select_for_update()
    row = rows.filter(seq=seq, kind=_WAIVE, agreed_utc_s=None, refused=False).first()
    if row is None:
        raise NotFound("open waiver", str(seq))
    if row.by == actor.user:
        raise Forbidden("it takes a second person: you proposed it yourself")
    _apart(actor, _model(row.document["model"]))
    if row.document["until_utc_s"] <= now:
        raise InputError("it would have ended already", field="until", value=row.document["until_utc_s"])
    row.second, row.agreed_utc_s = actor.user, now
    row.save()
    happened("evaluation", row.document["model"], "waive", actor.user, now, after=str(seq), note=row.reason)
    return row


def gate_of(id: str, digest: str, bars: Sequence[Bar], now: int) -> str:
    """Where the evaluation of a save point of a model stands: a word of `facts.EVALUATIONS`."""
    waivers = models.Proposal.objects.filter(kind=_WAIVE, agreed_utc_s__isnull=False, refused=False, document__model=id)
    waived = bool(digest) and any(
        w.document["digest"] == digest and w.document["until_utc_s"] > now and w.second not in ("", w.by)
        for w in waivers
    )
    return gate.state_of(evaluations(id), bars, digest, waived=waived)


def evaluations(id: str) -> list[Evaluation]:
    """All that is kept of a model, in the order of recording."""
    return [from_json(Evaluation, r.document) for r in models.Evaluation.objects.filter(model=id).order_by("seq")]


def _model(id: str, *, lock: bool = False) -> models.AIModel:
    rows = models.AIModel.objects.select_for_update() if lock else models.AIModel.objects
    row: models.AIModel | None = rows.filter(id=id).first()
    if row is None:
        raise NotFound("model", id)
    return row


def _check_digest(digest: str) -> None:
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise InputError(
            "not a save point", field="digest", value=digest, accepted="its SHA-256, 64 hexadecimal digits"
        )


def _apart(actor: Actor, model: models.AIModel) -> None:
    if models.Member.objects.filter(project=model.project, user=actor.user).exists():
        raise Forbidden(f"{actor.user} belongs to the project that made it")
