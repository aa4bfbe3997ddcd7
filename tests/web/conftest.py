"""Every test here has a database and, if it asks, the programme of `tests.web.world` in it."""

from __future__ import annotations

import pytest

from tests.databases import database, prepared  # noqa: F401

prepared()  # before the modules here import Django's models


@pytest.fixture
def world(database):  # noqa: F811
    from tests.web.world import build

    return build()
