"""A generated call: applications, reviewers and reviews drawn from a seed, for demonstrations and tests.

Nothing here stands for a person or an institution: all have numbers for names, and every application says `generated`.
The distributions are assumed: asks log-normal in lots, scores normal around each application's own merit, every reviewer
somewhat severe or lenient.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import numpy as np

from dure.governance.screening import (
    NONE_OF_IT,
    Affiliation,
    AreaClaim,
    Declaration,
    Edition,
    Listed,
    Partner,
    Person,
)
from dure.programme.model import (
    Accepted,
    Application,
    Ask,
    Call,
    Institution,
    Member,
    Review,
    Reviewer,
    Sector,
)

REGIONS: Final = ("Seoul", "Busan", "Daejeon", "Gwangju", "Daegu")  # the first with six in ten
_OF_SECTOR: Final = {Sector.PARTNER: "CA"}
_SUBSTITUTE_MILLI: Final = 1000  # one for one: what a generated applicant accepts in place of the model asked for


def draw_applications(call: Call, seed: int, count: int) -> list[Application]:
    """So many applications to a call, in turn to its tracks by the size of their envelopes."""
    rng = np.random.default_rng([seed, 1])
    envelopes = np.array([t.envelope_milli for t in call.tracks], np.float64)
    tracks = rng.choice(len(call.tracks), count, p=envelopes / envelopes.sum())
    found = []
    for n, track in enumerate((call.tracks[int(t)] for t in tracks), 1):
        sector = track.sectors[int(rng.integers(len(track.sectors)))]
        place = Institution(
            name=f"Institution {int(rng.integers(1, max(2, count // 2)))}", country=_OF_SECTOR.get(sector, "KR"),
            region=str(rng.choice(REGIONS, p=[0.6, 0.1, 0.1, 0.1, 0.1])),
        )  # fmt: skip
        lead, months = f"lead-{n}", int(rng.integers(1, call.period_months, endpoint=True))
        model, *others = rng.permutation(track.models).tolist()
        lots = int(np.clip(np.exp(rng.normal(3.6, 0.9)), 1, 256))
        found.append(
            Application(
                id=f"{call.id}-{n:04d}", call=call.id, track=track.id, title=f"Generated application {n}",
                project=f"project-{n:02d}", lead=lead, sector=sector, institution=place,
                ask=Ask(
                    model, lots * track.lot_accelerators, months,
                    start_month=int(rng.integers(0, call.period_months - months, endpoint=True)),
                    accepted=tuple(Accepted(m, _SUBSTITUTE_MILLI) for m in others[: int(rng.integers(0, 2))]),
                    minimum_milli=int(rng.integers(1, 4, endpoint=True)) * 250,
                    seats=int(rng.integers(10, 60)) if track.seats else 0,
                ),
                area=str(rng.choice(call.areas)) if call.areas else "",
                young=sector is Sector.STARTUP and bool(rng.random() < 0.4),
                members=(Member(lead, "pi", place), Member(f"member-{n}", institution=place)), generated=True,
            )
        )  # fmt: skip
    return found


def draw_declarations(applications: Sequence[Application], seed: int) -> dict[str, Declaration]:
    """What each declares for research security: nearly all of them nothing that a rule asks about, some that the end use
    is not known, some that a private partner takes part."""
    rng = np.random.default_rng([seed, 5])
    return {a.id: _declaration(a, *(rng.random(2) < 0.05)) for a in applications}


_LISTED: Final = "Generated listed organisation"
WATCHLISTS: Final = (
    Edition(
        "generated-areas", "areas", "2026-01-01", "generated", sha256(b"generated-areas").hexdigest(),
        (Listed("A1", ("Generated sensitive area",)),),
    ),
    Edition(
        "generated-organisations", "organisations", "2026-01-01", "generated",
        sha256(b"generated-organisations").hexdigest(), (Listed(_LISTED, (_LISTED,)),),
    ),
)  # fmt: skip


def _declaration(a: Application, unclear: bool, joint: bool) -> Declaration:
    home = a.institution.country
    persons = tuple(
        Person(m.user, m.role, (Affiliation(a.institution.name, country=home),), "no", 1, "generated")
        for m in a.members
    )
    partner = Partner("Generated partner", country="KR", private="yes", owner_country="KR")
    return Declaration(
        areas=(AreaClaim(WATCHLISTS[0].list, NONE_OF_IT),),
        persons=persons,
        partners=(partner,) if joint else (),
        headquarters_country=home,
        parent_country=home,
        end_use="unknown" if unclear else "civil",
        listed="no",
        access_countries=(home,),
        core_technology="no",
        core_approval="none",
        state_funded="no",
        strategic_technology="no",
    )


def draw_reviewers(call: Call, seed: int, count: int) -> list[Reviewer]:
    """So many reviewers, each expert in one area of the call and familiar with another."""
    rng = np.random.default_rng([seed, 2])
    areas = call.areas or ("",)
    found = []
    for n in range(1, count + 1):
        known = rng.permutation(areas).tolist()
        expertise = {str(area): milli for area, milli in zip(known, (1000, 700), strict=False)}
        home = Institution(name=f"Reviewing institution {n}", country="KR")
        found.append(Reviewer(f"reviewer-{n}", home, expertise))
    return found


def draw_reviews(call: Call, seed: int, pairs: Iterable[tuple[str, str]], submitted_utc_s: int) -> list[Review]:
    """A review for each pair of application and reviewer, on the call's scale."""
    asked = sorted(pairs)
    rng = np.random.default_rng([seed, 3])
    merit = _normal(rng, sorted({a for a, _ in asked}), 0.18)
    severity = _normal(rng, sorted({r for _, r in asked}), 0.06)
    found = []
    for application, reviewer in asked:
        level = 0.62 + merit[application] + severity[reviewer]
        scores = {c.id: _score(call, level + float(rng.normal(0, 0.05))) for c in call.criteria}
        found.append(
            Review(application, reviewer, scores=scores, comment="Generated.", submitted_utc_s=submitted_utc_s)
        )
    return found


def _normal(rng: np.random.Generator, names: Sequence[str], spread: float) -> dict[str, float]:
    return dict(zip(names, rng.normal(0, spread, len(names)).tolist(), strict=True))


def _score(call: Call, level: float) -> int:
    """The score nearest to a level from 0 (lowest) to 1 (highest) that the call's steps allow."""
    low, high, step = call.score_min_milli, call.score_max_milli, call.score_step_milli
    return min(high, max(low, low + round(level * (high - low) / step) * step))
