"""What must hold of a call before it can be opened: one function each, every fault reported at once.

A fault's path is that of the call's file (`("track", 1, "floor")`), which is also how the API names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dure.errors import InputError
from dure.fleet.checks import nearest
from dure.fleet.model import Fleet, Pool
from dure.fleet.rates import rate_at
from dure.programme.model import Call, Fee, Track
from dure.programme.rules import RULES, parameters_of
from dure.programme.rules.filling import read_parameters
from dure.programme.units import HOURS_A_MONTH, units_text
from dure.units import DAY_S, MILLI

GROUPS: Final = ("startup", "joint", "domestic", "regions")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_MOST_MILLI: Final = 10**15  # a trillion units: more than all accelerators of the world give in a year
_MOST_MONTHS: Final = 60

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a call, and what would be right."""

    path: Path
    message: str
    value: object = None
    accepted: str = ""


def check_call(call: Call, fleet: Fleet | None = None) -> list[Fault]:
    """All faults of a call. Models, sites, pools and envelopes are checked where a fleet is given."""
    found = [f for check in (_dates, _ids, _sheet, _scores, _tracks, _shares, _rule) for f in check(call)]
    return found if fleet is None else [*found, *_against(call, fleet)]


def _dates(call: Call) -> Iterator[Fault]:
    """A call closes after it opens, and its awards begin after it closes."""
    if call.closes_utc_s <= call.opens_utc_s:
        yield Fault(("closes",), "closes before it opens", accepted="a moment after `opens`")
    elif call.period_start_utc_s < call.closes_utc_s:
        yield Fault(("period_start",), "begins before the call closes", accepted="the first of a later month")
    if not 1 <= call.period_months <= _MOST_MONTHS:
        yield Fault(("period_months",), "out of range", call.period_months, f"1 to {_MOST_MONTHS}")
    for key, days in (("review_days", call.review_days), ("reply_days", call.reply_days)):
        if not 0 <= days <= 366:
            yield Fault((key,), "out of range", days, "0 to 366 days")
    if not 1 <= call.reviews_each <= 20:
        yield Fault(("reviews_each",), "out of range", call.reviews_each, "1 to 20")
    if abs(call.opens_utc_s) > 200 * 366 * DAY_S:
        yield Fault(("opens",), "too far from today", call.opens_utc_s, "a moment of this century")


def _ids(call: Call) -> Iterator[Fault]:
    """Ids are short and plain (they stand in account names and addresses), and unique."""
    named: list[tuple[Path, str]] = [(("id",), call.id)]
    named += [(("track", i, "id"), t.id) for i, t in enumerate(call.tracks)]
    named += [(("criterion", i, "id"), c.id) for i, c in enumerate(call.criteria)]
    for path, name in named:
        if not _ID.fullmatch(name):
            yield Fault(path, "not a short id", name, "1 to 40 of a-z, 0-9 and -")
    for table, ids in (("track", [t.id for t in call.tracks]), ("criterion", [c.id for c in call.criteria])):
        for i, name in enumerate(ids):
            if name in ids[:i]:
                yield Fault((table, i, "id"), f"used before, by {table} number {ids.index(name) + 1}", name, "a new id")
    if not call.tracks:
        yield Fault(("track",), "no tracks", accepted="at least one [[track]]")


def _sheet(call: Call) -> Iterator[Fault]:
    """The weights of a scoring sheet sum to 1."""
    for i, c in enumerate(call.criteria):
        if not 0 < c.weight_milli <= MILLI:
            yield Fault(("criterion", i, "weight"), "out of range", percent(c.weight_milli), 'above "0 %", to "100 %"')
    total = sum(c.weight_milli for c in call.criteria)
    if total != MILLI:
        yield Fault(("criterion",), "the weights do not sum to 100 %", percent(total), '"100 %" in all')


def _scores(call: Call) -> Iterator[Fault]:
    """Scores go up in whole steps from the lowest to the highest, and the cut-off lies between."""
    low, high, step = call.score_min_milli, call.score_max_milli, call.score_step_milli
    if not 0 <= low < high <= 100 * MILLI:
        yield Fault(("score_max",), "not above score_min", high / MILLI, "above score_min, at most 100")
    elif step < 1 or low % step or high % step:
        yield Fault(("score_step",), "does not divide score_min and score_max", step / MILLI, "as 0.1")
    if not 0 <= call.cut_off_milli < high:
        yield Fault(("cut_off",), "not on the scale", call.cut_off_milli / MILLI, "from 0 to below score_max")


def _tracks(call: Call) -> Iterator[Fault]:
    """Envelopes, floors, ceilings, lots and fees of the tracks fit each other."""
    for i, t in enumerate(call.tracks):
        for key, amount in (("envelope", t.envelope_milli), ("floor", t.floor_milli), ("rapid", t.rapid_milli)):
            if not 0 <= amount <= _MOST_MILLI:
                yield Fault(("track", i, key), "out of range", units_text(amount), "0 to a trillion units")
        if not t.sectors:
            yield Fault(("track", i, "sectors"), "open to nobody", accepted="at least one sector")
        ceiling = t.ceiling_milli
        if ceiling is not None and ceiling < max(1, t.floor_milli):
            accepted = f"at least the floor, {units_text(t.floor_milli)} units" if t.floor_milli else "above 0"
            yield Fault(("track", i, "ceiling"), "below the floor", units_text(ceiling), accepted)
        elif 0 <= t.envelope_milli < t.floor_milli:
            accepted = f"at most the envelope, {units_text(t.envelope_milli)} units"
            yield Fault(("track", i, "floor"), "above the envelope", units_text(t.floor_milli), accepted)
        if not 1 <= t.lot_accelerators <= 10_000:
            yield Fault(("track", i, "lot_accelerators"), "out of range", t.lot_accelerators, "1 to 10,000")
        yield from _fees(i, t)
        for country in t.countries:
            if not _COUNTRY.fullmatch(country):
                yield Fault(("track", i, "countries"), "not a country code", country, "two letters, as KR")
    if any(t.fee is not Fee.FREE for t in call.tracks) and not 0 < call.market_price_minor <= _MOST_MILLI:
        yield Fault(
            ("market_price",), "a fee needs the market price of a unit", accepted="whole minor currency above 0"
        )
    if not (len(call.currency) == 3 and call.currency.isascii() and call.currency.isupper()):
        yield Fault(("currency",), "not a currency", call.currency, "three letters, as KRW")


def _fees(i: int, track: Track) -> Iterator[Fault]:
    if (track.fee is Fee.SHARE) != (track.fee_milli > 0) or not 0 <= track.fee_milli <= MILLI:
        accepted = 'fee = "share" with a fee_share above "0 %", or neither'
        yield Fault(("track", i, "fee_share"), "does not go with the fee", percent(track.fee_milli), accepted)
    if not 0 <= track.young_discount_milli <= MILLI:
        value = percent(track.young_discount_milli)
        yield Fault(("track", i, "young_discount"), "out of range", value, '"0 %" to "100 %"')


def _shares(call: Call) -> Iterator[Fault]:
    """Set-asides are of known groups, each once, and do not promise more than everything."""
    groups = [s.group for s in call.set_asides]
    for i, s in enumerate(call.set_asides):
        if s.group not in GROUPS:
            yield Fault(("set_aside", i, "group"), "no such group", s.group, nearest(s.group, GROUPS))
        elif s.group in groups[:i]:
            yield Fault(("set_aside", i, "group"), "set aside for before", s.group, "each group once")
        if not 0 < s.share_milli <= MILLI:
            yield Fault(("set_aside", i, "share"), "out of range", percent(s.share_milli), 'above "0 %", to "100 %"')
        if (s.group == "regions") != bool(s.regions):
            accepted = 'a list of regions exactly where group = "regions"'
            yield Fault(("set_aside", i, "regions"), "does not go with the group", list(s.regions), accepted)
    total = sum(s.share_milli for s in call.set_asides)
    if total > MILLI:
        # One award may count for two groups, so more than all would not be impossible; it is no promise one can read.
        yield Fault(("set_aside",), "the shares sum to more than everything", percent(total), 'at most "100 %" in all')
    if not 0 <= call.reserved_milli < MILLI:
        yield Fault(("reserved",), "out of range", percent(call.reserved_milli), '"0 %" to below "100 %"')
    if not _COUNTRY.fullmatch(call.country):
        yield Fault(("country",), "not a country code", call.country, "two letters, as KR")
    if not 0 < call.institution_cap_milli <= MILLI:
        value = percent(call.institution_cap_milli)
        yield Fault(("institution_cap",), "out of range", value, 'above "0 %", to "100 %"')


def _rule(call: Call) -> Iterator[Fault]:
    """The rule exists and takes its parameters; a lottery names its beacon before it opens."""
    if call.rule not in RULES:
        yield Fault(("rule",), "no such award rule", call.rule, nearest(call.rule, RULES.keys()))
        return
    known = parameters_of(call.rule)
    for name, value in call.parameters.items():
        try:
            read_parameters({name: value}, known)
        except InputError as e:
            yield Fault(("parameters", name), e.message, e.value, e.accepted)
    if call.rule == "lottery" and not call.beacon:
        yield Fault(("beacon",), "a lottery is drawn by a public value", accepted="which one, and of which moment")


def _against(call: Call, fleet: Fleet) -> Iterator[Fault]:
    """Models, sites and pools are the fleet's, some pool serves each track, and the envelopes are not more than there is."""
    models, sites = {p.model for p in fleet.pools if p.model}, {s.id for s in fleet.sites}
    pools = {p.id for p in fleet.pools}
    if missing := [name for name in call.pools if name not in pools]:
        yield Fault(("pools",), "the fleet has no such pool", missing[0], nearest(missing[0], pools))
        return
    for i, t in enumerate(call.tracks):
        unknown = [("models", n, models) for n in t.models if n not in models]
        unknown += [("sites", n, sites) for n in t.sites if n not in sites]
        for key, name, known in unknown:
            yield Fault(("track", i, key), f"the fleet has no such {key[:-1]}", name, nearest(name, known))
        if not unknown and not any(serves(call, t, p) for p in fleet.pools):
            yield Fault(("track", i, "sites"), "no pool of the call has these models at these sites", list(t.sites))
    have = sum(pool_milli_units(call, p, fleet) for p in fleet.pools if any(serves(call, t, p) for t in call.tracks))
    promised = sum(t.envelope_milli for t in call.tracks)
    if promised > have:
        accepted = f"at most {units_text(have)} units, what its pools give in {call.period_months} months"
        yield Fault(("track",), "the envelopes sum to more than there is", units_text(promised), accepted)


def serves(call: Call, track: Track, pool: Pool) -> bool:
    """Whether a track's awards may lie on a pool."""
    listed = ((call.pools, pool.id), (track.models, pool.model), (track.sites, pool.site))
    return pool.accelerators_per_node > 0 and all(not allowed or name in allowed for allowed, name in listed)


def pool_milli_units(call: Call, pool: Pool, fleet: Fleet) -> int:
    """Milli-units that a pool gives a call in its whole period, later deliveries counted as if they were there."""
    rate = rate_at(fleet, pool.model, call.period_start_utc_s).milli_units
    hours = pool.nodes * pool.accelerators_per_node * HOURS_A_MONTH * call.period_months
    return hours * rate * (MILLI - call.reserved_milli) // MILLI


def percent(milli: int) -> str:
    """Thousandths as a percentage: `12.5 %`."""
    return f"{milli / 10:g} %"
