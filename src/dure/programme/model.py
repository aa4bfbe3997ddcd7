"""What a funding round is made of: calls with tracks, applications with asks, reviews and reviewers.

Each class is the one declaration of its entity: file formats, the API's schema and the reference tables come from these
fields. Units are whole milli-units, scores whole milli-points (4.125 points are 4125), shares thousandths, money minor
currency, moments UTC seconds from 1970, months counted from the first month of the call's period (0).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from dure.fleet.model import column
from dure.vocabulary import Text as Text  # where those who apply, review and award find it


class Sector(StrEnum):
    """Who applies; what a track may be open to."""

    LABORATORY = "laboratory"  # national laboratory or institute
    ACADEMIA = "academia"
    STARTUP = "startup"  # start-up or small company
    COMPANY = "company"
    EDUCATION = "education"
    PUBLIC = "public"
    PARTNER = "partner"  # an institution of a partner country


class Fee(StrEnum):
    """Who pays for the units of an award."""

    FREE = "free"
    SHARE = "share"  # the project pays a share of the market price
    PARTNER = "partner"  # the partner country pays the whole market price


class Kind(StrEnum):
    """What is applied for. All but NEW name the project they build on."""

    NEW = "new"
    RENEWAL = "renewal"
    SUPPLEMENT = "supplement"
    RAPID = "rapid"  # a small ask, granted without a call


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of a scoring sheet."""

    id: str = column("", "short id")
    name: Text = column("", "what is scored")
    weight_milli: int = column("thousandths", "weight; those of a sheet sum to 1000")


@dataclass(frozen=True, slots=True)
class Track:
    """A part of a call with an envelope of its own."""

    id: str = column("", "short id, unique in the call")
    name: Text = column("", "name")
    envelope_milli: int = column("milli-units", "what it may award")
    sectors: tuple[Sector, ...] = column("", "who may apply")
    countries: tuple[str, ...] = column("ISO 3166-1", "countries of applicants; empty: any", default=())
    floor_milli: int = column("milli-units", "smallest ask let in", default=0)
    ceiling_milli: int | None = column("milli-units", "largest ask let in; blank: none", default=None)
    rapid_milli: int = column("milli-units", "asks up to this are granted without review; 0: none", default=0)
    models: tuple[str, ...] = column("", "accelerator models that may be asked; empty: all of the fleet", default=())
    sites: tuple[str, ...] = column("", "sites that serve it; empty: all of the fleet", default=())
    lot_accelerators: int = column("count", "accelerators are awarded in lots of so many; 1: one by one", default=1)
    seats: bool = column("", "asks name course seats", default=False)
    fee: Fee = column("", "who pays", default=Fee.FREE)
    fee_milli: int = column("thousandths", "share of the market price that is paid", default=0)
    young_discount_milli: int = column("thousandths", "off the fee for young companies", default=0)


@dataclass(frozen=True, slots=True)
class SetAside:
    """At least a share of what is awarded goes to some. `group` is startup, joint, domestic or regions."""

    group: str = column("", "startup, joint, domestic or regions")
    share_milli: int = column("thousandths", "of all units awarded")
    regions: tuple[str, ...] = column("", "for regions: which", default=())


@dataclass(frozen=True, slots=True)
class Call:
    """A call for applications: a draft until it is published, never changed after."""

    id: str = column("", "short id, as 2026-h2")
    title: Text = column("", "title")
    opens_utc_s: int = column("s", "first moment of applying")
    closes_utc_s: int = column("s", "first moment at which it is too late")
    zone: str = column("IANA", "time zone in which dates are shown, as Asia/Seoul")
    period_start_utc_s: int = column("s", "first moment of the awards; the first of a month in `zone`")
    period_months: int = column("months", "length of the awards' period")
    tracks: tuple[Track, ...] = column("", "its tracks")
    criteria: tuple[Criterion, ...] = column("", "its scoring sheet")
    rule: str = column("", "award rule that was announced")
    parameters: dict[str, int | str] = column("", "parameters of the rule, in integers", default_factory=dict)
    score_min_milli: int = column("milli-points", "lowest score", default=100)
    score_max_milli: int = column("milli-points", "highest score", default=5000)
    score_step_milli: int = column("milli-points", "scores are multiples of it", default=100)
    cut_off_milli: int = column("milli-points", "at or below it nothing is awarded", default=2000)
    reviews_each: int = column("count", "scientific reviews an application gets", default=3)
    review_days: int = column("days", "time for a review", default=14)
    reply_days: int = column("days", "time to reply to reviews; 0: no right to reply", default=7)
    blind: bool = column("", "reviewers do not see who applies", default=False)
    set_asides: tuple[SetAside, ...] = column("", "shares kept for some", default=())
    institution_cap_milli: int = column("thousandths", "most of the capacity for one institution", default=1000)
    areas: tuple[str, ...] = column("", "technology areas of the programme's own vocabulary; empty: free", default=())
    beacon: str = column("", "for the lottery: which public value, of which moment, seeds it", default="")
    market_price_minor: int = column("minor currency/unit", "price of one unit on the market", default=0)
    currency: str = column("ISO 4217", "currency of fees", default="KRW")
    country: str = column("ISO 3166-1", "home: accelerators of its vendors are domestic", default="KR")
    pools: tuple[str, ...] = column("", "pools that serve the call; empty: all of the fleet", default=())
    reserved_milli: int = column("thousandths", "of every pool, kept for rapid access and repairs", default=0)

    def track(self, track: str) -> Track:
        """The track of this id (KeyError if there is none)."""
        return {t.id: t for t in self.tracks}[track]


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accelerator model that would do in place of the one asked for."""

    model: str = column("", "accelerator model")
    exchange_milli: int = column("thousandths", "accelerators of it for one of the model asked for")


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for: so many accelerators of a model for so many months."""

    model: str = column("", "accelerator model asked for")
    accelerators: int = column("count", "accelerators at once")
    months: int = column("months", "for how long")
    start_month: int = column("months", "first month, counted from the period's first (0)", default=0)
    accepted: tuple[Accepted, ...] = column("", "what else would do", default=())
    minimum_milli: int = column("thousandths", "least useful part of the ask", default=1000)
    seats: int = column("count", "course seats, for education", default=0)


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution. `ror` identifies it where it has one."""

    ror: str = column("ROR id", "as https://ror.org/05a0ya142 or 05a0ya142; empty: none", default="")
    name: str = column("", "name", default="")
    country: str = column("ISO 3166-1", "country", default="")
    region: str = column("", "region in the country", default="")

    @property
    def key(self) -> str:
        """What tells institutions apart: the ROR id, or the name."""
        return self.ror.removeprefix("https://ror.org/") or self.name


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a project: `user` signs in; `role` is pi, co-pi or member."""

    user: str = column("", "user name")
    role: str = column("", "pi, co-pi or member", default="member")
    institution: Institution = column("", "where", default=Institution())


@dataclass(frozen=True, slots=True)
class Application:
    """An application to a call. Its state is kept beside it, derived from what happened."""

    id: str = column("", "id, unique in the programme")
    call: str = column("", "id of the call; empty for rapid access between calls")
    track: str = column("", "id of the track")
    title: str = column("", "title")
    project: str = column("", "short name of the project, used in jobs and balances")
    lead: str = column("", "user name of the principal investigator")
    sector: Sector = column("", "who applies")
    institution: Institution = column("", "institution of the lead")
    ask: Ask = column("", "what is asked for")
    abstract: str = column("", "what it is for", default="")
    area: str = column("", "technology area", default="")
    partner_country: str = column("ISO 3166-1", "of joint research: the partner's country", default="")
    young: bool = column("", "a young company by the programme's definition", default=False)
    members: tuple[Member, ...] = column("", "the team, lead included", default=())
    kind: Kind = column("", "what is applied for", default=Kind.NEW)
    builds_on: str = column("", "renewal or supplement: id of the project", default="")
    generated: bool = column("", "made by a generator, not by a person", default=False)


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A person who reviews. `expertise` maps technology areas to 1000 (expert), 700 (familiar) or 300 (basic)."""

    user: str = column("", "user name")
    institution: Institution = column("", "where", default=Institution())
    expertise: dict[str, int] = field(default_factory=dict)
    supervised: frozenset[str] = frozenset()  # users supervised, or supervised by, in the last five years
    coauthors: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()  # applications or users named by the reviewer or by an applicant
    load_most: int = 12  # reviews at most


@dataclass(frozen=True, slots=True)
class Review:
    """One review. `scores` are milli-points by criterion; empty until submitted."""

    application: str
    reviewer: str
    committee: str = ""
    scores: dict[str, int] = field(default_factory=dict)
    comment: str = ""  # for the applicant
    private_comment: str = ""  # for the panel
    submitted_utc_s: int | None = None
