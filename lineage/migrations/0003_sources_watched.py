import django.db.models.deletion
from django.db import migrations, models


# Numbers of events are facts: see the migration before.
GUARD = """
CREATE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON lineage_numbered
FOR EACH STATEMENT EXECUTE FUNCTION lineage_rows_stay();
"""
# What was counted by source only, by the hour; an event that was read again was sent once.
COUNT = """
INSERT INTO lineage_sourcehour (door, name, hour, accepted, repeated, quarantined)
SELECT door, source, hour, count(*) FILTER (WHERE outcome = 'accepted'),
       count(*) FILTER (WHERE outcome = 'repeated'), count(*) FILTER (WHERE outcome = 'quarantined')
FROM (SELECT DISTINCT ON (r.submission_id, r.index) r.door, r.source, r.outcome,
             date_trunc('hour', b.received_at, 'UTC') AS hour
      FROM lineage_reading r JOIN lineage_submission b ON b.id = r.submission_id
      ORDER BY r.submission_id, r.index, r.id) sent
GROUP BY 1, 2, 3
"""


class Migration(migrations.Migration):
    dependencies = [
        ("lineage", "0002_rows_stay"),
    ]

    operations = [
        migrations.CreateModel(
            name="Finding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.TextField(
                        choices=[("gap", "Gap"), ("silence", "Silence"), ("unended_run", "Unended Run")],
                        db_collation="C",
                    ),
                ),
                ("door", models.TextField(db_collation="C")),
                ("name", models.TextField(default="")),
                ("subject", models.TextField(db_collation="C", default="")),
                ("low", models.BigIntegerField(default=0)),
                ("high", models.BigIntegerField(default=0)),
                ("since", models.DateTimeField()),
                ("found_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Numbered",
            fields=[
                ("reading_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("stream", models.TextField(db_collation="C")),
                ("event", models.TextField(db_collation="C")),
                ("name", models.TextField()),
                ("sequence", models.TextField(db_collation="C")),
                ("sequence_type", models.TextField(db_collation="C", default="")),
                ("number", models.BigIntegerField(null=True)),
                ("known_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="NumberRange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("low", models.BigIntegerField()),
                ("high", models.BigIntegerField()),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Refusal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("door", models.TextField(db_collation="C")),
                ("name", models.TextField(default="")),
                ("status", models.SmallIntegerField()),
                ("code", models.TextField(db_collation="C")),
                ("count", models.BigIntegerField()),
                ("last_at", models.DateTimeField()),
                ("on_record", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="SourceHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("door", models.TextField(db_collation="C")),
                ("name", models.TextField()),
                ("hour", models.DateTimeField()),
                ("accepted", models.BigIntegerField(default=0)),
                ("repeated", models.BigIntegerField(default=0)),
                ("quarantined", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Stream",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("source", models.TextField(db_collation="C", unique=True)),
                ("declared", models.BigIntegerField(default=0)),
                ("assumed", models.BigIntegerField(default=0)),
                ("uncounted", models.BigIntegerField(default=0)),
                ("first_text", models.TextField(db_collation="C", null=True)),
                ("last_text", models.TextField(db_collation="C", null=True)),
                ("first_known", models.DateTimeField()),
                ("last_known", models.DateTimeField()),
                ("low", models.BigIntegerField(null=True)),
                ("high", models.BigIntegerField(null=True)),
                ("received", models.BigIntegerField(default=0)),
                ("missing", models.DecimalField(decimal_places=0, default=0, max_digits=30)),
                ("folded", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="StreamSender",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.TextField()),
                ("events", models.BigIntegerField()),
            ],
        ),
        migrations.AddIndex(
            model_name="nodestate",
            index=models.Index(
                condition=models.Q(
                    ("ended_at", None), ("kind", "run"), models.Q(("state", ""), _negated=True)
                ),
                fields=["began_at"],
                name="state_run_not_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(fields=["kind", "subject", "low"], name="finding_of_subject"),
        ),
        migrations.AddIndex(
            model_name="finding",
            index=models.Index(fields=["door", "name", "kind", "since"], name="finding_of_source"),
        ),
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("kind", "door", "name", "subject", "low"),
                name="finding_stands_once",
            ),
        ),
        migrations.AddIndex(
            model_name="refusal",
            index=models.Index(fields=["hour"], name="refusals_by_hour"),
        ),
        migrations.AddIndex(
            model_name="refusal",
            index=models.Index(
                condition=models.Q(("on_record__lt", models.F("count"))),
                fields=["hour"],
                name="refusals_not_on_record",
            ),
        ),
        migrations.AddConstraint(
            model_name="refusal",
            constraint=models.UniqueConstraint(
                fields=("door", "name", "hour", "status", "code"), name="refusals_of_hour"
            ),
        ),
        migrations.AddConstraint(
            model_name="sourcehour",
            constraint=models.UniqueConstraint(fields=("door", "name", "hour"), name="source_hour"),
        ),
        migrations.AddIndex(
            model_name="stream",
            index=models.Index(models.OrderBy(models.F("folded"), descending=True), name="stream_folded"),
        ),
        migrations.AddField(
            model_name="numberrange",
            name="stream",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="lineage.stream",
            ),
        ),
        migrations.AddField(
            model_name="streamsender",
            name="stream",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="senders",
                to="lineage.stream",
            ),
        ),
        migrations.AddConstraint(
            model_name="numberrange",
            constraint=models.UniqueConstraint(fields=("stream", "low"), name="range_of_stream"),
        ),
        migrations.AddIndex(
            model_name="streamsender",
            index=models.Index(fields=["stream"], name="sender_of_stream"),
        ),
        migrations.AddConstraint(
            model_name="streamsender",
            constraint=models.UniqueConstraint(fields=("name", "stream"), name="stream_sender"),
        ),
        migrations.RunSQL(GUARD, "DROP TRIGGER rows_stay ON lineage_numbered;"),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
