"""Verifications of the log, as they are asked for and come out."""

import django.db.models.deletion
from django.db import migrations, models

import factory.kit.ids


class Migration(migrations.Migration):
    dependencies = [("governance", "0002_log_key")]

    operations = [
        migrations.CreateModel(
            name="Verification",
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
                ("verdict", models.TextField(default="")),
                ("report", models.JSONField(default=dict)),
                (
                    "log",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="governance.log"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("finished_at", None)),
                        fields=["alive_at"],
                        name="verification_unfinished",
                    )
                ],
            },
        ),
    ]
