"""The staff pages: everything to be looked at, by the same table of who may read what; only accounts are edited here.

What is decided or booked is changed by the use cases alone (API, command line), so no page adds, changes or deletes it.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import lazystr
from django.utils.translation import get_language

from dure.app.access import Action, Actor, Reach
from dure.app.people import actor_of
from dure.store import models
from dure.store.models.ledger import Account, ClosedMonth, Transfer

A = Action
# What may be read by whom, its name in Korean, and the columns of its list; the first is searched.
SHOWN: Final[dict[type[Model], tuple[Action, str, tuple[str, ...]]]] = {
    models.Call: (A.EDIT_CALL, "공모", ("id", "state", "beacon_value")),
    models.Application: (A.READ_APPLICATION, "신청", ("id", "call", "project", "lead", "state", "score_milli")),
    models.Reviewer: (A.READ_REVIEW, "심사위원", ("user",)),
    models.Review: (A.READ_REVIEW, "심사", ("reviewer", "application", "due_utc_s", "submitted_utc_s", "declined")),
    models.Trial: (A.TRY_AWARDS, "배정 모의", ("rule", "seq", "call", "by", "at_utc_s", "published")),
    models.Award: (A.READ_AWARD, "배정", ("application__id", "project", "amount_milli", "to_utc_s", "ended")),
    models.Project: (A.READ_BALANCE, "과제", ("id", "title", "institution", "country", "stopped")),
    models.Member: (A.READ_BALANCE, "참여자", ("user", "project", "role")),
    models.Grant: (A.GRANT_ROLE, "역할", ("user", "role", "project")),
    models.Proposal: (A.READ_LEDGER, "제안", ("by", "seq", "kind", "second", "agreed_utc_s", "refused")),
    models.Letter: (A.READ_LETTER, "통지문", ("user", "kind", "about", "subject", "sent_utc_s")),
    models.Happening: (A.READ_LEDGER, "이력", ("about", "seq", "kind", "event", "before", "after", "by", "at_utc_s")),
    Transfer: (A.READ_LEDGER, "원장 분개", ("entry_id", "seq", "debit", "credit", "amount", "asset", "at_utc_s")),
    Account: (A.READ_LEDGER, "원장 계정", ("name", "asset", "credits", "debits", "pending_debits")),
    ClosedMonth: (A.READ_LEDGER, "마감한 달", ("month", "entries", "by")),
}
_KOREAN: Final = {m._meta.object_name: korean for m, (_, korean, _) in SHOWN.items()} | {
    "User": "계정",
    "Group": "그룹",
}


def both(en: str, ko: str) -> Any:
    """A text in the reader's language, chosen when it is shown."""
    return lazystr(_Both(en, ko))


class _Both:
    def __init__(self, en: str, ko: str) -> None:
        self.en, self.ko = en, ko

    def __str__(self) -> str:
        return self.ko if get_language() == "ko" else self.en


class Staff(admin.AdminSite):
    """The staff pages."""

    site_header = site_title = both("Dure: programme office", "두레: 사업 운영")
    index_title = both("Records", "기록")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """The index, with names in Korean for those who read it."""
        apps: list[dict[str, Any]] = super().get_app_list(request, app_label)
        if get_language() == "ko":
            for entry in (entry for app in apps for entry in app["models"]):
                entry["name"] = _KOREAN.get(entry["object_name"], entry["name"])
        return apps


class ReadOnly(admin.ModelAdmin):
    """A table to look at, for whoever may read all of it."""

    actions = None
    show_full_result_count = False
    list_per_page = 50

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By the table of `dure.app.access`."""
        return bool(request.user.is_staff) and _actor(request).reach(SHOWN[self.model][0]) is Reach.ALL

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Shown in the index to whoever may look at it."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


class Accounts(UserAdmin):
    """Accounts. A name stands in the records for ever: it is not changed, and its account is closed, not deleted."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The name, once it is given."""
        return (*super().get_readonly_fields(request, obj), *(("username",) if obj else ()))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


def _actor(request: HttpRequest) -> Actor:
    if not hasattr(request, "actor"):
        request.actor = actor_of(request.user.get_username())
    found: Actor = request.actor
    return found


SITE: Final = Staff(name="admin")
SITE.register(User, Accounts)
SITE.register(Group, GroupAdmin)
for _model, _shown in SHOWN.items():
    _columns = _shown[2]
    _settings = {"list_display": _columns, "search_fields": (_columns[0],), "ordering": ("pk",)}
    SITE.register(_model, type(f"{_model.__name__}Admin", (ReadOnly,), _settings))
