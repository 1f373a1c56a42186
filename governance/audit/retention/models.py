"""How long what is kept is kept: classes with lengths, holds, and what was pruned upon which snapshot."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from factory.kit.background import Work
from factory.kit.ids import new_id
from governance.audit.models import Log


def _texts() -> "ArrayField[list[str], list[str]]":
    return ArrayField(models.TextField(), default=list, blank=True)


def _person() -> "models.ForeignKey[models.Model | None, models.Model | None]":
    return models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")


class RetentionClass(models.Model):
    """A kind of entries, and how long they are kept from the day on which they were put on record.

    An entry belongs to every class that has a pattern for it, and is kept for the longest of their
    lengths; what no class claims belongs to the one that has `rest`. Patterns are exact, or end in `*`.
    An entry belongs by its `actions`; that of a submission also by its door, source and event types, of
    which those that are given must all agree, an empty one with everything.
    """

    id = models.SmallAutoField(primary_key=True)
    name = models.TextField(unique=True)
    #: None is for ever.
    months = models.PositiveSmallIntegerField(null=True)
    #: What the source asks for at least, in months, and where it is written.
    least_months = models.PositiveSmallIntegerField(null=True)
    basis = models.TextField()
    #: Why it is shorter than the source asks for.
    shorter_because = models.TextField(blank=True)
    actions = _texts()
    doors = _texts()
    sources = _texts()
    event_types = _texts()
    rest = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rest"], condition=Q(rest=True), name="retention_one_rest"),
            models.CheckConstraint(condition=~Q(months=0), name="retention_length_is_not_zero"),
            models.CheckConstraint(
                condition=Q(months=None)
                | Q(least_months=None)
                | Q(months__gte=F("least_months"))
                | ~Q(shorter_because=""),
                name="retention_shorter_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(rest=False) | Q(actions=[], doors=[], sources=[], event_types=[]),
                name="retention_rest_has_no_patterns",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Scope(models.TextChoices):
    EVERYTHING = "everything", "Everything"
    NODE = "node", "One node"
    SOURCE = "source", "One source"
    TIME = "time", "A time range"


class Hold(models.Model):
    """A legal hold: while it stands, nothing in its scope is pruned or erased.

    `node` is a node key; a dataset, model or agent stands for all its versions. The time range
    [begins_at, ends_at) is of what happened or was put on record in it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.TextField(choices=Scope)
    node = models.TextField(blank=True)
    source = models.TextField(blank=True)
    begins_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    reason = models.TextField()
    placed_at = models.DateTimeField()
    placed_by = _person()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = _person()
    lifted_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="hold_has_a_reason"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None, lifted_because="")
                | Q(lifted_at__isnull=False) & ~Q(lifted_because=""),
                name="hold_lifted_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(scope="everything", node="", source="", begins_at=None, ends_at=None)
                | Q(scope="node", source="", begins_at=None, ends_at=None) & ~Q(node="")
                | Q(scope="source", node="", begins_at=None, ends_at=None) & ~Q(source="")
                | Q(scope="time", node="", source="", begins_at__lt=F("ends_at")),
                name="hold_says_its_scope",
            ),
        ]
        indexes = [models.Index(fields=["placed_at"], name="hold_standing", condition=Q(lifted_at=None))]

    def __str__(self) -> str:
        match self.scope:
            case Scope.NODE:
                return self.node
            case Scope.SOURCE:
                return f"the source {self.source}"
            case Scope.TIME:
                return f"{self.begins_at:%Y-%m-%d %H:%M} to {self.ends_at:%Y-%m-%d %H:%M} UTC"
        return "everything"


class Snapshot(models.Model):
    """The derived state at one moment: a file of fact rows, and the signed note that vouches for it.

    `manifest` is canonical JSON with the digest of every table; `note` is signed by the log's key and
    names the manifest's SHA-256. The file is `snapshot.path_of(id)`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    log = models.ForeignKey(Log, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    manifest = models.BinaryField()
    note = models.TextField()
    #: Of the file, in bytes.
    size = models.BigIntegerField()


class Stage(models.TextChoices):
    PLANNING = "planning", "Looking for the first entry that is kept"
    SNAPSHOT = "snapshot", "Making the snapshot"
    PUBLISHING = "publishing", "Waiting for the log to say so in public"
    DELETING = "deleting", "Deleting"
    DONE = "done", "Done"


class Pruning(Work):
    """One pruning, or a trial that only says what would go; counted in entries.

    Its stage is here, so that whoever finds it unfinished goes on where it stopped. Entries with
    indexes in [`first_index`, `minimum_index`) go.
    """

    log = models.ForeignKey(Log, models.PROTECT, related_name="+")
    trial = models.BooleanField(default=False)
    stage = models.TextField(choices=Stage, default=Stage.PLANNING)
    #: As of when lengths are counted; set when it begins.
    counted_at = models.DateTimeField(null=True)
    first_index = models.BigIntegerField(null=True)
    minimum_index = models.BigIntegerField(null=True)
    #: What keeps the entry at which pruning ends, in words.
    kept_by = models.TextField(default="")
    snapshot = models.ForeignKey(Snapshot, models.PROTECT, null=True, related_name="+")
    #: The entry `log.pruned`.
    entry_id = models.UUIDField(null=True)

    class Meta(Work.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["trial"], condition=Q(finished_at=None), name="pruning_one_at_a_time"
            ),
        ]


class Tally(models.Model):
    """How many entries of one kind were put on record in a month, so that pages needn't count.

    `event_types` are those of the events in a submission, one a line, in order.
    """

    log = models.ForeignKey(Log, models.PROTECT, db_index=False, related_name="+")
    month = models.DateField()
    action = models.TextField()
    door = models.TextField()
    source = models.TextField()
    event_types = models.TextField()
    entries = models.BigIntegerField()
    #: Of leaves, and of bodies as they are kept.
    size = models.BigIntegerField()
    first_index = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["log", "month", "action", "door", "source", "event_types"], name="tally_of_kind"
            )
        ]


class Tallied(models.Model):
    """Up to which index a log's entries are in the tally."""

    log = models.OneToOneField(Log, models.PROTECT, primary_key=True, related_name="+")
    size = models.BigIntegerField(default=0)
    at = models.DateTimeField()
