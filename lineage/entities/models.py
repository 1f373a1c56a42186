"""What exists, and what was said about it.

`Node` and `Statement` are the record: rows are added and stay. `NodeState` is derived from them and
can be dropped and made again (`manage.py rebuild`).
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from lineage.entities.keys import KINDS, NodeKey

#: Keys are compared byte by byte: quicker than by a locale, and the same on every machine.
BYTES = "C"


class Node(models.Model):
    """The dictionary of node keys: one row for every name that was ever mentioned."""

    kind = models.TextField(db_collation=BYTES)
    namespace = models.TextField(db_collation=BYTES)
    name = models.TextField(db_collation=BYTES)
    version = models.TextField(db_collation=BYTES, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "namespace", "name", "version"], name="node_key"),
            models.CheckConstraint(condition=models.Q(kind__in=KINDS), name="node_kind"),
        ]

    def __str__(self) -> str:
        return str(self.key)

    @property
    def key(self) -> NodeKey:
        return NodeKey(self.kind, self.namespace, self.name, self.version)


class Statement(models.Model):
    """A fact: what one reading says about one node, at the event's time.

    `body` is JSON `{"facets": {name: value}, "attributes": {name: value}}` as bytes, so that facets
    stay as they came (jsonb refuses NUL and respells numbers).
    """

    reading_id = models.BigIntegerField()
    node = models.ForeignKey(Node, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    at = models.DateTimeField()
    asserter = models.TextField()
    body = models.BinaryField()

    class Meta:
        indexes = [
            # everything said about a node, in event time: its history, and folding it anew
            models.Index(fields=["node", "at"], name="statement_of_node"),
            # what a reading said: readings lie in the table in the order of their ids
            BrinIndex(
                fields=["reading_id"], name="statement_of_reading", pages_per_range=16, autosummarize=True
            ),
        ]


class NodeState(models.Model):
    """What stands about a node now: the fold of its statements (see `entities.fold`).

    A node that is another name of a node (a symlink, a model's dataset) has `canonical` set and
    nothing else: all that is said of either name is folded into the canonical node.

    `began_at` and `ended_at` mean, by kind: a version's coming into being and its dropping; a run's
    start and end; an incident's opening and closing. `entity` is the dataset, model or agent of a
    version, and the job of a run.
    """

    node = models.OneToOneField(
        Node, models.PROTECT, primary_key=True, db_constraint=False, related_name="state_row"
    )
    canonical = models.ForeignKey(
        Node, models.PROTECT, db_constraint=False, db_index=False, null=True, related_name="other_names"
    )
    entity = models.ForeignKey(
        Node, models.PROTECT, db_constraint=False, db_index=False, null=True, related_name="+"
    )
    kind = models.TextField(db_collation=BYTES)
    namespace = models.TextField(db_collation=BYTES)
    name = models.TextField(db_collation=BYTES)
    version = models.TextField(db_collation=BYTES, default="")

    title = models.TextField(default="")
    department = models.TextField(default="")
    classification = models.TextField(default="")
    state = models.TextField(default="")
    owners = ArrayField(models.TextField(), default=list)
    tags = ArrayField(models.TextField(), default=list)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    inferred = models.BooleanField(default=False)
    conflicting = models.BooleanField(default=False)
    #: {name: value}: the attributes that stand.
    attributes = models.JSONField(default=dict)
    #: The mergeable state that the columns are projected from (see `entities.fold.Fold`).
    fold = models.BinaryField()
    first_known = models.DateTimeField()
    last_known = models.DateTimeField()
    search = SearchVectorField(null=True)

    class Meta:
        indexes = [
            # the newest version valid at a moment; the newest runs of a job
            models.Index(
                "entity", models.F("began_at").desc(), models.F("version").desc(), name="state_of_entity"
            ),
            # the other names of a node; an index over all the rest too would tempt the planner
            models.Index(
                fields=["canonical"], name="state_other_names", condition=models.Q(canonical__isnull=False)
            ),
            # runs that have begun and not ended
            models.Index(
                fields=["began_at"],
                name="state_run_not_ended",
                condition=models.Q(kind="run", ended_at=None) & ~models.Q(state=""),
            ),
            # inventory: one kind, by name or by news
            models.Index(fields=["kind", "namespace", "name", "version"], name="state_by_name"),
            models.Index("kind", models.F("last_known").desc(), "node", name="state_by_news"),
            models.Index(
                fields=["kind", "department"], name="state_by_department", condition=~models.Q(department="")
            ),
            # prefix search over names of any kind
            models.Index(fields=["name"], name="state_by_prefix", condition=~models.Q(kind="run")),
            GinIndex(fields=["search"], name="state_search", condition=models.Q(search__isnull=False)),
            GinIndex(fields=["tags"], name="state_tags", condition=~models.Q(tags=[])),
            GinIndex(fields=["owners"], name="state_owners", condition=~models.Q(owners=[])),
        ]

    def __str__(self) -> str:
        return str(self.key)

    @property
    def key(self) -> NodeKey:
        return NodeKey(self.kind, self.namespace, self.name, self.version)


class Retracted(models.Model):
    """A reading that no longer stands, because its source took the event back.

    Derived from the readings; statements and claims of these readings are left out everywhere.
    """

    reading_id = models.BigIntegerField(primary_key=True)
    by_reading_id = models.BigIntegerField()
    known_at = models.DateTimeField()
