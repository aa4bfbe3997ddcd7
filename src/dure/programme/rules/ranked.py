"""`ranked`: the highest score first, until the envelope is exhausted."""

from __future__ import annotations

import numpy as np

from dure.programme.award import Awards, Candidates, Capacity, Terms
from dure.programme.rules.filling import SKIP, answer, by_score, draws, fill, limits, read_parameters

VERSION = 1
PARAMETERS = {"skip": SKIP}


def award(terms: Terms, candidates: Candidates, capacity: Capacity, seed: int) -> Awards:
    """In each track, from the highest score down to the cut-off: `award = min(ask, what is left)`.

    In whole lots, and nothing where that is less than the least useful part. Equal scores go by draw. The first that
    gets less than it asks exhausts the envelope, whatever is left of it; with `skip` 1 the next may still fit. Who is
    held back by the institution cap exhausts nothing. Monotone in score: a higher score never gets less. Not
    promised: that a smaller ask gets no smaller part, as the last in line may be any.

    Source: the ranked lists of EuroHPC and PRACE (one merged list in order of merit, resources until there are none);
    the cut-off is that of Canada's research alliance (nothing at or below 2.0 of 5).
    """
    skip = read_parameters(terms.parameters, PARAMETERS)["skip"]
    order = by_score(candidates, draws(seed, candidates.ids))
    ranked = order[candidates.score[order] > terms.cut_off]
    filled = fill(ranked, candidates, limits(terms, candidates, capacity, closes=not skip))
    place = np.zeros(len(candidates), np.int64)
    place[order] = np.arange(1, len(candidates) + 1)
    return answer(("ranked", VERSION, seed), candidates, filled, order, {"place": place})
