"""`partner`: capacity shared among partner countries or owners, partly equally and partly by contribution."""

from __future__ import annotations

import numpy as np

from dure.errors import InputError
from dure.programme.award import Awards, Bound, Candidates, Capacity, Terms
from dure.programme.rules.filling import (
    SKIP,
    Limit,
    Parameter,
    answer,
    by_score,
    draws,
    envelopes,
    fill,
    limits,
    read_parameters,
)

VERSION = 1
PARAMETERS = {
    "equal": Parameter(350, "thousandths of the parties' units that are shared equally"),
    "special": Parameter(100, "thousandths of all units for special projects: candidates of no contributing party"),
    "held": Parameter(200, "thousandths of the special units that are kept in hand"),
    "skip": SKIP,
    "contribution_*": Parameter(0, "what a party contributes, in any one measure, as contribution_CA", 1, 2**53),
}


def award(terms: Terms, candidates: Candidates, capacity: Capacity, seed: int) -> Awards:
    """`share = (N - special) x (equal / parties + (1 - equal) x contribution / all contributions)`, then by score.

    N is what all envelopes may award. Special projects share `special` of it, less `held` of that. Inside a share, and
    inside each track's envelope, as `ranked`: from the highest score down to the cut-off. What a party does not use
    stays with the programme. Monotone in score. Not promised: that a smaller ask gets no smaller part. Raises
    InputError where no party contributes.

    Source: ECMWF's rule for member states' computing resources (35 % equally, 65 % in proportion to contributions, at
    most 10 % for special projects of which 20 % is held back, unused resources return). Its priority for new special
    projects and its cap per four weeks are not in the formula.
    """
    p = read_parameters(terms.parameters, PARAMETERS)
    given = [p.get(f"contribution_{name}", 0) for name in terms.parties]
    if not any(given):
        accepted = ", ".join(f"contribution_{n}" for n in terms.parties) or "candidates of partner countries"
        raise InputError("no party of the candidates contributes", field="parameters", accepted=accepted)
    shares, special = party_shares(sum(envelopes(terms, capacity)[0]), given, p["equal"], p["special"], p["held"])
    party = candidates.party if len(candidates.party) else np.full(len(candidates), -1)
    contributes = np.array([*(g > 0 for g in given), False])  # the last: -1, no party
    party = np.where(contributes[party], party, len(shares))
    order = by_score(candidates, draws(seed, candidates.ids))
    shared = limits(terms, candidates, capacity, closes=not p["skip"])
    own = Limit(party, [*shares, special], Bound.ENVELOPE, closes=not p["skip"])
    filled = fill(order[candidates.score[order] > terms.cut_off], candidates, [*shared, own])
    trace = {"share": np.array([*shares, special], np.int64)[party]}
    return answer(("partner", VERSION, seed), candidates, filled, order, trace)


def party_shares(total: int, given: list[int], equal: int, special: int, held: int) -> tuple[list[int], int]:
    """Milli-units of each party (0 for one that gives nothing), and those that special projects may have now."""
    pot = total * special // 1000
    rest, parties = total - pot, sum(g > 0 for g in given)
    alike = rest * equal // 1000
    shares = [alike // parties + (rest - alike) * g // sum(given) if g else 0 for g in given]
    return shares, pot - pot * held // 1000
