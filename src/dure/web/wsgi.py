"""The WSGI application, for any server: set DURE_DATABASE_URL, DURE_SECRET_KEY and DURE_HOSTS, then `dure.web.wsgi:application`."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from dure.app.database import setup

setup(web=True)
application = get_wsgi_application()
