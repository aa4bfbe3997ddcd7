"""The certificate of an `optimal` award, and how anybody can check it in whole numbers without solving anything.

**The problem.** Lots n[i,o] of option o (a pool) and an amount a[i] in milli-units for each candidate i. A lot of o is worth
`lot x 1000 // exchange` milli-units. Either n[i] = 0 and a[i] = 0, or least <= a[i] <= min(ask, worth of its lots). At or
below the cut-off there is nothing. Bounds: lots of each pool in each month; envelopes; the total; the institution cap;
set-asides: 1000 x units of the group >= share x all units, where the domestic units of a candidate are the lesser of its
amount and the worth of its domestic lots. The objective is the sum of score x v(a / ask), times the ask where value is per
unit asked; v is concave: the first quarter of an ask counts 40 %, then 30, 20 and 10 %.

**The bound.** Let every bound have a price, none negative. Whatever the prices, no award can be worth more than the rent of
all that there is, plus for each candidate what its best award would gain over its price (weak duality). The certificate
holds whole-number prices; `bound` adds this up with every rounding upwards, so the result is a proof, not a measurement.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from typing import Any, Final

import numpy as np

from dure.programme.award import Candidates, Capacity, Group, Ints, Terms

PIECES: Final = (40, 30, 20, 10)  # per cent of the value that each quarter of an ask counts
APPLICATION, UNIT = "application", "unit"
VALUES: Final = (APPLICATION, UNIT)  # what is valued: each application alike, or each unit asked
FINE: Final = 10**6  # parts of a milli-point in the value of an application
SCALE: Final = 1000 * 2**40  # a value, in the prices of unit rows
_NODES: Final = 20_000  # ways of one candidate that are looked at before its gain is taken from above


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A bound on units: the sum of share x amount, and of domestic x domestic units, is at most `most`."""

    kind: str  # envelope, total, institution or set-aside
    name: str
    share: Ints  # [A] thousandths
    most: int  # thousandths of milli-units
    domestic: int = 0  # thousandths


def worths(candidates: Candidates) -> Ints:
    """[O] milli-units that one lot of each option is worth."""
    return candidates.lot[candidates.option_of] * 1000 // candidates.option_exchange


def unit_rows(terms: Terms, candidates: Candidates, capacity: Capacity) -> list[UnitRow]:
    """The bounds on units: those that could ever hold, institutions in the order in which they appear."""
    c = candidates
    rows = [
        UnitRow("envelope", name, 1000 * (c.track == t).astype(np.int64), 1000 * int(terms.envelope[t]))
        for t, name in enumerate(terms.tracks)
    ]
    rows.append(UnitRow("total", "", np.full(len(c), 1000), 1000 * capacity.total))
    if terms.institution_cap is not None:
        for institution in dict.fromkeys(c.institution.tolist()):
            own = c.institution == institution
            if int(c.ask[own].sum()) > terms.institution_cap:
                share = 1000 * own.astype(np.int64)
                rows.append(UnitRow("institution", str(institution), share, 1000 * terms.institution_cap))
    for group, share_milli in terms.set_asides:
        if isinstance(group, Group):
            member = (c.groups & group) > 0
            rows.append(UnitRow("set-aside", group.name.lower(), share_milli - 1000 * member.astype(np.int64), 0))
        else:
            rows.append(UnitRow("set-aside", group, np.full(len(c), share_milli), 0, -1000))
    return rows


def canonical(candidates: Candidates) -> tuple[Candidates, Ints, Ints]:
    """The candidates by id, options by pool, institutions numbered as they come; and which rows and options these were."""
    c = candidates
    rows = np.array(sorted(range(len(c)), key=c.ids.__getitem__), np.int64)
    place = np.argsort(rows)
    options = np.lexsort((c.option_pool, place[c.option_of])).astype(np.int64)
    numbers = {old: new for new, old in enumerate(dict.fromkeys(c.institution[rows].tolist()))}
    ordered = replace(
        c.take(rows),
        institution=np.array([numbers[i] for i in c.institution[rows].tolist()], np.int64),
        option_of=place[c.option_of[options]].astype(np.int64),
        option_pool=c.option_pool[options],
        option_exchange=c.option_exchange[options],
    )
    return ordered, rows, options


def worth(score: int, ask: int, amount: int, value: str, *, up: bool = False) -> int:
    """Value of an amount: score x v(amount / ask) in millionths of milli-points, or x milli-units; rounded down, or up."""
    quarters = len(PIECES)
    parts = sum(p * min(max(quarters * amount - k * ask, 0), ask) for k, p in enumerate(PIECES))
    whole, per = (score * parts, sum(PIECES)) if value == UNIT else (score * FINE * parts, sum(PIECES) * ask)
    return -(-whole // per) if up else whole // per


def input_hash(terms: Terms, candidates: Candidates, capacity: Capacity, rule: str, version: int) -> str:
    """SHA-256 of what the award depends on, candidates canonical, as JSON with sorted keys, no spaces, integers only."""

    def plain(of: object) -> Any:
        found: dict[str, Any] = {name: getattr(of, name) for name in of.__slots__}  # type: ignore[attr-defined]
        return {k: v.astype(int).tolist() if isinstance(v, np.ndarray) else v for k, v in found.items()}

    content = {"rule": rule, "version": version}
    parts = {"terms": plain(terms), "candidates": plain(candidates), "capacity": plain(capacity)}
    text = json.dumps(content | parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(text.encode()).hexdigest()


def check(certificate: Mapping[str, Any], terms: Terms, candidates: Candidates, capacity: Capacity) -> list[str]:
    """What does not hold of a certificate, in words; nothing if all of it holds. Candidates in any order."""
    candidates, _, _ = canonical(candidates)
    found = list(_unlike(certificate, terms, candidates, capacity))
    if found:
        return found  # of another input: nothing below would mean anything
    amounts = [int(x) for x in certificate["amount"]]
    lots = [int(x) for x in certificate["lots"]]
    found += infeasible(amounts, lots, terms, candidates, capacity)
    objective = objective_of(amounts, candidates, certificate["value"])
    if objective != certificate["objective"]:
        found.append(f"the objective is {objective}, not {certificate['objective']}")
    prices = certificate["prices"]
    if any(p < 0 for p in prices["units"]) or any(p < 0 for month in prices["lots"] for p in month):
        found.append("a price is negative")
    else:
        most = bound(prices["units"], prices["lots"], terms, candidates, capacity, certificate["value"])
        if most > certificate["bound"]:
            found.append(f"the prices prove no bound below {most}, not {certificate['bound']}")
    if objective > certificate["bound"]:
        found.append(f"the objective {objective} is above the bound {certificate['bound']}")
    return found


def _unlike(certificate: Mapping[str, Any], terms: Terms, candidates: Candidates, capacity: Capacity) -> Iterator[str]:
    given = input_hash(terms, candidates, capacity, certificate["rule"], certificate["version"])
    if given != certificate["input_sha256"]:
        yield f"the input hashes to {given}, not {certificate['input_sha256']}"
    units, cells = len(unit_rows(terms, candidates, capacity)), capacity.lots.shape
    sizes = (
        ("amount", len(certificate["amount"]), len(candidates)),
        ("lots", len(certificate["lots"]), len(candidates.option_of)),
        ("prices.units", len(certificate["prices"]["units"]), units),
        ("prices.lots", [len(m) for m in certificate["prices"]["lots"]], [cells[1]] * cells[0]),
    )
    yield from (f"{name} has {has} entries, not {needs}" for name, has, needs in sizes if has != needs)
    if certificate["value"] not in VALUES:
        yield f"value is {certificate['value']!r}, not one of {', '.join(VALUES)}"


def objective_of(amounts: Sequence[int], candidates: Candidates, value: str) -> int:
    """The value of these amounts, each rounded down."""
    c = candidates
    return sum(worth(s, k, a, value) for s, k, a in zip(c.score.tolist(), c.ask.tolist(), amounts, strict=True) if a)


def infeasible(
    amounts: Sequence[int], lots: Sequence[int], terms: Terms, candidates: Candidates, capacity: Capacity
) -> Iterator[str]:
    """Which conditions of the problem these amounts and lots break, in words."""
    c, each = candidates, worths(candidates).tolist()
    cover, home = [0] * len(c), [0] * len(c)
    used = np.zeros_like(capacity.lots)
    for o, (row, pool, n) in enumerate(zip(c.option_of.tolist(), c.option_pool.tolist(), lots, strict=True)):
        if n < 0:
            yield f"option {o} has {n} lots"
        cover[row] += n * each[o]
        home[row] += n * each[o] if capacity.domestic[pool] else 0
        used[pool, c.start[row] : c.start[row] + c.months[row]] += n
        if n and not amounts[row]:
            yield f"{c.ids[row]} has lots and no award"
    for p, m in zip(*np.nonzero(used > capacity.lots)):
        yield f"pool {capacity.pools[p]} lends {used[p, m]} of {capacity.lots[p, m]} lots in month {m}"
    for row, amount in enumerate(amounts):
        most = min(int(c.ask[row]), cover[row])
        if amount and not max(1, int(c.least[row])) <= amount <= most:
            yield f"{c.ids[row]} gets {amount}, not {c.least[row]} to {most}"
        if amount and c.score[row] <= terms.cut_off:
            yield f"{c.ids[row]} scored at or below the cut-off"
    for r in unit_rows(terms, candidates, capacity):
        held = sum(s * a for s, a in zip(r.share.tolist(), amounts))
        held += r.domestic * sum(min(a, h) for a, h in zip(amounts, home)) if r.domestic else 0
        if held > r.most:
            yield f"{r.kind} {r.name}: {held} exceeds {r.most}"


def bound(
    units: Sequence[int],
    lots: Sequence[Sequence[int]],
    terms: Terms,
    candidates: Candidates,
    capacity: Capacity,
    value: str,
) -> int:
    """What no award can be worth more than, by these prices: see the module. Each rounding is upwards.

    `units` has a price for each of `unit_rows`, in 1 / SCALE of a value for a thousandth of a milli-unit; `lots` one in
    values for a lot of each pool in each month.
    """
    c, rows = candidates, unit_rows(terms, candidates, capacity)
    total: int
    total = -(-sum(p * r.most for p, r in zip(units, rows, strict=True)) // SCALE)
    total += sum(p * n for month, free in zip(lots, capacity.lots.tolist()) for p, n in zip(month, free, strict=True))
    per_unit = [0] * len(c)
    for p, r in zip(units, rows):
        if p:
            per_unit = [x + p * s for x, s in zip(per_unit, r.share.tolist())]
    discount = -sum(p * r.domestic for p, r in zip(units, rows))
    options: list[list[_Option]] = [[] for _ in c.ids]
    for row, pool, each in zip(c.option_of.tolist(), c.option_pool.tolist(), worths(c).tolist()):
        months = slice(int(c.start[row]), int(c.start[row] + c.months[row]))
        most = min(int(capacity.lots[pool, months].min()), -(-int(c.ask[row]) // each)) if each else 0
        if most:
            options[row].append(_Option(sum(lots[pool][months]), each, most, bool(capacity.domestic[pool])))
    for row in np.flatnonzero(c.score > terms.cut_off).tolist():
        if options[row]:
            least = max(1, int(c.least[row]))
            total += _gain(int(c.score[row]), int(c.ask[row]), least, per_unit[row], discount, options[row], value)
    return total


@dataclass(frozen=True, slots=True)
class _Option:
    """A pool that would do: price and worth of a lot, how many there are, and whether it is domestic."""

    price: int
    worth: int
    most: int
    home: bool


def _gain(score: int, ask: int, least: int, per_unit: int, discount: int, options: list[_Option], value: str) -> int:
    """The most that a candidate gains over its prices, from above: exact to a 200,000th of its value.

    Branch and bound over the lots of all options but the cheapest; of that one, a best number is next to a kink of the
    value. After `_NODES` ways it is taken from the relaxation without whole lots.
    """
    options = sorted(options, key=lambda o: (Fraction(o.price, o.worth), -o.worth))
    cheapest = options[0]
    quarters = len(PIECES)
    kinks = (
        {least, ask}
        | {k * ask // quarters for k in range(quarters)}
        | {-(-k * ask // quarters) for k in range(quarters)}
    )
    points = [(a, worth(score, ask, a, value, up=True)) for a in sorted(kinks) if least <= a <= ask]
    slack = points[-1][1] // 200_000 + 8
    freest = per_unit - (discount if any(o.home for o in options) else 0)

    def above(cover: int, spent: int) -> int:
        """No way with these lots among others gains more."""
        at = [*points, (cover, worth(score, ask, cover, value, up=True))] if least < cover < ask else points
        rent = ((a, v, max(0, a - cover) * cheapest.price // cheapest.worth) for a, v in at)
        return max(v - a * freest // SCALE - lots for a, v, lots in rent) - spent

    def exact(cover: int, home: int, spent: int) -> int:
        """The gain of one way, at its best amount."""
        reach = min(cover, ask)
        at = [p for p in points if p[0] <= reach]
        at += [(a, worth(score, ask, a, value, up=True)) for a in {reach, min(home, reach)} if a >= least]
        return max(v - (a * per_unit - min(a, home) * discount) // SCALE for a, v in at) - spent

    def last(cover: int, home: int, spent: int) -> int:
        """The best number of lots of the cheapest option."""
        goals = [a - have for a, _ in points for have in ((cover, home) if cheapest.home else (cover,))]
        counts = {n for g in goals for n in (g // cheapest.worth, -(-g // cheapest.worth))} | {0, cheapest.most}
        own = ((n, n * cheapest.worth) for n in counts if 0 <= n <= cheapest.most)
        ways = ((cover + w, home + (w if cheapest.home else 0), spent + n * cheapest.price) for n, w in own)
        return max((exact(*way) for way in ways if way[0] >= least), default=0)

    best = nodes = 0

    def branch(k: int, cover: int, home: int, spent: int) -> None:
        nonlocal best, nodes
        nodes += 1
        if k == 0:
            best = max(best, last(cover, home, spent))
            return
        o = options[k]
        for n in range(o.most + 1):  # more lots of a dearer option only lower `above`
            now = (cover + n * o.worth, home + (n * o.worth if o.home else 0), spent + n * o.price)
            if nodes > _NODES or above(now[0], now[2]) <= best + slack:
                return
            branch(k - 1, *now)

    root = max(0, above(0, 0))
    branch(len(options) - 1, 0, 0, 0)
    return root if nodes > _NODES else min(root, best + slack)
