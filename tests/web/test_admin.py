"""The staff pages: to look at, by the same table; nothing that is decided or booked is changed there."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.web.test_requests import NASTY
from tests.web.world import World


@pytest.fixture
def staff(world: World) -> Any:
    """Sign in to the admin as somebody."""
    from django.contrib.auth.models import User

    def sign_in(user: str) -> Any:
        User.objects.filter(username=user).update(is_staff=True)
        world.client.force_login(User.objects.get(username=user))
        return world.client

    return sign_in


def _pages() -> list[tuple[Any, str]]:
    from dure.web.admin import SHOWN

    return [(model, f"admin:{model._meta.app_label}_{model._meta.model_name}") for model in SHOWN]


def test_the_office_sees_every_table_and_changes_none(staff: Any) -> None:
    client = staff("second")
    for model, name in _pages():
        assert client.get(reverse(f"{name}_changelist")).status_code == 200, model
        assert client.get(reverse(f"{name}_changelist") + "?q=alpha").status_code == 200, model
        assert client.get(reverse(f"{name}_add")).status_code == 403, model
        row = model.objects.first()
        if row is None:
            continue
        page = reverse(f"{name}_change", args=[row.pk])
        assert client.get(page).status_code == 200, model
        assert client.post(page, {"state": "awarded", "amount_milli": 1}).status_code == 403, model
        assert client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403, model
        assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize(("user", "sees"), [("stranger", set()), ("operator", {"application", "project", "member"})])
def test_others_see_what_their_role_reads_of_all(staff: Any, user: str, sees: set[str]) -> None:
    client = staff(user)
    there = {m._meta.model_name for m, name in _pages() if client.get(reverse(f"{name}_changelist")).status_code == 200}
    assert there == sees


def test_nobody_without_staff_gets_in(world: World) -> None:
    from django.contrib.auth.models import User

    world.client.force_login(User.objects.get(username="stranger"))
    assert world.client.get("/admin/").status_code == 302
    assert world.client.get("/admin/login/").status_code in (200, 302)


def test_accounts_are_edited_but_not_renamed_or_deleted(staff: Any) -> None:
    from django.contrib.auth.models import User

    User.objects.filter(username="office").update(is_staff=True, is_superuser=True)
    client, account = staff("office"), User.objects.get(username="stranger")
    page = reverse("admin:auth_user_change", args=[account.pk])
    given = {
        "username": "office2",
        "email": "new@example.org",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    assert client.post(page, given).status_code == 302
    account.refresh_from_db()
    assert (account.username, account.email, account.is_active) == ("stranger", "new@example.org", False)
    assert client.post(reverse("admin:auth_user_delete", args=[account.pk]), {"post": "yes"}).status_code == 403


def test_pages_escape_what_people_wrote_and_speak_korean(staff: Any, world: World) -> None:
    from dure.store.models import Application

    Application.objects.filter(id="open-gamma").update(project=NASTY[:90])
    client = staff("second")
    text = client.get(reverse("admin:store_application_changelist"), headers={"Accept-Language": "ko"}).content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "두레: 사업 운영" in text
    assert "공모" in client.get("/admin/", headers={"Accept-Language": "ko"}).content.decode()
    assert "programme office" in client.get("/admin/", headers={"Accept-Language": "en"}).content.decode()
