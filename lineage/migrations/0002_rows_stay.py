"""The record is only ever added to: the database itself refuses to change or delete its rows."""

from django.db import migrations

RECORD = (
    "node",
    "statement",
    "claimfact",
    "edgefact",
    "submission",
    "reading",
    "usage",
    "measurement",
    "target",
    "revenue",
    "task",
)

REFUSE = """
CREATE FUNCTION lineage_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""
GUARD = """
CREATE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON lineage_{0}
FOR EACH STATEMENT EXECUTE FUNCTION lineage_rows_stay();
"""
UNGUARD = "DROP TRIGGER rows_stay ON lineage_{0};"


class Migration(migrations.Migration):
    dependencies = [("lineage", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION lineage_rows_stay();"),
        *(migrations.RunSQL(GUARD.format(name), UNGUARD.format(name)) for name in RECORD),
    ]
