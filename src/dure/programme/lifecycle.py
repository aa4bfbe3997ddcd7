"""The lifecycles of the funding side: `(state, event) -> state` tables for calls, applications and reviews.

An illegal pair is a refusal that says what is possible, not a bug: people click twice.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from dure.errors import InputError


class CallState(StrEnum):
    """Where a call stands. Published calls open and close by their dates alone."""

    DRAFT = "draft"
    PUBLISHED = "published"
    AWARDED = "awarded"
    WITHDRAWN = "withdrawn"


class CallEvent(StrEnum):
    """What happens to a call."""

    PUBLISH = "publish"
    AWARD = "award"
    WITHDRAW = "withdraw"


class State(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    INELIGIBLE = "ineligible"
    ELIGIBLE = "eligible"
    TECHNICAL = "technical_review"
    SCIENTIFIC = "scientific_review"
    REPLY = "reply"
    RANKED = "ranked"
    AWARDED = "awarded"
    RESERVE = "reserve"
    DECLINED = "declined"
    APPEALED = "appealed"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """What happens to an application."""

    SUBMIT = "submit"
    REOPEN = "reopen"  # taken back by the applicant before the close
    ACCEPT = "accept"  # eligible
    REJECT = "reject"  # not eligible, or technically impossible
    EXAMINE = "examine"  # technical review begins
    SEND = "send"  # scientific review begins
    ASK_REPLY = "ask_reply"  # the applicant may reply to the reviews
    RANK = "rank"  # the score is final
    GRANT = "grant"  # without a call, or from a published award
    HOLD = "hold"  # on the reserve list
    DECLINE = "decline"
    PROMOTE = "promote"  # from the reserve list
    WITHDRAW = "withdraw"  # by the applicant; after an award: gives it up
    APPEAL = "appeal"
    UPHOLD = "uphold"  # the appeal fails: what was decided stands
    REINSTATE = "reinstate"  # the appeal succeeds: ranked again, for the panel


S, E = State, Event

APPLICATION: Final[dict[tuple[State, Event], State]] = {
    (S.DRAFT, E.SUBMIT): S.SUBMITTED,
    (S.DRAFT, E.WITHDRAW): S.WITHDRAWN,
    (S.SUBMITTED, E.REOPEN): S.DRAFT,
    (S.SUBMITTED, E.ACCEPT): S.ELIGIBLE,
    (S.SUBMITTED, E.REJECT): S.INELIGIBLE,
    (S.SUBMITTED, E.GRANT): S.AWARDED,
    (S.SUBMITTED, E.WITHDRAW): S.WITHDRAWN,
    (S.ELIGIBLE, E.EXAMINE): S.TECHNICAL,
    (S.ELIGIBLE, E.SEND): S.SCIENTIFIC,
    (S.ELIGIBLE, E.GRANT): S.AWARDED,
    (S.ELIGIBLE, E.WITHDRAW): S.WITHDRAWN,
    (S.TECHNICAL, E.SEND): S.SCIENTIFIC,
    (S.TECHNICAL, E.REJECT): S.INELIGIBLE,
    (S.TECHNICAL, E.WITHDRAW): S.WITHDRAWN,
    (S.SCIENTIFIC, E.ASK_REPLY): S.REPLY,
    (S.SCIENTIFIC, E.RANK): S.RANKED,
    (S.SCIENTIFIC, E.WITHDRAW): S.WITHDRAWN,
    (S.REPLY, E.RANK): S.RANKED,
    (S.REPLY, E.WITHDRAW): S.WITHDRAWN,
    (S.RANKED, E.GRANT): S.AWARDED,
    (S.RANKED, E.HOLD): S.RESERVE,
    (S.RANKED, E.DECLINE): S.DECLINED,
    (S.RANKED, E.WITHDRAW): S.WITHDRAWN,
    (S.RESERVE, E.PROMOTE): S.AWARDED,
    (S.RESERVE, E.DECLINE): S.DECLINED,
    (S.RESERVE, E.APPEAL): S.APPEALED,
    (S.RESERVE, E.WITHDRAW): S.WITHDRAWN,
    (S.AWARDED, E.WITHDRAW): S.WITHDRAWN,
    (S.INELIGIBLE, E.APPEAL): S.APPEALED,
    (S.DECLINED, E.APPEAL): S.APPEALED,
    (S.APPEALED, E.UPHOLD): S.DECLINED,
    (S.APPEALED, E.REINSTATE): S.RANKED,
    (S.APPEALED, E.WITHDRAW): S.WITHDRAWN,
}

CALL: Final[dict[tuple[CallState, CallEvent], CallState]] = {
    (CallState.DRAFT, CallEvent.PUBLISH): CallState.PUBLISHED,
    (CallState.DRAFT, CallEvent.WITHDRAW): CallState.WITHDRAWN,
    (CallState.PUBLISHED, CallEvent.AWARD): CallState.AWARDED,
    (CallState.PUBLISHED, CallEvent.WITHDRAW): CallState.WITHDRAWN,
}


def step(state: State, event: Event) -> State:
    """The application's state after `event`. Raises InputError that names what is possible instead."""
    after = APPLICATION.get((state, event))
    if after is None:
        raise InputError(f"cannot {event}: it is {state}", field="state", accepted=possible(state))
    return after


def step_call(state: CallState, event: CallEvent) -> CallState:
    """The call's state after `event`. Raises InputError that names what is possible instead."""
    after = CALL.get((state, event))
    if after is None:
        can = ", ".join(e for s, e in CALL if s == state) or "nothing more"
        raise InputError(f"cannot {event}: the call is {state}", field="state", accepted=can)
    return after


def possible(state: State) -> str:
    """The events an application in `state` can take, in words."""
    return ", ".join(e for s, e in APPLICATION if s == state) or "nothing more"
