"""Run logs in files: equal to the byte when read back, and clear about what is wrong."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError, InputErrors, InvariantBroken, UnknownName
from dure.formats.runlogs import FORMATS, read_runlog, write_runlog
from dure.lifecycle.runlog import EVENT_DTYPE, PLACEMENT_DTYPE, RunLog
from dure.vocabulary import JobEvent, Refusal

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@st.composite
def run_logs(draw: st.DrawFn) -> RunLog:
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 2**62),
                st.integers(0, 2**31 - 1),
                st.sampled_from(JobEvent),
                st.sampled_from(Refusal),
                st.integers(-1, 2**15 - 1),
            ),
            max_size=12,
        )
    )
    events = np.array(sorted(rows), dtype=EVENT_DTYPE)
    places: list[tuple[int, int, int]] = []
    for row in range(len(events)):
        found = draw(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**62 - 1)), max_size=3))
        places += [(row, *place) for place in found]
    return RunLog(
        events,
        np.array(places, dtype=PLACEMENT_DTYPE),
        policy=draw(TEXT),
        seed=draw(st.integers(0, 2**63)),
        scenario=draw(TEXT),
        horizon_s=draw(st.integers(0, 2**62)),
        complete=draw(st.booleans()),
        info=draw(st.dictionaries(TEXT, st.floats(allow_nan=False), max_size=2)),
    )


def written(log: RunLog, fmt: str) -> bytes:
    stream = io.BytesIO()
    write_runlog(log, stream, fmt)
    return stream.getvalue()


@settings(max_examples=80, deadline=None)
@given(run_logs(), st.sampled_from(FORMATS))
def test_what_is_written_is_read_back(log: RunLog, fmt: str) -> None:
    back = read_runlog(io.BytesIO(written(log, fmt)), name="r")
    assert back.to_bytes() == log.to_bytes()
    assert (back.events.dtype, back.placements.dtype) == (EVENT_DTYPE, PLACEMENT_DTYPE)
    for name in ("policy", "seed", "scenario", "horizon_s", "complete", "info"):
        assert getattr(back, name) == getattr(log, name)


CSV = (
    "time_s,job,event,reason,pool,places\n0,0,submit,none,-1,\n0,0,start,no_room,2,3:255|4:15\n60,0,complete,none,-1,\n"
)


def test_the_csv_reads_as_one_would_write_it() -> None:
    log = read_runlog(io.BytesIO(CSV.encode()), name="r")
    assert log.events["event"].tolist() == [JobEvent.SUBMIT, JobEvent.START, JobEvent.COMPLETE]
    assert log.events["reason"].tolist() == [0, Refusal.NO_ROOM, 0]
    assert log.placements.tolist() == [(1, 3, 255), (1, 4, 15)]
    assert written(log, "csv").decode().partition("\n")[2] == CSV


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        ("60,", "-60,", 4, "time_s", "negative"),
        ("0,0,start", "70,0,start", 4, "time_s", "time goes backwards"),
        ("complete", "finished", 4, "event", "no such event"),
        ("no_room", "tired", 3, "reason", "no such reason"),
        ("start,no_room,2", "start,no_room,40000", 3, "pool", "out of range"),
        ("60,0", "60,2147483648", 4, "job", "out of range"),
        ("4:15", "four:15", 3, "places: node", "not a number"),
        ("4:15", "4", 3, "places: devices", "blank"),
        ("4:15", "4:15:16", 3, "places: devices", "not a number"),
        ("complete,none,-1,", "complete,none,-1", 4, "", "wrong number of fields"),
    ],
)
def test_a_bad_cell_is_named(old: str, new: str, line: int, field: str, message: str) -> None:
    with pytest.raises(InputErrors) as caught:
        read_runlog(io.BytesIO(CSV.replace(old, new, 1).encode()), name="r")
    fault = caught.value.errors[0]
    assert (fault.line, fault.field, fault.message) == (line, field, message)


def test_what_cannot_be_read_is_refused() -> None:
    for text, message in (
        ("", "no header"),
        (CSV.replace(",places", ""), "missing column"),
        ('# {"dure": {"seed": "one"}}\n' + CSV, "wrong metadata"),
        ("PAR1", "Parquet is damaged"),
    ):
        with pytest.raises(InputError, match=message):
            read_runlog(io.BytesIO(text.encode()), name="r")
    with pytest.raises(UnknownName, match="parquet"):
        read_runlog(io.BytesIO(CSV.encode()), name="r", fmt="xml")


def test_a_log_out_of_order_is_a_bug_and_not_written() -> None:
    log = read_runlog(io.BytesIO(CSV.encode()), name="r")
    for rows in ([2, 1], [1, 3], [-1, 1]):
        places = log.placements.copy()
        places["row"] = rows
        with pytest.raises(InvariantBroken):
            write_runlog(RunLog(log.events, places), io.BytesIO(), "csv")
