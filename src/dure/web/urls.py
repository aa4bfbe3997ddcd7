"""Where everything is: the API under /api/, the staff pages under /admin/."""

from __future__ import annotations

from django.urls import path

from dure.web.admin import SITE
from dure.web.api import make_api

api = make_api()
urlpatterns = [path("api/", api.urls), path("admin/", SITE.urls)]
