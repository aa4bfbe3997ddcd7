"""Letters of the programme office, in Korean and English: decisions, notices before anything is taken, usage notices.

A letter is a template with named fields, all needed, and every field is printed in one fixed way (`FIELDS`): units with
separators and one decimal, scores in points, moments in the zone of the call. Texts are put on one line, so that no title
can forge a line of a letter or a header of a mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from string import Template
from typing import Any, Final
from zoneinfo import ZoneInfo

from dure.errors import InputError, UnknownName
from dure.programme.model import Text
from dure.units import MILLI

LANGUAGES: Final = ("ko", "en")
SUBJECT_MOST: Final = 200  # characters
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class LetterKind(StrEnum):
    """What a letter says."""

    AWARDED = "awarded"
    RESERVE = "reserve"
    DECLINED = "declined"
    INELIGIBLE = "ineligible"
    RAPID = "rapid"  # a small ask, granted without review
    PROMOTED = "promoted"  # from the reserve list
    EXTENDED = "extended"
    CLAWBACK = "clawback"  # two weeks before idle units are taken back
    USAGE_80 = "usage_80"
    USAGE_100 = "usage_100"
    USAGE_120 = "usage_120"


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, ready to be sent: a subject of one line and a body of plain text."""

    subject: str
    body: str


def letter(kind: LetterKind, language: str, fields: Mapping[str, Any]) -> Letter:
    """The letter of this kind in `ko` or `en`. `fields` may hold more than `needs(kind)`, in the types of `FIELDS`.

    Raises InputError that names the fields that are missing, UnknownName for another language.
    """
    if language not in LANGUAGES:
        raise UnknownName("language", language, LANGUAGES)
    missing = sorted(name for name in needs(kind) if fields.get(name) is None)
    if missing:
        raise InputError(f"a letter of kind {kind} lacks {', '.join(missing)}", field=missing[0], accepted="a value")
    zone = ZoneInfo(str(fields["zone"]))
    shown = {name: FIELDS[name](fields[name], language, zone) for name in needs(kind)}
    subject, body = (Template(part).substitute(shown) for part in _parts(kind, language))
    return Letter(subject if len(subject) <= SUBJECT_MOST else subject[: SUBJECT_MOST - 1] + "…", body)


def needs(kind: LetterKind) -> frozenset[str]:
    """The fields that a letter of this kind needs; `zone` among them."""
    subject, body = _parts(kind, "en")
    return frozenset({"zone", *Template(subject + body).get_identifiers()})


def _units(amount: int, language: str, zone: ZoneInfo) -> str:
    tenths = (abs(amount) * 10 * 2 + MILLI) // (2 * MILLI)
    sign = "-" if amount < 0 < tenths else ""
    return f"{sign}{tenths // 10:,}.{tenths % 10} {'유닛' if language == 'ko' else 'units'}"


def _points(score: int, language: str, zone: ZoneInfo) -> str:
    return f"{score // MILLI}.{score % MILLI:03}"


def _text(text: Text | str, language: str, zone: ZoneInfo) -> str:
    return " ".join((text.in_language(language) if isinstance(text, Text) else str(text)).split())


def _number(number: int, language: str, zone: ZoneInfo) -> str:
    return f"{number:,}"


def _day(moment: int, language: str, zone: ZoneInfo) -> str:
    return _date(datetime.fromtimestamp(moment, zone), language)


def _last_day(moment: int, language: str, zone: ZoneInfo) -> str:
    """The day that ends at or before the first moment after."""
    return _day(moment - 1, language, zone)


def _deadline(moment: int, language: str, zone: ZoneInfo) -> str:
    """The first moment at which it is too late; a midnight is the 24:00 of the day that it ends."""
    local = datetime.fromtimestamp(moment, zone)
    midnight = (local.hour, local.minute) == (0, 0)
    day, time = (local - timedelta(days=1), "24:00") if midnight else (local, f"{local:%H:%M}")
    joint = " " if language == "ko" else ", "
    return f"{_date(day, language)}{joint}{time} ({zone.key})"


def _date(day: datetime, language: str) -> str:
    if language == "ko":
        return f"{day.year}년 {day.month}월 {day.day}일"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _others(amounts: Mapping[Text | str, int], language: str, zone: ZoneInfo) -> str:
    """One line for each other rule: its name and what it would have given."""
    none = "  (없음)" if language == "ko" else "  (none)"
    lines = (f"  {_text(rule, language, zone)}: {_units(n, language, zone)}" for rule, n in amounts.items())
    return "\n".join(lines) or none


FIELDS: Final[dict[str, Callable[[Any, str, ZoneInfo], str]]] = {
    "zone": _text,  # IANA name of the zone in which moments are shown
    "programme": _text,  # name of the programme, which signs
    "contact": _text,  # where to ask
    "applicant": _text,  # whom it is written to
    "application": _text,  # its id
    "call": _text,  # its title
    "title": _text,  # of the application
    "project": _text,
    "rule": _text,  # name of the rule that decided
    "reason": _text,  # the one reason, a whole sentence
    "asked_milli": _units,
    "awarded_milli": _units,
    "score_milli": _points,
    "others": _others,  # name of each other rule -> milli-units it would have given
    "reserve_rank": _number,
    "starts_utc_s": _day,
    "ends_utc_s": _last_day,  # first moment after
    "before_utc_s": _last_day,  # first moment after the end as it was before an extension
    "appeal_at": _text,  # where to appeal: an address
    "appeal_until_utc_s": _deadline,  # first moment at which it is too late
    "used_milli": _units,
    "left_milli": _units,
    "over_milli": _units,
    "used_percent": _number,  # of the award
    "days_left": _number,  # at the current rate of use
    "takes_milli": _units,  # what will be taken back
    "takes_utc_s": _day,
    "exempt_at": _text,  # where to ask for an exemption
    "exempt_until_utc_s": _deadline,
}


def _parts(kind: LetterKind, language: str) -> tuple[str, str]:
    """Templates of subject and body."""
    (subject, text), frame = _LETTERS[kind][language], _FRAMES[language]
    whole = Template(frame[1]).safe_substitute(text=text)
    return Template(frame[0]).safe_substitute(subject=subject), Template(whole).safe_substitute(_PIECES[language])


_FRAMES: Final = {
    "ko": ("[$programme] $subject", "$applicant 귀하\n\n$text\n\n문의: $contact\n\n$programme 드림\n"),
    "en": ("[$programme] $subject", "Dear $applicant,\n\n$text\n\nQuestions: $contact\n\n$programme\n"),
}

# Pieces that several letters share: ${_name} in a text.
_PIECES: Final = {
    "ko": {
        "_about": "$call 공모에 신청하신 과제 「$title」(신청 번호 $application)의 심사 결과를 알려 드립니다.",
        "_figures": "  신청량: $asked_milli\n  배정량: $awarded_milli\n  평가 점수: $score_milli점\n  사유: $reason",
        "_period": "  사용 기간: $starts_utc_s부터 $ends_utc_s까지",
        "_others": "적용한 배정 규칙은 '$rule'입니다. 다른 규칙에서는 배정량이 다음과 같습니다.\n$others",
        "_appeal": "이 결정에 이의가 있으시면 $appeal_until_utc_s 전까지 다음 창구로 이의를 신청하실 수 있습니다.\n  $appeal_at",
        "_usage": "과제 $project의 사용 현황을 알려 드립니다.\n\n"
        "  배정량: $awarded_milli\n  사용량: $used_milli\n  사용 종료일: $ends_utc_s",
    },
    "en": {
        "_about": "this is the decision on your application “$title” (number $application) to the call $call.",
        "_figures": "  Asked for: $asked_milli\n  Awarded: $awarded_milli\n  Score: $score_milli points\n  Reason: $reason",
        "_period": "  Period of use: $starts_utc_s to $ends_utc_s, both days included",
        "_others": "The award rule that was applied is “$rule”. Other rules would have given:\n$others",
        "_appeal": "If you object to this decision, you may appeal before $appeal_until_utc_s at\n  $appeal_at",
        "_usage": "this is how project $project stands.\n\n"
        "  Awarded: $awarded_milli\n  Used: $used_milli\n  Last day of use: $ends_utc_s",
    },
}  # fmt: skip

_LETTERS: Final[dict[LetterKind, dict[str, tuple[str, str]]]] = {
    LetterKind.AWARDED: {
        "ko": (
            "과제 배정 안내 ($application): 「$title」",
            "${_about} 귀 과제는 배정 대상으로 선정되었습니다.\n\n${_figures}\n${_period}\n\n${_others}\n\n${_appeal}",
        ),
        "en": (
            "Your application $application was awarded: “$title”",
            "${_about} It was awarded.\n\n${_figures}\n${_period}\n\n${_others}\n\n${_appeal}",
        ),
    },
    LetterKind.RESERVE: {
        "ko": (
            "예비 과제 선정 안내 ($application): 「$title」",
            "${_about} 귀 과제는 예비 과제로 선정되었으며, 예비 순위는 $reserve_rank번입니다. 자원에 여유가 생기면 "
            "순위에 따라 배정되며, 이 경우 따로 알려 드립니다.\n\n${_figures}\n\n${_others}\n\n${_appeal}",
        ),
        "en": (
            "Your application $application is on the reserve list: “$title”",
            "${_about} It is number $reserve_rank on the reserve list. If units come free, they are awarded in the "
            "order of the list, and you will hear from us.\n\n${_figures}\n\n${_others}\n\n${_appeal}",
        ),
    },
    LetterKind.DECLINED: {
        "ko": (
            "과제 미선정 안내 ($application): 「$title」",
            "${_about} 아쉽게도 귀 과제는 배정 대상으로 선정되지 않았습니다.\n\n${_figures}\n\n${_others}\n\n${_appeal}",
        ),
        "en": (
            "Your application $application was not awarded: “$title”",
            "${_about} We regret that it was not awarded.\n\n${_figures}\n\n${_others}\n\n${_appeal}",
        ),
    },
    LetterKind.INELIGIBLE: {
        "ko": (
            "신청 자격 검토 결과 안내 ($application): 「$title」",
            "$call 공모에 신청하신 과제 「$title」(신청 번호 $application)의 자격을 검토한 결과, 다음 사유로 심사 대상에 "
            "포함되지 않았음을 알려 드립니다.\n\n"
            "  사유: $reason\n\n${_appeal}",
        ),
        "en": (
            "Your application $application cannot be reviewed: “$title”",
            "your application “$title” (number $application) to the call $call is not let in to review, for this reason.\n\n"
            "  Reason: $reason\n\n${_appeal}",
        ),
    },
    LetterKind.RAPID: {
        "ko": (
            "신속 배정 안내 ($application): 「$title」",
            "신청하신 과제 「$title」(신청 번호 $application)의 경우 소규모 신청에 해당하여 심사 없이 배정되었습니다.\n\n"
            "  과제명: $project\n  배정량: $awarded_milli\n${_period}",
        ),
        "en": (
            "Your application $application was granted: “$title”",
            "your application “$title” (number $application) is small enough to be granted without review.\n\n"
            "  Project: $project\n  Awarded: $awarded_milli\n${_period}",
        ),
    },
    LetterKind.PROMOTED: {
        "ko": (
            "예비 과제 배정 안내 ($application): 「$title」",
            "$call 공모의 예비 과제였던 「$title」(신청 번호 $application)에 자원이 배정되었습니다.\n\n"
            "  신청량: $asked_milli\n  배정량: $awarded_milli\n  사유: $reason\n${_period}",
        ),
        "en": (
            "Your application $application was awarded from the reserve list: “$title”",
            "your application “$title” (number $application) to the call $call was on the reserve list and has now been "
            "awarded.\n\n  Asked for: $asked_milli\n  Awarded: $awarded_milli\n  Reason: $reason\n${_period}",
        ),
    },
    LetterKind.EXTENDED: {
        "ko": (
            "사용 기간 연장 안내: 과제 $project",
            "과제 $project의 사용 기간이 연장되었습니다.\n\n  기존 종료일: $before_utc_s\n  변경된 종료일: $ends_utc_s\n"
            "  잔여량: $left_milli\n  사유: $reason\n\n연장으로 배정량이 늘어나지는 않습니다.",
        ),
        "en": (
            "Project $project is extended",
            "project $project may be used for longer.\n\n  Last day until now: $before_utc_s\n  New last day: $ends_utc_s\n"
            "  Units left: $left_milli\n  Reason: $reason\n\nAn extension adds no units.",
        ),
    },
    LetterKind.CLAWBACK: {
        "ko": (
            "미사용 자원 회수 예고: 과제 $project",
            "과제 $project의 사용률이 기준에 미치지 못하여 $takes_utc_s에 배정량의 일부를 회수할 예정입니다.\n\n"
            "  배정량: $awarded_milli\n  사용량: $used_milli ($used_percent%)\n  잔여량: $left_milli\n"
            "  회수 예정량: $takes_milli\n  기준: $reason\n\n"
            "면제 사유가 있으시면 $exempt_until_utc_s 전까지 다음 창구로 면제를 신청해 주시기 바랍니다.\n  $exempt_at",
        ),
        "en": (
            "Notice: idle units of project $project will be taken back",
            "project $project has used less than it should have by now. On $takes_utc_s part of its award will be taken "
            "back.\n\n  Awarded: $awarded_milli\n  Used: $used_milli ($used_percent%)\n  Units left: $left_milli\n"
            "  To be taken back: $takes_milli\n  Rule: $reason\n\n"
            "If there is a reason to exempt it, please ask before $exempt_until_utc_s at\n  $exempt_at",
        ),
    },
    LetterKind.USAGE_80: {
        "ko": (
            "배정량 80% 사용 안내: 과제 $project",
            "${_usage}\n  잔여량: $left_milli\n\n배정량의 80% 이상을 사용하셨습니다. 최근 사용 속도가 이어지면 잔여량은 "
            "$days_left일 뒤에 소진됩니다. 더 필요하시면 추가 배정을 신청하실 수 있습니다.",
        ),
        "en": (
            "Project $project has used 80% of its award",
            "${_usage}\n  Units left: $left_milli\n\nMore than 80% of the award is used. At the current rate the rest lasts "
            "for $days_left days. If you need more, you may apply for a supplement.",
        ),
    },
    LetterKind.USAGE_100: {
        "ko": (
            "배정량 소진 안내: 과제 $project",
            "${_usage}\n\n배정량을 모두 사용하셨습니다. 잔여량이 생기기 전에는 새 작업이 시작되지 않습니다. "
            "더 필요하시면 추가 배정을 신청하실 수 있습니다.",
        ),
        "en": (
            "Project $project has used its whole award",
            "${_usage}\n\nThe whole award is used. No new job starts before there are units again. "
            "If you need more, you may apply for a supplement.",
        ),
    },
    LetterKind.USAGE_120: {
        "ko": (
            "배정량 초과 사용 안내: 과제 $project",
            "${_usage}\n  초과량: $over_milli\n\n사용량이 배정량의 120%를 넘었습니다. 초과분의 처리에 대해 "
            "아래 문의처로 연락해 주시기 바랍니다.",
        ),
        "en": (
            "Project $project has used 120% of its award",
            "${_usage}\n  Over the award: $over_milli\n\nMore than 120% of the award is used. Please write to us about how the "
            "excess is to be settled.",
        ),
    },
}  # fmt: skip
