"""Who may do what. One table, asked by every use case, so that CLI, API and admin cannot differ.

An action is open to a role within a reach: ALL of the programme, the projects and applications that are one's OWN, the
applications ASSIGNED for review, or the projects in one's GROUP (a facilitator's). Nobody acts on a round of awards that
they reviewed or are part of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from dure.errors import DureError


class Role(StrEnum):
    """What a person is in the programme. APPLICANT is anybody who signs in."""

    OFFICE = "office"
    REVIEWER = "reviewer"
    PI = "pi"
    MEMBER = "member"
    FACILITATOR = "facilitator"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    COMPLIANCE = "compliance"  # writes rules, screens, meets obligations with a second person
    APPLICANT = "applicant"


# The others follow from projects.
GRANTED = (Role.OFFICE, Role.REVIEWER, Role.FACILITATOR, Role.AUDITOR, Role.OPERATOR, Role.COMPLIANCE)


class Reach(IntEnum):
    """How far a permission goes."""

    ASSIGNED = 1
    OWN = 2
    GROUP = 3
    ALL = 4


class Action(StrEnum):
    """What can be done."""

    READ_CALL = "read_call"  # a published one; drafts need EDIT_CALL
    EDIT_CALL = "edit_call"
    READ_APPLICATION = "read_application"
    APPLY = "apply"
    DECIDE_ELIGIBILITY = "decide_eligibility"
    EXAMINE = "examine"  # the technical review
    ASSIGN_REVIEWS = "assign_reviews"
    READ_REVIEW = "read_review"
    REVIEW = "review"
    TRY_AWARDS = "try_awards"
    PUBLISH_AWARDS = "publish_awards"
    READ_AWARD = "read_award"
    CHANGE_AWARD = "change_award"
    READ_BALANCE = "read_balance"
    BOOK = "book"
    READ_LEDGER = "read_ledger"
    READ_LETTER = "read_letter"
    GRANT_ROLE = "grant_role"
    EDIT_RULES = "edit_rules"
    READ_DECISION = "read_decision"
    MEET_OBLIGATION = "meet_obligation"
    SCREEN = "screen"
    READ_SCREENING = "read_screening"
    READ_MODEL = "read_model"
    EDIT_MODEL = "edit_model"
    RECORD_COMPUTE = "record_compute"
    EVALUATE = "evaluate"
    RELEASE = "release"
    READ_AUDIT = "read_audit"
    SEAL = "seal"  # the audit log: sequence, sign, cosign
    READ_JOB = "read_job"
    SUBMIT_JOB = "submit_job"  # for a project; to cancel, requeue and open it too
    OPERATE = "operate"  # sites and nodes: drain, cap, outages, reconcile
    STOP_PROJECT = "stop_project"  # its jobs, and the terms it runs by
    READ_PLEDGE = "read_pledge"  # what was promised in public, and what the records show of it
    EDIT_PLEDGE = "edit_pledge"  # import documents; propose, confirm and refuse decisions


A, R, W = Action, Role, Reach

MAY: dict[Action, dict[Role, Reach]] = {
    A.READ_CALL: {R.APPLICANT: W.ALL},
    A.EDIT_CALL: {R.OFFICE: W.ALL},
    A.READ_APPLICATION: {
        R.OFFICE: W.ALL, R.AUDITOR: W.ALL, R.OPERATOR: W.ALL, R.COMPLIANCE: W.ALL, R.APPLICANT: W.OWN, R.PI: W.OWN,
        R.MEMBER: W.OWN, R.FACILITATOR: W.GROUP, R.REVIEWER: W.ASSIGNED,
    },
    A.APPLY: {R.APPLICANT: W.OWN, R.OFFICE: W.ALL},
    A.DECIDE_ELIGIBILITY: {R.OFFICE: W.ALL},
    A.EXAMINE: {R.OFFICE: W.ALL, R.OPERATOR: W.ALL},
    A.ASSIGN_REVIEWS: {R.OFFICE: W.ALL},
    A.READ_REVIEW: {R.OFFICE: W.ALL, R.AUDITOR: W.ALL, R.REVIEWER: W.ASSIGNED},
    A.REVIEW: {R.REVIEWER: W.ASSIGNED},
    A.TRY_AWARDS: {R.OFFICE: W.ALL},
    A.PUBLISH_AWARDS: {R.OFFICE: W.ALL},
    A.READ_AWARD: {
        R.OFFICE: W.ALL, R.AUDITOR: W.ALL, R.APPLICANT: W.OWN, R.PI: W.OWN, R.MEMBER: W.OWN, R.FACILITATOR: W.GROUP,
    },
    A.CHANGE_AWARD: {R.OFFICE: W.ALL, R.PI: W.OWN},
    A.READ_BALANCE: {
        R.OFFICE: W.ALL, R.AUDITOR: W.ALL, R.OPERATOR: W.ALL, R.PI: W.OWN, R.MEMBER: W.OWN, R.FACILITATOR: W.GROUP,
    },
    A.BOOK: {R.OFFICE: W.ALL},
    A.READ_LEDGER: {R.OFFICE: W.ALL, R.AUDITOR: W.ALL},
    A.READ_LETTER: {R.OFFICE: W.ALL, R.APPLICANT: W.OWN},
    A.GRANT_ROLE: {R.OFFICE: W.ALL},
    A.EDIT_RULES: {R.COMPLIANCE: W.ALL},
    A.READ_DECISION: {
        R.OFFICE: W.ALL, R.AUDITOR: W.ALL, R.COMPLIANCE: W.ALL, R.APPLICANT: W.OWN, R.PI: W.OWN, R.MEMBER: W.OWN,
    },
    A.MEET_OBLIGATION: {R.COMPLIANCE: W.ALL, R.OFFICE: W.ALL},
    A.SCREEN: {R.COMPLIANCE: W.ALL, R.OFFICE: W.ALL},
    A.READ_SCREENING: {R.COMPLIANCE: W.ALL, R.OFFICE: W.ALL, R.AUDITOR: W.ALL},
    A.READ_MODEL: {
        R.OFFICE: W.ALL, R.AUDITOR: W.ALL, R.COMPLIANCE: W.ALL, R.OPERATOR: W.ALL, R.PI: W.OWN, R.MEMBER: W.OWN,
    },
    A.EDIT_MODEL: {R.OFFICE: W.ALL, R.COMPLIANCE: W.ALL, R.PI: W.OWN},
    A.RECORD_COMPUTE: {R.OPERATOR: W.ALL, R.COMPLIANCE: W.ALL, R.PI: W.OWN},
    A.EVALUATE: {R.COMPLIANCE: W.ALL, R.OPERATOR: W.ALL},
    A.RELEASE: {R.OFFICE: W.ALL, R.PI: W.OWN},
    A.READ_AUDIT: {R.OFFICE: W.ALL, R.AUDITOR: W.ALL, R.COMPLIANCE: W.ALL},
    A.SEAL: {R.OFFICE: W.ALL, R.COMPLIANCE: W.ALL},
    A.READ_JOB: {
        R.OFFICE: W.ALL, R.AUDITOR: W.ALL, R.OPERATOR: W.ALL, R.COMPLIANCE: W.ALL, R.PI: W.OWN, R.MEMBER: W.OWN,
        R.FACILITATOR: W.GROUP,
    },
    A.SUBMIT_JOB: {R.PI: W.OWN, R.MEMBER: W.OWN},
    A.OPERATE: {R.OPERATOR: W.ALL, R.OFFICE: W.ALL},
    A.STOP_PROJECT: {R.OFFICE: W.ALL, R.COMPLIANCE: W.ALL, R.OPERATOR: W.ALL},
    A.READ_PLEDGE: {R.APPLICANT: W.ALL},
    A.EDIT_PLEDGE: {R.OFFICE: W.ALL, R.COMPLIANCE: W.ALL, R.AUDITOR: W.ALL},
}  # fmt: skip


class Forbidden(DureError):
    """This person may not do this. The message says which role may; it tells nothing of what is there."""


class NotFound(DureError):
    """There is no such thing, or not for this person: the two are not told apart."""

    def __init__(self, what: str, id: str) -> None:
        super().__init__(f"no {what} {id!r}")


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks: a user, the roles granted to them, and the projects they lead, belong to or look after."""

    user: str
    roles: frozenset[Role] = frozenset()
    leads: frozenset[str] = frozenset()  # projects
    belongs: frozenset[str] = frozenset()  # projects
    group: frozenset[str] = frozenset()  # projects a facilitator reads
    assigned: frozenset[str] = frozenset()  # applications to review
    may_write: bool = True  # False: a token for reading alone

    def reach(self, action: Action) -> Reach | None:
        """How far this actor may go with `action`; None: not at all."""
        return max((reach for _, reach in self.reaches(action)), default=None)

    def reaches(self, action: Action) -> list[tuple[Role, Reach]]:
        """How far each role of this actor goes with `action`."""
        return [(role, reach) for role, reach in MAY[action].items() if self._is(role)]

    def in_reach(self, action: Action) -> frozenset[str] | None:
        """The projects of which `action` reaches all that is theirs; None: of every project."""
        seen: set[str] = set()
        for role, reach in self.reaches(action):
            if reach is Reach.ALL:
                return None
            seen |= self.group if reach is Reach.GROUP else self.projects(role)
        return frozenset(seen)

    def _is(self, role: Role) -> bool:
        if role is Role.PI:
            return bool(self.leads)
        if role is Role.MEMBER:
            return bool(self.belongs)
        return role is Role.APPLICANT or role in self.roles

    def projects(self, role: Role) -> frozenset[str]:
        """The projects that are one's own in a role: of an applicant none, but what they lead themselves."""
        return {Role.PI: self.leads, Role.MEMBER: self.belongs}.get(role, frozenset())

    def sees(self, action: Action, *, project: str = "", user: str = "", application: str = "") -> bool:
        """Whether `action` reaches something of this project, of this user (its owner) or this application."""
        for role, reach in self.reaches(action):
            own = project in self.projects(role) or (user and user == self.user)
            if (
                reach is Reach.ALL
                or (reach is Reach.OWN and own)
                or (reach is Reach.GROUP and project in self.group)
                or (reach is Reach.ASSIGNED and application in self.assigned)
            ):
                return True
        return False


def require(actor: Actor, action: Action) -> None:
    """Raises Forbidden unless the actor has some reach for `action` (and may write, for what writes)."""
    if actor.reach(action) is None:
        raise Forbidden(f"{action.value.replace('_', ' ')}: only {_who(action)}")
    if not actor.may_write and not action.startswith("read_"):
        raise Forbidden(f"{action.value.replace('_', ' ')}: this token may only read")


def require_all(actor: Actor, action: Action) -> None:
    """Raises Forbidden unless the actor has `action` for all of the programme."""
    require(actor, action)
    if actor.reach(action) is not Reach.ALL:
        raise Forbidden(f"{action.value.replace('_', ' ')}: only {_who(action, Reach.ALL)}")


def _who(action: Action, least: Reach = Reach.ASSIGNED) -> str:
    return " or ".join(sorted(role.value for role, reach in MAY[action].items() if reach >= least))


def require_apart(actor: Actor, what: str, reviewers: Iterable[str], teams: Iterable[str]) -> None:
    """Raises Forbidden where the actor reviewed or belongs to what is being decided or booked."""
    if actor.user in set(reviewers):
        raise Forbidden(f"{what}: {actor.user} reviewed it, and nobody reviews, decides and books the same award")
    if actor.user in set(teams):
        raise Forbidden(f"{what}: {actor.user} belongs to it")
