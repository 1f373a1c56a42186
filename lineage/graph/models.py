"""How nodes belong together.

`ClaimFact` is what sources assert and `EdgeFact` what Plumbline concluded from it, and when: both
are only ever added. `Edge` is derived from `EdgeFact` and is what traces walk.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from lineage.entities.models import BYTES, Node

FLOW_KINDS = ("read", "wrote", "trained", "derived", "succeeds", "serves", "uses", "answered")


def node_key(related_name: str = "+") -> "models.ForeignKey[Node, Node]":
    """A reference to a node: indexed where a named query needs it, never checked row by row."""
    return models.ForeignKey(
        Node, models.PROTECT, db_constraint=False, db_index=False, related_name=related_name
    )


class ClaimFact(models.Model):
    """A fact: one relation as one reading asserts it (see `graph.assertions.Claim`).

    `entity` is the node as the source named it, without version; `version` the version that the
    source named, or the empty string.
    """

    reading_id = models.BigIntegerField()
    actor = node_key()
    kind = models.TextField(db_collation=BYTES)
    entity = node_key()
    version = models.TextField(db_collation=BYTES, default="")
    at = models.DateTimeField()
    basis = models.TextField(db_collation=BYTES)
    asserter = models.TextField()
    detail = models.JSONField(null=True)

    class Meta:
        indexes = [
            # all that an actor claims, and the evidence of an edge
            models.Index(fields=["actor", "kind", "entity", "version"], name="claim_of_actor"),
            # everything that names a dataset, when two names turn out to be one
            models.Index(fields=["entity"], name="claim_on_entity"),
            # what a reading claimed: readings lie in the table in the order of their ids
            BrinIndex(fields=["reading_id"], name="claim_of_reading", pages_per_range=16, autosummarize=True),
        ]


class Link(models.Model):
    """The columns that an edge has as a fact and as current state.

    `source` and `target` are nodes of the canonical names, with versions bound; data flowed from
    source to target. `actor` and `entity` lead to the claims that are the edge's evidence.
    `valid_from`..`valid_to` is when it was true, `known_at` when Plumbline knew.
    """

    source = node_key()
    target = node_key()
    kind = models.TextField(db_collation=BYTES)
    basis = models.TextField(db_collation=BYTES)
    actor = node_key()
    entity = node_key()
    #: The moment at which an inferred version had to be current.
    as_of = models.DateTimeField(null=True)
    valid_from = models.DateTimeField(null=True)
    valid_to = models.DateTimeField(null=True)
    detail = models.JSONField(null=True)

    class Meta:
        abstract = True


class EdgeFact(Link):
    """A fact: Plumbline concluded an edge, or gave up the one that `closes` names."""

    known_at = models.DateTimeField()
    closes = models.BigIntegerField(null=True)
    reader = models.TextField()


class Edge(Link):
    """An edge as traces walk it; `id` is its fact's."""

    id = models.BigIntegerField(primary_key=True)
    known_from = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)
    #: It replaced an earlier answer to the same question.
    mended = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["target", "kind"], name="edge_upstream"),
            models.Index(fields=["source", "kind"], name="edge_downstream"),
            # what stands about an actor, to compare with what should
            models.Index(fields=["actor"], name="edge_of_actor", condition=models.Q(superseded_at=None)),
            # versions that nobody named, but whose checks failed
            models.Index(
                fields=["entity"],
                name="edge_failed_checks",
                condition=models.Q(basis="inferred", detail__has_key="assertions_failed"),
            ),
            # what is in production
            models.Index(
                fields=["target"],
                name="edge_serving",
                condition=models.Q(kind="serves", superseded_at=None),
            ),
            # what a newly known version takes over
            models.Index(
                fields=["entity", "as_of"],
                name="edge_inferred",
                condition=models.Q(superseded_at=None, as_of__isnull=False),
            ),
        ]
