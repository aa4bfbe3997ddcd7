"""What a live snapshot can be told beside jobs and their events: nodes, outages, terms, caps; and what lies ahead of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dure.errors import InputError, InvariantBroken, UnknownName
from dure.kernels import codes, layout, live
from dure.kernels.layout import State
from dure.kernels.reference import refer
from dure.kernels.replay import replay
from dure.scheduler import growth
from dure.scheduler.pack import headroom, set_terms_of
from dure.scheduler.snapshot import Placement, Snapshot, copied, told_of
from dure.scheduler.terms import ProjectTerms
from dure.vocabulary import JobEvent, JobState, Refusal

Durations = Callable[[np.random.Generator, NDArray[np.int64]], NDArray[np.int64]]
"""Draws how long each of some jobs (row numbers) runs in all, in seconds at relative speed 1."""

STEPS = 1_000  # moments of a forecast between two looks at whether it is over


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A node that failed, is repaired, closed for maintenance or opened again (codes.FAIL, REPAIR, CLOSE, OPEN)."""

    node: int
    kind: int


def _adjusted(
    snapshot: Snapshot, now_s: int, state: State, changes: Sequence[tuple[int, int, int, int]], closures: int = 0
) -> Snapshot:
    """The snapshot with `state` (its own to change) after changes (codes: what, of which, with which two numbers)."""
    state = growth.with_room(state, snapshot.names, closures=closures)
    columns = np.array(changes, np.int64).reshape(-1, 4)
    bad = live.adjust(refer(state), now_s, *(np.ascontiguousarray(columns[:, i]) for i in range(4)))
    if bad >= 0:
        raise InvariantBroken(f"node {columns[bad, 1]} was not down, and cannot come back at {now_s} s")
    state = growth.with_room(state, snapshot.names)
    return replace(snapshot, state=state, now_s=int(state.g[layout.G_NOW]))


def advance_nodes(snapshot: Snapshot, now_s: int, changes: Sequence[NodeChange]) -> Snapshot:
    """The snapshot after nodes went down or came up together; what comes up stands first.

    What ran on them runs on: `snapshot.attempts_on` says what that is, NODE_FAIL events stop it. A node is down while
    any failure or closure holds it. Raises InvariantBroken for a node that comes back and was not down.
    """
    return _adjusted(snapshot, now_s, snapshot.opened(), [(c.kind, c.node, 0, 0) for c in changes])


def close_ahead(snapshot: Snapshot, nodes: Sequence[int], from_s: int, to_s: int) -> Snapshot:
    """The snapshot with an outage known ahead: nothing is started or promised on the nodes that would run into it.

    CLOSE and OPEN are still to be told when the times come. Jobs that were promised a place in it are promised another.
    """
    if not from_s < to_s:
        raise InputError("an outage must end after it begins", field="to_s", value=to_s, accepted=f"after {from_s}")
    changes = [(codes.CLOSE_AHEAD, v, from_s, to_s) for v in nodes]
    return _adjusted(snapshot, snapshot.now_s, snapshot.opened(), changes, len(nodes))


def close_no_more(snapshot: Snapshot, nodes: Sequence[int]) -> Snapshot:
    """The snapshot without any outage known ahead for these nodes. One that is closed stays so until OPEN."""
    changes = [(codes.CLOSE_NO_MORE, v, 0, 0) for v in nodes]
    return _adjusted(snapshot, snapshot.now_s, snapshot.opened(), changes)


def set_terms(snapshot: Snapshot, terms: ProjectTerms, *, budget_milli_unit_s: int | None = None) -> Snapshot:
    """The snapshot with a project's shares, limit and parent as of now, and what is left of its budget.

    `budget_milli_unit_s`: left, what running attempts have reserved taken off; None: as it was where the terms' budget
    did not change, else the whole budget less what running attempts have reserved. New jobs are refused by the terms' whole budget.
    """
    known = snapshot.names
    state = snapshot.opened()
    before = known.terms.get(terms.name)
    if before is None or before.parent != terms.parent:
        state, known = growth.with_projects(state, known, known.terms | {terms.name: terms})
    row = list(known.terms).index(terms.name)
    project = state.projects[row]
    left = int(project["budget"])
    set_terms_of(project, terms)
    if budget_milli_unit_s is not None:
        project["budget"] = budget_milli_unit_s
    elif before is not None and before.budget_milli_units == terms.budget_milli_units:
        project["budget"] = left
    elif terms.budget_milli_units is not None:
        project["budget"] -= _reserved(state, row)
    known = replace(known, terms=known.terms | {terms.name: terms})
    ranked = before is None or (before.parent, before.shares) != (terms.parent, terms.shares)
    changes = [(codes.TERMS, row, 0, 0)] + [(codes.RANK, 0, 0, 0)] * ranked
    return _adjusted(replace(snapshot, known=known), snapshot.now_s, state, changes)


def _running(state: State) -> NDArray[Any]:
    """SLOT records of what runs."""
    slots: NDArray[Any] = state.slots[state.ends["item"][: state.g[layout.G_HEAP]]]
    return slots


def _reserved(state: State, project: int) -> int:
    slots = _running(state)
    mine = state.classes["project"][state.job_class[slots["job"]]] == project
    return int(slots["reserved"][mine].sum())


def remember_usage(snapshot: Snapshot, used: Mapping[str, float]) -> Snapshot:
    """The snapshot with the decayed usage (milli-unit-seconds) that fair share starts from. Raises UnknownName."""
    known, state = snapshot.names, snapshot.opened()
    rows = {name: i for i, name in enumerate(known.terms)}
    for name, value in used.items():
        if name not in rows:
            raise UnknownName("project", name, rows)
        project = state.projects[rows[name]]
        project["used"], project["since"], project["at"] = value, 0.0, snapshot.now_s
    return _adjusted(snapshot, snapshot.now_s, state, [(codes.RANK, 0, 0, 0)])


def usage_of(snapshot: Snapshot) -> dict[str, float]:
    """By project: decayed usage in milli-unit-seconds, up to now."""
    projects = snapshot.state.projects
    used = projects["used"] + projects["since"] + projects["rate"] * (snapshot.now_s - projects["at"])
    return dict(zip(snapshot.names.terms, used.tolist(), strict=True))


def set_cap(snapshot: Snapshot, site: str, cap_w: int | None) -> Snapshot:
    """The snapshot with another cap on a site's power, in watts at the meter; None: no cap. Raises UnknownName.

    Whether a job could ever run is still judged by the fleet's own cap: this one may pass.
    """
    fleet, state = snapshot.names.fleet, snapshot.opened()
    number = {each.id: i for i, each in enumerate(fleet.sites)}
    if site not in number:
        raise UnknownName("site", site, number)
    place = number[site]
    entries = state.entries[_running(state)["entry"]]
    drawn = int(entries["power"][state.pools["site"][entries["pool"]] == place].sum())
    state.sites["headroom"][place] = headroom(fleet, fleet.sites[place], cap_w) - drawn
    return _adjusted(snapshot, snapshot.now_s, state, [(codes.CAP, place, 0, 0)])


def set_saved(snapshot: Snapshot, row: int, saved_s: int) -> Snapshot:
    """The snapshot with the work (seconds at relative speed 1) that lies behind a job's save points, at most its limit.

    For a job that waits: what its last attempt was taken to have saved is put right. Raises InputError for other values.
    """
    limit = int(snapshot.state.limit[row])
    if not 0 <= saved_s <= limit or snapshot.job_state(row) == JobState.RUNNING:
        accepted = f"0 to {limit} s, of a job that does not run"
        raise InputError("work behind save points", field="saved_s", value=saved_s, accepted=accepted)
    return _adjusted(snapshot, snapshot.now_s, snapshot.opened(), [(codes.SAVED, row, saved_s, 0)])


def resumed(
    snapshot: Snapshot, now_s: int, rows: Sequence[int] | NDArray[np.int64], starts: Sequence[tuple[int, Placement]]
) -> Snapshot:
    """The snapshot after what a store remembers of jobs that are not over: each of `rows` (ascending) submitted at its own
    time, and `starts` (when, where) in order of time, after what was submitted by then; then at `now_s`.

    Not remembered are refusals noted for a START's row, promises of places (leases and `conservative` are booked anew), the
    versions of nodes that `random` placement hashes, attained service, and where usage stood between two ticks.
    """
    job = np.concatenate([np.array(rows, np.int64), np.array([s.job for _, s in starts], np.int64)])
    when = np.concatenate([snapshot.state.submit[job[: len(rows)]], np.array([at for at, _ in starts], np.int64)])
    what = np.repeat(np.array([JobEvent.SUBMIT, JobEvent.START], np.int64), [len(rows), len(starts)])
    order = np.argsort(when, kind="stable")
    return told_of(snapshot, now_s, when[order], what[order], job[order], [s for _, s in starts])


def refused_forever(snapshot: Snapshot, rows: Sequence[int]) -> dict[int, Refusal]:
    """Of some rows, those that can never run, with the reason."""
    never = snapshot.state.never[np.array(rows, np.int64)].tolist()
    return {row: Refusal(reason) for row, reason in zip(rows, never, strict=True) if reason}


def next_wake(snapshot: Snapshot) -> int | None:
    """The next moment at which a waiting job's earliest start, or the time it was promised, comes; None: there is none.

    A pass is due then even if nothing happens; `advance` with no events lets it come.
    """
    state = snapshot.state
    wakes = state.wakes[: state.g[layout.G_WAKES]]
    wakes = wakes[state.state[wakes["item"]] == JobState.WAITING]
    at, job = wakes["key"], wakes["item"]
    booking = state.booked[job]
    promised = state.bookings["start"][booking] == at  # means nothing where there is no booking
    lease = state.shapes["lease"][state.classes["shape"][state.job_class[job]]] != 0
    earliest = ~lease & (state.earliest[job] == at) & (state.submit[job] < at)
    holds = at[np.where(booking >= 0, promised, earliest)]
    return int(holds.min()) if len(holds) else None


# --- what lies ahead -----------------------------------------------------------------------------------------------


def foretell(
    snapshot: Snapshot, rows: Sequence[int], durations: Durations, seeds: Sequence[int], horizon_s: int
) -> NDArray[np.int64]:
    """When jobs will start, by the twin run forward from here: int64[seed, row], -1 for not before `horizon_s`.

    For each seed the run times of all jobs that run or wait are drawn; no job comes, no node fails or is repaired,
    outages known ahead happen. A job that already outlived its draw ends in the next second.
    """
    known = snapshot.names
    alive = np.flatnonzero(np.isin(snapshot.state.state[: known.rows], (JobState.WAITING, JobState.RUNNING)))
    wanted = np.array(rows, np.int64)
    found = np.empty((len(seeds), len(rows)), np.int64)
    copy: State | None = None
    for i, seed in enumerate(seeds):
        state = copy = growth.with_room(copied(snapshot.state, into=copy), known, starts=len(alive))
        duration = state.duration[: known.rows].copy()
        duration[alive] = np.maximum(durations(np.random.default_rng(seed), alive), state.saved[alive])
        found[i] = _played(_set_out(state, known.rows, duration, horizon_s), known.rows, wanted)
    return found


def _set_out(state: State, rows: int, duration: NDArray[np.int64], horizon_s: int) -> State:
    """A copy of a live state, ready to be played on as the twin does: nobody is to arrive any more."""
    columns = {name: getattr(state, name)[:rows] for name in growth.ROWS}
    state = state._replace(**columns | {"duration": duration, "p": state.p.copy(), "fleet_events": _outages(state)})
    state.p[layout.P_HORIZON] = horizon_s
    state.g[layout.G_ARRIVAL], state.g[layout.G_FLEET] = rows, 0
    state.g[layout.G_AGAIN] = 1  # the first pass is now
    live.set_ends(refer(state))
    return state


def _outages(state: State) -> NDArray[Any]:
    """FLEET_EVENT rows of the closures that stand on nodes and are not over."""
    now, rows = int(state.g[layout.G_NOW]), []
    for v in np.flatnonzero(state.nodes["booking"] >= 0) if state.g[layout.G_CLOSURES] > 0 else ():
        closed = int(state.nodes["planned"][v])
        b = int(state.nodes["booking"][v])
        while b >= 0:
            booking = state.bookings[b]
            if booking["owner"] < 0:
                if booking["start"] > now or closed == 0:
                    rows.append((max(int(booking["start"]), now), v, codes.CLOSE))
                rows.append((max(int(booking["end"]), now), v, codes.OPEN))
            b = int(booking["next"])
    events = np.array(rows, layout.FLEET_EVENT) if rows else np.zeros(0, layout.FLEET_EVENT)
    return events[np.lexsort((events["kind"], events["time"]))]


def _played(state: State, rows: int, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Play on until all that is wanted has started; when each did, -1: it did not."""
    starts = np.full(rows, -1, np.int64)
    slots = _running(state)
    starts[slots["job"]] = slots["start"]
    jobs = int(state.g[layout.G_WAITING] + state.g[layout.G_RUNNING] + state.g[layout.G_WAKES])
    state = growth.with_log(state, 12 * jobs + 1024, 4 * jobs + 4 * len(state.nodes) + 1024)  # enough for any moment
    status = codes.PAUSED
    while status != codes.DONE and (starts[wanted] < 0).any():
        state.g[layout.G_ROWS] = state.g[layout.G_PLACED] = 0
        status = replay(refer(state), STEPS)
        log = state.events[: state.g[layout.G_ROWS]]
        log = log[log["event"] == JobEvent.START]
        first = np.unique(log["job"], return_index=True)[1]
        log = log[first]
        fresh = starts[log["job"]] < 0
        starts[log["job"][fresh]] = log["time_s"][fresh]
    found: NDArray[np.int64] = starts[wanted]
    return found
