"""Every test here has a database and, if it asks, the programme of `tests.web.world` in it."""

from __future__ import annotations

import pytest

from tests.databases import database, prepared  # noqa: F401

prepared()  # before the modules here import Django's models


@pytest.fixture
def world(database):  # noqa: F811
    from tests.web.world import build

    return build()


@pytest.fixture(autouse=True)
def short_streams(monkeypatch):
    """Event streams that look often and end at once: some tests read whatever an address answers to its end."""
    from dure.web import stream

    for name, value in (("LONGEST_S", 0.1), ("POLL_S", 0.01), ("BEAT_S", 0.0)):
        monkeypatch.setattr(stream, name, value)


@pytest.fixture(autouse=True)
def nothing_remembered():
    """Each test has a database of its own, all by one name."""
    from dure.web.jobs import RECENT

    yield
    RECENT.clear()
