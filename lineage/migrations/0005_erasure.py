"""What is about a person can be erased, by one function of the database that leaves a trace of it."""

import uuid
from django.db import migrations, models

#: Only inside `lineage_erase` may rows of the record change: while it runs it sets plumbline.erasing, and a
#: row of this very transaction says what it does.
ERASING = """
CREATE FUNCTION lineage_is_erasing() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_setting('plumbline.erasing', true) = 'yes'
       AND EXISTS (SELECT FROM lineage_erased WHERE at = now())
$$;
CREATE OR REPLACE FUNCTION lineage_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME <> 'lineage_erased' AND lineage_is_erasing() THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE FUNCTION lineage_submission_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unchanged lineage_submission := NEW;
BEGIN
    unchanged.body := OLD.body;
    IF lineage_is_erasing() THEN
        unchanged.headers := OLD.headers;
        IF unchanged IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    IF unchanged IS DISTINCT FROM OLD OR octet_length(NEW.body) > 0
       OR EXISTS (SELECT FROM lineage_bodykey WHERE submission_id = OLD.id) THEN
        RAISE EXCEPTION 'of a submission only a body without a key may go'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON lineage_erased
FOR EACH STATEMENT EXECUTE FUNCTION lineage_rows_stay();
"""
#: Whoever calls it needs no right to change the tables; it can do nothing but make unreadable.
ERASE = """
CREATE FUNCTION lineage_erase(
    erasure uuid, by text, what jsonb,
    destroyed uuid[],
    rest_of uuid[], rests bytea[], rest_keys bytea[],
    readings bigint[], identities text[], retractions text[],
    statements bigint[], said bytea[],
    nodes bigint[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM set_config('plumbline.erasing', 'yes', true);
    INSERT INTO lineage_erased (erasure, by, what) VALUES (erasure, by, what);

    DELETE FROM lineage_bodykey WHERE submission_id = ANY (destroyed);
    UPDATE lineage_submission SET body = '', headers = '{}' WHERE id = ANY (destroyed);
    UPDATE lineage_submission b SET body = r.body
    FROM unnest(rest_of, rests) AS r(id, body) WHERE b.id = r.id;
    UPDATE lineage_bodykey k SET wrapped = r.wrapped
    FROM unnest(rest_of, rest_keys) AS r(id, wrapped) WHERE k.submission_id = r.id;

    UPDATE lineage_reading r
    SET code = 'erased', reason = '', pointer = '', digest = NULL, identity_id = e.identity,
        retracts_id = e.retracts
    FROM unnest(readings, identities, retractions) AS e(id, identity, retracts) WHERE r.id = e.id;
    UPDATE lineage_numbered n SET event = e.identity
    FROM unnest(readings, identities) AS e(id, identity) WHERE n.reading_id = e.id AND e.identity IS NOT NULL;

    UPDATE lineage_statement s SET body = e.body
    FROM unnest(statements, said) AS e(id, body) WHERE s.id = e.id;
    UPDATE lineage_node SET name = 'erased-' || id
    WHERE id = ANY (nodes) AND kind IN ('outcome', 'user');

    UPDATE lineage_usage SET tags = '{}' WHERE reading_id = ANY (readings) AND tags <> '{}';
    UPDATE lineage_measurement SET basis = '{}',
        subject = CASE WHEN subject ~ '^(outcome|user):' THEN '' ELSE subject END
    WHERE reading_id = ANY (readings);
    UPDATE lineage_target SET source = '',
        subject = CASE WHEN subject ~ '^(outcome|user):' THEN '' ELSE subject END
    WHERE reading_id = ANY (readings);
    PERFORM set_config('plumbline.erasing', 'no', true);
END $$;
"""
BACK = """
DROP FUNCTION lineage_erase(uuid, text, jsonb, uuid[], uuid[], bytea[], bytea[], bigint[], text[], text[],
                            bigint[], bytea[], bigint[]);
DROP TRIGGER rows_stay ON lineage_erased;
CREATE OR REPLACE FUNCTION lineage_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE FUNCTION lineage_submission_stays() RETURNS trigger LANGUAGE plpgsql AS $$
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
DROP FUNCTION lineage_is_erasing();
"""


class Migration(migrations.Migration):
    dependencies = [("lineage", "0004_bodies_may_go")]

    operations = [
        migrations.CreateModel(
            name="Mention",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "about",
                        "submission_id",
                        "index",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("about", models.BinaryField()),
                ("submission_id", models.UUIDField()),
                ("index", models.IntegerField()),
                ("is_outcome", models.BooleanField()),
            ],
            options={
                "indexes": [models.Index(fields=["submission_id", "index"], name="mention_of_event")],
            },
        ),
        migrations.CreateModel(
            name="Erased",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("erasure", models.UUIDField(db_index=True, default=uuid.uuid4)),
                ("at", models.DateTimeField(db_default=models.Func(function="now"), db_index=True)),
                ("by", models.TextField()),
                ("what", models.JSONField()),
            ],
        ),
        migrations.RunSQL(ERASING, migrations.RunSQL.noop),
        migrations.RunSQL(ERASE, BACK),
    ]
