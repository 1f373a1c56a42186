"""The audit trail: one row for every act and every judgement, added and never changed."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from factory.kit.ids import new_id

#: The revision of the fields below, kept with each entry so that old ones stay readable.
SCHEMA_VERSION = 1


class Entry(models.Model):
    """One act. The database refuses to change or delete a row (see the first migration)."""

    class Outcome(models.TextChoices):
        SUCCESS = "success", "Done"
        DENIED = "denied", "Refused"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    schema_version = models.SmallIntegerField(default=SCHEMA_VERSION)
    #: When it happened, and when the row was written (the statement that wrote the row).
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    #: `user`, `token`, `console`, `system` or `anonymous`, and its id.
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=200, blank=True)
    on_behalf_of = models.CharField(max_length=200, blank=True)
    #: How the actor proved who they are: `password`, `session`, `token`, or empty.
    authentication = models.CharField(max_length=40, blank=True)

    #: `subject.verb`
    action = models.CharField(max_length=100)
    #: Node keys; `kind:id` for what is no node.
    targets = ArrayField(models.TextField(), default=list, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome)
    reason = models.TextField(blank=True)
    policy_id = models.CharField(max_length=200, blank=True)
    policy_revision = models.CharField(max_length=100, blank=True)

    source_address = models.GenericIPAddressField(null=True, blank=True)
    #: The service that the act came through: `web`, or empty where it came through none.
    source_service = models.CharField(max_length=100, blank=True)
    request_id = models.CharField(max_length=100, blank=True)
    trace_id = models.CharField(max_length=64, blank=True)

    #: SHA-256 of what was acted upon, as it was and as it became; 32 bytes each.
    digest_before = models.BinaryField(max_length=32, null=True)
    digest_after = models.BinaryField(max_length=32, null=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(action__regex=r"^[a-z_]+\.[a-z_]+$"), name="entry_action_is_subject_verb"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["success", "denied", "failed"]), name="entry_outcome_is_known"
            ),
        ]
        indexes = [
            # UUIDv7 is ordered by time, so the id alone pages newest first.
            models.Index("action", F("id").desc(), name="entry_by_action"),
            models.Index("actor_type", "actor_id", F("id").desc(), name="entry_by_actor"),
            models.Index(F("occurred_at").desc(), F("id").desc(), name="entry_by_time"),
            GinIndex(fields=["targets"], name="entry_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.occurred_at:%Y-%m-%d %H:%M:%S} {self.action}"
