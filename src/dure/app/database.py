"""The database: one setting, `DURE_DATABASE_URL`, read once. SQLite in the working folder unless it says otherwise.

sqlite:///programme.db              a file (three slashes: relative; four: absolute), in WAL mode
postgresql://user:secret@host/name  PostgreSQL, through a pool of connections
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dure.errors import InputError, MissingTool

DEFAULT_URL = "sqlite:///programme.db"
_ACCEPTED = "sqlite:///programme.db or postgresql://user:secret@host/name"
# Durable on every commit, readers never wait for the writer, and a writer takes its lock before it reads.
_SQLITE_START = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
_WAIT_S = 30  # for the writer before us


def setup(environ: Mapping[str, str] | None = None, *, web: bool = False) -> None:
    """Make Django ready, once a process; with `web`, for the API's own pages too, which takes longer.

    Raises InputError for a bad URL, MissingTool where psycopg is absent.
    """
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(**django_settings(os.environ if environ is None else environ, web=web))
        django.setup()


def django_settings(environ: Mapping[str, str], *, web: bool = False) -> dict[str, Any]:
    """Django's settings from the environment."""
    return {
        "DATABASES": {"default": database(environ.get("DURE_DATABASE_URL") or DEFAULT_URL)},
        "INSTALLED_APPS": [
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "dure.store",
            *(["ninja"] if web else []),  # the pages of /api/docs, from the wheel
        ],
        "MIDDLEWARE": [
            "dure.web.problems.Problems",
            "django.middleware.security.SecurityMiddleware",
            "whitenoise.middleware.WhiteNoiseMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.locale.LocaleMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        "ROOT_URLCONF": "dure.web.urls",
        "AUTH_USER_MODEL": "auth.User",
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "LANGUAGE_CODE": "en",
        "LANGUAGES": [("ko", "한국어"), ("en", "English")],
        "TIME_ZONE": "UTC",
        "USE_TZ": True,
        "STATIC_URL": "/static/",
        "WHITENOISE_USE_FINDERS": True,  # nothing to collect: the admin's files come from the wheel
        "SECRET_KEY": environ.get("DURE_SECRET_KEY") or _secret_key(),
        "ALLOWED_HOSTS": (environ.get("DURE_HOSTS") or "localhost,127.0.0.1,[::1]").split(","),
        "SESSION_COOKIE_HTTPONLY": True,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "DATA_UPLOAD_MAX_MEMORY_SIZE": 16 * 2**20,
    }


def database(url: str) -> dict[str, Any]:
    """Django's entry for one database URL."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and parts.path.strip("/"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(unquote(parts.path[1:]))),
            "OPTIONS": {"timeout": _WAIT_S, "transaction_mode": "IMMEDIATE", "init_command": _SQLITE_START},
        }
    if parts.scheme in ("postgresql", "postgres") and parts.path.strip("/"):
        try:
            import psycopg  # noqa: F401  only to say early, and plainly, that it is absent
        except ImportError:
            raise MissingTool("PostgreSQL needs psycopg: pip install 'dure[postgres]'") from None
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path[1:]),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": parts.port or "",
            # Statements that come again are planned once a connection: half of a small read was planning.
            "OPTIONS": {
                "pool": {"min_size": 1, "max_size": 16, "timeout": _WAIT_S},
                "server_side_binding": True,
                "prepare_threshold": 3,
            },
        }
    raise InputError("not a database URL", field="DURE_DATABASE_URL", accepted=_ACCEPTED)  # a secret may be in it


def _secret_key() -> str:
    """A key for this process alone: sessions end with it. A service sets DURE_SECRET_KEY."""
    from django.core.management.utils import get_random_secret_key

    key: str = get_random_secret_key()
    return key
