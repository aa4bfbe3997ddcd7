"""Calls from TOML: the examples are right, every mistake is named with its line, the page has every key."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pytest

from dure.errors import InputError, InputErrors
from dure.formats.calls import call_keys, read_call
from dure.formats.fleets import open_fleet
from dure.programme.model import Call, Fee, Sector, Text

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples" / "calls").glob("*.toml"))
KOREA = open_fleet(ROOT / "examples/fleets/korea-2026.toml")
GOOD = """\
id = "c"
title = { ko = "공모", en = "Call" }
opens = 2026-07-01T09:00:00+09:00
closes = 2026-07-31T18:00:00
zone = "Asia/Seoul"
period_start = 2026-09-01
period_months = 6
rule = "ranked"
market_price = 350

[[track]]
id = "a"
name = "A"
envelope = 1_000.5
sectors = ["academia", "startup"]
floor = 10
ceiling = 500
models = ["H200"]
sites = ["naver"]
fee = "share"
fee_share = "7.5 %"

[[criterion]]
id = "merit"
name = "Merit"
weight = "70 %"

[[criterion]]
id = "team"
name = "Team"
weight = "30 %"

[[set_aside]]
group = "startup"
share = "20 %"

[parameters]
"""


def read(text: str) -> Call:
    return read_call(io.BytesIO(text.encode()), "c.toml", fleet=KOREA)


def faults(text: str) -> list[InputError]:
    with pytest.raises(InputErrors) as caught:
        read(text)
    return caught.value.errors


def test_a_call_means_what_it_says() -> None:
    call = read(GOOD)
    assert call.opens_utc_s == dt.datetime(2026, 7, 1, tzinfo=dt.UTC).timestamp()
    assert call.closes_utc_s == dt.datetime(2026, 7, 31, 9, tzinfo=dt.UTC).timestamp()  # the zone's own time
    assert call.period_start_utc_s == dt.datetime(2026, 8, 31, 15, tzinfo=dt.UTC).timestamp()
    track = call.track("a")
    assert (track.envelope_milli, track.floor_milli, track.ceiling_milli) == (1_000_500, 10_000, 500_000)
    assert (track.fee, track.fee_milli, track.sectors) == (Fee.SHARE, 75, (Sector.ACADEMIA, Sector.STARTUP))
    assert (call.title, track.name) == (Text("공모", "Call"), Text("A", "A"))
    assert [c.weight_milli for c in call.criteria] == [700, 300]
    assert (call.set_asides[0].share_milli, call.score_max_milli, call.country) == (200, 5000, "KR")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_the_examples_are_calls_for_the_korean_fleet(path: Path) -> None:
    with path.open("rb") as stream:
        call = read_call(stream, path.name, fleet=KOREA)
    assert call.id == path.stem
    assert call.closes_utc_s < call.period_start_utc_s


def test_the_national_example_has_a_track_for_everybody() -> None:
    with EXAMPLES[0].open("rb") as stream:
        call = read_call(stream, "2026-h2", fleet=KOREA)
    assert [t.id for t in call.tracks] == [
        "laboratory", "academia", "startup", "education", "joint", "public", "urgent"
    ]  # fmt: skip
    assert call.track("academia").ceiling_milli == 256 * 12 * 730 * 13_400  # 256 H200 for 12 months
    startup = call.track("startup")
    assert (startup.fee_milli, startup.young_discount_milli, startup.lot_accelerators) == (100, 500, 8)


WRONG = [  # what is replaced, by what, the field at fault, part of the message
    ("closes = 2026-07-31T18:00:00", "closes = 2026-06-30T18:00:00", "closes", "closes before it opens"),
    ("closes = 2026-07-31T18:00:00", "closes = 2026-07-31", "closes", "a date with a time"),
    ("period_start = 2026-09-01", "period_start = 2026-09-02", "period_start", "first day of a month"),
    ("period_start = 2026-09-01", "period_start = 2026-07-01", "period_start", "before the call closes"),
    ('zone = "Asia/Seoul"', 'zone = "Asia/Soul"', "zone", "Asia/Seoul"),
    ('weight = "30 %"', 'weight = "20 %"', "criterion", "do not sum to 100 %"),
    ('weight = "30 %"', "weight = 0.3", "criterion[2].weight", "in percent"),
    ('weight = "30 %"', 'weight = "30.05 %"', "criterion[2].weight", "to a tenth"),
    ("envelope = 1_000.5", "envelope = 60_000_000_000", "track", "more than there is"),
    ("envelope = 1_000.5", "envelope = -1", "track[1].envelope", "out of range"),
    ("ceiling = 500", "ceiling = 9", "track[1].ceiling", "at least the floor, 10 units"),
    ("floor = 10\nceiling = 500", "floor = 2000", "track[1].floor", "at most the envelope, 1,000.5 units"),
    ('"startup"]', '"start-up"]', "track[1].sectors", "startup"),
    ('models = ["H200"]', 'models = ["H20O"]', "track[1].models", "H200"),
    ('sites = ["naver"]', 'sites = ["navr"]', "track[1].sites", "naver"),
    ('sites = ["naver"]', 'sites = ["npu"]', "track[1].sites", "no pool of the call"),
    ("period_months = 6", 'period_months = 6\npools = ["nobody"]', "pools", "no such pool"),
    ('rule = "ranked"', 'rule = "rank"', "rule", "ranked"),
    ('rule = "ranked"', 'rule = "lottery"', "beacon", "public value"),
    ("[parameters]", "[parameters]\nskipp = 1", "parameters.skipp", "unknown parameter"),
    ("[parameters]", "[parameters]\nskip = 7", "parameters.skip", "0 to 1"),
    ("[parameters]", "[parameters]\nskip = 0.5", "parameters.skip", "a whole number"),
    ('share = "20 %"', 'share = "120 %"', "set_aside[1].share", "out of range"),
    ('group = "startup"', 'group = "startups"', "set_aside[1].group", "startup"),
    ('group = "startup"', 'group = "regions"', "set_aside[1].regions", "list of regions"),
    ('id = "team"', 'id = "merit"', "criterion[2].id", "used before, by criterion number 1"),
    ('id = "a"', 'id = "A/b"', "track[1].id", "a-z, 0-9"),
    ('fee_share = "7.5 %"', "", "track[1].fee_share", "above"),
    ("market_price = 350", "", "market_price", "market price"),
    ('rule = "ranked"', 'rule = "ranked"\ncut_of = 2', "cut_of", "cut_off"),
    ('rule = "ranked"', 'rule = "ranked"\nscore_step = 0.3', "score_step", "does not divide"),
    ("period_months = 6", "", "period_months", "missing key"),
    ("floor = 10", "floor = true", "track[1].floor", "whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("was", "becomes", "field", "said"), WRONG)
def test_one_mistake_is_one_message_at_its_line(was: str, becomes: str, field: str, said: str) -> None:
    text = (
        GOOD.replace(was, becomes, 1) if GOOD.count(was) == 1 else GOOD[::-1].replace(was[::-1], becomes[::-1], 1)[::-1]
    )
    assert text != GOOD
    found = faults(text)
    assert [e.field for e in found] == [field]
    assert said in str(found[0])
    key = field.rpartition(".")[2].split("[")[0]
    if found[0].line is not None:  # that of the key, or of the table that should have it
        assert text.split("\n")[found[0].line - 1].startswith((key, "[["))


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    text = GOOD.replace('"Asia/Seoul"', '"Nowhere"').replace("ceiling = 500", "ceiling = 1").replace('"20 %"', '"x"')
    assert {e.field for e in faults(text)} == {"zone", "track[1].ceiling", "set_aside[1].share"}


def test_shares_of_more_than_everything_are_refused() -> None:
    more = '\n[[set_aside]]\ngroup = "joint"\nshare = "90 %"\n'
    assert "110 %" in str(faults(GOOD.replace("\n[parameters]", more + "\n[parameters]"))[0])


def test_every_key_is_on_the_page() -> None:
    page = (ROOT / "docs/reference/calls.md").read_text("utf-8")
    names = {name for keys in call_keys().values() for name in keys}
    assert not [
        n for n in sorted(names) if f"`{n}`" not in page and f"`[[{n}]]`" not in page and f"`[{n}]`" not in page
    ]
