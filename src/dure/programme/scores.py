"""From reviews to one score for each application, freed of how severe its reviewers and committees are.

The score `y` of a review is the mean of its criteria by the sheet's weights. Three methods give the effects `r` of
reviewers and `c` of committees (positive: lenient), and in all of them

    final(i) = mean over the reviews of i of (y - r - c), clipped to the scale of the call, in whole milli-points

none      r = c = 0: the plain mean.
additive  y = a(application) + r(reviewer) + c(committee) + error. Least squares with a ridge:
          minimise  sum (y - a - r - c)^2 + SHRINK (sum r^2 + sum c^2).
          Only those who read the same application are compared, so nothing is assumed of how good the applications of
          one reviewer are, and where reviewers agree nothing changes. Of applications that no chain of common
          reviewers joins (`components`) nothing is known relative to each other: in each such part the effects of the
          reviewers sum to nought.
centred   the same with one common `a`: what a reviewer or committee gives on average is brought to the common mean. It
          joins committees without common reviewers, at the price of taking their applications to be equally good.

The ridge is as if each effect had been read off SHRINK more reviews that found none: a reviewer with few reviews is
hardly corrected. Effects are rounded to whole milli-points before they are used, so that everybody can redo the sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, diags_array
from scipy.sparse.csgraph import connected_components

from dure.errors import InputError, InputErrors, UnknownName
from dure.programme.model import Call, Review

SHRINK: Final = 1  # as much variance among reviewers as among one reviewer's errors: an assumption, stated in the docs
Array = NDArray[Any]


class Method(StrEnum):
    """How scores are normalised."""

    NONE = "none"
    CENTRED = "centred"
    ADDITIVE = "additive"


@dataclass(frozen=True)
class Scored:
    """Scores of applications and what was taken off for whom; all in milli-points, keys sorted."""

    method: Method
    raw: dict[str, int]  # application -> plain mean
    final: dict[str, int]  # application -> normalised mean; final - raw is the effect
    reviewers: dict[str, int]  # reviewer -> effect that was taken off: positive where lenient
    committees: dict[str, int]  # committee -> the same
    components: dict[str, int]  # application -> number of its part, from 0: parts have no reviewer in common
    short: dict[str, int]  # applications with fewer reviews than the call wants -> how many are missing


def normalise(reviews: Iterable[Review], call: Call, method: str = Method.ADDITIVE) -> Scored:
    """The scores of all applications with submitted reviews. The order of the reviews does not matter.

    Raises InputError for a review that breaks the scoring sheet or is there twice, UnknownName for the method.
    """
    if method not in list(Method):
        raise UnknownName("normalisation", method, Method)
    found = sorted((r for r in reviews if r.submitted_utc_s is not None), key=lambda r: (r.application, r.reviewer))
    for review in found:
        check(review, call)
    for one, other in pairwise(found):
        if (one.application, one.reviewer) == (other.application, other.reviewer):
            raise InputError("reviewed twice by the same person", field=one.application, value=one.reviewer)
    applications, of_application = _numbered([r.application for r in found])
    reviewers, of_reviewer = _numbered([r.reviewer for r in found])
    committees, of_committee = _numbered([r.committee for r in found])
    weighted = np.array([_weighted(r, call) for r in found], np.int64)  # milli-points x weights
    whole = sum(c.weight_milli for c in call.criteria)
    block = of_application if method == Method.ADDITIVE else np.zeros_like(of_application)
    severity = np.zeros(len(reviewers), np.int64)
    bias = np.zeros(len(committees), np.int64)
    if method != Method.NONE and found:
        severity, bias = _effects(weighted / whole, block, of_reviewer, of_committee)
    corrected = weighted - whole * (severity[of_reviewer] + np.append(bias, 0)[of_committee])
    counts = np.bincount(of_application, minlength=len(applications))
    raw = _means(weighted, of_application, counts * whole)
    final = _means(corrected, of_application, counts * whole).clip(call.score_min_milli, call.score_max_milli)
    return Scored(
        method=Method(method),
        raw=_named(applications, raw),
        final=_named(applications, final),
        reviewers=_named(reviewers, severity),
        committees=_named(committees, bias),
        components=_named(applications, _parts(of_application, of_reviewer)),
        short={a: call.reviews_each - int(n) for a, n in zip(applications, counts) if n < call.reviews_each},
    )


def check(review: Review, call: Call) -> None:
    """Raises InputError where scores are missing, of no criterion, out of range or off the step; several at once if so."""
    ids = [c.id for c in call.criteria]
    low, high, step = call.score_min_milli, call.score_max_milli, call.score_step_milli
    scale = f"{low} to {high} milli-points in steps of {step}"
    faults = [
        InputError("no such criterion", field=f"scores.{name}", value=review.scores[name], accepted=", ".join(ids))
        for name in sorted(review.scores.keys() - set(ids))
    ]
    for name in ids:
        score = review.scores.get(name)
        if score is None:
            faults.append(InputError("no score", field=f"scores.{name}", accepted=scale))
        elif type(score) is not int or not low <= score <= high or score % step:
            faults.append(InputError("not a score", field=f"scores.{name}", value=score, accepted=scale))
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise InputErrors(faults)


def _weighted(review: Review, call: Call) -> int:
    return sum(c.weight_milli * review.scores[c.id] for c in call.criteria)


def _numbered(names: Sequence[str]) -> tuple[list[str], Array]:
    """The different names in order, and the number of each of the given; -1 for an empty one."""
    different = sorted(set(names) - {""})
    number = {"": -1} | {name: i for i, name in enumerate(different)}
    return different, np.array([number[n] for n in names], np.int64)


def _named(names: Sequence[str], values: Array) -> dict[str, int]:
    return {name: int(value) for name, value in zip(names, values)}


def _means(sums: Array, group: Array, parts: Array) -> Array:
    """int64: for each group the sum over its `parts`, rounded half up, in integers alone."""
    total = np.zeros(len(parts), np.int64)
    np.add.at(total, group, sums)
    means: Array = (2 * total + parts) // (2 * parts)
    return means


def _effects(score: Array, block: Array, reviewer: Array, committee: Array) -> tuple[Array, Array]:
    """Effects of reviewers and committees in whole milli-points, by the ridge of the module's text; committee -1: none.

    `a` is free for each block: eliminated, it leaves the normal equations less those of the blocks' means.
    """
    reviewers, each, sits = int(reviewer.max()) + 1, np.arange(len(score)), committee >= 0
    rows, columns = np.concatenate([each, each[sits]]), np.concatenate([reviewer, reviewers + committee[sits]])
    effects = reviewers + int(committee.max()) + 1
    who = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(score), effects)).tocsr()
    blocks = coo_array((np.ones(len(score)), (block, each))).tocsr()
    share = diags_array(1 / np.bincount(block)) @ (blocks @ who)
    normal = (who.T @ who - (blocks @ who).T @ share).toarray() + SHRINK * np.eye(effects)
    solved = np.rint(np.linalg.solve(normal, who.T @ score - share.T @ (blocks @ score))).astype(np.int64)
    return solved[:reviewers], solved[reviewers:]


def _parts(application: Array, reviewer: Array) -> Array:
    """Number of the part of each application, in order of its first application."""
    if not len(application):
        return application
    applications = application.max() + 1
    count = applications + reviewer.max() + 1
    graph = coo_array((np.ones(len(application)), (application, applications + reviewer)), shape=(count, count))
    label = connected_components(graph, directed=False)[1][:applications]
    _, first, part = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[part]
