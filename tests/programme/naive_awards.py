"""Small funding rounds, and slow twins of the closed-form award rules, written to be obviously right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256

import numpy as np
from hypothesis import strategies as st

from dure.programme.award import Candidates, Capacity, Terms

PARTIES = ("CA", "KR", "US")


@dataclass(frozen=True)
class Entry:
    """One application: asks `lots` lots of `lot`; `least` milli-units are useful."""

    id: str
    score: int
    lots: int
    lot: int = 1
    least: int = 1
    track: int = 0
    home: int = 0
    party: int = -1

    @property
    def ask(self) -> int:
        return self.lots * self.lot

    @property
    def least_lots(self) -> int:
        return max(1, -(-self.least // self.lot)) * self.lot


@dataclass(frozen=True)
class Round:
    """A round of entries, with what there is."""

    entries: tuple[Entry, ...]
    envelopes: tuple[int, ...]
    total: int
    cap: int | None = None
    cut_off: int = 2000
    parameters: tuple[tuple[str, int], ...] = ()

    @property
    def terms(self) -> Terms:
        tracks = tuple(f"t{i}" for i in range(len(self.envelopes)))
        envelope = np.array(self.envelopes, np.int64)
        return Terms(tracks, envelope, self.cut_off, (), self.cap, dict(self.parameters), PARTIES)

    @property
    def candidates(self) -> Candidates:
        def column(name: str) -> np.ndarray:
            return np.array([getattr(e, name) for e in self.entries], np.int64)

        n = len(self.entries)
        zeros, rows = np.zeros(n, np.int64), np.arange(n)
        return Candidates(
            tuple(e.id for e in self.entries), *(column(c) for c in ("score", "ask", "least", "lot", "track", "home")),
            zeros, zeros, zeros + 1, column("lots"), rows, zeros, zeros + 1000, column("party"),
        )  # fmt: skip

    @property
    def capacity(self) -> Capacity:
        return Capacity(("p",), ("s",), ("m",), np.zeros(1, bool), np.zeros((1, 1), np.int64), self.total)

    def having(self, row: int, **changes: int) -> Round:
        entries = list(self.entries)
        entries[row] = replace(entries[row], **changes)
        return replace(self, entries=tuple(entries))

    def with_parameters(self, **parameters: int) -> Round:
        return replace(self, parameters=tuple(parameters.items()))

    @property
    def rooms(self) -> list[int]:
        promised = sum(self.envelopes)
        return [e if promised <= self.total else e * self.total // promised for e in self.envelopes]


@st.composite
def rounds(draw: st.DrawFn, *, capped: bool = True, lots_of: int | None = None, most: int = 9) -> Round:
    """Rounds of up to `most` entries in up to three tracks: many ties, exact fits, caps that bind, and none."""
    tracks, n = draw(st.integers(1, 3)), draw(st.integers(0, most))
    names = draw(st.permutations([f"a{i}" for i in range(n)]))
    small = st.integers(1, 12)
    entries = []
    for name in names:
        lot = lots_of or draw(st.sampled_from([1, 1, 3, 7, 40]))
        lots = draw(small if lot > 1 else st.sampled_from([1, 5, 10, 11, 60, 100, 400]))
        least = draw(st.sampled_from([0, 1, lot * lots // 2, lot * lots]))
        score = draw(st.integers(18, 26)) * 100
        place = {"track": draw(st.integers(0, tracks - 1)), "home": draw(st.sampled_from([7, 8, 9_000_000_000]))}
        entries.append(Entry(name, score, lots, lot, least, **place, party=draw(st.integers(-1, 2))))
    envelopes = tuple(draw(st.integers(0, 300)) for _ in range(tracks))
    total = draw(st.sampled_from([sum(envelopes), 2 * sum(envelopes), sum(envelopes) // 2]))
    cap = draw(st.none() | st.integers(0, 200)) if capped else None
    return Round(tuple(entries), envelopes, total, cap)


def draw_of(seed: int, name: str) -> int:
    """The first 53 bits of the digest, read as text of zeros and ones."""
    return int("".join(f"{byte:08b}" for byte in sha256(f"{seed}:{name}".encode()).digest())[:53], 2)


def in_turn(order: list[Entry], world: Round, *, skip: bool) -> dict[str, int]:
    """Each in turn: its ask, or what is left in whole lots. All sums are taken anew."""
    got: dict[str, int] = {}
    ended: set[int] = set()
    for e in order:
        track_left = world.rooms[e.track] - sum(got[o.id] for o in world.entries if o.id in got and o.track == e.track)
        home_left = e.ask
        if world.cap is not None:
            home_left = world.cap - sum(got[o.id] for o in world.entries if o.id in got and o.home == e.home)
        if e.track in ended:
            track_left = 0
        units = min(e.ask, track_left, home_left) // e.lot * e.lot
        got[e.id] = units if units >= e.least_lots else 0
        if track_left < min(e.ask, home_left) and not skip:
            ended.add(e.track)
    return got


def ranked(world: Round, seed: int) -> dict[str, int]:
    passed = [e for e in world.entries if e.score > world.cut_off]
    order = sorted(passed, key=lambda e: (-e.score, draw_of(seed, e.id), e.id))
    return in_turn(order, world, skip=bool(dict(world.parameters).get("skip", 0)))


def lottery(world: Round, seed: int) -> dict[str, int]:
    p = {"top": 4000, "middle": 0, "skip": 0} | dict(world.parameters)
    passed = [e for e in world.entries if e.score > max(world.cut_off, p["middle"])]
    top = sorted((e for e in passed if e.score > p["top"]), key=lambda e: draw_of(seed, e.id))
    middle = sorted((e for e in passed if e.score <= p["top"]), key=lambda e: draw_of(seed, e.id))
    return in_turn(top + middle, world, skip=bool(p["skip"]))


def proportional(world: Round, seed: int) -> dict[str, int]:
    """Fractions throughout; phi by looking between every two points where somebody's least part begins to matter."""
    open_to = [e for e in world.entries if e.score > world.cut_off]
    order = sorted(open_to, key=lambda e: (-e.score, draw_of(seed, e.id), e.id))
    rooms, fixed = world.rooms, dict[str, int]()
    while True:
        got = {}
        for track, units in enumerate(rooms):
            own = [e for e in order if e.track == track and e.id not in fixed]
            got |= _share_out(own, units, seed)
        homes = {e.home for e in open_to if e.id not in fixed}
        above = {
            h
            for h in homes
            if world.cap is not None and sum(got.get(e.id, 0) for e in order if e.home == h) > world.cap
        }
        if not above:
            return fixed | got
        for home in above:
            left = world.cap or 0
            for e in (e for e in order if e.home == home and e.id not in fixed):
                units = min(got.get(e.id, 0), left) // e.lot * e.lot
                fixed[e.id] = units if units >= e.least_lots else 0
                left -= fixed[e.id]
                rooms[e.track] -= fixed[e.id]


def _share_out(own: list[Entry], units: int, seed: int) -> dict[str, int]:
    inside: list[Entry] = []
    for e in own:
        if e.least_lots + sum(o.least_lots for o in inside) <= units:
            inside.append(e)

    def shares(phi: Fraction) -> dict[str, Fraction]:
        return {e.id: max(Fraction(e.least_lots), phi * e.ask) for e in inside}

    points = sorted({Fraction(0), Fraction(1), *(Fraction(e.least_lots, e.ask) for e in inside)})
    phi = Fraction(1)
    if sum(shares(phi).values()) > units:
        low = max(p for p in points if sum(shares(p).values()) <= units)
        slope = sum(e.ask for e in inside if Fraction(e.least_lots, e.ask) <= low)
        phi = low + (units - sum(shares(low).values())) / slope if slope else low
    exact = shares(phi)
    got = {e.id: int(exact[e.id] // e.lot) * e.lot for e in inside}
    rest = {e.id: int((exact[e.id] - got[e.id]) / e.lot * 10**6) for e in inside}
    for e in sorted(inside, key=lambda e: (-rest[e.id], draw_of(seed, e.id), e.id)):
        if rest[e.id] and sum(got.values()) + e.lot <= units:
            got[e.id] += e.lot
    return got


def brackets(ask: int, edges: list[int], keep: list[int]) -> int:
    """One milli-unit after the other, each kept at the rate of the bracket it lies in."""
    return sum(keep[sum(u >= edge for edge in edges)] for u in range(ask)) // 1000
