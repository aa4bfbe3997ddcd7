"""What training reads and makes: data sets with what the law says of them, and models with where they come from.

Each class is the one declaration of its entity. What a label or a licence comes to along the lineage is computed
(`governance.labels`, `governance.licences`); nothing of it is stored here.
"""

from __future__ import annotations

from dataclasses import dataclass

from dure.governance.labels import N2SF, Label, Personal
from dure.vocabulary import column


@dataclass(frozen=True, slots=True)
class TransferBasis:
    """Why personal data may go to a country."""

    country: str = column("ISO 3166-1", "to where")
    basis: str = column("", "consent, treaty, contract, certified or equivalence")
    document: str = column("SHA-256", "hash of the document; empty: none", default="")
    until_utc_s: int | None = column("s", "first moment at which it no longer holds; blank: no end", default=None)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set."""

    id: str = column("", "short id")
    title: str = column("", "title")
    project: str = column("", "project that brought it")
    purpose: str = column("", "what it may be used for", default="")
    personal: str = column("", "public, internal, pseudonymised, personal or sensitive", default="public")
    identifiers: str = column(
        "", "resident registration numbers or credit data in it: yes, no, unknown", default="unknown"
    )
    n2sf: str = column("", "class of public-sector data: none, o, s, c", default="none")
    core_technology: str = column("", "national core technology in it: yes, no, unknown", default="unknown")
    core_approval: str = column("", "of its export: none, reported, approved, unknown", default="none")
    state_funded: str = column("", "the state funded that technology: yes, no, unknown", default="unknown")
    origins: tuple[str, ...] = column("ISO 3166-1", "countries it comes from; empty: not known", default=())
    sites: tuple[str, ...] | None = column("", "sites where it may be; blank: no list was made", default=None)
    transfers: tuple[TransferBasis, ...] = column("", "bases of transfers abroad", default=())
    licence: str = column("", "its licence", default="")
    keep_until_utc_s: int | None = column("s", "to be deleted then; blank: no end", default=None)

    @property
    def label(self) -> Label:
        """What follows along the lineage of what is trained on it."""
        return Label(
            personal=Personal[self.personal.upper()],
            n2sf=N2SF[self.n2sf.upper()],
            core_technology=self.core_technology != "no",
            origins=frozenset(self.origins or ("unknown",)),
            sites=None if self.sites is None else frozenset(self.sites),
        )


@dataclass(frozen=True, slots=True)
class JointGrant:
    """In joint work: who may license the model to whom."""

    licensor: str = column("", "party")
    licensee: str = column("", "party, or `anyone`")
    licence: str = column("", "under which licence")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the programme made, or that it uses."""

    id: str = column("", "short id")
    title: str = column("", "title")
    project: str = column("", "project that made it, or brought it")
    owner: str = column("", "who holds the rights")
    made: bool = column("", "true: made here; false: brought from outside, as open weights are", default=True)
    version: str = column("", "version", default="1")
    save_point: str = column("SHA-256", "of its finished save point; empty: not finished", default="")
    licence: str = column("", "licence under which it is, or is to be, given", default="")
    commercial: bool = column("", "commercial use is intended", default=False)
    open_weights: bool = column("", "anybody can have the weights", default=False)
    generates: tuple[str, ...] = column("", "text, image, audio, video, code, other; empty: not known", default=())
    markets: tuple[str, ...] = column(
        "", "where it is offered: KR, EU, US-CA, US, CA, other; empty, or open weights: everywhere", default=()
    )
    state_of_the_art: str = column("", "uses state-of-the-art technology: yes, no, unknown", default="unknown")
    broad_risk: str = column("", "risks broad, serious effects: yes, no, unknown", default="unknown")
    high_impact: str = column("", "its use is a high-impact area: yes, no, unknown", default="unknown")
    large_developer: str = column("", "developer's revenue above USD 500 million: yes, no, unknown", default="unknown")
    labelled: str = column("", "what it generates is labelled: yes, no, unknown", default="unknown")
    biological: bool = column("", "trained mainly on biological sequences", default=False)
    original_systemic: str = column("", "a foreign original with systemic risk: yes, no, unknown", default="unknown")
    partners: tuple[str, ...] = column("", "parties of joint work, its owner left out", default=())
    terms: tuple[JointGrant, ...] = column("", "terms of joint work", default=())
    domain: str = column("", "for the card: what it is for", default="")
    limitation: str = column("", "for the card: what it is not for, and where it fails", default="")
    training: str = column("", "for the card: how it was trained, in words", default="")
    source: str = column("", "where it was had, or is to be had", default="")
