"""Tables that are only ever added to: triggers refuse every change and deletion.

A migration that alters such a table on SQLite makes the table anew, without its triggers: it must end with
`RunPython(append_only(...))` of its own. A test changes a row of the migrated database to see that it cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def append_only(*tables: str) -> Callable[[Any, Any], None]:
    """What a migration runs to forbid changes of these tables, in the words of the database at hand."""

    def forbid(apps: Any, editor: Any) -> None:
        for table in tables:
            if editor.connection.vendor == "sqlite":
                for event in ("UPDATE", "DELETE"):
                    editor.execute(
                        f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                    )
            else:
                editor.execute(
                    f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'restrict_violation'; END $$"
                )
                editor.execute(
                    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                    f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
                )

    return forbid
