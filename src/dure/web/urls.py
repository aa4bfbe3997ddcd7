"""Where everything is: the API under /api/, the staff pages under /admin/, and what those who run the service ask."""

from __future__ import annotations

from django.urls import path

from dure.web.admin import SITE
from dure.web.api import make_api
from dure.web.metrics import healthz, metrics, readyz

api = make_api()
urlpatterns = [
    path("api/", api.urls),
    path("admin/", SITE.urls),
    path("metrics", metrics),
    path("healthz", healthz),
    path("readyz", readyz),
]
