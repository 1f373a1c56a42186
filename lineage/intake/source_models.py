"""What is known of how complete the sources are: their numbers, their silences, what was refused.

`Numbered` is a fact, added with its reading. `Stream`, `StreamSender` and `NumberRange` are folded from
it (see `numbering`) and can be dropped and made again. `Finding` and `Refusal` are what the log tells of.
"""

from django.db import models
from django.db.models import F, Q

from lineage.entities.models import BYTES


class SourceHour(models.Model):
    """A source's counts of one hour by Plumbline's clock; kept up as those of `Source` are."""

    door = models.TextField(db_collation=BYTES)
    name = models.TextField()
    #: The hour's beginning, in UTC.
    hour = models.DateTimeField()
    accepted = models.BigIntegerField(default=0)
    repeated = models.BigIntegerField(default=0)
    quarantined = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["door", "name", "hour"], name="source_hour")]


class Numbered(models.Model):
    """A fact: the number that an accepted event carries among those of its CloudEvents source."""

    reading_id = models.BigIntegerField(primary_key=True)
    #: The CloudEvents attributes `source` and `id`.
    stream = models.TextField(db_collation=BYTES)
    event = models.TextField(db_collation=BYTES)
    #: The source (token) that sent it.
    name = models.TextField()
    sequence = models.TextField(db_collation=BYTES)
    sequence_type = models.TextField(default="", db_collation=BYTES)
    #: The place that it says; None where it can be ordered but not counted.
    number = models.BigIntegerField(null=True)
    known_at = models.DateTimeField()


class Stream(models.Model):
    """The numbered events of one CloudEvents source, each event counted once.

    `declared` events carry `sequencetype` Integer, `assumed` ones a whole number and no type,
    `uncounted` ones something that can only be ordered.
    """

    source = models.TextField(unique=True, db_collation=BYTES)
    declared = models.BigIntegerField(default=0)
    assumed = models.BigIntegerField(default=0)
    uncounted = models.BigIntegerField(default=0)
    #: The first and last `sequence` of those that can only be ordered.
    first_text = models.TextField(null=True, db_collation=BYTES)
    last_text = models.TextField(null=True, db_collation=BYTES)
    first_known = models.DateTimeField()
    last_known = models.DateTimeField()
    #: The lowest and highest number, how many different ones came, how many between them are missing.
    low = models.BigIntegerField(null=True)
    high = models.BigIntegerField(null=True)
    received = models.BigIntegerField(default=0)
    missing = models.DecimalField(max_digits=30, decimal_places=0, default=0)
    #: The newest reading that is folded in.
    folded = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(F("folded").desc(), name="stream_folded")]


class StreamSender(models.Model):
    """Which source (token) sent how many numbered events of a stream."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="senders", db_index=False)
    name = models.TextField()
    events = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "stream"], name="stream_sender")]
        indexes = [models.Index(fields=["stream"], name="sender_of_stream")]


class NumberRange(models.Model):
    """Numbers of a stream that all came, as long as can be: between two ranges lies a gap."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="+", db_index=False)
    low = models.BigIntegerField()
    high = models.BigIntegerField()
    #: When the first of them was known.
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "low"], name="range_of_stream")]


class Kind(models.TextChoices):
    GAP = "gap"
    SILENCE = "silence"
    UNENDED_RUN = "unended_run"


class Finding(models.Model):
    """Something that is missing, put on record once when it was found and once when it was over.

    `subject` is the CloudEvents source of a gap. `since` is when a gap could first be known, a silent
    source's last push, the last event of a run.
    """

    kind = models.TextField(choices=Kind.choices, db_collation=BYTES)
    door = models.TextField(db_collation=BYTES)
    #: The source (token); empty for a gap, whose stream may have several senders.
    name = models.TextField(default="")
    subject = models.TextField(default="", db_collation=BYTES)
    #: The first and the last number of a gap; `low` of a run is its node.
    low = models.BigIntegerField(default=0)
    high = models.BigIntegerField(default=0)
    since = models.DateTimeField()
    found_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "door", "name", "subject", "low"],
                condition=Q(ended_at=None),
                name="finding_stands_once",
            )
        ]
        indexes = [
            models.Index(fields=["kind", "subject", "low"], name="finding_of_subject"),
            models.Index(fields=["door", "name", "kind", "since"], name="finding_of_source"),
        ]


class Refusal(models.Model):
    """How many pushes a door refused in an hour before it kept anything of them, by who, status and code.

    Nothing that a stranger can choose is part of the key, so strangers can't add rows.
    """

    #: The hour's beginning, in UTC.
    hour = models.DateTimeField()
    door = models.TextField(db_collation=BYTES)
    #: The source whose token was recognised; empty where there was none.
    name = models.TextField(default="")
    status = models.SmallIntegerField()
    code = models.TextField(db_collation=BYTES)
    count = models.BigIntegerField()
    last_at = models.DateTimeField()
    #: How many of them the log tells of.
    on_record = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["door", "name", "hour", "status", "code"], name="refusals_of_hour"
            )
        ]
        indexes = [
            models.Index(fields=["hour"], name="refusals_by_hour"),
            models.Index(
                fields=["hour"], name="refusals_not_on_record", condition=Q(on_record__lt=F("count"))
            ),
        ]
