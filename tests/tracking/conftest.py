"""Tests of this folder take their database from one place."""

from tests.databases import database  # noqa: F401
