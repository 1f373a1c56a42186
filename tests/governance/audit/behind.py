"""Changes behind the back of the triggers, as the owner of the tables can make them."""

from django.db import connection

_GUARDED = ("governance_entry", "lineage_submission")


def change(statement: str) -> None:
    """Run a statement that the triggers of entries and submissions would refuse.

    Takes no right but the owner's, unlike session_replication_role.
    """
    with connection.cursor() as cursor:
        for table in _GUARDED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        for table in _GUARDED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
