"""The journal and the closed months are only ever added to: triggers refuse every change and deletion.

A later migration that alters one of these tables on SQLite makes the table anew, without its triggers: it must end with
`RunPython(forbid)` of its own. A test changes a row of the migrated database to see that it cannot.
"""

from typing import Any

from django.db import migrations

TABLES = ("store_transfer", "store_closedmonth")


def forbid(apps: Any, editor: Any) -> None:
    """Make the triggers, in the words of the database at hand."""
    for table in TABLES:
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


class Migration(migrations.Migration):
    """Forward only."""

    dependencies = [("store", "0001_initial")]
    operations = [migrations.RunPython(forbid)]
