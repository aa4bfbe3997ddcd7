"""Letters: written from templates in the reader's language, queued as mail, each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dure.accounting.burn import Against, Notice, Period, burn_of
from dure.accounting.clawback import Act
from dure.accounting.clawback import Action as Taking
from dure.app.access import Action, Actor, require
from dure.ledger.model import Standing
from dure.programme import letters
from dure.programme.letters import LetterKind
from dure.programme.model import Call, Text
from dure.store import models
from dure.units import DAY_S

APPEAL_DAYS = 14
_OFFICE = Text("프로그램 사무국", "the programme office")
_NOTICE = Text("[두레] {project} 과제 자원 사용 안내", "[Dure] About the use of {project}'s award")


def queue(row: models.Application, kind: LetterKind, call: Call, now: int, *, amount: int = 0, **more: Any) -> None:
    """Queue the letter about a decision to the lead of an application."""
    award = models.Award.objects.filter(application=row).first()
    if award is not None:
        more = {"starts_utc_s": award.from_utc_s, "ends_utc_s": award.to_utc_s, **more}
    reason = row.decision.get("why") or {"ko": row.decision.get("ko", ""), "en": row.decision.get("en", "")}
    fields = {
        **_of(row, call),
        "call": call.title,
        "title": row.document["title"],
        "rule": call.rule,
        "reason": Text(**reason),
        "asked_milli": int(row.decision.get("asked_milli", 0)),
        "awarded_milli": amount,
        "score_milli": row.score_milli or 0,
        "others": row.decision.get("others", {}),
        "reserve_rank": row.reserve_rank,
        "appeal_at": f"dure award appeal {row.id} · POST /api/applications/{row.id}/appeal",
        "appeal_until_utc_s": now + APPEAL_DAYS * DAY_S,
        **more,
    }
    language = language_of(row)
    keep(f"{kind}/{row.id}/{now}", row.lead, language, kind, row.id, letters.letter(kind, language, fields), now)


def tell_use(award: models.Award, call: Call, standing: Standing, notice: Notice, now: int) -> None:
    """Queue the letter about a level that a project's use has reached."""
    row = award.application
    key = f"usage/{award.pk}/{notice.key}"
    if notice.against is not Against.AWARD:
        keep_notice(row, key, notice.sentence, now)
        return
    period = Period(award.from_utc_s, award.to_utc_s)
    fields = {
        **_of(row, call),
        "awarded_milli": notice.of,
        "used_milli": notice.used,
        "left_milli": notice.left,
        "over_milli": max(0, notice.used - notice.of),
        "ends_utc_s": award.to_utc_s,
        "days_left": burn_of(standing, period, now).days_left(notice.left) or 0,
    }
    kind, language = LetterKind(f"usage_{notice.level // 10}"), language_of(row)
    keep(key, row.lead, language, kind, row.id, letters.letter(kind, language, fields), now)


def tell_taking(award: models.Award, call: Call, standing: Standing, action: Taking, now: int) -> None:
    """Queue the warning that idle units will be taken back, or the notice that they were."""
    row, key = award.application, f"clawback/{action.key}"
    if action.act is Act.TAKE:
        keep_notice(row, key, action.sentence, now)
        return
    award_milli, used = standing.granted - standing.lost - standing.expired, standing.spent - standing.refunded
    office = _of(row, call)
    fields = {
        **office,
        "exempt_at": office["contact"],
        "awarded_milli": award_milli,
        "used_milli": used,
        "used_percent": used * 100 // award_milli if award_milli else 0,
        "left_milli": standing.remaining,
        "takes_milli": action.milli_units,
        "takes_utc_s": action.due_utc_s,
        "reason": Text(action.sentence("ko"), action.sentence("en")),
        "exempt_until_utc_s": action.due_utc_s,
    }
    language = language_of(row)
    letter = letters.letter(LetterKind.CLAWBACK, language, fields)
    keep(key, row.lead, language, LetterKind.CLAWBACK, row.id, letter, now)


def keep_notice(row: models.Application, key: str, sentence: Callable[[str], str], now: int) -> None:
    """Queue a notice of one sentence to the lead of a project."""
    language = language_of(row)
    letter = letters.Letter(_NOTICE.in_language(language).format(project=row.project), sentence(language))
    keep(key, row.lead, language, "notice", row.id, letter, now)


def language_of(row: models.Application) -> str:
    """Korean for applicants from Korea, English for others."""
    return "ko" if row.document["institution"]["country"] == "KR" else "en"


def keep(key: str, user: str, language: str, kind: str, about: str, letter: letters.Letter, now: int) -> bool:
    """Put a letter into the queue, unless one of the same key is there; whether it was put."""
    _, new = models.Letter.objects.get_or_create(
        key=key,
        defaults={
            "user": user, "language": language, "kind": kind, "about": about, "subject": letter.subject,
            "body": letter.body, "queued_utc_s": now,
        },
    )  # fmt: skip
    return bool(new)


def letters_of(actor: Actor, *, after: int = 0, limit: int = 1000) -> list[models.Letter]:
    """Letters of the queue after one, oldest first: all for the office, one's own for others."""
    require(actor, Action.READ_LETTER)
    rows = models.Letter.objects.filter(id__gt=after).order_by("id")
    return list((rows if actor.sees(Action.READ_LETTER) else rows.filter(user=actor.user))[:limit])


def _of(row: models.Application, call: Call) -> dict[str, Any]:
    programme = models.Programme.objects.first()
    return {
        "zone": call.zone,
        "programme": programme.name if programme else "Dure",
        "contact": (programme and programme.contact) or _OFFICE,
        "applicant": row.lead,
        "application": row.id,
        "project": row.project,
    }
