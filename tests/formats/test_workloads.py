"""Workload files: what is right is read as it is meant, what is wrong is named with its line, field and value."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError, InputErrors, UnknownName
from dure.formats.streams import Limits, replaced
from dure.formats.workloads import FORMATS, detect, open_workload, read_workload, write_workload
from dure.units import DAY_S, HOUR_S
from dure.vocabulary import JobKind
from dure.workload import COLUMNS, Job, Workload

CSV = "submit_s,duration_s,accelerators,kind,project,accept\n0,60,1,training,a,H200:1000|RNGD:450\n5,30,2,batch,b,\n"
PHILLY = (
    "timestamp,duration,num_gpus,gpu_time,cluster\n"
    "2017-10-09 07:01:55,66.0,1,66.0,x\n"
    "2017-10-09 06:00:00,5.4,8,43.0,y\n"
)
OPENB = (
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
    "p0,12000,16384,1,1000,,LS,Running,0,100,10\n"
    "p1,6000,12288,1,460,V100M16|V100M32|V100M32,BE,Pending,50,90,\n"
    "p2,6000,12288,0,0,,Burstable,Running,60,90,70\n"
    "p3,6000,12288,8,1800,T4,Guaranteed,Running,70,90,70\n"
)
SWF = (
    "; UnixStartTime: 1000000000\n; MaxProcs: 64\n"
    "  1    0  5   100  4 -1 -1  8  200 2048 1 3 7 -1 1 1 -1 -1\n"
    "2\t10  5   50.6  4 -1 -1  -1  -1 -1 0 3 8 -1 1 1 -1 -1 \n"
    "; between\n"
    "3 20 -1 -1 -1 -1 -1 4 60 -1 5 3 8 -1 1 1 -1 -1\n"
    "4 20 1 30 4 -1 -1 4 60 -1 2 3 8 -1 1 1 -1 -1\n"
)
SACCT = (
    "JobID|User|Account|Partition|QOS|State|Submit|Start|End|ElapsedRaw|Timelimit|ReqTRES|AllocTRES\n"
    "7|u|lab|gpu|normal|COMPLETED|2026-01-31T12:00:10|2026-01-31T12:01:00|2026-01-31T13:01:00|3600|1-02:03:04"
    "|billing=1,cpu=8,gres/gpu=2,mem=1.5G,node=1|billing=8,cpu=16,gres/gpu:a100=2,gres/gpu=2,mem=64G,node=1\n"
    "7.batch||lab||||2026-01-31T12:01:00|2026-01-31T12:01:00|2026-01-31T13:01:00|3600||| cpu=16\n"
    "8|u|lab|gpu|normal|CANCELLED by 5|2026-01-31T12:00:00|Unknown|2026-01-31T12:00:05|0|UNLIMITED|cpu=1,mem=4000K|\n"
    "9|v|shop|gpu|normal|RUNNING|2026-01-31T12:00:00|2026-01-31T12:00:00|Unknown|50|Partition_Limit|cpu=1,mem=4000K|\n"
)
GAVEL = (
    'ResNet-18 (batch size 16)\tpython "main.py"\tdir\t-n\t1\t1000\t2\t1\t-1.000000\t3.6\n'
    "LM (batch size 5)\tpython main.py\tdir\t-n\t1\t7\t1\t2\t-1.000000\t0\n"
)
THROUGHPUTS = """{"v100": {"('ResNet-18 (batch size 16)', 2)": {"null": 20.0, "('LM (batch size 5)', 1)": [1, 2]},
    "('LM (batch size 5)', 1)": {"null": 0.0}}, "v100_unconsolidated": {},
    "k80": {"('ResNet-18 (batch size 16)', 2)": {"null": 5.0}, "('LM (batch size 5)', 1)": {"null": 2.0}}}"""
SAMPLES = {"csv": CSV, "philly": PHILLY, "openb": OPENB, "swf": SWF, "sacct": SACCT, "gavel": GAVEL}


def read(text: str | bytes, name: str = "w", **options: object) -> Workload:
    data = text.encode() if isinstance(text, str) else text
    table = io.BytesIO(THROUGHPUTS.encode())
    return read_workload(io.BytesIO(data), name=name, throughputs=table, **options)  # type: ignore[arg-type]


def fails(text: str | bytes, **options: object) -> InputErrors | InputError:
    with pytest.raises(InputError) as caught:
        read(text, **options)
    return caught.value


def rows(workload: Workload) -> list[tuple[object, ...]]:
    """Jobs as they read, whatever the numbering of projects and accept lists."""
    plain = [c.name for c in COLUMNS if c.name not in ("project", "accept")]
    numbers = zip(*(getattr(workload, n).tolist() for n in plain), strict=True)
    return [
        (*row, workload.projects[workload.project[i]], workload.accepts[workload.accept[i]], workload.name_of(i))
        for i, row in enumerate(numbers)
    ]


class TestMeaning:
    def test_own_csv(self) -> None:
        w = read(CSV)
        assert w.kind.tolist() == [JobKind.TRAINING, JobKind.BATCH]
        assert w.limit_s.tolist() == [60, 30]
        assert [w.projects[p] for p in w.project] == ["a", "b"]
        assert [w.accepts[a] for a in w.accept] == [(("H200", 1000), ("RNGD", 450)), ()]

    def test_philly_is_sorted_and_starts_with_its_first_job(self) -> None:
        w = read(PHILLY)
        assert w.submit_s.tolist() == [0, 3715]
        assert w.duration_s.tolist() == [5, 66]
        assert w.accelerators.tolist() == [8, 1]
        assert [w.projects[p] for p in w.project] == ["y", "x"]
        assert w.start_utc_s == 1507528800
        assert set(w.kind.tolist()) == {JobKind.TRAINING}
        assert w.accepts == ((),)

    def test_openb(self) -> None:
        w = read(OPENB)
        assert w.submit_s.tolist() == [0, 50, 60, 70]
        assert w.duration_s.tolist() == [90, 40, 20, 20]
        assert w.accelerators.tolist() == [1, 1, 0, 8]
        assert w.share_milli.tolist() == [1000, 460, 1000, 1000]
        assert w.priority.tolist() == [2, 0, 1, 3]
        assert [w.accepts[a] for a in w.accept] == [(), (("V100M16", 1000), ("V100M32", 1000)), (), (("T4", 1000),)]
        assert w.kind.tolist() == [JobKind.SERVICE, JobKind.BATCH, JobKind.BATCH, JobKind.BATCH]
        assert w.names == ("p0", "p1", "p2", "p3")
        assert any("never scheduled" in n and n.endswith(": 1") for n in w.notes)

    def test_openb_without_times(self) -> None:
        w = read("name,cpu_milli,memory_mib,num_gpu,gpu_milli\np0,12000,16384,1,460\n")
        assert (w.submit_s.tolist(), w.duration_s.tolist()) == ([0], [DAY_S])
        assert any("no times" in n for n in w.notes)

    def test_swf(self) -> None:
        w = read(SWF)
        assert w.submit_s.tolist() == [0, 10]
        assert w.duration_s.tolist() == [100, 51]
        assert w.limit_s.tolist() == [200, 51]
        assert w.cores_milli.tolist() == [8000, 4000]
        assert w.accelerators.tolist() == [0, 0]
        assert w.memory_mib.tolist() == [16, 0]
        assert [w.projects[p] for p in w.project] == ["group 7", "group 8"]
        assert w.start_utc_s == 1000000000
        assert w.names == ("1", "2")
        assert "lines of jobs that never ran passed over: 1" in w.notes
        assert "lines that are parts of a job passed over: 1" in w.notes
        assert read(SWF, processors="accelerators").accelerators.tolist() == [8, 4]

    def test_sacct(self) -> None:
        w = read(SACCT)
        assert w.names == ("9", "7")
        assert w.submit_s.tolist() == [0, 10]
        assert w.duration_s.tolist() == [50, 3600]
        limit = DAY_S + 2 * HOUR_S + 184
        assert w.limit_s.tolist() == [limit, limit]
        assert w.accelerators.tolist() == [0, 2]
        assert w.cores_milli.tolist() == [1000, 16000]
        assert w.memory_mib.tolist() == [4, 65536]
        assert [w.accepts[a] for a in w.accept] == [(), (("a100", 1000),)]
        assert [w.projects[p] for p in w.project] == ["shop", "lab"]
        for note in ("job steps", "jobs that never started", "jobs still running", "jobs without a limit"):
            assert any(n.startswith(note) and n.endswith(": 1") for n in w.notes), note

    def test_gavel(self) -> None:
        w = read(GAVEL)
        assert w.submit_s.tolist() == [0, 4]
        assert w.duration_s.tolist() == [4, 50]  # 7 steps at 2 a second on the only model that runs it; 1000 at 20
        assert w.accelerators.tolist() == [1, 2]
        assert w.priority.tolist() == [2, 1]
        assert [w.accepts[a] for a in w.accept] == [(("K80", 1000),), (("V100", 1000), ("K80", 250))]

    @pytest.mark.parametrize("fmt", SAMPLES)
    def test_each_is_found_by_its_content(self, fmt: str) -> None:
        assert detect(SAMPLES[fmt].encode(), "no-suffix") == fmt
        assert rows(read(SAMPLES[fmt])) == rows(read(SAMPLES[fmt], fmt=fmt))

    @pytest.mark.parametrize("fmt", SAMPLES)
    def test_line_ends_marks_blank_lines_and_gzip_change_nothing(self, fmt: str) -> None:
        text, meant = SAMPLES[fmt], rows(read(SAMPLES[fmt]))
        assert rows(read(text.replace("\n", "\r\n"))) == meant
        assert rows(read(text.replace("\n", "\r"))) == meant
        assert rows(read("\ufeff" + text)) == meant
        assert rows(read(text + "\n\n\n")) == meant
        assert rows(read(text.rstrip("\n"))) == meant
        assert rows(read(gzip.compress(text.encode()), name="w.gz")) == meant

    @pytest.mark.parametrize("fmt", ["csv", "philly", "openb"])
    def test_quoted_fields_are_the_same_fields(self, fmt: str) -> None:
        quoted = "\n".join(",".join(f'"{c}"' for c in x.split(",")) for x in SAMPLES[fmt].splitlines())
        assert rows(read(quoted)) == rows(read(SAMPLES[fmt]))

    def test_quotes_hold_commas_quotes_and_line_ends(self) -> None:
        w = read('name,submit_s,duration_s\n"a, ""b""\nc",0,1\nd,1,x\n', skip_bad=True)
        assert w.names == ('a, "b"\nc',)
        assert any(":4: duration_s" in n for n in w.notes)  # the line on which the row begins


BAD_CELLS = [
    # text, format, line, field, value, part of the message
    (CSV.replace("5,30", "5,-30"), 3, "duration_s", "-30", "negative"),
    (CSV.replace("5,30", "5,nan"), 3, "duration_s", "nan", "not a finite number"),
    (CSV.replace("5,30", "5,inf"), 3, "duration_s", "inf", "not a finite number"),
    (CSV.replace("5,30", "5,1.5"), 3, "duration_s", "1.5", "not a whole number"),
    (CSV.replace("5,30", "5,soon"), 3, "duration_s", "soon", "not a number"),
    (CSV.replace("5,30,", "5,99999999999999999999,"), 3, "duration_s", "99999999999999999999", "out of range"),
    (CSV.replace("5,30,2", "5,30,2147483648"), 3, "accelerators", "2147483648", "out of range"),
    (CSV.replace("5,30,2", "5,30,4294967298"), 3, "accelerators", "4294967298", "out of range"),
    (CSV.replace("5,30", ",30"), 3, "submit_s", "", "blank"),
    (CSV.replace("batch", "sport"), 3, "kind", "sport", "no such kind"),
    (CSV.replace("RNGD:450", "RNGD:fast"), 2, "accept", "H200:1000|RNGD:fast", "speed"),
    (CSV.replace("RNGD:450", "H200:450"), 2, "accept", "H200:1000|H200:450", "two speeds"),
    (CSV.replace("RNGD:450", "RNGD:0"), 2, "accept", "H200:1000|RNGD:0", "speed"),
    (PHILLY.replace("5.4", "-5.4"), 3, "duration", "-5.4", "negative"),
    (PHILLY.replace("06:00:00", "26:00:00"), 3, "timestamp", "2017-10-09 26:00:00", "not a date"),
    (OPENB.replace("0,100,10", "0,5,10"), 2, "deletion_time", "5", "negative duration"),
    (OPENB.replace(",LS,", ",VIP,"), 2, "qos", "VIP", "unknown quality"),
    (OPENB.replace("8,1800", "8,460"), 5, "gpu_milli", "460", "share of several"),
    (OPENB.replace("1,460", "1,0"), 3, "gpu_milli", "0", "no share"),
    (SWF.replace("2\t10", "2\t-10"), 4, "submit", "-10", "negative"),
    (SWF.replace("  1    0  5", "  1    11  5"), 4, "submit", "10", "time goes backwards"),
    (SWF.replace("50.6  4", "50.6  -1"), 4, "processors", "-1", "no processors"),
    (SACCT.replace("|1-02:03:04", "|tomorrow"), 2, "Timelimit", "tomorrow", "not a time limit"),
    (SACCT.replace("gres/gpu=2,mem=64G", "gres/gpu=two,mem=64G"), 2, "AllocTRES", None, "not a count"),
    (SACCT.replace("mem=64G", "mem=64X"), 2, "AllocTRES", None, "not a memory size"),
    (SACCT.replace("|2026-01-31T12:00:10|", "|31.1.2026|"), 2, "Submit", "31.1.2026", "not a date"),
    (GAVEL.replace("LM", "BERT"), 2, "job_type", "BERT (batch size 5) x 1", "no throughput"),
    (GAVEL.replace("\t1000\t2", "\t1000\t0"), 1, "scale_factor", "0", "out of range"),
    (GAVEL.replace("3.6", "-3.6"), 1, "arrival_time", "-3.6", "negative"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "field", "value", "message"), BAD_CELLS)
def test_a_bad_cell_is_named_and_may_be_skipped(
    text: str, line: int, field: str, value: str | None, message: str
) -> None:
    fault = fails(text)
    assert isinstance(fault, InputErrors)
    one = fault.errors[0]
    assert (one.source, one.line, one.field) == ("w", line, field)
    assert message in one.message
    assert one.accepted
    assert value is None or one.value == value
    assert fault.total == 1

    whole = text
    kept = read(whole, skip_bad=True)
    assert len(kept) >= 1
    assert "bad rows skipped: 1" in kept.notes
    assert any(f"w:{line}: {field}: " in n for n in kept.notes)


@pytest.mark.parametrize("fmt", SAMPLES)
def test_a_row_of_another_width_is_named(fmt: str) -> None:
    delimiter = {"sacct": "|", "gavel": "\t", "swf": " "}.get(fmt, ",")
    text = SAMPLES[fmt] + f"1{delimiter}2\n"
    line = SAMPLES[fmt].count("\n") + 1
    fault = fails(text)
    assert isinstance(fault, InputErrors)
    assert (fault.errors[0].line, fault.errors[0].value) == (line, "2 fields")
    assert rows(read(text, skip_bad=True)) == rows(read(SAMPLES[fmt]))


def test_all_faults_are_told_together_in_order_of_lines_up_to_a_bound() -> None:
    text = "submit_s,duration_s\n" + "".join(f"{i},{'x' if i % 2 else -i}\n" for i in range(1, 1001))
    fault = fails(text)
    assert isinstance(fault, InputErrors)
    assert fault.total == 1000
    assert [e.line for e in fault.errors] == list(range(2, 102))
    assert str(fault).count("\n") == 20
    assert str(fault).endswith("... and 980 more")
    with pytest.raises(InputError, match="no job in the file"):
        read(text, skip_bad=True)
    notes = read(text + "1,1\n", skip_bad=True).notes
    assert notes[0] == "bad rows skipped: 1000"
    assert len(notes) == 22


def test_two_faults_of_one_row_are_one_bad_row() -> None:
    w = read(CSV + "-1,-1,1,batch,a,\n", skip_bad=True)
    assert "bad rows skipped: 1" in w.notes
    assert sum("negative" in n for n in w.notes) == 2


UNREADABLE = [
    ("", "empty"),
    ("\n \n", "empty"),
    ("submit_s,duration_s\n", "no job in the file"),
    ("submit_s,limit_s\n1,2\n", "unknown format"),
    ("submit_s,duration_s,speed\n1,2,3\n", "unknown column"),
    ("submit_s,duration_s,duration_s\n1,2,3\n", "named twice"),
    ("timestamp,num_gpus,cluster\n1,2,3\n", "missing column"),
    ("JobID|Submit|Start\n1|2026-01-31T12:00:00|2026-01-31T12:00:00\n", "missing column"),
    (CSV.encode("utf-16"), "wrong encoding"),
    (CSV.encode("utf-16-le"), "zero byte"),
    (CSV.replace(",a,", ",\u00e9t\u00e9,").encode("latin-1"), "wrong encoding"),
    (gzip.compress(CSV.encode())[:-9], "cut off"),
    (gzip.compress(CSV.encode())[:-8] + b"12345678", "damaged"),
    (b"\x1f\x8b\x00\x00", "cut off|damaged"),
    (b"PAR1 and no more", "Parquet is damaged"),
    ("hello, world\n", "unknown format"),
    ("\t".join("1234567") + "\n", "old trace format"),
    ('# {"dure": [1]}\n' + CSV, "metadata"),
    ('# {"dure": {"start_utc_s": "now"}}\n' + CSV, "not a time"),
    ('# {"dure": \n' + CSV, "metadata"),
    (SWF.replace("1000000000", "long ago"), "not a time"),
]


@pytest.mark.parametrize(("text", "message"), UNREADABLE)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_what_cannot_be_read_is_refused_even_when_skipping(text: str | bytes, message: str, skip_bad: bool) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(text, skip_bad=skip_bad)
    assert str(caught.value).startswith("w")


def test_wrong_encoding_names_line_and_offset() -> None:
    data = CSV.replace(",a,", ",\u00e9t\u00e9,").encode("latin-1")
    fault = fails(data)
    assert fault.line == 2
    offset = data.index(b"\xe9")
    assert fault.value == f"byte 0xe9 at offset {offset}"


def test_a_gavel_trace_needs_throughputs() -> None:
    with pytest.raises(InputError, match="throughputs: missing"):
        read_workload(io.BytesIO(GAVEL.encode()), name="w")


@pytest.mark.parametrize(
    "table", ["", "[]", "{", '{"v100": []}', '{"v100": {"x": 1}}', '{"v100": {"(\'a\', 1)": {"null": -1}}}',
              '{"v100": {"(((((": {"null": 1}}}', '{"v100": {"(\'a\', \'b\')": {"null": 1}}}', "[" * 100_000],
)  # fmt: skip
def test_a_bad_throughput_table(table: str) -> None:
    with pytest.raises(InputError, match="not a throughput table"):
        read_workload(io.BytesIO(GAVEL.encode()), name="w", throughputs=io.BytesIO(table.encode()))


class Endless(io.RawIOBase):
    """A stream without a size that never ends."""

    given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        self.given += len(buffer)
        buffer[:] = b"1" * len(buffer)
        return len(buffer)


class TestBounds:
    def test_a_sparse_2_gb_file_is_refused_before_it_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "big.csv"
        with path.open("wb") as stream:
            stream.truncate(2 << 30)
        with pytest.raises(InputError, match=r"too large .*2,147,483,648.*at most 1,073,741,824 bytes"):
            open_workload(path)

    def test_an_endless_stream_is_left_at_the_bound(self) -> None:
        stream = Endless()
        with pytest.raises(InputError, match="too large"):
            read_workload(io.BufferedReader(stream), name="w", limits=Limits(max_bytes=1 << 22))  # type: ignore[arg-type]
        assert stream.given < 1 << 24

    def test_a_gzip_bomb_is_left_at_the_bound(self) -> None:
        bomb = gzip.compress(b"0" * (1 << 27))
        assert len(bomb) < 1 << 18
        assert "unpacks to too much" in fails(bomb).message
        small = gzip.compress(b"0" * (1 << 20))
        assert "unpacks to too much" in fails(small, limits=Limits(max_bytes=1 << 19)).message

    def test_rows_and_columns_are_bounded(self) -> None:
        text = "submit_s,duration_s\n" + "1,2\n" * 300
        assert "too many lines" in fails(text, limits=Limits(max_rows=100)).message
        assert "too many columns" in fails("submit_s,duration_s" + ",x" * 2000 + "\n1\n").message

    def test_parquet_rows_are_bounded(self) -> None:
        stream = io.BytesIO()
        write_workload(Workload.from_jobs([Job(i, 1) for i in range(300)]), stream, "parquet")
        assert "too large" in fails(stream.getvalue(), limits=Limits(max_rows=100)).message


class TestPaths:
    def test_a_directory_and_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is a directory"):
            open_workload(tmp_path)
        with pytest.raises(InputError, match="no such file"):
            open_workload(tmp_path / "none.csv")
        with pytest.raises(InputError, match="cannot be opened"):
            open_workload(tmp_path / ("x" * 5000))

    def test_throughputs_are_found_beside_a_trace(self, tmp_path: Path) -> None:
        (tmp_path / "traces").mkdir()
        path = tmp_path / "traces" / "a.trace"
        path.write_text(GAVEL)
        (tmp_path / "my_throughputs.json").write_text(THROUGHPUTS)
        assert rows(open_workload(path)) == rows(read(GAVEL))

    def test_a_file_is_replaced_whole_or_not_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / "out.csv"
        path.write_text("before")
        with pytest.raises(TypeError), replaced(path) as stream:
            stream.writelines([b"half", None])  # type: ignore[list-item]
        assert path.read_text() == "before"
        with replaced(path) as stream:
            stream.write(b"after")
        assert path.read_text() == "after"
        assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]

    def test_unknown_formats_list_what_there_is(self) -> None:
        with pytest.raises(UnknownName, match="philly"):
            read(CSV, fmt="xls")
        with pytest.raises(UnknownName, match="parquet"):
            write_workload(read(CSV), io.BytesIO(), "swf")
        assert set(SAMPLES) | {"parquet"} == set(FORMATS)


def test_a_repeat_of_columns_in_parquet_and_wrong_types() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def stored(table: pa.Table) -> bytes:
        stream = io.BytesIO()
        pq.write_table(table, stream)
        return stream.getvalue()

    one = pa.array([1])
    assert "named twice" in fails(stored(pa.Table.from_arrays([one, one], names=["submit_s", "submit_s"]))).message
    lists = stored(pa.table({"submit_s": one, "duration_s": pa.array([[1]])}))
    assert "not a column of numbers" in fails(lists).message
    floats = stored(
        pa.table({"submit_s": pa.array([0.0, 1.0, 2.0]), "duration_s": pa.array([5.0, None, float("nan")])})
    )
    fault = fails(floats)
    assert isinstance(fault, InputErrors)
    assert [(e.line, e.message) for e in fault.errors] == [(2, "blank"), (3, "not a finite number")]
    assert read(floats, skip_bad=True).duration_s.tolist() == [5]
    assert "out of range" in str(
        fails(stored(pa.table({"submit_s": one, "duration_s": pa.array([2**64 - 1], pa.uint64())})))
    )


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)
MODEL = TEXT.filter(lambda t: "|" not in t)
JOBS = st.builds(
    Job,
    submit_s=st.integers(0, 2**40),
    duration_s=st.integers(0, 2**40),
    limit_s=st.integers(0, 2**40),
    accelerators=st.integers(0, 1_000_000),
    share_milli=st.integers(1, 1000),
    cores_milli=st.integers(0, 2**40),
    memory_mib=st.integers(0, 2**40),
    kind=st.sampled_from(JobKind),
    priority=st.integers(-1000, 1000),
    project=TEXT,
    accept=st.dictionaries(MODEL, st.integers(1, 10**6), max_size=3).map(lambda d: tuple(d.items())),
    save_every_s=st.integers(0, 2**31 - 1),
    earliest_s=st.integers(0, 2**40),
    name=TEXT | st.just(""),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(JOBS, min_size=1, max_size=6), st.sampled_from(["csv", "parquet"]), st.integers(-(10**9), 2**33))
def test_what_is_written_is_read_back(jobs: list[Job], fmt: str, start: int) -> None:
    workload = replace(Workload.from_jobs(jobs, source="here"), start_utc_s=start)
    stream = io.BytesIO()
    write_workload(workload, stream, fmt)
    back = read(stream.getvalue(), name=f"w.{fmt}")
    assert rows(back) == rows(workload)
    assert back.names == workload.names
    assert back.start_utc_s == start
    assert back.notes == ("made from here",)
    for c in COLUMNS:
        assert getattr(back, c.name).dtype == np.dtype(c.dtype)


@pytest.mark.parametrize("text", ["a\nb", "a ", "\u3000a", "\x00"])
def test_text_that_a_csv_would_change_is_refused(text: str) -> None:
    workload = Workload.from_jobs([Job(0, 1, project=text)])
    with pytest.raises(InputError, match="cannot stand in a CSV"):
        write_workload(workload, io.BytesIO(), "csv")


@pytest.mark.parametrize(
    ("job", "field"), [(Job(0, 1, accept=(("a|b", 1),)), "accept"), (Job(0, 1, name="\ud800"), "name")]
)
@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_text_that_no_file_can_hold_is_refused(job: Job, field: str, fmt: str) -> None:
    with pytest.raises(InputError) as caught:
        write_workload(Workload.from_jobs([job]), io.BytesIO(), fmt)
    assert caught.value.field == field


def test_the_page_of_formats_names_every_column_and_format_and_its_example_runs(root: Path) -> None:
    page = (root / "docs/reference/formats.md").read_text("utf-8")
    for c in COLUMNS:
        assert f"| `{c.name}` | {c.unit} | {c.default} | {c.description} |" in page
    for fmt in FORMATS:
        assert f"| `{fmt}` |" in page
    example = page.partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}
    exec(example, names)
    assert isinstance(names["workload"], Workload)
