"""Award rules by name, one file each: `award(terms, candidates, capacity, seed) -> Awards`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from dure.errors import InputError, InvariantBroken, UnknownName
from dure.programme.award import Awards, Bound, Candidates, Capacity, Ints, Outcome, Terms
from dure.programme.rules import lottery, partner, proportional, ranked, scaled
from dure.programme.rules.filling import Parameter, read_parameters


def _optimal(terms: Terms, candidates: Candidates, capacity: Capacity, seed: int, **options: Any) -> Awards:
    from dure.programme.rules.optimal import award as best  # loads the solver

    return best(terms, candidates, capacity, seed, **options)


_MOST: Final = 2**48  # milli-units of one ask: the sum of 10,000 is still exact

RULES: Final[dict[str, Callable[..., Awards]]] = {
    "ranked": ranked.award,
    "proportional": proportional.award,
    "scaled": scaled.award,
    "lottery": lottery.award,
    "partner": partner.award,
    "optimal": _optimal,
}


def parameters_of(rule: str) -> Mapping[str, Parameter]:
    """The parameters of a rule by name. Raises UnknownName."""
    if rule not in RULES:
        raise UnknownName("award rule", rule, RULES)
    if rule == "optimal":
        from dure.programme.rules.optimal import PARAMETERS  # loads the solver

        return PARAMETERS
    modules = {"ranked": ranked, "proportional": proportional, "scaled": scaled, "lottery": lottery, "partner": partner}
    found: Mapping[str, Parameter] = modules[rule].PARAMETERS
    return found


def award(terms: Terms, candidates: Candidates, capacity: Capacity, rule: str, seed: int = 0, **options: Any) -> Awards:
    """What `rule` gives, row by row of `candidates`, whatever their order. `options` go to the rule as they are.

    Raises UnknownName for a rule that does not exist, InputError for parameters or candidates that cannot be, and
    InvariantBroken if the rule's answer breaks `faults`: a bug.
    """
    read_parameters(terms.parameters, parameters_of(rule))
    _refuse(terms, candidates)
    rows = np.array(sorted(range(len(candidates)), key=candidates.ids.__getitem__), np.int64)
    ordered = candidates.take(rows)
    awards = RULES[rule](terms, ordered, capacity, seed, **options)
    if broken := next(faults(awards, terms, ordered, capacity), None):
        raise InvariantBroken(f"award rule {rule}, seed {seed}: {broken}")
    back = np.empty_like(rows)
    back[rows] = np.arange(len(rows))
    columns = {n: getattr(awards, n)[back] for n in ("amount", "outcome", "bound", "reserve_rank")}
    lots = awards.lots
    if len(lots):
        lots = np.empty_like(awards.lots)
        lots[candidates.options_of(rows)] = awards.lots
    return replace(
        awards, ids=candidates.ids, trace={k: v[back] for k, v in awards.trace.items()}, lots=lots, **columns
    )


def faults(awards: Awards, terms: Terms, candidates: Candidates, capacity: Capacity) -> Iterator[str]:
    """What is wrong with awards, in words: nothing ever is, unless a rule has a bug or a panel goes too far.

    Each award is nothing or from the least useful part to the ask, in whole lots (where the rule does not place it on
    servers of other kinds); tracks keep to their envelopes, institutions to their cap, and all to the capacity.
    """
    amount, given = awards.amount, awards.amount != 0
    row_checks = (
        ("is less than the least useful part", given & (amount < candidates.least)),
        ("is more than the ask", amount > candidates.ask),
        ("is negative", amount < 0),
        ("is not in whole lots", amount % candidates.lot != 0 if not len(awards.lots) else np.zeros(len(amount), bool)),
        ("does not agree with its outcome", given != (awards.outcome == Outcome.AWARDED)),
        (
            "does not agree with its bound",
            (amount == candidates.ask) & (awards.bound > 0) & (awards.bound != Bound.PANEL),
        ),
    )
    for what, wrong in row_checks:
        yield from (f"the award of {candidates.ids[r]} ({amount[r]}) {what}" for r in np.flatnonzero(wrong))
    for track, (name, units) in enumerate(zip(terms.tracks, terms.envelope.tolist(), strict=True)):
        if (held := int(amount[candidates.track == track].sum())) > units:
            yield f"track {name} awards {held} of {units} milli-units"
    if (held := int(amount.sum())) > capacity.total:
        yield f"all awards are {held} of {capacity.total} milli-units"
    if terms.institution_cap is not None:
        homes, at = np.unique(candidates.institution, return_inverse=True)
        sums = np.zeros(len(homes), np.int64)
        np.add.at(sums, at, amount)
        yield from (
            f"institution {homes[k]} has {sums[k]} milli-units" for k in np.flatnonzero(sums > terms.institution_cap)
        )


def _refuse(terms: Terms, candidates: Candidates) -> None:
    """Raises InputError for the first candidate, of the first check, that cannot be."""
    if len(set(candidates.ids)) < len(candidates):
        raise InputError("the same id twice", field="ids", accepted="each application once")
    c, scale = candidates, f"{terms.score_min} to {terms.score_max} milli-points"
    checks: tuple[tuple[str, Ints, Any, str], ...] = (
        ("score", c.score, (c.score < terms.score_min) | (c.score > terms.score_max), scale),
        ("ask", c.ask, (c.ask <= 0) | (c.ask > _MOST), f"1 to {_MOST} milli-units"),
        ("least", c.least, (c.least < 0) | (c.least > c.ask), "0 to the ask"),
        ("lot", c.lot, (c.lot <= 0) | (c.ask % np.maximum(c.lot, 1) != 0), "a lot that divides the ask"),
        ("lots", c.lots, c.lots * c.lot != c.ask, "as many lots as make the ask"),
        ("track", c.track, (c.track < 0) | (c.track >= len(terms.tracks)), f"0 to {len(terms.tracks) - 1}"),
        ("party", c.party, (c.party < -1) | (c.party >= len(terms.parties)), "-1 (none) or the number of a party"),
    )
    for name, column, wrong, accepted in checks:
        for row in np.flatnonzero(wrong)[:1]:
            raise InputError(f"of {c.ids[row]}", field=name, value=int(column[row]), accepted=accepted)
