"""Letters: whole in both languages, the same fields, figures and dates as a reader writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from string import Template

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.errors import InputError, UnknownName
from dure.programme.letters import FIELDS, LANGUAGES, SUBJECT_MOST, LetterKind, _parts, letter, needs
from dure.programme.model import Text


def utc(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())


FULL = {
    "zone": "Asia/Seoul", "programme": Text("한울 프로그램", "Hanul Programme"), "contact": "office@example.org",
    "applicant": "Kim", "application": "a-17", "call": Text("2026년 하반기", "Second half of 2026"),
    "title": "Proteins $awarded_milli ${x}", "project": "prot", "rule": Text("축소", "scaled"),
    "reason": Text("규칙의 산식에 따라 줄였습니다.", "Cut by the rule's formula."),
    "asked_milli": 1_234_567_890, "awarded_milli": 999_950, "score_milli": 4125,
    "others": {Text("추첨", "lottery"): 0, "ranked": 1_234_567_890}, "reserve_rank": 3,
    "starts_utc_s": utc(2026, 6, 30, 15), "ends_utc_s": utc(2026, 12, 31, 15), "before_utc_s": utc(2026, 9, 30, 15),
    "appeal_at": "https://example.org/appeal", "appeal_until_utc_s": utc(2026, 6, 15, 9),
    "used_milli": 800_000, "left_milli": 199_950, "over_milli": 210_049, "used_percent": 81, "days_left": 1200,
    "takes_milli": 49_987, "takes_utc_s": utc(2026, 10, 31, 15), "exempt_at": "office@example.org",
    "exempt_until_utc_s": utc(2026, 10, 31, 15),
}  # fmt: skip
EVERY = [(kind, language) for kind in LetterKind for language in LANGUAGES]


def test_every_field_is_declared_and_used() -> None:
    assert set(FULL) == set(FIELDS)
    assert set().union(*(needs(kind) for kind in LetterKind)) == set(FIELDS)


@pytest.mark.parametrize("kind", LetterKind)
def test_both_languages_say_the_same(kind: LetterKind) -> None:
    used = [[set(Template(part).get_identifiers()) for part in _parts(kind, language)] for language in LANGUAGES]
    assert used[0] == used[1]


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_every_letter_is_whole(kind: LetterKind, language: str) -> None:
    written = letter(kind, language, {**FULL, "title": "Proteins"})
    assert "\n" not in written.subject
    assert not re.search(r"[$_{}]|None|  $", written.subject + written.body, re.M)
    assert written.subject.startswith("[한울 프로그램] " if language == "ko" else "[Hanul Programme] ")
    if language == "ko":
        ends = re.findall(r"(\S+)\.(?:\s|$)", re.sub(r"^  .*$", "", written.body, flags=re.M))
        assert ends
        assert all(word.endswith(("습니다", "입니다", "됩니다", "립니다", "랍니다")) for word in ends)
    else:
        assert not re.search("[가-힣]", written.subject + written.body)


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_a_missing_field_is_named(kind: LetterKind, language: str) -> None:
    for name in needs(kind):
        for lacking in ({k: v for k, v in FULL.items() if k != name}, {**FULL, name: None}):
            with pytest.raises(InputError) as caught:
                letter(kind, language, lacking)
            assert caught.value.field == name


def test_an_award_in_english() -> None:
    written = letter(LetterKind.AWARDED, "en", {**FULL, "title": "Proteins"})
    assert written.subject == "[Hanul Programme] Your application a-17 was awarded: “Proteins”"
    assert written.body == (
        "Dear Kim,\n\nthis is the decision on your application “Proteins” (number a-17) to the call Second half of 2026. "
        "It was awarded.\n\n  Asked for: 1,234,567.9 units\n  Awarded: 1,000.0 units\n  Score: 4.125 points\n"
        "  Reason: Cut by the rule's formula.\n  Period of use: 1 July 2026 to 31 December 2026, both days included\n\n"
        "The award rule that was applied is “scaled”. Other rules would have given:\n  lottery: 0.0 units\n"
        "  ranked: 1,234,567.9 units\n\nIf you object to this decision, you may appeal before 15 June 2026, 18:00 "
        "(Asia/Seoul) at\n  https://example.org/appeal\n\nQuestions: office@example.org\n\nHanul Programme\n"
    )


def test_a_clawback_notice_in_korean() -> None:
    body = letter(LetterKind.CLAWBACK, "ko", FULL).body
    assert "2026년 11월 1일에 배정량의 일부를 회수할 예정입니다." in body
    assert "사용량: 800.0 유닛 (81%)" in body
    assert "회수 예정량: 50.0 유닛" in body
    assert "2026년 10월 31일 24:00 (Asia/Seoul) 전까지" in body


def test_dates_are_those_of_the_zone() -> None:
    there = letter(LetterKind.AWARDED, "en", {**FULL, "zone": "America/Toronto"}).body
    assert "30 June 2026 to 31 December 2026" in there
    assert "before 15 June 2026, 05:00 (America/Toronto)" in there


@pytest.mark.parametrize(
    ("milli", "shown"), [(0, "0.0"), (49, "0.0"), (50, "0.1"), (-49, "0.0"), (-50, "-0.1"), (10**15, "1,000,000,000,000.0")]
)  # fmt: skip
def test_amounts_round_half_away_from_nought(milli: int, shown: str) -> None:
    assert f"Awarded: {shown} units" in letter(LetterKind.RAPID, "en", {**FULL, "awarded_milli": milli}).body


@given(st.text(min_size=1))
@settings(max_examples=100, deadline=None)
def test_no_text_forges_a_line_or_a_header(text: str) -> None:
    plain = letter(LetterKind.DECLINED, "ko", {**FULL, "title": "x", "reason": "x"})
    written = letter(LetterKind.DECLINED, "ko", {**FULL, "title": text, "reason": text})
    assert len(written.subject.splitlines()) == 1
    assert len(written.subject) <= SUBJECT_MOST
    assert len(written.body.splitlines()) == len(plain.body.splitlines())


def test_fields_are_not_templates() -> None:
    assert "“Proteins $awarded_milli ${x}”" in letter(LetterKind.AWARDED, "en", FULL).subject


def test_an_unknown_language() -> None:
    with pytest.raises(UnknownName, match="ko"):
        letter(LetterKind.AWARDED, "fr", FULL)
