import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="LogKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.TextField(unique=True)),
                ("since", models.DateTimeField()),
                ("former_until", models.DateTimeField(null=True)),
                (
                    "entry",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="governance.entry",
                    ),
                ),
                (
                    "log",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="governance.log",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(
            """CREATE TRIGGER rows_stay BEFORE UPDATE OR DELETE ON governance_logkey
               FOR EACH STATEMENT EXECUTE FUNCTION governance_rows_stay()""",
            "DROP TRIGGER rows_stay ON governance_logkey",
        ),
    ]
