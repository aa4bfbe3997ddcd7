"""The frames that reports start from, against a hand-made log and against a slow twin that walks the log."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dure.reports.facts import SIZE_NAMES, time_average
from dure.vocabulary import JobEvent as E
from dure.vocabulary import JobKind, Refusal
from dure.workload.columns import Job
from tests.reports.worlds import HOUR, Run, run


def preempted() -> Run:
    """One job of three hours, saved every hour: preempted after 1.5 h, failed after 0.5 h, then done. Another waits
    for it."""
    jobs = [
        Job(0, 3 * HOUR, 2, project="p", save_every_s=HOUR),
        Job(HOUR, HOUR, 8, project="q", kind=JobKind.TRAINING),
        Job(HOUR, HOUR, 999),
    ]
    half = HOUR // 2
    return run(
        jobs,
        [
            (0, 0, E.SUBMIT),
            (0, 0, E.START, [(0, 0b11)]),
            (HOUR, 1, E.SUBMIT),
            (HOUR, 2, E.SUBMIT),
            (HOUR, 2, E.REFUSE, Refusal.NEVER_FITS),
            (3 * half, 0, E.PREEMPT),
            (3 * half, 1, E.START, Refusal.ORDER, [(0, 0b1111), (1, 0b1111)]),
            (5 * half, 1, E.COMPLETE),
            (5 * half, 0, E.START, Refusal.NO_ROOM, [(1, 0b1100)]),
            (6 * half, 0, E.NODE_FAIL),
            (6 * half, 0, E.START, [(0, 0b11)]),
            (10 * half, 0, E.COMPLETE),
        ],
    )


def test_attempts_keep_what_was_saved_and_lose_the_rest() -> None:
    frame = preempted().attempts
    assert frame["job"].to_list() == [0, 0, 0, 1]
    assert frame["attempt"].to_list() == [0, 1, 2, 0]
    assert frame["ended_by"].to_list() == ["preempt", "node_fail", "complete", "complete"]
    assert frame["work_s"].to_list() == [HOUR * 3 // 2, HOUR // 2, 2 * HOUR, HOUR]
    assert frame["kept_s"].to_list() == [HOUR, 0, 2 * HOUR, HOUR]
    assert frame["lost_s"].to_list() == [HOUR // 2, HOUR // 2, 0, 0]
    assert frame["nodes"].to_list() == [1, 1, 1, 2]
    assert frame["accelerators_milli"].to_list() == [2000, 2000, 2000, 8000]
    assert frame["charge"].to_list() == [4000 * HOUR * 3 // 2, 4000 * HOUR // 2, 4000 * 2 * HOUR, 16000 * HOUR]
    assert frame["energy_j"][3] == 8 * 88 * HOUR  # 88 W above idle each


def test_jobs_wait_until_their_first_start_and_refused_jobs_not_at_all() -> None:
    frame = preempted().jobs
    assert frame["state"].to_list() == ["completed", "completed", "refused"]
    assert frame["wait_s"].to_list() == [0, HOUR // 2, None]
    assert frame["slowdown"].to_list() == [5 / 3, 1.5, None]
    assert frame["attempts"].to_list() == [3, 1, 0]
    assert frame["run_s"].to_list() == [4 * HOUR, HOUR, 0]
    assert frame["accelerator_s"].to_list() == [8.0 * HOUR, 8.0 * HOUR, 0.0]
    assert frame["size"].to_list() == ["2-4", "5-8", ">256"]
    assert frame["reason"][2] == "never_fits"


def test_waits_have_the_last_reason_and_leave_out_what_took_no_time() -> None:
    frame = preempted().waits
    assert frame.select("job", "from_s", "to_s", "reason").rows() == [
        (0, HOUR * 3 // 2, HOUR * 5 // 2, "no_room"),
        (1, HOUR, HOUR * 3 // 2, "order"),
    ]


def test_a_slower_model_takes_longer_for_the_same_work() -> None:
    job = Job(0, HOUR, 1, accept=(("A", 1000), ("B", 300)), save_every_s=600)
    wall = HOUR  # 1080 s of work at speed 0.3
    half = run([job], [(0, 0, E.SUBMIT), (0, 0, E.START, [(2, 1)]), (wall, 0, E.PREEMPT), (wall, 0, E.EXPIRE)])
    row = half.attempts.row(0, named=True)
    assert (row["work_s"], row["kept_s"]) == (1080, 600)
    assert row["lost_s"] == wall - 2000
    assert half.jobs["state"].to_list() == ["expired"]


def test_what_runs_or_waits_when_the_log_stops_counts_to_the_end() -> None:
    jobs = [Job(0, 9 * HOUR), Job(0, HOUR, earliest_s=HOUR)]
    stopped = run(
        jobs, [(0, 0, E.SUBMIT), (0, 0, E.START, [(0, 1)]), (0, 1, E.SUBMIT)], horizon_s=2 * HOUR, complete=False
    )
    assert stopped.attempts.select("end_s", "ended_by", "work_s").row(0) == (2 * HOUR, "running", 2 * HOUR)
    assert stopped.waits.select("from_s", "to_s", "ended_by").rows() == [(HOUR, 2 * HOUR, "running")]
    assert stopped.jobs["state"].to_list() == ["running", "waiting"]
    assert stopped.jobs["wait_s"].to_list() == [0, HOUR]


def test_an_empty_log_gives_empty_frames() -> None:
    empty = run([], [])
    for frame in (empty.attempts, empty.waits, empty.jobs, empty.placed, empty.projects):
        assert frame.is_empty()


@st.composite
def histories(draw: st.DrawFn) -> Run:
    """Up to six jobs with legal but otherwise arbitrary lives, on node 0."""
    jobs, rows = [], []
    for job in range(draw(st.integers(1, 6))):
        submit, duration = draw(st.integers(0, 50)), draw(st.integers(1, 99))
        size, every = draw(st.integers(1, 4)), draw(st.sampled_from([0, 7]))
        jobs.append(Job(submit, duration, size, project=draw(st.sampled_from("xyz")), save_every_s=every))
        rows.append((submit, (submit, job, E.SUBMIT)))
        time_s, saved = submit, 0
        for stop in draw(st.lists(st.sampled_from([E.PREEMPT, E.NODE_FAIL]), max_size=3)):
            start = time_s + draw(st.integers(0, 20))
            done = draw(st.integers(0, duration - saved))
            time_s, saved = start + done, saved + (done // every * every if every else 0)
            rows += [(start, (start, job, E.START, [(0, (1 << size) - 1)])), (time_s, (time_s, job, stop))]
        start = time_s + draw(st.integers(0, 20))
        end = start + duration - saved
        rows += [(start, (start, job, E.START, [(0, (1 << size) - 1)])), (end, (end, job, E.COMPLETE))]
    order = sorted(range(len(jobs)), key=lambda j: jobs[j].submit_s)
    renamed = {old: new for new, old in enumerate(order)}
    rows.sort(key=lambda row: row[0])
    return run([jobs[j] for j in order], [(t, renamed[j], *rest) for _, (t, j, *rest) in rows])


@given(histories())
def test_frames_agree_with_a_walk_through_the_log(one: Run) -> None:
    starts, stops, first, held = {}, [], {}, {}
    for event in one.log.events:
        job, time_s, what = int(event["job"]), int(event["time_s"]), E(int(event["event"]))
        if what is E.START:
            starts[job] = time_s
            first.setdefault(job, time_s)
        elif what is not E.SUBMIT:
            begin = starts.pop(job)
            stops.append((job, begin, time_s, what.name.lower()))
            held[job] = held.get(job, 0) + time_s - begin
    assert sorted(one.attempts.select("job", "start_s", "end_s", pl.col("ended_by").cast(pl.String)).rows()) == sorted(
        stops
    )
    assert dict(one.jobs.select("job", "start_s").rows()) == first
    assert dict(one.jobs.select("job", "run_s").rows()) == held
    # all work was done in the end, and what was not kept was lost
    kept = one.attempts.group_by("job").agg(pl.col("kept_s").sum()).sort("job")["kept_s"]
    assert kept.to_list() == one.jobs["work_s"].to_list()
    spent = one.attempts.with_columns(pl.col("end_s") - pl.col("start_s") - pl.col("kept_s"))["end_s"]
    assert spent.to_list() == one.attempts["lost_s"].to_list()


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 5)), max_size=12),
    st.integers(1, 7),
)
def test_time_average_is_the_mean_over_seconds(spans: list[tuple[int, int, int]], bins: int) -> None:
    width = 6
    edges = np.arange(bins + 1, dtype=float) * width
    begin, end, weight = (np.array([s[k] for s in spans], dtype=np.int64) for k in range(3))
    end = begin + end
    slow = [
        sum(
            w
            for b, e, w in zip(begin, end, weight, strict=True)
            for t in range(i * width, (i + 1) * width)
            if b <= t < e
        )
        for i in range(bins)
    ]
    assert np.allclose(time_average(begin, end, weight, edges), np.array(slow) / width)


def test_size_names_are_in_order() -> None:
    assert SIZE_NAMES[0] == "0"
    assert SIZE_NAMES[-1].startswith(">")
