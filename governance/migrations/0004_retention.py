import django.contrib.postgres.fields
import django.db.models.deletion
import factory.kit.ids
from django.conf import settings
from django.db import migrations, models

ROWS_STAY = """
CREATE OR REPLACE FUNCTION governance_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""
#: Rows still stay, but for entries and places while `governance_prune` deletes them: it says so in a setting
#: of its transaction that holds the transaction's own number, and takes it back before it returns. Nothing
#: sets that by accident; an owner of the tables who wants to can drop the trigger as well.
PRUNED_ROWS_MAY_GO = """
CREATE OR REPLACE FUNCTION governance_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME IN ('governance_entry', 'governance_place')
       AND current_setting('plumbline.pruning', true) = pg_current_xact_id()::text THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""
#: Deletes at most `most` entries at the beginning of a log, all below `minimum`: with their places, with the
#: tiles that nothing above needs (c2sp.org/tlog-tiles, pruning: whose end index is not above), and with
#: the keys and bodies of their submissions. Returns how many went; 0 when there are none left.
PRUNE = """
CREATE FUNCTION governance_prune(the_log smallint, minimum bigint, most integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    said bigint;
    upto bigint;
    gone uuid[];
BEGIN
    SELECT max((convert_from(e.leaf, 'UTF8')::jsonb -> 'detail' ->> 'minimum_index')::bigint) INTO said
    FROM governance_entry e JOIN governance_place p ON p.entry_id = e.id
    WHERE e.action = 'log.pruned' AND e.outcome = 'success' AND p.log_id = the_log
      AND EXISTS (SELECT FROM governance_checkpoint c WHERE c.log_id = the_log AND c.size > p.index);
    IF said IS NULL OR said < minimum THEN
        RAISE EXCEPTION 'no entry that is signed says that the log is pruned below %', minimum
            USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT least(index + most, minimum) INTO upto FROM governance_place
    WHERE log_id = the_log AND index < minimum ORDER BY index LIMIT 1;
    IF upto IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM set_config('plumbline.pruning', pg_current_xact_id()::text, true);
    WITH places AS (
        DELETE FROM governance_place WHERE log_id = the_log AND index < upto RETURNING entry_id
    )
    SELECT array_agg(entry_id) INTO gone FROM places;
    DELETE FROM governance_entry WHERE id = ANY (gone);
    PERFORM set_config('plumbline.pruning', '', true);
    DELETE FROM lineage_bodykey WHERE submission_id = ANY (gone);
    UPDATE lineage_submission SET body = '' WHERE id = ANY (gone) AND octet_length(body) > 0;
    FOR lvl IN 0..6 LOOP
        DELETE FROM governance_tile
        WHERE log_id = the_log AND level = lvl AND number < (upto >> (8 * (lvl + 1)));
    END LOOP;
    RETURN cardinality(gone);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0003_verification"),
        ("lineage", "0004_bodies_may_go"),
    ]

    operations = [
        migrations.CreateModel(
            name="Tallied",
            fields=[
                (
                    "log",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="governance.log",
                    ),
                ),
                ("size", models.BigIntegerField(default=0)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="RetentionClass",
            fields=[
                ("id", models.SmallAutoField(primary_key=True, serialize=False)),
                ("name", models.TextField(unique=True)),
                ("months", models.PositiveSmallIntegerField(null=True)),
                ("least_months", models.PositiveSmallIntegerField(null=True)),
                ("basis", models.TextField()),
                ("shorter_because", models.TextField(blank=True)),
                (
                    "actions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "doors",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "sources",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "event_types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                ("rest", models.BooleanField(default=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("rest", True)), fields=("rest",), name="retention_one_rest"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("months", 0), _negated=True), name="retention_length_is_not_zero"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("months", None),
                            ("least_months", None),
                            ("months__gte", models.F("least_months")),
                            models.Q(("shorter_because", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="retention_shorter_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rest", False),
                            models.Q(("actions", []), ("doors", []), ("event_types", []), ("sources", [])),
                            _connector="OR",
                        ),
                        name="retention_rest_has_no_patterns",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=factory.kit.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("made_at", models.DateTimeField()),
                ("manifest", models.BinaryField()),
                ("note", models.TextField()),
                ("size", models.BigIntegerField()),
                (
                    "log",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="governance.log"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=factory.kit.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "scope",
                    models.TextField(
                        choices=[
                            ("everything", "Everything"),
                            ("node", "One node"),
                            ("source", "One source"),
                            ("time", "A time range"),
                        ]
                    ),
                ),
                ("node", models.TextField(blank=True)),
                ("source", models.TextField(blank=True)),
                ("begins_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                ("reason", models.TextField()),
                ("placed_at", models.DateTimeField()),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lifted_because", models.TextField(blank=True)),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "placed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("lifted_at", None)), fields=["placed_at"], name="hold_standing"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="hold_has_a_reason"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lifted_at", None), ("lifted_because", ""), ("lifted_by", None)),
                            models.Q(
                                ("lifted_at__isnull", False), models.Q(("lifted_because", ""), _negated=True)
                            ),
                            _connector="OR",
                        ),
                        name="hold_lifted_with_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("begins_at", None),
                                ("ends_at", None),
                                ("node", ""),
                                ("scope", "everything"),
                                ("source", ""),
                            ),
                            models.Q(
                                ("begins_at", None),
                                ("ends_at", None),
                                ("scope", "node"),
                                ("source", ""),
                                models.Q(("node", ""), _negated=True),
                            ),
                            models.Q(
                                ("begins_at", None),
                                ("ends_at", None),
                                ("node", ""),
                                ("scope", "source"),
                                models.Q(("source", ""), _negated=True),
                            ),
                            models.Q(
                                ("begins_at__lt", models.F("ends_at")),
                                ("node", ""),
                                ("scope", "time"),
                                ("source", ""),
                            ),
                            _connector="OR",
                        ),
                        name="hold_says_its_scope",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Pruning",
            fields=[
                ("id", models.UUIDField(default=factory.kit.ids.new_id, primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField(auto_now_add=True)),
                ("actor", models.JSONField()),
                ("asked_by", models.TextField()),
                ("total", models.BigIntegerField(null=True)),
                ("done", models.BigIntegerField(default=0)),
                ("alive_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("error", models.TextField(default="")),
                ("trial", models.BooleanField(default=False)),
                (
                    "stage",
                    models.TextField(
                        choices=[
                            ("planning", "Looking for the first entry that is kept"),
                            ("snapshot", "Making the snapshot"),
                            ("publishing", "Waiting for the log to say so in public"),
                            ("deleting", "Deleting"),
                            ("done", "Done"),
                        ],
                        default="planning",
                    ),
                ),
                ("counted_at", models.DateTimeField(null=True)),
                ("first_index", models.BigIntegerField(null=True)),
                ("minimum_index", models.BigIntegerField(null=True)),
                ("kept_by", models.TextField(default="")),
                ("entry_id", models.UUIDField(null=True)),
                (
                    "log",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="governance.log"
                    ),
                ),
                (
                    "snapshot",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.snapshot",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("finished_at", None)),
                        fields=["alive_at"],
                        name="pruning_unfinished",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at", None)),
                        fields=("trial",),
                        name="pruning_one_at_a_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField()),
                ("action", models.TextField()),
                ("door", models.TextField()),
                ("source", models.TextField()),
                ("event_types", models.TextField()),
                ("entries", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
                ("first_index", models.BigIntegerField()),
                (
                    "log",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.log",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("log", "month", "action", "door", "source", "event_types"),
                        name="tally_of_kind",
                    )
                ],
            },
        ),
        migrations.RunSQL(PRUNED_ROWS_MAY_GO, ROWS_STAY),
        migrations.RunSQL(PRUNE, "DROP FUNCTION governance_prune(smallint, bigint, integer)"),
    ]
