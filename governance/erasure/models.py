"""What was asked to be erased, on what ground, and what came of it."""

from django.db import models
from django.db.models import Q

from factory.kit.background import Work


class Ground(models.TextChoices):
    """Why: the cases of GDPR Art. 17(1), and what lies outside of them."""

    NO_LONGER_NEEDED = "no_longer_needed", "No longer needed for its purpose (GDPR Art. 17(1)(a))"
    CONSENT_WITHDRAWN = "consent_withdrawn", "Consent was withdrawn (Art. 17(1)(b))"
    OBJECTION = "objection", "The person objects (Art. 17(1)(c))"
    UNLAWFUL = "unlawful", "Processed unlawfully (Art. 17(1)(d))"
    LEGAL_DUTY = "legal_duty", "The law demands it (Art. 17(1)(e))"
    SENT_BY_MISTAKE = "sent_by_mistake", "Sent by mistake"
    RESTORED = "restored", "Erased before, and brought back by a restored backup"


class Erasure(Work):
    """One erasure; its work is counted in events.

    `target` names who or what without telling (see `target.Target`). `note` is what the officer wrote,
    sealed under their own key. `counts` is of `erase.Counts` and of `account.Removed`.
    """

    target = models.TextField()
    #: Only what was received until then.
    upto = models.DateTimeField()
    ground = models.TextField(choices=Ground)
    note = models.JSONField(null=True)
    counts = models.JSONField(default=dict)
    #: The entry `subject.erased`.
    entry_id = models.UUIDField(null=True)

    class Meta(Work.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["target"], condition=Q(finished_at=None), name="erasure_once_at_a_time"
            ),
        ]
        indexes = [
            *Work.Meta.indexes,
            models.Index(fields=["target"], name="erasure_of_target"),
        ]

    def __str__(self) -> str:
        return self.target
