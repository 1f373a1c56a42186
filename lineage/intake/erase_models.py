"""Which events tell of which person, and what was erased."""

import uuid

from django.db import models
from django.db.models import Func

#: The code of a reading of an event that was erased: the event is never read again.
ERASED = "erased"


class Mention(models.Model):
    """That an event names somebody, or an outcome: by a keyed digest, so that only who knows the name finds
    the event. Goes with the event's data when they are erased.

    `about` is `factory.kit.sealing.digest` of `subject:<the sender's subject digest>` or of a node's key.
    """

    pk = models.CompositePrimaryKey("about", "submission_id", "index")
    about = models.BinaryField()
    submission_id = models.UUIDField()
    index = models.IntegerField()
    #: An outcome is not a person: whoever is erased takes the outcomes along that were about them.
    is_outcome = models.BooleanField()

    class Meta:
        indexes = [models.Index(fields=["submission_id", "index"], name="mention_of_event")]


class Erased(models.Model):
    """A fact: something of the record was erased. Written by the database itself (`lineage_erase`), which
    changes rows of the record in no other way.

    `erasure` is the act's id and `by` who did it; `what` counts rows and lists submissions and nodes.
    """

    id = models.BigAutoField(primary_key=True)
    erasure = models.UUIDField(default=uuid.uuid4, db_index=True)
    at = models.DateTimeField(db_default=Func(function="now"), db_index=True)
    by = models.TextField()
    what = models.JSONField()
