"""What the end of one live attempt books, to the milli-unit what `settle` says of the whole history.

An attempt is metered from when its command began (staging is not charged) to its end. It never pays for more than its time
limit, which is what was reserved: how long it takes to stop it is the centre's. A reservation (`settle.reserve`) is posted,
or voided where the attempt never began or came to less than a milli-unit. What the centre lost, by a failed node or engine,
comes back up to the window since the last save point. Transfers are named by the attempt: closing twice books once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from dure.accounting.energy import energy
from dure.accounting.settle import REFUND_CAP_S, Attempt, post
from dure.ledger.model import Cause, Transfer
from dure.units import HOUR_S, MILLI
from dure.vocabulary import Failure, JobEvent

RUN: Final = "live"
"""Name of the run in the ledger and in usage; attempts of it are keyed `live-JOB.NUMBER`."""
_CENTRES: Final = {JobEvent.NODE_FAIL: "a node", JobEvent.ENGINE_FAIL: "the engine"}


@dataclass(frozen=True)
class Ended:
    """An attempt that ended, with all that its accounting needs."""

    key: str
    job: int
    number: int
    project: str
    user: str
    pool: str
    model: str  # accelerator model; empty: cores alone
    kind: int  # vocabulary.JobKind
    start_utc_s: int  # decided
    run_utc_s: int | None  # the command began; None: it never did
    end_utc_s: int
    charge: int  # milli-units an hour; 0 of one that scavenges
    limit_s: int  # wall seconds
    reserved: bool  # units are reserved in the ledger
    speed_milli: int  # of the job on this model
    save_every_s: int  # of work; 0: no save points
    ended_by: JobEvent
    failure: Failure
    held_milli: int  # milli-accelerators
    energy_j: int | None  # counted by hardware; None: not counted
    busy_milli: int | None  # mean utilisation; None: not known
    submitted_utc_s: int
    energy_w_milli: int  # milliwatts of all it held, by the model (`energy.milliwatts`)

    @property
    def name(self) -> str:
        """Its name in the ledger and in usage."""
        return f"{self.job}.{self.number}"

    @cached_property
    def begin_utc_s(self) -> int:
        """When metering began; of one that never did, its end."""
        run = self.end_utc_s if self.run_utc_s is None else self.run_utc_s
        return max(self.start_utc_s, min(run, self.end_utc_s))

    @cached_property
    def used_s(self) -> int:
        """Wall seconds for which it ran."""
        return max(0, self.end_utc_s - self.begin_utc_s)

    @cached_property
    def charged_s(self) -> int:
        """Of these, within its time limit."""
        return min(self.used_s, self.limit_s)

    @cached_property
    def lost_s(self) -> int:
        """Charged seconds since its last save point, where the centre ended it; else 0. Whole intervals of work are saved."""
        given_up = self.failure == Failure.ENGINE  # after the engine failed it too often
        if self.ended_by not in _CENTRES and not given_up:
            return 0
        wall, speed, every = self.charged_s, max(self.speed_milli, 1), self.save_every_s
        kept = wall * speed // MILLI // every * every if every else 0
        return wall - -(-kept * MILLI // speed)


@dataclass(frozen=True, slots=True)
class Total:
    """What a project's attempts came to so far, milli-unit-seconds: the rest below a milli-unit is carried on."""

    milli_unit_s: int = 0
    refund_milli_unit_s: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """What the end of an attempt came to. `transfers` are linked: the refund is booked with the post, or not at all."""

    transfers: tuple[Transfer, ...]
    after: Total
    milli_unit_s: int
    accelerator_milli_s: int
    energy_j: int
    measured: bool  # energy by counters; else by the model
    refunded_milli: int  # milli-units that came back
    wait_s: int  # first attempt: from submission, else from its own start, until its command began


def close(ended: Ended, before: Total, refund_cap_s: int = REFUND_CAP_S) -> Closed:
    """Close an attempt, after all of its project's that were closed earlier came to `before`."""
    used, back_s = ended.charge * ended.charged_s, min(ended.lost_s, refund_cap_s)
    transfers: list[Transfer] = []
    after, refunded = before, 0
    last = max(ended.start_utc_s, ended.end_utc_s - 1)  # whose month it belongs to
    mine = Attempt(RUN, ended.project, ended.name, ended.charge, ended.limit_s)
    if ended.reserved and (booked := post(mine, ended.charged_s, before.milli_unit_s, last)):
        transfers.append(booked)
        after = Total(before.milli_unit_s + used, before.refund_milli_unit_s + ended.charge * back_s)
        refunded = after.refund_milli_unit_s // HOUR_S - before.refund_milli_unit_s // HOUR_S
        if refunded:
            transfers = [replace(booked, linked=True), _refund(ended, refunded, back_s, last)]
    joules, measured = energy(ended.energy_j, ended.energy_w_milli, ended.used_s)
    waiting_since = ended.start_utc_s if ended.number else ended.submitted_utc_s
    return Closed(
        transfers=tuple(transfers), after=after, milli_unit_s=used, accelerator_milli_s=ended.held_milli * ended.used_s,
        energy_j=joules, measured=measured, refunded_milli=refunded, wait_s=max(0, ended.begin_utc_s - waiting_since),
    )  # fmt: skip


def _refund(ended: Ended, amount: int, back_s: int, at_utc_s: int) -> Transfer:
    who = _CENTRES.get(ended.ended_by, "the engine")
    return Transfer(
        f"refund:{RUN}:{ended.name}", f"refunded:{ended.project}", f"project:{ended.project}", amount, Cause.REFUND, at_utc_s,
        reason=f"{who} of {ended.pool} failed: {back_s} s back of {ended.lost_s} s since the last save point", about=ended.name,
    )  # fmt: skip
