"""Applications, their scores, the call and the fleet as the columns that award rules see.

A *lot* of an application is its track's `lot_accelerators` of the model asked for, for the months asked. A lot of a pool is
the greatest number of accelerators that divides the lots of all tracks that the pool serves, so that a track of whole
servers and one of single accelerators can share it; the exchange of an option says how many lots of the pool stand in for
one lot of the application. Months are 730 hours long, counted from the first moment of the period.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Final

import numpy as np

from dure.errors import InputError
from dure.fleet.model import Fleet, Pool
from dure.fleet.rates import rate_at
from dure.programme.award import Candidates, Capacity, Group, Ints, Terms
from dure.programme.checks import serves
from dure.programme.model import Application, Call, Sector, Track
from dure.programme.units import HOURS_A_MONTH, MONTH_S, lot_milli_units
from dure.units import MILLI

_CONTRIBUTION: Final = "contribution_"  # parameters of the rule `partner`
_GROUPS: Final[dict[str, Group | str]] = {
    "startup": Group.STARTUP, "joint": Group.JOINT, "regions": Group.REGIONS, "domestic": "domestic"
}  # fmt: skip


def candidates(
    call: Call, scored: Sequence[tuple[Application, int]], fleet: Fleet
) -> tuple[Terms, Candidates, Capacity]:
    """What an award rule needs, from eligible applications with their scores in milli-points.

    Raises InputError for an application that the call could not have let in: eligibility is checked before.
    """
    pools = [p for p in fleet.pools if any(serves(call, t, p) for t in call.tracks)]
    capacity = _capacity(call, fleet, pools)
    cap = None if call.institution_cap_milli == MILLI else capacity.total * call.institution_cap_milli // MILLI
    terms = Terms(
        tracks=tuple(t.id for t in call.tracks),
        envelope=np.array([t.envelope_milli for t in call.tracks], np.int64),
        cut_off=call.cut_off_milli,
        set_asides=tuple((_GROUPS[s.group], s.share_milli) for s in call.set_asides),
        institution_cap=cap,
        parameters=dict(call.parameters),
        parties=_parties(call, scored),
        score_min=call.score_min_milli,
        score_max=call.score_max_milli,
        score_step=call.score_step_milli,
    )
    return terms, _candidates(call, scored, fleet, pools, terms.parties), capacity


def _parties(call: Call, scored: Sequence[tuple[Application, int]]) -> tuple[str, ...]:
    """Countries that apply, and those whose contribution the parameters of the rule name."""
    countries = {_country(a) for a, _ in scored}
    countries |= {n.removeprefix(_CONTRIBUTION) for n in call.parameters if n.startswith(_CONTRIBUTION)}
    return tuple(sorted(countries - {""}))


def _country(application: Application) -> str:
    """The partner's country of joint research, else that of the institution."""
    return application.partner_country or application.institution.country


def _capacity(call: Call, fleet: Fleet, pools: Sequence[Pool]) -> Capacity:
    lots = np.zeros((len(pools), call.period_months), np.int64)
    most = 0
    for p, pool in enumerate(pools):
        size = _lot_of(call, pool)
        for month in range(call.period_months):
            nodes = _nodes_there(fleet, pool, call.period_start_utc_s + month * MONTH_S)
            accelerators = nodes * pool.accelerators_per_node * (MILLI - call.reserved_milli) // MILLI
            lots[p, month] = accelerators // size
        rate = rate_at(fleet, pool.model, call.period_start_utc_s).milli_units
        most += int(lots[p].sum()) * size * HOURS_A_MONTH * rate
    return Capacity(
        pools=tuple(p.id for p in pools),
        sites=tuple(p.site for p in pools),
        models=tuple(p.model for p in pools),
        domestic=np.array([fleet.models[p.model].country == call.country for p in pools], np.bool_),
        lots=lots,
        total=min(most, sum(t.envelope_milli for t in call.tracks)),
    )


def _lot_of(call: Call, pool: Pool) -> int:
    """Accelerators of one lot of a pool."""
    return gcd(*(t.lot_accelerators for t in call.tracks if serves(call, t, pool)))


def _nodes_there(fleet: Fleet, pool: Pool, at_utc_s: int) -> int:
    """Nodes delivered by a moment. Outages are not taken off: the call's reserve is for them."""
    return pool.nodes - sum(d.nodes for d in pool.deliveries if fleet.start_utc_s + d.at_s > at_utc_s)


def _candidates(
    call: Call,
    scored: Sequence[tuple[Application, int]],
    fleet: Fleet,
    pools: Sequence[Pool],
    parties: Sequence[str],
) -> Candidates:
    tracks = {t.id: i for i, t in enumerate(call.tracks)}
    institutions: dict[str, int] = {}
    regions = frozenset(r for s in call.set_asides for r in s.regions)
    serving = [[p for p, pool in enumerate(pools) if serves(call, t, pool)] for t in call.tracks]
    sizes = [_lot_of(call, pool) for pool in pools]
    rows: list[tuple[int, ...]] = []
    options: list[tuple[int, int, int]] = []
    for row, (application, score) in enumerate(scored):
        if application.track not in tracks:
            raise InputError("the call has no such track", field="track", value=application.track)
        t = tracks[application.track]
        track, ask = call.tracks[t], application.ask
        lot, lots = _lots(application, call, track, fleet)
        least = -(-lots * ask.minimum_milli // MILLI)
        institution = institutions.setdefault(application.institution.key or application.id, len(institutions))
        groups = _groups(application, regions)
        rows.append((score, lots * lot, least * lot, lot, t, institution, groups, ask.start_month, ask.months, lots))
        exchange = {ask.model: MILLI} | {a.model: a.exchange_milli for a in ask.accepted}
        options += [
            (row, p, track.lot_accelerators // sizes[p] * exchange[pools[p].model])
            for p in serving[t]
            if pools[p].model in exchange
        ]
    party = [parties.index(c) if (c := _country(a)) else -1 for a, _ in scored]
    return Candidates(
        tuple(a.id for a, _ in scored),
        **_columns(_ROW, rows),
        **_columns(_OPTION, options),
        party=np.array(party, np.int64),
    )


_ROW: Final = ("score", "ask", "least", "lot", "track", "institution", "groups", "start", "months", "lots")
_OPTION: Final = ("option_of", "option_pool", "option_exchange")


def _columns(names: Sequence[str], rows: Sequence[tuple[int, ...]]) -> dict[str, Ints]:
    table = np.array(rows, np.int64).reshape(len(rows), len(names))
    return {name: np.ascontiguousarray(table[:, k]) for k, name in enumerate(names)}


def _lots(application: Application, call: Call, track: Track, fleet: Fleet) -> tuple[int, int]:
    """Milli-units of one lot, and lots asked for."""
    ask = application.ask
    lots, rest = divmod(ask.accelerators, track.lot_accelerators)
    if rest or lots < 1:
        accepted = f"a multiple of {track.lot_accelerators}"
        raise InputError("not whole lots", field="ask.accelerators", value=ask.accelerators, accepted=accepted)
    if ask.months < 1 or ask.start_month < 0 or ask.start_month + ask.months > call.period_months:
        accepted = f"within the {call.period_months} months of the call"
        raise InputError("outside the period", field="ask.months", value=ask.months, accepted=accepted)
    rate = rate_at(fleet, ask.model, call.period_start_utc_s)
    return lot_milli_units(ask, track.lot_accelerators, rate), lots


def _groups(application: Application, regions: frozenset[str]) -> int:
    groups = Group.STARTUP if application.sector is Sector.STARTUP else 0
    groups |= Group.JOINT if application.partner_country else 0
    return int(groups | (Group.REGIONS if application.institution.region in regions else 0))
