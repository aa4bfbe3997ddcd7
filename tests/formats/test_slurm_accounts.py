"""Accounts and usage of a Slurm centre: limits in minutes become units, each bad line is named."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputError, InputErrors
from dure.formats.coldfront import ImportedProject
from dure.formats.slurm_accounts import read_slurm_accounts, read_slurm_usage
from dure.programme.model import Member

DUMP = """\
# To edit this file start with a cluster line for the new cluster
Cluster - 'gpu1':Fairshare=1:QOS='normal'
Parent - 'root'
User - 'root':DefaultAccount='root':AdminLevel='Administrator':Fairshare=1
Account - 'science':Description='Faculty: science':Organization='u':Fairshare=10
Account - 'vision_lab':Description='vision':GrpTRES=gres/gpu=16,mem=2T:GrpTRESMins=cpu=100,gres/gpu=6000:Fairshare=5
Parent - 'science'
Account - 'bio':Description='bio':GrpTRESMins=gres/gpu:h100=600,gres/gpu:a100=60,gres/gpu=900:Fairshare=parent
Parent - 'vision_lab'
User - 'kim':Coordinator='vision_lab':DefaultAccount='vision_lab':Fairshare=1
User - 'lee':DefaultAccount='vision_lab':GrpTRESMins=gres/gpu=60:Fairshare=1
Parent - 'bio'
User - 'park':Fairshare=1
"""
RATES = {"gres/gpu": 4_000, "gres/gpu:h100": 12_200, "gres/gpu:a100": 4_800}


def read(text: str = DUMP, **options: bool) -> tuple[list[ImportedProject], list[InputError]]:
    return read_slurm_accounts(io.BytesIO(text.encode()), "d.cfg", RATES, {"bio": 7}, **options)


def test_accounts_with_people_or_a_grant_become_projects() -> None:
    (vision, bio), faults = read()
    assert not faults
    assert (vision.project, vision.title, vision.line) == ("vision-lab", "vision", 6)
    assert vision.members == (Member("kim", "co-pi"), Member("lee", "member"))
    assert (vision.granted_milli, vision.limits) == (6000 * 4_000 // 60, {"gres/gpu": 16})
    assert bio.granted_milli == (600 * 12_200 + 60 * 4_800) // 60  # by type; gres/gpu is their sum and is left out
    assert (bio.spent_milli, vision.spent_milli) == (7, 0)


def test_no_limit_in_time_is_no_grant_of_zero() -> None:
    text = DUMP.replace("GrpTRESMins=cpu=100,gres/gpu=6000:", "").replace("gres/gpu:a100=60,", "gres/gpu:a100=-1,")
    (vision, bio), _ = read(text)
    assert vision.granted_milli is None
    assert bio.granted_milli == 600 * 12_200 // 60


@pytest.mark.parametrize(
    ("was", "becomes", "line"),
    [
        ("gres/gpu=6000", "gres/gpu=lots", 6),
        ("Account - 'bio'", "Acount - 'bio'", 8),
        ("Parent - 'vision_lab'", "Parent - 'visionlab'", 9),
        ("Account - 'bio'", "Account - 'vision-lab'", 8),
        ("Account - 'bio'", "Account - '생물'", 8),
        (":Fairshare=parent", ":fairshare", 8),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_read(was: str, becomes: str, line: int) -> None:
    text = DUMP.replace(was, becomes, 1)
    with pytest.raises(InputErrors) as caught:
        read(text)
    assert caught.value.errors[0].line == line
    kept, skipped = read(text, skip_bad=True)
    assert [e.line for e in skipped] == [e.line for e in caught.value.errors]
    assert len(kept) < 3


JOBS = """\
JobID|Account|State|ElapsedRaw|AllocTRES
1|bio|COMPLETED|3600|billing=4,cpu=8,gres/gpu:h100=2,gres/gpu=2,mem=64G,node=1
1.batch|bio|COMPLETED|3600|cpu=8,gres/gpu:h100=2,mem=64G
2|bio|FAILED|1|gres/gpu=1
3|vision_lab|TIMEOUT|100|
"""


def test_usage_is_exact_and_rounded_up_once() -> None:
    spent, _ = read_slurm_usage(io.BytesIO(JOBS.encode()), "j.txt", RATES)
    assert spent == {"bio": 2 * 12_200 + 2, "vision_lab": 0}  # 4,000/3,600 is rounded up to 2


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 64)), min_size=1, max_size=20))
def test_usage_is_the_sum_of_the_jobs(jobs: list[tuple[int, int]]) -> None:
    rows = "".join(f"{i}|a|{s}|gres/gpu={n}\n" for i, (s, n) in enumerate(jobs))
    spent, _ = read_slurm_usage(io.BytesIO(("JobID|Account|ElapsedRaw|AllocTRES\n" + rows).encode()), "j", RATES)
    exact = sum(s * n for s, n in jobs) * 4_000
    assert spent["a"] * 3600 - exact in range(3600)


def test_bad_jobs_are_named() -> None:
    with pytest.raises(InputErrors) as caught:
        read_slurm_usage(io.BytesIO(JOBS.replace("|1|", "|1-00:00:01|").encode()), "j.txt", RATES)
    assert [(e.line, e.field) for e in caught.value.errors] == [(4, "ElapsedRaw")]
    with pytest.raises(InputErrors, match="AllocTRES"):
        read_slurm_usage(io.BytesIO(b"JobID|Account|ElapsedRaw\n"), "j.txt", RATES)


@given(st.text(max_size=100))
def test_no_text_crashes_the_reader(text: str) -> None:
    for given_text in (text, "Account - 'a':" + text, DUMP + text):
        with suppress(InputError):  # and nothing else
            read(given_text)
