"""A submission's row stays for good, but a body whose key was destroyed may be emptied: nobody can read it."""

from django.db import migrations

ONLY_UNREADABLE_BODIES_GO = """
CREATE FUNCTION lineage_submission_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unchanged lineage_submission := NEW;
BEGIN
    unchanged.body := OLD.body;
    IF unchanged IS DISTINCT FROM OLD OR octet_length(NEW.body) > 0
       OR EXISTS (SELECT FROM lineage_bodykey WHERE submission_id = OLD.id) THEN
        RAISE EXCEPTION 'of a submission only a body without a key may go'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER rows_stay ON lineage_submission;
CREATE TRIGGER rows_stay BEFORE DELETE ON lineage_submission
    FOR EACH STATEMENT EXECUTE FUNCTION lineage_rows_stay();
CREATE TRIGGER bodies_stay BEFORE UPDATE ON lineage_submission
    FOR EACH ROW EXECUTE FUNCTION lineage_submission_stays();
"""
NOTHING_GOES = """
DROP TRIGGER bodies_stay ON lineage_submission;
DROP TRIGGER rows_stay ON lineage_submission;
CREATE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON lineage_submission
    FOR EACH STATEMENT EXECUTE FUNCTION lineage_rows_stay();
DROP FUNCTION lineage_submission_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("lineage", "0003_sources_watched")]

    operations = [migrations.RunSQL(ONLY_UNREADABLE_BODIES_GO, NOTHING_GOES)]
