"""What came in: bodies as received, and every reading of them. Rows are added and stay."""

from django.db import models
from django.db.models import Func, Q, Value

from factory.kit.background import Work
from factory.kit.ids import new_id
from lineage.entities.models import BYTES


class Source(models.Model):
    """Who pushes: one row for each door and name of a token, with counts that the health page shows.

    Derived from submissions and readings; kept up in the same transaction.
    """

    door = models.TextField(db_collation=BYTES)
    name = models.TextField()
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    accepted = models.BigIntegerField(default=0)
    repeated = models.BigIntegerField(default=0)
    quarantined = models.BigIntegerField(default=0)
    #: The longest pause between pushes, in seconds, counting half after a week.
    longest_pause = models.FloatField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["door", "name"], name="source_name")]


class PeriodKey(models.Model):
    """The key of a month, wrapped by the installation's key. Destroying it destroys the month's bodies."""

    period = models.DateField(unique=True)
    wrapped = models.BinaryField()


class Submission(models.Model):
    """One request's body as it was received, encrypted, with the SHA-256 of the clear bytes."""

    id = models.UUIDField(primary_key=True, default=new_id)
    #: Given by the database while the writer has its turn, so that it follows the order of commits.
    number = models.BigIntegerField(
        unique=True, editable=False, db_default=Func(Value("lineage_submission_number"), function="nextval")
    )
    door = models.TextField(db_collation=BYTES)
    source = models.TextField()
    received_at = models.DateTimeField()
    content_type = models.TextField(default="")
    #: HTTP headers that the reading depends on (CloudEvents binary mode).
    headers = models.JSONField(default=dict)
    sha256 = models.BinaryField()
    size = models.BigIntegerField()
    batch = models.BooleanField(default=False)
    body = models.BinaryField()

    class Meta:
        indexes = [
            models.Index("door", "source", models.F("received_at").desc(), name="submission_of_source"),
        ]


class BodyKey(models.Model):
    """The key of one submission's body, wrapped by its period's key. Destroying it destroys the body."""

    submission = models.OneToOneField(Submission, models.PROTECT, primary_key=True, db_constraint=False)
    period = models.ForeignKey(PeriodKey, models.PROTECT, db_constraint=False, db_index=False)
    wrapped = models.BinaryField()


class Outcome(models.TextChoices):
    ACCEPTED = "accepted"
    REPEATED = "repeated"
    QUARANTINED = "quarantined"


class Reading(models.Model):
    """A fact: what became of one event of a submission when one revision of a reader read it.

    `known_at` is the transaction's moment on the known clock: it follows the order of commits.
    An event that is read again gets a further row; its newest row is what stands.
    """

    submission = models.ForeignKey(Submission, models.PROTECT, db_constraint=False, db_index=False)
    index = models.IntegerField()
    door = models.TextField(db_collation=BYTES)
    source = models.TextField()
    outcome = models.TextField(choices=Outcome.choices, db_collation=BYTES)
    code = models.TextField(default="", db_collation=BYTES)
    reason = models.TextField(default="")
    pointer = models.TextField(default="")
    reader = models.TextField(db_collation=BYTES)
    event_type = models.TextField(default="")
    event_time = models.DateTimeField(null=True)
    producer = models.TextField(default="")
    #: CloudEvents (source, id).
    identity_source = models.TextField(null=True, db_collation=BYTES)
    identity_id = models.TextField(null=True, db_collation=BYTES)
    digest = models.BinaryField(null=True)
    #: CloudEvents (source, id) of the event that this one takes back.
    retracts_source = models.TextField(null=True, db_collation=BYTES)
    retracts_id = models.TextField(null=True, db_collation=BYTES)
    known_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["submission", "index"], name="reading_of_submission"),
            # has this very body been read before?
            models.Index(fields=["digest"], name="reading_digest", condition=Q(outcome="accepted")),
            models.Index(
                fields=["identity_source", "identity_id"],
                name="reading_identity",
                condition=Q(identity_id__isnull=False, outcome="accepted"),
            ),
            models.Index(
                fields=["retracts_source", "retracts_id"],
                name="reading_retraction",
                condition=Q(retracts_id__isnull=False, outcome="accepted"),
            ),
            models.Index(
                fields=["door", "source", "id"], name="reading_quarantine", condition=Q(outcome="quarantined")
            ),
            models.Index(fields=["known_at"], name="reading_known"),
        ]


class Replay(Work):
    """One asking to read bodies again; its work is counted in submissions."""

    door = models.TextField(default="")
    source = models.TextField(default="")
    code = models.TextField(default="")
    counts = models.JSONField(default=dict)
