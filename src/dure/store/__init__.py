"""Django models and forward-only migrations; rows in, dataclasses out. SQLite by default, PostgreSQL by one setting."""
