"""When things are said to happen: worked out where text or publication tell, left open where they do not, never invented."""

from __future__ import annotations

import re
import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.model import Period
from dure.mentions.periods import periods
from dure.mentions.points import NEEDS, later

PAGE = date(2025, 10, 20)  # a Monday


def shown(one: Period) -> str:
    months = f" {one.months}m" if one.months else ""
    return f"{one.kind} {one.begin or ''}..{one.until or ''}{months}" + (" ?" if one.unresolved else "")


def table(text: str) -> list[tuple[str, list[str]]]:
    rows = [line.split(" => ") for line in text.splitlines() if line]
    return [(row[0], [part.strip() for part in row[1].split(";") if part.strip() != "none"]) for row in rows]


# With the publication date 2025-10-20
WITH_DATE = """
It will rank third by 2028. => by ..2028-12-31
It will rank third by the year 2028. => by ..2028-12-31
It will rank third no later than 2028. => by ..2028-12-31
It runs until 2030. => by ..2030-12-31
It runs through 2030. => by ..2030-12-31
It runs through to 2030. => by ..2030-12-31
It opens before 2030. => by ..2029-12-31
It opens by the end of 2027. => by ..2027-12-31
It opens by end-2027. => by ..2027-12-31
It opens by late 2027. => by ..2027-12-31
It opens by mid-2027. => by ..2027-06-30
It opens by March 2027. => by ..2027-03-31
It opens by 31 March 2027. => by ..2027-03-31
It opens by March 31, 2027. => by ..2027-03-31
It opens by March. => by ..2026-03-31
It opens by the end of this year. => by ..2025-12-31
It opens by the end of next year. => by ..2026-12-31
It opens by the end of the decade. => by ..2029-12-31
It opens by year-end. => by ..2025-12-31
It opens by Q3 2026. => by ..2026-09-30
It opened in 2014. => in 2014-01-01..2014-12-31
It opened in July 2025. => in 2025-07-01..2025-07-31
It met on July 9, 2025. => on 2025-07-09..2025-07-09
It met on 9 July 2025. => on 2025-07-09..2025-07-09
It met on 2025-07-09. => on 2025-07-09..2025-07-09
It met on August 5. => on 2025-08-05..2025-08-05
It met on Aug. 5. => on 2025-08-05..2025-08-05
It meets on January 12. => on 2026-01-12..2026-01-12
It starts in early 2027. => in 2027-01-01..2027-04-30
It starts in mid-2027. => in 2027-05-01..2027-08-31
It starts in late 2026. => in 2026-09-01..2026-12-31
It starts at the end of 2026. => in 2026-12-01..2026-12-31
It starts in the first half of 2026. => in 2026-01-01..2026-06-30
It starts in H2 2026. => in 2026-07-01..2026-12-31
It starts in the third quarter of 2026. => in 2026-07-01..2026-09-30
It starts in FY2027. => in 2027-01-01..2027-12-31
It starts in fiscal 2027. => in 2027-01-01..2027-12-31
It starts in fiscal year 2027. => in 2027-01-01..2027-12-31
It lasts from 2025 to 2028. => between 2025-01-01..2028-12-31
It lasts between 2025 and 2028. => between 2025-01-01..2028-12-31
It lasts from January 2026 to June 2027. => between 2026-01-01..2027-06-30
The 2025-2028 plan is out. => between 2025-01-01..2028-12-31
The plan for 2025–28 is out. => between 2025-01-01..2028-12-31
It grew since 2022. => between 2022-01-01..
It pays from 2026. => between 2026-01-01..
It pays starting in 2026. => between 2026-01-01..
It pays after 2027. => between 2028-01-01..
It pays over the next four years. => over 2025-10-20..2029-10-20 48m
It pays for the next 4 years. => over 2025-10-20..2029-10-20 48m
It pays over the coming decade. => over 2025-10-20..2035-10-20 120m
It pays during the next 18 months. => over 2025-10-20..2027-04-20 18m
The forthcoming three years will decide. => over 2025-10-20..2028-10-20 36m
It paid over the past five years. => over 2020-10-20..2025-10-20 60m
It pays over five years starting in 2026. => over 2026-01-01..2030-12-31 60m
It pays over five years, starting in 2026. => over 2026-01-01..2030-12-31 60m
It pays over five years. => over .. 60m ?
It pays for four years. => over .. 48m ?
A three-year programme began. => over .. 36m ?
A 10-year, $5 billion plan began. => over .. 120m ?
It decides within six months. => by ..2026-04-20 6m
It decides within two years. => by ..2027-10-20 24m
It decides within 30 days. => by ..2025-11-19
It starts next year. => next 2026-01-01..2026-12-31
It starts in the coming academic year. => next 2026-01-01..2026-12-31
It opens six months from now. => on 2026-04-20..2026-04-20
It starts next month. => next 2025-11-01..2025-11-30
It starts next week. => next 2025-10-27..2025-11-02
It starts next quarter. => next 2026-01-01..2026-03-31
It started this year. => in 2025-01-01..2025-12-31
It started earlier this year. => in 2025-01-01..2025-10-20
It starts later this year. => in 2025-10-20..2025-12-31
It started last year. => in 2024-01-01..2024-12-31
It started last month. => in 2025-09-01..2025-09-30
It met two years ago. => on 2023-10-20..2023-10-20
2030년까지 확보한다. => by ..2030-12-31
2027년 말까지 짓는다. => by ..2027-12-31
2026년 3월까지 마친다. => by ..2026-03-31
2026년 상반기에 문을 연다. => in 2026-01-01..2026-06-30
2026년 상반기(1~6월)에 문을 연다. => in 2026-01-01..2026-06-30
2026년 3분기에 문을 연다. => in 2026-07-01..2026-09-30
2026년 3월 15일 문을 연다. => on 2026-03-15..2026-03-15
2026년부터 시작한다. => between 2026-01-01..
2028년 이후 시작한다. => between 2028-01-01..
2025~2028년 추진한다. => between 2025-01-01..2028-12-31
2025년부터 2028년까지 추진한다. => between 2025-01-01..2028-12-31
내년에 시작한다. => next 2026-01-01..2026-12-31
내년 3월 시작한다. => next 2026-03-01..2026-03-31
내년까지 마친다. => by ..2026-12-31
올해 안에 마친다. => by ..2025-12-31
올해 말까지 마친다. => by ..2025-12-31
연말까지 마친다. => by ..2025-12-31
연내 마친다. => by ..2025-12-31
올 하반기에 시작한다. => in 2025-07-01..2025-12-31
지난해 시작했다. => in 2024-01-01..2024-12-31
다음 달 시작한다. => next 2025-11-01..2025-11-30
이달 시작한다. => in 2025-10-01..2025-10-31
8월 5일 만났다. => on 2025-08-05..2025-08-05
향후 4년간 지원한다. => over 2025-10-20..2029-10-20 48m
앞으로 5년간 지원한다. => over 2025-10-20..2030-10-20 60m
지난 5년간 지원했다. => over 2020-10-20..2025-10-20 60m
5년간 지원한다. => over .. 60m ?
3년 이내에 마친다. => by ..2028-10-20 36m
6개월 안에 마친다. => by ..2026-04-20 6m
It opens by year-end 2027. => by ..2027-12-31
It opens before the end of 2027. => by ..2027-12-31
It opens by the end of Q2 2026. => by ..2026-06-30
It opens in 2H 2026. => in 2026-07-01..2026-12-31
It opens in the last quarter of 2026. => in 2026-10-01..2026-12-31
It opens late in 2026. => in 2026-09-01..2026-12-31
It opens by spring 2026. => by ..2026-05-31
It opens in the autumn of 2026. => in 2026-09-01..2026-11-30
Costs will fall in 2026. => in 2026-01-01..2026-12-31
It opens by next March. => by ..2026-03-31
It opens next spring. => next 2026-03-01..2026-05-31
It closed last October. => in 2024-10-01..2024-10-31
It opens by 30 September. => by ..2026-09-30
It has run since December. => between 2024-12-01..
It costs more in the next fiscal year. => next 2026-01-01..2026-12-31
It pays in FY27. => in 2027-01-01..2027-12-31
The 2026 budget pays for it. => in 2026-01-01..2026-12-31
The 2030 target stays. => by ..2030-12-31
It opens no earlier than 2028. => between 2028-01-01..
It will not open until 2028. => between 2028-01-01..
It pays in 2026 and 2027. => between 2026-01-01..2027-12-31
It ran in the second half of the decade. => in 2025-01-01..2029-12-31
It lasts from April to June 2027. => between 2027-04-01..2027-06-30
It lasts from 2025-26 to 2029-30. => between 2025-01-01..2030-12-31
It pays over three to five years. => over .. 60m ?
It pays over the next half decade. => over 2025-10-20..2030-10-20 60m
It pays over the course of a decade. => over .. 120m ?
It pays over five years (2026-2030). => over 2026-01-01..2030-12-31 60m
It pays over five years, starting next year. => over 2026-01-01..2030-12-31 60m
It pays over the three years to 2028. => over ..2028-12-31 36m
It paid in its first two years. => over .. 24m ?
It buys some this year and others next. => in 2025-01-01..2025-12-31; next 2026-01-01..2026-12-31
'27년까지 짓는다. => by ..2027-12-31
28년 완공이 목표다. => in 2028-01-01..2028-12-31
'26~'30년 추진한다. => between 2026-01-01..2030-12-31
2027년 3월부터 9월까지 짓는다. => between 2027-03-01..2027-09-30
올해와 내년 추진한다. => between 2025-01-01..2026-12-31
내달 말까지 마친다. => by ..2025-11-30
3월까지 마친다. => by ..2026-03-31
내년 봄에 문을 연다. => next 2026-03-01..2026-05-31
2027년 내 마친다. => by ..2027-12-31
2026년부터 5년간 지원한다. => over 2026-01-01..2030-12-31 60m
내년부터 매년 70억 원씩 3년간 지원한다. => over 2026-01-01..2028-12-31 36m
2029년까지 4년간 지원한다. => over ..2029-12-31 48m
4년간(2026~2029년) 지원한다. => over 2026-01-01..2029-12-31 48m
향후 3~5년이 고비다. => over 2025-10-20..2030-10-20 60m
5개년 계획을 세운다. => over .. 60m ?
2년 뒤 문을 연다. => by ..2027-10-20 24m
목표 시점을 2030년에서 2028년으로 앞당겼다. => by ..2028-12-31
"""

# Of the country whose fiscal years they are
FISCAL = """
JP: It grows by fiscal 2030. => by ..2031-03-31
CA: It starts in 2025-26. => between 2025-04-01..2026-03-31
IN: It is paid in FY26. => in 2025-04-01..2026-03-31
US: It is paid in fiscal year 2026. => in 2025-10-01..2026-09-30
AU: It is paid in 2026-27. => between 2026-07-01..2027-06-30
US: It runs in fiscal years 2026 through 2030. => between 2026-01-01..2030-12-31
CA: It opens in 2027. => in 2027-01-01..2027-12-31
KR: It is paid in fiscal 2026. => in 2026-01-01..2026-12-31
"""

# Without it: what leans on it stays open
WITHOUT = """
It will rank third by 2028. => by ..2028-12-31
It met on August 5. => on .. ?
It opens by March. => by .. ?
It starts next year. => next .. ?
It starts by the end of this year. => by .. ?
It pays over the next four years. => over .. 48m ?
It decides within six months. => by .. 6m ?
내년에 시작한다. => next .. ?
향후 4년간 지원한다. => over .. 48m ?
올해 안에 마친다. => by .. ?
8월 5일 만났다. => on .. ?
2030년까지 확보한다. => by ..2030-12-31
It starts next spring. => next .. ?
It opens in 2026 Q2 and closes by 30 June. => in 2026-04-01..2026-06-30; by .. ?
It pays over the two years to 2028. => over ..2028-12-31 24m
It lasts from April to June 2027. => between 2027-04-01..2027-06-30
내달까지 마친다. => by .. ?
2년 뒤 문을 연다. => by .. 24m ?
"""

NOTHING = """
Made in China 2025 names ten sectors.
Canada holds the 2025 G7 presidency.
They may act and they march on.
It costs $2025 or 2,030 won.
It needs 2030 GPUs and 2000% more.
The year was good.
기업 2025곳을 돕는다.
It has 3 days of 8 hours.
See version 1.2025 and room 2028-A.
It is up a third on 2024 and 2020 levels.
It used a quarter of a million hours.
지금은 2030년대를 준비할 때다.
연산량은 2023년 말보다 늘었다.
한국은 3년 뒤처졌다.
"""


@pytest.mark.parametrize(("sentence", "expected"), table(WITH_DATE))
def test_periods_with_a_publication_date(sentence: str, expected: list[str]) -> None:
    assert [shown(one) for one in periods(sentence, PAGE)] == expected


@pytest.mark.parametrize(("sentence", "expected"), table(FISCAL))
def test_a_fiscal_year_is_its_countrys(sentence: str, expected: list[str]) -> None:
    country, text = sentence.split(": ")
    assert [shown(one) for one in periods(text, PAGE, country)] == expected


@pytest.mark.parametrize(("sentence", "expected"), table(WITHOUT))
def test_what_leans_on_the_publication_stays_open_without_it(sentence: str, expected: list[str]) -> None:
    found = periods(sentence, None)
    assert [shown(one) for one in found] == expected
    assert all(one.unresolved == NEEDS for one in found if one.unresolved)


@pytest.mark.parametrize("sentence", [line for line in NOTHING.splitlines() if line])
@pytest.mark.parametrize("published", [None, PAGE])
def test_what_is_no_time_is_left_alone(sentence: str, published: date | None) -> None:
    assert periods(sentence, published) == []


WORDS = (
    "by until before after from to between and in on over the next past four years 2027 2030 1999 March "
    "July 5 9, early mid- late end of FY Q3 H1 quarter half year this last month week decade within six "
    "months ago 2030년 까지 내년 올해 말 상반기 3월 5일 향후 4년간 2025~2028년 부터 이달 지난 , . - – $ ( )"
)
PIECES = st.sampled_from(WORDS.split())
SENTENCES = (
    st.lists(PIECES, max_size=14).map(" ".join) | st.text(max_size=60) | st.lists(PIECES, max_size=10).map("".join)
)


@given(SENTENCES, st.none() | st.dates(date(2, 1, 1), date(9998, 12, 31)))
def test_periods_lie_in_the_sentence_and_invent_no_year(sentence: str, published: date | None) -> None:
    found = periods(sentence, published)
    last = 0
    written = {int(year) for year in re.findall(r"(?:19|20|21)\d\d", sentence)}
    written |= {
        int(first[:2] + second) for first, second in re.findall(r"((?:19|20|21)\d\d)[-–/~년 ]{1,3}(\d\d)", sentence)
    }
    for one in found:
        assert last <= one.span.start < one.span.end <= len(sentence)
        last = one.span.end
        assert one.begin is None or one.until is None or one.begin <= one.until
        assert one.months >= 0
        for day in (one.begin, one.until):
            if day is None:
                continue
            near = {year + by for year in written for by in (-1, 0, 1)}  # "before 2030" ends in 2029
            reach = {year + one.months // 12 for year in written} if one.months else set()
            follows = published is not None and abs(day.year - published.year) <= max(11, one.months // 12 + 1)
            assert day.year in near | reach or follows
        if published is None and one.begin is None and one.until is None:
            assert one.unresolved


@given(SENTENCES)
def test_without_a_publication_the_year_stands_in_the_sentence(sentence: str) -> None:
    if not re.search(r"\d{4}", sentence):
        assert all(one.begin is None and one.until is None for one in periods(sentence, None))


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)), st.integers(-30_000, 30_000))
def test_months_later_is_the_same_day_or_the_last(day: date, months: int) -> None:
    moved = later(day, months)
    if moved is not None:
        assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
        assert moved.day == day.day or (moved.day < day.day and moved.day >= 28)


HOSTILE = ["1" * 50_000, "2030-" * 12_000, "by the end of " * 7_000, "the next " * 11_000, "2030년 " * 15_000, "from 2025 to " * 8_000,
           "향후 4년간 " * 14_000, "March 5, " * 11_000, "year " * 20_000, "a " * 50_000, " " * 100_000]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:10])
def test_hostile_text_is_read_in_bounded_time(text: str) -> None:
    begun = time.process_time()
    periods(text, PAGE)
    assert time.process_time() - begun < 20
