"""The audit log: one row for every act, the tree over them, and what was signed of it.

Rows of entries, places, keys and cosignatures are added and never changed; tiles grow at the right edge of
the tree. `governance_waiting`, the queue of the sequencer, is made in the migration and has no model.
"""

import json
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from factory.kit.background import Work
from factory.kit.ids import new_id
from governance.audit.tlog.notes import VerifierKey


class Outcome(models.TextChoices):
    SUCCESS = "success", "Done"
    DENIED = "denied", "Refused"
    FAILED = "failed", "Failed"


class Entry(models.Model):
    """One act: a leaf of the log. The database refuses to change or delete a row.

    `leaf` is what is proved; the other columns repeat of it what is searched by.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: When it happened, and when it was put on record.
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    #: `user`, `token`, `source`, `console`, `system` or `anonymous`, and its id.
    actor_type = models.TextField()
    actor_id = models.TextField(blank=True)
    #: `subject.verb`
    action = models.TextField()
    #: Node keys; `kind:id` for what is no node.
    targets = ArrayField(models.TextField(), default=list, blank=True)
    outcome = models.TextField(choices=Outcome)
    #: RFC 8785 canonical JSON (see `leaf.py`).
    leaf = models.BinaryField()
    #: What the leaf names by digest only because it is too long: a JSON object.
    apart = models.BinaryField(null=True)

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
            GinIndex(fields=["targets"], name="entry_by_target"),
            # What was refused or failed is rare, and looked for.
            models.Index("outcome", F("id").desc(), condition=~Q(outcome="success"), name="entry_not_done"),
        ]

    def __str__(self) -> str:
        return f"{self.occurred_at:%Y-%m-%d %H:%M:%S} {self.action}"

    @cached_property
    def said(self) -> dict[str, Any]:
        """What the leaf says, with what it names by digest (members: `governance.audit.leaf.Act`)."""
        said: dict[str, Any] = json.loads(bytes(self.leaf))
        return said | json.loads(bytes(self.apart)) if self.apart else said

    @property
    def reason(self) -> str:
        return self.said.get("reason", "")

    @property
    def detail(self) -> dict[str, Any]:
        return self.said.get("detail", {})


class Log(models.Model):
    """One log: a tree that grows. The newest is the current one; it may cite the one that it follows.

    `cites` is `{"origin", "size", "root": base64}` of the older log's last known checkpoint.
    """

    id = models.SmallAutoField(primary_key=True)
    origin = models.TextField(unique=True)
    began_at = models.DateTimeField()
    cites = models.JSONField(null=True)

    def __str__(self) -> str:
        return self.origin


class LogKey(models.Model):
    """A key that a log is signed with from `since` on, until the next one has taken over.

    The database refuses to change or delete a row. `entry` is the act, which says by whom; None for the
    key that the very first log began with.
    """

    id = models.BigAutoField(primary_key=True)
    log = models.ForeignKey(Log, models.PROTECT, related_name="keys")
    #: The public key, `name+hash+base64` (c2sp.org/signed-note).
    key = models.TextField(unique=True)
    since = models.DateTimeField()
    #: Until when the key before it signs too; None for the key that a log began with.
    former_until = models.DateTimeField(null=True)
    entry = models.OneToOneField(Entry, models.PROTECT, null=True, db_constraint=False)

    def __str__(self) -> str:
        return self.key

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey.parse(self.key)


class Place(models.Model):
    """Where in a log an entry is. Indexes are contiguous from 0."""

    pk = models.CompositePrimaryKey("log_id", "index")
    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    index = models.BigIntegerField()
    entry = models.OneToOneField(Entry, models.PROTECT, db_constraint=False)


class Tile(models.Model):
    """Up to 256 hashes of one level of a log's tree, 32 bytes each (c2sp.org/tlog-tiles).

    The last one of a level grows; its partial tiles are prefixes of it.
    """

    pk = models.CompositePrimaryKey("log_id", "level", "number")
    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    data = models.BinaryField()


class Checkpoint(models.Model):
    """A signed head of a log: `note` is the signed note as it is served, without cosignatures.

    `pulled` is the number of the newest submission of the intake that the log covers.
    """

    id = models.BigAutoField(primary_key=True)
    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField()
    signed_at = models.DateTimeField()
    pulled = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["log", "size"], name="checkpoint_once_a_size")]


class Cosignature(models.Model):
    """A witness's signature line under a checkpoint (c2sp.org/tlog-cosignature), verified when it came."""

    checkpoint = models.ForeignKey(Checkpoint, models.PROTECT, related_name="cosignatures")
    name = models.TextField()
    key_id = models.BinaryField()
    line = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["checkpoint", "name", "key_id"], name="cosignature_once")
        ]


class Timestamp(models.Model):
    """A timestamp token (RFC 3161) over the note of a checkpoint, verified when it came."""

    checkpoint = models.ForeignKey(Checkpoint, models.PROTECT, related_name="timestamps")
    authority = models.TextField()
    token = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["checkpoint", "authority"], name="timestamp_once")]


class SubjectKey(models.Model):
    """The key that one person's data in entries is sealed under. Destroying it destroys the data.

    `digest` is HMAC-SHA256 of the subject under a key of this installation, never a plain hash.
    """

    digest = models.BinaryField(primary_key=True)
    wrapped = models.BinaryField()
    made_at = models.DateTimeField()


class Verification(Work):
    """One verification of a whole log, by the verifier that auditors have; counted in entries.

    `verdict` is `good`, `bad` or `unchecked` once it is finished, `report` the verifier's as JSON.
    """

    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    verdict = models.TextField(default="")
    report = models.JSONField(default=dict)
