"""The certificate of a published `optimal` award as a file: with all that the rule saw, so that anybody can check it alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from dure.app.access import Action, Actor, NotFound, require
from dure.app.awarding import round_of
from dure.errors import InputError
from dure.programme import certificate
from dure.programme.award import Candidates, Capacity, Group, Terms
from dure.store import models

FORMAT = 1
_PARTS = {"terms": Terms, "candidates": Candidates, "capacity": Capacity}


def certificate_of(actor: Actor, call_id: str) -> dict[str, Any]:
    """What was published for a call, with its inputs, as JSON values. Raises NotFound where there is no certificate."""
    require(actor, Action.TRY_AWARDS)
    trial = models.Trial.objects.filter(call_id=call_id, published=True).last()
    if trial is None or not trial.result["certificate"]:
        raise NotFound("certificate of call", call_id)
    terms, candidates, capacity = round_of(actor, trial)
    candidates = candidates.take(np.array(sorted(range(len(candidates)), key=candidates.ids.__getitem__)))  # as awarded
    return {
        "format": FORMAT,
        "call": call_id,
        "certificate": trial.result["certificate"],
        "terms": _plain(terms),
        "candidates": _plain(candidates),
        "capacity": _plain(capacity),
    }


def check(document: Any, source: str) -> list[str]:
    """What is wrong with a certificate's file; nothing: its awards are feasible and its bound holds. Raises InputError
    for what is no such file."""
    try:
        if document["format"] != FORMAT:
            raise InputError("another format", source=source, value=document["format"], accepted=str(FORMAT))
        parts = {name: _built(entity, document[name]) for name, entity in _PARTS.items()}
        return certificate.check(document["certificate"], **parts)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, IndexError) as fault:
        accepted = "a file that `dure award certificate` wrote"
        raise InputError(f"not a certificate: {fault}", source=source, accepted=accepted) from None


def _plain(part: Any) -> dict[str, Any]:
    found = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in found.items()}


def _built(entity: Any, plain: dict[str, Any]) -> Any:
    """The columns again, each of the type that its field declares."""
    made: dict[str, Any] = {}
    for f in dataclasses.fields(entity):
        value = plain[f.name]
        if "Ints" in str(f.type):
            value = np.array(value, np.int64)
        elif "NDArray" in str(f.type):
            value = np.array(value, np.bool_)
        elif f.name == "set_asides":
            value = tuple((group if isinstance(group, str) else Group(group), share) for group, share in value)
        elif isinstance(value, list):
            value = tuple(value)
        made[f.name] = value
    return entity(**made)
